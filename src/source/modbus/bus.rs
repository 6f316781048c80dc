//! All devices of one connection, each at its own beat, one after the other in the order they are due.
//!
//! * A device that is silent must not take the time of the others on its connection: after two silent polls it is asked
//!   with growing pauses.
//! * A failed poll is told when the failure begins, then once a minute: a plant without power does not fill the buffer.
//! * A full queue stops the polling; beats that pass meanwhile are skipped.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::decode::Answer;
use super::device::Device;
use super::link::{Link, ReadError};
use super::schedule::Beat;
use super::settings::Settings;
use crate::backoff::Backoff;
use crate::record::{Fault, Payload, PointReading, Reading, Receipt};
use crate::status::SourceStatus;

/// How long a busy device is given before its block is left out of this poll.
const BUSY_WAITS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// A device that changes its values faster than they are read has no picture of them to give.
const SNAPSHOT_TRIES: u32 = 3;

/// A lost answer is no reason to leave a device alone; a second one is.
const SILENT_POLLS_MAX: u32 = 1;
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_LONGEST: Duration = Duration::from_mins(1);

const SILENCE_RETOLD_EVERY: Duration = Duration::from_mins(1);

pub struct Bus {
    link: Link,
    slots: Vec<Slot>,
    out: Outlet,
}

/// A device and when it is asked.
struct Slot {
    device: Device,
    beat: Beat,
    silence: Option<Silence>,
    pause: Backoff,
}

/// Polls in a row without an answer.
struct Silence {
    polls: u32,
    told_at: Instant,
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
        let slots = settings
            .device
            .iter()
            .map(|(name, device)| Slot {
                device: Device::new(name, device),
                beat: Beat::spread_from(now, device.poll.0),
                silence: None,
                pause: Backoff::new(PAUSE_FIRST, PAUSE_LONGEST),
            })
            .collect();
        Self {
            link: Link::new(settings),
            slots,
            out: Outlet {
                source: format!("modbus/{name}").into(),
                readings,
                status,
            },
        }
    }

    /// Polls for as long as somebody listens.
    pub async fn serve(&mut self) {
        let is_shared = self.slots.len() > 1;
        while let Some(slot) = self.slots.iter_mut().min_by_key(|slot| slot.beat.due()) {
            sleep_until(slot.beat.due()).await;
            if slot.poll(&mut self.link, &self.out, is_shared).await.is_err() {
                return;
            }
        }
    }
}

impl Slot {
    async fn poll(&mut self, link: &mut Link, out: &Outlet, is_shared: bool) -> Result<(), Closed> {
        let started = Instant::now();
        let asked = ask(&self.device, link, &out.status).await;
        let now = Instant::now();
        let asked = asked.and_then(|answers| {
            let is_alive = self.device.is_alive(&answers, now);
            is_alive.then_some(answers).ok_or(HEART_STANDS_STILL)
        });
        self.beat.advance_past(now);
        out.show(&self.device, &asked, now - started);
        match asked {
            Ok(answers) => {
                if self.silence.take().is_some() {
                    self.pause.reset();
                    info!(source = &*out.source, device = self.device.name, "device answers again");
                }
                out.send(&self.device, self.device.read(&answers)).await
            }
            Err(NoPoll { cause, is_device }) => {
                let polls = self.silence.as_ref().map_or(0, |s| s.polls) + 1;
                if is_shared && is_device && polls > SILENT_POLLS_MAX {
                    self.beat.advance_past(now + self.pause.next_delay());
                }
                self.tell_silence(polls, cause, now, out).await
            }
        }
    }

    async fn tell_silence(
        &mut self,
        polls: u32,
        cause: &'static str,
        now: Instant,
        out: &Outlet,
    ) -> Result<(), Closed> {
        let told_at = self.silence.as_ref().map(|s| s.told_at);
        let is_due = told_at.is_none_or(|told_at| now - told_at >= SILENCE_RETOLD_EVERY);
        self.silence = Some(Silence {
            polls,
            told_at: told_at.filter(|_| !is_due).unwrap_or(now),
        });
        if told_at.is_none() {
            warn!(
                source = &*out.source,
                device = self.device.name,
                cause,
                "device does not answer"
            );
        }
        if is_due {
            out.send(&self.device, self.device.silent(cause)).await?;
        }
        Ok(())
    }
}

/// Why a whole poll came to nothing.
struct NoPoll {
    cause: &'static str,
    /// It is this device that is silent, and not the connection that is down.
    is_device: bool,
}

/// What it answers is not what the machine does any more.
const HEART_STANDS_STILL: NoPoll = NoPoll {
    cause: "its heartbeat stands still",
    is_device: false,
};

/// Reads anew for as long as the device changes its values in between.
async fn ask(device: &Device, link: &mut Link, status: &SourceStatus) -> Result<Vec<Result<Answer, Fault>>, NoPoll> {
    for _ in 0..SNAPSHOT_TRIES {
        let answers = ask_once(device, link, status).await?;
        if !device.is_torn(&answers) {
            return Ok(answers);
        }
    }
    Err(NoPoll {
        cause: "its values changed each time they were read",
        is_device: false,
    })
}

/// Asks for every block. A device that refuses one may give the others; one that is silent is not asked on.
async fn ask_once(
    device: &Device,
    link: &mut Link,
    status: &SourceStatus,
) -> Result<Vec<Result<Answer, Fault>>, NoPoll> {
    let mut answers = Vec::with_capacity(device.blocks.len());
    let mut waits = BUSY_WAITS.into_iter();
    for &block in &device.blocks {
        let answer = loop {
            match link.read(device.unit, block, status).await {
                Ok(answer) => break Ok(answer),
                Err(ReadError::Refused(why)) => break Err(Fault::Invalid(format!("{why} at {block}"))),
                Err(ReadError::Busy) => match waits.next() {
                    Some(wait) => sleep(wait).await,
                    None => break Err(Fault::Silent("device busy (06)")),
                },
                Err(ReadError::DeviceSilent(cause)) => return Err(NoPoll { cause, is_device: true }),
                Err(ReadError::LinkDown(cause)) => {
                    return Err(NoPoll {
                        cause,
                        is_device: false,
                    });
                }
            }
        };
        answers.push(answer);
    }
    Ok(answers)
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
            receipt: Receipt::nobody(),
        };
        self.readings.send(reading).await.map_err(|_| Closed)?;
        Ok(())
    }

    fn show(&self, device: &Device, asked: &Result<Vec<Result<Answer, Fault>>, NoPoll>, took: Duration) {
        let error = match asked {
            Ok(answers) => answers.iter().find_map(|answer| answer.as_ref().err().map(fault_text)),
            Err(no_poll) => Some(no_poll.cause),
        };
        self.status.update_device(&device.name, |view| {
            view.answers = asked.is_ok();
            view.polls += 1;
            view.failed_polls += u64::from(error.is_some());
            view.poll_ms_last = took.as_secs_f64() * 1000.0;
            if let Some(error) = error {
                view.last_error = Some(error.to_owned());
            }
        });
    }
}

fn fault_text(fault: &Fault) -> &str {
    match fault {
        Fault::Silent(cause) => cause,
        Fault::Invalid(why) => why,
    }
}
