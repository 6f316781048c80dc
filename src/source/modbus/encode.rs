//! Values to registers and bits: the way back of `decode`, for the points that may be written. Pure; a value that the
//! registers cannot hold exactly as meant is refused, never bent.

use rust_decimal::Decimal;

use super::address::{At, ByteOrder, Order, Type};
use super::decode::Answer;
use super::plan::Span;
use super::settings::{PointSettings, WriteRange};
use crate::language::Words;
use crate::record::Value;
use crate::scaling::Scaling;

/// What goes out in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    Coil { address: u16, is_on: bool },
    Registers { address: u16, values: Vec<u16> },
}

impl Write {
    /// Whether this is what was read back.
    pub fn is_held_by(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Coil { is_on, .. }, Answer::Bits(bits)) => bits.first() == Some(is_on),
            (Self::Registers { values, .. }, Answer::Registers(registers)) => values == registers,
            _ => false,
        }
    }
}

/// How one point is written.
#[derive(Debug, Clone)]
pub struct Encoder {
    at: At,
    pub span: Span,
    kind: Type,
    order: ByteOrder,
    scaling: Option<Scaling>,
    range: Option<WriteRange>,
}

impl Encoder {
    pub fn new(settings: &PointSettings) -> Self {
        Self {
            at: settings.at,
            span: settings.span(),
            kind: settings.kind(),
            order: Order::of_bytes(settings.order),
            scaling: settings.scaling(),
            range: settings.write_range,
        }
    }

    /// What to send for a value, or why it cannot be meant.
    pub fn encode(&self, value: &Value) -> Result<Write, Words> {
        let address = self.at.address;
        if self.at.area.has_bits() {
            return match value {
                Value::Bool(is_on) => Ok(Write::Coil { address, is_on: *is_on }),
                _ => Err(Words::new("a coil is true or false", "线圈只能为 true 或 false")),
            };
        }
        let written = match value {
            Value::Text(text) => number_in(text),
            _ => None,
        };
        let value = written.as_ref().unwrap_or(value);
        let number = match value {
            Value::Bool(_) | Value::Text(_) => None,
            number => number.as_f64(),
        };
        let number = number.ok_or_else(|| Words::new("this point holds a number", "该点的值应为数字"))?;
        if let Some(WriteRange { low, high }) = self.range.filter(|range| !range.holds(number)) {
            return Err(Words::new(
                format!("{number} is not within {low} to {high}"),
                format!("{number} 不在 {low} 至 {high} 的范围内"),
            ));
        }
        let unscaled = self.scaling.map_or(number, |scaling| scaling.undo(number));
        let raw = match (self.kind, value) {
            #[expect(clippy::cast_possible_truncation, reason = "a 32-bit float is what the device holds")]
            (Type::F32, _) => u64::from((unscaled as f32).to_bits()),
            (Type::F64, _) => unscaled.to_bits(),
            (_, Value::Uint(whole)) if self.scaling.is_none() => self.whole(i128::from(*whole))?,
            (_, Value::Int(whole)) if self.scaling.is_none() => self.whole(i128::from(*whole))?,
            _ => self.whole(steps(unscaled).ok_or_else(|| {
                Words::new(
                    format!("{number} lies between two steps of this point"),
                    format!("{number} 不是该点分度的整数倍"),
                )
            })?)?,
        };
        Ok(Write::Registers {
            address,
            values: self.split(raw),
        })
    }

    /// The bits of a whole number as the device holds it.
    fn whole(&self, number: i128) -> Result<u64, Words> {
        let bits = 16 * u32::from(self.kind.registers());
        let (least, most) = match self.kind {
            Type::I16 | Type::I32 | Type::I64 => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
            Type::Bcd16 => (0, 9_999),
            Type::Bcd32 => (0, 99_999_999),
            _ => (0, (1_i128 << bits) - 1),
        };
        if !(least..=most).contains(&number) {
            return Err(Words::new(
                format!("it does not fit into a {}", self.kind),
                format!("超出 {} 的取值范围", self.kind),
            ));
        }
        Ok(match self.kind {
            Type::Bcd16 | Type::Bcd32 => as_bcd(number),
            _ => low_bits(number),
        })
    }

    fn split(&self, raw: u64) -> Vec<u16> {
        let count = usize::from(self.span.count);
        let mut registers = vec![0; count];
        // A number has one, two or four registers, so that turning keeps every place within them.
        let turn = usize::from(self.order.turn) & (count - 1);
        for (place, register) in raw.to_be_bytes().chunks_exact(2).skip(4 - count).enumerate() {
            let word = u16::from_be_bytes([register[0], register[1]]);
            registers[place ^ turn] = if self.order.swaps_bytes {
                word.swap_bytes()
            } else {
                word
            };
        }
        registers
    }
}

/// What rounding may leave of a whole number of steps.
const STEP_PART_MAX: f64 = 1e-6;

/// A whole number of steps, if it is one.
fn steps(unscaled: f64) -> Option<i128> {
    let whole = unscaled.round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "far out of range it saturates, and does not fit"
    )]
    ((unscaled - whole).abs() <= STEP_PART_MAX).then_some(whole as i128)
}

fn as_bcd(number: i128) -> u64 {
    let digits = number.to_string();
    digits.bytes().fold(0, |bcd, digit| bcd << 4 | u64::from(digit - b'0'))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the bits are what is wanted"
)]
fn low_bits(number: i128) -> u64 {
    number as u64
}

/// Decimals travel as texts, so that nothing rounds them.
fn number_in(text: &str) -> Option<Value> {
    text.parse::<Decimal>().ok()?;
    let whole = text.parse().map(Value::Int);
    let whole = whole.or_else(|_| text.parse().map(Value::Uint)).ok();
    whole.or_else(|| text.parse().map(Value::Float).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::modbus::decode::Decoder;
    use proptest::prelude::*;

    fn point(point: &str) -> PointSettings {
        toml::from_str(&format!("at = \"holding:7\"\n{point}")).expect("point settings")
    }

    fn encode(settings: &str, value: &Value) -> Result<Vec<u16>, Words> {
        match Encoder::new(&point(settings)).encode(value)? {
            Write::Registers { address: 7, values } => Ok(values),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_number_may_be_written_as_a_text() {
        for (point, text, registers) in [
            ("type = \"u16\"\nscale = 0.1", "12.3", vec![123]),
            ("type = \"i16\"", "-42", vec![0xFFD6]),
            (
                "type = \"u64\"",
                "18446744073709551614",
                vec![0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE],
            ),
        ] {
            assert_eq!(encode(point, &Value::Text(text.to_owned())), Ok(registers));
        }
        for text in ["fast", "inf", "", "true"] {
            assert!(
                encode("type = \"f32\"", &Value::Text(text.to_owned())).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn values_go_out_as_the_device_holds_them() {
        assert_eq!(
            encode("type = \"u16\"\nscale = 0.1", &Value::Float(21.5)),
            Ok(vec![215])
        );
        assert_eq!(
            encode("type = \"i16\"\noffset = -40", &Value::Int(-42)),
            Ok(vec![0xFFFE])
        );
        assert_eq!(
            encode("type = \"bcd32\"", &Value::Uint(12_345_678)),
            Ok(vec![0x1234, 0x5678])
        );
        assert_eq!(
            encode("type = \"f32\"\norder = \"CDAB\"", &Value::Uint(123_456)),
            Ok(vec![0x2000, 0x47F1])
        );
        assert_eq!(
            encode("type = \"u64\"", &Value::Uint(u64::MAX - 1)),
            Ok(vec![0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE])
        );
        let coil: PointSettings = toml::from_str("at = \"coil:5\"").expect("a coil");
        let on = Write::Coil {
            address: 5,
            is_on: true,
        };
        assert_eq!(Encoder::new(&coil).encode(&Value::Bool(true)), Ok(on));
        assert!(Encoder::new(&coil).encode(&Value::Uint(1)).is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (settings, value) in [
            ("type = \"u16\"", Value::Int(-1)),
            ("type = \"u16\"", Value::Uint(65_536)),
            ("type = \"u16\"", Value::Float(0.5)),
            ("type = \"u16\"", Value::Text("five".to_owned())),
            ("type = \"u16\"", Value::Bool(true)),
            ("type = \"bcd16\"", Value::Uint(10_000)),
            ("type = \"u16\"\nscale = 0.1", Value::Float(21.55)),
            (
                "type = \"f32\"\nwrite_range = { low = 0, high = 100 }",
                Value::Float(100.5),
            ),
            (
                "type = \"f32\"\nwrite_range = { low = 0, high = 100 }",
                Value::Float(f64::NAN),
            ),
            ("type = \"u64\"", Value::Float(1e30)),
            ("type = \"i64\"", Value::Uint(u64::MAX)),
        ] {
            assert!(encode(settings, &value).is_err(), "{settings}: {value:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_it_was_meant(
            steps in -30_000..30_000_i32,
            kind in prop::sample::select(vec!["i16", "i32", "i64", "f32", "f64"]),
            order in 0..4_usize,
            scale in prop::sample::select(vec!["1", "0.1", "0.001", "2.5"]),
        ) {
            let orders: &[&str] = match kind {
                "i16" => &["AB", "BA"],
                "i32" | "f32" => &["ABCD", "CDAB", "BADC", "DCBA"],
                _ => &["ABCDEFGH", "BADCFEHG", "CDABGHEF", "EFGHABCD"],
            };
            let settings = point(&format!("type = \"{kind}\"\norder = \"{}\"\nscale = {scale}", orders[order % orders.len()]));
            let told = Scaling::new(scale.parse().expect("a number"), 0.0).map_or(f64::from(steps), |s| s.apply(f64::from(steps)));
            let Ok(Write::Registers { values, .. }) = Encoder::new(&settings).encode(&Value::Float(told)) else {
                return Err(TestCaseError::fail("refused"));
            };
            let read = Decoder::new(&settings).decode(&Answer::Registers(values), 0).expect("a value");
            let error = (read.as_f64().expect("a number") - told).abs();
            prop_assert!(error <= told.abs() * 1e-6, "{} read as {:?}", told, read);
        }
    }
}
