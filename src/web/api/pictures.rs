//! Control charts, histograms and Paretos as the gateway draws them: there is one way to draw each, for pages and for files.

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::Limit;
use super::quality::{FaultsQuery, faults_of};
use crate::drawing::{self, Bar, Histogram, Pareto, Picture};
use crate::http::Problem;
use crate::judge::inspection::Teller;
use crate::judge::spc::monitor::View;
use crate::language::{Language, Words};
use crate::reference::Reference;
use crate::web::Window;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new().routes(routes!(chart)).routes(routes!(pareto))
}

pub fn view_of(window: &Window, chart: &str) -> Result<View, Problem> {
    let unknown = || {
        let words = Words::new(format!("there is no chart {chart}"), format!("没有控制图 {chart}"));
        Problem::worded(StatusCode::NOT_FOUND, &words)
    };
    let view = window.status.judge(&format!("spc/{chart}")).ok_or_else(unknown)?;
    serde_json::from_value(view).map_err(|error| {
        tracing::error!(chart, %error, "a chart can not be shown");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{chart} can not be shown"))
    })
}

/// A download under a name that no system takes for anything else.
pub fn attachment(name: &str, ending: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    format!("attachment; filename=\"{plain}.{ending}\"")
}

#[derive(Deserialize, ToSchema, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Drawn {
    #[default]
    Chart,
    Histogram,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PictureQuery {
    #[serde(default)]
    #[param(inline)]
    kind: Drawn,
    /// Of a control chart: no points before this.
    from: Option<DateTime<Utc>>,
    /// Of a control chart: no points after this.
    to: Option<DateTime<Utc>>,
    /// Of a control chart: so many of the newest of these points.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 50)]
    limit: Option<Limit>,
    #[serde(default)]
    #[param(inline)]
    language: Language,
    /// As a file that stands alone, colours included.
    #[serde(default)]
    download: bool,
}

/// A control chart, or the histogram of its points, as a drawing.
#[utoipa::path(get, path = "/api/v1/spc/{name}/picture", tag = "quality", security(("caller" = [])), params(("name" = String, Path, example = "press-force"), PictureQuery), responses((status = OK, description = "a drawing with classes and no colours; `/assets/chart.css` has them", body = String, content_type = "image/svg+xml"), (status = NOT_FOUND, description = "there is no such chart, or it has no histogram", body = Problem)))]
async fn chart(
    State(window): State<Window>,
    Path(name): Path<String>,
    Query(query): Query<PictureQuery>,
) -> Result<Response, Problem> {
    let view = view_of(&window, &name)?;
    let svg = match query.kind {
        Drawn::Chart => {
            let (first, last) = places(&view, &query);
            Picture::of_view(&view, query.language).between(first, last).svg()
        }
        Drawn::Histogram => {
            let drawn = Histogram::of_view(&view, query.language);
            let none = || Problem::new(StatusCode::NOT_FOUND, format!("the points of {name} make no histogram"));
            drawn.ok_or_else(none)?.svg()
        }
    };
    Ok(answer(&svg, query.download.then_some(name.as_str())))
}

/// The first and the last point that are wanted, counted from 1.
fn places(view: &View, query: &PictureQuery) -> (usize, usize) {
    let before = |at: DateTime<Utc>| view.points.partition_point(|point| point.at < Some(at));
    let until = |at: DateTime<Utc>| view.points.partition_point(|point| point.at <= Some(at));
    let first = query.from.map_or(1, |from| before(from) + 1);
    let last = query.to.map_or(view.points.len(), until);
    let newest = query.limit.map_or(1, |limit| (last + 1).saturating_sub(limit.count()));
    (first.max(newest), last)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ParetoQuery {
    /// Who tells of the faults: `inspections` or `reports`.
    #[param(inline)]
    by: Teller,
    #[serde(default)]
    #[param(inline)]
    language: Language,
    #[serde(default)]
    download: bool,
}

/// The Pareto of reasons as a drawing.
#[utoipa::path(get, path = "/api/v1/defects/picture", tag = "quality", security(("caller" = [])), params(FaultsQuery, ParetoQuery), responses((status = OK, description = "a drawing with classes and no colours; `/assets/chart.css` has them", body = String, content_type = "image/svg+xml")))]
async fn pareto(
    State(window): State<Window>,
    Query(faults): Query<FaultsQuery>,
    Query(query): Query<ParetoQuery>,
) -> Result<Response, Problem> {
    let counted = faults_of(&window, &faults)?;
    let summary = match query.by {
        Teller::Reports => counted.reports,
        Teller::Inspections => counted.inspections,
    };
    let reference = window.reference.borrow().clone();
    let bars = summary.pareto.into_iter().map(|share| Bar {
        name: named(&reference, &share.reason),
        count: share.quantity,
    });
    let pareto = Pareto {
        title: query.language.pick("Faults by reason", "按原因统计的不良").to_owned(),
        language: query.language,
        bars: bars.collect(),
    };
    Ok(answer(&pareto.svg(), query.download.then_some("faults")))
}

fn named(reference: &Reference, code: &str) -> String {
    let known = reference.reason(code).filter(|reason| !reason.name.is_empty());
    known.map_or_else(|| code.to_owned(), |reason| reason.name.clone())
}

fn answer(svg: &str, file: Option<&str>) -> Response {
    let kind = (header::CONTENT_TYPE, "image/svg+xml");
    match file {
        Some(name) => {
            let disposition = (header::CONTENT_DISPOSITION, attachment(name, "svg"));
            ([kind], [disposition], drawing::saved(svg)).into_response()
        }
        None => ([kind], svg.to_owned()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_what_every_system_takes() {
        assert_eq!(
            attachment("bend-1_force", "svg"),
            "attachment; filename=\"bend-1_force.svg\""
        );
        assert_eq!(attachment("../\"直\r\n", "csv"), "attachment; filename=\"-------.csv\"");
    }
}
