//! What the writer takes: a group that reaches the disk whole or not at all.

use super::States;
use crate::record::{Feedback, Receipt, Record};

/// What is written as one step: records, the states that follow from them, and who waits for the disk.
#[derive(Default)]
pub struct Commit {
    pub records: Vec<Record>,
    /// States that follow from reports. An empty value forgets the state of that name.
    pub states: States,
    /// States that follow from telemetry: on disk in one step with it, at no sync of their own. They have names of their
    /// own, too.
    pub telemetry_states: States,
    /// Nobody stands and waits for this: it goes with telemetry, behind what is urgent.
    pub is_patient: bool,
    pub receipts: Vec<(Receipt, Option<Feedback>)>,
    /// Done once the disk has it, before the receipts are answered: what screens may only show then.
    pub afterwards: Vec<Box<dyn FnOnce() + Send>>,
    /// [`super::Buffer::generation`] at the time of judgement. After a refusal, everything judged before is refused too: it
    /// may rest on a state that never reached the disk.
    pub generation: u64,
}

impl std::fmt::Debug for Commit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Commit({} records, {} states)",
            self.records.len(),
            self.states.len() + self.telemetry_states.len()
        )
    }
}

impl Commit {
    pub fn is_empty(&self) -> bool {
        self.changes_nothing() && self.receipts.is_empty() && self.afterwards.is_empty()
    }

    /// An answer alone, in line behind what it was judged by.
    pub(super) fn changes_nothing(&self) -> bool {
        self.records.is_empty() && self.states.is_empty() && self.telemetry_states.is_empty()
    }
}
