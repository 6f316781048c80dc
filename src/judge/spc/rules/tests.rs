//! Each rule at its edges.

use super::*;

const NONE: [usize; 0] = [];

/// The points, counted from 1, at which a rule completes among standard values.
fn found(rule: &str, values: &[f64]) -> Vec<usize> {
    let rules: RuleSet = rule.parse().expect("a rule");
    let mut runs = Runs::default();
    let line = Line::new(0.0, 1.0);
    let hits = values.iter().map(|value| runs.step(&rules, *value, line));
    (1..)
        .zip(hits)
        .filter(|(_, hits)| !hits.is_empty())
        .map(|(point, _)| point)
        .collect()
}

#[test]
fn a_value_on_a_line_is_not_beyond_it() {
    assert_eq!(found("N1", &[3.0, -3.0, 3.000_001, -3.1]), [3, 4]);
    assert_eq!(found("N1=2", &[2.0, 2.1]), [2]);
    assert_eq!(found("WE2", &[2.0, 2.0, 2.0]), NONE);
    assert_eq!(found("N2=3", &[1.0, 1.0, 0.0, 1.0, 1.0, 1.0]), [6]);
    assert_eq!(found("N7=3", &[1.0, -1.0, 0.0, 1.1, 0.0, 0.0]), [3]);
}

#[test]
fn of_most_the_newest_is_one_and_the_window_is_full() {
    assert_eq!(found("N5", &[2.1, 2.1]), NONE, "two of two are not two of three");
    assert_eq!(
        found("N5", &[2.1, 2.1, 0.0, 2.1]),
        [4],
        "the third point is not beyond itself"
    );
    assert_eq!(found("N5", &[2.1, -2.1, 0.0, -2.1]), [4], "on one side");
    assert_eq!(found("N6", &[1.1, 1.1, 0.0, 1.1, 1.1, 0.0]), [5]);
}

#[test]
fn trends_and_turns_are_counted_in_points() {
    assert_eq!(found("N3", &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), [6, 7]);
    assert_eq!(found("N3", &[0.5, 0.4, 0.3, 0.3, 0.2, 0.1, 0.0]), NONE);
    let turns: Vec<f64> = (0..16).map(|n| if n % 2 == 0 { 0.5 } else { -0.5 }).collect();
    assert_eq!(found("N4", &turns), [14, 15, 16]);
    assert_eq!(found("N8=3", &[1.1, 1.2, 1.3, -1.4]), [4], "on both sides");
}

#[test]
fn a_pattern_names_its_points() {
    let rules: RuleSet = "N5".parse().expect("a rule");
    let mut runs = Runs::default();
    for value in [2.1, 0.0, 2.2] {
        runs.step(&rules, value, Line::new(0.0, 1.0));
    }
    assert_eq!(runs.pattern(&rules, Rule::N5), [2, 0]);
}

#[test]
fn sets_are_read_as_they_are_written() {
    for (text, written) in [
        ("nelson", "N1,N2,N3,N4,N5,N6,N7,N8"),
        ("we2, N2=8,n1", "WE2,N1,N2=8"),
        ("none", "none"),
        ("N2=9", "N2"),
        ("SPREAD, N1", "N1"),
        ("nelson, spread=off", "N1,N2,N3,N4,N5,N6,N7,N8,SPREAD=off"),
        ("none,SPREAD=off", "none,SPREAD=off"),
    ] {
        assert_eq!(
            text.parse::<RuleSet>().map(|set| set.to_string()),
            Ok(written.to_owned())
        );
    }
    for wrong in ["N9", "N2=0", "N2=1.5", "N2=99", "EWMA", "N1=x", "SPREAD=3", "N1,,N2"] {
        assert!(wrong.parse::<RuleSet>().is_err(), "{wrong}");
    }
    let said = "N2=100000".parse::<RuleSet>().expect_err("too many points");
    assert!(said.contains("from 2 to 31"), "{said}");
}
