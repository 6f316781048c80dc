//! Counter reset: a counter that goes back began again at 0, unless it is known to roll over there. The rule is that of
//! all counters, [`Counter`]. [`Steps`] also gives what was counted, for those checks that look at output.

use serde::{Deserialize, Serialize};

use super::{Flag, Sign, What};
use crate::judge::counter::{Counter, Surprise};
use crate::record::{CounterDef, Timestamp};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    counter: Option<Counter>,
}

/// From one reading of a counter to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub from: u64,
    pub to: u64,
    pub pieces: u64,
    pub surprise: Option<Surprise>,
}

impl Steps {
    pub fn take(&mut self, def: &CounterDef, at: Timestamp, value: f64) -> Option<Step> {
        let to = whole(value)?;
        let Some(counter) = &mut self.counter else {
            self.counter = Some(Counter::starting_at(to, at));
            return None;
        };
        let before = *counter;
        let surprise = counter.count(to, at, def);
        Some(Step {
            from: before.raw,
            to,
            pieces: counter.total.saturating_sub(before.total),
            surprise,
        })
    }

    /// A sign if the counter went back or was set.
    pub fn reset(&mut self, def: &CounterDef, at: Timestamp, value: f64) -> Option<Sign> {
        let step = self.take(def, at, value)?;
        matches!(step.surprise, Some(Surprise::Reset | Surprise::Set)).then_some(Sign {
            at,
            flag: Flag::Suspect,
            badness: 1.0,
            what: What::Reset {
                from: step.from,
                to: step.to,
            },
        })
    }
}

/// A count as what it is. What is no count says nothing.
fn whole(value: f64) -> Option<u64> {
    let is_count = (0.0..9_007_199_254_740_992.0).contains(&value);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be within 2^53"
    )]
    is_count.then_some(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const PLAIN: CounterDef = CounterDef {
        rolls_over_at: None,
        max_per_second: f64::INFINITY,
        scaling: None,
    };

    /// Pieces and resets of a counter that is read every 5 minutes.
    fn counted(def: &CounterDef, values: &[f64]) -> (u64, usize) {
        let (mut steps, mut resets) = (Steps::default(), Steps::default());
        let (mut pieces, mut found) = (0, 0);
        for (value, nth) in values.iter().zip(0..) {
            let at = Timestamp::UNIX_EPOCH + TimeDelta::minutes(5 * nth);
            pieces += steps.take(def, at, *value).map_or(0, |step| step.pieces);
            found += usize::from(resets.reset(def, at, *value).is_some());
        }
        (pieces, found)
    }

    #[test]
    fn a_decrease_is_a_reset_to_zero() {
        assert_eq!(counted(&PLAIN, &[0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0]), (7, 1));
        assert_eq!(
            counted(&PLAIN, &[1.0, 2.0, 3.0, 0.0, 1.0, 0.0, 0.0, 1.0, 2.0, 0.0]),
            (5, 3)
        );
    }

    #[test]
    fn a_declared_rollover_is_none() {
        let def = CounterDef {
            rolls_over_at: Some(65_536),
            max_per_second: 1.0,
            ..PLAIN
        };
        assert_eq!(counted(&def, &[65_500.0, 65_530.0, 10.0, 40.0]), (76, 0));
        assert_eq!(counted(&def, &[30_000.0, 30_010.0, 10.0, 40.0]), (50, 1));
    }

    #[test]
    fn what_is_no_count_says_nothing() {
        assert_eq!(counted(&PLAIN, &[5.0, -1.0, f64::NAN, 6.0]), (1, 0));
    }
}
