//! `[modbus.NAME]` as it stands in the configuration, and what of it cannot work.
//!
//! A value that is wrong by itself is refused where it is parsed, so that it is shown at its own line. What only shows
//! when several values are seen together is found by `Settings::check`, all of it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use super::address::{At, Order, Type};
use super::budget;
use super::plan::{Limits, Span};
use super::url::Url;
use crate::record::Role;
use crate::units::Period;

/// One connection: one request in flight at a time, however many devices share it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub url: Url,
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// Pause after connecting: some devices swallow what comes sooner.
    #[serde(default = "no_pause")]
    pub connect_delay: Period,
    /// Silence between an answer and the next request.
    #[serde(default = "no_pause")]
    pub request_gap: Period,
    /// Points that may be written.
    #[serde(default)]
    pub writable: Vec<String>,
    pub device: BTreeMap<String, DeviceSettings>,
}

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

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointSettings {
    pub at: At,
    /// May be left out where the address itself says that it is a bit.
    #[serde(rename = "type")]
    pub kind: Option<Type>,
    pub order: Option<Order>,
    pub role: Option<Role>,
    /// Raw value to state name.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    pub unit: Option<String>,
    pub scale: Option<f64>,
    pub offset: Option<f64>,
    pub deadband: Option<f64>,
    /// The raw value by which the device says that it has none.
    pub invalid: Option<i64>,
}

fn default_timeout() -> Period {
    Period::from_ms(1000)
}

fn no_pause() -> Period {
    Period::from_ms(0)
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

/// The path of a setting below `[modbus.NAME]`, and what is wrong with it.
pub type Finding = (Vec<String>, String);

/// Timers tick in milliseconds.
const POLL_MIN: Duration = Duration::from_millis(1);
const POLL_MAX: Duration = Duration::from_hours(24);
const WAIT_MAX: Duration = Duration::from_mins(1);

impl Settings {
    /// Everything that cannot work, at once. Settings without findings can be run.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut find = |key: &str, what: &str| found.push((vec![key.to_owned()], what.to_owned()));
        if !self.writable.is_empty() {
            find("writable", "writing is not in this version; leave `writable` out");
        }
        if self.timeout.0.is_zero() || self.timeout.0 > WAIT_MAX {
            find(
                "timeout",
                "an answer is waited for between 1 ms and 1 minute; most devices need less than \"1s\"",
            );
        }
        for (key, pause) in [("connect_delay", self.connect_delay), ("request_gap", self.request_gap)] {
            if pause.0 > WAIT_MAX {
                find(key, "a pause is at most 1 minute");
            }
        }
        if self.device.is_empty() {
            find("device", "there is no device; write [modbus.NAME.device.DEVICE]");
        }
        if self.url.line().is_none() {
            let gaps = budget::share(self, Duration::ZERO);
            if gaps > 1.0 {
                let what = format!(
                    "the gaps alone would take {:.0} % of the time; poll less often or shorten the gap",
                    gaps * 100.0
                );
                find("request_gap", &what);
            }
        } else {
            found.extend(budget::findings(self));
        }

        let (mut units, mut equipment) = (BTreeSet::new(), BTreeSet::new());
        for (name, device) in &self.device {
            let mut of_device = device.check();
            if !units.insert(device.unit) {
                let what = format!("unit {} is another device's on this connection already", device.unit);
                of_device.push((vec!["unit".to_owned()], what));
            }
            if !equipment.insert(device.equipment.as_str()) {
                let what = format!("{} is another device's equipment already", device.equipment);
                of_device.push((vec!["equipment".to_owned()], what));
            }
            found.extend(below(&["device", name], of_device));
        }
        found
    }
}

fn below<'a>(path: &'a [&str], found: Vec<Finding>) -> impl Iterator<Item = Finding> + 'a {
    found.into_iter().map(|(rest, what)| {
        let whole = path.iter().map(ToString::to_string).chain(rest).collect();
        (whole, what)
    })
}

impl DeviceSettings {
    pub fn limits(&self) -> Limits {
        Limits {
            max_registers: self.max_registers.get(),
            max_bits: self.max_bits.get(),
            max_gap: self.max_gap,
            align: self.align.get(),
        }
    }

    fn check(&self) -> Vec<Finding> {
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

impl PointSettings {
    /// The type that is meant: a bit needs not be called one.
    pub fn kind(&self) -> Type {
        self.kind.unwrap_or(Type::Bool)
    }

    pub fn span(&self) -> Span {
        Span {
            area: self.at.area,
            start: self.at.address,
            count: if self.at.area.has_bits() {
                1
            } else {
                self.kind().registers()
            },
        }
    }

    fn check(&self, limits: Limits) -> Vec<Finding> {
        self.check_place(limits)
            .into_iter()
            .chain(self.check_meaning())
            .map(|(key, what)| (vec![key.to_owned()], what))
            .collect()
    }

    fn check_place(&self, limits: Limits) -> Option<(&'static str, String)> {
        let is_bit = self.at.area.has_bits() || self.at.bit.is_some();
        let (kind, span) = (self.kind(), self.span());
        match self.kind {
            None if !is_bit => {
                return Some(("type", "a register needs a type, such as \"u16\" or \"f32\"".to_owned()));
            }
            Some(Type::Bool) if !is_bit => {
                let what = format!("say which bit of the register: \"{}.0\" to \"{}.15\"", self.at, self.at);
                return Some(("at", what));
            }
            Some(kind) if is_bit && kind != Type::Bool => {
                return Some((
                    "type",
                    format!("{} is a single bit, which is a bool and not a {kind}", self.at),
                ));
            }
            _ => {}
        }
        if let Some(Err(what)) = self.order.map(|order| order.check_fits(kind)) {
            return Some(("order", what));
        }
        if usize::from(span.start) + usize::from(span.count) > 65536 {
            let last = 65536 - usize::from(span.count);
            let what = format!(
                "a {kind} at {} ends past the last address, 65535; it can start at {last}",
                self.at
            );
            return Some(("at", what));
        }
        let asked = limits.aligned(span);
        (asked.count > limits.max_count(span.area)).then(|| {
            let what = format!(
                "a {kind} here needs {} registers ({asked}) in one request, and the device gives {}",
                asked.count, limits.max_registers
            );
            ("at", what)
        })
    }

    fn check_meaning(&self) -> Vec<(&'static str, String)> {
        let kind = self.kind();
        let is_number = kind.is_number();
        let is_state = self.role == Some(Role::State);
        let mut found = Vec::new();
        let mut find = |is_wrong: bool, key, what: &str| {
            if is_wrong {
                found.push((key, what.to_owned()));
            }
        };
        find(
            !self.map.is_empty() && !is_state,
            "map",
            "only a point with role = \"state\" has a map",
        );
        let is_count = matches!(self.role, Some(Role::GoodCount | Role::ScrapCount));
        find(is_count && !is_number, "role", "a count is a number");
        for (key, factor) in [("scale", self.scale), ("offset", self.offset)] {
            find(factor.is_some() && !is_number, key, "only numbers are scaled");
            find(
                factor.is_some() && is_number && is_state,
                key,
                "a state is taken as the device gives it; name its raw values in `map`",
            );
            find(
                factor.is_some_and(|f| !f.is_finite()),
                key,
                "this is not a finite number",
            );
        }
        find(
            self.scale == Some(0.0),
            "scale",
            "scaled by 0, every value would be the same",
        );
        find(
            self.deadband.is_some() && !is_number,
            "deadband",
            "only numbers have a deadband",
        );
        find(
            self.deadband.is_some_and(|d| !d.is_finite() || d < 0.0),
            "deadband",
            "a deadband is 0 or more",
        );
        find(
            self.invalid.is_some() && !is_number,
            "invalid",
            "only numbers have a mark for no value",
        );
        find(
            !self.fits_marker(),
            "invalid",
            &format!("this mark does not fit into a {kind}, so it would never be met"),
        );
        let unmatched = self
            .map
            .keys()
            .find(|raw| is_number && !kind.is_float() && raw.parse::<i128>().is_err());
        if let Some(raw) = unmatched {
            find(
                true,
                "map",
                &format!("a {kind} is never `{raw}`; the names on the left are whole numbers"),
            );
        }
        found
    }

    fn fits_marker(&self) -> bool {
        let width_bits = 16 * u32::from(self.kind().registers());
        self.invalid.is_none_or(|marker| {
            let marker = i128::from(marker);
            !self.kind().is_number()
                || width_bits >= 64
                || (-(1 << (width_bits - 1))..1 << width_bits).contains(&marker)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"
        url = "tcp://127.0.0.1:5020"
        [device.press-7]
        unit = 1
        equipment = "PRESS-7"
        poll = "500ms"
        [device.press-7.points]
        state      = { at = "holding:0", type = "u16", role = "state", map = { 0 = "stopped", 1 = "running", 2 = "fault" } }
        good_count = { at = "holding:2", type = "u32", order = "CDAB", role = "good_count" }
        force      = { at = "input:10", type = "f32", unit = "kN", scale = 1.0, offset = 0.0, deadband = 0.1 }
        door       = { at = "discrete:3" }
    "#;

    fn parse(text: &str) -> Result<Settings, toml::de::Error> {
        toml::from_str(text)
    }

    fn found(text: &str) -> Vec<String> {
        let settings = parse(text).expect("well-formed settings");
        settings
            .check()
            .into_iter()
            .map(|(path, what)| format!("{}: {what}", path.join(".")))
            .collect()
    }

    /// The reference line with one point instead of its own.
    fn found_for_point(point: &str) -> Vec<String> {
        let (head, _) = LINE.split_once("[device.press-7.points]").expect("the points");
        found(&format!("{head}[device.press-7.points]\np = {{ {point} }}"))
    }

    #[test]
    fn the_reference_settings_are_right() {
        assert_eq!(found(LINE), [""; 0]);
        let settings = parse(LINE).expect("settings");
        assert_eq!(settings.timeout, Period::from_ms(1000));
        let device = &settings.device["press-7"];
        assert_eq!(
            (
                device.max_registers.get(),
                device.max_bits.get(),
                device.max_gap,
                device.align.get()
            ),
            (125, 2000, 8, 1)
        );
    }

    #[test]
    fn values_that_are_wrong_alone_are_refused_at_their_own_place() {
        for (right, wrong, message) in [
            ("unit = 1", "unit = 300", "u8"),
            ("poll = \"500ms\"", "poll = \"soon\"", "length of time"),
            ("unit = 1", "unit = 1\nalign = 3", "from 1 to 2"),
            ("unit = 1", "unit = 1\nmax_registers = 126", "from 1 to 125"),
            ("unit = 1", "unit = 1\nmax_bits = 0", "from 1 to 2000"),
            ("unit = 1", "unit = 1\npols = 1", "unknown field"),
            ("holding:2", "40003", "holding:2"),
            ("CDAB", "CADB", "byte order"),
        ] {
            let text = LINE.replace(right, wrong);
            let error = parse(&text).expect_err(wrong);
            assert!(error.message().contains(message), "{wrong}: {error}");
            let line_at = |position: usize| text[..position].lines().count();
            let value = wrong
                .lines()
                .last()
                .and_then(|line| text.find(line))
                .expect("the wrong value");
            let shown = error.span().expect("a place in the file").start;
            assert_eq!(line_at(shown + 1), line_at(value + 1), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_later_versions_bring_is_told_plainly() {
        let template = found(&LINE.replace("unit = 1", "unit = 1\ntemplate = \"sdm630\""));
        assert!(
            template.len() == 1 && template[0].starts_with("device.press-7.template: "),
            "{template:?}"
        );
        let writable = found(&LINE.replace("[device.press-7]", "writable = [\"force\"]\n[device.press-7]"));
        assert!(
            writable.len() == 1 && writable[0].starts_with("writable: "),
            "{writable:?}"
        );
    }

    #[test]
    fn points_that_cannot_work_are_found() {
        for (point, key) in [
            (r#"at = "holding:0""#, "type"),
            (r#"at = "holding:0", type = "bool""#, "at"),
            (r#"at = "holding:0.1", type = "u16""#, "type"),
            (r#"at = "coil:0", type = "u16""#, "type"),
            (r#"at = "holding:0", type = "u16", order = "CDAB""#, "order"),
            (r#"at = "coil:0", order = "CDAB""#, "order"),
            (r#"at = "holding:65535", type = "u32""#, "at"),
            (r#"at = "holding:0", type = "u16", map = { 1 = "running" }"#, "map"),
            (
                r#"at = "holding:0", type = "u16", role = "state", map = { on = "running" }"#,
                "map",
            ),
            (
                r#"at = "holding:0", type = "u16", role = "state", scale = 0.1"#,
                "scale",
            ),
            (r#"at = "holding:0", type = "string:4", role = "good_count""#, "role"),
            (r#"at = "holding:0", type = "string:4", deadband = 1"#, "deadband"),
            (r#"at = "holding:0", type = "u16", deadband = -1"#, "deadband"),
            (r#"at = "coil:0", deadband = 1"#, "deadband"),
            (r#"at = "coil:0", scale = 2"#, "scale"),
            (r#"at = "holding:0", type = "u16", scale = 0"#, "scale"),
            (r#"at = "holding:0", type = "u16", scale = nan"#, "scale"),
            (r#"at = "holding:0", type = "u16", offset = inf"#, "offset"),
            (r#"at = "holding:0", type = "u16", invalid = 65536"#, "invalid"),
            (r#"at = "holding:0", type = "i16", invalid = -32769"#, "invalid"),
            (r#"at = "coil:0", invalid = 1"#, "invalid"),
        ] {
            let found = found_for_point(point);
            let path = format!("device.press-7.points.p.{key}: ");
            assert!(found.len() == 1 && found[0].starts_with(&path), "{point}: {found:?}");
        }
        for point in [
            r#"at = "holding:0", type = "u16", invalid = 0xFFFF"#,
            r#"at = "holding:0.1", type = "bool", role = "state", map = { true = "running" }"#,
            r#"at = "holding:65532", type = "u64", order = "CDAB""#,
        ] {
            assert_eq!(found_for_point(point), [""; 0], "{point}");
        }
    }

    #[test]
    fn a_value_that_no_request_can_hold_is_found() {
        let narrow = LINE
            .replace("unit = 1", "unit = 1\nmax_registers = 3\nalign = 2")
            .replace("holding:2", "holding:3");
        let found = found(&narrow);
        assert!(
            found.len() == 1 && found[0].contains("good_count.at") && found[0].contains("holding:2..5"),
            "{found:?}"
        );
    }

    #[test]
    fn all_findings_come_at_once() {
        let second = "
            [device.press-8]
            unit = 1
            equipment = \"PRESS-7\"
            poll = \"0ms\"
        ";
        let found = found(&format!("timeout = \"0ms\"\nconnect_delay = \"2h\"\n{LINE}{second}"));
        let paths: Vec<&str> = found
            .iter()
            .filter_map(|f| f.split_once(": "))
            .map(|(path, _)| path)
            .collect();
        assert_eq!(
            paths,
            [
                "timeout",
                "connect_delay",
                "device.press-8.poll",
                "device.press-8.points",
                "device.press-8.unit",
                "device.press-8.equipment"
            ]
        );
    }

    #[test]
    fn gaps_that_fill_the_period_are_found() {
        let found = found(&format!("request_gap = \"300ms\"\n{LINE}"));
        assert!(
            found.len() == 1 && found[0].starts_with("request_gap: ") && found[0].contains("180 %"),
            "{found:?}"
        );
    }
}
