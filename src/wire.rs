//! A batch as it travels north: spoken by `forward`, understood by `store`.
//!
//! ```json
//! {"gateway_id":"press-shop-1","batch_id":"…","messages":[
//!   {"lane":"report","epoch":1,"sequence":1234,"message_id":"…","message_type":"…","timestamp":"…",
//!    "priority":8,"source":"station/ST-01","payload":{…}}]}
//! ```
//! Encoding is concatenation: a record was turned into JSON once, at intake, and is not parsed again on the way.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::record::{Kind, Lane, Seq};

/// A record with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub seq: Seq,
    pub kind: Kind,
    pub json: Bytes,
}

/// Bytes that the envelope adds to each message at most, for size limits.
pub const MESSAGE_OVERHEAD: usize = 80;

/// The body of one batch. The same entries always give the same bytes.
pub fn encode_batch(gateway_id: &str, batch_id: Uuid, lane: Lane, epoch: u64, entries: &[Entry]) -> Vec<u8> {
    let size = entries.iter().map(|e| e.json.len() + MESSAGE_OVERHEAD).sum::<usize>() + 128;
    let mut body = Vec::with_capacity(size);
    body.extend_from_slice(b"{\"gateway_id\":\"");
    body.extend_from_slice(gateway_id.as_bytes());
    body.extend_from_slice(b"\",\"batch_id\":\"");
    let mut id_text = [0; 36];
    body.extend_from_slice(batch_id.hyphenated().encode_lower(&mut id_text).as_bytes());
    body.extend_from_slice(b"\",\"messages\":[");
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        encode_message(lane, epoch, entry, &mut body);
    }
    body.extend_from_slice(b"]}");
    body
}

/// One message alone, with the gateway that it comes from.
pub fn encode_notice(gateway_id: &str, lane: Lane, epoch: u64, entry: &Entry) -> Vec<u8> {
    let mut body = format!("{{\"gateway_id\":\"{gateway_id}\",").into_bytes();
    let mut message = Vec::with_capacity(entry.json.len() + MESSAGE_OVERHEAD);
    encode_message(lane, epoch, entry, &mut message);
    body.extend_from_slice(message.strip_prefix(b"{").unwrap_or_default());
    body
}

/// One message with its place in the log, as it stands in a batch.
pub fn encode_message(lane: Lane, epoch: u64, entry: &Entry, body: &mut Vec<u8>) {
    body.extend_from_slice(b"{\"lane\":\"");
    body.extend_from_slice(lane.name().as_bytes());
    body.extend_from_slice(b"\",\"epoch\":");
    body.extend_from_slice(itoa::Buffer::new().format(epoch).as_bytes());
    body.extend_from_slice(b",\"sequence\":");
    body.extend_from_slice(itoa::Buffer::new().format(entry.seq).as_bytes());
    body.push(b',');
    body.extend_from_slice(&entry.json);
}

/// A batch as a receiver reads it. Payloads stay as text until their type is known.
#[derive(Debug, Deserialize)]
pub struct Batch<'a> {
    pub gateway_id: String,
    pub batch_id: String,
    #[serde(borrow)]
    pub messages: Vec<Message<'a>>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct Message<'a> {
    pub message_id: Uuid,
    pub message_type: String,
    pub timestamp: String,
    pub priority: u8,
    pub source: String,
    pub lane: Lane,
    pub epoch: u64,
    #[schema(value_type = u64)]
    pub sequence: Seq,
    #[serde(borrow)]
    #[schema(value_type = Object)]
    pub payload: &'a RawValue,
}

/// What a receiver answers: a message that is not named was stored, or had been before. An object that has none of these
/// members, but others, is not an answer: it comes from something in between, or from another program.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(default)]
    pub accepted: u64,
    #[serde(default)]
    pub duplicate: u64,
    #[serde(default)]
    pub results: Vec<Outcome>,
}

impl Answer {
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let is_told = ["accepted", "duplicate", "results"]
            .iter()
            .any(|name| members.contains_key(*name));
        if !is_told && let Some(other) = members.keys().next() {
            return Err(format!("`{other}`, but no `accepted`, `duplicate` or `results`"));
        }
        serde_json::from_value(members.into()).map_err(|error| error.to_string())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub message_id: Uuid,
    pub status: OutcomeStatus,
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeStatus {
    /// Can never be applied as it is.
    Rejected,
    /// Could not be applied now: a lock, a lost connection.
    Retry,
    /// As if it were not named.
    #[serde(alias = "duplicate")]
    Accepted,
}
