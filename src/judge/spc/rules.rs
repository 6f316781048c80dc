//! The rules of Western Electric and of Nelson, each with its own switch and its own K, one point at a time.
//!
//! What they share is decided once per point and kept as bits, the newest lowest: above or below the centre, beyond one or
//! two sigma, up or down from the point before. A rule is then a pattern of bits. A value on a line is not beyond it. Of "two of three" and "four of five" the newest point
//! must itself be beyond: otherwise the point that tells is not the one that is told.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::line::Line;

/// What can be noticed at one point. The discriminant is its bit in [`Hits`], which stands in saved states: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    We1,
    We2,
    We3,
    We4,
    N1,
    N2,
    N3,
    N4,
    N5,
    N6,
    N7,
    N8,
    /// The smoothed value is beyond its limits.
    Ewma,
    CusumUp,
    CusumDown,
    /// The range or standard deviation is beyond its limits: what varies within a subgroup, not where it lies.
    Spread,
}

impl Rule {
    pub const ALL: [Self; 16] = [
        Self::We1,
        Self::We2,
        Self::We3,
        Self::We4,
        Self::N1,
        Self::N2,
        Self::N3,
        Self::N4,
        Self::N5,
        Self::N6,
        Self::N7,
        Self::N8,
        Self::Ewma,
        Self::CusumUp,
        Self::CusumDown,
        Self::Spread,
    ];
    pub const WESTERN_ELECTRIC: [Self; 4] = [Self::We1, Self::We2, Self::We3, Self::We4];
    pub const NELSON: [Self; 8] = [
        Self::N1,
        Self::N2,
        Self::N3,
        Self::N4,
        Self::N5,
        Self::N6,
        Self::N7,
        Self::N8,
    ];

    pub fn name(self) -> &'static str {
        const NAMES: [&str; 16] = [
            "WE1",
            "WE2",
            "WE3",
            "WE4",
            "N1",
            "N2",
            "N3",
            "N4",
            "N5",
            "N6",
            "N7",
            "N8",
            "EWMA",
            "CUSUM_UP",
            "CUSUM_DOWN",
            "SPREAD",
        ];
        NAMES[self as usize]
    }

    /// Those that can be switched on and off; the others belong to their charts.
    fn from_name(name: &str) -> Option<Self> {
        let switched = Self::WESTERN_ELECTRIC.iter().chain(&Self::NELSON);
        switched.copied().find(|rule| rule.name().eq_ignore_ascii_case(name))
    }

    /// K unless another is given: standard deviations for the first rule, points for the others.
    fn usual_k(self) -> f64 {
        match self {
            Self::We1 | Self::N1 => 3.0,
            Self::We2 | Self::N5 => 2.0,
            Self::We3 | Self::N6 => 4.0,
            Self::We4 | Self::N8 => 8.0,
            Self::N2 => 9.0,
            Self::N3 => 6.0,
            Self::N4 => 14.0,
            Self::N7 => 15.0,
            Self::Ewma | Self::CusumUp | Self::CusumDown | Self::Spread => 0.0,
        }
    }

    /// Beyond these limits a K means nothing, or more points than are remembered.
    fn takes(self, k: f64) -> bool {
        match self {
            Self::We1 | Self::N1 => (0.5..=10.0).contains(&k),
            _ => k.fract() == 0.0 && (2.0..=f64::from(POINTS_MAX - 1)).contains(&k),
        }
    }

    /// What it takes, as told to whoever wrote something else.
    fn wanted(self) -> String {
        match self {
            Self::We1 | Self::N1 => "from 0.5 to 10 standard deviations".to_owned(),
            _ => format!("a whole number of points from 2 to {}", POINTS_MAX - 1),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let rule = Self::ALL.into_iter().find(|rule| rule.name() == name);
        rule.ok_or_else(|| serde::de::Error::custom(format!("`{name}` is not a rule")))
    }
}

/// As many points as the bits of one word.
const POINTS_MAX: u8 = 32;

/// The rules that a point has completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hits(u16);

impl Hits {
    pub fn of(rule: Rule) -> Self {
        Self(1 << rule as u8)
    }

    pub fn insert(&mut self, rule: Rule) {
        *self = self.union(Self::of(rule));
    }

    pub fn has(self, rule: Rule) -> bool {
        self.0 >> rule as u8 & 1 == 1
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn bits(self) -> u16 {
        self.0
    }

    pub fn of_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn rules(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.into_iter().filter(move |rule| self.has(*rule))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Switch {
    rule: Rule,
    k: f64,
}

/// The rules that are switched on.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    switches: Vec<Switch>,
    /// Ranges and standard deviations are watched unless that is switched off, whatever else is on: they say what no rule of
    /// the location does.
    is_spread_off: bool,
}

/// How [`Rule::Spread`] is switched off in a list of rules.
const SPREAD_OFF: &str = "SPREAD=off";

impl Default for RuleSet {
    /// The point beyond the limits and the run on one side: what finds most, at a false alarm in 217 points.
    fn default() -> Self {
        Self::of(&[Rule::N1, Rule::N2])
    }
}

impl RuleSet {
    pub fn none() -> Self {
        Self {
            switches: Vec::new(),
            is_spread_off: false,
        }
    }

    /// With the usual K.
    pub fn of(rules: &[Rule]) -> Self {
        let mut set = Self::none();
        for rule in rules {
            set.switch(*rule, rule.usual_k());
        }
        set
    }

    fn switch(&mut self, rule: Rule, k: f64) {
        self.switches.retain(|switch| switch.rule != rule);
        self.switches.push(Switch { rule, k });
        self.switches.sort_by_key(|switch| switch.rule);
    }

    /// Whether no rule looks at the location.
    pub fn is_empty(&self) -> bool {
        self.switches.is_empty()
    }

    pub fn watches_spread(&self) -> bool {
        !self.is_spread_off
    }

    /// The rules of the location, each with its K.
    pub fn switched(&self) -> impl Iterator<Item = (Rule, f64)> {
        self.switches.iter().map(|switch| (switch.rule, switch.k))
    }

    /// The rules, where all have their usual K.
    pub fn usual(&self) -> Option<Vec<Rule>> {
        let is_usual = |switch: &Switch| switch.k.to_bits() == switch.rule.usual_k().to_bits();
        self.switches
            .iter()
            .map(|switch| is_usual(switch).then_some(switch.rule))
            .collect()
    }

    /// How many standard errors the control limits lie from the centre.
    pub fn width(&self) -> f64 {
        let beyond = self.switches.iter().find(|s| matches!(s.rule, Rule::We1 | Rule::N1));
        beyond.map_or(Rule::N1.usual_k(), |switch| switch.k)
    }

    fn k(&self, rule: Rule) -> f64 {
        let switch = self.switches.iter().find(|switch| switch.rule == rule);
        switch.map_or(rule.usual_k(), |switch| switch.k)
    }
}

impl std::str::FromStr for RuleSet {
    type Err = String;

    /// `nelson`, `western-electric`, `none`, or `N1,N2=8,WE3`; with any of them `SPREAD=off`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut set = Self::none();
        for item in text.split(',').map(str::trim).filter(|_| !text.trim().is_empty()) {
            if let Some(preset) = Self::preset(item) {
                preset.switched().for_each(|(rule, k)| set.switch(rule, k));
                continue;
            }
            let (name, k) = item
                .split_once('=')
                .map_or((item, None), |(name, k)| (name, Some(k.trim())));
            if name.trim().eq_ignore_ascii_case(Rule::Spread.name()) {
                set.is_spread_off = match k {
                    None => false,
                    Some(k) if k.eq_ignore_ascii_case("on") => false,
                    Some(k) if k.eq_ignore_ascii_case("off") => true,
                    Some(_) => {
                        return Err(format!(
                            "`{item}`: write SPREAD or {SPREAD_OFF}; its limits are 3 sigma"
                        ));
                    }
                };
                continue;
            }
            let rule = Rule::from_name(name.trim()).ok_or_else(|| {
                format!(
                    "`{name}` is not a rule; write N1 to N8, WE1 to WE4, SPREAD, \"nelson\", \"western-electric\" or \"none\""
                )
            })?;
            let k = k.map_or(Some(rule.usual_k()), |k| k.parse().ok().filter(|k| rule.takes(*k)));
            let k = k.ok_or_else(|| {
                let (wanted, usual) = (rule.wanted(), rule.usual_k());
                format!("`{item}`: the K of {rule} is {wanted}, such as {rule}={usual}")
            })?;
            set.switch(rule, k);
        }
        Ok(set)
    }
}

impl RuleSet {
    fn preset(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "nelson" => Some(Self::of(&Rule::NELSON)),
            "western-electric" => Some(Self::of(&Rule::WESTERN_ELECTRIC)),
            "all" => Some(Self::of(&[Rule::WESTERN_ELECTRIC.as_slice(), &Rule::NELSON].concat())),
            "default" => Some(Self::default()),
            "none" => Some(Self::none()),
            _ => None,
        }
    }

    /// Points that the rules of zones look at; one at least.
    fn zone_window(&self) -> usize {
        let zones = self
            .switches
            .iter()
            .filter(|switch| matches!(switch.rule, Rule::We2 | Rule::We3 | Rule::N5 | Rule::N6));
        let widest = zones.map(|switch| newest(switch.k).count_ones() as usize + 1).max();
        widest.unwrap_or(1)
    }
}

impl fmt::Display for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.switches.is_empty() {
            f.write_str("none")?;
        }
        for (nth, Switch { rule, k }) in self.switches.iter().enumerate() {
            let comma = if nth > 0 { "," } else { "" };
            write!(f, "{comma}{rule}")?;
            if k.to_bits() != rule.usual_k().to_bits() {
                write!(f, "={k}")?;
            }
        }
        if self.is_spread_off {
            write!(f, ",{SPREAD_OFF}")?;
        }
        Ok(())
    }
}

/// What is remembered of the points so far: one bit each, the newest lowest. Where the lines differ from point to point,
/// runs and alternations are of each point and its own lines, and k of k + 1 are all held against those of the newest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Runs {
    points: u8,
    /// The newest points, the last one last, as many as k of k + 1 can be of.
    recent: VecDeque<f64>,
    above: u32,
    below: u32,
    above_1: u32,
    below_1: u32,
    inside_1: u32,
    /// Above and below one and two standard errors of the newest point.
    zone_1: (u32, u32),
    zone_2: (u32, u32),
    up: u32,
    down: u32,
}

fn push(bits: &mut u32, bit: bool) {
    *bits = *bits << 1 | u32::from(bit);
}

/// The lowest `k` bits.
fn newest(k: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "K is at most 31 where points are meant"
    )]
    let k = k as u32;
    (1 << k.min(31)) - 1
}

impl Runs {
    /// As after points of which none was remarkable. Published run lengths begin so: two points beyond are two of three, also
    /// where they are the first; on a chart the window must be full of points that were seen.
    pub fn after_quiet() -> Self {
        Self {
            points: POINTS_MAX,
            ..Self::default()
        }
    }

    /// Takes the next point and tells which rules it completes.
    pub fn step(&mut self, rules: &RuleSet, value: f64, line: Line) -> Hits {
        self.points = self.points.saturating_add(1).min(POINTS_MAX);
        push(&mut self.above, value > line.center);
        push(&mut self.below, value < line.center);
        push(&mut self.above_1, value > line.upper(1.0));
        push(&mut self.below_1, value < line.lower(1.0));
        push(&mut self.inside_1, (self.above_1 | self.below_1) & 1 == 0);
        let last = self.recent.back().copied();
        push(&mut self.up, last.is_some_and(|last| value > last));
        push(&mut self.down, last.is_some_and(|last| value < last));
        let kept = rules.zone_window();
        while self.recent.len() >= kept {
            self.recent.pop_front();
        }
        self.recent.push_back(value);
        self.zone_1 = self.beyond(&line, 1.0);
        self.zone_2 = self.beyond(&line, 2.0);
        let mut hits = Hits::default();
        for Switch { rule, k } in &rules.switches {
            let is_hit = match rule {
                Rule::We1 | Rule::N1 => value > line.upper(*k) || value < line.lower(*k),
                _ => self.window(*rule, *k).is_some(),
            };
            if is_hit {
                hits.insert(*rule);
            }
        }
        hits
    }

    fn beyond(&self, line: &Line, errors: f64) -> (u32, u32) {
        let (upper, lower) = (line.upper(errors), line.lower(errors));
        let count = |(above, below): (u32, u32), value: &f64| {
            (
                above << 1 | u32::from(*value > upper),
                below << 1 | u32::from(*value < lower),
            )
        };
        self.recent.iter().fold((0, 0), count)
    }

    /// The points that make the pattern of a rule at the newest one, as bits.
    fn window(&self, rule: Rule, k: f64) -> Option<u32> {
        let all = newest(k);
        let holds = |bits: u32| (bits & all == all).then_some(all);
        match rule {
            Rule::We4 | Rule::N2 => holds(self.above).or_else(|| holds(self.below)),
            Rule::N3 => {
                let steps = newest(k - 1.0);
                (self.up & steps == steps || self.down & steps == steps).then_some(all)
            }
            Rule::N4 => {
                let turns = (self.up & self.down >> 1) | (self.down & self.up >> 1);
                let wanted = newest(k - 2.0);
                (turns & wanted == wanted).then_some(all)
            }
            Rule::We2 | Rule::N5 => self
                .most_of(k, self.zone_2.0)
                .or_else(|| self.most_of(k, self.zone_2.1)),
            Rule::We3 | Rule::N6 => self
                .most_of(k, self.zone_1.0)
                .or_else(|| self.most_of(k, self.zone_1.1)),
            Rule::N7 => holds(self.inside_1),
            Rule::N8 => {
                let is_on_both = self.above_1 & all != 0 && self.below_1 & all != 0;
                holds(self.above_1 | self.below_1).filter(|_| is_on_both)
            }
            _ => Some(1),
        }
    }

    /// K of the last K + 1, the newest among them.
    fn most_of(&self, k: f64, bits: u32) -> Option<u32> {
        let among = bits & newest(k + 1.0);
        let is_enough = f64::from(among.count_ones()) >= k;
        (bits & 1 == 1 && is_enough && f64::from(self.points) > k).then_some(among)
    }

    /// How far back the points lie that make the pattern, the newest being 0; in the order of time.
    pub fn pattern(&self, rules: &RuleSet, rule: Rule) -> Vec<usize> {
        let bits = self.window(rule, rules.k(rule)).unwrap_or(1);
        (0..usize::from(POINTS_MAX))
            .rev()
            .filter(|back| bits >> back & 1 == 1)
            .collect()
    }
}

#[cfg(test)]
mod tests;
