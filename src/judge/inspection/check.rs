//! Whether an inspection can be so: required fields, quantities that add up, no more than the order has. Everything that is
//! wrong is told at once.

use std::fmt::Display;

use rust_decimal::Decimal;

use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::{CheckResult, FoundDefect, Inspection, Measurement, Objection, Severity, Timestamp};

/// Of lists that people and gauges fill.
const DEFECTS_MAX: usize = 100;
const MEASUREMENTS_MAX: usize = 100;
const VALUES_MAX: usize = 500;

/// Texts of the columns and how many characters they hold.
const CODE_CHARS_MAX: usize = 50;
const TEXT_CHARS_MAX: usize = 500;
const NAME_CHARS_MAX: usize = 200;

/// What is known of the order that was inspected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderFacts {
    pub quantity: Decimal,
    /// Something can have been made of it.
    pub is_released: bool,
}

/// All that is wrong with an inspection. Without facts the order could not be looked up, and is believed.
pub fn check(inspection: &Inspection, order: Option<OrderFacts>) -> Vec<Objection> {
    let mut objections = Objections::default();
    quantities(inspection, order, &mut objections);
    texts(inspection, &mut objections);
    defects(inspection, &mut objections);
    measurements(inspection, &mut objections);
    objections.0
}

#[derive(Default)]
struct Objections(Vec<Objection>);

impl Objections {
    fn add(&mut self, field: impl Into<String>, code: &'static str, en: impl Into<String>, zh: impl Into<String>) {
        self.0.push(Objection::new(field, code, Words::new(en, zh)));
    }

    fn too_long(&mut self, field: impl Into<String>, chars_max: usize) {
        let en = format!("is longer than {chars_max} characters");
        self.add(field, "TOO_LONG", en, format!("不得超过 {chars_max} 个字符"));
    }
}

fn texts(inspection: &Inspection, objections: &mut Objections) {
    let Inspection { circumstances, .. } = inspection;
    let texts = [
        ("check_no", Some(&inspection.check_no), CODE_CHARS_MAX),
        ("order_no", Some(&inspection.order_no), CODE_CHARS_MAX),
        ("product_code", inspection.product_code.as_ref(), CODE_CHARS_MAX),
        ("product_name", inspection.product_name.as_ref(), NAME_CHARS_MAX),
        (
            "defect_description",
            inspection.defect_description.as_ref(),
            TEXT_CHARS_MAX,
        ),
        ("checker_no", inspection.checker_no.as_ref(), CODE_CHARS_MAX),
        ("checker_name", inspection.checker_name.as_ref(), CODE_CHARS_MAX),
        ("remark", inspection.remark.as_ref(), TEXT_CHARS_MAX),
        ("process_code", circumstances.process_code.as_ref(), CODE_CHARS_MAX),
        ("equipment", circumstances.equipment.as_ref(), CODE_CHARS_MAX),
        ("tool", circumstances.tool.as_ref(), CODE_CHARS_MAX),
        ("worker_no", circumstances.worker_no.as_ref(), CODE_CHARS_MAX),
        ("material_lot", circumstances.material_lot.as_ref(), CODE_CHARS_MAX),
    ];
    for (field, text, chars_max) in texts {
        if text.is_some_and(|text| text.chars().count() > chars_max) {
            objections.too_long(field, chars_max);
        }
    }
    if inspection.checker_id.is_none() && inspection.checker_no.is_none() && inspection.checker_name.is_none() {
        let en = "nobody is named; write checker_no, checker_name or checker_id";
        objections.add("checker_no", "MISSING", en, "未填检验员；请填写工号或姓名");
    }
}

fn quantities(inspection: &Inspection, order: Option<OrderFacts>, objections: &mut Objections) {
    let Inspection {
        check_quantity,
        qualified_quantity,
        unqualified_quantity,
        ..
    } = *inspection;
    let all = [
        ("check_quantity", check_quantity),
        ("qualified_quantity", qualified_quantity),
        ("unqualified_quantity", unqualified_quantity),
    ];
    for (field, quantity) in all {
        if quantity < Decimal::ZERO {
            let en = format!("{quantity} is below 0");
            objections.add(field, "QTY_INVALID", en, format!("{quantity} 小于 0"));
        }
    }
    if check_quantity.is_zero() {
        let en = "nothing was inspected; write a quantity above 0";
        objections.add("check_quantity", "QTY_INVALID", en, "没有检验任何件；请填大于 0 的数量");
    }
    let sum = qualified_quantity + unqualified_quantity;
    if sum != check_quantity {
        let en = format!(
            "is {check_quantity}, but qualified_quantity {qualified_quantity} and unqualified_quantity \
             {unqualified_quantity} make {sum}"
        );
        let zh = format!(
            "检验数 {check_quantity} 与合格 {qualified_quantity} 加不合格 {unqualified_quantity} 之和 {sum} 不符"
        );
        objections.add("check_quantity", "QTY_MISMATCH", en, zh);
    }
    if let Some(order) = order {
        let of = order.quantity;
        if check_quantity > of {
            let en = format!("{check_quantity} cannot be inspected of an order over {of}");
            let zh = format!("工单只有 {of} 件，不能检验 {check_quantity} 件");
            objections.add("check_quantity", "OVER_QUANTITY", en, zh);
        }
        if !order.is_released {
            let number = &inspection.order_no;
            let en = format!("{number} is not released: nothing of it can have been made");
            objections.add(
                "order_no",
                "ORDER_NOT_RELEASED",
                en,
                format!("工单 {number} 尚未下达，不会有产品"),
            );
        }
    }
    // With quantities that cannot be, nothing can be said of the result.
    if !objections.0.is_empty() {
        return;
    }
    if inspection.check_result == CheckResult::Qualified && qualified_quantity.is_zero() {
        let en = "nothing is qualified, so the result is 2 (unqualified)";
        objections.add(
            "check_result",
            "RESULT_MISMATCH",
            en,
            "没有合格品，结果应为 2（不合格）",
        );
    }
    if inspection.check_result == CheckResult::Unqualified && unqualified_quantity.is_zero() {
        let en = "nothing is unqualified, so the result is 1 (qualified)";
        objections.add(
            "check_result",
            "RESULT_MISMATCH",
            en,
            "没有不合格品，结果应为 1（合格）",
        );
    }
}

fn defects(inspection: &Inspection, objections: &mut Objections) {
    if inspection.defects.len() > DEFECTS_MAX {
        let en = format!("has more than {DEFECTS_MAX} entries");
        objections.add("defects", "TOO_MANY", en, format!("不得超过 {DEFECTS_MAX} 项"));
    }
    for (nth, defect) in inspection.defects.iter().enumerate() {
        let place = |member| format!("defects[{nth}].{member}");
        if defect.reason.chars().count() > CODE_CHARS_MAX {
            objections.too_long(place("reason"), CODE_CHARS_MAX);
        }
        if defect.quantity <= Decimal::ZERO {
            let en = format!("{} is not above 0", defect.quantity);
            objections.add(
                place("quantity"),
                "QTY_INVALID",
                en,
                format!("{} 应大于 0", defect.quantity),
            );
        }
    }
    let sum: Decimal = inspection.defects.iter().map(|defect| defect.quantity).sum();
    let can_be = |defect: &FoundDefect| defect.quantity > Decimal::ZERO;
    let are_all_sound = !inspection.defects.is_empty() && inspection.defects.iter().all(can_be);
    if are_all_sound && sum != inspection.unqualified_quantity {
        let unqualified = inspection.unqualified_quantity;
        let en = format!("the defects make {sum}, but unqualified_quantity is {unqualified}");
        let zh = format!("不良合计 {sum}，但不合格数为 {unqualified}");
        objections.add("defects", "QTY_MISMATCH", en, zh);
    }
    let has_description = inspection.defect_description.is_some();
    if inspection.defects.is_empty() && inspection.unqualified_quantity > Decimal::ZERO && !has_description {
        let en = "say what is wrong with them: defects with reasons, or defect_description";
        objections.add("defects", "MISSING", en, "请说明不良：填写不良原因或不良描述");
    }
    if inspection.disposition.is_some() && inspection.unqualified_quantity.is_zero() {
        let en = "there is nothing to decide on: unqualified_quantity is 0";
        objections.add("disposition", "NOT_NEEDED", en, "不合格数为 0，无需处置");
    }
}

fn measurements(inspection: &Inspection, objections: &mut Objections) {
    if inspection.measurements.len() > MEASUREMENTS_MAX {
        let en = format!("has more than {MEASUREMENTS_MAX} characteristics");
        objections.add(
            "measurements",
            "TOO_MANY",
            en,
            format!("不得超过 {MEASUREMENTS_MAX} 个特性"),
        );
    }
    for (nth, measurement) in inspection.measurements.iter().enumerate() {
        let place = |member| format!("measurements[{nth}].{member}");
        if measurement.characteristic.chars().count() > CODE_CHARS_MAX {
            objections.too_long(place("characteristic"), CODE_CHARS_MAX);
        }
        if measurement.values.is_empty() || measurement.values.len() > VALUES_MAX {
            let en = format!("write 1 to {VALUES_MAX} measured numbers");
            objections.add(
                place("values"),
                "VALUES_INVALID",
                en,
                format!("请填 1 到 {VALUES_MAX} 个测量值"),
            );
        }
        if let (Some(lower), Some(upper)) = (measurement.lower, measurement.upper)
            && lower > upper
        {
            let en = format!("the lower limit {lower} is above the upper one, {upper}");
            objections.add(
                place("lower"),
                "LIMITS_INVALID",
                en,
                format!("下限 {lower} 高于上限 {upper}"),
            );
        }
    }
}

impl Measurement {
    /// The value that lies furthest beyond its limits, if one does.
    fn worst(&self) -> Option<f64> {
        let beyond = |value: f64| {
            let below = self.lower.map_or(f64::NEG_INFINITY, |lower| lower - value);
            let above = self.upper.map_or(f64::NEG_INFINITY, |upper| value - upper);
            below.max(above)
        };
        let worst = self
            .values
            .iter()
            .copied()
            .max_by(|a, b| beyond(*a).total_cmp(&beyond(*b)));
        worst.filter(|value| beyond(*value) > 0.0)
    }
}

/// What was measured beyond the specification: not a fault of the inspection, which tells what is, but worth an alert.
pub fn out_of_specification(inspection: &Inspection, at: Timestamp) -> Vec<Finding> {
    let found = |measurement: &Measurement| {
        let value = measurement.worst()?;
        let Measurement {
            characteristic,
            lower,
            upper,
            unit,
            ..
        } = measurement;
        let order = &inspection.order_no;
        let unit = unit.as_deref().filter(|unit| !unit.trim().is_empty());
        let with_unit =
            |figure: &dyn Display| unit.map_or_else(|| figure.to_string(), |unit| format!("{figure} {unit}"));
        let told = with_unit(&value);
        let (bound, bound_zh) = match (lower, upper) {
            (Some(lower), Some(upper)) => {
                let span = with_unit(&format_args!("{lower} – {upper}"));
                (format!("outside of {span}"), format!("超出规格 {span}"))
            }
            (Some(lower), None) => {
                let lower = with_unit(lower);
                (format!("below {lower}"), format!("低于规格下限 {lower}"))
            }
            (None, upper) => {
                let upper = with_unit(&(*upper)?);
                (format!("above {upper}"), format!("高于规格上限 {upper}"))
            }
        };
        Some(Finding {
            key: format!("specification/{order}/{characteristic}"),
            alert_type: "OUT_OF_SPECIFICATION".to_owned(),
            severity: Severity::Medium,
            change: Change::Once,
            at,
            subject: Subject {
                order_no: Some(order.clone()),
                equipment: inspection.circumstances.equipment.clone(),
                point: Some(characteristic.clone()),
                worker_no: None,
                rule: Some("specification".to_owned()),
                value: Some(value),
                limits: Some(serde_json::json!({"low": lower, "high": upper})),
            },
            words: Words::new(
                format!("{characteristic} of order {order} was measured as {told}, {bound}."),
                format!("工单 {order} 的 {characteristic} 实测 {told}，{bound_zh}。"),
            ),
        })
    };
    inspection.measurements.iter().filter_map(found).collect()
}
