//! What this gateway has reported so far, by order and process: how many pieces of each sort, and which serials. Kept on
//! disk as one state for each, in the commit of the report that changed it.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use chrono::TimeDelta;
use rust_decimal::Decimal;

use crate::buffer::States;
use crate::record::{DefectKind, Timestamp, WorkReport};
use crate::reference::{Order, OrderStatus, Process, Reference};

/// Of each sort, in their order.
const COUNTED: [&str; 3] = ["tally/", "spent/", "waiting/"];
const SERIAL: &str = "serial/";
/// Since when an order of the tallies is not in the reference data.
const UNLISTED: &str = "unlisted/";
/// An order that was not listed for so long does not come back. One that was taken in offline may still be entered.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(30);
/// Between the parts of a key; no code of a label holds it.
const PARTS: char = '\u{1f}';

/// What becomes of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Good,
    /// Scrap and concessions: defective, and not reported again.
    Spent,
    /// To be reworked or inspected: reported once more after that.
    Waiting,
}

impl Sort {
    pub fn of(kind: DefectKind) -> Self {
        match kind {
            DefectKind::Scrap | DefectKind::Concession => Self::Spent,
            DefectKind::Rework => Self::Waiting,
        }
    }
}

#[derive(Debug, Default)]
pub struct Tallies {
    counted: [HashMap<String, Decimal>; COUNTED.len()],
    serials: HashSet<String>,
    unlisted: HashMap<String, Timestamp>,
}

impl Tallies {
    pub fn restored(states: &States) -> Self {
        let counted = COUNTED.map(|of| {
            let tallies = states.iter().filter_map(|(name, value)| {
                let tally = std::str::from_utf8(value).ok()?.parse().ok()?;
                Some((name.strip_prefix(of)?.to_owned(), tally))
            });
            tallies.collect()
        });
        let serials = states.keys().filter_map(|name| name.strip_prefix(SERIAL));
        let unlisted = states.iter().filter_map(|(name, value)| {
            let since = std::str::from_utf8(value).ok()?.parse().ok()?;
            Some((name.strip_prefix(UNLISTED)?.to_owned(), since))
        });
        Self {
            counted,
            serials: serials.map(str::to_owned).collect(),
            unlisted: unlisted.collect(),
        }
    }

    /// Good pieces so far.
    pub fn good(&self, order_no: &str, process_code: &str) -> Decimal {
        self.of(Sort::Good, order_no, process_code)
    }

    /// Pieces of a sort so far.
    pub fn of(&self, sort: Sort, order_no: &str, process_code: &str) -> Decimal {
        let tally = self.counted[sort as usize].get(&key(&[order_no, process_code]));
        tally.copied().unwrap_or_default()
    }

    pub fn has_serial(&self, order_no: &str, process_code: &str, serial: &str) -> bool {
        self.serials.contains(&key(&[order_no, process_code, serial]))
    }

    /// Takes a report in, or what it takes back out; the states that change by it go into `states`.
    pub fn book(&mut self, report: &WorkReport, states: &mut States) {
        let (order_no, process_code) = (report.order_no.as_str(), report.process_code.as_str());
        let defects = report.defects.iter();
        let defects = defects.map(|defect| (Sort::of(defect.kind), defect.quantity));
        let others = [
            (Sort::Good, report.qualified_quantity),
            (Sort::Waiting, report.to_inspect),
        ];
        for (sort, quantity) in defects.chain(others).filter(|(_, quantity)| !quantity.is_zero()) {
            let key = key(&[order_no, process_code]);
            let tally = self.counted[sort as usize].entry(key.clone()).or_default();
            *tally += quantity;
            states.insert(format!("{}{key}", COUNTED[sort as usize]), tally.to_string().into());
        }
        for serial in &report.serials {
            let key = key(&[order_no, process_code, serial]);
            let state = if report.voids.is_some() {
                self.serials.remove(&key);
                Bytes::new()
            } else {
                self.serials.insert(key.clone());
                Bytes::from_static(b"1")
            };
            states.insert(format!("{SERIAL}{key}"), state);
        }
    }

    /// What was reported while nothing was known of its order is counted under the names that the order has.
    pub fn verify(&mut self, reference: &Reference, states: &mut States) {
        let found = |key: &String| Some((key.clone(), respelled(key, reference)?));
        for (of, tallies) in COUNTED.iter().zip(&mut self.counted) {
            let unsure: Vec<_> = tallies.keys().filter_map(found).collect();
            for (unsure, key) in unsure {
                let made = tallies.remove(&unsure).unwrap_or_default();
                let tally = tallies.entry(key.clone()).or_default();
                *tally += made;
                states.insert(format!("{of}{key}"), tally.to_string().into());
                states.insert(format!("{of}{unsure}"), Bytes::new());
            }
        }
        let serials: Vec<_> = self.serials.iter().filter_map(found).collect();
        for (unsure, key) in serials {
            self.serials.remove(&unsure);
            states.insert(format!("{SERIAL}{key}"), Bytes::from_static(b"1"));
            states.insert(format!("{SERIAL}{unsure}"), Bytes::new());
            self.serials.insert(key);
        }
    }

    /// A closed order is not reported any more, so nobody asks for its tallies either, nor for those of one that is gone. A
    /// finished one may be taken up again by an undo.
    pub fn forget_closed(&mut self, reference: &Reference, now: Timestamp, states: &mut States) {
        if reference.is_fresh(now) {
            self.look_for_unlisted(reference, now, states);
        }
        let is_long_gone = |order_no: &str| {
            self.unlisted
                .get(order_no)
                .is_some_and(|since| now - *since >= FORGOTTEN_AFTER)
        };
        let is_over = |key: &str| {
            let order_no = order_of(key);
            reference
                .order(order_no)
                .map_or(is_long_gone(order_no), |order| order.status == OrderStatus::Closed)
        };
        for (of, tallies) in COUNTED.iter().zip(&mut self.counted) {
            for (key, _) in tallies.extract_if(|key, _| is_over(key)) {
                states.insert(format!("{of}{key}"), Bytes::new());
            }
        }
        for key in self.serials.extract_if(|key| is_over(key)) {
            states.insert(format!("{SERIAL}{key}"), Bytes::new());
        }
    }

    /// Notes which orders of the tallies are not listed, and forgets the note of those that are or that have no tallies.
    fn look_for_unlisted(&mut self, reference: &Reference, now: Timestamp, states: &mut States) {
        let counted = self.counted.iter().flat_map(HashMap::keys);
        let orders: HashSet<&str> = counted.chain(&self.serials).map(|key| order_of(key)).collect();
        let is_unlisted = |order_no: &str| orders.contains(order_no) && reference.order(order_no).is_none();
        for (found, _) in self.unlisted.extract_if(|order_no, _| !is_unlisted(order_no)) {
            states.insert(format!("{UNLISTED}{found}"), Bytes::new());
        }
        for order_no in orders.iter().filter(|order_no| is_unlisted(order_no)) {
            if !self.unlisted.contains_key(*order_no) {
                states.insert(format!("{UNLISTED}{order_no}"), now.to_rfc3339().into());
                self.unlisted.insert((*order_no).to_owned(), now);
            }
        }
    }
}

/// The process that a job means: by its code, or, where the traveler was taken in before its order was known, by its
/// sequence.
pub fn process_of<'o>(order: &'o Order, told: &str) -> Option<&'o Process> {
    let by_code = order.processes.iter().find(|process| process.process_code == told);
    by_code.or_else(|| {
        order
            .processes
            .iter()
            .find(|process| process.sequence.to_string() == told)
    })
}

/// The key as the reference data spells it; nothing where it is spelled so already, or unknown.
fn respelled(key: &str, reference: &Reference) -> Option<String> {
    let mut parts = key.splitn(3, PARTS);
    let (order_no, process_code) = (parts.next()?, parts.next()?);
    let order = reference.order(order_no)?;
    let process = process_of(order, process_code)?;
    let known = [order.order_no.as_str(), process.process_code.as_str()];
    let spelled: Vec<&str> = known.into_iter().chain(parts).collect();
    Some(self::key(&spelled)).filter(|spelled| spelled != key)
}

fn order_of(key: &str) -> &str {
    key.split(PARTS).next().unwrap_or(key)
}

fn key(parts: &[&str]) -> String {
    parts.join(&PARTS.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reference::Snapshot;

    fn snapshot(status: u8) -> Snapshot {
        serde_json::from_value(serde_json::json!({
            "version": "1",
            "orders": [{"order_no": "WO-1", "status": status, "order_quantity": "100", "processes": [
                {"process_code": "0020", "process_name": "", "sequence": 20}]}]
        }))
        .expect("a snapshot")
    }

    fn reference(status: u8) -> Reference {
        Reference::new(snapshot(status), chrono::Utc::now(), Duration::from_hours(1))
    }

    fn report(order_no: &str, process_code: &str) -> WorkReport {
        serde_json::from_value(serde_json::json!({
            "report_no": "", "order_no": order_no, "process_code": process_code, "station": "", "worker_no": "",
            "work_date": "2026-11-21", "work_hours": "0", "output_quantity": "7", "qualified_quantity": "4",
            "unqualified_quantity": "3", "serials": ["A"], "to_inspect": "5", "defects": [
                {"kind": "scrap", "quantity": "1", "reason": "D03"}, {"kind": "rework", "quantity": "2", "reason": "R01"}]
        }))
        .expect("a report")
    }

    #[test]
    fn what_was_reported_offline_counts_for_the_order_that_it_was() {
        let (mut tallies, mut states) = (Tallies::default(), States::default());
        tallies.book(&report("1", "20"), &mut states);
        tallies.book(&report("WO-1", "0020"), &mut states);
        tallies.verify(&reference(2), &mut states);
        states.retain(|_, value| !value.is_empty());
        for tallies in [tallies, Tallies::restored(&states)] {
            let counted = [Sort::Good, Sort::Spent, Sort::Waiting].map(|sort| tallies.of(sort, "WO-1", "0020"));
            assert_eq!(counted, [8, 2, 14].map(Decimal::from));
            assert!(tallies.has_serial("WO-1", "0020", "A"));
            assert_eq!(
                (tallies.good("1", "20"), tallies.has_serial("1", "20", "A")),
                (Decimal::ZERO, false)
            );
        }
    }

    #[test]
    fn a_finished_order_keeps_its_tallies_a_closed_one_does_not() {
        let (mut tallies, mut states) = (Tallies::default(), States::default());
        tallies.book(&report("WO-1", "0020"), &mut states);
        let now = chrono::Utc::now();
        tallies.forget_closed(&reference(4), now, &mut states);
        assert!(tallies.has_serial("WO-1", "0020", "A"), "it may be taken up again");
        tallies.forget_closed(&reference(5), now, &mut states);
        assert_eq!(
            (tallies.good("WO-1", "0020"), tallies.has_serial("WO-1", "0020", "A")),
            (Decimal::ZERO, false)
        );
        assert!(states.values().all(Bytes::is_empty));
    }

    #[test]
    fn an_order_that_is_gone_is_forgotten_after_a_month_and_one_that_comes_back_is_not() {
        let (mut tallies, mut disk) = (Tallies::default(), States::default());
        for order_no in ["WO-1", "WO-GONE"] {
            tallies.book(&report(order_no, "0020"), &mut disk);
        }
        let day = |day: i64| chrono::Utc::now() + TimeDelta::days(day);
        let at = |day| Reference::new(snapshot(2), day, Duration::from_hours(1));
        let nothing = |day| Reference::new(Snapshot::default(), day, Duration::from_hours(1));
        for (reference, now) in [
            (nothing(day(0)), day(0)),
            (at(day(20)), day(20)),
            (nothing(day(0)), day(29)),
            (nothing(day(29)), day(29)),
        ] {
            tallies.forget_closed(&reference, now, &mut disk);
            disk.retain(|_, value| !value.is_empty());
            tallies = Tallies::restored(&disk);
            assert!(tallies.has_serial("WO-GONE", "0020", "A"));
        }
        for now in [day(30), day(31)] {
            tallies.forget_closed(&nothing(now), now, &mut disk);
            disk.retain(|_, value| !value.is_empty());
        }
        assert!(tallies.has_serial("WO-1", "0020", "A"), "it was there on the 20th day");
        let names: Vec<_> = disk.keys().filter(|name| name.contains("GONE")).collect();
        assert!(names.is_empty(), "{names:?}");
    }
}
