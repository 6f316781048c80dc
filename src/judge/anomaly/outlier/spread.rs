//! What is usual of a number: its slow mean and variance, and whether its recent mean is still of them.

use serde::{Deserialize, Serialize};

use super::tail::surprise;

/// Older values fade at this pace; a day of samples every ten seconds.
pub const MEMORY_SAMPLES: f64 = 8000.0;
/// A mean of fewer values says little of the next one.
const SAMPLES_MIN: f64 = 10.0;

/// Mean and variance over everything at first, then over the memory, fading.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    seen: f64,
    mean: f64,
    variance: f64,
}

impl Spread {
    pub fn take(&mut self, value: f64) {
        self.seen = (self.seen + 1.0).min(MEMORY_SAMPLES);
        let step = value - self.mean;
        self.mean += step / self.seen;
        self.variance = (1.0 - 1.0 / self.seen) * (self.variance + step * step / self.seen);
    }

    pub fn seen(&self) -> f64 {
        self.seen
    }

    pub fn mean(&self) -> f64 {
        self.mean
    }

    pub fn sd(&self) -> f64 {
        self.variance.sqrt()
    }

    /// In standard deviations; 0 of something that never varied, which the range looks after.
    pub fn deviation_sd(&self, value: f64) -> f64 {
        if self.variance > 0.0 {
            (value - self.mean) / self.sd()
        } else {
            0.0
        }
    }
}

/// Whether a surprise lasts: its recent mean against what is usual of it. One signal is surprising all the time, another
/// never; this makes them comparable.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Lasting {
    recent: f64,
    usual: Spread,
}

impl Lasting {
    /// `share` of the recent mean is the new surprise; from 0 to `most`.
    pub fn take(&mut self, value: f64, share: f64, most: f64) -> f64 {
        self.recent += share * (value - self.recent);
        let deviation_sd = self.usual.deviation_sd(self.recent);
        let is_more = self.usual.seen() > SAMPLES_MIN && deviation_sd > 0.0;
        self.usual.take(value);
        if is_more { surprise(deviation_sd).min(most) } else { 0.0 }
    }
}
