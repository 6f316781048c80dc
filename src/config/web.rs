//! `[web]`: where the window listens, and who may come in.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::plan::Check;
use crate::language::Words;
use crate::tls::{Pair, PairError};
use crate::units::Period;
use crate::web::access::accounts::Accounts;
use crate::web::access::{self, rate, sessions};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    pub accounts_file: Option<PathBuf>,
    pub reads: Option<Reads>,
    pub hosts: Vec<HostName>,
    pub session_idle: Period,
    pub session_max: Period,
    pub rate_limit: RateLimit,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: None,
            accounts_file: None,
            reads: None,
            hosts: Vec::new(),
            session_idle: Period::from_ms(30 * 60_000),
            session_max: Period::from_ms(12 * 3_600_000),
            rate_limit: RateLimit::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

/// Who may read without signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// Who is on this machine.
    Open,
    /// Nobody.
    SignedIn,
}

/// What browsers call this machine.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct HostName(pub String);

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_name = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        if is_name {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is not a host's name; write one such as \"gateway-3.plant.example\", without port"
            ))
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

impl Default for RateLimit {
    fn default() -> Self {
        let rate::Limit { per_second, burst } = rate::Limit::default();
        Self { per_second, burst }
    }
}

/// The certificate, and who may come in.
pub(super) fn lower_web(web: &Web, file: &Path, check: &mut Check) -> (Option<Pair>, access::Settings) {
    check_listen(web, check);
    let tls = web.tls.as_ref().map(|tls| lower_tls(tls, check));
    let accounts_file = web.accounts_file.as_ref().map(|path| check.resolve(path));
    if let Some(path) = accounts_file.as_deref().filter(|path| path.exists())
        && let Err(error) = Accounts::load(path)
    {
        check.find(&["web", "accounts_file"], format!("{}: {error}", path.display()));
    }
    let config = file.display();
    let how_to_begin = if accounts_file.is_some() {
        let command = format!("`lineside account add --config {config} NAME --role ROLE`");
        Words::new(format!("{command} makes an account"), format!("用 {command} 创建账户"))
    } else {
        Words::new(
            format!(
                "`accounts_file` of [web] in {config} names where accounts are; until then the control token in the data folder is the only one"
            ),
            format!("请在 {config} 的 [web] 中用 `accounts_file` 指定账户文件；在此之前只有数据目录中的控制令牌可用"),
        )
    };
    let settings = access::Settings {
        reads_open: match web.reads {
            Some(reads) => reads == Reads::Open,
            None => accounts_file.is_none(),
        },
        accounts_file,
        hosts: web.hosts.iter().map(|host| host.0.clone()).collect(),
        sessions: sessions::Limits {
            idle: web.session_idle.0,
            max: web.session_max.0,
        },
        rate: rate::Limit {
            per_second: web.rate_limit.per_second,
            burst: web.rate_limit.burst,
        },
        is_tls: tls.is_some(),
        how_to_begin,
    };
    (tls, settings)
}

/// Who can be reached from outside knows who comes, and is not overheard.
fn check_listen(web: &Web, check: &mut Check) {
    let (listen, port) = (web.listen, web.listen.port());
    if listen.ip().is_loopback() {
        return;
    }
    let mut missing = Vec::new();
    if web.accounts_file.is_none() {
        missing.push("accounts_file = \"accounts.toml\"");
    }
    if web.tls.is_none() {
        missing.push("tls = { cert_file = \"gateway.crt\", key_file = \"gateway.key\" }");
    }
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        let message =
            format!("{listen} can be reached from outside, which needs {missing}; or write \"127.0.0.1:{port}\"");
        check.find(&["web", "listen"], message);
    }
    if web.reads == Some(Reads::Open) {
        let message = "reads are open on this machine alone, and this window listens to others; write \"signed-in\"";
        check.find(&["web", "reads"], message);
    }
}

fn lower_tls(tls: &Tls, check: &mut Check) -> Pair {
    let pair = Pair {
        cert: check.resolve(&tls.cert_file),
        key: check.resolve(&tls.key_file),
    };
    let mut found = pair.check();
    // A gateway does not stop hearing machines because a date has passed: that is for people to read who prove it.
    if found.is_ok() && check.is_proof {
        found = pair.check_validity(chrono::Utc::now());
    }
    match found {
        Ok(()) => {}
        Err(PairError::Cert(wrong)) => check.find(&["web", "tls", "cert_file"], wrong),
        Err(PairError::Key(wrong)) => check.find(&["web", "tls", "key_file"], wrong),
    }
    pair
}
