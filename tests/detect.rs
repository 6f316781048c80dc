//! `lineside detect` as a program, and what its detectors reach on public benchmarks where those lie beside the project.
//! What such figures do not mean is said in `src/judge/anomaly/outlier/mod.rs`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use serde_json::Value;

fn detect(file: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
    command.arg("detect").arg(file).args(arguments).output().unwrap()
}

fn scored(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("series.csv");
    fs::write(&file, text).unwrap();
    let output = detect(&file, arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A sawtooth every five minutes, with a spike near its end.
fn series(rows: usize) -> String {
    let mut text = String::from("Time,VALUE\n");
    for row in 0..rows {
        let value = if row == 950 { 500 } else { 20 + row % 7 };
        writeln!(text, "{},{value}.5", 1_396_310_400 + row * 300).unwrap();
    }
    text
}

#[test]
fn a_table_in_chinese_and_a_named_time_are_read() {
    let text = "时间,值,stamp\n2026-11-21 08:00:00,1,1396310400\n2026-11-21 08:01:00,2,1396310700\n";
    for (arguments, first) in [
        (&["--value", "值"][..], "2026-11-21 08:00:00,1,0"),
        (&["--value", "值", "--time", "stamp"], "1396310400,1,0"),
    ] {
        let (code, scores, said) = scored(text, arguments);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(scores.lines().nth(1), Some(first), "{scores}");
        assert!(said.contains("all rows were learnt from, none was judged"), "{said}");
    }
    let (code, _, said) = scored(text, &["--value", "值", "--time", "Zeit"]);
    assert!(code == Some(2) && said.contains("there is no column `Zeit`"), "{said}");
}

#[test]
fn numbers_are_finite_and_have_a_decimal_point() {
    for (text, right) in [
        (
            "time;value\n1;1,5\n",
            "`1,5` is no number; write numbers with a decimal point",
        ),
        ("time,value\n1,inf\n", "`inf` is no number; write a number"),
        ("time,value\n1,-Infinity\n", "`-Infinity` is no number; write a number"),
    ] {
        let (code, _, said) = scored(text, &[]);
        assert!(code == Some(2) && said.contains(right), "{text}: {said}");
    }
}

#[test]
fn every_row_has_its_score_and_none_looks_ahead() {
    let (code, whole, said) = scored(&series(1000), &[]);
    let anomalies = "1 of 1000 scores reach 0.4, from where on a gateway tells of an anomaly\n";
    assert_eq!((code, said.as_str()), (Some(0), anomalies));
    assert_eq!(whole.lines().count(), 1001);
    assert!(
        whole.starts_with("timestamp,value,anomaly_score\n1396310400,20.5,0\n"),
        "{whole}"
    );
    let score = |row: usize| -> f64 {
        whole
            .lines()
            .nth(row + 1)
            .unwrap()
            .rsplit(',')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(score(950) > 0.5 && (200..950).all(|row| score(row) < 0.3));

    let (_, prefix, _) = scored(&series(960), &[]);
    assert!(whole.starts_with(&prefix));
    let (_, unsure, _) = scored(&series(1000), &["--learn", "960"]);
    assert!(
        unsure.lines().nth(951).unwrap().ends_with(",0"),
        "it learns until row 960"
    );
}

#[test]
fn what_is_missing_or_late_is_said_and_scores_nothing() {
    let text = "timestamp,value\n2026-11-21 08:00:00,1\n2026-11-21 08:01:00,\n2026-11-21 08:02:00,NaN\n2026-11-21 08:00:30,3\n";
    let (code, scores, said) = scored(text, &[]);
    assert_eq!(code, Some(0));
    assert_eq!(scores.lines().nth(2), Some("2026-11-21 08:01:00,,0"));
    assert!(
        said.contains("2 values are missing") && said.contains("(line 3, 4)"),
        "{said}"
    );
    // What is missing is not taken, so the last row is later than the first.
    assert!(!said.contains("not later"), "{said}");
}

#[test]
fn a_wrong_table_is_refused_with_its_place() {
    for (text, place) in [
        (
            "timestamp,value\n2026-11-21 08:00:00,1\n2026-11-21 08:01:00,abc\n",
            "line 3, column 2: `abc` is no number",
        ),
        ("timestamp,value\nsoon,1\n", "line 2, column 1: `soon` is no time"),
        (
            "timestamp,value\n2026-11-21 08:00:00\n",
            "line 2, column 1: 1 fields, the header has 2",
        ),
        (
            "when,value\n",
            "line 1, column 1: there is no column `timestamp` or `datetime` or `time`",
        ),
        ("", "line 1, column 1: the file is empty"),
    ] {
        let (code, _, said) = scored(text, &[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(place), "{said}");
    }
    assert_eq!(detect(Path::new("/nowhere/at/all.csv"), &[]).status.code(), Some(2));
}

#[test]
fn channels_are_judged_together() {
    let mut text = String::from("datetime;flow rate;pressure\n");
    for row in 0..900_u32 {
        let wave = f64::from(row * 37 % 101) / 101.0;
        let pressure = if row >= 700 { 9.0 } else { 3.0 + wave };
        writeln!(text, "{};{};{pressure}", 1_583_750_000 + row, 10.0 - wave * 2.0).unwrap();
    }
    let (code, scores, said) = scored(&text, &["--columns", "Flow Rate,Pressure", "--learn", "300"]);
    assert_eq!(code, Some(0), "{said}");
    let rows: Vec<&str> = scores.lines().collect();
    assert_eq!(rows[0], "timestamp,anomaly_score,alarm");
    let alarms: Vec<usize> = (0..900).filter(|row| rows[row + 1].ends_with(",1")).collect();
    assert!(alarms.first().is_some_and(|row| (700..710).contains(row)), "{alarms:?}");
}

/// The folder with benchmark data and the scorers beside it.
fn reference(benchmark: &str) -> Option<(PathBuf, PathBuf)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = std::env::var_os("LINESIDE_REFERENCE_DATA").map_or(beside, PathBuf::from);
    let scorer = data.join(format!("../tools/{benchmark}_score.py"));
    let data = data.join(benchmark);
    if !data.exists() || !scorer.exists() {
        eprintln!(
            "skipped: there is no {}; LINESIDE_REFERENCE_DATA names another folder",
            data.display()
        );
        return None;
    }
    Some((data, scorer))
}

/// The packed tables of a benchmark: `category/name.csv` and their text.
fn tables(data: &Path) -> Vec<(String, String)> {
    let mut tables = Vec::new();
    for category in fs::read_dir(data.join("data")).unwrap() {
        let category = category.unwrap();
        for file in fs::read_dir(category.path()).unwrap() {
            let file = file.unwrap();
            let mut text = String::new();
            GzDecoder::new(File::open(file.path()).unwrap())
                .read_to_string(&mut text)
                .unwrap();
            let name = file.file_name().into_string().unwrap();
            let category = category.file_name().into_string().unwrap();
            tables.push((format!("{category}/{}", name.trim_end_matches(".gz")), text));
        }
    }
    assert!(!tables.is_empty(), "the tables were found");
    tables
}

fn put(results: &Path, name: &str, text: &str) {
    let file = results.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn scores_of(scorer: &Path, results: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new("python3");
    let output = command
        .arg(scorer)
        .arg(results)
        .args(arguments)
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_outlier_detector_reaches_what_the_numenta_corpus_asks() {
    let Some((data, scorer)) = reference("nab") else { return };
    let results = tempfile::tempdir().unwrap();
    for (name, text) in tables(&data) {
        let (code, scores, said) = scored(&text, &[]);
        assert_eq!(code, Some(0), "{name}: {said}");
        put(results.path(), &name, &scores);
    }
    let place = data.to_str().unwrap();
    let split = if data.join("split.json").exists() { "dev" } else { "all" };
    let figures = scores_of(&scorer, results.path(), &["--nab", place, "--split", split]);
    println!("NAB, {split}: {figures}");
    let standard = figures["standard"]["normalized"].as_f64().unwrap();
    assert!(standard >= 60.0, "{standard}");
}

#[test]
fn joint_drift_reaches_what_the_pump_of_skab_asks_and_knows_no_clock() {
    const CHANNELS: &str =
        "Accelerometer1RMS,Accelerometer2RMS,Current,Pressure,Temperature,Thermocouple,Voltage,Volume Flow RateRMS";
    let Some((data, scorer)) = reference("skab") else {
        return;
    };
    let (whole, without_start) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let judge = |text: &str, learn: &str| {
        let (code, scores, said) = scored(text, &["--columns", CHANNELS, "--learn", learn]);
        assert_eq!(code, Some(0), "{said}");
        scores.replacen("timestamp,anomaly_score,alarm", "datetime,anomaly_score,anomaly", 1)
    };
    for (name, text) in tables(&data) {
        if name.starts_with("anomaly-free") {
            let scores = judge(&text, "1000");
            let (mut alarms, mut rows) = (0.0, 0.0);
            for row in scores.lines().skip(1001) {
                rows += 1.0;
                alarms += f64::from(u8::from(row.ends_with(",1")));
            }
            println!("SKAB, without anomalies: {:.2} % alarms", 100.0 * alarms / rows);
            assert!(alarms / rows <= 0.05, "{alarms} of {rows}");
            continue;
        }
        put(whole.path(), &name, &judge(&text, "400"));
        let mut lines = text.split_inclusive('\n');
        let header = lines.next().unwrap().to_owned();
        put(
            without_start.path(),
            &name,
            &judge(&(header + &lines.skip(100).collect::<String>()), "400"),
        );
    }
    let place = data.to_str().unwrap();
    let split = if data.join("split.json").exists() { "dev" } else { "all" };
    for (what, results, f1_min, far_max) in [
        ("whole", whole, 0.80, 25.0),
        ("without 100 rows", without_start, 0.78, 35.0),
    ] {
        let figures = &scores_of(&scorer, results.path(), &["--skab", place, "--split", split])["detector"];
        println!("SKAB, {split}, {what}: {figures}");
        assert!(figures["F1"].as_f64().unwrap() >= f1_min, "{what}: {figures}");
        assert!(figures["FAR_pct"].as_f64().unwrap() <= far_max, "{what}: {figures}");
    }
}
