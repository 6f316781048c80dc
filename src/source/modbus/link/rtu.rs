//! RTU over a stream of bytes: a serial line, or a TCP connection to a device server.
//!
//! * A frame ends where its length and checksum say, never by a pause: adapters and networks make pauses of their own.
//! * An answer counts only if nothing follows it within the silence that parts frames, and if nothing was owed that it
//!   could be taken for (`debts`). Whatever else comes is thrown away up to the next silence.
//! * A garbled answer is asked for once more.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::super::decode::Answer;
use super::super::encode::Write;
use super::super::exception::Exception;
use super::super::plan::Span;
use super::debts::{Debts, Manner};
use super::frame::{self, Frame, Front, Meaning, Shape};

/// So long without a byte, and a frame that is not whole was cut off. USB adapters hold bytes back for 16 ms.
const FRAME_GAP: Duration = Duration::from_millis(50);
/// Who sends for longer than this without a pause is not listened to any more.
const BABBLE_MAX: Duration = Duration::from_secs(2);
const CHUNK_BYTES: usize = 512;

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub struct Rtu {
    stream: Box<dyn Stream>,
    timing: Timing,
    /// What is sent comes back first.
    has_echo: bool,
    received: Vec<u8>,
    quiet_until: Instant,
}

#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub timeout: Duration,
    /// What parts two frames.
    pub silence: Duration,
    /// Between an answer and the next request; at least the silence.
    pub gap: Duration,
}

/// Why there was no answer.
#[derive(Debug)]
pub enum Trouble {
    Silent,
    Garbled(&'static str),
    Lost(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

pub type Reply<T> = Result<T, Exception>;

impl Rtu {
    pub fn new(stream: Box<dyn Stream>, timing: Timing, has_echo: bool) -> Self {
        Self {
            stream,
            timing,
            has_echo,
            received: Vec::new(),
            quiet_until: Instant::now(),
        }
    }

    /// Asks one unit for one block. The answer has to begin within `patience`.
    pub async fn read(
        &mut self,
        unit: u8,
        block: Span,
        patience: Duration,
        debts: &mut Debts,
    ) -> Result<Reply<Answer>, Trouble> {
        match self.attempt(unit, block, patience, debts).await {
            Err(Trouble::Garbled(_)) => self.attempt(unit, block, patience, debts).await,
            outcome => outcome,
        }
    }

    /// Sends one unit one write, once. The answer has to begin within `patience`.
    pub async fn write(
        &mut self,
        unit: u8,
        write: &Write,
        patience: Duration,
        debts: &mut Debts,
    ) -> Result<Reply<()>, Trouble> {
        self.clear(debts).await?;
        if debts.owes(unit, Instant::now()) {
            self.swallow(self.timing.timeout, debts).await?;
            debts.settle(unit);
        }
        let sent = frame::write_request(unit, write);
        let deadline = self.send(&sent, patience, debts).await?;
        let outcome = match self.skip_echo(&sent, deadline).await {
            Ok(()) => {
                self.receive(|frame| frame.meaning_of_write(&sent), deadline, debts)
                    .await
            }
            Err(trouble) => Err(trouble),
        };
        self.quiet_until = Instant::now() + self.timing.gap;
        outcome
    }

    async fn attempt(
        &mut self,
        unit: u8,
        block: Span,
        patience: Duration,
        debts: &mut Debts,
    ) -> Result<Reply<Answer>, Trouble> {
        self.clear(debts).await?;
        if debts.owes(unit, Instant::now()) {
            self.settle(unit, block, patience, debts).await?;
        }
        match debts.manner(unit, block, Instant::now()) {
            Manner::Plain => {}
            Manner::Padded(padded) => match self.exchange(unit, padded, patience, debts).await? {
                Ok(answer) => return Ok(Ok(answer.shortened_to(block.count))),
                // That the device has no more to give says nothing of the block.
                Err(Exception::ILLEGAL_ADDRESS | Exception::ILLEGAL_VALUE) => debts.refuse_pad(unit, block),
                Err(exception) => return Ok(Err(exception)),
            },
            Manner::Behind(marker) => {
                // A refusal parts the two answers just as well.
                let _ = self.exchange(unit, marker, patience, debts).await?;
            }
        }
        self.exchange(unit, block, patience, debts).await
    }

    /// Makes sure that nothing is on its way that could be taken for the answer to a request for `block`.
    async fn settle(&mut self, unit: u8, block: Span, patience: Duration, debts: &mut Debts) -> Result<(), Trouble> {
        let is_proven = match debts.marker(unit, block) {
            // Exceptions are all alike, so one of them proves nothing.
            Some(marker) => self.exchange(unit, marker, patience, debts).await?.is_ok(),
            None => false,
        };
        if !is_proven {
            self.swallow(self.timing.timeout, debts).await?;
        }
        debts.settle(unit);
        Ok(())
    }

    async fn exchange(
        &mut self,
        unit: u8,
        block: Span,
        patience: Duration,
        debts: &mut Debts,
    ) -> Result<Reply<Answer>, Trouble> {
        let sent = frame::request(unit, block);
        let deadline = self.send(&sent, patience, debts).await?;
        let outcome = match self.skip_echo(&sent, deadline).await {
            Ok(()) => self.receive(|frame| frame.meaning(unit, block), deadline, debts).await,
            Err(trouble) => Err(trouble),
        };
        let now = Instant::now();
        self.quiet_until = now + self.timing.gap;
        match &outcome {
            Ok(Ok(_)) => debts.answered(Shape::of(unit, block), now),
            Ok(Err(_)) => {}
            Err(_) => debts.owe(Shape::of(unit, block), now),
        }
        outcome
    }

    /// Sends a request when the line may be used; until when its answer has to begin.
    async fn send(&mut self, request: &[u8], patience: Duration, debts: &mut Debts) -> Result<Instant, Trouble> {
        sleep_until(self.quiet_until).await;
        self.clear(debts).await?;
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        Ok(Instant::now() + patience)
    }

    async fn skip_echo(&mut self, sent: &[u8], deadline: Instant) -> Result<(), Trouble> {
        if !self.has_echo {
            return Ok(());
        }
        while self.received.len() < sent.len() {
            if !self.hear(deadline).await? {
                return Err(Trouble::Garbled("the adapter does not echo"));
            }
        }
        if !self.received.starts_with(sent) {
            return Err(Trouble::Garbled("the echo is not what was sent"));
        }
        self.received.drain(..sent.len());
        Ok(())
    }

    async fn receive<T>(
        &mut self,
        meaning: impl Fn(&Frame) -> Meaning<T>,
        deadline: Instant,
        debts: &mut Debts,
    ) -> Result<Reply<T>, Trouble> {
        loop {
            match frame::front(&self.received) {
                Front::Whole(frame) => {
                    self.received.drain(..frame.length());
                    let reply = match meaning(&frame) {
                        Meaning::Values(answer) => Ok(answer),
                        Meaning::Exception(code) => Err(Exception(code)),
                        Meaning::Foreign if Instant::now() < deadline => {
                            note(&frame, debts);
                            continue;
                        }
                        Meaning::Foreign => return Err(Trouble::Silent),
                    };
                    return self.alone(reply, debts).await;
                }
                Front::Part if self.received.is_empty() => {
                    if !self.hear(deadline).await? {
                        return Err(Trouble::Silent);
                    }
                }
                Front::Part => {
                    if !self.hear(Instant::now() + FRAME_GAP).await? {
                        return Err(Trouble::Garbled("an answer was cut off"));
                    }
                }
                Front::Junk => {
                    self.swallow(FRAME_GAP, debts).await?;
                    return Err(Trouble::Garbled("an answer was damaged"));
                }
            }
        }
    }

    /// An answer that another follows may be that to an earlier request.
    async fn alone<T>(&mut self, reply: Reply<T>, debts: &mut Debts) -> Result<Reply<T>, Trouble> {
        if self.received.is_empty() && !self.hear(Instant::now() + self.timing.silence).await? {
            return Ok(reply);
        }
        self.swallow(FRAME_GAP, debts).await?;
        Err(Trouble::Garbled("more than one answer came"))
    }

    /// Throws away what came since the last answer.
    async fn clear(&mut self, debts: &mut Debts) -> Result<(), Trouble> {
        // What has arrived by now is only seen after the runtime has looked.
        tokio::task::yield_now().await;
        if self.hear(Instant::now()).await? {
            self.swallow(FRAME_GAP, debts).await?;
        }
        self.received.clear();
        Ok(())
    }

    /// Throws away what comes, until the line has been silent for so long.
    async fn swallow(&mut self, silence: Duration, debts: &mut Debts) -> io::Result<()> {
        let enough = Instant::now() + silence.max(BABBLE_MAX);
        loop {
            match frame::front(&self.received) {
                Front::Whole(frame) => {
                    self.received.drain(..frame.length());
                    note(&frame, debts);
                }
                Front::Junk => self.received.clear(),
                Front::Part => {
                    if Instant::now() > enough || !self.hear(Instant::now() + silence).await? {
                        self.received.clear();
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Takes in what comes until then; whether there was anything.
    async fn hear(&mut self, until: Instant) -> io::Result<bool> {
        let mut chunk = [0; CHUNK_BYTES];
        match timeout_at(until, self.stream.read(&mut chunk)).await {
            // A line that was pulled out may read as the end of a file.
            Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(count)) => {
                self.received.extend_from_slice(&chunk[..count]);
                Ok(true)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }
}

fn note(frame: &Frame, debts: &mut Debts) {
    if let Some(shape) = frame.shape() {
        debts.stray(shape, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::super::super::address::Area;
    use super::*;

    const BLOCK: Span = Span {
        area: Area::Holding,
        start: 0,
        count: 1,
    };
    const TIMEOUT: Duration = Duration::from_millis(200);

    fn line(has_echo: bool) -> (Rtu, DuplexStream, Debts) {
        let (ours, theirs) = tokio::io::duplex(1024);
        let timing = Timing {
            timeout: TIMEOUT,
            silence: Duration::from_millis(2),
            gap: Duration::from_millis(2),
        };
        (Rtu::new(Box::new(ours), timing, has_echo), theirs, Debts::new(TIMEOUT))
    }

    /// Answers each request with the next of these, and gives the counts that were asked for. The line stays open.
    async fn answer(mut line: DuplexStream, answers: Vec<Vec<u8>>) -> (Vec<u8>, DuplexStream) {
        let mut counts = Vec::new();
        for answer in answers {
            let mut request = [0; 8];
            line.read_exact(&mut request).await.expect("a request");
            counts.push(request[5]);
            line.write_all(&answer).await.expect("somebody listens");
        }
        (counts, line)
    }

    fn registers(values: &[u16]) -> Vec<u8> {
        let mut frame = vec![1, 3, u8::try_from(values.len() * 2).expect("a short answer")];
        frame.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        frame::checked(frame)
    }

    fn exception(code: u8) -> Vec<u8> {
        frame::checked(vec![1, 0x83, code])
    }

    async fn read(rtu: &mut Rtu, debts: &mut Debts) -> Result<Reply<Answer>, Trouble> {
        rtu.read(1, BLOCK, TIMEOUT, debts).await
    }

    fn is_value(outcome: &Result<Reply<Answer>, Trouble>, value: u16) -> bool {
        matches!(outcome, Ok(Ok(Answer::Registers(registers))) if *registers == [value])
    }

    #[tokio::test]
    async fn what_the_adapter_echoes_is_no_answer() {
        let (mut rtu, theirs, mut debts) = line(true);
        let echo = frame::request(1, BLOCK);
        let bus = tokio::spawn(answer(theirs, vec![[echo, registers(&[7])].concat()]));
        assert!(is_value(&read(&mut rtu, &mut debts).await, 7));
        assert_eq!(bus.await.expect("no panic").0, [1]);
    }

    #[tokio::test]
    async fn a_damaged_answer_is_asked_for_again_behind_a_marker() {
        let (mut rtu, theirs, mut debts) = line(false);
        let mut damaged = registers(&[7]);
        damaged[3] ^= 1;
        let bus = tokio::spawn(answer(theirs, vec![damaged, registers(&[8, 8]), registers(&[9])]));
        assert!(is_value(&read(&mut rtu, &mut debts).await, 9));
        assert_eq!(bus.await.expect("no panic").0, [1, 2, 1]);
    }

    #[tokio::test]
    async fn of_two_answers_to_one_request_none_is_believed() {
        let (mut rtu, theirs, mut debts) = line(false);
        let both = [registers(&[6]), registers(&[7])].concat();
        let bus = tokio::spawn(answer(theirs, vec![both, registers(&[8, 8]), registers(&[9])]));
        assert!(is_value(&read(&mut rtu, &mut debts).await, 9));
        assert_eq!(bus.await.expect("no panic").0, [1, 2, 1]);
    }

    #[tokio::test]
    async fn the_second_of_two_requests_asks_for_more_unless_the_device_refuses() {
        let (mut rtu, theirs, mut debts) = line(false);
        let answers = vec![
            registers(&[1]),
            registers(&[2, 0]),
            registers(&[3]),
            exception(2),
            registers(&[4]),
        ];
        let bus = tokio::spawn(answer(theirs, answers));
        for value in 1..=4 {
            assert!(is_value(&read(&mut rtu, &mut debts).await, value), "{value}");
        }
        assert_eq!(bus.await.expect("no panic").0, [1, 2, 1, 2, 1]);
    }

    #[tokio::test]
    async fn a_line_that_ends_is_lost() {
        let (mut rtu, theirs, mut debts) = line(false);
        drop(theirs);
        assert!(matches!(read(&mut rtu, &mut debts).await, Err(Trouble::Lost(_))));
    }
}
