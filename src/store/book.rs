//! The rows that one transaction works on: loaded and locked together, changed in memory message by message, written back
//! in a few statements. A message that is refused leaves no trace here.
//!
//! Rows are always locked in the same order (orders, workers, equipment, each by id), so that gateways that report on the
//! same orders rarely deadlock.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use serde::Serialize;

use super::order::{Order, Process, Progress, Reported};
use super::payload::{Effect, Event, Failure, Inspection, Rejection, Status, instant};
use super::statement::{Arg, DbError, Transaction, args};
use crate::record::{Alert, WorkReport};

pub struct Book<'a> {
    tenant_id: i64,
    gateway_id: &'a str,
    orders: HashMap<String, Order>,
    /// As loaded, to see what changed.
    orders_before: HashMap<String, (i64, Decimal)>,
    reports: HashMap<String, Reported>,
    checks: BTreeSet<String>,
    workers: HashMap<String, Worker>,
    equipment: HashMap<String, Equipment>,
    message_times: HashMap<(String, String), NaiveDateTime>,
    new_reports: Vec<(&'a Event<'a>, &'a WorkReport)>,
    touched_progress: BTreeSet<(String, String)>,
    touched_workers: BTreeSet<String>,
    touched_equipment: BTreeSet<String>,
    quality_rows: Vec<Vec<Arg>>,
    quality_detail_rows: Vec<Vec<Arg>>,
    alert_rows: Vec<Vec<Arg>>,
    status_rows: Vec<Vec<Arg>>,
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

/// The keys that the messages name.
#[derive(Default)]
struct Keys<'a> {
    orders: BTreeSet<&'a str>,
    reports: BTreeSet<&'a str>,
    checks: BTreeSet<&'a str>,
    workers: BTreeSet<&'a str>,
    equipment: BTreeSet<&'a str>,
    order_messages: BTreeSet<&'a str>,
}

impl<'a> Keys<'a> {
    fn of(events: impl Iterator<Item = &'a Event<'a>>) -> Self {
        let mut keys = Self::default();
        for event in events {
            match &event.effect {
                Effect::Report(report) => {
                    keys.orders.insert(&report.order_no);
                    keys.workers.insert(&report.worker_no);
                    keys.reports.insert(&report.report_no);
                    keys.reports.extend(report.voids.as_deref());
                    keys.equipment.extend(report.equipment.as_deref());
                }
                Effect::Inspection(inspection) => {
                    keys.orders.insert(&inspection.order_no);
                    keys.checks.insert(&inspection.check_no);
                }
                Effect::Alert(_) => {}
                Effect::Failure(failure) => drop(keys.equipment.insert(&failure.equipment)),
                Effect::OrderMessage { order_no } => drop(keys.order_messages.insert(order_no)),
                Effect::Status(status) => drop(keys.equipment.insert(&status.equipment)),
            }
        }
        keys
    }
}

impl<'a> Book<'a> {
    pub async fn load(
        tx: &mut Transaction,
        tenant_id: i64,
        gateway_id: &'a str,
        events: impl Iterator<Item = &'a Event<'a>>,
    ) -> Result<Self, DbError> {
        let keys = Keys::of(events);
        let orders = load_orders(tx, tenant_id, &keys.orders).await?;
        Ok(Self {
            tenant_id,
            gateway_id,
            orders_before: orders
                .iter()
                .map(|(no, order)| (no.clone(), (order.status, order.completed)))
                .collect(),
            orders,
            reports: load_reports(tx, tenant_id, &keys.reports).await?,
            checks: load_checks(tx, tenant_id, &keys.checks).await?,
            workers: load_workers(tx, tenant_id, &keys.workers).await?,
            equipment: load_equipment(tx, tenant_id, &keys.equipment).await?,
            message_times: load_message_times(tx, &keys.order_messages).await?,
            new_reports: Vec::new(),
            touched_progress: BTreeSet::new(),
            touched_workers: BTreeSet::new(),
            touched_equipment: BTreeSet::new(),
            quality_rows: Vec::new(),
            quality_detail_rows: Vec::new(),
            alert_rows: Vec::new(),
            status_rows: Vec::new(),
            order_messages: HashMap::new(),
            reference_changed: false,
        })
    }

    /// Whether something changed that stations work with.
    pub fn reference_changed(&self) -> bool {
        self.reference_changed || self.changed_orders().next().is_some()
    }

    fn changed_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders
            .values()
            .filter(|order| self.orders_before.get(&order.order_no) != Some(&(order.status, order.completed)))
    }

    /// Applies one message, or says why not and changes nothing.
    pub fn apply(&mut self, event: &'a Event<'a>) -> Result<(), Rejection> {
        match &event.effect {
            Effect::Report(report) => self.report(event, report)?,
            Effect::Inspection(inspection) => self.inspection(event, inspection)?,
            Effect::Alert(alert) => self.alert(event, alert),
            Effect::Failure(failure) => self.failure(event, failure)?,
            Effect::OrderMessage { order_no } => self.order_message(event, order_no),
            Effect::Status(status) => self.status(event, status)?,
        }
        Ok(())
    }

    fn order(&mut self, order_no: &str) -> Result<&mut Order, Rejection> {
        self.orders
            .get_mut(order_no)
            .ok_or_else(|| Rejection::new("order_not_found", format!("the store knows no order `{order_no}`")))
    }

    fn report(&mut self, event: &'a Event<'a>, report: &'a WorkReport) -> Result<(), Rejection> {
        if self.reports.contains_key(&report.report_no) {
            let detail = format!("another message reported as `{}`", report.report_no);
            return Err(Rejection::new("report_no_conflict", detail));
        }
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
        self.order(&report.order_no)?.apply(report, event.at, voided.as_ref())?;

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

    fn inspection(&mut self, event: &Event<'_>, found: &Inspection<'_>) -> Result<(), Rejection> {
        if self.checks.contains(&found.check_no) {
            let detail = format!("another message inspected as `{}`", found.check_no);
            return Err(Rejection::new("check_no_conflict", detail));
        }
        let (tenant_id, gateway_id) = (self.tenant_id, self.gateway_id);
        let order = self.order(&found.order_no)?;
        if found.check_quantity > order.quantity {
            let detail = format!(
                "{} were inspected of an order over {}",
                found.check_quantity, order.quantity
            );
            return Err(Rejection::new("quantity_mismatch", detail));
        }
        let row = args![
            &found.check_no,
            found.receipt_id,
            order.id,
            &order.order_no,
            order.product_id,
            &order.product_code,
            &order.product_name,
            found.check_date.unwrap_or(event.at.date()),
            Arg::quantity(found.check_quantity),
            Arg::quantity(found.qualified_quantity),
            Arg::quantity(found.unqualified_quantity),
            found.check_result,
            found.defect_description.as_ref(),
            found.checker_id,
            found.checker_name.as_ref(),
            found.remark.as_ref(),
            tenant_id,
            gateway_id,
        ];
        self.quality_rows.push(row);
        self.quality_detail_rows.push(args![
            &found.check_no,
            tenant_id,
            event.message.message_id.to_string(),
            gateway_id,
            found.disposition.as_ref(),
            found.measurements.map_or("[]", |json| json.get()),
            found.defects.map_or("[]", |json| json.get()),
        ]);
        self.checks.insert(found.check_no.clone());
        Ok(())
    }

    fn alert(&mut self, event: &Event<'_>, alert: &Alert) {
        self.alert_rows.push(args![
            &alert.alert_id,
            &alert.alert_type,
            format!("{:?}", alert.severity).to_uppercase(),
            &alert.message,
            alert.order_no.as_ref(),
            alert.equipment.as_ref(),
            alert.point.as_ref(),
            event.message.payload.get(),
            event.at,
            event.message.message_id.to_string(),
            self.gateway_id,
        ]);
    }

    /// A failure changes the state of the machine, and is an alert of its own.
    fn failure(&mut self, event: &Event<'_>, failure: &Failure) -> Result<(), Rejection> {
        let since = failure
            .since
            .as_deref()
            .map_or(Ok(event.at), |since| instant("since", since))?;
        self.hear(&failure.equipment, failure.state.as_deref(), since);
        let id = event.message.message_id.to_string();
        self.alert_rows.push(args![
            &id,
            event.message.message_type.as_str(),
            "HIGH",
            &failure.detail,
            None::<String>,
            &failure.equipment,
            None::<String>,
            event.message.payload.get(),
            event.at,
            &id,
            self.gateway_id,
        ]);
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

    /// Writes everything that the applied messages changed.
    pub async fn write(mut self, tx: &mut Transaction, now: NaiveDateTime) -> Result<(), DbError> {
        for order in self.changed_orders() {
            let update = "UPDATE production_order SET completed_quantity = ?, status = ?, update_time = ?, update_by = ? \
                          WHERE id = ?";
            let values = args![
                Arg::quantity(order.completed),
                order.status,
                Arg::second(now),
                self.gateway_id,
                order.id
            ];
            tx.execute(update, values).await?;
        }
        self.write_workers(tx, now).await?;
        self.write_reports(tx, now).await?;
        self.write_progress(tx).await?;
        self.write_equipment(tx, now).await?;
        let columns = [
            "check_no",
            "receipt_id",
            "order_id",
            "order_no",
            "product_id",
            "product_code",
            "product_name",
            "check_date",
            "check_quantity",
            "qualified_quantity",
            "unqualified_quantity",
            "check_result",
            "defect_description",
            "checker_id",
            "checker_name",
            "remark",
            "tenant_id",
            "create_by",
        ];
        tx.insert("production_quality", &columns, self.quality_rows).await?;
        let columns = [
            "check_no",
            "tenant_id",
            "message_id",
            "gateway_id",
            "disposition",
            "measurements",
            "defects",
        ];
        tx.insert("quality_details", &columns, self.quality_detail_rows).await?;
        let columns = [
            "alert_id",
            "alert_type",
            "severity",
            "message",
            "order_no",
            "equipment_code",
            "point",
            "payload",
            "triggered_time",
            "message_id",
            "gateway_id",
        ];
        tx.insert("alerts", &columns, self.alert_rows).await?;
        let columns = [
            "equipment_code",
            "state",
            "points",
            "source_time",
            "message_id",
            "gateway_id",
        ];
        tx.insert("equipment_status", &columns, self.status_rows).await?;
        let columns = ["order_no", "message_type", "payload", "message_time", "gateway_id"];
        let rows = self.order_messages.into_values().collect();
        tx.upsert("order_messages", &["order_no", "message_type"], &columns, rows)
            .await
    }

    /// A badge that the ERP has not announced becomes a worker too, so that its hours are not lost.
    async fn write_workers(&mut self, tx: &mut Transaction, now: NaiveDateTime) -> Result<(), DbError> {
        let mut new = Vec::new();
        for no in &self.touched_workers {
            let Some(worker) = self.workers.get(no) else { continue };
            let hours = Arg::hours(worker.total_work_hours);
            if let Some(id) = worker.id {
                let update = "UPDATE workers SET total_work_hours = ?, update_time = ? WHERE id = ?";
                tx.execute(update, args![hours, Arg::second(now), id]).await?;
            } else {
                new.push(args![no, &worker.name, "[]", 0, hours, self.tenant_id]);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let columns = [
            "worker_no",
            "name",
            "skills",
            "announced",
            "total_work_hours",
            "tenant_id",
        ];
        tx.insert("workers", &columns, new).await?;
        let touched = self.touched_workers.iter().map(String::as_str).collect();
        self.workers = load_workers(tx, self.tenant_id, &touched).await?;
        Ok(())
    }

    async fn write_reports(&self, tx: &mut Transaction, now: NaiveDateTime) -> Result<(), DbError> {
        let (mut rows, mut details, mut defects) = (Vec::new(), Vec::new(), Vec::new());
        for (event, report) in &self.new_reports {
            let Some(order) = self.orders.get(&report.order_no) else {
                continue;
            };
            let process = order.routing.iter().find(|process| process.code == report.process_code);
            let worker = self.workers.get(&report.worker_no);
            let equipment = report.equipment.as_ref().and_then(|code| self.equipment.get(code));
            rows.push(args![
                &report.report_no,
                order.id,
                &order.order_no,
                process.map(|process| process.id).or(report.process_id),
                process.map(|process| &process.name).or(report.process_name.as_ref()),
                report.work_date,
                Arg::hours(report.work_hours),
                Arg::quantity(report.output_quantity),
                Arg::quantity(report.qualified_quantity),
                Arg::quantity(report.unqualified_quantity),
                worker.and_then(|worker| worker.id),
                worker.map(|worker| &worker.name),
                equipment.and_then(|equipment| equipment.id).or(report.equipment_id),
                equipment.map(|equipment| &equipment.name).or(report.equipment.as_ref()),
                report.voids.as_ref().map(|no| format!("voids {no}")),
                self.tenant_id,
                Arg::second(now),
                Arg::second(now),
                self.gateway_id,
            ]);
            details.push(args![
                &report.report_no,
                self.tenant_id,
                event.message.message_id.to_string(),
                order.id,
                self.gateway_id,
                &report.station,
                &report.process_code,
                &report.worker_no,
                report.equipment.as_ref(),
                report.is_final,
                report.voids.as_ref(),
                Arg::quantity(report.to_inspect),
                json(&report.crew),
                json(&report.flags),
                json(&report.scans),
                report.clock_synced,
                event.at,
            ]);
            defects.extend(report.defects.iter().map(|defect| {
                let kind = format!("{:?}", defect.kind).to_lowercase();
                args![
                    &report.report_no,
                    self.tenant_id,
                    kind,
                    Arg::quantity(defect.quantity),
                    &defect.reason
                ]
            }));
        }
        let columns = [
            "report_no",
            "order_id",
            "order_no",
            "process_id",
            "process_name",
            "work_date",
            "work_hours",
            "output_quantity",
            "qualified_quantity",
            "unqualified_quantity",
            "worker_id",
            "worker_name",
            "equipment_id",
            "equipment_name",
            "remark",
            "tenant_id",
            "create_time",
            "update_time",
            "create_by",
        ];
        tx.insert("production_report", &columns, rows).await?;
        let columns = [
            "report_no",
            "tenant_id",
            "message_id",
            "order_id",
            "gateway_id",
            "station",
            "process_code",
            "worker_no",
            "equipment_code",
            "is_final",
            "voids",
            "to_inspect",
            "crew",
            "flags",
            "scans",
            "clock_synced",
            "reported_time",
        ];
        tx.insert("report_details", &columns, details).await?;
        tx.insert(
            "defects",
            &["report_no", "tenant_id", "kind", "quantity", "reason"],
            defects,
        )
        .await?;
        for (_, report) in self.new_reports.iter().filter(|(_, report)| report.voids.is_some()) {
            let update = "UPDATE report_details SET voided_by = ? WHERE report_no = ? AND tenant_id = ?";
            tx.execute(update, args![&report.report_no, report.voids.as_ref(), self.tenant_id])
                .await?;
        }
        Ok(())
    }

    async fn write_progress(&self, tx: &mut Transaction) -> Result<(), DbError> {
        let rows = self.touched_progress.iter().filter_map(|(order_no, code)| {
            let order = self.orders.get(order_no)?;
            let done = order.progress.get(code)?;
            Some(args![
                order.id,
                code,
                Arg::quantity(done.output),
                Arg::quantity(done.qualified),
                Arg::quantity(done.unqualified),
                Arg::hours(done.work_hours),
                done.final_reports,
                done.last_report,
            ])
        });
        let columns = [
            "order_id",
            "process_code",
            "output_quantity",
            "qualified_quantity",
            "unqualified_quantity",
            "work_hours",
            "final_reports",
            "last_report_time",
        ];
        tx.upsert(
            "process_progress",
            &["order_id", "process_code"],
            &columns,
            rows.collect(),
        )
        .await
    }

    async fn write_equipment(&self, tx: &mut Transaction, now: NaiveDateTime) -> Result<(), DbError> {
        let rows = self.touched_equipment.iter().filter_map(|code| {
            let known = self.equipment.get(code)?;
            Some(args![
                code,
                &known.name,
                known.state.as_ref(),
                known.state_since,
                known.last_heard,
                self.tenant_id,
                Arg::second(now),
            ])
        });
        let columns = [
            "equipment_code",
            "equipment_name",
            "state",
            "state_since",
            "last_heard",
            "tenant_id",
            "update_time",
        ];
        tx.upsert("equipment", &["equipment_code", "tenant_id"], &columns, rows.collect())
            .await
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("lists of plain structs always encode")
}

/// Orders with their routing and progress, locked. The ids in `keys` are order numbers.
pub async fn load_orders(
    tx: &mut Transaction,
    tenant_id: i64,
    keys: &BTreeSet<&str>,
) -> Result<HashMap<String, Order>, DbError> {
    let mut orders = HashMap::new();
    if keys.is_empty() {
        return Ok(orders);
    }
    let select = format!(
        "SELECT id, order_no, order_quantity, completed_quantity, status, product_id, product_code, product_name \
         FROM production_order WHERE tenant_id = {tenant_id} AND deleted = 0 AND order_no"
    );
    let tail = format!(" ORDER BY id{}", tx.for_update());
    let mut number_of = HashMap::new();
    for row in tx.rows_in(&select, keys.iter().copied(), &tail).await? {
        let order = Order {
            id: row.get("id")?,
            order_no: row.get("order_no")?,
            quantity: row.decimal("order_quantity")?,
            completed: row.decimal("completed_quantity")?,
            status: row.get("status")?,
            product_id: row.get("product_id")?,
            product_code: row.get("product_code")?,
            product_name: row.get("product_name")?,
            routing: Vec::new(),
            progress: HashMap::new(),
        };
        number_of.insert(order.id, order.order_no.clone());
        orders.insert(order.order_no.clone(), order);
    }
    if orders.is_empty() {
        return Ok(orders);
    }
    let select = "SELECT id, order_id, process_code, process_name, sequence FROM processes WHERE order_id";
    for row in tx
        .rows_in(select, number_of.keys().copied(), " ORDER BY order_id, sequence")
        .await?
    {
        let order_id: i64 = row.get("order_id")?;
        if let Some(order) = number_of.get(&order_id).and_then(|no| orders.get_mut(no)) {
            order.routing.push(Process {
                id: row.get("id")?,
                code: row.get("process_code")?,
                name: row.get("process_name")?,
                sequence: row.get("sequence")?,
            });
        }
    }
    let select = "SELECT order_id, process_code, output_quantity, qualified_quantity, unqualified_quantity, work_hours, \
                  final_reports, last_report_time FROM process_progress WHERE order_id";
    for row in tx.rows_in(select, number_of.keys().copied(), "").await? {
        let order_id: i64 = row.get("order_id")?;
        if let Some(order) = number_of.get(&order_id).and_then(|no| orders.get_mut(no)) {
            order.progress.insert(
                row.get("process_code")?,
                Progress {
                    output: row.decimal("output_quantity")?,
                    qualified: row.decimal("qualified_quantity")?,
                    unqualified: row.decimal("unqualified_quantity")?,
                    work_hours: row.decimal("work_hours")?,
                    final_reports: row.get("final_reports")?,
                    last_report: row.get("last_report_time")?,
                },
            );
        }
    }
    Ok(orders)
}

async fn load_reports(
    tx: &mut Transaction,
    tenant_id: i64,
    keys: &BTreeSet<&str>,
) -> Result<HashMap<String, Reported>, DbError> {
    let mut reports = HashMap::new();
    if keys.is_empty() {
        return Ok(reports);
    }
    let select = format!(
        "SELECT r.report_no, r.order_no, r.output_quantity, r.qualified_quantity, r.unqualified_quantity, r.work_hours, \
         d.process_code, d.is_final, d.voids, d.voided_by \
         FROM production_report r LEFT JOIN report_details d ON d.report_no = r.report_no AND d.tenant_id = r.tenant_id \
         WHERE r.tenant_id = {tenant_id} AND r.deleted = 0 AND r.report_no"
    );
    for row in tx.rows_in(&select, keys.iter().copied(), "").await? {
        reports.insert(
            row.get("report_no")?,
            Reported {
                order_no: row.get("order_no")?,
                process_code: row.get::<Option<String>>("process_code")?.unwrap_or_default(),
                output: row.decimal("output_quantity")?,
                qualified: row.decimal("qualified_quantity")?,
                unqualified: row.decimal("unqualified_quantity")?,
                work_hours: row.decimal("work_hours")?,
                is_final: row.get::<Option<i64>>("is_final")?.unwrap_or(0) != 0,
                is_void: row.get::<Option<String>>("voids")?.is_some(),
                voided_by: row.get("voided_by")?,
            },
        );
    }
    Ok(reports)
}

async fn load_checks(tx: &mut Transaction, tenant_id: i64, keys: &BTreeSet<&str>) -> Result<BTreeSet<String>, DbError> {
    let mut checks = BTreeSet::new();
    if !keys.is_empty() {
        let select = format!(
            "SELECT check_no FROM production_quality WHERE tenant_id = {tenant_id} AND deleted = 0 AND check_no"
        );
        for row in tx.rows_in(&select, keys.iter().copied(), "").await? {
            checks.insert(row.get("check_no")?);
        }
    }
    Ok(checks)
}

async fn load_workers(
    tx: &mut Transaction,
    tenant_id: i64,
    keys: &BTreeSet<&str>,
) -> Result<HashMap<String, Worker>, DbError> {
    let mut workers = HashMap::new();
    if keys.is_empty() {
        return Ok(workers);
    }
    let select = format!(
        "SELECT id, worker_no, name, total_work_hours FROM workers WHERE tenant_id = {tenant_id} AND worker_no"
    );
    let tail = format!(" ORDER BY id{}", tx.for_update());
    for row in tx.rows_in(&select, keys.iter().copied(), &tail).await? {
        workers.insert(
            row.get("worker_no")?,
            Worker {
                id: row.get("id")?,
                name: row.get("name")?,
                total_work_hours: row.decimal("total_work_hours")?,
            },
        );
    }
    Ok(workers)
}

async fn load_equipment(
    tx: &mut Transaction,
    tenant_id: i64,
    keys: &BTreeSet<&str>,
) -> Result<HashMap<String, Equipment>, DbError> {
    let mut equipment = HashMap::new();
    if keys.is_empty() {
        return Ok(equipment);
    }
    let select = format!(
        "SELECT id, equipment_code, equipment_name, state, state_since, last_heard \
         FROM equipment WHERE tenant_id = {tenant_id} AND equipment_code"
    );
    let tail = format!(" ORDER BY id{}", tx.for_update());
    for row in tx.rows_in(&select, keys.iter().copied(), &tail).await? {
        equipment.insert(
            row.get("equipment_code")?,
            Equipment {
                id: row.get("id")?,
                name: row.get("equipment_name")?,
                state: row.get("state")?,
                state_since: row.get("state_since")?,
                last_heard: row.get("last_heard")?,
            },
        );
    }
    Ok(equipment)
}

async fn load_message_times(
    tx: &mut Transaction,
    keys: &BTreeSet<&str>,
) -> Result<HashMap<(String, String), NaiveDateTime>, DbError> {
    let mut times = HashMap::new();
    if !keys.is_empty() {
        let select = "SELECT order_no, message_type, message_time FROM order_messages WHERE order_no";
        for row in tx.rows_in(select, keys.iter().copied(), tx.for_update()).await? {
            times.insert(
                (row.get("order_no")?, row.get("message_type")?),
                row.get("message_time")?,
            );
        }
    }
    Ok(times)
}
