//! Whether rest between readings costs messages. A broker that sends by a clock of its own loses nothing by it; one that
//! allows only so many messages under way waits for our acknowledgements, and with them rests itself. Nothing on the
//! connection tells the one from the other but the number of messages that come with rest and without, so from time to
//! time a moment of each is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(500);
/// What comes after so long has nothing to do with what came before.
const LULL: Duration = Duration::from_millis(100);
const ANEW_AFTER: Duration = Duration::from_secs(20);
/// So many times as many messages without rest, and nothing rests until the next count. What comes at random differs by
/// less.
const WORTH_IT: f64 = 1.25;

#[derive(Debug)]
pub struct Tempo {
    may_rest: Arc<AtomicBool>,
    begun: Instant,
    last_heard: Instant,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    WithRest { messages: usize },
    Without { messages: usize, with_rest: usize },
    Decided,
}

impl Tempo {
    pub fn new(now: Instant) -> Self {
        Self {
            may_rest: Arc::new(AtomicBool::new(true)),
            begun: now,
            last_heard: now,
            stage: Stage::WithRest { messages: 0 },
        }
    }

    /// For who rests: whether to.
    pub fn may_rest(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.may_rest)
    }

    /// So many messages came together.
    pub fn heard(&mut self, count: usize, now: Instant) {
        let is_lull = now > self.last_heard + LULL;
        self.last_heard = now;
        let has_lasted = |so_long| now >= self.begun + so_long;
        let (may_rest, stage) = match self.stage {
            _ if is_lull => (true, Stage::WithRest { messages: 0 }),
            Stage::WithRest { messages } if has_lasted(MOMENT) => (
                false,
                Stage::Without {
                    messages: 0,
                    with_rest: messages,
                },
            ),
            Stage::Without { messages, with_rest } if has_lasted(MOMENT) => {
                #[expect(clippy::cast_precision_loss, reason = "messages of half a second")]
                let is_slowed = messages as f64 > with_rest as f64 * WORTH_IT;
                (!is_slowed, Stage::Decided)
            }
            Stage::Decided if has_lasted(ANEW_AFTER) => (true, Stage::WithRest { messages: 0 }),
            Stage::WithRest { ref mut messages } | Stage::Without { ref mut messages, .. } => {
                *messages += count;
                return;
            }
            Stage::Decided => return,
        };
        self.may_rest.store(may_rest, Ordering::Relaxed);
        (self.begun, self.stage) = (now, stage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five seconds of a broker that sends so many messages each ten milliseconds, with rest and without.
    fn rests_after(with_rest: usize, without: usize) -> bool {
        let begun = Instant::now();
        let mut tempo = Tempo::new(begun);
        let may_rest = tempo.may_rest();
        for step in 0..500 {
            let count = if may_rest.load(Ordering::Relaxed) {
                with_rest
            } else {
                without
            };
            tempo.heard(count, begun + Duration::from_millis(10) * step);
        }
        may_rest.load(Ordering::Relaxed)
    }

    #[test]
    fn a_broker_that_waits_for_us_is_not_left_waiting() {
        assert!(!rests_after(20, 40));
    }

    #[test]
    fn one_that_sends_by_a_clock_of_its_own_is() {
        assert!(rests_after(10, 10));
        assert!(rests_after(10, 11));
    }

    #[test]
    fn it_is_counted_anew_after_a_while_and_after_a_lull() {
        let begun = Instant::now();
        let mut tempo = Tempo::new(begun);
        let may_rest = tempo.may_rest();
        let mut hear = |from: u32, to: u32, count| {
            for step in from..to {
                tempo.heard(count, begun + LULL / 2 * step);
            }
            may_rest.load(Ordering::Relaxed)
        };
        assert!(hear(0, 10, 5));
        assert!(!hear(10, 20, 50), "the moment without");
        assert!(!hear(20, 21, 50), "it paid");
        assert!(!hear(21, 420, 50));
        assert!(hear(420, 421, 5), "the moment with rest");
        assert!(!hear(421, 431, 5), "the moment without");
        assert!(!hear(431, 441, 50), "it paid again");
        assert!(hear(450, 451, 5), "what comes now is another matter");
    }
}
