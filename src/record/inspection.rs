//! What an inspection found, and what is decided of it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::DefectKind;

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
