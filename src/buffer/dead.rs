//! Dead letters: messages that an upstream refused for good, with its reason. They wait for a person, who corrects and
//! resubmits them or discards them. Reports wait for ever; of telemetry the latest are kept.
//!
//! One database; key: `m/`, message id, `/`, upstream name; value: the letter as JSON.

use std::collections::{HashSet, VecDeque};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::db::{self, Batch, Db, SegmentError, WriteDb};
use crate::record::{Lane, Seq};

/// Refused telemetry that is kept for people to look at.
const TELEMETRY_LETTERS_MAX: usize = 10_000;
const HEADER: &str = "dead letters";

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeadLetter {
    pub message_id: String,
    pub upstream: String,
    pub lane: Lane,
    #[schema(value_type = u64)]
    pub sequence: Seq,
    pub message_type: String,
    /// The upstream's code, or the HTTP status.
    pub code: String,
    pub detail: String,
    /// When it was refused, RFC 3339.
    pub since: String,
    /// The message as it was sent.
    #[schema(value_type = Object)]
    pub message: Box<RawValue>,
}

#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    /// Nothing after a failure, until it can be opened again.
    open: Mutex<Option<OpenLetters>>,
    /// sled counts by walking; this is asked for every second.
    count: AtomicU64,
    /// Telemetry that gave way since it was last told of.
    gave_way: Mutex<Option<GaveWay>>,
}

/// Letters of telemetry that newer ones took the place of.
#[derive(Debug, Clone, Copy)]
pub struct GaveWay {
    pub count: u64,
    pub first: Seq,
    pub last: Seq,
}

impl GaveWay {
    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

#[derive(Debug)]
struct OpenLetters {
    db: WriteDb,
    /// Oldest first.
    telemetry_keys: VecDeque<Vec<u8>>,
}

impl DeadLetters {
    /// Opens the letters, or begins them. Returns where damaged ones were set aside: lost to the gateway, not to those who
    /// can dig.
    pub fn open(path: PathBuf) -> Result<(Self, Option<PathBuf>), SegmentError> {
        if path.exists() {
            Db::settle(&path)?;
        }
        if !path.exists() {
            WriteDb::create(&path, HEADER, Batch::default())?;
        }
        let (open, aside) = match OpenLetters::open(&path) {
            Err(SegmentError::Damaged { .. }) => {
                let aside = db::set_aside(&path, "bad-dead")?;
                WriteDb::create(&path, HEADER, Batch::default())?;
                (OpenLetters::open(&path)?, Some(aside))
            }
            other => (other?, None),
        };
        let letters = Self {
            path,
            count: AtomicU64::new(count(&open.db.db)?),
            open: Mutex::new(Some(open)),
            gave_way: Mutex::default(),
        };
        Ok((letters, aside))
    }

    /// Durable when it returns, so that the cursor may pass the message.
    pub fn put(&self, letters: &[DeadLetter]) -> Result<(), SegmentError> {
        self.with(|open| {
            let (mut batch, mut keys) = (Batch::default(), HashSet::new());
            let (mut added, mut gave_way) = (0, None::<GaveWay>);
            for letter in letters {
                let key = format!("m/{}/{}", letter.message_id, letter.upstream).into_bytes();
                let is_new = !open.holds(&key)? && keys.insert(key.clone());
                added += u64::from(is_new);
                if is_new && letter.lane == Lane::Telemetry {
                    open.telemetry_keys.push_back(key.clone());
                }
                batch.insert(&key, &serde_json::to_vec(letter).expect("a letter has text keys"));
            }
            while open.telemetry_keys.len() > TELEMETRY_LETTERS_MAX
                && let Some(oldest) = open.telemetry_keys.pop_front()
            {
                open.db.db.scan(oldest.clone()..=oldest, |key, value| {
                    let letter: DeadLetter = serde_json::from_slice(&value).map_err(|e| open.db.db.damaged(&e))?;
                    let this = GaveWay {
                        count: 1,
                        first: letter.sequence,
                        last: letter.sequence,
                    };
                    gave_way = Some(gave_way.map_or(this, |others| others.and(this)));
                    batch.remove(key, &value);
                    Ok(true)
                })?;
            }
            open.db.apply(batch)?;
            self.count.fetch_add(added, Ordering::Relaxed);
            if let Some(gone) = gave_way {
                self.count.fetch_sub(gone.count, Ordering::Relaxed);
                let mut told = self.gave_way.lock().unwrap_or_else(PoisonError::into_inner);
                *told = Some(told.map_or(gone, |others| others.and(gone)));
            }
            Ok(())
        })
    }

    /// Letters that gave way since the last call.
    pub fn take_gave_way(&self) -> Option<GaveWay> {
        self.gave_way.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Forgets the letters of one message that are meant.
    pub fn remove(&self, message_id: &str, is_meant: impl Fn(&DeadLetter) -> bool) -> Result<usize, SegmentError> {
        self.with(|open| {
            let mut batch = Batch::default();
            let mut removed = 0;
            open.db.db.scan(keys_of(&format!("{message_id}/")), |key, value| {
                let letter: DeadLetter = serde_json::from_slice(&value).map_err(|e| open.db.db.damaged(&e))?;
                if !is_meant(&letter) {
                    return Ok(true);
                }
                open.telemetry_keys.retain(|known| *known != key);
                batch.remove(key, &value);
                removed += 1;
                Ok(true)
            })?;
            open.db.apply(batch)?;
            self.count.fetch_sub(removed as u64, Ordering::Relaxed);
            Ok(removed)
        })
    }

    /// The letters whose id starts with the given text, all for the empty one.
    pub fn list(&self, id_prefix: &str, limit: usize) -> Result<Vec<DeadLetter>, SegmentError> {
        self.with(|open| list(&open.db.db, id_prefix, limit))
    }

    pub fn list_after(&self, letter: &str, limit: usize) -> Result<Vec<DeadLetter>, SegmentError> {
        let from = [b"m/", letter.as_bytes(), &[0]].concat();
        let keys = from..=keys_of("").into_inner().1;
        self.with(|open| read(&open.db.db, keys, limit))
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Does something with the open database, which is opened afresh after a failure.
    fn with<T>(&self, act: impl FnOnce(&mut OpenLetters) -> Result<T, SegmentError>) -> Result<T, SegmentError> {
        let mut slot = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match slot.take() {
            Some(open) => open,
            None => OpenLetters::open(&self.path)?,
        };
        let done = act(&mut open)?;
        *slot = Some(open);
        Ok(done)
    }
}

impl OpenLetters {
    fn holds(&self, key: &[u8]) -> Result<bool, SegmentError> {
        let found = self.db.db.last_key(key.to_vec()..=key.to_vec())?;
        Ok(found.is_some())
    }

    fn open(path: &Path) -> Result<Self, SegmentError> {
        let db = WriteDb::open(path)?;
        let mut telemetry_keys = Vec::new();
        db.db.scan(keys_of(""), |key, value| {
            let letter: DeadLetter = serde_json::from_slice(&value).map_err(|e| db.db.damaged(&e))?;
            if letter.lane == Lane::Telemetry {
                telemetry_keys.push((letter.since, letter.sequence, key.to_vec()));
            }
            Ok(true)
        })?;
        telemetry_keys.sort();
        let telemetry_keys = telemetry_keys.into_iter().map(|(_, _, key)| key).collect();
        Ok(Self { db, telemetry_keys })
    }
}

/// Letters in a database, those whose id starts with the given text.
pub fn list(db: &Db, id_prefix: &str, limit: usize) -> Result<Vec<DeadLetter>, SegmentError> {
    read(db, keys_of(id_prefix), limit)
}

fn read(db: &Db, keys: RangeInclusive<Vec<u8>>, limit: usize) -> Result<Vec<DeadLetter>, SegmentError> {
    let mut letters = Vec::new();
    db.scan(keys, |_, value| {
        if letters.len() < limit {
            letters.push(serde_json::from_slice(&value).map_err(|e| db.damaged(&e))?);
        }
        Ok(letters.len() < limit)
    })?;
    Ok(letters)
}

fn count(db: &Db) -> Result<u64, SegmentError> {
    let mut count = 0;
    db.scan(keys_of(""), |_, _| {
        count += 1;
        Ok(true)
    })?;
    Ok(count)
}

fn keys_of(id_prefix: &str) -> RangeInclusive<Vec<u8>> {
    let from = [b"m/", id_prefix.as_bytes()].concat();
    let to = [&from[..], &[0xff]].concat();
    from..=to
}
