//! One device, worked out from its settings: which blocks it is asked for, and how the answers become its points. What the
//! device refuses changes the blocks. Pure; `bus` does the asking, `poll` says what for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::decode::{Answer, Decoder, Factor};
use super::encode::Encoder;
use super::learnt::{Learnt, Lesson};
use super::plan::{self, Block, Limits, Span};
use super::quiet::Quiet;
use super::settings::{DeviceSettings, PointSettings};
use crate::record::{Fault, PointDef, PointReading, Value};
use crate::scaling::Scaling;

#[derive(Debug)]
pub struct Device {
    pub name: String,
    pub unit: u8,
    pub equipment: Arc<str>,
    /// One request each; shared with the poll that is under way.
    pub blocks: Vec<Arc<Block>>,
    points: Vec<Point>,
    /// Where the points lie.
    spans: Vec<Span>,
    limits: Limits,
    learnt: Learnt,
    pub quiet: Quiet,
    /// Which point is read alone before all others and after them: they are one picture if it stays the same.
    sequence: Option<usize>,
    heart: Option<Heart>,
}

#[derive(Debug)]
struct Point {
    def: Arc<PointDef>,
    decoder: Decoder,
    /// Most points have neither, and there are thousands of them.
    encoder: Option<Box<Encoder>>,
    scaled_by: Option<Box<ScaledBy>>,
}

/// Another point of the device, and what its value says of this one.
#[derive(Debug, Clone, Copy)]
struct ScaledBy {
    point: usize,
    factor: fn(f64) -> Factor,
    own: Scaling,
}

/// The heartbeat of a device, as far as it was heard.
#[derive(Debug)]
struct Heart {
    point: usize,
    within: Duration,
    last_beat: Option<(Option<Value>, Instant)>,
}

/// What a point came to in a poll, if it was asked for.
pub type Outcome = Option<Result<Value, Fault>>;

fn index_of(settings: &DeviceSettings, name: Option<&String>) -> Option<usize> {
    settings.points.keys().position(|point| Some(point) == name)
}

/// The requests of one poll, before anything was learnt.
pub fn requests(settings: &DeviceSettings) -> Vec<Span> {
    let spans: Vec<Span> = settings.points.values().map(|point| point.span()).collect();
    let sequence = index_of(settings, settings.snapshot.as_ref());
    let blocks = framed(sequence, 0..spans.len(), &spans, settings.limits(), |_| true);
    blocks.into_iter().map(|block| block.span).collect()
}

/// The blocks of these points, with the sequence word, if it is one of them, alone at both ends.
fn framed(
    sequence: Option<usize>,
    points: impl Iterator<Item = usize>,
    spans: &[Span],
    limits: Limits,
    may_join: impl Fn(Span) -> bool,
) -> Vec<Block> {
    let (frame, points): (Vec<_>, Vec<_>) = points.partition(|&point| Some(point) == sequence);
    let frame = plan::blocks(frame.into_iter(), spans, limits, |_| true);
    let blocks = plan::blocks(points.into_iter(), spans, limits, may_join);
    [frame.clone(), blocks, frame].concat()
}

impl Device {
    /// The point that proves that the others belong together.
    pub fn sequence(&self) -> Option<usize> {
        self.sequence
    }

    pub fn new(name: &str, settings: &DeviceSettings) -> Self {
        let points: Vec<Point> = settings
            .points
            .iter()
            .map(|(name, point)| Point::new(name, point, settings))
            .collect();
        let mut device = Self {
            name: name.to_owned(),
            unit: settings.unit,
            equipment: settings.equipment.as_str().into(),
            blocks: Vec::new(),
            points,
            spans: settings.points.values().map(|point| point.span()).collect(),
            limits: settings.limits(),
            learnt: Learnt::default(),
            quiet: Quiet::default(),
            sequence: index_of(settings, settings.snapshot.as_ref()),
            heart: settings.heartbeat.as_ref().and_then(|beat| {
                Some(Heart {
                    point: index_of(settings, Some(&beat.point))?,
                    within: beat.within.0,
                    last_beat: None,
                })
            }),
        };
        device.plan();
        device
    }

    fn plan(&mut self) {
        let given = (0..self.points.len()).filter(|&point| self.learnt.hole(point).is_none());
        let limits = self.learnt.narrow(self.limits);
        let blocks = framed(self.sequence, given, &self.spans, limits, |joined| {
            self.learnt.allows(limits.aligned(joined), &self.spans)
        });
        self.blocks = blocks.into_iter().map(Arc::new).collect();
    }

    /// Plans anew with what was learnt; gives what was not known before.
    pub fn learn(&mut self, lessons: Vec<Lesson>, now: Instant) -> Vec<Lesson> {
        let news: Vec<Lesson> = lessons
            .into_iter()
            .filter(|lesson| self.learnt.take(lesson, now))
            .collect();
        if !news.is_empty() {
            self.plan();
        }
        news
    }

    /// Goes back to what the settings say once what was learnt is old; whether it was.
    pub fn forget(&mut self, now: Instant) -> bool {
        let is_old = self.learnt.forget(now);
        if is_old {
            self.plan();
        }
        is_old
    }

    /// In the order of a poll: as planned, but what had no answer last; and where polls bring nothing, with another one first,
    /// for a device may have no answer for that one alone. What frames a picture stays at its ends.
    pub fn blocks_in_turn(&self) -> Vec<&Arc<Block>> {
        let mut blocks: Vec<_> = self.blocks.iter().collect();
        if self.sequence.is_none() && !blocks.is_empty() {
            blocks.rotate_left(self.quiet.first() % self.blocks.len());
            blocks.sort_by_key(|block| self.quiet.is_in_doubt(block.span));
        }
        blocks
    }

    pub fn halves(&self, block: &Block) -> Option<[Block; 2]> {
        block.halves(&self.spans, self.limits)
    }

    /// Where the first point of a block starts, which alignment may have put within it.
    pub fn start_of(&self, block: &Block) -> u16 {
        let first = block.points.first().and_then(|&point| self.spans.get(point));
        first.map_or(block.span.start, |span| span.start)
    }

    pub fn point_count(&self) -> usize {
        self.points.len()
    }

    /// What a point holds, from an answer that starts at this address; not yet scaled by another point.
    pub fn decode(&self, point: usize, answer: &Answer, start: u16) -> Result<Value, Fault> {
        let (Some(of_point), Some(span)) = (self.points.get(point), self.spans.get(point)) else {
            return Err(Fault::Silent("not asked"));
        };
        of_point.decoder.decode(answer, span.start.saturating_sub(start))
    }

    /// How a point is written, and how it is read back.
    pub fn way_in(&self, point: &str) -> Option<(&Encoder, &Decoder)> {
        let point = self.points.iter().find(|of_device| *of_device.def.name == *point)?;
        Some((point.encoder.as_deref()?, &point.decoder))
    }

    /// Whether the heart of the device beats; one that has none is taken to live.
    pub fn is_alive(&mut self, outcomes: &[Outcome], now: Instant) -> bool {
        self.heart.as_mut().is_none_or(|heart| {
            let beat = outcomes.get(heart.point).cloned().flatten();
            heart.hear(beat.and_then(Result::ok), now)
        })
    }

    /// Every point, from what each came to.
    pub fn readings(&self, outcome: impl Fn(usize) -> Outcome) -> Vec<PointReading> {
        let value = |point| match self.learnt.hole(point) {
            Some(why) => Err(Fault::Invalid(format!("{why} at {}", self.spans[point]))),
            None => outcome(point).unwrap_or(Err(Fault::Silent("not asked"))),
        };
        self.points
            .iter()
            .enumerate()
            .map(|(point, of_point)| PointReading {
                def: Arc::clone(&of_point.def),
                value: match &of_point.scaled_by {
                    None => value(point),
                    Some(by) => value(point).and_then(|own| self.scaled(own, by, value(by.point))),
                },
            })
            .collect()
    }

    /// A value, multiplied as another point says.
    fn scaled(&self, value: Value, by: &ScaledBy, other: Result<Value, Fault>) -> Result<Value, Fault> {
        let other = other.map_err(|fault| match fault {
            Fault::Invalid(why) => Fault::Invalid(format!("{}: {why}", self.points[by.point].def.name)),
            silent @ Fault::Silent(_) => silent,
        })?;
        let factor = (by.factor)(other.as_f64().unwrap_or(f64::NAN));
        factor.scale(value, by.own)
    }

    /// Every point of a device that did not answer.
    pub fn silent(&self, cause: &'static str) -> Vec<PointReading> {
        self.readings(|_| Some(Err(Fault::Silent(cause))))
    }

    /// One line for each request: what is asked on the wire, and which points it brings.
    pub fn describe(&self) -> Vec<String> {
        self.blocks
            .iter()
            .map(|block| format!("unit {} {}: {}", self.unit, block.span, self.names(block)))
            .collect()
    }

    /// One line for each thing that the device has refused, or has no answer for.
    pub fn describe_learnt(&self) -> Vec<String> {
        let point_at = |point: usize| format!("{} ({})", self.points[point].def.name, self.spans[point]);
        let mut lines = self.learnt.describe(point_at);
        lines.extend(self.quiet.describe());
        lines
    }

    /// The points of a block, in the order of their names.
    pub fn names(&self, block: &Block) -> String {
        let mut points = block.points.clone();
        points.sort_unstable();
        let names = points.iter().filter_map(|&point| self.points.get(point));
        names.map(|point| &*point.def.name).collect::<Vec<_>>().join(", ")
    }
}

impl Point {
    fn new(name: &str, point: &PointSettings, device: &DeviceSettings) -> Self {
        let scaled_by = point.scaled_by().and_then(|(key, other)| {
            let factor = if key == "exponent" {
                Factor::PowerOfTen
            } else {
                Factor::Times
            };
            Some(ScaledBy {
                point: index_of(device, Some(other))?,
                factor,
                own: point.scaling().unwrap_or(Scaling::IDENTITY),
            })
        });
        Self {
            def: Arc::new(PointDef {
                name: name.into(),
                unit: point.unit.as_deref().map(Into::into),
                role: point.role,
                map: point.map.clone().into_iter().collect(),
                deadband: point.deadband,
                counter: point.counter().map(Box::new),
            }),
            decoder: Decoder::new(point),
            encoder: point.is_writable().then(|| Box::new(Encoder::new(point))),
            scaled_by: scaled_by.map(Box::new),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::modbus::exception::Exception;

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
    fn a_point_that_is_not_there_is_void_and_not_asked_for() {
        let mut device = device();
        let hole = Lesson::Hole {
            point: 1,
            why: Exception(2),
        };
        assert_eq!(device.learn(vec![hole.clone()], Instant::now()), [hole]);
        assert_eq!(
            device.describe(),
            ["unit 3 holding:0: state", "unit 3 input:10..11: force"]
        );
        assert_eq!(
            device.describe_learnt(),
            ["good (holding:2..3): illegal data address (02)"]
        );
        let points = device.readings(|_| Some(Ok(Value::Uint(1))));
        let values: Vec<_> = points.iter().map(|p| (&*p.def.name, p.value.clone())).collect();
        let void = Fault::Invalid("illegal data address (02) at holding:2..3".to_owned());
        let one = Value::Uint(1);
        assert_eq!(
            values,
            [("force", Ok(one.clone())), ("good", Err(void)), ("state", Ok(one))]
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

    /// The values of a device with one block of holding registers.
    fn read(device: &Device, registers: &[u16]) -> Vec<Result<Value, Fault>> {
        let answer = Answer::Registers(registers.to_vec());
        let points = device.readings(|point| Some(device.decode(point, &answer, 0)));
        points.into_iter().map(|point| point.value).collect()
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
        let read = |registers| {
            let values = read(&device, registers);
            [values[0].clone(), values[3].clone()]
        };
        let scaled = [Ok(Value::Float(230.1)), Ok(Value::Float(12.0))];
        assert_eq!(read(&[2301, 0xFFFF, 3, 40]), scaled);
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
    }

    #[test]
    fn a_heart_that_stands_still_is_noticed() {
        let mut device = pv(
            "heartbeat = { point = \"beat\", within = \"5s\" }\npoints.beat = { at = \"holding:0\", type = \"u16\" }",
        );
        let start = Instant::now();
        for (second, beat, is_alive) in [
            (0, Some(1), true),
            (4, Some(1), true),
            (6, Some(1), false),
            (7, Some(2), true),
            (12, None, true),
            (13, None, false),
            (14, Some(2), false),
            (15, Some(3), true),
        ] {
            let refused = Err(Fault::Invalid("device failure (04)".to_owned()));
            let outcome = beat.map_or(refused, |beat| Ok(Value::Uint(beat)));
            let now = start + Duration::from_secs(second);
            assert_eq!(device.is_alive(&[Some(outcome)], now), is_alive, "after {second} s");
        }
    }
}
