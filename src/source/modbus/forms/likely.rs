//! Which of the plausible forms to suggest.
//!
//! * A text goes ahead of numbers: its characters are plausible floats in some order. Not of one with few digits: 11.2 is `A333`.
//! * A number with few digits goes ahead of one with many that lies over it: a wrong type, order or address makes digits
//!   up to the last one that a float has.
//! * Else the more telling type, from the lowest address up; what a form covers is not told again.

use super::Reading;
use crate::record::Value;

/// The more telling a form is, the sooner it is believed: few registers make a plausible double by chance.
const TELLING: [&str; 7] = ["bool", "f64", "f32", "u16", "i16", "u32", "i32"];
/// Digits that a number must save over another one; fewer come about by chance.
const CLEARLY: usize = 3;

/// One form for each value.
pub fn suggest(readings: &[Reading]) -> Vec<&Reading> {
    let texts = texts(readings);
    let is_free = |form: &&Reading| !texts.iter().any(|text| text.span.overlaps(form.span));
    let numbers: Vec<&Reading> = readings
        .iter()
        .filter(|form| form.is_plausible && !is_text(form))
        .filter(is_free)
        .collect();
    let mut suggested: Vec<&Reading> = Vec::new();
    for of_address in numbers.chunk_by(|a, b| a.at == b.at) {
        let is_covered = |form: &&Reading| suggested.last().is_some_and(|last| last.span.overlaps(form.span));
        if !of_address.iter().any(is_covered) {
            suggested.extend(likeliest(of_address, &numbers));
        }
    }
    suggested.extend(texts);
    suggested.sort_by_key(|form| form.span.start);
    suggested
}

/// The longest texts, as far as they do not lie over each other.
fn texts(readings: &[Reading]) -> Vec<&Reading> {
    let is_number = |text: &Reading| {
        let mut others = readings.iter().filter(|form| form.is_plausible);
        others.any(|form| saved_digits(form) > CLEARLY && form.span.overlaps(text.span))
    };
    let mut texts: Vec<&Reading> = readings
        .iter()
        .filter(|form| form.is_plausible && is_text(form) && !is_number(form))
        .collect();
    let length = |text: &Reading| match &text.value {
        Ok(Value::Text(text)) => text.len(),
        _ => 0,
    };
    texts.sort_by_key(|text| std::cmp::Reverse(length(text)));
    let mut taken: Vec<&Reading> = Vec::new();
    for text in texts {
        if !taken.iter().any(|other| other.span.overlaps(text.span)) {
            taken.push(text);
        }
    }
    taken
}

fn is_text(form: &Reading) -> bool {
    matches!(form.value, Ok(Value::Text(_)))
}

/// Of the forms of one address, the one to believe; none that lies over a number behind it with clearly fewer digits.
fn likeliest<'r>(of_address: &[&'r Reading], numbers: &[&Reading]) -> Option<&'r Reading> {
    let is_worse_than_a_later_one = |form: &Reading| {
        numbers.iter().any(|later| {
            later.span.start > form.span.start
                && later.span.overlaps(form.span)
                && saved_digits(later) >= saved_digits(form) + CLEARLY
        })
    };
    let by_kind = TELLING
        .iter()
        .flat_map(|kind| of_address.iter().filter(move |form| form.kind == *kind));
    by_kind
        .filter(|form| !is_worse_than_a_later_one(form))
        .copied()
        .reduce(|best, form| {
            if saved_digits(form) >= saved_digits(best) + CLEARLY {
                form
            } else {
                best
            }
        })
}

/// How many of the digits that a float of its width can have this one does without.
fn saved_digits(form: &Reading) -> usize {
    let most: usize = match &*form.kind {
        "f64" => 17,
        "f32" => 9,
        _ => return 0,
    };
    let Ok(Value::Float(number)) = form.value else { return 0 };
    let written = format!("{number:e}");
    let digits = written.split('e').next().unwrap_or_default();
    most.saturating_sub(digits.bytes().filter(u8::is_ascii_digit).count())
}

#[cfg(test)]
mod tests {
    use super::super::super::address::Area;
    use super::super::super::decode::Answer;
    use super::super::super::plan::Span;
    use super::super::readings;
    use super::*;

    fn suggested(registers: &[u16]) -> Vec<String> {
        let block = Span {
            area: Area::Holding,
            start: 0,
            count: u16::try_from(registers.len()).expect("a few"),
        };
        let readings = readings(block, &Answer::Registers(registers.to_vec()));
        suggest(&readings).into_iter().map(Reading::setting).collect()
    }

    #[test]
    fn a_text_goes_ahead_of_the_floats_that_its_characters_are() {
        // "SDM630-MT", and a float behind it.
        let registers = [0x5344, 0x4D36, 0x3330, 0x2D4D, 0x5400, 0x4366, 0x199A];
        assert_eq!(
            suggested(&registers),
            [
                "{ at = \"holding:0\", type = \"string:9\" }",
                "{ at = \"holding:5\", type = \"f32\" }"
            ]
        );
        assert_eq!(
            suggested(&[0x4133, 0x3333]),
            ["{ at = \"holding:0\", type = \"f32\" }"],
            "11.2, whose characters are A333"
        );
        let spread: Vec<u16> = "LINE4".bytes().map(u16::from).collect();
        assert_eq!(
            suggested(&spread),
            ["{ at = \"holding:0\", type = \"string:5\", order = \"lower\" }"]
        );
    }

    #[test]
    fn a_double_is_not_taken_two_registers_too_early() {
        // 230.1 as a double behind two registers with which its first half is a plausible one, too.
        let [a, b, c, d] = [0x406C, 0xC333, 0x3333, 0x3333];
        assert_eq!(
            suggested(&[0x4059, 0x1234, a, b, c, d]).last().map(String::as_str),
            Some("{ at = \"holding:2\", type = \"f64\" }")
        );
        // 230 as a double; its second register is -2 as a float.
        assert_eq!(
            suggested(&[0x406C, 0xC000, 0, 0]),
            ["{ at = \"holding:0\", type = \"f64\" }"]
        );
    }
}
