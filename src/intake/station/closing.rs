//! How things end: a job by DONE, a shift by the clock, a session by silence.

use super::job::Phase;
use super::labor::Labor;
use super::plan::done_and_plan;
use super::sheet::Ended;
use super::taking::submit;
use super::{Context, Dialogue, FINISH_INPUT_FIRST, Pending, Question, ShiftEnd, State, Step, words};
use crate::intake::barcode::Meaning;
use crate::record::{Timestamp, WorkReport};

/// Ends of shifts that one look back goes over: more have passed only where the clock was wrong.
const SHIFTS_BACK_MAX: usize = 20;

pub fn done(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    match dialogue.job.as_ref().map(|job| job.phase) {
        None => return Step::err("NO_ORDER", &[], context),
        Some(Phase::Loaded) if context.bench.tracks_time() => return Step::err("NOT_STARTED", &[], context),
        Some(_) => {}
    }
    let short = dialogue.jobs().filter_map(|job| {
        let (done, plan) = done_and_plan(job, context)?;
        (done < plan).then_some((job.order_no.as_str(), done, plan))
    });
    let short: Vec<_> = short.collect();
    if !short.is_empty() {
        let told = words::short(&short, dialogue.jobs().count() > 1);
        dialogue.ask(Pending::Confirm(Question::Short), context);
        return Step::ask("SHORT_QUANTITY", &[], context).worded(&[told, words::or_pause(context.bench)], context);
    }
    if dialogue.last_inspection == Some(Ended::Recorded) {
        dialogue.ask(Pending::Confirm(Question::CompleteToo), context);
        return Step::ask("COMPLETE_TOO", &[dialogue.order_at_hand()], context);
    }
    complete(dialogue, &[], context)
}

/// The last report of every job at hand.
pub fn complete(dialogue: &mut Dialogue, flags: &[String], context: &Context) -> Step {
    let last = dialogue.jobs().map(|job| {
        let mut report = dialogue.draft(job, true, context);
        report.is_final = true;
        let is_met = done_and_plan(job, context).is_some_and(|(done, plan)| done >= plan);
        let told = flags.iter().filter(|flag| !(is_met && *flag == "short_close"));
        report.flags.extend(told.cloned());
        report
    });
    let last: Vec<_> = last.collect();
    let step = submit(dialogue, last, "COMPLETED", &[], context);
    if step.is_change {
        dialogue.job = None;
        dialogue.batch.clear();
    }
    step
}

/// The operator was asked whether to close the order short, and pauses instead.
pub fn pause_instead(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let is_short = matches!(
        dialogue.asked.as_ref().map(|asked| &asked.what),
        Some(Pending::Confirm(Question::Short))
    );
    if !is_short || !context.bench.tracks_time() {
        return Step::err(FINISH_INPUT_FIRST, &[], context);
    }
    dialogue.asked = None;
    dialogue.halt(context.now);
    let order_no = dialogue.job().map(|job| job.order_no.clone()).unwrap_or_default();
    Step::ok("PAUSED", &[&order_no], context)
}

impl Dialogue {
    /// A shift has ended while a job was at hand.
    pub(super) fn end_shift(&mut self, context: &Context) -> Option<Step> {
        let was_running = self.base() == State::Running;
        let reports = self.cross_shifts(context)?;
        let order_no = self.job().map(|job| job.order_no.clone()).unwrap_or_default();
        let code = match context.bench.shift_end {
            ShiftEnd::Pause if was_running => "SHIFT_END_PAUSED",
            _ => "SHIFT_END_CARRIED",
        };
        Some(Step::ask(code, &[&order_no], context).with(reports))
    }

    /// Splits hours where shifts ended since the last look, so that each report belongs to one shift and its production
    /// day. Called before a scan is acted on, too: the scan belongs to the new shift. Nothing when no shift has ended.
    pub(super) fn cross_shifts(&mut self, context: &Context) -> Option<Vec<WorkReport>> {
        if context.shift_starts.is_empty() {
            return None;
        }
        let current = context.zone.shift_start(context.now, context.shift_starts);
        let seen = self.shift.replace(current);
        let labor = self.jobs().flat_map(|job| &job.labor);
        let since = labor.filter_map(Labor::since).min()?;
        let since = seen.map_or(since, |seen| since.max(seen));
        let ends = ends_of_shifts(since, current, context);
        let last = *ends.last()?;
        let mut reports = Vec::new();
        for end in ends {
            reports.extend(self.close_shift(end, context));
        }
        if context.bench.shift_end == ShiftEnd::Pause {
            self.halt(last);
            // Who comes next gets the time that everyone gets in front of a paused job.
            self.last_activity = Some(context.now);
        }
        Some(reports)
    }

    fn close_shift(&mut self, end: Timestamp, context: &Context) -> Vec<WorkReport> {
        let at_end = Context { now: end, ..*context };
        let mut reports = self.hours_so_far(&["shift_end"], &at_end);
        // The end itself is the beginning of the next day's shift already.
        let last_moment = end - chrono::Duration::milliseconds(1);
        let first_shift = context.shift_starts.first().copied().unwrap_or_default();
        for report in &mut reports {
            report.work_date = context.zone.production_day(last_moment, first_shift);
        }
        reports
    }

    /// How long ago the last scan was.
    pub(super) fn silent_for(&self, context: &Context) -> Option<std::time::Duration> {
        Some((context.now - self.last_activity?).to_std().unwrap_or_default())
    }

    /// Who has gone without signing off is signed off.
    pub(super) fn end_session(&mut self, context: &Context) -> Option<Step> {
        let limit = match self.base() {
            State::Idle => return None,
            // It ends first, and not unseen.
            _ if self.sheet.is_some() => return None,
            State::Running => context.bench.running_timeout?,
            _ => context.bench.idle_timeout,
        };
        if self.silent_for(context)? < limit {
            return None;
        }
        let reports = self.sign_off(context, &["session_timeout", "needs_review"]);
        Some(Step::ok("SESSION_TIMED_OUT", &[], context).with(reports))
    }
}

/// The boundaries after `since`, up to the start of the current shift, the earliest first.
fn ends_of_shifts(since: Timestamp, current: Timestamp, context: &Context) -> Vec<Timestamp> {
    let mut ends = Vec::new();
    let mut end = current;
    while end > since && ends.len() < SHIFTS_BACK_MAX {
        ends.push(end);
        end = context
            .zone
            .shift_start(end - chrono::Duration::milliseconds(1), context.shift_starts);
    }
    ends.reverse();
    ends
}
