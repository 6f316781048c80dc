//! `writable`: the points of a connection that may be written, as `POINT` or `DEVICE.POINT`. All others are only read.

use super::{DeviceSettings, Finding, PointSettings, Settings, WriteRange};
use crate::source::modbus::address::{Area, Type};
use crate::writes::Writable;

impl Settings {
    /// Everything that may be written, each once.
    pub fn writable_points(&self) -> Vec<Writable> {
        let meant = self.writable.iter().flat_map(|entry| self.meant_by(entry));
        let mut points: Vec<Writable> = Vec::new();
        for (_, device, point) in meant {
            let range = device.points.get(point).and_then(|settings| settings.write_range);
            let writable = Writable {
                equipment: device.equipment.clone(),
                point: point.clone(),
                low: range.map(|range| range.low),
                high: range.map(|range| range.high),
            };
            if !points.contains(&writable) {
                points.push(writable);
            }
        }
        points
    }

    /// The points that an entry of the list stands for.
    fn meant_by(&self, entry: &str) -> impl Iterator<Item = (&String, &DeviceSettings, &String)> {
        let points = self.device.iter().flat_map(|(name, device)| {
            let points = device.points.keys();
            points.map(move |point| (name, device, point))
        });
        points.filter(move |(name, _, point)| {
            let of_device = entry
                .strip_prefix(name.as_str())
                .and_then(|rest| rest.strip_prefix('.'));
            entry == point.as_str() || of_device == Some(point.as_str())
        })
    }

    pub(super) fn check_writable(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for (nth, entry) in self.writable.iter().enumerate() {
            let place = vec!["writable".to_owned(), nth.to_string()];
            let mut meant = self.meant_by(entry).peekable();
            if meant.peek().is_none() {
                let names = self.device.values().flat_map(|device| device.points.keys());
                let names: Vec<&str> = names.map(String::as_str).collect();
                let what = format!("no device has a point `{entry}`; there are {}", names.join(" "));
                found.push((place.clone(), what));
            }
            for (_, device, point) in meant {
                if let Some(why) = device.points.get(point).and_then(|point| point.why_not_writable()) {
                    found.push((place.clone(), format!("`{point}` cannot be written: {why}")));
                }
            }
        }
        found
    }
}

impl PointSettings {
    /// Whether it could be listed as such.
    pub fn is_writable(&self) -> bool {
        self.why_not_writable().is_none()
    }

    fn why_not_writable(&self) -> Option<&'static str> {
        if !matches!(self.at.area, Area::Coil | Area::Holding) {
            return Some("inputs are only read");
        }
        if self.at.bits.is_some() {
            return Some("bits of a register can only be written with all the others of it");
        }
        if matches!(self.kind(), Type::Text(_)) {
            return Some("texts are only read");
        }
        if self.counter.is_some() || self.scaled_by().is_some() {
            return Some("what is told of it is not what its registers hold");
        }
        let is_number = self.at.area == Area::Holding;
        match self.write_range {
            None if is_number => Some("it needs a range, such as write_range = { low = 0, high = 100 }"),
            Some(WriteRange { low, high }) if !(low..=high).contains(&low) => {
                Some("the low end of its write_range lies above the high one")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(writable: &str) -> Settings {
        toml::from_str(&format!(
            r#"
            url = "tcp://127.0.0.1"
            writable = [{writable}]
            [device.a]
            unit = 1
            equipment = "A"
            poll = "1s"
            [device.a.points]
            speed = {{ at = "holding:0", type = "u16", write_range = {{ low = 0, high = 100 }} }}
            lamp = {{ at = "coil:0" }}
            heat = {{ at = "input:0", type = "u16" }}
            free = {{ at = "holding:1", type = "u16" }}
            odd = {{ at = "holding:1", type = "u16", write_range = {{ low = 2, high = 1 }} }}
            bit = {{ at = "holding:2.3" }}
            name = {{ at = "holding:4", type = "string:4" }}
            [device.b]
            unit = 2
            equipment = "B"
            poll = "1s"
            points.speed = {{ at = "holding:0", type = "u16", write_range = {{ low = 0, high = 100 }} }}
            "#
        ))
        .expect("settings")
    }

    #[test]
    fn points_are_meant_on_every_device_or_on_one() {
        let meant = |writable: &str| {
            let settings = line(writable);
            assert_eq!(settings.check(), []);
            let points = settings.writable_points().into_iter();
            points
                .map(|writable| format!("{} {}", writable.equipment, writable.point))
                .collect::<Vec<_>>()
        };
        assert_eq!(meant("\"speed\""), ["A speed", "B speed"]);
        assert_eq!(meant("\"b.speed\", \"lamp\""), ["B speed", "A lamp"]);
        assert_eq!(meant(""), [""; 0]);
    }

    #[test]
    fn what_cannot_be_written_is_found() {
        for point in ["heat", "free", "odd", "bit", "name", "sped", "c.speed"] {
            let found = line(&format!("\"lamp\", \"{point}\"")).check();
            assert!(
                found.len() == 1 && found[0].0 == ["writable", "1"],
                "{point}: {found:?}"
            );
        }
    }
}
