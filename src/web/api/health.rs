//! Whether the process lives, whether it works, and what it counts.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::metrics;
use crate::http::Problem;
use crate::web::Window;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new()
        .routes(routes!(alive))
        .routes(routes!(ready))
        .routes(routes!(show_metrics))
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = OK, description = "ok", body = String)))]
async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the sources have started and the buffer takes records.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses((status = OK, description = "ready", body = String), (status = SERVICE_UNAVAILABLE, description = "why not", body = Problem)))]
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

/// What the gateway counts, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", security(("caller" = [])), responses((status = OK, description = "text of format 0.0.4", body = String)))]
async fn show_metrics(State(window): State<Window>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        metrics::render(&window.status),
    )
}
