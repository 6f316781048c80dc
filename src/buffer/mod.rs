//! The durable log between the south and the north: the only folder that names sled.
//!
//! Two lanes, each a [`log::Log`] of small sled databases (`db`); one writer thread (`writer`) commits groups and answers
//! receipts after the disk has them; an upstream is a pair of places in the lanes (`cursor`). What an upstream refuses for
//! good waits in [`dead`]. Files of a buffer:
//!
//! ```text
//! lock              held while a gateway runs
//! epoch             when this buffer was made, seconds since 1970; sequences count within it
//! report/seg-…      one sled database per segment, named after its first sequence
//! telemetry/seg-…   the same for what may give way
//! cursors/NAME      how far the upstream NAME has got
//! ends              how far the lanes have got, told apart from sled, so that a lost end is noticed
//! dead/             dead letters
//! reserve           space to act with on a full disk
//! ```
//! Reading blocks on the disk: async callers go through `spawn_blocking`.

mod bounds;
mod commit;
mod cursor;
mod db;
mod dead;
mod disk;
mod end;
mod epoch;
mod frame;
mod gather;
pub mod inspect;
mod log;
mod notice;
mod resubmit;
mod segment;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

pub use commit::Commit;
pub use cursor::{Place, Places};
pub use db::SegmentError;
pub use dead::DeadLetter;
pub use resubmit::ResubmitError;
pub use segment::States;
pub use writer::Writer;

use crate::clock::Zone;
use crate::record::{Kind, Lane, Seq};
use crate::status::Status;
use crate::wire::Entry;
use cursor::Cursor;
use dead::DeadLetters;
use log::Log;

/// The longest record, in bytes of JSON: far below what sled keeps inline.
pub const RECORD_BYTES_MAX: usize = 96 << 10;
/// The folder of the dead letters.
pub const DEAD_LETTERS: &str = "dead";
/// Who only looks at the buffer, or ends just now, holds its lock for a moment.
const UNLOCK_WITHIN: Duration = Duration::from_secs(1);
const UNLOCK_EVERY: Duration = Duration::from_millis(10);
/// Groups that may wait for the writer, per lane; a full queue holds the intake, and so the sources.
const QUEUED_COMMITS_MAX: usize = 64;

#[derive(Debug, Clone)]
pub struct Settings {
    pub dir: PathBuf,
    pub max_bytes: u64,
    pub min_free_bytes: u64,
    pub commit_wait: Duration,
    pub gateway_id: String,
    pub zone: Zone,
    /// Upstreams of the configuration. Others that left a cursor behind still hold their data.
    pub upstreams: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another process holds the buffer in {0}; stop it first, or use its API")]
    Held(PathBuf),
    #[error("cannot open the buffer in {dir}: {cause}")]
    Unusable { dir: PathBuf, cause: io::Error },
}

/// The writer has ended: the gateway is stopping, or the disk failed.
#[derive(Debug, thiserror::Error)]
#[error("the buffer takes no more records")]
pub struct Closed;

/// Last durable sequences: what follows is not there yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tails {
    pub report: Seq,
    pub telemetry: Seq,
}

impl Tails {
    pub fn lane(&self, lane: Lane) -> Seq {
        match lane {
            Lane::Report => self.report,
            Lane::Telemetry => self.telemetry,
        }
    }
}

/// How much to read at once.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimit {
    pub records: usize,
    pub bytes: usize,
}

/// Entries that an upstream wants, and where reading got to: entries that it does not want lie between.
#[derive(Debug)]
pub struct Batch {
    pub entries: Vec<Entry>,
    pub next: Seq,
}

/// The buffer as stages hold it; cheap to clone.
#[derive(Debug, Clone)]
pub struct Buffer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    epoch: u64,
    report: Log,
    telemetry: Log,
    cursors: BTreeMap<String, Cursor>,
    ends: Cursor,
    dead: DeadLetters,
    /// States as they are on disk.
    states: Mutex<LaneStates>,
    refusals: AtomicU64,
    tails: watch::Sender<Tails>,
    urgent: mpsc::Sender<Commit>,
    patient: mpsc::Sender<Commit>,
    _lock: Arc<File>,
}

/// States by the lane that keeps them.
#[derive(Debug, Default)]
struct LaneStates {
    report: States,
    telemetry: States,
}

impl LaneStates {
    /// Takes in what has reached the disk.
    fn keep(kept: &mut States, written: States) {
        for (name, value) in written {
            if value.is_empty() {
                kept.remove(&name);
            } else {
                kept.insert(name, value);
            }
        }
    }
}

impl Shared {
    fn log(&self, lane: Lane) -> &Log {
        match lane {
            Lane::Report => &self.report,
            Lane::Telemetry => &self.telemetry,
        }
    }

    /// Where an upstream starts that has no place yet.
    fn oldest(&self) -> Places {
        let start = |log: &Log| Place {
            next: log.first(),
            in_flight_end: 0,
        };
        Places {
            epoch: self.epoch,
            report: start(&self.report),
            telemetry: start(&self.telemetry),
        }
    }

    /// The oldest segment of a lane, if every upstream has all of it.
    fn delivered_oldest(&self, lane: Lane) -> Option<Seq> {
        let (first, end) = self.log(lane).oldest()?;
        (end <= self.delivered_before(lane)).then_some(first)
    }

    fn remove_delivered(&self) -> io::Result<()> {
        for lane in Lane::BOTH {
            while let Some(first) = self.delivered_oldest(lane) {
                self.log(lane).remove(first)?;
            }
        }
        Ok(())
    }

    /// The lowest place of any upstream, configured or not: what lies before it was delivered everywhere.
    fn delivered_before(&self, lane: Lane) -> Seq {
        let places = self.cursors.values().map(Cursor::places);
        places.map(|places| places.lane(lane).next).min().unwrap_or(0)
    }
}

impl Buffer {
    /// Opens or makes the buffer and starts its writer thread. Blocks; sets aside what is damaged.
    pub fn open(settings: Settings, status: Status) -> Result<(Self, Writer), OpenError> {
        let dir = settings.dir.clone();
        let unusable = |cause: io::Error| OpenError::Unusable {
            dir: dir.clone(),
            cause,
        };
        fs::create_dir_all(&dir)
            .and_then(|()| restrict(&dir))
            .map_err(unusable)?;
        let lock = Arc::new(hold(&dir)?);
        let opened = match Self::open_held(settings.clone(), status.clone(), Arc::clone(&lock)) {
            // Opening writes; this is what the reserve is for.
            Err(SegmentError::Full(_)) => {
                disk::Reserve::new(&dir).release();
                Self::open_held(settings, status, lock)
            }
            other => other,
        };
        opened.map_err(|e| unusable(e.into()))
    }

    fn open_held(settings: Settings, status: Status, lock: Arc<File>) -> Result<(Self, Writer), SegmentError> {
        let dir = settings.dir.clone();
        let [report, telemetry] = Lane::BOTH.map(|lane| Log::open(lane, dir.join(lane.name())));
        let (report, telemetry) = (report?, telemetry?);
        let epoch = epoch::of(&dir, [&report, &telemetry])?;
        let (dead, lost_letters) = DeadLetters::open(dir.join(DEAD_LETTERS))?;
        let cursors = open_cursors(&dir, &settings.upstreams)?;
        let ends = Cursor::open(&dir.join("ends"))?;
        crate::files::sync_dir(&dir)?;
        if let Some(parent) = dir.parent() {
            crate::files::sync_dir(parent)?;
        }
        let (urgent, urgent_queue) = mpsc::channel(QUEUED_COMMITS_MAX);
        let (patient, patient_queue) = mpsc::channel(QUEUED_COMMITS_MAX);
        let shared = Arc::new(Shared {
            dir,
            epoch: epoch.number,
            report,
            telemetry,
            cursors,
            ends,
            dead,
            states: Mutex::default(),
            refusals: AtomicU64::new(0),
            tails: watch::Sender::new(Tails::default()),
            urgent,
            patient,
            _lock: lock,
        });
        let queues = gather::Queues::new(urgent_queue, patient_queue);
        let mut notices = Vec::new();
        if !epoch.vanished.is_empty() {
            notices.push(notice::lanes_vanished(&epoch.vanished));
        }
        notices.extend(lost_letters.map(|aside| notice::letters_lost(&aside)));
        let writer = Writer::start(Arc::clone(&shared), settings, queues, status, notices)?;
        Ok((Self(shared), writer))
    }

    /// Hands a group to the writer. Its receipts are answered after the disk has it; a full queue waits.
    pub async fn submit(&self, commit: Commit) -> Result<(), Closed> {
        let queue = self.queue(&commit);
        queue.send(commit).await.map_err(|_| Closed)
    }

    /// Like [`Buffer::submit`], but gives the commit back if there is no room for it within `wait`.
    pub async fn submit_within(&self, commit: Commit, wait: Duration) -> Result<Option<Commit>, Closed> {
        let queue = self.queue(&commit);
        match tokio::time::timeout(wait, queue.reserve()).await {
            Ok(Ok(room)) => {
                room.send(commit);
                Ok(None)
            }
            Ok(Err(_)) => Err(Closed),
            Err(_) => Ok(Some(commit)),
        }
    }

    fn queue(&self, commit: &Commit) -> &mpsc::Sender<Commit> {
        if commit.is_patient {
            &self.0.patient
        } else {
            &self.0.urgent
        }
    }

    /// Counts the times that the disk refused. Who keeps state derived from what was submitted returns to
    /// [`Buffer::states`] when this has changed.
    pub fn generation(&self) -> u64 {
        self.0.refusals.load(Ordering::Acquire)
    }

    /// All states, whichever lane keeps them.
    pub fn states(&self) -> States {
        let kept = self.0.states.lock().unwrap_or_else(PoisonError::into_inner);
        let all = kept.report.iter().chain(&kept.telemetry);
        all.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// Wakes whoever sends, on every commit.
    pub fn tails(&self) -> watch::Receiver<Tails> {
        self.0.tails.subscribe()
    }

    /// Where an upstream stands; a new one starts at the oldest record that is still here.
    pub fn places(&self, upstream: &str) -> Places {
        let cursor = self.0.cursors.get(upstream);
        cursor.map_or_else(|| self.0.oldest(), Cursor::places)
    }

    /// Saves where an upstream of the settings stands, after the letters that it refused are on disk. Blocks on the disk.
    pub fn advance(&self, upstream: &str, places: Places, refused: &[DeadLetter]) -> Result<(), SegmentError> {
        if !refused.is_empty() {
            self.0.dead.put(refused)?;
        }
        let cursor = self.0.cursors.get(upstream);
        let cursor = cursor.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "an upstream without a cursor"))?;
        Ok(cursor.save(places)?)
    }

    /// Reads what `wants` says yes to, from `from` on and below `end`, up to the limit. Blocks on the disk.
    pub fn read(
        &self,
        lane: Lane,
        from: Seq,
        end: Seq,
        limit: BatchLimit,
        wants: impl Fn(Kind) -> bool,
    ) -> Result<Batch, SegmentError> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        let mut too_much = None;
        let next = self.0.log(lane).read(from, end, |entry| {
            if !wants(entry.kind) {
                return true;
            }
            bytes += entry.json.len() + crate::wire::MESSAGE_OVERHEAD;
            if bytes > limit.bytes && !entries.is_empty() {
                too_much = Some(entry.seq);
                return false;
            }
            entries.push(entry);
            entries.len() < limit.records && bytes < limit.bytes
        })?;
        Ok(Batch {
            entries,
            next: too_much.unwrap_or(next),
        })
    }

    /// The oldest sequence of a lane that is still here.
    pub fn first(&self, lane: Lane) -> Seq {
        self.0.log(lane).first()
    }

    /// Dead letters whose id starts with the given text, all for the empty one. Blocks on the disk.
    pub fn dead_letters(&self, id_prefix: &str, limit: usize) -> Result<Vec<DeadLetter>, SegmentError> {
        self.0.dead.list(id_prefix, limit)
    }

    /// Beginning with the letter that follows this one: its message id, `/`, its upstream.
    pub fn dead_letters_after(&self, letter: &str, limit: usize) -> Result<Vec<DeadLetter>, SegmentError> {
        self.0.dead.list_after(letter, limit)
    }

    pub fn dead_letter_count(&self) -> u64 {
        self.0.dead.count()
    }

    /// Lets go of what waits for an upstream that is no longer configured. Blocks on the disk.
    pub fn forget_upstream(&self, name: &str) -> io::Result<bool> {
        let Some(cursor) = self.0.cursors.get(name) else {
            return Ok(false);
        };
        // The file first: a place beyond all must never be found by a start.
        let cursor_dir = self.0.dir.join("cursors");
        fs::remove_file(cursor_dir.join(name))?;
        crate::files::sync_dir(&cursor_dir)?;
        cursor.retire(self.0.epoch);
        Ok(true)
    }

    pub fn dir(&self) -> &Path {
        &self.0.dir
    }
}

/// Data of people and plants is for the service's user only.
fn restrict(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

fn hold(dir: &Path) -> Result<File, OpenError> {
    let unusable = |cause| OpenError::Unusable {
        dir: dir.to_owned(),
        cause,
    };
    let lock = File::create(dir.join("lock")).map_err(unusable)?;
    let deadline = Instant::now() + UNLOCK_WITHIN;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(UNLOCK_EVERY),
            Err(fs::TryLockError::WouldBlock) => return Err(OpenError::Held(dir.to_owned())),
            Err(fs::TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
    }
}

fn open_cursors(dir: &Path, upstreams: &[String]) -> io::Result<BTreeMap<String, Cursor>> {
    let cursor_dir = dir.join("cursors");
    fs::create_dir_all(&cursor_dir)?;
    let mut names: BTreeSet<String> = upstreams.iter().cloned().collect();
    for entry in fs::read_dir(&cursor_dir)? {
        names.extend(entry?.file_name().into_string());
    }
    let open = |name: String| Ok((name.clone(), Cursor::open(&cursor_dir.join(name))?));
    names.into_iter().map(open).collect()
}
