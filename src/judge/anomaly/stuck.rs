//! Stuck sensor: over a span of time the value stays within a band narrower than any that a living sensor keeps to (QARTOD,
//! flat line).
//!
//! * By time, never across a gap, and only while the machine runs; what moves is alive also while it stands.
//! * The band is the range of all values within the span. `band` itself is not below `band`.
//! * The highest and lowest values that still matter are kept as two falling and rising rows. They are short for a value that
//!   stays and bounded for any: where they grow too long, two neighbours become one that lasts as long as the later. The
//!   range can only be overestimated by that, so that no sensor is called stuck which is not.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::learning::{Limit, Natural};
use super::{Flag, Moment, Sign, What, elapsed_s};
use crate::record::Timestamp;

/// Below any difference of two values: only what is exactly the same is flat.
pub const SAME: f64 = f64::MIN_POSITIVE;
/// Entries in each row of extremes.
const EXTREMES_MAX: usize = 24;
/// What was learnt is not believed below this, nor below so many usual pauses.
const LEARNT_AFTER_MIN_S: f64 = 60.0;
const LEARNT_PAUSES_MIN: f64 = 10.0;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Settings {
    /// Spans of suspicion and failure, in seconds.
    pub after: Limit,
    pub band: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stuck {
    /// Since then there was neither gap nor stop.
    since: Option<Timestamp>,
    /// When a value was last outside of the band of those that followed.
    moved: Option<Timestamp>,
    last: Option<(Timestamp, f64)>,
    highs: Extremes,
    lows: Extremes,
    pub natural: Natural,
}

impl Stuck {
    pub fn take(&mut self, settings: &Settings, moment: &Moment, value: f64) -> Option<Sign> {
        let at = moment.at;
        let before = self.last.replace((at, value));
        if moment.is_standing() {
            self.begin_anew(None);
            let has_moved = before.is_some_and(|(_, before)| (value - before).abs() >= settings.band);
            return has_moved.then(|| alive(at, value));
        }
        if moment.is_after_gap || self.since.is_none() {
            self.begin_anew(Some(at));
        }
        self.add(at, value, settings.band);
        let for_s = elapsed_s(self.moved.max(self.since)?, at);
        let (mut suspect_s, mut fail_s) = self.natural.limit(&settings.after, at, for_s)?;
        if let Limit::Learnt { .. } = settings.after {
            let least_s = LEARNT_AFTER_MIN_S.max(LEARNT_PAUSES_MIN * moment.usual_s.unwrap_or(0.0));
            suspect_s = suspect_s.max(least_s);
            fail_s = Some(2.0 * suspect_s);
        }
        let is_flat = |span_s: f64| self.is_flat(before.map(|(then, _)| then), at, span_s);
        let flag = match (is_flat(suspect_s), fail_s.is_some_and(is_flat)) {
            (_, true) => Flag::Fail,
            (true, false) => Flag::Suspect,
            (false, false) => Flag::Good,
        };
        Some(Sign {
            at,
            flag,
            badness: for_s / suspect_s,
            what: What::Stuck {
                value,
                for_s,
                after_s: suspect_s,
            },
        })
    }

    /// Whether the whole span was observed, with more than this value in it, and nothing in it moved.
    fn is_flat(&self, before: Option<Timestamp>, at: Timestamp, span_s: f64) -> bool {
        let reaches_back = |then: Option<Timestamp>| then.is_some_and(|then| elapsed_s(then, at) >= span_s);
        let has_company = before.is_some_and(|before| elapsed_s(before, at) <= span_s);
        let has_moved = self.moved.is_some_and(|moved| elapsed_s(moved, at) <= span_s);
        reaches_back(self.since) && has_company && !has_moved
    }

    fn add(&mut self, at: Timestamp, value: f64, band: f64) {
        self.highs.add(at, value, |kept| kept <= value);
        self.lows.add(at, value, |kept| kept >= value);
        while let (Some(high), Some(low)) = (self.highs.first(), self.lows.first())
            && high.1 - low.1 >= band
        {
            let older = if high.0 <= low.0 {
                &mut self.highs
            } else {
                &mut self.lows
            };
            self.moved = older.0.pop_front().map(|(moved, _)| moved);
        }
    }

    /// What comes next does not continue what was before.
    pub fn interrupt(&mut self) {
        self.begin_anew(None);
    }

    fn begin_anew(&mut self, since: Option<Timestamp>) {
        self.since = since;
        self.moved = None;
        self.highs.0.clear();
        self.lows.0.clear();
    }
}

fn alive(at: Timestamp, value: f64) -> Sign {
    Sign {
        at,
        flag: Flag::Good,
        badness: 0.0,
        what: What::Stuck {
            value,
            for_s: 0.0,
            after_s: 0.0,
        },
    }
}

/// The extremes of one kind, the oldest and most extreme first, each with the last time it was reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Extremes(VecDeque<(Timestamp, f64)>);

impl Extremes {
    fn first(&self) -> Option<(Timestamp, f64)> {
        self.0.front().copied()
    }

    fn add(&mut self, at: Timestamp, value: f64, is_passed: impl Fn(f64) -> bool) {
        while self.0.back().is_some_and(|(_, kept)| is_passed(*kept)) {
            self.0.pop_back();
        }
        self.0.push_back((at, value));
        if self.0.len() > EXTREMES_MAX {
            self.merge_closest();
        }
    }

    fn merge_closest(&mut self) {
        let gap = |first: usize| (self.0[first].1 - self.0[first + 1].1).abs();
        let closest = (0..self.0.len() - 1).min_by(|a, b| gap(*a).total_cmp(&gap(*b)));
        if let Some(first) = closest
            && let Some((later, _)) = self.0.remove(first + 1)
        {
            self.0[first].0 = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn settings(band: f64) -> Settings {
        Settings {
            after: Limit::Given {
                suspect: 3.0,
                fail: Some(6.0),
            },
            band,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn moment(second: i64) -> Moment<'static> {
        Moment::of(at(second))
    }

    fn flags(band: f64, values: &[f64]) -> Vec<Flag> {
        let mut stuck = Stuck::default();
        let each = values.iter().zip(0..).map(|(value, second)| {
            let sign = stuck.take(&settings(band), &moment(second), *value);
            sign.expect("a limit is given").flag
        });
        each.collect()
    }

    /// What QARTOD says, from the definition: the range of all values within the span.
    fn by_definition(band: f64, values: &[f64]) -> Vec<Flag> {
        let is_flat = |nth: usize, span: usize| {
            nth >= span && {
                let within = &values[nth - span..=nth];
                let high = within.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let low = within.iter().copied().fold(f64::INFINITY, f64::min);
                high - low < band
            }
        };
        let flag = |nth| match (is_flat(nth, 3), is_flat(nth, 6)) {
            (_, true) => Flag::Fail,
            (true, _) => Flag::Suspect,
            _ => Flag::Good,
        };
        (0..values.len()).map(flag).collect()
    }

    #[test]
    fn a_flat_line_is_suspect_and_then_fails() {
        let values = [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.5, 2.5];
        let flags = flags(SAME, &values);
        let good = |nth: usize| flags[nth] == Flag::Good;
        assert!((0..4).all(good) && (8..10).all(good), "{flags:?}");
        assert_eq!(&flags[4..8], [Flag::Suspect, Flag::Suspect, Flag::Suspect, Flag::Fail]);
    }

    #[test]
    fn a_standing_machine_or_a_gap_is_no_flat_line() {
        let mut stuck = Stuck::default();
        let settings = settings(SAME);
        for second in 0..100 {
            let (is_running, is_after_gap) = (second >= 50, second == 53);
            let moment = Moment {
                is_after_gap,
                is_running: Some(is_running),
                ..moment(second)
            };
            let flag = stuck.take(&settings, &moment, 7.0).map(|sign| sign.flag);
            match second {
                0..50 => assert_eq!(flag, None, "{second}"),
                50..56 => assert_eq!(flag, Some(Flag::Good), "{second}"),
                _ => assert!(flag > Some(Flag::Good), "{second}"),
            }
        }
        let standing = Moment {
            is_running: Some(false),
            ..moment(100)
        };
        assert_eq!(stuck.take(&settings, &standing, 7.0), None, "it may still be stuck");
        let moved = stuck.take(&settings, &standing, 8.0).map(|sign| sign.flag);
        assert_eq!(moved, Some(Flag::Good));
    }

    #[test]
    fn how_long_is_too_long_is_learnt() {
        let settings = Settings {
            after: Limit::Learnt { for_s: 600.0 },
            band: SAME,
        };
        let mut stuck = Stuck::default();
        let mut flag = |second: i64, value: f64| {
            let moment = Moment {
                usual_s: Some(1.0),
                ..moment(second)
            };
            stuck.take(&settings, &moment, value).map(|sign| sign.flag)
        };
        // Every 30 s another value: nothing lasts longer than 31 s between two that differ.
        for second in 0..=600 {
            assert_eq!(
                flag(second, f64::from(i32::try_from(second / 30 % 2).expect("small"))),
                None
            );
        }
        assert_eq!(flag(630, 5.0), Some(Flag::Good));
        // Something else was last seen at 600 s; three times as long as the longest is 90 s.
        let first = (631..900).find(|second| flag(*second, 5.0) > Some(Flag::Good));
        assert_eq!(first, Some(691));
    }

    proptest! {
        #[test]
        fn flags_are_those_of_the_definition(
            band in prop::sample::select(vec![SAME, 0.0, 0.5, 1.5, 3.0]),
            steps in prop::collection::vec(-2_i32..=2, 1..200),
        ) {
            let mut value = 0;
            let walk = steps.iter().map(|step| { value += step; f64::from(value) });
            let values: Vec<f64> = walk.collect();
            prop_assert_eq!(flags(band, &values), by_definition(band, &values));
        }

        #[test]
        fn a_long_row_of_extremes_never_invents_a_flat_line(
            band in 0.1..30.0_f64,
            values in prop::collection::vec(-20.0..20.0_f64, 1..300),
        ) {
            let mut stuck = Stuck::default();
            let settings = Settings { after: Limit::Given { suspect: 100.0, fail: None }, band };
            for (nth, value) in values.iter().enumerate() {
                let second = i64::try_from(nth).expect("few");
                let sign = stuck.take(&settings, &moment(second), *value).expect("a limit is given");
                prop_assert!(stuck.highs.0.len() <= EXTREMES_MAX && stuck.lows.0.len() <= EXTREMES_MAX);
                if sign.flag > Flag::Good {
                    let within = &values[nth - 100..=nth];
                    let high = within.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let low = within.iter().copied().fold(f64::INFINITY, f64::min);
                    prop_assert!(high - low < band);
                }
            }
        }
    }
}
