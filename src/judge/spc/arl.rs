//! How often a chart cries wolf: the mean number of points up to a signal from a process in which nothing happens (ARL0). Every
//! further rule makes it smaller, which is why it is shown beside the choice.
//!
//! For independent normal values and known limits. Usual choices stand in a table, exact from Markov chains where no other
//! note says so; any other is simulated through the code that judges the points, always with the same random numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::constants::as_f64;
use super::design::{Chart, Cusum, Design, Ewma};
use super::process::{Process, Sample};
use super::rules::Rule;
use super::walk::Walk;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FalseAlarms {
    /// One in so many points.
    pub points: f64,
    pub basis: Basis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// From a table that was computed exactly, or by a simulation long enough for its digits.
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

/// Points that a simulation may take: some tenths of a second, and 1.5 % of what a usual chart has.
const POINTS_MAX: u64 = 2_000_000;
const SEED: u64 = 370;

/// What a design promises; nothing where nothing is switched on.
pub fn false_alarms(design: &Design) -> Option<FalseAlarms> {
    let design = location_only(design);
    if design.rules.is_empty() && !matches!(design.chart, Chart::Ewma | Chart::Cusum) {
        return None;
    }
    if let Some(points) = tabled(&design) {
        return Some(FalseAlarms {
            points,
            basis: Basis::Table,
        });
    }
    let simulation = simulate(&design, 0.0, u64::MAX, POINTS_MAX, SEED);
    let (points, basis) = match simulation.mean {
        Some(mean) => (mean, Basis::Simulated),
        None => (
            as_f64(usize::try_from(POINTS_MAX).unwrap_or(usize::MAX)),
            Basis::AtLeast,
        ),
    };
    Some(FalseAlarms { points, basis })
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
    let design = location_only(design);
    let process = Process::given(design.chart, 0.0, 1.0);
    let mut normal = Normal::new(seed);
    let (mut runs, mut points) = (0, 0);
    let mut walk = Walk::after_quiet(&design);
    while runs < runs_max && points < points_max {
        points += 1;
        let sample = Sample::single(normal.next() + shift, None);
        if !walk.step(&design, &process, &sample).hits.is_empty() {
            runs += 1;
            walk = Walk::after_quiet(&design);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "points are far below 2^52")]
    let mean = (runs > 0).then(|| points as f64 / runs as f64);
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

    #[test]
    fn the_same_rules_under_other_names_promise_the_same() {
        let of = |rules: &str| false_alarms(&design(Chart::IMr, rules)).map(|alarms| (alarms.points, alarms.basis));
        assert_eq!(of("nelson"), Some((73.51, Basis::Table)));
        assert_eq!(of("western-electric"), Some((91.75, Basis::Table)));
        assert_eq!(of("WE1,WE2,N1"), Some((225.44, Basis::Table)));
        assert_eq!(of("N1,N2"), Some((216.70, Basis::Table)));
        assert_eq!(of("none"), None);
        assert_eq!(RuleSet::default().to_string(), "N1,N2");
    }

    #[test]
    fn what_is_in_no_table_is_simulated_through_the_code_that_judges() {
        // A fixed number of sigma has a closed form: 1 / (2 Q(2.5)) = 80.5.
        let alarms = false_alarms(&design(Chart::XbarR, "N1=2.5")).expect("a promise");
        assert_eq!(alarms.basis, Basis::Simulated);
        assert!((alarms.points / 80.52 - 1.0).abs() < 0.02, "{alarms:?}");
        // Twice as many points on one side never come by chance.
        let alarms = false_alarms(&design(Chart::IMr, "N2=31")).expect("a promise");
        assert_eq!(alarms.basis, Basis::AtLeast);
    }
}
