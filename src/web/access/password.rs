//! Passwords as argon2id hashes. Checking one takes tens of milliseconds and 19 MiB on purpose, so only a few are checked at
//! a time, and a name that nobody has costs as much as one that somebody has.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Of a password; longer ones are better ones.
pub const CHARS_MIN: usize = 10;
pub const BYTES_MAX: usize = 1024;
const CHECKS_AT_ONCE: usize = 2;
/// Sign-ins that may wait for a check; the next is told to come again.
const WAITING_MAX: usize = 32;

/// Of a password that nobody knows.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let random = crate::secret::Secret::random().map(|secret| secret.reveal().to_owned());
    hash(&random.unwrap_or_default()).unwrap_or_default()
});

/// What is wrong with a new password.
pub fn objection(password: &str) -> Option<String> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        Some(format!("it has {chars} characters; take at least {CHARS_MIN}"))
    } else if password.len() > BYTES_MAX {
        Some(format!("it is longer than {BYTES_MAX} bytes"))
    } else {
        None
    }
}

/// Blocks for a while.
pub fn hash(password: &str) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Too many sign-ins wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// Where passwords are checked.
#[derive(Debug, Clone)]
pub struct Checks {
    room: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(CHECKS_AT_ONCE + WAITING_MAX)),
            places: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
        }
    }
}

impl Checks {
    /// Whether the password is the one of this hash; without a hash it never is, and takes as long.
    pub async fn is_right(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        let _room = self.room.try_acquire().map_err(|_| Busy)?;
        let _place = self.places.acquire().await.map_err(|_| Busy)?;
        let checked = tokio::task::spawn_blocking(move || {
            let known = hash.as_deref().unwrap_or(&NOBODYS);
            let is_right = Argon2::default().verify_password(password.as_bytes(), known).is_ok();
            is_right && hash.is_some()
        });
        Ok(checked.await.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_somebody_is_right() {
        let checks = Checks::default();
        let hash = hash("correct horse").expect("a hash");
        assert!(hash.starts_with("$argon2id$"));
        let asked = async |password: &str, hash: Option<&String>| {
            checks.is_right(password.to_owned(), hash.cloned()).await.expect("room")
        };
        assert!(asked("correct horse", Some(&hash)).await);
        assert!(!asked("correct hors", Some(&hash)).await);
        assert!(!asked("correct horse", None).await);
        assert!(!asked("", Some(&String::new())).await);
    }

    #[test]
    fn short_passwords_are_objected_to_in_characters_not_bytes() {
        assert!(objection("九个汉字不算很长啊").is_some());
        assert!(objection("十个汉字就已经够长了").is_none());
        assert!(objection(&"x".repeat(BYTES_MAX + 1)).is_some());
    }
}
