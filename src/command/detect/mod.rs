//! `lineside detect`: the streaming anomaly checks over a time series in a CSV, with the detectors of the gateway: row by
//! row, never looking ahead, in constant memory.
//!
//! One signal: `timestamp,value,anomaly_score`. Several channels judged together (`--columns`):
//! `timestamp,anomaly_score,alarm`. Times and values are repeated as they came. A row that can't be judged has the score 0
//! and teaches nothing; how many and why is said on the standard error.

mod single;
mod time;
mod together;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::EXIT_USAGE;
use super::table::{Table, TableError};
use crate::judge::anomaly::drift::CHANNELS_MAX;
use crate::record::Timestamp;

const TIME_COLUMNS: [&str; 4] = ["timestamp", "datetime", "time", "时间"];
/// What exports write where there is no value.
const MISSING: [&str; 7] = ["", "-", "nan", "na", "n/a", "null", "none"];
/// So many rows that could not be judged are named, the others counted.
const NAMED_MAX: usize = 5;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A CSV with a header; - is the standard input
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// The column of the times; else `timestamp`, `datetime`, `time` or `时间`
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// The column that is judged
    #[arg(long, value_name = "COLUMN", default_value = "value")]
    pub value: String,
    /// Several columns that are judged together
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', conflicts_with = "value")]
    pub columns: Vec<String>,
    /// Rows to learn from before anything is an anomaly
    #[arg(long, value_name = "ROWS")]
    pub learn: Option<u32>,
    /// What stands between fields; the header shows it when not given
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// Where to; the standard output when not given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err("one character is expected, such as ; or \\t".to_owned()),
    }
}

/// What ends the work early.
#[derive(Debug, thiserror::Error)]
enum DetectError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("{0} columns are more than can be judged together; the most is {CHANNELS_MAX}")]
    TooManyChannels(usize),
    #[error("the scores can't be written: {0}")]
    Output(std::io::Error),
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let is_piped = args.file.as_os_str() == "-";
    let source: Box<dyn BufRead> = if is_piped {
        Box::new(std::io::stdin().lock())
    } else {
        match File::open(&args.file) {
            Ok(file) => Box::new(BufReader::new(file)),
            Err(error) => {
                eprintln!("{name} can't be opened: {error}");
                return Ok(ExitCode::from(EXIT_USAGE));
            }
        }
    };
    let out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(File::create(path).with_context(|| format!("{} can't be written", path.display()))?),
        None => Box::new(std::io::stdout().lock()),
    };
    // Whoever feeds rows by hand or from a running machine wants each score at once.
    let is_live = is_piped || (args.out.is_none() && std::io::stdout().is_terminal());
    let mut scores = Scores {
        out: BufWriter::new(out),
        is_live,
    };
    let mut unjudged = Unjudged::default();
    let done = judge(args, source, &mut scores, &mut unjudged).and_then(|()| scores.flush());
    unjudged.say();
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Whoever read the scores has enough of them.
        Err(DetectError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error @ (DetectError::Table(TableError::Wrong { .. }) | DetectError::TooManyChannels(_))) => {
            eprintln!("{name}: {error}");
            Ok(ExitCode::from(EXIT_USAGE))
        }
        Err(error) => Err(error).context(name.to_string()),
    }
}

fn judge(
    args: &Args,
    source: Box<dyn BufRead>,
    scores: &mut Scores,
    unjudged: &mut Unjudged,
) -> Result<(), DetectError> {
    let mut table = Table::open(source, args.delimiter)?;
    let time = match &args.time {
        Some(name) => table.column(&[name])?,
        None => table.column(&TIME_COLUMNS)?,
    };
    if args.columns.is_empty() {
        single::judge((time, &args.value), args.learn, &mut table, scores, unjudged)
    } else {
        together::judge((time, &args.columns), args.learn, &mut table, scores, unjudged)
    }
}

/// The rows that go out.
struct Scores {
    out: BufWriter<Box<dyn Write>>,
    is_live: bool,
}

impl Scores {
    fn row(&mut self, row: std::fmt::Arguments) -> Result<(), DetectError> {
        writeln!(self.out, "{row}").map_err(DetectError::Output)?;
        if self.is_live { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DetectError> {
        self.out.flush().map_err(DetectError::Output)
    }
}

/// Rows without a judgement, and why.
#[derive(Default)]
struct Unjudged {
    missing: Rows,
    late: Rows,
}

#[derive(Default)]
struct Rows {
    count: usize,
    /// The first of them, by line.
    lines: Vec<u64>,
}

impl Rows {
    fn add(&mut self, line: u64) {
        self.count += 1;
        if self.lines.len() < NAMED_MAX {
            self.lines.push(line);
        }
    }

    fn say(&self, what: &str) {
        if self.count == 0 {
            return;
        }
        let lines: Vec<String> = self.lines.iter().map(u64::to_string).collect();
        let more = if self.count > self.lines.len() { ", …" } else { "" };
        eprintln!("{} {what} (line {}{more})", self.count, lines.join(", "));
    }
}

impl Unjudged {
    fn say(&self) {
        self.missing
            .say("values are missing: not judged, nothing learnt from them");
        self.late.say("rows are not later than the row before: not judged");
    }
}

fn read_time<R: BufRead>(table: &Table<R>, row: &[String], column: usize) -> Result<Timestamp, TableError> {
    let text = row.get(column).map_or("", String::as_str);
    time::read(text).ok_or_else(|| {
        let reason = format!("`{text}` is no time; write 2026-11-21T08:00:00+08:00 or seconds since 1970");
        table.wrong(column + 1, &reason)
    })
}

/// A value, or none where it is missing.
fn read_value<R: BufRead>(table: &Table<R>, row: &[String], column: usize) -> Result<Option<f64>, TableError> {
    let text = row.get(column).map_or("", String::as_str);
    if MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing)) {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        _ => {
            let is_comma = text.replace(',', ".").parse::<f64>().is_ok_and(f64::is_finite);
            let right = if is_comma {
                "write numbers with a decimal point, as in 12.5"
            } else {
                "write a number such as 12.5, or leave the field empty where there is no value"
            };
            Err(table.wrong(column + 1, &format!("`{text}` is no number; {right}")))
        }
    }
}

/// Nothing was judged although there were rows.
fn say_all_learnt() {
    eprintln!("all rows were learnt from, none was judged: every score is 0; --learn ROWS says how many are for that");
}
