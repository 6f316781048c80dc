//! `lineside demo`: a whole simulated plant, and the count at its end.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::demo::plant::{PACE, config_file, database_file};
use crate::demo::{Outcome, Plant, Pulse, Settings};
use crate::units::Period;

/// To the start of the line, and nothing behind.
pub const CLEAR_LINE: &str = "\r\x1b[K";
const LINE_EVERY: Duration = Duration::from_secs(1);
/// Where nobody can rewrite a line, it is written this often.
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where everything lies; goes on with what is there. A new folder among the temporary ones when not given
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Ends after this time, such as 30s or 5m; runs until Ctrl-C when not given
    #[arg(long = "for", value_name = "TIME", value_parser = period)]
    pub time: Option<Period>,
    /// The window's address; another port is taken if it is in use
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Machines and people of the same seed lead the same lives
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Nothing goes wrong but by chance: no seeded drift, shift, stuck sensor, slow worker or burst of defects
    #[arg(long)]
    pub calm: bool,
}

fn period(text: &str) -> Result<Period, String> {
    Period::try_from(text.to_owned())
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        dir: match args.dir {
            Some(dir) => std::path::absolute(dir)?,
            None => temporary_folder()?,
        },
        listen: args.listen,
        seed: args.seed,
        pace: PACE,
        is_calm: args.calm,
    };
    let told_to_stop = super::told_to_stop()?;
    let plant = Plant::start(&settings).await?;
    introduce(&plant, &settings);
    let why = watch(&plant, args.time, told_to_stop).await;
    println!("{why}: machines and people stop, what was heard is delivered …");
    let outcome = plant.finish().await?;
    show(&outcome, &settings.dir);
    Ok(if outcome.is_exact() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn temporary_folder() -> anyhow::Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!(
        "lineside-demo-{}-{:04x}",
        std::process::id(),
        fastrand::u16(..)
    ));
    std::fs::create_dir(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    Ok(dir)
}

fn introduce(plant: &Plant, settings: &Settings) {
    let web = plant.web_address();
    println!("the plant runs; look at it: http://{web}/");
    if web.port() != settings.listen.port() {
        println!("  ({} is in use, so another port was taken)", settings.listen);
    }
    match plant.welcome() {
        Some(welcome) => {
            println!("sign in at http://{web}/sign-in; these are told this once:");
            for (name, password) in &welcome.people {
                println!("  {name:<15} {}", password.reveal());
            }
            for (station, token) in &welcome.screens {
                println!(
                    "  screen of {station} http://{web}/station/{station}#token={}",
                    token.reveal()
                );
            }
        }
        None => println!("  accounts are those of the first start in this folder"),
    }
    println!("  configuration   {}", config_file(&settings.dir).display());
    println!("  gateway's data  {}", settings.dir.join("gateway").display());
    println!(
        "  central store   http://{}  (its token: {})",
        plant.store_address(),
        settings.dir.join("store.token").display()
    );
    println!("  its database    {}", database_file(&settings.dir).display());
}

/// Shows how the plant is doing until its time is over, it is told to stop, or it has failed; tells which.
async fn watch(plant: &Plant, time: Option<Period>, told_to_stop: impl Future<Output = ()>) -> &'static str {
    let is_terminal = std::io::stdout().is_terminal();
    let every = if is_terminal { LINE_EVERY } else { PLAIN_LINE_EVERY };
    let mut lines = interval_at(Instant::now() + every, every);
    lines.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let time_over = async {
        match time {
            Some(Period(time)) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let mut ends = std::pin::pin!(async {
        tokio::select! {
            () = told_to_stop => "told to stop",
            () = time_over => "the time is over",
        }
    });
    if is_terminal && time.is_none() {
        println!("Ctrl-C ends it and counts.");
    }
    let mut before = (Instant::now(), 0);
    let why = loop {
        tokio::select! {
            why = &mut ends => break why,
            _ = lines.tick() => {}
        }
        if plant.has_failed() {
            break "a part of the plant has failed";
        }
        let line = match plant.pulse().await {
            Ok(pulse) => {
                let (at, readings) = std::mem::replace(&mut before, (Instant::now(), pulse.readings));
                let per_second = rate(pulse.readings.saturating_sub(readings), at.elapsed());
                line(&pulse, per_second)
            }
            Err(error) => format!("the gateway's window does not answer: {error}"),
        };
        if is_terminal {
            print!("{CLEAR_LINE}{line}");
            // A terminal that is gone ends the demo by its signal.
            let _ = std::io::stdout().flush();
        } else {
            println!("{line}");
        }
    };
    if is_terminal {
        print!("{CLEAR_LINE}");
    }
    why
}

#[expect(clippy::cast_precision_loss, reason = "shown without decimals")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001)
}

fn line(pulse: &Pulse, per_second: f64) -> String {
    let store = if pulse.upstream_reachable {
        "takes all"
    } else {
        "does not answer"
    };
    format!(
        "{} of {} machines run · {per_second:.0} readings/s · {} report records · {} records wait · store {store}",
        pulse.running, pulse.machines, pulse.reports, pulse.waiting
    )
}

fn show(outcome: &Outcome, dir: &Path) {
    println!(
        "\n{:<24}{:>10}{:>10}{:>8}{:>12}",
        "", "in", "rows", "lost", "duplicated"
    );
    let row = |name: &str, heard, rows, lost, duplicated| {
        println!("{name:<24}{heard:>10}{rows:>10}{lost:>8}{duplicated:>12}");
    };
    for lane in &outcome.lanes {
        let name = format!("{} records", lane.lane);
        row(&name, lane.records, lane.rows, lane.lost, lane.duplicated);
    }
    let reports = &outcome.reports;
    row(
        "reports answered OK",
        reports.answered,
        reports.rows,
        reports.lost,
        reports.duplicated,
    );
    if reports.of_others > 0 {
        println!("and {} reports that others handed in", reports.of_others);
    }
    let tally = &outcome.tally;
    println!(
        "\n{} scans, of which {} were wrong and {} read twice; all were answered{}",
        tally.scans,
        tally.errors,
        tally.repeats,
        if tally.unanswered == 0 {
            String::new()
        } else {
            format!(" but {}", tally.unanswered)
        }
    );
    for (order_no, process, answered, rows) in &reports.differing {
        println!(
            "WRONG  {order_no} {process}: answered {} good and {} defective, the rows say {} and {}",
            answered.qualified, answered.unqualified, rows.qualified, rows.unqualified
        );
    }
    for wrong in &outcome.wrong_orders {
        println!(
            "WRONG  {}: {} completed, its last process reported {}",
            wrong.order_no, wrong.completed, wrong.reported
        );
    }
    if reports.differing.is_empty() && outcome.wrong_orders.is_empty() {
        println!("quantities agree: answers, rows and {} orders", outcome.orders);
    }
    if outcome.dead_letters > 0 {
        println!(
            "{} messages were refused; see them with: lineside buffer list --dead --data-dir {}",
            outcome.dead_letters,
            dir.join("gateway").display()
        );
    }
    let verdict = if outcome.is_exact() {
        "exactly once"
    } else {
        "NOT EXACT"
    };
    println!(
        "{verdict}: lost {}, duplicated {}",
        outcome.lost(),
        outcome.duplicated()
    );
    println!(
        "everything is still in {}; --dir goes on with it, rm -r removes it",
        dir.display()
    );
}
