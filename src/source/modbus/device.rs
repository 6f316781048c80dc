//! One device, worked out from its settings: which blocks it is asked for, and how the answers become its points. What the
//! device refuses changes the blocks. Pure; `bus` does the asking, `poll` says what for.

use std::sync::Arc;

use tokio::time::Instant;

use super::decode::{Answer, Decoder};
use super::learnt::{Learnt, Lesson};
use super::plan::{self, Block, Limits, Span};
use super::settings::{DeviceSettings, PointSettings};
use crate::record::{Fault, PointDef, PointReading, Value};

#[derive(Debug)]
pub struct Device {
    pub name: String,
    pub unit: u8,
    pub equipment: Arc<str>,
    /// One request each.
    pub blocks: Vec<Block>,
    points: Vec<Point>,
    /// Where the points lie.
    spans: Vec<Span>,
    limits: Limits,
    learnt: Learnt,
}

#[derive(Debug)]
struct Point {
    def: Arc<PointDef>,
    decoder: Decoder,
}

/// The requests of one poll, before anything was learnt.
pub fn requests(settings: &DeviceSettings) -> Vec<Span> {
    let spans: Vec<Span> = settings.points.values().map(PointSettings::span).collect();
    let blocks = plan::blocks(0..spans.len(), &spans, settings.limits(), |_| true);
    blocks.into_iter().map(|block| block.span).collect()
}

impl Device {
    pub fn new(name: &str, settings: &DeviceSettings) -> Self {
        let points: Vec<Point> = settings
            .points
            .iter()
            .map(|(name, point)| Point {
                def: Arc::new(PointDef {
                    name: name.clone(),
                    unit: point.unit.clone(),
                    role: point.role,
                    map: point.map.clone().into_iter().collect(),
                    deadband: point.deadband,
                }),
                decoder: Decoder::new(point),
            })
            .collect();
        let mut device = Self {
            name: name.to_owned(),
            unit: settings.unit,
            equipment: settings.equipment.as_str().into(),
            blocks: Vec::new(),
            points,
            spans: settings.points.values().map(PointSettings::span).collect(),
            limits: settings.limits(),
            learnt: Learnt::default(),
        };
        device.plan();
        device
    }

    fn plan(&mut self) {
        let given = (0..self.points.len()).filter(|&point| self.learnt.hole(point).is_none());
        let limits = self.learnt.narrow(self.limits);
        self.blocks = plan::blocks(given, &self.spans, limits, |joined| {
            self.learnt.allows(limits.aligned(joined), &self.spans)
        });
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

    /// The value of a point, from an answer that starts at this address.
    pub fn decode(&self, point: usize, answer: &Answer, start: u16) -> Result<Value, Fault> {
        let (Some(of_point), Some(span)) = (self.points.get(point), self.spans.get(point)) else {
            return Err(Fault::Silent("not asked"));
        };
        of_point.decoder.decode(answer, span.start.saturating_sub(start))
    }

    /// Every point with its value, which is handed in by the point's index.
    pub fn readings(&self, value: impl Fn(usize) -> Option<Result<Value, Fault>>) -> Vec<PointReading> {
        let value = |point| match self.learnt.hole(point) {
            Some(why) => Err(Fault::Invalid(format!("{why} at {}", self.spans[point]))),
            None => value(point).unwrap_or(Err(Fault::Silent("not asked"))),
        };
        self.points
            .iter()
            .enumerate()
            .map(|(point, of_point)| PointReading {
                def: Arc::clone(&of_point.def),
                value: value(point),
            })
            .collect()
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

    /// One line for each thing that the device has refused.
    pub fn describe_learnt(&self) -> Vec<String> {
        self.learnt
            .describe(|point| format!("{} ({})", self.points[point].def.name, self.spans[point]))
    }

    /// The points of a block, in the order of their names.
    pub fn names(&self, block: &Block) -> String {
        let mut points = block.points.clone();
        points.sort_unstable();
        let names = points.iter().filter_map(|&point| self.points.get(point));
        names
            .map(|point| point.def.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
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
        let values: Vec<_> = points.iter().map(|p| (p.def.name.as_str(), p.value.clone())).collect();
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
}
