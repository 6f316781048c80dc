//! The progress of orders: reports in, `PROGRESS_UPDATED` out when it matters.
//!
//! A look at an order estimates its end, which takes longer than a report; so an order is looked at once a second at most,
//! and once a minute while nothing is reported, for time alone makes it late.

use std::collections::HashMap;

use bytes::Bytes;
use chrono::TimeDelta;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Accepted, Settings, read_all, to_state};
use crate::buffer::States;
use crate::intake::tallies::process_of;
use crate::judge::progress::order::{self, OrderProgress, Plan, Progress};
use crate::record::{Kind, ProgressUpdated, Record, Timestamp, WorkReport};
use crate::reference::{Order, OrderStatus, Reference};
use crate::status::{Between, Operation, OrderView, Status, Wip};

const PROGRESS: &str = "progress/";
/// Who speaks, in the records of progress.
const SOURCE: &str = "orders";
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(1);
const LOOK_ANYWAY: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug)]
pub struct Orders {
    gateway_id: String,
    settings: Settings,
    status: Status,
    known: HashMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    progress: OrderProgress,
    looked_at: Option<Timestamp>,
    /// Something was reported since.
    is_due: bool,
}

impl Orders {
    pub fn new(gateway_id: &str, settings: &Settings, status: Status) -> Self {
        Self {
            gateway_id: gateway_id.to_owned(),
            settings: settings.clone(),
            status,
            known: HashMap::new(),
        }
    }

    pub fn restore(&mut self, states: &States) {
        let known = read_all(states, PROGRESS).into_iter().map(|(order_no, progress)| {
            let known = Known {
                progress,
                ..Known::default()
            };
            (order_no, known)
        });
        self.known = known.collect();
    }

    pub fn report(&mut self, report: &WorkReport, reference: &Reference, at: Timestamp, accepted: &mut Accepted) {
        // Of an order that is not known yet the centre will tell what it has got.
        let Some(order) = reference.order(&report.order_no) else {
            return;
        };
        let process = process_of(order, &report.process_code);
        let last = order.processes.iter().max_by_key(|process| process.sequence);
        let completes = last.is_none() || last.zip(process).is_some_and(|(last, process)| last == process);
        if !self.known.contains_key(&order.order_no) {
            let mut known = Known::default();
            known.progress.central(order.completed_quantity, at);
            self.known.insert(order.order_no.clone(), known);
        }
        let Some(known) = self.known.get_mut(&order.order_no) else {
            return;
        };
        known.progress.report(report, at, completes);
        known.is_due = true;
        if report.is_final || known.looked_at.is_none_or(|looked| (at - looked).abs() >= LOOK_AGAIN) {
            self.look(order, &report.report_no, at, accepted);
        } else {
            accepted
                .states
                .insert(format!("{PROGRESS}{}", order.order_no), to_state(&known.progress));
        }
    }

    /// Keys of the orders that are late.
    pub fn open_keys(&self) -> impl Iterator<Item = String> {
        let known = self.known.iter();
        known.filter_map(|(order_no, known)| known.progress.late_key(order_no))
    }

    pub fn tick(&mut self, reference: &Reference, now: Timestamp, accepted: &mut Accepted) {
        let is_due = |known: &Known| {
            let wait = if known.is_due { LOOK_AGAIN } else { LOOK_ANYWAY };
            known.looked_at.is_none_or(|looked| (now - looked).abs() >= wait)
        };
        let due = self.known.iter().filter(|(_, known)| is_due(known));
        let due: Vec<_> = due
            .filter_map(|(order_no, _)| reference.order(order_no).cloned())
            .collect();
        for order in due {
            self.look(&order, &now.to_rfc3339(), now, accepted);
        }
    }

    /// Takes in what the centre says of orders now. Those that are closed, or were long ago, are no longer judged.
    pub fn learn(&mut self, reference: &Reference, now: Timestamp, accepted: &mut Accepted) {
        for order in reference.orders() {
            if let Some(known) = self.known.get_mut(&order.order_no) {
                known.progress.central(order.completed_quantity, now);
                known.is_due = true;
                if order.status == OrderStatus::Closed {
                    self.look(order, reference.version.as_str(), now, accepted);
                }
            } else {
                self.show(order, &OrderProgress::default(), now);
            }
        }
        let is_fresh = reference.is_fresh(now);
        self.known.retain(|order_no, _| {
            let order = reference.order(order_no);
            let is_over = order.map_or(is_fresh, |order| order.status == OrderStatus::Closed);
            if is_over {
                accepted.states.insert(format!("{PROGRESS}{order_no}"), Bytes::new());
            }
            !is_over
        });
        self.status.keep_orders(|order_no| reference.order(order_no).is_some());
    }

    fn look(&mut self, order: &Order, cause: &str, now: Timestamp, accepted: &mut Accepted) {
        let Some(known) = self.known.get_mut(&order.order_no) else {
            return;
        };
        let Settings { calendar, progress, .. } = &self.settings;
        let plan = plan(order, &self.settings);
        let looked = known
            .progress
            .look(&order.order_no, Some(&plan), now, calendar, *progress);
        (known.is_due, known.looked_at) = (false, Some(now));
        let name = format!("{PROGRESS}{}", order.order_no);
        accepted.states.insert(name, to_state(&known.progress));
        accepted.findings.extend(looked.finding);
        if looked.is_news {
            let told = told(&order.order_no, &looked.progress, &self.settings);
            let cause = format!("{}/progress/{}/{cause}", self.gateway_id, order.order_no);
            // Derived, so that a repeat is recognised.
            let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, cause.as_bytes());
            let record = Record::encode(Kind::Progress, id, now, calendar.zone(), SOURCE, &told);
            accepted.records.push(record);
        }
        let view = view(order, &known.progress, &looked.progress, &self.settings);
        self.status.set_order(&order.order_no, view);
    }

    fn show(&self, order: &Order, progress: &OrderProgress, now: Timestamp) {
        let mut progress = progress.clone();
        progress.central(order.completed_quantity, now);
        let shown = progress.view(Some(&plan(order, &self.settings)), now, &self.settings.calendar);
        let view = view(order, &progress, &shown, &self.settings);
        self.status.set_order(&order.order_no, view);
    }
}

fn plan(order: &Order, settings: &Settings) -> Plan {
    let status = match order.status {
        OrderStatus::Draft | OrderStatus::Approved => order::Status::Planned,
        OrderStatus::Released => order::Status::Released,
        OrderStatus::InProduction => order::Status::InProgress,
        OrderStatus::Finished => order::Status::Completed,
        OrderStatus::Closed => order::Status::Closed,
    };
    let day = order.delivery_date.and_then(|day| settings.calendar.day(day));
    Plan {
        status,
        quantity: order.order_quantity,
        due: day.map(|day| day.end),
    }
}

fn told(order_no: &str, progress: &Progress, settings: &Settings) -> ProgressUpdated {
    let clock = |at: Option<Timestamp>| at.map(|at| settings.calendar.zone().rfc3339(at));
    ProgressUpdated {
        order_no: order_no.to_owned(),
        status: progress.status.name(),
        progress_percent: progress.progress_percent,
        completed_qty: progress.completed_qty,
        plan_qty: progress.plan_qty,
        estimated_completion: clock(progress.estimated_completion),
        last_report_time: clock(progress.last_report_time),
        earliest_completion: clock(progress.earliest_completion),
        latest_completion: clock(progress.latest_completion),
        rate_per_hour: progress.rate_per_hour,
        due: clock(progress.due),
        late: progress.is_late,
    }
}

fn view(order: &Order, known: &OrderProgress, progress: &Progress, settings: &Settings) -> OrderView {
    OrderView {
        progress: told(&order.order_no, progress, settings),
        wip: wip(order, known, progress),
    }
}

/// Pieces between processes, by the reports of this gateway.
fn wip(order: &Order, known: &OrderProgress, progress: &Progress) -> Wip {
    let mut routing: Vec<_> = order.processes.iter().collect();
    routing.sort_by_key(|process| process.sequence);
    let made = |code: &str| known.processes().get(code).copied().unwrap_or_default();
    let operations = routing.iter().map(|process| Operation {
        process_code: process.process_code.clone(),
        process_name: process.process_name.clone(),
        qualified_qty: made(&process.process_code).qualified,
    });
    let steps = routing.iter().zip(routing.iter().skip(1));
    let between = steps.map(|(before, after)| Between {
        after: before.process_code.clone(),
        before: after.process_code.clone(),
        quantity: (made(&before.process_code).qualified - made(&after.process_code).output).max(Decimal::ZERO),
    });
    let between: Vec<_> = between.collect();
    let in_progress: Decimal = between.iter().map(|step| step.quantity).sum();
    let left = (order.order_quantity - progress.completed_qty).max(Decimal::ZERO);
    let in_progress_qty = in_progress.min(left);
    Wip {
        total_qty: order.order_quantity,
        completed_qty: progress.completed_qty,
        in_progress_qty,
        pending_qty: left - in_progress_qty,
        between,
        operations: operations.collect(),
    }
}
