//! What reports are held against: the plan of the order, the operation before, the product.

use rust_decimal::Decimal;

use super::{Context, Dialogue, Job};
use crate::intake::tallies::{Sort, Tallies};
use crate::record::WorkReport;
use crate::reference::Order;

/// Flag of a report that says more than there should be.
pub const OVER_QUANTITY: &str = "over_quantity";
/// So much more than the plan, as a fraction of it, needs no question where nothing else is set.
pub const OVER_REPORT: Decimal = Decimal::from_parts(5, 0, 0, false, 2);

/// What is not divided over the orders of a run is meant for one of them.
pub fn is_aimed(dialogue: &Dialogue) -> bool {
    dialogue.batch.is_empty() || dialogue.is_aimed
}

/// A sum of pieces that breaks a limit.
#[derive(Debug)]
pub struct Excess {
    pub total: Decimal,
    pub limit: Decimal,
}

/// Whether so many more pieces of a sort would be more than the plan, or all of them more than the operation before has made.
/// The plan is of good pieces: what was scrapped on the way is made once more. Those that wait for rework or an inspection are
/// reported again, so they only count against more that wait.
pub fn excess(job: &Job, sort: Sort, quantity: Decimal, context: &Context) -> Option<Excess> {
    let (good, _) = done_and_plan(job, context)?;
    let order = context.reference.order(&job.order_no)?;
    let so_far = |sort| context.tallies.of(sort, &job.order_no, &job.process_code);
    let of_sort = if sort == Sort::Good { good } else { so_far(sort) };
    let waiting = (sort == Sort::Waiting).then_some(of_sort);
    let of_all = good + so_far(Sort::Spent) + waiting.unwrap_or_default();
    over_made(order, &job.process_code, quantity + of_all, context.tallies)
        .or_else(|| over_plan(order, quantity + of_sort, context.bench.over_report))
}

/// The same of a report as a whole, with what was reported before.
pub fn excess_of(report: &WorkReport, order: &Order, over_report: Decimal, tallies: &Tallies) -> Option<Excess> {
    let so_far = |sort| tallies.of(sort, &order.order_no, &report.process_code);
    let spent = report
        .defects
        .iter()
        .filter(|defect| Sort::of(defect.kind) == Sort::Spent);
    let spent = so_far(Sort::Spent) + spent.map(|defect| defect.quantity).sum::<Decimal>();
    let good = so_far(Sort::Good) + report.qualified_quantity;
    over_made(order, &report.process_code, good + spent, tallies)
        .or_else(|| over_plan(order, good, over_report))
        .or_else(|| over_plan(order, spent, over_report))
}

fn over_made(order: &Order, process_code: &str, total: Decimal, tallies: &Tallies) -> Option<Excess> {
    let limit = made_before(order, process_code, tallies)?;
    (total > limit).then_some(Excess { total, limit })
}

/// A little more than the plan is none: `over_report` of it.
fn over_plan(order: &Order, total: Decimal, over_report: Decimal) -> Option<Excess> {
    let limit = order.order_quantity;
    (total > limit * (Decimal::ONE + over_report)).then_some(Excess { total, limit })
}

/// Good pieces of the operation before, where this gateway knows of any.
fn made_before(order: &Order, process_code: &str, tallies: &Tallies) -> Option<Decimal> {
    let own = order.processes.iter().find(|p| p.process_code == process_code)?;
    let earlier = order.processes.iter().filter(|p| p.sequence < own.sequence);
    let before = earlier.max_by_key(|p| p.sequence)?;
    let made = tallies.good(&order.order_no, &before.process_code);
    // What was taken back may have been reported where this gateway does not see it.
    (made > Decimal::ZERO).then_some(made)
}

/// Pieces of this process so far and the plan, as well as they are known here.
pub fn done_and_plan(job: &Job, context: &Context) -> Option<(Decimal, Decimal)> {
    let order = context.reference.order(&job.order_no)?;
    let is_last = order
        .processes
        .iter()
        .max_by_key(|p| p.sequence)
        .is_none_or(|p| p.process_code == job.process_code);
    let by_us = context
        .tallies
        .good(&job.order_no, &job.process_code)
        .max(job.qualified);
    let by_all = if is_last {
        order.completed_quantity
    } else {
        Decimal::ZERO
    };
    Some((by_us.max(by_all), order.order_quantity))
}

/// Whether a piece is of the order's product. A number as trade uses it cannot be held against a name of our own.
pub fn is_same_item(item: &str, product: &str) -> bool {
    let is_number = |code: &str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    match (is_number(item), is_number(product)) {
        (true, true) => item.trim_start_matches('0') == product.trim_start_matches('0'),
        (true, false) => true,
        _ => product.is_empty() || item.eq_ignore_ascii_case(product),
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_item;

    #[test]
    fn an_item_is_compared_where_it_can_be() {
        assert!(is_same_item("06901234567892", "6901234567892"));
        assert!(!is_same_item("06901234567892", "6901234567893"));
        assert!(is_same_item("06901234567892", "P-9"), "a name of our own");
        assert!(is_same_item("p-9", "P-9"));
        assert!(!is_same_item("P-8", "P-9"));
        assert!(is_same_item("P-8", ""));
    }
}
