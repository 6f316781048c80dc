//! Rows 22 to 35 and 49 to 51: quantities, defects, serials.

use super::*;

#[test]
fn row_22_a_quantity_is_good_pieces_with_the_time_since_the_last_report() {
    let mut bed = Bed::running();
    bed.now += TimeDelta::minutes(30);
    assert_eq!(bed.scan("QTY-12.5"), "REPORTED");
    let report = bed.report().clone();
    assert_eq!(
        (report.order_no.as_str(), report.process_code.as_str()),
        ("WO-1", "0020")
    );
    let quantity = Decimal::new(125, 1);
    assert_eq!(
        (report.output_quantity, report.qualified_quantity),
        (quantity, quantity)
    );
    assert_eq!(report.work_hours, hours(50));
    assert_eq!(
        (report.equipment.as_deref(), report.equipment_id),
        (Some("PRESS-7"), Some(7))
    );
    assert_eq!(report.work_date.to_string(), "2026-11-21");
    assert_eq!(report.scans.last().map(|scan| scan.raw.as_str()), Some("QTY-12.5"));
    assert!(!report.is_final && report.flags.is_empty());
    bed.now += TimeDelta::minutes(6);
    bed.scan("QTY-1");
    assert_eq!(bed.report().work_hours, hours(10));
}

#[test]
fn row_23_a_kind_asks_how_many() {
    for kind in ["GOOD", "SCRAP", "REWORK", "CONCESSION", "INSPECT"] {
        let mut bed = Bed::running();
        assert_eq!(bed.scan(&format!("LSN-{kind}")), "HOW_MANY");
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::QuantityPending));
    }
}

#[test]
fn row_24_kinds_without_a_reason_are_reported_by_their_number_or_by_cards_that_add_up() {
    let mut bed = Bed::running();
    bed.scan("LSN-INSPECT");
    assert_eq!(bed.scan("QTY-4"), "REPORTED_TO_INSPECT");
    assert_eq!(
        (bed.report().to_inspect, bed.report().output_quantity),
        (Decimal::from(4), Decimal::ZERO)
    );
    bed.scan("LSN-GOOD");
    assert_eq!(bed.scan("QTY-2"), "REPORTED");
    assert_eq!(bed.state(), State::Running);
    assert_eq!(bed.scan("QTY-ADD-5"), "KEYED");
    assert_eq!(
        bed.after(100, "QTY-ADD-5"),
        "KEYED",
        "the same card in a row is no double read"
    );
    bed.scan("QTY-CLR");
    assert_eq!(bed.scan("LSN-OK"), "FINISH_INPUT_FIRST", "nothing is keyed in");
    bed.all(&["QTY-ADD-10", "QTY-ADD-2"]);
    assert_eq!(bed.scan("LSN-OK"), "REPORTED");
    assert_eq!(bed.report().qualified_quantity, Decimal::from(12));
}

#[test]
fn row_25_defects_ask_for_their_reason() {
    let mut bed = Bed::running();
    bed.scan("LSN-SCRAP");
    assert_eq!(bed.scan("QTY-2"), "WHICH_REASON");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ReasonPending));
}

#[test]
fn row_26_a_fitting_reason_reports_the_defect() {
    for (kind, reason) in [("SCRAP", "D03"), ("REWORK", "R01"), ("CONCESSION", "C01")] {
        let mut bed = Bed::running();
        bed.all(&[&format!("LSN-{kind}"), "QTY-2"]);
        assert_eq!(bed.scan(&format!("RSN-{reason}")), "REPORTED_DEFECT");
        let report = bed.report();
        assert_eq!(
            (report.output_quantity, report.unqualified_quantity),
            (Decimal::TWO, Decimal::TWO)
        );
        assert_eq!(report.defects[0].reason, reason);
        assert_eq!(bed.state(), State::Running);
    }
}

#[test]
fn row_27_a_reason_that_is_unknown_or_for_something_else_is_refused() {
    let mut bed = Bed::running();
    bed.all(&["LSN-SCRAP", "QTY-2"]);
    for reason in ["RSN-X", "RSN-R01", "RSN-P01"] {
        assert_eq!(bed.scan(reason), "REASON_UNKNOWN", "{reason}");
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::ReasonPending));
    }
    let mut bed = Bed::running().offline();
    bed.all(&["LSN-SCRAP", "QTY-2"]);
    assert_eq!(
        bed.scan("RSN-X"),
        "REPORTED_DEFECT",
        "offline nobody can say that there is none"
    );
    assert_eq!(bed.report().flags, ["unverified"]);
}

#[test]
fn row_28_the_same_kind_again_changes_nothing() {
    let mut bed = Bed::running();
    bed.scan("LSN-SCRAP");
    assert_eq!(bed.scan("LSN-SCRAP"), "HOW_MANY");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Dup, State::QuantityPending));
    bed.scan("QTY-2");
    assert_eq!(bed.scan("LSN-SCRAP"), "WHICH_REASON");
    assert_eq!(bed.step().feedback.message, "2: scan the reason.");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Dup, State::ReasonPending));
}

#[test]
fn row_29_an_input_is_dropped_by_cancel_and_by_silence() {
    let mut bed = Bed::running();
    for codes in [&["LSN-SCRAP"][..], &["LSN-SCRAP", "QTY-2"]] {
        bed.all(codes);
        assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED");
        assert_eq!(bed.state(), State::Running);
        bed.all(codes);
        assert_eq!(bed.wait(TimeDelta::seconds(19)), None);
        assert_eq!(bed.wait(TimeDelta::seconds(1)).as_deref(), Some("INPUT_TIMED_OUT"));
        assert_eq!(bed.kind(), FeedbackKind::Err);
        assert!(bed.reports().is_empty());
        assert_eq!(bed.state(), State::Running);
    }
}

#[test]
fn row_30_an_open_input_takes_nothing_but_its_answer() {
    let mut bed = Bed::running();
    bed.scan("LSN-SCRAP");
    for other in [
        "LSN-REWORK",
        "EMP-8",
        "WO-2",
        "LSN-START",
        "LSN-UNDO",
        "RSN-D03",
        "LSN-DONE",
        "EMP-50",
    ] {
        assert_eq!(bed.scan(other), "FINISH_INPUT_FIRST", "{other}");
    }
    bed.scan("QTY-2");
    for other in ["QTY-2", "LSN-OK", "EMP-8", "SN1"] {
        assert_eq!(bed.scan(other), "FINISH_INPUT_FIRST", "{other}");
    }
    let said = &bed.last.as_ref().expect("an answer").feedback.message;
    assert_eq!(said, "2: scan the reason. Finish this first.");
    assert_eq!(bed.state(), State::ReasonPending);
}

#[test]
fn row_31_a_serial_is_one_good_piece() {
    let mut bed = Bed::running_as(Mode::Piece);
    assert_eq!(bed.scan("SN100@6901234567892"), "REPORTED");
    assert_eq!(bed.report().qualified_quantity, Decimal::ONE);
    assert_eq!(bed.report().serials, ["100"]);
    assert_eq!(bed.scan("QTY-3"), "SERIAL_NEEDED");
    bed.all(&["LSN-GOOD"]);
    assert_eq!(bed.scan("QTY-3"), "SERIAL_NEEDED");
    assert_eq!(bed.scan("SN101"), "REPORTED");
    assert_eq!(bed.scan("]d2010690123456789221A-7"), "REPORTED", "by the rules of GS1");
    assert_eq!(bed.report().serials, ["A-7"]);
}

#[test]
fn row_32_a_serial_counts_once_per_operation_until_it_is_taken_back() {
    let mut bed = Bed::running_as(Mode::Piece);
    bed.all(&["SN100", "SN101"]);
    bed.now += TimeDelta::days(40);
    bed.reference.confirmed_at = Some(bed.now);
    assert_eq!(bed.scan("SN100"), "DUPLICATE_SERIAL");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Dup, State::Running));
    bed.all(&["LSN-PAUSE", "TRV-1.10", "LSN-START"]);
    assert_eq!(bed.scan("SN100"), "REPORTED", "another operation");
    bed.all(&["LSN-UNDO", "LSN-OK"]);
    assert_eq!(bed.report().serials, ["100"]);
    assert_eq!(bed.scan("SN100"), "REPORTED");
}

#[test]
fn row_33_a_piece_of_another_product_is_refused() {
    let mut bed = Bed::running_as(Mode::Piece);
    assert_eq!(bed.scan("SN100@6901234567893"), "WRONG_ITEM");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::Running));
    assert_eq!(bed.scan("]d2010612345678901621A-7"), "WRONG_ITEM");
    let mut bed = Bed::running_as(Mode::PieceCount);
    assert_eq!(bed.scan("6901234567893"), "WRONG_ITEM");
    let mut bed = Bed::running();
    assert_eq!(bed.scan("6901234567893"), "WRONG_ITEM");
    assert_eq!(bed.scan("6901234567892"), "ITEM_FITS");
    assert!(bed.reports().is_empty(), "here a look at the label counts nothing");
    assert_eq!(
        bed.scan("]C102061234567890163712"),
        "WRONG_ITEM",
        "twelve of something else"
    );
    assert_eq!(bed.scan("]C102069012345678923712"), "REPORTED");
}

#[test]
fn row_34_scrap_of_a_serial_asks_for_its_reason() {
    let mut bed = Bed::running_as(Mode::Piece);
    bed.scan("LSN-SCRAP");
    assert_eq!(bed.scan("SN100"), "WHICH_REASON");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ReasonPending));
    bed.scan("RSN-D03");
    assert_eq!(
        (bed.report().unqualified_quantity, bed.report().qualified_quantity),
        (Decimal::ONE, Decimal::ZERO)
    );
    assert_eq!(bed.report().serials, ["100"]);
    assert_eq!(
        bed.scan("SN100"),
        "DUPLICATE_SERIAL",
        "scrap does not become good by a scan"
    );
}

#[test]
fn row_35_more_than_planned_or_than_came_from_before_is_asked_about() {
    let mut bed = Bed::running();
    bed.made("WO-1", "0020", 100);
    assert_eq!(bed.scan("QTY-5"), "REPORTED", "within the tolerance");
    assert_eq!(bed.scan("QTY-6"), "OVER_QUANTITY");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ConfirmPending));
    assert_eq!(bed.scan("LSN-OK"), "REPORTED");
    assert_eq!(bed.report().qualified_quantity, Decimal::from(6));
    assert_eq!(bed.report().flags, ["over_quantity"]);
    let mut bed = Bed::running();
    bed.made("WO-1", "0010", 30);
    assert_eq!(bed.scan("QTY-30"), "REPORTED");
    assert_eq!(bed.scan("QTY-1"), "OVER_QUANTITY", "the operation before has made 30");
}

#[test]
fn row_35_also_of_what_is_defective_or_waits_for_an_inspection() {
    let mut bed = Bed::running();
    bed.made("WO-1", "0010", 10);
    bed.scan("LSN-SCRAP");
    assert_eq!(bed.scan("QTY-50"), "OVER_QUANTITY");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ConfirmPending));
    assert!(bed.step().feedback.message.starts_with("50 would be more than 10,"));
    assert_eq!(bed.scan("LSN-OK"), "WHICH_REASON");
    assert_eq!(bed.scan("RSN-D03"), "REPORTED_DEFECT");
    assert_eq!(bed.report().flags, ["over_quantity"]);
    bed.all(&["LSN-UNDO", "LSN-OK", "LSN-INSPECT"]);
    assert_eq!(bed.scan("QTY-999"), "OVER_QUANTITY");
    assert_eq!(bed.scan("LSN-OK"), "REPORTED_TO_INSPECT");
    assert_eq!(bed.report().flags, ["over_quantity"]);
    let mut bed = Bed::running();
    bed.scan("LSN-SCRAP");
    assert_eq!(bed.scan("QTY-9999999"), "OVER_QUANTITY", "of an order over 100");
}

#[test]
fn row_35_what_was_scrapped_is_used_up_and_what_waits_comes_again() {
    let mut bed = Bed::running();
    bed.made("WO-1", "0010", 10);
    bed.all(&["LSN-SCRAP", "QTY-2", "RSN-D03", "LSN-REWORK", "QTY-3", "RSN-R01"]);
    bed.scan("LSN-INSPECT");
    assert_eq!(bed.scan("QTY-5"), "REPORTED_TO_INSPECT");
    bed.scan("LSN-INSPECT");
    assert_eq!(bed.scan("QTY-1"), "OVER_QUANTITY", "2 scrap, 3 to rework, 5 to inspect");
    bed.scan("LSN-CANCEL");
    assert_eq!(bed.scan("QTY-8"), "REPORTED", "reworked, inspected and good");
    assert_eq!(bed.scan("QTY-1"), "OVER_QUANTITY", "2 of 10 are scrap");
}

#[test]
fn row_35_in_a_run_of_several_each_order_has_its_own_limit() {
    let mut bed = Bed::of(Mode::BatchTraveler);
    bed.made("WO-1", "0010", 4);
    bed.all(&["EMP-7", "TRV-1.20", "TRV-2.10", "LSN-START"]);
    assert_eq!(bed.scan("QTY-100"), "OVER_QUANTITY", "50 each, of which one has 4");
    let said = &bed.step().feedback.message;
    assert!(said.starts_with("Order WO-1: 50 would be more than 4,"), "{said}");
    assert_eq!(bed.scan("LSN-OK"), "REPORTED");
    assert!(bed.reports().iter().all(|report| has_flag(report, "over_quantity")));
    assert_eq!(bed.reports().len(), 2);
}

#[test]
fn row_49_where_only_reports_are_taken_quantities_need_no_start() {
    let mut bed = Bed::of(Mode::ReportOnly);
    bed.all(&["EMP-7", "TRV-1.20"]);
    assert_eq!(bed.scan("LSN-START"), "NO_TIME_TRACKING");
    assert_eq!(bed.scan("QTY-3"), "REPORTED");
    assert_eq!((bed.report().work_hours, bed.report().flags.len()), (Decimal::ZERO, 0));
    bed.all(&["LSN-SCRAP", "QTY-1"]);
    assert_eq!(bed.scan("RSN-D03"), "REPORTED_DEFECT");
    assert_eq!(bed.state(), State::JobLoaded);
}

#[test]
fn row_50_elsewhere_they_do() {
    for mode in [
        Mode::StartStop,
        Mode::Piece,
        Mode::PieceCount,
        Mode::Crew,
        Mode::BatchTraveler,
    ] {
        let mut bed = Bed::of(mode);
        bed.all(&["EMP-7", "TRV-1.20"]);
        for code in ["QTY-3", "QTY-ADD-3", "LSN-SCRAP", "LSN-DONE", "LSN-PAUSE", "SN1"] {
            assert_eq!(bed.scan(code), "NOT_STARTED", "{code} as {mode:?}");
            assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::JobLoaded));
        }
    }
}

#[test]
fn row_51_while_paused_quantities_are_flagged_or_refused() {
    let mut bed = Bed::running();
    bed.scan("LSN-PAUSE");
    assert_eq!(bed.scan("QTY-3"), "REPORTED");
    assert_eq!(bed.report().flags, ["while_paused"]);
    bed.bench.while_paused = WhilePaused::Reject;
    for code in ["QTY-4", "LSN-SCRAP"] {
        assert_eq!(bed.scan(code), "NOT_RUNNING");
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::Paused));
    }
}
