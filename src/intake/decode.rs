//! MQTT messages to points: which rule a topic follows, whose equipment it is, and what its payload says.
//!
//! A configured point that a message does not carry is left out: machines send what changed. One that is there but is no
//! value is bad, with the reason. A message in which no configured point is found is rejected, so that a wrong pointer
//! does not pass for silence.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::record::{Fault, PointDef, PointReading, Timestamp, Value};

/// How messages of one topic filter are read.
#[derive(Debug, Clone)]
pub struct TopicRule {
    pub filter: String,
    pub format: Format,
    pub equipment: EquipmentAt,
    /// JSON pointer to the time of the source.
    pub time: Option<String>,
    /// JSON pointer to an id that the sender gives each message: a repeat is recognised by it.
    pub id: Option<String>,
    /// JSON pointer (for `Format::Value`: unused) and meaning of each point.
    pub points: Vec<(String, Arc<PointDef>)>,
    pub payload_bytes_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    /// The payload is one bare number or text.
    Value,
}

/// Where the equipment's name comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EquipmentAt {
    /// Literal text and topic levels (counted from 0) in turn.
    Topic(Vec<Part>),
    Pointer(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Level(usize),
}

/// A message, understood.
#[derive(Debug)]
pub struct Decoded {
    pub equipment: Arc<str>,
    pub time: Option<Timestamp>,
    /// What the sender calls this message.
    pub id: Option<String>,
    pub points: Vec<PointReading>,
}

impl EquipmentAt {
    /// Reads `"{1}"`, `"cell-{2}"`, `"/machine"` or a plain name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Pointer(text.to_owned()));
        }
        let wrong = || {
            format!(
                "`{text}` names no equipment; write a topic level such as \"{{1}}\", a JSON pointer such as \"/machine\", or a name"
            )
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (level, behind) = after.split_once('}').ok_or_else(wrong)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Level(level.parse().map_err(|_| wrong())?));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.is_empty() {
            Err(wrong())
        } else {
            Ok(Self::Topic(parts))
        }
    }
}

/// Whether a topic matches a filter with `+` and `#`.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        match (part, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (text, Some(level)) if text == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

pub fn message(rule: &TopicRule, topic: &str, body: &[u8]) -> Result<Decoded, String> {
    if body.len() > rule.payload_bytes_max {
        return Err(format!(
            "the payload has {} bytes, more than {}",
            body.len(),
            rule.payload_bytes_max
        ));
    }
    match rule.format {
        Format::Json => json_message(rule, topic, body),
        Format::Value => value_message(rule, topic, body),
    }
}

fn json_message(rule: &TopicRule, topic: &str, body: &[u8]) -> Result<Decoded, String> {
    let json: Json = serde_json::from_slice(body).map_err(|e| format!("not JSON: {e}"))?;
    let equipment = match &rule.equipment {
        EquipmentAt::Topic(parts) => equipment_of_topic(parts, topic)?,
        EquipmentAt::Pointer(pointer) => match json.pointer(pointer) {
            Some(Json::String(name)) if is_name(name) => name.as_str().into(),
            Some(Json::Number(number)) => number.to_string().into(),
            _ => return Err(format!("no equipment name at {pointer}")),
        },
    };
    let time = match &rule.time {
        Some(pointer) => Some(
            json.pointer(pointer)
                .and_then(instant)
                .ok_or_else(|| format!("no time at {pointer}"))?,
        ),
        None => None,
    };
    let id = match &rule.id {
        Some(pointer) => match json.pointer(pointer) {
            Some(Json::String(id)) if !id.is_empty() => Some(id.clone()),
            Some(Json::Number(id)) => Some(id.to_string()),
            _ => return Err(format!("no id at {pointer}")),
        },
        None => None,
    };
    let mut points = Vec::with_capacity(rule.points.len());
    for (pointer, def) in &rule.points {
        let Some(found) = json.pointer(pointer) else { continue };
        points.push(PointReading {
            def: Arc::clone(def),
            value: value(found),
        });
    }
    if points.is_empty() {
        return Err("none of the configured points is in it".to_owned());
    }
    Ok(Decoded {
        equipment,
        time,
        id,
        points,
    })
}

fn value_message(rule: &TopicRule, topic: &str, body: &[u8]) -> Result<Decoded, String> {
    let EquipmentAt::Topic(parts) = &rule.equipment else {
        return Err("a bare value has no equipment in it".to_owned());
    };
    let equipment = equipment_of_topic(parts, topic)?;
    let text = std::str::from_utf8(body)
        .map_err(|_| "not UTF-8 text".to_owned())?
        .trim();
    let value = match serde_json::from_str::<Json>(text) {
        Ok(json @ (Json::Number(_) | Json::Bool(_) | Json::String(_))) => value(&json),
        _ if text.is_empty() => Err(Fault::Invalid("empty".to_owned())),
        _ => Ok(Value::Text(text.to_owned())),
    };
    let points = rule
        .points
        .iter()
        .map(|(_, def)| PointReading {
            def: Arc::clone(def),
            value: value.clone(),
        })
        .collect();
    Ok(Decoded {
        equipment,
        time: None,
        id: None,
        points,
    })
}

fn equipment_of_topic(parts: &[Part], topic: &str) -> Result<Arc<str>, String> {
    let level = |nth: usize| topic.split('/').nth(nth).filter(|level| is_name(level));
    if let [Part::Level(nth)] = parts {
        return level(*nth)
            .map(Arc::from)
            .ok_or_else(|| format!("the topic has no level {nth} that names an equipment"));
    }
    let mut name = String::new();
    for part in parts {
        match part {
            Part::Text(text) => name.push_str(text),
            Part::Level(nth) => {
                name.push_str(
                    level(*nth).ok_or_else(|| format!("the topic has no level {nth} that names an equipment"))?,
                );
            }
        }
    }
    Ok(name.into())
}

/// Names are shown to people and become keys: short, and without control characters.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && !text.chars().any(char::is_control)
}

fn value(json: &Json) -> Result<Value, Fault> {
    match json {
        Json::Bool(b) => Ok(Value::Bool(*b)),
        Json::String(text) => Ok(Value::Text(text.clone())),
        Json::Number(number) => number
            .as_i64()
            .map(Value::Int)
            .or_else(|| number.as_u64().map(Value::Uint))
            .or_else(|| number.as_f64().map(Value::Float))
            .ok_or_else(|| Fault::Invalid("not a number that can be kept".to_owned())),
        Json::Null => Err(Fault::Invalid("null".to_owned())),
        Json::Array(_) | Json::Object(_) => Err(Fault::Invalid("not a single value".to_owned())),
    }
}

/// RFC 3339 text, or a count since 1970 whose unit its size tells: s, ms, us or ns.
fn instant(json: &Json) -> Option<Timestamp> {
    match json {
        Json::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc)),
        Json::Number(number) => {
            let count = number.as_f64()?;
            // Between the years 1973 and 5138 the four ranges do not touch.
            let per_s = match count.abs() {
                c if c < 1e11 => 1.0,
                c if c < 1e14 => 1e3,
                c if c < 1e17 => 1e6,
                _ => 1e9,
            };
            if let Some(whole) = number.as_i64() {
                #[expect(clippy::cast_possible_truncation, reason = "one of four powers of ten")]
                let per_s = per_s as i64;
                let nanos = u32::try_from(whole.rem_euclid(per_s) * (1_000_000_000 / per_s)).ok()?;
                return DateTime::from_timestamp(whole.div_euclid(per_s), nanos);
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "microseconds of the years that chrono knows"
            )]
            let micros = (count / per_s * 1e6).round() as i64;
            DateTime::from_timestamp_micros(micros)
        }
        _ => None,
    }
}

/// The id of a record whose sender names it: always the same for the same message.
pub fn derived_id(gateway_id: &str, source: &str, equipment: &str, id: &str) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("{gateway_id}/{source}/{equipment}/{id}").as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(points: &[(&str, &str)]) -> TopicRule {
        let def = |name: &str| {
            Arc::new(PointDef {
                name: name.to_owned(),
                unit: None,
                role: None,
                map: Vec::new(),
                deadband: None,
                counter: None,
            })
        };
        TopicRule {
            filter: "factory/+/status".to_owned(),
            format: Format::Json,
            equipment: EquipmentAt::parse("{1}").expect("a level"),
            time: Some("/ts".to_owned()),
            id: None,
            points: points.iter().map(|(name, at)| ((*at).to_owned(), def(name))).collect(),
            payload_bytes_max: 1000,
        }
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic, is_match) in [
            ("factory/+/status", "factory/P7/status", true),
            ("factory/+/status", "factory/P7/x/status", false),
            ("factory/#", "factory", true),
            ("factory/#", "factory/a/b", true),
            ("#", "$SYS/broker", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/broker", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("a", "a/b", false),
        ] {
            assert_eq!(matches(filter, topic), is_match, "{filter} {topic}");
        }
    }

    #[test]
    fn values_keep_their_type_and_faults_their_reason() {
        let rule = rule(&[
            ("n", "/n"),
            ("u", "/u"),
            ("f", "/f"),
            ("b", "/b"),
            ("t", "/t/x"),
            ("nil", "/nil"),
            ("gone", "/gone"),
        ]);
        let body = br#"{"ts":"2026-11-21T08:00:00+08:00","n":-3,"u":18446744073709551615,"f":1.5,"b":true,"t":{"x":"RUN"},"nil":null}"#;
        let decoded = message(&rule, "factory/P7/status", body).expect("decodes");
        assert_eq!(&*decoded.equipment, "P7");
        assert_eq!(decoded.time.map(|t| t.timestamp()), Some(1_795_219_200));
        let values: Vec<_> = decoded
            .points
            .iter()
            .map(|p| (p.def.name.as_str(), p.value.clone()))
            .collect();
        assert_eq!(
            values,
            [
                ("n", Ok(Value::Int(-3))),
                ("u", Ok(Value::Uint(u64::MAX))),
                ("f", Ok(Value::Float(1.5))),
                ("b", Ok(Value::Bool(true))),
                ("t", Ok(Value::Text("RUN".into()))),
                ("nil", Err(Fault::Invalid("null".into()))),
            ]
        );
    }

    #[test]
    fn a_wrong_message_says_what_is_wrong() {
        let rule = rule(&[("n", "/n")]);
        let reason = |body: &[u8]| message(&rule, "factory/P7/status", body).expect_err("is refused");
        assert!(reason(b"{oops").starts_with("not JSON"));
        assert_eq!(reason(br#"{"n":1}"#), "no time at /ts");
        assert_eq!(
            reason(br#"{"ts":1763683200,"m":1}"#),
            "none of the configured points is in it"
        );
        assert!(reason(&[b' '; 2000]).contains("more than 1000"));
        assert!(message(&rule, "factory", br#"{"ts":1,"n":1}"#).is_err());
    }

    #[test]
    fn times_are_read_in_every_unit() {
        let second = 1_763_683_200;
        for (text, nanos) in [
            (format!("{second}"), 0),
            (format!("{second}.25"), 250_000_000),
            (format!("{second}123"), 123_000_000),
            (format!("{second}123456"), 123_456_000),
            (format!("{second}123456789"), 123_456_789),
        ] {
            let at = instant(&serde_json::from_str(&text).expect("a number")).expect("an instant");
            assert_eq!((at.timestamp(), at.timestamp_subsec_nanos()), (second, nanos), "{text}");
        }
        assert_eq!(instant(&Json::String("yesterday".into())), None);
    }

    #[test]
    fn equipment_names_come_from_levels_text_and_pointers() {
        assert_eq!(EquipmentAt::parse("/m"), Ok(EquipmentAt::Pointer("/m".into())));
        let mixed = EquipmentAt::parse("cell-{2}/{0}").expect("parts");
        let EquipmentAt::Topic(parts) = mixed else {
            panic!("topic parts")
        };
        assert_eq!(&*equipment_of_topic(&parts, "a/b/c").expect("a name"), "cell-c/a");
        for wrong in ["", "{", "{x}", "a{1"] {
            assert!(EquipmentAt::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(topic in ".{0,40}", body in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut rule = rule(&[("n", "/n")]);
            let _ = message(&rule, &topic, &body);
            rule.format = Format::Value;
            let _ = message(&rule, &topic, &body);
        }
    }
}
