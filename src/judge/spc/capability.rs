//! What a process can do, beside what it should: Cp, Cpk from the variation within subgroups, Pp, Ppk from all of it, and Cpm,
//! which also counts the distance from the target.
//!
//! Two conventions go by the name Cpm. `cpm` takes the variation within subgroups (qcc); `cpm_overall` takes all of it
//! (Minitab, and what qcc calls Ppm). Intervals are at 95 %: chi-square for Cp, Pp and (after Boyles) Cpm, Bissell's
//! approximation for the others, where one-sided indices have one-sided bounds at each end, as qcc has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::distribution::{Z_95, Z_975, chi_square_95, normal_below};

/// What is specified; at least one limit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
}

impl Spec {
    pub fn problem(&self) -> Option<&'static str> {
        let limits = [self.lower, self.upper, self.target];
        if limits.iter().flatten().any(|limit| !limit.is_finite()) {
            return Some("specification limits are numbers");
        }
        match (self.lower, self.upper) {
            (None, None) => Some("a specification has at least one limit, lower or upper"),
            (Some(lower), Some(upper)) if lower >= upper => Some("the lower limit is not below the upper one"),
            _ => None,
        }
    }

    pub fn is_met_by(&self, value: f64) -> bool {
        self.lower.is_none_or(|lower| value >= lower) && self.upper.is_none_or(|upper| value <= upper)
    }
}

/// An index with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Index {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Index {
    /// From chi-square, for what only depends on a variance.
    fn of_variance(value: f64, df: f64) -> Self {
        let (low, high) = chi_square_95(df);
        Self {
            value,
            low: value * (low / df).sqrt(),
            high: value * (high / df).sqrt(),
        }
    }

    fn bissell(value: f64, z: f64, n: f64) -> Self {
        let reach = z * (1.0 / (9.0 * n * value.powi(2)) + 1.0 / (2.0 * (n - 1.0))).sqrt() * value;
        Self {
            value,
            low: value - reach.abs(),
            high: value + reach.abs(),
        }
    }
}

/// How a process was, for its indices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub n: f64,
    pub center: f64,
    pub sigma_within: f64,
    pub sigma_overall: f64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Capability {
    pub cp: Option<Index>,
    pub cpl: Option<Index>,
    pub cpu: Option<Index>,
    pub cpk: Option<Index>,
    pub cpm: Option<Index>,
    pub pp: Option<Index>,
    pub ppl: Option<Index>,
    pub ppu: Option<Index>,
    pub ppk: Option<Index>,
    pub cpm_overall: Option<Index>,
    /// Of a hundred pieces, how many a normal process like this makes beyond each limit.
    pub expected_below_percent: Option<f64>,
    pub expected_above_percent: Option<f64>,
    /// Why the indices must not be believed, or only with care.
    pub flags: Vec<String>,
}

/// Fewer subgroups than this say little of a capability.
pub const SUBGROUPS_MIN: usize = 25;

impl Capability {
    pub fn of(spec: &Spec, measured: &Measured) -> Self {
        let Measured { n, center, .. } = *measured;
        let family = |sigma: f64| {
            let side = |limit: Option<f64>, sign: f64| {
                limit.map(|limit| Index::bissell(sign * (limit - center) / (3.0 * sigma), Z_95, n))
            };
            let (low, high) = (side(spec.lower, -1.0), side(spec.upper, 1.0));
            let nearer = [low, high]
                .into_iter()
                .flatten()
                .map(|index| index.value)
                .reduce(f64::min);
            let nearer = nearer.map(|value| Index::bissell(value, Z_975, n));
            let width = spec.lower.zip(spec.upper).map(|(lower, upper)| upper - lower);
            let both = width.map(|width| Index::of_variance(width / (6.0 * sigma), n - 1.0));
            let target = spec.target.or_else(|| Some(f64::midpoint(spec.lower?, spec.upper?)));
            let aimed = both.zip(target).map(|(both, target)| {
                let off = ((center - target) / sigma).powi(2);
                Index::of_variance(both.value / (1.0 + off).sqrt(), n * (1.0 + off) / (1.0 + 2.0 * off))
            });
            (both, low, high, nearer, aimed)
        };
        let (cp, cpl, cpu, cpk, cpm) = family(measured.sigma_within);
        let (pp, ppl, ppu, ppk, cpm_overall) = family(measured.sigma_overall);
        let beyond = |distance: f64| 100.0 * normal_below(-distance / measured.sigma_within);
        Self {
            cp,
            cpl,
            cpu,
            cpk,
            cpm,
            pp,
            ppl,
            ppu,
            ppk,
            cpm_overall,
            expected_below_percent: spec.lower.map(|lower| beyond(center - lower)),
            expected_above_percent: spec.upper.map(|upper| beyond(upper - center)),
            flags: Vec::new(),
        }
    }

    /// All indices by name, in the order in which they are shown.
    pub fn indices(&self) -> [(&'static str, Option<Index>); 10] {
        [
            ("cp", self.cp),
            ("cpl", self.cpl),
            ("cpu", self.cpu),
            ("cpk", self.cpk),
            ("cpm", self.cpm),
            ("pp", self.pp),
            ("ppl", self.ppl),
            ("ppu", self.ppu),
            ("ppk", self.ppk),
            ("cpm_overall", self.cpm_overall),
        ]
    }
}

impl utoipa::PartialSchema for Capability {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
        let number = || ObjectBuilder::new().schema_type(Type::Number);
        let figure = || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::Null]));
        let interval = ArrayBuilder::new()
            .items(number())
            .min_items(Some(2))
            .max_items(Some(2));
        let shown = ObjectBuilder::new()
            .property(
                "ci95",
                ObjectBuilder::new().additional_properties(Some(utoipa::openapi::Schema::from(interval))),
            )
            .property("expected_below_percent", figure())
            .property("expected_above_percent", figure())
            .property(
                "flags",
                ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)),
            );
        let names = Self::default().indices().map(|(name, _)| name);
        let shown = names
            .into_iter()
            .fold(shown, |shown, name| shown.property(name, figure()));
        shown.into()
    }
}

impl utoipa::ToSchema for Capability {}

impl Serialize for Capability {
    /// Values by name, with the intervals in an object of the same names.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        for (name, index) in self.indices() {
            map.serialize_entry(name, &index.map(|index| index.value))?;
        }
        let intervals: BTreeMap<_, _> = self
            .indices()
            .into_iter()
            .filter_map(|(name, index)| index.map(|index| (name, [index.low, index.high])))
            .collect();
        map.serialize_entry("ci95", &intervals)?;
        map.serialize_entry("expected_below_percent", &self.expected_below_percent)?;
        map.serialize_entry("expected_above_percent", &self.expected_above_percent)?;
        map.serialize_entry("flags", &self.flags)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Shown {
            ci95: BTreeMap<String, [f64; 2]>,
            expected_below_percent: Option<f64>,
            expected_above_percent: Option<f64>,
            flags: Vec<String>,
            #[serde(flatten)]
            values: BTreeMap<String, Option<f64>>,
        }
        let shown = Shown::deserialize(deserializer)?;
        let index = |name: &str| {
            let (value, [low, high]) = (*shown.values.get(name)?).zip(shown.ci95.get(name).copied())?;
            Some(Index { value, low, high })
        };
        Ok(Self {
            cp: index("cp"),
            cpl: index("cpl"),
            cpu: index("cpu"),
            cpk: index("cpk"),
            cpm: index("cpm"),
            pp: index("pp"),
            ppl: index("ppl"),
            ppu: index("ppu"),
            ppk: index("ppk"),
            cpm_overall: index("cpm_overall"),
            expected_below_percent: shown.expected_below_percent,
            expected_above_percent: shown.expected_above_percent,
            flags: shown.flags,
        })
    }
}
