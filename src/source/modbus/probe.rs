//! What an unknown device holds: its registers in every type and byte order, and which units there are at all. Only reads.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::decode::{Answer, Decoder};
use super::link::{Link, ReadError};
use super::plan::Span;
use super::settings::{PointSettings, Settings};
use super::url::Url;
use crate::record::Value;
use crate::source::serial::on_own_thread;
use crate::status::SourceStatus;
use crate::units::Period;

/// The first and the last wire address to look at, as in `holding:0..9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range(Span);

const REGISTERS_MAX: u16 = 125;
const BITS_MAX: u16 = 2000;

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
    pub kind: &'static str,
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
        match self.kind {
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
fn readings(block: Span, answer: &Answer) -> Vec<Reading> {
    let mut readings = Vec::new();
    for offset in 0..block.count {
        let at = Span {
            start: block.start + offset,
            count: 1,
            ..block
        };
        if block.area.has_bits() {
            readings.extend(reading(at, "bool", "", answer, offset));
            continue;
        }
        for (kind, orders) in FORMS {
            readings.extend(
                orders
                    .iter()
                    .filter_map(|order| reading(at, kind, order, answer, offset)),
            );
        }
    }
    readings
}

fn reading(at: Span, kind: &'static str, order: &'static str, answer: &Answer, offset: u16) -> Option<Reading> {
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
        is_plausible: value.as_ref().is_ok_and(|value| is_plausible(kind, value)),
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

/// The more telling a form is, the sooner it is believed: few registers make a plausible double by chance.
const TELLING: [&str; 7] = ["bool", "f64", "f32", "u16", "i16", "u32", "i32"];

/// One form for each value, from the lowest address up; what it covers is not told again.
pub fn suggest(readings: &[Reading]) -> Vec<&Reading> {
    let mut suggested: Vec<&Reading> = Vec::new();
    for of_address in readings.chunk_by(|a, b| a.at == b.at) {
        let is_covered = of_address.first().is_some_and(|first| {
            let last = suggested.last();
            last.is_some_and(|last| last.span.overlaps(first.span))
        });
        if is_covered {
            continue;
        }
        let likely = |kind: &&str| of_address.iter().find(|form| form.is_plausible && form.kind == *kind);
        suggested.extend(TELLING.iter().find_map(likely));
    }
    suggested
}

/// A connection to look at devices with.
pub struct Probe {
    settings: Settings,
}

impl Probe {
    pub fn new(url: Url, timeout: Duration) -> Self {
        Self {
            settings: Settings {
                url,
                timeout: Period(timeout),
                connect_delay: Period::from_ms(0),
                request_gap: Period::from_ms(0),
                writable: Vec::new(),
                device: std::collections::BTreeMap::new(),
            },
        }
    }

    /// Reads a range of one unit once.
    pub async fn read(&self, unit: u8, range: Range) -> Result<Vec<Reading>, String> {
        let block = range.0;
        let answer = self.on_link(async move |link| ask(link, unit, block).await).await??;
        Ok(readings(block, &answer))
    }

    /// Which of these units answer, be it with a refusal; `seen` is told of each that was asked.
    pub async fn scan(
        &self,
        units: RangeInclusive<u8>,
        range: Range,
        seen: impl Fn(u8, Result<(), String>) + Send + Sync + 'static,
    ) -> Result<(), String> {
        self.on_link(async move |link| {
            let status = SourceStatus::default();
            for unit in units {
                match link.read(unit, range.0, link.timeout(), &status).await {
                    Ok(_) | Err(ReadError::Malformed(_)) => seen(unit, Ok(())),
                    Err(ReadError::Exception(exception)) if exception.is_from_device() => seen(unit, Ok(())),
                    Err(ReadError::LinkDown(cause)) => {
                        return Err(status.view().last_error.unwrap_or_else(|| cause.to_owned()));
                    }
                    Err(error) => seen(unit, Err(error.to_string())),
                }
            }
            Ok(())
        })
        .await?
    }

    /// A serial line is only used on a thread of its own.
    async fn on_link<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Link) -> T + Send + 'static,
    ) -> Result<T, String> {
        let mut link = Link::new(&self.settings);
        if !self.settings.url.is_serial() {
            return Ok(work(&mut link).await);
        }
        on_own_thread("probe", async move || work(&mut link).await).await
    }
}

async fn ask(link: &mut Link, unit: u8, block: Span) -> Result<Answer, String> {
    let status = SourceStatus::default();
    let answer = link.read(unit, block, link.timeout(), &status).await;
    answer.map_err(|error| match error {
        ReadError::LinkDown(cause) => status.view().last_error.unwrap_or_else(|| cause.to_owned()),
        error => format!("unit {unit}, {block}: {error}"),
    })
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
