//! A chart as it is shown: limits, points, what fires, what it is worth.

use serde::{Deserialize, Serialize};

use super::phase::{PhaseError, places_out};
use super::shown::{ShownLines, ShownPoint};
use super::{Baseline, Exclusion, Monitor, Settings};
use crate::judge::spc::analysis::{capability, included};
use crate::judge::spc::arl::FalseAlarms;
use crate::judge::spc::capability::{Capability, Spec};
use crate::judge::spc::constants::as_f64;
use crate::judge::spc::design::{Chart, Spread};
use crate::judge::spc::notes;
use crate::judge::spc::rules::Rule;
use crate::judge::spc::walk::Lines;
use crate::language::Words;
use crate::record::Timestamp;

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Chart)]
pub struct View {
    pub name: String,
    #[schema(value_type = String)]
    pub chart: Chart,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    pub subgroup: usize,
    pub rules: String,
    pub phase: Phase,
    /// How many points the limits are from, without those left out; while they are learnt, how many they will be from. None
    /// where limits are given.
    pub learnt_from: Option<usize>,
    pub limits: Option<ShownLimits>,
    pub points: Vec<ShownPoint>,
    pub lines: Vec<ShownLines>,
    /// What the `spread` of points is.
    #[schema(value_type = Option<String>)]
    pub spread: Option<Spread>,
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Phase {
    Learning {
        learnt: usize,
        wanted: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        trouble: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        trouble_words: Option<Words>,
    },
    Watching,
}

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownLimits {
    pub version: u16,
    #[schema(value_type = String, format = DateTime)]
    pub frozen_at: Timestamp,
    pub is_given: bool,
    pub center: f64,
    pub sigma: f64,
    /// For a subgroup of the usual size; of counts with varying sizes each point has its own.
    pub lcl: Option<f64>,
    pub ucl: Option<f64>,
}

impl Monitor {
    pub fn view(&self, settings: &Settings) -> View {
        let design = &settings.design;
        let learnt = included(design, &self.phase1, &self.excluded_places());
        let is_learnt = matches!(settings.limits, Baseline::Learn(_));
        let process = self.limits.filter(|_| is_learnt).map(|limits| limits.process);
        let phase = match (self.limits, settings.limits) {
            (None, Baseline::Learn(wanted)) => Phase::Learning {
                learnt: self.phase1.len(),
                wanted,
                trouble: self.trouble.as_ref().map(ToString::to_string),
                trouble_words: self.trouble.as_ref().map(PhaseError::words),
            },
            _ => Phase::Watching,
        };
        let is_measured = !design.chart.counts() && !design.chart.is_short_run();
        let spec = settings.spec.filter(|_| is_measured);
        View {
            name: settings.name.clone(),
            chart: design.chart,
            unit: settings.unit.clone(),
            subgroup: settings.subgroup,
            rules: design.rules.to_string(),
            phase,
            learnt_from: match settings.limits {
                Baseline::Learn(_) if self.limits.is_some() => {
                    Some(self.phase1.len().saturating_sub(self.excluded.len()))
                }
                Baseline::Learn(points) => Some(points),
                Baseline::Given { .. } => None,
            },
            limits: self.shown_limits(settings),
            points: self.shown_points(settings),
            lines: self.shown_lines(settings),
            spread: design.spread.filter(|_| design.chart != Chart::Cusum),
            firing: self.firing.rules().collect(),
            is_off_spec: self.is_off_spec,
            spec: settings.spec,
            capability: spec.zip(process).and_then(|(spec, process)| {
                capability(
                    &spec,
                    &process,
                    &learnt,
                    !places_out(design, &self.walk_phase1(settings, &process).1).is_empty(),
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
        let lines = (!design.chart.needs_sizes()).then(|| Lines::of(design, line, 0.0));
        Some(ShownLimits {
            version: limits.version,
            frozen_at: limits.at,
            is_given: matches!(settings.limits, Baseline::Given { .. }),
            center: limits.process.center,
            sigma: limits.process.sigma,
            lcl: lines.map(|lines| lines.lcl),
            ucl: lines.map(|lines| lines.ucl),
        })
    }
}
