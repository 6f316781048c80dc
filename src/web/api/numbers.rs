//! Numbers of bodies. JSON has one kind of them: 12.0 is as whole as 12.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Number;

/// The largest that every reader of JSON knows exactly.
pub const WHOLE_MAX: u64 = (1 << 53) - 1;

/// For `deserialize_with`: a whole number, not negative, however it is written.
pub fn whole<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let written = number.as_f64().filter(|value| value.fract() == 0.0);
    let whole = number.as_u64().or_else(|| format!("{:.0}", written?).parse().ok());
    whole
        .filter(|whole| *whole <= WHOLE_MAX)
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| D::Error::custom(format!("{number} is not a whole number that can be meant here")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_taken_however_they_are_written_and_nothing_else() {
        let read = |text: &str| whole::<_, u16>(&mut serde_json::Deserializer::from_str(text)).ok();
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1.2e1", Some(12)),
            ("65535", Some(65535)),
            ("65536", None),
            ("12.5", None),
            ("-1", None),
            ("-1.0", None),
            ("1e300", None),
            ("\"12\"", None),
            ("null", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let largest = |text: &str| whole::<_, u64>(&mut serde_json::Deserializer::from_str(text)).ok();
        assert_eq!(largest("9007199254740991"), Some(WHOLE_MAX));
        assert_eq!(largest("9007199254740992"), None);
    }
}
