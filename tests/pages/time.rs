//! How soon: from a scan to the screens, back after a kill -9, and first to see on a slow machine.

use std::time::{SystemTime, UNIX_EPOCH};

use lineside::demo::operators::Scanner;

use super::chromium::{Browser, Window};
use super::{DESK, Demo, open, pages};
use crate::park::gateway::Site;
use crate::park::{free_port, until};

/// So many reports of so many pieces: each sum has three digits, which no time of day has.
const PIECES: u32 = 101;
const REPORTS: u32 = 8;
/// What is promised of most, and what is asserted of all on whatever machine this runs.
const USUALLY_ON_SCREEN_WITHIN_MS: f64 = 200.0;
const ON_SCREEN_WITHIN_MS: f64 = 1000.0;
const FIRST_PAINT_WITHIN_MS: f64 = 5000.0;
/// Of a tablet that hangs at a machine.
const TIMES_SLOWER: u32 = 6;

fn now_ms() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_secs_f64() * 1000.0
}

/// Notes when a text first comes up.
const WATCH: &str = r"
window.seenAt = {};
window.awaited = null;
const look = () => {
    if (awaited && !(awaited in seenAt) && document.querySelector('main').textContent.includes(awaited)) {
        seenAt[awaited] = performance.timeOrigin + performance.now();
    }
};
new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
0";

/// A window that watches for what a scan changes.
async fn watching(browser: &Browser, url: &str) -> Window {
    let window = browser.window().await;
    window.resize(DESK).await;
    open(&window, url).await;
    window.look(WATCH).await;
    window
}

async fn seen_at(window: &Window, text: &str) -> f64 {
    let what = format!("{text} on the screen");
    let seen = format!("seenAt[{text:?}] ?? null");
    until(&what, async || window.look(&seen).await.as_f64()).await
}

/// The median and the largest.
fn sum_up(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() - 1])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_on_the_screens_at_once_also_after_the_gateway_was_killed() {
    let Some(browser) = Browser::start().await else { return };
    let port = free_port();
    let site = Site::new(&format!(
        "[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{port}\"\nmode = \"report_only\"\nreply = \"text\"\n\
         duplicate_window = \"1ms\"\n"
    ));
    site.know_an_order();
    let gateway = site.start().await;
    let screens = [
        ("board", watching(&browser, &site.page("/")).await),
        ("station", watching(&browser, &site.page("/station/ST-01")).await),
    ];
    let mut scanner = Scanner::new(([127, 0, 0, 1], port).into());
    for code in ["EMP-W1", "TRV-WO-1.1"] {
        assert_eq!(scanner.scan(code).await.expect("an answer").kind, "OK", "{code}");
    }
    let mut times = [Vec::new(), Vec::new()];
    for report in 1..=REPORTS {
        let sum = (report * PIECES).to_string();
        for (_, window) in &screens {
            window.look(&format!("awaited = {sum:?}")).await;
        }
        let answer = scanner.scan(&format!("QTY-{PIECES}")).await.expect("an answer");
        let answered_at = now_ms();
        assert_eq!(answer.code, "REPORTED");
        for ((_, window), times) in screens.iter().zip(&mut times) {
            times.push((seen_at(window, &sum).await - answered_at).max(0.0));
        }
    }
    for ((name, _), times) in screens.iter().zip(times) {
        let (median, largest) = sum_up(times);
        println!("{name}: {median:.0} ms from the answer to the screen, at most {largest:.0} ms");
        assert!(median < USUALLY_ON_SCREEN_WITHIN_MS, "{name}: {median} ms");
        assert!(largest < ON_SCREEN_WITHIN_MS, "{name}: {largest} ms");
    }

    gateway.kill();
    let is_stale = "document.body.classList.contains('is-stale')";
    for (name, window) in &screens {
        window
            .until(&format!("the {name} to know that it is old"), is_stale)
            .await;
    }
    let _gateway = site.start().await;
    let begun = now_ms();
    for (name, window) in &screens {
        window
            .until(&format!("the {name} to be fresh again"), &format!("!{is_stale}"))
            .await;
        println!("{name}: {:.0} ms after a restart it is fresh", now_ms() - begun);
    }
    let mut scanner = Scanner::new(([127, 0, 0, 1], port).into());
    let sum = ((REPORTS + 1) * PIECES).to_string();
    for (_, window) in &screens {
        // Of the page that was there before: it was not loaded anew.
        window.look(&format!("awaited = {sum:?}")).await;
    }
    scanner.scan(&format!("QTY-{PIECES}")).await.expect("an answer");
    for (_, window) in &screens {
        seen_at(window, &sum).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_soon_there_on_a_slow_machine() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start().await;
    let window = browser.window().await;
    window.resize(DESK).await;
    window.slow_down(TIMES_SLOWER).await;
    for page in pages() {
        open(&window, &demo.url(&page)).await;
        let paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
        let paint = until("a first paint", async || window.look(paint).await.as_f64()).await;
        let loaded = window
            .look("performance.getEntriesByType('navigation')[0].loadEventEnd")
            .await;
        let loaded = loaded.as_f64().unwrap_or_default();
        println!("{page}: first paint after {paint:.0} ms, loaded after {loaded:.0} ms, {TIMES_SLOWER} times slower");
        assert!(paint < FIRST_PAINT_WITHIN_MS, "{page}: {paint} ms");
    }
}
