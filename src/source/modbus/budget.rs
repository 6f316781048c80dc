//! How much of a connection's time its polls take, worked out before anything is connected: characters on the wire,
//! silences, gaps, and what a device typically takes to answer. Pure.

use std::time::Duration;

use super::device::requests;
use super::link::{REQUEST_BYTES, answer_bytes};
use super::plan::Span;
use super::settings::{Finding, Settings};
use super::url::wire_time;

/// What devices typically take for an answer.
const ANSWER_TYPICAL_TCP: Duration = Duration::from_millis(10);
const ANSWER_TYPICAL_RTU: Duration = Duration::from_millis(20);
/// Below this nothing is polled; it only keeps a division from failing.
const POLL_MIN: Duration = Duration::from_millis(1);

/// What the polls of one device take.
#[derive(Debug)]
struct Need<'a> {
    device: &'a str,
    requests: usize,
    poll: Duration,
    cost: Duration,
}

impl Need<'_> {
    fn share(&self) -> f64 {
        self.cost.as_secs_f64() / self.poll.max(POLL_MIN).as_secs_f64()
    }
}

pub fn answer_typical(settings: &Settings) -> Duration {
    if settings.url.is_rtu() {
        ANSWER_TYPICAL_RTU
    } else {
        ANSWER_TYPICAL_TCP
    }
}

/// What one request takes at the very least, with a device that answers at once.
fn cost(settings: &Settings, block: Span) -> Duration {
    let silence = settings.url.silence();
    let bytes = REQUEST_BYTES + answer_bytes(block);
    let on_the_wire = settings.url.line().map(|line| wire_time(line, bytes));
    on_the_wire.unwrap_or_default() + settings.url.switching() + silence + settings.request_gap.0.max(silence)
}

/// What each device needs if answers take so long, the most frequent polls first.
fn needs(settings: &Settings, answer: Duration) -> Vec<Need<'_>> {
    let mut needs: Vec<Need> = settings
        .device
        .iter()
        .map(|(device, of_device)| {
            let requests = requests(of_device);
            Need {
                device,
                requests: requests.len(),
                poll: of_device.poll.0,
                cost: requests.iter().map(|block| cost(settings, *block) + answer).sum(),
            }
        })
        .collect();
    needs.sort_by_key(|need| need.poll);
    needs
}

/// The part of the connection's time that all polls take if answers take so long.
pub fn share(settings: &Settings, answer: Duration) -> f64 {
    needs(settings, answer).iter().map(Need::share).sum()
}

/// Device by device, the polls that can't be met beside the more frequent ones if answers take so long.
pub fn unmet(settings: &Settings, answer: Duration) -> Vec<(String, String)> {
    let mut taken = 0.0;
    let mut unmet = Vec::new();
    for need in needs(settings, answer) {
        let left = 1.0 - taken;
        taken += need.share();
        if need.share() <= left {
            continue;
        }
        let instead = if left > 0.0 {
            let ms = need.cost.as_secs_f64() * 1000.0 / left;
            format!("poll it every \"{:.0}ms\" or less often", ms.ceil())
        } else {
            "poll the other devices less often".to_owned()
        };
        let beside = if left < 1.0 {
            format!(
                ", and the more frequent polls leave {:.0} % of the time",
                left.max(0.0) * 100.0
            )
        } else {
            String::new()
        };
        let what = format!(
            "its requests ({}) take {:.0} ms of every {:?}{beside}; {instead}",
            need.requests,
            need.cost.as_secs_f64() * 1000.0,
            need.poll,
        );
        unmet.push((need.device.to_owned(), what));
    }
    unmet
}

/// What can't be met whatever the devices do.
pub fn findings(settings: &Settings) -> Vec<Finding> {
    unmet(settings, Duration::ZERO)
        .into_iter()
        .map(|(device, what)| (vec!["device".to_owned(), device, "poll".to_owned()], what))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two meters of 80 registers, and a press with one.
    fn bus(baud: u32, meter_poll: &str) -> Settings {
        toml::from_str(&format!(
            r#"
            url = "rtu:///dev/ttyUSB0?baud={baud}"
            [device.meter-1]
            unit = 1
            equipment = "METER-1"
            poll = "{meter_poll}"
            points.name = {{ at = "input:0", type = "string:160" }}
            [device.meter-2]
            unit = 2
            equipment = "METER-2"
            poll = "5s"
            points.name = {{ at = "input:0", type = "string:160" }}
            [device.press]
            unit = 3
            equipment = "PRESS"
            poll = "100ms"
            points.state = {{ at = "holding:0", type = "u16" }}
            "#
        ))
        .expect("settings")
    }

    #[test]
    fn the_wire_decides_what_can_be_met() {
        // 173 characters are 198 ms and two silences 8 ms; the press takes 25 of its 100 ms.
        assert_eq!(unmet(&bus(9600, "1s"), Duration::ZERO), []);
        let told = findings(&bus(9600, "200ms"));
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0].0, ["device", "meter-1", "poll"]);
        assert!(
            told[0]
                .1
                .starts_with("its requests (1) take 206 ms of every 200ms, and")
                && told[0].1.contains("poll it every \"276ms\""),
            "{told:?}"
        );
        assert!(told[1].1.ends_with("poll the other devices less often"), "{told:?}");
        assert_eq!(findings(&bus(115_200, "200ms")), []);
    }

    #[test]
    fn slow_answers_and_gaps_count() {
        let mut settings = bus(19200, "250ms");
        assert_eq!(unmet(&settings, Duration::ZERO), []);
        let quick = share(&settings, Duration::ZERO);
        assert!((quick - 0.56).abs() < 0.02, "{quick}");
        assert_eq!(unmet(&settings, Duration::from_millis(60)).len(), 2);
        settings.request_gap.0 = Duration::from_millis(60);
        assert_eq!(findings(&settings).len(), 2);
    }
}
