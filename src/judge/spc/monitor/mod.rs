//! One characteristic on its chart, value by value: learns its limits (phase I), freezes them, then watches (phase II).
//!
//! * What is judged is what a whole series would be judged by: the points that were learnt from are walked over when the
//!   limits are frozen, so that a run that began in phase I is seen in phase II.
//! * A value that is earlier than the last one is counted and not judged; several of one moment come one after the other. A
//!   bad one is never learnt from; a moving range is not taken across it.
//! * The state is at most [`STATE_BYTES_MAX`] as JSON, however long it runs. One of other settings begins anew, and says so by
//!   learning.

mod change;
mod packed;
mod phase;
mod recent;
mod settings;
mod shown;
mod view;
mod words;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::design::Chart;
use super::process::{Process, Sample};
use super::rules::{Hits, Rule};
use super::walk::{Plotted, Walk};
use crate::judge::finding::{Change, Finding};
use crate::record::Timestamp;

pub use phase::PhaseError;
use recent::Recent;
pub use settings::{Baseline, Characteristic, Nominal, Sampling, Settings, Watched};
pub use shown::{ShownLines, ShownPoint};
pub use view::{Phase, View};
pub use words::{figure, meaning};

/// So many points can be learnt from: they are kept, so that one can still be excluded.
pub const LEARN_MAX: usize = 50;
/// So many values a subgroup has at most: they are kept until it is full.
pub const SUBGROUP_MAX: usize = 50;
/// So many points are shown.
pub const RECENT_MAX: usize = 100;
/// So many limits that were replaced are drawn with the points that they judged.
const EARLIER_MAX: usize = 3;
/// What is larger is no measurement: its square, or what is shown of it, would be no number.
const VALUE_MAX: f64 = 1e30;
pub const STATE_BYTES_MAX: usize = 8 << 10;

/// Raised when saved states mean something else.
const VERSION: u32 = 3;

/// What is seen of a characteristic at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation<'a> {
    Value(f64),
    /// There should have been a value.
    Bad,
    /// Defects among so many that were looked at.
    Count {
        defects: f64,
        size: f64,
    },
    /// A value of one of several products.
    Of {
        product: &'a str,
        value: f64,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    version: u32,
    learnt_with: u64,
    walked_with: u64,
    last_at: Option<Timestamp>,
    /// Not judged: earlier than what was there.
    late: u64,
    /// Not judged: bad, not a number, of an unknown product, too few for a subgroup.
    bad: u64,
    off_spec: u64,
    /// Values since the last one that was looked at.
    passed: u32,
    /// What the next part will be judged by.
    held: Option<f64>,
    #[serde(with = "packed")]
    group: Vec<f64>,
    /// What the next moving range is taken from.
    before: Option<f64>,
    #[serde(with = "packed")]
    phase1: Vec<Sample>,
    excluded: Vec<Exclusion>,
    limits: Option<Frozen>,
    /// Limits that points which are shown were judged by before.
    earlier: Vec<Frozen>,
    /// Points of phase II so far.
    watched: u32,
    /// Of the limits that were frozen last; the next ones have the next.
    limits_version: u16,
    /// Why learning goes on although there are points enough.
    trouble: Option<PhaseError>,
    walk: Walk,
    #[serde(with = "packed")]
    recent: VecDeque<Recent>,
    firing: Hits,
    is_off_spec: bool,
}

/// A point of phase I that is not learnt from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Exclusion {
    /// Counted from 1.
    pub point: usize,
    pub reason: String,
    pub user: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    pub version: u16,
    pub at: Timestamp,
    pub process: Process,
}

impl Monitor {
    pub fn new(settings: &Settings) -> Self {
        Self {
            version: VERSION,
            learnt_with: settings.learnt_with(),
            walked_with: settings.walked_with(),
            last_at: None,
            late: 0,
            bad: 0,
            off_spec: 0,
            passed: 0,
            held: None,
            group: Vec::new(),
            before: None,
            phase1: Vec::new(),
            excluded: Vec::new(),
            limits: None,
            earlier: Vec::new(),
            watched: 0,
            limits_version: 0,
            trouble: None,
            walk: Walk::new(&settings.design),
            recent: VecDeque::new(),
            firing: Hits::default(),
            is_off_spec: false,
        }
    }

    /// Goes on from a saved state as far as it was made with these settings. What was told to have begun is remembered in any
    /// case, so that it can end.
    pub fn resume(state: &[u8], settings: &Settings) -> Self {
        let known: Option<Self> = serde_json::from_slice(state).ok();
        let Some(mut monitor) = known.filter(|known| known.version == VERSION) else {
            return Self::new(settings);
        };
        if monitor.learnt_with != settings.learnt_with() {
            monitor.relearn(settings);
        }
        if monitor.walked_with != settings.walked_with() {
            monitor.walked_with = settings.walked_with();
            monitor.walk = Walk::new(&settings.design);
        }
        monitor
    }

    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts always encode")
    }

    pub fn is_learning(&self) -> bool {
        self.limits.is_none()
    }

    /// Keys of what it holds to be wrong. While limits are learnt, there is nothing that a rule could hold against.
    pub fn open_keys(&self, settings: &Settings) -> Vec<String> {
        let has_limits = self.limits.is_some() || matches!(settings.limits, Baseline::Given { .. });
        let rules = self.firing.rules().filter(|_| has_limits).map(Rule::name);
        let is_off_spec = self.is_off_spec && settings.spec.is_some();
        let spec = is_off_spec.then_some(words::SPEC);
        rules.chain(spec).map(|rule| words::key(settings, rule)).collect()
    }

    /// The gateway's clock was set, and shows `now`. What was heard then cannot lie ahead: whatever comes next would be late.
    /// Whether that changes anything here.
    pub fn clock_was_set(&mut self, now: Timestamp) -> bool {
        self.last_at.take_if(|last| *last > now).is_some()
    }

    pub fn take(&mut self, settings: &Settings, at: Timestamp, observation: Observation) -> Vec<Finding> {
        if self.last_at.is_some_and(|last| at < last) {
            self.late += 1;
            return Vec::new();
        }
        self.last_at = Some(at);
        let counts = settings.design.chart.counts();
        let value = match observation {
            Observation::Count { defects, size }
                if counts && (0.0..=VALUE_MAX).contains(&defects) && size > 0.0 && size <= VALUE_MAX =>
            {
                return self.plot(settings, at, Sample::counted(settings.design.chart, defects, size));
            }
            Observation::Value(value) if settings.products.is_empty() => Some(value),
            Observation::Of { value, .. } if settings.products.is_empty() => Some(value),
            Observation::Of { product, value } => settings.deviation(product, value),
            _ => None,
        };
        let Some(value) = value.filter(|value| value.abs() <= VALUE_MAX && !counts) else {
            self.bad += 1;
            self.before = None;
            self.held = None;
            return Vec::new();
        };
        match settings.sampling {
            Sampling::Part => {
                self.held = Some(value);
                Vec::new()
            }
            Sampling::Every(nth) => {
                self.passed += 1;
                if self.passed < nth {
                    return Vec::new();
                }
                self.passed = 0;
                self.measured(settings, at, value)
            }
        }
    }

    /// A part was counted: it is judged by the last value before it.
    pub fn part_counted(&mut self, settings: &Settings, at: Timestamp) -> Vec<Finding> {
        match self.held.take() {
            Some(value) if settings.sampling == Sampling::Part => self.measured(settings, at, value),
            _ => Vec::new(),
        }
    }

    /// What comes next belongs to another occasion. Values that fill no subgroup are not judged with those of the next: what
    /// varies between two occasions would pass for what varies within one.
    pub fn end_of_occasion(&mut self) {
        self.bad += u64::try_from(self.group.len()).unwrap_or_default();
        self.group.clear();
    }

    fn measured(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.against_spec(settings, at, value).into_iter().collect();
        let sample = if settings.subgroup > 1 {
            self.group.push(value);
            if self.group.len() < settings.subgroup {
                return findings;
            }
            Sample::subgroup(&std::mem::take(&mut self.group))
        } else {
            Some(Sample::single(value, self.before.replace(value)))
        };
        if let Some(sample) = sample {
            findings.extend(self.plot(settings, at, sample));
        }
        findings
    }

    /// A specification is about the piece, not about the process: it has nothing to do with control limits.
    fn against_spec(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Finding> {
        let Some(spec) = settings.spec.filter(|_| !settings.design.chart.is_short_run()) else {
            return std::mem::take(&mut self.is_off_spec).then(|| words::of_spec_gone(settings, at));
        };
        let was_off = self.is_off_spec;
        self.is_off_spec = !spec.is_met_by(value);
        self.off_spec += u64::from(self.is_off_spec);
        let change = match (was_off, self.is_off_spec) {
            (false, true) => Change::Begins,
            (true, false) => Change::Ends,
            _ => return None,
        };
        Some(words::of_spec(settings, &spec, at, value, change))
    }

    fn plot(&mut self, settings: &Settings, at: Timestamp, sample: Sample) -> Vec<Finding> {
        if let (None, Baseline::Given { center, sigma }) = (self.limits, settings.limits) {
            let (center, sigma) = match settings.design.chart {
                Chart::ShortRunZ => (0.0, 1.0),
                _ => (center, sigma),
            };
            let process = Process::given(settings.design.chart, center, sigma);
            self.set_limits(process, at);
        }
        let Some(limits) = self.limits else {
            return self.learn(settings, at, sample);
        };
        let plotted = self.walk.step(&settings.design, &limits.process, &sample);
        self.watched = self.watched.saturating_add(1);
        self.show(Recent::judged(&settings.design, at, &sample, &plotted, limits.version));
        self.tell(settings, at, &limits, &plotted)
    }

    fn set_limits(&mut self, process: Process, at: Timestamp) -> Frozen {
        self.limits_version = self.limits_version.wrapping_add(1).max(1);
        let version = self.limits_version;
        self.earlier.extend(self.limits);
        if self.earlier.len() > EARLIER_MAX {
            self.earlier.remove(0);
        }
        *self.limits.insert(Frozen { version, at, process })
    }

    fn show(&mut self, point: Recent) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(point);
    }

    /// One finding for each rule that begins or ends with this point.
    fn tell(&mut self, settings: &Settings, at: Timestamp, limits: &Frozen, plotted: &Plotted) -> Vec<Finding> {
        let hits = settings.design.alarms(plotted.hits);
        let begun = hits.without(self.firing);
        let ended = self.firing.without(hits);
        self.firing = hits;
        let begun = begun.rules().map(|rule| (rule, Change::Begins));
        let ended = ended.rules().map(|rule| (rule, Change::Ends));
        begun
            .chain(ended)
            .map(|(rule, change)| words::of_rule(settings, limits, rule, at, plotted, change))
            .collect()
    }

    fn learn(&mut self, settings: &Settings, at: Timestamp, sample: Sample) -> Vec<Finding> {
        let Baseline::Learn(wanted) = settings.limits else {
            return Vec::new();
        };
        // There are no limits left that it could hold against.
        let firing = std::mem::take(&mut self.firing);
        let mut findings: Vec<Finding> = firing
            .rules()
            .map(|rule| words::of_rule_gone(settings, rule, at))
            .collect();
        self.phase1.push(sample);
        self.show(Recent::learnt(&settings.design, at, &sample));
        if self.phase1.len() < wanted {
            return findings;
        }
        match self.freeze(settings, at) {
            Ok(told) => findings.extend(told),
            Err(error) => {
                // Such as a machine that stands still: learning goes on with what comes.
                self.trouble = Some(error);
                self.forget_first();
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests;
