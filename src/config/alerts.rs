//! `[alerts]`: who is told of what judges find, how often and until when; and what is a failure without a judge.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;
use uuid::Uuid;

use super::plan::Check;
use super::upstream::UpstreamUrl;
use crate::buffer::BatchLimit;
use crate::clock::Zone;
use crate::forward::{self, Body, http::Compression};
use crate::intake::alerts::Settings;
use crate::judge;
use crate::language::Language;
use crate::record::Kind;
use crate::units::Period;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    pub defect_rate: Option<DefectRate>,
    pub labor_time: Option<LaborTime>,
    pub repeat_after: Period,
    pub escalate_after: Option<Period>,
    pub clear_after: Period,
    pub expire_after: Period,
    pub equipment_failure: EquipmentFailure,
    pub source_lost_after: Period,
    pub notify: Vec<UpstreamUrl>,
    pub notify_token: Option<String>,
    pub notify_token_file: Option<PathBuf>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            defect_rate: None,
            labor_time: None,
            repeat_after: Period(Duration::from_mins(15)),
            escalate_after: None,
            clear_after: Period(Duration::from_secs(10)),
            expire_after: Period(Duration::from_hours(24)),
            equipment_failure: EquipmentFailure::default(),
            source_lost_after: Period(Duration::from_mins(1)),
            notify: Vec::new(),
            notify_token: None,
            notify_token_file: None,
        }
    }
}

/// Share of unqualified pieces among the latest of an order.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefectRate {
    pub warn: f64,
    pub high: f64,
    /// Pieces that are looked back at.
    #[serde(default = "pieces")]
    pub window: u32,
}

fn pieces() -> u32 {
    200
}

/// Hours per piece against the standard or what was usual.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaborTime {
    pub factor: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EquipmentFailure {
    pub states: Vec<String>,
    pub until: Vec<String>,
}

impl Default for EquipmentFailure {
    fn default() -> Self {
        Self {
            states: ["fault", "down"].map(str::to_owned).into(),
            until: vec!["running".to_owned()],
        }
    }
}

/// More would be longer than anyone waits, and does not fit where times are added.
const PERIOD_MAX: Duration = Duration::from_hours(24 * 366);
const REPEAT_MIN: Duration = Duration::from_secs(1);

pub(super) fn lower_alerts(section: &Alerts, language: Language, check: &mut Check) -> Settings {
    if section.repeat_after.0 < REPEAT_MIN {
        check.find(&["alerts", "repeat_after"], "write at least \"1s\"");
    }
    if let Some(DefectRate { warn, high, window }) = section.defect_rate {
        let place = ["alerts", "defect_rate"];
        if !(0.0 < warn && warn <= high && high <= 1.0) {
            check.find(
                &place,
                "write shares of 1, warn not above high, such as { warn = 0.05, high = 0.10 }",
            );
        }
        if window == 0 {
            check.find(&place, "a window has at least 1 piece; write one such as 200");
        }
    }
    if section
        .labor_time
        .is_some_and(|labor| labor.factor.is_nan() || labor.factor <= 1.0)
    {
        let problem = "what is usual is no alert; write a factor above 1, such as { factor = 3.0 }";
        check.find(&["alerts", "labor_time"], problem);
    }
    let EquipmentFailure { states, until } = &section.equipment_failure;
    if let Some(state) = states.iter().find(|state| until.contains(state)) {
        let problem = format!("`{state}` cannot be both a failure and its end");
        check.find(&["alerts", "equipment_failure"], problem);
    }
    let mut time = |name: &str, period: Period| {
        if period.0 > PERIOD_MAX {
            check.find(&["alerts", name], "write at most \"366d\"");
        }
        TimeDelta::from_std(period.0.min(PERIOD_MAX)).expect("a year fits")
    };
    Settings {
        book: judge::alerts::Settings {
            repeat_after: time("repeat_after", section.repeat_after),
            escalate_after: section.escalate_after.map(|after| time("escalate_after", after)),
            clear_after: time("clear_after", section.clear_after),
            expire_after: time("expire_after", section.expire_after),
        },
        language,
        failure_states: states.clone(),
        recovered_states: until.clone(),
        source_lost_after: time("source_lost_after", section.source_lost_after),
    }
}

/// How often the place in the telemetry moves on, of which nothing is sent.
const PASS_OVER_EVERY: Duration = Duration::from_secs(5);
/// A webhook that takes longer is tried again.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Each receiver of notifications is an upstream that takes alerts alone: its own place in the buffer, its own retries.
pub(super) fn lower_notify(
    section: &Alerts,
    gateway_id: &str,
    zone: Zone,
    check: &mut Check,
) -> Vec<forward::Settings> {
    if section.notify.is_empty() {
        return Vec::new();
    }
    let token = check.secret(
        &["alerts"],
        "notify_token",
        section.notify_token.as_ref(),
        section.notify_token_file.as_ref(),
    );
    let client = match forward::http::client() {
        Ok(client) => client,
        Err(error) => {
            check.find(
                &["alerts", "notify"],
                format!("no HTTP client: {}", crate::files::causes(&error)),
            );
            return Vec::new();
        }
    };
    let mut lowered: Vec<forward::Settings> = Vec::new();
    for UpstreamUrl(url) in &section.notify {
        // The name follows from the address, so that a receiver keeps its place wherever it stands in the list.
        let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, url.as_bytes()).simple().to_string();
        let name = format!("notify-{}", &digest[..12]);
        if lowered.iter().any(|other| other.name == name) {
            check.find(&["alerts", "notify"], format!("{url} stands here twice"));
            continue;
        }
        lowered.push(forward::Settings {
            name,
            gateway_id: gateway_id.to_owned(),
            zone,
            http: forward::http::Settings {
                url: url.clone(),
                token: token.clone(),
                timeout: ANSWER_WITHIN,
                compression: Compression::None,
                client: client.clone(),
            },
            body: Body::Webhook,
            kinds: Kind::all().filter(|kind| kind.topic() == Kind::Alert.topic()).collect(),
            limit: BatchLimit {
                records: 1,
                bytes: usize::MAX,
            },
            max_wait: PASS_OVER_EVERY,
        });
    }
    lowered
}
