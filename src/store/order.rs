//! What a report does to its order. Pure: rows in, rows out.
//!
//! * Completed is what the last process of the routing produced in qualified pieces; without a routing every report counts.
//! * The first report takes an order from released (2) to in production (3). It is finished (4) when its last process
//!   reported `final`, or when the ordered quantity is complete.
//! * A void takes back what its report did, and may take a finished order back to 3. A closed order (5) takes nothing.
//! * An order that its quantity alone has finished still takes pieces, marked as over: stations allow some more than the
//!   plan, and have said so to their operators. `final` of its last process, or a planner's word, ends that.
//! * A finished order takes no more pieces then, but still hours and `final`: who has just reported the last piece scans
//!   DONE and signs off after that. What was made before it was finished and only arrives now, from a gateway that was cut
//!   off, was made all the same: it is taken, and marked as late.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use rust_decimal::Decimal;

use super::payload::Rejection;
use crate::fields::fits_quantity;
use crate::record::WorkReport;

/// `production_order.status`.
pub mod status {
    pub const RELEASED: i64 = 2;
    pub const IN_PRODUCTION: i64 = 3;
    pub const FINISHED: i64 = 4;
    pub const CLOSED: i64 = 5;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub id: i64,
    pub code: String,
    pub name: String,
    pub sequence: i64,
}

/// What has been reported for one process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    pub output: Decimal,
    pub qualified: Decimal,
    pub unqualified: Decimal,
    pub work_hours: Decimal,
    /// Reports marked final and not voided.
    pub final_reports: i64,
    /// Of pieces or `final`: hours alone come when the work is over.
    pub last_report: Option<NaiveDateTime>,
}

#[derive(Debug, Clone)]
pub struct Order {
    pub id: i64,
    pub number: String,
    pub quantity: Decimal,
    pub completed: Decimal,
    pub status: i64,
    pub product_id: i64,
    pub product_code: String,
    pub product_name: String,
    /// In the order of their sequence.
    pub routing: Vec<Process>,
    pub progress: HashMap<String, Progress>,
}

/// The part of an earlier report that a void has to know.
#[derive(Debug, Clone)]
pub struct Reported {
    pub order_no: String,
    pub process_code: String,
    pub output: Decimal,
    pub qualified: Decimal,
    pub unqualified: Decimal,
    pub work_hours: Decimal,
    pub is_final: bool,
    pub is_void: bool,
    pub voided_by: Option<String>,
}

impl Order {
    /// The process of a report; none when the order has no routing.
    pub fn process(&self, code: &str) -> Result<Option<&Process>, Rejection> {
        if self.routing.is_empty() {
            return Ok(None);
        }
        self.routing
            .iter()
            .find(|process| process.code == code)
            .map(Some)
            .ok_or_else(|| {
                Rejection::new(
                    "process_not_found",
                    format!("order {} has no process `{code}`", self.number),
                )
            })
    }

    /// The code of the process that a station names, which may know no more than its sequence.
    pub fn meant_process<'p>(&'p self, told: &'p str) -> &'p str {
        let is_known = self.routing.iter().any(|process| process.code == told);
        let by_sequence = self.routing.iter().find(|process| process.sequence.to_string() == told);
        by_sequence.filter(|_| !is_known).map_or(told, |process| &process.code)
    }

    /// Applies a report, or says why not and changes nothing. `voided` is the report it takes back.
    pub fn apply(
        &mut self,
        report: &WorkReport,
        at: NaiveDateTime,
        voided: Option<&Reported>,
    ) -> Result<(), Rejection> {
        self.check_reportable(report, at)?;
        self.process(&report.process_code)?;
        if let Some(voided) = voided {
            check_void(report, voided)?;
        }
        let counts = self.counts(&report.process_code);
        let completed = if counts {
            self.completed + report.qualified_quantity
        } else {
            self.completed
        };
        let mut progress = self.progress.get(&report.process_code).cloned().unwrap_or_default();
        progress.output += report.output_quantity;
        progress.qualified += report.qualified_quantity;
        progress.unqualified += report.unqualified_quantity;
        progress.work_hours += report.work_hours;
        progress.final_reports += match voided {
            Some(voided) => -i64::from(voided.is_final),
            None => i64::from(report.is_final),
        };
        if voided.is_none() && (has_pieces(report) || report.is_final) {
            progress.last_report = progress.last_report.max(Some(at));
        }
        if ![completed, progress.output, progress.qualified, progress.unqualified]
            .into_iter()
            .all(fits_quantity)
        {
            return Err(Rejection::new(
                "quantity_overflow",
                "the sums of the order would leave DECIMAL(18,4)",
            ));
        }
        self.completed = completed;
        self.progress.insert(report.process_code.clone(), progress);
        let stays_finished = self.status == status::FINISHED && voided.is_none();
        self.status = if stays_finished || self.is_finished() {
            status::FINISHED
        } else {
            status::IN_PRODUCTION
        };
        Ok(())
    }

    /// By its own reports, whatever its status says.
    pub fn is_finished(&self) -> bool {
        self.has_final() || self.completed >= self.quantity
    }

    fn has_final(&self) -> bool {
        self.progress
            .iter()
            .any(|(code, p)| self.counts(code) && p.final_reports > 0)
    }

    /// The quantity is there, and nobody has said that this is all.
    fn is_full(&self) -> bool {
        self.completed >= self.quantity && !self.has_final()
    }

    /// What the last process, or without a routing every process, has completed.
    pub fn counted(&self) -> Decimal {
        self.progress
            .iter()
            .filter(|(code, _)| self.counts(code))
            .map(|(_, p)| p.qualified)
            .sum()
    }

    fn counts(&self, process_code: &str) -> bool {
        self.routing.last().is_none_or(|last| last.code == process_code)
    }

    /// Whether pieces come in after the order was finished that were reported at their station before that.
    fn is_late(&self, report: &WorkReport, at: NaiveDateTime) -> bool {
        let of_last = self.progress.iter().filter(|(code, _)| self.counts(code));
        let finished = of_last.filter_map(|(_, progress)| progress.last_report).max();
        self.status == status::FINISHED
            && report.voids.is_none()
            && has_pieces(report)
            && finished.is_some_and(|finished| at < finished)
    }

    /// What has to be said of a report beside what its station says.
    pub fn remark(&self, report: &WorkReport, at: NaiveDateTime) -> Option<&'static str> {
        let counts = self.counts(&report.process_code) && report.qualified_quantity > Decimal::ZERO;
        if self.is_late(report, at) {
            Some("late")
        } else {
            (self.status == status::FINISHED && counts).then_some("over_quantity")
        }
    }

    fn check_reportable(&self, report: &WorkReport, at: NaiveDateTime) -> Result<(), Rejection> {
        let why = match self.status {
            status::RELEASED | status::IN_PRODUCTION => return Ok(()),
            status::FINISHED if report.voids.is_some() || !has_pieces(report) => return Ok(()),
            status::FINISHED if self.is_full() || self.is_late(report, at) => return Ok(()),
            status::FINISHED => "finished",
            status::CLOSED => "closed",
            _ => "not released",
        };
        Err(Rejection::new(
            "order_not_reportable",
            format!("order {} is {why}", self.number),
        ))
    }
}

fn has_pieces(report: &WorkReport) -> bool {
    !report.output_quantity.is_zero() || !report.to_inspect.is_zero()
}

fn check_void(void: &WorkReport, voided: &Reported) -> Result<(), Rejection> {
    let report_no = void.voids.as_deref().unwrap_or_default();
    if voided.order_no != void.order_no || voided.process_code != void.process_code || voided.is_void {
        let detail = format!("`{report_no}` is not a report of this order and process that can be taken back");
        return Err(Rejection::new("report_not_found", detail));
    }
    if let Some(by) = &voided.voided_by {
        return Err(Rejection::new(
            "report_already_voided",
            format!("`{report_no}` was taken back by `{by}`"),
        ));
    }
    let taken = [void.output_quantity, void.qualified_quantity, void.unqualified_quantity];
    if taken != [-voided.output, -voided.qualified, -voided.unqualified] || -void.work_hours > voided.work_hours {
        let detail = format!("a void takes back exactly what `{report_no}` reported");
        return Err(Rejection::new("quantity_mismatch", detail));
    }
    Ok(())
}
