//! The configuration of `lineside run`: read once, checked as a whole, lowered into the settings of each stage. No stage
//! sees the file.

mod addresses;
mod alerts;
mod document;
mod explain;
mod floor;
mod modbus;
mod mqtt;
mod origin;
mod overlap;
mod plan;
mod points;
mod scanner;
mod sections;
mod spc;
mod states;
mod station;
mod upstream;
mod watch;
mod web;

use std::path::Path;

pub use plan::Plan;

use document::Document;
use explain::Findings;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}")]
    Unreadable(String),
    /// Everything that is wrong with it, as shown to people.
    #[error("{text}{} in {file}", counted(*.count))]
    Wrong { text: String, count: usize, file: String },
}

fn counted(count: usize) -> String {
    if count == 1 {
        "1 finding".to_owned()
    } else {
        format!("{count} findings")
    }
}

/// Reads a configuration.
pub fn load(file: &Path) -> Result<Plan, ConfigError> {
    read(file, false)
}

/// Reads a configuration, and finds fault also with what the passing of time has made wrong.
pub fn prove(file: &Path) -> Result<Plan, ConfigError> {
    read(file, true)
}

fn read(file: &Path, is_proof: bool) -> Result<Plan, ConfigError> {
    let document = Document::load(file).map_err(ConfigError::Unreadable)?;
    examine(&document, is_proof).map_err(|findings| ConfigError::Wrong {
        count: findings.len(),
        text: findings.explain(&document.file, &document.text),
        file: file.display().to_string(),
    })
}

fn examine(document: &Document, is_proof: bool) -> Result<Plan, Findings> {
    let mut findings = Findings::default();
    let (config, tree) = document.read::<sections::Config>(&mut findings);
    let plan = config.map(|config| plan::lower(config, document, is_proof, &tree, &mut findings));
    plan.filter(|_| findings.is_empty()).ok_or(findings)
}
