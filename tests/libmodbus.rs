//! The Modbus source against libmodbus' own unit-test server and its habits, over TCP and on a serial line: never a wrong
//! value, and only what is spoilt is bad.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use lineside::record::{Fault, Value};
use lineside::source::modbus::Settings;
use tokio::time::Instant;

use crate::modbus::{Heard, Line, settings};
use crate::park::libmodbus::{
    AS_ANOTHER_AT, BUSY_AT, BYTE_BY_BYTE_AT, CUT_SHORT, INPUTS, INPUTS_AT, INPUTS_COUNT, LATE_AT, LATE_MS, TEN_AT,
    UNIT_ON_A_LINE, UNIT_OVER_TCP, UnitTestServer, ZERO_AT,
};
use crate::park::pty::SerialLine;

/// The server as one device with these points.
fn device(url: &str, unit: u8, more: &str, points: &[(&str, String)]) -> Settings {
    let mut text = format!("url = \"{url}\"\n{more}\n[device.m]\nunit = {unit}\nequipment = \"M\"\npoll = \"20ms\"\n");
    text.push_str("max_gap = 0\n[device.m.points]\n");
    for (name, at) in points {
        writeln!(text, "{name} = {{ {at} }}").expect("text");
    }
    settings(&text)
}

fn over_tcp(server: &UnitTestServer, more: &str, points: &[(&str, String)]) -> Settings {
    let url = format!("tcp://127.0.0.1:{}", server.port);
    device(&url, UNIT_OVER_TCP, more, points)
}

fn on_line(line: &SerialLine, more: &str, points: &[(&str, String)]) -> Settings {
    let url = format!("rtu://{}?baud=115200&parity=none", line.end("ours"));
    device(&url, UNIT_ON_A_LINE, more, points)
}

fn ten() -> (&'static str, String) {
    ("ten", format!("at = \"input:{TEN_AT}\", type = \"u16\""))
}

fn zero(name: &'static str, at: u16) -> (&'static str, String) {
    (name, format!("at = \"holding:{at}\", type = \"u16\""))
}

const BUSY: Fault = Fault::Silent("device busy (06)");

/// Whatever of these has a value has its own.
fn assert_nothing_wrong(heard: &Heard) {
    let is_right = |(point, value): (&String, &Result<Value, Fault>)| match (point.as_str(), value) {
        (_, Err(_)) => true,
        ("ten", Ok(value)) => *value == Value::Uint(10),
        ("bit", Ok(value)) => *value == Value::Bool(INPUTS[0] & 1 == 1),
        (_, Ok(value)) => *value == Value::Uint(0),
    };
    assert!(heard.points.iter().all(is_right), "{heard:?}");
}

/// What it holds, bit by bit, and a number of which it gives half.
fn all_it_holds() -> Vec<(&'static str, String)> {
    assert_eq!(CUT_SHORT, 2, "what a u32 takes");
    let mut points = vec![ten(), zero("zero", ZERO_AT)];
    points.push(("half", format!("at = \"holding:{}\", type = \"u32\"", ZERO_AT + 4)));
    for bit in 0..INPUTS_COUNT {
        let name: &str = format!("bit-{bit:02}").leak();
        points.push((name, format!("at = \"discrete:{}\"", INPUTS_AT + bit)));
    }
    points
}

fn assert_all_it_holds(heard: &Heard) {
    let mut expected = BTreeMap::from([("ten".to_owned(), Value::Uint(10)), ("zero".to_owned(), Value::Uint(0))]);
    for bit in 0..usize::from(INPUTS_COUNT) {
        let is_on = INPUTS[bit / 8] >> (bit % 8) & 1 == 1;
        expected.insert(format!("bit-{bit:02}"), Value::Bool(is_on));
    }
    for (point, value) in &heard.points {
        match value {
            Ok(value) => assert_eq!(Some(value), expected.remove(point).as_ref(), "{point}"),
            Err(fault) => {
                let is_refused = point == "half" && *fault != Fault::Silent("not asked");
                assert!(is_refused, "{point}: {fault:?}");
            }
        }
    }
    assert!(expected.is_empty(), "not read: {expected:?}");
}

#[tokio::test]
async fn what_libmodbus_holds_is_read_and_what_it_gives_half_of_is_not() {
    let mut server = UnitTestServer::start().await;
    let mut line = Line::start(over_tcp(&server, "", &all_it_holds()));
    for _ in 0..5 {
        assert_all_it_holds(&line.next().await);
    }
    assert!(
        server.has_its_connection(),
        "a short answer is no reason to connect again"
    );

    let serial = SerialLine::lay().await;
    let _server = UnitTestServer::start_on_line(&serial.end("theirs"));
    let mut line = Line::start(on_line(&serial, "timeout = \"300ms\"", &all_it_holds()));
    line.until(|heard| heard.value("ten").is_some()).await;
    for _ in 0..5 {
        assert_all_it_holds(&line.next().await);
    }
}

#[tokio::test]
async fn a_busy_libmodbus_is_waited_for_over_the_same_connection() {
    let points = [ten(), zero("busy", BUSY_AT), zero("zero", ZERO_AT)];
    let mut server = UnitTestServer::start().await;
    let mut line = Line::start(over_tcp(&server, "", &points));
    for _ in 0..3 {
        let heard = line.next().await;
        assert_eq!(heard.fault("busy"), Some(&BUSY));
        assert_eq!((heard.value("ten"), heard.value("zero")), (Some(10), Some(0)));
    }
    assert!(server.has_its_connection());

    let serial = SerialLine::lay().await;
    let _server = UnitTestServer::start_on_line(&serial.end("theirs"));
    let mut line = Line::start(on_line(&serial, "timeout = \"200ms\"", &points));
    let is_busy = |heard: &Heard| heard.fault("busy") == Some(&BUSY);
    for heard in line.until(|heard| is_busy(heard) && heard.value("ten").is_some()).await {
        assert_nothing_wrong(&heard);
    }
}

#[tokio::test]
async fn a_busy_unit_keeps_no_other_on_its_connection_waiting() {
    let mut server = UnitTestServer::start().await;
    let url = format!("tcp://127.0.0.1:{}", server.port);
    // The server answers to every number.
    let mut line = Line::start(settings(&format!(
        r#"
        url = "{url}"
        device.busy = {{ unit = 1, equipment = "BUSY", poll = "20ms", points.n = {{ at = "holding:{BUSY_AT}", type = "u16" }} }}
        device.well = {{ unit = 2, equipment = "WELL", poll = "20ms", points.n = {{ at = "input:{TEN_AT}", type = "u16" }} }}
        "#
    )));
    line.until(|heard| heard.equipment == "BUSY").await;
    // Three waits, 700 ms in all.
    let between = line.until(|heard| heard.equipment == "BUSY").await;
    let wells = &between[..between.len() - 1];
    assert!(wells.len() > 15, "{} polls while the other was busy", wells.len());
    assert!(wells.iter().all(|heard| heard.value("n") == Some(10)));
    assert!(server.has_its_connection());
}

#[tokio::test]
async fn libmodbus_may_answer_byte_by_byte() {
    let mut server = UnitTestServer::start().await;
    let points = [ten(), zero("dribbled", BYTE_BY_BYTE_AT)];
    let mut line = Line::start(over_tcp(&server, "", &points));
    for _ in 0..5 {
        let heard = line.next().await;
        assert_eq!((heard.value("dribbled"), heard.value("ten")), (Some(0), Some(10)));
    }
    assert!(server.has_its_connection());
}

#[tokio::test]
async fn libmodbus_may_be_late_but_not_later_than_it_is_waited_for() {
    let mut server = UnitTestServer::start().await;
    let points = vec![ten(), zero("late", LATE_AT)];
    let patient = format!("timeout = \"{}ms\"", LATE_MS * 4);
    let mut line = Line::start(over_tcp(&server, &patient, &points));
    let (mut quick, another) = (UnitTestServer::start().await, [ten()]);
    let mut beside = Line::start(over_tcp(&quick, "", &another));
    let (heard, polls) = tokio::join!(line.next(), beside.hear_for(Duration::from_millis(LATE_MS)));
    assert_eq!((heard.value("late"), heard.value("ten")), (Some(0), Some(10)));
    assert!(polls.len() > 15, "{} polls of the other connection", polls.len());
    assert!(server.has_its_connection() && quick.has_its_connection());

    let serial = SerialLine::lay().await;
    let _server = UnitTestServer::start_on_line(&serial.end("theirs"));
    let bit = ("bit", format!("at = \"discrete:{INPUTS_AT}\""));
    let points = [points, vec![bit, zero("zero", ZERO_AT)]].concat();
    let mut line = Line::start(on_line(&serial, "timeout = \"200ms\"", &points));
    // What comes too late is not waited for, and is not taken for anything else.
    let heard = line.hear_for(Duration::from_secs(6)).await;
    heard.iter().for_each(assert_nothing_wrong);
    assert!(heard.iter().all(|heard| heard.value("late").is_none()));
    assert!(heard.iter().any(|heard| heard.points["bit"].is_ok()), "{heard:?}");
}

#[tokio::test]
async fn what_libmodbus_answers_as_another_is_no_value() {
    let points = [ten(), zero("another", AS_ANOTHER_AT), zero("zero", ZERO_AT)];
    let mut server = UnitTestServer::start().await;
    let mut line = Line::start(over_tcp(&server, "", &points));
    let started = Instant::now();
    // Such a connection is given up, and the server goes with it.
    let mut heard = Vec::new();
    tokio::select! {
        () = server.start_again(3) => {}
        () = async { loop { heard.push(line.next().await) } } => {}
    }
    heard.iter().for_each(assert_nothing_wrong);
    assert!(heard.iter().all(|heard| heard.value("another").is_none()), "{heard:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());

    let serial = SerialLine::lay().await;
    let _server = UnitTestServer::start_on_line(&serial.end("theirs"));
    let mut line = Line::start(on_line(&serial, "timeout = \"300ms\"", &points));
    for heard in line.hear_for(Duration::from_secs(4)).await {
        assert_nothing_wrong(&heard);
        assert_eq!(heard.value("another"), None);
    }
    line.until(|heard| (heard.value("ten"), heard.value("zero")) == (Some(10), Some(0)))
        .await;
}
