//! How often a chart cries wolf: the mean number of points up to a signal from a process in which nothing happens (ARL0). Every
//! further rule makes it smaller, which is why it is shown beside the choice.
//!
//! For independent normal values and known limits. Usual choices stand in a table, exact from Markov chains where no other
//! note says so, or have a closed form; any other is simulated through the code that judges the points, always with the same
//! random numbers, and told with as many digits as that is good for. Ranges and standard deviations count where they alarm:
//! they say nothing of the mean, so that each point has the same chance of theirs.

mod exact;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::judge::spc::constants::as_f64;
use crate::judge::spc::design::{Chart, Cusum, Design, Ewma};
use crate::judge::spc::process::{Process, Sample};
use crate::judge::spc::rules::Rule;
use crate::judge::spc::walk::Walk;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FalseAlarms {
    /// One in so many points.
    pub points: f64,
    pub basis: Basis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Computed exactly, here or for a table, or by a simulation long enough for its digits.
    Table,
    /// Simulated here, good to a few per cent.
    Simulated,
    /// Simulated here without a single alarm: it is more than that.
    AtLeast,
}

/// Rules that are the same under two names stand under Nelson's.
const RULES: [(&[Rule], f64); 19] = [
    (&[Rule::N1], 370.40),
    (&[Rule::N5], 510.7),
    (&[Rule::N1, Rule::N5], 225.44),
    (&[Rule::N1, Rule::N6], 166.05),
    (&[Rule::We4, Rule::N1], 152.73),
    (&[Rule::N1, Rule::N5, Rule::N6], 132.89),
    (&[Rule::We4, Rule::N1, Rule::N5], 122.05),
    (&[Rule::We4, Rule::N1, Rule::N6], 105.78),
    (&[Rule::We4, Rule::N1, Rule::N5, Rule::N6], 91.75),
    (&[Rule::N1, Rule::N2], 216.70),
    (&[Rule::N1, Rule::N2, Rule::N5, Rule::N6], 109.05),
    (&[Rule::N1, Rule::N3], 198.7),
    (&[Rule::N3], 421.4),
    (&[Rule::N4], 601.0),
    (&[Rule::N7], 963.3),
    (&[Rule::N8], 14_342.0),
    (&Rule::NELSON, 73.51),
    // Whoever has nine on one side had eight before.
    (&[Rule::We4, Rule::N1, Rule::N2], 152.73),
    (&[Rule::We4, Rule::N1, Rule::N2, Rule::N5, Rule::N6], 91.75),
];

const EWMAS: [(Ewma, f64); 4] = [
    (ewma(0.2, 2.962, false), 494.39),
    (ewma(0.2, 2.962, true), 499.74),
    (ewma(0.1, 2.814, true), 499.58),
    (ewma(0.5, 3.071, true), 499.91),
];

const CUSUMS: [(Cusum, f64); 3] = [
    (cusum(0.5, 4.0, 0.0), 167.68),
    (cusum(0.5, 4.0, 2.0), 148.70),
    (cusum(0.5, 5.0, 0.0), 465.44),
];

const fn ewma(lambda: f64, width: f64, fixed: bool) -> Ewma {
    Ewma { lambda, width, fixed }
}

const fn cusum(k: f64, h: f64, fir: f64) -> Cusum {
    Cusum { k, h, fir }
}

impl fmt::Display for FalseAlarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = self.points;
        match self.basis {
            Basis::Table => write!(f, "one false alarm in {points:.1} points of a stable process"),
            Basis::Simulated => write!(
                f,
                "one false alarm in about {points:.0} points of a stable process, simulated"
            ),
            Basis::AtLeast => write!(
                f,
                "one false alarm in more than {points:.0} points of a stable process, simulated"
            ),
        }
    }
}

/// Points that a simulation may take, some tenths of a second; and runs, of which nobody needs more.
const POINTS_MAX: u64 = 4_000_000;
const RUNS_MAX: u64 = 16_000;
const SEED: u64 = 370;

/// What a design promises for subgroups of a size; nothing where nothing is switched on.
pub fn false_alarms(design: &Design, subgroup: usize) -> Option<FalseAlarms> {
    let of_spread = exact::spread_beyond(design, subgroup);
    let quiet = 1.0 - of_spread;
    let design = location_only(design);
    if design.rules.is_empty() && !matches!(design.chart, Chart::Ewma | Chart::Cusum) {
        return (of_spread > 0.0).then(|| FalseAlarms {
            points: rounded(1.0 / of_spread, EXACT_DIGITS),
            basis: Basis::Table,
        });
    }
    let computed = || exact::location(&design, quiet).map(|points| rounded(points, EXACT_DIGITS));
    if let Some(points) = tabled(&design).filter(|_| of_spread <= 0.0).or_else(computed) {
        return Some(FalseAlarms {
            points,
            basis: Basis::Table,
        });
    }
    if let Some(points) = tabled(&design) {
        return Some(FalseAlarms {
            points: rounded(sooner(points, of_spread), SIMULATED_DIGITS),
            basis: Basis::Simulated,
        });
    }
    let simulation = run(&design, 0.0, quiet, (RUNS_MAX, POINTS_MAX), SEED);
    let (points, basis) = match simulation.mean {
        Some(mean) => (rounded(mean, digits(simulation.runs)), Basis::Simulated),
        None => (
            as_f64(usize::try_from(POINTS_MAX).unwrap_or(usize::MAX)),
            Basis::AtLeast,
        ),
    };
    Some(FalseAlarms { points, basis })
}

const EXACT_DIGITS: i32 = 5;
const SIMULATED_DIGITS: i32 = 3;

/// A mean run length where each point may also end the run with a chance of its own. Runs up to a pattern have no memory but
/// that few are over with their first points: good to two per cent, as simulations show.
fn sooner(points: f64, chance: f64) -> f64 {
    const FIRST: f64 = 5.0;
    let (quiet, ends) = (1.0 - chance, 1.0 / (points - FIRST));
    let is_over = quiet.powf(FIRST) * ends * quiet / (1.0 - (1.0 - ends) * quiet);
    (1.0 - is_over) / chance
}

/// What so many runs tell for sure: the mean scatters by one over their root.
fn digits(runs: u64) -> i32 {
    match runs {
        0..100 => 1,
        100..5000 => 2,
        _ => SIMULATED_DIGITS,
    }
}

fn rounded(points: f64, digits: i32) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "an exponent")]
    let places = digits - 1 - points.log10().floor() as i32;
    if places >= 0 {
        let scale = 10.0_f64.powi(places);
        (points * scale).round() / scale
    } else {
        let scale = 10.0_f64.powi(-places);
        (points / scale).round() * scale
    }
}

fn tabled(design: &Design) -> Option<f64> {
    let find = |wanted: &[Rule]| RULES.iter().find(|(rules, _)| *rules == wanted).map(|row| row.1);
    match design.chart {
        Chart::Ewma | Chart::Cusum if !design.rules.is_empty() => None,
        Chart::Ewma => EWMAS.iter().find(|row| row.0 == design.ewma).map(|row| row.1),
        Chart::Cusum => CUSUMS.iter().find(|row| row.0 == design.cusum).map(|row| row.1),
        _ => {
            let mut rules: Vec<Rule> = design.rules.usual()?.into_iter().map(as_nelson).collect();
            rules.sort();
            rules.dedup();
            find(&rules)
        }
    }
}

fn as_nelson(rule: Rule) -> Rule {
    match rule {
        Rule::We1 => Rule::N1,
        Rule::We2 => Rule::N5,
        Rule::We3 => Rule::N6,
        other => other,
    }
}

/// The chart of single values that signals as this one does for its location.
fn location_only(design: &Design) -> Design {
    let chart = match design.chart {
        Chart::Ewma | Chart::Cusum => design.chart,
        _ => Chart::IMr,
    };
    Design {
        chart,
        spread: None,
        ..design.clone()
    }
}

/// What a simulation found.
#[derive(Debug, Clone, Copy)]
pub struct Simulation {
    /// The mean run length; none without a signal.
    pub mean: Option<f64>,
    pub runs: u64,
}

/// Runs a design on normal values that are off by `shift` standard errors, each run from a quiet process to its first signal.
pub fn simulate(design: &Design, shift: f64, runs_max: u64, points_max: u64, seed: u64) -> Simulation {
    run(&location_only(design), shift, 1.0, (runs_max, points_max), seed)
}

/// Beside what is simulated each point is `quiet` with that chance. Of a run of n points a share ends earlier for that; its mean
/// is known and needs no chance: 1 + quiet + … + quiet to the power of n - 1.
fn run(design: &Design, shift: f64, quiet: f64, (runs_max, points_max): (u64, u64), seed: u64) -> Simulation {
    let process = Process::given(design.chart, 0.0, 1.0);
    let mut normal = Normal::new(seed);
    let (mut runs, mut points, mut length) = (0, 0, 0.0);
    let mut walk = Walk::after_quiet(design);
    let mut left = 1.0;
    while runs < runs_max && points < points_max {
        points += 1;
        length += left;
        left *= quiet;
        let sample = Sample::single(normal.next() + shift, None);
        // Of what has hardly a chance to be still quiet, nothing more is to be learnt.
        if left < 1e-9 || !walk.step(design, &process, &sample).hits.is_empty() {
            runs += 1;
            left = 1.0;
            walk = Walk::after_quiet(design);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "runs are far below 2^52")]
    let mean = (runs > 0).then(|| length / runs as f64);
    Simulation { mean, runs }
}

/// Normal values, two at a time after Box and Muller.
struct Normal {
    random: fastrand::Rng,
    spare: Option<f64>,
}

impl Normal {
    fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            spare: None,
        }
    }

    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.random.f64()).ln()).sqrt();
        let (sin, cos) = (2.0 * std::f64::consts::PI * self.random.f64()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::spc::rules::RuleSet;

    fn design(chart: Chart, rules: &str) -> Design {
        Design {
            rules: rules.parse().expect("rules"),
            ..Design::new(chart, 1)
        }
    }

    fn of(chart: Chart, rules: &str, subgroup: usize) -> Option<(f64, Basis)> {
        false_alarms(&design(chart, rules), subgroup).map(|alarms| (alarms.points, alarms.basis))
    }

    #[test]
    fn the_same_rules_under_other_names_promise_the_same() {
        let of = |rules: &str| of(Chart::IMr, rules, 1);
        assert_eq!(of("nelson"), Some((73.51, Basis::Table)));
        assert_eq!(of("western-electric"), Some((91.75, Basis::Table)));
        assert_eq!(of("WE1,WE2,N1"), Some((225.44, Basis::Table)));
        assert_eq!(of("N1,N2"), Some((216.70, Basis::Table)));
        assert_eq!(of("none"), None);
        assert_eq!(RuleSet::default().to_string(), "N1,N2");
    }

    #[test]
    fn ranges_count_where_they_alarm() {
        let points = |rules: &str| of(Chart::XbarR, rules, 5).expect("a promise").0;
        // Ranges of five are beyond their limits once in 217.
        assert!((points("N1,N2") / 109.46 - 1.0).abs() < 0.01, "{}", points("N1,N2"));
        assert!((points("none") / 217.0 - 1.0).abs() < 0.01, "{}", points("none"));
        assert_eq!(of(Chart::XbarR, "N1,N2,SPREAD=off", 5), Some((216.70, Basis::Table)));
        assert_eq!(of(Chart::XbarR, "none,SPREAD=off", 5), None);
        assert!(
            points("nelson") < 60.0 && points("nelson") > 50.0,
            "{}",
            points("nelson")
        );
        for (rules, subgroup) in [
            ("N1,N2", 5),
            ("nelson", 5),
            ("nelson", 2),
            ("western-electric", 5),
            ("WE1,WE2", 5),
        ] {
            let told = of(Chart::XbarR, rules, subgroup).expect("a promise").0;
            let location = location_only(&design(Chart::XbarR, rules));
            let quiet = 1.0 - exact::spread_beyond(&Design::new(Chart::XbarR, subgroup), subgroup);
            let simulated = run(&location, 0.0, quiet, (16_000, u64::MAX), SEED).mean.expect("runs");
            assert!(
                (told / simulated - 1.0).abs() < 0.02,
                "{rules}, {subgroup}: {told}, {simulated}"
            );
        }
    }

    #[test]
    fn what_is_in_no_table_is_computed_or_simulated_through_the_code_that_judges() {
        assert_eq!(of(Chart::IMr, "N1=4", 1), Some((15_787.0, Basis::Table)));
        assert_eq!(of(Chart::IMr, "N2=12", 1), Some((4095.0, Basis::Table)));
        // Exact: 132.89.
        let (points, basis) = of(Chart::IMr, "WE1,WE2,WE3,N1=3.000001", 1).expect("a promise");
        assert_eq!(basis, Basis::Simulated);
        assert!((points / 132.89 - 1.0).abs() < 0.02, "{points}");
        assert_eq!(
            rounded(points, 3).to_bits(),
            points.to_bits(),
            "no more digits than are known"
        );
        // Thirty that avoid the centre never come by chance.
        assert_eq!(of(Chart::IMr, "N8=31", 1).expect("a promise").1, Basis::AtLeast);
    }

    #[test]
    fn digits_are_those_that_are_known() {
        let told = |points: f64, digits| rounded(points, digits).to_string();
        assert_eq!(
            [told(673_512.3, 2), told(0.123_45, 3), told(99.96, 3)],
            ["670000", "0.123", "100"]
        );
        assert_eq!([50, 100, 10_000].map(digits), [1, 2, 3]);
    }
}
