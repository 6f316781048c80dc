//! What a station tells of besides work: a call for help, a machine that stands or runs again, and where it is itself.

use super::{Context, Dialogue, MachineWord, Operator, Signal, Step, words};
use crate::intake::barcode::{Meaning, Verb};
use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::Severity;

/// The type of the alert that a call is.
pub const CALL: &str = "ANDON";

pub fn show_status(dialogue: &mut Dialogue, _: &Meaning, context: &Context) -> Step {
    match &dialogue.job {
        Some(job) => {
            let counted = [job.qualified, job.unqualified].map(|counted| Words::same(&counted.to_string()));
            let [good, defective] = counted;
            Step::told("STATUS", &[], context).worded(&[words::job(job), good, defective], context)
        }
        None => Step::told("STATUS_NO_JOB", &[], context),
    }
}

/// Row 71: the label of a machine tells whether it is the station's, and its state.
pub fn show_machine(_: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let Meaning::Equipment(scanned) = meaning else {
        return Step::err("UNKNOWN_CODE", &[], context);
    };
    match &context.bench.equipment {
        None => Step::err("NO_EQUIPMENT", &[], context),
        Some(own) if own.eq_ignore_ascii_case(scanned) => {
            let state = context
                .status
                .equipment_state(own)
                .map(|state| words::machine_state(&state));
            let told = [Words::same(own), state.unwrap_or_default()];
            Step::told("MACHINE_HERE", &[], context).worded(&told, context)
        }
        Some(own) => {
            let told = [scanned, own].map(|code| words::machine(code));
            Step::err("WRONG_STATION", &[], context).worded(&told, context)
        }
    }
}

/// Someone is needed at the station.
pub fn call(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let Meaning::Call(whom) = meaning else {
        return Step::err("UNKNOWN_CODE", &[], context);
    };
    let whom = whom.as_deref().unwrap_or("HELP");
    let caller = dialogue.crew.first().map_or("", Operator::called);
    let station = &context.bench.station;
    let finding = Finding {
        key: format!("call/{station}/{whom}"),
        alert_type: CALL.to_owned(),
        severity: Severity::High,
        change: Change::Begins,
        at: context.now,
        subject: Subject {
            order_no: dialogue.job().map(|job| job.order_no.clone()),
            equipment: context.bench.equipment.clone(),
            worker_no: dialogue.crew.first().map(|operator| operator.worker_no.clone()),
            ..Subject::default()
        },
        words: Words::new(
            format!("{whom} is called to station {station} by {caller}."),
            format!("{caller} 在工位 {station} 呼叫 {whom}。"),
        ),
    };
    Step {
        signal: Some(Box::new(Signal::Call(finding))),
        ..Step::ok("CALLED", &[whom], context)
    }
}

/// A person says that the machine stands, or runs again.
pub fn machine(dialogue: &mut Dialogue, meaning: &Meaning, context: &Context) -> Step {
    let (is_down, reason) = match meaning {
        Meaning::Down(reason) => (true, reason.clone()),
        Meaning::Command(Verb::Up) => (false, None),
        _ => return Step::err("UNKNOWN_CODE", &[], context),
    };
    let Some(equipment) = context.bench.equipment.clone() else {
        return Step::err("NO_EQUIPMENT", &[], context);
    };
    let known = reason.as_ref().and_then(|code| context.reference.reason(code));
    let named = known.map(|reason| reason.name.as_str()).filter(|name| !name.is_empty());
    let said_by = dialogue.crew.first().map(Operator::called);
    let parts = [reason.as_deref(), named, said_by];
    let word = MachineWord {
        equipment: equipment.clone(),
        is_down,
        detail: parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
        reason,
    };
    let code = if is_down { "MACHINE_DOWN" } else { "MACHINE_UP" };
    Step {
        signal: Some(Box::new(Signal::Machine(word))),
        ..Step::ok(code, &[&equipment], context)
    }
}
