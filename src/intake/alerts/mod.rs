//! Findings become alerts here: what the book of alerts wants told is encoded as records and put into the commit of what
//! it follows from, with the episodes as states.
//!
//! Producers that need no judge of their own stand here too: machines in a failed state, connections that stay away.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use super::station::CALL;
use super::{Accepted, to_state};
use crate::buffer::States;
use crate::clock::Zone;
use crate::judge::alerts::{self, AcknowledgeError, Acknowledgement, Book, Episode, News, Telling};
use crate::judge::{Change, Finding, Subject};
use crate::language::{Language, Words, troubles};
use crate::record::{Alert, AlertNews, EquipmentFailure, Kind, Record, Severity, Timestamp};
use crate::status::{AlertState, AlertView, Reach, Status};

/// Name of the states that hold the episodes.
const ALERT: &str = "alert/";
/// Who speaks, in the records of alerts.
const SOURCE: &str = "alerts";
/// Name of the troubles that machines themselves tell.
const FAILURE: &str = "failure/";
/// Names of the troubles that last for as long as a judge says so.
const JUDGED: [&str; 3] = ["spc/", "watch/", "defect_rate/"];
const EQUIPMENT_FAILURE: &str = "EQUIPMENT_FAILURE";
const SOURCE_LOST: &str = "SOURCE_LOST";

#[derive(Debug, Clone)]
pub struct Settings {
    pub book: alerts::Settings,
    /// Of the message; the words come in every language.
    pub language: Language,
    /// States of a machine that are failures.
    pub failure_states: Vec<String>,
    /// States that end a failure: one that is merely stopped may still be broken.
    pub recovered_states: Vec<String>,
    /// A connection or a device that stays away for longer is told of.
    pub source_lost_after: TimeDelta,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            book: alerts::Settings::default(),
            language: Language::default(),
            failure_states: ["fault", "down"].map(str::to_owned).into(),
            recovered_states: vec!["running".to_owned()],
            source_lost_after: TimeDelta::minutes(1),
        }
    }
}

#[derive(Debug)]
pub struct Alerts {
    settings: Settings,
    zone: Zone,
    status: Status,
    book: Book,
    /// Since when connections and devices have been away.
    away: HashMap<String, Timestamp>,
}

impl Alerts {
    pub fn new(gateway_id: &str, settings: Settings, zone: Zone, status: Status) -> Self {
        Self {
            book: Book::new(gateway_id, settings.book.clone()),
            settings,
            zone,
            status,
            away: HashMap::new(),
        }
    }

    /// Takes the alerts back to what is on disk.
    pub fn restore(&mut self, states: &States, now: Timestamp) {
        let kept = states.iter().filter(|(name, _)| name.starts_with(ALERT));
        let episodes = kept.filter_map(|(name, value)| {
            let read = serde_json::from_slice::<Episode>(value);
            read.inspect_err(|error| tracing::error!(state = name, %error, "an alert cannot be read and is forgotten"))
                .ok()
        });
        self.book.restore(episodes, now);
        self.status.set_alerts(self.views());
    }

    pub fn is_live(&self, key: &str) -> bool {
        self.book.is_live(key)
    }

    /// Takes findings in; what follows from them goes into `accepted`. `now` is by our own clock.
    pub fn take(&mut self, findings: impl IntoIterator<Item = Finding>, now: Timestamp, accepted: &mut Accepted) {
        let mut news = News::default();
        for finding in findings {
            self.book.take(finding, now, &mut news);
        }
        self.put(news, now, accepted);
    }

    /// Who judges knows what lasts: that does not expire. What they judge and do not hold any more is over, such as the
    /// alert of a judge that begins anew since a restart, or that is no longer there.
    pub fn hold_against(&mut self, lasting: &HashSet<String>, now: Timestamp, accepted: &mut Accepted) {
        let is_let_go = |key: &str| JUDGED.iter().any(|of| key.starts_with(of)) && !lasting.contains(key);
        let let_go = self.book.lasting().filter(|episode| is_let_go(&episode.key));
        let over: Vec<_> = let_go.map(|episode| let_go_of(episode, now)).collect();
        for key in lasting {
            self.book.goes_on(key, now);
        }
        self.take(over, now, accepted);
    }

    /// Machines that are known to have failed.
    pub fn failed(&self) -> Vec<Arc<str>> {
        let keys = self.book.lasting().map(|episode| episode.key.as_str());
        keys.filter_map(|key| key.strip_prefix(FAILURE).map(Arc::from))
            .collect()
    }

    /// Lets time pass: reminders, ends, connections that stay away.
    pub fn tick(&mut self, now: Timestamp, accepted: &mut Accepted) {
        let mut news = News::default();
        for finding in self.lost_sources(now) {
            self.book.take(finding, now, &mut news);
        }
        self.book.tick(now, &mut news);
        self.put(news, now, accepted);
    }

    /// The clock was set: as much time has passed as before.
    pub fn clock_was_set(&mut self, by: TimeDelta) {
        self.book.clock_was_set(by);
        self.away.values_mut().for_each(|since| *since += by);
    }

    /// A person has taken notice. Who answers a call ends it.
    pub fn acknowledge(
        &mut self,
        alert_id: Uuid,
        acknowledgement: Acknowledgement,
        accepted: &mut Accepted,
    ) -> Result<(), AcknowledgeError> {
        let now = acknowledgement.at;
        let mut news = News::default();
        let episode = self.book.acknowledge(alert_id, acknowledgement, &mut news)?;
        let call = (episode.alert_type == CALL && episode.is_live()).then(|| episode.key.clone());
        if let Some(key) = call {
            self.book.close(&key, now, &mut news);
        }
        self.put(news, now, accepted);
        Ok(())
    }

    /// A machine is in this state. `detail` is what a person said of it.
    pub fn machine(
        &mut self,
        equipment: &str,
        (state, since): (&str, Timestamp),
        detail: Option<&str>,
        now: Timestamp,
        accepted: &mut Accepted,
    ) {
        let is_one_of = |states: &[String]| states.iter().any(|known| known == state);
        let is_failed = is_one_of(&self.settings.failure_states);
        if !is_failed && !is_one_of(&self.settings.recovered_states) {
            return;
        }
        let key = format!("{FAILURE}{equipment}");
        if !is_failed && !self.book.is_live(&key) {
            return;
        }
        let (change, words) = if is_failed {
            let detail = detail.filter(|detail| !detail.is_empty());
            // A state that says no more than that is not named beside it.
            let more = Some(state).filter(|state| !matches!(*state, "fault" | "down"));
            let told = |before: &str, text: Option<&str>, behind: &str| {
                text.map(|text| format!("{before}{text}{behind}")).unwrap_or_default()
            };
            let words = Words::new(
                format!(
                    "{equipment} has failed{}{}.",
                    told(": ", more, ""),
                    told(" (", detail, ")")
                ),
                format!(
                    "{equipment} 发生故障{}{}。",
                    told("：", more.map(in_chinese), ""),
                    told("（", detail, "）")
                ),
            );
            (Change::Begins, words)
        } else {
            let words = Words::new(
                format!("{equipment} is back: {state}."),
                format!("{equipment} 已恢复：{}。", in_chinese(state)),
            );
            (Change::Ends, words)
        };
        let finding = Finding {
            key,
            alert_type: EQUIPMENT_FAILURE.to_owned(),
            severity: Severity::High,
            change,
            at: since,
            subject: Subject {
                equipment: Some(equipment.to_owned()),
                rule: Some(state.to_owned()),
                ..Subject::default()
            },
            words,
        };
        self.take([finding], now, accepted);
    }

    /// What stays away, and what is back. A connection that is down speaks for its devices.
    fn lost_sources(&mut self, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        // A station without its scanner is one where nobody works.
        let machines = |reach: &Reach| !reach.name.starts_with("station/");
        for reach in self.status.reach().into_iter().filter(machines) {
            let key = format!("source/{}", reach.name);
            if reach.is_up {
                self.away.remove(&reach.name);
                if self.book.is_live(&key) {
                    let words = Words::new(
                        format!("{} is in reach again.", reach.name),
                        format!("{} 已恢复连接。", reach.name),
                    );
                    findings.push(source_finding(key, Change::Ends, now, words));
                }
                continue;
            }
            let since = *self.away.entry(reach.name.clone()).or_insert(now);
            if now - since >= self.settings.source_lost_after {
                let (name, clock) = (&reach.name, self.zone.wall(since));
                let Words { en, zh } = troubles::worded(&reach.error.unwrap_or_default());
                let words = Words::new(
                    format!("{name} has been out of reach since {clock}; {en}"),
                    format!("{name} 自 {clock} 起无法连接；{zh}"),
                );
                findings.push(source_finding(key, Change::Begins, since, words));
            }
        }
        findings
    }

    fn put(&mut self, news: News, now: Timestamp, accepted: &mut Accepted) {
        if news.is_empty() {
            return;
        }
        let records = news.tellings.iter().map(|telling| self.record(telling, now));
        accepted.records.extend(records);
        for episode in news.kept {
            accepted.states.insert(state_name(episode.alert_id), to_state(&episode));
        }
        for alert_id in news.forgotten {
            accepted.states.insert(state_name(alert_id), bytes::Bytes::new());
        }
        accepted.alerts = Some(self.views());
    }

    fn record(&self, telling: &Telling, now: Timestamp) -> Record {
        let Telling {
            message_id,
            news,
            episode,
        } = telling;
        if episode.alert_type == EQUIPMENT_FAILURE && *news == AlertNews::Begun {
            let failure = self.failure(episode);
            return Record::encode(Kind::EquipmentFailure, *message_id, now, self.zone, SOURCE, &failure);
        }
        let alert = Alert {
            news: Some(*news),
            ..self.alert(episode)
        };
        Record::encode(Kind::Alert, *message_id, now, self.zone, SOURCE, &alert)
    }

    fn failure(&self, episode: &Episode) -> EquipmentFailure {
        EquipmentFailure {
            equipment: episode.subject.equipment.clone().unwrap_or_default(),
            state: episode.subject.rule.clone().unwrap_or_default(),
            since: self.zone.rfc3339(episode.began_at),
            detail: episode.words.in_language(self.settings.language).to_owned(),
            alert_id: episode.alert_id.to_string(),
            severity: episode.severity(),
            words: episode.words.clone(),
        }
    }

    fn alert(&self, episode: &Episode) -> Alert {
        let Subject {
            order_no,
            equipment,
            point,
            worker_no,
            rule,
            value,
            limits,
        } = episode.subject.clone();
        let rfc3339 = |at| self.zone.rfc3339(at);
        let acknowledged = episode.acknowledged.as_ref();
        Alert {
            order_no,
            equipment,
            point,
            worker_no,
            rule: rule.map(serde_json::Value::String),
            value: value.map(|value| json!(value)),
            peak: episode.peak,
            limits,
            words: Some(episode.words.clone()),
            times: (episode.times > 1).then_some(episode.times),
            began_at: Some(rfc3339(episode.began_at)),
            ended_at: episode.ended_at.map(rfc3339),
            acknowledged_by: acknowledged.map(|a| a.by.clone()),
            acknowledged_at: acknowledged.map(|a| rfc3339(a.at)),
            comment: acknowledged.and_then(|a| a.comment.clone()),
            ..Alert::new(
                episode.alert_id.to_string(),
                &episode.alert_type,
                episode.severity(),
                episode.words.in_language(self.settings.language).to_owned(),
            )
        }
    }

    /// How all alerts stand.
    fn views(&self) -> Vec<AlertView> {
        let view = |episode: &Episode| AlertView {
            state: match &episode.acknowledged {
                _ if !episode.is_live() => AlertState::Ended,
                Some(_) => AlertState::Acknowledged,
                None => AlertState::Active,
            },
            key: episode.key.clone(),
            is_away: episode.away_at.is_some(),
            alert: self.alert(episode),
        };
        self.book.episodes().map(view).collect()
    }
}

/// States have English names; those of a plant's own stand for themselves.
pub(super) fn in_chinese(state: &str) -> &str {
    match state {
        "running" | "execute" => "运行",
        "stopped" => "停机",
        "idle" => "空闲",
        "fault" | "down" => "故障",
        "alarm" => "报警",
        "aborted" => "中止",
        _ => state,
    }
}

fn state_name(alert_id: Uuid) -> String {
    format!("{ALERT}{alert_id}")
}

fn let_go_of(episode: &Episode, now: Timestamp) -> Finding {
    let Words { en, zh } = &episode.words;
    Finding {
        key: episode.key.clone(),
        alert_type: episode.alert_type.clone(),
        severity: episode.found_severity,
        change: Change::Ends,
        at: now,
        subject: episode.subject.clone(),
        words: Words::new(
            format!("Its judge does not hold it any more. Last: {en}"),
            format!("判定方已不再认定。最近情况：{zh}"),
        ),
    }
}

fn source_finding(key: String, change: Change, at: Timestamp, words: Words) -> Finding {
    Finding {
        key,
        alert_type: SOURCE_LOST.to_owned(),
        severity: Severity::High,
        change,
        at,
        subject: Subject::default(),
        words,
    }
}

#[cfg(test)]
mod tests;
