//! What a judge has noticed.

use serde::{Deserialize, Serialize};

use crate::language::Words;
use crate::record::{Severity, Timestamp};

/// Something noticed about a subject at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The same key is the same trouble: `watch/press-temperature/stuck`, `spc/press-force/N1`, `defect_rate/WO-1`.
    pub key: String,
    /// As it travels in `alert_type`: `SPC_RULE`, `STUCK`, `DEFECT_RATE`.
    pub alert_type: String,
    pub severity: Severity,
    pub change: Change,
    /// When it was so, by the time of the observation.
    pub at: Timestamp,
    pub subject: Subject,
    /// What is wrong and with which figures, as a person reads it.
    pub words: Words,
}

/// Where a finding stands in the life of its trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// An episode begins, and lasts until `Ends`.
    Begins,
    /// It goes on and is worse than it ever was in this episode: a new peak.
    Worsens,
    /// It goes on, no worse, and what is said of it now has newer figures.
    GoesOn,
    Ends,
    /// A moment, not a state: it is over when it is told.
    Once,
}

/// What a finding is about, for machines to read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Subject {
    pub order_no: Option<String>,
    pub equipment: Option<String>,
    pub point: Option<String>,
    pub worker_no: Option<String>,
    /// The control rule, check or term that noticed it: `N1`, `WE2`, `stuck`, `season`.
    pub rule: Option<String>,
    pub value: Option<f64>,
    /// What would have been right, such as `{"low": 11.0, "high": 13.0}`, with the version of control limits.
    pub limits: Option<serde_json::Value>,
}
