//! A job: an order's process at this station. It starts, pauses, goes on.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::labor::Labor;
use super::{Context, Dialogue, FINISH_INPUT_FIRST, Operator, Pending, State, Step, Unexplained, words};
use crate::intake::barcode::{Meaning, Verb};
use crate::language::Words;
use crate::record::{Activity, Timestamp, WorkReport};
use crate::reference::{Order, Process};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Loaded,
    Running,
    Paused,
}

/// An order's process at this station, with what was reported and the labor that was not reported yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    pub order_no: String,
    pub process_code: String,
    pub process_id: Option<i64>,
    pub process_name: Option<String>,
    pub unverified: bool,
    pub(super) phase: Phase,
    pub(super) labor: Vec<Labor>,
    /// Jobs that share the time of their workers, this one included.
    pub(super) sharing: u32,
    pub qualified: Decimal,
    pub unqualified: Decimal,
}

impl Job {
    pub(super) fn of(order: &Order, process: Option<&Process>) -> Self {
        Self {
            process_code: process.map(|p| p.process_code.clone()).unwrap_or_default(),
            process_id: process.and_then(|p| p.process_id),
            process_name: process.map(|p| p.process_name.clone()).filter(|name| !name.is_empty()),
            unverified: false,
            ..Self::unverified(order.order_no.clone(), String::new())
        }
    }

    pub(super) fn unverified(order_no: String, process_code: String) -> Self {
        Self {
            order_no,
            process_code,
            process_id: None,
            process_name: None,
            unverified: true,
            phase: Phase::Loaded,
            labor: Vec::new(),
            sharing: 1,
            qualified: Decimal::ZERO,
            unqualified: Decimal::ZERO,
        }
    }

    pub fn state(&self) -> State {
        match self.phase {
            Phase::Loaded => State::JobLoaded,
            Phase::Running => State::Running,
            Phase::Paused => State::Paused,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.order_no == other.order_no && self.process_code == other.process_code
    }

    pub(super) fn is_of(&self, report: &WorkReport) -> bool {
        self.order_no == report.order_no && self.process_code == report.process_code
    }

    fn begin(&mut self, activity: Activity, crew: &[Operator], now: Timestamp) {
        for operator in crew {
            self.labor_of(&operator.worker_no).begin(activity, now);
        }
    }

    pub(super) fn labor_of(&mut self, worker_no: &str) -> &mut Labor {
        let known = self.labor.iter().position(|labor| labor.worker_no == worker_no);
        let at = known.unwrap_or_else(|| {
            self.labor.push(Labor::of(worker_no));
            self.labor.len() - 1
        });
        &mut self.labor[at]
    }

    pub(super) fn run(&mut self, activity: Activity, crew: &[Operator], now: Timestamp) {
        self.phase = Phase::Running;
        self.begin(activity, crew, now);
    }

    pub(super) fn halt(&mut self, crew: &[Operator], now: Timestamp) {
        if self.phase == Phase::Running {
            self.phase = Phase::Paused;
            self.begin(Activity::Stop, crew, now);
        }
    }

    /// Someone comes to work at this job too.
    pub(super) fn join(&mut self, worker_no: &str, now: Timestamp) {
        let activity = match self.phase {
            Phase::Loaded => return,
            Phase::Running => self.activity().unwrap_or(Activity::Run),
            Phase::Paused => Activity::Stop,
        };
        self.labor_of(worker_no).begin(activity, now);
    }

    pub(super) fn forget(&mut self, worker_no: &str) {
        self.labor.retain(|labor| labor.worker_no != worker_no);
    }

    pub(super) fn activity(&self) -> Option<Activity> {
        self.labor.iter().find_map(Labor::activity)
    }

    pub(super) fn called(&self) -> &str {
        self.process_name.as_deref().unwrap_or(&self.process_code)
    }
}

pub fn no_order(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("NO_ORDER", &[], context)
}

pub fn out_of_place(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("NOT_NOW", &[], context)
}

pub fn finish_input_first(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err(FINISH_INPUT_FIRST, &[], context)
}

/// START, START-SETUP and RESUME.
pub fn start(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if !context.bench.tracks_time() {
        return Step::err("NO_TIME_TRACKING", &[], context);
    }
    let Some(job) = &dialogue.job else {
        return Step::err("NO_ORDER", &[], context);
    };
    let (activity, order_no) = match meaning {
        Meaning::Command(Verb::Setup) => (Activity::Setup, job.order_no.clone()),
        _ => (Activity::Run, job.order_no.clone()),
    };
    let is_resume = matches!(meaning, Meaning::Command(Verb::Resume));
    let code = match job.phase {
        Phase::Loaded if is_resume => return Step::err("NOT_STARTED", &[], context),
        Phase::Running if is_resume || job.activity() == Some(activity) => {
            return Step::dup("ALREADY_RUNNING", &[&order_no], context);
        }
        Phase::Paused => "RESUMED",
        Phase::Loaded | Phase::Running if activity == Activity::Setup => "SETUP_STARTED",
        Phase::Loaded | Phase::Running => "STARTED",
    };
    let sharing = u32::try_from(dialogue.jobs().count()).unwrap_or(1);
    let crew = dialogue.crew.clone();
    for job in dialogue.jobs_mut() {
        job.sharing = sharing;
        job.run(activity, &crew, context.now);
    }
    let next = words::expects(State::Running, context.bench);
    Step::ok(code, &[], context).worded(&[Words::same(&order_no), next], context)
}

pub fn pause(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    if !context.bench.tracks_time() {
        return Step::err("NO_TIME_TRACKING", &[], context);
    }
    let Some(job) = &dialogue.job else {
        return Step::err("NO_ORDER", &[], context);
    };
    let order_no = job.order_no.clone();
    match job.phase {
        Phase::Loaded => Step::err("NOT_STARTED", &[], context),
        Phase::Paused => Step::dup("ALREADY_PAUSED", &[&order_no], context),
        Phase::Running if context.bench.pause_reason => {
            dialogue.ask(Pending::Reason(Unexplained::Stop(context.now)), context);
            Step::ask("WHY_PAUSED", &[&order_no], context)
        }
        Phase::Running => {
            dialogue.halt(context.now);
            Step::ok("PAUSED", &[&order_no], context)
        }
    }
}

/// Why work stops, told while it stands or after it went on.
pub fn explain_stop(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let Meaning::Reason(code) = meaning else {
        return Step::err("REASON_UNKNOWN", &[""], context);
    };
    let reason = match stop_reason(code, context) {
        Ok(reason) => reason,
        Err(step) => return step,
    };
    let mut is_known = false;
    for labor in dialogue.jobs_mut().flat_map(|job| &mut job.labor) {
        is_known |= labor.explain_stop(&reason);
    }
    if is_known {
        Step::ok("STOP_EXPLAINED", &[&reason], context)
    } else {
        Step::err("NO_STOP", &[], context)
    }
}

/// Reasons of defects do not explain a stop.
pub fn stop_reason(code: &str, context: &Context) -> Result<String, Step> {
    const OF_DEFECTS: [&str; 4] = ["scrap", "rework", "concession", "defect"];
    let unknown = || Step::err("REASON_UNKNOWN", &[code], context);
    match context.reference.reason(code) {
        Some(reason) if OF_DEFECTS.contains(&reason.kind.as_str()) => Err(unknown()),
        Some(reason) => Ok(reason.code.clone()),
        None if context.reference.is_fresh(context.now) => Err(unknown()),
        None => Ok(code.to_owned()),
    }
}

impl Dialogue {
    pub(super) fn halt(&mut self, now: Timestamp) {
        let crew = self.crew.clone();
        for job in self.jobs_mut() {
            job.halt(&crew, now);
        }
    }
}
