//! A receipt is kept only when its record can be found again by whoever comes next.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::{Bench, contents, copy_tree, number, record, settings};
use lineside::buffer::inspect::{InspectError, Inspection};
use lineside::buffer::{Commit, OpenError};
use lineside::record::{Feedback, Kind, Lane, Receipt, Waiting};
use lineside::status::Status;

/// Copies the buffer at the very moment at which a receipt is kept.
struct Copier {
    dir: PathBuf,
    copies: PathBuf,
    kept: Mutex<Vec<u64>>,
}

impl Waiting for Copier {
    fn kept(&self, token: u64, _: Option<Feedback>) {
        // The writer stands still in here, so the copy is of one moment.
        copy_tree(&self.dir, &self.copies.join(token.to_string()));
        self.kept.lock().unwrap().push(token);
    }

    fn refused(&self, token: u64) {
        panic!("{token} was refused");
    }
}

#[test]
fn a_kept_receipt_means_that_the_record_and_its_state_are_found_again() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("buffer");
    let bench = Bench::open(&settings(&dir, 1 << 30, &["central"]));
    let copier = Arc::new(Copier {
        dir,
        copies: scratch.path().join("copies"),
        kept: Mutex::default(),
    });
    for n in 0..12 {
        let kind = if n % 2 == 0 {
            Kind::WorkReport
        } else {
            Kind::EquipmentStatus
        };
        let mut commit = Commit {
            is_patient: kind.lane() == Lane::Telemetry && n % 2 == 1,
            records: vec![record(kind, n, 300)],
            receipts: vec![(Receipt::new(copier.clone(), n), None)],
            ..Commit::default()
        };
        if n % 2 == 0 {
            commit.states.insert("station/ST-01".to_owned(), n.to_string().into());
        }
        bench.submit(commit);
    }
    bench.finish();
    assert_eq!(copier.kept.lock().unwrap().len(), 12, "each is answered exactly once");
    for n in 0..12_u64 {
        let copy = settings(&copier.copies.join(n.to_string()), 1 << 30, &["central"]);
        let again = Bench::open(&copy);
        let lane = if n % 2 == 0 { Lane::Report } else { Lane::Telemetry };
        let found: Vec<_> = again.all(lane).values().map(number).collect();
        assert!(found.contains(&n), "{n} is not among {found:?}");
        if n % 2 == 0 {
            let state = again.buffer.states()["station/ST-01"].clone();
            let state: u64 = std::str::from_utf8(&state).unwrap().parse().unwrap();
            assert!(state >= n, "the state follows its record");
        }
        again.finish();
    }
}

#[test]
fn what_was_judged_before_a_refusal_is_refused_too() {
    let scratch = tempfile::tempdir().unwrap();
    let bench = Bench::open(&settings(scratch.path(), 1 << 30, &[]));
    let mut commit = bench.commit(1, vec![record(Kind::WorkReport, 1, 100)]);
    commit.generation += 1;
    assert!(!bench.keep(commit));
    let commit = bench.commit(2, vec![record(Kind::WorkReport, 2, 100)]);
    assert!(bench.keep(commit));
    assert_eq!(bench.all(Lane::Report).len(), 1);
}

#[test]
fn finishing_commits_what_is_queued() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings(scratch.path(), 1 << 30, &[]);
    let bench = Bench::open(&settings);
    for n in 1..=50 {
        bench.submit(bench.commit(n, vec![record(Kind::EquipmentStatus, n, 100)]));
    }
    bench.finish();
    let again = Bench::open(&settings);
    assert_eq!(again.tail(Lane::Telemetry), 51);
}

#[test]
fn a_buffer_has_one_holder_and_inspection_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings(scratch.path(), 1 << 30, &["central"]);
    let bench = Bench::open(&settings);
    for n in 1..=30 {
        assert!(bench.keep(bench.commit(n, vec![record(Kind::WorkReport, n, 100)])));
    }
    let held = lineside::buffer::Buffer::open(settings.clone(), Status::default());
    assert!(matches!(held, Err(OpenError::Held(_))));
    assert!(matches!(Inspection::open(scratch.path()), Err(InspectError::Held(_))));
    bench.finish();
    let before = contents(scratch.path());
    let inspection = Inspection::open(scratch.path()).unwrap();
    let mut found = Vec::new();
    inspection
        .read(Lane::Report, |entry| found.push(number(&entry)))
        .unwrap();
    assert_eq!(found, (1..=30).collect::<Vec<_>>());
    assert_eq!(inspection.next(Lane::Report).unwrap(), 31);
    assert_eq!(inspection.next(Lane::Telemetry).unwrap(), 1);
    assert_eq!(inspection.dead_letters("", 10).unwrap().len(), 0);
    assert!(inspection.cursors().unwrap()[0].1.is_some());
    drop(inspection);
    assert!(contents(scratch.path()) == before, "not a byte has changed");
}
