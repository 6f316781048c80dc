//! Modbus TCP: each answer carries the number of its request, which the library checks.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_modbus::client::{Client, Context, tcp};
use tokio_modbus::slave::SlaveContext;
use tokio_modbus::{ProtocolError, Request, Response, Slave};

use super::super::address::Area;
use super::super::decode::Answer;
use super::super::encode::Write;
use super::super::exception::Exception;
use super::super::plan::Span;
use super::{ReadError, Reply, Trouble};

/// A peer that vanished without a word is noticed also when the device is polled once an hour.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);

pub async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

pub struct Tcp {
    context: Context,
    gap: Duration,
    quiet_until: Instant,
}

impl Tcp {
    pub fn new(stream: TcpStream, gap: Duration) -> Self {
        Self {
            context: tcp::attach(stream),
            gap,
            quiet_until: Instant::now(),
        }
    }

    pub async fn read(&mut self, unit: u8, block: Span, patience: Duration) -> Result<Reply<Answer>, Trouble> {
        let outcome = self.call(unit, request(block), patience).await?;
        Ok(outcome.and_then(|response| answer(response, block)))
    }

    /// That the answer repeats the function of the request is seen to by the library.
    pub async fn write(&mut self, unit: u8, write: &Write, patience: Duration) -> Result<Reply<()>, Trouble> {
        let request = match write {
            Write::Coil { address, is_on } => Request::WriteSingleCoil(*address, *is_on),
            Write::Registers { address, values } => match values.as_slice() {
                [value] => Request::WriteSingleRegister(*address, *value),
                values => Request::WriteMultipleRegisters(*address, values.to_vec().into()),
            },
        };
        let outcome = self.call(unit, request, patience).await?;
        Ok(outcome.map(|_| ()))
    }

    async fn call(&mut self, unit: u8, request: Request<'_>, patience: Duration) -> Result<Reply<Response>, Trouble> {
        // Even a sleep that is over takes its turn at the timers.
        if !self.gap.is_zero() {
            sleep_until(self.quiet_until).await;
        }
        self.context.set_slave(Slave(unit));
        match timeout(patience, self.context.call(request)).await {
            Ok(Ok(outcome)) => {
                self.quiet_until = Instant::now() + self.gap;
                Ok(outcome.map_err(|exception| ReadError::Exception(Exception(exception.into()))))
            }
            Ok(Err(tokio_modbus::Error::Protocol(error))) => Err(Trouble::Stray(stray(&error))),
            Ok(Err(tokio_modbus::Error::Transport(error))) => Err(Trouble::Lost(loss(&error))),
            Err(_) => Err(Trouble::Owing("timeout")),
        }
    }
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
        _ => return Err(ReadError::Malformed("an answer to something else")),
    };
    if is_whole {
        Ok(answer)
    } else {
        Err(ReadError::Malformed("an answer of another length than asked for"))
    }
}

fn stray(error: &ProtocolError) -> &'static str {
    match error {
        ProtocolError::HeaderMismatch { .. } => "an answer with another transaction or unit id",
        ProtocolError::FunctionCodeMismatch { .. } => "an answer to another function",
    }
}

fn loss(error: &io::Error) -> String {
    // At the end of the stream the library gives whatever the last system call left behind, even "Success".
    if error.raw_os_error().is_some() && !is_loss(error.kind()) {
        "closed by the device".to_owned()
    } else {
        error.to_string()
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
            Err(ReadError::Malformed(_))
        ));
        assert!(matches!(
            answer(registers(4), span(Area::Holding, 3)),
            Err(ReadError::Malformed(_))
        ));
        let bits = |n| Response::ReadCoils(vec![false; n]);
        assert!(answer(bits(16), span(Area::Coil, 9)).is_ok());
        assert!(matches!(
            answer(bits(8), span(Area::Coil, 9)),
            Err(ReadError::Malformed(_))
        ));
    }
}
