//! The packets that a subscriber needs, MQTT 3.1.1 or 5, on rumqttc's codec: what we send as bytes, what we hear as one
//! kind of event.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::{self as mqttbytes5, v5};
use rumqttc::{Protocol as Level, mqttbytes};

use super::{KEEP_ALIVE, PACKET_BYTES_MAX, Protocol, Qos, RECEIVE_MAX, Settings};
use crate::record::Delivery;
use crate::source::sparkplug::Publication;

/// Requests of ours that have an answer; there is never more than one of each under way that we would wait for.
const SUBSCRIBE_ID: u16 = 1;
const PUBLISH_ID: u16 = 2;
const UNSUBSCRIBE_ID: u16 = 3;
const SMALL_BYTES_MAX: usize = 16 << 10;

#[derive(Debug)]
pub enum Heard {
    Connected {
        /// How long the broker lets the line be silent, where it wants another time than was asked for.
        keep_alive: Option<Duration>,
    },
    /// The broker has granted every filter, in their order: messages flow.
    Subscribed {
        granted: Vec<Qos>,
    },
    /// Whether the broker has let go all that was named.
    Unsubscribed {
        is_done: bool,
    },
    Message {
        topic: Bytes,
        body: Bytes,
        delivery: Delivery,
        /// With QoS 1: what the acknowledgement names.
        packet_id: Option<u16>,
    },
    /// A message that was not read, for its size.
    TooLarge {
        topic: Bytes,
        bytes: usize,
        packet_id: Option<u16>,
    },
    Pong,
    Other,
}

/// Whether the broker keeps our session, and what comes meanwhile, when we are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    Lasting,
    Passing,
}

/// Which retained messages a broker sends upon SUBSCRIBE. With MQTT 3.1.1 it is always all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retained {
    All,
    /// Those of filters that the session did not have: a connection that is found again brings no old news.
    OfNewFilters,
}

pub fn connect(settings: &Settings, will: Option<&Publication>, stay: Stay, out: &mut BytesMut) -> Result<(), String> {
    let keep_alive = u16::try_from(KEEP_ALIVE.as_secs()).unwrap_or(u16::MAX);
    let credentials = settings
        .credentials
        .as_ref()
        .map(|(user, password)| (user, password.reveal()));
    match settings.protocol {
        Protocol::V311 => {
            let packet = v4::Connect {
                protocol: Level::V4,
                keep_alive,
                client_id: settings.client_id.clone(),
                clean_session: stay == Stay::Passing,
                last_will: will
                    .map(|will| v4::LastWill::new(&will.topic, &*will.body, mqttbytes::QoS::AtLeastOnce, will.is_kept)),
                login: credentials.map(|(user, password)| v4::Login::new(user, password)),
            };
            v4::Packet::Connect(packet)
                .write(out, usize::MAX)
                .map_err(|e| e.to_string())?;
        }
        Protocol::V5 => {
            let mut properties = v5::ConnectProperties::new();
            properties.session_expiry_interval = (stay == Stay::Lasting).then_some(u32::MAX);
            properties.receive_maximum = Some(RECEIVE_MAX);
            properties.max_packet_size = Some(PACKET_BYTES_MAX);
            let packet = v5::Connect {
                keep_alive,
                client_id: settings.client_id.clone(),
                clean_start: stay == Stay::Passing,
                properties: Some(properties),
            };
            let login = credentials.map(|(user, password)| v5::Login::new(user, password));
            let will = will.map(|will| {
                let qos = mqttbytes5::QoS::AtLeastOnce;
                v5::LastWill::new(&will.topic, will.body.clone(), qos, will.is_kept, None)
            });
            v5::Packet::Connect(packet, will, login)
                .write(out, None)
                .map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

pub fn subscribe(settings: &Settings, retained: Retained, out: &mut BytesMut) -> Result<(), String> {
    match settings.protocol {
        Protocol::V311 => {
            let filters = settings.filters.iter().map(|(filter, qos)| {
                let qos = match qos {
                    Qos::AtMostOnce => mqttbytes::QoS::AtMostOnce,
                    Qos::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
                };
                v4::SubscribeFilter::new(filter.clone(), qos)
            });
            let packet = v4::Subscribe {
                pkid: SUBSCRIBE_ID,
                filters: filters.collect(),
            };
            v4::Packet::Subscribe(packet)
                .write(out, usize::MAX)
                .map_err(|e| e.to_string())?;
        }
        Protocol::V5 => {
            let filters = settings.filters.iter().map(|(filter, qos)| {
                let qos = match qos {
                    Qos::AtMostOnce => mqttbytes5::QoS::AtMostOnce,
                    Qos::AtLeastOnce => mqttbytes5::QoS::AtLeastOnce,
                };
                let retain_forward_rule = match retained {
                    Retained::All => v5::RetainForwardRule::OnEverySubscribe,
                    Retained::OfNewFilters => v5::RetainForwardRule::OnNewSubscribe,
                };
                v5::Filter {
                    retain_forward_rule,
                    ..v5::Filter::new(filter.clone(), qos)
                }
            });
            let packet = v5::Subscribe {
                pkid: SUBSCRIBE_ID,
                filters: filters.collect(),
                properties: None,
            };
            v5::Packet::Subscribe(packet)
                .write(out, None)
                .map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

pub fn unsubscribe(protocol: Protocol, filters: &[String], out: &mut BytesMut) -> Result<(), String> {
    let written = match protocol {
        Protocol::V311 => {
            let packet = v4::Unsubscribe {
                pkid: UNSUBSCRIBE_ID,
                topics: filters.to_vec(),
            };
            let packet = v4::Packet::Unsubscribe(packet);
            packet.write(out, usize::MAX).map_err(|e| e.to_string())
        }
        Protocol::V5 => {
            let packet = v5::Unsubscribe {
                pkid: UNSUBSCRIBE_ID,
                filters: filters.to_vec(),
                properties: None,
            };
            let packet = v5::Packet::Unsubscribe(packet);
            packet.write(out, None).map_err(|e| e.to_string())
        }
    };
    written.map(drop)
}

pub fn publish(protocol: Protocol, publication: &Publication, out: &mut BytesMut) -> Result<(), String> {
    let Publication { topic, body, is_kept } = publication;
    let written = match protocol {
        Protocol::V311 => {
            let qos = if *is_kept {
                mqttbytes::QoS::AtLeastOnce
            } else {
                mqttbytes::QoS::AtMostOnce
            };
            let mut packet = v4::Publish::new(topic, qos, &**body);
            (packet.retain, packet.pkid) = (*is_kept, PUBLISH_ID);
            let packet = v4::Packet::Publish(packet);
            packet.write(out, usize::MAX).map_err(|e| e.to_string())
        }
        Protocol::V5 => {
            let qos = if *is_kept {
                mqttbytes5::QoS::AtLeastOnce
            } else {
                mqttbytes5::QoS::AtMostOnce
            };
            let mut packet = v5::Publish::new(topic, qos, body.clone(), None);
            (packet.retain, packet.pkid) = (*is_kept, PUBLISH_ID);
            let packet = v5::Packet::Publish(packet);
            packet.write(out, None).map_err(|e| e.to_string())
        }
    };
    written.map(drop)
}

pub fn ping(protocol: Protocol, out: &mut BytesMut) -> Result<(), String> {
    let written = match protocol {
        Protocol::V311 => v4::Packet::PingReq.write(out, usize::MAX).map_err(|e| e.to_string()),
        Protocol::V5 => v5::Packet::PingReq(v5::PingReq)
            .write(out, None)
            .map_err(|e| e.to_string()),
    };
    written.map(drop)
}

/// PUBACK is the same four bytes in both protocols when all is well.
pub fn puback(packet_id: u16, out: &mut BytesMut) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[0x40, 0x02, high, low]);
}

/// DISCONNECT with nothing to complain about is the same in both protocols: our session stays, our will is not told.
pub fn disconnect(out: &mut BytesMut) {
    out.extend_from_slice(&[0xE0, 0x00]);
}

/// Takes the next whole packet out of what came; nothing while it is not whole yet.
pub fn next(protocol: Protocol, inbox: &mut BytesMut) -> Result<Option<Heard>, String> {
    match protocol {
        Protocol::V311 => {
            let packet_bytes_max = usize::try_from(PACKET_BYTES_MAX).unwrap_or(usize::MAX);
            match v4::Packet::read(inbox, packet_bytes_max) {
                Ok(packet) => heard_v311(packet).map(Some),
                Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(format!("the broker sent what is not MQTT 3.1.1: {error}")),
            }
        }
        Protocol::V5 => match v5::Packet::read(inbox, Some(PACKET_BYTES_MAX)) {
            Ok(packet) => heard_v5(packet).map(Some),
            Err(mqttbytes5::Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => Err(format!("the broker sent what is not MQTT 5: {error}")),
        },
    }
}

fn heard_v311(packet: v4::Packet) -> Result<Heard, String> {
    Ok(match packet {
        v4::Packet::Publish(publish) => Heard::Message {
            packet_id: (publish.qos != mqttbytes::QoS::AtMostOnce).then_some(publish.pkid),
            topic: publish.topic.into_bytes().into(),
            body: own(publish.payload),
            delivery: delivery(publish.retain, publish.dup),
        },
        v4::Packet::ConnAck(answer) if answer.code == v4::ConnectReturnCode::Success => {
            Heard::Connected { keep_alive: None }
        }
        v4::Packet::ConnAck(answer) => return Err(refusal(&format!("{:?}", answer.code))),
        v4::Packet::SubAck(answer) => subscribed(answer.return_codes.iter().map(|code| match code {
            v4::SubscribeReasonCode::Success(mqttbytes::QoS::AtMostOnce) => Some(Qos::AtMostOnce),
            v4::SubscribeReasonCode::Success(_) => Some(Qos::AtLeastOnce),
            v4::SubscribeReasonCode::Failure => None,
        }))?,
        // This protocol knows no refusal.
        v4::Packet::UnsubAck(_) => Heard::Unsubscribed { is_done: true },
        v4::Packet::PingResp => Heard::Pong,
        _ => Heard::Other,
    })
}

fn heard_v5(packet: v5::Packet) -> Result<Heard, String> {
    Ok(match packet {
        v5::Packet::Publish(publish) => Heard::Message {
            packet_id: (publish.qos != mqttbytes5::QoS::AtMostOnce).then_some(publish.pkid),
            topic: own(publish.topic),
            body: own(publish.payload),
            delivery: delivery(publish.retain, publish.dup),
        },
        v5::Packet::ConnAck(answer) if answer.code == v5::ConnectReturnCode::Success => {
            let wanted_s = answer.properties.and_then(|told| told.server_keep_alive);
            Heard::Connected {
                keep_alive: wanted_s.filter(|s| *s > 0).map(|s| Duration::from_secs(s.into())),
            }
        }
        v5::Packet::ConnAck(answer) => return Err(refusal(&format!("{:?}", answer.code))),
        v5::Packet::SubAck(answer) => subscribed(answer.return_codes.iter().map(|code| match code {
            v5::SubscribeReasonCode::Success(mqttbytes5::QoS::AtMostOnce) => Some(Qos::AtMostOnce),
            v5::SubscribeReasonCode::Success(_) => Some(Qos::AtLeastOnce),
            _ => None,
        }))?,
        v5::Packet::UnsubAck(answer) => Heard::Unsubscribed {
            is_done: answer.reasons.iter().all(|reason| {
                use v5::UnsubAckReason::{NoSubscriptionExisted, Success};
                matches!(reason, Success | NoSubscriptionExisted)
            }),
        },
        v5::Packet::Disconnect(told) => {
            return Err(format!("the broker closed the connection: {:?}", told.reason_code));
        }
        v5::Packet::PingResp(_) => Heard::Pong,
        _ => Heard::Other,
    })
}

/// What to do about a broker that does not let us in. Its words are those of the standard, alike in both protocols.
fn refusal(code: &str) -> String {
    let advice = match code {
        "BadUserNamePassword" | "NotAuthorized" | "BadAuthenticationMethod" => {
            "the user name or the password is wrong or missing; see username and password_file"
        }
        "BadClientId" | "ClientIdentifierNotValid" => "it does not take our name; see client_id",
        "RefusedProtocolVersion" | "UnsupportedProtocolVersion" => "it does not speak this version; see protocol",
        _ => return format!("the broker refuses us: {code}"),
    };
    format!("the broker refuses us ({code}): {advice}")
}

/// A copy of what is small: a slice would keep the whole receive buffer alive, and a new one would be made for each read.
fn own(slice: Bytes) -> Bytes {
    if slice.len() <= SMALL_BYTES_MAX {
        Bytes::copy_from_slice(&slice)
    } else {
        slice
    }
}

fn subscribed(granted: impl Iterator<Item = Option<Qos>>) -> Result<Heard, String> {
    let granted: Option<Vec<Qos>> = granted.collect();
    granted
        .map(|granted| Heard::Subscribed { granted })
        .ok_or_else(|| "the broker refuses a topic filter; see its access rules".to_owned())
}

fn delivery(is_retained: bool, is_repeated: bool) -> Delivery {
    match (is_retained, is_repeated) {
        (true, _) => Delivery::Retained,
        (false, true) => Delivery::Again,
        (false, false) => Delivery::New,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_puback_is_what_the_codec_would_write() {
        let mut ours = BytesMut::new();
        puback(0x1234, &mut ours);
        let mut theirs = BytesMut::new();
        v4::Packet::PubAck(v4::PubAck::new(0x1234))
            .write(&mut theirs, usize::MAX)
            .expect("writes");
        assert_eq!(ours, theirs);
        theirs.clear();
        v5::Packet::PubAck(v5::PubAck::new(0x1234, None))
            .write(&mut theirs, None)
            .expect("writes");
        assert_eq!(ours, theirs);
    }

    #[test]
    fn what_is_granted_is_told_filter_by_filter() {
        let mut v311 = BytesMut::from(&[0x90, 4, 0, 1, 1, 0][..]);
        let mut v5 = BytesMut::from(&[0x90, 5, 0, 1, 0, 1, 0][..]);
        for (protocol, bytes) in [(Protocol::V311, &mut v311), (Protocol::V5, &mut v5)] {
            let Ok(Some(Heard::Subscribed { granted })) = next(protocol, bytes) else {
                panic!("an answer to SUBSCRIBE");
            };
            assert_eq!(granted, [Qos::AtLeastOnce, Qos::AtMostOnce]);
        }
        let mut refused = BytesMut::from(&[0x90, 4, 0, 1, 1, 0x80][..]);
        assert!(next(Protocol::V311, &mut refused).is_err());
    }

    #[test]
    fn what_was_never_subscribed_is_let_go_like_what_was() {
        let mut v311 = BytesMut::from(&[0xB0, 2, 0, 3][..]);
        let mut v5 = BytesMut::from(&[0xB0, 5, 0, 3, 0, 0, 0x11][..]);
        let mut refused = BytesMut::from(&[0xB0, 5, 0, 3, 0, 0, 0x87][..]);
        for (protocol, bytes, expected) in [
            (Protocol::V311, &mut v311, true),
            (Protocol::V5, &mut v5, true),
            (Protocol::V5, &mut refused, false),
        ] {
            let Ok(Some(Heard::Unsubscribed { is_done })) = next(protocol, bytes) else {
                panic!("an answer to UNSUBSCRIBE");
            };
            assert_eq!(is_done, expected);
        }
    }

    #[test]
    fn our_disconnect_is_what_the_codec_would_write() {
        let mut ours = BytesMut::new();
        disconnect(&mut ours);
        let mut theirs = BytesMut::new();
        v4::Packet::Disconnect.write(&mut theirs, usize::MAX).expect("writes");
        assert_eq!(ours, theirs);
        theirs.clear();
        v5::Packet::Disconnect(v5::Disconnect::new(v5::DisconnectReasonCode::NormalDisconnection))
            .write(&mut theirs, None)
            .expect("writes");
        assert_eq!(ours, theirs);
    }
}
