//! What a shared connection is like: how full it is meant to be, how full it is, and which polls it hardly keeps.

use serde::Serialize;
use utoipa::ToSchema;

use crate::language::Words;

#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct BusView {
    /// Where it is: a host and port, or a serial line.
    pub at: String,
    /// Of its time, what the polls take if devices answer as most do.
    pub planned_percent: f64,
    /// Of its time, what requests took in the last seconds.
    pub load_percent: Option<f64>,
    pub unmet: Vec<Unmet>,
}

/// A poll that can hardly be kept.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Unmet {
    pub device: String,
    pub why: String,
    /// Given when it is looked at.
    pub words: Words,
}
