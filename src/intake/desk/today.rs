//! What each worker has reported on this production day, by whichever way: one small state for each.

use std::collections::HashMap;

use bytes::Bytes;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::buffer::States;
use crate::intake::to_state;
use crate::record::WorkReport;
use crate::status::TodayView;

/// Name of the states that hold it.
const TODAY: &str = "today/";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    day: NaiveDate,
    #[serde(flatten)]
    made: TodayView,
}

#[derive(Debug, Default)]
pub struct Today(HashMap<String, Count>);

impl Today {
    pub fn restored(states: &States) -> Self {
        let kept = states.iter().filter_map(|(name, value)| {
            let count = serde_json::from_slice(value).ok()?;
            Some((name.strip_prefix(TODAY)?.to_owned(), count))
        });
        Self(kept.collect())
    }

    /// Counts a report, or what it takes back; the first of a day forgets those who have made nothing in it.
    pub fn book(&mut self, report: &WorkReport, states: &mut States) {
        let day = report.work_date;
        self.0.retain(|worker_no, count| {
            let is_over = count.day < day;
            if is_over {
                states.insert(format!("{TODAY}{worker_no}"), Bytes::new());
            }
            !is_over
        });
        let count = self.0.entry(report.worker_no.clone()).or_insert_with(|| Count {
            day,
            ..Count::default()
        });
        // What belongs to a shift of yesterday is not of today.
        if count.day != day {
            return;
        }
        count.made.qualified_quantity += report.qualified_quantity;
        count.made.unqualified_quantity += report.unqualified_quantity;
        count.made.work_hours += report.work_hours;
        states.insert(format!("{TODAY}{}", report.worker_no), to_state(count));
    }

    pub fn of(&self, worker_no: &str, day: NaiveDate) -> TodayView {
        let count = self.0.get(worker_no).filter(|count| count.day == day);
        count.map(|count| count.made.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(worker_no: &str, day: &str, qualified: &str) -> WorkReport {
        serde_json::from_value(serde_json::json!({
            "report_no": "", "order_no": "WO-1", "process_code": "10", "station": "", "worker_no": worker_no,
            "work_date": day, "work_hours": "0.5", "output_quantity": qualified, "qualified_quantity": qualified,
            "unqualified_quantity": "0"
        }))
        .expect("a report")
    }

    #[test]
    fn a_day_counts_what_was_reported_in_it() {
        let (mut today, mut states) = (Today::default(), States::default());
        let day = "2026-11-21".parse().expect("a day");
        for (worker_no, day, qualified) in [
            ("A", "2026-11-20", "9"),
            ("B", "2026-11-20", "9"),
            ("A", "2026-11-21", "5"),
            ("A", "2026-11-21", "-2"),
            ("A", "2026-11-20", "7"),
        ] {
            today.book(&report(worker_no, day, qualified), &mut states);
        }
        states.retain(|_, value| !value.is_empty());
        for today in [today, Today::restored(&states)] {
            assert_eq!(today.of("A", day).qualified_quantity.to_string(), "3");
            assert_eq!(today.of("A", day).work_hours.to_string(), "1.0");
            assert_eq!(today.of("B", day).qualified_quantity.to_string(), "0");
        }
    }
}
