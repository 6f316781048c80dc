//! The checks on points against reference vectors: flags of QARTOD tests by `ioos_qc`, counters by Prometheus. The vectors
//! are not part of this project; without them these tests say that they were skipped.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use lineside::judge::anomaly::counter_reset::Steps;
use lineside::judge::anomaly::heartbeat::{self, Heartbeat};
use lineside::judge::anomaly::learning::Limit;
use lineside::judge::anomaly::range::{self, Range, Span};
use lineside::judge::anomaly::rate::Rate;
use lineside::judge::anomaly::spike::Spike;
use lineside::judge::anomaly::stuck::{self, Stuck};
use lineside::judge::anomaly::{Flag, Moment, Sign};
use lineside::record::{CounterDef, Timestamp};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
    counter: Vec<Counted>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    test: Test,
    #[serde(default)]
    x: Vec<Option<f64>>,
    #[serde(default = "one")]
    dt_s: i32,
    flags: Vec<u8>,
}

fn one() -> i32 {
    1
}

#[derive(Deserialize)]
#[serde(tag = "test", rename_all = "snake_case")]
enum Test {
    FlatLine {
        suspect_s: f64,
        fail_s: f64,
        tolerance: f64,
    },
    RateOfChange {
        threshold_per_s: f64,
        fail_threshold: Option<f64>,
    },
    GrossRange {
        suspect: Option<(f64, f64)>,
        fail: (f64, f64),
    },
    Spike {
        suspect: f64,
        fail: Option<f64>,
    },
    TimeGap {
        fail_h: f64,
        t_unix_s: Vec<i64>,
    },
}

#[derive(Deserialize)]
struct Counted {
    kind: String,
    step_s: i64,
    values: Vec<f64>,
    window_last_n: Option<usize>,
    expected: Option<u64>,
    expected_increase: Option<u64>,
}

/// What `ioos_qc` calls what is not told.
const UNKNOWN: u8 = 2;
const MISSING: u8 = 9;

fn number(sign: &Sign) -> u8 {
    match sign.flag {
        Flag::Good => 1,
        Flag::Suspect => 3,
        Flag::Fail => 4,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
}

/// The flags of a series; of a check that says nothing of a value there is none.
fn flags(case: &Case, mut judge: impl FnMut(Timestamp, Option<f64>) -> Option<Sign>) -> Vec<u8> {
    let each = case.x.iter().zip(0..).map(|(value, nth)| {
        let at = at(nth * i64::from(case.dt_s));
        let sign = judge(at, *value);
        if value.is_none() {
            MISSING
        } else {
            sign.as_ref().map_or(1, number)
        }
    });
    each.collect()
}

fn flat_line(case: &Case, suspect_s: f64, fail_s: f64, tolerance: f64) -> Vec<u8> {
    let settings = stuck::Settings {
        after: Limit::Given {
            suspect: suspect_s,
            fail: Some(fail_s),
        },
        band: tolerance,
    };
    let mut stuck = Stuck::default();
    flags(case, |at, value| stuck.take(&settings, &Moment::of(at), value?))
}

fn rate_of_change(case: &Case, suspect: f64, fail: Option<f64>) -> Vec<u8> {
    let limit = Limit::Given { suspect, fail };
    let mut rate = Rate::default();
    flags(case, |at, value| {
        let Some(value) = value else {
            rate.interrupt();
            return None;
        };
        rate.take(&limit, at, value, Some(f64::from(case.dt_s)))
    })
}

fn gross_range(case: &Case, suspect: Option<(f64, f64)>, fail: (f64, f64)) -> Vec<u8> {
    let span = |(low, high): (f64, f64)| Span {
        low: low.min(high),
        high: low.max(high),
    };
    let settings = range::Settings::Given {
        suspect: span(suspect.unwrap_or(fail)),
        fail: Some(span(fail)),
    };
    let mut range = Range::default();
    flags(case, |at, value| range.take(&settings, at, value?))
}

/// A spike is told one observation later, with its own time.
fn spike(case: &Case, suspect: f64, fail: Option<f64>) -> Vec<u8> {
    let limit = Limit::Given { suspect, fail };
    let mut spike = Spike::default();
    let mut told: Vec<u8> = case
        .x
        .iter()
        .map(|x| if x.is_some() { UNKNOWN } else { MISSING })
        .collect();
    let step_s = i64::from(case.dt_s);
    for (value, nth) in case.x.iter().zip(0..) {
        match value {
            Some(value) => {
                if let Some(sign) = spike.take(&limit, at(nth * step_s), *value) {
                    let of = usize::try_from(sign.at.timestamp() / step_s).unwrap();
                    told[of] = number(&sign);
                }
            }
            None => spike.interrupt(),
        }
    }
    told
}

fn time_gap(fail_h: f64, times: &[i64]) -> Vec<u8> {
    let settings = heartbeat::Settings {
        every_s: Some(fail_h * 3600.0),
        factor: 1.0,
        grace_s: 0.0,
    };
    let mut heartbeat = Heartbeat::default();
    let each = times.iter().map(|second| {
        let missed = heartbeat.missed(&settings, at(*second)).is_some();
        heartbeat.heard(&settings, at(*second));
        if missed { 4 } else { 1 }
    });
    each.collect()
}

const PLAIN: CounterDef = CounterDef {
    rolls_over_at: None,
    max_per_second: f64::INFINITY,
    scaling: None,
};

/// Resets and pieces of a counter.
fn counted(values: &[f64], step_s: i64) -> (u64, u64) {
    let (mut steps, mut resets) = (Steps::default(), Steps::default());
    let (mut found, mut pieces) = (0, 0);
    for (value, nth) in values.iter().zip(0..) {
        let at = at(nth * step_s);
        found += u64::from(resets.reset(&PLAIN, at, *value).is_some());
        pieces += steps.take(&PLAIN, at, *value).map_or(0, |step| step.pieces);
    }
    (found, pieces)
}

fn reference() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("LINESIDE_REFERENCE_DATA").map_or(beside, PathBuf::from);
    let file = folder.join("spc/signal_quality.json");
    if !file.exists() {
        eprintln!(
            "skipped: there is no {}; LINESIDE_REFERENCE_DATA names another folder",
            file.display()
        );
        return None;
    }
    Some(file)
}

#[test]
fn flags_and_counts_are_those_of_the_references() {
    let Some(file) = reference() else { return };
    let vectors: Vectors = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    for (nth, case) in vectors.cases.iter().enumerate() {
        let told = match &case.test {
            Test::FlatLine {
                suspect_s,
                fail_s,
                tolerance,
            } => flat_line(case, *suspect_s, *fail_s, *tolerance),
            Test::RateOfChange {
                threshold_per_s,
                fail_threshold,
            } => rate_of_change(case, *threshold_per_s, *fail_threshold),
            Test::GrossRange { suspect, fail } => gross_range(case, *suspect, *fail),
            Test::Spike { suspect, fail } => spike(case, *suspect, *fail),
            Test::TimeGap { fail_h, t_unix_s } => time_gap(*fail_h, t_unix_s),
        };
        assert_eq!(told, case.flags, "case {nth}");
    }
    assert!(vectors.cases.len() >= 20);
    for (nth, case) in vectors.counter.iter().enumerate() {
        // A window holds its first reading and the steps behind it.
        let from = case.window_last_n.map_or(0, |n| case.values.len() - n);
        let (resets, pieces) = counted(&case.values[from..], case.step_s);
        let told = if case.kind == "resets" { resets } else { pieces };
        assert_eq!(Some(told), case.expected.or(case.expected_increase), "counter {nth}");
    }
}
