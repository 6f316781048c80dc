//! One signal through the outlier detector.

use std::io::BufRead;

use super::{DetectError, Scores, Unjudged, read_time, read_value, say_all_learnt};
use crate::command::table::{Table, field};
use crate::judge::anomaly::outlier::{Outlier, Sensitivity};

pub fn judge<R: BufRead>(
    (time_column, column): (usize, &str),
    learn: Option<u32>,
    table: &mut Table<R>,
    scores: &mut Scores,
    unjudged: &mut Unjudged,
) -> Result<(), DetectError> {
    let value_column = table.column(&[column])?;
    let mut outlier = learn.map_or_else(Outlier::new, Outlier::learning);
    let threshold = Sensitivity::default().threshold();
    let (mut judged, mut anomalies) = (0_u64, 0_u64);
    scores.row(format_args!("timestamp,value,anomaly_score"))?;
    while let Some(row) = table.next_row()? {
        let at = read_time(table, &row, time_column)?;
        let score = if let Some(value) = read_value(table, &row, value_column)? {
            let late = outlier.late();
            let score = outlier.take(at, value).score;
            if outlier.late() > late {
                unjudged.late.add(table.line());
            }
            judged += 1;
            anomalies += u64::from(score >= threshold);
            score
        } else {
            unjudged.missing.add(table.line());
            0.0
        };
        scores.row(format_args!(
            "{},{},{score}",
            field(&row[time_column]),
            field(&row[value_column])
        ))?;
    }
    if judged > 0 && outlier.is_learning() {
        say_all_learnt();
    }
    eprintln!("{anomalies} of {judged} scores reach {threshold}, from where on a gateway tells of an anomaly");
    Ok(())
}
