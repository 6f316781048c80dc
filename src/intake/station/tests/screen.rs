//! What a screen offers in which state.

use super::*;

impl Bed {
    fn offers(&mut self) -> Vec<String> {
        let accepted = self.with(|dialogue, context| dialogue.accepts(context));
        accepted.into_iter().map(|accepted| accepted.scan).collect()
    }

    fn reasons(&mut self) -> Vec<String> {
        let reasons = self.with(|dialogue, context| dialogue.reasons(context));
        reasons.into_iter().map(|reason| reason.code).collect()
    }
}

#[test]
fn what_has_its_place_is_offered_and_nothing_else() {
    let cases: [(&[&str], &[&str], &[&str]); 7] = [
        (
            &[],
            &["badge"],
            &["order", "start", "quantity", "undo", "logout", "machine"],
        ),
        (
            &["EMP-7"],
            &["badge", "order", "logout", "call", "machine"],
            &["start", "operation", "quantity"],
        ),
        (&["EMP-7", "WO-1"], &["operation", "cancel"], &["start"]),
        (
            &["EMP-7", "TRV-1.20"],
            &["start", "setup"],
            &["resume", "quantity", "done", "cancel"],
        ),
        (
            &["EMP-7", "TRV-1.20", "LSN-START"],
            &["quantity", "scrap", "pause", "done", "order"],
            &["start", "resume", "reason", "undo", "ok"],
        ),
        (
            &["EMP-7", "TRV-1.20", "LSN-START", "QTY-5", "LSN-PAUSE"],
            &["resume", "reason", "undo", "done"],
            &["pause", "ok"],
        ),
        (
            &["EMP-7", "TRV-1.20", "LSN-START", "LSN-DONE"],
            &["ok", "cancel", "pause", "logout"],
            &["badge", "order", "quantity", "scrap"],
        ),
    ];
    for (script, offered, not_offered) in cases {
        let mut bed = Bed::new();
        let offers = bed.all(script).offers();
        for name in offered {
            assert!(offers.iter().any(|o| o == name), "{script:?}: {name} in {offers:?}");
        }
        for name in not_offered {
            assert!(offers.iter().all(|o| o != name), "{script:?}: {name} in {offers:?}");
        }
    }
}

#[test]
fn trying_what_to_offer_changes_nothing() {
    let mut bed = Bed::running();
    bed.scan("QTY-5");
    let before = bed.dialogue.clone();
    bed.offers();
    assert_eq!(format!("{before:?}"), format!("{:?}", bed.dialogue));
}

#[test]
fn the_reasons_offered_are_those_that_do() {
    let mut bed = Bed::running();
    bed.all(&["LSN-SCRAP", "QTY-2"]);
    assert_eq!(bed.reasons(), ["D03"]);
    let asked = bed
        .with(|dialogue, context| dialogue.asked(context))
        .expect("a question");
    assert_eq!((asked.what, asked.about), ("reason", Some("scrap")));
    assert_eq!(asked.quantity, Some(Decimal::TWO));
    bed.all(&["LSN-CANCEL", "LSN-PAUSE"]);
    assert_eq!(bed.reasons(), ["P01"]);
}

#[test]
fn what_a_supervisor_has_to_allow_is_offered_once_it_is_allowed() {
    let mut bed = Bed::running();
    bed.bench.approval = vec![Approval::Scrap];
    bed.all(&["LSN-SCRAP", "QTY-2"]);
    let offers = bed.offers();
    assert!(
        offers.iter().any(|o| o == "badge") && offers.iter().all(|o| o != "reason"),
        "{offers:?}"
    );
    assert_eq!(bed.scan("EMP-50"), "APPROVED");
    let offers = bed.offers();
    assert!(
        offers.iter().any(|o| o == "reason") && offers.iter().all(|o| o != "badge"),
        "{offers:?}"
    );
}
