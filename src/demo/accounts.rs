//! Who may come in at the demo's gateway: one person of each role, and a screen at each station. Made at the first start in a
//! folder; what they sign in with is told then, and kept by nobody.

use std::path::Path;

use anyhow::Context;

use crate::secret::Secret;
use crate::web::access::Role;
use crate::web::access::accounts::{Accounts, Device, Person, new_token};
use crate::web::access::password;

const PEOPLE: [Role; 4] = [Role::Operator, Role::Quality, Role::Supervisor, Role::Admin];
/// Of a password: enough for a demo, and still to be typed.
const PASSWORD_CHARS: usize = 12;

/// What is told once.
#[derive(Debug, Default)]
pub struct Welcome {
    /// Name, which is that of the role, and password.
    pub people: Vec<(&'static str, Secret)>,
    /// Station and token.
    pub screens: Vec<(String, Secret)>,
}

/// Makes the accounts, if there are none yet. Hashing blocks for a while.
pub fn make(file: &Path, stations: &[&str]) -> anyhow::Result<Option<Welcome>> {
    if file.exists() {
        return Ok(None);
    }
    let (mut accounts, mut welcome) = (Accounts::default(), Welcome::default());
    for role in PEOPLE {
        let random = Secret::random()?;
        let password = Secret::new(random.reveal().chars().take(PASSWORD_CHARS).collect::<String>());
        let person = Person {
            role,
            hash: password::hash(password.reveal()).map_err(anyhow::Error::msg)?,
            disabled: false,
        };
        accounts.person.insert(role.name().to_owned(), person);
        welcome.people.push((role.name(), password));
    }
    for &station in stations {
        let (token, sha256) = new_token()?;
        let device = Device {
            station: Some(station.to_owned()),
            sha256,
            disabled: false,
        };
        accounts.device.insert(format!("screen of {station}"), device);
        welcome.screens.push((station.to_owned(), token));
    }
    accounts
        .store(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Some(welcome))
}
