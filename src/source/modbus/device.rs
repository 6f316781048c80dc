//! One device, worked out from its settings once: which blocks it is asked for, and how the answers become its points.
//! Pure; `bus` does the asking.

use std::sync::Arc;

use super::decode::{Answer, Decoder};
use super::plan::{Place, Plan, Span};
use super::settings::{DeviceSettings, PointSettings};
use crate::record::{Fault, PointDef, PointReading};

#[derive(Debug)]
pub struct Device {
    pub name: String,
    pub unit: u8,
    pub equipment: Arc<str>,
    /// One request each.
    pub blocks: Vec<Span>,
    points: Vec<Point>,
}

#[derive(Debug)]
struct Point {
    def: Arc<PointDef>,
    decoder: Decoder,
    place: Place,
}

fn plan(settings: &DeviceSettings) -> Plan {
    let spans: Vec<Span> = settings.points.values().map(PointSettings::span).collect();
    Plan::new(&spans, settings.limits())
}

/// As a float, because it only goes into estimates.
pub fn requests_per_poll(settings: &DeviceSettings) -> f64 {
    u32::try_from(plan(settings).blocks.len()).map_or(f64::INFINITY, f64::from)
}

impl Device {
    pub fn new(name: &str, settings: &DeviceSettings) -> Self {
        let Plan { blocks, places } = plan(settings);
        let points = settings
            .points
            .iter()
            .zip(places)
            .map(|((name, point), place)| Point {
                def: Arc::new(PointDef {
                    name: name.clone(),
                    unit: point.unit.clone(),
                    role: point.role,
                    map: point.map.clone().into_iter().collect(),
                    deadband: point.deadband,
                }),
                decoder: Decoder::new(point),
                place,
            })
            .collect();
        Self {
            name: name.to_owned(),
            unit: settings.unit,
            equipment: settings.equipment.as_str().into(),
            blocks,
            points,
        }
    }

    /// Every point, from the answers to `blocks` in their order.
    pub fn read(&self, answers: &[Result<Answer, Fault>]) -> Vec<PointReading> {
        let value = |point: &Point| match answers.get(point.place.block) {
            Some(Ok(answer)) => point.decoder.decode(answer, point.place.offset),
            Some(Err(fault)) => Err(fault.clone()),
            None => Err(Fault::Silent("not asked")),
        };
        self.readings(value)
    }

    /// Every point of a device that did not answer.
    pub fn silent(&self, cause: &'static str) -> Vec<PointReading> {
        self.readings(|_| Err(Fault::Silent(cause)))
    }

    fn readings(&self, value: impl Fn(&Point) -> Result<crate::record::Value, Fault>) -> Vec<PointReading> {
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
}
