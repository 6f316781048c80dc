//! Which identifiers may and must stand beside each other on one item. They are judged over all symbols of a label, of
//! which a scan is one: what is found here is a warning.

use super::dictionary;
use super::{Element, Problem};

/// Signed data must say which single thing it signs: these keys carry the serial number as their last part.
const SERIAL_IN_KEY: [&str; 3] = ["253", "255", "8003"];

/// All that is found: pairs that exclude each other, what is missing, what contradicts itself, what is signed without serial.
pub fn warnings(elements: &[Element]) -> Vec<Problem> {
    let mut sorted: Vec<&Element> = elements.iter().collect();
    sorted.sort_by(|a, b| a.ai.cmp(&b.ai));
    let mut found: Vec<Problem> = Vec::new();
    let mut warn = |ai: &str, code| {
        let problem = Problem::of(ai, code);
        if !found.contains(&problem) {
            found.push(problem);
        }
    };
    for (ai, entry) in entries(&sorted) {
        let is_excluded = |other: &str| {
            let differs_in_last =
                entry.is_alone && other.len() == ai.len() && other[..ai.len() - 1] == ai[..ai.len() - 1];
            other != ai && (differs_in_last || entry.excludes.iter().any(|mask| fits(mask, other)))
        };
        if sorted.iter().any(|element| is_excluded(&element.ai)) {
            warn(ai, "INVALID_AI_PAIR");
        }
    }
    for (ai, entry) in entries(&sorted) {
        let stands = |mask: &str| sorted.iter().any(|element| element.ai != ai && fits(mask, &element.ai));
        let is_met = |set: &str| set.split(',').any(|group| group.split('+').all(stands));
        if !entry.needs.iter().all(|set| is_met(set)) {
            warn(ai, "REQUIRED_AI_MISSING");
        }
    }
    for pair in sorted.windows(2) {
        if let [first, second] = pair
            && first.ai == second.ai
            && first.value != second.value
        {
            warn(&first.ai, "REPEATED_AI_DIFFERS");
        }
    }
    if sorted.iter().any(|element| element.ai == "8030") {
        for element in sorted.iter().filter(|e| SERIAL_IN_KEY.contains(&e.ai.as_str())) {
            let key_length: usize = dictionary::find(&element.ai).map_or(0, |entry| {
                let parts = entry.parts.iter().filter(|part| !part.is_optional);
                parts.map(|part| part.length_min).sum()
            });
            if element.value.len() == key_length {
                warn(&element.ai, "SERIAL_COMPONENT_MISSING");
            }
        }
    }
    found
}

fn entries<'e>(elements: &[&'e Element]) -> impl Iterator<Item = (&'e str, &'static dictionary::Entry)> {
    elements
        .iter()
        .filter_map(|element| Some((element.ai.as_str(), dictionary::find(&element.ai)?)))
}

/// Whether the identifier is meant by the mask, in which `n` is any digit.
fn fits(mask: &str, ai: &str) -> bool {
    mask.len() == ai.len() && mask.bytes().zip(ai.bytes()).all(|(m, digit)| m == b'n' || m == digit)
}
