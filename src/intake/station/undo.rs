//! Taking reports back: one's own, for a while, within the shift; with a supervisor's badge also others.

use super::{Asked, Context, Dialogue, Held, Pending, Question, Step, words};
use crate::intake::barcode::Meaning;

/// A quantity can be taken back by its worker this long.
const UNDO_WITHIN: chrono::Duration = chrono::Duration::minutes(10);

pub fn ask_undo(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let Some(last) = dialogue.undoable.back() else {
        return Step::err("UNDO_NOT_POSSIBLE", &[], context);
    };
    let shift = context.zone.shift_start(context.now, context.shift_starts);
    let is_recent = context.now - last.at <= UNDO_WITHIN && last.at >= shift;
    let is_own = |worker_no: &str| dialogue.crew.iter().any(|operator| operator.worker_no == worker_no);
    let are_own = last.reports.iter().all(|report| is_own(&report.worker_no));
    let supervisor = dialogue
        .crew
        .iter()
        .find(|operator| context.is_supervisor(&operator.worker_no));
    if is_recent && are_own {
        return dialogue.ask_to_undo(None, context);
    }
    if let Some(supervisor) = supervisor.map(|operator| operator.worker_no.clone()) {
        return dialogue.ask_to_undo(Some(supervisor), context);
    }
    dialogue.held = Some((Held::Undo, context.now));
    Step::err("UNDO_NOT_POSSIBLE", &[], context)
}

impl Dialogue {
    /// Whether an UNDO was refused just now that a supervisor may allow.
    pub(super) fn is_undo_held(&self) -> bool {
        matches!(self.held, Some((Held::Undo, _)))
    }

    pub(super) fn ask_to_undo(&mut self, approved_by: Option<String>, context: &Context) -> Step {
        self.held = None;
        let Some(last) = self.undoable.back() else {
            return Step::err("UNDO_NOT_POSSIBLE", &[], context);
        };
        let told = words::pieces(&last.reports);
        self.asked = Some(Asked {
            what: Pending::Confirm(Question::Undo),
            since: context.now,
            approved_by,
        });
        Step::ask("UNDO_WHAT", &[], context).worded(&told, context)
    }

    pub(super) fn undo(&mut self, approval: Option<&String>, context: &Context) -> Step {
        let Some(last) = self.undoable.pop_back() else {
            return Step::err("UNDO_NOT_POSSIBLE", &[], context);
        };
        let mut voids = Vec::with_capacity(last.reports.len());
        for report in &last.reports {
            let mut void = self.void(report, context);
            void.flags.extend(approval.cloned());
            voids.push(void);
        }
        self.trace.clear();
        Step::ok("UNDONE", &[], context)
            .worded(&words::pieces(&last.reports), context)
            .with(voids)
    }
}
