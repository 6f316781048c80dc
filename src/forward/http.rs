//! An upstream over HTTP: one POST per batch, and what each answer means.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use uuid::Uuid;

use super::Body;
use crate::secret::Secret;
use crate::wire::Answer;

/// An answer longer than this is not one of a batch.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// However long an upstream asks us to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);
/// Of an error's text, for people to read.
const DETAIL_CHARS_MAX: usize = 300;

#[derive(Debug, Clone)]
pub struct Settings {
    pub url: String,
    pub token: Option<Secret>,
    pub timeout: Duration,
    pub compression: Compression,
    pub client: Client,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    #[default]
    Gzip,
    Zstd,
    None,
}

impl Compression {
    /// As HTTP calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::None => "identity",
        }
    }
}

/// What to do about a batch that was not stored.
#[derive(Debug)]
pub enum Failure {
    /// The same batch again, later.
    Later {
        cause: String,
        retry_after: Option<Duration>,
    },
    /// A person must mend a setting; the data is innocent.
    Settings { cause: String },
    /// Smaller batches.
    TooLarge { cause: String },
    /// Some message in it is refused; which one has to be found.
    Refused { cause: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later { cause, .. }
            | Self::Settings { cause }
            | Self::TooLarge { cause }
            | Self::Refused { cause } => f.write_str(cause),
        }
    }
}

pub struct HttpUpstream {
    settings: Settings,
    body: Body,
}

/// A client for all upstreams and the reference data: never follows redirects, for a POST must not wander off.
pub fn client() -> Result<Client, reqwest::Error> {
    builder().build()
}

/// As [`client`], for who shows a certificate that is known beforehand.
pub fn client_with(tls: rustls::ClientConfig) -> Result<Client, reqwest::Error> {
    builder().tls_backend_preconfigured(tls).build()
}

fn builder() -> reqwest::ClientBuilder {
    crate::tls::install_provider();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_mins(1))
        .tcp_keepalive(Duration::from_secs(30))
        .user_agent(concat!("lineside/", env!("CARGO_PKG_VERSION")))
}

impl HttpUpstream {
    pub fn new(settings: Settings, body: Body) -> Self {
        Self { settings, body }
    }

    /// One attempt.
    pub async fn deliver(&self, batch_id: Uuid, body: Bytes) -> Result<Answer, Failure> {
        let attempt = async {
            let unreachable = |error: reqwest::Error| Failure::later(crate::files::causes(&error.without_url()));
            let request = self
                .settings
                .client
                .post(&self.settings.url)
                .headers(self.headers(batch_id))
                .body(body);
            let mut response = request.send().await.map_err(unreachable)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut answer = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
                if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                    return Err(Failure::later(format!(
                        "{status}: an answer of more than {ANSWER_BYTES_MAX} bytes"
                    )));
                }
                answer.extend_from_slice(&chunk);
            }
            // What a webhook says beside its status is for people.
            if self.body == Body::Webhook && status.is_success() {
                return Ok(Answer::default());
            }
            understand(status, &headers, &answer, Utc::now())
        };
        match tokio::time::timeout(self.settings.timeout, attempt).await {
            Ok(result) => result,
            Err(_) => Err(Failure::later(format!("no answer within {:?}", self.settings.timeout))),
        }
    }

    fn headers(&self, batch_id: Uuid) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let key = HeaderValue::from_str(&format!("\"{batch_id}\"")).expect("a UUID is plain ASCII");
        headers.insert("Idempotency-Key", key);
        if self.settings.compression != Compression::None {
            headers.insert(
                CONTENT_ENCODING,
                HeaderValue::from_static(self.settings.compression.name()),
            );
        }
        let token = self.settings.token.as_ref();
        if let Some(Ok(mut bearer)) = token.map(|token| HeaderValue::from_str(&format!("Bearer {}", token.reveal()))) {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        headers
    }
}

impl Failure {
    fn later(cause: String) -> Self {
        Self::Later {
            cause,
            retry_after: None,
        }
    }
}

/// The table of answers.
fn understand(status: StatusCode, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Result<Answer, Failure> {
    let cause = || format!("{}{}", status.as_u16(), detail(body));
    match status.as_u16() {
        204 => Ok(Answer::default()),
        200..=299 => Answer::parse(body)
            .map_err(|why| Failure::later(format!("{} with an answer that can't be read: {why}", status.as_u16()))),
        429 | 503 => Err(Failure::Later {
            cause: cause(),
            retry_after: retry_after(headers, now),
        }),
        408 | 409 | 425 | 500..=599 => Err(Failure::later(cause())),
        413 => Err(Failure::TooLarge { cause: cause() }),
        400 | 422 => Err(Failure::Refused { cause: cause() }),
        _ => Err(Failure::Settings { cause: cause() }),
    }
}

/// The readable part of an error's body: a problem's title and detail, or its text.
fn detail(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Problem {
        title: Option<String>,
        detail: Option<String>,
    }
    let text = match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { title, detail }) => [title, detail].into_iter().flatten().collect::<Vec<_>>().join(": "),
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    let text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(DETAIL_CHARS_MAX)
        .collect();
    if text.is_empty() { text } else { format!(" {text}") }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (DateTime::parse_from_rfc2822(value).ok()?.to_utc() - now)
            .to_std()
            .unwrap_or_default(),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&'static str>, body: &[u8]) -> Result<Answer, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        let now = DateTime::parse_from_rfc3339("2026-11-21T08:00:00Z")
            .expect("an instant")
            .to_utc();
        understand(StatusCode::from_u16(status).expect("a status"), &headers, body, now)
    }

    #[test]
    fn every_answer_has_its_row() {
        assert!(answer(204, None, b"").is_ok());
        assert!(answer(200, None, br#"{"accepted":1,"duplicate":0}"#).is_ok());
        for status in [200, 201, 202, 207] {
            assert!(
                matches!(answer(status, None, b"<html>"), Err(Failure::Later { .. })),
                "{status}"
            );
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(
                matches!(answer(status, None, b""), Err(Failure::Later { .. })),
                "{status}"
            );
        }
        for status in [301, 302, 308, 401, 402, 403, 404, 405, 406, 410, 415, 418] {
            assert!(
                matches!(answer(status, None, b""), Err(Failure::Settings { .. })),
                "{status}"
            );
        }
        for status in [400, 422] {
            assert!(
                matches!(answer(status, None, b""), Err(Failure::Refused { .. })),
                "{status}"
            );
        }
        assert!(matches!(answer(413, None, b""), Err(Failure::TooLarge { .. })));
        let foreign = br#"{"results":[{"id":"x","status":201}]}"#;
        assert!(matches!(answer(207, None, foreign), Err(Failure::Later { .. })));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_has_a_cap() {
        let wait = |value| match answer(503, Some(value), b"") {
            Err(Failure::Later { retry_after, .. }) => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sat, 21 Nov 2026 08:01:00 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(wait("Sat, 21 Nov 2026 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn a_problem_is_told_in_its_words() {
        let Err(failure) = answer(422, None, br#"{"title":"invalid","detail":"quantity"}"#) else {
            panic!("refused")
        };
        assert_eq!(failure.to_string(), "422 invalid: quantity");
    }
}
