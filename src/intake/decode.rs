//! MQTT messages to samples: whose equipment it is, and what the payload says of it.
//!
//! A message holds one sample, or an array of them, each with a time of its own. A configured point that a sample does not
//! carry is left out: machines send what changed. One that is there but is no value is bad, with the reason. A sample in
//! which no configured point is found is rejected, so that a wrong pointer does not pass for silence.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::names::RulePoint;
use crate::pointer::Pointer;
use crate::record::{Fault, PointReading, Sample, Timestamp, Value};
use crate::topic::{EquipmentAt, equipment_of, is_name};

/// Samples in one message at most.
const SAMPLES_MAX: usize = 1000;

/// How messages of one topic filter are read.
#[derive(Debug, Clone)]
pub struct TopicRule {
    pub filter: String,
    pub format: Format,
    pub equipment: EquipmentAt,
    /// The time of the source.
    pub time: Option<Pointer>,
    /// An id that the sender gives each message: a repeat is recognised by it.
    pub id: Option<Pointer>,
    /// An array of samples; a message that is an array itself needs none.
    pub samples: Option<Pointer>,
    /// Place (for `Format::Value`: unused) and meaning of each point.
    pub points: Vec<(Pointer, RulePoint)>,
    pub payload_bytes_max: usize,
    pub rate_limit: Option<RateLimit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    /// The payload is one bare number or text.
    Value,
}

/// How often a topic may speak: this often for long, this many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    pub per_second: f64,
    pub burst: f64,
}

/// One sample of a message, understood.
#[derive(Debug)]
pub struct Decoded {
    /// What the sender calls it.
    pub id: Option<String>,
    pub sample: Sample,
}

/// What a message says: its samples, oldest first, and what is wrong with those that can't be used. An
/// array without samples says nothing.
#[derive(Debug)]
pub struct Message {
    pub samples: Vec<Decoded>,
    pub problems: Vec<String>,
}

pub fn message(rule: &TopicRule, topic: &str, body: &[u8]) -> Result<Message, String> {
    if body.len() > rule.payload_bytes_max {
        return Err(format!(
            "the payload has {} bytes, more than {}",
            body.len(),
            rule.payload_bytes_max
        ));
    }
    match rule.format {
        Format::Json => json_message(rule, topic, body),
        Format::Value => Ok(Message {
            samples: vec![bare_value(rule, topic, body)?],
            problems: Vec::new(),
        }),
    }
}

fn json_message(rule: &TopicRule, topic: &str, body: &[u8]) -> Result<Message, String> {
    let whole: Json = serde_json::from_slice(body).map_err(|e| format!("not JSON: {e}"))?;
    let found = match &rule.samples {
        Some(pointer) => pointer.find(&whole).ok_or_else(|| format!("no samples at {pointer}"))?,
        None => &whole,
    };
    let mut message = Message {
        samples: Vec::new(),
        problems: Vec::new(),
    };
    let Json::Array(items) = found else {
        message.samples.push(json_sample(rule, topic, &whole, found)?);
        return Ok(message);
    };
    if items.len() > SAMPLES_MAX {
        return Err(format!(
            "{} samples, more than {SAMPLES_MAX} in one message",
            items.len()
        ));
    }
    for (nth, item) in items.iter().enumerate() {
        match json_sample(rule, topic, &whole, item) {
            Ok(mut decoded) => {
                // The id of the whole message names each of its samples by its place.
                let is_own = rule.id.as_ref().is_some_and(|pointer| pointer.find(item).is_some());
                decoded.id = decoded.id.map(|id| if is_own { id } else { format!("{id}/{nth}") });
                message.samples.push(decoded);
            }
            Err(problem) => message.problems.push(format!("sample {nth}: {problem}")),
        }
    }
    message.samples.sort_by_key(|decoded| decoded.sample.time);
    Ok(message)
}

/// One sample: equipment, time and id may stand in it or around it.
fn json_sample(rule: &TopicRule, topic: &str, whole: &Json, item: &Json) -> Result<Decoded, String> {
    let find = |pointer: &Pointer| pointer.find(item).or_else(|| pointer.find(whole));
    let equipment = match &rule.equipment {
        EquipmentAt::Topic(parts) => equipment_of(parts, topic)?,
        EquipmentAt::Pointer(pointer) => match find(pointer) {
            Some(Json::String(name)) if is_name(name) => name.as_str().into(),
            Some(Json::Number(number)) => number.to_string().into(),
            _ => return Err(format!("no equipment name at {pointer}")),
        },
    };
    let time = match &rule.time {
        Some(pointer) => Some(
            find(pointer)
                .and_then(instant)
                .ok_or_else(|| format!("no time at {pointer}"))?,
        ),
        None => None,
    };
    let id = match &rule.id {
        Some(pointer) => match find(pointer) {
            Some(Json::String(id)) if !id.is_empty() => Some(id.clone()),
            Some(Json::Number(id)) => Some(id.to_string()),
            _ => return Err(format!("no id at {pointer}")),
        },
        None => None,
    };
    let mut points = Vec::with_capacity(rule.points.len());
    for (pointer, point) in &rule.points {
        let Some(found) = pointer.find(item) else { continue };
        points.push(PointReading {
            def: point.def(topic)?,
            value: value(found),
        });
    }
    if points.is_empty() {
        return Err("none of the configured points is in it".to_owned());
    }
    let sample = Sample {
        equipment,
        time,
        is_past: false,
        points,
    };
    Ok(Decoded { id, sample })
}

fn bare_value(rule: &TopicRule, topic: &str, body: &[u8]) -> Result<Decoded, String> {
    let EquipmentAt::Topic(parts) = &rule.equipment else {
        return Err("a bare value has no equipment in it".to_owned());
    };
    let equipment = equipment_of(parts, topic)?;
    let text = std::str::from_utf8(body)
        .map_err(|_| "not UTF-8 text".to_owned())?
        .trim();
    let value = match serde_json::from_str::<Json>(text) {
        Ok(json) => value(&json),
        _ if text.is_empty() => Err(Fault::Invalid("empty".to_owned())),
        _ => Value::text(text.to_owned()),
    };
    let points = rule.points.iter().map(|(_, point)| {
        Ok(PointReading {
            def: point.def(topic)?,
            value: value.clone(),
        })
    });
    let sample = Sample {
        equipment,
        time: None,
        is_past: false,
        points: points.collect::<Result<_, String>>()?,
    };
    Ok(Decoded { id: None, sample })
}

fn value(json: &Json) -> Result<Value, Fault> {
    match json {
        Json::Bool(b) => Ok(Value::Bool(*b)),
        Json::String(text) => Value::text(text.clone()),
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

/// RFC 3339 text, or a count since 1970 whose unit its size tells: s, ms, us or ns. The count may stand in a text.
fn instant(json: &Json) -> Option<Timestamp> {
    match json {
        Json::String(text) => match text.parse() {
            Ok(count) => instant(&Json::Number(count)),
            Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc)),
        },
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

/// The id of a record whose sender names it: always the same for the same message. Senders count anew when they start, and
/// each topic by itself, so its topic and its time belong to the name, or what it says where it tells no time.
pub fn derived_id(gateway_id: &str, source: &str, topic: &str, decoded: &Decoded, body: &[u8]) -> Option<Uuid> {
    let id = decoded.id.as_ref()?;
    let Sample { equipment, time, .. } = &decoded.sample;
    let mut name = format!("{gateway_id}/{source}/{topic}/{equipment}/{id}/").into_bytes();
    match time {
        Some(time) => name.extend_from_slice(time.to_rfc3339().as_bytes()),
        None => name.extend_from_slice(body),
    }
    Some(Uuid::new_v5(&Uuid::NAMESPACE_URL, &name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::PointDef;
    use proptest::prelude::*;

    fn at(place: &str) -> Pointer {
        Pointer::try_from(place.to_owned()).expect("a pointer")
    }

    fn rule(points: &[(&str, &str)]) -> TopicRule {
        let def = |name: &str| {
            RulePoint::new(PointDef {
                name: name.into(),
                ..PointDef::default()
            })
        };
        TopicRule {
            filter: "factory/+/status".to_owned(),
            format: Format::Json,
            equipment: EquipmentAt::parse("{1}").expect("a level"),
            time: Some(at("/ts")),
            id: None,
            points: points.iter().map(|(name, place)| (at(place), def(name))).collect(),
            samples: None,
            payload_bytes_max: 2000,
            rate_limit: None,
        }
    }

    fn samples(rule: &TopicRule, body: &[u8]) -> Vec<Decoded> {
        let message = message(rule, "factory/P7/status", body).expect("decodes");
        assert!(message.problems.is_empty());
        message.samples
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
        let decoded = samples(&rule, body).remove(0);
        assert_eq!(&*decoded.sample.equipment, "P7");
        assert_eq!(decoded.sample.time.map(|t| t.timestamp()), Some(1_795_219_200));
        let values: Vec<_> = decoded
            .sample
            .points
            .iter()
            .map(|p| (&*p.def.name, p.value.clone()))
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
        assert!(reason(&[b' '; 3000]).contains("more than 2000"));
        assert!(message(&rule, "factory", br#"{"ts":1,"n":1}"#).is_err());
    }

    #[test]
    fn an_array_is_a_sample_each_in_the_order_of_their_times() {
        let rule = TopicRule {
            id: Some(at("/id")),
            samples: Some(at("/values")),
            ..rule(&[("n", "/n")])
        };
        let body = br#"{"id":"m1","values":[{"ts":1763683202,"n":2},{"ts":1763683201,"n":1},{"ts":1763683203,"n":3,"id":"own"}]}"#;
        let seen: Vec<_> = samples(&rule, body)
            .into_iter()
            .map(|decoded| (decoded.id, decoded.sample.points[0].value.clone()))
            .collect();
        let expected = [("m1/1", 1), ("m1/0", 2), ("own", 3)];
        let expected = expected.map(|(id, n)| (Some(id.to_owned()), Ok(Value::Int(n))));
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_array_may_be_the_whole_message_or_empty_and_has_an_end() {
        let rule = TopicRule {
            samples: Some(at("")),
            ..rule(&[("n", "/n")])
        };
        let sample = r#"{"ts":"1763683202","n":2},"#;
        let of = |count: usize| format!("[{}]", sample.repeat(count).trim_end_matches(','));
        assert_eq!(samples(&rule, of(2).as_bytes()).len(), 2);
        assert_eq!(samples(&rule, b"[]").len(), 0);
        let rule = TopicRule {
            payload_bytes_max: 1 << 20,
            ..rule
        };
        let problem = message(&rule, "factory/P7/status", of(1001).as_bytes()).expect_err("too many");
        assert_eq!(problem, "1001 samples, more than 1000 in one message");
    }

    #[test]
    fn a_repeat_says_the_same_on_the_same_topic() {
        let rule = TopicRule {
            id: Some(at("/seq")),
            time: None,
            ..rule(&[("n", "/n")])
        };
        let id_of = |rule: &TopicRule, topic: &str, body: &str| {
            let decoded = message(rule, topic, body.as_bytes())
                .expect("decodes")
                .samples
                .remove(0);
            derived_id("gw", "mqtt/plant", topic, &decoded, body.as_bytes()).expect("has an id")
        };
        let first = id_of(&rule, "factory/P7/status", r#"{"seq":1,"n":5}"#);
        assert_eq!(first, id_of(&rule, "factory/P7/status", r#"{"seq":1,"n":5}"#));
        assert_ne!(first, id_of(&rule, "factory/P7/other", r#"{"seq":1,"n":5}"#));
        assert_ne!(first, id_of(&rule, "factory/P7/status", r#"{"seq":1,"n":6}"#));
        let timed = TopicRule {
            time: Some(at("/ts")),
            ..rule
        };
        let first = id_of(&timed, "factory/P7/status", r#"{"seq":1,"n":5,"ts":1763683202}"#);
        assert_eq!(
            first,
            id_of(
                &timed,
                "factory/P7/status",
                r#"{"seq":1,"n":5,"ts":1763683202,"try":2}"#
            )
        );
        assert_ne!(
            first,
            id_of(&timed, "factory/P7/status", r#"{"seq":1,"n":5,"ts":1763683203}"#)
        );
    }

    #[test]
    fn a_bare_value_is_what_it_says_or_a_text() {
        let rule = TopicRule {
            format: Format::Value,
            ..rule(&[("v", "/unused")])
        };
        let value = |body: &str| samples(&rule, body.as_bytes()).remove(0).sample.points.remove(0).value;
        assert_eq!(value("RUN"), Ok(Value::Text("RUN".to_owned())));
        assert!(value(&"x".repeat(1001)).is_err(), "too long for a record");
        for body in ["null", "{\"a\":1}", "[1]", ""] {
            assert!(value(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_bad_sample_does_not_take_the_good_ones_with_it() {
        let rule = rule(&[("n", "/n")]);
        let body = br#"[{"ts":1763683202,"n":2},{"n":1},5]"#;
        let message = message(&rule, "factory/P7/status", body).expect("decodes");
        assert_eq!(message.samples.len(), 1);
        assert_eq!(
            message.problems,
            ["sample 1: no time at /ts", "sample 2: no time at /ts"]
        );
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
            assert_eq!(instant(&Json::String(text)), Some(at));
        }
        assert_eq!(instant(&Json::String("yesterday".into())), None);
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
