//! Inspections and work reports that are handed in over HTTP, from the request to the rows of the central store.

use serde_json::{Value, json};

use crate::park::gateway::{Daemon, Site};
use crate::park::until;
use crate::store::{Bench, TOKEN, codes, counts, message};

/// A gateway in front of a store that has the order `WO-1` over 100.
pub struct Shop {
    pub store: Bench,
    pub site: Site,
    gateway: Option<Daemon>,
}

pub fn inspection(changes: &Value) -> Value {
    with(
        json!({
            "check_no": "Q-1", "order_no": "WO-1", "check_date": "2026-11-21", "check_quantity": "20",
            "qualified_quantity": "17", "checker_no": "Q7", "equipment": "PRESS-7", "tool": "T-2",
            "defects": [
                {"reason": "毛刺", "quantity": "2", "kind": "rework"},
                {"reason": "裂纹", "quantity": 1},
            ],
            "measurements": [{"characteristic": "d", "values": [1.25, "1.31"], "lower": 1.0, "upper": 1.3}],
        }),
        changes,
    )
}

fn with(mut whole: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().expect("changes") {
        whole[name] = value.clone();
    }
    whole
}

impl Shop {
    async fn open(store: Bench) -> Self {
        Self::open_with(store, "").await
    }

    /// With more in its configuration.
    pub async fn open_with(store: Bench, sections: &str) -> Self {
        let store = store.with_order().await;
        for (code, kind) in [("毛刺", "rework"), ("裂纹", "defect")] {
            store
                .put(&format!("/api/v1/reasons/{code}"), json!({"name": code, "kind": kind}))
                .await;
        }
        store.put("/api/v1/workers/Q7", json!({"name": "李检"})).await;
        let site = Site::new(&format!(
            "[upstream.central]\nurl = \"{}/api/v1/batches\"\ntoken_file = \"store.token\"\n\
             [reference]\nfrom = \"central\"\nevery = \"1s\"\n{sections}",
            store.address
        ));
        site.write("store.token", TOKEN);
        let gateway = Some(site.start().await);
        let knows_orders = |status: &Value| status["reference"]["orders"].as_u64() > Some(0);
        site.shows("status", "the reference data", knows_orders).await;
        Self { store, site, gateway }
    }

    pub async fn restart(&mut self) {
        self.gateway.take().expect("it runs").kill();
        self.gateway = Some(self.site.start().await);
    }

    async fn stored(&self, select: &str, expected: &str) {
        let select = format!("SELECT COALESCE(({select}), '')");
        until(&format!("{expected} from {select}"), async || {
            (self.store.scalar(&select).await == expected).then_some(())
        })
        .await;
    }
}

async fn an_inspection_becomes_rows_once(store: Bench) {
    let mut shop = Shop::open(store).await;
    let (status, answer) = shop.site.hand_in("inspections", &inspection(&json!({}))).await;
    assert_eq!((status, &answer["check_no"]), (201, &json!("Q-1")), "{answer}");
    assert_eq!(answer["flags"], json!(["out_of_specification"]));
    assert_eq!(answer["analysis"]["defect_rate"], 0.15);
    assert_eq!(answer["analysis"]["pareto"][0]["reason"], "毛刺");
    shop.restart().await;
    let (status, again) = shop.site.hand_in("inspections", &inspection(&json!({}))).await;
    assert_eq!((status, &again["message_id"]), (200, &answer["message_id"]));
    let other = inspection(&json!({"remark": "another"}));
    let (status, refused) = shop.site.hand_in("inspections", &other).await;
    assert_eq!((status, &refused["findings"][0]["code"]), (422, &json!("NUMBER_TAKEN")));

    let row = "SELECT CONCAT_WS('|', check_no, order_no, product_code, check_date, check_quantity, qualified_quantity, \
               unqualified_quantity, check_result, checker_name, create_by) FROM production_quality WHERE checker_id = \
               (SELECT id FROM workers WHERE worker_no = 'Q7')";
    shop.stored(row, "Q-1|WO-1|P-9|2026-11-21|20.0000|17.0000|3.0000|2|李检|shop-1")
        .await;
    let alerts = "SELECT COUNT(*) FROM alerts WHERE alert_type = 'OUT_OF_SPECIFICATION' AND point = 'd'";
    shop.stored(alerts, "1").await;
    let dispositions = "SELECT CONCAT_WS('|', reason, quantity, disposition, decided_by) FROM quality_dispositions \
                        WHERE check_no = 'Q-1'";
    let first = format!("{dispositions} AND disposition IS NOT NULL");
    assert_eq!(shop.store.scalar(&first).await, "毛刺|2.0000|rework|李检");
    let open = format!("{dispositions} AND disposition IS NULL AND decided_time IS NULL");
    assert_eq!(shop.store.scalar(&open).await, "裂纹|1.0000");
    let order = shop.store.get("/api/v1/orders/WO-1").await;
    assert_eq!(order["status"], 2, "reports tell what is made, not inspections");
    assert_eq!(
        (&order["quality"]["inspections"], &order["quality"]["check_result"]),
        (&json!(1), &json!(2))
    );
    let records = shop.site.records("report").await;
    assert_eq!(
        counts(&shop.store.send_from("shop-1", &records).await).0,
        0,
        "all is known"
    );
    assert_eq!(
        shop.store.scalar("SELECT COUNT(*) FROM quality_dispositions").await,
        "2"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspection_becomes_rows_once_in_sqlite() {
    an_inspection_becomes_rows_once(Bench::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspection_becomes_rows_once_in_mariadb() {
    an_inspection_becomes_rows_once(Bench::mariadb().await).await;
}

fn fields(answer: &Value) -> Vec<String> {
    let findings = answer["findings"].as_array().expect("findings");
    let field = |finding: &Value| {
        assert!(
            finding["message"].as_str().is_some_and(|message| message.len() > 8),
            "{finding}"
        );
        finding["field"].as_str().expect("a field").to_owned()
    };
    findings.iter().map(field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_all_at_once_and_nothing_is_taken() {
    let shop = Shop::open(Bench::sqlite().await).await;
    let wrong = inspection(&json!({
        "order_no": "WO-404", "check_quantity": "many", "qualified_quantity": null, "checker_no": null,
        "checker_name": "", "disposition": "burn", "measurements": [{"values": ["x"]}],
        "defects": [{"reason": "毛刺", "quantity": "-1"}], "chek_date": "2026-11-21",
    }));
    let (status, answer) = shop.site.hand_in("inspections", &wrong).await;
    assert_eq!(status, 422);
    let told = [
        "measurements[0].characteristic",
        "measurements[0].values",
        "check_quantity",
        "qualified_quantity",
        "disposition",
        "order_no",
        "checker_no",
        "defects[0].quantity",
    ];
    assert_eq!(fields(&answer), told, "{answer:#}");
    let too_many = inspection(&json!({"check_quantity": "103", "qualified_quantity": "100"}));
    assert_eq!(
        fields(&shop.site.hand_in("inspections", &too_many).await.1),
        ["check_quantity"]
    );
    let by_nobody = inspection(&json!({
        "checker_no": "Q8", "check_date": "2036-01-01", "unqualified_quantity": "3",
        "defects": [{"reason": "毛刺", "quantity": "2"}, {"reason": "unheard", "quantity": "1"}],
    }));
    assert_eq!(
        fields(&shop.site.hand_in("inspections", &by_nobody).await.1),
        ["check_date", "checker_no", "defects[1].reason"]
    );

    let report = json!({
        "order_no": "WO-1", "process_code": "99", "worker_no": "W9", "qualified_quantity": "5", "work_hours": 30,
        "output_quantity": 9, "unqualified_quantity": "1", "defects": [
            {"kind": "scrap", "quantity": "4", "reason": "unheard"}, {"kind": "scrap", "quantity": "-3", "reason": "毛刺"},
        ],
    });
    let (status, answer) = shop.site.hand_in("work-reports", &report).await;
    let told = [
        "defects[1].quantity",
        "output_quantity",
        "work_hours",
        "process_code",
        "worker_no",
        "defects[0].reason",
        "defects[1].reason",
    ];
    assert_eq!(
        (status, fields(&answer)),
        (422, told.map(str::to_owned).to_vec()),
        "{answer:#}"
    );
    let defect = json!({"kind": "rework", "quantity": "1", "reason": "毛刺"});
    let many = json!({
        "order_no": "WO-1", "process_code": "20", "worker_no": "W1", "qualified_quantity": "5",
        "unqualified_quantity": "101", "defects": vec![defect; 5000],
    });
    let (status, answer) = shop.site.hand_in("work-reports", &many).await;
    assert_eq!(
        (status, fields(&answer)),
        (422, vec!["defects".to_owned()]),
        "{answer:#}"
    );
    let measured = json!({"characteristic": "d", "values": vec![1.234_567_890_123; 500]});
    let long = inspection(&json!({"measurements": vec![measured; 20]}));
    let (status, answer) = shop.site.hand_in("inspections", &long).await;
    assert_eq!((status, fields(&answer)), (422, vec![String::new()]), "{answer:#}");
    assert_eq!(shop.site.post("inspections", "guessed", &wrong).await.0, 401);
    assert!(shop.site.records("report").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_handed_in_counts_like_one_of_a_station() {
    let mut shop = Shop::open(Bench::sqlite().await).await;
    let report = json!({
        "report_no": "ERP-7", "order_no": "WO-1", "process_code": "20", "worker_no": "W1", "qualified_quantity": "8",
        "work_hours": "1.5", "defects": [{"kind": "rework", "quantity": 2, "reason": "毛刺"}],
    });
    let (status, answer) = shop.site.hand_in("work-reports", &report).await;
    assert_eq!((status, &answer["report_no"]), (201, &json!("ERP-7")), "{answer}");
    shop.restart().await;
    assert_eq!(shop.site.hand_in("work-reports", &report).await.0, 200);
    let unnamed = with(report, &json!({"report_no": null, "note": "?"}));
    let (status, named) = shop.site.hand_in("work-reports", &unnamed).await;
    assert_eq!((status, &named["ignored"]), (201, &json!(["note"])));
    assert!(
        named["report_no"].as_str().is_some_and(|no| no.starts_with("shop-1-")),
        "{named}"
    );
    let sums =
        "SELECT CONCAT_WS('|', COUNT(*), SUM(output_quantity + 0)) FROM production_report WHERE worker_name = '王师傅'";
    until("both reports to be stored", async || {
        shop.store.scalar(sums).await.starts_with("2|20").then_some(())
    })
    .await;
    assert_eq!(shop.store.order_state("WO-1").await, ("16.0000".to_owned(), 3));
    assert_eq!(named["flags"], json!([]));
    let far_too_many = with(unnamed, &json!({"qualified_quantity": "90"}));
    let (status, flagged) = shop.site.hand_in("work-reports", &far_too_many).await;
    assert_eq!((status, &flagged["flags"]), (201, &json!(["over_quantity"])));
}

async fn the_latest_word_on_an_alert_stands(store: Bench) {
    let store = store.with_order().await;
    let alert = |sequence, second: u32, changes: Value| {
        let payload = with(
            json!({
                "alert_id": "A-1", "alert_type": "STUCK", "severity": "MEDIUM", "message": "stuck", "news": "begun",
            }),
            &changes,
        );
        let mut told = message(sequence, "ALERT_TRIGGERED", &payload);
        told["timestamp"] = json!(format!("2026-11-21T08:00:{second:02}Z"));
        told
    };
    let acknowledged = json!({"acknowledged_by": "W1", "acknowledged_at": "2026-11-21T08:00:20Z", "comment": "seen"});
    let ended = with(
        acknowledged.clone(),
        &json!({"ended_at": "2026-11-21T08:00:30Z", "severity": "HIGH"}),
    );
    let failure = json!({
        "equipment": "PRESS-7", "state": "fault", "since": "2026-11-21T08:00:00Z", "detail": "down", "alert_id": "A-2",
        "severity": "HIGH",
    });
    let answer = store
        .send(&[
            alert(1, 10, json!({})),
            alert(2, 30, ended),
            alert(3, 20, acknowledged),
            message(4, "EQUIPMENT_FAILURE", &failure),
            alert(
                5,
                40,
                json!({"alert_id": "A-2", "news": "ended", "ended_at": "2026-11-21T08:00:40Z"}),
            ),
            alert(6, 50, json!({"ended_at": "soon"})),
        ])
        .await;
    assert_eq!(codes(&answer), ["rejected invalid_payload"]);
    let rows = "SELECT COUNT(*) FROM alerts";
    assert_eq!(store.scalar(rows).await, "2");
    let life = |id: &str| {
        format!(
            "SELECT CONCAT_WS('|', l.state, a.severity, l.tellings, l.acknowledged_by, l.comment) FROM alert_lives l \
             JOIN alerts a ON a.alert_id = l.alert_id WHERE l.alert_id = '{id}'"
        )
    };
    assert_eq!(store.scalar(&life("A-1")).await, "ended|HIGH|3|W1|seen");
    assert_eq!(store.scalar(&life("A-2")).await, "ended|MEDIUM|2");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_word_on_an_alert_stands_in_sqlite() {
    the_latest_word_on_an_alert_stands(Bench::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_word_on_an_alert_stands_in_mariadb() {
    the_latest_word_on_an_alert_stands(Bench::mariadb().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_refuses_inspections_that_cannot_be() {
    let store = Bench::sqlite().await.with_order().await;
    let draft = json!({"order_quantity": "60", "status": 1, "product_code": "P-9"});
    store.put("/api/v1/orders/WO-2", draft).await;
    let told = |sequence, check_no: &str, changes: Value| {
        let whole = json!({
            "check_no": check_no, "order_no": "WO-1", "check_quantity": "5", "qualified_quantity": "4",
            "unqualified_quantity": "1", "check_result": 2, "defects": [{"reason": "毛刺", "quantity": "1"}],
        });
        message(sequence, "QUALITY_INSPECTION_COMPLETED", &with(whole, &changes))
    };
    let answer = store
        .send(&[
            told(1, "Q-1", json!({"order_no": "WO-2"})),
            told(2, "Q-2", json!({"defects": [{"reason": "毛刺", "quantity": "2"}]})),
            told(3, "Q-3", json!({"disposition": "burn"})),
            told(4, "Q-4", json!({"disposition": "scrap"})),
        ])
        .await;
    let refused = ["order_not_inspectable", "quantity_mismatch", "invalid_payload"];
    assert_eq!(codes(&answer), refused.map(|code| format!("rejected {code}")));
    let rows = "SELECT CONCAT_WS('|', check_no, disposition) FROM quality_dispositions";
    assert_eq!(store.scalar(rows).await, "Q-4|scrap");
}
