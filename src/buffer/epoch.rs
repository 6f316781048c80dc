//! When a buffer was made: sequences count within its epoch, and a buffer whose lanes are gone begins a new one.

use std::fs;
use std::io;
use std::path::Path;

use super::log::{self, Log};
use super::segment;
use crate::record::Lane;

pub struct Epoch {
    pub number: u64,
    /// Lanes that had been in use and are gone.
    pub vanished: Vec<Lane>,
}

/// The epoch that the marker tells, or a new one. The marker stands outside of sled: when it is there and a lane is not,
/// data has vanished, and carrying on as if new would be a lie.
pub fn of(dir: &Path, logs: [&Log; 2]) -> io::Result<Epoch> {
    let known = fs::read_to_string(dir.join("epoch")).ok();
    let mut known = known.and_then(|text| text.trim().parse::<u64>().ok());
    let mut missing = Vec::new();
    for log in logs {
        if !log::is_begun(&log.dir)? {
            missing.push(log.lane);
        }
    }
    if known.is_none() && missing.is_empty() {
        // Only the marker was lost: every segment knows its epoch too.
        known = segment::epoch(&logs[0].dir)?;
    }
    let now = u64::try_from(chrono::Utc::now().timestamp()).unwrap_or(1);
    match known {
        Some(number) if missing.is_empty() => Ok(Epoch {
            number,
            vanished: missing,
        }),
        Some(before) => {
            // Marked before anything is written: sequences of the new epoch must never stand under the old one.
            let number = now.max(before + 1);
            mark(dir, number)?;
            Ok(Epoch {
                number,
                vanished: missing,
            })
        }
        // The marker is written after both lanes are begun, so without one and without segments nothing was ever answered.
        None => Ok(Epoch {
            number: now,
            vanished: Vec::new(),
        }),
    }
}

pub fn mark(dir: &Path, epoch: u64) -> io::Result<()> {
    crate::files::replace(&dir.join("epoch"), format!("{epoch}\n").as_bytes())
}
