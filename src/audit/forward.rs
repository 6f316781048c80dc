//! Entries on their way north, where an upstream wants them: each becomes a message of the report lane. How far they were handed on is a state of that lane,
//! on disk in one step with the messages, so a crash neither leaves one out nor hands one on twice.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Audit, Entry};
use crate::buffer::{Buffer, Commit};
use crate::clock::Zone;
use crate::record::{Kind, Record};

/// Name of the state; its value is the number of the last entry that was handed on.
const STATE: &str = "audit/handed-on";
const SOURCE: &str = "audit";
/// Handed on in one step at most.
const GROUP_MAX: usize = 100;
/// Others than the gateway write into the log, too.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Hands on until told to stop.
pub async fn run(audit: Audit, buffer: Buffer, gateway_id: String, zone: Zone, stop: CancellationToken) {
    let state = buffer
        .states()
        .get(STATE)
        .and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let mut last = audit.last.clone();
    // A log that is shorter than what was handed on is another log.
    let mut handed_on: u64 = state.filter(|&state| state <= *last.borrow()).unwrap_or(0);
    loop {
        match audit.read(handed_on, GROUP_MAX).await {
            Ok(entries) => {
                if let Some(end) = entries.last().map(|entry| entry.seq)
                    && hand_on(&buffer, &gateway_id, zone, &entries, end).await
                {
                    handed_on = end;
                    continue;
                }
            }
            Err(error) => tracing::warn!(%error, "the audit log can't be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            Ok(_) = last.wait_for(|last| *last > handed_on), if *last.borrow() <= handed_on => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn hand_on(buffer: &Buffer, gateway_id: &str, zone: Zone, entries: &[Entry], end: u64) -> bool {
    let records = entries.iter().map(|entry| {
        let at = DateTime::parse_from_rfc3339(&entry.at).map_or_else(|_| Utc::now(), |at| at.to_utc());
        Record::encode(Kind::Audit, message_id(gateway_id, entry), at, zone, SOURCE, entry)
    });
    let (tell, kept) = oneshot::channel();
    let commit = Commit {
        records: records.collect(),
        states: [(STATE.into(), end.to_string().into())].into(),
        // Not run, and so not told, when the disk refuses.
        afterwards: vec![Box::new(move || {
            tell.send(()).ok();
        })],
        generation: buffer.generation(),
        ..Commit::default()
    };
    buffer.submit(commit).await.is_ok() && kept.await.is_ok()
}

/// The same entry is the same message, whenever it is handed on; the hash tells apart logs that were begun anew.
fn message_id(gateway_id: &str, entry: &Entry) -> Uuid {
    let name = format!("{gateway_id}/audit/{}/{}", entry.seq, entry.hash);
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}
