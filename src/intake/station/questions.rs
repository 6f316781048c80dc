//! Answers to questions: OK, CANCEL.

use super::plan::OVER_QUANTITY;
use super::taking;
use super::{Approval, Context, Dialogue, Pending, Question, Step, checking, closing};
use crate::intake::barcode::Meaning;

pub fn cancel(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    if dialogue.asked.take().is_some() {
        Step::ok("CANCELLED", &[], context)
    } else {
        Step::err("NOT_NOW", &[], context)
    }
}

pub fn confirm(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    let Some(Pending::Confirm(question)) = dialogue.asked.as_ref().map(|asked| asked.what.clone()) else {
        return Step::err("NOT_NOW", &[], context);
    };
    let needed = match question {
        Question::Switch(_) | Question::SwitchOrder(_) | Question::CompleteToo | Question::DropInspection => None,
        Question::Over(_) => Some(Approval::OverQuantity),
        Question::Short => Some(Approval::ShortClose),
        Question::Undo => Some(Approval::Undo),
    };
    let approval = match needed.map(|needed| dialogue.approval(needed, context)) {
        Some(Err(step)) => return step,
        Some(Ok(approval)) => approval,
        None => None,
    };
    dialogue.asked = None;
    let flags = |own: &str| [own.to_owned()].into_iter().chain(approval.clone()).collect::<Vec<_>>();
    match question {
        Question::Switch(job) => {
            let reports = dialogue.leave_jobs(context, &[]);
            dialogue.take_up(*job, context).with(reports)
        }
        Question::SwitchOrder(order_no) => {
            let reports = dialogue.leave_jobs(context, &[]);
            dialogue.ask_operation(order_no, context).with(reports)
        }
        Question::Over(pieces) => taking::go_on(dialogue, pieces, &flags(OVER_QUANTITY), context),
        Question::Short => closing::complete(dialogue, &flags("short_close"), context),
        Question::CompleteToo => closing::complete(dialogue, &[], context),
        Question::DropInspection => checking::give_up(dialogue, context),
        Question::Undo => dialogue.undo(approval.as_ref(), context),
    }
}
