//! The defect rate of one process of one order, over its last pieces.
//!
//! * The window is the shortest run of latest reports that holds `window` pieces. The latest reports are kept one by one, so
//!   that they can be taken back; what is older is folded into lots.
//! * A full window is believed as it is. Before that the rate must be beyond the limit for the lower end of its confidence
//!   interval (Wilson 1927, one-sided 95 %), and from more than a few pieces: the first bad piece is no trend.
//! * An episode ends when the rate has fallen below 0.8 of the lower limit, when the report that began it is taken back, or when
//!   the order is over. Silence ends none: pieces that nobody makes are no better ones. While it lasts, more bad pieces renew
//!   its figures.

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Form, Mark, number, percent};
use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::{Severity, Timestamp, WorkReport};

const DEFECT_RATE: &str = "DEFECT_RATE";
/// Of the finding, and what its key begins with.
const RULE: &str = "defect_rate";
/// Reports that can be taken back.
const REPORTS_KEPT: usize = 64;
/// Lots that a window of folded reports consists of, about.
const LOTS_PER_WINDOW: u32 = 50;
/// Fewer bad pieces than this are no rate.
const DEFECTS_MIN: Decimal = Decimal::from_parts(3, 0, 0, false, 0);
/// One-sided 95 %.
const Z: f64 = 1.645;
/// An episode ends below this share of its limit.
const RELEASE: f64 = 0.8;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub warn: f64,
    pub high: f64,
    /// Pieces.
    pub window: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            warn: 0.05,
            high: 0.10,
            window: 200,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DefectRate {
    form: Form<1>,
    /// Folded reports, oldest first.
    lots: VecDeque<Pieces>,
    recent: VecDeque<(Mark, Pieces)>,
    /// The worst of the episode that goes on.
    episode: Option<Severity>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    #[serde(rename = "n")]
    pub output: Decimal,
    #[serde(rename = "bad")]
    pub unqualified: Decimal,
}

impl Pieces {
    fn and(self, other: Self) -> Self {
        Self {
            output: self.output + other.output,
            unqualified: self.unqualified + other.unqualified,
        }
    }

    pub fn rate(self) -> f64 {
        if self.output > Decimal::ZERO {
            number(self.unqualified) / number(self.output)
        } else {
            0.0
        }
    }

    /// What the rate is at least, with 95 % confidence.
    fn rate_at_least(self) -> f64 {
        let n = number(self.output);
        let p = self.rate();
        if n <= 0.0 {
            return 0.0;
        }
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).max(0.0).sqrt();
        ((p + Z * Z / (2.0 * n) - spread) / (1.0 + Z * Z / n)).max(0.0)
    }
}

impl DefectRate {
    /// Takes a report in, or what it takes back out.
    pub fn report(&mut self, report: &WorkReport, at: Timestamp, settings: &Settings) -> Option<Finding> {
        let pieces = Pieces {
            output: report.output_quantity,
            unqualified: report.unqualified_quantity,
        };
        if pieces == Pieces::default() {
            return None;
        }
        if report.voids.is_some() {
            let mark = Mark::meant_by(report);
            // An older one has left the window, or is in it as a part of a lot.
            let place = self.recent.iter().rposition(|(known, _)| *known == mark)?;
            self.recent.remove(place);
        } else {
            self.recent.push_back((Mark::meant_by(report), pieces));
            self.fold(settings.window);
        }
        self.judge(report, at, settings)
    }

    /// The latest pieces, as many as the window has.
    pub fn window(&self, settings: &Settings) -> Pieces {
        let full = Decimal::from(settings.window);
        let latest_first = self
            .recent
            .iter()
            .map(|(_, pieces)| *pieces)
            .rev()
            .chain(self.lots.iter().rev().copied());
        let mut sum = Pieces::default();
        for pieces in latest_first {
            if sum.output >= full {
                break;
            }
            sum = sum.and(pieces);
        }
        sum
    }

    /// The key of the episode that goes on.
    pub fn open_key(&self, order_no: &str, process_code: &str) -> Option<String> {
        self.episode.map(|_| key(order_no, process_code))
    }

    /// No more pieces of this order will come.
    pub fn close(&self, order_no: &str, process_code: &str, at: Timestamp, settings: &Settings) -> Option<Finding> {
        let severity = self.episode?;
        let pieces = self.window(settings);
        let (rate, count, bad) = figures(pieces);
        let words = Words::new(
            format!(
                "{order_no}, process {process_code}: the order is over; the defect rate was {rate} ({bad} of the last {count} \
                 pieces)"
            ),
            format!("{order_no} 工序{process_code}：工单已结束，最近{count}件中不良{bad}件，不良率{rate}"),
        );
        Some(Finding {
            key: key(order_no, process_code),
            alert_type: DEFECT_RATE.to_owned(),
            severity,
            change: Change::Ends,
            at,
            subject: Subject {
                order_no: Some(order_no.to_owned()),
                rule: Some(RULE.to_owned()),
                value: Some(pieces.rate()),
                ..Subject::default()
            },
            words,
        })
    }

    fn fold(&mut self, window: u32) {
        let lot_max = Decimal::from((window / LOTS_PER_WINDOW).max(1));
        while self.recent.len() > REPORTS_KEPT
            && let Some((_, oldest)) = self.recent.pop_front()
        {
            match self.lots.back_mut() {
                Some(lot) if lot.output + oldest.output <= lot_max => *lot = lot.and(oldest),
                _ => self.lots.push_back(oldest),
            }
        }
        // The lots alone fill a window, so that it is full whatever is taken back.
        let mut folded: Decimal = self.lots.iter().map(|lot| lot.output).sum();
        while let Some(oldest) = self.lots.front()
            && folded - oldest.output >= Decimal::from(window)
        {
            folded -= oldest.output;
            self.lots.pop_front();
        }
    }

    fn judge(&mut self, report: &WorkReport, at: Timestamp, settings: &Settings) -> Option<Finding> {
        let pieces = self.window(settings);
        let level = level(pieces, settings);
        let change = match (self.episode, level) {
            (None, Some(_)) => Change::Begins,
            (Some(worst), Some(level)) if level > worst => Change::Worsens,
            (Some(_), None) if report.voids.is_some() || pieces.rate() < RELEASE * settings.warn => Change::Ends,
            // What was taken back never was: the episode is as bad as what is left.
            (Some(_), Some(level)) if report.voids.is_some() => {
                self.episode = Some(level);
                return None;
            }
            (Some(_), Some(_)) if report.unqualified_quantity > Decimal::ZERO => Change::GoesOn,
            _ => return None,
        };
        let severity = level.max(self.episode).unwrap_or(Severity::Medium);
        self.episode = level.map(|_| severity);
        Some(finding(report, at, pieces, severity, change, settings))
    }
}

fn key(order_no: &str, process_code: &str) -> String {
    format!("{RULE}/{order_no}/{process_code}")
}

/// As people read them: the rate, of how many pieces, and the bad ones.
fn figures(pieces: Pieces) -> (String, Decimal, Decimal) {
    (
        percent(pieces.rate()),
        pieces.output.normalize(),
        pieces.unqualified.normalize(),
    )
}

fn level(pieces: Pieces, settings: &Settings) -> Option<Severity> {
    let is_full = pieces.output >= Decimal::from(settings.window);
    let rate = if is_full { pieces.rate() } else { pieces.rate_at_least() };
    if !is_full && pieces.unqualified < DEFECTS_MIN {
        None
    } else if rate >= settings.high {
        Some(Severity::High)
    } else if rate >= settings.warn {
        Some(Severity::Medium)
    } else {
        None
    }
}

fn finding(
    report: &WorkReport,
    at: Timestamp,
    pieces: Pieces,
    severity: Severity,
    change: Change,
    settings: &Settings,
) -> Finding {
    let (order, process) = (&report.order_no, &report.process_code);
    let (rate, count, bad) = figures(pieces);
    let limit = if severity == Severity::High {
        settings.high
    } else {
        settings.warn
    };
    let words = if change == Change::Ends {
        Words::new(
            format!("{order}, process {process}: the defect rate is back at {rate} ({bad} of the last {count} pieces)"),
            format!("{order} 工序{process}：最近{count}件中不良{bad}件，不良率{rate}，已恢复正常"),
        )
    } else {
        let limit = percent(limit);
        Words::new(
            format!(
                "{order}, process {process}: defect rate {rate} ({bad} of the last {count} pieces), the limit is {limit}"
            ),
            format!("{order} 工序{process}：最近{count}件中不良{bad}件，不良率{rate}，超过阈值{limit}"),
        )
    };
    Finding {
        key: key(order, process),
        alert_type: DEFECT_RATE.to_owned(),
        severity,
        change,
        at,
        subject: Subject {
            order_no: Some(order.clone()),
            equipment: report.equipment.clone(),
            rule: Some(RULE.to_owned()),
            value: Some(pieces.rate()),
            limits: Some(
                serde_json::json!({"warn": settings.warn, "high": settings.high, "window": settings.window, "pieces": count}),
            ),
            ..Subject::default()
        },
        words,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, report, void};
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: Settings = Settings {
        warn: 0.05,
        high: 0.10,
        window: 200,
    };

    fn told(rate: &mut DefectRate, nth: u32, good: i64, bad: i64) -> Option<(Change, Severity)> {
        let finding = rate.report(&report(nth, good, bad), at(i64::from(nth)), &SETTINGS)?;
        Some((finding.change, finding.severity))
    }

    #[test]
    fn twenty_one_of_two_hundred_is_high() {
        let mut rate = DefectRate::default();
        assert_eq!(told(&mut rate, 1, 100, 0), None);
        let finding = rate.report(&report(2, 79, 21), at(2), &SETTINGS).expect("a finding");
        assert_eq!((finding.severity, finding.change), (Severity::High, Change::Begins));
        assert!(
            finding.words.zh.contains("不良率10.5%，超过阈值"),
            "{}",
            finding.words.zh
        );
        assert_eq!(finding.key, "defect_rate/WO-1/0030");
        assert_eq!(finding.subject.value, Some(0.105));
    }

    #[test]
    fn few_pieces_are_no_rate_unless_they_are_bad_beyond_doubt() {
        let mut rate = DefectRate::default();
        assert_eq!(told(&mut rate, 1, 0, 1), None, "the first piece");
        assert_eq!(
            told(&mut rate, 2, 8, 1),
            None,
            "2 of 10: at least 7.5 %, but two pieces are no trend"
        );
        assert_eq!(
            told(&mut rate, 3, 0, 1),
            Some((Change::Begins, Severity::High)),
            "3 of 11: at least 12 %"
        );
        let mut rate = DefectRate::default();
        assert_eq!(
            told(&mut rate, 1, 90, 10),
            Some((Change::Begins, Severity::Medium)),
            "10 of 100: at least 6.1 %"
        );
    }

    #[test]
    fn an_episode_begins_once_worsens_and_ends_below_its_limit() {
        let mut rate = DefectRate::default();
        assert_eq!(told(&mut rate, 1, 188, 12), Some((Change::Begins, Severity::Medium)));
        assert_eq!(
            told(&mut rate, 2, 98, 2),
            None,
            "14 of 300 would be less, but the window takes whole reports"
        );
        assert_eq!(
            told(&mut rate, 3, 80, 20),
            Some((Change::Worsens, Severity::High)),
            "22 of 200"
        );
        assert_eq!(
            told(&mut rate, 4, 78, 2),
            Some((Change::GoesOn, Severity::High)),
            "24 of 280: newer figures of the same alert"
        );
        assert_eq!(
            told(&mut rate, 4, 100, 0),
            None,
            "22 of 280 goes on, and nothing bad is new"
        );
        assert_eq!(told(&mut rate, 5, 91, 9), None, "9 of 200 is between release and limit");
        assert_eq!(told(&mut rate, 6, 100, 0), None);
        assert_eq!(told(&mut rate, 7, 100, 0), Some((Change::Ends, Severity::High)));
    }

    #[test]
    fn what_is_taken_back_ends_what_it_began() {
        let mut rate = DefectRate::default();
        told(&mut rate, 1, 192, 8);
        let before = rate.clone();
        let bad = report(2, 0, 40);
        assert!(
            rate.report(&bad, at(2), &SETTINGS)
                .is_some_and(|f| f.change == Change::Begins)
        );
        let finding = rate.report(&void(&bad), at(3), &SETTINGS).expect("an end");
        assert_eq!(finding.change, Change::Ends);
        assert_eq!(rate, before);
    }

    proptest! {
        #[test]
        fn an_undo_restores_exactly(lots in prop::collection::vec((0..60_i64, 0..6_i64), 0..200), good in 0..300_i64, bad in 0..30_i64) {
            let mut rate = DefectRate::default();
            for (nth, (good, bad)) in (1..).zip(&lots) {
                told(&mut rate, nth, *good, *bad);
            }
            let before = rate.window(&SETTINGS);
            let undone = report(1000, good, bad);
            rate.report(&undone, at(1000), &SETTINGS);
            rate.report(&void(&undone), at(1001), &SETTINGS);
            prop_assert_eq!(rate.window(&SETTINGS), before);
        }

        #[test]
        fn a_state_is_small_and_goes_on_where_it_was(lots in prop::collection::vec((0..9_i64, 0..3_i64), 0..400), cut in 0..400_usize) {
            let (mut whole, mut cut_short) = (DefectRate::default(), DefectRate::default());
            for (nth, (good, bad)) in lots.iter().enumerate() {
                let nth32 = u32::try_from(nth).expect("few");
                if nth == cut {
                    let kept = serde_json::to_vec(&cut_short).expect("JSON");
                    prop_assert!(kept.len() <= 8192, "{} bytes", kept.len());
                    cut_short = serde_json::from_slice(&kept).expect("its own form");
                }
                prop_assert_eq!(told(&mut whole, nth32, *good, *bad), told(&mut cut_short, nth32, *good, *bad));
            }
        }
    }
}
