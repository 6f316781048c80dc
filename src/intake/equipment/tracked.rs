//! One equipment: its state, and what was last known and last told of each of its points.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::known::Known;
use super::point::{Last, Outcome, Read, past_status, state_name};
use crate::clock::Zone;
use crate::judge::counter::{Counter, Surprise};
use crate::record::{
    CounterDef, EquipmentStatus, Fault, PointDef, PointReading, Points, Quality, Role, Sample, Timestamp, Value,
};
use crate::status::{EquipmentView, Status};

/// State of an equipment that has been silent too long.
const OFFLINE: &str = "offline";
/// Why a value is stale that the broker had kept.
const RETAINED: &str = "retained";

#[derive(Debug)]
pub struct Tracked {
    offline_after: Option<Duration>,
    state: Option<String>,
    state_since: Option<Timestamp>,
    /// The state is what a broker had retained: shown, never recorded.
    is_state_retained: bool,
    /// That it is offline was told to a disk that refused something since.
    is_offline_due: bool,
    /// Since when something is expected of it, though it was never heard.
    awaited_since: Option<Timestamp>,
    last_heard: Option<Timestamp>,
    points: Known,
    pub counters: Counters,
    /// Something was counted that is not in the state that was last given out.
    has_counted: bool,
}

/// The counters of an equipment by point, as they are kept.
pub type Counters = BTreeMap<String, Counter>;

/// The time of a sample.
#[derive(Debug)]
pub struct Moment {
    pub at: Timestamp,
    /// Never ahead of our own clock: a source whose clock was once wrong does not outrank itself for years.
    pub newest: Timestamp,
    has_own_time: bool,
    pub is_past: bool,
}

impl Moment {
    pub fn of(sample: &Sample, now: Timestamp) -> Self {
        let at = sample.time.unwrap_or(now);
        Self {
            at,
            newest: at.min(now),
            has_own_time: sample.time.is_some(),
            is_past: sample.is_past,
        }
    }
}

/// One point of a sample, and what becomes of it.
#[derive(Debug)]
pub struct Taken {
    def: Arc<PointDef>,
    /// Among the points of the equipment.
    pub place: usize,
    pub outcome: Outcome,
}

/// A sample as judges see it: after scaling, counting and the check that it is news.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    pub equipment: &'a Arc<str>,
    pub(super) tracked: &'a Tracked,
    pub(super) taken: &'a [Taken],
    pub(super) is_past: bool,
    /// By the source's clock where it tells one, but never ahead of ours.
    pub at: Timestamp,
}

impl<'a> Observed<'a> {
    /// The state that the equipment is in, where it is known.
    pub fn state(&self) -> Option<&'a str> {
        self.tracked
            .state
            .as_deref()
            .filter(|_| !self.tracked.is_state_retained)
    }

    /// The points of the sample that are news: the value, or nothing where there is no good one.
    pub fn points(&self) -> impl Iterator<Item = (&'a PointDef, Option<&'a Value>)> {
        let tracked = self.tracked;
        let news = self
            .taken
            .iter()
            .filter(|taken| !matches!(taken.outcome, Outcome::Past(_)));
        news.map(|taken| {
            let last = &tracked.points[taken.place];
            let value = last.value.as_ref().filter(|_| last.quality == Quality::Good);
            (&*taken.def, value)
        })
    }

    /// The points that are older than what is known of them, with the value of then. What the source itself calls history is
    /// not late.
    pub fn late(&self) -> impl Iterator<Item = (&'a PointDef, Option<&'a Value>)> {
        let late = self.taken.iter().filter(|_| !self.is_past);
        late.filter_map(|taken| match &taken.outcome {
            Outcome::Past(value) => Some((&*taken.def, value.as_ref().ok())),
            Outcome::Due | Outcome::Quiet => None,
        })
    }
}

impl Tracked {
    pub fn new(offline_after: Option<Duration>) -> Self {
        Self {
            offline_after,
            state: None,
            state_since: None,
            is_state_retained: false,
            is_offline_due: false,
            awaited_since: None,
            last_heard: None,
            points: Known::default(),
            counters: Counters::new(),
            has_counted: false,
        }
    }

    /// The counters as they are now, if they are not kept as such.
    pub fn counted(&mut self) -> Option<&Counters> {
        std::mem::take(&mut self.has_counted).then_some(&self.counters)
    }

    /// It is heard again, so it is not offline.
    pub fn speaks(&mut self, now: Timestamp) {
        self.last_heard = Some(now);
        if self.is_offline() {
            self.set_state(None, now);
        }
    }

    pub fn is_offline(&self) -> bool {
        self.state.as_deref() == Some(OFFLINE)
    }

    /// Whether it fell silent, which is to be told: when it happens, and when that may have been lost.
    pub fn falls_silent(&mut self, now: Timestamp) -> bool {
        if self.is_offline() {
            return std::mem::take(&mut self.is_offline_due);
        }
        let Some(limit) = self.offline_after else {
            return false;
        };
        let since = self.last_heard.or(self.awaited_since).unwrap_or(now);
        self.awaited_since = Some(since);
        let is_silent = (now - since).to_std().is_ok_and(|silence| silence > limit);
        if is_silent {
            self.go_offline("silent", now);
        }
        is_silent
    }

    /// The clock was set and shows `now`: it has been silent for as long as before, and nothing was read later than that.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) {
        for moment in [&mut self.last_heard, &mut self.awaited_since] {
            *moment = moment.map(|moment| (moment + by).min(now));
        }
        self.state_since = self.state_since.map(|since| since.min(now));
        for last in self.points.all_mut() {
            last.newest = last.newest.map(|newest| newest.min(now));
        }
    }

    /// What was good becomes stale.
    pub fn go_offline(&mut self, reason: &str, now: Timestamp) {
        self.set_state(Some(OFFLINE.to_owned()), now);
        let good = |last: &&mut Last| last.quality == Quality::Good;
        for last in self.points.all_mut().iter_mut().filter(good) {
            last.quality = Quality::Stale;
            last.reason = Some(reason.into());
            last.note_told(Quality::Stale);
        }
    }

    pub fn tell_anew(&mut self) {
        self.points.all_mut().iter_mut().for_each(Last::forget_told);
        self.has_counted = !self.counters.is_empty();
        self.is_offline_due = self.is_offline();
    }

    fn set_state(&mut self, state: Option<String>, at: Timestamp) {
        self.is_state_retained = false;
        if self.state != state {
            self.state = state;
            self.state_since = Some(at);
        }
    }

    /// Keeps what was read, unless it is of the past; says what is to be done with each point.
    pub fn take_all(&mut self, points: Vec<PointReading>, moment: &Moment) -> Vec<Taken> {
        self.points.make_room(points.len());
        let mut expected = 0;
        let taken = points.into_iter().map(|PointReading { def, value }| {
            let place = self.points.place(&def, expected);
            expected = place + 1;
            let outcome = self.take(place, &def, value, moment);
            Taken { def, place, outcome }
        });
        taken.collect()
    }

    fn take(&mut self, place: usize, def: &Arc<PointDef>, value: Result<Value, Fault>, moment: &Moment) -> Outcome {
        let value = value.and_then(|value| def.fit(value));
        let newest = self.points[place].newest;
        let is_older = moment.has_own_time && newest.is_some_and(|newest| moment.newest < newest);
        if moment.is_past || is_older {
            return Outcome::Past(value);
        }
        let read = value.and_then(|value| match &def.counter {
            Some(counter) => self.count(&def.name, counter, &value, moment.at),
            None => Ok(Read::plain(value)),
        });
        let last = &mut self.points[place];
        // Without a good value nobody knows what state it is in.
        let (mut state, mut has_news) = (None, false);
        let is_state = def.role == Some(Role::State);
        match read {
            Ok(Read { value, raw, note }) => {
                state = is_state.then(|| state_name(def, &value));
                has_news = note.is_some();
                (last.value, last.raw, last.quality) = (Some(value), raw, Quality::Good);
                last.reason = note.map(Into::into);
                (last.read_at, last.newest) = (Some(moment.at), Some(moment.newest));
            }
            Err(Fault::Silent(reason)) => {
                // Without a value that was ever good there is nothing that could be stale.
                last.quality = if last.value.is_some() {
                    Quality::Stale
                } else {
                    Quality::Bad
                };
                last.reason = Some(reason.into());
            }
            Err(Fault::Invalid(reason)) => {
                (last.value, last.raw) = (None, None);
                (last.quality, last.reason) = (Quality::Bad, Some(reason.into()));
                last.newest = Some(moment.newest);
            }
        }
        let is_due = has_news || last.is_due();
        if is_due && def.deadband.is_some() {
            last.note_told(last.quality);
        }
        if is_state && !self.is_offline() {
            self.set_state(state, moment.newest);
        }
        if is_due { Outcome::Due } else { Outcome::Quiet }
    }

    /// Takes in what a machine's own counter holds.
    fn count(&mut self, point: &str, def: &CounterDef, value: &Value, at: Timestamp) -> Result<Read, Fault> {
        let raw = match *value {
            Value::Uint(raw) => Some(raw),
            Value::Int(raw) => u64::try_from(raw).ok(),
            _ => None,
        };
        let raw = raw.ok_or_else(|| Fault::Invalid("a counter holds a whole number, 0 or more".to_owned()))?;
        if let Some(end) = def.rolls_over_at.filter(|end| raw >= *end) {
            let problem = format!("{raw}, which the counter never holds: it rolls over at {end}");
            return Err(Fault::Invalid(problem));
        }
        let (total, note) = if let Some(counter) = self.counters.get_mut(point) {
            self.has_counted |= counter.raw != raw;
            let note = counter.count(raw, at, def).map(Surprise::as_str);
            (counter.total, note)
        } else {
            self.counters.insert(point.to_owned(), Counter::starting_at(raw, at));
            self.has_counted = true;
            (raw, None)
        };
        let total = Value::Uint(total);
        let value = match (&def.scaling, total.as_f64()) {
            (Some(scaling), Some(number)) => Value::Float(scaling.apply(number)),
            _ => total,
        };
        Ok(Read {
            value,
            raw: Some(raw),
            note,
        })
    }

    /// Keeps what the broker had kept, where nothing newer is known; gives the point's place then.
    pub fn take_last_known(&mut self, point: PointReading, time: Option<Timestamp>, now: Timestamp) -> Option<usize> {
        let PointReading { def, value } = point;
        // A counter may have begun anew since, so it says nothing of the total. What says nothing is given no place: it
        // would be told as a point that could not be read.
        let value = value.and_then(|value| def.fit(value)).ok();
        let value = value.filter(|_| def.counter.is_none())?;
        let place = self.points.place(&def, 0);
        let last = &mut self.points[place];
        let newest = time.map(|time| time.min(now));
        let is_news = last.value.is_none() || (newest.is_some() && last.newest < newest);
        if !is_news {
            return None;
        }
        let state = (def.role == Some(Role::State)).then(|| state_name(&def, &value));
        (last.value, last.quality) = (Some(value), Quality::Stale);
        last.reason = Some(RETAINED.into());
        (last.read_at, last.newest) = (time, newest);
        if state.is_some() && !self.is_offline() {
            self.set_state(state, time.unwrap_or(now));
            self.is_state_retained = true;
        }
        Some(place)
    }

    /// Not from what a broker had kept.
    pub fn known_state(&self) -> Option<(&str, Timestamp)> {
        let state = self.state.as_deref().filter(|_| !self.is_state_retained)?;
        Some((state, self.state_since?))
    }

    fn told_state(&self) -> Option<Cow<'_, str>> {
        self.state
            .as_deref()
            .filter(|_| !self.is_state_retained)
            .map(Cow::Borrowed)
    }

    /// What of a sample is to be recorded.
    pub fn status_of<'a>(
        &'a self,
        equipment: &'a str,
        taken: &'a [Taken],
        zone: Zone,
        source_time: Timestamp,
    ) -> EquipmentStatus<'a> {
        let (mut is_past, mut past_state) = (true, None);
        let mut points = Vec::with_capacity(taken.len());
        for Taken { def, place, outcome } in taken {
            let status = match outcome {
                Outcome::Quiet => continue,
                Outcome::Due => {
                    is_past = false;
                    self.points[*place].status(zone)
                }
                Outcome::Past(value) => {
                    if let (Some(Role::State), Ok(value)) = (def.role, value) {
                        past_state = Some(state_name(def, value));
                    }
                    past_status(def, value)
                }
            };
            points.push((&*def.name, status));
        }
        EquipmentStatus {
            equipment,
            // Of the past we only know what the sample itself says.
            state: if is_past {
                past_state.map(Cow::Owned)
            } else {
                self.told_state()
            },
            points: Points(points),
            source_time: zone.rfc3339(source_time),
        }
    }

    /// Brings the whole live view up to date, and tells every point.
    pub fn show_all<'a>(
        &'a mut self,
        status: &Status,
        equipment: &'a Arc<str>,
        zone: Zone,
        now: Timestamp,
    ) -> EquipmentStatus<'a> {
        self.show(status, equipment, None, 0..self.points.all().len());
        let all = self.points.all().iter();
        let points = all.map(|last| (&*last.def.name, last.status(zone)));
        EquipmentStatus {
            equipment,
            state: self.told_state(),
            points: Points(points.collect()),
            source_time: zone.rfc3339(now),
        }
    }

    /// Brings the live view up to date with the points at these places.
    pub fn show(
        &mut self,
        status: &Status,
        equipment: &Arc<str>,
        source: Option<&Arc<str>>,
        places: impl IntoIterator<Item = usize>,
    ) {
        status.update_equipment(equipment, |view: &mut EquipmentView| {
            if view.state != self.state {
                view.state.clone_from(&self.state);
            }
            view.state_since = self.state_since;
            view.last_heard = self.last_heard;
            if let Some(source) = source {
                view.source = Some(Arc::clone(source));
            }
            view.points.make_room(self.points.all().len());
            for place in places {
                self.points[place].show(&mut view.points);
            }
        });
    }
}
