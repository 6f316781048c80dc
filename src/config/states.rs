//! The states that machines' own words are mapped to. A plant may have states of its own; one that is a slip of the pen
//! away from a state that is judged would be judged as nothing.

use std::collections::BTreeMap;

use super::explain::distance;
use super::plan::Check;
use super::sections::Config;
use crate::judge::progress::oee::Doing;
use crate::source::modbus;

/// Shorter words are too close to each other for a guess.
const GUESSED_CHARS_MIN: usize = 5;

pub(super) fn check_states(config: &Config, modbus: &[(String, modbus::Settings)], check: &mut Check) {
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
    let lower = state.to_lowercase();
    let is_word = state.chars().all(char::is_alphabetic);
    Doing::names()
        .find(|known| lower == **known || (is_word && known.len() >= GUESSED_CHARS_MIN && distance(&lower, known) == 1))
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_slip_is_told_from_a_state_of_the_plant() {
        assert_eq!(meant("runing"), Some("running"));
        assert_eq!(meant("Fault"), Some("fault"));
        assert_eq!(meant("stoped"), Some("stopped"));
        for fine in ["running", "warm-up", "hold", "setup2", "cleaning", "换模"] {
            assert_eq!(meant(fine), None, "{fine}");
        }
    }
}
