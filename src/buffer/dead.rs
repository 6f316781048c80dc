//! Dead letters: messages that an upstream refused for good, with its reason. They wait for a person, who corrects and
//! resubmits them or discards them. Reports wait for ever; of telemetry the latest are kept.
//!
//! One sled database; key: message id (36 bytes of text), `/`, upstream name; value: the letter as JSON.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::disk;
use super::segment::{SegmentError, open_db};
use crate::record::{Lane, Seq};

/// Refused telemetry that is kept for people to look at.
const TELEMETRY_LETTERS_MAX: usize = 10_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    pub message_id: String,
    pub upstream: String,
    pub lane: Lane,
    pub sequence: Seq,
    pub message_type: String,
    /// The upstream's code, or the HTTP status.
    pub code: String,
    pub detail: String,
    /// When it was refused, RFC 3339.
    pub since: String,
    /// The message as it was sent.
    pub message: Box<RawValue>,
}

#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    db: sled::Db,
    data: File,
    /// Oldest first.
    telemetry_keys: Mutex<VecDeque<sled::IVec>>,
    /// sled counts by walking; this is asked for every second.
    count: AtomicU64,
}

impl DeadLetters {
    pub fn open(path: PathBuf) -> Result<Self, SegmentError> {
        let is_new = !path.join("conf").exists();
        let db = match open_db(&path) {
            Err(SegmentError::Damaged { .. }) => {
                // The letters are lost to the gateway, but the files stay for those who can dig.
                let aside = path.with_extension(format!("bad-{}", std::process::id()));
                fs::rename(&path, aside)?;
                open_db(&path)?
            }
            other => other?,
        };
        if is_new {
            disk::sync_tree(&path)?;
            disk::sync_dir(path.parent().unwrap_or(Path::new(".")))?;
        }
        let data = File::open(path.join("db"))?;
        let mut telemetry_keys = Vec::new();
        for (key, value) in db.iter().flatten() {
            if let Ok(letter) = serde_json::from_slice::<DeadLetter>(&value)
                && letter.lane == Lane::Telemetry
            {
                telemetry_keys.push((letter.sequence, key));
            }
        }
        telemetry_keys.sort();
        let telemetry_keys = Mutex::new(telemetry_keys.into_iter().map(|(_, key)| key).collect());
        let count = AtomicU64::new(db.len() as u64);
        Ok(Self {
            path,
            db,
            data,
            telemetry_keys,
            count,
        })
    }

    /// Durable when it returns, so that the cursor may pass the message.
    pub fn put(&self, letters: &[DeadLetter]) -> Result<(), SegmentError> {
        let mut keys = self.telemetry_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = sled::Batch::default();
        for letter in letters {
            let key = sled::IVec::from(format!("{}/{}", letter.message_id, letter.upstream).into_bytes());
            if letter.lane == Lane::Telemetry {
                keys.push_back(key.clone());
            }
            batch.insert(key, serde_json::to_vec(letter).expect("a letter has text keys"));
        }
        while keys.len() > TELEMETRY_LETTERS_MAX {
            batch.remove(keys.pop_front().expect("longer than its limit"));
        }
        self.apply(batch)
    }

    pub fn remove(&self, message_id: &str) -> Result<usize, SegmentError> {
        let mut batch = sled::Batch::default();
        let mut removed = 0;
        for (key, _) in self.db.scan_prefix(message_id.as_bytes()).flatten() {
            batch.remove(key);
            removed += 1;
        }
        self.apply(batch)?;
        Ok(removed)
    }

    fn apply(&self, batch: sled::Batch) -> Result<(), SegmentError> {
        self.db
            .apply_batch(batch)
            .and_then(|()| self.db.flush())
            .map_err(|error| match error {
                sled::Error::Io(error) => SegmentError::from(error),
                other => SegmentError::Damaged {
                    path: self.path.clone(),
                    cause: other.to_string(),
                },
            })?;
        self.data.sync_data()?;
        self.count.store(self.db.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The letters whose id starts with the given text, all for the empty one.
    pub fn list(&self, id_prefix: &str, limit: usize) -> Vec<DeadLetter> {
        let letters = self.db.scan_prefix(id_prefix.as_bytes()).flatten();
        letters
            .filter_map(|(_, value)| serde_json::from_slice(&value).ok())
            .take(limit)
            .collect()
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// For errors that the caller can only report.
impl From<SegmentError> for io::Error {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Full(error) | SegmentError::Failed(error) => error,
            damaged @ SegmentError::Damaged { .. } => Self::new(io::ErrorKind::InvalidData, damaged.to_string()),
        }
    }
}
