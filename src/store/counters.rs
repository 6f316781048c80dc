//! What the store has done since it started, for `/metrics`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::{Answer, OutcomeStatus};

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
pub struct Counters {
    pub batches: Counter,
    pub failed: Counter,
    accepted: Counter,
    duplicate: Counter,
    rejected: Counter,
    retry: Counter,
}

impl Counters {
    pub fn count(&self, answer: &Answer) {
        self.batches.add(1);
        self.accepted.add(answer.accepted);
        self.duplicate.add(answer.duplicate);
        for outcome in &answer.results {
            match outcome.status {
                OutcomeStatus::Rejected => self.rejected.add(1),
                OutcomeStatus::Retry => self.retry.add(1),
                OutcomeStatus::Accepted => {}
            }
        }
    }

    /// The Prometheus text format.
    pub fn exposition(&self) -> String {
        let rows = [
            ("batches_total", "Batches answered", &self.batches),
            (
                "batches_failed_total",
                "Batches that found the database away",
                &self.failed,
            ),
            ("messages_accepted_total", "Messages that took effect", &self.accepted),
            (
                "messages_duplicate_total",
                "Messages that had taken effect before",
                &self.duplicate,
            ),
            (
                "messages_rejected_total",
                "Messages that can never take effect as they are",
                &self.rejected,
            ),
            ("messages_retry_total", "Messages handed back for later", &self.retry),
        ];
        let mut text = String::new();
        for (name, help, counter) in rows {
            let value = counter.0.load(Ordering::Relaxed);
            writeln!(text, "# HELP lineside_store_{name} {help}.\n# TYPE lineside_store_{name} counter\nlineside_store_{name} {value}")
                .expect("writing to a string cannot fail");
        }
        text
    }
}
