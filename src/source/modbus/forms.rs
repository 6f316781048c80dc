//! What registers may mean: every type and byte order side by side, the plausible ones marked. For `probe`, which opens a
//! connection of its own, and for looks over a connection that is in use. Pure.

mod likely;
mod texts;

use std::borrow::Cow;

pub use likely::suggest;

use super::decode::{Answer, Decoder};
use super::plan::Span;
use super::settings::PointSettings;
use crate::looks::{Form, Seen};
use crate::record::Value;

/// The first and the last wire address to look at, as in `holding:0..9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range(pub(super) Span);

const REGISTERS_MAX: u16 = 125;
const BITS_MAX: u16 = 2000;

impl Range {
    /// By its table, the first address, and how many there are.
    pub fn of(table: &str, from: u16, count: u16) -> Result<Self, String> {
        let last = (u32::from(from) + u32::from(count)).checked_sub(1);
        let last = last.ok_or_else(|| "a look is at one address at least".to_owned())?;
        format!("{table}:{from}..{last}").parse()
    }
}

impl std::str::FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text
            .split_once("..")
            .map_or((text, None), |(first, last)| (first, Some(last)));
        let at = super::address::At::try_from(first.to_owned())?;
        let last = match last {
            Some(last) => last
                .parse()
                .map_err(|_| format!("`{last}` is not the last wire address; write holding:0..9"))?,
            None => at.address,
        };
        let max = if at.area.has_bits() { BITS_MAX } else { REGISTERS_MAX };
        let count = u32::from(last).checked_sub(u32::from(at.address)).map(|span| span + 1);
        match count.and_then(|count| u16::try_from(count).ok()) {
            Some(count) if count <= max && at.bits.is_none() => Ok(Self(Span {
                area: at.area,
                start: at.address,
                count,
            })),
            _ => Err(format!(
                "`{text}` is not a range of 1 to {max} addresses; write holding:0..9"
            )),
        }
    }
}

/// One way to understand what lies at an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub at: String,
    span: Span,
    pub kind: Cow<'static, str>,
    pub order: &'static str,
    pub value: Result<Value, String>,
    /// A value that a machine may well have.
    pub is_plausible: bool,
}

impl Reading {
    /// As it stands below `points` in the configuration.
    pub fn setting(&self) -> String {
        let order = match self.order {
            "AB" | "ABCD" | "ABCDEFGH" | "" => String::new(),
            order => format!(", order = \"{order}\""),
        };
        match &*self.kind {
            "bool" => format!("{{ at = \"{}\" }}", self.at),
            kind => format!("{{ at = \"{}\", type = \"{kind}\"{order} }}", self.at),
        }
    }
}

const ORDERS_16: &[&str] = &["AB", "BA"];
const ORDERS_32: &[&str] = &["ABCD", "CDAB", "BADC", "DCBA"];
const ORDERS_64: &[&str] = &[
    "ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA", "CDABGHEF", "DCBAHGFE", "EFGHABCD", "FEHGBADC",
];
const FORMS: &[(&str, &[&str])] = &[
    ("u16", ORDERS_16),
    ("i16", ORDERS_16),
    ("bcd16", ORDERS_16),
    ("u32", ORDERS_32),
    ("i32", ORDERS_32),
    ("f32", ORDERS_32),
    ("bcd32", ORDERS_32),
    ("u64", ORDERS_64),
    ("i64", ORDERS_64),
    ("f64", ORDERS_64),
];

/// Every address in every form that fits into what was read.
pub(super) fn readings(block: Span, answer: &Answer) -> Vec<Reading> {
    let mut readings = Vec::new();
    for offset in 0..block.count {
        let at = Span {
            start: block.start + offset,
            count: 1,
            ..block
        };
        if block.area.has_bits() {
            readings.extend(reading(at, "bool".into(), "", answer, offset));
            continue;
        }
        for (kind, orders) in FORMS {
            readings.extend(
                orders
                    .iter()
                    .filter_map(|order| reading(at, (*kind).into(), order, answer, offset)),
            );
        }
        let texts = texts::beginning_at(answer, offset);
        readings.extend(texts.filter_map(|(chars, order)| {
            let kind = format!("string:{chars}");
            reading(at, kind.into(), order, answer, offset)
        }));
    }
    readings
}

fn reading(at: Span, kind: Cow<'static, str>, order: &'static str, answer: &Answer, offset: u16) -> Option<Reading> {
    let at = at.to_string();
    let mut written = serde_json::json!({"at": at, "type": kind});
    if !order.is_empty() {
        written["order"] = order.into();
    }
    let settings: PointSettings = serde_json::from_value(written).expect("every form is one that settings have");
    let span = settings.span();
    let length = match answer {
        Answer::Registers(registers) => registers.len(),
        Answer::Bits(bits) => bits.len(),
    };
    if usize::from(offset) + usize::from(span.count) > length {
        return None;
    }
    let value = Decoder::new(&settings).decode(answer, offset);
    let value = value.map_err(|fault| match fault {
        crate::record::Fault::Silent(cause) => cause.to_owned(),
        crate::record::Fault::Invalid(why) => why,
    });
    Some(Reading {
        is_plausible: value.as_ref().is_ok_and(|value| is_plausible(&kind, value)),
        at,
        span,
        kind,
        order,
        value,
    })
}

/// Machines seldom count beyond these; a wrong order makes numbers far beyond them, or next to nothing.
const FLOAT_LEAST: f64 = 1e-3;
const MOST: f64 = 1e7;
const NARROW_MOST: f64 = 1e4;

fn is_plausible(kind: &str, value: &Value) -> bool {
    if let Value::Text(text) = value {
        return texts::is_plausible(text);
    }
    let Some(number) = value.as_f64() else {
        return false;
    };
    match kind {
        "bool" => true,
        "f32" | "f64" => (FLOAT_LEAST..MOST).contains(&number.abs()),
        // A small number fills the lower register only, which reads as well alone.
        "u32" => (65536.0..MOST).contains(&number),
        "u16" => number > 0.0 && number <= NARROW_MOST,
        // What is not negative reads as well without a sign.
        "i16" => (-NARROW_MOST..0.0).contains(&number),
        "i32" => (-MOST..0.0).contains(&number),
        // Almost anything could be BCD or 64 bits wide.
        _ => false,
    }
}

/// What was read, for who sees it elsewhere.
pub fn seen(range: Range, answer: &Answer) -> Seen {
    let readings = readings(range.0, answer);
    let likely = suggest(&readings);
    let forms = readings.iter().map(|reading| Form {
        at: reading.at.clone(),
        kind: reading.kind.clone(),
        order: reading.order,
        text: shown(&reading.value),
        reason: reading.value.as_ref().err().cloned(),
        plausible: reading.is_plausible,
        suggested: likely.iter().any(|one| std::ptr::eq(*one, reading)),
        setting: reading.setting(),
    });
    let words = match answer {
        Answer::Registers(registers) => registers.clone(),
        // A whole number of bytes comes; what is beyond the count means nothing.
        Answer::Bits(bits) => bits
            .iter()
            .take(range.0.count.into())
            .map(|bit| u16::from(*bit))
            .collect(),
    };
    Seen {
        range: range.0.to_string(),
        words,
        forms: forms.collect(),
    }
}

/// A value as people read it.
pub fn shown(value: &Result<Value, String>) -> String {
    match value {
        Ok(Value::Bool(bit)) => bit.to_string(),
        Ok(Value::Int(number)) => number.to_string(),
        Ok(Value::Uint(number)) => number.to_string(),
        Ok(Value::Float(number)) if number.abs() >= 1e16 || (*number != 0.0 && number.abs() < 1e-6) => {
            format!("{number:e}")
        }
        Ok(Value::Float(number)) => number.to_string(),
        Ok(Value::Text(text)) => text.clone(),
        Err(_) => "—".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::Area;
    use super::*;

    fn range(text: &str) -> Result<String, String> {
        text.parse().map(|Range(span)| span.to_string())
    }

    #[test]
    fn ranges_are_read_as_they_are_shown() {
        for text in ["holding:0..9", "input:65535", "coil:0..1999", "holding:3"] {
            assert_eq!(range(text).as_deref(), Ok(text));
        }
        for text in [
            "40001",
            "holding:9..0",
            "holding:0..125",
            "holding:0..x",
            "holding:5.3",
            "holding:0..65536",
        ] {
            assert!(range(text).is_err(), "{text}");
        }
        assert!(range("40001").is_err_and(|e| e.contains("holding:0")));
    }

    #[test]
    fn registers_are_shown_in_every_form_and_the_likely_ones_marked() {
        let block = Span {
            area: Area::Holding,
            start: 0,
            count: 2,
        };
        // 230.1 as a float, low word first.
        let readings = readings(block, &Answer::Registers(vec![0x199A, 0x4366]));
        assert_eq!(
            readings.len(),
            6 + 16 + 6,
            "a register alone, both together, the last alone"
        );
        let likely: Vec<String> = suggest(&readings).into_iter().map(Reading::setting).collect();
        assert_eq!(likely, ["{ at = \"holding:0\", type = \"f32\", order = \"CDAB\" }"]);
        let float = readings
            .iter()
            .find(|r| r.kind == "f32" && r.order == "CDAB")
            .expect("the form");
        assert_eq!(float.value, Ok(Value::Float(230.1)));
    }

    #[test]
    fn bits_are_shown_as_such() {
        let block = Span {
            area: Area::Coil,
            start: 7,
            count: 2,
        };
        let readings = readings(block, &Answer::Bits(vec![true, false, false]));
        let settings: Vec<String> = readings.iter().map(Reading::setting).collect();
        assert_eq!(settings, ["{ at = \"coil:7\" }", "{ at = \"coil:8\" }"]);
        assert_eq!(readings[0].value, Ok(Value::Bool(true)));
    }
}
