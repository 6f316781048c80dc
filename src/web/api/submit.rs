//! What can be handed in: work reports, inspections, acknowledgements of alerts. Answered 201 once the disk has it, 200 when
//! it was handed in before, 422 with every objection at once.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{bodies, papers};
use crate::http::Problem;
use crate::language::Words;
use crate::record::{Answered, Paper, Submitted};
use crate::submissions::NotTaken;
use crate::web::Window;
use crate::web::access::Caller;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const KEY_CHARS_MAX: usize = 200;
/// Of people and what they say.
const NAME_CHARS_MAX: usize = 50;
const COMMENT_CHARS_MAX: usize = 500;
/// When to come again with what was not taken.
const RETRY_AFTER_S: u64 = 2;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new()
        .routes(routes!(work_report))
        .routes(routes!(inspection))
        .routes(routes!(acknowledge))
}

/// A work report, in the columns of `production_report`.
#[utoipa::path(post, path = "/api/v1/work-reports", tag = "hand in", security(("caller" = ["operator", "supervisor", "admin"])), params(("Idempotency-Key" = Option<String>, Header, description = "the same again is recognised by it", min_length = 1, max_length = 200, pattern = "^[!#-~]+$", example = "3f2c1f0c7a11")), request_body = papers::WorkReport, responses((status = CREATED, description = "the disk has it", body = papers::ReportTaken), (status = OK, description = "it was handed in before", body = papers::ReportTaken), (status = UNPROCESSABLE_ENTITY, description = "every objection, in `findings`", body = Problem), (status = TOO_MANY_REQUESTS, description = "too much at once", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn work_report(State(window): State<Window>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let paper = paper(&headers, &body)?;
    hand_in(&window, Submitted::WorkReport(paper)).await
}

/// An inspection, in the columns of `production_quality`.
#[utoipa::path(post, path = "/api/v1/inspections", tag = "hand in", security(("caller" = ["quality", "supervisor", "admin"])), params(("Idempotency-Key" = Option<String>, Header, description = "the same again is recognised by it", min_length = 1, max_length = 200, pattern = "^[!#-~]+$", example = "3f2c1f0c7a11")), request_body = papers::Inspection, responses((status = CREATED, description = "the disk has it", body = papers::InspectionTaken), (status = OK, description = "it was handed in before", body = papers::InspectionTaken), (status = UNPROCESSABLE_ENTITY, description = "every objection, in `findings`", body = Problem), (status = TOO_MANY_REQUESTS, description = "too much at once", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn inspection(State(window): State<Window>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let paper = paper(&headers, &body)?;
    hand_in(&window, Submitted::Inspection(paper)).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    /// Of programs: for whom they speak. Who signed in speaks for themselves.
    #[schema(min_length = 1, max_length = 50, pattern = r"\S", example = "1001")]
    who: Option<String>,
    #[schema(max_length = 500, example = "on my way")]
    comment: Option<String>,
}

/// Says that someone has taken notice of an alert.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/acknowledge", tag = "hand in", security(("caller" = ["operator", "quality", "supervisor", "admin"])), params(("id" = Uuid, Path)), request_body = Acknowledge, responses((status = CREATED, description = "the disk has it", body = papers::Acknowledged), (status = OK, description = "it was handed in before", body = papers::Acknowledged), (status = NOT_FOUND, description = "there is no such alert", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "every objection, in `findings`", body = Problem), (status = TOO_MANY_REQUESTS, description = "too much at once", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn acknowledge(
    State(window): State<Window>,
    Path(id): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let wrong = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let said: Acknowledge = bodies::read(&body, "{\"who\": \"1001\", \"comment\": \"on my way\"}")?;
    let is_name = |name: &str| !name.trim().is_empty() && name.chars().count() <= NAME_CHARS_MAX;
    let who = caller.speaks_for(said.who)?;
    if !is_name(&who) {
        return Err(wrong(format!("`who` has 1 to {NAME_CHARS_MAX} characters")));
    }
    if said
        .comment
        .as_ref()
        .is_some_and(|c| c.chars().count() > COMMENT_CHARS_MAX)
    {
        return Err(wrong(format!("`comment` has at most {COMMENT_CHARS_MAX} characters")));
    }
    let unknown = |_| Problem::new(StatusCode::NOT_FOUND, format!("there is no alert {id}"));
    let alert_id = Uuid::parse_str(&id).map_err(unknown)?;
    let acknowledgement = Submitted::Acknowledgement {
        alert_id,
        by: who,
        comment: said.comment,
    };
    hand_in(&window, acknowledgement).await
}

pub(super) fn paper(headers: &HeaderMap, body: &[u8]) -> Result<Paper, Problem> {
    let wrong = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let body = serde_json::from_slice(body).map_err(|e| wrong(format!("the body is not JSON: {e}")))?;
    let key = headers.get(IDEMPOTENCY_KEY).map(|key| {
        // The standard puts it into quotes; many senders do not.
        let key = key.to_str().unwrap_or_default().trim().trim_matches('"');
        let is_key = (1..=KEY_CHARS_MAX).contains(&key.chars().count());
        is_key
            .then(|| key.to_owned())
            .ok_or_else(|| wrong(format!("Idempotency-Key has 1 to {KEY_CHARS_MAX} characters of ASCII")))
    });
    let key = key.transpose()?;
    Ok(Paper { body, key })
}

pub(super) async fn hand_in(window: &Window, what: Submitted) -> Result<Response, Problem> {
    match window.submissions.hand_in(what).await {
        Ok(Answered::Taken(answer)) => Ok((StatusCode::CREATED, Json(answer)).into_response()),
        Ok(Answered::Known(answer)) => Ok(Json(answer).into_response()),
        Ok(Answered::Refused(objections)) => {
            let count = objections.len();
            let words = Words::new(
                format!("nothing was taken: {count} of its fields are not right"),
                format!("未接收：有 {count} 项不正确"),
            );
            let objections: Vec<Value> = objections.iter().map(|objection| json!(objection)).collect();
            Err(Problem::worded(StatusCode::UNPROCESSABLE_ENTITY, &words).with("findings", objections))
        }
        Ok(Answered::NotThere(what)) => Err(Problem::worded(StatusCode::NOT_FOUND, &what)),
        Err(not_taken) => {
            let status = match not_taken {
                NotTaken::Busy => StatusCode::TOO_MANY_REQUESTS,
                NotTaken::DiskRefused | NotTaken::Ending | NotTaken::Unconfirmed => StatusCode::SERVICE_UNAVAILABLE,
            };
            Err(Problem::worded(status, &not_taken.words()).retry_after(RETRY_AFTER_S))
        }
    }
}
