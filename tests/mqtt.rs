//! MQTT against a real broker: stops in the middle of a stream, messages of every kind, brokers that fail.

use serde_json::{Value, json};

use crate::park::gateway::Site;
use crate::park::mosquitto::Mosquitto;
use crate::park::upstream::{Reaction, Request, Upstream};

/// A broker with these settings, and one kind of topic with these.
fn broker(port: u16, settings: &str, topic: &str) -> String {
    format!(
        "[mqtt.plant]\nurl = \"mqtt://127.0.0.1:{port}\"\n{settings}\n[[mqtt.plant.topic]]\nfilter = \"plant/+/status\"\nequipment = \"{{1}}\"\n{topic}\n\n"
    )
}

const N: &str = "points = { n = { at = \"/n\" } }";

fn upstream(url: &str) -> String {
    format!("[upstream.central]\nurl = \"{url}\"\n\n")
}

fn records(requests: &[Request]) -> impl Iterator<Item = Value> {
    requests.iter().flat_map(|request| request.messages().to_vec())
}

/// The values of the point `n`, in order of arrival.
fn numbers(requests: &[Request]) -> Vec<u64> {
    records(requests)
        .filter_map(|message| message["payload"]["points"]["n"]["value"].as_u64())
        .collect()
}

fn numbered(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| json!({"n": n}).to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_of_a_stream_neither_loses_nor_doubles() {
    for protocol in ["protocol = 4", "protocol = 5"] {
        let south = Mosquitto::start_with("allow_anonymous true\nmax_inflight_messages 500").await;
        let north = Upstream::start(|_, _| Reaction::Stored).await;
        let site = Site::new(&(broker(south.port, protocol, N) + &upstream(&north.url())));
        let mut gateway = site.start().await;
        site.connected("mqtt/plant").await;
        let mut publisher = south.publisher("plant/PRESS-7/status", &["-l"]);
        let (part, parts) = (5000, 4);
        for nth in 0..parts {
            publisher.say(&numbered(nth * part..(nth + 1) * part));
            // Well before the part is through.
            let seen = usize::try_from(nth * part).unwrap() + 500;
            north
                .heard("some of it", |requests| numbers(requests).len() > seen)
                .await;
            assert!(gateway.stop().success());
            gateway = site.start().await;
        }
        publisher.finish();
        let all: Vec<u64> = (0..part * parts).collect();
        let requests = north
            .heard("all of it", |requests| numbers(requests).len() >= all.len())
            .await;
        site.delivered("central").await;
        assert!(numbers(&requests) == all, "{protocol}");
        drop(gateway);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_beyond_any_size_is_passed_by_once() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let site = Site::new(&(broker(south.port, "protocol = 4", N) + &upstream(&north.url())));
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish_whole("plant/PRESS-7/status", &vec![b'x'; 5 << 20], &[]);
    south.publish("plant/PRESS-7/status", &numbered(1..2));
    north
        .heard("what came behind it", |requests| numbers(requests) == [1])
        .await;
    let source = site.get("status").await["sources"]["mqtt/plant"].clone();
    assert_eq!((&source["rejected"], &source["reconnects"]), (&json!(1), &json!(0)));
    let sample = &source["rejections"]["plant/PRESS-7/status"]["samples"][0];
    assert!(sample["reason"].as_str().unwrap().contains("bytes"), "{sample}");
    assert!(gateway.stop().success());
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish("plant/PRESS-7/status", &numbered(2..3));
    north.heard("the next", |requests| numbers(requests) == [1, 2]).await;
    assert_eq!(site.get("status").await["sources"]["mqtt/plant"]["rejected"], 0);
}
