//! Whether rest between readings costs messages. A broker that sends by a clock of its own loses nothing by it; one that
//! allows only so many messages under way waits for our acknowledgements, and with them rests itself, and may drop what
//! does not fit its queue meanwhile. Nothing on the connection tells the one from the other but the number of messages
//! that come with rest and without, so while messages flow a moment of each is counted from time to time. Until that was
//! done nothing rests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const MOMENT_WITHOUT: Duration = Duration::from_millis(400);
/// Short, for it may cost.
const MOMENT_WITH: Duration = Duration::from_millis(200);
/// What comes after so long has nothing to do with what came before.
const LULL: Duration = Duration::from_millis(100);
const ANEW_AFTER: Duration = Duration::from_secs(20);
/// So many times as many messages without rest, and nothing rests until the next count. Who waits for us sends twice as
/// many or more, unless the disk takes longer than a rest.
const WORTH_IT: f64 = 1.4;

#[derive(Debug)]
pub struct Tempo {
    may_rest: Arc<AtomicBool>,
    begun: Instant,
    last_heard: Instant,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Without { messages: u32 },
    With { messages: u32, without: u32 },
    Decided,
}

impl Tempo {
    pub fn new(now: Instant) -> Self {
        Self {
            may_rest: Arc::default(),
            begun: now,
            last_heard: now,
            stage: Stage::Without { messages: 0 },
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
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let (may_rest, stage) = match &mut self.stage {
            Stage::Without { .. } | Stage::With { .. } if is_lull => (false, Stage::Without { messages: count }),
            Stage::Without { messages } if has_lasted(MOMENT_WITHOUT) => {
                let without = *messages;
                (true, Stage::With { messages: 0, without })
            }
            Stage::With { messages, without } if has_lasted(MOMENT_WITH) => {
                let with_per_s = f64::from(*messages) / MOMENT_WITH.as_secs_f64();
                let without_per_s = f64::from(*without) / MOMENT_WITHOUT.as_secs_f64();
                (without_per_s <= WORTH_IT * with_per_s, Stage::Decided)
            }
            Stage::Decided if has_lasted(ANEW_AFTER) => (false, Stage::Without { messages: count }),
            Stage::Without { messages } | Stage::With { messages, .. } => {
                *messages = messages.saturating_add(count);
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

    const STEP: Duration = Duration::from_millis(10);

    /// A broker that sends so many messages each ten milliseconds, with rest and without.
    struct Broker {
        with: usize,
        without: usize,
        now: Instant,
        tempo: Tempo,
    }

    impl Broker {
        fn new(with: usize, without: usize) -> Self {
            let now = Instant::now();
            Self {
                with,
                without,
                now,
                tempo: Tempo::new(now),
            }
        }

        fn rests(&self) -> bool {
            self.tempo.may_rest.load(Ordering::Relaxed)
        }

        /// Whether it is rested after so long.
        fn after(&mut self, so_long: Duration) -> bool {
            let until = self.now + so_long;
            while self.now < until {
                let count = if self.rests() { self.with } else { self.without };
                self.tempo.heard(count, self.now);
                self.now += STEP;
            }
            self.rests()
        }
    }

    #[test]
    fn a_broker_that_waits_for_us_is_not_left_waiting() {
        let mut broker = Broker::new(20, 40);
        assert!(!broker.after(Duration::from_secs(5)));
        assert!(!broker.after(ANEW_AFTER));
    }

    #[test]
    fn one_that_sends_by_a_clock_of_its_own_is_rested() {
        assert!(Broker::new(10, 10).after(Duration::from_secs(5)));
        assert!(Broker::new(10, 13).after(Duration::from_secs(5)));
    }

    #[test]
    fn what_was_found_is_counted_anew_after_a_while() {
        let mut broker = Broker::new(10, 10);
        assert!(broker.after(Duration::from_secs(5)));
        broker.without = 30;
        assert!(!broker.after(ANEW_AFTER));
        broker.without = 10;
        assert!(broker.after(2 * ANEW_AFTER));
    }

    #[test]
    fn bursts_too_short_to_be_counted_are_not_rested() {
        let mut broker = Broker::new(10, 10);
        for _ in 0..20 {
            assert!(!broker.after(Duration::from_millis(300)));
            broker.now += 2 * LULL;
        }
    }

    #[test]
    fn a_lull_changes_nothing_of_what_was_found() {
        let mut broker = Broker::new(20, 40);
        assert!(!broker.after(Duration::from_secs(5)));
        broker.now += 5 * LULL;
        assert!(!broker.after(Duration::from_secs(1)));
        let mut broker = Broker::new(10, 10);
        assert!(broker.after(Duration::from_secs(5)));
        broker.now += 5 * LULL;
        assert!(broker.after(Duration::from_secs(1)));
    }
}
