//! Where a point should lie: its centre and its standard error, from which every limit and zone follows.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Line {
    pub center: f64,
    /// The standard error of what is plotted: sigma over the root of n for a mean of n values.
    pub se: f64,
    /// What is plotted cannot lie below and above this, and so neither can a limit.
    pub floor: f64,
    pub ceiling: f64,
}

impl Line {
    pub fn new(center: f64, se: f64) -> Self {
        Self {
            center,
            se,
            floor: f64::NEG_INFINITY,
            ceiling: f64::INFINITY,
        }
    }

    #[must_use]
    pub fn within(self, floor: f64, ceiling: f64) -> Self {
        Self { floor, ceiling, ..self }
    }

    pub fn upper(self, width: f64) -> f64 {
        (self.center + width * self.se).min(self.ceiling)
    }

    pub fn lower(self, width: f64) -> f64 {
        (self.center - width * self.se).max(self.floor)
    }
}
