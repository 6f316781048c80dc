//! Modbus: polls devices and says what their registers hold.
//!
//! ```text
//! settings ─ check ─▶ device: plan (blocks) + decode (values) ◀─ learnt ─┐
//!                        │                                              │ what was refused
//! schedule ─ next ─▶ bus ┴─ poll: one request at a time ─▶ link ─▶ devices
//!                    └─ Reading per poll ─▶ intake         (tcp, rtu)
//! ```
//! * Every connection is a task of its own, a serial line a thread, so no connection waits for another. On a connection
//!   there is one request in flight, and what fails there is told apart: a refused block, a silent device, a dead connection.
//! * A value was read by the poll that reports it. What could not be read is a `Fault`: no default stands for it, and an
//!   answer that came too late is never taken for the next one.
//! * Modbus knows no authentication. Only points that the configuration lists are ever written, each within its range, and
//!   every write is logged.

mod address;
mod breaker;
mod budget;
mod bus;
mod decode;
mod device;
mod encode;
mod exception;
mod forms;
mod learnt;
mod link;
mod plan;
mod poll;
pub mod probe;
mod quiet;
mod schedule;
mod settings;
mod trial;
mod url;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::looks::Look;
use crate::record::Reading;
use crate::source::serial::on_own_thread;
use crate::status::SourceStatus;
use crate::writes::Write;
pub use settings::{DeviceSettings, Finding, PointSettings, Settings, Template};
pub use trial::{Trial, Trials, try_connect};
pub use url::Url;

/// Polls the devices of one connection until told to stop. `settings` have passed their `check`.
pub async fn run(
    name: Arc<str>,
    settings: Settings,
    out: mpsc::Sender<Reading>,
    writes: mpsc::Receiver<Write>,
    looks: mpsc::Receiver<Look>,
    status: Arc<SourceStatus>,
    stop: CancellationToken,
) {
    if !settings.url.is_serial() {
        return serve(&name, settings, out, writes, looks, status, stop).await;
    }
    let (thread_name, thread_status) = (Arc::clone(&name), Arc::clone(&status));
    let polling = on_own_thread(&name, async move || {
        serve(&thread_name, settings, out, writes, looks, thread_status, stop).await;
    });
    if let Err(error) = polling.await {
        status.down(chrono::Utc::now(), error);
    }
}

async fn serve(
    name: &str,
    settings: Settings,
    out: mpsc::Sender<Reading>,
    writes: mpsc::Receiver<Write>,
    looks: mpsc::Receiver<Look>,
    status: Arc<SourceStatus>,
    stop: CancellationToken,
) {
    let mut bus = bus::Bus::new(name, &settings, out, status);
    drop(settings);
    stop.run_until_cancelled(bus.serve(writes, looks)).await;
}

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
    let answer = budget::answer_typical(settings);
    let wire = settings.url.line().map(|line| format!("{} baud and ", line.baud));
    lines.push(format!(
        "about {:.1} % of the connection's time at {}{answer:?} for an answer",
        budget::share(settings, answer) * 100.0,
        wire.unwrap_or_default(),
    ));
    lines.extend(
        warnings(settings)
            .into_iter()
            .map(|warning| format!("WARNING: {warning}")),
    );
    lines
}

/// What can hardly work, if the devices answer as most do.
pub fn warnings(settings: &Settings) -> Vec<String> {
    let unmet = budget::unmet(settings, budget::answer_typical(settings)).into_iter();
    unmet
        .map(|(device, what)| format!("{device} can hardly keep its poll: {what}"))
        .collect()
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
