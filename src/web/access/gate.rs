//! Who a request comes from. By a bearer token, by the cookie of a session or of a station's device, or by nothing: then
//! someone on this machine may read where reads are open.
//!
//! Browsers send cookies along with what other pages ask for, so a change and a live connection with a cookie need an
//! `Origin` that is ours. And a page of someone else that makes its name point to us is refused by the name it uses.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;

use super::accounts::{Accounts, AccountsError, Bearer};
use super::lockout::Lockout;
use super::password::Checks;
use super::rate::{self, Client, Rate};
use super::sessions::{self, Sessions};
use super::{Caller, Role};
use crate::http::Problem;
use crate::language::Words;
use crate::secret::Secret;

const COOKIE: &str = "lineside";
/// What a cookie holds: the id of a person's session, or the token of a device.
const SESSION: &str = "session-";
const DEVICE: &str = "device-";
/// A screen beside a station stays signed in over restarts, as long as browsers keep anything.
const DEVICE_COOKIE_S: u32 = 400 * 86_400;
/// Of requests that pages make by themselves: that they look on is no use of a session.
const BY_ITSELF: HeaderName = HeaderName::from_static("lineside-by-itself");
/// Who is removed from the accounts file is out after this time at the latest.
const REFRESH_EVERY: Duration = Duration::from_millis(500);
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

#[derive(Debug, Clone)]
pub struct Settings {
    pub accounts_file: Option<PathBuf>,
    /// Whoever is on this machine may read without signing in.
    pub reads_open: bool,
    /// Names of this machine beside `localhost` and its addresses.
    pub hosts: Vec<String>,
    pub sessions: sessions::Limits,
    pub rate: rate::Limit,
    pub is_tls: bool,
    /// What to type to make a first account.
    pub how_to_begin: Words,
}

/// What requests are held against; cheap to clone.
#[derive(Debug, Clone)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    control: Secret,
    accounts: RwLock<Arc<Accounts>>,
    sessions: Sessions,
    lockout: Lockout,
    checks: Checks,
    rate: Rate,
}

impl Access {
    /// Reads the accounts; blocks on the disk.
    pub fn new(settings: Settings, control: Secret) -> Self {
        let accounts = settings.accounts_file.as_deref().map(first_look).unwrap_or_default();
        if accounts.is_empty() {
            tracing::warn!("nobody can sign in yet; {}", settings.how_to_begin.en);
        }
        Self(Arc::new(Inner {
            control,
            accounts: RwLock::new(Arc::new(accounts)),
            sessions: Sessions::new(settings.sessions),
            lockout: Lockout::default(),
            checks: Checks::default(),
            rate: Rate::new(settings.rate),
            settings,
        }))
    }

    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub fn accounts(&self) -> Arc<Accounts> {
        Arc::clone(&self.0.accounts.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub fn lockout(&self) -> &Lockout {
        &self.0.lockout
    }

    pub fn checks(&self) -> &Checks {
        &self.0.checks
    }

    /// Reads the accounts again whenever their file has changed. A broken file changes nothing and is told of.
    pub async fn keep_fresh(self, stop: CancellationToken) {
        let Some(path) = self.0.settings.accounts_file.clone() else {
            return;
        };
        // Looked at again even if it is as it was: it may have changed since it was first read.
        let mut known = None;
        while stop
            .run_until_cancelled(tokio::time::sleep(REFRESH_EVERY))
            .await
            .is_some()
        {
            let looked_at = path.clone();
            let looked = tokio::task::spawn_blocking(move || look_again(&looked_at, known));
            let Ok(Some((edition, read))) = looked.await else {
                continue;
            };
            known = Some(edition);
            match read {
                Ok(read) => *self.0.accounts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read),
                Err(error) => {
                    tracing::error!(file = %path.display(), %error, "the accounts file is broken; who could sign in still can");
                }
            }
        }
    }

    /// Who shows these headers. Unless `is_used`, a session idles on.
    fn identify(&self, headers: &HeaderMap, peer: Option<IpAddr>, is_used: bool) -> Identified {
        let now = Instant::now();
        if let Some(token) = bearer(headers) {
            return Identified::by(self.by_token(token));
        }
        if let Some(shown) = cookie(headers)
            && let Some(caller) = self.by_cookie(&shown, now, is_used)
        {
            return Identified {
                caller: Some(caller),
                by_cookie: true,
            };
        }
        let is_local = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
        Identified::by((is_local && self.0.settings.reads_open).then(Caller::local))
    }

    fn by_token(&self, token: &str) -> Option<Caller> {
        if self.0.control.matches(token) {
            return Some(Caller::program("control", Role::Admin));
        }
        self.accounts().bearer(token).map(|bearer| match bearer {
            Bearer::Device(name, device) => Caller::device(name, device.station.as_deref()),
            Bearer::Token(name, token) => Caller::program(name, token.role),
        })
    }

    fn by_cookie(&self, shown: &str, now: Instant, is_used: bool) -> Option<Caller> {
        let accounts = self.accounts();
        if let Some(token) = shown.strip_prefix(DEVICE) {
            return match accounts.bearer(token)? {
                Bearer::Device(name, device) => Some(Caller::device(name, device.station.as_deref())),
                Bearer::Token(..) => None,
            };
        }
        let person = |name: &str| accounts.person.get(name).filter(|person| !person.disabled);
        let hash_of = |name: &str| person(name).map(|person| person.hash.as_str());
        let id = shown.strip_prefix(SESSION)?;
        let name = if is_used {
            self.0.sessions.resume(id, now, hash_of)?
        } else {
            self.0.sessions.look(id, now, hash_of)?
        };
        let role = person(&name)?.role;
        Some(Caller::person(name, role))
    }

    /// The cookie of a session that begins.
    pub fn session_cookie(&self, id: &Secret) -> HeaderValue {
        self.cookie(&format!("{SESSION}{}", id.reveal()), None)
    }

    pub fn device_cookie(&self, token: &str) -> HeaderValue {
        self.cookie(&format!("{DEVICE}{token}"), Some(DEVICE_COOKIE_S))
    }

    /// Makes the browser forget what it has.
    pub fn no_cookie(&self) -> HeaderValue {
        self.cookie("", Some(0))
    }

    fn cookie(&self, value: &str, max_age_s: Option<u32>) -> HeaderValue {
        let secure = if self.0.settings.is_tls { "; Secure" } else { "" };
        let age = max_age_s.map(|age_s| format!("; Max-Age={age_s}")).unwrap_or_default();
        let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}");
        let mut value = HeaderValue::try_from(text).expect("ids and tokens are hexadecimal digits");
        value.set_sensitive(true);
        value
    }

    /// Ends the session that the request came with, if it came with one.
    pub fn end_session(&self, headers: &HeaderMap) {
        if let Some(shown) = cookie(headers)
            && let Some(id) = shown.strip_prefix(SESSION)
        {
            self.0.sessions.end(id);
        }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let name = host_name(host(headers));
        let is_ours = name.eq_ignore_ascii_case("localhost")
            || is_address(name)
            || self.0.settings.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        if is_ours {
            return Ok(());
        }
        let words = Words::new(
            "this gateway is called by its address, by localhost, or by a name that stands in `hosts` of [web]",
            "请用网关的地址、localhost 或 [web] 的 hosts 中列出的名称访问",
        );
        Err(Problem::worded(StatusCode::FORBIDDEN, &words))
    }

    fn check_origin(&self, head: &Parts, by_cookie: bool) -> Result<(), Problem> {
        let is_read = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if is_read && !head.headers.contains_key(header::UPGRADE) || bearer(&head.headers).is_some() {
            return Ok(());
        }
        let scheme = if self.0.settings.is_tls { "https" } else { "http" };
        let own = format!("{scheme}://{}", host(&head.headers));
        let is_right = match head.headers.get(header::ORIGIN) {
            Some(origin) => origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()),
            None => !by_cookie,
        };
        if is_right {
            return Ok(());
        }
        let words = Words::new(
            "changes and live connections of a browser come from the gateway's own pages alone; programs show a bearer token",
            "浏览器只能在网关自己的页面上进行更改和实时连接；程序请使用 Bearer 令牌",
        );
        Err(Problem::worded(StatusCode::FORBIDDEN, &words))
    }

    fn check_rate(&self, head: &Parts, caller: Option<&Caller>) -> Result<(), Problem> {
        // Who may read the data folder could end the gateway as well.
        let is_control = bearer(&head.headers).is_some_and(|token| self.0.control.matches(token));
        if is_control || head.uri.path() == "/healthz" {
            return Ok(());
        }
        let Some(client) = client_of(caller, peer(head)) else {
            return Ok(());
        };
        let Some(wait) = self.0.rate.wait(&client) else {
            return Ok(());
        };
        let words = Words::new(
            "too many requests; `rate_limit` of [web] says how many",
            "请求过于频繁；上限见 [web] 的 rate_limit",
        );
        let problem = Problem::worded(StatusCode::TOO_MANY_REQUESTS, &words);
        Err(problem.retry_after(wait.as_secs() + 1))
    }
}

/// Who is known by who they are, the others by where they are.
fn client_of(caller: Option<&Caller>, peer: Option<IpAddr>) -> Option<Client> {
    let known = caller.filter(|caller| caller.role.is_some());
    known
        .map(|caller| Client::Named(caller.name.to_string()))
        .or_else(|| peer.map(Client::at))
}

/// What a connection that goes on was let in with.
#[derive(Debug, Clone)]
pub struct Standing {
    access: Access,
    caller: Caller,
    headers: HeaderMap,
    peer: Option<IpAddr>,
}

impl Standing {
    pub fn client(&self) -> Client {
        let client = client_of(Some(&self.caller), self.peer);
        client.unwrap_or_else(|| Client::Named(self.caller.name.to_string()))
    }

    /// Whether it would be let in now. Looking on is no use of a session.
    pub fn holds(&self) -> bool {
        let now = self.access.identify(&self.headers, self.peer, false);
        now.caller.as_ref() == Some(&self.caller)
    }
}

struct Identified {
    caller: Option<Caller>,
    by_cookie: bool,
}

impl Identified {
    fn by(caller: Option<Caller>) -> Self {
        Self {
            caller,
            by_cookie: false,
        }
    }
}

/// The first thing that happens to a request; what comes after finds the [`Caller`] beside it.
pub async fn receive(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let peer = peer(&head);
    let Identified { caller, by_cookie } = access.identify(&head.headers, peer, !head.headers.contains_key(&BY_ITSELF));
    let checked = access
        .check_host(&head.headers)
        .and_then(|()| access.check_rate(&head, caller.as_ref()))
        .and_then(|()| access.check_origin(&head, by_cookie));
    let mut response = match checked {
        Ok(()) => {
            if let Some(caller) = caller {
                if head.headers.contains_key(header::UPGRADE) {
                    let (access, headers) = (access.clone(), head.headers.clone());
                    head.extensions.insert(Standing {
                        access,
                        caller: caller.clone(),
                        headers,
                        peer,
                    });
                }
                head.extensions.insert(caller);
            }
            next.run(Request::from_parts(head, body)).await
        }
        Err(problem) => problem.into_response(),
    };
    if access.0.settings.is_tls {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

pub fn peer(head: &Parts) -> Option<IpAddr> {
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.ip().to_canonical())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = all
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

fn host(headers: &HeaderMap) -> &str {
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
}

/// Without the port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Nobody can make an address point elsewhere.
fn is_address(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    bare.map_or_else(
        || name.parse::<std::net::Ipv4Addr>().is_ok(),
        |bare| bare.parse::<std::net::Ipv6Addr>().is_ok(),
    )
}

/// A file that is not there yet is nobody; what is wrong with one that is there was told by the configuration.
fn first_look(path: &Path) -> Accounts {
    match Accounts::load(path) {
        Ok(accounts) => accounts,
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "no accounts");
            Accounts::default()
        }
    }
}

/// What tells one edition of the file from the next; nothing while there is none.
type Edition = Option<(u64, i64, i64, u64)>;

/// What the file says now, if it is another than before.
fn look_again(path: &Path, before: Option<Edition>) -> Option<(Edition, Result<Accounts, AccountsError>)> {
    let meta = std::fs::metadata(path).ok();
    let found = meta.map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()));
    (before != Some(found)).then(|| (found, Accounts::load(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_apart_and_only_addresses_are_addresses() {
        assert_eq!(host_name("gw.plant:8080"), "gw.plant");
        assert_eq!(host_name("[::1]:8080"), "[::1]");
        assert_eq!(host_name("[::1]"), "[::1]");
        for (name, address) in [
            ("10.0.0.1", true),
            ("[fe80::1]", true),
            ("evil.example", false),
            ("10.0.0.1.evil.example", false),
            ("::1", false),
            ("", false),
        ] {
            assert_eq!(is_address(name), address, "{name}");
        }
    }

    #[test]
    fn our_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; lineside2=x"));
        assert_eq!(cookie(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("c=d;lineside=session-1; e=f"));
        assert_eq!(cookie(&headers).as_deref(), Some("session-1"));
    }
}
