//! `[modbus.NAME]` as it stands in the configuration, and what of it cannot work.
//!
//! A value that is wrong by itself is refused where it is parsed, so that it is shown at its own line. What only shows
//! when several values are seen together is found by `Settings::check`, all of it at once.

mod device;
mod point;
mod template;
mod writable;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use super::budget;
use super::url::Url;
use crate::units::Period;
pub use device::DeviceSettings;
pub use point::{Mark, PointSettings, WriteRange};
pub use template::Template;

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

fn default_timeout() -> Period {
    Period::from_ms(1000)
}

fn no_pause() -> Period {
    Period::from_ms(0)
}

/// The path of a setting below `[modbus.NAME]`, and what is wrong with it.
pub type Finding = (Vec<String>, String);

const WAIT_MAX: Duration = Duration::from_mins(1);

impl Settings {
    /// Everything that cannot work, at once. Settings without findings can be run.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut find = |key: &str, what: &str| found.push((vec![key.to_owned()], what.to_owned()));
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
        if self.url.is_rtu() {
            found.extend(budget::findings(self));
        } else {
            let gaps = budget::share(self, Duration::ZERO);
            if gaps > 1.0 {
                let what = format!(
                    "the gaps alone would take {:.0} % of the time; poll less often or shorten the gap",
                    gaps * 100.0
                );
                find("request_gap", &what);
            }
        }

        found.extend(self.check_writable());
        let (mut units, mut equipment) = (BTreeSet::new(), BTreeSet::new());
        for (name, device) in &self.device {
            let mut of_device = device.check();
            if self.url.is_rtu() && !(1..=247).contains(&device.unit) {
                let what = format!(
                    "a unit on a line has a number from 1 to 247; {} would speak to all or to none",
                    device.unit
                );
                of_device.push((vec!["unit".to_owned()], what));
            }
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

    #[test]
    fn the_reference_settings_are_right() {
        assert_eq!(found(LINE), [""; 0]);
        let settings = parse(LINE).expect("settings");
        assert_eq!(settings.timeout, Period::from_ms(1000));
        let limits = settings.device["press-7"].limits();
        assert_eq!(
            (limits.max_registers, limits.max_bits, limits.max_gap, limits.align),
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
    fn points_that_other_settings_speak_of_must_be_there() {
        let with = |device: &str, points: &str| {
            let device = format!("unit = 1\n{device}");
            found(&format!("{}\n{points}", LINE.trim_end().replace("unit = 1", &device)))
        };
        for (device, points, place) in [
            ("snapshot = \"stat\"", "", "snapshot"),
            (
                "heartbeat = { point = \"beat\", within = \"5s\" }",
                "",
                "heartbeat.point",
            ),
            (
                "heartbeat = { point = \"state\", within = \"100ms\" }",
                "",
                "heartbeat.within",
            ),
            (
                "",
                r#"p = { at = "holding:9", type = "u16", exponent = "sf" }"#,
                "points.p.exponent",
            ),
            (
                "",
                r#"p = { at = "holding:9", type = "u16", scale_by = "p" }"#,
                "points.p.scale_by",
            ),
            (
                "",
                "p = { at = \"holding:9\", type = \"u16\", scale_by = \"q\" }\nq = { at = \"holding:8\", type = \"string:2\" }",
                "points.p.scale_by",
            ),
        ] {
            let found = with(device, points);
            let place = format!("device.press-7.{place}: ");
            assert!(
                found.len() == 1 && found[0].starts_with(&place),
                "{device} {points}: {found:?}"
            );
        }
        let unknown = with("snapshot = \"stat\"", "");
        assert!(
            unknown[0].ends_with("there are door force good_count state"),
            "{unknown:?}"
        );
        let fine = "p = { at = \"holding:9\", type = \"u16\", exponent = \"sf\" }\nsf = { at = \"holding:8\", type = \"i16\" }";
        let device = "snapshot = \"good_count\"\nheartbeat = { point = \"state\", within = \"5s\" }";
        assert_eq!(with(device, fine), [""; 0]);
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
