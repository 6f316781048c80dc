//! Blocks that a device gives no answer for, although it answers others. Each is asked for ever more seldom, for to wait for
//! it takes the time of everyone on the bus. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::plan::Span;
use crate::backoff::Backoff;

/// A lost answer is no reason to leave a block alone; a second one in a row is.
const SILENCES_MAX: u32 = 1;
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_LONGEST: Duration = Duration::from_mins(5);

#[derive(Debug, Default)]
pub struct Quiet {
    rests: Vec<Rest>,
    /// Which block a poll begins with: another one where the last poll brought nothing at all.
    first: usize,
}

#[derive(Debug)]
struct Rest {
    span: Span,
    cause: &'static str,
    silences: u32,
    pause: Backoff,
    until: Instant,
}

impl Quiet {
    /// Why a block is not asked for now, if it rests.
    pub fn why_resting(&self, span: Span, now: Instant) -> Option<&'static str> {
        let rest = self.rests.iter().find(|rest| rest.span == span && rest.until > now)?;
        Some(rest.cause)
    }

    /// Whether its last answer did not come.
    pub fn is_in_doubt(&self, span: Span) -> bool {
        self.rests.iter().any(|rest| rest.span == span)
    }

    pub fn first(&self) -> usize {
        self.first
    }

    /// A poll brought nothing at all.
    pub fn nothing_came(&mut self) {
        self.first = self.first.wrapping_add(1);
    }

    /// A poll in which the device answered is over, and these blocks were asked for in vain. Whether others rest now.
    pub fn note(&mut self, silent: &[(Span, &'static str)], now: Instant) -> bool {
        self.first = 0;
        let count = self.resting().count();
        self.rests
            .retain(|rest| rest.until > now || silent.iter().any(|(span, _)| *span == rest.span));
        let mut is_new = self.resting().count() != count;
        for (span, cause) in silent {
            let place = self
                .rests
                .iter()
                .position(|rest| rest.span == *span)
                .unwrap_or_else(|| {
                    self.rests.push(Rest {
                        span: *span,
                        cause,
                        silences: 0,
                        pause: Backoff::new(PAUSE_FIRST, PAUSE_LONGEST),
                        until: now,
                    });
                    self.rests.len() - 1
                });
            let rest = &mut self.rests[place];
            rest.silences = rest.silences.saturating_add(1);
            if rest.silences > SILENCES_MAX {
                is_new |= rest.silences == SILENCES_MAX + 1;
                rest.until = now + rest.pause.next_delay();
            }
        }
        is_new
    }

    fn resting(&self) -> impl Iterator<Item = &Rest> {
        self.rests.iter().filter(|rest| rest.silences > SILENCES_MAX)
    }

    /// One line for each block that rests.
    pub fn describe(&self) -> impl Iterator<Item = String> {
        self.resting()
            .map(|rest| format!("{}: {}; asked for ever more seldom", rest.span, rest.cause))
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::Area;
    use super::*;

    const A: Span = Span {
        area: Area::Holding,
        start: 0,
        count: 4,
    };
    const WHY: &str = "no answer";

    #[test]
    fn a_block_rests_after_its_second_silence_and_for_ever_longer() {
        let (mut quiet, mut now) = (Quiet::default(), Instant::now());
        assert!(!quiet.note(&[(A, WHY)], now));
        assert_eq!(quiet.why_resting(A, now), None, "one answer may be lost");
        let mut rests = Vec::new();
        for is_first in [true, false, false, false, false, false, false, false] {
            assert_eq!(quiet.note(&[(A, WHY)], now), is_first);
            let began = now;
            while quiet.why_resting(A, now).is_some() {
                now += Duration::from_secs(1);
            }
            rests.push((now - began).as_secs());
        }
        assert!(
            (2..=5).contains(&rests[0]) && (149..=300).contains(&rests[7]),
            "{rests:?}"
        );
        assert_eq!(quiet.describe().count(), 1);
        assert!(quiet.note(&[], now), "it has answered");
        assert_eq!(quiet.describe().count(), 0);
    }

    #[test]
    fn a_block_that_rests_is_not_forgotten_by_polls_without_it() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        quiet.note(&[(A, WHY)], now);
        quiet.note(&[(A, WHY)], now);
        assert!(!quiet.note(&[], now));
        assert_eq!(quiet.why_resting(A, now), Some(WHY));
    }
}
