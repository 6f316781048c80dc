//! Scanners on serial lines, USB CDC among them. An unplugged scanner is opened again by its path; paths under
//! `/dev/serial/by-id` stay the same.

use std::time::Duration;

use super::{Ended, Line, Station};
use crate::backoff::Backoff;
use crate::source::serial::on_own_thread;

/// Longer without a byte within a frame, and the frame was cut off.
const GAP: Duration = Duration::from_millis(50);

pub async fn run(station: &Station, path: &str, line: Line) {
    let (thread_station, path) = (station.clone(), path.to_owned());
    let hearing = on_own_thread(&station.settings.station, async move || {
        hear(&thread_station, &path, line).await;
    });
    if let Err(error) = hearing.await {
        station.status.down(chrono::Utc::now(), error);
    }
}

async fn hear(station: &Station, path: &str, line: Line) {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
    loop {
        let reason = match line.open(path) {
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
