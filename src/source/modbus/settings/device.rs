//! `[modbus.NAME.device.DEVICE]`: one unit on a connection, what it can be asked for at once, and its points.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Finding, PointSettings, below};
use crate::record::Role;
use crate::source::modbus::plan::Limits;
use crate::units::Period;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSettings {
    pub unit: u8,
    pub equipment: String,
    pub poll: Period,
    /// A make of device that is known, by the name of its template.
    pub template: Option<String>,
    /// Of the template, these points alone.
    pub only: Option<Vec<String>>,
    pub max_registers: Option<Within<1, 125>>,
    pub max_bits: Option<Within<1, 2000>>,
    pub max_gap: Option<u16>,
    pub align: Option<Within<1, 2>>,
    /// A point that changes for as long as the device is alive.
    pub heartbeat: Option<Heartbeat>,
    /// A point that the device counts up when it changes its values: they belong together if it is the same before and
    /// after them.
    pub snapshot: Option<String>,
    #[serde(default)]
    /// Boxed, for the map has room for twice as many.
    pub points: BTreeMap<String, Box<PointSettings>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    pub point: String,
    /// Unchanged for longer than this, the device is not believed.
    pub within: Period,
}

const MAX_GAP_DEFAULT: u16 = 8;

/// A number with both its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Within<const MIN: u16, const MAX: u16>(u16);

impl<const MIN: u16, const MAX: u16> Within<MIN, MAX> {
    pub fn get(self) -> u16 {
        self.0
    }

    const LOWEST: Self = Self(MIN);
    const HIGHEST: Self = Self(MAX);
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
            max_registers: self.max_registers.unwrap_or(Within::HIGHEST).get(),
            max_bits: self.max_bits.unwrap_or(Within::HIGHEST).get(),
            max_gap: self.max_gap.unwrap_or(MAX_GAP_DEFAULT),
            align: self.align.unwrap_or(Within::LOWEST).get(),
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
        if self.only.is_some() && self.template.is_none() {
            find("only", "there is no template of which only some points could be taken");
        }
        if self.points.is_empty() && self.template.is_none() {
            find(
                "points",
                "there is nothing to read; write NAME = { at = \"holding:0\", type = \"u16\" }, or name a template",
            );
        }
        if self.heartbeat.as_ref().is_some_and(|beat| beat.within.0 < self.poll.0) {
            let what = "the device is polled less often than its heart has to beat; give it a longer time";
            found.push((at(&["heartbeat", "within"]), what.to_owned()));
        }
        found.extend(self.check_references());
        let mut states = self.points.iter().filter(|(_, point)| point.role == Some(Role::State));
        if let Some((first, _)) = states.next() {
            let problem = format!("the state is told by `{first}` already; leave this role out");
            found.extend(states.map(|(name, _)| (at(&["points", name, "role"]), problem.clone())));
        }
        for (name, point) in &self.points {
            let of_point = point.check(self.limits());
            found.extend(below(&["points", name], of_point));
        }
        found
    }

    /// Points that other settings speak of are there, and can be what they are taken for.
    fn check_references(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut check = |path: &[&str], name: &str, is_scale: bool| {
            let Some(point) = self.points.get(name) else {
                let names: Vec<&str> = self.points.keys().map(String::as_str).collect();
                found.push((
                    at(path),
                    format!("there is no point `{name}`; there are {}", names.join(" ")),
                ));
                return;
            };
            if is_scale && !(point.kind().is_number() && point.scaled_by().is_none()) {
                let what = format!("`{name}` has to be a number that is not itself scaled by another point");
                found.push((at(path), what));
            }
        };
        if let Some(beat) = &self.heartbeat {
            check(&["heartbeat", "point"], &beat.point, false);
        }
        if let Some(sequence) = &self.snapshot {
            check(&["snapshot"], sequence, false);
        }
        for (name, point) in &self.points {
            if let Some((key, other)) = point.scaled_by() {
                check(&["points", name, key], other, true);
            }
        }
        found
    }
}

/// The place of a setting of a device.
pub fn at(path: &[&str]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}
