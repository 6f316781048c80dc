//! Modbus: polls devices and says what their registers hold.
//!
//! ```text
//! settings ─ check ─▶ device: plan (blocks) + decode (values)
//!                        │
//! schedule ─ due ─▶ bus ─┴─ one request at a time ─▶ link ─▶ devices
//!                    └─ Reading per poll ─▶ intake
//! ```
//! * Every connection is a task of its own, so no connection waits for another. On a connection there is one request in
//!   flight, and what fails there is told apart: a refused block, a silent device, a dead connection.
//! * A value was read by the poll that reports it. What could not be read is a `Fault`: no default stands for it, and an
//!   answer that came too late is never taken for the next one.
//! * Modbus knows no authentication. This source only reads.

mod address;
mod bus;
mod decode;
mod device;
mod link;
mod plan;
mod schedule;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::record::Reading;
use crate::status::SourceStatus;
pub use settings::{DeviceSettings, Finding, PointSettings, Settings, Template, Url};

/// Polls the devices of one connection until told to stop. `settings` have passed their `check`.
pub async fn run(
    name: Arc<str>,
    settings: Settings,
    out: mpsc::Sender<Reading>,
    status: Arc<SourceStatus>,
    stop: CancellationToken,
) {
    let mut bus = bus::Bus::new(&name, &settings, out, status);
    stop.run_until_cancelled(bus.serve()).await;
}

/// What a device over Modbus TCP typically takes for an answer, for estimates before anything is connected.
const ANSWER_TYPICAL: Duration = Duration::from_millis(10);

/// What the connection will be used for: the requests of each device in wire addresses, and how much of the time they take.
pub fn describe(settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, of_device) in &settings.device {
        let device = device::Device::new(name, of_device);
        let plan = device.describe();
        let poll = of_device.poll.0;
        lines.push(format!(
            "{name}: {} requests every {poll:?} for {}",
            plan.len(),
            device.equipment
        ));
        lines.extend(plan.iter().map(|request| format!("  {request}")));
    }
    let share = settings.time_share(settings.request_gap.0 + ANSWER_TYPICAL);
    lines.push(format!(
        "about {:.1} % of the connection's time at {ANSWER_TYPICAL:?} for an answer",
        share * 100.0
    ));
    lines
}

/// One block of one device, read once.
#[derive(Debug)]
pub struct Trial {
    pub device: String,
    /// Wire addresses, as in `unit 1 holding:0..9`.
    pub block: String,
    pub outcome: Result<Duration, String>,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.device, self.block)?;
        match &self.outcome {
            Ok(took) => write!(f, "answered in {:.1} ms", took.as_secs_f64() * 1000.0),
            Err(why) => f.write_str(why),
        }
    }
}

/// Connects and reads every block once; an error if there is no connection at all. `settings` have passed their `check`.
pub async fn try_connect(settings: &Settings) -> Result<Vec<Trial>, String> {
    let status = SourceStatus::default();
    let mut link = link::Link::new(settings);
    let mut trials = Vec::new();
    for (name, of_device) in &settings.device {
        let device = device::Device::new(name, of_device);
        for &block in &device.blocks {
            let started = Instant::now();
            let outcome = match link.read(device.unit, block, &status).await {
                Ok(_) => Ok(started.elapsed()),
                Err(link::ReadError::LinkDown(cause)) => {
                    return Err(status.view().last_error.unwrap_or_else(|| cause.to_owned()));
                }
                Err(error) => Err(error.to_string()),
            };
            trials.push(Trial {
                device: name.clone(),
                block: format!("unit {} {block}", device.unit),
                outcome,
            });
        }
    }
    Ok(trials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_described_by_its_requests_and_the_time_they_take() {
        let settings: Settings = toml::from_str(
            r#"
            url = "tcp://127.0.0.1:502"
            request_gap = "40ms"
            [device.press-7]
            unit = 7
            equipment = "PRESS-7"
            poll = "500ms"
            points.state = { at = "holding:0", type = "u16" }
            points.force = { at = "input:10", type = "f32" }
            "#,
        )
        .expect("settings");
        assert_eq!(
            describe(&settings),
            [
                "press-7: 2 requests every 500ms for PRESS-7",
                "  unit 7 holding:0: state",
                "  unit 7 input:10..11: force",
                "about 20.0 % of the connection's time at 10ms for an answer",
            ]
        );
    }
}
