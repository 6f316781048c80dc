//! What each answer of an upstream leads to, and what the `buffer` command says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use lineside::demo::operators::Scanner;
use lineside::record::Kind;
use serde_json::Value;

use crate::park::gateway::Site;
use crate::park::small_disk::SmallDisk;
use crate::park::upstream::{Reaction, Request, Upstream};
use crate::park::{free_port, until};

fn upstream(url: &str, settings: &str) -> String {
    format!("[upstream.central]\nurl = \"{url}\"\n{settings}\n")
}

/// All messages that were ever sent, in order.
fn ids_of(requests: &[Request]) -> Vec<String> {
    requests.iter().flat_map(Request::ids).collect()
}

fn has_all(requests: &[Request], ids: &[String]) -> bool {
    let sent: BTreeSet<String> = ids_of(requests).into_iter().collect();
    ids.iter().all(|id| sent.contains(id))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_holds_forwarding_up_and_does_not_end_the_gateway() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let is_open = Arc::new(AtomicBool::new(false));
    let north = {
        let is_open = Arc::clone(&is_open);
        Upstream::start(move |_, _| {
            if is_open.load(Ordering::SeqCst) {
                Reaction::Stored
            } else {
                Reaction::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, "0")
            }
        })
        .await
    };
    let port = free_port();
    let site = Site::new(&format!(
        "{}[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{port}\"\nmode = \"report_only\"\nreply = \"text\"\n\
         duplicate_window = \"1ms\"\n",
        upstream(&north.url(), "max_records = 10")
    ));
    site.know_an_order();
    site.move_data(disk.path());
    let ids = site.fill(Kind::WorkReport, 200).await;
    let gateway = site.start().await;
    let mut scanner = Scanner::new(([127, 0, 0, 1], port).into());
    for code in ["EMP-W1", "TRV-WO-1.1"] {
        assert_eq!(scanner.scan(code).await.unwrap().kind, "OK", "{code}");
    }
    let mut quantity = 0_usize;
    let refused = until("the disk to be full", async || {
        disk.fill();
        quantity += 1;
        let answer = scanner.scan(&format!("QTY-{quantity}")).await.unwrap();
        (answer.kind != "OK").then_some(answer.code)
    })
    .await;
    assert!(
        ["STORAGE_FULL", "NOT_CONFIRMED"].contains(&&*refused),
        "no success is claimed: {refused}"
    );
    is_open.store(true, Ordering::SeqCst);
    let told = |status: &Value| {
        let answer = status["upstreams"]["central"]["last_answer"].as_str();
        answer.is_some_and(|answer| answer.starts_with("nothing is sent for now") || answer == "stored")
    };
    site.shows("status", "what becomes of forwarding", told).await;
    disk.free();
    north.heard("the backlog", |requests| has_all(requests, &ids)).await;
    site.delivered("central").await;
    let requests = north.requests();
    let messages = requests.iter().flat_map(Request::messages);
    let reports = messages.filter(|message| message["message_type"] == "WORK_REPORT_SUBMITTED");
    let came: BTreeSet<String> = reports.map(|report| report["message_id"].to_string()).collect();
    assert!(came.len() >= ids.len() + quantity - 1, "and all that was answered OK");
    assert!(!gateway.told("ended early"), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_success_has_the_same_bytes_sent_again() {
    let answer = |status: u16, body: &str| Reaction::Answer(StatusCode::from_u16(status).unwrap(), body.to_owned());
    // The first answer to each batch of one; the second time it is stored.
    let table = [
        answer(200, "<html>a proxy's own page</html>"),
        answer(200, ""),
        answer(200, "{\"error\":\"maintenance\"}"),
        answer(202, "[]"),
        answer(408, ""),
        answer(425, ""),
        answer(500, "{}"),
        answer(502, ""),
        Reaction::Silence,
        Reaction::RetryAfter(StatusCode::TOO_MANY_REQUESTS, "1"),
        Reaction::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, "1"),
    ];
    let count = table.len();
    let script = {
        let table = table.clone();
        move |request: &Request, before: usize| {
            let nth = usize::try_from(request.messages()[0]["payload"]["number"].as_u64().unwrap()).unwrap();
            if before.is_multiple_of(2) {
                table[nth].clone()
            } else {
                Reaction::Stored
            }
        }
    };
    let north = Upstream::start(script).await;
    let site = Site::new(&upstream(&north.url(), "max_records = 1\ntimeout = \"400ms\""));
    let ids = site.fill(Kind::WorkReport, count).await;
    let _gateway = site.start().await;
    let requests = north
        .heard("each batch twice", |requests| requests.len() >= 2 * count)
        .await;
    site.delivered("central").await;
    assert_eq!(north.requests().len(), 2 * count, "what was stored is not sent again");
    for ((pair, id), first_answer) in requests.chunks(2).zip(&ids).zip(&table) {
        let [first, again] = pair else { panic!("pairs") };
        assert_eq!(first.ids(), std::slice::from_ref(id), "in order, {first_answer:?}");
        assert_eq!(first.key, again.key, "{first_answer:?}");
        assert_eq!(first.bytes, again.bytes, "{first_answer:?}");
        assert_eq!(first.key.trim_matches('"'), first.body["batch_id"].as_str().unwrap());
        if matches!(first_answer, Reaction::RetryAfter(..)) {
            let waited = again.at - first.at;
            assert!(
                waited >= Duration::from_millis(990),
                "{first_answer:?}: only {waited:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_2xx_that_says_stored_moves_on() {
    let answers = [
        Reaction::Answer(StatusCode::NO_CONTENT, String::new()),
        Reaction::Stored,
        Reaction::Answer(StatusCode::ACCEPTED, "{\"accepted\":0,\"duplicate\":1}".to_owned()),
    ];
    let north = Upstream::start(move |_, before| answers[before.min(2)].clone()).await;
    let site = Site::new(&upstream(&north.url(), "max_records = 1"));
    let ids = site.fill(Kind::WorkReport, 3).await;
    let _gateway = site.start().await;
    site.delivered("central").await;
    assert_eq!(ids_of(&north.requests()), ids, "each once, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_is_set_aside_and_what_is_to_be_retried_comes_again() {
    let north = Upstream::start(|request, before| {
        let ids = request.ids();
        match before {
            0 => Reaction::Named(vec![(ids[1].clone(), "rejected"), (ids[3].clone(), "retry")]),
            1 => Reaction::Named(vec![(ids[0].clone(), "retry")]),
            _ => Reaction::Stored,
        }
    })
    .await;
    let site = Site::new(&upstream(&north.url(), ""));
    let ids = site.fill(Kind::WorkReport, 5).await;
    let gateway = site.start().await;
    site.delivered("central").await;
    let requests = north.requests();
    let sent: Vec<Vec<String>> = requests.iter().map(Request::ids).collect();
    assert_eq!(sent, [ids.clone(), vec![ids[3].clone()], vec![ids[3].clone()]]);
    assert_eq!(requests[1].key, requests[2].key, "the same messages are the same batch");
    assert_ne!(requests[0].key, requests[1].key);
    let letters = site.get("buffer/dead-letters").await;
    assert_eq!(letters["count"], 1);
    let letter = &letters["dead_letters"][0];
    assert_eq!(letter["message_id"], ids[1]);
    assert_eq!(letter["code"], "order_not_found");
    assert_eq!(letter["detail"], "no such order");
    assert_eq!(letter["message"]["payload"]["number"], 1);
    assert!(gateway.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_is_halved_down_to_the_one_message_that_is_refused() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY] {
        let north = Upstream::start(move |request, _| {
            let is_bad = |message: &Value| message["payload"]["number"] == 5;
            if request.messages().iter().any(is_bad) {
                Reaction::Answer(status, "{\"title\":\"a number that I do not like\"}".to_owned())
            } else {
                Reaction::Stored
            }
        })
        .await;
        let site = Site::new(&upstream(&north.url(), ""));
        let ids = site.fill(Kind::WorkReport, 8).await;
        let gateway = site.start().await;
        site.delivered("central").await;
        let requests = north.requests();
        let sizes: Vec<usize> = requests.iter().map(|request| request.messages().len()).collect();
        assert_eq!(sizes, [8, 4, 4, 2, 1, 1, 2], "the halves in order");
        let is_stored = |request: &&Request| !request.ids().contains(&ids[5]);
        let stored: Vec<String> = requests.iter().filter(is_stored).flat_map(Request::ids).collect();
        let others: Vec<String> = ids.iter().filter(|id| **id != ids[5]).cloned().collect();
        assert_eq!(stored, others, "the rest once each, in order");
        let letters = site.get("buffer/dead-letters").await;
        assert_eq!(letters["count"], 1);
        assert_eq!(letters["dead_letters"][0]["message_id"], ids[5]);
        assert_eq!(letters["dead_letters"][0]["code"], status.as_str());
        assert!(gateway.stop().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_is_halved_until_it_fits() {
    let north = Upstream::start(|request, _| {
        if request.messages().len() > 3 {
            Reaction::Answer(StatusCode::PAYLOAD_TOO_LARGE, String::new())
        } else {
            Reaction::Stored
        }
    })
    .await;
    let site = Site::new(&upstream(&north.url(), ""));
    let ids = site.fill(Kind::WorkReport, 10).await;
    let _gateway = site.start().await;
    site.delivered("central").await;
    let requests = north.requests();
    let fits = |request: &&Request| request.messages().len() <= 3;
    let stored: Vec<String> = requests.iter().filter(fits).flat_map(Request::ids).collect();
    assert_eq!(stored, ids, "all once, in order");
    assert_eq!(site.get("buffer/dead-letters").await["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_keeps_everything_and_is_told_by_an_alert() {
    let status = Arc::new(AtomicU16::new(401));
    let now = Arc::clone(&status);
    let north = Upstream::start(move |_, _| match now.load(Ordering::SeqCst) {
        200 => Reaction::Stored,
        refusal => Reaction::Answer(StatusCode::from_u16(refusal).unwrap(), String::new()),
    })
    .await;
    let site = Site::new(&upstream(&north.url(), ""));
    let ids = site.fill(Kind::WorkReport, 4).await;
    for (nth, refusal) in [401, 403, 404, 405, 410].into_iter().enumerate() {
        status.store(refusal, Ordering::SeqCst);
        let gateway = site.start().await;
        let is_told = |page: &Value| {
            let alerts = page["messages"].as_array().unwrap().iter();
            alerts
                .filter(|message| message["message_type"] == "ALERT_TRIGGERED")
                .count()
                > nth
        };
        let page = site.shows("buffer/records?lane=report", "an alert", is_told).await;
        let alert = page["messages"].as_array().unwrap().last().unwrap()["payload"].clone();
        assert_eq!(alert["alert_type"], "UPSTREAM_REFUSES");
        assert!(
            alert["message"].as_str().unwrap().contains(&refusal.to_string()),
            "{alert}"
        );
        let view = site.get("status").await;
        assert_eq!(view["upstreams"]["central"]["reachable"], false);
        assert_eq!(view["buffer"]["dead_letters"], 0);
        assert_eq!(north.requests().len(), nth + 1, "tried slowly");
        gateway.kill();
    }
    status.store(200, Ordering::SeqCst);
    let _gateway = site.start().await;
    site.delivered("central").await;
    let requests = north.requests();
    assert!(has_all(&requests[5..], &ids));
    assert!(requests[..6].iter().all(|request| request.key == requests[0].key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_under_way_is_the_same_after_kill_9() {
    let north = Upstream::start(|_, before| match before {
        0 | 1 => Reaction::Silence,
        _ => Reaction::Stored,
    })
    .await;
    let site = Site::new(&upstream(&north.url(), ""));
    let mut ids = site.fill(Kind::WorkReport, 7).await;
    let gateway = site.start().await;
    north.heard("a first attempt", |requests| requests.len() == 1).await;
    gateway.kill();
    // More came in meanwhile; it must not slip into a batch that may have been stored.
    ids.extend(site.fill(Kind::WorkReport, 5).await);
    let gateway = site.start().await;
    north.heard("a second attempt", |requests| requests.len() == 2).await;
    gateway.kill();
    let _gateway = site.start().await;
    site.delivered("central").await;
    let requests = north.requests();
    assert_eq!(requests.len(), 4);
    for again in &requests[1..3] {
        assert_eq!(again.key, requests[0].key);
        assert_eq!(again.bytes, requests[0].bytes);
    }
    assert_eq!(ids_of(&requests[2..]), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_does_not_wait_behind_a_backlog_of_telemetry() {
    let north = Upstream::start(|_, _| Reaction::Late(Duration::from_millis(40))).await;
    let port = free_port();
    let station = format!(
        "[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{port}\"\nreply = \"text\"\nmode = \"report_only\"\n"
    );
    let site = Site::new(&(upstream(&north.url(), "max_records = 20") + &station));
    site.know_an_order();
    let telemetry = site.fill(Kind::EquipmentStatus, 2000).await;
    let early = site.fill(Kind::WorkReport, 1).await;
    let _gateway = site.start().await;
    let requests = north.heard("some of the backlog", |requests| requests.len() > 3).await;
    assert_eq!(requests[0].ids(), early, "what was there before goes first too");
    let mut scanner = Scanner::new(([127, 0, 0, 1], port).into());
    for code in ["EMP-W1", "TRV-WO-1.1", "QTY-5"] {
        assert_eq!(scanner.scan(code).await.unwrap().kind, "OK", "{code}");
    }
    let sent_before = north.requests().len();
    let is_report = |request: &Request| request.lane() == "report";
    let requests = north
        .heard("the report", |requests| {
            requests.iter().filter(|r| is_report(r)).count() == 2
        })
        .await;
    let place = requests.iter().rposition(is_report).unwrap();
    assert!(
        place <= sent_before + 1,
        "{place} after {sent_before}: at most what was under way came first"
    );
    assert!(!has_all(&requests, &telemetry), "the backlog was still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_travel_compressed_as_configured() {
    let mut sections = String::new();
    let mut norths = BTreeMap::new();
    for compress in ["gzip", "zstd", "none"] {
        let north = Upstream::start(|_, _| Reaction::Stored).await;
        let section = format!(
            "[upstream.{compress}]\nurl = \"{}\"\ncompress = \"{compress}\"\n",
            north.url()
        );
        sections.push_str(&section);
        norths.insert(compress, north);
    }
    let site = Site::new(&sections);
    let ids = site.fill(Kind::WorkReport, 3).await;
    let _gateway = site.start().await;
    for (compress, north) in norths {
        let requests = north.heard(compress, |requests| !requests.is_empty()).await;
        assert_eq!(requests[0].encoding.as_deref().unwrap_or("none"), compress);
        assert_eq!(ids_of(&requests), ids, "{compress}");
    }
}

/// A gateway whose upstream refuses the first two of four reports; then the upstream is content with everything.
async fn with_two_dead_letters() -> (Site, Upstream, Vec<String>) {
    let north = Upstream::start(|request, before| match before {
        0 => Reaction::Named(request.ids()[..2].iter().map(|id| (id.clone(), "rejected")).collect()),
        _ => Reaction::Stored,
    })
    .await;
    let site = Site::new(&upstream(&north.url(), ""));
    let ids = site.fill(Kind::WorkReport, 4).await;
    let gateway = site.start().await;
    site.delivered("central").await;
    assert!(gateway.stop().success());
    (site, north, ids)
}

/// Everything that can be asked, of a gateway found by these arguments.
fn look_into(site: &Site, place: [&str; 2], ids: &[String]) {
    let ask = |words: &[&str]| site.prints(&[&["buffer"], words, &place].concat());
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(ask(&["list", "--ids"])), ids);
    assert_eq!(lines(ask(&["list", "--ids", "--dead"])), ids[..2]);
    let told = ask(&["list", "--dead"]);
    assert!(told.contains("order_not_found  no such order"), "{told}");
    let shown: Value = serde_json::from_str(&ask(&["show", &ids[3]])).unwrap();
    assert_eq!(shown["payload"]["number"], 3);
    assert_eq!(shown["sequence"], 4);
    assert_eq!(shown["refused"], Value::Null);
    let shown: Value = serde_json::from_str(&ask(&["show", &ids[0]])).unwrap();
    assert_eq!(shown["refused"][0]["code"], "order_not_found");
    assert_eq!(shown["payload"]["number"], 0);
    assert_eq!(ask(&["show", &ids[0], "--payload"]), "{\"number\":0}\n");
    let exported = lines(ask(&["export"]));
    let exported: Vec<Value> = exported
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let exported_ids: Vec<&str> = exported.iter().map(|m| m["message_id"].as_str().unwrap()).collect();
    assert_eq!(exported_ids, ids);
    assert_eq!(lines(ask(&["export", "--dead"])).len(), 2);
    let unknown = site.run(&[
        "buffer",
        "show",
        "0199ffff-0000-7000-8000-000000000000",
        place[0],
        place[1],
    ]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(ask(&["status"]).contains("central"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buffer_of_a_stopped_gateway_can_be_looked_into_and_mended() {
    let (site, north, ids) = with_two_dead_letters().await;
    let place = ["--data-dir", "data"];
    look_into(&site, place, &ids);
    let [by, data] = place;
    site.write("corrected.json", "{\"nunber\":\"mended\"}");
    let slip = site.run(&["buffer", "resubmit", &ids[0], "--payload", "corrected.json", by, data]);
    assert_eq!(slip.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&slip.stderr).contains("lacks `number`"));
    site.write("corrected.json", "{\"number\":\"mended\"}");
    site.prints(&["buffer", "resubmit", &ids[0], "--payload", "corrected.json", by, data]);
    site.prints(&["buffer", "discard", &ids[1], by, data]);
    assert_eq!(site.prints(&["buffer", "list", "--dead", by, data]), "");
    let _gateway = site.start().await;
    let requests = north.heard("the corrected one", |requests| requests.len() == 2).await;
    assert_eq!(requests[1].ids(), [ids[0].clone()], "the id stays");
    assert_eq!(requests[1].messages()[0]["payload"]["number"], "mended");
    assert_eq!(requests[1].messages()[0]["sequence"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buffer_of_a_running_gateway_can_be_looked_into_and_mended() {
    let (site, north, ids) = with_two_dead_letters().await;
    let _gateway = site.start().await;
    let place = ["--config", "lineside.toml"];
    look_into(&site, place, &ids);
    let [by, config] = place;
    site.prints(&["buffer", "resubmit", &ids[0], by, config]);
    site.prints(&["buffer", "discard", &ids[1], by, config]);
    let requests = north.heard("the resubmitted one", |requests| requests.len() == 2).await;
    assert_eq!(requests[1].ids(), [ids[0].clone()]);
    assert_eq!(site.prints(&["buffer", "list", "--dead", by, config]), "");
    // Who does not see that it runs is told so, rather than shown half of it.
    let held = site.run(&["buffer", "discard", &ids[1], "--data-dir", "data"]);
    assert_eq!(held.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&held.stderr).contains("use --config"));
}

#[test]
fn a_buffer_that_is_not_there_is_told() {
    let site = Site::new("");
    let output = site.run(&["buffer", "list", "--ids", "--data-dir", "nowhere"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere"));
}
