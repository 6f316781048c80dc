//! For who connects machines: what a device holds right now, what may be written, the configuration that runs, what the
//! counters mean.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies;
use super::metrics::{self, Family};
use crate::http::Problem;
use crate::looks::{NotSeen, Seen};
use crate::web::access::Caller;
use crate::web::{Checked, Window};
use crate::writes::Writable;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new()
        .routes(routes!(configuration))
        .routes(routes!(explained))
        .routes(routes!(writable_points))
        .routes(routes!(registers))
}

/// What runs, and what is to be said of its file.
#[derive(Serialize, ToSchema)]
#[schema(as = Configuration)]
struct Shown {
    file: String,
    /// Of the file when it was read.
    sha256: String,
    loaded_at: String,
    /// What it said. Secrets are not in it, and what could be one is not shown.
    #[schema(value_type = Object)]
    sections: Value,
    /// The file on the disk is not what runs.
    differs: bool,
    on_disk: Checked,
}

/// The configuration as it runs, and what `lineside check` says of its file as it lies on the disk now.
#[utoipa::path(get, path = "/api/v1/configuration", tag = "engineering", security(("caller" = ["supervisor", "admin"])),
    responses((status = OK, description = "without secrets", body = Shown)))]
async fn configuration(State(window): State<Window>) -> Result<Json<Shown>, Problem> {
    // A large file takes a while to read, and the disk blocks.
    let shown = tokio::task::spawn_blocking(move || {
        let running = &window.configuration;
        let on_disk = (running.check)(&running.file);
        Shown {
            file: running.file.display().to_string(),
            sha256: running.sha256.clone(),
            loaded_at: window.zone.rfc3339(running.loaded_at),
            sections: (running.sections)(&running.text),
            differs: on_disk.sha256.as_ref() != Some(&running.sha256),
            on_disk,
        }
    });
    let failed = |e: tokio::task::JoinError| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string());
    Ok(Json(shown.await.map_err(failed)?))
}

/// Everything that `/metrics` counts: what it means, and what it is now.
#[utoipa::path(get, path = "/api/v1/metrics", tag = "engineering", security(("caller" = [])),
    responses((status = OK, description = "in the order of /metrics", body = [Family])))]
async fn explained(State(window): State<Window>) -> Json<Vec<Family>> {
    Json(metrics::families(&window.status))
}

/// Points of machines that may be written, with their ranges.
#[utoipa::path(get, path = "/api/v1/writable-points", tag = "engineering", security(("caller" = [])),
    responses((status = OK, description = "as the configuration lists them", body = [Writable])))]
async fn writable_points(State(window): State<Window>) -> Json<Vec<Writable>> {
    Json(window.writes.points().to_vec())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `holding`, `input`, `coil` or `discrete`.
    #[schema(pattern = "^(holding|input|coil|discrete)$", example = "holding")]
    table: String,
    /// The first wire address.
    #[serde(deserialize_with = "bodies::whole")]
    #[schema(maximum = 65535)]
    from: u16,
    /// At most 125 registers or 2000 bits.
    #[serde(deserialize_with = "bodies::whole")]
    #[schema(minimum = 1, maximum = 2000)]
    count: u16,
}

/// Reads registers of a device over the connection that polls it, between the polls, and shows every way to understand them.
#[utoipa::path(post, path = "/api/v1/modbus/{connection}/{device}/registers", tag = "engineering", security(("caller" = ["admin"])),
    params(("connection" = String, Path, description = "as in [modbus.NAME]", example = "line"), ("device" = String, Path, description = "its name there", example = "press")),
    request_body = Wanted,
    responses((status = OK, description = "what it holds, in every type and byte order", body = Seen),
        (status = NOT_FOUND, description = "there is no such device", body = Problem),
        (status = UNPROCESSABLE_ENTITY, description = "no device has such a range", body = Problem),
        (status = BAD_GATEWAY, description = "the device refused it or does not answer", body = Problem),
        (status = SERVICE_UNAVAILABLE, description = "others are before you", body = Problem)))]
async fn registers(
    State(window): State<Window>,
    Path((connection, device)): Path<(String, String)>,
    caller: Caller,
    body: Bytes,
) -> Result<Json<Seen>, Problem> {
    let wanted: Wanted = bodies::read(&body, "{\"table\": \"holding\", \"from\": 0, \"count\": 10}")?;
    tracing::info!(
        by = &*caller.name,
        connection,
        device,
        table = wanted.table,
        from = wanted.from,
        count = wanted.count,
        "registers are looked at"
    );
    let Wanted { table, from, count } = wanted;
    let seen = window.looks.look(&connection, device, table, from, count).await;
    let seen = seen.map_err(|error| {
        let status = match error {
            NotSeen::NoConnection(_) | NotSeen::NoDevice { .. } => StatusCode::NOT_FOUND,
            NotSeen::WrongRange(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NotSeen::Busy | NotSeen::Ending => StatusCode::SERVICE_UNAVAILABLE,
            NotSeen::Late | NotSeen::Failed(_) => StatusCode::BAD_GATEWAY,
        };
        Problem::worded(status, &error.words())
    })?;
    Ok(Json(seen))
}
