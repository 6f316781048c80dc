//! Readings become records here: decoded, recognised as repeats, judged, encoded once. One task; what it decides is pure
//! and synchronous, what it hands to the buffer is one commit with the receipts of those who wait.
//!
//! State runs ahead of the disk. When the disk refuses a commit, everything judged after it is refused too (see
//! `Commit::generation`), and the state is taken back to what is on disk before the next reading is judged.

pub mod alerts;
pub mod barcode;
pub mod charset;
pub mod decode;
mod desk;
pub mod equipment;
pub mod floor;
pub mod gs1;
mod inspections;
pub mod judgement;
pub mod names;
mod passing;
pub mod repeats;
mod run;
pub mod station;
mod submitted;
pub mod tallies;
mod telemetry;
pub mod validate;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{NaiveTime, TimeDelta};
use tokio::sync::watch;

use crate::buffer::{Commit, States};
use crate::clock::Zone;
use crate::judge::{Finding, inspection};
use crate::record::{
    Feedback, Frame, Payload, PointDef, PointReading, Receipt, Record, Role, Sample, Timestamp, Value,
};
use crate::reference::Reference;
use crate::status::{AlertView, SourceStatus, StationView, Status};
use alerts::Alerts;
use decode::TopicRule;
use desk::{Desk, Outcome};
use equipment::{EquipmentSettings, Tracker};
use judgement::Judgement;
use names::Names;
use repeats::Repeats;
use station::{Bench, MachineWord, Signal};
use telemetry::{Routes, encode_status};

pub use crate::record::Reading;

#[derive(Debug, Clone)]
pub struct Settings {
    pub gateway_id: String,
    pub zone: Zone,
    /// Starts of the shifts; the production day begins with the first.
    pub shift_starts: Vec<NaiveTime>,
    /// Topic rules by source name (`mqtt/plant`).
    pub topics: HashMap<String, Vec<TopicRule>>,
    pub equipment: HashMap<String, EquipmentSettings>,
    pub stations: HashMap<String, Bench>,
    pub alerts: alerts::Settings,
    pub judgement: judgement::Settings,
    pub floor: floor::Settings,
}

/// What became of a reading.
#[derive(Debug)]
pub enum Verdict {
    /// To be kept: records, and states that follow from them.
    Accepted(Box<Accepted>),
    /// Known already, or nothing new in it; acknowledged once what came before it is on disk.
    Nothing,
    /// Not understood, or not allowed; acknowledged, for repeating it would not help.
    Rejected(String),
}

#[derive(Debug, Default)]
pub struct Accepted {
    pub records: Vec<Record>,
    pub states: States,
    /// What follows from telemetry.
    pub telemetry_states: States,
    /// What judges noticed, to be told.
    pub findings: Vec<Finding>,
    pub feedback: Option<Feedback>,
    pub station: Option<(String, StationView)>,
    /// How alerts stand after this, where that has changed.
    pub alerts: Option<Vec<AlertView>>,
    /// A person or a program stands and waits for the answer.
    pub someone_waits: bool,
}

/// The judge of readings.
#[derive(Debug)]
pub struct Intake {
    settings: Settings,
    status: Status,
    tracker: Tracker,
    desk: Desk,
    alerts: Alerts,
    judgement: Judgement,
    inspections: inspection::Memory,
    register: inspection::Register,
    /// What was said of points, by chart.
    annotations: HashMap<String, Vec<crate::record::Annotation>>,
    handed_in: submitted::Known,
    repeats: Repeats,
    routes: HashMap<Arc<str>, Routes>,
    names: Names,
    sources: HashMap<Arc<str>, Arc<SourceStatus>>,
}

/// What a station answers to the second read of a double one.
const DUPLICATE_SCAN: &str = "DUPLICATE_SCAN";
/// Name of the states that hold the counters of an equipment.
const COUNTERS: &str = "counters/";

impl Intake {
    pub fn new(
        settings: Settings,
        status: Status,
        reference: watch::Receiver<Arc<Reference>>,
        states: &States,
    ) -> Self {
        let tracker = Tracker::new(settings.zone, status.clone(), &settings.equipment);
        let desk = Desk::new(&settings, status.clone(), reference);
        let alerts = Alerts::new(
            &settings.gateway_id,
            settings.alerts.clone(),
            settings.zone,
            status.clone(),
        );
        let judgement = Judgement::new(settings.judgement.clone(), status.clone());
        let mut intake = Self {
            settings,
            status,
            tracker,
            desk,
            alerts,
            judgement,
            inspections: inspection::Memory::default(),
            register: inspection::Register::default(),
            annotations: HashMap::new(),
            handed_in: submitted::Known::default(),
            repeats: Repeats::default(),
            routes: HashMap::new(),
            names: Names::default(),
            sources: HashMap::new(),
        };
        intake.restore(states);
        intake
    }

    /// Whether senders give ids, so that repeats have to be looked for.
    fn looks_for_repeats(&self) -> bool {
        self.settings.topics.values().flatten().any(|rule| rule.id.is_some())
    }

    /// Takes the state back to what is on disk.
    fn restore(&mut self, states: &States) {
        let counters = states.iter().filter_map(|(name, value)| {
            let equipment = name.strip_prefix(COUNTERS)?.to_owned();
            Some((equipment, serde_json::from_slice(value).ok()?))
        });
        self.tracker.restore_counters(counters.collect());
        let now = chrono::Utc::now();
        self.desk.restore(states, now);
        self.alerts.restore(states, now);
        let alerts = &self.alerts;
        self.judgement.restore(states, now, |key| alerts.is_live(key));
        self.hear_what_is_made();
        self.handed_in = submitted::Known::restored(states);
        let inspections = states.get(submitted::INSPECTIONS);
        self.inspections =
            inspections.map_or_else(inspection::Memory::default, |kept| inspection::Memory::restored(kept));
        self.restore_register(states);
        self.restore_annotations(states);
    }

    /// Judges one reading. Synchronous and without a clock of its own.
    pub fn judge(&mut self, reading: Reading) -> (Verdict, Receipt) {
        let Reading {
            source,
            at,
            payload,
            receipt,
        } = reading;
        let source_status = Arc::clone(
            self.sources
                .entry(Arc::clone(&source))
                .or_insert_with(|| self.status.source(&source)),
        );
        source_status.count_reading();
        let verdict = match payload {
            Payload::Message { topic, body, delivery } => {
                let verdict = self.message(&source, &source_status, &topic, &body, at, delivery);
                if let Verdict::Rejected(reason) = &verdict {
                    source_status.reject(at, &String::from_utf8_lossy(&topic), reason, &body);
                }
                verdict
            }
            Payload::Poll { equipment, points } => {
                let sample = Sample {
                    equipment,
                    time: None,
                    is_past: false,
                    points,
                };
                self.poll(&source, sample, at)
            }
            Payload::Submission { what, slip } => self.submission(what, &slip, at),
            Payload::Told(all) => self.node(&source, &source_status, all, at),
            Payload::Scan { station, frame } => {
                let verdict = self.scan(&source, &station, &frame, at);
                match &verdict {
                    Verdict::Rejected(reason) => source_status.reject(at, &station, reason, &[]),
                    Verdict::Accepted(accepted) => {
                        if let Some((code, bytes)) = not_understood(&frame, accepted.feedback.as_ref()) {
                            source_status.reject(at, &station, code, bytes);
                        }
                    }
                    Verdict::Nothing => {}
                }
                verdict
            }
        };
        (verdict, receipt)
    }

    fn scan(&mut self, source: &Arc<str>, station: &str, frame: &Frame, at: Timestamp) -> Verdict {
        match self.desk.scan(station, frame, at) {
            Some(outcome) => self.scanned(source, outcome, at),
            None => Verdict::Rejected(format!("{station} is no station of this gateway")),
        }
    }

    fn scanned(&mut self, source: &Arc<str>, outcome: Outcome, at: Timestamp) -> Verdict {
        let Outcome { mut accepted, signal } = outcome;
        if accepted
            .feedback
            .as_ref()
            .is_some_and(|told| told.code == DUPLICATE_SCAN)
        {
            self.status.source(source).count_duplicate();
        }
        match signal {
            Some(Signal::Call(finding)) => self.alerts.take([finding], at, &mut accepted),
            Some(Signal::Machine(word)) => self.machine_word(source, word, at, &mut accepted),
            Some(Signal::Inspection(inspection)) => self.inspection_scanned(source, *inspection, at, &mut accepted),
            None => {}
        }
        self.tell_found(at, &mut accepted);
        self.hear_what_is_made();
        Verdict::Accepted(Box::new(accepted))
    }

    /// What is usual at a machine depends on what is made there, which the stations beside it know.
    fn hear_what_is_made(&mut self) {
        for (equipment, product) in self.desk.products() {
            self.judgement.makes(&equipment, product.as_deref());
        }
    }

    /// What judges noticed becomes alerts in the commit of what they noticed it in.
    fn tell_found(&mut self, at: Timestamp, accepted: &mut Accepted) {
        let findings = std::mem::take(&mut accepted.findings);
        self.alerts.take(findings, at, accepted);
    }

    /// What a person says of a machine is a reading of it like any other.
    fn machine_word(&mut self, source: &Arc<str>, word: MachineWord, at: Timestamp, accepted: &mut Accepted) {
        let point = |name: &str, role, value: String| PointReading {
            def: Arc::new(PointDef {
                name: name.into(),
                role,
                ..PointDef::default()
            }),
            value: Ok(Value::Text(value)),
        };
        let state = if word.is_down { "down" } else { "running" };
        let detail = Some(word.detail.as_str());
        self.alerts.machine(&word.equipment, (state, at), detail, at, accepted);
        let points = vec![
            point("state", Some(Role::State), state.to_owned()),
            point("reason", None, word.reason.unwrap_or_default()),
        ];
        let sample = Sample {
            equipment: word.equipment.into(),
            time: None,
            is_past: false,
            points,
        };
        self.record(source, sample, at, None, accepted);
    }

    /// Lets time pass for everyone.
    pub fn tick(&mut self, now: Timestamp, urgent: &mut Commit, patient: &mut Commit) {
        for mut accepted in self.desk.tick(now) {
            self.tell_found(now, &mut accepted);
            self.place(accepted, urgent, patient);
        }
        let mut accepted = Accepted::default();
        let floor = &mut self.desk.floor;
        floor.tick_machines(&self.tracker, now, &mut accepted.telemetry_states);
        let zone = self.settings.zone;
        let silent = self.tracker.silent(now, |status| {
            let records = encode_status(status, None, now, zone, "gateway");
            (Arc::from(status.equipment), records)
        });
        for (equipment, records) in silent {
            accepted.records.extend(records);
            self.judge_state(&equipment, now, &mut accepted);
        }
        self.hear_what_is_made();
        let found = self.judgement.tick(now);
        self.alerts.take(found, now, &mut accepted);
        self.hear_what_lasts(now, &mut accepted);
        self.alerts.tick(now, &mut accepted);
        self.place(accepted, urgent, patient);
    }

    /// The clock was set: whoever waits for something goes on waiting for as long as before.
    fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp, urgent: &mut Commit) {
        tracing::warn!(seconds = by.as_seconds_f64(), "the clock was set");
        self.routes.values_mut().for_each(|routes| routes.clock_was_set(now));
        self.tracker.clock_was_set(by, now);
        self.desk.clock_was_set(by, now, &mut urgent.states);
        self.alerts.clock_was_set(by);
        self.judgement.clock_was_set(by, now);
    }

    /// What lasts is not news, and yet it must not look as if nobody spoke of it any more.
    fn hear_what_lasts(&mut self, now: Timestamp, accepted: &mut Accepted) {
        let lasting = self.judgement.open_keys().chain(self.desk.floor.open_keys()).collect();
        self.alerts.hold_against(&lasting, now, accepted);
        for equipment in self.alerts.failed() {
            self.judge_state(&equipment, now, accepted);
        }
    }
}

/// What was wrong with a code that says nothing to us, and its bytes, for who looks after the scanner.
fn not_understood<'a>(frame: &'a Frame, feedback: Option<&'a Feedback>) -> Option<(&'a str, &'a [u8])> {
    let code = &*feedback?.code;
    match frame {
        Frame::Partial(_, bytes) | Frame::TooLong(bytes) => Some((code, bytes)),
        Frame::Whole(bytes) => barcode::is_unreadable(code).then_some((code, bytes)),
        Frame::NoRead => None,
    }
}

fn to_state(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("states have text keys and no failing parts")
        .into()
}

#[cfg(test)]
mod tests;
