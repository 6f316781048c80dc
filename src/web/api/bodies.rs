//! Bodies as they are read here: objects, whose mistakes are told beside what would be right.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde_json::Number;

use crate::http::Problem;
use crate::language::Words;

/// The largest whole number that every reader of JSON knows exactly.
const WHOLE_MAX: u64 = (1 << 53) - 1;

/// What comes packed is no broken JSON, and is not called so.
pub async fn unpacked(request: Request, next: Next) -> Response {
    let packing = request.headers().get(header::CONTENT_ENCODING);
    if packing.is_none_or(|packing| packing.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return next.run(request).await;
    }
    let words = Words::new(
        "what comes packed is not read here: send it without Content-Encoding",
        "此处不接收压缩内容：请去掉 Content-Encoding 后重新发送",
    );
    let refused = Problem::worded(StatusCode::UNSUPPORTED_MEDIA_TYPE, &words);
    ([(header::ACCEPT_ENCODING, "identity")], refused).into_response()
}

/// `right` is a body that would do.
pub fn read<T: DeserializeOwned>(body: &[u8], right: &str) -> Result<T, Problem> {
    let wrong = |why: String| Problem::new(StatusCode::BAD_REQUEST, format!("write {right}: {why}"));
    // Members in their order without their names are not what anybody meant, though serde would take them.
    if !is_object(body) {
        return Err(wrong("this is not an object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|e| wrong(e.to_string()))
}

pub fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// For `deserialize_with`: a whole number, not negative. JSON has one kind of numbers: 12.0 is as whole as 12.
pub fn whole<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let written = number.as_f64().filter(|value| value.fract() == 0.0);
    let whole = number.as_u64().or_else(|| format!("{:.0}", written?).parse().ok());
    whole
        .filter(|whole| *whole <= WHOLE_MAX)
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| D::Error::custom(format!("{number} is not a whole number that can be meant here")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_taken_however_they_are_written_and_nothing_else() {
        let read = |text: &str| whole::<_, u16>(&mut serde_json::Deserializer::from_str(text)).ok();
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1.2e1", Some(12)),
            ("65535", Some(65535)),
            ("65536", None),
            ("12.5", None),
            ("-1", None),
            ("-1.0", None),
            ("1e300", None),
            ("\"12\"", None),
            ("null", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let largest = |text: &str| whole::<_, u64>(&mut serde_json::Deserializer::from_str(text)).ok();
        assert_eq!(largest("9007199254740991"), Some(WHOLE_MAX));
        assert_eq!(largest("9007199254740992"), None);
    }

    #[test]
    fn a_list_is_not_taken_for_members_in_their_order() {
        #[derive(Debug, serde::Deserialize)]
        struct Said {
            who: Option<String>,
        }
        let said: Said = read(br#" {"who": "1001"}"#, "…").expect("an object");
        assert_eq!(said.who.as_deref(), Some("1001"));
        for body in [&b"[null]"[..], b"null", b"", b"{\"who\": 1}", b"{"] {
            read::<Said>(body, "{\"who\": \"1001\"}").expect_err("no such object");
        }
    }
}
