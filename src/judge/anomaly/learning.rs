//! Phase I of checks that were given no limit: the largest amount that is natural here is remembered, and three times as
//! much is the limit from then on. It stays, so that a slow change for the worse is not learnt.

use serde::{Deserialize, Serialize};

use super::elapsed_s;
use crate::record::Timestamp;

/// The limit as a multiple of the largest natural amount.
const NATURAL_FACTOR: f64 = 3.0;
/// A phase of few values has not seen what is natural.
const SEEN_MIN: u32 = 200;

/// A limit that was given, or one that is to be learnt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Limit {
    Given { suspect: f64, fail: Option<f64> },
    Learnt { for_s: f64 },
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Natural {
    since: Option<Timestamp>,
    seen: u32,
    largest: f64,
    is_learnt: bool,
}

impl Natural {
    /// The limits of suspicion and failure; none while they are being learnt, to which this amount adds.
    pub fn limit(&mut self, limit: &Limit, at: Timestamp, amount: f64) -> Option<(f64, Option<f64>)> {
        match *limit {
            Limit::Given { suspect, fail } => Some((suspect, fail)),
            Limit::Learnt { for_s } => {
                if !self.is_learnt {
                    self.learn(at, amount, for_s);
                    return None;
                }
                let suspect = NATURAL_FACTOR * self.largest;
                Some((suspect, Some(2.0 * suspect)))
            }
        }
    }

    /// What never changed at all has nothing natural about it yet.
    fn learn(&mut self, at: Timestamp, amount: f64, for_s: f64) {
        let since = *self.since.get_or_insert(at);
        self.seen = self.seen.saturating_add(1);
        self.largest = self.largest.max(amount);
        self.is_learnt = self.seen >= SEEN_MIN && elapsed_s(since, at) >= for_s && self.largest > 0.0;
    }

    /// Time goes on from here, however far ahead the clock was: learning must come to its end.
    pub fn goes_on_from(&mut self, now: Timestamp) {
        self.since = self.since.map(|since| since.min(now));
    }

    pub fn is_learning(&self, limit: &Limit) -> bool {
        matches!(limit, Limit::Learnt { .. }) && !self.is_learnt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_limit_is_learnt_once_and_stays() {
        let limit = Limit::Learnt { for_s: 600.0 };
        let mut natural = Natural::default();
        let mut at = |minutes: i64, amount| {
            let at = Timestamp::UNIX_EPOCH + TimeDelta::minutes(minutes);
            natural.limit(&limit, at, amount)
        };
        assert_eq!(at(0, 2.0), None);
        assert_eq!(at(20, 1.0), None, "long enough, but too few");
        for _ in 0..198 {
            assert_eq!(at(20, 1.0), None);
        }
        assert_eq!(at(21, 50.0), Some((6.0, Some(12.0))));
        assert_eq!(at(22, 50.0), Some((6.0, Some(12.0))));
    }

    #[test]
    fn a_given_limit_needs_no_learning() {
        let given = Limit::Given {
            suspect: 1.0,
            fail: None,
        };
        let mut natural = Natural::default();
        assert!(!natural.is_learning(&given));
        assert_eq!(natural.limit(&given, Timestamp::UNIX_EPOCH, 9.0), Some((1.0, None)));
    }
}
