//! MQTT against a real broker: stops in the middle of a stream, messages of every kind, brokers that fail.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::park::certificates::Authority;
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
async fn a_topic_that_is_taken_out_of_the_configuration_does_not_come_any_more() {
    for protocol in ["protocol = 4", "protocol = 5"] {
        let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
        let one = broker(south.port, protocol, N) + &upstream(&north.url());
        let other = format!("[[mqtt.plant.topic]]\nfilter = \"plant/+/spare\"\nequipment = \"{{1}}\"\n{N}\n");
        let both = one.clone() + &other;
        let mut sent = 0;
        let mut hear = async |site: &Site, is_spare_wanted: bool| {
            site.connected("mqtt/plant").await;
            // The broker gives them in this order.
            south.publish("plant/PRESS-7/spare", &numbered(sent + 1..sent + 2));
            south.publish("plant/PRESS-7/status", &numbered(sent + 2..sent + 3));
            sent += 2;
            let is_last = |requests: &[Request]| numbers(requests).last() == Some(&sent);
            let requests = north.heard("the second", is_last).await;
            let source = site.get("status").await["sources"]["mqtt/plant"].clone();
            assert_eq!(
                source["rejected"], 0,
                "{protocol}: it came, and nobody wanted it: {source}"
            );
            assert_eq!(numbers(&requests).contains(&(sent - 1)), is_spare_wanted, "{protocol}");
        };
        let site = Site::new(&both);
        let gateway = site.start().await;
        hear(&site, true).await;
        assert!(gateway.stop().success());
        for configured in [&one, &both, &one] {
            site.configure(configured);
            let gateway = site.start().await;
            hear(&site, configured == &both).await;
            if configured == &one {
                // What is known is not forgotten over a power cut either.
                gateway.kill();
            } else {
                assert!(gateway.stop().success());
            }
        }
        let subscribed = std::fs::read_to_string(site.data().join("mqtt-subscriptions.json")).unwrap();
        assert!(
            subscribed.contains("plant/+/status") && !subscribed.contains("spare"),
            "{subscribed}"
        );
    }
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
async fn a_counter_is_told_as_a_total_over_its_last_number_and_over_kill_9() {
    let counter =
        "points = { n = { at = \"/n\", counter = { rolls_over_at = 65536, max_rate = { per_second = 1000 } } } }";
    let south = Mosquitto::start().await;
    let north = Upstream::start(|_, _| Reaction::Stored).await;
    let site = Site::new(&(broker(south.port, "", counter) + &upstream(&north.url())));
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    let count = |n: u32| south.publish("plant/PRESS-7/status", &[json!({"n": n}).to_string()]);
    let total = async |n: u64| {
        let is_told = |requests: &[Request]| numbers(requests).last() == Some(&n);
        north.heard("the total", is_told).await;
    };
    count(65_530);
    total(65_530).await;
    gateway.kill();

    count(3);
    let gateway = site.start().await;
    total(65_539).await;
    count(0);
    north
        .heard("the reset", |requests| {
            let is_reset = |message: Value| message["payload"]["points"]["n"]["reason"] == "the counter was reset";
            records(requests).any(is_reset)
        })
        .await;
    assert_eq!(numbers(&north.requests()).last(), Some(&65_539));
    drop(gateway);
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
async fn what_was_retained_is_shown_again_after_a_restart() {
    for protocol in ["protocol = 4", "protocol = 5"] {
        let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
        south.retain("plant/PRESS-7/status", "{\"n\": 7}");
        let site = Site::new(&(broker(south.port, protocol, N) + &upstream(&north.url())));
        for _ in 0..2 {
            let gateway = site.start().await;
            let is_shown = |equipment: &Value| equipment["PRESS-7"]["points"]["n"]["reason"] == "retained";
            let equipment = site.shows("equipment", "what was retained", is_shown).await;
            let point = &equipment["PRESS-7"]["points"]["n"];
            assert_eq!((&point["value"], &point["quality"]), (&json!(7), &json!("stale")));
            assert!(gateway.stop().success());
        }
        let _gateway = site.start().await;
        site.connected("mqtt/plant").await;
        south.publish("plant/PRESS-7/status", &numbered(8..9));
        north
            .heard("the new one alone", |requests| numbers(requests) == [8])
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_topic_may_be_one_point_that_is_called_after_it() {
    let (south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let site = Site::new(&format!(
        "[mqtt.plant]\nurl = \"mqtt://127.0.0.1:{}\"\n[[mqtt.plant.topic]]\nfilter = \"umh/v1/+/+/+/+/_historian/+\"\n\
         equipment = \"{{4}}-{{5}}\"\npoints = {{ \"{{7}}\" = {{ at = \"/value\" }} }}\n\n{}",
        south.port,
        upstream(&north.url())
    ));
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    for (nth, tag) in ["force", "heat", "force"].iter().enumerate() {
        let body = json!({"value": nth}).to_string();
        south.publish(&format!("umh/v1/acme/hall/line/press/_historian/{tag}"), &[body]);
    }
    let requests = north
        .heard("all three", |requests| records(requests).count() == 3)
        .await;
    let told = |message: Value| {
        message["payload"]["points"]
            .as_object()
            .expect("points")
            .keys()
            .cloned()
            .collect()
    };
    let told: Vec<Vec<String>> = records(&requests).map(told).collect();
    assert_eq!(told, [["force"], ["heat"], ["force"]]);
    let points = site.get("equipment").await["line-press"]["points"].clone();
    assert_eq!(
        (&points["force"]["value"], &points["heat"]["value"]),
        (&json!(2), &json!(1))
    );
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
    let source = site.get("status").await["sources"]["mqtt/plant"].clone();
    assert_eq!(source["limited"], 980);
    assert_eq!(source["limited_by_topic"], json!({"plant/PRESS-7/status": 980}));
}

/// What the gateway says of its broker.
async fn complaint(site: &Site, part: &str) {
    let is_said = |status: &Value| {
        let error = status["sources"]["mqtt/plant"]["last_error"].as_str();
        error.is_some_and(|error| error.contains(part))
    };
    site.shows("status", part, is_said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_says_why_and_gets_in_once_he_may() {
    for protocol in ["protocol = 4", "protocol = 5"] {
        let mut south = Mosquitto::start_with("allow_anonymous false").await;
        let site = Site::new(&broker(south.port, protocol, N));
        let _gateway = site.start().await;
        complaint(&site, "see username and password_file").await;
        south.kill();
        complaint(&site, "refused").await;
        south.settings = "allow_anonymous true".to_owned();
        south.start_again().await;
        site.connected("mqtt/plant").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_named_with_its_fault() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let old = ours.broker("old", "20200101000000Z", "20210101000000Z");
    let good = ours.broker("good", "20200101000000Z", "20490101000000Z");
    let mut south = Mosquitto::start_with(&old).await;
    let trusting = |authority: &Authority| {
        let ca_file = format!("ca_file = \"{}\"", authority.file("ca.pem").display());
        broker(south.port, &ca_file, N).replace("mqtt://", "mqtts://")
    };
    let (trusting_ours, trusting_theirs) = (trusting(&ours), trusting(&theirs));
    let site = Site::new(&trusting_ours);
    let gateway = site.start().await;
    complaint(&site, "the certificate of 127.0.0.1 has expired").await;
    south.kill();
    south.settings = good;
    south.start_again().await;
    site.connected("mqtt/plant").await;
    gateway.kill();
    site.configure(&trusting_theirs);
    let _gateway = site.start().await;
    complaint(&site, "signed by nobody that is trusted here; set ca_file").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_our_session_is_heard_again() {
    let (mut south, north) = (Mosquitto::start().await, Upstream::start(|_, _| Reaction::Stored).await);
    let site = Site::new(&(broker(south.port, "", N) + &upstream(&north.url())));
    let _gateway = site.start().await;
    site.connected("mqtt/plant").await;
    south.publish("plant/PRESS-7/status", &numbered(1..2));
    north.heard("the first", |requests| numbers(requests) == [1]).await;
    south.kill();
    let is_lost = |status: &Value| status["sources"]["mqtt/plant"]["connected"] == false;
    site.shows("status", "the loss", is_lost).await;
    south.start_again().await;
    site.connected("mqtt/plant").await;
    south.publish("plant/PRESS-7/status", &numbered(2..3));
    north.heard("the second", |requests| numbers(requests) == [1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_much_under_way_as_the_protocol_allows_is_taken_once() {
    let settings = "allow_anonymous true\nmax_inflight_messages 65535";
    let (south, north) = (
        Mosquitto::start_with(settings).await,
        Upstream::start(|_, _| Reaction::Stored).await,
    );
    let site = Site::new(&(broker(south.port, "protocol = 4", N) + &upstream(&north.url())));
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    assert!(gateway.stop().success());
    let all: Vec<u64> = (0..70_000).collect();
    // Its client takes a packet id that comes round again for the last one.
    for part in [0..35_000, 35_000..70_000] {
        south.publish("plant/PRESS-7/status", &numbered(part));
    }
    let _gateway = site.start().await;
    let count = |requests: &[Request]| requests.iter().map(|request| request.messages().len()).sum::<usize>();
    let requests = north.heard("all of it", |requests| count(requests) >= all.len()).await;
    assert!(numbers(&requests) == all);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_an_id_is_one_record_however_often_we_die() {
    let settings = "allow_anonymous true\nmax_inflight_messages 500";
    let (south, north) = (
        Mosquitto::start_with(settings).await,
        Upstream::start(|_, _| Reaction::Stored).await,
    );
    let topic = format!("id = \"/n\"\n{N}");
    let site = Site::new(&(broker(south.port, "", &topic) + &upstream(&north.url())));
    let mut gateway = site.start().await;
    site.connected("mqtt/plant").await;
    let mut publisher = south.publisher("plant/PRESS-7/status", &["-l"]);
    let (part, parts) = (3000, 3);
    for nth in 0..parts {
        publisher.say(&numbered(nth * part..(nth + 1) * part));
        north
            .heard("some of it", |requests| numbers(requests).contains(&(nth * part + 300)))
            .await;
        gateway.kill();
        gateway = site.start().await;
    }
    publisher.finish();
    let last = part * parts - 1;
    north
        .heard("the last", |requests| numbers(requests).contains(&last))
        .await;
    // The status is a second behind; what it shows at last is one record of each.
    let next_sequence = |status: &Value| status["buffer"]["lanes"]["telemetry"]["next_sequence"].as_u64();
    let is_whole = |status: &Value| next_sequence(status) > Some(last + 1);
    let status = site.shows("status", "all to be recorded", is_whole).await;
    assert_eq!(next_sequence(&status), Some(last + 2));
    let all: BTreeSet<u64> = numbers(&north.requests()).into_iter().collect();
    assert_eq!((all.len() as u64, all.last()), (last + 1, Some(&last)));
    drop(gateway);
}
