//! What quality people decide and change over HTTP: dispositions, faults counted, charts frozen, points left out; over kills.

use serde_json::{Value, json};

use crate::quality::{Shop, inspection};
use crate::store::Bench;

const CHART: &str = "[spc.burr]\nfrom = \"inspection:d\"\nchart = \"i-mr\"\nlimits = { estimate = 10 }\n";

async fn pieces_left_open_are_decided_on_once(store: Bench) {
    let mut shop = Shop::open_with(store, "").await;
    let (status, answer) = shop.site.hand_in("inspections", &inspection(&json!({}))).await;
    assert_eq!(status, 201, "{answer}");
    let decide = async |shop: &Shop, decision: Value| shop.site.hand_in("inspections/Q-1/disposition", &decision).await;
    let (status, answer) = decide(&shop, json!({"disposition": "burn"})).await;
    assert_eq!((status, &answer["findings"][0]["field"]), (422, &json!("disposition")));
    let (status, answer) = decide(&shop, json!({"disposition": "scrap", "quantity": "5"})).await;
    assert_eq!((status, &answer["findings"][0]["code"]), (422, &json!("OVER_QUANTITY")));
    let scrap = json!({"disposition": "scrap", "reason": "裂纹", "comment": "through the wall"});
    let (status, answer) = decide(&shop, scrap.clone()).await;
    assert_eq!((status, &answer["disposition_no"]), (201, &json!("Q-1/1")), "{answer}");
    assert_eq!(answer["open_quantity"], "0");
    shop.restart().await;
    let (status, answer) = decide(&shop, scrap).await;
    assert_eq!(
        (status, &answer["findings"][0]["code"]),
        (422, &json!("NOTHING_OPEN")),
        "{answer}"
    );
    assert_eq!(
        shop.site
            .hand_in("inspections/Q-9/disposition", &json!({"disposition": "scrap"}))
            .await
            .0,
        404
    );

    let listed = shop.site.get("inspections").await;
    let faults = &listed["inspections"][0]["faults"];
    assert_eq!(
        (&faults[1]["disposition"], &faults[1]["decided_by"]),
        (&json!("scrap"), &json!("control"))
    );
    let rows = "SELECT GROUP_CONCAT(CONCAT_WS('|', reason, quantity + 0, disposition)) FROM quality_dispositions";
    let stored = async || shop.store.scalar(rows).await;
    crate::park::until("the decision in the store", async || {
        stored().await.contains("scrap").then_some(())
    })
    .await;
    let stored = stored().await;
    assert_eq!(stored.matches("裂纹").count(), 1, "the open row is gone: {stored}");
    let records = shop.site.records("report").await;
    assert!(
        records
            .iter()
            .any(|record| record["message_type"] == "QUALITY_DISPOSITION_DECIDED")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_left_open_are_decided_on_once_in_sqlite() {
    pieces_left_open_are_decided_on_once(Bench::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_left_open_are_decided_on_once_in_mariadb() {
    pieces_left_open_are_decided_on_once(Bench::mariadb().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_counted_by_who_tells_of_them() {
    let mut shop = Shop::open_with(Bench::sqlite().await, "").await;
    let today = json!({"check_date": null});
    shop.site.hand_in("inspections", &inspection(&today)).await;
    let second = json!({"check_no": "Q-2", "check_date": null});
    shop.site.hand_in("inspections", &inspection(&second)).await;
    let report = json!({
        "order_no": "WO-1", "process_code": "20", "worker_no": "W1", "qualified_quantity": "8",
        "defects": [{"kind": "rework", "quantity": 2, "reason": "毛刺"}],
    });
    let (status, answer) = shop.site.hand_in("work-reports", &report).await;
    assert_eq!(status, 201, "{answer}");
    shop.restart().await;
    // The production day may have been another than that of the clock on the wall.
    let told = shop.site.get("defects?days=2").await;
    assert_eq!(
        told["inspections"]["pareto"][0],
        json!({
            "reason": "毛刺", "quantity": 4.0, "share": 4.0 / 6.0, "cumulative": 4.0 / 6.0,
        })
    );
    assert_eq!(
        (&told["reports"]["unqualified"], &told["reports"]["checked"]),
        (&json!(2.0), &json!(10.0))
    );
    assert_eq!(
        shop.site.get("defects?product=other").await["inspections"]["pareto"],
        json!([])
    );
    let first = shop.site.get("inspections?limit=1").await;
    assert_eq!(
        (&first["inspections"][0]["check_no"], &first["next"]),
        (&json!("Q-2"), &json!("Q-2"))
    );
    let rest = shop.site.get("inspections?limit=1&after=Q-2").await;
    assert_eq!(
        (&rest["inspections"][0]["check_no"], &rest["next"]),
        (&json!("Q-1"), &json!(null))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_is_left_out_and_taken_back_over_a_kill() {
    let mut shop = Shop::open_with(Bench::sqlite().await, CHART).await;
    let values = [1.0, 2.0, 1.0, 2.0, 9.0, 1.0, 2.0, 1.0, 2.0, 1.0];
    let measured = json!({"measurements": [{"characteristic": "d", "values": values}]});
    shop.site.hand_in("inspections", &inspection(&measured)).await;
    let limits = async |shop: &Shop| shop.site.get("spc/burr").await["limits"].clone();
    assert_eq!(
        (&limits(&shop).await["version"], &limits(&shop).await["center"]),
        (&json!(1), &json!(2.2))
    );
    let change = async |shop: &Shop, change: Value| shop.site.hand_in("spc/burr/phase", &change).await;
    let exclude = json!({"action": "exclude", "point": 5, "reason": "tool broke"});
    assert_eq!(change(&shop, exclude.clone()).await.0, 201);
    shop.restart().await;
    assert_eq!(limits(&shop).await["version"], 2);
    let (status, answer) = change(&shop, exclude).await;
    assert_eq!(
        (status, &answer["findings"][0]["field"]),
        (422, &json!("point")),
        "{answer}"
    );
    assert_eq!(change(&shop, json!({"action": "include", "point": 5})).await.0, 201);
    assert_eq!(limits(&shop).await["center"], 2.2);
    assert_eq!(change(&shop, json!({"action": "freeze"})).await.0, 422);
    assert_eq!(change(&shop, json!({"action": "melt"})).await.0, 400);
    assert_eq!(
        shop.site
            .hand_in("spc/none/phase", &json!({"action": "relearn"}))
            .await
            .0,
        404
    );
    assert_eq!(
        shop.site
            .post("spc/burr/phase", "guessed", &json!({"action": "relearn"}))
            .await
            .0,
        401
    );

    let at = shop.site.get("spc/burr").await["points"][4]["at"].clone();
    let said = json!({"at": at, "text": "新卷料"});
    assert_eq!(shop.site.hand_in("spc/burr/annotations", &said).await.0, 201);
    let nowhere = json!({"at": "2020-01-01T00:00:00Z", "text": "?"});
    assert_eq!(shop.site.hand_in("spc/burr/annotations", &nowhere).await.0, 422);
    shop.restart().await;
    let chart = shop.site.get("spc/burr").await;
    assert_eq!(
        (&chart["annotations"][0]["text"], &chart["annotations"][0]["by"]),
        (&json!("新卷料"), &json!("control"))
    );
}
