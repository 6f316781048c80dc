//! What people ask of a connection beside its polls: writes, which go ahead of them, and looks, which take turns with them.

use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::Bus;
use crate::looks::{Look, NotSeen};
use crate::record::Value;
use crate::source::modbus::breaker::SHARE_OF_THE_SILENT;
use crate::source::modbus::exception::{Remedy, busy_wait};
use crate::source::modbus::forms::{self, Range};
use crate::source::modbus::link::WriteError;
use crate::source::modbus::schedule::Turn;
use crate::writes::{NotWritten, Write};

/// A look is due at once, and polls that are due sooner than this pass it; so it is late on a full bus, yet comes.
const LOOK_DEADLINE: Duration = Duration::from_secs(1);

pub enum Wish {
    Write(Write),
    Look(Look),
}

pub struct Wishes {
    writes: Option<mpsc::Receiver<Write>>,
    looks: Option<mpsc::Receiver<Look>>,
}

/// The next wish; without anyone left who could have one, never.
async fn next_of<T>(wishes: &mut Option<mpsc::Receiver<T>>) -> T {
    if let Some(asked) = wishes {
        if let Some(wish) = asked.recv().await {
            return wish;
        }
        *wishes = None;
    }
    std::future::pending().await
}

impl Wishes {
    pub fn new(writes: mpsc::Receiver<Write>, looks: mpsc::Receiver<Look>) -> Self {
        Self {
            writes: Some(writes),
            looks: Some(looks),
        }
    }

    pub fn write_now(&mut self) -> Option<Write> {
        self.writes.as_mut().and_then(|asked| asked.try_recv().ok())
    }

    pub fn look_now(&mut self) -> Option<Look> {
        self.looks.as_mut().and_then(|asked| asked.try_recv().ok())
    }

    /// What somebody wishes before then.
    pub async fn until(&mut self, due: Instant, may_look: bool) -> Option<Wish> {
        tokio::select! {
            biased;
            write = next_of(&mut self.writes) => Some(Wish::Write(write)),
            look = next_of(&mut self.looks), if may_look => Some(Wish::Look(look)),
            () = sleep_until(due) => None,
        }
    }
}

/// A look that has its place among the polls.
pub struct Looking {
    look: Look,
    /// Of the device.
    index: usize,
    range: Range,
    since: Instant,
}

impl Bus {
    /// Finds the device and what to ask it for; who asks for what there is not is answered at once.
    pub(super) fn prepare(&self, look: Look) -> Option<Looking> {
        let index = self.slots.iter().position(|slot| slot.device.name == look.device);
        let found = match index {
            None => {
                let names: Vec<&str> = self.slots.iter().map(|slot| slot.device.name.as_str()).collect();
                Err(NotSeen::NoDevice {
                    device: look.device.clone(),
                    known: names.join(", "),
                })
            }
            Some(index) => Range::of(&look.table, look.from, look.count)
                .map(|range| (index, range))
                .map_err(NotSeen::WrongRange),
        };
        match found {
            Ok((index, range)) => Some(Looking {
                look,
                index,
                range,
                since: Instant::now(),
            }),
            Err(error) => {
                // Who asked may have left meanwhile.
                let _ = look.done.send(Err(error));
                None
            }
        }
    }

    /// When the look that waits is due; one at a silent device is an attempt like any other.
    pub(super) fn looking_turn(&self) -> Option<Turn> {
        let looking = self.looking.as_ref()?;
        let slot = self.slots.get(looking.index)?;
        Some(Turn {
            due: looking.since,
            deadline: looking.since + LOOK_DEADLINE,
            is_attempt: slot.breaker.is_open(),
        })
    }

    /// Reads what someone wants to see. It teaches nothing about the device, and counts as no poll.
    pub(super) async fn look(&mut self) {
        let Some(Looking { look, index, range, .. }) = self.looking.take() else {
            return;
        };
        let Some(slot) = self.slots.get(index) else { return };
        if look.done.is_closed() {
            return;
        }
        let started = Instant::now();
        let (unit, is_silent) = (slot.device.unit, slot.breaker.is_open());
        let patience = slot.breaker.patience(self.link.timeout());
        let answer = self.link.read(unit, range.0, patience, &self.out.status).await;
        let now = Instant::now();
        self.load.add(now - started, now, &self.out.status);
        if is_silent && answer.is_err() {
            self.attempts_from = now + (now - started) * (SHARE_OF_THE_SILENT - 1);
        }
        let seen = answer.map(|answer| forms::seen(range, &answer));
        let _ = look
            .done
            .send(seen.map_err(|error| NotSeen::Failed(format!("unit {unit}, {}: {error}", range.0))));
    }

    /// Carries out a write and answers it; both are logged, for nothing else remembers who changed a machine.
    pub(super) async fn write(&mut self, write: Write) {
        // Nobody waits for it any more, so nobody would know that it was carried out late.
        if write.done.is_closed() {
            return;
        }
        let started = Instant::now();
        let outcome = self.carry_out(&write).await;
        self.load.add(started.elapsed(), Instant::now(), &self.out.status);
        let Write {
            equipment,
            point,
            value,
            done,
        } = write;
        match &outcome {
            Ok(held) => info!(equipment, point, ?value, ?held, "a point was written"),
            Err(error) => warn!(equipment, point, ?value, %error, "a point was not written"),
        }
        // Who asked may have left meanwhile.
        let _ = done.send(outcome);
    }

    async fn carry_out(&mut self, write: &Write) -> Result<Value, NotWritten> {
        let slot = self
            .slots
            .iter()
            .find(|slot| *slot.device.equipment == *write.equipment);
        let way_in = slot.and_then(|slot| Some((slot.device.unit, slot.device.way_in(&write.point)?)));
        let Some((unit, (encoder, decoder))) = way_in else {
            return Err(NotWritten::NotAllowed(format!("{}.{}", write.equipment, write.point)));
        };
        let sent = encoder.encode(&write.value).map_err(NotWritten::WrongValue)?;
        let (status, patience) = (&self.out.status, self.link.timeout());
        let mut busy_waits = 0;
        let written = loop {
            let written = self.link.write(unit, &sent, status).await;
            let is_busy = matches!(&written, Err(WriteError::Refused(why)) if why.remedy() == Remedy::Wait);
            match busy_wait(busy_waits).filter(|_| is_busy) {
                Some(wait) => sleep(wait).await,
                None => break written,
            }
            busy_waits += 1;
        };
        written.map_err(|error| match error {
            WriteError::NotSent(why) => NotWritten::NotReached(why.to_string()),
            WriteError::Refused(why) => NotWritten::Refused(why.to_string()),
            WriteError::Unknown(why) => NotWritten::Unknown(why.to_string()),
        })?;
        let answer = self.link.read(unit, encoder.span, patience, status).await;
        let answer = answer.map_err(|error| NotWritten::Unknown(format!("not read back: {error}")))?;
        match decoder.decode(&answer, 0) {
            Ok(held) if sent.is_held_by(&answer) => Ok(held),
            held => Err(NotWritten::HoldsOther(held.ok().map(|held| json!(held).to_string()))),
        }
    }
}
