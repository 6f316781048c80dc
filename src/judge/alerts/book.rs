//! All alerts of the gateway by the key of their trouble: those that last, and the latest that have ended.

use std::collections::HashMap;

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Acknowledgement, Episode, Settings};
use crate::judge::{Change, Finding};
use crate::record::{AlertNews, Timestamp};

/// Alerts that last. More of them are a fault in the settings; the one that was quiet for longest gives way.
const LIVE_MAX: usize = 500;
/// Alerts that have ended and are still shown.
const ENDED_MAX: usize = 100;

/// One thing to tell, with the episode as it stands then.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    pub message_id: Uuid,
    pub news: AlertNews,
    pub episode: Episode,
}

/// What has changed: to be told and to be kept, in one step.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    pub tellings: Vec<Telling>,
    pub kept: Vec<Episode>,
    pub forgotten: Vec<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcknowledgeError {
    #[error("there is no such alert any more")]
    Unknown,
    #[error("it was acknowledged before")]
    Already,
}

#[derive(Debug)]
pub struct Book {
    gateway_id: String,
    settings: Settings,
    live: HashMap<String, Episode>,
    /// In the order of their ends; of moments too, so that the same moment again is known.
    ended: Vec<Episode>,
}

impl Book {
    pub fn new(gateway_id: &str, settings: Settings) -> Self {
        Self {
            gateway_id: gateway_id.to_owned(),
            settings,
            live: HashMap::new(),
            ended: Vec::new(),
        }
    }

    /// Takes the book back to what was kept. While we were away nothing could be heard.
    pub fn restore(&mut self, episodes: impl IntoIterator<Item = Episode>, now: Timestamp) {
        self.live.clear();
        self.ended.clear();
        for mut episode in episodes {
            if episode.is_live() {
                episode.heard_at = now;
                self.live.insert(episode.key.clone(), episode);
            } else {
                self.ended.push(episode);
            }
        }
        self.ended.sort_by_key(|episode| episode.told_at);
    }

    pub fn episodes(&self) -> impl Iterator<Item = &Episode> {
        self.live.values().chain(&self.ended)
    }

    pub fn is_live(&self, key: &str) -> bool {
        self.live.contains_key(key)
    }

    /// Those that last and were not seen to be away.
    pub fn lasting(&self) -> impl Iterator<Item = &Episode> {
        self.live.values().filter(|episode| episode.away_at.is_none())
    }

    /// Who judges it says that it goes on: so it does not expire.
    pub fn goes_on(&mut self, key: &str, now: Timestamp) {
        if let Some(episode) = self.live.get_mut(key).filter(|episode| episode.away_at.is_none()) {
            episode.heard_at = now;
        }
    }

    /// The clock was set: as much time has passed as before.
    pub fn clock_was_set(&mut self, by: TimeDelta) {
        for episode in self.live.values_mut().chain(&mut self.ended) {
            for moment in [&mut episode.heard_at, &mut episode.told_at, &mut episode.stepped_at] {
                *moment += by;
            }
        }
    }

    /// Takes one finding in. `now` is by our own clock: the finding may be of the past.
    pub fn take(&mut self, finding: Finding, now: Timestamp, news: &mut News) {
        if let Some(episode) = self.live.get_mut(&finding.key) {
            match finding.change {
                // That it is still away is no news: the wait for its end goes on.
                Change::Ends if episode.away_at.is_some() => {}
                Change::Ends => {
                    episode.heard_at = now;
                    episode.goes_away(finding);
                    news.keep(episode);
                }
                Change::Begins | Change::Worsens | Change::GoesOn | Change::Once => {
                    episode.heard_at = now;
                    let (is_change, why) = episode.goes_on(finding);
                    if let Some(why) = why {
                        news.tell(episode, why, now);
                    } else if is_change {
                        news.keep(episode);
                    }
                }
            }
            return;
        }
        match finding.change {
            // Its begin was never told, or its end was before a crash.
            Change::Ends | Change::GoesOn => {}
            Change::Once => self.take_moment(finding, now, news),
            Change::Begins | Change::Worsens => {
                if self.live.len() >= LIVE_MAX {
                    self.make_room(now, news);
                }
                let mut episode = Episode::begun(&self.gateway_id, finding, now);
                news.tell(&mut episode, AlertNews::Begun, now);
                self.live.insert(episode.key.clone(), episode);
            }
        }
    }

    fn take_moment(&mut self, finding: Finding, now: Timestamp, news: &mut News) {
        let repeat_after = self.settings.repeat_after;
        let is_same = |known: &&mut Episode| known.key == finding.key && now - known.heard_at < repeat_after;
        if let Some(known) = self.ended.iter_mut().rfind(is_same) {
            // A moment that is judged anew after a crash is no second one.
            if finding.at > known.began_at {
                known.times += 1;
            }
            return;
        }
        let mut episode = Episode::begun(&self.gateway_id, finding, now);
        news.tell(&mut episode, AlertNews::Begun, now);
        self.lay_aside(episode, news);
    }

    fn lay_aside(&mut self, episode: Episode, news: &mut News) {
        self.ended.push(episode);
        let surplus = self.ended.len().saturating_sub(ENDED_MAX);
        news.forgotten.extend(self.ended.drain(..surplus).map(|e| e.alert_id));
    }

    fn make_room(&mut self, now: Timestamp, news: &mut News) {
        let quietest = self.live.values().min_by_key(|episode| episode.heard_at);
        if let Some(key) = quietest.map(|episode| episode.key.clone()) {
            self.end(&key, now, AlertNews::Expired, now, news);
        }
    }

    fn end(&mut self, key: &str, at: Timestamp, why: AlertNews, now: Timestamp, news: &mut News) {
        if let Some(mut episode) = self.live.remove(key) {
            episode.ended_at = Some(at);
            news.tell(&mut episode, why, now);
            self.lay_aside(episode, news);
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Timestamp, news: &mut News) {
        let mut over = Vec::new();
        for episode in self.live.values_mut() {
            let Some(why) = episode.news_of_time(now, &self.settings) else {
                continue;
            };
            news.tell(episode, why, now);
            if !episode.is_live() {
                over.push(episode.key.clone());
            }
        }
        for episode in over
            .into_iter()
            .filter_map(|key| self.live.remove(&key))
            .collect::<Vec<_>>()
        {
            self.lay_aside(episode, news);
        }
    }

    /// A person has taken notice. What has ended meanwhile can still be acknowledged.
    pub fn acknowledge(
        &mut self,
        alert_id: Uuid,
        acknowledgement: Acknowledgement,
        news: &mut News,
    ) -> Result<&Episode, AcknowledgeError> {
        let mut all = self.live.values_mut().chain(&mut self.ended);
        let episode = all.find(|episode| episode.alert_id == alert_id);
        let episode = episode.ok_or(AcknowledgeError::Unknown)?;
        if episode.acknowledged.is_some() {
            return Err(AcknowledgeError::Already);
        }
        let now = acknowledgement.at;
        episode.acknowledged = Some(acknowledgement);
        news.tell(episode, AlertNews::Acknowledged, now);
        Ok(episode)
    }

    /// Ends an alert at once: whoever says so knows it.
    pub fn close(&mut self, key: &str, now: Timestamp, news: &mut News) {
        self.end(key, now, AlertNews::Ended, now, news);
    }
}

impl News {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn tell(&mut self, episode: &mut Episode, news: AlertNews, now: Timestamp) {
        let message_id = episode.next_message_id(now);
        self.tellings.push(Telling {
            message_id,
            news,
            episode: episode.clone(),
        });
        self.keep(episode);
    }

    fn keep(&mut self, episode: &Episode) {
        self.kept.push(episode.clone());
    }
}
