//! The one connection to an endpoint: one request at a time, each under a time-out.
//!
//! * A connection on which anything went wrong is never used again. The answer that was not waited for may still come,
//!   and on a fresh socket it cannot be taken for the answer to a later request.
//! * An exception is the device speaking: the connection stays.
//! * A request time-out is answered with a new connection at once, a connection that cannot be made or dies before its
//!   first answer with growing pauses.

use std::io;
use std::time::Duration;

use chrono::Utc;
use socket2::{SockRef, TcpKeepalive};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_modbus::client::{Client, Context, tcp};
use tokio_modbus::slave::SlaveContext;
use tokio_modbus::{ExceptionCode, ProtocolError, Request, Response, Slave};
use tracing::{debug, info, warn};

use super::address::Area;
use super::decode::Answer;
use super::plan::Span;
use super::settings::{Settings, Url};
use crate::backoff::Backoff;
use crate::status::SourceStatus;

const RECONNECT_FIRST: Duration = Duration::from_secs(1);
const RECONNECT_LONGEST: Duration = Duration::from_mins(1);

/// A peer that vanished without a word is noticed also when the device is polled once an hour.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);

/// Why a block was not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The device spoke, but gave no values: those points are void, the others can be asked for.
    #[error("{0}")]
    Refused(String),
    /// The device asks to be asked again later.
    #[error("device busy (06)")]
    Busy,
    /// This device does not answer; others on the connection may.
    #[error("{0}")]
    DeviceSilent(&'static str),
    /// Nothing is reached over this connection.
    #[error("{0}")]
    LinkDown(&'static str),
}

pub struct Link {
    host: String,
    port: u16,
    timeout: Duration,
    connect_delay: Duration,
    request_gap: Duration,
    open: Option<Open>,
    backoff: Backoff,
    /// When the next attempt to connect may be made, and why the last failed.
    barred: Option<(Instant, &'static str)>,
}

struct Open {
    context: Context,
    has_answered: bool,
    quiet_until: Instant,
}

impl Link {
    pub fn new(settings: &Settings) -> Self {
        let (host, port) = match &settings.url {
            Url::Tcp { host, port } => (host.clone(), *port),
            Url::Rtu(url) => unreachable!("{url} is found by `check`, and what has findings is not run"),
        };
        Self {
            host,
            port,
            timeout: settings.timeout.0,
            connect_delay: settings.connect_delay.0,
            request_gap: settings.request_gap.0,
            open: None,
            backoff: Backoff::new(RECONNECT_FIRST, RECONNECT_LONGEST),
            barred: None,
        }
    }

    /// Asks one unit for one block, over a new connection where that is needed.
    ///
    /// The connection is out of its place while the request is in flight, so whatever ends the request early, be it the
    /// drop of this future, ends the connection too.
    pub async fn read(&mut self, unit: u8, block: Span, status: &SourceStatus) -> Result<Answer, ReadError> {
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.connect(status).await?,
            };
            sleep_until(open.quiet_until).await;
            open.context.set_slave(Slave(unit));
            match timeout(self.timeout, open.context.call(request(block))).await {
                Ok(Ok(outcome)) => {
                    if !open.has_answered {
                        open.has_answered = true;
                        self.backoff.reset();
                        status.up(Utc::now());
                        info!(host = self.host, port = self.port, "Modbus connection answers");
                    }
                    open.quiet_until = Instant::now() + self.request_gap;
                    self.open = Some(open);
                    return outcome
                        .map_or_else(|exception| Err(refusal(exception)), |response| answer(response, block));
                }
                Err(_) => {
                    status.down(Utc::now(), format!("unit {unit} did not answer for {block} in time"));
                    return Err(ReadError::DeviceSilent("timeout"));
                }
                Ok(Err(error)) => {
                    let cause = describe(&error);
                    status.down(Utc::now(), format!("unit {unit}, {block}: {cause}"));
                    // Devices close connections that were idle for long. One that has answered before gets one more
                    // chance; `has_answered` ends the loop.
                    if !open.has_answered {
                        return Err(self.bar("connection lost"));
                    }
                    debug!(
                        host = self.host,
                        port = self.port,
                        cause,
                        "Modbus connection lost, connecting again"
                    );
                }
            }
        }
    }

    async fn connect(&mut self, status: &SourceStatus) -> Result<Open, ReadError> {
        if let Some((until, cause)) = self.barred
            && Instant::now() < until
        {
            return Err(ReadError::LinkDown(cause));
        }
        let stream = timeout(self.timeout, TcpStream::connect((self.host.as_str(), self.port)))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .and_then(|stream| set_up(&stream).map(|()| stream));
        match stream {
            Ok(stream) => {
                self.barred = None;
                sleep(self.connect_delay).await;
                Ok(Open {
                    context: tcp::attach(stream),
                    has_answered: false,
                    quiet_until: Instant::now(),
                })
            }
            Err(error) => {
                status.down(
                    Utc::now(),
                    format!("cannot connect to {}:{}: {error}", self.host, self.port),
                );
                Err(self.bar(connect_cause(&error)))
            }
        }
    }

    /// No attempt to connect for a while.
    fn bar(&mut self, cause: &'static str) -> ReadError {
        let is_news = self.backoff.failures() == 0;
        let pause = self.backoff.next_delay();
        self.barred = Some((Instant::now() + pause, cause));
        if is_news {
            warn!(
                host = self.host,
                port = self.port,
                cause,
                "Modbus connection down; trying again with growing pauses"
            );
        }
        ReadError::LinkDown(cause)
    }
}

fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

fn request(block: Span) -> Request<'static> {
    match block.area {
        Area::Coil => Request::ReadCoils(block.start, block.count),
        Area::Discrete => Request::ReadDiscreteInputs(block.start, block.count),
        Area::Holding => Request::ReadHoldingRegisters(block.start, block.count),
        Area::Input => Request::ReadInputRegisters(block.start, block.count),
    }
}

/// The answer must hold what was asked for: with fewer values it is not known which they are.
fn answer(response: Response, block: Span) -> Result<Answer, ReadError> {
    let asked = usize::from(block.count);
    let (answer, is_whole) = match response {
        Response::ReadHoldingRegisters(registers) | Response::ReadInputRegisters(registers) => {
            let is_whole = registers.len() == asked;
            (Answer::Registers(registers), is_whole)
        }
        // Bits come in whole bytes.
        Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => {
            let is_whole = bits.len() == asked.next_multiple_of(8);
            (Answer::Bits(bits), is_whole)
        }
        _ => return Err(ReadError::Refused("an answer to something else".to_owned())),
    };
    if is_whole {
        Ok(answer)
    } else {
        Err(ReadError::Refused(format!(
            "an answer of another length than the {asked} asked for"
        )))
    }
}

fn refusal(exception: ExceptionCode) -> ReadError {
    let meaning = match exception {
        ExceptionCode::ServerDeviceBusy => return ReadError::Busy,
        // A gateway speaks in place of a device that it cannot reach.
        ExceptionCode::GatewayPathUnavailable => return ReadError::DeviceSilent("gateway path unavailable (0A)"),
        ExceptionCode::GatewayTargetDevice => return ReadError::DeviceSilent("no answer behind the gateway (0B)"),
        ExceptionCode::IllegalFunction => "illegal function",
        ExceptionCode::IllegalDataAddress => "illegal data address",
        ExceptionCode::IllegalDataValue => "illegal data value",
        ExceptionCode::ServerDeviceFailure => "device failure",
        ExceptionCode::Acknowledge => "accepted, no answer yet",
        ExceptionCode::MemoryParityError => "memory parity error",
        ExceptionCode::Custom(_) => "exception",
    };
    ReadError::Refused(format!("{meaning} ({:02X})", u8::from(exception)))
}

fn describe(error: &tokio_modbus::Error) -> String {
    match error {
        tokio_modbus::Error::Protocol(ProtocolError::HeaderMismatch { .. }) => {
            "an answer with another transaction or unit id".to_owned()
        }
        tokio_modbus::Error::Protocol(ProtocolError::FunctionCodeMismatch { .. }) => {
            "an answer to another function".to_owned()
        }
        // At the end of the stream the library gives whatever the last system call left behind, even "Success".
        tokio_modbus::Error::Transport(error) if error.raw_os_error().is_some() && !is_loss(error.kind()) => {
            "closed by the device".to_owned()
        }
        tokio_modbus::Error::Transport(error) => error.to_string(),
    }
}

fn is_loss(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut,
    };
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | HostUnreachable | NetworkUnreachable | TimedOut
    )
}

fn connect_cause(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::TimedOut => "connect timeout",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "host unreachable",
        _ => "cannot connect",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(area: Area, count: u16) -> Span {
        Span { area, start: 0, count }
    }

    #[test]
    fn answers_of_another_length_are_refused() {
        let registers = |n| Response::ReadHoldingRegisters(vec![0; n]);
        assert!(answer(registers(3), span(Area::Holding, 3)).is_ok());
        assert!(matches!(
            answer(registers(2), span(Area::Holding, 3)),
            Err(ReadError::Refused(_))
        ));
        assert!(matches!(
            answer(registers(4), span(Area::Holding, 3)),
            Err(ReadError::Refused(_))
        ));
        let bits = |n| Response::ReadCoils(vec![false; n]);
        assert!(answer(bits(16), span(Area::Coil, 9)).is_ok());
        assert!(matches!(
            answer(bits(8), span(Area::Coil, 9)),
            Err(ReadError::Refused(_))
        ));
    }

    #[test]
    fn exceptions_say_what_to_do_next() {
        assert_eq!(refusal(ExceptionCode::new(6)), ReadError::Busy);
        assert!(matches!(refusal(ExceptionCode::new(0x0B)), ReadError::DeviceSilent(_)));
        for (code, text) in [(2, "illegal data address (02)"), (0x41, "exception (41)")] {
            assert_eq!(refusal(ExceptionCode::new(code)), ReadError::Refused(text.to_owned()));
        }
    }
}
