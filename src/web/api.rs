//! `/healthz`, `/readyz`, `/metrics` and `/api/v1`: the live status as JSON.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Window, metrics, submit};
use crate::buffer::{BatchLimit, ResubmitError};
use crate::http::Problem;
use crate::record::{self, Lane, Seq};
use crate::reference::Order;
use crate::status::{AlertState, OrderView};
use crate::wire;
use crate::writes::NotWritten;

/// Records or letters in one answer at most.
const PAGE_MAX: usize = 1000;
const PAGE_BYTES_MAX: usize = 4 << 20;

pub fn routes(window: Window) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(show_metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/stations", get(stations))
        .route("/api/v1/stations/{id}", get(station))
        .route("/api/v1/equipment", get(equipment))
        .route("/api/v1/equipment/{equipment}/points/{point}", post(write_point))
        .route("/api/v1/orders", get(orders))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/spc", get(charts))
        .route("/api/v1/spc/{name}", get(chart))
        .route("/api/v1/watches", get(watches))
        .merge(submit::routes())
        .route("/api/v1/workshop", get(workshop))
        .route("/api/v1/buffer/records", get(records))
        .route("/api/v1/buffer/dead-letters", get(dead_letters))
        .route("/api/v1/buffer/dead-letters/{id}/resubmit", post(resubmit))
        .route("/api/v1/buffer/dead-letters/{id}/discard", post(discard))
        .route("/api/v1/buffer/upstreams/{name}/forget", post(forget))
        .with_state(window)
}

async fn ready(State(window): State<Window>) -> Response {
    let buffer = window.status.buffer();
    if !window.status.are_sources_started() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the sources have not started yet").into_response();
    }
    if !buffer.writable {
        let detail = buffer.problem.unwrap_or_else(|| "the buffer takes nothing".to_owned());
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    }
    "ready\n".into_response()
}

async fn show_metrics(State(window): State<Window>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        metrics::render(&window.status),
    )
}

async fn status(State(window): State<Window>) -> Json<Value> {
    let reference = window.reference.borrow().clone();
    let sources: serde_json::Map<String, Value> = window
        .status
        .sources()
        .into_iter()
        .map(|(name, view)| (name, json!(view)))
        .collect();
    Json(json!({
        "gateway": window.identity,
        "version": env!("CARGO_PKG_VERSION"),
        "time": window.zone.rfc3339(chrono::Utc::now()),
        "ready": window.status.are_sources_started() && window.status.buffer().writable,
        "sources": sources,
        "upstreams": window.status.upstreams(),
        "buffer": window.status.buffer(),
        "reference": {
            "version": reference.version,
            "confirmed_at": reference.confirmed_at,
            "fresh": reference.is_fresh(chrono::Utc::now()),
            "orders": reference.orders().count(),
        },
    }))
}

async fn stations(State(window): State<Window>) -> Json<Value> {
    Json(json!(window.status.stations()))
}

async fn station(State(window): State<Window>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let view = window.status.station(&id);
    let view = view.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no station {id}")))?;
    Ok(Json(json!(view)))
}

/// Each equipment, and the device behind it where it is polled.
async fn equipment(State(window): State<Window>) -> Json<Value> {
    let mut all: serde_json::Map<String, Value> = window
        .status
        .equipment()
        .into_iter()
        .map(|(code, view)| (code.to_string(), json!(view)))
        .collect();
    for device in window
        .status
        .sources()
        .into_iter()
        .flat_map(|(_, source)| source.devices.into_values())
    {
        if let Some(equipment) = all.get_mut(&*device.equipment) {
            equipment["device"] = json!(device);
        }
    }
    Json(Value::Object(all))
}

/// An order as the centre has it, and how it stands.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    order: &'a Order,
    #[serde(flatten)]
    view: Option<&'a OrderView>,
}

/// Work in process by order, and how the capacity of the day is used.
async fn workshop(State(window): State<Window>) -> Json<Value> {
    let views = window.status.orders();
    let wip: serde_json::Map<String, Value> = views
        .into_iter()
        .filter(|(_, view)| view.progress.status == "IN_PROGRESS")
        .map(|(order_no, view)| (order_no, json!(view.wip)))
        .collect();
    Json(json!({
        "workshop_id": window.identity.workshop_id,
        "workshop_name": window.identity.workshop_name,
        "capacity": window.status.capacity(),
        "wip": wip,
    }))
}

async fn orders(State(window): State<Window>) -> Json<Value> {
    let reference = window.reference.borrow().clone();
    let views = window.status.orders();
    let mut orders: Vec<_> = reference.orders().collect();
    orders.sort_by(|a, b| a.order_no.cmp(&b.order_no));
    let orders = orders.into_iter().map(|order| {
        let view = views.get(&order.order_no);
        Shown { order, view }
    });
    let orders: Vec<_> = orders.collect();
    Json(json!({
        "version": reference.version,
        "confirmed_at": reference.confirmed_at,
        "fresh": reference.is_fresh(chrono::Utc::now()),
        "orders": orders,
    }))
}

/// Every control chart, with its points.
async fn charts(State(window): State<Window>) -> Json<Value> {
    Json(json!(window.status.judges("spc/")))
}

async fn chart(State(window): State<Window>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let view = window.status.judge(&format!("spc/{name}"));
    let view = view.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no chart {name}")))?;
    Ok(Json(view))
}

async fn watches(State(window): State<Window>) -> Json<Value> {
    Json(json!(window.status.judges("watch/")))
}

async fn alerts(State(window): State<Window>) -> Json<Value> {
    let alerts = window.status.alerts();
    let active = alerts.iter().filter(|view| view.state == AlertState::Active).count();
    Json(json!({"active": active, "alerts": *alerts}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordsQuery {
    lane: Lane,
    #[serde(default)]
    from: Seq,
    limit: Option<usize>,
}

/// Records of a lane as they travel; `next` is where to go on.
async fn records(State(window): State<Window>, Query(query): Query<RecordsQuery>) -> Result<Json<Value>, Problem> {
    let buffer = window.buffer.clone();
    let limit = BatchLimit {
        records: query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX),
        bytes: PAGE_BYTES_MAX,
    };
    let epoch = buffer.epoch();
    let from = query.from.max(buffer.first(query.lane));
    let read = tokio::task::spawn_blocking(move || buffer.read(query.lane, from, u64::MAX, limit, |_| true));
    let failed = |cause: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, cause);
    let batch = read
        .await
        .map_err(|e| failed(e.to_string()))?
        .map_err(|e| failed(e.to_string()))?;
    let messages = batch.entries.iter().filter_map(|entry| {
        let mut message = Vec::new();
        wire::encode_message(query.lane, epoch, entry, &mut message);
        String::from_utf8(message)
            .ok()
            .and_then(|text| RawValue::from_string(text).ok())
    });
    let messages: Vec<_> = messages.collect();
    Ok(Json(
        json!({"epoch": epoch, "lane": query.lane, "messages": messages, "next": batch.next}),
    ))
}

async fn dead_letters(State(window): State<Window>) -> Result<Json<Value>, Problem> {
    let buffer = window.buffer.clone();
    let failed = |cause: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, cause);
    let letters = tokio::task::spawn_blocking(move || buffer.dead_letters("", PAGE_MAX)).await;
    let letters = letters
        .map_err(|e| failed(e.to_string()))?
        .map_err(|e| failed(e.to_string()))?;
    // The status is a second behind; beside the letters themselves it would contradict them.
    let count = window.buffer.dead_letter_count();
    Ok(Json(json!({"count": count, "dead_letters": letters})))
}

/// Writes are for who can read the control token in the gateway's data folder.
pub(super) fn may_write(window: &Window, headers: &HeaderMap) -> Result<(), Problem> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match shown.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(token) if window.control.matches(token) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "changes need the control token of the gateway's data folder",
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointValue {
    value: record::Value,
}

/// Sends a value to a machine; answers with what the machine holds then.
async fn write_point(
    State(window): State<Window>,
    Path((equipment, point)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    may_write(&window, &headers)?;
    let wanted: PointValue = serde_json::from_slice(&body)
        .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, format!("write {{\"value\": 12.5}}: {e}")))?;
    let held = window
        .writes
        .write(equipment.clone(), point.clone(), wanted.value)
        .await;
    let held = held.map_err(|error| {
        let status = match error {
            NotWritten::NotAllowed(_) => StatusCode::FORBIDDEN,
            NotWritten::WrongValue(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NotWritten::Busy => StatusCode::SERVICE_UNAVAILABLE,
            NotWritten::Failed(_) => StatusCode::BAD_GATEWAY,
        };
        Problem::new(status, error.to_string())
    })?;
    Ok(Json(json!({"equipment": equipment, "point": point, "value": held})))
}

async fn resubmit(
    State(window): State<Window>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    may_write(&window, &headers)?;
    let corrected: Option<&RawValue> = if body.is_empty() {
        None
    } else {
        let parsed = serde_json::from_slice(&body);
        Some(parsed.map_err(|e| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the corrected payload is not JSON: {e}"),
            )
        })?)
    };
    window
        .buffer
        .resubmit(&id, corrected, window.zone)
        .await
        .map_err(|e| problem(&e))?;
    tracing::info!(
        message_id = id,
        corrected = corrected.is_some(),
        "a dead letter was resubmitted"
    );
    Ok(Json(json!({"resubmitted": id})))
}

async fn discard(
    State(window): State<Window>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    may_write(&window, &headers)?;
    window.buffer.discard(&id).await.map_err(|e| problem(&e))?;
    tracing::info!(message_id = id, "a dead letter was discarded");
    Ok(Json(json!({"discarded": id})))
}

async fn forget(
    State(window): State<Window>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    may_write(&window, &headers)?;
    if window.status.upstreams().contains_key(&name) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            format!("{name} is configured; take it out of the configuration first"),
        ));
    }
    let (buffer, upstream) = (window.buffer.clone(), name.clone());
    let forgotten = tokio::task::spawn_blocking(move || buffer.forget_upstream(&upstream)).await;
    match forgotten {
        Ok(Ok(true)) => Ok(Json(json!({"forgotten": name}))),
        Ok(Ok(false)) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("nothing waits for an upstream {name}"),
        )),
        Ok(Err(error)) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        Err(error) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

fn problem(error: &ResubmitError) -> Problem {
    let status = match error {
        ResubmitError::Unknown(_) => StatusCode::NOT_FOUND,
        ResubmitError::Unreadable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ResubmitError::Refused | ResubmitError::Unconfirmed | ResubmitError::Disk(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, error.to_string())
}
