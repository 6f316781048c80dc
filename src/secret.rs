//! Passwords and tokens: read from files or the environment, never shown.

use std::fmt;
use std::fs;
use std::path::Path;

/// Longer files are not secrets.
const SECRET_BYTES_MAX: u64 = 64 << 10;

#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself: for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Reads a file without its line end.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let told = |cause: &dyn fmt::Display| format!("cannot read the secret in {}: {cause}", path.display());
        let size = fs::metadata(path).map_err(|e| told(&e))?.len();
        if size > SECRET_BYTES_MAX {
            return Err(told(&format!("the file has {size} bytes")));
        }
        let text = fs::read_to_string(path).map_err(|e| told(&e))?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            Err(told(&"the file is empty"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
