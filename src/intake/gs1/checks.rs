//! What must hold for a part of a value: its characters, and what it stands for. Each check gives the stable name of what
//! is wrong. Checks of meaning come after the check of characters, but none relies on it.

use super::{codes, coupon};

pub type Outcome = Result<(), &'static str>;
pub type Check = fn(&[u8]) -> Outcome;

/// The 82 characters of element strings, in the order of their weight in a check pair.
const SET_82: &[u8] = br#"!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"#;
/// The characters of a check pair, in the order of their value.
const SET_32: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// The shortest company prefix.
const PREFIX_DIGITS_MIN: usize = 4;
/// An IBAN has more characters than this.
const IBAN_LENGTH_MIN: usize = 10;

/// The check of the characters that a part may have.
pub fn of_set(letter: &str) -> Option<Check> {
    Some(match letter {
        "n" => digits,
        "x" => |data| all(data, |byte| SET_82.contains(&byte), "INVALID_CSET82_CHARACTER"),
        "y" => |data| all(data, is_of_set_39, "INVALID_CSET39_CHARACTER"),
        "z" => signature,
        _ => return None,
    })
}

/// The check that the table calls by this name.
pub fn named(name: &str) -> Option<Check> {
    Some(match name {
        "csum" => check_digit,
        "checkpair" => check_pair,
        "gcp1" => company_prefix,
        "gcp2" => |data| company_prefix(data.get(1..).unwrap_or_default()),
        "yymmdd" => |data| date(data, 2, false),
        "yymmd0" => |data| date(data, 2, true),
        "yyyymmdd" => |data| date(data, 4, false),
        "hh" => |data| at_most(data, 23, "ILLEGAL_HOUR"),
        "mi" => |data| at_most(data, 59, "ILLEGAL_MINUTE"),
        "ss" => |data| at_most(data, 59, "ILLEGAL_SECOND"),
        "hhmi" => hour_and_minute,
        "country" => |data| in_list(data, codes::COUNTRIES, "NOT_ISO3166"),
        "country999" => country_or_999,
        "country2" => |data| in_list(data, codes::COUNTRY_LETTERS, "NOT_ISO3166_ALPHA2"),
        "currency" => |data| in_list(data, codes::CURRENCIES, "NOT_ISO4217"),
        "package" => |data| in_list(data, codes::PACKAGES, "INVALID_PACKAGE_TYPE"),
        "media" => media,
        "sex" => |data| all(data, |byte| b"0129".contains(&byte), "INVALID_BIOLOGICAL_SEX_CODE"),
        "yesno" => |data| all(data, |byte| b"01".contains(&byte), "NOT_ZERO_OR_ONE"),
        "winding" => |data| all(data, |byte| b"019".contains(&byte), "INVALID_WINDING_DIRECTION"),
        "zero" => |data| all(data, |byte| byte == b'0', "NOT_ZERO"),
        "hyphen" => |data| all(data, |byte| byte == b'-', "NOT_HYPHEN"),
        "importer" => |data| all(data, is_of_set_64, "INVALID_IMPORT_IDX_CHARACTER"),
        "nonzero" => |data| fail_if(data.iter().all(|byte| *byte == b'0'), "ILLEGAL_ZERO_VALUE"),
        "nozeroprefix" => |data| fail_if(data.starts_with(b"0"), "ILLEGAL_ZERO_PREFIX"),
        "nondigit" => |data| fail_if(data.iter().all(u8::is_ascii_digit), "REQUIRES_NON_DIGIT_CHARACTER"),
        "piece" => piece_of_total,
        "sequence" => place_in_sequence,
        "percent" => percent,
        "latitude" => |data| at_most(data, 1_800_000_000, "INVALID_LATITUDE"),
        "longitude" => |data| at_most(data, 3_600_000_000, "INVALID_LONGITUDE"),
        "iban" => iban,
        "coupon" => coupon::coupon,
        "offer" => coupon::offer,
        _ => return None,
    })
}

fn fail_if(is_wrong: bool, code: &'static str) -> Outcome {
    if is_wrong { Err(code) } else { Ok(()) }
}

fn all(data: &[u8], is_right: impl Fn(u8) -> bool, code: &'static str) -> Outcome {
    fail_if(!data.iter().all(|byte| is_right(*byte)), code)
}

pub fn digits(data: &[u8]) -> Outcome {
    all(data, |byte| byte.is_ascii_digit(), "NON_DIGIT_CHARACTER")
}

fn is_of_set_39(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_uppercase() || b"#-/".contains(&byte)
}

fn is_of_set_64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}

/// Base 64 for addresses, filled up or not.
fn signature(data: &[u8]) -> Outcome {
    let bare = data.len() - data.iter().rev().take_while(|byte| **byte == b'=').count();
    let fill = data.len() - bare;
    if fill > 2 || (fill > 0 && !data.len().is_multiple_of(3)) {
        return Err("INVALID_CSET64_PADDING");
    }
    all(&data[..bare], is_of_set_64, "INVALID_CSET64_CHARACTER")
}

/// The number that the digits stand for; what is no number is larger than any.
fn number(data: &[u8]) -> u64 {
    std::str::from_utf8(data)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(u64::MAX)
}

fn at_most(data: &[u8], limit: u64, code: &'static str) -> Outcome {
    fail_if(number(data) > limit, code)
}

fn in_list(data: &[u8], list: &str, code: &'static str) -> Outcome {
    let is_listed = list.split_ascii_whitespace().any(|entry| entry.as_bytes() == data);
    fail_if(!is_listed, code)
}

/// The last digit, over those before it weighted 3 and 1 in turn from the right.
pub fn check_digit(data: &[u8]) -> Outcome {
    let sum: u32 = data
        .iter()
        .rev()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight)
        .sum();
    fail_if(!sum.is_multiple_of(10), "INCORRECT_CHECK_DIGIT")
}

/// Two characters over those before them, weighted with the prime numbers from the right.
fn check_pair(data: &[u8]) -> Outcome {
    let Some((body, pair)) = data.len().checked_sub(2).map(|length| data.split_at(length)) else {
        return Err("TOO_SHORT_FOR_CHECK_PAIR");
    };
    all(pair, |byte| SET_32.contains(&byte), "INVALID_CSET32_CHARACTER")?;
    let weight = |byte: u8| SET_82.iter().position(|other| *other == byte).unwrap_or_default();
    let is_prime = |n: &usize| (2..*n).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    let sum: usize = body
        .iter()
        .rev()
        .zip((2..).filter(is_prime))
        .map(|(byte, prime)| weight(*byte) * prime)
        .sum();
    let sum = sum % 1021;
    fail_if(pair != [SET_32[sum >> 5], SET_32[sum & 31]], "INCORRECT_CHECK_PAIR")
}

pub fn company_prefix(data: &[u8]) -> Outcome {
    let prefix = data.get(..PREFIX_DIGITS_MIN).ok_or("TOO_SHORT_FOR_GCP")?;
    all(prefix, |byte| byte.is_ascii_digit(), "INVALID_GCP_PREFIX")
}

/// Year, month, day; where it is allowed, day 00 stands for the whole month. A year 00 is 2000: every fourth year of those
/// that two digits can mean is a leap year.
pub fn date(data: &[u8], year_digits: usize, may_lack_day: bool) -> Outcome {
    let (year, month_and_day) = data.split_at(year_digits.min(data.len()));
    let (month, day) = month_and_day.split_at(2.min(month_and_day.len()));
    let (year, month, day) = (number(year), number(month), number(day));
    let is_leap = year % 4 == 0 && (year_digits == 2 || year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(is_leap),
        _ => return Err("ILLEGAL_MONTH"),
    };
    fail_if(day > days || (day == 0 && !may_lack_day), "ILLEGAL_DAY")
}

fn hour_and_minute(data: &[u8]) -> Outcome {
    let (hour, minute) = data.split_at(2.min(data.len()));
    at_most(hour, 23, "ILLEGAL_HOUR")?;
    at_most(minute, 59, "ILLEGAL_MINUTE")
}

fn country_or_999(data: &[u8]) -> Outcome {
    if data == b"999" {
        return Ok(());
    }
    in_list(data, codes::COUNTRIES, "NOT_ISO3166_OR_999")
}

/// What the carriers of patients' and staff's numbers are: wristbands and the like, and those of a nation or a house.
fn media(data: &[u8]) -> Outcome {
    fail_if(!matches!(number(data), 1..=10 | 80..=99), "INVALID_MEDIA_TYPE")
}

fn piece_of_total(data: &[u8]) -> Outcome {
    let (piece, total) = data.split_at(data.len() / 2);
    let (piece, total) = (number(piece), number(total));
    fail_if(piece == 0, "ZERO_PIECE_NUMBER")?;
    fail_if(total == 0, "ZERO_TOTAL_PIECES")?;
    fail_if(piece > total, "PIECE_NUMBER_EXCEEDS_TOTAL")
}

/// `2/3`.
fn place_in_sequence(data: &[u8]) -> Outcome {
    const MALFORMED: &str = "POSITION_IN_SEQUENCE_MALFORMED";
    let slash = data.iter().position(|byte| *byte == b'/').ok_or(MALFORMED)?;
    let (place, end) = (&data[..slash], &data[slash + 1..]);
    for part in [place, end] {
        fail_if(part.is_empty() || digits(part).is_err(), MALFORMED)?;
    }
    fail_if(place.starts_with(b"0") || end.starts_with(b"0"), "ILLEGAL_ZERO_PREFIX")?;
    fail_if(number(place) > number(end), "POSITION_EXCEEDS_END")
}

/// A percent sign begins two hexadecimal digits.
fn percent(data: &[u8]) -> Outcome {
    let is_escape =
        |rest: &[u8]| matches!(rest, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    let mut escapes = data.split(|byte| *byte == b'%').skip(1);
    fail_if(!escapes.all(is_escape), "INVALID_PERCENT_SEQUENCE")
}

/// The first four characters move to the end, letters count from 10, and the number leaves 1 when divided by 97.
fn iban(data: &[u8]) -> Outcome {
    let Some((head, body)) = data.split_at_checked(4) else {
        return Err("IBAN_TOO_SHORT");
    };
    in_list(&head[..2], codes::COUNTRY_LETTERS, "ILLEGAL_IBAN_COUNTRY_CODE")?;
    fail_if(data.len() <= IBAN_LENGTH_MIN, "IBAN_TOO_SHORT")?;
    let mut remainder = 0;
    for byte in body.iter().chain(head) {
        remainder = match byte {
            b'0'..=b'9' => remainder * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => remainder * 100 + u32::from(byte - b'A') + 10,
            _ => return Err("INVALID_IBAN_CHARACTER"),
        } % 97;
    }
    fail_if(remainder != 1, "INCORRECT_IBAN_CHECKSUM")
}
