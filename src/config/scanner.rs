//! The scanner of a `[station.NAME]`: its URL, how its codes begin and end, and how it is talked to, as written and as the
//! source takes them.

use serde::Deserialize;

use super::plan::Check;
use super::station::Station;
use crate::source::scanner::wedge::{self, Device, Layout, Wedge};
use crate::source::scanner::{self, Commands, Line, Parity, Port, Reply, Trigger};
use crate::units::Period;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ScannerUrl(pub Port);

impl TryFrom<String> for ScannerUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ways =
            "write tcp-listen://ADDRESS:PORT, tcp://HOST:PORT, serial:///dev/…?baud=9600 or evdev:///dev/input/by-id/…";
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("`{text}` is not a URL; {ways}"))?;
        match scheme {
            "tcp-listen" => rest.parse().map(|address| Self(Port::Listen(address))).map_err(|_| {
                format!("`{rest}` is not an address to listen on; write one such as tcp-listen://0.0.0.0:9101")
            }),
            "tcp" => match rest.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self(Port::Connect(rest.to_owned())))
                }
                _ => Err(format!("`{rest}` has no host and port; write tcp://HOST:PORT")),
            },
            "serial" => serial(rest).map(Self),
            "evdev" => wedge(rest).map(|wedge| Self(Port::Wedge(wedge))),
            other => Err(format!("`{other}://` is no way to a scanner; {ways}")),
        }
    }
}

fn serial(rest: &str) -> Result<Port, String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !path.starts_with('/') {
        return Err(format!(
            "`{path}` is not the path of a device; write serial:///dev/serial/by-id/…"
        ));
    }
    let mut line = Line {
        baud: 9600,
        data_bits: 8,
        parity: Parity::None,
        stop_bits: 1,
    };
    for (key, value) in pairs(query) {
        line.set(key, value)?;
    }
    Ok(Port::Serial {
        path: path.to_owned(),
        line,
    })
}

/// `/dev/input/by-id/…?layout=de` or `05e0:1200?layout=us&serial=…`.
fn wedge(rest: &str) -> Result<Wedge, String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut layout = Layout::default();
    let mut serial_number = None;
    for (key, value) in pairs(query) {
        match key {
            "layout" => {
                let text = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(value);
                layout = Layout::deserialize(text)
                    .map_err(|_| format!("`{value}` is not a layout; write us, gb, de, fr, es or it"))?;
            }
            "serial" => serial_number = Some(value.to_owned()),
            _ => {
                return Err(format!(
                    "`{key}` is not a setting of a USB scanner (known: layout, serial)"
                ));
            }
        }
    }
    let device = if place.starts_with('/') {
        Device::Path(place.into())
    } else {
        let id = |text: &str| u16::from_str_radix(text, 16).ok().filter(|_| text.len() == 4);
        let ids = place
            .split_once(':')
            .and_then(|(vendor, product)| Some((id(vendor)?, id(product)?)));
        let (vendor, product) = ids.ok_or_else(|| {
            format!("`{place}` is no scanner; write evdev:///dev/input/by-id/… or evdev://VENDOR:PRODUCT as lsusb shows them")
        })?;
        Device::Usb {
            vendor,
            product,
            serial: serial_number,
        }
    };
    Ok(Wedge {
        device,
        layout,
        keys: Vec::new(),
    })
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|pair| !pair.is_empty());
    parts.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "not an answer; write \"none\", \"ack\", \"ack-bel\", \"host-ack\", \"text\", or the scanner's own commands as { ok = \"…\", ask = \"…\", err = \"…\", dup = \"…\", refused = \"…\" }"
)]
pub enum ReplyWritten {
    Way(Way),
    Own(OwnCommands),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    None,
    Ack,
    AckBel,
    HostAck,
    Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct OwnCommands {
    ok: String,
    ask: String,
    err: String,
    dup: String,
    refused: String,
}

impl Default for ReplyWritten {
    fn default() -> Self {
        Self::Way(Way::None)
    }
}

impl ReplyWritten {
    fn lower(&self) -> Reply {
        match self {
            Self::Way(Way::None) => Reply::None,
            Self::Way(Way::Ack) => Reply::Ack,
            Self::Way(Way::AckBel) => Reply::AckBel,
            Self::Way(Way::HostAck) => Reply::Commands(Commands::host_ack()),
            Self::Way(Way::Text) => Reply::Text,
            Self::Own(own) => Reply::Commands(Commands {
                ok: own.ok.clone(),
                ask: own.ask.clone(),
                err: own.err.clone(),
                dup: own.dup.clone(),
                refused: own.refused.clone(),
            }),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerWritten {
    pub start: String,
    #[serde(default)]
    pub stop: String,
    #[serde(default = "two_seconds")]
    pub wait: Period,
}

fn two_seconds() -> Period {
    Period::from_ms(2000)
}

pub(super) fn lower(name: &str, station: &Station, check: &mut Check) -> scanner::Settings {
    let mut find = |key: &str, problem: String| check.find(&["station", name, key], problem);
    if station.terminator.is_empty() {
        let problem = "without a terminator no scan ever ends; write \"\\r\" or \"\\r\\n\"";
        find("terminator", problem.to_owned());
    }
    if station.gs.as_ref().is_some_and(String::is_empty) {
        find(
            "gs",
            "nothing can't stand for the separator; write what the scanner sends, such as \"<GS>\"".to_owned(),
        );
    }
    let mut port = station.scanner.0.clone();
    let reply = station.reply.lower();
    if let Port::Wedge(wedge) = &mut port {
        for (key, text) in &station.keys {
            match wedge::key_code(key) {
                Some(code) => wedge.keys.push((code, text.clone())),
                None => find(
                    "keys",
                    format!("`{key}` is not a key; write its name in the kernel, such as DOWN or F8"),
                ),
            }
        }
        if reply != Reply::None {
            find(
                "reply",
                "a USB keyboard takes no answers; use a serial port (USB-COM) for that".to_owned(),
            );
        }
        if station.trigger.is_some() {
            find(
                "trigger",
                "a USB keyboard takes no commands; use a serial port (USB-COM) for that".to_owned(),
            );
        }
    } else if !station.keys.is_empty() {
        find("keys", "only a scanner at evdev:// has keys".to_owned());
    }
    let trigger = station.trigger.as_ref().map(|trigger| Trigger {
        start: trigger.start.clone(),
        stop: trigger.stop.clone(),
        wait: trigger.wait.0,
    });
    scanner::Settings {
        station: name.into(),
        port,
        starter: station.starter.clone().into_bytes(),
        terminator: station.terminator.clone().into_bytes(),
        separator: station.gs.clone().map(String::into_bytes),
        no_read: station.no_read.clone(),
        trigger,
        reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(url: &str) -> Result<Port, String> {
        ScannerUrl::try_from(url.to_owned()).map(|url| url.0)
    }

    #[test]
    fn a_usb_scanner_is_named_by_path_or_by_its_ids() {
        let Ok(Port::Wedge(wedge)) = port("evdev:///dev/input/by-id/usb-X-event-kbd?layout=de") else {
            panic!("not read");
        };
        assert_eq!(wedge.layout, Layout::De);
        assert_eq!(wedge.device, Device::Path("/dev/input/by-id/usb-X-event-kbd".into()));
        let Ok(Port::Wedge(wedge)) = port("evdev://05e0:1200?serial=S7") else {
            panic!("not read");
        };
        assert_eq!(
            wedge.device,
            Device::Usb {
                vendor: 0x05E0,
                product: 0x1200,
                serial: Some("S7".into())
            }
        );
        for wrong in [
            "evdev://scanner",
            "evdev://5e0:1200",
            "evdev:///dev/x?layout=dvorak",
            "evdev:///dev/x?baud=9600",
        ] {
            assert!(port(wrong).is_err(), "{wrong}");
        }
    }
}
