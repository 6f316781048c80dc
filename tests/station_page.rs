//! Scans of a station's page over HTTP, beside a scanner of the same station: one line of truth, exactly once over lost
//! answers and kill -9, never a success that the disk does not have.

use std::cell::Cell;
use std::time::Duration;

use lineside::demo::operators::Scanner;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::park::gateway::{Daemon, Site};
use crate::park::small_disk::SmallDisk;
use crate::park::{free_port, until};

/// A station with a scanner, and the page beside it.
struct Place {
    site: Site,
    gateway: Option<Daemon>,
    port: u16,
}

impl Place {
    fn closed() -> Self {
        let port = free_port();
        let site = Site::new(&format!(
            "[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{port}\"\nmode = \"report_only\"\nreply = \"text\"\n"
        ));
        site.know_an_order();
        let gateway = None;
        Self { site, gateway, port }
    }

    async fn open() -> Self {
        let mut place = Self::closed();
        place.gateway = Some(place.site.start().await);
        place
    }

    async fn kill(&mut self) {
        self.gateway.take().expect("it runs").kill();
        self.gateway = Some(self.site.start().await);
    }

    fn scanner(&self) -> Scanner {
        Scanner::new(([127, 0, 0, 1], self.port).into())
    }

    async fn post(&self, body: &Value) -> (u16, Value) {
        self.site.hand_in("stations/ST-01/scans", body).await
    }

    /// Scans at the page under an id of its own; returns the code of the answer.
    async fn page(&self, code: &str) -> String {
        let (status, answer) = self.post(&json!({"code": code, "scan_id": Uuid::now_v7()})).await;
        assert_eq!(status, 200, "{code}: {answer}");
        answer["feedback"]["code"].as_str().expect("a code").to_owned()
    }

    async fn begin(&self) {
        assert_eq!(self.page("EMP-W1").await, "SIGNED_ON");
        assert_eq!(self.page("TRV-WO-1.1").await, "JOB_LOADED");
    }

    /// Good pieces by report, in their order.
    async fn reported(&self) -> Vec<String> {
        let reports = self.site.work_reports().await;
        let quantity = |report: &Value| report["payload"]["qualified_quantity"].as_str().map(str::to_owned);
        reports.iter().filter_map(quantity).collect()
    }
}

#[tokio::test]
async fn a_page_and_a_scanner_are_one_line_of_truth() {
    let place = Place::open().await;
    let mut scanner = place.scanner();
    place.begin().await;
    for nth in 1..=5 {
        assert_eq!(scanner.scan(&format!("QTY-{nth}")).await.unwrap().code, "REPORTED");
        assert_eq!(place.page(&format!("QTY-{nth}0")).await, "REPORTED");
    }
    let expected = ["1", "10", "2", "20", "3", "30", "4", "40", "5", "50"];
    assert_eq!(place.reported().await, expected);
    let view = place.site.get("stations/ST-01").await;
    let scans: Vec<&str> = view["scans"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s["scanned"].as_str())
        .collect();
    assert_eq!(scans[..3], ["QTY-50", "QTY-5", "QTY-40"], "the newest first");
    assert_eq!(view["today"]["qualified_quantity"], "165");
    assert_eq!(view["qualified_quantity"], "165");
}

#[tokio::test]
async fn a_repeated_scan_is_answered_alike_and_done_once() {
    let mut place = Place::open().await;
    let refused = json!({"code": "QTY-4", "scan_id": Uuid::now_v7()});
    assert_eq!(place.post(&refused).await.1["feedback"]["code"], "NOT_SIGNED_ON");
    place.begin().await;
    let scan = json!({"code": "QTY-7", "scan_id": Uuid::now_v7()});
    let (_, first) = place.post(&scan).await;
    assert_eq!(
        (&first["feedback"]["kind"], &first["repeated"]),
        (&json!("ok"), &json!(false))
    );
    for is_killed in [false, true] {
        if is_killed {
            place.kill().await;
        }
        let (status, again) = place.post(&scan).await;
        assert_eq!((status, &again["repeated"]), (200, &json!(true)));
        assert_eq!(
            again["feedback"], first["feedback"],
            "the same answer, of the same time"
        );
        // What was refused then is not done now, though it would have its place.
        assert_eq!(place.post(&refused).await.1["feedback"]["code"], "NOT_SIGNED_ON");
    }
    assert_eq!(place.reported().await, ["7"]);
}

/// A page that says each scan until it is answered, while the gateway is killed again and again.
#[tokio::test]
async fn kill_9_between_scan_and_answer_counts_each_scan_once() {
    let mut place = Place::open().await;
    place.begin().await;
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let url = place.site.url("stations/ST-01/scans");
    let token_file = place.site.data().join("control-token");
    let is_done = Cell::new(false);
    let scans = async {
        for quantity in 1..=30 {
            let scan = json!({"code": format!("QTY-{quantity}"), "scan_id": Uuid::now_v7()}).to_string();
            until("an answer", async || {
                let token = std::fs::read_to_string(&token_file).ok()?;
                let sent = client.post(&url).bearer_auth(token).body(scan.clone()).send().await;
                let answer: Value = serde_json::from_slice(&sent.ok()?.bytes().await.ok()?).ok()?;
                (answer["feedback"]["code"] == "REPORTED").then_some(())
            })
            .await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        is_done.set(true);
    };
    let kills = async {
        while !is_done.get() {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(20..150))).await;
            place.kill().await;
        }
    };
    tokio::join!(scans, kills);
    let expected: Vec<String> = (1..=30).map(|quantity: u32| quantity.to_string()).collect();
    assert_eq!(place.reported().await, expected);
}

#[tokio::test]
async fn scans_that_waited_for_the_gateway_are_not_taken_for_double_reads() {
    let place = Place::open().await;
    place.begin().await;
    for waited_ms in [30_000, 20_000] {
        let scan = json!({"code": "QTY-1", "scan_id": Uuid::now_v7(), "waited_ms": waited_ms});
        assert_eq!(place.post(&scan).await.1["feedback"]["code"], "REPORTED");
    }
    assert_eq!(place.page("QTY-2").await, "REPORTED");
    assert_eq!(place.page("QTY-2").await, "DUPLICATE_SCAN");
}

#[tokio::test]
async fn what_can_not_be_a_scan_is_refused_with_a_reason() {
    let place = Place::open().await;
    let id = Uuid::now_v7();
    let long = "x".repeat(5000);
    for (path, body, status) in [
        ("stations/ST-99/scans", json!({"code": "EMP-W1", "scan_id": id}), 404),
        ("stations/ST-01/scans", json!({"code": "EMP-W1"}), 400),
        ("stations/ST-01/scans", json!({"code": "", "scan_id": id}), 422),
        ("stations/ST-01/scans", json!({"code": long, "scan_id": id}), 422),
    ] {
        let (answered, problem) = place.site.hand_in(path, &body).await;
        assert_eq!(answered, status, "{problem}");
        assert!(problem["detail"].is_string());
    }
    let scan = json!({"code": "EMP-W1", "scan_id": id});
    let (status, _) = place.site.post("stations/ST-01/scans", "wrong", &scan).await;
    assert_eq!(status, 401);
    assert_eq!(place.site.get("stations/ST-01").await["state"], "idle");
}

#[tokio::test]
async fn the_view_tells_what_has_its_place_now() {
    let place = Place::open().await;
    let accepted = async || {
        let view = place.site.get("stations/ST-01").await;
        let scans = view["accepts"].as_array().unwrap().iter();
        let names: Vec<String> = scans.filter_map(|a| a["scan"].as_str().map(str::to_owned)).collect();
        (names, view)
    };
    let (names, _) = accepted().await;
    assert!(
        names.contains(&"badge".to_owned()) && !names.contains(&"quantity".to_owned()),
        "{names:?}"
    );
    place.begin().await;
    let (names, view) = accepted().await;
    for scan in ["quantity", "scrap", "done", "logout"] {
        assert!(names.contains(&scan.to_owned()), "{scan}: {names:?}");
    }
    assert!(
        !names.contains(&"start".to_owned()),
        "nothing is started here: {names:?}"
    );
    assert_eq!(view["asked"], Value::Null);
    assert_eq!(place.page("LSN-SCRAP").await, "HOW_MANY");
    assert_eq!(place.page("QTY-2").await, "WHICH_REASON");
    let (names, view) = accepted().await;
    assert!(
        names.contains(&"cancel".to_owned()) && !names.contains(&"done".to_owned()),
        "{names:?}"
    );
    assert_eq!(
        (&view["asked"]["what"], &view["asked"]["about"]),
        (&json!("reason"), &json!("scrap"))
    );
    assert_eq!(view["asked"]["quantity"], "2");
}

#[tokio::test]
async fn a_full_disk_saves_nothing_and_says_so() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let place = Place::closed();
    place.site.move_data(disk.path());
    let gateway = place.site.start().await;
    place.begin().await;
    let mut taken = 0_u32;
    let refused = until("the disk to be full", async || {
        disk.fill();
        let scan = json!({"code": format!("QTY-{}", taken + 1), "scan_id": Uuid::now_v7()});
        let (status, answer) = place.post(&scan).await;
        if status == 200 {
            taken += 1;
            return None;
        }
        assert_eq!(status, 503, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains("not saved"), "{answer}");
        Some(scan)
    })
    .await;
    disk.free();
    // The page says it again until it is on disk.
    until("the disk to take it", async || {
        let (status, _) = place.post(&refused).await;
        (status == 200).then_some(())
    })
    .await;
    let expected: Vec<String> = (1..=taken + 1).map(|quantity| quantity.to_string()).collect();
    assert_eq!(place.reported().await, expected);
    drop(gateway);
}
