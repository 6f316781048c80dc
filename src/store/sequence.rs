//! Which sequences of a gateway's lane have been seen. Counted without gaps by the sender, so what was jumped over is
//! either still on its way, was never meant for us, or is lost; it stays on the list until it arrives.

use chrono::NaiveDateTime;

use super::statement::{DbError, Transaction, args};
use crate::record::Lane;

/// One log of one gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneKey {
    pub lane: Lane,
    pub epoch: i64,
}

/// The highest sequence seen, and what is missing below it: closed intervals, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    last: i64,
    gaps: Vec<(i64, i64)>,
}

impl Seen {
    fn observe(&mut self, sequence: i64) {
        if sequence > self.last {
            if sequence > self.last + 1 {
                self.gaps.push((self.last + 1, sequence - 1));
            }
            self.last = sequence;
            return;
        }
        let Some(at) = self.gaps.iter().position(|gap| (gap.0..=gap.1).contains(&sequence)) else {
            return;
        };
        let (first, last) = self.gaps[at];
        let rest = [(first, sequence - 1), (sequence + 1, last)];
        self.gaps.splice(at..=at, rest.into_iter().filter(|gap| gap.0 <= gap.1));
    }
}

/// Records that `sequences` (ascending) have been seen. Takes the lane's row first, so that batches of one lane follow one
/// another: call it at the beginning of the transaction.
pub async fn observe(
    tx: &mut Transaction,
    gateway_id: &str,
    key: &LaneKey,
    sequences: &[i64],
    now: NaiveDateTime,
) -> Result<(), DbError> {
    const OF_LANE: &str = "WHERE gateway_id = ? AND lane = ? AND epoch = ?";
    let (Some(&lowest), Some(&highest)) = (sequences.first(), sequences.last()) else {
        return Ok(());
    };
    let id = args![gateway_id, key.lane.name(), key.epoch];
    let lock = tx.for_update();
    let known = tx
        .row(
            format!("SELECT last_sequence FROM gateways {OF_LANE}{lock}"),
            id.clone(),
        )
        .await?;
    let columns = "gateway_id, lane, epoch, last_sequence, last_seen";
    let last = if let Some(row) = known {
        row.get("last_sequence")?
    } else {
        // A lane heard for the first time has no row to lock yet; of two that insert it, one loses and tries again.
        tx.insert("gateways", columns, vec![[id.clone(), args![0, now]].concat()])
            .await?;
        0
    };
    let gaps = format!(
        "SELECT first_sequence, last_sequence, since FROM sequence_gaps \
         {OF_LANE} AND last_sequence >= ? AND first_sequence <= ? ORDER BY first_sequence"
    );
    let rows = tx.rows(gaps, [id.clone(), args![lowest, highest]].concat()).await?;
    let mut before = Vec::with_capacity(rows.len());
    for row in &rows {
        before.push((
            (row.get("first_sequence")?, row.get("last_sequence")?),
            row.get::<NaiveDateTime>("since")?,
        ));
    }
    let mut seen = Seen {
        last,
        gaps: before.iter().map(|(gap, _)| *gap).collect(),
    };
    for sequence in sequences {
        seen.observe(*sequence);
    }

    for (gap, _) in before.iter().filter(|(gap, _)| !seen.gaps.contains(gap)) {
        let delete = format!("DELETE FROM sequence_gaps {OF_LANE} AND first_sequence = ?");
        tx.execute(delete, [id.clone(), args![gap.0]].concat()).await?;
    }
    let opened = seen
        .gaps
        .iter()
        .filter(|gap| before.iter().all(|(known, _)| known != *gap))
        .map(|gap| {
            // What is left of a gap has been missing as long as the whole.
            let since = before
                .iter()
                .find(|(known, _)| known.0 <= gap.0 && gap.1 <= known.1)
                .map_or(now, |(_, since)| *since);
            [id.clone(), args![gap.0, gap.1, since]].concat()
        });
    let gap_columns = "gateway_id, lane, epoch, first_sequence, last_sequence, since";
    tx.insert("sequence_gaps", gap_columns, opened.collect()).await?;
    let row = [id, args![seen.last, now]].concat();
    tx.upsert("gateways", "gateway_id, lane, epoch", columns, vec![row])
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_missing_is_what_was_not_seen(sequences in proptest::collection::vec(1_i64..60, 0..80)) {
            let mut seen = Seen::default();
            for sequence in &sequences {
                seen.observe(*sequence);
            }
            let last = sequences.iter().copied().max().unwrap_or(0);
            prop_assert_eq!(seen.last, last);
            let missing: Vec<i64> = (1..last).filter(|s| !sequences.contains(s)).collect();
            let gaps: Vec<i64> = seen.gaps.iter().flat_map(|gap| gap.0..=gap.1).collect();
            prop_assert_eq!(gaps, missing);
            prop_assert!(seen.gaps.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }
}
