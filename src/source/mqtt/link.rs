//! One connection to a broker, MQTT 3.1.1 or 5, over rumqttc. The only file that names it in the gateway.

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5 as wire5;
use rumqttc::{TlsConfiguration, v5};

use super::{CONNECT_WITHIN, KEEP_ALIVE, PACKET_BYTES_MAX, Protocol, Qos, RECEIVE_MAX, Settings, Transport};

/// A request never waits for the event loop: acknowledgements are as many as messages are under way.
const REQUESTS_MAX: usize = 65_536;

pub enum Heard {
    Message {
        topic: Bytes,
        body: Bytes,
        retained: bool,
        packet_id: Option<u16>,
    },
    /// The broker has granted every filter: messages flow.
    Subscribed,
    Other,
}

pub enum Link {
    V311(Box<rumqttc::EventLoop>),
    V5(v5::AsyncClient, Box<v5::EventLoop>),
}

impl Link {
    /// CONNECT with our persistent session, and SUBSCRIBE.
    pub async fn connect(settings: &Settings) -> Result<Self, String> {
        match settings.protocol {
            Protocol::V311 => connect_v311(settings).await,
            Protocol::V5 => connect_v5(settings).await,
        }
    }

    /// The next thing that happens. Safe to drop and call again.
    pub async fn next(&mut self) -> Result<Heard, String> {
        match self {
            Self::V311(event_loop) => match event_loop.poll().await {
                Ok(event) => heard_v311(event),
                Err(error) => Err(crate::files::causes(&error)),
            },
            Self::V5(_, event_loop) => match event_loop.poll().await {
                Ok(event) => heard_v5(event),
                Err(error) => Err(crate::files::causes(&error)),
            },
        }
    }

    /// Sends PUBACK for messages of this connection; with 3.1.1 all in one write.
    pub async fn acknowledge(&mut self, packet_ids: &[u16]) -> Result<(), String> {
        match self {
            Self::V311(event_loop) => {
                for packet_id in packet_ids {
                    let puback = rumqttc::Request::PubAck(rumqttc::PubAck::new(*packet_id));
                    let packet = event_loop
                        .state
                        .handle_outgoing_packet(puback)
                        .map_err(|e| e.to_string())?;
                    if let (Some(packet), Some(network)) = (packet, &mut event_loop.network) {
                        network.write(packet).await.map_err(|e| e.to_string())?;
                    }
                }
                if let Some(network) = &mut event_loop.network {
                    let flushed = tokio::time::timeout(CONNECT_WITHIN, network.flush()).await;
                    flushed
                        .map_err(|_| "PUBACK could not be sent in time".to_owned())?
                        .map_err(|e| e.to_string())?;
                }
                Ok(())
            }
            Self::V5(client, _) => {
                for packet_id in packet_ids {
                    let mut publish = wire5::Publish::new("", v5::mqttbytes::QoS::AtLeastOnce, Bytes::new(), None);
                    publish.pkid = *packet_id;
                    client.try_ack(&publish).map_err(|e| e.to_string())?;
                }
                Ok(())
            }
        }
    }
}

fn transport(settings: &Settings) -> rumqttc::Transport {
    match &settings.transport {
        Transport::Tcp => rumqttc::Transport::Tcp,
        Transport::Tls(config) => rumqttc::Transport::Tls(TlsConfiguration::Rustls(config.clone())),
        Transport::Ws => rumqttc::Transport::Ws,
        Transport::Wss(config) => rumqttc::Transport::Wss(TlsConfiguration::Rustls(config.clone())),
    }
}

/// Websockets are connected to by their whole URL.
fn address(settings: &Settings) -> &str {
    match settings.transport {
        Transport::Ws | Transport::Wss(_) => &settings.url,
        Transport::Tcp | Transport::Tls(_) => &settings.host,
    }
}

async fn connect_v311(settings: &Settings) -> Result<Link, String> {
    let mut options = rumqttc::MqttOptions::new(&settings.client_id, address(settings), settings.port);
    let packet_bytes_max = usize::try_from(PACKET_BYTES_MAX).unwrap_or(usize::MAX);
    options
        .set_transport(transport(settings))
        .set_clean_session(false)
        .set_manual_acks(true)
        .set_keep_alive(KEEP_ALIVE)
        .set_max_packet_size(packet_bytes_max, packet_bytes_max);
    if let Some((user, password)) = &settings.credentials {
        options.set_credentials(user, password.reveal());
    }
    let (client, mut event_loop) = rumqttc::AsyncClient::new(options, REQUESTS_MAX);
    event_loop
        .network_options
        .set_connection_timeout(CONNECT_WITHIN.as_secs());
    match event_loop.poll().await {
        Ok(rumqttc::Event::Incoming(rumqttc::Packet::ConnAck(_))) => {}
        Ok(other) => return Err(format!("expected CONNACK, got {other:?}")),
        Err(error) => return Err(crate::files::causes(&error)),
    }
    let filters = settings.filters.iter().map(|(filter, qos)| {
        let qos = match qos {
            Qos::AtMostOnce => rumqttc::QoS::AtMostOnce,
            Qos::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
        };
        rumqttc::SubscribeFilter::new(filter.clone(), qos)
    });
    client.try_subscribe_many(filters).map_err(|e| e.to_string())?;
    Ok(Link::V311(Box::new(event_loop)))
}

async fn connect_v5(settings: &Settings) -> Result<Link, String> {
    let mut options = v5::MqttOptions::new(&settings.client_id, address(settings), settings.port);
    options
        .set_transport(transport(settings))
        .set_clean_start(false)
        .set_session_expiry_interval(Some(u32::MAX))
        .set_receive_maximum(Some(RECEIVE_MAX))
        .set_manual_acks(true)
        .set_keep_alive(KEEP_ALIVE)
        .set_max_packet_size(Some(PACKET_BYTES_MAX))
        .set_connection_timeout(CONNECT_WITHIN.as_secs());
    if let Some((user, password)) = &settings.credentials {
        options.set_credentials(user, password.reveal());
    }
    let (client, mut event_loop) = v5::AsyncClient::new(options, REQUESTS_MAX);
    match event_loop.poll().await {
        Ok(v5::Event::Incoming(wire5::Packet::ConnAck(_))) => {}
        Ok(other) => return Err(format!("expected CONNACK, got {other:?}")),
        Err(error) => return Err(crate::files::causes(&error)),
    }
    let filters = settings.filters.iter().map(|(filter, qos)| {
        let qos = match qos {
            Qos::AtMostOnce => v5::mqttbytes::QoS::AtMostOnce,
            Qos::AtLeastOnce => v5::mqttbytes::QoS::AtLeastOnce,
        };
        wire5::Filter {
            retain_forward_rule: wire5::RetainForwardRule::OnNewSubscribe,
            ..wire5::Filter::new(filter.clone(), qos)
        }
    });
    client.try_subscribe_many(filters).map_err(|e| e.to_string())?;
    Ok(Link::V5(client, Box::new(event_loop)))
}

fn heard_v311(event: rumqttc::Event) -> Result<Heard, String> {
    match event {
        rumqttc::Event::Incoming(rumqttc::Packet::Publish(publish)) => {
            let needs_ack = publish.qos != rumqttc::QoS::AtMostOnce;
            Ok(Heard::Message {
                topic: publish.topic.into_bytes().into(),
                body: publish.payload,
                retained: publish.retain,
                packet_id: needs_ack.then_some(publish.pkid),
            })
        }
        rumqttc::Event::Incoming(rumqttc::Packet::SubAck(granted)) => {
            let is_refused = granted.return_codes.contains(&rumqttc::SubscribeReasonCode::Failure);
            subscribed(is_refused)
        }
        rumqttc::Event::Incoming(rumqttc::Packet::Disconnect) => Err("the broker closed the connection".to_owned()),
        _ => Ok(Heard::Other),
    }
}

fn heard_v5(event: v5::Event) -> Result<Heard, String> {
    match event {
        v5::Event::Incoming(wire5::Packet::Publish(publish)) => {
            let needs_ack = publish.qos != v5::mqttbytes::QoS::AtMostOnce;
            Ok(Heard::Message {
                topic: publish.topic,
                body: publish.payload,
                retained: publish.retain,
                packet_id: needs_ack.then_some(publish.pkid),
            })
        }
        v5::Event::Incoming(wire5::Packet::SubAck(granted)) => {
            let is_granted = |code: &wire5::SubscribeReasonCode| matches!(code, wire5::SubscribeReasonCode::Success(_));
            subscribed(!granted.return_codes.iter().all(is_granted))
        }
        v5::Event::Incoming(wire5::Packet::Disconnect(reason)) => {
            Err(format!("the broker closed the connection: {:?}", reason.reason_code))
        }
        _ => Ok(Heard::Other),
    }
}

fn subscribed(is_refused: bool) -> Result<Heard, String> {
    if is_refused {
        Err("the broker refuses a topic filter; see its access rules".to_owned())
    } else {
        Ok(Heard::Subscribed)
    }
}
