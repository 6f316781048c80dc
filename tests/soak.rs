//! Connections that come and go, again and again: what the gateway holds of tasks, threads, files and memory stays as it was.
//!
//! With `LINESIDE_SOAK_ROUNDS=500` for a night: a round takes up to a minute.

use std::fmt::Write;
use std::time::Duration;

use lineside::demo::operators::Scanner;
use serde_json::Value;

use crate::park::gateway::{Daemon, Held, Site};
use crate::park::modbus_faults::{FaultServer, Reaction};
use crate::park::mosquitto::Mosquitto;
use crate::park::upstream::{self, Upstream};
use crate::park::{free_port, until, until_within};

const ROUNDS: &str = "LINESIDE_SOAK_ROUNDS";
const ROUNDS_DEFAULT: usize = 3;
/// Each is met as often as that in a round.
const BROKERS: usize = 20;
const SCANS: usize = 40;
const BUSES: usize = 10;
const BUS_CONNECTIONS: usize = 200;

/// The pauses grow from one loss to the next, up to a minute.
const SESSIONS_PATIENCE: Duration = Duration::from_secs(90);

/// What may be open besides at the moment of the look: a request of ours, a bus that connects, threads for the disk.
const TASKS_MORE: u64 = 10;
const FILES_MORE: u64 = 20;
const THREADS_MORE: u64 = 10;
/// A connection to a broker alone has 64 KiB to read into.
const MEMORY_MORE_KIB: u64 = 8 << 10;

fn sections(broker: u16, buses: &[FaultServer], scanner: u16, upstream: &str) -> String {
    let mut text = format!(
        "[upstream.central]\nurl = \"{upstream}\"\n\n[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{scanner}\"\n\
         mode = \"report_only\"\nreply = \"text\"\nduplicate_window = \"1ms\"\n\n"
    );
    for nth in 0..BROKERS {
        write!(
            text,
            "[mqtt.b{nth}]\nurl = \"mqtt://127.0.0.1:{broker}\"\nclient_id = \"soak-{nth}\"\n[[mqtt.b{nth}.topic]]\n\
             filter = \"plant/{nth}/status\"\nequipment = \"{{1}}\"\npoints = {{ n = {{ at = \"/n\" }} }}\n\n"
        )
        .expect("text");
    }
    for (nth, FaultServer { port, .. }) in buses.iter().enumerate() {
        write!(
            text,
            "[modbus.l{nth}]\nurl = \"tcp://127.0.0.1:{port}\"\n[modbus.l{nth}.device.m]\nunit = 1\nequipment = \"M{nth}\"\n\
             poll = \"20ms\"\npoints.n = {{ at = \"holding:0\", type = \"u16\", deadband = 100000 }}\n\n"
        )
        .expect("text");
    }
    text
}

async fn all_connected(site: &Site) {
    let is_up = |status: &Value| {
        let sources = status["sources"].as_object().expect("sources").iter();
        let brokers = sources.filter(|(name, _)| name.starts_with("mqtt/"));
        brokers.filter(|(_, source)| source["connected"] == true).count() == BROKERS
    };
    until_within(SESSIONS_PATIENCE, "all brokers' sessions", async || {
        let status = site.get("status").await;
        is_up(&status).then_some(())
    })
    .await;
}

async fn tasks(site: &Site) -> u64 {
    let page = site.fetch("/metrics").await.text().await.expect("text");
    let line = page.lines().find_map(|line| line.strip_prefix("lineside_tasks "));
    line.and_then(|number| number.parse().ok()).expect("a number of tasks")
}

fn connections(buses: &[FaultServer]) -> usize {
    buses.iter().map(FaultServer::connections).sum()
}

/// Everything is lost once and found again.
async fn round(south: &mut Mosquitto, buses: &[FaultServer], scanner: u16, site: &Site) {
    south.kill();
    let wanted = connections(buses) + BUS_CONNECTIONS;
    for _ in 0..SCANS {
        let mut passing = Scanner::new(([127, 0, 0, 1], scanner).into());
        passing.scan("LSN-STATUS").await.expect("it is answered");
    }
    south.start_again().await;
    until("the buses", async || (connections(buses) > wanted).then_some(())).await;
    all_connected(site).await;
}

async fn assert_no_more_than(before: &Held, tasks_before: u64, site: &Site, gateway: &Daemon) {
    until("what it holds to go back", async || {
        let (held, tasks) = (gateway.holds(), tasks(site).await);
        let is_back = tasks <= tasks_before + TASKS_MORE
            && held.files <= before.files + FILES_MORE
            && held.threads <= before.threads + THREADS_MORE
            && held.memory_kib <= before.memory_kib + MEMORY_MORE_KIB;
        if !is_back {
            eprintln!("{tasks_before} tasks and {before:?}; now {tasks} and {held:?}");
        }
        is_back.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let rounds = std::env::var(ROUNDS).map_or(ROUNDS_DEFAULT, |rounds| rounds.parse().expect(ROUNDS));
    let mut south = Mosquitto::start().await;
    let north = Upstream::start(|_, _| upstream::Reaction::Stored).await;
    // Every third request ends its connection; every hundredth is not answered in time.
    let mut buses = Vec::new();
    for _ in 0..BUSES {
        let bus = FaultServer::start(|asked| match asked.number {
            number if number % 100 == 0 => Reaction::Silence,
            number if number % 3 == 0 => Reaction::Close,
            _ => Reaction::Answer,
        });
        buses.push(bus.await);
    }
    let scanner = free_port();
    let site = Site::new(&sections(south.port, &buses, scanner, &north.url()));
    let gateway = site.start().await;
    all_connected(&site).await;
    // What is made once is made now.
    round(&mut south, &buses, scanner, &site).await;
    let (before, tasks_before) = (gateway.holds(), tasks(&site).await);
    for _ in 0..rounds {
        round(&mut south, &buses, scanner, &site).await;
        assert_no_more_than(&before, tasks_before, &site, &gateway).await;
    }
}
