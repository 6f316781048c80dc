//! How time passes: whether what the clock on the wall shows is what has passed. A clock that is set, by a person or by its
//! time source, or a machine that was asleep, makes hours of a moment; nothing was silent for so long.

use std::time::Instant;

use chrono::TimeDelta;

use crate::record::Timestamp;

/// A clock that is made to run a little faster or slower never comes to so much between two looks.
const SET_BY_MIN: TimeDelta = TimeDelta::milliseconds(500);

#[derive(Debug, Default)]
pub struct Passing {
    seen: Option<(Instant, Timestamp)>,
}

impl Passing {
    /// By how much the clock was set since the last look, if it was.
    pub fn look(&mut self, now: Instant, shown: Timestamp) -> Option<TimeDelta> {
        let (before, shown_before) = self.seen.replace((now, shown))?;
        let passed = TimeDelta::from_std(now.saturating_duration_since(before)).ok()?;
        let set_by = (shown - shown_before) - passed;
        (set_by.abs() >= SET_BY_MIN).then_some(set_by)
    }
}

/// What the clock shows now for a moment that it may have shown before it was set. None lies ahead.
pub fn now_shown_as(at: Timestamp, set_by: Option<TimeDelta>, now: Timestamp) -> Timestamp {
    let moved = at + set_by.unwrap_or_default();
    let was_before = if moved > at { moved <= now } else { at > now };
    let at = if was_before { moved } else { at };
    at.min(now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_from_time_that_passes() {
        let (start, midnight) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let mut passing = Passing::default();
        let mut look = |second: u64, shown_ms: i64| {
            let shown = midnight + TimeDelta::milliseconds(shown_ms);
            passing
                .look(start + Duration::from_secs(second), shown)
                .map(|by| by.num_seconds())
        };
        assert_eq!(look(0, 0), None, "the first look");
        assert_eq!(look(1, 1_004), None, "it is never exact");
        assert_eq!(
            look(3600, 3_600_000),
            None,
            "a disk that was slow for an hour is no clock that was set"
        );
        assert_eq!(look(3601, 3_631_000), Some(30));
        assert_eq!(look(3602, 3_632_000), None, "once");
        assert_eq!(look(3603, 33_000), Some(-3600));
    }

    #[test]
    fn what_was_heard_before_the_clock_was_set_is_moved_and_never_ahead() {
        let at = |second| Timestamp::UNIX_EPOCH + TimeDelta::seconds(second);
        let shown = |second, set_by_s: i64, now| {
            let set_by = (set_by_s != 0).then_some(TimeDelta::seconds(set_by_s));
            now_shown_as(at(second), set_by, at(now)).timestamp()
        };
        assert_eq!([shown(9, 0, 10), shown(11, 0, 10)], [9, 10]);
        assert_eq!([shown(9, 7200, 7210), shown(7209, 7200, 7210)], [7209, 7209], "forward");
        assert_eq!([shown(7209, -7200, 10), shown(9, -7200, 10)], [9, 9], "back");
    }
}
