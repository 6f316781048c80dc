//! Local reference data: orders with their routing, workers, equipment, reasons. Pulled from the central store, kept on
//! disk with its age, used as it is when the network is down.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::files;
use crate::record::Timestamp;
use crate::secret::Secret;

/// How often the age of unchanged data is brought to disk: a gateway that starts offline may take it for this much older.
const AGE_KEPT_EVERY: Duration = Duration::from_mins(10);
/// However often data is asked for anew, the store is asked this far apart.
const PULLS_APART: Duration = Duration::from_secs(2);
/// How often the upstream is looked at for having gone or come back.
const UPSTREAM_LOOKED_AT_EVERY: Duration = Duration::from_secs(1);
/// A body larger than this is not reference data.
const BODY_BYTES_MAX: usize = 64 << 20;

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

#[derive(Debug, Clone)]
pub struct Settings {
    /// The store's reference call.
    pub url: String,
    /// The upstream of the same store.
    pub upstream: String,
    pub token: Option<Secret>,
    pub workshop_id: Option<i64>,
    pub every: Duration,
    pub timeout: Duration,
    pub file: PathBuf,
    pub client: reqwest::Client,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    confirmed_at: Timestamp,
    snapshot: Snapshot,
}

#[derive(Debug, thiserror::Error)]
enum PullError {
    #[error("no answer: {0}")]
    Unreachable(String),
    #[error("the store answered {0}")]
    Refused(reqwest::StatusCode),
    #[error("the answer is not reference data: {0}")]
    Unreadable(String),
}

/// How old the data may be before "not there" is no longer believed: some pulls may fail.
pub fn fresh_for(every: Duration) -> Duration {
    every * 3 + Duration::from_secs(30)
}

/// What was kept on disk, or nothing when there is none or it can't be read.
pub fn load(file: &Path, fresh_for: Duration) -> Reference {
    let nothing = Reference {
        fresh_for,
        ..Reference::default()
    };
    let Ok(bytes) = std::fs::read(file) else { return nothing };
    match serde_json::from_slice::<Kept>(&bytes) {
        Ok(kept) => Reference::new(kept.snapshot, kept.confirmed_at, fresh_for),
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "the kept reference data can't be read and is pulled anew");
            nothing
        }
    }
}

/// Pulls until told to stop: regularly, when something was refused by what is known, and when the store's upstream goes or
/// comes back (`is_reachable`). A failed pull changes nothing but whether the data is taken as fresh.
pub async fn keep_fresh(
    settings: Settings,
    reference: watch::Sender<Arc<Reference>>,
    is_reachable: impl Fn() -> bool,
    stop: CancellationToken,
) {
    let anew = Arc::clone(&reference.borrow().anew);
    let mut backoff = Backoff::new(Duration::from_secs(1), settings.every.max(Duration::from_secs(1)));
    let mut snapshot: Option<Snapshot> = None;
    let mut kept_at: Option<Instant> = None;
    loop {
        let was_reachable = is_reachable();
        // The first pull is whole: what is on disk may be of another workshop.
        let version = snapshot.as_ref().map(|s| s.version.clone()).unwrap_or_default();
        let pulled = tokio::select! {
            () = stop.cancelled() => return,
            pulled = pull(&settings, &version) => pulled,
        };
        let delay = match pulled {
            Ok(news) => {
                backoff.reset();
                let now = chrono::Utc::now();
                let is_news = news.is_some();
                snapshot = news.or(snapshot);
                if is_news && let Some(snapshot) = &snapshot {
                    let known = Reference::new(snapshot.clone(), now, fresh_for(settings.every));
                    let anew = Arc::clone(&anew);
                    reference.send_replace(Arc::new(Reference { anew, ..known }));
                } else {
                    reference.send_modify(|known| Arc::make_mut(known).asked(Some(now)));
                }
                let is_due = is_news || kept_at.is_none_or(|at| at.elapsed() >= AGE_KEPT_EVERY);
                if is_due && let Some(snapshot) = snapshot.clone() {
                    let confirmed_at = now;
                    keep(settings.file.clone(), Kept { confirmed_at, snapshot }).await;
                    kept_at = Some(Instant::now());
                }
                settings.every
            }
            Err(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!(url = settings.url, %error, "reference data can't be pulled; what is on disk is used");
                }
                if !reference.borrow().is_offline {
                    reference.send_modify(|known| Arc::make_mut(known).asked(None));
                }
                backoff.next_delay()
            }
        };
        let asked_at = Instant::now();
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(delay) => {}
            () = async {
                tokio::select! {
                    () = anew.notified() => {}
                    () = turned(&is_reachable, was_reachable) => {}
                }
                sleep_until(asked_at + PULLS_APART).await;
            } => {}
        }
    }
}

/// Until the store's upstream has gone or come back.
async fn turned(is_reachable: impl Fn() -> bool, was_reachable: bool) {
    while is_reachable() == was_reachable {
        sleep(UPSTREAM_LOOKED_AT_EVERY).await;
    }
}

async fn keep(file: PathBuf, kept: Kept) {
    let written = tokio::task::spawn_blocking(move || {
        let bytes = serde_json::to_vec(&kept).map_err(std::io::Error::other)?;
        files::replace(&file, &bytes)
    });
    if let Ok(Err(error)) = written.await {
        tracing::warn!(%error, "reference data could not be kept on disk");
    }
}

/// Asks once, with the token; says what there is.
pub async fn try_pull(settings: &Settings) -> Result<String, String> {
    let pulled = pull(settings, "").await.map_err(|error| error.to_string())?;
    let Snapshot {
        orders,
        workers,
        equipment,
        reasons,
        ..
    } = pulled.unwrap_or_default();
    let (orders, workers, equipment, reasons) = (orders.len(), workers.len(), equipment.len(), reasons.len());
    Ok(format!(
        " ({orders} orders, {workers} workers, {equipment} equipment, {reasons} reasons)"
    ))
}

/// The new data, or nothing when ours is current.
async fn pull(settings: &Settings, version: &str) -> Result<Option<Snapshot>, PullError> {
    let mut url = reqwest::Url::parse(&settings.url).map_err(|e| PullError::Unreadable(e.to_string()))?;
    if let Some(workshop_id) = settings.workshop_id {
        url.query_pairs_mut()
            .append_pair("workshop_id", &workshop_id.to_string());
    }
    if !version.is_empty() {
        url.query_pairs_mut().append_pair("version", version);
    }
    let mut request = settings.client.get(url).timeout(settings.timeout);
    if let Some(token) = &settings.token {
        request = request.bearer_auth(token.reveal());
    }
    let unreachable = |e: reqwest::Error| PullError::Unreachable(crate::files::causes(&e));
    let mut response = request.send().await.map_err(unreachable)?;
    match response.status() {
        reqwest::StatusCode::NOT_MODIFIED => return Ok(None),
        status if !status.is_success() => return Err(PullError::Refused(status)),
        _ => {}
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(PullError::Unreadable(format!("longer than {BODY_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|e| PullError::Unreadable(e.to_string()))
}
