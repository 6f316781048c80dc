//! What one characteristic is charted by, for as long as the process runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LEARN_MAX, SUBGROUP_MAX};
use crate::judge::finding::Subject;
use crate::judge::spc::arl::{FalseAlarms, false_alarms};
use crate::judge::spc::capability::Spec;
use crate::judge::spc::design::{Chart, Design};

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub name: String,
    /// Whose characteristic it is: equipment and point, where it is one of a machine.
    pub subject: Subject,
    pub unit: Option<String>,
    pub design: Design,
    /// Values in a subgroup; 1 for single values and for counts.
    pub subgroup: usize,
    pub sampling: Sampling,
    pub limits: Baseline,
    pub spec: Option<Spec>,
    /// What each product should have, for short runs.
    pub products: BTreeMap<String, Nominal>,
    /// What the design promises, computed once.
    pub false_alarms: Option<FalseAlarms>,
}

/// Where the values of a characteristic come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Characteristic {
    Point {
        equipment: String,
        point: String,
    },
    /// Measured at inspections.
    Inspection {
        name: String,
    },
    /// Defects among the pieces of work reports, of one order or of all.
    Reports {
        order_no: Option<String>,
    },
}

/// A characteristic with its chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    pub from: Characteristic,
    pub settings: Settings,
}

/// Which of the values are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// One of so many.
    Every(u32),
    /// The last one before a part was counted.
    Part,
}

/// Where limits come from. They are never typed as bare lines, whose width nobody could check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Baseline {
    /// From so many points, then frozen.
    Learn(usize),
    Given {
        center: f64,
        /// Of Laney's charts sigma z; of other counts it follows from the center.
        sigma: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nominal {
    pub center: f64,
    pub sigma: Option<f64>,
}

impl Settings {
    /// With what is usual for a chart: limits from 25 points.
    pub fn new(name: &str, chart: Chart, subgroup: usize) -> Self {
        let design = Design::new(chart, subgroup);
        Self {
            name: name.to_owned(),
            subject: Subject::default(),
            unit: None,
            false_alarms: None,
            design,
            subgroup,
            sampling: Sampling::Every(1),
            limits: Baseline::Learn(25),
            spec: None,
            products: BTreeMap::new(),
        }
    }

    /// With its false alarms, which may take a moment of simulation.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.false_alarms = false_alarms(&self.design, self.subgroup);
        self
    }

    /// What does not go together.
    pub fn problem(&self) -> Option<String> {
        let chart = self.design.chart;
        if self.subgroup > 1 && !chart.takes_subgroups() {
            return Some(format!(
                "{} plots single values or counts; leave subgroup out",
                chart.name()
            ));
        }
        if self.subgroup > SUBGROUP_MAX {
            let n = self.subgroup;
            return Some(format!(
                "a subgroup has at most {SUBGROUP_MAX} values; {n} are too many"
            ));
        }
        if let Baseline::Learn(points) = self.limits
            && !(2..=LEARN_MAX).contains(&points)
        {
            return Some(format!(
                "limits are learnt from 2 to {LEARN_MAX} points, usually 25; {points} is not"
            ));
        }
        if chart.is_short_run() && self.products.is_empty() {
            return Some("a short run needs products with what each should have".to_owned());
        }
        let lacks_sigma = |nominal: &Nominal| nominal.sigma.is_none_or(|sigma| sigma.is_nan() || sigma <= 0.0);
        if !chart.is_short_run() && !self.products.is_empty() {
            return Some(format!("products belong to short runs, which {} is not", chart.name()));
        }
        if chart == Chart::ShortRunZ && self.products.values().any(lacks_sigma) {
            return Some("short-run-z needs a sigma above 0 for each product".to_owned());
        }
        let spec = self.spec.and_then(|spec| spec.problem()).map(str::to_owned);
        spec.or_else(|| self.design.problem(self.subgroup))
    }

    /// How far a value is from what its product should have.
    pub(super) fn deviation(&self, product: &str, value: f64) -> Option<f64> {
        let nominal = self.products.get(product)?;
        let is_scaled = self.design.chart == Chart::ShortRunZ;
        let sigma = nominal.sigma.filter(|_| is_scaled).unwrap_or(1.0);
        Some((value - nominal.center) / sigma)
    }

    /// What the limits depend on: with other settings they are learnt anew.
    pub(super) fn learnt_with(&self) -> u64 {
        let Self {
            subgroup,
            sampling,
            limits,
            products,
            ..
        } = self;
        let (chart, estimator) = (self.design.chart.name(), self.design.estimator.name());
        fingerprint(&format!(
            "{chart} {estimator} {subgroup} {sampling:?} {limits:?} {products:?}"
        ))
    }

    /// What the walk depends on: with other rules it begins anew, with the limits that are known.
    pub(super) fn walked_with(&self) -> u64 {
        let Design { rules, ewma, cusum, .. } = &self.design;
        fingerprint(&format!("{rules} {ewma:?} {cusum:?}"))
    }
}

/// FNV-1a: the same in every build, which the standard hasher does not promise.
fn fingerprint(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
