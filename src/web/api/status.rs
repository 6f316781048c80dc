//! The gateway as a whole.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::Window;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new().routes(routes!(status))
}

/// Sources, upstreams with what waits for them, the buffer, the reference data.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", security(("caller" = [])), responses((status = OK, description = "as it is now", body = serde_json::Value)))]
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
