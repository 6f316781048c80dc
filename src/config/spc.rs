//! `[spc.NAME]`: a characteristic on its control chart, as written and as judgement takes it.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::plan::Check;
use super::points::Points;
use super::sections::Config;
use crate::judge::finding::Subject;
use crate::judge::spc::arl::{FalseAlarms, false_alarms};
use crate::judge::spc::design::{Cusum, Ewma};
use crate::judge::spc::monitor::{Baseline, Characteristic, Nominal, Sampling, Settings, Watched};
use crate::judge::spc::{Chart, Design, Estimator, Process, RuleSet, Spec};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spc {
    from: From,
    chart: Chart,
    #[serde(default = "one")]
    subgroup: usize,
    sample: Option<SampleWritten>,
    unit: Option<String>,
    #[serde(default)]
    limits: LimitsWritten,
    rules: Option<RulesWritten>,
    sigma: Option<Estimator>,
    spec: Option<Spec>,
    ewma: Option<Ewma>,
    cusum: Option<Cusum>,
    #[serde(default)]
    products: BTreeMap<String, Nominal>,
}

fn one() -> usize {
    1
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
struct From(Characteristic);

impl TryFrom<String> for From {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let named = |rest: &str| (!rest.trim().is_empty()).then(|| rest.trim().to_owned());
        let from = match text.split_once(':') {
            Some(("inspection", rest)) => named(rest).map(|name| Characteristic::Inspection { name }),
            Some(("reports", rest)) => named(rest).map(|order| Characteristic::Reports {
                order_no: (order != "*").then_some(order),
            }),
            _ => text.rsplit_once('.').and_then(|(equipment, point)| {
                Some(Characteristic::Point {
                    equipment: named(equipment)?,
                    point: named(point)?,
                })
            }),
        };
        from.map(Self).ok_or_else(|| {
            format!(
                "`{text}` has no values; write \"EQUIPMENT.point\", \"inspection:CHARACTERISTIC\" or \"reports:ORDER\""
            )
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum SampleWritten {
    Every(u32),
    Named(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsWritten {
    estimate: Option<usize>,
    center: Option<f64>,
    sigma: Option<f64>,
    n: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RulesWritten {
    Named(String),
    Listed(Vec<RuleWritten>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RuleWritten {
    /// One of Nelson's.
    Number(u8),
    Named(String),
}

impl RulesWritten {
    fn read(&self) -> Result<RuleSet, String> {
        match self {
            Self::Named(text) => text.parse(),
            Self::Listed(list) => {
                let names = list.iter().map(|rule| match rule {
                    RuleWritten::Number(number) => format!("N{number}"),
                    RuleWritten::Named(name) => name.clone(),
                });
                names.collect::<Vec<_>>().join(",").parse()
            }
        }
    }
}

pub(super) fn lower_spc(config: &Config, points: &Points, check: &mut Check) -> Vec<Watched> {
    // Many charts have the same rules, and what is simulated takes its time.
    let mut alarms: HashMap<String, Option<FalseAlarms>> = HashMap::new();
    let mut watched = Vec::with_capacity(config.spc.len());
    for (name, written) in &config.spc {
        let path = |key: &'static str| ["spc", name.as_str(), key];
        let from = &written.from.0;
        check_from(points, name, written, check);
        let mut settings = Settings::new(name, written.chart, written.subgroup);
        settings.subject = subject(from);
        settings.unit.clone_from(&written.unit);
        settings.spec = written.spec;
        settings.products.clone_from(&written.products);
        settings.design = design(name, written, check);
        match written.limits.read(written) {
            Ok(limits) => settings.limits = limits,
            Err(problem) => {
                check.find(&path("limits"), problem);
                continue;
            }
        }
        match sampling(written.sample.as_ref()) {
            Some(sampling) => settings.sampling = sampling,
            None => check.find(&path("sample"), "write \"every\", \"part\", or n for one value of n"),
        }
        if let Some(problem) = settings.problem() {
            check.find(&["spc", name], problem);
            continue;
        }
        let Design {
            chart,
            rules,
            ewma,
            cusum,
            ..
        } = &settings.design;
        let key = match chart {
            Chart::Ewma => format!("{rules} {ewma:?}"),
            Chart::Cusum => format!("{rules} {cusum:?}"),
            _ => rules.to_string(),
        };
        let key = format!("{key} {:?} {}", settings.design.spread, settings.subgroup);
        let promise = || false_alarms(&settings.design, settings.subgroup);
        settings.false_alarms = *alarms.entry(key).or_insert_with(promise);
        watched.push(Watched {
            from: from.clone(),
            settings,
        });
    }
    watched
}

impl LimitsWritten {
    fn read(&self, written: &Spc) -> Result<Baseline, String> {
        match (self.estimate, self.center, self.sigma) {
            (Some(points), None, None) if self.n.is_none() => Ok(Baseline::Learn(points)),
            (None, None, None) if self.n.is_none() => Ok(Baseline::Learn(USUAL_PHASE1)),
            (None, Some(center), sigma) => {
                if self.n.is_some_and(|n| n != written.subgroup && !written.chart.counts()) {
                    return Err(format!(
                        "n is the size of the subgroups, which is {} here",
                        written.subgroup
                    ));
                }
                if let Some(problem) = Process::problem(written.chart, center, sigma) {
                    return Err(problem.to_owned());
                }
                Ok(Baseline::Given {
                    center,
                    sigma: sigma.unwrap_or(0.0),
                })
            }
            _ => Err("write { estimate = 25 }, or { center = 12.0, sigma = 0.4 }".to_owned()),
        }
    }
}

const USUAL_PHASE1: usize = 25;

fn sampling(sample: Option<&SampleWritten>) -> Option<Sampling> {
    match sample {
        None => Some(Sampling::Every(1)),
        Some(SampleWritten::Every(nth)) => (*nth > 0).then_some(Sampling::Every(*nth)),
        Some(SampleWritten::Named(text)) => match text.as_str() {
            "every" => Some(Sampling::Every(1)),
            "part" => Some(Sampling::Part),
            _ => None,
        },
    }
}

fn design(name: &str, written: &Spc, check: &mut Check) -> Design {
    let mut design = Design::new(written.chart, written.subgroup);
    design.estimator = written.sigma.unwrap_or(design.estimator);
    design.ewma = written.ewma.unwrap_or(design.ewma);
    design.cusum = written.cusum.unwrap_or(design.cusum);
    match written.rules.as_ref().map(RulesWritten::read) {
        Some(Ok(rules)) => design.rules = rules,
        Some(Err(problem)) => check.find(&["spc", name, "rules"], problem),
        None => {}
    }
    design
}

fn subject(from: &Characteristic) -> Subject {
    match from {
        Characteristic::Point { equipment, point } => Subject {
            equipment: Some(equipment.clone()),
            point: Some(point.clone()),
            ..Subject::default()
        },
        Characteristic::Inspection { name } => Subject {
            point: Some(name.clone()),
            ..Subject::default()
        },
        Characteristic::Reports { order_no } => Subject {
            order_no: order_no.clone(),
            ..Subject::default()
        },
    }
}

fn check_from(points: &Points, name: &str, written: &Spc, check: &mut Check) {
    let path = ["spc", name, "from"];
    let chart = written.chart.name();
    match &written.from.0 {
        Characteristic::Point { equipment, point } => {
            // After other mistakes it may be told by what was left out for them.
            if check.tree.removed.is_empty()
                && let Some(problem) = points.problem_if_heard(equipment, point)
            {
                check.find(&path, problem);
            }
            if written.chart.counts() {
                check.find(
                    &path,
                    format!("{chart} counts defects; write from = \"reports:*\", or a chart of values"),
                );
            }
        }
        Characteristic::Reports { .. } if !written.chart.counts() => {
            check.find(
                &path,
                format!("reports have defects among pieces; {chart} charts values: write chart = \"p\""),
            );
        }
        Characteristic::Inspection { .. } | Characteristic::Reports { .. } => {}
    }
}
