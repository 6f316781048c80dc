//! What was answered OK at stations: exact, to be held against the rows of the store.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

/// Pieces of one order's process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pieces {
    pub qualified: Decimal,
    pub unqualified: Decimal,
}

/// What was answered at a station.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub scans: u64,
    /// Reports answered OK: quantities, completions, reports taken back.
    pub reports: u64,
    /// By order and process.
    pub pieces: BTreeMap<(String, String), Pieces>,
    /// Scans that could have made a report and whose answer never came.
    pub unanswered: u64,
    pub errors: u64,
    pub repeats: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.scans += other.scans;
        self.reports += other.reports;
        self.unanswered += other.unanswered;
        self.errors += other.errors;
        self.repeats += other.repeats;
        for (job, pieces) in &other.pieces {
            let sum = self.pieces.entry(job.clone()).or_default();
            sum.qualified += pieces.qualified;
            sum.unqualified += pieces.unqualified;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up_by_job() {
        let pieces = |qualified: i64| Pieces {
            qualified: qualified.into(),
            unqualified: Decimal::ONE,
        };
        let tally = |order: &str, qualified| Tally {
            reports: 1,
            pieces: BTreeMap::from([((order.to_owned(), "0010".to_owned()), pieces(qualified))]),
            ..Tally::default()
        };
        let mut sum = tally("A", 3);
        sum.add(&tally("A", 4));
        sum.add(&tally("B", 1));
        assert_eq!(sum.reports, 3);
        let of_a = sum.pieces.get(&("A".to_owned(), "0010".to_owned())).copied();
        assert_eq!(of_a.map(|pieces| pieces.qualified), Some(Decimal::from(7)));
    }
}
