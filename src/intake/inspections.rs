//! What every inspection goes through, whether it was scanned or handed in: what is known of its order is filled in, and
//! then all that is wrong with it is told at once.

use super::to_state;
use crate::buffer::RECORD_BYTES_MAX;
use crate::judge::inspection::{self, OrderFacts};
use crate::language::Words;
use crate::record::{CheckResult, Inspection, Objection, Timestamp};
use crate::reference::{OrderStatus, Reference};

/// Beside it a record holds who speaks, numbers, times and flags.
const PAYLOAD_BYTES_MAX: usize = RECORD_BYTES_MAX - (4 << 10);
/// Something could not be looked up when it was said.
pub const UNVERIFIED: &str = "unverified";

/// Completes an inspection; nothing is given when it can be so.
pub fn examine(inspection: &mut Inspection, reference: &Reference, at: Timestamp) -> Vec<Objection> {
    let mut objections = Vec::new();
    let order = reference.order(&inspection.order_no);
    if let Some(order) = order {
        inspection.order_no.clone_from(&order.order_no);
        let known = |text: &String| (!text.is_empty()).then(|| text.clone());
        inspection.product_code = inspection.product_code.take().or_else(|| known(&order.product_code));
        inspection.product_name = inspection.product_name.take().or_else(|| known(&order.product_name));
    } else if reference.is_fresh(at) && !inspection.order_no.is_empty() {
        objections.push(unknown_order(&inspection.order_no));
    }
    let checker = inspection.checker_no.as_deref().and_then(|no| reference.worker(no));
    if let Some(checker) = checker {
        inspection.checker_id = inspection.checker_id.or(checker.worker_id);
        inspection.checker_name.get_or_insert_with(|| checker.name.clone());
    }
    let knows_checker = || checker.is_some() || inspection.checker_no.is_none();
    let knows_reasons = || {
        inspection
            .defects
            .iter()
            .all(|fault| reference.reason(&fault.reason).is_some())
    };
    let is_checked = order.is_some() && (reference.is_fresh(at) || (knows_checker() && knows_reasons()));
    if !is_checked {
        flag(inspection, UNVERIFIED);
    }
    if !inspection::out_of_specification(inspection, at).is_empty() {
        flag(inspection, "out_of_specification");
    }
    let is_passed = inspection.check_result == CheckResult::Qualified;
    if is_passed && !inspection.unqualified_quantity.is_zero() {
        flag(inspection, "passed_with_defects");
    }
    let facts = order.map(|order| OrderFacts {
        quantity: order.order_quantity,
        is_released: order.status >= OrderStatus::Released,
    });
    objections.extend(inspection::check(inspection, facts));
    objections.extend(too_long(inspection));
    objections
}

fn flag(inspection: &mut Inspection, flag: &str) {
    if !inspection.flags.iter().any(|known| known == flag) {
        inspection.flags.push(flag.to_owned());
    }
}

/// What is longer than a record may be.
pub fn too_long(payload: &impl serde::Serialize) -> Option<Objection> {
    let bytes = to_state(payload).len();
    (bytes > PAYLOAD_BYTES_MAX).then(|| {
        let words = Words::new(
            format!("all of it is {bytes} bytes long; at most {PAYLOAD_BYTES_MAX} fit into one record"),
            format!("全部内容共 {bytes} 字节，一条记录最多 {PAYLOAD_BYTES_MAX} 字节"),
        );
        Objection::new("", "TOO_LONG", words)
    })
}

pub fn unknown_order(order_no: &str) -> Objection {
    let words = Words::new(
        format!("there is no order {order_no}; write one that is released"),
        format!("没有工单 {order_no}；请填已下达的工单"),
    );
    Objection::new("order_no", "UNKNOWN_ORDER", words)
}
