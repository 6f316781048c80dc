//! Local reference data: orders with their routing, workers, equipment, reasons. Pulled from the central store, kept on
//! disk with its age, used as it is when the network is down.

mod pull;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::record::Timestamp;
pub use pull::{Settings, fresh_for, keep_fresh, load, try_pull};

/// As the store sends it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub version: String,
    #[serde(default)]
    pub orders: Vec<Order>,
    #[serde(default)]
    pub workers: Vec<Worker>,
    #[serde(default)]
    pub equipment: Vec<Equipment>,
    #[serde(default)]
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Order {
    pub order_no: String,
    /// 0 draft, 1 approved, 2 released, 3 in production, 4 finished, 5 closed.
    #[schema(value_type = u8, maximum = 5)]
    pub status: OrderStatus,
    pub order_quantity: Decimal,
    #[serde(default)]
    pub completed_quantity: Decimal,
    #[serde(default)]
    pub product_code: String,
    #[serde(default)]
    pub product_name: String,
    #[serde(default)]
    pub delivery_date: Option<NaiveDate>,
    #[serde(default)]
    pub priority: i64,
    #[serde(default)]
    pub processes: Vec<Process>,
}

/// `production_order.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum OrderStatus {
    Draft,
    Approved,
    Released,
    InProduction,
    Finished,
    Closed,
}

impl OrderStatus {
    const ALL: [Self; 6] = [
        Self::Draft,
        Self::Approved,
        Self::Released,
        Self::InProduction,
        Self::Finished,
        Self::Closed,
    ];

    pub fn is_reportable(self) -> bool {
        matches!(self, Self::Released | Self::InProduction)
    }
}

impl TryFrom<u8> for OrderStatus {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        Self::ALL
            .get(usize::from(code))
            .copied()
            .ok_or_else(|| format!("{code} is not an order status (0 to 5)"))
    }
}

impl From<OrderStatus> for u8 {
    fn from(status: OrderStatus) -> Self {
        status as Self
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Process {
    pub process_code: String,
    #[serde(default)]
    pub process_name: String,
    pub sequence: u32,
    #[serde(default)]
    pub process_id: Option<i64>,
    /// Labor time of one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_hours: Option<Decimal>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    pub worker_no: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub skills: Vec<String>,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub worker_id: Option<i64>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Equipment {
    #[serde(alias = "code")]
    pub equipment: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub equipment_id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub code: String,
    #[serde(default)]
    pub name: String,
    /// `scrap`, `rework`, `concession`, `pause` …; empty fits all.
    #[serde(default)]
    pub kind: String,
}

/// The data as stations use it.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    pub version: String,
    /// When the store last said that this is current; nothing before the first pull.
    pub confirmed_at: Option<Timestamp>,
    /// Older than this, what is missing here may exist.
    pub fresh_for: Duration,
    /// It could not be pulled when the store was last asked: what is missing here may exist.
    is_offline: bool,
    anew: Arc<Notify>,
    known: Arc<Known>,
}

/// What the store said, until it says something else.
#[derive(Debug, Default)]
struct Known {
    orders: HashMap<String, Arc<Order>>,
    workers: HashMap<String, Arc<Worker>>,
    equipment: HashMap<String, Arc<Equipment>>,
    reasons: HashMap<String, Arc<Reason>>,
}

impl Reference {
    pub fn new(mut snapshot: Snapshot, confirmed_at: Timestamp, fresh_for: Duration) -> Self {
        for order in &mut snapshot.orders {
            // 100.0000 is how a database says 100; people at stations read the latter.
            order.order_quantity = order.order_quantity.normalize();
            order.completed_quantity = order.completed_quantity.normalize();
        }
        let known = Known {
            orders: snapshot
                .orders
                .into_iter()
                .map(|o| (o.order_no.clone(), Arc::new(o)))
                .collect(),
            workers: snapshot
                .workers
                .into_iter()
                .map(|w| (w.worker_no.clone(), Arc::new(w)))
                .collect(),
            equipment: snapshot
                .equipment
                .into_iter()
                .map(|e| (e.equipment.clone(), Arc::new(e)))
                .collect(),
            reasons: snapshot
                .reasons
                .into_iter()
                .map(|r| (r.code.clone(), Arc::new(r)))
                .collect(),
        };
        Self {
            version: snapshot.version,
            confirmed_at: Some(confirmed_at),
            fresh_for,
            is_offline: false,
            anew: Arc::default(),
            known: Arc::new(known),
        }
    }

    /// Whether the store has said nothing else since.
    pub fn says_the_same(&self, earlier: &Self) -> bool {
        Arc::ptr_eq(&self.known, &earlier.known)
    }

    /// Whether what is not in here can be said not to exist.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let is_young = |at: Timestamp| (now - at).to_std().map_or(true, |age| age <= self.fresh_for);
        !self.is_offline && self.confirmed_at.is_some_and(is_young)
    }

    /// Something was refused by this data, which may have changed since it was pulled, or could not be held against it: it is
    /// pulled now.
    pub fn ask_anew(&self) {
        self.anew.notify_one();
    }

    /// Confirmed by the store, or not.
    fn asked(&mut self, answered_at: Option<Timestamp>) {
        self.is_offline = answered_at.is_none();
        self.confirmed_at = answered_at.or(self.confirmed_at);
    }

    /// A label carries the order number with or without its own `WO-`.
    pub fn order(&self, id: &str) -> Option<&Arc<Order>> {
        self.known
            .orders
            .get(id)
            .or_else(|| self.known.orders.get(&format!("WO-{id}")))
    }

    pub fn worker(&self, worker_no: &str) -> Option<&Arc<Worker>> {
        self.known
            .workers
            .get(worker_no)
            .or_else(|| self.known.workers.get(&format!("EMP-{worker_no}")))
    }

    pub fn equipment(&self, code: &str) -> Option<&Arc<Equipment>> {
        self.known.equipment.get(code)
    }

    /// What people call an equipment.
    pub fn equipment_name(&self, code: &str) -> Option<&str> {
        let name = self.equipment(code).map(|equipment| equipment.name.as_str());
        name.filter(|name| !name.is_empty())
    }

    pub fn reason(&self, code: &str) -> Option<&Arc<Reason>> {
        self.known
            .reasons
            .get(code)
            .or_else(|| self.known.reasons.get(&format!("RSN-{code}")))
    }

    pub fn orders(&self) -> impl Iterator<Item = &Arc<Order>> {
        self.known.orders.values()
    }

    pub fn workers(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.known.workers.values()
    }

    pub fn reasons(&self) -> impl Iterator<Item = &Arc<Reason>> {
        self.known.reasons.values()
    }
}
