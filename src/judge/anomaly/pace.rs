//! How often values come, so that a recent mean fades by time and not by rows, and a gap is known for one.

use serde::{Deserialize, Serialize};

use crate::record::Timestamp;

/// The typical interval follows the median: up or down by this with each value.
const FOLLOW: f64 = 1.01;
/// An interval within this of the typical one counts as one step.
const JITTER: f64 = 0.05;
/// After so many steps everything recent has faded.
const STEPS_MAX: f64 = 100.0;
/// What comes later than so many typical intervals does not continue what was before.
const GAP_STEPS: f64 = 5.0;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Pace {
    last: Option<Timestamp>,
    typical_s: f64,
}

/// The time since the value before, in typical intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps(f64);

impl Steps {
    pub fn is_gap(self) -> bool {
        self.0 > GAP_STEPS
    }

    /// What the new value's share of a recent mean is, when it is `share` after one typical interval.
    pub fn share(self, share: f64) -> f64 {
        if (self.0 - 1.0).abs() < JITTER {
            share
        } else {
            1.0 - (1.0 - share).powf(self.0)
        }
    }
}

impl Pace {
    /// None for what is not after the value before. The first value comes after a gap.
    pub fn take(&mut self, at: Timestamp) -> Option<Steps> {
        let Some(last) = self.last else {
            self.last = Some(at);
            return Some(Steps(STEPS_MAX));
        };
        let interval_s = (at - last).as_seconds_f64();
        if interval_s <= 0.0 {
            return None;
        }
        self.last = Some(at);
        let steps = if self.typical_s > 0.0 {
            (interval_s / self.typical_s).min(STEPS_MAX)
        } else {
            1.0
        };
        self.follow(interval_s);
        Some(Steps(steps))
    }

    /// What comes next does not continue what was before.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    fn follow(&mut self, interval_s: f64) {
        let off = interval_s / self.typical_s;
        self.typical_s = if self.typical_s == 0.0 || (1.0 / FOLLOW..=FOLLOW).contains(&off) {
            interval_s
        } else if off > 1.0 {
            self.typical_s * FOLLOW
        } else {
            self.typical_s / FOLLOW
        };
    }
}
