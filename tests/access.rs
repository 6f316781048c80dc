//! Who may what, against a running gateway: every role at every call, sessions, wrong origins, guessing, floods, TLS.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{ConnectStream, connect_async};
use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::{Error, Message};
use futures_util::StreamExt;
use reqwest::header::{
    AUTHORIZATION, COOKIE, HOST, HeaderValue, LOCATION, ORIGIN, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::park::certificates::Authority;
use crate::park::gateway::{Daemon, Site};
use crate::park::{PATIENCE, free_port, until};

/// Every call and who may make it: `?` nobody in particular, `o`perator, `q`uality, `s`upervisor, `a`dmin, station's
/// `d`evice, `w`all's screen. Written by hand: who changes a right changes it here as well.
const TABLE: &[(&str, &str, &str)] = &[
    ("GET", "/healthz", "?oqsadw"),
    ("GET", "/readyz", "?oqsadw"),
    ("GET", "/metrics", "oqsadw"),
    ("GET", "/api/v1/openapi.json", "?oqsadw"),
    ("GET", "/api/v1/session", "?oqsadw"),
    ("POST", "/api/v1/session", "?oqsadw"),
    ("DELETE", "/api/v1/session", "?oqsadw"),
    ("GET", "/api/v1/status", "oqsadw"),
    ("GET", "/api/v1/stations", "oqsadw"),
    ("GET", "/api/v1/stations/{id}", "oqsadw"),
    ("GET", "/api/v1/equipment", "oqsadw"),
    ("POST", "/api/v1/equipment/{equipment}/points/{point}", "a"),
    ("GET", "/api/v1/workshop", "oqsadw"),
    ("GET", "/api/v1/orders", "oqsadw"),
    ("GET", "/api/v1/spc", "oqsadw"),
    ("GET", "/api/v1/spc/{name}", "oqsadw"),
    ("GET", "/api/v1/spc/{name}/data.csv", "oqsadw"),
    ("GET", "/api/v1/spc/{name}/picture", "oqsadw"),
    ("POST", "/api/v1/spc/{name}/phase", "qsa"),
    ("POST", "/api/v1/spc/{name}/annotations", "qsa"),
    ("GET", "/api/v1/watches", "oqsadw"),
    ("GET", "/api/v1/alerts", "oqsadw"),
    ("POST", "/api/v1/alerts/{id}/acknowledge", "oqsa"),
    ("POST", "/api/v1/work-reports", "osa"),
    ("POST", "/api/v1/inspections", "qsa"),
    ("GET", "/api/v1/inspections", "oqsadw"),
    ("POST", "/api/v1/inspections/{no}/disposition", "qsa"),
    ("GET", "/api/v1/defects", "oqsadw"),
    ("GET", "/api/v1/defects/picture", "oqsadw"),
    ("GET", "/api/v1/reasons", "oqsadw"),
    ("GET", "/api/v1/buffer/records", "oqsadw"),
    ("GET", "/api/v1/buffer/dead-letters", "oqsadw"),
    ("GET", "/api/v1/buffer/dead-letters/{id}", "oqsadw"),
    ("POST", "/api/v1/buffer/dead-letters/{id}/resubmit", "sa"),
    ("POST", "/api/v1/buffer/dead-letters/{id}/discard", "sa"),
    ("POST", "/api/v1/buffer/upstreams/{name}/forget", "a"),
    ("GET", "/api/v1/audit", "sa"),
    ("GET", "/api/v1/live", "oqsadw"),
    ("POST", "/api/v1/stations/{id}/scans", "osad"),
    ("GET", "/api/v1/configuration", "sa"),
    ("GET", "/api/v1/metrics", "oqsadw"),
    ("GET", "/api/v1/writable-points", "oqsadw"),
    ("POST", "/api/v1/modbus/{connection}/{device}/registers", "a"),
];

const PASSWORD: &str = "canary-password-一二三";
const PERSON: &str = "王工";

type View = WebSocketStream<ConnectStream>;

/// A gateway with accounts.
struct Shop {
    site: Site,
    daemon: Option<Daemon>,
    client: Client,
    /// By the letter of the table.
    tokens: BTreeMap<char, String>,
}

impl Shop {
    async fn open(window: &str) -> Self {
        let mut shop = Self::closed(window);
        shop.daemon = Some(shop.site.start().await);
        shop
    }

    fn closed(window: &str) -> Self {
        let mut site = Site::new("");
        site.set_window(&format!("accounts_file = \"accounts.toml\"\n{window}"));
        let scanner = free_port();
        site.configure(&format!(
            "[station.ST-01]\nscanner = \"tcp-listen://127.0.0.1:{scanner}\"\n"
        ));
        site.write("password", PASSWORD);
        let roles = ["operator", "quality", "supervisor", "admin"];
        let made = roles.map(|role| {
            let told = site.prints(&[
                "account",
                "token",
                &format!("mes-{role}"),
                "--role",
                role,
                "--config",
                "lineside.toml",
            ]);
            (role.chars().next().unwrap(), last_line(&told))
        });
        let mut tokens = BTreeMap::from(made);
        let told = site.prints(&[
            "account",
            "add",
            "tablet",
            "--station",
            "ST-01",
            "--config",
            "lineside.toml",
        ]);
        tokens.insert('d', told.lines().nth(1).unwrap().to_owned());
        let told = site.prints(&["account", "add", "wall", "--display", "--config", "lineside.toml"]);
        tokens.insert('w', told.lines().nth(1).unwrap().to_owned());
        let file = ["--password-file", "password", "--config", "lineside.toml"];
        site.prints(&[&["account", "add", PERSON, "--role", "supervisor"][..], &file[..]].concat());
        Self {
            site,
            daemon: None,
            client: Client::new(),
            tokens,
        }
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.site.web_port())
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin()))
    }

    async fn sign_in(&self, name: &str, password: &str) -> Response {
        let body = json!({"name": name, "password": password}).to_string();
        self.ask(Method::POST, "/api/v1/session")
            .body(body)
            .send()
            .await
            .unwrap()
    }

    /// The cookie of a person that signs in.
    async fn session(&self) -> String {
        let answer = self.sign_in(PERSON, PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::OK);
        cookie(&answer)
    }

    /// Live values, as a page opens them.
    async fn live_view(&self, header: reqwest::header::HeaderName, shown: &str) -> Result<View, Error> {
        let mut request = self.site.live_url().into_client_request().unwrap();
        request.headers_mut().insert(header, shown.parse().unwrap());
        request.headers_mut().insert(ORIGIN, self.origin().parse().unwrap());
        connect_async(request).await.map(|(view, _)| view)
    }

    fn account(&self, change: &str, name: &str) {
        self.site
            .prints(&["account", change, name, "--config", "lineside.toml"]);
    }

    async fn status_with(&self, cookie: &str) -> StatusCode {
        let asked = self.ask(Method::GET, "/api/v1/status").header(COOKIE, cookie);
        asked.send().await.unwrap().status()
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap().to_owned()
}

fn cookie(answer: &Response) -> String {
    let set = answer.headers()[SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

async fn json(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
}

/// A stranger, or a known one without the right.
async fn is_refused(answer: Response) -> bool {
    let status = answer.status();
    let told = json(answer).await;
    let detail = told["detail"].as_str().unwrap_or_default();
    let is_stranger = status == StatusCode::UNAUTHORIZED && detail.starts_with("this needs someone who is signed in");
    is_stranger || status == StatusCode::FORBIDDEN && detail.contains("; this is for ")
}

#[tokio::test]
async fn every_call_lets_in_whom_it_should_and_nobody_else() {
    let shop = Shop::open("").await;
    let document = json(shop.ask(Method::GET, "/api/v1/openapi.json").send().await.unwrap()).await;
    let paths = document["paths"].as_object().unwrap();
    let described = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    let mut wrong = Vec::new();
    let mut cells = 0;
    for (method, path) in described {
        let Some((.., allowed)) = TABLE.iter().find(|row| row.0 == method && row.1 == path) else {
            wrong.push(format!("{method} {path} is not in the table"));
            continue;
        };
        let parts = path
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part });
        let at = parts.collect::<Vec<_>>().join("/");
        for who in "?oqsadw".chars() {
            let mut asked = shop.ask(method.parse().unwrap(), &at).body("{}");
            if let Some(token) = shop.tokens.get(&who) {
                asked = asked.bearer_auth(token);
            }
            let is_in = !is_refused(asked.send().await.unwrap()).await;
            cells += 1;
            if is_in != allowed.contains(who) {
                wrong.push(format!(
                    "{method} {path}: {who} is {}",
                    if is_in { "let in" } else { "refused" }
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(cells, TABLE.len() * 7, "a row of the table is no call any more");
    let nothing = shop.ask(Method::GET, "/api/v1/nothing").send().await.unwrap();
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_sent_on_of_the_audit_log_is_for_those_alone_who_may_read_it() {
    let mut shop = Shop::closed("");
    shop.site
        .configure("[upstream.central]\nurl = \"http://127.0.0.1:9/batches\"\nsend = [\"work_report\", \"audit\"]\n");
    shop.daemon = Some(shop.site.start().await);
    let records = async |who: char| {
        let asked = shop.ask(Method::GET, "/api/v1/buffer/records?lane=report");
        let told = json(asked.bearer_auth(&shop.tokens[&who]).send().await.unwrap()).await;
        let kinds = told["messages"].as_array().unwrap().iter();
        let entries = kinds.filter(|message| message["message_type"] == "AUDIT_RECORDED");
        (told["next"].as_u64().unwrap(), entries.count())
    };
    let (next, _) = until("entries on their way", async || {
        Some(records('s').await).filter(|(_, entries)| *entries > 0)
    })
    .await;
    for who in ['o', 'q', 'd', 'w'] {
        let (goes_on_at, entries) = records(who).await;
        assert_eq!(entries, 0, "{who}");
        assert!(goes_on_at >= next, "and nothing is stepped on twice");
    }
}

#[tokio::test]
async fn tokens_are_not_guessed_without_end() {
    let shop = Shop::open("").await;
    let guess = async |token: &str| {
        let body = json!({"token": token}).to_string();
        let asked = shop.ask(Method::POST, "/api/v1/session").body(body).send();
        asked.await.unwrap().status()
    };
    let mut answers = Vec::new();
    for nth in 0..25 {
        answers.push(guess(&format!("guess-{nth}")).await);
    }
    assert_eq!(answers[0], StatusCode::UNAUTHORIZED);
    assert_eq!(answers[24], StatusCode::TOO_MANY_REQUESTS);
    let is_refused = |status: &&StatusCode| **status == StatusCode::UNAUTHORIZED;
    assert!(
        (20..24).contains(&answers.iter().filter(is_refused).count()),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_session_that_ended_stays_ended() {
    let shop = Shop::open("").await;
    let answer = shop.sign_in(PERSON, PASSWORD).await;
    let set = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Strict"] {
        assert!(set.contains(attribute), "{set}");
    }
    let first = cookie(&answer);
    let who = json(answer).await;
    assert_eq!((&who["name"], &who["role"]), (&json!(PERSON), &json!("supervisor")));
    assert_eq!(shop.status_with(&first).await, StatusCode::OK);

    let again = shop
        .ask(Method::POST, "/api/v1/session")
        .header(COOKIE, &first)
        .header(ORIGIN, shop.origin());
    let again = again
        .body(json!({"name": PERSON, "password": PASSWORD}).to_string())
        .send()
        .await
        .unwrap();
    let second = cookie(&again);
    assert_ne!(first, second, "each sign-in gives another id");
    assert_eq!(
        shop.status_with(&first).await,
        StatusCode::UNAUTHORIZED,
        "the one before has ended"
    );

    let left = shop
        .ask(Method::DELETE, "/api/v1/session")
        .header(COOKIE, &second)
        .header(ORIGIN, shop.origin());
    assert_eq!(left.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(shop.status_with(&second).await, StatusCode::UNAUTHORIZED);

    for change in [&["disable"][..], &["remove"]] {
        let session = shop.session().await;
        shop.site
            .prints(&["account", change[0], PERSON, "--config", "lineside.toml"]);
        until("the person to be out", async || {
            (shop.status_with(&session).await == StatusCode::UNAUTHORIZED).then_some(())
        })
        .await;
        if change[0] == "disable" {
            shop.site
                .prints(&["account", "enable", PERSON, "--config", "lineside.toml"]);
            until("the person to be back", async || {
                (shop.sign_in(PERSON, PASSWORD).await.status() == StatusCode::OK).then_some(())
            })
            .await;
            assert_eq!(shop.status_with(&session).await, StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn a_broken_accounts_file_keeps_everyone_in() {
    let shop = Shop::open("").await;
    let session = shop.session().await;
    let accounts = fs::read_to_string(shop.site.path("accounts.toml")).unwrap();
    let broken = accounts.replace("supervisor", "boss");
    fs::write(shop.site.path("accounts.toml"), broken).unwrap();
    let log = shop.daemon.as_ref().unwrap();
    until("the log to tell", async || {
        log.told("the accounts file is broken").then_some(())
    })
    .await;
    assert_eq!(shop.status_with(&session).await, StatusCode::OK);
}

#[tokio::test]
async fn a_device_stays_signed_in_over_restarts_until_it_is_removed() {
    let mut shop = Shop::open("").await;
    let body = json!({"token": shop.tokens[&'d']}).to_string();
    let answer = shop
        .ask(Method::POST, "/api/v1/session")
        .body(body)
        .send()
        .await
        .unwrap();
    let device = cookie(&answer);
    let who = json(answer).await;
    assert_eq!((&who["name"], &who["station"]), (&json!("tablet"), &json!("ST-01")));

    shop.daemon.take().unwrap().kill();
    shop.daemon = Some(shop.site.start().await);
    assert_eq!(shop.status_with(&device).await, StatusCode::OK);
    shop.site
        .prints(&["account", "remove", "tablet", "--config", "lineside.toml"]);
    until("the device to be out", async || {
        (shop.status_with(&device).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;

    let program = json!({"token": shop.tokens[&'a']}).to_string();
    let answer = shop
        .ask(Method::POST, "/api/v1/session")
        .body(program)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.status(),
        StatusCode::UNAUTHORIZED,
        "a program's token makes no session"
    );
}

#[tokio::test]
async fn changes_of_a_browser_come_from_our_own_pages_only() {
    let shop = Shop::open("").await;
    let session = shop.session().await;
    let own = shop.origin();
    let other_port = "http://127.0.0.1:1".to_owned();
    let https = own.replace("http:", "https:");
    let by_name = own.replace("127.0.0.1", "localhost");
    let null = "null".to_owned();
    let foreign = "https://evil.example".to_owned();
    let sent = async |method: Method, path: &str, origin: Option<&String>, headers: &[(&str, &str)]| {
        let mut asked = shop.ask(method, path).body("{}");
        if let Some(origin) = origin {
            asked = asked.header(ORIGIN, origin);
        }
        for (name, value) in headers {
            asked = asked.header(*name, *value);
        }
        let answer = asked.send().await.unwrap();
        let told = json(answer).await;
        !told["detail"]
            .as_str()
            .unwrap_or_default()
            .contains("gateway's own pages")
    };
    let change = "/api/v1/buffer/dead-letters/x/discard";
    let with_cookie = [("cookie", session.as_str())];
    assert!(sent(Method::POST, change, Some(&own), &with_cookie).await);
    for origin in [&other_port, &https, &by_name, &null, &foreign] {
        assert!(
            !sent(Method::POST, change, Some(origin), &with_cookie).await,
            "{origin}"
        );
        assert!(
            !sent(Method::POST, "/api/v1/session", Some(origin), &[]).await,
            "a sign-in from {origin}"
        );
        assert!(sent(Method::GET, "/api/v1/status", Some(origin), &with_cookie).await);
    }
    assert!(
        !sent(Method::POST, change, None, &with_cookie).await,
        "a cookie without an origin"
    );
    let upgrade = [
        ("cookie", session.as_str()),
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
    ];
    assert!(sent(Method::GET, "/api/v1/status", Some(&own), &upgrade).await);
    assert!(!sent(Method::GET, "/api/v1/status", Some(&foreign), &upgrade).await);
    assert!(!sent(Method::GET, "/api/v1/status", None, &upgrade).await);
    assert!(
        !sent(Method::GET, "/api/v1/status", Some(&foreign), &upgrade[1..]).await,
        "not even without a cookie"
    );
    let bearer = format!("Bearer {}", shop.tokens[&'s']);
    assert!(sent(Method::POST, change, Some(&foreign), &[("authorization", &bearer)]).await);
}

#[tokio::test]
async fn a_name_that_was_made_to_point_to_us_opens_nothing() {
    let shop = Shop::open("reads = \"open\"\nhosts = [\"gateway-3.plant\"]").await;
    let port = shop.site.web_port();
    for (host, is_ours) in [
        (format!("127.0.0.1:{port}"), true),
        (format!("localhost:{port}"), true),
        (format!("gateway-3.plant:{port}"), true),
        (format!("192.168.7.7:{port}"), true),
        ("[fe80::7]".to_owned(), true),
        (format!("evil.example:{port}"), false),
        ("127.0.0.1.evil.example".to_owned(), false),
        ("localhost.evil.example".to_owned(), false),
        (String::new(), false),
    ] {
        for path in ["/api/v1/status", "/", "/healthz"] {
            let answer = shop.ask(Method::GET, path).header(HOST, &host).send().await.unwrap();
            let expected = if is_ours { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(answer.status(), expected, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn guessing_takes_longer_and_shuts_out_the_guesser_alone() {
    let shop = Shop::open("").await;
    let device = json!({"token": shop.tokens[&'d']}).to_string();
    for _ in 0..5 {
        let answer = shop.sign_in(PERSON, "wrong password").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let answer = shop.sign_in(PERSON, PASSWORD).await;
    assert_eq!(
        answer.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "the right password does not help now"
    );
    let wait_s: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait_s), "{wait_s}");
    let by_device = shop
        .ask(Method::POST, "/api/v1/session")
        .body(device)
        .send()
        .await
        .unwrap();
    assert_eq!(by_device.status(), StatusCode::OK, "a device still gets in");
    let from_elsewhere = Client::builder()
        .local_address(Some([127, 0, 0, 2].into()))
        .build()
        .unwrap();
    let body = json!({"name": PERSON, "password": PASSWORD}).to_string();
    let url = format!("{}/api/v1/session", shop.origin());
    let answer = from_elsewhere.post(url).body(body).send().await.unwrap();
    assert_eq!(
        answer.status(),
        StatusCode::OK,
        "the person gets in from another address"
    );

    let unknown = shop.sign_in("nobody", "wrong password").await;
    assert_eq!(unknown.status(), StatusCode::UNAUTHORIZED);
    let (unknown, known) = (
        json(unknown).await,
        json(shop.sign_in("mes-admin", "wrong password").await).await,
    );
    assert_eq!(unknown, known, "what is told does not tell who there is");
}

#[tokio::test]
async fn who_asks_too_much_is_told_to_wait_and_others_are_not() {
    let mut shop = Shop::closed("");
    shop.site.set_rate(5, 10);
    shop.site.set_window("accounts_file = \"accounts.toml\"");
    shop.site.configure("");
    shop.daemon = Some(shop.site.start().await);
    let asked = async |token: Option<&String>, path: &str| {
        let mut asked = shop.ask(Method::GET, path);
        if let Some(token) = token {
            asked = asked.bearer_auth(token);
        }
        asked.send().await.unwrap()
    };
    let mut refused = None;
    for _ in 0..30 {
        let answer = asked(Some(&shop.tokens[&'o']), "/api/v1/status").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
        }
    }
    assert!(
        refused
            .expect("the burst is over")
            .headers()
            .contains_key("retry-after")
    );
    assert_eq!(
        asked(Some(&shop.tokens[&'a']), "/api/v1/status").await.status(),
        StatusCode::OK
    );
    for _ in 0..30 {
        assert_eq!(asked(None, "/healthz").await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn floods_leave_others_untouched() {
    let shop = Shop::open("").await;
    let address = format!("127.0.0.1:{}", shop.site.web_port());
    let mut crowd: Vec<TcpStream> = (0..1000).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for slow in crowd.iter_mut().step_by(2) {
        // Some were sent away already.
        slow.write_all(b"POST /api/v1/session HTTP/1.1\r\nhost: local").ok();
    }
    let started = std::time::Instant::now();
    for _ in 0..20 {
        let answer = shop.ask(Method::GET, "/healthz").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(crowd);

    let huge = vec![b' '; 8 << 20];
    let token = &shop.tokens[&'a'];
    let answer = shop
        .ask(Method::POST, "/api/v1/work-reports")
        .bearer_auth(token)
        .body(huge)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = shop
        .ask(Method::POST, "/api/v1/work-reports")
        .bearer_auth(token)
        .body(deep)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_client_error(), "{}", answer.status());
    let mut endless = TcpStream::connect(&address).unwrap();
    let head = [
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ".as_slice(),
        &vec![b'x'; 64 << 10],
    ]
    .concat();
    endless.write_all(&head).ok();
    endless.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut told = String::new();
    endless.read_to_string(&mut told).ok();
    assert!(!told.contains("200 OK"), "{told}");
    assert_eq!(
        shop.ask(Method::GET, "/healthz").send().await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn answers_carry_every_safe_header() {
    let shop = Shop::open("").await;
    for path in ["/", "/assets/shell.js", "/api/v1/status", "/api/v1/session", "/nothing"] {
        let answer = shop.ask(Method::GET, path).send().await.unwrap();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(
                answer.headers().get(name).map(HeaderValue::as_bytes),
                Some(value.as_bytes()),
                "{path} {name}"
            );
        }
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert!(answer.headers().contains_key("permissions-policy") && !answer.headers().contains_key(LOCATION));
        assert!(
            !answer.headers().contains_key(STRICT_TRANSPORT_SECURITY),
            "there is no TLS"
        );
    }
}

#[tokio::test]
async fn a_renewed_certificate_needs_no_restart_and_a_broken_one_keeps_the_old() {
    let authority = Authority::new();
    for name in ["first", "second"] {
        authority.broker(name, "20200101000000Z", "20990101000000Z");
    }
    let mut shop = Shop::closed("");
    let install = |site: &Site, name: &str| {
        for (from, to) in [("pem", "gateway.crt"), ("key", "gateway.key")] {
            fs::copy(authority.file(&format!("{name}.{from}")), site.path(to)).unwrap();
        }
    };
    install(&shop.site, "first");
    let tls = "tls = { cert_file = \"gateway.crt\", key_file = \"gateway.key\" }";
    shop.site
        .set_window(&format!("accounts_file = \"accounts.toml\"\n{tls}"));
    shop.site.configure("");
    let daemon = shop.site.spawn();
    let root = reqwest::Certificate::from_pem(&fs::read(authority.file("ca.pem")).unwrap()).unwrap();
    let url = format!("https://127.0.0.1:{}", shop.site.web_port());
    let client = || Client::builder().tls_certs_only([root.clone()]).build().unwrap();
    let answer = until("the gateway", async || {
        client().get(format!("{url}/healthz")).send().await.ok()
    })
    .await;
    assert!(answer.headers().contains_key(STRICT_TRANSPORT_SECURITY));
    let body = json!({"name": PERSON, "password": PASSWORD}).to_string();
    let signed_in = client()
        .post(format!("{url}/api/v1/session"))
        .body(body)
        .send()
        .await
        .unwrap();
    assert!(signed_in.headers()[SET_COOKIE].to_str().unwrap().contains("; Secure"));
    let in_clear = TcpStream::connect(("127.0.0.1", shop.site.web_port())).and_then(|mut stream| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut told = Vec::new();
        stream.read_to_end(&mut told)?;
        Ok(told)
    });
    assert!(!in_clear.unwrap_or_default().starts_with(b"HTTP"));
    let status = shop.site.prints(&["buffer", "status", "--config", "lineside.toml"]);
    assert!(
        status.contains("\"upstreams\""),
        "the running gateway is asked: {status}"
    );

    let served = || {
        let address = format!("127.0.0.1:{}", shop.site.web_port());
        let shown = shown_output(
            Command::new("openssl")
                .args(["s_client", "-connect", &address])
                .stdin(std::process::Stdio::null()),
        );
        shown
            .lines()
            .find(|line| line.starts_with("subject="))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(served().contains("first"), "{}", served());
    install(&shop.site, "second");
    daemon.hang_up();
    until("the second certificate", async || {
        served().contains("second").then_some(())
    })
    .await;
    fs::copy(authority.file("first.key"), shop.site.path("gateway.key")).unwrap();
    daemon.hang_up();
    until("the log to tell", async || {
        daemon.told("the new certificate can't be used").then_some(())
    })
    .await;
    assert!(served().contains("second"));
    shop.daemon = Some(daemon);
}

fn shown_output(command: &mut Command) -> String {
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

#[test]
fn a_certificate_that_is_wrong_is_told_at_its_place() {
    let authority = Authority::new();
    authority.broker("fine", "20200101000000Z", "20990101000000Z");
    authority.broker("old", "20200101000000Z", "20200201000000Z");
    let mut site = Site::new("");
    let mut checked = |cert: &str, key: &str| {
        let (cert, key) = (authority.file(cert), authority.file(key));
        site.set_window(&format!(
            "tls = {{ cert_file = \"{}\", key_file = \"{}\" }}",
            cert.display(),
            key.display()
        ));
        site.configure("");
        String::from_utf8(site.run(&["check", "--config", "lineside.toml"]).stderr).unwrap()
    };
    assert_eq!(checked("fine.pem", "fine.key"), "");
    for (cert, key, what) in [
        ("old.pem", "old.key", "has expired at 2020-02-01"),
        ("fine.pem", "old.key", "is not the key of"),
        ("fine.key", "fine.key", "no certificates in"),
        ("fine.pem", "nothing.key", "no private key in"),
    ] {
        let told = checked(cert, key);
        assert!(told.contains(what) && told.contains('^'), "{cert} {key}: {told}");
    }
}

#[test]
fn what_can_be_reached_from_outside_needs_accounts_and_tls() {
    let site = Site::new("");
    let checked = |web: &str| {
        site.write(
            "lineside.toml",
            &format!("[gateway]\nid = \"shop-1\"\n\n[web]\n{web}\n"),
        );
        String::from_utf8(site.run(&["check", "--config", "lineside.toml"]).stderr).unwrap()
    };
    for (web, what) in [
        (
            "listen = \"0.0.0.0:8080\"",
            "needs accounts_file = \"accounts.toml\" and tls =",
        ),
        ("listen = \"0.0.0.0:8080\"\naccounts_file = \"a.toml\"", "needs tls ="),
        (
            "listen = \"[::]:8080\"\naccounts_file = \"a.toml\"\nreads = \"open\"",
            "write \"signed-in\"",
        ),
        ("hosts = [\"http://gateway:80\"]", "is not a host's name"),
        ("accounts_file = \"lineside.toml\"", "others may read it"),
    ] {
        let told = checked(web);
        assert!(told.contains(what) && told.contains('^'), "{web}: {told}");
    }
    assert_eq!(checked("accounts_file = \"a.toml\"\nreads = \"open\""), "");
}

#[tokio::test]
async fn secrets_stand_nowhere_but_where_they_belong() {
    let shop = Shop::open("").await;
    let session = shop.session().await;
    shop.sign_in(PERSON, "canary-wrong-password").await;
    shop.sign_in("canary-password-as-a-name", "canary-wrong-password").await;
    let mut told = String::new();
    for path in [
        "/api/v1/status",
        "/api/v1/session",
        "/api/v1/openapi.json",
        "/metrics",
        "/api/v1/buffer/records?lane=report",
    ] {
        let answer = shop
            .ask(Method::GET, path)
            .header(COOKIE, &session)
            .send()
            .await
            .unwrap();
        told.push_str(&answer.text().await.unwrap());
    }
    told.push_str(&shop.site.prints(&["account", "list", "--config", "lineside.toml"]));
    told.push_str(&shop.daemon.as_ref().unwrap().log());
    let control = fs::read_to_string(shop.site.data().join("control-token")).unwrap();
    shop.daemon.as_ref().unwrap().assert_no_argument_has("canary");
    for file in walk(&shop.site.data()) {
        if !file.ends_with("control-token") {
            told.push_str(&String::from_utf8_lossy(&fs::read(file).unwrap()));
        }
    }
    told.push_str(&fs::read_to_string(shop.site.path("accounts.toml")).unwrap());
    let id = session.split('-').next_back().unwrap().to_owned();
    let mut secrets = vec!["canary".to_owned(), control, id];
    secrets.extend(shop.tokens.values().cloned());
    for secret in secrets {
        assert!(!told.contains(&secret), "{secret} stands somewhere");
    }
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}

#[test]
fn passwords_are_long_enough_and_never_arguments() {
    let site = Site::new("");
    let told = |arguments: &[&str]| {
        let output = site.run(&[&["account"], arguments, &["--config", "lineside.toml"]].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, why) = told(&["add", "a", "--role", "admin"]);
    assert!(code == Some(2) && why.contains("accounts_file ="), "{why}");
    let mut site = site;
    site.set_window("accounts_file = \"accounts.toml\"");
    site.configure("");
    let told = |arguments: &[&str]| {
        let output = site.run(&[&["account"], arguments, &["--config", "lineside.toml"]].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    site.write("short", "123456789\n");
    let (code, why) = told(&["add", "a", "--role", "admin", "--password-file", "short"]);
    assert!(code == Some(2) && why.contains("take at least 10"), "{why}");
    assert_eq!(
        told(&["add", "a", "--role", "admin", "--password", "0123456789"]).0,
        Some(2)
    );
    let (_, why) = told(&["add", "a", "--role", "admin"]);
    assert!(why.contains("no terminal to ask"), "{why}");
    assert!(!site.path("accounts.toml").exists());
    site.write("long", "0123456789\n");
    assert_eq!(
        told(&["add", "a", "--role", "admin", "--password-file", "long"]).0,
        Some(0)
    );
    let (_, why) = told(&["token", "a", "--role", "admin"]);
    assert!(why.contains("stands in the file already"), "{why}");
    let (code, why) = told(&["remove", "b"]);
    assert!(code == Some(2) && why.contains("nobody is called b"), "{why}");
    let (code, why) = told(&["add", "b", "--station", "ST-99"]);
    assert!(code == Some(2) && why.contains("no station ST-99"), "{why}");
}

/// Waits until the gateway has taken leave.
async fn ends(mut view: View) {
    let told = async { while let Some(Ok(Message::Text(_) | Message::Ping(_))) = view.next().await {} };
    tokio::time::timeout(PATIENCE, told).await.expect("the view ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_view_ends_when_who_looks_may_not_any_more() {
    let shop = Shop::open("reads = \"signed-in\"").await;
    let program = format!("Bearer {}", shop.tokens[&'o']);
    let mut other = shop.live_view(AUTHORIZATION, &program).await.unwrap();
    let refused = async |shown: &str| {
        let view = shop.live_view(COOKIE, shown).await;
        assert!(
            matches!(&view, Err(Error::Http(answer)) if answer.status() == StatusCode::UNAUTHORIZED),
            "{view:?}"
        );
    };

    let session = shop.session().await;
    let view = shop.live_view(COOKIE, &session).await.unwrap();
    shop.account("disable", PERSON);
    ends(view).await;
    refused(&session).await;

    shop.account("enable", PERSON);
    until("the person to be let in again", async || {
        (shop.sign_in(PERSON, PASSWORD).await.status() == StatusCode::OK).then_some(())
    })
    .await;
    let session = shop.session().await;
    let view = shop.live_view(COOKIE, &session).await.unwrap();
    shop.ask(Method::DELETE, "/api/v1/session")
        .header(COOKIE, &session)
        .header(ORIGIN, shop.origin())
        .send()
        .await
        .unwrap();
    ends(view).await;

    let session = shop.session().await;
    let view = shop.live_view(COOKIE, &session).await.unwrap();
    shop.account("remove", PERSON);
    ends(view).await;

    let screen = format!("Bearer {}", shop.tokens[&'d']);
    let view = shop.live_view(AUTHORIZATION, &screen).await.unwrap();
    shop.account("remove", "tablet");
    ends(view).await;

    // Frames come at least every two seconds, also to who stays: more than were on their way.
    for _ in 0..10 {
        let frame = tokio::time::timeout(PATIENCE, other.next())
            .await
            .expect("a sign of life");
        assert!(
            matches!(frame, Some(Ok(Message::Text(_) | Message::Ping(_)))),
            "{frame:?}"
        );
    }
}

#[test]
fn a_device_speaks_for_a_station_that_is_there() {
    let shop = Shop::closed("");
    let arguments = "account add other --station ST-9 --config lineside.toml";
    let output = shop.site.run(&arguments.split(' ').collect::<Vec<_>>());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && told.contains("no station ST-9 (known: ST-01)"),
        "{told}"
    );
    let all = shop.site.prints(&["account", "list", "--config", "lineside.toml"]);
    assert!(!all.contains("other"), "{all}");
}
