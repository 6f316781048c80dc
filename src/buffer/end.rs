//! The growing end of a lane: its newest segment, as the writer holds it. How it is found again at start, begun anew when
//! it has grown enough, and opened afresh after a failure.

use std::io;

use bytes::Bytes;

use super::log::{Log, SEQ_JUMP};
use super::segment::{OpenEnd, SegmentError, States};
use super::{Place, Places, Shared};
use crate::record::{Lane, Record, Seq};

/// A new segment is begun at this many records or bytes.
const SEGMENT_RECORDS_MAX: u64 = 65_536;

/// One lane, as the writer holds it.
pub struct LaneEnd {
    pub lane: Lane,
    /// First sequence of the newest segment.
    first: Seq,
    /// Nothing while a full disk keeps it from being opened again.
    end: Option<OpenEnd>,
    pub next: Seq,
    /// Payload since the segment was begun.
    bytes: u64,
    pub dropped: u64,
}

impl LaneEnd {
    fn new(lane: Lane, end: OpenEnd, next: Seq) -> Self {
        Self {
            lane,
            first: end.segment.first,
            end: Some(end),
            next,
            bytes: 0,
            dropped: 0,
        }
    }

    pub fn states(&self) -> Result<States, SegmentError> {
        self.end
            .as_ref()
            .map_or_else(|| Ok(States::new()), |end| end.segment.states())
    }

    /// Whether the newest segment has grown enough for a new one to be begun.
    pub fn is_grown(&self, bytes_max: u64) -> bool {
        self.bytes >= bytes_max || self.next - self.first >= SEGMENT_RECORDS_MAX
    }

    pub fn append(&mut self, shared: &Shared, records: &[&Record], states: &States) -> Result<(), SegmentError> {
        let end = self
            .end
            .as_mut()
            .ok_or_else(|| SegmentError::Full(io::ErrorKind::StorageFull.into()))?;
        end.commit(self.next, records, states)?;
        self.next += records.len() as Seq;
        self.bytes += records.iter().map(|r| r.json.len() as u64).sum::<u64>();
        self.bytes += states.values().map(|v: &Bytes| v.len() as u64).sum::<u64>();
        shared.log(self.lane).set_tail(self.next);
        Ok(())
    }

    pub fn roll(&mut self, shared: &Shared, states: &States) -> Result<(), SegmentError> {
        let log = shared.log(self.lane);
        let end = OpenEnd::create(&log.dir, self.lane, shared.epoch, self.next, states)?;
        log.add(end.segment.clone());
        (self.first, self.bytes) = (self.next, 0);
        self.end = Some(end);
        Ok(())
    }

    /// Opens the newest segment afresh and takes back what was not acknowledged. A damaged one is set aside, and the lane
    /// goes on in a new one, with sequences that cannot have been used.
    pub fn reopen(&mut self, shared: &Shared, states: &States) -> Result<(), SegmentError> {
        let log = shared.log(self.lane);
        let first = self.first;
        // sled locks its folder, so every handle has to go before it can be opened afresh.
        self.end = None;
        log.close(first);
        let reopened = OpenEnd::open(&log.dir, first).and_then(|end| end.cut_back(self.next).map(|()| end));
        match reopened {
            Ok(end) => {
                log.add(end.segment.clone());
                self.end = Some(end);
                Ok(())
            }
            Err(SegmentError::Damaged { cause, .. }) => {
                tracing::error!(lane = %self.lane, first, cause, "the newest segment is damaged and set aside");
                log.quarantine(first)?;
                self.next += SEQ_JUMP;
                self.roll(shared, states)
            }
            Err(error) => Err(error),
        }
    }
}

/// Opens the newest segment of a lane that can be opened, or begins the lane. Damaged ones are set aside.
pub fn open_end(shared: &Shared, log: &Log, lost: &mut Vec<(Lane, Seq, Seq, String)>) -> Result<LaneEnd, SegmentError> {
    let lane = log.lane;
    let mut unknown_from = None;
    while let Some(first) = log.newest() {
        let opened = OpenEnd::open(&log.dir, first).and_then(|end| {
            let next = end.segment.next()?;
            Ok((end, next))
        });
        match opened {
            Ok((end, next)) => {
                let known = shared
                    .cursors()
                    .values()
                    .map(|(_, places)| places.lane(lane))
                    .fold(0, |known, place| known.max(place.next).max(place.in_flight_end));
                if unknown_from.is_none() && known <= next {
                    log.set_tail(next);
                    log.add(end.segment.clone());
                    return Ok(LaneEnd::new(lane, end, next));
                }
                // Sequences behind this were used: by a damaged segment, or by what an upstream has already got.
                let next = next.max(known).max(unknown_from.map_or(0, |from: Seq| from + SEQ_JUMP));
                if unknown_from.is_none() {
                    lost.push((
                        lane,
                        end.segment.next()?,
                        next,
                        "the end of the newest segment is missing".to_owned(),
                    ));
                }
                let states = if lane == Lane::Report {
                    end.segment.states()?
                } else {
                    States::new()
                };
                log.set_tail(next);
                log.add(end.segment);
                let end = OpenEnd::create(&log.dir, lane, shared.epoch, next, &states)?;
                log.add(end.segment.clone());
                return Ok(LaneEnd::new(lane, end, next));
            }
            Err(SegmentError::Damaged { path, cause }) => {
                tracing::error!(%lane, path = %path.display(), cause, "a damaged segment is set aside");
                log.quarantine(first)?;
                lost.push((lane, first, first + SEQ_JUMP, cause));
                unknown_from = unknown_from.max(Some(first));
            }
            Err(error) => return Err(error),
        }
    }
    let next = unknown_from.map_or(1, |from| from + SEQ_JUMP);
    let end = OpenEnd::create(&log.dir, lane, shared.epoch, next, &States::new())?;
    log.set_tail(next);
    log.add(end.segment.clone());
    Ok(LaneEnd::new(lane, end, next))
}

/// Upstreams without a place, or with one of another epoch, start at the oldest record.
pub fn start_cursors(shared: &Shared) -> io::Result<()> {
    let oldest = Places {
        epoch: shared.epoch,
        report: Place {
            next: shared.report.first(),
            in_flight_end: 0,
        },
        telemetry: Place {
            next: shared.telemetry.first(),
            in_flight_end: 0,
        },
    };
    for (file, places) in shared.cursors().values_mut() {
        if places.epoch != shared.epoch {
            file.save(&oldest)?;
            *places = oldest;
        }
    }
    Ok(())
}
