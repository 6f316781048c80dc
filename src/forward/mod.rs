//! One task per upstream: reads its lanes from where it stands, sends batches, moves on. Upstreams know nothing of each
//! other; a dead one only lets its own place fall behind.
//!
//! The report lane always goes first. A batch's composition is saved before its first attempt, and its id follows from
//! it, so that every retry, also after a crash, is the same key with the same bytes.

mod flight;
pub mod http;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::buffer::{Batch, BatchLimit, Buffer, DEAD_LETTERS, DeadLetter, Places, SegmentError};
use crate::clock::Zone;
use crate::record::{Kind, Lane};
use crate::status::Status;
use flight::Flight;
use http::{Failure, HttpUpstream};

const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_LONGEST: Duration = Duration::from_mins(1);
/// A wrong setting is tried this slowly: it takes a person to mend it.
const SETTINGS_RETRY: Duration = Duration::from_secs(30);
/// A full disk and a damaged segment are mended by the writer, which looks once a second.
const BUFFER_RETRY: Duration = Duration::from_secs(1);
/// What waits while a gateway stops is sent for this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone)]
pub struct Settings {
    pub name: String,
    pub gateway_id: String,
    pub zone: Zone,
    pub http: http::Settings,
    pub body: Body,
    /// Kinds that this upstream wants.
    pub kinds: Vec<Kind>,
    pub limit: BatchLimit,
    /// How long telemetry waits for a batch to fill.
    pub max_wait: Duration,
}

/// What an upstream is sent, and what it has to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A batch; the answer says what became of each message.
    Batch,
    /// One message alone, for programs that know nothing of batches: any success means that it was taken.
    Webhook,
}

/// One lane of one upstream.
struct LaneWork {
    lane: Lane,
    flight: Option<Flight>,
    /// Since when there is something to send.
    waiting_since: Option<Instant>,
    not_before: Instant,
    backoff: Backoff,
}

impl LaneWork {
    fn new(lane: Lane) -> Self {
        let backoff = Backoff::new(BACKOFF_FIRST, BACKOFF_LONGEST);
        Self {
            lane,
            flight: None,
            waiting_since: None,
            not_before: Instant::now(),
            backoff,
        }
    }
}

struct Forwarder {
    settings: Arc<Settings>,
    buffer: Buffer,
    status: Status,
    upstream: HttpUpstream,
    places: Places,
    /// The places on disk are behind: saved with the next batch, or when there is none.
    is_unsaved: bool,
    /// Refused messages that are not on disk yet. The places that leave them behind are saved with them, never before.
    letters: Vec<DeadLetter>,
    lanes: [LaneWork; 2],
    not_before: Instant,
    backoff: Backoff,
    /// The status that was told of, and the buffer's generation then: what the disk refused is told again.
    settings_fault: Option<(String, u64)>,
}

/// Sends until told to stop, then what is left for a moment. Ends early only if the buffer's disk fails.
pub async fn run(
    settings: Settings,
    buffer: Buffer,
    status: Status,
    stop: CancellationToken,
) -> Result<(), SegmentError> {
    let upstream = HttpUpstream::new(settings.http.clone(), settings.body);
    let places = buffer.places(&settings.name);
    let name = settings.name.clone();
    status.update_upstream(&name, |view| view.url.clone_from(&settings.http.url));
    let mut forwarder = Forwarder {
        settings: Arc::new(settings),
        buffer,
        status,
        upstream,
        places,
        is_unsaved: false,
        letters: Vec::new(),
        lanes: Lane::BOTH.map(LaneWork::new),
        not_before: Instant::now(),
        backoff: Backoff::new(BACKOFF_FIRST, BACKOFF_LONGEST),
        settings_fault: None,
    };
    forwarder.forward(stop).await
}

impl Forwarder {
    async fn forward(&mut self, stop: CancellationToken) -> Result<(), SegmentError> {
        let mut tails = self.buffer.tails();
        let mut drain_until: Option<Instant> = None;
        loop {
            if drain_until.is_none() && stop.is_cancelled() {
                drain_until = Some(Instant::now() + DRAIN_WITHIN);
            }
            let is_draining = drain_until.is_some();
            tails.borrow_and_update();
            self.note_waiting();
            let mut next_try = match self.due_lane(is_draining) {
                Due::Now(nth) => {
                    let worked = self.work_on(nth, &stop).await;
                    let is_held_up = self.outlast(worked)?;
                    let is_over = |until| is_held_up || Instant::now() >= until || self.backoff.failures() > 0;
                    if drain_until.is_some_and(is_over) {
                        break;
                    }
                    continue;
                }
                Due::At(at) => Some(at),
                Due::WhenMore => None,
            };
            if is_draining {
                break;
            }
            if self.is_unsaved && next_try.is_none() {
                let saved = self.save().await;
                if self.outlast(saved)? {
                    next_try = Some(self.not_before);
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                _ = tails.changed() => {}
                () = sleep_until(next_try) => {}
            }
        }
        if self.is_unsaved {
            // What is not saved is sent again after the next start, under the same keys.
            let saved = self.save().await;
            self.outlast(saved)?;
        }
        Ok(())
    }

    /// Waits where the buffer mends itself, and says so; only a disk that failed, and what is
    /// mended at a start alone, ends the task. Tells whether it has to wait.
    fn outlast(&mut self, worked: Result<(), SegmentError>) -> Result<bool, SegmentError> {
        match worked {
            Ok(()) => Ok(false),
            // Damaged dead letters are set aside when the buffer is opened.
            Err(SegmentError::Damaged { path, cause }) if path.ends_with(DEAD_LETTERS) => {
                Err(SegmentError::Damaged { path, cause })
            }
            Err(trouble @ (SegmentError::Full(_) | SegmentError::Damaged { .. })) => {
                self.not_before = Instant::now() + BUFFER_RETRY;
                self.note_trouble(&trouble);
                Ok(true)
            }
            Err(failed @ SegmentError::Failed(_)) => Err(failed),
        }
    }

    /// Which lane to work on: reports before telemetry, and telemetry once its batch is full or has waited long enough.
    fn due_lane(&self, is_draining: bool) -> Due {
        let now = Instant::now();
        let tails = *self.buffer.tails().borrow();
        let mut earliest: Option<Instant> = None;
        for (nth, work) in self.lanes.iter().enumerate() {
            let Some(since) = work.waiting_since else { continue };
            let place = self.places.lane(work.lane);
            let count = tails.lane(work.lane).saturating_sub(place.next);
            let is_filled = count >= self.settings.limit.records as u64 || place.in_flight_end > 0;
            let is_wanted = self.wants_of(work.lane);
            let is_enough = is_filled && is_wanted;
            let waits_for_company = work.lane == Lane::Telemetry && work.flight.is_none() && !is_enough && !is_draining;
            let ready_at = if waits_for_company {
                since + self.settings.max_wait
            } else {
                since
            };
            let at = if is_wanted {
                ready_at.max(work.not_before).max(self.not_before)
            } else if self.letters.is_empty() {
                ready_at
            } else {
                // What was refused is saved before anything else.
                ready_at.max(self.not_before)
            };
            if at <= now {
                return Due::Now(nth);
            }
            earliest = Some(earliest.map_or(at, |e| e.min(at)));
        }
        earliest.map_or(Due::WhenMore, Due::At)
    }

    /// Makes a batch if there is none under way, and sends its next part.
    async fn work_on(&mut self, nth: usize, stop: &CancellationToken) -> Result<(), SegmentError> {
        if !self.letters.is_empty() {
            self.save().await?;
        }
        if self.lanes[nth].flight.is_none() {
            let lane = self.lanes[nth].lane;
            if !self.wants_of(lane) {
                return self.pass_over(nth).await;
            }
            let flight = self.compose(lane).await?;
            self.lanes[nth].flight = Some(flight);
        }
        let Some(part) = self.lanes[nth].flight.as_mut().and_then(Flight::next_part) else {
            return self.land(nth).await;
        };
        let attempt = self.upstream.deliver(part.batch_id, part.body.clone());
        let sent = tokio::select! {
            sent = attempt => sent,
            // A silent upstream must not keep the gateway from ending; the same batch is sent after the next start.
            () = ended(stop) => return Ok(()),
        };
        self.note_answer(&sent);
        match sent {
            Ok(answer) => self.take_answer(nth, &answer),
            Err(Failure::Later { cause, retry_after }) => {
                let delay = retry_after.unwrap_or_else(|| self.backoff.next_delay());
                tracing::debug!(
                    upstream = self.settings.name,
                    cause,
                    delay_ms = delay.as_millis(),
                    "tried again later"
                );
                self.not_before = Instant::now() + delay;
            }
            Err(Failure::Settings { cause }) => {
                self.not_before = Instant::now() + SETTINGS_RETRY.mul_f64(0.5 + 0.5 * fastrand::f64());
                self.alert_settings(&cause).await;
            }
            Err(Failure::TooLarge { cause } | Failure::Refused { cause }) => {
                self.reached();
                let settings = Arc::clone(&self.settings);
                let epoch = self.buffer.epoch();
                let rejected = self.lanes[nth]
                    .flight
                    .as_mut()
                    .map_or(0, |flight| flight.split(&settings, epoch, &cause));
                self.status
                    .update_upstream(&self.settings.name, |view| view.rejected += rejected);
            }
        }
        if self.lanes[nth]
            .flight
            .as_mut()
            .is_some_and(|flight| flight.next_part().is_none())
        {
            self.land(nth).await?;
        }
        Ok(())
    }

    fn wants_of(&self, lane: Lane) -> bool {
        self.settings.kinds.iter().any(|kind| kind.lane() == lane)
    }

    /// A lane that holds nothing for this upstream is not to wait for it, also while it is away.
    async fn pass_over(&mut self, nth: usize) -> Result<(), SegmentError> {
        let work = &mut self.lanes[nth];
        work.waiting_since = None;
        let tails = *self.buffer.tails().borrow();
        let place = self.places.lane_mut(work.lane);
        (place.next, place.in_flight_end) = (tails.lane(work.lane), 0);
        self.is_unsaved = true;
        self.save().await
    }

    /// The upstream works, whatever it says of a single batch.
    fn reached(&mut self) {
        self.backoff.reset();
        self.not_before = Instant::now();
        self.settings_fault = None;
    }

    fn take_answer(&mut self, nth: usize, answer: &crate::wire::Answer) {
        self.reached();
        let settings = Arc::clone(&self.settings);
        let epoch = self.buffer.epoch();
        let work = &mut self.lanes[nth];
        let Some(flight) = &mut work.flight else { return };
        let outcome = flight.take_answer(&settings, epoch, answer);
        if outcome.is_to_retry {
            // The lane waits, for order; the other lane goes on.
            work.not_before = Instant::now() + work.backoff.next_delay();
        } else {
            work.backoff.reset();
        }
        let now = chrono::Utc::now();
        self.status.update_upstream(&self.settings.name, |view| {
            view.sent += outcome.stored;
            view.rejected += outcome.rejected;
            view.batches += 1;
            view.last_success = Some(now);
        });
    }

    /// A whole batch is dealt with: the cursor moves, and what was refused is on disk before it does.
    async fn land(&mut self, nth: usize) -> Result<(), SegmentError> {
        let work = &mut self.lanes[nth];
        let Some(flight) = work.flight.take() else {
            return Ok(());
        };
        work.waiting_since = None;
        let place = self.places.lane_mut(work.lane);
        (place.next, place.in_flight_end) = (flight.end, 0);
        self.is_unsaved = true;
        self.letters.extend(flight.refused);
        if self.letters.is_empty() {
            Ok(())
        } else {
            self.save().await
        }
    }

    /// Brings the places to disk, and what was refused before them.
    async fn save(&mut self) -> Result<(), SegmentError> {
        let (buffer, name, places) = (self.buffer.clone(), self.settings.name.clone(), self.places);
        let letters = std::mem::take(&mut self.letters);
        let (saved, letters) = blocking(move || (buffer.advance(&name, places, &letters), letters)).await;
        if saved.is_err() {
            self.letters = letters;
            return saved;
        }
        self.is_unsaved = false;
        Ok(())
    }

    /// Reads the next batch, fixes its composition on disk, and encodes it.
    async fn compose(&mut self, lane: Lane) -> Result<Flight, SegmentError> {
        let (buffer, settings, mut places) = (self.buffer.clone(), Arc::clone(&self.settings), self.places);
        let was_unsaved = self.is_unsaved;
        let (flight, places, is_saved) = blocking(move || -> Result<_, SegmentError> {
            let place = places.lane(lane);
            // A composition from before a crash is sent as it was.
            let end = if place.in_flight_end > 0 {
                place.in_flight_end
            } else {
                u64::MAX
            };
            let limit = if place.in_flight_end > 0 {
                BatchLimit {
                    records: usize::MAX,
                    bytes: usize::MAX,
                }
            } else {
                settings.limit
            };
            let Batch { entries, next } =
                buffer.read(lane, place.next, end, limit, |kind| settings.kinds.contains(&kind))?;
            let mut is_saved = false;
            if !entries.is_empty() && place.in_flight_end != next {
                places.lane_mut(lane).in_flight_end = next;
                buffer.advance(&settings.name, places, &[])?;
                is_saved = true;
            }
            Ok((
                Flight::new(&settings, buffer.epoch(), lane, entries, next),
                places,
                is_saved,
            ))
        })
        .await?;
        self.places = places;
        self.is_unsaved = was_unsaved && !is_saved;
        let oldest = flight.oldest();
        self.status.update_upstream(&self.settings.name, |view| {
            view.oldest_waiting = oldest.or(view.oldest_waiting);
        });
        Ok(flight)
    }
}

enum Due {
    Now(usize),
    At(Instant),
    WhenMore,
}

/// Resolves when the time to send what is left is over too.
async fn ended(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(DRAIN_WITHIN).await;
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The disk blocks: off the async workers with it. A panic there is a panic here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
