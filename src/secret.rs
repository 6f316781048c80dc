//! A token or password: read once from a file, compared in constant time, never shown.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use subtle::ConstantTimeEq;

const FILE_BYTES_MAX: u64 = 64 << 10;

#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A new one, of 256 random bits.
    pub fn random() -> io::Result<Self> {
        let mut bits = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bits)?;
        let (high, low) = bits.split_at(16);
        let number = |half: &[u8]| u128::from_be_bytes(half.try_into().expect("half of 32 bytes"));
        Ok(Self(format!("{:032x}{:032x}", number(high), number(low))))
    }

    /// The file's text without the line end that editors add. An empty file is no secret, and neither is a long one.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let refused = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
            return Err(refused("the file is too long for a secret"));
        }
        let text = std::fs::read_to_string(path)?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            Err(refused("the file is empty"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Whether `given` is the secret; how long this takes tells nothing but the length.
    pub fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// The text itself, for handing it to a client library.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_whole_and_never_shown() {
        let secret = Secret::new("s3cret");
        assert!(secret.matches("s3cret"));
        assert!(!secret.matches("s3cre"));
        assert!(!secret.matches("s3cret "));
        assert!(!format!("{secret:?}").contains("s3cret"));
    }
}
