//! Several points watched together for drift, with one episode for all of them.
//!
//! Points speak one by one; a row is what all of them said, at the time of the last. It is whole when each has spoken, or
//! when one speaks again before the others have: those have no value in it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::drift::{self, Drift};
use super::episode::{Delays, Episode, Turn};
use super::watch::words::{self, Of};
use super::watch::{CheckView, EpisodeView, Restored, View, fingerprint};
use super::{Flag, Sign, What};
use crate::judge::{Change, Finding};
use crate::record::Timestamp;

/// Rows that are learnt from unless told otherwise, and how long drift must be gone to be over.
pub const LEARN_ROWS: u32 = 1000;
pub const OFF_S: f64 = 60.0;
/// Of the encoded state.
const VERSION: u8 = 1;
/// The limit of the score.
const LIMIT: f64 = 0.5;

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub name: String,
    /// Equipment and point of each channel.
    pub points: Vec<(String, String)>,
    pub learn_rows: u32,
    pub off_s: f64,
}

impl Settings {
    fn delays(&self) -> Delays {
        Delays {
            on_s: 0.0,
            off_s: self.off_s,
            dead_band: 0.0,
        }
    }

    /// The watch by the channel that contributes most.
    fn of(&self, what: &What) -> Of<'_> {
        let leading = if let What::Drift { channel, .. } = what {
            *channel
        } else {
            0
        };
        let (equipment, point) = self.points.get(leading).map_or(("", ""), |(e, p)| (e, p));
        Of {
            watch: &self.name,
            equipment,
            point,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Together {
    version: u8,
    judged_by: Uuid,
    row_at: Option<Timestamp>,
    row: Vec<Channel>,
    late: u64,
    bad: u64,
    drift: Drift,
    episode: Episode,
    badness: f64,
}

/// What a channel has said in this row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
enum Channel {
    #[default]
    Silent,
    Bad,
    Good(f64),
}

impl Channel {
    fn has_spoken(&self) -> bool {
        !matches!(self, Self::Silent)
    }

    fn good(self) -> Option<f64> {
        match self {
            Self::Good(value) => Some(value),
            Self::Silent | Self::Bad => None,
        }
    }
}

impl Together {
    pub fn new(settings: &Settings) -> Self {
        let learn = drift::Settings {
            learn: settings.learn_rows,
        };
        Self {
            version: VERSION,
            judged_by: fingerprint(settings),
            row_at: None,
            row: vec![Channel::Silent; settings.points.len()],
            late: 0,
            bad: 0,
            drift: Drift::new(settings.points.len(), learn),
            episode: Episode::default(),
            badness: 0.0,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("numbers always encode")
    }

    /// Goes on from what was kept. Where that cannot be, it begins anew and ends what was open.
    pub fn restore(settings: &Settings, encoded: &[u8], now: Timestamp) -> Restored<Self> {
        let kept = postcard::from_bytes::<Self>(encoded).ok();
        match kept.filter(|kept| kept.version == VERSION) {
            Some(watch) if watch.judged_by == fingerprint(settings) => Restored {
                watch,
                ended: Vec::new(),
                is_anew: false,
            },
            other => {
                let open = other.as_ref().and_then(|other| other.episode.open());
                let ended = open.map(|open| words::given_up(settings.of(&open.what), open, now));
                Restored {
                    ended: ended.into_iter().collect(),
                    watch: Self::new(settings),
                    is_anew: true,
                }
            }
        }
    }

    /// The key of the episode, if one lasts.
    pub fn open_key(&self, settings: &Settings) -> Option<String> {
        let open = self.episode.open()?;
        Some(words::key(settings.of(&open.what), &open.what))
    }

    /// The gateway's clock was set, and shows `now`. What was heard then cannot lie ahead: whatever comes next would be late.
    /// Whether that changes anything here.
    pub fn clock_was_set(&mut self, now: Timestamp) -> bool {
        let is_ahead = self.row_at.take_if(|row_at| *row_at > now).is_some();
        if is_ahead {
            self.row.fill(Channel::Silent);
            self.drift.interrupt();
            self.episode.interrupt();
        }
        is_ahead
    }

    /// Takes what one channel says: a good value, or none.
    pub fn take(&mut self, settings: &Settings, at: Timestamp, channel: usize, value: Option<f64>) -> Vec<Finding> {
        if self.row_at.is_some_and(|row_at| at < row_at) {
            self.late += 1;
            return Vec::new();
        }
        let mut found = Vec::new();
        if self.row.get(channel).is_some_and(Channel::has_spoken) {
            found.extend(self.close(settings));
        }
        let Some(said) = self.row.get_mut(channel) else {
            return found;
        };
        let value = value.filter(|value| value.is_finite());
        self.bad += u64::from(value.is_none());
        *said = value.map_or(Channel::Bad, Channel::Good);
        self.row_at = Some(at);
        if self.row.iter().all(Channel::has_spoken) {
            found.extend(self.close(settings));
        }
        found
    }

    fn close(&mut self, settings: &Settings) -> Option<Finding> {
        let at = self.row_at?;
        let row: Vec<Option<f64>> = self.row.iter_mut().map(|said| std::mem::take(said).good()).collect();
        let drifted = self.drift.take(at, &row);
        let shares = drifted.contributions.iter().copied().enumerate();
        let (channel, share) = shares.max_by(|a, b| a.1.total_cmp(&b.1))?;
        self.badness = drifted.score / LIMIT;
        let sign = Sign {
            at,
            flag: if drifted.is_alarm { Flag::Suspect } else { Flag::Good },
            badness: self.badness,
            what: What::Drift {
                score: drifted.score,
                channel,
                share,
            },
        };
        let turn = self.episode.observe(&settings.delays(), &sign)?;
        let finding = |change, what: &What, worst| words::finding(settings.of(what), change, at, what, worst);
        Some(match turn {
            Turn::Begins(open) => finding(Change::Begins, &open.what, open.worst),
            Turn::Worsens(open) => finding(Change::Worsens, &open.what, open.worst),
            Turn::Ends(open) => words::ended(settings.of(&open.what), &open, at),
        })
    }

    pub fn view(&self, settings: &Settings) -> View {
        let names: Vec<String> = settings
            .points
            .iter()
            .map(|(equipment, point)| format!("{equipment}.{point}"))
            .collect();
        View {
            name: settings.name.clone(),
            equipment: settings
                .points
                .first()
                .map(|(equipment, _)| equipment.clone())
                .unwrap_or_default(),
            point: names.join(", "),
            value: None,
            at: self.row_at,
            late: self.late + self.drift.late(),
            bad: self.bad,
            checks: vec![CheckView {
                check: "drift",
                is_learning: self.drift.is_learning(),
                score: self.badness,
                episode: self.episode.open().map(EpisodeView::of),
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn settings() -> Settings {
        Settings {
            name: "press-drift".to_owned(),
            points: ["force", "temperature", "power"]
                .map(|point| ("PRESS-7".to_owned(), point.to_owned()))
                .into(),
            learn_rows: LEARN_ROWS,
            off_s: OFF_S,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    /// Rows of three noisy channels, one a second; from a row on the force is higher.
    fn rows(count: i64, drifts_from: i64) -> Vec<(Timestamp, usize, Option<f64>)> {
        let mut random = fastrand::Rng::with_seed(5);
        let mut said = Vec::new();
        for nth in 0..count {
            let off = if nth >= drifts_from { 4.0 } else { 0.0 };
            for (channel, usual) in [12.0 + off, 60.0, 7.5].into_iter().enumerate() {
                let noise = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
                // Now and then a value is bad, or a point does not speak.
                match random.u8(..) {
                    0 => said.push((at(nth), channel, None)),
                    1 => {}
                    _ => said.push((at(nth), channel, Some(usual + noise))),
                }
            }
        }
        said
    }

    fn run(settings: &Settings, watch: &mut Together, said: &[(Timestamp, usize, Option<f64>)]) -> Vec<Finding> {
        said.iter()
            .flat_map(|(at, channel, value)| watch.take(settings, *at, *channel, *value))
            .collect()
    }

    #[test]
    fn drift_is_told_once_by_the_channel_that_left() {
        let settings = settings();
        let mut watch = Together::new(&settings);
        let said = rows(3000, 2000);
        let found = run(&settings, &mut watch, &said);
        let first = found.first().expect("a finding");
        assert_eq!(
            (first.key.as_str(), first.change),
            ("watch/press-drift/drift", Change::Begins)
        );
        assert_eq!(first.subject.point.as_deref(), Some("force"), "{first:#?}");
        assert!((at(2000)..at(2060)).contains(&first.at), "{first:#?}");
        assert!(found.iter().all(|finding| finding.change != Change::Ends), "{found:#?}");
        assert!(watch.encode().len() <= 8 << 10);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_row_late() {
        let settings = settings();
        let mut watch = Together::new(&settings);
        run(&settings, &mut watch, &rows(100, 100));
        let late = watch.view(&settings).late;
        assert!(watch.clock_was_set(at(-7200)));
        assert!(!watch.clock_was_set(at(-7200)), "once");
        for second in 0..10 {
            for channel in 0..3 {
                watch.take(&settings, at(second - 7200), channel, Some(1.0));
            }
        }
        assert_eq!(watch.view(&settings).late, late);
    }

    #[test]
    fn a_kill_changes_nothing() {
        let settings = settings();
        let said = rows(2500, 2000);
        let mut whole = Together::new(&settings);
        let expected = run(&settings, &mut whole, &said);
        for place in [100, 3000, 6001, 6050, 7000] {
            let mut watch = Together::new(&settings);
            let mut found = run(&settings, &mut watch, &said[..place]);
            let mut restored = Together::restore(&settings, &watch.encode(), at(9999));
            assert_eq!((&restored.watch, restored.is_anew), (&watch, false));
            found.extend(run(&settings, &mut restored.watch, &said[place..]));
            assert_eq!(found, expected);
        }
    }
}
