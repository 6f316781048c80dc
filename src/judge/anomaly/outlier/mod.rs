//! The streaming outlier detector: one number in, one score between 0 and 1 out, and the term that speaks for it.
//!
//! A score is evidence divided by evidence plus [`HALF_SCORE`]. Evidence is counted in powers of ten: 3 is what chance does
//! once in a thousand values. Its terms:
//! * **level** and **season**: the value is far from its slow mean, or from the mean of this half hour of the day. What
//!   counts is that this lasts, compared with how often this signal does it ([`spread::Lasting`]);
//! * **jump**: the step from the value before is unlike the steps before;
//! * **pattern**: levels follow each other as they hardly ever did ([`pattern`]);
//! * **range**: the value is outside of everything that was ever seen ([`range`]).
//!
//! Their sum speaks once per event, at its peak, and less on a signal that is never calm ([`peak`]).
//!
//! It never looks ahead, and back no further than its state, which is less than 8 KiB whatever it has seen. The same
//! observations give bit for bit the same scores, also when the state was serialized in between.
//!
//! # What a score does not mean
//!
//! It is no probability, and no measure of damage: it says that a signal behaves as it did not before. A machine that was
//! ill while the detector learnt is healthy to it, and a planned change of product is an anomaly. What lasts becomes usual.
//! The benchmarks that it is measured with (`tests/detect.rs`) do not tell how it will do on a shop floor either: the
//! Numenta corpus counts a find anywhere in a window of a tenth of the file, with the threshold chosen on the files that are scored,
//! and nearly all of its signals are of servers and streets; on the pump of SKAB a clock that looks at no sensor at all
//! beats every published method.

mod pattern;
mod peak;
mod range;
mod season;
mod spread;
mod tail;

use serde::{Deserialize, Deserializer, Serialize};

use self::pattern::Pattern;
use self::peak::Peak;
use self::range::Range;
use self::season::Season;
use self::spread::{Lasting, Spread};
use self::tail::surprise;
use super::pace::{Pace, Steps};
use crate::record::Timestamp;

/// A state of another version is not understood; the detector begins anew.
const VERSION: u8 = 1;
/// Before so many values there is nothing to compare with.
const LEARN_SAMPLES: u32 = 150;
/// The evidence that is worth a score of one half.
const HALF_SCORE: f64 = 10.0;
/// No single deviation is more surprising than this, or one absurd value would be all that is remembered.
const SURPRISE_MAX: f64 = 12.0;
/// One in a million is enough from any one term.
const TERM_MAX: f64 = 6.0;
/// A jump is the evidence of two values, the other terms have that of many.
const JUMP_WEIGHT: f64 = 0.5;
/// A value that leaves the range by the whole of it speaks for itself.
const RANGE_WEIGHT: f64 = 20.0;
/// The share of the newest value in what is recent: about the last dozen values.
const LEVEL_SHARE: f64 = 0.08;
const PATTERN_SHARE: f64 = 0.1;
/// A jump is judged alone.
const JUMP_SHARE: f64 = 1.0;
/// Half of the width of what is expected.
const EXPECTED_SD: f64 = 3.0;
/// Squares of larger values have no room in a float.
const VALUE_MAX: f64 = 1e100;

/// What the detector makes of one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// From 0, nothing unusual, towards 1. 0 while it learns.
    pub score: f64,
    /// What contributes most to it.
    pub term: Term,
    /// Where a usual value would have been, from low to high.
    pub expected: Option<(f64, f64)>,
    /// Too little was seen to be sure of anything.
    pub is_learning: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Far from what is usual, for a while.
    Level,
    /// Far from what is usual at this time of day, for a while.
    Season,
    /// A step from one value to the next unlike the steps before.
    Jump,
    /// Levels follow each other as they hardly ever did.
    Pattern,
    /// Outside of everything that was ever seen.
    Range,
}

/// How much must be seen before it is called an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    Low,
    #[default]
    Normal,
    High,
}

impl Sensitivity {
    /// The score from which on a value is an anomaly. On the normal parts of the Numenta developers' files, one every
    /// five minutes, a false alarm comes every 80, 40 and 10 days.
    pub fn threshold(self) -> f64 {
        match self {
            Self::Low => 0.5,
            Self::Normal => 0.4,
            Self::High => 0.3,
        }
    }
}

/// The detector of one signal: all that it remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlier {
    #[serde(deserialize_with = "this_version")]
    version: u8,
    learn_samples: u32,
    /// Judged values, as far as learning counts them.
    seen: u32,
    late: u64,
    pace: Pace,
    last: f64,
    values: Spread,
    jumps: Spread,
    season: Season,
    pattern: Pattern,
    range: Range,
    lasting_deviation: Lasting,
    lasting_pattern: Lasting,
    lasting_jump: Lasting,
    peak: Peak,
}

impl Default for Outlier {
    fn default() -> Self {
        Self::new()
    }
}

impl Outlier {
    pub fn new() -> Self {
        Self::learning(LEARN_SAMPLES)
    }

    /// Says nothing about the first `learn_samples` values.
    pub fn learning(learn_samples: u32) -> Self {
        Self {
            version: VERSION,
            learn_samples,
            seen: 0,
            late: 0,
            pace: Pace::default(),
            last: 0.0,
            values: Spread::default(),
            jumps: Spread::default(),
            season: Season::default(),
            pattern: Pattern::default(),
            range: Range::default(),
            lasting_deviation: Lasting::default(),
            lasting_pattern: Lasting::default(),
            lasting_jump: Lasting::default(),
            peak: Peak::default(),
        }
    }

    /// Values that came too late to be judged: not after the one before.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Judges a good value and learns from it. What is late or no number is neither judged nor learnt from.
    pub fn take(&mut self, at: Timestamp, value: f64) -> Score {
        let is_usable = value.is_finite() && value.abs() <= VALUE_MAX;
        let expected = self.expected(at);
        let quiet = Score {
            score: 0.0,
            term: Term::Level,
            expected,
            is_learning: self.is_learning(),
        };
        if !is_usable {
            return quiet;
        }
        let Some(steps) = self.pace.take(at) else {
            self.late += 1;
            return quiet;
        };
        let (evidence, term) = self.weigh(at, value, steps);
        let evidence = self.peak.take(evidence);
        if self.is_learning() {
            self.seen += 1;
            return quiet;
        }
        Score {
            score: evidence / (evidence + HALF_SCORE),
            term,
            ..quiet
        }
    }

    /// What comes next does not continue what was before.
    pub fn interrupt(&mut self) {
        self.pace.interrupt();
    }

    pub fn is_learning(&self) -> bool {
        self.seen < self.learn_samples
    }

    fn expected(&self, at: Timestamp) -> Option<(f64, f64)> {
        if self.is_learning() {
            return None;
        }
        let overall = (self.values.mean(), self.values.sd());
        let (mean, sd) = self.season.expected(at, overall.1).unwrap_or(overall);
        Some((mean - EXPECTED_SD * sd, mean + EXPECTED_SD * sd))
    }

    /// The evidence of all terms, and the strongest of them; learns from the value on the way.
    fn weigh(&mut self, at: Timestamp, value: f64, steps: Steps) -> (f64, Term) {
        let deviation_sd = self.values.deviation_sd(value);
        let level = capped_surprise(deviation_sd);
        let season = self.season.take(at, value).map_or(level, capped_surprise);
        let deviation = self
            .lasting_deviation
            .take(f64::midpoint(level, season), steps.share(LEVEL_SHARE), TERM_MAX);
        let (jump, pattern) = self.weigh_step(value, deviation_sd, steps);
        self.values.take(value);
        let range = RANGE_WEIGHT * self.range.take(value, self.values.mean());

        let slow = if season > level { Term::Season } else { Term::Level };
        let terms = [
            (deviation, slow),
            (jump, Term::Jump),
            (pattern, Term::Pattern),
            (range, Term::Range),
        ];
        let strongest = terms.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let strongest = strongest.expect("there are four terms").1;
        (terms.iter().map(|(evidence, _)| evidence).sum(), strongest)
    }

    /// What is to be said of the way from the value before: nothing when there is a gap between them.
    fn weigh_step(&mut self, value: f64, deviation_sd: f64, steps: Steps) -> (f64, f64) {
        let jump = value - std::mem::replace(&mut self.last, value);
        if steps.is_gap() {
            self.pattern.resume(deviation_sd);
            return (0.0, 0.0);
        }
        let jumped = capped_surprise(self.jumps.deviation_sd(jump));
        self.jumps.take(jump);
        let stepped = self.pattern.take(deviation_sd);
        (
            JUMP_WEIGHT * self.lasting_jump.take(jumped, JUMP_SHARE, TERM_MAX),
            self.lasting_pattern.take(stepped, steps.share(PATTERN_SHARE), TERM_MAX),
        )
    }
}

fn capped_surprise(deviation_sd: f64) -> f64 {
    surprise(deviation_sd).min(SURPRISE_MAX)
}

fn this_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let version = u8::deserialize(deserializer)?;
    if version == VERSION {
        Ok(version)
    } else {
        Err(serde::de::Error::custom(format!(
            "the detector's state is of version {version}, not {VERSION}"
        )))
    }
}

#[cfg(test)]
mod tests;
