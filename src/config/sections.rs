//! `lineside.toml` as it is written, with the sections that are the same for every plant. What a value can be wrong about by
//! itself is refused where it is parsed; what only shows beside other values is found when the sections are lowered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::NaiveTime;
use serde::Deserialize;

use super::alerts::Alerts;
use super::floor::{BreakTime, DayOff};
use super::mqtt::Mqtt;
use super::spc::Spc;
use super::station::Station;
use super::upstream::{Reference, Upstream};
use super::watch::Watch;
use super::web::Web;
use crate::language::Language;
use crate::source::modbus;
use crate::units::{Period, Size};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub gateway: Gateway,
    #[serde(default)]
    pub buffer: BufferSection,
    #[serde(default)]
    pub web: Web,
    #[serde(default)]
    pub equipment: BTreeMap<String, Equipment>,
    #[serde(default)]
    pub mqtt: BTreeMap<String, Mqtt>,
    #[serde(default)]
    pub modbus: BTreeMap<String, modbus::Settings>,
    #[serde(default)]
    pub station: BTreeMap<String, Station>,
    #[serde(default)]
    pub watch: BTreeMap<String, Watch>,
    #[serde(default)]
    pub alerts: Alerts,
    #[serde(default)]
    pub spc: BTreeMap<String, Spc>,
    #[serde(default)]
    pub upstream: BTreeMap<String, Upstream>,
    pub reference: Option<Reference>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    pub id: GatewayId,
    #[serde(default = "one")]
    pub tenant_id: i64,
    pub workshop_id: Option<i64>,
    pub workshop_name: Option<String>,
    #[serde(default = "utc")]
    pub timezone: TimeZone,
    #[serde(default = "data")]
    pub data_dir: PathBuf,
    #[serde(default = "shifts")]
    pub shift_starts: Vec<ShiftStart>,
    /// When nobody is planned to work.
    #[serde(default)]
    pub breaks: Vec<BreakTime>,
    /// Production days without work.
    #[serde(default)]
    pub days_off: Vec<DayOff>,
    /// Of what stations say.
    #[serde(default)]
    pub language: Language,
}

fn one() -> i64 {
    1
}

fn utc() -> TimeZone {
    TimeZone(chrono_tz::Tz::UTC)
}

fn data() -> PathBuf {
    "data".into()
}

fn shifts() -> Vec<ShiftStart> {
    ["08:00", "20:00"]
        .map(|text| ShiftStart(text.parse().expect("a time of day")))
        .into()
}

/// Stands in the id of every record.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct GatewayId(pub String);

impl TryFrom<String> for GatewayId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_fine = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if is_fine {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is not a gateway id; write 1 to 32 of a-z, 0-9 and -"))
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeZone(pub chrono_tz::Tz);

impl TryFrom<String> for TimeZone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("`{text}` is not a time zone; write one such as \"Asia/Shanghai\" or \"Europe/Berlin\"")
        })
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct ShiftStart(pub NaiveTime);

impl TryFrom<String> for ShiftStart {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        NaiveTime::parse_from_str(&text, "%H:%M")
            .map(Self)
            .map_err(|_| format!("`{text}` is not a time of day; write one such as \"08:00\""))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BufferSection {
    pub max_size: Size,
    pub min_free_disk: Size,
    pub commit_wait: CommitWait,
}

impl Default for BufferSection {
    fn default() -> Self {
        Self {
            max_size: Size(2 << 30),
            min_free_disk: Size::from_mib(256),
            commit_wait: CommitWait(COMMIT_WAIT_AUTO_MS),
        }
    }
}

const COMMIT_WAIT_AUTO_MS: u64 = 5;

/// Milliseconds that telemetry may wait to share a flush while the line is busy; below two nothing waits.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct CommitWait(pub u64);

impl TryFrom<String> for CommitWait {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(COMMIT_WAIT_AUTO_MS));
        }
        let period = Period::try_from(text)?;
        let ms = u64::try_from(period.0.as_millis()).unwrap_or(u64::MAX);
        if ms <= 1000 {
            Ok(Self(ms))
        } else {
            Err("commit_wait holds telemetry back; write \"auto\" or at most \"1s\"".to_owned())
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equipment {
    pub name: Option<String>,
    pub equipment_id: Option<i64>,
    pub ideal_cycle: Option<Period>,
    pub offline_after: Option<Period>,
}
