//! Which level follows which: a table of transitions between five levels of the value. A step that was hardly ever taken
//! from here is surprising, also where both levels are common.

use serde::{Deserialize, Serialize};

const LEVELS: usize = 5;
/// Where the levels meet, in standard deviations from the mean: each holds a fifth of a normal distribution.
const BOUNDS_SD: [f64; LEVELS - 1] = [-0.8416, -0.2533, 0.2533, 0.8416];
/// What every transition is credited with before it was seen.
const PRIOR: f64 = 0.5;
/// The same for all steps from one level.
const PRIOR_ALL: f64 = 2.5;
/// After so many steps from a level its table is half believed.
const BELIEF_SAMPLES: f64 = 5.0;
/// Beyond so many steps from one level all are halved: what was long ago fades.
const STEPS_MAX: f64 = 20_000.0;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Pattern {
    steps: [[f64; LEVELS]; LEVELS],
    level: usize,
}

impl Pattern {
    /// The surprise about the step to this value, as a negative decimal logarithm.
    pub fn take(&mut self, deviation_sd: f64) -> f64 {
        let level = BOUNDS_SD.iter().filter(|bound| deviation_sd >= **bound).count();
        let from = std::mem::replace(&mut self.level, level);
        let Some(row) = self.steps.get_mut(from) else {
            return 0.0;
        };
        let seen: f64 = row.iter().sum();
        let probability = (row[level] + PRIOR) / (seen + PRIOR_ALL);
        row[level] += 1.0;
        if seen >= STEPS_MAX {
            *row = row.map(|steps| steps / 2.0);
        }
        -probability.log10() * seen / (seen + BELIEF_SAMPLES)
    }

    /// After a gap: where the signal is, without a word on how it got there.
    pub fn resume(&mut self, deviation_sd: f64) {
        self.level = BOUNDS_SD.iter().filter(|bound| deviation_sd >= **bound).count();
    }
}
