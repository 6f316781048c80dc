//! The life of a machine of the demo: it runs, stops and fails, makes pieces, grows warm. The same seed lives the same life.
//! People and machines keep the same pace, so a plant in a hurry is the same plant.

use std::f64::consts::TAU;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use super::faults::{Fault, Faults};

/// How often a machine lives on a step.
pub const STEP: Duration = Duration::from_millis(200);
pub const ROOM_CELSIUS: f64 = 24.0;
pub const WORKING_CELSIUS: f64 = 58.0;
/// At best, in parts of the pace of the people around it.
pub const CYCLE_OF_PACE: f64 = 0.3;
/// How much longer it takes at most.
const CYCLE_LONGER: f64 = 0.5;
/// What its sensor adds.
const CELSIUS_SD: f64 = 0.12;
/// On a piece at the moment the tool meets it, and how it varies.
pub const FORCE_KN: f64 = 12.0;
pub const FORCE_KN_SD: f64 = 0.1;
const SCRAP_SHARE: f64 = 0.01;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Stopped = 0,
    Running = 1,
    Fault = 2,
}

#[derive(Debug)]
pub struct Life {
    rng: Rng,
    faults: Faults,
    age: Duration,
    pub state: State,
    /// Until the state changes.
    left: Duration,
    /// For one piece.
    cycle: Duration,
    /// Worked on the piece at hand so far.
    worked: Duration,
    /// Pieces are fed by hand: it takes so many times as long as it could.
    pub slowness: f64,
    pub good: u32,
    pub scrap: u32,
    celsius: f64,
    /// What the sensor tells.
    pub celsius_told: f64,
    /// On the last piece.
    pub force_kn: f64,
}

impl Life {
    pub fn new(seed: u64, pace: Duration, faults: Faults) -> Self {
        let mut rng = Rng::with_seed(seed);
        let celsius = ROOM_CELSIUS + 10.0 * rng.f64();
        Self {
            state: State::Running,
            left: Duration::from_secs(rng.u64(8..40)),
            cycle: pace.mul_f64(CYCLE_OF_PACE * (1.0 + CYCLE_LONGER * rng.f64())),
            worked: Duration::ZERO,
            slowness: 1.0,
            good: 0,
            scrap: 0,
            celsius,
            celsius_told: celsius,
            force_kn: FORCE_KN,
            age: Duration::ZERO,
            faults,
            rng,
        }
    }

    /// Pieces that have left it.
    pub fn made(&self) -> u32 {
        self.good + self.scrap
    }

    /// Lives on for a while.
    pub fn step(&mut self, by: Duration) {
        self.age += by;
        self.left = self.left.saturating_sub(by);
        if self.left.is_zero() {
            self.change();
        }
        let is_running = self.state == State::Running;
        let toward = if is_running { WORKING_CELSIUS } else { ROOM_CELSIUS };
        self.celsius += (toward - self.celsius) * (by.as_secs_f64() / 60.0).min(1.0);
        let (mut off, mut is_stuck) = (0.0, false);
        for (fault, since) in self.faults.at(self.age) {
            match fault {
                Fault::Shift(sds) => off += sds,
                Fault::Drift(sds_per_s) => off += sds_per_s * since.as_secs_f64(),
                Fault::StuckSensor => is_stuck = true,
                Fault::SlowWorker(_) | Fault::DefectBurst(_) => {}
            }
        }
        let noise = self.normal();
        if !is_stuck {
            self.celsius_told = self.celsius + CELSIUS_SD * noise;
        }
        if is_running {
            self.worked += by;
            let cycle = self.cycle.mul_f64(self.slowness);
            while self.worked >= cycle {
                self.worked -= cycle;
                self.force_kn = FORCE_KN + FORCE_KN_SD * (self.normal() + off);
                if self.rng.f64() < SCRAP_SHARE {
                    self.scrap += 1;
                } else {
                    self.good += 1;
                }
            }
        }
    }

    /// A normal deviate, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let (one, other) = (1.0 - self.rng.f64(), self.rng.f64());
        (-2.0 * one.ln()).sqrt() * (TAU * other).cos()
    }

    fn change(&mut self) {
        let seconds = match self.state {
            State::Running if self.rng.f64() < 0.2 => {
                self.state = State::Fault;
                4..12
            }
            State::Running => {
                self.state = State::Stopped;
                3..8
            }
            State::Stopped | State::Fault => {
                self.state = State::Running;
                20..70
            }
        };
        self.left = Duration::from_secs(self.rng.u64(seconds));
    }
}

/// A machine that several look at: its own voice, and who stands beside it.
#[derive(Debug, Clone)]
pub struct Machine(Arc<Mutex<Life>>);

impl Machine {
    pub fn new(life: Life) -> Self {
        Self(Arc::new(Mutex::new(life)))
    }

    pub fn look(&self) -> MutexGuard<'_, Life> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::plant::PACE;

    #[test]
    fn the_same_seed_lives_the_same_life_with_all_that_happens_to_machines() {
        let life = || Life::new(7, PACE, Faults::default());
        let (mut one, mut other) = (life(), life());
        let mut seen = Vec::new();
        for _ in 0..10_000 {
            one.step(STEP);
            other.step(STEP);
            if !seen.contains(&one.state) {
                seen.push(one.state);
            }
        }
        assert_eq!((one.good, one.scrap, one.state), (other.good, other.scrap, other.state));
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(one.good > 50 * one.scrap.max(1), "{} to {}", one.good, one.scrap);
        assert!((ROOM_CELSIUS - 5.0..WORKING_CELSIUS + 5.0).contains(&one.celsius_told));
    }

    #[test]
    fn the_force_varies_as_it_says_and_shifts_when_it_should() {
        let mut life = Life::new(3, PACE / 10, Faults::of("BEND-1"));
        let (mut calm, mut shifted) = (Vec::new(), Vec::new());
        let mut before = 0;
        for nth in 0..420 * 5 {
            life.step(STEP);
            if life.good > before {
                before = life.good;
                let of = if nth < 360 * 5 { &mut calm } else { &mut shifted };
                of.push((life.force_kn - FORCE_KN) / FORCE_KN_SD);
            }
        }
        let mean = |all: &[f64]| all.iter().sum::<f64>() / f64::from(u32::try_from(all.len()).expect("few"));
        assert!(mean(&calm).abs() < 0.3, "{}", mean(&calm));
        assert!((mean(&shifted) - 2.0).abs() < 0.4, "{}", mean(&shifted));
    }
}
