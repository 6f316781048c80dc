//! The MQTT source: one task per broker. PUBACK only after the flush.
//!
//! The session lives at the broker, and nothing of ours outlives a connection (`session`) but the names of what is
//! subscribed (`subscriptions`): what was not acknowledged comes again. When the disk refuses, the connection is dropped so
//! that the broker repeats later. Queues are bounded: a slow disk slows the reading, and so the broker.

mod codec;
mod inbox;
mod link;
mod rested;
mod session;
mod subscriptions;
mod tempo;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::sparkplug::{self, Host};
use crate::backoff::Backoff;
use crate::record::Reading;
use crate::secret::Secret;
use crate::status::SourceStatus;
use codec::{Heard, Retained, Stay};
use link::Link;
pub use subscriptions::Subscriptions;

const KEEP_ALIVE: Duration = Duration::from_secs(30);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A reading that the intake does not take within this time means a stalled disk: the connection is given up, for its
/// keep-alive can't be served meanwhile. Nothing is lost: what is not acknowledged comes again.
const INTAKE_WITHIN: Duration = Duration::from_secs(20);
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_LONGEST: Duration = Duration::from_mins(1);
/// A connection that ends sooner counts as failed: a disk that refuses messages ends each as it begins.
const STEADY_AFTER: Duration = Duration::from_mins(1);
/// For a goodbye that nothing depends on.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);
/// The largest packet that is read at all. What is larger passes by; what is larger than a rule allows is refused there.
pub const PACKET_BYTES_MAX: u32 = 4 << 20;
/// Unacknowledged messages that we ask a broker (MQTT 5) to keep under way: enough for a slow sync.
const RECEIVE_MAX: u16 = 10_000;

#[derive(Debug, Clone)]
pub struct Settings {
    pub protocol: Protocol,
    pub transport: Transport,
    pub host: String,
    pub port: u16,
    /// The whole URL for websockets.
    pub url: String,
    pub client_id: String,
    pub credentials: Option<(String, Secret)>,
    pub filters: Vec<(String, Qos)>,
    pub sparkplug: Option<sparkplug::Settings>,
}

impl Settings {
    /// What the broker granted less than was asked for, in words.
    fn shortfall(&self, granted: &[Qos]) -> Option<String> {
        let pairs = self.filters.iter().zip(granted);
        let mut less = pairs.filter(|((_, asked), granted)| granted < &asked);
        let ((filter, _), _) = less.next()?;
        Some(format!(
            "the broker grants `{filter}` qos 0 only: what it sends while we are away or the disk is full is lost"
        ))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    V311,
    V5,
}

#[derive(Debug, Clone)]
pub enum Transport {
    Tcp,
    Tls(Arc<rustls::ClientConfig>),
    Ws,
    Wss(Arc<rustls::ClientConfig>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    AtMostOnce,
    AtLeastOnce,
}

/// A broker, and who hears what it says.
pub struct Source {
    pub name: Arc<str>,
    pub settings: Settings,
    pub subscriptions: Subscriptions,
    pub readings: mpsc::Sender<Reading>,
    pub status: Arc<SourceStatus>,
    pub stop: CancellationToken,
}

/// Hears one broker until told to stop. A lost broker is not an error: it is tried again, for ever.
pub async fn run(source: Source) {
    let mut backoff = Backoff::new(BACKOFF_FIRST, BACKOFF_LONGEST);
    let mut host = source.settings.sparkplug.clone().map(Host::new);
    let mut retained = Retained::All;
    loop {
        let begun = Instant::now();
        let Err(reason) = session::hold(&source, host.as_mut(), &mut retained).await else {
            return;
        };
        if begun.elapsed() >= STEADY_AFTER {
            backoff.reset();
        }
        let delay = backoff.next_delay();
        tracing::warn!(
            source = &*source.name,
            reason,
            retry_ms = delay.as_millis(),
            "the broker is lost"
        );
        source.status.down(chrono::Utc::now(), reason);
        tokio::select! {
            () = source.stop.cancelled() => return,
            () = tokio::time::sleep(delay) => {}
        }
    }
}

/// Connects and subscribes once, for `check --connect`, and leaves nothing at the broker.
pub async fn try_connect(settings: &Settings) -> Result<(), String> {
    // A client id of its own, or the broker would throw out the gateway that runs.
    let settings = Settings {
        client_id: format!("{}-check", settings.client_id),
        ..settings.clone()
    };
    let mut link = Link::connect(&settings, None, Stay::Passing, Retained::OfNewFilters).await?;
    let mut heard = Vec::new();
    loop {
        let answer = tokio::time::timeout(CONNECT_WITHIN, link.hear(&mut heard)).await;
        answer.map_err(|_| "no answer to SUBSCRIBE".to_owned())??;
        let granted = heard.drain(..).find_map(|one| match one {
            Heard::Subscribed { granted } => Some(granted),
            _ => None,
        });
        if let Some(granted) = granted {
            let _ = tokio::time::timeout(GOODBYE_WITHIN, link.disconnect()).await;
            return settings.shortfall(&granted).map_or(Ok(()), Err);
        }
    }
}
