//! What the gateway knows of itself at this moment: sources, stations, equipment, buffer, upstreams. Stages write their
//! own part through a handle; the board, the API and `/metrics` read. Nothing here is durable, nothing waits. What people
//! look at is told when it changes (`news`), and given from a number of changes on, so that following it is cheap.

mod bus;
mod rejected;
mod shelf;
mod station;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value as Json;

use crate::record::{Alert, Feedback, Lane, ProgressUpdated, Quality, Seq, Timestamp, Value, Waiting};
pub use bus::{BusView, Unmet};
pub use rejected::{Rejected, Rejections, Sample};
use shelf::{Changes, Shelf};
pub use station::{Accepts, AskedView, ReasonView, ScanView, StampedFeedback, StationView, TodayView};

/// Shared by every stage; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    changes: Changes,
    sources: Mutex<BTreeMap<String, Arc<SourceStatus>>>,
    stations: Shelf<String, StationView>,
    equipment: Shelf<Arc<str>, EquipmentView>,
    orders: Shelf<String, OrderView>,
    capacity: Mutex<Option<CapacityView>>,
    upstreams: Mutex<BTreeMap<String, UpstreamView>>,
    buffer: Mutex<BufferView>,
    /// As JSON: there are many, they are large, and they change far more often than they are looked at.
    judges: Shelf<String, String>,
    alerts: Mutex<Arc<Vec<AlertView>>>,
    sources_started: AtomicBool,
    clock_synced: AtomicBool,
}

/// A view that was put on a shelf as JSON.
fn read(view: &str) -> Json {
    serde_json::from_str(view).expect("it was written by us")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Status {
    /// The entry of a source, made when first asked for.
    pub fn source(&self, name: &str) -> Arc<SourceStatus> {
        Arc::clone(lock(&self.0.sources).entry(name.to_owned()).or_default())
    }

    pub fn sources(&self) -> Vec<(String, SourceView)> {
        lock(&self.0.sources)
            .iter()
            .map(|(name, source)| (name.clone(), source.view()))
            .collect()
    }

    pub fn set_sources_started(&self) {
        self.0.sources_started.store(true, Ordering::Relaxed);
    }

    pub fn set_clock_synced(&self, is_synced: bool) {
        self.0.clock_synced.store(is_synced, Ordering::Relaxed);
    }

    /// Whether this machine's clock is known to follow a time source.
    pub fn is_clock_synced(&self) -> bool {
        self.0.clock_synced.load(Ordering::Relaxed)
    }

    pub fn are_sources_started(&self) -> bool {
        self.0.sources_started.load(Ordering::Relaxed)
    }

    /// Until stations, equipment, orders, judges or alerts have changed since this was last awaited. One may wait.
    pub async fn news(&self) {
        self.0.changes.next().await;
    }

    /// How much has changed so far: to be noted before what has changed is asked for.
    pub fn changes(&self) -> u64 {
        self.0.changes.count()
    }

    pub fn set_station(&self, name: &str, view: StationView) {
        self.0.stations.put(name, view, &self.0.changes);
    }

    pub fn station(&self, name: &str) -> Option<StationView> {
        self.0.stations.get(name)
    }

    pub fn stations(&self) -> BTreeMap<String, StationView> {
        self.0.stations.all()
    }

    pub fn stations_since(&self, changes: u64) -> Vec<(String, StationView)> {
        self.0.stations.since(changes)
    }

    /// Changes what is shown of one equipment, in place: this runs once per reading.
    pub fn update_equipment(&self, name: &Arc<str>, change: impl FnOnce(&mut EquipmentView)) {
        self.0.equipment.update(name, change, &self.0.changes);
    }

    pub fn equipment(&self) -> BTreeMap<Arc<str>, EquipmentView> {
        self.0.equipment.all()
    }

    pub fn equipment_since(&self, changes: u64) -> Vec<(Arc<str>, EquipmentView)> {
        self.0.equipment.since(changes)
    }

    pub fn set_order(&self, order_no: &str, view: OrderView) {
        self.0.orders.put(order_no, view, &self.0.changes);
    }

    pub fn keep_orders(&self, is_kept: impl Fn(&str) -> bool) {
        self.0.orders.keep(|order_no| is_kept(order_no), &self.0.changes);
    }

    pub fn order(&self, order_no: &str) -> Option<OrderView> {
        self.0.orders.get(order_no)
    }

    pub fn orders(&self) -> BTreeMap<String, OrderView> {
        self.0.orders.all()
    }

    pub fn orders_since(&self, changes: u64) -> Vec<(String, OrderView)> {
        self.0.orders.since(changes)
    }

    pub fn set_capacity(&self, view: CapacityView) {
        *lock(&self.0.capacity) = Some(view);
    }

    pub fn capacity(&self) -> Option<CapacityView> {
        lock(&self.0.capacity).clone()
    }

    pub fn update_upstream(&self, name: &str, change: impl FnOnce(&mut UpstreamView)) {
        change(lock(&self.0.upstreams).entry(name.to_owned()).or_default());
    }

    pub fn upstreams(&self) -> BTreeMap<String, UpstreamView> {
        lock(&self.0.upstreams).clone()
    }

    /// How connections and devices to the south are reached; of a connection that is down, its devices are not known.
    pub fn reach(&self) -> Vec<Reach> {
        let sources = lock(&self.0.sources);
        sources.iter().flat_map(|(name, source)| source.reach(name)).collect()
    }

    /// Alerts that last and some that have ended.
    pub fn set_alerts(&self, mut alerts: Vec<AlertView>) {
        alerts.sort_by(|a, b| (a.state, &b.alert.began_at).cmp(&(b.state, &a.alert.began_at)));
        *lock(&self.0.alerts) = Arc::new(alerts);
        self.0.changes.note();
    }

    /// Active ones first, then those that were acknowledged, then those that have ended; of each the latest first.
    pub fn alerts(&self) -> Arc<Vec<AlertView>> {
        Arc::clone(&lock(&self.0.alerts))
    }

    /// What a chart or a watch shows, by its name (`spc/press-force`).
    pub fn set_judge(&self, name: &str, view: &impl Serialize) {
        let view = serde_json::to_string(view).expect("what is shown is JSON");
        self.0.judges.put(name, view, &self.0.changes);
    }

    pub fn drop_judge(&self, name: &str) {
        self.0.judges.keep(|known| known != name, &self.0.changes);
    }

    pub fn judge(&self, name: &str) -> Option<Json> {
        self.0.judges.get(name).map(|view| read(&view))
    }

    /// All judges whose name begins so.
    pub fn judges(&self, prefix: &str) -> Vec<Json> {
        self.judges_since(0, prefix, |_, view| view.clone())
    }

    /// What is seen of the judges whose name begins so.
    pub fn judges_since<T>(&self, changes: u64, prefix: &str, see: impl Fn(&str, &Json) -> T) -> Vec<T> {
        let is_named = |name: &String| name.starts_with(prefix);
        let see = |name: &String, view: &String| see(name, &read(view));
        self.0.judges.look(&prefix.to_owned(), is_named, changes, see)
    }

    pub fn update_buffer(&self, change: impl FnOnce(&mut BufferView)) {
        change(&mut lock(&self.0.buffer));
    }

    pub fn buffer(&self) -> BufferView {
        lock(&self.0.buffer).clone()
    }
}

/// Whether a connection or a device answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// `mqtt/plant`, `modbus/line-1`, `modbus/line-1/press-7`.
    pub name: String,
    pub is_up: bool,
    pub error: Option<String>,
}

/// An alert as it stands.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AlertView {
    pub state: AlertState,
    pub key: String,
    /// Its cause is gone; unless that comes back soon, the alert ends.
    pub is_away: bool,
    #[serde(flatten)]
    pub alert: Alert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    Active,
    Acknowledged,
    Ended,
}

/// One connection to the south: a broker, a Modbus connection, a scanner.
#[derive(Debug, Default)]
pub struct SourceStatus {
    readings: AtomicU64,
    rejected: AtomicU64,
    duplicates: AtomicU64,
    limited: AtomicU64,
    retained: AtomicU64,
    lost: AtomicU64,
    link: Mutex<Link>,
}

#[derive(Debug, Default, Clone)]
struct Link {
    is_up: bool,
    since: Option<Timestamp>,
    last_error: Option<String>,
    last_error_at: Option<Timestamp>,
    reconnects: u64,
    bus: Option<BusView>,
    last_rejection: Option<String>,
    rejections: Rejections,
    devices: BTreeMap<String, DeviceView>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SourceView {
    pub connected: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    pub last_error: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_error_at: Option<Timestamp>,
    pub reconnects: u64,
    pub readings: u64,
    pub rejected: u64,
    pub duplicates: u64,
    /// Messages beyond the rate that their topic is allowed.
    pub limited: u64,
    /// Messages that the broker had kept: shown as last known, never recorded.
    pub retained: u64,
    /// Readings that the disk refused and that nobody sends again.
    pub lost: u64,
    pub last_rejection: Option<String>,
    #[schema(value_type = BTreeMap<String, Rejected>)]
    pub rejections: Rejections,
    /// Of a connection that is polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<BusView>,
    pub devices: BTreeMap<String, DeviceView>,
}

/// One device on a shared connection.
#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct DeviceView {
    #[schema(value_type = String)]
    pub equipment: Arc<str>,
    pub answers: bool,
    /// It has been silent for long and is only tried now and then.
    pub resting: bool,
    pub last_error: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_error_at: Option<Timestamp>,
    pub unit: Option<u8>,
    /// How often it is to be polled.
    pub poll_ms: f64,
    /// Registers and bits of one poll.
    pub addresses: u32,
    pub polls: u64,
    pub failed_polls: u64,
    pub poll_ms_last: f64,
    /// What it is asked for in one poll.
    pub requests: Vec<String>,
    /// What it has refused, and so is not asked for, or not like that.
    pub refused: Vec<String>,
}

impl SourceStatus {
    /// The link works now.
    pub fn up(&self, at: Timestamp) {
        let mut link = lock(&self.link);
        if !link.is_up {
            link.is_up = true;
            link.since = Some(at);
        }
    }

    /// The link is lost, or could not be made, for this reason.
    pub fn down(&self, at: Timestamp, error: impl Into<String>) {
        let mut link = lock(&self.link);
        if link.is_up || link.since.is_none() {
            link.since = Some(at);
        }
        if link.is_up {
            link.reconnects += 1;
        }
        link.is_up = false;
        link.last_error = Some(error.into());
        link.last_error_at = Some(at);
    }

    /// What the connection is like, and how full it is meant to be.
    pub fn set_bus(&self, view: BusView) {
        lock(&self.link).bus = Some(view);
    }

    pub fn set_bus_load(&self, percent: f64) {
        if let Some(bus) = &mut lock(&self.link).bus {
            bus.load_percent = Some(percent);
        }
    }

    /// The link works, but not as it was asked to.
    pub fn complain(&self, error: impl Into<String>) {
        let mut link = lock(&self.link);
        link.last_error = Some(error.into());
        link.last_error_at = link.since;
    }

    pub fn update_device(&self, name: &str, change: impl FnOnce(&mut DeviceView)) {
        let mut link = lock(&self.link);
        if let Some(device) = link.devices.get_mut(name) {
            change(device);
        } else {
            change(link.devices.entry(name.to_owned()).or_default());
        }
    }

    fn reach(&self, name: &str) -> Vec<Reach> {
        let link = lock(&self.link);
        // What was never up or down, such as what has no link, is not known.
        if link.since.is_none() {
            return Vec::new();
        }
        let mut reach = vec![Reach {
            name: name.to_owned(),
            is_up: link.is_up,
            error: link.last_error.clone(),
        }];
        let devices = link.devices.iter().filter(|_| link.is_up);
        reach.extend(devices.map(|(device, view)| Reach {
            name: format!("{name}/{device}"),
            is_up: view.answers,
            error: view.last_error.clone(),
        }));
        reach
    }

    pub fn count_reading(&self) {
        self.readings.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_retained(&self) {
        self.retained.fetch_add(1, Ordering::Relaxed);
    }

    /// A reading that could not be understood, of this topic or station; it is kept as a sample.
    pub fn reject(&self, at: Timestamp, subject: &str, reason: &str, payload: &[u8]) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        let mut link = lock(&self.link);
        link.last_rejection = Some(format!("{subject}: {reason}"));
        link.rejections.add(at, subject, reason, payload);
    }

    pub fn view(&self) -> SourceView {
        let link = lock(&self.link).clone();
        SourceView {
            connected: link.is_up,
            since: link.since,
            last_error: link.last_error,
            last_error_at: link.last_error_at,
            reconnects: link.reconnects,
            readings: self.readings.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            duplicates: self.duplicates.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
            retained: self.retained.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            last_rejection: link.last_rejection,
            rejections: link.rejections,
            bus: link.bus,
            devices: link.devices,
        }
    }
}

/// Waits for readings that come once, such as polls, to count those that are lost.
impl Waiting for SourceStatus {
    fn kept(&self, _: u64, _: Option<Feedback>) {}

    fn refused(&self, _: u64) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// The live picture of one equipment.
#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct EquipmentView {
    pub name: Option<String>,
    pub equipment_id: Option<i64>,
    pub ideal_cycle_s: Option<f64>,
    pub state: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub state_since: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_heard: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub source: Option<Arc<str>>,
    /// Effectiveness by shift, as `judge::progress::oee` gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::judge::progress::oee::OeeView>)]
    pub oee: Option<serde_json::Value>,
    pub points: BTreeMap<String, PointView>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PointView {
    pub value: Option<Value>,
    pub quality: Quality,
    pub unit: Option<String>,
    pub reason: Option<String>,
    /// Of a total: what the machine's own counter holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<u64>,
    /// When the value was read at its source.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub source_time: Option<Timestamp>,
}

/// How an order stands.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OrderView {
    pub progress: ProgressUpdated,
    pub wip: Wip,
}

/// Work in process of one order, as far as it was reported here.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Wip {
    pub total_qty: Decimal,
    pub completed_qty: Decimal,
    pub in_progress_qty: Decimal,
    pub pending_qty: Decimal,
    pub between: Vec<Between>,
}

/// Pieces that came out of one process and not yet out of the next.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Between {
    pub after: String,
    pub before: String,
    pub quantity: Decimal,
}

/// Machine hours of a production day.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CapacityView {
    pub date: NaiveDate,
    pub unit: &'static str,
    pub total_capacity: f64,
    /// Running or set up.
    pub used_capacity: f64,
    pub available_capacity: f64,
    /// Hours of which nobody knows what the machines did.
    pub unknown_capacity: f64,
    pub utilization_rate: Option<f64>,
    pub updated_at: String,
}

impl CapacityView {
    /// From milliseconds: all, used, unknown.
    pub fn of(date: NaiveDate, ms: [i64; 3], updated_at: String) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "shown in hundredths of an hour")]
        let [total, used, unknown] = ms.map(|ms| (ms as f64 / 36_000.0).round() / 100.0);
        Self {
            date,
            unit: "machine_hours",
            total_capacity: total,
            used_capacity: used,
            available_capacity: (total - used).max(0.0),
            unknown_capacity: unknown,
            utilization_rate: (total > 0.0).then(|| (used / total * 1000.0).round() / 1000.0),
            updated_at,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct BufferView {
    pub writable: bool,
    /// Telemetry is held back because the disk is nearly full.
    pub telemetry_paused: bool,
    pub problem: Option<String>,
    pub epoch: u64,
    pub disk_bytes: u64,
    pub max_bytes: u64,
    pub free_disk_bytes: u64,
    pub commits: u64,
    pub commit_ms_last: f64,
    #[schema(value_type = BTreeMap<String, LaneView>)]
    pub lanes: BTreeMap<Lane, LaneView>,
    pub dead_letters: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, utoipa::ToSchema)]
pub struct LaneView {
    #[schema(value_type = u64)]
    pub first_sequence: Seq,
    #[schema(value_type = u64)]
    pub next_sequence: Seq,
    pub segments: u64,
    /// Records that gave way to the bound before every upstream had them.
    pub dropped: u64,
}

#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct UpstreamView {
    pub url: String,
    pub reachable: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    pub last_answer: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success: Option<Timestamp>,
    /// Records that wait for this upstream, by lane.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub waiting: BTreeMap<Lane, u64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_waiting: Option<Timestamp>,
    pub sent: u64,
    pub batches: u64,
    pub failures: u64,
    pub rejected: u64,
}
