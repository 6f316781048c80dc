//! One segment of a lane: a small sled database of its own, in its own directory.
//!
//! sled 0.34 is used in the one way that survives power cuts: every commit is one batch, `flush`, and then our own
//! `fdatasync` on sled's data file, because sled itself only calls `sync_file_range`. Segments are removed as directories,
//! never emptied key by key: sled's files do not shrink.
//!
//! A directory named `seg-…` was complete and durable before it got that name. It therefore holds its header key for ever;
//! one that opens without it was damaged, not new.
//!
//! Keys: `h` header (lane, epoch, first sequence), `f` + sequence a frame, `s/` + name the latest state of that name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::disk;
use super::frame;
use crate::record::{Lane, Record, Seq};
use crate::wire::Entry;

/// sled's page cache for a segment. Its default of 1 GiB is not for gateways.
const CACHE_BYTES: u64 = 16 << 20;
/// Values above this may leave sled's data file for files of their own, which then need a sync too.
const INLINE_BYTES_MAX: usize = 48 << 10;

#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The disk has no room; the handle is spent and must be opened again.
    #[error("the disk is full: {0}")]
    Full(io::Error),
    /// The content is damaged; the segment has to be set aside.
    #[error("segment {path} is damaged: {cause}")]
    Damaged { path: PathBuf, cause: String },
    /// The disk failed; what it said about earlier writes can no longer be trusted.
    #[error("the disk failed: {0}")]
    Failed(io::Error),
}

impl From<io::Error> for SegmentError {
    fn from(error: io::Error) -> Self {
        if disk::is_full(&error) {
            Self::Full(error)
        } else {
            Self::Failed(error)
        }
    }
}

/// Latest value of each named state, kept beside the records that it follows from.
pub type States = BTreeMap<String, Bytes>;

/// An open segment, for reading. Clones share the database.
#[derive(Debug, Clone)]
pub struct Segment {
    pub first: Seq,
    path: PathBuf,
    db: sled::Db,
}

/// The newest segment of a lane, for the one who writes.
#[derive(Debug)]
pub struct OpenEnd {
    pub segment: Segment,
    /// sled's data file, opened a second time for `fdatasync`.
    data: File,
    has_large_values: bool,
}

fn path_of(lane_dir: &Path, first: Seq) -> PathBuf {
    lane_dir.join(format!("seg-{first:016x}"))
}

/// First sequences of the segments in a lane's directory, ascending.
pub fn list(lane_dir: &Path) -> io::Result<Vec<Seq>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(lane_dir)? {
        let name = entry?.file_name();
        if let Some(hex) = name.to_str().and_then(|n| n.strip_prefix("seg-")) {
            firsts.extend(Seq::from_str_radix(hex, 16));
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Removes what a crash left half made (`new-…`) or half removed (`del-…`).
pub fn clean_up(lane_dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(lane_dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.starts_with("del-") || name.starts_with("new-") {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// Takes a segment out of the lane: renamed first, so that a crash cannot leave half of it behind under its own name.
pub fn remove(lane_dir: &Path, first: Seq) -> io::Result<()> {
    let doomed = lane_dir.join(format!("del-{first:016x}"));
    fs::rename(path_of(lane_dir, first), &doomed)?;
    disk::sync_dir(lane_dir)?;
    fs::remove_dir_all(doomed)
}

/// Sets a damaged segment aside, for people to look at; its records are missing from here on.
pub fn quarantine(lane_dir: &Path, first: Seq) -> io::Result<PathBuf> {
    let mut aside = lane_dir.join(format!("bad-{first:016x}"));
    for nth in 2.. {
        if !aside.exists() {
            break;
        }
        aside = lane_dir.join(format!("bad-{first:016x}-{nth}"));
    }
    fs::rename(path_of(lane_dir, first), &aside)?;
    disk::sync_dir(lane_dir)?;
    Ok(aside)
}

pub fn allocated(lane_dir: &Path, first: Seq) -> u64 {
    disk::allocated(&path_of(lane_dir, first))
}

impl OpenEnd {
    /// Makes a segment durable under its name before anything is answered from it. It starts with all states, so that
    /// older segments can go.
    pub fn create(lane_dir: &Path, lane: Lane, epoch: u64, first: Seq, states: &States) -> Result<Self, SegmentError> {
        let unfinished = lane_dir.join(format!("new-{first:016x}"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        {
            let db = open_db(&unfinished)?;
            let mut batch = sled::Batch::default();
            batch.insert(b"h", format!("{lane} {epoch} {first}").as_bytes());
            for (name, value) in states {
                batch.insert(state_key(name), value.as_ref());
            }
            db.apply_batch(batch)
                .and_then(|()| db.flush())
                .map_err(|e| fault(&unfinished, e))?;
        }
        disk::sync_tree(&unfinished)?;
        fs::rename(&unfinished, path_of(lane_dir, first))?;
        disk::sync_dir(lane_dir)?;
        Self::open(lane_dir, first)
    }

    pub fn open(lane_dir: &Path, first: Seq) -> Result<Self, SegmentError> {
        let segment = Segment::open(lane_dir, first)?;
        let data = File::open(segment.path.join("db"))?;
        let has_large_values = fs::read_dir(segment.path.join("blobs")).is_ok_and(|mut d| d.next().is_some());
        Ok(Self {
            segment,
            data,
            has_large_values,
        })
    }

    /// Writes records from `next` on, and states, as one atomic and durable step.
    pub fn commit(&mut self, next: Seq, records: &[&Record], states: &States) -> Result<(), SegmentError> {
        let mut batch = sled::Batch::default();
        for (first, bytes) in frame::pack(next, records.iter().copied()) {
            self.has_large_values |= bytes.len() > INLINE_BYTES_MAX;
            batch.insert(&frame::key(first), bytes);
        }
        for (name, value) in states {
            self.has_large_values |= value.len() > INLINE_BYTES_MAX;
            batch.insert(state_key(name), value.as_ref());
        }
        self.apply(batch)
    }

    fn apply(&self, batch: sled::Batch) -> Result<(), SegmentError> {
        let Segment { path, db, .. } = &self.segment;
        guard(path, || db.apply_batch(batch).and_then(|()| db.flush()))?;
        self.data.sync_data()?;
        if self.has_large_values {
            disk::sync_tree(&path.join("blobs"))?;
        }
        Ok(())
    }

    /// Takes back what a failed commit may have left behind, so that its records cannot come to life after a refusal.
    pub fn cut_back(&self, next: Seq) -> Result<(), SegmentError> {
        let mut batch = sled::Batch::default();
        let mut is_needed = false;
        for pair in self.segment.db.range(frame::key(next)..=frame::key(Seq::MAX)) {
            batch.remove(guard(&self.segment.path, || pair)?.0);
            is_needed = true;
        }
        if is_needed { self.apply(batch) } else { Ok(()) }
    }
}

impl Segment {
    pub fn open(lane_dir: &Path, first: Seq) -> Result<Self, SegmentError> {
        let path = path_of(lane_dir, first);
        let db = open_db(&path)?;
        if guard(&path, || db.get(b"h"))?.is_none() {
            return Err(SegmentError::Damaged {
                path,
                cause: "its header is missing".to_owned(),
            });
        }
        Ok(Self { first, path, db })
    }

    /// The sequence after the last record.
    pub fn next(&self) -> Result<Seq, SegmentError> {
        let last = guard(&self.path, || {
            self.db
                .range(frame::key(0)..=frame::key(Seq::MAX))
                .next_back()
                .transpose()
        })?;
        let Some((key, value)) = last else {
            return Ok(self.first);
        };
        match (frame::first_of_key(&key), frame::count(&value)) {
            (Some(first), Some(count)) => Ok(first + count),
            _ => Err(self.damaged("a frame is too short")),
        }
    }

    pub fn states(&self) -> Result<States, SegmentError> {
        let mut states = States::new();
        for pair in self.db.scan_prefix(b"s/") {
            let (key, value) = guard(&self.path, || pair)?;
            if value.is_empty() {
                continue;
            }
            states.insert(
                String::from_utf8_lossy(&key[2..]).into_owned(),
                Bytes::copy_from_slice(&value),
            );
        }
        Ok(states)
    }

    /// Gives the entries from `from` on to `take` until it says that it has enough. Ends at the last record.
    pub fn read(&self, from: Seq, mut take: impl FnMut(Entry) -> bool) -> Result<(), SegmentError> {
        // The frame that holds `from` may start before it.
        let start = guard(&self.path, || {
            self.db.range(..=frame::key(from)).next_back().transpose()
        })?
        .and_then(|(key, _)| frame::first_of_key(&key))
        .unwrap_or(from);
        for pair in self.db.range(frame::key(start)..=frame::key(Seq::MAX)) {
            let (key, value) = guard(&self.path, || pair)?;
            let first = frame::first_of_key(&key).ok_or_else(|| self.damaged("a key is too short"))?;
            let entries = frame::unpack(first, &Bytes::from_owner(value)).map_err(|e| self.damaged(&e.to_string()))?;
            for entry in entries.into_iter().filter(|e| e.seq >= from) {
                if !take(entry) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn damaged(&self, cause: &str) -> SegmentError {
        SegmentError::Damaged {
            path: self.path.clone(),
            cause: cause.to_owned(),
        }
    }
}

fn state_key(name: &str) -> Vec<u8> {
    [b"s/", name.as_bytes()].concat()
}

/// Opens a sled database with what is known to make it safe: no half-written snapshot is left in its way, and a second
/// try without any snapshot, since a damaged one hides undamaged data.
pub fn open_db(path: &Path) -> Result<sled::Db, SegmentError> {
    remove_snapshots(path, true)?;
    let open = || {
        sled::Config::new()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(500))
            .open()
    };
    match guard(path, open) {
        Err(SegmentError::Damaged { .. }) => {
            remove_snapshots(path, false)?;
            guard(path, open)
        }
        other => other,
    }
}

fn remove_snapshots(path: &Path, only_unfinished: bool) -> Result<(), SegmentError> {
    let Ok(entries) = fs::read_dir(path) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && (!only_unfinished || name.ends_with(".generating")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// sled reports some damage by panicking; here that is one more kind of error.
fn guard<T>(path: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, SegmentError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| fault(path, error)),
        Err(panic) => {
            let cause = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            let cause = cause.unwrap_or("sled gave up").to_owned();
            Err(SegmentError::Damaged {
                path: path.to_owned(),
                cause,
            })
        }
    }
}

fn fault(path: &Path, error: sled::Error) -> SegmentError {
    match error {
        sled::Error::Io(error) => error.into(),
        other => SegmentError::Damaged {
            path: path.to_owned(),
            cause: other.to_string(),
        },
    }
}
