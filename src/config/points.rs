//! Which points the sources tell, so that whoever names one as `EQUIPMENT.point` is told of a slip of the pen.

use std::collections::{BTreeMap, BTreeSet};

use super::sections::Config;
use crate::source::modbus;
use crate::topic::{self, EquipmentAt, Part};

pub(super) struct Points {
    /// By equipment; of what is only declared there are none.
    of: BTreeMap<String, BTreeSet<String>>,
    /// Of equipment whose name comes with the message.
    of_any: BTreeSet<String>,
}

impl Points {
    pub fn told(config: &Config, modbus: &[(String, modbus::Settings)]) -> Self {
        let declared = config.equipment.keys().map(|code| (code.clone(), BTreeSet::new()));
        let mut points = Self {
            of: declared.collect(),
            of_any: BTreeSet::new(),
        };
        for device in modbus.iter().flat_map(|(_, connection)| connection.device.values()) {
            let names = points.of.entry(device.equipment.clone()).or_default();
            names.extend(device.points.keys().cloned());
        }
        for section in config.mqtt.values().flat_map(|broker| &broker.topic) {
            let names = match &section.equipment.0 {
                EquipmentAt::Topic(parts) => match parts.as_slice() {
                    [Part::Text(name)] => points.of.entry(name.clone()).or_default(),
                    _ => &mut points.of_any,
                },
                EquipmentAt::Pointer(_) => &mut points.of_any,
            };
            names.extend(section.points.keys().cloned());
        }
        points
    }

    /// What is wrong with this name of a point, whose equipment must be known by its name.
    pub fn problem(&self, equipment: &str, point: &str) -> Option<String> {
        if self.of.contains_key(equipment) {
            self.problem_if_heard(equipment, point)
        } else {
            Some(format!(
                "no source and no section speaks of `{equipment}`; add [equipment.{equipment}]"
            ))
        }
    }

    /// The same where the equipment may also be one whose name comes with its messages.
    pub fn problem_if_heard(&self, equipment: &str, point: &str) -> Option<String> {
        let none = BTreeSet::new();
        let names = self.of.get(equipment).unwrap_or(&none);
        // A name with levels of a topic in it may turn out to be any.
        let may_be = |name: &String| name == point || topic::parts(name).is_some_and(|parts| topic::has_levels(&parts));
        if names.union(&self.of_any).any(may_be) {
            return None;
        }
        let known: Vec<&str> = names.union(&self.of_any).map(String::as_str).collect();
        if !known.is_empty() {
            let known = known.join(", ");
            return Some(format!("no source tells `{point}` of {equipment}; there are: {known}"));
        }
        if self.of.contains_key(equipment) {
            return Some(format!("no source tells a point of {equipment}"));
        }
        Some(format!("no source and no section speaks of `{equipment}`"))
    }
}
