//! Rows 8 to 21: orders, travelers, starting and stopping.

use super::*;
use crate::record::Activity;

fn signed_on() -> Bed {
    let mut bed = Bed::new();
    bed.scan("EMP-7");
    bed
}

#[test]
fn row_08_a_traveler_loads_its_order_and_operation() {
    let mut bed = signed_on();
    assert_eq!(bed.scan("TRV-WO-1.20"), "JOB_LOADED");
    let job = bed.dialogue.job().expect("a job");
    assert_eq!((job.order_no.as_str(), job.process_code.as_str()), ("WO-1", "0020"));
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ok, State::JobLoaded));
    assert_eq!(bed.scan("TRV-1.99"), "WRONG_OPERATION");
}

#[test]
fn row_09_an_order_with_one_operation_or_a_station_with_one_needs_no_more() {
    let mut bed = signed_on();
    assert_eq!(bed.scan("WO-2"), "JOB_LOADED");
    bed.bench.process = Some("0010".to_owned());
    assert_eq!(bed.scan("WO-1"), "JOB_LOADED", "the station's own operation is meant");
    assert_eq!(bed.dialogue.job().map(|job| job.process_code.as_str()), Some("0010"));
}

#[test]
fn row_09_of_an_order_without_operations_none_is_named() {
    let mut bed = Bed::of(Mode::StartStop);
    let mut known = snapshot();
    known.orders.push(order("WO-5", OrderStatus::Released, &[]));
    bed.reference = Reference::new(known, bed.now, Duration::from_hours(1));
    bed.scan("EMP-7");
    for (code, said) in [
        ("WO-5", "Order WO-5. Scan START."),
        ("LSN-STATUS", "Order WO-5: 0 good, 0 defective."),
        ("WO-5", "Order WO-5 is at hand."),
    ] {
        bed.scan(code);
        assert_eq!(bed.step().feedback.message, said);
    }
}

#[test]
fn row_10_an_order_with_several_operations_waits_for_one() {
    let mut bed = signed_on();
    assert_eq!(bed.scan("WO-1"), "WHICH_OPERATION");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::SignedOn));
    assert_eq!(bed.wait(TimeDelta::seconds(19)), None);
    assert_eq!(bed.wait(TimeDelta::seconds(1)).as_deref(), Some("INPUT_TIMED_OUT"));
    assert_eq!(bed.scan("OP-0010"), "NO_ORDER", "it has waited long enough");
    bed.scan("WO-1");
    assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED");
    assert_eq!(bed.scan("OP-0010"), "NO_ORDER");
}

#[test]
fn row_11_the_operation_of_the_order_that_waits_loads_it() {
    let mut bed = signed_on();
    bed.scan("WO-1");
    assert_eq!(bed.scan("OP-0099"), "WRONG_OPERATION");
    assert_eq!(bed.scan("OP-0010"), "JOB_LOADED");
    assert_eq!(bed.state(), State::JobLoaded);
}

#[test]
fn row_12_an_operation_without_an_order_means_nothing() {
    let mut bed = signed_on();
    assert_eq!(bed.scan("OP-0010"), "NO_ORDER");
    assert_eq!(bed.scan("LSN-START"), "NO_ORDER");
    bed.scan("WO-2");
    assert_eq!(bed.scan("OP-0010"), "NO_ORDER");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::JobLoaded));
}

#[test]
fn row_13_what_is_closed_not_released_or_not_done_here_is_refused() {
    let mut bed = signed_on();
    for code in ["WO-9", "TRV-9.10", "WO-8"] {
        assert_eq!(bed.scan(code), "ORDER_CLOSED", "{code}");
    }
    bed.bench.process = Some("0010".to_owned());
    assert_eq!(bed.scan("TRV-1.20"), "WRONG_STATION");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::SignedOn));
}

#[test]
fn row_14_an_unknown_order_is_refused_or_offline_taken_and_marked() {
    let mut bed = signed_on();
    assert_eq!(bed.scan("WO-404"), "UNKNOWN_ORDER");
    assert_eq!(bed.state(), State::SignedOn);
    bed.bench.unknown_order = UnknownOrder::Accept;
    assert_eq!(bed.scan("TRV-404.10"), "JOB_LOADED_UNVERIFIED");
    let mut bed = signed_on().offline();
    assert_eq!(bed.scan("TRV-404.10"), "JOB_LOADED_UNVERIFIED");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::JobLoaded));
    bed.all(&["LSN-START", "QTY-3"]);
    assert_eq!(bed.report().flags, ["unverified"]);
    assert_eq!(
        bed.scan("WO-9"),
        "ORDER_CLOSED",
        "what is known to be closed stays closed"
    );
    assert_eq!(bed.scan("WO-405"), "SWITCH_JOB");
    bed.scan("LSN-CANCEL");
    bed.all(&["LSN-PAUSE", "WO-405"]);
    assert_eq!(bed.scan("OP-0010"), "JOB_LOADED_UNVERIFIED");
}

#[test]
fn row_15_start_runs_the_job_also_for_setting_up_also_by_itself() {
    let mut bed = signed_on();
    bed.all(&["TRV-1.20"]);
    assert_eq!(bed.scan("LSN-START-SETUP"), "SETUP_STARTED");
    assert_eq!(bed.state(), State::Running);
    bed.now += TimeDelta::minutes(30);
    assert_eq!(bed.after(0, "LSN-START"), "STARTED");
    bed.now += TimeDelta::minutes(60);
    bed.after(0, "QTY-1");
    assert_eq!(bed.report().work_hours, hours(150));
    let activities: Vec<_> = bed.report().crew.iter().map(|member| member.activity).collect();
    assert_eq!(activities, [Activity::Setup, Activity::Run]);
    assert_eq!(bed.scan("LSN-START"), "ALREADY_RUNNING");
    let mut bed = signed_on();
    bed.bench.auto_start = true;
    assert_eq!(bed.scan("TRV-1.20"), "STARTED");
    assert_eq!(bed.state(), State::Running);
    let next = "Scan quantities, then DONE.";
    assert!(bed.step().feedback.message.ends_with(next), "{:?}", bed.step().feedback);
    let mut bed = signed_on().offline();
    bed.bench.auto_start = true;
    assert_eq!(bed.scan("TRV-77.10"), "JOB_LOADED_UNVERIFIED");
    assert_eq!(bed.state(), State::Running);
    assert!(bed.step().feedback.message.ends_with(next), "{:?}", bed.step().feedback);
}

#[test]
fn row_16_another_job_takes_the_place_of_one_that_does_not_run() {
    let mut bed = signed_on();
    bed.all(&["TRV-1.20"]);
    assert_eq!(bed.scan("WO-2"), "JOB_LOADED");
    bed.scan("LSN-START");
    bed.now += TimeDelta::hours(3);
    bed.all(&["QTY-5", "LSN-PAUSE"]);
    assert_eq!(bed.scan("TRV-1.20"), "JOB_LOADED");
    assert_eq!(bed.dialogue.job().map(|job| job.order_no.as_str()), Some("WO-1"));
    bed.scan("WO-2");
    assert_eq!(
        bed.dialogue.job().map(|job| job.qualified),
        Some(Decimal::from(5)),
        "it was left with its counts"
    );
}

#[test]
fn row_17_a_running_job_is_left_only_after_a_question() {
    let mut bed = Bed::running();
    bed.now += TimeDelta::hours(3);
    assert_eq!(bed.scan("WO-2"), "SWITCH_JOB");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ConfirmPending));
    assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED");
    assert_eq!(bed.state(), State::Running);
    bed.scan("WO-2");
    assert_eq!(bed.scan("LSN-OK"), "JOB_LOADED");
    assert_eq!(
        (bed.report().order_no.as_str(), bed.report().work_hours),
        ("WO-1", hours(300))
    );
    assert_eq!(bed.dialogue.job().map(|job| job.order_no.as_str()), Some("WO-2"));
}

#[test]
fn row_17_names_the_operations_that_are_left_and_taken() {
    let mut bed = Bed::running();
    assert_eq!(bed.scan("TRV-1.10"), "SWITCH_JOB");
    let said = &bed.step().feedback.message;
    let expected = "WO-1, operation 0020 is running. OK to pause it and take WO-1, operation 0010; or CANCEL.";
    assert_eq!(said, expected);
}

#[test]
fn row_17_also_for_an_order_whose_operation_is_asked_for_then() {
    let mut bed = Bed::of(Mode::StartStop);
    bed.all(&["EMP-7", "WO-2", "LSN-START"]);
    bed.now += TimeDelta::hours(3);
    assert_eq!(bed.scan("WO-1"), "SWITCH_JOB");
    assert_eq!(bed.scan("LSN-OK"), "WHICH_OPERATION");
    assert_eq!(
        (bed.report().order_no.as_str(), bed.report().work_hours),
        ("WO-2", hours(300))
    );
    assert_eq!(bed.scan("OP-0020"), "JOB_LOADED");
}

#[test]
fn row_18_the_same_traveler_again_changes_nothing() {
    let mut bed = Bed::running();
    assert_eq!(bed.scan("TRV-1.20"), "ALREADY_LOADED");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Dup, State::Running));
}

#[test]
fn row_19_pause_stops_the_time_and_asks_why_where_that_is_wanted() {
    let mut bed = Bed::running();
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.scan("LSN-PAUSE"), "PAUSED");
    assert_eq!(bed.state(), State::Paused);
    assert_eq!(bed.scan("LSN-PAUSE"), "ALREADY_PAUSED");
    bed.now += TimeDelta::hours(1);
    bed.all(&["LSN-RESUME", "QTY-1"]);
    assert_eq!(bed.report().work_hours, hours(100));

    let mut bed = Bed::running();
    bed.bench.pause_reason = true;
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.scan("LSN-PAUSE"), "WHY_PAUSED");
    assert_eq!(bed.state(), State::ReasonPending);
    assert_eq!(
        bed.scan("RSN-D03"),
        "REASON_UNKNOWN",
        "a reason for scrap explains no pause"
    );
    assert_eq!(bed.scan("RSN-P01"), "PAUSED");
    bed.now += TimeDelta::minutes(30);
    bed.all(&["LSN-RESUME", "QTY-1"]);
    let stop = bed
        .report()
        .crew
        .iter()
        .find(|member| member.activity == Activity::Stop);
    assert_eq!(stop.and_then(|stop| stop.reason.as_deref()), Some("P01"));
    assert_eq!(
        bed.report().work_hours,
        hours(100),
        "the time ended with PAUSE, not with the reason"
    );
}

#[test]
fn row_20_resume_and_start_go_on_with_a_paused_job() {
    let mut bed = signed_on();
    bed.scan("TRV-1.20");
    assert_eq!(bed.scan("LSN-RESUME"), "NOT_STARTED");
    for go_on in ["LSN-RESUME", "LSN-START"] {
        bed.all(&["LSN-START", "LSN-PAUSE"]);
        assert_eq!(bed.scan(go_on), "RESUMED");
        assert_eq!(bed.state(), State::Running);
    }
    assert_eq!(bed.scan("LSN-RESUME"), "ALREADY_RUNNING");
    assert_eq!(bed.kind(), FeedbackKind::Dup);
}

#[test]
fn row_21_a_reason_explains_the_stop_that_is_open_or_was_just_over() {
    let mut bed = Bed::running();
    assert_eq!(bed.scan("RSN-P01"), "NO_STOP");
    bed.scan("LSN-PAUSE");
    assert_eq!(bed.scan("RSN-P01"), "STOP_EXPLAINED");
    assert_eq!(bed.state(), State::Paused);
    bed.all(&["LSN-RESUME", "LSN-PAUSE", "LSN-RESUME"]);
    assert_eq!(bed.scan("RSN-404"), "REASON_UNKNOWN");
    assert_eq!(bed.scan("RSN-P01"), "STOP_EXPLAINED");
    assert_eq!(bed.state(), State::Running);
    bed.scan("QTY-1");
    let stops = bed
        .report()
        .crew
        .iter()
        .filter(|member| member.activity == Activity::Stop);
    assert_eq!(stops.count(), 2);
}
