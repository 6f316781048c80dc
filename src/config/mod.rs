//! The configuration of `lineside run`: read once, checked as a whole, lowered into the settings of each stage. No stage
//! sees the file.

mod alerts;
mod document;
mod explain;
mod floor;
mod modbus;
mod mqtt;
mod origin;
mod plan;
mod points;
mod scanner;
mod sections;
mod spc;
mod station;
mod upstream;
mod watch;

use std::path::Path;

pub use plan::Plan;

use document::{Document, NotYet};
use explain::Findings;

/// Settings that the format has and this version has not: told as such, rather than as unknown.
const NOT_YET: &[NotYet] = &[
    NotYet {
        path: &["web", "tls"],
        instead: "put a proxy with TLS in front, or keep to loopback",
    },
    NotYet {
        path: &["web", "accounts_file"],
        instead: "without accounts the window only listens on loopback",
    },
    NotYet {
        path: &["web", "rate_limit"],
        instead: "connections and requests have fixed limits",
    },
];

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

/// Reads and proves a configuration.
pub fn load(file: &Path) -> Result<Plan, ConfigError> {
    let document = Document::load(file).map_err(ConfigError::Unreadable)?;
    prove(&document).map_err(|findings| ConfigError::Wrong {
        count: findings.len(),
        text: findings.explain(&document.file, &document.text),
        file: file.display().to_string(),
    })
}

fn prove(document: &Document) -> Result<Plan, Findings> {
    let mut findings = Findings::default();
    let (config, tree) = document.read::<sections::Config>(NOT_YET, &mut findings);
    let plan = config.map(|config| plan::lower(config, document, &tree, &mut findings));
    plan.filter(|_| findings.is_empty()).ok_or(findings)
}
