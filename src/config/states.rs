//! The states that machines' own words are mapped to. A plant may have states of its own; one that is a slip of the pen
//! away from a state that is judged would be judged as nothing.

use std::collections::BTreeMap;

use super::plan::Check;
use super::sections::Config;
use crate::judge::progress::oee::Doing;
use crate::source::modbus;

/// Told by `lineside check` only: a gateway that ran goes on running.
pub(super) fn check_states(config: &Config, modbus: &[(String, modbus::Settings)], check: &mut Check) {
    if !check.is_proof {
        return;
    }
    for (broker, section) in &config.mqtt {
        for (nth, topic) in section.topic.iter().enumerate() {
            for (name, point) in &topic.points {
                let place = ["mqtt", broker, "topic", &nth.to_string(), "points", name];
                check_map(&place, &point.map, check);
            }
        }
    }
    for (connection, settings) in modbus {
        for (device_name, device) in &settings.device {
            for (name, point) in &device.points {
                let place = ["modbus", connection, "device", device_name, "points", name];
                check_map(&place, &point.map, check);
            }
        }
    }
}

fn check_map(point: &[&str], map: &BTreeMap<String, String>, check: &mut Check) {
    for (word, state) in map {
        let Some(meant) = meant(state) else { continue };
        let known: Vec<&str> = Doing::names().collect();
        check.find(
            &[point, &["map", word]].concat(),
            format!(
                "`{state}` is no state that is judged; did you mean `{meant}`? (judged: {})",
                known.join(", ")
            ),
        );
    }
}

/// The state that was most likely meant by one that is not known.
fn meant(state: &str) -> Option<&'static str> {
    if Doing::names().any(|known| known == state) {
        return None;
    }
    let lower: Vec<char> = state.to_lowercase().chars().collect();
    Doing::names().find(|known| {
        let known: Vec<char> = known.chars().collect();
        lower == known || is_slip(&lower, &known) || is_slip(&known, &lower)
    })
}

/// Whether a letter within the longer word is left out of the other, or two neighbours have changed places. Words with another
/// letter, beginning or end are words of their own: charging, hanging, completed.
fn is_slip(word: &[char], longer: &[char]) -> bool {
    let is_left_out = |at: usize| word.iter().eq(longer.iter().take(at).chain(longer.iter().skip(at + 1)));
    let is_swapped = |at: usize| {
        let mut swapped = longer.to_vec();
        swapped.swap(at, at + 1);
        swapped == word
    };
    (1..longer.len().saturating_sub(1)).any(is_left_out) || (0..longer.len().saturating_sub(1)).any(is_swapped)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_slip_is_told_from_a_state_of_the_plant() {
        assert_eq!(meant("runing"), Some("running"));
        assert_eq!(meant("Fault"), Some("fault"));
        assert_eq!(meant("stoped"), Some("stopped"));
        assert_eq!(meant("runnning"), Some("running"));
        assert_eq!(meant("offlien"), Some("offline"));
        for fine in [
            "running",
            "warm-up",
            "hold",
            "charging",
            "hanging",
            "faulty",
            "completed",
            "换模",
        ] {
            assert_eq!(meant(fine), None, "{fine}");
        }
    }
}
