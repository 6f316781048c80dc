//! Times as exports write them: RFC 3339 and its relatives, with a zone or without (then UTC), or seconds, milliseconds,
//! microseconds or nanoseconds since 1970.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::record::Timestamp;

const LOCAL_FORMATS: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
];
const ZONED_FORMATS: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"];
/// Seconds below this are before the year 5138; what is larger counts something smaller.
const EPOCH_S_MAX: f64 = 1e11;

pub fn read(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<f64>() {
        return epoch(number);
    }
    let text = text.replace('/', "-");
    if let Ok(at) = DateTime::parse_from_rfc3339(&text) {
        return Some(at.to_utc());
    }
    if let Some(at) = ZONED_FORMATS
        .iter()
        .find_map(|format| DateTime::parse_from_str(&text, format).ok())
    {
        return Some(at.to_utc());
    }
    let local = LOCAL_FORMATS
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok());
    let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    Some(local.or_else(day)?.and_utc())
}

fn epoch(number: f64) -> Option<Timestamp> {
    if !number.is_finite() {
        return None;
    }
    let mut seconds = number;
    while seconds.abs() >= EPOCH_S_MAX {
        seconds /= 1000.0;
    }
    // Microseconds are as fine as a float is at this distance from 1970.
    #[allow(clippy::cast_possible_truncation, reason = "below 1e11 seconds it fits 63 bits")]
    DateTime::from_timestamp_micros((seconds * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_one_instant_is_the_same() {
        for text in [
            "2014-04-01T06:30:00Z",
            "2014-04-01 06:30:00",
            "2014/04/01 06:30",
            "2014-04-01T08:30:00+02:00",
            "2014-04-01 14:30:00.000+0800",
            "1396333800",
            "1396333800000",
            "1396333800000000",
            "1396333800000000000",
        ] {
            let at = read(text).unwrap_or_else(|| panic!("{text} is a time"));
            assert_eq!(at.to_rfc3339(), "2014-04-01T06:30:00+00:00", "{text}");
        }
        assert_eq!(
            read("2014-04-01").expect("a day").to_rfc3339(),
            "2014-04-01T00:00:00+00:00"
        );
        for text in ["", "yesterday", "2014-13-01 00:00:00", "NaN", "inf"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
