//! `[modbus.NAME.device.DEVICE]`: one unit on a connection, what it can be asked for at once, and its points.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Finding, PointSettings, below};
use crate::source::modbus::plan::Limits;
use crate::units::Period;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSettings {
    pub unit: u8,
    pub equipment: String,
    pub poll: Period,
    pub template: Option<String>,
    #[serde(default = "Within::highest")]
    pub max_registers: Within<1, 125>,
    #[serde(default = "Within::highest")]
    pub max_bits: Within<1, 2000>,
    #[serde(default = "default_max_gap")]
    pub max_gap: u16,
    #[serde(default = "Within::lowest")]
    pub align: Within<1, 2>,
    #[serde(default)]
    pub points: BTreeMap<String, PointSettings>,
}

fn default_max_gap() -> u16 {
    8
}

/// A number with both its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Within<const MIN: u16, const MAX: u16>(u16);

impl<const MIN: u16, const MAX: u16> Within<MIN, MAX> {
    pub fn get(self) -> u16 {
        self.0
    }

    fn lowest() -> Self {
        Self(MIN)
    }

    fn highest() -> Self {
        Self(MAX)
    }
}

impl<const MIN: u16, const MAX: u16> TryFrom<i64> for Within<MIN, MAX> {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        u16::try_from(number)
            .ok()
            .filter(|n| (MIN..=MAX).contains(n))
            .map(Self)
            .ok_or_else(|| format!("{number} is not from {MIN} to {MAX}"))
    }
}

/// Timers tick in milliseconds.
pub const POLL_MIN: Duration = Duration::from_millis(1);
const POLL_MAX: Duration = Duration::from_hours(24);

impl DeviceSettings {
    pub fn limits(&self) -> Limits {
        Limits {
            max_registers: self.max_registers.get(),
            max_bits: self.max_bits.get(),
            max_gap: self.max_gap,
            align: self.align.get(),
        }
    }

    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut find = |key: &str, what: &str| found.push((vec![key.to_owned()], what.to_owned()));
        if self.equipment.trim().is_empty() {
            find("equipment", "the equipment has no name");
        }
        if !(POLL_MIN..=POLL_MAX).contains(&self.poll.0) {
            find(
                "poll",
                "a device is polled between every \"1ms\" and once a day (\"1d\")",
            );
        }
        if self.template.is_some() {
            find(
                "template",
                "templates are not in this version; list the points below `points`",
            );
        }
        if self.points.is_empty() && self.template.is_none() {
            find(
                "points",
                "there is nothing to read; write NAME = { at = \"holding:0\", type = \"u16\" }",
            );
        }
        for (name, point) in &self.points {
            let of_point = point.check(self.limits());
            found.extend(below(&["points", name], of_point));
        }
        found
    }
}
