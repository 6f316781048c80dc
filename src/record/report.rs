//! Work reports, and how an order stands.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

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
