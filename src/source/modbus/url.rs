//! Where the devices of a connection are reached. The scheme tells the kind of the connection.
//!
//! ```text
//! tcp://HOST[:PORT]                                        Modbus TCP
//! rtu-tcp://HOST:PORT[?baud=…&parity=…&stop=…]             RTU frames to a device server, and the line behind it
//! rtu:///dev/…[?baud=19200&parity=even&stop=1&echo=off]    RTU frames on a serial line
//!              [&rs485=on&rts_before_ms=0&rts_after_ms=0]  whose adapter does not turn itself round
//! ```

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::source::serial::{Line, Parity, Rs485};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Url {
    Tcp {
        host: String,
        port: u16,
    },
    /// A device server puts the frames on a line, which is its own to set up; what is told of it here goes into pauses
    /// and estimates.
    RtuTcp {
        host: String,
        port: u16,
        line: Option<Line>,
    },
    Rtu {
        path: String,
        line: Line,
        rs485: Rs485,
        /// The adapter hears what it sends.
        has_echo: bool,
    },
}

const PORT: u16 = 502;

/// What the Modbus specification has for a line of which nothing is told.
const LINE: Line = Line {
    baud: 19200,
    data_bits: 8,
    parity: Parity::Even,
    stop_bits: 1,
};

/// Above this rate the silence between frames is a fixed one.
const BAUD_OF_FIXED_SILENCE: u32 = 19200;
const FIXED_SILENCE: Duration = Duration::from_micros(1750);
/// Characters of silence that part two frames, doubled so as to be whole.
const SILENCE_HALF_CHARS: u32 = 7;
/// A character counts as 11 bits for it, whatever the line.
const SILENCE_BITS_PER_CHAR: u32 = 11;

impl Url {
    /// The serial line at the end of it, if there is one and something is known of it.
    pub fn line(&self) -> Option<Line> {
        match self {
            Self::Tcp { .. } => None,
            Self::RtuTcp { line, .. } => *line,
            Self::Rtu { line, .. } => Some(*line),
        }
    }

    /// Whether frames are parted by silence.
    pub fn is_rtu(&self) -> bool {
        !matches!(self, Self::Tcp { .. })
    }

    /// The silence that parts two frames: 3.5 characters.
    pub fn silence(&self) -> Duration {
        match self.line() {
            Some(line) if line.baud <= BAUD_OF_FIXED_SILENCE => {
                Duration::from_secs(1) * SILENCE_HALF_CHARS * SILENCE_BITS_PER_CHAR / (2 * line.baud)
            }
            _ if self.is_rtu() => FIXED_SILENCE,
            _ => Duration::ZERO,
        }
    }

    /// What switching the transmitter adds to each request.
    pub fn switching(&self) -> Duration {
        match self {
            Self::Rtu { rs485, .. } => rs485.pauses(),
            Self::Tcp { .. } | Self::RtuTcp { .. } => Duration::ZERO,
        }
    }

    /// Whether we open a serial line ourselves.
    pub fn is_serial(&self) -> bool {
        matches!(self, Self::Rtu { .. })
    }
}

/// What so many bytes take on the line.
pub fn wire_time(line: Line, bytes: u32) -> Duration {
    Duration::from_secs(1) * bytes * u32::from(line.bits_per_byte()) / line.baud
}

const FORMS: &str =
    "write \"tcp://HOST:PORT\", \"rtu-tcp://HOST:PORT\" or \"rtu:///dev/ttyUSB0?baud=19200&parity=even\"";

impl TryFrom<String> for Url {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not the address of a Modbus connection; {FORMS}");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        match scheme {
            "tcp" if query.is_empty() => {
                let (host, port) = host_and_port(place).ok_or_else(wrong)?;
                let port = port.unwrap_or(PORT);
                Ok(Self::Tcp { host, port })
            }
            "rtu-tcp" => match host_and_port(place) {
                Some((host, Some(port))) => {
                    let told = line(query, |_, _| None)?;
                    let line = (!query.is_empty()).then_some(told);
                    Ok(Self::RtuTcp { host, port, line })
                }
                _ => Err(wrong()),
            },
            "rtu" if place.starts_with('/') && place.len() > 1 => {
                let (mut has_echo, mut rs485) = (false, Rs485::default());
                let line = line(query, |key, value| {
                    if key != "echo" {
                        return rs485.set(key, value);
                    }
                    let told = match value {
                        "on" => Ok(true),
                        "off" => Ok(false),
                        _ => Err(format!("`{value}` is not a value of echo; write on or off")),
                    };
                    Some(told.map(|told| has_echo = told))
                })?;
                Ok(Self::Rtu {
                    path: place.to_owned(),
                    line,
                    rs485,
                    has_echo,
                })
            }
            _ => Err(wrong()),
        }
    }
}

fn host_and_port(place: &str) -> Option<(String, Option<u16>)> {
    if place.contains(['/', '@']) {
        return None;
    }
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok().filter(|port| *port > 0)?)),
        _ => (place, None),
    };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// The line that the query of a URL tells of; `own` takes what is no setting of a line.
fn line(query: &str, mut own: impl FnMut(&str, &str) -> Option<Result<(), String>>) -> Result<Line, String> {
    let mut line = LINE;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        own(key, value).unwrap_or_else(|| line.set(key, value))?;
    }
    if line.data_bits == 8 {
        Ok(line)
    } else {
        Err("RTU frames need all 8 data bits of a character; leave `data` out".to_owned())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } | Self::RtuTcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Rtu { path, line, .. } => write!(f, "{path} at {} baud", line.baud),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<Url, String> {
        Url::try_from(text.to_owned())
    }

    #[test]
    fn urls_say_how_the_devices_are_reached() {
        let tcp = |host: &str, port| Url::Tcp {
            host: host.to_owned(),
            port,
        };
        assert_eq!(url("tcp://10.0.0.7:5020"), Ok(tcp("10.0.0.7", 5020)));
        assert_eq!(url("tcp://plc.local"), Ok(tcp("plc.local", 502)));
        assert_eq!(url("tcp://[fe80::1]:503"), Ok(tcp("fe80::1", 503)));
        assert_eq!(url("tcp://[fe80::1]"), Ok(tcp("fe80::1", 502)));
        let serial = Url::Rtu {
            path: "/dev/ttyUSB0".to_owned(),
            line: Line {
                parity: Parity::None,
                ..LINE
            },
            rs485: Rs485::default(),
            has_echo: true,
        };
        assert_eq!(
            url("rtu:///dev/ttyUSB0?baud=19200&parity=none&stop=1&echo=on"),
            Ok(serial)
        );
        let served = Url::RtuTcp {
            host: "10.0.0.7".to_owned(),
            port: 4001,
            line: Some(Line { baud: 9600, ..LINE }),
        };
        assert_eq!(url("rtu-tcp://10.0.0.7:4001?baud=9600"), Ok(served));
        for text in [
            "",
            "10.0.0.7:502",
            "http://10.0.0.7",
            "tcp://",
            "tcp://:502",
            "tcp://h:99999",
            "tcp://h:0",
            "tcp://h/x",
            "tcp://h?baud=9600",
            "rtu-tcp://10.0.0.7",
            "rtu-tcp://h:4001?echo=on",
            "rtu://ttyUSB0",
            "rtu:///",
            "rtu:///dev/ttyUSB0?baud=fast",
            "rtu:///dev/ttyUSB0?data=7",
            "rtu:///dev/ttyUSB0?echo=maybe",
            "rtu:///dev/ttyUSB0?rs485=maybe",
            "rtu-tcp://h:4001?rs485=on",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn silences_and_frames_take_what_the_rate_says() {
        let silence_us = |text: &str| url(text).map(|url| url.silence().as_micros());
        for (rate, us) in [
            ("2400", 16041),
            ("9600", 4010),
            ("19200", 2005),
            ("38400", 1750),
            ("115200", 1750),
        ] {
            assert_eq!(silence_us(&format!("rtu:///dev/ttyUSB0?baud={rate}")), Ok(us), "{rate}");
        }
        assert_eq!(silence_us("rtu-tcp://h:4001"), Ok(1750), "nothing is known of the line");
        assert_eq!(silence_us("tcp://h"), Ok(0));
        let switching_ms =
            |query: &str| url(&format!("rtu:///dev/ttyUSB0?{query}")).map(|url| url.switching().as_millis());
        assert_eq!(switching_ms("rs485=on&rts_before_ms=3&rts_after_ms=4"), Ok(7));
        assert_eq!(switching_ms("rs485=off&rts_before_ms=3"), Ok(0));
        let line = Line { baud: 9600, ..LINE };
        assert_eq!(
            wire_time(line, 165 + 8).as_millis(),
            198,
            "80 registers asked for and given"
        );
    }
}
