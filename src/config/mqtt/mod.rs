//! `[mqtt.NAME]`: a broker, as written and as the source takes it. What it is heard for stands in [`topic`].

mod point;
mod topic;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::plan::Check;
use crate::secret::Secret;
use crate::source::{mqtt, sparkplug};
use crate::tls;
use crate::topic::EquipmentAt;
use point::point_def;
pub(in crate::config) use topic::lower_topics;
use topic::{Topic, TopicFormat};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    pub url: MqttUrl,
    #[serde(default)]
    pub protocol: MqttProtocol,
    pub client_id: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    pub sparkplug_host: Option<HostId>,
    pub topic: Vec<Topic>,
}

/// Our name as primary host of Sparkplug B: one level of a topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct HostId(pub String);

impl TryFrom<String> for HostId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.contains(['/', '+', '#', '\0']) {
            return Err(format!(
                "`{text}` is no name of a host; write one without `/`, `+` and `#`"
            ));
        }
        Ok(Self(text))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttScheme {
    Mqtt,
    Mqtts,
    Ws,
    Wss,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct MqttUrl {
    pub scheme: MqttScheme,
    pub host: String,
    pub port: u16,
    pub text: String,
}

impl TryFrom<String> for MqttUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}; write a URL such as \"mqtt://broker:1883\" (mqtts://, ws://, wss://)");
        let url = reqwest::Url::parse(&text).map_err(|e| wrong(&e.to_string()))?;
        let (scheme, port) = match url.scheme() {
            "mqtt" | "tcp" => (MqttScheme::Mqtt, 1883),
            "mqtts" | "ssl" => (MqttScheme::Mqtts, 8883),
            "ws" => (MqttScheme::Ws, 80),
            "wss" => (MqttScheme::Wss, 443),
            other => return Err(wrong(&format!("`{other}://` is not a way to a broker"))),
        };
        if url.password().is_some() || !url.username().is_empty() {
            return Err("credentials do not belong into a URL; use `username` and `password_file`".to_owned());
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| wrong("the URL has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self {
            scheme,
            host,
            port: url.port().unwrap_or(port),
            text,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "u8")]
pub enum MqttProtocol {
    V311,
    #[default]
    V5,
}

impl TryFrom<u8> for MqttProtocol {
    type Error = String;

    fn try_from(level: u8) -> Result<Self, String> {
        match level {
            4 => Ok(Self::V311),
            5 => Ok(Self::V5),
            _ => Err(format!(
                "{level} is not a protocol level; write 5 for MQTT 5 or 4 for MQTT 3.1.1"
            )),
        }
    }
}

pub(super) fn lower_brokers(
    brokers: &BTreeMap<String, Mqtt>,
    gateway_id: &str,
    check: &mut Check,
) -> Vec<(String, mqtt::Settings)> {
    let mut lowered = Vec::new();
    let mut sessions = BTreeMap::new();
    for (name, broker) in brokers {
        let section = ["mqtt", name.as_str()];
        let password = check.secret(
            &section,
            "password",
            broker.password.as_ref(),
            broker.password_file.as_ref(),
        );
        if broker.username.is_none() && (broker.password.is_some() || broker.password_file.is_some()) {
            check.find(&section, "a password without a username; add username");
        }
        let credentials = broker
            .username
            .clone()
            .map(|user| (user, password.unwrap_or_else(|| Secret::new(String::new()))));
        let Some(transport) = lower_transport(&section, broker, check) else {
            continue;
        };
        let qos = |topic: &Topic| {
            if topic.qos.0 == 0 {
                mqtt::Qos::AtMostOnce
            } else {
                mqtt::Qos::AtLeastOnce
            }
        };
        let client_id = broker.client_id.as_deref().unwrap_or(gateway_id);
        let session = (broker.url.host.as_str(), broker.url.port, client_id);
        if let Some(other) = sessions.insert(session, name) {
            check.find(
                &[&section[..], &["url"]].concat(),
                format!("connects to the same broker as [mqtt.{other}] as `{client_id}`, so that each throws the other out; set another client_id"),
            );
        }
        let host_id = broker.sparkplug_host.as_ref();
        let own_state = host_id.map(|id| (sparkplug::state_topic(&id.0), mqtt::Qos::AtLeastOnce));
        let settings = mqtt::Settings {
            protocol: match broker.protocol {
                MqttProtocol::V311 => mqtt::Protocol::V311,
                MqttProtocol::V5 => mqtt::Protocol::V5,
            },
            transport,
            host: broker.url.host.clone(),
            port: broker.url.port,
            url: broker.url.text.clone(),
            client_id: client_id.to_owned(),
            credentials,
            filters: broker
                .topic
                .iter()
                .map(|topic| (topic.filter.0.clone(), qos(topic)))
                .chain(own_state)
                .collect(),
            sparkplug: lower_sparkplug(broker),
        };
        lowered.push((name.clone(), settings));
    }
    lowered
}

/// The host for the topics that speak Sparkplug B, if there are any.
fn lower_sparkplug(broker: &Mqtt) -> Option<sparkplug::Settings> {
    let is_ours = |topic: &&Topic| topic.format == TopicFormat::SparkplugB;
    let rules = broker.topic.iter().filter(is_ours).filter_map(|topic| {
        let EquipmentAt::Topic(equipment) = topic.equipment.0.clone() else {
            return None;
        };
        let points = topic.points.iter().map(|(name, point)| {
            let metric = point.at.as_ref().unwrap_or(name).clone();
            (metric, Arc::new(point_def(name, point)))
        });
        Some(sparkplug::Rule {
            filter: topic.filter.0.clone(),
            equipment,
            points: points.collect(),
            payload_bytes_max: usize::try_from(topic.max_payload().0).unwrap_or(usize::MAX),
        })
    });
    let settings = sparkplug::Settings {
        host_id: broker.sparkplug_host.as_ref().map(|id| id.0.clone()),
        rules: rules.collect(),
    };
    (settings.host_id.is_some() || !settings.rules.is_empty()).then_some(settings)
}

fn lower_transport(section: &[&str], broker: &Mqtt, check: &mut Check) -> Option<mqtt::Transport> {
    let files = [
        ("ca_file", &broker.ca_file),
        ("client_cert_file", &broker.client_cert_file),
        ("client_key_file", &broker.client_key_file),
    ];
    let is_tls = matches!(broker.url.scheme, MqttScheme::Mqtts | MqttScheme::Wss);
    if !is_tls {
        for (key, _) in files.iter().filter(|(_, file)| file.is_some()) {
            check.find(
                &[section, &[*key]].concat(),
                "the connection is not encrypted; write mqtts:// or wss:// in url",
            );
        }
        let plain = if broker.url.scheme == MqttScheme::Ws {
            mqtt::Transport::Ws
        } else {
            mqtt::Transport::Tcp
        };
        return Some(plain);
    }
    if broker.client_cert_file.is_some() != broker.client_key_file.is_some() {
        check.find(
            section,
            "a client certificate needs its key: set both client_cert_file and client_key_file",
        );
    }
    let [ca, client_cert, client_key] = files.map(|(_, file)| file.as_ref().map(|path| check.resolve(path)));
    let files = tls::Files {
        ca: ca.as_deref(),
        client_cert: client_cert.as_deref(),
        client_key: client_key.as_deref(),
    };
    match tls::client_config(&files) {
        Ok(config) if broker.url.scheme == MqttScheme::Wss => Some(mqtt::Transport::Wss(config)),
        Ok(config) => Some(mqtt::Transport::Tls(config)),
        Err(problem) => {
            check.find(section, problem);
            None
        }
    }
}
