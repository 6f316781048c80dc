//! What the gateway counts: one table of families, shown as Prometheus text (exposition format 0.0.4) and explained to
//! people.

use std::fmt::Write;

use serde::Serialize;
use utoipa::ToSchema;

use crate::status::{LaneView, SourceView, Status, UpstreamView};

/// A metric, what it means, and what it is now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Metric)]
pub struct Family {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub help: &'static str,
    pub values: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = MetricKind)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows, from the start of the gateway or of its buffer.
    Counter,
}

/// One value of a metric, of what the labels say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MetricValue)]
pub struct Sample {
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    #[serde(serialize_with = "as_map")]
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

fn as_map<S: serde::Serializer>(labels: &[(&'static str, String)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(labels.iter().map(|(key, text)| (key, text)))
}

fn family(name: &str, kind: Kind, help: &'static str, values: Vec<Sample>) -> Family {
    Family {
        name: format!("lineside_{name}"),
        kind,
        help,
        values,
    }
}

fn one(value: f64) -> Vec<Sample> {
    vec![Sample {
        labels: Vec::new(),
        value,
    }]
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus values are floats")]
fn count(number: u64) -> f64 {
    number as f64
}

/// A metric of each source, each lane or each upstream.
type Of<T> = (&'static str, Kind, &'static str, fn(&T) -> f64);

const OF_SOURCES: [Of<SourceView>; 7] = [
    (
        "source_connected",
        Kind::Gauge,
        "1 while the source's link is up.",
        |v| flag(v.connected),
    ),
    ("source_readings_total", Kind::Counter, "Readings heard.", |v| {
        count(v.readings)
    }),
    (
        "source_rejected_total",
        Kind::Counter,
        "Readings that could not be understood.",
        |v| count(v.rejected),
    ),
    (
        "source_duplicates_total",
        Kind::Counter,
        "Readings recognised as repeats.",
        |v| count(v.duplicates),
    ),
    (
        "source_limited_total",
        Kind::Counter,
        "Messages beyond the rate of their topic.",
        |v| count(v.limited),
    ),
    (
        "source_lost_total",
        Kind::Counter,
        "Readings that the disk refused and that nobody sends again, such as polls.",
        |v| count(v.lost),
    ),
    (
        "source_reconnects_total",
        Kind::Counter,
        "Times the link was lost.",
        |v| count(v.reconnects),
    ),
];

const OF_LANES: [Of<LaneView>; 2] = [
    (
        "buffer_accepted_total",
        Kind::Counter,
        "Records accepted since the buffer was made.",
        |v| count(v.next_sequence.saturating_sub(1)),
    ),
    (
        "buffer_dropped_total",
        Kind::Counter,
        "Records that gave way to the bound before they were delivered.",
        |v| count(v.dropped),
    ),
];

const OF_UPSTREAMS: [Of<UpstreamView>; 3] = [
    (
        "upstream_sent_total",
        Kind::Counter,
        "Records that the upstream stored.",
        |v| count(v.sent),
    ),
    (
        "upstream_rejected_total",
        Kind::Counter,
        "Records that the upstream refused.",
        |v| count(v.rejected),
    ),
    (
        "upstream_failures_total",
        Kind::Counter,
        "Attempts without success.",
        |v| count(v.failures),
    ),
];

/// Everything that is counted, as it is now.
pub fn families(status: &Status) -> Vec<Family> {
    let mut all = Vec::new();
    let sources = status.sources();
    for (name, kind, help, value) in OF_SOURCES {
        let values = sources.iter().map(|(source, view)| Sample {
            labels: vec![("source", source.clone())],
            value: value(view),
        });
        all.push(family(name, kind, help, values.collect()));
    }
    let buses = sources.iter().filter_map(|(source, view)| {
        let percent = view.bus.as_ref()?.load_percent?;
        Some(Sample {
            labels: vec![("source", source.clone())],
            value: percent / 100.0,
        })
    });
    all.push(family(
        "bus_load_ratio",
        Kind::Gauge,
        "Of a polled connection's time, the part that requests took in the last seconds.",
        buses.collect(),
    ));

    let buffer = status.buffer();
    for (name, kind, help, value) in [
        (
            "buffer_writable",
            Kind::Gauge,
            "1 while records can be accepted.",
            flag(buffer.writable),
        ),
        (
            "buffer_telemetry_paused",
            Kind::Gauge,
            "1 while telemetry is held back for want of disk.",
            flag(buffer.telemetry_paused),
        ),
        (
            "buffer_disk_bytes",
            Kind::Gauge,
            "Bytes that the buffer takes on disk.",
            count(buffer.disk_bytes),
        ),
        ("buffer_max_bytes", Kind::Gauge, "Its bound.", count(buffer.max_bytes)),
        (
            "disk_free_bytes",
            Kind::Gauge,
            "Free bytes on the buffer's disk.",
            count(buffer.free_disk_bytes),
        ),
        (
            "buffer_commits_total",
            Kind::Counter,
            "Groups written and synced.",
            count(buffer.commits),
        ),
        (
            "dead_letters",
            Kind::Gauge,
            "Messages that an upstream refused for good.",
            count(buffer.dead_letters),
        ),
    ] {
        all.push(family(name, kind, help, one(value)));
    }
    for (name, kind, help, value) in OF_LANES {
        let values = buffer.lanes.iter().map(|(lane, view)| Sample {
            labels: vec![("lane", lane.name().to_owned())],
            value: value(view),
        });
        all.push(family(name, kind, help, values.collect()));
    }

    let upstreams = status.upstreams();
    let reachable = upstreams.iter().map(|(name, view)| Sample {
        labels: vec![("upstream", name.clone())],
        value: flag(view.reachable),
    });
    let help = "1 while the upstream takes batches.";
    all.push(family("upstream_reachable", Kind::Gauge, help, reachable.collect()));
    let waiting = upstreams.iter().flat_map(|(name, view)| {
        view.waiting.iter().map(|(lane, records)| Sample {
            labels: vec![("upstream", name.clone()), ("lane", lane.name().to_owned())],
            value: count(*records),
        })
    });
    let help = "Records that wait for the upstream.";
    all.push(family("upstream_waiting", Kind::Gauge, help, waiting.collect()));
    for (name, kind, help, value) in OF_UPSTREAMS {
        let values = upstreams.iter().map(|(upstream, view)| Sample {
            labels: vec![("upstream", upstream.clone())],
            value: value(view),
        });
        all.push(family(name, kind, help, values.collect()));
    }
    let tasks = tokio::runtime::Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks());
    let help = "Tasks that run within the gateway: some for each connection, and no more after it has ended.";
    all.push(family("tasks", Kind::Gauge, help, one(count(tasks as u64))));
    all
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The families as Prometheus reads them.
pub fn render(status: &Status) -> String {
    let mut page = String::new();
    for family in families(status) {
        let (name, help) = (&family.name, family.help);
        let kind = match family.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        // Writing to a string does not fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for Sample { labels, value } in &family.values {
            let labels = labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text)));
            let labels = labels.collect::<Vec<_>>().join(",");
            let labels = if labels.is_empty() {
                labels
            } else {
                format!("{{{labels}}}")
            };
            let _ = writeln!(page, "{name}{labels} {value}");
        }
    }
    page
}
