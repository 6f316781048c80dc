//! Points that are called after the levels of their topic. It is strangers who choose such names, so there is an end to
//! them, for each equipment and for all together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::record::{PointDef, Sample};
use crate::topic::{self, Part};

/// Of one equipment.
const NAMES_MAX: usize = 1000;
/// Of all equipment; each point that is shown takes some hundred bytes.
const ALL_NAMES_MAX: usize = 20_000;

/// What a rule says of a point.
#[derive(Debug, Clone)]
pub enum RulePoint {
    Named(Arc<PointDef>),
    /// Like this one, and called after the topic.
    ByTopic(Vec<Part>, PointDef),
}

impl RulePoint {
    pub fn new(def: PointDef) -> Self {
        match topic::parts(&def.name) {
            Some(parts) if topic::has_levels(&parts) => Self::ByTopic(parts, def),
            _ => Self::Named(Arc::new(def)),
        }
    }

    pub fn is_by_topic(&self) -> bool {
        matches!(self, Self::ByTopic(..))
    }

    pub fn def(&self, topic: &str) -> Result<Arc<PointDef>, String> {
        match self {
            Self::Named(def) => Ok(Arc::clone(def)),
            Self::ByTopic(parts, def) => {
                let name = topic::name_of(parts, topic)
                    .map_err(|level| format!("the topic has no level {level} that names a point"))?;
                let name = name.into();
                Ok(Arc::new(PointDef { name, ..def.clone() }))
            }
        }
    }
}

/// The names that were taken.
#[derive(Debug, Default)]
pub struct Names {
    of: HashMap<Arc<str>, HashSet<String>>,
    count: usize,
}

impl Names {
    /// Whether all points of this sample can be taken: each is known, or there is room for it.
    pub fn admit(&mut self, sample: &Sample) -> bool {
        sample
            .points
            .iter()
            .all(|point| self.admit_one(&sample.equipment, &point.def.name))
    }

    fn admit_one(&mut self, equipment: &Arc<str>, name: &str) -> bool {
        let known = self.of.get(equipment);
        if known.is_some_and(|names| names.contains(name)) {
            return true;
        }
        if self.count >= ALL_NAMES_MAX || known.is_some_and(|names| names.len() >= NAMES_MAX) {
            return false;
        }
        self.count += 1;
        self.of
            .entry(Arc::clone(equipment))
            .or_default()
            .insert(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(name: &str) -> RulePoint {
        RulePoint::new(PointDef {
            name: name.into(),
            unit: Some("kN".into()),
            ..PointDef::default()
        })
    }

    #[test]
    fn a_point_is_called_after_its_topic_where_its_name_says_so() {
        for (name, topic, expected) in [
            ("force", "a/b", Ok("force")),
            ("{1}", "a/b", Ok("b")),
            ("{0}-{1}", "a/b", Ok("a-b")),
            ("{2}", "a/b", Err("the topic has no level 2 that names a point")),
            ("{1}", "a/\u{7}", Err("the topic has no level 1 that names a point")),
        ] {
            let def = point(name).def(topic);
            let told = def.as_ref().map(|def| &*def.name).map_err(String::as_str);
            assert_eq!(told, expected, "{name} {topic}");
            assert!(def.is_err() || def.is_ok_and(|def| def.unit.as_deref() == Some("kN")));
        }
    }

    #[test]
    fn there_is_an_end_to_the_names_of_one_equipment_and_of_all() {
        let mut names = Names::default();
        let each: Vec<Arc<str>> = (0..=ALL_NAMES_MAX / NAMES_MAX)
            .map(|nth| format!("M{nth}").into())
            .collect();
        let mut admits = |nth: usize, name: usize| names.admit_one(&each[nth], &name.to_string());
        for nth in 0..ALL_NAMES_MAX / NAMES_MAX {
            assert!((0..NAMES_MAX).all(|name| admits(nth, name)));
            assert!(!admits(nth, NAMES_MAX), "one more");
            assert!(admits(nth, 0), "what is known");
        }
        assert!(!admits(ALL_NAMES_MAX / NAMES_MAX, 0), "another equipment");
    }
}
