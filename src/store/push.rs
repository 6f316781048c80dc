//! What the ERP pushes: orders, workers, equipment, reasons. Pushing the same twice changes nothing the second time: no
//! new version of the reference, no audit row.
//!
//! A push states the whole thing, so a member left out is empty afterwards; except for what production itself makes of an
//! order: its completed quantity is never pushed, its status and routing stay when not named, and an order that has
//! begun is not taken back to released by a push that arrives late. Status 3 reopens a finished order.

mod order;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::{Value, json};

use super::Store;
use super::ingest::now;
use super::reference;
use super::statement::{Arg, DbError, Row, Transaction, args};
use crate::fields::{Fields, Finding};
use order::PushedOrder;

/// Of 1 to 10, where 10 is most urgent.
pub const PRIORITY_DEFAULT: i64 = 5;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pushed {
    Created,
    Changed,
    Unchanged,
}

#[derive(Debug, Serialize)]
pub struct Receipt {
    pub result: Pushed,
    /// Members of the body that mean nothing here.
    pub ignored: Vec<String>,
}

/// Calls that lose a race are made again this often.
const ATTEMPTS: u32 = 5;

/// The body of `PUT …/{key}`; the key may stand in it too, if it says the same.
fn keyed(body: Value, member: &str, key: &str, chars_max: usize) -> Fields {
    let mut fields = Fields::new(body, "");
    if key.trim().is_empty() || key.chars().count() > chars_max {
        fields.find(
            member,
            format!("must have 1 to {chars_max} characters"),
            format!("应为 1 到 {chars_max} 个字符"),
        );
    }
    if fields.take(member).is_some_and(|value| value.as_str() != Some(key)) {
        fields.find(member, "differs from the address", "与地址中的不同");
    }
    fields
}

/// Nothing was found: which members were ignored.
fn complete(fields: Fields) -> Result<Vec<String>, PushError> {
    match fields.finish() {
        (findings, ignored) if findings.is_empty() => Ok(ignored),
        (findings, _) => Err(PushError::Invalid(findings)),
    }
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
struct Push {
    record: Record,
    ignored: Vec<String>,
}

enum Record {
    Order(Box<PushedOrder>),
    Worker { name: String, active: bool, skills: String },
    Equipment { name: String },
    Reason { name: String, kind: String },
}

impl Push {
    fn read(subject: Subject, key: &str, body: Value) -> Result<Self, PushError> {
        let (record, fields) = match subject {
            Subject::Order => {
                let mut order = PushedOrder::read(body, key)?;
                let ignored = std::mem::take(&mut order.ignored);
                return Ok(Self {
                    record: Record::Order(Box::new(order)),
                    ignored,
                });
            }
            Subject::Worker => {
                let mut fields = keyed(body, "worker_no", key, 50);
                let name = fields.required("name", |f, n| f.text(n, 50)).unwrap_or_default();
                let active = fields.bool("active").unwrap_or(true);
                let skills = fields.list("skills").unwrap_or_default();
                if !skills.iter().all(Value::is_string) {
                    fields.find("skills", "must be a list of texts", "应为文本列表");
                }
                (
                    Record::Worker {
                        name,
                        active,
                        skills: Value::from(skills).to_string(),
                    },
                    fields,
                )
            }
            Subject::Equipment => {
                let mut fields = keyed(body, "equipment", key, 100);
                let name = fields.required("name", |f, n| f.text(n, 100)).unwrap_or_default();
                (Record::Equipment { name }, fields)
            }
            Subject::Reason => {
                let mut fields = keyed(body, "code", key, 50);
                let name = fields.required("name", |f, n| f.text(n, 200)).unwrap_or_default();
                let kind = fields.required("kind", |f, n| f.text(n, 50)).unwrap_or_default();
                (Record::Reason { name, kind }, fields)
            }
        };
        Ok(Self {
            record,
            ignored: complete(fields)?,
        })
    }
}

impl Record {
    async fn write(&self, tx: &mut Transaction, tenant: i64, key: &str) -> Result<(), DbError> {
        let now = Arg::second(now());
        match self {
            Self::Order(order) => order.write(tx, tenant, key).await,
            Self::Worker { name, active, skills } => {
                let columns = "worker_no, tenant_id, name, active, skills, announced, update_time";
                let row = args![key, tenant, name, *active, skills, true, now];
                tx.upsert("workers", "worker_no, tenant_id", columns, vec![row]).await
            }
            Self::Equipment { name } => {
                let columns = "equipment_code, tenant_id, equipment_name, update_time";
                let row = args![key, tenant, name, now];
                tx.upsert("equipment", "equipment_code, tenant_id", columns, vec![row])
                    .await
            }
            Self::Reason { name, kind } => {
                let row = args![key, tenant, name, kind];
                tx.upsert("reasons", "code, tenant_id", "code, tenant_id, name, kind", vec![row])
                    .await
            }
        }
    }
}

impl Store {
    /// Takes over what the ERP says of `key`.
    pub async fn push(&self, subject: Subject, key: &str, body: Value, caller: &Caller) -> Result<Receipt, PushError> {
        let push = Push::read(subject, key, body)?;
        let mut attempt = 1;
        loop {
            match self.try_push(subject, key, &push.record, caller).await {
                Err(DbError::Contended(_)) if attempt < ATTEMPTS => attempt += 1,
                done => {
                    return Ok(Receipt {
                        result: done?,
                        ignored: push.ignored,
                    });
                }
            }
        }
    }

    /// Writes between two looks at the record: what differs is audited and makes a new version of the reference.
    async fn try_push(&self, subject: Subject, key: &str, record: &Record, caller: &Caller) -> Result<Pushed, DbError> {
        let tenant = self.settings.tenant_id;
        let mut tx = self.database.begin().await?;
        let before = look(&mut tx, subject, tenant, key).await?;
        record.write(&mut tx, tenant, key).await?;
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
            let select = "SELECT process_code, process_name, sequence, standard_hours FROM processes WHERE order_id = ? ORDER BY sequence";
            let processes = tx.rows(select, args![id]).await?;
            let processes: Result<Vec<Value>, DbError> = processes.iter().map(process_view).collect();
            order_view(&row, &processes?)?
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
        "standard_hours": row.decimal_if_any("standard_hours")?,
    }))
}

fn order_view(row: &Row, processes: &[Value]) -> Result<Value, DbError> {
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
    let columns = "user_id, action, table_name, record_id, record_key, old_value, new_value, ip_address, user_agent,  \
created_at";
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
    tx.insert("audit_log", columns, vec![row]).await
}
