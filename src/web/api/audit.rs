//! What was changed and decided here, and by whom.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Problem;
use crate::web::Window;

const PAGE_MAX: usize = 1000;
const PAGE_DEFAULT: usize = 100;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new().routes(routes!(audit))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// The number of the last entry that is known already.
    #[serde(default)]
    after: u64,
    /// 100 when not given, at most 1000.
    limit: Option<usize>,
}

/// The audit log, oldest first; `next` is what to go on with as `after`.
#[utoipa::path(get, path = "/api/v1/audit", tag = "session", security(("caller" = ["supervisor", "admin"])), params(AuditQuery), responses((status = OK, description = "a page of it", body = serde_json::Value)))]
async fn audit(State(window): State<Window>, Query(query): Query<AuditQuery>) -> Result<Json<Value>, Problem> {
    let limit = query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let failed = |error: std::io::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let entries = window.audit.read(query.after, limit).await.map_err(failed)?;
    let next = entries.last().map_or(query.after, |entry| entry.seq);
    Ok(Json(json!({"entries": entries, "next": next})))
}
