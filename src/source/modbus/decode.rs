//! Registers and bits to values. Pure; arbitrary input gives a value or a fault, never a panic and never a made-up value.
//!
//! * Integers stay exact. A scale or an offset makes a float of them, computed as a decimal (see `scaling`).
//! * A 32-bit float is taken at the shortest decimal that names it: a meter that holds 230.1 gives 230.1, not the
//!   230.10000610351562 of plain widening. Narrowed again it is the same float.
//! * What the device marks as no value (a marker of the settings, NaN, infinity, a BCD digit above 9, text that is not
//!   UTF-8) is `Fault::Invalid`.

use super::address::{Bits, ByteOrder, Order, Type};
use super::settings::{Mark, PointSettings};
use crate::record::{Fault, Value};
use crate::scaling::Scaling;

/// What one request brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Registers(Vec<u16>),
    Bits(Vec<bool>),
}

impl Answer {
    /// Without what was read along behind the first so many.
    pub fn shortened_to(mut self, count: u16) -> Self {
        match &mut self {
            Self::Registers(registers) => registers.truncate(usize::from(count)),
            Self::Bits(bits) => bits.truncate(usize::from(count)),
        }
        self
    }
}

/// How one point is understood.
#[derive(Debug, Clone)]
pub struct Decoder {
    kind: Type,
    registers: u16,
    bits: Option<Bits>,
    order: ByteOrder,
    /// Of a text with one character in each register: whether it is in the upper byte.
    spread: Option<bool>,
    scaling: Option<Scaling>,
    invalid: Box<[Mark]>,
}

impl Decoder {
    pub fn new(settings: &PointSettings) -> Self {
        let spread = match settings.order {
            Some(Order::Spread { is_upper }) => Some(is_upper),
            _ => None,
        };
        Self {
            kind: settings.kind(),
            registers: settings.kind().registers_in(settings.order),
            bits: settings.at.bits,
            order: Order::of_bytes(settings.order),
            spread,
            // What a counter holds is counted first, and what another point scales is known later.
            scaling: settings
                .scaling()
                .filter(|_| settings.counter.is_none() && settings.scaled_by().is_none()),
            invalid: settings.invalid.all().into(),
        }
    }

    /// The value that starts at `offset` of an answer.
    pub fn decode(&self, answer: &Answer, offset: u16) -> Result<Value, Fault> {
        let offset = usize::from(offset);
        let value = match answer {
            Answer::Bits(bits) => Value::Bool(*bits.get(offset).ok_or_else(short_answer)?),
            Answer::Registers(registers) => {
                let end = offset + usize::from(self.registers);
                self.value_of(registers.get(offset..end).ok_or_else(short_answer)?)?
            }
        };
        scaled(value, self.scaling)
    }

    fn value_of(&self, registers: &[u16]) -> Result<Value, Fault> {
        if let Type::Text(chars) = self.kind {
            return self.text(registers, chars);
        }
        let joined = self.join(registers);
        let raw = self.bits.map_or(joined, |bits| bits.of(joined));
        let width_bits = 16 * u32::from(self.kind.registers());
        let value = match self.kind {
            Type::Bool => return Ok(Value::Bool(raw & 1 == 1)),
            Type::I16 | Type::I32 | Type::I64 => {
                let unused_bits = 64 - width_bits;
                Value::Int((raw << unused_bits).cast_signed() >> unused_bits)
            }
            Type::F32 => Value::Float(shortest(f32::from_bits(low_half(raw)))),
            Type::F64 => Value::Float(f64::from_bits(raw)),
            Type::Bcd16 | Type::Bcd32 => Value::Uint(digits(raw, width_bits)?),
            Type::U16 | Type::U32 | Type::U64 | Type::Text(_) => Value::Uint(raw),
        };
        if self.is_marked_invalid(raw, width_bits, &value) {
            return Err(Fault::Invalid("the device's mark for no value".to_owned()));
        }
        Ok(value)
    }

    /// The bits of a value, most significant first.
    fn join(&self, registers: &[u16]) -> u64 {
        // A value has one, two or four registers, so that turning keeps every place within them.
        let turn = usize::from(self.order.turn) & (registers.len() - 1);
        (0..registers.len()).fold(0, |joined, place| {
            let register = registers[place ^ turn];
            let register = if self.order.swaps_bytes {
                register.swap_bytes()
            } else {
                register
            };
            joined << 16 | u64::from(register)
        })
    }

    fn is_marked_invalid(&self, raw: u64, width_bits: u32, value: &Value) -> bool {
        let unused_bits = 64 - width_bits;
        self.invalid.iter().any(|mark| match *mark {
            Mark::Whole(mark) if self.kind.is_float() => Value::Int(mark).as_f64() == value.as_f64(),
            Mark::Whole(mark) => mark.cast_unsigned() << unused_bits == raw << unused_bits,
            Mark::Large(mark) if self.kind.is_float() => Value::Uint(mark).as_f64() == value.as_f64(),
            Mark::Large(mark) => mark << unused_bits == raw << unused_bits,
            Mark::Float(mark) => Some(mark) == value.as_f64(),
        })
    }

    fn text(&self, registers: &[u16], chars: u16) -> Result<Value, Fault> {
        let mut bytes: Vec<u8> = match self.spread {
            Some(is_upper) => {
                let byte = |register: &u16| register.to_be_bytes()[usize::from(!is_upper)];
                registers.iter().map(byte).collect()
            }
            None if self.order.swaps_bytes => registers.iter().flat_map(|r| r.to_le_bytes()).collect(),
            None => registers.iter().flat_map(|r| r.to_be_bytes()).collect(),
        };
        bytes.truncate(usize::from(chars));
        bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Value::Text(text.trim().to_owned())),
            Err(_) => Err(Fault::Invalid("text that is not UTF-8".to_owned())),
        }
    }
}

/// What another point of the device says of this one.
#[derive(Debug, Clone, Copy)]
pub enum Factor {
    Times(f64),
    PowerOfTen(f64),
}

impl Factor {
    /// A value with its own scaling, and then multiplied.
    pub fn scale(self, value: Value, own: Scaling) -> Result<Value, Fault> {
        let scaling = match self {
            Self::Times(factor) => Some(own.times(factor)),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number, and far out of range saturates"
            )]
            Self::PowerOfTen(exponent) if exponent.fract() == 0.0 => own.shifted(exponent as i32),
            Self::PowerOfTen(_) => None,
        };
        if scaling.is_none() {
            return Err(Fault::Invalid(format!("scaled by {self:?}, which cannot be meant")));
        }
        scaled(value, scaling)
    }
}

fn scaled(value: Value, scaling: Option<Scaling>) -> Result<Value, Fault> {
    let value = match (scaling, value.as_f64()) {
        (Some(scaling), Some(number)) => Value::Float(scaling.apply(number)),
        _ => value,
    };
    match value {
        Value::Float(number) if !number.is_finite() => Err(Fault::Invalid(format!("not a number ({number})"))),
        value => Ok(value),
    }
}

fn short_answer() -> Fault {
    Fault::Invalid("the answer ends before this point".to_owned())
}

fn low_half(raw: u64) -> u32 {
    u32::try_from(raw & u64::from(u32::MAX)).expect("masked to 32 bits")
}

/// Widens by way of the decimal that people read off the device; the text form of a float is the shortest that is exact.
fn shortest(number: f32) -> f64 {
    let wide = f64::from(number);
    // Most values of machines have few decimals, and then the way over the text, some 200 ns, is saved: within these
    // bounds the product is exact, and the fewest decimals that give the same float back are the shortest form.
    if wide.abs() < WHOLE_F32_MAX {
        for power in [1.0, 10.0, 100.0, 1000.0, 10_000.0] {
            let decimal = (wide * power).round() / power;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::float_cmp,
                reason = "whether it is the same float is the question"
            )]
            if decimal as f32 == number {
                return decimal;
            }
        }
    }
    number.to_string().parse().unwrap_or(wide)
}

/// Whole numbers above this are not all exact in a 32-bit float.
const WHOLE_F32_MAX: f64 = 16_777_216.0;

fn digits(raw: u64, width_bits: u32) -> Result<u64, Fault> {
    (0..width_bits / 4)
        .rev()
        .try_fold(0, |number, place| match raw >> (4 * place) & 0xF {
            digit @ 0..=9 => Ok(number * 10 + digit),
            digit => Err(Fault::Invalid(format!("{digit:#x} is not a BCD digit"))),
        })
}

#[cfg(test)]
mod tests;
