//! One connection to a broker, from CONNECT to its end: messages go to the intake, acknowledgements come back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::codec::{Heard, Retained, Stay};
use super::link::Link;
use super::window::Window;
use super::{INTAKE_WITHIN, Source};
use crate::record::{Delivery, Feedback, Payload, Reading, Receipt, Timestamp, Waiting};
use crate::source::sparkplug::{self, Host};

const ACKS_PER_WRITE_MAX: usize = 4096;
/// How long, when we are to stop, the disk is waited for, so that what was read is acknowledged and does not come again.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// What waits behind a message: its place in the window of this connection.
struct Acks {
    due: mpsc::UnboundedSender<Due>,
}

enum Due {
    Kept(u64),
    Refused,
}

impl Waiting for Acks {
    fn kept(&self, token: u64, _: Option<Feedback>) {
        // A connection that is gone takes no acknowledgement; the broker will send the message again.
        let _ = self.due.send(Due::Kept(token));
    }

    fn refused(&self, _: u64) {
        let _ = self.due.send(Due::Refused);
    }
}

struct Session<'s> {
    source: &'s Source,
    /// Who understands edge nodes, and what it has to tell since it was last asked.
    host: Option<&'s mut Host>,
    from_nodes: sparkplug::Heard,
    retained: &'s mut Retained,
    link: Link,
    /// What the broker was asked to let go, and has not yet.
    unwanted: Vec<String>,
    window: Window,
    waiting: Arc<dyn Waiting>,
    acks: mpsc::UnboundedReceiver<Due>,
    answers: Vec<Due>,
    packet_ids: Vec<u16>,
}

/// Holds one connection; the error is why it ended. `Ok` when we were to stop, or nobody takes readings any more. What we
/// know of machines does not outlive us, unlike the session: `retained` is all of it until the broker has granted that once.
pub async fn hold(source: &Source, mut host: Option<&mut Host>, retained: &mut Retained) -> Result<(), String> {
    let will = host.as_mut().and_then(|host| host.connecting(chrono::Utc::now()));
    source.subscriptions.note(&source.settings).await;
    let link = tokio::select! {
        () = source.stop.cancelled() => return Ok(()),
        link = Link::connect(&source.settings, will.as_ref(), Stay::Lasting, *retained) => link?,
    };
    // Told once for each reading, and intake and buffer hold a bounded number of those.
    let (due, acks) = mpsc::unbounded_channel();
    let session = Session {
        source,
        host,
        from_nodes: sparkplug::Heard::default(),
        retained,
        link,
        unwanted: Vec::new(),
        window: Window::default(),
        waiting: Arc::new(Acks { due }),
        acks,
        answers: Vec::new(),
        packet_ids: Vec::new(),
    };
    session.run().await
}

impl Source {
    /// Gives a reading to the intake, waiting while that is busy; says whether to go on.
    async fn hand_on(&self, payload: Payload, at: Timestamp, receipt: Receipt) -> Result<bool, String> {
        let reading = Reading {
            source: Arc::clone(&self.name),
            at,
            payload,
            receipt,
        };
        let reading = match self.readings.try_send(reading) {
            Ok(()) => return Ok(true),
            Err(mpsc::error::TrySendError::Closed(_)) => return Ok(false),
            Err(mpsc::error::TrySendError::Full(reading)) => reading,
        };
        let sent = tokio::select! {
            () = self.stop.cancelled() => return Ok(false),
            sent = self.readings.send_timeout(reading, INTAKE_WITHIN) => sent,
        };
        match sent {
            Ok(()) => Ok(true),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Ok(false),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err("the gateway's disk does not keep up".to_owned()),
        }
    }
}

impl Session<'_> {
    async fn run(mut self) -> Result<(), String> {
        let mut heard = Vec::new();
        loop {
            let due = self.host.as_ref().and_then(|host| host.due());
            tokio::select! {
                () = self.source.stop.cancelled() => break,
                _ = self.acks.recv_many(&mut self.answers, ACKS_PER_WRITE_MAX) => self.settle()?,
                result = self.link.hear(&mut heard) => {
                    result?;
                    let at = chrono::Utc::now();
                    for one in heard.drain(..) {
                        if !self.take(one, at).await? {
                            return self.finish().await;
                        }
                    }
                }
                () = until(due) => {
                    if let Some(host) = &mut self.host {
                        self.from_nodes.at = chrono::Utc::now();
                        host.tick(Instant::now().into_std(), &mut self.from_nodes);
                    }
                    if !self.pass_on(chrono::Utc::now()).await? {
                        break;
                    }
                }
            }
            self.acknowledge().await?;
        }
        self.finish().await
    }

    /// Deals with one thing heard; says whether to go on.
    async fn take(&mut self, heard: Heard, at: Timestamp) -> Result<bool, String> {
        match heard {
            Heard::Message {
                topic,
                body,
                delivery,
                packet_id,
            } if self.host.is_some() && topic.starts_with(sparkplug::NAMESPACE.as_bytes()) => {
                self.hear_node(&topic, &body, delivery, packet_id, at);
                return self.pass_on(at).await;
            }
            Heard::Message {
                topic,
                body,
                delivery,
                packet_id,
            } => {
                let receipt = if packet_id.is_some() {
                    Receipt::new(Arc::clone(&self.waiting), self.window.next_token())
                } else {
                    // It comes once.
                    Receipt::new(Arc::clone(&self.source.status) as _, 0)
                };
                let payload = Payload::Message { topic, body, delivery };
                if !self.source.hand_on(payload, at, receipt).await? {
                    return Ok(false);
                }
                if packet_id.is_some() {
                    self.window.push(packet_id);
                }
            }
            Heard::TooLarge {
                topic,
                bytes,
                packet_id,
            } => self.pass_by(&topic, bytes, packet_id, at),
            Heard::Subscribed { granted } => {
                *self.retained = Retained::OfNewFilters;
                let settings = &self.source.settings;
                tracing::info!(
                    source = &*self.source.name,
                    host = settings.host,
                    port = settings.port,
                    "subscribed"
                );
                self.source.status.up(at);
                if let Some(shortfall) = settings.shortfall(&granted) {
                    tracing::warn!(source = &*self.source.name, "{shortfall}");
                    self.source.status.complain(shortfall);
                }
                // Only now, for where one filter takes another's place, nothing is missed in between.
                self.unwanted = self.source.subscriptions.ask(settings).await;
                if !self.unwanted.is_empty() {
                    self.link.unsubscribe(&self.unwanted).await?;
                }
                if let Some(host) = &mut self.host {
                    self.from_nodes.at = at;
                    host.connected(Instant::now().into_std(), &mut self.from_nodes);
                    return self.pass_on(at).await;
                }
            }
            Heard::Unsubscribed { is_done: true } => {
                let unwanted = std::mem::take(&mut self.unwanted);
                tracing::info!(source = &*self.source.name, ?unwanted, "unsubscribed");
                let source = self.source;
                source.subscriptions.strike(&source.settings, &unwanted).await;
            }
            Heard::Unsubscribed { is_done: false } => {
                let unwanted = self.unwanted.join("`, `");
                let what = format!("the broker goes on sending `{unwanted}`, which is not configured any more");
                tracing::warn!(source = &*self.source.name, "{what}");
                self.source.status.complain(what);
            }
            Heard::Connected { .. } | Heard::Pong | Heard::Other => {}
        }
        Ok(true)
    }

    /// Lets the host hear what an edge node says. Such messages come without a packet id, but if the disk refuses what they
    /// tell, the connection has to end too: the births that follow tell it again.
    fn hear_node(&mut self, topic: &Bytes, body: &Bytes, delivery: Delivery, packet_id: Option<u16>, at: Timestamp) {
        let Some(host) = &mut self.host else { return };
        let is_retained = delivery == Delivery::Retained;
        let token = self.window.next_token();
        self.window.push(packet_id);
        let topic = String::from_utf8_lossy(topic);
        let now = Instant::now().into_std();
        self.from_nodes.at = at;
        if let Err(reason) = host.hear(&topic, body, is_retained, token, now, &mut self.from_nodes) {
            self.source.status.count_reading();
            self.source.status.reject(at, &topic, &reason, body);
            self.window.settle(token);
        }
    }

    /// Passes on what the host makes of what it heard; says whether to go on.
    async fn pass_on(&mut self, at: Timestamp) -> Result<bool, String> {
        let sparkplug::Heard {
            told,
            publications,
            unused,
            ..
        } = std::mem::take(&mut self.from_nodes);
        for (topic, reason) in unused {
            self.source.status.count_reading();
            self.source.status.reject(at, &topic, reason, &[]);
        }
        for (token, told) in told {
            let token = token.unwrap_or_else(|| {
                let token = self.window.next_token();
                self.window.push(None);
                token
            });
            if told.is_empty() {
                self.window.settle(token);
                continue;
            }
            let receipt = Receipt::new(Arc::clone(&self.waiting), token);
            if !self.source.hand_on(Payload::Told(told), at, receipt).await? {
                return Ok(false);
            }
        }
        for publication in publications {
            self.link.publish(&publication).await?;
        }
        Ok(true)
    }

    /// A message that is too large to be read is acknowledged, or it would come again for ever.
    fn pass_by(&mut self, topic: &Bytes, bytes: usize, packet_id: Option<u16>, at: Timestamp) {
        let topic = String::from_utf8_lossy(topic);
        let reason = format!("the message has {bytes} bytes, more than are ever read");
        self.source.status.count_reading();
        self.source.status.reject(at, &topic, &reason, &[]);
        let token = self.window.next_token();
        self.window.push(packet_id);
        self.window.settle(token);
    }

    /// Takes in what the disk said.
    fn settle(&mut self) -> Result<(), String> {
        for answer in self.answers.drain(..) {
            match answer {
                Due::Kept(token) => self.window.settle(token),
                Due::Refused => return Err("the gateway's disk takes no messages".to_owned()),
            }
        }
        Ok(())
    }

    async fn acknowledge(&mut self) -> Result<(), String> {
        self.window.take_due(&mut self.packet_ids);
        if self.packet_ids.is_empty() {
            return Ok(());
        }
        self.link.acknowledge(self.packet_ids.drain(..)).await
    }

    /// Reads no more, acknowledges what was read as the disk gets it, and leaves. What is then still open comes again.
    async fn finish(mut self) -> Result<(), String> {
        let source = self.source;
        let orderly = async move {
            self.acknowledge().await?;
            while !self.window.is_answered() && self.acks.recv_many(&mut self.answers, ACKS_PER_WRITE_MAX).await > 0 {
                self.settle()?;
                self.acknowledge().await?;
            }
            if let Some(farewell) = self.host.and_then(|host| host.farewell(chrono::Utc::now())) {
                self.link.publish(&farewell).await?;
            }
            self.link.disconnect().await
        };
        let left = timeout(STOP_WITHIN, orderly).await;
        if let Err(reason) = left.unwrap_or_else(|_| Err("the disk is late".to_owned())) {
            tracing::warn!(
                source = &*source.name,
                reason,
                "the broker was left in a hurry; what was not acknowledged comes again"
            );
        }
        Ok(())
    }
}

async fn until(due: Option<std::time::Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
