//! How often a point speaks, so that a gap can be told from a pause between two values.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::elapsed_s;
use crate::record::Timestamp;

/// Longer than so many usual pauses is a gap.
const GAP_PAUSES: f64 = 10.0;
/// Pauses that make "usual" mean something.
const SEEN_MIN: u32 = 5;
/// Weight of a new pause, and how much one long pause can count.
const WEIGHT_MIN: f64 = 0.05;
const PAUSE_FACTOR_MAX: f64 = 4.0;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rhythm {
    last: Option<Timestamp>,
    usual_s: f64,
    seen: u32,
}

impl Rhythm {
    /// Takes in that the point spoke. Says how long it had been silent, and whether that was a gap.
    pub fn spoke(&mut self, at: Timestamp, gap_after_s: Option<f64>) -> Option<(f64, bool)> {
        let pause_s = elapsed_s(self.last.replace(at)?, at);
        let gap_s = gap_after_s.or_else(|| self.usual_s().map(|usual| GAP_PAUSES * usual));
        let is_gap = gap_s.is_some_and(|gap| pause_s > gap);
        let counted = if self.seen == 0 {
            pause_s
        } else {
            pause_s.min(PAUSE_FACTOR_MAX * self.usual_s)
        };
        self.seen = self.seen.saturating_add(1);
        let weight = (1.0 / f64::from(self.seen)).max(WEIGHT_MIN);
        self.usual_s += weight * (counted - self.usual_s);
        Some((pause_s, is_gap))
    }

    /// The clock was set and shows `now`: the pause that goes on is as long as it was.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) {
        self.last = self.last.map(|last| (last + by).min(now));
    }

    pub fn usual_s(&self) -> Option<f64> {
        (self.seen >= SEEN_MIN).then_some(self.usual_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(pauses_s: &[i64], gap_after_s: Option<f64>) -> Vec<bool> {
        let mut rhythm = Rhythm::default();
        let mut at = Timestamp::UNIX_EPOCH;
        rhythm.spoke(at, gap_after_s);
        let each = pauses_s.iter().map(|pause| {
            at += TimeDelta::seconds(*pause);
            rhythm.spoke(at, gap_after_s).is_some_and(|(_, is_gap)| is_gap)
        });
        each.collect()
    }

    #[test]
    fn a_gap_is_long_beside_the_usual_pause() {
        let pauses = [2, 2, 2, 2, 2, 19, 2, 2, 2, 60, 2];
        assert_eq!(gaps(&pauses, None), pauses.map(|pause| pause == 60));
        assert_eq!(gaps(&pauses, Some(10.0)), pauses.map(|pause| pause > 10));
        assert_eq!(gaps(&[1, 600, 1, 1, 1], None), [false; 5], "nothing is usual yet");
    }

    #[test]
    fn a_point_that_becomes_slower_is_followed() {
        let pauses: Vec<i64> = [vec![1; 50], vec![30; 200]].concat();
        let gaps = gaps(&pauses, None);
        assert!(gaps[50] && !gaps[249]);
    }
}
