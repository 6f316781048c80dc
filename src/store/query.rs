//! What the store answers when asked: one order with its progress, reports, gateways with what is missing from them.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Store;
use super::book::load_orders;
use super::reference::raw;
use super::statement::{Arg, DbError, Row, Transaction, args};
use crate::record::Lane;

/// Gaps shown of one lane; `gap_count` tells of more.
const GAPS_SHOWN_MAX: i64 = 100;

#[derive(Debug, Serialize)]
pub struct OrderView {
    pub order_no: String,
    pub status: i64,
    pub order_quantity: Decimal,
    pub completed_quantity: Decimal,
    pub product_id: i64,
    pub product_code: String,
    pub product_name: String,
    pub order_date: NaiveDate,
    pub start_date: Option<NaiveDate>,
    pub end_date: Option<NaiveDate>,
    pub delivery_date: Option<NaiveDate>,
    pub plan_no: Option<String>,
    pub workshop_id: Option<i64>,
    pub workshop_name: Option<String>,
    pub remark: Option<String>,
    pub priority: i64,
    pub update_time: String,
    pub processes: Vec<ProcessView>,
    pub quality: QualityView,
    /// What the gateways last said of it, by message type.
    pub messages: Vec<MessageView>,
}

/// All inspections of an order together.
#[derive(Debug, Default, Serialize)]
pub struct QualityView {
    pub inspections: u64,
    pub check_quantity: Decimal,
    pub qualified_quantity: Decimal,
    pub unqualified_quantity: Decimal,
    /// Of the latest: 0 waiting, 1 qualified, 2 unqualified.
    pub check_result: Option<i64>,
}

#[derive(Debug, Serialize)]
pub struct ProcessView {
    pub process_code: String,
    pub process_name: Option<String>,
    pub process_id: Option<i64>,
    pub sequence: Option<i64>,
    pub output_quantity: Decimal,
    pub qualified_quantity: Decimal,
    pub unqualified_quantity: Decimal,
    pub work_hours: Decimal,
    pub last_report_time: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct MessageView {
    pub message_type: String,
    pub timestamp: String,
    pub payload: Box<RawValue>,
}

#[derive(Debug, Serialize)]
pub struct ReportView {
    /// Ask for what comes `after` the last one seen.
    pub id: i64,
    pub report_no: String,
    pub order_no: String,
    pub process_id: Option<i64>,
    pub process_code: Option<String>,
    pub process_name: Option<String>,
    pub work_date: NaiveDate,
    pub work_hours: Decimal,
    pub output_quantity: Decimal,
    pub qualified_quantity: Decimal,
    pub unqualified_quantity: Decimal,
    pub worker_id: Option<i64>,
    pub worker_no: Option<String>,
    pub worker_name: Option<String>,
    pub equipment_id: Option<i64>,
    pub equipment_name: Option<String>,
    pub station: Option<String>,
    pub gateway_id: Option<String>,
    pub message_id: Option<String>,
    #[serde(rename = "final")]
    pub is_final: bool,
    pub voids: Option<String>,
    pub voided_by: Option<String>,
    pub flags: Box<RawValue>,
    pub reported_time: Option<String>,
    pub create_time: String,
}

#[derive(Debug, Serialize)]
pub struct GatewayView {
    pub gateway_id: String,
    pub last_seen: String,
    pub lanes: Vec<LaneView>,
}

#[derive(Debug, Serialize)]
pub struct LaneView {
    pub lane: String,
    pub epoch: i64,
    pub last_sequence: i64,
    pub last_seen: String,
    /// Sequences missing, whether lost, on their way, or never meant for this store.
    pub missing: i64,
    pub gap_count: i64,
    pub gaps: Vec<GapView>,
}

#[derive(Debug, Serialize)]
pub struct GapView {
    pub first_sequence: i64,
    pub last_sequence: i64,
    pub since: String,
}

impl Store {
    pub async fn order(&self, order_no: &str) -> Result<Option<OrderView>, DbError> {
        let mut tx = self.database.read().await?;
        let select = "SELECT o.*, d.priority FROM production_order o LEFT JOIN order_details d ON d.order_id = o.id \
                      WHERE o.order_no = ? AND o.tenant_id = ? AND o.deleted = 0";
        let Some(row) = tx.row(select, args![order_no, self.settings.tenant_id]).await? else {
            return Ok(None);
        };
        Ok(Some(OrderView {
            order_no: row.get("order_no")?,
            status: row.get("status")?,
            order_quantity: row.decimal("order_quantity")?,
            completed_quantity: row.decimal("completed_quantity")?,
            product_id: row.get("product_id")?,
            product_code: row.get("product_code")?,
            product_name: row.get("product_name")?,
            order_date: row.get("order_date")?,
            start_date: row.get("start_date")?,
            end_date: row.get("end_date")?,
            delivery_date: row.get("delivery_date")?,
            plan_no: row.get("plan_no")?,
            workshop_id: row.get("workshop_id")?,
            workshop_name: row.get("workshop_name")?,
            remark: row.get("remark")?,
            priority: row
                .get::<Option<i64>>("priority")?
                .unwrap_or(super::push::PRIORITY_DEFAULT),
            update_time: rfc3339(row.get("update_time")?),
            processes: self.processes(&mut tx, order_no).await?,
            quality: quality(&mut tx, row.get("id")?).await?,
            messages: messages(&mut tx, order_no).await?,
        }))
    }

    /// The routing in its order, then what was reported outside of it.
    async fn processes(&self, tx: &mut Transaction, order_no: &str) -> Result<Vec<ProcessView>, DbError> {
        let order = load_orders(tx, self.settings.tenant_id, &BTreeSet::from([order_no]), "")
            .await?
            .remove(order_no);
        let Some(mut order) = order else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        for process in std::mem::take(&mut order.routing) {
            let done = order.progress.remove(&process.code).unwrap_or_default();
            rows.push((
                process.code,
                Some(process.name),
                Some(process.id),
                Some(process.sequence),
                done,
            ));
        }
        let mut outside: Vec<_> = order.progress.into_iter().collect();
        outside.sort_by(|a, b| a.0.cmp(&b.0));
        rows.extend(outside.into_iter().map(|(code, done)| (code, None, None, None, done)));
        let view = |(process_code, process_name, process_id, sequence, done): (_, _, _, _, super::order::Progress)| {
            ProcessView {
                process_code,
                process_name,
                process_id,
                sequence,
                output_quantity: done.output,
                qualified_quantity: done.qualified,
                unqualified_quantity: done.unqualified,
                work_hours: done.work_hours,
                last_report_time: done.last_report.map(rfc3339),
            }
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Reports in the order in which they were stored.
    pub async fn reports(&self, order_no: Option<&str>, after: i64, limit: i64) -> Result<Vec<ReportView>, DbError> {
        let mut tx = self.database.read().await?;
        let of_order = if order_no.is_some() { " AND r.order_no = ?" } else { "" };
        let select = format!(
            "SELECT r.*, d.process_code, d.worker_no, d.station, d.gateway_id, d.message_id, d.is_final, d.voids, \
             d.voided_by, d.flags, d.reported_time \
             FROM production_report r LEFT JOIN report_details d ON d.report_no = r.report_no AND d.tenant_id = r.tenant_id \
             WHERE r.tenant_id = ? AND r.deleted = 0 AND r.id > ?{of_order} ORDER BY r.id LIMIT ?"
        );
        let mut values = args![self.settings.tenant_id, after];
        values.extend(order_no.map(Arg::from));
        values.push(limit.into());
        tx.rows(select, values).await?.iter().map(report_view).collect()
    }

    /// What the ledger holds of one lane of a gateway: messages, and different sequences among them.
    pub async fn ledger(&self, gateway_id: &str, lane: Lane, epoch: u64) -> Result<(u64, u64), DbError> {
        let mut tx = self.database.read().await?;
        let select = "SELECT COUNT(*) AS messages, COUNT(DISTINCT sequence) AS sequences FROM message_ledger \
                      WHERE gateway_id = ? AND lane = ? AND epoch = ?";
        let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
        let row = tx.row(select, args![gateway_id, lane.name(), epoch]).await?;
        let row = row.ok_or(DbError::Broken(sqlx::Error::RowNotFound))?;
        let count = |column| row.get::<i64>(column).map(i64::unsigned_abs);
        Ok((count("messages")?, count("sequences")?))
    }

    pub async fn gateways(&self) -> Result<Vec<GatewayView>, DbError> {
        let mut tx = self.database.read().await?;
        let select =
            "SELECT gateway_id, lane, epoch, last_sequence, last_seen FROM gateways ORDER BY gateway_id, lane, epoch";
        let rows = tx.rows(select, args![]).await?;
        let mut gateways: Vec<GatewayView> = Vec::new();
        for row in rows {
            let gateway_id: String = row.get("gateway_id")?;
            let lane = lane_view(&mut tx, &gateway_id, &row).await?;
            match gateways.last_mut().filter(|gateway| gateway.gateway_id == gateway_id) {
                Some(gateway) => {
                    gateway.last_seen = lane.last_seen.clone().max(std::mem::take(&mut gateway.last_seen));
                    gateway.lanes.push(lane);
                }
                None => gateways.push(GatewayView {
                    gateway_id,
                    last_seen: lane.last_seen.clone(),
                    lanes: vec![lane],
                }),
            }
        }
        Ok(gateways)
    }
}

/// Summed up here: `SQLite` has no exact decimals.
async fn quality(tx: &mut Transaction, order_id: i64) -> Result<QualityView, DbError> {
    let select = "SELECT check_quantity, qualified_quantity, unqualified_quantity, check_result FROM production_quality \
                  WHERE order_id = ? AND deleted = 0 ORDER BY id";
    let mut view = QualityView::default();
    for row in tx.rows(select, args![order_id]).await? {
        view.inspections += 1;
        view.check_quantity += row.decimal("check_quantity")?;
        view.qualified_quantity += row.decimal("qualified_quantity")?;
        view.unqualified_quantity += row.decimal("unqualified_quantity")?;
        view.check_result = Some(row.get("check_result")?);
    }
    Ok(view)
}

async fn messages(tx: &mut Transaction, order_no: &str) -> Result<Vec<MessageView>, DbError> {
    let select =
        "SELECT message_type, message_time, payload FROM order_messages WHERE order_no = ? ORDER BY message_type";
    let rows = tx.rows(select, args![order_no]).await?;
    rows.iter()
        .map(|row| {
            Ok(MessageView {
                message_type: row.get("message_type")?,
                timestamp: rfc3339(row.get("message_time")?),
                payload: raw(row.get("payload")?),
            })
        })
        .collect()
}

fn report_view(row: &Row) -> Result<ReportView, DbError> {
    Ok(ReportView {
        id: row.get("id")?,
        report_no: row.get("report_no")?,
        order_no: row.get("order_no")?,
        process_id: row.get("process_id")?,
        process_code: row.get("process_code")?,
        process_name: row.get("process_name")?,
        work_date: row.get("work_date")?,
        work_hours: row.decimal("work_hours")?,
        output_quantity: row.decimal("output_quantity")?,
        qualified_quantity: row.decimal("qualified_quantity")?,
        unqualified_quantity: row.decimal("unqualified_quantity")?,
        worker_id: row.get("worker_id")?,
        worker_no: row.get("worker_no")?,
        worker_name: row.get("worker_name")?,
        equipment_id: row.get("equipment_id")?,
        equipment_name: row.get("equipment_name")?,
        station: row.get("station")?,
        gateway_id: row.get("gateway_id")?,
        message_id: row.get("message_id")?,
        is_final: row.get::<Option<i64>>("is_final")?.unwrap_or(0) != 0,
        voids: row.get("voids")?,
        voided_by: row.get("voided_by")?,
        flags: raw(row.get::<Option<String>>("flags")?.unwrap_or_else(|| "[]".to_owned())),
        reported_time: row.get::<Option<NaiveDateTime>>("reported_time")?.map(rfc3339),
        create_time: rfc3339(row.get("create_time")?),
    })
}

async fn lane_view(tx: &mut Transaction, gateway_id: &str, row: &Row) -> Result<LaneView, DbError> {
    let (lane, epoch): (String, i64) = (row.get("lane")?, row.get("epoch")?);
    let of_lane = "FROM sequence_gaps WHERE gateway_id = ? AND lane = ? AND epoch = ?";
    let id = args![gateway_id, &lane, epoch];
    let sum = format!(
        "SELECT COUNT(*) AS gap_count, CAST(SUM(last_sequence - first_sequence + 1) AS SIGNED) AS missing {of_lane}"
    );
    let sum = tx
        .row(sum, id.clone())
        .await?
        .ok_or(DbError::Broken(sqlx::Error::RowNotFound))?;
    let gaps =
        format!("SELECT first_sequence, last_sequence, since {of_lane} ORDER BY first_sequence LIMIT {GAPS_SHOWN_MAX}");
    let gaps = tx.rows(gaps, id).await?;
    Ok(LaneView {
        lane,
        epoch,
        last_sequence: row.get("last_sequence")?,
        last_seen: rfc3339(row.get("last_seen")?),
        missing: sum.get::<Option<i64>>("missing")?.unwrap_or(0),
        gap_count: sum.get("gap_count")?,
        gaps: gaps
            .iter()
            .map(|gap| {
                Ok(GapView {
                    first_sequence: gap.get("first_sequence")?,
                    last_sequence: gap.get("last_sequence")?,
                    since: rfc3339(gap.get("since")?),
                })
            })
            .collect::<Result<_, DbError>>()?,
    })
}

/// Times in the tables are UTC.
fn rfc3339(at: NaiveDateTime) -> String {
    at.and_local_timezone(Utc)
        .single()
        .expect("UTC has every instant once")
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
