//! The one connection to an endpoint: one request at a time, each under a time-out.
//!
//! * Over Modbus TCP, a connection on which anything went wrong is never used again. The answer that was not waited for may
//!   still come, and on a fresh socket it cannot be taken for the answer to a later request. RTU frames come to the new
//!   connection just as well, so there the line is kept, and it is remembered who owes an answer (`debts`).
//! * An exception is the device speaking: the connection stays.
//! * A block that is answered as another, also where nothing else was asked, is left out for growing times (`strays`).
//! * A request time-out is answered with a new connection at once, a connection that cannot be made or dies before its
//!   first answer with growing pauses.

mod debts;
mod frame;
mod rtu;
mod strays;
mod tcp;

use std::io;
use std::time::Duration;

use chrono::Utc;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::decode::Answer;
use super::encode::Write;
use super::exception::Exception;
use super::plan::Span;
use super::settings::Settings;
use super::url::Url;
use crate::backoff::Backoff;
use crate::status::SourceStatus;
use debts::Debts;
pub use frame::{REQUEST_BYTES, answer_bytes};
use rtu::{Rtu, Timing};
use strays::Strays;
use tcp::Tcp;

const RECONNECT_FIRST: Duration = Duration::from_secs(1);
const RECONNECT_LONGEST: Duration = Duration::from_mins(1);

/// After so many requests in a row without an answer of their own it may be the line that is dead. It is opened anew; where
/// each of them had a new connection already, that is not done for a while.
const SILENCES_MAX: u32 = 4;

/// Why a block was not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The device spoke, but gave no values.
    #[error("{0}")]
    Exception(Exception),
    /// The device gave something that is no answer to what it was asked.
    #[error("{0}")]
    Malformed(&'static str),
    /// The device answers this block as another; it may answer others as it should.
    #[error("{0}")]
    Astray(&'static str),
    /// This device does not answer; others on the connection may.
    #[error("{0}")]
    DeviceSilent(&'static str),
    /// Nothing is reached over this connection.
    #[error("{0}")]
    LinkDown(&'static str),
}

/// Why it is not certain that a machine took a write.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// Nothing was sent.
    #[error("{0}")]
    NotSent(ReadError),
    #[error("{0}")]
    Refused(Exception),
    /// It was sent, and may have been carried out.
    #[error("{0}")]
    Unknown(ReadError),
}

pub struct Link {
    url: Url,
    timing: Timing,
    connect_delay: Duration,
    open: Option<Open>,
    debts: Debts,
    strays: Strays,
    /// Requests in a row that nobody answered, or somebody answered as another.
    silences: u32,
    backoff: Backoff,
    /// When the next attempt to connect may be made, and why the last failed.
    barred: Option<(Instant, &'static str)>,
    /// A connection that is only made anew is no news.
    is_told_up: bool,
}

struct Open {
    wire: Wire,
    has_answered: bool,
}

enum Wire {
    Tcp(Tcp),
    Rtu(Rtu),
}

/// Why there was no answer, by what becomes of the connection.
enum Trouble {
    /// It can be used on.
    Silent(&'static str),
    /// It cannot, for the answer may still come.
    Owing(&'static str),
    /// It cannot: what came answers something else.
    Stray(&'static str),
    Lost(String),
}

type Reply<T> = Result<T, ReadError>;

impl Link {
    pub fn new(settings: &Settings) -> Self {
        let timeout = settings.timeout.0;
        let silence = settings.url.silence();
        Self {
            url: settings.url.clone(),
            timing: Timing {
                timeout,
                silence,
                gap: settings.request_gap.0.max(silence),
            },
            connect_delay: settings.connect_delay.0,
            open: None,
            debts: Debts::new(timeout),
            strays: Strays::default(),
            silences: 0,
            backoff: Backoff::new(RECONNECT_FIRST, RECONNECT_LONGEST),
            barred: None,
            is_told_up: false,
        }
    }

    pub fn timeout(&self) -> Duration {
        self.timing.timeout
    }

    /// Asks one unit for one block, over a new connection where that is needed.
    ///
    /// The connection is out of its place while the request is in flight, so whatever ends the request early, be it the
    /// drop of this future, ends the connection too.
    pub async fn read(
        &mut self,
        unit: u8,
        block: Span,
        patience: Duration,
        status: &SourceStatus,
    ) -> Result<Answer, ReadError> {
        if let Some(cause) = self.strays.rests(unit, block, Instant::now()) {
            return Err(ReadError::Astray(cause));
        }
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.connect(status).await?,
            };
            let asked = match &mut open.wire {
                Wire::Tcp(tcp) => tcp.read(unit, block, patience).await,
                Wire::Rtu(rtu) => over_rtu(rtu.read(unit, block, patience, &mut self.debts).await),
            };
            match asked {
                Ok(reply) => {
                    self.strays.answered(unit, block);
                    self.answered(&mut open, status);
                    self.open = Some(open);
                    return reply;
                }
                Err(Trouble::Silent(cause)) => {
                    self.silences += 1;
                    if self.silences < SILENCES_MAX {
                        self.open = Some(open);
                    } else {
                        self.silences = 0;
                        self.is_told_up = false;
                        status.down(Utc::now(), "nobody answers on this line");
                    }
                    return Err(ReadError::DeviceSilent(cause));
                }
                Err(Trouble::Owing(cause)) => {
                    status.down(Utc::now(), format!("unit {unit} did not answer for {block} in time"));
                    return Err(ReadError::DeviceSilent(cause));
                }
                Err(Trouble::Stray(cause)) => {
                    status.down(Utc::now(), format!("unit {unit}, {block}: {cause}"));
                    // On a new connection nothing else was asked, so it is the device that answers so, and the others
                    // on this connection are not to wait for it.
                    if !open.has_answered || self.strays.holds(unit, block) {
                        self.strays.add(unit, block, cause, Instant::now());
                        self.silences += 1;
                        if self.silences < SILENCES_MAX {
                            return Err(ReadError::Astray(cause));
                        }
                        self.silences = 0;
                        return Err(self.bar(cause));
                    }
                }
                Err(Trouble::Lost(cause)) => {
                    status.down(Utc::now(), format!("unit {unit}, {block}: {cause}"));
                    // Devices close connections that were idle for long. One that has answered before gets one more
                    // chance; `has_answered` ends the loop.
                    if !open.has_answered {
                        return Err(self.bar("connection lost"));
                    }
                    debug!(connection = %self.url, cause, "Modbus connection lost, connecting again");
                }
            }
        }
    }

    /// Sends one unit one write. It is never sent twice: who was not answered cannot know whether it was carried out.
    pub async fn write(&mut self, unit: u8, write: &Write, status: &SourceStatus) -> Result<(), WriteError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect(status).await.map_err(WriteError::NotSent)?,
        };
        let patience = self.timing.timeout;
        let asked = match &mut open.wire {
            Wire::Tcp(tcp) => tcp.write(unit, write, patience).await,
            Wire::Rtu(rtu) => over_rtu(rtu.write(unit, write, patience, &mut self.debts).await),
        };
        let unanswered = match asked {
            Ok(reply) => {
                self.answered(&mut open, status);
                self.open = Some(open);
                return reply.map_err(|error| match error {
                    ReadError::Exception(exception) if !exception.may_be_done() => WriteError::Refused(exception),
                    error => WriteError::Unknown(error),
                });
            }
            Err(Trouble::Silent(cause)) => {
                self.open = Some(open);
                ReadError::DeviceSilent(cause)
            }
            Err(Trouble::Owing(cause)) => {
                status.down(Utc::now(), format!("unit {unit} did not answer to a write in time"));
                ReadError::DeviceSilent(cause)
            }
            Err(Trouble::Stray(cause)) => {
                status.down(Utc::now(), format!("unit {unit}, a write: {cause}"));
                ReadError::Astray(cause)
            }
            Err(Trouble::Lost(cause)) => {
                status.down(Utc::now(), format!("unit {unit}, a write: {cause}"));
                ReadError::LinkDown("connection lost")
            }
        };
        Err(WriteError::Unknown(unanswered))
    }

    fn answered(&mut self, open: &mut Open, status: &SourceStatus) {
        self.silences = 0;
        if !open.has_answered {
            open.has_answered = true;
            self.backoff.reset();
            status.up(Utc::now());
            if !std::mem::replace(&mut self.is_told_up, true) {
                info!(connection = %self.url, "Modbus connection answers");
            }
        }
    }

    async fn connect(&mut self, status: &SourceStatus) -> Result<Open, ReadError> {
        if let Some((until, cause)) = self.barred
            && Instant::now() < until
        {
            return Err(ReadError::LinkDown(cause));
        }
        let wire = timeout(self.timing.timeout, reach(&self.url, self.timing))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match wire {
            Ok(wire) => {
                self.barred = None;
                sleep(self.connect_delay).await;
                Ok(Open {
                    wire,
                    has_answered: false,
                })
            }
            Err(error) => {
                status.down(Utc::now(), format!("cannot connect to {}: {error}", self.url));
                Err(self.bar(connect_cause(&error)))
            }
        }
    }

    /// No attempt to connect for a while.
    fn bar(&mut self, cause: &'static str) -> ReadError {
        let is_news = self.backoff.failures() == 0;
        let pause = self.backoff.next_delay();
        self.barred = Some((Instant::now() + pause, cause));
        self.is_told_up = false;
        if is_news {
            warn!(connection = %self.url, cause, "Modbus connection down; trying again with growing pauses");
        }
        ReadError::LinkDown(cause)
    }
}

async fn reach(url: &Url, timing: Timing) -> io::Result<Wire> {
    Ok(match url {
        Url::Tcp { host, port } => Wire::Tcp(Tcp::new(tcp::connect(host, *port).await?, timing.gap)),
        Url::RtuTcp { host, port, .. } => {
            let stream = tcp::connect(host, *port).await?;
            Wire::Rtu(Rtu::new(Box::new(stream), timing, false))
        }
        Url::Rtu {
            path,
            line,
            rs485,
            has_echo,
        } => {
            let stream = rs485.open(*line, path)?;
            Wire::Rtu(Rtu::new(Box::new(stream), timing, *has_echo))
        }
    })
}

fn over_rtu<T>(outcome: Result<rtu::Reply<T>, rtu::Trouble>) -> Result<Reply<T>, Trouble> {
    match outcome {
        Ok(reply) => Ok(reply.map_err(ReadError::Exception)),
        Err(rtu::Trouble::Silent) => Err(Trouble::Silent("timeout")),
        Err(rtu::Trouble::Garbled(what)) => Err(Trouble::Silent(what)),
        Err(rtu::Trouble::Lost(error)) => Err(Trouble::Lost(error.to_string())),
    }
}

fn connect_cause(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::TimedOut => "connect timeout",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "host unreachable",
        io::ErrorKind::NotFound => "no such serial line",
        _ => "cannot connect",
    }
}
