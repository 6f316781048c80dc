//! How labor time and quantities become work reports.
//!
//! Labor time runs in milliseconds and is reported in hundredths of an hour, rounded down; what is left over goes into the
//! next report, so that many short reports add up to the true time. The last report of a job rounds to nearest.

use chrono::{Datelike, Timelike};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Context, Dialogue, Job, Mode, Phase, UNDOABLE_MAX, Undoable};
use crate::record::{CrewMember, Defect, DefectKind, Timestamp, WorkReport};

/// The unit of reported hours: 0.01 h.
const HOURS_STEP_MS: i64 = 36_000;
/// More labor time than this between two reports means that nobody was there: it is cut, and flagged for review.
const HOURS_BETWEEN_REPORTS_MAX: i64 = 24;
/// Scans that a report carries as its trace at most.
const TRACE_MAX: usize = 20;

/// Gives out report numbers: `press-shop-1-261121-080003007` is gateway, day, time to the second and a count within it.
/// Never the same twice, also when the clock is set back: then counting simply goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportNumbers {
    last: u64,
}

impl ReportNumbers {
    pub fn next(&mut self, gateway_id: &str, context: &Context) -> String {
        let local = context.now.with_timezone(&context.zone.0);
        let day = u64::from(local.year().unsigned_abs() % 100) * 10_000 + u64::from(local.month() * 100 + local.day());
        let time = u64::from(local.hour() * 10_000 + local.minute() * 100 + local.second());
        let now = (day * 1_000_000 + time) * 1000;
        self.last = now.max(self.last + 1);
        format!(
            "{gateway_id}-{:06}-{:09}",
            self.last / 1_000_000_000,
            self.last % 1_000_000_000
        )
    }
}

impl Job {
    pub(super) fn run(&mut self, now: Timestamp) {
        self.phase = Phase::Running;
        self.running_since = Some(now);
    }

    pub(super) fn halt(&mut self, now: Timestamp) {
        self.settle(now);
        self.running_since = None;
        if self.phase == Phase::Running {
            self.phase = Phase::Paused;
        }
    }

    /// Moves what has run so far into the unreported time.
    fn settle(&mut self, now: Timestamp) {
        if let Some(since) = self.running_since {
            // A clock that was set back must not take time away.
            self.unreported_ms += (now - since).num_milliseconds().max(0);
            self.running_since = Some(now);
        }
    }
}

/// A report in the making.
pub struct Draft(WorkReport);

impl Draft {
    pub fn good(mut self, quantity: Decimal) -> Self {
        self.0.output_quantity = quantity;
        self.0.qualified_quantity = quantity;
        self
    }

    pub fn defect(mut self, kind: DefectKind, quantity: Decimal, reason: String) -> Self {
        self.0.output_quantity = quantity;
        self.0.unqualified_quantity = quantity;
        self.0.defects.push(Defect { kind, quantity, reason });
        self
    }

    pub fn inspect(mut self, quantity: Decimal) -> Self {
        self.0.to_inspect = quantity;
        self
    }

    pub fn last(mut self) -> Self {
        self.0.is_final = true;
        self
    }

    pub fn flagged(mut self, flags: &[&str]) -> Self {
        self.0.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    pub fn into_report(self) -> WorkReport {
        self.0
    }
}

impl Dialogue {
    /// A report of the job at hand with the labor time since the last one, and no quantities yet.
    pub(super) fn draft(&self, context: &Context) -> Draft {
        let job = self.job.as_ref();
        let operator = self.operator.as_ref();
        let first_shift = context.shift_starts.first().copied().unwrap_or_default();
        let mut flags = Vec::new();
        if job.is_some_and(|job| job.unverified) || operator.is_some_and(|operator| operator.unverified) {
            flags.push("unverified".to_owned());
        }
        if context.bench.mode == Mode::StartStop && job.is_some_and(|job| job.phase == Phase::Paused) {
            flags.push("while_paused".to_owned());
        }
        let labor_ms = job.map_or(0, |job| labor_ms(job, context.now));
        let is_cut = labor_ms > HOURS_BETWEEN_REPORTS_MAX * 3_600_000;
        if is_cut {
            flags.extend(["hours_cut".to_owned(), "needs_review".to_owned()]);
        }
        let work_hours = hours(labor_ms.min(HOURS_BETWEEN_REPORTS_MAX * 3_600_000));
        let equipment = context.bench.equipment.clone();
        let trace_start = self.trace.len().saturating_sub(TRACE_MAX);
        let crew = operator.map(|operator| CrewMember {
            worker_no: operator.worker_no.clone(),
            from: context
                .zone
                .rfc3339(context.now - chrono::Duration::milliseconds(labor_ms)),
            to: context.zone.rfc3339(context.now),
            activity: crate::record::Activity::Run,
            reason: None,
        });
        Draft(WorkReport {
            report_no: String::new(),
            order_no: job.map(|job| job.order_no.clone()).unwrap_or_default(),
            process_code: job.map(|job| job.process_code.clone()).unwrap_or_default(),
            process_id: job.and_then(|job| job.process_id),
            process_name: job.and_then(|job| job.process_name.clone()),
            station: context.bench.station.clone(),
            equipment_id: equipment
                .as_deref()
                .and_then(|e| context.reference.equipment(e))
                .and_then(|e| e.equipment_id)
                .or(context.bench.equipment_id),
            equipment,
            work_date: context.zone.production_day(context.now, first_shift),
            work_hours,
            output_quantity: Decimal::ZERO,
            qualified_quantity: Decimal::ZERO,
            unqualified_quantity: Decimal::ZERO,
            worker_no: operator.map(|operator| operator.worker_no.clone()).unwrap_or_default(),
            worker_id: operator.and_then(|operator| operator.worker_id),
            worker_name: operator.and_then(|operator| operator.name.clone()),
            crew: crew.into_iter().filter(|_| labor_ms > 0).collect(),
            defects: Vec::new(),
            serials: Vec::new(),
            to_inspect: Decimal::ZERO,
            is_final: false,
            voids: None,
            flags,
            scans: self.trace[trace_start..].to_vec(),
            clock_synced: context.clock_synced,
        })
    }

    /// Takes an accepted report into the state: counts go up, the reported time is no longer unreported.
    pub(super) fn book(&mut self, report: &WorkReport, context: &Context) {
        self.trace.clear();
        let Some(job) = &mut self.job else { return };
        job.settle(context.now);
        let reported_ms = ms(report.work_hours);
        let was_cut = report.flags.iter().any(|flag| flag == "hours_cut");
        job.unreported_ms = if was_cut { 0 } else { job.unreported_ms - reported_ms };
        job.qualified += report.qualified_quantity;
        job.unqualified += report.unqualified_quantity;
        let has_pieces = !report.output_quantity.is_zero() || !report.to_inspect.is_zero();
        if has_pieces && report.voids.is_none() {
            self.undoable.push_back(Undoable {
                at: context.now,
                report: report.clone(),
            });
            if self.undoable.len() > UNDOABLE_MAX {
                self.undoable.pop_front();
            }
        }
    }

    /// The report that takes another one back. Its time is unreported again.
    pub(super) fn void(&mut self, report: &WorkReport, context: &Context) -> WorkReport {
        self.trace.clear();
        if let Some(job) = &mut self.job
            && job.order_no == report.order_no
            && job.process_code == report.process_code
        {
            job.unreported_ms += ms(report.work_hours);
            job.qualified -= report.qualified_quantity;
            job.unqualified -= report.unqualified_quantity;
        }
        let negated = |defect: &Defect| Defect {
            quantity: -defect.quantity,
            ..defect.clone()
        };
        WorkReport {
            report_no: String::new(),
            work_hours: -report.work_hours,
            output_quantity: -report.output_quantity,
            qualified_quantity: -report.qualified_quantity,
            unqualified_quantity: -report.unqualified_quantity,
            defects: report.defects.iter().map(negated).collect(),
            to_inspect: -report.to_inspect,
            crew: Vec::new(),
            voids: Some(report.report_no.clone()),
            flags: Vec::new(),
            scans: Vec::new(),
            clock_synced: context.clock_synced,
            ..report.clone()
        }
    }

    /// The report numbers are given when reports are accepted; UNDO needs them later.
    pub fn number(&mut self, report: &WorkReport) {
        if let Some(last) = self.undoable.back_mut()
            && last.report.report_no.is_empty()
            && report.voids.is_none()
        {
            last.report.report_no.clone_from(&report.report_no);
        }
    }

    /// Closes the interval of the job at hand and lays it among those left behind. Time that no report has carried yet
    /// becomes one, without quantities, so that it stays with the worker whose time it was.
    pub(super) fn leave_job(&mut self, context: &Context, flags: &[&str]) -> Option<WorkReport> {
        let mut report = None;
        if let Some(job) = &mut self.job {
            job.halt(context.now);
            let draft = self.draft(context).flagged(flags).into_report();
            if !draft.work_hours.is_zero() {
                // Reported while paused is what a sign-off always is.
                let draft = WorkReport {
                    flags: draft.flags.into_iter().filter(|f| f != "while_paused").collect(),
                    ..draft
                };
                self.book(&draft, context);
                report = Some(draft);
            }
        }
        self.set_job_aside();
        report
    }

    /// Closes all intervals, and nobody is signed on.
    pub(super) fn sign_off(&mut self, context: &Context, flags: &[&str]) -> Option<WorkReport> {
        let report = self.leave_job(context, flags);
        self.pending = None;
        self.held_order = None;
        self.operator = None;
        self.trace.clear();
        report
    }
}

fn labor_ms(job: &Job, now: Timestamp) -> i64 {
    let running = job
        .running_since
        .map_or(0, |since| (now - since).num_milliseconds().max(0));
    (job.unreported_ms + running).max(0)
}

fn hours(ms: i64) -> Decimal {
    Decimal::new(ms / HOURS_STEP_MS, 2)
}

fn ms(hours: Decimal) -> i64 {
    i64::try_from((hours * Decimal::from(100)).trunc().mantissa()).unwrap_or(0) * HOURS_STEP_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_hundredths_and_back() {
        assert_eq!(hours(3_600_000), Decimal::new(100, 2));
        assert_eq!(hours(35_999), Decimal::ZERO);
        assert_eq!(ms(Decimal::new(125, 2)), 125 * HOURS_STEP_MS);
        assert_eq!(ms(hours(-7_200_000)), -7_200_000);
    }
}
