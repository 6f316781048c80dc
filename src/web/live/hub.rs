//! The one task that looks at the status for all viewers: it builds what has changed once, numbers it, and encodes it once.
//!
//! While nobody looks it does nothing. What changes is on its way at once, but at most every [`FRAME_EVERY`], and never more
//! often than leaves nine tenths of the time to others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::book::{Book, Place};
use super::seats::Seats;
use super::values;
use crate::reference::Reference;
use crate::web::Window;

const FRAME_EVERY: Duration = Duration::from_millis(100);
/// Counts, and a sign of life.
const BEAT: Duration = Duration::from_secs(1);
/// Looking may take this part of the time.
const SHARE: u32 = 10;
/// Viewers that do not take leave when the gateway stops are not waited for.
const LEAVE_WAIT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    window: Window,
    seen: Mutex<Seen>,
    latest: watch::Sender<Frame>,
    seats: Seats,
    joined: Notify,
    viewers: TaskTracker,
    stop: CancellationToken,
}

struct Seen {
    book: Book,
    changes: u64,
    reference: Option<Arc<Reference>>,
    looked_at: Option<Instant>,
    counted_at: Option<Instant>,
}

/// What changed from one step to another, encoded for all who saw the first.
#[derive(Debug, Clone)]
pub struct Frame {
    pub after: u64,
    pub sequence: u64,
    pub text: Utf8Bytes,
}

impl Hub {
    pub fn new(window: Window, stop: CancellationToken) -> Self {
        let seen = Seen {
            book: Book::new(Uuid::now_v7().to_string()),
            changes: 0,
            reference: None,
            looked_at: None,
            counted_at: None,
        };
        let (latest, _) = watch::channel(Frame {
            after: 0,
            sequence: 0,
            text: Utf8Bytes::default(),
        });
        Self(Arc::new(Inner {
            window,
            seen: Mutex::new(seen),
            latest,
            seats: Seats::default(),
            joined: Notify::new(),
            viewers: TaskTracker::new(),
            stop,
        }))
    }

    /// Looks until the gateway stops, then waits for viewers to leave.
    pub async fn run(self) {
        let stop = self.0.stop.clone();
        stop.run_until_cancelled(self.keep_looking()).await;
        self.0.viewers.close();
        tokio::time::timeout(LEAVE_WAIT, self.0.viewers.wait()).await.ok();
    }

    async fn keep_looking(&self) {
        loop {
            if self.0.latest.receiver_count() == 0 {
                self.0.joined.notified().await;
            }
            let beat = tokio::time::sleep(BEAT);
            tokio::select! {
                () = self.0.window.status.news() => {}
                () = beat => {}
            }
            let started = Instant::now();
            self.seen().look(&self.0.window, &self.0.latest);
            tokio::time::sleep(FRAME_EVERY.max(started.elapsed() * (SHARE - 1))).await;
        }
    }

    pub fn seats(&self) -> &Seats {
        &self.0.seats
    }

    pub fn viewers(&self) -> &TaskTracker {
        &self.0.viewers
    }

    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// From now on this viewer is told what changes; first of all what it missed since it was here.
    pub fn join(&self, was: Option<&Place>) -> (watch::Receiver<Frame>, Frame) {
        let latest = self.0.latest.subscribe();
        self.0.joined.notify_one();
        let mut seen = self.seen();
        // While nobody looked, nothing was looked at.
        if seen.looked_at.is_none_or(|at| at.elapsed() > FRAME_EVERY) {
            seen.look(&self.0.window, &self.0.latest);
        }
        let text = seen.book.since(was, &self.time()).into();
        let sequence = seen.book.sequence();
        let frame = Frame {
            after: sequence,
            sequence,
            text,
        };
        (latest, frame)
    }

    /// For a viewer that was too slow for a frame or more.
    pub fn after(&self, step: u64) -> Frame {
        let seen = self.seen();
        Frame {
            after: step,
            sequence: seen.book.sequence(),
            text: seen.book.after(step, &self.time()).into(),
        }
    }

    fn time(&self) -> String {
        self.0.window.zone.rfc3339(chrono::Utc::now())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Takes in what has changed, and tells it; on the beat also when nothing has.
    fn look(&mut self, window: &Window, latest: &watch::Sender<Frame>) {
        let now = Instant::now();
        let before = self.book.sequence();
        // Noted first: what changes meanwhile is looked at twice rather than not at all.
        let changes = window.status.changes();
        let is_beat = self.counted_at.is_none_or(|at| now - at >= BEAT);
        let reference = window.reference.borrow().clone();
        if changes > self.changes {
            values::changed(window, self.changes, &mut self.book);
            values::alerts(window, &mut self.book);
        }
        if self
            .reference
            .as_ref()
            .is_none_or(|known| !reference.says_the_same(known))
        {
            values::referred(window, &reference, &mut self.book);
            self.reference = Some(reference);
        }
        if is_beat {
            values::counted(window, &mut self.book);
            self.counted_at = Some(now);
        }
        (self.changes, self.looked_at) = (changes, Some(now));
        if self.book.close() || is_beat {
            let time = window.zone.rfc3339(chrono::Utc::now());
            latest.send_replace(Frame {
                after: before,
                sequence: self.book.sequence(),
                text: self.book.after(before, &time).into(),
            });
        }
    }
}
