//! Answers that may still come. RTU frames carry no number, so an answer that was given up can be taken for that to a later
//! request: it is remembered by its shape until it has come, or until it is certain that it does not come any more.
//!
//! A unit answers in the order in which it was asked. So the values of a request whose answer has a shape of its own (a
//! *marker*) prove that what was asked before it will not be answered any more. Pure; time is handed in.

use std::time::Duration;

use tokio::time::Instant;

use super::super::plan::Span;
use super::frame::Shape;

/// No device answers after so many time-outs.
const TIMEOUTS_MAX: u32 = 10;
/// Markers are blocks that are longer by one register, or eight bits, from one to the next.
const MARKERS_MAX: u16 = 40;

#[derive(Debug)]
pub struct Debts {
    owed: Vec<(Shape, Instant)>,
    expire_after: Duration,
}

impl Debts {
    pub fn new(timeout: Duration) -> Self {
        Self {
            owed: Vec::new(),
            expire_after: timeout * TIMEOUTS_MAX,
        }
    }

    /// An answer was given up.
    pub fn owe(&mut self, shape: Shape, now: Instant) {
        self.owed.retain(|(_, since)| now - *since < self.expire_after);
        self.owed.push((shape, now));
    }

    /// An answer came that was not waited for. If it was not owed either, who sent it may do so again.
    pub fn stray(&mut self, shape: Shape, now: Instant) {
        match self.owed.iter().position(|(owed, _)| *owed == shape) {
            Some(index) => {
                self.owed.swap_remove(index);
            }
            None => self.owe(shape, now),
        }
    }

    pub fn owes(&mut self, unit: u8, now: Instant) -> bool {
        self.owed.retain(|(_, since)| now - *since < self.expire_after);
        self.owed.iter().any(|(owed, _)| owed.unit == unit)
    }

    /// What was asked before will not be answered any more.
    pub fn settle(&mut self, unit: u8) {
        self.owed.retain(|(owed, _)| owed.unit != unit);
    }

    /// The smallest read near `block` whose answer can be told from everything that is owed, and from that to `block`.
    pub fn marker(&self, unit: u8, block: Span) -> Option<Span> {
        let step = if block.area.has_bits() { 8 } else { 1 };
        (0..MARKERS_MAX)
            .map(|nth| {
                let count = nth * step + 1;
                let start = block.start.min(u16::MAX - (count - 1));
                Span { start, count, ..block }
            })
            .find(|marker| {
                let shape = Shape::of(unit, *marker);
                shape != Shape::of(unit, block) && self.owed.iter().all(|(owed, _)| *owed != shape)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::address::Area;
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(100);

    fn holding(start: u16, count: u16) -> Span {
        Span {
            area: Area::Holding,
            start,
            count,
        }
    }

    #[test]
    fn what_was_given_up_is_owed_until_it_comes_or_cannot_come() {
        let (mut debts, now) = (Debts::new(TIMEOUT), Instant::now());
        let late = Shape::of(1, holding(0, 5));
        debts.owe(late, now);
        assert!(debts.owes(1, now) && !debts.owes(2, now));
        debts.stray(late, now);
        assert!(!debts.owes(1, now), "it has come");
        debts.stray(late, now);
        assert!(debts.owes(1, now), "it came twice, and may come again");
        assert!(!debts.owes(1, now + 11 * TIMEOUT));
        debts.owe(late, now);
        debts.settle(1);
        assert!(!debts.owes(1, now));
    }

    #[test]
    fn a_marker_is_like_nothing_that_may_come() {
        let (mut debts, now) = (Debts::new(TIMEOUT), Instant::now());
        assert_eq!(debts.marker(1, holding(7, 5)), Some(holding(7, 1)));
        assert_eq!(debts.marker(1, holding(7, 1)), Some(holding(7, 2)));
        assert_eq!(debts.marker(1, holding(65535, 1)), Some(holding(65534, 2)));
        debts.owe(Shape::of(1, holding(90, 1)), now);
        debts.owe(Shape::of(1, holding(7, 2)), now);
        assert_eq!(debts.marker(1, holding(7, 3)), Some(holding(7, 4)));
        assert_eq!(
            debts.marker(2, holding(7, 3)),
            Some(holding(7, 1)),
            "another unit owes nothing"
        );
        let coils = Span {
            area: Area::Coil,
            start: 0,
            count: 6,
        };
        assert_eq!(
            debts.marker(1, coils).map(|m| m.count),
            Some(9),
            "1 to 8 bits are one byte"
        );
    }

    #[test]
    fn when_nothing_can_be_told_apart_there_is_no_marker() {
        let (mut debts, now) = (Debts::new(TIMEOUT), Instant::now());
        for count in 1..=40 {
            debts.owe(Shape::of(1, holding(0, count)), now);
        }
        assert_eq!(debts.marker(1, holding(0, 50)), None);
    }
}
