//! The streaming outlier detector: one number in, one score between 0 and 1 out, and the term that speaks for it.
//!
//! It never looks ahead and never back further than its state, which is a few KiB whatever it has seen. The same
//! observations give bit for bit the same scores, also when the state was serialized in between (in an encoding that
//! keeps `f64` exactly).

mod tail;

use serde::{Deserialize, Serialize};

use crate::record::Timestamp;
use tail::surprise;

/// A day of samples each half minute; older values are forgotten at this pace.
const MEMORY_SAMPLES: f64 = 8000.0;
/// Before that the detector has nothing to compare with.
const LEARN_SAMPLES: f64 = 50.0;
/// The sum of the terms that is worth a score of one half.
const HALF_SCORE: f64 = 10.0;

/// What the detector makes of one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// From 0, nothing unusual, towards 1.
    pub score: f64,
    /// What contributes most to it.
    pub term: Term,
    /// Where a usual value would have been, from low to high.
    pub expected: Option<(f64, f64)>,
    /// Too little was seen to be sure of anything.
    pub is_learning: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Outside of everything that was ever seen.
    Range,
    /// Far from what is usual, again and again.
    Level,
    /// Far from what is usual at this time of day.
    Season,
    /// The values of the last while are distributed as never before.
    Pattern,
}

/// How much must be seen before it is called an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    Low,
    #[default]
    Normal,
    High,
}

impl Sensitivity {
    /// The score from which on a value is an anomaly.
    pub fn threshold(self) -> f64 {
        match self {
            Self::Low => 0.7,
            Self::Normal => 0.6,
            Self::High => 0.5,
        }
    }
}

/// The detector of one signal: all that it remembers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outlier {
    last: Option<Timestamp>,
    late: u64,
    seen: f64,
    mean: f64,
    variance: f64,
}

impl Outlier {
    pub fn new() -> Self {
        Self::default()
    }

    /// Values that came too late to be judged: not after the one before.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Judges a good value and learns from it. What is late or no number is neither judged nor learnt from.
    pub fn take(&mut self, at: Timestamp, value: f64) -> Score {
        if self.last.is_some_and(|last| at <= last) {
            self.late += 1;
            return self.silent();
        }
        if !value.is_finite() {
            return self.silent();
        }
        self.last = Some(at);
        let deviation_sd = self.variance.sqrt();
        let evidence = if self.seen > 1.0 && deviation_sd > 0.0 {
            surprise((value - self.mean) / deviation_sd)
        } else {
            0.0
        };
        let score = Score {
            score: evidence / (evidence + HALF_SCORE),
            ..self.silent()
        };
        self.seen += 1.0;
        let rate = (1.0 / MEMORY_SAMPLES).max(1.0 / self.seen);
        let step = value - self.mean;
        self.mean += rate * step;
        self.variance = (1.0 - rate) * (self.variance + rate * step * step);
        score
    }

    fn silent(&self) -> Score {
        let spread = 3.0 * self.variance.sqrt();
        Score {
            score: 0.0,
            term: Term::Level,
            expected: (self.seen > 1.0).then_some((self.mean - spread, self.mean + spread)),
            is_learning: self.seen < LEARN_SAMPLES,
        }
    }
}
