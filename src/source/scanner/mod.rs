//! Scanner stations over TCP (either side connects), serial lines and USB. One task per station, or a thread for a serial
//! line or a USB keyboard wedge.
//!
//! A frame is handed on and answered before the next one is: the order of scans at a station is the order of truth, and
//! the answer is true when it is given. What cannot be handed on in time is answered with an error, never with silence.

mod framing;
mod reply;
mod serial;
mod tcp;
pub mod wedge;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock::Zone;
use crate::language::Words;
use crate::record::{Feedback, FeedbackKind, Frame, Payload, Reading, Receipt, Waiting};
pub use crate::source::serial::{Line, Parity};
use crate::status::{SourceStatus, StampedFeedback, Status};
use framing::Framing;
use wedge::Wedge;

pub use reply::{Commands, Reply};

/// How long an operator may be left without an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// After a code was cut off, what follows within this time up to the next end may be the rest of it.
const REST_WITHIN: Duration = Duration::from_millis(500);
const WRITE_WITHIN: Duration = Duration::from_secs(2);
/// FNC1 of GS1 as scanners should send it.
const SEPARATOR: u8 = 0x1D;

#[derive(Debug, Clone)]
pub struct Settings {
    pub station: Arc<str>,
    pub port: Port,
    /// Bytes that begin a frame, if it has a beginning of its own.
    pub starter: Vec<u8>,
    /// Bytes that end a frame.
    pub terminator: Vec<u8>,
    /// What the scanner sends in place of the separator of GS1.
    pub separator: Option<Vec<u8>>,
    /// What a fixed reader says when it saw no code.
    pub no_read: Vec<String>,
    /// How a fixed reader is told to read.
    pub trigger: Option<Trigger>,
    pub reply: Reply,
}

/// Commands of a fixed reader that reads when told to: again after each code, and anew when none came in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    pub start: String,
    pub stop: String,
    pub wait: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    /// The scanner connects to us.
    Listen(SocketAddr),
    /// We connect to the scanner.
    Connect(String),
    Serial {
        path: String,
        line: Line,
    },
    /// A keyboard, as far as the kernel knows.
    Wedge(Wedge),
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address) => write!(f, "tcp-listen://{address}"),
            Self::Connect(address) => write!(f, "tcp://{address}"),
            Self::Serial { path, line } => write!(f, "serial://{path} at {} baud", line.baud),
            Self::Wedge(wedge) => wedge.device.fmt(f),
        }
    }
}

/// Hears one station until told to stop. A listener is bound by the caller, so that a taken port is told at start.
pub async fn run(
    settings: Settings,
    listener: Option<TcpListener>,
    readings: mpsc::Sender<Reading>,
    floor: Status,
    stop: CancellationToken,
) {
    let station = Station {
        status: floor.source(&format!("station/{}", settings.station)),
        settings,
        readings,
        floor,
        stop,
    };
    match (&station.settings.port, listener) {
        (Port::Listen(_), Some(listener)) => tcp::listen(&station, listener).await,
        (Port::Listen(address), None) => match TcpListener::bind(address).await {
            Ok(listener) => tcp::listen(&station, listener).await,
            Err(error) => station
                .status
                .down(chrono::Utc::now(), format!("cannot listen on {address}: {error}")),
        },
        (Port::Connect(address), _) => tcp::connect(&station, address).await,
        (Port::Serial { path, line }, _) => serial::run(&station, path, *line).await,
        (Port::Wedge(wedge), _) => wedge::run(&station, wedge).await,
    }
}

/// Opens the port once, for `check --connect`.
pub async fn try_connect(port: &Port) -> Result<String, String> {
    match port {
        Port::Listen(address) => {
            let listening = TcpListener::bind(address).await.map_err(|e| e.to_string())?;
            drop(listening);
            Ok(" (the address is free; the scanner has to connect)".to_owned())
        }
        Port::Connect(address) => tokio::net::TcpStream::connect(address)
            .await
            .map(|_| String::new())
            .map_err(|e| e.to_string()),
        Port::Serial { path, line } => line.open(path).map(|_| String::new()).map_err(|e| e.to_string()),
        Port::Wedge(wedge) => wedge::open(&wedge.device)
            .map(|_| String::new())
            .map_err(|e| e.to_string()),
    }
}

#[derive(Clone)]
struct Station {
    settings: Settings,
    readings: mpsc::Sender<Reading>,
    status: Arc<SourceStatus>,
    /// What screens show.
    floor: Status,
    stop: CancellationToken,
}

/// Why hearing a scanner ended.
enum Ended {
    /// The link is gone, for this reason.
    Lost(String),
    Stopped,
}

/// The answer that one frame waits for.
struct Answer(std::sync::Mutex<Option<oneshot::Sender<Option<Feedback>>>>);

impl Answer {
    fn tell(&self, feedback: Option<Feedback>) {
        let sender = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // Who has waited too long was already told that it failed.
            let _ = sender.send(feedback);
        }
    }
}

impl Waiting for Answer {
    fn kept(&self, _: u64, feedback: Option<Feedback>) {
        self.tell(feedback);
    }

    fn refused(&self, _: u64) {
        self.tell(Some(refusal()));
    }
}

const STORAGE_FULL: &str = "STORAGE_FULL";

/// No success without the disk.
fn refusal() -> Feedback {
    let words = Words::new(
        "NOT stored, scan again or tell the line leader.",
        "未保存，请重试或通知班组长。",
    );
    unstored(STORAGE_FULL, words)
}

/// Success is not claimed, and neither is failure: scanning again could count twice.
fn unknown_outcome() -> Feedback {
    let words = Words::new(
        "Not known whether it was stored; scan STATUS before scanning again.",
        "未确认是否保存，请先扫描 STATUS。",
    );
    unstored("NOT_CONFIRMED", words)
}

/// Says it in both languages, for the gateway is in no state to look up which one is wanted.
fn unstored(code: &str, words: Words) -> Feedback {
    Feedback {
        kind: FeedbackKind::Err,
        code: code.to_owned(),
        message: format!("{} {}", words.en, words.zh),
        words,
    }
}

impl Station {
    fn framing(&self) -> Framing {
        Framing::new(self.settings.terminator.clone()).with_starter(self.settings.starter.clone())
    }

    /// Reads frames and answers them until the link ends.
    async fn converse(&self, mut link: impl AsyncRead + AsyncWrite + Unpin, gap: Duration) -> Ended {
        let trigger = self.settings.trigger.as_ref();
        let mut framing = self.framing();
        let mut chunk = [0; 1024];
        // A fixed reader reads when told to: at first, after each code, and when it has tried long enough.
        let mut is_reading = false;
        loop {
            while let Some(frame) = framing.next_frame() {
                is_reading = false;
                let Some(frame) = self.understood(frame) else { continue };
                let answer = match self.hand_on(frame).await {
                    Ok(feedback) => self.settings.reply.to(feedback.as_ref()),
                    Err(ended) => return ended,
                };
                if let Err(error) = send(&mut link, answer.as_deref().unwrap_or_default()).await {
                    return Ended::Lost(format!("the answer could not be sent: {error}"));
                }
            }
            if let Some(trigger) = trigger.filter(|_| !is_reading) {
                if let Err(error) = send(&mut link, trigger.start.as_bytes()).await {
                    return Ended::Lost(format!("the reader could not be told to read: {error}"));
                }
                is_reading = true;
            }
            let patience = if framing.is_within_frame() {
                Some(gap)
            } else if framing.is_torn() {
                Some(REST_WITHIN.max(gap))
            } else {
                trigger.map(|trigger| trigger.wait)
            };
            let read = async {
                match patience {
                    Some(patience) => tokio::time::timeout(patience, link.read(&mut chunk))
                        .await
                        .map_err(|_| ()),
                    None => Ok(link.read(&mut chunk).await),
                }
            };
            let read = tokio::select! {
                () = self.stop.cancelled() => return Ended::Stopped,
                read = read => read,
            };
            match (read, trigger) {
                (Ok(Ok(0)), _) => {
                    return self
                        .cut_off(framing, "the scanner closed the connection".to_owned())
                        .await;
                }
                (Ok(Ok(count)), _) => framing.take(&chunk[..count]),
                (Ok(Err(error)), _) => return self.cut_off(framing, error.to_string()).await,
                (Err(()), _) if framing.is_torn() && !framing.is_within_frame() => framing.settle(),
                (Err(()), Some(trigger)) if !framing.is_within_frame() => {
                    if let Err(error) = send(&mut link, trigger.stop.as_bytes()).await {
                        return Ended::Lost(format!("the reader could not be told to stop: {error}"));
                    }
                    is_reading = false;
                }
                (Err(()), _) => framing.give_up(),
            }
            let noise = framing.take_noise();
            if !noise.is_empty() {
                let reason = "bytes came before the start of a code";
                self.status
                    .reject(chrono::Utc::now(), &self.settings.station, reason, &noise);
            }
        }
    }

    /// The link is gone, perhaps within a code: then the station says that it was not whole.
    async fn cut_off(&self, mut framing: Framing, reason: String) -> Ended {
        framing.give_up();
        while let Some(frame) = framing.next_frame() {
            let Some(frame) = self.understood(frame) else { continue };
            if let Err(ended) = self.hand_on(frame).await {
                return ended;
            }
        }
        Ended::Lost(reason)
    }

    /// What the scanner's settings make of a frame; nothing where it is only a reader's word that it saw no code, as it says
    /// all the time when it is triggered.
    fn understood(&self, frame: Frame) -> Option<Frame> {
        let Frame::Whole(mut bytes) = frame else {
            return Some(frame);
        };
        let text = bytes.trim_ascii();
        if self.settings.no_read.iter().any(|word| word.as_bytes() == text) {
            return self.settings.trigger.is_none().then_some(Frame::NoRead);
        }
        if let Some(stand_in) = &self.settings.separator {
            bytes = replace(&bytes, stand_in, SEPARATOR);
        }
        Some(Frame::Whole(bytes))
    }

    /// Gives a frame to the intake and waits for what became of it.
    async fn hand_on(&self, frame: Frame) -> Result<Option<Feedback>, Ended> {
        let (tell, told) = oneshot::channel();
        let answer: Arc<dyn Waiting> = Arc::new(Answer(std::sync::Mutex::new(Some(tell))));
        let reading = Reading {
            source: format!("station/{}", self.settings.station).into(),
            at: chrono::Utc::now(),
            payload: Payload::Scan {
                station: Arc::clone(&self.settings.station),
                frame,
            },
            receipt: Receipt::new(answer, 0),
        };
        let deadline = tokio::time::Instant::now() + ANSWER_WITHIN;
        match self.readings.send_timeout(reading, ANSWER_WITHIN).await {
            Ok(()) => {}
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => return Ok(Some(self.shown(refusal()))),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Err(Ended::Stopped),
        }
        match tokio::time::timeout_at(deadline, told).await {
            Ok(Ok(Some(feedback))) if feedback.code == STORAGE_FULL => Ok(Some(self.shown(feedback))),
            Ok(Ok(feedback)) => Ok(feedback),
            // Too late, or dropped with the gateway's end: whether it was kept is not known, so success is not claimed.
            Ok(Err(_)) | Err(_) => Ok(Some(self.shown(unknown_outcome()))),
        }
    }

    /// The screen beside the station shows it too, for not every scanner can be answered.
    fn shown(&self, feedback: Feedback) -> Feedback {
        let told = StampedFeedback {
            feedback: feedback.clone(),
            at: Zone::UTC.rfc3339(chrono::Utc::now()),
        };
        self.floor.tell_station(&self.settings.station, told);
        feedback
    }
}

async fn send(link: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    let write = async {
        link.write_all(bytes).await?;
        link.flush().await
    };
    tokio::time::timeout(WRITE_WITHIN, write)
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

/// Puts one byte where a longer sequence stands.
fn replace(bytes: &[u8], from: &[u8], to: u8) -> Vec<u8> {
    let mut rest = bytes;
    let mut replaced = Vec::with_capacity(bytes.len());
    while let [first, behind @ ..] = rest {
        match rest.strip_prefix(from) {
            Some(behind) if !from.is_empty() => {
                replaced.push(to);
                rest = behind;
            }
            _ => {
                replaced.push(*first);
                rest = behind;
            }
        }
    }
    replaced
}

#[cfg(test)]
mod tests;
