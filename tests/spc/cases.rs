//! The cases of `expected_qcc.json`: which data, which chart, and what must come out.

use std::fs;
use std::path::{Path, PathBuf};

use lineside::judge::spc::{Chart, Design, Estimator, Limits, Options, Spec};
use serde_json::Value;

const RELATIVE: f64 = 1e-9;

pub struct Case {
    pub expected: Value,
    pub file: PathBuf,
    pub design: Design,
    rows: Vec<Vec<f64>>,
}

/// A file of numbers with a title line; `TRUE` and `FALSE` are numbers here.
pub fn table(file: &Path) -> Vec<Vec<f64>> {
    let number = |cell: &str| match cell {
        "TRUE" => 1.0,
        "FALSE" => 0.0,
        other => other.parse().unwrap(),
    };
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(number).collect())
        .collect()
}

pub fn close(a: f64, b: f64) -> bool {
    // What is zero but for rounding has no relative error.
    (a - b).abs() <= RELATIVE * a.abs().max(b.abs()) + 1e-15
}

/// All cases but those with the rounded d2 of qcc, which are wrong by intention.
pub fn cases(folder: &Path) -> Vec<Case> {
    let text = fs::read_to_string(folder.join("expected_qcc.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let cases = all["cases"].as_array().unwrap().iter();
    let cases = cases.filter(|case| !case["id"].as_str().unwrap().ends_with("qcc_table_d2"));
    let cases: Vec<Case> = cases.map(|case| Case::read(case, folder)).collect();
    assert!(!cases.is_empty());
    cases
}

impl Case {
    fn read(expected: &Value, folder: &Path) -> Self {
        let id = expected["id"].as_str().unwrap();
        let note = expected["note"].as_str().unwrap_or_default();
        let file = folder.join(expected["dataset"].as_str().unwrap());
        let is_grouped = Self::dataset_is_grouped(expected);
        let chart = match expected["chart"].as_str().unwrap() {
            "xbar" | "R" | "capability" if id.contains("-S") => Chart::XbarS,
            "xbar" | "R" | "capability" if is_grouped => Chart::XbarR,
            "S" => Chart::XbarS,
            "p" => Chart::P,
            "np" => Chart::Np,
            "c" => Chart::C,
            "u" => Chart::U,
            "ewma" => Chart::Ewma,
            "cusum" => Chart::Cusum,
            _ => Chart::IMr,
        };
        let mut design = Design::new(chart, if is_grouped { 5 } else { 1 });
        for (name, estimator) in [
            ("MVLUE-R", Estimator::MvlueR),
            ("MVLUE-SD", Estimator::MvlueSd),
            ("RMSDF", Estimator::Rmsdf),
            ("UWAVE-SD", Estimator::UwaveSd),
            ("UWAVE-R", Estimator::UwaveR),
        ] {
            if is_grouped && (id.contains(name) || note.contains(name)) {
                design.estimator = estimator;
                break;
            }
        }
        let number = |name: &str| expected[name].as_f64();
        design.ewma.lambda = number("lambda").unwrap_or(0.2);
        design.ewma.width = number("nsigmas").unwrap_or(3.0);
        design.cusum.k = number("k").unwrap_or(0.5);
        design.cusum.h = number("h").unwrap_or(5.0);
        design.cusum.fir = number("head_start").unwrap_or(0.0);
        let mut rows = table(&file);
        // Some cases leave out what had a cause.
        let left_out: Vec<f64> = id
            .split_once("-excl")
            .map(|(_, list)| {
                list.split('/')
                    .next()
                    .unwrap()
                    .split(',')
                    .map(|n| n.parse().unwrap())
                    .collect()
            })
            .unwrap_or_default();
        rows.retain(|row| !left_out.contains(&row[0]));
        let points = ["statistics", "ewma", "pos"]
            .iter()
            .find_map(|name| expected[*name].as_array());
        if let Some(points) = points.filter(|_| !is_grouped) {
            rows.truncate(points.len() + usize::from(expected["chart"] == "MR"));
        }
        Self {
            expected: expected.clone(),
            file,
            design,
            rows,
        }
    }

    fn dataset_is_grouped(expected: &Value) -> bool {
        matches!(expected["dataset"].as_str(), Some("pistonrings.csv" | "wheeler_43.csv"))
    }

    pub fn is_grouped(&self) -> bool {
        Self::dataset_is_grouped(&self.expected)
    }

    fn id(&self) -> &str {
        self.expected["id"].as_str().unwrap()
    }

    fn has_title(&self, name: &str) -> bool {
        let text = fs::read_to_string(&self.file).unwrap();
        text.lines()
            .next()
            .unwrap()
            .split(',')
            .any(|title| title.trim_matches('"') == name)
    }

    /// Which column is what: the value or count, and its group or size.
    fn columns(&self) -> (usize, usize) {
        if self.has_title("diameter") {
            (0, 1)
        } else if self.has_title("values") {
            (1, 0)
        } else if self.has_title("sample") || self.has_title("day") {
            (1, 2)
        } else {
            (0, 1)
        }
    }

    /// The rows that belong to the case, as a file.
    pub fn csv(&self) -> String {
        let text = fs::read_to_string(&self.file).unwrap();
        let mut csv = text.lines().next().unwrap().to_owned();
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(f64::to_string).collect();
            csv.push('\n');
            csv.push_str(&cells.join(","));
        }
        csv
    }

    /// The flags that make this chart of it.
    pub fn arguments(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.file).unwrap();
        let titles: Vec<&str> = text
            .lines()
            .next()
            .unwrap()
            .split(',')
            .map(|title| title.trim_matches('"'))
            .collect();
        let (value, other) = self.columns();
        let mut arguments = vec![
            format!("--chart={}", self.design.chart.name()),
            format!("--value={}", titles[value]),
        ];
        arguments.push(format!("--phase1={}", self.phase1()));
        if self.design.chart.needs_sizes() {
            arguments.push(format!("--size={}", titles[other]));
        } else if self.is_grouped() {
            arguments.push(format!("--group={}", titles[other]));
            arguments.push(format!("--sigma={}", self.design.estimator.name()));
        }
        let (ewma, cusum) = (self.design.ewma, self.design.cusum);
        match self.design.chart {
            Chart::Ewma => arguments.extend([format!("--lambda={}", ewma.lambda), format!("--width={}", ewma.width)]),
            Chart::Cusum => {
                let flags = [("k", cusum.k), ("h", cusum.h), ("fir", cusum.fir)];
                arguments.extend(flags.map(|(flag, number)| format!("--{flag}={number}")));
            }
            _ => {}
        }
        if let Some(spec) = self.spec() {
            let limits = [("lower", spec.lower), ("upper", spec.upper), ("target", spec.target)];
            let limits = limits
                .iter()
                .filter_map(|(name, limit)| limit.map(|limit| format!("{name}={limit}")));
            arguments.push(format!("--spec={}", limits.collect::<Vec<_>>().join(",")));
        }
        arguments
    }

    pub fn values(&self) -> Vec<f64> {
        let column = self.columns().0;
        self.rows.iter().map(|row| row[column]).collect()
    }

    pub fn groups(&self) -> Vec<Vec<f64>> {
        let (value, group) = self.columns();
        let mut groups: Vec<(f64, Vec<f64>)> = Vec::new();
        for row in &self.rows {
            match groups.last_mut().filter(|(last, _)| close(*last, row[group])) {
                Some((_, values)) => values.push(row[value]),
                None => groups.push((row[group], vec![row[value]])),
            }
        }
        groups.into_iter().map(|(_, values)| values).collect()
    }

    pub fn counted(&self) -> Vec<(f64, f64)> {
        let (value, size) = self.columns();
        self.rows
            .iter()
            .map(|row| (row[value], row.get(size).copied().unwrap_or(1.0)))
            .collect()
    }

    pub fn phase1(&self) -> usize {
        usize::try_from(self.expected["phase1_n"].as_u64().unwrap_or(25)).unwrap()
    }

    pub fn spec(&self) -> Option<Spec> {
        let spec = Spec {
            lower: self.expected["lsl"].as_f64(),
            upper: self.expected["usl"].as_f64(),
            target: self.expected["target"].as_f64(),
        };
        (self.expected["chart"] == "capability").then_some(spec)
    }

    pub fn options(&self) -> Options {
        Options {
            design: self.design.clone(),
            limits: Limits::Estimate,
            phase1: Some(self.phase1()),
            excluded: Vec::new(),
            spec: self.spec(),
        }
    }

    /// Compares what is expected with a report; returns how many values were compared.
    pub fn check(&self, report: &Value) -> usize {
        let id = self.id();
        let expected = &self.expected;
        if expected["chart"] == "capability" {
            return self.check_capability(&report["capability"]);
        }
        let is_spread = matches!(expected["chart"].as_str(), Some("R" | "S" | "MR"));
        let part = if is_spread { &report["dispersion"] } else { report };
        let mut met = same(&report["sigma"], &expected["sigma"], &format!("{id} sigma"));
        for (name, told) in [
            ("center", &part["center"]),
            ("statistics", &part["points"]),
            ("ewma", &part["points"]),
            ("pos", &part["pos"]),
            ("neg", &part["neg"]),
            ("lcl", &part["lcl"]),
            ("ucl", &part["ucl"]),
        ] {
            if !expected[name].is_null() {
                met += same(told, &expected[name], &format!("{id} {name}"));
            }
        }
        let violations = report["violations"].as_array().unwrap();
        let at = |rule: &str| -> Vec<u64> {
            let of_rule = violations.iter().filter(|violation| violation["rule"] == rule);
            of_rule.map(|violation| violation["index"].as_u64().unwrap()).collect()
        };
        for (rule, list) in expected["rules"].as_object().into_iter().flatten() {
            let list: Vec<u64> = serde_json::from_value(list.clone()).unwrap();
            assert_eq!(at(rule), list, "{id} {rule}");
            met += 1;
        }
        for (name, rule) in [
            ("violations", "EWMA"),
            ("upper_violations", "CUSUM_UP"),
            ("lower_violations", "CUSUM_DOWN"),
        ] {
            if let Some(list) = expected[name].as_array() {
                let list: Vec<u64> = list.iter().map(|index| index.as_u64().unwrap()).collect();
                assert_eq!(at(rule), list, "{id} {name}");
                met += 1;
            }
        }
        met
    }

    fn check_capability(&self, told: &Value) -> usize {
        let mut met = 0;
        for (theirs, ours) in [
            ("Cp", "cp"),
            ("Cp_l", "cpl"),
            ("Cp_u", "cpu"),
            ("Cp_k", "cpk"),
            ("Cpm", "cpm"),
            ("Pp", "pp"),
            ("Pp_l", "ppl"),
            ("Pp_u", "ppu"),
            ("Pp_k", "ppk"),
            ("Ppm", "cpm_overall"),
        ] {
            let id = format!("{} {theirs}", self.id());
            met += same(&told[ours], &self.expected["indices"][theirs], &id);
            met += same(&told["ci95"][ours][0], &self.expected["ci95_low"][theirs], &id);
            met += same(&told["ci95"][ours][1], &self.expected["ci95_high"][theirs], &id);
        }
        met
    }
}

fn same(told: &Value, expected: &Value, what: &str) -> usize {
    match (told, expected) {
        (Value::Array(told), Value::Array(expected)) => {
            assert_eq!(told.len(), expected.len(), "{what}");
            told.iter()
                .zip(expected)
                .map(|(told, expected)| same(told, expected, what))
                .sum()
        }
        (Value::Null, Value::Null) => 1,
        _ => {
            let pair = told.as_f64().zip(expected.as_f64());
            let (told, expected) = pair.unwrap_or_else(|| panic!("{what}: {told} instead of {expected}"));
            assert!(close(told, expected), "{what}: {told} instead of {expected}");
            1
        }
    }
}
