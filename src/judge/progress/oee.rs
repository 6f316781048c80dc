//! Overall equipment effectiveness of one equipment, per shift, from the time elements of ISO 22400-2.
//!
//! * Planned busy time (PBT) is divided by what the equipment did: running (actual production time, APT), set up, stopped,
//!   down; and, kept apart, what nobody knows: offline and unknown. Time that is not planned is no part of it.
//! * availability = APT / PBT, effectiveness = ideal cycle × pieces / APT, quality ratio = good / pieces, OEE = the three.
//!   A figure that cannot be known is left out and the reason said. Time that nobody knows is left out of PBT up to a tenth
//!   of it; beyond that there is no availability.
//! * Pieces are differences of the machine's totals, so none is lost over a restart; a total that decreases began anew
//!   at 0. Without a counter of scrap the quality ratio is that of the work reports.
//! * Time only goes on: what comes with an earlier time counts from now on, and is counted as late.

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use super::Form;
use super::calendar::Calendar;
use crate::record::Timestamp;

/// More of the planned time unknown than this share leaves no availability.
const UNKNOWN_SHARE_MAX: f64 = 0.1;
/// Older time is of no shift that is shown.
const CATCH_UP_MAX: TimeDelta = TimeDelta::days(2);

/// What an equipment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    Running,
    Setup,
    Stopped,
    Down,
    Offline,
    #[default]
    Unknown,
}

/// The states that machines are mapped to, with those of `PackML`.
const STATES: [(&str, Doing); 16] = [
    ("running", Doing::Running),
    ("execute", Doing::Running),
    ("setup", Doing::Setup),
    ("changing", Doing::Setup),
    ("stopped", Doing::Stopped),
    ("idle", Doing::Stopped),
    ("held", Doing::Stopped),
    ("suspended", Doing::Stopped),
    ("complete", Doing::Stopped),
    ("paused", Doing::Stopped),
    ("fault", Doing::Down),
    ("down", Doing::Down),
    ("aborted", Doing::Down),
    ("alarm", Doing::Down),
    ("offline", Doing::Offline),
    ("unknown", Doing::Unknown),
];

impl Doing {
    /// A plant's own states are unknown here.
    pub fn of(state: Option<&str>) -> Self {
        let known = STATES.iter().find(|(name, _)| Some(*name) == state);
        known.map_or(Self::Unknown, |(_, doing)| *doing)
    }

    /// The names of the states that are judged.
    pub fn names() -> impl Iterator<Item = &'static str> {
        STATES.into_iter().map(|(name, _)| name)
    }
}

/// Milliseconds of planned time by what was done in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Times {
    running: i64,
    setup: i64,
    stopped: i64,
    down: i64,
    offline: i64,
    unknown: i64,
    /// Outside of planned time.
    unplanned_running: i64,
}

impl Times {
    fn add(&mut self, doing: Doing, is_planned: bool, ms: i64) {
        let place = match doing {
            Doing::Running if !is_planned => &mut self.unplanned_running,
            _ if !is_planned => return,
            Doing::Running => &mut self.running,
            Doing::Setup => &mut self.setup,
            Doing::Stopped => &mut self.stopped,
            Doing::Down => &mut self.down,
            Doing::Offline => &mut self.offline,
            Doing::Unknown => &mut self.unknown,
        };
        *place += ms;
    }

    fn known(&self) -> i64 {
        self.running + self.setup + self.stopped + self.down
    }

    fn planned(&self) -> i64 {
        self.known() + self.offline + self.unknown
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Turn {
    start: Timestamp,
    times: Times,
    good: f64,
    scrap: f64,
    /// Made outside of planned time.
    unplanned_pieces: f64,
    declared_good: f64,
    declared_bad: f64,
}

impl Turn {
    fn starting(start: Timestamp) -> Self {
        Self {
            start,
            times: Times::default(),
            good: 0.0,
            scrap: 0.0,
            unplanned_pieces: 0.0,
            declared_good: 0.0,
            declared_bad: 0.0,
        }
    }
}

/// Use of a production day, for the capacity of the workshop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUse {
    pub day: NaiveDate,
    pub busy_ms: i64,
    pub unknown_ms: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Oee {
    form: Form<1>,
    doing: Doing,
    /// Time is accounted for until here.
    until: Option<Timestamp>,
    good_total: Option<f64>,
    scrap_total: Option<f64>,
    current: Option<Turn>,
    last: Option<Turn>,
    day: Option<DayUse>,
    late: u64,
}

/// One shift as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ShiftOee {
    #[schema(value_type = String, format = DateTime)]
    pub shift_start: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub shift_end: Timestamp,
    /// PBT so far, with its parts.
    pub planned_s: i64,
    pub running_s: i64,
    pub setup_s: i64,
    pub stopped_s: i64,
    pub down_s: i64,
    pub offline_s: i64,
    pub unknown_s: i64,
    pub unplanned_running_s: i64,
    /// Nothing where nothing was heard of it.
    pub produced: Option<f64>,
    pub scrap: f64,
    pub unplanned_produced: f64,
    pub availability: Option<f64>,
    pub effectiveness: Option<f64>,
    pub quality: Option<f64>,
    pub oee: Option<f64>,
    /// Why figures are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OeeView {
    pub current: Option<ShiftOee>,
    pub last: Option<ShiftOee>,
    /// Changes that came with a time that was accounted for already.
    pub late: u64,
}

impl Oee {
    /// After a restart: what happened since the state was kept is unknown.
    #[must_use]
    pub fn resumed(mut self) -> Self {
        self.doing = Doing::Unknown;
        self
    }

    /// Since `at` the equipment is in this state.
    pub fn state(&mut self, at: Timestamp, state: Option<&str>, calendar: &Calendar) {
        self.late += u64::from(self.until.is_some_and(|until| at < until));
        self.advance(at, calendar);
        self.doing = Doing::of(state);
    }

    /// The clock was ahead: what it showed then is still to come, and is accounted for when it does.
    pub fn goes_on_from(&mut self, now: Timestamp, calendar: &Calendar) {
        if self.until > Some(now) {
            self.until = Some(now);
            self.current = self.current.filter(|turn| turn.start <= now);
            self.last = self.last.filter(|turn| turn.start <= now);
            let today = calendar.production_day(now);
            self.day = self.day.filter(|known| known.day <= today);
        }
    }

    /// The machine's totals at this moment.
    pub fn counted(&mut self, at: Timestamp, good: Option<f64>, scrap: Option<f64>, calendar: &Calendar) {
        self.advance(at, calendar);
        let made = counted(&mut self.good_total, good);
        let scrapped = counted(&mut self.scrap_total, scrap);
        let is_planned = calendar.is_planned(at);
        if let Some(turn) = &mut self.current {
            if is_planned {
                turn.good += made;
                turn.scrap += scrapped;
            } else {
                turn.unplanned_pieces += made + scrapped;
            }
        }
    }

    /// What a work report says of the equipment's pieces; a report that takes back comes with negative numbers.
    pub fn declared(&mut self, at: Timestamp, good: f64, bad: f64, calendar: &Calendar) {
        self.advance(at, calendar);
        if let Some(turn) = &mut self.current {
            turn.declared_good += good;
            turn.declared_bad += bad;
        }
    }

    /// Accounts for the time until now.
    pub fn advance(&mut self, now: Timestamp, calendar: &Calendar) {
        let mut at = self.until.unwrap_or(now).max(now - CATCH_UP_MAX);
        self.turn(at, calendar);
        while at < now {
            let until = calendar.next_edge(at).min(now);
            self.turn(at, calendar);
            let (is_planned, ms) = (calendar.is_planned(at), (until - at).num_milliseconds());
            if let Some(turn) = &mut self.current {
                turn.times.add(self.doing, is_planned, ms);
            }
            if let Some(day) = self.day.as_mut().filter(|_| is_planned) {
                match self.doing {
                    Doing::Running | Doing::Setup => day.busy_ms += ms,
                    Doing::Offline | Doing::Unknown => day.unknown_ms += ms,
                    Doing::Stopped | Doing::Down => {}
                }
            }
            at = until;
        }
        self.turn(at, calendar);
        self.until = self.until.max(Some(at));
    }

    /// Sees to it that what is counted now is counted for the right shift and day.
    fn turn(&mut self, at: Timestamp, calendar: &Calendar) {
        // Within the shift nothing has to be computed.
        let start = calendar.shift(at).start;
        if self.current.is_none_or(|turn| turn.start < start) {
            self.last = self.current.replace(Turn::starting(start)).or(self.last);
        }
        let day = calendar.production_day(at);
        if self.day.is_none_or(|known| known.day < day) {
            self.day = Some(DayUse {
                day,
                busy_ms: 0,
                unknown_ms: 0,
            });
        }
    }

    pub fn view(&self, now: Timestamp, ideal_cycle_s: Option<f64>, calendar: &Calendar) -> OeeView {
        let mut then = self.clone();
        then.advance(now, calendar);
        let show = |turn: Turn| shift(&turn, then.scrap_total.is_some(), ideal_cycle_s, calendar);
        OeeView {
            current: then.current.map(show),
            last: then.last.map(show),
            late: then.late,
        }
    }

    /// How the present production day was used.
    pub fn day(&self, now: Timestamp, calendar: &Calendar) -> Option<DayUse> {
        let mut then = self.clone();
        then.advance(now, calendar);
        then.day
    }
}

/// What was counted since the last total; the first one only begins.
fn counted(known: &mut Option<f64>, total: Option<f64>) -> f64 {
    let Some(total) = total else { return 0.0 };
    let before = known.replace(total);
    before.map_or(0.0, |before| if total < before { total } else { total - before })
}

fn shift(turn: &Turn, counts_scrap: bool, ideal_cycle_s: Option<f64>, calendar: &Calendar) -> ShiftOee {
    let times = &turn.times;
    let mut unknown = Vec::new();
    let mut known = |figure: Option<f64>, why: &'static str| {
        if figure.is_none() {
            unknown.push(why);
        }
        figure
    };
    let produced = turn.good + turn.scrap;
    let availability = ratio(times.known(), times.planned())
        .filter(|known| *known >= 1.0 - UNKNOWN_SHARE_MAX)
        .and_then(|_| ratio(times.running, times.known()));
    let availability = known(
        availability,
        "what the machine did was unknown for more than a tenth of the planned time",
    );
    let running_s = as_f64(times.running) / 1000.0;
    let cycle_s = known(ideal_cycle_s, "no ideal_cycle is configured for the equipment");
    let effectiveness = cycle_s
        .filter(|_| running_s > 0.0)
        .map(|cycle_s| cycle_s * produced / running_s);
    let (good, all) = if counts_scrap {
        (turn.good, produced)
    } else {
        (turn.declared_good, turn.declared_good + turn.declared_bad)
    };
    let quality = known((all > 0.0).then(|| good / all), "nothing was produced or reported");
    ShiftOee {
        shift_start: turn.start,
        shift_end: calendar.shift(turn.start).end,
        planned_s: times.planned() / 1000,
        running_s: times.running / 1000,
        setup_s: times.setup / 1000,
        stopped_s: times.stopped / 1000,
        down_s: times.down / 1000,
        offline_s: times.offline / 1000,
        unknown_s: times.unknown / 1000,
        unplanned_running_s: times.unplanned_running / 1000,
        produced: (times.known() > 0 || produced > 0.0 || times.planned() == 0).then_some(produced),
        scrap: turn.scrap,
        unplanned_produced: turn.unplanned_pieces,
        availability,
        effectiveness,
        quality,
        oee: availability
            .zip(effectiveness)
            .zip(quality)
            .map(|((a, e), q)| a * e * q),
        unknown,
    }
}

fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| as_f64(part) / as_f64(whole))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a shift")]
fn as_f64(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests;
