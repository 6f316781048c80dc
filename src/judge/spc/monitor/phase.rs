//! From phase I to phase II: limits are frozen, learnt anew, or learnt without a point that had a cause.

use serde::{Deserialize, Serialize};

use super::{Baseline, Exclusion, Monitor, Settings, words};
use crate::judge::finding::Finding;
use crate::judge::spc::analysis::{around, included};
use crate::judge::spc::design::Design;
use crate::judge::spc::process::{EstimateError, Process};
use crate::judge::spc::walk::{Plotted, Walk};
use crate::language::Words;
use crate::record::Timestamp;

pub(super) const EXCLUSIONS_MAX: usize = 6;
pub(super) const REASON_BYTES_MAX: usize = 64;
pub(super) const USER_BYTES_MAX: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PhaseError {
    #[error("limits that are given are not learnt")]
    Given,
    #[error("there is no point {0} in phase I")]
    NoSuchPoint(usize),
    #[error("point {0} is excluded already")]
    Excluded(usize),
    #[error("a reason of 1 to {REASON_BYTES_MAX} bytes and a user of 1 to {USER_BYTES_MAX} are needed")]
    NoReason,
    #[error("{EXCLUSIONS_MAX} points are excluded already: learn anew from a process that is stable")]
    TooMany,
    #[error("point {0} is not excluded")]
    NotExcluded(usize),
    #[error("the limits are frozen; learn them anew, or leave a point out")]
    Frozen,
    #[error("{0}")]
    Estimate(#[from] EstimateError),
}

impl PhaseError {
    pub fn words(&self) -> Words {
        let zh = match self {
            Self::Given => "控制限由配置给定，不需学习".to_owned(),
            Self::NoSuchPoint(point) => format!("第一阶段没有第 {point} 点"),
            Self::Excluded(point) => format!("第 {point} 点已被剔除"),
            Self::NoReason => format!("请填写原因（不超过 {REASON_BYTES_MAX} 字节）"),
            Self::TooMany => format!("已剔除 {EXCLUSIONS_MAX} 个点：请待过程稳定后重新学习"),
            Self::NotExcluded(point) => format!("第 {point} 点未被剔除"),
            Self::Frozen => "控制限已冻结：请重新学习，或剔除某个点".to_owned(),
            Self::Estimate(error) => error.in_chinese(),
        };
        Words::new(self.to_string(), zh)
    }
}

impl Monitor {
    /// Freezes the limits with what was learnt so far, and looks at it with them.
    pub fn freeze(&mut self, settings: &Settings, at: Timestamp) -> Result<Vec<Finding>, PhaseError> {
        if let Baseline::Given { .. } = settings.limits {
            return Err(PhaseError::Given);
        }
        let learnt = included(&settings.design, &self.phase1, &self.excluded_places());
        let process = Process::estimate(&settings.design, &learnt)?;
        self.trouble = None;
        let limits = self.set_limits(process, at);
        let (walk, points) = self.walk_phase1(settings, &process);
        self.walk = walk;
        let unshown = self.phase1.len().saturating_sub(self.recent.len());
        let first = self.recent.len().saturating_sub(self.phase1.len());
        for shown in self.recent.iter_mut().skip(first) {
            shown.version = limits.version;
        }
        for (place, plotted) in &points {
            let shown = place
                .checked_sub(unshown)
                .and_then(|place| self.recent.get_mut(first + place));
            if let Some((shown, sample)) = shown.zip(self.phase1.get(*place)) {
                shown.judge(&settings.design, sample, plotted, limits.version);
            }
        }
        let out = places_out(&settings.design, &points);
        let mut findings = Vec::new();
        if !out.is_empty() {
            findings.push(words::of_phase1(settings, &limits, &out, at));
        }
        if let Some((_, last)) = points.last() {
            findings.extend(self.tell(settings, at, &limits, last));
        }
        Ok(findings)
    }

    /// The points of phase I under limits, with their places.
    pub(super) fn walk_phase1(&self, settings: &Settings, process: &Process) -> (Walk, Vec<(usize, Plotted)>) {
        let mut walk = Walk::new(&settings.design);
        let excluded = self.excluded_places();
        let samples = around(&settings.design, &self.phase1, &excluded)
            .into_iter()
            .enumerate();
        let included = samples.filter(|(place, _)| !excluded.contains(place));
        let points = included.map(|(place, sample)| (place, walk.step(&settings.design, process, &sample)));
        let points = points.collect();
        (walk, points)
    }

    /// Learns its limits anew. What was firing ends with the next point: there is nothing left that it could hold against.
    pub fn relearn(&mut self, settings: &Settings) {
        let Self {
            last_at,
            late,
            bad,
            off_spec,
            limits_version,
            firing,
            is_off_spec,
            ..
        } = *self;
        *self = Self {
            last_at,
            late,
            bad,
            off_spec,
            limits_version,
            firing,
            is_off_spec,
            ..Self::new(settings)
        };
    }

    /// Takes a point of phase I out of what was learnt, with its reason and who says so. Frozen limits change from the next
    /// point on, under a new version; what was told stays as it was told.
    pub fn exclude(
        &mut self,
        settings: &Settings,
        point: usize,
        reason: &str,
        user: &str,
        at: Timestamp,
    ) -> Result<(), PhaseError> {
        if let Baseline::Given { .. } = settings.limits {
            return Err(PhaseError::Given);
        }
        if !(1..=self.phase1.len()).contains(&point) {
            return Err(PhaseError::NoSuchPoint(point));
        }
        if self.excluded.iter().any(|known| known.point == point) {
            return Err(PhaseError::Excluded(point));
        }
        let reason = reason.trim();
        let is_said = (1..=REASON_BYTES_MAX).contains(&reason.len()) && (1..=USER_BYTES_MAX).contains(&user.len());
        if !is_said {
            return Err(PhaseError::NoReason);
        }
        if self.excluded.len() == EXCLUSIONS_MAX {
            return Err(PhaseError::TooMany);
        }
        let places = [self.excluded_places(), vec![point - 1]].concat();
        if self.limits.is_some() {
            let learnt = included(&settings.design, &self.phase1, &places);
            let process = Process::estimate(&settings.design, &learnt)?;
            self.set_limits(process, at);
        }
        self.excluded.push(Exclusion {
            point,
            reason: reason.to_owned(),
            user: user.to_owned(),
        });
        Ok(())
    }

    /// Learning goes on with what comes: the oldest point makes room, and what was said of the others stays with them.
    pub(super) fn forget_first(&mut self) {
        self.phase1.remove(0);
        self.excluded.retain_mut(|exclusion| {
            exclusion.point -= 1;
            exclusion.point > 0
        });
    }

    pub(super) fn excluded_places(&self) -> Vec<usize> {
        self.excluded.iter().map(|exclusion| exclusion.point - 1).collect()
    }
}

/// Points that speak against the process, counted from 1.
pub(super) fn places_out(design: &Design, points: &[(usize, Plotted)]) -> Vec<usize> {
    let out = points
        .iter()
        .filter(|(_, plotted)| !design.alarms(plotted.hits).is_empty());
    out.map(|(place, _)| place + 1).collect()
}
