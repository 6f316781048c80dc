//! From when to when a certificate is valid, read off its DER: the library checks that of others, not of our own.
//!
//! `Certificate ::= SEQUENCE { tbs SEQUENCE { [0] version?, serial, algorithm, issuer, validity SEQUENCE { Time, Time }, … } }`

use chrono::{DateTime, NaiveDateTime, Utc};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The first and the last moment; nothing where the bytes are no certificate.
pub fn of(certificate: &[u8]) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    (rest, _) = element(rest, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        (_, rest) = element(rest, VERSION)?;
    }
    // Serial, algorithm, issuer.
    for _ in 0..3 {
        (_, rest) = element(rest, *rest.first()?)?;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    let (to, _) = time(rest)?;
    Some((from, to))
}

/// What is in the element, and what is behind it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = bytes else {
        return None;
    };
    if *found != tag {
        return None;
    }
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if digits.len() > size_of::<u32>() {
            return None;
        }
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}

fn time(bytes: &[u8]) -> Option<(DateTime<Utc>, &[u8])> {
    let tag = *bytes.first()?;
    let (text, rest) = element(bytes, tag)?;
    let text = std::str::from_utf8(text).ok()?;
    let text = match tag {
        // Two digits of the year: 50 to 99 are of the last century.
        UTC_TIME => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some((time.and_utc(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).expect("short");
        [&[tag, 0x82][..], &length.to_be_bytes(), content].concat()
    }

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        let times = [
            wrapped(UTC_TIME, b"260101000000Z"),
            wrapped(GENERALIZED_TIME, b"20510203040506Z"),
        ]
        .concat();
        let serial_to_issuer = [wrapped(2, &[7]), wrapped(SEQUENCE, &[]), wrapped(SEQUENCE, b"issuer")].concat();
        for version in [wrapped(VERSION, &wrapped(2, &[2])), Vec::new()] {
            let tbs = [version, serial_to_issuer.clone(), wrapped(SEQUENCE, &times), vec![5, 0]].concat();
            let certificate = wrapped(SEQUENCE, &wrapped(SEQUENCE, &tbs));
            let (from, to) = of(&certificate).expect("a certificate");
            assert_eq!(from.to_rfc3339(), "2026-01-01T00:00:00+00:00");
            assert_eq!(to.to_rfc3339(), "2051-02-03T04:05:06+00:00");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            of(&bytes);
        }
    }
}
