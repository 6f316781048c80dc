//! One lane: a row of segments. Readers share it; the writer alone appends.
//!
//! A reader sees a record only once it is durable (`tail`): what a power cut could still take back is not sent, or its
//! sequence could come back with another content.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::segment::{self, Segment, SegmentError};
use crate::record::{Lane, Seq};
use crate::wire::Entry;

/// Open segments beside the writer's: where the upstreams are reading.
const OPEN_SEGMENTS_MAX: usize = 2;
/// Above the records that a segment can hold: where sequences go on when the end of the newest segment is unknown.
pub const SEQ_JUMP: Seq = 1 << 17;

#[derive(Debug)]
pub struct Log {
    pub lane: Lane,
    pub dir: PathBuf,
    /// The sequence after the last durable record.
    tail: AtomicU64,
    segments: Mutex<Segments>,
}

#[derive(Debug, Default)]
struct Segments {
    /// First sequence of every segment, with the bytes it takes on disk (0: not measured yet).
    sizes: BTreeMap<Seq, u64>,
    open: Vec<Segment>,
    /// Damaged ones that a reader met, with the sequence after their last record, for the writer to announce.
    damaged: Vec<(Seq, Seq, String)>,
}

impl Log {
    /// Opens the lane's directory; segments are opened when they are needed.
    pub fn open(lane: Lane, dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        segment::clean_up(&dir)?;
        let sizes = segment::list(&dir)?
            .into_iter()
            .map(|first| (first, segment::allocated(&dir, first)))
            .collect();
        let segments = Mutex::new(Segments {
            sizes,
            ..Segments::default()
        });
        Ok(Self {
            lane,
            dir,
            tail: AtomicU64::new(0),
            segments,
        })
    }

    fn segments(&self) -> MutexGuard<'_, Segments> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tail(&self) -> Seq {
        self.tail.load(Ordering::Acquire)
    }

    pub fn set_tail(&self, tail: Seq) {
        self.tail.store(tail, Ordering::Release);
    }

    /// The oldest sequence that is still here.
    pub fn first(&self) -> Seq {
        self.segments().sizes.keys().next().copied().unwrap_or(self.tail())
    }

    pub fn newest(&self) -> Option<Seq> {
        self.segments().sizes.keys().next_back().copied()
    }

    pub fn segment_count(&self) -> u64 {
        self.segments().sizes.len() as u64
    }

    /// Bytes on disk of all segments. Only the newest changes, so only it is measured again.
    pub fn measure(&self) -> u64 {
        let mut segments = self.segments();
        if let Some(mut newest) = segments.sizes.last_entry() {
            *newest.get_mut() = segment::allocated(&self.dir, *newest.key());
        }
        segments.sizes.values().sum()
    }

    /// A new newest segment, which readers find open.
    pub fn add(&self, segment: Segment) {
        let mut segments = self.segments();
        if let Some((first, size)) = segments.sizes.iter().next_back().map(|(f, s)| (*f, *s)) {
            let measured = segment::allocated(&self.dir, first).max(size);
            segments.sizes.insert(first, measured);
        }
        segments.sizes.insert(segment.first, 0);
        segments.open.retain(|open| open.first != segment.first);
        segments.open.push(segment);
        Self::close_surplus(&mut segments);
    }

    fn close_surplus(segments: &mut Segments) {
        // The writer's own segment is the newest and stays; the longest open of the others goes.
        let newest = segments.sizes.keys().next_back().copied();
        while segments.open.len() > OPEN_SEGMENTS_MAX + 1 {
            let Some(oldest) = segments.open.iter().position(|s| Some(s.first) != newest) else {
                break;
            };
            segments.open.remove(oldest);
        }
    }

    /// Lets go of the newest segment's handle, so that it can be opened afresh.
    pub fn close(&self, first: Seq) {
        self.segments().open.retain(|s| s.first != first);
    }

    /// Removes the oldest segment if all of it lies before `seq` and it is not the newest. Returns the range it held.
    pub fn remove_oldest_before(&self, seq: Seq) -> io::Result<Option<(Seq, Seq)>> {
        // A reader may hold the lock while it opens a segment; removal is in no hurry.
        let Ok(mut segments) = self.segments.try_lock() else {
            return Ok(None);
        };
        let mut firsts = segments.sizes.keys().copied();
        let (Some(first), Some(end)) = (firsts.next(), firsts.next()) else {
            return Ok(None);
        };
        if end > seq {
            return Ok(None);
        }
        segments.open.retain(|s| s.first != first);
        segment::remove(&self.dir, first)?;
        segments.sizes.remove(&first);
        Ok(Some((first, end)))
    }

    /// The range of the oldest segment, unless it is the newest too.
    pub fn oldest(&self) -> Option<(Seq, Seq)> {
        let segments = self.segments();
        let mut firsts = segments.sizes.keys().copied();
        Some((firsts.next()?, firsts.next()?))
    }

    /// Segments found damaged since the last call: first sequence, end, cause.
    pub fn take_damaged(&self) -> Vec<(Seq, Seq, String)> {
        std::mem::take(&mut self.segments().damaged)
    }

    /// Sets a damaged segment aside.
    pub fn quarantine(&self, first: Seq) -> io::Result<PathBuf> {
        let mut segments = self.segments();
        segments.open.retain(|s| s.first != first);
        let aside = segment::quarantine(&self.dir, first)?;
        segments.sizes.remove(&first);
        Ok(aside)
    }

    /// Gives durable entries from `from` on, below `end`, to `take` until it has enough. Returns where reading got to:
    /// behind the last entry given, or further where segments are gone. Blocks on the disk.
    pub fn read(&self, from: Seq, end: Seq, mut take: impl FnMut(Entry) -> bool) -> Result<Seq, SegmentError> {
        let end = end.min(self.tail());
        let mut at = from;
        let mut is_enough = false;
        while at < end && !is_enough {
            let mut segments = self.segments();
            let Some(first) = segments.sizes.range(..=at).next_back().map(|(first, _)| *first) else {
                // What stood here gave way to the bound or was lost; both were announced.
                let Some(first) = segments.sizes.keys().next().copied() else {
                    return Ok(end);
                };
                at = first;
                continue;
            };
            let next_first = segments.sizes.range(first + 1..).next().map(|(next, _)| *next);
            let segment_end = next_first.unwrap_or(end).min(end);
            let mut expected = at;
            let read = Self::opened(&self.dir, &mut segments, first).and_then(|segment| {
                segment.read(at, |entry| {
                    if entry.seq >= segment_end {
                        return false;
                    }
                    expected = entry.seq + 1;
                    is_enough = !take(entry);
                    !is_enough
                })
            });
            match read {
                Ok(()) if is_enough => at = expected,
                // All that the segment has was given; what it should have and has not is a loss that it can't explain.
                Ok(()) if expected < segment_end => {
                    segments
                        .damaged
                        .push((expected, segment_end, "records are missing at its end".to_owned()));
                    at = segment_end;
                }
                Ok(()) => at = segment_end,
                Err(SegmentError::Damaged { path, cause }) => {
                    let Some(next_first) = next_first else {
                        return Err(SegmentError::Damaged { path, cause });
                    };
                    segments.damaged.push((first, next_first, cause));
                    at = next_first;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(at)
    }

    fn opened<'s>(dir: &Path, segments: &'s mut Segments, first: Seq) -> Result<&'s Segment, SegmentError> {
        if let Some(at) = segments.open.iter().position(|s| s.first == first) {
            return Ok(&segments.open[at]);
        }
        let segment = Segment::open(dir, first)?;
        segments.open.push(segment);
        Self::close_surplus(segments);
        let at = segments.open.iter().position(|s| s.first == first).unwrap_or(0);
        Ok(&segments.open[at])
    }
}
