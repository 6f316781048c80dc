//! The time of one worker at one job: intervals of setting up, running and stopping.
//!
//! Time runs in milliseconds and is reported in hundredths of an hour, rounded down; what is left over goes into the next
//! report, so that many short reports add up to the true time. The last report of a worker rounds to nearest.

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::clock::Zone;
use crate::record::{Activity, CrewMember, Timestamp};

/// The unit of reported hours: 0.01 h.
const HOURS_STEP_MS: i64 = 36_000;
/// More labor time than this between two reports means that nobody was there: it is cut, and flagged for review. Reports
/// that the clock alone makes where a shift ends do not show that somebody is there.
const BETWEEN_REPORTS_MAX_MS: i64 = 24 * 3_600_000;
/// Intervals that one report lists at most; of older ones only the time is kept.
const INTERVALS_MAX: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Interval {
    from: Timestamp,
    /// Nothing while it lasts.
    to: Option<Timestamp>,
    activity: Activity,
    reason: Option<String>,
}

impl Interval {
    /// A clock that was set back must not take time away.
    fn ms(&self, now: Timestamp) -> i64 {
        match self.activity {
            Activity::Stop => 0,
            _ => (self.to.unwrap_or(now) - self.from).num_milliseconds().max(0),
        }
    }
}

/// What no report has carried yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Labor {
    pub worker_no: String,
    intervals: Vec<Interval>,
    /// Of intervals that are not listed any more.
    folded_ms: i64,
    /// Reported at the ends of shifts since a person last reported.
    by_clock_ms: i64,
    /// Left over from earlier reports, or given back by an undo.
    carried_ms: i64,
}

/// The time that a report carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    pub hours: Decimal,
    /// More than anybody can have worked was left out.
    pub is_cut: bool,
}

impl Labor {
    pub fn of(worker_no: &str) -> Self {
        Self {
            worker_no: worker_no.to_owned(),
            ..Self::default()
        }
    }

    /// What was done until now ends, something else begins.
    pub fn begin(&mut self, activity: Activity, now: Timestamp) {
        self.end(now);
        self.intervals.push(Interval {
            from: now,
            to: None,
            activity,
            reason: None,
        });
        if self.intervals.len() > INTERVALS_MAX {
            self.folded_ms += self.intervals.remove(0).ms(now);
        }
    }

    pub fn end(&mut self, now: Timestamp) {
        if let Some(open) = self.intervals.last_mut().filter(|interval| interval.to.is_none()) {
            open.to = Some(now.max(open.from));
        }
    }

    /// The clock was set: everyone has worked for as long as before.
    pub fn clock_was_set(&mut self, by: TimeDelta) {
        for interval in &mut self.intervals {
            interval.from += by;
            interval.to = interval.to.map(|to| to + by);
        }
    }

    /// What goes on at this moment.
    pub fn activity(&self) -> Option<Activity> {
        self.intervals
            .last()
            .filter(|interval| interval.to.is_none())
            .map(|interval| interval.activity)
    }

    pub fn since(&self) -> Option<Timestamp> {
        self.intervals.iter().map(|interval| interval.from).min()
    }

    /// Says why work stopped, or had stopped before it went on; false when no stop is known.
    pub fn explain_stop(&mut self, reason: &str) -> bool {
        let stop = self
            .intervals
            .iter_mut()
            .rev()
            .find(|interval| interval.activity == Activity::Stop);
        if let Some(stop) = stop {
            stop.reason = Some(reason.to_owned());
            return true;
        }
        false
    }

    /// The unreported time; jobs that run together share it.
    fn ms(&self, now: Timestamp, jobs: u32) -> i64 {
        let listed_ms: i64 = self.intervals.iter().map(|interval| interval.ms(now)).sum();
        let worked_ms = self.folded_ms + listed_ms;
        (self.carried_ms + worked_ms / i64::from(jobs.max(1))).max(0)
    }

    pub fn hours(&self, now: Timestamp, jobs: u32, is_last: bool) -> Hours {
        let ms = self.ms(now, jobs);
        let limit_ms = (BETWEEN_REPORTS_MAX_MS - self.by_clock_ms).max(0);
        let is_cut = ms > limit_ms;
        let rounding = if is_last { HOURS_STEP_MS / 2 } else { 0 };
        Hours {
            hours: hours(ms.min(limit_ms) + rounding),
            is_cut,
        }
    }

    /// The intervals as a report lists them: labor, and stops whose reason was told. A stop that lasts waits for its end,
    /// unless no later report can tell of it.
    pub fn told(&self, now: Timestamp, zone: Zone, is_last: bool) -> impl Iterator<Item = CrewMember> {
        let is_told = move |interval: &&Interval| match interval.activity {
            Activity::Stop => interval.reason.is_some() && (interval.to.is_some() || is_last),
            _ => interval.ms(now) > 0,
        };
        self.intervals.iter().filter(is_told).map(move |interval| CrewMember {
            worker_no: self.worker_no.clone(),
            from: zone.rfc3339(interval.from),
            to: zone.rfc3339(interval.to.unwrap_or(now)),
            activity: interval.activity,
            reason: interval.reason.clone(),
        })
    }

    /// A report has carried this much.
    pub fn settle(&mut self, reported: &Hours, now: Timestamp, jobs: u32) {
        let left_ms = self.ms(now, jobs) - ms(reported.hours);
        self.carried_ms = if reported.is_cut { 0 } else { left_ms };
        self.folded_ms = 0;
        self.by_clock_ms = 0;
        self.intervals.retain(|interval| interval.to.is_none());
        // A stop is told whole when it has ended.
        if let Some(open) = self.intervals.last_mut().filter(|i| i.activity != Activity::Stop) {
            // Also when the clock was set back meanwhile: time goes on from here.
            open.from = now;
        }
    }

    /// A report that nobody made has carried this much.
    pub fn settle_by_clock(&mut self, reported: &Hours, now: Timestamp, jobs: u32) {
        let by_clock_ms = self.by_clock_ms + ms(reported.hours);
        self.settle(reported, now, jobs);
        self.by_clock_ms = by_clock_ms;
    }

    /// An undo makes reported time unreported again.
    pub fn give_back(&mut self, reported: Decimal) {
        self.carried_ms += ms(reported);
    }
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

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    #[test]
    fn hours_are_hundredths_and_back() {
        assert_eq!(hours(3_600_000), Decimal::new(100, 2));
        assert_eq!(hours(35_999), Decimal::ZERO);
        assert_eq!(ms(Decimal::new(125, 2)), 125 * HOURS_STEP_MS);
        assert_eq!(ms(hours(-7_200_000)), -7_200_000);
    }

    #[test]
    fn stops_are_no_labor_and_are_listed_once_they_are_explained() {
        let mut labor = Labor::of("7");
        labor.begin(Activity::Setup, at(0));
        labor.begin(Activity::Run, at(6));
        labor.begin(Activity::Stop, at(30));
        assert!(labor.explain_stop("D01"));
        labor.begin(Activity::Run, at(50));
        labor.begin(Activity::Stop, at(60));
        let worked = labor.hours(at(70), 1, false);
        assert_eq!(worked.hours, Decimal::new(66, 2), "6 + 24 + 10 minutes, rounded down");
        let told: Vec<_> = labor
            .told(at(70), Zone::UTC, false)
            .map(|m| (m.activity, m.reason))
            .collect();
        let explained = (Activity::Stop, Some("D01".to_owned()));
        let listed = [
            (Activity::Setup, None),
            (Activity::Run, None),
            explained,
            (Activity::Run, None),
        ];
        assert_eq!(told, listed);
        labor.settle(&worked, at(70), 1);
        labor.begin(Activity::Run, at(80));
        let minute = labor.hours(at(81), 1, false);
        assert_eq!(minute.hours, Decimal::new(2, 2), "the minute and the 24 s left over");
    }

    #[test]
    fn jobs_that_run_together_share_the_time() {
        let mut labor = Labor::of("7");
        labor.begin(Activity::Run, at(0));
        assert_eq!(labor.hours(at(60), 4, false).hours, Decimal::new(25, 2));
    }

    #[test]
    fn intervals_that_are_not_listed_any_more_are_shared_as_well() {
        let mut labor = Labor::of("7");
        for minute in 0..120 {
            labor.begin(Activity::Run, at(minute));
        }
        assert_eq!(labor.hours(at(120), 2, true).hours, Decimal::new(100, 2));
    }

    #[test]
    fn a_clock_that_was_set_back_costs_no_time_after_the_next_report() {
        let mut labor = Labor::of("7");
        labor.begin(Activity::Run, at(600));
        let nothing = labor.hours(at(60), 1, false);
        labor.settle(&nothing, at(60), 1);
        assert_eq!(labor.hours(at(120), 1, false).hours, Decimal::new(100, 2));
    }

    #[test]
    fn many_stops_keep_their_labor_and_bound_their_list() {
        let mut labor = Labor::of("7");
        for minute in 0..200 {
            let activity = if minute % 2 == 0 { Activity::Run } else { Activity::Stop };
            labor.begin(activity, at(minute));
        }
        assert_eq!(labor.hours(at(200), 1, true).hours, Decimal::new(167, 2));
        assert!(labor.told(at(200), Zone::UTC, true).count() <= INTERVALS_MAX);
    }
}
