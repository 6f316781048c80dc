//! The status as Prometheus text (exposition format 0.0.4).

use std::fmt::Write;

use crate::status::{Status, UpstreamView};

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP lineside_{name} {help}\n# TYPE lineside_{name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, text)| format!("{key}=\"{}\"", escaped(text)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(self.0, "lineside_{name}{labels} {value}");
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// One number of an upstream.
type Count = fn(&UpstreamView) -> u64;

#[expect(clippy::cast_precision_loss, reason = "Prometheus values are floats")]
pub fn render(status: &Status) -> String {
    let mut page = Page(String::new());
    let sources = status.sources();
    let mut of_sources = |name, kind, help, value: &dyn Fn(&crate::status::SourceView) -> f64| {
        page.family(name, kind, help);
        for (source, view) in &sources {
            page.value(name, &[("source", source)], value(view));
        }
    };
    of_sources("source_connected", "gauge", "1 while the source's link is up.", &|v| {
        f64::from(u8::from(v.connected))
    });
    of_sources("source_readings_total", "counter", "Readings heard.", &|v| {
        v.readings as f64
    });
    of_sources(
        "source_rejected_total",
        "counter",
        "Readings that could not be understood.",
        &|v| v.rejected as f64,
    );
    of_sources(
        "source_duplicates_total",
        "counter",
        "Readings recognised as repeats.",
        &|v| v.duplicates as f64,
    );
    of_sources(
        "source_limited_total",
        "counter",
        "Messages beyond the rate of their topic.",
        &|v| v.limited as f64,
    );
    of_sources("source_reconnects_total", "counter", "Times the link was lost.", &|v| {
        v.reconnects as f64
    });

    let buffer = status.buffer();
    let flag = |is_set: bool| f64::from(u8::from(is_set));
    for (name, kind, help, value) in [
        (
            "buffer_writable",
            "gauge",
            "1 while records can be accepted.",
            flag(buffer.writable),
        ),
        (
            "buffer_telemetry_paused",
            "gauge",
            "1 while telemetry is held back for want of disk.",
            flag(buffer.telemetry_paused),
        ),
        (
            "buffer_disk_bytes",
            "gauge",
            "Bytes that the buffer takes on disk.",
            buffer.disk_bytes as f64,
        ),
        ("buffer_max_bytes", "gauge", "Its bound.", buffer.max_bytes as f64),
        (
            "disk_free_bytes",
            "gauge",
            "Free bytes on the buffer's disk.",
            buffer.free_disk_bytes as f64,
        ),
        (
            "buffer_commits_total",
            "counter",
            "Groups written and synced.",
            buffer.commits as f64,
        ),
        (
            "dead_letters",
            "gauge",
            "Messages that an upstream refused for good.",
            buffer.dead_letters as f64,
        ),
    ] {
        page.family(name, kind, help);
        page.value(name, &[], value);
    }
    page.family(
        "buffer_accepted_total",
        "counter",
        "Records accepted since the buffer was made.",
    );
    for (lane, view) in &buffer.lanes {
        page.value(
            "buffer_accepted_total",
            &[("lane", lane.name())],
            view.next_sequence.saturating_sub(1) as f64,
        );
    }
    page.family(
        "buffer_dropped_total",
        "counter",
        "Records that gave way to the bound before they were delivered.",
    );
    for (lane, view) in &buffer.lanes {
        page.value("buffer_dropped_total", &[("lane", lane.name())], view.dropped as f64);
    }

    let upstreams = status.upstreams();
    page.family("upstream_reachable", "gauge", "1 while the upstream takes batches.");
    for (name, view) in &upstreams {
        page.value("upstream_reachable", &[("upstream", name)], flag(view.reachable));
    }
    page.family("upstream_waiting", "gauge", "Records that wait for the upstream.");
    for (name, view) in &upstreams {
        for (lane, count) in &view.waiting {
            page.value(
                "upstream_waiting",
                &[("upstream", name), ("lane", lane.name())],
                *count as f64,
            );
        }
    }
    let counters: [(&str, &str, Count); 3] = [
        ("upstream_sent_total", "Records that the upstream stored.", |view| {
            view.sent
        }),
        (
            "upstream_rejected_total",
            "Records that the upstream refused.",
            |view| view.rejected,
        ),
        ("upstream_failures_total", "Attempts without success.", |view| {
            view.failures
        }),
    ];
    for (metric, help, value) in counters {
        page.family(metric, "counter", help);
        for (name, view) in &upstreams {
            page.value(metric, &[("upstream", name)], value(view) as f64);
        }
    }
    page.0
}
