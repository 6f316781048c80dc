//! Scanners on serial lines, USB CDC among them. The library blocks while it writes, so each line has its own thread with
//! a runtime of its own. An unplugged scanner is opened again by its path; paths under `/dev/serial/by-id` stay the same.

use std::time::Duration;

use tokio_serial::{SerialPortBuilderExt, SerialStream};

use super::{Ended, Line, Parity, Station};
use crate::backoff::Backoff;

/// Longer without a byte within a frame, and the frame was cut off.
const GAP: Duration = Duration::from_millis(50);

pub async fn run(station: &Station, path: &str, line: Line) {
    let (done, ended) = tokio::sync::oneshot::channel();
    let thread_station = station.clone();
    let path = path.to_owned();
    let spawned = std::thread::Builder::new()
        .name(format!("serial-{}", station.settings.station))
        .spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(hear(&thread_station, &path, line)),
                Err(error) => thread_station.status.down(chrono::Utc::now(), error.to_string()),
            }
            let _ = done.send(());
        });
    match spawned {
        Ok(_) => {
            let _ = ended.await;
        }
        Err(error) => station
            .status
            .down(chrono::Utc::now(), format!("no thread for the serial line: {error}")),
    }
}

async fn hear(station: &Station, path: &str, line: Line) {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
    loop {
        let reason = match open(path, line) {
            Ok(port) => {
                station.status.up(chrono::Utc::now());
                backoff.reset();
                // A lost port is dropped before it is opened again, or the kernel would give it another name.
                match station.converse(port, GAP).await {
                    Ended::Lost(reason) => reason,
                    Ended::Stopped => return,
                }
            }
            Err(error) => format!("cannot open {path}: {error}"),
        };
        station.status.down(chrono::Utc::now(), reason);
        tokio::select! {
            () = station.stop.cancelled() => return,
            () = tokio::time::sleep(backoff.next_delay()) => {}
        }
    }
}

/// Opens the line, for reading scans and writing answers.
pub fn open(path: &str, line: Line) -> tokio_serial::Result<SerialStream> {
    let data_bits = if line.data_bits == 7 {
        tokio_serial::DataBits::Seven
    } else {
        tokio_serial::DataBits::Eight
    };
    let stop_bits = if line.stop_bits == 2 {
        tokio_serial::StopBits::Two
    } else {
        tokio_serial::StopBits::One
    };
    let parity = match line.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    tokio_serial::new(path, line.baud)
        .data_bits(data_bits)
        .stop_bits(stop_bits)
        .parity(parity)
        .open_native_async()
}
