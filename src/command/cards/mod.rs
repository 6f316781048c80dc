//! `lineside cards`: a page to print, with the codes that people scan at stations. Commands and quantities are the same
//! everywhere; reasons, badges, orders and travelers are what the gateway's reference data knows.

mod code128;
mod deck;
mod sheet;
mod symbol;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;

use super::EXIT_USAGE;
use crate::config;
use crate::reference::{self, Reference};
use sheet::{Language, Size, Symbols};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the page goes
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The configuration of the gateway that has the reference data; without it, commands and quantities only
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What is printed
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    pub only: Vec<Kind>,
    #[arg(long, value_enum, default_value_t = Size::Medium)]
    pub size: Size,
    #[arg(long, value_enum, default_value_t = Language::Both)]
    pub language: Language,
    #[arg(long, value_enum, default_value_t = Symbols::Both)]
    pub symbols: Symbols,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    Commands,
    Quantities,
    Reasons,
    Workers,
    Orders,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Commands,
        Self::Quantities,
        Self::Reasons,
        Self::Workers,
        Self::Orders,
    ];
}

/// What can be printed of nothing but the configuration's reference data.
const OF_REFERENCE: [Kind; 3] = [Kind::Reasons, Kind::Workers, Kind::Orders];

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let wanted = OF_REFERENCE.iter().find(|kind| args.only.contains(kind));
    if let (Some(kind), None, true) = (wanted, &args.config, args.only != Kind::ALL) {
        let name = kind.to_possible_value().expect("every kind has a name");
        let name = name.get_name();
        eprintln!("{name} are what the gateway's reference data knows; name its configuration with --config FILE");
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    let reference = match &args.config {
        Some(file) => match config::load(file) {
            Ok(plan) => reference::load(&plan.data_dir.join("reference.json"), plan.reference_fresh_for),
            Err(error) => {
                eprintln!("{error}");
                return Ok(ExitCode::from(EXIT_USAGE));
            }
        },
        None => Reference::default(),
    };
    if args.config.is_some() && reference.confirmed_at.is_none() {
        eprintln!("the gateway has no reference data yet: start it once where it reaches the central store");
    }
    let mut suits: Vec<deck::Suit> = Kind::ALL
        .iter()
        .filter(|kind| args.only.contains(kind))
        .map(|kind| match kind {
            Kind::Commands => deck::commands(),
            Kind::Quantities => deck::quantities(),
            Kind::Reasons => deck::reasons(&reference),
            Kind::Workers => deck::workers(&reference),
            Kind::Orders => deck::orders(&reference),
        })
        .collect();
    suits.retain(|suit| !suit.cards.is_empty());
    let page = sheet::html(&suits, args.size, args.language, args.symbols);
    std::fs::write(&args.out, page).with_context(|| format!("{} cannot be written", args.out.display()))?;
    let cards: usize = suits.iter().map(|suit| suit.cards.len()).sum();
    println!(
        "{cards} cards in {}; print it at 100 %, without margins",
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}
