//! `[watch.NAME]`: checks on a point, or on several together, as written and as the judges take them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;

use super::plan::Check;
use super::points::Points;
use super::sections::Config;
use crate::clock::Zone;
use crate::intake::judgement::Judge;
use crate::judge::anomaly::learning::Limit;
use crate::judge::anomaly::outlier::Sensitivity;
use crate::judge::anomaly::planned::{Planned, Span};
use crate::judge::anomaly::watch::{self, How};
use crate::judge::anomaly::{cycle_time, drift, heartbeat, low_output, range, stuck, together};
use crate::record::CounterDef;
use crate::units::Period;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    from: From,
    checks: Vec<CheckName>,
    #[serde(default)]
    sensitivity: Sensitivity,
    stuck_after: Option<Period>,
    stuck_band: Option<Positive>,
    max_rate: Option<MaxRate>,
    max_spike: Option<Positive>,
    range: Option<Range>,
    heartbeat: Option<Heartbeat>,
    counter: Option<Counter>,
    low_output: Option<LowOutput>,
    cycle_time: Option<CycleTime>,
    /// Rows that drift learns from.
    learn: Option<u32>,
    /// How long limits that are not given are learnt.
    #[serde(default = "a_day")]
    learn_for: Period,
    on_delay: Option<Period>,
    off_delay: Option<Period>,
    gap_after: Option<Period>,
    #[serde(default)]
    only_running: bool,
}

fn a_day() -> Period {
    Period::from_ms(24 * 3_600_000)
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a point such as \"PRESS-7.force\", or a list of them")]
enum From {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CheckName {
    Outlier,
    Stuck,
    Rate,
    Range,
    Spike,
    Heartbeat,
    CounterReset,
    LowOutput,
    CycleTime,
    Drift,
}

/// A limit that something can be above.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct Positive(f64);

impl TryFrom<f64> for Positive {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if number.is_finite() && number > 0.0 {
            Ok(Self(number))
        } else {
            Err(format!("{number} is no limit; write a number above 0"))
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaxRate {
    per_second: Positive,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    low: Option<f64>,
    high: Option<f64>,
    fail_low: Option<f64>,
    fail_high: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Periodic,
    OnChange,
    Never,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heartbeat {
    #[serde(default)]
    mode: Mode,
    every: Option<Period>,
    factor: Option<Positive>,
    grace: Option<Period>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counter {
    rolls_over_at: Option<u64>,
    max_rate: Option<MaxRate>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LowOutput {
    #[serde(default = "five_minutes")]
    window: Period,
    #[serde(default = "three_tenths")]
    drop: Share,
    per_hour: Option<Positive>,
    #[serde(default)]
    per_hour_of: BTreeMap<String, Positive>,
    planned: Option<Vec<PlannedSpan>>,
    #[serde(default)]
    closed: Vec<NaiveDate>,
}

fn five_minutes() -> Period {
    Period::from_ms(5 * 60_000)
}

fn three_tenths() -> Share {
    Share(0.3)
}

impl Default for LowOutput {
    fn default() -> Self {
        Self {
            window: five_minutes(),
            drop: three_tenths(),
            per_hour: None,
            per_hour_of: BTreeMap::new(),
            planned: None,
            closed: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct Share(f64);

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if (0.05..=0.95).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!(
                "{number} is not a loss that can be found; write 0.05 to 0.95, such as 0.3 for 30 % less"
            ))
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct PlannedSpan(Span);

impl TryFrom<String> for PlannedSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CycleTime {
    #[serde(default)]
    from: CycleFrom,
    stop_after: Option<Period>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CycleFrom {
    #[default]
    Counts,
    Value,
}

pub(super) fn lower_watches(config: &Config, points: &Points, check: &mut Check) -> Vec<Judge> {
    let zone = Zone(config.gateway.timezone.0);
    let mut watches = Vec::new();
    for (name, written) in &config.watch {
        let mut lowering = Lowering {
            name,
            written,
            zone,
            points,
            check,
        };
        lowering.check_mentions();
        match &written.from {
            From::One(from) => watches.extend(lowering.point(from).map(|watch| Judge::Watch(Box::new(watch)))),
            From::Several(from) => watches.extend(lowering.together(from).map(Judge::Together)),
        }
    }
    watches
}

struct Lowering<'a, 'c, 't> {
    name: &'a str,
    written: &'a Watch,
    zone: Zone,
    points: &'a Points,
    check: &'a mut Check<'c, 't>,
}

impl Lowering<'_, '_, '_> {
    fn find(&mut self, key: &str, problem: impl std::fmt::Display) {
        self.check.find(&["watch", self.name, key], problem);
    }

    fn has(&self, name: CheckName) -> bool {
        self.written.checks.contains(&name)
    }

    /// A setting without its check is a slip.
    fn check_mentions(&mut self) {
        let written = self.written;
        if written.checks.is_empty() {
            self.find("checks", "nothing is checked; name at least one such as \"outlier\"");
        }
        let counts = [CheckName::CounterReset, CheckName::LowOutput, CheckName::CycleTime];
        let mentions = [
            (
                "stuck_after",
                written.stuck_after.is_some(),
                &[CheckName::Stuck][..],
                "stuck",
            ),
            ("stuck_band", written.stuck_band.is_some(), &[CheckName::Stuck], "stuck"),
            ("max_rate", written.max_rate.is_some(), &[CheckName::Rate], "rate"),
            ("max_spike", written.max_spike.is_some(), &[CheckName::Spike], "spike"),
            ("range", written.range.is_some(), &[CheckName::Range], "range"),
            ("counter", written.counter.is_some(), &counts, "counter_reset"),
            (
                "low_output",
                written.low_output.is_some(),
                &[CheckName::LowOutput],
                "low_output",
            ),
            (
                "cycle_time",
                written.cycle_time.is_some(),
                &[CheckName::CycleTime],
                "cycle_time",
            ),
            ("learn", written.learn.is_some(), &[CheckName::Drift], "drift"),
        ];
        for (key, is_written, checks, example) in mentions {
            if is_written && !checks.iter().any(|check| self.has(*check)) {
                self.find(
                    key,
                    format!("`{key}` has no effect without its check; add \"{example}\" to checks"),
                );
            }
        }
    }

    fn point(&mut self, from: &str) -> Option<watch::Settings> {
        let (equipment, point) = self.place(from)?;
        let mut checks = Vec::new();
        for name in &self.written.checks {
            let Some(how) = self.how(*name) else { continue };
            let mut delays = how.delays();
            let seconds = |period: Period| period.0.as_secs_f64();
            delays.on_s = self.written.on_delay.map_or(delays.on_s, seconds);
            delays.off_s = self.written.off_delay.map_or(delays.off_s, seconds);
            if checks.iter().any(|check: &watch::Check| check.how.name() == how.name()) {
                self.find("checks", format!("\"{}\" stands twice", how.name()));
            }
            checks.push(watch::Check { how, delays });
        }
        Some(watch::Settings {
            name: self.name.to_owned(),
            equipment,
            point,
            gap_after_s: self.written.gap_after.map(|gap| gap.0.as_secs_f64()),
            only_running: self.written.only_running,
            checks,
        })
    }

    fn place(&mut self, from: &str) -> Option<(String, String)> {
        let place = from
            .rsplit_once('.')
            .filter(|(equipment, point)| !equipment.is_empty() && !point.is_empty());
        if place.is_none() {
            self.find(
                "from",
                format!("`{from}` is not a point; write EQUIPMENT.point such as \"PRESS-7.force\""),
            );
        }
        let (equipment, point) = place?;
        // After other mistakes it may be told by what was left out for them.
        if self.check.tree.removed.is_empty()
            && let Some(problem) = self.points.problem(equipment, point)
        {
            self.find("from", problem);
        }
        Some((equipment.to_owned(), point.to_owned()))
    }

    fn how(&mut self, name: CheckName) -> Option<How> {
        let written = self.written;
        let learnt = Limit::Learnt {
            for_s: written.learn_for.0.as_secs_f64(),
        };
        let given = |limit: f64| Limit::Given {
            suspect: limit,
            fail: Some(2.0 * limit),
        };
        Some(match name {
            CheckName::Outlier => How::Outlier(written.sensitivity),
            CheckName::Stuck => {
                if self.mode() == Mode::OnChange {
                    let problem = "a point that only speaks when it changes is never stuck; use \"heartbeat\" instead";
                    self.find("checks", problem);
                }
                How::Stuck(stuck::Settings {
                    after: written.stuck_after.map_or(learnt, |after| given(after.0.as_secs_f64())),
                    band: written.stuck_band.map_or(stuck::SAME, |band| band.0),
                })
            }
            CheckName::Rate => How::Rate(written.max_rate.map_or(learnt, |rate| given(rate.per_second.0))),
            CheckName::Spike => How::Spike(written.max_spike.map_or(learnt, |spike| given(spike.0))),
            CheckName::Range => How::Range(self.range()),
            CheckName::Heartbeat => How::Heartbeat(self.heartbeat()?),
            CheckName::CounterReset => How::CounterReset(self.counter()),
            CheckName::LowOutput => How::LowOutput(Box::new(self.low_output())),
            CheckName::CycleTime => How::CycleTime(self.cycle_time()),
            CheckName::Drift => {
                self.find("from", "drift looks at several points together; write a list such as [\"PRESS-7.force\", \"PRESS-7.temperature\"]");
                return None;
            }
        })
    }

    fn mode(&self) -> Mode {
        self.written
            .heartbeat
            .map_or(Mode::Periodic, |heartbeat| heartbeat.mode)
    }

    fn range(&mut self) -> range::Settings {
        let Some(written) = self.written.range else {
            return range::Settings::Learnt {
                for_s: self.written.learn_for.0.as_secs_f64(),
            };
        };
        let span = |low: Option<f64>, high: Option<f64>| range::Span {
            low: low.unwrap_or(f64::NEG_INFINITY),
            high: high.unwrap_or(f64::INFINITY),
        };
        let suspect = span(written.low, written.high);
        let fail = span(written.fail_low, written.fail_high);
        if written.low.is_none() && written.high.is_none() {
            self.find("range", "says nothing; write low, high or both");
        }
        if suspect.low >= suspect.high {
            self.find("range", "low is not below high");
        }
        if fail.low > suspect.low || fail.high < suspect.high {
            self.find("range", "fail_low and fail_high lie outside of low and high");
        }
        range::Settings::Given {
            suspect,
            fail: Some(fail),
        }
    }

    fn heartbeat(&mut self) -> Option<heartbeat::Settings> {
        let usual = heartbeat::Settings::DEFAULT;
        let Some(written) = self.written.heartbeat else {
            return Some(usual);
        };
        match written.mode {
            Mode::Never => return None,
            Mode::OnChange if written.every.is_none() => {
                let problem = "a point that only speaks when it changes has no pace to learn; say with every = \"10m\" how often it speaks even so";
                self.find("heartbeat", problem);
            }
            _ => {}
        }
        Some(heartbeat::Settings {
            every_s: written.every.map(|every| every.0.as_secs_f64()),
            factor: written.factor.map_or(usual.factor, |factor| factor.0),
            grace_s: written.grace.map_or(usual.grace_s, |grace| grace.0.as_secs_f64()),
        })
    }

    fn counter(&mut self) -> CounterDef {
        let written = self.written.counter;
        let max_rate = written.and_then(|counter| counter.max_rate);
        let rolls_over_at = written.and_then(|counter| counter.rolls_over_at);
        if rolls_over_at.is_some() && max_rate.is_none() {
            let problem =
                "a roll-over is told from a reset by how fast the machine can count; add max_rate = { per_second = 5 }";
            self.find("counter", problem);
        }
        CounterDef {
            rolls_over_at,
            max_per_second: max_rate.map_or(f64::INFINITY, |rate| rate.per_second.0),
            scaling: None,
        }
    }

    fn low_output(&mut self) -> low_output::Settings {
        let written = self.written.low_output.clone().unwrap_or_default();
        let window_s = i64::try_from(written.window.0.as_secs()).unwrap_or(0);
        if !(10..=86_400).contains(&window_s) {
            self.find("low_output", "a window has 10s to 1d");
        }
        if written.planned.is_none() && !written.closed.is_empty() {
            self.find(
                "low_output",
                "days are only closed in a plan; add planned = [\"mon-fri 06:00-22:00\"]",
            );
        }
        let planned = written.planned.map(|spans| Planned {
            zone: self.zone,
            spans: spans.into_iter().map(|span| span.0).collect(),
            closed: written.closed,
        });
        let per_hour_of = written.per_hour_of.into_iter().map(|(part, rate)| (part, rate.0));
        low_output::Settings {
            counter: self.counter(),
            window_s: window_s.max(1),
            drop: written.drop.0,
            per_hour: written.per_hour.map(|rate| rate.0),
            per_hour_of: per_hour_of.collect(),
            zone: self.zone,
            planned,
            is_silent_at_rest: self.mode() == Mode::OnChange,
        }
    }

    fn cycle_time(&mut self) -> cycle_time::Settings {
        let written = self.written.cycle_time.unwrap_or_default();
        let (slow_sigmas, drift_sigmas) = match self.written.sensitivity {
            Sensitivity::Low => (8.0, 7.0),
            Sensitivity::Normal => (6.0, 5.0),
            Sensitivity::High => (4.5, 4.0),
        };
        let from = match written.from {
            CycleFrom::Counts => cycle_time::From::Counts(self.counter()),
            CycleFrom::Value => cycle_time::From::Value,
        };
        cycle_time::Settings {
            from,
            stop_after_s: written.stop_after.map(|after| after.0.as_secs_f64()),
            slow_sigmas,
            drift_sigmas,
        }
    }

    fn together(&mut self, from: &[String]) -> Option<together::Settings> {
        let points: Vec<(String, String)> = from.iter().filter_map(|from| self.place(from)).collect();
        if !(2..=drift::CHANNELS_MAX).contains(&from.len()) {
            let problem = format!("2 to {} points can be judged together", drift::CHANNELS_MAX);
            self.find("from", problem);
            return None;
        }
        if self.written.checks != [CheckName::Drift] {
            let problem =
                "several points together have one check, \"drift\"; give each point a watch of its own for others";
            self.find("checks", problem);
        }
        Some(together::Settings {
            name: self.name.to_owned(),
            points,
            learn_rows: self.written.learn.unwrap_or(together::LEARN_ROWS),
            off_s: self
                .written
                .off_delay
                .map_or(together::OFF_S, |delay| delay.0.as_secs_f64()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigError, Plan, load};
    use crate::intake::judgement::Judge;

    const PLANT: &str = r#"
        [gateway]
        id = "test"
        [modbus.line]
        url = "tcp://127.0.0.1:5020"
        [modbus.line.device.press]
        unit = 1
        equipment = "PRESS-7"
        poll = "1s"
        [modbus.line.device.press.points]
        temperature = { at = "input:0", type = "f32" }
        force = { at = "input:2", type = "f32" }
        total = { at = "input:4", type = "u32" }
    "#;

    fn plan(watches: &str) -> Result<Plan, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("lineside.toml");
        std::fs::write(&file, format!("{PLANT}{watches}")).expect("a file");
        load(&file).map_err(|error| match error {
            ConfigError::Wrong { text, .. } => text,
            ConfigError::Unreadable(cause) => cause,
        })
    }

    #[test]
    fn a_watch_is_lowered_as_it_is_written() {
        let plan = plan(
            r#"
            [watch.heat]
            from = "PRESS-7.temperature"
            checks = ["outlier", "stuck", "rate", "range", "heartbeat"]
            sensitivity = "low"
            stuck_after = "5m"
            max_rate = { per_second = 4.0 }
            range = { low = 5.0, high = 90.0 }
            on_delay = "10s"
            [watch.parts]
            from = "PRESS-7.total"
            checks = ["counter_reset", "low_output", "cycle_time"]
            low_output = { window = "15m", per_hour = 700, planned = ["mon-fri 06:00-22:00"] }
            [watch.both]
            from = ["PRESS-7.temperature", "PRESS-7.force"]
            checks = ["drift"]
            "#,
        );
        let judges = plan.expect("nothing is wrong").intake.judgement.judges;
        let [Judge::Watch(heat), Judge::Watch(parts), Judge::Together(both)] = judges.as_slice() else {
            panic!("{judges:#?}");
        };
        assert_eq!(
            (heat.equipment.as_str(), heat.point.as_str()),
            ("PRESS-7", "temperature")
        );
        let hows: Vec<&How> = heat.checks.iter().map(|check| &check.how).collect();
        assert_eq!(hows[0], &How::Outlier(Sensitivity::Low));
        let five_minutes = Limit::Given {
            suspect: 300.0,
            fail: Some(600.0),
        };
        assert!(matches!(hows[1], How::Stuck(stuck) if stuck.after == five_minutes));
        assert!(matches!(hows[3], How::Range(range::Settings::Given { suspect, .. }) if suspect.high > 89.0));
        assert!(heat.checks.iter().all(|check| check.delays.on_s > 9.0));
        assert!(
            matches!(&parts.checks[1].how, How::LowOutput(output) if output.window_s == 900 && output.planned.is_some())
        );
        assert_eq!(both.points.len(), 2);
    }

    #[test]
    fn what_is_wrong_with_a_watch_is_said() {
        for (watch, expected) in [
            (r#"from = "PRESS-7""#, "write EQUIPMENT.point"),
            (r#"from = "PRESS-8.force""#, "add [equipment.PRESS-8]"),
            (
                r#"from = "PRESS-7.forec""#,
                "no source tells `forec` of PRESS-7; there are: force, temperature, total",
            ),
            (r#"from = ["PRESS-7.force"]"#, "2 to 16 points"),
            (
                r#"from = "PRESS-7.force"
                max_spike = 3.0"#,
                "add \"spike\" to checks",
            ),
            (
                r#"from = "PRESS-7.force"
                range = { low = 9.0, high = 3.0 }"#,
                "low is not below high",
            ),
            (
                r#"from = "PRESS-7.force"
                range = { low = 3.0, high = 9.0, fail_high = 8.0 }"#,
                "outside of low and high",
            ),
            (
                r#"from = "PRESS-7.force"
                counter = { rolls_over_at = 65536 }"#,
                "how fast the machine can count",
            ),
            (
                r#"from = "PRESS-7.force"
                heartbeat = { mode = "on_change" }"#,
                "has no pace to learn",
            ),
            (
                r#"from = "PRESS-7.force"
                low_output = { drop = 1.5 }"#,
                "is not a loss",
            ),
            (
                r#"from = "PRESS-7.force"
                low_output = { planned = ["always"] }"#,
                "is not a span of planned time",
            ),
        ] {
            let checks = r#"checks = ["range", "heartbeat", "counter_reset", "low_output"]"#;
            let told = plan(&format!("[watch.x]\n{watch}\n{checks}")).expect_err(watch);
            assert!(told.contains(expected), "{watch}: {told}");
        }
    }
}
