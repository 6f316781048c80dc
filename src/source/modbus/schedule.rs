//! When a device is due. Beats keep the phase they started with: a late poll neither shifts the later ones nor is made up
//! for in a burst; what was missed is skipped.

use std::time::Duration;

use tokio::time::Instant;

/// Devices start spread over at most this long, so that a plant full of them is not asked in one instant, and yet the
/// first values of slow ones do not keep the board waiting.
const SPREAD_MAX: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub struct Beat {
    period: Duration,
    due: Instant,
}

impl Beat {
    pub fn starting_at(due: Instant, period: Duration) -> Self {
        // A period of nothing would stand still; the settings allow none, and this must not hang if they ever do.
        Self {
            period: period.max(Duration::from_millis(1)),
            due,
        }
    }

    /// The first beat falls somewhere into the first period.
    pub fn spread_from(now: Instant, period: Duration) -> Self {
        Self::starting_at(now + period.min(SPREAD_MAX).mul_f64(fastrand::f64()), period)
    }

    pub fn due(&self) -> Instant {
        self.due
    }

    /// Moves on to the first beat after `now`, and by one beat at least.
    pub fn advance_past(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.due);
        let since_last_beat_ns = late.as_nanos() % self.period.as_nanos();
        let since_last_beat = Duration::from_nanos(u64::try_from(since_last_beat_ns).unwrap_or(u64::MAX));
        self.due += late.saturating_sub(since_last_beat) + self.period;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_late_poll_leaves_the_phase_alone() {
        let start = Instant::now();
        let mut beat = Beat::starting_at(start, 100 * MS);
        for (now_ms, due_ms) in [(0, 100), (130, 200), (199, 300), (300, 400), (750, 800), (800, 900)] {
            beat.advance_past(start + now_ms * MS);
            assert_eq!(beat.due() - start, due_ms * MS, "at {now_ms} ms");
        }
    }

    #[test]
    fn a_pause_ends_on_a_beat() {
        let start = Instant::now();
        let mut beat = Beat::starting_at(start, 100 * MS);
        beat.advance_past(start + 5042 * MS);
        assert_eq!(beat.due() - start, 5100 * MS);
    }

    #[test]
    fn first_beats_fall_into_the_first_period() {
        let now = Instant::now();
        for _ in 0..100 {
            assert!(Beat::spread_from(now, 20 * MS).due() - now <= 20 * MS);
            assert!(Beat::spread_from(now, 3_600_000 * MS).due() - now <= SPREAD_MAX);
        }
    }

    proptest! {
        #[test]
        fn beats_never_drift_and_never_come_twice(
            period_us in 1000..10_000_000_u64,
            steps_us in prop::collection::vec(0..30_000_000_u64, 1..50),
        ) {
            let start = Instant::now();
            let mut beat = Beat::starting_at(start, Duration::from_micros(period_us));
            let mut now = start;
            for step_us in steps_us {
                now = now.max(beat.due()) + Duration::from_micros(step_us);
                let before = beat.due();
                beat.advance_past(now);
                prop_assert!(beat.due() > now && beat.due() - now <= beat.period && beat.due() > before);
                prop_assert_eq!((beat.due() - start).as_nanos() % u128::from(period_us * 1000), 0);
            }
        }
    }
}
