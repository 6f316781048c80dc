//! What a station is and how it is told to behave: its part of the configuration.

use std::time::Duration;

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::intake::barcode::Label;
use crate::language::Language;

#[derive(Debug, Clone)]
pub struct Bench {
    pub station: String,
    pub equipment: Option<String>,
    /// The equipment's id in the central store, as the configuration knows it.
    pub equipment_id: Option<i64>,
    /// The station's operation, where it has only one.
    pub process: Option<String>,
    pub mode: Mode,
    pub duplicate_window: Duration,
    pub unknown_order: UnknownOrder,
    /// Tolerance over the plan, as a fraction.
    pub over_report: Decimal,
    /// A job that is loaded runs at once, without START.
    pub auto_start: bool,
    pub while_paused: WhilePaused,
    /// PAUSE asks why.
    pub pause_reason: bool,
    pub shift_end: ShiftEnd,
    /// A worker who has not scanned this long has gone home, unless a job runs.
    pub idle_timeout: Duration,
    /// The same while a job runs; without it a running job keeps its worker.
    pub running_timeout: Option<Duration>,
    /// What only counts with a supervisor's badge.
    pub approval: Vec<Approval>,
    pub labels: Vec<Label>,
    pub language: Language,
}

impl Bench {
    /// Whether quantities need a started job.
    pub fn tracks_time(&self) -> bool {
        self.mode != Mode::ReportOnly
    }

    pub fn needs_approval(&self, of: Approval) -> bool {
        self.approval.contains(&of)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Labor time and quantities.
    StartStop,
    /// Quantities after the fact; no START needed, no hours.
    ReportOnly,
    /// Each good piece is scanned by its own serial.
    Piece,
    /// Each good piece is a scan of the same card.
    PieceCount,
    /// Several workers at one job; each has hours of their own.
    Crew,
    /// Several travelers in one run of an oven or a bath: one START, one DONE.
    BatchTraveler,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownOrder {
    Reject,
    Accept,
}

/// Quantities while the job is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhilePaused {
    /// Taken, and flagged.
    Accept,
    Reject,
}

/// What happens to a running job when the shift ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShiftEnd {
    /// Hours are split at the boundary, the job runs on.
    CarryOver,
    Pause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    OverQuantity,
    ShortClose,
    Undo,
    Scrap,
    Rework,
    Concession,
}

#[cfg(test)]
impl Bench {
    /// As the configuration makes it when it says nothing more.
    pub fn plain(station: &str) -> Self {
        Self {
            station: station.to_owned(),
            equipment: Some("PRESS-7".to_owned()),
            equipment_id: Some(7),
            process: None,
            mode: Mode::StartStop,
            duplicate_window: Duration::from_millis(1500),
            unknown_order: UnknownOrder::Reject,
            over_report: Decimal::new(5, 2),
            auto_start: false,
            while_paused: WhilePaused::Accept,
            pause_reason: false,
            shift_end: ShiftEnd::CarryOver,
            idle_timeout: Duration::from_mins(30),
            running_timeout: None,
            approval: Vec::new(),
            labels: Vec::new(),
            language: Language::En,
        }
    }
}
