//! Rows 1 to 7, 44, 45 and 53: who works here, and who says so.

use super::*;

#[test]
fn row_01_a_known_badge_opens_the_station() {
    let mut bed = Bed::new();
    assert_eq!(bed.scan("EMP-7"), "SIGNED_ON");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ok, State::SignedOn));
}

#[test]
fn row_02_an_unknown_badge_does_not_while_the_reference_data_is_fresh() {
    let mut bed = Bed::new();
    for badge in ["EMP-5", "EMP-9"] {
        assert_eq!(bed.scan(badge), "UNKNOWN_BADGE");
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::Idle));
    }
}

#[test]
fn row_03_offline_it_is_believed_and_marked() {
    let mut bed = Bed::new().offline();
    assert_eq!(bed.scan("EMP-5"), "SIGNED_ON_UNVERIFIED");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::SignedOn));
    assert_eq!(bed.scan("EMP-9"), "UNKNOWN_BADGE", "known to be inactive");
    bed.all(&["TRV-1.20", "LSN-START", "QTY-1"]);
    assert_eq!(bed.report().flags, ["unverified"]);
}

#[test]
fn row_04_nothing_else_is_taken_before_a_badge() {
    let mut bed = Bed::new();
    for code in ["WO-1", "LSN-START", "QTY-5", "RSN-D03", "SN1", "LSN-CALL-QA", "LSN-OK"] {
        assert_eq!(bed.scan(code), "NOT_SIGNED_ON", "{code}");
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::Idle));
    }
}

#[test]
fn row_05_another_badge_joins_the_crew_and_has_hours_of_its_own() {
    let mut bed = Bed::running_as(Mode::Crew);
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.after(0, "EMP-8"), "CREW_JOINED");
    assert_eq!(bed.state(), State::Running);
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.after(0, "QTY-40"), "REPORTED");
    let [of_all, of_other] = bed.reports() else {
        panic!("two reports, not {:?}", bed.reports())
    };
    assert_eq!((of_all.worker_no.as_str(), of_all.work_hours), ("7", hours(200)));
    assert_eq!((of_other.worker_no.as_str(), of_other.work_hours), ("8", hours(100)));
    assert_eq!(of_all.output_quantity, Decimal::from(40));
    assert!(of_other.output_quantity.is_zero() && has_flag(of_other, "crew_hours"));
    let intervals: Vec<_> = of_all
        .crew
        .iter()
        .map(|m| (m.worker_no.as_str(), m.from.as_str()))
        .collect();
    assert_eq!(
        intervals,
        [
            ("7", "2026-11-21T10:00:06.000+08:00"),
            ("8", "2026-11-21T11:00:06.000+08:00")
        ]
    );
    assert!(of_other.crew.is_empty(), "each interval is listed once");
}

#[test]
fn row_06_a_member_leaves_and_the_last_one_stops_the_job() {
    let mut bed = Bed::running_as(Mode::Crew);
    bed.scan("EMP-8");
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.scan("EMP-7"), "CREW_LEFT");
    assert_eq!(
        (bed.report().worker_no.as_str(), bed.report().work_hours),
        ("7", hours(100))
    );
    assert_eq!(bed.state(), State::Running);
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.scan("EMP-8"), "NO_CREW");
    assert_eq!(
        (bed.report().worker_no.as_str(), bed.report().work_hours),
        ("8", hours(200))
    );
    assert!(has_flag(bed.report(), "no_crew"));
    assert_eq!(bed.state(), State::Idle);
    bed.all(&["EMP-7", "TRV-1.20"]);
    assert_eq!(bed.scan("EMP-7"), "SIGNED_OFF", "nothing ran");
}

#[test]
fn row_07_where_one_works_alone_another_badge_takes_over() {
    let mut bed = Bed::running();
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.scan("EMP-8"), "OPERATOR_SWITCHED");
    assert_eq!(bed.state(), State::SignedOn);
    assert_eq!(
        (bed.report().worker_no.as_str(), bed.report().work_hours),
        ("7", hours(100))
    );
    assert_eq!(bed.scan("EMP-8"), "ALREADY_SIGNED_ON");
    assert_eq!(bed.kind(), FeedbackKind::Dup);
}

#[test]
fn row_44_logout_closes_everything_from_anywhere() {
    let mut bed = Bed::running_as(Mode::Crew);
    bed.all(&["EMP-8", "LSN-SCRAP"]);
    bed.now += TimeDelta::hours(2);
    assert_eq!(bed.scan("LSN-LOGOUT"), "SIGNED_OFF");
    let told: Vec<_> = bed
        .reports()
        .iter()
        .map(|r| (r.worker_no.as_str(), r.work_hours))
        .collect();
    assert_eq!(told, [("7", hours(200)), ("8", hours(200))]);
    assert_eq!(bed.state(), State::Idle);
    assert_eq!(bed.scan("LSN-LOGOUT"), "NOT_SIGNED_ON");
}

#[test]
fn row_45_who_is_silent_has_gone_but_a_running_job_keeps_its_worker_unless_told_otherwise() {
    let mut bed = Bed::running();
    assert_eq!(bed.wait(TimeDelta::hours(2)), None);
    bed.bench.running_timeout = Some(Duration::from_hours(3));
    assert_eq!(bed.wait(TimeDelta::hours(1)).as_deref(), Some("SESSION_TIMED_OUT"));
    assert_eq!(bed.report().work_hours, hours(300));
    assert_eq!(bed.report().flags, ["session_timeout", "needs_review"]);
    assert_eq!(bed.state(), State::Idle);
    let mut idle = Bed::new();
    idle.scan("EMP-7");
    assert_eq!(idle.wait(TimeDelta::minutes(29)), None);
    assert_eq!(idle.wait(TimeDelta::minutes(2)).as_deref(), Some("SESSION_TIMED_OUT"));
}

#[test]
fn row_53_what_needs_a_supervisor_waits_for_the_badge() {
    let mut bed = Bed::running();
    bed.bench.approval = vec![Approval::OverQuantity, Approval::Concession];
    assert_eq!(bed.scan("QTY-200"), "OVER_QUANTITY");
    assert_eq!(bed.scan("LSN-OK"), "APPROVAL_NEEDED");
    assert_eq!(bed.scan("EMP-8"), "NOT_SUPERVISOR");
    assert_eq!(bed.scan("EMP-5"), "UNKNOWN_BADGE");
    assert_eq!(bed.state(), State::ConfirmPending);
    assert_eq!(bed.scan("EMP-50"), "APPROVED");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ConfirmPending));
    assert_eq!(bed.scan("LSN-OK"), "REPORTED");
    assert_eq!(bed.report().flags, ["over_quantity", "approved_by:50"]);
    assert_eq!(bed.report().worker_no, "7", "who approves does not take over");
    bed.all(&["LSN-UNDO", "LSN-OK", "LSN-CONCESSION", "QTY-1"]);
    assert_eq!(bed.scan("RSN-C01"), "APPROVAL_NEEDED");
    bed.scan("EMP-50");
    assert_eq!(bed.scan("RSN-C01"), "REPORTED_DEFECT");
    assert_eq!(bed.report().flags, ["approved_by:50"]);
    bed.bench.approval = vec![Approval::OverQuantity, Approval::Scrap];
    bed.all(&["LSN-SCRAP", "EMP-50", "QTY-500"]);
    assert_eq!(
        bed.scan("LSN-OK"),
        "APPROVAL_NEEDED",
        "scrap was allowed, so much of it was not"
    );
    bed.all(&["EMP-50", "LSN-OK"]);
    assert_eq!(bed.scan("RSN-D03"), "REPORTED_DEFECT");
    assert_eq!(bed.report().flags, ["over_quantity", "approved_by:50"]);
}
