//! What the shop floor makes: work reports and machine times on their way through the judges of `judge::progress`. What
//! they keep is kept as states: of reports in the commit of the report, of machine times every few seconds.

mod charts;
mod faults;
mod machines;
mod orders;

use std::collections::HashMap;

use bytes::Bytes;
use chrono::TimeDelta;
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use super::tallies::process_of;
use super::{Accepted, to_state};
use crate::buffer::States;
use crate::intake::equipment::{EquipmentSettings, Observed, Tracker};
use crate::intake::station::{Bench, Mode};
use crate::judge::progress::calendar::Calendar;
use crate::judge::progress::defects::{self, DefectRate};
use crate::judge::progress::gap::{Declared, Missing};
use crate::judge::progress::labor::{self, LaborTime};
use crate::judge::progress::order;
use crate::judge::spc::monitor::{PhaseError, Watched};
use crate::record::{ChartChange, Inspection, Timestamp, WorkReport};
use crate::reference::{OrderStatus, Reference};
use crate::status::Status;
use charts::Charts;
use faults::Faults;
use machines::Machines;
use orders::Orders;

const DEFECTS: &str = "defects/";
const LABOR: &str = "labor/";
const DECLARED: &str = "declared/";
/// Between the parts of a name; no code of a label holds it.
const PARTS: char = '\u{1f}';
/// Processes whose labor times or defects are remembered.
const PROCESSES_MAX: usize = 5000;
/// On a report whose pieces the machine did not make, or not only they.
const QUANTITY_GAP: &str = "quantity_gap";

#[derive(Debug, Clone)]
pub struct Settings {
    pub calendar: Calendar,
    pub defect_rate: defects::Settings,
    pub labor_time: labor::Settings,
    pub progress: order::Settings,
    /// Charts of inspections and reports.
    pub charts: Vec<Watched>,
}

impl Settings {
    pub fn new(calendar: Calendar) -> Self {
        Self {
            calendar,
            defect_rate: defects::Settings::default(),
            labor_time: labor::Settings::default(),
            progress: order::Settings::default(),
            charts: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub struct Floor {
    settings: Settings,
    /// By station: what is expected of its declarations.
    missing: HashMap<String, Missing>,
    machines: Machines,
    orders: Orders,
    defects: HashMap<String, DefectRate>,
    labor: HashMap<String, LaborTime>,
    declared: HashMap<String, Declared>,
    charts: Charts,
    faults: Faults,
}

impl Floor {
    pub fn new(
        gateway_id: &str,
        settings: &Settings,
        stations: &HashMap<String, Bench>,
        equipment: &HashMap<String, EquipmentSettings>,
        status: Status,
    ) -> Self {
        let missing = stations
            .iter()
            .map(|(name, bench)| (name.clone(), missing(bench, stations)));
        Self {
            settings: settings.clone(),
            missing: missing.collect(),
            machines: Machines::new(settings.calendar.clone(), equipment, status.clone()),
            orders: Orders::new(gateway_id, settings, status.clone()),
            defects: HashMap::new(),
            labor: HashMap::new(),
            declared: HashMap::new(),
            charts: Charts::new(settings.charts.clone(), status.clone()),
            faults: Faults::new(status),
        }
    }

    /// Takes the state back to what is on disk.
    pub fn restore(&mut self, states: &States) {
        self.defects = read_all(states, DEFECTS);
        self.labor = read_all(states, LABOR);
        self.declared = read_all(states, DECLARED);
        self.charts.restore(states);
        self.faults.restore(states);
        self.orders.restore(states);
        self.machines.restore(states);
    }

    /// A machine spoke.
    pub fn observe(&mut self, seen: &Observed) {
        self.machines.observe(seen);
    }

    /// What a station works at: what its machine counts from now on is of that job.
    pub fn at_hand(&mut self, station: &str, equipment: Option<&str>, job: &str, states: &mut States) {
        let Some(count) = equipment.and_then(|equipment| self.machines.count(equipment)) else {
            return;
        };
        let declared = self.declared.entry(station.to_owned()).or_default();
        if declared.begins(job, count) {
            states.insert(format!("{DECLARED}{station}"), to_state(declared));
        }
    }

    /// Judges a report that is about to be recorded, and flags it.
    pub fn report(&mut self, report: &mut WorkReport, reference: &Reference, at: Timestamp, accepted: &mut Accepted) {
        self.hold_against_counter(report, at, accepted);
        let order = reference.order(&report.order_no);
        let process = order.and_then(|order| process_of(order, &report.process_code));
        let name = [report.order_no.as_str(), report.process_code.as_str()].join(&PARTS.to_string());
        if let Some(rate) = room(&mut self.defects, &name) {
            let finding = rate.report(report, at, &self.settings.defect_rate);
            accepted.findings.extend(finding);
            accepted.states.insert(format!("{DEFECTS}{name}"), to_state(rate));
        }
        let product = order.map_or("", |order| order.product_code.as_str());
        let name = [product, report.process_code.as_str()].join(&PARTS.to_string());
        let has_time = labor::work(report).is_some() || report.voids.is_some();
        if has_time && let Some(labor) = room(&mut self.labor, &name) {
            let standard_hours = process.and_then(|process| process.standard_hours);
            let finding = labor.report(report, at, standard_hours, self.settings.labor_time);
            accepted.findings.extend(finding);
            accepted.states.insert(format!("{LABOR}{name}"), to_state(labor));
        }
        let found = self.charts.reported(report, at, &mut accepted.states);
        accepted.findings.extend(found);
        self.machines.declared(report, at);
        self.faults.reported(report, product, at, &mut accepted.states);
        self.orders.report(report, reference, at, accepted);
    }

    /// Takes what was measured at an inspection.
    pub fn inspected(&mut self, inspection: &Inspection, at: Timestamp, accepted: &mut Accepted) {
        let found = self.charts.inspected(inspection, at, &mut accepted.states);
        accepted.findings.extend(found);
        self.faults.inspected(inspection, at, &mut accepted.states);
    }

    /// A person changes a chart of inspections or reports; nothing when there is none of this name.
    pub fn change_chart(
        &mut self,
        chart: &str,
        change: &ChartChange,
        by: &str,
        at: Timestamp,
        accepted: &mut Accepted,
    ) -> Option<Result<(), PhaseError>> {
        let changed = self.charts.change(chart, change, by, at, &mut accepted.states)?;
        Some(changed.map(|found| accepted.findings.extend(found)))
    }

    fn hold_against_counter(&mut self, report: &mut WorkReport, at: Timestamp, accepted: &mut Accepted) {
        let Some(declared) = self.declared.get_mut(&report.station) else {
            return;
        };
        let count = report
            .equipment
            .as_deref()
            .and_then(|equipment| self.machines.count(equipment));
        let missing = self.missing.get(&report.station).copied().unwrap_or(Missing::Ignored);
        if let Some(gap) = declared.report(report, at, count, missing) {
            report.flags.push(QUANTITY_GAP.to_owned());
            report.counted_quantity = Decimal::from_f64(gap.counted);
            accepted.findings.push(gap.finding);
        }
        accepted
            .states
            .insert(format!("{DECLARED}{}", report.station), to_state(declared));
    }

    /// Lets time pass.
    pub fn tick(&mut self, reference: &Reference, now: Timestamp, accepted: &mut Accepted) {
        self.orders.tick(reference, now, accepted);
    }

    /// Keys of the alerts that go on however long nothing is reported.
    pub fn open_keys(&self) -> impl Iterator<Item = String> {
        let rates = self.defects.iter().filter_map(|(name, rate)| {
            let (order_no, process_code) = name.split_once(PARTS)?;
            rate.open_key(order_no, process_code)
        });
        self.orders.open_keys().chain(self.charts.open_keys()).chain(rates)
    }

    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) {
        self.machines.clock_was_set(by, now);
    }

    /// Lets the time of machines pass.
    pub fn tick_machines(&mut self, tracker: &Tracker, now: Timestamp, states: &mut States) {
        self.machines.tick(tracker, now, states);
    }

    /// The centre has spoken: orders have new figures, or are over and no longer judged. One that is released again begins anew.
    pub fn learn(&mut self, reference: &Reference, now: Timestamp, accepted: &mut Accepted) {
        self.orders.learn(reference, now, accepted);
        let is_over = |order_no: &str| {
            let order = reference.order(order_no);
            order.map_or(reference.is_fresh(now), |order| order.status >= OrderStatus::Finished)
        };
        let settings = &self.settings.defect_rate;
        self.defects.retain(|name, rate| {
            let (order_no, process_code) = name.split_once(PARTS).unwrap_or((name, ""));
            let is_over = is_over(order_no);
            if is_over {
                let ended = rate.close(order_no, process_code, now, settings);
                accepted.findings.extend(ended);
                accepted.states.insert(format!("{DEFECTS}{name}"), Bytes::new());
            }
            !is_over
        });
    }
}

/// Fewer pieces than were counted tell nothing where several stations declare for a machine.
fn missing(bench: &Bench, stations: &HashMap<String, Bench>) -> Missing {
    let at_machine = stations.values().filter(|other| other.equipment == bench.equipment);
    if at_machine.count() > 1 {
        return Missing::Ignored;
    }
    match bench.mode {
        Mode::Piece | Mode::PieceCount => Missing::AtTheEnd,
        _ => Missing::AtOnce,
    }
}

/// The judge of this name, new where there is room for one more.
fn room<'j, J: Default>(judges: &'j mut HashMap<String, J>, name: &str) -> Option<&'j mut J> {
    if !judges.contains_key(name) {
        if judges.len() >= PROCESSES_MAX {
            return None;
        }
        judges.insert(name.to_owned(), J::default());
    }
    judges.get_mut(name)
}

fn number(quantity: Decimal) -> f64 {
    quantity.to_f64().unwrap_or_default()
}

/// The states under this name. One that cannot be read, or was written in another form, begins anew.
fn read_all<T: serde::de::DeserializeOwned>(states: &States, below: &str) -> HashMap<String, T> {
    let named = states
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(below)?, value)));
    let read = named.filter_map(|(name, value)| match serde_json::from_slice(value) {
        Ok(state) => Some((name.to_owned(), state)),
        Err(error) => {
            tracing::warn!(state = below, name, %error, "what was learnt is not read and is learnt anew");
            None
        }
    });
    read.collect()
}

#[cfg(test)]
mod tests;
