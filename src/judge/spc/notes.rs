//! What must be said beside the figures of a chart, because they rest on what may not hold.

use super::constants::as_f64;
use super::design::{Chart, Design};
use super::process::{Process, Sample};
use crate::language::Words;

/// Counts that vary more than this beside chance want Laney's chart.
const OVER_DISPERSED: f64 = 1.2;

/// Correlations beyond so many of their standard errors are not chance: one chart in a hundred is doubted wrongly.
const LAG_WIDTH: f64 = 2.576;
const LAG_POINTS_MIN: usize = 20;

/// How much one point says of the next (lag-1 autocorrelation), with what chance alone would reach.
pub fn autocorrelation(samples: &[Sample]) -> Option<(f64, f64)> {
    let n = samples.len();
    let mean = samples.iter().map(|sample| sample.value).sum::<f64>() / as_f64(n);
    let squares: f64 = samples.iter().map(|sample| (sample.value - mean).powi(2)).sum();
    let products = samples.windows(2).map(|pair| match pair {
        [a, b] => (a.value - mean) * (b.value - mean),
        _ => 0.0,
    });
    let correlation = products.sum::<f64>() / squares;
    (n >= LAG_POINTS_MIN && correlation.is_finite()).then(|| (correlation, LAG_WIDTH / as_f64(n).sqrt()))
}

/// What phase I shows beside its limits.
pub fn of_phase1(design: &Design, process: &Process, learnt: &[Sample]) -> Vec<Words> {
    let mut notes = Vec::new();
    if let Some((r, bound)) = autocorrelation(learnt).filter(|(r, bound)| r.abs() > *bound) {
        notes.push(Words::new(
            format!(
                "Successive points are correlated (lag 1: {r:.2}; chance reaches {bound:.2}): false alarms come more often than told. \
                 Take every n-th value, or chart what remains beside the pattern."
            ),
            format!("相邻点自相关(滞后1:{r:.2},随机界限{bound:.2}):误报会比所示更频繁。请每隔n个取样,或对残差作图。"),
        ));
    }
    let laney = match design.chart {
        Chart::P | Chart::Np => Some("laney-p"),
        Chart::U => Some("laney-u"),
        _ => None,
    };
    let over = process
        .over_dispersion(design.chart, learnt)
        .filter(|sigma_z| *sigma_z > OVER_DISPERSED);
    if let Some((chart, sigma_z)) = laney.zip(over) {
        notes.push(Words::new(
            format!("Counts vary {sigma_z:.2} times as much as chance allows: {chart} has limits that fit."),
            format!("计数波动为随机波动的{sigma_z:.2}倍(过度离散):建议使用{chart}图。"),
        ));
    }
    notes
}

/// Points of phase I that the limits from it do not allow.
pub fn out_of_control(points: &[usize]) -> Words {
    let list = points.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    Words::new(
        format!(
            "Phase I is out of control at {list}: find the causes, exclude these points with the reason, and learn again."
        ),
        format!("第一阶段在点{list}失控:请查明原因,注明理由剔除这些点后重新计算控制限。"),
    )
}
