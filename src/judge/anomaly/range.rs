//! Range: a value outside of where it belongs is suspect; outside of where it can be at all, something has failed (QARTOD,
//! gross range). Without a range in the settings it is learnt as where the value was, with half of that on either side.

use serde::{Deserialize, Serialize};

use super::learning::{Limit, Natural};
use super::{Flag, Sign, What};
use crate::record::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Span {
    pub low: f64,
    pub high: f64,
}

impl Span {
    fn holds(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    fn width(self) -> f64 {
        self.high - self.low
    }

    /// With so much of its width added on either side.
    fn widened(self, by: f64) -> Self {
        let margin = self.width() * by;
        Self {
            low: self.low - margin,
            high: self.high + margin,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Settings {
    Given { suspect: Span, fail: Option<Span> },
    Learnt { for_s: f64 },
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    seen: Option<Span>,
    /// Learns when to stop; the amount that it remembers is the width.
    natural: Natural,
}

impl Range {
    pub fn take(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Sign> {
        let (suspect, fail) = match *settings {
            Settings::Given { suspect, fail } => (suspect, fail),
            Settings::Learnt { for_s } => self.learnt(at, value, for_s)?,
        };
        // What is told is the end that was passed.
        let (flag, passed) = match fail.filter(|fail| !fail.holds(value)) {
            Some(fail) => (Flag::Fail, fail),
            None if suspect.holds(value) => (Flag::Good, suspect),
            None => (Flag::Suspect, suspect),
        };
        Some(Sign {
            at,
            flag,
            badness: badness(suspect, value),
            what: What::Range {
                value,
                low: passed.low,
                high: passed.high,
            },
        })
    }

    fn learnt(&mut self, at: Timestamp, value: f64, for_s: f64) -> Option<(Span, Option<Span>)> {
        let seen = self.seen.unwrap_or(Span {
            low: value,
            high: value,
        });
        let with_this = Span {
            low: seen.low.min(value),
            high: seen.high.max(value),
        };
        if self
            .natural
            .limit(&Limit::Learnt { for_s }, at, with_this.width())
            .is_none()
        {
            self.seen = Some(with_this);
            return None;
        }
        Some((seen.widened(0.5), Some(seen.widened(1.0))))
    }

    pub fn goes_on_from(&mut self, now: Timestamp) {
        self.natural.goes_on_from(now);
    }

    pub fn is_learning(&self, settings: &Settings) -> bool {
        match *settings {
            Settings::Given { .. } => false,
            Settings::Learnt { for_s } => self.natural.is_learning(&Limit::Learnt { for_s }),
        }
    }
}

/// 1 at either end, less inside and more outside, by the width of the range. Where one end is open, by the distance to the other.
fn badness(span: Span, value: f64) -> f64 {
    let outside = (span.low - value).max(value - span.high);
    let width = span.width();
    let scale = if width.is_finite() && width > 0.0 {
        width
    } else {
        [span.low.abs(), span.high.abs()]
            .into_iter()
            .filter(|end| end.is_finite() && *end > 0.0)
            .fold(1.0, f64::max)
    };
    (1.0 + outside / scale).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn flag(range: &mut Range, settings: &Settings, minute: i64, value: f64) -> Option<Flag> {
        let at = Timestamp::UNIX_EPOCH + TimeDelta::minutes(minute);
        range.take(settings, at, value).map(|sign| sign.flag)
    }

    #[test]
    fn ends_belong_to_the_range() {
        let given = Settings::Given {
            suspect: Span { low: 5.0, high: 90.0 },
            fail: Some(Span { low: 0.0, high: 100.0 }),
        };
        let values = [5.0, 90.0, 4.9, 90.1, 0.0, 100.1, -0.1];
        let flags = values.map(|value| flag(&mut Range::default(), &given, 0, value));
        let (good, suspect, fail) = (Some(Flag::Good), Some(Flag::Suspect), Some(Flag::Fail));
        assert_eq!(flags, [good, good, suspect, suspect, suspect, fail, fail]);
    }

    #[test]
    fn the_end_that_was_passed_is_told() {
        let given = Settings::Given {
            suspect: Span { low: 5.0, high: 90.0 },
            fail: Some(Span { low: 0.0, high: 120.0 }),
        };
        let told = [100.0, 130.0].map(|value| {
            let sign = Range::default().take(&given, Timestamp::UNIX_EPOCH, value);
            match sign.expect("a sign").what {
                What::Range { high, .. } => high.to_string(),
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(told, ["90", "120"]);
    }

    #[test]
    fn how_bad_it_is_grows_with_the_distance() {
        let both = Span { low: 0.0, high: 10.0 };
        let values = [5.0, 10.0, 12.0, -5.0];
        let tenths = |span, value| (badness(span, value) * 10.0).round().to_string();
        assert_eq!(values.map(|value| tenths(both, value)), ["5", "10", "12", "15"]);
        let above = Span {
            low: f64::NEG_INFINITY,
            high: 80.0,
        };
        assert_eq!([40.0, 80.0, 120.0].map(|value| tenths(above, value)), ["5", "10", "15"]);
    }

    #[test]
    fn a_range_is_learnt_with_room_on_either_side() {
        let learnt = Settings::Learnt { for_s: 3600.0 };
        let mut range = Range::default();
        for minute in 0..200 {
            let value = 20.0 + f64::from(i32::from(minute % 2 == 0)) * 10.0;
            assert_eq!(flag(&mut range, &learnt, minute, value), None);
        }
        assert!(!range.is_learning(&learnt));
        let flags = [15.0, 35.0, 14.0, 9.0].map(|value| flag(&mut range, &learnt, 300, value));
        assert_eq!(
            flags,
            [
                Some(Flag::Good),
                Some(Flag::Good),
                Some(Flag::Suspect),
                Some(Flag::Fail)
            ]
        );
    }
}
