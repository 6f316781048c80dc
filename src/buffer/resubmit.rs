//! Sending a dead letter again: as it was, or with its payload corrected. It becomes a new record with the same message
//! id, so every upstream that took it before recognises it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Buffer, Commit, DeadLetter, RECORD_BYTES_MAX};
use crate::clock::Zone;
use crate::language::Words;
use crate::record::{Feedback, Kind, Lane, Receipt, Record, Seq, Waiting};

/// Telemetry may have to wait for room on the disk for hours; the person who resubmits it does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum ResubmitError {
    #[error("there is no dead letter with the id {0}")]
    Unknown(String),
    #[error("the letter's message can't be read: {0}")]
    Unreadable(String),
    /// A payload is replaced as a whole, so a slip would erase what was said.
    #[error("the corrected payload lacks {} of the letter's; give the whole payload, with null, or [] for a list, for what has to go", listed(.0))]
    Lacking(Vec<String>),
    #[error("the corrected message has {0} bytes; {RECORD_BYTES_MAX} at most")]
    TooLong(usize),
    #[error("the disk did not take it; the letter stays")]
    Refused,
    #[error(
        "the disk has not taken it within {ANSWER_WITHIN:?}; it may still, and the letter stays until it is resubmitted or discarded"
    )]
    Unconfirmed,
    #[error(transparent)]
    Disk(#[from] super::SegmentError),
}

impl ResubmitError {
    pub fn words(&self) -> Words {
        let zh = match self {
            Self::Unknown(id) => format!("没有编号为 {id} 的拒收数据"),
            Self::Unreadable(why) => format!("内容无法读取：{why}"),
            Self::Lacking(names) => format!(
                "更正后的内容缺少 {}：请给出完整内容，要去掉的写 null，列表写 []",
                listed(names)
            ),
            Self::TooLong(bytes) => format!("更正后的内容有 {bytes} 字节，最多 {RECORD_BYTES_MAX}"),
            Self::Refused => "磁盘未写入；拒收数据保留".to_owned(),
            Self::Unconfirmed => "磁盘未及时确认；拒收数据保留，可再次上传或放弃".to_owned(),
            Self::Disk(error) => format!("磁盘错误：{error}"),
        };
        Words::new(self.to_string(), zh)
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    message_id: Uuid,
    message_type: String,
    timestamp: String,
    source: String,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// The fields of the payload that its correction does not name.
fn lacking(payload: &RawValue, corrected: &RawValue) -> Vec<String> {
    let fields = |payload: &RawValue| serde_json::from_str::<Map<String, Json>>(payload.get()).unwrap_or_default();
    let corrected = fields(corrected);
    let names = fields(payload).into_iter().map(|(name, _)| name);
    names.filter(|name| !corrected.contains_key(name)).collect()
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

struct Told(Mutex<Option<oneshot::Sender<bool>>>);

impl Told {
    fn tell(&self, is_kept: bool) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = sender.send(is_kept);
        }
    }
}

impl Waiting for Told {
    fn kept(&self, _: u64, _: Option<Feedback>) {
        self.tell(true);
    }

    fn refused(&self, _: u64) {
        self.tell(false);
    }
}

impl Buffer {
    /// Writes the letter's message anew, with `corrected` as its payload if given, and buries the letter once the disk
    /// has the record.
    pub async fn resubmit(
        &self,
        message_id: &str,
        corrected: Option<&RawValue>,
        zone: Zone,
    ) -> Result<(), ResubmitError> {
        let letters = self.letters(message_id).await?;
        let letter = letters
            .first()
            .ok_or_else(|| ResubmitError::Unknown(message_id.to_owned()))?;
        let unreadable = |cause: String| ResubmitError::Unreadable(cause);
        let message: Message = serde_json::from_str(letter.message.get()).map_err(|e| unreadable(e.to_string()))?;
        let kind = Kind::from_message_type(&message.message_type)
            .ok_or_else(|| unreadable(format!("unknown type {}", message.message_type)))?;
        let at = DateTime::parse_from_rfc3339(&message.timestamp)
            .map_err(|e| unreadable(e.to_string()))?
            .to_utc();
        if let Some(corrected) = corrected {
            let lacking = lacking(message.payload, corrected);
            if !lacking.is_empty() {
                return Err(ResubmitError::Lacking(lacking));
            }
        }
        let payload = corrected.unwrap_or(message.payload);
        let record = Record::encode(kind, message.message_id, at, zone, &message.source, &payload);
        if record.json.len() > RECORD_BYTES_MAX {
            return Err(ResubmitError::TooLong(record.json.len()));
        }
        let (tell, told) = oneshot::channel();
        let receipt = Receipt::new(Arc::new(Told(Mutex::new(Some(tell)))), 0);
        let commit = Commit {
            records: vec![record],
            receipts: vec![(receipt, None)],
            generation: self.generation(),
            is_patient: kind.lane() == Lane::Telemetry,
            ..Commit::default()
        };
        let deadline = tokio::time::Instant::now() + ANSWER_WITHIN;
        match self.submit_within(commit, ANSWER_WITHIN).await {
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return Err(ResubmitError::Refused),
        }
        let is_kept = tokio::time::timeout_at(deadline, told).await;
        if !is_kept.map_err(|_| ResubmitError::Unconfirmed)?.unwrap_or(false) {
            return Err(ResubmitError::Refused);
        }
        // What was refused again in the meantime is another letter, under the sequence that the record has now.
        let seen: Vec<Seq> = letters.iter().map(|letter| letter.sequence).collect();
        match self
            .bury(message_id, move |letter| seen.contains(&letter.sequence))
            .await
        {
            // It was refused again already, and that letter has taken the place of the one that was resubmitted.
            Ok(_) | Err(ResubmitError::Unknown(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Forgets the dead letters of one message. Returns how many there were.
    pub async fn discard(&self, message_id: &str) -> Result<usize, ResubmitError> {
        self.bury(message_id, |_| true).await
    }

    async fn bury(
        &self,
        message_id: &str,
        is_meant: impl Fn(&DeadLetter) -> bool + Send + 'static,
    ) -> Result<usize, ResubmitError> {
        let (buffer, id) = (self.clone(), message_id.to_owned());
        let removed = tokio::task::spawn_blocking(move || buffer.0.dead.remove(&id, is_meant)).await;
        let removed = removed.map_err(|_| ResubmitError::Refused)??;
        if removed == 0 {
            Err(ResubmitError::Unknown(message_id.to_owned()))
        } else {
            Ok(removed)
        }
    }

    /// Of one message: one for each upstream that refused it.
    async fn letters(&self, message_id: &str) -> Result<Vec<DeadLetter>, ResubmitError> {
        let (buffer, id) = (self.clone(), message_id.to_owned());
        let letters = tokio::task::spawn_blocking(move || buffer.dead_letters(&id, usize::MAX)).await;
        let mut letters = letters.map_err(|_| ResubmitError::Refused)??;
        letters.retain(|letter| letter.message_id == message_id);
        Ok(letters)
    }
}
