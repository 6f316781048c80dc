//! `[mqtt.NAME.topic.points]`: what the messages of a topic hold.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::topic::{Topic, check_levels};
use crate::config::plan::Check;
use crate::record::{CounterDef, PointDef, Role};
use crate::topic;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicPoint {
    /// A JSON pointer, or the name of a Sparkplug metric.
    pub at: Option<String>,
    pub role: Option<Role>,
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    pub unit: Option<String>,
    pub deadband: Option<f64>,
    pub counter: Option<TopicCounter>,
}

/// A number that only counts up, until the machine starts it anew.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicCounter {
    /// The first number that it cannot hold.
    pub rolls_over_at: Option<u64>,
    pub max_rate: CountRate,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountRate {
    pub per_second: f64,
}

pub(super) fn point_def(name: &str, point: &TopicPoint) -> PointDef {
    PointDef {
        name: name.into(),
        unit: point.unit.as_deref().map(Into::into),
        role: point.role,
        map: point.map.clone().into_iter().collect(),
        deadband: point.deadband,
        counter: point.counter.map(|counter| {
            Box::new(CounterDef {
                rolls_over_at: counter.rolls_over_at,
                max_per_second: counter.max_rate.per_second,
                scaling: None,
            })
        }),
    }
}

pub(super) fn check_points(path: &[&str], topic: &Topic, check: &mut Check) {
    let mut states = topic.points.iter().filter(|(_, point)| point.role == Some(Role::State));
    if let Some((first, _)) = states.next() {
        for (name, _) in states {
            check.find(
                &[path, &["points", name, "role"]].concat(),
                format!("the state is told by `{first}` already; leave this role out"),
            );
        }
    }
    for (name, point) in &topic.points {
        check_point(&[path, &["points", name]].concat(), point, check);
    }
}

/// A name may have levels of the topic in it; then it stands for many points.
pub(super) fn check_name(path: &[&str], name: &str, point: &TopicPoint, filter: &str, check: &mut Check) {
    let point_path = [path, &["points", name]].concat();
    let Some(parts) = topic::parts(name) else {
        let problem = format!("`{name}` names no point; write a name, or a level of the topic such as \"{{3}}\"");
        return check.find(&point_path, problem);
    };
    check_levels(&point_path, &parts, filter, check);
    let is_many = topic::has_levels(&parts);
    let told = [("role", point.role.is_some()), ("counter", point.counter.is_some())];
    for (key, _) in told.iter().filter(|(_, is_told)| is_many && *is_told) {
        let problem = format!("`{name}` is many points, and this is said of one; write a topic of its own for that");
        check.find(&[&point_path[..], &[key]].concat(), problem);
    }
}

fn check_point(path: &[&str], point: &TopicPoint, check: &mut Check) {
    let deeper = |name| [path, &[name]].concat();
    if !point.map.is_empty() && point.role != Some(Role::State) {
        check.find(&deeper("map"), "a map gives names to states; add role = \"state\"");
    }
    if point.deadband.is_some_and(|band| !band.is_finite() || band < 0.0) {
        check.find(&deeper("deadband"), "a deadband is 0 or more");
    }
    let Some(counter) = point.counter else { return };
    if point.role == Some(Role::State) {
        check.find(
            &deeper("counter"),
            "a state does not count; leave the counter or the role out",
        );
    }
    let rate = counter.max_rate.per_second;
    if !rate.is_finite() || rate <= 0.0 {
        check.find(
            &deeper("counter"),
            "what counts can do so more than 0 times a second; write max_rate = { per_second = 5 }",
        );
    }
    if counter.rolls_over_at == Some(0) {
        check.find(
            &deeper("counter"),
            "it goes on with 0 after its last number, such as rolls_over_at = 65536",
        );
    }
}
