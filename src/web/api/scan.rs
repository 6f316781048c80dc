//! What a station's page scans, answered once the disk has it. The page gives each scan an id and says it again until it is
//! answered; what came before gets the answer that it got then, and nothing is done twice.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::bodies;
use crate::http::Problem;
use crate::language::Words;
use crate::record::{Answered, PageScan, Submitted};
use crate::status::{StampedFeedback, StationView};
use crate::submissions::NotTaken;
use crate::web::Window;
use crate::web::access::Caller;

/// As much as a scanner may send in one go.
const CODE_BYTES_MAX: usize = 4096;
/// When to come again with what was not taken.
const RETRY_AFTER_S: u64 = 2;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new().routes(routes!(scan))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Scan {
    /// As it was scanned or keyed in, such as `QTY-12`; the separator of GS1 is the character 29.
    #[schema(min_length = 1, max_length = 4096, example = "QTY-12")]
    code: String,
    /// Of this scan alone; the same when it is sent again.
    scan_id: Uuid,
    /// How long it waited to be sent.
    #[serde(default, deserialize_with = "bodies::whole")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    waited_ms: u64,
    /// Of the page that it was scanned at. Of a scan that had to wait it is then known whether the station went on
    /// meanwhile by other scans than this page's; it is not taken in that case.
    page_id: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
struct Scanned {
    #[schema(value_type = StampedFeedback)]
    feedback: Value,
    /// It had come before; nothing was done again.
    repeated: bool,
    /// As it is now.
    station: Option<StationView>,
}

/// One scan of a station's page. The answer is the station's: also `err` is one, and is kept.
#[utoipa::path(post, path = "/api/v1/stations/{id}/scans", tag = "floor", security(("caller" = ["operator", "supervisor", "admin", "station"])), params(("id" = String, Path, description = "its name", example = "ST-01")), request_body = Scan, responses((status = OK, description = "the disk has it, and this is the answer", body = Scanned), (status = BAD_REQUEST, description = "not such a body", body = Problem), (status = FORBIDDEN, description = "a device speaks for its own station only", body = Problem), (status = NOT_FOUND, description = "there is no such station", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "no code can be like this", body = Problem), (status = SERVICE_UNAVAILABLE, description = "not saved: the same again", body = Problem)))]
async fn scan(
    State(window): State<Window>,
    Path(station): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Json<Scanned>, Problem> {
    if let Some(own) = caller.station.filter(|own| **own != *station) {
        let name = &caller.name;
        let words = Words::new(
            format!("{name} speaks for station {own}, not for {station}"),
            format!("{name} 只能用于工位 {own}，不能用于 {station}"),
        );
        return Err(Problem::worded(StatusCode::FORBIDDEN, &words));
    }
    if window.status.station(&station).is_none() {
        let words = Words::new(format!("there is no station {station}"), format!("没有工位 {station}"));
        return Err(Problem::worded(StatusCode::NOT_FOUND, &words));
    }
    let scan: Scan = bodies::read(&body, "{\"code\": \"QTY-12\", \"scan_id\": \"a UUID\"}")?;
    if !(1..=CODE_BYTES_MAX).contains(&scan.code.len()) {
        let bytes = scan.code.len();
        let words = Words::new(
            format!("a code has 1 to {CODE_BYTES_MAX} bytes, this one has {bytes}"),
            format!("条码应有 1 到 {CODE_BYTES_MAX} 字节，本次为 {bytes} 字节"),
        );
        return Err(Problem::worded(StatusCode::UNPROCESSABLE_ENTITY, &words));
    }
    let scan = PageScan {
        station: station.clone(),
        id: scan.scan_id,
        code: scan.code,
        waited: Duration::from_millis(scan.waited_ms),
        page: scan.page_id,
    };
    let (feedback, is_repeated) = match window.submissions.hand_in(Submitted::Scan(scan)).await {
        Ok(Answered::Taken(feedback)) => (feedback, false),
        Ok(Answered::Known(feedback)) => (feedback, true),
        Ok(Answered::NotThere(what)) => return Err(Problem::worded(StatusCode::NOT_FOUND, &what)),
        Ok(Answered::Refused(_)) | Err(NotTaken::Unconfirmed) => {
            let why = Words::new("the disk has not confirmed it in time", "磁盘未及时确认");
            return Err(not_saved(&why));
        }
        Err(not_taken) => return Err(not_saved(&not_taken.words())),
    };
    Ok(Json(Scanned {
        feedback,
        repeated: is_repeated,
        station: window.status.station(&station),
    }))
}

/// Whether it was taken or not, the same id makes the next attempt safe.
fn not_saved(why: &Words) -> Problem {
    let words = Words::new(
        format!(
            "not saved: {}; send it again under the same scan_id, or scan again",
            why.en
        ),
        format!("未保存：{}；请重新扫描", why.zh),
    );
    Problem::worded(StatusCode::SERVICE_UNAVAILABLE, &words).retry_after(RETRY_AFTER_S)
}
