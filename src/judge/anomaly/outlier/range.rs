//! Everything that was ever seen, from lowest to highest.

use serde::{Deserialize, Serialize};

/// A value must leave the range by this share of it; slow records, such as the warmest day so far, are none.
const OVERSHOOT_MIN: f64 = 0.05;
/// One absurd value must not blind the range for ever: it shrinks towards the mean at this pace.
const MEMORY_SAMPLES: f64 = 1e6;
/// Two values make a range.
const SAMPLES_MIN: u32 = 2;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Range {
    samples: u32,
    low: f64,
    high: f64,
}

impl Range {
    /// How far the value lies outside, as a share of the range: from 0 to 1, where 1 is a whole range or more.
    pub fn take(&mut self, value: f64, mean: f64) -> f64 {
        if self.samples == 0 {
            (self.low, self.high) = (value, value);
        }
        let width = self.high - self.low;
        let outside = (value - self.high).max(self.low - value);
        let is_out = self.samples >= SAMPLES_MIN && outside > OVERSHOOT_MIN * width;
        self.samples = (self.samples + 1).min(SAMPLES_MIN);
        self.low = (self.low + (mean - self.low).max(0.0) / MEMORY_SAMPLES).min(value);
        self.high = (self.high - (self.high - mean).max(0.0) / MEMORY_SAMPLES).max(value);
        match is_out {
            true if width > 0.0 => (outside / width).min(1.0),
            true => 1.0,
            false => 0.0,
        }
    }
}
