//! What is shown of many things of one kind, each with the number of its last change: who follows asks for what has changed
//! since a number, and is given copies of that alone.
//!
//! Numbers are taken with the shelf's lock held. So whoever notes [`Changes::count`] first and then looks at the shelves
//! finds every change up to that number.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Counts changes, and wakes the one who waits for them.
#[derive(Debug, Default)]
pub struct Changes {
    count: AtomicU64,
    news: Notify,
}

impl Changes {
    pub fn note(&self) -> u64 {
        let number = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        self.news.notify_one();
        number
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Until something has changed since this was last awaited.
    pub async fn next(&self) {
        self.news.notified().await;
    }
}

#[derive(Debug)]
struct Shown<T> {
    changed: u64,
    view: T,
}

#[derive(Debug)]
pub struct Shelf<K, T>(Mutex<BTreeMap<K, Shown<T>>>);

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone, T> Shelf<K, T> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Shown<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn put<Q>(&self, key: &Q, view: T, changes: &Changes)
    where
        K: Borrow<Q> + for<'a> From<&'a Q>,
        Q: Ord + ?Sized,
    {
        let mut all = self.lock();
        let changed = changes.note();
        let shown = Shown { changed, view };
        match all.get_mut(key) {
            Some(place) => *place = shown,
            None => drop(all.insert(K::from(key), shown)),
        }
    }

    pub fn keep(&self, is_kept: impl Fn(&K) -> bool, changes: &Changes) {
        let mut all = self.lock();
        let before = all.len();
        all.retain(|key, _| is_kept(key));
        if all.len() < before {
            changes.note();
        }
    }

    /// Looks at each whose key lies in this range and that has changed since.
    pub fn look<R>(&self, from: &K, is_in: impl Fn(&K) -> bool, since: u64, see: impl Fn(&K, &T) -> R) -> Vec<R> {
        let all = self.lock();
        let range = all.range(from.clone()..).take_while(|(key, _)| is_in(key));
        let changed = range.filter(|(_, shown)| shown.changed > since);
        changed.map(|(key, shown)| see(key, &shown.view)).collect()
    }

    pub fn get<Q>(&self, key: &Q) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        T: Clone,
    {
        self.lock().get(key).map(|shown| shown.view.clone())
    }

    pub fn since(&self, number: u64) -> Vec<(K, T)>
    where
        T: Clone,
    {
        let all = self.lock();
        let changed = all.iter().filter(|(_, shown)| shown.changed > number);
        changed.map(|(key, shown)| (key.clone(), shown.view.clone())).collect()
    }

    pub fn all(&self) -> BTreeMap<K, T>
    where
        T: Clone,
    {
        let all = self.lock();
        all.iter()
            .map(|(key, shown)| (key.clone(), shown.view.clone()))
            .collect()
    }
}

impl<K: Ord + Clone, T: Default> Shelf<K, T> {
    /// Changes what is shown, in place.
    pub fn update(&self, key: &K, change: impl FnOnce(&mut T), changes: &Changes) {
        let mut all = self.lock();
        let changed = changes.note();
        let shown = match all.get_mut(key) {
            Some(shown) => shown,
            None => all.entry(key.clone()).or_insert_with(|| Shown {
                changed,
                view: T::default(),
            }),
        };
        shown.changed = changed;
        change(&mut shown.view);
    }
}
