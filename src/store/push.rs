//! What the ERP pushes: orders, workers, equipment, reasons. Pushing the same twice changes nothing the second time: no
//! new version of the reference, no audit row.
//!
//! A push states the whole thing, so a member left out is empty afterwards; except for what production itself makes of an
//! order: its completed quantity is never pushed, its status and routing stay when not named, and an order that has
//! begun is not taken back to released by a push that arrives late. Status 3 reopens a finished order.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Store;
use super::book::load_orders;
use super::fields::{Fields, Finding};
use super::ingest::now;
use super::order::{Order, status};
use super::reference;
use super::statement::{Arg, DbError, Row, Transaction, args};

/// Of 1 to 10, where 10 is most urgent.
pub const PRIORITY_DEFAULT: i64 = 5;

const PROCESSES_MAX: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("the body is wrong in {} places", .0.len())]
    Invalid(Vec<Finding>),
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Who pushes, for the audit log.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    Created,
    Changed,
    Unchanged,
}

/// Calls that lose a race are made again this often.
const ATTEMPTS: u32 = 5;

struct Process {
    code: String,
    name: String,
    sequence: i64,
}

struct PushedOrder {
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
}

impl PushedOrder {
    fn read(body: Value, order_no: &str) -> Result<Self, PushError> {
        let mut fields = keyed(body, "order_no", order_no, 50);
        let order_quantity = fields.required("order_quantity", Fields::quantity);
        let product_code = fields.required("product_code", |f, n| f.text(n, 50));
        let product_name = fields.text("product_name", 200);
        let order = Self {
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
        };
        if let (Some(start), Some(end)) = (order.start_date, order.end_date)
            && end < start
        {
            fields.find("end_date", "is before start_date");
        }
        complete(fields).map(|()| order)
    }
}

/// The body of `PUT …/{key}`; the key may stand in it too, if it says the same.
fn keyed(body: Value, member: &str, key: &str, chars_max: usize) -> Fields {
    let mut fields = Fields::new(body, "");
    if key.trim().is_empty() || key.chars().count() > chars_max {
        fields.find(member, format!("must have 1 to {chars_max} characters"));
    }
    if fields.take(member).is_some_and(|value| value.as_str() != Some(key)) {
        fields.find(member, "differs from the address");
    }
    fields
}

fn complete(fields: Fields) -> Result<(), PushError> {
    let findings = fields.finish();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(PushError::Invalid(findings))
    }
}

fn read_processes(order: &mut Fields, list: Vec<Value>) -> Vec<Process> {
    if list.len() > PROCESSES_MAX {
        order.find(
            "processes",
            format!("has {} entries; {PROCESSES_MAX} are allowed", list.len()),
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
        let sequence = fields.int("sequence", 0, i64::MAX).unwrap_or(place);
        if !code.is_empty() && !codes.insert(code.clone()) {
            fields.find("process_code", "stands twice");
        }
        if !sequences.insert(sequence) {
            fields.find("sequence", "stands twice");
        }
        order.absorb(fields.finish());
        processes.push(Process { code, name, sequence });
    }
    processes
}

/// What can be pushed; each is one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Order,
    Worker,
    Equipment,
    Reason,
}

impl Subject {
    fn table(self) -> &'static str {
        match self {
            Self::Order => "production_order",
            Self::Worker => "workers",
            Self::Equipment => "equipment",
            Self::Reason => "reasons",
        }
    }
}

/// A pushed body, checked.
enum Push {
    Order(Box<PushedOrder>),
    Worker { name: String, active: bool, skills: String },
    Equipment { name: String },
    Reason { name: String, kind: String },
}

impl Push {
    fn read(subject: Subject, key: &str, body: Value) -> Result<Self, PushError> {
        Ok(match subject {
            Subject::Order => Self::Order(Box::new(PushedOrder::read(body, key)?)),
            Subject::Worker => {
                let mut fields = keyed(body, "worker_no", key, 50);
                let name = fields.required("name", |f, n| f.text(n, 50)).unwrap_or_default();
                let active = fields.bool("active").unwrap_or(true);
                let skills = fields.list("skills").unwrap_or_default();
                if !skills.iter().all(Value::is_string) {
                    fields.find("skills", "must be a list of texts");
                }
                complete(fields)?;
                Self::Worker {
                    name,
                    active,
                    skills: Value::from(skills).to_string(),
                }
            }
            Subject::Equipment => {
                let mut fields = keyed(body, "equipment", key, 100);
                let name = fields.required("name", |f, n| f.text(n, 100)).unwrap_or_default();
                complete(fields)?;
                Self::Equipment { name }
            }
            Subject::Reason => {
                let mut fields = keyed(body, "code", key, 50);
                let name = fields.required("name", |f, n| f.text(n, 200)).unwrap_or_default();
                let kind = fields.required("kind", |f, n| f.text(n, 50)).unwrap_or_default();
                complete(fields)?;
                Self::Reason { name, kind }
            }
        })
    }

    async fn write(&self, tx: &mut Transaction, tenant: i64, key: &str) -> Result<(), DbError> {
        let now = Arg::second(now());
        match self {
            Self::Order(order) => order.write(tx, tenant, key).await,
            Self::Worker { name, active, skills } => {
                let columns = [
                    "worker_no",
                    "tenant_id",
                    "name",
                    "active",
                    "skills",
                    "announced",
                    "update_time",
                ];
                let row = args![key, tenant, name, *active, skills, true, now];
                tx.upsert("workers", &["worker_no", "tenant_id"], &columns, vec![row])
                    .await
            }
            Self::Equipment { name } => {
                let columns = ["equipment_code", "tenant_id", "equipment_name", "update_time"];
                let row = args![key, tenant, name, now];
                tx.upsert("equipment", &["equipment_code", "tenant_id"], &columns, vec![row])
                    .await
            }
            Self::Reason { name, kind } => {
                let row = args![key, tenant, name, kind];
                tx.upsert(
                    "reasons",
                    &["code", "tenant_id"],
                    &["code", "tenant_id", "name", "kind"],
                    vec![row],
                )
                .await
            }
        }
    }
}

impl Store {
    /// Takes over what the ERP says of `key`.
    pub async fn push(&self, subject: Subject, key: &str, body: Value, caller: &Caller) -> Result<Pushed, PushError> {
        let push = Push::read(subject, key, body)?;
        let mut attempt = 1;
        loop {
            match self.try_push(subject, key, &push, caller).await {
                Err(DbError::Contended(_)) if attempt < ATTEMPTS => attempt += 1,
                done => return done.map_err(PushError::from),
            }
        }
    }

    /// Writes between two looks at the record: what differs is audited and makes a new version of the reference.
    async fn try_push(&self, subject: Subject, key: &str, push: &Push, caller: &Caller) -> Result<Pushed, DbError> {
        let tenant = self.settings.tenant_id;
        let mut tx = self.database.begin().await?;
        let before = look(&mut tx, subject, tenant, key).await?;
        push.write(&mut tx, tenant, key).await?;
        let after = look(&mut tx, subject, tenant, key).await?;
        if before == after {
            // Only the time of the update would differ, so it is rolled back.
            return Ok(Pushed::Unchanged);
        }
        audit(&mut tx, caller, subject.table(), key, before.as_ref(), after).await?;
        reference::bump(&mut tx).await?;
        tx.commit().await?;
        Ok(if before.is_none() {
            Pushed::Created
        } else {
            Pushed::Changed
        })
    }
}

impl PushedOrder {
    async fn write(&self, tx: &mut Transaction, tenant: i64, order_no: &str) -> Result<(), DbError> {
        let now = Arg::second(now());
        let present = load_orders(tx, tenant, &BTreeSet::from([order_no]))
            .await?
            .remove(order_no);
        let id = if let Some(order) = &present {
            order.id
        } else {
            let columns = [
                "order_no",
                "order_date",
                "order_quantity",
                "product_id",
                "product_code",
                "product_name",
                "tenant_id",
                "create_by",
            ];
            let row = args![
                order_no,
                self.order_date.unwrap_or_else(|| super::ingest::now().date()),
                Arg::quantity(self.order_quantity),
                self.product_id,
                &self.product_code,
                &self.product_name,
                tenant,
                "erp",
            ];
            tx.insert("production_order", &columns, vec![row]).await?;
            let select = "SELECT id FROM production_order WHERE order_no = ? AND tenant_id = ? AND deleted = 0";
            let row = tx.row(select, args![order_no, tenant]).await?;
            row.ok_or(DbError::Broken(sqlx::Error::RowNotFound))?.get("id")?
        };
        if let Some(processes) = &self.processes {
            write_routing(tx, id, present.as_ref(), processes).await?;
        }
        let mut order = load_orders(tx, tenant, &BTreeSet::from([order_no]))
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
            now,
            "erp",
            id,
        ];
        tx.execute(update, values).await?;
        let row = args![id, self.priority];
        tx.upsert("order_details", &["order_id"], &["order_id", "priority"], vec![row])
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
    let rows = processes
        .iter()
        .map(|process| args![order_id, &process.code, &process.name, process.sequence]);
    let columns = ["order_id", "process_code", "process_name", "sequence"];
    tx.upsert("processes", &["order_id", "process_code"], &columns, rows.collect())
        .await
}

/// A record as the audit log tells it.
async fn look(tx: &mut Transaction, subject: Subject, tenant: i64, key: &str) -> Result<Option<Value>, DbError> {
    let select = match subject {
        Subject::Order => {
            "SELECT o.*, d.priority FROM production_order o \
             LEFT JOIN order_details d ON d.order_id = o.id WHERE o.order_no = ? AND o.tenant_id = ? AND o.deleted = 0"
        }
        Subject::Worker => "SELECT * FROM workers WHERE worker_no = ? AND tenant_id = ?",
        Subject::Equipment => "SELECT * FROM equipment WHERE equipment_code = ? AND tenant_id = ?",
        Subject::Reason => "SELECT * FROM reasons WHERE code = ? AND tenant_id = ?",
    };
    let Some(row) = tx
        .row(format!("{select}{}", tx.for_update()), args![key, tenant])
        .await?
    else {
        return Ok(None);
    };
    Ok(Some(match subject {
        Subject::Order => {
            let id: i64 = row.get("id")?;
            let select =
                "SELECT process_code, process_name, sequence FROM processes WHERE order_id = ? ORDER BY sequence";
            let processes = tx.rows(select, args![id]).await?;
            let processes: Result<Vec<Value>, DbError> = processes.iter().map(process_view).collect();
            order_view(&row, processes?)?
        }
        Subject::Worker => json!({
            "id": row.get::<i64>("id")?,
            "name": row.get::<String>("name")?,
            "skills": reference::raw(row.get("skills")?),
            "active": row.get::<i64>("active")? != 0,
            "announced": row.get::<i64>("announced")? != 0,
        }),
        Subject::Equipment => json!({"id": row.get::<i64>("id")?, "name": row.get::<String>("equipment_name")?}),
        Subject::Reason => json!({"name": row.get::<String>("name")?, "kind": row.get::<String>("kind")?}),
    }))
}

fn process_view(row: &Row) -> Result<Value, DbError> {
    Ok(json!({
        "process_code": row.get::<String>("process_code")?,
        "process_name": row.get::<String>("process_name")?,
        "sequence": row.get::<i64>("sequence")?,
    }))
}

fn order_view(row: &Row, processes: Vec<Value>) -> Result<Value, DbError> {
    Ok(json!({
        "id": row.get::<i64>("id")?,
        "plan_id": row.get::<Option<i64>>("plan_id")?,
        "plan_no": row.get::<Option<String>>("plan_no")?,
        "order_date": row.get::<NaiveDate>("order_date")?,
        "order_quantity": row.decimal("order_quantity")?,
        "completed_quantity": row.decimal("completed_quantity")?,
        "status": row.get::<i64>("status")?,
        "product_id": row.get::<i64>("product_id")?,
        "product_code": row.get::<String>("product_code")?,
        "product_name": row.get::<String>("product_name")?,
        "start_date": row.get::<Option<NaiveDate>>("start_date")?,
        "end_date": row.get::<Option<NaiveDate>>("end_date")?,
        "delivery_date": row.get::<Option<NaiveDate>>("delivery_date")?,
        "workshop_id": row.get::<Option<i64>>("workshop_id")?,
        "workshop_name": row.get::<Option<String>>("workshop_name")?,
        "remark": row.get::<Option<String>>("remark")?,
        "priority": row.get::<Option<i64>>("priority")?,
        "processes": processes,
    }))
}

async fn audit(
    tx: &mut Transaction,
    caller: &Caller,
    table: &str,
    key: &str,
    before: Option<&Value>,
    after: Option<Value>,
) -> Result<(), DbError> {
    let after = after.unwrap_or_default();
    let columns = [
        "user_id",
        "action",
        "table_name",
        "record_id",
        "record_key",
        "old_value",
        "new_value",
        "ip_address",
        "user_agent",
        "created_at",
    ];
    let row = args![
        "erp",
        if before.is_some() { "UPDATE" } else { "CREATE" },
        table,
        after.get("id").and_then(Value::as_i64).unwrap_or(0),
        key,
        before.map(Value::to_string),
        after.to_string(),
        caller.ip_address.as_ref(),
        caller
            .user_agent
            .as_ref()
            .map(|agent| agent.chars().take(200).collect::<String>()),
        now(),
    ];
    tx.insert("audit_log", &columns, vec![row]).await
}
