//! What there is to see: every page on every screen, in both looks and languages, without anything cut off, any error, or
//! anything that some can not see (WCAG 2.1 AA, by axe).

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::chromium::{Browser, Screen, Window};
use super::{DESK, Demo, LANGUAGES, LOOKS, PHONE, SCREENS, drawn, go_to, open, pages, parts};

/// Fingers, in gloves at a station.
const TOUCH_PX: u32 = 44;
const STATION_TOUCH_PX: u32 = 64;

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_every_screen_in_both_looks_and_languages() {
    let Some(browser) = Browser::start().await else { return };
    let demo = Demo::start().await;
    let window = browser.window().await;
    let axe = axe();
    let (mut defects, mut views, mut examined) = (Vec::new(), 0, 0);
    for page in pages() {
        for language in LANGUAGES {
            window.speak(language).await;
            window.resize(DESK).await;
            open(&window, &demo.url(&page)).await;
            if let Some(axe) = &axe {
                window.look(axe).await;
            }
            assert_eq!(window.look("document.documentElement.lang").await, language);
            for part in parts(&window).await {
                for look in LOOKS {
                    window.prefer(look).await;
                    for screen in SCREENS {
                        window.resize(screen).await;
                        go_to(&window, &part).await;
                        let called = if page == "/" { "board" } else { &page };
                        let name = format!("{called}{part} {language} {look} {}", screen.name);
                        let found = misfits(&window, screen, &page).await;
                        defects.extend(found.into_iter().map(|defect| format!("{name}: {defect}")));
                        views += 1;
                        // Contrast is a matter of the look, and what else axe looks for one of the language.
                        let is_examined = [("en", "light"), ("zh", "dark")].contains(&(language, look));
                        if axe.is_some() && is_examined && [DESK, PHONE].contains(&screen) {
                            examined += 1;
                            let found = barriers(&window).await;
                            defects.extend(found.into_iter().map(|defect| format!("{name}: {defect}")));
                        }
                        keep(&name, &window).await;
                    }
                }
            }
            let troubles = window.troubles().into_iter();
            defects.extend(troubles.map(|trouble| format!("{page} {language}: {trouble}")));
        }
    }
    println!("{views} views of pages, {examined} of them examined by axe");
    assert!(defects.is_empty(), "{} defects\n{}", defects.len(), defects.join("\n"));
}

/// What goes over the edge, and what is too small for a finger.
async fn misfits(window: &Window, screen: Screen, page: &str) -> Vec<String> {
    drawn(window).await;
    let touch = match page {
        _ if screen.width >= DESK.width => 0,
        station if station.starts_with("/station/") => STATION_TOUCH_PX,
        _ => TOUCH_PX,
    };
    let look = r#"((width, touch) => {
        const sign = (e) => `<${e.tagName.toLowerCase()} id="${e.id}" class="${e.getAttribute("class") ?? ""}"> ${e.textContent.trim().slice(0, 40)}`;
        const scrolls = (e) => e && (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
        const found = [];
        if (width >= 1280) for (const e of document.querySelectorAll("main table")) {
            // What stands beside a table may be moved into sight; at a desk nobody should have to.
            const frame = e.parentElement;
            if (e.checkVisibility() && frame.scrollWidth > frame.clientWidth + 1) {
                found.push(`${frame.scrollWidth} px of ${frame.clientWidth}: ${sign(e)}`);
            }
        }
        if (document.documentElement.scrollWidth > width) {
            const wide = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > width + 0.5 && !scrolls(e.parentElement));
            found.push(`${document.documentElement.scrollWidth} px wide: ${wide.slice(0, 3).map(sign).join("; ")}`);
        }
        if (touch) for (const e of document.querySelectorAll("button, select, input:not([type=checkbox], [type=radio]), header a, nav a")) {
            const { width, height } = e.getBoundingClientRect();
            if (e.checkVisibility() && width > 1 && Math.round(height) < (e.closest("main") && e.matches("button, input") ? touch : 44)) {
                found.push(`only ${Math.round(height)} px high: ${sign(e)}`);
            }
        }
        return [...new Set(found)];
    })"#;
    let found = window.look(&format!("{look}({}, {touch})", screen.width)).await;
    serde_json::from_value(found).expect("a list")
}

/// The script of axe, from the Python package that carries it.
pub fn axe() -> Option<String> {
    let find = "import importlib.util as i; print(i.find_spec('axe_playwright_python').submodule_search_locations[0])";
    let told = Command::new("python3").args(["-c", find]).output().ok();
    let folder = told
        .filter(|told| told.status.success())
        .and_then(|told| String::from_utf8(told.stdout).ok());
    if folder.is_none() {
        eprintln!("skipped: no axe, which tests/run installs");
    }
    let script = std::fs::read_to_string(Path::new(folder?.trim()).join("axe.min.js")).expect("axe");
    Some(format!("{script};0"))
}

pub async fn barriers(window: &Window) -> Vec<String> {
    let look = r#"axe.run(document, {
        runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] },
        resultTypes: ["violations"], preload: false,
    }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
        nodes.slice(0, 3).map((node) => `${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`)))"#;
    serde_json::from_value(window.look(look).await).expect("a list")
}

/// Leaves a picture where pictures are wanted.
pub async fn keep(name: &str, window: &Window) {
    let Some(folder) = std::env::var_os("LINESIDE_SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    let picture = window.picture().await;
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    let name: String = name
        .trim_start_matches('/')
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    std::fs::write(
        folder.join(format!("{}.png", name.trim_start_matches('-'))),
        decoded(&picture),
    )
    .expect("a picture");
}

/// Base64.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |digit: &u8| DIGITS.iter().position(|known| known == digit);
    let digits: Vec<usize> = text.as_bytes().iter().filter_map(value).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        (0..four.len() - 1).map(move |nth| u8::try_from(bits >> (16 - 8 * nth) & 0xFF).expect("8 bits"))
    });
    bytes.collect()
}

#[test]
fn pictures_are_decoded() {
    for (text, bytes) in [
        ("", &b""[..]),
        ("TQ==", b"M"),
        ("TWE=", b"Ma"),
        ("TWFu", b"Man"),
        ("/+8A", b"\xFF\xEF\0"),
    ] {
        assert_eq!(decoded(text), bytes);
    }
}

/// Errors are seen where there are some: the tests above can fail.
#[tokio::test(flavor = "multi_thread")]
async fn the_browser_tells_what_goes_wrong() {
    let Some(browser) = Browser::start().await else { return };
    let site = crate::park::gateway::Site::new("");
    let _gateway = site.start().await;
    let window = browser.window().await;
    window.resize(PHONE).await;
    open(&window, &site.page("/")).await;
    assert_eq!(window.troubles(), Vec::<String>::new());
    assert_eq!(misfits(&window, PHONE, "/").await, Vec::<String>::new());
    let wrong = r#"(() => {
        const wide = document.createElement("p");
        wide.setAttribute("style", "color: red");
        wide.style.width = "2000px";
        wide.textContent = "wide";
        document.body.append(wide);
        const image = document.createElement("img");
        image.src = "https://elsewhere.example/x.png";
        document.body.append(image);
        setTimeout(() => { throw new Error("thrown"); });
        return new Promise((done) => { image.onerror = () => setTimeout(() => done(0), 50); });
    })()"#;
    assert_eq!(window.look(wrong).await, Value::from(0));
    let troubles = window.troubles().join("\n");
    for expected in ["inline style", "img-src", "thrown"] {
        assert!(troubles.contains(expected), "{expected}: {troubles}");
    }
    assert!(misfits(&window, PHONE, "/").await[0].contains("px wide"));
    if let Some(axe) = axe() {
        window.look(&axe).await;
        assert!(
            barriers(&window)
                .await
                .iter()
                .any(|found| found.starts_with("image-alt"))
        );
    }
}
