//! The count at the end of the demo: what the gateway took in against what the store has, what stations answered OK
//! against the reports that became of it, reports against their orders.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::config::GATEWAY_ID;
use super::office::{Office, OrderState};
use super::operators::{Pieces, Tally};
use crate::buffer::inspect::Inspection;
use crate::record::{Lane, Timestamp};
use crate::store::Store;

/// One lane of the gateway's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneCount {
    pub lane: Lane,
    /// Sequences that were given.
    pub records: u64,
    /// Rows of the store's ledger.
    pub rows: u64,
    /// Sequences without a row.
    pub lost: u64,
    /// Rows that share their sequence with another.
    pub duplicated: u64,
}

/// Work reports of this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportCount {
    pub answered: u64,
    pub rows: u64,
    pub lost: u64,
    pub duplicated: u64,
    /// Rows that no station of the demo made: visitors hand in reports too.
    pub of_others: u64,
    /// Order and process where pieces answered OK and pieces in rows differ.
    pub differing: Vec<(String, String, Pieces, Pieces)>,
}

/// An order whose completed quantity is not what its last process reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongOrder {
    pub order_no: String,
    pub completed: Decimal,
    pub reported: Decimal,
}

#[derive(Debug, Clone)]
pub struct Outcome {
    pub lanes: Vec<LaneCount>,
    pub reports: ReportCount,
    pub orders: usize,
    pub wrong_orders: Vec<WrongOrder>,
    /// Refused by the store for good, and so among the lost; each waits with its reason in the buffer.
    pub dead_letters: usize,
    pub tally: Tally,
}

impl Outcome {
    pub fn lost(&self) -> u64 {
        self.reports.lost + self.lanes.iter().map(|lane| lane.lost).sum::<u64>()
    }

    pub fn duplicated(&self) -> u64 {
        self.reports.duplicated + self.lanes.iter().map(|lane| lane.duplicated).sum::<u64>()
    }

    /// Nothing lost, nothing twice, every quantity where it belongs.
    pub fn is_exact(&self) -> bool {
        self.lost() == 0 && self.duplicated() == 0 && self.reports.differing.is_empty() && self.wrong_orders.is_empty()
    }
}

/// Counts a plant whose gateway has ended. Only reports from `since` on belong to the tally.
pub async fn count(
    data_dir: &Path,
    store: &Store,
    office: &Office,
    tally: Tally,
    stations: &[&str],
    since: Timestamp,
) -> anyhow::Result<Outcome> {
    let dir = data_dir.to_owned();
    let (epoch, records, dead_letters) = tokio::task::spawn_blocking(move || {
        let buffer = Inspection::open(&dir)?;
        let records: Result<Vec<_>, _> = Lane::BOTH
            .into_iter()
            .map(|lane| buffer.next(lane).map(|next| (lane, next.saturating_sub(1))))
            .collect();
        anyhow::Ok((
            buffer.epoch().context("the buffer has no epoch")?,
            records?,
            buffer.dead_letters("", 10_000)?.len(),
        ))
    })
    .await??;
    let mut lanes = Vec::new();
    for (lane, records) in records {
        let (rows, sequences) = store.ledger(GATEWAY_ID, lane, epoch).await?;
        lanes.push(LaneCount {
            lane,
            records,
            rows,
            lost: records.saturating_sub(sequences),
            duplicated: rows.saturating_sub(sequences),
        });
    }
    let orders = office.orders().await?;
    let rows = reports(office, since).await?;
    Ok(Outcome {
        lanes,
        reports: compare(&tally, stations, &rows),
        orders: orders.len(),
        wrong_orders: orders.iter().filter_map(wrong).collect(),
        dead_letters,
        tally,
    })
}

/// A row of `production_report`, as the store's API tells it.
#[derive(Debug, Clone, Deserialize)]
struct Row {
    id: i64,
    order_no: String,
    process_code: Option<String>,
    station: Option<String>,
    output_quantity: Decimal,
    qualified_quantity: Decimal,
    unqualified_quantity: Decimal,
    #[serde(rename = "final")]
    is_final: bool,
    reported_time: Option<Timestamp>,
}

async fn reports(office: &Office, since: Timestamp) -> anyhow::Result<Vec<Row>> {
    #[derive(Deserialize)]
    struct Page {
        reports: Vec<Row>,
    }
    let mut rows = Vec::new();
    let mut after = 0;
    loop {
        let page = office.get(&format!("reports?after={after}&limit=1000")).await?;
        let page: Page = serde_json::from_value(page)?;
        let Some(last) = page.reports.last() else {
            return Ok(rows);
        };
        after = last.id;
        rows.extend(
            page.reports
                .into_iter()
                .filter(|row| row.reported_time.is_some_and(|at| at >= since)),
        );
    }
}

fn compare(tally: &Tally, stations: &[&str], rows: &[Row]) -> ReportCount {
    let is_ours = |row: &&Row| {
        row.station
            .as_deref()
            .is_some_and(|station| stations.contains(&station))
    };
    let (rows, others): (Vec<_>, Vec<_>) = rows.iter().partition(is_ours);
    // Reports of hours alone are made when someone leaves; nobody is answered for them.
    let rows = rows
        .into_iter()
        .filter(|row| row.is_final || !row.output_quantity.is_zero());
    let mut count = 0;
    let mut in_rows: BTreeMap<(String, String), Pieces> = BTreeMap::new();
    for row in rows {
        count += 1;
        let job = (row.order_no.clone(), row.process_code.clone().unwrap_or_default());
        let sum = in_rows.entry(job).or_default();
        sum.qualified += row.qualified_quantity;
        sum.unqualified += row.unqualified_quantity;
    }
    let mut jobs: Vec<_> = tally.pieces.keys().chain(in_rows.keys()).collect();
    jobs.sort();
    jobs.dedup();
    let of = |pieces: &BTreeMap<_, Pieces>, job| pieces.get(job).copied().unwrap_or_default();
    let differing = jobs
        .into_iter()
        .map(|job| (job, of(&tally.pieces, job), of(&in_rows, job)))
        // What was never answered may be there or not.
        .filter(|(_, answered, rows)| answered != rows && tally.unanswered == 0)
        .map(|(job, answered, rows)| (job.0.clone(), job.1.clone(), answered, rows));
    ReportCount {
        answered: tally.reports,
        rows: count,
        lost: tally.reports.saturating_sub(count),
        duplicated: count.saturating_sub(tally.reports + tally.unanswered),
        of_others: others.len() as u64,
        differing: differing.collect(),
    }
}

fn wrong(order: &OrderState) -> Option<WrongOrder> {
    let mut reported = order.processes.iter().filter(|process| process.sequence.is_some());
    let reported = reported.next_back().map(|process| process.qualified_quantity)?;
    (reported != order.completed_quantity).then(|| WrongOrder {
        order_no: order.order_no.clone(),
        completed: order.completed_quantity,
        reported,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATIONS: [&str; 1] = ["ST-01"];

    fn row(id: i64, qualified: i64) -> Row {
        Row {
            id,
            order_no: "MO-1".to_owned(),
            process_code: Some("0010".to_owned()),
            station: Some("ST-01".to_owned()),
            output_quantity: qualified.into(),
            qualified_quantity: qualified.into(),
            unqualified_quantity: Decimal::ZERO,
            is_final: false,
            reported_time: None,
        }
    }

    fn tally(reports: u64, qualified: i64) -> Tally {
        let pieces = Pieces {
            qualified: qualified.into(),
            unqualified: Decimal::ZERO,
        };
        Tally {
            reports,
            pieces: BTreeMap::from([(("MO-1".to_owned(), "0010".to_owned()), pieces)]),
            ..Tally::default()
        }
    }

    #[test]
    fn reports_that_lack_or_stand_twice_are_found() {
        let hours_alone = row(9, 0);
        let exact = compare(&tally(2, 8), &STATIONS, &[row(1, 5), row(2, 3), hours_alone]);
        assert_eq!((exact.lost, exact.duplicated, exact.differing.len()), (0, 0, 0));
        let lost = compare(&tally(2, 8), &STATIONS, &[row(1, 5)]);
        assert_eq!((lost.lost, lost.differing.len()), (1, 1));
        let twice = compare(&tally(1, 5), &STATIONS, &[row(1, 5), row(2, 5)]);
        assert_eq!((twice.duplicated, twice.differing.len()), (1, 1));
    }

    #[test]
    fn what_visitors_hand_in_is_neither_twice_nor_wrong() {
        let handed_in = Row {
            station: Some("api".to_owned()),
            ..row(3, 7)
        };
        let count = compare(&tally(1, 5), &STATIONS, &[row(1, 5), handed_in]);
        assert_eq!((count.duplicated, count.differing.len(), count.of_others), (0, 0, 1));
        assert_eq!(count.rows, 1);
    }

    #[test]
    fn what_was_never_answered_may_be_there_or_not() {
        let in_doubt = Tally {
            unanswered: 1,
            ..tally(1, 5)
        };
        for rows in [vec![row(1, 5)], vec![row(1, 5), row(2, 3)]] {
            let count = compare(&in_doubt, &STATIONS, &rows);
            assert_eq!((count.lost, count.duplicated, count.differing.len()), (0, 0, 0));
        }
    }
}
