//! The nouns that everything else is about: what a machine or a person said (`Reading`), what we keep of it (`Record`),
//! and the answer that travels back once the disk has it (`Receipt`).
//!
//! A `Record` is encoded once, at intake, into the JSON members that travel north. Its place in the log (lane, epoch,
//! sequence) is known only when it is written, so those members are put in front by `wire`, never parsed again.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Zone;
use crate::language::Words;
use crate::scaling::Scaling;

/// An instant; written as RFC 3339 with the plant's offset and milliseconds.
pub type Timestamp = DateTime<Utc>;

/// A position in one lane of the buffer: 1 for the first record of an epoch, then without gaps.
pub type Seq = u64;

/// The two logs of the buffer. Order matters: what must never be lost is written and sent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Work reports, inspections, alerts, progress: never dropped for space or age.
    Report,
    /// Equipment status: has a budget, oldest gives way.
    Telemetry,
}

impl Lane {
    pub const BOTH: [Self; 2] = [Self::Report, Self::Telemetry];

    pub fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Telemetry => "telemetry",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a record says. The discriminant is the byte that stands for it on disk: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    WorkReport = 1,
    Inspection = 2,
    Alert = 3,
    EquipmentFailure = 4,
    Progress = 5,
    ScheduleChange = 6,
    EquipmentStatus = 7,
    Audit = 8,
    Disposition = 9,
}

/// Message type on the wire, priority (1 to 10), lane, and the word for it in an upstream's `send` list.
const KINDS: [(Kind, &str, u8, Lane, &str); 9] = [
    (
        Kind::WorkReport,
        "WORK_REPORT_SUBMITTED",
        8,
        Lane::Report,
        "work_report",
    ),
    (
        Kind::Inspection,
        "QUALITY_INSPECTION_COMPLETED",
        8,
        Lane::Report,
        "inspection",
    ),
    (Kind::Alert, "ALERT_TRIGGERED", 9, Lane::Report, "alert"),
    (Kind::EquipmentFailure, "EQUIPMENT_FAILURE", 9, Lane::Report, "alert"),
    (Kind::Progress, "PROGRESS_UPDATED", 5, Lane::Report, "progress"),
    (Kind::ScheduleChange, "SCHEDULE_CHANGED", 5, Lane::Report, "progress"),
    (
        Kind::EquipmentStatus,
        "EQUIPMENT_STATUS",
        2,
        Lane::Telemetry,
        "equipment",
    ),
    (Kind::Audit, "AUDIT_RECORDED", 4, Lane::Report, "audit"),
    (
        Kind::Disposition,
        "QUALITY_DISPOSITION_DECIDED",
        8,
        Lane::Report,
        "inspection",
    ),
];

impl Kind {
    fn row(self) -> &'static (Self, &'static str, u8, Lane, &'static str) {
        &KINDS[self as usize - 1]
    }

    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|row| row.0)
    }

    pub fn from_code(code: u8) -> Option<Self> {
        KINDS.iter().find(|row| row.0 as u8 == code).map(|row| row.0)
    }

    pub fn from_message_type(name: &str) -> Option<Self> {
        KINDS.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn message_type(self) -> &'static str {
        self.row().1
    }

    pub fn priority(self) -> u8 {
        self.row().2
    }

    pub fn lane(self) -> Lane {
        self.row().3
    }

    /// The word that selects this kind in `[upstream.*] send`.
    pub fn topic(self) -> &'static str {
        self.row().4
    }
}

/// One message, encoded: the JSON members from `"message_id"` to the closing brace of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub kind: Kind,
    pub json: Bytes,
}

/// `"message_id":"` is always the first member, so the id is found without parsing.
const ID_AT: usize = 14;

impl Record {
    /// Encodes a message. `source` names who spoke (`station/ST-01`, `mqtt/plant`), `at` is when it was accepted.
    pub fn encode(kind: Kind, id: Uuid, at: Timestamp, zone: Zone, source: &str, payload: &impl Serialize) -> Self {
        let mut json = Vec::with_capacity(512);
        json.extend_from_slice(b"\"message_id\":\"");
        let mut id_text = [0; 36];
        json.extend_from_slice(id.hyphenated().encode_lower(&mut id_text).as_bytes());
        json.extend_from_slice(b"\",\"message_type\":\"");
        json.extend_from_slice(kind.message_type().as_bytes());
        json.extend_from_slice(b"\",\"timestamp\":\"");
        zone.write_rfc3339(at, &mut json);
        json.extend_from_slice(b"\",\"priority\":");
        json.extend_from_slice(itoa::Buffer::new().format(kind.priority()).as_bytes());
        json.extend_from_slice(b",\"source\":");
        serde_json::to_writer(&mut json, source).expect("text always encodes");
        json.extend_from_slice(b",\"payload\":");
        serde_json::to_writer(&mut json, payload).expect("payload types have text keys and no failing parts");
        json.push(b'}');
        Self {
            kind,
            json: json.into(),
        }
    }

    /// The `message_id` in its text form, or nothing when the bytes are not ours.
    pub fn message_id(json: &[u8]) -> Option<&str> {
        let id = json.get(ID_AT..ID_AT + 36)?;
        json.starts_with(b"\"message_id\":\"")
            .then(|| std::str::from_utf8(id).ok())
            .flatten()
    }
}

/// How far a value can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Read from its source at the given time.
    Good,
    /// The last good value; the source has not confirmed it since.
    Stale,
    /// There is no value: the read failed or the source marked it invalid.
    Bad,
}

/// A value as machines give it. Text is kept as text, integers exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
}

/// A value in the API's document: booleans, numbers and text as they are.
pub fn value_schema() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
    let types = SchemaType::from_iter([Type::Boolean, Type::Number, Type::String]);
    ObjectBuilder::new().schema_type(types).into()
}

/// The longest text that is a value: many of them have to fit into one record.
const TEXT_BYTES_MAX: usize = 1000;

impl Value {
    pub fn text(text: String) -> Result<Self, Fault> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Fault::Invalid(format!(
                "a text of {} bytes, more than {TEXT_BYTES_MAX}",
                text.len()
            )));
        }
        Ok(Self::Text(text))
    }

    /// The number for deadbands and limits; booleans count as 0 and 1, text has none.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            #[expect(
                clippy::cast_precision_loss,
                reason = "comparison only; the record keeps the exact integer"
            )]
            Self::Int(i) => Some(*i as f64),
            #[expect(
                clippy::cast_precision_loss,
                reason = "comparison only; the record keeps the exact integer"
            )]
            Self::Uint(u) => Some(*u as f64),
            Self::Float(f) => Some(*f),
            Self::Text(_) => None,
        }
    }
}

/// What a point means beside its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    State,
    GoodCount,
    ScrapCount,
}

/// A configured point of an equipment: how its value is named, understood and thinned out.
#[derive(Debug, Clone, PartialEq)]
pub struct PointDef {
    pub name: String,
    pub unit: Option<String>,
    pub role: Option<Role>,
    /// Raw value (as text) to state name; only with `Role::State`.
    pub map: Vec<(String, String)>,
    /// A change up to this much is not reported; 0 reports every change; absent reports every reading.
    pub deadband: Option<f64>,
    /// Of a register that counts up: what is told of it is a total that outlives its rollovers and resets.
    pub counter: Option<CounterDef>,
}

/// How a machine's own counter behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CounterDef {
    /// The first number that it cannot hold: it goes on with 0.
    pub rolls_over_at: Option<u64>,
    /// What counts faster was not counted: the counter was set.
    pub max_per_second: f64,
    /// Of the total; what comes from the machine is not scaled yet.
    pub scaling: Option<Scaling>,
}

/// One point of one reading: a value, or the reason why there is none.
#[derive(Debug, Clone)]
pub struct PointReading {
    pub def: Arc<PointDef>,
    pub value: Result<Value, Fault>,
}

/// Why a read gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The device did not answer: what was known is stale.
    Silent(&'static str),
    /// The device answered, but not with a value: what was known is void.
    Invalid(String),
}

/// A machine or a person spoke.
#[derive(Debug)]
pub struct Reading {
    /// `mqtt/plant`, `modbus/line-1`, `station/ST-01`.
    pub source: Arc<str>,
    /// When we heard it.
    pub at: Timestamp,
    pub payload: Payload,
    pub receipt: Receipt,
}

/// How a broker came to send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    New,
    /// It was sent before and not acknowledged.
    Again,
    /// It was kept for whoever subscribes.
    Retained,
}

#[derive(Debug)]
pub enum Payload {
    /// An MQTT message, undecoded.
    Message {
        topic: Bytes,
        body: Bytes,
        delivery: Delivery,
    },
    /// One poll of one device: every configured point, read or failed.
    Poll {
        equipment: Arc<str>,
        points: Vec<PointReading>,
    },
    /// What an edge node said, decoded where its names are known.
    Told(Vec<Told>),
    /// One frame from a scanner.
    Scan { station: Arc<str>, frame: Frame },
    /// What a program or a page handed in.
    Submission { what: Submitted, slip: Slip },
}

/// What can be handed in. Bodies stay as they came, so that all that is wrong with them is found in one place.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    Scan(PageScan),
    WorkReport(Paper),
    Inspection(Paper),
    Acknowledgement {
        alert_id: Uuid,
        by: String,
        comment: Option<String>,
    },
    /// What is to be done with pieces that an inspection left open.
    Disposition {
        check_no: String,
        paper: Paper,
        by: String,
    },
    ChartChange {
        chart: String,
        change: ChartChange,
        by: String,
    },
    /// A word on a point of a control chart.
    Annotation {
        chart: String,
        annotation: Annotation,
    },
}

/// What someone said of a point of a control chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Annotation {
    /// When the point is of.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub text: String,
    pub by: String,
    #[schema(value_type = String, format = DateTime)]
    pub said_at: Timestamp,
}

/// What a person changes of a control chart. Points are those of phase I, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChartChange {
    /// Limits from what was learnt so far.
    Freeze,
    /// Limits are learnt anew.
    Relearn,
    Exclude {
        point: usize,
        reason: String,
    },
    /// Takes an exclusion back.
    Include {
        point: usize,
    },
}

/// A scan that a station's page took, or what was keyed in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageScan {
    pub station: String,
    /// The page says the same again when it hands in the same scan again.
    pub id: Uuid,
    pub code: String,
    /// How long the page held it before it could send it.
    pub waited: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Paper {
    pub body: serde_json::Value,
    /// What the sender will say again when it hands in the same again.
    pub key: Option<String>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    Taken(serde_json::Value),
    /// It was taken before; nothing was done again.
    Known(serde_json::Value),
    /// All that is wrong with it.
    Refused(Vec<Objection>),
    /// What it speaks of is not there.
    NotThere(String),
}

/// Where the answer to a submission is written. It holds only once the receipt is kept.
#[derive(Debug, Clone, Default)]
pub struct Slip(Arc<OnceLock<Answered>>);

impl Slip {
    pub fn write(&self, answer: Answered) {
        // One reading is judged once, so there is never a second answer.
        self.0.set(answer).ok();
    }

    pub fn read(&self) -> Option<Answered> {
        self.0.get().cloned()
    }
}

/// One thing that is wrong with a submission, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Objection {
    pub field: String,
    pub code: &'static str,
    pub message: String,
}

/// Points of one equipment at one moment.
#[derive(Debug)]
pub struct Sample {
    pub equipment: Arc<str>,
    /// When the source read them; absent: when we heard it.
    pub time: Option<Timestamp>,
    /// The source itself says that this is history, not how things are.
    pub is_past: bool,
    pub points: Vec<PointReading>,
}

#[derive(Debug)]
pub enum Told {
    Sample(Sample),
    /// The equipment's connection is known to have ended.
    Gone {
        equipment: Arc<str>,
        reason: &'static str,
    },
}

/// What a scanner sent between two terminators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Whole(Vec<u8>),
    /// Bytes came but no terminator within the time allowed.
    Partial(Vec<u8>),
    /// More bytes than a frame may have; the rest was thrown away up to the next terminator.
    TooLong(Vec<u8>),
    /// A fixed reader says that it saw no code.
    NoRead,
}

/// What a station tells its operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Feedback {
    pub kind: FeedbackKind,
    pub code: String,
    /// In the station's language.
    pub message: String,
    /// The message in every language.
    #[serde(default)]
    pub words: Words,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeedbackKind {
    Ok,
    Ask,
    Err,
    Dup,
}

/// Who waits for the disk: told once, after the flush, or told that the disk refused.
pub trait Waiting: Send + Sync {
    fn kept(&self, token: u64, feedback: Option<Feedback>);
    fn refused(&self, token: u64);
}

/// The promise of an answer. Dropped unkept it answers nothing, so the sender repeats.
pub struct Receipt {
    to: Option<Arc<dyn Waiting>>,
    token: u64,
}

impl Receipt {
    pub fn new(to: Arc<dyn Waiting>, token: u64) -> Self {
        Self { to: Some(to), token }
    }

    /// No one waits, and no one counts what is lost.
    pub fn nobody() -> Self {
        Self { to: None, token: 0 }
    }

    /// The disk has it.
    pub fn keep(self, feedback: Option<Feedback>) {
        if let Some(to) = self.to {
            to.kept(self.token, feedback);
        }
    }

    /// The disk could not take it; nothing happened.
    pub fn refuse(self) {
        if let Some(to) = self.to {
            to.refused(self.token);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({})", self.token)
    }
}

/// `EQUIPMENT_STATUS`: one per poll or message.
#[derive(Debug, Serialize)]
pub struct EquipmentStatus<'a> {
    pub equipment: &'a str,
    pub state: Option<Cow<'a, str>>,
    pub points: Points<'a>,
    pub source_time: String,
}

/// The points of a status as one JSON object, in the order of the configuration.
#[derive(Debug)]
pub struct Points<'a>(pub Vec<(&'a str, PointStatus<'a>)>);

impl Serialize for Points<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, point)| (name, point)))
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct PointStatus<'a> {
    pub value: Option<&'a Value>,
    pub quality: Quality,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// Of a total: what the machine's own counter holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<u64>,
    /// Of a stale value: when it was last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_time: Option<String>,
}

/// `PROGRESS_UPDATED`, and how an order is shown. Times are in the plant's offset.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ProgressUpdated {
    pub order_no: String,
    pub status: &'static str,
    /// Of the plan, to a tenth; nothing while the plan is unknown.
    pub progress_percent: Option<f64>,
    pub completed_qty: Decimal,
    pub plan_qty: Option<Decimal>,
    pub estimated_completion: Option<String>,
    pub last_report_time: Option<String>,
    /// In nine of ten cases the end lies between these.
    pub earliest_completion: Option<String>,
    pub latest_completion: Option<String>,
    /// Pieces per planned hour.
    pub rate_per_hour: Option<f64>,
    pub due: Option<String>,
    pub late: bool,
}

/// `WORK_REPORT_SUBMITTED`. `output = qualified + unqualified`, `unqualified` is the sum of the defects; a voiding
/// report carries negated quantities and hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkReport {
    pub report_no: String,
    pub order_no: String,
    pub process_code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_name: Option<String>,
    pub station: String,
    #[serde(default)]
    pub equipment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment_id: Option<i64>,
    /// The production day of the shift, not the calendar day.
    pub work_date: chrono::NaiveDate,
    /// Labor hours since the previous report of this job.
    pub work_hours: Decimal,
    pub output_quantity: Decimal,
    pub qualified_quantity: Decimal,
    pub unqualified_quantity: Decimal,
    pub worker_no: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_name: Option<String>,
    #[serde(default)]
    pub crew: Vec<CrewMember>,
    #[serde(default)]
    pub defects: Vec<Defect>,
    /// The pieces of this report that have a serial, where pieces are reported one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serials: Vec<String>,
    #[serde(default)]
    pub to_inspect: Decimal,
    /// What the machine's own counter made in the same time, where it differs too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_quantity: Option<Decimal>,
    #[serde(default, rename = "final")]
    pub is_final: bool,
    /// The `report_no` of the report that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voids: Option<String>,
    #[serde(default)]
    pub flags: Vec<String>,
    #[serde(default)]
    pub scans: Vec<ScanTrace>,
    #[serde(default)]
    pub clock_synced: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrewMember {
    pub worker_no: String,
    pub from: String,
    pub to: String,
    pub activity: Activity,
    /// Why work stopped, where it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a worker did in an interval of a job. A stop is no labor: it is told for its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    Setup,
    Run,
    Stop,
    /// From other systems; stations do not tell these.
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defect {
    pub kind: DefectKind,
    pub quantity: Decimal,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DefectKind {
    Scrap,
    Rework,
    Concession,
}

impl DefectKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Scrap => "scrap",
            Self::Rework => "rework",
            Self::Concession => "concession",
        }
    }
}

/// A scan that led to a report, as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanTrace {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<String>,
    pub raw: String,
    pub at: String,
}

/// `QUALITY_INSPECTION_COMPLETED`: the columns of `production_quality` by name, and what was found around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    pub check_no: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_id: Option<i64>,
    pub order_no: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_name: Option<String>,
    /// The production day, like that of a work report.
    pub check_date: chrono::NaiveDate,
    pub check_quantity: Decimal,
    pub qualified_quantity: Decimal,
    pub unqualified_quantity: Decimal,
    pub check_result: CheckResult,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect_description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checker_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checker_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checker_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    #[serde(default)]
    pub measurements: Vec<Measurement>,
    #[serde(default)]
    pub defects: Vec<FoundDefect>,
    /// What is done with the unqualified pieces, where no defect says otherwise.
    #[serde(default)]
    pub disposition: Option<DefectKind>,
    #[serde(default)]
    pub circumstances: Circumstances,
    #[serde(default)]
    pub flags: Vec<String>,
}

/// `check_result`, a number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum CheckResult {
    Waiting,
    Qualified,
    Unqualified,
}

impl From<CheckResult> for u8 {
    fn from(result: CheckResult) -> Self {
        result as Self
    }
}

impl TryFrom<u8> for CheckResult {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        let all = [Self::Waiting, Self::Qualified, Self::Unqualified];
        let known = all.get(usize::from(code)).copied();
        known.ok_or_else(|| format!("{code} is no result; 0 is waiting, 1 qualified, 2 unqualified"))
    }
}

/// The measured values of one characteristic, and within which limits they should be, where that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    pub characteristic: String,
    pub values: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Pieces with the same fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDefect {
    pub reason: String,
    pub quantity: Decimal,
    /// What is done with them; absent while that is not decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<DefectKind>,
}

/// `QUALITY_DISPOSITION_DECIDED`: what is done with pieces that their inspection left open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disposition {
    pub disposition_no: String,
    pub check_no: String,
    pub order_no: String,
    pub disposition: DefectKind,
    /// By their fault.
    pub pieces: Vec<FoundDefect>,
    pub decided_by: String,
    pub decided_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Under what the inspected pieces were made, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equipment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equipment_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub material_lot: Option<String>,
    /// When the shift began, by the plant's clock: `08:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<String>,
}

/// `EQUIPMENT_FAILURE`: a machine is down. What becomes of it is told by alerts of the same `alert_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquipmentFailure {
    pub equipment: String,
    pub state: String,
    pub since: String,
    pub detail: String,
    pub alert_id: String,
    pub severity: Severity,
    pub words: Words,
}

/// `ALERT_TRIGGERED`. Everything that is told of one trouble has the same `alert_id`; the latest is how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alert {
    pub alert_id: String,
    pub alert_type: String,
    pub severity: Severity,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_no: Option<String>,
    /// The control rule, check or term that noticed it; others number theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// The worst value of the episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<serde_json::Value>,
    /// The message in every language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// Why it is told now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub news: Option<AlertNews>,
    /// How often it was found, where it was more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Alert {
    /// What every alert has.
    pub fn new(alert_id: String, alert_type: &str, severity: Severity, message: String) -> Self {
        Self {
            alert_id,
            alert_type: alert_type.to_owned(),
            severity,
            message,
            order_no: None,
            equipment: None,
            point: None,
            worker_no: None,
            rule: None,
            value: None,
            peak: None,
            limits: None,
            words: None,
            news: None,
            times: None,
            began_at: None,
            ended_at: None,
            acknowledged_by: None,
            acknowledged_at: None,
            comment: None,
        }
    }
}

/// Why an alert is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertNews {
    Begun,
    /// It became more severe.
    Raised,
    /// Nobody has acknowledged it for too long: more severe for that.
    Escalated,
    /// Nobody has acknowledged it yet.
    Reminder,
    Acknowledged,
    Ended,
    /// Nothing was heard of it for long, so it is taken for over.
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// So many steps higher, up to the highest.
    #[must_use]
    pub fn raised(self, steps: usize) -> Self {
        let reached = Self::ALL.iter().skip(self as usize).nth(steps);
        reached.copied().unwrap_or(Self::Critical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_own_row() {
        for row in &KINDS {
            assert_eq!(Kind::from_code(row.0.code()), Some(row.0));
            assert_eq!(row.0.message_type(), row.1);
        }
        assert_eq!(Kind::from_code(0), None);
        assert_eq!(Kind::from_code(10), None);
    }

    #[test]
    fn an_encoded_record_gives_its_id_without_parsing() {
        let id = Uuid::now_v7();
        let record = Record::encode(
            Kind::WorkReport,
            id,
            Utc::now(),
            Zone::UTC,
            "station/\"x\"",
            &serde_json::json!({"a":1}),
        );
        assert_eq!(Record::message_id(&record.json), Some(id.to_string().as_str()));
        let whole = [b"{", record.json.as_ref()].concat();
        let parsed: serde_json::Value =
            serde_json::from_slice(&whole).expect("an encoded record is the rest of an object");
        assert_eq!(parsed["source"], "station/\"x\"");
        assert_eq!(parsed["priority"], 8);
        assert_eq!(Record::message_id(b"\"message_id\":\"short"), None);
    }
}
