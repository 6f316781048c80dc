//! Machines of the demo: lives told over MQTT or read over Modbus TCP.
//!
//! ```text
//! MQTT    plant/NAME/status  {"state":"RUN|STOP|ALM","good":123,"scrap":4,"temp":48.21,"ts":"2026-…"}   QoS 1
//! Modbus  holding 0 state (0 stopped, 1 running, 2 fault) · 2-3 good u32 CDAB · 4-5 scrap u32 CDAB
//!         input 10-11 force f32 ABCD · 12 temperature i16 in hundredths
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};
use tokio_util::sync::CancellationToken;

use super::life::{Life, Machine, STEP, State};
use crate::clock::Zone;

/// What was published and not acknowledged is waited for this long when a machine stops.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);
/// Publishes that may wait for the broker.
const PUBLISHES_MAX: usize = 1000;
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
    pub fn start(name: &str, broker: SocketAddr, machine: Machine, zone: Zone, stop: CancellationToken) -> Self {
        let mut options = MqttOptions::new(name, broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(30));
        let (client, events) = AsyncClient::new(options, PUBLISHES_MAX);
        let topic = format!("plant/{name}/status");
        let telling = tokio::spawn(async move { tell(machine, topic, client, events, zone, stop).await });
        Self { telling }
    }

    /// Waits until the machine, told to stop, has its last acknowledgement.
    pub async fn stopped(self) -> Told {
        self.telling.await.unwrap_or_default()
    }
}

async fn tell(
    machine: Machine,
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
                let body = {
                    let mut life = machine.look();
                    life.step(STEP);
                    said(&life, zone)
                };
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

fn said(life: &Life, zone: Zone) -> serde_json::Value {
    let state = match life.state {
        State::Running => "RUN",
        State::Stopped => "STOP",
        State::Fault => "ALM",
    };
    json!({
        "state": state,
        "good": life.good,
        "scrap": life.scrap,
        "temp": (life.celsius_told * 100.0).round() / 100.0,
        "ts": zone.rfc3339(chrono::Utc::now()),
    })
}

/// A machine that answers over Modbus TCP, one unit on a port of its own.
pub struct ModbusMachine {
    address: SocketAddr,
}

impl ModbusMachine {
    /// Serves on a listener that the caller has bound, until told to stop.
    pub fn start(listener: TcpListener, machine: Machine, stop: CancellationToken) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let served = machine.clone();
        let end = stop.clone();
        tokio::spawn(async move {
            let connected = async |stream, peer| {
                let unit = Unit(served.clone());
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
                machine.look().step(STEP);
            }
        });
        Ok(Self { address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[derive(Clone)]
struct Unit(Machine);

impl tokio_modbus::server::Service for Unit {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = std::future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let life = self.0.look();
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
    let hundredths = (life.celsius_told * 100.0).round() as i16;
    vec![
        (force >> 16) as u16,
        (force & 0xffff) as u16,
        hundredths.cast_unsigned(),
    ]
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
    use crate::demo::faults::Faults;

    #[test]
    fn registers_lie_where_the_configuration_reads_them() {
        let mut life = Life::new(1, crate::demo::plant::PACE, Faults::default());
        life.good = 0x0001_0002;
        assert_eq!(slice(&holding(&life), 0, 2, 2), Ok(vec![2, 1]));
        assert_eq!(slice(&holding(&life), 0, 5, 2), Err(ExceptionCode::IllegalDataAddress));
        assert_eq!(slice(&input(&life), INPUT_START, 10, 3).map(|r| r.len()), Ok(3));
        assert_eq!(
            slice(&input(&life), INPUT_START, 9, 1),
            Err(ExceptionCode::IllegalDataAddress)
        );
    }
}
