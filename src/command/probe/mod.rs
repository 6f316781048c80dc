//! `lineside probe`: looks at one thing and says what the gateway would make of it.

pub mod scan;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What a scan means
    Scan(scan::Args),
}

pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Scan(args) => scan::run(args),
    }
}
