//! Several channels of one machine judged together: whether their recent means have left the place where they were, in
//! terms of how far they are used to stray, each and together. A multivariate EWMA chart with an adaptive baseline.
//!
//! Channel by channel: deviation = value − baseline; recent = moving mean of the deviations. `T²` is the distance of all
//! recent means from zero under their own covariance, learnt from the data, so that signals which wander by nature are
//! given room and correlations count. The limit is the same number of standard deviations for any number of channels.
//!
//! While nothing is wrong the baseline follows slowly, for seasons and wear; while it alarms it hardly moves, so that a
//! fault does not become usual. The covariance is learnt only from what is well below the limit. Nothing knows the row number.
//!
//! A channel without a value is left out of that row; one that never moved has no measure yet and is left out until it has.

mod solve;

use serde::{Deserialize, Deserializer, Serialize};

use self::solve::{dot, solve};
use super::pace::Pace;
use crate::record::Timestamp;

/// The covariance of more channels has no room in a state of 8 KiB.
pub const CHANNELS_MAX: usize = 16;
/// A state of another version is not understood; the detector begins anew.
const VERSION: u8 = 1;
/// The share of the newest deviation in the recent mean.
const RECENT_SHARE: f64 = 0.1;
/// The baseline follows at this pace, in rows.
const BASELINE_MEMORY_ROWS: f64 = 600.0;
/// So slowly while it alarms: a fault does not hide, and a machine that was changed does not alarm for ever.
const ALARM_MEMORY_ROWS: f64 = 5000.0;
const COVARIANCE_MEMORY_ROWS: f64 = 2000.0;
/// This part of the rows to learn from only settles baseline and recent means.
const SETTLING_SHARE: u32 = 8;
/// Correlations are believed but for this part: they are learnt from few independent rows, and no channel is another's copy.
const DISBELIEF: f64 = 0.1;
/// How many standard deviations of `√(2T²)` the limit lies above what is usual.
const LIMIT_SD: f64 = 5.8;
/// No more than so many limits are remembered, so that the end of a grave fault is seen as soon as that of a small one.
const LIMITS_MAX: f64 = 3.0;
/// Below this part of the limit all is quiet enough to learn the covariance from.
const QUIET_SHARE: f64 = 0.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Rows that are known, or believed, to be normal.
    pub learn: u32,
}

/// What the detector makes of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Drifted {
    /// From 0 towards 1; the limit is one half. 0 while it learns.
    pub score: f64,
    pub is_alarm: bool,
    pub is_learning: bool,
    /// The share of each channel in it, in the order of the channels.
    pub contributions: Vec<f64>,
}

/// The detector of one set of channels: all that it remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    #[serde(deserialize_with = "this_version")]
    version: u8,
    learn_rows: u32,
    /// Judged rows, as far as learning counts them.
    rows: u32,
    late: u64,
    pace: Pace,
    is_alarm: bool,
    channels: Vec<Channel>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Channel {
    values: f64,
    baseline: f64,
    /// The moving mean of the deviations.
    recent: f64,
    /// Rows that the covariance was learnt from.
    learnt: f64,
    /// The mean square of single deviations.
    square: f64,
    /// The mean products of recent means, with each channel up to this one itself.
    products: Vec<f64>,
}

impl Channel {
    /// The standard deviation of the recent mean. Never less than independent values would give: a lucky calm while it
    /// learnt must not make it touchy.
    fn sd(&self) -> f64 {
        let seen = self.products.last().copied().unwrap_or(0.0);
        seen.max(self.square * RECENT_SHARE / (2.0 - RECENT_SHARE)).sqrt()
    }

    /// The new value's deviation from the baseline, which the recent mean takes in.
    fn take(&mut self, value: f64, share: f64) -> f64 {
        if self.values == 0.0 {
            self.baseline = value;
        }
        self.values = (self.values + 1.0).min(BASELINE_MEMORY_ROWS);
        let deviation = value - self.baseline;
        self.recent += share * (deviation - self.recent);
        deviation
    }
}

/// The distance of all recent means from zero.
struct Distance {
    t2: f64,
    limit: f64,
    contributions: Vec<f64>,
}

impl Drift {
    /// For at most [`CHANNELS_MAX`] channels, which whoever reads the settings checks.
    pub fn new(channels: usize, settings: Settings) -> Self {
        assert!(channels <= CHANNELS_MAX, "the number of channels was checked");
        let channel = |at| Channel {
            products: vec![0.0; at + 1],
            ..Channel::default()
        };
        Self {
            version: VERSION,
            learn_rows: settings.learn,
            rows: 0,
            late: 0,
            pace: Pace::default(),
            is_alarm: false,
            channels: (0..channels).map(channel).collect(),
        }
    }

    /// Rows that came too late to be judged: not after the one before.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// What comes next does not continue what was before.
    pub fn interrupt(&mut self) {
        self.pace.interrupt();
    }

    pub fn is_learning(&self) -> bool {
        self.rows < self.learn_rows
    }

    /// Judges a row, a value for each channel where it has one, and learns from it. What is late is neither judged nor
    /// learnt from, and changes no alarm.
    pub fn take(&mut self, at: Timestamp, values: &[Option<f64>]) -> Drifted {
        let Some(steps) = self.pace.take(at) else {
            self.late += 1;
            return self.unjudged();
        };
        let share = steps.share(RECENT_SHARE);
        let usable = |value: &Option<f64>| value.filter(|value| value.is_finite() && value.abs() < 1e100);
        let deviations: Vec<Option<f64>> = self
            .channels
            .iter_mut()
            .zip(values.iter().map(usable).chain(std::iter::repeat(None)))
            .map(|(channel, value)| Some(channel.take(value?, share)))
            .collect();
        if deviations.iter().all(Option::is_none) {
            return self.unjudged();
        }
        if self.is_learning() {
            self.rows += 1;
            if self.rows > self.learn_rows / SETTLING_SHARE {
                self.learn_covariance(&deviations);
            }
            self.follow(&deviations, None);
            return self.unjudged();
        }
        let distance = self.distance(&deviations);
        self.is_alarm = distance.t2 > distance.limit;
        if distance.t2 < QUIET_SHARE * distance.limit {
            self.learn_covariance(&deviations);
        }
        let memory_rows = if self.is_alarm {
            ALARM_MEMORY_ROWS
        } else {
            BASELINE_MEMORY_ROWS
        };
        self.follow(&deviations, Some(memory_rows));
        self.forget_beyond(LIMITS_MAX * distance.limit / distance.t2);
        Drifted {
            score: distance.t2 / (distance.t2 + distance.limit),
            is_alarm: self.is_alarm,
            is_learning: false,
            contributions: distance.contributions,
        }
    }

    fn unjudged(&self) -> Drifted {
        Drifted {
            score: 0.0,
            is_alarm: self.is_alarm,
            is_learning: self.is_learning(),
            contributions: vec![0.0; self.channels.len()],
        }
    }

    fn distance(&self, deviations: &[Option<f64>]) -> Distance {
        let present: Vec<(usize, &Channel)> = self
            .channels
            .iter()
            .enumerate()
            .zip(deviations)
            .filter(|((_, channel), deviation)| deviation.is_some() && channel.sd() > 0.0)
            .map(|(channel, _)| channel)
            .collect();
        let recent_sd: Vec<f64> = present
            .iter()
            .map(|(_, channel)| channel.recent / channel.sd())
            .collect();
        let correlations: Vec<Vec<f64>> = present
            .iter()
            .map(|a| present.iter().map(|b| correlation(*a, *b)).collect())
            .collect();
        // Without the correlations, where rows with holes have made them contradict each other.
        let weights = solve(&correlations, &recent_sd).unwrap_or_else(|| recent_sd.clone());
        let t2 = dot(&recent_sd, &weights);

        let parts: Vec<f64> = recent_sd.iter().zip(&weights).map(|(r, w)| (r * w).max(0.0)).collect();
        let whole: f64 = parts.iter().sum();
        let mut contributions = vec![0.0; self.channels.len()];
        for ((at, _), part) in present.iter().zip(&parts) {
            if let Some(contribution) = contributions.get_mut(*at)
                && whole > 0.0
            {
                *contribution = part / whole;
            }
        }
        Distance {
            t2,
            limit: limit(present.len()),
            contributions,
        }
    }

    fn learn_covariance(&mut self, deviations: &[Option<f64>]) {
        let recent: Vec<(f64, f64)> = self
            .channels
            .iter_mut()
            .zip(deviations)
            .map(|(channel, deviation)| {
                if deviation.is_some() {
                    channel.learnt = (channel.learnt + 1.0).min(COVARIANCE_MEMORY_ROWS);
                }
                (channel.recent, channel.learnt)
            })
            .collect();
        for (channel, deviation) in self.channels.iter_mut().zip(deviations) {
            let Some(deviation) = deviation else { continue };
            channel.square += (deviation * deviation - channel.square) / channel.learnt;
            for ((product, (other, learnt)), is_present) in channel
                .products
                .iter_mut()
                .zip(&recent)
                .zip(deviations.iter().map(Option::is_some))
            {
                if is_present {
                    *product += (channel.recent * other - *product) / channel.learnt.min(*learnt);
                }
            }
        }
    }

    /// The baseline follows: as the mean of all that was seen while it learns, at the given pace then.
    fn follow(&mut self, deviations: &[Option<f64>], memory_rows: Option<f64>) {
        for (channel, deviation) in self.channels.iter_mut().zip(deviations) {
            channel.baseline += deviation.unwrap_or(0.0) / memory_rows.unwrap_or(channel.values);
        }
    }

    /// Draws the recent means back until `T²` is this share of what it was.
    fn forget_beyond(&mut self, share: f64) {
        if share < 1.0 {
            for channel in &mut self.channels {
                channel.recent *= share.sqrt();
            }
        }
    }
}

fn correlation((at, a): (usize, &Channel), (other, b): (usize, &Channel)) -> f64 {
    if at == other {
        return 1.0;
    }
    let product = a.products.get(other).or_else(|| b.products.get(at));
    (1.0 - DISBELIEF) * product.copied().unwrap_or(0.0) / (a.sd() * b.sd())
}

/// `√(2T²)` of as many independent channels is nearly normal about `√(2n − 1)` with a standard deviation of 1 (Fisher).
fn limit(channels: usize) -> f64 {
    let usual = (2.0 * f64::from(u32::try_from(channels).unwrap_or(u32::MAX)) - 1.0)
        .max(0.0)
        .sqrt();
    (LIMIT_SD + usual).powi(2) / 2.0
}

fn this_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let version = u8::deserialize(deserializer)?;
    if version == VERSION {
        Ok(version)
    } else {
        Err(serde::de::Error::custom(format!(
            "the state is of version {version}, not {VERSION}"
        )))
    }
}

#[cfg(test)]
mod tests;
