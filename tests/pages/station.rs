//! An inspection at a station's screen alone: its buttons and its keypad lead through it, and it shows what was noted.

use serde_json::json;

use super::chromium::Browser;
use super::sight::keep;
use super::{TABLET, open};
use crate::park::gateway::Site;
use crate::park::{free_port, until};

/// What the screen says that comes next.
const EXPECTS: &str = "document.querySelector('#expects').innerText";
const INSPECTION: &str = "document.querySelector('[data-role=inspection]')?.innerText ?? ''";

#[tokio::test(flavor = "multi_thread")]
async fn an_inspection_is_led_through_and_shown() {
    let Some(browser) = Browser::start().await else { return };
    let port = free_port();
    let site = Site::new(&format!(
        "[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{port}\"\nmode = \"report_only\"\n"
    ));
    site.know_an_order();
    let _gateway = site.start().await;
    let window = browser.window().await;
    window.resize(TABLET).await;
    window.speak("en").await;
    open(
        &window,
        &format!("{}#token={}", site.page("/station/ST-01"), site.control_token()),
    )
    .await;
    let key_in = async |text: &str| {
        let entry = format!(
            "document.getElementById('keyed').value = {text:?}; document.getElementById('entry').requestSubmit(); 0"
        );
        window.look(&entry).await;
    };
    let press = async |code: &str| {
        let button = format!("document.querySelector('[data-code=\"{code}\"]')");
        window.until(code, &format!("!!{button}")).await;
        window.look(&format!("{button}.click(); 0")).await;
    };
    let expects = async |sentence: &str| {
        window
            .until(sentence, &format!("{EXPECTS}.includes({sentence:?})"))
            .await;
    };
    key_in("W1").await;
    expects("Scan an order or traveler").await;
    key_in("TRV-WO-1.1").await;
    press("LSN-CHECK").await;
    expects("Inspector’s badge needed").await;
    key_in("Q1").await;
    expects("How many were inspected?").await;
    key_in("20").await;
    expects("Faulty pieces, or DONE").await;
    press("LSN-SCRAP").await;
    expects("How many scrap?").await;
    key_in("2").await;
    press("RSN-D1").await;
    let noted = until("the fault on the screen", async || {
        let text = window.look(INSPECTION).await.as_str().map(str::to_owned)?;
        text.contains("2 scrap D1").then_some(text)
    })
    .await;
    assert!(noted.contains("20 inspected") && noted.contains("by 李"), "{noted}");
    keep("/station/ST-01 inspecting", &window).await;
    press("LSN-DONE").await;
    window.until("the end of it", &format!("{INSPECTION} === ''")).await;
    let listed = site.get("inspections").await;
    assert_eq!(listed["inspections"][0]["unqualified_quantity"], json!("2"), "{listed}");
}
