//! Who has a keyboard alone reaches everything, sees where it is, and gets out of every dialog.

use lineside::record::Kind;
use serde_json::{Value, json};

use super::chromium::{Browser, Window};
use super::{DESK, drawn, go_to, open, pages, parts};
use crate::modbus::Foreign;
use crate::openapi::sections;
use crate::park::gateway::{Daemon, Site};
use crate::park::upstream::{Reaction, Upstream};

const STOPS_MAX: usize = 400;
/// Dialogs of a part that are opened.
const BUTTONS_MAX: usize = 12;

/// A gateway with something of everything: also an alert and dead letters.
struct Place {
    site: Site,
    _gateway: Daemon,
    _peers: (Foreign, Upstream),
}

impl Place {
    async fn open() -> Self {
        let device = Foreign::start();
        let refuse = |id: String| (id, "rejected");
        let north =
            Upstream::start(move |request, _| Reaction::Named(request.ids().into_iter().map(refuse).collect())).await;
        let site = Site::new(&sections(&device, &north));
        site.know_an_order();
        site.fill(Kind::WorkReport, 3).await;
        let gateway = site.start().await;
        let is_told = |all: &Value| all["alerts"][0]["alert_id"].is_string();
        site.shows("alerts", "an alert", is_told).await;
        Self {
            site,
            _gateway: gateway,
            _peers: (device, north),
        }
    }
}

/// Remembers what should be reached; radio buttons are reached by arrows from the one of their group that is.
const WANTED: &str = r#"
window.canBeReached = () => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
    .filter((e) => e.tabIndex >= 0 && !e.matches(":disabled") && e.type !== "radio" && e.checkVisibility({ visibilityProperty: true }) && !e.closest("[inert]"));
window.wanted = new Set(canBeReached());
window.reached = new Set();
document.activeElement?.blur();
wanted.size"#;

/// Where the focus is now: whether it has been there before, and whether that shows.
const STOP: &str = r#"(() => {
    const at = document.activeElement;
    if (!at || at === document.body) return { again: false, seen: true };
    const again = reached.has(at);
    reached.add(at);
    const style = getComputedStyle(at);
    const seen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
    return { again, seen, what: at.outerHTML.slice(0, 140) };
})()"#;

/// What is there still, and was not reached.
const MISSED: &str = r"[...wanted].filter((e) => e.isConnected && canBeReached().includes(e) && !reached.has(e)).map((e) => e.outerHTML.slice(0, 140))";

async fn walk(window: &Window) -> Vec<String> {
    window.look(WANTED).await;
    let mut defects = Vec::new();
    for _ in 0..STOPS_MAX {
        window.press("Tab").await;
        let stop = window.look(STOP).await;
        if stop["again"] == true {
            break;
        }
        if stop["seen"] != true {
            defects.push(format!("the focus does not show on {}", stop["what"]));
        }
    }
    let missed: Vec<String> = serde_json::from_value(window.look(MISSED).await).expect("a list");
    defects.extend(missed.into_iter().map(|what| format!("not reached: {what}")));
    defects
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyboard_alone_reaches_everything_and_shows_where_it_is() {
    let Some(browser) = Browser::start().await else { return };
    let place = Place::open().await;
    let window = browser.window().await;
    window.resize(DESK).await;
    let mut defects = Vec::new();
    for page in pages() {
        open(&window, &place.site.page(&page)).await;
        for part in parts(&window).await {
            go_to(&window, &part).await;
            let found = walk(&window).await;
            defects.extend(found.into_iter().map(|defect| format!("{page}{part}: {defect}")));
        }
    }
    assert!(defects.is_empty(), "{}", defects.join("\n"));
}

/// Presses a button of the main part by its place among those of different words; false when there is none.
async fn press_button(window: &Window, nth: usize) -> bool {
    let focus = format!(
        r#"(() => {{
            const words = new Map();
            for (const e of document.querySelectorAll("main button:enabled")) {{
                if (e.checkVisibility() && !words.has(e.textContent)) words.set(e.textContent, e);
            }}
            const e = [...words.values()][{nth}];
            e?.focus();
            return !!e;
        }})()"#
    );
    let is_there = window.look(&focus).await == true;
    if is_there {
        window.press("Enter").await;
        drawn(window).await;
    }
    is_there
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialog_takes_the_focus_and_gives_it_back_on_escape() {
    let Some(browser) = Browser::start().await else { return };
    let place = Place::open().await;
    let window = browser.window().await;
    window.resize(DESK).await;
    let (mut defects, mut dialogs) = (Vec::new(), 0);
    // The buttons of a station are scans.
    for page in pages().filter(|page| !page.starts_with("/station/")) {
        let url = place.site.page(&page);
        open(&window, &url).await;
        for part in parts(&window).await {
            for nth in 0..BUTTONS_MAX {
                open(&window, &format!("{url}{part}")).await;
                drawn(&window).await;
                if !press_button(&window, nth).await {
                    break;
                }
                let title = "document.querySelector('dialog[open] h2, dialog[open] h3')?.textContent ?? ''";
                if window.look("!!document.querySelector('dialog[open]')").await != true {
                    continue;
                }
                dialogs += 1;
                let title = window.look(title).await;
                let has_focus = "document.querySelector('dialog[open]').contains(document.activeElement)";
                if window.look(has_focus).await != true {
                    defects.push(format!("{page}{part}: {title} does not take the focus"));
                }
                window.press("Escape").await;
                let is_back = "!document.querySelector('dialog[open]') && document.activeElement.matches('main *')";
                drawn(&window).await;
                if window.look(is_back).await != json!(true) {
                    defects.push(format!("{page}{part}: {title} stays, or the focus does not come back"));
                }
            }
        }
    }
    println!("{dialogs} dialogs");
    assert!(
        dialogs > 0 && defects.is_empty(),
        "{dialogs} dialogs\n{}",
        defects.join("\n")
    );
}
