//! Rows 55 to 70: inspections on the spot.

use super::*;
use crate::record::{CheckResult, FoundDefect, Inspection};

impl Bed {
    /// An inspector at an order that nobody has started here.
    fn inspecting() -> Self {
        let mut bed = Self::new();
        bed.all(&["EMP-60", "TRV-1.20", "LSN-CHECK", "QTY-20"]);
        assert_eq!(bed.state(), State::Inspecting);
        bed
    }

    fn inspection(&self) -> &Inspection {
        match self.step().signal.as_deref() {
            Some(Signal::Inspection(inspection)) => inspection,
            other => panic!("an inspection, not {other:?}"),
        }
    }

    fn faults(&self) -> Vec<(String, i64, Option<DefectKind>)> {
        let sheet = self.dialogue.sheet().expect("it goes on");
        let told = |fault: &FoundDefect| {
            let quantity = fault.quantity.to_string().parse().expect("a whole number");
            (fault.reason.clone(), quantity, fault.kind)
        };
        sheet.faults.iter().map(told).collect()
    }

    fn restarted(mut self) -> Self {
        let kept = serde_json::to_vec(&self.dialogue).expect("encodes");
        let kept: Dialogue = serde_json::from_slice(&kept).expect("decodes");
        let (restored, told) = self.with(|_, context| kept.restored(context));
        assert_eq!(told.expect("someone is there").code, "RESTARTED");
        self.dialogue = restored;
        self
    }

    fn expects(&self) -> String {
        self.dialogue.expects(&self.bench)
    }
}

#[test]
fn row_55_an_inspector_begins_at_the_job_at_hand() {
    let mut bed = Bed::new();
    assert_eq!(bed.all(&["EMP-60"]).scan("LSN-CHECK"), "NO_ORDER");
    bed.scan("TRV-1.20");
    assert_eq!(bed.scan("LSN-CHECK"), "HOW_MANY_INSPECTED");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::Inspecting));
    assert_eq!(bed.expects(), "Scan how many pieces were inspected.");
    let mut bed = Bed::new();
    bed.all(&["EMP-50", "TRV-1.20"]);
    assert_eq!(bed.scan("LSN-CHECK"), "HOW_MANY_INSPECTED", "a supervisor may, too");
}

#[test]
fn row_56_beside_a_worker_who_is_no_inspector_a_badge_is_waited_for() {
    let mut bed = Bed::running();
    assert_eq!(bed.scan("LSN-CHECK"), "WHO_INSPECTS");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::Inspecting));
    assert_eq!(bed.expects(), "Scan the inspector's badge.");
    for code in ["QTY-20", "LSN-SCRAP", "LSN-DONE"] {
        assert_eq!(bed.scan(code), "INSPECTOR_NEEDED", "{code}");
    }
}

#[test]
fn row_57_the_badge_says_who_inspects_and_the_job_goes_on_with_its_worker() {
    let mut bed = Bed::running();
    bed.scan("LSN-CHECK");
    assert_eq!(bed.scan("EMP-8"), "NOT_INSPECTOR");
    assert_eq!(bed.scan("EMP-9"), "UNKNOWN_BADGE");
    assert_eq!(bed.scan("EMP-60"), "HOW_MANY_INSPECTED");
    assert_eq!(bed.scan("EMP-50"), "COUNT_FIRST", "it is known who inspects");
    bed.all(&["QTY-20", "LSN-DONE"]);
    let inspection = bed.inspection();
    assert_eq!(inspection.checker_no.as_deref(), Some("60"));
    assert_eq!(
        inspection.circumstances.worker_no.as_deref(),
        Some("7"),
        "who made them"
    );
    assert_eq!(bed.state(), State::Running);
    assert_eq!(bed.dialogue.crew()[0].worker_no, "7");
    bed.now += TimeDelta::hours(1) - TimeDelta::seconds(16);
    bed.scan("QTY-5");
    assert_eq!(bed.report().work_hours, hours(100), "labor time went on");
    let mut offline = Bed::new().offline();
    offline.all(&["EMP-404", "TRV-1.20", "LSN-CHECK", "QTY-1", "LSN-DONE"]);
    assert_eq!(offline.inspection().flags, ["unverified"], "nobody can say no");
}

#[test]
fn row_57_who_turns_out_to_be_no_inspector_is_asked_for_anew_and_what_was_noted_stays() {
    let nobody = Snapshot {
        workers: Vec::new(),
        ..snapshot()
    };
    let mut bed = Bed::new();
    bed.reference = Reference::new(nobody.clone(), bed.now, Duration::from_hours(1));
    let mut bed = bed.offline();
    bed.all(&["EMP-8", "TRV-1.20", "LSN-CHECK", "QTY-20", "QTY-2", "RSN-D03"]);
    bed.reference = Reference::new(snapshot(), bed.now, Duration::from_hours(1));
    assert_eq!(bed.scan("LSN-DONE"), "INSPECTOR_NEEDED");
    assert_eq!(bed.scan("EMP-60"), "FAULT_NOTED");
    bed.scan("LSN-DONE");
    assert_eq!(bed.inspection().checker_no.as_deref(), Some("60"));
    assert_eq!(bed.inspection().unqualified_quantity, Decimal::TWO);
    let mut bed = Bed::new();
    bed.reference = Reference::new(nobody, bed.now, Duration::from_hours(1));
    let mut bed = bed.offline();
    bed.all(&["EMP-60", "TRV-1.20", "LSN-CHECK", "QTY-20"]);
    bed.reference = Reference::new(snapshot(), bed.now, Duration::from_hours(1));
    bed.scan("LSN-DONE");
    assert_eq!(bed.inspection().checker_name.as_deref(), Some("李60"));
    assert!(bed.inspection().flags.is_empty(), "by now it is known who it is");
}

#[test]
fn row_57_in_a_crew_the_maker_is_the_first_who_does_not_inspect() {
    let mut bed = Bed::of(Mode::Crew);
    bed.all(&[
        "EMP-60",
        "EMP-7",
        "TRV-1.20",
        "LSN-START",
        "LSN-CHECK",
        "QTY-20",
        "LSN-DONE",
    ]);
    let inspection = bed.inspection();
    assert_eq!(inspection.checker_no.as_deref(), Some("60"));
    assert_eq!(inspection.circumstances.worker_no.as_deref(), Some("7"));
}

#[test]
fn row_58_the_first_quantity_is_what_was_inspected_and_no_more_than_the_order_has() {
    let mut bed = Bed::new();
    bed.all(&["EMP-60", "TRV-1.20", "LSN-CHECK"]);
    assert_eq!(bed.scan("LSN-DONE"), "COUNT_FIRST");
    assert_eq!(bed.scan("LSN-SCRAP"), "COUNT_FIRST");
    assert_eq!(bed.scan("QTY-101"), "TOO_MANY_INSPECTED");
    assert!(bed.step().feedback.message.contains("100"));
    assert_eq!(bed.scan("QTY-ADD-10"), "KEYED");
    assert_eq!(bed.scan("QTY-ADD-5"), "KEYED");
    assert_eq!(bed.scan("LSN-OK"), "INSPECTED");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::Inspecting));
    assert_eq!(bed.expects(), "Scan the number of faulty pieces, or DONE.");
    assert_eq!(bed.dialogue.sheet().expect("a sheet").quantity, Some(Decimal::from(15)));
}

#[test]
fn row_59_faulty_pieces_need_a_reason_and_are_no_more_than_were_inspected() {
    let mut bed = Bed::inspecting();
    assert_eq!(bed.scan("QTY-21"), "TOO_MANY_FAULTY");
    assert_eq!(bed.scan("QTY-2"), "WHICH_REASON");
    assert_eq!(bed.scan("RSN-P01"), "REASON_UNKNOWN", "of a pause");
    assert_eq!(bed.scan("RSN-R01"), "FAULT_NOTED");
    bed.all(&["QTY-ADD-1", "QTY-ADD-2", "LSN-OK"]);
    assert_eq!(bed.scan("RSN-D03"), "FAULT_NOTED");
    assert_eq!(bed.faults(), [("R01".to_owned(), 2, None), ("D03".to_owned(), 3, None)]);
    assert_eq!(bed.scan("QTY-16"), "TOO_MANY_FAULTY", "with the five before");
    assert_eq!(bed.state(), State::Inspecting);
}

#[test]
fn row_60_what_is_done_with_them_is_said_before_their_number() {
    let mut bed = Bed::inspecting();
    for (kind, quantity, reason) in [("SCRAP", 2, "D03"), ("REWORK", 3, "R01"), ("CONCESSION", 1, "C01")] {
        assert_eq!(bed.scan(&format!("LSN-{kind}")), "HOW_MANY");
        assert_eq!(bed.scan(&format!("LSN-{kind}")), "HOW_MANY", "again changes nothing");
        assert_eq!(bed.kind(), FeedbackKind::Dup);
        assert_eq!(bed.scan(&format!("QTY-{quantity}")), "WHICH_REASON");
        assert_eq!(bed.scan(&format!("RSN-{reason}")), "FAULT_NOTED");
    }
    let expected = [
        ("D03".to_owned(), 2, Some(DefectKind::Scrap)),
        ("R01".to_owned(), 3, Some(DefectKind::Rework)),
        ("C01".to_owned(), 1, Some(DefectKind::Concession)),
    ];
    assert_eq!(bed.faults(), expected);
    bed.all(&["LSN-SCRAP", "QTY-1"]);
    assert_eq!(bed.scan("RSN-R01"), "REASON_UNKNOWN", "a reason of something else");
    bed.scan("LSN-CANCEL");
    assert_eq!(bed.scan("LSN-GOOD"), "NOT_NOW", "good is what is not faulty");
    assert_eq!(bed.scan("LSN-INSPECT"), "NOT_NOW");
}

#[test]
fn row_60_what_a_supervisor_has_to_allow_is_not_decided_by_an_inspector_alone() {
    let mut bed = Bed::inspecting();
    bed.bench.approval = vec![Approval::Concession];
    bed.all(&["LSN-CONCESSION", "QTY-2"]);
    assert_eq!(bed.scan("RSN-C01"), "APPROVAL_NEEDED");
    assert_eq!(bed.scan("EMP-50"), "APPROVED");
    assert_eq!(bed.scan("RSN-C01"), "FAULT_NOTED");
    bed.scan("LSN-CONCESSION");
    assert_eq!(bed.scan("EMP-50"), "APPROVED", "before the number, too");
    bed.all(&["QTY-1", "RSN-C01"]);
    bed.all(&["QTY-1", "RSN-C01"]);
    assert_eq!(bed.faults().len(), 3, "what is left open needs nobody");
    bed.scan("LSN-DONE");
    assert_eq!(bed.inspection().flags, ["approved_by:50"]);
}

#[test]
fn row_61_what_was_allowed_goes_with_what_is_taken_out() {
    let mut bed = Bed::inspecting();
    bed.bench.approval = vec![Approval::Concession];
    bed.all(&[
        "QTY-1",
        "RSN-D03",
        "LSN-CONCESSION",
        "QTY-2",
        "RSN-C01",
        "EMP-50",
        "RSN-C01",
    ]);
    assert_eq!(bed.scan("LSN-UNDO"), "FAULT_TAKEN_OUT");
    bed.scan("LSN-DONE");
    assert!(bed.inspection().flags.is_empty(), "nobody allowed what is left");
}

#[test]
fn row_61_undo_takes_out_what_was_noted_last() {
    let mut bed = Bed::inspecting();
    bed.all(&["QTY-2", "RSN-D03", "QTY-3", "RSN-R01"]);
    assert_eq!(bed.scan("LSN-UNDO"), "FAULT_TAKEN_OUT");
    assert_eq!(bed.faults(), [("D03".to_owned(), 2, None)]);
    bed.scan("LSN-UNDO");
    assert_eq!(bed.scan("LSN-UNDO"), "HOW_MANY_INSPECTED");
    assert_eq!(bed.scan("LSN-UNDO"), "NOT_NOW");
    assert_eq!(bed.scan("QTY-12"), "INSPECTED", "counted anew");
}

#[test]
fn row_62_cancel_drops_the_innermost() {
    let mut bed = Bed::running();
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20", "QTY-2"]);
    assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED");
    assert_eq!((bed.state(), bed.faults().len()), (State::Inspecting, 0));
    bed.all(&["QTY-3", "RSN-D03"]);
    assert_eq!(bed.scan("LSN-CANCEL"), "DROP_INSPECTION");
    assert_eq!(
        bed.step().feedback.message,
        "20 inspected, 3 faulty are noted. OK to drop them, or CANCEL to go on."
    );
    assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED", "scanned once too often");
    assert_eq!((bed.state(), bed.faults().len()), (State::Inspecting, 1));
    bed.scan("LSN-CANCEL");
    assert_eq!(bed.wait(TimeDelta::seconds(20)).as_deref(), Some("INPUT_TIMED_OUT"));
    assert_eq!(bed.faults().len(), 1, "no answer is none");
    bed.scan("LSN-CANCEL");
    assert_eq!(bed.scan("LSN-OK"), "INSPECTION_CANCELLED");
    assert!(bed.step().is_change && bed.step().signal.is_none());
    assert_eq!(bed.state(), State::Running);
    bed.scan("LSN-CHECK");
    assert_eq!(bed.scan("LSN-CANCEL"), "INSPECTION_CANCELLED", "nothing was noted");
}

#[test]
fn row_59_a_number_waits_for_its_reason_as_long_as_the_inspection_does() {
    let mut bed = Bed::running();
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20", "QTY-3"]);
    assert_eq!(bed.wait(TimeDelta::minutes(5)), None, "the reasons hang elsewhere");
    let until = bed
        .with(|dialogue, context| dialogue.asked(context))
        .expect("a reason")
        .until;
    assert!(until.starts_with("2026-11-21T12:00:"), "{until}");
    assert_eq!(
        bed.scan("LSN-DONE"),
        "FINISH_INPUT_FIRST",
        "three faulty ones are no good ones"
    );
    assert_eq!(bed.scan("RSN-D03"), "FAULT_NOTED");
    bed.scan("LSN-SCRAP");
    assert_eq!(bed.wait(TimeDelta::minutes(5)), None);
    bed.all(&["QTY-ADD-2"]);
    assert_eq!(bed.wait(TimeDelta::minutes(5)), None);
    bed.all(&["LSN-OK", "RSN-D03", "LSN-DONE"]);
    assert_eq!(bed.inspection().unqualified_quantity, Decimal::from(5));
}

#[test]
fn row_63_done_is_an_inspection_and_no_report() {
    let mut bed = Bed::running();
    bed.scan("QTY-5");
    bed.all(&[
        "LSN-CHECK",
        "EMP-60",
        "QTY-20",
        "QTY-2",
        "RSN-D03",
        "LSN-REWORK",
        "QTY-1",
        "RSN-R01",
    ]);
    assert_eq!(bed.scan("LSN-DONE"), "INSPECTION_RECORDED");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ok, State::Running));
    assert!(bed.step().is_change && bed.reports().is_empty());
    let inspection = bed.inspection().clone();
    let told = (
        inspection.check_quantity,
        inspection.qualified_quantity,
        inspection.unqualified_quantity,
    );
    assert_eq!(told, (Decimal::from(20), Decimal::from(17), Decimal::from(3)));
    assert_eq!(inspection.check_result, CheckResult::Unqualified);
    assert_eq!(inspection.order_no, "WO-1");
    assert_eq!(inspection.product_code.as_deref(), Some("06901234567892"));
    assert_eq!(inspection.check_date.to_string(), "2026-11-21");
    assert_eq!(inspection.circumstances.process_code.as_deref(), Some("0020"));
    assert_eq!(inspection.circumstances.equipment.as_deref(), Some("PRESS-7"));
    assert_eq!((inspection.defects.len(), inspection.defects[0].kind), (2, None));
    bed.scan("QTY-1");
    let scans: Vec<_> = bed.report().scans.iter().map(|scan| scan.raw.as_str()).collect();
    assert_eq!(scans, ["QTY-1"], "scans of an inspection are none of the next report");
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20"]);
    bed.scan("LSN-DONE");
    assert_eq!(bed.inspection().check_result, CheckResult::Qualified);
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_WHAT");
    assert!(
        bed.step().feedback.message.contains("1 good"),
        "UNDO takes reports back, not inspections"
    );
}

#[test]
fn row_63_what_cannot_be_is_refused_and_the_sheet_stays() {
    let mut bed = Bed::inspecting();
    bed.reference = Reference::new(
        Snapshot {
            orders: vec![order("WO-1", OrderStatus::Approved, &[("0020", 20)])],
            ..snapshot()
        },
        bed.now,
        Duration::from_hours(1),
    );
    assert_eq!(bed.scan("LSN-DONE"), "INVALID_INSPECTION", "its release was taken back");
    let words = &bed.step().feedback.words;
    assert!(
        words.en.contains("not released") && words.zh.contains("尚未下达"),
        "{words:?}"
    );
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::Inspecting));
}

#[test]
fn row_63_in_a_run_of_several_travelers_it_must_be_said_which() {
    let mut bed = Bed::of(Mode::BatchTraveler);
    bed.all(&["EMP-60", "TRV-2.10", "TRV-3.10", "LSN-START"]);
    assert_eq!(bed.scan("LSN-CHECK"), "WHICH_ORDER");
    bed.all(&["TRV-2.10", "LSN-CHECK", "QTY-5", "LSN-DONE"]);
    assert_eq!(bed.inspection().order_no, "WO-2");
    assert_eq!(
        bed.scan("LSN-CHECK"),
        "WHICH_ORDER",
        "the traveler was for that one alone"
    );
}

#[test]
fn row_64_status_tells_what_was_noted_so_far() {
    let mut bed = Bed::inspecting();
    bed.all(&["QTY-2", "RSN-D03"]);
    assert_eq!(bed.scan("LSN-STATUS"), "INSPECTION_STATUS");
    assert_eq!(
        bed.step().feedback.message,
        "Order WO-1: 20 inspected so far, 2 faulty."
    );
    assert!(!bed.step().is_change);
}

#[test]
fn row_65_nothing_else_has_its_place_and_the_answer_says_what_has() {
    let mut bed = Bed::new();
    bed.all(&["EMP-60", "TRV-1.20", "LSN-CHECK"]);
    assert_eq!(bed.scan("RSN-D03"), "COUNT_FIRST");
    bed.scan("QTY-20");
    assert_eq!(bed.scan("RSN-D03"), "NUMBER_FIRST");
    assert_eq!(bed.scan("SN1"), "COUNT_PIECES");
    for code in ["TRV-2.10", "LSN-START", "LSN-PAUSE", "EMP-60", "LSN-CHECK", "LSN-OK"] {
        assert_eq!(bed.scan(code), "FINISH_INSPECTION_FIRST", "{code}");
    }
    assert_eq!(bed.scan("LSN-CALL-QA"), "CALLED", "but help is called");
    bed.all(&["LSN-SCRAP"]);
    assert_eq!(bed.scan("SN1"), "COUNT_PIECES", "pieces are counted here, not named");
    assert_eq!(bed.scan("LSN-DOWN-P01"), "MACHINE_DOWN", "and machines do not wait");
    assert_eq!(bed.scan("LSN-CALL-QA"), "CALLED");
    assert_eq!(bed.state(), State::QuantityPending);
}

#[test]
fn row_66_who_goes_away_has_inspected_nothing() {
    let mut bed = Bed::running();
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20", "QTY-1"]);
    assert_eq!(bed.wait(TimeDelta::minutes(119)), None, "measuring takes its time");
    let over = bed.wait(TimeDelta::minutes(2));
    assert_eq!(over.as_deref(), Some("INSPECTION_TIMED_OUT"));
    assert!(bed.step().is_change, "a restart must not bring it back");
    assert_eq!(bed.state(), State::InspectionOver);
    assert_eq!(bed.wait(TimeDelta::hours(5)), None, "the job goes on");
    let mut bed = Bed::inspecting();
    bed.bench.idle_timeout = Duration::from_hours(3);
    assert_eq!(bed.wait(TimeDelta::minutes(179)), None);
    assert_eq!(bed.wait(TimeDelta::minutes(2)).as_deref(), Some("INSPECTION_TIMED_OUT"));
    assert_eq!(bed.wait(TimeDelta::seconds(1)).as_deref(), Some("SESSION_TIMED_OUT"));
    assert_eq!(bed.state(), State::Idle, "no job keeps anyone");
}

#[test]
fn row_68_what_is_scanned_after_the_time_out_is_no_good_piece() {
    let mut bed = Bed::running();
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20"]);
    bed.wait(TimeDelta::hours(2));
    assert_eq!(
        bed.expects(),
        "The inspection ran out of time. CHECK to begin it again, or OK."
    );
    for code in ["QTY-3", "LSN-SCRAP", "RSN-D03", "LSN-DONE", "EMP-60", "SN1"] {
        assert_eq!(bed.scan(code), "INSPECTION_TIMED_OUT", "{code}");
        assert!(bed.reports().is_empty());
    }
    bed = bed.restarted();
    assert_eq!(bed.scan("QTY-3"), "INSPECTION_TIMED_OUT", "not after a restart either");
    let accepted = bed.with(|dialogue, context| dialogue.accepts(context));
    let offered: Vec<_> = accepted.into_iter().map(|accepted| accepted.scan).collect();
    for (scan, is_offered) in [
        ("ok", true),
        ("cancel", true),
        ("check", true),
        ("call", true),
        ("badge", false),
        ("quantity", false),
    ] {
        assert_eq!(
            offered.iter().any(|known| known == scan),
            is_offered,
            "{scan}: {offered:?}"
        );
    }
    assert_eq!(bed.scan("LSN-OK"), "INSPECTION_CANCELLED");
    assert!(bed.step().is_change);
    assert_eq!(bed.state(), State::Running);
    assert_eq!(bed.scan("QTY-5"), "REPORTED");
    let scans: Vec<_> = bed.report().scans.iter().map(|scan| scan.raw.as_str()).collect();
    assert_eq!(scans.last(), Some(&"QTY-5"));
    assert!(!scans.contains(&"LSN-OK"), "that was about the inspection");
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20"]);
    bed.wait(TimeDelta::hours(2));
    assert_eq!(bed.scan("LSN-CHECK"), "WHO_INSPECTS", "begun anew");
    assert_eq!(bed.scan("LSN-CANCEL"), "INSPECTION_CANCELLED");
    assert_eq!(bed.state(), State::Running);
}

#[test]
fn row_69_done_once_too_often_does_not_complete_the_order() {
    let mut bed = Bed::running();
    bed.made("WO-1", "0020", 100);
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20", "LSN-DONE"]);
    bed = bed.restarted();
    assert_eq!(bed.scan("LSN-DONE"), "COMPLETE_TOO");
    assert_eq!((bed.kind(), bed.reports().len()), (FeedbackKind::Ask, 0));
    let asked = bed
        .with(|dialogue, context| dialogue.asked(context))
        .expect("a question");
    assert_eq!((asked.what, asked.about), ("confirm", Some("complete")));
    assert_eq!(bed.scan("LSN-DONE"), "FINISH_INPUT_FIRST");
    assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED");
    assert_eq!(bed.state(), State::Running);
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20", "LSN-DONE", "LSN-DONE"]);
    assert_eq!(bed.scan("LSN-OK"), "COMPLETED", "it was meant");
    assert!(bed.report().is_final);
    let mut bed = Bed::running();
    bed.made("WO-1", "0020", 100);
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20", "LSN-DONE", "LSN-STATUS"]);
    assert_eq!(bed.scan("LSN-DONE"), "COMPLETED", "another scan was between them");
}

#[test]
fn row_70_nobody_leaves_with_an_inspection_begun() {
    let mut bed = Bed::running();
    bed.all(&["LSN-CHECK", "EMP-60", "QTY-20"]);
    assert_eq!(bed.scan("LSN-LOGOUT"), "FINISH_INSPECTION_FIRST");
    bed.scan("QTY-3");
    assert_eq!(bed.scan("LSN-LOGOUT"), "FINISH_INSPECTION_FIRST");
    assert_eq!(bed.state(), State::ReasonPending);
    let mut bed = Bed::running();
    bed.scan("LSN-CHECK");
    assert_eq!(bed.scan("LSN-LOGOUT"), "SIGNED_OFF", "nothing was noted");
    assert_eq!((bed.state(), bed.dialogue.sheet()), (State::Idle, None));
}

#[test]
fn row_67_an_inspection_outlives_a_restart() {
    let mut bed = Bed::inspecting();
    bed.all(&["LSN-SCRAP", "QTY-2", "RSN-D03", "QTY-1"]);
    bed.now += TimeDelta::hours(3);
    bed.reference.confirmed_at = Some(bed.now);
    bed = bed.restarted();
    assert_eq!(
        bed.wait(TimeDelta::minutes(1)),
        None,
        "nobody was slow while there was no power"
    );
    assert_eq!(
        bed.state(),
        State::ReasonPending,
        "the one without a reason is asked about"
    );
    assert_eq!(bed.faults(), [("D03".to_owned(), 2, Some(DefectKind::Scrap))]);
    assert_eq!(bed.scan("LSN-DONE"), "FINISH_INPUT_FIRST");
    bed.all(&["RSN-D03", "LSN-DONE"]);
    assert_eq!(bed.inspection().unqualified_quantity, Decimal::from(3));
    let mut bed = Bed::inspecting();
    bed.scan("LSN-CANCEL");
    assert_eq!(bed.restarted().state(), State::Inspecting, "a question is dropped");
}

#[test]
fn a_screen_offers_what_an_inspection_takes() {
    let mut bed = Bed::running();
    bed.scan("LSN-CHECK");
    let offers = |bed: &mut Bed| {
        let accepted = bed.with(|dialogue, context| dialogue.accepts(context));
        accepted.into_iter().map(|accepted| accepted.scan).collect::<Vec<_>>()
    };
    assert_eq!(
        offers(&mut bed),
        ["badge", "cancel", "logout", "status", "up", "call", "down"]
    );
    let accepted = bed.with(|dialogue, context| dialogue.accepts(context));
    assert_eq!(
        accepted[0].kind,
        FeedbackKind::Ask,
        "the badge is answered by a question"
    );
    bed.all(&["EMP-60", "QTY-20"]);
    let expected = [
        "done",
        "scrap",
        "rework",
        "concession",
        "undo",
        "cancel",
        "status",
        "up",
        "call",
        "down",
        "quantity",
        "keyed",
    ];
    assert_eq!(offers(&mut bed), expected);
    bed.all(&["QTY-1"]);
    let reasons = bed.with(|dialogue, context| dialogue.reasons(context));
    let reasons: Vec<_> = reasons.into_iter().map(|reason| reason.code).collect();
    assert_eq!(
        reasons,
        ["C01", "D03", "R01"],
        "any defect's, for it is open what is done with them"
    );
}
