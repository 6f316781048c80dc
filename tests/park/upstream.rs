//! An upstream that answers as told and remembers every request, in the order in which they came.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::PATIENCE;

/// One POST as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub key: String,
    pub encoding: Option<String>,
    pub bytes: Bytes,
    pub body: Arc<Value>,
    pub at: Instant,
}

impl Request {
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().expect("a batch has messages")
    }

    pub fn ids(&self) -> Vec<String> {
        let id = |message: &Value| message["message_id"].as_str().expect("an id").to_owned();
        self.messages().iter().map(id).collect()
    }

    pub fn lane(&self) -> &str {
        self.messages()[0]["lane"].as_str().expect("a lane")
    }
}

/// What the upstream does about a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// All is stored.
    Stored,
    Answer(StatusCode, String),
    RetryAfter(StatusCode, &'static str),
    /// What is named is not stored: message id, `rejected` or `retry`.
    Named(Vec<(String, &'static str)>),
    Late(Duration),
    /// Never an answer.
    Silence,
}

type Script = dyn Fn(&Request, usize) -> Reaction + Send + Sync;

/// Serves until dropped.
pub struct Upstream {
    address: SocketAddr,
    heard: watch::Receiver<Vec<Request>>,
    _stop: DropGuard,
}

#[derive(Clone)]
struct Desk {
    heard: Arc<watch::Sender<Vec<Request>>>,
    script: Arc<Script>,
}

impl Upstream {
    /// The script is given the request and how many came before it.
    pub async fn start(script: impl Fn(&Request, usize) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start_on(super::free_port(), script).await
    }

    /// Comes up on a port where nothing answered before.
    pub async fn start_on(port: u16, script: impl Fn(&Request, usize) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (sender, heard) = watch::channel(Vec::new());
        let desk = Desk {
            heard: Arc::new(sender),
            script: Arc::new(script),
        };
        let router = Router::new()
            .route("/batches", post(take))
            .layer(DefaultBodyLimit::disable())
            .with_state(desk);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            stopped
                .run_until_cancelled(async { axum::serve(listener, router).await })
                .await
        });
        Self {
            address,
            heard,
            _stop: stop.drop_guard(),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/batches", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.heard.borrow().clone()
    }

    /// All requests, once they are as wanted.
    pub async fn heard(&self, what: &str, is_enough: impl Fn(&[Request]) -> bool) -> Vec<Request> {
        let mut heard = self.heard.clone();
        let enough = heard.wait_for(|requests| is_enough(requests));
        let Ok(requests) = tokio::time::timeout(PATIENCE, enough).await else {
            panic!("waited in vain for {what} in {} requests", self.requests().len());
        };
        requests.expect("the sender lives as long as the server").clone()
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, bytes: Bytes) -> Response {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().expect("ASCII").to_owned());
    let encoding = text("content-encoding");
    let request = Request {
        key: text("idempotency-key").expect("every batch has a key"),
        body: Arc::new(serde_json::from_slice(&decoded(encoding.as_deref(), &bytes)).expect("a batch is JSON")),
        encoding,
        bytes,
        at: Instant::now(),
    };
    let reaction = (desk.script)(&request, desk.heard.borrow().len());
    desk.heard.send_modify(|requests| requests.push(request));
    let stored = || Json(json!({"accepted": 1, "duplicate": 0, "results": []})).into_response();
    match reaction {
        Reaction::Stored => stored(),
        Reaction::Answer(status, body) => (status, body).into_response(),
        Reaction::RetryAfter(status, after) => {
            (status, [(header::RETRY_AFTER, HeaderValue::from_static(after))]).into_response()
        }
        Reaction::Named(named) => {
            let result = |(id, status): &(String, &str)| json!({"message_id": id, "status": status, "code": "order_not_found", "detail": "no such order"});
            let results: Vec<Value> = named.iter().map(result).collect();
            Json(json!({"accepted": 0, "duplicate": 0, "results": results})).into_response()
        }
        Reaction::Late(after) => {
            tokio::time::sleep(after).await;
            stored()
        }
        Reaction::Silence => std::future::pending().await,
    }
}

fn decoded(encoding: Option<&str>, bytes: &[u8]) -> Vec<u8> {
    match encoding {
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(bytes)
                .read_to_end(&mut plain)
                .expect("gzip");
            plain
        }
        Some("zstd") => zstd::decode_all(bytes).expect("zstd"),
        None => bytes.to_vec(),
        Some(other) => panic!("{other} was not agreed on"),
    }
}
