//! One score per event: only what exceeds everything of the last while speaks, and what a signal does all the time counts
//! for less.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::spread::MEMORY_SAMPLES;

/// What follows a peak within so many values belongs to it.
const EVENT_SAMPLES: usize = 100;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Peak {
    /// Evidence of the last values that a later one may still have to exceed: falling, each with its number.
    recent: VecDeque<(u64, f64)>,
    samples: u64,
    /// The mean evidence, from nothing: a new signal has the benefit of the doubt.
    usual: f64,
}

impl Peak {
    /// The evidence in terms of what is usual, or 0 within an event that was worse.
    pub fn take(&mut self, evidence: f64) -> f64 {
        self.samples += 1;
        while self
            .recent
            .front()
            .is_some_and(|(number, _)| number + (EVENT_SAMPLES as u64) < self.samples)
        {
            self.recent.pop_front();
        }
        let is_peak = self.recent.front().is_none_or(|(_, highest)| evidence > *highest);
        while self.recent.back().is_some_and(|(_, lower)| *lower <= evidence) {
            self.recent.pop_back();
        }
        self.recent.push_back((self.samples, evidence));
        let relative = evidence / (1.0 + self.usual);
        self.usual += (evidence - self.usual) / MEMORY_SAMPLES;
        if is_peak { relative } else { 0.0 }
    }
}
