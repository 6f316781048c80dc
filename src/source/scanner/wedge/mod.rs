//! USB scanners that play a keyboard: read from `/dev/input`, grabbed so that no scan is typed anywhere else.
//!
//! The kernel keeps about ten characters for us and then drops events, so a thread of its own reads all the time and does
//! nothing else. Where the kernel did drop some (`SYN_DROPPED`), or the scanner went in the middle of a code, the code is
//! told to be partial. An unplugged scanner is looked for until it is there again, under whatever event number.

mod keys;
mod layout;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use evdev::raw_stream::{self, RawDevice};
use evdev::{EventSummary, InputEvent, KeyCode, SynchronizationCode};
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::sync::mpsc;

use super::framing::Framing;
use super::{Ended, REST_WITHIN, Station};
use crate::backoff::Backoff;
use crate::record::{Frame, Gap};

pub use layout::Layout;

use keys::{Keys, Typed};

/// Longer without a key within a code, and the code was cut off.
const GAP: Duration = Duration::from_millis(100);
/// How soon the thread hears that it has to stop.
const STOP_CHECKED_EVERY: Duration = Duration::from_millis(200);
/// Codes that may wait for the intake. When they are full the thread waits, the kernel drops, and that is told.
const FRAMES_MAX: usize = 32;
const REOPEN_WITHIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wedge {
    pub device: Device,
    pub layout: Layout,
    /// What the scanner sends for control characters, by key.
    pub keys: Vec<(u16, String)>,
}

/// Which keyboard it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Device {
    /// A path that stays the same, such as one below `/dev/input/by-id`.
    Path(PathBuf),
    Usb {
        vendor: u16,
        product: u16,
        serial: Option<String>,
    },
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "evdev://{}", path.display()),
            Self::Usb { vendor, product, .. } => write!(f, "evdev://{vendor:04x}:{product:04x}"),
        }
    }
}

/// The code of a key by its name in the kernel, with or without `KEY_`.
pub fn key_code(name: &str) -> Option<u16> {
    let name = name.to_ascii_uppercase();
    let name = if name.starts_with("KEY_") {
        name
    } else {
        format!("KEY_{name}")
    };
    KeyCode::from_str(&name).ok().map(|key| key.0)
}

/// Opens and grabs the scanner.
pub fn open(device: &Device) -> io::Result<RawDevice> {
    let mut found = match device {
        Device::Path(path) => RawDevice::open(path)?,
        Device::Usb {
            vendor,
            product,
            serial,
        } => raw_stream::enumerate()
            .map(|(_, device)| device)
            .find(|device| {
                let id = device.input_id();
                // Scanners have more than one interface; the one that types has an Enter key.
                let types = device
                    .supported_keys()
                    .is_some_and(|keys| keys.contains(KeyCode::KEY_ENTER));
                let is_serial = |wanted: &String| device.unique_name() == Some(wanted);
                types && (id.vendor(), id.product()) == (*vendor, *product) && serial.as_ref().is_none_or(is_serial)
            })
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such device is plugged in"))?,
    };
    found.grab()?;
    Ok(found)
}

pub(super) async fn run(station: &Station, wedge: &Wedge) {
    let (frames, mut heard) = mpsc::channel(FRAMES_MAX);
    let (thread_station, thread_wedge) = (station.clone(), wedge.clone());
    let spawned = std::thread::Builder::new()
        .name(format!("wedge-{}", station.settings.station))
        .spawn(move || hear(&thread_station, &thread_wedge, &frames));
    if let Err(error) = spawned {
        let reason = format!("no thread for the scanner: {error}");
        station.status.down(chrono::Utc::now(), reason);
        return;
    }
    while let Some(frame) = heard.recv().await {
        let Some(frame) = station.understood(frame) else {
            continue;
        };
        // A keyboard can't be answered; the screen tells what became of the scan.
        if let Err(Ended::Stopped) = station.hand_on(frame).await {
            return;
        }
    }
}

/// Hears the scanner until told to stop, opening it again whenever it is gone.
fn hear(station: &Station, wedge: &Wedge, frames: &mpsc::Sender<Frame>) {
    let mut backoff = Backoff::new(REOPEN_WITHIN.0, REOPEN_WITHIN.1);
    while !station.stop.is_cancelled() {
        let mut reader = Reader::new(wedge, station.framing());
        let reason = match open(&wedge.device) {
            Ok(device) => {
                station.status.up(chrono::Utc::now());
                backoff.reset();
                match read(device, &mut reader, station, frames) {
                    Ok(()) => return,
                    Err(error) => error.to_string(),
                }
            }
            Err(error) => format!("cannot open {}: {error}", wedge.device),
        };
        station.status.down(chrono::Utc::now(), reason);
        let until = std::time::Instant::now() + backoff.next_delay();
        while std::time::Instant::now() < until && !station.stop.is_cancelled() {
            std::thread::sleep(STOP_CHECKED_EVERY.min(until.saturating_duration_since(std::time::Instant::now())));
        }
    }
}

/// Reads until told to stop (`Ok`) or the scanner is gone.
fn read(mut device: RawDevice, reader: &mut Reader, station: &Station, frames: &mpsc::Sender<Frame>) -> io::Result<()> {
    loop {
        while let Some(frame) = reader.next_frame() {
            if frames.blocking_send(frame).is_err() {
                return Ok(());
            }
        }
        if station.stop.is_cancelled() {
            return Ok(());
        }
        let patience = if reader.is_within_frame() {
            GAP
        } else if reader.is_torn() {
            REST_WITHIN
        } else {
            STOP_CHECKED_EVERY
        };
        let timeout = Timespec::try_from(patience).expect("a fraction of a second");
        let ready = rustix::event::poll(&mut [PollFd::new(&device, PollFlags::IN)], Some(&timeout));
        match ready {
            Ok(0) if reader.is_within_frame() => reader.give_up(),
            Ok(0) => reader.settle(),
            Ok(_) => match device.fetch_events() {
                Ok(events) => events.for_each(|event| reader.take(event)),
                Err(error) => {
                    // What had come of a code came from a scanner that is gone.
                    reader.give_up();
                    while let Some(frame) = reader.next_frame() {
                        let _ = frames.blocking_send(frame);
                    }
                    return Err(error);
                }
            },
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// From events to codes.
struct Reader {
    keys: Keys,
    framing: Framing,
}

impl Reader {
    fn new(wedge: &Wedge, framing: Framing) -> Self {
        Self {
            keys: Keys::new(wedge.layout, &wedge.keys),
            framing,
        }
    }

    fn take(&mut self, event: InputEvent) {
        match event.destructure() {
            EventSummary::Synchronization(_, SynchronizationCode::SYN_DROPPED, _) => {
                self.keys.forget_modifiers();
                self.framing.spoil(Gap::Events);
            }
            EventSummary::Key(_, key, value) => match self.keys.take(key.0, value) {
                Typed::Nothing => {}
                Typed::Bytes(bytes) => self.framing.take(&bytes),
                Typed::Unreadable => self.framing.spoil(Gap::Key),
            },
            _ => {}
        }
    }

    fn next_frame(&mut self) -> Option<Frame> {
        self.framing.next_frame()
    }

    fn is_within_frame(&self) -> bool {
        self.framing.is_within_frame()
    }

    fn give_up(&mut self) {
        self.framing.give_up();
    }

    fn is_torn(&self) -> bool {
        self.framing.is_torn()
    }

    fn settle(&mut self) {
        self.framing.settle();
    }
}
