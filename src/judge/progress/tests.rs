//! What the tests of progress share: reports of one process, minute by minute.

use chrono::TimeDelta;

use super::*;
use crate::record::{Activity, CrewMember, Timestamp};

pub fn at(minute: i64) -> Timestamp {
    "2026-11-20T00:00:00Z".parse::<Timestamp>().expect("an instant") + TimeDelta::minutes(minute)
}

/// The nth report of WO-1, process 0030, by worker 7 at PRESS-7.
pub fn report(nth: u32, good: i64, bad: i64) -> WorkReport {
    serde_json::from_value(serde_json::json!({
        "report_no": format!("shop-1-261120-{nth:09}"), "order_no": "WO-1", "process_code": "0030", "station": "ST-01",
        "equipment": "PRESS-7", "worker_no": "7", "work_date": "2026-11-20", "work_hours": "0",
        "output_quantity": (good + bad).to_string(), "qualified_quantity": good.to_string(),
        "unqualified_quantity": bad.to_string()
    }))
    .expect("a report")
}

/// The same with labor: minutes from when to when.
pub fn worked(mut report: WorkReport, from_minute: i64, to_minute: i64, activity: Activity) -> WorkReport {
    report.work_hours += Decimal::new((to_minute - from_minute) * 100 / 60, 2);
    report.crew.push(CrewMember {
        worker_no: report.worker_no.clone(),
        from: at(from_minute).to_rfc3339(),
        to: at(to_minute).to_rfc3339(),
        activity,
        reason: None,
    });
    report
}

pub fn void(report: &WorkReport) -> WorkReport {
    WorkReport {
        report_no: format!("{}-void", report.report_no),
        voids: Some(report.report_no.clone()),
        output_quantity: -report.output_quantity,
        qualified_quantity: -report.qualified_quantity,
        unqualified_quantity: -report.unqualified_quantity,
        work_hours: -report.work_hours,
        crew: Vec::new(),
        ..report.clone()
    }
}

#[test]
fn figures_are_as_short_as_they_can_be() {
    let shown = [0.25, 1.0, 1.234, 12.34, 123.4, 0.0].map(figure);
    assert_eq!(shown, ["0.25", "1", "1.23", "12.3", "123", "0"]);
    assert_eq!([percent(0.105), percent(0.1), percent(0.0)], ["10.5%", "10%", "0%"]);
}

#[test]
fn a_state_of_another_form_is_not_read() {
    assert!(serde_json::from_str::<Form<2>>("2").is_ok());
    assert!(serde_json::from_str::<Form<2>>("1").is_err());
}
