//! Charts of what people report: values measured at inspections, and the defects of work reports. There are few of them, so
//! their states go with the records that they follow from.
//!
//! All are of the gateway's clock: what seems to lie ahead was heard before that was set, perhaps while the gateway was off.

use bytes::Bytes;
use chrono::TimeDelta;
use rust_decimal::prelude::ToPrimitive;

use crate::buffer::States;
use crate::judge::Finding;
use crate::judge::spc::monitor::{Characteristic, Monitor, Observation, PhaseError, Settings, Watched};
use crate::record::{ChartChange, Inspection, Timestamp, WorkReport};
use crate::status::Status;

#[derive(Debug)]
pub struct Charts {
    charts: Vec<Chart>,
    status: Status,
}

#[derive(Debug)]
struct Chart {
    /// Of its state, and of what is shown: `spc/burr-height`.
    name: String,
    from: Characteristic,
    settings: Settings,
    monitor: Monitor,
}

impl Charts {
    pub fn new(watched: Vec<Watched>, status: Status) -> Self {
        let chart = |Watched { from, settings }: Watched| Chart {
            name: format!("spc/{}", settings.name),
            from,
            monitor: Monitor::new(&settings),
            settings,
        };
        Self {
            charts: watched.into_iter().map(chart).collect(),
            status,
        }
    }

    /// Takes the charts back to what is on disk.
    pub fn restore(&mut self, states: &States) {
        for chart in &mut self.charts {
            chart.monitor = match states.get(&chart.name) {
                Some(kept) => Monitor::resume(kept, &chart.settings),
                None => Monitor::new(&chart.settings),
            };
            chart.show(&self.status);
        }
    }

    /// Keys of what the charts hold to be wrong.
    pub fn open_keys(&self) -> impl Iterator<Item = String> {
        self.charts
            .iter()
            .flat_map(|chart| chart.monitor.open_keys(&chart.settings))
    }

    /// The values of an inspection, in the order in which they were measured. Subgroups begin with it and end with it.
    pub fn inspected(&mut self, inspection: &Inspection, at: Timestamp, states: &mut States) -> Vec<Finding> {
        let mut found = Vec::new();
        for chart in &mut self.charts {
            let Characteristic::Inspection { name } = &chart.from else {
                continue;
            };
            let measured = inspection.measurements.iter().filter(|m| m.characteristic == *name);
            let values: Vec<f64> = measured.flat_map(|m| m.values.iter().copied()).collect();
            if values.is_empty() {
                continue;
            }
            let product = inspection.product_code.as_deref();
            chart.monitor.clock_was_set(at);
            for (nth, value) in (0..).zip(values) {
                // They were handed in at one moment, but one came after the other.
                let at = at + TimeDelta::microseconds(nth);
                let seen = product.map_or(Observation::Value(value), |product| Observation::Of { product, value });
                found.extend(chart.monitor.take(&chart.settings, at, seen));
            }
            chart.monitor.end_of_occasion();
            chart.keep(states, &self.status);
        }
        found
    }

    /// A person changes a chart; nothing when there is none of this name.
    pub fn change(
        &mut self,
        chart: &str,
        change: &ChartChange,
        by: &str,
        at: Timestamp,
        states: &mut States,
    ) -> Option<Result<Vec<Finding>, PhaseError>> {
        let chart = self.charts.iter_mut().find(|known| known.settings.name == chart)?;
        let changed = chart.monitor.change(&chart.settings, change, by, at);
        chart.keep(states, &self.status);
        Some(changed)
    }

    /// The defects among the pieces of a report. What takes a report back changes no chart: the point was drawn.
    pub fn reported(&mut self, report: &WorkReport, at: Timestamp, states: &mut States) -> Vec<Finding> {
        let mut found = Vec::new();
        let counted = (report.unqualified_quantity.to_f64(), report.output_quantity.to_f64());
        let (Some(defects), Some(size)) = counted else {
            return found;
        };
        if report.voids.is_some() || size <= 0.0 {
            return found;
        }
        for chart in &mut self.charts {
            let Characteristic::Reports { order_no } = &chart.from else {
                continue;
            };
            if order_no.as_ref().is_some_and(|order_no| *order_no != report.order_no) {
                continue;
            }
            let counted = Observation::Count { defects, size };
            chart.monitor.clock_was_set(at);
            found.extend(chart.monitor.take(&chart.settings, at, counted));
            chart.keep(states, &self.status);
        }
        found
    }
}

impl Chart {
    fn keep(&self, states: &mut States, status: &Status) {
        states.insert(self.name.clone(), Bytes::from(self.monitor.encode()));
        self.show(status);
    }

    fn show(&self, status: &Status) {
        status.set_judge(&self.name, &self.monitor.view(&self.settings));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::spc::Chart as Kind;
    use crate::judge::spc::monitor::{Baseline, Nominal};

    #[test]
    fn a_short_run_holds_what_is_measured_against_the_product_that_was_inspected() {
        let mut settings = Settings::new("burr", Kind::ShortRunDifference, 1);
        settings.limits = Baseline::Given {
            center: 0.0,
            sigma: 0.1,
        };
        let nominal = |center| Nominal { center, sigma: None };
        settings.products = [("A".to_owned(), nominal(10.0)), ("B".to_owned(), nominal(50.0))].into();
        let from = Characteristic::Inspection {
            name: "height".to_owned(),
        };
        let mut charts = Charts::new(vec![Watched { from, settings }], Status::default());
        let mut inspect = |second, product: &str, value: f64| {
            let inspection: Inspection = serde_json::from_value(json!({
                "check_no": "QC-1", "order_no": "WO-1", "product_code": product, "check_date": "2026-11-21",
                "check_quantity": "1", "qualified_quantity": "1", "unqualified_quantity": "0", "check_result": 1,
                "measurements": [{"characteristic": "height", "values": [value]}]
            }))
            .expect("an inspection");
            let at = Timestamp::UNIX_EPOCH + TimeDelta::seconds(second);
            charts.inspected(&inspection, at, &mut States::new())
        };
        assert_eq!(inspect(1, "A", 10.05), []);
        assert_eq!(inspect(2, "B", 49.95), []);
        assert_eq!(inspect(3, "A", 49.95).len(), 1);
        assert_eq!(inspect(-7200, "A", 10.05).len(), 1, "the clock was set back");
    }

    #[test]
    fn no_subgroup_has_values_of_two_inspections() {
        let mut settings = Settings::new("burr", Kind::XbarS, 4);
        settings.limits = Baseline::Learn(20);
        let from = Characteristic::Inspection {
            name: "diameter".to_owned(),
        };
        let mut charts = Charts::new(vec![Watched { from, settings }], Status::default());
        for (second, values) in [(1, vec![1.0, 1.0]), (2, vec![2.0, 2.0, 4.0, 4.0]), (3, vec![5.0; 5])] {
            let inspection: Inspection = serde_json::from_value(json!({
                "check_no": "QC-1", "order_no": "WO-1", "check_date": "2026-11-21",
                "check_quantity": "1", "qualified_quantity": "1", "unqualified_quantity": "0", "check_result": 1,
                "measurements": [{"characteristic": "diameter", "values": values}]
            }))
            .expect("an inspection");
            let at = Timestamp::UNIX_EPOCH + TimeDelta::seconds(second);
            charts.inspected(&inspection, at, &mut States::new());
        }
        let chart = charts.charts.first().expect("a chart");
        let view = chart.monitor.view(&chart.settings);
        let points: Vec<f32> = view.points.iter().map(|point| point.value).collect();
        assert_eq!(points, [3.0, 5.0]);
        assert_eq!(view.bad, 3, "what fills no subgroup is counted");
    }
}
