//! What viewers have been told: the latest value of each key as JSON text, with the number of the step that changed it.
//!
//! * What a viewer missed is every key that changed after the step it saw last: nothing twice, nothing left out, however
//!   long it was away. Values in between are not kept.
//! * Removals are remembered too, the latest [`REMOVALS_MAX`] of them; who was away for longer is told everything anew.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt::Write;

const REMOVALS_MAX: usize = 1000;

/// A step, of one run of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub epoch: String,
    pub sequence: u64,
}

#[derive(Debug)]
pub struct Book {
    epoch: String,
    /// The latest step that is closed.
    sequence: u64,
    entries: BTreeMap<String, Entry>,
    removals: VecDeque<(u64, String)>,
    /// The step of the latest removal that is not remembered any more.
    forgotten: u64,
    /// Something has changed since the latest step.
    is_open: bool,
}

#[derive(Debug)]
struct Entry {
    text: String,
    changed: u64,
}

impl Book {
    pub fn new(epoch: String) -> Self {
        Self {
            epoch,
            sequence: 0,
            entries: BTreeMap::new(),
            removals: VecDeque::new(),
            forgotten: 0,
            is_open: false,
        }
    }

    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What it is known as already is no change.
    pub fn set(&mut self, key: String, text: String) {
        let changed = self.sequence + 1;
        match self.entries.get_mut(&key) {
            Some(entry) if entry.text == text => return,
            Some(entry) => *entry = Entry { text, changed },
            None => {
                self.removals.retain(|(_, removed)| *removed != key);
                self.entries.insert(key, Entry { text, changed });
            }
        }
        self.is_open = true;
    }

    pub fn remove(&mut self, key: &str) {
        let Some((key, _)) = self.entries.remove_entry(key) else {
            return;
        };
        self.removals.push_back((self.sequence + 1, key));
        if self.removals.len() > REMOVALS_MAX
            && let Some((step, _)) = self.removals.pop_front()
        {
            self.forgotten = step;
        }
        self.is_open = true;
    }

    /// Replaces all keys that begin so.
    pub fn replace(&mut self, prefix: &str, values: Vec<(String, String)>) {
        let kept: HashSet<&str> = values.iter().map(|(key, _)| key.as_str()).collect();
        let named = self.entries.range(prefix.to_owned()..);
        let named = named.map(|(key, _)| key).take_while(|key| key.starts_with(prefix));
        let gone: Vec<String> = named.filter(|key| !kept.contains(key.as_str())).cloned().collect();
        for key in gone {
            self.remove(&key);
        }
        for (key, text) in values {
            self.set(key, text);
        }
    }

    /// Ends the step, if anything has changed.
    pub fn close(&mut self) -> bool {
        self.sequence += u64::from(self.is_open);
        std::mem::take(&mut self.is_open)
    }

    /// The frame for a viewer who was told everything up to this step, or nothing yet. Steps are closed then.
    pub fn since(&self, place: Option<&Place>, time: &str) -> String {
        debug_assert!(!self.is_open, "what is not numbered yet would be told twice");
        let is_ours =
            |place: &&Place| place.epoch == self.epoch && (self.forgotten..=self.sequence).contains(&place.sequence);
        match place.filter(is_ours) {
            Some(place) => self.frame(place.sequence, false, time),
            None => self.frame(0, true, time),
        }
    }

    /// The frame for viewers who were told everything up to this step of this run.
    pub fn after(&self, step: u64, time: &str) -> String {
        self.frame(step, step < self.forgotten, time)
    }

    fn frame(&self, after: u64, is_whole: bool, time: &str) -> String {
        let mut text = String::with_capacity(256);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"{{"epoch":"{}","sequence":{},"time":"{time}","#,
            self.epoch, self.sequence
        );
        if is_whole {
            text.push_str(r#""whole":true,"#);
        }
        text.push_str(r#""set":{"#);
        let changed = self
            .entries
            .iter()
            .filter(|(_, entry)| is_whole || entry.changed > after);
        for (nth, (key, entry)) in changed.enumerate() {
            text.push_str(if nth == 0 { "" } else { "," });
            text.push_str(&quoted(key));
            text.push(':');
            text.push_str(&entry.text);
        }
        text.push_str(r#"},"removed":["#);
        let removed = self.removals.iter().filter(|(step, _)| !is_whole && *step > after);
        for (nth, (_, key)) in removed.enumerate() {
            text.push_str(if nth == 0 { "" } else { "," });
            text.push_str(&quoted(key));
        }
        text.push_str("]}");
        text
    }
}

fn quoted(key: &str) -> String {
    serde_json::Value::from(key).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn place(sequence: u64) -> Place {
        Place {
            epoch: "e".to_owned(),
            sequence,
        }
    }

    fn told(book: &Book, after: Option<u64>) -> Value {
        let frame = book.since(after.map(place).as_ref(), "now");
        serde_json::from_str(&frame).expect("a frame is JSON")
    }

    #[test]
    fn a_viewer_is_told_what_changed_since_and_nothing_else() {
        let mut book = Book::new("e".to_owned());
        book.set("a".to_owned(), "1".to_owned());
        book.set("b\"".to_owned(), "2".to_owned());
        assert!(book.close());
        assert_eq!(told(&book, None)["set"], serde_json::json!({"a": 1, "b\"": 2}));
        book.set("a".to_owned(), "1".to_owned());
        assert!(!book.close(), "the same value is no change");
        book.set("a".to_owned(), "3".to_owned());
        book.remove("b\"");
        assert!(book.close());
        let missed = told(&book, Some(1));
        let seen = (
            &missed["sequence"],
            &missed["set"],
            &missed["removed"],
            missed.get("whole"),
        );
        assert_eq!(
            seen,
            (
                &2.into(),
                &serde_json::json!({"a": 3}),
                &serde_json::json!(["b\""]),
                None
            )
        );
        assert_eq!(told(&book, Some(2))["set"], serde_json::json!({}));
    }

    #[test]
    fn who_comes_from_another_run_or_was_away_for_too_long_is_told_everything() {
        let mut book = Book::new("e".to_owned());
        for nth in 0..=REMOVALS_MAX {
            book.set(format!("k{nth}"), "0".to_owned());
            book.close();
            book.remove(&format!("k{nth}"));
            book.close();
        }
        assert_eq!(told(&book, Some(1))["whole"], true, "the first removal is forgotten");
        assert_eq!(told(&book, Some(2)).get("whole"), None);
        assert_eq!(
            told(&book, Some(book.sequence() + 1))["whole"],
            true,
            "a step to come is not ours"
        );
        let other = Place {
            epoch: "x".to_owned(),
            sequence: 2,
        };
        assert!(book.since(Some(&other), "now").contains(r#""whole":true"#));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Set(u8, u8),
        Remove(u8),
        Replace(Vec<(u8, u8)>),
        Close,
        /// This viewer looks.
        Look(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0..6_u8, 0..3_u8).prop_map(|(key, value)| Act::Set(key, value)),
            (0..6_u8).prop_map(Act::Remove),
            prop::collection::vec((0..6_u8, 0..3_u8), 0..6).prop_map(Act::Replace),
            Just(Act::Close),
            (0..3_usize).prop_map(Act::Look),
        ]
    }

    proptest! {
        /// Viewers who look now and then know what is there, as if they had always looked.
        #[test]
        fn viewers_end_with_what_is_there(acts in prop::collection::vec(act(), 0..200)) {
            let mut book = Book::new("e".to_owned());
            let mut viewers = vec![(None, BTreeMap::<String, Value>::new()); 3];
            let key = |key: u8| format!("k/{key}");
            for act in acts.into_iter().chain((0..3).map(Act::Look)) {
                match act {
                    Act::Set(name, value) => book.set(key(name), value.to_string()),
                    Act::Remove(name) => book.remove(&key(name)),
                    Act::Replace(all) => {
                        book.replace("k/", all.into_iter().map(|(name, value)| (key(name), value.to_string())).collect());
                    }
                    Act::Close => drop(book.close()),
                    Act::Look(nth) => {
                        book.close();
                        let (seen, known) = &mut viewers[nth];
                        let frame = told(&book, *seen);
                        if frame.get("whole").is_some() {
                            known.clear();
                        }
                        for (name, value) in frame["set"].as_object().expect("values") {
                            known.insert(name.clone(), value.clone());
                        }
                        for name in frame["removed"].as_array().expect("keys") {
                            known.remove(name.as_str().expect("a key"));
                        }
                        *seen = frame["sequence"].as_u64();
                        let there: BTreeMap<String, Value> =
                            book.entries.iter().map(|(name, entry)| (name.clone(), serde_json::from_str(&entry.text).expect("JSON"))).collect();
                        prop_assert_eq!(&*known, &there);
                    }
                }
            }
        }
    }
}
