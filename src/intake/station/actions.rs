//! What the rows of the table do.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::{
    Context, Dialogue, Job, Mode, Operator, PAUSED_JOBS_MAX, Pending, Phase, QuantityKind, Question, Step, UNDO_WITHIN,
    UnknownOrder,
};
use crate::intake::barcode::{Meaning, Verb};
use crate::intake::validate;
use crate::record::DefectKind;
use crate::reference::{Order, Process};

pub fn kind_of(verb: Verb) -> Option<QuantityKind> {
    Some(match verb {
        Verb::Good => QuantityKind::Good,
        Verb::Inspect => QuantityKind::ToInspect,
        Verb::Scrap => QuantityKind::Defect(DefectKind::Scrap),
        Verb::Rework => QuantityKind::Defect(DefectKind::Rework),
        Verb::Concession => QuantityKind::Defect(DefectKind::Concession),
        _ => return None,
    })
}

pub fn sign_on(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    match operator(meaning, context) {
        Ok(operator) => {
            let name = operator.name.clone().unwrap_or_else(|| operator.worker_no.clone());
            let unverified = operator.unverified;
            dialogue.operator = Some(operator);
            if unverified {
                Step::ask("SIGNED_ON_UNVERIFIED", &[&name], context)
            } else {
                Step::ok("SIGNED_ON", &[&name], context)
            }
        }
        Err(step) => step,
    }
}

/// Who a badge is; unknown badges are believed only where the reference data is too old to say no.
fn operator(meaning: &Meaning, context: &Context) -> Result<Operator, Step> {
    let Meaning::Badge(worker_no) = meaning else {
        return Err(Step::err("UNKNOWN_CODE", &[], context));
    };
    match context.reference.worker(worker_no) {
        Some(worker) if worker.active => Ok(Operator {
            worker_no: worker.worker_no.clone(),
            worker_id: worker.worker_id,
            name: Some(worker.name.clone()).filter(|name| !name.is_empty()),
            unverified: false,
        }),
        Some(_) => Err(Step::err("UNKNOWN_BADGE", &[worker_no], context)),
        None if context.reference.is_fresh(context.now) => Err(Step::err("UNKNOWN_BADGE", &[worker_no], context)),
        None => Ok(Operator {
            worker_no: worker_no.clone(),
            worker_id: None,
            name: None,
            unverified: true,
        }),
    }
}

pub fn not_signed_on(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("NOT_SIGNED_ON", &[], context)
}

pub fn no_order(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("NO_ORDER", &[], context)
}

pub fn out_of_place(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("NOT_NOW", &[], context)
}

pub fn finish_input_first(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("FINISH_INPUT_FIRST", &[], context)
}

/// Another worker takes over: the job stays, paused; hours so far belong to the one who leaves.
pub fn other_badge(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let operator = match operator(meaning, context) {
        Ok(operator) => operator,
        Err(step) => return step,
    };
    if dialogue
        .operator
        .as_ref()
        .is_some_and(|known| known.worker_no == operator.worker_no)
    {
        return Step::dup("ALREADY_SIGNED_ON", &[&operator.worker_no], context);
    }
    let reports = dialogue.sign_off(context, &[]);
    let name = operator.name.clone().unwrap_or_else(|| operator.worker_no.clone());
    dialogue.operator = Some(operator);
    Step::ok("OPERATOR_SWITCHED", &[&name], context).with(reports)
}

pub fn logout(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    if dialogue.operator.is_none() {
        return Step::dup("NOT_SIGNED_ON", &[], context);
    }
    let reports = dialogue.sign_off(context, &[]);
    Step::ok("SIGNED_OFF", &[], context).with(reports)
}

pub fn show_status(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let step = match &dialogue.job {
        Some(job) => Step::ok(
            "STATUS",
            &[
                &job.order_no,
                &job.process_code,
                &job.qualified.to_string(),
                &job.unqualified.to_string(),
            ],
            context,
        ),
        None => Step::ok("STATUS_NO_JOB", &[], context),
    };
    Step {
        is_change: false,
        ..step
    }
}

/// An order or traveler was scanned: loads it, asks for its operation, or asks whether to leave the running job.
pub fn load(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let job = match find_job(meaning, context) {
        Found::Job(job) => job,
        Found::SeveralProcesses(order_no) => {
            if dialogue.job.as_ref().is_some_and(|job| job.phase == Phase::Running) {
                return Step::err("FINISH_JOB_FIRST", &[], context);
            }
            let report = dialogue.leave_job(context, &[]);
            let step = Step::ask("WHICH_OPERATION", &[&order_no], context);
            dialogue.held_order = Some((order_no, context.now));
            return step.with(report);
        }
        Found::Refused(step) => return step,
    };
    match &dialogue.job {
        Some(known) if known.is_same(&job) => {
            Step::dup("ALREADY_LOADED", &[&known.order_no, &known.process_code], context)
        }
        Some(known) if known.phase == Phase::Running => {
            let step = Step::ask("SWITCH_JOB", &[&known.order_no, &job.order_no], context);
            dialogue.pending = Some((Pending::Confirm(Question::Switch(job)), context.now));
            step
        }
        _ => {
            let report = dialogue.leave_job(context, &[]);
            dialogue.take_up(job, context).with(report)
        }
    }
}

/// An operation was scanned for the order that waits for one.
pub fn operation(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let (Meaning::Operation(process_code), Some((order_no, _))) = (meaning, dialogue.held_order.clone()) else {
        return Step::err("NO_ORDER", &[], context);
    };
    let Some(order) = context.reference.order(&order_no) else {
        dialogue.held_order = None;
        return dialogue.take_up(Job::unverified(order_no, process_code.clone()), context);
    };
    let Some(process) = order.processes.iter().find(|p| p.process_code == *process_code) else {
        return Step::err("WRONG_OPERATION", &[process_code, &order.order_no], context);
    };
    if let Err(step) = fits_bench(process, context) {
        return step;
    }
    let job = Job::of(order, Some(process));
    dialogue.held_order = None;
    dialogue.take_up(job, context)
}

pub fn operation_out_of_place(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("NO_ORDER", &[], context)
}

enum Found {
    Job(Job),
    SeveralProcesses(String),
    Refused(Step),
}

fn find_job(meaning: &Meaning, context: &Context) -> Found {
    let (id, sequence) = match meaning {
        Meaning::Order(id) => (id, None),
        Meaning::Traveler { order, sequence } => (order, Some(*sequence)),
        _ => return Found::Refused(Step::err("UNKNOWN_CODE", &[], context)),
    };
    let Some(order) = context.reference.order(id) else {
        return unknown_order(id, sequence, context);
    };
    if !order.status.is_reportable() {
        return Found::Refused(Step::err("ORDER_CLOSED", &[&order.order_no], context));
    }
    let process = match sequence {
        Some(sequence) => order.processes.iter().find(|p| p.sequence == sequence),
        None => match (&context.bench.process, order.processes.as_slice()) {
            (_, []) => return Found::Job(Job::of(order, None).at_bench(context)),
            (Some(own), processes) => processes.iter().find(|p| p.process_code == *own),
            (None, [only]) => Some(only),
            (None, _) => return Found::SeveralProcesses(order.order_no.clone()),
        },
    };
    let Some(process) = process else {
        let asked = sequence.map_or_else(|| context.bench.process.clone().unwrap_or_default(), |s| s.to_string());
        return Found::Refused(Step::err("WRONG_OPERATION", &[&asked, &order.order_no], context));
    };
    match fits_bench(process, context) {
        Ok(()) => Found::Job(Job::of(order, Some(process))),
        Err(step) => Found::Refused(step),
    }
}

fn fits_bench(process: &Process, context: &Context) -> Result<(), Step> {
    match &context.bench.process {
        Some(own) if *own != process.process_code => {
            Err(Step::err("WRONG_STATION", &[&process.process_code, own], context))
        }
        _ => Ok(()),
    }
}

/// Production is never lost for want of a network: what can't be checked is taken and marked.
fn unknown_order(id: &str, sequence: Option<u32>, context: &Context) -> Found {
    let is_refused = context.reference.is_fresh(context.now) && context.bench.unknown_order == UnknownOrder::Reject;
    if is_refused {
        return Found::Refused(Step::err("UNKNOWN_ORDER", &[id], context));
    }
    let process = sequence
        .map(|s| s.to_string())
        .or_else(|| context.bench.process.clone());
    match process {
        Some(process) => Found::Job(Job::unverified(id.to_owned(), process)),
        None => Found::SeveralProcesses(id.to_owned()),
    }
}

impl Job {
    fn of(order: &Arc<Order>, process: Option<&Process>) -> Self {
        Self {
            process_code: process.map(|p| p.process_code.clone()).unwrap_or_default(),
            process_id: process.and_then(|p| p.process_id),
            process_name: process.map(|p| p.process_name.clone()).filter(|name| !name.is_empty()),
            unverified: false,
            ..Self::unverified(order.order_no.clone(), String::new())
        }
    }

    fn unverified(order_no: String, process_code: String) -> Self {
        Self {
            order_no,
            process_code,
            process_id: None,
            process_name: None,
            unverified: true,
            phase: Phase::Loaded,
            running_since: None,
            unreported_ms: 0,
            qualified: Decimal::ZERO,
            unqualified: Decimal::ZERO,
        }
    }

    /// An order without a routing is worked on as the station's own operation.
    fn at_bench(mut self, context: &Context) -> Self {
        self.process_code = context.bench.process.clone().unwrap_or_default();
        self
    }

    fn is_same(&self, other: &Self) -> bool {
        self.order_no == other.order_no && self.process_code == other.process_code
    }
}

impl Dialogue {
    /// Loads a job, with its counts if it was worked on before.
    fn take_up(&mut self, job: Job, context: &Context) -> Step {
        let known = self.left.iter().position(|left| left.is_same(&job));
        let job = known.map_or(job, |at| self.left.remove(at));
        let (order_no, process) = (
            job.order_no.clone(),
            job.process_name.clone().unwrap_or(job.process_code.clone()),
        );
        let code = if job.unverified {
            "JOB_LOADED_UNVERIFIED"
        } else {
            "JOB_LOADED"
        };
        let is_sure = !job.unverified;
        self.job = Some(Job {
            phase: Phase::Loaded,
            ..job
        });
        self.held_order = None;
        if is_sure {
            Step::ok(code, &[&order_no, &process], context)
        } else {
            Step::ask(code, &[&order_no, &process], context)
        }
    }

    /// Remembers the job at hand, which is not running, among those left behind.
    pub(super) fn set_job_aside(&mut self) {
        if let Some(job) = self.job.take() {
            self.left.push(job);
            if self.left.len() > PAUSED_JOBS_MAX {
                self.left.remove(0);
            }
        }
    }
}

pub fn start(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    if context.bench.mode == Mode::ReportOnly {
        return Step::err("NO_TIME_TRACKING", &[], context);
    }
    let Some(job) = &mut dialogue.job else {
        return Step::err("NO_ORDER", &[], context);
    };
    if job.phase == Phase::Running {
        return Step::dup("ALREADY_RUNNING", &[&job.order_no], context);
    }
    let code = if job.phase == Phase::Paused {
        "RESUMED"
    } else {
        "STARTED"
    };
    job.run(context.now);
    Step::ok(code, &[&job.order_no], context)
}

pub fn resume(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    match &dialogue.job {
        Some(job) if job.phase == Phase::Loaded => Step::err("NOT_STARTED", &[], context),
        _ => start(dialogue, meaning, context),
    }
}

pub fn pause(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let Some(job) = &mut dialogue.job else {
        return Step::err("NO_ORDER", &[], context);
    };
    match job.phase {
        Phase::Loaded => Step::err("NOT_STARTED", &[], context),
        Phase::Paused => Step::dup("ALREADY_PAUSED", &[&job.order_no], context),
        Phase::Running => {
            job.halt(context.now);
            Step::ok("PAUSED", &[&job.order_no], context)
        }
    }
}

/// The operator was asked whether to close the order short, and pauses instead.
pub fn pause_instead(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if !matches!(dialogue.pending, Some((Pending::Confirm(Question::Short), _))) {
        return finish_input_first(dialogue, meaning, context);
    }
    dialogue.pending = None;
    if let Some(job) = &mut dialogue.job {
        job.halt(context.now);
    }
    Step::ok(
        "PAUSED",
        &[dialogue.job.as_ref().map_or("", |job| &job.order_no)],
        context,
    )
}

/// Quantities need a started job, except at stations that only report.
fn may_report(dialogue: &Dialogue, context: &Context) -> Result<(), Step> {
    match &dialogue.job {
        None => Err(Step::err("NO_ORDER", &[], context)),
        Some(job) if job.phase == Phase::Loaded && context.bench.mode == Mode::StartStop => {
            Err(Step::err("NOT_STARTED", &[], context))
        }
        Some(_) => Ok(()),
    }
}

pub fn quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let Err(step) = may_report(dialogue, context) {
        return step;
    }
    let Meaning::Quantity(quantity) = meaning else {
        return Step::err("QTY_INVALID", &[], context);
    };
    report_good(dialogue, *quantity, context)
}

pub fn ask_quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let Err(step) = may_report(dialogue, context) {
        return step;
    }
    let Some(kind) = pending_kind(meaning) else {
        return Step::err("UNKNOWN_CODE", &[], context);
    };
    dialogue.pending = Some((Pending::Quantity(kind), context.now));
    Step::ask("HOW_MANY", &[kind.word()], context)
}

fn pending_kind(meaning: &Meaning) -> Option<QuantityKind> {
    if let Meaning::Command(verb) = meaning {
        kind_of(*verb)
    } else {
        None
    }
}

impl QuantityKind {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::ToInspect => "to inspect",
            Self::Defect(DefectKind::Scrap) => "scrap",
            Self::Defect(DefectKind::Rework) => "rework",
            Self::Defect(DefectKind::Concession) => "concession",
        }
    }
}

pub fn pending_quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let (Meaning::Quantity(quantity), Some((Pending::Quantity(kind), _))) = (meaning, dialogue.pending.clone()) else {
        return Step::err("FINISH_INPUT_FIRST", &[], context);
    };
    match kind {
        QuantityKind::Good => {
            dialogue.pending = None;
            report_good(dialogue, *quantity, context)
        }
        QuantityKind::ToInspect => {
            let draft = dialogue.draft(context).inspect(*quantity);
            submit(dialogue, draft, "REPORTED_TO_INSPECT", &quantity.to_string(), context)
        }
        QuantityKind::Defect(kind) => {
            dialogue.pending = Some((
                Pending::Reason {
                    kind,
                    quantity: *quantity,
                },
                context.now,
            ));
            Step::ask("WHICH_REASON", &[&quantity.to_string()], context)
        }
    }
}

pub fn pending_reason(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let (Meaning::Reason(code), Some((Pending::Reason { kind, quantity }, _))) = (meaning, dialogue.pending.clone())
    else {
        return Step::err("FINISH_INPUT_FIRST", &[], context);
    };
    let reason = match context.reference.reason(code) {
        Some(reason) if validate::reason_fits(&reason.kind, kind) => reason.code.clone(),
        Some(_) => return Step::err("REASON_UNKNOWN", &[code], context),
        None if context.reference.is_fresh(context.now) => return Step::err("REASON_UNKNOWN", &[code], context),
        None => code.clone(),
    };
    let draft = dialogue.draft(context).defect(kind, quantity, reason);
    submit(dialogue, draft, "REPORTED_DEFECT", &quantity.to_string(), context)
}

pub fn kind_while_pending(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let pending = match &dialogue.pending {
        Some((Pending::Quantity(kind), _)) => Some(*kind),
        Some((Pending::Reason { kind, .. }, _)) => Some(QuantityKind::Defect(*kind)),
        _ => None,
    };
    if pending == pending_kind(meaning) {
        Step::dup("HOW_MANY", &[pending.map_or("", QuantityKind::word)], context)
    } else {
        Step::err("FINISH_INPUT_FIRST", &[], context)
    }
}

pub fn cancel(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    if dialogue.pending.take().is_some() || dialogue.held_order.take().is_some() {
        Step::ok("CANCELLED", &[], context)
    } else {
        Step::err("NOT_NOW", &[], context)
    }
}

/// Good pieces; more than the plan allows are asked about first.
fn report_good(dialogue: &mut Dialogue, quantity: Decimal, context: &Context) -> Step {
    let is_over = dialogue.job.as_ref().and_then(|job| {
        let (done, plan) = done_and_plan(job, context)?;
        let allowed = plan * (Decimal::ONE + context.bench.over_report);
        (done + quantity > allowed).then(|| (done + quantity, plan))
    });
    if let Some((total, plan)) = is_over {
        dialogue.pending = Some((Pending::Confirm(Question::Over(quantity)), context.now));
        return Step::ask("OVER_QUANTITY", &[&total.to_string(), &plan.to_string()], context);
    }
    let draft = dialogue.draft(context).good(quantity);
    submit(dialogue, draft, "REPORTED", &quantity.to_string(), context)
}

/// Pieces of this process so far and the plan, as well as they are known here.
fn done_and_plan(job: &Job, context: &Context) -> Option<(Decimal, Decimal)> {
    let order = context.reference.order(&job.order_no)?;
    let is_last = order
        .processes
        .iter()
        .max_by_key(|p| p.sequence)
        .is_none_or(|p| p.process_code == job.process_code);
    let by_us = (context.tally)(&job.order_no, &job.process_code);
    let by_all = if is_last {
        order.completed_quantity
    } else {
        Decimal::ZERO
    };
    Some((by_us.max(by_all), order.order_quantity))
}

/// The last look before a report is accepted: the order may have been closed since it was loaded.
fn submit(dialogue: &mut Dialogue, draft: super::report::Draft, code: &str, word: &str, context: &Context) -> Step {
    let report = draft.into_report();
    let findings = validate::work_report(&report, context.reference, context.now);
    if let Some(first) = findings.first() {
        dialogue.pending = None;
        let all: Vec<_> = findings.iter().map(|f| f.message.as_str()).collect();
        return Step::err(first.code, &[&all.join("; ")], context);
    }
    dialogue.pending = None;
    dialogue.book(&report, context);
    let order_no = report.order_no.clone();
    Step::ok(code, &[word, &order_no], context).with([report])
}

pub fn done(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let Err(step) = may_report(dialogue, context) {
        return step;
    }
    let short = dialogue.job.as_ref().and_then(|job| {
        let (done, plan) = done_and_plan(job, context)?;
        (done < plan).then_some((done, plan))
    });
    match short {
        Some((done, plan)) => {
            dialogue.pending = Some((Pending::Confirm(Question::Short), context.now));
            Step::ask("SHORT_QUANTITY", &[&done.to_string(), &plan.to_string()], context)
        }
        None => complete(dialogue, meaning, context, &[]),
    }
}

fn complete(dialogue: &mut Dialogue, _: &Meaning, context: &Context, flags: &[&str]) -> Step {
    let draft = dialogue.draft(context).last().flagged(flags);
    let step = submit(dialogue, draft, "COMPLETED", "", context);
    if step.is_change {
        dialogue.job = None;
    }
    step
}

/// A report of one's own can be taken back for a while, within the shift.
pub fn ask_undo(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let shift = context.zone.shift_start(context.now, context.shift_starts);
    let worker = dialogue.operator.as_ref().map(|o| o.worker_no.as_str());
    let last = dialogue.undoable.back().filter(|last| {
        context.now - last.at <= UNDO_WITHIN && last.at >= shift && worker == Some(last.report.worker_no.as_str())
    });
    let Some(last) = last else {
        return Step::err("UNDO_NOT_POSSIBLE", &[], context);
    };
    let step = Step::ask(
        "UNDO_WHAT",
        &[&last.report.output_quantity.to_string(), &last.report.order_no],
        context,
    );
    dialogue.pending = Some((Pending::Confirm(Question::Undo), context.now));
    step
}

pub fn confirm(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let Some((Pending::Confirm(question), _)) = dialogue.pending.take() else {
        return Step::err("NOT_NOW", &[], context);
    };
    match question {
        Question::Switch(job) => {
            let report = dialogue.leave_job(context, &[]);
            dialogue.take_up(job, context).with(report)
        }
        Question::Over(quantity) => {
            let draft = dialogue.draft(context).good(quantity).flagged(&["over_quantity"]);
            submit(dialogue, draft, "REPORTED", &quantity.to_string(), context)
        }
        Question::Short => complete(dialogue, meaning, context, &["short_close"]),
        Question::Undo => match dialogue.undoable.pop_back() {
            Some(last) => {
                let void = dialogue.void(&last.report, context);
                Step::ok(
                    "UNDONE",
                    &[&last.report.output_quantity.to_string(), &last.report.order_no],
                    context,
                )
                .with([void])
            }
            None => Step::err("UNDO_NOT_POSSIBLE", &[], context),
        },
    }
}
