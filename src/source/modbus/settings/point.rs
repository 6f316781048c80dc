//! One point of a device: where it lies, how its registers are understood, and what it means.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::Finding;
use crate::record::{CounterDef, Role};
use crate::scaling::Scaling;
use crate::source::modbus::address::{At, Bits, Order, Type};
use crate::source::modbus::plan::{Limits, Span};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointSettings {
    pub at: At,
    /// May be left out where the address itself says that it is a bit.
    #[serde(rename = "type")]
    pub kind: Option<Type>,
    pub order: Option<Order>,
    pub role: Option<Role>,
    /// Raw value to state name.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    pub unit: Option<String>,
    pub scale: Option<f64>,
    pub offset: Option<f64>,
    pub deadband: Option<f64>,
    /// The raw values by which the device says that it has none.
    #[serde(default)]
    pub invalid: Marks,
    /// Another point of the device: this one is multiplied by its value.
    pub scale_by: Option<String>,
    /// Another point of the device: this one is multiplied by ten to the power of its value.
    pub exponent: Option<String>,
    /// The point counts up: its total is told, over rollovers and resets.
    pub counter: Option<CounterSettings>,
    /// Of a number that may be written.
    pub write_range: Option<WriteRange>,
}

/// Both ends belong to it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteRange {
    pub low: f64,
    pub high: f64,
}

impl WriteRange {
    pub fn holds(self, number: f64) -> bool {
        (self.low..=self.high).contains(&number)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterSettings {
    /// In steps of the register.
    pub max_rate: MaxRate,
    /// Where that is not at the width of the register.
    pub rolls_over_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxRate {
    pub per_second: f64,
}

/// One mark for no value, or several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged, expecting = "a mark for no value is a number, or a list of numbers")]
pub enum Marks {
    #[default]
    None,
    One(Mark),
    Several(Vec<Mark>),
}

impl Marks {
    pub fn all(&self) -> &[Mark] {
        match self {
            Self::None => &[],
            Self::One(mark) => std::slice::from_ref(mark),
            Self::Several(marks) => marks,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Mark {
    /// Of whole numbers the bits, so that 0x8000 can be written for an `i16` too.
    Whole(i64),
    /// What has the highest of 64 bits.
    Large(u64),
    Float(f64),
}

const STATE_AS_IT_IS: &str = "a state is taken as the device gives it; name its raw values in `map`";

impl PointSettings {
    /// The type that is meant: bits need not be called what they are.
    pub fn kind(&self) -> Type {
        let is_field = self.at.bits.is_some_and(|bits| !bits.is_single());
        self.kind.unwrap_or(if is_field { Type::U16 } else { Type::Bool })
    }

    pub fn scaling(&self) -> Option<Scaling> {
        Scaling::new(self.scale.unwrap_or(1.0), self.offset.unwrap_or(0.0))
    }

    pub fn counter(&self) -> Option<CounterDef> {
        self.counter.as_ref().map(|counter| CounterDef {
            rolls_over_at: counter.rolls_over_at.or_else(|| self.numbers()),
            max_per_second: counter.max_rate.per_second,
            scaling: self.scaling(),
        })
    }

    /// How many different numbers the point can hold, if it is unsigned and they can be counted.
    fn numbers(&self) -> Option<u64> {
        match (self.kind(), self.at.bits) {
            (Type::U16, Some(bits)) => Some(bits.of(u64::MAX) + 1),
            (Type::U16, None) => Some(1 << 16),
            (Type::U32, _) => Some(1 << 32),
            (Type::Bcd16, _) => Some(10_000),
            (Type::Bcd32, _) => Some(100_000_000),
            _ => None,
        }
    }

    /// The other point that this one is multiplied by, and the setting that names it.
    pub fn scaled_by(&self) -> Option<(&'static str, &String)> {
        let times = self.scale_by.as_ref().map(|other| ("scale_by", other));
        times.or_else(|| self.exponent.as_ref().map(|other| ("exponent", other)))
    }

    pub fn span(&self) -> Span {
        Span {
            area: self.at.area,
            start: self.at.address,
            count: if self.at.area.has_bits() {
                1
            } else {
                self.kind().registers_in(self.order)
            },
        }
    }

    pub fn check(&self, limits: Limits) -> Vec<Finding> {
        self.check_place(limits)
            .into_iter()
            .chain(self.check_meaning())
            .chain(self.check_counter())
            .map(|(key, what)| (vec![key.to_owned()], what))
            .collect()
    }

    fn check_place(&self, limits: Limits) -> Option<(&'static str, String)> {
        let is_field = self.at.bits.is_some_and(|bits| !bits.is_single());
        let is_bit = self.at.area.has_bits() || self.at.bits.is_some_and(Bits::is_single);
        let (kind, span) = (self.kind(), self.span());
        match self.kind {
            None if !is_bit && !is_field => {
                return Some(("type", "a register needs a type, such as \"u16\" or \"f32\"".to_owned()));
            }
            Some(kind) if is_field && kind != Type::U16 => {
                let what = format!("{} is a whole number, which is a u16 and not a {kind}", self.at);
                return Some(("type", what));
            }
            Some(Type::Bool) if !is_bit => {
                let what = format!("say which bit of the register: \"{}.0\" to \"{}.15\"", self.at, self.at);
                return Some(("at", what));
            }
            Some(kind) if is_bit && kind != Type::Bool => {
                return Some((
                    "type",
                    format!("{} is a single bit, which is a bool and not a {kind}", self.at),
                ));
            }
            _ => {}
        }
        if let Some(Err(what)) = self.order.map(|order| order.check_fits(kind)) {
            return Some(("order", what));
        }
        if usize::from(span.start) + usize::from(span.count) > 65536 {
            let last = 65536 - usize::from(span.count);
            let what = format!(
                "a {kind} at {} ends past the last address, 65535; it can start at {last}",
                self.at
            );
            return Some(("at", what));
        }
        let asked = limits.aligned(span);
        (asked.count > limits.max_count(span.area)).then(|| {
            let what = format!(
                "a {kind} here needs {} registers ({asked}) in one request, and the device gives {}",
                asked.count, limits.max_registers
            );
            ("at", what)
        })
    }

    fn check_meaning(&self) -> Vec<(&'static str, String)> {
        let kind = self.kind();
        let is_number = kind.is_number();
        let is_state = self.role == Some(Role::State);
        let mut found = Vec::new();
        let mut find = |is_wrong: bool, key, what: &str| {
            if is_wrong {
                found.push((key, what.to_owned()));
            }
        };
        find(
            !self.map.is_empty() && !is_state,
            "map",
            "only a point with role = \"state\" has a map",
        );
        let is_count = matches!(self.role, Some(Role::GoodCount | Role::ScrapCount));
        find(is_count && !is_number, "role", "a count is a number");
        for (key, factor) in [("scale", self.scale), ("offset", self.offset)] {
            find(factor.is_some() && !is_number, key, "only numbers are scaled");
            find(factor.is_some() && is_number && is_state, key, STATE_AS_IT_IS);
            find(
                factor.is_some_and(|f| !f.is_finite()),
                key,
                "this is not a finite number",
            );
        }
        find(
            self.scale == Some(0.0),
            "scale",
            "scaled by 0, every value would be the same",
        );
        find(
            self.deadband.is_some_and(|d| d > 0.0) && !is_number,
            "deadband",
            "only numbers have a deadband; 0 tells every change of a bit or a text",
        );
        find(
            self.deadband.is_some_and(|d| !d.is_finite() || d < 0.0),
            "deadband",
            "a deadband is 0 or more",
        );
        let marks = self.invalid.all();
        find(
            !marks.is_empty() && !is_number,
            "invalid",
            "only numbers have a mark for no value",
        );
        if let Some(mark) = marks.iter().find(|mark| is_number && !mark.fits(kind)) {
            find(true, "invalid", &format!("{mark} is never met in a {kind}"));
        }
        if let Some((key, _)) = self.scaled_by() {
            find(!is_number, key, "only numbers are scaled");
            find(is_number && is_state, key, STATE_AS_IT_IS);
        }
        find(
            self.scale_by.is_some() && self.exponent.is_some(),
            "exponent",
            "a point is scaled by one other point; leave out `scale_by` or `exponent`",
        );
        let unmatched = self
            .map
            .keys()
            .find(|raw| is_number && !kind.is_float() && raw.parse::<i128>().is_err());
        if let Some(raw) = unmatched {
            find(
                true,
                "map",
                &format!("a {kind} is never `{raw}`; the names on the left are whole numbers"),
            );
        }
        found
    }
}

impl PointSettings {
    fn check_counter(&self) -> Option<(&'static str, String)> {
        let counter = self.counter.as_ref()?;
        let kind = self.kind();
        let rate = counter.max_rate.per_second;
        let what = if !matches!(kind, Type::U16 | Type::U32 | Type::U64 | Type::Bcd16 | Type::Bcd32) {
            format!("a {kind} does not count up as a counter does; write the unsigned type of its registers")
        } else if !rate.is_finite() || rate <= 0.0 {
            "a counter that counts has a rate above 0".to_owned()
        } else if self.scaled_by().is_some() {
            "a total cannot be scaled by another point, which may change while it grows".to_owned()
        } else if self.role == Some(Role::State) {
            "a state does not count".to_owned()
        } else if let (Some(end), Some(numbers)) = (counter.rolls_over_at, self.numbers())
            && !(2..=numbers).contains(&end)
        {
            format!("a {kind} rolls over at {numbers} at the latest")
        } else {
            return None;
        };
        Some(("counter", what))
    }
}

impl Mark {
    fn fits(self, kind: Type) -> bool {
        let width_bits = 16 * u32::from(kind.registers());
        match self {
            Self::Float(number) => kind.is_float() && number.is_finite(),
            Self::Whole(_) | Self::Large(_) if kind.is_float() || width_bits >= 64 => true,
            Self::Large(_) => false,
            Self::Whole(number) => (-(1 << (width_bits - 1))..1 << width_bits).contains(&i128::from(number)),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Large(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
