//! Who works here: badges sign on, join a crew, leave it, take over.

use super::labor::Labor;
use super::{Context, Dialogue, Mode, Operator, State, Step};
use crate::intake::barcode::Meaning;
use crate::intake::validate::CODE_CHARS_MAX;
use crate::record::WorkReport;

impl Operator {
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.worker_no)
    }
}

/// Who a badge is; unknown badges are believed only where the reference data is not fresh enough to say no.
pub fn operator(meaning: &Meaning, context: &Context) -> Result<Operator, Step> {
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
        None if !context.reference.is_fresh(context.now) && worker_no.chars().count() <= CODE_CHARS_MAX => {
            Ok(Operator {
                worker_no: worker_no.clone(),
                worker_id: None,
                name: None,
                unverified: true,
            })
        }
        _ => Err(Step::err("UNKNOWN_BADGE", &[worker_no], context)),
    }
}

pub fn sign_on(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    match operator(meaning, context) {
        Ok(operator) => {
            let step = welcome(&operator, "SIGNED_ON", context);
            dialogue.crew.push(operator);
            step
        }
        Err(step) => step,
    }
}

/// Unverified people are asked to look twice at their badge.
fn welcome(operator: &Operator, code: &str, context: &Context) -> Step {
    if operator.unverified {
        Step::ask("SIGNED_ON_UNVERIFIED", &[operator.called()], context)
    } else {
        Step::ok(code, &[operator.called()], context)
    }
}

pub fn not_signed_on(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("NOT_SIGNED_ON", &[], context)
}

/// A badge at a station where someone is signed on.
pub fn badge(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let operator = match operator(meaning, context) {
        Ok(operator) => operator,
        Err(step) => return step,
    };
    if dialogue.is_undo_held() && context.is_supervisor(&operator.worker_no) {
        return dialogue.ask_to_undo(Some(operator.worker_no), context);
    }
    let member = dialogue.crew.iter().position(|o| o.worker_no == operator.worker_no);
    match (context.bench.mode, member) {
        (Mode::Crew, Some(at)) => leave(dialogue, at, context),
        (Mode::Crew, None) => join(dialogue, operator, context),
        (_, Some(_)) => Step::dup("ALREADY_SIGNED_ON", &[operator.called()], context),
        (_, None) => take_over(dialogue, operator, context),
    }
}

fn join(dialogue: &mut Dialogue, operator: Operator, context: &Context) -> Step {
    let step = welcome(&operator, "CREW_JOINED", context);
    for job in dialogue.jobs_mut() {
        job.join(&operator.worker_no, context.now);
    }
    dialogue.crew.push(operator);
    step
}

/// Hours so far are reported for the one who leaves. The last one stops the job.
fn leave(dialogue: &mut Dialogue, at: usize, context: &Context) -> Step {
    let is_running = dialogue.state() == State::Running;
    let name = dialogue.crew[at].called().to_owned();
    if dialogue.crew.len() == 1 {
        let code = if is_running { "NO_CREW" } else { "SIGNED_OFF" };
        let flags: &[&str] = if is_running { &["no_crew"] } else { &[] };
        let reports = dialogue.sign_off(context, flags);
        return Step::ok(code, &[&name], context).with(reports);
    }
    let worker_no = dialogue.crew[at].worker_no.clone();
    let reports = dialogue.hours_of(&worker_no, context);
    for job in dialogue.jobs_mut() {
        job.forget(&worker_no);
    }
    dialogue.crew.remove(at);
    Step::ok("CREW_LEFT", &[&name], context).with(reports)
}

/// The job stays, paused; hours so far belong to the one who leaves.
fn take_over(dialogue: &mut Dialogue, operator: Operator, context: &Context) -> Step {
    let reports = dialogue.sign_off(context, &[]);
    let step = welcome(&operator, "OPERATOR_SWITCHED", context);
    dialogue.crew.push(operator);
    step.with(reports)
}

pub fn logout(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    if dialogue.crew.is_empty() {
        return Step::dup("NOT_SIGNED_ON", &[], context);
    }
    if dialogue.sheet.as_ref().is_some_and(|sheet| sheet.quantity.is_some()) {
        return Step::err("FINISH_INSPECTION_FIRST", &[], context);
    }
    let reports = dialogue.sign_off(context, &[]);
    Step::ok("SIGNED_OFF", &[], context).with(reports)
}

impl Dialogue {
    /// Who signed on while nothing was known of the badge is known as soon as the reference data is.
    pub(super) fn verify_crew(&mut self, context: &Context) {
        let jobs = self.job.iter_mut().chain(&mut self.batch);
        let mut labors: Vec<&mut Labor> = jobs.flat_map(|job| &mut job.labor).collect();
        let mut reports: Vec<_> = self
            .undoable
            .iter_mut()
            .flat_map(|undoable| &mut undoable.reports)
            .collect();
        for operator in self.crew.iter_mut().filter(|operator| operator.unverified) {
            let badge = Meaning::Badge(operator.worker_no.clone());
            let Ok(known) = self::operator(&badge, context) else {
                continue;
            };
            for labor in labors.iter_mut().filter(|labor| labor.worker_no == operator.worker_no) {
                labor.worker_no.clone_from(&known.worker_no);
            }
            for report in reports
                .iter_mut()
                .filter(|report| report.worker_no == operator.worker_no)
            {
                report.worker_no.clone_from(&known.worker_no);
            }
            *operator = known;
        }
    }

    /// Closes all intervals, and nobody is signed on.
    pub(super) fn sign_off(&mut self, context: &Context, flags: &[&str]) -> Vec<WorkReport> {
        let reports = self.leave_jobs(context, flags);
        self.asked = None;
        self.held = None;
        self.sheet = None;
        self.last_inspection = None;
        self.crew.clear();
        self.trace.clear();
        reports
    }
}
