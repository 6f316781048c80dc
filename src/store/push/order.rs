//! A pushed order: what it may say, and what it does to the order that is there.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{PRIORITY_DEFAULT, PushError, complete, keyed};
use crate::fields::Fields;
use crate::store::book::load_orders;
use crate::store::ingest::now;
use crate::store::order::{Order, status};
use crate::store::statement::{Arg, DbError, Transaction, args};

const PROCESSES_MAX: usize = 200;

struct Process {
    code: String,
    name: String,
    sequence: i64,
    standard_hours: Option<Decimal>,
}

pub struct PushedOrder {
    order_quantity: Decimal,
    status: Option<i64>,
    product_id: i64,
    product_code: String,
    product_name: String,
    order_date: Option<NaiveDate>,
    plan_id: Option<i64>,
    plan_no: Option<String>,
    start_date: Option<NaiveDate>,
    end_date: Option<NaiveDate>,
    delivery_date: Option<NaiveDate>,
    workshop_id: Option<i64>,
    workshop_name: Option<String>,
    remark: Option<String>,
    priority: i64,
    processes: Option<Vec<Process>>,
    pub ignored: Vec<String>,
}

impl PushedOrder {
    pub fn read(body: Value, order_no: &str) -> Result<Self, PushError> {
        let mut fields = keyed(body, "order_no", order_no, 50);
        let order_quantity = fields.required("order_quantity", Fields::quantity);
        let product_code = fields.required("product_code", |f, n| f.text(n, 50));
        let product_name = fields.text("product_name", 200);
        let mut order = Self {
            status: fields.int("status", 0, 5),
            product_id: fields.int("product_id", 0, i64::MAX).unwrap_or(0),
            order_date: fields.date("order_date"),
            plan_id: fields.int("plan_id", 0, i64::MAX),
            plan_no: fields.text("plan_no", 50),
            start_date: fields.date("start_date"),
            end_date: fields.date("end_date"),
            delivery_date: fields.date("delivery_date"),
            workshop_id: fields.int("workshop_id", 0, i64::MAX),
            workshop_name: fields.text("workshop_name", 100),
            remark: fields.text("remark", 500),
            priority: fields.int("priority", 1, 10).unwrap_or(PRIORITY_DEFAULT),
            processes: fields.list("processes").map(|list| read_processes(&mut fields, list)),
            order_quantity: order_quantity.unwrap_or_default(),
            product_name: product_name.or_else(|| product_code.clone()).unwrap_or_default(),
            product_code: product_code.unwrap_or_default(),
            ignored: Vec::new(),
        };
        if let (Some(start), Some(end)) = (order.start_date, order.end_date)
            && end < start
        {
            fields.find("end_date", "is before start_date", "早于 start_date");
        }
        order.ignored = complete(fields)?;
        Ok(order)
    }
}

fn read_processes(order: &mut Fields, list: Vec<Value>) -> Vec<Process> {
    if list.len() > PROCESSES_MAX {
        order.find(
            "processes",
            format!("has {} entries; {PROCESSES_MAX} are allowed", list.len()),
            format!("有 {} 项，最多 {PROCESSES_MAX} 项", list.len()),
        );
        return Vec::new();
    }
    let (mut codes, mut sequences) = (BTreeSet::new(), BTreeSet::new());
    let mut processes = Vec::with_capacity(list.len());
    for (index, value) in list.into_iter().enumerate() {
        let mut fields = Fields::new(value, &format!("processes[{index}]"));
        let code = fields
            .required("process_code", |f, n| f.text(n, 50))
            .unwrap_or_default();
        let name = fields.text("process_name", 100).unwrap_or_else(|| code.clone());
        let place = i64::try_from(index + 1).unwrap_or(i64::MAX);
        let sequence = fields.int("sequence", 0, i64::from(u32::MAX)).unwrap_or(place);
        if !code.is_empty() && !codes.insert(code.clone()) {
            fields.find("process_code", "stands twice", "重复");
        }
        if !sequences.insert(sequence) {
            fields.find("sequence", "stands twice", "重复");
        }
        let standard_hours = fields.piece_hours("standard_hours");
        order.absorb(fields);
        processes.push(Process {
            code,
            name,
            sequence,
            standard_hours,
        });
    }
    processes
}

impl PushedOrder {
    pub async fn write(&self, tx: &mut Transaction, tenant: i64, order_no: &str) -> Result<(), DbError> {
        let now = now();
        let present = load_orders(tx, tenant, &BTreeSet::from([order_no]), tx.for_update())
            .await?
            .remove(order_no);
        let id = if let Some(order) = &present {
            order.id
        } else {
            let columns =
                "order_no, order_date, order_quantity, product_id, product_code, product_name, tenant_id, create_by";
            let row = args![
                order_no,
                self.order_date.unwrap_or(now.date()),
                Arg::quantity(self.order_quantity),
                self.product_id,
                &self.product_code,
                &self.product_name,
                tenant,
                "erp",
            ];
            tx.insert("production_order", columns, vec![row]).await?;
            let select = "SELECT id FROM production_order WHERE order_no = ? AND tenant_id = ? AND deleted = 0";
            let row = tx.row(select, args![order_no, tenant]).await?;
            row.ok_or(DbError::Broken(sqlx::Error::RowNotFound))?.get("id")?
        };
        if let Some(processes) = &self.processes {
            write_routing(tx, id, present.as_ref(), processes).await?;
        }
        let mut order = load_orders(tx, tenant, &BTreeSet::from([order_no]), tx.for_update())
            .await?
            .remove(order_no);
        let order = order.as_mut().ok_or(DbError::Broken(sqlx::Error::RowNotFound))?;
        let last = |order: &Order| order.routing.last().map(|process| process.code.clone());
        let last_moved = present.as_ref().is_some_and(|before| last(before) != last(order));
        if last_moved {
            order.completed = order.counted();
        }
        let resized = order.quantity != self.order_quantity;
        order.quantity = self.order_quantity;
        order.status = next_status(
            present.as_ref().map(|o| o.status),
            self.status,
            resized || last_moved,
            order,
        );
        let update = "UPDATE production_order SET plan_id = ?, plan_no = ?, order_date = COALESCE(?, order_date), \
            order_quantity = ?, completed_quantity = ?, status = ?, product_id = ?, product_code = ?, product_name = ?, \
            start_date = ?, end_date = ?, delivery_date = ?, workshop_id = ?, workshop_name = ?, remark = ?, \
            update_time = ?, update_by = ? WHERE id = ?";
        let values = args![
            self.plan_id,
            self.plan_no.as_ref(),
            self.order_date,
            Arg::quantity(self.order_quantity),
            Arg::quantity(order.completed),
            order.status,
            self.product_id,
            &self.product_code,
            &self.product_name,
            self.start_date,
            self.end_date,
            self.delivery_date,
            self.workshop_id,
            self.workshop_name.as_ref(),
            self.remark.as_ref(),
            Arg::second(now),
            "erp",
            id,
        ];
        tx.execute(update, values).await?;
        let row = args![id, self.priority];
        tx.upsert("order_details", "order_id", "order_id, priority", vec![row])
            .await
    }
}

/// The status after a push: what was asked for, unless production knows better.
fn next_status(present: Option<i64>, asked: Option<i64>, reshaped: bool, order: &Order) -> i64 {
    let Some(present) = present else {
        return asked.unwrap_or(status::RELEASED);
    };
    let has_begun = matches!(present, status::IN_PRODUCTION | status::FINISHED);
    match asked {
        Some(status::RELEASED) | None if has_begun && reshaped => {
            if order.is_finished() {
                status::FINISHED
            } else {
                status::IN_PRODUCTION
            }
        }
        Some(status::RELEASED) if has_begun => present,
        Some(asked) => asked,
        None => present,
    }
}

/// Keeps the ids of processes that stay, for reports point at them.
async fn write_routing(
    tx: &mut Transaction,
    order_id: i64,
    present: Option<&Order>,
    processes: &[Process],
) -> Result<(), DbError> {
    let gone = present.into_iter().flat_map(|order| &order.routing);
    for process in gone.filter(|known| processes.iter().all(|process| process.code != known.code)) {
        tx.execute("DELETE FROM processes WHERE id = ?", args![process.id])
            .await?;
    }
    let rows = processes.iter().map(|process| {
        let hours = process.standard_hours.map(Arg::piece_hours);
        args![order_id, &process.code, &process.name, process.sequence, hours]
    });
    let columns = "order_id, process_code, process_name, sequence, standard_hours";
    tx.upsert("processes", "order_id, process_code", columns, rows.collect())
        .await
}
