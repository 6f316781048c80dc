//! Spike: a single value far from the middle between its neighbours (QARTOD, method "average"). It shows one observation
//! later, and is told with its own time.

use serde::{Deserialize, Serialize};

use super::learning::{Limit, Natural};
use super::{Flag, Sign, What};
use crate::record::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spike {
    before: Option<f64>,
    middle: Option<(Timestamp, f64)>,
    pub natural: Natural,
}

impl Spike {
    pub fn take(&mut self, limit: &Limit, at: Timestamp, after: f64) -> Option<Sign> {
        let (when, value) = self.middle.replace((at, after))?;
        let before = self.before.replace(value)?;
        let off = value - f64::midpoint(before, after);
        let (suspect, fail) = self.natural.limit(limit, when, off.abs())?;
        Some(Sign {
            at: when,
            flag: Flag::above(off.abs(), suspect, fail),
            badness: off.abs() / suspect,
            what: What::Spike {
                value,
                off,
                max: suspect,
            },
        })
    }

    pub fn interrupt(&mut self) {
        self.before = None;
        self.middle = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_spike_is_told_with_its_own_time() {
        let limit = Limit::Given {
            suspect: 1.0,
            fail: Some(2.0),
        };
        let mut spike = Spike::default();
        let values = [20.0, 20.1, 22.5, 20.2, 20.1, 21.3, 20.2, 23.0, 26.0];
        let mut told = Vec::new();
        for (value, second) in values.iter().zip(0..) {
            let at = Timestamp::UNIX_EPOCH + TimeDelta::seconds(second);
            let sign = spike.take(&limit, at, *value).filter(|sign| sign.flag > Flag::Good);
            told.extend(sign.map(|sign| (sign.at.timestamp(), sign.flag)));
        }
        let (suspect, fail) = (Flag::Suspect, Flag::Fail);
        // Beside a spike its neighbours are off the middle as well.
        assert_eq!(
            told,
            [(1, suspect), (2, fail), (3, suspect), (5, suspect), (6, suspect)]
        );
    }
}
