//! The line from end to end: what a machine or a person says in the south arrives in the north, whatever dies between.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use lineside::demo::operators::Scanner;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio_serial::SerialPortBuilderExt;

use crate::park::gateway::Site;
use crate::park::modbus_faults::{FaultServer, Reaction as Device};
use crate::park::mosquitto::Mosquitto;
use crate::park::upstream::{Reaction, Request, Upstream};
use crate::park::{free_port, until};
use crate::store::{Bench, TOKEN, counts};

/// A station whose scanner connects to this port.
fn station(port: u16, mode: &str) -> String {
    format!(
        "[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{port}\"\nreply = \"text\"\nmode = \"{mode}\"\nduplicate_window = \"1ms\"\n\n"
    )
}

fn upstream(name: &str, url: &str) -> String {
    format!("[upstream.{name}]\nurl = \"{url}\"\n\n")
}

fn broker(name: &str, port: u16, more: &str) -> String {
    format!(
        "[mqtt.{name}]\nurl = \"mqtt://127.0.0.1:{port}\"\n{more}\n[[mqtt.{name}.topic]]\nfilter = \"plant/+/status\"\nequipment = \"{{1}}\"\nid = \"/id\"\npoints = {{ n = {{ at = \"/n\" }} }}\n\n"
    )
}

fn message(id: &str, n: u64) -> String {
    json!({"id": id, "n": n}).to_string()
}

fn scanner(port: u16) -> Scanner {
    Scanner::new(([127, 0, 0, 1], port).into())
}

/// Scans one code after the other; each has to be answered with this code.
async fn scan(scanner: &mut Scanner, scans: &[(&str, &str)]) {
    for (code, expected) in scans {
        let answer = scanner.scan(code).await.expect("an answer");
        assert_eq!(answer.code, *expected, "to {code}");
    }
}

/// The values of the point `n`, in order of arrival.
fn numbers(requests: &[Request]) -> Vec<u64> {
    let messages = requests.iter().flat_map(|request| request.messages().to_vec());
    messages
        .filter_map(|message| message["payload"]["points"]["n"]["value"].as_u64())
        .collect()
}

fn quantities(requests: &[Request]) -> Vec<String> {
    let messages = requests.iter().flat_map(|request| request.messages().to_vec());
    messages
        .filter_map(|message| Some(message["payload"]["qualified_quantity"].as_str()?.to_owned()))
        .collect()
}

async fn knows_orders(site: &Site) {
    site.shows("status", "the reference data", |status| {
        status["reference"]["orders"].as_u64() > Some(0)
    })
    .await;
}

async fn a_scan_becomes_a_row(bench: Bench) {
    let bench = bench.with_order().await;
    bench
        .put("/api/v1/reasons/R1", json!({"name": "划伤", "kind": "scrap"}))
        .await;
    let port = free_port();
    let site = Site::new(&format!(
        "[upstream.central]\nurl = \"{}/api/v1/batches\"\ntoken_file = \"store.token\"\n[reference]\nfrom = \"central\"\nevery = \"1s\"\n{}equipment = \"PRESS-7\"\n[equipment.PRESS-7]\nequipment_id = 7\n",
        bench.address,
        station(port, "start_stop")
    ));
    site.write("store.token", TOKEN);
    let _gateway = site.start().await;
    knows_orders(&site).await;
    let mut scanner = scanner(port);
    let scans = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-1.2", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
        ("QTY-30", "REPORTED"),
        ("LSN-SCRAP", "HOW_MANY"),
        ("QTY-2", "WHICH_REASON"),
        ("RSN-R1", "REPORTED_DEFECT"),
    ];
    scan(&mut scanner, &scans).await;
    let count = "SELECT COUNT(*) FROM production_report";
    until("both reports to be stored", async || {
        (bench.scalar(count).await == "2").then_some(())
    })
    .await;
    let row = "order_no = 'WO-1' AND process_name = '装配' AND worker_name = '王师傅' AND equipment_id = 7";
    let good = format!("{count} WHERE {row} AND output_quantity + 0 = 30 AND qualified_quantity + 0 = 30");
    assert_eq!(bench.scalar(&good).await, "1");
    let scrap = format!("{count} WHERE {row} AND output_quantity + 0 = 2 AND unqualified_quantity + 0 = 2");
    assert_eq!(bench.scalar(&scrap).await, "1");
    let (completed, status) = bench.order_state("WO-1").await;
    assert_eq!(completed.parse::<f64>().unwrap().to_string(), "30");
    assert_eq!(status, 3, "in production");
    let hours = "SELECT COUNT(*) FROM workers WHERE worker_no = 'W1' AND total_work_hours + 0 = (SELECT SUM(work_hours) FROM production_report)";
    assert_eq!(bench.scalar(hours).await, "1");

    let records = site.work_reports().await;
    assert_eq!(counts(&bench.send_from("shop-1", &records).await), (0, 2, 0));
    assert_eq!(bench.scalar(count).await, "2");
    assert_eq!(bench.order_state("WO-1").await, (completed, status));
    assert_eq!(bench.scalar(hours).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_becomes_a_row_in_sqlite() {
    a_scan_becomes_a_row(Bench::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_becomes_a_row_in_mariadb() {
    a_scan_becomes_a_row(Bench::mariadb().await).await;
}

/// Two ends of a serial line that is none.
struct SerialLine(Child);

impl SerialLine {
    async fn start(site: &Site) -> Self {
        let end = |name: &str| format!("pty,rawer,link={}", site.path(name).display());
        let socat = Command::new("socat")
            .args([end("ours"), end("theirs")])
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run socat ({e}): this test needs the package socat"));
        let line = Self(socat);
        until("both ends of the line", async || {
            (site.path("ours").exists() && site.path("theirs").exists()).then_some(())
        })
        .await;
        line
    }
}

impl Drop for SerialLine {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_on_a_serial_line_reports_too() {
    let north = Upstream::start(|_, _| Reaction::Stored).await;
    let site = Site::new("");
    let _line = SerialLine::start(&site).await;
    let port = site.path("ours");
    site.configure(&format!(
        "{}[station.ST-01]\nscanner = \"serial://{}?baud=115200\"\nreply = \"text\"\nmode = \"report_only\"\n",
        upstream("central", &north.url()),
        port.display()
    ));
    site.know_an_order();
    let _gateway = site.start().await;
    site.connected("station/ST-01").await;
    let theirs = site.path("theirs").display().to_string();
    let mut scanner = BufReader::new(tokio_serial::new(theirs, 115_200).open_native_async().unwrap());
    for (code, expected) in [
        ("EMP-W1", "OK SIGNED_ON"),
        ("TRV-WO-1.1", "OK JOB_LOADED"),
        ("QTY-12", "OK REPORTED"),
    ] {
        scanner
            .get_mut()
            .write_all(format!("{code}\r").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        let read = tokio::time::timeout(crate::park::PATIENCE, scanner.read_line(&mut answer));
        read.await.expect("an answer in time").unwrap();
        assert!(answer.starts_with(expected) && answer.ends_with("\r\n"), "{answer:?}");
    }
    let requests = north.heard("the report", |requests| !requests.is_empty()).await;
    assert_eq!(quantities(&requests), ["12"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_become_records_over_mqtt_3_and_5() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let brokers = broker("old", south.port, "protocol = 4\nclient_id = \"old\"")
        + &broker("new", south.port, "protocol = 5\nclient_id = \"new\"");
    let site = Site::new(&(brokers + &upstream("central", &north.url())));
    let _gateway = site.start().await;
    site.connected("mqtt/old").await;
    site.connected("mqtt/new").await;
    south.publish("plant/PRESS-7/status", &[message("a", 1), message("b", 2)]);
    let requests = north
        .heard("all from both", |requests| numbers(requests).len() == 4)
        .await;
    let mut of = [Vec::new(), Vec::new()];
    for message in requests.iter().flat_map(Request::messages) {
        assert_eq!(message["message_type"], "EQUIPMENT_STATUS");
        assert_eq!(message["payload"]["equipment"], "PRESS-7");
        assert_eq!(message["payload"]["points"]["n"]["quality"], "good");
        let nth = usize::from(message["source"] == "mqtt/new");
        of[nth].push(message["payload"]["points"]["n"]["value"].as_u64().unwrap());
    }
    assert_eq!(of, [[1, 2], [1, 2]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_to_the_broker_before_the_disk_has_it() {
    for protocol in ["protocol = 4", "protocol = 5"] {
        let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
        let sections = broker("plant", south.port, protocol) + &upstream("central", &north.url());
        // No disk has that much room, so telemetry is never written.
        let site = Site::new(&format!("[buffer]\nmin_free_disk = \"4000 TiB\"\n{sections}"));
        let gateway = site.start_unready().await;
        site.connected("mqtt/plant").await;
        south.publish("plant/PRESS-7/status", &[message("a", 1), message("b", 2)]);
        let is_heard = |status: &Value| status["sources"]["mqtt/plant"]["readings"] == 2;
        let status = site.shows("status", "both to be heard", is_heard).await;
        assert_eq!(status["buffer"]["telemetry_paused"], true);
        gateway.kill();
        // A broker only delivers again what was not acknowledged.
        site.configure(&sections);
        let _gateway = site.start().await;
        let requests = north
            .heard("both messages", |requests| numbers(requests).len() >= 2)
            .await;
        assert_eq!(numbers(&requests), [1, 2], "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_message_is_acknowledged_and_counted_and_stops_nothing() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let site = Site::new(&(broker("plant", south.port, "") + &upstream("central", &north.url())));
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    let lines = ["{\"n\": 1".to_owned(), "\u{1}\u{2}".to_owned(), message("a", 1)];
    south.publish("plant/PRESS-7/status", &lines);
    north.heard("the good one", |requests| numbers(requests) == [1]).await;
    let status = site.get("status").await;
    assert_eq!(status["sources"]["mqtt/plant"]["rejected"], 2);
    assert!(status["sources"]["mqtt/plant"]["last_rejection"].is_string());
    assert!(gateway.stop().success());
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish("plant/PRESS-7/status", &[message("b", 2)]);
    north.heard("the next", |requests| numbers(requests) == [1, 2]).await;
    let status = site.get("status").await;
    assert_eq!(
        status["sources"]["mqtt/plant"]["rejected"], 0,
        "they did not come again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_again_under_its_id_is_one_record() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let site = Site::new(&(broker("plant", south.port, "") + &upstream("central", &north.url())));
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish(
        "plant/PRESS-7/status",
        &[message("a", 1), message("a", 1), message("b", 2)],
    );
    north.heard("both", |requests| numbers(requests) == [1, 2]).await;
    assert_eq!(site.get("status").await["sources"]["mqtt/plant"]["duplicates"], 1);
    gateway.kill();
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish(
        "plant/PRESS-7/status",
        &[message("b", 2), message("a", 1), message("c", 3)],
    );
    let requests = north
        .heard("the third", |requests| numbers(requests).contains(&3))
        .await;
    // A batch under way at the kill may come twice, but then under the same ids.
    let ids: BTreeSet<String> = requests.iter().flat_map(Request::ids).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(site.get("status").await["sources"]["mqtt/plant"]["duplicates"], 2);
    assert_eq!(site.records("telemetry").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_dead_stops_nobody_and_heals_by_itself() {
    let south = Mosquitto::start().await;
    let mut dead_south = Mosquitto::not_started();
    let north = Upstream::start(|_, _| Reaction::Stored).await;
    let (dead_north, dead_device, station_port) = (free_port(), free_port(), free_port());
    let modbus = format!(
        "[modbus.dead]\nurl = \"tcp://127.0.0.1:{dead_device}\"\n[modbus.dead.device.main]\nunit = 1\nequipment = \"PRESS-9\"\npoll = \"100ms\"\npoints = {{ n = {{ at = \"holding:0\", type = \"u16\", deadband = 1000000 }} }}\n\n"
    );
    let site = Site::new(
        &[
            broker("plant", south.port, ""),
            broker("dead", dead_south.port, ""),
            modbus,
            station(station_port, "report_only"),
            upstream("central", &north.url()),
            upstream("dead", &format!("http://127.0.0.1:{dead_north}/batches")),
        ]
        .concat(),
    );
    site.know_an_order();
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish("plant/PRESS-7/status", &[message("a", 71)]);
    let scans = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-1.1", "JOB_LOADED"),
        ("QTY-8", "REPORTED"),
    ];
    scan(&mut scanner(station_port), &scans).await;
    let has_both = |requests: &[Request]| numbers(requests).contains(&71) && quantities(requests) == ["8"];
    north.heard("what the living say", has_both).await;
    let status = site.get("status").await;
    for source in ["mqtt/dead", "modbus/dead"] {
        assert_eq!(status["sources"][source]["connected"], false);
        assert!(status["sources"][source]["last_error"].is_string(), "{source}");
    }
    assert_eq!(status["upstreams"]["dead"]["reachable"], false);
    assert_eq!(
        status["upstreams"]["dead"]["waiting"]["report"], 2,
        "the report and the progress that it made"
    );

    let risen_north = Upstream::start_on(dead_north, |_, _| Reaction::Stored).await;
    risen_north.heard("what waited", has_both).await;
    dead_south.start_again().await;
    site.connected("mqtt/dead").await;
    dead_south.publish("plant/PRESS-8/status", &[message("b", 81)]);
    north
        .heard("the other broker", |requests| numbers(requests).contains(&81))
        .await;
    let _device = FaultServer::start_on(dead_device, |_| Device::Answer).await;
    let is_alive = |status: &Value| status["sources"]["modbus/dead"]["devices"]["main"]["answers"] == true;
    site.shows("status", "the device to answer", is_alive).await;
    let is_of_device = |message: &Value| {
        message["payload"]["equipment"] == "PRESS-9" && message["payload"]["points"]["n"]["quality"] == "good"
    };
    let has_value = |requests: &[Request]| requests.iter().flat_map(Request::messages).any(is_of_device);
    for upstream in [&north, &risen_north] {
        upstream.heard("the device's value", has_value).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_upstream_gets_everything_once_it_works() {
    let north = Upstream::start(|_, before| match before {
        0..3 => Reaction::Answer(StatusCode::BAD_GATEWAY, String::new()),
        _ => Reaction::Stored,
    })
    .await;
    let port = free_port();
    let site = Site::new(&(station(port, "report_only") + &upstream("central", &north.url())));
    site.know_an_order();
    let _gateway = site.start().await;
    let scans = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-1.1", "JOB_LOADED"),
        ("QTY-1", "REPORTED"),
        ("QTY-2", "REPORTED"),
        ("QTY-3", "REPORTED"),
    ];
    scan(&mut scanner(port), &scans).await;
    site.delivered("central").await;
    assert_eq!(quantities(&north.requests()[3..]), ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_order_is_refused_at_the_station() {
    let port = free_port();
    let site = Site::new(&station(port, "report_only"));
    site.know_an_order();
    let _gateway = site.start().await;
    let scans = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-9.1", "ORDER_CLOSED"),
        ("WO-9", "ORDER_CLOSED"),
        ("TRV-WO-77.1", "UNKNOWN_ORDER"),
        ("QTY-5", "NO_ORDER"),
    ];
    scan(&mut scanner(port), &scans).await;
    assert!(site.records("report").await.is_empty());
    assert_eq!(site.get("stations/ST-01").await["last_feedback"]["code"], "NO_ORDER");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_stations_work_on_what_the_disk_knows() {
    let bench = Bench::sqlite().await.with_order().await;
    let port = free_port();
    let site = Site::new(&format!(
        "[upstream.central]\nurl = \"{}/api/v1/batches\"\ntoken_file = \"store.token\"\n[reference]\nfrom = \"central\"\nevery = \"1s\"\n{}",
        bench.address,
        station(port, "report_only")
    ));
    site.write("store.token", TOKEN);
    let gateway = site.start().await;
    knows_orders(&site).await;
    let kept = site.data().join("reference.json");
    until("the kept data", async || kept.exists().then_some(())).await;
    assert!(gateway.stop().success());
    drop(bench);
    let mut old: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    old["confirmed_at"] = json!(Utc::now() - TimeDelta::hours(5));
    std::fs::write(&kept, old.to_string()).unwrap();
    let _gateway = site.start().await;
    let scans = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-1.1", "JOB_LOADED"),
        ("QTY-4", "REPORTED"),
        ("LSN-LOGOUT", "SIGNED_OFF"),
        ("EMP-W77", "SIGNED_ON_UNVERIFIED"),
        ("TRV-WO-77.1", "JOB_LOADED_UNVERIFIED"),
        ("QTY-3", "REPORTED"),
    ];
    scan(&mut scanner(port), &scans).await;
    let records = site.work_reports().await;
    let flags: Vec<&Value> = records.iter().map(|record| &record["payload"]["flags"]).collect();
    assert_eq!(flags, [&json!([]), &json!(["unverified"])]);
    assert_eq!(site.get("status").await["reference"]["fresh"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_asked_of_the_store_and_its_silence_is_not_a_no() {
    let bench = Bench::sqlite().await.with_order().await;
    let port = free_port();
    let site = Site::new(&format!(
        "[upstream.central]\nurl = \"{}/api/v1/batches\"\ntoken_file = \"store.token\"\n[reference]\nfrom = \"central\"\nevery = \"1h\"\n{}",
        bench.address,
        station(port, "report_only")
    ));
    site.write("store.token", TOKEN);
    let _gateway = site.start().await;
    knows_orders(&site).await;
    let mut scanner = scanner(port);
    scan(&mut scanner, &[("EMP-W1", "SIGNED_ON")]).await;
    let order = json!({"order_quantity": "9", "status": 2, "product_code": "P", "processes": [{"process_code": "1", "sequence": 1}]});
    bench.put("/api/v1/orders/WO-5", order).await;
    scan(&mut scanner, &[("TRV-WO-5.1", "UNKNOWN_ORDER")]).await;
    answered(&mut scanner, "TRV-WO-5.1", "JOB_LOADED").await;
    scan(&mut scanner, &[("QTY-2", "REPORTED"), ("LSN-LOGOUT", "SIGNED_OFF")]).await;
    site.shows("status", "everything sent", |status| {
        status["upstreams"]["central"]["waiting"]["report"] == 0
    })
    .await;
    drop(bench);
    scan(&mut scanner, &[("EMP-W77", "UNKNOWN_BADGE")]).await;
    answered(&mut scanner, "EMP-W77", "SIGNED_ON_UNVERIFIED").await;
    let by_nobody_known = json!({"order_no": "WO-5", "process_code": "1", "worker_no": "W99", "output_quantity": "1", "qualified_quantity": "1"});
    let (status, taken) = site.hand_in("work-reports", &by_nobody_known).await;
    assert_eq!((status, &taken["flags"]), (201, &json!(["unverified"])), "{taken}");
}

/// Scans again until the answer is this one.
async fn answered(scanner: &mut Scanner, code: &str, expected: &str) {
    for _ in 0..100 {
        if scanner.scan(code).await.expect("an answer").code == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{code} is never answered with {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_between_scans_keeps_the_dialogue() {
    let port = free_port();
    let site = Site::new(&station(port, "start_stop"));
    site.know_an_order();
    let dialogue = [
        ("EMP-W1", "SIGNED_ON", "signed_on"),
        ("TRV-WO-1.2", "JOB_LOADED", "job_loaded"),
        ("LSN-START", "STARTED", "running"),
        ("QTY-5", "REPORTED", "running"),
        ("LSN-PAUSE", "PAUSED", "paused"),
        ("LSN-RESUME", "RESUMED", "running"),
        ("QTY-6", "REPORTED", "running"),
    ];
    for (code, expected, state) in dialogue {
        let gateway = site.start().await;
        scan(&mut scanner(port), &[(code, expected)]).await;
        gateway.kill();
        let gateway = site.start().await;
        let view = site.get("stations/ST-01").await;
        assert_eq!(view["state"], state, "after {code}");
        assert_eq!(view["worker_no"], "W1");
        gateway.kill();
    }
    let _gateway = site.start().await;
    let view = site.get("stations/ST-01").await;
    assert_eq!(
        (&view["order_no"], &view["process_code"]),
        (&json!("WO-1"), &json!("20"))
    );
    assert_eq!(view["qualified_quantity"], "11");
    let records = site.work_reports().await;
    let numbers: Vec<&str> = records
        .iter()
        .map(|r| r["payload"]["report_no"].as_str().unwrap())
        .collect();
    assert_eq!(numbers.len(), 2);
    assert_ne!(numbers[0], numbers[1]);
}
