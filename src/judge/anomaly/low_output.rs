//! Low output: fewer pieces than this hour of the week and this part make one expect. A Poisson CUSUM over windows of time,
//! as the logarithm of the likelihood of "so much less" against "as always", so that each window may have its own
//! expectation.
//!
//! * No statistic outside of planned time. Where no time is planned, windows in which the machine stood say nothing.
//! * A window counts if it was observed from its beginning to its end, with one part.
//! * By Wald, "as always" reaches the threshold once in e^10 (22 000) windows at most. Real counts vary more than Poisson's,
//!   by a factor that is learnt and taken out.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::counter_reset::Steps;
use super::planned::{Planned, hour_of_week};
use super::{Flag, Moment, Sign, What};
use crate::clock::Zone;
use crate::record::{CounterDef, Timestamp};

const THRESHOLD: f64 = 10.0;
/// The sum is held here, so that the alarm does not outlast a long stop by as long.
const SUM_MAX: f64 = 1.5 * THRESHOLD;
/// Windows of a part before anything is said of it.
const LEARN_WINDOWS: u32 = 24;
/// Weight of a window once a part is known: what is usual follows slowly, and not while something is wrong.
const WEIGHT_MIN: f64 = 0.01;
/// Parts that are remembered; the one that was not made for longest gives way.
const PARTS_MAX: usize = 12;
const HOURS_OF_WEEK: usize = 168;
/// Pieces that an hour of the week needs to be believed half as much as all others together.
const HOUR_PIECES: f32 = 50.0;
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
        settings.per_hour.is_none() && settings.per_hour_of.is_empty() && !self.usual.knows_any()
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

/// What is usual: so many pieces of a part in a window, times a factor of the hour of the week.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Usual {
    parts: Vec<OfPart>,
    /// Pieces counted and expected in each hour of the week.
    hours: Vec<(f32, f32)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OfPart {
    part: String,
    windows: u32,
    mean: f64,
    /// How many times Poisson's the variance is.
    dispersion: f64,
    made: Timestamp,
}

impl Usual {
    /// The pieces to expect and how much more than Poisson they vary; none while the part is being learnt. Learns from
    /// what was counted.
    fn expect(&mut self, part: &str, hour: usize, at: Timestamp, counted: f64, is_calm: bool) -> Option<(f64, f64)> {
        self.hours.resize(HOURS_OF_WEEK, (0.0, 0.0));
        let (seen, foreseen) = self.hours.get_mut(hour)?;
        let factor = f64::from((*seen + HOUR_PIECES) / (*foreseen + HOUR_PIECES));
        let of_part = of_part(&mut self.parts, part, at, counted / factor);
        of_part.made = at;
        let expected = of_part.mean * factor;
        let told = (of_part.windows >= LEARN_WINDOWS).then_some((expected, of_part.dispersion.max(1.0)));
        if told.is_none() || is_calm {
            of_part.windows = of_part.windows.saturating_add(1);
            let weight = (1.0 / f64::from(of_part.windows)).max(WEIGHT_MIN);
            let off = (counted - expected).powi(2) / expected.max(1.0);
            of_part.mean += weight * (counted / factor - of_part.mean);
            of_part.dispersion += weight * (off - of_part.dispersion);
            #[expect(clippy::cast_possible_truncation, reason = "a factor needs few digits")]
            if told.is_some() {
                *seen += counted as f32;
                *foreseen += of_part.mean as f32;
                if *foreseen > 20.0 * HOUR_PIECES.max(of_part.mean as f32) {
                    (*seen, *foreseen) = (*seen / 2.0, *foreseen / 2.0);
                }
            }
        }
        told
    }

    fn knows_any(&self) -> bool {
        self.parts.iter().any(|of_part| of_part.windows >= LEARN_WINDOWS)
    }
}

fn of_part<'a>(parts: &'a mut Vec<OfPart>, part: &str, at: Timestamp, counted: f64) -> &'a mut OfPart {
    let known = parts.iter().position(|of_part| of_part.part == part);
    let place = known.unwrap_or_else(|| {
        if parts.len() >= PARTS_MAX
            && let Some(oldest) = (0..parts.len()).min_by_key(|nth| parts[*nth].made)
        {
            parts.swap_remove(oldest);
        }
        parts.push(OfPart {
            part: part.to_owned(),
            windows: 0,
            mean: counted,
            dispersion: 0.0,
            made: at,
        });
        parts.len() - 1
    });
    &mut parts[place]
}
