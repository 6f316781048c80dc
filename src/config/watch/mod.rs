//! `[watch.NAME]`: checks on a point, or on several together, as the judges take them.

mod written;

use super::plan::Check;
use super::points::Points;
use super::sections::Config;
use crate::clock::Zone;
use crate::intake::judgement::Judge;
use crate::judge::anomaly::learning::Limit;
use crate::judge::anomaly::outlier::Sensitivity;
use crate::judge::anomaly::planned::Planned;
use crate::judge::anomaly::watch::{self, How};
use crate::judge::anomaly::{cycle_time, drift, heartbeat, low_output, range, stuck, together};
use crate::record::CounterDef;
use crate::units::Period;
pub(super) use written::Watch;
use written::{CheckName, CycleFrom, From, Mode};

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
mod tests;
