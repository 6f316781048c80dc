//! The growing end of a lane: its newest segment, as the writer holds it. How it is found again at start, begun anew when
//! it has grown enough, and opened afresh after a failure.

use std::io;
use std::time::{Duration, Instant};

use super::cursor::Cursor;
use super::log::Log;
use super::segment::{self, OpenEnd, States};
use super::{SegmentError, Shared};
use crate::record::{Lane, Record, Seq, Timestamp};

/// A new segment is begun at this many records.
const SEGMENT_RECORDS_MAX: u64 = 65_536;
/// At a steady rate segments may stay small, for sled holds the open one in memory several times over; in a flood the syncs
/// that a new one costs count more.
const SEGMENT_BYTES_STEADY: u64 = 1 << 20;
const STEADY_AFTER: Duration = Duration::from_secs(3);
/// Above the records that a segment can hold: where sequences go on when the end of the newest segment is unknown.
const SEQ_JUMP: Seq = 1 << 17;

/// One lane, as the writer holds it.
pub struct LaneEnd {
    pub lane: Lane,
    /// First sequence of the newest segment.
    first: Seq,
    /// Nothing while a full disk keeps it from being opened again.
    end: Option<OpenEnd>,
    pub next: Seq,
    /// What the newest segment holds: payload, or a little more after a start.
    bytes: u64,
    /// Of the states that it began with.
    carried: u64,
    begun: Instant,
    /// Records that gave way, and when the last of them did.
    pub dropped: u64,
    pub last_dropped: Option<Timestamp>,
}

impl LaneEnd {
    pub fn states(&self) -> Result<States, SegmentError> {
        let states = self.end.as_ref().map(|end| end.segment.states());
        states.unwrap_or_else(|| Ok(States::new()))
    }

    /// Whether the newest segment has grown enough for a new one to be begun. One without records never has: the new one
    /// would have its name.
    pub fn is_grown(&self, bytes_max: u64) -> bool {
        let records = self.next - self.first;
        let is_steady = self.begun.elapsed() >= STEADY_AFTER;
        let bytes_max = if is_steady {
            bytes_max.min(SEGMENT_BYTES_STEADY)
        } else {
            bytes_max
        };
        // Carrying the states over has to stay a small part of the work.
        let bytes_max = bytes_max.max(4 * self.carried);
        records > 0 && (self.bytes >= bytes_max || records >= SEGMENT_RECORDS_MAX)
    }

    pub fn note_dropped(&mut self, count: u64) {
        if count > 0 {
            self.dropped += count;
            self.last_dropped = Some(chrono::Utc::now());
        }
    }

    pub fn append(&mut self, shared: &Shared, records: &[&Record], states: &States) -> Result<(), SegmentError> {
        let end = self.end.as_mut();
        let end = end.ok_or_else(|| SegmentError::Full(io::ErrorKind::StorageFull.into()))?;
        end.commit(self.next, records, states)?;
        self.next += records.len() as Seq;
        self.bytes += records.iter().map(|r| r.json.len() as u64).sum::<u64>();
        self.bytes += bytes_of(states);
        shared.log(self.lane).set_tail(self.next);
        Ok(())
    }

    pub fn roll(&mut self, shared: &Shared, states: &States) -> Result<(), SegmentError> {
        let log = shared.log(self.lane);
        let end = OpenEnd::create(&log.dir, self.lane, shared.epoch, self.next, states)?;
        log.set_newest(end.segment.clone());
        (self.first, self.bytes, self.begun) = (self.next, 0, Instant::now());
        self.carried = bytes_of(states);
        self.end = Some(end);
        Ok(())
    }

    /// Opens the newest segment afresh and takes back what was not acknowledged. A damaged one is set aside, and the lane
    /// goes on behind it.
    pub fn reopen(&mut self, shared: &Shared, states: &States) -> Result<(), SegmentError> {
        let log = shared.log(self.lane);
        // sled locks its folder, so every handle has to go before it can be opened afresh.
        self.end = None;
        log.close_newest();
        let reopened = OpenEnd::open(&log.dir, self.first).and_then(|end| {
            end.cut_back(self.next, states)?;
            Ok(end)
        });
        match reopened {
            Ok(end) => {
                log.set_newest(end.segment.clone());
                self.end = Some(end);
                Ok(())
            }
            Err(SegmentError::Damaged { cause, .. }) => {
                log.quarantine(self.first)?;
                if self.next > self.first {
                    log.note_loss(self.first, self.next, &cause);
                }
                self.roll(shared, states)
            }
            Err(error) => Err(error),
        }
    }
}

fn bytes_of(states: &States) -> u64 {
    states
        .iter()
        .map(|(name, value)| (name.len() + value.len()) as u64)
        .sum()
}

/// Opens the newest segment of a lane that can be opened, or begins the lane. Damaged ones are set aside.
pub fn open_end(shared: &Shared, log: &Log) -> Result<LaneEnd, SegmentError> {
    let lane = log.lane;
    let mut cause = "the end of the newest segment is missing".to_owned();
    let mut lost_from = 1;
    let mut found = None;
    while let Some(first) = log.newest() {
        let opened = OpenEnd::open(&log.dir, first).and_then(|end| {
            let (next, states) = (end.segment.next()?, end.segment.states()?);
            Ok((end, next, states))
        });
        match opened {
            Ok(opened) => {
                found = Some(opened);
                break;
            }
            Err(SegmentError::Damaged { cause: why, .. }) => {
                log.quarantine(first)?;
                (cause, lost_from) = (why, first);
            }
            Err(error) => return Err(error),
        }
    }
    let (found, next, states) = match found {
        Some((end, next, states)) => (Some(end), next, states),
        None => (None, lost_from, States::new()),
    };
    let used_until = used_until(shared, log, next)?;
    let (end, next) = match found {
        Some(end) if used_until <= next => (end, next),
        before => {
            if let Some(before) = before {
                log.set_newest(before.segment);
            }
            if used_until > next {
                log.note_loss(next, used_until, &cause);
            }
            let next = used_until.max(next);
            (OpenEnd::create(&log.dir, lane, shared.epoch, next, &states)?, next)
        }
    };
    log.set_tail(next);
    log.set_newest(end.segment.clone());
    let first = end.segment.first;
    let bytes = if next > first {
        segment::allocated(&log.dir, first)
    } else {
        0
    };
    Ok(LaneEnd {
        lane,
        first,
        end: Some(end),
        next,
        bytes,
        carried: bytes_of(&states),
        begun: Instant::now(),
        dropped: 0,
        last_dropped: None,
    })
}

/// Sequences below this may have been given to records that are no longer found: an upstream has got them, the lane is known
/// to have been longer, or they lie in a segment that was set aside, in this start or in one that a crash cut short.
fn used_until(shared: &Shared, log: &Log, next: Seq) -> io::Result<Seq> {
    let known = shared.cursors.values().chain([&shared.ends]).map(Cursor::places);
    let used = known
        .filter(|places| places.epoch == shared.epoch)
        .map(|places| places.lane(log.lane))
        .fold(0, |used, place| used.max(place.next).max(place.in_flight_end));
    let aside = segment::latest_set_aside(&log.dir)?.filter(|first| *first >= next);
    Ok(used.max(aside.map_or(0, |first| first + SEQ_JUMP)))
}
