//! Control charts against what others computed: every case of R's qcc, values printed in books, the lists of points at which
//! each rule completes. Once through the library, once through the command. The data lie outside of the project
//! (`LINESIDE_REFERENCE_DATA`, else `../shared/data`); without them these tests say so and pass.

mod arl;
mod cases;
mod command;

use std::fs;
use std::path::{Path, PathBuf};

use lineside::judge::spc::analysis::{self, Analysis, Options};
use lineside::judge::spc::{Chart, Design, Limits, Rule, RuleSet, Sample, report};
use serde_json::Value;

use cases::{Case, cases, close};

/// Where the reference data lie, if they are there.
pub fn data() -> Option<PathBuf> {
    let near = || concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data").to_owned();
    let folder = Path::new(&std::env::var("LINESIDE_REFERENCE_DATA").unwrap_or_else(|_| near())).join("spc");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: there is no {}; LINESIDE_REFERENCE_DATA names another folder",
        folder.display()
    );
    None
}

fn samples(case: &Case) -> Vec<Sample> {
    let all: Vec<Sample> = match case.design.chart {
        chart if chart.counts() => analysis::counts(chart, case.counted()),
        _ if case.is_grouped() => case
            .groups()
            .iter()
            .filter_map(|group| Sample::subgroup(group))
            .collect(),
        _ => analysis::singles(case.values().into_iter().map(Some)),
    };
    all
}

#[test]
fn every_case_of_qcc_is_met_by_the_library() {
    let Some(folder) = data() else { return };
    let mut met = 0;
    for case in cases(&folder) {
        let mut options = case.options();
        options.design.rules = "all".parse().unwrap();
        let analysis = Analysis::of(samples(&case), options).unwrap();
        met += case.check(&report::json(&analysis, None));
    }
    assert!(met > 400, "only {met} values were compared");
}

#[test]
fn every_rule_completes_where_qcc_says() {
    let Some(folder) = data() else { return };
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("expected_rules.json")).unwrap()).unwrap();
    let rows = cases::table(&folder.join("rules_series.csv"));
    for series in expected["series"].as_array().unwrap() {
        let number = series["series"].as_f64().unwrap();
        let values = rows.iter().filter(|row| close(row[0], number)).map(|row| Some(row[2]));
        let mut design = Design::new(Chart::IMr, 1);
        design.rules = RuleSet::of(&[Rule::WESTERN_ELECTRIC.as_slice(), &Rule::NELSON].concat());
        let options = Options {
            design,
            limits: Limits::Given {
                center: 0.0,
                sigma: 1.0,
            },
            phase1: None,
            excluded: Vec::new(),
            spec: None,
        };
        let analysis = Analysis::of(analysis::singles(values), options).unwrap();
        for rule in Rule::WESTERN_ELECTRIC.iter().chain(&Rule::NELSON) {
            let found = analysis
                .violations
                .iter()
                .filter(|v| v.rule == *rule)
                .map(|v| v.index + 1);
            let expected: Vec<usize> = serde_json::from_value(series[rule.name()].clone()).unwrap();
            assert_eq!(found.collect::<Vec<_>>(), expected, "series {number}, {rule}");
        }
    }
}

#[test]
fn constants_are_exact() {
    use lineside::judge::spc::constants::{c4, d2, d3};
    let Some(folder) = data() else { return };
    for (n, row) in (2..).zip(cases::table(&folder.join("constants.csv"))) {
        let (d2, d3, c4) = (d2(n).unwrap(), d3(n).unwrap(), c4(n));
        let root = row[0].sqrt();
        let computed = [
            d2,
            d3,
            c4,
            3.0 / (d2 * root),
            3.0 / (c4 * root),
            (1.0 - 3.0 / c4 * (1.0 - c4 * c4).sqrt()).max(0.0),
            1.0 + 3.0 / c4 * (1.0 - c4 * c4).sqrt(),
        ];
        for (computed, printed) in computed.iter().zip(&row[1..]) {
            assert!((computed - printed).abs() < 1e-8, "n = {n}: {computed} {printed}");
        }
    }
}
