//! The latest inspections as they stand: what was found wrong, what is done with it, and what still waits for a decision.
//! Pieces leave the open ones only by a decision, and each decision is one record of its own.

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::language::Words;
use crate::record::{CheckResult, DefectKind, FoundDefect, Inspection, Objection, Timestamp};

/// So many inspections are kept; the central store has all.
pub const KEPT_MAX: usize = 200;

/// One inspection, as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ListedInspection)]
pub struct Checked {
    pub check_no: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub order_no: String,
    pub product_code: Option<String>,
    pub product_name: Option<String>,
    pub process_code: Option<String>,
    pub equipment: Option<String>,
    #[schema(value_type = String)]
    pub check_quantity: Decimal,
    #[schema(value_type = String)]
    pub qualified_quantity: Decimal,
    #[schema(value_type = String)]
    pub unqualified_quantity: Decimal,
    /// 0 waiting, 1 qualified, 2 unqualified.
    #[schema(value_type = u8, maximum = 2)]
    pub check_result: CheckResult,
    pub checker: Option<String>,
    pub flags: Vec<String>,
    pub faults: Vec<Fault>,
    /// Decisions that came after the inspection.
    pub decisions: u32,
}

/// Pieces with one fault and one destiny.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ListedFault)]
pub struct Fault {
    /// Empty where the inspection did not name one.
    pub reason: String,
    #[schema(value_type = String)]
    pub quantity: Decimal,
    /// None while that is open.
    pub disposition: Option<DefectKind>,
    pub decided_by: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
    pub comment: Option<String>,
}

/// What someone decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub disposition: DefectKind,
    /// Of one fault alone.
    pub reason: Option<String>,
    /// All that is open of it, when absent.
    pub quantity: Option<Decimal>,
    pub by: String,
    pub at: Timestamp,
    pub comment: Option<String>,
}

impl Checked {
    pub fn of(inspection: &Inspection, at: Timestamp) -> Self {
        let checker = inspection.checker_name.as_ref().or(inspection.checker_no.as_ref());
        let fault = |reason: &str, quantity, kind: Option<DefectKind>| {
            let disposition = kind.or(inspection.disposition);
            Fault {
                reason: reason.to_owned(),
                quantity,
                disposition,
                decided_by: checker.filter(|_| disposition.is_some()).cloned(),
                decided_at: disposition.map(|_| at),
                comment: None,
            }
        };
        let named = inspection.defects.iter();
        let mut faults: Vec<Fault> = named.map(|d| fault(&d.reason, d.quantity, d.kind)).collect();
        if faults.is_empty() && !inspection.unqualified_quantity.is_zero() {
            let reason = inspection.defect_description.as_deref().unwrap_or_default();
            faults.push(fault(reason, inspection.unqualified_quantity, None));
        }
        Self {
            check_no: inspection.check_no.clone(),
            at,
            order_no: inspection.order_no.clone(),
            product_code: inspection.product_code.clone(),
            product_name: inspection.product_name.clone(),
            process_code: inspection.circumstances.process_code.clone(),
            equipment: inspection.circumstances.equipment.clone(),
            check_quantity: inspection.check_quantity,
            qualified_quantity: inspection.qualified_quantity,
            unqualified_quantity: inspection.unqualified_quantity,
            check_result: inspection.check_result,
            checker: checker.cloned(),
            flags: inspection.flags.clone(),
            faults,
            decisions: 0,
        }
    }

    /// Pieces that nobody has decided on.
    pub fn open_quantity(&self) -> Decimal {
        let open = self.faults.iter().filter(|fault| fault.disposition.is_none());
        open.map(|fault| fault.quantity).sum()
    }

    /// Decides on open pieces, in the order of their faults; gives which pieces these are.
    pub fn decide(&mut self, decision: &Decision) -> Result<Vec<FoundDefect>, Objection> {
        let is_meant =
            |fault: &Fault| fault.disposition.is_none() && decision.reason.as_ref().is_none_or(|r| *r == fault.reason);
        let open: Decimal = self.faults.iter().filter(|f| is_meant(f)).map(|f| f.quantity).sum();
        let wanted = decision.quantity.unwrap_or(open);
        if open.is_zero() {
            let of = decision.reason.as_deref().unwrap_or(&self.check_no);
            let words = Words::new(
                format!("nothing of {of} is left to decide on"),
                format!("{of} 没有待处置的件"),
            );
            return Err(Objection::new("reason", "NOTHING_OPEN", words));
        }
        if wanted <= Decimal::ZERO || wanted > open {
            let words = Words::new(
                format!("{wanted} is not above 0 and up to {open}, which is what is open"),
                format!("应大于 0 且不超过待处置的 {open} 件，填写的是 {wanted}"),
            );
            return Err(Objection::new("quantity", "OVER_QUANTITY", words));
        }
        let (mut left, mut decided, mut after) = (wanted, Vec::new(), Vec::new());
        for mut fault in std::mem::take(&mut self.faults) {
            let taken = if is_meant(&fault) {
                fault.quantity.min(left)
            } else {
                Decimal::ZERO
            };
            if !taken.is_zero() {
                left -= taken;
                fault.quantity -= taken;
                decided.push(FoundDefect {
                    reason: fault.reason.clone(),
                    quantity: taken,
                    kind: Some(decision.disposition),
                });
                after.push(Fault {
                    reason: fault.reason.clone(),
                    quantity: taken,
                    disposition: Some(decision.disposition),
                    decided_by: Some(decision.by.clone()),
                    decided_at: Some(decision.at),
                    comment: decision.comment.clone(),
                });
            }
            if !fault.quantity.is_zero() {
                after.push(fault);
            }
        }
        self.faults = after;
        self.decisions += 1;
        Ok(decided)
    }
}

/// The latest, oldest first.
#[derive(Debug, Default)]
pub struct Register(VecDeque<Checked>);

impl Register {
    pub fn restored(mut kept: Vec<Checked>) -> Self {
        kept.sort_by_key(|checked| checked.at);
        Self(kept.into())
    }

    /// Takes one in; gives the one that makes room for it.
    pub fn take(&mut self, checked: Checked) -> Option<Checked> {
        self.0.push_back(checked);
        (self.0.len() > KEPT_MAX).then(|| self.0.pop_front()).flatten()
    }

    pub fn find(&mut self, check_no: &str) -> Option<&mut Checked> {
        self.0.iter_mut().rev().find(|checked| checked.check_no == check_no)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Checked> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot() -> Checked {
        let inspection: Inspection = serde_json::from_value(serde_json::json!({
            "check_no": "Q-1", "order_no": "WO-1", "check_date": "2026-11-21", "check_quantity": "20",
            "qualified_quantity": "14", "unqualified_quantity": "6", "check_result": 2, "checker_name": "李",
            "defects": [
                {"reason": "burr", "quantity": "2", "kind": "rework"},
                {"reason": "crack", "quantity": "3"},
                {"reason": "dent", "quantity": "1"},
            ],
        }))
        .expect("an inspection");
        Checked::of(&inspection, Timestamp::UNIX_EPOCH)
    }

    fn decision(disposition: DefectKind, reason: Option<&str>, quantity: Option<i64>) -> Decision {
        Decision {
            disposition,
            reason: reason.map(str::to_owned),
            quantity: quantity.map(Decimal::from),
            by: "chen".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            comment: None,
        }
    }

    fn shown(lot: &Checked) -> Vec<(&str, i64, &str)> {
        let faults = lot.faults.iter();
        faults
            .map(|fault| {
                let quantity = fault.quantity.try_into().expect("whole");
                let kind = fault.disposition.map_or("", DefectKind::name);
                (fault.reason.as_str(), quantity, kind)
            })
            .collect()
    }

    #[test]
    fn what_is_decided_on_leaves_the_open_pieces() {
        let mut lot = lot();
        assert_eq!(lot.open_quantity(), Decimal::from(4));
        let decided = lot.decide(&decision(DefectKind::Scrap, Some("crack"), Some(1)));
        assert_eq!(decided.expect("open")[0].quantity, Decimal::ONE);
        let expected = [
            ("burr", 2, "rework"),
            ("crack", 1, "scrap"),
            ("crack", 2, ""),
            ("dent", 1, ""),
        ];
        assert_eq!(shown(&lot), expected);
        let rest = lot.decide(&decision(DefectKind::Concession, None, None)).expect("open");
        assert_eq!(rest.len(), 2);
        assert_eq!((lot.open_quantity(), lot.decisions), (Decimal::ZERO, 2));
    }

    #[test]
    fn more_than_is_open_and_what_is_decided_are_objected_to() {
        let mut lot = lot();
        let before = lot.clone();
        let refused = |lot: &mut Checked, decision| lot.decide(&decision).expect_err("no").code;
        assert_eq!(
            refused(&mut lot, decision(DefectKind::Scrap, None, Some(5))),
            "OVER_QUANTITY"
        );
        assert_eq!(
            refused(&mut lot, decision(DefectKind::Scrap, None, Some(0))),
            "OVER_QUANTITY"
        );
        assert_eq!(
            refused(&mut lot, decision(DefectKind::Scrap, Some("burr"), None)),
            "NOTHING_OPEN"
        );
        assert_eq!(lot, before);
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut register = Register::default();
        let gone: Vec<Checked> = (0..=KEPT_MAX).filter_map(|_| register.take(lot())).collect();
        assert_eq!((gone.len(), register.iter().count()), (1, KEPT_MAX));
    }
}
