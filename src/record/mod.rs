//! The nouns that everything else is about: what a machine or a person said (`Reading`), what we keep of it (`Record`),
//! and the answer that travels back once the disk has it (`Receipt`).
//!
//! A `Record` is encoded once, at intake, into the JSON members that travel north. Its place in the log (lane, epoch,
//! sequence) is known only when it is written, so those members are put in front by `wire`, never parsed again.

mod alert;
mod equipment;
mod inspection;
mod reading;
mod receipt;
mod report;
mod value;

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use alert::{Alert, AlertNews, Severity};
pub use equipment::{EquipmentFailure, EquipmentStatus, PointStatus, Points};
pub use inspection::{CheckResult, Circumstances, Disposition, FoundDefect, Inspection, Measurement};
pub use reading::{
    Annotation, Answered, ChartChange, Delivery, Frame, Gap, Objection, PageScan, Paper, Payload, Reading, Sample,
    Slip, Submitted, Told,
};
pub use receipt::{Feedback, FeedbackKind, Receipt, Waiting};
pub use report::{Activity, CrewMember, Defect, DefectKind, ProgressUpdated, ScanTrace, WorkReport};
pub use value::{CounterDef, Fault, PointDef, PointReading, Quality, Role, Value, value_schema};

use crate::clock::Zone;

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
