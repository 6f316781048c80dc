//! How machines, orders, alerts, the buffer and upstreams stand, as the API shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use super::points::{PointViews, WordedPoint};
use crate::language::Words;
use crate::record::{Alert, Lane, ProgressUpdated, Quality, Seq, Timestamp, Value};

/// An alert as it stands.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AlertView {
    pub state: AlertState,
    pub key: String,
    /// Its cause is gone; unless that comes back soon, the alert ends.
    pub is_away: bool,
    #[serde(flatten)]
    pub alert: Alert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    Active,
    Acknowledged,
    Ended,
}

/// The live picture of one equipment.
#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct EquipmentView {
    pub name: Option<String>,
    pub equipment_id: Option<i64>,
    pub ideal_cycle_s: Option<f64>,
    pub state: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub state_since: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_heard: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub source: Option<Arc<str>>,
    /// Effectiveness by shift, as `judge::progress::oee` gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::judge::progress::oee::OeeView>)]
    pub oee: Option<serde_json::Value>,
    /// Its pieces slot by slot, as `judge::progress::lately` gives them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::judge::progress::lately::LatelyView>)]
    pub lately: Option<serde_json::Value>,
    #[schema(value_type = BTreeMap<String, WordedPoint>)]
    pub points: PointViews,
}

impl EquipmentView {
    /// Called as the centre calls it, where the configuration gives no name.
    #[must_use]
    pub fn or_named(mut self, name: Option<&str>) -> Self {
        self.name = self.name.or_else(|| name.map(str::to_owned));
        self
    }
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PointView {
    pub value: Option<Value>,
    pub quality: Quality,
    #[schema(value_type = Option<String>)]
    pub reason: Option<Box<str>>,
    /// Of a total: what the machine's own counter holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<u64>,
    /// When the value was read at its source.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub source_time: Option<Timestamp>,
}

/// How an order stands.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OrderView {
    pub progress: ProgressUpdated,
    pub wip: Wip,
}

/// Work in process of one order, as far as it was reported here.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Wip {
    pub total_qty: Decimal,
    pub completed_qty: Decimal,
    pub in_progress_qty: Decimal,
    pub pending_qty: Decimal,
    pub between: Vec<Between>,
    /// In the order of the routing.
    pub operations: Vec<Operation>,
}

/// One operation of an order, as far as it was reported here.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Operation {
    pub process_code: String,
    pub process_name: String,
    pub qualified_qty: Decimal,
}

/// Pieces that came out of one process and not yet out of the next.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Between {
    pub after: String,
    pub before: String,
    pub quantity: Decimal,
}

/// Machine hours of a production day.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CapacityView {
    pub date: NaiveDate,
    pub unit: &'static str,
    pub total_capacity: f64,
    /// Running or set up.
    pub used_capacity: f64,
    pub available_capacity: f64,
    /// Hours of which nobody knows what the machines did.
    pub unknown_capacity: f64,
    pub utilization_rate: Option<f64>,
    pub updated_at: String,
}

impl CapacityView {
    /// From milliseconds: all, used, unknown.
    pub fn of(date: NaiveDate, ms: [i64; 3], updated_at: String) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "shown in hundredths of an hour")]
        let [total, used, unknown] = ms.map(|ms| (ms as f64 / 36_000.0).round() / 100.0);
        Self {
            date,
            unit: "machine_hours",
            total_capacity: total,
            used_capacity: used,
            available_capacity: (total - used).max(0.0),
            unknown_capacity: unknown,
            utilization_rate: (total > 0.0).then(|| (used / total * 1000.0).round() / 1000.0),
            updated_at,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct BufferView {
    pub writable: bool,
    /// Telemetry is held back because the disk is nearly full.
    pub telemetry_paused: bool,
    pub problem: Option<String>,
    /// Given when it is looked at.
    pub problem_words: Option<Words>,
    pub epoch: u64,
    pub disk_bytes: u64,
    pub max_bytes: u64,
    pub free_disk_bytes: u64,
    pub commits: u64,
    pub commit_ms_last: f64,
    #[schema(value_type = BTreeMap<String, LaneView>)]
    pub lanes: BTreeMap<Lane, LaneView>,
    pub dead_letters: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, utoipa::ToSchema)]
pub struct LaneView {
    #[schema(value_type = u64)]
    pub first_sequence: Seq,
    #[schema(value_type = u64)]
    pub next_sequence: Seq,
    pub segments: u64,
    /// Records that gave way to the bound before every upstream had them.
    pub dropped: u64,
    /// When the last of them did.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_dropped: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct UpstreamView {
    pub url: String,
    pub reachable: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    pub last_answer: Option<String>,
    /// Given when it is looked at.
    pub last_answer_words: Option<Words>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success: Option<Timestamp>,
    /// Records that wait for this upstream, by lane.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub waiting: BTreeMap<Lane, u64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_waiting: Option<Timestamp>,
    pub sent: u64,
    pub batches: u64,
    pub failures: u64,
    pub rejected: u64,
}
