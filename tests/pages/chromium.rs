//! Chromium, driven over its own protocol (CDP): one browser at a time, windows that keep count of everything that goes
//! wrong in them.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{ConnectStream, connect_async};
use async_tungstenite::tungstenite::Message;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::park::{PATIENCE, until};

/// Figures are of one browser alone.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// As people run it, without what it does for itself in the background.
const FLAGS: &str = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-quic \
    --disable-background-networking --disable-component-update --disable-sync --disable-extensions --mute-audio \
    --disable-renderer-backgrounding --disable-backgrounding-occluded-windows --disable-background-timer-throttling \
    --remote-debugging-port=0";

/// Killed on drop.
pub struct Browser {
    process: Child,
    wire: Wire,
    agent: String,
    _profile: TempDir,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

impl Browser {
    /// `None` where there is no Chromium, which tests/run installs.
    pub async fn start() -> Option<Self> {
        let alone = ALONE.lock().await;
        let profile = tempfile::tempdir().expect("a temporary folder");
        let spawned = Command::new("chromium")
            .args(FLAGS.split_whitespace())
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = spawned else {
            eprintln!("skipped: no chromium, which tests/run installs");
            return None;
        };
        let told = profile.path().join("DevToolsActivePort");
        let address = until("chromium", async || {
            let told = std::fs::read_to_string(&told).ok()?;
            let (port, path) = told.trim().split_once('\n')?;
            Some(format!("ws://127.0.0.1:{port}{path}"))
        })
        .await;
        let (stream, _) = connect_async(address).await.expect("chromium listens");
        let wire = Wire::new(stream);
        let version = wire.call(None, "Browser.getVersion", json!({})).await;
        let agent = version["userAgent"].as_str().expect("a name").to_owned();
        Some(Self {
            process,
            wire,
            agent,
            _profile: profile,
            _alone: alone,
        })
    }

    /// A window of its own, which is seen whatever others are open.
    pub async fn window(&self) -> Window {
        let wanted = json!({"url": "about:blank", "newWindow": true});
        let made = self.wire.call(None, "Target.createTarget", wanted).await;
        let wanted = json!({"targetId": made["targetId"], "flatten": true});
        let attached = self.wire.call(None, "Target.attachToTarget", wanted).await;
        let window = Window {
            wire: self.wire.clone(),
            session: attached["sessionId"].as_str().expect("a session").to_owned(),
            agent: self.agent.clone(),
        };
        for domain in ["Page", "Runtime", "Log"] {
            window.call(&format!("{domain}.enable"), json!({})).await;
        }
        window
            .call("Emulation.setFocusEmulationEnabled", json!({"enabled": true}))
            .await;
        window
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
}

pub struct Window {
    wire: Wire,
    session: String,
    agent: String,
}

impl Window {
    async fn call(&self, method: &str, parameters: Value) -> Value {
        self.wire.call(Some(&self.session), method, parameters).await
    }

    pub async fn resize(&self, screen: Screen) {
        let Screen { width, height, .. } = screen;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 1000});
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What the system wants of pages; nothing moves for show.
    pub async fn prefer(&self, look: &str) {
        let features = json!([
            {"name": "prefers-color-scheme", "value": look},
            {"name": "prefers-reduced-motion", "value": "reduce"}
        ]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
    }

    /// The language of who looks, from the next page on.
    pub async fn speak(&self, language: &str) {
        let who = json!({"userAgent": self.agent, "acceptLanguage": language});
        self.call("Emulation.setUserAgentOverride", who).await;
    }

    /// How many times slower than this machine.
    pub async fn slow_down(&self, times: u32) {
        self.call("Emulation.setCPUThrottlingRate", json!({"rate": times}))
            .await;
    }

    /// Opens a page and waits until it has loaded; what went wrong before is forgotten.
    pub async fn open(&self, url: &str) {
        // An address that only differs behind # would not be loaded anew.
        self.call("Page.navigate", json!({"url": "about:blank"})).await;
        self.until("an empty page", "location.href === 'about:blank'").await;
        self.troubles();
        let answer = self.call("Page.navigate", json!({"url": url})).await;
        assert_eq!(answer["errorText"], Value::Null, "{url}");
        let is_there = "location.href !== 'about:blank' && document.readyState === 'complete'";
        self.until(url, is_there).await;
    }

    /// What an expression, or the promise that it is, comes to.
    pub async fn look(&self, expression: &str) -> Value {
        let wanted = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut seen = self.call("Runtime.evaluate", wanted).await;
        let failed = &seen["exceptionDetails"];
        assert!(
            failed.is_null(),
            "{failed} in {}",
            &expression[..expression.len().min(400)]
        );
        seen["result"]["value"].take()
    }

    /// Also while one page gives way to another.
    pub async fn until(&self, what: &str, expression: &str) {
        let wanted = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let is_so = async || {
            let answer = self
                .wire
                .ask(Some(&self.session), "Runtime.evaluate", wanted.clone())
                .await;
            (answer["result"]["result"]["value"] == true).then_some(())
        };
        until(what, is_so).await;
    }

    pub async fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, Value::Null),
            "Escape" => (27, Value::Null),
            "Enter" => (13, json!("\r")),
            other => panic!("nobody has to press {other}"),
        };
        let down = if text.is_null() { "rawKeyDown" } else { "keyDown" };
        for event in [down, "keyUp"] {
            let mut pressed = json!({"type": event, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if event == down && !text.is_null() {
                pressed["text"] = text.clone();
            }
            self.call("Input.dispatchKeyEvent", pressed).await;
        }
    }

    /// Clicks what has these words or this label, as a finger does: it has to be there, enabled, and not covered. While a
    /// dialog is open, in there.
    pub async fn click(&self, words: &str) {
        let find = format!(
            r#"(() => {{
                const place = document.querySelector("dialog[open]") ?? document;
                const found = [...place.querySelectorAll("button, a, summary")].find((e) =>
                    e.checkVisibility() && !e.disabled && [e.textContent.trim(), e.getAttribute("aria-label")].includes({words:?}));
                if (!found) return null;
                found.scrollIntoView({{ block: "center" }});
                const {{ x, y, width, height }} = found.getBoundingClientRect();
                const at = [x + width / 2, y + height / 2];
                return found.contains(document.elementFromPoint(...at)) ? at : null;
            }})()"#
        );
        let what = format!("{words} to be clicked");
        let place = async || serde_json::from_value::<(f64, f64)>(self.look(&find).await).ok();
        let (x, y) = until(&what, place).await;
        for event in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let pointed = json!({"type": event, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", pointed).await;
        }
    }

    /// Types over what a control holds; while a dialog is open, of one in there.
    pub async fn fill(&self, control: &str, text: &str) {
        let focus = format!(
            "(() => {{ const e = (document.querySelector('dialog[open]') ?? document).querySelector({control:?}); \
             e?.focus(); e?.select(); return !!e && e === document.activeElement; }})()"
        );
        self.until(&format!("{control} to be filled"), &focus).await;
        self.call("Input.insertText", json!({"text": text})).await;
    }

    /// A PNG, in base64.
    pub async fn picture(&self) -> String {
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"})).await;
        picture["data"].as_str().expect("a picture").to_owned()
    }

    /// Errors of scripts, of the console, of the network and of the content security policy since they were asked for.
    pub fn troubles(&self) -> Vec<String> {
        let mut troubles = self.wire.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let all = std::mem::take(&mut *troubles);
        let (own, others) = all.into_iter().partition(|(session, _)| *session == self.session);
        *troubles = others;
        own.into_iter().map(|(_, trouble)| trouble).collect()
    }
}

/// Who asked, and what to answer it.
type Waiting = HashMap<u64, oneshot::Sender<Value>>;

#[derive(Clone)]
struct Wire {
    say: mpsc::UnboundedSender<(u64, String, oneshot::Sender<Value>)>,
    last: Arc<AtomicU64>,
    /// By session.
    troubles: Arc<Mutex<Vec<(String, String)>>>,
}

impl Wire {
    fn new(stream: WebSocketStream<ConnectStream>) -> Self {
        let (say, said) = mpsc::unbounded_channel();
        let troubles = Arc::default();
        tokio::spawn(converse(stream, said, Arc::clone(&troubles)));
        Self {
            say,
            last: Arc::default(),
            troubles,
        }
    }

    async fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        let mut answer = self.ask(session, method, parameters).await;
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    /// The answer with what it says of errors.
    async fn ask(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let mut call = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        let (answer, answered) = oneshot::channel();
        self.say.send((id, call.to_string(), answer)).expect("chromium lives");
        let answer = timeout(PATIENCE, answered).await;
        answer
            .unwrap_or_else(|_| panic!("no answer to {method}"))
            .expect("chromium lives")
    }
}

async fn converse(
    mut stream: WebSocketStream<ConnectStream>,
    mut said: mpsc::UnboundedReceiver<(u64, String, oneshot::Sender<Value>)>,
    troubles: Arc<Mutex<Vec<(String, String)>>>,
) {
    let mut waiting = Waiting::new();
    loop {
        tokio::select! {
            Some((id, call, answer)) = said.recv() => {
                waiting.insert(id, answer);
                if stream.send(Message::text(call)).await.is_err() {
                    return;
                }
            }
            Some(Ok(heard)) = stream.next() => {
                let Message::Text(text) = heard else { continue };
                let heard: Value = serde_json::from_str(&text).expect("chromium speaks JSON");
                if let Some(asked) = heard["id"].as_u64().and_then(|id| waiting.remove(&id)) {
                    asked.send(heard).ok();
                } else if let Some(trouble) = trouble(&heard) {
                    let session = heard["sessionId"].as_str().unwrap_or_default().to_owned();
                    troubles.lock().unwrap_or_else(PoisonError::into_inner).push((session, trouble));
                }
            }
            else => return,
        }
    }
}

/// What an event says that should not be.
fn trouble(event: &Value) -> Option<String> {
    let told = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(told["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" => {
            let is_bad = matches!(told["type"].as_str(), Some("error" | "warning" | "assert"));
            is_bad.then(|| told["args"].to_string())
        }
        "Log.entryAdded" => {
            let entry = &told["entry"];
            // Who is not signed in is refused what only others may see; the browser notes that whatever the page makes of it.
            let is_refusal = entry["text"]
                .as_str()
                .is_some_and(|text| text.contains("status of 401") || text.contains("HTTP Authentication failed"));
            let is_bad = !is_refusal && matches!(entry["level"].as_str(), Some("error" | "warning"));
            is_bad.then(|| format!("{}: {} {}", entry["source"], entry["text"], entry["url"]))
        }
        _ => None,
    }
}
