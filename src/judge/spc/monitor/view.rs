//! A chart as it is shown: limits, points, what fires, what it is worth.

use serde::Serialize;

use super::phase::places_out;
use super::{Baseline, Exclusion, Monitor, Settings};
use crate::judge::spc::analysis::{capability, included};
use crate::judge::spc::arl::FalseAlarms;
use crate::judge::spc::capability::{Capability, Spec};
use crate::judge::spc::constants::as_f64;
use crate::judge::spc::design::Chart;
use crate::judge::spc::notes;
use crate::judge::spc::rules::Rule;
use crate::language::Words;
use crate::record::Timestamp;

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = Chart)]
pub struct View {
    pub name: String,
    pub chart: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    pub subgroup: usize,
    pub rules: String,
    pub phase: Phase,
    pub limits: Option<ShownLimits>,
    pub points: Vec<ShownPoint>,
    /// What holds right now.
    #[schema(value_type = Vec<String>)]
    pub firing: Vec<Rule>,
    pub is_off_spec: bool,
    pub spec: Option<Spec>,
    /// Of phase I, which the limits are from.
    pub capability: Option<Capability>,
    pub arl0: Option<FalseAlarms>,
    pub excluded: Vec<Exclusion>,
    pub notes: Vec<Words>,
    pub late: u64,
    pub bad: u64,
    pub off_spec: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Phase {
    Learning {
        learnt: usize,
        wanted: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        trouble: Option<String>,
    },
    Watching,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ShownLimits {
    pub version: u32,
    #[schema(value_type = String, format = DateTime)]
    pub frozen_at: Timestamp,
    pub is_given: bool,
    pub center: f64,
    pub sigma: f64,
    /// For a subgroup of the usual size; of counts with varying sizes each point has its own.
    pub lcl: Option<f64>,
    pub ucl: Option<f64>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ShownPoint {
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    pub value: f32,
    #[schema(value_type = Vec<String>)]
    pub rules: Vec<Rule>,
}

impl Monitor {
    pub fn view(&self, settings: &Settings) -> View {
        let design = &settings.design;
        let learnt = included(design, &self.phase1, &self.excluded_places());
        let is_learnt = matches!(settings.limits, Baseline::Learn(_));
        let process = self.limits.filter(|_| is_learnt).map(|limits| limits.process);
        let shown_points = self.recent.iter().map(|recent| ShownPoint {
            at: recent.at(),
            value: recent.value,
            rules: recent.hits.rules().collect(),
        });
        let phase = match (self.limits, settings.limits) {
            (None, Baseline::Learn(wanted)) => Phase::Learning {
                learnt: self.phase1.len(),
                wanted,
                trouble: self.trouble.clone(),
            },
            _ => Phase::Watching,
        };
        let is_measured = !design.chart.counts() && !design.chart.is_short_run();
        let spec = settings.spec.filter(|_| is_measured);
        View {
            name: settings.name.clone(),
            chart: design.chart.name(),
            unit: settings.unit.clone(),
            subgroup: settings.subgroup,
            rules: design.rules.to_string(),
            phase,
            limits: self.shown_limits(settings),
            points: shown_points.collect(),
            firing: self.firing.rules().collect(),
            is_off_spec: self.is_off_spec,
            spec: settings.spec,
            capability: spec.zip(process).and_then(|(spec, process)| {
                capability(
                    &spec,
                    &process,
                    &learnt,
                    !places_out(&self.walk_phase1(settings, &process).1).is_empty(),
                )
            }),
            arl0: settings.false_alarms,
            excluded: self.excluded.clone(),
            notes: process
                .map(|process| notes::of_phase1(design, &process, &learnt))
                .unwrap_or_default(),
            late: self.late,
            bad: self.bad,
            off_spec: self.off_spec,
        }
    }

    fn shown_limits(&self, settings: &Settings) -> Option<ShownLimits> {
        let limits = self.limits?;
        let design = &settings.design;
        let size = as_f64(settings.subgroup);
        let line = limits.process.line(design.chart, size);
        let reach = match design.chart {
            chart if chart.needs_sizes() => None,
            Chart::Cusum => Some((-design.cusum.h, design.cusum.h)),
            Chart::Ewma => {
                let lambda = design.ewma.lambda;
                let width = design.ewma.width * (lambda / (2.0 - lambda)).sqrt();
                Some((line.lower(width), line.upper(width)))
            }
            _ => Some((line.lower(design.rules.width()), line.upper(design.rules.width()))),
        };
        Some(ShownLimits {
            version: limits.version,
            frozen_at: limits.at,
            is_given: matches!(settings.limits, Baseline::Given { .. }),
            center: limits.process.center,
            sigma: limits.process.sigma,
            lcl: reach.map(|reach| reach.0),
            ucl: reach.map(|reach| reach.1),
        })
    }
}
