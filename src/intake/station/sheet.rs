//! What is noted at an inspection on the spot, and what it would be as an inspection.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Context, Dialogue, Operator, Pending, QuantityKind, Step, crew, words};
use crate::intake::barcode::Meaning;
use crate::intake::inspections::{UNVERIFIED, examine};
use crate::record::{CheckResult, Circumstances, FoundDefect, Inspection, Objection};

/// What was noted of the pieces that are being inspected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sheet {
    pub checker: Option<Operator>,
    /// How many were inspected.
    pub quantity: Option<Decimal>,
    pub faults: Vec<FoundDefect>,
    /// For each of these the flag of the supervisor who allowed what is done with them, where that was asked for.
    pub approvals: Vec<Option<String>>,
}

/// How an inspection ended, where the next scan has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By DONE, with no other scan since.
    Recorded,
    /// Nobody has seen it yet: what is scanned may still be meant for it.
    TimedOut,
}

impl Sheet {
    pub fn faulty(&self) -> Decimal {
        self.faults.iter().map(|fault| fault.quantity).sum()
    }

    /// What the next quantity is about.
    pub(super) fn next(&self) -> QuantityKind {
        match self.quantity {
            None => QuantityKind::Inspected,
            Some(_) => QuantityKind::Fault(None),
        }
    }

    pub(super) fn add(&mut self, fault: FoundDefect, approval: Option<String>) {
        self.faults.push(fault);
        self.approvals.push(approval);
    }

    pub(super) fn take_out(&mut self) -> Option<FoundDefect> {
        self.approvals.pop();
        self.faults.pop()
    }

    /// The sentence that asks for what has to come before faulty pieces.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        match (&self.checker, self.quantity) {
            (None, _) => Some("EXPECT_INSPECTOR"),
            (_, None) => Some("EXPECT_INSPECTED"),
            _ => None,
        }
    }

    /// How many were inspected and how many are faulty, as words.
    pub(super) fn told(&self) -> [String; 2] {
        [self.quantity.unwrap_or_default(), self.faulty()].map(|quantity| quantity.to_string())
    }
}

impl Dialogue {
    /// Whether an inspection goes on, or nobody has seen yet that it does not any more.
    pub(super) fn is_inspecting(&self) -> bool {
        self.sheet.is_some() || self.last_inspection == Some(Ended::TimedOut)
    }

    /// A number or a reason that is open at an inspection is no more dropped after seconds than the inspection itself: without it
    /// faulty pieces would pass as good ones.
    pub(super) fn keeps_asking(&self) -> bool {
        let asked = self.asked.as_ref().map(|asked| &asked.what);
        self.sheet.is_some() && matches!(asked, Some(Pending::Quantity { .. } | Pending::Reason(_)))
    }

    /// An inspector of whom nothing was known is known as soon as the reference data is, and may turn out to be none.
    pub(super) fn verify_checker(&mut self, context: &Context) {
        let Some(sheet) = &mut self.sheet else {
            return;
        };
        let Some(checker) = sheet.checker.as_ref().filter(|checker| checker.unverified) else {
            return;
        };
        let badge = Meaning::Badge(checker.worker_no.clone());
        if let Ok(known) = crew::operator(&badge, context) {
            sheet.checker = Some(known).filter(|known| context.may_inspect(known));
        }
    }

    pub(super) fn order_at_hand(&self) -> &str {
        self.job.as_ref().map_or("", |job| &job.order_no)
    }

    /// What the sheet would be as an inspection, checked like any other.
    pub(super) fn inspection(&self, sheet: &Sheet, context: &Context) -> Result<Inspection, Vec<Objection>> {
        let (quantity, faulty) = (sheet.quantity.unwrap_or_default(), sheet.faulty());
        let checker = sheet.checker.clone().unwrap_or_default();
        let job = self.job.clone().unwrap_or_default();
        let maker = self
            .crew
            .iter()
            .find(|operator| operator.worker_no != checker.worker_no);
        let first_shift = context.shift_starts.first().copied().unwrap_or_default();
        let is_unverified = checker.unverified || job.unverified;
        let approvals: BTreeSet<_> = sheet.approvals.iter().flatten().cloned().collect();
        let mut inspection = Inspection {
            check_no: String::new(),
            receipt_id: None,
            order_no: job.order_no,
            product_code: None,
            product_name: None,
            check_date: context.zone.production_day(context.now, first_shift),
            check_quantity: quantity,
            qualified_quantity: quantity - faulty,
            unqualified_quantity: faulty,
            check_result: if faulty.is_zero() {
                CheckResult::Qualified
            } else {
                CheckResult::Unqualified
            },
            defect_description: None,
            checker_id: checker.worker_id,
            checker_no: Some(checker.worker_no),
            checker_name: checker.name,
            remark: None,
            measurements: Vec::new(),
            defects: sheet.faults.clone(),
            disposition: None,
            circumstances: Circumstances {
                process_code: Some(job.process_code).filter(|code| !code.is_empty()),
                equipment: context.bench.equipment.clone(),
                worker_no: maker.map(|operator| operator.worker_no.clone()),
                ..Circumstances::default()
            },
            flags: is_unverified
                .then(|| UNVERIFIED.to_owned())
                .into_iter()
                .chain(approvals)
                .collect(),
        };
        let objections = examine(&mut inspection, context.reference, context.now);
        if objections.is_empty() {
            Ok(inspection)
        } else {
            Err(objections)
        }
    }

    /// Too large a number is what people do; what else is wrong is told as it is.
    pub(super) fn refuse(&self, objections: &[Objection], quantity: Decimal, context: &Context) -> Step {
        if let [
            Objection {
                code: "OVER_QUANTITY", ..
            },
        ] = objections
        {
            let order = context.reference.order(self.order_at_hand());
            let planned = order.map(|order| order.order_quantity).unwrap_or_default();
            return Step::err(
                "TOO_MANY_INSPECTED",
                &[&quantity.to_string(), &planned.to_string()],
                context,
            );
        }
        let all: Vec<_> = objections.iter().map(|objection| &objection.words).collect();
        Step::err("INVALID_INSPECTION", &[], context).worded(&[words::listed(&all)], context)
    }
}
