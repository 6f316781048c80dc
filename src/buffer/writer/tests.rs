//! What the writer answers to a group, without its thread.

use std::sync::Mutex;

use bytes::Bytes;

use super::*;
use crate::buffer::Buffer;
use crate::clock::Zone;
use crate::record::{Feedback, Kind, Receipt, Waiting};

/// Who was answered, and whether with success.
#[derive(Default)]
struct Desk(Mutex<Vec<(u64, bool)>>);

impl Desk {
    fn note(&self, token: u64, is_kept: bool) {
        self.0.lock().expect("no one panicked").push((token, is_kept));
    }
}

impl Waiting for Desk {
    fn kept(&self, token: u64, _: Option<Feedback>) {
        self.note(token, true);
    }

    fn refused(&self, token: u64) {
        self.note(token, false);
    }
}

fn work(dir: &tempfile::TempDir) -> Work {
    let settings = Settings {
        dir: dir.path().to_owned(),
        max_bytes: 1 << 30,
        min_free_bytes: 0,
        commit_wait: Duration::ZERO,
        gateway_id: "test".to_owned(),
        zone: Zone::UTC,
        upstreams: Vec::new(),
    };
    let status = Status::default();
    let (buffer, writer) = Buffer::open(settings.clone(), status.clone()).expect("a new buffer");
    writer.finish();
    // sled locks its folders for as long as someone reads.
    for lane in Lane::BOTH {
        buffer.0.log(lane).close_newest();
    }
    Work::open(buffer.0, settings, status, Vec::new()).expect("the same again")
}

fn answered(desk: &Arc<Desk>, token: u64, records: Vec<Record>) -> Commit {
    let desk: Arc<dyn Waiting> = Arc::<Desk>::clone(desk);
    Commit {
        records,
        receipts: vec![(Receipt::new(desk, token), None)],
        ..Commit::default()
    }
}

#[test]
fn who_repeats_what_is_being_refused_is_refused_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut work, desk) = (work(&dir), Arc::<Desk>::default());
    let report = Record {
        kind: Kind::WorkReport,
        json: Bytes::from_static(b"\"message_id\":\"\"}"),
    };
    work.is_full = true;
    let group = vec![answered(&desk, 1, vec![report]), answered(&desk, 2, Vec::new())];
    work.commit(group).expect("a full disk is survived");
    assert_eq!(*desk.0.lock().expect("no one panicked"), [(1, false), (2, false)]);
    let mut repeat = answered(&desk, 3, Vec::new());
    repeat.generation = work.shared.refusals.load(Ordering::Acquire);
    work.commit(vec![repeat]).expect("nothing is written");
    assert_eq!(
        desk.0.lock().expect("no one panicked").last(),
        Some(&(3, true)),
        "it speaks of what is on disk"
    );
}

#[test]
fn what_is_only_to_be_shown_is_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut work, shown) = (work(&dir), Arc::<Mutex<bool>>::default());
    let then = Arc::clone(&shown);
    let commit = Commit {
        afterwards: vec![Box::new(move || *then.lock().expect("no one panicked") = true)],
        ..Commit::default()
    };
    assert!(!commit.is_empty(), "or it would not be handed on");
    work.commit(vec![commit]).expect("nothing is written");
    assert!(*shown.lock().expect("no one panicked"));
}
