//! The store's HTTP API. All but `/healthz` needs the token. Errors are problems (RFC 9457).

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::push::{Caller, PushError, Pushed, Receipt, Subject};
use super::statement::DbError;
use super::{IngestError, Store};
use crate::http::Problem;
use crate::secret::Secret;
use crate::wire::Batch;

/// A request as it travels, compressed or not.
pub const BODY_BYTES_MAX: usize = 8 << 20;

/// A body after decompression: a small one that grows beyond is a bomb.
const PLAIN_BYTES_MAX: usize = 32 << 20;

/// The memory a zstd frame may ask for, as a power of two.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

const RETRY_AFTER_S: u64 = 2;

const REPORTS_DEFAULT: i64 = 100;
const REPORTS_MAX: i64 = 1000;

type Body = Result<Bytes, BytesRejection>;
type Key = Result<Path<String>, PathRejection>;

/// A route that pushes one kind of record.
macro_rules! pushes {
    ($subject:expr) => {
        async |store: State<Store>, peer: ConnectInfo<SocketAddr>, headers: HeaderMap, key: Key, body: Body| {
            push($subject, store, peer, headers, key, body).await
        }
    };
}

pub fn routes(store: Store, token: Option<Secret>) -> Router {
    let token = token.map(Arc::new);
    Router::new()
        .route("/api/v1/batches", post(batches))
        .route("/api/v1/reference", get(reference))
        .route("/api/v1/orders/{order_no}", get(order).put(pushes!(Subject::Order)))
        .route("/api/v1/workers/{worker_no}", put(pushes!(Subject::Worker)))
        .route("/api/v1/equipment/{code}", put(pushes!(Subject::Equipment)))
        .route("/api/v1/reasons/{code}", put(pushes!(Subject::Reason)))
        .route("/api/v1/reports", get(reports))
        .route("/api/v1/gateways", get(gateways))
        .route("/metrics", get(metrics))
        .route_layer(middleware::from_fn(move |request: Request, next: Next| {
            let allowed = token.as_ref().is_none_or(|token| bears(request.headers(), token));
            async move {
                if allowed {
                    return next.run(request).await;
                }
                Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "this needs `Authorization: Bearer` with the store's token",
                )
                .into_response()
            }
        }))
        .route("/healthz", get(async || Json(json!({"status": "ok"}))))
        .with_state(store)
}

fn bears(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, given)| scheme.eq_ignore_ascii_case("bearer") && token.matches(given.trim()))
}

/// A batch, once here, is worked to its end even when the sender hangs up: its repeat then finds it done.
async fn batches(State(store): State<Store>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let body = body?;
    let work = tokio::spawn(async move {
        let plain = decompress(&headers, body)?;
        let batch: Batch<'_> = serde_json::from_slice(&plain).map_err(|e| malformed(&e))?;
        match store.ingest(&batch).await {
            Ok(answer) => Ok(Json(answer).into_response()),
            Err(IngestError::Malformed(why)) => Err(Problem::new(StatusCode::BAD_REQUEST, why)),
            Err(IngestError::Later(why)) => Err(unavailable(why)),
        }
    });
    match work.await {
        Ok(answered) => answered,
        Err(error) => {
            tracing::error!(%error, "storing a batch failed");
            Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "storing the batch failed",
            ))
        }
    }
}

fn decompress(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Problem> {
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .map_or("identity", |value| value.to_str().unwrap_or("?"));
    let unreadable = |e: std::io::Error| Problem::new(StatusCode::BAD_REQUEST, format!("cannot decompress: {e}"));
    match encoding.trim().to_ascii_lowercase().as_str() {
        "identity" => Ok(body),
        "gzip" | "x-gzip" => bounded(flate2::read::MultiGzDecoder::new(&*body)).map_err(unreadable)?,
        "zstd" => {
            let mut decoder = zstd::Decoder::with_buffer(&*body).map_err(unreadable)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(unreadable)?;
            bounded(decoder).map_err(unreadable)?
        }
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Encoding may be gzip, zstd or identity",
        )),
    }
}

/// Reads to the end, or to the limit: outer error for what cannot be read, inner for what is too much.
fn bounded(reader: impl Read) -> std::io::Result<Result<Bytes, Problem>> {
    let mut plain = Vec::new();
    reader.take(PLAIN_BYTES_MAX as u64 + 1).read_to_end(&mut plain)?;
    Ok(if plain.len() > PLAIN_BYTES_MAX {
        let why = format!("the body is longer than {PLAIN_BYTES_MAX} bytes when decompressed");
        Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, why))
    } else {
        Ok(plain.into())
    })
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, error.to_string())
        .with("line", error.line())
        .with("column", error.column())
}

fn unavailable(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).retry_after(RETRY_AFTER_S)
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Away(_) | DbError::Contended(_) => unavailable(error.to_string()),
            DbError::Data(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            DbError::Broken(_) => {
                tracing::error!(%error, "the database refuses our statements");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the database refuses our statements")
            }
        }
    }
}

impl From<PushError> for Problem {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Invalid(findings) => {
                let findings = serde_json::to_value(findings).expect("findings are plain text");
                Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "the body has wrong or missing members",
                )
                .with("findings", findings)
            }
            PushError::Database(error) => error.into(),
        }
    }
}

#[derive(Deserialize)]
struct ReferenceQuery {
    workshop_id: Option<i64>,
    version: Option<String>,
}

async fn reference(
    State(store): State<Store>,
    headers: HeaderMap,
    query: Result<Query<ReferenceQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.body_text()))?;
    let tag = headers.get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let known = query
        .version
        .as_deref()
        .or(tag.map(|tag| tag.trim_start_matches("W/").trim_matches('"')));
    Ok(match store.reference(query.workshop_id, known).await? {
        None => StatusCode::NOT_MODIFIED.into_response(),
        Some(reference) => {
            let tag = format!("\"{}\"", reference.version);
            ([(header::ETAG, tag)], Json(reference)).into_response()
        }
    })
}

async fn order(State(store): State<Store>, key: Key) -> Result<Response, Problem> {
    let order_no = key_of(key)?;
    let order = store.order(&order_no).await?;
    let order = order.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no order `{order_no}`")))?;
    Ok(Json(order).into_response())
}

#[derive(Deserialize)]
struct ReportsQuery {
    order_no: Option<String>,
    after: Option<i64>,
    limit: Option<i64>,
}

async fn reports(
    State(store): State<Store>,
    query: Result<Query<ReportsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.body_text()))?;
    let limit = query.limit.unwrap_or(REPORTS_DEFAULT).clamp(1, REPORTS_MAX);
    let reports = store
        .reports(query.order_no.as_deref(), query.after.unwrap_or(0), limit)
        .await?;
    Ok(Json(json!({"reports": reports})).into_response())
}

async fn gateways(State(store): State<Store>) -> Result<Response, Problem> {
    Ok(Json(json!({"gateways": store.gateways().await?})).into_response())
}

async fn metrics(State(store): State<Store>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        store.counters.exposition(),
    )
        .into_response()
}

fn key_of(key: Key) -> Result<String, Problem> {
    key.map(|Path(key)| key)
        .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.body_text()))
}

fn caller(headers: &HeaderMap, peer: SocketAddr) -> Caller {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    Caller {
        ip_address: Some(peer.ip().to_string()),
        user_agent: agent.map(str::to_owned),
    }
}

fn json_body(headers: &HeaderMap, body: Body) -> Result<Value, Problem> {
    serde_json::from_slice(&decompress(headers, body?)?).map_err(|e| malformed(&e))
}

fn pushed(receipt: Receipt) -> Response {
    let status = if receipt.result == Pushed::Created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    (status, Json(receipt)).into_response()
}

async fn push(
    subject: Subject,
    State(store): State<Store>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    key: Key,
    body: Body,
) -> Result<Response, Problem> {
    let body = json_body(&headers, body)?;
    Ok(pushed(
        store
            .push(subject, &key_of(key)?, body, &caller(&headers, peer))
            .await?,
    ))
}
