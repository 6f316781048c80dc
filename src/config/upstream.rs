//! `[upstream.NAME]` and `[reference]`: where records go and what is known comes from, as written and as lowered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::plan::Check;
use crate::buffer::BatchLimit;
use crate::clock::Zone;
use crate::forward::{self, Body, http::Compression};
use crate::record::Kind;
use crate::reference;
use crate::units::{Period, Size};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub url: UpstreamUrl,
    pub token: Option<String>,
    pub token_file: Option<PathBuf>,
    #[serde(default = "every_topic")]
    pub send: Vec<SendTopic>,
    #[serde(default = "records_max")]
    pub max_records: usize,
    #[serde(default = "bytes_max")]
    pub max_bytes: Size,
    #[serde(default = "wait_max")]
    pub max_wait: Period,
    #[serde(default)]
    pub compress: Compression,
    #[serde(default = "answer_within")]
    pub timeout: Period,
}

/// Who did what on the gateway is for who asks for it.
fn every_topic() -> Vec<SendTopic> {
    use SendTopic::{Alert, Equipment, Inspection, Progress, WorkReport};
    vec![WorkReport, Inspection, Progress, Alert, Equipment]
}

fn records_max() -> usize {
    500
}

fn bytes_max() -> Size {
    Size::from_mib(1)
}

fn wait_max() -> Period {
    Period::from_ms(100)
}

fn answer_within() -> Period {
    Period::from_ms(10_000)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendTopic {
    WorkReport,
    Inspection,
    Progress,
    Alert,
    Equipment,
    Audit,
}

impl SendTopic {
    pub fn name(self) -> &'static str {
        match self {
            Self::WorkReport => "work_report",
            Self::Inspection => "inspection",
            Self::Progress => "progress",
            Self::Alert => "alert",
            Self::Equipment => "equipment",
            Self::Audit => "audit",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct UpstreamUrl(pub String);

impl TryFrom<String> for UpstreamUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let right = "write one such as \"https://store.example/api/v1/batches\"";
        let url = reqwest::Url::parse(&text).map_err(|e| format!("not a URL: {e}; {right}"))?;
        if url.password().is_some() || !url.username().is_empty() {
            return Err("credentials do not belong into a URL; use `token_file`".to_owned());
        }
        match url.scheme() {
            "http" | "https" => Ok(Self(text)),
            later @ ("amqp" | "amqps" | "mysql" | "redis" | "mqtt" | "mqtts") => {
                Err(format!("`{later}://` upstreams are not in this version; {right}"))
            }
            other => Err(format!("`{other}://` is no way to an upstream; {right}")),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub from: String,
    #[serde(default = "half_a_minute")]
    pub every: Period,
    /// Where the reference call is, if it does not stand beside the upstream's own.
    pub url: Option<UpstreamUrl>,
}

fn half_a_minute() -> Period {
    Period::from_ms(30_000)
}

/// A batch is held in memory, once as it is and once compressed.
const BATCH_BYTES_MAX: u64 = 64 << 20;
const BATCH_RECORDS_MAX: usize = 10_000;

pub(super) fn lower_upstreams(
    sections: &BTreeMap<String, Upstream>,
    gateway_id: &str,
    zone: Zone,
    check: &mut Check,
) -> Vec<forward::Settings> {
    let client = match forward::http::client() {
        Ok(client) => client,
        Err(error) => {
            check.find(
                &["upstream"],
                format!("no HTTP client: {}", crate::files::causes(&error)),
            );
            return Vec::new();
        }
    };
    let mut lowered = Vec::new();
    for (name, upstream) in sections {
        let section = ["upstream", name.as_str()];
        let is_file_name = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_file_name || name.len() > 64 {
            check.find(&section, "an upstream's name is 1 to 64 of letters, digits, - and _");
        }
        check_limits(&section, upstream, check);
        let token = check.secret(&section, "token", upstream.token.as_ref(), upstream.token_file.as_ref());
        let is_wanted = |kind: &Kind| {
            upstream
                .send
                .iter()
                .map(|topic: &SendTopic| topic.name())
                .any(|t| t == kind.topic())
        };
        lowered.push(forward::Settings {
            name: name.clone(),
            gateway_id: gateway_id.to_owned(),
            zone,
            http: forward::http::Settings {
                url: upstream.url.0.clone(),
                token,
                timeout: upstream.timeout.0,
                compression: upstream.compress,
                client: client.clone(),
            },
            body: Body::Batch,
            kinds: Kind::all().filter(is_wanted).collect(),
            limit: BatchLimit {
                records: upstream.max_records,
                bytes: usize::try_from(upstream.max_bytes.0).unwrap_or(usize::MAX),
            },
            max_wait: upstream.max_wait.0,
        });
    }
    lowered
}

fn check_limits(section: &[&str], upstream: &Upstream, check: &mut Check) {
    if upstream.send.is_empty() {
        check.find(
            &[section, &["send"]].concat(),
            "sends nothing; leave it out to send all but the audit log",
        );
    }
    if !(1..=BATCH_RECORDS_MAX).contains(&upstream.max_records) {
        check.find(
            &[section, &["max_records"]].concat(),
            format!("write 1 to {BATCH_RECORDS_MAX}"),
        );
    }
    if !(1024..=BATCH_BYTES_MAX).contains(&upstream.max_bytes.0) {
        check.find(&[section, &["max_bytes"]].concat(), "write \"1 KiB\" to \"64 MiB\"");
    }
    if upstream.timeout.0 < Duration::from_millis(100) {
        check.find(&[section, &["timeout"]].concat(), "write at least \"100ms\"");
    }
}

pub(super) fn lower_reference(
    section: &Reference,
    upstreams: &[forward::Settings],
    workshop_id: Option<i64>,
    data_dir: &Path,
    check: &mut Check,
) -> Option<reference::Settings> {
    if section.every.0 < Duration::from_secs(1) {
        check.find(&["reference", "every"], "write at least \"1s\"");
    }
    let Some(upstream) = upstreams.iter().find(|upstream| upstream.name == section.from) else {
        if !check.tree.removed.contains(&section.from) {
            let known: Vec<&str> = upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
            check.find(
                &["reference", "from"],
                format!("there is no [upstream.{}] (known: {})", section.from, known.join(", ")),
            );
        }
        return None;
    };
    let url = match &section.url {
        Some(url) => url.0.clone(),
        None => {
            if let Some((folder, "batches")) = upstream.http.url.rsplit_once('/') {
                format!("{folder}/reference")
            } else {
                check.find(
                    &["reference", "from"],
                    "the upstream's URL does not end with /batches; say where the reference call is with url",
                );
                return None;
            }
        }
    };
    Some(reference::Settings {
        url,
        upstream: upstream.name.clone(),
        token: upstream.http.token.clone(),
        workshop_id,
        every: section.every.0,
        timeout: upstream.http.timeout,
        file: data_dir.join("reference.json"),
        client: upstream.http.client.clone(),
    })
}
