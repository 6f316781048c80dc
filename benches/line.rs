//! The speed of the whole line, as ratios against limits measured in the same run: a bare subscriber on the same broker, a
//! bare append and `fdatasync` on the same disk. Absolute numbers are of one machine and one moment.
//!
//! `cargo bench` runs it; `LINESIDE_BENCH_MESSAGES` (100,000) and `LINESIDE_BENCH_BACKLOG` (300,000) say how much of it.
//! Needs mosquitto.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::{Json, Router};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const PUBLISHERS: u64 = 4;
const PACED_PER_S: u64 = 1000;
const PACED_S: u64 = 10;
const SCANS: usize = 1000;

fn main() {
    lineside::tls::install_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure());
}

fn amount(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

async fn measure() {
    let (messages, backlog) = (
        amount("LINESIDE_BENCH_MESSAGES", 100_000),
        amount("LINESIDE_BENCH_BACKLOG", 300_000),
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let broker = Broker::start(folder.path());
    let sink = Sink::start().await;

    let bare = bare_subscriber(broker.port, messages).await;
    let mut gateway = Gateway::start(folder.path(), broker.port, sink.port).await;
    let idle_mb = gateway.memory_mb();
    let before = gateway.cpu_s();
    let started = Instant::now();
    publish(broker.port, messages, None).await;
    sink.has(messages).await;
    let rate = per_s(messages, started.elapsed());
    let cpu_s = (gateway.cpu_s() - before) * 1e5 / messages as f64;
    println!("bare subscriber            {bare:>10.0} messages/s");
    println!(
        "MQTT → disk → PUBACK → HTTP{rate:>10.0} messages/s   {:.2} of the bare subscriber",
        rate / bare
    );
    println!("CPU                        {cpu_s:>10.2} s per 100,000 messages");
    println!(
        "memory                     {idle_mb:>10.1} MB idle, {:.1} MB after that",
        gateway.memory_mb()
    );

    gateway.restart().await;
    let (before, started) = (gateway.cpu_s(), Instant::now());
    publish(broker.port, PACED_PER_S * PACED_S, Some(PACED_PER_S)).await;
    let cpu = (gateway.cpu_s() - before) / started.elapsed().as_secs_f64() * 100.0;
    println!(
        "at {PACED_PER_S}/s                  {cpu:>10.1} % of a core, {:.1} MB",
        gateway.memory_mb()
    );

    // The limit is a bare sync beside the same load, half of them before the scans and half after.
    let load = tokio::spawn(publish(broker.port, PACED_PER_S * 20, Some(PACED_PER_S)));
    let mut flush = bare_flush(folder.path()).await;
    let scans = scan_latencies(gateway.scanner_port).await;
    flush.extend(bare_flush(folder.path()).await);
    flush.sort_by(f64::total_cmp);
    load.await.expect("the load ran");
    println!(
        "scan → answer              {:>10.2} ms p50, {:.2} ms p99; a bare sync {:.2} ms p50, {:.2} ms p99; {:.1} syncs p50, {:.1} p99",
        at(&scans, 0.5),
        at(&scans, 0.99),
        at(&flush, 0.5),
        at(&flush, 0.99),
        at(&scans, 0.5) / at(&flush, 0.5),
        at(&scans, 0.99) / at(&flush, 0.99)
    );

    sink.is_down.store(true, Ordering::Relaxed);
    let waiting_before = gateway.accepted().await;
    let started = Instant::now();
    publish(broker.port, backlog, None).await;
    while gateway.accepted().await < waiting_before + backlog {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ingest = per_s(backlog, started.elapsed());
    println!(
        "{backlog} waiting             {:>10.1} MB, taken in at {ingest:.0}/s",
        gateway.memory_mb()
    );
    let ready = gateway.restart().await;
    println!(
        "start with them            {:>10.3} s to ready, {:.1} MB",
        ready.as_secs_f64(),
        gateway.memory_mb()
    );
    let stored = sink.stored.load(Ordering::Relaxed);
    sink.is_down.store(false, Ordering::Relaxed);
    sink.has(stored + 1).await;
    let started = Instant::now();
    sink.has(stored + backlog).await;
    let drain = per_s(backlog, started.elapsed());
    println!(
        "drained                    {drain:>10.0} records/s   {:.1} of what was taken in; {:.1} MB",
        drain / ingest,
        gateway.memory_mb()
    );
}

fn per_s(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

/// The value at a quantile of sorted milliseconds.
fn at(sorted: &[f64], quantile: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * quantile) as usize]
}

fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port()
}

struct Broker {
    process: Child,
    port: u16,
}

impl Broker {
    fn start(folder: &Path) -> Self {
        let port = free_port();
        let config = folder.join("mosquitto.conf");
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nmax_inflight_messages 1000\nset_tcp_nodelay true\n"
        );
        fs::write(&config, text).expect("written");
        let program = if Path::new("/usr/sbin/mosquitto").exists() {
            "/usr/sbin/mosquitto"
        } else {
            "mosquitto"
        };
        let process = Command::new(program)
            .arg("-c")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = process.expect("mosquitto is installed; tests/run installs it");
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, port }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An upstream that stores everything, or nothing.
struct Sink {
    port: u16,
    stored: Arc<AtomicU64>,
    is_down: Arc<AtomicBool>,
}

impl Sink {
    async fn start() -> Self {
        let (stored, is_down) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, down) = (Arc::clone(&stored), Arc::clone(&is_down));
        let take = axum::routing::post(async move |body: Bytes| {
            if down.load(Ordering::Relaxed) {
                return (
                    StatusCode::SERVICE_UNAVAILABLE,
                    [("retry-after", "1")],
                    Json(serde_json::json!({})),
                );
            }
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&body[..])
                .read_to_end(&mut text)
                .expect("gzip");
            let needle = b"\"EQUIPMENT_STATUS\"";
            let found = text.windows(needle.len()).filter(|window| window == needle).count();
            count.fetch_add(found as u64, Ordering::Relaxed);
            (
                StatusCode::OK,
                [("retry-after", "0")],
                Json(serde_json::json!({"accepted": found, "duplicate": 0})),
            )
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/batches", take)).await });
        Self { port, stored, is_down }
    }

    async fn has(&self, count: u64) {
        while self.stored.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

struct Gateway {
    process: Child,
    config: PathBuf,
    web_port: u16,
    scanner_port: u16,
}

impl Gateway {
    async fn start(folder: &Path, broker_port: u16, sink_port: u16) -> Self {
        let (web_port, scanner_port) = (free_port(), free_port());
        let text = format!(
            r#"
[gateway]
id = "bench"
data_dir = "data"
[buffer]
max_size = "8 GiB"
min_free_disk = "1 MiB"
[web]
listen = "127.0.0.1:{web_port}"
[mqtt.plant]
url = "mqtt://127.0.0.1:{broker_port}"
[[mqtt.plant.topic]]
filter = "plant/+/status"
equipment = "{{1}}"
[mqtt.plant.topic.points]
state = {{ at = "/state", role = "state" }}
good = {{ at = "/good" }}
note = {{ at = "/note" }}
[station.ST-01]
scanner = "tcp-listen://127.0.0.1:{scanner_port}"
reply = "text"
duplicate_window = "0ms"
unknown_order = "accept"
[upstream.sink]
url = "http://127.0.0.1:{sink_port}/batches"
"#
        );
        let config = folder.join("gateway.toml");
        fs::write(&config, text).expect("written");
        let mut gateway = Self {
            process: run(&config),
            config,
            web_port,
            scanner_port,
        };
        gateway.is_ready().await;
        gateway
    }

    async fn is_ready(&mut self) {
        loop {
            if self.ask("readyz").await.is_some_and(|text| text.starts_with("ready"))
                && self
                    .ask("metrics")
                    .await
                    .is_some_and(|text| text.contains("source_connected{source=\"mqtt/plant\"} 1"))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Ends in order and starts again; how long the start took.
    async fn restart(&mut self) -> Duration {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        self.process.wait().expect("it ends");
        let started = Instant::now();
        self.process = run(&self.config);
        self.is_ready().await;
        started.elapsed()
    }

    async fn ask(&self, path: &str) -> Option<String> {
        reqwest::get(format!("http://127.0.0.1:{}/{path}", self.web_port))
            .await
            .ok()?
            .text()
            .await
            .ok()
    }

    async fn accepted(&self) -> u64 {
        let text = self.ask("metrics").await.unwrap_or_default();
        let line = text
            .lines()
            .find(|line| line.starts_with("lineside_buffer_accepted_total{lane=\"telemetry\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }

    fn cpu_s(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        let fields: Vec<&str> = text
            .rsplit(')')
            .next()
            .expect("a name in brackets")
            .split_whitespace()
            .collect();
        let ticks: f64 = fields[11..13]
            .iter()
            .filter_map(|field| field.parse::<f64>().ok())
            .sum();
        ticks / 100.0
    }

    fn memory_mb(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = text
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .expect("a resident size");
        line.split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse::<f64>().ok())
            .unwrap_or(0.0)
            / 1024.0
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(config: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
    command
        .args(["run", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("the gateway starts")
}

fn options(id: &str, port: u16) -> MqttOptions {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options
        .set_keep_alive(Duration::from_secs(30))
        .set_inflight(100)
        .set_max_packet_size(1 << 20, 1 << 20);
    options
}

/// A subscriber that acknowledges at once and does nothing: messages per second.
async fn bare_subscriber(port: u16, count: u64) -> f64 {
    let (client, mut events) = AsyncClient::new(options("bare", port), 100);
    client
        .subscribe("plant/+/status", QoS::AtLeastOnce)
        .await
        .expect("queued");
    while !matches!(events.poll().await, Ok(Event::Incoming(Packet::SubAck(_)))) {}
    let started = Instant::now();
    let load = tokio::spawn(publish(port, count, None));
    let mut heard = 0;
    while heard < count {
        if let Ok(Event::Incoming(Packet::Publish(_))) = events.poll().await {
            heard += 1;
        }
    }
    let rate = per_s(count, started.elapsed());
    load.await.expect("the load ran");
    rate
}

/// Publishes messages of 200 bytes with QoS 1, as fast as the broker takes them or at a rate; returns when all are acknowledged.
async fn publish(port: u16, count: u64, rate: Option<u64>) {
    let publishers = (0..PUBLISHERS).map(|nth| async move {
        let (client, mut events) = AsyncClient::new(options(&format!("load-{nth}-{}", fastrand::u32(..)), port), 200);
        let mine = count / PUBLISHERS;
        let sending = tokio::spawn(async move {
            let started = Instant::now();
            for n in 0..mine {
                if let Some(rate) = rate {
                    let due = started + Duration::from_secs_f64((n * PUBLISHERS) as f64 / rate as f64);
                    tokio::time::sleep_until(due.into()).await;
                }
                let text = format!("{{\"state\":\"RUN\",\"good\":{n},\"note\":\"{nth:0>150}\"}}");
                client
                    .publish(format!("plant/M{}/status", n % 100), QoS::AtLeastOnce, false, text)
                    .await
                    .expect("queued");
            }
            client
        });
        let mut acknowledged = 0;
        while acknowledged < mine {
            if let Ok(Event::Incoming(Packet::PubAck(_))) = events.poll().await {
                acknowledged += 1;
            }
        }
        drop(sending.await);
    });
    futures_util::future::join_all(publishers).await;
}

/// Milliseconds of appending a record and syncing it, 100 times a second as scans come.
async fn bare_flush(folder: &Path) -> Vec<f64> {
    let mut file = File::create(folder.join("bare")).expect("a file");
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut took = Vec::with_capacity(SCANS / 4);
    for _ in 0..SCANS / 4 {
        ticks.tick().await;
        let started = Instant::now();
        file.write_all(&[b'x'; 300])
            .and_then(|()| file.sync_data())
            .expect("written");
        took.push(started.elapsed().as_secs_f64() * 1e3);
    }
    took
}

/// Milliseconds from a scan to its answer at 100 scans a second, sorted.
async fn scan_latencies(port: u16) -> Vec<f64> {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("the station listens");
    stream.set_nodelay(true).expect("a socket");
    let (read, mut write) = stream.into_split();
    let mut answers = BufReader::new(read).lines();
    let mut took = Vec::with_capacity(SCANS);
    let preface = ["EMP-1", "TRV-1.10", "LSN-START"].map(str::to_owned);
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for code in preface
        .into_iter()
        .chain((0..SCANS).map(|n| format!("QTY-{}", n % 9 + 1)))
    {
        ticks.tick().await;
        let started = Instant::now();
        write.write_all(format!("{code}\r").as_bytes()).await.expect("sent");
        let answer = answers.next_line().await.expect("heard").expect("an answer");
        if code.starts_with("QTY") {
            assert!(answer.starts_with("OK"), "{answer}");
            took.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    took.sort_by(f64::total_cmp);
    took
}
