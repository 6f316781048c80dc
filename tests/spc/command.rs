//! `lineside spc` as it is called: every case again through files and flags, what it says of wrong files, what it draws.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::cases::cases;
use super::data;

fn spc(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
    command.arg("spc").args(arguments).output().expect("the program runs")
}

fn json(arguments: &[&str]) -> Value {
    let output = spc(&[arguments, &["--format", "json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn written(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (folder, file)
}

/// The complaint about flags and files that are wrong.
fn refused(arguments: &[&str]) -> String {
    let output = spc(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[test]
fn every_case_of_qcc_is_met_by_the_command() {
    let Some(folder) = data() else { return };
    for case in cases(&folder) {
        let (_kept, file) = written(&case.csv());
        let arguments = case.arguments();
        let arguments: Vec<&str> = [file.as_str()]
            .into_iter()
            .chain(arguments.iter().map(String::as_str))
            .collect();
        // Of the same rules under two names only one may be asked for at a time, or what it promises is simulated.
        let mut told = json(&[arguments.as_slice(), &["--rules", "nelson"]].concat());
        let western = json(&[arguments.as_slice(), &["--rules", "western-electric"]].concat());
        let more = western["violations"].as_array().unwrap().clone();
        let own = |violation: &Value| violation["rule"].as_str().is_some_and(|rule| rule.starts_with("WE"));
        told["violations"]
            .as_array_mut()
            .unwrap()
            .extend(more.into_iter().filter(own));
        assert!(case.check(&told) > 3);
    }
}

const VALUES: &str = "time,force,lot\n1,10.0,A\n2,10.2,A\n3,9.9,A\n4,NA,A\n5,10.1,A\n6,10.0,A\n7,14.0,A\n8,10.1,A\n";

#[test]
fn given_limits_judge_and_missing_values_are_said() {
    let (_kept, file) = written(VALUES);
    let limits = [
        "--value",
        "force",
        "--limits",
        "center=10,sigma=0.5,n=1",
        "--rules",
        "N1",
    ];
    let told = json(
        &[
            &[file.as_str(), "--chart", "i-mr", "--spec", "lower=9,upper=11"],
            limits.as_slice(),
        ]
        .concat(),
    );
    assert_eq!((told["lcl"].as_f64(), told["ucl"].as_f64()), (Some(8.5), Some(11.5)));
    assert_eq!(
        told["violations"],
        serde_json::json!([{ "index": 6, "rule": "N1", "points": [6] }])
    );
    assert_eq!(told["phase1"]["limits"], "given");
    assert_eq!(
        told["missing"],
        serde_json::json!([format!(
            "{file}:5: column 2 `force`: no value; the point is left out, and no moving range is taken across it"
        )])
    );
    assert_eq!(told["arl0"]["points"], 370.4);
    let ranges = told["dispersion"]["points"].as_array().unwrap();
    assert_eq!(ranges.len(), 6);
    assert!(ranges[2].is_null(), "no range is taken across what is missing");
    assert!(
        told["capability"]["cpk"]
            .as_f64()
            .is_some_and(|cpk| (0.2..0.8).contains(&cpk))
    );
    assert!(
        told["capability"]["flags"]
            .as_array()
            .is_some_and(|flags| flags.len() == 2),
        "{}",
        told["capability"]
    );
}

#[test]
fn an_excluded_point_is_neither_learnt_from_nor_judged() {
    let (_kept, file) = written(VALUES);
    let told = json(&[
        &file,
        "--chart",
        "i-mr",
        "--value",
        "force",
        "--exclude",
        "6=tool broke",
    ]);
    assert!(told["ucl"].as_f64().is_some_and(|ucl| ucl < 11.0), "{}", told["ucl"]);
    assert_eq!(told["violations"], serde_json::json!([]));
    assert_eq!(told["phase1"]["excluded"], serde_json::json!([6]));
    assert_eq!(told["points"].as_array().map(Vec::len), Some(7));
    let output = spc(&[
        &file,
        "--chart",
        "i-mr",
        "--value",
        "force",
        "--exclude",
        "6=tool broke",
    ]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("point 6: tool broke"));
}

#[test]
fn ranges_are_switched_off_and_no_promise_counts_them_then() {
    let (_kept, file) = written("a,b\n1,2\n2,1\n1,9\n2,1\n1,2\n");
    let with = |rules: &str| {
        let limits = ["--columns", "a,b", "--limits", "center=1.5,sigma=1"];
        let told = json(
            &[
                [file.as_str(), "--chart", "xbar-r", "--rules", rules].as_slice(),
                &limits,
            ]
            .concat(),
        );
        let signals = told["dispersion"]["violations"].as_array().map(Vec::len);
        (signals, told["arl0"]["points"].as_f64().unwrap())
    };
    let (signals, points) = with("N1,N2");
    assert_eq!(signals, Some(1));
    assert!((60.0..100.0).contains(&points), "{points}");
    assert_eq!(with("N1,N2,SPREAD=off"), (Some(0), 216.7));
}

#[test]
fn given_limits_of_counts_are_such_that_counts_can_have() {
    let (_kept, file) = written("d\n3\n5\n2\n9\n");
    let with = |chart: &str, limits: &str| {
        let chart = format!("--chart={chart}");
        let limits = format!("--limits={limits}");
        [file.clone(), chart, limits, "--size=100".to_owned()]
    };
    for (chart, limits, said) in [
        ("p", "center=1.3", "above 0 and below 1"),
        ("np", "center=0", "above 0 and below 1"),
        ("u", "center=-0.5", "number of defects above 0"),
        ("laney-u", "center=0,sigma=1", "number of defects above 0"),
        ("laney-p", "center=0.03", "sigma z"),
        ("p", "center=0.03,sigma=1.4", "leave it out"),
    ] {
        let arguments = with(chart, limits);
        let told = refused(&arguments.each_ref().map(String::as_str));
        assert!(
            told.contains("--limits: ") && told.contains(said),
            "{chart} {limits}: {told}"
        );
    }
    let laney = json(&with("laney-p", "center=0.03,sigma=1.4").each_ref().map(String::as_str));
    assert_eq!(laney["sigma_z"], 1.4);
    let reach = 3.0 * 1.4 * (0.03_f64 * 0.97 / 100.0).sqrt();
    assert!(
        (laney["ucl"].as_f64().unwrap() - 0.03 - reach).abs() < 1e-12,
        "{}",
        laney["ucl"]
    );
}

#[test]
fn subgroups_are_found_three_ways() {
    let long = "x,g\n1,a\n2,a\n4,b\n7,b\n3,c\n5,c\n";
    let wide = "a,b\n1,2\n4,7\n3,5\n";
    let chart = ["--chart", "xbar-r"];
    let (_kept, file) = written(long);
    let by_group = json(&[[file.as_str()].as_slice(), &chart, &["--value", "x", "--group", "g"]].concat());
    let in_turn = json(&[[file.as_str()].as_slice(), &chart, &["--value", "x", "--subgroup", "2"]].concat());
    let (_kept, file) = written(wide);
    let by_columns = json(&[[file.as_str()].as_slice(), &chart, &["--columns", "a,b"]].concat());
    assert_eq!(by_group["points"], serde_json::json!([1.5, 5.5, 4.0]));
    assert_eq!(by_group, in_turn);
    assert_eq!(by_group, by_columns);
}

#[test]
fn short_runs_and_over_dispersion_have_their_charts() {
    let (_kept, file) = written("part,x\nA,10.1\nA,9.9\nB,51\nB,49\nA,10.5\n");
    let run = ["--value", "x", "--part", "part", "--nominal", "A=10:0.1,B=50:1"];
    let told = json(&[[file.as_str(), "--chart", "short-run-z"].as_slice(), &run].concat());
    let points: Vec<f64> = serde_json::from_value(told["points"].clone()).unwrap();
    for (point, expected) in points.iter().zip([1.0, -1.0, 1.0, -1.0, 5.0]) {
        assert!((point - expected).abs() < 1e-9, "{points:?}");
    }
    assert_eq!(told["violations"][0]["index"], 5);

    let mut counts = "d,n\n".to_owned();
    for nth in 0..30 {
        counts.push_str(if nth % 2 == 0 { "40,1000\n" } else { "80,1000\n" });
    }
    let (_kept, file) = written(&counts);
    let told = json(&[&file, "--chart", "p", "--value", "d", "--size", "n"]);
    assert!(told["notes"].to_string().contains("laney-p"), "{}", told["notes"]);
    assert!(told["notes"].to_string().contains("correlated"), "{}", told["notes"]);
    let told = json(&[&file, "--chart", "laney-p", "--value", "d", "--size", "n"]);
    // The step of 0.04 over the standard error of p = 0.06 and n = 1000, over d2.
    let expected = 0.04 / (0.06_f64 * 0.94 / 1000.0).sqrt() / std::f64::consts::FRAC_2_SQRT_PI;
    assert!((told["sigma_z"].as_f64().unwrap() - expected).abs() < 1e-9);
    assert_eq!(told["violations"], serde_json::json!([]));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let (_kept, file) = written("a,b\n1,2\n3,x\n");
    let wrong = format!("lineside spc: {file}:3: column 2 `b`: `x` is not a number; write a number, as 12.5");
    assert!(refused(&[&file, "--chart", "i-mr", "--value", "b"]).starts_with(&wrong));
    assert!(refused(&[&file, "--chart", "i-mr"]).ends_with("--value one of: a, b"));
    assert!(refused(&[&file, "--chart", "p", "--value", "a"]).contains("--size"));
    assert!(refused(&[&file, "--chart", "xbar-r", "--value", "a"]).contains("--group"));
    assert!(refused(&[&file, "--chart", "pie", "--value", "a"]).contains("xbar-r"));
    assert!(refused(&[&file, "--chart", "i-mr", "--value", "a", "--rules", "N12"]).contains("N12"));
    assert!(refused(&[&file, "--chart", "i-mr", "--value", "a", "--limits", "center=1"]).contains("sigma"));
    assert!(refused(&[&file, "--chart", "i-mr", "--value", "a", "--spec", "lower=3,upper=2"]).contains("below"));
    assert!(refused(&[&file, "--chart", "i-mr", "--value", "a", "--out", "x.pdf"]).contains(".svg"));
    let (_kept, file) = written("a\n5\n5\n5\n");
    assert!(refused(&[&file, "--chart", "i-mr"]).contains("alike"));
    assert!(refused(&["/nowhere.csv", "--chart", "i-mr"]).contains("/nowhere.csv"));
}

#[test]
fn flags_are_taken_as_people_write_them() {
    let (_kept, file) = written("Force|Lot\n10.0|A\n10.2|A\n9.9|B\n14.0|B\n");
    let with = |flags: &[&str]| json(&[&[file.as_str(), "--chart", "I-MR", "--value", "force"], flags].concat());
    let told = with(&["--limits", "10,0.5", "--spec", "LSL=9,USL=11", "--rules", "NELSON"]);
    assert_eq!(
        (told["center"].as_f64(), told["ucl"].as_f64()),
        (Some(10.0), Some(11.5))
    );
    assert_eq!(told["rules"], "N1,N2,N3,N4,N5,N6,N7,N8");
    let output = spc(&[
        &file,
        "--chart",
        "i-mr",
        "--value",
        "force",
        "--exclude",
        "1,4=tool broke, again",
        "--delimiter",
        "|",
    ]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("point 1: no reason given") && said.contains("point 4: tool broke, again"),
        "{said}"
    );
    let grouped = [file.as_str(), "--chart", "xbar-r", "--value", "force", "--group", "LOT"];
    assert_eq!(json(&grouped)["points"], serde_json::json!([10.1, 11.95]));
}

#[test]
fn what_is_piped_in_is_charted() {
    use std::io::Write;
    let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
    command.args([
        "spc",
        "-",
        "--chart",
        "i-mr",
        "--format",
        "json",
        "--delimiter",
        "tab",
        "--value",
        "x",
    ]);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"x\ty\n1\t0\n2\t0\n4\t0\n").expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let told: Value = serde_json::from_slice(&output.stdout).expect("an analysis");
    assert_eq!(told["points"], serde_json::json!([1.0, 2.0, 4.0]));
}

#[test]
fn nothing_is_left_out_silently() {
    let (_kept, file) = written("7.0\n7.4\n\n7.1\n7.3\n");
    let told = json(&[&file, "--chart", "i-mr"]);
    assert_eq!(
        told["points"],
        serde_json::json!([7.0, 7.4, 7.1, 7.3]),
        "the first line is a value"
    );
    assert!(
        told["dispersion"]["points"][1].is_null(),
        "no range across the empty line"
    );
    let (notes, missing) = (told["notes"].to_string(), told["missing"].to_string());
    assert!(
        notes.contains(":1: numbers") && missing.contains(":3: column 1 `1`: no value"),
        "{notes} {missing}"
    );

    let (_kept, file) = written("x,g,n\n1,a,9\n2,a,\n4,,9\n7,b,9\n3,b,9\n");
    let told = json(&[&file, "--chart", "xbar-r", "--value", "x", "--group", "g"]);
    assert_eq!(told["points"], serde_json::json!([1.5, 5.0]));
    assert!(
        told["missing"]
            .to_string()
            .contains(":4: column 2 `g`: no subgroup; the row is left out"),
        "{}",
        told["missing"]
    );
    let told = json(&[&file, "--chart", "p", "--value", "x", "--size", "n"]);
    assert_eq!(told["points"].as_array().map(Vec::len), Some(4));
    assert!(
        told["missing"].to_string().contains(":3: column 3 `n`: no size"),
        "{}",
        told["missing"]
    );

    for flag in [["--columns", "x,n"], ["--group", "g"], ["--subgroup", "2"]] {
        for chart in ["i-mr", "p", "short-run-z"] {
            let value = ["--value", "x"];
            let value = if flag[0] == "--columns" { &value[..0] } else { &value };
            let said = refused(&[&[file.as_str(), "--chart", chart], value, &flag].concat());
            assert!(said.contains(&format!("leave {} out", flag[0])), "{said}");
        }
    }
    for limits in ["center=nan,sigma=1", "1,inf", "center=1,sigma=1,2,3"] {
        assert!(refused(&[&file, "--chart", "i-mr", "--value", "x", "--limits", limits]).contains("--limits"));
    }
}

#[test]
fn subgroups_with_gaps_are_judged_by_what_they_have_and_say_so() {
    let (_kept, file) = written("a,b,c\n1,2,3\n4,,6\n,8,\n,,\n3,5,4\n");
    let told = json(&[&file, "--chart", "xbar-r", "--columns", "a,b,c"]);
    assert_eq!(told["points"], serde_json::json!([2.0, 5.0, 8.0, 4.0]));
    assert!(told["dispersion"]["points"][2].is_null(), "{}", told["dispersion"]);
    let missing = told["missing"].to_string();
    for said in [
        ":3: column 2 `b`: no value; its subgroup is judged by the values that it has",
        ":4: column 2 `b`: the only value of its subgroup; it is plotted, without a spread",
        ":5: column 1 `a`: no value; its subgroup has none, and is left out",
    ] {
        assert!(missing.contains(said), "no {said} in {missing}");
    }
    let (_kept, file) = written("x,g\n1,a\n2,b\n3,c\n");
    let alone = [file.as_str(), "--chart", "xbar-r", "--value", "x", "--group", "g"];
    assert!(refused(&alone).contains("for single ones take i-mr"));
    let alone = [file.as_str(), "--chart", "xbar-s", "--value", "x", "--subgroup", "1"];
    assert!(refused(&alone).contains("subgroups of two values at least"));
    assert!(refused(&[&file, "--chart", "xbar-s", "--value", "x", "--subgroup", "0"]).contains("--subgroup"));
    let (_kept, file) = written("p,x\nA,1\nA,2\n,3\nA,4\n");
    let run = ["--chart", "short-run-difference", "--value", "x", "--part", "p"];
    let told = json(&[[file.as_str()].as_slice(), &run].concat());
    assert_eq!(told["points"].as_array().map(Vec::len), Some(3));
    assert!(told["missing"].to_string().contains(":4: column 1 `p`: no product"));
}

#[test]
fn a_column_has_one_meaning() {
    let (_kept, file) = written("x,y,Y,y\n1,2,3,4\n2,3,4,5\n");
    let with = |flags: &[&str]| refused(&[&[file.as_str()], flags].concat());
    assert!(with(&["--chart", "xbar-r", "--columns", "x,Y,x"]).ends_with("`x` is given twice"));
    assert!(with(&["--chart", "xbar-r", "--columns", "x,X"]).ends_with("`X` is given twice"));
    assert!(with(&["--chart", "i-mr", "--value", "y"]).contains("columns 2 and 4 are both called `y`"));
    assert!(
        with(&["--chart", "xbar-r", "--value", "x", "--group", "x"])
            .contains("--group: `x` is the column of the values")
    );
    assert!(with(&["--chart", "p", "--value", "x", "--size", "x"]).contains("--size: `x` is the column of the values"));
    assert!(with(&["--chart", "i-mr", "--value", "x", "--delimiter", "||"]).contains("not one character"));
}

#[test]
fn every_wrong_place_has_its_line_and_column_and_what_would_be_right() {
    let wrong = |text: &str, flags: &[&str]| {
        let (_kept, file) = written(text);
        refused(&[&[file.as_str()], flags].concat())
    };
    let single = ["--chart", "i-mr", "--value", "x"];
    for (text, said) in [
        ("x,y\n1\n", ":2: column 2 is missing: there should be 2 cells"),
        ("x,y\n1,2,3\n4,5\n", ":2: column 3 is too many: there should be 2 cells"),
        (
            "x,y\n1,\"2\n3,4\n",
            ":2: column 2: a quoted cell has no end; write a quote behind it",
        ),
        (
            "x;y\n1,5;2\n",
            ":2: column 1 `x`: `1,5` is not a number; write numbers with a point",
        ),
        (
            "x,y\ninf,2\n",
            ":2: column 1 `x`: `inf` is not a number; write a number",
        ),
        ("x,y\n", "a title line and at least one line of values are needed"),
        ("", "a title line and at least one line of values are needed"),
    ] {
        let told = wrong(text, &single);
        assert!(told.contains(said), "{text:?}: {told}");
    }
    let counted = ["--chart", "p", "--value", "x", "--size", "y"];
    for (text, said) in [
        (
            "x,y\n1,9\n7,5\n",
            ":3: column 1 `x`: 7 of 5 is no count; there cannot be more",
        ),
        ("x,y\n-1,9\n", ":2: column 1 `x`: -1 of 9 is no count; write 0 or more"),
        (
            "x,y\n0,0\n",
            ":2: column 1 `x`: 0 of 0 is no count; something must have been looked at",
        ),
    ] {
        let told = wrong(text, &counted);
        assert!(told.contains(said), "{text:?}: {told}");
    }
    let (_kept, file) = written("");
    fs::write(&file, b"x\n1\n\xe4\n").unwrap();
    assert!(refused(&[&file, "--chart", "i-mr"]).contains(":3: a letter that is not UTF-8; save the file as UTF-8"));
}

#[test]
fn no_range_is_taken_across_an_excluded_point() {
    let (_kept, file) = written("x\n10.0\n10.2\n30.0\n10.1\n10.3\n");
    let told = json(&[&file, "--chart", "i-mr", "--exclude", "3=dropped"]);
    let ranges: Vec<Option<f64>> = serde_json::from_value(told["dispersion"]["points"].clone()).unwrap();
    let expected = [Some(0.2), None, None, Some(0.2)];
    for (range, expected) in ranges.iter().zip(expected) {
        let is_same = range
            .zip(expected)
            .map_or(range.is_none() && expected.is_none(), |(a, b)| (a - b).abs() < 1e-9);
        assert!(is_same, "{ranges:?}");
    }
    assert_eq!(told["dispersion"]["violations"], serde_json::json!([]));
}

#[test]
fn what_says_nothing_of_a_chart_is_refused() {
    let (_kept, file) = written("d\n3\n5\n2\n9\n");
    for (chart, flag) in [
        ("p", "--spec=lower=1"),
        ("short-run-z", "--spec=lower=1"),
        ("c", "--sigma=mr"),
        ("ewma", "--size=5"),
        ("i-mr", "--part=d"),
        ("i-mr", "--nominal=A=1"),
        ("i-mr", "--lambda=0.2"),
        ("cusum", "--width=3"),
        ("cusum", "--fixed"),
        ("ewma", "--k=1"),
        ("ewma", "--h=4"),
        ("i-mr", "--fir=1"),
    ] {
        let said = refused(&[&file, "--chart", chart, flag]);
        let flag = flag.split('=').next().unwrap();
        assert!(
            said.contains(&format!("{flag} says nothing of a chart {chart}")),
            "{said}"
        );
    }
    let said = refused(&[&file, "--chart", "i-mr", "--limits", "center=4,sigma=1,n=4"]);
    assert!(
        said.contains("n is the size of the subgroups, which is 1 here"),
        "{said}"
    );
    let (_kept, file) = written("d\n3\n2.5\n2\n9\n");
    for (chart, size) in [("c", None), ("np", Some("--size=100"))] {
        let arguments: Vec<&str> = [file.as_str(), "--chart", chart].into_iter().chain(size).collect();
        assert!(refused(&arguments).contains("what is counted is whole"));
    }
}

#[test]
fn the_chart_is_drawn_with_what_fired() {
    let (kept, file) = written(VALUES);
    let limits = ["--value", "force", "--limits", "center=10,sigma=0.5"];
    for name in ["chart.svg", "chart.html"] {
        let out = kept.path().join(name);
        let output = spc(&[
            [file.as_str(), "--chart", "i-mr", "--out", out.to_str().unwrap()].as_slice(),
            &limits,
        ]
        .concat());
        assert!(output.status.success());
        let drawn = fs::read_to_string(&out).unwrap();
        for part in ["zone-c", ">N1</text>", "UCL 11.5", "prefers-color-scheme: dark"] {
            assert!(drawn.contains(part), "{name} has no {part}");
        }
        assert!(
            !drawn.contains("http://")
                || drawn.matches("http://").count() == drawn.matches("http://www.w3.org").count()
        );
    }
    renders(&kept.path().join("chart.svg"));
}

/// A renderer that others wrote can read it.
fn renders(svg: &Path) {
    let drawn = Command::new("rsvg-convert")
        .arg(svg)
        .arg("-o")
        .arg(svg.with_extension("png"))
        .status();
    assert!(drawn.expect("rsvg-convert, which tests/run installs").success());
}
