//! An inspection on the spot: CHECK, the inspector's badge where the one at work is none, how many pieces were inspected, the
//! faulty ones with their reasons, DONE. (INSPECT is another thing: it reports pieces that wait for an inspection.)
//!
//! It lies over the job at hand, whose time goes on, and counts no pieces of it. Inspecting takes its time, so neither it nor a
//! number that is open in it is dropped after seconds, and both outlive a restart; DONE, CANCEL or a long silence end it. It never
//! ends unseen: what an inspector scans afterwards must not become good pieces. Rows 1 to 54 of the table are older than it;
//! its own go on from there:
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
//! | 62 | CANCEL | with a quantity or a reason open, only that is dropped; with numbers noted, asked about first; else nothing was inspected |
//! | 63 | DONE | `QUALITY_INSPECTION_COMPLETED` |
//! | 64 | STATUS | what was noted so far |
//! | 65 | anything else | what has to come first: a badge, how many, the number before its reason; `FINISH_INSPECTION_FIRST` |
//! | 66 | silence for two hours, or the idle time-out where it is longer | `INSPECTION_TIMED_OUT`: nothing was inspected |
//! | 67 | restart, power loss | the inspection goes on, with what is open in it; its time begins anew |
//! | 68 | (after 66) CHECK; OK or CANCEL; anything else | begun anew; back to work; `INSPECTION_TIMED_OUT` |
//! | 69 | (right after 63) DONE | asked whether the order is complete, too |
//! | 70 | LOGOUT with numbers noted | `FINISH_INSPECTION_FIRST` |

use std::time::Duration;

use rust_decimal::Decimal;

use super::counting::{defect_reason, fits, kind_of_scan};
use super::plan::is_aimed;
use super::sheet::{Ended, Sheet};
use super::{
    Asked, Context, Dialogue, Operator, Pending, QuantityKind, Question, Signal, Step, Unexplained, crew, supervisor,
    words,
};
use crate::intake::barcode::Meaning;
use crate::record::{DefectKind, FoundDefect};

/// Who may inspect, beside supervisors.
const SKILLS: [&str; 4] = ["inspector", "quality", "质检", "质检员"];
/// Silence that an inspection outlives: measuring takes longer than reporting.
const INSPECTING_FOR: Duration = Duration::from_hours(2);

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
    dialogue.last_inspection = None;
    dialogue.sheet = Some(Sheet {
        checker: checker.cloned(),
        ..Sheet::default()
    });
    Step::ask(code, &[dialogue.order_at_hand()], context)
}

pub fn sign(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let Some(sheet) = dialogue.sheet.as_mut().filter(|sheet| sheet.checker.is_none()) else {
        return out_of_place(dialogue, meaning, context);
    };
    let badge = match crew::operator(meaning, context) {
        Ok(badge) => badge,
        Err(step) => return step,
    };
    if !context.may_inspect(&badge) {
        return Step::err("NOT_INSPECTOR", &[badge.called()], context);
    }
    sheet.checker = Some(badge);
    match sheet.quantity {
        Some(_) => noted(dialogue, context),
        None => Step::ask("HOW_MANY_INSPECTED", &[dialogue.order_at_hand()], context),
    }
}

pub fn quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let next = match dialogue.sheet.as_ref() {
        Some(Sheet { checker: None, .. }) => return Step::err("INSPECTOR_NEEDED", &[], context),
        Some(sheet) => sheet.next(),
        None => return Step::err("NOT_NOW", &[], context),
    };
    match meaning {
        Meaning::Quantity { count, item } => match fits(dialogue, item.as_deref(), context) {
            Ok(()) => note(dialogue, next, *count, context),
            Err(step) => step,
        },
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
        approved_by: dialogue.asked.take().and_then(|asked| asked.approved_by),
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
    let approval = kind.map(|kind| dialogue.approval(supervisor::approval_for(kind), context));
    let approval = match approval.transpose() {
        Ok(approval) => approval.flatten(),
        Err(step) => return step,
    };
    let Some(mut sheet) = dialogue.sheet.clone() else {
        return Step::err("NOT_NOW", &[], context);
    };
    sheet.add(FoundDefect { reason, quantity, kind }, approval);
    if let Err(objections) = dialogue.inspection(&sheet, context) {
        return dialogue.refuse(&objections, quantity, context);
    }
    dialogue.asked = None;
    dialogue.sheet = Some(sheet);
    noted(dialogue, context)
}

fn noted(dialogue: &Dialogue, context: &Context) -> Step {
    let [inspected, faulty] = dialogue.sheet.clone().unwrap_or_default().told();
    Step::ask("FAULT_NOTED", &[&faulty, &inspected], context)
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
    if let Some(fault) = sheet.take_out() {
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

/// What took an inspector a while is not gone by one scan too many.
pub fn cancel(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let Some(sheet) = dialogue.sheet.as_ref().filter(|sheet| sheet.quantity.is_some()) else {
        return give_up(dialogue, context);
    };
    let [inspected, faulty] = sheet.told();
    dialogue.ask(Pending::Confirm(Question::DropInspection), context);
    Step::ask("DROP_INSPECTION", &[&inspected, &faulty], context)
}

pub fn give_up(dialogue: &mut Dialogue, context: &Context) -> Step {
    dialogue.sheet = None;
    Step::ok("INSPECTION_CANCELLED", &[], context)
}

/// What has to come before this scan.
pub fn out_of_place(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let (Err(step), None) = (counted(dialogue, context), &dialogue.asked) {
        return step;
    }
    let code = match meaning {
        Meaning::Reason(_) => "NUMBER_FIRST",
        Meaning::Piece { .. } => "COUNT_PIECES",
        _ => "FINISH_INSPECTION_FIRST",
    };
    Step::err(code, &[], context)
}

/// Somebody has seen that the inspection was not finished.
pub fn seen(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    dialogue.last_inspection = None;
    Step::ok("INSPECTION_CANCELLED", &[], context)
}

pub fn is_over(_: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    Step::err("INSPECTION_TIMED_OUT", &[], context)
}

pub fn show_status(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let sheet = dialogue.sheet.clone().unwrap_or_default();
    let [inspected, faulty] = sheet.told();
    Step::told(
        "INSPECTION_STATUS",
        &[&inspected, &faulty, dialogue.order_at_hand()],
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
            let [inspected, faulty] = sheet.told();
            dialogue.sheet = None;
            dialogue.last_inspection = Some(Ended::Recorded);
            dialogue.is_aimed = false;
            Step {
                signal: Some(Box::new(Signal::Inspection(Box::new(inspection)))),
                ..Step::ok(
                    "INSPECTION_RECORDED",
                    &[&inspected, &faulty, dialogue.order_at_hand()],
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
    pub(super) fn may_inspect(&self, operator: &Operator) -> bool {
        operator.unverified || self.is_supervisor(&operator.worker_no) || self.has_skill(&operator.worker_no, &SKILLS)
    }

    /// Silence for this long ends an inspection.
    pub(super) fn inspecting_for(&self) -> Duration {
        self.bench.idle_timeout.max(INSPECTING_FOR)
    }
}

impl Dialogue {
    /// Who was inspecting has gone: what was noted is not finished, so it is nothing.
    pub(super) fn end_inspection(&mut self, context: &Context) -> Option<Step> {
        if self.sheet.is_none() || self.silent_for(context)? < context.inspecting_for() {
            return None;
        }
        self.sheet = None;
        self.asked = None;
        self.last_inspection = Some(Ended::TimedOut);
        Some(Step {
            is_change: true,
            ..Step::err("INSPECTION_TIMED_OUT", &[], context)
        })
    }
}
