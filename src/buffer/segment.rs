//! One segment of a lane: a small database of its own. Segments are removed as directories, never emptied key by key:
//! sled's files do not shrink.
//!
//! Keys: `h` header (lane, epoch, first sequence), `f` + sequence a frame, `s/` + name the latest state of that name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::db::{self, Batch, Db, SegmentError, WriteDb};
use super::disk;
use super::frame;
use crate::record::{Lane, Record, Seq};
use crate::wire::Entry;

/// Latest value of each named state, kept beside the records that it follows from.
pub type States = BTreeMap<String, Bytes>;

/// An open segment, for reading. Clones share the database.
#[derive(Debug, Clone)]
pub struct Segment {
    pub first: Seq,
    db: Db,
}

/// The newest segment of a lane, for the one who writes.
#[derive(Debug)]
pub struct OpenEnd {
    pub segment: Segment,
    db: WriteDb,
}

fn name(prefix: &str, first: Seq) -> String {
    format!("{prefix}-{first:016x}")
}

pub fn path_of(lane_dir: &Path, first: Seq) -> PathBuf {
    lane_dir.join(name("seg", first))
}

fn firsts(lane_dir: &Path, prefix: &str) -> io::Result<Vec<Seq>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(lane_dir)? {
        let name = entry?.file_name();
        let hex = name.to_str().and_then(|n| n.strip_prefix(prefix));
        firsts.extend(hex.and_then(|hex| Seq::from_str_radix(hex.split('-').next()?, 16).ok()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// First sequences of the segments in a lane's directory, ascending, also of one that a crash left half made.
pub fn list(lane_dir: &Path) -> io::Result<Vec<Seq>> {
    firsts(lane_dir, "seg-")
}

/// The epoch that the newest readable segment of a lane was made in.
pub fn epoch(lane_dir: &Path) -> io::Result<Option<u64>> {
    let headers = list(lane_dir)?.into_iter().rev().filter_map(|first| {
        let db = Db::open(&path_of(lane_dir, first)).ok()?;
        db.header().ok()
    });
    let mut epochs = headers.filter_map(|header| header.split(' ').nth(1)?.parse().ok());
    Ok(epochs.next())
}

/// First sequence of the latest segment that was set aside.
pub fn latest_set_aside(lane_dir: &Path) -> io::Result<Option<Seq>> {
    Ok(firsts(lane_dir, "bad-")?.pop())
}

/// Settles what a crash left half made, and removes what it left half removed (`del-…`).
pub fn clean_up(lane_dir: &Path) -> Result<(), SegmentError> {
    for entry in fs::read_dir(lane_dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.starts_with("del-") {
            fs::remove_dir_all(&path)?;
        }
    }
    list(lane_dir)?
        .into_iter()
        .try_for_each(|first| Db::settle(&path_of(lane_dir, first)))
}

/// Takes a segment out of the lane: renamed first, so that a crash cannot leave half of it behind under its own name.
pub fn remove(lane_dir: &Path, first: Seq) -> io::Result<()> {
    let doomed = lane_dir.join(name("del", first));
    fs::rename(path_of(lane_dir, first), &doomed)?;
    crate::files::sync_dir(lane_dir)?;
    fs::remove_dir_all(doomed)
}

/// Sets a damaged segment aside, for people to look at; its records are missing from here on.
pub fn quarantine(lane_dir: &Path, first: Seq) -> io::Result<PathBuf> {
    db::set_aside(&path_of(lane_dir, first), &name("bad", first))
}

pub fn allocated(lane_dir: &Path, first: Seq) -> u64 {
    disk::allocated(&path_of(lane_dir, first))
}

impl OpenEnd {
    /// Makes a segment durable under its name before anything is answered from it. It starts with all states, so that
    /// older segments can go.
    pub fn create(lane_dir: &Path, lane: Lane, epoch: u64, first: Seq, states: &States) -> Result<Self, SegmentError> {
        // Left behind when it was made but could not be opened; nothing was answered from it.
        if path_of(lane_dir, first).exists() {
            remove(lane_dir, first)?;
        }
        let mut content = Batch::default();
        for (name, value) in states {
            content.insert(&state_key(name), value);
        }
        let db = WriteDb::create(&path_of(lane_dir, first), &format!("{lane} {epoch} {first}"), content)?;
        Ok(Self::of(first, db))
    }

    pub fn open(lane_dir: &Path, first: Seq) -> Result<Self, SegmentError> {
        Ok(Self::of(first, WriteDb::open(&path_of(lane_dir, first))?))
    }

    fn of(first: Seq, db: WriteDb) -> Self {
        let segment = Segment {
            first,
            db: db.db.clone(),
        };
        Self { segment, db }
    }

    /// Writes records from `next` on, and states, as one atomic and durable step.
    pub fn commit(&self, next: Seq, records: &[&Record], states: &States) -> Result<(), SegmentError> {
        let mut batch = Batch::default();
        for (first, bytes) in frame::pack(next, records.iter().copied()) {
            batch.insert(&frame::key(first), &bytes);
        }
        for (name, value) in states {
            batch.insert(&state_key(name), value);
        }
        self.db.apply(batch)
    }

    /// Takes back what a failed commit may have left behind, records and states, so that nothing that was refused can
    /// come to life.
    pub fn cut_back(&self, next: Seq, states: &States) -> Result<(), SegmentError> {
        let mut batch = Batch::default();
        let mut is_needed = false;
        self.segment.db.scan(frames_from(next), |key, value| {
            batch.remove(key, &value);
            is_needed = true;
            Ok(true)
        })?;
        let found = self.segment.states()?;
        for (name, value) in states.iter().filter(|(name, value)| found.get(*name) != Some(*value)) {
            batch.insert(&state_key(name), value);
            is_needed = true;
        }
        for (name, value) in found.iter().filter(|(name, _)| !states.contains_key(*name)) {
            batch.remove(&state_key(name), value);
            is_needed = true;
        }
        if is_needed { self.db.apply(batch) } else { Ok(()) }
    }
}

impl Segment {
    pub fn open(lane_dir: &Path, first: Seq) -> Result<Self, SegmentError> {
        let db = Db::open(&path_of(lane_dir, first))?;
        Ok(Self { first, db })
    }

    /// The sequence after the last record.
    pub fn next(&self) -> Result<Seq, SegmentError> {
        let mut next = self.first;
        self.read(self.last_frame(Seq::MAX)?.unwrap_or(self.first), |entry| {
            next = entry.seq + 1;
            true
        })?;
        Ok(next)
    }

    /// The first sequence of the last frame that starts at `seq` or before.
    fn last_frame(&self, seq: Seq) -> Result<Option<Seq>, SegmentError> {
        let key = self.db.last_key(frame::key(0).to_vec()..=frame::key(seq).to_vec())?;
        Ok(key.and_then(|key| frame::first_of_key(&key)))
    }

    pub fn states(&self) -> Result<States, SegmentError> {
        let mut states = States::new();
        self.db.scan(b"s/".to_vec()..=b"s0".to_vec(), |key, value| {
            let name = String::from_utf8_lossy(key.get(2..).unwrap_or_default()).into_owned();
            if !value.is_empty() {
                // Copied, so that it does not keep a page of sled's alive.
                states.insert(name, Bytes::copy_from_slice(&value));
            }
            Ok(true)
        })?;
        Ok(states)
    }

    /// Gives the entries from `from` on to `take` until it says that it has enough. Ends at the last record.
    pub fn read(&self, from: Seq, mut take: impl FnMut(Entry) -> bool) -> Result<(), SegmentError> {
        // The frame that holds `from` may start before it.
        let start = self.last_frame(from)?.unwrap_or(from);
        self.db.scan(frames_from(start), |key, value| {
            let first = frame::first_of_key(key).ok_or_else(|| self.db.damaged(&"a key is too short"))?;
            let entries = frame::unpack(first, &value).map_err(|e| self.db.damaged(&e))?;
            Ok(entries.into_iter().filter(|e| e.seq >= from).all(&mut take))
        })
    }
}

fn frames_from(first: Seq) -> std::ops::RangeInclusive<Vec<u8>> {
    frame::key(first).to_vec()..=frame::key(Seq::MAX).to_vec()
}

fn state_key(name: &str) -> Vec<u8> {
    [b"s/", name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Kind;

    fn record(text: &str) -> Record {
        Record {
            kind: Kind::WorkReport,
            json: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    fn states(pairs: &[(&str, &str)]) -> States {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes()));
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn what_is_cut_back_leaves_neither_records_nor_states() {
        let dir = tempfile::tempdir().unwrap();
        let before = states(&[("station/a", "1"), ("station/b", "1")]);
        let end = OpenEnd::create(dir.path(), Lane::Report, 1, 10, &before).unwrap();
        end.commit(10, &[&record("kept")], &States::new()).unwrap();
        let refused = states(&[("station/a", "2"), ("station/c", "2")]);
        end.commit(11, &[&record("refused"), &record("refused too")], &refused)
            .unwrap();
        end.cut_back(11, &before).unwrap();
        drop(end);
        let segment = Segment::open(dir.path(), 10).unwrap();
        assert_eq!(segment.next().unwrap(), 11);
        assert_eq!(segment.states().unwrap(), before);
    }

    #[test]
    fn a_segment_left_behind_without_records_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        drop(OpenEnd::create(dir.path(), Lane::Report, 1, 10, &States::new()).unwrap());
        let end = OpenEnd::create(dir.path(), Lane::Report, 1, 10, &states(&[("a", "1")])).unwrap();
        assert_eq!(end.segment.states().unwrap().len(), 1);
    }
}
