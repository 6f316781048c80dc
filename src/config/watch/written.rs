//! `[watch.NAME]` as it is written.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;

use crate::judge::anomaly::outlier::Sensitivity;
use crate::judge::anomaly::planned::Span;
use crate::units::Period;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    pub from: From,
    pub checks: Vec<CheckName>,
    #[serde(default)]
    pub sensitivity: Sensitivity,
    pub stuck_after: Option<Period>,
    pub stuck_band: Option<Positive>,
    pub max_rate: Option<MaxRate>,
    pub max_spike: Option<Positive>,
    pub range: Option<Range>,
    pub heartbeat: Option<Heartbeat>,
    pub counter: Option<Counter>,
    pub low_output: Option<LowOutput>,
    pub cycle_time: Option<CycleTime>,
    /// Rows that drift learns from.
    pub learn: Option<u32>,
    /// How long limits that are not given are learnt.
    #[serde(default = "a_day")]
    pub learn_for: Period,
    pub on_delay: Option<Period>,
    pub off_delay: Option<Period>,
    pub gap_after: Option<Period>,
    #[serde(default)]
    pub only_running: bool,
}

fn a_day() -> Period {
    Period::from_ms(24 * 3_600_000)
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a point such as \"PRESS-7.force\", or a list of them")]
pub enum From {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    Outlier,
    Stuck,
    Rate,
    Range,
    Spike,
    Heartbeat,
    CounterReset,
    LowOutput,
    CycleTime,
    Drift,
}

/// A limit that something can be above.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub struct Positive(pub f64);

impl TryFrom<f64> for Positive {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if number.is_finite() && number > 0.0 {
            Ok(Self(number))
        } else {
            Err(format!("{number} is no limit; write a number above 0"))
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxRate {
    pub per_second: Positive,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub fail_low: Option<f64>,
    pub fail_high: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Periodic,
    OnChange,
    Never,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    #[serde(default)]
    pub mode: Mode,
    pub every: Option<Period>,
    pub factor: Option<Positive>,
    pub grace: Option<Period>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    pub rolls_over_at: Option<u64>,
    pub max_rate: Option<MaxRate>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowOutput {
    #[serde(default = "five_minutes")]
    pub window: Period,
    #[serde(default = "three_tenths")]
    pub drop: Share,
    pub per_hour: Option<Positive>,
    #[serde(default)]
    pub per_hour_of: BTreeMap<String, Positive>,
    pub planned: Option<Vec<PlannedSpan>>,
    #[serde(default)]
    pub closed: Vec<NaiveDate>,
}

fn five_minutes() -> Period {
    Period::from_ms(5 * 60_000)
}

fn three_tenths() -> Share {
    Share(0.3)
}

impl Default for LowOutput {
    fn default() -> Self {
        Self {
            window: five_minutes(),
            drop: three_tenths(),
            per_hour: None,
            per_hour_of: BTreeMap::new(),
            planned: None,
            closed: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub struct Share(pub f64);

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if (0.05..=0.95).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!(
                "{number} is not a loss that can be found; write 0.05 to 0.95, such as 0.3 for 30 % less"
            ))
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct PlannedSpan(pub Span);

impl TryFrom<String> for PlannedSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleTime {
    #[serde(default)]
    pub from: CycleFrom,
    pub stop_after: Option<Period>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CycleFrom {
    #[default]
    Counts,
    Value,
}
