//! The life of alerts, told by the news that people get.

use super::*;
use crate::judge::{Change, Finding, Subject};
use crate::language::Words;
use crate::record::AlertNews::{self, Acknowledged, Begun, Ended, Escalated, Expired, Raised, Reminder};
use crate::record::{Severity, Timestamp};

struct Desk {
    book: Book,
    news: News,
}

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn finding(key: &str, change: Change, severity: Severity, minute: i64) -> Finding {
    Finding {
        key: key.to_owned(),
        alert_type: "STUCK".to_owned(),
        severity,
        change,
        at: at(minute),
        subject: Subject::default(),
        words: if change == Change::Ends {
            Words::new("it moves again.", "已恢复。")
        } else {
            Words::new("it is stuck.", "卡住了。")
        },
    }
}

impl Desk {
    fn new() -> Self {
        let settings = Settings {
            escalate_after: Some(TimeDelta::minutes(40)),
            clear_after: TimeDelta::minutes(1),
            expire_after: TimeDelta::hours(5),
            ..Settings::default()
        };
        Self {
            book: Book::new("shop-1", settings),
            news: News::default(),
        }
    }

    fn find(&mut self, key: &str, change: Change, minute: i64) -> Vec<AlertNews> {
        let found = finding(key, change, Severity::Medium, minute);
        self.book.take(found, at(minute), &mut self.news);
        self.told()
    }

    fn tick(&mut self, minute: i64) -> Vec<AlertNews> {
        self.book.tick(at(minute), &mut self.news);
        self.told()
    }

    fn told(&mut self) -> Vec<AlertNews> {
        let told = self.news.tellings.iter().map(|telling| telling.news).collect();
        self.news.tellings.clear();
        told
    }

    fn acknowledge(&mut self, minute: i64) -> Result<Vec<AlertNews>, AcknowledgeError> {
        let alert_id = self.book.episodes().next().expect("an alert").alert_id;
        let acknowledgement = Acknowledgement {
            by: "W1".to_owned(),
            at: at(minute),
            comment: None,
        };
        self.book.acknowledge(alert_id, acknowledgement, &mut self.news)?;
        Ok(self.told())
    }

    /// A restart: the book is what was kept, the later of each alert.
    fn restart(&mut self, minute: i64) {
        let kept = std::mem::take(&mut self.news.kept);
        let mut latest = std::collections::BTreeMap::new();
        latest.extend(kept.into_iter().map(|episode| (episode.alert_id, episode)));
        for forgotten in self.news.forgotten.drain(..) {
            latest.remove(&forgotten);
        }
        self.news.kept = latest.values().cloned().collect();
        let bytes = serde_json::to_vec(&self.news.kept).expect("JSON");
        assert!(bytes.len() <= 8192 * latest.len());
        self.book.restore(
            serde_json::from_slice::<Vec<Episode>>(&bytes).expect("episodes"),
            at(minute),
        );
    }
}

#[test]
fn one_trouble_is_one_alert_from_its_begin_to_its_end() {
    let mut desk = Desk::new();
    assert_eq!(desk.find("a", Change::Begins, 0), [Begun]);
    assert_eq!(desk.find("a", Change::Begins, 1), []);
    assert_eq!(desk.find("a", Change::Ends, 2), []);
    assert_eq!(desk.tick(2), [], "it may come back");
    assert_eq!(desk.find("a", Change::Ends, 3), [], "still away");
    assert_eq!(desk.tick(3), [Ended]);
    let ended = desk.book.episodes().next().expect("an alert");
    assert_eq!(
        ended.ended_at,
        Some(at(2)),
        "when it was over, not when that was believed"
    );
    assert_eq!(desk.find("a", Change::Ends, 4), [], "what never began does not end");
    assert_eq!(desk.find("a", Change::Begins, 5), [Begun]);
    let ids: std::collections::BTreeSet<_> = desk.book.episodes().map(|episode| episode.alert_id).collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn a_trouble_that_flaps_is_told_once() {
    let mut desk = Desk::new();
    desk.find("a", Change::Begins, 0);
    for _ in 0..5 {
        assert_eq!(desk.find("a", Change::Ends, 1), []);
        assert_eq!(desk.find("a", Change::Begins, 1), []);
    }
    assert_eq!(desk.tick(10), []);
    let told = |episode: &Episode| (episode.times, episode.words.en.clone());
    let told: Vec<_> = desk.book.episodes().map(told).collect();
    assert_eq!(told, [(6, "it is stuck.".to_owned())], "it is no more told to be over");
}

#[test]
fn what_is_said_of_a_trouble_that_goes_on_is_renewed_and_told_with_the_next_reminder() {
    let mut desk = Desk::new();
    let renewed = |minute, words| Finding {
        words: Words::new(words, words),
        ..finding("a", Change::GoesOn, Severity::Medium, minute)
    };
    desk.book.take(renewed(0, "early"), at(0), &mut desk.news);
    assert_eq!(
        (desk.told(), desk.book.episodes().count()),
        (vec![], 0),
        "nothing that went on began"
    );
    desk.find("a", Change::Begins, 0);
    desk.book.take(renewed(5, "9 of 40"), at(5), &mut desk.news);
    assert_eq!(desk.told(), []);
    desk.restart(6);
    desk.book.tick(at(15), &mut desk.news);
    let reminder = desk.news.tellings.last().expect("a reminder");
    assert_eq!((reminder.news, &*reminder.episode.words.en), (Reminder, "9 of 40"));
}

#[test]
fn a_moment_is_told_once_in_a_while() {
    let mut desk = Desk::new();
    assert_eq!(desk.find("a", Change::Once, 0), [Begun]);
    assert_eq!(desk.find("a", Change::Once, 14), []);
    assert_eq!(desk.tick(14), [], "it is over, so nobody is reminded");
    assert_eq!(desk.find("b", Change::Once, 14), [Begun]);
    assert_eq!(desk.find("a", Change::Once, 15), [Begun]);
    let times: Vec<u64> = desk.book.episodes().map(|episode| episode.times).collect();
    assert_eq!(times, [2, 1, 1]);
}

#[test]
fn who_does_not_react_is_reminded_and_then_pressed() {
    let mut desk = Desk::new();
    desk.find("a", Change::Begins, 0);
    assert_eq!(desk.tick(15), [Reminder]);
    assert_eq!(desk.tick(30), [Reminder]);
    assert_eq!(desk.tick(40), [Escalated]);
    assert_eq!(desk.book.episodes().next().map(Episode::severity), Some(Severity::High));
    assert_eq!(desk.tick(80), [Escalated]);
    assert_eq!(desk.tick(120), [Reminder], "nothing is above critical");
    assert_eq!(desk.acknowledge(121), Ok(vec![Acknowledged]));
    assert_eq!(desk.tick(200), []);
    assert_eq!(desk.acknowledge(201), Err(AcknowledgeError::Already));
}

#[test]
fn what_grows_more_severe_is_told_and_wants_to_be_acknowledged_again() {
    let mut desk = Desk::new();
    desk.find("a", Change::Begins, 0);
    desk.acknowledge(1).expect("the first");
    assert_eq!(desk.find("a", Change::Worsens, 2), []);
    let worse = finding("a", Change::Worsens, Severity::Critical, 3);
    desk.book.take(worse, at(3), &mut desk.news);
    assert_eq!(desk.told(), [Raised]);
    assert_eq!(desk.acknowledge(4), Ok(vec![Acknowledged]));
}

#[test]
fn what_nobody_speaks_of_any_more_expires() {
    let mut desk = Desk::new();
    desk.find("a", Change::Begins, 0);
    desk.acknowledge(1).expect("the first");
    desk.find("a", Change::Begins, 100);
    assert_eq!(desk.tick(300), [], "it was heard of since");
    assert_eq!(desk.tick(400), [Expired]);
    assert_eq!(desk.find("a", Change::Begins, 401), [Begun], "it is there after all");
}

#[test]
fn a_restart_neither_loses_nor_doubles() {
    let mut desk = Desk::new();
    desk.find("a", Change::Begins, 0);
    desk.find("b", Change::Once, 0);
    desk.find("c", Change::Begins, 0);
    desk.find("c", Change::Ends, 1);
    let ids = |desk: &Desk| {
        let mut ids: Vec<_> = desk.book.episodes().map(|episode| episode.alert_id).collect();
        ids.sort_unstable();
        ids
    };
    let before = ids(&desk);
    desk.restart(1);
    assert_eq!(ids(&desk), before);
    assert_eq!(desk.find("a", Change::Begins, 0), [], "judged anew");
    assert_eq!(desk.find("b", Change::Once, 0), [], "judged anew");
    assert_eq!(desk.tick(3), [Ended], "the end that was on its way");
    desk.restart(600);
    assert_eq!(
        desk.tick(600),
        [Escalated],
        "while we were away nothing could be heard, so it lasts"
    );
}

#[test]
fn every_telling_has_an_id_of_its_own_that_follows_from_its_cause() {
    let ids = || {
        let mut desk = Desk::new();
        desk.book
            .take(finding("a", Change::Begins, Severity::Low, 0), at(0), &mut desk.news);
        desk.book.tick(at(15), &mut desk.news);
        desk.book.close("a", at(16), &mut desk.news);
        desk.news
            .tellings
            .iter()
            .map(|telling| telling.message_id)
            .collect::<Vec<_>>()
    };
    let first = ids();
    assert_eq!(first, ids());
    assert!(first.len() == 3 && first[0] != first[1] && first[1] != first[2]);
}

#[test]
fn there_is_an_end_to_what_is_remembered() {
    let mut desk = Desk::new();
    for key in 0..700 {
        desk.find(&format!("live/{key}"), Change::Begins, key);
        desk.find(&format!("moment/{key}"), Change::Once, key);
    }
    assert_eq!(desk.book.episodes().count(), 600);
    assert!(desk.book.is_live("live/699") && !desk.book.is_live("live/0"));
    desk.restart(700);
    assert_eq!(
        desk.book.episodes().count(),
        600,
        "what is forgotten is forgotten on disk too"
    );
}
