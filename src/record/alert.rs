//! What is wrong, as it is told.

use serde::{Deserialize, Serialize};

use crate::language::Words;

/// `ALERT_TRIGGERED`. Everything that is told of one trouble has the same `alert_id`; the latest is how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alert {
    pub alert_id: String,
    pub alert_type: String,
    pub severity: Severity,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_no: Option<String>,
    /// The control rule, check or term that noticed it; others number theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// The worst value of the episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<serde_json::Value>,
    /// The message in every language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// Why it is told now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub news: Option<AlertNews>,
    /// How often it was found, where it was more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Alert {
    /// What every alert has.
    pub fn new(alert_id: String, alert_type: &str, severity: Severity, message: String) -> Self {
        Self {
            alert_id,
            alert_type: alert_type.to_owned(),
            severity,
            message,
            order_no: None,
            equipment: None,
            point: None,
            worker_no: None,
            rule: None,
            value: None,
            peak: None,
            limits: None,
            words: None,
            news: None,
            times: None,
            began_at: None,
            ended_at: None,
            acknowledged_by: None,
            acknowledged_at: None,
            comment: None,
        }
    }
}

/// Why an alert is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertNews {
    Begun,
    /// It became more severe.
    Raised,
    /// Nobody has acknowledged it for too long: more severe for that.
    Escalated,
    /// Nobody has acknowledged it yet.
    Reminder,
    Acknowledged,
    Ended,
    /// Nothing was heard of it for long, so it is taken for over.
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// So many steps higher, up to the highest.
    #[must_use]
    pub fn raised(self, steps: usize) -> Self {
        let reached = Self::ALL.iter().skip(self as usize).nth(steps);
        reached.copied().unwrap_or(Self::Critical)
    }
}
