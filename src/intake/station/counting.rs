//! Pieces: good ones, defects with their reason, what has to be inspected; by number, by card, by serial.

use rust_decimal::Decimal;

use super::job::{Phase, stop_reason};
use super::plan::{is_aimed, is_same_item};
use super::taking::{Pieces, of_job_at_hand, submit, take};
use super::{
    Context, Dialogue, FINISH_INPUT_FIRST, Mode, Pending, QuantityKind, Step, Unexplained, WhilePaused, checking,
    supervisor, words,
};
use crate::intake::barcode::{Meaning, Verb};
use crate::intake::inspections::UNVERIFIED;
use crate::intake::validate;
use crate::record::{Defect, DefectKind};

pub fn kind_of(verb: Verb) -> Option<QuantityKind> {
    Some(match verb {
        Verb::Good => QuantityKind::Good,
        Verb::Inspect => QuantityKind::ToInspect,
        Verb::Scrap => QuantityKind::Defect(DefectKind::Scrap),
        Verb::Rework => QuantityKind::Defect(DefectKind::Rework),
        Verb::Concession => QuantityKind::Defect(DefectKind::Concession),
        _ => return None,
    })
}

pub fn kind_of_scan(meaning: &Meaning) -> Option<QuantityKind> {
    match meaning {
        Meaning::Command(verb) => kind_of(*verb),
        _ => None,
    }
}

/// Quantities need a started job, except at stations that only report.
fn may_report(dialogue: &Dialogue, context: &Context) -> Result<(), Step> {
    match dialogue.job.as_ref().map(|job| job.phase) {
        None => Err(Step::err("NO_ORDER", &[], context)),
        Some(Phase::Loaded) if context.bench.tracks_time() => Err(Step::err("NOT_STARTED", &[], context)),
        Some(Phase::Paused) if context.bench.while_paused == WhilePaused::Reject => {
            Err(Step::err("NOT_RUNNING", &[], context))
        }
        Some(_) => Ok(()),
    }
}

pub fn quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let Err(step) = may_report(dialogue, context) {
        return step;
    }
    match meaning {
        _ if context.bench.mode == Mode::Piece => Step::err("SERIAL_NEEDED", &[], context),
        Meaning::Quantity { count, item } => match fits(dialogue, item.as_deref(), context) {
            Ok(()) => take(dialogue, Pieces::of(*count), context),
            Err(step) => step,
        },
        Meaning::Keyed(number) => {
            let keyed = *number;
            let kind = QuantityKind::Good;
            dialogue.ask(Pending::Quantity { kind, keyed }, context);
            Step::ask("KEYED", &[&keyed.to_string()], context)
        }
        _ => Step::err("NOT_NOW", &[], context),
    }
}

pub fn ask_quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let Err(step) = may_report(dialogue, context) {
        return step;
    }
    let Some(kind) = kind_of_scan(meaning) else {
        return Step::err("UNKNOWN_CODE", &[], context);
    };
    if kind == QuantityKind::Good && context.bench.mode == Mode::PieceCount {
        return take(dialogue, Pieces::of(Decimal::ONE), context);
    }
    if kind != QuantityKind::Good && !is_aimed(dialogue) {
        return Step::err("WHICH_ORDER", &[], context);
    }
    let keyed = Decimal::ZERO;
    dialogue.ask(Pending::Quantity { kind, keyed }, context);
    Step::ask("HOW_MANY", &[], context).worded(&[words::kind(kind)], context)
}

/// Cards of a number pad add up until OK.
pub fn key(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let Some(asked) = &mut dialogue.asked else {
        return Step::err("NOT_NOW", &[], context);
    };
    let Pending::Quantity { keyed, .. } = &mut asked.what else {
        return Step::err(FINISH_INPUT_FIRST, &[], context);
    };
    *keyed = match meaning {
        Meaning::Keyed(number) => *keyed + number,
        _ => Decimal::ZERO,
    };
    asked.since = context.now;
    Step::ask("KEYED", &[&keyed.to_string()], context)
}

pub fn enter_keyed(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    match dialogue.asked.as_ref().map(|asked| &asked.what) {
        Some(Pending::Quantity { keyed, .. }) if !keyed.is_zero() => {
            let keyed = *keyed;
            enter(dialogue, Pieces::of(keyed), context)
        }
        _ => Step::err(FINISH_INPUT_FIRST, &[], context),
    }
}

pub fn pending_quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    match meaning {
        Meaning::Quantity { count, item } => match fits(dialogue, item.as_deref(), context) {
            Ok(()) => enter(dialogue, Pieces::of(*count), context),
            Err(step) => step,
        },
        _ => Step::err(FINISH_INPUT_FIRST, &[], context),
    }
}

/// A kind was scanned before, and then the piece that it is about.
pub fn pending_serial(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if dialogue.sheet.is_some() {
        return checking::out_of_place(dialogue, meaning, context);
    }
    match piece_of(dialogue, meaning, context) {
        Ok(piece) => enter(dialogue, piece, context),
        Err(step) => step,
    }
}

/// How many were asked for are known.
fn enter(dialogue: &mut Dialogue, pieces: Pieces, context: &Context) -> Step {
    let Some((Pending::Quantity { kind, .. }, approved_by)) =
        dialogue.asked.as_ref().map(|asked| (&asked.what, &asked.approved_by))
    else {
        return Step::err(FINISH_INPUT_FIRST, &[], context);
    };
    let pieces = Pieces {
        kind: *kind,
        approved_by: approved_by.clone(),
        ..pieces
    };
    match pieces.kind {
        QuantityKind::Good if pieces.serial.is_none() && context.bench.mode == Mode::Piece => {
            Step::err("SERIAL_NEEDED", &[], context)
        }
        kind @ (QuantityKind::Inspected | QuantityKind::Fault(_)) => {
            checking::note(dialogue, kind, pieces.quantity, context)
        }
        _ => take(dialogue, pieces, context),
    }
}

pub fn pending_reason(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let (Meaning::Reason(code), Some(asked)) = (meaning, dialogue.asked.clone()) else {
        return Step::err(FINISH_INPUT_FIRST, &[], context);
    };
    match asked.what {
        Pending::Reason(Unexplained::Defect {
            kind,
            quantity,
            serial,
            flags,
        }) => {
            let reason = match defect_reason(code, kind, context) {
                Ok(reason) => reason,
                Err(step) => return step,
            };
            let approval = match dialogue.approval(supervisor::approval_for(kind), context) {
                Ok(approval) => approval,
                Err(step) => return step,
            };
            let is_unverified = context.reference.reason(&reason).is_none();
            let report = of_job_at_hand(dialogue, context).map(|mut report| {
                report.output_quantity = quantity;
                report.unqualified_quantity = quantity;
                report.serials.extend(serial);
                report.defects.push(Defect { kind, quantity, reason });
                if is_unverified && !report.flags.iter().any(|flag| flag == UNVERIFIED) {
                    report.flags.push(UNVERIFIED.to_owned());
                }
                let told: Vec<_> = flags.into_iter().chain(approval).collect();
                for flag in told {
                    if !report.flags.contains(&flag) {
                        report.flags.push(flag);
                    }
                }
                report
            });
            submit(dialogue, report, "REPORTED_DEFECT", &[&quantity.to_string()], context)
        }
        Pending::Reason(Unexplained::Fault { kind, quantity }) => {
            checking::explain(dialogue, code, (kind, quantity), context)
        }
        Pending::Reason(Unexplained::Stop(since)) => {
            let reason = match stop_reason(code, context) {
                Ok(reason) => reason,
                Err(step) => return step,
            };
            dialogue.asked = None;
            dialogue.halt(since);
            for labor in dialogue.jobs_mut().flat_map(|job| &mut job.labor) {
                labor.explain_stop(&reason);
            }
            let order_no = dialogue.job().map(|job| job.order_no.clone()).unwrap_or_default();
            Step::ok("PAUSED", &[&order_no], context)
        }
        _ => Step::err(FINISH_INPUT_FIRST, &[], context),
    }
}

pub fn defect_reason(code: &str, kind: DefectKind, context: &Context) -> Result<String, Step> {
    match context.reference.reason(code) {
        Some(reason) if validate::reason_fits(&reason.kind, kind) => Ok(reason.code.clone()),
        None if !context.reference.is_fresh(context.now) => Ok(code.to_owned()),
        _ => Err(Step::err("REASON_UNKNOWN", &[code], context)),
    }
}

pub fn kind_while_pending(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let (kind, explained) = match dialogue.asked.as_ref().map(|asked| &asked.what) {
        Some(Pending::Quantity {
            kind: QuantityKind::Fault(Some(kind)),
            ..
        }) => (QuantityKind::Defect(*kind), None),
        Some(Pending::Quantity { kind, .. }) => (*kind, None),
        Some(Pending::Reason(
            Unexplained::Defect { kind, quantity, .. }
            | Unexplained::Fault {
                kind: Some(kind),
                quantity,
            },
        )) => (QuantityKind::Defect(*kind), Some(quantity)),
        _ => return Step::err(FINISH_INPUT_FIRST, &[], context),
    };
    match explained {
        _ if kind_of_scan(meaning) != Some(kind) => Step::err(FINISH_INPUT_FIRST, &[], context),
        Some(quantity) => Step::dup("WHICH_REASON", &[&quantity.to_string()], context),
        None => Step::dup("HOW_MANY", &[], context).worded(&[words::kind(kind)], context),
    }
}

/// A piece by its serial, or by the card that all pieces of the product have.
pub fn piece(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let Err(step) = may_report(dialogue, context) {
        return step;
    }
    match piece_of(dialogue, meaning, context) {
        Ok(piece) => take(dialogue, piece, context),
        Err(step) => step,
    }
}

/// Whether what a label names is what is made here, as far as both are known.
pub fn fits(dialogue: &Dialogue, item: Option<&str>, context: &Context) -> Result<(), Step> {
    let order = dialogue
        .job
        .as_ref()
        .and_then(|job| context.reference.order(&job.order_no));
    match (item, order.map(|order| order.product_code.as_str())) {
        (Some(item), Some(product)) if !is_same_item(item, product) => {
            Err(Step::err("WRONG_ITEM", &[item, product], context))
        }
        _ => Ok(()),
    }
}

fn piece_of(dialogue: &Dialogue, meaning: &Meaning, context: &Context) -> Result<Pieces, Step> {
    let (Some(job), Meaning::Piece { serial, item }) = (&dialogue.job, meaning) else {
        return Err(Step::err("NO_ORDER", &[], context));
    };
    fits(dialogue, item.as_deref(), context)?;
    match (context.bench.mode, serial) {
        (Mode::Piece, None) => Err(Step::err("SERIAL_NEEDED", &[], context)),
        (Mode::Piece, Some(serial)) if context.tallies.has_serial(&job.order_no, &job.process_code, serial) => {
            Err(Step::dup("DUPLICATE_SERIAL", &[serial], context))
        }
        (Mode::Piece, Some(_)) | (Mode::PieceCount, None) => Ok(Pieces {
            serial: serial.clone(),
            ..Pieces::of(Decimal::ONE)
        }),
        (Mode::PieceCount, Some(_)) => Err(Step::err("NOT_NOW", &[], context)),
        // Elsewhere pieces are not counted by their labels, but a look at one does not hurt.
        _ => Err(Step::told("ITEM_FITS", &[], context)),
    }
}
