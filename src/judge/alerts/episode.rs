//! One trouble from its begin to its end: small, and kept as a state of the buffer while it is of interest.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Settings;
use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::{AlertNews, Severity, Timestamp};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    pub alert_id: Uuid,
    pub key: String,
    pub alert_type: String,
    /// As it was found at its worst.
    pub found_severity: Severity,
    /// Steps that were added because nobody acknowledged it.
    pub escalations: usize,
    pub subject: Subject,
    pub words: Words,
    /// The worst value that was found.
    pub peak: Option<f64>,
    pub began_at: Timestamp,
    /// When it was last seen to be away; it may come back within `clear_after`.
    pub away_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub acknowledged: Option<Acknowledgement>,
    /// How often it was found.
    pub times: u64,
    /// How often it was told; the ids of messages follow from it.
    pub tellings: u64,
    /// By our own clock, like the rest: when it was last heard of, told, and went up a step.
    pub heard_at: Timestamp,
    pub told_at: Timestamp,
    pub stepped_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub by: String,
    pub at: Timestamp,
    pub comment: Option<String>,
}

impl Episode {
    pub fn begun(gateway_id: &str, finding: Finding, now: Timestamp) -> Self {
        let began_us = finding.at.timestamp_micros();
        let cause = format!("{gateway_id}/alert/{}/{began_us}", finding.key);
        let is_moment = finding.change == Change::Once;
        Self {
            alert_id: Uuid::new_v5(&Uuid::NAMESPACE_URL, cause.as_bytes()),
            key: finding.key,
            alert_type: finding.alert_type,
            found_severity: finding.severity,
            escalations: 0,
            peak: finding.subject.value,
            subject: finding.subject,
            words: finding.words,
            began_at: finding.at,
            away_at: None,
            ended_at: is_moment.then_some(finding.at),
            acknowledged: None,
            times: 1,
            tellings: 0,
            heard_at: now,
            told_at: now,
            stepped_at: now,
        }
    }

    pub fn severity(&self) -> Severity {
        self.found_severity.raised(self.escalations)
    }

    pub fn is_live(&self) -> bool {
        self.ended_at.is_none()
    }

    /// The id of the message that tells of it for the next time.
    pub fn next_message_id(&mut self, now: Timestamp) -> Uuid {
        self.tellings += 1;
        self.told_at = now;
        Uuid::new_v5(&self.alert_id, &self.tellings.to_le_bytes())
    }

    /// Takes in what was found while it lasts. Whether that is to be kept, and to be told.
    pub fn goes_on(&mut self, finding: Finding) -> (bool, Option<AlertNews>) {
        let was_away = self.away_at.take().is_some();
        let is_worse = finding.change == Change::Worsens;
        if !was_away && !is_worse && finding.change != Change::GoesOn {
            return (false, None);
        }
        self.times += 1;
        let value = finding.subject.value;
        // What was said last may have been that it is over.
        (self.subject, self.words) = (finding.subject, finding.words);
        if !is_worse {
            return (true, None);
        }
        let before = self.severity();
        self.found_severity = self.found_severity.max(finding.severity);
        self.peak = value.or(self.peak);
        let is_raised = self.severity() > before;
        if is_raised {
            self.acknowledged = None;
        }
        (true, is_raised.then_some(AlertNews::Raised))
    }

    /// It is over, unless it comes back; with the closing words.
    pub fn goes_away(&mut self, finding: Finding) {
        self.away_at = Some(finding.at);
        self.words = finding.words;
        self.subject.value = finding.subject.value.or(self.subject.value);
    }

    /// What time alone makes of it.
    pub fn news_of_time(&mut self, now: Timestamp, settings: &Settings) -> Option<AlertNews> {
        if let Some(away_at) = self.away_at {
            if now - self.heard_at < settings.clear_after {
                return None;
            }
            self.ended_at = Some(away_at);
            return Some(AlertNews::Ended);
        }
        if now - self.heard_at >= settings.expire_after {
            self.ended_at = Some(now);
            return Some(AlertNews::Expired);
        }
        if self.acknowledged.is_some() {
            return None;
        }
        let is_overdue = settings
            .escalate_after
            .is_some_and(|after| now - self.stepped_at >= after);
        if is_overdue && self.severity() < Severity::Critical {
            self.escalations += 1;
            self.stepped_at = now;
            return Some(AlertNews::Escalated);
        }
        (now - self.told_at >= settings.repeat_after).then_some(AlertNews::Reminder)
    }
}
