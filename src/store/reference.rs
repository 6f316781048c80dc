//! What stations work with: orders, workers, equipment, reasons. Gateways pull it and keep it for when we are away.
//!
//! The version changes in the same transaction as anything in it. It carries an id of the store, so that a gateway that
//! kept the version of a former database is not told that nothing changed.

use std::collections::{BTreeSet, HashMap};

use chrono::{NaiveDate, TimeDelta};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Store;
use super::ingest::now;
use super::order::status;
use super::statement::{Arg, DbError, Transaction, args};

/// How long a finished or closed order is told, so that a station can say "closed" rather than "unknown".
const CLOSED_DAYS: i64 = 30;

#[derive(Debug, Serialize)]
pub struct Reference {
    pub version: String,
    pub orders: Vec<ReferenceOrder>,
    pub workers: Vec<ReferenceWorker>,
    pub equipment: Vec<ReferenceEquipment>,
    pub reasons: Vec<ReferenceReason>,
}

#[derive(Debug, Serialize)]
pub struct ReferenceOrder {
    pub order_no: String,
    pub status: i64,
    pub order_quantity: Decimal,
    pub completed_quantity: Decimal,
    pub product_code: String,
    pub product_name: String,
    pub delivery_date: Option<NaiveDate>,
    pub priority: i64,
    pub workshop_id: Option<i64>,
    pub processes: Vec<ReferenceProcess>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReferenceProcess {
    pub process_code: String,
    pub process_name: String,
    pub process_id: i64,
    pub sequence: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_hours: Option<Decimal>,
}

#[derive(Debug, Serialize)]
pub struct ReferenceWorker {
    pub worker_no: String,
    pub name: String,
    pub skills: Box<RawValue>,
    pub active: bool,
    pub worker_id: i64,
}

#[derive(Debug, Serialize)]
pub struct ReferenceEquipment {
    pub equipment: String,
    pub name: String,
    pub equipment_id: i64,
}

#[derive(Debug, Serialize)]
pub struct ReferenceReason {
    pub code: String,
    pub name: String,
    pub kind: String,
}

/// Gives a fresh store its id.
pub async fn prepare(tx: &mut Transaction) -> Result<(), DbError> {
    if tx
        .row("SELECT version FROM reference_version WHERE id = 1", args![])
        .await?
        .is_none()
    {
        let row = args![1, Uuid::now_v7().to_string(), 1];
        tx.insert("reference_version", "id, store_id, version", vec![row])
            .await?;
    }
    Ok(())
}

/// Everyone's copy is old from the moment this transaction commits.
pub async fn bump(tx: &mut Transaction) -> Result<(), DbError> {
    tx.execute(
        "UPDATE reference_version SET version = version + 1 WHERE id = 1",
        args![],
    )
    .await
}

async fn version(tx: &mut Transaction) -> Result<String, DbError> {
    let select = "SELECT store_id, version FROM reference_version WHERE id = 1";
    let row = tx
        .row(select, args![])
        .await?
        .ok_or(DbError::Broken(sqlx::Error::RowNotFound))?;
    let (store_id, version): (String, i64) = (row.get("store_id")?, row.get("version")?);
    // The last group of a version 7 id is random.
    Ok(format!("{}-{version}", store_id.rsplit('-').next().unwrap_or_default()))
}

impl Store {
    /// The reference, or nothing when `known` is its version. `workshop_id` keeps other workshops' orders out.
    pub async fn reference(&self, workshop_id: Option<i64>, known: Option<&str>) -> Result<Option<Reference>, DbError> {
        let mut tx = self.database.read().await?;
        // Read first: were it read last, a change in between would be missed for ever.
        let version = version(&mut tx).await?;
        if known == Some(version.as_str()) {
            return Ok(None);
        }
        let tenant = self.settings.tenant_id;
        Ok(Some(Reference {
            version,
            orders: orders(&mut tx, tenant, workshop_id).await?,
            workers: workers(&mut tx, tenant).await?,
            equipment: equipment(&mut tx, tenant).await?,
            reasons: reasons(&mut tx, tenant).await?,
        }))
    }
}

async fn orders(tx: &mut Transaction, tenant: i64, workshop: Option<i64>) -> Result<Vec<ReferenceOrder>, DbError> {
    let mut select = "SELECT o.id, o.order_no, o.status, o.order_quantity, o.completed_quantity, o.product_code, \
        o.product_name, o.delivery_date, o.workshop_id, d.priority \
        FROM production_order o LEFT JOIN order_details d ON d.order_id = o.id \
        WHERE o.tenant_id = ? AND o.deleted = 0 \
        AND (o.status IN (?, ?) OR (o.status IN (?, ?) AND o.update_time >= ?))"
        .to_owned();
    let since = Arg::second(now() - TimeDelta::days(CLOSED_DAYS));
    let mut values = args![
        tenant,
        status::RELEASED,
        status::IN_PRODUCTION,
        status::FINISHED,
        status::CLOSED,
        since
    ];
    if let Some(workshop) = workshop {
        // An order without a workshop may be made in any.
        select.push_str(" AND (o.workshop_id = ? OR o.workshop_id IS NULL)");
        values.push(workshop.into());
    }
    select.push_str(" ORDER BY o.order_no");
    let rows = tx.rows(select, values).await?;
    let mut ids = BTreeSet::new();
    for row in &rows {
        ids.insert(row.get::<i64>("id")?);
    }
    let mut routings = routings(tx, &ids).await?;
    rows.iter()
        .map(|row| {
            Ok(ReferenceOrder {
                order_no: row.get("order_no")?,
                status: row.get("status")?,
                order_quantity: row.decimal("order_quantity")?,
                completed_quantity: row.decimal("completed_quantity")?,
                product_code: row.get("product_code")?,
                product_name: row.get("product_name")?,
                delivery_date: row.get("delivery_date")?,
                priority: row
                    .get::<Option<i64>>("priority")?
                    .unwrap_or(super::push::PRIORITY_DEFAULT),
                workshop_id: row.get("workshop_id")?,
                processes: routings.remove(&row.get("id")?).unwrap_or_default(),
            })
        })
        .collect()
}

async fn routings(tx: &mut Transaction, ids: &BTreeSet<i64>) -> Result<HashMap<i64, Vec<ReferenceProcess>>, DbError> {
    let mut routings: HashMap<i64, Vec<ReferenceProcess>> = HashMap::new();
    if ids.is_empty() {
        return Ok(routings);
    }
    let select =
        "SELECT id, order_id, process_code, process_name, sequence, standard_hours FROM processes WHERE order_id";
    for row in tx
        .rows_in(select, ids.iter().copied(), " ORDER BY order_id, sequence")
        .await?
    {
        routings
            .entry(row.get("order_id")?)
            .or_default()
            .push(ReferenceProcess {
                process_code: row.get("process_code")?,
                process_name: row.get("process_name")?,
                process_id: row.get("id")?,
                sequence: row.get("sequence")?,
                standard_hours: row.decimal_if_any("standard_hours")?,
            });
    }
    Ok(routings)
}

/// Only announced workers: a badge known from reports alone may be a mistyped one.
async fn workers(tx: &mut Transaction, tenant: i64) -> Result<Vec<ReferenceWorker>, DbError> {
    let select = "SELECT id, worker_no, name, skills, active FROM workers \
                  WHERE tenant_id = ? AND announced = 1 ORDER BY worker_no";
    let rows = tx.rows(select, args![tenant]).await?;
    rows.iter()
        .map(|row| {
            Ok(ReferenceWorker {
                worker_no: row.get("worker_no")?,
                name: row.get("name")?,
                skills: raw(row.get("skills")?),
                active: row.get::<i64>("active")? != 0,
                worker_id: row.get("id")?,
            })
        })
        .collect()
}

async fn equipment(tx: &mut Transaction, tenant: i64) -> Result<Vec<ReferenceEquipment>, DbError> {
    let select = "SELECT id, equipment_code, equipment_name FROM equipment WHERE tenant_id = ? ORDER BY equipment_code";
    let rows = tx.rows(select, args![tenant]).await?;
    rows.iter()
        .map(|row| {
            Ok(ReferenceEquipment {
                equipment: row.get("equipment_code")?,
                name: row.get("equipment_name")?,
                equipment_id: row.get("id")?,
            })
        })
        .collect()
}

async fn reasons(tx: &mut Transaction, tenant: i64) -> Result<Vec<ReferenceReason>, DbError> {
    let rows = tx
        .rows(
            "SELECT code, name, kind FROM reasons WHERE tenant_id = ? ORDER BY code",
            args![tenant],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ReferenceReason {
                code: row.get("code")?,
                name: row.get("name")?,
                kind: row.get("kind")?,
            })
        })
        .collect()
}

/// JSON that we wrote into a column, as it stands.
pub fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
