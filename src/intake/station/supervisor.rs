//! Supervisors: people with the skill `supervisor` (班组长) in the reference data. Their badge approves what the station's
//! operators may not decide alone.

use super::{
    Approval, Context, Dialogue, FINISH_INPUT_FIRST, Pending, QuantityKind, Question, Step, Unexplained, crew,
};
use crate::intake::barcode::Meaning;
use crate::record::DefectKind;

const SKILLS: [&str; 2] = ["supervisor", "班组长"];

impl Context<'_> {
    pub(super) fn is_supervisor(&self, worker_no: &str) -> bool {
        self.has_skill(worker_no, &SKILLS)
    }

    /// Whether it is known of a worker that they can do one of these.
    pub(super) fn has_skill(&self, worker_no: &str, wanted: &[&str]) -> bool {
        let worker = self.reference.worker(worker_no).filter(|worker| worker.active);
        worker.is_some_and(|worker| {
            let mut skills = worker.skills.iter();
            skills.any(|skill| wanted.iter().any(|known| skill.eq_ignore_ascii_case(known)))
        })
    }
}

/// A badge while an input is open: it can only be meant as the approval that this input needs.
pub fn approve(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let needed = dialogue.asked.as_ref().and_then(|asked| approval_of(&asked.what));
    let Some(asked) = dialogue
        .asked
        .as_mut()
        .filter(|_| needed.is_some_and(|needed| context.bench.needs_approval(needed)))
    else {
        return Step::err(FINISH_INPUT_FIRST, &[], context);
    };
    let badge = match crew::operator(meaning, context) {
        Ok(badge) => badge,
        Err(step) => return step,
    };
    if !context.is_supervisor(&badge.worker_no) {
        return Step::err("NOT_SUPERVISOR", &[badge.called()], context);
    }
    asked.since = context.now;
    asked.approved_by = Some(badge.worker_no.clone());
    Step::ask("APPROVED", &[badge.called()], context)
}

/// What an open input needs if it needs anything.
pub fn approval_of(pending: &Pending) -> Option<Approval> {
    let kind = match pending {
        Pending::Confirm(Question::Over(_)) => return Some(Approval::OverQuantity),
        Pending::Confirm(Question::Short) => return Some(Approval::ShortClose),
        Pending::Confirm(Question::Undo) => return Some(Approval::Undo),
        Pending::Quantity {
            kind: QuantityKind::Defect(kind) | QuantityKind::Fault(Some(kind)),
            ..
        }
        | Pending::Reason(Unexplained::Defect { kind, .. } | Unexplained::Fault { kind: Some(kind), .. }) => *kind,
        _ => return None,
    };
    Some(approval_for(kind))
}

pub fn approval_for(kind: DefectKind) -> Approval {
    match kind {
        DefectKind::Scrap => Approval::Scrap,
        DefectKind::Rework => Approval::Rework,
        DefectKind::Concession => Approval::Concession,
    }
}

impl Dialogue {
    /// The flag of the supervisor who approved the open input, if anyone did; an answer when someone has to.
    pub(super) fn approval(&self, needed: Approval, context: &Context) -> Result<Option<String>, Step> {
        let by = self.asked.as_ref().and_then(|asked| asked.approved_by.as_ref());
        match by {
            Some(by) => Ok(Some(format!("approved_by:{by}"))),
            None if context.bench.needs_approval(needed) => Err(Step::err("APPROVAL_NEEDED", &[], context)),
            None => Ok(None),
        }
    }
}
