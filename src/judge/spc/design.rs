//! What a chart is made of before it has seen a value: its kind, how sigma is estimated, which rules are on.

use serde::{Deserialize, Serialize};

use super::constants::RANGE_SIZE_MAX;
use super::rules::{Hits, Rule, RuleSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chart {
    /// Single values and their moving range.
    IMr,
    XbarR,
    XbarS,
    /// The fraction of defective pieces.
    P,
    /// Their number.
    Np,
    /// Defects per subgroup.
    C,
    /// Defects per unit.
    U,
    /// p and u where more varies from subgroup to subgroup than chance allows, after Laney.
    LaneyP,
    LaneyU,
    Ewma,
    Cusum,
    /// Few pieces of many products: deviations from what each product should have.
    ShortRunDifference,
    /// The same, in standard deviations of each product.
    ShortRunZ,
}

impl Chart {
    pub const ALL: [Self; 13] = [
        Self::IMr,
        Self::XbarR,
        Self::XbarS,
        Self::P,
        Self::Np,
        Self::C,
        Self::U,
        Self::LaneyP,
        Self::LaneyU,
        Self::Ewma,
        Self::Cusum,
        Self::ShortRunDifference,
        Self::ShortRunZ,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::IMr => "i-mr",
            Self::XbarR => "xbar-r",
            Self::XbarS => "xbar-s",
            Self::P => "p",
            Self::Np => "np",
            Self::C => "c",
            Self::U => "u",
            Self::LaneyP => "laney-p",
            Self::LaneyU => "laney-u",
            Self::Ewma => "ewma",
            Self::Cusum => "cusum",
            Self::ShortRunDifference => "short-run-difference",
            Self::ShortRunZ => "short-run-z",
        }
    }

    /// Whether defects are counted rather than something measured.
    pub fn counts(self) -> bool {
        matches!(
            self,
            Self::P | Self::Np | Self::C | Self::U | Self::LaneyP | Self::LaneyU
        )
    }

    /// Whether more varies in the counts than chance, by a sigma z of their own.
    pub fn is_laney(self) -> bool {
        matches!(self, Self::LaneyP | Self::LaneyU)
    }

    /// Whether each count comes with the number that was looked at.
    pub fn needs_sizes(self) -> bool {
        self.counts() && self != Self::C
    }

    pub fn is_short_run(self) -> bool {
        matches!(self, Self::ShortRunDifference | Self::ShortRunZ)
    }

    /// Whether subgroups of several values are plotted, by their mean.
    pub fn takes_subgroups(self) -> bool {
        matches!(self, Self::XbarR | Self::XbarS | Self::Ewma | Self::Cusum)
    }

    /// Whether a subgroup must have several values.
    pub fn needs_subgroups(self) -> bool {
        matches!(self, Self::XbarR | Self::XbarS)
    }
}

impl std::str::FromStr for Chart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        let name = match lower.as_str() {
            "p'" => "laney-p",
            "u'" => "laney-u",
            "imr" | "i" | "mr" => "i-mr",
            "xbar" | "r" => "xbar-r",
            "s" => "xbar-s",
            other => other,
        };
        let chart = Self::ALL.into_iter().find(|chart| chart.name() == name);
        chart.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is not a chart; write one of {names}")
        })
    }
}

/// How sigma is estimated from phase I. The first five are for subgroups, under the names that R's qcc gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// The mean of R / d2.
    UwaveR,
    /// The mean of s / c4.
    UwaveSd,
    /// R / d2, each weighted with the precision of its size.
    MvlueR,
    MvlueSd,
    /// The pooled standard deviation.
    Rmsdf,
    /// The mean moving range over d2(2).
    Mr,
    /// Its median over that of two normal values: one gross error does not widen it.
    MedianMr,
    /// The standard deviation of all single values: for charts that shall live with drift.
    Sd,
}

impl Estimator {
    pub const ALL: [Self; 8] = [
        Self::UwaveR,
        Self::UwaveSd,
        Self::MvlueR,
        Self::MvlueSd,
        Self::Rmsdf,
        Self::Mr,
        Self::MedianMr,
        Self::Sd,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::UwaveR => "uwave-r",
            Self::UwaveSd => "uwave-sd",
            Self::MvlueR => "mvlue-r",
            Self::MvlueSd => "mvlue-sd",
            Self::Rmsdf => "rmsdf",
            Self::Mr => "mr",
            Self::MedianMr => "median-mr",
            Self::Sd => "sd",
        }
    }

    pub fn is_of_subgroups(self) -> bool {
        !matches!(self, Self::Mr | Self::MedianMr | Self::Sd)
    }

    pub fn uses_range(self) -> bool {
        matches!(self, Self::UwaveR | Self::MvlueR)
    }
}

impl std::str::FromStr for Estimator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let name = match lower.as_str() {
            "rbar" | "r-bar" => "uwave-r",
            "sbar" | "s-bar" => "uwave-sd",
            "pooled" => "rmsdf",
            "mmr" => "median-mr",
            other => other,
        };
        let estimator = Self::ALL.into_iter().find(|estimator| estimator.name() == name);
        estimator.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is not a way to estimate sigma; write one of {names} (also r-bar, s-bar, pooled)")
        })
    }
}

/// What is watched beside the location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    MovingRange,
    Range,
    Deviation,
}

/// A chart of exponentially weighted means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ewma {
    /// The weight of the newest point.
    pub lambda: f64,
    /// Of the limits, in standard errors of the weighted mean.
    pub width: f64,
    /// Limits as wide from the first point as they come to be, rather than narrow while the mean is young.
    pub fixed: bool,
}

impl Default for Ewma {
    fn default() -> Self {
        Self {
            lambda: 0.2,
            width: 2.962,
            fixed: false,
        }
    }
}

/// Cumulative sums of deviations up and down, in standard errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cusum {
    /// Half the shift that shall be found.
    pub k: f64,
    /// The decision interval.
    pub h: f64,
    /// Both sums start here: a process that starts wrong is found sooner.
    pub fir: f64,
}

impl Default for Cusum {
    fn default() -> Self {
        Self {
            k: 0.5,
            h: 5.0,
            fir: 0.0,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    pub chart: Chart,
    pub spread: Option<Spread>,
    pub estimator: Estimator,
    pub rules: RuleSet,
    pub ewma: Ewma,
    pub cusum: Cusum,
}

/// Up to this size the range tells nearly as much as the standard deviation.
const RANGE_SIZE_USUAL: usize = 10;

impl Design {
    /// As it is usual for a chart and the largest size of its subgroups.
    pub fn new(chart: Chart, subgroup: usize) -> Self {
        let spread = match chart {
            _ if chart.counts() => None,
            Chart::XbarR => Some(Spread::Range),
            Chart::XbarS => Some(Spread::Deviation),
            _ if !chart.takes_subgroups() || subgroup < 2 => Some(Spread::MovingRange),
            _ if subgroup <= RANGE_SIZE_USUAL => Some(Spread::Range),
            _ => Some(Spread::Deviation),
        };
        let estimator = match spread {
            None | Some(Spread::MovingRange) => Estimator::Mr,
            Some(Spread::Range) => Estimator::UwaveR,
            Some(Spread::Deviation) => Estimator::UwaveSd,
        };
        // What smooths has its own limits, and run rules know nothing of smoothed points.
        let rules = match chart {
            Chart::Ewma | Chart::Cusum => RuleSet::none(),
            _ => RuleSet::default(),
        };
        Self {
            chart,
            spread,
            estimator,
            rules,
            ewma: Ewma::default(),
            cusum: Cusum::default(),
        }
    }

    /// What may be told as an alarm, and speaks against a phase I. A moving range says little that the values do not, and
    /// leaves its limits once in 109 points of a stable process: it is drawn and listed, and condemns nothing.
    pub fn alarms(&self, hits: Hits) -> Hits {
        if self.raises(Rule::Spread) {
            hits
        } else {
            hits.without(Hits::of(Rule::Spread))
        }
    }

    pub fn raises(&self, rule: Rule) -> bool {
        rule != Rule::Spread || self.spread != Some(Spread::MovingRange) && self.rules.watches_spread()
    }

    /// What does not go together, as told to whoever chose it.
    pub fn problem(&self, subgroup: usize) -> Option<String> {
        let chart = self.chart.name();
        let estimator = self.estimator.name();
        let is_grouped = self.spread.is_some_and(|spread| spread != Spread::MovingRange);
        if self.chart.needs_subgroups() && subgroup < 2 {
            return Some(format!(
                "{chart} plots means: subgroups have at least two values; for single ones take i-mr"
            ));
        }
        if self.spread.is_some() && self.estimator.is_of_subgroups() != is_grouped {
            let wanted = if is_grouped {
                "uwave-r, uwave-sd, mvlue-r, mvlue-sd, rmsdf"
            } else {
                "mr, median-mr, sd"
            };
            return Some(format!(
                "{estimator} does not estimate sigma here; write one of {wanted}"
            ));
        }
        let uses_range = self.spread == Some(Spread::Range) || self.estimator.uses_range() && is_grouped;
        if uses_range && subgroup > RANGE_SIZE_MAX {
            return Some(format!(
                "the range of {subgroup} values says little of them; take xbar-s, with uwave-sd or rmsdf"
            ));
        }
        if !(self.ewma.lambda > 0.0 && self.ewma.lambda <= 1.0 && self.ewma.width > 0.0) {
            return Some("EWMA takes a lambda above 0 and up to 1, and a width above 0".to_owned());
        }
        let is_fine = self.cusum.h > 0.0 && self.cusum.k >= 0.0 && (0.0..self.cusum.h).contains(&self.cusum.fir);
        (!is_fine).then(|| "CUSUM takes an h above 0, a k of 0 or more, and a head start below h".to_owned())
    }
}
