//! What is judged on the spot: control charts, watches, alerts.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::page::{self, Limit};
use crate::http::Problem;
use crate::judge::anomaly::watch;
use crate::judge::spc::monitor;
use crate::record::Annotation;
use crate::status::{AlertState, AlertView};
use crate::web::Window;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new()
        .routes(routes!(charts))
        .routes(routes!(chart))
        .routes(routes!(watches))
        .routes(routes!(alerts))
}

/// Every control chart, with its points.
#[utoipa::path(get, path = "/api/v1/spc", tag = "judgement", security(("caller" = [])), responses((status = OK, description = "by name", body = Vec<monitor::View>)))]
async fn charts(State(window): State<Window>) -> Json<Vec<Value>> {
    Json(window.status.judges("spc/"))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PointsQuery {
    /// So many points, the first after `after`; without it the newest. All that are kept, if it is not said.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<Limit>,
    /// Points later than this, such as the `next` of the answer before.
    after: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
struct ShownChart {
    #[serde(flatten)]
    #[schema(value_type = monitor::View)]
    chart: Value,
    /// What people said of its points.
    annotations: Vec<Annotation>,
    /// Where to go on for the points that follow; null when these were the newest.
    next: Option<String>,
}

/// One control chart, with its points and what was said of them.
#[utoipa::path(get, path = "/api/v1/spc/{name}", tag = "judgement", security(("caller" = [])), params(("name" = String, Path, example = "press-force"), PointsQuery), responses((status = OK, description = "as it is now", body = ShownChart), (status = NOT_FOUND, description = "there is no such chart", body = Problem)))]
async fn chart(
    State(window): State<Window>,
    Path(name): Path<String>,
    Query(query): Query<PointsQuery>,
) -> Result<Json<ShownChart>, Problem> {
    let view = window.status.judge(&format!("spc/{name}"));
    let mut chart = view.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no chart {name}")))?;
    let points = chart.get_mut("points").and_then(Value::as_array_mut);
    let next = points.and_then(|points| choose(points, &query));
    let annotations = window.status.judge(&format!("annotations/{name}"));
    let annotations = annotations.and_then(|said| serde_json::from_value(said).ok());
    Ok(Json(ShownChart {
        chart,
        annotations: annotations.unwrap_or_default(),
        next,
    }))
}

/// Leaves the points that were asked for; answers with the time of the last one, if later ones follow.
fn choose(points: &mut Vec<Value>, query: &PointsQuery) -> Option<String> {
    let time = |point: &Value| -> Option<DateTime<Utc>> { point.get("at")?.as_str()?.parse().ok() };
    match (query.after, query.limit) {
        (None, None) => None,
        (None, Some(limit)) => {
            points.drain(..points.len().saturating_sub(limit.count()));
            None
        }
        (Some(after), limit) => {
            points.retain(|point| time(point).is_some_and(|at| at > after));
            let name = |point: &Value| Some(point.get("at")?.as_str()?.to_owned());
            let (chosen, next) = match limit {
                Some(limit) => page::cut(std::mem::take(points), limit, name),
                None => (std::mem::take(points), None),
            };
            *points = chosen;
            next.flatten()
        }
    }
}

/// Every watch over points, and what it has learnt.
#[utoipa::path(get, path = "/api/v1/watches", tag = "judgement", security(("caller" = [])), responses((status = OK, description = "by name", body = Vec<watch::View>)))]
async fn watches(State(window): State<Window>) -> Json<Vec<Value>> {
    Json(window.status.judges("watch/"))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AlertsQuery {
    /// All of them, if it is not said.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<Limit>,
    /// The `alert_id` of the alert before the first one.
    after: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
struct AlertsPage {
    /// Of all that there are.
    active: usize,
    alerts: Vec<AlertView>,
    /// Where to go on; null when these were the last.
    next: Option<String>,
}

/// Alerts that last, and some that have ended.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "judgement", security(("caller" = [])), params(AlertsQuery), responses((status = OK, description = "the active ones first", body = AlertsPage), (status = GONE, description = "the alert to go on after is not shown any more; begin anew", body = Problem)))]
async fn alerts(State(window): State<Window>, Query(query): Query<AlertsQuery>) -> Result<Json<AlertsPage>, Problem> {
    let alerts = window.status.alerts();
    let active = alerts.iter().filter(|view| view.state == AlertState::Active).count();
    let first = match query.after {
        None => 0,
        Some(after) => {
            let after = after.to_string();
            let place = alerts.iter().position(|view| view.alert.alert_id == after);
            let gone = || {
                Problem::new(
                    StatusCode::GONE,
                    format!("there is no alert {after} to go on after; begin anew"),
                )
            };
            place.ok_or_else(gone)? + 1
        }
    };
    let wanted = alerts.iter().skip(first);
    let (alerts, next) = match query.limit {
        Some(limit) => {
            let wanted = wanted.take(page::one_more(limit)).cloned().collect();
            page::cut(wanted, limit, |view: &AlertView| view.alert.alert_id.clone())
        }
        None => (wanted.cloned().collect(), None),
    };
    Ok(Json(AlertsPage { active, alerts, next }))
}
