//! What inspections are refused for, and what many of them say together.

use rust_decimal::Decimal;
use serde_json::json;

use super::*;
use crate::record::{Inspection, Timestamp};

fn inspection(changes: &serde_json::Value) -> Inspection {
    let mut whole = json!({
        "check_no": "Q-1", "order_no": "WO-1", "check_date": "2026-11-21", "check_quantity": "20",
        "qualified_quantity": "18", "unqualified_quantity": "2", "check_result": 2, "checker_no": "Q7",
        "product_code": "P-9", "defects": [{"reason": "D03", "quantity": "2", "kind": "rework"}],
    });
    for (name, value) in changes.as_object().expect("changes") {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).expect("an inspection")
}

fn fields(changes: &serde_json::Value) -> Vec<String> {
    let order = OrderFacts {
        quantity: Decimal::from(100),
        is_released: true,
    };
    let objections = check(&inspection(changes), Some(order));
    objections.into_iter().map(|objection| objection.field).collect()
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    assert!(fields(&json!({})).is_empty());
    let wrong = json!({
        "check_quantity": "120", "qualified_quantity": "-1", "checker_no": null, "disposition": "scrap",
        "defects": [{"reason": "D03", "quantity": "0"}, {"reason": "D04", "quantity": "5"}],
        "measurements": [{"characteristic": "d", "values": [], "lower": 2.0, "upper": 1.0}],
    });
    let told = [
        "qualified_quantity",
        "check_quantity",
        "check_quantity",
        "checker_no",
        "defects[0].quantity",
        "measurements[0].values",
        "measurements[0].lower",
    ];
    assert_eq!(fields(&wrong), told);
    let idle = json!({"check_quantity": "18", "unqualified_quantity": "0", "defects": [], "disposition": "scrap"});
    assert_eq!(fields(&idle), ["check_result", "disposition"]);
    let apart = json!({"defects": [{"reason": "D03", "quantity": "5"}]});
    assert_eq!(
        fields(&apart),
        ["defects"],
        "the faults are more than the unqualified pieces"
    );
    let silent = json!({"defects": []});
    assert_eq!(fields(&silent), ["defects"], "unqualified for no reason");
    let draft = OrderFacts {
        quantity: Decimal::from(100),
        is_released: false,
    };
    assert_eq!(
        check(&inspection(&json!({})), Some(draft))[0].code,
        "ORDER_NOT_RELEASED"
    );
    assert!(
        check(&inspection(&json!({})), None).is_empty(),
        "an order that cannot be looked up is believed"
    );
}

#[test]
fn the_worst_value_beyond_its_limits_is_found() {
    let measured = json!({"measurements": [
        {"characteristic": "d", "values": [1.0, 1.4, 0.5], "lower": 0.9, "upper": 1.2, "unit": "mm"},
        {"characteristic": "h", "values": [5.0], "lower": 5.0},
        {"characteristic": "free", "values": [1e9]},
    ]});
    let findings = out_of_specification(&inspection(&measured), Timestamp::UNIX_EPOCH);
    assert_eq!(
        findings.len(),
        1,
        "on the limit is within, and without limits nothing is beyond"
    );
    assert_eq!(findings[0].subject.value, Some(0.5));
    assert_eq!(
        findings[0].words.en,
        "d of order WO-1 was measured as 0.5 mm, outside of 0.9 – 1.2 mm."
    );
    let measured = json!({"measurements": [
        {"characteristic": "a", "values": [1.5], "upper": 1.3},
        {"characteristic": "b", "values": [1.5], "lower": 2.0, "unit": "kN"},
        {"characteristic": "c", "values": [1.5], "lower": 0.5, "upper": 1.3, "unit": ""},
    ]});
    let said: Vec<(String, String)> = out_of_specification(&inspection(&measured), Timestamp::UNIX_EPOCH)
        .into_iter()
        .map(|finding| (finding.words.en, finding.words.zh))
        .collect();
    let said: Vec<(&str, &str)> = said.iter().map(|(en, zh)| (en.as_str(), zh.as_str())).collect();
    assert_eq!(
        said,
        [
            (
                "a of order WO-1 was measured as 1.5, above 1.3.",
                "工单 WO-1 的 a 实测 1.5，高于规格上限 1.3。"
            ),
            (
                "b of order WO-1 was measured as 1.5 kN, below 2 kN.",
                "工单 WO-1 的 b 实测 1.5 kN，低于规格下限 2 kN。"
            ),
            (
                "c of order WO-1 was measured as 1.5, outside of 0.5 – 1.3.",
                "工单 WO-1 的 c 实测 1.5，超出规格 0.5 – 1.3。"
            ),
        ]
    );
}

/// `count` inspections of 20 pieces each, with so many unqualified under each tool in turn.
fn made_with(tools: &[(&str, u32)], count: usize) -> (Memory, Inspection) {
    let mut memory = Memory::default();
    let mut last = inspection(&json!({}));
    for (tool, bad) in tools.iter().cycle().take(count) {
        last = inspection(&json!({
            "qualified_quantity": (20 - bad).to_string(), "unqualified_quantity": bad.to_string(),
            "defects": [{"reason": "D03", "quantity": bad.to_string()}],
            "circumstances": {"tool": tool, "equipment": "PRESS-7", "shift": "08:00"},
        }));
        memory.take(&last);
    }
    (memory, last)
}

#[test]
fn a_tool_that_faults_come_together_with_is_named() {
    let (memory, last) = made_with(&[("T-1", 0), ("T-2", 6)], 10);
    let analysis = memory.analyse(&last).expect("there are faults");
    let hints: Vec<_> = analysis
        .hints
        .iter()
        .map(|hint| (hint.factor.as_str(), hint.level.as_str()))
        .collect();
    assert_eq!(hints, [("tool", "T-2")], "what never changes explains nothing");
    assert!((analysis.hints[0].rate - 0.3).abs() < 1e-12 && analysis.hints[0].rate_otherwise == 0.0);
    assert!((analysis.recent_defect_rate - 0.15).abs() < 1e-12);
    let suggestion = analysis.suggestion.expect("a suggestion");
    assert!(
        suggestion.en.contains("tool T-2") && suggestion.zh.contains("工装 T-2"),
        "{suggestion:?}"
    );
}

#[test]
fn small_numbers_and_small_differences_are_no_hints() {
    for tools in [&[("T-1", 0), ("T-2", 2)][..], &[("T-1", 3), ("T-2", 5)][..]] {
        let (memory, last) = made_with(tools, if tools[1].1 == 2 { 2 } else { 10 });
        let analysis = memory.analyse(&last).expect("there are faults");
        assert_eq!(analysis.hints, [], "{tools:?}");
    }
    let (memory, last) = made_with(&[("T-1", 0)], 5);
    assert_eq!(memory.analyse(&last), None, "all is well");
}

#[test]
fn reasons_stand_by_weight_with_their_cumulative_share() {
    let mut memory = Memory::default();
    let mixed = inspection(&json!({
        "qualified_quantity": "10", "unqualified_quantity": "10",
        "defects": [{"reason": "burr", "quantity": "1"}, {"reason": "crack", "quantity": "6"}, {"reason": "dent", "quantity": "3"}],
    }));
    memory.take(&mixed);
    let analysis = memory.analyse(&mixed).expect("there are faults");
    let pareto: Vec<_> = analysis
        .pareto
        .iter()
        .map(|s| (s.reason.as_str(), s.cumulative))
        .collect();
    assert_eq!(pareto, [("crack", 0.6), ("dent", 0.9), ("burr", 1.0)]);
    let suggestion = analysis.suggestion.expect("a suggestion").en;
    assert!(suggestion.starts_with("Begin with crack, dent: 90 %"), "{suggestion}");
}

#[test]
fn the_memory_stays_small_and_outlives_the_process() {
    let mut memory = Memory::default();
    for nth in 0..200 {
        let reasons: Vec<_> = (0..20)
            .map(|r| json!({"reason": format!("{nth}-{r}-{}", "x".repeat(40)), "quantity": "1"}))
            .collect();
        memory.take(&inspection(
            &json!({"defects": reasons, "circumstances": {"tool": "t".repeat(50)}}),
        ));
    }
    let kept = serde_json::to_vec(&memory).expect("JSON");
    assert!(
        kept.len() <= 8192 && memory.of_product("P-9").len() > 5,
        "{} bytes",
        kept.len()
    );
    assert_eq!(Memory::restored(&kept), memory);
    assert_eq!(Memory::restored(br#"{"version":99,"seen":[]}"#), Memory::default());
}
