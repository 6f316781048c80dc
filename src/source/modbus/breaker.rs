//! A device that stays silent is asked with growing pauses, so that it does not take the time of the others. Pure.

use std::time::Duration;

use crate::backoff::Backoff;

/// A lost answer is no reason to leave a device alone; a second one is.
const SILENT_POLLS_MAX: u32 = 1;
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_LONGEST: Duration = Duration::from_mins(5);

/// Most devices answer much sooner than they may: three attempts of four wait for this part of the time-out only.
const SHORT_ATTEMPT: u32 = 4;
const WHOLE_ATTEMPT_EVERY: u32 = 4;
/// No device is quicker than this.
const ATTEMPT_MIN: Duration = Duration::from_millis(100);

/// Of the bus's time, all silent devices together get one part in so many.
pub const SHARE_OF_THE_SILENT: u32 = 10;

#[derive(Debug)]
pub struct Breaker {
    silent_polls: u32,
    pause: Backoff,
}

impl Breaker {
    pub fn new() -> Self {
        Self {
            silent_polls: 0,
            pause: Backoff::new(PAUSE_FIRST, PAUSE_LONGEST),
        }
    }

    /// Whether the device is only tried, and not polled.
    pub fn is_open(&self) -> bool {
        self.silent_polls > SILENT_POLLS_MAX
    }

    /// A poll brought something; whether the device had been silent.
    pub fn answered(&mut self) -> bool {
        self.pause.reset();
        std::mem::take(&mut self.silent_polls) > 0
    }

    /// A poll brought nothing; how long to leave the device alone.
    pub fn silent(&mut self) -> Option<Duration> {
        self.silent_polls = self.silent_polls.saturating_add(1);
        self.is_open().then(|| self.pause.next_delay())
    }

    /// How long an answer is waited for.
    pub fn patience(&self, timeout: Duration) -> Duration {
        let attempts = self.pause.failures();
        if self.is_open() && !attempts.is_multiple_of(WHOLE_ATTEMPT_EVERY) {
            (timeout / SHORT_ATTEMPT).clamp(ATTEMPT_MIN.min(timeout), timeout)
        } else {
            timeout
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_device_is_left_alone_for_longer_and_longer() {
        let mut breaker = Breaker::new();
        assert_eq!(breaker.silent(), None, "one answer may be lost");
        for longest_s in [5, 10, 20, 40, 80, 160, 300, 300] {
            let pause = breaker.silent().expect("a pause");
            let longest = Duration::from_secs(longest_s);
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?} of {longest:?}");
            assert!(breaker.is_open());
        }
        assert!(breaker.answered() && !breaker.is_open());
        assert!(!breaker.answered(), "it had answered before");
        assert_eq!(breaker.silent(), None);
    }

    #[test]
    fn attempts_are_short_but_now_and_then_as_long_as_any() {
        let (mut breaker, timeout) = (Breaker::new(), Duration::from_secs(1));
        let mut waits = Vec::new();
        for _ in 0..9 {
            waits.push(breaker.patience(timeout).as_millis());
            breaker.silent();
        }
        assert_eq!(waits, [1000, 1000, 250, 250, 250, 1000, 250, 250, 250]);
        let short = Duration::from_millis(50);
        assert_eq!(breaker.patience(short), short);
    }
}
