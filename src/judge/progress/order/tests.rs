use proptest::prelude::*;

use super::super::tests::{at, report, void};
use super::*;
use crate::clock::Zone;

const SETTINGS: Settings = Settings { step_percent: 5.0 };

fn around_the_clock() -> Calendar {
    Calendar::new(Zone::UTC, &[])
}

fn plan(quantity: i64, due_minute: Option<i64>) -> Plan {
    Plan {
        status: Status::Released,
        quantity: Decimal::from(quantity),
        due: due_minute.map(at),
    }
}

fn pieces(order: &mut OrderProgress, nth: u32, good: i64, minute: i64) {
    order.report(&report(nth, good, 0), at(minute), true);
}

fn look(order: &mut OrderProgress, plan: &Plan, minute: i64) -> Looked {
    order.look("WO-1", Some(plan), at(minute), &around_the_clock(), SETTINGS)
}

/// Ten pieces every ten minutes, with a little jitter.
fn steady(lots: u32) -> OrderProgress {
    let mut order = OrderProgress::default();
    for nth in 0..lots {
        pieces(&mut order, nth, 10, i64::from(nth) * 10 + i64::from(nth % 2));
    }
    order
}

#[test]
fn what_is_reported_here_is_not_counted_again_when_it_comes_back() {
    let mut order = OrderProgress::default();
    order.central(Decimal::from(100), at(0));
    pieces(&mut order, 1, 30, 1);
    assert_eq!(order.completed(), Decimal::from(130));
    order.central(Decimal::from(120), at(2));
    assert_eq!(order.completed(), Decimal::from(130), "20 of ours have arrived");
    order.central(Decimal::from(170), at(3));
    assert_eq!(order.completed(), Decimal::from(170), "the other 10, and 40 of others");
    let undone = report(2, 5, 0);
    order.report(&undone, at(4), true);
    order.report(&void(&undone), at(5), true);
    assert_eq!(order.completed(), Decimal::from(170));
    order.report(&void(&report(1, 30, 0)), at(6), true);
    assert_eq!(order.completed(), Decimal::from(140), "ahead by less than nothing");
    order.central(Decimal::from(140), at(7));
    assert_eq!(order.completed(), Decimal::from(140));
}

#[test]
fn only_the_process_that_completes_an_order_advances_it() {
    let mut order = OrderProgress::default();
    order.report(&report(1, 30, 2), at(0), false);
    assert_eq!(order.completed(), Decimal::ZERO);
    let made = order.processes().get("0030").expect("a process");
    assert_eq!((made.output, made.qualified), (Decimal::from(32), Decimal::from(30)));
}

#[test]
fn the_end_is_estimated_from_the_last_lot_and_moves_when_the_next_is_overdue() {
    let order = steady(11);
    let plan = plan(230, None);
    let calendar = around_the_clock();
    let progress = order.view(Some(&plan), at(100), &calendar);
    // 100 pieces in 100 minutes after the first lot; 120 are left at the 100th minute.
    assert_eq!(progress.rate_per_hour, Some(60.0));
    assert_eq!(progress.estimated_completion, Some(at(220)));
    assert_eq!(progress.progress_percent, Some(47.8));
    let (earliest, latest) = progress
        .earliest_completion
        .zip(progress.latest_completion)
        .expect("an interval");
    assert!(
        earliest > at(200) && earliest < at(220) && latest < at(240),
        "{earliest} {latest}"
    );
    let soon = order.view(Some(&plan), at(110), &calendar);
    assert_eq!(soon.estimated_completion, Some(at(220)), "the next lot is due just now");
    let overdue = order.view(Some(&plan), at(140), &calendar);
    assert_eq!(overdue.estimated_completion, Some(at(250)));
}

#[test]
fn the_rest_is_laid_into_planned_time() {
    let order = steady(11);
    let noon = ("01:40:00".parse().expect("a time"), "02:40:00".parse().expect("a time"));
    let lunch = super::super::calendar::Break {
        from: noon.0,
        to: noon.1,
    };
    let calendar = around_the_clock().with_breaks(vec![lunch]);
    let progress = order.view(Some(&plan(230, None)), at(130), &calendar);
    assert_eq!(
        progress.estimated_completion,
        Some(at(280)),
        "two hours of work, one of lunch"
    );
}

#[test]
fn an_order_is_late_when_that_is_sure_and_no_more_when_it_is_not_expected() {
    let mut order = steady(11);
    let doubtful = plan(230, Some(216));
    assert!(
        look(&mut order, &doubtful, 100).finding.is_none(),
        "it may still be in time"
    );
    let sure = plan(430, Some(216));
    let finding = look(&mut order, &sure, 100).finding.expect("a finding");
    assert_eq!((finding.change, finding.severity), (Change::Begins, Severity::Medium));
    assert!(look(&mut order, &sure, 101).finding.is_none(), "told once");
    let finding = look(&mut order, &sure, 217).finding.expect("a finding");
    assert_eq!((finding.change, finding.severity), (Change::Worsens, Severity::High));
    assert!(finding.words.zh.contains("尚缺320件"), "{}", finding.words.zh);
    let postponed = plan(230, Some(500));
    let finding = look(&mut order, &postponed, 217).finding.expect("a finding");
    assert_eq!(finding.change, Change::Ends);
}

#[test]
fn progress_is_told_when_it_matters() {
    let mut order = OrderProgress::default();
    let plan = plan(1000, None);
    assert!(!look(&mut order, &plan, 0).is_news, "nothing was begun");
    let mut told = Vec::new();
    for nth in 0..100 {
        let minute = i64::from(nth) * 10;
        pieces(&mut order, nth, 10, minute);
        if look(&mut order, &plan, minute).is_news {
            told.push(nth);
        }
    }
    assert!(
        told.len() <= 22 && told.starts_with(&[0, 4, 5, 9]),
        "begun, 5 %, an estimate, 10 %: {told:?}"
    );
    assert_eq!(told.last(), Some(&99), "completed");
    assert_eq!(look(&mut order, &plan, 1000).progress.status, Status::Completed);
}

#[test]
fn a_final_report_completes_an_order_and_its_undo_does_not() {
    let mut order = OrderProgress::default();
    let last = WorkReport {
        is_final: true,
        ..report(1, 10, 0)
    };
    order.report(&last, at(0), true);
    assert_eq!(look(&mut order, &plan(100, None), 0).progress.status, Status::Completed);
    order.report(&void(&last), at(1), true);
    assert_eq!(
        look(&mut order, &plan(100, None), 1).progress.status,
        Status::InProgress
    );
}

proptest! {
    #[test]
    fn an_undo_restores_exactly(lots in prop::collection::vec((1..50_i64, 0..90_i64), 0..60), good in 1..100_i64) {
        let mut order = OrderProgress::default();
        let mut minute = 0;
        for (nth, (good, passed)) in (0..).zip(&lots) {
            minute += passed;
            pieces(&mut order, nth, *good, minute);
        }
        let plan = plan(100_000, None);
        let before = order.view(Some(&plan), at(minute), &around_the_clock());
        let undone = report(1000, good, 1);
        order.report(&undone, at(minute), true);
        order.report(&void(&undone), at(minute), true);
        let after = order.view(Some(&plan), at(minute), &around_the_clock());
        prop_assert_eq!(Progress { last_report_time: None, status: before.status, ..before }, Progress { last_report_time: None, status: before.status, ..after });
    }

    #[test]
    fn a_state_is_small_and_goes_on_where_it_was(lots in prop::collection::vec((1..50_i64, 0..90_i64), 0..80), cut in 0..80_usize) {
        let (mut whole, mut cut_short) = (OrderProgress::default(), OrderProgress::default());
        let plan = plan(500, Some(2000));
        let mut minute = 0;
        for (nth, (good, passed)) in lots.iter().enumerate() {
            if nth == cut {
                let kept = serde_json::to_vec(&cut_short).expect("JSON");
                prop_assert!(kept.len() <= 8192, "{} bytes", kept.len());
                cut_short = serde_json::from_slice(&kept).expect("its own form");
            }
            minute += passed;
            let tell = |order: &mut OrderProgress| {
                pieces(order, u32::try_from(nth).expect("few"), *good, minute);
                let looked = look(order, &plan, minute);
                (looked.progress, looked.is_news, looked.finding)
            };
            prop_assert_eq!(tell(&mut whole), tell(&mut cut_short));
        }
    }
}
