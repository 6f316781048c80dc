//! One point of a device: where it lies, how its registers are understood, and what it means.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Finding;
use crate::record::Role;
use crate::source::modbus::address::{At, Order, Type};
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
    /// The raw value by which the device says that it has none.
    pub invalid: Option<i64>,
}

impl PointSettings {
    /// The type that is meant: a bit needs not be called one.
    pub fn kind(&self) -> Type {
        self.kind.unwrap_or(Type::Bool)
    }

    pub fn span(&self) -> Span {
        Span {
            area: self.at.area,
            start: self.at.address,
            count: if self.at.area.has_bits() {
                1
            } else {
                self.kind().registers()
            },
        }
    }

    pub fn check(&self, limits: Limits) -> Vec<Finding> {
        self.check_place(limits)
            .into_iter()
            .chain(self.check_meaning())
            .map(|(key, what)| (vec![key.to_owned()], what))
            .collect()
    }

    fn check_place(&self, limits: Limits) -> Option<(&'static str, String)> {
        let is_bit = self.at.area.has_bits() || self.at.bit.is_some();
        let (kind, span) = (self.kind(), self.span());
        match self.kind {
            None if !is_bit => {
                return Some(("type", "a register needs a type, such as \"u16\" or \"f32\"".to_owned()));
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
            find(
                factor.is_some() && is_number && is_state,
                key,
                "a state is taken as the device gives it; name its raw values in `map`",
            );
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
            self.deadband.is_some() && !is_number,
            "deadband",
            "only numbers have a deadband",
        );
        find(
            self.deadband.is_some_and(|d| !d.is_finite() || d < 0.0),
            "deadband",
            "a deadband is 0 or more",
        );
        find(
            self.invalid.is_some() && !is_number,
            "invalid",
            "only numbers have a mark for no value",
        );
        find(
            !self.fits_marker(),
            "invalid",
            &format!("this mark does not fit into a {kind}, so it would never be met"),
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

    fn fits_marker(&self) -> bool {
        let width_bits = 16 * u32::from(self.kind().registers());
        self.invalid.is_none_or(|marker| {
            let marker = i128::from(marker);
            !self.kind().is_number()
                || width_bits >= 64
                || (-(1 << (width_bits - 1))..1 << width_bits).contains(&marker)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        max_registers: 125,
        max_bits: 2000,
        max_gap: 8,
        align: 1,
    };

    fn found(point: &str) -> Vec<String> {
        let written = format!("p = {{ {point} }}");
        let points: BTreeMap<String, PointSettings> = toml::from_str(&written).expect("well-formed settings");
        let found = points["p"].check(LIMITS).into_iter();
        found
            .map(|(path, what)| format!("{}: {what}", path.join(".")))
            .collect()
    }

    #[test]
    fn points_that_cannot_work_are_found() {
        for (point, key) in [
            (r#"at = "holding:0""#, "type"),
            (r#"at = "holding:0", type = "bool""#, "at"),
            (r#"at = "holding:0.1", type = "u16""#, "type"),
            (r#"at = "coil:0", type = "u16""#, "type"),
            (r#"at = "holding:0", type = "u16", order = "CDAB""#, "order"),
            (r#"at = "coil:0", order = "CDAB""#, "order"),
            (r#"at = "holding:65535", type = "u32""#, "at"),
            (r#"at = "holding:0", type = "u16", map = { 1 = "running" }"#, "map"),
            (
                r#"at = "holding:0", type = "u16", role = "state", map = { on = "running" }"#,
                "map",
            ),
            (
                r#"at = "holding:0", type = "u16", role = "state", scale = 0.1"#,
                "scale",
            ),
            (r#"at = "holding:0", type = "string:4", role = "good_count""#, "role"),
            (r#"at = "holding:0", type = "string:4", deadband = 1"#, "deadband"),
            (r#"at = "holding:0", type = "u16", deadband = -1"#, "deadband"),
            (r#"at = "coil:0", deadband = 1"#, "deadband"),
            (r#"at = "coil:0", scale = 2"#, "scale"),
            (r#"at = "holding:0", type = "u16", scale = 0"#, "scale"),
            (r#"at = "holding:0", type = "u16", scale = nan"#, "scale"),
            (r#"at = "holding:0", type = "u16", offset = inf"#, "offset"),
            (r#"at = "holding:0", type = "u16", invalid = 65536"#, "invalid"),
            (r#"at = "holding:0", type = "i16", invalid = -32769"#, "invalid"),
            (r#"at = "coil:0", invalid = 1"#, "invalid"),
        ] {
            let found = found(point);
            let place = format!("{key}: ");
            assert!(found.len() == 1 && found[0].starts_with(&place), "{point}: {found:?}");
        }
        for point in [
            r#"at = "holding:0", type = "u16", invalid = 0xFFFF"#,
            r#"at = "holding:0.1", type = "bool", role = "state", map = { true = "running" }"#,
            r#"at = "holding:65532", type = "u64", order = "CDAB""#,
        ] {
            assert_eq!(found(point), [""; 0], "{point}");
        }
    }
}
