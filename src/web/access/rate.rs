//! Requests per client: who is known by who they are, the others by their address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::http;

/// Clients are forgotten once in so many requests.
const TIDY_EVERY: u32 = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

impl Default for Limit {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).expect("not 0");
        Self {
            per_second: number(50),
            burst: number(200),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Client {
    Named(String),
    Address(IpAddr),
}

impl Client {
    pub fn at(address: IpAddr) -> Self {
        Self::Address(http::network_of(address))
    }
}

#[derive(Debug)]
pub struct Rate {
    clients: DefaultKeyedRateLimiter<Client>,
    since_tidied: AtomicU32,
}

impl Rate {
    pub fn new(limit: Limit) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self {
            clients: DefaultKeyedRateLimiter::keyed(quota),
            since_tidied: AtomicU32::new(0),
        }
    }

    /// How long the client has to wait, if it asks too much.
    pub fn wait(&self, client: &Client) -> Option<Duration> {
        if self.since_tidied.fetch_add(1, Ordering::Relaxed) >= TIDY_EVERY {
            self.since_tidied.store(0, Ordering::Relaxed);
            self.clients.retain_recent();
            self.clients.shrink_to_fit();
        }
        let refused = self.clients.check_key(client).err()?;
        Some(refused.wait_time_from(self.clients.clock().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_beyond_its_burst_waits_and_others_do_not() {
        let number = |n| NonZeroU32::new(n).expect("not 0");
        let rate = Rate::new(Limit {
            per_second: number(1),
            burst: number(3),
        });
        let greedy = Client::at(IpAddr::from([10, 0, 0, 1]));
        let waits: Vec<bool> = (0..4).map(|_| rate.wait(&greedy).is_some()).collect();
        assert_eq!(waits, [false, false, false, true]);
        assert_eq!(rate.wait(&Client::at(IpAddr::from([10, 0, 0, 2]))), None);
        assert_eq!(rate.wait(&Client::Named("王工".to_owned())), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let at = |text: &str| Client::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
    }
}
