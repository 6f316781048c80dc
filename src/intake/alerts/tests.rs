use super::*;

fn alerts(status: &Status) -> Alerts {
    Alerts::new("shop-1", Settings::default(), Zone::UTC, status.clone())
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn payloads(accepted: &mut Accepted) -> Vec<(Kind, serde_json::Value)> {
    let read = |record: Record| {
        let json = format!("{{{}", String::from_utf8_lossy(&record.json));
        let mut message: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        (record.kind, message["payload"].take())
    };
    accepted.records.drain(..).map(read).collect()
}

#[test]
fn a_machine_fails_once_and_is_back_when_it_runs() {
    let status = Status::default();
    let (mut alerts, mut accepted) = (alerts(&status), Accepted::default());
    alerts.machine("PRESS-7", ("down", at(5)), Some("D01, 换模"), at(6), &mut accepted);
    alerts.machine("PRESS-7", ("fault", at(7)), None, at(7), &mut accepted);
    alerts.machine("PRESS-7", ("stopped", at(8)), None, at(8), &mut accepted);
    let told = payloads(&mut accepted);
    let [(Kind::EquipmentFailure, failure)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(failure["state"], "down");
    assert_eq!(failure["detail"], "PRESS-7 has failed (D01, 换模).");
    assert_eq!(failure["since"], "1970-01-01T00:00:05.000+00:00");
    alerts.machine("PRESS-7", ("running", at(9)), None, at(9), &mut accepted);
    alerts.tick(at(30), &mut accepted);
    let told = payloads(&mut accepted);
    let [(Kind::Alert, ended)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(
        (&ended["alert_id"], &ended["news"]),
        (&failure["alert_id"], &json!("ended"))
    );
    assert_eq!(ended["ended_at"], "1970-01-01T00:00:09.000+00:00");
    let views = accepted.alerts.expect("how alerts stand now");
    assert_eq!(views[0].state, AlertState::Ended);
    assert!(status.alerts().is_empty(), "nothing is shown before the disk has it");
}

#[test]
fn a_connection_that_stays_away_speaks_for_its_devices() {
    let status = Status::default();
    let (mut alerts, mut accepted) = (alerts(&status), Accepted::default());
    let line = status.source("modbus/line-1");
    line.down(at(0), "refused");
    line.update_device("press-7", |device| device.answers = false);
    for second in 0..=60 {
        alerts.tick(at(second), &mut accepted);
    }
    let told = payloads(&mut accepted);
    assert_eq!(told.len(), 1, "{told:?}");
    let message = told[0].1["message"].as_str().expect("text");
    assert!(message.starts_with("modbus/line-1 has been out of reach") && message.ends_with("refused"));
    line.up(at(61));
    for second in 61..=121 {
        alerts.tick(at(second), &mut accepted);
    }
    let news: Vec<_> = payloads(&mut accepted)
        .into_iter()
        .map(|(_, alert)| alert["news"].clone())
        .collect();
    assert_eq!(news, ["ended", "begun"], "the device is still away");
    let views = accepted.alerts.expect("how alerts stand now");
    assert_eq!(views[0].key, "source/modbus/line-1/press-7");
}

#[test]
fn an_answered_call_is_over() {
    let status = Status::default();
    let (mut alerts, mut accepted) = (alerts(&status), Accepted::default());
    let call = |second| Finding {
        alert_type: CALL.to_owned(),
        ..source_finding("call/ST-01/QA".to_owned(), Change::Begins, at(second), Words::default())
    };
    alerts.take([call(0), call(1)], at(1), &mut accepted);
    let alert_id = alerts.book.episodes().next().expect("an alert").alert_id;
    let acknowledgement = Acknowledgement {
        by: "W1".to_owned(),
        at: at(2),
        comment: Some("on my way".to_owned()),
    };
    alerts
        .acknowledge(alert_id, acknowledgement, &mut accepted)
        .expect("it is there");
    let states = std::mem::take(&mut accepted.states);
    alerts.restore(&states, at(3));
    alerts.take([call(4)], at(4), &mut accepted);
    let told = payloads(&mut accepted);
    let news: Vec<_> = told.iter().map(|(_, alert)| &alert["news"]).collect();
    assert_eq!(news, ["begun", "acknowledged", "ended", "begun"]);
    assert_eq!(told[2].1["comment"], "on my way");
    assert_ne!(told[3].1["alert_id"], told[0].1["alert_id"]);
}

fn stuck(change: Change, second: i64) -> Finding {
    source_finding("watch/heat/stuck".to_owned(), change, at(second), Words::default())
}

#[test]
fn what_its_judge_holds_does_not_expire_and_what_it_lets_go_of_ends() {
    let (mut alerts, mut accepted) = (alerts(&Status::default()), Accepted::default());
    alerts.take([stuck(Change::Begins, 0)], at(0), &mut accepted);
    let mut lasting = HashSet::from(["watch/heat/stuck".to_owned()]);
    for minute in 0..=25 * 60 {
        alerts.hold_against(&lasting, at(60 * minute), &mut accepted);
        alerts.tick(at(60 * minute), &mut accepted);
    }
    let told = payloads(&mut accepted);
    assert!(
        told[1..].iter().all(|(_, alert)| alert["news"] == "reminder"),
        "{told:?}"
    );
    lasting.clear();
    for second in 90_000..90_020 {
        alerts.hold_against(&lasting, at(second), &mut accepted);
        alerts.tick(at(second), &mut accepted);
    }
    let told = payloads(&mut accepted);
    let news: Vec<_> = told.iter().map(|(_, alert)| &alert["news"]).collect();
    assert_eq!(news, ["ended"]);
    assert_eq!(told[0].1["ended_at"], "1970-01-02T01:00:00.000+00:00");
}

#[test]
fn a_clock_that_is_set_lets_no_time_pass() {
    for set_by in [100 * 3600, -100 * 3600] {
        let (mut alerts, mut accepted) = (alerts(&Status::default()), Accepted::default());
        alerts.tick(at(0), &mut accepted);
        alerts.take([stuck(Change::Begins, 0)], at(0), &mut accepted);
        alerts.clock_was_set(TimeDelta::seconds(set_by));
        alerts.tick(at(set_by + 1), &mut accepted);
        assert_eq!(payloads(&mut accepted).len(), 1, "neither expired nor repeated");
        for second in 2..=901 {
            alerts.tick(at(set_by + second), &mut accepted);
        }
        let told = payloads(&mut accepted);
        let news: Vec<_> = told.iter().map(|(_, alert)| &alert["news"]).collect();
        assert_eq!(news, ["reminder"], "the time from then on counts");
    }
}
