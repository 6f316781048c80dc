//! `lineside.toml`, section by section, as it is written. What a value can be wrong about by itself is refused where it is
//! parsed; what only shows beside other values is found in `plan`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::NaiveTime;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::forward::http::Compression;
use crate::intake::decode::EquipmentAt;
use crate::intake::station::{Language, Mode, UnknownOrder};
use crate::record::Role;
use crate::source::modbus;
use crate::source::scanner::{Line, Parity, Port, Reply};
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
            commit_wait: CommitWait(5),
        }
    }
}

/// Milliseconds that telemetry may wait to share a flush while the line is busy.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct CommitWait(pub u64);

impl TryFrom<String> for CommitWait {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(5));
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    pub listen: SocketAddr,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    pub url: MqttUrl,
    #[serde(default)]
    pub protocol: MqttProtocol,
    pub client_id: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    pub topic: Vec<Topic>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttScheme {
    Mqtt,
    Mqtts,
    Ws,
    Wss,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct MqttUrl {
    pub scheme: MqttScheme,
    pub host: String,
    pub port: u16,
    pub text: String,
}

impl TryFrom<String> for MqttUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}; write a URL such as \"mqtt://broker:1883\" (mqtts://, ws://, wss://)");
        let url = reqwest::Url::parse(&text).map_err(|e| wrong(&e.to_string()))?;
        let (scheme, port) = match url.scheme() {
            "mqtt" | "tcp" => (MqttScheme::Mqtt, 1883),
            "mqtts" | "ssl" => (MqttScheme::Mqtts, 8883),
            "ws" => (MqttScheme::Ws, 80),
            "wss" => (MqttScheme::Wss, 443),
            other => return Err(wrong(&format!("`{other}://` is not a way to a broker"))),
        };
        if url.password().is_some() || !url.username().is_empty() {
            return Err("credentials do not belong into a URL; use `username` and `password_file`".to_owned());
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| wrong("the URL has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self {
            scheme,
            host,
            port: url.port().unwrap_or(port),
            text,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "u8")]
pub enum MqttProtocol {
    V311,
    #[default]
    V5,
}

impl TryFrom<u8> for MqttProtocol {
    type Error = String;

    fn try_from(level: u8) -> Result<Self, String> {
        match level {
            4 => Ok(Self::V311),
            5 => Ok(Self::V5),
            _ => Err(format!(
                "{level} is not a protocol level; write 5 for MQTT 5 or 4 for MQTT 3.1.1"
            )),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    pub filter: TopicFilter,
    #[serde(default)]
    pub qos: TopicQos,
    #[serde(default)]
    pub format: TopicFormat,
    pub equipment: TopicEquipment,
    pub time: Option<Pointer>,
    pub id: Option<Pointer>,
    #[serde(default = "payload_max")]
    pub max_payload: Size,
    pub points: BTreeMap<String, TopicPoint>,
}

fn payload_max() -> Size {
    Size(64 << 10)
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct TopicFilter(pub String);

impl TryFrom<String> for TopicFilter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let levels: Vec<&str> = text.split('/').collect();
        let is_fine = !text.is_empty()
            && text.len() <= 65_535
            && !text.contains('\0')
            && levels
                .iter()
                .all(|level| !level.contains(['+', '#']) || level.len() == 1)
            && levels.iter().rev().skip(1).all(|level| *level != "#");
        if is_fine {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is not a topic filter; `+` stands for one whole level, `#` only at the end"
            ))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub struct TopicQos(pub u8);

impl Default for TopicQos {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u8> for TopicQos {
    type Error = String;

    fn try_from(qos: u8) -> Result<Self, String> {
        match qos {
            0 | 1 => Ok(Self(qos)),
            _ => Err(format!(
                "qos {qos} is not offered; write 1 (kept on disk before it is acknowledged) or 0"
            )),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum TopicFormat {
    #[default]
    Json,
    Value,
}

impl TryFrom<String> for TopicFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "json" => Ok(Self::Json),
            "value" => Ok(Self::Value),
            "sparkplug-b" => Err("`sparkplug-b` is not in this version; write \"json\" or \"value\"".to_owned()),
            other => Err(format!("`{other}` is not a format; write \"json\" or \"value\"")),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct TopicEquipment(pub EquipmentAt);

impl TryFrom<String> for TopicEquipment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        EquipmentAt::parse(&text).map(Self)
    }
}

/// A JSON pointer (RFC 6901).
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(pub String);

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is not a JSON pointer; write one such as \"/ts\""))
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicPoint {
    pub at: Option<Pointer>,
    pub role: Option<Role>,
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    pub unit: Option<String>,
    pub deadband: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    pub scanner: ScannerUrl,
    pub equipment: Option<String>,
    pub process: Option<String>,
    #[serde(default = "start_stop")]
    pub mode: StationMode,
    #[serde(default = "carriage_return")]
    pub terminator: String,
    #[serde(default = "no_reply")]
    pub reply: Reply,
    #[serde(default = "duplicate_window")]
    pub duplicate_window: Period,
    #[serde(default = "reject")]
    pub unknown_order: UnknownOrder,
    #[serde(default = "five_percent")]
    pub over_report: Fraction,
    #[serde(default)]
    pub patterns: Vec<BTreeMap<LabelName, LabelPattern>>,
}

fn start_stop() -> StationMode {
    StationMode(Mode::StartStop)
}

fn carriage_return() -> String {
    "\r".to_owned()
}

fn no_reply() -> Reply {
    Reply::None
}

fn duplicate_window() -> Period {
    Period::from_ms(1500)
}

fn reject() -> UnknownOrder {
    UnknownOrder::Reject
}

fn five_percent() -> Fraction {
    Fraction(Decimal::new(5, 2))
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct StationMode(pub Mode);

impl TryFrom<String> for StationMode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "start_stop" => Ok(Self(Mode::StartStop)),
            "report_only" => Ok(Self(Mode::ReportOnly)),
            "piece" | "piece_count" | "crew" | "batch_traveler" => Err(format!(
                "`{text}` is not in this version; write \"start_stop\" or \"report_only\""
            )),
            other => Err(format!(
                "`{other}` is not a mode; write \"start_stop\" or \"report_only\""
            )),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub struct Fraction(pub Decimal);

impl TryFrom<f64> for Fraction {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        let wrong = || format!("{number} is not a tolerance; write a fraction such as 0.05 for five per cent");
        if !(0.0..=10.0).contains(&number) {
            return Err(wrong());
        }
        Decimal::from_f64_retain(number)
            .map(|d| Self(d.round_dp(6)))
            .ok_or_else(wrong)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelName {
    Badge,
    Order,
    Traveler,
    Operation,
    Equipment,
    Reason,
    Quantity,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct LabelPattern(pub regex::Regex);

impl TryFrom<String> for LabelPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.starts_with('^') || !text.ends_with('$') {
            return Err(format!(
                "`{text}` would also fit part of a code; anchor it with ^ and $"
            ));
        }
        let pattern = regex::RegexBuilder::new(&text).size_limit(1 << 20).build();
        let pattern = pattern.map_err(|e| format!("not a regular expression: {e}"))?;
        if pattern.capture_names().flatten().any(|name| name == "id") {
            Ok(Self(pattern))
        } else {
            Err(format!(
                "`{text}` does not say what the id is; name it as in ^MO(?<id>\\d{{8}})$"
            ))
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ScannerUrl(pub Port);

impl TryFrom<String> for ScannerUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ways = "write tcp-listen://ADDRESS:PORT, tcp://HOST:PORT or serial:///dev/…?baud=9600";
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("`{text}` is not a URL; {ways}"))?;
        match scheme {
            "tcp-listen" => rest.parse().map(|address| Self(Port::Listen(address))).map_err(|_| {
                format!("`{rest}` is not an address to listen on; write one such as tcp-listen://0.0.0.0:9101")
            }),
            "tcp" => match rest.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self(Port::Connect(rest.to_owned())))
                }
                _ => Err(format!("`{rest}` has no host and port; write tcp://HOST:PORT")),
            },
            "serial" => serial(rest).map(Self),
            "evdev" => Err(format!("`evdev://` is not in this version; {ways}")),
            other => Err(format!("`{other}://` is no way to a scanner; {ways}")),
        }
    }
}

fn serial(rest: &str) -> Result<Port, String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !path.starts_with('/') {
        return Err(format!(
            "`{path}` is not the path of a device; write serial:///dev/serial/by-id/…"
        ));
    }
    let mut line = Line {
        baud: 9600,
        data_bits: 8,
        parity: Parity::None,
        stop_bits: 1,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let wrong = |right: &str| format!("`{value}` is not a value of {key}; write {right}");
        match key {
            "baud" => {
                line.baud = value
                    .parse()
                    .ok()
                    .filter(|b| (300..=4_000_000).contains(b))
                    .ok_or_else(|| wrong("a rate such as 9600"))?;
            }
            "data" => {
                line.data_bits = value
                    .parse()
                    .ok()
                    .filter(|b| [7, 8].contains(b))
                    .ok_or_else(|| wrong("7 or 8"))?;
            }
            "stop" => {
                line.stop_bits = value
                    .parse()
                    .ok()
                    .filter(|b| [1, 2].contains(b))
                    .ok_or_else(|| wrong("1 or 2"))?;
            }
            "parity" => {
                line.parity = match value {
                    "none" => Parity::None,
                    "even" => Parity::Even,
                    "odd" => Parity::Odd,
                    _ => return Err(wrong("none, even or odd")),
                }
            }
            _ => {
                return Err(format!(
                    "`{key}` is not a setting of a serial line (known: baud, data, parity, stop)"
                ));
            }
        }
    }
    Ok(Port::Serial {
        path: path.to_owned(),
        line,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub url: UpstreamUrl,
    pub token: Option<String>,
    pub token_file: Option<PathBuf>,
    #[serde(default = "every_topic")]
    pub send: Vec<SendTopic>,
    #[serde(default = "records_max")]
    pub max_records: usize,
    #[serde(default = "bytes_max")]
    pub max_bytes: Size,
    #[serde(default = "wait_max")]
    pub max_wait: Period,
    #[serde(default)]
    pub compress: Compression,
    #[serde(default = "answer_within")]
    pub timeout: Period,
}

fn every_topic() -> Vec<SendTopic> {
    use SendTopic::{Alert, Equipment, Inspection, Progress, WorkReport};
    vec![WorkReport, Inspection, Progress, Alert, Equipment]
}

fn records_max() -> usize {
    500
}

fn bytes_max() -> Size {
    Size::from_mib(1)
}

fn wait_max() -> Period {
    Period::from_ms(100)
}

fn answer_within() -> Period {
    Period::from_ms(10_000)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendTopic {
    WorkReport,
    Inspection,
    Progress,
    Alert,
    Equipment,
}

impl SendTopic {
    pub fn name(self) -> &'static str {
        match self {
            Self::WorkReport => "work_report",
            Self::Inspection => "inspection",
            Self::Progress => "progress",
            Self::Alert => "alert",
            Self::Equipment => "equipment",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct UpstreamUrl(pub String);

impl TryFrom<String> for UpstreamUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let right = "write one such as \"https://store.example/api/v1/batches\"";
        let url = reqwest::Url::parse(&text).map_err(|e| format!("not a URL: {e}; {right}"))?;
        if url.password().is_some() || !url.username().is_empty() {
            return Err("credentials do not belong into a URL; use `token_file`".to_owned());
        }
        match url.scheme() {
            "http" | "https" => Ok(Self(text)),
            later @ ("amqp" | "amqps" | "mysql" | "redis" | "mqtt" | "mqtts") => {
                Err(format!("`{later}://` upstreams are not in this version; {right}"))
            }
            other => Err(format!("`{other}://` is no way to an upstream; {right}")),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub from: String,
    #[serde(default = "half_a_minute")]
    pub every: Period,
    /// Where the reference call is, if it does not stand beside the upstream's own.
    pub url: Option<UpstreamUrl>,
}

fn half_a_minute() -> Period {
    Period::from_ms(30_000)
}
