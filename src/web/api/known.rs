//! Answers that the asker has already: each JSON answer to a GET carries a tag of its content, and who shows that tag again
//! is told 304 instead of the same once more. A HEAD is answered like its GET, and loses its body on the way out.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::http::Problem;

/// The largest answer of ours is far smaller; it is in memory anyway.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Whoever asked may keep it, to ask by its tag whether it still holds.
const KEPT: HeaderValue = HeaderValue::from_static("private, no-cache");

pub async fn tag(mut request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let is_get = request.method() == Method::GET;
    let shown = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    if !is_get || response.status() != StatusCode::OK || !is_json(response.headers()) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made").into_response();
    };
    let tag = tag_of(&body);
    let again = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, KEPT)];
    if shown.is_some_and(|shown| names(&shown, &tag)) {
        return (StatusCode::NOT_MODIFIED, again).into_response();
    }
    head.headers.extend(again);
    Response::from_parts(head, Body::from(body))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// Weak: the content is the same, not the bytes of every encoding.
fn tag_of(body: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(body);
    let number = u128::from_be_bytes(digest[..16].try_into().expect("16 of 32 bytes"));
    HeaderValue::from_str(&format!("W/\"{number:032x}\"")).expect("hexadecimal digits in quotes")
}

fn names(shown: &HeaderValue, tag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let (Ok(shown), Ok(tag)) = (shown.to_str(), tag.to_str()) else {
        return false;
    };
    shown.trim() == "*" || shown.split(',').any(|one| bare(one) == bare(tag))
}
