//! Rows 36 to 43, 46 to 48, 52 and 54: finishing, taking back, what goes wrong, what is told on the way.

use super::*;
use crate::language::Language;
use crate::record::Severity;

#[test]
fn row_36_done_completes_what_is_all_there() {
    let mut bed = Bed::running();
    bed.made("WO-1", "0020", 100);
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.scan("LSN-DONE"), "COMPLETED");
    assert!(bed.report().is_final);
    assert_eq!((bed.report().work_hours, bed.report().flags.len()), (hours(100), 0));
    assert_eq!(bed.state(), State::SignedOn);
}

#[test]
fn row_37_done_with_less_asks_and_may_become_a_pause() {
    let mut bed = Bed::running();
    bed.scan("QTY-40");
    assert_eq!(bed.scan("LSN-DONE"), "SHORT_QUANTITY");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ConfirmPending));
    let said = &bed.step().feedback.message;
    assert_eq!(said, "Only 40 of 100 done. OK to close, PAUSE or CANCEL.");
    assert_eq!(bed.scan("LSN-PAUSE"), "PAUSED");
    assert_eq!(bed.state(), State::Paused);
    bed.scan("LSN-DONE");
    assert_eq!(bed.scan("LSN-OK"), "COMPLETED");
    assert!(bed.report().is_final && has_flag(bed.report(), "short_close"));
    assert_eq!(bed.state(), State::SignedOn);
}

#[test]
fn row_37_where_no_time_is_taken_nothing_can_be_paused() {
    let mut bed = Bed::of(Mode::ReportOnly);
    bed.all(&["EMP-7", "TRV-2.10"]);
    assert_eq!(bed.scan("LSN-PAUSE"), "NO_TIME_TRACKING");
    assert_eq!(bed.scan("LSN-DONE"), "SHORT_QUANTITY");
    let said = &bed.step().feedback.words;
    assert_eq!(said.en, "Only 0 of 100 done. OK to close or CANCEL.");
    assert_eq!(said.zh, "仅完成 0/100。扫描 OK 结束或取消。");
    assert_eq!(bed.scan("LSN-PAUSE"), "FINISH_INPUT_FIRST");
    assert_eq!(bed.scan("LSN-OK"), "COMPLETED");
}

#[test]
fn row_37_in_a_run_of_several_names_the_ones_that_are_short() {
    let mut bed = Bed::of(Mode::BatchTraveler);
    bed.made("WO-2", "0010", 100);
    bed.made("WO-3", "0010", 3);
    bed.all(&["EMP-7", "TRV-2.10", "TRV-3.10", "LSN-START"]);
    assert_eq!(bed.scan("LSN-DONE"), "SHORT_QUANTITY");
    let said = &bed.step().feedback.words;
    assert!(said.en.starts_with("Only 3 of 100 (WO-3) done."), "{said:?}");
    assert!(said.zh.starts_with("仅完成 3/100 (WO-3)。"), "{said:?}");
}

#[test]
fn row_38_undo_reverses_ones_own_last_report() {
    let mut bed = Bed::running();
    bed.now += TimeDelta::hours(1);
    bed.scan("QTY-5");
    let undone = bed.report().clone();
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_WHAT");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ConfirmPending));
    assert!(bed.step().feedback.message.contains("5 good"));
    assert_eq!(bed.scan("LSN-OK"), "UNDONE");
    let void = bed.report().clone();
    assert_eq!(void.voids.as_deref(), Some(undone.report_no.as_str()));
    assert_eq!(
        (void.output_quantity, void.work_hours),
        (Decimal::from(-5), -undone.work_hours)
    );
    assert_eq!(bed.dialogue.job().map(|job| job.qualified), Some(Decimal::ZERO));
    bed.scan("QTY-4");
    assert_eq!(
        bed.report().work_hours,
        undone.work_hours,
        "the time that was taken back is reported again"
    );
}

#[test]
fn row_39_undo_of_nothing_of_the_old_or_of_anothers_needs_a_supervisor() {
    let mut bed = Bed::running();
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_NOT_POSSIBLE", "nothing");
    bed.scan("QTY-4");
    assert_eq!(bed.after(601_000, "LSN-UNDO"), "UNDO_NOT_POSSIBLE", "too late");
    bed.scan("QTY-5");
    bed.scan("EMP-8");
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_NOT_POSSIBLE", "another's report");
    assert_eq!(bed.kind(), FeedbackKind::Err);
    assert_eq!(bed.scan("EMP-50"), "UNDO_WHAT", "but a supervisor may");
    assert_eq!(bed.dialogue.crew()[0].worker_no, "8", "who approves does not take over");
    assert_eq!(bed.scan("LSN-OK"), "UNDONE");
    assert_eq!(
        (bed.report().worker_no.as_str(), bed.report().output_quantity),
        ("7", Decimal::from(-5))
    );
    assert!(
        bed.report().work_hours.is_zero(),
        "the hours of who has gone were worked"
    );
    assert!(has_flag(bed.report(), "approved_by:50"));
    bed.scan("LSN-UNDO");
    assert_eq!(bed.wait(TimeDelta::seconds(21)), None, "the offer has passed");
    assert_eq!(bed.scan("EMP-50"), "OPERATOR_SWITCHED");
    assert_eq!(
        bed.scan("LSN-UNDO"),
        "UNDO_WHAT",
        "who works as a supervisor needs no second badge"
    );
}

#[test]
fn row_38_a_completion_is_taken_back_before_its_pieces() {
    let mut bed = Bed::running();
    bed.all(&["QTY-100", "LSN-DONE"]);
    let last = bed.report().clone();
    assert!(last.is_final && last.output_quantity.is_zero());
    bed.scan("LSN-UNDO");
    assert!(bed.step().feedback.message.contains("the completion of order WO-1"));
    assert_eq!(bed.scan("LSN-OK"), "UNDONE");
    let void = bed.report().clone();
    assert_eq!(void.voids.as_deref(), Some(last.report_no.as_str()));
    assert!(void.is_final && void.output_quantity.is_zero(), "the order goes on");
    bed.scan("LSN-UNDO");
    assert!(bed.step().feedback.message.contains("100 good"));
    assert_eq!(bed.scan("LSN-OK"), "UNDONE");
    assert_eq!(bed.report().output_quantity, Decimal::from(-100));
}

#[test]
fn row_39_undo_ends_with_the_shift() {
    let mut bed = Bed::running();
    bed.now = "2026-11-21T11:55:00Z".parse().expect("five to eight in the evening");
    bed.reference.confirmed_at = Some(bed.now);
    bed.scan("QTY-4");
    bed.now += TimeDelta::minutes(6);
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_NOT_POSSIBLE");
}

#[test]
fn row_40_questions_are_answered_by_ok_cancel_or_silence() {
    let mut bed = Bed::running();
    for question in ["WO-2", "QTY-200", "LSN-DONE"] {
        bed.scan(question);
        assert_eq!(bed.state(), State::ConfirmPending, "{question}");
        assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED");
        assert_eq!(bed.state(), State::Running);
        bed.scan(question);
        assert_eq!(bed.wait(TimeDelta::seconds(20)).as_deref(), Some("INPUT_TIMED_OUT"));
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::Running));
        assert!(bed.reports().is_empty());
    }
    assert_eq!(bed.scan("LSN-OK"), "NOT_NOW");
}

#[test]
fn row_41_a_double_read_counts_once() {
    let mut bed = Bed::running();
    bed.scan("QTY-5");
    assert_eq!(bed.after(300, "QTY-5"), "DUPLICATE_SCAN");
    assert_eq!(bed.kind(), FeedbackKind::Dup);
    assert!(!bed.step().is_change, "nothing to keep");
    assert_eq!(
        bed.after(1_400, "QTY-5"),
        "DUPLICATE_SCAN",
        "a scanner that keeps reading stays within the window"
    );
    assert_eq!(bed.after(1_600, "QTY-5"), "REPORTED");
    let mut bed = Bed::running_as(Mode::PieceCount);
    bed.bench.duplicate_window = Duration::from_millis(300);
    bed.scan("6901234567892");
    assert_eq!(bed.after(200, "6901234567892"), "DUPLICATE_SCAN");
    assert_eq!(bed.after(301, "6901234567892"), "REPORTED");
}

#[test]
fn a_second_read_of_what_was_refused_or_asked_hears_the_same() {
    let mut bed = Bed::new();
    bed.all(&["EMP-7", "TRV-1.20"]);
    assert_eq!(bed.scan("QTY-5"), "NOT_STARTED");
    assert_eq!(bed.after(300, "QTY-5"), "NOT_STARTED", "nothing was counted");
    assert_eq!(bed.kind(), FeedbackKind::Err);
    bed.scan("LSN-START");
    assert_eq!(bed.after(300, "QTY-5"), "REPORTED");
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_WHAT");
    assert_eq!(bed.after(300, "LSN-UNDO"), "UNDO_WHAT");
    assert_eq!(bed.kind(), FeedbackKind::Ask);
}

#[test]
fn row_42_what_cannot_be_understood_is_told_as_what_it_is() {
    let mut bed = Bed::running();
    for (code, answer) in [
        ("hello", "UNKNOWN_CODE"),
        ("QTY-0", "QTY_INVALID"),
        ("EMP-\u{1d}7", "INVALID_CHARSET"),
    ] {
        assert_eq!(bed.scan(code), answer);
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::Running));
    }
    let told = feedback(FeedbackKind::Err, "PARTIAL_READ", &[], Language::Zh);
    assert_eq!(told.message, "读码不完整，请重新扫描。");
}

#[test]
fn row_43_a_machine_is_said_to_be_down_or_up_from_anywhere() {
    let mut bed = Bed::new();
    assert_eq!(bed.scan("LSN-DOWN-P01"), "MACHINE_DOWN", "before any badge");
    bed.all(&["EMP-7", "TRV-1.20", "LSN-START", "LSN-SCRAP"]);
    assert_eq!(bed.scan("LSN-DOWN-P01"), "MACHINE_DOWN");
    let word = bed.machine();
    assert_eq!(
        (word.equipment.as_str(), word.is_down, word.reason.as_deref()),
        ("PRESS-7", true, Some("P01"))
    );
    assert_eq!(word.detail, "P01, 李7");
    assert_eq!(bed.state(), State::QuantityPending, "the input goes on");
    assert_eq!(bed.scan("LSN-UP"), "MACHINE_UP");
    assert!(!bed.machine().is_down);
    bed.bench.equipment = None;
    assert_eq!(bed.scan("LSN-DOWN"), "NO_EQUIPMENT");
}

#[test]
fn row_71_the_label_of_a_machine_tells_whose_it_is_and_its_state() {
    let mut bed = Bed::new();
    assert_eq!(bed.scan("EQ-PRESS-7"), "NOT_SIGNED_ON");
    bed.scan("EMP-7");
    assert_eq!(bed.scan("EQ-PRESS-7"), "MACHINE_HERE");
    assert_eq!(bed.step().feedback.message, "PRESS-7 is the machine of this station.");
    bed.status
        .update_equipment(&"PRESS-7".into(), |view| view.state = Some("running".to_owned()));
    bed.all(&["TRV-1.20", "LSN-START"]);
    assert_eq!(bed.scan("EQ-press-7"), "MACHINE_HERE");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ok, State::Running));
    let said = &bed.step().feedback.words;
    assert!(
        said.en.ends_with("State: running.") && said.zh.ends_with("状态：运行。"),
        "{said:?}"
    );
    assert_eq!(bed.scan("EQ-PRESS-9"), "WRONG_STATION");
    assert_eq!(
        bed.step().feedback.message,
        "Machine PRESS-9 does not belong here. Of this station: Machine PRESS-7. Go to the station that it is for."
    );
    bed.scan("LSN-SCRAP");
    assert_eq!(bed.scan("EQ-PRESS-7"), "FINISH_INPUT_FIRST");
    bed.scan("LSN-CANCEL");
    bed.bench.equipment = None;
    assert_eq!(bed.scan("EQ-PRESS-7"), "NO_EQUIPMENT");
}

#[test]
fn row_46_hours_are_split_where_a_shift_ends_and_the_job_runs_on_or_stops() {
    for (policy, code, state) in [
        (ShiftEnd::CarryOver, "SHIFT_END_CARRIED", State::Running),
        (ShiftEnd::Pause, "SHIFT_END_PAUSED", State::Paused),
    ] {
        let mut bed = Bed::running();
        bed.bench.shift_end = policy;
        bed.now = "2026-11-21T11:00:00Z".parse().expect("seven in the evening");
        bed.reference.confirmed_at = Some(bed.now);
        bed.scan("QTY-1");
        assert_eq!(bed.wait(TimeDelta::minutes(59)), None);
        assert_eq!(bed.wait(TimeDelta::minutes(2)).as_deref(), Some(code));
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, state));
        assert_eq!(
            (bed.report().work_hours, bed.report().work_date.to_string().as_str()),
            (hours(100), "2026-11-21")
        );
        assert!(has_flag(bed.report(), "shift_end") && bed.report().output_quantity.is_zero());
        assert_eq!(bed.wait(TimeDelta::seconds(1)), None, "told once");
        assert_eq!(bed.state(), state);
    }
    // An inspection lies over the job, which stops all the same.
    let mut bed = Bed::running();
    bed.bench.shift_end = ShiftEnd::Pause;
    bed.now = "2026-11-21T11:59:00Z".parse().expect("a minute before eight");
    bed.reference.confirmed_at = Some(bed.now);
    bed.scan("LSN-CHECK");
    assert_eq!(bed.wait(TimeDelta::minutes(2)).as_deref(), Some("SHIFT_END_PAUSED"));
    assert_eq!(bed.state(), State::Inspecting);
    // From ten in the morning, over two ends of shifts: the night shift belongs to the day it began on.
    let mut bed = Bed::running_as(Mode::Crew);
    bed.scan("EMP-8");
    bed.now = "2026-11-22T00:30:00Z"
        .parse()
        .expect("half past eight the next morning");
    bed.reference.confirmed_at = Some(bed.now);
    assert_eq!(
        bed.scan("QTY-9"),
        "REPORTED",
        "a scan before the clock's own look splits too"
    );
    let told: Vec<_> = bed
        .reports()
        .iter()
        .map(|r| (r.worker_no.as_str(), r.work_hours, r.work_date.to_string()))
        .collect();
    let day = |day: u32| format!("2026-11-{day}");
    assert_eq!(
        told,
        [
            ("7", hours(999), day(21)),
            ("8", hours(999), day(21)),
            ("7", hours(1200), day(21)),
            ("8", hours(1200), day(21)),
            ("7", hours(50), day(22)),
            ("8", hours(50), day(22)),
        ]
    );
}

#[test]
fn row_48_a_restart_keeps_the_job_drops_what_was_begun_and_says_so() {
    let mut bed = Bed::running_as(Mode::Crew);
    bed.all(&["EMP-8", "QTY-5", "LSN-SCRAP"]);
    let kept = serde_json::to_vec(&bed.dialogue).expect("encodes");
    let dialogue: Dialogue = serde_json::from_slice(&kept).expect("decodes");
    let (restored, told) = bed.with(|_, context| dialogue.restored(context));
    bed.dialogue = restored;
    let told = told.expect("someone is at work");
    assert_eq!((told.kind, told.code.as_str()), (FeedbackKind::Ask, "RESTARTED"));
    assert_eq!(bed.state(), State::Running);
    assert_eq!(bed.dialogue.crew().len(), 2);
    assert_eq!(bed.dialogue.job().map(|job| job.qualified), Some(Decimal::from(5)));
    assert_eq!(
        bed.after(100, "LSN-SCRAP"),
        "DUPLICATE_SCAN",
        "the double read is known over the restart"
    );
    let (_, told) = bed.with(|_, context| Dialogue::default().restored(context));
    assert!(told.is_none(), "nobody is there to be told");
}

#[test]
fn row_52_a_question_takes_nothing_but_its_answer() {
    let mut bed = Bed::running();
    bed.scan("QTY-200");
    for other in [
        "QTY-7",
        "WO-2",
        "LSN-DONE",
        "LSN-SCRAP",
        "EMP-8",
        "EMP-50",
        "LSN-PAUSE",
        "RSN-D03",
    ] {
        assert_eq!(bed.scan(other), "FINISH_INPUT_FIRST", "{other}");
        assert_eq!(bed.state(), State::ConfirmPending);
    }
}

#[test]
fn row_54_calls_are_raised_and_the_status_is_shown() {
    let mut bed = Bed::running();
    assert_eq!(bed.scan("LSN-CALL-QA"), "CALLED");
    let Some(Signal::Call(alert)) = bed.step().signal.as_deref() else {
        panic!("a call")
    };
    assert_eq!((alert.alert_type.as_str(), alert.severity), ("ANDON", Severity::High));
    assert_eq!(
        (alert.subject.order_no.as_deref(), alert.subject.equipment.as_deref()),
        (Some("WO-1"), Some("PRESS-7"))
    );
    assert_eq!(alert.words.en, "QA is called to station ST-01 by 李7.");
    assert_eq!(alert.words.zh, "李7 在工位 ST-01 呼叫 QA。");
    bed.scan("QTY-3");
    assert_eq!(bed.scan("LSN-STATUS"), "STATUS");
    assert!(bed.step().feedback.message.contains("3 good"));
    assert!(!bed.step().is_change && bed.reports().is_empty());
    let mut bed = Bed::new();
    bed.scan("EMP-7");
    assert_eq!(bed.scan("LSN-STATUS"), "STATUS_NO_JOB");
}
