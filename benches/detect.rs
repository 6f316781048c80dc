//! Values per second through the anomaly detectors, on one core: `cargo bench --bench detect`.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::hint::black_box;
use std::time::Instant;

use chrono::{DateTime, TimeDelta};
use lineside::judge::anomaly::drift::{Drift, Settings};
use lineside::judge::anomaly::outlier::Outlier;

const ROWS: u32 = 1_000_000;

fn main() {
    let mut random = fastrand::Rng::with_seed(1);
    let start = DateTime::from_timestamp(1_396_310_400, 0).expect("a time");
    let values: Vec<f64> = (0..ROWS).map(|_| random.f64() + random.f64()).collect();

    let mut outlier = Outlier::new();
    let began = Instant::now();
    for (row, value) in (0..).zip(&values) {
        black_box(outlier.take(start + TimeDelta::seconds(row), *value));
    }
    say("outlier, values", ROWS, began);
    let bytes = serde_json::to_vec(&outlier).expect("it is encoded").len();
    println!("{:<24}{bytes:>12} bytes of state", "");

    let mut drift = Drift::new(8, Settings { learn: 400 });
    let began = Instant::now();
    for (row, values) in (0..).zip(values.chunks_exact(8)) {
        let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        black_box(drift.take(start + TimeDelta::seconds(row), &values));
    }
    say("drift of 8, rows", ROWS / 8, began);
    let bytes = serde_json::to_vec(&drift).expect("it is encoded").len();
    println!("{:<24}{bytes:>12} bytes of state", "");
}

fn say(what: &str, count: u32, began: Instant) {
    let per_s = f64::from(count) / began.elapsed().as_secs_f64();
    println!("{what:<24}{per_s:>12.0} per second");
}
