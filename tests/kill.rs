//! The whole gateway ends at random moments, by kill -9 or because the power of its disk is cut, under load from a broker and
//! a scanner, while the upstream fails at random. What was acknowledged in the south arrives in the north, once in effect;
//! what was answered OK stands once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use fastrand::Rng;
use lineside::demo::operators::Scanner;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::park::gateway::Site;
use crate::park::mains::Disk;
use crate::park::mosquitto::Mosquitto;
use crate::park::upstream::{Reaction, Request, Upstream};
use crate::park::{PATIENCE, free_port};

const CYCLES: &str = "LINESIDE_DRILL_CYCLES";
const SEED: &str = "LINESIDE_DRILL_SEED";
const CYCLES_DEFAULT: u64 = 5;
/// Messages of one run of the publisher.
const BURST: u64 = 25;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Publishes bursts until told to stop; returns how many messages the broker has acknowledged.
fn publish(south: &Mosquitto, stop: &CancellationToken) -> u64 {
    let mut published = 0;
    while !stop.is_cancelled() {
        let burst = published..published + BURST;
        let lines: Vec<String> = burst
            .map(|n| json!({"id": format!("m-{n}"), "n": n}).to_string())
            .collect();
        south.publish("plant/PRESS-7/status", &lines);
        published += BURST;
    }
    published
}

/// What became of the scan of one quantity; each quantity is scanned for one report only.
#[derive(Debug, Default, Clone, Copy)]
struct Scanned {
    /// Sent, and the line broke before an answer.
    unanswered: u64,
    is_answered: bool,
}

/// Reports 1, 2, 3 … pieces, each until it is answered.
async fn report(mut station: Scanner, stop: CancellationToken) -> BTreeMap<u64, Scanned> {
    let mut scans = BTreeMap::new();
    for quantity in 1.. {
        let mut scanned = Scanned::default();
        while !scanned.is_answered && !stop.is_cancelled() {
            match station.scan(&format!("QTY-{quantity}")).await {
                Ok(answer) => {
                    assert_eq!(answer.code, "REPORTED", "QTY-{quantity}");
                    scanned.is_answered = true;
                }
                // Nobody is there: nothing was sent.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(_) => scanned.unanswered += 1,
            }
        }
        scans.insert(quantity, scanned);
        if stop.is_cancelled() {
            break;
        }
    }
    scans
}

/// Everything that arrived, each message id once, in the order of its first arrival.
fn arrived(requests: &[Request]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let messages = requests.iter().flat_map(|request| request.messages().to_vec());
    messages
        .filter(|message| seen.insert(message["message_id"].to_string()))
        .collect()
}

fn number(message: &Value) -> Option<u64> {
    message["payload"]["points"]["n"]["value"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_and_doubles_nothing() {
    drill(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn power_cuts_under_load_lose_nothing_and_double_nothing() {
    if let Some(disk) = Disk::mount(700) {
        drill(Some(disk)).await;
    }
}

/// With a disk, its power goes before the gateway does.
async fn drill(disk: Option<Disk>) {
    let cycles = variable(CYCLES).unwrap_or(CYCLES_DEFAULT);
    let seed = variable(SEED).unwrap_or_else(|| fastrand::u64(..));
    println!("{SEED}={seed}");
    let mut random = Rng::with_seed(seed);
    let (south, port) = (Arc::new(Mosquitto::start().await), free_port());
    let is_calm = Arc::new(AtomicBool::new(false));
    let north = {
        let (is_calm, moods) = (Arc::clone(&is_calm), Mutex::new(random.fork()));
        Upstream::start(move |_, _| {
            if is_calm.load(Ordering::SeqCst) {
                return Reaction::Stored;
            }
            // Whatever it answers, it may have stored; so what arrives counts as arrived.
            match moods.lock().unwrap().u8(..10) {
                0 => Reaction::Silence,
                1 => Reaction::Answer(StatusCode::INTERNAL_SERVER_ERROR, String::new()),
                2 => Reaction::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, "0"),
                3 => Reaction::Answer(StatusCode::OK, "half an ans".to_owned()),
                _ => Reaction::Stored,
            }
        })
        .await
    };
    let site = Site::new(&format!(
        r#"
[mqtt.plant]
url = "mqtt://127.0.0.1:{}"
[[mqtt.plant.topic]]
filter = "plant/+/status"
equipment = "{{1}}"
id = "/id"
points = {{ n = {{ at = "/n" }} }}

[station.ST-01]
scanner = "tcp-listen://127.0.0.1:{port}"
mode = "report_only"
reply = "text"
duplicate_window = "1ms"

[upstream.central]
url = "{}"
timeout = "200ms"
max_records = 200
"#,
        south.port,
        north.url()
    ));
    site.know_an_order();
    if let Some(disk) = &disk {
        site.move_data(disk.path());
        disk.sync();
    }
    let mut gateway = site.start().await;
    site.connected("mqtt/plant").await;
    let mut scanner = Scanner::new(([127, 0, 0, 1], port).into());
    for code in ["EMP-W1", "TRV-WO-1.1"] {
        assert_eq!(scanner.scan(code).await.unwrap().kind, "OK", "{code}");
    }
    let stop = CancellationToken::new();
    let machine = {
        let (south, stop) = (Arc::clone(&south), stop.clone());
        tokio::task::spawn_blocking(move || publish(&south, &stop))
    };
    let operator = tokio::spawn(report(scanner, stop.clone()));
    for _ in 0..cycles {
        // Now and then in the middle of opening.
        tokio::time::sleep(Duration::from_millis(random.u64(0..700))).await;
        if let Some(disk) = &disk {
            disk.cut();
        }
        gateway.kill();
        if let Some(disk) = &disk {
            disk.power_up();
        }
        gateway = if random.bool() {
            site.start().await
        } else {
            site.spawn()
        };
    }
    stop.cancel();
    let published = machine.await.unwrap();
    let scans = operator.await.unwrap();
    is_calm.store(true, Ordering::SeqCst);
    let missing = || {
        let requests = north.requests();
        let there: BTreeSet<u64> = requests.iter().flat_map(Request::messages).filter_map(number).collect();
        (0..published).filter(|n| !there.contains(n)).collect::<Vec<_>>()
    };
    let deadline = Instant::now() + PATIENCE;
    while !missing().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let lost = missing();
    assert!(
        lost.is_empty(),
        "of {published} never came: {lost:?}, {SEED}={seed}\n{:#}",
        site.get("status").await
    );
    site.delivered("central").await;
    let messages = arrived(&north.requests());
    assert_eq!(
        messages.iter().filter_map(number).count() as u64,
        published,
        "a message came under two ids, {SEED}={seed}"
    );
    assert_reports(&scans, &messages, seed);
    assert_dense(&messages, seed);
    drop(gateway);
    println!("{cycles} ends, {published} messages, {} quantities", scans.len());
}

fn assert_reports(scans: &BTreeMap<u64, Scanned>, messages: &[Value], seed: u64) {
    let mut reports: BTreeMap<u64, u64> = BTreeMap::new();
    for message in messages.iter().filter(|m| m["message_type"] == "WORK_REPORT_SUBMITTED") {
        let quantity = message["payload"]["qualified_quantity"].as_str().unwrap();
        *reports.entry(quantity.parse().unwrap()).or_default() += 1;
    }
    assert!(
        scans.values().any(|scanned| scanned.is_answered),
        "the operator got nowhere"
    );
    for (
        quantity,
        Scanned {
            unanswered,
            is_answered,
        },
    ) in scans
    {
        let count = reports.remove(quantity).unwrap_or_default();
        let answered = u64::from(*is_answered);
        assert!(
            (answered..=answered + unanswered).contains(&count),
            "{quantity} stands {count} times, answered {answered}, unanswered {unanswered}, {SEED}={seed}"
        );
    }
    assert!(reports.is_empty(), "never scanned: {reports:?}, {SEED}={seed}");
}

/// Each lane counts from 1 without a gap, in one epoch, and what is new arrives in order.
fn assert_dense(messages: &[Value], seed: u64) {
    let epochs: BTreeSet<u64> = messages
        .iter()
        .filter_map(|message| message["epoch"].as_u64())
        .collect();
    assert_eq!(epochs.len(), 1, "{SEED}={seed}");
    for lane in ["report", "telemetry"] {
        let of_lane = messages.iter().filter(|message| message["lane"] == lane);
        let sequences: Vec<u64> = of_lane.map(|message| message["sequence"].as_u64().unwrap()).collect();
        let dense: Vec<u64> = (1..=sequences.len() as u64).collect();
        assert_eq!(sequences, dense, "{lane}, {SEED}={seed}");
    }
}
