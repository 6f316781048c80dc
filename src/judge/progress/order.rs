//! The progress of one order, as this gateway can know it: the central figure, and what was reported here beyond it.
//!
//! * Pieces reported here are ahead of the central figure until it grows: growth is taken for ours first. While others
//!   report too, the figure may for a moment be too small by what is on its way; no piece is ever counted twice, and when
//!   all is delivered it is the central figure.
//! * Growth that is not ours is a lot of others: it makes the pace like one of ours.
//! * The end is estimated from the last lot on. When the next lot is overdue, the estimate moves with time.
//! * An order is late when even the early end of the estimate lies after its due time, and no more when the estimate itself
//!   lies before it. Past its due time it is late for certain.

use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::pace::{self, Pace};
use super::{Form, Mark, figure, number};
use crate::clock::Zone;
use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::{Severity, Timestamp, WorkReport};

/// Lots that are kept, more than the pace looks at, so that some can be taken back.
const LOTS_KEPT: usize = 40;
/// Lots that the pace looks at.
const LOTS_LATEST: usize = 25;
/// Processes of one order that are counted one by one.
const PROCESSES_MAX: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Progress is told at every so many percent.
    pub step_percent: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { step_percent: 5.0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Planned,
    Released,
    InProgress,
    Completed,
    Closed,
}

/// What the centre says of an order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    pub status: Status,
    pub quantity: Decimal,
    /// The end of its day of delivery.
    pub due: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lot {
    mark: Option<Mark>,
    at: Timestamp,
    pieces: Decimal,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderProgress {
    form: Form<1>,
    /// The central figure as it was last seen.
    central: Decimal,
    /// Reported here and not in the central figure yet.
    ahead: Decimal,
    lots: VecDeque<Lot>,
    last_report: Option<Timestamp>,
    /// The report that said that nothing more comes.
    closing: Option<Mark>,
    /// By process code: what came out of it here.
    processes: BTreeMap<String, Made>,
    late: Option<Severity>,
    told: Option<Told>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub output: Decimal,
    pub qualified: Decimal,
}

/// What was last told of an order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Told {
    status: Status,
    step: i64,
    is_late: bool,
    expected: Option<Timestamp>,
    spread_s: Option<i64>,
}

/// `PROGRESS_UPDATED`, without the order's number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    pub status: Status,
    /// Of the plan, to a tenth; nothing while the plan is unknown.
    pub progress_percent: Option<f64>,
    pub completed_qty: Decimal,
    pub plan_qty: Option<Decimal>,
    pub estimated_completion: Option<Timestamp>,
    pub last_report_time: Option<Timestamp>,
    /// In nine of ten cases the end lies between these.
    pub earliest_completion: Option<Timestamp>,
    pub latest_completion: Option<Timestamp>,
    /// Pieces per planned hour.
    pub rate_per_hour: Option<f64>,
    pub due: Option<Timestamp>,
    pub is_late: bool,
}

/// What a look at an order gives.
#[derive(Debug)]
pub struct Looked {
    pub progress: Progress,
    /// To be told to the centre.
    pub is_news: bool,
    pub finding: Option<Finding>,
}

/// An estimated end.
#[derive(Debug, Clone, Copy, Default)]
struct Estimate {
    per_hour: Option<f64>,
    expected: Option<Timestamp>,
    earliest: Option<Timestamp>,
    latest: Option<Timestamp>,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "PLANNED",
            Self::Released => "RELEASED",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Closed => "CLOSED",
        }
    }
}

impl OrderProgress {
    /// Takes a report in, or what it takes back out. `completes`: of the process that completes the order.
    pub fn report(&mut self, report: &WorkReport, at: Timestamp, completes: bool) {
        if self.processes.len() < PROCESSES_MAX || self.processes.contains_key(&report.process_code) {
            let made = self.processes.entry(report.process_code.clone()).or_default();
            made.output += report.output_quantity;
            made.qualified += report.qualified_quantity;
        }
        let mark = Mark::meant_by(report);
        if completes && report.is_final {
            self.closing = report.voids.is_none().then_some(mark);
        }
        if report.voids.is_none() {
            self.last_report = self.last_report.max(Some(at));
        }
        if !completes || report.qualified_quantity.is_zero() {
            return;
        }
        self.ahead += report.qualified_quantity;
        if report.voids.is_some() {
            self.lots.retain(|lot| lot.mark != Some(mark));
        } else {
            self.lot(Some(mark), at, report.qualified_quantity);
        }
    }

    fn lot(&mut self, mark: Option<Mark>, at: Timestamp, pieces: Decimal) {
        let at = self.lots.back().map_or(at, |last| at.max(last.at));
        self.lots.push_back(Lot { mark, at, pieces });
        if self.lots.len() > LOTS_KEPT {
            self.lots.pop_front();
        }
    }

    /// Takes in what the centre has counted by now.
    pub fn central(&mut self, completed: Decimal, at: Timestamp) {
        let growth = completed - self.central;
        self.central = completed;
        let is_ours = growth.is_sign_negative() == self.ahead.is_sign_negative();
        let ours = if !is_ours {
            Decimal::ZERO
        } else if growth.abs() < self.ahead.abs() {
            growth
        } else {
            self.ahead
        };
        self.ahead -= ours;
        let others = growth - ours;
        if others > Decimal::ZERO && !self.lots.is_empty() {
            self.lot(None, at, others);
        }
    }

    pub fn completed(&self) -> Decimal {
        self.central + self.ahead
    }

    /// What came out of each process here.
    pub fn processes(&self) -> &BTreeMap<String, Made> {
        &self.processes
    }

    /// How the order stands; nothing of it is kept.
    pub fn view(&self, plan: Option<&Plan>, now: Timestamp, calendar: &Calendar) -> Progress {
        let completed = self.completed();
        let due = plan.and_then(|plan| plan.due);
        let left = plan.map_or(Decimal::ZERO, |plan| plan.quantity - completed);
        let estimate = if left > Decimal::ZERO && self.closing.is_none() {
            self.estimate(number(left), now, calendar)
        } else {
            Estimate::default()
        };
        let percent = |plan: &Plan| number(completed) / number(plan.quantity) * 100.0;
        let progress_percent = plan.filter(|plan| plan.quantity > Decimal::ZERO).map(percent);
        let status = self.status(plan);
        Progress {
            status,
            progress_percent: progress_percent.map(|percent| (percent * 10.0).round() / 10.0),
            completed_qty: completed.normalize(),
            plan_qty: plan.map(|plan| plan.quantity),
            estimated_completion: estimate.expected,
            last_report_time: self.last_report,
            earliest_completion: estimate.earliest,
            latest_completion: estimate.latest,
            rate_per_hour: estimate.per_hour.map(|rate| (rate * 100.0).round() / 100.0),
            due,
            // Where nobody looked yet, because nothing was reported here, time alone says so.
            is_late: self.late.is_some() || open_until(status, due).is_some_and(|due| now > due),
        }
    }

    fn status(&self, plan: Option<&Plan>) -> Status {
        let Some(plan) = plan else {
            return Status::InProgress;
        };
        match plan.status {
            Status::Closed => Status::Closed,
            _ if self.closing.is_some() || self.completed() >= plan.quantity => Status::Completed,
            // What the centre calls completed may have been taken back here.
            Status::Completed if self.ahead >= Decimal::ZERO => Status::Completed,
            _ if self.last_report.is_some() => Status::InProgress,
            status => status,
        }
    }

    fn estimate(&self, left: f64, now: Timestamp, calendar: &Calendar) -> Estimate {
        let latest = self.lots.iter().skip(self.lots.len().saturating_sub(LOTS_LATEST));
        let following = latest.clone().skip(1).zip(latest).map(|(lot, before)| pace::Lot {
            pieces: number(lot.pieces),
            hours: calendar.planned_between(before.at, lot.at).as_seconds_f64() / 3600.0,
        });
        let lots: Vec<_> = following.collect();
        let Some((pace, last)) = Pace::of(&lots).zip(self.lots.back()) else {
            return Estimate::default();
        };
        let rest = pace.rest(left);
        let overdue = (calendar.planned_between(last.at, now) - pace.lot_time()).max(TimeDelta::zero());
        let end = |planned: TimeDelta| calendar.after(last.at, planned + overdue);
        Estimate {
            per_hour: Some(pace.per_hour),
            expected: end(rest.expected),
            earliest: rest.spread.and_then(|spread| end(rest.expected - spread)),
            latest: rest.spread.and_then(|spread| end(rest.expected + spread)),
        }
    }

    /// The key of its being late, while it is.
    pub fn late_key(&self, order_no: &str) -> Option<String> {
        self.late.map(|_| key(order_no))
    }

    /// Looks at the order: whether it is late, and whether there is something to tell.
    pub fn look(
        &mut self,
        order_no: &str,
        plan: Option<&Plan>,
        now: Timestamp,
        calendar: &Calendar,
        settings: Settings,
    ) -> Looked {
        let mut progress = self.view(plan, now, calendar);
        let finding = self.lateness(order_no, &progress, now, calendar.zone());
        progress.is_late = self.late.is_some();
        let is_news = self.is_news(&progress, settings);
        Looked {
            progress,
            is_news,
            finding,
        }
    }

    fn lateness(&mut self, order_no: &str, progress: &Progress, now: Timestamp, zone: Zone) -> Option<Finding> {
        let due = open_until(progress.status, progress.due);
        let is_after = |end: Option<Timestamp>| due.is_some_and(|due| end.is_some_and(|end| end > due));
        let level = if is_after(Some(now)) {
            Some(Severity::High)
        } else if is_after(progress.earliest_completion) {
            Some(Severity::Medium)
        } else {
            None
        };
        // An episode outlasts a moment without an estimate.
        let goes_on =
            due.is_some() && (progress.estimated_completion.is_none() || is_after(progress.estimated_completion));
        let change = match (self.late, level) {
            (None, Some(_)) => Change::Begins,
            (Some(worst), Some(level)) if level > worst => Change::Worsens,
            (Some(_), None) if !goes_on => Change::Ends,
            _ => return None,
        };
        let severity = level.or(self.late).unwrap_or(Severity::Medium);
        self.late = level;
        let words = words(order_no, progress, severity, change, zone);
        Some(finding(order_no, progress, now, severity, change, words))
    }

    /// Whether the centre should hear of it; it is then taken for told.
    fn is_news(&mut self, progress: &Progress, settings: Settings) -> bool {
        let seconds = |from: Timestamp, to: Timestamp| (to - from).num_seconds().abs();
        let now = Told {
            status: progress.status,
            step: steps(progress.progress_percent.unwrap_or_default() / settings.step_percent),
            is_late: progress.is_late,
            expected: progress.estimated_completion,
            spread_s: progress
                .estimated_completion
                .zip(progress.latest_completion)
                .map(|(from, to)| seconds(from, to)),
        };
        let is_news = match &self.told {
            // Nobody waits for the progress of what was not begun.
            None => self.last_report.is_some(),
            Some(told) => {
                let has_moved = match (told.expected.zip(told.spread_s), now.expected.zip(now.spread_s)) {
                    (Some((then, spread_s)), Some((end, _))) => seconds(then, end) > spread_s.max(60),
                    (before, after) => before.is_some() != after.is_some(),
                };
                has_moved || (told.status, told.step, told.is_late) != (now.status, now.step, now.is_late)
            }
        };
        if is_news {
            self.told = Some(now);
        }
        is_news
    }
}

/// Until when an order has to be completed, while it is to be worked on.
fn open_until(status: Status, due: Option<Timestamp>) -> Option<Timestamp> {
    due.filter(|_| matches!(status, Status::Released | Status::InProgress))
}

#[expect(clippy::cast_possible_truncation, reason = "a saturating cast of a small number")]
fn steps(steps: f64) -> i64 {
    steps.floor() as i64
}

/// The same key is the same trouble.
fn key(order_no: &str) -> String {
    format!("order_late/{order_no}")
}

fn left(progress: &Progress) -> Decimal {
    let left = progress.plan_qty.map(|plan| plan - progress.completed_qty);
    left.unwrap_or_default().normalize()
}

/// With times as the plant's clocks show them.
fn words(order_no: &str, progress: &Progress, severity: Severity, change: Change, zone: Zone) -> Words {
    let day = |at: Option<Timestamp>| at.map_or_else(|| "?".to_owned(), |at| zone.wall(at));
    let (due, end) = (day(progress.due), day(progress.estimated_completion));
    let left = left(progress);
    let pace = progress.rate_per_hour.map_or_else(|| "?".to_owned(), figure);
    match (change, severity) {
        (Change::Ends, _) => Words::new(
            format!("{order_no} is no longer late: it was due on {due}"),
            format!("{order_no} 不再延期（交期{due}）"),
        ),
        (_, Severity::High) => Words::new(
            format!("{order_no} was due on {due} and lacks {left} pieces"),
            format!("{order_no} 已过交期{due}，尚缺{left}件"),
        ),
        _ => Words::new(
            format!("{order_no} will be late: due on {due}, {left} pieces left at {pace} an hour, expected end {end}"),
            format!("{order_no} 预计延期：交期{due}，剩余{left}件，速度每小时{pace}件，预计{end}完成"),
        ),
    }
}

fn finding(
    order_no: &str,
    progress: &Progress,
    now: Timestamp,
    severity: Severity,
    change: Change,
    words: Words,
) -> Finding {
    Finding {
        key: key(order_no),
        alert_type: "ORDER_LATE".to_owned(),
        severity,
        change,
        at: now,
        subject: Subject {
            order_no: Some(order_no.to_owned()),
            rule: Some("order_late".to_owned()),
            value: Some(number(left(progress))),
            limits: Some(serde_json::json!({
                "due": progress.due,
                "estimated_completion": progress.estimated_completion,
                "earliest_completion": progress.earliest_completion,
                "latest_completion": progress.latest_completion,
            })),
            ..Subject::default()
        },
        words,
    }
}

#[cfg(test)]
mod tests;
