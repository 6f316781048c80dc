//! What is known of a process: its centre and its sigma, estimated from phase I or given, and the limits that follow.

use serde::{Deserialize, Serialize};

use super::constants::{MEDIAN_RANGE_2, as_f64, c4, d2, d3};
use super::design::{Chart, Design, Estimator, Spread};
use super::line::Line;

/// One plotted subgroup, or one single value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Values in it, or units that were looked at.
    pub size: f64,
    /// What is plotted: the value, the mean, the fraction, the count, the rate.
    pub value: f64,
    /// Of the subgroup; of a single value the distance from the one before, where nothing is missing between them.
    pub range: Option<f64>,
    pub deviation: Option<f64>,
}

impl Sample {
    /// A single value after another.
    pub fn single(value: f64, before: Option<f64>) -> Self {
        Self {
            size: 1.0,
            value,
            range: before.map(|before| (value - before).abs()),
            deviation: None,
        }
    }

    /// A subgroup; none without values.
    pub fn subgroup(values: &[f64]) -> Option<Self> {
        let size = as_f64(values.len());
        let mean = values.iter().sum::<f64>() / size;
        let high = values.iter().copied().reduce(f64::max)?;
        let low = values.iter().copied().reduce(f64::min)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let has_spread = values.len() > 1;
        Some(Self {
            size,
            value: mean,
            range: has_spread.then_some(high - low),
            deviation: has_spread.then(|| (squares / (size - 1.0)).sqrt()),
        })
    }

    /// Defects among units that were looked at.
    pub fn counted(chart: Chart, defects: f64, size: f64) -> Self {
        let value = match chart {
            Chart::Np | Chart::C => defects,
            _ => defects / size,
        };
        Self {
            size,
            value,
            range: None,
            deviation: None,
        }
    }

    /// What is watched beside the value.
    pub fn spread(&self, spread: Spread) -> Option<f64> {
        match spread {
            Spread::Deviation => self.deviation,
            Spread::MovingRange | Spread::Range => self.range,
        }
    }

    /// How many values, or whole units.
    pub fn count(&self) -> usize {
        whole(self.size)
    }
}

/// How many values there are; sizes of counts need not be whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of subgroups are small counts"
)]
fn whole(size: f64) -> usize {
    size.max(0.0) as usize
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Process {
    pub center: f64,
    /// Of single values; of counts what chance alone makes of one unit.
    pub sigma: f64,
    /// The centre of the ranges or standard deviations, where it was estimated; else it follows from sigma and n.
    pub spread: Option<f64>,
    /// How much more than chance counts vary from subgroup to subgroup.
    pub sigma_z: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EstimateError {
    #[error("there are no values to learn from")]
    Empty,
    #[error("sigma cannot be estimated: no two values are in one subgroup, or follow one another")]
    NoSpread,
    #[error("sigma is zero: all values that were learnt from are alike")]
    Constant,
    #[error("a subgroup of {0} values is too large for ranges")]
    TooLarge(usize),
}

impl EstimateError {
    pub fn in_chinese(&self) -> String {
        match self {
            Self::Empty => "没有可供学习的数据".to_owned(),
            Self::NoSpread => "无法估计标准差：没有同组或相邻的两个数据".to_owned(),
            Self::Constant => "标准差为零：所学的数据全部相同".to_owned(),
            Self::TooLarge(size) => format!("子组有 {size} 个数据，太大，不能用极差"),
        }
    }
}

/// What was counted, from its share: a whole number where it is one but for rounding.
fn defects(sample: &Sample) -> f64 {
    let counted = sample.value * sample.size;
    let whole = counted.round();
    if (counted - whole).abs() < 1e-9 * whole.max(1.0) {
        whole
    } else {
        counted
    }
}

impl Process {
    /// Given rather than learnt. Of Laney's charts sigma is that beside chance, sigma z.
    pub fn given(chart: Chart, center: f64, sigma: f64) -> Self {
        Self {
            center,
            sigma: chance(chart, center).unwrap_or(sigma),
            spread: None,
            sigma_z: if chart.is_laney() { sigma } else { 1.0 },
        }
    }

    /// What no process can have been given, as told to whoever wrote it.
    pub fn problem(chart: Chart, center: f64, sigma: Option<f64>) -> Option<&'static str> {
        let is_fraction = matches!(chart, Chart::P | Chart::Np | Chart::LaneyP);
        if !center.is_finite() {
            return Some("a center is a number");
        }
        if is_fraction && !(center > 0.0 && center < 1.0) {
            return Some("the center is the fraction of defective pieces, above 0 and below 1");
        }
        if chart.counts() && center <= 0.0 {
            return Some("the center is a number of defects above 0");
        }
        let has_sigma = sigma.is_some_and(|sigma| sigma.is_finite() && sigma > 0.0);
        if chart.is_laney() {
            return (!has_sigma).then_some(
                "a Laney chart needs sigma above 0: how many times as much as chance the counts vary (sigma z); with 1 take p or u",
            );
        }
        if chart.counts() {
            return sigma.map(|_| "the sigma of counts follows from their center; leave it out");
        }
        (!has_sigma).then_some("a sigma above 0 is needed beside the center, never bare lines")
    }

    /// Learns from phase I.
    pub fn estimate(design: &Design, samples: &[Sample]) -> Result<Self, EstimateError> {
        let total: f64 = samples.iter().map(|sample| sample.size).sum();
        let is_count = matches!(design.chart, Chart::Np | Chart::C);
        let sum: f64 = samples
            .iter()
            .map(|s| match design.chart {
                _ if is_count => s.value,
                chart if chart.counts() => defects(s),
                _ => s.value * s.size,
            })
            .sum();
        let center = if design.chart == Chart::C {
            sum / as_f64(samples.len())
        } else {
            sum / total
        };
        if !center.is_finite() {
            return Err(EstimateError::Empty);
        }
        if let Some(sigma) = chance(design.chart, center) {
            let mut process = Self {
                center,
                sigma,
                spread: None,
                sigma_z: 1.0,
            };
            if design.chart.is_laney() {
                process.sigma_z = process
                    .over_dispersion(design.chart, samples)
                    .ok_or(EstimateError::NoSpread)?;
            }
            let is_fine = process.sigma * process.sigma_z > 0.0;
            return if is_fine {
                Ok(process)
            } else {
                Err(EstimateError::Constant)
            };
        }
        let sigma = sigma(design.estimator, samples, center)?;
        let spreads = |sample: &Sample| sample.spread(design.spread.unwrap_or(Spread::Range));
        let (weighted, weights) = samples
            .iter()
            .filter_map(|sample| Some((spreads(sample)? * sample.size, sample.size)))
            .fold((0.0, 0.0), |(sum, weights), (spread, size)| {
                (sum + spread, weights + size)
            });
        if sigma > 0.0 {
            Ok(Self {
                center,
                sigma,
                spread: Some(weighted / weights),
                sigma_z: 1.0,
            })
        } else {
            Err(EstimateError::Constant)
        }
    }

    /// Sigma of the counts in standard errors, from their moving range: 1 where chance alone is at work.
    pub fn over_dispersion(&self, chart: Chart, samples: &[Sample]) -> Option<f64> {
        let plain = Self { sigma_z: 1.0, ..*self };
        let scores: Vec<f64> = samples
            .iter()
            .map(|sample| {
                let line = plain.line(chart, sample.size);
                (sample.value - line.center) / line.se
            })
            .collect();
        let steps = scores.windows(2).map(|pair| match pair {
            [a, b] => (b - a).abs(),
            _ => 0.0,
        });
        let mean = steps.sum::<f64>() / as_f64(scores.len().checked_sub(1)?);
        d2(2).map(|d2| mean / d2).filter(|sigma_z| sigma_z.is_finite())
    }

    /// Where a point of this size should lie.
    pub fn line(&self, chart: Chart, size: f64) -> Line {
        let se = self.sigma * self.sigma_z / size.sqrt();
        match chart {
            Chart::P | Chart::LaneyP => Line::new(self.center, se).within(0.0, 1.0),
            Chart::U | Chart::LaneyU => Line::new(self.center, se).within(0.0, f64::INFINITY),
            Chart::Np => Line::new(self.center * size, se * size).within(0.0, size),
            Chart::C => Line::new(self.center, self.sigma).within(0.0, f64::INFINITY),
            _ => Line::new(self.center, se),
        }
    }

    /// Where its range or standard deviation should lie. What was learnt has one centre for all sizes, the mean weighted by size,
    /// and limits by the size of each point. Where sizes differ much, ranges of small subgroups are then held against too high a
    /// centre, those of large ones against too low a one; given limits have a centre for each size.
    pub fn spread_line(&self, spread: Spread, size: f64) -> Option<Line> {
        let n = whole(size);
        let (center, se) = match spread {
            Spread::MovingRange => (d2(2)?, d3(2)?),
            Spread::Range => (d2(n)?, d3(n)?),
            Spread::Deviation => (c4(n), (1.0 - c4(n).powi(2)).sqrt()),
        };
        let center = self.spread.unwrap_or(center * self.sigma);
        Some(Line::new(center, se * self.sigma).within(0.0, f64::INFINITY))
    }
}

/// What chance makes of one unit; nothing for what is measured.
fn chance(chart: Chart, center: f64) -> Option<f64> {
    match chart {
        Chart::P | Chart::LaneyP | Chart::Np => Some((center * (1.0 - center)).max(0.0).sqrt()),
        Chart::C | Chart::U | Chart::LaneyU => Some(center.max(0.0).sqrt()),
        _ => None,
    }
}

fn sigma(estimator: Estimator, samples: &[Sample], center: f64) -> Result<f64, EstimateError> {
    if estimator == Estimator::Sd {
        let squares: f64 = samples.iter().map(|sample| (sample.value - center).powi(2)).sum();
        let count = samples.len();
        return if count > 1 {
            Ok((squares / as_f64(count - 1)).sqrt() / c4(count))
        } else {
            Err(EstimateError::NoSpread)
        };
    }
    if estimator == Estimator::MedianMr {
        let mut ranges: Vec<f64> = samples.iter().filter_map(|sample| sample.range).collect();
        return median(&mut ranges)
            .map(|median| median / MEDIAN_RANGE_2)
            .ok_or(EstimateError::NoSpread);
    }
    if estimator == Estimator::Rmsdf {
        let (squares, freedom) = samples
            .iter()
            .filter_map(|sample| Some((sample.deviation?.powi(2) * (sample.size - 1.0), sample.count() - 1)))
            .fold((0.0, 0), |(sum, freedom), (square, df)| (sum + square, freedom + df));
        return if freedom > 0 {
            Ok((squares / as_f64(freedom)).sqrt() / c4(freedom + 1))
        } else {
            Err(EstimateError::NoSpread)
        };
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for sample in samples {
        let Some((estimate, weight)) = weighted(estimator, sample)? else {
            continue;
        };
        sum += estimate * weight;
        weights += weight;
    }
    if weights > 0.0 {
        Ok(sum / weights)
    } else {
        Err(EstimateError::NoSpread)
    }
}

/// What one subgroup says of sigma, and how much it counts.
fn weighted(estimator: Estimator, sample: &Sample) -> Result<Option<(f64, f64)>, EstimateError> {
    let n = if estimator == Estimator::Mr { 2 } else { sample.count() };
    if matches!(estimator, Estimator::UwaveSd | Estimator::MvlueSd) {
        let c4 = c4(n);
        let weight = if estimator == Estimator::MvlueSd {
            c4.powi(2) / (1.0 - c4.powi(2))
        } else {
            1.0
        };
        return Ok(sample.deviation.map(|deviation| (deviation / c4, weight)));
    }
    let Some(range) = sample.range else {
        return Ok(None);
    };
    let (d2, d3) = d2(n).zip(d3(n)).ok_or(EstimateError::TooLarge(n))?;
    let weight = if estimator == Estimator::MvlueR {
        (d2 / d3).powi(2)
    } else {
        1.0
    };
    Ok(Some((range / d2, weight)))
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}
