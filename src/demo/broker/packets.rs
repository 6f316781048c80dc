//! The packets that a broker needs, MQTT 3.1.1 or 5, on rumqttc's codec: what clients say as one kind of event, what we
//! say as bytes.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{self, v4};
use rumqttc::v5::mqttbytes::{self as mqttbytes5, v5};

/// The largest packet a client may send.
const PACKET_BYTES_MAX: u32 = 1 << 20;
/// How many messages a client that does not say takes unacknowledged.
const RECEIVE_MAX_DEFAULT: u16 = 1000;
const LEVEL_V311: u8 = 4;
const LEVEL_V5: u8 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    V311,
    V5,
}

#[derive(Debug)]
pub enum Said {
    Connect {
        client_id: String,
        /// The session is to outlive the connection.
        is_kept: bool,
        /// A session that is there already is wanted.
        resumes: bool,
        receive_max: u16,
    },
    Subscribe {
        packet_id: u16,
        /// Each filter, and whether it is wanted at least once.
        filters: Vec<(String, bool)>,
    },
    Publish {
        message: Message,
        /// With QoS 1.
        packet_id: Option<u16>,
    },
    Acknowledged(u16),
    Ping,
    Disconnect,
    Other,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub topic: String,
    pub body: Bytes,
    pub at_least_once: bool,
}

/// Which protocol a CONNECT speaks; nothing while too little of it is there.
pub fn protocol(inbox: &[u8]) -> Result<Option<Protocol>, String> {
    // Fixed header: a byte for the type, a length whose last byte has no high bit.
    let Some(length) = inbox.iter().skip(1).take(4).position(|byte| byte & 0x80 == 0) else {
        return if inbox.len() < 5 {
            Ok(None)
        } else {
            Err("not MQTT".to_owned())
        };
    };
    let body = inbox.get(length + 2..).unwrap_or_default();
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', LEVEL_V311, ..] => Ok(Some(Protocol::V311)),
        [0, 4, b'M', b'Q', b'T', b'T', LEVEL_V5, ..] => Ok(Some(Protocol::V5)),
        _ if body.len() < 7 => Ok(None),
        _ => Err("neither MQTT 3.1.1 nor 5".to_owned()),
    }
}

/// Takes the next whole packet out of what came; nothing while it is not whole yet.
pub fn next(protocol: Protocol, inbox: &mut BytesMut) -> Result<Option<Said>, String> {
    match protocol {
        Protocol::V311 => match v4::Packet::read(inbox, PACKET_BYTES_MAX as usize) {
            Ok(packet) => Ok(Some(said_v311(packet))),
            Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        },
        Protocol::V5 => match v5::Packet::read(inbox, Some(PACKET_BYTES_MAX)) {
            Ok(packet) => said_v5(packet).map(Some),
            Err(mqttbytes5::Error::InsufficientBytes(_)) => Ok(None),
            // DISCONNECT without a reason has no payload, which the codec does not take.
            Err(mqttbytes5::Error::PayloadRequired) => Ok(Some(Said::Disconnect)),
            Err(error) => Err(error.to_string()),
        },
    }
}

fn said_v311(packet: v4::Packet) -> Said {
    match packet {
        v4::Packet::Connect(connect) => Said::Connect {
            client_id: connect.client_id,
            is_kept: !connect.clean_session,
            resumes: !connect.clean_session,
            receive_max: RECEIVE_MAX_DEFAULT,
        },
        v4::Packet::Subscribe(subscribe) => Said::Subscribe {
            packet_id: subscribe.pkid,
            filters: subscribe
                .filters
                .into_iter()
                .map(|filter| (filter.path, filter.qos != mqttbytes::QoS::AtMostOnce))
                .collect(),
        },
        v4::Packet::Publish(publish) => {
            let at_least_once = publish.qos != mqttbytes::QoS::AtMostOnce;
            Said::Publish {
                packet_id: at_least_once.then_some(publish.pkid),
                message: Message {
                    topic: publish.topic,
                    body: publish.payload,
                    at_least_once,
                },
            }
        }
        v4::Packet::PubAck(acknowledged) => Said::Acknowledged(acknowledged.pkid),
        v4::Packet::PingReq => Said::Ping,
        v4::Packet::Disconnect => Said::Disconnect,
        _ => Said::Other,
    }
}

fn said_v5(packet: v5::Packet) -> Result<Said, String> {
    Ok(match packet {
        v5::Packet::Connect(connect, ..) => {
            let properties = connect.properties.unwrap_or_else(v5::ConnectProperties::new);
            Said::Connect {
                client_id: connect.client_id,
                is_kept: properties.session_expiry_interval.is_some_and(|expiry| expiry > 0),
                resumes: !connect.clean_start,
                receive_max: properties.receive_maximum.unwrap_or(RECEIVE_MAX_DEFAULT),
            }
        }
        v5::Packet::Subscribe(subscribe) => Said::Subscribe {
            packet_id: subscribe.pkid,
            filters: subscribe
                .filters
                .into_iter()
                .map(|filter| (filter.path, filter.qos != mqttbytes5::QoS::AtMostOnce))
                .collect(),
        },
        v5::Packet::Publish(publish) => {
            let at_least_once = publish.qos != mqttbytes5::QoS::AtMostOnce;
            let topic = String::from_utf8(publish.topic.into()).map_err(|e| e.to_string())?;
            Said::Publish {
                packet_id: at_least_once.then_some(publish.pkid),
                message: Message {
                    topic,
                    body: publish.payload,
                    at_least_once,
                },
            }
        }
        v5::Packet::PubAck(acknowledged) => Said::Acknowledged(acknowledged.pkid),
        v5::Packet::PingReq(_) => Said::Ping,
        v5::Packet::Disconnect(_) => Said::Disconnect,
        _ => Said::Other,
    })
}

/// Writes what a broker says. What it says always fits, so writing does not fail.
pub struct Writer {
    pub protocol: Protocol,
    pub out: BytesMut,
}

impl Writer {
    fn write(&mut self, packet_v311: &v4::Packet, packet_v5: impl FnOnce() -> v5::Packet) {
        match self.protocol {
            Protocol::V311 => packet_v311
                .write(&mut self.out, usize::MAX)
                .map(drop)
                .expect("a broker's packet is well-formed"),
            Protocol::V5 => packet_v5()
                .write(&mut self.out, None)
                .map(drop)
                .expect("a broker's packet is well-formed"),
        }
    }

    pub fn connected(&mut self, session_present: bool) {
        let answer = v4::ConnAck::new(v4::ConnectReturnCode::Success, session_present);
        self.write(&v4::Packet::ConnAck(answer), || {
            v5::Packet::ConnAck(v5::ConnAck {
                session_present,
                code: v5::ConnectReturnCode::Success,
                properties: None,
            })
        });
    }

    pub fn subscribed(&mut self, packet_id: u16, granted: &[bool]) {
        let codes = granted.iter().map(|at_least_once| {
            v4::SubscribeReasonCode::Success(if *at_least_once {
                mqttbytes::QoS::AtLeastOnce
            } else {
                mqttbytes::QoS::AtMostOnce
            })
        });
        let answer = v4::SubAck::new(packet_id, codes.collect());
        self.write(&v4::Packet::SubAck(answer), || {
            let codes = granted.iter().map(|at_least_once| {
                v5::SubscribeReasonCode::Success(if *at_least_once {
                    mqttbytes5::QoS::AtLeastOnce
                } else {
                    mqttbytes5::QoS::AtMostOnce
                })
            });
            v5::Packet::SubAck(v5::SubAck {
                pkid: packet_id,
                return_codes: codes.collect(),
                properties: None,
            })
        });
    }

    pub fn acknowledge(&mut self, packet_id: u16) {
        self.write(&v4::Packet::PubAck(v4::PubAck::new(packet_id)), || {
            v5::Packet::PubAck(v5::PubAck::new(packet_id, None))
        });
    }

    pub fn pong(&mut self) {
        self.write(&v4::Packet::PingResp, || v5::Packet::PingResp(v5::PingResp));
    }

    /// With a packet id it is to be acknowledged; `again` when it was sent before.
    pub fn publish(&mut self, message: &Message, packet_id: Option<u16>, again: bool) {
        let mut publish = v4::Publish::from_bytes(
            message.topic.clone(),
            if packet_id.is_some() {
                mqttbytes::QoS::AtLeastOnce
            } else {
                mqttbytes::QoS::AtMostOnce
            },
            message.body.clone(),
        );
        publish.pkid = packet_id.unwrap_or(0);
        publish.dup = again;
        self.write(&v4::Packet::Publish(publish), || {
            let qos = if packet_id.is_some() {
                mqttbytes5::QoS::AtLeastOnce
            } else {
                mqttbytes5::QoS::AtMostOnce
            };
            let mut publish = v5::Publish::new(message.topic.clone(), qos, message.body.clone(), None);
            publish.pkid = packet_id.unwrap_or(0);
            publish.dup = again;
            v5::Packet::Publish(publish)
        });
    }
}
