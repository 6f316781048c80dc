//! How labor and quantities become work reports.
//!
//! A report has one worker. Pieces stand in the report of who signed on first; the time of the others in a crew comes along
//! in reports of their own, without pieces and flagged `crew_hours`. The report with the pieces lists the intervals of
//! all, so that whoever pays by the piece can divide them; over all reports each interval is listed once.

use chrono::{Datelike, Timelike};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::job::Phase;
use super::labor::{Hours, Labor};
use super::{Context, Dialogue, Job, Operator, Undoable};
use crate::clock::Zone;
use crate::intake::inspections::UNVERIFIED;
use crate::record::{Activity, Defect, Timestamp, WorkReport};

/// Scans that UNDO can go back over.
const UNDOABLE_MAX: usize = 5;

/// Gives out report numbers: `press-shop-1-261121-080003007` is gateway, day, time to the second and a count within it.
/// Never the same twice, also when the clock is set back: then counting simply goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportNumbers {
    last: u64,
}

impl ReportNumbers {
    pub fn next(&mut self, gateway_id: &str, now: Timestamp, zone: Zone) -> String {
        let local = now.with_timezone(&zone.0);
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

/// A report of a job by a worker, with their hours since the last one, and no quantities yet.
fn draft(job: &Job, operator: &Operator, hours: &Hours, context: &Context) -> WorkReport {
    let mut flags = Vec::new();
    if job.unverified || operator.unverified {
        flags.push(UNVERIFIED.to_owned());
    }
    if hours.is_cut {
        flags.extend(["hours_cut".to_owned(), "needs_review".to_owned()]);
    }
    let equipment = context.bench.equipment.clone();
    let known = equipment.as_deref().and_then(|code| context.reference.equipment(code));
    let first_shift = context.shift_starts.first().copied().unwrap_or_default();
    WorkReport {
        report_no: String::new(),
        order_no: job.order_no.clone(),
        process_code: job.process_code.clone(),
        process_id: job.process_id,
        process_name: job.process_name.clone(),
        station: context.bench.station.clone(),
        equipment_id: known.and_then(|e| e.equipment_id).or(context.bench.equipment_id),
        equipment,
        work_date: context.zone.production_day(context.now, first_shift),
        work_hours: hours.hours,
        output_quantity: Decimal::ZERO,
        qualified_quantity: Decimal::ZERO,
        unqualified_quantity: Decimal::ZERO,
        worker_no: operator.worker_no.clone(),
        worker_id: operator.worker_id,
        worker_name: operator.name.clone(),
        crew: Vec::new(),
        defects: Vec::new(),
        serials: Vec::new(),
        to_inspect: Decimal::ZERO,
        counted_quantity: None,
        is_final: false,
        voids: None,
        flags,
        scans: Vec::new(),
        clock_synced: context.clock_synced,
    }
}

/// Whether it tells of more than time.
fn says_something(report: &WorkReport) -> bool {
    report.is_final || has_pieces(report)
}

pub fn has_pieces(report: &WorkReport) -> bool {
    !report.output_quantity.is_zero() || !report.to_inspect.is_zero()
}

/// Decimals know a zero below zero, which nobody wants to read.
fn negated(number: Decimal) -> Decimal {
    if number.is_zero() { Decimal::ZERO } else { -number }
}

impl Dialogue {
    /// Who a labor is of. A worker who has left is known by the number alone.
    fn member(&self, worker_no: &str) -> Operator {
        let member = self.crew.iter().find(|operator| operator.worker_no == worker_no);
        member.cloned().unwrap_or_else(|| Operator {
            worker_no: worker_no.to_owned(),
            worker_id: None,
            name: None,
            unverified: false,
        })
    }

    /// A report for a job at hand by the one who reports for all.
    pub(super) fn draft(&self, job: &Job, is_last: bool, context: &Context) -> WorkReport {
        let operator = self.crew.first().cloned().unwrap_or_else(|| self.member(""));
        let labor = job.labor.iter().find(|labor| labor.worker_no == operator.worker_no);
        let nothing = Labor::of(&operator.worker_no);
        let hours = labor.unwrap_or(&nothing).hours(context.now, job.sharing, is_last);
        let mut report = draft(job, &operator, &hours, context);
        if job.phase == Phase::Paused {
            report.flags.push("while_paused".to_owned());
        }
        report.crew = job
            .labor
            .iter()
            .flat_map(|labor| labor.told(context.now, context.zone, is_last))
            .collect();
        report.scans.clone_from(&self.trace);
        report
    }

    /// Takes an accepted report into the state: counts go up, the reported time is no longer unreported. Gives the hours
    /// of the others who worked at it.
    pub(super) fn book(&mut self, report: &WorkReport, context: &Context) -> Vec<WorkReport> {
        let Some(job) = self.jobs_mut().find(|job| job.is_of(report)) else {
            return Vec::new();
        };
        job.qualified += report.qualified_quantity;
        job.unqualified += report.unqualified_quantity;
        let sharing = job.sharing;
        let own = Hours {
            hours: report.work_hours,
            is_cut: report.flags.iter().any(|flag| flag == "hours_cut"),
        };
        let mut others = Vec::new();
        let mut labors = std::mem::take(&mut job.labor);
        let job = job.clone();
        for labor in &mut labors {
            if labor.worker_no == report.worker_no {
                labor.settle(&own, context.now, sharing);
                continue;
            }
            let hours = labor.hours(context.now, sharing, report.is_final);
            if !hours.hours.is_zero() {
                let mut of_other = draft(&job, &self.member(&labor.worker_no), &hours, context);
                of_other.flags.push("crew_hours".to_owned());
                others.push(of_other);
            }
            labor.settle(&hours, context.now, sharing);
        }
        if let Some(job) = self.jobs_mut().find(|job| job.is_of(report)) {
            job.labor = labors;
        }
        others
    }

    /// Reports of one scan that can be taken back together. An order that was completed is open again before its pieces are
    /// taken back.
    pub(super) fn remember(&mut self, reports: &[WorkReport], context: &Context) {
        let reports: Vec<_> = reports
            .iter()
            .filter(|report| says_something(report))
            .cloned()
            .collect();
        if reports.is_empty() {
            return;
        }
        self.undoable.push_back(Undoable {
            at: context.now,
            reports,
        });
        if self.undoable.len() > UNDOABLE_MAX {
            self.undoable.pop_front();
        }
    }

    /// The report that takes another one back. Time that its worker can still report is unreported again; other time
    /// stays as it was reported, for it was worked.
    pub(super) fn void(&mut self, report: &WorkReport, context: &Context) -> WorkReport {
        let is_here = self.crew.iter().any(|operator| operator.worker_no == report.worker_no);
        let mut work_hours = Decimal::ZERO;
        if let Some(job) = self.jobs_mut().find(|job| job.is_of(report))
            && is_here
        {
            job.labor_of(&report.worker_no).give_back(report.work_hours);
            work_hours = negated(report.work_hours);
        }
        let left = self.job.iter_mut().chain(&mut self.batch).chain(&mut self.left);
        for job in left.filter(|job| job.is_of(report)) {
            job.qualified -= report.qualified_quantity;
            job.unqualified -= report.unqualified_quantity;
        }
        let taken_back = |defect: &Defect| Defect {
            quantity: negated(defect.quantity),
            ..defect.clone()
        };
        WorkReport {
            report_no: String::new(),
            work_hours,
            output_quantity: negated(report.output_quantity),
            qualified_quantity: negated(report.qualified_quantity),
            unqualified_quantity: negated(report.unqualified_quantity),
            defects: report.defects.iter().map(taken_back).collect(),
            to_inspect: negated(report.to_inspect),
            counted_quantity: None,
            crew: Vec::new(),
            voids: Some(report.report_no.clone()),
            flags: report
                .flags
                .iter()
                .filter(|flag| *flag == UNVERIFIED)
                .cloned()
                .collect(),
            scans: Vec::new(),
            clock_synced: context.clock_synced,
            ..report.clone()
        }
    }

    /// The report numbers are given when reports are accepted; UNDO needs them later.
    pub fn number(&mut self, report: &WorkReport) {
        let is_same = |known: &&mut WorkReport| {
            known.report_no.is_empty() && known.order_no == report.order_no && known.process_code == report.process_code
        };
        if says_something(report)
            && report.voids.is_none()
            && let Some(last) = self.undoable.back_mut()
            && let Some(known) = last.reports.iter_mut().find(is_same)
        {
            known.report_no.clone_from(&report.report_no);
        }
    }

    /// Time of the jobs at hand that no report has carried yet, of one worker or of all, as reports without pieces.
    /// `is_last`: these workers report no more of it.
    fn unreported(
        &mut self,
        worker_no: Option<&str>,
        is_last: bool,
        flags: &[&str],
        context: &Context,
    ) -> Vec<WorkReport> {
        let mut reports = Vec::new();
        let mut jobs: Vec<Job> = self.jobs_mut().map(|job| job.clone()).collect();
        for job in &mut jobs {
            let mut labors = std::mem::take(&mut job.labor);
            for labor in labors
                .iter_mut()
                .filter(|l| worker_no.is_none_or(|no| no == l.worker_no))
            {
                let hours = labor.hours(context.now, job.sharing, is_last);
                let told: Vec<_> = labor.told(context.now, context.zone, is_last).collect();
                let tells_of_stop = is_last && told.iter().any(|member| member.activity == Activity::Stop);
                if hours.hours.is_zero() && !tells_of_stop {
                    continue;
                }
                let mut report = draft(job, &self.member(&labor.worker_no), &hours, context);
                report.crew = told;
                report.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
                if is_last {
                    labor.settle(&hours, context.now, job.sharing);
                } else {
                    labor.settle_by_clock(&hours, context.now, job.sharing);
                }
                reports.push(report);
            }
            job.labor = labors;
        }
        for (job, settled) in self.jobs_mut().zip(jobs) {
            *job = settled;
        }
        reports
    }

    /// The hours of one who goes.
    pub(super) fn hours_of(&mut self, worker_no: &str, context: &Context) -> Vec<WorkReport> {
        for job in self.jobs_mut() {
            job.labor_of(worker_no).end(context.now);
        }
        self.unreported(Some(worker_no), true, &[], context)
    }

    /// Everyone's hours up to now, who go on after it: the clock asks for them, not a person.
    pub(super) fn hours_so_far(&mut self, flags: &[&str], context: &Context) -> Vec<WorkReport> {
        self.unreported(None, false, flags, context)
    }

    /// Closes the intervals of the jobs at hand and lays them among those left behind. Time that no report has carried yet
    /// becomes one, so that it stays with the workers whose time it was.
    pub(super) fn leave_jobs(&mut self, context: &Context, flags: &[&str]) -> Vec<WorkReport> {
        self.halt(context.now);
        let reports = self.unreported(None, true, flags, context);
        for job in self.jobs_mut() {
            job.labor.clear();
        }
        self.set_jobs_aside();
        reports
    }
}
