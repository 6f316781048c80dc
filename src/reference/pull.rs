//! Pulls the reference data from the central store and keeps it on disk: regularly, when something was refused by what is
//! known, and when the store goes or comes back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Reference, Snapshot};
use crate::backoff::Backoff;
use crate::files;
use crate::record::Timestamp;
use crate::secret::Secret;

/// How often the age of unchanged data is brought to disk: a gateway that starts offline may take it for this much older.
const AGE_KEPT_EVERY: Duration = Duration::from_mins(10);
/// However often data is asked for anew, the store is asked this far apart.
const PULLS_APART: Duration = Duration::from_secs(2);
/// How often the upstream is looked at for having gone or come back.
const UPSTREAM_LOOKED_AT_EVERY: Duration = Duration::from_secs(1);
/// A body larger than this is not reference data.
const BODY_BYTES_MAX: usize = 64 << 20;

#[derive(Debug, Clone)]
pub struct Settings {
    /// The store's reference call.
    pub url: String,
    /// The upstream of the same store.
    pub upstream: String,
    pub token: Option<Secret>,
    pub workshop_id: Option<i64>,
    pub every: Duration,
    pub timeout: Duration,
    pub file: PathBuf,
    pub client: reqwest::Client,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    confirmed_at: Timestamp,
    snapshot: Snapshot,
}

#[derive(Debug, thiserror::Error)]
enum PullError {
    #[error("no answer: {0}")]
    Unreachable(String),
    #[error("the store answered {0}")]
    Refused(reqwest::StatusCode),
    #[error("the answer is not reference data: {0}")]
    Unreadable(String),
}

/// How old the data may be before "not there" is no longer believed: some pulls may fail.
pub fn fresh_for(every: Duration) -> Duration {
    every * 3 + Duration::from_secs(30)
}

/// What was kept on disk, or nothing when there is none or it can't be read.
pub fn load(file: &Path, fresh_for: Duration) -> Reference {
    let nothing = Reference {
        fresh_for,
        ..Reference::default()
    };
    let Ok(bytes) = std::fs::read(file) else { return nothing };
    match serde_json::from_slice::<Kept>(&bytes) {
        Ok(kept) => Reference::new(kept.snapshot, kept.confirmed_at, fresh_for),
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "the kept reference data can't be read and is pulled anew");
            nothing
        }
    }
}

/// Pulls until told to stop: regularly, when something was refused by what is known, and when the store's upstream goes or
/// comes back (`is_reachable`). A failed pull changes nothing but whether the data is taken as fresh.
pub async fn keep_fresh(
    settings: Settings,
    reference: watch::Sender<Arc<Reference>>,
    is_reachable: impl Fn() -> bool,
    stop: CancellationToken,
) {
    let anew = Arc::clone(&reference.borrow().anew);
    let mut backoff = Backoff::new(Duration::from_secs(1), settings.every.max(Duration::from_secs(1)));
    let mut snapshot: Option<Snapshot> = None;
    let mut kept_at: Option<Instant> = None;
    loop {
        let was_reachable = is_reachable();
        // The first pull is whole: what is on disk may be of another workshop.
        let version = snapshot.as_ref().map(|s| s.version.clone()).unwrap_or_default();
        let pulled = tokio::select! {
            () = stop.cancelled() => return,
            pulled = pull(&settings, &version) => pulled,
        };
        let delay = match pulled {
            Ok(news) => {
                backoff.reset();
                let now = chrono::Utc::now();
                let is_news = news.is_some();
                snapshot = news.or(snapshot);
                if is_news && let Some(snapshot) = &snapshot {
                    let known = Reference::new(snapshot.clone(), now, fresh_for(settings.every));
                    let anew = Arc::clone(&anew);
                    reference.send_replace(Arc::new(Reference { anew, ..known }));
                } else {
                    reference.send_modify(|known| Arc::make_mut(known).asked(Some(now)));
                }
                let is_due = is_news || kept_at.is_none_or(|at| at.elapsed() >= AGE_KEPT_EVERY);
                if is_due && let Some(snapshot) = snapshot.clone() {
                    let confirmed_at = now;
                    keep(settings.file.clone(), Kept { confirmed_at, snapshot }).await;
                    kept_at = Some(Instant::now());
                }
                settings.every
            }
            Err(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!(url = settings.url, %error, "reference data can't be pulled; what is on disk is used");
                }
                if !reference.borrow().is_offline {
                    reference.send_modify(|known| Arc::make_mut(known).asked(None));
                }
                backoff.next_delay()
            }
        };
        let asked_at = Instant::now();
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(delay) => {}
            () = async {
                tokio::select! {
                    () = anew.notified() => {}
                    () = turned(&is_reachable, was_reachable) => {}
                }
                sleep_until(asked_at + PULLS_APART).await;
            } => {}
        }
    }
}

/// Until the store's upstream has gone or come back.
async fn turned(is_reachable: impl Fn() -> bool, was_reachable: bool) {
    while is_reachable() == was_reachable {
        sleep(UPSTREAM_LOOKED_AT_EVERY).await;
    }
}

async fn keep(file: PathBuf, kept: Kept) {
    let written = tokio::task::spawn_blocking(move || {
        let bytes = serde_json::to_vec(&kept).map_err(std::io::Error::other)?;
        files::replace(&file, &bytes)
    });
    if let Ok(Err(error)) = written.await {
        tracing::warn!(%error, "reference data could not be kept on disk");
    }
}

/// Asks once, with the token; says what there is.
pub async fn try_pull(settings: &Settings) -> Result<String, String> {
    let pulled = pull(settings, "").await.map_err(|error| error.to_string())?;
    let Snapshot {
        orders,
        workers,
        equipment,
        reasons,
        ..
    } = pulled.unwrap_or_default();
    let (orders, workers, equipment, reasons) = (orders.len(), workers.len(), equipment.len(), reasons.len());
    Ok(format!(
        " ({orders} orders, {workers} workers, {equipment} equipment, {reasons} reasons)"
    ))
}

/// The new data, or nothing when ours is current.
async fn pull(settings: &Settings, version: &str) -> Result<Option<Snapshot>, PullError> {
    let mut url = reqwest::Url::parse(&settings.url).map_err(|e| PullError::Unreadable(e.to_string()))?;
    if let Some(workshop_id) = settings.workshop_id {
        url.query_pairs_mut()
            .append_pair("workshop_id", &workshop_id.to_string());
    }
    if !version.is_empty() {
        url.query_pairs_mut().append_pair("version", version);
    }
    let mut request = settings.client.get(url).timeout(settings.timeout);
    if let Some(token) = &settings.token {
        request = request.bearer_auth(token.reveal());
    }
    let unreachable = |e: reqwest::Error| PullError::Unreachable(crate::files::causes(&e));
    let mut response = request.send().await.map_err(unreachable)?;
    match response.status() {
        reqwest::StatusCode::NOT_MODIFIED => return Ok(None),
        status if !status.is_success() => return Err(PullError::Refused(status)),
        _ => {}
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(PullError::Unreadable(format!("longer than {BODY_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|e| PullError::Unreadable(e.to_string()))
}
