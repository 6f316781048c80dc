//! One watch: a point with its checks, their episodes, and what is remembered of them.
//!
//! * Observations are taken in the order of their own time. What is late is counted, not judged. Of several of one moment all
//!   are held against the range, and the first one against what came before.
//! * What is bad or no number is counted and interrupts; nothing is learnt from it.
//! * The state is a few KiB, encoded exactly to the bit, so that a watch that was restored finds what it would have found. A
//!   state of another version or of other settings begins anew: it ends what was open, and learns.

mod check;
mod view;
pub(super) mod words;

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::episode::{Delays, Episode, Turn};
use super::rhythm::Rhythm;
use super::{Moment, Said, Sign};
use crate::judge::{Change, Finding};
use crate::record::Timestamp;
pub use check::{How, State};
pub use view::{CheckView, EpisodeView, View};
use words::Of;

/// Of the encoded state.
const VERSION: u8 = 1;

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub name: String,
    pub equipment: String,
    pub point: String,
    /// Longer silence is a gap; ten usual pauses if it is not given.
    pub gap_after_s: Option<f64>,
    /// Values of a standing machine say nothing.
    pub only_running: bool,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub how: How,
    pub delays: Delays,
}

/// What is known of the machine beside the value.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// By the gateway's clock; the machine's may be another.
    pub heard_at: Timestamp,
    pub is_running: Option<bool>,
    pub part: Option<&'a str>,
    pub program: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    version: u8,
    judged_by: Uuid,
    last: Option<Timestamp>,
    value: Option<f64>,
    late: u64,
    bad: u64,
    rhythm: Rhythm,
    checks: Vec<Checked>,
}

/// What a restart makes of a watch.
#[derive(Debug, PartialEq)]
pub struct Restored<W> {
    pub watch: W,
    /// What was open and is watched no more.
    pub ended: Vec<Finding>,
    /// It could not go on from what was kept: what it was told before says nothing to it.
    pub is_anew: bool,
}

/// What time alone has shown.
#[derive(Debug, Default, PartialEq)]
pub struct Ticked {
    pub found: Vec<Finding>,
    /// A delay has begun, ended or run out: the next tick would not show the same.
    pub has_turned: bool,
}

/// The state of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Checked {
    state: State,
    episode: Episode,
    badness: f64,
}

impl Settings {
    fn of(&self) -> Of<'_> {
        Of {
            watch: &self.name,
            equipment: &self.equipment,
            point: &self.point,
        }
    }
}

/// Settings that read alike judge alike.
pub(super) fn fingerprint(settings: &impl fmt::Debug) -> Uuid {
    Uuid::new_v5(&Uuid::nil(), format!("{settings:?}").as_bytes())
}

impl Watch {
    pub fn new(settings: &Settings) -> Self {
        let checks = settings.checks.iter().map(|check| Checked {
            state: State::new(&check.how),
            episode: Episode::default(),
            badness: 0.0,
        });
        Self {
            version: VERSION,
            judged_by: fingerprint(settings),
            last: None,
            value: None,
            late: 0,
            bad: 0,
            rhythm: Rhythm::default(),
            checks: checks.collect(),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("numbers and texts always encode")
    }

    /// Goes on from what was kept. Where that cannot be, it begins anew and ends what was open.
    pub fn restore(settings: &Settings, encoded: &[u8], now: Timestamp) -> Restored<Self> {
        let kept = postcard::from_bytes::<Self>(encoded).ok();
        match kept.filter(|watch| watch.version == VERSION) {
            Some(watch) if watch.judged_by == fingerprint(settings) => Restored {
                watch,
                ended: Vec::new(),
                is_anew: false,
            },
            other => {
                let checks = other.iter().flat_map(|watch| &watch.checks);
                let open = checks.filter_map(|checked| checked.episode.open());
                Restored {
                    ended: open.map(|open| words::given_up(settings.of(), open, now)).collect(),
                    watch: Self::new(settings),
                    is_anew: true,
                }
            }
        }
    }

    /// It was told everything again that was kept, and listens from now on.
    pub fn resume(&mut self, now: Timestamp) {
        self.checks.iter_mut().for_each(|checked| checked.state.resume(now));
    }

    /// The gateway's clock was set by so much and shows `now`, while no such time passed. What was heard then cannot lie ahead:
    /// whatever comes next would be late. Whether that changes anything here.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) -> bool {
        let is_ahead = self.last.take_if(|last| *last > now).is_some();
        if is_ahead {
            self.rhythm.clock_was_set(by, now);
        }
        let mut is_changed = is_ahead;
        for checked in &mut self.checks {
            if is_ahead {
                checked.state.goes_on_from(now);
            }
            if checked.state.clock_was_set(by, now) || is_ahead {
                checked.episode.interrupt();
                is_changed = true;
            }
        }
        is_changed
    }

    /// Keys of the episodes that last.
    pub fn open_keys(&self, settings: &Settings) -> Vec<String> {
        let open = self.checks.iter().filter_map(|checked| checked.episode.open());
        open.map(|open| words::key(settings.of(), &open.what)).collect()
    }

    /// Judges one observation: a good value, or none.
    pub fn take(&mut self, settings: &Settings, at: Timestamp, value: Option<f64>, context: &Context) -> Vec<Finding> {
        if self.last.is_some_and(|last| at < last) {
            self.late += 1;
            return Vec::new();
        }
        let is_of_same_moment = self.last == Some(at);
        self.last = Some(at);
        let Some(value) = value.filter(|value| value.is_finite()) else {
            self.bad += 1;
            self.checks.iter_mut().for_each(|checked| checked.state.interrupt());
            return Vec::new();
        };
        self.value = Some(value);
        let has_paused = |rhythm: &mut Rhythm| rhythm.spoke(at, settings.gap_after_s).is_some_and(|(_, is_gap)| is_gap);
        let is_after_gap = !is_of_same_moment && has_paused(&mut self.rhythm);
        let moment = Moment {
            at,
            is_after_gap,
            is_running: context.is_running,
            usual_s: self.rhythm.usual_s(),
            part: context.part.unwrap_or_default(),
            program: context.program.unwrap_or_default(),
        };
        let mut found = Vec::new();
        for (checked, check) in self.checks.iter_mut().zip(&settings.checks) {
            // Without time between them, one value says nothing of how it came from the other.
            if is_of_same_moment && !check.how.is_timeless() {
                continue;
            }
            if is_after_gap {
                checked.state.interrupt();
                checked.episode.interrupt();
            }
            if settings.only_running && moment.is_standing() && check.how.is_of_values() {
                checked.state.interrupt();
                continue;
            }
            let said = checked.state.take(&check.how, &moment, value, context.heard_at);
            found.extend(said.and_then(|said| checked.hear(settings, check, &said)));
        }
        found
    }

    /// Looks at what shows by time alone.
    pub fn tick(&mut self, settings: &Settings, now: Timestamp) -> Ticked {
        let mut ticked = Ticked::default();
        for (checked, check) in self.checks.iter_mut().zip(&settings.checks) {
            let Some(sign) = checked.state.tick(&check.how, now) else {
                continue;
            };
            let before = checked.episode.stage();
            let found = checked.hear(settings, check, &Said::State(sign));
            ticked.has_turned |= found.is_some() || checked.episode.stage() != before;
            ticked.found.extend(found);
        }
        ticked
    }
}

impl Checked {
    fn hear(&mut self, settings: &Settings, check: &Check, said: &Said) -> Option<Finding> {
        match said {
            Said::Moment(sign) => Some(words::finding(
                settings.of(),
                Change::Once,
                sign.at,
                &sign.what,
                sign.flag,
            )),
            Said::State(sign) => {
                self.badness = sign.badness;
                let turn = self.episode.observe(&check.delays, sign)?;
                Some(told(settings, &turn, sign))
            }
        }
    }
}

fn told(settings: &Settings, turn: &Turn, sign: &Sign) -> Finding {
    match turn {
        Turn::Begins(open) => words::finding(settings.of(), Change::Begins, sign.at, &open.what, open.worst),
        Turn::Worsens(open) => words::finding(settings.of(), Change::Worsens, sign.at, &open.what, open.worst),
        Turn::Ends(open) => words::ended(settings.of(), open, sign.at),
    }
}

#[cfg(test)]
mod tests;
