//! What is known of a make of device: its limits and its points, written once for all devices of that make.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::device::{DeviceSettings, Heartbeat, Within, at};
use super::{Finding, PointSettings};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Which devices it is for.
    pub describes: String,
    pub max_registers: Option<Within<1, 125>>,
    pub max_bits: Option<Within<1, 2000>>,
    pub max_gap: Option<u16>,
    pub align: Option<Within<1, 2>>,
    pub heartbeat: Option<Heartbeat>,
    pub snapshot: Option<String>,
    pub points: BTreeMap<String, Box<PointSettings>>,
}

impl DeviceSettings {
    /// Takes from the template what the device does not say itself: a point of the same name is the device's own.
    pub fn fill_in(&mut self, template: Template) -> Vec<Finding> {
        let found = self.check_only(&template);
        let wanted = |name: &String| self.only.as_ref().is_none_or(|only| only.contains(name));
        let points = template.points.into_iter().filter(|(name, _)| wanted(name)).collect();
        let own = std::mem::replace(&mut self.points, points);
        self.points.extend(own);
        self.max_registers = self.max_registers.or(template.max_registers);
        self.max_bits = self.max_bits.or(template.max_bits);
        self.max_gap = self.max_gap.or(template.max_gap);
        self.align = self.align.or(template.align);
        // What `only` leaves out cannot be watched either.
        let heartbeat = template.heartbeat.filter(|beat| self.points.contains_key(&beat.point));
        let snapshot = template.snapshot.filter(|point| self.points.contains_key(point));
        self.heartbeat = self.heartbeat.take().or(heartbeat);
        self.snapshot = self.snapshot.take().or(snapshot);
        found
    }

    fn check_only(&self, template: &Template) -> Vec<Finding> {
        let named = self.only.iter().flatten().enumerate();
        let unknown = named.filter(|(_, name)| !template.points.contains_key(*name));
        unknown
            .map(|(nth, name)| {
                let names: Vec<&str> = template.points.keys().map(String::as_str).collect();
                let what = format!("the template has no point `{name}`; it has {}", names.join(" "));
                (at(&["only", &nth.to_string()]), what)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METER: &str = r#"
        describes = "a meter"
        max_registers = 80
        align = 2
        [points]
        power = { at = "input:0", type = "f32" }
        volts = { at = "input:2", type = "f32" }
    "#;

    fn filled(device: &str) -> (DeviceSettings, Vec<Finding>) {
        let device = format!("unit = 1\nequipment = \"M\"\npoll = \"1s\"\n{device}");
        let mut device: DeviceSettings = toml::from_str(&device).expect("a device");
        let found = device.fill_in(toml::from_str(METER).expect("a template"));
        (device, found)
    }

    #[test]
    fn a_device_adds_to_its_template_and_has_the_last_word() {
        let (device, found) = filled(
            "max_registers = 40\npoints.power = { at = \"input:52\", type = \"f32\" }\npoints.own = { at = \"coil:0\" }",
        );
        assert_eq!(found, []);
        assert_eq!((device.limits().max_registers, device.limits().align), (40, 2));
        let points: Vec<String> = device
            .points
            .iter()
            .map(|(name, point)| format!("{name} {}", point.at))
            .collect();
        assert_eq!(points, ["own coil:0", "power input:52", "volts input:2"]);
        assert_eq!(device.check(), []);
    }

    #[test]
    fn only_some_points_may_be_taken() {
        let (device, found) = filled("only = [\"volts\"]");
        assert_eq!(found, []);
        assert!(device.points.keys().eq(["volts"]));
        let (_, found) = filled("only = [\"volts\", \"amps\"]");
        let expected = (
            at(&["only", "1"]),
            "the template has no point `amps`; it has power volts".to_owned(),
        );
        assert_eq!(found, [expected]);
    }
}
