//! The rules of the dialogue. The first row whose state and scan fit decides; numbers are those of the station table that
//! operators' training follows. Rows for crews, serial-numbered pieces, supervisors and shift ends are not in this version.

use super::actions as act;
use super::{Context, Dialogue, State, Step};
use crate::intake::barcode::{Meaning, Verb};
use State::{ConfirmPending, Idle, JobLoaded, Paused, QuantityPending, ReasonPending, Running, SignedOn};

/// What kind of scan a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Badge,
    OrderOrTraveler,
    Operation,
    Quantity,
    Reason,
    /// GOOD, SCRAP, REWORK, CONCESSION, INSPECT.
    KindCommand,
    Command(Verb),
    Anything,
}

impl On {
    fn fits(self, meaning: &Meaning) -> bool {
        match (self, meaning) {
            (Self::Anything, _)
            | (Self::Badge, Meaning::Badge(_))
            | (Self::OrderOrTraveler, Meaning::Order(_) | Meaning::Traveler { .. })
            | (Self::Operation, Meaning::Operation(_))
            | (Self::Quantity, Meaning::Quantity(_))
            | (Self::Reason, Meaning::Reason(_)) => true,
            (Self::KindCommand, Meaning::Command(verb)) => act::kind_of(*verb).is_some(),
            (Self::Command(wanted), Meaning::Command(verb)) => wanted == *verb,
            _ => false,
        }
    }
}

type Action = fn(&mut Dialogue, &Meaning, &Context) -> Step;

struct Row {
    #[cfg_attr(not(test), expect(dead_code, reason = "tests name the rows by it"))]
    numbers: &'static str,
    states: &'static [State],
    on: On,
    action: Action,
}

const fn row(numbers: &'static str, states: &'static [State], on: On, action: Action) -> Row {
    Row {
        numbers,
        states,
        on,
        action,
    }
}

const SIGNED: &[State] = &[SignedOn, JobLoaded, Running, Paused];
const WITH_JOB: &[State] = &[JobLoaded, Running, Paused];
const INPUT: &[State] = &[QuantityPending, ReasonPending];
const ALL: &[State] = &[
    Idle,
    SignedOn,
    JobLoaded,
    Running,
    Paused,
    QuantityPending,
    ReasonPending,
    ConfirmPending,
];

const TABLE: &[Row] = &[
    row("44", ALL, On::Command(Verb::Logout), act::logout),
    row("1-3", &[Idle], On::Badge, act::sign_on),
    row("4", &[Idle], On::Anything, act::not_signed_on),
    // Innermost first: what was begun is finished or cancelled before anything else.
    row("24-25", &[QuantityPending], On::Quantity, act::pending_quantity),
    row("26-27", &[ReasonPending], On::Reason, act::pending_reason),
    row("29", INPUT, On::Command(Verb::Cancel), act::cancel),
    row("28,30", INPUT, On::KindCommand, act::kind_while_pending),
    row("30", INPUT, On::Anything, act::finish_input_first),
    row("40", &[ConfirmPending], On::Command(Verb::Ok), act::confirm),
    row("40", &[ConfirmPending], On::Command(Verb::Cancel), act::cancel),
    row("37", &[ConfirmPending], On::Command(Verb::Pause), act::pause_instead),
    row("52", &[ConfirmPending], On::Anything, act::finish_input_first),
    row("7", SIGNED, On::Badge, act::other_badge),
    row("54", SIGNED, On::Command(Verb::Status), act::show_status),
    row("38-39", SIGNED, On::Command(Verb::Undo), act::ask_undo),
    row("8-10,13-14,16-18", SIGNED, On::OrderOrTraveler, act::load),
    row("11-12", &[SignedOn], On::Operation, act::operation),
    row("12", WITH_JOB, On::Operation, act::operation_out_of_place),
    row("15,20", WITH_JOB, On::Command(Verb::Start), act::start),
    row("20", WITH_JOB, On::Command(Verb::Resume), act::resume),
    row("19,50", WITH_JOB, On::Command(Verb::Pause), act::pause),
    row("22,49-51", WITH_JOB, On::Quantity, act::quantity),
    row("23,49-51", WITH_JOB, On::KindCommand, act::ask_quantity),
    row("36-37,50", WITH_JOB, On::Command(Verb::Done), act::done),
    row("29", &[SignedOn], On::Command(Verb::Cancel), act::cancel),
    row("12", &[SignedOn], On::Anything, act::no_order),
    row("", WITH_JOB, On::Anything, act::out_of_place),
];

/// Finds the row and does what it says.
pub fn act(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let state = dialogue.state();
    let row = TABLE
        .iter()
        .find(|row| row.states.contains(&state) && row.on.fits(meaning));
    let action = row.map_or(act::out_of_place as Action, |row| row.action);
    action(dialogue, meaning, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_an_answer_to_anything() {
        for state in ALL {
            let last = TABLE
                .iter()
                .rev()
                .find(|row| row.states.contains(state) && row.on == On::Anything);
            assert!(last.is_some(), "{state:?} has no row for what does not fit");
        }
    }

    #[test]
    fn no_row_is_hidden_by_an_earlier_one() {
        for (index, row) in TABLE.iter().enumerate() {
            for state in row.states {
                let hidden = TABLE[..index]
                    .iter()
                    .any(|r| r.states.contains(state) && (r.on == row.on || r.on == On::Anything));
                assert!(!hidden, "row {} can't be reached in {state:?}", row.numbers);
            }
        }
    }
}
