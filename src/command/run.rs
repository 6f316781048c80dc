//! `lineside run`: the gateway daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use super::EXIT_USAGE;
use crate::config;
use crate::gateway::Gateway;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let plan = match config::load(&args.config) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let stop = super::told_to_stop()?;
    let scheme = if plan.web.tls.is_some() { "https" } else { "http" };
    let gateway = Gateway::bind(plan).await?;
    eprintln!("lineside runs; its window is at {scheme}://{}/", gateway.web_address()?);
    gateway.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}
