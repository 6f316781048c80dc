//! The configuration that runs, as the window shows it. What a file says and whether it is right is for others to know.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Debug, Clone)]
pub struct Configuration {
    pub file: PathBuf,
    pub sha256: String,
    pub loaded_at: DateTime<Utc>,
    /// The file as it was when it was read, packed.
    pub text: Arc<[u8]>,
    /// What a packed file says, without secrets.
    pub sections: fn(&[u8]) -> Value,
    /// What is wrong with a file as it lies on the disk now.
    pub check: fn(&Path) -> Checked,
}

#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Checked {
    /// None: the file can not be read.
    pub sha256: Option<String>,
    /// With any of these the gateway would not start.
    pub findings: Vec<Found>,
    /// What can hardly work.
    pub warnings: Vec<String>,
}

/// Something that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Found {
    /// From 1; 0 where there is no place.
    pub line: usize,
    pub column: usize,
    pub message: String,
}
