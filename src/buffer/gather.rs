//! Commits on their way to the disk: two queues, so that what someone waits for never stands behind telemetry, and the
//! gathering of what waits into one group, since a group costs one sync.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Commit;

/// A group is committed when it has grown to this.
const GROUP_RECORDS_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 256 << 10;
/// Telemetry waits for company up to this many records, and only while the line is busy.
const GROUP_RECORDS_WORTH_IT: usize = 64;
const BUSY_WITHIN: Duration = Duration::from_millis(20);
/// Timers go off at the next full millisecond.
const TIMER_STEP: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub struct Queues {
    urgent: mpsc::Receiver<Commit>,
    patient: mpsc::Receiver<Commit>,
}

impl Queues {
    pub fn new(urgent: mpsc::Receiver<Commit>, patient: mpsc::Receiver<Commit>) -> Self {
        Self { urgent, patient }
    }

    /// Takes no more; what is queued can still be had.
    pub fn close(&mut self) {
        self.urgent.close();
        self.patient.close();
    }

    /// The next commit, the urgent ones first; nothing when the queues are closed and all that is wanted of them was had.
    pub async fn next(&mut self, with_patient: bool) -> Option<Commit> {
        tokio::select! {
            biased;
            Some(commit) = self.urgent.recv() => Some(commit),
            Some(commit) = self.patient.recv(), if with_patient => Some(commit),
            else => None,
        }
    }

    fn try_next(&mut self, with_patient: bool) -> Option<Commit> {
        let urgent = self.urgent.try_recv();
        urgent
            .or_else(|error| {
                if with_patient {
                    self.patient.try_recv()
                } else {
                    Err(error)
                }
            })
            .ok()
    }

    /// Adds what waits. Telemetry alone may wait a little for more, when there is much of it.
    pub async fn gather(
        &mut self,
        first: Commit,
        with_patient: bool,
        last_commit: Instant,
        wait: Duration,
    ) -> Vec<Commit> {
        let mut group = Group::default();
        group.add(first);
        let is_busy = last_commit.elapsed() < BUSY_WITHIN;
        let mut wait = if is_busy {
            wait.saturating_sub(TIMER_STEP)
        } else {
            Duration::ZERO
        };
        loop {
            while !group.is_full()
                && let Some(commit) = self.try_next(with_patient)
            {
                group.add(commit);
            }
            if wait.is_zero() || group.is_urgent || group.records >= GROUP_RECORDS_WORTH_IT || group.is_full() {
                return group.commits;
            }
            // Woken by what is urgent only: to be woken for each message would cost more than the sync that is saved.
            if let Ok(Some(commit)) = timeout(wait, self.urgent.recv()).await {
                group.add(commit);
            }
            wait = Duration::ZERO;
        }
    }
}

#[derive(Default)]
struct Group {
    commits: Vec<Commit>,
    records: usize,
    bytes: usize,
    is_urgent: bool,
}

impl Group {
    fn add(&mut self, commit: Commit) {
        self.records += commit.records.len();
        self.bytes += commit.records.iter().map(|r| r.json.len()).sum::<usize>();
        self.is_urgent |= !commit.is_patient;
        self.commits.push(commit);
    }

    fn is_full(&self) -> bool {
        self.records >= GROUP_RECORDS_MAX || self.bytes >= GROUP_BYTES_MAX
    }
}
