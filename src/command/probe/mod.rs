//! `lineside probe`: looks at what is out there, one file for each kind of thing. It changes nothing.

mod modbus;

use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Reads registers of a device and shows every way to understand them
    Modbus(modbus::Args),
}

pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Modbus(args) => modbus::run(args).await,
    }
}
