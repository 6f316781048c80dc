//! Which filters brokers have of us. A session lives on at its broker, and its filters with it, so what is taken out of the
//! configuration comes for ever unless it is unsubscribed; and a session that is resumed does not say what it holds.
//!
//! A small file in the data folder: session → filters. A filter is noted before it is asked for and struck off once the
//! broker has let it go, so none that may be subscribed is missing, whenever we are stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;

use super::Settings;
use crate::files;

const FILE: &str = "mqtt-subscriptions.json";

/// Shared by all brokers' tasks.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    path: Arc<PathBuf>,
    known: Arc<Mutex<Known>>,
}

type Known = BTreeMap<String, BTreeSet<String>>;

impl Subscriptions {
    /// What was known when we last ran; blocks.
    pub fn open(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE);
        let known = load(&path).unwrap_or_else(|error| {
            let file = path.display();
            tracing::warn!(%file, %error, "what was subscribed is not known; what is no longer configured may still come");
            Known::default()
        });
        Self {
            path: Arc::new(path),
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// Notes what is going to be subscribed; gives what is subscribed, and not wanted any more.
    pub(super) async fn note(&self, settings: &Settings) -> Vec<String> {
        let wanted: BTreeSet<&str> = settings.filters.iter().map(|(filter, _)| filter.as_str()).collect();
        let mut known = self.known.lock().await;
        let noted = known.entry(session_of(settings)).or_default();
        let unwanted = noted.iter().filter(|filter| !wanted.contains(filter.as_str()));
        let unwanted: Vec<String> = unwanted.cloned().collect();
        let is_news = !wanted.iter().all(|filter| noted.contains(*filter));
        noted.extend(wanted.into_iter().map(str::to_owned));
        if is_news {
            self.keep(&known).await;
        }
        unwanted
    }

    /// The broker has let these go.
    pub(super) async fn strike(&self, settings: &Settings, gone: &[String]) {
        let mut known = self.known.lock().await;
        if let Some(noted) = known.get_mut(&session_of(settings)) {
            noted.retain(|filter| !gone.contains(filter));
            self.keep(&known).await;
        }
    }

    /// Hearing machines goes before: a disk that fails here only lets a filter be forgotten that may go later.
    async fn keep(&self, known: &Known) {
        let text = serde_json::to_vec_pretty(known).expect("texts are JSON");
        let path = Arc::clone(&self.path);
        let kept = tokio::task::spawn_blocking(move || files::replace(&path, &text)).await;
        if let Err(error) = kept.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            let file = self.path.display();
            tracing::warn!(%file, %error, "what is subscribed could not be noted");
        }
    }
}

/// A broker knows a session by the client's name.
fn session_of(settings: &Settings) -> String {
    format!("{} at {}:{}", settings.client_id, settings.host, settings.port)
}

fn load(path: &Path) -> io::Result<Known> {
    match std::fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Known::default()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Protocol, Qos, Transport};
    use super::*;

    fn settings(host: &str, filters: &[&str]) -> Settings {
        Settings {
            protocol: Protocol::V5,
            transport: Transport::Tcp,
            host: host.to_owned(),
            port: 1883,
            url: String::new(),
            client_id: "shop-1".to_owned(),
            credentials: None,
            filters: filters
                .iter()
                .map(|filter| ((*filter).to_owned(), Qos::AtLeastOnce))
                .collect(),
            sparkplug: None,
        }
    }

    #[tokio::test]
    async fn what_is_not_wanted_is_told_until_it_is_gone() {
        let dir = tempfile::tempdir().expect("a folder");
        let open = || Subscriptions::open(dir.path());
        let (both, one) = (settings("a", &["x/#", "y/+"]), settings("a", &["x/#"]));
        assert!(open().note(&both).await.is_empty());
        assert!(
            open().note(&settings("b", &["x/#"])).await.is_empty(),
            "another broker has its own"
        );
        assert_eq!(open().note(&one).await, ["y/+"]);
        assert_eq!(open().note(&one).await, ["y/+"], "nobody said that it went");
        open().strike(&one, &["y/+".to_owned()]).await;
        assert!(open().note(&one).await.is_empty());
        assert_eq!(open().note(&settings("a", &["y/+"])).await, ["x/#"]);
    }

    #[tokio::test]
    async fn a_file_that_is_damaged_or_cannot_be_written_stops_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join(FILE), "{").expect("writes");
        assert!(
            Subscriptions::open(dir.path())
                .note(&settings("a", &["x"]))
                .await
                .is_empty()
        );
        let nowhere = Subscriptions::open(&dir.path().join("gone"));
        assert!(nowhere.note(&settings("a", &["x"])).await.is_empty());
        assert_eq!(nowhere.note(&settings("a", &["y"])).await, ["x"]);
    }
}
