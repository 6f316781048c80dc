//! The office of the demo: pushes reference data and orders into the central store over its HTTP API, as an ERP would,
//! and tells stations what to work on. Each station has orders of its own; when they are done, new ones are released.

use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::secret::Secret;

pub const WORKSHOP_ID: i64 = 3;
pub const WORKSHOP_NAME: &str = "冲压一车间";

/// Orders that each station finds released when it starts.
const ORDERS_AHEAD: usize = 2;

/// One order in so many was promised for yesterday.
const OVERDUE_EACH: usize = 8;

/// Product code, name, ordered pieces, and its processes: sequence, code, name.
type Product = (
    &'static str,
    &'static str,
    i64,
    &'static [(i64, &'static str, &'static str)],
);

const PRODUCTS: [Product; 3] = [
    (
        "EC-4410",
        "电机端盖 End cover",
        40,
        &[
            (10, "0010", "下料 Blanking"),
            (20, "0020", "冲压 Pressing"),
            (30, "0030", "检验 Inspection"),
        ],
    ),
    (
        "BR-2072",
        "安装支架 Bracket",
        30,
        &[(10, "0010", "下料 Blanking"), (20, "0040", "折弯 Bending")],
    ),
    (
        "SH-0815",
        "屏蔽罩 Shield",
        50,
        &[
            (10, "0020", "冲压 Pressing"),
            (20, "0050", "清洗 Washing"),
            (30, "0030", "检验 Inspection"),
        ],
    ),
];

/// Badge and name.
pub const WORKERS: [(&str, &str); 5] = [
    ("1001", "王建国"),
    ("1002", "李秀英"),
    ("1003", "张伟"),
    ("1004", "刘洋"),
    ("1005", "陈静"),
];

/// Code, name, kind.
pub const REASONS: [(&str, &str, &str); 4] = [
    ("D01", "毛刺 Burr", "scrap"),
    ("D02", "尺寸超差 Out of size", "scrap"),
    ("D03", "划伤 Scratch", "scrap,rework"),
    ("D04", "材料缺陷 Material", "scrap,concession"),
];

/// A process of an order that is still to be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub order_no: String,
    pub process_code: String,
    pub sequence: i64,
    pub remaining: i64,
}

/// An order as the store tells it; what of it matters here.
#[derive(Debug, Clone, Deserialize)]
pub struct OrderState {
    pub order_no: String,
    pub status: i64,
    pub order_quantity: Decimal,
    pub completed_quantity: Decimal,
    pub processes: Vec<ProcessState>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ProcessState {
    pub process_code: String,
    pub sequence: Option<i64>,
    pub qualified_quantity: Decimal,
}

impl OrderState {
    fn is_open(&self) -> bool {
        matches!(self.status, 2 | 3)
    }

    /// The first process that lacks pieces.
    fn job(&self) -> Option<Job> {
        let lacking = |process: &ProcessState| self.order_quantity - process.qualified_quantity;
        let process = self
            .processes
            .iter()
            .find(|process| process.sequence.is_some() && lacking(process) > Decimal::ZERO)?;
        Some(Job {
            order_no: self.order_no.clone(),
            process_code: process.process_code.clone(),
            sequence: process.sequence?,
            remaining: i64::try_from(lacking(process).ceil().mantissa()).unwrap_or(1),
        })
    }
}

/// Cheap to clone; all clones are one office.
#[derive(Clone)]
pub struct Office {
    store: String,
    token: Secret,
    client: reqwest::Client,
    stations: usize,
    /// How many orders were ever released. Order `n` belongs to station `n % stations`.
    released: Arc<Mutex<usize>>,
}

impl Office {
    /// Opens the office at a store, with what is on its books already.
    pub async fn open(store: String, token: Secret, client: reqwest::Client, stations: usize) -> anyhow::Result<Self> {
        let office = Self {
            store,
            token,
            client,
            stations,
            released: Arc::default(),
        };
        let mut released = 0;
        while office.order(&order_no(released)).await?.is_some() {
            released += 1;
        }
        *office.released.lock().await = released;
        Ok(office)
    }

    /// Workers, reasons, equipment (code and name), and orders enough to begin with.
    pub async fn push_reference(&self, equipment: &[(&str, &str)]) -> anyhow::Result<()> {
        for (number, name) in WORKERS {
            let worker = json!({"name": name, "active": true, "skills": ["press"]});
            self.put(&format!("workers/{number}"), &worker).await?;
        }
        for (code, name, kind) in REASONS {
            self.put(&format!("reasons/{code}"), &json!({"name": name, "kind": kind}))
                .await?;
        }
        for (code, name) in equipment {
            self.put(&format!("equipment/{code}"), &json!({"name": name})).await?;
        }
        for station in 0..self.stations {
            while self.open_orders(station).await?.len() < ORDERS_AHEAD {
                self.release(station).await?;
            }
        }
        Ok(())
    }

    /// What a station is to work on; a new order is released when its last but one is taken.
    pub async fn next_job(&self, station: usize) -> anyhow::Result<Job> {
        let open = self.open_orders(station).await?;
        if open.len() < ORDERS_AHEAD {
            self.release(station).await?;
        }
        open.iter()
            .find_map(OrderState::job)
            .context("the next order is released in a moment")
    }

    pub async fn orders(&self) -> anyhow::Result<Vec<OrderState>> {
        let released = *self.released.lock().await;
        let mut orders = Vec::new();
        for nth in 0..released {
            orders.extend(self.order(&order_no(nth)).await?);
        }
        Ok(orders)
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.client.get(self.url(path)).bearer_auth(self.token.reveal()).send();
        Ok(serde_json::from_slice(
            &answer.await?.error_for_status()?.bytes().await?,
        )?)
    }

    async fn open_orders(&self, station: usize) -> anyhow::Result<Vec<OrderState>> {
        let released = *self.released.lock().await;
        let mut open = Vec::new();
        // The latest are the open ones; older ones are finished.
        for nth in (0..released).rev().filter(|nth| nth % self.stations == station) {
            let order = self.order(&order_no(nth)).await?;
            let order = order.filter(|order| order.is_open() && order.job().is_some());
            let Some(order) = order else { break };
            open.push(order);
        }
        open.reverse();
        Ok(open)
    }

    /// Releases the next order of a station, and of the others what lies before it.
    async fn release(&self, station: usize) -> anyhow::Result<()> {
        let mut released = self.released.lock().await;
        loop {
            let nth = *released;
            let (code, name, quantity, processes) = PRODUCTS[nth % PRODUCTS.len()];
            let processes: Vec<Value> = processes
                .iter()
                .map(|(sequence, code, name)| json!({"process_code": code, "process_name": name, "sequence": sequence}))
                .collect();
            let is_overdue = nth % OVERDUE_EACH == OVERDUE_EACH - 1;
            let delivery_date = Utc::now().date_naive() + TimeDelta::days(if is_overdue { -1 } else { 1 });
            let order = json!({
                "order_quantity": quantity,
                "product_code": code,
                "product_name": name,
                "status": 2,
                "workshop_id": WORKSHOP_ID,
                "workshop_name": WORKSHOP_NAME,
                "priority": 5,
                "delivery_date": delivery_date,
                "processes": processes,
            });
            self.put(&format!("orders/{}", order_no(nth)), &order).await?;
            *released += 1;
            if nth % self.stations == station {
                return Ok(());
            }
        }
    }

    async fn order(&self, order_no: &str) -> anyhow::Result<Option<OrderState>> {
        let url = self.url(&format!("orders/{order_no}"));
        let answer = self.client.get(url).bearer_auth(self.token.reveal()).send().await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = answer.error_for_status()?.bytes().await?;
        Ok(Some(serde_json::from_slice(&body)?))
    }

    async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let answer = self
            .client
            .put(self.url(path))
            .bearer_auth(self.token.reveal())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string())
            .send()
            .await?;
        if !answer.status().is_success() {
            bail!("the store does not take {path}: {}", answer.text().await?);
        }
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.store)
    }
}

fn order_no(nth: usize) -> String {
    format!("MO-{:05}", 26_001 + nth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_that_lacks_pieces_is_the_next_job() {
        let order: OrderState = serde_json::from_value(json!({
            "order_no": "MO-1", "status": 3, "order_quantity": "10", "completed_quantity": "0",
            "processes": [
                {"process_code": "0010", "sequence": 10, "qualified_quantity": "12"},
                {"process_code": "0020", "sequence": 20, "qualified_quantity": "4"},
            ],
        }))
        .expect("an order");
        let job = order.job().expect("pieces are lacking");
        assert_eq!((job.sequence, job.remaining), (20, 6));
    }
}
