//! One connection to a broker: TCP, TLS or websocket below, packets above. It holds no queue and keeps nothing for the
//! next connection; what is not acknowledged is the broker's to send again.
//!
//! The library's own event loop writes one acknowledgement for every ten messages it reads, so that under a flood they
//! fall behind without bound; here acknowledgements go out together, as they become due.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::http::HeaderValue;
use bytes::{Buf, BytesMut};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use ws_stream_tungstenite::WsStream;

use super::codec::{self, Heard, Retained, Stay};
use super::inbox::Inbox;
use super::rested::Rested;
use super::tempo::Tempo;
use super::{CONNECT_WITHIN, KEEP_ALIVE, Protocol, Settings, Transport};
use crate::source::sparkplug::Publication;

/// Messages handed on at once, so that acknowledgements get their turn.
const HEARD_MAX: usize = 256;
const INBOX_BYTES: usize = 64 << 10;
/// A broker that takes nothing for so long is gone.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub struct Link {
    stream: Box<dyn Stream>,
    protocol: Protocol,
    inbox: Inbox,
    outbox: BytesMut,
    /// As it was asked for, or as the broker wants it.
    keep_alive: Duration,
    next_ping: Instant,
    pong_due: Option<Instant>,
    tempo: Tempo,
}

impl Link {
    /// CONNECT, which is answered when this returns, and SUBSCRIBE, which is under way then.
    pub async fn connect(
        settings: &Settings,
        will: Option<&Publication>,
        stay: Stay,
        retained: Retained,
    ) -> Result<Self, String> {
        let deadline = Instant::now() + CONNECT_WITHIN;
        let late = |_| format!("no answer within {CONNECT_WITHIN:?}");
        let tempo = Tempo::new(Instant::now().into_std());
        let opened = open(settings, tempo.may_rest());
        let stream = timeout_at(deadline, opened).await.map_err(late)??;
        let mut link = Self {
            stream,
            protocol: settings.protocol,
            inbox: Inbox::new(settings.protocol, INBOX_BYTES),
            outbox: BytesMut::new(),
            keep_alive: KEEP_ALIVE,
            next_ping: Instant::now() + KEEP_ALIVE,
            pong_due: None,
            tempo,
        };
        codec::connect(settings, will, stay, &mut link.outbox)?;
        let wanted = timeout_at(deadline, link.let_in()).await.map_err(late)??;
        link.keep_alive = wanted.unwrap_or(KEEP_ALIVE).min(KEEP_ALIVE);
        codec::subscribe(settings, retained, &mut link.outbox)?;
        link.flush().await?;
        Ok(link)
    }

    /// Waits for CONNACK, before which nothing else may come; gives the keep-alive that the broker wants.
    async fn let_in(&mut self) -> Result<Option<Duration>, String> {
        self.flush().await?;
        loop {
            match self.inbox.next()? {
                Some(Heard::Connected { keep_alive }) => return Ok(keep_alive),
                Some(heard) => return Err(format!("expected CONNACK, heard {heard:?}")),
                None => self.read().await?,
            }
        }
    }

    /// Waits until there is something, and gives all that there is. Safe to drop and call again.
    pub async fn hear(&mut self, heard: &mut Vec<Heard>) -> Result<(), String> {
        loop {
            while heard.len() < HEARD_MAX {
                match self.inbox.next()? {
                    Some(Heard::Pong) => self.pong_due = None,
                    Some(Heard::Other) => {}
                    Some(one) => heard.push(one),
                    None => break,
                }
            }
            if !heard.is_empty() {
                self.tempo.heard(heard.len(), Instant::now().into_std());
                return Ok(());
            }
            let wake = self.pong_due.unwrap_or(self.next_ping);
            tokio::select! {
                read = self.read() => read?,
                () = sleep_until(wake) => {
                    if self.pong_due.is_some() {
                        return Err("the broker does not answer".to_owned());
                    }
                    codec::ping(self.protocol, &mut self.outbox)?;
                    self.flush().await?;
                    self.pong_due = Some(Instant::now() + self.keep_alive / 2);
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), String> {
        self.inbox.bytes.reserve(INBOX_BYTES / 4);
        match self.stream.read_buf(&mut self.inbox.bytes).await {
            Ok(0) => Err("the broker closed the connection".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Acknowledges messages of this connection, all in one write.
    pub async fn acknowledge(&mut self, packet_ids: impl Iterator<Item = u16>) -> Result<(), String> {
        for packet_id in packet_ids {
            codec::puback(packet_id, &mut self.outbox);
        }
        self.flush().await
    }

    /// Asks the broker to let filters go.
    pub async fn unsubscribe(&mut self, filters: &[String]) -> Result<(), String> {
        codec::unsubscribe(self.protocol, filters, &mut self.outbox)?;
        self.flush().await
    }

    pub async fn publish(&mut self, publication: &Publication) -> Result<(), String> {
        codec::publish(self.protocol, publication, &mut self.outbox)?;
        self.flush().await
    }

    /// Says that we go, and waits until the broker has closed: what is still on its way to us would otherwise make the
    /// kernel reset the connection, and take our last words back.
    pub async fn disconnect(mut self) -> Result<(), String> {
        codec::disconnect(&mut self.outbox);
        self.flush().await?;
        self.stream.shutdown().await.map_err(|error| error.to_string())?;
        let mut unheard = vec![0; INBOX_BYTES];
        while self.stream.read(&mut unheard).await.is_ok_and(|bytes| bytes > 0) {}
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), String> {
        let write = async {
            while self.outbox.has_remaining() {
                self.stream.write_buf(&mut self.outbox).await?;
            }
            self.stream.flush().await
        };
        let written = timeout(WRITE_WITHIN, write)
            .await
            .map_err(|_| "the broker takes nothing".to_owned())?;
        written.map_err(|error| error.to_string())?;
        self.next_ping = Instant::now() + self.keep_alive;
        Ok(())
    }
}

async fn open(settings: &Settings, may_rest: Arc<AtomicBool>) -> Result<Box<dyn Stream>, String> {
    let address = (settings.host.as_str(), settings.port);
    let tcp = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(5));
    let socket = SockRef::from(&tcp);
    socket
        .set_tcp_keepalive(&keepalive)
        .and_then(|()| socket.set_tcp_nodelay(true))
        .map_err(|e| e.to_string())?;
    let tcp = Rested::new(tcp, may_rest);
    Ok(match &settings.transport {
        Transport::Tcp => Box::new(tcp),
        Transport::Tls(config) => Box::new(tls(config, settings, tcp).await?),
        Transport::Ws => Box::new(websocket(settings, tcp).await?),
        Transport::Wss(config) => Box::new(websocket(settings, tls(config, settings, tcp).await?).await?),
    })
}

async fn tls(
    config: &Arc<rustls::ClientConfig>,
    settings: &Settings,
    tcp: Rested,
) -> Result<tokio_rustls::client::TlsStream<Rested>, String> {
    let name = ServerName::try_from(settings.host.clone()).map_err(|e| e.to_string())?;
    TlsConnector::from(Arc::clone(config))
        .connect(name, tcp)
        .await
        .map_err(|e| crate::tls::explain(&e, &settings.host))
}

async fn websocket<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    settings: &Settings,
    below: S,
) -> Result<impl Stream + use<S>, String> {
    let mut request = settings.url.as_str().into_client_request().map_err(|e| e.to_string())?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    let upgraded = async_tungstenite::tokio::client_async(request, below).await;
    let (socket, answer) = upgraded.map_err(|e| format!("websocket: {e}"))?;
    let protocol = answer
        .headers()
        .get("Sec-WebSocket-Protocol")
        .and_then(|value| value.to_str().ok());
    if protocol.map(str::trim) != Some("mqtt") {
        return Err("websocket: the server does not speak MQTT".to_owned());
    }
    Ok(WsStream::new(socket))
}
