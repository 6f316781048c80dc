//! Blocks that a device answers as others. Each such answer costs the connection, which all its devices share, so such a block
//! is left out for growing times until it is answered as itself.
//!
//! Pure; time is handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::plan::Span;
use crate::backoff::Backoff;

const REST_FIRST: Duration = Duration::from_secs(1);
const REST_LONGEST: Duration = Duration::from_mins(5);

#[derive(Debug, Default)]
pub struct Strays(BTreeMap<(u8, Span), Rest>);

#[derive(Debug)]
struct Rest {
    until: Instant,
    cause: &'static str,
    pause: Backoff,
}

impl Strays {
    /// Why a block is left out now, if it is.
    pub fn rests(&self, unit: u8, block: Span, now: Instant) -> Option<&'static str> {
        let rest = self.0.get(&(unit, block))?;
        (now < rest.until).then_some(rest.cause)
    }

    /// Whether the last answer to it was one to another.
    pub fn holds(&self, unit: u8, block: Span) -> bool {
        self.0.contains_key(&(unit, block))
    }

    pub fn add(&mut self, unit: u8, block: Span, cause: &'static str, now: Instant) {
        // Plans change, and people look here and there: what is not asked for any more is forgotten.
        self.0.retain(|_, rest| now < rest.until + REST_LONGEST);
        let rest = self.0.entry((unit, block)).or_insert_with(|| Rest {
            until: now,
            cause,
            pause: Backoff::new(REST_FIRST, REST_LONGEST),
        });
        rest.cause = cause;
        rest.until = now + rest.pause.next_delay();
    }

    pub fn answered(&mut self, unit: u8, block: Span) {
        self.0.remove(&(unit, block));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::address::Area;
    use super::*;

    const BLOCK: Span = Span {
        area: Area::Holding,
        start: 100,
        count: 2,
    };
    const OTHER: Span = Span { start: 0, ..BLOCK };

    #[test]
    fn a_block_is_left_out_for_longer_and_longer_until_it_is_answered() {
        let (mut strays, mut now) = (Strays::default(), Instant::now());
        for longest_s in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            strays.add(1, BLOCK, "stray", now);
            let longest = Duration::from_secs(longest_s);
            assert_eq!(strays.rests(1, BLOCK, now + longest * 49 / 100), Some("stray"));
            now += longest;
            assert_eq!(strays.rests(1, BLOCK, now), None, "after {longest:?}");
            assert!(strays.holds(1, BLOCK));
        }
        strays.answered(1, BLOCK);
        assert!(!strays.holds(1, BLOCK));
        strays.add(1, BLOCK, "stray", now);
        assert_eq!(strays.rests(1, BLOCK, now + REST_FIRST), None);
    }

    #[test]
    fn its_neighbours_are_asked_on() {
        let (mut strays, now) = (Strays::default(), Instant::now());
        strays.add(1, BLOCK, "stray", now);
        assert_eq!((strays.rests(2, BLOCK, now), strays.rests(1, OTHER, now)), (None, None));
    }

    #[test]
    fn what_is_not_asked_for_any_more_is_forgotten() {
        let (mut strays, now) = (Strays::default(), Instant::now());
        strays.add(1, BLOCK, "stray", now);
        strays.add(1, OTHER, "stray", now + REST_FIRST + REST_LONGEST);
        assert!(!strays.holds(1, BLOCK) && strays.holds(1, OTHER));
    }
}
