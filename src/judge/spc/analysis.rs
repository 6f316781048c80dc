//! A series of subgroups looked at as a whole: limits from phase I, every point judged, what the process can do.
//!
//! Points are counted from 0 here and told from 1. Points that were excluded keep their place on the chart; they are not learnt
//! from, and the rules pass over them.

use super::arl::{FalseAlarms, false_alarms};
use super::capability::{Capability, Measured, SUBGROUPS_MIN, Spec};
use super::design::{Chart, Design, Spread};
use super::notes;
use super::process::{EstimateError, Process, Sample};
use super::rules::{Hits, Rule};
use super::walk::{Plotted, Walk};
use crate::language::Words;

#[derive(Debug, Clone, Default, PartialEq)]
pub enum Limits {
    /// From phase I.
    #[default]
    Estimate,
    Given {
        center: f64,
        sigma: f64,
    },
}

#[derive(Debug, Clone)]
pub struct Options {
    pub design: Design,
    pub limits: Limits,
    /// How many points belong to phase I; all, unless it is said.
    pub phase1: Option<usize>,
    pub excluded: Vec<usize>,
    pub spec: Option<Spec>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The point that completes the pattern.
    pub index: usize,
    pub rule: Rule,
    /// All points of the pattern.
    pub points: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct Analysis {
    pub options: Options,
    pub process: Process,
    pub samples: Vec<Sample>,
    pub points: Vec<Plotted>,
    pub violations: Vec<Violation>,
    /// How many points the limits were learnt from or tried on, with those that were excluded.
    pub phase1: usize,
    /// Those of them that speak against a stable process, counted from 1.
    pub out_of_control: Vec<usize>,
    pub capability: Option<Capability>,
    pub notes: Vec<Words>,
}

impl Analysis {
    pub fn of(samples: Vec<Sample>, options: Options) -> Result<Self, EstimateError> {
        let Options { design, excluded, .. } = &options;
        let phase1 = options.phase1.unwrap_or(samples.len()).min(samples.len());
        let learnt = included(design, samples.get(..phase1).unwrap_or_default(), excluded);
        let process = match options.limits {
            Limits::Estimate => Process::estimate(design, &learnt)?,
            Limits::Given { center, sigma } => Process::given(design.chart, center, sigma),
        };
        let (points, violations) = judge(design, &process, &around(design, &samples, excluded), excluded);
        let mut notes = notes::of_phase1(design, &process, &learnt);
        let judged = points.iter().take(phase1).enumerate();
        let out: Vec<usize> = judged
            .filter(|(_, point)| !design.alarms(point.hits).is_empty())
            .map(|(index, _)| index + 1)
            .collect();
        if !out.is_empty() && options.limits == Limits::Estimate {
            notes.push(notes::out_of_control(&out));
        }
        let capability = options
            .spec
            .filter(|_| !design.chart.counts() && !design.chart.is_short_run())
            .and_then(|spec| capability(&spec, &process, &learnt, !out.is_empty()));
        Ok(Self {
            options,
            process,
            samples,
            points,
            violations,
            phase1,
            out_of_control: out,
            capability,
            notes,
        })
    }

    /// What the design promises; where sizes differ, for the largest of them.
    pub fn false_alarms(&self) -> Option<FalseAlarms> {
        let largest = self.samples.iter().map(Sample::count).max().unwrap_or(1);
        false_alarms(&self.options.design, largest)
    }

    /// Of the location, or of ranges and standard deviations.
    pub fn violations_of(&self, is_spread: bool) -> impl Iterator<Item = &Violation> {
        let of_kind = move |violation: &&Violation| (violation.rule == Rule::Spread) == is_spread;
        self.violations.iter().filter(of_kind)
    }
}

/// What is learnt from: points that are not excluded.
pub fn included(design: &Design, samples: &[Sample], excluded: &[usize]) -> Vec<Sample> {
    let samples = around(design, samples, excluded).into_iter().enumerate();
    let included = samples.filter(|(index, _)| !excluded.contains(index));
    included.map(|(_, sample)| sample).collect()
}

/// Points with the moving ranges that are left: none is taken to or from an excluded value, as none is across a missing one.
pub fn around(design: &Design, samples: &[Sample], excluded: &[usize]) -> Vec<Sample> {
    let mut samples = samples.to_vec();
    if design.spread == Some(Spread::MovingRange) {
        for index in excluded {
            for beside in [*index, index + 1] {
                samples
                    .get_mut(beside)
                    .into_iter()
                    .for_each(|sample| sample.range = None);
            }
        }
    }
    samples
}

fn judge(design: &Design, process: &Process, samples: &[Sample], excluded: &[usize]) -> (Vec<Plotted>, Vec<Violation>) {
    let mut walk = Walk::new(design);
    let mut points = Vec::with_capacity(samples.len());
    let mut violations = Vec::new();
    // The places of what the rules saw.
    let mut seen = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        if excluded.contains(&index) {
            let mut plotted = walk.clone().step(design, process, sample);
            plotted.hits = Hits::default();
            points.push(plotted);
            continue;
        }
        let plotted = walk.step(design, process, sample);
        seen.push(index);
        for rule in plotted.hits.rules() {
            let back = walk.pattern(design, rule);
            let points = back.iter().filter_map(|back| seen.iter().rev().nth(*back).copied());
            violations.push(Violation {
                index,
                rule,
                points: points.collect(),
            });
        }
        points.push(plotted);
    }
    (points, violations)
}

/// From what was learnt, which is why it is only as good as that.
pub fn capability(spec: &Spec, process: &Process, learnt: &[Sample], is_out_of_control: bool) -> Option<Capability> {
    let (n, sigma_overall) = overall(learnt)?;
    let measured = Measured {
        n,
        center: process.center,
        sigma_within: process.sigma,
        sigma_overall,
    };
    let mut capability = Capability::of(spec, &measured);
    if is_out_of_control {
        capability
            .flags
            .push("phase I is out of control: these indices describe no stable process".to_owned());
    }
    if learnt.len() < SUBGROUPS_MIN {
        let few = format!(
            "{} subgroups are fewer than {SUBGROUPS_MIN}: mind the intervals",
            learnt.len()
        );
        capability.flags.push(few);
    }
    Some(capability)
}

/// The number of values and their standard deviation, put together from those of the subgroups.
fn overall(samples: &[Sample]) -> Option<(f64, f64)> {
    let n: f64 = samples.iter().map(|sample| sample.size).sum();
    let mean = samples.iter().map(|sample| sample.value * sample.size).sum::<f64>() / n;
    let squares = samples.iter().map(|sample| {
        let within = sample.deviation.unwrap_or(0.0).powi(2) * (sample.size - 1.0);
        within + sample.size * (sample.value - mean).powi(2)
    });
    let sigma = (squares.sum::<f64>() / (n - 1.0)).sqrt();
    (n > 1.0 && sigma > 0.0).then_some((n, sigma))
}

/// Single values one after another, `None` where one is missing.
pub fn singles(values: impl IntoIterator<Item = Option<f64>>) -> Vec<Sample> {
    let mut before = None;
    let mut samples = Vec::new();
    for value in values {
        samples.extend(value.map(|value| Sample::single(value, before)));
        before = value;
    }
    samples
}

/// Counts of defects with the number of units that were looked at.
pub fn counts(chart: Chart, rows: impl IntoIterator<Item = (f64, f64)>) -> Vec<Sample> {
    let sample = |(defects, size)| Sample::counted(chart, defects, size);
    rows.into_iter().map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::spc::capability::Index;

    fn near(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() < tolerance
    }

    /// The flow rates of NIST's handbook, 6.3.2.2. Its limits are 45.8159 and 55.8041, with d2 rounded to 1.128.
    #[test]
    fn single_values_have_the_limits_of_the_handbook() {
        let values = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1];
        let options = Options {
            design: Design::new(Chart::IMr, 1),
            limits: Limits::Estimate,
            phase1: None,
            excluded: Vec::new(),
            spec: None,
        };
        let analysis = Analysis::of(singles(values.map(Some)), options).expect("limits");
        let point = analysis.points.last().expect("points");
        assert!(
            near(point.lcl, 45.8159, 0.002) && near(point.ucl, 55.8041, 0.002),
            "{point:?}"
        );
        let spread = point.spread.expect("a moving range");
        assert!(
            near(spread.center, 1.8778, 5e-5) && near(spread.ucl, 6.1338, 5e-5),
            "{spread:?}"
        );
        assert_eq!(analysis.violations, []);
    }

    /// One step that is too large, between two values that both lie well within their limits.
    #[test]
    fn a_moving_range_condemns_no_process() {
        let mut values: Vec<f64> = (0..30).map(|nth| [0.0, 0.6, -0.5, 0.4, -0.7, 0.2][nth % 6]).collect();
        (values[12], values[13]) = (1.8, -1.8);
        let options = Options {
            design: Design::new(Chart::IMr, 1),
            limits: Limits::Estimate,
            phase1: None,
            excluded: Vec::new(),
            spec: Some(Spec {
                lower: Some(-5.0),
                upper: Some(5.0),
                target: None,
            }),
        };
        let analysis = Analysis::of(singles(values.into_iter().map(Some)), options).expect("limits");
        let rules: Vec<(usize, Rule)> = analysis.violations.iter().map(|v| (v.index, v.rule)).collect();
        assert_eq!(rules, [(13, Rule::Spread)], "it is listed");
        assert_eq!(analysis.out_of_control, [] as [usize; 0]);
        assert_eq!(analysis.capability.expect("indices").flags, [] as [&str; 0]);
        assert!(!analysis.notes.iter().any(|note| note.en.contains("out of control")));
    }

    /// Piston rings of Montgomery, as R's qcc has them with exact constants: 25 subgroups of 5.
    #[test]
    fn capability_has_the_indices_and_intervals_of_qcc() {
        let spec = Spec {
            lower: Some(73.95),
            upper: Some(74.05),
            target: Some(74.02),
        };
        let measured = Measured {
            n: 125.0,
            center: 74.001_176,
            sigma_within: 0.009_785_337_607_413_18,
            sigma_overall: 0.010_069_968_126_291_4,
        };
        let capability = Capability::of(&spec, &measured);
        let check = |index: Option<Index>, value: f64, low: f64, high: f64| {
            let index = index.expect("an index");
            let is_met = near(index.value, value, 1e-9) && near(index.low, low, 1e-9) && near(index.high, high, 1e-9);
            assert!(is_met, "{index:?} instead of {value}, {low} to {high}");
        };
        check(
            capability.cp,
            1.703_228_578_852_44,
            1.491_365_331_537_73,
            1.914_767_885_101_15,
        );
        check(
            capability.cpk,
            1.663_168_642_678_28,
            1.448_084_239_799_66,
            1.878_253_045_556_9,
        );
        check(
            capability.cpm,
            0.785_590_576_953_818,
            0.655_588_204_013_531,
            0.915_352_867_696_326,
        );
        check(
            capability.ppk,
            1.616_158_707_015_07,
            1.406_698_961_475_19,
            1.825_618_452_554_96,
        );
        check(
            capability.cpm_overall,
            0.780_704_582_982_378,
            0.651_862_589_546_282,
            0.909_308_982_383_425,
        );
        let upper_only = Capability::of(
            &Spec {
                upper: Some(74.05),
                ..Spec::default()
            },
            &measured,
        );
        assert_eq!((upper_only.cp, upper_only.cpl, upper_only.cpm), (None, None, None));
        assert_eq!(
            upper_only.cpk.map(|index| index.value),
            capability.cpu.map(|index| index.value)
        );
    }
}
