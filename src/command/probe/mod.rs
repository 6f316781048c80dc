//! `lineside probe`: looks at one thing and says what the gateway would make of it, one file for each kind of thing. It
//! changes nothing.

mod modbus;
mod scan;

use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Reads registers of a device and shows every way to understand them
    Modbus(modbus::Args),
    /// What a scan means
    Scan(scan::Args),
}

pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Modbus(args) => modbus::run(args).await,
        Command::Scan(args) => scan::run(&args),
    }
}
