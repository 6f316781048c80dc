//! Low output: fewer pieces than this hour of the week and this part make one expect. A Poisson CUSUM over windows of time,
//! as the logarithm of the likelihood of "so much less" against "as always", so that each window may have its own
//! expectation.
//!
//! * No statistic outside of planned time. Where no time is planned, windows in which the machine stood say nothing.
//! * A window counts if it was observed from its beginning to its end, with one part.
//! * What is not told is learnt for each hour of the week and part by itself: the first night with half the pieces is no alarm,
//!   but what night is like.
//! * By Wald, "as always" reaches the threshold once in e^10 (22 000) windows at most. Real counts vary more than Poisson's,
//!   by a factor that is learnt and taken out.

mod usual;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::counter_reset::Steps;
use super::planned::{Planned, hour_of_week};
use super::{Flag, Moment, Sign, What};
use crate::clock::Zone;
use crate::record::{CounterDef, Timestamp};
use usual::Usual;

const THRESHOLD: f64 = 10.0;
/// The sum is held here, so that the alarm does not outlast a long stop by as long.
const SUM_MAX: f64 = 1.5 * THRESHOLD;
/// Windows without any reading that are judged at once.
const EMPTY_WINDOWS_MAX: usize = 1000;

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub counter: CounterDef,
    pub window_s: i64,
    /// The loss that is to be found, as a fraction: 0.3 is 30 % fewer pieces.
    pub drop: f64,
    /// Pieces per hour, of any part and of certain ones; learnt if it is not given.
    pub per_hour: Option<f64>,
    pub per_hour_of: BTreeMap<String, f64>,
    pub zone: Zone,
    pub planned: Option<Planned>,
    /// The point only speaks when it has counted: silence is no gap but no pieces.
    pub is_silent_at_rest: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LowOutput {
    steps: Steps,
    window: Option<Window>,
    usual: Usual,
    sum: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Window {
    start: Timestamp,
    pieces: u64,
    is_whole: bool,
    has_stood: bool,
    part: String,
}

impl LowOutput {
    pub fn take(&mut self, settings: &Settings, moment: &Moment, value: f64) -> Option<Sign> {
        let is_unknown = moment.is_after_gap && !settings.is_silent_at_rest;
        if is_unknown && let Some(window) = &mut self.window {
            window.is_whole = false;
        }
        let sign = self.pass(settings, moment.at, is_unknown);
        let step = self.steps.take(&settings.counter, moment.at, value);
        let window = self.window.get_or_insert_with(|| Window {
            start: window_start(moment.at, settings.window_s),
            pieces: 0,
            is_whole: false,
            has_stood: false,
            part: moment.part.to_owned(),
        });
        window.pieces += step.map_or(0, |step| step.pieces);
        window.has_stood |= moment.is_standing();
        if window.part != moment.part {
            moment.part.clone_into(&mut window.part);
            window.is_whole = false;
        }
        sign
    }

    /// Windows that ended a whole window ago: whatever was counted in them has arrived.
    pub fn tick(&mut self, settings: &Settings, now: Timestamp) -> Option<Sign> {
        let until = now - TimeDelta::seconds(settings.window_s);
        settings.is_silent_at_rest.then(|| self.pass(settings, until, false))?
    }

    /// The gateway's clock was set, and shows `now`: what seems to lie between is no window without pieces. One that is begun
    /// anew is not whole. Whether that changes anything.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) -> bool {
        let is_off = |window: &mut Window| !by.is_zero() || window.start > now;
        self.window.take_if(is_off).is_some()
    }

    /// Closes all windows before the one of this moment.
    fn pass(&mut self, settings: &Settings, at: Timestamp, is_unknown: bool) -> Option<Sign> {
        let current = window_start(at, settings.window_s);
        let mut sign = None;
        for _ in 0..EMPTY_WINDOWS_MAX {
            let window = self.window.take_if(|window| window.start < current)?;
            let end = window.start + TimeDelta::seconds(settings.window_s);
            sign = self.judge(settings, &window, end).or(sign);
            let is_next = end == current;
            let follows = is_next || settings.is_silent_at_rest;
            self.window = Some(Window {
                start: if follows { end } else { current },
                pieces: 0,
                is_whole: follows && !is_unknown,
                has_stood: false,
                part: window.part,
            });
            if is_next || !follows {
                return sign;
            }
        }
        self.window = None;
        sign
    }

    fn judge(&mut self, settings: &Settings, window: &Window, end: Timestamp) -> Option<Sign> {
        let is_planned = match &settings.planned {
            Some(planned) => planned.holds_all(window.start, end),
            None => !window.has_stood,
        };
        if !window.is_whole || !is_planned {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "pieces of one window")]
        let counted = window.pieces as f64;
        let (expected, dispersion) = self.expect(settings, window, counted)?;
        let left = 1.0 - settings.drop;
        let evidence = counted * left.ln() + expected * settings.drop;
        self.sum = (self.sum + evidence / dispersion).clamp(0.0, SUM_MAX);
        let badness = self.sum / THRESHOLD;
        Some(Sign {
            at: end,
            flag: Flag::above(badness, 1.0, None),
            badness,
            what: What::LowOutput {
                counted,
                expected,
                window_s: end.signed_duration_since(window.start).as_seconds_f64(),
            },
        })
    }

    fn expect(&mut self, settings: &Settings, window: &Window, counted: f64) -> Option<(f64, f64)> {
        if let Some(per_hour) = settings.per_hour(&window.part) {
            #[expect(clippy::cast_precision_loss, reason = "a window is hours long at most")]
            let hours = settings.window_s as f64 / 3600.0;
            return Some((per_hour * hours, 1.0));
        }
        let hour = hour_of_week(settings.zone, window.start);
        let is_calm = self.sum < THRESHOLD / 2.0;
        self.usual.expect(&window.part, hour, window.start, counted, is_calm)
    }

    pub fn is_learning(&self, settings: &Settings) -> bool {
        settings.per_hour.is_none() && settings.per_hour_of.is_empty() && self.usual.is_learning()
    }
}

impl Settings {
    fn per_hour(&self, part: &str) -> Option<f64> {
        self.per_hour_of.get(part).copied().or(self.per_hour)
    }
}

fn window_start(at: Timestamp, window_s: i64) -> Timestamp {
    let start_s = at.timestamp().div_euclid(window_s) * window_s;
    Timestamp::from_timestamp(start_s, 0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_S: i64 = 300;

    fn settings() -> Settings {
        Settings {
            counter: CounterDef {
                rolls_over_at: None,
                max_per_second: f64::INFINITY,
                scaling: None,
            },
            window_s: WINDOW_S,
            drop: 0.3,
            per_hour: Some(1200.0),
            per_hour_of: BTreeMap::from([("P-SLOW".to_owned(), 600.0)]),
            zone: Zone::UTC,
            planned: None,
            is_silent_at_rest: false,
        }
    }

    /// Monday, midnight.
    fn at(second: i64) -> Timestamp {
        "2026-11-16T00:00:00Z".parse::<Timestamp>().expect("an instant") + TimeDelta::seconds(second)
    }

    /// A line that makes so many pieces an hour, read every 10 s; windows that were found too low.
    struct Line {
        output: LowOutput,
        settings: Settings,
        second: i64,
        pieces: f64,
        low: Vec<i64>,
    }

    impl Line {
        fn new(settings: Settings) -> Self {
            Self {
                output: LowOutput::default(),
                settings,
                second: 0,
                pieces: 0.0,
                low: Vec::new(),
            }
        }

        fn run(&mut self, minutes: i64, per_hour: f64, moment: impl Fn(Timestamp) -> Moment<'static>) {
            for _ in 0..minutes * 6 {
                self.pieces += per_hour / 360.0;
                let sign = self
                    .output
                    .take(&self.settings, &moment(at(self.second)), self.pieces.floor());
                self.hear(sign);
                self.second += 10;
            }
        }

        fn hear(&mut self, sign: Option<Sign>) {
            let low = sign.filter(|sign| sign.flag > Flag::Good);
            self.low.extend(low.map(|sign| (sign.at - at(0)).num_minutes()));
        }
    }

    #[test]
    fn a_third_less_is_found_within_a_few_windows() {
        let mut line = Line::new(settings());
        line.run(240, 1200.0, Moment::of);
        assert_eq!(line.low, [0_i64; 0]);
        line.run(60, 800.0, Moment::of);
        let first = line.low.first().expect("found");
        // 100 pieces a window are expected, 67 come: 6.2 of 10 a window.
        assert_eq!(*first, 250, "{:?}", line.low);
        line.low.clear();
        line.run(60, 1200.0, Moment::of);
        assert!(line.low.iter().all(|minute| *minute <= 305), "{:?}", line.low);
    }

    #[test]
    fn each_part_has_its_own_expectation() {
        let slow = |at| Moment {
            part: "P-SLOW",
            ..Moment::of(at)
        };
        let mut line = Line::new(settings());
        line.run(240, 600.0, slow);
        assert_eq!(line.low, [0_i64; 0]);
        line.run(60, 600.0, Moment::of);
        assert!(!line.low.is_empty());
    }

    #[test]
    fn standing_gaps_and_unplanned_time_are_no_low_output() {
        let standing = |at| Moment {
            is_running: Some(false),
            ..Moment::of(at)
        };
        let after_gap = |at: Timestamp| Moment {
            is_after_gap: at.timestamp() % WINDOW_S == 0,
            ..Moment::of(at)
        };
        let mut line = Line::new(settings());
        line.run(120, 0.0, standing);
        line.run(120, 0.0, after_gap);
        assert_eq!(line.low, [0_i64; 0]);
        // With a plan a standing machine is low output within it, and only there.
        let planned = Planned {
            zone: Zone::UTC,
            spans: vec!["mon 06:00-08:00".parse().expect("a span")],
            closed: Vec::new(),
        };
        let mut line = Line::new(Settings {
            planned: Some(planned),
            ..settings()
        });
        line.run(24 * 60, 0.0, standing);
        assert!(line.low.first().is_some_and(|minute| *minute == 365), "{:?}", line.low);
        assert!(
            line.low.iter().all(|minute| (365..=480).contains(minute)),
            "{:?}",
            line.low
        );
    }

    #[test]
    fn a_counter_that_is_silent_at_rest_is_judged_by_time() {
        let silent = Settings {
            is_silent_at_rest: true,
            ..settings()
        };
        let mut line = Line::new(silent);
        line.run(60, 1200.0, Moment::of);
        let mut found = None;
        for minute in 60..120 {
            let sign = line.output.tick(&line.settings, at(minute * 60));
            found = found.or(sign.filter(|sign| sign.flag > Flag::Good));
        }
        // An empty window is worth 30 of 10; it is looked at when another has passed.
        assert_eq!(found.map(|sign| (sign.at - at(0)).num_minutes()), Some(65));
    }

    #[test]
    fn a_clock_that_is_set_makes_no_empty_windows() {
        let silent = Settings {
            is_silent_at_rest: true,
            ..settings()
        };
        let mut line = Line::new(silent);
        line.run(60, 1200.0, Moment::of);
        line.second += 7200;
        let now = at(line.second);
        assert!(line.output.clock_was_set(TimeDelta::hours(2), now));
        for _ in 0..60 {
            let sign = line.output.tick(&line.settings, at(line.second));
            line.hear(sign);
            line.run(1, 1200.0, Moment::of);
        }
        assert_eq!(line.low, [0_i64; 0]);
        line.run(60, 600.0, Moment::of);
        assert!(!line.low.is_empty(), "it is judged as before");
    }

    #[test]
    fn what_is_usual_is_learnt_with_the_hours_of_the_week() {
        let learnt = Settings {
            per_hour: None,
            per_hour_of: BTreeMap::new(),
            ..settings()
        };
        let mut line = Line::new(learnt);
        assert!(line.output.is_learning(&line.settings));
        for day in 0..28 {
            for hour in 0..24 {
                // At night half as much is made.
                let per_hour = if hour < 6 { 600.0 } else { 1200.0 };
                line.run(60, per_hour, Moment::of);
            }
            if day == 13 {
                line.low.clear();
            }
        }
        assert!(!line.output.is_learning(&line.settings));
        assert_eq!(line.low, [0_i64; 0], "the third and fourth week bring nothing new");
        line.run(6 * 60, 600.0, Moment::of);
        assert_eq!(line.low, [0_i64; 0], "nor does another night");
        line.run(6 * 60, 600.0, Moment::of);
        assert!(!line.low.is_empty(), "but half as much by day does");
    }
}
