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
    registers: usize,
    bits: Option<Bits>,
    order: ByteOrder,
    /// Of a text with one character in each register: whether it is in the upper byte.
    spread: Option<bool>,
    scaling: Option<Scaling>,
    invalid: Vec<Mark>,
}

impl Decoder {
    pub fn new(settings: &PointSettings) -> Self {
        let spread = match settings.order {
            Some(Order::Spread { is_upper }) => Some(is_upper),
            _ => None,
        };
        Self {
            kind: settings.kind(),
            registers: usize::from(settings.kind().registers_in(settings.order)),
            bits: settings.at.bits,
            order: Order::of_bytes(settings.order),
            spread,
            // What a counter holds is counted first, and what another point scales is known later.
            scaling: settings
                .scaling()
                .filter(|_| settings.counter.is_none() && settings.scaled_by().is_none()),
            invalid: settings.invalid.all().to_vec(),
        }
    }

    /// The value that starts at `offset` of an answer.
    pub fn decode(&self, answer: &Answer, offset: u16) -> Result<Value, Fault> {
        let offset = usize::from(offset);
        let value = match answer {
            Answer::Bits(bits) => Value::Bool(*bits.get(offset).ok_or_else(short_answer)?),
            Answer::Registers(registers) => {
                let end = offset + self.registers;
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
        let turn = self.order.turn & (registers.len() - 1);
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
                reason = "what is no exponent is far out of range either way"
            )]
            Self::PowerOfTen(exponent) => own.shifted(exponent as i32),
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoder(point: &str) -> Decoder {
        let settings: PointSettings = toml::from_str(&format!("at = \"holding:0\"\n{point}")).expect("point settings");
        Decoder::new(&settings)
    }

    fn decode(point: &str, registers: &[u16]) -> Result<Value, Fault> {
        decoder(point).decode(&Answer::Registers(registers.to_vec()), 0)
    }

    fn is_invalid(point: &str, registers: &[u16]) -> bool {
        matches!(decode(point, registers), Err(Fault::Invalid(_)))
    }

    #[test]
    fn every_order_of_a_float_is_understood() {
        for (order, registers) in [
            ("ABCD", [0x47F1, 0x2000]),
            ("CDAB", [0x2000, 0x47F1]),
            ("BADC", [0xF147, 0x0020]),
            ("DCBA", [0x0020, 0xF147]),
        ] {
            let point = format!("type = \"f32\"\norder = \"{order}\"");
            assert_eq!(decode(&point, &registers), Ok(Value::Float(123_456.0)), "{order}");
        }
    }

    #[test]
    fn every_order_holds_for_every_type_of_its_width() {
        let swap_bytes = |words: &[u16]| words.iter().map(|w| w.swap_bytes()).collect::<Vec<_>>();
        let swap_words = |words: &[u16]| words.iter().rev().copied().collect::<Vec<_>>();
        for (kind, words, value) in [
            ("u16", &[0x8001][..], Value::Uint(0x8001)),
            ("i16", &[0x8001], Value::Int(-0x7FFF)),
            ("bcd16", &[0x1234], Value::Uint(1234)),
            ("u32", &[0xFEDC, 0xBA98], Value::Uint(0xFEDC_BA98)),
            ("i32", &[0xFFFF, 0xFFFE], Value::Int(-2)),
            ("bcd32", &[0x1234, 0x5678], Value::Uint(12_345_678)),
            ("f32", &[0xC148, 0x0000], Value::Float(-12.5)),
            (
                "u64",
                &[0xFEDC, 0xBA98, 0x7654, 0x3210],
                Value::Uint(0xFEDC_BA98_7654_3210),
            ),
            ("i64", &[0x8000, 0, 0, 1], Value::Int(i64::MIN + 1)),
            ("f64", &[0xC029, 0, 0, 0], Value::Float(-12.5)),
        ] {
            let orders: &[&str] = match words.len() {
                1 => &["AB", "", "BA", ""],
                2 => &["ABCD", "CDAB", "BADC", "DCBA"],
                _ => &[
                    "ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA", "ABCD", "CDAB", "BADC", "DCBA",
                ],
            };
            let forms = [
                words.to_vec(),
                swap_words(words),
                swap_bytes(words),
                swap_bytes(&swap_words(words)),
            ];
            for (order, registers) in orders
                .iter()
                .zip(forms.iter().cycle())
                .filter(|(order, _)| !order.is_empty())
            {
                let point = format!("type = \"{kind}\"\norder = \"{order}\"");
                assert_eq!(decode(&point, registers), Ok(value.clone()), "{kind} {order}");
            }
            let plain = format!("type = \"{kind}\"");
            assert_eq!(decode(&plain, words), Ok(value), "{kind} without an order");
        }
    }

    #[test]
    fn every_order_of_64_bits_is_what_its_letters_say() {
        let big_endian = [1, 2, 3, 4, 5, 6, 7, 8_u8];
        let value = Ok(Value::Uint(u64::from_be_bytes(big_endian)));
        for order in [
            "ABCDEFGH", "BADCFEHG", "CDABGHEF", "DCBAHGFE", "EFGHABCD", "FEHGBADC", "GHEFCDAB", "HGFEDCBA",
        ] {
            let bytes: Vec<u8> = order
                .bytes()
                .map(|letter| big_endian[usize::from(letter - b'A')])
                .collect();
            let registers: Vec<u16> = bytes
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            let point = format!("type = \"u64\"\norder = \"{order}\"");
            assert_eq!(decode(&point, &registers), value, "{order}");
        }
    }

    #[test]
    fn texts_stop_at_nul_and_are_trimmed() {
        let words = [0x4142, 0x2043, 0x2000, 0x5858];
        assert_eq!(
            decode("type = \"string:8\"", &words),
            Ok(Value::Text("AB C".to_owned()))
        );
        assert_eq!(decode("type = \"string:3\"", &words), Ok(Value::Text("AB".to_owned())));
        let swapped = words.map(u16::swap_bytes);
        assert_eq!(
            decode("type = \"string:8\"\norder = \"BA\"", &swapped),
            Ok(Value::Text("AB C".to_owned()))
        );
        assert_eq!(
            decode("type = \"string:4\"", &[0, 0x4141]),
            Ok(Value::Text(String::new()))
        );
        assert!(is_invalid("type = \"string:4\"", &[0xC328, 0x4141]));
    }

    #[test]
    fn texts_may_be_spread_over_registers() {
        let words = [0x4155, 0x4255, 0x2055, 0x0055, 0x4355];
        let upper = "type = \"string:5\"\norder = \"upper\"";
        assert_eq!(decode(upper, &words), Ok(Value::Text("AB".to_owned())));
        let lower = "type = \"string:5\"\norder = \"lower\"";
        assert_eq!(
            decode(lower, &words.map(u16::swap_bytes)),
            Ok(Value::Text("AB".to_owned()))
        );
        assert!(decode(upper, &words[..4]).is_err(), "a register for each character");
    }

    #[test]
    fn bits_are_counted_from_the_least_significant() {
        for (bit, expected) in [(0, false), (3, true), (15, true), (14, false)] {
            let settings: PointSettings = toml::from_str(&format!("at = \"holding:0.{bit}\"")).expect("settings");
            let value = Decoder::new(&settings).decode(&Answer::Registers(vec![0x8008]), 0);
            assert_eq!(value, Ok(Value::Bool(expected)), "bit {bit}");
        }
        for (bits, order, expected) in [
            ("0..3", "AB", 0xD),
            ("4..11", "AB", 0xBC),
            ("12..15", "BA", 0xC),
            ("0..15", "AB", 0xABCD),
        ] {
            let settings: PointSettings =
                toml::from_str(&format!("at = \"holding:0.{bits}\"\norder = \"{order}\"")).expect("settings");
            let value = Decoder::new(&settings).decode(&Answer::Registers(vec![0xABCD]), 0);
            assert_eq!(value, Ok(Value::Uint(expected)), "bits {bits}");
        }
        let settings: PointSettings = toml::from_str("at = \"coil:0\"").expect("settings");
        assert_eq!(
            Decoder::new(&settings).decode(&Answer::Bits(vec![false, true]), 1),
            Ok(Value::Bool(true))
        );
    }

    #[test]
    fn what_is_no_value_is_a_fault() {
        assert!(is_invalid("type = \"bcd16\"", &[0x12A4]));
        assert!(is_invalid("type = \"bcd32\"", &[0xF234, 0x5678]));
        assert!(is_invalid("type = \"f32\"", &[0x7FC0, 0]));
        assert!(is_invalid("type = \"f32\"", &[0xFF80, 0]));
        assert!(is_invalid("type = \"f64\"", &[0x7FF0, 0, 0, 0]));
        assert!(is_invalid("type = \"f64\"\nscale = 1e300", &[0x7FE0, 0, 0, 0]));
        for (point, word) in [
            ("u16\"\ninvalid = 0xFFFF", 0xFFFF),
            ("i16\"\ninvalid = 0x8000", 0x8000),
            ("i16\"\ninvalid = -32768", 0x8000),
            ("u16\"\ninvalid = [0x7FFF, 0xFFFF]", 0xFFFF),
            ("u16\"\ninvalid = [0x7FFF, 0xFFFF]", 0x7FFF),
        ] {
            let point = format!("type = \"{point}");
            assert!(is_invalid(&point, &[word]), "{point}");
            assert!(decode(&point, &[word - 1]).is_ok(), "{point}");
        }
        assert!(is_invalid("type = \"u64\"\ninvalid = -1", &[0xFFFF; 4]));
        assert!(is_invalid("type = \"f32\"\ninvalid = [0, -9999.9]", &[0xC61C, 0x3F9A]));
        assert!(is_invalid(
            "type = \"f32\"\ninvalid = -9999\nscale = 0.5",
            &[0xC61C, 0x3C00]
        ));
    }

    #[test]
    fn short_answers_are_faults() {
        let point = decoder("type = \"u32\"");
        assert!(point.decode(&Answer::Registers(vec![1]), 0).is_err());
        assert!(point.decode(&Answer::Registers(vec![1, 2, 3]), 2).is_err());
        assert!(point.decode(&Answer::Bits(vec![]), u16::MAX).is_err());
    }

    #[test]
    fn scaled_values_are_the_decimals_that_people_expect() {
        for (raw, scale, offset, expected) in [
            (215, "0.1", "0", 21.5),
            (3, "0.1", "0", 0.3),
            (1001, "0.001", "0", 1.001),
            (29, "0.01", "0", 0.29),
            (7, "0.1", "-40", -39.3),
            (5, "10", "0.5", 50.5),
            (3, "1", "0.1", 3.1),
            (2, "1e-30", "0", 2e-30),
            (2, "1e300", "0", 2e300),
            (0, "0.1", "0", 0.0),
        ] {
            let point = format!("type = \"u16\"\nscale = {scale}\noffset = {offset}");
            assert_eq!(
                decode(&point, &[raw]),
                Ok(Value::Float(expected)),
                "{raw} × {scale} + {offset}"
            );
        }
        assert_eq!(
            decode("type = \"u16\"\nscale = 1\noffset = 0.0", &[7]),
            Ok(Value::Uint(7))
        );
    }

    #[test]
    fn a_float_of_32_bits_is_the_decimal_that_the_device_shows() {
        let words = |f: f32| [(f.to_bits() >> 16) as u16, (f.to_bits() & 0xFFFF) as u16];
        assert_eq!(decode("type = \"f32\"", &words(230.1)), Ok(Value::Float(230.1)));
        assert_eq!(
            decode("type = \"f32\"\nscale = 0.001", &words(230.1)),
            Ok(Value::Float(0.2301))
        );
    }

    proptest! {
        #[test]
        fn every_decimal_scale_gives_the_nearest_float(raw in any::<i16>(), scale in 1..100_000_i64, places in 0..8_u32, offset in -10_000..10_000_i64) {
            let decimal = |number: i64| format!("{number}e-{places}");
            let point = format!("type = \"i16\"\nscale = {}\noffset = {}", decimal(scale), decimal(offset));
            let expected: f64 = decimal(i64::from(raw) * scale + offset).parse().expect("a decimal");
            let value = decode(&point, &[raw.cast_unsigned()]).expect("a value");
            prop_assert_eq!(value.as_f64(), Some(expected));
        }

        #[test]
        fn the_short_way_gives_what_the_text_form_gives(number in prop_oneof![any::<f32>(), -2e7_f32..2e7, -500_f32..500.0], places in 0..6_i32) {
            // Both as it comes and cut to a few decimals, as devices hold them.
            let power = 10_f32.powi(places);
            for number in [number, (number * power).round() / power].into_iter().filter(|n| n.is_finite()) {
                let read_off: f64 = number.to_string().parse().expect("a number");
                prop_assert_eq!(shortest(number).to_bits(), read_off.to_bits(), "{}", number);
            }
        }

        #[test]
        fn a_float_of_32_bits_keeps_its_bits(bits in any::<u32>()) {
            let float = f32::from_bits(bits);
            match decode("type = \"f32\"", &[(bits >> 16) as u16, (bits & 0xFFFF) as u16]) {
                #[expect(clippy::cast_possible_truncation, reason = "narrowing back is what is tested")]
                Ok(Value::Float(wide)) => prop_assert_eq!((wide as f32).to_bits(), bits),
                Err(Fault::Invalid(_)) => prop_assert!(!float.is_finite()),
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn arbitrary_registers_give_a_value_or_a_fault(
            registers in prop::collection::vec(any::<u16>(), 0..8),
            offset in 0..10_u16,
            kind in prop::sample::select(vec!["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bool", "bcd16", "bcd32", "string:7"]),
            scale in prop::sample::select(vec![1.0, 0.1, -1e300, 1e-300]),
        ) {
            let point = decoder(&format!("type = \"{kind}\"\nscale = {scale:e}"));
            let count = usize::from(point.kind.registers());
            let is_whole = usize::from(offset) + count <= registers.len();
            match point.decode(&Answer::Registers(registers), offset) {
                Ok(Value::Float(number)) => prop_assert!(is_whole && number.is_finite()),
                Ok(_) => prop_assert!(is_whole),
                Err(fault) => prop_assert!(matches!(fault, Fault::Invalid(_))),
            }
        }
    }
}
