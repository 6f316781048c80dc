//! How much of a connection's time requests really take, over the last seconds.

use std::time::Duration;

use tokio::time::Instant;

use crate::status::SourceStatus;

const OVER: Duration = Duration::from_secs(10);

pub struct Load {
    since: Instant,
    busy: Duration,
}

impl Load {
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            busy: Duration::ZERO,
        }
    }

    /// A request took so long; now and then the share is told.
    pub fn add(&mut self, took: Duration, now: Instant, status: &SourceStatus) {
        self.busy += took;
        let time = now - self.since;
        if time >= OVER {
            status.set_bus_load(self.busy.as_secs_f64() / time.as_secs_f64() * 100.0);
            *self = Self::new(now);
        }
    }
}
