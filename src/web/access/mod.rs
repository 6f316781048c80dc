//! Who may call what. Each call says in the API document which roles may make it; the document that is served is what is
//! enforced, so what is not described can't be called. Everything is refused unless it is allowed here. Who calls is found
//! in `gate`.
//!
//! `security(())` in a call's description lets anyone in; `security(("caller" = []))` everyone who is known, and on this
//! machine also who is not, where reads are open; `security(("caller" = ["quality", "admin"]))` these roles alone.

pub mod accounts;
mod gate;
mod lockout;
pub mod password;
pub mod rate;
pub mod sessions;
pub mod trail;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{OpenApi, PathItem};

use crate::http::Problem;
use crate::language::Words;

pub use gate::{Access, Settings, Standing, peer, receive};

/// The name of the security scheme in the API document.
pub const SCHEME: &str = "caller";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Operator,
    Quality,
    Supervisor,
    Admin,
    /// A screen or a program beside one station, which speaks for that station only.
    Station,
    /// A screen on a wall, which reads and does nothing else.
    Display,
}

impl Role {
    pub const ALL: [Self; 6] = [
        Self::Operator,
        Self::Quality,
        Self::Supervisor,
        Self::Admin,
        Self::Station,
        Self::Display,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Quality => "quality",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
            Self::Station => "station",
            Self::Display => "display",
        }
    }

    fn in_chinese(self) -> &'static str {
        match self {
            Self::Operator => "操作工",
            Self::Quality => "质检",
            Self::Supervisor => "班组长",
            Self::Admin => "管理员",
            Self::Station => "工位",
            Self::Display => "看板",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who makes a request. Handlers take it as an argument where it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What decisions and changes are signed with.
    pub name: Arc<str>,
    /// None: someone on this machine who may read what is open.
    pub role: Option<Role>,
    /// Of a station's device: the only station that it speaks for.
    pub station: Option<Arc<str>>,
    /// It may say for whom it speaks; a person speaks for themselves.
    pub is_program: bool,
}

impl Caller {
    pub fn person(name: Arc<str>, role: Role) -> Self {
        Self {
            name,
            role: Some(role),
            station: None,
            is_program: false,
        }
    }

    pub fn device(name: &str, station: Option<&str>) -> Self {
        let role = if station.is_some() {
            Role::Station
        } else {
            Role::Display
        };
        Self {
            station: station.map(Into::into),
            ..Self::person(name.into(), role)
        }
    }

    pub fn program(name: &str, role: Role) -> Self {
        Self {
            is_program: true,
            ..Self::person(name.into(), role)
        }
    }

    /// Someone on this machine.
    pub fn local() -> Self {
        Self {
            name: "local".into(),
            role: None,
            station: None,
            is_program: false,
        }
    }

    /// Whom a decision is signed with, if `said` is what the request says of it.
    pub fn speaks_for(&self, said: Option<String>) -> Result<String, Problem> {
        match said {
            Some(said) if self.is_program || *said == *self.name => Ok(said),
            Some(_) => {
                let words = Words::new(
                    format!(
                        "{} is signed in and speaks for themselves; leave out who it was",
                        self.name
                    ),
                    format!("当前登录者为 {}，只能以本人名义操作，请勿填写他人", self.name),
                );
                Err(Problem::worded(StatusCode::FORBIDDEN, &words))
            }
            None => Ok(self.name.to_string()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "nobody is known here"))
    }
}

/// Who may make one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    Anyone,
    /// Everyone who is known, and who is not where reads are open.
    Known,
    Roles(Vec<Role>),
}

/// What the API document says of who may call.
pub fn rights(document: &OpenApi) -> HashMap<(Method, String), Right> {
    let mut rights = HashMap::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in operations(item) {
            let listed = operation.security.iter().flatten();
            let roles = listed.filter_map(|requirement| {
                let json = serde_json::to_value(requirement).expect("a requirement is JSON");
                let names: Option<Vec<String>> = serde_json::from_value(json[SCHEME].clone()).ok();
                names
            });
            let roles: Vec<Vec<String>> = roles.collect();
            let right = match roles.as_slice() {
                [] => Right::Anyone,
                [names, ..] if names.is_empty() => Right::Known,
                [names, ..] => {
                    let named = |name: &String| Role::named(name).expect("the document names roles that there are");
                    Right::Roles(names.iter().map(named).collect())
                }
            };
            rights.insert((method, path.clone()), right);
        }
    }
    rights
}

fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &utoipa::openapi::path::Operation)> {
    [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::DELETE, &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

/// Which rights stand in the document, and who is told what when they are not enough.
#[derive(Clone)]
pub struct Rights {
    by_call: Arc<HashMap<(Method, String), Right>>,
    how_to_begin: Words,
}

impl Rights {
    pub fn new(document: &OpenApi, how_to_begin: Words) -> Self {
        Self {
            by_call: Arc::new(rights(document)),
            how_to_begin,
        }
    }

    fn admit(&self, right: Option<&Right>, caller: Option<&Caller>) -> Result<(), Problem> {
        let stranger = || {
            let words = Words::new(
                format!("this needs someone who is signed in; {}", self.how_to_begin.en),
                format!("此操作需要登录；{}", self.how_to_begin.zh),
            );
            Problem::worded(StatusCode::UNAUTHORIZED, &words)
        };
        match (right, caller) {
            (Some(Right::Anyone), _) | (Some(Right::Known), Some(_)) => Ok(()),
            (None, _) => Err(Problem::new(StatusCode::FORBIDDEN, "nobody may call this")),
            (Some(_), None) => Err(stranger()),
            (Some(Right::Roles(roles)), Some(caller)) => match caller.role {
                Some(role) if roles.contains(&role) => Ok(()),
                Some(role) => {
                    let named =
                        |name: fn(Role) -> &'static str| -> Vec<_> { roles.iter().map(|role| name(*role)).collect() };
                    let (en, zh) = (named(Role::name).join(", "), named(Role::in_chinese).join("、"));
                    let words = Words::new(
                        format!("{} is {role}; this is for {en}", caller.name),
                        format!("{} 是{}，此操作需要{zh}", caller.name, role.in_chinese()),
                    );
                    Err(Problem::worded(StatusCode::FORBIDDEN, &words))
                }
                None => Err(stranger()),
            },
        }
    }
}

/// Lets a request through to its call, or answers it.
pub async fn authorise(State(rights): State<Rights>, request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    // What answers to GET answers to HEAD.
    let method = match request.method() {
        &Method::HEAD => Method::GET,
        method => method.clone(),
    };
    let right = path.and_then(|path| rights.by_call.get(&(method, path)));
    match rights.admit(right, request.extensions().get::<Caller>()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
