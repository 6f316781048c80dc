//! What was changed and decided here, and by whom.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{self, Limit};
use crate::audit::Entry;
use crate::http::Problem;
use crate::web::Window;

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
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    #[serde(default)]
    limit: Limit,
}

#[derive(Serialize, ToSchema)]
struct AuditPage {
    entries: Vec<Entry>,
    /// Where to go on; null when these were the last.
    next: Option<u64>,
}

/// The audit log, oldest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "access", security(("caller" = ["supervisor", "admin"])), params(AuditQuery), responses((status = OK, description = "a page of it", body = AuditPage)))]
async fn audit(State(window): State<Window>, Query(query): Query<AuditQuery>) -> Result<Json<AuditPage>, Problem> {
    let failed = |error: std::io::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    if i64::try_from(query.after).is_err() {
        let detail = format!("`after` is the number of an entry, and {} is none", query.after);
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let read = window.audit.read(query.after, page::one_more(query.limit)).await;
    let (entries, next) = page::cut(read.map_err(failed)?, query.limit, |entry| entry.seq);
    Ok(Json(AuditPage { entries, next }))
}
