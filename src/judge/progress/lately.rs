//! What a machine made lately, slot after slot: the line beside its figures. In memory only; after a restart it begins anew.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::record::Timestamp;

const SLOT_S: i64 = 10;
/// Five minutes.
const SLOTS_MAX: u16 = 30;

#[derive(Debug, Default)]
pub struct Lately {
    total: Option<f64>,
    /// The slot that is being filled, in slots since 1970.
    slot: Option<i64>,
    filling: f64,
    pieces: VecDeque<f64>,
}

/// Of machines that count: pieces of each slot that is over, the newest last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LatelyView {
    pub slot_s: i64,
    pub pieces: Vec<f64>,
}

impl Lately {
    /// Lets time pass; `total` is all that the machine has made until now, if it counts.
    pub fn look(&mut self, now: Timestamp, total: Option<f64>) {
        let slot = now.timestamp().div_euclid(SLOT_S);
        let passed = self.slot.replace(slot).map_or(0, |before| slot - before);
        for _ in 0..passed.clamp(0, i64::from(SLOTS_MAX) + 1) {
            if self.pieces.len() == usize::from(SLOTS_MAX) {
                self.pieces.pop_front();
            }
            self.pieces.push_back(std::mem::take(&mut self.filling));
        }
        if let Some(total) = total {
            let before = self.total.replace(total).unwrap_or(total);
            self.filling += (total - before).max(0.0);
        }
    }

    pub fn view(&self) -> Option<LatelyView> {
        self.total.map(|_| LatelyView {
            slot_s: SLOT_S,
            pieces: self.pieces.iter().copied().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(second, 0).expect("a time")
    }

    fn pieces(lately: &Lately) -> Vec<f64> {
        lately.view().expect("it counts").pieces
    }

    #[test]
    fn pieces_stand_in_the_slot_in_which_they_were_made() {
        let mut lately = Lately::default();
        lately.look(at(0), None);
        assert_eq!(lately.view(), None, "nothing was counted yet");
        for (second, total) in [
            (1, 100.0),
            (2, 103.0),
            (11, 104.0),
            (12, 106.0),
            (41, 107.0),
            (50, 107.0),
        ] {
            lately.look(at(second), Some(total));
        }
        assert_eq!(pieces(&lately), [3.0, 3.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn it_is_bounded_and_takes_a_clock_that_is_set() {
        let mut lately = Lately::default();
        for (second, total) in [(1_000_000_000, 0.0), (1_000_000_001, 7.0), (2_000_000_000, 8.0)] {
            lately.look(at(second), Some(total));
        }
        assert_eq!(
            pieces(&lately),
            [0.0; SLOTS_MAX as usize],
            "what was before is long over"
        );
        lately.look(at(5), Some(9.0));
        lately.look(at(10), Some(9.0));
        let pieces = pieces(&lately);
        assert_eq!((pieces.last(), pieces.len()), (Some(&2.0), SLOTS_MAX.into()));
    }
}
