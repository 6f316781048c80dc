//! Judges of machines over restarts: whatever happens, they find what they would have found.

use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::clock::Zone;
use crate::intake::equipment::Tracker;
use crate::judge::anomaly::range::{self, Span};
use crate::judge::anomaly::watch::{self, Check, How};
use crate::judge::spc::Chart;
use crate::judge::spc::monitor;
use crate::record::{PointDef, PointReading, Sample};

fn settings(dir: &TempDir) -> Settings {
    let mut force = monitor::Settings::new("force", Chart::IMr, 1);
    force.limits = monitor::Baseline::Given {
        center: 0.0,
        sigma: 1.0,
    };
    let suspect = Span { low: -2.5, high: 2.5 };
    let how = How::Range(range::Settings::Given { suspect, fail: None });
    let heat = watch::Settings {
        name: "heat".to_owned(),
        equipment: "P7".to_owned(),
        point: "force".to_owned(),
        gap_after_s: None,
        only_running: false,
        checks: vec![Check {
            delays: how.delays(),
            how,
        }],
    };
    Settings {
        judges: vec![
            Judge::Chart {
                equipment: "P7".to_owned(),
                point: "force".to_owned(),
                settings: Box::new(force),
            },
            Judge::Watch(Box::new(heat)),
        ],
        file: dir.path().join("judgement.state"),
    }
}

/// A gateway with its disk: what is told is committed, and a kill takes the memory away.
struct Bench {
    dir: TempDir,
    disk: States,
    judgement: Judgement,
    tracker: Tracker,
    def: Arc<PointDef>,
    seconds: i64,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let status = Status::default();
        let def = PointDef {
            name: "force".to_owned(),
            unit: None,
            role: None,
            map: Vec::new(),
            deadband: None,
            counter: None,
        };
        Self {
            judgement: Judgement::new(settings(&dir), status.clone()),
            tracker: Tracker::new(Zone::UTC, status, &HashMap::new()),
            def: Arc::new(def),
            disk: States::new(),
            seconds: 0,
            dir,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(self.seconds)
    }

    fn hear(&mut self, value: f64) -> Vec<Finding> {
        self.seconds += 1;
        let now = self.now();
        let reading = PointReading {
            def: Arc::clone(&self.def),
            value: Ok(Value::Float(value)),
        };
        let sample = Sample {
            equipment: "P7".into(),
            time: None,
            is_past: false,
            points: vec![reading],
        };
        let mut found = Vec::new();
        let judgement = &mut self.judgement;
        let observe = |seen: Observed| found = judgement.observe(seen, now);
        self.tracker.heard(sample, &"mqtt/x".into(), now, observe, |_| ());
        let mut commit = Commit::default();
        self.judgement.journal.commit(&mut commit.telemetry_states);
        self.disk.append(&mut commit.telemetry_states);
        self.disk.retain(|_, value| !value.is_empty());
        found
    }

    fn write_file(&self) {
        let states = self.judgement.seats.iter();
        let states = states.map(|(name, seat)| (name.clone(), seat.encode()));
        self.judgement.journal.checkpoint(states.collect())();
    }

    fn kill(&mut self) {
        self.judgement = Judgement::new(settings(&self.dir), Status::default());
        self.judgement.restore(&self.disk, self.now());
    }
}

#[derive(Debug, Clone)]
enum Event {
    Hear(f64),
    WriteFile,
    Kill,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        20 => (-4.0..4.0).prop_map(Event::Hear),
        1 => Just(Event::WriteFile),
        1 => Just(Event::Kill),
    ];
    prop::collection::vec(event, 1..200)
}

proptest! {
    #[test]
    fn a_kill_changes_nothing_that_is_found(events in events()) {
        let (mut killed, mut calm) = (Bench::new(), Bench::new());
        for event in events {
            match event {
                Event::Hear(value) => prop_assert_eq!(killed.hear(value), calm.hear(value)),
                Event::WriteFile => killed.write_file(),
                Event::Kill => killed.kill(),
            }
        }
    }
}

#[test]
fn a_value_far_out_is_found_by_the_chart_and_by_the_watch() {
    let mut bench = Bench::new();
    bench.hear(0.0);
    let mut keys: Vec<String> = (0..5).flat_map(|_| bench.hear(3.5)).map(|found| found.key).collect();
    keys.sort();
    keys.dedup();
    assert!(keys.contains(&"spc/force/N1".to_owned()), "{keys:?}");
    assert!(keys.iter().any(|key| key.starts_with("watch/heat")), "{keys:?}");
}
