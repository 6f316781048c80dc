//! Several channels judged together.

use std::io::BufRead;

use super::{DetectError, Scores, Unjudged, read_time, read_value, say_all_learnt};
use crate::command::table::{Table, TableError, field};
use crate::judge::anomaly::drift::{CHANNELS_MAX, Drift, Settings};

/// Rows to learn from when nobody says.
const LEARN_ROWS: u32 = 400;

pub fn judge<R: BufRead>(
    (time_column, channels): (usize, &[String]),
    learn: Option<u32>,
    table: &mut Table<R>,
    scores: &mut Scores,
    unjudged: &mut Unjudged,
) -> Result<(), DetectError> {
    if channels.len() > CHANNELS_MAX {
        return Err(DetectError::TooManyChannels(channels.len()));
    }
    let columns: Vec<usize> = channels
        .iter()
        .map(|channel| table.column(&[channel]))
        .collect::<Result<_, TableError>>()?;
    let settings = Settings {
        learn: learn.unwrap_or(LEARN_ROWS),
    };
    let mut drift = Drift::new(columns.len(), settings);
    let mut is_learning = false;
    scores.row(format_args!("timestamp,anomaly_score,alarm"))?;
    while let Some(row) = table.next_row()? {
        let at = read_time(table, &row, time_column)?;
        let values: Vec<Option<f64>> = columns
            .iter()
            .map(|column| read_value(table, &row, *column))
            .collect::<Result<_, TableError>>()?;
        for _ in values.iter().filter(|value| value.is_none()) {
            unjudged.missing.add(table.line());
        }
        let late = drift.late();
        let drifted = drift.take(at, &values);
        if drift.late() > late {
            unjudged.late.add(table.line());
        }
        is_learning = drifted.is_learning;
        let alarm = u8::from(drifted.is_alarm);
        scores.row(format_args!("{},{},{alarm}", field(&row[time_column]), drifted.score))?;
    }
    if is_learning {
        say_all_learnt();
    }
    Ok(())
}
