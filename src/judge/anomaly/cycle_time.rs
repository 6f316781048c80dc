//! Cycle time, per part and program: a short-run chart of the logarithm of the cycle against what is usual for this part and
//! program. One slow cycle is a moment; an EWMA finds the drift, in either direction.
//!
//! * A stop is a state, not a cycle: what lasts longer than the limit, or in which the machine stood, is kept out and counted.
//! * The cycle is the time between two counts of a counter, or what a point tells of the last cycle whenever it changes.
//! * What is usual is learnt from the first cycles and stays, so that wear is not learnt.

use serde::{Deserialize, Serialize};

use super::counter_reset::Steps;
use super::{Flag, Moment, Said, Sign, What, elapsed_s};
use crate::record::{CounterDef, Timestamp};

/// Cycles of a part and program before anything is said of them.
const LEARN_CYCLES: u32 = 50;
/// From so many cycles on one odd cycle is not learnt whole.
const CLIP_FROM: u32 = 10;
const CLIP_SIGMAS: f64 = 3.0;
/// No machine is steadier than this, as a fraction of the cycle.
const SIGMA_MIN: f64 = 0.01;
const EWMA_WEIGHT: f64 = 0.1;
/// One cycle counts for so many limits of the drift, so that it takes several to reach it.
const CLIP_LIMITS: f64 = 2.0;
/// What is slower by less is no news, whatever the statistics say.
const SLOW_FACTOR_MIN: f64 = 1.2;
const DRIFT_FACTOR_MIN: f64 = 1.05;
/// Where no limit is given: so many usual cycles are a stop, but nothing shorter than a minute.
const STOP_CYCLES: f64 = 10.0;
const STOP_AFTER_MIN_S: f64 = 60.0;
/// Parts and programs that are remembered; what was not made for longest gives way.
const KINDS_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub from: From,
    pub stop_after_s: Option<f64>,
    /// Limits in sigmas: of one cycle, and of the EWMA by its own sigma.
    pub slow_sigmas: f64,
    pub drift_sigmas: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum From {
    /// The point counts pieces.
    Counts(CounterDef),
    /// The point tells how long the last cycle took, in seconds.
    Value,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CycleTime {
    steps: Steps,
    /// When the last piece was counted, if nothing disturbed the cycle since.
    since: Option<Timestamp>,
    told: Option<f64>,
    kind: String,
    kinds: Vec<Kind>,
    /// Cycles that were stops.
    pub stops: u64,
}

/// What is usual for one part and program; logarithms of seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kind {
    name: String,
    made: Timestamp,
    seen: u32,
    mean: f64,
    squares: f64,
    ewma: f64,
}

impl CycleTime {
    pub fn take(&mut self, settings: &Settings, moment: &Moment, value: f64) -> Option<Said> {
        let kind = format!("{}/{}", moment.part, moment.program);
        let is_other = kind != self.kind;
        if is_other || moment.is_after_gap || moment.is_standing() {
            self.since = None;
        }
        self.kind = kind;
        let (cycle_s, pieces) = match &settings.from {
            From::Counts(counter) => self.counted(counter, moment, value)?,
            From::Value => self.told(value)?,
        };
        let at = moment.at;
        let kind = of_kind(&mut self.kinds, &self.kind, at);
        let stop_after_s = settings.stop_after_s.unwrap_or_else(|| kind.stop_after_s());
        if cycle_s > stop_after_s {
            self.stops += 1;
            return None;
        }
        kind.judge(settings, at, cycle_s, pieces)
    }

    /// Pieces since the last count share its time.
    fn counted(&mut self, counter: &CounterDef, moment: &Moment, value: f64) -> Option<(f64, f64)> {
        let step = self.steps.take(counter, moment.at, value)?;
        if step.pieces == 0 {
            return None;
        }
        let since = self.since.take();
        self.since = (!moment.is_standing()).then_some(moment.at);
        #[expect(clippy::cast_precision_loss, reason = "pieces of one reading")]
        let pieces = step.pieces as f64;
        let cycle_s = elapsed_s(since?, moment.at) / pieces;
        step.surprise.is_none().then_some((cycle_s, pieces))
    }

    /// A register keeps the last cycle until the next: only a change is news.
    fn told(&mut self, value: f64) -> Option<(f64, f64)> {
        let before = self.told.replace(value);
        (before != Some(value) && value > 0.0).then_some((value, 1.0))
    }

    /// Nobody knows how long the cycle takes that goes on.
    pub fn interrupt(&mut self) {
        self.since = None;
    }

    pub fn is_learning(&self) -> bool {
        self.kinds
            .iter()
            .find(|kind| kind.name == self.kind)
            .is_none_or(|kind| kind.seen < LEARN_CYCLES)
    }
}

impl Kind {
    fn usual_s(&self) -> f64 {
        self.mean.exp()
    }

    fn stop_after_s(&self) -> f64 {
        let usual_s = if self.seen == 0 { 0.0 } else { self.usual_s() };
        STOP_AFTER_MIN_S.max(STOP_CYCLES * usual_s)
    }

    fn sigma(&self) -> f64 {
        let variance = self.squares / f64::from(self.seen.max(2) - 1);
        variance.sqrt().max(SIGMA_MIN)
    }

    fn judge(&mut self, settings: &Settings, at: Timestamp, cycle_s: f64, pieces: f64) -> Option<Said> {
        let (off, sigma) = (cycle_s.ln() - self.mean, self.sigma());
        if self.seen < LEARN_CYCLES {
            let off = if self.seen < CLIP_FROM {
                off
            } else {
                clipped(off, CLIP_SIGMAS * sigma)
            };
            self.seen += 1;
            let step = off / f64::from(self.seen);
            self.mean += step;
            self.squares += off * (off - step);
            return None;
        }
        let usual_s = self.usual_s();
        let sigma_of_ewma = sigma * (EWMA_WEIGHT / (2.0 - EWMA_WEIGHT)).sqrt();
        let limit = (settings.drift_sigmas * sigma_of_ewma).max(DRIFT_FACTOR_MIN.ln());
        self.ewma += EWMA_WEIGHT * (clipped(off, CLIP_LIMITS * limit) - self.ewma);
        let slow = off * pieces.sqrt() / (settings.slow_sigmas * sigma);
        if slow > 1.0 && cycle_s > SLOW_FACTOR_MIN * usual_s {
            return Some(Said::Moment(Sign {
                at,
                flag: Flag::Suspect,
                badness: slow,
                what: What::SlowCycle { cycle_s, usual_s },
            }));
        }
        let badness = self.ewma.abs() / limit;
        Some(Said::State(Sign {
            at,
            flag: Flag::above(badness, 1.0, None),
            badness,
            what: What::CycleDrift {
                factor: self.ewma.exp(),
                usual_s,
            },
        }))
    }
}

fn clipped(off: f64, most: f64) -> f64 {
    off.clamp(-most, most)
}

fn of_kind<'a>(kinds: &'a mut Vec<Kind>, name: &str, at: Timestamp) -> &'a mut Kind {
    let known = kinds.iter().position(|kind| kind.name == name);
    let place = known.unwrap_or_else(|| {
        if kinds.len() >= KINDS_MAX
            && let Some(oldest) = (0..kinds.len()).min_by_key(|nth| kinds[*nth].made)
        {
            kinds.swap_remove(oldest);
        }
        kinds.push(Kind {
            name: name.to_owned(),
            made: at,
            seen: 0,
            mean: 0.0,
            squares: 0.0,
            ewma: 0.0,
        });
        kinds.len() - 1
    });
    kinds[place].made = at;
    &mut kinds[place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const TOLD: Settings = Settings {
        from: From::Value,
        stop_after_s: Some(60.0),
        slow_sigmas: 6.0,
        drift_sigmas: 5.0,
    };

    /// A machine that tells its last cycle.
    #[derive(Default)]
    struct Machine {
        cycle: CycleTime,
        at: Timestamp,
        random: fastrand::Rng,
    }

    impl Machine {
        fn new() -> Self {
            Self {
                random: fastrand::Rng::with_seed(3),
                ..Self::default()
            }
        }

        /// What is said of so many cycles within 2 %.
        fn make(&mut self, part: &'static str, cycles: u32, cycle_s: f64) -> Vec<Said> {
            let mut said = Vec::new();
            for _ in 0..cycles {
                let took = cycle_s * (0.98 + 0.04 * self.random.f64());
                self.at += TimeDelta::seconds(10);
                let moment = Moment {
                    part,
                    ..Moment::of(self.at)
                };
                said.extend(self.cycle.take(&TOLD, &moment, took));
                // Polled again, the register still holds the same cycle.
                assert_eq!(self.cycle.take(&TOLD, &moment, took), None);
            }
            said
        }
    }

    fn is_bad(said: &Said) -> bool {
        match said {
            Said::State(sign) => sign.flag > Flag::Good,
            Said::Moment(_) => true,
        }
    }

    #[test]
    fn each_part_has_its_own_cycle() {
        let mut machine = Machine::new();
        let mut said = Vec::new();
        for _ in 0..4 {
            said.extend(machine.make("P-1", 60, 5.0));
            said.extend(machine.make("P-2", 60, 8.0));
        }
        assert_eq!(said.len(), 2 * (4 * 60 - 50), "50 cycles of each are learnt from");
        assert!(!said.iter().any(is_bad));
    }

    #[test]
    fn one_slow_cycle_is_a_moment_and_a_stop_is_none() {
        let mut machine = Machine::new();
        machine.make("P-1", 100, 5.0);
        let slow = machine.make("P-1", 1, 9.0);
        assert!(
            matches!(slow.as_slice(), [Said::Moment(Sign { what: What::SlowCycle { usual_s, .. }, .. })] if (4.9..5.1).contains(usual_s)),
            "{slow:?}"
        );
        assert_eq!(machine.make("P-1", 1, 600.0), []);
        assert_eq!(machine.cycle.stops, 1);
        assert!(
            !machine.make("P-1", 100, 5.0).iter().any(is_bad),
            "neither leaves a trace"
        );
    }

    #[test]
    fn drift_is_found_in_either_direction() {
        for cycle_s in [5.6, 4.4] {
            let mut machine = Machine::new();
            machine.make("P-1", 200, 5.0);
            let said = machine.make("P-1", 60, cycle_s);
            let first = said.iter().position(is_bad);
            assert!(first.is_some_and(|cycle| cycle < 40), "{cycle_s}: {first:?}");
        }
    }

    #[test]
    fn a_cycle_in_which_the_machine_stood_is_kept_out() {
        let counts = Settings {
            from: From::Counts(CounterDef {
                rolls_over_at: None,
                max_per_second: f64::INFINITY,
                scaling: None,
            }),
            ..TOLD
        };
        let mut cycle = CycleTime::default();
        let mut said = Vec::new();
        for second in 0..3000_i32 {
            // A piece every 5 s; in between it stands now and then for 20 s, which no cycle is charged with.
            let stood = (second / 500) * 20;
            let at = Timestamp::UNIX_EPOCH + TimeDelta::seconds(i64::from(second + stood));
            let moment = Moment {
                is_running: Some(second % 500 != 498),
                ..Moment::of(at)
            };
            said.extend(cycle.take(&counts, &moment, f64::from(second / 5)));
        }
        assert!(said.len() > 500 && !said.iter().any(is_bad), "{}", said.len());
    }
}
