//! A Modbus TCP device that misbehaves as told. Every register of an answer holds the number of the request it answers,
//! counted over all connections from 1, so a test sees which answer a value came from.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Counted over all connections, from 1.
    pub number: u16,
    pub unit: u8,
    pub start: u16,
    pub count: u16,
}

#[derive(Debug, Clone, Copy)]
pub enum Reaction {
    Answer,
    /// With the number of another request, as if nothing had changed since.
    AnswerAs(u16),
    Late(Duration),
    WrongTransaction,
    WrongUnit,
    /// Fewer registers than asked for, in a frame that is whole.
    ShortAnswer,
    /// Half of the answer, then nothing.
    HalfFrame,
    Exception(u8),
    Silence,
    Close,
}

type Script = dyn Fn(Asked) -> Reaction + Send + Sync;

/// Lives as long as the test's runtime.
#[derive(Clone)]
pub struct FaultServer {
    pub port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    script: Box<Script>,
    requests: AtomicU16,
    connections: AtomicUsize,
    /// Ends the connection that is served now, when only one is.
    current: Mutex<CancellationToken>,
    is_single: bool,
}

impl FaultServer {
    pub async fn start(script: impl Fn(Asked) -> Reaction + Send + Sync + 'static) -> Self {
        Self::serve(bind(0).await, false, script)
    }

    /// Serves one connection only: a second evicts the first.
    pub async fn start_single(script: impl Fn(Asked) -> Reaction + Send + Sync + 'static) -> Self {
        Self::serve(bind(0).await, true, script)
    }

    /// Comes up on a port where nothing answered before.
    pub async fn start_on(port: u16, script: impl Fn(Asked) -> Reaction + Send + Sync + 'static) -> Self {
        Self::serve(bind(port).await, false, script)
    }

    fn serve(
        listener: TcpListener,
        is_single: bool,
        script: impl Fn(Asked) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let inner = Arc::new(Inner {
            script: Box::new(script),
            requests: AtomicU16::new(0),
            connections: AtomicUsize::new(0),
            current: Mutex::default(),
            is_single,
        });
        let port = listener.local_addr().expect("a bound listener").port();
        tokio::spawn(accept(listener, Arc::clone(&inner)));
        Self { port, inner }
    }

    /// Connections made so far.
    pub fn connections(&self) -> usize {
        self.inner.connections.load(Ordering::SeqCst)
    }
}

async fn bind(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).await.expect("a free port")
}

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    while let Ok((stream, _)) = listener.accept().await {
        inner.connections.fetch_add(1, Ordering::SeqCst);
        let mine = CancellationToken::new();
        let previous = std::mem::replace(&mut *inner.current.lock().expect("no panic under it"), mine.clone());
        if inner.is_single {
            previous.cancel();
        }
        let inner = Arc::clone(&inner);
        tokio::spawn(async move { mine.run_until_cancelled(converse(stream, &inner)).await });
    }
}

async fn converse(stream: TcpStream, inner: &Inner) {
    let (mut from, to) = stream.into_split();
    let to = Arc::new(tokio::sync::Mutex::new(to));
    while let Some((header, asked)) = hear(&mut from, inner).await {
        let whole = frame(header, asked, asked.count);
        let now = match (inner.script)(asked) {
            Reaction::Answer => whole,
            Reaction::AnswerAs(number) => frame(header, Asked { number, ..asked }, asked.count),
            Reaction::Late(after) => {
                tokio::spawn(send_later(Arc::clone(&to), whole, after));
                continue;
            }
            Reaction::WrongTransaction => frame([header[0] ^ 0x40, header[1], header[2]], asked, asked.count),
            Reaction::WrongUnit => frame([header[0], header[1], header[2] ^ 0x40], asked, asked.count),
            Reaction::ShortAnswer => frame(header, asked, asked.count - 1),
            Reaction::HalfFrame => whole[..whole.len() / 2].to_vec(),
            Reaction::Exception(code) => vec![header[0], header[1], 0, 0, 0, 3, header[2], 0x83, code],
            Reaction::Silence => continue,
            Reaction::Close => return,
        };
        if to.lock().await.write_all(&now).await.is_err() {
            return;
        }
    }
}

/// Transaction id and unit of a request, and what it asks for; only holding registers are served. A write ends the connection.
async fn hear(from: &mut OwnedReadHalf, inner: &Inner) -> Option<([u8; 3], Asked)> {
    let mut request = [0; 12];
    from.read_exact(&mut request).await.ok()?;
    if request[7] == 6 {
        return None;
    }
    assert_eq!(request[7], 3, "only holding registers are served");
    let asked = Asked {
        number: inner.requests.fetch_add(1, Ordering::SeqCst).wrapping_add(1),
        unit: request[6],
        start: u16::from_be_bytes([request[8], request[9]]),
        count: u16::from_be_bytes([request[10], request[11]]),
    };
    Some(([request[0], request[1], request[6]], asked))
}

fn frame([id_high, id_low, unit]: [u8; 3], asked: Asked, count: u16) -> Vec<u8> {
    let bytes = u8::try_from(count * 2).expect("at most 125 registers");
    let mut frame = vec![id_high, id_low, 0, 0, 0, bytes + 3, unit, 3, bytes];
    (0..count).for_each(|_| frame.extend_from_slice(&asked.number.to_be_bytes()));
    frame
}

async fn send_later(to: Arc<tokio::sync::Mutex<OwnedWriteHalf>>, frame: Vec<u8>, after: Duration) {
    tokio::time::sleep(after).await;
    // The client may be gone by now, which is its right.
    let _ = to.lock().await.write_all(&frame).await;
}
