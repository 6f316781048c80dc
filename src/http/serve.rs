//! The accept loop, and one connection from its handshake to its last answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::crowd::{Crowd, NoRoom, Place};
use crate::tls::Server;

/// How long to wait after `accept` failed, so that a full descriptor table does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Headers of one request together; anything longer is an attack or a mistake.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// Serves until `stop`, then lets running requests finish for `drain_wait`. With `tls`, nothing is said in the clear.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Server>>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> io::Result<()> {
    let crowd = Crowd::new(limits.connections_max);
    let mut connections = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = stop.run_until_cancelled(place(&crowd, peer)).await else {
                    break;
                };
                if let Some(place) = place {
                    let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
                    connections.spawn(receive(stream, peer, place, tls, router, limits, stop));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_wait, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests still running are cut off");
    }
    Ok(())
}

/// Waits for room when everyone is being answered. An address that keeps all of its own connections busy gets no more.
async fn place(crowd: &Arc<Crowd>, peer: SocketAddr) -> Option<Place> {
    loop {
        let changed = crowd.changed();
        match crowd.admit(super::network_of(peer.ip())) {
            Ok(place) => return Some(place),
            Err(NoRoom::Full) => changed.await,
            Err(NoRoom::Crowded) => {
                tracing::warn!(%peer, "too many requests of one address are being answered; one more is refused");
                return None;
            }
        }
    }
}

async fn receive(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    tls: Option<Arc<Server>>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let place = Arc::new(place);
    let must_leave = place.must_leave();
    let conversation = async {
        let Some(tls) = tls else {
            return converse(stream, peer, &place, router, limits, stop).await;
        };
        let handshake = TlsAcceptor::from(tls.config()).accept(stream);
        match tokio::time::timeout(limits.head_wait, handshake).await {
            Ok(Ok(stream)) => converse(stream, peer, &place, router, limits, stop).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS came about"),
            Err(_) => tracing::debug!(%peer, "the handshake took too long"),
        }
    };
    // Cut off without an answer: nothing was asked.
    must_leave.run_until_cancelled(conversation).await;
}

/// One connection, from its first request to its last.
async fn converse<S>(
    stream: S,
    peer: SocketAddr,
    place: &Arc<Place>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let (answer, busy) = (answering.call(request), place.answering());
        async move {
            let answer = answer.await;
            drop(busy);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{POLICY_NO_PAGE, harden};
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    struct Peer {
        address: SocketAddr,
        stop: CancellationToken,
        serving: tokio::task::JoinHandle<io::Result<()>>,
        entered: Arc<Notify>,
        answer: Arc<Notify>,
    }

    /// A server whose one page tells when it is entered and waits until it may answer.
    async fn start(limits: Limits) -> Peer {
        let (entered, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (on_entry, may_answer) = (Arc::clone(&entered), Arc::clone(&answer));
        let page = get(move || async move {
            on_entry.notify_one();
            may_answer.notified().await;
            "done"
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let stop = CancellationToken::new();
        let router = harden(Router::new().route("/", page), limits, POLICY_NO_PAGE);
        let serving = tokio::spawn(serve(listener, None, router, limits, stop.clone()));
        Peer {
            address,
            stop,
            serving,
            entered,
            answer,
        }
    }

    impl Peer {
        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("a connection")
        }
    }

    async fn read(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("text");
        text
    }

    #[tokio::test]
    async fn a_running_request_is_answered_after_stop_and_no_new_one_begins() {
        let peer = start(Limits::default()).await;
        let mut running = peer.connect().await;
        running.write_all(REQUEST).await.expect("sent");
        peer.entered.notified().await;
        peer.stop.cancel();
        peer.answer.notify_one();
        let answered = read(running).await;
        assert!(
            answered.starts_with("HTTP/1.1 200") && answered.ends_with("done"),
            "{answered}"
        );
        assert!(answered.contains("x-content-type-options: nosniff"), "{answered}");
        peer.serving.await.expect("no panic").expect("served to the end");
        assert!(TcpStream::connect(peer.address).await.is_err());
    }

    #[tokio::test]
    async fn what_does_not_end_by_itself_is_cut_off() {
        let limits = Limits {
            drain_wait: Duration::from_millis(50),
            ..Limits::default()
        };
        let peer = start(limits).await;
        let mut running = peer.connect().await;
        running.write_all(REQUEST).await.expect("sent");
        peer.entered.notified().await;
        peer.stop.cancel();
        peer.serving.await.expect("no panic").expect("served to the end");
        assert_eq!(running.read(&mut [0; 8]).await.unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn slow_heads_and_slow_answers_have_an_end() {
        let short = Duration::from_millis(50);
        let peer = start(Limits {
            head_wait: short,
            request_wait: short,
            ..Limits::default()
        })
        .await;
        let mut dawdling = peer.connect().await;
        dawdling.write_all(b"GET / HT").await.expect("sent");
        let mut waiting = peer.connect().await;
        waiting.write_all(REQUEST).await.expect("sent");
        let told = read(waiting).await;
        assert!(
            told.starts_with("HTTP/1.1 408") && told.contains("application/problem+json"),
            "{told}"
        );
        let cut_off = read(dawdling).await;
        assert!(!cut_off.contains("200"), "{cut_off}");
    }

    #[tokio::test]
    async fn connections_that_ask_nothing_give_way() {
        let peer = start(Limits {
            connections_max: 8,
            ..Limits::default()
        })
        .await;
        let mut idle = Vec::new();
        for _ in 0..100 {
            let mut stream = peer.connect().await;
            stream.write_all(b"GET / HT").await.expect("sent");
            idle.push(stream);
        }
        let mut asking = peer.connect().await;
        asking
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .expect("sent");
        peer.answer.notify_one();
        assert!(read(asking).await.ends_with("done"));
    }

    #[tokio::test]
    async fn at_the_most_connections_the_next_waits_its_turn() {
        let peer = start(Limits {
            connections_max: 1,
            ..Limits::default()
        })
        .await;
        let mut first = peer.connect().await;
        first.write_all(REQUEST).await.expect("sent");
        peer.entered.notified().await;
        let mut second = peer.connect().await;
        second
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .expect("sent");
        assert!(
            tokio::time::timeout(Duration::from_millis(50), peer.entered.notified())
                .await
                .is_err()
        );
        drop(first);
        peer.entered.notified().await;
        peer.answer.notify_one();
        assert!(read(second).await.ends_with("done"));
    }
}
