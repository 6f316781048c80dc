//! The Sparkplug B payload: a protobuf message (`org.eclipse.tahu.protobuf`), of which a host needs a dozen fields.
//!
//! A protobuf message is a row of fields: a varint of number and wire type, then the value (0: varint, 1: eight bytes,
//! 2: length and bytes, 5: four bytes). What we do not know is stepped over, as the format wants it.

use crate::record::{Fault, Value};

/// A metric can be much larger here than its few bytes on the way.
const METRICS_MAX: usize = 20_000;

#[derive(Debug, Default, PartialEq)]
pub struct Payload {
    /// Milliseconds since 1970.
    pub timestamp: Option<u64>,
    pub metrics: Vec<Metric>,
    pub seq: Option<u64>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Metric {
    pub name: Option<String>,
    pub alias: Option<u64>,
    pub timestamp: Option<u64>,
    pub datatype: Option<u64>,
    pub is_historical: bool,
    is_null: bool,
    /// The property `Quality`: 192 good, 500 stale, 0 bad.
    quality: Option<u64>,
    value: Option<Raw>,
}

/// A value as it travels; what it means is told by the datatype.
#[derive(Debug, Clone, PartialEq)]
enum Raw {
    Integer(u64),
    Float(f32),
    Double(f64),
    Boolean(bool),
    Text(String),
    /// Bytes, data sets, templates: nothing that a point could be.
    Other,
}

enum Field<'b> {
    Varint(u64),
    Eight(u64),
    Bytes(&'b [u8]),
    Four(u32),
}

struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    /// The next field with its number; nothing at the end.
    fn next(&mut self) -> Result<Option<(u64, Field<'b>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let read = self.varint().and_then(|key| {
            let field = match key & 7 {
                0 => Field::Varint(self.varint()?),
                1 => Field::Eight(u64::from_le_bytes(self.take_array()?)),
                2 => {
                    let length = usize::try_from(self.varint()?).ok()?;
                    Field::Bytes(self.take(length)?)
                }
                5 => Field::Four(u32::from_le_bytes(self.take_array()?)),
                _ => return None,
            };
            Some((key >> 3, field))
        });
        read.map(Some).ok_or_else(|| "not a Sparkplug B payload".to_owned())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for nth in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7F) << (7 * nth);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "a text that is not UTF-8".to_owned())?;
    Ok(text.to_owned())
}

impl Payload {
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut payload = Self::default();
        let mut fields = Fields(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (1, Field::Varint(timestamp)) => payload.timestamp = Some(timestamp),
                (2, Field::Bytes(_)) if payload.metrics.len() >= METRICS_MAX => {
                    return Err(format!("more than {METRICS_MAX} metrics"));
                }
                (2, Field::Bytes(metric)) => payload.metrics.push(Metric::read(metric)?),
                (3, Field::Varint(seq)) => payload.seq = Some(seq),
                _ => {}
            }
        }
        Ok(payload)
    }

    /// The integer of a metric that is looked for by name.
    pub fn integer(&self, name: &str) -> Option<u64> {
        let metric = self
            .metrics
            .iter()
            .find(|metric| metric.name.as_deref() == Some(name))?;
        match metric.value {
            Some(Raw::Integer(value)) => Some(value),
            _ => None,
        }
    }
}

impl Metric {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut metric = Self::default();
        let mut fields = Fields(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (1, Field::Bytes(name)) => metric.name = Some(text(name)?),
                (2, Field::Varint(alias)) => metric.alias = Some(alias),
                (3, Field::Varint(timestamp)) => metric.timestamp = Some(timestamp),
                (4, Field::Varint(datatype)) => metric.datatype = Some(datatype),
                (5, Field::Varint(flag)) => metric.is_historical = flag != 0,
                (7, Field::Varint(flag)) => metric.is_null = flag != 0,
                (9, Field::Bytes(properties)) => metric.quality = quality(properties)?,
                (10 | 11, Field::Varint(integer)) => metric.value = Some(Raw::Integer(integer)),
                (12, Field::Four(bits)) => metric.value = Some(Raw::Float(f32::from_bits(bits))),
                (13, Field::Eight(bits)) => metric.value = Some(Raw::Double(f64::from_bits(bits))),
                (14, Field::Varint(flag)) => metric.value = Some(Raw::Boolean(flag != 0)),
                (15, Field::Bytes(bytes)) => metric.value = Some(Raw::Text(text(bytes)?)),
                (16..=19, _) => metric.value = Some(Raw::Other),
                _ => {}
            }
        }
        Ok(metric)
    }

    /// The value by its datatype, which the birth told.
    pub fn value(&self, datatype: Option<u64>) -> Result<Value, Fault> {
        let invalid = |reason: &str| Err(Fault::Invalid(reason.to_owned()));
        match self.quality {
            Some(0) => return invalid("the edge node calls it bad"),
            Some(500) => return Err(Fault::Silent("the edge node calls it stale")),
            _ => {}
        }
        let raw = match &self.value {
            Some(raw) if !self.is_null => raw,
            _ => return invalid("null"),
        };
        match raw {
            Raw::Other => invalid("not a single value"),
            Raw::Float(float) if !float.is_finite() => invalid("not a number"),
            Raw::Double(double) if !double.is_finite() => invalid("not a number"),
            Raw::Text(text) if matches!(datatype.or(self.datatype), None | Some(0 | 12 | 14 | 15)) => {
                Value::text(text.clone())
            }
            raw => {
                let datatype = datatype.or(self.datatype).unwrap_or(0);
                let unfit = || Fault::Invalid(format!("{raw} does not fit {}", name_of(datatype)));
                raw.fit(datatype).ok_or_else(unfit)
            }
        }
    }
}

/// The names of datatypes, in their order.
const DATATYPES: [&str; 20] = [
    "Unknown", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float", "Double", "Boolean",
    "String", "DateTime", "Text", "UUID", "DataSet", "Bytes", "File", "Template",
];

fn name_of(datatype: u64) -> String {
    let place = usize::try_from(datatype).ok();
    let name = place.and_then(|place| DATATYPES.get(place));
    name.map_or_else(|| format!("the datatype {datatype}"), ToString::to_string)
}

impl Raw {
    /// The number or truth that it is, if it is one of its datatype.
    fn fit(&self, datatype: u64) -> Option<Value> {
        match (datatype, self) {
            (0 | 13, Self::Integer(integer)) => Some(unsigned(*integer)),
            (1..=4, Self::Integer(integer)) => signed(*integer, 8 << (datatype - 1)).map(Value::Int),
            (5..=8, Self::Integer(integer)) => {
                let unused_bits = 64 - (8 << (datatype - 5));
                (*integer <= u64::MAX >> unused_bits).then(|| unsigned(*integer))
            }
            // Booleans as integers are seen in the field.
            (11, Self::Integer(integer @ (0 | 1))) => Some(Value::Bool(*integer == 1)),
            (0 | 11, Self::Boolean(flag)) => Some(Value::Bool(*flag)),
            // The shortest number that is this float: 0.1, not 0.10000000149011612.
            (0 | 9 | 10, Self::Float(float)) => {
                Some(Value::Float(float.to_string().parse().unwrap_or(f64::from(*float))))
            }
            (0 | 9 | 10, Self::Double(double)) => Some(Value::Float(*double)),
            _ => None,
        }
    }
}

/// What does not fit, as it is told.
impl std::fmt::Display for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Float(float) => float.fmt(f),
            Self::Double(double) => double.fmt(f),
            Self::Boolean(flag) => flag.fmt(f),
            Self::Text(_) => f.write_str("a text"),
            Self::Other => f.write_str("what is not a single value"),
        }
    }
}

fn unsigned(integer: u64) -> Value {
    i64::try_from(integer).map_or(Value::Uint(integer), Value::Int)
}

/// Negative numbers travel as the two's complement of their width; some senders fill their field with it, 32 bits or 64.
fn signed(integer: u64, width_bits: u64) -> Option<i64> {
    let unused_bits = 64 - width_bits;
    let value = (integer << unused_bits).cast_signed() >> unused_bits;
    let is_cut_to = |bits: u64| value.cast_unsigned() << (64 - bits) >> (64 - bits) == integer;
    [width_bits, 32, 64].into_iter().any(is_cut_to).then_some(value)
}

/// The property `Quality` of a property set: names and values are two rows side by side.
fn quality(bytes: &[u8]) -> Result<Option<u64>, String> {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Field::Bytes(name)) => names.push(name),
            (2, Field::Bytes(value)) => values.push(value),
            _ => {}
        }
    }
    let place = names.iter().position(|name| name.eq_ignore_ascii_case(b"quality"));
    let Some(value) = place.and_then(|place| values.get(place)) else {
        return Ok(None);
    };
    let mut fields = Fields(value);
    while let Some(field) = fields.next()? {
        if let (3 | 4, Field::Varint(quality)) = field {
            return Ok(Some(quality));
        }
    }
    Ok(None)
}

/// What asks an edge node to be born again: `Node Control/Rebirth` = true.
pub fn rebirth(timestamp_ms: u64) -> Vec<u8> {
    let mut payload = vec![0x08];
    let mut left = timestamp_ms;
    loop {
        let [low, ..] = left.to_le_bytes();
        left >>= 7;
        if left == 0 {
            payload.push(low);
            break;
        }
        payload.push(low | 0x80);
    }
    // A metric of 26 bytes: a name of 20, the datatype Boolean, true.
    payload.extend_from_slice(b"\x12\x1A\x0A\x14Node Control/Rebirth\x20\x0B\x70\x01");
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(raw: Raw, datatype: u64) -> Result<Value, Fault> {
        let metric = Metric {
            value: Some(raw),
            ..Metric::default()
        };
        metric.value(Some(datatype))
    }

    #[test]
    fn what_we_ask_is_what_we_would_read() {
        let read = Payload::read(&rebirth(1_795_219_200_123)).expect("reads");
        assert_eq!(read.timestamp, Some(1_795_219_200_123));
        assert_eq!(read.metrics[0].name.as_deref(), Some("Node Control/Rebirth"));
        assert_eq!(read.metrics[0].value(None), Ok(Value::Bool(true)));
    }

    #[test]
    fn a_value_is_one_of_its_datatype() {
        for (raw, datatype, expected) in [
            (0xFFFF_FFFF, 1, Value::Int(-1)),
            (0xFF, 1, Value::Int(-1)),
            (0x88, 1, Value::Int(-120)),
            (u64::MAX, 2, Value::Int(-1)),
            (255, 5, Value::Int(255)),
            (0x8000, 2, Value::Int(-32768)),
            (0xFFFF_FFFE, 3, Value::Int(-2)),
            (u64::MAX, 4, Value::Int(-1)),
            (0xFFFF_FFFF, 7, Value::Int(0xFFFF_FFFF)),
            (u64::MAX, 8, Value::Uint(u64::MAX)),
            (1, 11, Value::Bool(true)),
        ] {
            assert_eq!(value(Raw::Integer(raw), datatype), Ok(expected), "{raw} {datatype}");
        }
        for (raw, datatype, reason) in [
            (Raw::Integer(5000), 1, "5000 does not fit Int8"),
            (Raw::Integer(0x1_0000), 2, "65536 does not fit Int16"),
            (Raw::Integer(5000), 5, "5000 does not fit UInt8"),
            (Raw::Integer(0xFFFF_FFFF), 6, "4294967295 does not fit UInt16"),
            (Raw::Double(2.5), 5, "2.5 does not fit UInt8"),
            (Raw::Boolean(true), 5, "true does not fit UInt8"),
            (Raw::Text("5".to_owned()), 3, "a text does not fit Int32"),
            (Raw::Integer(2), 11, "2 does not fit Boolean"),
            (Raw::Integer(2), 9, "2 does not fit Float"),
            (Raw::Integer(2), 99, "2 does not fit the datatype 99"),
        ] {
            assert_eq!(value(raw, datatype), Err(Fault::Invalid(reason.to_owned())));
        }
        assert_eq!(
            value(Raw::Double(2.5), 0),
            Ok(Value::Float(2.5)),
            "no birth tells what it is"
        );
        assert_eq!(value(Raw::Float(0.1), 9), Ok(Value::Float(0.1)));
        assert!(value(Raw::Double(f64::NAN), 10).is_err());
        assert!(value(Raw::Other, 16).is_err());
    }

    #[test]
    fn a_quality_among_the_properties_is_believed() {
        // Properties { keys: ["engUnit", "Quality"], values: ["C", 500 as Int32] }, then a value.
        let properties = [
            &[0x0A, 7][..],
            b"engUnit",
            &[0x0A, 7],
            b"Quality",
            &[0x12, 5, 0x08, 12, 0x42, 1, b'C'],
            &[0x12, 5, 0x08, 3, 0x18, 0xF4, 0x03],
        ]
        .concat();
        let length = u8::try_from(properties.len()).expect("short");
        let metric = [&[0x4A, length][..], &properties, &[0x20, 3, 0x50, 5]].concat();
        let metric = Metric::read(&metric).expect("reads");
        assert_eq!(metric.quality, Some(500));
        assert_eq!(metric.value(None), Err(Fault::Silent("the edge node calls it stale")));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(payload) = Payload::read(&bytes) {
                for metric in payload.metrics {
                    let _ = metric.value(None);
                }
            }
        }
    }
}
