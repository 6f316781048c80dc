//! What is asked of the gateway, on record before it is done: every call that changes or decides something, so that none can
//! be forgotten. What a call has to tell beyond that, it puts beside its answer as [`Noted`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use super::{Caller, operations, peer};
use crate::audit::{Audit, Event, NotRecorded, chain};
use crate::http::Problem;
use crate::language::Words;

/// Longer bodies are kept as their hash.
const BODY_KEPT_BYTES_MAX: usize = 8 << 10;
/// What became of a change, likewise: an entry has to fit into a line of the log, and into a record where it is sent on.
const NOTED_BYTES_MAX: usize = 64 << 10;
const SUBJECT_CHARS_MAX: usize = 200;
/// Of an answer that refuses.
const PROBLEM_BYTES_MAX: usize = 16 << 10;
/// Signing in and out keeps its own record, for its bodies are secrets.
const SESSION: &str = "/api/v1/session";

/// What became of a change, beside the answer that tells of it.
#[derive(Debug, Clone)]
pub struct Noted(pub Value);

impl Noted {
    fn kept(self) -> Value {
        let text = self.0.to_string();
        if text.len() <= NOTED_BYTES_MAX {
            return self.0;
        }
        json!({"bytes": text.len(), "sha256": chain::digest(&[text.as_bytes()])})
    }
}

#[derive(Clone)]
pub struct Trail {
    audit: Audit,
    names: Arc<HashMap<(Method, String), String>>,
    body_bytes_max: usize,
}

impl Trail {
    pub fn new(audit: Audit, document: &OpenApi, body_bytes_max: usize) -> Self {
        let mut names = HashMap::new();
        for (path, item) in document.paths.paths.iter().filter(|(path, _)| *path != SESSION) {
            for (method, operation) in operations(item).filter(|(method, _)| method != Method::GET) {
                let name = operation.operation_id.clone().unwrap_or_else(|| method.to_string());
                names.insert((method, path.clone()), name);
            }
        }
        Self {
            audit,
            names: Arc::new(names),
            body_bytes_max,
        }
    }

    fn name(&self, request: &Request) -> Option<String> {
        let path = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
        self.names.get(&(request.method().clone(), path)).cloned()
    }
}

/// An event by this caller.
pub fn event(caller: Option<&Caller>, from: Option<IpAddr>, action: &str, subject: &str, detail: Value) -> Event {
    Event {
        who: caller.map_or_else(|| "nobody".to_owned(), |caller| caller.name.to_string()),
        role: caller.and_then(|caller| caller.role).map(|role| role.name().to_owned()),
        from: from.map(|address| address.to_string()),
        action: action.to_owned(),
        subject: subject.chars().take(SUBJECT_CHARS_MAX).collect(),
        detail,
    }
}

/// Puts a change on record, lets it happen, and puts on record how it ended.
pub async fn record(State(trail): State<Trail>, request: Request, next: Next) -> Response {
    let Some(action) = trail.name(&request) else {
        return next.run(request).await;
    };
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, trail.body_bytes_max).await else {
        let detail = format!("the body is longer than {} bytes, or ended early", trail.body_bytes_max);
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
    };
    let caller = head.extensions.get::<Caller>().cloned();
    let from = peer(&head);
    let subject = head.uri.path().trim_start_matches("/api/v1/").to_owned();
    let asked = event(caller.as_ref(), from, &action, &subject, kept(&body));
    let number = match trail.audit.record(asked).await {
        Ok(number) => number,
        Err(error) => return unrecorded(error).into_response(),
    };
    let mut response = next.run(Request::from_parts(head, Body::from(body))).await;
    let ended = if response.status().is_success() {
        response
            .extensions_mut()
            .remove::<Noted>()
            .map(|noted| ("done", noted.kept()))
    } else {
        let told;
        (response, told) = problem_of(response).await;
        Some(("refused", told))
    };
    if let Some((how, told)) = ended {
        let detail = json!({"entry": number, "told": told});
        let ended = event(caller.as_ref(), from, &format!("{action}.{how}"), &subject, detail);
        if let Err(error) = trail.audit.record(ended).await {
            // It is done, and that it was asked for is on record.
            tracing::error!(%error, action, "how a change ended is not on record");
        }
    }
    response
}

/// What the log takes nothing of does not happen.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub fn unrecorded(error: NotRecorded) -> Problem {
    let zh = format!("审计日志无法记录，未执行：{error}");
    Problem::worded(StatusCode::SERVICE_UNAVAILABLE, &Words::new(error.to_string(), zh))
}

fn kept(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let whole = (body.len() <= BODY_KEPT_BYTES_MAX)
        .then(|| serde_json::from_slice(body).ok())
        .flatten();
    whole.unwrap_or_else(|| json!({"bytes": body.len(), "sha256": chain::digest(&[body])}))
}

/// The status of a refusal and what is wrong, without taking it from the answer.
async fn problem_of(response: Response) -> (Response, Value) {
    let (head, body) = response.into_parts();
    let status = head.status.as_u16();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let told = bytes.get(..bytes.len().min(PROBLEM_BYTES_MAX)).unwrap_or_default();
    let problem: Value = serde_json::from_slice(told).unwrap_or_default();
    let told = json!({"status": status, "detail": problem["detail"]});
    (Response::from_parts(head, Body::from(bytes)), told)
}
