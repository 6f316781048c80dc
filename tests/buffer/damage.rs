//! Damage at rest: nothing panics or hangs, what is lost is announced, the rest goes on, and no sequence comes twice.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Bench, is_of_buffer, number, record, settings};
use lineside::buffer::{Buffer, Settings};
use lineside::record::{Kind, Lane, Seq};
use lineside::status::Status;

const MAX_BYTES: u64 = 16 << 20;
const RECORDS: u64 = 2000;

/// A stopped buffer with several segments of reports.
struct Plant {
    scratch: tempfile::TempDir,
    settings: Settings,
    tail: Seq,
}

impl Plant {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let settings = settings(scratch.path(), MAX_BYTES, &["central"]);
        let bench = Bench::open(&settings);
        for group in 0..RECORDS / 50 {
            let records = (1..=50)
                .map(|n| record(Kind::WorkReport, group * 50 + n, 1500))
                .collect();
            assert!(bench.keep(bench.commit(group, records)));
        }
        let tail = bench.tail(Lane::Report);
        bench.finish();
        Self {
            scratch,
            settings,
            tail,
        }
    }

    fn dir(&self) -> &Path {
        self.scratch.path()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir().join("report")).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("seg-"));
        paths.sort();
        paths
    }

    /// Opens the damaged buffer, reads all of it, and sees that it goes on. Returns the numbers found and the alerts.
    fn survive(&self) -> (Vec<u64>, Vec<String>) {
        let bench = Bench::open(&self.settings);
        let found: Vec<_> = bench
            .all(Lane::Report)
            .into_values()
            .filter(|e| !is_of_buffer(e))
            .collect();
        for entry in &found {
            assert_eq!(
                entry.json,
                record(Kind::WorkReport, number(entry), 1500).json,
                "nothing is altered"
            );
        }
        assert!(bench.keep(bench.commit(1, vec![record(Kind::WorkReport, RECORDS + 1, 1500)])));
        let found = found.iter().map(number).collect();
        wait_for_announcements(&bench);
        let alerts = bench.alerts();
        bench.finish();
        (found, alerts)
    }
}

/// What reading met is announced by the next housekeeping.
fn wait_for_announcements(bench: &Bench) {
    let mut tails = bench.buffer.tails();
    let all = bench.all(Lane::Report);
    let ours = all.values().filter(|entry| !is_of_buffer(entry)).count() as u64;
    if ours <= RECORDS && !bench.alerts().iter().any(|alert| alert.contains("BUFFER_DAMAGED")) {
        bench.runtime.block_on(tails.changed()).unwrap();
    }
}

fn flip(path: &Path, part: f64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let at = (file.metadata().unwrap().len() as f64 * part) as u64;
    let mut bytes = [0; 64];
    let read = file.read_at(&mut bytes, at).unwrap();
    for byte in &mut bytes[..read] {
        *byte ^= 0xff;
    }
    file.write_all_at(&bytes[..read], at).unwrap();
}

fn assert_announced(alerts: &[String], alert_type: &str) {
    assert!(
        alerts.iter().any(|alert| alert.contains(alert_type)),
        "{alert_type} in {alerts:?}"
    );
}

#[test]
fn flipped_bytes_anywhere() {
    for nth in [0, 1] {
        for part in [0.0, 0.05, 0.3, 0.6, 0.9] {
            let plant = Plant::new();
            let segments = plant.segments();
            assert!(segments.len() > 2);
            flip(&segments[nth].join("db"), part);
            let (found, alerts) = plant.survive();
            if (found.len() as u64) < RECORDS {
                assert_announced(&alerts, "BUFFER_DAMAGED");
            }
            assert!(found.is_sorted() && found.len() as u64 > RECORDS / 2);
            assert!(found.contains(&RECORDS), "the newest segment is unharmed");
        }
    }
}

#[test]
fn the_newest_segment_is_damaged_and_its_sequences_are_not_used_again() {
    for part in [0.0, 0.1, 0.5] {
        let plant = Plant::new();
        let newest = plant.segments().pop().unwrap();
        flip(&newest.join("db"), part);
        let bench = Bench::open(&plant.settings);
        let commit = bench.commit(1, vec![record(Kind::WorkReport, RECORDS + 1, 1500)]);
        assert!(bench.keep(commit));
        let all = bench.all(Lane::Report);
        let fresh = all
            .values()
            .find(|e| !is_of_buffer(e) && number(e) == RECORDS + 1)
            .unwrap();
        assert!(fresh.seq >= plant.tail, "part {part}: {} was used before", fresh.seq);
        wait_for_announcements(&bench);
        let alerts = bench.alerts();
        if all.values().filter(|e| !is_of_buffer(e)).count() as u64 <= RECORDS {
            assert_announced(&alerts, "BUFFER_DAMAGED");
        }
        bench.finish();
        // And it stays that way: the same alerts, no new ones.
        let again = Bench::open(&plant.settings);
        assert_eq!(again.alerts(), alerts);
    }
}

/// sled takes such damage for a log that ends earlier, and says nothing.
#[test]
fn an_end_that_sled_does_not_miss_is_missed() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings(scratch.path(), MAX_BYTES, &["central"]);
    let bench = Bench::open(&settings);
    assert!(bench.keep(bench.commit(1, vec![record(Kind::WorkReport, 1, 1500)])));
    let tail = bench.tail(Lane::Report);
    bench.finish();
    flip(&scratch.path().join("report/seg-0000000000000001/db"), 0.0);
    let bench = Bench::open(&settings);
    assert!(bench.tail(Lane::Report) >= tail, "no sequence comes twice");
    if bench.all(Lane::Report).values().all(is_of_buffer) {
        assert_announced(&bench.alerts(), "BUFFER_DAMAGED");
    }
}

#[test]
fn a_truncated_a_missing_and_an_empty_segment() {
    let harms: [fn(&Path); 5] = [
        |path| {
            fs::File::options()
                .write(true)
                .open(path.join("db"))
                .unwrap()
                .set_len(5000)
                .unwrap();
        },
        |path| fs::remove_file(path.join("conf")).unwrap(),
        |path| fs::remove_file(path.join("db")).unwrap(),
        |path| fs::remove_dir_all(path).unwrap(),
        |path| {
            fs::remove_dir_all(path).unwrap();
            fs::create_dir(path).unwrap();
        },
    ];
    for harm in harms {
        let plant = Plant::new();
        harm(&plant.segments()[1]);
        let (found, alerts) = plant.survive();
        if (found.len() as u64) < RECORDS {
            assert_announced(&alerts, "BUFFER_DAMAGED");
        }
        assert!(found.len() as u64 > RECORDS / 2 && found.contains(&1) && found.contains(&RECORDS));
    }
}

#[test]
fn a_half_written_snapshot_harms_nothing() {
    let plant = Plant::new();
    for segment in plant.segments() {
        fs::write(segment.join("snap.0000000000000001.generating"), b"torn").unwrap();
    }
    let (found, alerts) = plant.survive();
    assert_eq!(found.len() as u64, RECORDS);
    assert!(alerts.is_empty());
}

#[test]
fn a_lost_or_torn_epoch_marker_changes_nothing() {
    let plant = Plant::new();
    for torn in [None, Some("\0\0\0")] {
        let before = Bench::open(&plant.settings);
        let epoch = before.buffer.epoch();
        before.finish();
        match torn {
            None => fs::remove_file(plant.dir().join("epoch")).unwrap(),
            Some(text) => fs::write(plant.dir().join("epoch"), text).unwrap(),
        }
        let after = Bench::open(&plant.settings);
        assert_eq!(after.buffer.epoch(), epoch);
        after.finish();
    }
    let (found, alerts) = plant.survive();
    assert_eq!(found.len() as u64, RECORDS);
    assert!(alerts.is_empty());
}

#[test]
fn a_vanished_lane_begins_a_new_epoch_and_says_so() {
    let plant = Plant::new();
    let before = Bench::open(&plant.settings);
    let epoch = before.buffer.epoch();
    before.finish();
    fs::remove_dir_all(plant.dir().join("report")).unwrap();
    let bench = Bench::open(&plant.settings);
    assert!(bench.buffer.epoch() > epoch);
    assert_announced(&bench.alerts(), "BUFFER_LOST");
    assert_eq!(bench.buffer.places("central").report.next, 1);
    assert_eq!(bench.buffer.places("central").epoch, bench.buffer.epoch());
}

#[test]
fn damaged_dead_letters_do_not_keep_the_gateway_from_starting() {
    let plant = Plant::new();
    for _ in 0..2 {
        fs::write(plant.dir().join("dead/db"), b"").unwrap();
        let (buffer, writer) = Buffer::open(plant.settings.clone(), Status::default()).unwrap();
        assert!(buffer.dead_letters("", 10).unwrap().is_empty());
        writer.finish();
    }
    let (_, alerts) = plant.survive();
    assert_announced(&alerts, "BUFFER_DAMAGED");
}
