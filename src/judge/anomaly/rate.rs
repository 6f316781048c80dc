//! Rate of change: how fast a value moves between two observations, per second (QARTOD).
//!
//! Nothing is said of a step over a gap or from a bad value: nobody knows how the value got there.

use serde::{Deserialize, Serialize};

use super::learning::{Limit, Natural};
use super::{Flag, Sign, What, elapsed_s};
use crate::record::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    before: Option<(Timestamp, f64)>,
    pub natural: Natural,
}

impl Rate {
    /// `usual_s` is the usual pause between two values. Two messages can arrive within a millisecond that were measured
    /// half a second apart, so that no pause counts as less than half of it.
    pub fn take(&mut self, limit: &Limit, at: Timestamp, value: f64, usual_s: Option<f64>) -> Option<Sign> {
        let (then, before) = self.before.replace((at, value))?;
        let pause_s = elapsed_s(then, at).max(usual_s.unwrap_or(0.0) / 2.0);
        let per_second = (value - before) / pause_s;
        let (suspect, fail) = self.natural.limit(limit, at, per_second.abs())?;
        Some(Sign {
            at,
            flag: Flag::above(per_second.abs(), suspect, fail),
            badness: per_second.abs() / suspect,
            what: What::Rate {
                per_second,
                max: suspect,
            },
        })
    }

    pub fn interrupt(&mut self) {
        self.before = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const LIMIT: Limit = Limit::Given {
        suspect: 0.3,
        fail: None,
    };

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    #[test]
    fn a_fast_step_is_suspect_in_either_direction() {
        let mut rate = Rate::default();
        let values = [20.0, 20.2, 20.6, 20.4, 19.9, 19.9];
        let flags = values.iter().zip(0..).map(|(value, second)| {
            let sign = rate.take(&LIMIT, at(second * 1000), *value, Some(1.0));
            sign.map(|sign| sign.flag > Flag::Good)
        });
        let expected = [None, Some(false), Some(true), Some(false), Some(true), Some(false)];
        assert_eq!(flags.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn nothing_is_said_of_a_step_over_a_gap() {
        let mut rate = Rate::default();
        rate.take(&LIMIT, at(0), 20.0, None);
        rate.interrupt();
        assert_eq!(rate.take(&LIMIT, at(1000), 90.0, None), None);
    }

    #[test]
    fn values_that_arrive_together_were_not_measured_together() {
        let mut rate = Rate::default();
        rate.take(&LIMIT, at(0), 20.0, Some(2.0));
        let sign = rate.take(&LIMIT, at(1), 20.2, Some(2.0));
        assert_eq!(sign.map(|sign| sign.flag), Some(Flag::Good));
    }
}
