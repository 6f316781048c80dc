//! The Sparkplug B host: hears edge nodes and their devices, asks them to be born again when it cannot follow, and, where
//! the configuration names it, tells them as primary host whether it is there. Pure; the MQTT source carries it.
//!
//! Nothing of it outlives the connection but the names: after a reconnect or a restart every alias is void, so every node
//! is asked for a birth before its data is believed.

mod node;
mod payload;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

use crate::record::{PointDef, Timestamp, Told};
use crate::topic::{self, Part};
use node::{Held, Kind, Node};
use payload::Payload;

/// Every topic of Sparkplug B begins with it.
pub const NAMESPACE: &str = "spBv1.0/";
/// Names come from strangers' topics, so there is an end to them.
const NODES_MAX: usize = 1000;

#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Our name as primary host; nodes may wait for it before they speak.
    pub host_id: Option<String>,
    pub rules: Vec<Rule>,
}

/// How the metrics of one filter become points.
#[derive(Debug, Clone)]
pub struct Rule {
    pub filter: String,
    pub equipment: Vec<Part>,
    pub points: HashMap<String, Arc<PointDef>>,
    pub payload_bytes_max: usize,
}

impl Rule {
    fn matches(&self, topic: &str) -> bool {
        topic::matches(&self.filter, topic)
    }
}

/// What came out of hearing something.
#[derive(Debug, Default)]
pub struct Heard {
    /// When that is, for what we say ourselves.
    pub at: Timestamp,
    /// By the token of the message that it follows from, if any: what it told, or nothing.
    pub told: Vec<(Option<u64>, Vec<Told>)>,
    pub publications: Vec<Publication>,
    /// Topics of what could not be used, and why.
    pub unused: Vec<(String, &'static str)>,
}

impl Heard {
    fn tell(&mut self, token: u64, told: Vec<Told>) {
        self.told.push((Some(token), told));
    }

    fn tell_unasked(&mut self, told: Vec<Told>) {
        self.told.push((None, told));
    }

    fn ask(&mut self, path: &str) {
        let (group, node) = path.split_once('/').unwrap_or((path, ""));
        let now_ms = self.at.timestamp_millis();
        self.publications.push(Publication {
            topic: format!("{NAMESPACE}{group}/NCMD/{node}"),
            body: payload::rebirth(u64::try_from(now_ms).unwrap_or_default()),
            is_kept: false,
        });
    }
}

/// What we say to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub topic: String,
    pub body: Vec<u8>,
    /// Acknowledged and retained by the broker.
    pub is_kept: bool,
}

#[derive(Debug)]
pub struct Host {
    settings: Settings,
    nodes: HashMap<String, Node>,
    /// The time in our last will, which our birth has to carry too.
    connected_at: Timestamp,
}

/// What stands on our own STATE topic.
#[derive(Deserialize)]
struct State {
    online: bool,
}

impl Host {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            nodes: HashMap::new(),
            connected_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// A connection is about to be made: what was known under the last one is void, before anything of the new one is
    /// heard. Gives what the broker is to say for us when we are lost, if we are a primary host.
    pub fn connecting(&mut self, at: Timestamp) -> Option<Publication> {
        self.connected_at = at;
        self.nodes.values_mut().for_each(Node::void);
        self.state(false, at)
    }

    /// We are connected: who we are, and the births that we need.
    pub fn connected(&mut self, now: Instant, heard: &mut Heard) {
        heard.publications.extend(self.state(true, self.connected_at));
        self.nodes.values_mut().for_each(|node| node.connected(now));
        self.tick(now, heard);
    }

    /// What we say before we leave.
    pub fn farewell(&self, at: Timestamp) -> Option<Publication> {
        self.state(false, at)
    }

    fn state(&self, online: bool, at: Timestamp) -> Option<Publication> {
        let host_id = self.settings.host_id.as_ref()?;
        Some(Publication {
            topic: state_topic(host_id),
            body: json!({"online": online, "timestamp": at.timestamp_millis()})
                .to_string()
                .into(),
            is_kept: true,
        })
    }

    /// Hears one message of the namespace; the error says what is wrong with it.
    pub fn hear(
        &mut self,
        topic: &str,
        body: &[u8],
        retained: bool,
        token: u64,
        now: Instant,
        heard: &mut Heard,
    ) -> Result<(), String> {
        let levels: Vec<&str> = topic.split('/').collect();
        let (group, kind, node, device) = match levels.as_slice() {
            ["spBv1.0", "STATE", host] => {
                self.hear_state(host, body, heard);
                heard.tell(token, Vec::new());
                return Ok(());
            }
            ["spBv1.0", group, kind, node] => (*group, *kind, *node, ""),
            ["spBv1.0", group, kind, node, device] => (*group, *kind, *node, *device),
            _ => return Err("not a topic of Sparkplug B".to_owned()),
        };
        let kind = match (kind, device.is_empty()) {
            // What a broker had kept says nothing of now, and the standard forbids it.
            _ if retained => None,
            ("NBIRTH", true) | ("DBIRTH", false) => Some(Kind::Birth),
            ("NDATA", true) | ("DDATA", false) => Some(Kind::Data),
            ("NDEATH", true) | ("DDEATH", false) => Some(Kind::Death),
            ("NCMD" | "DCMD", _) => None,
            _ => return Err("not a topic of Sparkplug B".to_owned()),
        };
        let Some(kind) = kind else {
            heard.tell(token, Vec::new());
            return Ok(());
        };
        let rule = self.settings.rules.iter().find(|rule| rule.matches(topic));
        let payload_bytes_max = rule.ok_or("no rule for this topic")?.payload_bytes_max;
        if body.len() > payload_bytes_max {
            return Err(format!(
                "the payload has {} bytes, more than {payload_bytes_max}",
                body.len()
            ));
        }
        let payload = Payload::read(body)?;
        let seq = payload.seq.and_then(|seq| u8::try_from(seq).ok());
        let said = Held {
            bytes: body.len(),
            kind,
            device: device.to_owned(),
            topic: topic.to_owned(),
            payload,
            token,
        };
        let path = format!("{group}/{node}");
        if !self.nodes.contains_key(&path) && self.nodes.len() >= NODES_MAX {
            return Err(format!("more than {NODES_MAX} edge nodes"));
        }
        let rules = &self.settings.rules;
        let node = self
            .nodes
            .entry(path)
            .or_insert_with_key(|path| Node::new(path.clone()));
        match (kind, device.is_empty(), seq) {
            (Kind::Death, true, _) => node.death(&said, heard),
            (_, _, None) => return Err("no sequence number from 0 to 255".to_owned()),
            (Kind::Birth, true, Some(seq)) => node.birth(rules, &said, seq, now, heard),
            (_, _, Some(seq)) => node.hear(rules, said, seq, now, heard),
        }
        node.tick(rules, now, heard);
        Ok(())
    }

    /// Another's word on whether we are there: the will of an earlier connection may come late.
    fn hear_state(&self, host: &str, body: &[u8], heard: &mut Heard) {
        let is_ours = self.settings.host_id.as_deref() == Some(host);
        let says_offline = serde_json::from_slice::<State>(body).is_ok_and(|state| !state.online);
        if is_ours && says_offline {
            heard.publications.extend(self.state(true, self.connected_at));
        }
    }

    /// When `tick` has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.nodes.values().filter_map(Node::due).min()
    }

    /// Lets time pass for every node.
    pub fn tick(&mut self, now: Instant, heard: &mut Heard) {
        for node in self.nodes.values_mut() {
            node.tick(&self.settings.rules, now, heard);
        }
    }
}

pub fn state_topic(host_id: &str) -> String {
    format!("{NAMESPACE}STATE/{host_id}")
}
