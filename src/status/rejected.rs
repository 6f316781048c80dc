//! Samples of what was not understood: the latest few of each topic or station, with the reason. Bounded in every
//! direction, for it is strangers who fill it.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::language::{Words, troubles};
use crate::record::Timestamp;

const SUBJECTS_MAX: usize = 16;
const SAMPLES_MAX: usize = 3;
const PAYLOAD_BYTES_MAX: usize = 256;
const SUBJECT_BYTES_MAX: usize = 256;

/// By topic or station.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rejections(BTreeMap<String, Rejected>);

#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct Rejected {
    pub count: u64,
    /// The latest, oldest first.
    #[schema(value_type = Vec<Sample>)]
    pub samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = RejectedSample)]
pub struct Sample {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub reason: String,
    /// Given when it is looked at.
    pub reason_words: Option<Words>,
    /// How the payload begins: as text, or in hexadecimal where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_hex: Option<String>,
    pub payload_bytes: usize,
}

impl Rejections {
    pub fn add(&mut self, at: Timestamp, subject: &str, reason: &str, payload: &[u8]) {
        let subject = &subject[..subject.floor_char_boundary(SUBJECT_BYTES_MAX)];
        if !self.0.contains_key(subject) {
            if self.0.len() >= SUBJECTS_MAX {
                self.forget_longest_quiet();
            }
            self.0.insert(subject.to_owned(), Rejected::default());
        }
        let Some(rejected) = self.0.get_mut(subject) else {
            return;
        };
        rejected.count += 1;
        if rejected.samples.len() >= SAMPLES_MAX {
            rejected.samples.pop_front();
        }
        rejected.samples.push_back(Sample::new(at, reason, payload));
    }

    pub fn put_into_words(&mut self) {
        for sample in self.0.values_mut().flat_map(|rejected| &mut rejected.samples) {
            sample.reason_words = Some(troubles::worded(&sample.reason));
        }
    }

    fn forget_longest_quiet(&mut self) {
        let last = |rejected: &Rejected| rejected.samples.back().map(|sample| sample.at);
        let quiet = self.0.iter().min_by_key(|(_, rejected)| last(rejected));
        if let Some(subject) = quiet.map(|(subject, _)| subject.clone()) {
            self.0.remove(&subject);
        }
    }
}

impl Sample {
    fn new(at: Timestamp, reason: &str, payload: &[u8]) -> Self {
        let start = payload.get(..PAYLOAD_BYTES_MAX).unwrap_or(payload);
        let text = match std::str::from_utf8(start) {
            Ok(text) => Some(text),
            // A character that the cut went through is no reason to show bytes.
            Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).ok(),
            Err(_) => None,
        };
        Self {
            at,
            reason: reason.to_owned(),
            reason_words: None,
            payload: text.map(str::to_owned),
            payload_hex: text.is_none().then(|| crate::units::hex(start)),
            payload_bytes: payload.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeDelta, Utc};

    #[test]
    fn the_latest_of_each_topic_are_kept_and_the_longest_quiet_topic_gives_way() {
        let (mut rejections, start) = (Rejections::default(), Utc::now());
        for nth in 0..100_u8 {
            let at = start + TimeDelta::seconds(nth.into());
            rejections.add(at, &format!("topic/{}", nth % 20), "not JSON", &[nth]);
        }
        assert_eq!(rejections.0.len(), SUBJECTS_MAX);
        assert!(!rejections.0.contains_key("topic/3") && rejections.0.contains_key("topic/4"));
        for nth in 0..5 {
            rejections.add(start, "topic/4", "too large", &[nth]);
        }
        let samples = &rejections.0["topic/4"].samples;
        let payloads: Vec<_> = samples.iter().map(|sample| sample.payload.as_deref()).collect();
        assert_eq!(payloads, [Some("\u{2}"), Some("\u{3}"), Some("\u{4}")]);
    }

    #[test]
    fn a_payload_is_shown_as_text_or_bytes_and_never_at_length() {
        let sample = |payload: &[u8]| Sample::new(Utc::now(), "", payload);
        assert_eq!(sample(b"{oops").payload.as_deref(), Some("{oops"));
        assert_eq!(sample(&[0xFF, 0x00]).payload_hex.as_deref(), Some("ff00"));
        let long = "冲压".repeat(100);
        let cut = sample(long.as_bytes());
        assert_eq!(cut.payload.map(|text| text.chars().count()), Some(85));
        assert_eq!(cut.payload_bytes, 600);
    }
}
