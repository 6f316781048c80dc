//! What a machine, a person or a program said, before it is judged.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{PointReading, Receipt, Timestamp};
use crate::language::Words;

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
    /// Which page that is, to tell its scans from those of others.
    pub page: Option<Uuid>,
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
    NotThere(Words),
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
    /// As `words` have it in English.
    pub message: String,
    pub words: Words,
}

impl Objection {
    pub fn new(field: impl Into<String>, code: &'static str, words: Words) -> Self {
        Self {
            field: field.into(),
            code,
            message: words.en.clone(),
            words,
        }
    }
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

/// What a frame lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// No terminator came within the time allowed.
    End,
    /// The kernel dropped events of the keyboard.
    Events,
    /// A key gives nothing in the layout that the scanner is set to.
    Key,
}

/// What a scanner sent between two terminators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Whole(Vec<u8>),
    /// What is left of one that is not whole.
    Partial(Gap, Vec<u8>),
    /// More bytes than a frame may have; the rest was thrown away up to the next terminator.
    TooLong(Vec<u8>),
    /// A fixed reader says that it saw no code.
    NoRead,
}
