//! Scanner stations over TCP (either side connects) and serial lines. One task per station, or a thread for a serial line.
//!
//! A frame is handed on and answered before the next one is: the order of scans at a station is the order of truth, and
//! the answer is true when it is given. What cannot be handed on in time is answered with an error, never with silence.

mod framing;
mod serial;
mod tcp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::record::{Feedback, FeedbackKind, Frame, Payload, Reading, Receipt, Waiting};
pub use crate::source::serial::{Line, Parity};
use crate::status::SourceStatus;
use framing::Framing;

/// How long an operator may be left without an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const WRITE_WITHIN: Duration = Duration::from_secs(2);
const ACK: &[u8] = &[0x06];
const NAK: &[u8] = &[0x15];

#[derive(Debug, Clone)]
pub struct Settings {
    pub station: Arc<str>,
    pub port: Port,
    /// Bytes that end a frame.
    pub terminator: Vec<u8>,
    pub reply: Reply,
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
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address) => write!(f, "tcp-listen://{address}"),
            Self::Connect(address) => write!(f, "tcp://{address}"),
            Self::Serial { path, line } => write!(f, "serial://{path} at {} baud", line.baud),
        }
    }
}

/// What the scanner is answered per frame, after the disk has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    None,
    /// ACK when the gateway has dealt with the frame, also with a rejected one: NAK would have it sent again.
    Ack,
    /// One line: `OK …`, `ASK …`, `ERR CODE …`, `DUP …`.
    Text,
}

/// Hears one station until told to stop. A listener is bound by the caller, so that a taken port is told at start.
pub async fn run(
    settings: Settings,
    listener: Option<TcpListener>,
    readings: mpsc::Sender<Reading>,
    status: Arc<SourceStatus>,
    stop: CancellationToken,
) {
    let station = Station {
        settings,
        readings,
        status,
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
    }
}

#[derive(Clone)]
struct Station {
    settings: Settings,
    readings: mpsc::Sender<Reading>,
    status: Arc<SourceStatus>,
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

/// No success without the disk. In both languages, for the gateway is in no state to look up which one is wanted.
fn refusal() -> Feedback {
    Feedback {
        kind: FeedbackKind::Err,
        code: "STORAGE_FULL".to_owned(),
        message: "NOT stored, scan again or tell the line leader. 未保存，请重试或通知班组长。".to_owned(),
    }
}

/// Success is not claimed, and neither is failure: scanning again could count twice.
fn unknown_outcome() -> Feedback {
    Feedback {
        kind: FeedbackKind::Err,
        code: "NOT_CONFIRMED".to_owned(),
        message:
            "Not known whether it was stored; scan STATUS before scanning again. 未确认是否保存，请先扫描 STATUS。"
                .to_owned(),
    }
}

impl Station {
    /// Reads frames and answers them until the link ends.
    async fn converse(&self, mut link: impl AsyncRead + AsyncWrite + Unpin, gap: Duration) -> Ended {
        let mut framing = Framing::new(self.settings.terminator.clone());
        let mut chunk = [0; 1024];
        loop {
            while let Some(frame) = framing.next_frame() {
                let feedback = match self.hand_on(frame).await {
                    Ok(feedback) => feedback,
                    Err(ended) => return ended,
                };
                if let Err(error) = self.reply(&mut link, feedback.as_ref()).await {
                    return Ended::Lost(format!("the answer could not be sent: {error}"));
                }
            }
            let read = async {
                if framing.is_within_frame() {
                    tokio::time::timeout(gap, link.read(&mut chunk)).await.map_err(|_| ())
                } else {
                    Ok(link.read(&mut chunk).await)
                }
            };
            let read = tokio::select! {
                () = self.stop.cancelled() => return Ended::Stopped,
                read = read => read,
            };
            match read {
                Ok(Ok(0)) => return Ended::Lost("the scanner closed the connection".to_owned()),
                Ok(Ok(count)) => framing.take(&chunk[..count]),
                Ok(Err(error)) => return Ended::Lost(error.to_string()),
                Err(()) => framing.give_up(),
            }
        }
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
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => return Ok(Some(refusal())),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Err(Ended::Stopped),
        }
        match tokio::time::timeout_at(deadline, told).await {
            Ok(Ok(feedback)) => Ok(feedback),
            // Too late, or dropped with the gateway's end: whether it was kept is not known, so success is not claimed.
            Ok(Err(_)) | Err(_) => Ok(Some(unknown_outcome())),
        }
    }

    async fn reply(&self, link: &mut (impl AsyncWrite + Unpin), feedback: Option<&Feedback>) -> std::io::Result<()> {
        let is_refused = feedback.is_some_and(|f| f.code == "STORAGE_FULL");
        let answer: Vec<u8> = match self.settings.reply {
            // NAK would have it sent again, ACK would claim success: what is not known is left unanswered.
            Reply::Ack if feedback.is_some_and(|f| f.code == "NOT_CONFIRMED") => return Ok(()),
            Reply::None => return Ok(()),
            Reply::Ack => if is_refused { NAK } else { ACK }.to_vec(),
            Reply::Text => feedback.map_or_else(|| b"OK\r\n".to_vec(), line),
        };
        let write = async {
            link.write_all(&answer).await?;
            link.flush().await
        };
        tokio::time::timeout(WRITE_WITHIN, write)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }
}

fn line(feedback: &Feedback) -> Vec<u8> {
    let kind = match feedback.kind {
        FeedbackKind::Ok => "OK",
        FeedbackKind::Ask => "ASK",
        FeedbackKind::Err => "ERR",
        FeedbackKind::Dup => "DUP",
    };
    let message: String = feedback.message.chars().filter(|c| !c.is_control()).collect();
    format!("{kind} {} {message}\r\n", feedback.code).into_bytes()
}
