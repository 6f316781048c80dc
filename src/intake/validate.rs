//! The three layers that a work report must pass: format, business, state. Every finding is told at once. What of them holds
//! for inspections is asked of these too.

use std::borrow::Cow;

use chrono::{Duration, NaiveDate};
use rust_decimal::Decimal;

use crate::language::Words;
use crate::record::{DefectKind, Inspection, Timestamp, WorkReport};
use crate::reference::{OrderStatus, Reference};

/// Texts of the report's columns.
pub const CODE_CHARS_MAX: usize = 50;
/// DECIMAL(18,4): what the central store's columns hold.
const QUANTITY_DIGITS_MAX: u32 = 14;
const QUANTITY_SCALE_MAX: u32 = 4;
/// Of lists that people fill.
pub const DEFECTS_MAX: usize = 100;
const CREW_MAX: usize = 100;
/// A person does not work longer between two reports.
const HOURS_MAX: i64 = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Types and required fields.
    Format,
    /// Plausible hours, quantities that add up.
    Business,
    /// Whether the order may be reported.
    State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub layer: Layer,
    pub code: &'static str,
    /// With its place: `defects[1].reason`.
    pub field: Cow<'static, str>,
    pub words: Words,
}

/// All that is wrong with a report, the outermost layer first; nothing when it may be accepted. Where the reference data is
/// not fresh enough to say no, what it does not know passes.
pub fn work_report(report: &WorkReport, reference: &Reference, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    format(report, &mut findings);
    business(report, now, &mut findings);
    state(report, reference, now, &mut findings);
    findings
}

fn format(report: &WorkReport, findings: &mut Vec<Finding>) {
    let mut add = |code, field: Cow<'static, str>, words| {
        findings.push(Finding {
            layer: Layer::Format,
            code,
            field,
            words,
        });
    };
    let texts = [
        ("order_no", &report.order_no, true),
        ("process_code", &report.process_code, false),
        ("station", &report.station, true),
        ("worker_no", &report.worker_no, true),
    ];
    for (field, text, is_required) in texts {
        if is_required && text.trim().is_empty() {
            add(
                "INVALID_REPORT",
                field.into(),
                Words::new(format!("{field} is missing"), format!("缺少 {field}")),
            );
        }
        if text.chars().count() > CODE_CHARS_MAX {
            add(
                "INVALID_REPORT",
                field.into(),
                Words::new(
                    format!("{field} is longer than {CODE_CHARS_MAX} characters"),
                    format!("{field} 不得超过 {CODE_CHARS_MAX} 个字符"),
                ),
            );
        }
    }
    let quantities = [
        ("output_quantity", report.output_quantity),
        ("qualified_quantity", report.qualified_quantity),
        ("unqualified_quantity", report.unqualified_quantity),
        ("to_inspect", report.to_inspect),
    ];
    for (field, quantity) in quantities {
        let is_too_large = quantity.abs() >= Decimal::from(10_u64.pow(QUANTITY_DIGITS_MAX));
        if is_too_large || quantity.normalize().scale() > QUANTITY_SCALE_MAX {
            add(
                "QTY_INVALID",
                field.into(),
                Words::new(
                    format!("{field} {quantity} does not fit 14 digits and 4 decimals"),
                    format!("{field} {quantity} 超出 14 位整数、4 位小数"),
                ),
            );
        }
    }
    for (field, length, length_max) in [
        ("defects", report.defects.len(), DEFECTS_MAX),
        ("crew", report.crew.len(), CREW_MAX),
    ] {
        if length > length_max {
            let words = Words::new(
                format!("{field} has more than {length_max} entries"),
                format!("{field} 不得超过 {length_max} 项"),
            );
            add("INVALID_REPORT", field.into(), words);
        }
    }
    for (nth, defect) in report.defects.iter().enumerate() {
        if defect.reason.trim().is_empty() {
            let words = Words::new("a defect has no reason", "不良未填原因");
            add("REASON_UNKNOWN", of_defect(nth, "reason"), words);
        }
        // What takes a report back has its quantities the other way round.
        let counted = if report.voids.is_some() {
            -defect.quantity
        } else {
            defect.quantity
        };
        if counted <= Decimal::ZERO {
            let words = Words::new(
                format!("a defect of {} pieces is none", defect.quantity),
                format!("不良数量 {} 无效", defect.quantity),
            );
            add("QTY_INVALID", of_defect(nth, "quantity"), words);
        }
    }
    for (nth, member) in report.crew.iter().enumerate() {
        if member.worker_no.chars().count() > CODE_CHARS_MAX {
            let words = Words::new(
                format!("a worker_no is longer than {CODE_CHARS_MAX} characters"),
                format!("工号不得超过 {CODE_CHARS_MAX} 个字符"),
            );
            add("INVALID_REPORT", format!("crew[{nth}].worker_no").into(), words);
        }
    }
}

fn of_defect(nth: usize, member: &str) -> Cow<'static, str> {
    format!("defects[{nth}].{member}").into()
}

fn business(report: &WorkReport, now: Timestamp, findings: &mut Vec<Finding>) {
    let mut add = |code, field: &'static str, words| {
        findings.push(Finding {
            layer: Layer::Business,
            code,
            field: field.into(),
            words,
        });
    };
    let is_void = report.voids.is_some();
    if report.output_quantity != report.qualified_quantity + report.unqualified_quantity {
        add(
            "QTY_INVALID",
            "output_quantity",
            Words::new("output is not qualified plus unqualified", "产出数不等于合格加不合格"),
        );
    }
    if report.unqualified_quantity != report.defects.iter().map(|d| d.quantity).sum() {
        add(
            "QTY_INVALID",
            "unqualified_quantity",
            Words::new("unqualified is not the sum of the defects", "不合格数不等于各不良之和"),
        );
    }
    let has_negative = [
        report.output_quantity,
        report.qualified_quantity,
        report.unqualified_quantity,
        report.to_inspect,
    ]
    .iter()
    .any(|quantity| quantity.is_sign_negative() && !quantity.is_zero());
    if has_negative && !is_void {
        add(
            "QTY_INVALID",
            "output_quantity",
            Words::new(
                "only a report that takes another back has negative quantities",
                "只有撤销报工才有负数量",
            ),
        );
    }
    let is_negative = report.work_hours.is_sign_negative() && !report.work_hours.is_zero();
    if report.work_hours.abs() > Decimal::from(HOURS_MAX) || (is_negative && !is_void) {
        add(
            "INVALID_REPORT",
            "work_hours",
            Words::new(
                format!("{} hours since the last report are not plausible", report.work_hours),
                format!("距上次报工 {} 小时不合理", report.work_hours),
            ),
        );
    }
    if let Some(words) = in_future(report.work_date, now) {
        add("INVALID_REPORT", "work_date", words);
    }
}

/// A production day may be another one than that of the calendar, but not by much.
fn in_future(day: NaiveDate, now: Timestamp) -> Option<Words> {
    let is_ahead = day > (now + Duration::days(2)).date_naive();
    is_ahead.then(|| Words::new(format!("{day} lies in the future"), format!("{day} 在未来")))
}

/// What an inspection that was handed in says of people, faults and days that cannot be; stations ask on the spot.
pub fn inspection(inspection: &Inspection, reference: &Reference, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(in_future(inspection.check_date, now).map(|words| Finding {
        layer: Layer::Business,
        code: "DATE_INVALID",
        field: "check_date".into(),
        words,
    }));
    if let Some(checker_no) = &inspection.checker_no {
        findings.extend(badge("checker_no", checker_no, reference, now));
    }
    let reasons = inspection.defects.iter().map(|found| (&*found.reason, found.kind));
    findings.extend(unfit_reasons(reasons, reference, now));
    findings
}

/// Nobody works here under this number, as far as that can be said.
fn badge(field: &'static str, worker_no: &str, reference: &Reference, now: Timestamp) -> Option<Finding> {
    let is_refused = match reference.worker(worker_no) {
        Some(worker) => !worker.active,
        None => reference.is_fresh(now),
    };
    is_refused.then(|| Finding {
        layer: Layer::State,
        code: "UNKNOWN_BADGE",
        field: field.into(),
        words: Words::same(worker_no),
    })
}

/// Reasons of defects that are none, or not of such a defect, as far as that can be said.
fn unfit_reasons<'a>(
    defects: impl Iterator<Item = (&'a str, Option<DefectKind>)>,
    reference: &Reference,
    now: Timestamp,
) -> impl Iterator<Item = Finding> {
    defects.enumerate().filter_map(move |(nth, (reason, kind))| {
        let fits = match reference.reason(reason) {
            Some(known) => kind.is_none_or(|kind| reason_fits(&known.kind, kind)),
            None => !reference.is_fresh(now),
        };
        (!fits).then(|| Finding {
            layer: Layer::State,
            code: "REASON_UNKNOWN",
            field: of_defect(nth, "reason"),
            words: Words::same(reason),
        })
    })
}

fn state(report: &WorkReport, reference: &Reference, now: Timestamp, findings: &mut Vec<Finding>) {
    let mut add = |code, field: Cow<'static, str>, words| {
        findings.push(Finding {
            layer: Layer::State,
            code,
            field,
            words,
        });
    };
    if let Some(order) = reference.order(&report.order_no) {
        // Who has reported the last piece still completes the job and signs off: hours and `final`, no pieces.
        let has_pieces = !report.output_quantity.is_zero() || !report.to_inspect.is_zero();
        let is_open = order.status.is_reportable() || (order.status == OrderStatus::Finished && !has_pieces);
        if !is_open && report.voids.is_none() {
            add("ORDER_CLOSED", "order_no".into(), Words::same(&order.order_no));
        }
        let has_routing = !order.processes.is_empty();
        if has_routing && !order.processes.iter().any(|p| p.process_code == report.process_code) {
            add(
                "WRONG_OPERATION",
                "process_code".into(),
                Words::new(
                    format!("{} is not an operation of {}", report.process_code, order.order_no),
                    format!("{} 不是工单 {} 的工序", report.process_code, order.order_no),
                ),
            );
        }
    }
    // A badge that was believed once is believed on: the pieces are there, and the report says that it is unverified.
    let is_unverified = report.flags.iter().any(|flag| flag == super::inspections::UNVERIFIED);
    if !(is_unverified && reference.worker(&report.worker_no).is_none()) {
        findings.extend(badge("worker_no", &report.worker_no, reference, now));
    }
    let reasons = report.defects.iter().map(|defect| (&*defect.reason, Some(defect.kind)));
    findings.extend(unfit_reasons(reasons, reference, now));
}

/// Whether a reason of this kind may explain a defect; a reason without a kind fits all.
pub fn reason_fits(reason_kind: &str, defect: DefectKind) -> bool {
    let wanted = match defect {
        DefectKind::Scrap => "scrap",
        DefectKind::Rework => "rework",
        DefectKind::Concession => "concession",
    };
    reason_kind.is_empty() || reason_kind == "defect" || reason_kind.split([',', '|']).any(|kind| kind.trim() == wanted)
}
