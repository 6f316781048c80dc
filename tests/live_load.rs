//! What many screens cost a gateway that hears machines. A figure, not a judgement:
//! `cargo test --release --test integration live_load -- --ignored --nocapture`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_tungstenite::tokio::connect_async;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::park::gateway::{Daemon, Site};
use crate::park::mosquitto::Mosquitto;
use crate::park::until;

const VIEWERS: u32 = 200;
const MACHINES: usize = 10;
/// Each machine speaks this often, so that every frame has something of each.
const SPEAK_EVERY: Duration = Duration::from_millis(100);
const WATCHED: Duration = Duration::from_secs(15);
/// As fast as it goes.
const FLOOD: u32 = 30_000;
/// With the screens at either gateway.
const FLOODS: u32 = 8;

fn sections(port: u16, client_id: &str) -> String {
    format!(
        "[mqtt.plant]\nurl = \"mqtt://127.0.0.1:{port}\"\nclient_id = \"{client_id}\"\n[[mqtt.plant.topic]]\nfilter = \"plant/+/status\"\n\
         equipment = \"{{1}}\"\npoints = {{ force = {{ at = \"/force\" }} }}\n"
    )
}

fn line(nth: u32) -> String {
    json!({"force": nth}).to_string()
}

/// Cores that the gateway takes while machines speak at their pace.
async fn cores(south: &Mosquitto, gateway: &Daemon) -> f64 {
    let mut machines: Vec<_> = (0..MACHINES)
        .map(|nth| south.publisher(&format!("plant/M-{nth}/status"), &["-l"]))
        .collect();
    let (started, cpu) = (Instant::now(), gateway.cpu());
    let mut beat = tokio::time::interval(SPEAK_EVERY);
    let mut nth = 0_u32;
    while started.elapsed() < WATCHED {
        beat.tick().await;
        nth += 1;
        for machine in &mut machines {
            machine.say(&[line(nth)]);
        }
    }
    let cores = gateway.cpu().saturating_sub(cpu).as_secs_f64() / started.elapsed().as_secs_f64();
    for machine in machines {
        machine.finish();
    }
    cores
}

/// Messages a second that the gateway takes of a flood.
async fn rate(site: &Site, south: &Mosquitto) -> f64 {
    let heard = |status: &Value| status["sources"]["mqtt/plant"]["readings"].as_u64().expect("a count");
    let before = heard(&site.get("status").await);
    let started = Instant::now();
    let mut machine = south.publisher("plant/M-0/status", &["-l"]);
    let feeding = tokio::task::spawn_blocking(move || {
        machine.say(&(0..FLOOD).map(line).collect::<Vec<_>>());
        machine.finish();
    });
    let all = before + u64::from(FLOOD);
    until("the flood to be taken", async || {
        (heard(&site.get("status").await) >= all).then_some(())
    })
    .await;
    let rate = f64::from(FLOOD) / started.elapsed().as_secs_f64();
    feeding.await.expect("no panic");
    rate
}

/// Screens that look at a site, and what they are told. They end when dropped.
async fn screens(site: &Site) -> (JoinSet<()>, Arc<AtomicU32>) {
    let (mut viewers, frames) = (JoinSet::new(), Arc::new(AtomicU32::new(0)));
    for _ in 0..VIEWERS {
        let (mut stream, _) = connect_async(site.live_url()).await.expect("a place");
        let frames = Arc::clone(&frames);
        viewers.spawn(async move {
            while let Some(Ok(_)) = stream.next().await {
                frames.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    (viewers, frames)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it alone"]
async fn what_many_screens_cost() {
    let south = Mosquitto::start().await;
    let site = Site::new(&sections(south.port, "here"));
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    let alone = cores(&south, &gateway).await;

    let (viewers, frames) = screens(&site).await;
    let begun = (Instant::now(), frames.load(Ordering::Relaxed));
    let watched = cores(&south, &gateway).await;
    let told = f64::from(frames.load(Ordering::Relaxed) - begun.1);
    let per_viewer = told / begun.0.elapsed().as_secs_f64() / f64::from(VIEWERS);
    println!(
        "{VIEWERS} screens, {per_viewer:.1} frames a second each: {:.3} cores for them ({alone:.3} without, {watched:.3} with)",
        watched - alone
    );
    drop(viewers);

    // The screens themselves need the cores of this machine too. So another gateway hears the same, and the screens look
    // now at the one, now at the other.
    let other = Site::new(&sections(south.port, "there"));
    let _second = other.start().await;
    other.connected("mqtt/plant").await;
    rate(&site, &south).await;
    let (mut here, mut there) = (0.0, 0.0);
    for _ in 0..FLOODS {
        let at_other = screens(&other).await;
        there += rate(&site, &south).await / f64::from(FLOODS);
        drop(at_other);
        let at_site = screens(&site).await;
        here += rate(&site, &south).await / f64::from(FLOODS);
        drop(at_site);
    }
    println!(
        "a flood of machines: {there:.0} messages a second with the screens at another gateway, {here:.0} with them here, {:.1} % less",
        100.0 * (1.0 - here / there)
    );
}
