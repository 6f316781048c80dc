//! What a station heard lately and what it answered. A page that did not get its answer says the same scan again, under
//! the same id: it gets the same answer, and nothing is done twice.
//!
//! Each scan has a slot in one of two rings, so that keeping it costs one small state: the scans of pages, whose ids are to
//! be known again, and those of the scanner, which are only shown. A slot is written in the commit of what follows from its
//! scan. What changes nothing at the scanner is not worth a write, and a restart forgets it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::buffer::States;
use crate::clock::Zone;
use crate::intake::to_state;
use crate::record::{Feedback, FeedbackKind, Timestamp};
use crate::status::{ScanView, StampedFeedback};

/// Ids that are known again. A page waits for its answer before it sends the next scan.
const OF_PAGES: u64 = 32;
const OF_SCANNER: u64 = 10;
const SHOWN_MAX: usize = 10;

/// One scan and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the scans of its ring.
    nth: u64,
    /// Of a page's scan.
    id: Option<Uuid>,
    /// Which page that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<Uuid>,
    scanned: String,
    feedback: Feedback,
    at: Timestamp,
}

impl Entry {
    pub fn answer(&self, zone: Zone) -> StampedFeedback {
        StampedFeedback {
            feedback: self.feedback.clone(),
            at: zone.rfc3339(self.at),
        }
    }
}

#[derive(Debug)]
struct Ring {
    /// What stands in front of the number of a slot in the names of its states.
    name: String,
    size: u64,
    /// The oldest first.
    entries: VecDeque<Entry>,
}

impl Ring {
    fn restored(name: String, size: u64, states: &States) -> Self {
        let kept = states.iter().filter(|(slot, _)| slot.starts_with(&name));
        let mut entries: Vec<Entry> = kept
            .filter_map(|(_, value)| serde_json::from_slice(value).ok())
            .collect();
        entries.sort_by_key(|entry| entry.nth);
        Self {
            name,
            size,
            entries: entries.into(),
        }
    }

    fn push(&mut self, entry: Entry) -> (String, &Entry) {
        let nth = self.entries.back().map_or(0, |last| last.nth + 1);
        self.entries.push_back(Entry { nth, ..entry });
        while self.entries.front().is_some_and(|first| first.nth + self.size <= nth) {
            self.entries.pop_front();
        }
        let slot = format!("{}{:02}", self.name, nth % self.size);
        (slot, self.entries.back().expect("it was put there just now"))
    }
}

#[derive(Debug)]
pub struct Heard {
    of_pages: Ring,
    of_scanner: Ring,
}

impl Heard {
    pub fn restored(station: &str, states: &States) -> Self {
        let ring = |whose, size| Ring::restored(format!("heard/{station}/{whose}/"), size, states);
        Self {
            of_pages: ring("page", OF_PAGES),
            of_scanner: ring("scanner", OF_SCANNER),
        }
    }

    /// The scan of a page that came before under this id.
    pub fn known(&self, id: Uuid) -> Option<&Entry> {
        self.of_pages.entries.iter().find(|entry| entry.id == Some(id))
    }

    /// Whether others than this page have brought the station on since then.
    pub fn went_on(&self, page: Uuid, since: Timestamp) -> bool {
        let all = self.of_scanner.entries.iter().chain(&self.of_pages.entries);
        let mut by_others = all.filter(|entry| entry.page != Some(page) && entry.at > since);
        by_others.any(|entry| matches!(entry.feedback.kind, FeedbackKind::Ok | FeedbackKind::Ask))
    }

    /// Takes in a scan with its answer. `states` are those of its commit, where it has one.
    pub fn note(
        &mut self,
        (id, page): (Option<Uuid>, Option<Uuid>),
        scanned: String,
        (feedback, at): (&Feedback, Timestamp),
        states: Option<&mut States>,
    ) {
        let ring = if id.is_some() {
            &mut self.of_pages
        } else {
            &mut self.of_scanner
        };
        let (slot, entry) = ring.push(Entry {
            nth: 0,
            id,
            page,
            scanned,
            feedback: feedback.clone(),
            at,
        });
        if let Some(states) = states {
            states.insert(slot, to_state(entry));
        }
    }

    /// The last scans, the newest first.
    pub fn shown(&self, zone: Zone) -> Vec<ScanView> {
        let mut all: Vec<&Entry> = self.of_scanner.entries.iter().chain(&self.of_pages.entries).collect();
        all.sort_by_key(|entry| entry.at);
        let newest = all.into_iter().rev().take(SHOWN_MAX);
        let shown = newest.map(|entry| ScanView {
            scanned: entry.scanned.clone(),
            scan_id: entry.id,
            answer: entry.answer(zone),
        });
        shown.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Words;

    /// What was noted under these ids, one second after the other, and the states that a disk would hold of it.
    fn heard(ids: impl IntoIterator<Item = Option<u128>>) -> (Heard, States) {
        let mut states = States::default();
        let mut heard = Heard::restored("S", &states);
        for (second, id) in (0..).zip(ids) {
            let at = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(second);
            let feedback = Feedback {
                kind: FeedbackKind::Ok,
                code: format!("ANSWER-{second}"),
                message: String::new(),
                words: Words::default(),
            };
            let id = id.map(Uuid::from_u128);
            heard.note((id, None), format!("QTY-{second}"), (&feedback, at), Some(&mut states));
        }
        (heard, states)
    }

    #[test]
    fn ids_are_known_again_over_a_restart_up_to_the_bound() {
        let (heard, states) = heard((0..40).map(Some));
        assert_eq!(states.len(), 32, "slots are used again");
        let restored = Heard::restored("S", &states);
        for heard in [&heard, &restored] {
            let answer = |id| {
                heard
                    .known(Uuid::from_u128(id))
                    .map(|entry| entry.feedback.code.clone())
            };
            assert_eq!(answer(7), None);
            assert_eq!(answer(8).as_deref(), Some("ANSWER-8"));
            assert_eq!(answer(39).as_deref(), Some("ANSWER-39"));
        }
        assert!(Heard::restored("S-2", &states).known(Uuid::from_u128(39)).is_none());
    }

    #[test]
    fn a_busy_scanner_does_not_push_out_the_ids_of_pages() {
        let (_, states) = heard([Some(1)].into_iter().chain((0..500).map(|_| None)).chain([Some(2)]));
        let restored = Heard::restored("S", &states);
        assert!(restored.known(Uuid::from_u128(1)).is_some());
        let shown = restored.shown(Zone::UTC);
        let shown: Vec<&str> = shown.iter().map(|scan| scan.scanned.as_str()).collect();
        assert_eq!(shown.first(), Some(&"QTY-501"), "the newest first");
        assert_eq!(shown.len(), SHOWN_MAX);
        assert!(!shown.contains(&"QTY-0"));
    }

    #[test]
    fn a_station_went_on_when_others_than_the_page_were_answered() {
        let (mut heard, _) = heard([None, None]);
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let second = |nth| Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(nth);
        assert!(heard.went_on(own, second(0)), "by its scanner");
        assert!(!heard.went_on(own, second(1)));
        let feedback = |kind| Feedback {
            kind,
            code: String::new(),
            message: String::new(),
            words: Words::default(),
        };
        let mut hear = |page, kind, at| {
            let id = (Some(Uuid::now_v7()), Some(page));
            heard.note(id, String::new(), (&feedback(kind), at), None);
        };
        hear(own, FeedbackKind::Ok, second(2));
        hear(other, FeedbackKind::Err, second(3));
        assert!(!heard.went_on(own, second(1)), "by itself, and by nothing");
        let mut hear = |page, kind, at| {
            let id = (Some(Uuid::now_v7()), Some(page));
            heard.note(id, String::new(), (&feedback(kind), at), None);
        };
        hear(other, FeedbackKind::Ask, second(4));
        assert!(heard.went_on(own, second(1)));
    }

    #[test]
    fn counting_goes_on_after_a_restart() {
        let (_, mut states) = heard((0..3).map(Some));
        let mut restored = Heard::restored("S", &states);
        let feedback = restored.known(Uuid::from_u128(0)).expect("it is kept").feedback.clone();
        let at = Timestamp::UNIX_EPOCH;
        restored.note(
            (Some(Uuid::from_u128(9)), None),
            String::new(),
            (&feedback, at),
            Some(&mut states),
        );
        assert_eq!(states.len(), 4, "nothing was overwritten");
    }
}
