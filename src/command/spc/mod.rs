//! `lineside spc`: a control chart of a CSV file, judged by the code that watches the line.

mod arguments;
mod series;
mod table;
mod text;

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::EXIT_USAGE;
use crate::drawing::{self, Picture};
use crate::judge::spc::{Analysis, report};
use crate::language::Language;

pub use arguments::Args;
use arguments::Format;
use series::Series;
use table::Table;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match analysed(args) {
        Ok((series, analysis)) => show(args, &series, &analysis),
        Err(problem) => {
            eprintln!("lineside spc: {problem}");
            Ok(ExitCode::from(EXIT_USAGE))
        }
    }
}

fn analysed(args: &Args) -> Result<(Series, Analysis), String> {
    let picture_is_known = |file: &Path| file.extension().is_some_and(|e| e == "svg" || e == "html");
    if let Some(file) = args.out.as_deref().filter(|file| !picture_is_known(file)) {
        return Err(format!("{}: --out writes FILE.svg or FILE.html", file.display()));
    }
    args.check_belongs()?;
    let table = Table::read(&args.file, args.delimiter)?;
    let series = args.series(&table)?;
    let options = args.options(&series)?;
    let analysis =
        Analysis::of(series.samples.clone(), options).map_err(|error| format!("{}: {error}", args.file.display()))?;
    Ok((series, analysis))
}

fn show(args: &Args, series: &Series, analysis: &Analysis) -> anyhow::Result<ExitCode> {
    let false_alarms = analysis.false_alarms();
    let told = text::told(series, analysis, false_alarms);
    if let Some(file) = &args.out {
        let picture = Picture::of(analysis, &series.title, &series.excluded, Language::En).svg();
        let drawn = if file.extension().is_some_and(|e| e == "html") {
            let distribution = series.histogram(analysis).map(|histogram| histogram.svg());
            let drawings: Vec<String> = [Some(picture), distribution].into_iter().flatten().collect();
            drawing::page(&series.title, &drawings, &told)
        } else {
            drawing::saved(&picture)
        };
        std::fs::write(file, drawn).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    let told = match args.format {
        Format::Text => told,
        Format::Json => {
            let mut json = report::json(analysis, false_alarms);
            json["missing"] = series.missing.clone().into();
            if let Some(notes) = json["notes"].as_array_mut() {
                notes.extend(series.noted.iter().map(|noted| noted.as_str().into()));
            }
            format!("{json}\n")
        }
    };
    match std::io::stdout().write_all(told.as_bytes()) {
        // Whoever reads has seen enough, such as `head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written
            .context("the answer cannot be written")
            .map(|()| ExitCode::SUCCESS),
    }
}
