//! Signing in and out, and who one is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{self, Problem};
use crate::language::Words;
use crate::web::Window;
use crate::web::access::accounts::Bearer;
use crate::web::access::{Access, Caller, Role, password, trail};

/// When to come again while many sign in.
const RETRY_AFTER_S: u64 = 2;
/// A name that is longer is nobody's.
const NAME_BYTES_MAX: usize = 400;

pub fn calls() -> OpenApiRouter<Window> {
    OpenApiRouter::new().routes(routes!(who_am_i, sign_in, sign_out))
}

/// Who one is. Without a name: nobody has signed in.
#[derive(Serialize, ToSchema)]
struct Who {
    name: Option<String>,
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// The only station that a device speaks for.
    station: Option<String>,
    /// `open`: this machine reads without signing in; `signed-in`: nobody does.
    reads: &'static str,
    /// How to make a first account, while there is none.
    how_to_begin: Option<String>,
    how_to_begin_words: Option<Words>,
}

impl Who {
    fn of(caller: Option<&Caller>, access: &Access) -> Self {
        let known = caller.filter(|caller| caller.role.is_some());
        let settings = access.settings();
        let begin = access.accounts().is_empty().then(|| settings.how_to_begin.clone());
        Self {
            name: known.map(|caller| caller.name.to_string()),
            role: known.and_then(|caller| caller.role),
            station: known.and_then(|caller| Some(caller.station.as_ref()?.to_string())),
            reads: if settings.reads_open { "open" } else { "signed-in" },
            how_to_begin: begin.as_ref().map(|words| words.en.clone()),
            how_to_begin_words: begin,
        }
    }
}

/// `{"name", "password"}` of a person, or `{"token"}` of a device.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum SignIn {
    Person { name: String, password: String },
    Device { token: String },
}

/// Who one is, and what may be read without signing in.
#[utoipa::path(get, path = "/api/v1/session", tag = "access", security(()), responses((status = OK, description = "no name: nobody has signed in", body = Who)))]
async fn who_am_i(State(window): State<Window>, caller: Option<axum::Extension<Caller>>) -> Json<Who> {
    Json(Who::of(caller.as_deref(), &window.access))
}

/// Signs in: a person by name and password, a station's device by its token. The answer sets a cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "access", security(()), request_body = SignIn, responses((status = OK, description = "who that is", body = Who), (status = UNAUTHORIZED, description = "not known by these", body = Problem), (status = TOO_MANY_REQUESTS, description = "too many wrong ones; when to come again is in Retry-After", body = Problem)))]
async fn sign_in(
    State(window): State<Window>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let shown: SignIn = serde_json::from_slice(&body).map_err(|_| {
        let right = "write {\"name\": \"…\", \"password\": \"…\"}, or {\"token\": \"…\"} of a station's device";
        Problem::new(StatusCode::BAD_REQUEST, right)
    })?;
    let access = &window.access;
    let signed_in = match shown {
        SignIn::Person { name, password } => by_password(access, &name, password, from).await,
        SignIn::Device { token } => by_token(access, &token, from),
    };
    let address = Some(from.ip().to_canonical());
    let (caller, cookie) = match signed_in {
        Ok(signed_in) => signed_in,
        Err(refusal) => {
            if let Some(told) = refusal.to_record {
                let event = trail::event(
                    None,
                    address,
                    told.action,
                    &told.name,
                    json!({"locked_s": told.locked_s}),
                );
                window.audit.record(event).await.map_err(trail::unrecorded)?;
            }
            return Err(refusal.problem);
        }
    };
    let event = trail::event(Some(&caller), address, "sign_in", "session", Value::Null);
    window.audit.record(event).await.map_err(trail::unrecorded)?;
    access.end_session(&headers);
    let who = Json(Who::of(Some(&caller), access));
    Ok(([(header::SET_COOKIE, cookie)], who).into_response())
}

/// Why nobody is signed in.
struct Refusal {
    problem: Problem,
    to_record: Option<Box<Refused>>,
}

struct Refused {
    action: &'static str,
    /// Of an account that there is; what else is typed into the field may be a password.
    name: String,
    locked_s: Option<u64>,
}

impl Refused {
    fn of(name: &str, locked: Option<Duration>) -> Self {
        Self {
            action: if locked.is_some() {
                "locked_out"
            } else {
                "sign_in_refused"
            },
            name: name.to_owned(),
            locked_s: locked.map(|wait| wait.as_secs()),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            to_record: None,
        }
    }
}

async fn by_password(
    access: &Access,
    name: &str,
    password: String,
    from: SocketAddr,
) -> Result<(Caller, HeaderValue), Refusal> {
    let address = http::network_of(from.ip());
    let wrong = || Problem::new(StatusCode::UNAUTHORIZED, "no one has this name and this password");
    if name.len() > NAME_BYTES_MAX || password.len() > password::BYTES_MAX {
        return Err(wrong().into());
    }
    if let Some(wait) = access.lockout().wait(Some(name), address, Instant::now()) {
        return Err(too_many(wait).into());
    }
    let accounts = access.accounts();
    let person = accounts.person.get(name).filter(|person| !person.disabled);
    let hash = person.map(|person| person.hash.clone());
    let busy = |_| {
        let words = Words::new("many are signing in; try again", "登录的人过多，请重试");
        Problem::worded(StatusCode::SERVICE_UNAVAILABLE, &words).retry_after(RETRY_AFTER_S)
    };
    let is_right = access.checks().is_right(password, hash).await.map_err(busy)?;
    let Some(person) = person.filter(|_| is_right) else {
        let locked = access.lockout().failed(Some(name), address, Instant::now());
        let locked_s = locked.map(|wait| wait.as_secs());
        tracing::warn!(%address, locked_s, "a sign-in was refused");
        let is_someone = accounts.person.contains_key(name);
        return Err(Refusal {
            problem: wrong(),
            to_record: Some(Box::new(Refused::of(if is_someone { name } else { "unknown" }, locked))),
        });
    };
    access.lockout().succeeded(name, address);
    let failed = |error: std::io::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let id = access
        .sessions()
        .begin(name, &person.hash, Instant::now())
        .map_err(failed)?;
    Ok((Caller::person(name.into(), person.role), access.session_cookie(&id)))
}

fn too_many(wait: Duration) -> Problem {
    let words = Words::new(
        "too many wrong ones; wait, or sign in from where you usually do",
        "错误次数过多；请稍候，或从常用的设备登录",
    );
    Problem::worded(StatusCode::TOO_MANY_REQUESTS, &words).retry_after(wait.as_secs() + 1)
}

fn by_token(access: &Access, token: &str, from: SocketAddr) -> Result<(Caller, HeaderValue), Refusal> {
    let address = http::network_of(from.ip());
    if let Some(wait) = access.lockout().wait(None, address, Instant::now()) {
        return Err(too_many(wait).into());
    }
    let accounts = access.accounts();
    match accounts.bearer(token) {
        Some(Bearer::Device(name, device)) => {
            let caller = Caller::device(name, device.station.as_deref());
            Ok((caller, access.device_cookie(token)))
        }
        Some(Bearer::Token(..)) => {
            let detail = "this token is a program's; show it as `Authorization: Bearer …` with each request";
            Err(Problem::new(StatusCode::UNAUTHORIZED, detail).into())
        }
        None => {
            let locked = access.lockout().failed(None, address, Instant::now());
            Err(Refusal {
                problem: Problem::new(StatusCode::UNAUTHORIZED, "no device has this token"),
                to_record: Some(Box::new(Refused::of("unknown device", locked))),
            })
        }
    }
}

/// Signs out: the session ends, or the device is forgotten by this browser.
#[utoipa::path(delete, path = "/api/v1/session", tag = "access", security(()), responses((status = NO_CONTENT, description = "nobody is signed in here any more")))]
async fn sign_out(
    State(window): State<Window>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    caller: Option<axum::Extension<Caller>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // First of all it ends, whatever becomes of the record.
    window.access.end_session(&headers);
    if let Some(caller) = caller.as_deref().filter(|caller| caller.role.is_some()) {
        let address = Some(from.ip().to_canonical());
        let event = trail::event(Some(caller), address, "sign_out", "session", Value::Null);
        window.audit.record(event).await.map_err(trail::unrecorded)?;
    }
    let cookie = (header::SET_COOKIE, window.access.no_cookie());
    Ok((StatusCode::NO_CONTENT, [cookie]).into_response())
}
