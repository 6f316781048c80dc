//! Values with units as people write them in the configuration: `"500ms"`, `"2 GiB"`. Parsed where they stand, so that a
//! wrong one is shown at its own line. And bytes as people read them.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// A length of time: a number with `us`, `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Period(pub Duration);

impl Period {
    pub const fn from_ms(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a length of time; write a number with us, ms, s, m, h or d, such as \"500ms\"");
        let (number, unit) = split_unit(&text).ok_or_else(wrong)?;
        let unit_s = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(wrong()),
        };
        Duration::try_from_secs_f64(number * unit_s)
            .map(Self)
            .map_err(|_| wrong())
    }
}

/// An amount of memory or disk: a number with `B`, `KiB`, `MiB`, `GiB` or `TiB` (powers of 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl Size {
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a size; write a number with B, KiB, MiB, GiB or TiB, such as \"2 GiB\"");
        let (number, unit) = split_unit(&text).ok_or_else(wrong)?;
        let shift = match unit {
            "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            _ => return Err(wrong()),
        };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be within 2^52"
        )]
        {
            let bytes = number * (1_u64 << shift) as f64;
            if bytes.is_finite() && (0.0..4.5e15).contains(&bytes) {
                Ok(Self(bytes as u64))
            } else {
                Err(wrong())
            }
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        for (unit, shift) in UNITS {
            if self.0 >> shift > 0 {
                #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
                return write!(f, "{:.1} {unit}", self.0 as f64 / (1_u64 << shift) as f64);
            }
        }
        write!(f, "{} B", self.0)
    }
}

fn split_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number = text[..at].parse().ok()?;
    Some((number, text[at..].trim()))
}

/// Bytes that are no text, for people to look at.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_written() {
        for (text, ms) in [
            ("500ms", 500),
            ("1.2s", 1200),
            ("5 m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("0ms", 0),
        ] {
            assert_eq!(Period::try_from(text.to_owned()), Ok(Period::from_ms(ms)), "{text}");
        }
        for text in ["", "5", "ms", "-1s", "1 fortnight", "1e99d", "1..2s"] {
            assert!(Period::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!(Size::try_from("2 GiB".to_owned()), Ok(Size(2 << 30)));
        assert_eq!(Size::try_from("1.5KiB".to_owned()), Ok(Size(1536)));
        assert!(Size::try_from("2 GB".to_owned()).is_err());
        assert!(Size::try_from("99999999999 TiB".to_owned()).is_err());
        assert_eq!(Size(1536).to_string(), "1.5 KiB");
        assert_eq!(Size(5).to_string(), "5 B");
    }
}
