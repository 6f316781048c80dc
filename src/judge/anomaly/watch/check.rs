//! The checks that a watch can have, as settings and as state, and which of them is asked what.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::judge::anomaly::counter_reset::Steps;
use crate::judge::anomaly::cycle_time::{self, CycleTime};
use crate::judge::anomaly::episode::Delays;
use crate::judge::anomaly::heartbeat::{self, Heartbeat};
use crate::judge::anomaly::learning::Limit;
use crate::judge::anomaly::low_output::{self, LowOutput};
use crate::judge::anomaly::outlier::{Outlier, Sensitivity};
use crate::judge::anomaly::range::{self, Range};
use crate::judge::anomaly::rate::Rate;
use crate::judge::anomaly::spike::Spike;
use crate::judge::anomaly::stuck::{self, Stuck};
use crate::judge::anomaly::{Flag, Moment, Said, Sign, What};
use crate::record::{CounterDef, Timestamp};

#[derive(Debug, Clone, PartialEq)]
pub enum How {
    Outlier(Sensitivity),
    Stuck(stuck::Settings),
    Rate(Limit),
    Range(range::Settings),
    Spike(Limit),
    Heartbeat(heartbeat::Settings),
    CounterReset(CounterDef),
    LowOutput(Box<low_output::Settings>),
    CycleTime(cycle_time::Settings),
}

impl How {
    /// Whether what is usual depends on the product.
    pub fn is_of_products(&self) -> bool {
        matches!(self, Self::CycleTime(_) | Self::LowOutput(_))
    }

    /// Delays that do not cry wolf.
    pub fn delays(&self) -> Delays {
        let (on_s, off_s, dead_band) = match self {
            // The score of an anomaly comes and goes while it lasts.
            Self::Outlier(_) => (0.0, 300.0, 0.2),
            Self::Rate(_) | Self::Spike(_) => (0.0, 60.0, 0.1),
            // One wrong sample is a spike; out of range is what stays there.
            Self::Range(_) => (2.0, 10.0, 0.05),
            // These wait by themselves.
            Self::Stuck(_) | Self::Heartbeat(_) | Self::CounterReset(_) => (0.0, 0.0, 0.0),
            Self::LowOutput(_) => (0.0, 0.0, 0.5),
            Self::CycleTime(_) => (0.0, 0.0, 0.3),
        };
        Delays { on_s, off_s, dead_band }
    }

    /// Judges each value by itself.
    pub fn is_timeless(&self) -> bool {
        matches!(self, Self::Range(_))
    }

    /// Judges what is measured, not what is counted or heard.
    pub fn is_of_values(&self) -> bool {
        matches!(self, Self::Outlier(_) | Self::Rate(_) | Self::Range(_) | Self::Spike(_))
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Outlier(_) => "outlier",
            Self::Stuck(_) => "stuck",
            Self::Rate(_) => "rate",
            Self::Range(_) => "range",
            Self::Spike(_) => "spike",
            Self::Heartbeat(_) => "heartbeat",
            Self::CounterReset(_) => "counter_reset",
            Self::LowOutput(_) => "low_output",
            Self::CycleTime(_) => "cycle_time",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum State {
    Outlier(Box<Outlier>),
    Stuck(Stuck),
    Rate(Rate),
    Range(Range),
    Spike(Spike),
    Heartbeat(Heartbeat),
    CounterReset(Steps),
    LowOutput(LowOutput),
    CycleTime(CycleTime),
}

impl State {
    pub fn new(how: &How) -> Self {
        match how {
            How::Outlier(_) => Self::Outlier(Box::default()),
            How::Stuck(_) => Self::Stuck(Stuck::default()),
            How::Rate(_) => Self::Rate(Rate::default()),
            How::Range(_) => Self::Range(Range::default()),
            How::Spike(_) => Self::Spike(Spike::default()),
            How::Heartbeat(_) => Self::Heartbeat(Heartbeat::default()),
            How::CounterReset(_) => Self::CounterReset(Steps::default()),
            How::LowOutput(_) => Self::LowOutput(LowOutput::default()),
            How::CycleTime(_) => Self::CycleTime(CycleTime::default()),
        }
    }

    /// Judges a good value. The state is always of the same check as `how`: both come from the same settings.
    pub fn take(&mut self, how: &How, moment: &Moment, value: f64, heard_at: Timestamp) -> Option<Said> {
        let at = moment.at;
        let sign = match (self, how) {
            (Self::Outlier(outlier), How::Outlier(sensitivity)) => unusual(outlier, *sensitivity, at, value),
            (Self::Stuck(stuck), How::Stuck(settings)) => stuck.take(settings, moment, value),
            (Self::Rate(rate), How::Rate(limit)) => rate.take(limit, at, value, moment.usual_s),
            (Self::Range(range), How::Range(settings)) => range.take(settings, at, value),
            (Self::Spike(spike), How::Spike(limit)) => spike.take(limit, at, value),
            (Self::Heartbeat(heartbeat), How::Heartbeat(settings)) => heartbeat.heard(settings, heard_at),
            (Self::LowOutput(output), How::LowOutput(settings)) => output.take(settings, moment, value),
            (Self::CounterReset(steps), How::CounterReset(counter)) => {
                return steps.reset(counter, at, value).map(Said::Moment);
            }
            (Self::CycleTime(cycle), How::CycleTime(settings)) => return cycle.take(settings, moment, value),
            _ => None,
        };
        sign.map(Said::State)
    }

    /// What shows without an observation.
    pub fn tick(&mut self, how: &How, now: Timestamp) -> Option<Sign> {
        match (self, how) {
            (Self::Heartbeat(heartbeat), How::Heartbeat(settings)) => heartbeat.missed(settings, now),
            (Self::LowOutput(output), How::LowOutput(settings)) => output.tick(settings, now),
            _ => None,
        }
    }

    /// What comes next does not follow from what was before.
    pub fn interrupt(&mut self) {
        match self {
            Self::Rate(rate) => rate.interrupt(),
            Self::Spike(spike) => spike.interrupt(),
            _ => {}
        }
    }

    pub fn resume(&mut self, now: Timestamp) {
        if let Self::Heartbeat(heartbeat) = self {
            heartbeat.resume(now);
        }
    }

    /// The gateway's clock was set, and shows `now`: whether that changes anything here.
    pub fn clock_was_set(&mut self, by: TimeDelta, now: Timestamp) -> bool {
        match self {
            Self::Heartbeat(heartbeat) => heartbeat.clock_was_set(by, now),
            Self::LowOutput(output) => output.clock_was_set(by, now),
            _ => false,
        }
    }

    /// Everything that was heard seems to lie ahead: time goes on from here.
    pub fn goes_on_from(&mut self, now: Timestamp) {
        self.interrupt();
        match self {
            Self::Outlier(outlier) => outlier.interrupt(),
            Self::Stuck(stuck) => {
                stuck.interrupt();
                stuck.natural.goes_on_from(now);
            }
            Self::Rate(rate) => rate.natural.goes_on_from(now),
            Self::Range(range) => range.goes_on_from(now),
            Self::Spike(spike) => spike.natural.goes_on_from(now),
            Self::CycleTime(cycle) => cycle.interrupt(),
            Self::Heartbeat(_) | Self::LowOutput(_) | Self::CounterReset(_) => {}
        }
    }

    pub fn is_learning(&self, how: &How) -> bool {
        match (self, how) {
            (Self::Outlier(outlier), _) => outlier.is_learning(),
            (Self::Stuck(stuck), How::Stuck(settings)) => stuck.natural.is_learning(&settings.after),
            (Self::Rate(rate), How::Rate(limit)) => rate.natural.is_learning(limit),
            (Self::Range(range), How::Range(settings)) => range.is_learning(settings),
            (Self::Spike(spike), How::Spike(limit)) => spike.natural.is_learning(limit),
            (Self::Heartbeat(heartbeat), How::Heartbeat(settings)) => heartbeat.is_learning(settings),
            (Self::LowOutput(output), How::LowOutput(settings)) => output.is_learning(settings),
            (Self::CycleTime(cycle), _) => cycle.is_learning(),
            _ => false,
        }
    }
}

fn unusual(outlier: &mut Outlier, sensitivity: Sensitivity, at: Timestamp, value: f64) -> Option<Sign> {
    let score = outlier.take(at, value);
    let (low, high) = score.expected?;
    let threshold = sensitivity.threshold();
    let is_anomaly = !score.is_learning && score.score >= threshold;
    Some(Sign {
        at,
        flag: if is_anomaly { Flag::Suspect } else { Flag::Good },
        badness: score.score / threshold,
        what: What::Outlier {
            value,
            score: score.score,
            term: score.term,
            low,
            high,
        },
    })
}
