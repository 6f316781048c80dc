//! The buffer from outside: against a model, under kill -9, with damaged files, on a full disk.

mod damage;
mod full;
mod kill;
mod measure;
mod model;
mod receipts;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use lineside::buffer::{BatchLimit, Buffer, Commit, OpenError, SegmentError, Settings, Writer};
use lineside::clock::Zone;
use lineside::record::{Feedback, Kind, Lane, Receipt, Record, Seq, Waiting};
use lineside::status::Status;
use lineside::wire::Entry;
use uuid::Uuid;

fn settings(dir: &Path, max_bytes: u64, upstreams: &[&str]) -> Settings {
    Settings {
        dir: dir.to_owned(),
        max_bytes,
        min_free_bytes: 0,
        commit_wait: Duration::from_millis(5),
        gateway_id: "test".to_owned(),
        zone: Zone::UTC,
        upstreams: upstreams.iter().map(|u| (*u).to_owned()).collect(),
    }
}

/// An open buffer with someone who waits for its receipts.
struct Bench {
    buffer: Buffer,
    writer: Writer,
    status: Status,
    runtime: tokio::runtime::Runtime,
    answers: mpsc::Receiver<(u64, bool)>,
    desk: Arc<Desk>,
}

/// Passes on who was answered, and with success or not.
struct Desk(mpsc::Sender<(u64, bool)>);

impl Waiting for Desk {
    fn kept(&self, token: u64, _: Option<Feedback>) {
        let _ = self.0.send((token, true));
    }

    fn refused(&self, token: u64) {
        let _ = self.0.send((token, false));
    }
}

impl Bench {
    fn open(settings: &Settings) -> Self {
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = Status::default();
        let (buffer, writer) = loop {
            // A writer that was let go without an end holds the buffer until its queue is empty.
            match Buffer::open(settings.clone(), status.clone()) {
                Err(OpenError::Held(_)) if Instant::now() < deadline => std::thread::yield_now(),
                opened => break opened.unwrap(),
            }
        };
        let (sender, answers) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Self {
            buffer,
            writer,
            status,
            runtime: runtime.unwrap(),
            answers,
            desk: Arc::new(Desk(sender)),
        }
    }

    fn commit(&self, token: u64, records: Vec<Record>) -> Commit {
        Commit {
            is_patient: records.iter().all(|r| r.kind.lane() == Lane::Telemetry),
            records,
            receipts: vec![(Receipt::new(self.desk.clone(), token), None)],
            generation: self.buffer.generation(),
            ..Commit::default()
        }
    }

    fn submit(&self, commit: Commit) {
        self.runtime.block_on(self.buffer.submit(commit)).unwrap();
    }

    /// Submits and waits for the answer: whether it was kept.
    fn keep(&self, commit: Commit) -> bool {
        self.submit(commit);
        self.answer().1
    }

    fn answer(&self) -> (u64, bool) {
        self.answers
            .recv_timeout(Duration::from_secs(30))
            .expect("every receipt is answered")
    }

    fn tail(&self, lane: Lane) -> Seq {
        self.buffer.tails().borrow().lane(lane)
    }

    /// Everything in a lane, through reads of a size that upstreams use.
    fn all(&self, lane: Lane) -> BTreeMap<Seq, Entry> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut all = BTreeMap::new();
        let (mut at, tail) = (self.buffer.first(lane), self.tail(lane));
        while at < tail {
            let batch = match self.buffer.read(lane, at, tail, LIMIT, |_| true) {
                // The newest segment is damaged; the writer begins a new one within a second.
                Err(SegmentError::Damaged { .. }) if Instant::now() < deadline => {
                    std::thread::yield_now();
                    continue;
                }
                read => read.unwrap(),
            };
            assert!(batch.next > at, "reading goes on");
            for entry in batch.entries {
                assert!(entry.seq >= at && entry.seq < batch.next);
                assert!(all.insert(entry.seq, entry).is_none(), "no sequence comes twice");
            }
            at = batch.next;
        }
        all
    }

    /// The types of the alerts that the buffer itself has written.
    fn alerts(&self) -> Vec<String> {
        let of_buffer = |entry: &Entry| is_of_buffer(entry).then(|| String::from_utf8_lossy(&entry.json).into_owned());
        self.all(Lane::Report).values().filter_map(of_buffer).collect()
    }

    fn finish(self) {
        self.writer.finish();
    }
}

const LIMIT: BatchLimit = BatchLimit {
    records: 500,
    bytes: 256 << 10,
};

fn is_of_buffer(entry: &Entry) -> bool {
    String::from_utf8_lossy(&entry.json).contains("\"source\":\"buffer\"")
}

/// A record whose content follows from its number.
fn record(kind: Kind, n: u64, size: usize) -> Record {
    let pad = "x".repeat(size.saturating_sub(60));
    let json = format!("\"message_id\":\"{}\",\"pad\":\"{pad}\"}}", Uuid::from_u128(n.into()));
    Record {
        kind,
        json: json.into(),
    }
}

fn number(entry: &Entry) -> u64 {
    let id = Record::message_id(&entry.json).expect("an own record");
    u64::try_from(Uuid::parse_str(id).unwrap().as_u128()).unwrap()
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Names and contents of every file below a directory.
fn contents(dir: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}
