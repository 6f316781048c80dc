//! What the buffer holds: records on their way, and dead letters.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::buffer::{BatchLimit, ResubmitError};
use crate::http::Problem;
use crate::record::{Lane, Seq};
use crate::web::Window;
use crate::web::access::Caller;
use crate::wire;

/// Records or letters in one answer at most.
const PAGE_MAX: usize = 1000;
const PAGE_BYTES_MAX: usize = 4 << 20;
const REASON_CHARS_MAX: usize = 500;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new()
        .routes(routes!(records))
        .routes(routes!(dead_letters))
        .routes(routes!(dead_letter))
        .routes(routes!(resubmit))
        .routes(routes!(discard))
        .routes(routes!(forget))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RecordsQuery {
    /// `report` or `telemetry`.
    #[param(value_type = String)]
    lane: Lane,
    /// The first sequence.
    #[serde(default)]
    from: Seq,
    /// At most 1000.
    limit: Option<usize>,
}

/// Records of a lane as they travel; `next` is where to go on.
#[utoipa::path(get, path = "/api/v1/buffer/records", tag = "buffer", security(("caller" = [])), params(RecordsQuery), responses((status = OK, description = "a page of them", body = serde_json::Value)))]
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

/// What upstreams refused for good, with the reasons.
#[utoipa::path(get, path = "/api/v1/buffer/dead-letters", tag = "buffer", security(("caller" = [])), responses((status = OK, description = "the oldest first", body = serde_json::Value)))]
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

/// One message that was refused, whole: a letter for each upstream that refused it.
#[utoipa::path(get, path = "/api/v1/buffer/dead-letters/{id}", tag = "buffer", security(("caller" = [])), params(("id" = String, Path, description = "the message id")), responses((status = OK, description = "by upstream", body = serde_json::Value), (status = NOT_FOUND, description = "there is nothing of that name", body = Problem)))]
async fn dead_letter(State(window): State<Window>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let (buffer, wanted) = (window.buffer.clone(), id.clone());
    let failed = |cause: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, cause);
    let letters = tokio::task::spawn_blocking(move || buffer.dead_letters(&wanted, PAGE_MAX)).await;
    let mut letters = letters
        .map_err(|e| failed(e.to_string()))?
        .map_err(|e| failed(e.to_string()))?;
    letters.retain(|letter| letter.message_id == id);
    if letters.is_empty() {
        return Err(problem(&ResubmitError::Unknown(id)));
    }
    Ok(Json(json!({"message_id": id, "dead_letters": letters})))
}

/// Sends a dead letter again, as it is or with a corrected payload as the body.
#[utoipa::path(post, path = "/api/v1/buffer/dead-letters/{id}/resubmit", tag = "buffer", security(("caller" = ["supervisor", "admin"])), params(("id" = String, Path, description = "the message id")), request_body = Option<serde_json::Value>, responses((status = OK, description = "it goes again", body = serde_json::Value), (status = NOT_FOUND, description = "there is nothing of that name", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "the correction can not be read", body = Problem)))]
async fn resubmit(
    State(window): State<Window>,
    Path(id): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
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
        by = &*caller.name,
        message_id = id,
        corrected = corrected.is_some(),
        "a dead letter was resubmitted"
    );
    Ok(Json(json!({"resubmitted": id})))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Discard {
    /// Why nobody needs it; at most 500 characters.
    reason: Option<String>,
}

/// Gives a dead letter up.
#[utoipa::path(post, path = "/api/v1/buffer/dead-letters/{id}/discard", tag = "buffer", security(("caller" = ["supervisor", "admin"])), params(("id" = String, Path, description = "the message id")), request_body = Option<Discard>, responses((status = OK, description = "it is gone", body = serde_json::Value), (status = BAD_REQUEST, description = "the reason can not be read", body = Problem), (status = NOT_FOUND, description = "there is nothing of that name", body = Problem)))]
async fn discard(
    State(window): State<Window>,
    Path(id): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let wrong = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let said: Discard = if body.is_empty() {
        Discard::default()
    } else {
        serde_json::from_slice(&body).map_err(|e| wrong(format!("write {{\"reason\": \"a test\"}}: {e}")))?
    };
    if said
        .reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX)
    {
        return Err(wrong(format!("`reason` has at most {REASON_CHARS_MAX} characters")));
    }
    window.buffer.discard(&id).await.map_err(|e| problem(&e))?;
    tracing::info!(
        by = &*caller.name,
        message_id = id,
        reason = said.reason,
        "a dead letter was discarded"
    );
    Ok(Json(json!({"discarded": id})))
}

/// Gives up what waits for an upstream that is not configured any more.
#[utoipa::path(post, path = "/api/v1/buffer/upstreams/{name}/forget", tag = "buffer", security(("caller" = ["admin"])), params(("name" = String, Path)), responses((status = OK, description = "it is gone", body = serde_json::Value), (status = NOT_FOUND, description = "there is nothing of that name", body = Problem), (status = CONFLICT, description = "the upstream is configured", body = Problem)))]
async fn forget(State(window): State<Window>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
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
