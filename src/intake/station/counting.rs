//! Pieces: good ones, defects with their reason, what has to be inspected; by number, by card, by serial.

use rust_decimal::Decimal;

use super::job::{Phase, stop_reason};
use super::plan::{done_and_plan, excess, is_aimed, is_same_item};
use super::{
    Context, Dialogue, FINISH_INPUT_FIRST, Mode, Pending, QuantityKind, Question, Step, Unexplained, WhilePaused,
    checking, share, supervisor, words,
};
use crate::intake::barcode::{Meaning, Verb};
use crate::intake::inspections::UNVERIFIED;
use crate::intake::validate;
use crate::record::{Defect, DefectKind, WorkReport};

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

/// Good pieces that a scan tells of.
#[derive(Debug, Clone)]
pub struct Good {
    pub quantity: Decimal,
    pub serial: Option<String>,
}

impl Good {
    fn of(quantity: Decimal) -> Self {
        Self { quantity, serial: None }
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
        Meaning::Quantity(quantity) => report_good(dialogue, Good::of(*quantity), context),
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
        return report_good(dialogue, Good::of(Decimal::ONE), context);
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
            enter(dialogue, Good::of(keyed), context)
        }
        _ => Step::err(FINISH_INPUT_FIRST, &[], context),
    }
}

pub fn pending_quantity(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    match meaning {
        Meaning::Quantity(quantity) => enter(dialogue, Good::of(*quantity), context),
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

/// How many were asked for are known; some kinds also need a reason.
fn enter(dialogue: &mut Dialogue, Good { quantity, serial }: Good, context: &Context) -> Step {
    let Some(Pending::Quantity { kind, .. }) = dialogue.asked.as_ref().map(|asked| &asked.what) else {
        return Step::err(FINISH_INPUT_FIRST, &[], context);
    };
    match *kind {
        QuantityKind::Good if serial.is_none() && context.bench.mode == Mode::Piece => {
            Step::err("SERIAL_NEEDED", &[], context)
        }
        QuantityKind::Good => {
            dialogue.asked = None;
            report_good(dialogue, Good { quantity, serial }, context)
        }
        QuantityKind::ToInspect => {
            let report = of_job_at_hand(dialogue, context).map(|report| WorkReport {
                to_inspect: quantity,
                serials: serial.into_iter().collect(),
                ..report
            });
            submit(
                dialogue,
                report,
                "REPORTED_TO_INSPECT",
                &[&quantity.to_string()],
                context,
            )
        }
        kind @ (QuantityKind::Inspected | QuantityKind::Fault(_)) => checking::note(dialogue, kind, quantity, context),
        QuantityKind::Defect(kind) => {
            let asked = dialogue.asked.as_mut().expect("it was looked at just now");
            asked.since = context.now;
            asked.what = Pending::Reason(Unexplained::Defect { kind, quantity, serial });
            Step::ask("WHICH_REASON", &[&quantity.to_string()], context)
        }
    }
}

pub fn pending_reason(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let (Meaning::Reason(code), Some(asked)) = (meaning, dialogue.asked.clone()) else {
        return Step::err(FINISH_INPUT_FIRST, &[], context);
    };
    match asked.what {
        Pending::Reason(Unexplained::Defect { kind, quantity, serial }) => {
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
                report.flags.extend(approval);
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
    let pending = match dialogue.asked.as_ref().map(|asked| &asked.what) {
        Some(
            Pending::Quantity {
                kind: QuantityKind::Fault(Some(kind)),
                ..
            }
            | Pending::Reason(Unexplained::Defect { kind, .. } | Unexplained::Fault { kind: Some(kind), .. }),
        ) => Some(QuantityKind::Defect(*kind)),
        Some(Pending::Quantity { kind, .. }) => Some(*kind),
        _ => None,
    };
    match pending {
        Some(kind) if kind_of_scan(meaning) == Some(kind) => {
            Step::dup("HOW_MANY", &[], context).worded(&[words::kind(kind)], context)
        }
        _ => Step::err(FINISH_INPUT_FIRST, &[], context),
    }
}

/// A piece by its serial, or by the card that all pieces of the product have.
pub fn piece(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    if let Err(step) = may_report(dialogue, context) {
        return step;
    }
    match piece_of(dialogue, meaning, context) {
        Ok(piece) => report_good(dialogue, piece, context),
        Err(step) => step,
    }
}

fn piece_of(dialogue: &Dialogue, meaning: &Meaning, context: &Context) -> Result<Good, Step> {
    let (Some(job), Meaning::Piece { serial, item }) = (&dialogue.job, meaning) else {
        return Err(Step::err("NO_ORDER", &[], context));
    };
    let product = context
        .reference
        .order(&job.order_no)
        .map(|order| order.product_code.as_str());
    if let (Some(item), Some(product)) = (item, product)
        && !is_same_item(item, product)
    {
        return Err(Step::err("WRONG_ITEM", &[item, product], context));
    }
    match (context.bench.mode, serial) {
        (Mode::Piece, None) => Err(Step::err("SERIAL_NEEDED", &[], context)),
        (Mode::Piece, Some(serial)) if context.tallies.has_serial(&job.order_no, &job.process_code, serial) => {
            Err(Step::dup("DUPLICATE_SERIAL", &[serial], context))
        }
        (Mode::Piece, Some(_)) | (Mode::PieceCount, None) => Ok(Good {
            quantity: Decimal::ONE,
            serial: serial.clone(),
        }),
        (Mode::PieceCount, Some(_)) => Err(Step::err("NOT_NOW", &[], context)),
        // Elsewhere pieces are not counted by their labels, but a look at one does not hurt.
        _ => Err(Step::told("ITEM_FITS", &[], context)),
    }
}

/// Good pieces; more than the plan or the operation before allows are asked about first.
fn report_good(dialogue: &mut Dialogue, good: Good, context: &Context) -> Step {
    if let Some((total, limit)) = excess(dialogue, good.quantity, context) {
        let Good { quantity, serial } = good;
        dialogue.ask(Pending::Confirm(Question::Over { quantity, serial }), context);
        return Step::ask("OVER_QUANTITY", &[&total.to_string(), &limit.to_string()], context);
    }
    submit_good(dialogue, &good, &[], context)
}

/// Reports good pieces: of the job at hand, or divided over all orders of the run by what each has open.
pub fn submit_good(dialogue: &mut Dialogue, good: &Good, flags: &[String], context: &Context) -> Step {
    let parts = if is_aimed(dialogue) {
        vec![good.quantity]
    } else {
        let open = dialogue.jobs().map(|job| {
            let (done, plan) = done_and_plan(job, context)?;
            Some((plan - done).max(Decimal::ZERO))
        });
        // Where one plan is not known here, no order may go empty for that: all get alike.
        let open: Option<Vec<Decimal>> = open.collect();
        let open = open.unwrap_or_else(|| vec![Decimal::ONE; dialogue.jobs().count()]);
        share::divide(good.quantity, &open)
    };
    let made = dialogue.jobs().zip(parts).filter(|(_, part)| !part.is_zero());
    let reports = made.map(|(job, part)| {
        let mut report = dialogue.draft(job, false, context);
        report.output_quantity = part;
        report.qualified_quantity = part;
        report.serials.extend(good.serial.clone());
        report.flags.extend_from_slice(flags);
        report
    });
    let reports: Vec<_> = reports.collect();
    submit(dialogue, reports, "REPORTED", &[&good.quantity.to_string()], context)
}

fn of_job_at_hand(dialogue: &Dialogue, context: &Context) -> Option<WorkReport> {
    let job = dialogue.job.as_ref()?;
    Some(dialogue.draft(job, false, context))
}

/// The last look before reports are accepted: the order may have been closed since it was loaded.
pub fn submit(
    dialogue: &mut Dialogue,
    reports: impl IntoIterator<Item = WorkReport>,
    code: &str,
    words: &[&str],
    context: &Context,
) -> Step {
    dialogue.asked = None;
    let reports: Vec<WorkReport> = reports.into_iter().collect();
    // While a question was open, another station may have reported the piece.
    let mut pieces = reports
        .iter()
        .flat_map(|report| report.serials.iter().map(move |serial| (report, serial)));
    let is_known = |report: &WorkReport, serial: &str| {
        context
            .tallies
            .has_serial(&report.order_no, &report.process_code, serial)
    };
    if let Some((_, serial)) = pieces.find(|(report, serial)| is_known(report, serial)) {
        return Step::dup("DUPLICATE_SERIAL", &[serial], context);
    }
    let findings = reports
        .iter()
        .flat_map(|report| validate::work_report(report, context.reference, context.now));
    let findings: Vec<_> = findings.collect();
    if let Some(first) = findings.first() {
        let all: Vec<_> = findings.iter().map(|finding| &finding.words).collect();
        return Step::err(first.code, &[], context).worded(&[words::listed(&all)], context);
    }
    let mut others = Vec::new();
    for report in &reports {
        others.extend(dialogue.book(report, context));
    }
    dialogue.trace.clear();
    dialogue.is_aimed = false;
    dialogue.remember(&reports, context);
    let orders: Vec<&str> = reports.iter().map(|report| report.order_no.as_str()).collect();
    let orders = orders.join(", ");
    let step = Step::ok(code, &[words, &[orders.as_str()]].concat(), context);
    step.with(reports).with(others)
}
