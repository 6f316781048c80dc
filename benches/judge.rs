//! How many values judgement takes in a second on one core: `cargo bench --bench judge`.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::time::Instant;

use chrono::DateTime;
use lineside::judge::spc::monitor::Settings;
use lineside::judge::spc::{Chart, Monitor, Observation};

const VALUES: usize = 2_000_000;

fn main() {
    let mut random = fastrand::Rng::with_seed(1);
    let values: Vec<f64> = (0..VALUES).map(|_| (0..12).map(|_| random.f64()).sum()).collect();
    for (chart, subgroup, rules) in [
        (Chart::IMr, 1, "nelson"),
        (Chart::XbarR, 5, "nelson"),
        (Chart::Ewma, 1, "none"),
        (Chart::Cusum, 1, "none"),
    ] {
        let mut settings = Settings::new("bench", chart, subgroup);
        settings.design.rules = rules.parse().expect("rules");
        let mut monitor = Monitor::new(&settings);
        let started = Instant::now();
        let mut findings = 0;
        for (at_ms, value) in (0..).zip(&values) {
            let at = DateTime::from_timestamp_millis(at_ms).expect("an instant");
            findings += monitor.take(&settings, at, Observation::Value(*value)).len();
        }
        let per_s = VALUES as f64 / started.elapsed().as_secs_f64();
        println!(
            "{:<8} {rules:<8} {:>6.1} M values/s, {findings} findings",
            chart.name(),
            per_s / 1e6
        );
    }
}
