//! A small MQTT broker for the demo and the tests: 3.1.1 and 5, QoS 0 and 1, wildcards, sessions that outlive their
//! connection and send again, marked DUP, what was not acknowledged.
//!
//! A publisher is acknowledged once its message lies in every session that wants it. Nothing is dropped: when a session
//! is full, its publishers are cut off unacknowledged. Sessions live in memory, as long as the broker. No retained
//! messages, no wills, no QoS 2.

mod packets;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rumqttc::mqttbytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use packets::{Message, Said, Writer};

/// Messages that a session may hold for a client that is away or slow.
const QUEUED_MAX: usize = 100_000;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const INBOX_BYTES: usize = 16 << 10;

/// A running broker; ends when it is dropped.
pub struct Broker {
    address: SocketAddr,
    hub: Arc<Hub>,
    _stop: DropGuard,
}

impl Broker {
    /// Serves on a listener that the caller has bound.
    pub fn start(listener: TcpListener) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let hub = Arc::new(Hub {
            sessions: Mutex::default(),
            waiting: watch::Sender::new(0),
            cut: watch::Sender::new(()),
        });
        tokio::spawn(serve(listener, Arc::clone(&hub), stop.clone()));
        Ok(Self {
            address,
            hub,
            _stop: stop.drop_guard(),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Deliveries that are not acknowledged yet, over all sessions.
    pub fn waiting(&self) -> usize {
        *self.hub.waiting.borrow()
    }

    /// Resolves when everything that publishers were acknowledged for was acknowledged by its subscribers too.
    pub async fn drained(&self) {
        let drained = self
            .hub
            .waiting
            .subscribe()
            .wait_for(|waiting| *waiting == 0)
            .await
            .is_ok();
        debug_assert!(drained, "the broker holds the sender itself");
    }

    /// Cuts every connection, as when the network fails. Sessions stay.
    pub fn cut_connections(&self) {
        self.hub.cut.send_replace(());
    }
}

struct Hub {
    sessions: Mutex<HashMap<String, Session>>,
    waiting: watch::Sender<usize>,
    cut: watch::Sender<()>,
}

#[derive(Default)]
struct Session {
    /// Filters, and whether each is wanted at least once.
    filters: HashMap<String, bool>,
    queue: VecDeque<Arc<Message>>,
    /// Sent on this or an earlier connection, not acknowledged yet; in the order of sending.
    under_way: VecDeque<(u16, Arc<Message>)>,
    /// The packet ids of those.
    ids: HashSet<u16>,
    last_id: u16,
    is_kept: bool,
    /// Wakes the connection that serves this session; another one takes over by replacing it.
    wake: Arc<Notify>,
}

impl Session {
    /// How the session wants a message of this topic, if it does.
    fn wants(&self, topic: &str) -> Option<bool> {
        let filters = self.filters.iter();
        filters
            .filter(|(filter, _)| mqttbytes::matches(topic, filter))
            .map(|(_, at_least_once)| *at_least_once)
            .max()
    }

    /// Takes the next id that no message under way has.
    fn take_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.ids.insert(self.last_id) {
                return self.last_id;
            }
        }
    }

    /// Acknowledgements mostly come in the order of sending, so the search is short.
    fn acknowledged(&mut self, id: u16) {
        self.ids.remove(&id);
        if let Some(at) = self.under_way.iter().position(|(known, _)| *known == id) {
            self.under_way.remove(at);
        }
    }
}

impl Hub {
    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes this connection the one that serves the session. Returns its wake-up, and whether the session was there.
    fn enter(&self, client_id: &str, resumes: bool, is_kept: bool) -> (Arc<Notify>, bool) {
        let mut sessions = self.sessions();
        let known = sessions.remove(client_id);
        if let Some(known) = &known {
            known.wake.notify_one();
        }
        let known = known.filter(|_| resumes);
        let was_there = known.is_some();
        let wake = Arc::new(Notify::new());
        let session = Session {
            is_kept,
            wake: Arc::clone(&wake),
            ..known.unwrap_or_default()
        };
        sessions.insert(client_id.to_owned(), session);
        self.count(&sessions);
        (wake, was_there)
    }

    /// Runs `work` on the session while this connection still serves it.
    fn with<T>(&self, client_id: &str, wake: &Arc<Notify>, work: impl FnOnce(&mut Session) -> T) -> Result<T, String> {
        let mut sessions = self.sessions();
        let session = sessions
            .get_mut(client_id)
            .filter(|session| Arc::ptr_eq(&session.wake, wake));
        let done = session.map(work).ok_or("another connection took the session over")?;
        self.count(&sessions);
        Ok(done)
    }

    fn leave(&self, client_id: &str, wake: &Arc<Notify>) {
        let mut sessions = self.sessions();
        if sessions
            .get(client_id)
            .is_some_and(|session| Arc::ptr_eq(&session.wake, wake) && !session.is_kept)
        {
            sessions.remove(client_id);
        }
        self.count(&sessions);
    }

    /// Lays a message into every session that wants it, or into none.
    fn route(&self, message: &Message) -> Result<(), String> {
        let mut sessions = self.sessions();
        let mut wanted: Vec<(&mut Session, bool)> = sessions
            .values_mut()
            .filter_map(|session| session.wants(&message.topic).map(|how| (session, how)))
            .collect();
        if wanted.iter().any(|(session, _)| session.queue.len() >= QUEUED_MAX) {
            return Err("a subscriber is too far behind".to_owned());
        }
        for (session, at_least_once) in &mut wanted {
            let message = Message {
                at_least_once: message.at_least_once && *at_least_once,
                ..message.clone()
            };
            session.queue.push_back(Arc::new(message));
            session.wake.notify_one();
        }
        self.count(&sessions);
        Ok(())
    }

    fn count(&self, sessions: &HashMap<String, Session>) {
        let waiting = sessions
            .values()
            .map(|session| session.queue.len() + session.under_way.len())
            .sum();
        self.waiting.send_replace(waiting);
    }
}

async fn serve(listener: TcpListener, hub: Arc<Hub>, stop: CancellationToken) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, peer)) = accepted else { continue };
        let (hub, stop) = (Arc::clone(&hub), stop.clone());
        tokio::spawn(async move {
            let mut cut = hub.cut.subscribe();
            let ended = tokio::select! {
                () = stop.cancelled() => Ok(()),
                _ = cut.changed() => Err("cut".to_owned()),
                ended = converse(&hub, stream) => ended,
            };
            tracing::debug!(%peer, ?ended, "a client of the demo's broker is gone");
        });
    }
}

/// One connection, from CONNECT to its end.
async fn converse(hub: &Hub, mut stream: TcpStream) -> Result<(), String> {
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let mut inbox = BytesMut::with_capacity(INBOX_BYTES);
    let protocol = async {
        loop {
            if let Some(protocol) = packets::protocol(&inbox)? {
                return Ok::<_, String>(protocol);
            }
            read(&mut stream, &mut inbox).await?;
        }
    };
    let protocol = tokio::time::timeout(CONNECT_WITHIN, protocol)
        .await
        .map_err(|_| "no CONNECT in time".to_owned())??;
    let mut client = Client {
        hub,
        stream,
        inbox,
        writer: Writer {
            protocol,
            out: BytesMut::new(),
        },
    };
    let Said::Connect {
        client_id,
        is_kept,
        resumes,
        receive_max,
    } = client.next().await?
    else {
        return Err("the first packet is not CONNECT".to_owned());
    };
    let (wake, was_there) = hub.enter(&client_id, resumes, is_kept);
    client.writer.connected(was_there);
    let ended = client.attend(&client_id, &wake, receive_max.into()).await;
    hub.leave(&client_id, &wake);
    ended
}

async fn read(stream: &mut TcpStream, inbox: &mut BytesMut) -> Result<(), String> {
    match stream.read_buf(inbox).await {
        Ok(0) => Err("closed".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

struct Client<'a> {
    hub: &'a Hub,
    stream: TcpStream,
    inbox: BytesMut,
    writer: Writer,
}

impl Client<'_> {
    async fn next(&mut self) -> Result<Said, String> {
        loop {
            if let Some(said) = packets::next(self.writer.protocol, &mut self.inbox)? {
                return Ok(said);
            }
            read(&mut self.stream, &mut self.inbox).await?;
        }
    }

    async fn attend(&mut self, client_id: &str, wake: &Arc<Notify>, receive_max: usize) -> Result<(), String> {
        let writer = &mut self.writer;
        self.hub.with(client_id, wake, |session| {
            for (id, message) in &session.under_way {
                writer.publish(message, Some(*id), true);
            }
        })?;
        loop {
            let writer = &mut self.writer;
            self.hub
                .with(client_id, wake, |session| send_on(session, receive_max, writer))?;
            while self.writer.out.has_remaining() {
                let written = self.stream.write_buf(&mut self.writer.out).await;
                written.map_err(|error| error.to_string())?;
            }
            tokio::select! {
                () = wake.notified() => {}
                read = read(&mut self.stream, &mut self.inbox) => read?,
            }
            while let Some(said) = packets::next(self.writer.protocol, &mut self.inbox)? {
                if matches!(said, Said::Disconnect) {
                    return Ok(());
                }
                self.answer(client_id, wake, said)?;
            }
        }
    }

    fn answer(&mut self, client_id: &str, wake: &Arc<Notify>, said: Said) -> Result<(), String> {
        match said {
            Said::Subscribe { packet_id, filters } => {
                let granted: Vec<bool> = filters.iter().map(|(_, at_least_once)| *at_least_once).collect();
                self.hub
                    .with(client_id, wake, |session| session.filters.extend(filters))?;
                self.writer.subscribed(packet_id, &granted);
            }
            Said::Publish { message, packet_id } => {
                self.hub.route(&message)?;
                if let Some(packet_id) = packet_id {
                    self.writer.acknowledge(packet_id);
                }
            }
            Said::Acknowledged(packet_id) => {
                self.hub
                    .with(client_id, wake, |session| session.acknowledged(packet_id))?;
            }
            Said::Ping => self.writer.pong(),
            Said::Connect { .. } => return Err("a second CONNECT".to_owned()),
            Said::Disconnect | Said::Other => {}
        }
        Ok(())
    }
}

/// Sends what waits, as far as the client takes more unacknowledged.
fn send_on(session: &mut Session, receive_max: usize, writer: &mut Writer) {
    while session.under_way.len() < receive_max {
        let Some(message) = session.queue.pop_front() else {
            break;
        };
        if message.at_least_once {
            let id = session.take_id();
            writer.publish(&message, Some(id), false);
            session.under_way.push_back((id, message));
        } else {
            writer.publish(&message, None, false);
        }
    }
}
