//! `/healthz`, `/readyz`, `/metrics` and `/api/v1`. Each call is described where it is answered; the descriptions together
//! are the document at `/api/v1/openapi.json`, which also says who may call (see [`super::access`]).

mod buffer;
mod engineering;
mod floor;
mod health;
mod judges;
mod metrics;
mod quality;
mod scan;
mod status;
mod submit;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Window;
use super::access::SCHEME;
use crate::http::Problem;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "lineside",
        description = "What a gateway knows, and what can be handed in. Errors are problem+json (RFC 9457)."
    ),
    components(schemas(Problem))
)]
struct Document;

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
        .merge(engineering::calls())
        .merge(super::live::calls())
        .merge(scan::calls())
        .routes(routes!(openapi))
        .split_for_parts();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(bearer));
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
