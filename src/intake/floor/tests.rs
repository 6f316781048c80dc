use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::clock::Zone;
use crate::judge::{Change, Finding};
use crate::record::{Fault, Kind, PointDef, PointReading, Role, Sample, Value};
use crate::reference::Snapshot;

struct Shop {
    floor: Floor,
    tracker: Tracker,
    reference: Reference,
    status: Status,
    disk: States,
    reports: u32,
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn reference(completed: u32, status: u8) -> Reference {
    let process = |code: &str, sequence: u32| json!({"process_code": code, "sequence": sequence});
    let snapshot: Snapshot = serde_json::from_value(json!({"version": completed.to_string(), "orders": [{
        "order_no": "WO-1", "status": status, "order_quantity": "1000", "completed_quantity": completed.to_string(),
        "product_code": "P-1", "delivery_date": "2026-11-20", "processes": [process("0010", 1), process("0020", 2)]
    }]}))
    .expect("a snapshot");
    Reference::new(snapshot, chrono::Utc::now(), Duration::from_hours(1))
}

impl Shop {
    fn new() -> Self {
        let status = Status::default();
        let settings = Settings::new(Calendar::new(Zone::UTC, &[]));
        let bench = Bench {
            equipment: Some("PRESS-7".to_owned()),
            ..Bench::plain("S")
        };
        let stations = HashMap::from([("S".to_owned(), bench)]);
        let equipment = HashMap::from([(
            "PRESS-7".to_owned(),
            EquipmentSettings {
                ideal_cycle: Some(Duration::from_millis(1500)),
                ..EquipmentSettings::default()
            },
        )]);
        Self {
            floor: Floor::new("shop-1", &settings, &stations, &equipment, status.clone()),
            tracker: Tracker::new(Zone::UTC, status.clone(), &equipment),
            reference: reference(0, 2),
            status,
            disk: States::default(),
            reports: 0,
        }
    }

    /// The press says what its counter and its state are.
    fn press(&mut self, total: u64, second: i64) {
        let point = |name: &str, role, value| PointReading {
            def: Arc::new(PointDef {
                name: name.into(),
                role: Some(role),
                ..PointDef::default()
            }),
            value: Ok::<_, Fault>(value),
        };
        let sample = Sample {
            equipment: "PRESS-7".into(),
            time: None,
            is_past: false,
            points: vec![
                point("state", Role::State, Value::Text("running".to_owned())),
                point("good", Role::GoodCount, Value::Uint(total)),
            ],
        };
        let floor = &mut self.floor;
        let observe = |seen: Observed| floor.observe(&seen);
        self.tracker
            .heard(sample, &"modbus/x".into(), at(second), observe, |_| ());
    }

    fn draft(&mut self, process: &str, good: i64, bad: i64) -> WorkReport {
        self.reports += 1;
        serde_json::from_value(json!({
            "report_no": format!("r-{}", self.reports), "order_no": "WO-1", "process_code": process, "station": "S",
            "equipment": "PRESS-7", "worker_no": "7", "work_date": "2026-11-20", "work_hours": "0",
            "output_quantity": (good + bad).to_string(), "qualified_quantity": good.to_string(),
            "unqualified_quantity": bad.to_string()
        }))
        .expect("a report")
    }

    fn take(&mut self, report: &mut WorkReport, second: i64) -> Accepted {
        let mut accepted = Accepted::default();
        self.floor.report(report, &self.reference, at(second), &mut accepted);
        self.disk.extend(accepted.states.clone());
        accepted
    }

    fn report(&mut self, process: &str, (good, bad): (i64, i64), second: i64) -> (WorkReport, Accepted) {
        let mut report = self.draft(process, good, bad);
        let accepted = self.take(&mut report, second);
        (report, accepted)
    }

    fn learn(&mut self, reference: Reference, second: i64) -> Accepted {
        let mut accepted = Accepted::default();
        self.reference = reference;
        self.floor.learn(&self.reference, at(second), &mut accepted);
        self.disk.extend(accepted.states.clone());
        accepted
    }

    fn restart(&mut self) {
        self.disk.retain(|_, value| !value.is_empty());
        let kept = self.disk.clone();
        let reference = self.reference.clone();
        *self = Self {
            reports: self.reports,
            reference,
            disk: kept.clone(),
            ..Self::new()
        };
        self.floor.restore(&kept);
    }
}

fn types(findings: &[Finding]) -> Vec<(&str, Change)> {
    findings
        .iter()
        .map(|found| (found.alert_type.as_str(), found.change))
        .collect()
}

fn payload(accepted: &Accepted) -> serde_json::Value {
    let record = accepted
        .records
        .iter()
        .find(|record| record.kind == Kind::Progress)
        .expect("progress is told");
    let json = std::str::from_utf8(&record.json).expect("text");
    serde_json::from_str::<serde_json::Value>(&format!("{{{json}")).expect("JSON")["payload"].take()
}

#[test]
fn more_than_the_counter_made_is_flagged_and_found() {
    let mut shop = Shop::new();
    shop.press(1000, 0);
    let mut states = States::default();
    shop.floor.at_hand("S", Some("PRESS-7"), "WO-1/0020", &mut states);
    shop.disk.extend(states);
    shop.press(1050, 50);
    let (clean, told) = shop.report("0020", (50, 0), 50);
    assert_eq!((clean.flags.len(), told.findings.len()), (0, 0));
    shop.restart();
    shop.press(1100, 100);
    let (report, told) = shop.report("0020", (80, 0), 100);
    assert_eq!(report.flags, [QUANTITY_GAP]);
    assert_eq!(report.counted_quantity, Some(Decimal::from(50)));
    assert_eq!(types(&told.findings), [("QUANTITY_GAP", Change::Once)]);
}

#[test]
fn only_the_last_process_completes_and_what_lies_between_is_in_process() {
    let mut shop = Shop::new();
    shop.report("0010", (300, 0), 0);
    let (_, told) = shop.report("0020", (200, 10), 1);
    let progress = payload(&told);
    assert_eq!(progress["completed_qty"], "200");
    assert_eq!(progress["progress_percent"], 20.0);
    assert_eq!(progress["status"], "IN_PROGRESS");
    let view = shop.status.orders().remove("WO-1").expect("a view");
    assert_eq!(view.wip.in_progress_qty, Decimal::from(90));
    let made = view.wip.operations.iter();
    let made: Vec<_> = made.map(|made| (&*made.process_code, made.qualified_qty)).collect();
    assert_eq!(made, [("0010", Decimal::from(300)), ("0020", Decimal::from(200))]);
    assert_eq!(view.wip.pending_qty, Decimal::from(710));
    shop.restart();
    shop.learn(reference(200, 3), 2);
    let (_, told) = shop.report("0020", (100, 0), 3);
    assert_eq!(
        payload(&told)["completed_qty"],
        "300",
        "the centre has the first 200 now"
    );
}

#[test]
fn progress_of_a_second_is_told_by_the_clock_once() {
    let mut shop = Shop::new();
    shop.report("0020", (10, 0), 0);
    let mut report = shop.draft("0020", 490, 0);
    let mut told = Accepted::default();
    shop.floor.report(
        &mut report,
        &shop.reference,
        at(0) + TimeDelta::milliseconds(500),
        &mut told,
    );
    assert!(told.records.is_empty(), "an order is looked at once a second");
    let mut told = Accepted::default();
    shop.floor.tick(&shop.reference, at(1), &mut told);
    assert_eq!(payload(&told)["completed_qty"], "500");
    let mut again = Accepted::default();
    shop.floor.tick(&shop.reference, at(2), &mut again);
    assert!(again.records.is_empty() && again.states.is_empty());
}

#[test]
fn a_burst_of_defects_is_found_and_a_clean_order_is_not() {
    let mut shop = Shop::new();
    for nth in 0..20 {
        let (_, told) = shop.report("0020", (10, i64::from(nth % 10 == 0)), nth);
        assert_eq!(types(&told.findings), [], "report {nth}");
    }
    let (_, told) = shop.report("0020", (0, 25), 30);
    assert_eq!(types(&told.findings), [("DEFECT_RATE", Change::Begins)]);
    shop.restart();
    let mut void = shop.draft("0020", 0, -25);
    void.voids = Some("r-21".to_owned());
    let told = shop.take(&mut void, 31);
    assert_eq!(types(&told.findings), [("DEFECT_RATE", Change::Ends)], "over a restart");
}

#[test]
fn a_bad_rate_lasts_however_long_nobody_reports_until_its_order_is_closed() {
    let mut shop = Shop::new();
    shop.report("0020", (100, 25), 0);
    let mut months_later = Accepted::default();
    shop.floor.tick(&shop.reference, at(5_000_000), &mut months_later);
    let is_held = |shop: &Shop| shop.floor.open_keys().any(|key| key == "defect_rate/WO-1/0020");
    assert!(is_held(&shop));
    shop.restart();
    assert!(is_held(&shop));
    let told = shop.learn(reference(100, 5), 5_000_001);
    let [ended] = told.findings.as_slice() else {
        panic!("{:?}", told.findings)
    };
    assert_eq!(
        (ended.change, ended.key.as_str()),
        (Change::Ends, "defect_rate/WO-1/0020")
    );
    assert!(
        ended.words.en.contains("the order is over; the defect rate was 20%"),
        "{}",
        ended.words.en
    );
    assert!(!is_held(&shop));
}

#[test]
fn a_bad_rate_ends_with_its_order_and_one_that_is_released_again_begins_a_new_one() {
    let mut shop = Shop::new();
    shop.report("0020", (975, 225), 0);
    let told = shop.learn(reference(975, 4), 60);
    assert_eq!(
        types(&told.findings),
        [("DEFECT_RATE", Change::Ends)],
        "the centre has finished it"
    );
    assert_eq!(shop.floor.open_keys().count(), 0);
    shop.learn(reference(975, 3), 120);
    let (_, told) = shop.report("0020", (40, 0), 180);
    assert_eq!(types(&told.findings), [], "what was before is not held against it");
    let (_, told) = shop.report("0020", (0, 20), 240);
    assert_eq!(types(&told.findings), [("DEFECT_RATE", Change::Begins)]);
}

#[test]
fn a_closed_order_leaves_nothing_behind() {
    let mut shop = Shop::new();
    shop.report("0020", (10, 0), 0);
    shop.learn(reference(10, 5), 1);
    // What was wrong in the last weeks stays known.
    shop.disk
        .retain(|name, value| !value.is_empty() && !name.starts_with("faults/"));
    assert!(shop.disk.is_empty(), "{:?}", shop.disk.keys());
}

#[test]
fn a_clock_that_is_set_neither_freezes_the_effectiveness_nor_makes_time_of_nothing() {
    let year = 365 * 86_400;
    let oee_after = |from: i64, set_to: i64| {
        let mut shop = Shop::new();
        let mut states = States::default();
        for second in [0, 3600] {
            shop.press(0, from + second);
            shop.floor.tick_machines(&shop.tracker, at(from + second), &mut states);
        }
        let (by, now) = (TimeDelta::seconds(set_to - from - 3600), at(set_to));
        shop.tracker.clock_was_set(by, now);
        shop.floor.clock_was_set(by, now);
        shop.floor.tick_machines(&shop.tracker, now, &mut states);
        states.clear();
        shop.press(600, set_to + 60);
        shop.floor.tick_machines(&shop.tracker, at(set_to + 60), &mut states);
        assert!(states.contains_key("oee/PRESS-7"), "it is kept");
        let view = shop.status.equipment()["PRESS-7"].oee.clone().expect("a view");
        ["running_s", "unknown_s", "produced"].map(|figure| view["current"][figure].clone())
    };
    assert_eq!(
        oee_after(0, 10_800),
        [json!(3660), json!(7200), json!(600.0)],
        "two hours forward"
    );
    assert_eq!(oee_after(year, 600), [json!(60), json!(0), json!(600.0)], "a year back");
}

#[test]
fn machines_show_their_effectiveness_and_the_workshop_its_capacity() {
    let mut shop = Shop::new();
    shop.press(0, 0);
    shop.press(1200, 3600);
    let mut states = States::default();
    shop.floor.tick_machines(&shop.tracker, at(3600), &mut states);
    assert!(states.contains_key("oee/PRESS-7"));
    let view = shop
        .status
        .equipment()
        .get("PRESS-7")
        .and_then(|view| view.oee.clone())
        .expect("a view");
    assert_eq!(view["current"]["availability"], 1.0);
    assert_eq!(view["current"]["effectiveness"], 0.5);
    let capacity = shop.status.capacity().expect("a view");
    assert_eq!((capacity.total_capacity, capacity.used_capacity), (24.0, 1.0));
    let mut soon = States::default();
    shop.floor.tick_machines(&shop.tracker, at(3605), &mut soon);
    assert!(soon.is_empty(), "nothing happened that is worth a write");
}
