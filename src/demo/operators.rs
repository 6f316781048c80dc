//! People at reporting stations: they scan badges, travelers, commands and quantities over TCP, read each answer before
//! the next scan, make mistakes, and keep an exact tally of what they were answered OK for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use fastrand::Rng;
use rust_decimal::Decimal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::office::{Job, Office};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Between a lost connection, or an answer that cannot be worked with, and the next attempt.
const PAUSE_AFTER_TROUBLE: Duration = Duration::from_millis(500);
/// Between a job that is done and the next.
const HAND_OVER: Duration = Duration::from_secs(2);
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
    Good,
    Scrap,
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
        let mut remaining = job.remaining;
        while remaining > 0 && !self.stop.is_cancelled() {
            let pause = self.pace.mul_f64(0.5 + self.rng.f64());
            self.wait(pause).await;
            match self.run_errand(job, remaining).await? {
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
    async fn run_errand(&mut self, job: &Job, remaining: i64) -> std::io::Result<ControlFlow<(), i64>> {
        let done = match self.next_errand() {
            Errand::Good => return self.report_good(job, remaining).await,
            Errand::Scrap => {
                self.report_scrap(job).await?;
                0
            }
            Errand::Undo => self.undo(job).await?,
            Errand::Break => {
                self.scan("LSN-PAUSE").await?;
                self.wait(self.pace).await;
                self.scan("LSN-RESUME").await?;
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
        match self.rng.u32(..100) {
            0..72 => Errand::Good,
            72..84 => Errand::Scrap,
            84..88 => Errand::Undo,
            88..92 => Errand::Break,
            92..96 => Errand::WrongCode,
            _ => Errand::TwiceRead,
        }
    }

    async fn report_good(&mut self, job: &Job, remaining: i64) -> std::io::Result<ControlFlow<(), i64>> {
        let quantity = self.rng.i64(1..=remaining.min(12));
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

    async fn report_scrap(&mut self, job: &Job) -> std::io::Result<()> {
        if self.scan("LSN-SCRAP").await?.code != "HOW_MANY" {
            return Ok(());
        }
        if self.rng.u32(..8) == 0 {
            self.scan("LSN-CANCEL").await?;
            return Ok(());
        }
        let quantity = self.rng.i64(1..=2);
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

    /// Takes back the last report of one's own; pieces of the job at hand have to be made again.
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
        let again = i64::try_from(pieces.qualified.trunc().mantissa()).unwrap_or(0);
        Ok(if is_of_this_job { -again } else { 0 })
    }

    fn count(&mut self, job: &Job, pieces: Pieces) {
        self.tally.reports += 1;
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
