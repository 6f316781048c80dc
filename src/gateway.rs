//! The wiring of `lineside run`: every channel and every task is made here. Two steps, so that tests and the demo can ask
//! for free ports and learn which they got: [`Gateway::bind`], then [`Gateway::run`] until the shutdown future resolves.
//!
//! Stopping goes with the line: sources end first, the intake when the last of them has let go, the writer when the intake
//! has, the upstreams last. One deadline is over all, and who is late is named. A stage that ends early ends the gateway.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::audit::{self, Audit};
use crate::buffer::Buffer;
use crate::clock_sync;
use crate::config::Plan;
use crate::forward;
use crate::intake::Intake;
use crate::looks::{Look, Looks};
use crate::record::Kind;
use crate::reference::{self, Reference};
use crate::source::{http, modbus, mqtt, scanner};
use crate::status::Status;
use crate::submissions::Submissions;
use crate::tls;
use crate::web;
use crate::writes::{Write, Writes};

/// Readings between the sources and the intake.
const READINGS_MAX: usize = 1024;
/// From the signal to the end, whatever hangs.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(9);

/// A gateway with its addresses taken, ready to run.
pub struct Gateway {
    plan: Plan,
    web: TcpListener,
    scanners: Vec<(scanner::Settings, Option<TcpListener>)>,
}

impl Gateway {
    /// Takes the addresses that the plan listens on; port 0 takes a free one.
    pub async fn bind(plan: Plan) -> anyhow::Result<Self> {
        let web = TcpListener::bind(plan.web.listen).await.with_context(|| {
            format!(
                "the window cannot listen on {}; is another gateway running?",
                plan.web.listen
            )
        })?;
        let mut scanners = Vec::new();
        for station in &plan.stations {
            let listener = match station.port {
                scanner::Port::Listen(address) => Some(
                    TcpListener::bind(address)
                        .await
                        .with_context(|| format!("station {} cannot listen on {address}", station.station))?,
                ),
                _ => None,
            };
            scanners.push((station.clone(), listener));
        }
        Ok(Self { plan, web, scanners })
    }

    pub fn web_address(&self) -> std::io::Result<SocketAddr> {
        self.web.local_addr()
    }

    /// Where the stations' scanners connect to, by station.
    pub fn scanner_addresses(&self) -> BTreeMap<String, SocketAddr> {
        let bound = self.scanners.iter().filter_map(|(settings, listener)| {
            Some((settings.station.to_string(), listener.as_ref()?.local_addr().ok()?))
        });
        bound.collect()
    }

    /// Runs until `shutdown` resolves or a stage fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { plan, web, scanners } = self;
        let status = Status::default();
        let (buffer, writer) = {
            let (settings, status) = (plan.buffer.clone(), status.clone());
            tokio::task::spawn_blocking(move || Buffer::open(settings, status)).await??
        };
        let known = reference::load(&plan.data_dir.join("reference.json"), plan.reference_fresh_for);
        let (reference_tx, reference) = watch::channel(Arc::new(known));
        let stops = Stops::default();
        let control = web::control_token(&plan.data_dir).context("the control token could not be written")?;
        let (data_dir, zone) = (plan.data_dir.clone(), plan.web.zone);
        let (access, tls, audit, subscriptions) = tokio::task::spawn_blocking(move || {
            let tls = plan.web.tls.map(tls::Server::open).transpose()?;
            let access = web::access::Access::new(plan.web.access, control);
            let audit = Audit::open(&data_dir, zone).context("the audit log can't be written")?;
            let subscriptions = mqtt::Subscriptions::open(&data_dir);
            anyhow::Ok((access, tls.map(Arc::new), audit, subscriptions))
        })
        .await??;
        audit
            .record(started(&plan.gateway_id, &plan.web.configuration.sha256))
            .await?;

        let (readings_tx, readings) = mpsc::channel(READINGS_MAX);
        let intake = Intake::new(plan.intake, status.clone(), reference.clone(), &buffer.states());
        let intake = tokio::spawn(intake.run(readings, buffer.clone()));
        let (writes, writable) = Writes::new(plan.modbus.iter().map(|(_, settings)| settings.writable_points()));
        let (looks, to_see) = Looks::new(plan.modbus.iter().map(|(name, _)| name.as_str()));
        let mut sources = start_sources(
            (plan.mqtt, subscriptions),
            plan.modbus,
            scanners,
            writable.into_iter().zip(to_see),
            &readings_tx,
            &status,
            &stops.sources,
        );
        let (submissions, handed_in) = Submissions::new();
        sources.spawn(http::run(
            handed_in,
            readings_tx.clone(),
            status.source(http::NAME),
            stops.sources.clone(),
        ));
        drop(readings_tx);
        status.set_sources_started();

        let mut upstreams = JoinSet::new();
        let is_audit_sent = plan
            .upstreams
            .iter()
            .any(|upstream| upstream.kinds.contains(&Kind::Audit));
        for settings in plan.upstreams {
            upstreams.spawn(forward::run(
                settings,
                buffer.clone(),
                status.clone(),
                stops.upstreams.clone(),
            ));
        }
        let mut others = JoinSet::new();
        let (clock_of, stop) = (status.clone(), stops.others.clone());
        others.spawn(async move {
            clock_sync::watch(clock_of, stop).await;
            anyhow::Ok(())
        });
        if let Some(settings) = plan.reference {
            let (status, stop) = (status.clone(), stops.others.clone());
            others.spawn(async move {
                let upstream = settings.upstream.clone();
                let is_reachable = || status.is_reachable(&upstream);
                reference::keep_fresh(settings, reference_tx, is_reachable, stop).await;
                anyhow::Ok(())
            });
        } else {
            // Whoever looks at the reference data must not find its sender gone.
            others.spawn(hold(reference_tx, stops.others.clone()));
        }
        if is_audit_sent {
            let (audit, buffer, gateway_id) = (audit.clone(), buffer.clone(), plan.gateway_id.clone());
            let stop = stops.others.clone();
            others.spawn(async move {
                audit::forward::run(audit, buffer, gateway_id, zone, stop).await;
                anyhow::Ok(())
            });
        }
        let window = web::Window {
            status: status.clone(),
            buffer: buffer.clone(),
            reference,
            writes,
            looks,
            configuration: plan.web.configuration,
            submissions,
            access,
            audit,
            zone,
            identity: plan.web.identity,
        };
        let stop = stops.others.clone();
        others.spawn(async move { web::serve(web, tls, window, stop).await.context("the window failed") });
        tracing::info!(gateway = plan.gateway_id, epoch = buffer.epoch(), "the gateway runs");

        let mut intake = intake;
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            reason = writer.failed() => Err(anyhow!("the buffer's disk failed: {reason}")),
            ended = &mut intake => Err(anyhow!("the intake ended early: {ended:?}")),
            Some(ended) = sources.join_next() => Err(anyhow!("a source ended early: {ended:?}")),
            Some(ended) = upstreams.join_next() => Err(anyhow!("an upstream's task ended early: {ended:?}")),
            Some(ended) = others.join_next() => Err(anyhow!("a task ended early: {ended:?}")),
        };
        ended?;
        let mut late = "the sources";
        let orderly = async {
            stops.sources.cancel();
            while sources.join_next().await.is_some() {}
            late = "the intake";
            intake.await??;
            late = "the buffer";
            tokio::task::spawn_blocking(move || writer.finish()).await?;
            late = "an upstream";
            stops.upstreams.cancel();
            while let Some(ended) = upstreams.join_next().await {
                ended??;
            }
            late = "the window";
            stops.others.cancel();
            while let Some(ended) = others.join_next().await {
                ended??;
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(SHUTDOWN_WITHIN, orderly).await {
            Ok(done) => done,
            Err(_) => bail!("{late} did not end within {SHUTDOWN_WITHIN:?}; nothing that was answered is lost"),
        }
    }
}

/// One for each group of stages that ends together.
#[derive(Default)]
struct Stops {
    sources: CancellationToken,
    upstreams: CancellationToken,
    others: CancellationToken,
}

fn start_sources(
    (brokers, subscriptions): (Vec<(String, mqtt::Settings)>, mqtt::Subscriptions),
    buses: Vec<(String, modbus::Settings)>,
    scanners: Vec<(scanner::Settings, Option<TcpListener>)>,
    wishes: impl Iterator<Item = (mpsc::Receiver<Write>, mpsc::Receiver<Look>)>,
    readings: &mpsc::Sender<crate::record::Reading>,
    status: &Status,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut sources = JoinSet::new();
    for (name, settings) in brokers {
        let source = format!("mqtt/{name}");
        let status = status.source(&source);
        sources.spawn(mqtt::run(mqtt::Source {
            name: source.into(),
            settings,
            subscriptions: subscriptions.clone(),
            readings: readings.clone(),
            status,
            stop: stop.clone(),
        }));
    }
    for ((name, settings), (writes, looks)) in buses.into_iter().zip(wishes) {
        let status = status.source(&format!("modbus/{name}"));
        sources.spawn(modbus::run(
            name.into(),
            settings,
            readings.clone(),
            writes,
            looks,
            status,
            stop.clone(),
        ));
    }
    for (settings, listener) in scanners {
        sources.spawn(scanner::run(
            settings,
            listener,
            readings.clone(),
            status.clone(),
            stop.clone(),
        ));
    }
    sources
}

/// With what it runs, so that a changed configuration shows.
fn started(gateway_id: &str, configuration_sha256: &str) -> audit::Event {
    audit::Event {
        who: "gateway".to_owned(),
        action: "started".to_owned(),
        subject: gateway_id.to_owned(),
        detail: serde_json::json!({"version": env!("CARGO_PKG_VERSION"), "configuration_sha256": configuration_sha256}),
        ..audit::Event::default()
    }
}

async fn hold(sender: watch::Sender<Arc<Reference>>, stop: CancellationToken) -> anyhow::Result<()> {
    stop.cancelled().await;
    drop(sender);
    Ok(())
}
