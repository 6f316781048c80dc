//! The dialogue of a reporting station: badge, order or traveler, START, quantities, DONE.
//!
//! A pure state machine. It knows neither a clock nor the disk: the caller hands in the instant and the reference data,
//! and keeps what comes out (reports and the new state) in one commit before the operator is answered. The rules stand
//! in [`table`], one row each; what a row does stands in [`actions`], how hours and quantities become reports in [`report`].

mod actions;
mod report;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::VecDeque;
use std::time::Duration;

use chrono::NaiveTime;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::barcode::{Label, Scanned};
use crate::clock::Zone;
use crate::record::{DefectKind, Feedback, FeedbackKind, ScanTrace, Timestamp, WorkReport};
use crate::reference::Reference;

pub use report::ReportNumbers;
pub use words::Language;

/// An order waits this long for its operation, a pending input for its completion.
const PENDING_FOR: chrono::Duration = chrono::Duration::seconds(20);
/// A worker who has not scanned this long has gone home, unless a job runs.
const IDLE_FOR: chrono::Duration = chrono::Duration::minutes(30);
/// A quantity can be taken back by its worker this long.
const UNDO_WITHIN: chrono::Duration = chrono::Duration::minutes(10);
/// Reports that UNDO can go back over.
const UNDOABLE_MAX: usize = 5;
/// Jobs that a station remembers as left behind.
const PAUSED_JOBS_MAX: usize = 20;

/// What a station is, from the configuration.
#[derive(Debug, Clone)]
pub struct Bench {
    pub station: String,
    pub equipment: Option<String>,
    /// The equipment's id in the central store, as the configuration knows it.
    pub equipment_id: Option<i64>,
    /// The station's operation, where it has only one.
    pub process: Option<String>,
    pub mode: Mode,
    pub duplicate_window: Duration,
    pub unknown_order: UnknownOrder,
    /// Tolerance over the plan, as a fraction.
    pub over_report: Decimal,
    pub labels: Vec<Label>,
    pub language: Language,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Labor time and quantities.
    StartStop,
    /// Quantities after the fact; no START needed, no hours.
    ReportOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownOrder {
    Reject,
    Accept,
}

/// What the dialogue is told beside the scan.
pub struct Context<'a> {
    pub now: Timestamp,
    pub zone: Zone,
    pub shift_starts: &'a [NaiveTime],
    pub reference: &'a Reference,
    pub bench: &'a Bench,
    pub clock_synced: bool,
    /// Good pieces of an order's process that this gateway has reported so far.
    pub tally: &'a dyn Fn(&str, &str) -> Decimal,
}

/// The states of the table, S0 to S7. The last three lie on top of a base state and hold until they are answered.
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
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    #[default]
    Loaded,
    Running,
    Paused,
}

/// Who is signed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub worker_no: String,
    pub worker_id: Option<i64>,
    pub name: Option<String>,
    pub unverified: bool,
}

/// An order's process at this station, with what was reported and how much labor time was not reported yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub order_no: String,
    pub process_code: String,
    pub process_id: Option<i64>,
    pub process_name: Option<String>,
    pub unverified: bool,
    phase: Phase,
    /// Since when labor time runs; only while running.
    running_since: Option<Timestamp>,
    /// Labor time that no report has carried yet, beside what is running.
    unreported_ms: i64,
    pub qualified: Decimal,
    pub unqualified: Decimal,
}

/// What an operator has begun and not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pending {
    Quantity(QuantityKind),
    Reason { kind: DefectKind, quantity: Decimal },
    Confirm(Question),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuantityKind {
    Good,
    ToInspect,
    Defect(DefectKind),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// Leave the running job for another.
    Switch(Job),
    /// More than planned.
    Over(Decimal),
    /// Done with less than planned.
    Short,
    /// Take back the last report.
    Undo,
}

/// A report that may be taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Undoable {
    at: Timestamp,
    report: WorkReport,
}

/// The state of one station. What is pending is not kept over a restart: the operator is asked anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Dialogue {
    operator: Option<Operator>,
    job: Option<Job>,
    /// Jobs left for others, the latest last.
    left: Vec<Job>,
    undoable: VecDeque<Undoable>,
    last_scan: Option<(String, Timestamp)>,
    last_activity: Option<Timestamp>,
    #[serde(skip)]
    pending: Option<(Pending, Timestamp)>,
    /// An order that waits for its operation.
    #[serde(skip)]
    held_order: Option<(String, Timestamp)>,
    /// Scans since the last report, for its trace.
    #[serde(default)]
    trace: Vec<ScanTrace>,
}

/// What one scan or one passing of time led to.
#[derive(Debug)]
pub struct Step {
    pub feedback: Feedback,
    /// Drafts without number; numbered when they are accepted.
    pub reports: Vec<WorkReport>,
    /// Whether the state must be on disk before the answer.
    pub is_change: bool,
}

impl Step {
    fn new(kind: FeedbackKind, code: &str, words: &[&str], context: &Context) -> Self {
        let message = words::sentence(code, words, context.bench.language);
        let feedback = Feedback {
            kind,
            code: code.to_owned(),
            message,
        };
        Self {
            feedback,
            reports: Vec::new(),
            is_change: false,
        }
    }

    /// For a change that has to be on disk before the answer.
    fn ok(code: &str, words: &[&str], context: &Context) -> Self {
        Self {
            is_change: true,
            ..Self::new(FeedbackKind::Ok, code, words, context)
        }
    }

    fn ask(code: &str, words: &[&str], context: &Context) -> Self {
        Self {
            is_change: true,
            ..Self::new(FeedbackKind::Ask, code, words, context)
        }
    }

    fn err(code: &str, words: &[&str], context: &Context) -> Self {
        Self::new(FeedbackKind::Err, code, words, context)
    }

    fn dup(code: &str, words: &[&str], context: &Context) -> Self {
        Self::new(FeedbackKind::Dup, code, words, context)
    }

    fn with(mut self, reports: impl IntoIterator<Item = WorkReport>) -> Self {
        self.reports.extend(reports);
        self
    }
}

impl Dialogue {
    pub fn state(&self) -> State {
        match (&self.pending, &self.operator, &self.job) {
            (Some((Pending::Quantity(_), _)), ..) => State::QuantityPending,
            (Some((Pending::Reason { .. }, _)), ..) => State::ReasonPending,
            (Some((Pending::Confirm(_), _)), ..) => State::ConfirmPending,
            (None, None, _) => State::Idle,
            (None, Some(_), None) => State::SignedOn,
            (None, Some(_), Some(job)) => match job.phase {
                Phase::Loaded => State::JobLoaded,
                Phase::Running => State::Running,
                Phase::Paused => State::Paused,
            },
        }
    }

    pub fn operator(&self) -> Option<&Operator> {
        self.operator.as_ref()
    }

    pub fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    /// What is expected next, as a sentence for the screen.
    pub fn expects(&self, language: Language) -> String {
        words::sentence(
            &format!("EXPECT_{}", self.state().name().to_ascii_uppercase()),
            &[],
            language,
        )
    }

    /// Takes one scan.
    pub fn scan(&mut self, scanned: &Scanned, context: &Context) -> Step {
        if self.is_repeat(scanned, context) {
            self.last_scan = Some((scanned.text.clone(), context.now));
            return Step::dup("DUPLICATE_SCAN", &[], context);
        }
        self.last_scan = Some((scanned.text.clone(), context.now));
        let meaning = match &scanned.meaning {
            Ok(meaning) => meaning,
            Err(unreadable) => return Step::err(unreadable.code(), &[&printable(&scanned.text)], context),
        };
        self.last_activity = Some(context.now);
        self.trace.push(ScanTrace {
            aim: scanned.aim.clone(),
            raw: scanned.text.clone(),
            at: context.zone.rfc3339(context.now),
        });
        self.verify_job(context);
        let mut step = table::act(self, meaning, context);
        if step.feedback.kind == FeedbackKind::Err || step.feedback.kind == FeedbackKind::Dup {
            self.trace.pop();
        }
        step.is_change |= !step.reports.is_empty();
        step
    }

    /// A job that was taken in while nothing was known of its order is the real one as soon as the order is known: until
    /// then a traveler's process has no code but its sequence.
    fn verify_job(&mut self, context: &Context) {
        let Some(job) = self.job.as_mut().filter(|job| job.unverified) else {
            return;
        };
        let order = context.reference.order(&job.order_no);
        let process = order.and_then(|order| {
            order.processes.iter().find(|process| {
                process.process_code == job.process_code || process.sequence.to_string() == job.process_code
            })
        });
        if let (Some(order), Some(process)) = (order, process) {
            // The label may have left out a prefix that is part of the number.
            job.order_no.clone_from(&order.order_no);
            job.process_code.clone_from(&process.process_code);
            job.process_id = process.process_id;
            job.process_name = Some(process.process_name.clone()).filter(|name| !name.is_empty());
            job.unverified = false;
        }
    }

    /// Lets time pass: what was begun and not finished is dropped, who has gone is signed off.
    pub fn tick(&mut self, context: &Context) -> Option<Step> {
        let is_over = |since: Timestamp| context.now - since >= PENDING_FOR;
        if let Some((_, since)) = self.pending
            && is_over(since)
        {
            self.pending = None;
            return Some(Step::err("INPUT_TIMED_OUT", &[], context));
        }
        if let Some((_, since)) = self.held_order
            && is_over(since)
        {
            self.held_order = None;
            return Some(Step::err("INPUT_TIMED_OUT", &[], context));
        }
        let is_idle = self.last_activity.is_some_and(|at| context.now - at >= IDLE_FOR);
        if is_idle && self.operator.is_some() && self.state() != State::Running {
            let reports = self.sign_off(context, &["session_timeout", "needs_review"]);
            return Some(Step::ok("SESSION_TIMED_OUT", &[], context).with(reports));
        }
        None
    }

    /// After a restart: what was pending is gone, and the operator is told so.
    #[must_use]
    pub fn restored(mut self) -> Self {
        self.pending = None;
        self.held_order = None;
        self
    }

    fn is_repeat(&self, scanned: &Scanned, context: &Context) -> bool {
        let window = chrono::Duration::from_std(context.bench.duplicate_window).unwrap_or_default();
        self.last_scan.as_ref().is_some_and(|(text, at)| {
            // A clock set back must not make every scan a repeat.
            let age = context.now - *at;
            *text == scanned.text && age < window && age > -window
        })
    }
}

/// Scans are shown to people: control characters are not.
fn printable(text: &str) -> String {
    text.chars()
        .take(40)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// An answer outside of the dialogue, such as to half a read.
pub fn feedback(kind: FeedbackKind, code: &str, language: Language) -> Feedback {
    Feedback {
        kind,
        code: code.to_owned(),
        message: words::sentence(code, &[], language),
    }
}
