//! What the rows of the table do not say: hours that add up, several travelers in one run, orders that become known.

use super::*;
use crate::language::Language;
use crate::record::Activity;

#[test]
fn hours_of_many_short_reports_add_up() {
    let mut bed = Bed::running();
    let mut sum = Decimal::ZERO;
    for nth in 0..100 {
        bed.after(20_000, if nth % 2 == 0 { "QTY-1" } else { "QTY-1.0" });
        sum += bed.report().work_hours;
    }
    // 2000 s are 0.5556 h: less than one step is still under way.
    assert_eq!(sum, hours(55));
}

#[test]
fn hours_of_a_job_that_is_left_are_reported_by_the_one_who_worked_them() {
    let mut bed = Bed::running();
    bed.now += TimeDelta::hours(3);
    bed.all(&["WO-2", "LSN-OK", "LSN-LOGOUT", "EMP-8", "TRV-1.20", "LSN-START"]);
    bed.scan("QTY-1");
    assert!(bed.report().work_hours < hours(2), "the next worker starts anew");
}

#[test]
fn time_that_nobody_can_have_worked_is_cut_and_said_to_be() {
    let mut bed = Bed::running();
    // Without shifts, so that nothing splits it.
    bed.bench.shift_end = ShiftEnd::CarryOver;
    let sixty_hours_later = bed.now + TimeDelta::hours(60);
    let scanned = barcode::read(b"QTY-1", &[]);
    bed.now = sixty_hours_later;
    bed.reference.confirmed_at = Some(bed.now);
    let context = Context {
        now: bed.now,
        zone: Zone::UTC,
        shift_starts: &[],
        reference: &bed.reference,
        bench: &bed.bench,
        clock_synced: false,
        tallies: &bed.tallies,
        status: &bed.status,
    };
    let step = bed.dialogue.scan(&scanned, context.now, &context);
    assert_eq!(step.reports[0].work_hours, hours(2400));
    assert_eq!(step.reports[0].flags, ["hours_cut", "needs_review"]);
    assert!(!step.reports[0].clock_synced);
}

#[test]
fn a_job_that_was_forgotten_over_the_weekend_is_no_weekend_of_work() {
    let mut bed = Bed::running();
    let mut reports = Vec::new();
    for _ in 0..5 {
        bed.wait(TimeDelta::hours(12)).expect("a shift has ended");
        reports.extend_from_slice(bed.reports());
    }
    bed.now += TimeDelta::hours(7);
    bed.reference.confirmed_at = Some(bed.now);
    bed.scan("QTY-1");
    assert!(bed.report().work_hours.is_zero() && has_flag(bed.report(), "needs_review"));
    let sum: Decimal = reports.iter().map(|report| report.work_hours).sum();
    assert_eq!(sum, hours(2400), "{reports:?}");
    assert!(reports.last().is_some_and(|last| has_flag(last, "needs_review")));
    bed.now += TimeDelta::hours(1);
    bed.scan("QTY-1");
    assert_eq!(bed.report().work_hours, hours(100), "somebody is there again");
}

#[test]
fn the_reason_of_a_stop_is_told_by_the_last_report_that_can() {
    for last in ["LSN-LOGOUT", "EMP-8", "WO-2"] {
        let mut bed = Bed::running();
        bed.all(&["LSN-PAUSE", "RSN-P01", last]);
        let stops = bed
            .report()
            .crew
            .iter()
            .filter(|member| member.activity == Activity::Stop);
        let reasons: Vec<_> = stops.map(|stop| stop.reason.as_deref()).collect();
        assert_eq!(reasons, [Some("P01")], "{last}");
        assert!(bed.report().work_hours.is_zero());
    }
    let mut bed = Bed::running_as(Mode::Crew);
    bed.made("WO-1", "0020", 100);
    bed.all(&["EMP-8", "LSN-PAUSE", "RSN-P01", "LSN-DONE"]);
    let told = bed.report().crew.iter().filter(|member| member.reason.is_some());
    assert_eq!(told.count(), 2);
}

#[test]
fn an_order_closed_meanwhile_is_refused_at_the_next_quantity() {
    let mut bed = Bed::running();
    let closed = Snapshot {
        orders: vec![order("WO-1", OrderStatus::Closed, &[("0020", 20)])],
        ..snapshot()
    };
    bed.reference = Reference::new(closed, bed.now, Duration::from_hours(1));
    assert_eq!(bed.scan("QTY-5"), "ORDER_CLOSED");
    assert!(bed.reports().is_empty());
}

/// A traveler that was taken in offline has the sequence for its process, and its label may lack a prefix.
#[test]
fn an_unverified_job_is_the_real_one_as_soon_as_its_order_is_known() {
    let mut bed = Bed::new();
    bed.reference = Reference::default();
    bed.all(&["EMP-7", "TRV-1.20", "LSN-START", "QTY-4"]);
    assert_eq!(
        (bed.report().order_no.as_str(), bed.report().process_code.as_str()),
        ("1", "20")
    );
    assert_eq!(bed.report().flags, ["unverified"]);
    let before = bed.report().report_no.clone();
    bed.reference = Reference::new(snapshot(), bed.now, Duration::from_hours(1));
    bed.scan("QTY-5");
    assert_eq!(
        (bed.report().order_no.as_str(), bed.report().process_code.as_str()),
        ("WO-1", "0020")
    );
    let job = bed.dialogue.job().expect("the job");
    assert!(!job.unverified);
    assert_eq!(job.qualified, Decimal::from(9), "what was reported before counts");
    bed.all(&["LSN-UNDO", "LSN-OK", "LSN-UNDO", "LSN-OK"]);
    assert_eq!(bed.report().voids.as_deref(), Some(before.as_str()));
    assert_eq!(
        (bed.report().order_no.as_str(), bed.report().process_code.as_str()),
        ("WO-1", "0020")
    );
    assert_eq!(bed.dialogue.job().map(|job| job.qualified), Some(Decimal::ZERO));
}

#[test]
fn an_unverified_job_of_an_operation_that_is_not_there_stays_unverified() {
    let mut bed = Bed::new();
    bed.reference = Reference::default();
    bed.all(&["EMP-7", "TRV-1.77", "LSN-START"]);
    bed.reference = Reference::new(snapshot(), bed.now, Duration::from_hours(1));
    bed.scan("LSN-PAUSE");
    assert!(
        bed.dialogue
            .job()
            .is_some_and(|job| job.unverified && job.process_code == "77")
    );
}

#[test]
fn who_was_believed_offline_goes_on_reporting_and_is_known_in_the_end() {
    let mut bed = Bed::new().offline();
    bed.all(&["EMP-99", "TRV-1.20", "LSN-START"]);
    bed.reference.confirmed_at = Some(bed.now);
    assert_eq!(bed.scan("QTY-4"), "REPORTED");
    assert_eq!(bed.report().flags, ["unverified"]);
    bed.now += TimeDelta::hours(1);
    let known = Snapshot {
        workers: vec![worker("EMP-99", true, &[])],
        ..snapshot()
    };
    bed.reference = Reference::new(known, bed.now, Duration::from_hours(1));
    bed.scan("QTY-4");
    assert_eq!(
        (bed.report().worker_no.as_str(), bed.report().flags.len()),
        ("EMP-99", 0)
    );
    assert_eq!(bed.report().work_hours, hours(100), "the hours go along");
}

#[test]
fn what_no_report_can_carry_is_refused_at_the_scan() {
    let mut bed = Bed::new().offline();
    let long = "9".repeat(51);
    assert_eq!(bed.scan(&format!("EMP-{long}")), "UNKNOWN_BADGE");
    bed.scan("EMP-7");
    assert_eq!(bed.scan(&format!("TRV-{long}.10")), "UNKNOWN_ORDER");
    bed.scan("WO-77");
    assert_eq!(bed.scan(&format!("OP-{long}")), "WRONG_OPERATION");
}

#[test]
fn a_piece_that_was_reported_elsewhere_meanwhile_is_not_reported_again() {
    let mut bed = Bed::running_as(Mode::Piece);
    bed.all(&["LSN-SCRAP", "SN1001"]);
    let elsewhere = WorkReport {
        serials: vec!["1001".to_owned()],
        ..bed.with(|dialogue, context| dialogue.draft(dialogue.job().expect("a job"), false, context))
    };
    bed.tallies.book(&elsewhere, &mut States::default());
    assert_eq!(bed.scan("RSN-D03"), "DUPLICATE_SERIAL");
    assert!(bed.reports().is_empty());
}

#[test]
fn undo_names_what_it_takes_back() {
    let mut bed = Bed::running();
    bed.all(&["LSN-SCRAP", "QTY-2", "RSN-D03", "LSN-UNDO"]);
    assert!(bed.step().feedback.message.contains("2 scrap (D03) of order WO-1"));
    bed.all(&["LSN-OK", "LSN-INSPECT", "QTY-6"]);
    bed.bench.language = Language::Zh;
    bed.scan("LSN-UNDO");
    assert_eq!(
        bed.step().feedback.message,
        "撤销工单 WO-1 的 6 待检？扫描 OK 确认或取消。"
    );
    bed.scan("LSN-OK");
    assert_eq!(bed.report().to_inspect, Decimal::from(-6));
}

#[test]
fn each_scan_of_the_piece_card_is_one_piece() {
    let mut bed = Bed::running_as(Mode::PieceCount);
    for card in ["LSN-GOOD", "6901234567892", "QTY-1"] {
        assert_eq!(bed.scan(card), "REPORTED", "{card}");
        assert_eq!(bed.report().qualified_quantity, Decimal::ONE);
    }
    assert_eq!(bed.scan("SN100"), "NOT_NOW", "pieces are not told apart here");
}

fn three_travelers() -> Bed {
    let mut bed = Bed::of(Mode::BatchTraveler);
    bed.all(&["EMP-7", "TRV-1.20", "TRV-2.10", "TRV-3.10"]);
    assert_eq!(bed.dialogue.jobs().count(), 3);
    bed
}

fn parts(bed: &Bed) -> Vec<(&str, Decimal, Decimal)> {
    let of = |report: &'_ WorkReport| (report.qualified_quantity, report.work_hours);
    let mut parts: Vec<_> = bed
        .reports()
        .iter()
        .map(|r| (r.order_no.as_str(), of(r).0, of(r).1))
        .collect();
    parts.sort_unstable();
    parts
}

#[test]
fn one_run_of_several_travelers_divides_its_pieces_and_its_time() {
    let mut bed = three_travelers();
    assert_eq!(bed.scan("TRV-1.20"), "ALREADY_LOADED");
    bed.made("WO-2", "0010", 50);
    bed.scan("LSN-START");
    bed.now += TimeDelta::hours(3);
    assert_eq!(bed.after(0, "QTY-100"), "REPORTED");
    let third = hours(100);
    assert_eq!(
        parts(&bed),
        [
            ("WO-1", 40.into(), third),
            ("WO-2", 20.into(), third),
            ("WO-3", 40.into(), third)
        ],
        "by what each has open"
    );
    assert_eq!(bed.scan("LSN-SCRAP"), "WHICH_ORDER");
    assert_eq!(bed.scan("TRV-3.10"), "ORDER_AT_HAND");
    bed.all(&["LSN-SCRAP", "QTY-1", "RSN-D03"]);
    assert_eq!(
        (bed.report().order_no.as_str(), bed.report().unqualified_quantity),
        ("WO-3", Decimal::ONE)
    );
    bed.scan("TRV-1.20");
    bed.scan("QTY-7");
    assert_eq!(bed.report().order_no, "WO-1", "aimed at one order");
    bed.scan("QTY-3");
    assert_eq!(bed.reports().len(), 3, "the next quantity is for all again");
    bed.scan("LSN-UNDO");
    assert_eq!(bed.scan("LSN-OK"), "UNDONE");
    assert_eq!(bed.reports().len(), 3, "what one scan reported, one undo takes back");
    assert_eq!(bed.scan("LSN-DONE"), "SHORT_QUANTITY");
    assert_eq!(bed.scan("LSN-OK"), "COMPLETED");
    assert_eq!(bed.reports().iter().filter(|report| report.is_final).count(), 3);
    assert_eq!(bed.state(), State::SignedOn);
}

#[test]
fn an_order_without_a_known_plan_gets_its_part_of_a_run() {
    let mut bed = Bed::of(Mode::BatchTraveler).offline();
    bed.all(&["EMP-7", "TRV-2.10", "TRV-77.10", "LSN-START", "QTY-10"]);
    let parts: Vec<_> = bed.reports().iter().map(|report| report.qualified_quantity).collect();
    assert_eq!(parts, [Decimal::from(5); 2]);
}

#[test]
fn a_run_is_loaded_before_it_starts_and_travelers_can_be_taken_out() {
    let mut bed = three_travelers();
    assert_eq!(bed.scan("LSN-CANCEL"), "UNLOADED");
    assert_eq!(bed.dialogue.jobs().count(), 2);
    bed.scan("LSN-START");
    assert_eq!(bed.scan("TRV-3.10"), "FINISH_JOB_FIRST");
    assert_eq!(bed.scan("LSN-CANCEL"), "FINISH_JOB_FIRST", "it has time in the run");
    bed.scan("LSN-PAUSE");
    assert_eq!(bed.scan("LSN-CANCEL"), "FINISH_JOB_FIRST");
    assert_eq!(bed.dialogue.jobs().count(), 2);
    assert!(bed.dialogue.jobs().all(|job| job.state() == State::Paused));
    bed.now += TimeDelta::hours(1);
    bed.scan("LSN-LOGOUT");
    assert!(bed.reports().is_empty(), "nobody has worked yet: {:?}", bed.reports());
}

#[test]
fn an_order_of_several_operations_can_join_a_run_too() {
    let mut bed = Bed::of(Mode::BatchTraveler);
    bed.all(&["EMP-7", "TRV-2.10", "WO-1"]);
    assert_eq!(bed.scan("OP-0010"), "JOB_LOADED");
    assert_eq!(bed.dialogue.jobs().count(), 2);
}

#[test]
fn report_numbers_never_repeat_even_when_the_clock_is_set_back() {
    let mut now = Bed::new().now;
    let mut numbers = ReportNumbers::default();
    let mut seen = std::collections::HashSet::new();
    for step_s in [1, 0, 0, -3600, 0, 7200] {
        now += TimeDelta::seconds(step_s);
        let number = numbers.next("press-shop-1", now, Zone(chrono_tz::Tz::Asia__Shanghai));
        assert!(number.len() <= 50, "{number}");
        assert!(seen.insert(number.clone()), "{number} twice");
    }
}

#[test]
fn a_clock_that_is_set_is_neither_work_nor_absence() {
    for set_by in [TimeDelta::hours(1), TimeDelta::hours(-1)] {
        let mut bed = Bed::running();
        bed.wait(TimeDelta::minutes(30));
        bed.scan("LSN-SCRAP");
        bed.now += set_by;
        bed.dialogue.clock_was_set(set_by);
        assert_eq!(bed.wait(TimeDelta::seconds(19)), None);
        assert_eq!(bed.wait(TimeDelta::seconds(1)).as_deref(), Some("INPUT_TIMED_OUT"));
        bed.scan("LSN-LOGOUT");
        let worked = bed.report().work_hours;
        assert!((hours(50)..=hours(51)).contains(&worked), "{set_by}: {worked}");
    }
}
