//! Reading the rows that a slice of messages names, locked where they will be changed.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;

use super::alerts::Alerts;
use super::serials::{Serials, ToldSerials};
use super::{Book, Equipment, Worker, unverified};
use crate::store::order::{Order, Process, Progress, Reported};
use crate::store::payload::{Effect, Event};
use crate::store::statement::{DbError, Transaction};

/// The keys that the messages name.
#[derive(Default)]
struct Keys<'a> {
    orders: BTreeSet<Cow<'a, str>>,
    reports: BTreeSet<&'a str>,
    serials: ToldSerials<'a>,
    checks: BTreeSet<&'a str>,
    workers: BTreeSet<Cow<'a, str>>,
    equipment: BTreeSet<&'a str>,
    order_messages: BTreeSet<&'a str>,
    alerts: BTreeSet<&'a str>,
}

impl<'a> Keys<'a> {
    fn of(events: impl Iterator<Item = &'a Event<'a>>) -> Self {
        let mut keys = Self::default();
        for event in events {
            match &event.effect {
                Effect::Report(report) => {
                    keys.orders.extend(unverified::order_spellings(report));
                    keys.workers.extend(unverified::worker_spellings(report));
                    keys.reports.insert(&report.report_no);
                    keys.reports.extend(report.voids.as_deref());
                    for order_no in unverified::order_spellings(report).filter(|_| !report.serials.is_empty()) {
                        let told = keys.serials.entry((order_no, &report.process_code)).or_default();
                        told.extend(report.serials.iter().map(String::as_str));
                    }
                    keys.equipment.extend(report.equipment.as_deref());
                }
                Effect::Inspection(inspection) => {
                    keys.orders.insert(inspection.order_no.as_str().into());
                    keys.checks.insert(&inspection.check_no);
                    keys.workers.extend(inspection.checker_no.as_deref().map(Cow::from));
                }
                Effect::Disposition(decided) => {
                    keys.orders.insert(decided.order_no.as_str().into());
                    keys.checks.insert(&decided.check_no);
                }
                Effect::Alert(alert) => drop(keys.alerts.insert(&alert.alert_id)),
                Effect::Failure(failure) => {
                    keys.equipment.insert(&failure.equipment);
                    keys.alerts.extend(failure.alert_id.as_deref());
                }
                Effect::OrderMessage { order_no } => drop(keys.order_messages.insert(order_no)),
                Effect::Status(status) => drop(keys.equipment.insert(&status.equipment)),
                Effect::Audit(_) => {}
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
        let order_keys = keys.orders.iter().map(AsRef::as_ref).collect();
        let worker_keys = keys.workers.iter().map(AsRef::as_ref).collect();
        let orders = load_orders(tx, tenant_id, &order_keys, tx.for_update()).await?;
        let serials = Serials::load(tx, &orders, &keys.serials).await?;
        Ok(Self {
            tenant_id,
            gateway_id,
            orders_before: orders
                .iter()
                .map(|(no, order)| (no.clone(), (order.status, order.completed)))
                .collect(),
            orders,
            reports: load_reports(tx, tenant_id, &keys.reports).await?,
            serials,
            checks: load_checks(tx, tenant_id, &keys.checks).await?,
            workers: load_workers(tx, tenant_id, &worker_keys).await?,
            equipment: load_equipment(tx, tenant_id, &keys.equipment).await?,
            message_times: load_message_times(tx, &keys.order_messages).await?,
            new_reports: Vec::new(),
            touched_progress: BTreeSet::new(),
            touched_workers: BTreeSet::new(),
            touched_equipment: BTreeSet::new(),
            inspections: super::inspections::Rows::default(),
            alerts: Alerts::load(tx, &keys.alerts).await?,
            status_rows: Vec::new(),
            audit_rows: Vec::new(),
            order_messages: HashMap::new(),
            reference_changed: false,
        })
    }
}

/// Orders with their routing and progress. `lock` is what `Transaction::for_update` gives, or empty for a mere look.
pub async fn load_orders(
    tx: &mut Transaction,
    tenant_id: i64,
    keys: &BTreeSet<&str>,
    lock: &str,
) -> Result<HashMap<String, Order>, DbError> {
    let mut orders = HashMap::new();
    if keys.is_empty() {
        return Ok(orders);
    }
    let select = format!(
        "SELECT id, order_no, order_quantity, completed_quantity, status, product_id, product_code, product_name \
         FROM production_order WHERE tenant_id = {tenant_id} AND deleted = 0 AND order_no"
    );
    let tail = format!(" ORDER BY id{lock}");
    let mut number_of = HashMap::new();
    for row in tx.rows_in(&select, keys.iter().copied(), &tail).await? {
        let order = Order {
            id: row.get("id")?,
            number: row.get("order_no")?,
            quantity: row.decimal("order_quantity")?,
            completed: row.decimal("completed_quantity")?,
            status: row.get("status")?,
            product_id: row.get("product_id")?,
            product_code: row.get("product_code")?,
            product_name: row.get("product_name")?,
            routing: Vec::new(),
            progress: HashMap::new(),
        };
        number_of.insert(order.id, order.number.clone());
        orders.insert(order.number.clone(), order);
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

pub(super) async fn load_workers(
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
