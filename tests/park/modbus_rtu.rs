//! Devices on an RTU bus behind a device server (TCP), which misbehave as told and take the time that a line takes. Every
//! register of an answer holds the number of the request it answers, counted from 1, so a test sees which answer a value
//! came from. As on a real bus, one request is dealt with after the other.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::modbus_faults::Asked;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    Answer,
    /// The answer comes after so long; the bus is held up meanwhile.
    Late(Duration),
    /// The answer comes twice, the second after so long.
    Twice(Duration),
    /// Half of the answer, then nothing.
    Truncated,
    /// One byte is another.
    Corrupted(usize),
    /// With the number of another unit, and a right checksum.
    WrongUnit,
    /// As many registers as another request would bring.
    WrongLength,
    /// Byte by byte, with pauses.
    Dribbled,
    Exception(u8),
    Silence,
}

type Script = dyn Fn(Asked) -> Mischief + Send + Sync;

/// Lives as long as the test's runtime.
#[derive(Clone)]
pub struct RtuBus {
    pub port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    script: Box<Script>,
    /// What a byte takes on the line.
    byte_time: Duration,
    requests: AtomicU16,
    connections: AtomicUsize,
    log: Mutex<Vec<Asked>>,
}

impl RtuBus {
    pub async fn start(script: impl Fn(Asked) -> Mischief + Send + Sync + 'static) -> Self {
        Self::start_with(Duration::ZERO, script).await
    }

    pub async fn start_with(byte_time: Duration, script: impl Fn(Asked) -> Mischief + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound listener").port();
        let inner = Arc::new(Inner {
            script: Box::new(script),
            byte_time,
            requests: AtomicU16::new(0),
            connections: AtomicUsize::new(0),
            log: Mutex::default(),
        });
        let bus = Self {
            port,
            inner: Arc::clone(&inner),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                inner.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(converse(stream, Arc::clone(&inner)));
            }
        });
        bus
    }

    /// Connections made so far.
    pub fn connections(&self) -> usize {
        self.inner.connections.load(Ordering::SeqCst)
    }

    /// Everything that was asked for so far.
    pub fn log(&self) -> Vec<Asked> {
        self.inner.log.lock().expect("no panic under it").clone()
    }
}

async fn converse(stream: TcpStream, inner: Arc<Inner>) {
    stream.set_nodelay(true).expect("a live socket");
    let (mut from, mut to) = stream.into_split();
    while let Some(asked) = hear(&mut from, &inner).await {
        let whole = frame(asked.unit, asked.count, asked.number);
        let bytes = u32::try_from(8 + whole.len()).expect("a short frame");
        sleep(inner.byte_time * bytes).await;
        let (first, second) = match (inner.script)(asked) {
            Mischief::Answer => (whole, None),
            Mischief::Late(after) => {
                sleep(after).await;
                (whole, None)
            }
            Mischief::Twice(after) => (whole.clone(), Some((after, whole))),
            Mischief::Truncated => (whole[..whole.len() / 2].to_vec(), None),
            Mischief::Corrupted(at) => {
                let mut damaged = whole;
                let at = at % damaged.len();
                damaged[at] ^= 0x24;
                (damaged, None)
            }
            Mischief::WrongUnit => (frame(asked.unit ^ 0x40, asked.count, asked.number), None),
            Mischief::WrongLength => (frame(asked.unit, asked.count + 1, asked.number), None),
            Mischief::Dribbled => {
                for byte in &whole[..whole.len() - 1] {
                    if to.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_millis(5)).await;
                }
                (whole[whole.len() - 1..].to_vec(), None)
            }
            Mischief::Exception(code) => (checked(vec![asked.unit, 0x83, code]), None),
            Mischief::Silence => continue,
        };
        if to.write_all(&first).await.is_err() {
            return;
        }
        if let Some((after, again)) = second {
            sleep(after).await;
            if to.write_all(&again).await.is_err() {
                return;
            }
        }
    }
}

/// Only holding registers are served.
async fn hear(from: &mut OwnedReadHalf, inner: &Inner) -> Option<Asked> {
    let mut request = [0; 8];
    from.read_exact(&mut request).await.ok()?;
    assert_eq!(
        checked(request[..6].to_vec()),
        request,
        "a request with a right checksum"
    );
    assert_eq!(request[1], 3, "only holding registers are served");
    let asked = Asked {
        number: inner.requests.fetch_add(1, Ordering::SeqCst) + 1,
        unit: request[0],
        start: u16::from_be_bytes([request[2], request[3]]),
        count: u16::from_be_bytes([request[4], request[5]]),
    };
    inner.log.lock().expect("no panic under it").push(asked);
    Some(asked)
}

fn frame(unit: u8, count: u16, number: u16) -> Vec<u8> {
    let mut frame = vec![unit, 3, u8::try_from(count * 2).expect("at most 125 registers")];
    (0..count).for_each(|_| frame.extend_from_slice(&number.to_be_bytes()));
    checked(frame)
}

/// With its checksum, worked out bit by bit.
fn checked(mut frame: Vec<u8>) -> Vec<u8> {
    let mut crc = 0xFFFF_u16;
    for byte in &frame {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc >>= 1;
            if carry == 1 {
                crc ^= 0xA001;
            }
        }
    }
    frame.extend_from_slice(&crc.to_le_bytes());
    frame
}
