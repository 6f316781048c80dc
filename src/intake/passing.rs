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
}
