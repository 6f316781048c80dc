//! A connection to the south as it stands: whether its link is up, what it heard, what was not understood.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;

use super::bus::BusView;
use super::limited::Limited;
use super::lock;
use super::rejected::{Rejected, Rejections};
use crate::language::{Words, troubles};
use crate::record::{Feedback, Timestamp, Waiting};

/// Whether a connection or a device answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// `mqtt/plant`, `modbus/line-1`, `modbus/line-1/press-7`.
    pub name: String,
    pub is_up: bool,
    pub error: Option<String>,
}

/// One connection to the south: a broker, a Modbus connection, a scanner.
#[derive(Debug, Default)]
pub struct SourceStatus {
    readings: AtomicU64,
    rejected: AtomicU64,
    duplicates: AtomicU64,
    limited: AtomicU64,
    retained: AtomicU64,
    lost: AtomicU64,
    link: Mutex<Link>,
}

#[derive(Debug, Default, Clone)]
struct Link {
    is_up: bool,
    since: Option<Timestamp>,
    last_error: Option<String>,
    last_error_at: Option<Timestamp>,
    reconnects: u64,
    bus: Option<BusView>,
    last_rejection: Option<String>,
    rejections: Rejections,
    limited_by_topic: Limited,
    devices: BTreeMap<String, DeviceView>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SourceView {
    pub connected: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    pub last_error: Option<String>,
    pub last_error_words: Option<Words>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_error_at: Option<Timestamp>,
    pub reconnects: u64,
    pub readings: u64,
    pub rejected: u64,
    pub duplicates: u64,
    /// Messages beyond the rate that their topic is allowed.
    pub limited: u64,
    /// Those of each topic, of the topics with the most.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub limited_by_topic: Limited,
    /// Messages that the broker had kept: shown as last known, never recorded.
    pub retained: u64,
    /// Readings that the disk refused and that nobody sends again.
    pub lost: u64,
    pub last_rejection: Option<String>,
    #[schema(value_type = BTreeMap<String, Rejected>)]
    pub rejections: Rejections,
    /// Of a connection that is polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<BusView>,
    pub devices: BTreeMap<String, DeviceView>,
}

/// One device on a shared connection.
#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct DeviceView {
    #[schema(value_type = String)]
    pub equipment: Arc<str>,
    pub answers: bool,
    /// It has been silent for long and is only tried now and then.
    pub resting: bool,
    pub last_error: Option<String>,
    /// Given when it is looked at.
    pub last_error_words: Option<Words>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_error_at: Option<Timestamp>,
    pub unit: Option<u8>,
    /// How often it is to be polled.
    pub poll_ms: f64,
    /// Registers and bits of one poll.
    pub addresses: u32,
    pub polls: u64,
    pub failed_polls: u64,
    pub poll_ms_last: f64,
    /// What it is asked for in one poll.
    pub requests: Vec<String>,
    /// What it has refused, and so is not asked for, or not like that.
    pub refused: Vec<String>,
    /// Given when it is looked at.
    pub refused_words: Vec<Words>,
}

impl SourceStatus {
    /// The link works now.
    pub fn up(&self, at: Timestamp) {
        let mut link = lock(&self.link);
        if !link.is_up {
            link.is_up = true;
            link.since = Some(at);
        }
    }

    /// The link is lost, or could not be made, for this reason.
    pub fn down(&self, at: Timestamp, error: impl Into<String>) {
        let mut link = lock(&self.link);
        if link.is_up || link.since.is_none() {
            link.since = Some(at);
        }
        if link.is_up {
            link.reconnects += 1;
        }
        link.is_up = false;
        link.last_error = Some(error.into());
        link.last_error_at = Some(at);
    }

    /// What the connection is like, and how full it is meant to be.
    pub fn set_bus(&self, view: BusView) {
        lock(&self.link).bus = Some(view);
    }

    pub fn set_bus_load(&self, percent: f64) {
        if let Some(bus) = &mut lock(&self.link).bus {
            bus.load_percent = Some(percent);
        }
    }

    /// The link works, but not as it was asked to.
    pub fn complain(&self, error: impl Into<String>) {
        let mut link = lock(&self.link);
        link.last_error = Some(error.into());
        link.last_error_at = link.since;
    }

    pub fn update_device(&self, name: &str, change: impl FnOnce(&mut DeviceView)) {
        let mut link = lock(&self.link);
        if let Some(device) = link.devices.get_mut(name) {
            change(device);
        } else {
            change(link.devices.entry(name.to_owned()).or_default());
        }
    }

    pub(super) fn reach(&self, name: &str) -> Vec<Reach> {
        let link = lock(&self.link);
        // What was never up or down, such as what has no link, is not known.
        if link.since.is_none() {
            return Vec::new();
        }
        let mut reach = vec![Reach {
            name: name.to_owned(),
            is_up: link.is_up,
            error: link.last_error.clone(),
        }];
        let devices = link.devices.iter().filter(|_| link.is_up);
        reach.extend(devices.map(|(device, view)| Reach {
            name: format!("{name}/{device}"),
            is_up: view.answers,
            error: view.last_error.clone(),
        }));
        reach
    }

    pub fn count_reading(&self) {
        self.readings.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_limited(&self, topic: &str) {
        self.limited.fetch_add(1, Ordering::Relaxed);
        lock(&self.link).limited_by_topic.count(topic);
    }

    pub fn count_retained(&self) {
        self.retained.fetch_add(1, Ordering::Relaxed);
    }

    /// A reading that could not be understood, of this topic or station; it is kept as a sample.
    pub fn reject(&self, at: Timestamp, subject: &str, reason: &str, payload: &[u8]) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        let mut link = lock(&self.link);
        link.last_rejection = Some(format!("{subject}: {reason}"));
        link.rejections.add(at, subject, reason, payload);
    }

    pub fn view(&self) -> SourceView {
        let mut link = lock(&self.link).clone();
        let worded = |error: &Option<String>| error.as_deref().map(troubles::worded);
        for device in link.devices.values_mut() {
            device.last_error_words = worded(&device.last_error);
            device.refused_words = device.refused.iter().map(|what| troubles::worded(what)).collect();
        }
        for unmet in link.bus.iter_mut().flat_map(|bus| &mut bus.unmet) {
            unmet.words = troubles::worded(&unmet.why);
        }
        link.rejections.put_into_words();
        SourceView {
            connected: link.is_up,
            since: link.since,
            last_error_words: worded(&link.last_error),
            last_error: link.last_error,
            last_error_at: link.last_error_at,
            reconnects: link.reconnects,
            readings: self.readings.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            duplicates: self.duplicates.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
            limited_by_topic: link.limited_by_topic,
            retained: self.retained.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            last_rejection: link.last_rejection,
            rejections: link.rejections,
            bus: link.bus,
            devices: link.devices,
        }
    }
}

/// Waits for readings that come once, such as polls, to count those that are lost.
impl Waiting for SourceStatus {
    fn kept(&self, _: u64, _: Option<Feedback>) {}

    fn refused(&self, _: u64) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}
