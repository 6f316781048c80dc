//! One point of an equipment: what was last known of it, what of that was last told, and what of it is news.

use std::sync::Arc;

use crate::clock::Zone;
use crate::record::{Fault, PointDef, PointStatus, Quality, Timestamp, Value};
use crate::status::{PointView, PointViews};

/// What was last known of a point, and what of it was last told.
#[derive(Debug, Clone)]
pub struct Last {
    pub def: Arc<PointDef>,
    pub value: Option<Value>,
    pub quality: Quality,
    pub reason: Option<Box<str>>,
    /// Of a total: what the machine's own counter holds.
    pub raw: Option<u64>,
    /// When the value was read.
    pub read_at: Option<Timestamp>,
    /// What comes with an earlier time is of the past.
    pub newest: Option<Timestamp>,
    /// Of a point with a deadband.
    told: Option<Box<Told>>,
    /// Where the live view has it.
    pub shown_at: Option<u32>,
}

/// What the last record said of a point.
type Told = (Option<Value>, Quality);

/// What becomes of one point of a sample.
#[derive(Debug)]
pub enum Outcome {
    /// How it is now, and to be recorded.
    Due,
    /// How it is now, within what was told already.
    Quiet,
    /// How it once was: recorded, not shown.
    Past(Result<Value, Fault>),
}

/// What a point says, with what is to be told beside it.
pub struct Read {
    pub value: Value,
    pub raw: Option<u64>,
    pub note: Option<&'static str>,
}

impl Read {
    pub fn plain(value: Value) -> Self {
        Self {
            value,
            raw: None,
            note: None,
        }
    }
}

impl Last {
    pub fn unknown(def: &Arc<PointDef>) -> Self {
        Self {
            def: Arc::clone(def),
            value: None,
            quality: Quality::Bad,
            reason: None,
            raw: None,
            read_at: None,
            newest: None,
            told: None,
            shown_at: None,
        }
    }

    pub fn status(&self, zone: Zone) -> PointStatus<'_> {
        let is_stale = self.quality == Quality::Stale;
        PointStatus {
            value: self.value.as_ref(),
            quality: self.quality,
            unit: self.def.unit.as_deref(),
            reason: self.reason.as_deref(),
            raw: self.raw,
            source_time: self.read_at.filter(|_| is_stale).map(|at| zone.rfc3339(at)),
        }
    }

    /// Brings the live view up to date.
    pub fn show(&mut self, views: &mut PointViews) {
        let shown = views.entry(&mut self.shown_at, &self.def, || PointView {
            value: None,
            quality: self.quality,
            reason: None,
            raw: None,
            source_time: None,
        });
        shown.value.clone_from(&self.value);
        shown.quality = self.quality;
        shown.reason.clone_from(&self.reason);
        shown.raw = self.raw;
        shown.source_time = self.read_at;
    }

    /// A record tells of it, with this quality.
    pub fn note_told(&mut self, quality: Quality) {
        if self.def.deadband.is_some() {
            self.told = Some(Box::new((self.value.clone(), quality)));
        }
    }

    /// A record may have been lost.
    pub fn forget_told(&mut self) {
        self.told = None;
    }

    /// Whether a record has to tell of it: without a deadband always, otherwise when it left it.
    pub fn is_due(&self) -> bool {
        let (Some(deadband), Some(told)) = (self.def.deadband, &self.told) else {
            return true;
        };
        let (told_value, told_quality) = &**told;
        if *told_quality != self.quality {
            return true;
        }
        match (
            told_value.as_ref().and_then(Value::as_f64),
            self.value.as_ref().and_then(Value::as_f64),
        ) {
            (Some(told), Some(now)) => (now - told).abs() > deadband,
            _ => *told_value != self.value,
        }
    }
}

/// What a source says of the past: a value of then is as good as one of now.
pub fn past_status<'a>(def: &'a PointDef, value: &'a Result<Value, Fault>) -> PointStatus<'a> {
    let (quality, reason) = match value {
        Ok(_) => (Quality::Good, None),
        Err(Fault::Silent(reason)) => (Quality::Bad, Some(*reason)),
        Err(Fault::Invalid(reason)) => (Quality::Bad, Some(reason.as_str())),
    };
    PointStatus {
        value: value.as_ref().ok(),
        quality,
        unit: def.unit.as_deref(),
        reason,
        raw: None,
        source_time: None,
    }
}

/// What the map says, or the raw value itself: an unmapped state is shown as the machine calls it.
pub fn state_name(def: &PointDef, value: &Value) -> String {
    let raw = match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Uint(u) => u.to_string(),
        Value::Float(f) => f.to_string(),
        Value::Text(text) => text.clone(),
    };
    def.map
        .iter()
        .find(|(from, _)| *from == raw)
        .map_or(raw, |(_, to)| to.clone())
}
