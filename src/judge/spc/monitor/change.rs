//! What people change of a chart while it runs: limits frozen or learnt anew, points of phase I left out or taken back
//! in. All or nothing: what is refused changes nothing.

use super::{Baseline, Monitor, PhaseError, Settings};
use crate::judge::finding::Finding;
use crate::judge::spc::analysis::included;
use crate::judge::spc::process::Process;
use crate::record::{ChartChange, Timestamp};

impl Monitor {
    pub fn change(
        &mut self,
        settings: &Settings,
        change: &ChartChange,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<Finding>, PhaseError> {
        let is_given = matches!(settings.limits, Baseline::Given { .. });
        match change {
            ChartChange::Freeze if self.limits.is_some() && !is_given => Err(PhaseError::Frozen),
            ChartChange::Freeze => self.freeze(settings, at),
            ChartChange::Relearn if is_given => Err(PhaseError::Given),
            ChartChange::Relearn => {
                self.relearn(settings);
                Ok(Vec::new())
            }
            ChartChange::Exclude { point, reason } => {
                self.exclude(settings, *point, reason, by, at)?;
                Ok(Vec::new())
            }
            ChartChange::Include { point } => self.include(settings, *point, at),
        }
    }

    /// Takes an exclusion back. Frozen limits change under a new version, as they did with it.
    fn include(&mut self, settings: &Settings, point: usize, at: Timestamp) -> Result<Vec<Finding>, PhaseError> {
        let mut rest = self.excluded.clone();
        rest.retain(|exclusion| exclusion.point != point);
        if rest.len() == self.excluded.len() {
            return Err(PhaseError::NotExcluded(point));
        }
        if self.limits.is_some() {
            let places: Vec<usize> = rest.iter().map(|exclusion| exclusion.point - 1).collect();
            let learnt = included(&settings.design, &self.phase1, &places);
            let process = Process::estimate(&settings.design, &learnt)?;
            self.set_limits(process, at);
        }
        self.excluded = rest;
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::spc::Chart;
    use crate::judge::spc::monitor::Observation;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(second)
    }

    /// A chart that has learnt from ten values, of which the fifth is far out.
    fn learnt() -> (Settings, Monitor) {
        let mut settings = Settings::new("force", Chart::IMr, 1);
        settings.limits = Baseline::Learn(10);
        let mut monitor = Monitor::new(&settings);
        for (second, value) in (0..).zip([1.0, 2.0, 1.0, 2.0, 9.0, 1.0, 2.0, 1.0, 2.0, 1.0]) {
            monitor.take(&settings, at(second), Observation::Value(value));
        }
        (settings, monitor)
    }

    fn limits(monitor: &Monitor, settings: &Settings) -> (u16, f64) {
        let limits = monitor.view(settings).limits.expect("limits");
        (limits.version, limits.center)
    }

    #[test]
    fn an_exclusion_and_its_end_are_versions_of_their_own() {
        let (settings, mut monitor) = learnt();
        assert_eq!(limits(&monitor, &settings), (1, 2.2));
        let exclude = ChartChange::Exclude {
            point: 5,
            reason: "tool broke".to_owned(),
        };
        monitor
            .change(&settings, &exclude, "chen", at(20))
            .expect("there is one");
        let (version, center) = limits(&monitor, &settings);
        assert!(version == 2 && center < 1.5, "{center}");
        let include = ChartChange::Include { point: 5 };
        monitor
            .change(&settings, &include, "chen", at(21))
            .expect("it is excluded");
        assert_eq!(limits(&monitor, &settings), (3, 2.2));
        let again = monitor.change(&settings, &include, "chen", at(22));
        assert_eq!(again, Err(PhaseError::NotExcluded(5)));
    }

    #[test]
    fn limits_are_frozen_early_once_and_learnt_anew() {
        let mut settings = Settings::new("force", Chart::IMr, 1);
        settings.limits = Baseline::Learn(25);
        let mut monitor = Monitor::new(&settings);
        let freeze = |monitor: &mut Monitor| monitor.change(&settings, &ChartChange::Freeze, "chen", at(50));
        assert!(matches!(freeze(&mut monitor), Err(PhaseError::Estimate(_))));
        for (second, value) in (0..).zip([1.0, 2.0, 1.5, 2.0, 1.0]) {
            monitor.take(&settings, at(second), Observation::Value(value));
        }
        freeze(&mut monitor).expect("there are values");
        assert!(!monitor.is_learning());
        assert_eq!(monitor.view(&settings).learnt_from, Some(5));
        assert_eq!(freeze(&mut monitor), Err(PhaseError::Frozen));
        monitor
            .change(&settings, &ChartChange::Relearn, "chen", at(51))
            .expect("it learns");
        assert!(monitor.is_learning());
    }
}
