//! What is handed in, and what is answered, as the document shows it. Bodies are read field by field (`intake/submitted`), so
//! that everything that is wrong is told at once; these shapes are what is read there.
#![expect(
    dead_code,
    reason = "shapes of the document; what is handed in is never held in them"
)]

use chrono::{DateTime, NaiveDate, Utc};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::judge::inspection;
use crate::record::{Activity, DefectKind};

/// Up to 14 digits and 4 decimals, as text or as a number.
pub struct Amount;

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Number]))
            .description(Some("up to 14 digits and 4 decimals, as text or as a number"))
            .pattern(Some(r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$"))
            .examples(["12.5"])
            .into()
    }
}

impl ToSchema for Amount {}

/// A measured value, as a number or as text.
pub struct Measured;

impl PartialSchema for Measured {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Number, Type::String]))
            .pattern(Some(r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$"))
            .examples([12.02])
            .into()
    }
}

impl ToSchema for Measured {}

/// A work report, in the columns of `production_report`. What else is sent is named in `ignored`.
#[derive(ToSchema)]
#[schema(as = WorkReportPaper)]
pub struct WorkReport {
    /// Given by the gateway, if it is not said.
    #[schema(max_length = 50)]
    report_no: Option<String>,
    #[schema(min_length = 1, max_length = 50, pattern = r"\S", example = "WO-20261121-001")]
    order_no: String,
    #[schema(min_length = 1, max_length = 50, pattern = r"\S", example = "20")]
    process_code: String,
    #[schema(minimum = 1)]
    process_id: Option<i64>,
    #[schema(max_length = 50)]
    process_name: Option<String>,
    /// `http`, if it is not said.
    #[schema(max_length = 50)]
    station: Option<String>,
    #[schema(max_length = 50, example = "PRESS-7")]
    equipment: Option<String>,
    #[schema(minimum = 1)]
    equipment_id: Option<i64>,
    /// The production day of now, if it is not said.
    work_date: Option<NaiveDate>,
    work_hours: Option<Amount>,
    /// Qualified and unqualified together.
    output_quantity: Option<Amount>,
    qualified_quantity: Amount,
    /// The sum of the defects.
    unqualified_quantity: Option<Amount>,
    #[schema(min_length = 1, max_length = 50, pattern = r"\S", example = "1001")]
    worker_no: String,
    #[schema(minimum = 1)]
    worker_id: Option<i64>,
    #[schema(max_length = 50)]
    worker_name: Option<String>,
    crew: Option<Vec<Crew>>,
    defects: Option<Vec<Defect>>,
    to_inspect: Option<Amount>,
    /// The job is done with this report.
    r#final: Option<bool>,
    /// The `report_no` of the report that this one takes back.
    #[schema(max_length = 50)]
    voids: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = CrewPaper)]
struct Crew {
    #[schema(max_length = 50)]
    worker_no: String,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    #[schema(inline)]
    activity: Activity,
    reason: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = DefectPaper)]
struct Defect {
    kind: DefectKind,
    quantity: Amount,
    #[schema(min_length = 1, max_length = 50, pattern = r"\S")]
    reason: String,
}

/// An inspection, in the columns of `production_quality`. What else is sent is named in `ignored`.
#[derive(ToSchema)]
#[schema(as = InspectionPaper)]
pub struct Inspection {
    /// Given by the gateway, if it is not said.
    #[schema(max_length = 50)]
    check_no: Option<String>,
    #[schema(minimum = 1)]
    receipt_id: Option<i64>,
    #[schema(min_length = 1, max_length = 50, pattern = r"\S", example = "WO-20261121-001")]
    order_no: String,
    #[schema(max_length = 50)]
    product_code: Option<String>,
    #[schema(max_length = 200)]
    product_name: Option<String>,
    check_date: Option<NaiveDate>,
    check_quantity: Amount,
    qualified_quantity: Amount,
    /// The sum of the defects.
    unqualified_quantity: Option<Amount>,
    /// 0 waiting, 1 qualified, 2 unqualified; follows from the quantities, if it is not said.
    #[schema(minimum = 0, maximum = 2)]
    check_result: Option<u8>,
    #[schema(max_length = 500)]
    defect_description: Option<String>,
    #[schema(minimum = 1)]
    checker_id: Option<i64>,
    #[schema(max_length = 50)]
    checker_no: Option<String>,
    #[schema(max_length = 50)]
    checker_name: Option<String>,
    #[schema(max_length = 500)]
    remark: Option<String>,
    measurements: Option<Vec<Measurement>>,
    defects: Option<Vec<FoundDefect>>,
    /// What is done with the unqualified pieces, where no defect says otherwise.
    disposition: Option<DefectKind>,
    #[schema(max_length = 50)]
    process_code: Option<String>,
    #[schema(max_length = 50)]
    equipment: Option<String>,
    #[schema(max_length = 50)]
    equipment_state: Option<String>,
    #[schema(max_length = 50)]
    tool: Option<String>,
    #[schema(max_length = 50)]
    worker_no: Option<String>,
    #[schema(max_length = 50)]
    material_lot: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = MeasurementPaper)]
struct Measurement {
    #[schema(min_length = 1, max_length = 50, pattern = r"\S")]
    characteristic: String,
    values: Vec<Measured>,
    lower: Option<Measured>,
    upper: Option<Measured>,
    #[schema(max_length = 50)]
    unit: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = FoundDefectPaper)]
struct FoundDefect {
    #[schema(min_length = 1, max_length = 50, pattern = r"\S")]
    reason: String,
    quantity: Amount,
    /// What is done with them; absent while that is not decided.
    kind: Option<DefectKind>,
}

#[derive(ToSchema)]
pub struct ReportTaken {
    report_no: String,
    message_id: Uuid,
    #[schema(nullable = false)]
    flags: Option<Vec<String>>,
    /// Members that nobody asked for.
    #[schema(nullable = false)]
    ignored: Option<Vec<String>>,
    /// It had been handed in before; nothing was done again.
    #[schema(nullable = false)]
    repeated: Option<bool>,
}

#[derive(ToSchema)]
pub struct InspectionTaken {
    check_no: String,
    message_id: Uuid,
    #[schema(nullable = false, maximum = 2)]
    check_result: Option<u8>,
    #[schema(nullable = false)]
    flags: Option<Vec<String>>,
    /// What the latest inspections of the product say together.
    analysis: Option<inspection::Analysis>,
    /// Members that nobody asked for.
    #[schema(nullable = false)]
    ignored: Option<Vec<String>>,
    /// It had been handed in before; nothing was done again.
    #[schema(nullable = false)]
    repeated: Option<bool>,
}

/// What is done with pieces that an inspection left open.
#[derive(ToSchema)]
#[schema(as = DispositionPaper)]
pub struct Disposition {
    disposition: DefectKind,
    /// Of one fault alone; of all that are open, if it is not said.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// All that is open of it, if it is not said.
    quantity: Option<Amount>,
    #[schema(max_length = 500)]
    comment: Option<String>,
}

#[derive(ToSchema)]
pub struct DispositionTaken {
    #[schema(example = "Q-1/1")]
    disposition_no: String,
    message_id: Uuid,
    /// By their fault.
    #[schema(nullable = false)]
    pieces: Option<Vec<DecidedPieces>>,
    /// What of the inspection still waits for a decision.
    #[schema(nullable = false)]
    open_quantity: Option<String>,
    /// It had been handed in before; nothing was done again.
    #[schema(nullable = false)]
    repeated: Option<bool>,
}

#[derive(ToSchema)]
struct DecidedPieces {
    reason: String,
    quantity: String,
    kind: DefectKind,
}

#[derive(ToSchema)]
pub struct ChartChanged {
    chart: String,
    changed_by: String,
}

#[derive(ToSchema)]
pub struct Annotated {
    chart: String,
    /// When the point is of.
    at: DateTime<Utc>,
}

#[derive(ToSchema)]
pub struct Acknowledged {
    /// The alert.
    acknowledged: Uuid,
}
