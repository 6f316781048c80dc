//! `[[mqtt.NAME.topic]]`: a filter, what its messages look like, and the points in them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Mqtt;
use super::point::{TopicPoint, check_name, check_points, point_def};
use crate::buffer;
use crate::config::plan::Check;
use crate::intake::decode::{Format, RateLimit, TopicRule};
use crate::intake::names::RulePoint;
use crate::pointer::Pointer;
use crate::source::{mqtt, sparkplug};
use crate::topic::{self, EquipmentAt, Part};
use crate::units::Size;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    pub filter: TopicFilter,
    #[serde(default)]
    pub qos: TopicQos,
    #[serde(default)]
    pub format: TopicFormat,
    pub equipment: TopicEquipment,
    pub time: Option<Pointer>,
    pub id: Option<Pointer>,
    pub samples: Option<Pointer>,
    pub max_payload: Option<Size>,
    pub rate_limit: Option<TopicRate>,
    pub points: BTreeMap<String, TopicPoint>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicRate {
    pub per_second: f64,
    /// What may come at once; by default the messages of five seconds.
    pub burst: Option<f64>,
}

impl Topic {
    pub(super) fn max_payload(&self) -> Size {
        self.max_payload.unwrap_or(match self.format {
            // A birth tells every metric of a node.
            TopicFormat::SparkplugB => Size(mqtt::PACKET_BYTES_MAX.into()),
            TopicFormat::Json | TopicFormat::Value => Size(64 << 10),
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct TopicFilter(pub String);

impl TryFrom<String> for TopicFilter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with("$share/") {
            let own = text.splitn(3, '/').nth(2).unwrap_or("plant/+/status");
            return Err(format!(
                "`{text}` deals messages out among several clients: their order would be lost, and what a stop leaves open would go to another one; write `{own}`"
            ));
        }
        let levels: Vec<&str> = text.split('/').collect();
        let is_fine = !text.is_empty()
            && text.len() <= 65_535
            && !text.contains(char::is_control)
            && levels
                .iter()
                .all(|level| !level.contains(['+', '#']) || level.len() == 1)
            && levels.iter().rev().skip(1).all(|level| *level != "#");
        if is_fine {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is not a topic filter; `+` stands for one whole level, `#` only at the end, and there are no control characters in it"
            ))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub struct TopicQos(pub u8);

impl Default for TopicQos {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u8> for TopicQos {
    type Error = String;

    fn try_from(qos: u8) -> Result<Self, String> {
        match qos {
            0 | 1 => Ok(Self(qos)),
            _ => Err(format!(
                "qos {qos} is not offered; write 1 (kept on disk before it is acknowledged) or 0"
            )),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum TopicFormat {
    #[default]
    Json,
    Value,
    SparkplugB,
}

impl TryFrom<String> for TopicFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "json" => Ok(Self::Json),
            "value" => Ok(Self::Value),
            "sparkplug-b" => Ok(Self::SparkplugB),
            other => Err(format!(
                "`{other}` is not a format; write \"json\", \"value\" or \"sparkplug-b\""
            )),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct TopicEquipment(pub EquipmentAt);

impl TryFrom<String> for TopicEquipment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        EquipmentAt::parse(&text).map(Self)
    }
}

pub(in crate::config) fn lower_topics(broker: &str, section: &Mqtt, check: &mut Check) -> Vec<TopicRule> {
    let mut rules = Vec::new();
    if section.topic.is_empty() {
        check.find(&["mqtt", broker], "hears nothing; add a [[mqtt.….topic]]");
    }
    for (nth, topic) in section.topic.iter().enumerate() {
        let (place, filter) = (nth.to_string(), &topic.filter.0);
        let path = ["mqtt", broker, "topic", &place];
        check_topic(&path, topic, check);
        let earlier = section.topic.iter().take(nth).map(|other| &other.filter.0);
        if let Some(other) = earlier.into_iter().find(|other| topic::overlap(filter, other)) {
            check.find(
                &[&path[..], &["filter"]].concat(),
                format!("a message may match both `{filter}` and `{other}` and come twice; write filters that share no topic"),
            );
        }
        let format = match topic.format {
            TopicFormat::Json => Format::Json,
            TopicFormat::Value => Format::Value,
            TopicFormat::SparkplugB => continue,
        };
        let points = topic.points.iter().map(|(name, point)| {
            // What has none, or a wrong one, was found by the check.
            let at = point.at.clone().and_then(|at| Pointer::try_from(at).ok());
            (at.unwrap_or_default(), RulePoint::new(point_def(name, point)))
        });
        rules.push(TopicRule {
            filter: topic.filter.0.clone(),
            format,
            equipment: topic.equipment.0.clone(),
            time: topic.time.clone(),
            id: topic.id.clone(),
            samples: topic.samples.clone(),
            points: points.collect(),
            payload_bytes_max: usize::try_from(topic.max_payload().0).unwrap_or(usize::MAX),
            rate_limit: topic.rate_limit.map(|rate| RateLimit {
                per_second: rate.per_second,
                burst: rate.burst.unwrap_or(rate.per_second * 5.0).max(1.0),
            }),
        });
    }
    rules
}

fn check_topic(path: &[&str], topic: &Topic, check: &mut Check) {
    let deeper = |name| [path, &[name]].concat();
    if topic.points.is_empty() {
        check.find(path, "says nothing; add points");
    }
    if let Some(rate) = topic.rate_limit {
        let is_rate = |number: f64| number.is_finite() && number > 0.0;
        if !is_rate(rate.per_second) || rate.burst.is_some_and(|burst| !is_rate(burst)) {
            check.find(
                &deeper("rate_limit"),
                "a rate is more than 0; write { per_second = 50, burst = 200 }",
            );
        }
    }
    if topic.format == TopicFormat::SparkplugB {
        check_sparkplug(path, topic, check);
    } else {
        check_decoded(path, topic, check);
    }
    if let EquipmentAt::Topic(parts) = &topic.equipment.0 {
        check_levels(&deeper("equipment"), parts, &topic.filter.0, check);
    }
    check_points(path, topic, check);
}

/// Every topic that the filter matches has the levels that a name is made of.
pub(super) fn check_levels(path: &[&str], parts: &[Part], filter: &str, check: &mut Check) {
    let levels = filter.split('/').count();
    let is_open = filter.ends_with('#');
    if let Some(level) = topic::highest_level(parts).filter(|level| *level >= levels && !is_open) {
        check.find(
            path,
            format!("the filter has {levels} levels, counted from 0: there is no level {level}"),
        );
    }
}

/// What only concerns JSON and bare values.
fn check_decoded(path: &[&str], topic: &Topic, check: &mut Check) {
    let deeper = |name| [path, &[name]].concat();
    if topic.max_payload().0 > buffer::RECORD_BYTES_MAX as u64 {
        check.find(
            &deeper("max_payload"),
            "a record holds at most 96 KiB; write no more than that",
        );
    }
    let is_value = topic.format == TopicFormat::Value;
    if is_value && topic.points.len() != 1 {
        check.find(
            &deeper("points"),
            "a bare value is one point; write exactly one, or format = \"json\"",
        );
    }
    if is_value && matches!(topic.equipment.0, EquipmentAt::Pointer(_)) {
        check.find(
            &deeper("equipment"),
            "a bare value has no JSON to point into; take a topic level such as \"{1}\"",
        );
    }
    let pointers = [("time", &topic.time), ("id", &topic.id), ("samples", &topic.samples)];
    for (name, _) in pointers.iter().filter(|(_, pointer)| is_value && pointer.is_some()) {
        check.find(&deeper(name), "a bare value has no JSON to point into; leave it out");
    }
    for (name, point) in &topic.points {
        check_name(path, name, point, &topic.filter.0, check);
    }
    for (name, point) in topic.points.iter().filter(|_| !is_value) {
        let point_path = [path, &["points", name]].concat();
        match &point.at {
            None => check.find(&point_path, format!("`{name}` has no place; add at = \"/{name}\"")),
            Some(at) => {
                if let Err(problem) = Pointer::try_from(at.clone()) {
                    check.find(&[&point_path[..], &["at"]].concat(), problem);
                }
            }
        }
    }
}

/// What only concerns Sparkplug B.
fn check_sparkplug(path: &[&str], topic: &Topic, check: &mut Check) {
    let deeper = |name| [path, &[name]].concat();
    let filter = &topic.filter.0;
    let is_whole = filter.ends_with("/#") && matches!(filter.split('/').nth(2), None | Some("+" | "#"));
    if !filter.starts_with(sparkplug::NAMESPACE) || !is_whole {
        check.find(
            &deeper("filter"),
            "data mean nothing without births and deaths; write \"spBv1.0/GROUP/#\" or \"spBv1.0/GROUP/+/NODE/#\"",
        );
    }
    if topic.max_payload().0 > mqtt::PACKET_BYTES_MAX.into() {
        check.find(
            &deeper("max_payload"),
            "a message is read up to 4 MiB; write no more than that",
        );
    }
    if matches!(topic.equipment.0, EquipmentAt::Pointer(_)) {
        check.find(
            &deeper("equipment"),
            "Sparkplug names nodes and devices in its topics; write \"{3}\" for the node or \"{4}\" for the device",
        );
    }
    let told = [
        ("time", topic.time.is_some()),
        ("id", topic.id.is_some()),
        ("samples", topic.samples.is_some()),
        ("rate_limit", topic.rate_limit.is_some()),
    ];
    for (name, _) in told.iter().filter(|(_, is_set)| *is_set) {
        check.find(&deeper(name), "Sparkplug has its own way for this; leave it out");
    }
}
