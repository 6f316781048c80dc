//! What a chart says when something begins or ends, with its figures.

use serde_json::json;

use super::{Frozen, Settings};
use crate::judge::finding::{Change, Finding, Subject};
use crate::judge::spc::capability::Spec;
use crate::judge::spc::notes;
use crate::judge::spc::rules::Rule;
use crate::judge::spc::walk::Plotted;
use crate::language::Words;
use crate::record::{Severity, Timestamp};

/// Six digits, as many as people compare.
pub fn figure(value: f64) -> String {
    const DIGITS: i32 = 5;
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent")]
    let magnitude = value.abs().log10().floor() as i32;
    let places = usize::try_from((DIGITS - magnitude).clamp(0, 12)).expect("not negative");
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn with_unit(value: f64, settings: &Settings) -> String {
    let unit = settings
        .unit
        .as_deref()
        .map(|unit| format!(" {unit}"))
        .unwrap_or_default();
    format!("{}{unit}", figure(value))
}

/// What is about the piece, as if it were a rule.
pub const SPEC: &str = "spec";

/// The same key is the same trouble.
pub fn key(settings: &Settings, rule: &str) -> String {
    format!("spc/{}/{rule}", settings.name)
}

fn finding(settings: &Settings, rule: &str, at: Timestamp, change: Change) -> Finding {
    Finding {
        key: key(settings, rule),
        alert_type: "SPC_RULE".to_owned(),
        severity: Severity::Medium,
        change,
        at,
        subject: Subject {
            rule: Some(rule.to_owned()),
            ..settings.subject.clone()
        },
        words: Words::default(),
    }
}

pub fn of_rule(
    settings: &Settings,
    limits: &Frozen,
    rule: Rule,
    at: Timestamp,
    plotted: &Plotted,
    change: Change,
) -> Finding {
    let (value, center, lcl, ucl) = match plotted.spread.filter(|_| rule == Rule::Spread) {
        Some(spread) => (spread.value, spread.center, spread.lcl, spread.ucl),
        None if rule == Rule::CusumDown => (
            plotted.lower_sum.unwrap_or(plotted.value),
            plotted.center,
            plotted.lcl,
            plotted.ucl,
        ),
        None => (plotted.value, plotted.center, plotted.lcl, plotted.ucl),
    };
    let name = &settings.name;
    let (meaning, meaning_zh) = meaning(rule);
    let figures = [value, center, lcl, ucl].map(figure);
    let [shown, middle, low, high] = &figures;
    let words = if change == Change::Ends {
        Words::new(
            format!("{name}: {rule} no longer holds; the last point is {shown}, limits {low} to {high}."),
            format!("{name}：{rule}已解除；最新点{shown}，控制限{low}～{high}。"),
        )
    } else {
        Words::new(
            format!("{name}: {meaning} ({rule}). Last point {shown}, centre {middle}, limits {low} to {high}."),
            format!("{name}：{meaning_zh}（{rule}）。最新点{shown}，中心线{middle}，控制限{low}～{high}。"),
        )
    };
    let severity = match rule {
        Rule::N3 | Rule::N4 | Rule::N7 | Rule::N8 => Severity::Low,
        _ => Severity::Medium,
    };
    let mut finding = finding(settings, rule.name(), at, change);
    finding.severity = severity;
    finding.words = words;
    finding.subject.value = Some(value);
    finding.subject.limits = Some(json!({ "lcl": lcl, "center": center, "ucl": ucl, "version": limits.version }));
    finding
}

/// What a rule has seen, in words of the shop floor.
pub fn meaning(rule: Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::We1 | Rule::N1 => ("a point beyond the control limits", "有点超出控制限"),
        Rule::We4 | Rule::N2 => ("a long run on one side of the centre", "连续多点在中心线同一侧"),
        Rule::N3 => ("a trend, each point further than the one before", "连续多点递增或递减"),
        Rule::N4 => ("points go up and down in turn", "连续多点上下交替"),
        Rule::We2 | Rule::N5 => ("points close to one limit, beyond 2 sigma", "多点落在同侧2σ以外"),
        Rule::We3 | Rule::N6 => ("points gather beyond 1 sigma on one side", "多点落在同侧1σ以外"),
        Rule::N7 => (
            "points lie closer to the centre than chance allows",
            "连续多点在1σ以内，异常集中",
        ),
        Rule::N8 => ("points avoid the centre", "连续多点均在1σ以外"),
        Rule::Ewma => ("the weighted mean has left its limits", "加权均值超出控制限"),
        Rule::CusumUp => ("a lasting shift upwards", "过程均值持续偏高"),
        Rule::CusumDown => ("a lasting shift downwards", "过程均值持续偏低"),
        Rule::Spread => ("the variation has left its limits", "离散程度超出控制限"),
    }
}

pub fn of_spec(settings: &Settings, spec: &Spec, at: Timestamp, value: f64, change: Change) -> Finding {
    let name = &settings.name;
    let shown = with_unit(value, settings);
    let (low, high) = (spec.lower.map(figure), spec.upper.map(figure));
    let (span, span_zh) = match (&low, &high) {
        (Some(low), Some(high)) => (format!("{low} to {high}"), format!("{low}~{high}")),
        (Some(low), None) => (format!("at least {low}"), format!("不小于{low}")),
        (_, high) => {
            let high = high.as_deref().unwrap_or_default();
            (format!("at most {high}"), format!("不大于{high}"))
        }
    };
    let words = if change == Change::Ends {
        Words::new(
            format!("{name}: {shown} is within the specification again ({span})."),
            format!("{name}：{shown}已回到规格内({span_zh})。"),
        )
    } else {
        Words::new(
            format!("{name}: {shown} is outside the specification ({span})."),
            format!("{name}：{shown}超出规格({span_zh})。"),
        )
    };
    let mut finding = finding(settings, SPEC, at, change);
    "SPEC_LIMIT".clone_into(&mut finding.alert_type);
    finding.severity = Severity::High;
    finding.words = words;
    finding.subject.value = Some(value);
    finding.subject.limits = Some(json!({ "low": spec.lower, "high": spec.upper }));
    finding
}

/// The limits that a rule held against are there no more.
pub fn of_rule_gone(settings: &Settings, rule: Rule, at: Timestamp) -> Finding {
    let mut finding = finding(settings, rule.name(), at, Change::Ends);
    finding.words = Words::new(
        format!("{}: {rule} is closed, for the limits are learnt anew.", settings.name),
        format!("{}：{rule}已关闭，控制限重新学习中。", settings.name),
    );
    finding
}

pub fn of_spec_gone(settings: &Settings, at: Timestamp) -> Finding {
    let mut finding = finding(settings, SPEC, at, Change::Ends);
    "SPEC_LIMIT".clone_into(&mut finding.alert_type);
    finding.severity = Severity::High;
    finding.words = Words::new(
        format!("{}: there is no specification any more.", settings.name),
        format!("{}：已无规格要求。", settings.name),
    );
    finding
}

/// Limits were frozen from points that they do not allow.
pub fn of_phase1(settings: &Settings, limits: &Frozen, points: &[usize], at: Timestamp) -> Finding {
    let said = notes::out_of_control(points);
    let mut finding = finding(settings, "phase1", at, Change::Once);
    "SPC_PHASE1".clone_into(&mut finding.alert_type);
    finding.severity = Severity::Low;
    finding.words = Words::new(
        format!("{}: {}", settings.name, said.en),
        format!("{}:{}", settings.name, said.zh),
    );
    finding.subject.limits = Some(json!({ "center": limits.process.center, "version": limits.version }));
    finding
}
