//! The gateway's own window: health, metrics, the live status as JSON, and one page that shows it.
//!
//! Without accounts it only listens on loopback, and only reads. Who changes something has signed in, or shows a token: of a
//! program, of a station's device, or the control token, which the gateway writes for its own user at each start.

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

use axum::{Extension, middleware};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use access::trail::{self, Trail};
use access::{Access, Rights};
pub use configuration::{Checked, Configuration, Found};
pub use page::PAGES;

use crate::audit::Audit;
use crate::buffer::Buffer;
use crate::clock::Zone;
use crate::http::{self, Limits};
use crate::looks::Looks;
use crate::reference::Reference;
use crate::secret::Secret;
use crate::status::Status;
use crate::submissions::Submissions;
use crate::tls;
use crate::writes::Writes;

/// The page takes scripts and styles from us alone.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const LIMITS: Limits = Limits {
    connections_max: 256,
    body_bytes_max: 1 << 20,
    head_wait: std::time::Duration::from_secs(10),
    request_wait: std::time::Duration::from_secs(30),
    drain_wait: std::time::Duration::from_secs(1),
};
const CERTIFICATE_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    pub tls: Option<tls::Pair>,
    pub access: access::Settings,
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
    pub access: Access,
    pub audit: Audit,
    pub zone: Zone,
    pub identity: Identity,
}

pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<tls::Server>>,
    window: Window,
    stop: CancellationToken,
) -> io::Result<()> {
    let access = window.access.clone();
    let (calls, document) = api::calls();
    let rights = Rights::new(&document, access.settings().how_to_begin.clone());
    let trail = Trail::new(window.audit.clone(), &document, LIMITS.body_bytes_max);
    let text = document.to_json().expect("the document is JSON");
    // What is read of it is kept above; the document itself would lie in memory for as long as the gateway runs.
    drop(document);
    let live = live::Hub::new(window.clone(), stop.clone());
    let router = calls
        .route_layer(middleware::from_fn_with_state(trail, trail::record))
        .route_layer(middleware::from_fn_with_state(rights, access::authorise))
        .layer(Extension(api::Text(text.into())))
        .layer(Extension(live.clone()))
        .merge(page::routes())
        .with_state(window);
    let router = http::answer_everything(router).layer(middleware::from_fn_with_state(access.clone(), access::receive));
    let router = http::harden(router, LIMITS, PAGE_POLICY);
    let serving = http::serve(listener, tls.clone(), router, LIMITS, stop.clone());
    let (served, ..) = tokio::join!(
        serving,
        live.run(),
        access.keep_fresh(stop.clone()),
        keep_certificate(tls, stop)
    );
    served
}

/// Takes a renewed certificate into use: at once when told by SIGHUP, or else within a minute.
async fn keep_certificate(tls: Option<Arc<tls::Server>>, stop: CancellationToken) {
    let (Some(tls), Ok(mut told)) = (tls, signal(SignalKind::hangup())) else {
        return;
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = told.recv() => {}
            () = tokio::time::sleep(CERTIFICATE_EVERY) => {}
        }
        let looked_at = Arc::clone(&tls);
        match tokio::task::spawn_blocking(move || looked_at.refresh()).await {
            Ok(Some(Ok(()))) => tracing::info!("the certificate was renewed"),
            Ok(Some(Err(error))) => tracing::error!(%error, "the new certificate can't be used; the old one stays"),
            Ok(None) | Err(_) => {}
        }
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
