//! What a station says, in English and Chinese: every refusal says what to do next. The sentences themselves stand in
//! [`sentences`]; codes are stable and never translated.

mod sentences;

use rust_decimal::Decimal;

use super::{Bench, Job, Mode, QuantityKind, State};
use crate::intake::alerts::in_chinese;
use crate::language::{Language, Words};
use crate::record::{DefectKind, WorkReport};
use sentences::SENTENCES;

/// The sentence of a code with its words filled in; a code without one stands for itself.
fn sentence(code: &str, words: &[&str], language: Language) -> String {
    // Each rule of GS1 has a code; what an operator can do is always the same.
    let named = if code.starts_with("GS1_") { "GS1_" } else { code };
    let Some((_, en, zh)) = SENTENCES.iter().find(|(known, ..)| *known == named) else {
        return code.to_owned();
    };
    let sentence = words
        .iter()
        .enumerate()
        .fold(language.pick(en, zh).to_owned(), |text, (nth, word)| {
            text.replace(&format!("{{{nth}}}"), word)
        });
    // A word that was not given leaves nothing behind.
    let sentence = (0..4).fold(sentence, |text, nth| text.replace(&format!("{{{nth}}}"), ""));
    sentence.trim_start().to_owned()
}

/// The same sentence in every language, with the words of each.
pub fn in_every_language(code: &str, words: &[Words]) -> Words {
    let of = |language| {
        let words: Vec<&str> = words.iter().map(|word| word.in_language(language)).collect();
        sentence(code, &words, language)
    };
    Words::new(of(Language::En), of(Language::Zh))
}

/// All that is wrong, one after another.
pub fn listed(all: &[&Words]) -> Words {
    let of = |language| all.iter().map(|words| words.in_language(language)).collect::<Vec<_>>();
    Words::new(of(Language::En).join("; "), of(Language::Zh).join("；"))
}

/// What is expected in a state, as a sentence.
pub fn expects(state: State, bench: &Bench) -> Words {
    let code = match (state, bench.mode) {
        (State::JobLoaded, Mode::ReportOnly) => "EXPECT_QUANTITIES",
        (State::JobLoaded, Mode::BatchTraveler) => "EXPECT_TRAVELERS",
        (State::Running, Mode::Piece) => "EXPECT_SERIALS",
        (State::Running, Mode::PieceCount) => "EXPECT_PIECES",
        (State::Idle, _) => "EXPECT_IDLE",
        (State::SignedOn, _) => "EXPECT_SIGNED_ON",
        (State::JobLoaded, _) => "EXPECT_JOB_LOADED",
        (State::Running, _) => "EXPECT_RUNNING",
        (State::Paused, _) => "EXPECT_PAUSED",
        (State::QuantityPending, _) => "EXPECT_QUANTITY_PENDING",
        (State::ReasonPending, _) => "EXPECT_REASON_PENDING",
        (State::ConfirmPending, _) => "EXPECT_CONFIRM_PENDING",
        (State::Inspecting, _) => "EXPECT_FAULTS",
        (State::InspectionOver, _) => "EXPECT_INSPECTION_OVER",
    };
    in_every_language(code, &[])
}

pub fn kind(kind: QuantityKind) -> Words {
    let (en, zh) = match kind {
        QuantityKind::Good => ("good", "合格"),
        QuantityKind::ToInspect => ("to inspect", "待检"),
        QuantityKind::Inspected => ("inspected", "检验"),
        QuantityKind::Fault(None) => ("faulty", "不良"),
        QuantityKind::Defect(kind) | QuantityKind::Fault(Some(kind)) => match kind {
            DefectKind::Scrap => ("scrap", "报废"),
            DefectKind::Rework => ("rework", "返工"),
            DefectKind::Concession => ("concession", "让步接收"),
        },
    };
    Words::new(en, zh)
}

/// In front of what is said of one order among several.
pub fn of_order(order_no: &str) -> Words {
    Words::new(format!("Order {order_no}: "), format!("工单 {order_no}："))
}

/// How far orders are that are short of their plan, `40 of 100`; by their numbers where there are others beside them.
pub fn short(orders: &[(&str, Decimal, Decimal)], are_among_others: bool) -> Words {
    let of = |orders: &[(&str, Decimal, Decimal)], of: &str| {
        let told = orders.iter().map(|(order_no, done, plan)| {
            let named = if are_among_others {
                format!(" ({order_no})")
            } else {
                String::new()
            };
            format!("{done}{of}{plan}{named}")
        });
        told.collect::<Vec<_>>()
    };
    Words::new(of(orders, " of ").join(", "), of(orders, "/").join("，"))
}

/// Among the answers to a question, where there is time that could be stopped.
pub fn or_pause(bench: &Bench) -> Words {
    if bench.tracks_time() {
        Words::new(", PAUSE", "、暂停")
    } else {
        Words::default()
    }
}

/// An order with its operation, where it has one.
pub fn job(job: &Job) -> Words {
    let (order_no, operation) = (&job.order_no, job.called());
    if operation.is_empty() {
        return Words::same(order_no);
    }
    Words::new(
        format!("{order_no}, operation {operation}"),
        format!("{order_no}，工序 {operation}"),
    )
}

pub fn operation(code: &str) -> Words {
    Words::new(format!("Operation {code}"), format!("工序 {code}"))
}

pub fn machine(code: &str) -> Words {
    Words::new(format!("Machine {code}"), format!("设备 {code}"))
}

pub fn machine_state(state: &str) -> Words {
    Words::new(format!(" State: {state}."), format!("状态：{}。", in_chinese(state)))
}

/// What reports say in pieces, `5 good, 2 scrap (D03)`, and of which orders.
pub fn pieces(reports: &[WorkReport]) -> [Words; 2] {
    let (mut en, mut zh) = (Vec::new(), Vec::new());
    let mut add = |quantity: Decimal, of: QuantityKind, reason: &str| {
        if !quantity.is_zero() {
            let reason = if reason.is_empty() {
                String::new()
            } else {
                format!(" ({reason})")
            };
            let kind = kind(of);
            en.push(format!("{quantity} {}{reason}", kind.en));
            zh.push(format!("{quantity} {}{reason}", kind.zh));
        }
    };
    for report in reports {
        add(report.qualified_quantity, QuantityKind::Good, "");
        for defect in &report.defects {
            add(defect.quantity, QuantityKind::Defect(defect.kind), &defect.reason);
        }
        add(report.to_inspect, QuantityKind::ToInspect, "");
    }
    if reports.iter().any(|report| report.is_final) {
        en.push("the completion".to_owned());
        zh.push("完工".to_owned());
    }
    let orders: Vec<&str> = reports.iter().map(|report| report.order_no.as_str()).collect();
    [
        Words::new(en.join(", "), zh.join("，")),
        Words::new(orders.join(", "), orders.join("、")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an answer of the kind ERR or DUP may be called: other programs hold on to these names.
    const REFUSALS: [&str; 49] = [
        "STATION_WENT_ON",
        "UNKNOWN_BADGE",
        "NOT_SIGNED_ON",
        "NO_ORDER",
        "UNKNOWN_ORDER",
        "ORDER_CLOSED",
        "WRONG_STATION",
        "WRONG_OPERATION",
        "WRONG_ITEM",
        "NOT_STARTED",
        "NOT_RUNNING",
        "FINISH_INPUT_FIRST",
        "QTY_INVALID",
        "OVER_QUANTITY",
        "REASON_UNKNOWN",
        "DUPLICATE_SERIAL",
        "UNDO_NOT_POSSIBLE",
        "UNKNOWN_CODE",
        "AMBIGUOUS_CODE",
        "PARTIAL_READ",
        "EVENTS_DROPPED",
        "UNMAPPED_KEY",
        "NO_READ",
        "INVALID_CHARSET",
        "GS1_INCORRECT_CHECK_DIGIT",
        "STORAGE_FULL",
        "APPROVAL_NEEDED",
        "NOT_SUPERVISOR",
        "SERIAL_NEEDED",
        "WHICH_ORDER",
        "BATCH_FULL",
        "FINISH_JOB_FIRST",
        "NO_TIME_TRACKING",
        "NO_STOP",
        "NO_EQUIPMENT",
        "NOT_NOW",
        "INPUT_TIMED_OUT",
        "DUPLICATE_SCAN",
        "INVALID_REPORT",
        "INVALID_INSPECTION",
        "NOT_INSPECTOR",
        "INSPECTOR_NEEDED",
        "COUNT_FIRST",
        "TOO_MANY_INSPECTED",
        "TOO_MANY_FAULTY",
        "INSPECTION_TIMED_OUT",
        "FINISH_INSPECTION_FIRST",
        "NUMBER_FIRST",
        "COUNT_PIECES",
    ];

    #[test]
    fn every_refusal_has_a_sentence_in_both_languages() {
        for code in REFUSALS {
            let en = sentence(code, &["x", "y"], Language::En);
            let zh = sentence(code, &["x", "y"], Language::Zh);
            assert_ne!(en, code, "{code} says nothing in English");
            assert!(en.is_ascii() && en.ends_with('.'), "{code}: {en}");
            assert!(!zh.is_ascii() && zh.ends_with('。'), "{code}: {zh}");
        }
    }

    #[test]
    fn both_languages_fill_in_the_same_words_and_no_code_stands_twice() {
        let mut codes: Vec<&str> = SENTENCES.iter().map(|(code, ..)| *code).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]), "{codes:?}");
        for (code, en, zh) in SENTENCES {
            for place in ["{0}", "{1}", "{2}", "{3}"] {
                assert_eq!(en.contains(place), zh.contains(place), "{code} {place}");
            }
        }
        assert_eq!(
            sentence("SIGNED_ON", &["Li"], Language::En),
            "Signed on: Li. Scan the order or traveler."
        );
        assert_eq!(sentence("NEVER_SAID", &[], Language::Zh), "NEVER_SAID");
    }
}
