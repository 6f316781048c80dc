//! `/healthz`, `/readyz`, `/metrics` and `/api/v1`. Each call is described where it is answered; the descriptions together
//! are the document at `/api/v1/openapi.json`, which also says who may call (see [`super::access`]).

mod audit;
mod bodies;
mod buffer;
mod document;
mod engineering;
mod floor;
mod health;
mod judges;
mod known;
mod metrics;
mod page;
mod papers;
mod pictures;
mod quality;
mod scan;
mod session;
mod status;
mod submit;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Window;
use document::Document;

/// Every call, and what is said of it.
pub fn calls() -> (Router<Window>, OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(health::calls())
        .merge(status::calls())
        .merge(floor::calls())
        .merge(judges::calls())
        .merge(buffer::calls())
        .merge(submit::calls())
        .merge(quality::calls())
        .merge(pictures::calls())
        .merge(engineering::calls())
        .merge(super::live::calls())
        .merge(scan::calls())
        .merge(session::calls())
        .merge(audit::calls())
        .routes(routes!(openapi))
        .split_for_parts();
    document::complete(&mut document);
    let router = router
        .layer(middleware::from_fn(known::tag))
        .layer(middleware::from_fn(bodies::unpacked));
    (router, document)
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "status", security(()),
    responses((status = OK, description = "OpenAPI 3.1", body = serde_json::Value)))]
async fn openapi(axum::Extension(document): axum::Extension<Text>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.0.to_string())
}

/// The document as it is served.
#[derive(Clone)]
pub struct Text(pub Arc<str>);
