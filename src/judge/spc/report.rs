//! An analysis as JSON: what programs read, from the command and over HTTP.
//!
//! `center`, `sigma`, `lcl` and `ucl` are numbers where they are the same for all points and arrays where they are not. For p
//! and np charts `sigma` is the standard error of a point, for all others that of one value or unit. Indices are counted from 1.

use serde_json::{Map, Value, json};

use super::analysis::{Analysis, Limits, Violation};
use super::arl::FalseAlarms;
use super::design::{Chart, Spread};
use super::walk::{Plotted, SpreadPoint};

pub fn json(analysis: &Analysis, false_alarms: Option<FalseAlarms>) -> Value {
    let design = &analysis.options.design;
    let column = |of: fn(&Plotted) -> f64| -> Value { same_or_all(analysis.points.iter().map(of).collect()) };
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
    tell("chart", json!(design.chart.name()));
    tell(
        "n",
        same_or_all(analysis.samples.iter().map(|sample| sample.size).collect()),
    );
    let center = if design.chart == Chart::Cusum {
        json!(analysis.process.center)
    } else {
        column(|p| p.center)
    };
    tell("center", center);
    let sigma = match design.chart {
        Chart::P | Chart::Np | Chart::LaneyP => column(|p| p.se),
        _ => json!(analysis.process.sigma),
    };
    tell("sigma", sigma);
    if design.chart.is_laney() {
        tell("sigma_z", json!(analysis.process.sigma_z));
    }
    if design.spread.is_some() && analysis.options.limits == Limits::Estimate {
        tell("estimator", json!(design.estimator.name()));
    }
    tell("lcl", column(|p| p.lcl));
    tell("ucl", column(|p| p.ucl));
    tell("points", analysis.points.iter().map(|p| p.value).collect());
    if matches!(design.chart, Chart::Ewma | Chart::Cusum) {
        tell(
            "statistics",
            analysis.samples.iter().map(|sample| sample.value).collect(),
        );
    }
    match design.chart {
        Chart::Ewma => {
            tell("lambda", json!(design.ewma.lambda));
            tell("width", json!(design.ewma.width));
        }
        Chart::Cusum => {
            tell("pos", analysis.points.iter().map(|p| p.value).collect());
            tell("neg", analysis.points.iter().map(|p| p.lower_sum).collect());
            tell("k", json!(design.cusum.k));
            tell("h", json!(design.cusum.h));
            tell("head_start", json!(design.cusum.fir));
        }
        _ => {}
    }
    if let Some(dispersion) = dispersion(analysis) {
        tell("dispersion", dispersion);
    }
    tell("rules", json!(design.rules.to_string()));
    tell("violations", analysis.violations_of(false).map(violation).collect());
    tell("capability", json!(analysis.capability));
    tell("phase1", phase1(analysis));
    tell("arl0", json!(false_alarms));
    tell("notes", analysis.notes.iter().map(|words| words.en.as_str()).collect());
    Value::Object(told)
}

/// Ranges or standard deviations. The first single value has no moving range, and its place is left out.
fn dispersion(analysis: &Analysis) -> Option<Value> {
    let spread = analysis.options.design.spread?;
    let skipped = usize::from(spread == Spread::MovingRange);
    let points: Vec<Option<SpreadPoint>> = analysis.points.iter().skip(skipped).map(|point| point.spread).collect();
    let known: Vec<SpreadPoint> = points.iter().flatten().copied().collect();
    let column = |of: fn(&SpreadPoint) -> f64| same_or_all(known.iter().map(of).collect());
    let kind = match spread {
        Spread::MovingRange => "mr",
        Spread::Range => "r",
        Spread::Deviation => "s",
    };
    Some(json!({
        "chart": kind,
        "center": column(|p| p.center),
        "lcl": column(|p| p.lcl),
        "ucl": column(|p| p.ucl),
        "points": points.iter().map(|point| point.map(|point| point.value)).collect::<Vec<_>>(),
        "violations": analysis.violations_of(true).map(violation).collect::<Vec<_>>(),
    }))
}

fn phase1(analysis: &Analysis) -> Value {
    let excluded: Vec<usize> = analysis.options.excluded.iter().map(|index| index + 1).collect();
    let limits = match analysis.options.limits {
        Limits::Estimate => "estimated",
        Limits::Given { .. } => "given",
    };
    json!({ "n": analysis.phase1, "excluded": excluded, "out_of_control": analysis.out_of_control, "limits": limits })
}

fn violation(violation: &Violation) -> Value {
    let points: Vec<usize> = violation.points.iter().map(|index| index + 1).collect();
    json!({ "index": violation.index + 1, "rule": violation.rule.name(), "points": points })
}

fn same_or_all(values: Vec<f64>) -> Value {
    match values.split_first() {
        Some((first, rest)) if rest.iter().all(|value| value.to_bits() == first.to_bits()) => json!(first),
        _ => values.into(),
    }
}
