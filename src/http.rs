//! Serving HTTP, the same for the central store and for the gateway's own window: an accept loop with limits, errors as
//! RFC 9457 problems, and headers that are safe by default.
//!
//! Every wait has an end: for a handshake, for a request's head, for its answer, for what is still running when we stop.
//! Running out of file descriptors pauses accepting; it never ends it. An early answer (401, 413) is heard: what the sender
//! still has in its pipe is taken in first, for closing on a sender that writes would reset the connection and lose the
//! answer.

mod crowd;
mod serve;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use hyper::body::{Frame, SizeHint};
use serde_json::{Map, Value, json};

use crate::language::Words;
pub use serve::serve;

/// What counts as one client where there is no name: a network of its own has 2^64 addresses of IPv6, so the first half.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// What one listener allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Beyond this, and beyond three quarters of it from one address, the longest idle one gives way.
    pub connections_max: usize,
    pub body_bytes_max: usize,
    /// For the head of a request; also how long an idle connection is kept.
    pub head_wait: Duration,
    /// For the whole request, its body included.
    pub request_wait: Duration,
    /// For requests still running when told to stop.
    pub drain_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            body_bytes_max: 4 << 20,
            head_wait: Duration::from_secs(15),
            request_wait: Duration::from_secs(30),
            drain_wait: Duration::from_secs(5),
        }
    }
}

/// The rest of a refused body that is still taken in; a longer one is cut off.
const REST_BYTES_MAX: u64 = 64 << 20;
const REST_WAIT: Duration = Duration::from_secs(5);

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// A refusal in plain text is a sentence.
const SAID_BYTES_MAX: usize = 16 << 10;

/// For an API that never answers with a page.
pub const POLICY_NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

/// Also unknown paths and methods are answered, with problems.
pub fn answer_everything(router: Router) -> Router {
    router
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this address does not answer to this method",
            )
        })
}

/// Gives a router what every listener of ours has: limits and safe headers.
pub fn harden(router: Router, limits: Limits, content_security_policy: &'static str) -> Router {
    router
        .layer(DefaultBodyLimit::max(limits.body_bytes_max))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            answer_in_time(request, next, limits.request_wait, content_security_policy)
        }))
}

async fn answer_in_time(
    request: Request,
    next: Next,
    wait: Duration,
    content_security_policy: &'static str,
) -> Response {
    let (request, body) = lend_body(request);
    let mut response = match tokio::time::timeout(wait, next.run(request)).await {
        Ok(response) => {
            if let Some(mut body) = body {
                tokio::time::timeout(REST_WAIT, body.take_in_rest()).await.ok();
            }
            response
        }
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response(),
    };
    response = as_problem(response).await;
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, content_security_policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            PERMISSIONS_POLICY,
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
        (OPENER_POLICY, "same-origin"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// What axum refuses by itself (a query, a path, an upgrade that can not be read) it says in plain text.
async fn as_problem(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let status = response.status();
    if !is_plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let said = to_bytes(body, SAID_BYTES_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let mut problem = Problem::new(status, said.trim()).into_response();
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        head.headers.remove(name);
    }
    problem.headers_mut().extend(head.headers);
    problem
}

/// A body that whoever answers may leave unread: we still have it then.
struct LentBody(Arc<Mutex<Body>>);

/// Keeps a hand on the body, unless the sender waits with it until it is asked for.
fn lend_body(request: Request) -> (Request, Option<LentBody>) {
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return (request, None);
    }
    let (head, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body));
    let lent = Body::new(LentBody(Arc::clone(&body)));
    (Request::from_parts(head, lent), Some(LentBody(body)))
}

impl LentBody {
    async fn take_in_rest(&mut self) {
        let mut left = REST_BYTES_MAX;
        while !self.is_end_stream() && self.size_hint().lower() <= left {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await;
            let Some(Ok(frame)) = frame else { return };
            let length = frame.data_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(length as u64);
            if left == 0 {
                return;
            }
        }
    }
}

impl HttpBody for LentBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

/// An error as RFC 9457 says it: `{"type","title","status","detail",…}`.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    members: Map<String, Value>,
    retry_after_s: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            members: Map::new(),
            retry_after_s: None,
        }
    }

    /// Said to people too, in every language: `words`, beside the English `detail`.
    pub fn worded(status: StatusCode, words: &Words) -> Self {
        Self::new(status, words.en.as_str()).with("words", json!(words))
    }

    #[must_use]
    /// An extension member beside the standard ones.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl utoipa::PartialSchema for Problem {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let status = ObjectBuilder::new().schema_type(Type::Integer);
        let finding = ObjectBuilder::new()
            .property("field", text())
            .property("code", text())
            .property("message", text())
            .property("words", Words::schema());
        let findings = ArrayBuilder::new()
            .items(finding)
            .description(Some("of what is handed in: everything that is wrong with it"));
        let problem = ObjectBuilder::new()
            .property("type", text())
            .property("title", text())
            .property("status", status)
            .property(
                "detail",
                text().description(Some("what is wrong, and what would be right")),
            )
            .property("words", Words::schema())
            .property("findings", findings);
        let problem = ["type", "title", "status", "detail"]
            .into_iter()
            .fold(problem, ObjectBuilder::required);
        problem.into()
    }
}

impl utoipa::ToSchema for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.members;
        body.insert("type".to_owned(), json!("about:blank"));
        body.insert("title".to_owned(), json!(self.status.canonical_reason()));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("detail".to_owned(), json!(self.detail));
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
