//! What the judges of machines were told, as it is kept. Judges take in every reading, and their states together are too
//! large to be written with each. So a commit of telemetry brings along what they were told in it, a few bytes a reading, and
//! now and then all their states are written to a file of their own. After a restart they are taken from the file and told
//! the rest again; what they find then was recorded with the readings that led to it.
//!
//! The buffer writes many commits at once, of which the last state of a name counts; and each state costs it far more than its
//! bytes. So commits that may still go together bring along one growing page: a new one is begun when it has reached the disk.
//!
//! ```text
//! states of the telemetry lane   judgement/told/0000000000000042   a page: version, then who was told what, in order
//! judgement.state                version, number of the first "told" that is not in it, by judge: its state, checksum
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::buffer::States;
use crate::files;
use crate::record::{ChartChange, Timestamp};

const TOLD: &str = "judgement/told/";
const VERSION: u32 = 1;
/// What a page begins with: none of a form that had no version begins with a zero.
const PAGE: [u8; 2] = [0, 2];
/// All states are written after this time, or sooner when much was told: each new segment of the lane copies it.
const WRITTEN_EVERY: Duration = Duration::from_mins(1);
/// But no sooner.
const WRITTEN_APART: Duration = Duration::from_secs(5);
const TOLD_BYTES_DUE: usize = 256 << 10;
/// A page that is this long is not written again, whether it has reached the disk or not.
const PAGE_BYTES_MAX: usize = 8 << 10;
/// When the file cannot be written for so long, the oldest gives way: judges lose what they learnt from it.
const TOLD_BYTES_MAX: usize = 2 << 20;

/// Who was told: a judge, and which of its points it heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ear {
    pub judge: String,
    pub channel: u8,
}

impl Ear {
    /// Of what is about no point, or about the only one.
    pub fn only(judge: &str) -> Self {
        Self {
            judge: judge.to_owned(),
            channel: 0,
        }
    }
}

/// One thing that judges were told. Times are whole milliseconds, so that they are the same when they are read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    at_ms: i64,
    /// Of the gateway's clock; the machine's may be behind.
    heard_after_ms: u32,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    Value(Seen),
    /// Time alone has passed.
    Tick,
    /// A person changed the chart.
    Changed {
        change: ChartChange,
        by: String,
    },
    /// The gateway's clock was set by so much.
    ClockSet {
        by_ms: i64,
    },
}

/// One value of a point, with what was known of the machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Nothing: there is no good one.
    pub value: Option<f64>,
    pub is_running: Option<bool>,
    /// The machine has counted a part since the last value of this point.
    pub is_part: bool,
    pub part: Option<String>,
    pub program: Option<String>,
}

impl Observation {
    pub fn new(at: Timestamp, heard_at: Timestamp, what: What) -> Self {
        let after = (heard_at - at).num_milliseconds();
        Self {
            at_ms: at.timestamp_millis(),
            heard_after_ms: u32::try_from(after.max(0)).unwrap_or(u32::MAX),
            what,
        }
    }

    pub fn at(&self) -> Timestamp {
        DateTime::from_timestamp_millis(self.at_ms).unwrap_or_default()
    }

    pub fn heard_at(&self) -> Timestamp {
        self.at() + TimeDelta::milliseconds(self.heard_after_ms.into())
    }
}

/// The states of all judges at one moment.
#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint {
    version: u32,
    /// What was told from this number on is not in it.
    told_before: u64,
    /// By the judge's name.
    judges: BTreeMap<String, Vec<u8>>,
}

impl Checkpoint {
    fn write(&self, file: &Path) -> io::Result<()> {
        let mut encoded = postcard::to_allocvec(self).map_err(io::Error::other)?;
        encoded.extend_from_slice(&crc32fast::hash(&encoded).to_le_bytes());
        files::replace(file, &encoded)
    }

    /// What was written last; nothing when there is none that can be read.
    fn read(file: &Path) -> Option<Self> {
        let encoded = match std::fs::read(file) {
            Ok(encoded) => encoded,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::error!(%error, file = %file.display(), "what judges had learnt cannot be read: they begin anew");
                return None;
            }
        };
        let whole = encoded
            .split_last_chunk()
            .filter(|(body, sum)| crc32fast::hash(body).to_le_bytes() == **sum);
        let checkpoint = whole.and_then(|(body, _)| postcard::from_bytes::<Self>(body).ok());
        let checkpoint = checkpoint.filter(|checkpoint| checkpoint.version == VERSION);
        if checkpoint.is_none() {
            tracing::error!(file = %file.display(), "what judges had learnt is damaged or of another version: they begin anew");
        }
        checkpoint
    }
}

/// What a restart finds: the states of the file, and what was told after it, in order.
#[derive(Debug, Default)]
pub struct Kept {
    pub states: BTreeMap<String, Vec<u8>>,
    pub told: Vec<(Vec<Ear>, Observation)>,
}

#[derive(Debug)]
pub struct Journal {
    file: PathBuf,
    /// The page that is being written: those who were told, and what.
    page: Vec<u8>,
    /// Its number.
    number: u64,
    /// It has grown since the last commit.
    has_grown: bool,
    /// Number and bytes of the pages that are not in the file.
    told: BTreeMap<u64, usize>,
    told_bytes: usize,
    /// The newest page that has reached the disk.
    on_disk: Arc<AtomicU64>,
    /// In the file or of no use, and to be forgotten with the next commit.
    is_in_file: Vec<u64>,
    /// Refused by the disk, and to be written with the next commit.
    refused: States,
    /// Everything before this number is in the file.
    written_before: Arc<AtomicU64>,
    /// One at a time: they would stand in each other's way.
    is_writing: Arc<AtomicBool>,
    due_since: Option<Timestamp>,
}

impl Journal {
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            page: Vec::new(),
            number: 1,
            has_grown: false,
            told: BTreeMap::new(),
            told_bytes: 0,
            on_disk: Arc::default(),
            is_in_file: Vec::new(),
            refused: States::new(),
            written_before: Arc::default(),
            is_writing: Arc::default(),
            due_since: None,
        }
    }

    /// Takes everything back to what is on disk.
    pub fn restore(&mut self, states: &States) -> Kept {
        let checkpoint = Checkpoint::read(&self.file);
        let (told_before, judges) = checkpoint.map_or_else(Default::default, |c| (c.told_before, c.judges));
        *self = Self::new(std::mem::take(&mut self.file));
        self.number = told_before.max(1);
        let mut kept = Kept {
            states: judges,
            told: Vec::new(),
        };
        let mut unread = Vec::new();
        for (name, value) in states {
            let Some(number) = name.strip_prefix(TOLD).and_then(|number| number.parse().ok()) else {
                continue;
            };
            self.number = self.number.max(number + 1);
            if number < told_before {
                self.is_in_file.push(number);
                continue;
            }
            let Some(mut rest) = value.strip_prefix(&PAGE) else {
                unread.push(number);
                continue;
            };
            self.told.insert(number, value.len());
            self.told_bytes += value.len();
            while !rest.is_empty() {
                match postcard::take_from_bytes(rest) {
                    Ok((told, after)) => {
                        kept.told.push(told);
                        rest = after;
                    }
                    Err(error) => {
                        tracing::error!(%error, number, "what judges were told cannot be read back");
                        break;
                    }
                }
            }
        }
        if !unread.is_empty() {
            let pages = unread.len();
            tracing::warn!(
                pages,
                "what judges were told last is of another version and is set aside"
            );
            self.is_in_file.append(&mut unread);
        }
        kept
    }

    /// Takes down what all of these were told, once.
    pub fn note(&mut self, ears: &[Ear], observation: &Observation) {
        if !self.has_grown && self.is_page_full() {
            self.turn();
        }
        self.has_grown = true;
        let mut page = std::mem::take(&mut self.page);
        if page.is_empty() {
            page.extend(PAGE);
        }
        self.page = postcard::to_extend(&(ears, observation), page).expect("names and numbers always encode");
    }

    fn is_page_full(&self) -> bool {
        self.page.len() >= PAGE_BYTES_MAX || self.on_disk.load(Ordering::Acquire) >= self.number
    }

    /// Begins a new page.
    fn turn(&mut self) {
        self.page.clear();
        self.number += 1;
    }

    /// What goes to disk with the readings of this commit, if there is something; what is given is to be called then.
    pub fn commit(&mut self, states: &mut States) -> Option<impl FnOnce() + Send + use<>> {
        if !std::mem::take(&mut self.has_grown) {
            return None;
        }
        states.append(&mut self.refused);
        let written_before = self.written_before.load(Ordering::Acquire);
        while let Some(oldest) = self.told.first_entry().filter(|oldest| *oldest.key() < written_before) {
            let (number, bytes) = oldest.remove_entry();
            self.is_in_file.push(number);
            self.told_bytes -= bytes;
        }
        for number in self.is_in_file.drain(..) {
            states.insert(name_of(number), Bytes::new());
        }
        self.told_bytes += self.page.len();
        self.told_bytes -= self.told.insert(self.number, self.page.len()).unwrap_or_default();
        states.insert(name_of(self.number), Bytes::copy_from_slice(&self.page));
        while self.told_bytes > TOLD_BYTES_MAX
            && let Some((oldest, bytes)) = self.told.pop_first()
        {
            self.told_bytes -= bytes;
            states.insert(name_of(oldest), Bytes::new());
        }
        let (number, on_disk) = (self.number, Arc::clone(&self.on_disk));
        Some(move || {
            on_disk.fetch_max(number, Ordering::Release);
        })
    }

    /// What a commit was to bring to the disk, which refused it.
    pub fn take_back(&mut self, states: States) {
        self.refused
            .extend(states.into_iter().filter(|(name, _)| name.starts_with(TOLD)));
    }

    /// Whether something was told since they were written, and nobody is writing.
    pub fn may_be_written(&self) -> bool {
        !self.told.is_empty() && !self.is_writing.load(Ordering::Acquire)
    }

    /// Whether all states are to be written now: what was told is on its way to the disk, and old or much.
    pub fn is_due(&mut self, now: Timestamp) -> bool {
        if !self.may_be_written() {
            return false;
        }
        let since = *self.due_since.get_or_insert(now);
        let age = (now - since).to_std().unwrap_or_default();
        let is_much = age >= WRITTEN_APART && self.told_bytes >= TOLD_BYTES_DUE;
        let is_due = age >= WRITTEN_EVERY || is_much;
        if is_due {
            self.due_since = None;
        }
        is_due
    }

    /// As much time has passed as before.
    pub fn clock_was_set(&mut self, by: TimeDelta) {
        self.due_since = self.due_since.map(|since| since + by);
    }

    /// Writes the states, which are those after the last commit. To be called once that commit is on disk: a state must not
    /// know of readings that may come again, nor of alarms that may be lost.
    pub fn checkpoint(&mut self, judges: BTreeMap<String, Vec<u8>>) -> impl FnOnce() + Send + use<> {
        // What is told from now on is not in the states.
        self.turn();
        let (file, written_before) = (self.file.clone(), Arc::clone(&self.written_before));
        let is_writing = Arc::clone(&self.is_writing);
        is_writing.store(true, Ordering::Release);
        // Also when it is never called, for the commit was refused.
        let done = Done(is_writing);
        let checkpoint = Checkpoint {
            version: VERSION,
            told_before: self.number,
            judges,
        };
        move || {
            match checkpoint.write(&file) {
                Ok(()) => {
                    written_before.fetch_max(checkpoint.told_before, Ordering::Release);
                }
                Err(error) => {
                    tracing::warn!(%error, file = %file.display(), "what judges have learnt cannot be written");
                }
            }
            drop(done);
        }
    }
}

struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn name_of(number: u64) -> String {
    format!("{TOLD}{number:016}")
}

#[cfg(test)]
mod tests;
