//! People at reporting stations: they scan badges, travelers, commands and the quantities that their machine has made over
//! TCP, read each answer before the next scan, make mistakes, and keep an exact tally of what they were answered OK for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use fastrand::Rng;
use rust_decimal::Decimal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::faults::{Fault, Faults};
use super::life::{Machine, State};
use super::office::{Job, Office};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Between a lost connection, or an answer that cannot be worked with, and the next attempt.
const PAUSE_AFTER_TROUBLE: Duration = Duration::from_millis(500);
/// Between a job that is done and the next.
const HAND_OVER: Duration = Duration::from_secs(2);
/// Whoever waits for the machine looks at it this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Of a hundred pieces.
const SCRAP_USUAL: u32 = 1;
/// Nobody walks to the scanner for less.
const WORTH_REPORTING: i64 = 3;
/// UNDO goes back over so many reports at a station.
const UNDOABLE_MAX: usize = 5;

/// What one answer line says: `OK CODE …`, `ASK CODE …`, `ERR CODE …`, `DUP CODE …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub kind: String,
    pub code: String,
}

impl Answer {
    fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace().map(str::to_owned);
        Self {
            kind: words.next().unwrap_or_default(),
            code: words.next().unwrap_or_default(),
        }
    }

    fn is_ok(&self) -> bool {
        self.kind == "OK"
    }
}

/// A scanner at a station, one scan at a time.
pub struct Scanner {
    address: SocketAddr,
    link: Option<BufReader<TcpStream>>,
}

impl Scanner {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, link: None }
    }

    /// Scans a code and waits for the answer. After an error the next scan connects anew.
    pub async fn scan(&mut self, code: &str) -> std::io::Result<Answer> {
        let talk = async {
            let mut link = match self.link.take() {
                Some(link) => link,
                None => BufReader::new(TcpStream::connect(self.address).await?),
            };
            link.get_mut().write_all(format!("{code}\r").as_bytes()).await?;
            let mut answer = String::new();
            if link.read_line(&mut answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.link = Some(link);
            Ok(Answer::parse(&answer))
        };
        tokio::time::timeout(ANSWER_WITHIN, talk)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }
}

/// Pieces of one order's process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pieces {
    pub qualified: Decimal,
    pub unqualified: Decimal,
}

/// What was answered at a station.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub scans: u64,
    /// Reports answered OK: quantities, completions, reports taken back.
    pub reports: u64,
    /// By order and process.
    pub pieces: BTreeMap<(String, String), Pieces>,
    /// Scans that could have made a report and whose answer never came.
    pub unanswered: u64,
    pub errors: u64,
    pub repeats: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.scans += other.scans;
        self.reports += other.reports;
        self.unanswered += other.unanswered;
        self.errors += other.errors;
        self.repeats += other.repeats;
        for (job, pieces) in &other.pieces {
            let sum = self.pieces.entry(job.clone()).or_default();
            sum.qualified += pieces.qualified;
            sum.unqualified += pieces.unqualified;
        }
    }
}

/// A report that UNDO may take back.
struct Reported {
    job: (String, String),
    pieces: Pieces,
}

/// What an operator sets out to do next.
#[derive(Debug, Clone, Copy)]
enum Errand {
    Report,
    Undo,
    Break,
    WrongCode,
    TwiceRead,
}

/// One station with the people who work at it in turns.
pub struct Station {
    scanner: Scanner,
    office: Office,
    /// Badge numbers.
    workers: Vec<String>,
    /// Reasons for scrap.
    reasons: Vec<String>,
    /// Between two scans, on average.
    pace: Duration,
    rng: Rng,
    machine: Machine,
    faults: Faults,
    started: Instant,
    /// Pieces that the machine had made when it was last looked at.
    seen: u32,
    /// Pieces in the box beside it.
    unreported: i64,
    stop: CancellationToken,
    tally: Tally,
    /// Of the worker who is signed on.
    undoable: Vec<Reported>,
}

/// What a station is told about itself.
pub struct Crew {
    pub workers: Vec<String>,
    pub reasons: Vec<String>,
    pub pace: Duration,
    pub seed: u64,
    /// The machine that they work at.
    pub machine: Machine,
    pub faults: Faults,
}

impl Station {
    pub fn new(scanner: SocketAddr, office: Office, crew: Crew, stop: CancellationToken) -> Self {
        Self {
            scanner: Scanner::new(scanner),
            office,
            workers: crew.workers,
            reasons: crew.reasons,
            pace: crew.pace,
            rng: Rng::with_seed(crew.seed),
            machine: crew.machine,
            faults: crew.faults,
            started: Instant::now(),
            seen: 0,
            unreported: 0,
            stop,
            tally: Tally::default(),
            undoable: Vec::new(),
        }
    }

    /// Works through the station's orders, `job_of` naming the station to the office, until told to stop.
    pub async fn work(mut self, station: usize) -> Tally {
        while !self.stop.is_cancelled() {
            let worked = match self.office.next_job(station).await {
                Ok(job) => self.work_on(&job).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = worked {
                tracing::debug!(station, error, "an operator of the demo has to try again");
                self.wait(PAUSE_AFTER_TROUBLE).await;
            }
        }
        // Leaves nothing half done behind; who finds nothing running or pending is told so, and that is fine too.
        for code in ["LSN-CANCEL", "LSN-PAUSE"] {
            let _ = self.scan(code).await;
        }
        self.tally
    }

    /// Signs on, loads the job, reports until it is done or the shift is over.
    async fn work_on(&mut self, job: &Job) -> std::io::Result<()> {
        let worker = self.rng.usize(..self.workers.len());
        let badge = format!("EMP-{}", self.workers.get(worker).cloned().unwrap_or_default());
        if self.scan(&badge).await?.code != "ALREADY_SIGNED_ON" {
            self.undoable.clear();
        }
        let traveler = format!("TRV-{}.{}", job.order_no, job.sequence);
        let mut loaded = self.scan(&traveler).await?;
        if loaded.code == "SWITCH_JOB" {
            loaded = self.scan("LSN-OK").await?;
        }
        if !matches!(
            loaded.code.as_str(),
            "JOB_LOADED" | "ALREADY_LOADED" | "JOB_LOADED_UNVERIFIED"
        ) {
            // Perhaps the gateway has not heard of the order yet.
            self.wait(PAUSE_AFTER_TROUBLE).await;
            return Ok(());
        }
        self.scan("LSN-START").await?;
        // What the machine made before belongs to nobody.
        (self.seen, self.unreported) = (self.machine.look().made(), 0);
        let mut remaining = job.remaining;
        while remaining > 0 && !self.stop.is_cancelled() {
            let pause = self.pace.mul_f64(0.5 + self.rng.f64());
            self.wait(pause).await;
            match self.run_errand(job).await? {
                ControlFlow::Continue(done) => remaining -= done,
                ControlFlow::Break(()) => return Ok(()),
            }
        }
        if remaining <= 0 {
            let done = self.scan("LSN-DONE").await?;
            let done = if done.kind == "ASK" {
                self.scan("LSN-OK").await?
            } else {
                done
            };
            if done.code == "COMPLETED" {
                self.tally.reports += 1;
            }
            // Carries the pieces away and fetches the next traveler; meanwhile the office hears of them.
            self.wait(HAND_OVER).await;
        }
        Ok(())
    }

    /// Returns by how many pieces the job has come nearer to its end, or that it takes no more.
    async fn run_errand(&mut self, job: &Job) -> std::io::Result<ControlFlow<(), i64>> {
        let done = match self.next_errand() {
            Errand::Report => return self.report(job).await,
            Errand::Undo => self.undo(job).await?,
            Errand::Break => {
                self.take_break().await?;
                0
            }
            Errand::WrongCode => {
                self.scan("6901234567892").await?;
                0
            }
            Errand::TwiceRead => {
                self.scan("LSN-STATUS").await?;
                self.scan("LSN-STATUS").await?;
                0
            }
        };
        Ok(ControlFlow::Continue(done))
    }

    fn next_errand(&mut self) -> Errand {
        if self.machine.look().state != State::Running {
            return Errand::Break;
        }
        match self.rng.u32(..100) {
            0..84 => Errand::Report,
            84..88 => Errand::Undo,
            88..92 => Errand::Break,
            92..96 => Errand::WrongCode,
            _ => Errand::TwiceRead,
        }
    }

    /// Nobody works while the machine stands.
    async fn take_break(&mut self) -> std::io::Result<()> {
        self.scan("LSN-PAUSE").await?;
        self.wait(self.pace).await;
        while self.machine.look().state != State::Running && !self.stop.is_cancelled() {
            self.wait(LOOK_EVERY).await;
        }
        self.scan("LSN-RESUME").await?;
        Ok(())
    }

    /// Reports what has been made since the last time: the good pieces, and those that are not.
    async fn report(&mut self, job: &Job) -> std::io::Result<ControlFlow<(), i64>> {
        let (mut slowness, mut scrap_share) = (1.0, SCRAP_USUAL);
        for (fault, _) in self.faults.at(self.started.elapsed()) {
            match fault {
                Fault::SlowWorker(times) => slowness = times,
                Fault::DefectBurst(share) => scrap_share = share,
                Fault::Shift(_) | Fault::Drift(_) | Fault::StuckSensor => {}
            }
        }
        let made = {
            let mut machine = self.machine.look();
            machine.slowness = slowness;
            machine.made()
        };
        self.unreported += i64::from(made.saturating_sub(self.seen));
        self.seen = made;
        let pieces = self.unreported;
        if pieces < WORTH_REPORTING {
            return Ok(ControlFlow::Continue(0));
        }
        // On the way to the scanner the gateway hears of them, too.
        self.wait(self.pace).await;
        let scrap = (0..pieces).filter(|_| self.rng.u32(..100) < scrap_share).count();
        let scrap = i64::try_from(scrap).unwrap_or(pieces);
        if scrap > 0 {
            self.report_scrap(job, scrap).await?;
        }
        if pieces == scrap {
            return Ok(ControlFlow::Continue(0));
        }
        self.report_good(job, pieces - scrap).await
    }

    async fn report_good(&mut self, job: &Job, quantity: i64) -> std::io::Result<ControlFlow<(), i64>> {
        let mut answer = self.scan(&format!("QTY-{quantity}")).await?;
        if answer.code == "OVER_QUANTITY" {
            answer = self.scan("LSN-OK").await?;
        }
        if answer.code == "ORDER_CLOSED" {
            return Ok(ControlFlow::Break(()));
        }
        if !answer.is_ok() {
            return Ok(ControlFlow::Continue(0));
        }
        self.count(
            job,
            Pieces {
                qualified: quantity.into(),
                ..Pieces::default()
            },
        );
        Ok(ControlFlow::Continue(quantity))
    }

    async fn report_scrap(&mut self, job: &Job, quantity: i64) -> std::io::Result<()> {
        if self.scan("LSN-SCRAP").await?.code != "HOW_MANY" {
            return Ok(());
        }
        self.scan(&format!("QTY-{quantity}")).await?;
        let reason = self.rng.usize(..self.reasons.len());
        let reason = format!("RSN-{}", self.reasons.get(reason).cloned().unwrap_or_default());
        if self.scan(&reason).await?.is_ok() {
            self.count(
                job,
                Pieces {
                    unqualified: quantity.into(),
                    ..Pieces::default()
                },
            );
        } else {
            self.scan("LSN-CANCEL").await?;
        }
        Ok(())
    }

    /// Takes back the last report of one's own; its pieces are reported again.
    async fn undo(&mut self, job: &Job) -> std::io::Result<i64> {
        if self.undoable.is_empty() || self.scan("LSN-UNDO").await?.code != "UNDO_WHAT" {
            return Ok(0);
        }
        if !self.scan("LSN-OK").await?.is_ok() {
            return Ok(0);
        }
        let Some(Reported { job: of, pieces }) = self.undoable.pop() else {
            return Ok(0);
        };
        self.tally.reports += 1;
        let sum = self.tally.pieces.entry(of.clone()).or_default();
        sum.qualified -= pieces.qualified;
        sum.unqualified -= pieces.unqualified;
        let is_of_this_job = of == (job.order_no.clone(), job.process_code.clone());
        if !is_of_this_job {
            return Ok(0);
        }
        let good = whole(pieces.qualified);
        self.unreported += good + whole(pieces.unqualified);
        Ok(-good)
    }

    fn count(&mut self, job: &Job, pieces: Pieces) {
        self.tally.reports += 1;
        self.unreported -= whole(pieces.qualified) + whole(pieces.unqualified);
        let of = (job.order_no.clone(), job.process_code.clone());
        let sum = self.tally.pieces.entry(of.clone()).or_default();
        sum.qualified += pieces.qualified;
        sum.unqualified += pieces.unqualified;
        self.undoable.push(Reported { job: of, pieces });
        if self.undoable.len() > UNDOABLE_MAX {
            self.undoable.remove(0);
        }
    }

    async fn scan(&mut self, code: &str) -> std::io::Result<Answer> {
        self.tally.scans += 1;
        let answer = self.scanner.scan(code).await;
        tracing::trace!(code, ?answer, "scanned");
        match &answer {
            Ok(answer) if answer.kind == "ERR" => self.tally.errors += 1,
            Ok(answer) if answer.kind == "DUP" => self.tally.repeats += 1,
            Ok(_) => {}
            Err(_) => self.tally.unanswered += 1,
        }
        answer
    }

    async fn wait(&self, time: Duration) {
        self.stop.run_until_cancelled(tokio::time::sleep(time)).await;
    }
}

fn whole(quantity: Decimal) -> i64 {
    i64::try_from(quantity.trunc().mantissa()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_kind_and_its_code() {
        let answer = Answer::parse("ERR UNKNOWN_CODE 6901234567892 is no code of this station.\r\n");
        assert_eq!((answer.kind.as_str(), answer.code.as_str()), ("ERR", "UNKNOWN_CODE"));
        assert!(Answer::parse("OK REPORTED 5 good").is_ok());
        assert!(!Answer::parse("").is_ok());
    }

    #[test]
    fn tallies_add_up_by_job() {
        let pieces = |qualified: i64| Pieces {
            qualified: qualified.into(),
            unqualified: Decimal::ONE,
        };
        let tally = |order: &str, qualified| Tally {
            reports: 1,
            pieces: BTreeMap::from([((order.to_owned(), "0010".to_owned()), pieces(qualified))]),
            ..Tally::default()
        };
        let mut sum = tally("A", 3);
        sum.add(&tally("A", 4));
        sum.add(&tally("B", 1));
        assert_eq!(sum.reports, 3);
        let of_a = sum.pieces.get(&("A".to_owned(), "0010".to_owned())).copied();
        assert_eq!(of_a.map(|pieces| pieces.qualified), Some(Decimal::from(7)));
    }
}
