//! Answers that may still come. RTU frames carry no number, so an answer that was given up can be taken for that to a later
//! request: it is remembered by its shape until it has come, or until it is certain that it does not come any more.
//!
//! * A unit answers in the order in which it was asked. So the values of a request whose answer has a shape of its own (a
//!   *marker*) prove that what was asked before it will not be answered any more.
//! * An answer may come twice, as device servers repeat requests. So two requests in a row to one unit are never answered
//!   alike: the second asks for a register more than it needs, or, where the device does not give that, follows a marker.
//! * Some devices stay silent rather than refuse what they do not have. A block of which nothing beyond was ever answered is
//!   spared such requests, and given time instead.
//!
//! Pure; time is handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::plan::Span;
use super::frame::Shape;

/// No device answers after so many time-outs.
const TIMEOUTS_MAX: u32 = 10;
/// Markers are blocks that are longer by one register, or eight bits, from one to the next.
const MARKERS_MAX: u16 = 40;
/// What may be read along: one register, or two where the device gives even counts only. Eight bits are a byte.
const REGISTER_PADS: [u16; 2] = [1, 2];
const BIT_PADS: [u16; 1] = [8];
const REGISTERS_MAX: u16 = 125;
const BITS_MAX: u16 = 2000;
/// So many requests beyond a block may be lost like any others.
const UNHEARD_MAX: u32 = 5;

#[derive(Debug)]
pub struct Debts {
    owed: Vec<(Shape, Instant)>,
    /// By unit, the answer that came last.
    last: BTreeMap<u8, (Shape, Instant)>,
    /// By unit and block, what became of asking beyond it.
    beyond: BTreeMap<(u8, Span), Beyond>,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct Beyond {
    pads_refused: usize,
    was_answered: bool,
    unheard: u32,
}

/// How to ask for a block so that the answer is like none that may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Plain,
    /// With more than is needed.
    Padded(Span),
    /// After another request.
    Behind(Span),
}

impl Debts {
    pub fn new(timeout: Duration) -> Self {
        Self {
            owed: Vec::new(),
            last: BTreeMap::new(),
            beyond: BTreeMap::new(),
            timeout,
        }
    }

    /// Values came as they were asked for.
    pub fn answered(&mut self, shape: Shape, now: Instant) {
        self.last.insert(shape.unit, (shape, now));
    }

    pub fn manner(&self, unit: u8, block: Span, now: Instant) -> Manner {
        let shape = Shape::of(unit, block);
        let may_be_doubled = |(last, at): &(Shape, Instant)| *last == shape && now - *at < self.timeout;
        if !self.last.get(&unit).is_some_and(may_be_doubled) {
            return Manner::Plain;
        }
        let refused = self.beyond.get(&(unit, block)).map_or(0, |beyond| beyond.pads_refused);
        let (pads, max): (&[u16], _) = if block.area.has_bits() {
            (&BIT_PADS, BITS_MAX)
        } else {
            (&REGISTER_PADS, REGISTERS_MAX)
        };
        let padded = pads.get(refused).map(|pad| Span {
            count: block.count + pad,
            ..block
        });
        match padded.filter(|padded| padded.count <= max && padded.end() <= 65536) {
            Some(padded) if self.may_ask(unit, block, padded) => Manner::Padded(padded),
            _ => self.marker(unit, block).map_or(Manner::Plain, Manner::Behind),
        }
    }

    /// The device does not give more than the block.
    pub fn refuse_pad(&mut self, unit: u8, block: Span) {
        self.beyond.entry((unit, block)).or_default().pads_refused += 1;
    }

    /// Whether there is hope that this is answered, be it with a refusal.
    fn may_ask(&self, unit: u8, block: Span, span: Span) -> bool {
        let is_hopeless = |beyond: &Beyond| !beyond.was_answered && beyond.unheard > UNHEARD_MAX;
        block.holds(span) || !self.beyond.get(&(unit, block)).is_some_and(is_hopeless)
    }

    /// What became of asking for this instead of the block.
    pub fn asked(&mut self, unit: u8, block: Span, span: Span, is_answered: bool) {
        if !block.holds(span) {
            let beyond = self.beyond.entry((unit, block)).or_default();
            beyond.was_answered |= is_answered;
            beyond.unheard += u32::from(!is_answered);
        }
    }

    /// The unit is silent whatever it is asked for, so its silence says nothing of what lies beyond.
    pub fn unheard(&mut self, unit: u8) {
        let of_unit = self.beyond.iter_mut().filter(|((of, _), _)| *of == unit);
        of_unit.for_each(|(_, beyond)| beyond.unheard = 0);
    }

    /// How long to wait until what is owed is later than any answer.
    pub fn time_left(&self, unit: u8, now: Instant) -> Duration {
        let of_unit = self.owed.iter().filter(|(owed, _)| owed.unit == unit);
        let last = of_unit.map(|(_, since)| *since + self.timeout).max();
        last.map_or(Duration::ZERO, |last| last.saturating_duration_since(now))
    }

    /// An answer was given up.
    pub fn owe(&mut self, shape: Shape, now: Instant) {
        self.owed
            .retain(|(_, since)| now - *since < self.timeout * TIMEOUTS_MAX);
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
        self.owed
            .retain(|(_, since)| now - *since < self.timeout * TIMEOUTS_MAX);
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
            .filter(|marker| self.may_ask(unit, block, *marker))
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
    fn two_answers_in_a_row_are_never_alike() {
        let (mut debts, now, block) = (Debts::new(TIMEOUT), Instant::now(), holding(7, 3));
        let soon = now + TIMEOUT / 2;
        assert_eq!(debts.manner(1, block, now), Manner::Plain);
        debts.answered(Shape::of(1, holding(100, 3)), now);
        assert_eq!(debts.manner(1, block, soon), Manner::Padded(holding(7, 4)));
        assert_eq!(debts.manner(1, holding(7, 4), soon), Manner::Plain, "another length");
        assert_eq!(debts.manner(2, block, soon), Manner::Plain, "another unit");
        assert_eq!(
            debts.manner(1, block, now + TIMEOUT),
            Manner::Plain,
            "it would have come by now"
        );
        debts.refuse_pad(1, block);
        assert_eq!(debts.manner(1, block, soon), Manner::Padded(holding(7, 5)));
        debts.refuse_pad(1, block);
        assert_eq!(debts.manner(1, block, soon), Manner::Behind(holding(7, 1)));
        debts.answered(Shape::of(1, holding(65533, 3)), now);
        assert_eq!(
            debts.manner(1, holding(65533, 3), soon),
            Manner::Behind(holding(65533, 1))
        );
    }

    #[test]
    fn a_block_beyond_which_nothing_is_ever_answered_is_spared_such_requests() {
        let (mut debts, now, block) = (Debts::new(TIMEOUT), Instant::now(), holding(7, 1));
        debts.answered(Shape::of(1, block), now);
        for _ in 0..=UNHEARD_MAX {
            assert_eq!(debts.manner(1, block, now), Manner::Padded(holding(7, 2)));
            debts.asked(1, block, holding(7, 2), false);
        }
        assert_eq!(debts.manner(1, block, now), Manner::Plain);
        assert_eq!(debts.marker(1, block), None, "there is none within the block");
        assert_eq!(debts.marker(1, holding(7, 3)), Some(holding(7, 1)));
        debts.unheard(1);
        assert_eq!(
            debts.manner(1, block, now),
            Manner::Padded(holding(7, 2)),
            "it was dead to everything"
        );
    }

    #[test]
    fn what_was_answered_once_will_be_again() {
        let (mut debts, now, block) = (Debts::new(TIMEOUT), Instant::now(), holding(7, 1));
        debts.answered(Shape::of(1, block), now);
        debts.asked(1, block, holding(7, 2), true);
        for _ in 0..10 {
            debts.asked(1, block, holding(7, 2), false);
        }
        assert_eq!(debts.manner(1, block, now), Manner::Padded(holding(7, 2)));
    }

    #[test]
    fn a_debt_is_waited_for_until_it_is_too_late_for_an_answer() {
        let (mut debts, now) = (Debts::new(TIMEOUT), Instant::now());
        debts.owe(Shape::of(1, holding(7, 1)), now);
        assert_eq!(debts.time_left(1, now + TIMEOUT / 4), TIMEOUT * 3 / 4);
        assert_eq!(debts.time_left(1, now + 2 * TIMEOUT), Duration::ZERO);
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
