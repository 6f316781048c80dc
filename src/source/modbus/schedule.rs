//! When a device is due, and who is asked next. Pure.
//!
//! Beats keep the phase they started with: a late poll neither shifts the later ones nor is made up
//! for in a burst; what was missed is skipped.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;

/// Devices start spread over at most this long, so that a plant full of them is not asked in one instant, and yet the
/// first values of slow ones do not keep the board waiting.
const SPREAD_MAX: Duration = Duration::from_secs(1);
/// Devices start on a grid that all connections share, at most this wide: those of one period that fall together stay
/// together, and share a wake and a flush.
const GRID_MAX: Duration = Duration::from_millis(50);
const GRIDS_PER_PERIOD: u32 = 10;
static GRID_FROM: LazyLock<Instant> = LazyLock::new(Instant::now);

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

    /// The first beat falls somewhere into the first period, on the grid.
    pub fn spread_from(now: Instant, period: Duration) -> Self {
        let anywhere = now + period.min(SPREAD_MAX).mul_f64(fastrand::f64());
        Self::starting_at(on_grid(anywhere, *GRID_FROM, period), period)
    }

    pub fn due(&self) -> Instant {
        self.due
    }

    /// The beat after the one that is due.
    pub fn deadline(&self) -> Instant {
        self.due + self.period
    }

    /// Due now, if a pause had put off the next beat.
    pub fn hasten(&mut self, now: Instant) {
        let ahead = self.due.saturating_duration_since(now);
        if ahead > self.period {
            self.due = on_grid(now, *GRID_FROM, self.period);
        }
    }

    /// Moves on to the first beat after `now`, and by one beat at least.
    pub fn advance_past(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.due);
        let since_last_beat_ns = late.as_nanos() % self.period.as_nanos();
        let since_last_beat = Duration::from_nanos(u64::try_from(since_last_beat_ns).unwrap_or(u64::MAX));
        self.due += late.saturating_sub(since_last_beat) + self.period;
    }
}

/// The step of the grid at this moment or before it.
fn on_grid(at: Instant, from: Instant, period: Duration) -> Instant {
    let grid = (period / GRIDS_PER_PERIOD).min(GRID_MAX);
    let off_ns = at.saturating_duration_since(from).as_nanos() % grid.as_nanos().max(1);
    at - Duration::from_nanos(u64::try_from(off_ns).unwrap_or(0))
}

/// What one device waits for.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    pub due: Instant,
    /// When the beat after this one falls.
    pub deadline: Instant,
    /// The device is silent, and only tried.
    pub is_attempt: bool,
}

/// Who has the bus next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Ask(usize),
    /// Nobody is due before.
    At(Instant),
}

/// Of those that are due, the one whose next beat comes first has the bus: short polls pass long ones, and yet whoever
/// waits for long has the earliest deadline in the end. Silent devices are not tried before `attempts_from`.
pub fn next(turns: impl Iterator<Item = Turn> + Clone, now: Instant, attempts_from: Instant) -> Option<Next> {
    let due = |turn: &Turn| {
        if turn.is_attempt {
            turn.due.max(attempts_from)
        } else {
            turn.due
        }
    };
    let by_deadline = |turn: &Turn| (turn.deadline, due(turn));
    let waiting = turns.clone().enumerate().filter(|(_, turn)| due(turn) <= now);
    match waiting.min_by_key(|(_, turn)| by_deadline(turn)) {
        Some((index, _)) => Some(Next::Ask(index)),
        None => turns.map(|turn| due(&turn)).min().map(Next::At),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn devices_of_one_period_start_together_on_a_grid() {
        let from = Instant::now();
        for (at_ms, on_ms) in [(0, 0), (19, 0), (20, 20), (199, 180)] {
            assert_eq!(on_grid(from + at_ms * MS, from, 200 * MS), from + on_ms * MS);
        }
        let now = Instant::now();
        let dues: Vec<_> = (0..200).map(|_| Beat::spread_from(now, 1000 * MS).due()).collect();
        let offsets = dues
            .iter()
            .map(|due| due.duration_since(*GRID_FROM).as_nanos() % GRID_MAX.as_nanos());
        assert_eq!(offsets.max(), Some(0));
        assert!(
            dues.iter().max() > dues.iter().min().map(|first| *first + 800 * MS).as_ref(),
            "all over the period"
        );
    }

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

    fn turn(beat: &Beat, is_attempt: bool) -> Turn {
        Turn {
            due: beat.due(),
            deadline: beat.deadline(),
            is_attempt,
        }
    }

    #[test]
    fn the_next_beat_that_comes_first_goes_first() {
        let start = Instant::now();
        let slow = Beat::starting_at(start, 1000 * MS);
        let quick = Beat::starting_at(start + 10 * MS, 100 * MS);
        let at = |now| next([turn(&slow, false), turn(&quick, false)].into_iter(), now, start);
        assert_eq!(at(start + 5 * MS), Some(Next::Ask(0)), "the quick one is not due yet");
        assert_eq!(at(start + 10 * MS), Some(Next::Ask(1)));
        assert_eq!(at(start - MS), Some(Next::At(start)));
        assert_eq!(next(std::iter::empty(), start, start), None);
    }

    #[test]
    fn silent_devices_wait_for_their_share() {
        let start = Instant::now();
        let (dead, alive) = (
            Beat::starting_at(start, 100 * MS),
            Beat::starting_at(start + 500 * MS, 100 * MS),
        );
        let at = |now| {
            next(
                [turn(&dead, true), turn(&alive, false)].into_iter(),
                now,
                start + 300 * MS,
            )
        };
        assert_eq!(at(start), Some(Next::At(start + 300 * MS)));
        assert_eq!(at(start + 300 * MS), Some(Next::Ask(0)));
    }

    /// Plays a bus on which each request takes `cost_ms`; gives how often each device was polled. A poll is `requests` long.
    fn play(devices: &[(u32, u32)], cost_ms: u32, for_ms: u32) -> Vec<u32> {
        let start = Instant::now();
        let mut now = start;
        let mut beats: Vec<Beat> = devices
            .iter()
            .map(|(period, _)| Beat::starting_at(start, *period * MS))
            .collect();
        let (mut asked, mut polls) = (vec![0; devices.len()], vec![0; devices.len()]);
        while now < start + for_ms * MS {
            match next(beats.iter().map(|beat| turn(beat, false)), now, start) {
                Some(Next::Ask(index)) => {
                    now += cost_ms * MS;
                    asked[index] += 1;
                    if asked[index] == devices[index].1 {
                        (asked[index], polls[index]) = (0, polls[index] + 1);
                        beats[index].advance_past(now);
                    }
                }
                Some(Next::At(due)) => now = due,
                None => break,
            }
        }
        polls
    }

    #[test]
    fn a_meter_with_many_requests_does_not_starve_a_quick_one() {
        // Twenty requests of 40 ms are a poll of 800 ms; in between, the quick one keeps its 200 ms.
        let polls = play(&[(2000, 20), (200, 1)], 40, 60_000);
        assert!(polls[0] >= 29 && polls[1] >= 297, "{polls:?}");
    }

    #[test]
    fn on_a_bus_that_is_too_full_everyone_still_has_a_turn() {
        let polls = play(&[(100, 1), (100, 1), (100, 1), (5000, 4)], 51, 60_000);
        assert!(polls.iter().all(|polls| *polls >= 5), "{polls:?}");
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
