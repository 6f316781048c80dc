//! MQTT topics: which filter one matches, and what its levels say of an equipment.

use std::sync::Arc;

use crate::pointer::Pointer;

/// Where the equipment's name comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EquipmentAt {
    /// Literal text and topic levels (counted from 0) in turn.
    Topic(Vec<Part>),
    /// A place in the JSON.
    Pointer(Pointer),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Level(usize),
}

impl EquipmentAt {
    /// Reads `"{1}"`, `"cell-{2}"`, `"/machine"` or a plain name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Pointer::try_from(text.to_owned()).map(Self::Pointer);
        }
        let wrong = || {
            format!(
                "`{text}` names no equipment; write a topic level such as \"{{1}}\", a JSON pointer such as \"/machine\", or a name"
            )
        };
        parts(text).map(Self::Topic).ok_or_else(wrong)
    }
}

/// Literal text and topic levels such as `{1}` in turn, if there is anything and braces hold numbers.
pub fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (level, behind) = after.split_once('}')?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Level(level.parse().ok()?));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    (!parts.is_empty()).then_some(parts)
}

/// Whether a name is made of levels of its topic.
pub fn has_levels(parts: &[Part]) -> bool {
    highest_level(parts).is_some()
}

/// The highest level of a topic that a name is made of.
pub fn highest_level(parts: &[Part]) -> Option<usize> {
    let levels = parts.iter().filter_map(|part| match part {
        Part::Level(level) => Some(*level),
        Part::Text(_) => None,
    });
    levels.max()
}

/// Whether a topic matches a filter with `+` and `#`.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        match (part, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (text, Some(level)) if text == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether there may be a topic that matches both filters.
pub fn overlap(one: &str, other: &str) -> bool {
    let (mut ones, mut others) = (one.split('/'), other.split('/'));
    let is_wild = |level: &str| level == "+" || level == "#";
    let mut is_first = true;
    loop {
        match (ones.next(), others.next()) {
            (Some(a), Some(b)) => {
                // What begins with `$` matches no wildcard at the first level.
                if is_first && ((a.starts_with('$') && is_wild(b)) || (b.starts_with('$') && is_wild(a))) {
                    return false;
                }
                if a == "#" || b == "#" {
                    return true;
                }
                if a != b && a != "+" && b != "+" {
                    return false;
                }
            }
            (None, None) => return true,
            // `a/#` matches `a` too.
            (level, None) | (None, level) => return level == Some("#"),
        }
        is_first = false;
    }
}

/// The equipment's name out of the levels of its topic.
pub fn equipment_of(parts: &[Part], topic: &str) -> Result<Arc<str>, String> {
    let missing = |level| format!("the topic has no level {level} that names an equipment");
    if let [Part::Level(nth)] = parts {
        return level(topic, *nth).map(Arc::from).ok_or_else(|| missing(*nth));
    }
    name_of(parts, topic).map(Arc::from).map_err(missing)
}

/// A name out of the levels of a topic; the error is the level that is none.
pub fn name_of(parts: &[Part], topic: &str) -> Result<String, usize> {
    let mut name = String::new();
    for part in parts {
        match part {
            Part::Text(text) => name.push_str(text),
            Part::Level(nth) => name.push_str(level(topic, *nth).ok_or(*nth)?),
        }
    }
    Ok(name)
}

fn level(topic: &str, nth: usize) -> Option<&str> {
    topic.split('/').nth(nth).filter(|level| is_name(level))
}

/// Names are shown to people and become keys: short, and without control characters.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic, is_match) in [
            ("factory/+/status", "factory/P7/status", true),
            ("factory/+/status", "factory/P7/x/status", false),
            ("factory/#", "factory", true),
            ("factory/#", "factory/a/b", true),
            ("#", "$SYS/broker", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/broker", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("a", "a/b", false),
        ] {
            assert_eq!(matches(filter, topic), is_match, "{filter} {topic}");
        }
    }

    #[test]
    fn filters_overlap_where_one_topic_matches_both() {
        for (one, other, expected) in [
            ("a/+", "a/b", true),
            ("a/#", "a", true),
            ("a/#", "+/b/c", true),
            ("+/b", "a/+", true),
            ("a/+", "a/b/c", false),
            ("a/b", "a/c", false),
            ("#", "$SYS/x", false),
            ("$SYS/#", "$SYS/+", true),
            ("a", "a", true),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn equipment_names_come_from_levels_text_and_pointers() {
        let pointer = Pointer::try_from("/m".to_owned()).expect("a pointer");
        assert_eq!(EquipmentAt::parse("/m"), Ok(EquipmentAt::Pointer(pointer)));
        let mixed = EquipmentAt::parse("cell-{2}/{0}").expect("parts");
        let EquipmentAt::Topic(parts) = mixed else {
            panic!("topic parts")
        };
        assert_eq!(&*equipment_of(&parts, "a/b/c").expect("a name"), "cell-c/a");
        for wrong in ["", "{", "{x}", "a{1"] {
            assert!(EquipmentAt::parse(wrong).is_err(), "{wrong}");
        }
    }
}
