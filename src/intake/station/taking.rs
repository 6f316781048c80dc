//! Pieces on their way into reports: held against the plan, asked about, explained, divided over the orders of a run.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::plan::{done_and_plan, excess, is_aimed};
use super::{Asked, Context, Dialogue, Job, Pending, QuantityKind, Question, Step, Unexplained, share, words};
use crate::intake::tallies::Sort;
use crate::intake::validate;
use crate::language::Words;
use crate::record::WorkReport;

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
    pub fn of(quantity: Decimal) -> Self {
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

/// Takes pieces; more than the plan or the operation before allows are asked about first.
pub fn take(dialogue: &mut Dialogue, pieces: Pieces, context: &Context) -> Step {
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

pub fn of_job_at_hand(dialogue: &Dialogue, context: &Context) -> Option<WorkReport> {
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
