//! The API against its own document: schemathesis asks everything that the document allows, and much that it forbids.

use std::process::Command;
use std::time::{Duration, Instant};

use lineside::record::Kind;
use reqwest::{StatusCode, header};
use serde_json::Value;

use crate::modbus::Foreign;
use crate::park::free_port;
use crate::park::gateway::Site;
use crate::park::upstream::{Reaction, Upstream};

const LETTERS: usize = 40;
/// Requests for each call, valid and not, beside those that walk along the borders of its schema.
const EXAMPLES: &str = "25";
const ENOUGH: Duration = Duration::from_secs(90);

/// One of each kind of thing that can be looked at.
pub fn sections(device: &Foreign, north: &Upstream) -> String {
    format!(
        r#"
[equipment.PRESS-7]
[upstream.central]
url = "{}"
[station.ST-01]
scanner = "tcp-listen://127.0.0.1:{}"
[modbus.line]
url = "{}"
writable = ["speed"]
[modbus.line.device.press]
unit = 1
equipment = "PRESS-7"
poll = "100ms"
[modbus.line.device.press.points]
force = {{ at = "holding:40", type = "f32" }}
speed = {{ at = "holding:310", type = "u16", write_range = {{ low = 0, high = 100 }} }}
[spc.press-force]
from = "PRESS-7.force"
chart = "i-mr"
limits = {{ center = 12.0, sigma = 0.4 }}
spec = {{ lower = 11.0, upper = 13.0, target = 12.0 }}
"#,
        north.url(),
        free_port(),
        device.url()
    )
}

/// What the document can not know: things that are there, and answers that what is valid may get all the same.
fn settings(alert: &str, letter: &str, discarded: &str) -> String {
    // 410: what to go on after is shown no more; 422: the order is not released, the sums are not right.
    let also = r#"expected-statuses = ["2xx", 304, 401, 403, 404, 409, 410, 422, 429, 502, 503, 504]"#;
    let there = |path: &str, id: &str| {
        format!("[[operations]]\ninclude-path = \"/api/v1/{path}\"\nparameters = {{ id = \"{id}\" }}\n")
    };
    [
        format!("[checks.positive_data_acceptance]\n{also}\n"),
        // 502: the machine refused it; 504: it did not say.
        "[checks.not_a_server_error]\nexpected-statuses = [\"2xx\", \"3xx\", \"4xx\", 502, 504]\n".to_owned(),
        there("alerts/{id}/acknowledge", alert),
        there("buffer/dead-letters/{id}", letter),
        there("buffer/dead-letters/{id}/resubmit", letter),
        there("buffer/dead-letters/{id}/discard", discarded),
        // A handshake is more than its document can say.
        "[[operations]]\ninclude-path = \"/api/v1/live\"\nchecks.positive_data_acceptance.enabled = false\n".to_owned(),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_does_what_the_document_says() {
    let python = |arguments: &[&str]| Command::new("python3").args(arguments).output();
    let is_there = python(&["-c", "import schemathesis"]).is_ok_and(|told| told.status.success());
    if !is_there {
        eprintln!("skipped: no schemathesis, which tests/run installs");
        return;
    }
    let device = Foreign::start();
    let refuse = |id: String| (id, "rejected");
    let north =
        Upstream::start(move |request, _| Reaction::Named(request.ids().into_iter().map(refuse).collect())).await;
    let site = Site::new(&sections(&device, &north));
    site.know_an_order();
    let letters = site.fill(Kind::WorkReport, LETTERS).await;
    let _gateway = site.start().await;
    let is_refused = |all: &Value| all["count"].as_u64() >= u64::try_from(LETTERS).ok();
    site.shows("buffer/dead-letters", "all to be refused", is_refused).await;
    let is_told = |all: &Value| all["alerts"][0]["alert_id"].is_string();
    let alerts = site.shows("alerts", "an alert", is_told).await;
    let alert = alerts["alerts"][0]["alert_id"].as_str().expect("is text");
    site.write("schemathesis.toml", &settings(alert, &letters[0], &letters[1]));

    let token = std::fs::read_to_string(site.data().join("control-token")).expect("a control token");
    let mut asking = Command::new("python3");
    asking
        .current_dir(site.path(""))
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(site.path("schemathesis.toml"))
        .args(["run", &site.url("openapi.json"), "--header"])
        .arg(format!("Authorization: Bearer {token}"))
        .args("--mode all --phases examples,coverage,fuzzing".split(' '))
        .args("--generation-deterministic --continue-on-failure".split(' '))
        .args(["--no-color", "--request-timeout", "20", "--max-examples", EXAMPLES]);
    let started = Instant::now();
    let asked = tokio::task::spawn_blocking(move || asking.output().expect("python3"));
    let asked = asked.await.expect("no panic");
    let told = String::from_utf8_lossy(&asked.stdout);
    assert!(
        asked.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&asked.stderr)
    );
    let sum = told
        .lines()
        .find(|line| line.contains("generated, "))
        .unwrap_or_default();
    println!("{} in {:.0?}", sum.trim(), started.elapsed());
    assert!(started.elapsed() < ENOUGH, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_tells_the_tag_of_its_get_and_what_comes_packed_is_told_so() {
    let site = Site::new("");
    let _gateway = site.start().await;
    let client = reqwest::Client::new();
    let orders = site.url("orders");
    let known = client.get(&orders).send().await.unwrap();
    let told = client.head(&orders).send().await.unwrap();
    for name in [
        header::ETAG,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CACHE_CONTROL,
    ] {
        assert_eq!(told.headers().get(&name), known.headers().get(&name), "{name}");
    }
    assert_eq!(known.headers()[header::CACHE_CONTROL], "private, no-cache");
    let shown = known.headers()[header::ETAG].clone();
    let again = client
        .get(&orders)
        .header(header::IF_NONE_MATCH, shown)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    let packed = client
        .post(site.url("inspections"))
        .bearer_auth(site.control_token())
        .header(header::CONTENT_ENCODING, "gzip")
        .body("{}");
    let refused = packed.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let why: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert!(why["words"]["zh"].as_str().unwrap().contains("压缩"), "{why}");
    let asked = client.get(site.url("alerts?limit=99999999999")).send().await.unwrap();
    let why: Value = serde_json::from_slice(&asked.bytes().await.unwrap()).unwrap();
    assert!(
        why["detail"].as_str().unwrap().contains("a page has 1 to 1000 entries"),
        "{why}"
    );
}
