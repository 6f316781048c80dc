//! Machines of the demo: a plausible life (running, stopped, fault; pieces, force, heat), told over MQTT or read over
//! Modbus TCP.
//!
//! ```text
//! MQTT    plant/NAME/status  {"state":"RUN|STOP|ALM","good":123,"scrap":4,"temp":48.2,"ts":"2026-…"}   QoS 1
//! Modbus  holding 0 state (0 stopped, 1 running, 2 fault) · 2-3 good u32 CDAB · 4-5 scrap u32 CDAB
//!         input 10-11 force f32 ABCD · 12 temperature i16 in tenths
//! ```

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};
use tokio_util::sync::CancellationToken;

use crate::clock::Zone;

/// How often a machine lives on a step, and an MQTT machine tells it.
const STEP: Duration = Duration::from_millis(200);
/// What was published and not acknowledged is waited for this long when a machine stops.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);
/// Publishes that may wait for the broker.
const PUBLISHES_MAX: usize = 1000;
const ROOM_CELSIUS: f64 = 24.0;
const WORKING_CELSIUS: f64 = 58.0;
/// Of a piece at the moment the tool meets it.
const FORCE_KN: f64 = 12.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Stopped = 0,
    Running = 1,
    Fault = 2,
}

/// The life of one machine. The same seed lives the same life.
#[derive(Debug)]
pub struct Life {
    rng: Rng,
    pub state: State,
    /// Until the state changes.
    left: Duration,
    /// For one piece.
    cycle: Duration,
    /// Worked on the piece at hand so far.
    worked: Duration,
    pub good: u32,
    pub scrap: u32,
    pub celsius: f64,
    pub force_kn: f64,
}

impl Life {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            state: State::Running,
            left: Duration::from_secs(rng.u64(4..20)),
            cycle: Duration::from_millis(rng.u64(700..1500)),
            worked: Duration::ZERO,
            good: 0,
            scrap: 0,
            celsius: ROOM_CELSIUS + 10.0 * rng.f64(),
            force_kn: 0.0,
            rng,
        }
    }

    /// Lives on for a while.
    pub fn step(&mut self, by: Duration) {
        self.left = self.left.saturating_sub(by);
        if self.left.is_zero() {
            self.change();
        }
        let noise = self.rng.f64() - 0.5;
        let is_running = self.state == State::Running;
        let toward = if is_running { WORKING_CELSIUS } else { ROOM_CELSIUS };
        self.celsius += (toward - self.celsius) * (by.as_secs_f64() / 60.0).min(1.0) + 0.2 * noise;
        self.force_kn = if is_running { FORCE_KN + 0.6 * noise } else { 0.0 };
        if is_running {
            self.worked += by;
            while self.worked >= self.cycle {
                self.worked -= self.cycle;
                if self.rng.f64() < 0.02 {
                    self.scrap += 1;
                } else {
                    self.good += 1;
                }
            }
        }
    }

    fn change(&mut self) {
        let seconds = match self.state {
            State::Running if self.rng.f64() < 0.3 => {
                self.state = State::Fault;
                4..10
            }
            State::Running => {
                self.state = State::Stopped;
                3..8
            }
            State::Stopped | State::Fault => {
                self.state = State::Running;
                15..60
            }
        };
        self.left = Duration::from_secs(self.rng.u64(seconds));
    }
}

/// A machine that speaks MQTT.
pub struct MqttMachine {
    telling: JoinHandle<Told>,
}

/// What became of what a machine published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub published: u64,
    pub acknowledged: u64,
}

impl MqttMachine {
    /// Tells its life on `plant/NAME/status` until told to stop.
    pub fn start(name: &str, broker: SocketAddr, seed: u64, zone: Zone, stop: CancellationToken) -> Self {
        let mut options = MqttOptions::new(name, broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(30));
        let (client, events) = AsyncClient::new(options, PUBLISHES_MAX);
        let topic = format!("plant/{name}/status");
        let telling = tokio::spawn(async move { tell(Life::new(seed), topic, client, events, zone, stop).await });
        Self { telling }
    }

    /// Waits until the machine, told to stop, has its last acknowledgement.
    pub async fn stopped(self) -> Told {
        self.telling.await.unwrap_or_default()
    }
}

async fn tell(
    mut life: Life,
    topic: String,
    client: AsyncClient,
    mut events: rumqttc::EventLoop,
    zone: Zone,
    stop: CancellationToken,
) -> Told {
    let mut told = Told::default();
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut give_up = None;
    loop {
        let end = async {
            match give_up {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.poll() => match event {
                Ok(Event::Incoming(Incoming::PubAck(_))) => told.acknowledged += 1,
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(topic, %error, "a machine of the demo lost its broker");
                    tokio::time::sleep(STEP).await;
                }
            },
            _ = steps.tick(), if give_up.is_none() => {
                life.step(STEP);
                let state = match life.state {
                    State::Running => "RUN",
                    State::Stopped => "STOP",
                    State::Fault => "ALM",
                };
                let body = json!({
                    "state": state,
                    "good": life.good,
                    "scrap": life.scrap,
                    "temp": (life.celsius * 10.0).round() / 10.0,
                    "ts": zone.rfc3339(chrono::Utc::now()),
                });
                if client.try_publish(&topic, QoS::AtLeastOnce, false, body.to_string()).is_ok() {
                    told.published += 1;
                }
            }
            () = stop.cancelled(), if give_up.is_none() => give_up = Some(Instant::now() + ACKNOWLEDGED_WITHIN),
            () = end => return told,
        }
        if give_up.is_some() && told.acknowledged >= told.published {
            return told;
        }
    }
}

/// A machine that answers over Modbus TCP, one unit on a port of its own.
pub struct ModbusMachine {
    address: SocketAddr,
}

impl ModbusMachine {
    /// Serves on a listener that the caller has bound, until told to stop.
    pub fn start(listener: TcpListener, seed: u64, stop: CancellationToken) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let life = Arc::new(Mutex::new(Life::new(seed)));
        let served = Arc::clone(&life);
        let end = stop.clone();
        tokio::spawn(async move {
            let connected = async |stream, peer| {
                let unit = Unit(Arc::clone(&served));
                accept_tcp_connection(stream, peer, move |_| Ok(Some(unit.clone())))
            };
            let serving = Server::new(listener);
            let failed = |error| tracing::debug!(%error, "a connection to a Modbus machine of the demo ended");
            let serve = serving.serve(&connected, failed);
            end.run_until_cancelled(serve).await
        });
        tokio::spawn(async move {
            let mut steps = interval(STEP);
            while stop.run_until_cancelled(steps.tick()).await.is_some() {
                life.lock().unwrap_or_else(PoisonError::into_inner).step(STEP);
            }
        });
        Ok(Self { address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[derive(Clone)]
struct Unit(Arc<Mutex<Life>>);

impl tokio_modbus::server::Service for Unit {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = std::future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let life = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::future::ready(match request {
            Request::ReadHoldingRegisters(start, count) => {
                slice(&holding(&life), 0, start, count).map(Response::ReadHoldingRegisters)
            }
            Request::ReadInputRegisters(start, count) => {
                slice(&input(&life), INPUT_START, start, count).map(Response::ReadInputRegisters)
            }
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

/// The address of the first input register.
const INPUT_START: u16 = 10;

fn holding(life: &Life) -> Vec<u16> {
    // CDAB: the low word first.
    let low_first = |number: u32| [(number & 0xffff) as u16, (number >> 16) as u16];
    let [good, scrap] = [low_first(life.good), low_first(life.scrap)];
    vec![life.state as u16, 0, good[0], good[1], scrap[0], scrap[1]]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a machine's force and heat fit its registers"
)]
fn input(life: &Life) -> Vec<u16> {
    let force = (life.force_kn as f32).to_bits();
    let tenths = (life.celsius * 10.0).round() as i16;
    vec![(force >> 16) as u16, (force & 0xffff) as u16, tenths.cast_unsigned()]
}

fn slice(registers: &[u16], first: u16, start: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
    let start = usize::from(start.checked_sub(first).ok_or(ExceptionCode::IllegalDataAddress)?);
    registers
        .get(start..start + usize::from(count))
        .map(<[u16]>::to_vec)
        .ok_or(ExceptionCode::IllegalDataAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_lives_the_same_life_with_all_that_happens_to_machines() {
        let (mut one, mut other) = (Life::new(7), Life::new(7));
        let mut seen = Vec::new();
        for _ in 0..10_000 {
            one.step(STEP);
            other.step(STEP);
            if !seen.contains(&one.state) {
                seen.push(one.state);
            }
        }
        assert_eq!((one.good, one.scrap, one.state), (other.good, other.scrap, other.state));
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(one.good > 100 * one.scrap.max(1) / 10, "{} to {}", one.good, one.scrap);
        assert!((ROOM_CELSIUS - 5.0..WORKING_CELSIUS + 5.0).contains(&one.celsius));
    }

    #[test]
    fn registers_lie_where_the_configuration_reads_them() {
        let life = Life {
            good: 0x0001_0002,
            ..Life::new(1)
        };
        assert_eq!(slice(&holding(&life), 0, 2, 2), Ok(vec![2, 1]));
        assert_eq!(slice(&holding(&life), 0, 5, 2), Err(ExceptionCode::IllegalDataAddress));
        assert_eq!(slice(&input(&life), INPUT_START, 10, 3).map(|r| r.len()), Ok(3));
        assert_eq!(
            slice(&input(&life), INPUT_START, 9, 1),
            Err(ExceptionCode::IllegalDataAddress)
        );
    }
}
