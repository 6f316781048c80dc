//! Parses, starts the log, runs the command, tells the exit code; nothing else.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use lineside::command::{self, Cli};
use tracing_subscriber::EnvFilter;

#[cfg(target_env = "gnu")]
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    end_quietly_at_a_closed_pipe();
    lineside::tls::install_provider();
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("LINESIDE_LOG").unwrap_or_else(|_| EnvFilter::new(cli.log_filter()));
    let has_live_line = cli.has_live_line();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || {
            let mut stderr = std::io::stderr();
            if has_live_line {
                // A terminal that is gone takes the log no more than this.
                let _ = stderr.write_all(command::demo::CLEAR_LINE.as_bytes());
            }
            stderr
        })
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("lineside: no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    #[cfg(target_env = "gnu")]
    runtime.spawn(lineside::heap::give_back());
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

/// What a shell says of a program that a closed pipe has ended: whoever wanted all of it must not take this for success.
const ENDED_BY_CLOSED_PIPE: i32 = 128 + 13;

/// Of `lineside … | head` only the beginning is wanted: that printing the rest panics is no fault.
fn end_quietly_at_a_closed_pipe() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let what = panic.payload_as_str().unwrap_or_default();
        if what.starts_with("failed printing to stdout") && what.contains("Broken pipe") {
            std::process::exit(ENDED_BY_CLOSED_PIPE);
        }
        tell(panic);
    }));
}
