//! Reads what was handed in, field by field, and tells all that cannot be read at once. What cannot be read is put to
//! nothing, so that the rest can still be looked at.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::fields::Fields;
use crate::intake::validate::CODE_CHARS_MAX;
use crate::record::{
    CheckResult, Circumstances, CrewMember, Defect, DefectKind, FoundDefect, Inspection, Measurement, Objection,
    WorkReport,
};

const TEXT_CHARS_MAX: usize = 500;
const NAME_CHARS_MAX: usize = 200;
/// One more than any list may hold.
const LIST_READ_MAX: usize = 101;

/// What could be read, what could not, and what nobody asked for.
pub struct Read<T> {
    pub value: T,
    pub objections: Vec<Objection>,
    pub ignored: Vec<String>,
}

impl<T> Read<T> {
    fn of(value: T, fields: Fields) -> Self {
        let (findings, ignored) = fields.finish();
        let objections = findings.into_iter().map(|finding| {
            let code = if finding.is_missing { "MISSING" } else { "INVALID" };
            Objection::new(finding.field, code, finding.words)
        });
        Self {
            value,
            objections: objections.collect(),
            ignored,
        }
    }
}

/// Where it was reported, if the sender does not say.
const STATION: &str = "http";

pub fn work_report(body: Value, day: NaiveDate) -> Read<WorkReport> {
    let mut fields = Fields::new(body, "");
    let code = |fields: &mut Fields, name: &str| fields.text(name, CODE_CHARS_MAX);
    let needed = |fields: &mut Fields, name: &str| fields.required(name, code).unwrap_or_default();
    let defects = parts(&mut fields, "defects", |part| Defect {
        kind: part.required("kind", defect_kind).unwrap_or(DefectKind::Scrap),
        quantity: part.required("quantity", Fields::amount).unwrap_or_default(),
        reason: part.required("reason", code).unwrap_or_default(),
    });
    let qualified = fields
        .required("qualified_quantity", Fields::amount)
        .unwrap_or_default();
    let unqualified = fields.amount("unqualified_quantity");
    let unqualified = unqualified.unwrap_or_else(|| defects.iter().map(|defect| defect.quantity).sum());
    let report = WorkReport {
        report_no: code(&mut fields, "report_no").unwrap_or_default(),
        order_no: needed(&mut fields, "order_no"),
        process_code: needed(&mut fields, "process_code"),
        process_id: fields.int("process_id", 1, i64::MAX),
        process_name: fields.text("process_name", CODE_CHARS_MAX),
        station: code(&mut fields, "station").unwrap_or_else(|| STATION.to_owned()),
        equipment: code(&mut fields, "equipment"),
        equipment_id: fields.int("equipment_id", 1, i64::MAX),
        work_date: fields.date("work_date").unwrap_or(day),
        work_hours: fields.amount("work_hours").unwrap_or_default(),
        output_quantity: fields.amount("output_quantity").unwrap_or(qualified + unqualified),
        qualified_quantity: qualified,
        unqualified_quantity: unqualified,
        worker_no: needed(&mut fields, "worker_no"),
        worker_id: fields.int("worker_id", 1, i64::MAX),
        worker_name: fields.text("worker_name", CODE_CHARS_MAX),
        crew: crew(&mut fields),
        defects,
        serials: Vec::new(),
        to_inspect: fields.amount("to_inspect").unwrap_or_default(),
        counted_quantity: None,
        is_final: fields.bool("final").unwrap_or_default(),
        voids: code(&mut fields, "voids"),
        flags: Vec::new(),
        scans: Vec::new(),
        clock_synced: false,
    };
    Read::of(report, fields)
}

pub fn inspection(body: Value, day: NaiveDate) -> Read<Inspection> {
    let mut fields = Fields::new(body, "");
    let code = |fields: &mut Fields, name: &str| fields.text(name, CODE_CHARS_MAX);
    let unqualified = fields.amount("unqualified_quantity");
    let defects = parts(&mut fields, "defects", |part| FoundDefect {
        reason: part.required("reason", code).unwrap_or_default(),
        quantity: part.required("quantity", Fields::amount).unwrap_or_default(),
        kind: defect_kind(part, "kind"),
    });
    // A quantity that cannot be is told where it stands, not as a sum.
    let sum = || defects.iter().map(|defect| defect.quantity.max(Decimal::ZERO)).sum();
    let unqualified = unqualified.unwrap_or_else(sum);
    let measurements = parts(&mut fields, "measurements", |part| Measurement {
        characteristic: part.required("characteristic", code).unwrap_or_default(),
        values: part.required("values", numbers).unwrap_or_default(),
        lower: number(part, "lower"),
        upper: number(part, "upper"),
        unit: part.text("unit", CODE_CHARS_MAX),
    });
    let result = fields
        .int("check_result", 0, 2)
        .and_then(|code| u8::try_from(code).ok());
    let result = result.and_then(|code| CheckResult::try_from(code).ok());
    let inspection = Inspection {
        check_no: code(&mut fields, "check_no").unwrap_or_default(),
        receipt_id: fields.int("receipt_id", 1, i64::MAX),
        order_no: fields.required("order_no", code).unwrap_or_default(),
        product_code: code(&mut fields, "product_code"),
        product_name: fields.text("product_name", NAME_CHARS_MAX),
        check_date: fields.date("check_date").unwrap_or(day),
        check_quantity: fields.required("check_quantity", Fields::amount).unwrap_or_default(),
        qualified_quantity: fields
            .required("qualified_quantity", Fields::amount)
            .unwrap_or_default(),
        unqualified_quantity: unqualified,
        check_result: result.unwrap_or(if unqualified > Decimal::ZERO {
            CheckResult::Unqualified
        } else {
            CheckResult::Qualified
        }),
        defect_description: fields.text("defect_description", TEXT_CHARS_MAX),
        checker_id: fields.int("checker_id", 1, i64::MAX),
        checker_no: code(&mut fields, "checker_no"),
        checker_name: code(&mut fields, "checker_name"),
        remark: fields.text("remark", TEXT_CHARS_MAX),
        measurements,
        defects,
        disposition: defect_kind(&mut fields, "disposition"),
        circumstances: Circumstances {
            process_code: code(&mut fields, "process_code"),
            equipment: code(&mut fields, "equipment"),
            equipment_state: code(&mut fields, "equipment_state"),
            tool: code(&mut fields, "tool"),
            worker_no: code(&mut fields, "worker_no"),
            material_lot: code(&mut fields, "material_lot"),
            shift: None,
        },
        flags: Vec::new(),
    };
    Read::of(inspection, fields)
}

/// The entries of a list, each with its place. That it is too long is told by whoever looks at the whole; what is more than
/// too long is not read.
fn parts<T>(fields: &mut Fields, name: &str, read: impl Fn(&mut Fields) -> T) -> Vec<T> {
    let mut list = fields.list(name).unwrap_or_default();
    list.truncate(LIST_READ_MAX);
    let read_part = |(nth, value)| {
        let mut part = Fields::new(value, &format!("{name}[{nth}]"));
        let read = read(&mut part);
        fields.absorb(part);
        read
    };
    list.into_iter().enumerate().map(read_part).collect()
}

fn crew(fields: &mut Fields) -> Vec<CrewMember> {
    let list = fields.take("crew").unwrap_or_else(|| Value::Array(Vec::new()));
    serde_json::from_value(list).unwrap_or_else(|error| {
        let shape = r#"{"worker_no": "1001", "from": TIME, "to": TIME, "activity": "run"}"#;
        fields.find(
            "crew",
            format!("must be a list of {shape}: {error}"),
            format!("应为 {shape} 的列表：{error}"),
        );
        Vec::new()
    })
}

fn defect_kind(fields: &mut Fields, name: &str) -> Option<DefectKind> {
    let kind = serde_json::from_value(fields.take(name)?).ok();
    if kind.is_none() {
        fields.find(
            name,
            "must be \"rework\", \"concession\" or \"scrap\"",
            "应为返工、让步接收或报废",
        );
    }
    kind
}

fn number(fields: &mut Fields, name: &str) -> Option<f64> {
    let number = finite(&fields.take(name)?);
    if number.is_none() {
        fields.find(name, "must be a number", "应为数字");
    }
    number
}

fn numbers(fields: &mut Fields, name: &str) -> Option<Vec<f64>> {
    let list = fields.list(name)?;
    let numbers: Option<Vec<f64>> = list.iter().map(finite).collect();
    if numbers.is_none() {
        fields.find(name, "must be a list of numbers", "应为一组数字");
    }
    numbers
}

/// As a number, or as text, which is how exact senders write it.
fn finite(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number| number.is_finite())
}
