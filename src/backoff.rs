//! How long to wait before trying again: doubling from a first to a longest delay, with jitter so that a plant full of
//! gateways does not come back in step.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// The next delay: between half of and the whole doubled step.
    pub fn next_delay(&mut self) -> Duration {
        let step = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_start_over() {
        let (first, longest) = (Duration::from_millis(500), Duration::from_mins(1));
        let mut backoff = Backoff::new(first, longest);
        for step_ms in [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000] {
            let delay = backoff.next_delay();
            assert!(
                delay >= Duration::from_millis(step_ms / 2) && delay <= Duration::from_millis(step_ms),
                "{delay:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next_delay() <= first);
    }
}
