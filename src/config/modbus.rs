//! `[modbus.NAME]`: connections with their devices, as the source takes them. Templates of devices are filled in here: those
//! that the program brings along by their name, others by the path of their file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::plan::Check;
use crate::source::modbus::{DeviceSettings, Settings, Template};

const SHIPPED: [(&str, &str); 4] = [
    ("delta-dvp", include_str!("../../config/templates/delta-dvp.toml")),
    (
        "eastron-sdm630",
        include_str!("../../config/templates/eastron-sdm630.toml"),
    ),
    (
        "generic-machine",
        include_str!("../../config/templates/generic-machine.toml"),
    ),
    (
        "schneider-pm5000",
        include_str!("../../config/templates/schneider-pm5000.toml"),
    ),
];

pub(super) fn lower_modbus(written: BTreeMap<String, Settings>, check: &mut Check) -> Vec<(String, Settings)> {
    let mut readers = BTreeMap::new();
    let mut lowered = Vec::new();
    for (name, mut connection) in written {
        let mut problems = Vec::new();
        for (device_name, device) in &mut connection.device {
            let of_device = fill_in(device, check).into_iter();
            problems.extend(of_device.map(|(path, what)| {
                let below = ["device", device_name].map(str::to_owned);
                (below.into_iter().chain(path).collect(), what)
            }));
        }
        problems.extend(connection.check());
        for (path, problem) in problems {
            let path: Vec<&str> = ["modbus", &name]
                .into_iter()
                .chain(path.iter().map(String::as_str))
                .collect();
            check.find(&path, problem);
        }
        check_readers(&name, &connection, &mut readers, check);
        lowered.push((name, connection));
    }
    lowered
}

/// Two devices cannot both say what a point of an equipment is. `readers` knows who says it so far.
fn check_readers(
    name: &str,
    connection: &Settings,
    readers: &mut BTreeMap<(String, String), String>,
    check: &mut Check,
) {
    for (device_name, device) in &connection.device {
        for point in device.points.keys() {
            let reader = format!("modbus.{name}.device.{device_name}");
            if let Some(other) = readers.insert((device.equipment.clone(), point.clone()), reader) {
                let path = ["modbus", name, "device", device_name, "points", point];
                check.find(
                    &path,
                    format!(
                        "{}.{point} is read by {other} too; give one of them another name",
                        device.equipment
                    ),
                );
            }
        }
    }
}

/// Fills in the template of a device, if it has one; what is wrong is told with its path below the device.
fn fill_in(device: &mut DeviceSettings, check: &Check) -> Vec<(Vec<String>, String)> {
    let Some(name) = device.template.clone() else {
        return Vec::new();
    };
    match template(&name, check) {
        Ok(template) => device.fill_in(template),
        Err(what) => vec![(vec!["template".to_owned()], what)],
    }
}

fn template(name: &str, check: &Check) -> Result<Template, String> {
    if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
        let file = check.resolve(Path::new(name));
        let text = fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        return parse(&text).map_err(|why| format!("{}, {why}", file.display()));
    }
    let Some((_, text)) = SHIPPED.iter().find(|shipped| shipped.0 == name) else {
        let names = SHIPPED.map(|shipped| shipped.0).join(" ");
        return Err(format!(
            "there is no template `{name}`; there are {names}, or write the path of a file, \"NAME.toml\""
        ));
    };
    parse(text)
}

fn parse(text: &str) -> Result<Template, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("line {}: {}", before.matches('\n').count() + 1, error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(name: &str) -> Template {
        let (_, text) = SHIPPED.iter().find(|shipped| shipped.0 == name).expect("a template");
        parse(text).unwrap_or_else(|why| panic!("{name}, {why}"))
    }

    fn device(template: Template) -> DeviceSettings {
        let mut device: DeviceSettings =
            toml::from_str("unit = 1\nequipment = \"M\"\npoll = \"1s\"").expect("a device");
        assert_eq!(device.fill_in(template), []);
        device
    }

    #[test]
    fn every_template_is_shipped_and_makes_a_device_that_can_be_polled() {
        let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/config/templates")).expect("templates");
        let mut names: Vec<String> = files
            .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
            .collect();
        names.sort_unstable();
        assert_eq!(names, SHIPPED.map(|(name, _)| format!("{name}.toml")));
        for (name, _) in SHIPPED {
            let template = shipped(name);
            assert!(!template.describes.is_empty() && !template.points.is_empty(), "{name}");
            assert_eq!(device(template).check(), [], "{name}");
        }
    }

    #[test]
    fn the_same_quantity_has_the_same_name_and_unit_on_every_device() {
        let mut units: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (name, _) in SHIPPED {
            for (point, settings) in shipped(name).points {
                let is_name = point
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                assert!(is_name, "{name}: {point}");
                let unit = units.entry(point.clone()).or_insert_with(|| settings.unit.clone());
                assert_eq!(*unit, settings.unit, "{name}: {point}");
            }
        }
        for point in ["power", "energy_import", "voltage_l1_n", "current_l1", "frequency"] {
            for meter in ["eastron-sdm630", "schneider-pm5000"] {
                assert!(shipped(meter).points.contains_key(point), "{meter}: {point}");
            }
        }
    }

    #[test]
    fn a_meter_is_asked_within_its_limits() {
        let meter = device(shipped("eastron-sdm630"));
        let limits = meter.limits();
        assert_eq!((limits.max_registers, limits.align), (80, 2));
        assert_eq!(meter.points.len(), 86);
    }

    #[test]
    fn mistakes_in_a_template_are_told_with_their_line() {
        let why =
            parse("describes = \"a meter\"\n[points]\npower = { at = \"40001\", type = \"f32\" }").expect_err("wrong");
        assert!(why.starts_with("line 3: ") && why.contains("holding:0"), "{why}");
    }
}
