//! The times and counts of machines: OEE of each equipment, and the capacity of the workshop.
//!
//! Time goes on with every reading, so its account is kept in memory and written every 10 s where something happened, else
//! every minute. A crash loses the account of that time, which then is unknown, and no piece: pieces are differences of
//! totals.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use super::{number, read_all, to_state};
use crate::buffer::States;
use crate::intake::equipment::{EquipmentSettings, Observed, Tracker};
use crate::judge::progress::calendar::Calendar;
use crate::judge::progress::gap::Count;
use crate::judge::progress::lately::Lately;
use crate::judge::progress::oee::{Doing, Oee};
use crate::record::{Role, Timestamp, Value, WorkReport};
use crate::status::{CapacityView, Status};

const OEE: &str = "oee/";
const KEEP_EVERY: TimeDelta = TimeDelta::seconds(10);
const SHOWN_EVERY: TimeDelta = TimeDelta::seconds(1);
const KEEP_ANYWAY: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug)]
pub struct Machines {
    calendar: Calendar,
    status: Status,
    ideal_cycle_s: HashMap<String, Option<f64>>,
    known: HashMap<Arc<str>, Machine>,
    shown_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Machine {
    oee: Oee,
    doing: Option<Doing>,
    good: Option<f64>,
    scrap: Option<f64>,
    counted_at: Option<Timestamp>,
    lately: Lately,
    /// Something happened that is not kept.
    has_news: bool,
    kept_at: Option<Timestamp>,
}

impl Machines {
    pub fn new(calendar: Calendar, equipment: &HashMap<String, EquipmentSettings>, status: Status) -> Self {
        let ideal_cycle_s = equipment
            .iter()
            .map(|(code, settings)| (code.clone(), settings.ideal_cycle.map(|cycle| cycle.as_secs_f64())));
        Self {
            calendar,
            status,
            ideal_cycle_s: ideal_cycle_s.collect(),
            known: HashMap::new(),
            shown_at: None,
        }
    }

    pub fn restore(&mut self, states: &States) {
        let kept = read_all::<Oee>(states, OEE).into_iter().map(|(code, oee)| {
            let machine = Machine {
                oee: oee.resumed(),
                ..Machine::default()
            };
            (code.into(), machine)
        });
        self.known = kept.collect();
    }

    fn machine(&mut self, equipment: &Arc<str>) -> &mut Machine {
        if !self.known.contains_key(equipment) {
            self.known.insert(Arc::clone(equipment), Machine::default());
        }
        self.known.get_mut(equipment).expect("it was put there")
    }

    /// A machine spoke.
    pub fn observe(&mut self, seen: &Observed) {
        let (mut good, mut scrap) = (None, None);
        for (def, value) in seen.points() {
            let total = value.and_then(Value::as_f64);
            match def.role {
                Some(Role::GoodCount) => good = total,
                Some(Role::ScrapCount) => scrap = total,
                Some(Role::State) | None => {}
            }
        }
        let has_counts = good.is_some() || scrap.is_some();
        let is_known = self.known.contains_key(seen.equipment);
        if !has_counts && !is_known && seen.state().is_none() {
            return;
        }
        let calendar = self.calendar.clone();
        let machine = self.machine(seen.equipment);
        machine.enters(seen.at, seen.state(), &calendar);
        if has_counts {
            machine.counts(seen.at, good, scrap, &calendar);
        }
    }

    /// Everything that the machine has made.
    pub fn count(&self, equipment: &str) -> Option<Count> {
        let machine = self.known.get(equipment)?;
        Some(Count {
            total: machine.made()?,
            read_at: machine.counted_at?,
        })
    }

    /// What a report says of the quality of a machine's pieces.
    pub fn declared(&mut self, report: &WorkReport, at: Timestamp) {
        let Some(machine) = report.equipment.as_deref().and_then(|code| self.known.get_mut(code)) else {
            return;
        };
        let (good, bad) = (number(report.qualified_quantity), number(report.unqualified_quantity));
        machine.oee.declared(at, good, bad, &self.calendar);
        machine.has_news = true;
    }

    /// The clock was set. Nobody knows what was done in time that it left out.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) {
        for machine in self.known.values_mut() {
            machine.oee.goes_on_from(now, &self.calendar);
            if by > TimeDelta::zero() {
                machine.enters(now - by, None, &self.calendar);
            }
        }
    }

    /// Lets time pass: states that nobody spoke of, such as silence, and what is to be shown and kept.
    pub fn tick(&mut self, tracker: &Tracker, now: Timestamp, states: &mut States) {
        for (code, machine) in &mut self.known {
            // It may have been set while the gateway was off.
            machine.oee.goes_on_from(now, &self.calendar);
            machine.enters(now, tracker.state(code).map(|(state, _)| state), &self.calendar);
            let wait = if machine.has_news { KEEP_EVERY } else { KEEP_ANYWAY };
            if machine.kept_at.is_none_or(|kept| (now - kept).abs() >= wait) {
                machine.oee.advance(now, &self.calendar);
                states.insert(format!("{OEE}{code}"), to_state(&machine.oee));
                (machine.kept_at, machine.has_news) = (Some(now), false);
            }
        }
        if self.shown_at.is_none_or(|shown| (now - shown).abs() >= SHOWN_EVERY) {
            self.show(now);
            self.shown_at = Some(now);
        }
    }

    fn show(&mut self, now: Timestamp) {
        for (code, machine) in &mut self.known {
            let cycle_s = self.ideal_cycle_s.get(&**code).copied().flatten();
            let view = machine.oee.view(now, cycle_s, &self.calendar);
            machine.lately.look(now, machine.made());
            self.status.update_equipment(code, |shown| {
                shown.oee = Some(json!(view));
                shown.lately = machine.lately.view().map(|view| json!(view));
            });
        }
        self.status.set_capacity(self.capacity(now));
    }

    /// Machine hours of the production day: of the declared equipment, or of all that speaks where none is declared.
    fn capacity(&self, now: Timestamp) -> CapacityView {
        let is_counted = |code: &str| self.ideal_cycle_s.is_empty() || self.ideal_cycle_s.contains_key(code);
        let machines = if self.ideal_cycle_s.is_empty() {
            self.known.len()
        } else {
            self.ideal_cycle_s.len()
        };
        let counted = self.known.iter().filter(|(code, _)| is_counted(code));
        let days = counted.filter_map(|(_, machine)| machine.oee.day(now, &self.calendar));
        let (used_ms, unknown_ms) = days.fold((0, 0), |(used, unknown), day| {
            (used + day.busy_ms, unknown + day.unknown_ms)
        });
        let today = self.calendar.production_day(now);
        let planned = self.calendar.day(today).map_or(TimeDelta::zero(), |day| {
            self.calendar.planned_between(day.start, day.end)
        });
        let total_ms = planned.num_milliseconds() * i64::try_from(machines).unwrap_or(i64::MAX);
        let zone = self.calendar.zone();
        CapacityView::of(today, [total_ms, used_ms, unknown_ms], zone.rfc3339(now))
    }
}

impl Machine {
    fn made(&self) -> Option<f64> {
        Some(self.good? + self.scrap.unwrap_or_default())
    }

    fn enters(&mut self, at: Timestamp, state: Option<&str>, calendar: &Calendar) {
        let doing = Doing::of(state);
        if self.doing != Some(doing) {
            self.oee.state(at, state, calendar);
            (self.doing, self.has_news) = (Some(doing), true);
        }
    }

    fn counts(&mut self, at: Timestamp, good: Option<f64>, scrap: Option<f64>, calendar: &Calendar) {
        let is_same = |known: Option<f64>, told: Option<f64>| {
            told.is_none_or(|told| known.is_some_and(|k| k.to_bits() == told.to_bits()))
        };
        if !is_same(self.good, good) || !is_same(self.scrap, scrap) {
            self.oee.counted(at, good, scrap, calendar);
            self.has_news = true;
        }
        (self.good, self.scrap) = (good.or(self.good), scrap.or(self.scrap));
        self.counted_at = Some(at);
    }
}
