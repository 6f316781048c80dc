//! The latest inspections with what they found and under what circumstances: small, and kept as a state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::record::{Circumstances, Inspection};

/// What is remembered is at most so many bytes, and at most so many inspections.
const BYTES_MAX: usize = 8 << 10;
const SEEN_MAX: usize = 60;
/// Reasons of one inspection that are remembered apart.
const REASONS_MAX: usize = 6;
const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    version: u32,
    seen: VecDeque<Seen>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            version: VERSION,
            seen: VecDeque::new(),
        }
    }
}

/// One inspection, as far as analysis needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub product: String,
    pub checked: f64,
    pub unqualified: f64,
    pub reasons: BTreeMap<String, f64>,
    /// By name of the circumstance.
    pub factors: BTreeMap<String, String>,
}

impl Memory {
    /// What was kept; a memory of another version begins anew.
    pub fn restored(kept: &[u8]) -> Self {
        let kept = serde_json::from_slice::<Self>(kept).ok();
        kept.filter(|memory| memory.version == VERSION).unwrap_or_default()
    }

    pub fn take(&mut self, inspection: &Inspection) {
        self.seen.push_back(Seen::of(inspection));
        while self.seen.len() > SEEN_MAX || self.bytes() > BYTES_MAX {
            self.seen.pop_front();
        }
    }

    fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |bytes| bytes.len())
    }

    /// Each product of the latest inspections.
    pub fn products(&self) -> BTreeSet<&str> {
        self.seen.iter().map(|seen| seen.product.as_str()).collect()
    }

    /// The latest inspections of a product.
    pub(super) fn of_product(&self, product: &str) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.product == product).collect()
    }
}

impl Seen {
    pub fn of(inspection: &Inspection) -> Self {
        let number = |quantity: rust_decimal::Decimal| quantity.to_f64().unwrap_or_default();
        let mut reasons = BTreeMap::new();
        for defect in inspection.defects.iter().take(REASONS_MAX) {
            *reasons.entry(defect.reason.clone()).or_default() += number(defect.quantity);
        }
        Self {
            product: product_of(inspection).to_owned(),
            checked: number(inspection.check_quantity),
            unqualified: number(inspection.unqualified_quantity),
            reasons,
            factors: factors_of(&inspection.circumstances),
        }
    }
}

/// What is compared: the product where it is known, otherwise the order alone.
pub(super) fn product_of(inspection: &Inspection) -> &str {
    inspection.product_code.as_deref().unwrap_or(&inspection.order_no)
}

pub(super) fn factors_of(circumstances: &Circumstances) -> BTreeMap<String, String> {
    let factors = [
        ("equipment", &circumstances.equipment),
        ("equipment_state", &circumstances.equipment_state),
        ("tool", &circumstances.tool),
        ("worker_no", &circumstances.worker_no),
        ("material_lot", &circumstances.material_lot),
        ("shift", &circumstances.shift),
    ];
    let known = factors
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    known.collect()
}
