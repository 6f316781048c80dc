//! The live picture of each equipment: state, points with quality, and what of a reading is worth a record.
//!
//! A reading becomes one `EQUIPMENT_STATUS`. Points with a deadband are left out while they stay within it; a reading
//! without any point left makes no record. A change of quality is always told. Silence makes what was good stale.
//!
//! A point that is a counter is told as its total. The totals are the only thing here that outlives the process: they are
//! kept as a state of the buffer, written with the record that tells them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::counter::Counter;
use crate::clock::Zone;
use crate::record::{
    CounterDef, EquipmentStatus, Fault, PointDef, PointReading, PointStatus, Points, Quality, Role, Timestamp, Value,
};
use crate::status::{EquipmentView, PointView, Status};

/// State of an equipment that has been silent too long.
const OFFLINE: &str = "offline";

/// What the configuration says of an equipment.
#[derive(Debug, Clone, Default)]
pub struct EquipmentSettings {
    pub name: Option<String>,
    pub equipment_id: Option<i64>,
    /// Time for one piece at best.
    pub ideal_cycle: Option<Duration>,
    /// Silence longer than this is the state `offline`.
    pub offline_after: Option<Duration>,
}

#[derive(Debug, Default)]
struct Tracked {
    settings: EquipmentSettings,
    state: Option<String>,
    state_since: Option<Timestamp>,
    last_heard: Option<Timestamp>,
    points: HashMap<String, Last>,
    counters: Counters,
    /// Something was counted that is not in the state that was last given out.
    has_counted: bool,
}

/// The counters of an equipment by point, as they are kept.
pub type Counters = BTreeMap<String, Counter>;

/// What was last known of a point, and what of it was last told.
#[derive(Debug, Clone)]
struct Last {
    def: Arc<PointDef>,
    value: Option<Value>,
    quality: Quality,
    reason: Option<String>,
    /// Of a total: what the machine's own counter holds.
    raw: Option<u64>,
    /// When the value was read.
    read_at: Option<Timestamp>,
    told: Option<(Option<Value>, Quality)>,
}

#[derive(Debug)]
pub struct Tracker {
    zone: Zone,
    status: Status,
    equipment: HashMap<Arc<str>, Tracked>,
}

impl Tracker {
    pub fn new(zone: Zone, status: Status, settings: &HashMap<String, EquipmentSettings>) -> Self {
        let mut equipment = HashMap::new();
        for (code, settings) in settings {
            let code: Arc<str> = code.as_str().into();
            status.update_equipment(&code, |view| {
                view.name.clone_from(&settings.name);
                view.equipment_id = settings.equipment_id;
                view.ideal_cycle_s = settings.ideal_cycle.map(|cycle| cycle.as_secs_f64());
            });
            equipment.insert(
                code,
                Tracked {
                    settings: settings.clone(),
                    ..Tracked::default()
                },
            );
        }
        Self {
            zone,
            status,
            equipment,
        }
    }

    /// Takes a reading in and gives what of it is to be recorded to `record`.
    pub fn heard<T>(
        &mut self,
        equipment: &Arc<str>,
        points: Vec<PointReading>,
        source: &Arc<str>,
        source_time: Timestamp,
        now: Timestamp,
        record: impl FnOnce(&EquipmentStatus) -> T,
    ) -> Option<T> {
        if !self.equipment.contains_key(equipment) {
            self.equipment.insert(Arc::clone(equipment), Tracked::default());
        }
        let tracked = self.equipment.get_mut(equipment)?;
        let is_answer = points.iter().any(|p| !matches!(p.value, Err(Fault::Silent(_))));
        if is_answer {
            tracked.last_heard = Some(now);
            if tracked.state.as_deref() == Some(OFFLINE) {
                tracked.set_state(None, now);
            }
        }
        let taken = points
            .into_iter()
            .map(|point| (Arc::clone(&point.def), tracked.take(point, source_time)));
        let taken: Vec<(Arc<PointDef>, bool)> = taken.collect();
        let names = taken.iter().map(|(def, _)| def.name.as_str());
        tracked.show(&self.status, equipment, Some(source), names);
        let due: Vec<&str> = taken
            .iter()
            .filter(|(_, is_due)| *is_due)
            .map(|(def, _)| def.name.as_str())
            .collect();
        if due.is_empty() {
            return None;
        }
        Some(record(&tracked.status_of(equipment, &due, self.zone, source_time)))
    }

    /// The counters of an equipment as they are now, if they are not kept as such.
    pub fn counted(&mut self, equipment: &Arc<str>) -> Option<&Counters> {
        let tracked = self.equipment.get_mut(equipment)?;
        std::mem::take(&mut tracked.has_counted).then_some(&tracked.counters)
    }

    /// Takes the counters of all equipment back to what was kept.
    pub fn restore_counters(&mut self, mut kept: HashMap<String, Counters>) {
        for (code, tracked) in &mut self.equipment {
            tracked.counters = kept.remove(&**code).unwrap_or_default();
        }
        for (code, counters) in kept {
            let tracked = Tracked {
                counters,
                ..Tracked::default()
            };
            self.equipment.insert(code.into(), tracked);
        }
    }

    /// Forgets what was told: what the disk refused has to be told again.
    pub fn tell_anew(&mut self) {
        for last in self
            .equipment
            .values_mut()
            .flat_map(|tracked| tracked.points.values_mut())
        {
            last.told = None;
        }
    }

    /// Equipment that fell silent since the last call, each with its last values as stale.
    pub fn silent<T>(&mut self, now: Timestamp, mut record: impl FnMut(&EquipmentStatus) -> T) -> Vec<T> {
        let mut told = Vec::new();
        for (code, tracked) in &mut self.equipment {
            let (Some(limit), Some(heard)) = (tracked.settings.offline_after, tracked.last_heard) else {
                continue;
            };
            let is_silent = (now - heard).to_std().is_ok_and(|silence| silence > limit);
            if !is_silent || tracked.state.as_deref() == Some(OFFLINE) {
                continue;
            }
            tracked.set_state(Some(OFFLINE.to_owned()), now);
            for last in tracked.points.values_mut().filter(|last| last.quality == Quality::Good) {
                last.quality = Quality::Stale;
                last.reason = Some("silent".to_owned());
                last.told = Some((last.value.clone(), Quality::Stale));
            }
            let names: Vec<&str> = tracked.points.keys().map(String::as_str).collect();
            tracked.show(&self.status, code, None, names.iter().copied());
            told.push(record(&tracked.status_of(code, &names, self.zone, now)));
        }
        told
    }
}

impl Tracked {
    fn set_state(&mut self, state: Option<String>, at: Timestamp) {
        if self.state != state {
            self.state = state;
            self.state_since = Some(at);
        }
    }

    /// Keeps what was read; says whether it is to be recorded.
    fn take(&mut self, point: PointReading, at: Timestamp) -> bool {
        let def = point.def;
        if !self.points.contains_key(&def.name) {
            let nothing = Last {
                def: Arc::clone(&def),
                value: None,
                quality: Quality::Bad,
                reason: None,
                raw: None,
                read_at: None,
                told: None,
            };
            self.points.insert(def.name.clone(), nothing);
        }
        let read = point.value.and_then(|value| match &def.counter {
            Some(counter) => self.count(&def.name, counter, &value, at),
            None => Ok(Read::plain(value)),
        });
        let Some(last) = self.points.get_mut(&def.name) else {
            return false;
        };
        let mut has_news = false;
        match read {
            Ok(Read { value, raw, note }) => {
                let state = (def.role == Some(Role::State)).then(|| state_name(&def, &value));
                has_news = note.is_some();
                (last.value, last.raw, last.quality) = (Some(value), raw, Quality::Good);
                (last.reason, last.read_at) = (note.map(str::to_owned), Some(at));
                if let Some(state) = state {
                    self.set_state(Some(state), at);
                }
            }
            Err(Fault::Silent(reason)) => {
                // Without a value that was ever good there is nothing that could be stale.
                last.quality = if last.value.is_some() {
                    Quality::Stale
                } else {
                    Quality::Bad
                };
                last.reason = Some(reason.to_owned());
            }
            Err(Fault::Invalid(reason)) => {
                (last.value, last.raw) = (None, None);
                (last.quality, last.reason) = (Quality::Bad, Some(reason));
            }
        }
        let Some(last) = self.points.get_mut(&def.name) else {
            return false;
        };
        let is_due = has_news || last.is_due();
        if is_due && def.deadband.is_some() {
            last.told = Some((last.value.clone(), last.quality));
        }
        is_due
    }

    /// Takes in what a machine's own counter holds.
    fn count(&mut self, point: &str, def: &CounterDef, value: &Value, at: Timestamp) -> Result<Read, Fault> {
        let &Value::Uint(raw) = value else {
            return Err(Fault::Invalid("a counter holds a whole number".to_owned()));
        };
        let (total, note) = if let Some(counter) = self.counters.get_mut(point) {
            self.has_counted |= counter.raw != raw;
            let note = counter.count(raw, at, def);
            (counter.total, note)
        } else {
            self.counters.insert(point.to_owned(), Counter::starting_at(raw, at));
            self.has_counted = true;
            (raw, None)
        };
        let total = Value::Uint(total);
        let value = match (&def.scaling, total.as_f64()) {
            (Some(scaling), Some(number)) => Value::Float(scaling.apply(number)),
            _ => total,
        };
        Ok(Read {
            value,
            raw: Some(raw),
            note,
        })
    }

    fn status_of<'a>(
        &'a self,
        equipment: &'a str,
        names: &'a [&'a str],
        zone: Zone,
        source_time: Timestamp,
    ) -> EquipmentStatus<'a> {
        let points = names.iter().filter_map(|name| {
            let last = self.points.get(*name)?;
            let is_stale = last.quality == Quality::Stale;
            let status = PointStatus {
                value: last.value.as_ref(),
                quality: last.quality,
                unit: last.def.unit.as_deref(),
                reason: last.reason.as_deref(),
                raw: last.raw,
                source_time: last.read_at.filter(|_| is_stale).map(|at| zone.rfc3339(at)),
            };
            Some((*name, status))
        });
        EquipmentStatus {
            equipment,
            state: self.state.as_deref(),
            points: Points(points.collect()),
            source_time: zone.rfc3339(source_time),
        }
    }

    /// Brings the live view up to date with the named points.
    fn show<'a>(
        &'a self,
        status: &Status,
        equipment: &Arc<str>,
        source: Option<&Arc<str>>,
        names: impl Iterator<Item = &'a str>,
    ) {
        status.update_equipment(equipment, |view: &mut EquipmentView| {
            if view.state != self.state {
                view.state.clone_from(&self.state);
            }
            view.state_since = self.state_since;
            view.last_heard = self.last_heard;
            if let Some(source) = source {
                view.source = Some(Arc::clone(source));
            }
            for name in names {
                let Some(last) = self.points.get(name) else { continue };
                if let Some(point) = view.points.get_mut(name) {
                    point.value.clone_from(&last.value);
                    point.quality = last.quality;
                    point.reason.clone_from(&last.reason);
                    point.raw = last.raw;
                    point.source_time = last.read_at;
                } else {
                    view.points.insert(name.to_owned(), last.view());
                }
            }
        });
    }
}

/// What a point says, with what is to be told beside it.
struct Read {
    value: Value,
    raw: Option<u64>,
    note: Option<&'static str>,
}

impl Read {
    fn plain(value: Value) -> Self {
        Self {
            value,
            raw: None,
            note: None,
        }
    }
}

impl Last {
    fn view(&self) -> PointView {
        PointView {
            value: self.value.clone(),
            quality: self.quality,
            unit: self.def.unit.clone(),
            reason: self.reason.clone(),
            raw: self.raw,
            source_time: self.read_at,
        }
    }

    /// Whether a record has to tell of it: without a deadband always, otherwise when it left it.
    fn is_due(&self) -> bool {
        let (Some(deadband), Some((told_value, told_quality))) = (self.def.deadband, &self.told) else {
            return true;
        };
        if *told_quality != self.quality {
            return true;
        }
        match (
            told_value.as_ref().and_then(Value::as_f64),
            self.value.as_ref().and_then(Value::as_f64),
        ) {
            (Some(told), Some(now)) => (now - told).abs() > deadband,
            _ => *told_value != self.value,
        }
    }
}

/// What the map says, or the raw value itself: an unmapped state is shown as the machine calls it.
fn state_name(def: &PointDef, value: &Value) -> String {
    let raw = match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Uint(u) => u.to_string(),
        Value::Float(f) => f.to_string(),
        Value::Text(text) => text.clone(),
    };
    def.map
        .iter()
        .find(|(from, _)| *from == raw)
        .map_or(raw, |(_, to)| to.clone())
}

#[cfg(test)]
mod tests;
