//! Pieces: good ones, defects with their reason, what has to be inspected; by number, by card, by serial.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::job::{Phase, stop_reason};
use super::plan::{done_and_plan, excess, is_aimed, is_same_item};
use super::{
    Asked, Context, Dialogue, FINISH_INPUT_FIRST, Job, Mode, Pending, QuantityKind, Question, Step, Unexplained,
    WhilePaused, checking, share, supervisor, words,
};
use crate::intake::barcode::{Meaning, Verb};
use crate::intake::inspections::UNVERIFIED;
use crate::intake::tallies::Sort;
use crate::intake::validate;
use crate::language::Words;
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

/// Pieces that a scan tells of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pieces {
    #[serde(default)]
    pub kind: QuantityKind,
    pub quantity: Decimal,
    pub serial: Option<String>,
    /// The supervisor whose badge was scanned for their kind.
    #[serde(default)]
    pub approved_by: Option<String>,
}

impl Pieces {
    fn of(quantity: Decimal) -> Self {
        Self {
            kind: QuantityKind::Good,
            quantity,
            serial: None,
            approved_by: None,
        }
    }

    fn sort(&self) -> Sort {
        match self.kind {
            QuantityKind::Good => Sort::Good,
            QuantityKind::Defect(kind) => Sort::of(kind),
            _ => Sort::Waiting,
        }
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
        Meaning::Quantity(quantity) => take(dialogue, Pieces::of(*quantity), context),
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
        Meaning::Quantity(quantity) => enter(dialogue, Pieces::of(*quantity), context),
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

fn piece_of(dialogue: &Dialogue, meaning: &Meaning, context: &Context) -> Result<Pieces, Step> {
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
        (Mode::Piece, Some(_)) | (Mode::PieceCount, None) => Ok(Pieces {
            serial: serial.clone(),
            ..Pieces::of(Decimal::ONE)
        }),
        (Mode::PieceCount, Some(_)) => Err(Step::err("NOT_NOW", &[], context)),
        // Elsewhere pieces are not counted by their labels, but a look at one does not hurt.
        _ => Err(Step::told("ITEM_FITS", &[], context)),
    }
}

/// Takes pieces; more than the plan or the operation before allows are asked about first.
fn take(dialogue: &mut Dialogue, pieces: Pieces, context: &Context) -> Step {
    let are_several = !is_aimed(dialogue);
    let shares = match pieces.kind {
        QuantityKind::Good => shares(dialogue, pieces.quantity, context),
        _ => dialogue.job().map(|job| (job, pieces.quantity)).into_iter().collect(),
    };
    let mut over = shares.into_iter().filter(|(_, share)| !share.is_zero());
    let over = over.find_map(|(job, share)| Some((job, excess(job, pieces.sort(), share, context)?)));
    let Some((job, excess)) = over else {
        return go_on(dialogue, pieces, &[], context);
    };
    let of_order = if are_several {
        words::of_order(&job.order_no)
    } else {
        Words::default()
    };
    let told = [excess.total, excess.limit].map(|number| Words::same(&number.to_string()));
    dialogue.ask(Pending::Confirm(Question::Over(pieces)), context);
    Step::ask("OVER_QUANTITY", &[], context).worded(&[&told[..], &[of_order]].concat(), context)
}

/// Reports pieces that may be reported; some kinds need a reason before.
pub fn go_on(dialogue: &mut Dialogue, pieces: Pieces, flags: &[String], context: &Context) -> Step {
    let Pieces {
        kind,
        quantity,
        serial,
        approved_by,
    } = pieces;
    let told = quantity.to_string();
    match kind {
        QuantityKind::Good => submit_good(dialogue, quantity, serial.as_ref(), flags, context),
        QuantityKind::Defect(kind) => {
            dialogue.asked = Some(Asked {
                what: Pending::Reason(Unexplained::Defect {
                    kind,
                    quantity,
                    serial,
                    flags: flags.to_vec(),
                }),
                since: context.now,
                approved_by,
            });
            Step::ask("WHICH_REASON", &[&told], context)
        }
        _ => {
            let report = of_job_at_hand(dialogue, context).map(|mut report| {
                report.to_inspect = quantity;
                report.serials.extend(serial);
                report.flags.extend_from_slice(flags);
                report
            });
            submit(dialogue, report, "REPORTED_TO_INSPECT", &[&told], context)
        }
    }
}

/// What each order gets of good pieces: all the one at hand, or by what each of the run has open.
fn shares<'d>(dialogue: &'d Dialogue, quantity: Decimal, context: &Context) -> Vec<(&'d Job, Decimal)> {
    if is_aimed(dialogue) {
        return dialogue.job().map(|job| (job, quantity)).into_iter().collect();
    }
    let open = dialogue.jobs().map(|job| {
        let (done, plan) = done_and_plan(job, context)?;
        Some((plan - done).max(Decimal::ZERO))
    });
    // Where one plan is not known here, no order may go empty for that: all get alike.
    let open: Option<Vec<Decimal>> = open.collect();
    let open = open.unwrap_or_else(|| vec![Decimal::ONE; dialogue.jobs().count()]);
    dialogue.jobs().zip(share::divide(quantity, &open)).collect()
}

fn submit_good(
    dialogue: &mut Dialogue,
    quantity: Decimal,
    serial: Option<&String>,
    flags: &[String],
    context: &Context,
) -> Step {
    let shares = shares(dialogue, quantity, context).into_iter();
    let reports = shares.filter(|(_, share)| !share.is_zero()).map(|(job, share)| {
        let mut report = dialogue.draft(job, false, context);
        report.output_quantity = share;
        report.qualified_quantity = share;
        report.serials.extend(serial.cloned());
        report.flags.extend_from_slice(flags);
        report
    });
    let reports: Vec<_> = reports.collect();
    submit(dialogue, reports, "REPORTED", &[&quantity.to_string()], context)
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
