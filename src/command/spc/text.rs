//! An analysis as a quality engineer reads it.

use std::fmt::Write;

use super::series::Series;
use crate::judge::spc::arl::FalseAlarms;
use crate::judge::spc::capability::Capability;
use crate::judge::spc::monitor::figure;
use crate::judge::spc::{Analysis, Chart, Limits};

pub fn told(series: &Series, analysis: &Analysis, false_alarms: Option<FalseAlarms>) -> String {
    let mut told = String::new();
    head(&mut told, series, analysis, false_alarms);
    signals(&mut told, analysis);
    if let Some(capability) = &analysis.capability {
        tell_capability(&mut told, capability);
    }
    for (point, reason) in &series.excluded {
        let reason = if reason.is_empty() { "no reason given" } else { reason };
        line(&mut told, format_args!("excluded    point {point}: {reason}"));
    }
    for words in &analysis.notes {
        line(&mut told, format_args!("note        {}", words.en));
    }
    for noted in &series.noted {
        line(&mut told, format_args!("note        {noted}"));
    }
    for missing in &series.missing {
        line(&mut told, format_args!("missing     {missing}"));
    }
    told
}

fn line(told: &mut String, text: std::fmt::Arguments) {
    told.write_fmt(text).expect("a String takes everything");
    told.push('\n');
}

fn head(told: &mut String, series: &Series, analysis: &Analysis, false_alarms: Option<FalseAlarms>) {
    let design = &analysis.options.design;
    let points = analysis.points.len();
    let sizes = analysis.samples.iter().map(|sample| sample.size);
    let (least, most) = sizes.fold((f64::INFINITY, 0.0_f64), |(least, most), n| (least.min(n), most.max(n)));
    let of = if most <= 1.0 {
        String::new()
    } else if least < most {
        format!(" of {} to {}", figure(least), figure(most))
    } else {
        format!(" of {}", figure(most))
    };
    line(
        told,
        format_args!("{} chart of {}: {points} points{of}", design.chart.name(), series.title),
    );
    let process = &analysis.process;
    let source = match analysis.options.limits {
        Limits::Given { .. } => "given".to_owned(),
        Limits::Estimate if design.chart.counts() => format!("from points 1 to {}", analysis.phase1),
        Limits::Estimate => format!("from points 1 to {}, {}", analysis.phase1, design.estimator.name()),
    };
    let (center, sigma) = (figure(process.center), figure(process.sigma));
    line(told, format_args!("centre      {center}   sigma {sigma}   ({source})"));
    if design.chart.is_laney() {
        line(told, format_args!("sigma z     {}", figure(process.sigma_z)));
    }
    if let (Some(first), Some(last)) = (analysis.points.first(), analysis.points.last()) {
        let is_same = |low: f64, high: f64| (low - high).abs() <= 1e-12 * high.abs();
        let span = |low: f64, high: f64| {
            if is_same(low, high) {
                figure(low)
            } else {
                format!("{}, at last {}", figure(low), figure(high))
            }
        };
        let (low, high) = (span(first.lcl, last.lcl), span(first.ucl, last.ucl));
        line(told, format_args!("limits      {low}   to   {high}"));
    }
    if let Some(spread) = analysis.points.iter().find_map(|point| point.spread) {
        let (center, low, high) = (figure(spread.center), figure(spread.lcl), figure(spread.ucl));
        line(
            told,
            format_args!("spread      centre {center}   limits {low}   to   {high}"),
        );
    }
    let rules = match design.chart {
        Chart::Ewma => format!(
            "lambda {}, width {}{}; rules {}",
            design.ewma.lambda,
            design.ewma.width,
            if design.ewma.fixed { ", fixed limits" } else { "" },
            design.rules
        ),
        Chart::Cusum => {
            let cusum = &design.cusum;
            format!(
                "k {}, h {}, head start {}; rules {}",
                cusum.k, cusum.h, cusum.fir, design.rules
            )
        }
        _ => design.rules.to_string(),
    };
    line(told, format_args!("rules       {rules}"));
    if let Some(alarms) = false_alarms {
        line(told, format_args!("ARL0        {alarms}"));
    }
}

fn signals(told: &mut String, analysis: &Analysis) {
    if analysis.violations.is_empty() {
        line(told, format_args!("signals     none"));
        return;
    }
    line(
        told,
        format_args!("signals     point  rule        value       points of the pattern"),
    );
    for violation in &analysis.violations {
        let Some(plotted) = analysis.points.get(violation.index) else {
            continue;
        };
        let spread = plotted.spread.filter(|_| violation.rule.name() == "SPREAD");
        let value = figure(spread.map_or(plotted.value, |spread| spread.value));
        let phase = if violation.index < analysis.phase1 { "I " } else { "II" };
        let points: Vec<String> = violation.points.iter().map(|index| (index + 1).to_string()).collect();
        let (point, rule) = (violation.index + 1, violation.rule.name());
        line(
            told,
            format_args!(
                "         {phase} {point:>5}  {rule:<10}  {value:<10}  {}",
                points.join(" ")
            ),
        );
    }
}

/// Of what is rarer nobody knows whether it is still normally distributed.
const PERCENT_MIN: f64 = 0.0001;

fn tell_capability(told: &mut String, capability: &Capability) {
    line(told, format_args!("capability  index        value   95 % interval"));
    for (name, index) in capability.indices() {
        if let Some(index) = index {
            line(
                told,
                format_args!(
                    "            {name:<11} {:>6.3}   {:.3} to {:.3}",
                    index.value, index.low, index.high
                ),
            );
        }
    }
    let sides = [
        ("below", capability.expected_below_percent),
        ("above", capability.expected_above_percent),
    ];
    for (side, percent) in sides {
        if let Some(percent) = percent {
            let percent = if percent < PERCENT_MIN {
                format!("less than {PERCENT_MIN}")
            } else {
                figure(percent)
            };
            line(told, format_args!("            {side} the limit: {percent} % expected"));
        }
    }
    for flag in &capability.flags {
        line(told, format_args!("            {flag}"));
    }
}
