//! What is usual at this time of day: the mean of each half hour over the days before, and how far values stray from it.
//! By time, not by rows: a sensor of one second and one of an hour learn a day in a day.

use chrono::Timelike;
use serde::{Deserialize, Serialize};

use super::spread::Spread;
use crate::record::Timestamp;

const SLOT_S: u32 = 1800;
const SLOTS: u8 = 48;
/// An older day fades at this pace.
const MEMORY_DAYS: f64 = 14.0;
/// So many values must have been compared with their slot before a deviation means something.
const SAMPLES_MIN: f64 = 200.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Season {
    slots: Vec<Slot>,
    /// How far values are from the mean of their slot.
    strays: Spread,
    /// What the slot of now will learn when it is over.
    visit: Visit,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Slot {
    days: f64,
    mean: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Visit {
    /// Half hours since 1970.
    half_hour: i64,
    samples: f64,
    mean: f64,
}

impl Default for Season {
    fn default() -> Self {
        Self {
            slots: vec![Slot::default(); usize::from(SLOTS)],
            strays: Spread::default(),
            visit: Visit::default(),
        }
    }
}

impl Season {
    /// How far the value is from what is usual now, in standard deviations; none when that is not known yet.
    pub fn take(&mut self, at: Timestamp, value: f64) -> Option<f64> {
        self.close_visit(at);
        self.visit.samples += 1.0;
        self.visit.mean += (value - self.visit.mean) / self.visit.samples;
        let stray = value - self.usual(at)?;
        let deviation_sd = self.is_known().then(|| self.strays.deviation_sd(stray));
        self.strays.take(stray);
        deviation_sd
    }

    /// Mean and standard deviation at this time of day, where the time of day explains more than nothing.
    pub fn expected(&self, at: Timestamp, overall_sd: f64) -> Option<(f64, f64)> {
        let is_better = self.is_known() && self.strays.sd() < overall_sd;
        is_better
            .then(|| self.usual(at))
            .flatten()
            .map(|mean| (mean, self.strays.sd()))
    }

    fn is_known(&self) -> bool {
        self.strays.seen() >= SAMPLES_MIN
    }

    fn usual(&self, at: Timestamp) -> Option<f64> {
        let slot = self.slots.get((at.num_seconds_from_midnight() / SLOT_S) as usize)?;
        (slot.days > 0.0).then_some(slot.mean)
    }

    fn close_visit(&mut self, at: Timestamp) {
        let half_hour = at.timestamp().div_euclid(i64::from(SLOT_S));
        if half_hour == self.visit.half_hour {
            return;
        }
        let ended = std::mem::replace(
            &mut self.visit,
            Visit {
                half_hour,
                ..Visit::default()
            },
        );
        let slot = usize::try_from(ended.half_hour.rem_euclid(i64::from(SLOTS))).unwrap_or(0);
        if let Some(slot) = self.slots.get_mut(slot)
            && ended.samples > 0.0
        {
            slot.days = (slot.days + 1.0).min(MEMORY_DAYS);
            slot.mean += (ended.mean - slot.mean) / slot.days;
        }
    }
}
