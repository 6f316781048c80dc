//! The MQTT source: one task per broker. PUBACK only after the flush.
//!
//! The session lives at the broker, and nothing of ours outlives a connection (`link`): what was not acknowledged comes
//! again. When the disk refuses, the connection is
//! dropped so that the broker repeats later. Queues are bounded: a slow disk slows the reading, and so the broker.

mod codec;
mod link;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::record::{Feedback, Payload, Reading, Receipt, Waiting};
use crate::secret::Secret;
use crate::status::SourceStatus;
use codec::Heard;
use link::Link;

const KEEP_ALIVE: Duration = Duration::from_secs(30);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A reading that the intake does not take within this time means a stalled disk: the connection is given up, for its
/// keep-alive can't be served meanwhile. Nothing is lost: what is not acknowledged comes again.
const INTAKE_WITHIN: Duration = Duration::from_secs(20);
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_LONGEST: Duration = Duration::from_mins(1);
/// The largest packet that is read at all; what is larger than a rule allows is refused there, one by one.
const PACKET_BYTES_MAX: u32 = 4 << 20;
/// Unacknowledged messages that we ask a broker (MQTT 5) to keep under way: enough for a slow sync.
const RECEIVE_MAX: u16 = 10_000;
const ACKS_PER_WRITE_MAX: usize = 4096;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    AtMostOnce,
    AtLeastOnce,
}

/// What waits behind a message: its packet id on this connection.
struct Acks {
    due: mpsc::UnboundedSender<Due>,
}

enum Due {
    Ack(u16),
    Refused,
}

impl Waiting for Acks {
    fn kept(&self, token: u64, _: Option<Feedback>) {
        if let Ok(packet_id) = u16::try_from(token) {
            // A connection that is gone takes no acknowledgement; the broker will send the message again.
            let _ = self.due.send(Due::Ack(packet_id));
        }
    }

    fn refused(&self, _: u64) {
        let _ = self.due.send(Due::Refused);
    }
}

/// Hears one broker until told to stop. A lost broker is not an error: it is tried again, for ever.
pub async fn run(
    name: Arc<str>,
    settings: Settings,
    readings: mpsc::Sender<Reading>,
    status: Arc<SourceStatus>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new(BACKOFF_FIRST, BACKOFF_LONGEST);
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = hear(&name, &settings, &readings, &status, &mut backoff) => ended,
        };
        let Err(reason) = ended else { return };
        let delay = backoff.next_delay();
        tracing::warn!(
            source = &*name,
            reason,
            retry_ms = delay.as_millis(),
            "the broker is lost"
        );
        status.down(chrono::Utc::now(), reason);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(delay) => {}
        }
    }
}

/// One connection, from CONNECT to its end, whose reason is returned; `Ok` when nobody takes readings any more.
async fn hear(
    name: &Arc<str>,
    settings: &Settings,
    readings: &mpsc::Sender<Reading>,
    status: &SourceStatus,
    backoff: &mut Backoff,
) -> Result<(), String> {
    let mut link = Link::connect(settings).await?;
    let (due, mut acks) = mpsc::unbounded_channel();
    let waiting: Arc<dyn Waiting> = Arc::new(Acks { due });
    let (mut heard, mut answers) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            _ = acks.recv_many(&mut answers, ACKS_PER_WRITE_MAX) => {
                if answers.iter().any(|due| matches!(due, Due::Refused)) {
                    return Err("the gateway's disk takes no messages".to_owned());
                }
                let packet_ids = answers.drain(..).filter_map(|due| match due {
                    Due::Ack(packet_id) => Some(packet_id),
                    Due::Refused => None,
                });
                link.acknowledge(packet_ids).await?;
            }
            result = link.hear(&mut heard) => {
                result?;
                let at = chrono::Utc::now();
                for one in heard.drain(..) {
                    match one {
                        Heard::Message { topic, body, retained, packet_id } => {
                            let receipt =
                                packet_id.map_or_else(Receipt::nobody, |id| Receipt::new(Arc::clone(&waiting), id.into()));
                            let payload = Payload::Message { topic, body, retained };
                            let reading = Reading { source: Arc::clone(name), at, payload, receipt };
                            if !hand_on(readings, reading).await? {
                                return Ok(());
                            }
                        }
                        Heard::Subscribed => {
                            tracing::info!(source = &**name, host = settings.host, port = settings.port, "subscribed");
                            backoff.reset();
                            status.up(at);
                        }
                        Heard::Connected | Heard::Pong | Heard::Other => {}
                    }
                }
            }
        }
    }
}

/// Gives a reading to the intake, waiting while that is busy. Says whether anyone is still there.
async fn hand_on(readings: &mpsc::Sender<Reading>, reading: Reading) -> Result<bool, String> {
    let reading = match readings.try_send(reading) {
        Ok(()) => return Ok(true),
        Err(mpsc::error::TrySendError::Closed(_)) => return Ok(false),
        Err(mpsc::error::TrySendError::Full(reading)) => reading,
    };
    match readings.send_timeout(reading, INTAKE_WITHIN).await {
        Ok(()) => Ok(true),
        Err(mpsc::error::SendTimeoutError::Closed(_)) => Ok(false),
        Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err("the gateway's disk does not keep up".to_owned()),
    }
}

/// Connects and subscribes once, for `check --connect`.
pub async fn try_connect(settings: &Settings) -> Result<(), String> {
    // A client id of its own, or the broker would throw out the gateway that runs.
    let settings = Settings {
        client_id: format!("{}-check", settings.client_id),
        ..settings.clone()
    };
    let mut link = Link::connect(&settings).await?;
    let mut heard = Vec::new();
    loop {
        let answer = tokio::time::timeout(CONNECT_WITHIN, link.hear(&mut heard)).await;
        answer.map_err(|_| "no answer to SUBSCRIBE".to_owned())??;
        if heard.drain(..).any(|one| matches!(one, Heard::Subscribed)) {
            return Ok(());
        }
    }
}
