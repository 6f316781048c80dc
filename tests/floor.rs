//! What reports say of the shop floor, from the scans of a station and the counter of its machine to alerts, flags,
//! progress and rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::park::modbus_faults::{FaultServer, Reaction};
use crate::park::until;
use crate::station::Shop;

/// A press whose counter the test turns, and a station at it.
struct Press {
    shop: Shop,
    counter: Arc<AtomicU16>,
    _device: FaultServer,
}

impl Press {
    async fn open() -> Self {
        let counter = Arc::new(AtomicU16::new(0));
        let read = Arc::clone(&counter);
        let device = FaultServer::start(move |_| Reaction::AnswerAs(read.load(Ordering::SeqCst))).await;
        let modbus = format!(
            "[modbus.line]\nurl = \"tcp://127.0.0.1:{}\"\n[modbus.line.device.press]\nunit = 1\nequipment = \"PRESS-7\"\n\
             poll = \"50ms\"\n[modbus.line.device.press.points]\n\
             good_count = {{ at = \"holding:0\", type = \"u16\", role = \"good_count\" }}",
            device.port
        );
        let mut shop = Shop::closed(
            "start_stop",
            &format!("{modbus}\n[reference]\nfrom = \"central\"\nevery = \"1s\"\n"),
        )
        .await;
        let order = json!({"order_quantity": "100000", "status": 2, "product_code": "P-9",
            "processes": [{"process_code": "10", "process_name": "冲压", "sequence": 1}]});
        shop.store.put("/api/v1/orders/WO-9", order).await;
        shop.start().await;
        let knows_orders = |status: &Value| status["reference"]["orders"].as_u64() > Some(0);
        shop.site.shows("status", "the reference data", knows_orders).await;
        let mut press = Self {
            shop,
            counter,
            _device: device,
        };
        press.makes(0).await;
        press
    }

    /// Makes so many pieces, and the gateway has seen it.
    async fn makes(&mut self, pieces: u16) {
        let total = self.counter.fetch_add(pieces, Ordering::SeqCst) + pieces;
        let is_seen = |equipment: &Value| equipment["PRESS-7"]["points"]["good_count"]["value"] == json!(total);
        self.shop.site.shows("equipment", "the count", is_seen).await;
    }

    /// Key and state of the alerts that reports lead to.
    async fn alerts(&self) -> Vec<(String, String)> {
        let alerts = self.shop.site.get("alerts").await;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let all = alerts["alerts"].as_array().expect("alerts").iter();
        let mut of_reports: Vec<_> = all
            .filter(|alert| alert["alert_type"] != "SOURCE_LOST")
            .map(|alert| (text(&alert["key"]), text(&alert["state"])))
            .collect();
        of_reports.sort();
        of_reports
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_worker_a_burst_of_defects_and_pieces_that_no_machine_made_are_found() {
    let mut press = Press::open().await;
    let begin = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-9.1", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
    ];
    press.shop.scan(&begin).await;
    for _ in 0..8 {
        press.makes(1000).await;
        press.shop.scan(&[("QTY-1000", "REPORTED")]).await;
    }
    assert_eq!(press.alerts().await, [], "clean reports");

    press.makes(1000).await;
    press.shop.scan(&[("QTY-1500", "REPORTED")]).await;
    // A moment, which is over when it is told.
    let gap = ("quantity_gap/ST-01/WO-9".to_owned(), "ended".to_owned());
    assert_eq!(press.alerts().await[..1], [gap]);
    let last = press.shop.site.work_reports().await.pop().expect("a report")["payload"].take();
    assert_eq!(
        (&last["flags"], &last["counted_quantity"]),
        (&json!(["quantity_gap"]), &json!("1000"))
    );

    press.makes(200).await;
    let burst = [
        ("LSN-SCRAP", "HOW_MANY"),
        ("QTY-200", "WHICH_REASON"),
        ("RSN-D1", "REPORTED_DEFECT"),
    ];
    press.shop.scan(&burst).await;
    let defects = |state: &str| ("defect_rate/WO-9/10".to_owned(), state.to_owned());
    assert_eq!(press.alerts().await[0], defects("active"));
    press
        .shop
        .scan(&[("LSN-UNDO", "UNDO_WHAT"), ("LSN-OK", "UNDONE")])
        .await;
    until("the undone defects to be no alert any more", async || {
        (press.alerts().await[0] == defects("ended")).then_some(())
    })
    .await;

    press.shop.delivered().await;
    press.shop.kill();
    press.shop.began_earlier(TimeDelta::hours(3)).await;
    press.shop.start().await;
    press.shop.scan(&[("QTY-10", "REPORTED")]).await;
    let slow = ("labor_time/10/W1".to_owned(), "active".to_owned());
    assert!(press.alerts().await.contains(&slow), "{:?}", press.alerts().await);

    press.shop.delivered().await;
    let stored =
        "SELECT COUNT(DISTINCT alert_id) FROM alerts WHERE alert_type IN ('QUANTITY_GAP', 'DEFECT_RATE', 'LABOR_TIME')";
    assert_eq!(press.shop.store.scalar(stored).await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_and_shown_and_never_counted_twice() {
    let mut press = Press::open().await;
    let begin = [
        ("EMP-W1", "SIGNED_ON"),
        ("TRV-WO-9.1", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
        ("QTY-30000", "REPORTED"),
        ("QTY-20000", "REPORTED"),
    ];
    press.shop.scan(&begin).await;
    let order = |orders: &Value| {
        let all = orders["orders"].as_array().expect("orders").clone();
        all.into_iter()
            .find(|order| order["order_no"] == "WO-9")
            .expect("the order")
    };
    let stands_at = |pieces: &'static str| {
        move |orders: &Value| {
            let order = order(orders);
            order["completed_quantity"] == pieces && order["progress"]["completed_qty"] == pieces
        }
    };
    // The central figure comes to have what was reported here; if it were added to that, there would be twice as many.
    press
        .shop
        .site
        .shows("orders", "the first pieces", stands_at("50000"))
        .await;
    press.shop.scan(&[("QTY-10000", "REPORTED")]).await;
    let orders = press.shop.site.shows("orders", "all pieces", stands_at("60000")).await;
    assert_eq!(order(&orders)["progress"]["progress_percent"], 60.0);
    press.shop.delivered().await;
    let told = "SELECT payload FROM order_messages WHERE order_no = 'WO-9' AND message_type = 'PROGRESS_UPDATED'";
    let told: Value = serde_json::from_str(&press.shop.store.scalar(told).await).expect("JSON");
    assert_eq!(
        (&told["completed_qty"], &told["status"]),
        (&json!("60000"), &json!("IN_PROGRESS"))
    );
    let workshop = press.shop.site.get("workshop").await;
    assert_eq!(workshop["wip"]["WO-9"]["completed_qty"], "60000");
    assert_eq!(workshop["capacity"]["total_capacity"], 24.0, "{workshop}");
}
