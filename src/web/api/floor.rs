//! The shop floor: stations, machines, orders; and values on their way to machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies;
use super::page::{self, Limit};
use crate::http::Problem;
use crate::record::{self, ProgressUpdated, Timestamp};
use crate::reference::Order;
use crate::status::{CapacityView, DeviceView, EquipmentView, StationView, Wip};
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
#[utoipa::path(get, path = "/api/v1/stations", tag = "floor", security(("caller" = [])), responses((status = OK, description = "by name", body = BTreeMap<String, StationView>)))]
async fn stations(State(window): State<Window>) -> Json<BTreeMap<String, StationView>> {
    Json(window.status.stations())
}

/// One station: its dialogue, who works there on what, the last answer.
#[utoipa::path(get, path = "/api/v1/stations/{id}", tag = "floor", security(("caller" = [])), params(("id" = String, Path, description = "its name", example = "ST-01")), responses((status = OK, description = "as it is now", body = StationView), (status = NOT_FOUND, description = "there is no such station", body = Problem)))]
async fn station(State(window): State<Window>, Path(id): Path<String>) -> Result<Json<StationView>, Problem> {
    let view = window.status.station(&id);
    let view = view.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no station {id}")))?;
    Ok(Json(view))
}

#[derive(Serialize, ToSchema)]
struct ShownEquipment {
    #[serde(flatten)]
    view: EquipmentView,
    /// The device behind it, where it is polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceView>,
}

/// Each equipment, and the device behind it where it is polled.
#[utoipa::path(get, path = "/api/v1/equipment", tag = "floor", security(("caller" = [])), responses((status = OK, description = "by code", body = BTreeMap<String, ShownEquipment>)))]
async fn equipment(State(window): State<Window>) -> Json<BTreeMap<Arc<str>, ShownEquipment>> {
    let reference = window.reference.borrow().clone();
    let shown = |(code, view): (Arc<str>, EquipmentView)| {
        let view = view.or_named(reference.equipment_name(&code));
        (code, ShownEquipment { view, device: None })
    };
    let mut all: BTreeMap<_, _> = window.status.equipment().into_iter().map(shown).collect();
    for device in window
        .status
        .sources()
        .into_iter()
        .flat_map(|(_, source)| source.devices.into_values())
    {
        if let Some(equipment) = all.get_mut(&*device.equipment) {
            equipment.device = Some(device);
        }
    }
    Json(all)
}

/// An order as the centre has it, and how it stands.
#[derive(Serialize, ToSchema)]
struct ShownOrder {
    #[serde(flatten)]
    #[schema(value_type = Order)]
    order: Arc<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressUpdated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wip: Option<Wip>,
}

#[derive(Serialize, ToSchema)]
struct Workshop {
    workshop_id: Option<i64>,
    workshop_name: Option<String>,
    capacity: Option<CapacityView>,
    /// By order, of those in progress.
    wip: BTreeMap<String, Wip>,
}

/// Work in process by order, and how the capacity of the day is used.
#[utoipa::path(get, path = "/api/v1/workshop", tag = "floor", security(("caller" = [])), responses((status = OK, description = "as it is now", body = Workshop)))]
async fn workshop(State(window): State<Window>) -> Json<Workshop> {
    let views = window.status.orders();
    let wip = views
        .into_iter()
        .filter(|(_, view)| view.progress.status == "IN_PROGRESS")
        .map(|(order_no, view)| (order_no, view.wip));
    Json(Workshop {
        workshop_id: window.identity.workshop_id,
        workshop_name: window.identity.workshop_name.clone(),
        capacity: window.status.capacity(),
        wip: wip.collect(),
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct OrdersQuery {
    /// All of them, if it is not said.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<Limit>,
    /// The order before the first one.
    #[param(example = "WO-20261121-001")]
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct OrdersPage {
    version: String,
    /// When the centre last said so.
    #[schema(value_type = Option<String>, format = DateTime)]
    confirmed_at: Option<Timestamp>,
    fresh: bool,
    orders: Vec<ShownOrder>,
    /// Where to go on; null when these were the last.
    next: Option<String>,
}

/// The orders of the reference data, and how each stands.
#[utoipa::path(get, path = "/api/v1/orders", tag = "floor", security(("caller" = [])), params(OrdersQuery), responses((status = OK, description = "by number", body = OrdersPage)))]
async fn orders(State(window): State<Window>, Query(query): Query<OrdersQuery>) -> Json<OrdersPage> {
    let reference = window.reference.borrow().clone();
    let mut views = window.status.orders();
    let is_wanted = |order: &&Arc<Order>| query.after.as_ref().is_none_or(|after| order.order_no > *after);
    let mut orders: Vec<_> = reference.orders().filter(is_wanted).cloned().collect();
    orders.sort_by(|a, b| a.order_no.cmp(&b.order_no));
    let (orders, next) = match query.limit {
        Some(limit) => page::cut(orders, limit, |order| order.order_no.clone()),
        None => (orders, None),
    };
    let shown = orders.into_iter().map(|order| {
        let (progress, wip) = views
            .remove(&order.order_no)
            .map(|view| (view.progress, view.wip))
            .unzip();
        ShownOrder { order, progress, wip }
    });
    Json(OrdersPage {
        version: reference.version.clone(),
        confirmed_at: reference.confirmed_at,
        fresh: reference.is_fresh(chrono::Utc::now()),
        orders: shown.collect(),
        next,
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PointValue {
    /// A number, a text or true and false.
    #[schema(schema_with = record::value_schema)]
    value: record::Value,
}

#[derive(Serialize, ToSchema)]
struct HeldValue {
    equipment: String,
    point: String,
    /// Read back from the machine.
    #[schema(schema_with = record::value_schema)]
    value: record::Value,
}

/// Sends a value to a machine; answers with what the machine holds then.
#[utoipa::path(post, path = "/api/v1/equipment/{equipment}/points/{point}", tag = "floor", security(("caller" = ["admin"])), params(("equipment" = String, Path, example = "PRESS-7"), ("point" = String, Path, example = "speed")), request_body = PointValue, responses((status = OK, description = "what the machine holds", body = HeldValue), (status = FORBIDDEN, description = "the point is not listed as writable", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "the value can not be meant", body = Problem), (status = BAD_GATEWAY, description = "the machine did not take it", body = Problem), (status = GATEWAY_TIMEOUT, description = "nobody knows whether the machine took it", body = Problem), (status = SERVICE_UNAVAILABLE, description = "others are before it", body = Problem)))]
async fn write_point(
    State(window): State<Window>,
    Path((equipment, point)): Path<(String, String)>,
    body: Bytes,
) -> Result<(Extension<Noted>, Json<HeldValue>), Problem> {
    let wanted: PointValue = bodies::read(&body, "{\"value\": 12.5}")?;
    let held = window
        .writes
        .write(equipment.clone(), point.clone(), wanted.value)
        .await;
    let held = held.map_err(|error| {
        let status = match error {
            NotWritten::NotAllowed(_) => StatusCode::FORBIDDEN,
            NotWritten::WrongValue(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NotWritten::Busy | NotWritten::Ending => StatusCode::SERVICE_UNAVAILABLE,
            NotWritten::NotReached(_) | NotWritten::Refused(_) | NotWritten::HoldsOther(_) => StatusCode::BAD_GATEWAY,
            NotWritten::Unknown(_) => StatusCode::GATEWAY_TIMEOUT,
        };
        Problem::worded(status, &error.words())
    })?;
    let noted = Noted(json!({ "held": held }));
    let held = HeldValue {
        equipment,
        point,
        value: held,
    };
    Ok((Extension(noted), Json(held)))
}
