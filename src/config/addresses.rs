//! Who is where: no two sections may open the same socket or the same line. Devices that are reached in one way share a
//! connection, on which their requests take turns; two scanners cannot be told apart on one.
//!
//! A place is compared as it would be opened, as far as that is known without asking the network: `localhost` is 127.0.0.1,
//! and a device is the same under each of the names that lead to it here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::plan::Check;
use super::sections::Config;
use crate::source::modbus::Url;
use crate::source::scanner::Port;
use crate::source::scanner::wedge::Device;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Listener(SocketAddr),
    Peer(String, u16),
    Device(PathBuf),
    Usb(Device),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listener(address) => address.fmt(f),
            Self::Peer(host, port) => write!(f, "{host}:{port}"),
            Self::Device(path) => path.display().fmt(f),
            Self::Usb(device) => device.fmt(f),
        }
    }
}

pub(super) fn check_addresses(config: &Config, check: &mut Check) {
    let mut taken = BTreeMap::from([(Place::Listener(config.web.listen), "[web]".to_owned())]);
    for (name, connection) in &config.modbus {
        let section = format!("[modbus.{name}]");
        match taken.entry(place_of_line(&connection.url)) {
            Entry::Vacant(free) => _ = free.insert(section),
            Entry::Occupied(other) => check.find(
                &["modbus", name, "url"],
                format!(
                    "{} is the connection of {other} already; put the devices of both under one",
                    other.key(),
                    other = other.get()
                ),
            ),
        }
    }
    for (name, station) in &config.station {
        let section = format!("[station.{name}]");
        let Some(place) = place_of_scanner(&station.scanner.0) else {
            continue;
        };
        match taken.entry(place) {
            Entry::Vacant(free) => _ = free.insert(section),
            Entry::Occupied(other) => check.find(
                &["station", name, "scanner"],
                format!("{} is taken by {}; give each its own", other.key(), other.get()),
            ),
        }
    }
}

fn place_of_line(url: &Url) -> Place {
    match url {
        Url::Tcp { host, port } | Url::RtuTcp { host, port, .. } => peer(host, *port),
        Url::Rtu { path, .. } => device(Path::new(path)),
    }
}

/// Nothing where the system chooses a port that is free.
fn place_of_scanner(port: &Port) -> Option<Place> {
    Some(match port {
        Port::Listen(address) if address.port() == 0 => return None,
        Port::Listen(address) => Place::Listener(*address),
        Port::Connect(address) => {
            let (host, port) = address.rsplit_once(':')?;
            peer(host, port.parse().ok()?)
        }
        Port::Serial { path, .. } => device(Path::new(path)),
        Port::Wedge(wedge) => match &wedge.device {
            Device::Path(path) => device(path),
            usb @ Device::Usb { .. } => Place::Usb(usb.clone()),
        },
    })
}

fn peer(host: &str, port: u16) -> Place {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let host = if host == "localhost" {
        Ipv4Addr::LOCALHOST.to_string()
    } else {
        host.parse::<IpAddr>().map_or(host, |address| address.to_string())
    };
    Place::Peer(host, port)
}

/// A path that leads nowhere now may lead to a device that is not plugged in.
fn device(path: &Path) -> Place {
    Place::Device(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_however_it_is_written() {
        for (one, other) in [
            ("tcp://localhost", "rtu-tcp://127.0.0.1:502"),
            ("tcp://PLC-7:502", "tcp://plc-7"),
            ("tcp://[::1]:4001", "rtu-tcp://[0::1]:4001?baud=9600"),
            ("rtu:///dev/ttyUSB0", "rtu:///dev/ttyUSB0?baud=9600"),
        ] {
            let place = |text: &str| place_of_line(&Url::try_from(text.to_owned()).expect("a URL"));
            assert_eq!(place(one), place(other), "{one}");
        }
    }

    #[test]
    fn a_device_is_the_same_under_each_of_its_names() {
        let dir = tempfile::tempdir().expect("a folder");
        let (line, by_id) = (dir.path().join("ttyUSB0"), dir.path().join("usb-scanner"));
        std::fs::write(&line, "").expect("writes");
        std::os::unix::fs::symlink(&line, &by_id).expect("links");
        assert_eq!(device(&by_id), device(&line));
    }
}
