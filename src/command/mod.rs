//! The subcommands, one file each: its arguments and `run`. The only folder that prints.

pub mod account;
pub mod audit;
pub mod buffer;
pub mod cards;
pub mod check;
pub mod demo;
pub mod detect;
pub mod probe;
pub mod run;
pub mod spc;
pub mod store;
pub mod table;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// The user's input (flags, configuration, files) is wrong.
pub const EXIT_USAGE: u8 = 2;

/// Edge gateway for production lines: hears machines and scanners, keeps every record durably, forwards it exactly once.
#[derive(Debug, Parser)]
#[command(name = "lineside", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the gateway
    Run(run::Args),
    /// Runs a whole simulated plant on this machine
    Demo(demo::Args),
    /// Proves a configuration: all findings at once
    Check(check::Args),
    /// Runs the central production store
    Store(store::Args),
    /// Who may sign in: people, stations' devices, programs
    #[command(subcommand)]
    Account(account::Command),
    /// Who changed and decided what: proves the log, prints it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Looks into the buffer and its dead letters
    #[command(subcommand)]
    Buffer(buffer::Command),
    /// Looks at one thing and says what the gateway would make of it
    #[command(subcommand)]
    Probe(probe::Command),
    /// Writes a page of barcodes to print: commands, quantities, reasons, badges, orders
    Cards(cards::Args),
    /// Scores a time series for anomalies, row by row, as the gateway would have
    Detect(detect::Args),
    /// Draws and judges a control chart of a CSV file
    Spc(Box<spc::Args>),
}

impl Cli {
    /// What is logged when nobody says otherwise.
    pub fn log_filter(&self) -> &'static str {
        match self.command {
            // It shows its own state, and what is wrong with it.
            Command::Demo(_) | Command::Probe(_) => "warn",
            // It says of each connection what came of it.
            Command::Check(_) => "error",
            _ => "info,sled=warn,sqlx=warn",
        }
    }

    /// Whether a line on the terminal is rewritten, which the log has to clear before it writes.
    pub fn has_live_line(&self) -> bool {
        matches!(self.command, Command::Demo(_)) && std::io::stdout().is_terminal()
    }
}

pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Store(args) => store::run(args).await,
        Command::Account(command) => account::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Buffer(command) => buffer::run(command).await,
        Command::Probe(command) => probe::run(command).await,
        Command::Cards(args) => cards::run(&args),
        Command::Detect(args) => detect::run(&args),
        Command::Spc(args) => spc::run(&args),
    }
}

/// Resolves at the first SIGTERM or SIGINT.
pub fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
