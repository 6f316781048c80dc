//! The live picture of each equipment: state, points with quality, and what of a sample is worth a record.
//!
//! A sample becomes one `EQUIPMENT_STATUS`. Points with a deadband are left out while they stay within it; a sample
//! without any point left makes no record. A change of quality is always told. Silence makes what was good stale.
//!
//! A point that is a counter is told as its total. The totals are the only thing here that outlives the process: they are
//! kept as a state of the buffer, written with the record that tells them.
//!
//! What a source says of the past is recorded under its own time and changes nothing that is shown. What a broker had
//! retained is shown as last known and makes no record.

mod known;
mod point;
mod tracked;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Zone;
use crate::record::{EquipmentStatus, Fault, Sample, Timestamp};
use crate::status::Status;
use point::Outcome;
pub use tracked::{Counters, Observed};
use tracked::{Moment, Tracked};

/// Names come from strangers' topics, so there is an end to them.
const EQUIPMENT_MAX: usize = 10_000;

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
            equipment.insert(code, Tracked::new(settings.offline_after));
        }
        Self {
            zone,
            status,
            equipment,
        }
    }

    /// Whether samples of this equipment can be taken: it is known, or there is room for one more.
    pub fn has_room_for(&self, equipment: &str) -> bool {
        self.equipment.len() < EQUIPMENT_MAX || self.equipment.contains_key(equipment)
    }

    fn tracked(&mut self, equipment: &Arc<str>) -> Option<&mut Tracked> {
        if !self.equipment.contains_key(equipment) {
            self.equipment.insert(Arc::clone(equipment), Tracked::new(None));
        }
        self.equipment.get_mut(equipment)
    }

    /// Takes a sample in: shows it to `observe` as it now is, and gives what of it is to be recorded to `record`. What is of
    /// the past is not observed.
    pub fn heard<T>(
        &mut self,
        sample: Sample,
        source: &Arc<str>,
        now: Timestamp,
        observe: impl FnOnce(Observed),
        record: impl FnOnce(&EquipmentStatus) -> T,
    ) -> Option<T> {
        let (zone, status) = (self.zone, self.status.clone());
        let moment = Moment::of(&sample, now);
        let Sample { equipment, points, .. } = sample;
        let tracked = self.tracked(&equipment)?;
        let is_answer = points.iter().any(|p| !matches!(p.value, Err(Fault::Silent(_))));
        if is_answer {
            tracked.speaks(now);
        }
        let taken = tracked.take_all(points, &moment);
        observe(Observed {
            equipment: &equipment,
            tracked,
            taken: &taken,
            is_past: moment.is_past,
            at: moment.newest,
        });
        let current = taken
            .iter()
            .filter(|taken| !matches!(taken.outcome, Outcome::Past(_)))
            .map(|taken| taken.place);
        tracked.show(&status, &equipment, Some(source), current);
        let told = tracked.status_of(&equipment, &taken, zone, moment.at);
        (!told.points.0.is_empty()).then(|| record(&told))
    }

    /// The state that an equipment is known to be in, and since when.
    pub fn state(&self, equipment: &str) -> Option<(&str, Timestamp)> {
        self.equipment.get(equipment)?.known_state()
    }

    /// Takes in what the broker had kept: shown where nothing newer is known.
    pub fn last_known(&mut self, sample: Sample, source: &Arc<str>, now: Timestamp) {
        let status = self.status.clone();
        let Sample {
            equipment,
            time,
            points,
            ..
        } = sample;
        let Some(tracked) = self.tracked(&equipment) else {
            return;
        };
        let places = points
            .into_iter()
            .filter_map(|point| tracked.take_last_known(point, time, now));
        let places: Vec<usize> = places.collect();
        tracked.show(&status, &equipment, Some(source), places);
    }

    /// The counters of an equipment as they are now, if they are not kept as such.
    pub fn counted(&mut self, equipment: &Arc<str>) -> Option<&Counters> {
        self.equipment.get_mut(equipment)?.counted()
    }

    /// Takes the counters of all equipment back to what was kept.
    pub fn restore_counters(&mut self, mut kept: HashMap<String, Counters>) {
        for (code, tracked) in &mut self.equipment {
            tracked.counters = kept.remove(&**code).unwrap_or_default();
        }
        for (code, counters) in kept {
            let mut tracked = Tracked::new(None);
            tracked.counters = counters;
            self.equipment.insert(code.into(), tracked);
        }
    }

    /// Forgets what was told: what the disk refused has to be told again.
    pub fn tell_anew(&mut self) {
        self.equipment.values_mut().for_each(Tracked::tell_anew);
    }

    /// The equipment's connection ended: its last values are stale. Nothing when that is known.
    pub fn gone<T>(
        &mut self,
        equipment: &Arc<str>,
        reason: &str,
        now: Timestamp,
        record: impl FnOnce(&EquipmentStatus) -> T,
    ) -> Option<T> {
        let (zone, status) = (self.zone, self.status.clone());
        // Who was never heard of has nothing that could be stale.
        let tracked = self.equipment.get_mut(equipment)?;
        (!tracked.is_offline()).then(|| {
            tracked.go_offline(reason, now);
            record(&tracked.show_all(&status, equipment, zone, now))
        })
    }

    /// The clock was set: everyone has been silent for as long as before.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) {
        self.equipment
            .values_mut()
            .for_each(|tracked| tracked.clock_was_set(by, now));
    }

    /// Equipment that fell silent since the last call, each with its last values as stale. What was never heard is as
    /// silent since the first call.
    pub fn silent<T>(&mut self, now: Timestamp, mut record: impl FnMut(&EquipmentStatus) -> T) -> Vec<T> {
        let mut told = Vec::new();
        for (code, tracked) in &mut self.equipment {
            if tracked.falls_silent(now) {
                told.push(record(&tracked.show_all(&self.status, code, self.zone, now)));
            }
        }
        told
    }
}

#[cfg(test)]
mod tests;
