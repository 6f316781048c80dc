//! `lineside probe modbus`: what the registers of a device mean, side by side, and which units are on a bus.

use std::io::{IsTerminal, Write};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::command::EXIT_USAGE;
use crate::source::modbus::Url;
use crate::source::modbus::probe::{self, Part, Probe, Range, Reading, shown};
use crate::units::Period;

/// It only ever reads. Without a range, `--scan` asks every unit for holding:0.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// As in the configuration: `tcp://HOST:PORT`, `rtu-tcp://HOST:PORT`, `rtu:///dev/ttyUSB0?baud=19200&parity=even`
    #[arg(value_parser = |text: &str| Url::try_from(text.to_owned()))]
    pub url: Url,
    /// The unit to ask
    #[arg(long, default_value_t = 1)]
    pub unit: u8,
    /// Asks these units whether they are there
    #[arg(long, value_name = "FIRST..LAST", num_args = 0..=1, default_missing_value = "1..247", value_parser = units)]
    pub scan: Option<RangeInclusive<u8>>,
    /// How long an answer is waited for
    #[arg(long, default_value = "1s", value_parser = |text: &str| Period::try_from(text.to_owned()))]
    pub timeout: Period,
    /// First and last wire address, as in `holding:0..9`
    #[arg(
        required_unless_present = "scan",
        default_value_if("scan", clap::builder::ArgPredicate::IsPresent, "holding:0")
    )]
    pub range: Option<Range>,
}

/// What a serial bus can have; 0 is heard by all and answered by none.
const ON_BUS: RangeInclusive<u8> = 1..=247;

fn units(text: &str) -> Result<RangeInclusive<u8>, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err(format!("`{text}` is not a range of units; write 1..247")),
    }
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let units = args.scan.clone().unwrap_or(args.unit..=args.unit);
    if args.url.is_rtu() && !(ON_BUS.contains(units.start()) && ON_BUS.contains(units.end())) {
        eprintln!("a unit on a serial bus is 1 to 247: 0 speaks to all of them, and those above are reserved");
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    let probe = Probe::new(args.url, args.timeout.0);
    let range = args.range.expect("it is required, or given by default");
    if let Some(units) = args.scan {
        return Ok(ended(scan(&probe, units, range).await));
    }
    match probe.read(args.unit, range).await {
        Ok(parts) => {
            show(&parts);
            Ok(ExitCode::SUCCESS)
        }
        Err(problem) => Ok(ended(Err(problem))),
    }
}

fn ended(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// An error, too, where nobody is there.
async fn scan(probe: &Probe, units: RangeInclusive<u8>, range: Range) -> Result<(), String> {
    let nobody = format!("no unit of {}..{} answers", units.start(), units.end());
    let found = Arc::new(AtomicBool::new(false));
    let is_found = Arc::clone(&found);
    let is_terminal = std::io::stderr().is_terminal();
    let last = *units.end();
    let told = move |unit: u8, outcome: Result<Option<String>, String>| {
        if is_terminal {
            // Rewrites one line; who reads it sees the scan move.
            eprint!("\r\x1b[K");
        }
        found.fetch_or(outcome.is_ok(), Ordering::Relaxed);
        match outcome {
            Ok(None) => println!("unit {unit} answers"),
            Ok(Some(instead)) => println!("unit {unit} answers with {instead}"),
            Err(_) if is_terminal && unit < last => eprint!("unit {unit} of {last} …"),
            Err(_) => {}
        }
        // Nothing depends on this line.
        let _ = std::io::stderr().flush();
    };
    probe.scan(units, range, told).await?;
    if is_found.load(Ordering::Relaxed) {
        Ok(())
    } else {
        Err(nobody)
    }
}

/// What was read, address by address, and then as settings to take over.
fn show(parts: &[Part]) {
    let mut likely = Vec::new();
    for part in parts {
        match part {
            Part::Read(readings) => {
                show_forms(readings);
                likely.extend(probe::suggest(readings));
            }
            Part::Refused { at, why } => println!("{at}\n  — {why}"),
        }
    }
    if likely.is_empty() {
        return;
    }
    println!("\nMarked with * is what a machine may well mean. For the configuration, below `points`:");
    for reading in likely {
        let name = reading.at.replace(':', "_");
        println!("{name} = {}  # {}", reading.setting(), shown(&reading.value));
    }
}

/// Every address with its forms in columns, those that are plausible marked.
fn show_forms(readings: &[Reading]) {
    let mut at = "";
    for row in readings.chunk_by(|a, b| a.at == b.at && a.kind == b.kind) {
        let Some(first) = row.first() else { continue };
        if first.at != at {
            println!("{}", first.at);
            at = &first.at;
        }
        let cells: Vec<String> = row.iter().map(cell).collect();
        println!("  {:<KIND_CHARS$}{}", first.kind, cells.concat().trim_end());
    }
}

/// Wide enough for `string:250` and a space.
const KIND_CHARS: usize = 11;
/// Wide enough for the longest float with its order.
const CELL_CHARS: usize = 34;

fn cell(reading: &Reading) -> String {
    let mark = if reading.is_plausible { "*" } else { " " };
    let text = format!("{} {mark}{}", reading.order, shown(&reading.value));
    format!("{text:<CELL_CHARS$}")
}
