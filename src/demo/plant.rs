//! The wiring of the demo: store, broker, machines, gateway and people, each on sockets of its own, and their orderly end.
//!
//! Everything lies in one folder. A plant started there again goes on with its data.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::accounts::{self, Welcome};
use super::broker::Broker;
use super::config::{self, Peers};
use super::count::{self, Outcome};
use super::faults::Faults;
use super::inspector::Inspector;
use super::life::{CYCLE_OF_PACE, Life, Machine};
use super::machines::{ModbusMachine, MqttMachine};
use super::office::{Office, REASONS, WORKERS};
use super::operators::{Crew, Station, Tally};
use crate::clock::Zone;
use crate::forward;
use crate::gateway::Gateway;
use crate::record::Timestamp;
use crate::secret::Secret;
use crate::store::{self, Store};
use crate::web::control_token_file;

/// Code and name of each machine.
const MQTT_MACHINES: [(&str, &str); 3] = [
    ("PRESS-1", "1# 冲床 Press"),
    ("PRESS-2", "2# 冲床 Press"),
    ("WASH-1", "1# 清洗机 Washer"),
];
const MODBUS_MACHINES: [(&str, &str); 3] = [
    ("BEND-1", "1# 折弯机 Press brake"),
    ("BEND-2", "2# 折弯机 Press brake"),
    ("SHEAR-1", "1# 剪板机 Shear"),
];
/// Station, the port its scanner connects to if it is free, and the machine it stands at.
const STATIONS: [(&str, u16, &str); 2] = [("ST-01", 9101, "PRESS-1"), ("ST-02", 9102, "BEND-1")];

/// What was heard has to reach its end within this time, before it is counted as not delivered.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Records that the gateway delivers while it stops; machines that are asked go on speaking until then.
const WAITING_AT_STOP_MAX: u64 = 50;

/// Between two scans of an operator, on average: a machine makes a piece in 0.9 s to 1.35 s.
pub const PACE: Duration = Duration::from_secs(3);
/// Whoever inspects takes longer than whoever scans.
const PACES_BETWEEN_INSPECTIONS: u32 = 6;

#[derive(Debug, Clone)]
pub struct Settings {
    pub dir: PathBuf,
    /// The window's address; a free port is taken when it is in use.
    pub listen: SocketAddr,
    pub seed: u64,
    /// Between two scans of an operator, on average; machines keep to it.
    pub pace: Duration,
    /// Nothing goes wrong but by chance.
    pub is_calm: bool,
}

/// A running plant.
pub struct Plant {
    dir: PathBuf,
    welcome: Option<Welcome>,
    web: SocketAddr,
    store_address: SocketAddr,
    started: Timestamp,
    store: Store,
    office: Office,
    broker: Broker,
    client: reqwest::Client,
    machines: Vec<MqttMachine>,
    operators: JoinSet<Tally>,
    inspector: JoinHandle<()>,
    gateway: JoinHandle<anyhow::Result<()>>,
    serving: JoinHandle<std::io::Result<()>>,
    /// People and the machines that publish.
    shift: CancellationToken,
    gateway_stop: CancellationToken,
    /// Everything else.
    stop: CancellationToken,
}

/// What a glance at the plant shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    pub machines: usize,
    pub running: usize,
    /// Heard from all sources since the gateway started.
    pub readings: u64,
    pub reports: u64,
    pub waiting: u64,
    pub upstream_reachable: bool,
}

impl Plant {
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let dir = &settings.dir;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let stop = CancellationToken::new();
        let token = store_token(dir)?;
        let (store, store_address, serving) = open_store(dir, token.clone(), &stop).await?;
        let client = forward::http::client()?;
        let office = Office::open(format!("http://{store_address}"), token, client.clone(), STATIONS.len()).await?;
        let equipment: Vec<_> = MQTT_MACHINES.into_iter().chain(MODBUS_MACHINES).collect();
        office.push_reference(&equipment).await?;

        let broker = Broker::start(loopback().await?)?;
        let faults = |name: &str| {
            if settings.is_calm {
                Faults::default()
            } else {
                Faults::of(name)
            }
        };
        let lives: BTreeMap<&str, Machine> = (1..)
            .zip(&equipment)
            .map(|(nth, (code, _))| {
                let life = Life::new(settings.seed + nth, settings.pace, faults(code));
                (*code, Machine::new(life))
            })
            .collect();
        let mut modbus = Vec::new();
        for (code, _) in MODBUS_MACHINES {
            let machine = ModbusMachine::start(loopback().await?, lives[code].clone(), stop.clone())?;
            modbus.push((code, machine.address()));
        }
        // A window on a port of the caller's choice is for people, who find the scanners' ports at their usual place too.
        let has_usual_ports = settings.listen.port() != 0;
        let stations = STATIONS.map(|(station, port, equipment)| {
            let wanted = SocketAddr::from(([127, 0, 0, 1], if has_usual_ports { port } else { 0 }));
            free(wanted).map(|address| (station, address, equipment))
        });
        let stations = stations.into_iter().collect::<std::io::Result<Vec<_>>>()?;
        let text = config::text(&Peers {
            web: free(settings.listen).with_context(|| format!("no free port at {}", settings.listen.ip()))?,
            broker: broker.address(),
            modbus: &modbus,
            stations: &stations,
            store: store_address,
            equipment: &equipment,
            ideal_cycle: settings.pace.mul_f64(CYCLE_OF_PACE),
        });
        let file = config_file(dir);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        let plan = crate::config::load(&file)?;
        let gateway = Gateway::bind(plan).await?;
        // Passwords are told once, so they are made when nothing stands in the way of telling them.
        let accounts_file = dir.join(config::ACCOUNTS_FILE);
        let make = move || accounts::make(&accounts_file, &STATIONS.map(|(station, ..)| station));
        let welcome = tokio::task::spawn_blocking(make).await??;
        let web = gateway.web_address()?;
        let scanners = gateway.scanner_addresses();
        let gateway_stop = CancellationToken::new();
        let started = chrono::Utc::now();
        let gateway = tokio::spawn(gateway.run(gateway_stop.clone().cancelled_owned()));

        wait_for_reference(&client, web).await?;

        let shift = CancellationToken::new();
        let zone = Zone(config::TIME_ZONE.parse().expect("the demo's time zone is one"));
        let machines = MQTT_MACHINES
            .map(|(code, _)| MqttMachine::start(code, broker.address(), lives[code].clone(), zone, shift.clone()));
        let mut operators = JoinSet::new();
        for (nth, (station, _, equipment)) in STATIONS.into_iter().enumerate() {
            let scanner = *scanners.get(station).context("the gateway has no such station")?;
            let crew = Crew {
                // Nobody works at two stations at once.
                workers: WORKERS
                    .into_iter()
                    .skip(nth)
                    .step_by(STATIONS.len())
                    .map(|(number, _)| number.to_owned())
                    .collect(),
                reasons: REASONS.map(|(code, ..)| code.to_owned()).to_vec(),
                pace: settings.pace,
                seed: settings.seed + 100 + nth as u64,
                machine: lives[equipment].clone(),
                faults: faults(station),
            };
            operators.spawn(Station::new(scanner, office.clone(), crew, shift.clone()).work(nth));
        }
        let control = fs::read_to_string(control_token_file(&dir.join("gateway")))?;
        let inspector = Inspector {
            web,
            token: Secret::new(control),
            client: client.clone(),
            office: office.clone(),
            pace: settings.pace * PACES_BETWEEN_INSPECTIONS,
            rng: fastrand::Rng::with_seed(settings.seed + 200),
            stop: shift.clone(),
        };
        Ok(Self {
            dir: dir.clone(),
            welcome,
            web,
            store_address,
            started,
            store,
            office,
            broker,
            client,
            machines: machines.into(),
            operators,
            inspector: tokio::spawn(inspector.work()),
            gateway,
            serving,
            shift,
            gateway_stop,
            stop,
        })
    }

    pub fn web_address(&self) -> SocketAddr {
        self.web
    }

    /// How to sign in; told at the first start in a folder alone.
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    pub fn store_address(&self) -> SocketAddr {
        self.store_address
    }

    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Whether a part of the plant has ended by itself, which it never should.
    pub fn has_failed(&self) -> bool {
        self.gateway.is_finished() || self.serving.is_finished()
    }

    /// Looks at the plant through the gateway's window.
    pub async fn pulse(&self) -> anyhow::Result<Pulse> {
        let status = look(&self.client, self.web, "status").await?;
        let equipment = look(&self.client, self.web, "equipment").await?;
        let number = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let all = |value: Option<&Value>| -> Vec<Value> {
            value
                .and_then(Value::as_object)
                .map(|members| members.values().cloned().collect())
                .unwrap_or_default()
        };
        let upstreams = all(status.get("upstreams"));
        let machines = all(Some(&equipment));
        Ok(Pulse {
            machines: machines.len(),
            running: machines.iter().filter(|view| view["state"] == "running").count(),
            readings: all(status.get("sources"))
                .iter()
                .map(|source| number(source, "/readings"))
                .sum(),
            reports: number(&status, "/buffer/lanes/report/next_sequence").saturating_sub(1),
            waiting: upstreams
                .iter()
                .flat_map(|upstream| all(upstream.get("waiting")))
                .filter_map(|lane| lane.as_u64())
                .sum(),
            upstream_reachable: upstreams.iter().all(|upstream| upstream["reachable"] == true),
        })
    }

    /// Ends the shift, lets everything reach its end, stops the gateway, and counts.
    pub async fn finish(mut self) -> anyhow::Result<Outcome> {
        if self.has_failed() {
            bail!("a part of the plant ended early: {:?}", self.gateway.await);
        }
        self.shift.cancel();
        let mut tally = Tally::default();
        while let Some(of_station) = self.operators.join_next().await {
            tally.add(&of_station?);
        }
        (&mut self.inspector).await?;
        for machine in std::mem::take(&mut self.machines) {
            machine.stopped().await;
        }
        // What is late is counted as it is, so time running out is not an error here.
        let _ = tokio::time::timeout(DRAIN_WITHIN, self.drained()).await;
        self.gateway_stop.cancel();
        self.gateway.await??;
        let data_dir = self.dir.join("gateway");
        let stations = STATIONS.map(|(station, ..)| station);
        let outcome = count::count(&data_dir, &self.store, &self.office, tally, &stations, self.started).await?;
        self.stop.cancel();
        self.serving.await??;
        Ok(outcome)
    }

    async fn drained(&self) {
        self.broker.drained().await;
        loop {
            let pulse = self.pulse().await.unwrap_or_default();
            if pulse.upstream_reachable && pulse.waiting <= WAITING_AT_STOP_MAX {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The shift begins when the gateway knows the orders.
async fn wait_for_reference(client: &reqwest::Client, web: SocketAddr) -> anyhow::Result<()> {
    let known = async {
        loop {
            if let Ok(status) = look(client, web, "status").await
                && status.pointer("/reference/fresh") == Some(&Value::Bool(true))
            {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(DRAIN_WITHIN, known)
        .await
        .context("the gateway does not hear of the orders")
}

async fn look(client: &reqwest::Client, web: SocketAddr, at: &str) -> anyhow::Result<Value> {
    let url = format!("http://{web}/api/v1/{at}");
    let answer = client.get(url).timeout(Duration::from_secs(2)).send().await?;
    Ok(serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?)
}

pub fn config_file(dir: &Path) -> PathBuf {
    dir.join("lineside.toml")
}

pub fn database_file(dir: &Path) -> PathBuf {
    dir.join("store.db")
}

async fn open_store(
    dir: &Path,
    token: Secret,
    stop: &CancellationToken,
) -> anyhow::Result<(Store, SocketAddr, JoinHandle<std::io::Result<()>>)> {
    let url = format!("sqlite://{}", database_file(dir).display());
    let store = Store::open(&url, None, store::Settings::default())
        .await
        .context("the store's database cannot be opened")?;
    let listener = loopback().await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(store::serve(store.clone(), listener, Some(token), stop.clone()));
    Ok((store, address, serving))
}

/// The token of the folder's store, made at the first start, for the folder's owner only.
fn store_token(dir: &Path) -> anyhow::Result<Secret> {
    let file = dir.join("store.token");
    if !file.exists() {
        let mut made = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)?;
        writeln!(made, "{}", Secret::random()?.reveal())?;
    }
    Secret::from_file(&file).with_context(|| format!("cannot use {}", file.display()))
}

async fn loopback() -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// The address itself when nobody listens there, or else one with a free port.
fn free(wanted: SocketAddr) -> std::io::Result<SocketAddr> {
    let taken = std::net::TcpListener::bind(wanted)
        .or_else(|_| std::net::TcpListener::bind(SocketAddr::new(wanted.ip(), 0)))?;
    taken.local_addr()
}
