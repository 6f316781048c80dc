//! Labor time per piece of one process, against its standard or against what that process took before.
//!
//! * An observation is a report with pieces: the running time of its worker since the last one, by its intervals, which are
//!   exact to the millisecond; setting up and stops are left out. Reported hours, which come in hundredths, bound it where
//!   intervals are shared or time was carried over. Defects are reported as they occur, with the time of all pieces since
//!   the last report: they wait for the good pieces that the time was for as well.
//! * History is looked at on a logarithmic scale, as times are: median and median absolute deviation of the last
//!   observations of all workers (Iglewicz and Hoaglin 1993). Slow is who takes longer than `factor` times the median, and
//!   three deviations more than it. With a standard, slow is who takes longer than `factor` times that.
//! * Whoever goes on being slow is found again with each report. So an alert that expired, for nothing was heard of its worker,
//!   begins anew with their next slow report.
//! * What is slow is learnt only as far as the limit, so that one slow worker does not become the rule at once.

use std::collections::{BTreeMap, VecDeque};

use chrono::DateTime;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Form, Mark, figure, number};
use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::{Activity, CrewMember, Severity, Timestamp, WorkReport};

/// Observations that history consists of.
const HISTORY: usize = 64;
/// Fewer are no history.
const HISTORY_MIN: usize = 8;
/// Deviations beyond the median, on top of the factor.
const DEVIATIONS: f64 = 3.0;
/// From the median absolute deviation to the standard deviation of a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;
/// An episode ends below this share of the limit.
const RELEASE: f64 = 0.8;
/// Hours are reported in hundredths: intervals may differ from them by as much.
const HOURS_STEP_S: f64 = 36.0;
/// What takes less in all is an irregular scan, not slow work.
const SLOW_FROM_S: f64 = 1.0;
/// Reports of defects that wait for good pieces.
const WAITING_MAX: usize = 32;
/// Workers whose episodes are remembered.
const SLOW_MAX: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub factor: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { factor: 3.0 }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LaborTime {
    form: Form<1>,
    /// Logarithms of seconds per piece.
    history: VecDeque<(Mark, f64)>,
    /// Reports of defects alone, by worker.
    waiting: VecDeque<(Mark, String, Work)>,
    /// Workers who are slow, with the report that said so.
    slow: BTreeMap<String, Mark>,
}

/// What a time per piece is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measure {
    expected_s: f64,
    limit_s: f64,
    is_standard: bool,
}

/// Pieces and the time that they took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Work {
    pieces: f64,
    seconds: f64,
}

impl Work {
    fn and(self, other: Self) -> Self {
        Self {
            pieces: self.pieces + other.pieces,
            seconds: self.seconds + other.seconds,
        }
    }
}

/// The work of a report; nothing when it has no pieces or no time of its worker.
pub fn work(report: &WorkReport) -> Option<Work> {
    let pieces = number(report.output_quantity + report.to_inspect);
    let seconds_of = |activity| -> f64 {
        let own = report.crew.iter().filter(|member| member.worker_no == report.worker_no);
        own.filter(|member| member.activity == activity).map(seconds).sum()
    };
    let reported_s = number(report.work_hours) * 3600.0;
    let (run_s, setup_s) = (seconds_of(Activity::Run), seconds_of(Activity::Setup));
    let worked_s = if run_s + setup_s > 0.0 {
        (run_s + setup_s).clamp(reported_s - HOURS_STEP_S, reported_s + HOURS_STEP_S) - setup_s
    } else {
        reported_s
    };
    (pieces > 0.0 && worked_s > 0.0).then_some(Work {
        pieces,
        seconds: worked_s,
    })
}

fn seconds(member: &CrewMember) -> f64 {
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    match (instant(&member.from), instant(&member.to)) {
        (Some(from), Some(to)) => (to - from).as_seconds_f64().max(0.0),
        _ => 0.0,
    }
}

impl LaborTime {
    /// How many more observations it takes until history can be judged by.
    pub fn learns_for(&self) -> usize {
        HISTORY_MIN.saturating_sub(self.history.len())
    }

    /// Takes a report in, or what it takes back out. `standard_hours` is for one piece.
    pub fn report(
        &mut self,
        report: &WorkReport,
        at: Timestamp,
        standard_hours: Option<Decimal>,
        settings: Settings,
    ) -> Option<Finding> {
        let mark = Mark::meant_by(report);
        if report.voids.is_some() {
            self.history.retain(|(known, _)| *known != mark);
            self.waiting.retain(|(known, _, _)| *known != mark);
            self.slow.get(&report.worker_no).filter(|began| **began == mark)?;
            self.slow.remove(&report.worker_no);
            return Some(taken_back(report, at));
        }
        let work = work(report)?;
        if report.qualified_quantity.is_zero() && report.to_inspect.is_zero() {
            self.waiting.push_back((mark, report.worker_no.clone(), work));
            if self.waiting.len() > WAITING_MAX {
                self.waiting.pop_front();
            }
            return None;
        }
        let is_own = |worker_no: &String| *worker_no == report.worker_no;
        let own = self.waiting.iter().filter(|(_, worker_no, _)| is_own(worker_no));
        let work = own.fold(work, |sum, (_, _, defects)| sum.and(*defects));
        self.waiting.retain(|(_, worker_no, _)| !is_own(worker_no));
        let taken_s = work.seconds / work.pieces;
        let measure = self.measure(standard_hours, settings);
        let learnt_s = measure.map_or(taken_s, |measure| taken_s.min(measure.limit_s));
        self.history.push_back((mark, learnt_s.ln()));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        let measure = measure?;
        let is_known = self.slow.contains_key(&report.worker_no);
        let is_slow = taken_s > measure.limit_s && work.seconds >= SLOW_FROM_S;
        let change = if is_slow && (is_known || self.slow.len() < SLOW_MAX) {
            // Taking back the report that began it ends it.
            self.slow.entry(report.worker_no.clone()).or_insert(mark);
            Change::Begins
        } else if taken_s < RELEASE * measure.limit_s && is_known {
            self.slow.remove(&report.worker_no);
            Change::Ends
        } else {
            return None;
        };
        Some(finding(report, at, taken_s, measure, change))
    }

    fn measure(&self, standard_hours: Option<Decimal>, settings: Settings) -> Option<Measure> {
        let standard_s = standard_hours.map(|hours| number(hours) * 3600.0);
        if let Some(expected_s) = standard_s.filter(|seconds| *seconds > 0.0) {
            return Some(Measure {
                expected_s,
                limit_s: settings.factor * expected_s,
                is_standard: true,
            });
        }
        if self.history.len() < HISTORY_MIN {
            return None;
        }
        let center = median(self.history.iter().map(|(_, log)| *log));
        let sigma = MAD_TO_SIGMA * median(self.history.iter().map(|(_, log)| (log - center).abs()));
        Some(Measure {
            expected_s: center.exp(),
            limit_s: (center + settings.factor.ln().max(DEVIATIONS * sigma)).exp(),
            is_standard: false,
        })
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or_default();
    let lower = sorted.get(middle.saturating_sub(1)).copied().unwrap_or_default();
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(lower, upper)
    } else {
        upper
    }
}

fn base(report: &WorkReport, at: Timestamp, change: Change, words: Words) -> Finding {
    Finding {
        key: format!("labor_time/{}/{}", report.process_code, report.worker_no),
        alert_type: "LABOR_TIME".to_owned(),
        severity: Severity::Medium,
        change,
        at,
        subject: Subject {
            order_no: Some(report.order_no.clone()),
            equipment: report.equipment.clone(),
            worker_no: Some(report.worker_no.clone()),
            ..Subject::default()
        },
        words,
    }
}

fn name(report: &WorkReport) -> String {
    match &report.worker_name {
        Some(name) => format!("{name} ({})", report.worker_no),
        None => report.worker_no.clone(),
    }
}

fn taken_back(report: &WorkReport, at: Timestamp) -> Finding {
    let (who, process) = (name(report), &report.process_code);
    let words = Words::new(
        format!("{who}, process {process}: the slow report was taken back"),
        format!("{who} 工序{process}：工时异常的报工已撤销"),
    );
    base(report, at, Change::Ends, words)
}

fn finding(report: &WorkReport, at: Timestamp, taken_s: f64, measure: Measure, change: Change) -> Finding {
    let (who, order, process) = (name(report), &report.order_no, &report.process_code);
    let (taken, expected) = (figure(taken_s), figure(measure.expected_s));
    let times = figure(taken_s / measure.expected_s);
    let (rule, against, against_zh) = if measure.is_standard {
        ("standard", "the standard is", "标准工时")
    } else {
        ("history", "usual is", "历史中位数")
    };
    let words = if change == Change::Ends {
        Words::new(
            format!("{who} is back at {taken} s per piece in process {process} ({against} {expected} s)"),
            format!("{who} 工序{process}：每件用时{taken}秒，已恢复正常（{against_zh}{expected}秒）"),
        )
    } else {
        Words::new(
            format!(
                "{who} takes {taken} s per piece of {order} in process {process}, {times} times as long as expected: {against} {expected} s"
            ),
            format!("{who} 在{order} 工序{process} 每件用时{taken}秒，为{against_zh}{expected}秒的{times}倍，工时异常"),
        )
    };
    let mut finding = base(report, at, change, words);
    finding.subject.rule = Some(rule.to_owned());
    finding.subject.value = Some(taken_s);
    finding.subject.limits = Some(serde_json::json!({"expected_s": measure.expected_s, "limit_s": measure.limit_s}));
    finding
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, report, void, worked};
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: Settings = Settings { factor: 3.0 };

    /// The nth report: so many minutes of running for ten pieces, by this worker.
    fn ten_pieces(nth: u32, minutes: i64, worker_no: &str) -> WorkReport {
        let mut report = report(nth, 10, 0);
        worker_no.clone_into(&mut report.worker_no);
        worked(report, 0, minutes, Activity::Run)
    }

    fn learnt() -> LaborTime {
        let mut labor = LaborTime::default();
        for nth in 0..12 {
            let told = labor.report(
                &ten_pieces(nth, 9 + i64::from(nth % 3), "7"),
                at(i64::from(nth)),
                None,
                SETTINGS,
            );
            assert_eq!(told, None);
        }
        labor
    }

    fn per_piece(report: &WorkReport) -> Option<f64> {
        work(report).map(|work| work.seconds / work.pieces)
    }

    #[test]
    fn time_is_running_time_to_the_second_and_hours_are_its_bounds() {
        let plain = worked(report(1, 10, 0), 0, 20, Activity::Run);
        assert_eq!(per_piece(&plain), Some(120.0));
        let set_up = worked(plain.clone(), 20, 50, Activity::Setup);
        assert_eq!(per_piece(&set_up), Some(120.0), "setting up is not the piece's");
        let stopped = worked(
            WorkReport {
                work_hours: plain.work_hours,
                ..plain.clone()
            },
            20,
            20,
            Activity::Stop,
        );
        assert_eq!(per_piece(&stopped), Some(120.0));
        let of_four_jobs = WorkReport {
            work_hours: Decimal::new(8, 2),
            ..plain.clone()
        };
        assert_eq!(
            per_piece(&of_four_jobs),
            Some((288.0 + 36.0) / 10.0),
            "a quarter of the interval"
        );
        let carried = WorkReport {
            work_hours: Decimal::new(100, 2),
            ..plain.clone()
        };
        assert_eq!(
            per_piece(&carried),
            Some((3600.0 - 36.0) / 10.0),
            "time that an undo gave back"
        );
        let told = WorkReport {
            crew: Vec::new(),
            ..plain.clone()
        };
        assert_eq!(per_piece(&told), Some(33.0 * 36.0 / 10.0), "hours alone");
        let of_other = WorkReport {
            output_quantity: Decimal::ZERO,
            ..plain
        };
        assert_eq!(per_piece(&of_other), None);
    }

    #[test]
    fn a_slow_worker_is_named_and_a_usual_one_is_not() {
        let mut labor = learnt();
        assert_eq!(
            labor.report(&ten_pieces(20, 25, "8"), at(20), None, SETTINGS),
            None,
            "2.5 times the usual"
        );
        let finding = labor
            .report(&ten_pieces(21, 40, "8"), at(21), None, SETTINGS)
            .expect("a finding");
        assert_eq!(
            (finding.change, finding.key.as_str()),
            (Change::Begins, "labor_time/0030/8")
        );
        assert_eq!(finding.subject.value, Some(240.0));
        assert!(
            finding.words.en.contains("8 takes 240 s per piece") && finding.words.en.contains("4 times"),
            "{}",
            finding.words.en
        );
        let goes_on = labor.report(&ten_pieces(22, 50, "8"), at(22), None, SETTINGS);
        assert_eq!(
            goes_on.map(|finding| (finding.change, finding.key)),
            Some((Change::Begins, finding.key)),
            "found again: whoever tells of it knows whether that is news"
        );
        let between = labor.report(&ten_pieces(24, 25, "8"), at(22), None, SETTINGS);
        assert_eq!(between, None, "no longer slow, and not yet as usual");
        let end = labor
            .report(&ten_pieces(23, 10, "8"), at(23), None, SETTINGS)
            .expect("an end");
        assert_eq!(end.change, Change::Ends);
    }

    #[test]
    fn defects_wait_for_the_good_pieces_of_the_same_time() {
        let mut labor = learnt();
        let scrap = |nth| WorkReport {
            qualified_quantity: Decimal::ZERO,
            output_quantity: Decimal::ONE,
            ..ten_pieces(nth, 8, "8")
        };
        assert_eq!(
            labor.report(&scrap(20), at(20), None, SETTINGS),
            None,
            "8 minutes, but not for one piece"
        );
        let rest = ten_pieces(21, 2, "8");
        assert_eq!(
            labor.report(&rest, at(21), None, SETTINGS),
            None,
            "11 pieces in 10 minutes"
        );
        labor.report(&scrap(22), at(22), None, SETTINGS);
        labor.report(&void(&scrap(22)), at(23), None, SETTINGS);
        let taken = labor.report(&ten_pieces(24, 29, "8"), at(24), None, SETTINGS);
        assert_eq!(taken, None, "what was taken back takes no time");
    }

    #[test]
    fn a_standard_is_believed_from_the_first_piece() {
        let standard = Some(Decimal::new(1, 2));
        let mut labor = LaborTime::default();
        assert_eq!(
            labor.report(&ten_pieces(1, 17, "8"), at(1), standard, SETTINGS),
            None,
            "102 s of 36 s"
        );
        let finding = labor
            .report(&ten_pieces(2, 19, "8"), at(2), standard, SETTINGS)
            .expect("a finding");
        assert_eq!(finding.subject.rule.as_deref(), Some("standard"));
        assert_eq!(
            LaborTime::default().report(&ten_pieces(1, 500, "8"), at(1), None, SETTINGS),
            None
        );
    }

    #[test]
    fn work_that_varies_much_is_given_its_spread() {
        let mut labor = LaborTime::default();
        for (nth, minutes) in (0..).zip([1, 30, 4, 90, 10, 2, 60, 20, 5, 40, 3, 80]) {
            labor.report(&ten_pieces(nth, minutes, "7"), at(0), None, SETTINGS);
        }
        assert_eq!(
            labor.report(&ten_pieces(20, 100, "8"), at(20), None, SETTINGS),
            None,
            "more than 3 times the median"
        );
    }

    #[test]
    fn a_report_that_is_taken_back_was_never_slow() {
        let mut labor = learnt();
        let before = labor.clone();
        let slow = ten_pieces(21, 60, "8");
        assert!(labor.report(&slow, at(21), None, SETTINGS).is_some());
        let end = labor.report(&void(&slow), at(22), None, SETTINGS).expect("an end");
        assert_eq!((end.change, &labor), (Change::Ends, &before));
    }

    proptest! {
        #[test]
        fn a_state_is_small_and_goes_on_where_it_was(minutes in prop::collection::vec(1..120_i64, 0..120), cut in 0..120_usize) {
            let (mut whole, mut cut_short) = (LaborTime::default(), LaborTime::default());
            for (nth, minutes) in minutes.iter().enumerate() {
                if nth == cut {
                    let kept = serde_json::to_vec(&cut_short).expect("JSON");
                    prop_assert!(kept.len() <= 8192, "{} bytes", kept.len());
                    cut_short = serde_json::from_slice(&kept).expect("its own form");
                }
                let report = ten_pieces(u32::try_from(nth).expect("few"), *minutes, if nth % 5 == 0 { "8" } else { "7" });
                prop_assert_eq!(whole.report(&report, at(0), None, SETTINGS), cut_short.report(&report, at(0), None, SETTINGS));
            }
        }
    }
}
