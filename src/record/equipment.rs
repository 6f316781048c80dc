//! What is told of a machine: its status, and that it has failed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Quality, Severity, Value};
use crate::language::Words;

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
