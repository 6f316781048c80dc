//! `lineside check`: proves a configuration before it runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::EXIT_USAGE;
use crate::config::{self, Plan};
use crate::intake::judgement::Judge;
use crate::judge::spc::monitor;
use crate::reference;
use crate::source::{modbus, mqtt, scanner};

/// For one connection that is tried.
const TRY_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Also tries every connection
    #[arg(long)]
    pub connect: bool,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let plan = match config::prove(&args.config) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    describe(&plan);
    let failures = if args.connect { connect(&plan).await } else { 0 };
    if failures > 0 {
        eprintln!("{failures} connections failed");
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    println!("{} is fine", args.config.display());
    Ok(ExitCode::SUCCESS)
}

fn describe(plan: &Plan) {
    println!(
        "gateway {} keeps its data in {}",
        plan.gateway_id,
        plan.data_dir.display()
    );
    for (name, broker) in &plan.mqtt {
        let filters: Vec<&str> = broker.filters.iter().map(|(filter, _)| filter.as_str()).collect();
        println!(
            "mqtt/{name}: {}:{} as {}, hears {}",
            broker.host,
            broker.port,
            broker.client_id,
            filters.join(", ")
        );
    }
    for (name, connection) in &plan.modbus {
        println!("modbus/{name}:");
        for line in modbus::describe(connection) {
            println!("  {line}");
        }
    }
    for station in &plan.stations {
        println!("station/{}: scanner at {}", station.station, station.port);
    }
    for chart in charts(plan) {
        let rules = &chart.design.rules;
        let promised = match chart.false_alarms {
            Some(alarms) => alarms.to_string(),
            None => "nothing is switched on, so nothing is told".to_owned(),
        };
        println!(
            "spc/{}: {}, rules {rules}: {promised}",
            chart.name,
            chart.design.chart.name()
        );
    }
    for judge in &plan.intake.judgement.judges {
        let checks = match judge {
            Judge::Chart { .. } => continue,
            Judge::Watch(watch) => watch.checks.iter().map(|check| check.how.name()).collect(),
            Judge::Together(_) => vec!["drift"],
        };
        let points = judge.listens_to().into_iter();
        let points: Vec<String> = points
            .map(|(equipment, point)| format!("{equipment}.{point}"))
            .collect();
        println!("{}: {} of {}", judge.name(), checks.join(", "), points.join(", "));
    }
    for upstream in &plan.upstreams {
        println!("upstream/{}: {}", upstream.name, upstream.http.url);
    }
    if let Some(reference) = &plan.reference {
        println!("reference data from {} every {:?}", reference.url, reference.every);
    }
}

/// The control charts, of machines first.
fn charts(plan: &Plan) -> impl Iterator<Item = &monitor::Settings> {
    let of_machines = plan.intake.judgement.judges.iter().filter_map(|judge| match judge {
        Judge::Chart { settings, .. } => Some(&**settings),
        _ => None,
    });
    of_machines.chain(plan.intake.floor.charts.iter().map(|watched| &watched.settings))
}

/// Tries every connection; returns how many failed.
async fn connect(plan: &Plan) -> usize {
    let mut failures = 0;
    let mut tell = |what: String, outcome: Result<String, String>| match outcome {
        Ok(detail) => println!("{what}: works{detail}"),
        Err(problem) => {
            failures += 1;
            println!("{what}: FAILS: {problem}");
        }
    };
    for (name, broker) in &plan.mqtt {
        tell(
            format!("mqtt/{name}"),
            in_time(mqtt::try_connect(broker)).await.map(|()| String::new()),
        );
    }
    for (name, connection) in &plan.modbus {
        match in_time(modbus::try_connect(connection)).await {
            Ok(modbus::Trials { trials, refused }) => {
                for (device, what) in refused {
                    println!("modbus/{name}: {device}: {what}");
                }
                for trial in trials {
                    let outcome = trial
                        .outcome
                        .map(|took| format!(" ({:.1} ms)", took.as_secs_f64() * 1e3));
                    tell(format!("modbus/{name}: {} {}", trial.device, trial.block), outcome);
                }
            }
            Err(problem) => tell(format!("modbus/{name}"), Err(problem)),
        }
    }
    for station in &plan.stations {
        tell(
            format!("station/{}", station.station),
            in_time(scanner::try_connect(&station.port)).await,
        );
    }
    for upstream in &plan.upstreams {
        // Any answer proves the way there, a refusal too: it is asked without the token, for a batch is only sent by a
        // gateway that runs.
        let is_of_reference = plan
            .reference
            .as_ref()
            .is_some_and(|data| data.upstream == upstream.name);
        let tried_with = if is_of_reference {
            "the reference data"
        } else {
            "the first batch"
        };
        let asked = async {
            let answer = upstream.http.client.get(&upstream.http.url).send().await;
            answer
                .map(|answer| {
                    let status = answer.status().as_u16();
                    match &upstream.http.token {
                        Some(_) => format!(" (answers {status}; the token is tried with {tried_with})"),
                        None => format!(" (answers {status})"),
                    }
                })
                .map_err(|e| crate::files::causes(&e))
        };
        tell(format!("upstream/{}", upstream.name), in_time(asked).await);
    }
    if let Some(settings) = &plan.reference {
        tell(
            "reference data".to_owned(),
            in_time(reference::try_pull(settings)).await,
        );
    }
    failures
}

async fn in_time<T>(attempt: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(TRY_WITHIN, attempt)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {TRY_WITHIN:?}")))
}
