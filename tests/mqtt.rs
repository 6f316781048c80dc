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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_shown_with_its_reason() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let topic = format!("max_payload = \"1 KiB\"\n{N}");
    let site = Site::new(&(broker(south.port, "", &topic) + &upstream(&north.url())));
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish_whole("plant/PRESS-7/status", &[0xFF, 0xFE], &[]);
    south.publish_whole("plant/PRESS-7/status", &[b' '; 2000], &[]);
    south.publish("plant/PRESS-8/status", &["{\"m\": 1}".to_owned()]);
    south.publish("plant/PRESS-8/status", &numbered(1..2));
    north.heard("the good one", |requests| numbers(requests) == [1]).await;
    let source = site.get("status").await["sources"]["mqtt/plant"].clone();
    assert_eq!(source["rejected"], 3);
    let seven = &source["rejections"]["plant/PRESS-7/status"];
    assert_eq!(
        (&seven["count"], &seven["samples"][0]["payload_hex"]),
        (&json!(2), &json!("fffe"))
    );
    assert_eq!(
        seven["samples"][1]["reason"],
        "the payload has 2000 bytes, more than 1024"
    );
    let eight = &source["rejections"]["plant/PRESS-8/status"]["samples"][0];
    assert_eq!(eight["reason"], "none of the configured points is in it");
    assert_eq!(eight["payload"], "{\"m\": 1}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_a_record_each_and_the_newest_is_shown() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let topic = format!("samples = \"/values\"\ntime = \"/ts\"\nid = \"/id\"\n{N}");
    let site = Site::new(&(broker(south.port, "", &topic) + &upstream(&north.url())));
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    let now = json!({"id": "m1", "values": [{"ts": 1_763_683_205, "n": 5}, {"ts": 1_763_683_203, "n": 3}]});
    let late = json!({"id": "m2", "values": [{"ts": 1_763_683_204, "n": 4}]});
    let lines = [now.to_string(), late.to_string(), now.to_string()];
    south.publish("plant/PRESS-7/status", &lines);
    let requests = north.heard("all", |requests| numbers(requests).len() == 3).await;
    assert_eq!(numbers(&requests), [3, 5, 4]);
    let times: Vec<Value> = records(&requests)
        .map(|record| record["payload"]["source_time"].clone())
        .collect();
    assert_eq!(times[2], "2025-11-21T08:00:04.000+08:00");
    assert_eq!(site.get("equipment").await["PRESS-7"]["points"]["n"]["value"], 5);
    assert_eq!(site.get("status").await["sources"]["mqtt/plant"]["duplicates"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_truths_and_words_are_values() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let topic = "format = \"value\"\npoints = { v = {} }";
    let site = Site::new(&(broker(south.port, "", topic) + &upstream(&north.url())));
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    let lines = ["21.5", "-3", "true", "RUN", "\"quoted\""].map(str::to_owned);
    south.publish("plant/PRESS-7/status", &lines);
    let requests = north.heard("all", |requests| records(requests).count() == 5).await;
    let values: Vec<Value> = records(&requests)
        .map(|record| record["payload"]["points"]["v"]["value"].clone())
        .collect();
    assert_eq!(json!(values), json!([21.5, -3, true, "RUN", "quoted"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_retained_is_shown_and_never_recorded() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    south.retain("plant/PRESS-7/status", "{\"n\": 7}");
    // A flood of them is no more than many.
    let flood: Vec<String> = (0..2000).map(|nth| format!("plant/M{nth}/status")).collect();
    south.retain_each(&flood, "{\"n\": 7}").await;
    let site = Site::new(&(broker(south.port, "", N) + &upstream(&north.url())));
    let _gateway = site.start().await;
    let is_shown = |status: &Value| status["sources"]["mqtt/plant"]["retained"] == 2001;
    site.shows("status", "what was retained", is_shown).await;
    let point = site.get("equipment").await["PRESS-7"]["points"]["n"].clone();
    assert_eq!(
        (&point["value"], &point["quality"], &point["reason"]),
        (&json!(7), &json!("stale"), &json!("retained"))
    );
    south.publish("plant/PRESS-7/status", &numbered(8..9));
    north
        .heard("the new one alone", |requests| numbers(requests) == [8])
        .await;
    assert_eq!(site.get("equipment").await["PRESS-7"]["points"]["n"]["quality"], "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_floods_is_held_to_its_rate_and_no_other() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let topic = format!("rate_limit = {{ per_second = 0.001, burst = 20 }}\n{N}");
    let site = Site::new(&(broker(south.port, "", &topic) + &upstream(&north.url())));
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish("plant/PRESS-7/status", &numbered(0..1000));
    south.publish("plant/PRESS-8/status", &numbered(5000..5010));
    let requests = north
        .heard("the calm one", |requests| numbers(requests).contains(&5009))
        .await;
    let expected: Vec<u64> = (0..20).chain(5000..5010).collect();
    assert_eq!(numbers(&requests), expected);
    assert_eq!(site.get("status").await["sources"]["mqtt/plant"]["limited"], 980);
}
