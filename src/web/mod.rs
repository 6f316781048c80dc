//! The gateway's own window: health, metrics, the live status as JSON, and one page that shows it.
//!
//! Without accounts it only listens on loopback, and only reads. The exceptions are dead letters, points of machines, and
//! what is handed in: who changes something shows the control token, which the gateway writes for its own user at each start.

pub mod access;
mod api;
mod configuration;
mod live;
mod page;

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Extension;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use access::Access;
pub use configuration::{Checked, Configuration, Found};
pub use page::PAGES;

use crate::buffer::Buffer;
use crate::clock::Zone;
use crate::http::{self, Limits, Problem};
use crate::looks::Looks;
use crate::reference::Reference;
use crate::secret::Secret;
use crate::status::Status;
use crate::submissions::Submissions;
use crate::writes::Writes;

/// The page takes scripts and styles from us alone.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-ancestors 'none'";
const LIMITS: Limits = Limits {
    connections_max: 256,
    body_bytes_max: 1 << 20,
    head_wait: std::time::Duration::from_secs(10),
    request_wait: std::time::Duration::from_secs(30),
    drain_wait: std::time::Duration::from_secs(1),
};

#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    pub zone: Zone,
    pub identity: Identity,
    pub configuration: Configuration,
}

/// Who this gateway is, for whoever looks at it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Identity {
    pub gateway_id: String,
    pub tenant_id: i64,
    pub workshop_id: Option<i64>,
    pub workshop_name: Option<String>,
}

/// What the window looks at.
#[derive(Clone)]
pub struct Window {
    pub status: Status,
    pub buffer: Buffer,
    pub reference: watch::Receiver<Arc<Reference>>,
    pub writes: Writes,
    pub looks: Looks,
    pub configuration: Configuration,
    pub submissions: Submissions,
    pub control: Secret,
    pub zone: Zone,
    pub identity: Identity,
}

pub async fn serve(listener: TcpListener, window: Window, stop: CancellationToken) -> io::Result<()> {
    let (calls, document) = api::calls();
    let access = Access::new(&document, window.control.clone());
    let text = document.to_json().expect("the document is JSON");
    let live = live::Hub::new(window.clone(), stop.clone());
    let router = calls
        .route_layer(middleware::from_fn_with_state(access, access::authorise))
        .layer(Extension(api::Text(text.into())))
        .layer(Extension(live.clone()))
        .merge(page::routes())
        .with_state(window)
        .layer(middleware::from_fn(only_by_own_name));
    let serving = http::serve(listener, http::harden(router, LIMITS, PAGE_POLICY), LIMITS, stop);
    let (served, ()) = tokio::join!(serving, live.run());
    served
}

/// A page of someone else that makes its name point to loopback must not read ours.
async fn only_by_own_name(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    if matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        next.run(request).await
    } else {
        Problem::new(
            StatusCode::FORBIDDEN,
            "the window answers to localhost and 127.0.0.1 only",
        )
        .into_response()
    }
}

/// Where the control token of a running gateway is.
pub fn control_token_file(data_dir: &Path) -> PathBuf {
    data_dir.join("control-token")
}

/// Makes a new control token, readable by the gateway's own user only.
pub fn control_token(data_dir: &Path) -> io::Result<Secret> {
    let token = Secret::random()?;
    let path = control_token_file(data_dir);
    let _ = fs::remove_file(&path);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(token.reveal().as_bytes())?;
    Ok(token)
}
