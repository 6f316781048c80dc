//! The shop floor: stations, machines, orders; and values on their way to machines.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Problem;
use crate::record;
use crate::reference::Order;
use crate::status::OrderView;
use crate::web::Window;
use crate::web::access::trail::Noted;
use crate::writes::NotWritten;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new()
        .routes(routes!(stations))
        .routes(routes!(station))
        .routes(routes!(equipment))
        .routes(routes!(write_point))
        .routes(routes!(workshop))
        .routes(routes!(orders))
}

/// Every reporting station, by its name.
#[utoipa::path(get, path = "/api/v1/stations", tag = "floor", security(("caller" = [])), responses((status = OK, description = "by name", body = serde_json::Value)))]
async fn stations(State(window): State<Window>) -> Json<Value> {
    Json(json!(window.status.stations()))
}

/// One station: its dialogue, who works there on what, the last answer.
#[utoipa::path(get, path = "/api/v1/stations/{id}", tag = "floor", security(("caller" = [])), params(("id" = String, Path, description = "such as ST-01")), responses((status = OK, description = "as it is now", body = serde_json::Value), (status = NOT_FOUND, description = "there is no such station", body = Problem)))]
async fn station(State(window): State<Window>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let view = window.status.station(&id);
    let view = view.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no station {id}")))?;
    Ok(Json(json!(view)))
}

/// Each equipment, and the device behind it where it is polled.
#[utoipa::path(get, path = "/api/v1/equipment", tag = "floor", security(("caller" = [])), responses((status = OK, description = "by code", body = serde_json::Value)))]
async fn equipment(State(window): State<Window>) -> Json<Value> {
    let mut all: serde_json::Map<String, Value> = window
        .status
        .equipment()
        .into_iter()
        .map(|(code, view)| (code.to_string(), json!(view)))
        .collect();
    for device in window
        .status
        .sources()
        .into_iter()
        .flat_map(|(_, source)| source.devices.into_values())
    {
        if let Some(equipment) = all.get_mut(&*device.equipment) {
            equipment["device"] = json!(device);
        }
    }
    Json(Value::Object(all))
}

/// An order as the centre has it, and how it stands.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    order: &'a Order,
    #[serde(flatten)]
    view: Option<&'a OrderView>,
}

/// Work in process by order, and how the capacity of the day is used.
#[utoipa::path(get, path = "/api/v1/workshop", tag = "floor", security(("caller" = [])), responses((status = OK, description = "as it is now", body = serde_json::Value)))]
async fn workshop(State(window): State<Window>) -> Json<Value> {
    let views = window.status.orders();
    let wip: serde_json::Map<String, Value> = views
        .into_iter()
        .filter(|(_, view)| view.progress.status == "IN_PROGRESS")
        .map(|(order_no, view)| (order_no, json!(view.wip)))
        .collect();
    Json(json!({
        "workshop_id": window.identity.workshop_id,
        "workshop_name": window.identity.workshop_name,
        "capacity": window.status.capacity(),
        "wip": wip,
    }))
}

/// The orders of the reference data, and how each stands.
#[utoipa::path(get, path = "/api/v1/orders", tag = "floor", security(("caller" = [])), responses((status = OK, description = "by number", body = serde_json::Value)))]
async fn orders(State(window): State<Window>) -> Json<Value> {
    let reference = window.reference.borrow().clone();
    let views = window.status.orders();
    let mut orders: Vec<_> = reference.orders().collect();
    orders.sort_by(|a, b| a.order_no.cmp(&b.order_no));
    let orders = orders.into_iter().map(|order| {
        let view = views.get(&order.order_no);
        Shown { order, view }
    });
    let orders: Vec<_> = orders.collect();
    Json(json!({
        "version": reference.version,
        "confirmed_at": reference.confirmed_at,
        "fresh": reference.is_fresh(chrono::Utc::now()),
        "orders": orders,
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PointValue {
    /// A number, a text or true and false.
    #[schema(value_type = serde_json::Value)]
    value: record::Value,
}

/// Sends a value to a machine; answers with what the machine holds then.
#[utoipa::path(post, path = "/api/v1/equipment/{equipment}/points/{point}", tag = "floor", security(("caller" = ["admin"])), params(("equipment" = String, Path), ("point" = String, Path)), request_body = PointValue, responses((status = OK, description = "what the machine holds", body = serde_json::Value), (status = FORBIDDEN, description = "the point is not listed as writable", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "the value can not be meant", body = Problem), (status = BAD_GATEWAY, description = "the machine did not take it", body = Problem), (status = SERVICE_UNAVAILABLE, description = "others are before it", body = Problem)))]
async fn write_point(
    State(window): State<Window>,
    Path((equipment, point)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Problem> {
    let wanted: PointValue = serde_json::from_slice(&body)
        .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, format!("write {{\"value\": 12.5}}: {e}")))?;
    let held = window
        .writes
        .write(equipment.clone(), point.clone(), wanted.value)
        .await;
    let held = held.map_err(|error| {
        let status = match error {
            NotWritten::NotAllowed(_) => StatusCode::FORBIDDEN,
            NotWritten::WrongValue(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NotWritten::Busy => StatusCode::SERVICE_UNAVAILABLE,
            NotWritten::Failed(_) => StatusCode::BAD_GATEWAY,
        };
        Problem::new(status, error.to_string())
    })?;
    let holds = json!({"equipment": equipment, "point": point, "value": held});
    Ok((Extension(Noted(holds.clone())), Json(holds)).into_response())
}
