//! The points that are shown, and their small saved form: the time since the point before, six digits of the value, and what
//! it completed.

use std::collections::VecDeque;

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::judge::spc::rules::Hits;
use crate::record::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recent {
    at_ms: i64,
    pub value: f32,
    pub hits: Hits,
}

impl Recent {
    pub fn new(at: Timestamp, value: f64, hits: Hits) -> Self {
        Self {
            at_ms: at.timestamp_millis(),
            value: for_the_eye(value),
            hits,
        }
    }

    /// What it turned out to be once there were limits.
    pub fn judged(&mut self, value: f64, hits: Hits) {
        (self.value, self.hits) = (for_the_eye(value), hits);
    }

    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::from_timestamp_millis(self.at_ms)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "what is shown needs no more digits")]
fn for_the_eye(value: f64) -> f32 {
    value as f32
}

type Saved = (i64, f32, Hits);

pub fn serialize<S: Serializer>(points: &VecDeque<Recent>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut before_ms = 0;
    let saved = points.iter().map(|point| -> Saved {
        let since_ms = point.at_ms - std::mem::replace(&mut before_ms, point.at_ms);
        let rounded = format!("{:.5e}", point.value).parse().unwrap_or(point.value);
        (since_ms, rounded, point.hits)
    });
    saved.collect::<Vec<_>>().serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VecDeque<Recent>, D::Error> {
    let mut at_ms = 0_i64;
    let point = |(since_ms, value, hits): Saved| {
        at_ms = at_ms.saturating_add(since_ms);
        Recent { at_ms, value, hits }
    };
    Ok(Vec::<Saved>::deserialize(deserializer)?
        .into_iter()
        .map(point)
        .collect())
}
