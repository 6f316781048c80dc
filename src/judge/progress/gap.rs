//! Declared pieces against the machine's own counter: what one station declares for one equipment.
//!
//! * Counted since the last report, with what was counted then and not declared, is what can be declared now. Boxes are
//!   declared when they are full, so fewer is usual; more than the largest box fewer, or fewer at the end of the job, is a
//!   gap. Scrap is declared as it occurs: it says nothing of what is missing.
//! * More than counted is a gap at once, beyond the tolerance and what the machine may have made since it was last read.
//! * A gap is told once: the balance starts again from zero after it. Taking the report back takes that back too.
//! * Where the counter was not read lately nothing is judged and nothing is lost, for totals catch up.

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Form, Mark, figure, number};
use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::{Severity, Timestamp, WorkReport};

/// Pieces that may be on their way between machine and box.
const PIECES_TOLERATED: f64 = 2.0;
/// Share of the counted pieces that may differ.
const SHARE_TOLERATED: f64 = 0.05;
/// A counter that was read longer ago says nothing of now.
const READING_AGE_MAX_S: f64 = 60.0;
/// Reports whose gap can be taken back.
const GAPS_KEPT: usize = 8;

/// A machine's counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// Good and scrap together: everything the machine made.
    pub total: f64,
    pub read_at: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    form: Form<1>,
    /// The order and process that the balance is of.
    job: String,
    /// When the balance was last brought up to the counter.
    since: Option<Timestamp>,
    total: f64,
    /// Counted and not declared; below zero what was declared too much within the tolerance.
    undeclared: f64,
    /// The most that was declared at once.
    lot: f64,
    /// What was forgiven when gaps were told.
    forgiven: VecDeque<(Mark, f64)>,
}

/// Whether pieces that were counted and not declared are a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Others declare for the same machine.
    Ignored,
    /// Pieces are declared one by one, after they were made.
    AtTheEnd,
    AtOnce,
}

/// What a report is held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// What the machine counted that could be declared.
    pub counted: f64,
    pub finding: Finding,
}

impl Declared {
    /// A job is at hand at this station: what the machine counts from now on is its. Whether that is news.
    pub fn begins(&mut self, job: &str, count: Count) -> bool {
        let is_news = self.job != job;
        if is_news {
            *self = Self {
                job: job.to_owned(),
                since: Some(count.read_at),
                total: count.total,
                ..Self::default()
            };
        }
        is_news
    }

    /// Takes the pieces of a report in.
    pub fn report(
        &mut self,
        report: &WorkReport,
        at: Timestamp,
        count: Option<Count>,
        missing: Missing,
    ) -> Option<Gap> {
        let declared = number(report.output_quantity + report.to_inspect);
        let mark = Mark::meant_by(report);
        if report.voids.is_some() {
            let forgiven = self.forgiven.iter().position(|(known, _)| *known == mark);
            let forgiven = forgiven
                .and_then(|place| self.forgiven.remove(place))
                .map_or(0.0, |(_, pieces)| pieces);
            self.undeclared -= declared + forgiven;
            return None;
        }
        let is_fresh = |count: &Count| (at - count.read_at).as_seconds_f64() <= READING_AGE_MAX_S;
        let Some((count, since)) = count.filter(is_fresh).zip(self.since) else {
            self.undeclared -= declared;
            return None;
        };
        let made = count.total - self.total;
        if made < 0.0 {
            // The counter began anew: there is nothing to hold the declaration against.
            (self.total, self.since, self.undeclared) = (count.total, Some(count.read_at), 0.0);
            return None;
        }
        let counted = self.undeclared + made;
        let per_second = made / (count.read_at - since).as_seconds_f64().max(1.0);
        let unread = per_second * (at - count.read_at).as_seconds_f64().max(0.0);
        (self.total, self.since) = (count.total, Some(count.read_at));
        self.undeclared = counted - declared;
        let tolerance = PIECES_TOLERATED.max(SHARE_TOLERATED * counted.max(0.0));
        let is_over = -self.undeclared > tolerance + unread;
        self.lot = self.lot.max(declared);
        let has_good = report.qualified_quantity > Decimal::ZERO;
        let may_miss = match missing {
            Missing::Ignored => false,
            Missing::AtTheEnd => report.is_final,
            Missing::AtOnce => report.is_final || (has_good && self.undeclared > self.lot),
        };
        let is_under = may_miss && self.undeclared > tolerance;
        if declared <= 0.0 || !(is_over || is_under) {
            return None;
        }
        self.forgiven.push_back((mark, -self.undeclared));
        if self.forgiven.len() > GAPS_KEPT {
            self.forgiven.pop_front();
        }
        self.undeclared = 0.0;
        let counted = counted.max(0.0);
        Some(Gap {
            counted,
            finding: finding(report, at, declared, counted, tolerance),
        })
    }
}

fn finding(report: &WorkReport, at: Timestamp, declared: f64, counted: f64, tolerance: f64) -> Finding {
    let (station, order) = (&report.station, &report.order_no);
    let machine = report.equipment.as_deref().unwrap_or(station);
    let (more, more_zh, severity) = if declared > counted {
        ("more", "多", Severity::Medium)
    } else {
        ("fewer", "少", Severity::Low)
    };
    let (told, made, gap) = (figure(declared), figure(counted), figure((declared - counted).abs()));
    Finding {
        key: format!("quantity_gap/{station}/{order}"),
        alert_type: "QUANTITY_GAP".to_owned(),
        severity,
        change: Change::Once,
        at,
        subject: Subject {
            order_no: Some(order.clone()),
            equipment: report.equipment.clone(),
            worker_no: Some(report.worker_no.clone()),
            rule: Some("quantity_gap".to_owned()),
            value: Some(declared),
            limits: Some(serde_json::json!({"counted": counted, "tolerance": tolerance})),
            ..Subject::default()
        },
        words: Words::new(
            format!("{station} declared {told} pieces of {order}, {gap} {more} than the {made} that {machine} counted"),
            format!("{station} 报工{order} {told}件，设备{machine}计数{made}件，{more_zh}报{gap}件"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, report, void};
    use super::*;
    use proptest::prelude::*;

    fn count(total: i32, minute: i64) -> Count {
        Count {
            total: f64::from(total),
            read_at: at(minute),
        }
    }

    fn begun() -> Declared {
        let mut declared = Declared::default();
        declared.begins("WO-1/0030", count(1000, 0));
        declared
    }

    fn gap(declared: &mut Declared, nth: u32, pieces: i64, total: i32) -> Option<(Severity, f64)> {
        let minute = i64::from(nth);
        let gap = declared.report(
            &report(nth, pieces, 0),
            at(minute),
            Some(count(total, minute)),
            Missing::AtOnce,
        )?;
        Some((gap.finding.severity, gap.counted))
    }

    #[test]
    fn what_was_counted_may_be_declared_box_by_box() {
        let mut declared = begun();
        assert_eq!(gap(&mut declared, 1, 50, 1063), None, "13 lie in the next box");
        assert_eq!(gap(&mut declared, 2, 50, 1099), None);
        assert_eq!(gap(&mut declared, 3, 50, 1149), None, "one too many is on its way");
        assert_eq!(gap(&mut declared, 4, 51, 1200), None);
    }

    #[test]
    fn more_than_counted_is_a_gap_once() {
        let mut declared = begun();
        assert_eq!(gap(&mut declared, 1, 150, 1100), Some((Severity::Medium, 100.0)));
        assert_eq!(gap(&mut declared, 2, 100, 1200), None, "the balance starts again");
        let short_steps: Vec<_> = (3..7)
            .map(|nth| gap(&mut declared, nth, 2, 1197 + i32::try_from(nth).expect("few")))
            .collect();
        assert_eq!(
            short_steps.iter().flatten().count(),
            1,
            "one too many each time adds up"
        );
    }

    #[test]
    fn a_whole_report_that_is_missing_is_a_gap_and_any_at_the_end() {
        let mut declared = begun();
        assert_eq!(gap(&mut declared, 1, 40, 1100), Some((Severity::Low, 100.0)));
        let mut declared = begun();
        assert_eq!(gap(&mut declared, 1, 80, 1100), None);
        let last = WorkReport {
            is_final: true,
            ..report(2, 10, 0)
        };
        let gap = declared
            .report(&last, at(2), Some(count(1110, 2)), Missing::AtOnce)
            .expect("a gap");
        assert!(
            gap.finding.words.en.contains("20 fewer than the 30"),
            "{}",
            gap.finding.words.en
        );
        let mut scrap_first = begun();
        let scrap = Some(count(1030, 1));
        assert_eq!(
            scrap_first.report(&report(1, 0, 1), at(1), scrap, Missing::AtOnce),
            None
        );
        let mut shared = begun();
        assert_eq!(
            shared.report(&report(1, 40, 0), at(1), Some(count(1100, 1)), Missing::Ignored),
            None
        );
    }

    #[test]
    fn an_old_reading_judges_nothing_and_loses_nothing() {
        let mut declared = begun();
        assert_eq!(
            declared.report(&report(1, 90, 0), at(10), Some(count(1050, 8)), Missing::AtOnce),
            None
        );
        assert_eq!(
            declared.report(&report(2, 10, 0), at(11), Some(count(1100, 11)), Missing::AtOnce),
            None,
            "90 + 10 = 100"
        );
        assert_eq!(gap(&mut declared, 12, 10, 900), None, "a counter that began anew");
        assert_eq!(gap(&mut declared, 13, 30, 910), Some((Severity::Medium, 10.0)));
    }

    #[test]
    fn what_the_machine_made_since_it_was_read_is_allowed() {
        let mut declared = begun();
        let read_half_a_minute_ago = Some(Count {
            total: 1095.0,
            read_at: at(10) - chrono::TimeDelta::seconds(30),
        });
        assert_eq!(
            declared.report(&report(1, 104, 0), at(10), read_half_a_minute_ago, Missing::AtOnce),
            None,
            "95 + 5, and 5 % of them"
        );
    }

    #[test]
    fn another_job_is_not_blamed_for_what_was_made_before_it() {
        let mut declared = begun();
        declared.begins("WO-1/0030", count(1500, 1));
        assert_eq!(declared.total.to_bits(), 1000.0_f64.to_bits(), "it is at hand already");
        declared.begins("WO-2/0030", count(1500, 1));
        assert_eq!(gap(&mut declared, 2, 20, 1520), None);
    }

    proptest! {
        #[test]
        fn an_undo_restores_exactly(made in 0..500_i32, pieces in 1..500_i64) {
            let (mut plain, mut undone) = (begun(), begun());
            let wrong = report(1, pieces, 0);
            undone.report(&wrong, at(1), Some(count(1000 + made, 1)), Missing::AtOnce);
            undone.report(&void(&wrong), at(2), Some(count(1000 + made, 2)), Missing::AtOnce);
            prop_assert_eq!(
                plain.report(&report(2, i64::from(made) + 10, 0), at(3), Some(count(1000 + made, 3)), Missing::AtOnce).map(|gap| gap.counted),
                undone.report(&report(2, i64::from(made) + 10, 0), at(3), Some(count(1000 + made, 3)), Missing::AtOnce).map(|gap| gap.counted)
            );
        }
    }
}
