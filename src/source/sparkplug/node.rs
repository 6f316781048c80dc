//! One edge node: its births, aliases and sequence. Pure: what it says goes in with a moment, what that means comes out.
//!
//! A node's messages are numbered (0 to 255, then again); only in that order do its aliases mean what its last birth said.
//! A message that comes early is held until what is missing has come, or `REORDER_WITHIN` is over; then the node is asked
//! to be born again. What was held and goes by names is told all the same: it is true under its own time. Aliases are not
//! believed until that birth.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;

use super::payload::{Metric, Payload};
use super::{Heard, Rule};
use crate::backoff::Backoff;
use crate::record::{Fault, PointDef, PointReading, Sample, Timestamp, Told};
use crate::topic::equipment_of;

/// How long a missing message is waited for.
const REORDER_WITHIN: Duration = Duration::from_secs(2);
/// Between two requests for a birth, for a node that does not answer them.
const ASK_FIRST: Duration = Duration::from_secs(10);
const ASK_LONGEST: Duration = Duration::from_mins(5);
/// How long a device may keep its values without being born again.
const BIRTH_WITHIN: Duration = Duration::from_secs(30);
/// Names come from strangers' births, so there is an end to them.
const DEVICES_MAX: usize = 1000;
const METRICS_MAX: usize = 50_000;
/// What is larger together is not held until something missing comes.
const HELD_BYTES_MAX: usize = 8 << 20;
const UNBORN: &str = "data of an edge node or device that is not born; it was asked for a birth";
const UNEXPLAINED: &str = "data under a name that no birth explains; the edge node was asked for a birth";
/// A sequence number that is further ahead than this is one from before.
const AHEAD_MAX: u8 = 127;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Not heard of, or not since we are connected: what its aliases mean is not known.
    Unborn,
    Born,
    /// `is_doubted`: a birth of the session that ended was heard since, late or again.
    Dead {
        is_doubted: bool,
    },
}

/// What a birth said of a metric.
#[derive(Debug, Clone)]
struct Known {
    datatype: Option<u64>,
    point: Option<Arc<PointDef>>,
}

#[derive(Debug, Default)]
struct Device {
    equipment: Option<Arc<str>>,
    metrics: HashMap<String, Known>,
    is_born: bool,
    /// When its values are no longer believed, for it was not born again.
    born_by: Option<Instant>,
}

#[derive(Debug)]
pub struct Node {
    /// Its group and its own name, as they stand in topics.
    pub path: String,
    life: Life,
    bd_seq: Option<u64>,
    next_seq: u8,
    aliases: HashMap<u64, Known>,
    /// The node itself goes by the empty name.
    devices: BTreeMap<String, Device>,
    held: HashMap<u8, Held>,
    gap_until: Option<Instant>,
    ask_at: Option<Instant>,
    may_ask_at: Option<Instant>,
    asking: Backoff,
}

/// What a node says in its sequence.
#[derive(Debug)]
pub struct Held {
    /// The size of the whole message.
    pub bytes: usize,
    pub kind: Kind,
    pub device: String,
    pub topic: String,
    pub payload: Payload,
    pub token: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Birth,
    Data,
    Death,
}

impl Node {
    pub fn new(path: String) -> Self {
        Self {
            path,
            life: Life::Unborn,
            bd_seq: None,
            next_seq: 0,
            aliases: HashMap::new(),
            devices: BTreeMap::new(),
            held: HashMap::new(),
            gap_until: None,
            ask_at: None,
            may_ask_at: None,
            asking: Backoff::new(ASK_FIRST, ASK_LONGEST),
        }
    }

    /// The connection ended: what is said until the next is lost, so everything has to be born again. What was held is the
    /// broker's again.
    pub fn void(&mut self) {
        self.life = Life::Unborn;
        self.held.clear();
        self.aliases.clear();
        (self.gap_until, self.ask_at) = (None, None);
        self.devices.values_mut().for_each(|device| device.is_born = false);
    }

    /// We hear again. Births that came before our subscription was confirmed need no other.
    pub fn connected(&mut self, now: Instant) {
        if self.life == Life::Unborn {
            self.expect_births(now);
            self.want_birth(now);
        }
    }

    fn expect_births(&mut self, now: Instant) {
        self.aliases.clear();
        for device in self.devices.values_mut() {
            device.is_born = false;
            device.born_by.get_or_insert(now + BIRTH_WITHIN);
        }
    }

    fn want_birth(&mut self, now: Instant) {
        let earliest = self.may_ask_at.unwrap_or(now).max(now);
        self.ask_at.get_or_insert(earliest);
    }

    /// NBIRTH: everything begins anew, the sequence too.
    pub fn birth(&mut self, rules: &[Rule], said: &Held, seq: u8, now: Instant, heard: &mut Heard) {
        let bd_seq = said.payload.integer("bdSeq");
        if let Life::Dead { is_doubted: false } = self.life
            && bd_seq == self.bd_seq
        {
            // Its session has ended, so this is a late echo, or a node that does not count its sessions. Who lives answers.
            self.life = Life::Dead { is_doubted: true };
            self.want_birth(now);
            heard.tell(said.token, Vec::new());
            return;
        }
        (self.life, self.bd_seq) = (Life::Born, bd_seq);
        (self.ask_at, self.gap_until) = (None, None);
        self.asking.reset();
        self.expect_births(now);
        self.next_seq = seq.wrapping_add(1);
        self.apply(rules, said, now, heard);
        self.go_on(rules, now, heard);
        // What does not follow this birth was said before it, under names that are void.
        for (_, left) in self.held.drain() {
            heard.tell(left.token, Vec::new());
        }
    }

    /// NDEATH: of the session that we know, or of one that is long replaced.
    pub fn death(&mut self, said: &Held, heard: &mut Heard) {
        let bd_seq = said.payload.integer("bdSeq");
        let is_of_another = bd_seq.is_some() && self.bd_seq.is_some() && bd_seq != self.bd_seq;
        if is_of_another {
            heard.tell(said.token, Vec::new());
            return;
        }
        self.life = Life::Dead { is_doubted: false };
        self.bd_seq = bd_seq.or(self.bd_seq);
        let mut told = Vec::new();
        for device in self.devices.values_mut() {
            device.is_born = false;
            device.born_by = None;
            told.extend(device.equipment.clone().map(|equipment| Told::Gone {
                equipment,
                reason: "the edge node is gone",
            }));
        }
        heard.tell(said.token, told);
    }

    /// Everything else, in the order of its numbers.
    pub fn hear(&mut self, rules: &[Rule], said: Held, seq: u8, now: Instant, heard: &mut Heard) {
        let ahead = seq.wrapping_sub(self.next_seq);
        if self.life == Life::Born && ahead == 0 {
            self.next_seq = seq.wrapping_add(1);
            self.apply(rules, &said, now, heard);
            self.go_on(rules, now, heard);
        } else if self.life == Life::Born && ahead > AHEAD_MAX {
            // Late, or the node counts anew. Values are true under their own time; births and deaths may be outdated.
            self.doubt_aliases(now);
            if said.kind == Kind::Data {
                self.apply(rules, &said, now, heard);
            } else {
                heard.tell(said.token, Vec::new());
            }
        } else {
            self.gap_until.get_or_insert(now + REORDER_WITHIN);
            if let Some(replaced) = self.held.insert(seq, said) {
                heard.tell(replaced.token, Vec::new());
            }
            if self.held.values().map(|held| held.bytes).sum::<usize>() > HELD_BYTES_MAX {
                self.gap_until = Some(now);
            }
        }
    }

    /// Outside the sequence of the last birth its aliases may mean something else by now; only names are believed.
    fn doubt_aliases(&mut self, now: Instant) {
        self.aliases.clear();
        self.want_birth(now);
    }

    /// Takes up what was held and is next now.
    fn go_on(&mut self, rules: &[Rule], now: Instant, heard: &mut Heard) {
        while let Some(said) = self.held.remove(&self.next_seq) {
            self.next_seq = self.next_seq.wrapping_add(1);
            self.apply(rules, &said, now, heard);
        }
        if self.held.is_empty() {
            self.gap_until = None;
        }
    }

    /// When something is to be done without anything being heard.
    pub fn due(&self) -> Option<Instant> {
        let births = self.devices.values().filter_map(|device| device.born_by);
        births.chain(self.gap_until).chain(self.ask_at).min()
    }

    /// Lets time pass.
    pub fn tick(&mut self, rules: &[Rule], now: Instant, heard: &mut Heard) {
        let is_over = |until: Option<Instant>| until.is_some_and(|until| until <= now);
        if is_over(self.gap_until) {
            self.gap_until = None;
            self.doubt_aliases(now);
            self.give_up_gap(rules, now, heard);
        }
        let late = self.devices.values_mut().filter(|device| is_over(device.born_by));
        for device in late {
            device.born_by = None;
            let gone = device.equipment.clone().map(|equipment| Told::Gone {
                equipment,
                reason: "the edge node does not tell of it any more",
            });
            heard.tell_unasked(gone.into_iter().collect());
        }
        if is_over(self.ask_at) {
            heard.ask(&self.path);
            let next = now + self.asking.next_delay();
            (self.ask_at, self.may_ask_at) = (Some(next), Some(next));
        }
    }

    /// What is missing does not come any more.
    fn give_up_gap(&mut self, rules: &[Rule], now: Instant, heard: &mut Heard) {
        let next_seq = self.next_seq;
        let mut held: Vec<(u8, Held)> = self.held.drain().collect();
        held.sort_by_key(|(seq, _)| seq.wrapping_sub(next_seq));
        for (seq, said) in held {
            if self.life == Life::Born {
                self.next_seq = seq.wrapping_add(1);
                self.apply(rules, &said, now, heard);
            } else {
                heard.tell(said.token, Vec::new());
                heard.unused.push((said.topic, UNBORN));
            }
        }
    }

    fn apply(&mut self, rules: &[Rule], said: &Held, now: Instant, heard: &mut Heard) {
        let told = match said.kind {
            Kind::Birth => self.born(rules, said, heard),
            Kind::Data => self.data(said, now, heard),
            Kind::Death => self.device_death(&said.device),
        };
        heard.tell(said.token, told);
    }

    /// A birth names every metric and tells its value.
    fn born(&mut self, rules: &[Rule], said: &Held, heard: &mut Heard) -> Vec<Told> {
        let Some(rule) = rules.iter().find(|rule| rule.matches(&said.topic)) else {
            return Vec::new();
        };
        if !self.has_room_for(said) {
            heard
                .unused
                .push((said.topic.clone(), "the edge node has too many devices or metrics"));
            return Vec::new();
        }
        let mut device = Device {
            equipment: equipment_of(&rule.equipment, &said.topic).ok(),
            is_born: true,
            ..Device::default()
        };
        for metric in &said.payload.metrics {
            let Some(name) = &metric.name else { continue };
            let known = Known {
                datatype: metric.datatype,
                point: rule.points.get(name).cloned(),
            };
            if let Some(alias) = metric.alias {
                self.aliases.insert(alias, known.clone());
            }
            device.metrics.insert(name.clone(), known);
        }
        let told = device.equipment.clone().map(|equipment| {
            let values = said.payload.metrics.iter().filter_map(|metric| {
                let known = device.metrics.get(metric.name.as_ref()?)?;
                Some((known, metric))
            });
            samples(&equipment, values, said.payload.timestamp)
        });
        self.devices.insert(said.device.clone(), device);
        told.unwrap_or_default()
    }

    fn has_room_for(&self, birth: &Held) -> bool {
        let others = self.devices.iter().filter(|(name, _)| **name != birth.device);
        let known: usize = others.map(|(_, device)| device.metrics.len()).sum();
        let more = birth.payload.metrics.len();
        known.max(self.aliases.len()) + more <= METRICS_MAX
            && (self.devices.len() < DEVICES_MAX || self.devices.contains_key(&birth.device))
    }

    fn data(&mut self, said: &Held, now: Instant, heard: &mut Heard) -> Vec<Told> {
        let Some(device) = self.devices.get(&said.device).filter(|device| device.is_born) else {
            self.want_birth(now);
            heard.unused.push((said.topic.clone(), UNBORN));
            return Vec::new();
        };
        let mut is_all_known = true;
        let told = device.equipment.clone().map(|equipment| {
            let values = said.payload.metrics.iter().filter_map(|metric| {
                let known = match (metric.alias, &metric.name) {
                    (Some(alias), _) if self.aliases.contains_key(&alias) => self.aliases.get(&alias),
                    (_, Some(name)) => device.metrics.get(name),
                    _ => None,
                };
                is_all_known &= known.is_some();
                known.map(|known| (known, metric))
            });
            samples(&equipment, values, said.payload.timestamp)
        });
        if !is_all_known {
            self.want_birth(now);
            heard.unused.push((said.topic.clone(), UNEXPLAINED));
        }
        told.unwrap_or_default()
    }

    /// DDEATH: the equipment is gone, unless others of the node are the same equipment; then only its points are stale.
    fn device_death(&mut self, name: &str) -> Vec<Told> {
        const REASON: &str = "the device is gone";
        let Some(device) = self.devices.remove(name) else {
            return Vec::new();
        };
        let Some(equipment) = device.equipment else {
            return Vec::new();
        };
        let is_shared = self
            .devices
            .values()
            .any(|other| other.equipment.as_ref() == Some(&equipment));
        if !is_shared {
            return vec![Told::Gone {
                equipment,
                reason: REASON,
            }];
        }
        let points = device.metrics.into_values().filter_map(|known| {
            Some(PointReading {
                def: known.point?,
                value: Err(Fault::Silent(REASON)),
            })
        });
        vec![Told::Sample(Sample {
            equipment,
            time: None,
            is_past: false,
            points: points.collect(),
        })]
    }
}

/// Metrics as samples: what was read at one moment is one, history comes first.
fn samples<'m>(
    equipment: &Arc<str>,
    metrics: impl Iterator<Item = (&'m Known, &'m Metric)>,
    payload_ms: Option<u64>,
) -> Vec<Told> {
    let mut moments: BTreeMap<(bool, Option<Timestamp>), Vec<PointReading>> = BTreeMap::new();
    for (known, metric) in metrics {
        let Some(def) = &known.point else { continue };
        let time_ms = metric.timestamp.or(payload_ms);
        let time = time_ms.and_then(|ms| DateTime::from_timestamp_millis(i64::try_from(ms).ok()?));
        let reading = PointReading {
            def: Arc::clone(def),
            value: metric.value(known.datatype),
        };
        moments.entry((!metric.is_historical, time)).or_default().push(reading);
    }
    let samples = moments.into_iter().map(|((is_current, time), points)| {
        Told::Sample(Sample {
            equipment: Arc::clone(equipment),
            time,
            is_past: !is_current,
            points,
        })
    });
    samples.collect()
}
