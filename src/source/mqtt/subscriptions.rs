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

type Noted = BTreeMap<String, BTreeSet<String>>;

#[derive(Debug, Default)]
struct Known {
    noted: Noted,
    /// The file says the same.
    is_kept: bool,
    /// Sessions whose broker was asked since we run. Some brokers end a connection over a filter that they find wrong, and
    /// would do so for ever.
    asked: BTreeSet<String>,
}

impl Subscriptions {
    /// What was known when we last ran; blocks.
    pub fn open(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE);
        let noted = load(&path).unwrap_or_else(|error| {
            let file = path.display();
            tracing::warn!(%file, %error, "what was subscribed is not known; what is no longer configured may still come");
            Noted::default()
        });
        Self {
            path: Arc::new(path),
            known: Arc::new(Mutex::new(Known {
                noted,
                is_kept: true,
                asked: BTreeSet::new(),
            })),
        }
    }

    /// Notes what is going to be subscribed.
    pub(super) async fn note(&self, settings: &Settings) {
        let mut known = self.known.lock().await;
        let noted = known.noted.entry(session_of(settings)).or_default();
        let before = noted.len();
        noted.extend(settings.filters.iter().map(|(filter, _)| filter.clone()));
        if noted.len() > before || !known.is_kept {
            self.keep(&mut known).await;
        }
    }

    /// What is subscribed and not wanted any more, given once as long as we run: whoever takes it asks the broker to let it go.
    pub(super) async fn ask(&self, settings: &Settings) -> Vec<String> {
        let session = session_of(settings);
        let mut known = self.known.lock().await;
        let is_wanted = |filter: &String| settings.filters.iter().any(|(wanted, _)| wanted == filter);
        let noted = known.noted.get(&session).into_iter().flatten();
        let unwanted: Vec<String> = noted.filter(|filter| !is_wanted(filter)).cloned().collect();
        if known.asked.insert(session) {
            unwanted
        } else {
            Vec::new()
        }
    }

    /// The broker has let these go.
    pub(super) async fn strike(&self, settings: &Settings, gone: &[String]) {
        let mut known = self.known.lock().await;
        if let Some(noted) = known.noted.get_mut(&session_of(settings)) {
            noted.retain(|filter| !gone.contains(filter));
            self.keep(&mut known).await;
        }
    }

    /// Hearing machines goes before: a disk that fails here only lets a filter be forgotten that may go later.
    async fn keep(&self, known: &mut Known) {
        let text = serde_json::to_vec_pretty(&known.noted).expect("texts are JSON");
        let path = Arc::clone(&self.path);
        let kept = tokio::task::spawn_blocking(move || files::replace(&path, &text)).await;
        let kept = kept.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        known.is_kept = kept.is_ok();
        if let Err(error) = kept {
            let file = self.path.display();
            tracing::warn!(%file, %error, "what is subscribed could not be noted");
        }
    }
}

/// A broker knows a session by the client's name.
fn session_of(settings: &Settings) -> String {
    format!("{} at {}:{}", settings.client_id, settings.host, settings.port)
}

fn load(path: &Path) -> io::Result<Noted> {
    match std::fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Noted::default()),
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

    /// As a connection does it: note, subscribe, ask.
    async fn subscribe(subscriptions: &Subscriptions, settings: &Settings) -> Vec<String> {
        subscriptions.note(settings).await;
        subscriptions.ask(settings).await
    }

    #[tokio::test]
    async fn what_is_not_wanted_is_asked_for_once_a_run_until_it_is_gone() {
        let dir = tempfile::tempdir().expect("a folder");
        let open = || Subscriptions::open(dir.path());
        let (both, one) = (settings("a", &["x/#", "y/+"]), settings("a", &["x/#"]));
        let nothing: [&str; 0] = [];
        assert_eq!(subscribe(&open(), &both).await, nothing);
        let another = settings("b", &["x/#"]);
        assert_eq!(
            subscribe(&open(), &another).await,
            nothing,
            "another broker has its own"
        );
        let run = open();
        assert_eq!(subscribe(&run, &one).await, ["y/+"]);
        assert_eq!(
            subscribe(&run, &one).await,
            nothing,
            "the broker may have closed over it"
        );
        let run = open();
        assert_eq!(subscribe(&run, &one).await, ["y/+"], "nobody said that it went");
        run.strike(&one, &["y/+".to_owned()]).await;
        assert_eq!(subscribe(&open(), &one).await, nothing);
        assert_eq!(subscribe(&open(), &settings("a", &["y/+"])).await, ["x/#"]);
    }

    #[tokio::test]
    async fn a_file_that_is_damaged_or_cannot_be_written_stops_nothing_and_is_tried_again() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join(FILE), "{").expect("writes");
        let (x, y) = (settings("a", &["x"]), settings("a", &["y"]));
        assert!(subscribe(&Subscriptions::open(dir.path()), &x).await.is_empty());
        let folder = dir.path().join("later");
        let run = Subscriptions::open(&folder);
        assert!(subscribe(&run, &x).await.is_empty());
        std::fs::create_dir(&folder).expect("makes it");
        run.note(&x).await;
        assert_eq!(subscribe(&Subscriptions::open(&folder), &y).await, ["x"]);
    }
}
