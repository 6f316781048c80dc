//! What the quality page is made of: drawings, CSV, lists for its forms; and the page itself.

use reqwest::header;
use serde_json::json;

use crate::quality::{Shop, inspection};
use crate::store::Bench;

const CHART: &str = "[spc.\"burr height\"]\nfrom = \"inspection:d\"\nchart = \"i-mr\"\nlimits = { estimate = 10 }\n";
const AT: &str = "spc/burr%20height";

async fn measured() -> Shop {
    let shop = Shop::open_with(Bench::sqlite().await, CHART).await;
    // One value each, for what is measured in one inspection has one time.
    for nth in 0..12 {
        let values = [1.0 + f64::from(nth % 3) / 10.0];
        let measurements = json!([{"characteristic": "d", "values": values}]);
        let measured = json!({"check_no": format!("M-{nth}"), "check_date": null, "measurements": measurements});
        let (status, answer) = shop.site.hand_in("inspections", &inspection(&measured)).await;
        assert_eq!(status, 201, "{answer}");
    }
    shop
}

fn points(svg: &str) -> usize {
    let numbers: std::collections::BTreeSet<&str> = svg
        .split("data-index=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    numbers.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_drawn_as_far_as_it_is_wanted() {
    let shop = measured().await;
    let whole = shop.site.fetch(&format!("/api/v1/{AT}/picture?language=zh")).await;
    assert_eq!(whole.headers()[header::CONTENT_TYPE], "image/svg+xml");
    let whole = whole.text().await.unwrap();
    assert_eq!(points(&whole), 12);
    assert!(!whole.contains("<style") && !whole.contains(" style="), "{whole}");
    let chart = shop.site.get(AT).await;
    let at = |nth: usize| chart["points"][nth]["at"].as_str().unwrap().to_owned();
    let drawn = async |query: String| {
        let answer = shop.site.fetch(&format!("/api/v1/{AT}/picture?{query}")).await;
        points(&answer.text().await.unwrap())
    };
    assert_eq!(drawn("limit=5".to_owned()).await, 5);
    assert_eq!(drawn(format!("from={}", at(7))).await, 5);
    assert_eq!(drawn(format!("from={}&to={}", at(2), at(5))).await, 4);
    assert_eq!(drawn(format!("to={}&limit=2", at(5))).await, 2);
    for (query, status) in [
        ("from=yesterday", 400),
        ("limit=0", 400),
        ("kind=pie", 400),
        ("kind=histogram", 200),
    ] {
        let answer = shop.site.fetch(&format!("/api/v1/{AT}/picture?{query}")).await;
        assert_eq!(answer.status(), status, "{query}");
    }
    assert_eq!(shop.site.fetch("/api/v1/spc/none/picture").await.status(), 404);

    let file = shop.site.fetch(&format!("/api/v1/{AT}/picture?download=true")).await;
    let name = &file.headers()[header::CONTENT_DISPOSITION];
    assert_eq!(name, "attachment; filename=\"burr-height.svg\"");
    assert!(file.text().await.unwrap().contains("<style"));
    let csv = shop
        .site
        .fetch(&format!("/api/v1/{AT}/data.csv"))
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(csv.lines().count(), 13, "{csv}");
    assert!(
        csv.lines().nth(12).unwrap().contains(",1,"),
        "the version of the limits: {csv}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_drawn_by_the_names_of_their_reasons() {
    let shop = measured().await;
    shop.store
        .put("/api/v1/reasons/D7", json!({"name": "<划伤>", "kind": "scrap"}))
        .await;
    shop.site
        .shows("reasons", "the reason", |all| {
            all.as_array().is_some_and(|all| all.len() == 3)
        })
        .await;
    let scratched = json!({"check_no": "Q-2", "check_date": null, "defects": [{"reason": "D7", "quantity": 3}]});
    let (status, answer) = shop.site.hand_in("inspections", &inspection(&scratched)).await;
    assert_eq!(status, 201, "{answer}");
    let svg = shop
        .site
        .fetch("/api/v1/defects/picture?days=2&by=inspections&language=zh")
        .await;
    let svg = svg.text().await.unwrap();
    assert!(svg.contains("data-name=\"&lt;划伤&gt;\" data-value=\"3\""), "{svg}");
    assert_eq!(shop.site.get("defects?days=2").await["products"], json!(["P-9"]));
    assert_eq!(
        shop.site.fetch("/api/v1/defects/picture?by=rumours").await.status(),
        400
    );
    assert_eq!(shop.site.fetch("/api/v1/defects?days=400").await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_faults_come_together_with_is_known_after_a_kill() {
    let mut shop = Shop::open_with(Bench::sqlite().await, "").await;
    for nth in 0..6 {
        let is_worn = nth % 2 == 0;
        let faults = if is_worn {
            json!([{"reason": "毛刺", "quantity": 6, "kind": "rework"}])
        } else {
            json!([])
        };
        let lot = json!({
            "check_no": format!("Q-{nth}"), "check_date": null, "qualified_quantity": if is_worn { 14 } else { 20 },
            "defects": faults, "tool": if is_worn { "T-2" } else { "T-1" }, "measurements": [],
        });
        let (status, answer) = shop.site.hand_in("inspections", &inspection(&lot)).await;
        assert_eq!(status, 201, "{answer}");
    }
    let before = shop.site.get("defects").await["hints"].clone();
    assert_eq!(before[0]["hints"][0]["level"], "T-2", "{before}");
    shop.restart().await;
    assert_eq!(shop.site.get("defects").await["hints"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_its_parts_are_there() {
    let shop = measured().await;
    let page = shop.site.fetch("/quality").await;
    assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    for (asset, kind) in [
        ("quality.js", "text/javascript"),
        ("quality/plot.js", "text/javascript"),
        ("chart.css", "text/css"),
    ] {
        let answer = shop.site.fetch(&format!("/assets/{asset}")).await;
        let told = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        assert!(
            answer.status().is_success() && told.starts_with(kind),
            "{asset}: {told}"
        );
    }
}
