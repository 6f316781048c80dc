//! Points in a saved state, where there are many of them: their bytes as letters, 64 to choose from, rather than digits.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

use crate::judge::spc::process::Sample;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What is kept as so many bytes.
pub trait Packed<const N: usize>: Sized {
    fn pack(&self) -> [u8; N];
    fn unpack(bytes: [u8; N]) -> Self;
}

pub fn serialize<'p, const N: usize, T, C, S>(points: &'p C, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Packed<N> + 'p,
    &'p C: IntoIterator<Item = &'p T>,
    S: Serializer,
{
    let bytes: Vec<u8> = points.into_iter().flat_map(Packed::pack).collect();
    serializer.serialize_str(&letters(&bytes))
}

pub fn deserialize<'de, const N: usize, T, C, D>(deserializer: D) -> Result<C, D::Error>
where
    T: Packed<N>,
    C: FromIterator<T>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    let bytes = bytes(&text).ok_or_else(|| D::Error::custom("not packed"))?;
    Ok(bytes.as_chunks().0.iter().map(|chunk| T::unpack(*chunk)).collect())
}

/// Three bytes as four letters; what is left over at the end as one letter more than it has bytes.
fn letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let letter = |nth: usize| char::from(LETTERS[(bits >> (18 - 6 * nth) & 63) as usize]);
        text.extend((0..=chunk.len()).map(letter));
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for letter in chunk {
            let place = LETTERS.iter().position(|known| known == letter)?;
            bits = bits << 6 | u32::try_from(place).ok()?;
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, whole @ ..] = bits.to_be_bytes();
        bytes.extend(whole.into_iter().take(chunk.len() - 1));
    }
    Some(bytes)
}

impl Packed<8> for f64 {
    fn pack(&self) -> [u8; 8] {
        self.to_le_bytes()
    }

    fn unpack(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Packed<32> for Sample {
    /// What is not there is no number.
    fn pack(&self) -> [u8; 32] {
        let Self {
            size,
            value,
            range,
            deviation,
        } = self;
        let figures = [*size, *value, range.unwrap_or(f64::NAN), deviation.unwrap_or(f64::NAN)];
        let mut bytes = [0; 32];
        for (place, figure) in bytes.as_chunks_mut().0.iter_mut().zip(figures) {
            *place = figure.pack();
        }
        bytes
    }

    fn unpack(bytes: [u8; 32]) -> Self {
        let mut figures = bytes.as_chunks().0.iter().map(|figure| f64::unpack(*figure));
        let mut next = || figures.next().unwrap_or(f64::NAN);
        let known = |figure: f64| Some(figure).filter(|figure| !figure.is_nan());
        Self {
            size: next(),
            value: next(),
            range: known(next()),
            deviation: known(next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_letters() {
        for (plain, packed) in [
            ("", ""),
            ("M", "TQ"),
            ("Ma", "TWE"),
            ("Man", "TWFu"),
            ("Many", "TWFueQ"),
        ] {
            assert_eq!(letters(plain.as_bytes()), packed);
            assert_eq!(bytes(packed).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(bytes("TW?u"), None);
        let sample = Sample::single(0.1, None);
        assert_eq!(Sample::unpack(sample.pack()), sample);
    }
}
