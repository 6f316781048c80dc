//! Alerts from their cause to whoever is told: over kills, over outages of the receiver, until somebody takes notice.

use axum::http::StatusCode;
use lineside::demo::operators::Scanner;
use serde_json::{Value, json};

use crate::park::free_port;
use crate::park::gateway::Site;
use crate::park::mosquitto::Mosquitto;
use crate::park::upstream::{Reaction, Request, Upstream};

const STATE: &str =
    r#"state = { at = "/state", role = "state", map = { RUN = "running", STOP = "stopped", ALM = "fault" } }"#;

fn machines(port: u16) -> String {
    format!(
        "[mqtt.plant]\nurl = \"mqtt://127.0.0.1:{port}\"\n[[mqtt.plant.topic]]\nfilter = \"plant/+/status\"\n\
         equipment = \"{{1}}\"\npoints = {{ {STATE} }}\n\n"
    )
}

fn station(port: u16) -> String {
    format!(
        "[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{port}\"\nreply = \"text\"\nduplicate_window = \"1ms\"\n\n"
    )
}

fn says(south: &Mosquitto, state: &str) {
    south.publish("plant/PRESS-7/status", &[json!({"state": state}).to_string()]);
}

/// What was told, in its order: message type and news.
async fn told(site: &Site) -> Vec<(String, String)> {
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let records = site.records("report").await;
    let pairs = records
        .iter()
        .map(|r| (of(&r["message_type"]), of(&r["payload"]["news"])));
    pairs.collect()
}

async fn is_in_state(site: &Site, state: &'static str) -> Value {
    let is_so = |all: &Value| all["alerts"][0]["state"] == state;
    site.shows("alerts", state, is_so).await["alerts"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_one_alert_over_kills_from_its_begin_to_its_end() {
    let south = Mosquitto::start().await;
    let site = Site::new(&format!("{}[alerts]\nclear_after = \"100ms\"\n", machines(south.port)));
    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    says(&south, "ALM");
    let alert = is_in_state(&site, "active").await;
    assert_eq!(
        (&alert["equipment"], &alert["rule"]),
        (&json!("PRESS-7"), &json!("fault"))
    );
    assert_eq!(alert["words"]["zh"], "PRESS-7 发生故障。");
    gateway.kill();

    let gateway = site.start().await;
    site.connected("mqtt/plant").await;
    assert_eq!(is_in_state(&site, "active").await["alert_id"], alert["alert_id"]);
    says(&south, "ALM");
    says(&south, "STOP");
    let path = format!("alerts/{}/acknowledge", alert["alert_id"].as_str().unwrap());
    let word = json!({"who": "1001", "comment": "正在检修"});
    assert_eq!(site.post(&path, "guessed", &word).await.0, 401);
    assert_eq!(site.hand_in(&path, &json!({"who": " "})).await.0, 400);
    assert_eq!(site.hand_in(&path, &word).await.0, 201);
    gateway.kill();

    let _gateway = site.start().await;
    let acknowledged = is_in_state(&site, "acknowledged").await;
    assert_eq!(
        (&acknowledged["acknowledged_by"], &acknowledged["comment"]),
        (&json!("1001"), &json!("正在检修"))
    );
    assert_eq!(site.hand_in(&path, &word).await.0, 200, "it was before");
    let nobody = "alerts/00000000-0000-0000-0000-000000000000/acknowledge";
    assert_eq!(site.hand_in(nobody, &word).await.0, 404);
    site.connected("mqtt/plant").await;
    says(&south, "RUN");
    is_in_state(&site, "ended").await;
    let pairs = [
        ("EQUIPMENT_FAILURE", ""),
        ("ALERT_TRIGGERED", "acknowledged"),
        ("ALERT_TRIGGERED", "ended"),
    ];
    assert_eq!(
        told(&site).await,
        pairs.map(|(kind, news)| (kind.to_owned(), news.to_owned()))
    );
}

fn alert_types(requests: &[Request]) -> Vec<String> {
    let alert_type = |request: &Request| {
        request.body["payload"]["alert_type"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    requests.iter().map(alert_type).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_alert_reaches_the_webhook_over_an_outage_and_stops_nobody() {
    let (hook, port) = (free_port(), free_port());
    let central = Upstream::start(|_, _| Reaction::Stored).await;
    let site = Site::new(&format!(
        "{}[upstream.central]\nurl = \"{}\"\n\n[alerts]\nnotify = [\"http://127.0.0.1:{hook}/batches\"]\n",
        station(port),
        central.url()
    ));
    site.know_an_order();
    let gateway = site.start().await;
    let mut scanner = Scanner::new(([127, 0, 0, 1], port).into());
    for (code, expected) in [("EMP-W1", "SIGNED_ON"), ("LSN-CALL-QA", "CALLED")] {
        assert_eq!(scanner.scan(code).await.expect("an answer").code, expected);
    }
    central
        .heard("the call", |requests| {
            requests
                .iter()
                .any(|request| request.body.to_string().contains("ANDON"))
        })
        .await;
    gateway.kill();

    let receiver = Upstream::start_on(hook, |_, before| match before {
        0 => Reaction::Answer(StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        _ => Reaction::Answer(StatusCode::OK, "thanks".to_owned()),
    })
    .await;
    let _gateway = site.start().await;
    let mut scanner = Scanner::new(([127, 0, 0, 1], port).into());
    assert_eq!(scanner.scan("LSN-CALL-ME").await.expect("an answer").code, "CALLED");
    let requests = receiver
        .heard("both calls, one twice", |requests| requests.len() >= 3)
        .await;
    assert_eq!(alert_types(&requests), ["ANDON"; 3]);
    let ids: Vec<_> = requests
        .iter()
        .map(|request| request.body["message_id"].clone())
        .collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    assert_eq!(requests[0].key, requests[1].key);
    assert_eq!(requests[0].body["gateway_id"], "shop-1");
    let status = site.get("status").await;
    let mut names = status["upstreams"].as_object().expect("upstreams").keys();
    let webhook = names.find(|name| name.starts_with("notify-"));
    site.delivered(webhook.expect("the webhook")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stays_away_is_told_of() {
    let mut south = Mosquitto::not_started();
    let site = Site::new(&format!(
        "{}[alerts]\nsource_lost_after = \"1s\"\nclear_after = \"0s\"\n",
        machines(south.port)
    ));
    let _gateway = site.start().await;
    let alert = is_in_state(&site, "active").await;
    assert_eq!(
        (&alert["alert_type"], &alert["key"]),
        (&json!("SOURCE_LOST"), &json!("source/mqtt/plant"))
    );
    south.start_again().await;
    is_in_state(&site, "ended").await;
}
