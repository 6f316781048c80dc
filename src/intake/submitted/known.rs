//! What was handed in lately, so that the same again is recognised: by its number, or by the key that its sender gave it.
//! Older repeats are recognised by the central store, for the ids of messages follow from the numbers.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::buffer::States;
use crate::intake::to_state;
use crate::language::Words;
use crate::record::{Answered, Kind, Objection, Paper, Timestamp};

/// Name of the states that hold them.
const HANDED_IN: &str = "handed_in/";
/// A sender that repeats does so soon.
const KNOWN_MAX: usize = 500;

#[derive(Debug, Default)]
pub struct Known(VecDeque<Entry>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    kind: u8,
    number: String,
    key: Option<String>,
    /// Of the body: the same number with another content is no repeat.
    digest: Uuid,
    message_id: Uuid,
    at: Timestamp,
}

impl Known {
    pub fn restored(states: &States) -> Self {
        let kept = states.iter().filter(|(name, _)| name.starts_with(HANDED_IN));
        let mut entries: Vec<Entry> = kept
            .filter_map(|(_, value)| serde_json::from_slice(value).ok())
            .collect();
        entries.sort_by_key(|entry| entry.at);
        Self(entries.into())
    }

    /// What is to be said of a paper that was handed in before; nothing when it is new.
    pub fn answer(&self, kind: Kind, number: &str, paper: &Paper) -> Option<Answered> {
        let is_same_key = |entry: &&Entry| paper.key.is_some() && entry.key == paper.key;
        let is_same_number = |entry: &&Entry| !number.is_empty() && entry.number == number;
        let mut of_kind = self.0.iter().filter(|entry| entry.kind == kind.code());
        let entry = of_kind.find(|entry| is_same_key(entry) || is_same_number(entry))?;
        let field = number_field(kind);
        if entry.digest == digest(paper) {
            return Some(Answered::Known(json!({
                field: entry.number, "message_id": entry.message_id, "repeated": true,
            })));
        }
        let (field, words) = if is_same_number(&entry) {
            let words = Words::new(
                format!("{number} was handed in before with another content; give this one a number of its own"),
                format!("{number} 已用于其他内容；请另取编号"),
            );
            (field, words)
        } else {
            let words = Words::new(
                "the key came before with another content; give this one a key of its own",
                "此键已用于其他内容；请刷新页面后重填",
            );
            ("Idempotency-Key", words)
        };
        Some(Answered::Refused(vec![Objection::new(field, "NUMBER_TAKEN", words)]))
    }

    pub fn remember(
        &mut self,
        kind: Kind,
        number: &str,
        message_id: Uuid,
        paper: &Paper,
        at: Timestamp,
        states: &mut States,
    ) {
        let entry = Entry {
            kind: kind.code(),
            number: number.to_owned(),
            key: paper.key.clone(),
            digest: digest(paper),
            message_id,
            at,
        };
        states.insert(state_name(message_id), to_state(&entry));
        self.0.push_back(entry);
        if self.0.len() > KNOWN_MAX
            && let Some(oldest) = self.0.pop_front()
        {
            states.insert(state_name(oldest.message_id), Bytes::new());
        }
    }
}

fn number_field(kind: Kind) -> &'static str {
    match kind {
        Kind::Inspection => "check_no",
        Kind::Disposition => "disposition_no",
        _ => "report_no",
    }
}

fn digest(paper: &Paper) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, paper.body.to_string().as_bytes())
}

fn state_name(message_id: Uuid) -> String {
    format!("{HANDED_IN}{message_id}")
}
