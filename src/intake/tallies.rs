//! What this gateway has reported so far, by order and process: how many good pieces, and which serials. Kept on disk as
//! one state for each, in the commit of the report that changed it.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use rust_decimal::Decimal;

use crate::buffer::States;
use crate::record::WorkReport;
use crate::reference::Reference;

const GOOD: &str = "tally/";
const SERIAL: &str = "serial/";
/// Between the parts of a key; no code of a label holds it.
const PARTS: char = '\u{1f}';

#[derive(Debug, Default)]
pub struct Tallies {
    good: HashMap<String, Decimal>,
    serials: HashSet<String>,
}

impl Tallies {
    pub fn restored(states: &States) -> Self {
        let good = states.iter().filter_map(|(name, value)| {
            let tally = std::str::from_utf8(value).ok()?.parse().ok()?;
            Some((name.strip_prefix(GOOD)?.to_owned(), tally))
        });
        let serials = states.keys().filter_map(|name| name.strip_prefix(SERIAL));
        Self {
            good: good.collect(),
            serials: serials.map(str::to_owned).collect(),
        }
    }

    /// Good pieces so far.
    pub fn good(&self, order_no: &str, process_code: &str) -> Decimal {
        self.good
            .get(&key(&[order_no, process_code]))
            .copied()
            .unwrap_or_default()
    }

    pub fn has_serial(&self, order_no: &str, process_code: &str, serial: &str) -> bool {
        self.serials.contains(&key(&[order_no, process_code, serial]))
    }

    /// Takes a report in, or what it takes back out; the states that change by it go into `states`.
    pub fn book(&mut self, report: &WorkReport, states: &mut States) {
        let (order_no, process_code) = (report.order_no.as_str(), report.process_code.as_str());
        if !report.qualified_quantity.is_zero() {
            let key = key(&[order_no, process_code]);
            let tally = self.good.entry(key.clone()).or_default();
            *tally += report.qualified_quantity;
            states.insert(format!("{GOOD}{key}"), tally.to_string().into());
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

    /// A closed order is not reported any more, so nobody asks for its tallies either.
    pub fn forget_closed(&mut self, reference: &Reference, states: &mut States) {
        let is_closed = |key: &str| {
            let order_no = key.split(PARTS).next().unwrap_or(key);
            reference
                .order(order_no)
                .is_some_and(|order| !order.status.is_reportable())
        };
        self.good.retain(|key, _| {
            let is_closed = is_closed(key);
            if is_closed {
                states.insert(format!("{GOOD}{key}"), Bytes::new());
            }
            !is_closed
        });
        self.serials.retain(|key| {
            let is_closed = is_closed(key);
            if is_closed {
                states.insert(format!("{SERIAL}{key}"), Bytes::new());
            }
            !is_closed
        });
    }
}

fn key(parts: &[&str]) -> String {
    parts.join(&PARTS.to_string())
}
