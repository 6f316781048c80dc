//! Scanners on the network: those that connect to us, and those that we connect to.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::{Ended, Station};
use crate::backoff::Backoff;

/// Longer without a byte within a frame, and the frame was cut off.
const GAP: Duration = Duration::from_secs(1);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A station has one scanner, and perhaps its spare: more connections are someone else's.
const CONNECTIONS_MAX: usize = 4;

/// Accepts the station's scanner. A new connection does not throw out an older one that may still be alive.
pub async fn listen(station: &Station, listener: TcpListener) {
    let mut conversations = tokio::task::JoinSet::new();
    station.status.up(chrono::Utc::now());
    loop {
        tokio::select! {
            () = station.stop.cancelled() => break,
            Some(_) = conversations.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if conversations.len() < CONNECTIONS_MAX => {
                    tracing::info!(station = &*station.settings.station, %peer, "a scanner connected");
                    let station = station.clone();
                    conversations.spawn(async move {
                        make_lively(&stream);
                        if let Ended::Lost(reason) = station.converse(stream, GAP).await {
                            tracing::info!(station = &*station.settings.station, %peer, reason, "a scanner is gone");
                        }
                    });
                }
                Ok((_, peer)) => {
                    tracing::warn!(station = &*station.settings.station, %peer, "more connections than a station has scanners");
                }
                Err(error) => {
                    tracing::warn!(station = &*station.settings.station, %error, "a scanner could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    while conversations.join_next().await.is_some() {}
}

/// Connects to a fixed reader, again and again.
pub async fn connect(station: &Station, address: &str) {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        let connected = tokio::select! {
            () = station.stop.cancelled() => return,
            connected = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)) => connected,
        };
        let reason = match connected {
            Ok(Ok(stream)) => {
                make_lively(&stream);
                station.status.up(chrono::Utc::now());
                backoff.reset();
                match station.converse(stream, GAP).await {
                    Ended::Lost(reason) => reason,
                    Ended::Stopped => return,
                }
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no connection within {CONNECT_WITHIN:?}"),
        };
        station.status.down(chrono::Utc::now(), reason);
        tokio::select! {
            () = station.stop.cancelled() => return,
            () = tokio::time::sleep(backoff.next_delay()) => {}
        }
    }
}

/// Finds out within seconds that a scanner lost its power.
fn make_lively(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(5));
    let socket = SockRef::from(stream);
    if let Err(error) = socket
        .set_tcp_keepalive(&keepalive)
        .and_then(|()| socket.set_tcp_nodelay(true))
    {
        tracing::debug!(%error, "the socket takes no keep-alive");
    }
}
