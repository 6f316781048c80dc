//! Figures, not judgements: `cargo test --release --test integration measure -- --ignored --nocapture`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use super::{Bench, record, settings};
use lineside::buffer::inspect::Inspection;
use lineside::record::{Kind, Lane};

const WAITING: u64 = 1_000_000;

fn cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn rss_mb() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = |key: &str| {
        status
            .lines()
            .find(|l| l.starts_with(key))
            .unwrap_or_default()
            .to_owned()
    };
    format!("{} {}", line("VmRSS"), line("VmHWM"))
}

fn dir() -> tempfile::TempDir {
    match std::env::var_os("LINESIDE_MEASURE_DIR") {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    }
}

fn fill(bench: &Bench, commits: u64, per_commit: u64) {
    let (mut offered, mut answered) = (0, 0);
    while answered < commits {
        while offered < commits && offered - answered < 64 {
            offered += 1;
            let records = (0..per_commit).map(|n| record(Kind::EquipmentStatus, offered * per_commit + n, 450));
            bench.submit(bench.commit(offered, records.collect()));
        }
        assert!(bench.answer().1);
        answered += 1;
    }
}

#[test]
#[ignore = "measures"]
fn rates() {
    for per_commit in [1, 8, 64, 256] {
        let scratch = dir();
        let bench = Bench::open(&settings(scratch.path(), 4 << 30, &["central"]));
        let commits = (200_000 / per_commit).min(20_000);
        let (start, cpu) = (Instant::now(), cpu_s());
        fill(&bench, commits, per_commit);
        let (took, cpu) = (start.elapsed().as_secs_f64(), cpu_s() - cpu);
        #[expect(clippy::cast_precision_loss)]
        let records = (commits * per_commit) as f64;
        println!(
            "commits of {per_commit}: {:.0} records/s, {:.2} us CPU a record, {} groups, {}",
            records / took,
            cpu * 1e6 / records,
            bench.status.buffer().commits,
            rss_mb()
        );
        bench.finish();
    }
}

#[test]
#[ignore = "measures; run it alone"]
fn backlog() {
    let scratch = dir();
    let settings = settings(scratch.path(), 4 << 30, &["central"]);
    println!("before: {}", rss_mb());
    let bench = Bench::open(&settings);
    let start = Instant::now();
    fill(&bench, WAITING / 250, 250);
    println!("filled in {:.2} s: {}", start.elapsed().as_secs_f64(), rss_mb());
    let start = Instant::now();
    bench.finish();
    println!("closed in {:.3} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let bench = Bench::open(&settings);
    println!("opened in {:.3} s: {}", start.elapsed().as_secs_f64(), rss_mb());
    let start = Instant::now();
    let all = read_all(&bench);
    println!(
        "read {all} in batches of 500 in {:.3} s: {}",
        start.elapsed().as_secs_f64(),
        rss_mb()
    );
    bench.finish();
    let size: u64 = Inspection::open(scratch.path())
        .unwrap()
        .segments(Lane::Telemetry)
        .unwrap()
        .iter()
        .map(|s| s.1)
        .sum();
    println!("on disk {} MB", size >> 20);
}

fn read_all(bench: &Bench) -> usize {
    let (mut at, tail, mut all) = (1, bench.tail(Lane::Telemetry), 0);
    while at < tail {
        let batch = bench
            .buffer
            .read(Lane::Telemetry, at, tail, super::LIMIT, |_| true)
            .unwrap();
        (at, all) = (batch.next, all + batch.entries.len());
    }
    all
}

#[test]
#[ignore = "measures; opens what `LINESIDE_MEASURE_OPEN` holds"]
fn opening() {
    let Some(dir) = std::env::var_os("LINESIDE_MEASURE_OPEN") else {
        return;
    };
    let start = Instant::now();
    let bench = Bench::open(&settings(Path::new(&dir), 4 << 30, &["central"]));
    println!("opened in {:.3} s: {}", start.elapsed().as_secs_f64(), rss_mb());
    if bench.tail(Lane::Telemetry) < WAITING {
        fill(&bench, WAITING / 250, 250);
    }
    bench.finish();
}

#[test]
#[ignore = "measures"]
fn urgent_beside_telemetry() {
    let scratch = dir();
    let mut file = fs::File::create(scratch.path().join("bare")).unwrap();
    let bare = percentiles((0..2000).map(|_| {
        let start = Instant::now();
        file.write_all(&[7; 512]).unwrap();
        file.sync_data().unwrap();
        start.elapsed().as_secs_f64() * 1e3
    }));
    println!("bare append and fdatasync, ms: {bare:?}");
    let bench = Bench::open(&settings(&scratch.path().join("buffer"), 4 << 30, &["central"]));
    let begin = Instant::now();
    let (mut telemetry, mut urgent) = (0_u64, Vec::new());
    while urgent.len() < 2000 {
        // 1,000 telemetry records a second in commits of 8, and a scan as soon as the last one was answered.
        while u128::from(telemetry) * 8 < begin.elapsed().as_millis() {
            telemetry += 1;
            let records = (0..8).map(|n| record(Kind::EquipmentStatus, n, 450)).collect();
            bench.submit(bench.commit(u64::MAX, records));
        }
        let start = Instant::now();
        let mut commit = bench.commit(1, vec![record(Kind::WorkReport, 1, 600)]);
        commit.states.insert("station/ST-01".to_owned(), vec![7; 400].into());
        bench.submit(commit);
        while bench.answer().0 != 1 {}
        urgent.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let urgent = percentiles(urgent.into_iter());
    println!("urgent beside {telemetry} x 8 telemetry, ms: {urgent:?}");
    println!(
        "in bare syncs: p50 {:.1}, p99 {:.1}",
        urgent[0] / bare[0],
        urgent[1] / bare[1]
    );
    bench.finish();
}

/// p50, p99, worst.
fn percentiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [
        values[values.len() / 2],
        values[values.len() * 99 / 100],
        values[values.len() - 1],
    ]
}
