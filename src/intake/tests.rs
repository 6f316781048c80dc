//! What goes to the disk how urgently.

use super::*;
use crate::judge::progress::calendar::Calendar;
use crate::record::Kind;

fn intake() -> Intake {
    let settings = Settings {
        gateway_id: "shop-1".to_owned(),
        zone: Zone::UTC,
        shift_starts: vec![NaiveTime::MIN],
        topics: HashMap::new(),
        equipment: HashMap::new(),
        stations: HashMap::from([("S".to_owned(), Bench::plain("S"))]),
        alerts: alerts::Settings::default(),
        judgement: judgement::Settings::default(),
        floor: floor::Settings::new(Calendar::new(Zone::UTC, &[])),
    };
    let (_, reference) = watch::channel(Arc::default());
    Intake::new(settings, Status::default(), reference, &States::new())
}

fn scan(intake: &mut Intake, code: &str) -> (Commit, Commit) {
    let reading = Reading {
        source: "station/S".into(),
        at: Timestamp::UNIX_EPOCH,
        payload: Payload::Scan {
            station: "S".into(),
            frame: Frame::Whole(code.as_bytes().to_vec()),
        },
        receipt: Receipt::nobody(),
    };
    let (mut urgent, mut patient) = (Commit::default(), Commit::default());
    let (verdict, receipt) = intake.judge(reading);
    intake.sort(verdict, receipt, &mut urgent, &mut patient);
    (urgent, patient)
}

#[test]
fn that_the_clock_was_set_is_kept_of_every_station() {
    let mut intake = intake();
    scan(&mut intake, "EMP-7");
    let before = scan(&mut intake, "LSN-STATUS").0.states;
    let mut urgent = Commit::default();
    intake.clock_was_set(TimeDelta::hours(1), Timestamp::UNIX_EPOCH, &mut urgent);
    let kept = urgent.states.get("station/S").expect("a dialogue");
    assert!(!before.contains_key("station/S"), "{before:?}");
    assert!(
        String::from_utf8_lossy(kept).contains("1970-01-01T01:00:00Z"),
        "{kept:?}"
    );
}

#[test]
fn who_says_that_a_machine_is_down_is_answered_when_the_disk_has_all_of_it() {
    let (urgent, patient) = scan(&mut intake(), "LSN-DOWN-D01");
    let kinds: Vec<Kind> = urgent.records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [Kind::EquipmentFailure, Kind::EquipmentStatus]);
    assert_eq!(urgent.receipts.len(), 1);
    assert!(patient.records.is_empty());
}
