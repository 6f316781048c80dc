//! What goes wrong in the demo's plant, so that there is something to find: on whom, when, and for how long. Everything else
//! in the plant is chance.

use std::time::Duration;

/// The faults come around again after this time.
const ROUND: Duration = Duration::from_mins(15);

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The force is off by so many standard deviations.
    Shift(f64),
    /// The force moves away by so many standard deviations a second.
    Drift(f64),
    /// The temperature sensor tells what it last told.
    StuckSensor,
    /// The worker takes so many times as long.
    SlowWorker(f64),
    /// So many of a hundred pieces are scrap.
    DefectBurst(u32),
}

/// A machine or a station, its fault, when it begins in a round and how long it lasts, in seconds.
type Row = (&'static str, Fault, u64, u64);

const FAULTS: [Row; 5] = [
    ("PRESS-2", Fault::StuckSensor, 180, 120),
    ("BEND-2", Fault::Drift(0.05), 270, 90),
    // Its limits are learnt by then.
    ("BEND-1", Fault::Shift(2.0), 360, 60),
    ("ST-02", Fault::SlowWorker(8.0), 480, 120),
    ("ST-01", Fault::DefectBurst(60), 660, 90),
];

/// The faults of one machine or station.
#[derive(Debug, Clone, Default)]
pub struct Faults(Vec<(Fault, Duration, Duration)>);

impl Faults {
    pub fn of(name: &str) -> Self {
        let own = FAULTS.iter().filter(|(of, ..)| *of == name);
        let at = |&(_, fault, from, lasts): &Row| (fault, Duration::from_secs(from), Duration::from_secs(lasts));
        Self(own.map(at).collect())
    }

    /// What is wrong now, and for how long it has been, by the age of the plant.
    pub fn at(&self, age: Duration) -> impl Iterator<Item = (Fault, Duration)> {
        let in_round = Duration::from_millis(u64::try_from(age.as_millis() % ROUND.as_millis()).unwrap_or(0));
        self.0.iter().filter_map(move |&(fault, from, lasts)| {
            let since = in_round.checked_sub(from)?;
            (since < lasts).then_some((fault, since))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_its_time_and_comes_around_again() {
        let faults = Faults::of("BEND-1");
        let at = |seconds| faults.at(Duration::from_secs(seconds)).next();
        assert_eq!(at(359), None);
        assert_eq!(at(390), Some((Fault::Shift(2.0), Duration::from_secs(30))));
        assert_eq!(at(420), None);
        assert_eq!(at(900 + 360), Some((Fault::Shift(2.0), Duration::ZERO)));
        assert!(Faults::of("SHEAR-1").at(Duration::from_secs(390)).next().is_none());
    }
}
