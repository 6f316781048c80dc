//! The one thread that writes. It gathers what waits, commits one batch per lane, and answers receipts when the disk has
//! it: the report lane first, since people wait for it. It also keeps the buffer within its bounds and heals it.
//!
//! On a full disk nothing is answered with success: the reserve is released, sled is opened again (a failed handle stays
//! failed) and cut back to what was acknowledged. Only then are the senders of the failed group told that nothing happened;
//! until then the disk might still hold it, and a restart would bring it to life. On any other disk error the thread ends
//! without an answer, for a sync that is tried again may lie; the gateway ends too and its supervisor starts it anew.

use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::time::sleep_until;

use super::end::{LaneEnd, open_end};
use super::gather::Queues;
use super::notice::Notice;
use super::segment::States;
use super::{Commit, LaneStates, Place, Places, SegmentError, Settings, Shared, Tails, disk};
use crate::record::{Lane, Record};
use crate::status::Status;

/// A new segment is begun at this size at the latest. sled keeps what it has open in memory, whatever its cache is told, so
/// this bounds the memory; a new segment costs a few syncs.
const SEGMENT_BYTES_MAX: u64 = 4 << 20;
/// A small buffer has small segments, so that giving way takes little at a time.
const SEGMENTS_PER_BUFFER_MIN: u64 = 16;
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(1);

/// The running thread. It ends when it is told to or dropped, after its queues are empty, or when the disk has failed.
pub struct Writer {
    thread: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    failed: watch::Receiver<Option<String>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    pub(super) fn start(
        shared: Arc<Shared>,
        settings: Settings,
        queues: Queues,
        status: Status,
        notices: Vec<Notice>,
    ) -> Result<Self, SegmentError> {
        let (failed_tx, failed) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        let mut work = Work::open(shared, settings, status, notices)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = std::thread::Builder::new()
            .name("buffer-writer".to_owned())
            .spawn(move || {
                let ended = runtime.block_on(work.run(queues, stopped));
                if let Err(error) = ended.and_then(|()| work.finish_sweep()) {
                    tracing::error!(%error, "the buffer's disk failed");
                    failed_tx.send_replace(Some(error.to_string()));
                    // Closing sled would write again to a disk that has just failed.
                    std::mem::forget(work);
                }
            })?;
        Ok(Self { thread, stop, failed })
    }

    /// Resolves with the reason when the disk has failed, otherwise never.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        // The lock on the watched value must not be held over an await, or no task could run this.
        let reason = failed.wait_for(Option::is_some).await.map(|reason| reason.clone());
        match reason {
            Ok(reason) => reason.unwrap_or_default(),
            Err(_) => "the buffer's writer ended unexpectedly".to_owned(),
        }
    }

    /// Commits what is queued and ends. Blocks until done.
    pub fn finish(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the buffer's writer panicked");
        }
    }
}

/// What the thread works with.
pub(super) struct Work {
    pub shared: Arc<Shared>,
    pub settings: Settings,
    pub status: Status,
    pub report: LaneEnd,
    pub telemetry: LaneEnd,
    pub reserve: disk::Reserve,
    /// What the buffer itself has to tell, until it is written.
    pub notices: Vec<Notice>,
    pub is_paused: bool,
    /// Room for reports is used up too.
    pub is_full: bool,
    /// A commit failed and sled could not be opened again yet.
    pub is_broken: bool,
    /// The groups that failed: refused once the disk has let go of them.
    unanswered: Vec<Commit>,
    pub sweeper: Option<JoinHandle<io::Result<()>>>,
    last_commit: Instant,
    commits: u64,
}

impl Work {
    fn open(
        shared: Arc<Shared>,
        settings: Settings,
        status: Status,
        notices: Vec<Notice>,
    ) -> Result<Self, SegmentError> {
        let report = open_end(&shared, &shared.report)?;
        let telemetry = open_end(&shared, &shared.telemetry)?;
        super::epoch::mark(&shared.dir, shared.epoch)?;
        *lock(&shared) = LaneStates {
            report: report.states()?,
            telemetry: telemetry.states()?,
        };
        start_cursors(&shared)?;
        let reserve = disk::Reserve::new(&shared.dir);
        let mut work = Self {
            shared,
            settings,
            status,
            report,
            telemetry,
            reserve,
            notices,
            is_paused: false,
            is_full: false,
            is_broken: false,
            unanswered: Vec::new(),
            sweeper: None,
            last_commit: Instant::now(),
            commits: 0,
        };
        work.publish_tails();
        work.housekeeping()?;
        Ok(work)
    }

    async fn run(&mut self, mut queues: Queues, mut stopped: oneshot::Receiver<()>) -> Result<(), SegmentError> {
        let mut is_stopping = false;
        let mut next_housekeeping = tokio::time::Instant::now() + HOUSEKEEPING_EVERY;
        loop {
            let with_telemetry = !(self.is_paused || self.is_full || self.is_broken);
            tokio::select! {
                biased;
                () = sleep_until(next_housekeeping) => {
                    self.tend()?;
                    next_housekeeping = tokio::time::Instant::now() + HOUSEKEEPING_EVERY;
                }
                _ = &mut stopped, if !is_stopping => {
                    is_stopping = true;
                    queues.close();
                }
                // A paused lane does not hold up the end: what it holds was never answered.
                commit = queues.next(with_telemetry) => {
                    let Some(first) = commit else { return Ok(()) };
                    let (last, wait) = (self.last_commit, self.settings.commit_wait);
                    let group = queues.gather(first, with_telemetry, last, wait).await;
                    self.commit(group)?;
                }
            }
        }
    }

    fn tend(&mut self) -> Result<(), SegmentError> {
        if self.is_broken {
            self.heal()?;
        }
        self.housekeeping().or_else(|error| self.survive(error))
    }

    fn commit(&mut self, mut group: Vec<Commit>) -> Result<(), SegmentError> {
        let generation = self.shared.refusals.load(Ordering::Acquire);
        refuse(group.extract_if(.., |commit| commit.generation != generation));
        let is_refused = |commit: &Commit| !commit.is_patient && !commit.changes_nothing();
        if (self.is_full || self.is_broken) && group.iter().any(is_refused) {
            // All of it: what changes nothing may be the answer to a repeat of what is refused here.
            self.count_refusal();
            refuse(group);
            return Ok(());
        }
        if group.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        match self.write(&mut group) {
            Ok(()) => {
                answer(group);
                self.last_commit = Instant::now();
                self.commits += 1;
                let commit_ms = started.elapsed().as_secs_f64() * 1e3;
                self.status.update_buffer(|view| {
                    view.commits = self.commits;
                    view.commit_ms_last = commit_ms;
                });
                Ok(())
            }
            Err(error) => {
                self.unanswered.append(&mut group);
                self.survive(error)
            }
        }
    }

    /// Writes the group, the report lane first. Who waits for nothing else is answered, and leaves the group, before the
    /// telemetry is written.
    fn write(&mut self, group: &mut Vec<Commit>) -> Result<(), SegmentError> {
        let states = states_of(group, |commit| &commit.states);
        let reports = of_lane(group, Lane::Report);
        if !reports.is_empty() || !states.is_empty() {
            self.roll_if_grown(Lane::Report)?;
            self.report.append(&self.shared, &reports, &states)?;
            LaneStates::keep(&mut lock(&self.shared).report, states);
            self.publish_tails();
        }
        let is_done = |c: &mut Commit| {
            let is_report = |record: &Record| record.kind.lane() == Lane::Report;
            !c.is_patient && c.telemetry_states.is_empty() && c.records.iter().all(is_report)
        };
        answer(group.extract_if(.., is_done));
        let states = states_of(group, |commit| &commit.telemetry_states);
        let telemetry = of_lane(group, Lane::Telemetry);
        if !telemetry.is_empty() || !states.is_empty() {
            self.roll_if_grown(Lane::Telemetry)?;
            self.telemetry.append(&self.shared, &telemetry, &states)?;
            LaneStates::keep(&mut lock(&self.shared).telemetry, states);
            self.publish_tails();
        }
        Ok(())
    }

    /// Writes what the buffer itself has to tell.
    pub fn tell(&mut self) -> Result<(), SegmentError> {
        if self.notices.is_empty() {
            return Ok(());
        }
        let records: Vec<_> = self
            .notices
            .iter()
            .map(|n| n.encode(self.shared.epoch, &self.settings))
            .collect();
        let records: Vec<_> = records.iter().collect();
        self.report.append(&self.shared, &records, &States::new())?;
        self.notices.clear();
        self.publish_tails();
        Ok(())
    }

    fn publish_tails(&self) {
        let tails = Tails {
            report: self.report.next,
            telemetry: self.telemetry.next,
        };
        let place = |next| Place { next, in_flight_end: 0 };
        let ends = Places {
            epoch: self.shared.epoch,
            report: place(tails.report),
            telemetry: place(tails.telemetry),
        };
        if let Err(error) = self.shared.ends.note(ends) {
            tracing::warn!(%error, "how far the lanes have got could not be noted");
        }
        self.shared.tails.send_replace(tails);
    }

    /// The count comes before the answer: whoever learns of a refusal must find it changed.
    fn count_refusal(&self) {
        self.shared.refusals.fetch_add(1, Ordering::AcqRel);
    }

    /// After an error that need not be the end: nothing more is accepted until the lanes are open again.
    fn survive(&mut self, error: SegmentError) -> Result<(), SegmentError> {
        self.status.update_buffer(|view| {
            view.writable = false;
            view.problem = Some(error.to_string());
        });
        if matches!(error, SegmentError::Failed(_)) {
            return Err(error);
        }
        tracing::error!(%error, "a commit failed; its senders are refused and will repeat");
        self.count_refusal();
        self.is_broken = true;
        self.reserve.release();
        self.heal()
    }

    /// Opens the lanes again, without what was not acknowledged. While the disk is still full, nothing changes.
    fn heal(&mut self) -> Result<(), SegmentError> {
        let kept = lock(&self.shared);
        let (of_reports, of_telemetry) = (kept.report.clone(), kept.telemetry.clone());
        drop(kept);
        let report = self.report.reopen(&self.shared, &of_reports);
        let reopened = report.and_then(|()| self.telemetry.reopen(&self.shared, &of_telemetry));
        match reopened {
            Ok(()) => {
                tracing::info!("the buffer is open again");
                self.is_broken = false;
                refuse(self.unanswered.drain(..));
                self.publish_tails();
                Ok(())
            }
            Err(SegmentError::Full(error)) => {
                tracing::warn!(%error, "the disk is still full");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn roll_if_grown(&mut self, lane: Lane) -> Result<(), SegmentError> {
        let bytes_max = SEGMENT_BYTES_MAX.min(self.settings.max_bytes / SEGMENTS_PER_BUFFER_MIN);
        let end = match lane {
            Lane::Report => &self.report,
            Lane::Telemetry => &self.telemetry,
        };
        if end.is_grown(bytes_max) {
            self.roll(lane)
        } else {
            Ok(())
        }
    }

    pub fn roll(&mut self, lane: Lane) -> Result<(), SegmentError> {
        match lane {
            Lane::Report => {
                let states = lock(&self.shared).report.clone();
                self.report.roll(&self.shared, &states)
            }
            Lane::Telemetry => {
                let states = lock(&self.shared).telemetry.clone();
                self.telemetry.roll(&self.shared, &states)
            }
        }
    }
}

/// Upstreams without a place, or with one of another epoch, start at the oldest record. Reports never give way, so all that
/// an upstream still wants of them must be here.
fn start_cursors(shared: &Shared) -> Result<(), SegmentError> {
    for cursor in shared.cursors.values() {
        if cursor.places().epoch != shared.epoch {
            cursor.save(shared.oldest())?;
        }
    }
    let (unread, first) = (shared.delivered_before(Lane::Report), shared.report.first());
    if !shared.cursors.is_empty() && unread < first {
        shared.report.note_loss(unread, first, "their segment is gone");
    }
    Ok(())
}

fn lock(shared: &Shared) -> MutexGuard<'_, LaneStates> {
    shared.states.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the group leaves as states; the later one of a name counts.
fn states_of(group: &[Commit], of_lane: impl Fn(&Commit) -> &States) -> States {
    let states = group.iter().flat_map(of_lane);
    states.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn of_lane(group: &[Commit], lane: Lane) -> Vec<&Record> {
    let records = group.iter().flat_map(|commit| &commit.records);
    records.filter(|record| record.kind.lane() == lane).collect()
}

/// The disk has the commits: what may be shown now is shown, then who waits is told.
fn answer(commits: impl IntoIterator<Item = Commit>) {
    for commit in commits {
        for then in commit.afterwards {
            then();
        }
        for (receipt, feedback) in commit.receipts {
            receipt.keep(feedback);
        }
    }
}

fn refuse(commits: impl IntoIterator<Item = Commit>) {
    for (receipt, _) in commits.into_iter().flat_map(|commit| commit.receipts) {
        receipt.refuse();
    }
}

#[cfg(test)]
mod tests;
