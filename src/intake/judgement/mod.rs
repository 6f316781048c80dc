//! The judges of machines: control charts and watches, each told of the points that it listens to. What they find becomes
//! alerts; what they know outlives the process ([`journal`]).

mod journal;
mod seat;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use chrono::TimeDelta;

use super::equipment::Observed;
use crate::buffer::{Commit, States};
use crate::judge::spc::monitor::PhaseError;
use crate::judge::{Change, Finding};
use crate::record::{ChartChange, Role, Timestamp, Value};
use crate::status::Status;
use journal::{Ear, Journal, Observation, Seen, What};
pub use seat::Judge;
use seat::Seat;

/// State of a machine that makes parts.
const RUNNING: &str = "running";

#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub judges: Vec<Judge>,
    /// Where what they have learnt is written.
    pub file: PathBuf,
}

#[derive(Debug)]
pub struct Judgement {
    seats: BTreeMap<String, Seat>,
    /// By equipment.
    listeners: HashMap<String, Listeners>,
    journal: Journal,
    /// Found when the judges were taken back, to be told at the next tick.
    found_before: Vec<Finding>,
    status: Status,
}

/// Who listens to one machine.
#[derive(Debug, Default)]
struct Listeners {
    points: Vec<Point>,
    /// What it makes, where that is known.
    product: Option<String>,
    /// What its counter of good parts held last, and how often it has gone on since the start.
    good: Option<f64>,
    parts: u64,
}

/// Who listens to one of its points.
#[derive(Debug)]
struct Point {
    name: String,
    ears: Vec<Ear>,
    is_of_products: bool,
    parts_heard: u64,
}

impl Judgement {
    pub fn new(settings: Settings, status: Status) -> Self {
        let mut listeners: HashMap<String, Listeners> = HashMap::new();
        let mut seats = BTreeMap::new();
        for judge in settings.judges {
            let name = judge.name();
            for (channel, (equipment, point)) in (0..).zip(judge.listens_to()) {
                let point = listeners.entry(equipment).or_default().point(point);
                point.is_of_products |= judge.is_of_products();
                point.ears.push(Ear {
                    judge: name.clone(),
                    channel,
                });
            }
            seats.insert(name, Seat::new(judge));
        }
        Self {
            seats,
            listeners,
            journal: Journal::new(settings.file),
            found_before: Vec::new(),
            status,
        }
    }

    /// Takes all judges back to what is on disk. `is_told`: whether there is a live alert of this key.
    pub fn restore(&mut self, states: &States, now: Timestamp, is_told: impl Fn(&str) -> bool) {
        let kept = self.journal.restore(states);
        self.found_before.clear();
        let mut anew = HashSet::new();
        for (name, seat) in &mut self.seats {
            let restarted = seat.restore(kept.states.get(name).map(Vec::as_slice), now);
            self.found_before.extend(restarted.found);
            if restarted.is_anew {
                anew.insert(name.clone());
            }
        }
        let mut begun = BTreeMap::new();
        let told = kept
            .told
            .iter()
            .flat_map(|(ears, observation)| ears.iter().map(move |ear| (ear, observation)));
        for (ear, observation) in told.filter(|(ear, _)| !anew.contains(&ear.judge)) {
            let seat = self.seats.get_mut(&ear.judge);
            for finding in seat
                .map(|seat| seat.tell(observation, ear.channel))
                .into_iter()
                .flatten()
            {
                match finding.change {
                    Change::Begins | Change::Worsens => begun.insert(finding.key.clone(), finding),
                    Change::Ends => begun.remove(&finding.key),
                    Change::GoesOn | Change::Once => None,
                };
            }
        }
        // What they find was recorded with what they were told, unless other settings found less then.
        let untold = begun.into_values().filter(|finding| !is_told(&finding.key));
        self.found_before.extend(untold);
        // It may have been set while nobody looked: nothing that was heard can lie ahead.
        self.clock_was_set(TimeDelta::zero(), now);
        self.seats.values_mut().for_each(|seat| seat.resume(now));
        self.show(now);
    }

    /// Keys of what judges hold to be wrong now.
    pub fn open_keys(&self) -> impl Iterator<Item = String> {
        self.seats.values().flat_map(Seat::open_keys)
    }

    /// Tells whoever listens of a sample; gives what they find.
    pub fn observe(&mut self, observed: Observed, now: Timestamp) -> Vec<Finding> {
        let mut found = Vec::new();
        let Some(listeners) = self.listeners.get_mut(&**observed.equipment) else {
            return found;
        };
        listeners.count_parts(&observed);
        let product = &listeners.product;
        let is_running = observed.state().map(|state| state == RUNNING);
        let news = observed.points().map(|point| (point, false));
        let late = observed.late().map(|point| (point, true));
        for ((def, value), is_late) in news.chain(late) {
            let Some(point) = listeners.points.iter_mut().find(|point| *point.name == *def.name) else {
                continue;
            };
            // A text is no figure, and no missing one either.
            let figure = value.map(Value::as_f64);
            if figure == Some(None) {
                continue;
            }
            let is_part = !is_late && std::mem::replace(&mut point.parts_heard, listeners.parts) != listeners.parts;
            let seen = Seen {
                value: figure.flatten(),
                is_running,
                is_part,
                part: product.clone().filter(|_| point.is_of_products),
                program: None,
            };
            let observation = Observation::new(observed.at, now, What::Value(seen));
            for ear in &point.ears {
                if let Some(seat) = self.seats.get_mut(&ear.judge) {
                    found.extend(seat.tell(&observation, ear.channel));
                }
            }
            self.journal.note(&point.ears, &observation);
        }
        found
    }

    /// A person changes a chart of a machine; nothing when there is none of this name.
    pub fn change(
        &mut self,
        chart: &str,
        change: &ChartChange,
        by: &str,
        now: Timestamp,
    ) -> Option<Result<Vec<Finding>, PhaseError>> {
        let name = format!("spc/{chart}");
        let seat = self.seats.get_mut(&name)?;
        let (change, by) = (change.clone(), by.to_owned());
        let observation = Observation::new(now, now, What::Changed { change, by });
        let changed = seat.change(&observation);
        if changed.is_ok() {
            self.journal.note(&[Ear::only(&name)], &observation);
        }
        self.show(now);
        Some(changed)
    }

    /// What a machine makes from now on.
    pub fn makes(&mut self, equipment: &str, product: Option<&str>) {
        if let Some(listeners) = self.listeners.get_mut(equipment)
            && listeners.product.as_deref() != product
        {
            listeners.product = product.map(str::to_owned);
        }
    }

    /// Lets time pass; gives what shows by that alone.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Finding> {
        let mut found = std::mem::take(&mut self.found_before);
        for (name, seat) in &mut self.seats {
            let observation = Observation::new(now, now, What::Tick);
            let ticked = seat.tick(observation.at());
            // Any other tick leaves nothing behind that the next one would not.
            if ticked.has_turned {
                self.journal.note(&[Ear::only(name)], &observation);
            }
            found.extend(ticked.found);
        }
        self.show(now);
        found
    }

    /// The wall clock was set by so much, and no other time has passed.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) {
        self.journal.clock_was_set(by);
        let by_ms = by.num_milliseconds();
        let observation = Observation::new(now, now, What::ClockSet { by_ms });
        let mut ears = Vec::new();
        for (name, seat) in &mut self.seats {
            if seat.clock_was_set(TimeDelta::milliseconds(by_ms), observation.at()) {
                ears.push(Ear::only(name));
            }
        }
        if !ears.is_empty() {
            self.journal.note(&ears, &observation);
        }
    }

    /// Brings the views of what has changed up to date.
    fn show(&mut self, now: Timestamp) {
        for (name, seat) in &mut self.seats {
            if seat.has_news(now) {
                seat.show(name, &self.status);
            }
        }
    }

    /// The disk refused this commit. The judges were told of it all the same, so it goes with the next one.
    pub fn take_back(&mut self, refused: States) {
        self.journal.take_back(refused);
    }

    /// What goes to disk with the readings that the judges were told of.
    pub fn commit(&mut self, commit: &mut Commit, now: Timestamp) {
        self.bring(commit);
        if self.journal.is_due(now) {
            let write = self.checkpoint();
            // On a thread of its own: the buffer's must not wait for another file.
            commit.afterwards.push(Box::new(move || {
                std::thread::spawn(write);
            }));
        }
    }

    /// The last commit: with it everything is in the file.
    pub fn stop(&mut self, commit: &mut Commit) {
        self.bring(commit);
        if self.journal.may_be_written() {
            commit.afterwards.push(Box::new(self.checkpoint()));
        }
    }

    fn bring(&mut self, commit: &mut Commit) {
        if let Some(kept) = self.journal.commit(&mut commit.telemetry_states) {
            commit.afterwards.push(Box::new(kept));
        }
    }

    fn checkpoint(&mut self) -> impl FnOnce() + Send + use<> {
        let states = self.seats.iter().map(|(name, seat)| (name.clone(), seat.encode()));
        self.journal.checkpoint(states.collect())
    }
}

impl Listeners {
    fn point(&mut self, name: String) -> &mut Point {
        let known = self.points.iter().position(|point| point.name == name);
        let at = known.unwrap_or_else(|| {
            self.points.push(Point {
                name,
                ears: Vec::new(),
                is_of_products: false,
                parts_heard: 0,
            });
            self.points.len() - 1
        });
        &mut self.points[at]
    }

    fn count_parts(&mut self, observed: &Observed) {
        let good = observed.points().find(|(def, _)| def.role == Some(Role::GoodCount));
        let Some(good) = good.and_then(|(_, value)| value?.as_f64()) else {
            return;
        };
        if self.good.replace(good).is_some_and(|before| good > before) {
            self.parts += 1;
        }
    }
}

#[cfg(test)]
mod tests;
