//! Looking into the buffer of a stopped gateway without touching it: sled writes whenever it opens, so each segment is
//! copied to a temporary folder and opened there.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::cursor::{self, Places};
use super::db::{self, Db};
use super::dead::{self, DeadLetter};
use super::segment::{self, Segment};
use super::{DEAD_LETTERS, SegmentError};
use crate::record::{Lane, Seq};
use crate::wire::Entry;

#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("{0} holds no buffer; give the gateway's data_dir, or its `buffer` folder")]
    NoBuffer(PathBuf),
    #[error("a gateway runs on {0}; use --config, so that it is asked, or stop it first")]
    Held(PathBuf),
    #[error("cannot read {path}: {cause}")]
    Unreadable { path: PathBuf, cause: String },
}

/// A stopped gateway's buffer, seen from outside.
#[derive(Debug)]
pub struct Inspection {
    dir: PathBuf,
    scratch: Scratch,
}

/// A temporary folder that goes when it is dropped.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("lineside-{}-{:08x}", std::process::id(), fastrand::u32(..)));
        // Data of people and plants is for their user only, also here.
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Inspection {
    /// `dir` is a gateway's `data_dir` or the `buffer` folder in it.
    pub fn open(dir: &Path) -> Result<Self, InspectError> {
        let found = [dir.join("buffer"), dir.to_owned()]
            .into_iter()
            .find(|d| d.join("report").is_dir());
        let dir = found.ok_or_else(|| InspectError::NoBuffer(dir.to_owned()))?;
        if fs::File::open(dir.join("lock")).is_ok_and(|lock| lock.try_lock_shared().is_err()) {
            return Err(InspectError::Held(dir));
        }
        let scratch = Scratch::new().map_err(|e| unreadable(&std::env::temp_dir(), &e))?;
        Ok(Self { dir, scratch })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn epoch(&self) -> Option<u64> {
        fs::read_to_string(self.dir.join("epoch")).ok()?.trim().parse().ok()
    }

    /// The folder of a lane, and the first sequences of its segments.
    fn firsts(&self, lane: Lane) -> Result<(PathBuf, Vec<Seq>), InspectError> {
        let lane_dir = self.dir.join(lane.name());
        if !lane_dir.exists() {
            return Ok((lane_dir, Vec::new()));
        }
        let mut firsts = segment::list(&lane_dir).map_err(|e| unreadable(&lane_dir, &e))?;
        firsts.retain(|first| self.is_whole(&segment::path_of(&lane_dir, *first)));
        Ok((lane_dir, firsts))
    }

    /// Whether nothing cut off the making of this database; what it holds may still be damaged.
    fn is_whole(&self, path: &Path) -> bool {
        db::is_made(path) || self.with_copy(path, |copy| Db::open(copy).map(drop)).is_ok()
    }

    /// First sequences of a lane's segments, and the bytes each takes.
    pub fn segments(&self, lane: Lane) -> Result<Vec<(Seq, u64)>, InspectError> {
        let (lane_dir, firsts) = self.firsts(lane)?;
        Ok(firsts
            .into_iter()
            .map(|first| (first, segment::allocated(&lane_dir, first)))
            .collect())
    }

    pub fn cursors(&self) -> Result<Vec<(String, Option<Places>)>, InspectError> {
        let cursor_dir = self.dir.join("cursors");
        let Ok(entries) = fs::read_dir(&cursor_dir) else {
            return Ok(Vec::new());
        };
        let mut cursors = Vec::new();
        for entry in entries.flatten() {
            let places = cursor::peek(&entry.path()).map_err(|e| unreadable(&entry.path(), &e))?;
            cursors.push((entry.file_name().to_string_lossy().into_owned(), places));
        }
        cursors.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(cursors)
    }

    /// Gives every record of a lane that can be read, in order. Fails at the end when some could not be.
    pub fn read(&self, lane: Lane, mut take: impl FnMut(Entry)) -> Result<(), InspectError> {
        let (lane_dir, firsts) = self.firsts(lane)?;
        let mut expected = firsts.first().copied().unwrap_or(1);
        let mut outcome = Ok(());
        for first in firsts {
            let path = segment::path_of(&lane_dir, first);
            if first > expected {
                let cause = format!("records {expected}..{} are missing before it", first - 1);
                outcome = outcome.and(Err(unreadable(&path, &cause)));
            }
            expected = first;
            let read = self.with_copy(&path, |copy| {
                let segment = Segment::open(copy.parent().unwrap_or(copy), first)?;
                segment.read(first, |entry| {
                    expected = entry.seq + 1;
                    take(entry);
                    true
                })
            });
            outcome = outcome.and(read);
        }
        if expected < self.told_end(lane)? {
            let cause = format!(
                "records {expected}..{} are missing at its end",
                self.told_end(lane)? - 1
            );
            outcome = outcome.and(Err(unreadable(&lane_dir, &cause)));
        }
        outcome
    }

    /// How far the lane has got at least: as it was noted apart from the records, and as upstreams have got them.
    fn told_end(&self, lane: Lane) -> Result<Seq, InspectError> {
        let path = self.dir.join("ends");
        let noted = if path.exists() {
            cursor::peek(&path).map_err(|e| unreadable(&path, &e))?
        } else {
            None
        };
        let of_upstreams = self.cursors()?.into_iter().filter_map(|(_, places)| places);
        let known = noted.into_iter().chain(of_upstreams);
        let of_epoch = known.filter(|places| Some(places.epoch) == self.epoch());
        Ok(of_epoch.map(|places| places.lane(lane).next).max().unwrap_or_default())
    }

    pub fn dead_letters(&self, id_prefix: &str, limit: usize) -> Result<Vec<DeadLetter>, InspectError> {
        let path = self.dir.join(DEAD_LETTERS);
        if !path.is_dir() || !self.is_whole(&path) {
            return Ok(Vec::new());
        }
        self.with_copy(&path, |copy| dead::list(&Db::open(copy)?, id_prefix, limit))
    }

    /// Sequence after the last record of a lane.
    pub fn next(&self, lane: Lane) -> Result<Seq, InspectError> {
        let (lane_dir, firsts) = self.firsts(lane)?;
        let Some(first) = firsts.last() else { return Ok(1) };
        self.with_copy(&segment::path_of(&lane_dir, *first), |copy| {
            Segment::open(copy.parent().unwrap_or(copy), *first)?.next()
        })
    }

    /// Does something with a copy of a database, which goes afterwards.
    fn with_copy<T>(
        &self,
        path: &Path,
        look: impl FnOnce(&Path) -> Result<T, SegmentError>,
    ) -> Result<T, InspectError> {
        let copy = self.scratch.0.join(path.file_name().unwrap_or_default());
        let looked = copy_tree(path, &copy)
            .map_err(SegmentError::from)
            .and_then(|()| look(&copy));
        let removed = if copy.exists() {
            fs::remove_dir_all(&copy)
        } else {
            Ok(())
        };
        let looked = looked.map_err(|e| unreadable(path, &e))?;
        removed.map_err(|e| unreadable(&copy, &e))?;
        Ok(looked)
    }
}

fn unreadable(path: &Path, cause: &dyn std::fmt::Display) -> InspectError {
    InspectError::Unreadable {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
