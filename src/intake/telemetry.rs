//! What machines say, as records of their equipment: messages by the rules of their topics, polls, and what edge nodes
//! tell. Repeats and floods are recognised here.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::decode::{self, RateLimit, TopicRule};
use super::equipment::Observed;
use super::{Accepted, COUNTERS, Intake, Verdict, to_state};
use crate::clock::Zone;
use crate::record::{Delivery, EquipmentStatus, Kind, Record, Sample, Timestamp, Told};
use crate::status::SourceStatus;
use crate::topic;

/// Points in one record at most; a device with more gives several.
const POINTS_PER_RECORD_MAX: usize = 500;
/// Topics of one source remembered with their rule.
const ROUTES_MAX: usize = 10_000;

/// Which rule a topic follows: topics are many, but they repeat.
#[derive(Debug, Default)]
pub(super) struct Routes(HashMap<Bytes, Route>);

#[derive(Debug)]
struct Route {
    rule: Option<usize>,
    /// Messages that the topic may still send at once.
    allowance: Option<f64>,
    /// By the sender's clock.
    counted_until: Timestamp,
    /// By ours.
    heard_until: Timestamp,
}

impl Routes {
    fn find(&mut self, topic: &Bytes, text: &str, rules: &[TopicRule]) -> Option<&mut Route> {
        if !self.0.contains_key(topic) {
            if self.0.len() >= ROUTES_MAX {
                self.0.clear();
            }
            let route = Route {
                rule: rules.iter().position(|rule| topic::matches(&rule.filter, text)),
                allowance: None,
                counted_until: Timestamp::UNIX_EPOCH,
                heard_until: Timestamp::UNIX_EPOCH,
            };
            self.0.insert(Bytes::copy_from_slice(topic), route);
        }
        self.0.get_mut(topic)
    }

    /// The clock was set, and shows `now`: no topic has to wait until it shows again what it showed before.
    pub fn clock_was_set(&mut self, now: Timestamp) {
        for route in self.0.values_mut() {
            route.counted_until = route.counted_until.min(now);
            route.heard_until = route.heard_until.min(now);
        }
    }
}

impl Route {
    /// Whether a message of this moment, heard at that one, is within the limit. Moments are the sender's where it tells
    /// them, so that what piled up while we were away is not taken for a flood; but none is ahead of our clock, or one wrong
    /// time would mute the topic for as long. A sender whose clock stands still, or was set back, is measured by ours. What
    /// is delivered again was allowed before.
    fn may_speak(&mut self, limit: RateLimit, moment: Timestamp, heard: Timestamp) -> bool {
        let allowance = self.allowance.get_or_insert(limit.burst);
        let there = (moment - self.counted_until).to_std().unwrap_or_default();
        let here = (heard - self.heard_until).to_std().unwrap_or_default();
        self.counted_until = self.counted_until.max(moment);
        self.heard_until = self.heard_until.max(heard);
        let passed = there.max(here).as_secs_f64();
        *allowance = (*allowance + passed * limit.per_second).min(limit.burst);
        let is_within = *allowance >= 1.0;
        if is_within {
            *allowance -= 1.0;
        }
        is_within
    }
}

impl Intake {
    pub(super) fn message(
        &mut self,
        source: &Arc<str>,
        status: &SourceStatus,
        topic: &Bytes,
        body: &[u8],
        at: Timestamp,
        delivery: Delivery,
    ) -> Verdict {
        let Ok(text) = std::str::from_utf8(topic) else {
            return Verdict::Rejected("the topic is not UTF-8".to_owned());
        };
        let rules = self.settings.topics.get(&**source).map_or(&[][..], Vec::as_slice);
        if !self.routes.contains_key(source) {
            self.routes.insert(Arc::clone(source), Routes::default());
        }
        let route = self
            .routes
            .get_mut(source)
            .and_then(|routes| routes.find(topic, text, rules));
        let rule_of = |route: &Route| rules.get(route.rule?);
        let Some((route, rule)) = route.and_then(|route| rule_of(route).map(|rule| (route, rule))) else {
            return Verdict::Rejected("no rule for this topic".to_owned());
        };
        let message = match decode::message(rule, text, body) {
            Ok(message) => message,
            Err(reason) => return Verdict::Rejected(reason),
        };
        let time = message.samples.last().and_then(|decoded| decoded.sample.time);
        if let Some(limit) = rule.rate_limit
            && delivery == Delivery::New
            && !route.may_speak(limit, time.map_or(at, |time| time.min(at)), at)
        {
            status.count_limited(text);
            return Verdict::Nothing;
        }
        for problem in &message.problems {
            status.reject(at, text, problem, body);
        }
        let is_named_by_topic = rule.points.iter().any(|(_, point)| point.is_by_topic());
        let is_retained = delivery == Delivery::Retained;
        if is_retained {
            status.count_retained();
        }
        let mut accepted = Accepted::default();
        for decoded in message.samples {
            let id = decode::derived_id(&self.settings.gateway_id, source, text, &decoded, body);
            let sample = decoded.sample;
            if !self.tracker.has_room_for(&sample.equipment) {
                status.reject(at, text, "too many different names of equipment", body);
            } else if is_named_by_topic && !self.names.admit(&sample) {
                status.reject(at, text, "too many different names of points", body);
            } else if is_retained {
                self.tracker.last_known(sample, source, at);
            } else if id.is_some_and(|id| !self.repeats.is_first(id)) {
                status.count_duplicate();
            } else {
                self.record(source, sample, at, id, &mut accepted);
            }
        }
        told(accepted)
    }

    pub(super) fn poll(&mut self, source: &Arc<str>, sample: Sample, at: Timestamp) -> Verdict {
        let mut accepted = Accepted::default();
        self.record(source, sample, at, None, &mut accepted);
        told(accepted)
    }

    pub(super) fn node(&mut self, source: &Arc<str>, status: &SourceStatus, all: Vec<Told>, at: Timestamp) -> Verdict {
        let mut accepted = Accepted::default();
        for one in all {
            match one {
                Told::Sample(sample) if !self.tracker.has_room_for(&sample.equipment) => {
                    status.reject(at, &sample.equipment, "too many different names of equipment", &[]);
                }
                Told::Sample(sample) => self.record(source, sample, at, None, &mut accepted),
                Told::Gone { equipment, reason } => {
                    let zone = self.settings.zone;
                    let encode = |status: &EquipmentStatus| encode_status(status, None, at, zone, source);
                    let gone = self.tracker.gone(&equipment, reason, at, encode);
                    accepted.records.extend(gone.into_iter().flatten());
                    self.judge_state(&equipment, at, &mut accepted);
                }
            }
        }
        told(accepted)
    }

    /// What of a sample is to be kept: its record, and the counters that follow from it.
    pub(super) fn record(
        &mut self,
        source: &Arc<str>,
        sample: Sample,
        at: Timestamp,
        id: Option<Uuid>,
        accepted: &mut Accepted,
    ) {
        let (zone, equipment) = (self.settings.zone, Arc::clone(&sample.equipment));
        let encode = |status: &EquipmentStatus| encode_status(status, id, at, zone, source);
        let mut found = Vec::new();
        let (judgement, floor) = (&mut self.judgement, &mut self.desk.floor);
        let observe = |seen: Observed| {
            floor.observe(&seen);
            found = judgement.observe(seen, at);
        };
        let records = self.tracker.heard(sample, source, at, observe, encode);
        if !found.is_empty() {
            self.alerts.take(found, at, accepted);
        }
        self.judge_state(&equipment, at, accepted);
        let Some(records) = records else { return };
        accepted.records.extend(records);
        let counters = self.tracker.counted(&equipment);
        let states = counters.map(|counters| (format!("{COUNTERS}{equipment}"), to_state(counters)));
        accepted.telemetry_states.extend(states);
    }

    /// Whether the state that a machine is in now is a failure, or the end of one.
    pub(super) fn judge_state(&mut self, equipment: &Arc<str>, now: Timestamp, accepted: &mut Accepted) {
        if let Some(state) = self.tracker.state(equipment) {
            self.alerts.machine(equipment, state, None, now, accepted);
        }
    }
}

fn told(accepted: Accepted) -> Verdict {
    if accepted.records.is_empty() && accepted.states.is_empty() {
        Verdict::Nothing
    } else {
        Verdict::Accepted(Box::new(accepted))
    }
}

/// One record, or several for a device with very many points.
pub(super) fn encode_status(
    status: &EquipmentStatus,
    id: Option<Uuid>,
    at: Timestamp,
    zone: Zone,
    source: &str,
) -> Vec<Record> {
    let first_id = id.unwrap_or_else(Uuid::now_v7);
    if status.points.0.len() <= POINTS_PER_RECORD_MAX {
        return vec![Record::encode(
            Kind::EquipmentStatus,
            first_id,
            at,
            zone,
            source,
            status,
        )];
    }
    let parts = status.points.0.chunks(POINTS_PER_RECORD_MAX).enumerate();
    parts
        .map(|(nth, points)| {
            let part = EquipmentStatus {
                equipment: status.equipment,
                state: status.state.clone(),
                points: crate::record::Points(points.to_vec()),
                source_time: status.source_time.clone(),
            };
            let id = if nth == 0 {
                first_id
            } else {
                Uuid::new_v5(&first_id, &nth.to_le_bytes())
            };
            Record::encode(Kind::EquipmentStatus, id, at, zone, source, &part)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_topic_may_burst_and_then_speaks_at_its_rate() {
        let limit = RateLimit {
            per_second: 2.0,
            burst: 3.0,
        };
        let mut route = Route {
            rule: None,
            allowance: None,
            counted_until: Timestamp::UNIX_EPOCH,
            heard_until: Timestamp::UNIX_EPOCH,
        };
        let start = Timestamp::UNIX_EPOCH + TimeDelta::days(1);
        let mut speaks = |after_ms| route.may_speak(limit, start + TimeDelta::milliseconds(after_ms), start);
        assert_eq!([0, 0, 0, 0].map(&mut speaks), [true, true, true, false]);
        assert_eq!([400, 500, 600, 1000].map(&mut speaks), [false, true, false, true]);
        assert_eq!(
            [900, 60_000].map(&mut speaks),
            [false, true],
            "time that goes back allows nothing"
        );
        assert_eq!([60_000; 3].map(&mut speaks), [true, true, false]);
    }

    #[test]
    fn a_sender_whose_clock_stands_still_is_measured_by_ours() {
        let limit = RateLimit {
            per_second: 1.0,
            burst: 2.0,
        };
        let mut route = Route {
            rule: None,
            allowance: None,
            counted_until: Timestamp::UNIX_EPOCH,
            heard_until: Timestamp::UNIX_EPOCH,
        };
        let (theirs, ours) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + TimeDelta::days(20_000));
        let mut speaks = |second| route.may_speak(limit, theirs, ours + TimeDelta::seconds(second));
        assert_eq!(
            [0, 0, 0, 1, 1, 2].map(&mut speaks),
            [true, true, false, true, false, true]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_mutes_no_topic() {
        let limit = RateLimit {
            per_second: 1.0,
            burst: 1.0,
        };
        let (topic, rules) = (Bytes::from_static(b"a"), []);
        let mut routes = Routes::default();
        let speaks = |routes: &mut Routes, second| {
            let at = Timestamp::UNIX_EPOCH + TimeDelta::seconds(second);
            let route = routes.find(&topic, "a", &rules).expect("there is room");
            route.may_speak(limit, at, at)
        };
        assert_eq!([9999, 9999].map(|second| speaks(&mut routes, second)), [true, false]);
        routes.clock_was_set(Timestamp::UNIX_EPOCH);
        assert_eq!([0, 1].map(|second| speaks(&mut routes, second)), [false, true]);
    }
}
