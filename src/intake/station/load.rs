//! Orders and travelers become jobs: found in the reference data, loaded in place of others or beside them.

use super::job::{Phase, out_of_place};
use super::{Context, Dialogue, Held, Job, Mode, Pending, Question, Step, UnknownOrder, words};
use crate::intake::barcode::Meaning;
use crate::intake::tallies::process_of;
use crate::intake::validate::CODE_CHARS_MAX;
use crate::language::Words;
use crate::record::Activity;
use crate::reference::{Order, Process};

/// Jobs that a station remembers as left behind.
const LEFT_JOBS_MAX: usize = 50;
/// Travelers in one run.
const BATCH_JOBS_MAX: usize = 50;

/// An order or traveler was scanned: loads it, asks for its operation, or asks whether to leave the running job.
pub fn load(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let phase = dialogue.job.as_ref().map(|job| job.phase);
    let job = match find_job(meaning, context) {
        Found::Job(job) => job,
        Found::SeveralProcesses(_) if phase == Some(Phase::Running) && context.bench.mode == Mode::BatchTraveler => {
            return Step::err("FINISH_JOB_FIRST", &[], context);
        }
        Found::SeveralProcesses(order_no) if phase == Some(Phase::Running) => {
            let running = dialogue.job.as_ref().map(words::job).unwrap_or_default();
            let told = [running, Words::same(&order_no)];
            let step = Step::ask("SWITCH_JOB", &[], context).worded(&told, context);
            dialogue.ask(Pending::Confirm(Question::SwitchOrder(order_no)), context);
            return step;
        }
        Found::SeveralProcesses(order_no) => {
            let reports = if context.bench.mode == Mode::BatchTraveler {
                Vec::new()
            } else {
                dialogue.leave_jobs(context, &[])
            };
            return dialogue.ask_operation(order_no, context).with(reports);
        }
        Found::Refused(step) => return step,
    };
    if context.bench.mode == Mode::BatchTraveler && phase.is_some() {
        return load_beside(dialogue, job, context);
    }
    match &dialogue.job {
        Some(known) if known.is_same(&job) => {
            Step::dup("ALREADY_LOADED", &[], context).worded(&[words::job(known)], context)
        }
        Some(known) if known.phase == Phase::Running => {
            let told = [words::job(known), words::job(&job)];
            let step = Step::ask("SWITCH_JOB", &[], context).worded(&told, context);
            dialogue.ask(Pending::Confirm(Question::Switch(Box::new(job))), context);
            step
        }
        _ => {
            let reports = dialogue.leave_jobs(context, &[]);
            dialogue.take_up(job, context).with(reports)
        }
    }
}

/// One more traveler for the run, or one of the run that the next quantity is meant for.
fn load_beside(dialogue: &mut Dialogue, job: Job, context: &Context) -> Step {
    let is_loading = dialogue.job.as_ref().is_some_and(|job| job.phase == Phase::Loaded);
    if dialogue.jobs().any(|known| known.is_same(&job)) {
        let was_at_hand = dialogue.job.as_ref().is_some_and(|known| known.is_same(&job));
        dialogue.bring_to_hand(&job);
        if is_loading || (was_at_hand && dialogue.is_aimed) {
            return Step::dup("ALREADY_LOADED", &[], context).worded(&[words::job(&job)], context);
        }
        dialogue.is_aimed = true;
        return Step::ok("ORDER_AT_HAND", &[], context).worded(&[words::job(&job)], context);
    }
    if !is_loading {
        return Step::err("FINISH_JOB_FIRST", &[], context);
    }
    if dialogue.jobs().count() >= BATCH_JOBS_MAX {
        return Step::err("BATCH_FULL", &[&BATCH_JOBS_MAX.to_string()], context);
    }
    dialogue.batch.extend(dialogue.job.take());
    dialogue.take_up(job, context)
}

/// An operation was scanned for the order that waits for one.
pub fn operation(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let (Meaning::Operation(process_code), Some((Held::Order(order_no), _))) = (meaning, dialogue.held.clone()) else {
        return Step::err("NO_ORDER", &[], context);
    };
    let job = match context.reference.order(&order_no) {
        None if process_code.chars().count() > CODE_CHARS_MAX => {
            return Step::err("WRONG_OPERATION", &[process_code, &order_no], context);
        }
        None => Job::unverified(order_no, process_code.clone()),
        Some(order) => {
            let Some(process) = order.processes.iter().find(|p| p.process_code == *process_code) else {
                return Step::err("WRONG_OPERATION", &[process_code, &order.order_no], context);
            };
            if let Err(step) = fits_bench(process, context) {
                return step;
            }
            Job::of(order, Some(process))
        }
    };
    dialogue.held = None;
    if context.bench.mode == Mode::BatchTraveler && dialogue.job.is_some() {
        return load_beside(dialogue, job, context);
    }
    dialogue.take_up(job, context)
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
            // An order without a routing is worked on as the station's own operation.
            (own, []) => {
                return Found::Job(Job {
                    process_code: own.clone().unwrap_or_default(),
                    ..Job::of(order, None)
                });
            }
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
            let told = [&process.process_code, own].map(|code| words::operation(code));
            Err(Step::err("WRONG_STATION", &[], context).worded(&told, context))
        }
        _ => Ok(()),
    }
}

/// Production is never lost for want of a network: what can't be checked is taken and marked.
fn unknown_order(id: &str, sequence: Option<u32>, context: &Context) -> Found {
    let is_refused = context.reference.is_fresh(context.now) && context.bench.unknown_order == UnknownOrder::Reject;
    // A name that no report can carry is refused while someone is there to hear it.
    if is_refused || id.chars().count() > CODE_CHARS_MAX {
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

impl Dialogue {
    /// An order waits for its operation.
    pub(super) fn ask_operation(&mut self, order_no: String, context: &Context) -> Step {
        let step = Step::ask("WHICH_OPERATION", &[&order_no], context);
        self.held = Some((Held::Order(order_no), context.now));
        step
    }

    /// Loads a job, with its counts if it was worked on before.
    pub(super) fn take_up(&mut self, job: Job, context: &Context) -> Step {
        let known = self.left.iter().position(|left| left.is_same(&job));
        let mut job = known.map_or(job, |at| self.left.remove(at));
        job.phase = Phase::Loaded;
        self.held = None;
        let is_started = context.bench.auto_start && context.bench.tracks_time() && self.batch.is_empty();
        if is_started {
            job.run(Activity::Run, &self.crew, context.now);
        }
        let next = words::expects(job.state(), context.bench);
        let words = [words::job(&job), next];
        let step = match (job.unverified, is_started) {
            (true, _) => Step::ask("JOB_LOADED_UNVERIFIED", &[], context),
            (false, true) => Step::ok("STARTED", &[], context),
            (false, false) => Step::ok("JOB_LOADED", &[], context),
        };
        self.job = Some(job);
        step.worded(&words, context)
    }

    /// Lays the jobs at hand, none of which runs, among those left behind.
    pub(super) fn set_jobs_aside(&mut self) {
        self.left.extend(self.job.take());
        self.left.append(&mut self.batch);
        self.is_aimed = false;
        let too_many = self.left.len().saturating_sub(LEFT_JOBS_MAX);
        self.left.drain(..too_many);
    }

    fn bring_to_hand(&mut self, job: &Job) {
        if let Some(at) = self.batch.iter().position(|known| known.is_same(job)) {
            let other = self.job.replace(self.batch.remove(at));
            self.batch.extend(other);
        }
    }

    /// A job that was taken in while nothing was known of its order is the real one as soon as the order is known: until
    /// then a traveler's process has no code but its sequence. What was reported of it can still be taken back.
    pub(super) fn verify_jobs(&mut self, context: &Context) {
        let undoable = &mut self.undoable;
        let jobs = self.job.iter_mut().chain(&mut self.batch).chain(&mut self.left);
        for job in jobs.filter(|job| job.unverified) {
            let Some(order) = context.reference.order(&job.order_no) else {
                continue;
            };
            let Some(process) = process_of(order, &job.process_code) else {
                continue;
            };
            let verified = Self::verified(job, order, process);
            let reports = undoable.iter_mut().flat_map(|undoable| &mut undoable.reports);
            for report in reports.filter(|report| job.is_of(report)) {
                report.order_no.clone_from(&verified.order_no);
                report.process_code.clone_from(&verified.process_code);
            }
            *job = verified;
        }
    }

    /// The label may have left out a prefix that is part of the number.
    fn verified(job: &Job, order: &Order, process: &Process) -> Job {
        let Job {
            order_no,
            process_code,
            process_id,
            process_name,
            unverified,
            ..
        } = Job::of(order, Some(process));
        Job {
            order_no,
            process_code,
            process_id,
            process_name,
            unverified,
            ..job.clone()
        }
    }
}

/// Forgets the order that waits for its operation, or takes the traveler that was scanned last out of the run again.
pub fn unload(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if dialogue.held.take().is_some() {
        return Step::ok("CANCELLED", &[], context);
    }
    if dialogue.batch.is_empty() {
        return out_of_place(dialogue, meaning, context);
    }
    // A traveler that was begun has its time in the run: it ends with it.
    if dialogue.job.as_ref().is_some_and(|job| job.phase != Phase::Loaded) {
        return Step::err("FINISH_JOB_FIRST", &[], context);
    }
    let out = dialogue.job.take();
    dialogue.job = dialogue.batch.pop();
    dialogue.left.extend(out);
    let order_no = dialogue.left.last().map(|job| job.order_no.clone()).unwrap_or_default();
    Step::ok("UNLOADED", &[&order_no], context)
}
