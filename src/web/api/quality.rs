//! Quality: what people change of control charts and say of their points, charts as CSV, the latest inspections and what is
//! decided on their faults, and the Pareto of reasons with what they come together with.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::submit::{hand_in, paper};
use crate::http::Problem;
use crate::judge::inspection::{Account, Summary, Tally, Teller};
use crate::record::{ChartChange, Submitted};
use crate::web::Window;
use crate::web::access::Caller;

const TEXT_CHARS_MAX: usize = 200;
const INSPECTIONS_MAX: usize = 200;
const INSPECTIONS_USUAL: usize = 50;
/// So long faults are counted.
const DAYS_MAX: u64 = 31;
const DAYS_USUAL: u64 = 7;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new()
        .routes(routes!(data))
        .routes(routes!(phase))
        .routes(routes!(annotate))
        .routes(routes!(inspections))
        .routes(routes!(dispose))
        .routes(routes!(defects))
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// The points of a control chart with its limits, as CSV.
#[utoipa::path(get, path = "/api/v1/spc/{name}/data.csv", tag = "quality", security(("caller" = [])), params(("name" = String, Path)), responses((status = OK, description = "one row for each point", body = String, content_type = "text/csv"), (status = NOT_FOUND, description = "there is no such chart", body = Problem)))]
async fn data(State(window): State<Window>, Path(name): Path<String>) -> Result<Response, Problem> {
    let view = window.status.judge(&format!("spc/{name}"));
    let view = view.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no chart {name}")))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"chart.csv\""),
    ];
    Ok((headers, csv(&view)).into_response())
}

fn csv(view: &Value) -> String {
    let limits = &view["limits"];
    let unit = cell(&view["unit"]);
    let mut csv = String::from("time,value,unit,center,lcl,ucl,signals\r\n");
    for point in view["points"].as_array().into_iter().flatten() {
        let signals = point["rules"].as_array().into_iter().flatten();
        let signals: Vec<&str> = signals.filter_map(Value::as_str).collect();
        let row = [
            cell(&point["at"]),
            cell(&point["value"]),
            unit.clone(),
            cell(&limits["center"]),
            cell(&limits["lcl"]),
            cell(&limits["ucl"]),
            signals.join(" "),
        ];
        csv.push_str(&row.join(","));
        csv.push_str("\r\n");
    }
    csv
}

/// Texts begin with no sign that a spreadsheet would take for a formula.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => {
            let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
            let text = text.replace('"', "\"\"");
            format!("\"{}{text}\"", if is_formula { "'" } else { "" })
        }
        other => other.to_string(),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum Change {
    /// Takes what was learnt so far for the limits.
    Freeze,
    /// Learns the limits anew.
    Relearn,
    /// Leaves a point out of what is learnt from; points of phase I, counted from 1.
    Exclude { point: usize, reason: String },
    /// Takes an exclusion back.
    Include { point: usize },
}

/// Freezes limits, has them learnt anew, leaves points of phase I out or takes them back in.
#[utoipa::path(post, path = "/api/v1/spc/{name}/phase", tag = "quality", security(("caller" = ["quality", "supervisor", "admin"])), params(("name" = String, Path)), request_body = Change, responses((status = CREATED, description = "the disk has it", body = serde_json::Value), (status = NOT_FOUND, description = "there is no such chart", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "why that cannot be, in `findings`", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn phase(
    State(window): State<Window>,
    Path(chart): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let change: Change = serde_json::from_slice(&body).map_err(|e| {
        wrong(format!(
            "write {{\"action\": \"exclude\", \"point\": 7, \"reason\": \"tool broke\"}}, or an action of freeze, \
             relearn, include: {e}"
        ))
    })?;
    let change = match change {
        Change::Freeze => ChartChange::Freeze,
        Change::Relearn => ChartChange::Relearn,
        Change::Exclude { point, reason } => ChartChange::Exclude { point, reason },
        Change::Include { point } => ChartChange::Include { point },
    };
    let by = caller.name.to_string();
    hand_in(&window, Submitted::ChartChange { chart, change, by }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Annotate {
    /// When the point is of, as the chart shows it.
    at: DateTime<Utc>,
    text: String,
}

/// Says something of a point; what was said of it before gives way.
#[utoipa::path(post, path = "/api/v1/spc/{name}/annotations", tag = "quality", security(("caller" = ["quality", "supervisor", "admin"])), params(("name" = String, Path)), request_body = Annotate, responses((status = CREATED, description = "the disk has it", body = serde_json::Value), (status = NOT_FOUND, description = "there is no such chart", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "the chart has no such point", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn annotate(
    State(window): State<Window>,
    Path(chart): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let Annotate { at, text } = serde_json::from_slice(&body).map_err(|e| {
        wrong(format!(
            "write {{\"at\": \"2026-11-21T08:00:00Z\", \"text\": \"new coil\"}}: {e}"
        ))
    })?;
    if text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Err(wrong(format!("`text` has 1 to {TEXT_CHARS_MAX} characters")));
    }
    let by = caller.name.to_string();
    hand_in(&window, Submitted::Annotation { chart, at, text, by }).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// At most 200; 50 when not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Goes on after this number.
    after: Option<String>,
}

/// The latest inspections that were heard here, newest first, with what is decided on their faults.
#[utoipa::path(get, path = "/api/v1/inspections", tag = "quality", security(("caller" = [])), params(Which), responses((status = OK, description = "with the number to go on after, in `next`", body = serde_json::Value), (status = NOT_FOUND, description = "`after` is none of them", body = Problem)))]
async fn inspections(State(window): State<Window>, Query(which): Query<Which>) -> Result<Json<Value>, Problem> {
    let mut all = window.status.judges("inspection/");
    let moment = |checked: &Value| checked["at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
    all.sort_by_cached_key(|checked| std::cmp::Reverse(moment(checked)));
    let from = match which.after {
        None => 0,
        Some(after) => {
            let place = all.iter().position(|checked| checked["check_no"] == *after);
            let gone = || {
                Problem::new(
                    StatusCode::NOT_FOUND,
                    format!("{after} is none of the latest inspections"),
                )
            };
            place.ok_or_else(gone)? + 1
        }
    };
    let limit = which.limit.unwrap_or(INSPECTIONS_USUAL).clamp(1, INSPECTIONS_MAX);
    let shown = all.get(from..).unwrap_or_default();
    let next = shown.get(limit).and_then(|_| shown.get(limit - 1));
    Ok(Json(json!({
        "inspections": shown.iter().take(limit).collect::<Vec<_>>(),
        "next": next.map(|last| &last["check_no"]),
    })))
}

/// What is handed in as a disposition.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "read field by field, so that everything that is wrong is told at once"
)]
struct Dispose {
    #[schema(pattern = "^(rework|concession|scrap)$")]
    disposition: String,
    /// Of one fault alone; of all that are open when absent.
    reason: Option<String>,
    /// All that is open of it when absent.
    quantity: Option<String>,
    comment: Option<String>,
}

/// Decides what is done with pieces that an inspection left open.
#[utoipa::path(post, path = "/api/v1/inspections/{no}/disposition", tag = "quality", security(("caller" = ["quality", "supervisor", "admin"])), params(("no" = String, Path, description = "the `check_no`"), ("Idempotency-Key" = Option<String>, Header, description = "the same again is recognised by it")), request_body = Dispose, responses((status = CREATED, description = "the disk has it", body = serde_json::Value), (status = OK, description = "it was handed in before", body = serde_json::Value), (status = NOT_FOUND, description = "it is none of the latest inspections", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "every objection, in `findings`", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn dispose(
    State(window): State<Window>,
    Path(check_no): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let paper = paper(&headers, &body)?;
    let by = caller.name.to_string();
    hand_in(&window, Submitted::Disposition { check_no, paper, by }).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Faults {
    /// The latest production days, at most 31; 7 when not given.
    #[param(minimum = 1, maximum = 31)]
    days: Option<u64>,
    product: Option<String>,
    process: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(flatten)]
    account: Account,
    #[serde(flatten)]
    tally: Tally,
}

#[derive(Serialize)]
struct Told {
    since: NaiveDate,
    reports: Summary,
    inspections: Summary,
    hints: Vec<Value>,
}

/// The Pareto of reasons, by reports and by inspections that were heard here, with what faults come together with.
#[utoipa::path(get, path = "/api/v1/defects", tag = "quality", security(("caller" = [])), params(Faults), responses((status = OK, description = "heaviest first", body = serde_json::Value)))]
async fn defects(State(window): State<Window>, Query(wanted): Query<Faults>) -> Json<Value> {
    let days = wanted.days.unwrap_or(DAYS_USUAL).clamp(1, DAYS_MAX);
    let today = Utc::now().with_timezone(&window.zone.0).date_naive();
    let since = today - Days::new(days - 1);
    let is_wanted = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    let counted = window.status.judges("faults/").into_iter();
    let counted: Vec<Counted> = counted
        .filter_map(|counted| serde_json::from_value(counted).ok())
        .filter(|counted: &Counted| {
            let Account {
                day, product, process, ..
            } = &counted.account;
            *day >= since && is_wanted(&wanted.product, product) && is_wanted(&wanted.process, process)
        })
        .collect();
    let of = |teller: Teller| {
        let tallies = counted.iter().filter(|counted| counted.account.teller == teller);
        Summary::of(tallies.map(|counted| &counted.tally))
    };
    let hints = window.status.judges("hints/").into_iter();
    let hints = hints.filter(|of| {
        of["product"]
            .as_str()
            .is_some_and(|product| is_wanted(&wanted.product, product))
    });
    Json(json!(Told {
        since,
        reports: of(Teller::Reports),
        inspections: of(Teller::Inspections),
        hints: hints.collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_one_row_for_each_point_and_no_cell_is_a_formula() {
        let view = json!({
            "unit": "=kN", "limits": {"center": 12.0, "lcl": null, "ucl": 12.5},
            "points": [{"at": "2026-11-21T08:00:00Z", "value": 12.6, "rules": ["N1", "N2"]}, {"at": null, "value": 1}],
        });
        let rows = [
            "time,value,unit,center,lcl,ucl,signals",
            "\"2026-11-21T08:00:00Z\",12.6,\"'=kN\",12.0,,12.5,N1 N2",
            ",1,\"'=kN\",12.0,,12.5,",
            "",
        ];
        assert_eq!(csv(&view), rows.join("\r\n"));
    }
}
