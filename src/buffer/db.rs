//! One sled database in its own directory: the only file that knows how sled 0.34 has to be used so that it survives
//! power cuts, full disks and damage.
//!
//! * Every commit is one atomic step, `flush`, then our own `fdatasync` on sled's data file: sled itself only calls
//!   `sync_file_range`.
//! * No value is larger than [`PART_BYTES_MAX`]; a larger one is stored in parts. A page of large values would leave the data
//!   file for a file of its own, which sled neither syncs nor survives: when a full disk refuses such a file, every later
//!   call on the database hangs, closing it too.
//! * A directory is marked as made (`made`) only after its first content is durable, and it holds the header key `h` for ever:
//!   one that opens without it was damaged if it bears the mark, and never used if it does not.
//! * sled reports some damage by panicking: every call into it goes through [`guard`].
//! * A handle that met an error stays failed and has to be opened again, after all its clones have gone.

use std::fs::{self, File};
use std::io;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::disk;

/// sled's page cache. Its default of 1 GiB is not for gateways, and what is read once in order gains nothing from one.
const CACHE_BYTES: u64 = 2 << 20;
/// sled keeps a page in its data file up to a quarter of its segment of 512 KiB, and splits it at 17 values.
pub const PART_BYTES_MAX: usize = (128 << 10) / 20;
/// In front of a value: in how many parts it is stored, u16 little endian.
const PART_COUNT_LEN: usize = 2;
/// sled needs about this much to open a database; on a fuller disk its failures say nothing about the content.
const OPEN_BYTES_MIN: u64 = 4 << 20;
/// sled's own threads may hold its file lock for a moment after the last handle has gone.
const UNLOCK_WITHIN: Duration = Duration::from_secs(10);
const HEADER_KEY: &[u8] = b"h";
const MADE: &str = "made";

/// What went wrong in the log, divided by what has to be done about it.
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

/// For callers that can only report.
impl From<SegmentError> for io::Error {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Full(error) | SegmentError::Failed(error) => error,
            damaged @ SegmentError::Damaged { .. } => Self::new(io::ErrorKind::InvalidData, damaged.to_string()),
        }
    }
}

/// Changes that are made in one atomic step: keys with their values, or with none where they are removed.
#[derive(Debug, Default)]
pub struct Batch(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Batch {
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        let (first, rest) = value.split_at(value.len().min(PART_BYTES_MAX));
        let rest = rest.chunks(PART_BYTES_MAX);
        let count = u16::try_from(1 + rest.len()).expect("values are limited far below 400 MB");
        self.0
            .push((key.to_vec(), Some([&count.to_le_bytes(), first].concat())));
        for (nth, part) in (1..).zip(rest) {
            self.0.push((part_key(key, nth), Some(part.to_vec())));
        }
    }

    /// Removes a key that holds the given value.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.0.push((key.to_vec(), None));
        for nth in 1..value.len().div_ceil(PART_BYTES_MAX) {
            self.0.push((part_key(key, nth), None));
        }
    }

    /// A single value is a single message in sled's log, and as such atomic. What ties several together is one more message
    /// with a write of its own, and each write wakes all seven of sled's threads.
    fn apply(self, sled: &sled::Db) -> sled::Result<()> {
        if let [(key, Some(value))] = &self.0[..] {
            return sled.insert(key, &value[..]).map(drop);
        }
        let mut batch = sled::Batch::default();
        for (key, value) in self.0 {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        sled.apply_batch(batch)
    }
}

/// Where the further parts of a value lie: apart from all first ones. A shorter value may leave some of a longer one behind;
/// the count tells which belong to it.
fn part_key(key: &[u8], nth: usize) -> Vec<u8> {
    let nth = u16::try_from(nth).expect("counted as u16");
    [b"p", key, &nth.to_be_bytes()].concat()
}

/// An open database, for reading. Clones share it.
#[derive(Debug, Clone)]
pub struct Db {
    path: PathBuf,
    sled: sled::Db,
}

impl Db {
    /// Settles what a crash left without its mark: its first content is there as a whole, then it is made durable, or it is
    /// not, then nothing was ever answered from it and it goes.
    pub fn settle(path: &Path) -> Result<(), SegmentError> {
        if is_made(path) {
            return Ok(());
        }
        match Self::open(path).map(drop) {
            Ok(()) => Ok(mark_made(path)?),
            Err(SegmentError::Damaged { .. }) => Ok(fs::remove_dir_all(path)?),
            Err(error) => Err(error),
        }
    }

    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let opened = open_sled(path).and_then(|sled| {
            let path = path.to_owned();
            let db = Self { path, sled };
            db.header().map(|_| db)
        });
        match opened {
            Err(SegmentError::Damaged { .. }) if disk::free(path).is_ok_and(|free| free < OPEN_BYTES_MIN) => {
                Err(SegmentError::Full(io::ErrorKind::StorageFull.into()))
            }
            other => other,
        }
    }

    /// As it was given to [`WriteDb::create`].
    pub fn header(&self) -> Result<String, SegmentError> {
        let mut header = Err(self.damaged(&"its header is missing"));
        self.scan(HEADER_KEY.to_vec()..=HEADER_KEY.to_vec(), |_, value| {
            header = Ok(String::from_utf8_lossy(&value).into_owned());
            Ok(false)
        })?;
        header
    }

    /// Gives the pairs of a range, in order, until `take` says that it has enough.
    pub fn scan(
        &self,
        range: RangeInclusive<Vec<u8>>,
        mut take: impl FnMut(&[u8], Bytes) -> Result<bool, SegmentError>,
    ) -> Result<(), SegmentError> {
        let mut pairs = guard(&self.path, || Ok(self.sled.range(range)))?;
        while let Some((key, first)) = guard(&self.path, || pairs.next().transpose())? {
            if !take(&key, self.whole(&key, &Bytes::from_owner(first))?)? {
                break;
            }
        }
        Ok(())
    }

    /// A value with all its parts, of which the first is given.
    fn whole(&self, key: &[u8], first: &Bytes) -> Result<Bytes, SegmentError> {
        let count = first.first_chunk().map(|count| u16::from_le_bytes(*count));
        let count = count.ok_or_else(|| self.damaged(&"a value is too short"))?;
        let first = first.slice(PART_COUNT_LEN..);
        if count <= 1 {
            return Ok(first);
        }
        let mut whole = first.to_vec();
        for nth in 1..usize::from(count) {
            let part = guard(&self.path, || self.sled.get(part_key(key, nth)))?;
            whole.extend_from_slice(&part.ok_or_else(|| self.damaged(&"a part is missing"))?);
        }
        Ok(whole.into())
    }

    pub fn last_key(&self, range: RangeInclusive<Vec<u8>>) -> Result<Option<sled::IVec>, SegmentError> {
        let last = guard(&self.path, || self.sled.range(range).next_back().transpose())?;
        Ok(last.map(|(key, _)| key))
    }

    pub fn damaged(&self, cause: &dyn std::fmt::Display) -> SegmentError {
        SegmentError::Damaged {
            path: self.path.clone(),
            cause: cause.to_string(),
        }
    }
}

/// The writing side of an open database.
#[derive(Debug)]
pub struct WriteDb {
    pub db: Db,
    /// sled's data file, opened a second time for `fdatasync`.
    data: File,
}

impl WriteDb {
    /// Makes a database with its header and first content. It is durable when this returns.
    pub fn create(path: &Path, header: &str, mut content: Batch) -> Result<Self, SegmentError> {
        content.insert(HEADER_KEY, header.as_bytes());
        let sled = open_sled(path)?;
        let data = File::open(path.join("db"))?;
        let path = path.to_owned();
        let made = Self {
            db: Db { path, sled },
            data,
        };
        made.apply(content)?;
        mark_made(&made.db.path)?;
        Ok(made)
    }

    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let db = Db::open(path)?;
        let data = File::open(path.join("db"))?;
        Ok(Self { db, data })
    }

    /// One atomic step, durable when it returns.
    pub fn apply(&self, batch: Batch) -> Result<(), SegmentError> {
        let Db { path, sled } = &self.db;
        guard(path, || batch.apply(sled).and_then(|()| sled.flush()))?;
        Ok(self.data.sync_data()?)
    }
}

pub fn is_made(path: &Path) -> bool {
    path.join(MADE).exists()
}

fn mark_made(path: &Path) -> io::Result<()> {
    disk::sync_tree(path)?;
    crate::files::sync_dir(path.parent().unwrap_or(Path::new(".")))?;
    File::create(path.join(MADE))?;
    crate::files::sync_dir(path)
}

/// Renames a damaged directory, so that people can look at it and nothing else stumbles over it.
pub fn set_aside(path: &Path, name: &str) -> io::Result<PathBuf> {
    let names = std::iter::once(name.to_owned()).chain((2..).map(|nth| format!("{name}-{nth}")));
    let aside = names
        .map(|name| path.with_file_name(name))
        .find(|aside| !aside.exists());
    let aside = aside.expect("names with a counter do not run out");
    fs::rename(path, &aside)?;
    crate::files::sync_dir(path.parent().unwrap_or(Path::new(".")))?;
    Ok(aside)
}

/// Opens with what is known to make it safe: no half-written snapshot is left in sled's way, and a second try is made
/// without any snapshot, since a damaged one hides undamaged data.
fn open_sled(path: &Path) -> Result<sled::Db, SegmentError> {
    remove_snapshots(path, true)?;
    match open_unlocked(path) {
        Err(SegmentError::Damaged { .. }) => {
            remove_snapshots(path, false)?;
            open_unlocked(path)
        }
        other => other,
    }
}

fn open_unlocked(path: &Path) -> Result<sled::Db, SegmentError> {
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(Some(500));
    let deadline = Instant::now() + UNLOCK_WITHIN;
    loop {
        match guard(path, || config.open()) {
            Err(SegmentError::Failed(error)) if is_locked(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return other,
        }
    }
}

fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other && error.to_string().contains("could not acquire lock")
}

fn remove_snapshots(path: &Path, only_unfinished: bool) -> io::Result<()> {
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

/// Turns sled's errors and panics into ours.
fn guard<T>(path: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, SegmentError> {
    let damaged = |cause| SegmentError::Damaged {
        path: path.to_owned(),
        cause,
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(error.into()),
        Ok(Err(other)) => Err(damaged(other.to_string())),
        Err(panic) => {
            let cause = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(damaged(cause.unwrap_or("sled gave up").to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seg");
        WriteDb::create(&path, "header", Batch::default()).unwrap();
        (dir, path)
    }

    fn all(db: &WriteDb) -> Vec<(Vec<u8>, Bytes)> {
        let mut all = Vec::new();
        let take = |key: &[u8], value| {
            all.push((key.to_vec(), value));
            Ok(true)
        };
        db.db.scan(b"k".to_vec()..=b"l".to_vec(), take).unwrap();
        all
    }

    #[test]
    fn values_of_any_size_are_found_again_and_none_leaves_the_data_file() {
        let (_dir, path) = made();
        let db = WriteDb::open(&path).unwrap();
        let sizes = [0, 1, PART_BYTES_MAX, PART_BYTES_MAX + 1, 300 << 10, 3 * PART_BYTES_MAX];
        // The second round overwrites larger values by smaller ones, and the other way round.
        for round in 0..30 {
            let mut batch = Batch::default();
            let mut expected = Vec::new();
            for key in 0..60_u8 {
                let size = sizes[(usize::from(key) + round) % sizes.len()];
                batch.insert(&[b'k', key], &vec![key; size]);
                expected.push((vec![b'k', key], Bytes::from(vec![key; size])));
            }
            db.apply(batch).unwrap();
            assert!(all(&db) == expected);
        }
        assert_eq!(fs::read_dir(path.join("blobs")).unwrap().count(), 0);
        assert_eq!(
            db.db.last_key(vec![b'k', 0]..=vec![b'k', 255]).unwrap(),
            Some(vec![b'k', 59].into())
        );
        let mut batch = Batch::default();
        for (key, value) in all(&db) {
            batch.remove(&key, &value);
        }
        db.apply(batch).unwrap();
        assert!(all(&db).is_empty());
    }

    #[test]
    fn a_half_written_snapshot_and_a_damaged_one_are_overcome() {
        let (_dir, path) = made();
        fs::write(path.join("snap.0000000000000000.generating"), b"half").unwrap();
        Db::open(&path).unwrap();
        for entry in fs::read_dir(&path).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("snap.") {
                fs::write(entry.path(), b"damaged").unwrap();
            }
        }
        Db::open(&path).unwrap();
    }

    #[test]
    fn a_database_that_opens_empty_was_damaged() {
        let (_dir, path) = made();
        fs::write(path.join("db"), b"").unwrap();
        assert!(matches!(Db::open(&path), Err(SegmentError::Damaged { .. })));
    }

    #[test]
    fn what_a_crash_left_unmarked_is_finished_or_removed() {
        let (_dir, path) = made();
        fs::remove_file(path.join(MADE)).unwrap();
        Db::settle(&path).unwrap();
        assert!(is_made(&path));
        fs::remove_file(path.join(MADE)).unwrap();
        fs::write(path.join("db"), b"half").unwrap();
        Db::settle(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_set_aside_never_replaces_what_was_set_aside_before() {
        let (dir, path) = made();
        assert_eq!(set_aside(&path, "bad-seg").unwrap(), dir.path().join("bad-seg"));
        WriteDb::create(&path, "header", Batch::default()).unwrap();
        assert_eq!(set_aside(&path, "bad-seg").unwrap(), dir.path().join("bad-seg-2"));
    }
}
