//! People at reporting stations: they scan badges, travelers, commands and the quantities that their machine has made over
//! TCP ([`scanner`]), read each answer before the next scan, make mistakes, and keep an exact [`tally`] of what they were
//! answered OK for.

mod scanner;
mod tally;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use fastrand::Rng;
use rust_decimal::Decimal;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::faults::{Fault, Faults};
use super::life::{Machine, State};
use super::office::{Job, Office};
pub use scanner::{Answer, Scanner};
pub use tally::{Pieces, Tally};

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
                // UNDO would take the completion back first, which nobody here wants.
                self.undoable.clear();
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
        if self.scan(&format!("QTY-{quantity}")).await?.code == "OVER_QUANTITY" {
            self.scan("LSN-OK").await?;
        }
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
