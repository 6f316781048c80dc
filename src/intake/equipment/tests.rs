//! The live picture of an equipment, reading by reading.

use super::*;
use chrono::TimeDelta;
use serde_json::{Value as Json, json};

use crate::record::{CounterDef, PointDef, PointReading, Role, Value};

fn point(name: &str, deadband: Option<f64>, role: Option<Role>) -> Arc<PointDef> {
    let map = vec![
        ("RUN".to_owned(), "running".to_owned()),
        ("1".to_owned(), "running".to_owned()),
    ];
    Arc::new(PointDef {
        name: name.into(),
        unit: Some("°C".into()),
        role,
        map: map.into(),
        deadband,
        counter: None,
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

    fn hear(&mut self, def: &Arc<PointDef>, value: Result<Value, Fault>) -> Option<Json> {
        self.now += TimeDelta::seconds(1);
        self.hear_of(None, def, value)
    }

    fn hear_of(&mut self, time: Option<Timestamp>, def: &Arc<PointDef>, value: Result<Value, Fault>) -> Option<Json> {
        let sample = sample(time, def, value);
        let told = |status: &EquipmentStatus| serde_json::to_value(status).expect("encodes");
        self.tracker.heard(sample, &"mqtt/x".into(), self.now, |_| (), told)
    }

    fn shown(&self, point: &str) -> Json {
        json!(self.status.equipment()["P7"])["points"][point].clone()
    }
}

fn sample(time: Option<Timestamp>, def: &Arc<PointDef>, value: Result<Value, Fault>) -> Sample {
    Sample {
        equipment: "P7".into(),
        time,
        is_past: false,
        points: vec![PointReading {
            def: Arc::clone(def),
            value,
        }],
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
fn text_where_a_number_belongs_is_bad_unless_it_spells_one() {
    let mut bench = Bench::new(None);
    let def = point("t", None, None);
    let told = bench.hear(&def, Ok(Value::Text(" 20.5".into()))).expect("told");
    assert_eq!(told["points"]["t"]["value"], 20.5);
    let told = bench.hear(&def, Ok(Value::Text("n/a".into()))).expect("told");
    assert_eq!(told["points"]["t"]["quality"], "bad");
    assert_eq!(told["points"]["t"]["reason"], "the text `n/a` where a number belongs");
    let named = Arc::new(PointDef {
        name: "program".into(),
        deadband: Some(0.0),
        ..PointDef::default()
    });
    let told = bench.hear(&named, Ok(Value::Text("O1234".into()))).expect("told");
    assert_eq!(told["points"]["program"]["value"], "O1234");
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

fn counter(deadband: Option<f64>) -> Arc<PointDef> {
    Arc::new(PointDef {
        counter: Some(Box::new(CounterDef {
            rolls_over_at: Some(65_536),
            max_per_second: 10.0,
            scaling: crate::scaling::Scaling::new(0.1, 0.0),
        })),
        ..PointDef::clone(&point("good", deadband, Some(Role::GoodCount)))
    })
}

#[test]
fn a_counter_is_told_as_its_total_with_what_the_machine_shows_beside_it() {
    let mut bench = Bench::new(None);
    let def = counter(Some(5.0));
    let told = bench.hear(&def, Ok(Value::Uint(65_533))).expect("told");
    assert_eq!(
        (&told["points"]["good"]["value"], &told["points"]["good"]["raw"]),
        (&6553.3.into(), &65_533.into())
    );
    assert!(bench.hear(&def, Ok(Value::Uint(3))).is_none(), "within the deadband");
    let told = bench.hear(&def, Ok(Value::Uint(0))).expect("a reset is always told");
    assert_eq!(told["points"]["good"]["value"], 6553.9);
    assert_eq!(told["points"]["good"]["quality"], "good");
    assert_eq!(told["points"]["good"]["reason"], "the counter was reset");
    assert_eq!(bench.shown("good")["raw"], 0);
    let told = bench.hear(&def, Ok(Value::Float(0.5))).expect("told");
    assert_eq!(told["points"]["good"]["quality"], "bad");
    assert_eq!(told["points"]["good"].get("raw"), None);
    bench.hear(&def, Ok(Value::Uint(65_536)));
    let reason = "65536, which the counter never holds: it rolls over at 65536";
    assert_eq!(bench.shown("good")["reason"], reason);
    let told = bench.hear(&def, Ok(Value::Uint(1))).expect("told");
    assert_eq!(told["points"]["good"]["value"], 6554.0, "it counted nothing");
}

#[test]
fn totals_go_on_where_they_were_kept() {
    let mut bench = Bench::new(None);
    let def = counter(None);
    let code: Arc<str> = "P7".into();
    bench.hear(&def, Ok(Value::Uint(65_533)));
    bench.hear(&def, Ok(Value::Uint(3)));
    let kept = bench.tracker.counted(&code).cloned().expect("something was counted");
    assert!(bench.tracker.counted(&code).is_none(), "as it is kept");
    bench.hear(&def, Ok(Value::Uint(3)));
    assert!(bench.tracker.counted(&code).is_none(), "nothing was counted");

    let mut next = Bench::new(None);
    next.now = bench.now;
    let kept = HashMap::from([("P7".to_owned(), kept), ("GONE".to_owned(), Counters::new())]);
    next.tracker.restore_counters(kept);
    let told = next.hear(&def, Ok(Value::Uint(4))).expect("told");
    assert_eq!(told["points"]["good"]["value"], 6554.0);
}

#[test]
fn what_comes_late_is_recorded_under_its_time_and_not_shown() {
    let mut bench = Bench::new(None);
    bench.now += TimeDelta::hours(1);
    let (now, def) = (bench.now, point("state", None, Some(Role::State)));
    let at = |minutes| Some(now - TimeDelta::minutes(minutes));
    bench.hear_of(at(1), &def, Ok(Value::Text("RUN".into()))).expect("told");
    let late = bench
        .hear_of(at(5), &def, Ok(Value::Text("STOP".into())))
        .expect("told");
    assert_eq!(
        (&late["state"], &late["points"]["state"]["quality"]),
        (&json!("STOP"), &json!("good"))
    );
    assert_eq!(late["source_time"], "1970-01-01T00:55:00.000+00:00");
    assert_eq!(bench.shown("state")["value"], "RUN");
    assert_eq!(bench.status.equipment()["P7"].state.as_deref(), Some("running"));
    let newer = bench
        .hear_of(at(0), &def, Ok(Value::Text("STOP".into())))
        .expect("told");
    assert_eq!(newer["state"], "STOP");
    assert_eq!(bench.shown("state")["value"], "STOP");
}

#[test]
fn a_clock_that_was_once_ahead_does_not_freeze_what_is_shown() {
    let mut bench = Bench::new(None);
    let def = point("n", None, None);
    bench.hear_of(Some(bench.now + TimeDelta::days(4000)), &def, Ok(Value::Int(1)));
    bench.now += TimeDelta::seconds(1);
    bench.hear_of(Some(bench.now), &def, Ok(Value::Int(2)));
    assert_eq!(bench.shown("n")["value"], 2);
}

#[test]
fn what_was_retained_is_last_known_and_never_over_what_is_newer() {
    let mut bench = Bench::new(None);
    let (source, def) = ("mqtt/x".into(), point("state", None, Some(Role::State)));
    let retained = |text: &str, time| sample(time, &def, Ok(Value::Text(text.to_owned())));
    bench.tracker.last_known(retained("RUN", None), &source, bench.now);
    let shown = bench.shown("state");
    assert_eq!((&shown["value"], &shown["quality"]), (&json!("RUN"), &json!("stale")));
    assert_eq!(
        (&shown["reason"], &shown["source_time"]),
        (&json!("retained"), &Json::Null)
    );
    let view = bench.status.equipment()["P7"].clone();
    assert_eq!((view.state.as_deref(), view.last_heard), (Some("running"), None));
    bench.hear(&def, Ok(Value::Text("STOP".into()))).expect("told");
    for time in [None, Some(bench.now - TimeDelta::seconds(5))] {
        bench.tracker.last_known(retained("RUN", time), &source, bench.now);
        assert_eq!(bench.shown("state")["value"], "STOP");
    }
}

#[test]
fn a_counter_that_was_retained_is_no_point_that_could_not_be_read() {
    let mut bench = Bench::new(None);
    let (source, def) = ("mqtt/x".into(), counter(None));
    bench
        .tracker
        .last_known(sample(None, &def, Ok(Value::Uint(9))), &source, bench.now);
    assert_eq!(bench.shown("good"), Json::Null);
    let told = |status: &EquipmentStatus| serde_json::to_value(status).expect("encodes");
    let gone = bench.tracker.gone(&"P7".into(), "connection lost", bench.now, told);
    assert_eq!(gone.expect("told")["points"], json!({}));
}

#[test]
fn a_clock_that_is_set_neither_silences_nor_freezes() {
    for hours in [2, -2] {
        let mut bench = Bench::new(Some(Duration::from_mins(1)));
        let def = point("force", None, None);
        bench.hear_of(Some(bench.now), &def, Ok(Value::Int(1)));
        bench.now += TimeDelta::hours(hours);
        bench.tracker.clock_was_set(TimeDelta::hours(hours), bench.now);
        bench.now += TimeDelta::seconds(60);
        let silent = |bench: &mut Bench| bench.tracker.silent(bench.now, |_| ()).len();
        assert_eq!(silent(&mut bench), 0);
        bench.now += TimeDelta::seconds(1);
        assert_eq!(silent(&mut bench), 1, "61 s after it was heard");
        bench.hear_of(Some(bench.now), &def, Ok(Value::Int(2)));
        assert_eq!(bench.shown("force")["value"], 2);
    }
}

#[test]
fn a_lost_connection_is_told_once_with_its_reason() {
    let mut bench = Bench::new(None);
    let def = point("n", None, None);
    bench.hear(&def, Ok(Value::Int(5)));
    let mut gone = || {
        let told = |status: &EquipmentStatus| serde_json::to_value(status).expect("encodes");
        bench.tracker.gone(&"P7".into(), "the node is gone", bench.now, told)
    };
    let told = gone().expect("told");
    assert_eq!(told["state"], "offline");
    assert_eq!(
        told["points"]["n"],
        json!({
            "value": 5, "quality": "stale", "unit": "°C", "reason": "the node is gone",
            "source_time": "1970-01-01T00:00:01.000+00:00"
        })
    );
    assert!(gone().is_none());
}

#[test]
fn a_state_is_only_known_while_its_point_is_good() {
    let mut bench = Bench::new(None);
    let (def, other) = (point("state", None, Some(Role::State)), point("n", None, None));
    for fault in [Fault::Silent("timeout"), Fault::Invalid("null".to_owned())] {
        let told = bench.hear(&def, Ok(Value::Text("RUN".into()))).expect("told");
        assert_eq!(told["state"], "running");
        let told = bench.hear(&def, Err(fault)).expect("told");
        assert_eq!(told.get("state").unwrap_or(&Json::Null), &Json::Null);
    }
    let mut bench = Bench::new(None);
    let retained = sample(None, &def, Ok(Value::Text("RUN".to_owned())));
    bench.tracker.last_known(retained, &"mqtt/x".into(), bench.now);
    let told = bench.hear(&other, Ok(Value::Int(1))).expect("told");
    assert_eq!(told.get("state").unwrap_or(&Json::Null), &Json::Null);
    let told = bench.hear(&def, Ok(Value::Text("RUN".into()))).expect("told");
    assert_eq!(told["state"], "running");
}

#[test]
fn what_was_never_heard_is_offline_and_told_again_when_the_disk_refused() {
    let mut bench = Bench::new(Some(Duration::from_secs(10)));
    let mut silent = |seconds| {
        bench.now += TimeDelta::seconds(seconds);
        let told = |status: &EquipmentStatus| serde_json::to_value(status).expect("encodes");
        let told = bench.tracker.silent(bench.now, told);
        if seconds == 1 {
            bench.tracker.tell_anew();
        }
        told.into_iter().map(|told| told["state"].clone()).collect::<Vec<_>>()
    };
    assert!(silent(0).is_empty());
    assert!(silent(10).is_empty());
    assert_eq!(silent(1), ["offline"]);
    assert_eq!(silent(5), ["offline"], "told anew");
    assert!(silent(5).is_empty());
}

#[test]
fn a_loss_of_who_was_never_heard_of_is_nothing() {
    let mut bench = Bench::new(None);
    let gone = bench.tracker.gone(&"P99".into(), "the node is gone", bench.now, |_| ());
    assert!(gone.is_none());
    assert!(!bench.status.equipment().contains_key("P99"));
}

#[test]
fn counters_that_the_disk_refused_are_kept_with_the_next_record() {
    let mut bench = Bench::new(None);
    bench.hear(&counter(None), Ok(Value::Uint(5)));
    let equipment = "P7".into();
    assert!(bench.tracker.counted(&equipment).is_some());
    assert!(bench.tracker.counted(&equipment).is_none(), "it was given out");
    bench.tracker.tell_anew();
    assert!(bench.tracker.counted(&equipment).is_some());
}
