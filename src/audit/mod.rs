//! Who changed and decided what, as a chain of entries that can't be rewritten unnoticed (`chain`), in files beside the buffer
//! (`file`), and north with everything else (`forward`).
//!
//! What is asked for is in the log before it is done, so nothing is ever done that the log does not have; how it ended
//! follows, where that is not the plain success. One thread writes; who waits at the same time shares its sync.

pub mod chain;
pub mod file;
pub mod forward;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

pub use chain::{Entry, Event};

use crate::clock::Zone;
use file::Log;

/// Events that may wait for the thread; the next waits to be let in.
const WAITING_MAX: usize = 256;
/// Written in one step at most.
const GROUP_MAX: usize = 64;

/// Nothing was changed, for it could not be put on record.
#[derive(Debug, thiserror::Error)]
#[error("the audit log takes nothing now, so nothing was done: {0}")]
pub struct NotRecorded(String);

struct Waiting {
    event: Event,
    done: oneshot::Sender<Result<u64, String>>,
}

/// The way into the log; cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit {
    dir: Arc<PathBuf>,
    way: mpsc::Sender<Waiting>,
    last: watch::Receiver<u64>,
}

impl Audit {
    /// Opens the log of a data folder and starts its thread, which ends when nobody can write any more. Blocks on the disk.
    pub fn open(dir: &Path, zone: Zone) -> io::Result<Self> {
        let log = Log::open(dir, zone)?;
        let (way, waiting) = mpsc::channel(WAITING_MAX);
        let (tell_last, last) = watch::channel(log.last());
        std::thread::Builder::new()
            .name("audit-writer".to_owned())
            .spawn(move || write(log, waiting, &tell_last))?;
        Ok(Self {
            dir: Arc::new(dir.to_owned()),
            way,
            last,
        })
    }

    /// Answers with the entry's number once it is on disk.
    pub async fn record(&self, event: Event) -> Result<u64, NotRecorded> {
        let ended = || NotRecorded("the gateway is ending".to_owned());
        let (done, written) = oneshot::channel();
        self.way.send(Waiting { event, done }).await.map_err(|_| ended())?;
        written.await.map_err(|_| ended())?.map_err(NotRecorded)
    }

    /// Entries behind the one of number `after`, oldest first.
    pub async fn read(&self, after: u64, limit: usize) -> io::Result<Vec<Entry>> {
        let dir = Arc::clone(&self.dir);
        let read = tokio::task::spawn_blocking(move || file::read(&dir, after, limit));
        read.await.map_err(io::Error::other)?
    }
}

fn write(mut log: Log, mut waiting: mpsc::Receiver<Waiting>, last: &watch::Sender<u64>) {
    let mut group = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        group.push(first);
        while group.len() < GROUP_MAX
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
        let (events, done): (Vec<Event>, Vec<_>) = group.drain(..).map(|one| (one.event, one.done)).unzip();
        let count = events.len() as u64;
        match log.append(events) {
            Ok(end) => {
                // Who gave up waiting is not there to hear it.
                for (number, done) in (end + 1 - count..).zip(done) {
                    done.send(Ok(number)).ok();
                }
                last.send_replace(end);
            }
            Err(error) => {
                tracing::error!(%error, "the audit log can't be written");
                for done in done {
                    done.send(Err(error.to_string())).ok();
                }
            }
        }
    }
}
