//! The rows that one transaction works on: loaded and locked together, changed in memory message by message, written back
//! in a few statements. A message that is refused leaves no trace here.
//!
//! Rows are always locked in the same order (orders, workers, equipment, each by id), so that gateways that report on the
//! same orders rarely deadlock.

mod alerts;
mod inspections;
mod load;
mod serials;
mod unverified;
mod write;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use rust_decimal::Decimal;

use super::order::{Order, Reported};
use super::payload::{AuditEntry, Effect, Event, Rejection, Status, instant};
use super::statement::{Arg, args};
use crate::record::WorkReport;

use alerts::Alerts;
pub use load::load_orders;
use serials::Serials;

/// In the table of changes, those of gateways stand beside those of the centre's own tables.
const AUDIT_TABLE: &str = "gateway";
const AUDIT_KEY_CHARS_MAX: usize = 100;

pub struct Book<'a> {
    tenant_id: i64,
    gateway_id: &'a str,
    orders: HashMap<String, Order>,
    /// As loaded, to see what changed.
    orders_before: HashMap<String, (i64, Decimal)>,
    reports: HashMap<String, Reported>,
    serials: Serials,
    checks: BTreeSet<String>,
    workers: HashMap<String, Worker>,
    equipment: HashMap<String, Equipment>,
    message_times: HashMap<(String, String), NaiveDateTime>,
    new_reports: Vec<(&'a Event<'a>, Cow<'a, WorkReport>)>,
    touched_progress: BTreeSet<(String, String)>,
    touched_workers: BTreeSet<String>,
    touched_equipment: BTreeSet<String>,
    inspections: inspections::Rows,
    alerts: Alerts,
    status_rows: Vec<Vec<Arg>>,
    audit_rows: Vec<Vec<Arg>>,
    order_messages: HashMap<(String, String), Vec<Arg>>,
    reference_changed: bool,
}

#[derive(Debug, Clone, Default)]
struct Worker {
    /// None until the row is there.
    id: Option<i64>,
    name: String,
    total_work_hours: Decimal,
}

#[derive(Debug, Clone, Default)]
struct Equipment {
    id: Option<i64>,
    name: String,
    state: Option<String>,
    state_since: Option<NaiveDateTime>,
    last_heard: Option<NaiveDateTime>,
}

impl<'a> Book<'a> {
    /// Whether something changed that stations work with.
    pub fn reference_changed(&self) -> bool {
        self.reference_changed || self.changed_orders().next().is_some()
    }

    fn changed_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders
            .values()
            .filter(|order| self.orders_before.get(&order.number) != Some(&(order.status, order.completed)))
    }

    /// Applies one message, or says why not and changes nothing.
    pub fn apply(&mut self, event: &'a Event<'a>) -> Result<(), Rejection> {
        match &event.effect {
            Effect::Report(report) => self.report(event, report)?,
            Effect::Inspection(inspection) => self.inspection(event, inspection)?,
            Effect::Disposition(decided) => self.disposition(event, decided)?,
            Effect::Alert(alert) => self.alerts.told(event, alert, self.gateway_id)?,
            Effect::Failure(failure) => self.failure(event, failure)?,
            Effect::OrderMessage { order_no } => self.order_message(event, order_no),
            Effect::Status(status) => self.status(event, status)?,
            Effect::Audit(entry) => self.audit(event, entry),
        }
        Ok(())
    }

    fn report(&mut self, event: &'a Event<'a>, report: &'a WorkReport) -> Result<(), Rejection> {
        if self.reports.contains_key(&report.report_no) {
            let detail = format!("another message reported as `{}`", report.report_no);
            return Err(Rejection::new("report_no_conflict", detail));
        }
        let mut report = self.verified(report);
        let voided = match &report.voids {
            Some(no) => Some(self.reports.get(no).cloned().ok_or_else(|| {
                Rejection::new("report_not_found", format!("there is no report `{no}` to take back"))
            })?),
            None => None,
        };
        let hours = self
            .workers
            .get(&report.worker_no)
            .map_or(Decimal::ZERO, |w| w.total_work_hours)
            + report.work_hours;
        let order = self
            .orders
            .get_mut(&report.order_no)
            .ok_or_else(|| unknown_order(&report.order_no))?;
        self.serials.check(order, &report)?;
        let remark = order.remark(&report, event.at);
        if let Some(remark) = remark.filter(|remark| !report.flags.iter().any(|flag| flag == remark)) {
            report.to_mut().flags.push(remark.to_owned());
        }
        order.apply(&report, event.at, voided.as_ref())?;
        self.serials.take(order, &report);

        let worker = self.workers.entry(report.worker_no.clone()).or_insert_with(|| Worker {
            name: report.worker_name.clone().unwrap_or_else(|| report.worker_no.clone()),
            ..Worker::default()
        });
        worker.total_work_hours = hours;
        self.touched_workers.insert(report.worker_no.clone());
        self.touched_progress
            .insert((report.order_no.clone(), report.process_code.clone()));
        if let Some(voided) = report.voids.as_ref().and_then(|no| self.reports.get_mut(no)) {
            voided.voided_by = Some(report.report_no.clone());
        }
        self.reports.insert(
            report.report_no.clone(),
            Reported {
                order_no: report.order_no.clone(),
                process_code: report.process_code.clone(),
                output: report.output_quantity,
                qualified: report.qualified_quantity,
                unqualified: report.unqualified_quantity,
                work_hours: report.work_hours,
                is_final: report.is_final,
                is_void: report.voids.is_some(),
                voided_by: None,
            },
        );
        self.new_reports.push((event, report));
        Ok(())
    }

    /// Only the latest word counts, whichever came first.
    fn order_message(&mut self, event: &Event<'_>, order_no: &str) {
        let key = (order_no.to_owned(), event.message.message_type.clone());
        if self.message_times.get(&key).is_some_and(|known| *known > event.at) {
            return;
        }
        let row = args![&key.0, &key.1, event.message.payload.get(), event.at, self.gateway_id];
        self.order_messages.insert(key.clone(), row);
        self.message_times.insert(key, event.at);
    }

    /// What was changed or decided at a gateway.
    fn audit(&mut self, event: &Event<'_>, entry: &AuditEntry) {
        let key: String = entry.subject.chars().take(AUDIT_KEY_CHARS_MAX).collect();
        self.audit_rows.push(args![
            &entry.who,
            &entry.action,
            AUDIT_TABLE,
            entry.seq,
            key,
            event.message.payload.get(),
            entry.from.as_deref(),
            self.gateway_id,
            event.at,
        ]);
    }

    fn status(&mut self, event: &Event<'_>, status: &Status<'_>) -> Result<(), Rejection> {
        let at = instant("source_time", &status.source_time)?;
        self.hear(&status.equipment, status.state.as_deref(), at);
        self.status_rows.push(args![
            &status.equipment,
            status.state.as_deref(),
            status.points.get(),
            at,
            event.message.message_id.to_string(),
            self.gateway_id,
        ]);
        Ok(())
    }

    /// A machine spoke. What is older than what we know of it is history only.
    fn hear(&mut self, code: &str, state: Option<&str>, at: NaiveDateTime) {
        if !self.equipment.contains_key(code) {
            let new = Equipment {
                name: code.to_owned(),
                ..Equipment::default()
            };
            self.equipment.insert(code.to_owned(), new);
            self.reference_changed = true;
        }
        let known = self.equipment.get_mut(code).expect("it was inserted if missing");
        if known.last_heard.is_some_and(|heard| heard > at) {
            return;
        }
        known.last_heard = Some(at);
        if let Some(state) = state.filter(|state| known.state.as_deref() != Some(state)) {
            known.state = Some(state.to_owned());
            known.state_since = Some(at);
        }
        if !self.touched_equipment.contains(code) {
            self.touched_equipment.insert(code.to_owned());
        }
    }
}

fn unknown_order(order_no: &str) -> Rejection {
    Rejection::new("order_not_found", format!("the store knows no order `{order_no}`"))
}
