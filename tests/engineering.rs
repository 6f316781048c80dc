//! What the engineering page asks of a running gateway.

use axum::http::StatusCode;
use lineside::record::Kind;
use reqwest::Client;
use serde_json::{Value, json};

use crate::modbus::Foreign;
use crate::park::free_port;
use crate::park::gateway::Site;
use crate::park::upstream::{Reaction, Upstream};

fn token(site: &Site) -> String {
    std::fs::read_to_string(site.data().join("control-token")).unwrap()
}

/// A read by who may read everything.
async fn read(site: &Site, path: &str) -> Value {
    let asked = Client::new().get(site.url(path)).bearer_auth(token(site));
    let bytes = asked.send().await.unwrap().bytes().await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn registers_are_looked_at_while_polls_keep_their_beat() {
    let device = Foreign::start();
    let site = Site::new(&format!(
        r#"
[modbus.line]
url = "{}"
writable = ["speed"]
[modbus.line.device.press]
unit = 1
equipment = "PRESS-7"
poll = "20ms"
[modbus.line.device.press.points]
bits = {{ at = "holding:130", type = "u16" }}
speed = {{ at = "holding:310", type = "u16", write_range = {{ low = 0, high = 100 }} }}
"#,
        device.url()
    ));
    let _gateway = site.start().await;
    let polls = |status: &Value| status["sources"]["modbus/line"]["devices"]["press"]["polls"].as_u64();
    let is_polled = |status: &Value| polls(status).is_some_and(|polls| polls > 2);
    let before = site.shows("status", "the first polls", is_polled).await;
    let look = async |device: &str, body: Value| site.hand_in(&format!("modbus/{device}/registers"), &body).await;

    let mut looks = 0;
    let during = loop {
        let (status, seen) = look("line/press", json!({"table": "holding", "from": 40, "count": 8})).await;
        assert_eq!(status, 200, "{seen}");
        looks += 1;
        let forms = seen["forms"].as_array().unwrap();
        let turned = forms
            .iter()
            .find(|form| form["at"] == "holding:42" && form["type"] == "f32" && form["order"] == "CDAB");
        let turned = turned.unwrap();
        assert_eq!(
            (&turned["text"], &turned["plausible"]),
            (&"123456".into(), &true.into())
        );
        assert_eq!(
            turned["setting"],
            "{ at = \"holding:42\", type = \"f32\", order = \"CDAB\" }"
        );
        assert_eq!(seen["words"].as_array().map(Vec::len), Some(8));
        let status = site.get("status").await;
        if polls(&status) > polls(&before).map(|polls| polls + 25) {
            break status;
        }
    };
    assert!(looks > 1);
    let line = &during["sources"]["modbus/line"];
    assert_eq!(
        (&line["reconnects"], &line["devices"]["press"]["failed_polls"]),
        (&0.into(), &0.into())
    );
    assert_eq!(line["devices"]["press"]["addresses"], 2);
    assert!(
        line["bus"]["planned_percent"]
            .as_f64()
            .is_some_and(|percent| percent > 50.0),
        "{line}"
    );

    for (place, table, count, expected) in [
        ("line/press", "holding", 126, 422),
        ("line/press", "holding", 0, 422),
        ("line/press", "shelf", 1, 422),
        ("line/lathe", "holding", 1, 404),
        ("canteen/press", "holding", 1, 404),
    ] {
        let (status, told) = look(place, json!({"table": table, "from": 0, "count": count})).await;
        assert_eq!(status, expected, "{place} {table} {count}: {told}");
    }
    let (status, told) = look("line/press", json!({"table": "holding", "from": 60000, "count": 1})).await;
    assert_eq!(status, 502, "{told}");
    assert!(
        told["detail"].as_str().unwrap().contains("illegal data address"),
        "{told}"
    );
    let wanted = json!({"table": "holding", "from": 0, "count": 1});
    let stranger = site.post("modbus/line/press/registers", "someone", &wanted).await;
    assert_eq!(stranger.0, 401);
    assert_eq!(
        site.get("writable-points").await,
        json!([{"equipment": "PRESS-7", "point": "speed", "low": 0.0, "high": 100.0}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_shown_as_it_runs_and_without_secrets() {
    let sections = format!(
        "# it was canary-1 before\n[mqtt.plant]\nurl = \"mqtt://127.0.0.1:{}\"\nusername = \"shop\"\npassword_file = \"broker.secret\"\n[[mqtt.plant.topic]]\nfilter = \"a\"\nequipment = \"A\"\npoints.x = {{ at = \"/x\" }}\n[upstream.central]\nurl = \"http://127.0.0.1:{}/batches?key=canary-2\"\n",
        free_port(),
        free_port(),
    );
    let site = Site::new("");
    site.write("broker.secret", "canary-3\n");
    site.configure(&sections);
    let _gateway = site.start().await;
    let shown = read(&site, "configuration").await;
    assert!(!shown.to_string().contains("canary"), "{shown}");
    assert_eq!(shown["sections"]["mqtt"]["plant"]["password_file"], "broker.secret");
    assert_eq!(shown["differs"], false);
    assert_eq!(shown["on_disk"]["findings"], json!([]));
    assert_eq!(shown["sha256"], shown["on_disk"]["sha256"]);

    site.configure(&format!("{sections}[equipment.A]\nnmae = \"canary\"\n"));
    let shown = read(&site, "configuration").await;
    assert_eq!(shown["differs"], true);
    let found = &shown["on_disk"]["findings"][0];
    assert!(
        found["message"].as_str().unwrap().contains("did you mean `name`"),
        "{found}"
    );
    assert_eq!((&found["line"], &found["column"]), (&22.into(), &1.into()));
    assert_eq!(
        shown["sections"]["equipment"],
        Value::Null,
        "what runs is what was read"
    );

    let metrics = site.get("metrics").await;
    let connected = metrics.as_array().unwrap().iter();
    let connected = connected
        .clone()
        .find(|family| family["name"] == "lineside_source_connected")
        .unwrap();
    assert_eq!(connected["type"], "gauge");
    assert!(
        connected["values"]
            .as_array()
            .unwrap()
            .contains(&json!({"labels": {"source": "mqtt/plant"}, "value": 0.0}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_named_by_the_configuration_or_else_by_the_centre() {
    let site = Site::new("");
    site.configure("[equipment.PRESS-7]\nname = \"七号冲床\"\n[equipment.PRESS-8]\n[equipment.PRESS-9]\n");
    let named = |code: &str, name: &str| json!({"equipment": code, "name": name});
    let equipment = [
        named("PRESS-7", "Press 7"),
        named("PRESS-8", "八号冲床"),
        named("PRESS-9", ""),
    ];
    site.know(&json!({"version": "1", "equipment": equipment}));
    let _gateway = site.start().await;
    let shown = site.get("equipment").await;
    let names = ["PRESS-7", "PRESS-8", "PRESS-9"].map(|code| shown[code]["name"].clone());
    assert_eq!(names, [json!("七号冲床"), json!("八号冲床"), Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_connection_says_is_told_in_both_languages() {
    let broker = free_port();
    let site = Site::new(&format!(
        "[mqtt.away]\nurl = \"mqtt://127.0.0.1:{broker}\"\n[[mqtt.away.topic]]\nfilter = \"a\"\nequipment = \"A\"\n\
         points.x = {{ at = \"/x\" }}\n[upstream.central]\nurl = \"http://127.0.0.1:{}/batches\"\n",
        free_port()
    ));
    site.fill(Kind::WorkReport, 1).await;
    let _gateway = site.start().await;
    let is_told = |status: &Value| {
        !status["sources"]["mqtt/away"]["last_error"].is_null()
            && !status["upstreams"]["central"]["last_answer"].is_null()
    };
    let status = site.shows("status", "both to be away", is_told).await;
    let refused = "连接被拒绝（Connection refused (os error 111)）";
    for (of, field) in [
        (&status["sources"]["mqtt/away"], "last_error"),
        (&status["upstreams"]["central"], "last_answer"),
    ] {
        let words = &of[format!("{field}_words")];
        assert_eq!((&words["en"], &words["zh"]), (&of[field], &refused.into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_corrected_and_arrives_once() {
    let north = Upstream::start(|request, before| match before {
        0 => Reaction::Named(request.ids().iter().map(|id| (id.clone(), "rejected")).collect()),
        _ => Reaction::Stored,
    })
    .await;
    let site = Site::new(&format!("[upstream.central]\nurl = \"{}\"\n", north.url()));
    let ids = site.fill(Kind::WorkReport, 2).await;
    let _gateway = site.start().await;
    let are_dead = |letters: &Value| letters["count"] == 2;
    site.shows("buffer/dead-letters", "both to be refused", are_dead).await;
    let letter = site.get(&format!("buffer/dead-letters/{}", ids[0])).await;
    let letter = &letter["dead_letters"][0];
    assert_eq!(
        (&letter["upstream"], &letter["code"]),
        (&"central".into(), &"order_not_found".into())
    );
    assert_eq!(letter["message"]["payload"]["number"], 0);
    let unknown = site.get("buffer/dead-letters/0199").await;
    assert_eq!(unknown["status"], StatusCode::NOT_FOUND.as_u16());

    let slip = json!({"nunber": 1});
    let (status, problem) = site
        .hand_in(&format!("buffer/dead-letters/{}/resubmit", ids[0]), &slip)
        .await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("lacks `number`"));
    let corrected = json!({"number": "corrected"});
    let (status, _) = site
        .hand_in(&format!("buffer/dead-letters/{}/resubmit", ids[0]), &corrected)
        .await;
    assert_eq!(status, 200);
    let again = site
        .hand_in(&format!("buffer/dead-letters/{}/resubmit", ids[0]), &corrected)
        .await;
    assert_eq!(again.0, 404, "it is no dead letter any more");
    let gone = json!({"reason": "a test of the line"});
    let (status, _) = site
        .hand_in(&format!("buffer/dead-letters/{}/discard", ids[1]), &gone)
        .await;
    assert_eq!(status, 200);
    let requests = north.heard("the corrected one", |requests| requests.len() > 1).await;
    site.delivered("central").await;
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].ids(), [ids[0].clone()]);
    assert_eq!(requests[1].messages()[0]["payload"], corrected);
    assert_eq!(site.get("buffer/dead-letters").await["count"], 0);
}
