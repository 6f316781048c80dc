//! A machine's own counter, told as a total that only grows. The register rolls over at its width, and a PLC that is loaded
//! or switched off starts again somewhere else; what was counted before stays counted.
//!
//! * A step is counted if the machine can have made it since the last reading, over the end of the register or not.
//! * What cannot be a step is a new start: from 0 if the machine can have come that far since, and else from anywhere, which
//!   counts nothing. Either is told.
//! * The total begins with what the register holds when it is first read.

use serde::{Deserialize, Serialize};

use crate::record::{CounterDef, Timestamp};

/// Readings come a little early or late.
const JITTER_S: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    pub total: u64,
    /// What the register held last.
    pub raw: u64,
    at: Timestamp,
}

/// What was more to a reading than counting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surprise {
    /// So much time passed that it may have rolled over unseen.
    Blind,
    /// It began again at 0.
    Reset,
    /// It was set to another number, from which it counts on.
    Set,
}

impl Surprise {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "not read for so long that it may have rolled over unseen",
            Self::Reset => "the counter was reset",
            Self::Set => "the counter was set to another number, from which it counts on",
        }
    }
}

impl Counter {
    pub fn starting_at(raw: u64, at: Timestamp) -> Self {
        Self { total: raw, raw, at }
    }

    /// Takes in what the register holds now.
    pub fn count(&mut self, raw: u64, at: Timestamp, def: &CounterDef) -> Option<Surprise> {
        let elapsed_s = (at - self.at).as_seconds_f64().max(0.0);
        let plausible = (def.max_per_second * (elapsed_s + JITTER_S)).ceil();
        let over_the_end = || {
            def.rolls_over_at?
                .checked_sub(self.raw)
                .map(|rest| rest.saturating_add(raw))
        };
        let steps = raw.checked_sub(self.raw).or_else(over_the_end);
        let is_plausible = |steps: &u64| as_f64(*steps) <= plausible;
        let (counted, surprise) = if let Some(steps) = steps.filter(is_plausible) {
            let is_blind = def.rolls_over_at.is_some_and(|end| as_f64(end) <= plausible);
            (steps, is_blind.then_some(Surprise::Blind))
        } else if is_plausible(&raw) {
            (raw, Some(Surprise::Reset))
        } else {
            (0, Some(Surprise::Set))
        };
        *self = Self {
            total: self.total.saturating_add(counted),
            raw,
            at,
        };
        surprise
    }
}

#[expect(clippy::cast_precision_loss, reason = "compared with an estimate")]
fn as_f64(steps: u64) -> f64 {
    steps as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    const DEF: CounterDef = CounterDef {
        rolls_over_at: Some(65_536),
        max_per_second: 5.0,
        scaling: None,
    };

    /// Totals and notes of a register that is read every second.
    fn totals(def: &CounterDef, readings: &[u64]) -> Vec<(u64, bool)> {
        let mut counter: Option<Counter> = None;
        let each = readings.iter().zip(0..).map(|(&raw, second)| {
            let at = Timestamp::UNIX_EPOCH + TimeDelta::seconds(second);
            let surprise = counter.as_mut().and_then(|counter| counter.count(raw, at, def));
            let counter = counter.get_or_insert(Counter::starting_at(raw, at));
            (counter.total, surprise.is_some())
        });
        each.collect()
    }

    #[test]
    fn a_total_outlives_rollovers_and_resets() {
        let read = [65_530, 65_534, 65_534, 3, 7, 0, 2, 40_000, 40_003];
        let expected = [
            (65_530, false),
            (65_534, false),
            (65_534, false),
            (65_539, false),
            (65_543, false),
            (65_543, true),
            (65_545, false),
            (65_545, true),
            (65_548, false),
        ];
        assert_eq!(totals(&DEF, &read), expected);
    }

    #[test]
    fn a_register_that_never_rolls_over_can_only_be_reset() {
        let def = CounterDef {
            rolls_over_at: None,
            ..DEF
        };
        assert_eq!(
            totals(&def, &[u64::MAX - 1, 2]),
            [(u64::MAX - 1, false), (u64::MAX, true)]
        );
    }

    #[test]
    fn slow_machines_count_too() {
        let def = CounterDef {
            max_per_second: 0.01,
            ..DEF
        };
        assert_eq!(totals(&def, &[10, 11]), [(10, false), (11, false)]);
    }

    #[test]
    fn what_may_have_happened_unseen_is_told() {
        let mut counter = Counter::starting_at(100, Timestamp::UNIX_EPOCH);
        let much_later = Timestamp::UNIX_EPOCH + TimeDelta::hours(5);
        assert!(counter.count(200, much_later, &DEF).is_some());
        assert_eq!(counter.total, 200);
        assert_eq!(counter.count(205, much_later + TimeDelta::seconds(1), &DEF), None);
    }

    proptest! {
        #[test]
        fn every_step_of_a_counter_that_rolls_over_is_counted(
            first in 0..10_000_u64,
            steps in prop::collection::vec(0..=10_u64, 1..200),
            end in prop::sample::select(vec![10_000_u64, 65_536, 4_294_967_296]),
        ) {
            let def = CounterDef { rolls_over_at: Some(end), ..DEF };
            let (mut counter, mut at, mut true_total) = (Counter::starting_at(first, Timestamp::UNIX_EPOCH), Timestamp::UNIX_EPOCH, first);
            for step in steps {
                at += TimeDelta::seconds(1);
                true_total += step;
                prop_assert_eq!(counter.count(true_total % end, at, &def), None);
                prop_assert_eq!(counter.total, true_total);
            }
        }

        #[test]
        fn a_total_never_goes_back(readings in prop::collection::vec(any::<u16>(), 1..100)) {
            let readings: Vec<u64> = readings.into_iter().map(u64::from).collect();
            let totals = totals(&DEF, &readings);
            prop_assert!(totals.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        }
    }
}
