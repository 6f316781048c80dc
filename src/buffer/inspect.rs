//! Looking into the buffer of a stopped gateway without touching it: sled writes whenever it opens, so each segment is
//! copied to a temporary folder and opened there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cursor::{self, Places};
use super::dead::{DeadLetter, DeadLetters};
use super::segment::{self, Segment, SegmentError};
use crate::record::{Lane, Seq};
use crate::wire::Entry;

#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error("{0} holds no buffer; give the gateway's data_dir, or its `buffer` folder")]
    NoBuffer(PathBuf),
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
        fs::create_dir(&path)?;
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
        let scratch = Scratch::new().map_err(|e| unreadable(&std::env::temp_dir(), &e))?;
        Ok(Self { dir, scratch })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn epoch(&self) -> Option<u64> {
        fs::read_to_string(self.dir.join("epoch")).ok()?.trim().parse().ok()
    }

    /// First sequences of a lane's segments, and the bytes each takes.
    pub fn segments(&self, lane: Lane) -> Result<Vec<(Seq, u64)>, InspectError> {
        let lane_dir = self.dir.join(lane.name());
        let firsts = segment::list(&lane_dir).map_err(|e| unreadable(&lane_dir, &e))?;
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

    /// Gives every record of a lane, in order. Fails where a segment cannot be read, after what stands before it.
    pub fn read(&self, lane: Lane, mut take: impl FnMut(Entry)) -> Result<(), InspectError> {
        let lane_dir = self.dir.join(lane.name());
        let copies = self.scratch.0.join(lane.name());
        let firsts = segment::list(&lane_dir).map_err(|e| unreadable(&lane_dir, &e))?;
        for first in firsts {
            let name = format!("seg-{first:016x}");
            let copy = copies.join(&name);
            copy_tree(&lane_dir.join(&name), &copy).map_err(|e| unreadable(&lane_dir.join(&name), &e))?;
            let read = Segment::open(&copies, first).and_then(|segment| {
                segment.read(first, |entry| {
                    take(entry);
                    true
                })
            });
            read.map_err(|e| unreadable(&lane_dir.join(&name), &e))?;
            fs::remove_dir_all(&copy).map_err(|e| unreadable(&copy, &e))?;
        }
        Ok(())
    }

    pub fn dead_letters(&self, id_prefix: &str, limit: usize) -> Result<Vec<DeadLetter>, InspectError> {
        let path = self.dir.join("dead");
        if !path.is_dir() {
            return Ok(Vec::new());
        }
        let copy = self.scratch.0.join("dead");
        copy_tree(&path, &copy).map_err(|e| unreadable(&path, &e))?;
        let letters = DeadLetters::open(copy.clone())
            .map_err(|e| unreadable(&path, &e))?
            .list(id_prefix, limit);
        fs::remove_dir_all(&copy).map_err(|e| unreadable(&copy, &e))?;
        Ok(letters)
    }

    /// Sequence after the last record of a lane.
    pub fn next(&self, lane: Lane) -> Result<Seq, InspectError> {
        let mut next = 1;
        let lane_dir = self.dir.join(lane.name());
        if let Some(first) = segment::list(&lane_dir).map_err(|e| unreadable(&lane_dir, &e))?.last() {
            let name = format!("seg-{first:016x}");
            let copies = self.scratch.0.join("newest");
            copy_tree(&lane_dir.join(&name), &copies.join(&name)).map_err(|e| unreadable(&lane_dir, &e))?;
            let opened: Result<Seq, SegmentError> = Segment::open(&copies, *first).and_then(|segment| segment.next());
            next = opened.map_err(|e| unreadable(&lane_dir.join(&name), &e))?;
            fs::remove_dir_all(&copies).map_err(|e| unreadable(&copies, &e))?;
        }
        Ok(next)
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
