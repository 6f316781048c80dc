//! Writing back what the applied messages changed: a few statements of many rows.

use chrono::NaiveDateTime;
use serde::Serialize;

use super::Book;
use super::load::load_workers;
use crate::store::statement::{Arg, DbError, Transaction, args};

impl Book<'_> {
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
        std::mem::take(&mut self.serials).write(tx, self.tenant_id).await?;
        self.write_progress(tx).await?;
        self.write_equipment(tx, now).await?;
        std::mem::take(&mut self.inspections).write(tx, self.tenant_id).await?;
        std::mem::take(&mut self.alerts).write(tx).await?;
        let columns = "equipment_code, state, points, source_time, message_id, gateway_id";
        tx.insert("equipment_status", columns, self.status_rows).await?;
        let columns =
            "user_id, action, table_name, record_id, record_key, new_value, ip_address, user_agent, created_at";
        tx.insert("audit_log", columns, self.audit_rows).await?;
        let columns = "order_no, message_type, payload, message_time, gateway_id";
        let rows = self.order_messages.into_values().collect();
        tx.upsert("order_messages", "order_no, message_type", columns, rows)
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
        let columns = "worker_no, name, skills, announced, total_work_hours, tenant_id";
        tx.insert("workers", columns, new).await?;
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
                &order.number,
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
        let columns = "report_no, order_id, order_no, process_id, process_name, work_date, work_hours, output_quantity,  \
qualified_quantity, unqualified_quantity, worker_id, worker_name, equipment_id, equipment_name,  \
remark, tenant_id, create_time, update_time, create_by";
        tx.insert("production_report", columns, rows).await?;
        let columns = "report_no, tenant_id, message_id, order_id, gateway_id, station, process_code, worker_no,  \
equipment_code, is_final, voids, to_inspect, crew, flags, scans, clock_synced, reported_time";
        tx.insert("report_details", columns, details).await?;
        tx.insert("defects", "report_no, tenant_id, kind, quantity, reason", defects)
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
        let columns = "order_id, process_code, output_quantity, qualified_quantity, unqualified_quantity, work_hours,  \
final_reports, last_report_time";
        tx.upsert("process_progress", "order_id, process_code", columns, rows.collect())
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
        let columns = "equipment_code, equipment_name, state, state_since, last_heard, tenant_id, update_time";
        tx.upsert("equipment", "equipment_code, tenant_id", columns, rows.collect())
            .await
    }
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("lists of plain structs always encode")
}
