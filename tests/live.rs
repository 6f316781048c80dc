//! Live values as screens get them: what they know is what the API says, also after a break; many look at once; a stop sends
//! all of them away.

use std::collections::BTreeMap;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{ConnectStream, connect_async};
use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::{Error, Message};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::park::PATIENCE;
use crate::park::gateway::Site;
use crate::station::Shop;

/// A screen: what it was told, put together as a page does it.
struct Screen {
    stream: WebSocketStream<ConnectStream>,
    known: BTreeMap<String, Value>,
    epoch: String,
    sequence: u64,
    was_told_all: bool,
}

impl Screen {
    async fn open(site: &Site) -> Self {
        Self::connect(site, "", BTreeMap::new()).await
    }

    async fn connect(site: &Site, query: &str, known: BTreeMap<String, Value>) -> Self {
        let (stream, _) = connect_async(format!("{}{query}", site.live_url())).await.unwrap();
        let mut screen = Self {
            stream,
            known,
            epoch: String::new(),
            sequence: 0,
            was_told_all: false,
        };
        screen.frame().await.expect("a first frame");
        screen
    }

    /// Comes back after a break.
    async fn resume(self, site: &Site) -> Self {
        let Self {
            known, epoch, sequence, ..
        } = self;
        Self::connect(site, &format!("?epoch={epoch}&after={sequence}"), known).await
    }

    /// Takes in one frame; `None` when the gateway has taken leave. A frame never tells what a screen knows already.
    async fn frame(&mut self) -> Option<Value> {
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await.expect("a sign of life")?;
            let Message::Text(text) = message.ok()? else { continue };
            let frame: Value = serde_json::from_str(&text).expect("a frame is JSON");
            if frame["whole"] == true {
                self.known.clear();
                self.was_told_all = true;
            }
            for (key, value) in frame["set"].as_object().expect("values") {
                let before = self.known.insert(key.clone(), value.clone());
                // What went to and fro while nobody looked may be told again.
                let is_doubled = before.as_ref() == Some(value) && !self.epoch.is_empty();
                assert!(!is_doubled, "{key} is told twice: {value}");
            }
            for key in frame["removed"].as_array().expect("keys") {
                self.known.remove(key.as_str().expect("a key"));
            }
            assert!(frame["sequence"].as_u64().expect("a number") >= self.sequence);
            self.sequence = frame["sequence"].as_u64().expect("a number");
            frame["epoch"].as_str().expect("text").clone_into(&mut self.epoch);
            return Some(frame);
        }
    }

    async fn until(&mut self, what: &str, is_wanted: impl Fn(&BTreeMap<String, Value>) -> bool) {
        let seen = async {
            while !is_wanted(&self.known) {
                self.frame().await.expect("the gateway goes on");
            }
        };
        timeout(PATIENCE, seen)
            .await
            .unwrap_or_else(|_| panic!("no screen shows {what}"));
    }

    async fn knows_the_station(&mut self, site: &Site) {
        let station = site.get("stations").await["ST-01"].take();
        self.until("the station as it is", |known| known["station/ST-01"] == station)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_misses_nothing_and_is_told_nothing_twice_over_breaks_and_restarts() {
    let mut shop = Shop::open("start_stop", "").await;
    let mut screen = Screen::open(&shop.site).await;
    assert!(screen.was_told_all);
    let orders: Vec<_> = screen.known.keys().filter(|key| key.starts_with("order/")).collect();
    assert_eq!(orders, ["order/WO-1", "order/WO-2", "order/WO-3"]);
    for key in [
        "gateway",
        "buffer",
        "reference",
        "upstream/central",
        "source/station/ST-01",
        "equipment/PRESS-7",
    ] {
        assert!(screen.known.contains_key(key), "{key}");
    }

    let scanned = Instant::now();
    shop.scan(&[("EMP-W1", "SIGNED_ON")]).await;
    screen.knows_the_station(&shop.site).await;
    assert_eq!(screen.known["station/ST-01"]["worker_no"], "W1");
    assert!(
        scanned.elapsed() < Duration::from_secs(5),
        "a debug build on a busy machine"
    );

    // A break, while work goes on.
    screen.stream.close(None).await.ok();
    let script = [
        ("TRV-WO-2.1", "JOB_LOADED"),
        ("LSN-START", "STARTED"),
        ("QTY-3", "REPORTED"),
    ];
    shop.scan(&script).await;
    let mut screen = screen.resume(&shop.site).await;
    assert!(!screen.was_told_all, "only what it missed");
    screen.knows_the_station(&shop.site).await;
    let order = shop.site.get("orders").await["orders"]
        .as_array()
        .and_then(|orders| orders.iter().find(|order| order["order_no"] == "WO-2"))
        .cloned()
        .expect("the order");
    screen
        .until("the order as it is", |known| known["order/WO-2"] == order)
        .await;

    // Another run of the gateway tells everything anew.
    shop.kill();
    shop.start().await;
    let mut screen = screen.resume(&shop.site).await;
    assert!(screen.was_told_all);
    screen.knows_the_station(&shop.site).await;
    assert_eq!(screen.known["station/ST-01"]["order_no"], "WO-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_look_at_once_and_a_stop_sends_them_away() {
    const SCREENS: usize = 200;
    let site = Site::new("");
    site.know_an_order();
    let gateway = site.start().await;
    let mut screens = Vec::new();
    for _ in 0..SCREENS {
        screens.push(Screen::open(&site).await);
    }
    for screen in &mut screens {
        assert!(screen.frame().await.is_some(), "a sign of life");
        assert_eq!(screen.known["order/WO-1"]["status"], json!(2));
    }
    let away = tokio::spawn(async move {
        for mut screen in screens {
            while screen.frame().await.is_some() {}
        }
    });
    let stopped = tokio::task::spawn_blocking(move || gateway.stop()).await.unwrap();
    assert!(stopped.success());
    timeout(PATIENCE, away).await.expect("all are sent away").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_and_too_many_screens_are_refused() {
    let site = Site::new("");
    let _gateway = site.start().await;
    let asked = |origin: &str| {
        let mut request = site.live_url().into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    let own = site.live_url().replace("ws://", "http://").replace("/api/v1/live", "");
    connect_async(asked(&own)).await.expect("our own page may look");
    match connect_async(asked("http://elsewhere.example")).await {
        Err(Error::Http(refused)) => assert_eq!(refused.status(), 403),
        other => panic!("{other:?}"),
    }
    let mut screens = Vec::new();
    let refused = loop {
        match connect_async(site.live_url()).await {
            Ok((stream, _)) => screens.push(stream),
            Err(Error::Http(refused)) => break refused.status(),
            Err(error) => panic!("after {}: {error}", screens.len()),
        }
    };
    assert_eq!((refused.as_u16(), screens.len()), (503, 240));
    // Whoever leaves makes room.
    screens.truncate(200);
    crate::park::until("room", async || connect_async(site.live_url()).await.ok()).await;
}
