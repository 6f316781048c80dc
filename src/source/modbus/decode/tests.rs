//! Registers and bits, type by type and order by order.

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
    for all_bits in [
        "-1",
        "0xFFFFFFFFFFFFFFFF",
        "18446744073709551615",
        "[0, 0xFFFFFFFFFFFFFFFF]",
    ] {
        for kind in ["u64", "i64"] {
            let point = format!("type = \"{kind}\"\ninvalid = {all_bits}");
            assert!(is_invalid(&point, &[0xFFFF; 4]), "{point}");
        }
    }
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
