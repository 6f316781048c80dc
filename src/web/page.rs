//! The pages, with their scripts and styles: in the binary, named by what they are. A browser that has one asks only whether
//! it is still the same.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Window;
use crate::drawing;
use crate::http::Problem;

#[derive(RustEmbed)]
#[folder = "src/web/page"]
struct Assets;

/// Where each page stands, and its file.
pub const PAGES: &[(&str, &str)] = &[
    ("/", "board.html"),
    ("/station/{id}", "station.html"),
    ("/quality", "quality.html"),
    ("/engineering", "engineering.html"),
    ("/sign-in", "sign-in.html"),
];

pub fn routes() -> Router<Window> {
    let pages = PAGES.iter().fold(Router::new(), |router, &(at, name)| {
        router.route(at, get(async move |headers: HeaderMap| answer(name, &headers)))
    });
    let pages = pages.route("/assets/chart.css", get(chart_style));
    let asset = async |Path(name): Path<String>, headers: HeaderMap| answer(&name, &headers);
    pages.route("/assets/{*name}", get(asset))
}

/// Of the charts that the gateway draws.
async fn chart_style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind("chart.css"))], drawing::STYLE)
}

fn answer(name: &str, asked: &HeaderMap) -> Response {
    let Some(file) = Assets::get(name) else {
        return Problem::new(StatusCode::NOT_FOUND, format!("there is no page or asset {name}")).into_response();
    };
    let tag = tag(&file);
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let headers = [
        (
            header::ETAG,
            HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    (headers, [kind], Body::from(file.data.into_owned())).into_response()
}

fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let number = u128::from_be_bytes(hash[..16].try_into().expect("16 of 32 bytes"));
    format!("\"{number:032x}\"")
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
