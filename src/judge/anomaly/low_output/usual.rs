//! How many pieces are usual in a window: of each hour of the week with each part, every pair by itself.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::record::Timestamp;

/// Windows from which it is learnt how much counts vary, and windows of an hour and part from which it is learnt how many
/// pieces there are; nothing is said before.
const LEARN_WINDOWS: u32 = 24;
const SLOT_WINDOWS: u32 = 6;
/// Weight of a window once its hour is known, and what is left of it while something is wrong.
const WEIGHT_MIN: f64 = 0.02;
const WORRIED_PACE: f64 = 0.1;
/// Hours of the week with their part that are remembered: two parts all week. What was not seen for longest gives way.
const SLOTS_MAX: usize = 336;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    windows: u32,
    /// How many times Poisson's the variance is.
    dispersion: f64,
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Slot {
    /// The part's name, digested.
    part: u32,
    hour: u8,
    windows: u32,
    mean: f32,
    /// When it was last seen, in hours.
    seen_h: u32,
}

impl Usual {
    /// The pieces to expect and how much more than Poisson they vary; none while that is being learnt. Learns from what was
    /// counted.
    pub fn expect(&mut self, part: &str, hour: u8, at: Timestamp, counted: f64, is_calm: bool) -> Option<(f64, f64)> {
        let is_known = self.windows >= LEARN_WINDOWS;
        let slot = slot(&mut self.slots, digest(part), hour);
        slot.seen_h = u32::try_from(at.timestamp() / 3600).unwrap_or(0);
        let expected = f64::from(slot.mean);
        let is_new = slot.windows < SLOT_WINDOWS;
        let told = (is_known && !is_new).then_some((expected, self.dispersion.max(1.0)));
        // What has changed for good becomes usual in the end, but slowly.
        let pace = if told.is_none() || is_calm { 1.0 } else { WORRIED_PACE };
        slot.windows = slot.windows.saturating_add(1);
        let weight = pace * (1.0 / f64::from(slot.windows)).max(WEIGHT_MIN);
        #[expect(clippy::cast_possible_truncation, reason = "an expectation needs few digits")]
        {
            slot.mean += (weight * (counted - expected)) as f32;
        }
        if !is_new {
            self.windows = self.windows.saturating_add(1);
            let off = (counted - expected).powi(2) / expected.max(1.0);
            let weight = pace * (1.0 / f64::from(self.windows)).max(WEIGHT_MIN);
            self.dispersion += weight * (off - self.dispersion);
        }
        told
    }

    pub fn is_learning(&self) -> bool {
        self.windows < LEARN_WINDOWS
    }
}

fn digest(part: &str) -> u32 {
    Uuid::new_v5(&Uuid::nil(), part.as_bytes()).as_fields().0
}

fn slot(slots: &mut Vec<Slot>, part: u32, hour: u8) -> &mut Slot {
    let known = slots.iter().position(|slot| slot.part == part && slot.hour == hour);
    let place = known.unwrap_or_else(|| {
        if slots.len() >= SLOTS_MAX
            && let Some(oldest) = (0..slots.len()).min_by_key(|nth| slots[*nth].seen_h)
        {
            slots.swap_remove(oldest);
        }
        slots.push(Slot {
            part,
            hour,
            windows: 0,
            mean: 0.0,
            seen_h: 0,
        });
        slots.len() - 1
    });
    &mut slots[place]
}
