//! The gateway as a whole.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::record::Timestamp;
use crate::status::{BufferView, SourceView, UpstreamView};
use crate::web::{Identity, Window};

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new().routes(routes!(status))
}

#[derive(Serialize, ToSchema)]
#[schema(as = GatewayStatus)]
struct Shown {
    gateway: Identity,
    version: &'static str,
    /// With the plant's offset.
    #[schema(format = DateTime)]
    time: String,
    /// The sources have started and the buffer takes records.
    ready: bool,
    sources: BTreeMap<String, SourceView>,
    upstreams: BTreeMap<String, UpstreamView>,
    buffer: BufferView,
    reference: ShownReference,
}

#[derive(Serialize, ToSchema)]
struct ShownReference {
    version: String,
    /// When the centre last said so.
    #[schema(value_type = Option<String>, format = DateTime)]
    confirmed_at: Option<Timestamp>,
    fresh: bool,
    orders: usize,
}

/// Sources, upstreams with what waits for them, the buffer, the reference data.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", security(("caller" = [])), responses((status = OK, description = "as it is now", body = Shown)))]
async fn status(State(window): State<Window>) -> Json<Shown> {
    let reference = window.reference.borrow().clone();
    let buffer = window.status.buffer();
    Json(Shown {
        gateway: window.identity.clone(),
        version: env!("CARGO_PKG_VERSION"),
        time: window.zone.rfc3339(chrono::Utc::now()),
        ready: window.status.are_sources_started() && buffer.writable,
        sources: window.status.sources().into_iter().collect(),
        upstreams: window.status.upstreams(),
        buffer,
        reference: ShownReference {
            version: reference.version.clone(),
            confirmed_at: reference.confirmed_at,
            fresh: reference.is_fresh(chrono::Utc::now()),
            orders: reference.orders().count(),
        },
    })
}
