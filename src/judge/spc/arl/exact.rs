//! Run lengths that need no simulation: of points beyond limits and of runs on one side, of smoothed means with fixed limits
//! and of sums by Markov chains (Brook and Evans), and how often ranges and standard deviations leave their limits.
//!
//! `quiet` is the chance that nothing else signals at a point: what ends every run beside what is computed here.

use crate::judge::spc::constants::as_f64;
use crate::judge::spc::design::{Chart, Cusum, Design, Ewma, Spread};
use crate::judge::spc::distribution::{gamma_upper, normal_below};
use crate::judge::spc::process::Process;
use crate::judge::spc::rules::{Rule, RuleSet};
use crate::judge::spc::walk::Lines;

/// Cells of a chain. What is lost between them falls with the square of their number, so that two chains tell what endlessly
/// many cells would: to five digits.
const CELLS: [usize; 2] = [75, 125];

/// The mean run length of the location, where it has a closed form or a chain of moderate size.
pub fn location(design: &Design, quiet: f64) -> Option<f64> {
    match design.chart {
        Chart::Ewma | Chart::Cusum if !design.rules.is_empty() => None,
        Chart::Ewma => design
            .ewma
            .fixed
            .then(|| of_endless(|cells| smoothed(&design.ewma, quiet, cells)))
            .flatten(),
        // Two sides are only put together so simply where nothing else ends a run and none has a head start.
        Chart::Cusum => (quiet >= 1.0 && design.cusum.fir <= 0.0)
            .then(|| of_endless(|cells| summed(&design.cusum, cells)))
            .flatten(),
        _ => of_rules(&design.rules, quiet),
    }
}

/// Of points beyond limits, of runs on one side, or of both: which side a point lies on says nothing of how far it lies.
fn of_rules(rules: &RuleSet, quiet: f64) -> Option<f64> {
    let (mut width, mut run): (Option<f64>, Option<f64>) = (None, None);
    for (rule, k) in rules.switched() {
        let least = match rule {
            Rule::We1 | Rule::N1 => &mut width,
            Rule::We4 | Rule::N2 => &mut run,
            _ => return None,
        };
        *least = Some(least.map_or(k, |least| least.min(k)));
    }
    let quiet = quiet * width.map_or(1.0, |width| 1.0 - 2.0 * normal_below(-width));
    let Some(run) = run else {
        return (quiet < 1.0).then(|| 1.0 / (1.0 - quiet));
    };
    // What is to be expected after j on one side is 1 + quiet (that after j + 1 + that after 1) / 2. Backwards from K, where
    // it is over, each is known up to its share of that after 1.
    let (mut sum, mut share) = (0.0, 0.0);
    let mut length = run;
    while length > 1.0 {
        (sum, share) = (1.0 + quiet / 2.0 * sum, quiet / 2.0 * (share + 1.0));
        length -= 1.0;
    }
    Some(1.0 + quiet * sum / (1.0 - share))
}

fn of_endless(points: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let [few, many] = CELLS;
    let (weight, more) = (as_f64(few).powi(2), as_f64(many).powi(2));
    Some((more * points(many)? - weight * points(few)?) / (more - weight))
}

/// Of a weighted mean between fixed limits.
fn smoothed(ewma: &Ewma, quiet: f64, cells: usize) -> Option<f64> {
    let Ewma { lambda, width, .. } = *ewma;
    let reach = width * (lambda / (2.0 - lambda)).sqrt();
    let cell = 2.0 * reach / as_f64(cells);
    let edge = |nth: usize| -reach + cell * as_f64(nth);
    let chain = (0..cells).map(|from| {
        let middle = edge(from) + cell / 2.0;
        let below = (0..=cells).map(|to| normal_below((edge(to) - (1.0 - lambda) * middle) / lambda));
        steps(&below.collect::<Vec<_>>(), quiet)
    });
    expected(chain.collect(), cells / 2)
}

/// Of two sums: one false alarm of either, which are equally frequent and never at once.
fn summed(cusum: &Cusum, cells: usize) -> Option<f64> {
    // The first cell is what is held at zero, and half as wide.
    let cell = cusum.h / (as_f64(cells) - 0.5);
    let chain = (0..cells).map(|from| {
        let middle = cell * as_f64(from);
        let upper = |to: usize| normal_below(cell * (as_f64(to) + 0.5) - middle + cusum.k);
        let below = std::iter::once(0.0).chain((0..cells).map(upper));
        steps(&below.collect::<Vec<_>>(), 1.0)
    });
    expected(chain.collect(), 0).map(|points| points / 2.0)
}

/// The chances of each cell from those of lying below each edge.
fn steps(below: &[f64], quiet: f64) -> Vec<f64> {
    let between = below.windows(2).map(|pair| match pair {
        [low, high] => (high - low) * quiet,
        _ => 0.0,
    });
    between.collect()
}

/// The mean number of steps from a cell until the chain is left: (1 - Q) x = 1, by elimination, which needs no pivots as each
/// row keeps less than it has on its diagonal.
fn expected(mut chain: Vec<Vec<f64>>, start: usize) -> Option<f64> {
    for (nth, row) in chain.iter_mut().enumerate() {
        for chance in row.iter_mut() {
            *chance = -*chance;
        }
        *row.get_mut(nth)? += 1.0;
        row.push(1.0);
    }
    for nth in 0..chain.len() {
        let own = chain.get(nth)?.clone();
        let pivot = *own.get(nth)?;
        for (_, row) in chain.iter_mut().enumerate().filter(|(other, _)| *other != nth) {
            let factor = *row.get(nth)? / pivot;
            for (cell, own) in row.iter_mut().zip(&own).skip(nth) {
                *cell -= factor * own;
            }
        }
    }
    let row = chain.get(start)?;
    let points = row.last()? / row.get(start)?;
    (points.is_finite() && points > 0.0).then_some(points)
}

/// The chance that the range or the standard deviation of a subgroup is beyond its limits, where that is an alarm.
pub fn spread_beyond(design: &Design, subgroup: usize) -> f64 {
    let Some(spread) = design.spread.filter(|_| design.raises(Rule::Spread) && subgroup > 1) else {
        return 0.0;
    };
    let process = Process::given(design.chart, 0.0, 1.0);
    let Some(Lines { lcl, ucl, .. }) = Lines::of_spread(&process, spread, as_f64(subgroup)) else {
        return 0.0;
    };
    let below = |value: f64| match spread {
        Spread::Deviation => {
            let freedom = as_f64(subgroup) - 1.0;
            1.0 - gamma_upper(freedom / 2.0, freedom * value * value / 2.0)
        }
        Spread::Range | Spread::MovingRange => range_below(value, subgroup),
    };
    below(lcl) + 1.0 - below(ucl)
}

/// The chance that n values lie within `width` of the lowest: over where that lies.
fn range_below(width: f64, n: usize) -> f64 {
    const REACH: f64 = 9.0;
    const STEPS: usize = 600;
    let step = 2.0 * REACH / as_f64(STEPS);
    let others = i32::try_from(n - 1).unwrap_or(i32::MAX);
    let sum: f64 = (0..=STEPS)
        .map(|nth| {
            let lowest = step * as_f64(nth) - REACH;
            let density = (-lowest * lowest / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            density * (normal_below(lowest + width) - normal_below(lowest)).powi(others)
        })
        .sum();
    as_f64(n) * sum * step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Option<f64>, b: f64) {
        let a = a.expect("it has one");
        assert!((a / b - 1.0).abs() < 3e-4, "{a} instead of {b}");
    }

    fn of(rules: &str) -> Option<f64> {
        of_rules(&rules.parse().expect("rules"), 1.0)
    }

    #[test]
    fn points_and_runs_have_their_published_lengths() {
        near(of("N1"), 370.40);
        near(of("N1=4"), 15_787.19);
        near(of("N1=3.5"), 2149.34);
        near(of("N2=12"), 4095.0);
        near(of("N2"), 511.0);
        near(of("N1,N2"), 216.70);
        near(of("WE1,WE4"), 152.73);
        assert_eq!(of("N1,N5"), None);
    }

    #[test]
    fn chains_have_the_lengths_of_the_literature() {
        let ewma = |lambda, width| {
            let fixed = true;
            let mut design = Design::new(Chart::Ewma, 1);
            design.ewma = Ewma { lambda, width, fixed };
            location(&design, 1.0)
        };
        near(ewma(0.2, 2.962), 499.74);
        near(ewma(0.1, 2.814), 499.58);
        near(ewma(0.5, 3.071), 499.91);
        near(ewma(0.05, 2.6), 481.89);
        near(ewma(0.3, 2.7), 193.1);
        let cusum = |k, h| {
            let mut design = Design::new(Chart::Cusum, 1);
            design.cusum = Cusum { k, h, fir: 0.0 };
            location(&design, 1.0)
        };
        near(cusum(0.5, 4.0), 167.68);
        near(cusum(0.5, 5.0), 465.44);
    }

    /// Ranges of two are the absolute values of normal ones, and the tails of s have their table in chi-square.
    #[test]
    fn ranges_and_deviations_leave_their_limits_as_often_as_they_should() {
        let of = |chart, n| spread_beyond(&Design::new(chart, n), n);
        let two = 2.0 * normal_below(-(2.0 / std::f64::consts::PI.sqrt() + 3.0 * 0.852_502_466_427) / 2.0_f64.sqrt());
        assert!((of(Chart::XbarR, 2) - two).abs() < 1e-9, "{}", of(Chart::XbarR, 2));
        assert!((of(Chart::XbarS, 2) - two).abs() < 1e-9, "{}", of(Chart::XbarS, 2));
        assert!((of(Chart::XbarR, 5) - 0.0046).abs() < 1e-4, "{}", of(Chart::XbarR, 5));
        assert!((of(Chart::XbarS, 5) - 0.0039).abs() < 1e-4, "{}", of(Chart::XbarS, 5));
        assert!(
            spread_beyond(&Design::new(Chart::IMr, 1), 1) <= 0.0,
            "it raises no alarm"
        );
    }
}
