//! The configuration as people see it while it runs: what the file said, without secrets, and what is to be said of the file
//! as it lies on the disk now.
//!
//! No secret stands in the file itself; what could still be one (the password of a URL, what follows its question mark, the
//! path of a webhook) is not shown. Comments are not shown either, for anything can stand there.

use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::document::Document;
use super::examine;
use crate::source::modbus;
use crate::units::hex;
use crate::web::{Checked, Configuration, Found};

const HIDDEN: &str = "•••";
/// Names of settings that would hold a secret; `${NAME}` and names of files are shown.
const SECRETS: [&str; 4] = ["password", "token", "secret", "key"];
/// What is sent there is known to whoever knows the whole address.
const WEBHOOKS: &str = "notify";

pub fn configuration(document: &Document) -> Configuration {
    Configuration {
        file: document.file.clone(),
        sha256: digest(&document.text),
        loaded_at: chrono::Utc::now(),
        text: pack(&document.text).into(),
        sections: |packed| sections(&unpack(packed)),
        check,
    }
}

/// A plant's text is large, seldom looked at, and kept for as long as the gateway runs.
fn pack(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    packed.expect("a vector takes all that is written")
}

fn unpack(packed: &[u8]) -> String {
    let mut text = String::new();
    let read = DeflateDecoder::new(packed).read_to_string(&mut text);
    read.expect("it was packed here");
    text
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// What a file says, as JSON.
fn sections(text: &str) -> Json {
    let table: Table = text.parse().unwrap_or_default();
    shown("", &Value::Table(table))
}

fn shown(name: &str, value: &Value) -> Json {
    match value {
        Value::Table(table) => table
            .iter()
            .map(|(name, inner)| (name.clone(), shown(name, inner)))
            .collect(),
        Value::Array(items) => items.iter().map(|inner| shown(name, inner)).collect(),
        Value::String(text) => shown_text(name, text).into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(flag) => (*flag).into(),
        Value::Datetime(time) => time.to_string().into(),
    }
}

fn shown_text(name: &str, text: &str) -> String {
    let is_reference = text.starts_with("${") && text.ends_with('}');
    let is_secret = SECRETS
        .iter()
        .any(|secret| name == *secret || name.ends_with(&format!("_{secret}")));
    if is_reference {
        text.to_owned()
    } else if is_secret {
        HIDDEN.to_owned()
    } else {
        without_secrets(name, text)
    }
}

fn without_secrets(name: &str, text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    if scheme.starts_with("rtu") {
        // What follows the question mark is how the line is set up.
        return text.to_owned();
    }
    let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let user = if host.len() < authority.len() { "•••@" } else { "" };
    let path = match path.split_once('?') {
        _ if name == WEBHOOKS && path.len() > 1 => format!("/{HIDDEN}"),
        Some((path, _)) => format!("{path}?{HIDDEN}"),
        None => path.to_owned(),
    };
    format!("{scheme}://{user}{host}{path}")
}

/// What `lineside check` would say of the file now.
fn check(file: &Path) -> Checked {
    let document = match Document::load(file) {
        Ok(document) => document,
        Err(message) => {
            return Checked {
                findings: vec![Found {
                    line: 0,
                    column: 0,
                    message,
                }],
                ..Checked::default()
            };
        }
    };
    let (findings, warnings) = match examine(&document, true) {
        Ok(plan) => {
            let of_connection = |(name, settings): &(String, modbus::Settings)| {
                let name = name.clone();
                modbus::warnings(settings)
                    .into_iter()
                    .map(move |warning| format!("modbus/{name}: {warning}"))
            };
            (Vec::new(), plan.modbus.iter().flat_map(of_connection).collect())
        }
        Err(findings) => (findings.places(&document.text), Vec::new()),
    };
    Checked {
        sha256: Some(digest(&document.text)),
        findings,
        warnings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_be_a_secret_is_shown() {
        let text = r#"
            # the old password was canary-1
            [mqtt.plant]
            url = "mqtts://gateway:canary-2@broker:8883"
            password = "canary-3"
            token = "${TOKEN}"
            password_file = "broker.secret"
            [upstream.central]
            url = "https://central/api/v1/batches?key=canary-4"
            [alerts]
            notify = ["https://hooks/services/canary-5"]
            [modbus.line]
            url = "rtu:///dev/ttyUSB0?baud=9600"
            writable = ["speed"]
        "#;
        let shown = sections(&unpack(&pack(text)));
        assert!(!shown.to_string().contains("canary"), "{shown}");
        for (place, value) in [
            ("/mqtt/plant/url", "mqtts://•••@broker:8883"),
            ("/mqtt/plant/token", "${TOKEN}"),
            ("/mqtt/plant/password_file", "broker.secret"),
            ("/upstream/central/url", "https://central/api/v1/batches?•••"),
            ("/alerts/notify/0", "https://hooks/•••"),
            ("/modbus/line/url", "rtu:///dev/ttyUSB0?baud=9600"),
            ("/modbus/line/writable/0", "speed"),
        ] {
            assert_eq!(shown.pointer(place), Some(&value.into()), "{place}");
        }
    }
}
