//! A message, understood: what it asks the store to do, or why that can never be done. Pure: no database, no clock.
//!
//! Everything a column could refuse is refused here, so that both databases answer alike: lengths in characters as
//! VARCHAR counts them, decimals within DECIMAL(18,4).

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fields::fits_quantity;
use crate::record::{Alert, Defect, DefectKind, Disposition, FoundDefect, Kind, Severity, WorkReport};
use crate::wire::Message;

/// Defects, crew members, scans: lists that a person fills by hand.
const LIST_MAX: usize = 500;

/// One person cannot work longer between two reports; a crew can, so this is generous.
const WORK_HOURS_MAX: i64 = 1000;

/// One payload; far above what a gateway makes, far below what a statement may carry.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Why a message can never be applied as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub code: &'static str,
    pub detail: String,
}

impl Rejection {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new("invalid_payload", detail)
    }
}

/// A message whose payload makes sense by itself.
#[derive(Debug)]
pub struct Event<'a> {
    pub message: &'a Message<'a>,
    /// When the gateway accepted it, UTC.
    pub at: NaiveDateTime,
    pub effect: Effect<'a>,
}

#[derive(Debug)]
pub enum Effect<'a> {
    Report(Box<WorkReport>),
    Inspection(Box<Inspection<'a>>),
    Disposition(Box<Disposition>),
    Alert(Box<Alert>),
    Failure(Failure),
    /// The latest word on an order: progress, schedule.
    OrderMessage {
        order_no: String,
    },
    Status(Status<'a>),
    Audit(AuditEntry),
}

/// `QUALITY_INSPECTION_COMPLETED`: the columns of `production_quality` by name.
#[derive(Debug, Deserialize)]
pub struct Inspection<'a> {
    pub check_no: String,
    pub order_no: String,
    pub receipt_id: Option<i64>,
    pub check_date: Option<NaiveDate>,
    pub check_quantity: Decimal,
    pub qualified_quantity: Decimal,
    #[serde(default)]
    pub unqualified_quantity: Decimal,
    /// 0 waiting, 1 qualified, 2 unqualified.
    pub check_result: i64,
    pub defect_description: Option<String>,
    pub checker_id: Option<i64>,
    pub checker_no: Option<String>,
    pub checker_name: Option<String>,
    pub remark: Option<String>,
    pub disposition: Option<DefectKind>,
    #[serde(borrow)]
    pub measurements: Option<&'a RawValue>,
    #[serde(default)]
    pub defects: Vec<FoundDefect>,
}

/// `EQUIPMENT_FAILURE`.
#[derive(Debug, Deserialize)]
pub struct Failure {
    pub equipment: String,
    pub state: Option<String>,
    pub since: Option<String>,
    #[serde(default)]
    pub detail: String,
    /// What becomes of it is told by alerts of this id.
    pub alert_id: Option<String>,
    pub severity: Option<Severity>,
}

/// `EQUIPMENT_STATUS`; the points stay as they were written.
#[derive(Debug, Deserialize)]
pub struct Status<'a> {
    pub equipment: String,
    pub state: Option<String>,
    #[serde(borrow)]
    pub points: &'a RawValue,
    pub source_time: String,
}

/// `AUDIT_RECORDED`: what is looked for; the whole entry is kept as it came, so that its hash can be proved.
#[derive(Debug, Deserialize)]
pub struct AuditEntry {
    pub seq: i64,
    pub who: String,
    pub from: Option<String>,
    pub action: String,
    pub subject: String,
}

#[derive(Deserialize)]
struct OrderMessage {
    order_no: String,
}

impl<'a> Event<'a> {
    pub fn understand(message: &'a Message<'a>) -> Result<Self, Rejection> {
        let kind = Kind::from_message_type(&message.message_type).ok_or_else(|| {
            Rejection::new(
                "unknown_message_type",
                format!("`{}` is not a message type", message.message_type),
            )
        })?;
        let json = message.payload.get();
        if json.len() > PAYLOAD_BYTES_MAX {
            return Err(Rejection::invalid(format!(
                "the payload is longer than {PAYLOAD_BYTES_MAX} bytes"
            )));
        }
        let at = instant("timestamp", &message.timestamp)?;
        let effect = match kind {
            Kind::WorkReport => Effect::Report(Box::new(work_report(parse(json)?)?)),
            Kind::Inspection => Effect::Inspection(Box::new(inspection(parse(json)?)?)),
            Kind::Disposition => Effect::Disposition(Box::new(disposition(parse(json)?)?)),
            Kind::Alert => Effect::Alert(Box::new(alert(parse(json)?)?)),
            Kind::EquipmentFailure => Effect::Failure(failure(parse(json)?)?),
            Kind::Progress | Kind::ScheduleChange => {
                let OrderMessage { order_no } = parse(json)?;
                text("order_no", &order_no, 50)?;
                Effect::OrderMessage { order_no }
            }
            Kind::EquipmentStatus => Effect::Status(status(parse(json)?)?),
            Kind::Audit => Effect::Audit(audit(parse(json)?)?),
        };
        Ok(Self { message, at, effect })
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Rejection> {
    serde_json::from_str(json).map_err(|e| Rejection::invalid(e.to_string()))
}

fn work_report(mut report: WorkReport) -> Result<WorkReport, Rejection> {
    text("report_no", &report.report_no, 50)?;
    text("order_no", &report.order_no, 50)?;
    text("worker_no", &report.worker_no, 50)?;
    most("process_code", &report.process_code, 50)?;
    most("station", &report.station, 100)?;
    most("process_name", report.process_name.as_deref().unwrap_or_default(), 100)?;
    most("worker_name", report.worker_name.as_deref().unwrap_or_default(), 50)?;
    most("equipment", report.equipment.as_deref().unwrap_or_default(), 100)?;
    most("voids", report.voids.as_deref().unwrap_or_default(), 50)?;
    for (name, length) in [
        ("defects", report.defects.len()),
        ("crew", report.crew.len()),
        ("scans", report.scans.len()),
        ("flags", report.flags.len()),
        ("serials", report.serials.len()),
    ] {
        if length > LIST_MAX {
            return Err(Rejection::invalid(format!(
                "{name} has {length} entries; {LIST_MAX} are allowed"
            )));
        }
    }
    for serial in &report.serials {
        text("serials", serial, 128)?;
    }
    for defect in &report.defects {
        most("defects.reason", &defect.reason, 100)?;
        quantity("defects.quantity", defect.quantity)?;
    }
    quantity("output_quantity", report.output_quantity)?;
    quantity("qualified_quantity", report.qualified_quantity)?;
    quantity("unqualified_quantity", report.unqualified_quantity)?;
    quantity("to_inspect", report.to_inspect)?;
    if report.work_hours.abs() > Decimal::from(WORK_HOURS_MAX) {
        return Err(Rejection::invalid(format!(
            "work_hours {} is not believable",
            report.work_hours
        )));
    }
    // The column holds hundredths. Rounding is symmetric, so a void takes back exactly what its report gave.
    report.work_hours = report
        .work_hours
        .round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    let is_void = report.voids.is_some();
    let parts = [
        report.output_quantity,
        report.qualified_quantity,
        report.unqualified_quantity,
        report.work_hours,
    ];
    let defects = report.defects.iter().map(|defect| defect.quantity);
    if let Some(part) = parts
        .into_iter()
        .chain(defects)
        .find(|p| !p.is_zero() && p.is_sign_negative() != is_void)
    {
        let rule = if is_void {
            "a void takes back: nothing in it is above 0"
        } else {
            "only a void is below 0"
        };
        return Err(Rejection::new("quantity_mismatch", format!("{rule}, found {part}")));
    }
    let sum = report.qualified_quantity + report.unqualified_quantity;
    if report.output_quantity != sum {
        return Err(Rejection::new(
            "quantity_mismatch",
            format!(
                "output_quantity is {}, qualified and unqualified make {sum}",
                report.output_quantity
            ),
        ));
    }
    let defects: Decimal = report.defects.iter().map(|defect: &Defect| defect.quantity).sum();
    if report.unqualified_quantity != defects {
        return Err(Rejection::new(
            "quantity_mismatch",
            format!(
                "unqualified_quantity is {}, the defects make {defects}",
                report.unqualified_quantity
            ),
        ));
    }
    Ok(report)
}

fn inspection(found: Inspection<'_>) -> Result<Inspection<'_>, Rejection> {
    text("check_no", &found.check_no, 50)?;
    text("order_no", &found.order_no, 50)?;
    most(
        "defect_description",
        found.defect_description.as_deref().unwrap_or_default(),
        500,
    )?;
    most("checker_name", found.checker_name.as_deref().unwrap_or_default(), 50)?;
    most("remark", found.remark.as_deref().unwrap_or_default(), 500)?;
    if found.defects.len() > LIST_MAX {
        let detail = format!("defects has {} entries; {LIST_MAX} are allowed", found.defects.len());
        return Err(Rejection::invalid(detail));
    }
    for defect in &found.defects {
        most("defects.reason", &defect.reason, 100)?;
        quantity("defects.quantity", defect.quantity)?;
    }
    for (name, value) in [
        ("check_quantity", found.check_quantity),
        ("qualified_quantity", found.qualified_quantity),
        ("unqualified_quantity", found.unqualified_quantity),
    ] {
        quantity(name, value)?;
        if value.is_sign_negative() && !value.is_zero() {
            return Err(Rejection::new("quantity_mismatch", format!("{name} is below 0")));
        }
    }
    if !(0..=2).contains(&found.check_result) {
        return Err(Rejection::invalid(format!(
            "check_result is {}; 0 is waiting, 1 qualified, 2 unqualified",
            found.check_result
        )));
    }
    let sum = found.qualified_quantity + found.unqualified_quantity;
    if sum != found.check_quantity {
        return Err(Rejection::new(
            "quantity_mismatch",
            format!(
                "check_quantity is {}, qualified and unqualified make {sum}",
                found.check_quantity
            ),
        ));
    }
    let defects: Decimal = found.defects.iter().map(|defect| defect.quantity).sum();
    if !found.defects.is_empty() && defects != found.unqualified_quantity {
        let detail = format!(
            "unqualified_quantity is {}, the defects make {defects}",
            found.unqualified_quantity
        );
        return Err(Rejection::new("quantity_mismatch", detail));
    }
    Ok(found)
}

fn disposition(found: Disposition) -> Result<Disposition, Rejection> {
    text("disposition_no", &found.disposition_no, 100)?;
    text("check_no", &found.check_no, 50)?;
    text("order_no", &found.order_no, 50)?;
    text("decided_by", &found.decided_by, 50)?;
    most("comment", found.comment.as_deref().unwrap_or_default(), 500)?;
    instant("decided_at", &found.decided_at)?;
    if found.pieces.is_empty() || found.pieces.len() > LIST_MAX {
        let detail = format!("pieces has {} entries; 1 to {LIST_MAX} are allowed", found.pieces.len());
        return Err(Rejection::invalid(detail));
    }
    for part in &found.pieces {
        most("pieces.reason", &part.reason, 500)?;
        quantity("pieces.quantity", part.quantity)?;
        if part.quantity <= Decimal::ZERO {
            return Err(Rejection::new("quantity_mismatch", "pieces.quantity is not above 0"));
        }
    }
    Ok(found)
}

fn alert(found: Alert) -> Result<Alert, Rejection> {
    text("alert_id", &found.alert_id, 100)?;
    text("alert_type", &found.alert_type, 100)?;
    most("message", &found.message, 1000)?;
    most("order_no", found.order_no.as_deref().unwrap_or_default(), 50)?;
    most("equipment", found.equipment.as_deref().unwrap_or_default(), 100)?;
    most("point", found.point.as_deref().unwrap_or_default(), 100)?;
    most(
        "acknowledged_by",
        found.acknowledged_by.as_deref().unwrap_or_default(),
        50,
    )?;
    most("comment", found.comment.as_deref().unwrap_or_default(), 500)?;
    for (name, told) in [
        ("ended_at", &found.ended_at),
        ("acknowledged_at", &found.acknowledged_at),
    ] {
        told.as_deref().map(|told| instant(name, told)).transpose()?;
    }
    Ok(found)
}

fn failure(found: Failure) -> Result<Failure, Rejection> {
    text("equipment", &found.equipment, 100)?;
    most("state", found.state.as_deref().unwrap_or_default(), 50)?;
    most("detail", &found.detail, 1000)?;
    most("alert_id", found.alert_id.as_deref().unwrap_or_default(), 100)?;
    if let Some(since) = &found.since {
        instant("since", since)?;
    }
    Ok(found)
}

fn status(found: Status<'_>) -> Result<Status<'_>, Rejection> {
    text("equipment", &found.equipment, 100)?;
    most("state", found.state.as_deref().unwrap_or_default(), 50)?;
    instant("source_time", &found.source_time)?;
    Ok(found)
}

fn audit(entry: AuditEntry) -> Result<AuditEntry, Rejection> {
    text("who", &entry.who, 50)?;
    text("action", &entry.action, 50)?;
    most("from", entry.from.as_deref().unwrap_or_default(), 50)?;
    Ok(entry)
}

/// An RFC 3339 instant as the database keeps it: UTC, milliseconds.
pub fn instant(name: &str, written: &str) -> Result<NaiveDateTime, Rejection> {
    let at: DateTime<Utc> = DateTime::parse_from_rfc3339(written)
        .map_err(|_| Rejection::invalid(format!("{name} `{written}` is not an RFC 3339 time")))?
        .into();
    DateTime::from_timestamp_millis(at.timestamp_millis())
        .map(|at| at.naive_utc())
        .filter(|at| (1970..=9999).contains(&at.year()))
        .ok_or_else(|| Rejection::invalid(format!("{name} `{written}` is out of range")))
}

fn text(name: &str, value: &str, chars_max: usize) -> Result<(), Rejection> {
    if value.trim().is_empty() {
        return Err(Rejection::invalid(format!("{name} is empty")));
    }
    most(name, value, chars_max)
}

fn most(name: &str, value: &str, chars_max: usize) -> Result<(), Rejection> {
    if value.chars().count() > chars_max {
        return Err(Rejection::invalid(format!(
            "{name} is longer than {chars_max} characters"
        )));
    }
    Ok(())
}

fn quantity(name: &str, value: Decimal) -> Result<(), Rejection> {
    if fits_quantity(value) {
        Ok(())
    } else {
        Err(Rejection::invalid(format!(
            "{name} {value} does not fit 14 digits and 4 decimals"
        )))
    }
}
