//! Modbus devices through the whole gateway: what outlives its restarts.

use std::net::SocketAddr;
use std::sync::Arc;

use lineside::record;
use lineside::source::modbus;
use lineside::writes::{NotWritten, Writes};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_modbus::Slave;
use tokio_modbus::client::{Context, Reader, Writer, tcp};
use tokio_util::sync::CancellationToken;

use crate::modbus::{Foreign, settings};
use crate::park::gateway::Site;
use crate::park::modbus_faults::{FaultServer, Reaction};
use crate::park::pty::SerialLine;
use crate::park::until;

/// Someone at the machine, who changes what its registers hold.
async fn hands_on(device: &Foreign) -> Context {
    let address = SocketAddr::from(([127, 0, 0, 1], device.port));
    tcp::connect_slave(address, Slave(1)).await.expect("a connection")
}

/// The newest durable record of the machine, once its point has this value.
async fn told(site: &Site, point: &str, value: u64) -> Value {
    let is_told = |record: &Value| record["payload"]["points"][point]["value"] == value;
    until(&format!("{point} = {value}"), async || {
        site.records("telemetry").await.pop().filter(is_told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_goes_on_after_kill_9_though_the_counter_rolled_over_meanwhile() {
    let device = Foreign::start();
    let mut machine = hands_on(&device).await;
    let site = Site::new(&format!(
        r#"
[modbus.line]
url = "{}"
[modbus.line.device.press]
unit = 1
equipment = "PRESS-7"
poll = "20ms"
[modbus.line.device.press.points]
good_count = {{ at = "holding:300", type = "u16", role = "good_count", deadband = 0, counter = {{ max_rate = {{ per_second = 50 }} }} }}
"#,
        device.url()
    ));
    machine.write_single_register(300, 65_530).await.unwrap().unwrap();
    let gateway = site.start().await;
    let first = told(&site, "good_count", 65_530).await;
    assert_eq!(first["payload"]["points"]["good_count"]["raw"], 65_530);
    machine.write_single_register(300, 65_534).await.unwrap().unwrap();
    told(&site, "good_count", 65_534).await;
    gateway.kill();

    machine.write_single_register(300, 3).await.unwrap().unwrap();
    let gateway = site.start().await;
    let rolled = told(&site, "good_count", 65_539).await;
    assert_eq!(rolled["payload"]["points"]["good_count"]["raw"], 3);
    assert_eq!(rolled["payload"]["points"]["good_count"].get("reason"), None);

    machine.write_single_register(300, 0).await.unwrap().unwrap();
    let reset = until("the reset", async || {
        let newest = site.records("telemetry").await.pop()?["payload"]["points"]["good_count"].clone();
        (newest["raw"] == 0).then_some(newest)
    })
    .await;
    assert_eq!(
        (&reset["value"], &reset["reason"]),
        (&65_539.into(), &"the counter was reset".into())
    );
    assert!(gateway.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn points_that_are_listed_can_be_written_and_are_read_back() {
    let device = Foreign::start();
    let site = Site::new(&format!(
        r#"
[modbus.line]
url = "{}"
writable = ["press.speed", "lamp", "count"]
[modbus.line.device.press]
unit = 1
equipment = "PRESS-7"
poll = "1h"
[modbus.line.device.press.points]
speed = {{ at = "holding:310", type = "f32", order = "CDAB", scale = 0.1, write_range = {{ low = 0, high = 100 }} }}
count = {{ at = "holding:312", type = "u16", write_range = {{ low = 0, high = 10 }} }}
lamp = {{ at = "coil:1" }}
heat = {{ at = "holding:313", type = "u16" }}
"#,
        device.url()
    ));
    let _gateway = site.start().await;
    let token = std::fs::read_to_string(site.data().join("control-token")).unwrap();
    let write = async |point: &str, value: Value, token: &str| {
        let body = serde_json::json!({"value": value});
        site.post(&format!("equipment/PRESS-7/points/{point}"), token, &body)
            .await
    };
    let (status, answer) = write("speed", 62.5.into(), &token).await;
    assert_eq!((status, &answer["value"]), (200, &62.5.into()), "{answer}");
    assert_eq!(write("lamp", true.into(), &token).await.1["value"], true);
    assert_eq!(write("count", 6.into(), &token).await.1["value"], 6);
    assert_eq!(write("count", "7".into(), &token).await.1["value"], 7);
    for (point, value, token, expected) in [
        ("speed", 100.5.into(), &*token, 422),
        ("speed", "fast".into(), &token, 422),
        ("lamp", 2.into(), &token, 422),
        ("heat", 5.into(), &token, 403),
        ("nothing", 5.into(), &token, 403),
        ("speed", 5.into(), "another", 401),
    ] {
        let (status, answer) = write(point, value, token).await;
        assert_eq!(status, expected, "{point}: {answer}");
        let zh = answer["words"]["zh"].as_str().unwrap_or_default();
        assert!(!zh.contains(" is ") && !zh.is_empty() || status == 401, "{answer}");
    }
    let mut machine = hands_on(&device).await;
    let held = machine.read_holding_registers(310, 3).await.unwrap().unwrap();
    let speed = f32::to_bits(625.0);
    assert_eq!(held, [(speed & 0xFFFF) as u16, (speed >> 16) as u16, 7]);
    assert_eq!(machine.read_coils(0, 2).await.unwrap().unwrap(), [true, true]);
}

#[tokio::test]
async fn points_are_written_over_a_serial_line_too() {
    let serial = SerialLine::lay().await;
    let _device = Foreign::start_on(&serial.end("theirs"));
    let settings = settings(&format!(
        r#"
        url = "rtu://{}?baud=115200&parity=none"
        writable = ["m.count", "lamp", "wide"]
        [device.m]
        unit = 1
        equipment = "M"
        poll = "1h"
        [device.m.points]
        count = {{ at = "holding:312", type = "u16", write_range = {{ low = 0, high = 10 }} }}
        wide = {{ at = "holding:314", type = "u32", write_range = {{ low = 0, high = 100000 }} }}
        lamp = {{ at = "coil:1" }}
        "#,
        serial.end("ours")
    ));
    let (writes, _readings) = serve(settings);
    for (point, value) in [
        ("count", record::Value::Uint(7)),
        ("wide", record::Value::Uint(70_000)),
        ("lamp", record::Value::Bool(true)),
    ] {
        let held = writes.write("M".to_owned(), point.to_owned(), value.clone()).await;
        assert_eq!(held, Ok(value), "{point}");
    }
}

#[tokio::test]
async fn of_a_write_that_was_not_answered_nobody_knows_what_came_of_it() {
    let server = FaultServer::start(|_| Reaction::Answer).await;
    let (writes, _readings) = serve(settings(&format!(
        r#"
        url = "tcp://127.0.0.1:{}"
        writable = ["n"]
        [device.m]
        unit = 1
        equipment = "M"
        poll = "1h"
        points.n = {{ at = "holding:0", type = "u16", write_range = {{ low = 0, high = 10 }} }}
        "#,
        server.port
    )));
    let outcome = writes
        .write("M".to_owned(), "n".to_owned(), record::Value::Uint(7))
        .await;
    assert_eq!(outcome, Err(NotWritten::Unknown("connection lost".to_owned())));
}

#[tokio::test]
async fn a_write_that_finds_the_device_busy_is_repeated_but_not_for_ever() {
    let refused = NotWritten::Refused("device busy (06)".to_owned());
    for (refusals, expected) in [(3, Ok(record::Value::Uint(7))), (4, Err(refused))] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound listener").port();
        tokio::spawn(busy_device(listener, refusals));
        let (writes, _readings) = serve(settings(&format!(
            r#"
            url = "tcp://127.0.0.1:{port}"
            writable = ["n"]
            [device.m]
            unit = 1
            equipment = "M"
            poll = "1h"
            points.n = {{ at = "holding:0", type = "u16", write_range = {{ low = 0, high = 10 }} }}
            "#
        )));
        let value = record::Value::Uint(7);
        let outcome = writes.write("M".to_owned(), "n".to_owned(), value).await;
        assert_eq!(outcome, expected, "{refusals} refusals");
    }
}

/// One register that refuses so many writes before it takes one.
async fn busy_device(listener: TcpListener, mut refusals: u32) {
    let (mut stream, _) = listener.accept().await.expect("the gateway");
    let (mut request, mut held) = ([0; 12], [0; 2]);
    while stream.read_exact(&mut request).await.is_ok() {
        let answer = |length, rest: &[u8]| [&request[..5], &[length, request[6]], rest].concat();
        let answer = match request[7] {
            6 if refusals > 0 => {
                refusals -= 1;
                answer(3, &[0x86, 6])
            }
            6 => {
                held = [request[10], request[11]];
                request.to_vec()
            }
            _ => answer(5, &[3, 2, held[0], held[1]]),
        };
        stream.write_all(&answer).await.expect("the gateway hears it");
    }
}

/// Runs the connection for as long as the test.
fn serve(settings: modbus::Settings) -> (Writes, mpsc::Receiver<record::Reading>) {
    let (writes, mut asked) = Writes::new([settings.writable_points()].into_iter());
    let (out, readings) = mpsc::channel(8);
    let (asked, looks) = (asked.remove(0), mpsc::channel(1).1);
    let stop = CancellationToken::new();
    tokio::spawn(modbus::run(
        "line".into(),
        settings,
        out,
        asked,
        looks,
        Arc::default(),
        stop,
    ));
    (writes, readings)
}
