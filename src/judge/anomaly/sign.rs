//! What a check is told of one moment, and what it says of it.

use serde::{Deserialize, Serialize};

use super::outlier::Term;
use crate::record::Timestamp;

/// When a value was observed, and what is known of the machine then.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub at: Timestamp,
    /// The point had been silent for so long that nobody knows what happened meanwhile.
    pub is_after_gap: bool,
    pub is_running: Option<bool>,
    /// The usual pause between two values.
    pub usual_s: Option<f64>,
    pub part: &'a str,
    pub program: &'a str,
}

impl Moment<'_> {
    pub fn of(at: Timestamp) -> Self {
        Self {
            at,
            is_after_gap: false,
            is_running: None,
            usual_s: None,
            part: "",
            program: "",
        }
    }

    /// Known to stand: of a machine whose state is unknown everything is judged.
    pub fn is_standing(&self) -> bool {
        self.is_running == Some(false)
    }
}

/// As in QARTOD; its "unknown" and "missing" are moments of which nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    Good,
    Suspect,
    Fail,
}

impl Flag {
    /// Of an amount that is suspect above one limit and fails above the other.
    pub fn above(amount: f64, suspect: f64, fail: Option<f64>) -> Self {
        if fail.is_some_and(|fail| amount > fail) {
            Self::Fail
        } else if amount > suspect {
            Self::Suspect
        } else {
            Self::Good
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    pub at: Timestamp,
    pub flag: Flag,
    /// 1 at the limit of suspicion, more beyond it.
    pub badness: f64,
    pub what: What,
}

/// The figures behind a sign.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum What {
    Outlier {
        value: f64,
        score: f64,
        term: Term,
        low: f64,
        high: f64,
    },
    /// The same value for as long.
    Stuck {
        value: f64,
        for_s: f64,
        after_s: f64,
    },
    Rate {
        per_second: f64,
        max: f64,
    },
    Range {
        value: f64,
        low: f64,
        high: f64,
    },
    /// A single value far from both of its neighbours.
    Spike {
        value: f64,
        off: f64,
        max: f64,
    },
    /// Nothing good was heard for as long.
    Silent {
        for_s: f64,
        limit_s: f64,
    },
    /// The counter went back.
    Reset {
        from: u64,
        to: u64,
    },
    /// Pieces of one window of time.
    LowOutput {
        counted: f64,
        expected: f64,
        window_s: f64,
    },
    SlowCycle {
        cycle_s: f64,
        usual_s: f64,
    },
    /// The cycle as it is on average, as a factor of what it used to be.
    CycleDrift {
        factor: f64,
        usual_s: f64,
    },
    /// Several channels together; the one that contributes most, and its share.
    Drift {
        score: f64,
        channel: usize,
        share: f64,
    },
}

impl What {
    /// The name in the configuration and in `rule`.
    pub fn check(&self) -> &'static str {
        match self {
            Self::Outlier { .. } => "outlier",
            Self::Stuck { .. } => "stuck",
            Self::Rate { .. } => "rate",
            Self::Range { .. } => "range",
            Self::Spike { .. } => "spike",
            Self::Silent { .. } => "heartbeat",
            Self::Reset { .. } => "counter_reset",
            Self::LowOutput { .. } => "low_output",
            Self::SlowCycle { .. } => "slow_cycle",
            Self::CycleDrift { .. } => "cycle_time",
            Self::Drift { .. } => "drift",
        }
    }
}

/// What a check has to say of an observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Said {
    /// How things stand; it lasts until something else is said.
    State(Sign),
    /// Something happened, and is over.
    Moment(Sign),
}
