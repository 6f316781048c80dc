//! The one thread that writes. It gathers what waits, commits one batch per lane, and answers receipts when the disk has
//! it: the report lane first, since people wait for it. It also keeps the buffer within its bounds and heals it.
//!
//! On a full disk nothing is answered with success: what waits is refused, the reserve is released, sled is opened again
//! (a failed handle stays failed) and cut back to what was acknowledged. On any other disk error the thread ends, for
//! a sync that is tried again may lie; the gateway then ends too and its supervisor starts it anew.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout_at};
use uuid::Uuid;

use super::end::{LaneEnd, open_end, start_cursors};
use super::log::Log;
use super::segment::{SegmentError, States};
use super::{Commit, Settings, Shared, Tails, disk};
use crate::record::{Alert, Kind, Lane, Receipt, Record, Seq, Severity, Timestamp};
use crate::status::{LaneView, Status};

/// A group is committed when it has grown to this.
const GROUP_RECORDS_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 256 << 10;
/// Telemetry waits for company up to this many records, and only while the line is busy.
const GROUP_RECORDS_WORTH_IT: usize = 64;
const BUSY_WITHIN: Duration = Duration::from_millis(20);
/// A new segment is begun at this size, unless it has its full number of records before.
const SEGMENT_BYTES_MAX: u64 = 20 << 20;
/// A small buffer has small segments, so that giving way takes little at a time.
const SEGMENTS_PER_BUFFER_MIN: u64 = 16;
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Queues {
    pub urgent: mpsc::Receiver<Commit>,
    pub patient: mpsc::Receiver<Commit>,
}

/// The running thread. It ends when told to and its queues are empty, or when the disk has failed.
pub struct Writer {
    thread: JoinHandle<()>,
    stop: tokio::sync::watch::Sender<bool>,
    failed: tokio::sync::watch::Receiver<Option<String>>,
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
        vanished: bool,
    ) -> Result<Self, SegmentError> {
        let (failed_tx, failed) = tokio::sync::watch::channel(None);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut work = Work::open(shared, settings, status)?;
        if vanished {
            work.announce(
                "BUFFER_LOST",
                "The buffer was empty although it had been in use; a new epoch has begun.",
                "vanished",
            );
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = std::thread::Builder::new()
            .name("buffer-writer".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(work.run(queues, stopped)) {
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
            Err(_) => std::future::pending().await,
        }
    }

    /// Commits what is queued and ends. Blocks until done.
    pub fn finish(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the buffer's writer panicked");
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    settings: Settings,
    status: Status,
    report: LaneEnd,
    telemetry: LaneEnd,
    reserve: disk::Reserve,
    is_paused: bool,
    /// Room for reports is used up too.
    is_full: bool,
    /// A commit failed and sled could not be opened again yet.
    is_broken: bool,
    last_commit: Instant,
    commits: u64,
}

impl Work {
    fn open(shared: Arc<Shared>, settings: Settings, status: Status) -> Result<Self, SegmentError> {
        let mut lost = Vec::new();
        let report = open_end(&shared, &shared.report, &mut lost)?;
        let states = report.states()?;
        let telemetry = open_end(&shared, &shared.telemetry, &mut lost)?;
        super::mark_epoch(&settings.dir, shared.epoch)?;
        *shared.states.lock().unwrap_or_else(PoisonError::into_inner) = states;
        start_cursors(&shared)?;
        let reserve = disk::Reserve::new(&settings.dir);
        let mut work = Self {
            shared,
            settings,
            status,
            report,
            telemetry,
            reserve,
            is_paused: false,
            is_full: false,
            is_broken: false,
            last_commit: Instant::now(),
            commits: 0,
        };
        work.publish_tails();
        for (lane, first, end, cause) in lost {
            work.announce_loss(lane, first, end, &cause);
        }
        work.housekeeping()?;
        Ok(work)
    }

    async fn run(
        &mut self,
        mut queues: Queues,
        mut stopped: tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), SegmentError> {
        let mut group = Vec::new();
        let mut next_housekeeping = tokio::time::Instant::now() + HOUSEKEEPING_EVERY;
        loop {
            let is_stopping = *stopped.borrow();
            tokio::select! {
                biased;
                () = sleep_until(next_housekeeping) => {
                    if self.is_broken {
                        self.heal()?;
                    }
                    self.housekeeping()?;
                    next_housekeeping = tokio::time::Instant::now() + HOUSEKEEPING_EVERY;
                }
                Some(commit) = queues.urgent.recv() => group.push(commit),
                Some(commit) = queues.patient.recv(), if !self.holds_telemetry() => group.push(commit),
                _ = stopped.changed(), if !is_stopping => {
                    queues.urgent.close();
                    queues.patient.close();
                }
                else => return Ok(()),
            }
            if group.is_empty() {
                // A paused lane must not hold up the end: what it holds was never answered.
                if *stopped.borrow() && self.holds_telemetry() && queues.urgent.is_empty() {
                    return Ok(());
                }
                continue;
            }
            self.gather(&mut group, &mut queues).await;
            self.commit(&mut group)?;
        }
    }

    fn holds_telemetry(&self) -> bool {
        self.is_paused || self.is_broken
    }

    /// Adds what waits. Telemetry alone may wait a little for more, when there is much of it.
    async fn gather(&self, group: &mut Vec<Commit>, queues: &mut Queues) {
        let mut size = GroupSize::of(group);
        let is_busy = self.last_commit.elapsed() < BUSY_WITHIN;
        let deadline = tokio::time::Instant::now() + self.settings.commit_wait;
        loop {
            while !size.is_full()
                && let Ok(commit) = queues.urgent.try_recv()
            {
                size.add(&commit);
                group.push(commit);
            }
            while !self.holds_telemetry()
                && !size.is_full()
                && let Ok(commit) = queues.patient.try_recv()
            {
                size.add(&commit);
                group.push(commit);
            }
            if size.is_urgent || size.is_full() || size.records >= GROUP_RECORDS_WORTH_IT || !is_busy {
                return;
            }
            let more = async {
                tokio::select! {
                    biased;
                    Some(commit) = queues.urgent.recv() => commit,
                    Some(commit) = queues.patient.recv() => commit,
                    else => std::future::pending().await,
                }
            };
            let Ok(commit) = timeout_at(deadline, more).await else {
                return;
            };
            size.add(&commit);
            group.push(commit);
        }
    }

    fn commit(&mut self, group: &mut Vec<Commit>) -> Result<(), SegmentError> {
        let generation = self.shared.refusals.load(Ordering::Acquire);
        let takes_nothing = self.is_full || self.is_broken;
        refuse_all(group.extract_if(.., |commit| {
            commit.generation != generation || (takes_nothing && commit.is_urgent())
        }));
        if group.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        match self.write(group) {
            Ok(receipts) => {
                answer(receipts);
                self.last_commit = Instant::now();
                self.commits += 1;
                let commit_ms = started.elapsed().as_secs_f64() * 1e3;
                let commits = self.commits;
                self.status.update_buffer(|view| {
                    view.commits = commits;
                    view.commit_ms_last = commit_ms;
                });
                Ok(())
            }
            Err(SegmentError::Failed(error)) => {
                self.refuse(group.drain(..));
                self.status.update_buffer(|view| {
                    view.writable = false;
                    view.problem = Some(format!("the disk failed: {error}"));
                });
                Err(SegmentError::Failed(error))
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed; its senders were refused and will repeat");
                self.refuse(group.drain(..));
                self.is_broken = true;
                self.status.update_buffer(|view| {
                    view.writable = false;
                    view.problem = Some(error.to_string());
                });
                self.reserve.release();
                self.heal()
            }
        }
    }

    /// Writes the group, the report lane first; its receipts are answered at once, those behind telemetry are returned.
    fn write(&mut self, group: &mut Vec<Commit>) -> Result<Vec<WaitingReceipt>, SegmentError> {
        self.roll_if_due()?;
        let of_lane = |lane: Lane| {
            group
                .iter()
                .flat_map(|c| &c.records)
                .filter(move |r| r.kind.lane() == lane)
                .collect()
        };
        let reports: Vec<&Record> = of_lane(Lane::Report);
        let telemetry: Vec<&Record> = of_lane(Lane::Telemetry);
        let mut states = States::new();
        for commit in group.iter() {
            states.extend(commit.states.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        if !reports.is_empty() || !states.is_empty() {
            self.report.append(&self.shared, &reports, &states)?;
            let mut durable = self.shared.states.lock().unwrap_or_else(PoisonError::into_inner);
            durable.append(&mut states);
            durable.retain(|_, value| !value.is_empty());
            drop(durable);
            if !telemetry.is_empty() {
                let is_done = |c: &mut Commit| c.is_urgent() && c.records.iter().all(|r| r.kind.lane() == Lane::Report);
                // The borrow of the telemetry records ends here, so they are collected anew below.
                drop(telemetry);
                answer(group.extract_if(.., is_done).flat_map(settle).collect());
                let telemetry: Vec<&Record> = group
                    .iter()
                    .flat_map(|c| &c.records)
                    .filter(|r| r.kind.lane() == Lane::Telemetry)
                    .collect();
                self.telemetry.append(&self.shared, &telemetry, &States::new())?;
            }
        } else if !telemetry.is_empty() {
            self.telemetry.append(&self.shared, &telemetry, &States::new())?;
        }
        self.publish_tails();
        Ok(group.drain(..).flat_map(settle).collect())
    }

    fn publish_tails(&self) {
        self.shared.tails.send_replace(Tails {
            report: self.report.next,
            telemetry: self.telemetry.next,
        });
    }

    fn refuse(&mut self, group: impl Iterator<Item = Commit>) {
        // The count comes first: whoever learns of the refusal must find it changed.
        self.shared.refusals.fetch_add(1, Ordering::AcqRel);
        refuse_all(group);
    }

    /// Opens the lanes again after a failure that need not be the end. While the disk is still full, nothing changes.
    fn heal(&mut self) -> Result<(), SegmentError> {
        let states = self
            .shared
            .states
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let reopened = self
            .report
            .reopen(&self.shared, &states)
            .and_then(|()| self.telemetry.reopen(&self.shared, &States::new()));
        match reopened {
            Ok(()) => {
                tracing::info!("the buffer is open again");
                self.is_broken = false;
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

    fn roll_if_due(&mut self) -> Result<(), SegmentError> {
        let bytes_max = SEGMENT_BYTES_MAX.min(self.settings.max_bytes / SEGMENTS_PER_BUFFER_MIN);
        for lane in Lane::BOTH {
            let states = match lane {
                Lane::Report => self
                    .shared
                    .states
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone(),
                Lane::Telemetry => States::new(),
            };
            if self.end_mut(lane).is_grown(bytes_max) {
                let shared = Arc::clone(&self.shared);
                self.end_mut(lane).roll(&shared, &states)?;
            }
        }
        Ok(())
    }

    fn end_mut(&mut self, lane: Lane) -> &mut LaneEnd {
        match lane {
            Lane::Report => &mut self.report,
            Lane::Telemetry => &mut self.telemetry,
        }
    }

    /// Once a second: what was delivered everywhere goes, bounds are kept, damage that readers met is announced.
    fn housekeeping(&mut self) -> Result<(), SegmentError> {
        if self.is_broken {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        for lane in Lane::BOTH {
            let log = shared.log(lane);
            for (first, end, cause) in log.take_damaged() {
                self.announce_loss(lane, first, end, &cause);
                if log.newest() != Some(first) && log.oldest().is_some() {
                    match log.quarantine(first) {
                        Ok(aside) => {
                            tracing::error!(%lane, first, aside = %aside.display(), cause, "a damaged segment was set aside")
                        }
                        Err(error) => tracing::error!(%lane, first, %error, "a damaged segment could not be set aside"),
                    }
                }
            }
            let delivered = shared.delivered_before(lane);
            while log
                .remove_oldest_before(delivered)
                .map_err(SegmentError::from)?
                .is_some()
            {}
        }
        let used = self.keep_within_bounds(&shared)?;
        self.mind_free_space(used)?;
        self.show(used);
        Ok(())
    }

    fn keep_within_bounds(&mut self, shared: &Shared) -> Result<u64, SegmentError> {
        let measure =
            || shared.report.measure() + shared.telemetry.measure() + disk::allocated(&shared.dir.join("dead"));
        let mut used = measure();
        while used > self.settings.max_bytes {
            let Some((first, end)) = shared.telemetry.oldest() else {
                break;
            };
            // Announced before it goes: a crash between the two announces it twice, under the same id.
            let undelivered = end.saturating_sub(shared.delivered_before(Lane::Telemetry).max(first));
            if undelivered > 0 {
                self.announce(
                    "TELEMETRY_DROPPED",
                    &format!(
                        "The buffer reached its bound of {}: telemetry {first}..{} gave way.",
                        crate::units::Size(self.settings.max_bytes),
                        end - 1
                    ),
                    &format!("dropped/telemetry/{first}/{end}"),
                );
            }
            if shared
                .telemetry
                .remove_oldest_before(end)
                .map_err(SegmentError::from)?
                .is_none()
            {
                break;
            }
            self.telemetry.dropped += undelivered;
            used = measure();
        }
        let was_full = std::mem::replace(&mut self.is_full, used > self.settings.max_bytes);
        if self.is_full && !was_full {
            tracing::error!(used, "reports alone fill the buffer; stations are refused");
        }
        Ok(used)
    }

    fn mind_free_space(&mut self, used: u64) -> Result<(), SegmentError> {
        let free = disk::free(&self.settings.dir)?;
        let is_low = free < self.settings.min_free_bytes || used > self.settings.max_bytes;
        let was_paused = std::mem::replace(&mut self.is_paused, is_low);
        if is_low && !was_paused {
            self.announce(
                "DISK_NEARLY_FULL",
                &format!(
                    "Only {} are free on the disk of the buffer; telemetry is paused until there are {}.",
                    crate::units::Size(free),
                    crate::units::Size(self.settings.min_free_bytes)
                ),
                &format!("disk/{}", chrono::Utc::now().timestamp()),
            );
        }
        if !is_low && let Err(error) = self.reserve.set_aside() {
            tracing::warn!(%error, "no space could be set aside for a full disk");
        }
        self.status.update_buffer(|view| view.free_disk_bytes = free);
        Ok(())
    }

    fn show(&self, used: u64) {
        let lane_view = |end: &LaneEnd, log: &Log| LaneView {
            first_sequence: log.first(),
            next_sequence: end.next,
            segments: log.segment_count(),
            dropped: end.dropped,
        };
        let lanes = [
            (Lane::Report, lane_view(&self.report, &self.shared.report)),
            (Lane::Telemetry, lane_view(&self.telemetry, &self.shared.telemetry)),
        ];
        self.status.update_buffer(|view| {
            view.writable = !self.is_full;
            view.telemetry_paused = self.is_paused;
            view.problem = match (self.is_full, self.is_paused) {
                (true, _) => Some("reports alone fill the buffer: nothing is accepted".to_owned()),
                (false, true) => Some("the disk is nearly full: telemetry is paused".to_owned()),
                (false, false) => None,
            };
            view.epoch = self.shared.epoch;
            view.disk_bytes = used;
            view.max_bytes = self.settings.max_bytes;
            view.lanes = lanes.into();
            view.dead_letters = self.shared.dead.count();
        });
    }

    fn announce_loss(&mut self, lane: Lane, first: Seq, end: Seq, cause: &str) {
        let message = format!(
            "Records {first}..{} of lane {lane} could not be read back: {cause}.",
            end.saturating_sub(1)
        );
        self.announce("BUFFER_DAMAGED", &message, &format!("damaged/{lane}/{first}/{end}"));
    }

    /// Writes an alert of the buffer's own. Its id follows from its cause, so that a repeat is recognised.
    fn announce(&mut self, alert_type: &str, message: &str, cause: &str) {
        tracing::error!(alert_type, message);
        let cause = format!("{}/{}/buffer/{cause}", self.settings.gateway_id, self.shared.epoch);
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, cause.as_bytes());
        let alert = Alert {
            alert_id: id.to_string(),
            alert_type: alert_type.to_owned(),
            severity: Severity::High,
            message: message.to_owned(),
            order_no: None,
            equipment: None,
            point: None,
            value: None,
            limits: None,
        };
        let now: Timestamp = chrono::Utc::now();
        let record = Record::encode(Kind::Alert, id, now, self.settings.zone, "buffer", &alert);
        let shared = Arc::clone(&self.shared);
        if let Err(error) = self.report.append(&shared, &[&record], &States::new()) {
            tracing::error!(%error, "an alert of the buffer could not be written");
        }
        self.publish_tails();
    }
}

type WaitingReceipt = (Receipt, Option<crate::record::Feedback>);

/// The disk has the commit: what may be shown now is shown, and its receipts are due.
fn settle(commit: Commit) -> Vec<WaitingReceipt> {
    for then in commit.afterwards {
        then();
    }
    commit.receipts
}

fn answer(receipts: Vec<WaitingReceipt>) {
    for (receipt, feedback) in receipts {
        receipt.keep(feedback);
    }
}

fn refuse_all(commits: impl Iterator<Item = Commit>) {
    for (receipt, _) in commits.flat_map(|commit| commit.receipts) {
        receipt.refuse();
    }
}

struct GroupSize {
    records: usize,
    bytes: usize,
    is_urgent: bool,
}

impl GroupSize {
    fn of(group: &[Commit]) -> Self {
        let mut size = Self {
            records: 0,
            bytes: 0,
            is_urgent: false,
        };
        for commit in group {
            size.add(commit);
        }
        size
    }

    fn add(&mut self, commit: &Commit) {
        self.records += commit.records.len();
        self.bytes += commit.records.iter().map(|r| r.json.len()).sum::<usize>();
        self.is_urgent |= commit.is_urgent();
    }

    fn is_full(&self) -> bool {
        self.records >= GROUP_RECORDS_MAX || self.bytes >= GROUP_BYTES_MAX
    }
}
