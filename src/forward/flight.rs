//! A batch under way: one part at first; halves after a refusal, down to the one message that is refused alone; what the
//! upstream wants to be sent again after an answer that asks for it. Pure: what is sent and what came back decide.

use std::collections::{HashMap, VecDeque};
use std::io::Write;

use bytes::Bytes;
use chrono::DateTime;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::http::Compression;
use super::{Body, Settings};
use crate::buffer::DeadLetter;
use crate::record::{Lane, Record, Seq, Timestamp};
use crate::wire::{self, Answer, Entry, OutcomeStatus};

/// Telemetry that is still to be tried again after so many answers, while what came with it was dealt with, is set aside, or it
/// would hold up its lane for ever. Where nothing is dealt with the receiver is in trouble, which passes; of a message that
/// came alone that is believed for hours.
const RETRY_ANSWERS_MAX: u32 = 20;
const RETRY_ANSWERS_ALONE_MAX: u32 = 240;

/// Fast rather than small: five times less work than the usual level, for a third more bytes.
const GZIP_LEVEL: u32 = 1;
const ZSTD_LEVEL: i32 = 1;

#[derive(Debug)]
pub struct Flight {
    lane: Lane,
    /// Where the lane stands once all parts are dealt with.
    pub end: Seq,
    parts: VecDeque<Part>,
    pub refused: Vec<DeadLetter>,
}

/// One request: the same id and bytes at each attempt.
#[derive(Debug)]
pub struct Part {
    pub batch_id: Uuid,
    pub body: Bytes,
    entries: Vec<Entry>,
    pub(super) retry_answers: u32,
    /// Messages that came with these were stored, or refused.
    are_others_settled: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub stored: u64,
    pub rejected: u64,
    pub is_to_retry: bool,
}

impl Flight {
    pub fn new(settings: &Settings, epoch: u64, lane: Lane, entries: Vec<Entry>, end: Seq) -> Self {
        let parts = if entries.is_empty() {
            VecDeque::new()
        } else {
            VecDeque::from([Part::new(settings, epoch, lane, entries, 0)])
        };
        Self {
            lane,
            end,
            parts,
            refused: Vec::new(),
        }
    }

    pub fn next_part(&mut self) -> Option<&Part> {
        self.parts.front()
    }

    /// When the oldest record of the batch was accepted.
    pub fn oldest(&self) -> Option<Timestamp> {
        let json = &self.parts.front()?.entries.first()?.json;
        let text = std::str::from_utf8(json).ok()?;
        let stamp = text.split("\"timestamp\":\"").nth(1)?.split('"').next()?;
        DateTime::parse_from_rfc3339(stamp).ok().map(|at| at.to_utc())
    }

    /// The first part was refused as a whole: its halves are tried, or, when it is one message, it becomes a dead letter.
    /// Returns how many were given up.
    pub fn split(&mut self, settings: &Settings, epoch: u64, cause: &str) -> u64 {
        let Some(mut part) = self.parts.pop_front() else {
            return 0;
        };
        if part.entries.len() == 1 {
            let code = cause.split_whitespace().next().unwrap_or("refused").to_owned();
            self.refused.extend(
                part.entries
                    .iter()
                    .map(|entry| letter(settings, epoch, self.lane, entry, &code, cause)),
            );
            return 1;
        }
        let second = part.entries.split_off(part.entries.len() / 2);
        for half in [second, part.entries] {
            let half = Part::new(settings, epoch, self.lane, half, part.retry_answers);
            self.parts.push_front(Part {
                are_others_settled: part.are_others_settled,
                ..half
            });
        }
        0
    }

    /// The first part was answered: what is not named was stored.
    pub fn take_answer(&mut self, settings: &Settings, epoch: u64, answer: &Answer) -> Outcome {
        let Some(part) = self.parts.pop_front() else {
            return Outcome::default();
        };
        let total = part.entries.len() as u64;
        // A report is tried for as long as it takes.
        let retries_max = match part.entries.len() {
            _ if part.are_others_settled => RETRY_ANSWERS_MAX,
            1 => RETRY_ANSWERS_ALONE_MAX,
            _ => u32::MAX,
        };
        let are_used_up = self.lane == Lane::Telemetry && part.retry_answers >= retries_max;
        let named: HashMap<String, &wire::Outcome> = answer
            .results
            .iter()
            .map(|outcome| (outcome.message_id.to_string(), outcome))
            .collect();
        let mut outcome = Outcome::default();
        let mut again = Vec::new();
        for entry in part.entries {
            let Some(said) = Record::message_id(&entry.json).and_then(|id| named.get(id)) else {
                continue;
            };
            match said.status {
                OutcomeStatus::Retry if !are_used_up => again.push(entry),
                OutcomeStatus::Retry => {
                    let detail = format!(
                        "still to be tried again after many answers: {} {}",
                        said.code, said.detail
                    );
                    self.refused
                        .push(letter(settings, epoch, self.lane, &entry, "retries_used_up", &detail));
                    outcome.rejected += 1;
                }
                OutcomeStatus::Rejected => {
                    self.refused
                        .push(letter(settings, epoch, self.lane, &entry, &said.code, &said.detail));
                    outcome.rejected += 1;
                }
                OutcomeStatus::Accepted => {}
            }
        }
        outcome.is_to_retry = !again.is_empty();
        outcome.stored = total - outcome.rejected - again.len() as u64;
        if !again.is_empty() {
            let are_others_settled = part.are_others_settled || outcome.stored + outcome.rejected > 0;
            let again = Part::new(settings, epoch, self.lane, again, part.retry_answers + 1);
            self.parts.push_front(Part {
                are_others_settled,
                ..again
            });
        }
        outcome
    }
}

impl Part {
    fn new(settings: &Settings, epoch: u64, lane: Lane, entries: Vec<Entry>, retry_answers: u32) -> Self {
        let batch_id = batch_id(settings, epoch, lane, &entries);
        let body = match (settings.body, entries.as_slice()) {
            (Body::Webhook, [entry]) => wire::encode_notice(&settings.gateway_id, lane, epoch, entry),
            _ => wire::encode_batch(&settings.gateway_id, batch_id, lane, epoch, &entries),
        };
        let body = compress(body, settings.http.compression);
        Self {
            batch_id,
            body,
            entries,
            retry_answers,
            are_others_settled: false,
        }
    }
}

/// Follows from the composition and how it is sent: the same bytes have the same id, also after a restart, and others another.
fn batch_id(settings: &Settings, epoch: u64, lane: Lane, entries: &[Entry]) -> Uuid {
    let encoding = settings.http.compression.name();
    let mut name = format!("{}/{}/{epoch}/{lane}/{encoding}", settings.gateway_id, settings.name).into_bytes();
    for entry in entries {
        name.extend_from_slice(&entry.seq.to_le_bytes());
    }
    Uuid::new_v5(&Uuid::NAMESPACE_URL, &name)
}

fn compress(body: Vec<u8>, compression: Compression) -> Bytes {
    const FITS: &str = "writing to memory does not fail";
    match compression {
        Compression::None => body.into(),
        Compression::Gzip => {
            let smaller = Vec::with_capacity(body.len() / 4);
            let mut encoder = flate2::write::GzEncoder::new(smaller, flate2::Compression::new(GZIP_LEVEL));
            encoder.write_all(&body).expect(FITS);
            encoder.finish().expect(FITS).into()
        }
        Compression::Zstd => zstd::bulk::compress(&body, ZSTD_LEVEL).expect(FITS).into(),
    }
}

fn letter(settings: &Settings, epoch: u64, lane: Lane, entry: &Entry, code: &str, detail: &str) -> DeadLetter {
    let mut message = Vec::new();
    wire::encode_message(lane, epoch, entry, &mut message);
    let message = String::from_utf8(message)
        .ok()
        .and_then(|text| RawValue::from_string(text).ok());
    DeadLetter {
        message_id: Record::message_id(&entry.json).unwrap_or_default().to_owned(),
        upstream: settings.name.clone(),
        lane,
        sequence: entry.seq,
        message_type: entry.kind.message_type().to_owned(),
        code: code.to_owned(),
        detail: detail.to_owned(),
        since: settings.zone.rfc3339(chrono::Utc::now()),
        message: message.unwrap_or_else(|| RawValue::NULL.to_owned()),
    }
}
