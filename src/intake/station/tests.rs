//! Each row of the station table, as an operator would meet it.

use chrono::TimeDelta;

use super::*;
use crate::intake::barcode;
use crate::reference::{Order, OrderStatus, Process, Reason, Snapshot, Worker};

struct Bed {
    dialogue: Dialogue,
    bench: Bench,
    reference: Reference,
    now: Timestamp,
    tally: Decimal,
    last: Option<Step>,
}

fn order(order_no: &str, status: OrderStatus, processes: &[(&str, u32)]) -> Order {
    Order {
        order_no: order_no.to_owned(),
        status,
        order_quantity: Decimal::from(100),
        completed_quantity: Decimal::ZERO,
        product_code: String::new(),
        product_name: String::new(),
        delivery_date: None,
        priority: 0,
        processes: processes
            .iter()
            .map(|(code, sequence)| Process {
                process_code: (*code).to_owned(),
                process_name: String::new(),
                sequence: *sequence,
                process_id: None,
            })
            .collect(),
    }
}

fn worker(worker_no: &str, active: bool) -> Worker {
    Worker {
        worker_no: worker_no.to_owned(),
        name: "李明".to_owned(),
        skills: Vec::new(),
        active,
        worker_id: Some(1),
    }
}

impl Bed {
    fn new() -> Self {
        let now: Timestamp = "2026-11-21T02:00:00Z".parse().expect("an instant");
        let snapshot = Snapshot {
            version: "1".to_owned(),
            orders: vec![
                order("WO-1", OrderStatus::Released, &[("0010", 10), ("0020", 20)]),
                order("WO-2", OrderStatus::InProduction, &[("0010", 10)]),
                order("WO-9", OrderStatus::Closed, &[("0010", 10)]),
            ],
            workers: vec![worker("7", true), worker("8", true), worker("9", false)],
            equipment: Vec::new(),
            reasons: vec![
                Reason {
                    code: "D03".to_owned(),
                    name: String::new(),
                    kind: "scrap".to_owned(),
                },
                Reason {
                    code: "R01".to_owned(),
                    name: String::new(),
                    kind: "rework".to_owned(),
                },
            ],
        };
        let bench = Bench {
            station: "ST-01".to_owned(),
            equipment: Some("PRESS-7".to_owned()),
            equipment_id: Some(7),
            process: None,
            mode: Mode::StartStop,
            duplicate_window: Duration::from_millis(1500),
            unknown_order: UnknownOrder::Reject,
            over_report: Decimal::new(5, 2),
            labels: Vec::new(),
            language: Language::En,
        };
        let reference = Reference::new(snapshot, now, Duration::from_hours(1));
        Self {
            dialogue: Dialogue::default(),
            bench,
            reference,
            now,
            tally: Decimal::ZERO,
            last: None,
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Dialogue, &Context) -> T) -> T {
        let starts = ["08:00", "20:00"].map(|s| s.parse().expect("a time"));
        let tally = self.tally;
        let context = Context {
            now: self.now,
            zone: Zone(chrono_tz::Tz::Asia__Shanghai),
            shift_starts: &starts,
            reference: &self.reference,
            bench: &self.bench,
            clock_synced: true,
            tally: &|_, _| tally,
        };
        act(&mut self.dialogue, &context)
    }

    /// Scans two seconds later than before; gives the code of the answer.
    fn scan(&mut self, code: &str) -> String {
        self.after(2_000, code)
    }

    fn after(&mut self, ms: i64, code: &str) -> String {
        self.now += TimeDelta::milliseconds(ms);
        let scanned = barcode::read(code.as_bytes(), &self.bench.labels);
        let mut step = self.with(|dialogue, context| dialogue.scan(&scanned, context));
        for report in &mut step.reports {
            report.report_no = format!("R{}", self.now.timestamp_millis());
            self.dialogue.number(report);
        }
        let code = step.feedback.code.clone();
        self.last = Some(step);
        code
    }

    fn all(&mut self, codes: &[&str]) -> &mut Self {
        for code in codes {
            self.scan(code);
        }
        self
    }

    fn kind(&self) -> FeedbackKind {
        self.last.as_ref().expect("something was scanned").feedback.kind
    }

    fn report(&self) -> &WorkReport {
        let reports = &self.last.as_ref().expect("something was scanned").reports;
        assert_eq!(reports.len(), 1, "one report, not {reports:?}");
        &reports[0]
    }

    fn state(&self) -> State {
        self.dialogue.state()
    }
}

fn running() -> Bed {
    let mut bed = Bed::new();
    bed.all(&["EMP-7", "TRV-1.20", "LSN-START"]);
    assert_eq!(bed.state(), State::Running);
    bed
}

#[test]
fn rows_1_to_4_badges_open_the_station() {
    let mut bed = Bed::new();
    for (code, answer) in [
        ("WO-1", "NOT_SIGNED_ON"),
        ("LSN-START", "NOT_SIGNED_ON"),
        ("EMP-5", "UNKNOWN_BADGE"),
        ("EMP-9", "UNKNOWN_BADGE"),
    ] {
        assert_eq!(bed.scan(code), answer);
        assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Err, State::Idle));
    }
    assert_eq!(bed.scan("EMP-7"), "SIGNED_ON");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ok, State::SignedOn));
    let mut offline = Bed::new();
    offline.now += TimeDelta::days(2);
    assert_eq!(offline.scan("EMP-5"), "SIGNED_ON_UNVERIFIED");
    assert_eq!(offline.state(), State::SignedOn);
}

#[test]
fn row_7_another_worker_takes_over_and_hours_stay_with_the_first() {
    let mut bed = running();
    bed.now += TimeDelta::hours(1);
    assert_eq!(bed.scan("EMP-8"), "OPERATOR_SWITCHED");
    assert_eq!(bed.state(), State::SignedOn);
    assert_eq!(
        (bed.report().worker_no.as_str(), bed.report().work_hours),
        ("7", Decimal::new(100, 2))
    );
    assert_eq!(bed.scan("EMP-8"), "ALREADY_SIGNED_ON");
    assert_eq!(bed.kind(), FeedbackKind::Dup);
}

#[test]
fn rows_8_to_14_orders_and_travelers_load_jobs() {
    let mut bed = Bed::new();
    bed.scan("EMP-7");
    assert_eq!(bed.scan("OP-0010"), "NO_ORDER");
    assert_eq!(bed.scan("LSN-START"), "NO_ORDER");
    assert_eq!(bed.scan("WO-9"), "ORDER_CLOSED");
    assert_eq!(bed.scan("WO-404"), "UNKNOWN_ORDER");
    assert_eq!(bed.scan("TRV-1.99"), "WRONG_OPERATION");
    assert_eq!(bed.state(), State::SignedOn);
    assert_eq!(bed.scan("WO-1"), "WHICH_OPERATION");
    assert_eq!(bed.scan("OP-0099"), "WRONG_OPERATION");
    assert_eq!(bed.scan("OP-0010"), "JOB_LOADED");
    assert_eq!(bed.state(), State::JobLoaded);
    assert_eq!(
        bed.scan("WO-2"),
        "JOB_LOADED",
        "an order with one process needs no operation"
    );
    bed.bench.process = Some("0010".to_owned());
    assert_eq!(bed.scan("TRV-1.20"), "WRONG_STATION");
    assert_eq!(bed.scan("WO-1"), "JOB_LOADED", "the station's own operation is meant");
}

#[test]
fn row_14_production_is_not_lost_for_want_of_a_network() {
    let mut bed = Bed::new();
    bed.now += TimeDelta::days(2);
    bed.all(&["EMP-7"]);
    assert_eq!(bed.scan("TRV-404.10"), "JOB_LOADED_UNVERIFIED");
    bed.all(&["LSN-START", "QTY-3"]);
    assert_eq!(bed.report().flags, ["unverified"]);
    assert_eq!(
        bed.scan("WO-9"),
        "ORDER_CLOSED",
        "what is known to be closed stays closed"
    );
}

#[test]
fn rows_15_to_20_jobs_start_pause_and_give_way() {
    let mut bed = Bed::new();
    bed.all(&["EMP-7", "TRV-1.20"]);
    for (code, answer) in [
        ("LSN-PAUSE", "NOT_STARTED"),
        ("LSN-RESUME", "NOT_STARTED"),
        ("LSN-START", "STARTED"),
    ] {
        assert_eq!(bed.scan(code), answer);
    }
    assert_eq!(bed.scan("LSN-STATUS"), "STATUS");
    assert_eq!(bed.scan("LSN-START"), "ALREADY_RUNNING");
    assert_eq!(bed.scan("TRV-1.20"), "ALREADY_LOADED");
    assert_eq!(bed.kind(), FeedbackKind::Dup);
    assert_eq!(bed.scan("WO-2"), "SWITCH_JOB");
    assert_eq!((bed.kind(), bed.state()), (FeedbackKind::Ask, State::ConfirmPending));
    assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED");
    assert_eq!(bed.state(), State::Running);
    bed.all(&["WO-2", "LSN-OK"]);
    assert_eq!(bed.state(), State::JobLoaded);
    assert_eq!(bed.dialogue.job().map(|job| job.order_no.as_str()), Some("WO-2"));
    bed.all(&["LSN-START", "LSN-PAUSE"]);
    assert_eq!(bed.state(), State::Paused);
    assert_eq!(bed.scan("LSN-PAUSE"), "ALREADY_PAUSED");
    assert_eq!(bed.scan("LSN-RESUME"), "RESUMED");
    assert_eq!(bed.state(), State::Running);
}

#[test]
fn hours_of_a_job_that_is_left_are_reported_by_the_one_who_worked_them() {
    let mut bed = running();
    bed.now += TimeDelta::hours(3);
    bed.scan("WO-2");
    assert_eq!(bed.scan("LSN-OK"), "JOB_LOADED");
    let report = bed.report();
    assert_eq!(
        (report.order_no.as_str(), report.work_hours),
        ("WO-1", Decimal::new(300, 2))
    );
    bed.all(&["LSN-LOGOUT", "EMP-8", "TRV-1.20", "LSN-START"]);
    bed.scan("QTY-1");
    assert!(
        bed.report().work_hours < Decimal::new(2, 2),
        "the next worker starts anew"
    );
}

#[test]
fn row_22_good_pieces_are_reported_with_the_time_since_the_last_report() {
    let mut bed = running();
    bed.now += TimeDelta::minutes(30);
    assert_eq!(bed.scan("QTY-12.5"), "REPORTED");
    let report = bed.report().clone();
    assert_eq!(report.order_no, "WO-1");
    assert_eq!(report.process_code, "0020");
    assert_eq!(
        (report.output_quantity, report.qualified_quantity),
        (Decimal::new(125, 1), Decimal::new(125, 1))
    );
    assert_eq!(report.work_hours, Decimal::new(50, 2));
    assert_eq!(
        (report.equipment.as_deref(), report.equipment_id),
        (Some("PRESS-7"), Some(7))
    );
    assert_eq!(report.work_date.to_string(), "2026-11-21");
    assert_eq!(report.scans.last().map(|scan| scan.raw.as_str()), Some("QTY-12.5"));
    assert!(!report.is_final);
    bed.now += TimeDelta::minutes(6);
    bed.scan("QTY-1");
    assert_eq!(bed.report().work_hours, Decimal::new(10, 2));
}

#[test]
fn hours_of_many_short_reports_add_up() {
    let mut bed = running();
    let mut hours = Decimal::ZERO;
    for nth in 0..100 {
        bed.after(20_000, if nth % 2 == 0 { "QTY-1" } else { "QTY-1.0" });
        hours += bed.report().work_hours;
    }
    // 2000 s are 0.5556 h: less than one step is still under way.
    assert_eq!(hours, Decimal::new(55, 2));
}

#[test]
fn rows_23_to_30_defects_need_a_quantity_and_a_fitting_reason() {
    let mut bed = running();
    assert_eq!(bed.scan("LSN-SCRAP"), "HOW_MANY");
    assert_eq!(bed.state(), State::QuantityPending);
    assert_eq!(bed.scan("LSN-SCRAP"), "HOW_MANY");
    assert_eq!(bed.kind(), FeedbackKind::Dup);
    for other in ["LSN-REWORK", "EMP-8", "WO-2", "LSN-START", "LSN-UNDO", "RSN-D03"] {
        assert_eq!(bed.scan(other), "FINISH_INPUT_FIRST", "{other}");
    }
    assert_eq!(bed.scan("QTY-2"), "WHICH_REASON");
    assert_eq!(bed.state(), State::ReasonPending);
    assert_eq!(bed.scan("RSN-X"), "REASON_UNKNOWN");
    assert_eq!(
        bed.scan("RSN-R01"),
        "REASON_UNKNOWN",
        "a reason for rework does not explain scrap"
    );
    assert_eq!(bed.scan("RSN-D03"), "REPORTED_DEFECT");
    let report = bed.report();
    assert_eq!(
        (report.output_quantity, report.unqualified_quantity),
        (Decimal::TWO, Decimal::TWO)
    );
    assert_eq!(report.defects[0].reason, "D03");
    assert_eq!(bed.state(), State::Running);
    bed.all(&["LSN-REWORK", "QTY-1"]);
    assert_eq!(bed.scan("LSN-CANCEL"), "CANCELLED");
    assert_eq!(bed.state(), State::Running);
    bed.all(&["LSN-INSPECT"]);
    assert_eq!(bed.scan("QTY-4"), "REPORTED_TO_INSPECT");
    assert_eq!(
        (bed.report().to_inspect, bed.report().output_quantity),
        (Decimal::from(4), Decimal::ZERO)
    );
}

#[test]
fn row_29_an_input_that_is_not_finished_is_dropped_after_a_while() {
    let mut bed = running();
    bed.scan("LSN-SCRAP");
    bed.now += TimeDelta::seconds(19);
    assert!(bed.with(Dialogue::tick).is_none());
    bed.now += TimeDelta::seconds(1);
    let step = bed.with(Dialogue::tick).expect("timed out");
    assert_eq!(step.feedback.code, "INPUT_TIMED_OUT");
    assert!(step.reports.is_empty());
    assert_eq!(bed.state(), State::Running);
}

#[test]
fn row_35_more_than_planned_is_asked_about() {
    let mut bed = running();
    bed.tally = Decimal::from(100);
    assert_eq!(bed.scan("QTY-5"), "REPORTED", "within the tolerance");
    assert_eq!(bed.scan("QTY-6"), "OVER_QUANTITY");
    assert_eq!(bed.scan("QTY-7"), "FINISH_INPUT_FIRST");
    assert_eq!(bed.scan("LSN-OK"), "REPORTED");
    assert_eq!(
        (bed.report().qualified_quantity, bed.report().flags.clone()),
        (Decimal::from(6), vec!["over_quantity".to_owned()])
    );
}

#[test]
fn rows_36_and_37_done_completes_or_asks() {
    let mut bed = running();
    bed.tally = Decimal::from(100);
    assert_eq!(bed.scan("LSN-DONE"), "COMPLETED");
    assert!(bed.report().is_final);
    assert_eq!(bed.state(), State::SignedOn);
    let mut short = running();
    assert_eq!(short.scan("LSN-DONE"), "SHORT_QUANTITY");
    assert_eq!(short.scan("LSN-PAUSE"), "PAUSED");
    assert_eq!(short.state(), State::Paused);
    short.scan("LSN-DONE");
    assert_eq!(short.scan("LSN-OK"), "COMPLETED");
    assert_eq!(
        (
            short.report().is_final,
            short.report().flags.contains(&"short_close".to_owned())
        ),
        (true, true)
    );
}

#[test]
fn rows_38_and_39_undo_reverses_ones_own_last_report_within_the_time() {
    let mut bed = running();
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_NOT_POSSIBLE");
    bed.now += TimeDelta::hours(1);
    bed.scan("QTY-5");
    let undone = bed.report().clone();
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_WHAT");
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
    assert_eq!(bed.after(601_000, "LSN-UNDO"), "UNDO_NOT_POSSIBLE", "too late");
    bed.scan("QTY-4.0");
    bed.all(&["EMP-8"]);
    assert_eq!(bed.scan("LSN-UNDO"), "UNDO_NOT_POSSIBLE", "another's report");
}

#[test]
fn row_41_a_double_read_counts_once() {
    let mut bed = running();
    bed.scan("QTY-5");
    assert_eq!(bed.after(300, "QTY-5"), "DUPLICATE_SCAN");
    assert_eq!(bed.kind(), FeedbackKind::Dup);
    assert_eq!(
        bed.after(1_400, "QTY-5"),
        "DUPLICATE_SCAN",
        "a scanner that keeps reading stays within the window"
    );
    assert_eq!(bed.after(1_600, "QTY-5"), "REPORTED");
}

#[test]
fn rows_42_to_45_what_does_not_fit_is_told_and_who_goes_is_signed_off() {
    let mut bed = running();
    assert_eq!(bed.scan("hello"), "UNKNOWN_CODE");
    assert_eq!(bed.scan("QTY-0"), "QTY_INVALID");
    assert_eq!(bed.scan("LSN-OK"), "NOT_NOW");
    bed.now += TimeDelta::hours(2);
    assert!(bed.with(Dialogue::tick).is_none(), "a running job keeps its worker");
    assert_eq!(bed.scan("LSN-LOGOUT"), "SIGNED_OFF");
    assert_eq!(
        (bed.report().work_hours, bed.report().output_quantity),
        (Decimal::new(200, 2), Decimal::ZERO)
    );
    assert_eq!(bed.state(), State::Idle);
    bed.all(&["EMP-7"]);
    bed.now += TimeDelta::minutes(31);
    let step = bed.with(Dialogue::tick).expect("timed out");
    assert_eq!(step.feedback.code, "SESSION_TIMED_OUT");
    assert_eq!(bed.state(), State::Idle);
}

#[test]
fn row_48_a_restart_keeps_the_job_and_drops_what_was_begun() {
    let mut bed = running();
    bed.all(&["QTY-5", "LSN-SCRAP"]);
    let kept = serde_json::to_vec(&bed.dialogue).expect("encodes");
    bed.dialogue = serde_json::from_slice::<Dialogue>(&kept).expect("decodes").restored();
    assert_eq!(bed.state(), State::Running);
    assert_eq!(bed.dialogue.job().map(|job| job.qualified), Some(Decimal::from(5)));
    assert_eq!(
        bed.after(100, "LSN-SCRAP"),
        "DUPLICATE_SCAN",
        "the double read is known over the restart"
    );
}

#[test]
fn rows_49_to_51_quantities_need_a_started_job_except_where_only_reports_are_taken() {
    let mut bed = Bed::new();
    bed.all(&["EMP-7", "TRV-1.20"]);
    for code in ["QTY-3", "LSN-SCRAP", "LSN-DONE"] {
        assert_eq!(bed.scan(code), "NOT_STARTED", "{code}");
    }
    bed.all(&["LSN-START", "LSN-PAUSE"]);
    assert_eq!(bed.scan("QTY-3"), "REPORTED");
    assert_eq!(bed.report().flags, ["while_paused"]);
    let mut only = Bed::new();
    only.bench.mode = Mode::ReportOnly;
    only.all(&["EMP-7", "TRV-1.20"]);
    assert_eq!(only.scan("LSN-START"), "NO_TIME_TRACKING");
    assert_eq!(only.scan("QTY-3"), "REPORTED");
    assert_eq!(
        (only.report().work_hours, only.report().flags.len()),
        (Decimal::ZERO, 0)
    );
}

#[test]
fn an_order_closed_meanwhile_is_refused_at_the_next_quantity() {
    let mut bed = running();
    let orders = vec![order("WO-1", OrderStatus::Closed, &[("0020", 20)])];
    let snapshot = Snapshot {
        version: "2".to_owned(),
        orders,
        workers: vec![worker("7", true)],
        ..Snapshot::default()
    };
    bed.reference = Reference::new(snapshot, bed.now, Duration::from_hours(1));
    assert_eq!(bed.scan("QTY-5"), "ORDER_CLOSED");
    assert!(bed.last.as_ref().is_some_and(|step| step.reports.is_empty()));
}

#[test]
fn time_that_nobody_can_have_worked_is_cut_and_said_to_be() {
    let mut bed = running();
    bed.now += TimeDelta::hours(60);
    bed.reference.confirmed_at = Some(bed.now);
    bed.scan("QTY-1");
    assert_eq!(bed.report().work_hours, Decimal::new(2400, 2));
    assert_eq!(bed.report().flags, ["hours_cut", "needs_review"]);
}

#[test]
fn report_numbers_never_repeat_even_when_the_clock_is_set_back() {
    let mut bed = Bed::new();
    let mut numbers = ReportNumbers::default();
    let mut seen = std::collections::HashSet::new();
    for step_s in [1, 0, 0, -3600, 0, 7200] {
        bed.now += TimeDelta::seconds(step_s);
        let number = bed.with(|_, context| numbers.next("press-shop-1", context));
        assert!(number.len() <= 50, "{number}");
        assert!(seen.insert(number.clone()), "{number} twice");
    }
}
