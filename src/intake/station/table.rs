//! The rules of the dialogue. The first row whose state and scan fit decides; numbers are those of the station table that
//! operators' training follows; [`checking`] goes on with its own. What no scan of its own triggers stands in [`ELSEWHERE`].

use super::{Context, Dialogue, State, Step};
use super::{checking, closing, counting, crew, job, load, questions, signals, supervisor, undo};
use crate::intake::barcode::{Meaning, Verb};
use State::{
    ConfirmPending, Idle, Inspecting, InspectionOver, JobLoaded, Paused, QuantityPending, ReasonPending, Running,
    SignedOn,
};

/// What kind of scan a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Badge,
    OrderOrTraveler,
    Operation,
    Equipment,
    Quantity,
    /// A card of a number pad.
    Keyed,
    Reason,
    /// A serial, or the card of a product.
    Piece,
    /// GOOD, SCRAP, REWORK, CONCESSION, INSPECT.
    KindCommand,
    Call,
    Down,
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
            | (Self::Equipment, Meaning::Equipment(_))
            | (Self::Quantity, Meaning::Quantity { .. })
            | (Self::Keyed, Meaning::Keyed(_) | Meaning::KeyedClear)
            | (Self::Reason, Meaning::Reason(_))
            | (Self::Piece, Meaning::Piece { .. })
            | (Self::Call, Meaning::Call(_))
            | (Self::Down, Meaning::Down(_)) => true,
            (Self::KindCommand, Meaning::Command(verb)) => counting::kind_of(*verb).is_some(),
            (Self::Command(wanted), Meaning::Command(verb)) => wanted == *verb,
            _ => false,
        }
    }
}

type Action = fn(&mut Dialogue, &Meaning, &Context) -> Step;

struct Row {
    #[cfg_attr(not(test), expect(dead_code, reason = "tests name the rows by it"))]
    numbers: &'static [u8],
    states: &'static [State],
    on: On,
    action: Action,
}

const fn row(numbers: &'static [u8], states: &'static [State], on: On, action: Action) -> Row {
    Row {
        numbers,
        states,
        on,
        action,
    }
}

const SIGNED: &[State] = &[SignedOn, JobLoaded, Running, Paused];
const WITH_JOB: &[State] = &[JobLoaded, Running, Paused];
const BEGUN: &[State] = &[Running, Paused];
const INPUT: &[State] = &[QuantityPending, ReasonPending];
const PENDING: &[State] = &[QuantityPending, ReasonPending, ConfirmPending];
const ALL: &[State] = &[
    Idle,
    SignedOn,
    JobLoaded,
    Running,
    Paused,
    QuantityPending,
    ReasonPending,
    ConfirmPending,
    Inspecting,
    InspectionOver,
];
const AT_WORK: &[State] = ALL.split_at(1).1;

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row(&[44, 70], ALL, On::Command(Verb::Logout), crew::logout),
    row(&[43], ALL, On::Down, signals::machine),
    row(&[43], ALL, On::Command(Verb::Up), signals::machine),
    row(&[1, 2, 3], &[Idle], On::Badge, crew::sign_on),
    row(&[4], &[Idle], On::Anything, crew::not_signed_on),
    // Help is called whatever is open.
    row(&[54], AT_WORK, On::Call, signals::call),
    // Innermost first: what was begun is finished or cancelled before anything else.
    row(&[30, 52, 53], PENDING, On::Badge, supervisor::approve),
    row(&[24, 25, 35, 58, 59, 60], &[QuantityPending], On::Quantity, counting::pending_quantity),
    row(&[24, 25, 35, 58, 59, 60], &[QuantityPending], On::Keyed, counting::key),
    row(&[24, 25, 35, 58, 59, 60], &[QuantityPending], On::Command(Verb::Ok), counting::enter_keyed),
    row(&[34, 35], &[QuantityPending], On::Piece, counting::pending_serial),
    row(&[19, 26, 27, 59, 60], &[ReasonPending], On::Reason, counting::pending_reason),
    row(&[29, 62], INPUT, On::Command(Verb::Cancel), questions::cancel),
    row(&[28, 30], INPUT, On::KindCommand, counting::kind_while_pending),
    row(&[30], INPUT, On::Anything, job::finish_input_first),
    row(&[40, 62, 69], &[ConfirmPending], On::Command(Verb::Ok), questions::confirm),
    row(&[40, 62, 69], &[ConfirmPending], On::Command(Verb::Cancel), questions::cancel),
    row(&[37], &[ConfirmPending], On::Command(Verb::Pause), closing::pause_instead),
    row(&[52], &[ConfirmPending], On::Anything, job::finish_input_first),
    row(&[57], &[Inspecting], On::Badge, checking::sign),
    row(&[58, 59], &[Inspecting], On::Quantity, checking::quantity),
    row(&[58, 59], &[Inspecting], On::Keyed, checking::quantity),
    row(&[60], &[Inspecting], On::KindCommand, checking::decide),
    row(&[61], &[Inspecting], On::Command(Verb::Undo), checking::take_out),
    row(&[62], &[Inspecting], On::Command(Verb::Cancel), checking::cancel),
    row(&[63], &[Inspecting], On::Command(Verb::Done), checking::done),
    row(&[64], &[Inspecting], On::Command(Verb::Status), checking::show_status),
    row(&[65], &[Inspecting], On::Anything, checking::out_of_place),
    row(&[68], &[InspectionOver], On::Command(Verb::Check), checking::begin),
    row(&[68], &[InspectionOver], On::Command(Verb::Ok), checking::seen),
    row(&[68], &[InspectionOver], On::Command(Verb::Cancel), checking::seen),
    row(&[68], &[InspectionOver], On::Anything, checking::is_over),
    row(&[5, 6, 7], SIGNED, On::Badge, crew::badge),
    row(&[54], SIGNED, On::Command(Verb::Status), signals::show_status),
    row(&[71], SIGNED, On::Equipment, signals::show_machine),
    row(&[38, 39], SIGNED, On::Command(Verb::Undo), undo::ask_undo),
    row(&[8, 9, 10, 13, 14, 16, 17, 18], SIGNED, On::OrderOrTraveler, load::load),
    row(&[11, 12], SIGNED, On::Operation, load::operation),
    row(&[15, 20], WITH_JOB, On::Command(Verb::Start), job::start),
    row(&[15], WITH_JOB, On::Command(Verb::Setup), job::start),
    row(&[20], WITH_JOB, On::Command(Verb::Resume), job::start),
    row(&[19, 50], WITH_JOB, On::Command(Verb::Pause), job::pause),
    row(&[21], BEGUN, On::Reason, job::explain_stop),
    row(&[22, 35, 49, 50, 51], WITH_JOB, On::Quantity, counting::quantity),
    row(&[22, 35, 49, 50, 51], WITH_JOB, On::Keyed, counting::quantity),
    row(&[31, 32, 33, 35], WITH_JOB, On::Piece, counting::piece),
    row(&[23, 49, 50, 51], WITH_JOB, On::KindCommand, counting::ask_quantity),
    row(&[55, 56], WITH_JOB, On::Command(Verb::Check), checking::begin),
    row(&[36, 37, 50, 69], WITH_JOB, On::Command(Verb::Done), closing::done),
    row(&[29], SIGNED, On::Command(Verb::Cancel), load::unload),
    row(&[12], &[SignedOn], On::Anything, job::no_order),
    row(&[30], WITH_JOB, On::Anything, job::out_of_place),
];

/// Rows that need no scan of their own, or none that can be understood, and where they stand.
#[cfg(test)]
const ELSEWHERE: &[(u8, &str)] = &[
    (41, "Dialogue::is_repeat"),
    (42, "Dialogue::scan, Desk::scan"),
    (45, "Dialogue::end_session"),
    (46, "Dialogue::end_shift"),
    (47, "Desk::restore"),
    (48, "Dialogue::restored"),
    (66, "Dialogue::end_inspection"),
    (67, "Dialogue::restored"),
];

/// Whether a scan has no place in this state, whatever it says in detail.
pub fn is_out_of_place(state: State, meaning: &Meaning) -> bool {
    let mut fitting = TABLE
        .iter()
        .filter(|row| row.states.contains(&state) && row.on.fits(meaning));
    fitting.next().is_none_or(|row| row.on == On::Anything)
}

/// Finds the row and does what it says.
pub fn act(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let state = dialogue.state();
    let row = TABLE
        .iter()
        .find(|row| row.states.contains(&state) && row.on.fits(meaning));
    let action = row.map_or(job::out_of_place as Action, |row| row.action);
    action(dialogue, meaning, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: u8 = 71;

    #[test]
    fn all_rows_are_there_and_each_has_its_test() {
        let tests = [
            include_str!("tests/people.rs"),
            include_str!("tests/jobs.rs"),
            include_str!("tests/pieces.rs"),
            include_str!("tests/ends.rs"),
            include_str!("tests/checking.rs"),
            include_str!("../desk.rs"),
        ];
        for number in 1..=ROWS {
            let in_table = TABLE.iter().any(|row| row.numbers.contains(&number));
            let is_elsewhere = ELSEWHERE.iter().any(|(known, _)| *known == number);
            assert!(in_table != is_elsewhere, "row {number} stands nowhere, or twice");
            let name = format!("fn row_{number:02}_");
            assert!(
                tests.iter().any(|text| text.contains(&name)),
                "row {number} has no test"
            );
        }
    }

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
                assert!(!hidden, "row {:?} can't be reached in {state:?}", row.numbers);
            }
        }
    }
}
