//! What a point of a machine says, and how far it can be believed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::scaling::Scaling;

/// How far a value can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Read from its source at the given time.
    Good,
    /// The last good value; the source has not confirmed it since.
    Stale,
    /// There is no value: the read failed or the source marked it invalid.
    Bad,
}

/// A value as machines give it. Text is kept as text, integers exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
}

/// A value in the API's document: booleans, numbers and text as they are.
pub fn value_schema() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
    let types = SchemaType::from_iter([Type::Boolean, Type::Number, Type::String]);
    ObjectBuilder::new().schema_type(types).into()
}

/// The longest text that is a value: many of them have to fit into one record.
const TEXT_BYTES_MAX: usize = 1000;

/// Of a text that is no number, in the reason.
const TEXT_CHARS_SHOWN: usize = 40;

impl Value {
    pub fn text(text: String) -> Result<Self, Fault> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Fault::Invalid(format!(
                "a text of {} bytes, more than {TEXT_BYTES_MAX}",
                text.len()
            )));
        }
        Ok(Self::Text(text))
    }

    /// The number for deadbands and limits; booleans count as 0 and 1, text has none.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            #[expect(
                clippy::cast_precision_loss,
                reason = "comparison only; the record keeps the exact integer"
            )]
            Self::Int(i) => Some(*i as f64),
            #[expect(
                clippy::cast_precision_loss,
                reason = "comparison only; the record keeps the exact integer"
            )]
            Self::Uint(u) => Some(*u as f64),
            Self::Float(f) => Some(*f),
            Self::Text(_) => None,
        }
    }
}

/// What a point means beside its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    State,
    GoodCount,
    ScrapCount,
}

/// A configured point of an equipment: how its value is named, understood and thinned out. A plant has tens of thousands
/// of them, so it is kept small.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PointDef {
    pub name: Box<str>,
    pub unit: Option<Box<str>>,
    pub role: Option<Role>,
    /// Raw value (as text) to state name; only with `Role::State`.
    pub map: Box<[(String, String)]>,
    /// A change up to this much is not reported; 0 reports every change; absent reports every reading.
    pub deadband: Option<f64>,
    /// Of a register that counts up: what is told of it is a total that outlives its rollovers and resets.
    pub counter: Option<Box<CounterDef>>,
}

impl PointDef {
    /// What has a unit, a width or counts is a number. A text that spells one is taken as that, any other says nothing.
    pub fn fit(&self, value: Value) -> Result<Value, Fault> {
        let Value::Text(text) = value else { return Ok(value) };
        let is_number = match self.role {
            Some(Role::GoodCount | Role::ScrapCount) => true,
            Some(Role::State) => false,
            None => {
                self.unit.as_ref().is_some_and(|unit| !unit.is_empty())
                    || self.counter.is_some()
                    || self.deadband.is_some_and(|width| width > 0.0)
            }
        };
        if !is_number {
            return Ok(Value::Text(text));
        }
        let spelled = text.trim();
        let whole = spelled
            .parse()
            .map(Value::Int)
            .or_else(|_| spelled.parse().map(Value::Uint));
        let number = whole.ok().or_else(|| {
            let number: f64 = spelled.parse().ok()?;
            number.is_finite().then_some(Value::Float(number))
        });
        number.ok_or_else(|| {
            let shown: String = text.chars().take(TEXT_CHARS_SHOWN).collect();
            Fault::Invalid(format!("the text `{shown}` where a number belongs"))
        })
    }
}

/// How a machine's own counter behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CounterDef {
    /// The first number that it cannot hold: it goes on with 0.
    pub rolls_over_at: Option<u64>,
    /// What counts faster was not counted: the counter was set.
    pub max_per_second: f64,
    /// Of the total; what comes from the machine is not scaled yet.
    pub scaling: Option<Scaling>,
}

/// One point of one reading: a value, or the reason why there is none.
#[derive(Debug, Clone)]
pub struct PointReading {
    pub def: Arc<PointDef>,
    pub value: Result<Value, Fault>,
}

/// Why a read gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The device did not answer: what was known is stale.
    Silent(&'static str),
    /// The device answered, but not with a value: what was known is void.
    Invalid(String),
}
