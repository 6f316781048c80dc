//! What the buffer itself has to tell: alerts that travel north like any other record. Their ids follow from their cause,
//! so that a repeat is recognised.

use std::path::Path;

use uuid::Uuid;

use super::Settings;
use super::dead::GaveWay;
use super::log::Loss;
use crate::record::{Alert, Kind, Lane, Record, Seq, Severity};
use crate::units::Size;

/// An alert before it is encoded.
#[derive(Debug)]
pub struct Notice {
    alert_type: &'static str,
    message: String,
    /// Distinguishes it from others of its kind within an epoch.
    cause: String,
}

pub fn lanes_vanished(lanes: &[Lane]) -> Notice {
    let names: Vec<_> = lanes.iter().map(|lane| lane.name()).collect();
    Notice {
        alert_type: "BUFFER_LOST",
        message: format!(
            "The buffer had been in use, but its data is gone (lanes: {}); a new epoch has begun.",
            names.join(", ")
        ),
        cause: "vanished".to_owned(),
    }
}

pub fn letters_lost(aside: &Path) -> Notice {
    Notice {
        alert_type: "BUFFER_DAMAGED",
        message: format!(
            "The dead letters could not be read and were set aside as {}.",
            aside.display()
        ),
        cause: format!("letters/{}", chrono::Utc::now().timestamp()),
    }
}

pub fn loss(lane: Lane, loss: &Loss) -> Notice {
    let Loss { first, end, cause } = loss;
    Notice {
        alert_type: "BUFFER_DAMAGED",
        message: format!(
            "Records {first}..{} of lane {lane} could not be read back: {cause}.",
            end - 1
        ),
        cause: format!("damaged/{lane}/{first}/{end}"),
    }
}

pub fn telemetry_dropped(first: Seq, end: Seq, max_bytes: u64) -> Notice {
    Notice {
        alert_type: "TELEMETRY_DROPPED",
        message: format!(
            "The buffer reached its bound of {}: telemetry {first}..{} gave way.",
            Size(max_bytes),
            end - 1
        ),
        cause: format!("dropped/telemetry/{first}/{end}"),
    }
}

pub fn letters_gave_way(gone: &GaveWay) -> Notice {
    let GaveWay { count, first, last } = gone;
    Notice {
        alert_type: "TELEMETRY_DROPPED",
        message: format!(
            "{count} refused telemetry records of {first}..{last} gave way to newer dead letters without having been looked at."
        ),
        cause: format!("dropped/letters/{first}/{last}/{count}"),
    }
}

pub fn disk_nearly_full(free: u64, min_free: u64) -> Notice {
    Notice {
        alert_type: "DISK_NEARLY_FULL",
        message: format!(
            "Only {} are free on the disk of the buffer, {} are wanted; telemetry is paused.",
            Size(free),
            Size(min_free)
        ),
        cause: format!("disk/{}", chrono::Utc::now().timestamp()),
    }
}

pub fn buffer_full(max_bytes: u64) -> Notice {
    Notice {
        alert_type: "BUFFER_FULL",
        message: format!(
            "Reports that no upstream has taken yet fill the buffer up to its bound of {}; nothing more is accepted.",
            Size(max_bytes)
        ),
        cause: format!("full/{}", chrono::Utc::now().timestamp()),
    }
}

impl Notice {
    pub fn encode(&self, epoch: u64, settings: &Settings) -> Record {
        let Self {
            alert_type,
            message,
            cause,
        } = self;
        tracing::error!(alert_type, message);
        let cause = format!("{}/{epoch}/buffer/{cause}", settings.gateway_id);
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, cause.as_bytes());
        let alert = Alert::new(id.to_string(), alert_type, Severity::High, message.clone());
        Record::encode(Kind::Alert, id, chrono::Utc::now(), settings.zone, "buffer", &alert)
    }
}
