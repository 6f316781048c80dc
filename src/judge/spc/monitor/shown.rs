//! The points that are shown and the limits that judged them. Limits stand once for all points from one on, so that the charts of
//! a whole plant stay small.

use serde::{Deserialize, Serialize};

use super::{Frozen, Monitor, Settings};
use crate::judge::spc::constants::as_f64;
use crate::judge::spc::design::Chart;
use crate::judge::spc::rules::Rule;
use crate::judge::spc::walk::Lines;
use crate::record::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownPoint {
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    pub value: f32,
    #[schema(value_type = Vec<String>)]
    pub rules: Vec<Rule>,
    /// Of a CUSUM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_sum: Option<f32>,
    /// Of counts: how many were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<f32>,
    /// Its moving range, or the range or standard deviation of its subgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f32>,
    /// Its number in phase I, by which it can be excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase1: Option<usize>,
}

/// Where points should lie, from one on until the next of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownLines {
    /// Counted from 1.
    pub from: usize,
    pub version: u16,
    #[serde(flatten)]
    pub lines: Lines,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Lines>,
}

impl Monitor {
    pub(super) fn shown_points(&self, settings: &Settings) -> Vec<ShownPoint> {
        let chart = settings.design.chart;
        let watched = usize::try_from(self.watched).unwrap_or(usize::MAX);
        let learnt = self.recent.len().saturating_sub(watched);
        let points = self.recent.iter().enumerate().map(|(place, recent)| {
            let (size, lower_sum) = match chart {
                chart if chart.needs_sizes() => (recent.beside, None),
                Chart::Cusum => (None, recent.beside),
                _ => (None, None),
            };
            let back = learnt.checked_sub(place).filter(|back| *back > 0);
            ShownPoint {
                at: recent.at(),
                value: recent.value,
                rules: recent.hits.rules().collect(),
                lower_sum,
                size,
                spread: recent.beside.filter(|_| size.or(lower_sum).is_none()),
                phase1: back.and_then(|back| Some(self.phase1.len().checked_sub(back)? + 1)),
            }
        });
        points.collect()
    }

    pub(super) fn shown_lines(&self, settings: &Settings) -> Vec<ShownLines> {
        let mut all: Vec<ShownLines> = Vec::new();
        for (place, recent) in self.recent.iter().enumerate() {
            let Some(frozen) = self.limits_of(recent.version) else {
                continue;
            };
            let size = match recent.beside.filter(|_| settings.design.chart.needs_sizes()) {
                Some(size) => f64::from(size),
                None => as_f64(settings.subgroup),
            };
            let lines = self.lines(settings, frozen, size, self.recent.len() - 1 - place);
            let is_new = all
                .last()
                .is_none_or(|last| (last.version, last.lines) != (frozen.version, lines));
            if is_new {
                let spread = settings.design.spread.filter(|_| settings.design.chart != Chart::Cusum);
                all.push(ShownLines {
                    from: place + 1,
                    version: frozen.version,
                    lines,
                    spread: spread.and_then(|spread| Lines::of_spread(&frozen.process, spread, size)),
                });
            }
        }
        all
    }

    fn limits_of(&self, version: u16) -> Option<&Frozen> {
        let known = self.limits.iter().chain(&self.earlier);
        known.into_iter().find(|frozen| frozen.version == version)
    }

    fn lines(&self, settings: &Settings, frozen: &Frozen, size: f64, back: usize) -> Lines {
        let design = &settings.design;
        let line = frozen.process.line(design.chart, size);
        Lines::of(design, line, self.walk.fading(design, back).unwrap_or(0.0))
    }
}
