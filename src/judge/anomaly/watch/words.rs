//! Findings of a watch: what is wrong, with its figures, as a person reads it.

use serde_json::{Value, json};

use crate::judge::anomaly::episode::Open;
use crate::judge::anomaly::outlier::Term;
use crate::judge::anomaly::{Flag, What, elapsed_s};
use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::{Severity, Timestamp};

/// The watch, and the point that its finding is about.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    pub watch: &'a str,
    pub equipment: &'a str,
    pub point: &'a str,
}

/// The same key is the same trouble.
pub fn key(of: Of, what: &What) -> String {
    format!("watch/{}/{}", of.watch, what.check())
}

pub fn finding(of: Of, change: Change, at: Timestamp, what: &What, worst: Flag) -> Finding {
    let place = Words::new(
        format!("{} of {}", of.point, of.equipment),
        format!("{} 的 {}", of.equipment, of.point),
    );
    Finding {
        key: key(of, what),
        alert_type: what.check().to_ascii_uppercase(),
        severity: severity(what, worst),
        change,
        at,
        subject: subject(of, what),
        words: sentence(&place, what),
    }
}

/// With how long it lasted and how it was at its worst.
pub fn ended(of: Of, open: &Open, at: Timestamp) -> Finding {
    let worst = finding(of, Change::Ends, at, &open.what, open.worst);
    let lasted = span(elapsed_s(open.since, at));
    let words = Words::new(
        format!("Over after {}. At worst: {}", lasted.en, worst.words.en),
        format!("持续 {}后已恢复。最严重时：{}", lasted.zh, worst.words.zh),
    );
    Finding { words, ..worst }
}

/// Nobody looks for its end any more.
pub fn given_up(of: Of, open: &Open, at: Timestamp) -> Finding {
    let words = Words::new(
        format!("The settings of watch {} have changed: it begins anew", of.watch),
        format!("监视 {} 的设置已更改，重新开始学习", of.watch),
    );
    Finding {
        words,
        ..finding(of, Change::Ends, at, &open.what, open.worst)
    }
}

fn severity(what: &What, worst: Flag) -> Severity {
    let is_mild = matches!(
        what,
        What::Outlier { .. } | What::Spike { .. } | What::Reset { .. } | What::SlowCycle { .. }
    );
    match (is_mild, worst) {
        (true, Flag::Fail) | (false, Flag::Suspect | Flag::Good) => Severity::Medium,
        (true, _) => Severity::Low,
        (false, Flag::Fail) => Severity::High,
    }
}

fn subject(of: Of, what: &What) -> Subject {
    let (value, limits) = match *what {
        What::Outlier { value, low, high, .. } | What::Range { value, low, high } => (Some(value), ends(low, high)),
        What::Stuck { value, after_s, .. } => (Some(value), json!({ "after_s": after_s })),
        What::Rate { per_second, max } => (Some(per_second), json!({ "low": -max, "high": max })),
        What::Spike { value, off, max } => {
            let middle = value - off;
            (Some(value), ends(middle - max, middle + max))
        }
        What::Silent { for_s, limit_s } => (Some(for_s), json!({ "high": limit_s })),
        What::Reset { from, .. } => (None, json!({ "low": from })),
        What::LowOutput { counted, expected, .. } => (Some(counted), json!({ "expected": expected })),
        What::SlowCycle { cycle_s, usual_s } => (Some(cycle_s), json!({ "expected": usual_s })),
        What::CycleDrift { factor, usual_s } => (Some(factor * usual_s), json!({ "expected": usual_s })),
        What::Drift { score, .. } => (Some(score), json!({ "high": 0.5 })),
    };
    let rule = if let What::Outlier { term, .. } = what {
        term_word(*term).0
    } else {
        what.check()
    };
    Subject {
        equipment: Some(of.equipment.to_owned()),
        point: Some(of.point.to_owned()),
        rule: Some(rule.to_owned()),
        value,
        limits: Some(limits),
        ..Subject::default()
    }
}

/// An open end is left out.
fn ends(low: f64, high: f64) -> Value {
    let ends = [("low", low), ("high", high)]
        .into_iter()
        .filter(|(_, end)| end.is_finite());
    ends.map(|(name, end)| (name.to_owned(), json!(end))).collect()
}

/// The name of a term, and what it means.
fn term_word(term: Term) -> (&'static str, &'static str, &'static str) {
    match term {
        Term::Level => ("level", "far from its usual level", "偏离平时水平"),
        Term::Season => ("season", "unusual for this time of day", "与每天此时的情况不符"),
        Term::Jump => ("jump", "a jump as it is not usual", "出现异常跳变"),
        Term::Pattern => ("pattern", "a sequence as it was hardly ever seen", "变化规律异常"),
        Term::Range => ("range", "outside of all that was ever seen", "超出以往出现过的范围"),
    }
}

fn sentence(place: &Words, what: &What) -> Words {
    let Words { en, zh } = place;
    match *what {
        What::Outlier {
            value, term, low, high, ..
        } => {
            let (value, low, high) = (figure(value), figure(low), figure(high));
            let (_, why_en, why_zh) = term_word(term);
            Words::new(
                format!("{en} is {value}, {why_en}; usual is {low} to {high}"),
                format!("{zh} 为 {value}，{why_zh}；正常为 {low} 至 {high}"),
            )
        }
        What::Stuck { value, for_s, after_s } => {
            let (value, lasted, after) = (figure(value), span(for_s), span(after_s));
            Words::new(
                format!(
                    "{en} has stayed at {value} for {} while the machine runs; more than {} is not natural: is the sensor stuck?",
                    lasted.en, after.en
                ),
                format!(
                    "{zh} 在设备运行中已 {} 保持 {value} 不变，超过 {}即不正常，请检查传感器是否卡死",
                    lasted.zh, after.zh
                ),
            )
        }
        What::Rate { per_second, max } => {
            let (rate, max) = (figure(per_second), figure(max));
            Words::new(
                format!("{en} changes by {rate} per second; at most {max} is plausible"),
                format!("{zh} 每秒变化 {rate}，合理上限为 {max}"),
            )
        }
        What::Range { value, low, high } => out_of_range(place, value, low, high),
        What::Spike { value, off, max } => {
            let (value, off, max) = (figure(value), figure(off.abs()), figure(max));
            Words::new(
                format!("{en} was {value} for one moment, {off} off its neighbours; at most {max} is plausible"),
                format!("{zh} 瞬间为 {value}，与前后值相差 {off}，合理上限为 {max}"),
            )
        }
        What::Silent { for_s, limit_s } => {
            let (silent, limit) = (span(for_s), span(limit_s));
            Words::new(
                format!(
                    "No good value of {en} for {}; expected at least every {}",
                    silent.en, limit.en
                ),
                format!("已 {} 没有 {zh} 的有效数据，最长间隔应为 {}", silent.zh, limit.zh),
            )
        }
        What::Reset { from, to } => Words::new(
            format!("{en} went back from {from} to {to}: the counter was reset"),
            format!("{zh} 从 {from} 变为 {to}：计数器被复位"),
        ),
        What::LowOutput {
            counted,
            expected,
            window_s,
        } => {
            let (counted, expected, window) = (figure(counted), figure(expected.round()), span(window_s));
            Words::new(
                format!(
                    "{en}: {counted} pieces in {}, and about {expected} were to be expected; too few for a while",
                    window.en
                ),
                format!(
                    "{zh}：{} 内产出 {counted} 件，预期约 {expected} 件，产量持续偏低",
                    window.zh
                ),
            )
        }
        What::SlowCycle { cycle_s, usual_s } => {
            let (cycle, usual) = (span(cycle_s), span(usual_s));
            Words::new(
                format!("{en}: one cycle took {}; usual is {}", cycle.en, usual.en),
                format!("{zh}：一个节拍用时 {}，平时为 {}", cycle.zh, usual.zh),
            )
        }
        What::CycleDrift { factor, usual_s } => drifted(place, factor, usual_s),
        What::Drift { score, share, .. } => {
            let (score, percent) = (figure(score), figure((share * 100.0).round()));
            Words::new(
                format!(
                    "{en} and what is watched with it have left their usual place: {percent} % of the distance is its own; score {score}, limit 0.5"
                ),
                format!("{zh} 及同组各点整体偏离平时状态：其中该点占 {percent}%，得分 {score}，界限 0.5"),
            )
        }
    }
}

fn out_of_range(place: &Words, value: f64, low: f64, high: f64) -> Words {
    let Words { en, zh } = place;
    let told = figure(value);
    if value > high {
        let high = figure(high);
        Words::new(
            format!("{en} is {told}, above {high}"),
            format!("{zh} 为 {told}，高于上限 {high}"),
        )
    } else {
        let low = figure(low);
        Words::new(
            format!("{en} is {told}, below {low}"),
            format!("{zh} 为 {told}，低于下限 {low}"),
        )
    }
}

fn drifted(place: &Words, factor: f64, usual_s: f64) -> Words {
    let Words { en, zh } = place;
    let percent = figure(((factor - 1.0) * 100.0).abs().round());
    let (now, usual) = (span(factor * usual_s), span(usual_s));
    let (way_en, way_zh) = if factor > 1.0 {
        ("slower", "变慢")
    } else {
        ("faster", "变快")
    };
    Words::new(
        format!(
            "{en}: cycles have become {percent} % {way_en}, {} instead of {}",
            now.en, usual.en
        ),
        format!("{zh}：节拍{way_zh} {percent}%，由 {} 变为 {}", usual.zh, now.zh),
    )
}

/// Four digits are enough for people.
fn figure(value: f64) -> String {
    if !value.is_finite() || value.abs() >= 1000.0 || value == 0.0 {
        return format!("{value:.0}");
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a float is small")]
    let whole_digits = value.abs().log10().floor() as i32 + 1;
    let decimals = usize::try_from(4 - whole_digits).unwrap_or(0).min(9);
    let told = format!("{value:.decimals$}");
    if told.contains('.') {
        told.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        told
    }
}

/// A span of time in the unit that fits it.
fn span(seconds: f64) -> Words {
    let (amount, en, zh) = match seconds {
        ..120.0 => (seconds, "s", "秒"),
        ..7200.0 => (seconds / 60.0, "min", "分钟"),
        _ => (seconds / 3600.0, "h", "小时"),
    };
    let amount = if amount < 10.0 {
        (amount * 100.0).round() / 100.0
    } else {
        (amount * 10.0).round() / 10.0
    };
    let amount = figure(amount);
    Words::new(format!("{amount} {en}"), format!("{amount} {zh}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_people_need() {
        let told = [0.0, 61.25, 0.012_345_6, 999.96, 123_456.7, -3.0, 100.0].map(figure);
        assert_eq!(told, ["0", "61.25", "0.01235", "1000", "123457", "-3", "100"]);
    }

    #[test]
    fn spans_have_the_unit_that_fits() {
        let told = [0.504, 45.0, 150.0, 5400.0, 8100.0].map(|seconds| span(seconds).en);
        assert_eq!(told, ["0.5 s", "45 s", "2.5 min", "90 min", "2.25 h"]);
    }
}
