//! Missing heartbeat: nothing good was heard of a point for longer than it usually is, or than it may be.
//!
//! * By the time of arrival: the clock of a machine may be off, and history may come late.
//! * The deadline is counted from the last observation, also over a restart; but what could not be heard because the
//!   gateway was down is only missed after a grace.
//! * A clock that is set is no silence: what is remembered moves with it.
//! * Only an observation ends the silence. A point that is never heard again stays missing.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::rhythm::Rhythm;
use super::{Flag, Sign, What, elapsed_s};
use crate::record::Timestamp;

/// Silent for so many limits, it is not late but gone.
const GONE_LIMITS: f64 = 3.0;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Settings {
    /// How often it speaks even if nothing changes; learnt if it is not given.
    pub every_s: Option<f64>,
    /// So many times that is too long.
    pub factor: f64,
    pub grace_s: f64,
}

impl Settings {
    pub const DEFAULT: Self = Self {
        every_s: None,
        factor: 3.0,
        grace_s: 5.0,
    };
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    last: Option<Timestamp>,
    started: Option<Timestamp>,
    rhythm: Rhythm,
}

impl Heartbeat {
    pub fn heard(&mut self, settings: &Settings, at: Timestamp) -> Option<Sign> {
        let last = self.last.map_or(at, |last| last.max(at));
        self.rhythm.spoke(last, None);
        self.last = Some(last);
        self.silence(settings, last)
    }

    /// How silent it is by now, if that is too much.
    pub fn missed(&self, settings: &Settings, now: Timestamp) -> Option<Sign> {
        self.silence(settings, now).filter(|sign| sign.flag > Flag::Good)
    }

    /// Nothing where it is not known how silent it may be.
    fn silence(&self, settings: &Settings, now: Timestamp) -> Option<Sign> {
        let every_s = settings.every_s.or_else(|| self.rhythm.usual_s())?;
        let limit_s = every_s * settings.factor + settings.grace_s;
        let for_s = elapsed_s(self.last?, now);
        let listened_s = self.started.map_or(for_s, |started| elapsed_s(started, now));
        let missed_s = for_s.min(listened_s);
        Some(Sign {
            at: now,
            flag: Flag::above(missed_s, limit_s, Some(GONE_LIMITS * limit_s)),
            badness: missed_s / limit_s,
            what: What::Silent { for_s, limit_s },
        })
    }

    /// The gateway was down until now.
    pub fn resume(&mut self, now: Timestamp) {
        self.started = Some(now);
    }

    /// The clock by which it hears was set, and shows `now`; as much time has passed as before. Whether that changes anything.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) -> bool {
        let is_changed = !by.is_zero() || self.last > Some(now);
        for moment in [&mut self.last, &mut self.started] {
            *moment = moment.map(|moment| (moment + by).min(now));
        }
        self.rhythm.clock_was_set(by, now);
        is_changed
    }

    pub fn is_learning(&self, settings: &Settings) -> bool {
        settings.every_s.is_none() && self.rhythm.usual_s().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    const EVERY_10_S: Settings = Settings {
        every_s: Some(10.0),
        factor: 3.0,
        grace_s: 5.0,
    };

    fn flag(heartbeat: &Heartbeat, settings: &Settings, second: i64) -> Option<Flag> {
        heartbeat.missed(settings, at(second)).map(|sign| sign.flag)
    }

    #[test]
    fn silence_is_late_and_then_gone() {
        let mut heartbeat = Heartbeat::default();
        assert_eq!(flag(&heartbeat, &EVERY_10_S, 999), None, "never heard, never missed");
        heartbeat.heard(&EVERY_10_S, at(0));
        let flags = [35, 36, 105, 106].map(|second| flag(&heartbeat, &EVERY_10_S, second));
        assert_eq!(
            flags,
            [None, Some(Flag::Suspect), Some(Flag::Suspect), Some(Flag::Fail)]
        );
        let back = heartbeat.heard(&EVERY_10_S, at(200)).map(|sign| sign.flag);
        assert_eq!(back, Some(Flag::Good));
    }

    #[test]
    fn the_usual_pause_is_learnt() {
        let settings = Settings {
            every_s: None,
            ..EVERY_10_S
        };
        let mut heartbeat = Heartbeat::default();
        for second in 0..5 {
            heartbeat.heard(&settings, at(second * 2));
        }
        assert!(heartbeat.is_learning(&settings));
        assert_eq!(flag(&heartbeat, &settings, 1000), None);
        heartbeat.heard(&settings, at(10));
        assert!(!heartbeat.is_learning(&settings));
        assert_eq!(
            [21, 22].map(|second| flag(&heartbeat, &settings, second)),
            [None, Some(Flag::Suspect)]
        );
    }

    #[test]
    fn a_clock_that_is_set_is_neither_silence_nor_hides_one() {
        for by_s in [3600, -3600] {
            let settings = Settings {
                every_s: None,
                ..EVERY_10_S
            };
            let mut heartbeat = Heartbeat::default();
            for nth in 0..=5 {
                heartbeat.heard(&settings, at(nth * 10));
            }
            heartbeat.clock_was_set(TimeDelta::seconds(by_s), at(by_s + 55));
            let flags = [85, 86].map(|second| flag(&heartbeat, &settings, by_s + second));
            assert_eq!(flags, [None, Some(Flag::Suspect)], "35 s after the last, as ever");
            heartbeat.heard(&settings, at(by_s + 60));
            let flags = [95, 96].map(|second| flag(&heartbeat, &settings, by_s + second));
            assert_eq!(flags, [None, Some(Flag::Suspect)], "and what is usual has stayed");
        }
    }

    #[test]
    fn after_a_restart_there_is_a_grace() {
        let mut heartbeat = Heartbeat::default();
        heartbeat.heard(&EVERY_10_S, at(0));
        heartbeat.resume(at(1000));
        assert_eq!(flag(&heartbeat, &EVERY_10_S, 1035), None);
        assert_eq!(flag(&heartbeat, &EVERY_10_S, 1036), Some(Flag::Suspect));
    }
}
