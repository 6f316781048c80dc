//! `lineside audit`: proves the audit log, and prints it. Reads the files; the gateway may run or not.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use chrono::{DateTime, FixedOffset};
use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use super::EXIT_USAGE;
use crate::audit::Entry;
use crate::audit::file::{self, Verified, VerifyError};

/// Read at once.
const PAGE: usize = 1000;
/// A spreadsheet takes a cell that begins so for a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Proves that nothing was changed, left out or put in; names the first line that does not fit
    Verify {
        #[command(flatten)]
        place: Place,
    },
    /// Prints the entries, oldest first
    Export {
        /// The gateway's data folder
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Only what was done since, such as 2026-11-21T08:00:00+08:00
        #[arg(long, value_name = "TIME", value_parser = DateTime::parse_from_rfc3339)]
        since: Option<DateTime<FixedOffset>>,
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// The gateway's data folder: all files of the log
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// One file of the log
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    Jsonl,
    Csv,
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify { place } => {
            let place = place.data_dir.or(place.file).context("give --data-dir DIR or a file")?;
            match file::verify(&place) {
                Ok(verified) => {
                    println!("{}", told(&verified));
                    Ok(ExitCode::SUCCESS)
                }
                Err(error @ VerifyError::Broken { .. }) => {
                    println!("{error}");
                    Ok(ExitCode::FAILURE)
                }
                Err(error) if is_not_there(&error) => {
                    eprintln!("lineside: {error}");
                    Ok(ExitCode::from(EXIT_USAGE))
                }
                Err(error) => Err(error.into()),
            }
        }
        Command::Export {
            data_dir,
            since,
            format,
        } => {
            let mut out = BufWriter::new(io::stdout().lock());
            match export(&data_dir, since, format, &mut out).and_then(|()| out.flush()) {
                // Who reads has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                done => done.with_context(|| format!("cannot export the log in {}", data_dir.display()))?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Another place was meant.
fn is_not_there(error: &VerifyError) -> bool {
    matches!(error, VerifyError::Unreadable(_, error) if error.kind() == io::ErrorKind::NotFound)
}

fn told(verified: &Verified) -> String {
    let Verified { entries, first, end } = verified;
    let older = if *first > 1 { "; older ones are not here" } else { "" };
    format!(
        "whole: {entries} entries, {first} to {}{older}\nends with {}",
        end.seq, end.hash
    )
}

fn export(
    dir: &std::path::Path,
    since: Option<DateTime<FixedOffset>>,
    format: Format,
    out: &mut impl Write,
) -> io::Result<()> {
    if matches!(format, Format::Csv) {
        writeln!(out, "seq,at,who,role,from,action,subject,detail,previous,hash")?;
    }
    let mut after = 0;
    loop {
        let entries = file::read(dir, after, PAGE)?;
        let Some(last) = entries.last() else {
            return Ok(());
        };
        after = last.seq;
        for entry in &entries {
            let at = DateTime::parse_from_rfc3339(&entry.at).ok();
            if since.is_some_and(|since| at.is_some_and(|at| at < since)) {
                continue;
            }
            match format {
                Format::Jsonl => {
                    serde_json::to_writer(&mut *out, entry)?;
                    writeln!(out)?;
                }
                Format::Csv => writeln!(out, "{}", row(entry))?,
            }
        }
    }
}

fn row(entry: &Entry) -> String {
    let seq = entry.seq.to_string();
    let detail = match &entry.detail {
        Value::Null => String::new(),
        detail => detail.to_string(),
    };
    let cells = [
        seq.as_str(),
        &entry.at,
        &entry.who,
        entry.role.as_deref().unwrap_or_default(),
        entry.from.as_deref().unwrap_or_default(),
        &entry.action,
        &entry.subject,
        &detail,
        &entry.previous,
        &entry.hash,
    ];
    cells.map(cell).join(",")
}

fn cell(text: &str) -> String {
    let defused = if text.starts_with(FORMULA_STARTS) { "'" } else { "" };
    if defused.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return text.to_owned();
    }
    format!("\"{defused}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_defused() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("王工", "王工"),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
