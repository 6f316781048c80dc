//! One lane: a row of segments. Readers share it; the writer alone appends.
//!
//! A reader sees a record only once it is durable (`tail`): what a power cut could still take back is not sent, or its
//! sequence could come back with another content.
//!
//! Two locks, always taken in this order: `open`, held by one reader at a time while it uses a handle, and by the writer
//! or the sweeper to remove a segment or to close the newest; `catalog`, held for moments only, so that the writer rolls and measures
//! without waiting for readers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::segment::{self, Segment};
use super::{SegmentError, disk};
use crate::record::{Lane, Seq};
use crate::wire::Entry;

/// Open segments beside the writer's: where the upstreams are reading.
const OPEN_SEGMENTS_MAX: usize = 2;

/// Records that should be there and cannot be read: to be announced once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub first: Seq,
    pub end: Seq,
    pub cause: String,
}

#[derive(Debug)]
pub struct Log {
    pub lane: Lane,
    pub dir: PathBuf,
    /// The sequence after the last durable record.
    tail: AtomicU64,
    open: Mutex<Vec<Segment>>,
    catalog: Mutex<Catalog>,
}

#[derive(Debug, Default)]
struct Catalog {
    /// First sequence of every segment, with the bytes it takes on disk.
    sizes: BTreeMap<Seq, u64>,
    /// The writer's segment; nothing while it is being opened afresh.
    newest: Option<Segment>,
    /// Met by readers; set aside instead of removed once everyone has what can be read of them.
    damaged: BTreeSet<Seq>,
    losses: Vec<Loss>,
    known_losses: Vec<(Seq, Seq)>,
}

impl Catalog {
    fn note_loss(&mut self, first: Seq, end: Seq, cause: &str) {
        if self.known_losses.iter().any(|known| known.0 <= first && end <= known.1) {
            return;
        }
        self.known_losses.push((first, end));
        self.losses.push(Loss {
            first,
            end,
            cause: cause.to_owned(),
        });
    }
}

impl Log {
    /// Opens the lane's directory; segments are opened when they are needed.
    pub fn open(lane: Lane, dir: PathBuf) -> Result<Self, SegmentError> {
        fs::create_dir_all(&dir)?;
        segment::clean_up(&dir)?;
        let sizes = segment::list(&dir)?
            .into_iter()
            .map(|first| (first, segment::allocated(&dir, first)))
            .collect();
        Ok(Self {
            lane,
            dir,
            tail: AtomicU64::new(0),
            open: Mutex::default(),
            catalog: Mutex::new(Catalog {
                sizes,
                ..Catalog::default()
            }),
        })
    }

    fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handles(&self) -> MutexGuard<'_, Vec<Segment>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tail(&self) -> Seq {
        self.tail.load(Ordering::Acquire)
    }

    pub fn set_tail(&self, tail: Seq) {
        self.tail.store(tail, Ordering::Release);
    }

    /// The oldest sequence that is still here.
    pub fn first(&self) -> Seq {
        self.catalog().sizes.keys().next().copied().unwrap_or(self.tail())
    }

    pub fn newest(&self) -> Option<Seq> {
        self.catalog().sizes.keys().next_back().copied()
    }

    pub fn segment_count(&self) -> u64 {
        self.catalog().sizes.len() as u64
    }

    /// Bytes on disk of all segments. Only the newest changes, so only it is measured again.
    pub fn measure(&self) -> u64 {
        let mut catalog = self.catalog();
        if let Some(mut newest) = catalog.sizes.last_entry() {
            *newest.get_mut() = segment::allocated(&self.dir, *newest.key());
        }
        catalog.sizes.values().sum()
    }

    /// The writer's segment, new or opened afresh; readers find it open.
    pub fn set_newest(&self, segment: Segment) {
        let mut catalog = self.catalog();
        let size = segment::allocated(&self.dir, segment.first);
        catalog.sizes.insert(segment.first, size);
        let before = catalog.newest.replace(segment);
        drop(catalog);
        // Whoever reads is most likely about to read the one before; closing it here would hold up the commit.
        if let (Some(before), Ok(mut open)) = (before, self.open.try_lock()) {
            Self::keep_open(&mut open, before);
        }
    }

    fn keep_open(open: &mut Vec<Segment>, segment: Segment) {
        if open.len() >= OPEN_SEGMENTS_MAX {
            open.remove(0);
        }
        open.push(segment);
    }

    /// Lets go of the newest segment's handle, so that it can be opened afresh.
    pub fn close_newest(&self) {
        let _no_reader = self.handles();
        self.catalog().newest = None;
    }

    /// The range of the oldest segment, unless it is the newest too.
    pub fn oldest(&self) -> Option<(Seq, Seq)> {
        let catalog = self.catalog();
        let mut firsts = catalog.sizes.keys().copied();
        Some((firsts.next()?, firsts.next()?))
    }

    /// Takes the segment out of the lane, if it is the oldest and not the newest too.
    pub fn remove(&self, first: Seq) -> io::Result<()> {
        let mut open = self.handles();
        if self.oldest().is_none_or(|(oldest, _)| oldest != first) {
            return Ok(());
        }
        open.retain(|s| s.first != first);
        let is_damaged = self.catalog().damaged.remove(&first);
        if is_damaged {
            let aside = segment::quarantine(&self.dir, first)?;
            tracing::error!(lane = %self.lane, aside = %aside.display(), "a damaged segment is set aside");
        } else {
            segment::remove(&self.dir, first)?;
        }
        self.catalog().sizes.remove(&first);
        Ok(())
    }

    /// Sets a segment aside that cannot be opened.
    pub fn quarantine(&self, first: Seq) -> io::Result<()> {
        let mut open = self.handles();
        open.retain(|s| s.first != first);
        let aside = segment::quarantine(&self.dir, first)?;
        tracing::error!(lane = %self.lane, aside = %aside.display(), "a damaged segment is set aside");
        let mut catalog = self.catalog();
        catalog.sizes.remove(&first);
        catalog.damaged.remove(&first);
        Ok(())
    }

    /// Remembers a loss for the writer to announce, unless it is known.
    pub fn note_loss(&self, first: Seq, end: Seq, cause: &str) {
        self.catalog().note_loss(first, end, cause);
    }

    /// Losses met since the last call.
    pub fn take_losses(&self) -> Vec<Loss> {
        std::mem::take(&mut self.catalog().losses)
    }

    /// Whether a reader met damage in the segment that is written to.
    pub fn is_newest_damaged(&self) -> bool {
        let catalog = self.catalog();
        let newest = catalog.sizes.keys().next_back();
        newest.is_some_and(|newest| catalog.damaged.contains(newest))
    }

    /// Gives durable entries from `from` on, below `end`, to `take` until it has enough. Returns where reading got to:
    /// behind the last entry given, or further where records are gone. Blocks on the disk.
    pub fn read(&self, from: Seq, end: Seq, mut take: impl FnMut(Entry) -> bool) -> Result<Seq, SegmentError> {
        let end = end.min(self.tail());
        let mut open = self.handles();
        let mut at = from;
        while at < end {
            let Some((first, next_first)) = self.segment_at(at) else {
                // What stood here gave way to the bound or was lost; both are announced.
                at = self.first().max(at + 1).min(end);
                continue;
            };
            let segment_end = next_first.unwrap_or(end).min(end);
            let mut reached = at;
            let mut is_enough = false;
            let read = self.handle(&mut open, first).and_then(|segment| {
                segment.read(at, |entry| {
                    if entry.seq >= segment_end {
                        return false;
                    }
                    if entry.seq > reached {
                        self.note_loss(reached, entry.seq, "records are missing");
                    }
                    reached = entry.seq + 1;
                    is_enough = !take(entry);
                    !is_enough
                })
            });
            match read {
                Ok(()) if is_enough => return Ok(reached),
                Ok(()) => {
                    if reached < segment_end {
                        self.note_loss(reached, segment_end, "records are missing");
                    }
                    at = segment_end;
                }
                Err(SegmentError::Damaged { path, cause }) => {
                    // A handle that met damage stays failed, also for what could be read before it.
                    open.retain(|s| s.first != first);
                    let mut catalog = self.catalog();
                    catalog.damaged.insert(first);
                    catalog.note_loss(reached, next_first.unwrap_or(self.tail()), &cause);
                    match next_first {
                        Some(next_first) => at = next_first,
                        None if reached > from => return Ok(reached),
                        // The writer begins a new segment, and then this one can be passed.
                        None => return Err(SegmentError::Damaged { path, cause }),
                    }
                }
                Err(other) => return Err(other),
            }
        }
        Ok(at)
    }

    /// The segment that should hold a sequence, and the start of the one behind it.
    fn segment_at(&self, at: Seq) -> Option<(Seq, Option<Seq>)> {
        let catalog = self.catalog();
        let first = *catalog.sizes.range(..=at).next_back()?.0;
        let next_first = catalog.sizes.range(first + 1..).next().map(|(next, _)| *next);
        Some((first, next_first))
    }

    fn handle(&self, open: &mut Vec<Segment>, first: Seq) -> Result<Segment, SegmentError> {
        let catalog = self.catalog();
        if Some(first) == catalog.sizes.keys().next_back().copied() {
            let newest = catalog.newest.clone();
            return newest.ok_or_else(|| SegmentError::Full(io::ErrorKind::StorageFull.into()));
        }
        drop(catalog);
        if let Some(at) = open.iter().position(|s| s.first == first) {
            return Ok(open[at].clone());
        }
        let segment = Segment::open(&self.dir, first)?;
        Self::keep_open(open, segment.clone());
        Ok(segment)
    }
}

/// Whether a lane's directory can tell that it was used before: it holds segments, or some that were set aside.
pub fn is_begun(dir: &Path) -> io::Result<bool> {
    Ok(!segment::list(dir)?.is_empty() || segment::latest_set_aside(dir)?.is_some())
}

/// Bytes that the lanes and `dead` take.
pub fn measure(logs: [&Log; 2], dead: &Path) -> u64 {
    logs.iter().map(|log| log.measure()).sum::<u64>() + disk::allocated(dead)
}
