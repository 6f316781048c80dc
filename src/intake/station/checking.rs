//! An inspection on the spot: CHECK, the inspector's badge where the one at work is none, how many pieces were inspected, the
//! faulty ones with their reasons, DONE. (INSPECT is another thing: it reports pieces that wait for an inspection.)
//!
//! It lies over the job at hand, whose time goes on, and counts no pieces of it. Inspecting takes its time, so unlike what is
//! pending it is not dropped after seconds and outlives a restart; DONE, CANCEL, LOGOUT or a long silence end it. Rows
//! 1 to 54 of the table are older than it; its own go on from there:
//!
//! | # | scan, while inspecting | effect |
//! |---|---|---|
//! | 55 | (job at hand) CHECK, an inspector is signed on | inspection begun |
//! | 56 | (job at hand) CHECK, nobody here may inspect | inspection begun, waits for a badge |
//! | 57 | badge | who inspects; `NOT_INSPECTOR` |
//! | 58 | first quantity, by one card or keyed | how many were inspected; no more than the order has |
//! | 59 | further quantities, then a reason | faulty pieces, what is done with them left open |
//! | 60 | SCRAP, REWORK, CONCESSION, a quantity, a reason | faulty pieces, and what is done with them |
//! | 61 | UNDO | takes out what was noted last |
//! | 62 | CANCEL | nothing was inspected; with a quantity or a reason open, only that is dropped |
//! | 63 | DONE | `QUALITY_INSPECTION_COMPLETED` |
//! | 64 | STATUS | what was noted so far |
//! | 65 | anything else | `FINISH_INPUT_FIRST` |
//! | 66 | the idle time-out | `INSPECTION_TIMED_OUT`: nothing was inspected |
//! | 67 | restart, power loss | the inspection goes on; an open quantity or reason is asked anew |

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::counting::{defect_reason, kind_of_scan};
use super::plan::is_aimed;
use super::{Asked, Context, Dialogue, Operator, Pending, QuantityKind, Signal, Step, Unexplained, crew, words};
use crate::intake::barcode::Meaning;
use crate::intake::inspections::{UNVERIFIED, examine};
use crate::language::Words;
use crate::record::{CheckResult, Circumstances, DefectKind, FoundDefect, Inspection, Objection};

/// Who may inspect, beside supervisors.
const SKILLS: [&str; 4] = ["inspector", "quality", "质检", "质检员"];

/// What was noted of the pieces that are being inspected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sheet {
    pub checker: Option<Operator>,
    /// How many were inspected.
    pub quantity: Option<Decimal>,
    pub faults: Vec<FoundDefect>,
}

impl Sheet {
    pub fn faulty(&self) -> Decimal {
        self.faults.iter().map(|fault| fault.quantity).sum()
    }

    /// What the next quantity is about.
    fn next(&self) -> QuantityKind {
        match self.quantity {
            None => QuantityKind::Inspected,
            Some(_) => QuantityKind::Fault(None),
        }
    }

    pub fn expects(&self) -> Words {
        let code = match (&self.checker, self.quantity) {
            (None, _) => "EXPECT_INSPECTOR",
            (_, None) => "EXPECT_INSPECTED",
            _ => "EXPECT_FAULTS",
        };
        words::in_every_language(code, &[])
    }
}

pub fn begin(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    if !is_aimed(dialogue) {
        return Step::err("WHICH_ORDER", &[], context);
    }
    let checker = dialogue.crew.iter().find(|operator| context.may_inspect(operator));
    let code = if checker.is_some() {
        "HOW_MANY_INSPECTED"
    } else {
        "WHO_INSPECTS"
    };
    dialogue.sheet = Some(Sheet {
        checker: checker.cloned(),
        ..Sheet::default()
    });
    Step::ask(code, &[dialogue.order_at_hand()], context)
}

pub fn sign(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let Some(sheet) = dialogue.sheet.as_mut().filter(|sheet| sheet.checker.is_none()) else {
        return Step::err("FINISH_INPUT_FIRST", &[], context);
    };
    let badge = match crew::operator(meaning, context) {
        Ok(badge) => badge,
        Err(step) => return step,
    };
    if !context.may_inspect(&badge) {
        return Step::err("NOT_INSPECTOR", &[badge.called()], context);
    }
    sheet.checker = Some(badge);
    Step::ask("HOW_MANY_INSPECTED", &[dialogue.order_at_hand()], context)
}

pub fn quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let next = match dialogue.sheet.as_ref() {
        Some(Sheet { checker: None, .. }) => return Step::err("INSPECTOR_NEEDED", &[], context),
        Some(sheet) => sheet.next(),
        None => return Step::err("NOT_NOW", &[], context),
    };
    match meaning {
        Meaning::Quantity(quantity) => note(dialogue, next, *quantity, context),
        Meaning::Keyed(number) => {
            let keyed = *number;
            dialogue.ask(Pending::Quantity { kind: next, keyed }, context);
            Step::ask("KEYED", &[&keyed.to_string()], context)
        }
        _ => Step::err("NOT_NOW", &[], context),
    }
}

/// SCRAP, REWORK, CONCESSION: what is done with the pieces whose number comes next.
pub fn decide(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let Err(step) = counted(dialogue, context) {
        return step;
    }
    let Some(QuantityKind::Defect(kind)) = kind_of_scan(meaning) else {
        return Step::err("NOT_NOW", &[], context);
    };
    let kind = QuantityKind::Fault(Some(kind));
    let keyed = Decimal::ZERO;
    dialogue.ask(Pending::Quantity { kind, keyed }, context);
    Step::ask("HOW_MANY", &[], context).worded(&[words::kind(kind)], context)
}

/// A number is known: of inspected pieces, or of faulty ones, whose reason is asked for then.
pub fn note(dialogue: &mut Dialogue, kind: QuantityKind, quantity: Decimal, context: &Context) -> Step {
    let Some(sheet) = dialogue.sheet.clone() else {
        return Step::err("NOT_NOW", &[], context);
    };
    let QuantityKind::Fault(kind) = kind else {
        let counted = Sheet {
            quantity: Some(quantity),
            ..sheet
        };
        return match dialogue.inspection(&counted, context) {
            Ok(_) => {
                dialogue.asked = None;
                dialogue.sheet = Some(counted);
                Step::ask("INSPECTED", &[&quantity.to_string()], context)
            }
            Err(objections) => dialogue.refuse(&objections, quantity, context),
        };
    };
    let (faulty, inspected) = (sheet.faulty() + quantity, sheet.quantity.unwrap_or_default());
    if faulty > inspected {
        return Step::err(
            "TOO_MANY_FAULTY",
            &[&faulty.to_string(), &inspected.to_string()],
            context,
        );
    }
    dialogue.asked = Some(Asked {
        what: Pending::Reason(Unexplained::Fault { kind, quantity }),
        since: context.now,
        approved_by: None,
    });
    Step::ask("WHICH_REASON", &[&quantity.to_string()], context)
}

/// The reason of faulty pieces.
pub fn explain(
    dialogue: &mut Dialogue,
    code: &str,
    (kind, quantity): (Option<DefectKind>, Decimal),
    context: &Context,
) -> Step {
    let reason = match fault_reason(code, kind, context) {
        Ok(reason) => reason,
        Err(step) => return step,
    };
    let Some(mut sheet) = dialogue.sheet.clone() else {
        return Step::err("NOT_NOW", &[], context);
    };
    sheet.faults.push(FoundDefect { reason, quantity, kind });
    if let Err(objections) = dialogue.inspection(&sheet, context) {
        return dialogue.refuse(&objections, quantity, context);
    }
    dialogue.asked = None;
    let told = [sheet.faulty(), sheet.quantity.unwrap_or_default()].map(|quantity| quantity.to_string());
    dialogue.sheet = Some(sheet);
    Step::ask("FAULT_NOTED", &[&told[0], &told[1]], context)
}

/// Where it is not decided what is done with the pieces, any reason of a defect will do.
pub fn fault_reason(code: &str, kind: Option<DefectKind>, context: &Context) -> Result<String, Step> {
    let any = [DefectKind::Scrap, DefectKind::Rework, DefectKind::Concession];
    let kinds = kind.as_ref().map_or(&any[..], std::slice::from_ref);
    let mut tried = kinds.iter().map(|kind| defect_reason(code, *kind, context));
    let known = tried.find(Result::is_ok);
    known.unwrap_or_else(|| Err(Step::err("REASON_UNKNOWN", &[code], context)))
}

/// Takes out what was noted last: faulty pieces, then the number of inspected ones.
pub fn take_out(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let Some(sheet) = &mut dialogue.sheet else {
        return Step::err("NOT_NOW", &[], context);
    };
    if let Some(fault) = sheet.faults.pop() {
        return Step::ok(
            "FAULT_TAKEN_OUT",
            &[&fault.quantity.to_string(), &fault.reason],
            context,
        );
    }
    match sheet.quantity.take() {
        Some(_) => Step::ask("HOW_MANY_INSPECTED", &[dialogue.order_at_hand()], context),
        None => Step::err("NOT_NOW", &[], context),
    }
}

pub fn cancel(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    dialogue.sheet = None;
    Step::ok("INSPECTION_CANCELLED", &[], context)
}

pub fn show_status(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let sheet = dialogue.sheet.clone().unwrap_or_default();
    let told = [sheet.quantity.unwrap_or_default(), sheet.faulty()].map(|quantity| quantity.to_string());
    Step::told(
        "INSPECTION_STATUS",
        &[&told[0], &told[1], dialogue.order_at_hand()],
        context,
    )
}

pub fn done(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let sheet = match counted(dialogue, context) {
        Ok(sheet) => sheet.clone(),
        Err(step) => return step,
    };
    let quantity = sheet.quantity.unwrap_or_default();
    match dialogue.inspection(&sheet, context) {
        Ok(inspection) => {
            let told = [quantity, sheet.faulty()].map(|quantity| quantity.to_string());
            dialogue.sheet = None;
            dialogue.is_aimed = false;
            Step {
                signal: Some(Box::new(Signal::Inspection(Box::new(inspection)))),
                ..Step::ok(
                    "INSPECTION_RECORDED",
                    &[&told[0], &told[1], dialogue.order_at_hand()],
                    context,
                )
            }
        }
        Err(objections) => dialogue.refuse(&objections, quantity, context),
    }
}

/// The sheet, once it is known who inspects and how many were inspected.
fn counted<'d>(dialogue: &'d Dialogue, context: &Context) -> Result<&'d Sheet, Step> {
    match &dialogue.sheet {
        Some(Sheet { checker: None, .. }) => Err(Step::err("INSPECTOR_NEEDED", &[], context)),
        Some(Sheet { quantity: None, .. }) => Err(Step::err("COUNT_FIRST", &[], context)),
        Some(sheet) => Ok(sheet),
        None => Err(Step::err("NOT_NOW", &[], context)),
    }
}

impl Context<'_> {
    /// Whom nobody could look up is believed, as with reports, and the inspection says so.
    fn may_inspect(&self, operator: &Operator) -> bool {
        operator.unverified || self.is_supervisor(&operator.worker_no) || self.has_skill(&operator.worker_no, &SKILLS)
    }
}

impl Dialogue {
    /// Who was inspecting has gone: what was noted is not finished, so it is nothing.
    pub(super) fn end_inspection(&mut self, context: &Context) -> Option<Step> {
        if self.sheet.is_none() || self.silent_for(context)? < context.bench.idle_timeout {
            return None;
        }
        self.sheet = None;
        Some(Step {
            is_change: true,
            ..Step::err("INSPECTION_TIMED_OUT", &[], context)
        })
    }

    fn order_at_hand(&self) -> &str {
        self.job.as_ref().map_or("", |job| &job.order_no)
    }

    /// What the sheet would be as an inspection, checked like any other.
    fn inspection(&self, sheet: &Sheet, context: &Context) -> Result<Inspection, Vec<Objection>> {
        let (quantity, faulty) = (sheet.quantity.unwrap_or_default(), sheet.faulty());
        let checker = sheet.checker.clone().unwrap_or_default();
        let job = self.job.clone().unwrap_or_default();
        let maker = self
            .crew
            .first()
            .filter(|operator| operator.worker_no != checker.worker_no);
        let first_shift = context.shift_starts.first().copied().unwrap_or_default();
        let is_unverified = checker.unverified || job.unverified;
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
            flags: is_unverified.then(|| UNVERIFIED.to_owned()).into_iter().collect(),
        };
        let objections = examine(&mut inspection, context.reference, context.now);
        if objections.is_empty() {
            Ok(inspection)
        } else {
            Err(objections)
        }
    }

    /// Too large a number is what people do; what else is wrong is told as it is.
    fn refuse(&self, objections: &[Objection], quantity: Decimal, context: &Context) -> Step {
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
        let all = words::listed(&objections.iter().map(|objection| &objection.words));
        Step::err("INVALID_INSPECTION", &[], context).worded(&[all], context)
    }
}
