//! Faults by day, product and process: what reports and inspections heard here say, each on its own account, for the same
//! piece may be told of by both. Sums of these are the Pareto of reasons.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::analysis::{Share, pareto_of};
use crate::record::{Inspection, WorkReport};

/// Of one tally; what comes after them counts as [`OTHER`].
const REASONS_MAX: usize = 50;
const OTHER: &str = "*";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Teller {
    Reports,
    Inspections,
}

/// Whose faults are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// The production day.
    pub day: NaiveDate,
    pub teller: Teller,
    /// The product where it is known, otherwise the order.
    pub product: String,
    pub process: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub checked: Decimal,
    pub unqualified: Decimal,
    pub reasons: BTreeMap<String, Decimal>,
}

impl Tally {
    /// A report that takes another back takes back its faults.
    pub fn report(&mut self, report: &WorkReport) {
        self.checked += report.output_quantity;
        self.unqualified += report.unqualified_quantity;
        for defect in &report.defects {
            self.add(&defect.reason, defect.quantity);
        }
    }

    pub fn inspection(&mut self, inspection: &Inspection) {
        self.checked += inspection.check_quantity;
        self.unqualified += inspection.unqualified_quantity;
        for defect in &inspection.defects {
            self.add(&defect.reason, defect.quantity);
        }
        if inspection.defects.is_empty() && !inspection.unqualified_quantity.is_zero() {
            let told = inspection.defect_description.as_deref().unwrap_or(OTHER);
            self.add(told, inspection.unqualified_quantity);
        }
    }

    fn add(&mut self, reason: &str, quantity: Decimal) {
        let is_room = self.reasons.contains_key(reason) || self.reasons.len() < REASONS_MAX;
        let reason = if is_room { reason } else { OTHER };
        *self.reasons.entry(reason.to_owned()).or_default() += quantity;
        self.reasons.retain(|_, quantity| !quantity.is_zero());
    }
}

/// Tallies together.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = FaultsSummary)]
pub struct Summary {
    pub checked: f64,
    pub unqualified: f64,
    pub defect_rate: Option<f64>,
    /// Heaviest first.
    pub pareto: Vec<Share>,
}

impl Summary {
    pub fn of<'t>(tallies: impl IntoIterator<Item = &'t Tally>) -> Self {
        let number = |quantity: Decimal| quantity.to_f64().unwrap_or_default();
        let (mut checked, mut unqualified) = (0.0, 0.0);
        let mut reasons = BTreeMap::<&str, f64>::new();
        for tally in tallies {
            checked += number(tally.checked);
            unqualified += number(tally.unqualified);
            for (reason, quantity) in &tally.reasons {
                *reasons.entry(reason).or_default() += number(*quantity);
            }
        }
        // A report of another day may take more back than is left of it here.
        reasons.retain(|_, quantity| *quantity > 0.0);
        Self {
            checked,
            unqualified,
            defect_rate: (checked > 0.0).then(|| (unqualified / checked).clamp(0.0, 1.0)),
            pareto: pareto_of(reasons),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(reasons: &[(&str, i64)]) -> Tally {
        let mut tally = Tally {
            checked: Decimal::from(100),
            ..Tally::default()
        };
        for (reason, quantity) in reasons {
            tally.add(reason, Decimal::from(*quantity));
            tally.unqualified += Decimal::from(*quantity);
        }
        tally
    }

    #[test]
    fn reasons_of_several_accounts_are_one_pareto() {
        let (one, other) = (tally(&[("burr", 2), ("dent", 1)]), tally(&[("dent", 5), ("crack", 2)]));
        let summary = Summary::of([&one, &other]);
        let shown: Vec<_> = summary.pareto.iter().map(|s| (s.reason.as_str(), s.quantity)).collect();
        assert_eq!(shown, [("dent", 6.0), ("burr", 2.0), ("crack", 2.0)]);
        assert!((summary.pareto[0].share - 0.6).abs() < 1e-12 && (summary.pareto[2].cumulative - 1.0).abs() < 1e-12);
        assert_eq!(summary.defect_rate, Some(0.05));
    }

    #[test]
    fn what_is_taken_back_is_gone() {
        let mut one = tally(&[("burr", 2)]);
        one.add("burr", Decimal::from(-2));
        assert!(one.reasons.is_empty());
        assert_eq!(Summary::of([]).defect_rate, None);
    }

    #[test]
    fn reasons_beyond_the_bound_are_counted_together() {
        let mut many = Tally::default();
        for nth in 0..REASONS_MAX + 5 {
            many.add(&format!("R{nth:03}"), Decimal::ONE);
        }
        assert_eq!(
            (many.reasons.len(), many.reasons[OTHER]),
            (REASONS_MAX + 1, Decimal::from(5))
        );
    }
}
