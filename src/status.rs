//! What the gateway knows of itself at this moment: sources, stations, equipment, buffer, upstreams. Stages write their
//! own part through a handle; the board, the API and `/metrics` read. Nothing here is durable, nothing waits. What people
//! look at is told when it changes (`news`), and given from a number of changes on, so that following it is cheap.

mod bus;
mod limited;
mod points;
mod rejected;
mod shelf;
mod source;
mod station;
mod views;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

pub use bus::{BusView, Unmet};
pub use points::PointViews;
pub use rejected::{Rejected, Rejections, Sample};
use serde::Serialize;
use serde_json::Value as Json;
use shelf::{Changes, Shelf};
pub use source::{DeviceView, Reach, SourceStatus, SourceView};
pub use station::{
    Accepts, AskedView, InspectionView, NotedFault, ReasonView, ScanView, StampedFeedback, StationView, TodayView,
};
pub use views::{
    AlertState, AlertView, Between, BufferView, CapacityView, EquipmentView, LaneView, Operation, OrderView, PointView,
    UpstreamView, Wip,
};

use crate::language::troubles;

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

    /// What a station was told that its dialogue knows nothing of.
    pub fn tell_station(&self, name: &str, told: StampedFeedback) {
        if let Some(mut view) = self.station(name) {
            view.last_feedback = Some(told);
            self.set_station(name, view);
        }
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

    /// What a machine last said of itself.
    pub fn equipment_state(&self, code: &str) -> Option<String> {
        self.0.equipment.get(code)?.state
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
        let mut all = lock(&self.0.upstreams).clone();
        for upstream in all.values_mut() {
            upstream.last_answer_words = upstream.last_answer.as_deref().map(troubles::worded);
        }
        all
    }

    pub fn is_reachable(&self, upstream: &str) -> bool {
        lock(&self.0.upstreams).get(upstream).is_some_and(|view| view.reachable)
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
        let mut view = lock(&self.0.buffer).clone();
        view.problem_words = view.problem.as_deref().map(troubles::worded);
        view
    }
}
