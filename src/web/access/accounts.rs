//! The accounts file: who there is. Written by `lineside account` alone, readable by its owner alone, replaced whole.
//!
//! ```toml
//! [person."王工"]
//! role = "supervisor"              # operator | quality | supervisor | admin
//! hash = "$argon2id$v=19$…"
//!
//! [device.tablet-1]
//! station = "ST-01"                # the only station that it speaks for
//! sha256 = "…"                     # of its token
//!
//! [token.mes]
//! role = "operator"
//! sha256 = "…"
//! ```
//! A name stands for one of them only. Each may have `disabled = true`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Role;
use crate::secret::Secret;
use crate::units;

const FILE_BYTES_MAX: u64 = 4 << 20;
const NAME_CHARS_MAX: usize = 50;
/// Permissions of a file that its owner alone may read.
const OWNER_ONLY: u32 = 0o600;
const HEADER: &str = "# Written by `lineside account`; the gateway reads it again when it changes.\n\n";

#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error("cannot read it: {0}")]
    Unreadable(io::Error),
    #[error("others may read it; make it its owner's alone: chmod 600")]
    Open,
    #[error("it is not an accounts file: {0}")]
    Malformed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub role: Role,
    /// Argon2id, in the PHC string format.
    pub hash: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// A screen, scanner or program beside one station; or, without one, a screen that all look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
    pub sha256: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub role: Role,
    pub sha256: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    #[serde(default)]
    pub person: BTreeMap<String, Person>,
    #[serde(default)]
    pub device: BTreeMap<String, Device>,
    #[serde(default)]
    pub token: BTreeMap<String, Token>,
    /// Names of devices and tokens by the hash of what they show.
    #[serde(skip)]
    by_hash: HashMap<String, String>,
}

/// Whom a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer<'a> {
    Device(&'a str, &'a Device),
    Token(&'a str, &'a Token),
}

impl Accounts {
    pub fn load(path: &Path) -> Result<Self, AccountsError> {
        let meta = fs::metadata(path).map_err(AccountsError::Unreadable)?;
        if meta.mode() & 0o077 != 0 {
            return Err(AccountsError::Open);
        }
        if meta.len() > FILE_BYTES_MAX {
            return Err(AccountsError::Malformed(format!("it has {} bytes", meta.len())));
        }
        Self::parse(&fs::read_to_string(path).map_err(AccountsError::Unreadable)?)
    }

    pub fn parse(text: &str) -> Result<Self, AccountsError> {
        let mut accounts: Self =
            toml::from_str(text).map_err(|error| AccountsError::Malformed(error.message().to_owned()))?;
        let people = accounts.person.values().map(|person| person.role);
        if people
            .chain(accounts.token.values().map(|token| token.role))
            .any(|role| role == Role::Station)
        {
            let what = "the role `station` is for devices; the others are operator, quality, supervisor, admin";
            return Err(AccountsError::Malformed(what.to_owned()));
        }
        let names = accounts
            .person
            .keys()
            .chain(accounts.device.keys())
            .chain(accounts.token.keys());
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            check_name(name).map_err(AccountsError::Malformed)?;
            if !seen.insert(name) {
                return Err(AccountsError::Malformed(format!("{name} stands in it twice")));
            }
        }
        let devices = accounts
            .device
            .iter()
            .map(|(name, device)| (device.sha256.clone(), name.clone()));
        let tokens = accounts
            .token
            .iter()
            .map(|(name, token)| (token.sha256.clone(), name.clone()));
        accounts.by_hash = devices.chain(tokens).collect();
        Ok(accounts)
    }

    /// Replaces the file, for its owner alone from its first byte on.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let fresh = path.with_extension("new");
        let _ = fs::remove_file(&fresh);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(OWNER_ONLY)
            .open(&fresh)?;
        file.write_all(HEADER.as_bytes())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        crate::files::give_to_owner_of_folder(&fresh);
        fs::rename(&fresh, path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        crate::files::sync_dir(parent.unwrap_or(Path::new(".")))
    }

    pub fn is_empty(&self) -> bool {
        self.person.is_empty() && self.device.is_empty() && self.token.is_empty()
    }

    pub fn has(&self, name: &str) -> bool {
        self.person.contains_key(name) || self.device.contains_key(name) || self.token.contains_key(name)
    }

    pub fn remove(&mut self, name: &str) -> bool {
        self.person.remove(name).is_some() || self.device.remove(name).is_some() || self.token.remove(name).is_some()
    }

    /// Puts whoever has the name out of action, or back into it.
    pub fn set_disabled(&mut self, name: &str, disabled: bool) -> bool {
        let person = self.person.get_mut(name).map(|person| &mut person.disabled);
        let device = self.device.get_mut(name).map(|device| &mut device.disabled);
        let token = self.token.get_mut(name).map(|token| &mut token.disabled);
        let found = person.or(device).or(token);
        found.map(|flag| *flag = disabled).is_some()
    }

    /// Who shows this token, unless put out of action.
    pub fn bearer(&self, token: &str) -> Option<Bearer<'_>> {
        let name = self.by_hash.get(&fingerprint(token))?;
        let device = self.device.get_key_value(name).filter(|(_, device)| !device.disabled);
        let program = self.token.get_key_value(name).filter(|(_, token)| !token.disabled);
        let device = device.map(|(name, device)| Bearer::Device(name, device));
        device.or_else(|| program.map(|(name, token)| Bearer::Token(name, token)))
    }
}

/// A new token, and what is kept of it.
pub fn new_token() -> io::Result<(Secret, String)> {
    let token = Secret::random()?;
    let sha256 = fingerprint(token.reveal());
    Ok((token, sha256))
}

/// What is kept of a token. It has 256 random bits, so nobody finds it from its hash.
pub fn fingerprint(token: &str) -> String {
    units::hex(&Sha256::digest(token.as_bytes()))
}

/// Names stand in logs, in tables and beside decisions.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_fine = (1..=NAME_CHARS_MAX).contains(&name.chars().count())
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if is_fine {
        Ok(())
    } else {
        Err(format!(
            "{name:?} is no name; write 1 to {NAME_CHARS_MAX} characters without spaces around them"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        let mut accounts = Accounts::default();
        let person = Person {
            role: Role::Quality,
            hash: "$argon2id$x".to_owned(),
            disabled: false,
        };
        accounts.person.insert("王工".to_owned(), person);
        let device = Device {
            station: Some("ST-01".to_owned()),
            sha256: fingerprint("tablet's token"),
            disabled: false,
        };
        accounts.device.insert("tablet 1".to_owned(), device);
        accounts
    }

    #[test]
    fn what_is_stored_is_read_again_and_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("accounts.toml");
        accounts().store(&path).expect("stored");
        assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o777, OWNER_ONLY);
        let read = Accounts::load(&path).expect("read");
        assert_eq!((&read.person, &read.device), (&accounts().person, &accounts().device));
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).expect("opened");
        assert!(matches!(Accounts::load(&path), Err(AccountsError::Open)));
    }

    #[test]
    fn a_token_is_known_until_its_owner_is_put_out_of_action() {
        let text = toml::to_string(&accounts()).expect("text");
        let mut read = Accounts::parse(&text).expect("read");
        assert!(matches!(
            read.bearer("tablet's token"),
            Some(Bearer::Device("tablet 1", _))
        ));
        assert_eq!(read.bearer("another"), None);
        assert!(read.set_disabled("tablet 1", true));
        assert_eq!(read.bearer("tablet's token"), None);
    }

    #[test]
    fn a_file_that_means_two_things_is_refused() {
        for wrong in [
            "[person.a]\nrole = \"station\"\nhash = \"\"",
            "[person.a]\nrole = \"boss\"\nhash = \"\"",
            "[person.a]\nrole = \"admin\"\nhash = \"\"\n[token.a]\nrole = \"admin\"\nsha256 = \"\"",
            "[person.\" a\"]\nrole = \"admin\"\nhash = \"\"",
            "[person.a]\nrole = \"admin\"\nhash = \"\"\nadmin = true",
        ] {
            assert!(
                matches!(Accounts::parse(wrong), Err(AccountsError::Malformed(_))),
                "{wrong}"
            );
        }
    }
}
