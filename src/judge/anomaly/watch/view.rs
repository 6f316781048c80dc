//! What the board shows of a watch.

use serde::Serialize;

use super::{Settings, Watch};
use crate::judge::anomaly::Flag;
use crate::judge::anomaly::episode::Open;
use crate::record::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Watch)]
pub struct View {
    pub name: String,
    pub equipment: String,
    pub point: String,
    pub value: Option<f64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Observations that were not judged: out of order, and bad.
    pub late: u64,
    pub bad: u64,
    pub checks: Vec<CheckView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CheckView {
    pub check: &'static str,
    pub is_learning: bool,
    /// 1 where suspicion begins.
    pub score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode: Option<EpisodeView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EpisodeView {
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The highest score.
    pub peak: f64,
    pub worst: Flag,
}

impl EpisodeView {
    pub fn of(open: &Open) -> Self {
        Self {
            since: open.since,
            peak: open.peak,
            worst: open.worst,
        }
    }
}

impl Watch {
    pub fn view(&self, settings: &Settings) -> View {
        let checks = self
            .checks
            .iter()
            .zip(&settings.checks)
            .map(|(checked, check)| CheckView {
                check: check.how.name(),
                is_learning: checked.state.is_learning(&check.how),
                score: checked.badness,
                episode: checked.episode.open().map(|open| EpisodeView {
                    since: open.since,
                    peak: open.peak,
                    worst: open.worst,
                }),
            });
        View {
            name: settings.name.clone(),
            equipment: settings.equipment.clone(),
            point: settings.point.clone(),
            value: self.value,
            at: self.last,
            late: self.late,
            bad: self.bad,
            checks: checks.collect(),
        }
    }
}
