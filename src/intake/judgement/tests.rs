//! Judges of machines over restarts: whatever happens, they find what they would have found.

use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::clock::Zone;
use crate::intake::equipment::Tracker;
use crate::judge::anomaly::episode::Delays;
use crate::judge::anomaly::heartbeat;
use crate::judge::anomaly::range::{self, Span};
use crate::judge::anomaly::watch::{self, Check, How};
use crate::judge::spc::Chart;
use crate::judge::spc::monitor;
use crate::record::{PointDef, PointReading, Sample};

fn watch(how: How, delays: Option<Delays>) -> Judge {
    Judge::Watch(Box::new(watch::Settings {
        name: "heat".to_owned(),
        equipment: "P7".to_owned(),
        point: "force".to_owned(),
        gap_after_s: None,
        only_running: false,
        checks: vec![Check {
            delays: delays.unwrap_or(how.delays()),
            how,
        }],
    }))
}

fn range(limit: f64) -> Judge {
    let suspect = Span {
        low: -limit,
        high: limit,
    };
    watch(How::Range(range::Settings::Given { suspect, fail: None }), None)
}

fn settings(dir: &TempDir) -> Settings {
    let mut force = monitor::Settings::new("force", Chart::IMr, 1);
    force.limits = monitor::Baseline::Given {
        center: 0.0,
        sigma: 1.0,
    };
    Settings {
        judges: vec![
            Judge::Chart {
                equipment: "P7".to_owned(),
                point: "force".to_owned(),
                settings: Box::new(force),
            },
            range(2.5),
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
            name: "force".into(),
            ..PointDef::default()
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
        self.commit();
        found
    }

    /// A second without a reading.
    fn wait(&mut self) -> Vec<Finding> {
        self.seconds += 1;
        let found = self.judgement.tick(self.now());
        self.commit();
        found
    }

    fn set_clock(&mut self, hours: i64) {
        self.seconds += hours * 3600;
        self.judgement.clock_was_set(TimeDelta::hours(hours), self.now());
        self.commit();
    }

    fn commit(&mut self) {
        let mut states = States::new();
        let kept = self.judgement.journal.commit(&mut states);
        // The others go to the disk together with those that follow.
        if let Some(kept) = kept.filter(|_| self.seconds % 3 == 0) {
            kept();
        }
        self.disk.append(&mut states);
        self.disk.retain(|_, value| !value.is_empty());
    }

    fn write_file(&mut self) {
        let states = self.judgement.seats.iter();
        let states = states.map(|(name, seat)| (name.clone(), seat.encode()));
        self.judgement.journal.checkpoint(states.collect())();
    }

    fn kill(&mut self) {
        self.restart(settings(&self.dir), |_| true);
    }

    fn restart(&mut self, settings: Settings, is_told: impl Fn(&str) -> bool) {
        self.judgement = Judgement::new(settings, Status::default());
        self.judgement.restore(&self.disk, self.now(), is_told);
    }

    fn open(&self) -> Vec<String> {
        self.judgement.open_keys().collect()
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

#[test]
fn what_several_judges_hear_is_noted_once() {
    let mut bench = Bench::new();
    bench.hear(0.25);
    let kept = Journal::new(bench.dir.path().join("none")).restore(&bench.disk);
    let told: Vec<Vec<&str>> = kept
        .told
        .iter()
        .map(|(ears, _)| ears.iter().map(|ear| ear.judge.as_str()).collect())
        .collect();
    assert_eq!(told, [["spc/force", "watch/heat"]]);
}

#[test]
fn a_clock_that_is_set_is_no_silence_also_when_it_is_told_again() {
    let heartbeat = |dir: &TempDir| Settings {
        judges: vec![watch(How::Heartbeat(heartbeat::Settings::DEFAULT), None)],
        file: dir.path().join("judgement.state"),
    };
    for (hours, is_killed) in [(2, false), (2, true), (-2, false), (-2, true)] {
        let mut bench = Bench::new();
        bench.restart(heartbeat(&bench.dir), |_| true);
        for _ in 0..10 {
            bench.hear(0.0);
        }
        bench.set_clock(hours);
        if is_killed {
            bench.restart(heartbeat(&bench.dir), |_| true);
        }
        for _ in 0..20 {
            assert_eq!((bench.hear(0.0), bench.wait()), (vec![], vec![]), "it goes on speaking");
        }
        for _ in 0..8 {
            assert_eq!(bench.wait(), [], "every two seconds, three times that, and 5 s");
        }
        let begun: Vec<Change> = (0..4).flat_map(|_| bench.wait()).map(|found| found.change).collect();
        assert_eq!(begun, [Change::Begins], "silent it is all the same");
    }
}

#[test]
fn a_clock_that_is_set_makes_nobody_deaf() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Set {
        WhileItRuns,
        BeforeAKill,
        WhileItIsOff,
    }
    for set in [Set::WhileItRuns, Set::BeforeAKill, Set::WhileItIsOff] {
        for hours in [2, -2] {
            let mut bench = Bench::new();
            for _ in 0..10 {
                bench.hear(0.0);
            }
            match set {
                Set::WhileItIsOff => bench.seconds += hours * 3600,
                Set::WhileItRuns | Set::BeforeAKill => bench.set_clock(hours),
            }
            if set != Set::WhileItRuns {
                bench.kill();
            }
            let keys: Vec<String> = (0..5).flat_map(|_| bench.hear(3.5)).map(|found| found.key).collect();
            for key in ["spc/force/N1", "watch/heat/range"] {
                assert!(keys.iter().any(|known| known == key), "{set:?} {hours}: {keys:?}");
            }
            let open = bench.open();
            bench.kill();
            assert_eq!(bench.open(), open, "{set:?} {hours}: they are told the same again");
        }
    }
}

#[test]
fn after_a_clean_stop_nothing_is_told_again() {
    let mut bench = Bench::new();
    bench.hear(0.25);
    bench.hear(3.5);
    let open = bench.open();
    let mut last = Commit::default();
    bench.judgement.stop(&mut last);
    last.afterwards.into_iter().for_each(|then| then());
    let file = bench.dir.path().join("judgement.state");
    assert_eq!(Journal::new(file).restore(&bench.disk).told, []);
    bench.kill();
    assert_eq!((bench.open(), open.is_empty()), (open, false));
}

#[test]
fn a_delay_that_ran_out_by_time_alone_is_neither_lost_nor_found_twice() {
    let every_second = heartbeat::Settings {
        every_s: Some(1.0),
        factor: 1.0,
        grace_s: 0.0,
    };
    let delays = Delays {
        on_s: 5.0,
        off_s: 0.0,
        dead_band: 0.0,
    };
    let heartbeat = |dir: &TempDir| Settings {
        judges: vec![watch(How::Heartbeat(every_second), Some(delays))],
        file: dir.path().join("judgement.state"),
    };
    let mut bench = Bench::new();
    bench.restart(heartbeat(&bench.dir), |_| true);
    bench.hear(0.0);
    bench.write_file();
    bench.wait();
    assert_eq!(bench.wait(), [], "too long, but not for long");
    bench.restart(heartbeat(&bench.dir), |_| true);
    let begun: Vec<Change> = (0..20).flat_map(|_| bench.wait()).map(|found| found.change).collect();
    assert_eq!(begun, [Change::Begins, Change::Worsens]);
    bench.restart(heartbeat(&bench.dir), |_| true);
    assert_eq!(bench.open(), ["watch/heat/heartbeat"]);
    assert_eq!(bench.wait(), []);
    let ends: Vec<Change> = bench.hear(0.0).iter().map(|found| found.change).collect();
    assert_eq!(ends, [Change::Ends]);
}

#[test]
fn other_settings_are_not_told_what_was_judged_by_the_ones_before() {
    let with = |dir: &TempDir, limit| Settings {
        judges: vec![range(limit)],
        file: dir.path().join("judgement.state"),
    };
    let mut bench = Bench::new();
    bench.restart(with(&bench.dir, 2.0), |_| true);
    bench.hear(0.0);
    bench.write_file();
    for _ in 0..5 {
        bench.hear(3.0);
    }
    assert_eq!(bench.open(), ["watch/heat/range"]);
    bench.restart(with(&bench.dir, 2.5), |_| true);
    assert_eq!(bench.open(), [""; 0], "it begins anew");
    let begun: Vec<Change> = (0..5).flat_map(|_| bench.hear(3.0)).map(|found| found.change).collect();
    assert_eq!(begun, [Change::Begins]);
}

#[test]
fn what_the_settings_before_had_not_found_is_told() {
    let with = |dir: &TempDir, limit| Settings {
        judges: vec![range(limit)],
        file: dir.path().join("judgement.state"),
    };
    let mut bench = Bench::new();
    bench.restart(with(&bench.dir, 9.0), |_| true);
    for _ in 0..5 {
        assert_eq!(bench.hear(3.0), []);
    }
    bench.restart(with(&bench.dir, 2.0), |_| false);
    let found: Vec<String> = bench.wait().into_iter().map(|found| found.key).collect();
    assert_eq!(found, ["watch/heat/range"]);
    bench.restart(with(&bench.dir, 2.0), |_| true);
    assert_eq!(bench.wait(), [], "it was told");
}

#[test]
fn a_short_run_holds_each_value_against_what_the_machine_makes() {
    let run = |dir: &TempDir| {
        let mut settings = monitor::Settings::new("force", Chart::ShortRunZ, 1);
        settings.limits = monitor::Baseline::Given {
            center: 0.0,
            sigma: 1.0,
        };
        let nominal = |center| monitor::Nominal {
            center,
            sigma: Some(1.0),
        };
        settings.products = BTreeMap::from([("A".to_owned(), nominal(10.0)), ("B".to_owned(), nominal(50.0))]);
        Settings {
            judges: vec![Judge::Chart {
                equipment: "P7".to_owned(),
                point: "force".to_owned(),
                settings: Box::new(settings),
            }],
            file: dir.path().join("judgement.state"),
        }
    };
    let mut bench = Bench::new();
    bench.restart(run(&bench.dir), |_| true);
    assert_eq!(bench.hear(99.0), [], "nobody knows what is made");
    bench.judgement.makes("P7", Some("A"));
    assert_eq!(bench.hear(10.5), []);
    bench.judgement.makes("P7", Some("B"));
    assert_eq!(bench.hear(50.5), []);
    let begun: Vec<String> = bench.hear(10.5).into_iter().map(|found| found.key).collect();
    assert_eq!(begun, ["spc/force/N1"]);
    bench.restart(run(&bench.dir), |_| true);
    assert_eq!(bench.open(), ["spc/force/N1"], "it is told again what was made then");
}
