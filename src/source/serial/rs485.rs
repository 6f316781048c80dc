//! RS-485 on a line whose adapter does not turn itself round: the driver raises RTS for as long as it sends.
//!
//! The call to the driver needs code that is not safe, so a crate makes it, on a handle of its own. A driver may forget the
//! mode when nobody holds the line any more, so that handle is let go after the line is open.

use std::io;
use std::time::Duration;

use serial2::rs4xx::{Rs485Config, TransceiverMode};
use serial2::{KeepSettings, SerialPort};
use tokio_serial::SerialStream;

use super::Line;

/// No adapter needs longer.
const PAUSE_MS_MAX: u64 = 100;

/// How the transmitter is switched on; by default the adapter does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rs485 {
    rts: Rts,
    before: Duration,
    after: Duration,
}

/// What RTS is while we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Rts {
    #[default]
    Unused,
    High,
    Low,
}

impl Rs485 {
    /// Takes over one `key=value` of a URL, if it is one of these.
    pub fn set(&mut self, key: &str, value: &str) -> Option<Result<(), String>> {
        let wrong = |right: &str| format!("`{value}` is not a value of {key}; write {right}");
        let pause = || {
            let ms = value.parse().ok().filter(|ms| *ms <= PAUSE_MS_MAX);
            ms.map(Duration::from_millis)
                .ok_or_else(|| wrong("milliseconds, up to 100"))
        };
        let set = match key {
            "rs485" => {
                let rts = match value {
                    "on" => Ok(Rts::High),
                    "inverted" => Ok(Rts::Low),
                    "off" => Ok(Rts::Unused),
                    _ => Err(wrong("on, inverted or off")),
                };
                rts.map(|rts| self.rts = rts)
            }
            "rts_before_ms" => pause().map(|pause| self.before = pause),
            "rts_after_ms" => pause().map(|pause| self.after = pause),
            _ => return None,
        };
        Some(set)
    }

    /// Opens a line, exclusively, with its transmitter switched as told.
    pub fn open(self, line: Line, path: &str) -> io::Result<SerialStream> {
        let _held = match self.rts {
            Rts::Unused => None,
            Rts::High | Rts::Low => Some(self.switch_on(path)?),
        };
        Ok(line.open(path)?)
    }

    fn switch_on(self, path: &str) -> io::Result<SerialPort> {
        let port = SerialPort::open(path, KeepSettings)?;
        let mut mode = Rs485Config::new();
        mode.set_invert_rts(self.rts == Rts::Low);
        mode.set_delay_before_send(self.before);
        mode.set_delay_after_send(self.after);
        let switched = port.set_rs4xx_mode(mode).and_then(|()| port.get_rs4xx_mode());
        let why = match switched {
            Ok(TransceiverMode::Rs485(made)) if self.is(&made) => return Ok(port),
            // With the wrong polarity it would drive the line whenever we are silent.
            Ok(TransceiverMode::Rs485(made)) => format!(
                "it makes rs485={}, rts_before_ms={} and rts_after_ms={} of it",
                if made.get_invert_rts() { "inverted" } else { "on" },
                made.get_delay_before_send().as_millis(),
                made.get_delay_after_send().as_millis()
            ),
            Ok(_) => "it does as if nothing had been said".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(io::Error::other(format!(
            "its driver does not switch RTS for RS-485 as told ({why}); leave rs485 out where the adapter turns itself round"
        )))
    }

    /// Whether a driver has made of it what was told.
    fn is(self, made: &Rs485Config) -> bool {
        made.get_invert_rts() == (self.rts == Rts::Low)
            && made.get_delay_before_send() == self.before
            && made.get_delay_after_send() == self.after
    }

    /// What it adds to each request.
    pub fn pauses(self) -> Duration {
        match self.rts {
            Rts::Unused => Duration::ZERO,
            Rts::High | Rts::Low => self.before + self.after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transmitter_is_told_of_by_the_url() {
        let mut rs485 = Rs485::default();
        for (key, value) in [("rs485", "inverted"), ("rts_before_ms", "2"), ("rts_after_ms", "0")] {
            assert_eq!(rs485.set(key, value), Some(Ok(())), "{key}");
        }
        let told = Rs485 {
            rts: Rts::Low,
            before: Duration::from_millis(2),
            after: Duration::ZERO,
        };
        assert_eq!(rs485, told);
        assert_eq!(rs485.pauses(), Duration::from_millis(2));
        for (key, value) in [("rs485", "yes"), ("rts_before_ms", "101"), ("rts_after_ms", "-1")] {
            assert!(matches!(rs485.set(key, value), Some(Err(_))), "{key}={value}");
        }
        assert_eq!(rs485.set("baud", "9600"), None);
        assert_eq!(rs485, told);
        assert_eq!(rs485.set("rs485", "off"), Some(Ok(())));
        assert_eq!(
            rs485.pauses(),
            Duration::ZERO,
            "an adapter that turns itself round has its own"
        );
    }

    #[test]
    fn a_driver_that_makes_something_else_of_it_is_found_out() {
        let told = Rs485 {
            rts: Rts::High,
            before: Duration::from_millis(2),
            after: Duration::ZERO,
        };
        let mut made = Rs485Config::new();
        made.set_delay_before_send(Duration::from_millis(2));
        assert!(told.is(&made));
        made.set_invert_rts(true);
        assert!(!told.is(&made), "the other polarity");
        made.set_invert_rts(false);
        made.set_delay_before_send(Duration::ZERO);
        assert!(!told.is(&made), "no pause");
    }
}
