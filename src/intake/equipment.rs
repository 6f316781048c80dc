//! The live picture of each equipment: state, points with quality, and what of a reading is worth a record.
//!
//! A reading becomes one `EQUIPMENT_STATUS`. Points with a deadband are left out while they stay within it; a reading
//! without any point left makes no record. A change of quality is always told. Silence makes what was good stale.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Zone;
use crate::record::{
    EquipmentStatus, Fault, PointDef, PointReading, PointStatus, Points, Quality, Role, Timestamp, Value,
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
}

/// What was last known of a point, and what of it was last told.
#[derive(Debug, Clone)]
struct Last {
    def: Arc<PointDef>,
    value: Option<Value>,
    quality: Quality,
    reason: Option<String>,
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
                read_at: None,
                told: None,
            };
            self.points.insert(def.name.clone(), nothing);
        }
        let Some(last) = self.points.get_mut(&def.name) else {
            return false;
        };
        match point.value {
            Ok(value) => {
                let state = (def.role == Some(Role::State)).then(|| state_name(&def, &value));
                (last.value, last.quality, last.reason, last.read_at) = (Some(value), Quality::Good, None, Some(at));
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
                (last.value, last.quality, last.reason) = (None, Quality::Bad, Some(reason));
            }
        }
        let Some(last) = self.points.get_mut(&def.name) else {
            return false;
        };
        let is_due = last.is_due();
        if is_due && def.deadband.is_some() {
            last.told = Some((last.value.clone(), last.quality));
        }
        is_due
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
                    point.source_time = last.read_at;
                } else {
                    view.points.insert(name.to_owned(), last.view());
                }
            }
        });
    }
}

impl Last {
    fn view(&self) -> PointView {
        PointView {
            value: self.value.clone(),
            quality: self.quality,
            unit: self.def.unit.clone(),
            reason: self.reason.clone(),
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
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn point(name: &str, deadband: Option<f64>, role: Option<Role>) -> Arc<PointDef> {
        let map = vec![
            ("RUN".to_owned(), "running".to_owned()),
            ("1".to_owned(), "running".to_owned()),
        ];
        Arc::new(PointDef {
            name: name.to_owned(),
            unit: Some("°C".into()),
            role,
            map,
            deadband,
        })
    }

    struct Bench {
        tracker: Tracker,
        now: Timestamp,
        status: Status,
    }

    impl Bench {
        fn new(offline_after: Option<Duration>) -> Self {
            let status = Status::default();
            let settings = EquipmentSettings {
                offline_after,
                ..EquipmentSettings::default()
            };
            let settings = HashMap::from([("P7".to_owned(), settings)]);
            Self {
                tracker: Tracker::new(Zone::UTC, status.clone(), &settings),
                now: Timestamp::UNIX_EPOCH,
                status,
            }
        }

        fn hear(&mut self, def: &Arc<PointDef>, value: Result<Value, Fault>) -> Option<serde_json::Value> {
            self.now += TimeDelta::seconds(1);
            let points = vec![PointReading {
                def: Arc::clone(def),
                value,
            }];
            self.tracker
                .heard(&"P7".into(), points, &"mqtt/x".into(), self.now, self.now, |status| {
                    serde_json::to_value(status).expect("encodes")
                })
        }
    }

    #[test]
    fn a_deadband_thins_out_and_a_change_of_quality_is_always_told() {
        let mut bench = Bench::new(None);
        let def = point("t", Some(0.5), None);
        assert!(bench.hear(&def, Ok(Value::Float(20.0))).is_some());
        assert!(bench.hear(&def, Ok(Value::Float(20.4))).is_none());
        assert!(
            bench.hear(&def, Ok(Value::Float(20.5))).is_none(),
            "within the band of what was told, not of the last"
        );
        assert!(bench.hear(&def, Ok(Value::Float(20.6))).is_some());
        let stale = bench.hear(&def, Err(Fault::Silent("timeout"))).expect("told");
        assert_eq!(stale["points"]["t"]["quality"], "stale");
        assert_eq!(stale["points"]["t"]["value"], 20.6);
        assert_eq!(stale["points"]["t"]["source_time"], "1970-01-01T00:00:04.000+00:00");
        assert!(bench.hear(&def, Err(Fault::Silent("timeout"))).is_none());
        let bad = bench.hear(&def, Err(Fault::Invalid("null".into()))).expect("told");
        assert_eq!(bad["points"]["t"]["value"], serde_json::Value::Null);
        assert_eq!(bad["points"]["t"]["reason"], "null");
    }

    #[test]
    fn without_a_deadband_every_reading_is_told() {
        let mut bench = Bench::new(None);
        let def = point("n", None, None);
        assert!(bench.hear(&def, Ok(Value::Int(1))).is_some());
        assert!(bench.hear(&def, Ok(Value::Int(1))).is_some());
    }

    #[test]
    fn a_point_that_was_never_read_is_bad_not_stale() {
        let mut bench = Bench::new(None);
        let told = bench
            .hear(&point("n", None, None), Err(Fault::Silent("connection refused")))
            .expect("told");
        assert_eq!(told["points"]["n"]["quality"], "bad");
        assert_eq!(told["points"]["n"]["value"], serde_json::Value::Null);
    }

    #[test]
    fn states_are_mapped_or_shown_raw_and_silence_is_offline() {
        let mut bench = Bench::new(Some(Duration::from_secs(10)));
        let def = point("state", Some(0.0), Some(Role::State));
        assert_eq!(
            bench.hear(&def, Ok(Value::Text("RUN".into()))).expect("told")["state"],
            "running"
        );
        assert_eq!(
            bench.hear(&def, Ok(Value::Text("ODD".into()))).expect("told")["state"],
            "ODD"
        );
        assert_eq!(bench.hear(&def, Ok(Value::Int(1))).expect("told")["state"], "running");
        let later = bench.now + TimeDelta::seconds(11);
        let told = bench
            .tracker
            .silent(later, |status| serde_json::to_value(status).expect("encodes"));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["state"], "offline");
        assert_eq!(told[0]["points"]["state"]["quality"], "stale");
        assert!(bench.tracker.silent(later, |_| ()).is_empty(), "told once");
        assert_eq!(bench.status.equipment()["P7"].state.as_deref(), Some("offline"));
        assert_eq!(bench.hear(&def, Ok(Value::Int(1))).expect("told")["state"], "running");
    }
}
