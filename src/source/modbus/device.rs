//! One device, worked out from its settings once: which blocks it is asked for, and how the answers become its points.
//! Pure; `bus` does the asking.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::decode::{Answer, Decoder, Factor};
use super::plan::{Place, Plan, Span};
use super::settings::{DeviceSettings, PointSettings};
use crate::record::{Fault, PointDef, PointReading, Value};

#[derive(Debug)]
pub struct Device {
    pub name: String,
    pub unit: u8,
    pub equipment: Arc<str>,
    /// One request each.
    pub blocks: Vec<Span>,
    points: Vec<Point>,
    /// Which point is the first block and the last: what is read between is one picture if it stays the same.
    sequence: Option<usize>,
    heart: Option<Heart>,
}

#[derive(Debug)]
struct Point {
    def: Arc<PointDef>,
    decoder: Decoder,
    place: Place,
    scaled_by: Option<ScaledBy>,
}

/// Another point of the device, and what its value says of this one.
#[derive(Debug, Clone, Copy)]
struct ScaledBy {
    point: usize,
    factor: fn(f64) -> Factor,
}

/// The heartbeat of a device, as far as it was heard.
#[derive(Debug)]
struct Heart {
    point: usize,
    within: Duration,
    last_beat: Option<(Option<Value>, Instant)>,
}

fn index_of(settings: &DeviceSettings, name: Option<&String>) -> Option<usize> {
    settings.points.keys().position(|point| Some(point) == name)
}

fn plan(settings: &DeviceSettings) -> Plan {
    let (limits, mut spans) = (settings.limits(), Vec::new());
    spans.extend(settings.points.values().map(PointSettings::span));
    let Some(nth) = index_of(settings, settings.snapshot.as_ref()) else {
        return Plan::new(&spans, limits);
    };
    let sequence = spans.remove(nth);
    let framed = limits.aligned(sequence);
    let mut plan = Plan::new(&spans, limits);
    plan.blocks.insert(0, framed);
    plan.blocks.push(framed);
    plan.places.iter_mut().for_each(|place| place.block += 1);
    let offset = sequence.start - framed.start;
    plan.places.insert(nth, Place { block: 0, offset });
    plan
}

/// As a float, because it only goes into estimates.
pub fn requests_per_poll(settings: &DeviceSettings) -> f64 {
    u32::try_from(plan(settings).blocks.len()).map_or(f64::INFINITY, f64::from)
}

impl Device {
    pub fn new(name: &str, settings: &DeviceSettings) -> Self {
        let Plan { blocks, places } = plan(settings);
        let points = settings.points.iter().zip(places);
        Self {
            name: name.to_owned(),
            unit: settings.unit,
            equipment: settings.equipment.as_str().into(),
            blocks,
            points: points
                .map(|((name, point), place)| Point::new(name, point, place, settings))
                .collect(),
            sequence: index_of(settings, settings.snapshot.as_ref()),
            heart: settings.heartbeat.as_ref().and_then(|beat| {
                Some(Heart {
                    point: index_of(settings, Some(&beat.point))?,
                    within: beat.within.0,
                    last_beat: None,
                })
            }),
        }
    }

    /// Every point, from the answers to `blocks` in their order.
    pub fn read(&self, answers: &[Result<Answer, Fault>]) -> Vec<PointReading> {
        self.readings(|point| self.value(point, answers))
    }

    fn value(&self, point: &Point, answers: &[Result<Answer, Fault>]) -> Result<Value, Fault> {
        let answer = answer_at(answers, point.place.block)?;
        let Some(ScaledBy { point: by, factor }) = point.scaled_by else {
            return point.decoder.decode(answer, point.place.offset);
        };
        let by = &self.points[by];
        let number = answer_at(answers, by.place.block)
            .and_then(|answer| by.decoder.decode(answer, by.place.offset))
            .map_err(|fault| match fault {
                Fault::Invalid(why) => Fault::Invalid(format!("{}: {why}", by.def.name)),
                silent @ Fault::Silent(_) => silent,
            })?;
        let number = number.as_f64().unwrap_or(f64::NAN);
        point.decoder.decode_scaled(answer, point.place.offset, factor(number))
    }

    /// Whether the device changed its values while they were read.
    pub fn is_torn(&self, answers: &[Result<Answer, Fault>]) -> bool {
        let Some(sequence) = self.sequence.and_then(|nth| self.points.get(nth)) else {
            return false;
        };
        let read = |block| {
            sequence
                .decoder
                .decode(answer_at(answers, block)?, sequence.place.offset)
        };
        match (read(0), read(self.blocks.len() - 1)) {
            (Ok(before), Ok(after)) => before != after,
            // What was not read speaks for itself.
            _ => false,
        }
    }

    /// Whether the heart of the device beats; one that has none is taken to live.
    pub fn is_alive(&mut self, answers: &[Result<Answer, Fault>], now: Instant) -> bool {
        let Some(point) = self.heart.as_ref().and_then(|heart| self.points.get(heart.point)) else {
            return true;
        };
        let beat = self.value(point, answers).ok();
        self.heart.as_mut().is_none_or(|heart| heart.hear(beat, now))
    }

    /// Every point of a device that did not answer.
    pub fn silent(&self, cause: &'static str) -> Vec<PointReading> {
        self.readings(|_| Err(Fault::Silent(cause)))
    }

    fn readings(&self, value: impl Fn(&Point) -> Result<Value, Fault>) -> Vec<PointReading> {
        self.points
            .iter()
            .map(|point| PointReading {
                def: Arc::clone(&point.def),
                value: value(point),
            })
            .collect()
    }

    /// One line for each request: what is asked on the wire, and which points it brings.
    pub fn describe(&self) -> Vec<String> {
        let names = |block: usize| {
            let is_repeated = self.sequence.is_some() && block + 1 == self.blocks.len();
            let block = if is_repeated { 0 } else { block };
            let within = self.points.iter().filter(|p| p.place.block == block);
            within.map(|p| p.def.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        self.blocks
            .iter()
            .enumerate()
            .map(|(index, block)| format!("unit {} {block}: {}", self.unit, names(index)))
            .collect()
    }
}

impl Point {
    fn new(name: &str, point: &PointSettings, place: Place, device: &DeviceSettings) -> Self {
        let scaled_by = point.scaled_by().and_then(|(key, other)| {
            let factor = if key == "exponent" {
                Factor::PowerOfTen
            } else {
                Factor::Times
            };
            Some(ScaledBy {
                point: index_of(device, Some(other))?,
                factor,
            })
        });
        Self {
            def: Arc::new(PointDef {
                name: name.to_owned(),
                unit: point.unit.clone(),
                role: point.role,
                map: point.map.clone().into_iter().collect(),
                deadband: point.deadband,
                counter: point.counter(),
            }),
            decoder: Decoder::new(point),
            place,
            scaled_by,
        }
    }
}

impl Heart {
    fn hear(&mut self, beat: Option<Value>, now: Instant) -> bool {
        match &self.last_beat {
            Some((last, at)) if beat.is_none() || *last == beat => now - *at <= self.within,
            _ => {
                self.last_beat = Some((beat, now));
                true
            }
        }
    }
}

fn answer_at(answers: &[Result<Answer, Fault>], block: usize) -> Result<&Answer, Fault> {
    match answers.get(block) {
        Some(answer) => answer.as_ref().map_err(Clone::clone),
        None => Err(Fault::Silent("not asked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Value;

    fn device() -> Device {
        let settings: DeviceSettings = toml::from_str(
            r#"
            unit = 3
            equipment = "PRESS-7"
            poll = "1s"
            [points]
            force = { at = "input:10", type = "f32" }
            good  = { at = "holding:2", type = "u32", order = "CDAB" }
            state = { at = "holding:0", type = "u16" }
            "#,
        )
        .expect("settings");
        Device::new("press-7", &settings)
    }

    #[test]
    fn the_plan_is_told_in_wire_addresses() {
        assert_eq!(
            device().describe(),
            ["unit 3 holding:0..3: good, state", "unit 3 input:10..11: force"]
        );
    }

    #[test]
    fn a_refused_block_spoils_its_own_points_only() {
        let refusal = Fault::Invalid("illegal data address (02) at input:10..11".to_owned());
        let points = device().read(&[Ok(Answer::Registers(vec![1, 0, 7, 1])), Err(refusal.clone())]);
        let values: Vec<_> = points.iter().map(|p| (p.def.name.as_str(), p.value.clone())).collect();
        assert_eq!(
            values,
            [
                ("force", Err(refusal)),
                ("good", Ok(Value::Uint(65536 + 7))),
                ("state", Ok(Value::Uint(1)))
            ]
        );
    }

    #[test]
    fn a_silent_device_has_no_values() {
        let points = device().silent("timeout");
        assert_eq!(points.len(), 3);
        assert!(points.iter().all(|p| p.value == Err(Fault::Silent("timeout"))));
    }

    fn pv(points: &str) -> Device {
        let settings: DeviceSettings =
            toml::from_str(&format!("unit = 1\nequipment = \"PV\"\npoll = \"1s\"\n{points}")).expect("settings");
        Device::new("pv", &settings)
    }

    fn registers(values: &[u16]) -> Answer {
        Answer::Registers(values.to_vec())
    }

    #[test]
    fn another_register_may_say_how_a_value_is_scaled() {
        let device = pv(r#"
            [points]
            a    = { at = "holding:0", type = "u16", exponent = "a_sf" }
            a_sf = { at = "holding:1", type = "i16", invalid = 0x8000 }
            kw   = { at = "holding:2", type = "u16", scale = 0.1, scale_by = "ct" }
            ct   = { at = "holding:3", type = "u16" }
        "#);
        let read = |values: &[u16]| {
            let points = device.read(&[Ok(registers(values))]);
            [points[0].value.clone(), points[3].value.clone()]
        };
        assert_eq!(
            read(&[2301, 0xFFFF, 3, 40]),
            [Ok(Value::Float(230.1)), Ok(Value::Float(12.0))]
        );
        let [amps, _] = read(&[2301, 0x8000, 3, 40]);
        assert!(matches!(amps, Err(Fault::Invalid(why)) if why.starts_with("a_sf: ")));
        assert!(matches!(read(&[2301, 77, 3, 40]), [Err(Fault::Invalid(_)), Ok(_)]));
    }

    #[test]
    fn a_picture_is_framed_by_its_sequence_word() {
        let device = pv(r#"
            snapshot = "seq"
            [points]
            good = { at = "holding:0", type = "u16" }
            seq  = { at = "holding:1", type = "u16" }
            temp = { at = "input:0", type = "u16" }
        "#);
        assert_eq!(
            device.describe(),
            [
                "unit 1 holding:1: seq",
                "unit 1 holding:0: good",
                "unit 1 input:0: temp",
                "unit 1 holding:1: seq"
            ]
        );
        let answers = |before: u16, after: u16| [before, 7, 21, after].map(|value| Ok(registers(&[value])));
        assert!(!device.is_torn(&answers(5, 5)));
        assert!(device.is_torn(&answers(5, 6)));
        let values: Vec<_> = device.read(&answers(5, 5)).into_iter().map(|p| p.value).collect();
        assert_eq!(values, [7, 5, 21].map(|value| Ok(Value::Uint(value))));
        let mut refused = answers(5, 6);
        refused[0] = Err(Fault::Invalid("illegal data address (02)".to_owned()));
        assert!(!device.is_torn(&refused), "a refusal speaks for itself");
    }

    #[test]
    fn a_heart_that_stands_still_is_noticed() {
        let mut device = pv(
            "heartbeat = { point = \"beat\", within = \"5s\" }\npoints.beat = { at = \"holding:0\", type = \"u16\" }",
        );
        let start = Instant::now();
        let refused = Err(Fault::Invalid("device failure (04)".to_owned()));
        for (second, answer, is_alive) in [
            (0, Ok(registers(&[1])), true),
            (4, Ok(registers(&[1])), true),
            (6, Ok(registers(&[1])), false),
            (7, Ok(registers(&[2])), true),
            (12, refused.clone(), true),
            (13, refused, false),
            (14, Ok(registers(&[2])), false),
            (15, Ok(registers(&[3])), true),
        ] {
            let now = start + Duration::from_secs(second);
            assert_eq!(device.is_alive(&[answer], now), is_alive, "after {second} s");
        }
    }
}
