//! What a device has refused, and so is asked for in another way or not at all. Pure; kept in memory, and forgotten after a
//! while, so that a device that was changed is read as planned again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::address::Area;
use super::exception::Exception;
use super::plan::{Limits, Span};

/// A device that is starting may refuse everything for a moment, so the first lessons are soon doubted, and those that
/// prove right again and again rarely.
const FORGET_FIRST: Duration = Duration::from_mins(1);
const FORGET_LAST: Duration = Duration::from_hours(1);

/// One thing that a refusal taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// This point is not there.
    Hole { point: usize, why: Exception },
    /// What lies on both sides of this address is given, but not at once.
    Cut { area: Area, address: u16, why: Exception },
    /// So many registers or bits are given at once, and not many more.
    Limit { area: Area, count: u16 },
}

#[derive(Debug, Default)]
pub struct Learnt {
    since: Option<Instant>,
    times_forgotten: u32,
    holes: BTreeMap<usize, Exception>,
    cuts: BTreeSet<(Area, u16)>,
    max_registers: Option<u16>,
    max_bits: Option<u16>,
}

impl Learnt {
    /// Whether it was not known before.
    pub fn take(&mut self, lesson: &Lesson, now: Instant) -> bool {
        self.since.get_or_insert(now);
        match *lesson {
            Lesson::Hole { point, why } => self.holes.insert(point, why) != Some(why),
            Lesson::Cut { area, address, .. } => self.cuts.insert((area, address)),
            Lesson::Limit { area, count } => {
                let limit = if area.has_bits() {
                    &mut self.max_bits
                } else {
                    &mut self.max_registers
                };
                let is_news = limit.is_none_or(|known| count < known);
                if is_news {
                    *limit = Some(count);
                }
                is_news
            }
        }
    }

    /// Forgets everything once it is old; whether there was anything.
    pub fn forget(&mut self, now: Instant) -> bool {
        let keep_for = FORGET_FIRST
            .saturating_mul(1 << self.times_forgotten.min(16))
            .min(FORGET_LAST);
        let is_old = self.since.is_some_and(|since| now - since >= keep_for);
        if is_old {
            *self = Self {
                times_forgotten: self.times_forgotten + 1,
                ..Self::default()
            };
        }
        is_old
    }

    /// Why this point is not asked for.
    pub fn hole(&self, point: usize) -> Option<Exception> {
        self.holes.get(&point).copied()
    }

    pub fn narrow(&self, limits: Limits) -> Limits {
        Limits {
            max_registers: self
                .max_registers
                .map_or(limits.max_registers, |n| n.min(limits.max_registers)),
            max_bits: self.max_bits.map_or(limits.max_bits, |n| n.min(limits.max_bits)),
            ..limits
        }
    }

    /// Whether a request for this may be made, where smaller ones could be made instead.
    pub fn allows(&self, block: Span, spans: &[Span]) -> bool {
        let is_cut = |&(area, address): &(Area, u16)| {
            area == block.area && block.start < address && u32::from(address) < block.end()
        };
        let mut holes = self.holes.keys().filter_map(|&point| spans.get(point));
        !self.cuts.iter().any(is_cut) && !holes.any(|hole| block.overlaps(*hole))
    }

    /// One line for each thing that was learnt, with the points by their names.
    pub fn describe(&self, name: impl Fn(usize) -> String) -> Vec<String> {
        let holes = self.holes.iter().map(|(&point, why)| format!("{}: {why}", name(point)));
        let cuts = self
            .cuts
            .iter()
            .map(|(area, address)| format!("{}:{address} begins a request of its own", area.name()));
        let limits = [("registers", self.max_registers), ("bits", self.max_bits)];
        let limits = limits
            .into_iter()
            .filter_map(|(what, limit)| limit.map(|count| format!("at most {count} {what} at once")));
        holes.chain(cuts).chain(limits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lessons_are_kept_for_a_while() {
        let (mut learnt, now) = (Learnt::default(), Instant::now());
        let hole = Lesson::Hole {
            point: 3,
            why: Exception(2),
        };
        assert!(learnt.take(&hole, now) && !learnt.take(&hole, now));
        assert!(!learnt.forget(now + FORGET_FIRST / 2));
        assert_eq!(learnt.hole(3), Some(Exception(2)));
        assert!(learnt.forget(now + FORGET_FIRST) && !learnt.forget(now + FORGET_FIRST));
        assert_eq!(learnt.hole(3), None);
        learnt.take(&hole, now);
        assert!(!learnt.forget(now + FORGET_FIRST) && learnt.forget(now + 2 * FORGET_FIRST));
    }

    #[test]
    fn the_smallest_limit_holds() {
        let limits = Limits {
            max_registers: 100,
            max_bits: 2000,
            max_gap: 8,
            align: 1,
        };
        let mut learnt = Learnt::default();
        for (count, is_news) in [(63, true), (80, false), (32, true)] {
            let area = Area::Input;
            assert_eq!(learnt.take(&Lesson::Limit { area, count }, Instant::now()), is_news);
        }
        let narrow = learnt.narrow(limits);
        assert_eq!((narrow.max_registers, narrow.max_bits), (32, 2000));
    }
}
