//! Guessing passwords takes ever longer: for one account from one address, and for one address whatever the name. An account
//! alone, guessed at from everywhere, is only slowed a little. Tokens have no names: of them the address alone counts. So who guesses shuts out themselves, not the person whose name
//! they use, who comes from another address; and no wait is longer than a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failures are forgotten after this time without another.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(15);
/// Counts that are kept; the oldest gives way.
const COUNTS_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    AccountFrom(String, IpAddr),
    Address(IpAddr),
    Account(String),
}

impl Subject {
    /// Failures that cost nothing, and the longest wait for those beyond: the waits double from one second on.
    fn measure(&self) -> (u32, Duration) {
        match self {
            Self::AccountFrom(..) => (5, Duration::from_mins(1)),
            Self::Address(_) => (20, Duration::from_mins(1)),
            Self::Account(_) => (50, Duration::from_secs(2)),
        }
    }
}

#[derive(Debug)]
struct Count {
    failures: u32,
    last: Instant,
    locked_until: Instant,
}

#[derive(Debug, Default)]
pub struct Lockout(Mutex<HashMap<Subject, Count>>);

impl Lockout {
    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long this account, or a token, may not be tried from this address.
    pub fn wait(&self, name: Option<&str>, from: IpAddr, now: Instant) -> Option<Duration> {
        let counts = self.lock();
        let waits = subjects(name, from)
            .into_iter()
            .filter_map(|subject| counts.get(&subject));
        let longest = waits.map(|count| count.locked_until).max()?;
        longest.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Returns the wait that begins now, if one does.
    pub fn failed(&self, name: Option<&str>, from: IpAddr, now: Instant) -> Option<Duration> {
        let mut counts = self.lock();
        let mut longest = Duration::ZERO;
        for subject in subjects(name, from) {
            if counts.len() >= COUNTS_MAX && !counts.contains_key(&subject) {
                let oldest = counts
                    .iter()
                    .min_by_key(|(_, count)| count.last)
                    .map(|(subject, _)| subject.clone());
                oldest.map(|oldest| counts.remove(&oldest));
            }
            let (free, wait_max) = subject.measure();
            let count = counts.entry(subject).or_insert(Count {
                failures: 0,
                last: now,
                locked_until: now,
            });
            if now.duration_since(count.last) >= FORGOTTEN_AFTER {
                count.failures = 0;
            }
            count.failures = count.failures.saturating_add(1);
            count.last = now;
            if count.failures >= free {
                let wait = Duration::from_secs(1 << (count.failures - free).min(20)).min(wait_max);
                count.locked_until = now + wait;
                longest = longest.max(wait);
            }
        }
        Some(longest).filter(|wait| !wait.is_zero())
    }

    /// The right password clears what this address did to this account.
    pub fn succeeded(&self, name: &str, from: IpAddr) {
        self.lock().remove(&Subject::AccountFrom(name.to_owned(), from));
    }
}

fn subjects(name: Option<&str>, from: IpAddr) -> Vec<Subject> {
    let of_account = name.into_iter().flat_map(|name| {
        [
            Subject::AccountFrom(name.to_owned(), from),
            Subject::Account(name.to_owned()),
        ]
    });
    of_account.chain([Subject::Address(from)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 168, 1, last])
    }

    #[test]
    fn guessing_takes_ever_longer_up_to_a_minute_and_is_forgotten() {
        let (lockout, mut now) = (Lockout::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..14 {
            let wait = lockout.failed(Some("王工"), address(1), now);
            assert_eq!(lockout.wait(Some("王工"), address(1), now), wait);
            waits.push(wait.map_or(0, |wait| wait.as_secs()));
            now += wait.unwrap_or_default();
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(lockout.failed(Some("王工"), address(1), now + FORGOTTEN_AFTER), None);
    }

    #[test]
    fn who_comes_from_another_address_is_not_shut_out() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for _ in 0..30 {
            lockout.failed(Some("王工"), address(1), now);
        }
        assert!(lockout.wait(Some("王工"), address(1), now).is_some());
        assert!(
            lockout.wait(Some("other"), address(1), now).is_some(),
            "the address as such"
        );
        assert_eq!(lockout.wait(Some("王工"), address(2), now), None);
        for nth in 0..=255 {
            lockout.failed(Some("王工"), address(nth), now);
        }
        let wait = lockout.wait(Some("王工"), IpAddr::from([10, 0, 0, 1]), now);
        assert!(wait.is_some_and(|wait| wait <= Duration::from_secs(2)), "{wait:?}");
    }

    #[test]
    fn the_right_password_clears_the_count() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for _ in 0..4 {
            assert_eq!(lockout.failed(Some("王工"), address(1), now), None);
        }
        lockout.succeeded("王工", address(1));
        assert_eq!(lockout.failed(Some("王工"), address(1), now), None);
    }

    #[test]
    fn however_many_addresses_guess_the_memory_is_bounded() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for nth in 0..=u32::try_from(COUNTS_MAX / 2).expect("few") {
            lockout.failed(Some("王工"), IpAddr::from(nth.to_be_bytes()), now);
        }
        assert_eq!(lockout.lock().len(), COUNTS_MAX);
    }
}
