//! Entries of the audit log, each chained to the one before: what was written can't be changed, left out or put between
//! without every later hash telling. Pure.
//!
//! ```json
//! {"seq":7,"at":"2026-11-21T08:00:00.123+08:00","who":"王工","role":"supervisor","from":"10.0.0.7","action":"discard",
//!  "subject":"buffer/dead-letters/0199…/discard","detail":null,"previous":"…","hash":"…"}
//! ```
//! One line each. `hash` is the SHA-256 of `previous` followed by the line without its `hash` member, byte for byte.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::units;

/// Before the first entry.
pub const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Between an entry and its hash.
const HASH_MEMBER: &str = ",\"hash\":\"";
const HASH_CHARS: usize = BEGIN.len();

/// What is to be kept of a change or a decision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    pub who: String,
    pub role: Option<String>,
    /// The address that it was asked from.
    pub from: Option<String>,
    pub action: String,
    pub subject: String,
    pub detail: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    pub seq: u64,
    pub at: String,
    pub who: String,
    pub role: Option<String>,
    pub from: Option<String>,
    pub action: String,
    pub subject: String,
    pub detail: Value,
    pub previous: String,
    /// Not part of what is hashed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// The end of a chain, which the next entry is tied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub seq: u64,
    pub hash: String,
}

impl Default for End {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: BEGIN.to_owned(),
        }
    }
}

impl End {
    /// Ties an event to the chain; returns its line, without the line's end.
    pub fn tie(&mut self, event: Event, at: String) -> String {
        let entry = Entry {
            seq: self.seq + 1,
            at,
            who: event.who,
            role: event.role,
            from: event.from,
            action: event.action,
            subject: event.subject,
            detail: event.detail,
            previous: std::mem::take(&mut self.hash),
            hash: String::new(),
        };
        let mut line = serde_json::to_string(&entry).expect("entries have text keys and no failing parts");
        self.seq = entry.seq;
        self.hash = hash(&entry.previous, &line);
        line.pop();
        line.push_str(HASH_MEMBER);
        line.push_str(&self.hash);
        line.push_str("\"}");
        line
    }

    /// Reads a line that should come next. Nothing of it is believed unless it fits.
    pub fn follow(&mut self, line: &str) -> Result<Entry, String> {
        let entry = read(line)?;
        if entry.seq != self.seq + 1 {
            return Err(format!("it is number {}, where {} should be", entry.seq, self.seq + 1));
        }
        if entry.previous != self.hash {
            return Err("it does not follow from the entry before".to_owned());
        }
        self.seq = entry.seq;
        self.hash.clone_from(&entry.hash);
        Ok(entry)
    }

    /// Before this entry, where what was before is not there to be looked at.
    pub fn before(entry: &Entry) -> Self {
        Self {
            seq: entry.seq.saturating_sub(1),
            hash: entry.previous.clone(),
        }
    }
}

/// An entry that is whole in itself.
pub fn read(line: &str) -> Result<Entry, String> {
    let (bare, stated) = line
        .strip_suffix("\"}")
        .and_then(|line| line.split_at_checked(line.len().checked_sub(HASH_CHARS)?))
        .and_then(|(bare, hash)| Some((bare.strip_suffix(HASH_MEMBER)?, hash)))
        .ok_or("it is no entry")?;
    let hashed = format!("{bare}}}");
    let mut entry: Entry = serde_json::from_str(&hashed).map_err(|error| format!("it is no entry: {error}"))?;
    if hash(&entry.previous, &hashed) != stated {
        return Err("its hash is that of another text".to_owned());
    }
    stated.clone_into(&mut entry.hash);
    Ok(entry)
}

fn hash(previous: &str, text: &str) -> String {
    digest(&[previous.as_bytes(), text.as_bytes()])
}

/// SHA-256 as hexadecimal digits.
pub fn digest(parts: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    units::hex(&sha.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn log() -> Vec<String> {
        let mut end = End::default();
        let event = |nth: u64| Event {
            who: "王工".to_owned(),
            role: Some("admin".to_owned()),
            from: None,
            action: "write_point".to_owned(),
            subject: format!("equipment/PRESS-{nth}"),
            detail: json!({"value": 42.5, "hash": "no \"hash\":\" of ours"}),
        };
        (0..5)
            .map(|nth| end.tie(event(nth), "2026-11-21T08:00:00.123+08:00".to_owned()))
            .collect()
    }

    fn verified(text: &[u8]) -> Result<u64, String> {
        let text = std::str::from_utf8(text).map_err(|e| e.to_string())?;
        let mut end = End::default();
        for line in text.strip_suffix('\n').ok_or("torn")?.split('\n') {
            end.follow(line)?;
        }
        Ok(end.seq)
    }

    #[test]
    fn what_was_tied_follows() {
        let text = log().join("\n") + "\n";
        assert_eq!(verified(text.as_bytes()), Ok(5));
    }

    #[test]
    fn an_entry_that_is_left_out_put_between_or_moved_is_noticed() {
        let lines = log();
        let joined = |order: &[usize]| order.iter().map(|&nth| lines[nth].clone() + "\n").collect::<String>();
        for order in [&[0, 1, 3, 4][..], &[1, 2, 3, 4], &[0, 1, 1, 2], &[0, 2, 1, 3]] {
            assert!(verified(joined(order).as_bytes()).is_err(), "{order:?}");
        }
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_noticed(place in any::<prop::sample::Index>(), change in 1..=255_u8) {
            let mut bytes = (log().join("\n") + "\n").into_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            prop_assert!(verified(&bytes).is_err());
        }
    }
}
