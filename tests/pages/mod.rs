//! The pages, in the browser of those who look at them.
//!
//! `LINESIDE_SCREENSHOTS=DIR` leaves a picture of each page in each language, look and size there.

mod chromium;
mod flows;
mod keys;
mod sight;
mod station;
mod time;
mod words;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chromium::{Screen, Window};
use lineside::demo::{Plant, Settings};
use lineside::web::PAGES;
use tempfile::TempDir;

const LANGUAGES: [&str; 2] = ["en", "zh"];
const LOOKS: [&str; 2] = ["light", "dark"];
const WALL: Screen = Screen {
    name: "wall",
    width: 1920,
    height: 1080,
};
const DESK: Screen = Screen {
    name: "desk",
    width: 1280,
    height: 800,
};
const TABLET: Screen = Screen {
    name: "tablet",
    width: 800,
    height: 1280,
};
const PHONE: Screen = Screen {
    name: "phone",
    width: 390,
    height: 844,
};
const SCREENS: [Screen; 4] = [WALL, DESK, TABLET, PHONE];

/// People take their time, and more where many tests share the machine.
const AT_WORK_WITHIN: Duration = Duration::from_secs(90);
/// Far below what the window lets one client ask for in a second: who goes on asking beyond that is never answered in full.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Of all that a browser may load of us, compressed.
const ASSETS_BYTES_MAX: usize = 250_000;

/// Where each page is, with something to show.
fn pages() -> impl Iterator<Item = String> {
    PAGES.iter().map(|(at, _)| at.replace("{id}", "ST-01"))
}

/// Where the scripts, styles and pages lie.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/page"))
}

/// All files of the pages.
fn assets() -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let found = if path.is_dir() { &mut folders } else { &mut files };
            found.push(path);
        }
    }
    files
}

/// The demo's plant, at work.
struct Demo {
    web: SocketAddr,
    _plant: Plant,
    _dir: TempDir,
}

impl Demo {
    async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let settings = Settings {
            dir: dir.path().join("plant"),
            listen: ([127, 0, 0, 1], 0).into(),
            seed: 1,
            pace: Duration::from_millis(300),
            is_calm: false,
        };
        let plant = Plant::start(&settings).await.expect("the plant starts");
        let mut seen = None;
        let at_work = async {
            loop {
                let pulse = plant.pulse().await;
                if pulse.as_ref().is_ok_and(|pulse| pulse.reports > 3) {
                    return;
                }
                seen = Some(pulse);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let is_at_work = tokio::time::timeout(AT_WORK_WITHIN, at_work).await.is_ok();
        assert!(is_at_work, "waited in vain for the first reports: {seen:?}");
        Self {
            web: plant.web_address(),
            _plant: plant,
            _dir: dir,
        }
    }

    fn url(&self, page: &str) -> String {
        format!("http://{}{page}", self.web)
    }
}

/// Opens a page and waits until it shows what it has.
async fn open(window: &Window, url: &str) {
    window.open(url).await;
    let shows = "!!document.querySelector('main')?.innerText.trim() \
        && (!!document.getElementById('clock')?.textContent || performance.now() > 3000)";
    window.until(url, shows).await;
}

/// Parts that a page shows one at a time, by what stands behind # in their address; the page itself where it has none.
async fn parts(window: &Window) -> Vec<String> {
    let links =
        "[...new Set([...document.querySelectorAll('nav a[href^=\"#\"]')].map((link) => link.getAttribute('href')))]";
    let parts: Vec<String> = serde_json::from_value(window.look(links).await).expect("a list");
    if parts.is_empty() { vec![String::new()] } else { parts }
}

async fn go_to(window: &Window, part: &str) {
    if !part.is_empty() {
        window.look(&format!("location.hash = {part:?}; 0")).await;
    }
    drawn(window).await;
}

/// What was changed is on the screen.
async fn drawn(window: &Window) {
    let frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))";
    window.look(frames).await;
}

#[test]
fn all_assets_together_are_small() {
    let compressed = |path: &PathBuf| {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        zip.write_all(&std::fs::read(path).expect("a file")).expect("memory");
        zip.finish().expect("memory").len()
    };
    let sum: usize = assets().iter().map(compressed).sum();
    println!("{} files, {sum} bytes compressed", assets().len());
    assert!(sum < ASSETS_BYTES_MAX, "{sum}");
}
