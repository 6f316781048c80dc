//! Parses, starts the log, runs the command, tells the exit code; nothing else.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use lineside::command::{self, Cli};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    lineside::tls::install_provider();
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("LINESIDE_LOG").unwrap_or_else(|_| EnvFilter::new("info,sled=warn,sqlx=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("lineside: no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command::run(cli)) {
        Ok(code) => {
            // What still runs was told to stop and had its time.
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            code
        }
        Err(error) => {
            eprintln!("lineside: {error:#}");
            // After a failure nothing is tidied up: what was answered is on disk, and a failed disk must not be written to.
            std::process::exit(1);
        }
    }
}
