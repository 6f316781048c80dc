//! The dialogue of a reporting station: badge, order or traveler, START, quantities, DONE.
//!
//! A pure state machine. It knows neither a clock nor the disk: the caller hands in the instant, the reference data and the
//! tallies, and keeps what comes out (reports, alerts and the new state) in one commit before the operator is answered.
//! The rules stand in [`table`], one row each. What the rows do stands in a room per concern: [`crew`] signs people on
//! and off, [`load`] finds and loads jobs, [`job`] starts and stops them, [`counting`] takes quantities and serials, which [`taking`] makes reports of, [`closing`] ends jobs, shifts and
//! sessions, [`checking`] inspects on the spot and notes it on a [`sheet`], [`questions`] are answered, [`undo`] takes back, [`supervisor`] approves, [`signals`] calls people and tells of machines. How time becomes
//! hours stands in [`labor`], how all of it becomes reports in [`report`].

mod accepts;
mod bench;
mod checking;
mod closing;
mod counting;
mod crew;
mod job;
mod labor;
mod load;
mod plan;
mod questions;
mod report;
mod share;
mod sheet;
mod signals;
mod step;
mod supervisor;
mod table;
mod taking;
#[cfg(test)]
mod tests;
mod undo;
mod words;

use std::collections::VecDeque;

use chrono::{NaiveTime, TimeDelta};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::barcode::{Meaning, Scanned, Verb};
use super::tallies::Tallies;
use crate::clock::Zone;
use crate::language::Words;
use crate::record::{DefectKind, Feedback, FeedbackKind, ScanTrace, Timestamp, WorkReport};
use crate::reference::Reference;
use crate::status::Status;
use sheet::Ended;
use taking::Pieces;

pub use bench::{Approval, Bench, Mode, ShiftEnd, UnknownOrder, WhilePaused};
pub use job::Job;
pub use plan::{OVER_QUANTITY, OVER_REPORT, excess_of};
pub use report::ReportNumbers;
pub use sheet::Sheet;
pub use signals::CALL;
pub use step::{MachineWord, Signal, Step, feedback, printable};

/// An order waits this long for its operation, a pending input for its completion.
const PENDING_FOR: chrono::Duration = chrono::Duration::seconds(20);
/// Scans kept for the trace of the next report.
const TRACE_MAX: usize = 20;

/// What the dialogue is told beside the scan.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub now: Timestamp,
    pub zone: Zone,
    pub shift_starts: &'a [NaiveTime],
    pub reference: &'a Reference,
    pub bench: &'a Bench,
    pub clock_synced: bool,
    pub tallies: &'a Tallies,
    /// What machines last said of themselves.
    pub status: &'a Status,
}

/// The states of the table, S0 to S7, and S8 and S9 of inspections. From S5 on they lie on top of a base state, and S5 to S7 on
/// top of S8 too, and hold until they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    Idle,
    SignedOn,
    JobLoaded,
    Running,
    Paused,
    QuantityPending,
    ReasonPending,
    ConfirmPending,
    Inspecting,
    /// An inspection that nobody finished; nothing is counted before somebody has seen that.
    InspectionOver,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::SignedOn => "signed_on",
            Self::JobLoaded => "job_loaded",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::QuantityPending => "quantity_pending",
            Self::ReasonPending => "reason_pending",
            Self::ConfirmPending => "confirm_pending",
            Self::Inspecting => "inspecting",
            Self::InspectionOver => "inspection_over",
        }
    }
}

/// Who is signed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Operator {
    pub worker_no: String,
    pub worker_id: Option<i64>,
    pub name: Option<String>,
    pub unverified: bool,
}

/// The answer to what does not fit an open question.
const FINISH_INPUT_FIRST: &str = "FINISH_INPUT_FIRST";

/// What an operator has begun and not finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Asked {
    what: Pending,
    since: Timestamp,
    /// The supervisor whose badge was scanned for it.
    approved_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Pending {
    /// `keyed` is what number-pad cards have added up to.
    Quantity {
        kind: QuantityKind,
        keyed: Decimal,
    },
    Reason(Unexplained),
    Confirm(Question),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Unexplained {
    Defect {
        kind: DefectKind,
        quantity: Decimal,
        serial: Option<String>,
        /// What its report is to be marked with.
        #[serde(default)]
        flags: Vec<String>,
    },
    /// Found at an inspection; what is done with them may be left open.
    Fault {
        kind: Option<DefectKind>,
        quantity: Decimal,
    },
    /// A pause that began at this moment.
    Stop(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum QuantityKind {
    #[default]
    Good,
    ToInspect,
    Defect(DefectKind),
    /// At an inspection: all that were looked at.
    Inspected,
    /// Of these the faulty ones, with what is done with them.
    Fault(Option<DefectKind>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Question {
    /// Leave the running job for another.
    Switch(Box<Job>),
    /// Leave it for an order whose operation is asked for then.
    SwitchOrder(String),
    /// More than planned, or than the operation before has made.
    Over(Pieces),
    /// Done with less than planned.
    Short,
    /// DONE once more, right after the one that ended an inspection.
    CompleteToo,
    /// Give up an inspection with what was noted.
    DropInspection,
    /// Take back the last report.
    Undo,
}

/// What was said and waits for its other half.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    /// An order that waits for its operation.
    Order(String),
    /// An UNDO that only a supervisor can allow.
    Undo,
}

/// Reports of one scan, which may be taken back together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Undoable {
    at: Timestamp,
    reports: Vec<WorkReport>,
}

/// The state of one station. What is pending is not kept over a restart, except at an inspection: the operator is asked anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialogue {
    /// Who is signed on; the first reports for all. Outside of crews there is one at most.
    crew: Vec<Operator>,
    /// The job at hand.
    job: Option<Job>,
    /// Other travelers in the same run.
    batch: Vec<Job>,
    /// The traveler at hand was scanned for the next quantity alone.
    is_aimed: bool,
    /// Jobs left for others, the latest last.
    left: Vec<Job>,
    /// The inspection that goes on at the job at hand.
    sheet: Option<Sheet>,
    /// How the last one ended, as long as that matters.
    last_inspection: Option<Ended>,
    undoable: VecDeque<Undoable>,
    last_scan: Option<(String, Timestamp)>,
    /// What it was answered, where that was a refusal or a question: a second read of it hears the same.
    #[serde(skip)]
    unsettled: Option<Box<Feedback>>,
    last_activity: Option<Timestamp>,
    /// The start of the shift that was last seen.
    shift: Option<Timestamp>,
    /// Scans since the last report, for its trace.
    trace: Vec<ScanTrace>,
    asked: Option<Asked>,
    /// How it was asked.
    question: Option<Words>,
    #[serde(skip)]
    held: Option<(Held, Timestamp)>,
}

impl Dialogue {
    pub fn state(&self) -> State {
        match self.asked.as_ref().map(|asked| &asked.what) {
            Some(Pending::Quantity { .. }) => State::QuantityPending,
            Some(Pending::Reason(_)) => State::ReasonPending,
            Some(Pending::Confirm(_)) => State::ConfirmPending,
            None if self.sheet.is_some() => State::Inspecting,
            None if self.last_inspection == Some(Ended::TimedOut) => State::InspectionOver,
            None => self.base(),
        }
    }

    /// What inputs and inspections lie on top of.
    fn base(&self) -> State {
        match (self.crew.is_empty(), &self.job) {
            (true, _) => State::Idle,
            (false, None) => State::SignedOn,
            (false, Some(job)) => job.state(),
        }
    }

    pub fn crew(&self) -> &[Operator] {
        &self.crew
    }

    /// The job at hand.
    pub fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    pub fn sheet(&self) -> Option<&Sheet> {
        self.sheet.as_ref()
    }

    /// All jobs of the run, the one at hand first.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.job.iter().chain(&self.batch)
    }

    fn jobs_mut(&mut self) -> impl Iterator<Item = &mut Job> {
        self.job.iter_mut().chain(&mut self.batch)
    }

    /// Good pieces of the process at hand so far and the plan, as well as they are known here.
    pub fn done_and_plan(&self, context: &Context) -> Option<(Decimal, Decimal)> {
        plan::done_and_plan(self.job()?, context)
    }

    /// What is expected next, as a sentence for the screen.
    pub fn expects(&self, bench: &Bench) -> String {
        let state = self.state();
        let lacking = self.sheet.as_ref().filter(|_| state == State::Inspecting);
        let expected = match lacking.and_then(Sheet::lacks) {
            Some(code) => words::in_every_language(code, &[]),
            None => words::expects(state, bench),
        };
        expected.in_language(bench.language).to_owned()
    }

    /// Takes one scan. What was read earlier than it came, for it had to wait, is no repeat of what came just before it.
    pub fn scan(&mut self, scanned: &Scanned, read_at: Timestamp, context: &Context) -> Step {
        let is_repeat = self.is_repeat(scanned, read_at, context);
        self.last_scan = Some((scanned.text.clone(), read_at));
        if is_repeat {
            let again = self.unsettled.clone().map(Step::again);
            return again.unwrap_or_else(|| Step::dup("DUPLICATE_SCAN", &[], context));
        }
        let step = self.take(scanned, context);
        let is_settled = matches!(step.feedback.kind, FeedbackKind::Ok | FeedbackKind::Dup);
        self.unsettled = (!is_settled).then(|| step.feedback.clone());
        step
    }

    fn take(&mut self, scanned: &Scanned, context: &Context) -> Step {
        let meaning = match &scanned.meaning {
            Ok(meaning) => meaning,
            Err(unreadable) => return Step::err(&unreadable.code(), &[&printable(&scanned.text)], context),
        };
        self.last_activity = Some(context.now);
        self.verify_crew(context);
        self.verify_checker(context);
        self.verify_jobs(context);
        let of_last_shift = self.cross_shifts(context);
        self.trace.push(ScanTrace {
            aim: scanned.aim.clone(),
            raw: scanned.text.clone(),
            at: context.zone.rfc3339(context.now),
        });
        if self.last_inspection == Some(Ended::Recorded) && !matches!(meaning, Meaning::Command(Verb::Done)) {
            self.last_inspection = None;
        }
        let was_inspecting = self.is_inspecting();
        let was_asked = self.asked.is_some();
        let step = table::act(self, meaning, context);
        let mut step = self.hold_to_question(step, was_asked, context);
        let is_of_inspection = was_inspecting || self.is_inspecting();
        if is_of_inspection || matches!(step.feedback.kind, FeedbackKind::Err | FeedbackKind::Dup) {
            self.trace.pop();
        }
        if self.trace.len() > TRACE_MAX {
            self.trace.remove(0);
        }
        if let Some(reports) = of_last_shift {
            step.reports.splice(..0, reports);
            step.is_change = true;
        }
        step.is_change |= !step.reports.is_empty();
        step
    }

    /// Lets time pass: what was begun and not finished is dropped, shifts end, who has gone is signed off.
    pub fn tick(&mut self, context: &Context) -> Option<Step> {
        let is_over = |since: Timestamp| context.now - since >= PENDING_FOR;
        if !self.keeps_asking() && self.asked.as_ref().is_some_and(|asked| is_over(asked.since)) {
            self.asked = None;
            return Some(Step::err("INPUT_TIMED_OUT", &[], context));
        }
        if let Some((held, _)) = self.held.take_if(|(_, since)| is_over(*since)) {
            return matches!(held, Held::Order(_)).then(|| Step::err("INPUT_TIMED_OUT", &[], context));
        }
        let step = self.end_shift(context).or_else(|| self.end_inspection(context));
        step.or_else(|| self.end_session(context))
    }

    /// The clock was set by so much: nobody has waited or worked any longer for it.
    pub fn clock_was_set(&mut self, by: TimeDelta) {
        let of_scans = self.last_scan.iter_mut().map(|(_, at)| at);
        let of_reports = self.undoable.iter_mut().map(|undoable| &mut undoable.at);
        let of_pending = self.held.iter_mut().map(|(_, since)| since);
        let moments = of_scans
            .chain(of_reports)
            .chain(of_pending)
            .chain(&mut self.last_activity);
        moments.for_each(|moment| *moment += by);
        if let Some(asked) = &mut self.asked {
            asked.since += by;
            if let Pending::Reason(Unexplained::Stop(since)) = &mut asked.what {
                *since += by;
            }
        }
        let jobs = self.job.iter_mut().chain(&mut self.batch).chain(&mut self.left);
        jobs.flat_map(|job| &mut job.labor)
            .for_each(|labor| labor.clock_was_set(by));
    }

    /// After a restart: what was pending is gone; an inspection goes on, and nobody was slow while there was no power. Gives
    /// what the operator is to be told.
    pub fn restored(mut self, context: &Context) -> (Self, Option<Feedback>) {
        if !self.keeps_asking() {
            self.asked = None;
        }
        if self.sheet.is_some() {
            self.last_activity = Some(context.now);
        }
        self.held = None;
        let is_at_work = !self.crew.is_empty();
        let feedback = is_at_work.then(|| *Step::ask("RESTARTED", &[], context).feedback);
        (self, feedback)
    }

    /// Two reads of the same code shortly after each other are one scan. Cards of a number pad are scanned in a row.
    fn is_repeat(&self, scanned: &Scanned, read_at: Timestamp, context: &Context) -> bool {
        if scanned.meaning.as_ref().is_ok_and(Meaning::is_keyed) {
            return false;
        }
        let window = chrono::Duration::from_std(context.bench.duplicate_window).unwrap_or_default();
        self.last_scan.as_ref().is_some_and(|(text, at)| {
            // A clock set back must not make every scan a repeat.
            let age = read_at - *at;
            *text == scanned.text && age < window && age > -window
        })
    }

    /// Whoever scans something else instead of an answer hears the question again.
    fn hold_to_question(&mut self, step: Step, was_asked: bool, context: &Context) -> Step {
        match &*step.feedback.code {
            FINISH_INPUT_FIRST => {
                let expected = || words::expects(self.state(), context.bench);
                let question = self.question.clone().unwrap_or_else(expected);
                return step.worded(&[question], context);
            }
            // Steps towards an answer.
            "APPROVED" | "KEYED" if was_asked => {}
            _ if step.feedback.kind == FeedbackKind::Ask => self.question = Some(step.feedback.words.clone()),
            _ if self.asked.is_none() => self.question = None,
            _ => {}
        }
        step
    }

    fn ask(&mut self, what: Pending, context: &Context) {
        self.asked = Some(Asked {
            what,
            since: context.now,
            approved_by: None,
        });
    }
}
