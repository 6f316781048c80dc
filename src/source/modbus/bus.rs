//! All devices of one connection, each at its own beat, a request at a time: who is next is for `schedule` to say.
//!
//! * A device that is silent must not take the time of the others on its connection: it is only tried, with growing pauses,
//!   and all silent devices together get a tenth of the time.
//! * What a device has no answer for, though it answers otherwise, is asked for ever more seldom.
//! * A failed poll is told when the failure begins, then once a minute: a plant without power does not fill the buffer.
//! * A full queue stops the polling; beats that pass meanwhile are skipped.

mod load;
mod wishes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{info, warn};

use self::load::Load;
use self::wishes::{Looking, Wish, Wishes};
use super::breaker::{Breaker, SHARE_OF_THE_SILENT};
use super::budget;
use super::device::Device;
use super::link::{Link, ReadError};
use super::poll::{Poll, Step};
use super::schedule::{Beat, Next, Turn, next};
use super::settings::Settings;
use crate::backoff::Backoff;
use crate::looks::Look;
use crate::record::{Payload, PointReading, Reading, Receipt};
use crate::status::{BusView, DeviceView, SourceStatus, Unmet};
use crate::writes::Write;

/// A device that changes its values faster than they are read has no picture of them to give.
const TORN_TRIES_MAX: u32 = 3;
const TORN: &str = "its values changed each time they were read";
/// Without it nobody knows whether the values belong together.
const UNPROVEN: &str = "its sequence word could not be read before and after them";
/// What it answers is not what the machine does any more.
const HEART_STANDS_STILL: &str = "its heartbeat stands still";

/// For a gateway that has no way to its devices, or gets their answers broken.
const RELIEF_FIRST: Duration = Duration::from_millis(500);
const RELIEF_LONGEST: Duration = Duration::from_secs(30);
const SILENCE_RETOLD_EVERY: Duration = Duration::from_mins(1);

pub struct Bus {
    link: Link,
    slots: Vec<Slot>,
    attempts_from: Instant,
    /// Nobody is asked before: the gateway in front of the devices has too much to do.
    all_from: Instant,
    relief: Backoff,
    /// Units in whose place it said so since somebody answered.
    strained: BTreeSet<u8>,
    /// What someone wants to see of a device, and nobody has seen yet.
    looking: Option<Looking>,
    load: Load,
    out: Outlet,
}

/// A device and when it is asked.
struct Slot {
    device: Device,
    period: Duration,
    beat: Beat,
    under_way: Option<UnderWay>,
    breaker: Breaker,
    is_plan_shown: bool,
    /// When its silence was last told.
    told_at: Option<Instant>,
}

/// A poll that has begun.
struct UnderWay {
    poll: Poll,
    started: Instant,
    /// A busy device is not asked sooner.
    go_on_at: Instant,
    /// Its values were changed so often while they were read.
    torn: u32,
}

struct Outlet {
    source: Arc<str>,
    readings: mpsc::Sender<Reading>,
    status: Arc<SourceStatus>,
}

/// Nobody listens any more.
struct Closed;

impl Bus {
    pub fn new(name: &str, settings: &Settings, readings: mpsc::Sender<Reading>, status: Arc<SourceStatus>) -> Self {
        let now = Instant::now();
        let answer = budget::answer_typical(settings);
        status.set_bus(BusView {
            at: settings.url.to_string(),
            planned_percent: budget::share(settings, answer) * 100.0,
            load_percent: None,
            unmet: budget::unmet(settings, answer)
                .into_iter()
                .map(|(device, why)| Unmet {
                    device,
                    why,
                    ..Unmet::default()
                })
                .collect(),
        });
        let slots = settings
            .device
            .iter()
            .map(|(name, device)| Slot {
                device: Device::new(name, device),
                period: device.poll.0,
                beat: Beat::spread_from(now, device.poll.0),
                under_way: None,
                breaker: Breaker::new(),
                is_plan_shown: false,
                told_at: None,
            })
            .collect();
        Self {
            link: Link::new(settings),
            slots,
            attempts_from: now,
            all_from: now,
            relief: Backoff::new(RELIEF_FIRST, RELIEF_LONGEST),
            strained: BTreeSet::new(),
            looking: None,
            load: Load::new(now),
            out: Outlet {
                source: format!("modbus/{name}").into(),
                readings,
                status,
            },
        }
    }

    /// Polls for as long as somebody listens. What is to be written does not wait for polls; what is to be looked at takes
    /// its turn among them.
    pub async fn serve(&mut self, writes: mpsc::Receiver<Write>, looks: mpsc::Receiver<Look>) {
        let mut wishes = Wishes::new(writes, looks);
        loop {
            if self.looking.is_none() {
                self.looking = wishes.look_now().and_then(|look| self.prepare(look));
            }
            let own = self.slots.iter().map(Slot::turn).chain(self.looking_turn());
            let all_from = self.all_from;
            let turns = own.map(|turn| Turn {
                due: turn.due.max(all_from),
                ..turn
            });
            let Some(next) = next(turns, Instant::now(), self.attempts_from) else {
                return;
            };
            let wish = match next {
                Next::Ask(_) => wishes.write_now().map(Wish::Write),
                Next::At(due) => wishes.until(due, self.looking.is_none()).await,
            };
            match (wish, next) {
                (Some(Wish::Write(write)), _) => self.write(write).await,
                (Some(Wish::Look(look)), _) => self.looking = self.prepare(look),
                (None, Next::Ask(index)) if index == self.slots.len() => self.look().await,
                (None, Next::Ask(index)) => {
                    if self.ask(index).await.is_err() {
                        return;
                    }
                }
                (None, Next::At(_)) => {}
            }
        }
    }

    /// One request of one poll.
    async fn ask(&mut self, index: usize) -> Result<(), Closed> {
        let is_shared = self.slots.len() > 1;
        let Some(slot) = self.slots.get_mut(index) else {
            return Ok(());
        };
        let started = Instant::now();
        let mut under_way = slot.under_way.take().unwrap_or_else(|| slot.begin(started));
        if let Some(block) = under_way.poll.request() {
            let patience = slot.breaker.patience(self.link.timeout());
            let unit = slot.device.unit;
            let outcome = self.link.read(unit, block.span, patience, &self.out.status).await;
            self.load.add(started.elapsed(), Instant::now(), &self.out.status);
            match &outcome {
                Err(ReadError::Exception(exception)) if exception.is_of_gateway() => {
                    self.strained.insert(unit);
                    // One unit alone may have its own trouble.
                    if self.strained.len() > 1 {
                        self.all_from = Instant::now() + self.relief.next_delay();
                    }
                }
                Ok(_) => {
                    self.strained.clear();
                    self.relief.reset();
                }
                Err(_) => {}
            }
            match under_way.poll.take(&slot.device, outcome) {
                Step::Next => {}
                Step::Wait(wait) => under_way.go_on_at = Instant::now() + wait,
                Step::Silent { cause, is_device } => {
                    let now = Instant::now();
                    if slot.breaker.is_open() && is_device {
                        self.attempts_from = now + (now - started) * (SHARE_OF_THE_SILENT - 1);
                    }
                    if is_device {
                        slot.device.quiet.nothing_came();
                    }
                    let told = slot.fail(cause, is_shared && is_device, now, &self.out).await;
                    if self.slots.iter().all(|slot| slot.breaker.is_open()) {
                        // There is nobody whose time they would take.
                        self.hasten_attempts();
                    }
                    return told;
                }
            }
        }
        if under_way.poll.request().is_some() {
            slot.under_way = Some(under_way);
            return Ok(());
        }
        let was_silent = slot.told_at.is_some();
        slot.finish(under_way, &self.out).await?;
        if was_silent && slot.told_at.is_none() {
            // What kept this device from answering may have kept others.
            self.hasten_attempts();
        }
        Ok(())
    }

    /// Silent devices are all tried soon, as far as their share allows.
    fn hasten_attempts(&mut self) {
        let now = Instant::now();
        for slot in self.slots.iter_mut().filter(|slot| slot.breaker.is_open()) {
            slot.beat.hasten(now);
        }
    }
}

impl Slot {
    fn turn(&self) -> Turn {
        Turn {
            due: self
                .under_way
                .as_ref()
                .map_or(self.beat.due(), |under_way| under_way.go_on_at),
            deadline: self.beat.deadline(),
            is_attempt: self.breaker.is_open(),
        }
    }

    fn begin(&mut self, now: Instant) -> UnderWay {
        if self.device.forget(now) {
            self.is_plan_shown = false;
        }
        UnderWay {
            poll: Poll::new(&self.device, now),
            started: now,
            go_on_at: now,
            torn: 0,
        }
    }

    /// Tells what the device is asked for.
    fn describe(&self, view: &mut DeviceView) {
        let device = &self.device;
        view.equipment = Arc::clone(&device.equipment);
        view.unit = Some(device.unit);
        view.poll_ms = self.period.as_secs_f64() * 1000.0;
        view.addresses = device.blocks.iter().map(|block| u32::from(block.span.count)).sum();
        view.requests = device.describe();
        view.refused = device.describe_learnt();
    }

    /// The device has answered, be it with refusals.
    async fn finish(&mut self, under_way: UnderWay, out: &Outlet) -> Result<(), Closed> {
        let now = Instant::now();
        self.breaker.answered();
        let outcome = under_way.poll.end();
        let is_learnt = !self.device.learn(outcome.lessons, now).is_empty();
        let is_quiet = self.device.quiet.note(&outcome.silent, now);
        if is_learnt || is_quiet {
            self.is_plan_shown = false;
            let refused = self.device.describe_learnt();
            info!(
                source = &*out.source,
                device = self.device.name,
                ?refused,
                "device is asked around what it refuses and what it has no answer for"
            );
        }
        if outcome.is_torn && under_way.torn + 1 < TORN_TRIES_MAX {
            self.under_way = Some(UnderWay {
                poll: Poll::new(&self.device, now),
                torn: under_way.torn + 1,
                ..under_way
            });
            return Ok(());
        }
        if !outcome.is_proven {
            return self.fail(UNPROVEN, false, now, out).await;
        }
        if outcome.is_torn {
            return self.fail(TORN, false, now, out).await;
        }
        if !self.device.is_alive(&outcome.values, now) {
            return self.fail(HEART_STANDS_STILL, false, now, out).await;
        }
        self.beat.advance_past(now);
        if self.told_at.take().is_some() {
            info!(source = &*out.source, device = self.device.name, "device answers again");
        }
        out.show(self, outcome.fault.as_deref(), now - under_way.started);
        out.send(
            &self.device,
            self.device
                .readings(|point| outcome.values.get(point).cloned().flatten()),
        )
        .await
    }

    /// The poll came to nothing.
    async fn fail(&mut self, cause: &'static str, makes_way: bool, now: Instant, out: &Outlet) -> Result<(), Closed> {
        let pause = if makes_way { self.breaker.silent() } else { None };
        self.beat.advance_past(now + pause.unwrap_or_default());
        out.show_silence(self, cause);
        if self.told_at.is_some_and(|told_at| now - told_at < SILENCE_RETOLD_EVERY) {
            return Ok(());
        }
        if self.told_at.replace(now).is_none() {
            warn!(
                source = &*out.source,
                device = self.device.name,
                cause,
                "device does not answer"
            );
        }
        out.send(&self.device, self.device.silent(cause)).await
    }
}

impl Outlet {
    async fn send(&self, device: &Device, points: Vec<PointReading>) -> Result<(), Closed> {
        let reading = Reading {
            source: Arc::clone(&self.source),
            at: Utc::now(),
            payload: Payload::Poll {
                equipment: Arc::clone(&device.equipment),
                points,
            },
            receipt: Receipt::new(Arc::clone(&self.status) as _, 0),
        };
        self.readings.send(reading).await.map_err(|_| Closed)?;
        Ok(())
    }

    fn show(&self, slot: &mut Slot, fault: Option<&str>, took: Duration) {
        let is_plan_shown = std::mem::replace(&mut slot.is_plan_shown, true);
        self.status.update_device(&slot.device.name, |view| {
            view.answers = true;
            view.resting = false;
            view.polls += 1;
            view.failed_polls += u64::from(fault.is_some());
            view.poll_ms_last = took.as_secs_f64() * 1000.0;
            if let Some(fault) = fault {
                view.last_error = Some(fault.to_owned());
                view.last_error_at = Some(Utc::now());
            }
            if !is_plan_shown {
                slot.describe(view);
            }
        });
    }

    fn show_silence(&self, slot: &Slot, cause: &str) {
        self.status.update_device(&slot.device.name, |view| {
            if view.unit.is_none() {
                slot.describe(view);
            }
            view.answers = false;
            view.resting = slot.breaker.is_open();
            view.polls += 1;
            view.failed_polls += 1;
            view.last_error = Some(cause.to_owned());
            view.last_error_at = Some(Utc::now());
        });
    }
}
