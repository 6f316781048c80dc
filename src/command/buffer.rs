//! `lineside buffer`: looks into the buffer and its dead letters; of a stopped gateway in its files, of a running one
//! through its window.

mod running;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::Subcommand;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::EXIT_USAGE;
use crate::buffer::inspect::{InspectError, Inspection};
use crate::buffer::{Buffer, DeadLetter, OpenError, Settings};
use crate::clock::Zone;
use crate::record::{Lane, Record};
use crate::secret::Secret;
use crate::status::Status;
use crate::units::Size;
use crate::{config, web, wire};
use running::Running;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lanes, what they hold, how far each upstream has got
    Status(Where),
    /// The records, one a line
    List {
        #[command(flatten)]
        place: Where,
        /// Message ids only
        #[arg(long)]
        ids: bool,
        /// Dead letters rather than records
        #[arg(long)]
        dead: bool,
    },
    /// One record or dead letter, whole, with who refused it and why
    Show {
        #[command(flatten)]
        place: Where,
        message_id: String,
        /// Its payload only, as `resubmit` takes it
        #[arg(long)]
        payload: bool,
    },
    /// All records as JSON lines
    Export {
        #[command(flatten)]
        place: Where,
        /// Where to; the standard output when not given
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Dead letters rather than records
        #[arg(long)]
        dead: bool,
    },
    /// Sends a dead letter again
    Resubmit {
        #[command(flatten)]
        place: Where,
        message_id: String,
        /// A file with the whole payload, corrected (JSON)
        #[arg(long, value_name = "FILE")]
        payload: Option<PathBuf>,
    },
    /// Forgets a dead letter, or what waits for an upstream that is no longer configured
    Discard {
        #[command(flatten)]
        place: Where,
        #[arg(required_unless_present = "upstream")]
        message_id: Option<String>,
        #[arg(long, value_name = "NAME", conflicts_with = "message_id")]
        upstream: Option<String>,
    },
}

/// Which gateway is meant.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Where {
    /// The data folder of a stopped gateway; its configuration is not needed
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration of a gateway, running or stopped
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let place = match &command {
        Command::Status(place)
        | Command::List { place, .. }
        | Command::Show { place, .. }
        | Command::Export { place, .. }
        | Command::Resubmit { place, .. }
        | Command::Discard { place, .. } => place,
    };
    let gateway = match find(place).await {
        Ok(gateway) => gateway,
        Err(error) => {
            eprintln!("lineside buffer: {error:#}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    match command {
        Command::Status(_) => gateway.status().await?,
        Command::List { ids, dead, .. } => gateway.list(ids, dead).await?,
        Command::Show {
            message_id, payload, ..
        } => gateway.show(&message_id, payload).await?,
        Command::Export { out, dead, .. } => gateway.export(out.as_deref(), dead).await?,
        Command::Resubmit {
            message_id, payload, ..
        } => gateway.resubmit(&message_id, payload.as_deref()).await?,
        Command::Discard {
            message_id: Some(id), ..
        } => gateway.discard(&id).await?,
        Command::Discard {
            upstream: Some(name), ..
        } => gateway.forget(&name).await?,
        Command::Discard { .. } => bail!("name a message id, or an upstream"),
    }
    Ok(ExitCode::SUCCESS)
}

/// A gateway, running or not.
enum Gateway {
    Stopped { data_dir: PathBuf },
    Running(Running),
}

async fn find(place: &Where) -> anyhow::Result<Gateway> {
    let plan = match (&place.data_dir, &place.config) {
        (Some(data_dir), _) => {
            check_folder(data_dir)?;
            return Ok(Gateway::Stopped {
                data_dir: data_dir.clone(),
            });
        }
        (None, Some(file)) => config::load(file)?,
        (None, None) => bail!("give --data-dir or --config"),
    };
    let data_dir = plan.data_dir;
    if let Ok(token) = Secret::from_file(&web::control_token_file(&data_dir)) {
        let running = Running::new(plan.web.listen, plan.web.tls.as_ref(), token)?;
        match running.is_there().await {
            Ok(()) => return Ok(Gateway::Running(running)),
            Err(why) if is_held(&data_dir) => bail!(
                "a gateway runs on {}, but does not answer at {}: {why}",
                data_dir.display(),
                running.address
            ),
            Err(_) => {}
        }
    }
    check_folder(&data_dir)?;
    Ok(Gateway::Stopped { data_dir })
}

/// A wrong folder is told before anything else is done; that its gateway runs is told by what is tried.
fn check_folder(data_dir: &Path) -> anyhow::Result<()> {
    match Inspection::open(data_dir) {
        Err(wrong @ InspectError::NoBuffer(_)) => Err(wrong.into()),
        Ok(_) | Err(InspectError::Held(_) | InspectError::Unreadable { .. }) => Ok(()),
    }
}

fn is_held(data_dir: &Path) -> bool {
    matches!(Inspection::open(data_dir), Err(InspectError::Held(_)))
}

impl Gateway {
    async fn status(&self) -> anyhow::Result<()> {
        match self {
            Self::Running(running) => {
                let status = running.ask(Method::GET, "status", None).await?;
                println!(
                    "{:#}",
                    json!({"buffer": status["buffer"], "upstreams": status["upstreams"]})
                );
            }
            Self::Stopped { data_dir } => stopped_status(&Inspection::open(data_dir)?)?,
        }
        Ok(())
    }

    async fn list(&self, ids: bool, dead: bool) -> anyhow::Result<()> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        if dead {
            for letter in self.letters().await? {
                if ids {
                    writeln!(out, "{}", letter.message_id)?;
                } else {
                    let DeadLetter {
                        message_id,
                        upstream,
                        message_type,
                        code,
                        detail,
                        since,
                        ..
                    } = letter;
                    writeln!(
                        out,
                        "{message_id}  {since}  {upstream}  {message_type}  {code}  {detail}"
                    )?;
                }
            }
            return Ok(out.flush()?);
        }
        self.each(|lane, sequence, message_id, message| {
            if ids {
                writeln!(out, "{message_id}")
            } else {
                let kind = message
                    .split("\"message_type\":\"")
                    .nth(1)
                    .and_then(|m| m.split('"').next())
                    .unwrap_or("?");
                writeln!(out, "{message_id}  {lane}  {sequence}  {kind}")
            }
        })
        .await?;
        Ok(out.flush()?)
    }

    async fn show(&self, wanted: &str, payload_only: bool) -> anyhow::Result<()> {
        let mut kept = None;
        self.each(|_, _, message_id, message| {
            if message_id == wanted {
                kept = Some(message.to_owned());
            }
            Ok(())
        })
        .await?;
        let mut letters = self.letters().await?;
        letters.retain(|letter| letter.message_id == wanted);
        let message = kept.or_else(|| letters.first().map(|letter| letter.message.get().to_owned()));
        let message = message.ok_or_else(|| anyhow!("no record and no dead letter has the id {wanted}"))?;
        if payload_only {
            let Sent { payload } = serde_json::from_str(&message)?;
            println!("{payload}");
            return Ok(());
        }
        let mut whole: Value = serde_json::from_str(&message)?;
        if !letters.is_empty() {
            let refused = letters.iter().map(|letter| {
                let DeadLetter {
                    upstream,
                    code,
                    detail,
                    since,
                    ..
                } = letter;
                json!({"upstream": upstream, "code": code, "detail": detail, "since": since})
            });
            whole["refused"] = refused.collect();
        }
        println!("{whole:#}");
        Ok(())
    }

    async fn export(&self, out: Option<&Path>, dead: bool) -> anyhow::Result<()> {
        let target: Box<dyn Write> = match out {
            Some(path) => {
                Box::new(std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
            }
            None => Box::new(std::io::stdout()),
        };
        let mut target = BufWriter::new(target);
        if dead {
            for letter in self.letters().await? {
                writeln!(target, "{}", serde_json::to_string(&letter)?)?;
            }
        } else {
            self.each(|_, _, _, message| writeln!(target, "{message}")).await?;
        }
        Ok(target.flush()?)
    }

    async fn resubmit(&self, message_id: &str, payload: Option<&Path>) -> anyhow::Result<()> {
        let corrected = payload.map(read_payload).transpose()?;
        match self {
            Self::Running(running) => {
                let body = corrected.map(|raw| raw.get().to_owned());
                running
                    .ask(
                        Method::POST,
                        &format!("buffer/dead-letters/{message_id}/resubmit"),
                        body,
                    )
                    .await?;
            }
            Self::Stopped { data_dir } => {
                let (buffer, writer) = open_in_place(data_dir)?;
                let resubmitted = buffer.resubmit(message_id, corrected.as_deref(), Zone::UTC).await;
                tokio::task::spawn_blocking(move || writer.finish()).await?;
                resubmitted?;
            }
        }
        println!("resubmitted {message_id}");
        Ok(())
    }

    async fn discard(&self, message_id: &str) -> anyhow::Result<()> {
        match self {
            Self::Running(running) => {
                running
                    .ask(Method::POST, &format!("buffer/dead-letters/{message_id}/discard"), None)
                    .await?;
            }
            Self::Stopped { data_dir } => {
                let (buffer, writer) = open_in_place(data_dir)?;
                let discarded = buffer.discard(message_id).await;
                tokio::task::spawn_blocking(move || writer.finish()).await?;
                discarded?;
            }
        }
        println!("discarded {message_id}");
        Ok(())
    }

    async fn forget(&self, upstream: &str) -> anyhow::Result<()> {
        match self {
            Self::Running(running) => {
                running
                    .ask(Method::POST, &format!("buffer/upstreams/{upstream}/forget"), None)
                    .await?;
            }
            Self::Stopped { data_dir } => {
                let (buffer, writer) = open_in_place(data_dir)?;
                let is_forgotten = buffer.forget_upstream(upstream)?;
                tokio::task::spawn_blocking(move || writer.finish()).await?;
                if !is_forgotten {
                    bail!("nothing waits for an upstream {upstream}");
                }
            }
        }
        println!("nothing waits for {upstream} any more");
        Ok(())
    }

    async fn letters(&self) -> anyhow::Result<Vec<DeadLetter>> {
        match self {
            Self::Running(running) => running.letters().await,
            Self::Stopped { data_dir } => Ok(Inspection::open(data_dir)?.dead_letters("", usize::MAX)?),
        }
    }

    /// Gives every record, the report lane first: lane, sequence, id, the message as it travels.
    async fn each(&self, mut take: impl FnMut(Lane, u64, &str, &str) -> std::io::Result<()>) -> anyhow::Result<()> {
        match self {
            Self::Running(running) => running.each(take).await,
            Self::Stopped { data_dir } => {
                let inspection = Inspection::open(data_dir)?;
                let epoch = inspection.epoch().unwrap_or_default();
                for lane in Lane::BOTH {
                    let mut written = Ok(());
                    inspection.read(lane, |entry| {
                        let mut message = Vec::new();
                        wire::encode_message(lane, epoch, &entry, &mut message);
                        let (id, message) = (Record::message_id(&entry.json), std::str::from_utf8(&message));
                        if let (Some(id), Ok(message), true) = (id, message, written.is_ok()) {
                            written = take(lane, entry.seq, id, message);
                        }
                    })?;
                    written?;
                }
                Ok(())
            }
        }
    }
}

/// Of a message as it travels, what a correction replaces.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
}

fn stopped_status(inspection: &Inspection) -> anyhow::Result<()> {
    println!(
        "buffer in {}, epoch {}",
        inspection.dir().display(),
        inspection.epoch().unwrap_or_default()
    );
    for lane in Lane::BOTH {
        let segments = inspection.segments(lane)?;
        let bytes = segments.iter().map(|(_, bytes)| bytes).sum();
        let first = segments.first().map_or(1, |(first, _)| *first);
        let next = inspection.next(lane)?;
        println!(
            "{lane}: records {first} to {}, {} segments, {}",
            next.saturating_sub(1),
            segments.len(),
            Size(bytes)
        );
        for (upstream, places) in inspection.cursors()? {
            let waiting = places.map_or(next - first, |places| next.saturating_sub(places.lane(lane).next));
            println!("  {waiting} wait for {upstream}");
        }
    }
    println!("dead letters: {}", inspection.dead_letters("", usize::MAX)?.len());
    Ok(())
}

fn read_payload(path: &Path) -> anyhow::Result<Box<RawValue>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Opens a stopped gateway's buffer to change it. Upstreams are those that left their place behind.
fn open_in_place(data_dir: &Path) -> anyhow::Result<(Buffer, crate::buffer::Writer)> {
    let dir = Inspection::open(data_dir)?.dir().to_owned();
    let settings = Settings {
        dir,
        max_bytes: u64::MAX,
        min_free_bytes: 0,
        commit_wait: std::time::Duration::ZERO,
        gateway_id: "lineside".to_owned(),
        zone: Zone::UTC,
        upstreams: Vec::new(),
    };
    match Buffer::open(settings, Status::default()) {
        Err(OpenError::Held(dir)) => {
            bail!("a gateway runs on {}; use --config, so that it is asked", dir.display())
        }
        opened => Ok(opened?),
    }
}
