//! The one way in for what gateways send: each message takes effect exactly once, its ledger row in the same transaction.
//!
//! A batch is worked in slices of one transaction each. When the database refuses a value that our own checks let pass,
//! or a race cannot be won, the slice is halved until the one message stands alone; the others are stored. A refused
//! message has no ledger row, so it can come again corrected under its own id; its sequence counts as seen.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use sqlx::error::DatabaseError;
use uuid::Uuid;

use super::book::Book;
use super::payload::{Event, Rejection};
use super::sequence::{self, LaneKey};
use super::statement::{DbError, Transaction, args};
use super::{Store, reference};
use crate::wire::{Answer, Batch, Message, Outcome, OutcomeStatus};

/// Divided by what the sender does next.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Nothing of the batch was stored; the same batch again, later.
    #[error("{0}")]
    Later(String),
    /// Not a batch that anyone could store.
    #[error("{0}")]
    Malformed(String),
}

const SLICE_MESSAGES_MAX: usize = 1000;
const SLICE_BYTES_MAX: usize = 4 << 20;

/// How often a transaction that lost a race is tried again before its messages are handed back.
const ATTEMPTS: u32 = 6;
const RACE_PAUSE_MS: u64 = 20;

/// A transaction that takes longer has lost its database.
const TRANSACTION_WAIT: Duration = Duration::from_secs(20);

const GATEWAY_ID_CHARS_MAX: usize = 50;

/// A message with what it means, or why it means nothing.
struct Item<'a> {
    message: &'a Message<'a>,
    understood: Result<Event<'a>, Rejection>,
}

impl Store {
    /// Stores a batch. Messages the answer does not name are stored, now or before.
    pub async fn ingest(&self, batch: &Batch<'_>) -> Result<Answer, IngestError> {
        let length = batch.gateway_id.chars().count();
        if length == 0 || length > GATEWAY_ID_CHARS_MAX {
            let why = format!("gateway_id has {length} characters; 1 to {GATEWAY_ID_CHARS_MAX} are allowed");
            return Err(IngestError::Malformed(why));
        }
        let items: Vec<Item<'_>> = batch.messages.iter().map(Item::of).collect();
        let mut waiting: Vec<&[Item<'_>]> = slices(&items);
        waiting.reverse();
        let mut answer = Answer::default();
        let mut stored_any = false;
        while let Some(slice) = waiting.pop() {
            match self.persist(&batch.gateway_id, slice).await {
                Ok(part) => {
                    stored_any = true;
                    answer.accepted += part.accepted;
                    answer.duplicate += part.duplicate;
                    answer.results.extend(part.results);
                }
                Err(DbError::Data(_) | DbError::Contended(_)) if slice.len() > 1 => {
                    let (first, second) = slice.split_at(slice.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(error) => {
                    if let Some(rejection) = condemned(&error) {
                        stored_any = true;
                        answer
                            .results
                            .push(self.set_aside(&batch.gateway_id, slice, rejection).await);
                        continue;
                    }
                    tracing::warn!(gateway = batch.gateway_id, batch = batch.batch_id, %error, "a batch has to wait");
                    if !stored_any {
                        self.counters.failed.add(1);
                        return Err(IngestError::Later(error.to_string()));
                    }
                    let rest = waiting.drain(..).rev().flatten();
                    let retry = slice
                        .iter()
                        .chain(rest)
                        .map(|item| item.outcome(OutcomeStatus::Retry, "busy", &error));
                    answer.results.extend(retry);
                }
            }
        }
        self.counters.count(&answer);
        Ok(answer)
    }

    /// A message that the database refused: its sequence is seen all the same.
    async fn set_aside(&self, gateway_id: &str, slice: &[Item<'_>], rejection: Rejection) -> Outcome {
        let message = slice[0].message;
        let item = Item {
            message,
            understood: Err(rejection.clone()),
        };
        if let Err(error) = self.persist(gateway_id, std::slice::from_ref(&item)).await {
            return item.outcome(OutcomeStatus::Retry, "busy", &error);
        }
        item.outcome(OutcomeStatus::Rejected, rejection.code, &rejection.detail)
    }

    async fn persist(&self, gateway_id: &str, items: &[Item<'_>]) -> Result<Answer, DbError> {
        let mut attempt = 1;
        loop {
            let transaction = tokio::time::timeout(TRANSACTION_WAIT, self.transact(gateway_id, items));
            match transaction.await {
                Ok(Err(DbError::Contended(_))) if attempt < ATTEMPTS => {
                    let pause_ms = fastrand::u64(1..=RACE_PAUSE_MS * u64::from(attempt));
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                    attempt += 1;
                }
                Ok(done) => return done,
                Err(_) => {
                    let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within the time allowed");
                    return Err(DbError::Away(error.into()));
                }
            }
        }
    }

    async fn transact(&self, gateway_id: &str, items: &[Item<'_>]) -> Result<Answer, DbError> {
        let now = now();
        let mut tx = self.database.begin().await?;
        for (lane, sequences) in lanes(items) {
            sequence::observe(&mut tx, gateway_id, &lane, &sequences, now).await?;
        }
        let mut known = known(&mut tx, items).await?;
        let fresh = items.iter().filter(|item| !known.contains(&item.message.message_id));
        let events = fresh.filter_map(|item| item.understood.as_ref().ok());
        let mut book = Book::load(&mut tx, self.settings.tenant_id, gateway_id, events).await?;

        let mut answer = Answer::default();
        let mut ledger = Vec::with_capacity(items.len());
        for item in items {
            let message = item.message;
            if known.contains(&message.message_id) {
                answer.duplicate += 1;
                continue;
            }
            let applied = item
                .understood
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|event| book.apply(event));
            if let Err(rejection) = applied {
                answer
                    .results
                    .push(item.outcome(OutcomeStatus::Rejected, rejection.code, &rejection.detail));
                continue;
            }
            known.insert(message.message_id);
            answer.accepted += 1;
            ledger.push(args![
                message.message_id.to_string(),
                gateway_id,
                message.lane.name(),
                bounded(message.epoch),
                bounded(message.sequence),
                &message.message_type,
                now,
            ]);
        }
        let columns = "message_id, gateway_id, lane, epoch, sequence, message_type, received_time";
        tx.insert("message_ledger", columns, ledger).await?;
        let reference_changed = book.reference_changed();
        book.write(&mut tx, now).await?;
        if reference_changed {
            reference::bump(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(answer)
    }
}

impl<'a> Item<'a> {
    fn of(message: &'a Message<'a>) -> Self {
        Self {
            message,
            understood: Event::understand(message),
        }
    }

    fn outcome(&self, status: OutcomeStatus, code: &str, detail: &impl ToString) -> Outcome {
        Outcome {
            message_id: self.message.message_id,
            status,
            code: code.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// Whether an error condemns the message it was raised for: its values do not fit, or a key it wants is taken for good.
fn condemned(error: &DbError) -> Option<Rejection> {
    match error {
        DbError::Data(error) => Some(Rejection::invalid(error.to_string())),
        DbError::Contended(error)
            if error
                .as_database_error()
                .is_some_and(DatabaseError::is_unique_violation) =>
        {
            Some(Rejection::new("conflict", error.to_string()))
        }
        _ => None,
    }
}

/// Cuts a batch into what one transaction takes.
fn slices<'s, 'a>(items: &'s [Item<'a>]) -> Vec<&'s [Item<'a>]> {
    let mut slices = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, item) in items.iter().enumerate() {
        bytes += item.message.payload.get().len();
        if index > start && (index - start >= SLICE_MESSAGES_MAX || bytes > SLICE_BYTES_MAX) {
            slices.push(&items[start..index]);
            (start, bytes) = (index, item.message.payload.get().len());
        }
    }
    if start < items.len() {
        slices.push(&items[start..]);
    }
    slices
}

/// The sequences of each lane, ascending; the lanes too, so that locks are taken in one order.
fn lanes(items: &[Item<'_>]) -> BTreeMap<LaneKey, Vec<i64>> {
    let mut lanes: BTreeMap<LaneKey, Vec<i64>> = BTreeMap::new();
    for Item { message, .. } in items {
        let key = LaneKey {
            lane: message.lane,
            epoch: bounded(message.epoch),
        };
        lanes.entry(key).or_default().push(bounded(message.sequence));
    }
    for sequences in lanes.values_mut() {
        sequences.sort_unstable();
    }
    lanes
}

async fn known(tx: &mut Transaction, items: &[Item<'_>]) -> Result<HashSet<Uuid>, DbError> {
    let ids = items.iter().map(|item| item.message.message_id.to_string());
    let rows = tx
        .rows_in("SELECT message_id FROM message_ledger WHERE message_id", ids, "")
        .await?;
    let mut known = HashSet::with_capacity(rows.len());
    for row in rows {
        let id: String = row.get("message_id")?;
        known.extend(Uuid::parse_str(&id).ok());
    }
    Ok(known)
}

/// BIGINT ends before u64 does; no log is that long.
fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Now, as the database keeps it: UTC, milliseconds.
pub fn now() -> NaiveDateTime {
    DateTime::from_timestamp_millis(Utc::now().timestamp_millis())
        .expect("the present is in range")
        .naive_utc()
}
