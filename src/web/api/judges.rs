//! What is judged on the spot: control charts, watches, alerts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Problem;
use crate::status::AlertState;
use crate::web::Window;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new()
        .routes(routes!(charts))
        .routes(routes!(chart))
        .routes(routes!(watches))
        .routes(routes!(alerts))
}

/// Every control chart, with its points.
#[utoipa::path(get, path = "/api/v1/spc", tag = "judgement", security(("caller" = [])), responses((status = OK, description = "by name", body = serde_json::Value)))]
async fn charts(State(window): State<Window>) -> Json<Value> {
    Json(json!(window.status.judges("spc/")))
}

/// One control chart, with its points and what was said of them.
#[utoipa::path(get, path = "/api/v1/spc/{name}", tag = "judgement", security(("caller" = [])), params(("name" = String, Path)), responses((status = OK, description = "as it is now", body = serde_json::Value), (status = NOT_FOUND, description = "there is no such chart", body = Problem)))]
async fn chart(State(window): State<Window>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let view = window.status.judge(&format!("spc/{name}"));
    let mut view = view.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no chart {name}")))?;
    view["annotations"] = window
        .status
        .judge(&format!("annotations/{name}"))
        .unwrap_or_else(|| json!([]));
    Ok(Json(view))
}

/// Every watch over points, and what it has learnt.
#[utoipa::path(get, path = "/api/v1/watches", tag = "judgement", security(("caller" = [])), responses((status = OK, description = "by name", body = serde_json::Value)))]
async fn watches(State(window): State<Window>) -> Json<Value> {
    Json(json!(window.status.judges("watch/")))
}

/// Alerts that last, and some that have ended.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "judgement", security(("caller" = [])), responses((status = OK, description = "the active ones first", body = serde_json::Value)))]
async fn alerts(State(window): State<Window>) -> Json<Value> {
    let alerts = window.status.alerts();
    let active = alerts.iter().filter(|view| view.state == AlertState::Active).count();
    Json(json!({"active": active, "alerts": *alerts}))
}
