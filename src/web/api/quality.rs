//! Quality: what people change of control charts and say of their points, charts as CSV, the latest inspections and what is
//! decided on their faults, and the Pareto of reasons with what they come together with.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies;
use super::page::{self, Limit};
use super::papers;
use super::pictures::{attachment, view_of};
use super::submit::{hand_in, paper};
use crate::http::Problem;
use crate::judge::inspection::{Account, Checked, Hinted, Summary, Tally, Teller};
use crate::judge::spc::monitor::View;
use crate::language::Words;
use crate::record::{Annotation, ChartChange, Submitted};
use crate::web::Window;
use crate::web::access::Caller;

const TEXT_CHARS_MAX: usize = 200;
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
        .routes(routes!(reasons))
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// The points of a control chart with its limits, as CSV.
#[utoipa::path(get, path = "/api/v1/spc/{name}/data.csv", tag = "quality", security(("caller" = [])), params(("name" = String, Path, example = "press-force")), responses((status = OK, description = "one row for each point", body = String, content_type = "text/csv"), (status = NOT_FOUND, description = "there is no such chart", body = Problem)))]
async fn data(State(window): State<Window>, Path(name): Path<String>) -> Result<Response, Problem> {
    let view = view_of(&window, &name)?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, attachment(&name, "csv")),
    ];
    Ok((headers, csv(&view)).into_response())
}

/// Each point with the limits that judged it.
fn csv(view: &View) -> String {
    let unit = view.unit.as_deref().map(cell).unwrap_or_default();
    let mut csv = String::from("time,value,unit,center,lcl,ucl,limits_version,signals,excluded\r\n");
    for (nth, point) in (1..).zip(&view.points) {
        let of = view.lines.iter().rev().find(|lines| lines.from <= nth);
        let excluded = view.excluded.iter().find(|known| Some(known.point) == point.phase1);
        let signals: Vec<&str> = point.rules.iter().map(|rule| rule.name()).collect();
        let row = [
            point.at.map(|at| at.to_rfc3339()).unwrap_or_default(),
            point.value.to_string(),
            unit.clone(),
            of.map(|of| of.lines.center.to_string()).unwrap_or_default(),
            of.map(|of| of.lines.lcl.to_string()).unwrap_or_default(),
            of.map(|of| of.lines.ucl.to_string()).unwrap_or_default(),
            of.map(|of| of.version.to_string()).unwrap_or_default(),
            signals.join(" "),
            excluded.map(|known| cell(&known.reason)).unwrap_or_default(),
        ];
        csv.push_str(&row.join(","));
        csv.push_str("\r\n");
    }
    csv
}

/// Begins with no sign that a spreadsheet would take for a formula.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = text.replace('"', "\"\"");
    format!("\"{}{text}\"", if is_formula { "'" } else { "" })
}

#[derive(Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Change {
    /// Takes what was learnt so far for the limits.
    Freeze,
    /// Learns the limits anew.
    Relearn,
    /// Leaves a point out of what is learnt from; points of phase I, counted from 1.
    Exclude {
        #[schema(minimum = 1)]
        point: usize,
        #[schema(min_length = 1, max_length = 100, pattern = r"\S", example = "tool broke")]
        reason: String,
    },
    /// Takes an exclusion back.
    Include {
        #[schema(minimum = 1)]
        point: usize,
    },
}

/// Freezes limits, has them learnt anew, leaves points of phase I out or takes them back in.
#[utoipa::path(post, path = "/api/v1/spc/{name}/phase", tag = "quality", security(("caller" = ["quality", "supervisor", "admin"])), params(("name" = String, Path, example = "press-force")), request_body = Change, responses((status = CREATED, description = "the disk has it", body = papers::ChartChanged), (status = NOT_FOUND, description = "there is no such chart", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "why that cannot be, in `findings`", body = Problem), (status = TOO_MANY_REQUESTS, description = "too much at once", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn phase(
    State(window): State<Window>,
    Path(chart): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let right =
        "{\"action\": \"exclude\", \"point\": 7, \"reason\": \"tool broke\"}, or an action of freeze, relearn, include";
    let change: Change = bodies::read(&body, right)?;
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
    #[schema(min_length = 1, max_length = 200, pattern = r"\S", example = "new coil")]
    text: String,
}

/// Says something of a point; what was said of it before gives way.
#[utoipa::path(post, path = "/api/v1/spc/{name}/annotations", tag = "quality", security(("caller" = ["quality", "supervisor", "admin"])), params(("name" = String, Path, example = "press-force")), request_body = Annotate, responses((status = CREATED, description = "the disk has it", body = papers::Annotated), (status = NOT_FOUND, description = "there is no such chart", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "the chart has no such point", body = Problem), (status = TOO_MANY_REQUESTS, description = "too much at once", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
async fn annotate(
    State(window): State<Window>,
    Path(chart): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let right = "{\"at\": \"2026-11-21T08:00:00Z\", \"text\": \"new coil\"}";
    let Annotate { at, text } = bodies::read(&body, right)?;
    if text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        let words = Words::new(
            format!("`text` has 1 to {TEXT_CHARS_MAX} characters"),
            format!("备注应有 1 到 {TEXT_CHARS_MAX} 个字符"),
        );
        return Err(Problem::worded(StatusCode::BAD_REQUEST, &words));
    }
    let annotation = Annotation {
        at,
        text,
        by: caller.name.to_string(),
        said_at: Utc::now(),
    };
    hand_in(&window, Submitted::Annotation { chart, annotation }).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct InspectionsQuery {
    /// All of them, if it is not said.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 50)]
    limit: Option<Limit>,
    /// The `check_no` of the inspection before the first one.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct InspectionsPage {
    #[schema(value_type = Vec<Checked>)]
    inspections: Vec<Value>,
    /// Where to go on; null when these were the last.
    next: Option<String>,
}

/// The latest inspections that were heard here, newest first, with what is decided on their faults.
#[utoipa::path(get, path = "/api/v1/inspections", tag = "quality", security(("caller" = [])), params(InspectionsQuery), responses((status = OK, description = "newest first", body = InspectionsPage), (status = GONE, description = "the inspection to go on after is not kept any more; begin anew", body = Problem)))]
async fn inspections(
    State(window): State<Window>,
    Query(query): Query<InspectionsQuery>,
) -> Result<Json<InspectionsPage>, Problem> {
    let mut all = window.status.judges("inspection/");
    let moment = |checked: &Value| checked["at"].as_str()?.parse::<DateTime<Utc>>().ok();
    all.sort_by_cached_key(|checked| std::cmp::Reverse(moment(checked)));
    if let Some(after) = query.after {
        let place = all.iter().position(|checked| checked["check_no"] == *after);
        let gone = || {
            let detail = format!("there is no inspection {after} to go on after; begin anew");
            Problem::new(StatusCode::GONE, detail)
        };
        all.drain(..=place.ok_or_else(gone)?);
    }
    let number = |checked: &Value| checked["check_no"].as_str().map(str::to_owned);
    let (inspections, next) = page::cut(all, query.limit.unwrap_or_default(), number);
    let next = next.flatten();
    Ok(Json(InspectionsPage { inspections, next }))
}

/// Decides what is done with pieces that an inspection left open.
#[utoipa::path(post, path = "/api/v1/inspections/{no}/disposition", tag = "quality", security(("caller" = ["quality", "supervisor", "admin"])), params(("no" = String, Path, description = "its `check_no`", example = "Q-1"), ("Idempotency-Key" = Option<String>, Header, description = "the same again is recognised by it", min_length = 1, max_length = 200, pattern = "^[!#-~]+$", example = "3f2c1f0c7a11")), request_body = papers::Disposition, responses((status = CREATED, description = "the disk has it", body = papers::DispositionTaken), (status = OK, description = "it was handed in before", body = papers::DispositionTaken), (status = NOT_FOUND, description = "it is none of the latest inspections", body = Problem), (status = UNPROCESSABLE_ENTITY, description = "every objection, in `findings`", body = Problem), (status = TOO_MANY_REQUESTS, description = "too much at once", body = Problem), (status = SERVICE_UNAVAILABLE, description = "the disk takes nothing now", body = Problem)))]
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
pub struct FaultsQuery {
    /// The latest production days; 7, if it is not said.
    #[param(minimum = 1, maximum = 31, example = 7)]
    days: Option<u64>,
    product: Option<String>,
    /// Of hints there are none for a process alone.
    process: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(flatten)]
    account: Account,
    #[serde(flatten)]
    tally: Tally,
}

/// The same pieces may be told of by both.
#[derive(Serialize, ToSchema)]
pub struct Faults {
    since: NaiveDate,
    /// What there are faults of in these days, whichever are asked for.
    products: BTreeSet<String>,
    processes: BTreeSet<String>,
    pub reports: Summary,
    pub inspections: Summary,
    /// By the latest inspections, at most 60 of all products, however many days are asked for.
    #[schema(value_type = Vec<Hinted>)]
    hints: Vec<Value>,
}

/// The Pareto of reasons, by reports and by inspections that were heard here, with what faults come together with.
#[utoipa::path(get, path = "/api/v1/defects", tag = "quality", security(("caller" = [])), params(FaultsQuery), responses((status = OK, description = "heaviest first", body = Faults)))]
async fn defects(State(window): State<Window>, Query(query): Query<FaultsQuery>) -> Result<Json<Faults>, Problem> {
    faults_of(&window, &query).map(Json)
}

pub fn faults_of(window: &Window, query: &FaultsQuery) -> Result<Faults, Problem> {
    let days = query.days.unwrap_or(DAYS_USUAL);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(wrong(format!(
            "faults are counted over 1 to {DAYS_MAX} days, not {days}"
        )));
    }
    let today = Utc::now().with_timezone(&window.zone.0).date_naive();
    let since = today - Days::new(days - 1);
    let is_wanted = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    let counted = window.status.judges("faults/").into_iter();
    let counted: Vec<Counted> = counted
        .filter_map(|counted| serde_json::from_value(counted).ok())
        .filter(|Counted { account, .. }| account.day >= since)
        .collect();
    let products = counted.iter().map(|counted| counted.account.product.clone()).collect();
    let processes = counted.iter().map(|counted| counted.account.process.clone()).collect();
    let is_meant = |Counted { account, .. }: &&Counted| {
        is_wanted(&query.product, &account.product) && is_wanted(&query.process, &account.process)
    };
    let of = |teller: Teller| {
        let tallies = counted
            .iter()
            .filter(is_meant)
            .filter(|counted| counted.account.teller == teller);
        Summary::of(tallies.map(|counted| &counted.tally))
    };
    let hints = window.status.judges("hints/").into_iter();
    let hints = hints.filter(|of| {
        let product = of["product"].as_str();
        product.is_some_and(|product| is_wanted(&query.product, product))
    });
    Ok(Faults {
        since,
        products,
        processes,
        reports: of(Teller::Reports),
        inspections: of(Teller::Inspections),
        hints: hints.collect(),
    })
}

/// Why pieces can be unqualified.
#[derive(Serialize, ToSchema)]
struct KnownReason {
    #[schema(example = "D01")]
    code: String,
    name: String,
    /// `scrap`, `rework`, `concession` … with commas between; empty fits all.
    kind: String,
}

/// The reasons of the reference data.
#[utoipa::path(get, path = "/api/v1/reasons", tag = "quality", security(("caller" = [])), responses((status = OK, description = "by code", body = Vec<KnownReason>)))]
async fn reasons(State(window): State<Window>) -> Json<Vec<KnownReason>> {
    let reference = window.reference.borrow().clone();
    let known = reference.reasons().map(|reason| KnownReason {
        code: reason.code.clone(),
        name: reason.name.clone(),
        kind: reason.kind.clone(),
    });
    let mut known: Vec<_> = known.collect();
    known.sort_by(|a, b| a.code.cmp(&b.code));
    Json(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_chart_is_one_row_for_each_point_and_no_cell_is_a_formula() {
        let view: View = serde_json::from_value(json!({
            "name": "force", "chart": "i-mr", "unit": "=kN", "subgroup": 1, "rules": "N1 N2", "learnt_from": 25,
            "phase": {"name": "watching"}, "limits": null, "spread": null, "firing": [], "is_off_spec": false,
            "points": [
                {"at": "2026-11-21T08:00:00Z", "value": 12.5, "rules": [], "phase1": 25},
                {"at": "2026-11-21T08:00:01Z", "value": 12.75, "rules": ["N1", "N2"]},
            ],
            "lines": [{"from": 2, "version": 1, "center": 12.0, "lcl": 11.5, "ucl": 12.5, "se": 0.25}],
            "spec": null, "capability": null, "arl0": null, "notes": [], "late": 0, "bad": 0, "off_spec": 0,
            "excluded": [{"point": 25, "reason": "-new coil", "user": "chen"}],
        }))
        .expect("a chart");
        let rows = [
            "time,value,unit,center,lcl,ucl,limits_version,signals,excluded",
            "2026-11-21T08:00:00+00:00,12.5,\"'=kN\",,,,,,\"'-new coil\"",
            "2026-11-21T08:00:01+00:00,12.75,\"'=kN\",12,11.5,12.5,1,N1 N2,",
            "",
        ];
        assert_eq!(csv(&view), rows.join("\r\n"));
    }
}
