//! What the buffer holds: records on their way, and dead letters.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies;
use super::page::{self, Limit};
use crate::buffer::{BatchLimit, DeadLetter, ResubmitError};
use crate::http::Problem;
use crate::language::Words;
use crate::record::{Kind, Lane, Seq};
use crate::web::Window;
use crate::web::access::trail::Noted;
use crate::web::access::{Caller, Role};
use crate::wire;

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
    #[param(inline)]
    lane: Lane,
    /// The first sequence.
    #[serde(default)]
    #[param(value_type = u64, example = 1)]
    from: Seq,
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    #[serde(default)]
    limit: Limit,
}

#[derive(Serialize, ToSchema)]
struct RecordsPage {
    epoch: u64,
    lane: Lane,
    /// As they travel.
    #[schema(value_type = Vec<wire::Message>)]
    messages: Vec<Box<RawValue>>,
    /// Where to go on.
    #[schema(value_type = u64)]
    next: Seq,
}

/// Records of a lane as they travel; `next` is where to go on.
#[utoipa::path(get, path = "/api/v1/buffer/records", tag = "buffer", security(("caller" = [])), params(RecordsQuery), responses((status = OK, description = "a page of them", body = RecordsPage)))]
async fn records(
    State(window): State<Window>,
    caller: Caller,
    Query(query): Query<RecordsQuery>,
) -> Result<Json<RecordsPage>, Problem> {
    let buffer = window.buffer.clone();
    let limit = BatchLimit {
        records: query.limit.count(),
        bytes: PAGE_BYTES_MAX,
    };
    let epoch = buffer.epoch();
    let from = query.from.max(buffer.first(query.lane));
    let reads_audit = reads_audit(&caller);
    let is_shown = move |kind| kind != Kind::Audit || reads_audit;
    let read = tokio::task::spawn_blocking(move || buffer.read(query.lane, from, u64::MAX, limit, is_shown));
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
    Ok(Json(RecordsPage {
        epoch,
        lane: query.lane,
        messages: messages.collect(),
        next: batch.next,
    }))
}

/// Entries of the audit log travel like any other record, but are for those alone who may read the log.
fn reads_audit(caller: &Caller) -> bool {
    matches!(caller.role, Some(Role::Supervisor | Role::Admin))
}

fn is_shown(letter: &DeadLetter, caller: &Caller) -> bool {
    letter.message_type != Kind::Audit.message_type() || reads_audit(caller)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LettersQuery {
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    #[serde(default)]
    limit: Limit,
    /// The `next` of the page before.
    #[serde(default)]
    after: String,
}

#[derive(Serialize, ToSchema)]
struct LettersPage {
    /// Of all that there are.
    count: u64,
    dead_letters: Vec<DeadLetter>,
    /// Where to go on; null when these were the last.
    next: Option<String>,
}

/// What upstreams refused for good, with the reasons.
#[utoipa::path(get, path = "/api/v1/buffer/dead-letters", tag = "buffer", security(("caller" = [])), params(LettersQuery), responses((status = OK, description = "the oldest first", body = LettersPage)))]
async fn dead_letters(
    State(window): State<Window>,
    caller: Caller,
    Query(query): Query<LettersQuery>,
) -> Result<Json<LettersPage>, Problem> {
    let buffer = window.buffer.clone();
    let failed = |cause: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, cause);
    let letters =
        tokio::task::spawn_blocking(move || buffer.dead_letters_after(&query.after, page::one_more(query.limit))).await;
    let letters = letters
        .map_err(|e| failed(e.to_string()))?
        .map_err(|e| failed(e.to_string()))?;
    let name = |letter: &DeadLetter| format!("{}/{}", letter.message_id, letter.upstream);
    let (mut dead_letters, next) = page::cut(letters, query.limit, name);
    dead_letters.retain(|letter| is_shown(letter, &caller));
    // The status is a second behind; beside the letters themselves it would contradict them.
    let count = window.buffer.dead_letter_count();
    Ok(Json(LettersPage {
        count,
        dead_letters,
        next,
    }))
}

#[derive(Serialize, ToSchema)]
struct Resubmitted {
    /// The message id.
    resubmitted: String,
}

#[derive(Serialize, ToSchema)]
struct Discarded {
    /// The message id.
    discarded: String,
}

#[derive(Serialize, ToSchema)]
struct Forgotten {
    /// The upstream.
    forgotten: String,
}

#[derive(Serialize, ToSchema)]
struct LettersOfOne {
    message_id: String,
    dead_letters: Vec<DeadLetter>,
}

/// One message that was refused, whole: a letter for each upstream that refused it.
#[utoipa::path(get, path = "/api/v1/buffer/dead-letters/{id}", tag = "buffer", security(("caller" = [])), params(("id" = String, Path, description = "the message id")), responses((status = OK, description = "by upstream", body = LettersOfOne), (status = NOT_FOUND, description = "there is nothing of that name", body = Problem)))]
async fn dead_letter(
    State(window): State<Window>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<LettersOfOne>, Problem> {
    let (buffer, wanted) = (window.buffer.clone(), id.clone());
    let failed = |cause: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, cause);
    let letters = tokio::task::spawn_blocking(move || buffer.dead_letters(&wanted, Limit::default().count())).await;
    let mut letters = letters
        .map_err(|e| failed(e.to_string()))?
        .map_err(|e| failed(e.to_string()))?;
    letters.retain(|letter| letter.message_id == id && is_shown(letter, &caller));
    if letters.is_empty() {
        return Err(problem(&ResubmitError::Unknown(id)));
    }
    Ok(Json(LettersOfOne {
        message_id: id,
        dead_letters: letters,
    }))
}

/// Sends a dead letter again, as it is or with a corrected payload as the body.
#[utoipa::path(post, path = "/api/v1/buffer/dead-letters/{id}/resubmit", tag = "buffer", security(("caller" = ["supervisor", "admin"])), params(("id" = String, Path, description = "the message id", example = "0199d7a1-7a4c-7b0e-9d52-3f2c1f0c7a11")), request_body = Option<HashMap<String, serde_json::Value>>, responses((status = OK, description = "it goes again", body = Resubmitted), (status = NOT_FOUND, description = "there is nothing of that name", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "the correction lacks something of the letter, or the letter can not be read", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn resubmit(
    State(window): State<Window>,
    Path(id): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<(Extension<Noted>, Json<Resubmitted>), Problem> {
    let wrong = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let corrected: Option<&RawValue> = if body.is_empty() {
        None
    } else {
        serde_json::from_slice(&body).map_err(|e| wrong(format!("the corrected payload is not JSON: {e}")))?
    };
    if corrected.is_some_and(|payload| !bodies::is_object(payload.get().as_bytes())) {
        let words = Words::new(
            "the corrected payload is not an object: {\"order_no\": …}",
            "更正后的内容不是对象：应如 {\"order_no\": …}",
        );
        return Err(Problem::worded(StatusCode::BAD_REQUEST, &words));
    }
    let before = match corrected {
        Some(_) => letters_of(&window, &id).await,
        None => Vec::new(),
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
    let noted = Noted(json!({"before": before, "after": corrected}));
    Ok((Extension(noted), Json(Resubmitted { resubmitted: id })))
}

/// The letters of one message, one for each upstream that refused it, as they were before a change. What can't be read is
/// not noted; the change itself meets the same.
async fn letters_of(window: &Window, id: &str) -> Vec<DeadLetter> {
    let (buffer, wanted) = (window.buffer.clone(), id.to_owned());
    let found = tokio::task::spawn_blocking(move || buffer.dead_letters(&wanted, Limit::default().count())).await;
    let mut letters = found.ok().and_then(Result::ok).unwrap_or_default();
    letters.retain(|letter| letter.message_id == id);
    letters
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Discard {
    /// Why nobody needs it.
    #[schema(max_length = 500, example = "a test")]
    reason: Option<String>,
}

/// Gives a dead letter up.
#[utoipa::path(post, path = "/api/v1/buffer/dead-letters/{id}/discard", tag = "buffer", security(("caller" = ["supervisor", "admin"])), params(("id" = String, Path, description = "the message id", example = "0199d7a1-7a4c-7b0e-9d52-3f2c1f0c7a11")), request_body = Option<Discard>, responses((status = OK, description = "it is gone", body = Discarded), (status = BAD_REQUEST, description = "the reason can not be read", body = Problem), (status = NOT_FOUND, description = "there is nothing of that name", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn discard(
    State(window): State<Window>,
    Path(id): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<(Extension<Noted>, Json<Discarded>), Problem> {
    let wrong = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let said: Option<Discard> = match body.trim_ascii() {
        b"" | b"null" => None,
        body => Some(bodies::read(body, "{\"reason\": \"a test\"}")?),
    };
    let reason = said.and_then(|said| said.reason);
    if reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX)
    {
        return Err(wrong(format!("`reason` has at most {REASON_CHARS_MAX} characters")));
    }
    let before = letters_of(&window, &id).await;
    window.buffer.discard(&id).await.map_err(|e| problem(&e))?;
    tracing::info!(
        by = &*caller.name,
        message_id = id,
        reason,
        "a dead letter was discarded"
    );
    let noted = Noted(json!({"before": before, "reason": reason}));
    Ok((Extension(noted), Json(Discarded { discarded: id })))
}

/// Gives up what waits for an upstream that is not configured any more.
#[utoipa::path(post, path = "/api/v1/buffer/upstreams/{name}/forget", tag = "buffer", security(("caller" = ["admin"])), params(("name" = String, Path, description = "as `[upstream.NAME]` named it")), responses((status = OK, description = "it is gone", body = Forgotten), (status = NOT_FOUND, description = "there is nothing of that name", body = Problem), (status = CONFLICT, description = "the upstream is configured", body = Problem)))]
async fn forget(State(window): State<Window>, Path(name): Path<String>) -> Result<Json<Forgotten>, Problem> {
    if window.status.upstreams().contains_key(&name) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            format!("{name} is configured; take it out of the configuration first"),
        ));
    }
    let (buffer, upstream) = (window.buffer.clone(), name.clone());
    let forgotten = tokio::task::spawn_blocking(move || buffer.forget_upstream(&upstream)).await;
    match forgotten {
        Ok(Ok(true)) => Ok(Json(Forgotten { forgotten: name })),
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
        ResubmitError::Unreadable(_) | ResubmitError::Lacking(_) | ResubmitError::TooLong(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ResubmitError::Refused | ResubmitError::Unconfirmed | ResubmitError::Disk(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::worded(status, &error.words())
}
