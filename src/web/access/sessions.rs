//! Sessions of people who signed in: in memory only, ended by leaving, by idling, by age, and by any change of the account.
//! What is kept of an id is its hash; an id that ended never comes back, for each is 256 new random bits.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::accounts::fingerprint;
use crate::secret::Secret;

/// Of all people together, and of one: the one that was longest unused gives way.
const SESSIONS_MAX: usize = 1000;
const SESSIONS_PER_PERSON_MAX: usize = 20;

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub idle: Duration,
    pub max: Duration,
}

#[derive(Debug)]
struct Session {
    name: Arc<str>,
    /// Of the account when it was signed in: another password ends all sessions.
    hash: String,
    began: Instant,
    used: Instant,
}

#[derive(Debug)]
pub struct Sessions {
    limits: Limits,
    by_id: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            by_id: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; returns its id, which only the browser keeps.
    pub fn begin(&self, name: &str, hash: &str, now: Instant) -> io::Result<Secret> {
        let id = Secret::random()?;
        let mut sessions = self.lock();
        sessions.retain(|_, session| self.limits.lasts(session, now));
        let of_person = sessions.values().filter(|session| *session.name == *name).count();
        let must_go = if of_person >= SESSIONS_PER_PERSON_MAX {
            oldest(&sessions, |session| *session.name == *name)
        } else if sessions.len() >= SESSIONS_MAX {
            oldest(&sessions, |_| true)
        } else {
            None
        };
        if let Some(id) = must_go {
            sessions.remove(&id);
        }
        let session = Session {
            name: name.into(),
            hash: hash.to_owned(),
            began: now,
            used: now,
        };
        sessions.insert(fingerprint(id.reveal()), session);
        Ok(id)
    }

    /// Whose session it is, if it lasts; `hash_of` tells the password hash of an account that may sign in.
    pub fn resume<'a>(
        &self,
        id: &str,
        now: Instant,
        hash_of: impl FnOnce(&str) -> Option<&'a str>,
    ) -> Option<Arc<str>> {
        let name = self.look(id, now, hash_of)?;
        if let Some(session) = self.lock().get_mut(&fingerprint(id)) {
            session.used = now;
        }
        Some(name)
    }

    /// The same, without making use of it: it idles on.
    pub fn look<'a>(&self, id: &str, now: Instant, hash_of: impl FnOnce(&str) -> Option<&'a str>) -> Option<Arc<str>> {
        let key = fingerprint(id);
        let mut sessions = self.lock();
        let session = sessions.get(&key)?;
        if self.limits.lasts(session, now) && hash_of(&session.name) == Some(session.hash.as_str()) {
            return Some(Arc::clone(&session.name));
        }
        sessions.remove(&key);
        None
    }

    pub fn end(&self, id: &str) {
        self.lock().remove(&fingerprint(id));
    }
}

impl Limits {
    fn lasts(&self, session: &Session, now: Instant) -> bool {
        now.duration_since(session.used) < self.idle && now.duration_since(session.began) < self.max
    }
}

fn oldest(sessions: &HashMap<String, Session>, is_meant: impl Fn(&Session) -> bool) -> Option<String> {
    let meant = sessions.iter().filter(|(_, session)| is_meant(session));
    meant.min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        idle: Duration::from_mins(30),
        max: Duration::from_hours(12),
    };

    fn who(sessions: &Sessions, id: &Secret, now: Instant) -> Option<String> {
        sessions
            .resume(id.reveal(), now, |_| Some("hash"))
            .map(|name| name.to_string())
    }

    #[test]
    fn a_session_ends_by_idling_by_age_and_by_leaving() {
        let (sessions, start) = (Sessions::new(LIMITS), Instant::now());
        let idle = sessions.begin("王工", "hash", start).expect("an id");
        assert_eq!(who(&sessions, &idle, start + LIMITS.idle / 2).as_deref(), Some("王工"));
        assert_eq!(who(&sessions, &idle, start + LIMITS.idle * 2), None);
        assert_eq!(who(&sessions, &idle, start), None, "what ended does not come back");

        let used = sessions.begin("王工", "hash", start).expect("an id");
        for minutes in (0..12 * 60).step_by(20) {
            assert!(who(&sessions, &used, start + Duration::from_mins(minutes)).is_some());
        }
        assert_eq!(who(&sessions, &used, start + LIMITS.max), None);

        let watched = sessions.begin("王工", "hash", start).expect("an id");
        let look = |now| sessions.look(watched.reveal(), now, |_| Some("hash"));
        assert!(look(start + LIMITS.idle / 2).is_some() && look(start + LIMITS.idle).is_none());

        let left = sessions.begin("王工", "hash", start).expect("an id");
        sessions.end(left.reveal());
        assert_eq!(who(&sessions, &left, start), None);
    }

    #[test]
    fn another_password_or_no_account_ends_the_session_for_good() {
        let (sessions, now) = (Sessions::new(LIMITS), Instant::now());
        for changed in [Some("another"), None] {
            let id = sessions.begin("王工", "hash", now).expect("an id");
            assert_eq!(sessions.resume(id.reveal(), now, |_| changed), None);
            assert_eq!(who(&sessions, &id, now), None);
        }
    }

    #[test]
    fn many_sign_ins_push_out_the_oldest_of_the_same_person_only() {
        let (sessions, start) = (Sessions::new(LIMITS), Instant::now());
        let other = sessions.begin("other", "hash", start).expect("an id");
        let first = sessions.begin("王工", "hash", start).expect("an id");
        for nth in 0..SESSIONS_PER_PERSON_MAX {
            let later = start + Duration::from_millis(1 + nth as u64);
            sessions.begin("王工", "hash", later).expect("an id");
        }
        assert_eq!(who(&sessions, &first, start), None);
        assert!(who(&sessions, &other, start).is_some());
    }
}
