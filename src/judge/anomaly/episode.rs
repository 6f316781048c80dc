//! One event per episode: it begins when its sign has lasted (on-delay), worsens when it is worse by a clear margin, and ends
//! when the sign has been gone for a while (off-delay) and by a margin (dead band). By the time of the observations.

use serde::{Deserialize, Serialize};

use super::{Flag, Sign, What, elapsed_s};
use crate::record::Timestamp;

/// A new peak is told if it is worse by this factor than what was told last, and up to this.
const WORSE_FACTOR: f64 = 1.5;
const BADNESS_TOLD_MAX: f64 = 10.0;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delays {
    pub on_s: f64,
    pub off_s: f64,
    /// What is below 1 by less than this is no end yet.
    pub dead_band: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Episode {
    #[default]
    Quiet,
    /// A sign was seen and has not lasted yet.
    Doubtful {
        since: Timestamp,
    },
    Open(Open),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    pub since: Timestamp,
    pub peak: f64,
    pub worst: Flag,
    /// The figures at the peak.
    pub what: What,
    told: f64,
    calm_since: Option<Timestamp>,
}

/// How far an episode has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Quiet,
    Doubtful,
    Open,
    /// Open, and its sign is gone for the moment.
    Calm,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    Begins(Open),
    Worsens(Open),
    Ends(Open),
}

impl Episode {
    pub fn observe(&mut self, delays: &Delays, sign: &Sign) -> Option<Turn> {
        let is_bad = sign.flag > Flag::Good;
        match self {
            Self::Open(open) => {
                let turn = open.observe(delays, sign, is_bad);
                if let Some(Turn::Ends(_)) = turn {
                    *self = Self::Quiet;
                }
                turn
            }
            _ if !is_bad => {
                *self = Self::Quiet;
                None
            }
            Self::Quiet if delays.on_s > 0.0 => {
                *self = Self::Doubtful { since: sign.at };
                None
            }
            Self::Doubtful { since } if elapsed_s(*since, sign.at) < delays.on_s => None,
            Self::Quiet | Self::Doubtful { .. } => {
                let since = if let Self::Doubtful { since } = self {
                    *since
                } else {
                    sign.at
                };
                let open = Open {
                    since,
                    peak: sign.badness,
                    worst: sign.flag,
                    what: sign.what,
                    told: sign.badness.min(BADNESS_TOLD_MAX),
                    calm_since: None,
                };
                *self = Self::Open(open.clone());
                Some(Turn::Begins(open))
            }
        }
    }

    /// Over a gap, or while the clock was set, nothing can have lasted, neither the sign nor its absence.
    pub fn interrupt(&mut self) {
        match self {
            Self::Doubtful { .. } => *self = Self::Quiet,
            Self::Open(open) => open.calm_since = None,
            Self::Quiet => {}
        }
    }

    pub fn stage(&self) -> Stage {
        match self {
            Self::Quiet => Stage::Quiet,
            Self::Doubtful { .. } => Stage::Doubtful,
            Self::Open(open) if open.calm_since.is_some() => Stage::Calm,
            Self::Open(_) => Stage::Open,
        }
    }

    pub fn open(&self) -> Option<&Open> {
        match self {
            Self::Open(open) => Some(open),
            _ => None,
        }
    }
}

impl Open {
    fn observe(&mut self, delays: &Delays, sign: &Sign, is_bad: bool) -> Option<Turn> {
        let is_over = !is_bad && sign.badness <= 1.0 - delays.dead_band;
        if is_over {
            let calm_since = *self.calm_since.get_or_insert(sign.at);
            let has_ended = elapsed_s(calm_since, sign.at) >= delays.off_s;
            return has_ended.then(|| Turn::Ends(self.clone()));
        }
        self.calm_since = None;
        let fails = sign.flag > self.worst;
        self.worst = self.worst.max(sign.flag);
        if sign.badness > self.peak {
            self.peak = sign.badness;
            self.what = sign.what;
        }
        let told = self.peak.min(BADNESS_TOLD_MAX);
        let is_worse = told >= WORSE_FACTOR * self.told;
        (fails || is_worse).then(|| {
            self.told = told;
            Turn::Worsens(self.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const DELAYS: Delays = Delays {
        on_s: 3.0,
        off_s: 5.0,
        dead_band: 0.1,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn sign(second: i64, badness: f64) -> Sign {
        Sign {
            at: at(second),
            flag: Flag::above(badness, 1.0, Some(4.0)),
            badness,
            what: What::Rate {
                per_second: badness,
                max: 1.0,
            },
        }
    }

    /// What is told at which second, one sign a second.
    fn told(badness: &[f64]) -> Vec<(i64, &'static str)> {
        let mut episode = Episode::default();
        let each = badness.iter().zip(0..).filter_map(|(badness, second)| {
            let turn = episode.observe(&DELAYS, &sign(second, *badness))?;
            let name = match turn {
                Turn::Begins(_) => "begins",
                Turn::Worsens(_) => "worsens",
                Turn::Ends(_) => "ends",
            };
            Some((second, name))
        });
        each.collect()
    }

    #[test]
    fn what_does_not_last_is_not_told() {
        assert_eq!(told(&[2.0, 2.0, 2.0, 0.0, 2.0, 2.0, 2.0, 0.0]), []);
    }

    #[test]
    fn an_episode_begins_worsens_and_ends_once() {
        let badness = [
            0.5, 1.2, 1.2, 1.2, 1.2, 1.5, 1.79, 1.85, 2.0, 0.95, 0.8, 0.8, 1.5, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8,
        ];
        assert_eq!(told(&badness), [(4, "begins"), (7, "worsens"), (18, "ends")]);
    }

    #[test]
    fn failing_is_worse_than_being_suspect() {
        assert_eq!(told(&[3.0, 3.0, 3.0, 3.0, 4.1]), [(3, "begins"), (4, "worsens")]);
    }

    #[test]
    fn nothing_lasts_over_a_gap() {
        let mut episode = Episode::default();
        episode.observe(&DELAYS, &sign(0, 2.0));
        episode.interrupt();
        assert_eq!(episode.observe(&DELAYS, &sign(100, 2.0)), None);
        assert!(matches!(episode.observe(&DELAYS, &sign(103, 2.0)), Some(Turn::Begins(open)) if open.since == at(100)));
        assert_eq!(episode.observe(&DELAYS, &sign(104, 0.0)), None);
        episode.interrupt();
        assert_eq!(episode.observe(&DELAYS, &sign(200, 0.0)), None);
        assert!(matches!(episode.observe(&DELAYS, &sign(205, 0.0)), Some(Turn::Ends(open)) if open.peak > 1.9));
    }
}
