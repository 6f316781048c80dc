//! How fast an order advances, and how long the rest will take.
//!
//! Lots are what was reported at once. The time that a lot took runs from the lot before it, in planned time only. A lot that
//! took more than four times the median time for its pieces had a pause in it: it counts as four times.
//!
//! The rest is a sum of lots to come. From `k` lots of mean size `q` and time `t` with standard deviation `s` of their times
//! about `t`, the rest of `m` such lots takes `m t`, and lies within `± t(0.95, k - 1) s sqrt(m (1 + m / k))` in nine of ten
//! cases: the prediction interval for a sum of future observations (Hahn and Meeker, *Statistical Intervals*, 1991,
//! section 4.7). Pauses to come are not foreseen.

use chrono::TimeDelta;

/// What took longer than this many times the median had a pause in it.
const PAUSE_FACTOR: f64 = 4.0;
/// Fewer lots give a pace, but no interval.
const LOTS_FOR_INTERVAL: usize = 5;
/// 95 % of a normal distribution: nine of ten within both sides.
const Z: f64 = 1.645;

/// A lot: its pieces, and the planned hours since the lot before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lot {
    pub pieces: f64,
    pub hours: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    pub per_hour: f64,
    lots: f64,
    pieces_per_lot: f64,
    hours_per_lot: f64,
    deviation_h: f64,
    has_interval: bool,
}

/// Planned time until the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    pub expected: TimeDelta,
    /// On both sides; nothing where too little is known.
    pub spread: Option<TimeDelta>,
}

impl Pace {
    pub fn of(lots: &[Lot]) -> Option<Self> {
        let lots: Vec<Lot> = lots.iter().copied().filter(|lot| lot.pieces > 0.0).collect();
        let mut per_piece: Vec<f64> = lots.iter().map(|lot| lot.hours / lot.pieces).collect();
        per_piece.sort_by(f64::total_cmp);
        let median = per_piece.get(per_piece.len() / 2).copied()?;
        let taken = |lot: &Lot| lot.hours.min(PAUSE_FACTOR * median * lot.pieces);
        let hours: f64 = lots.iter().map(taken).sum();
        let pieces: f64 = lots.iter().map(|lot| lot.pieces).sum();
        if lots.len() < 2 || hours <= 0.0 {
            return None;
        }
        let count = count(lots.len());
        let per_hour = pieces / hours;
        let squares: f64 = lots
            .iter()
            .map(|lot| (taken(lot) - lot.pieces / per_hour).powi(2))
            .sum();
        Some(Self {
            per_hour,
            lots: count,
            pieces_per_lot: pieces / count,
            hours_per_lot: hours / count,
            deviation_h: (squares / (count - 1.0)).sqrt(),
            has_interval: lots.len() >= LOTS_FOR_INTERVAL,
        })
    }

    /// How long so many pieces take, from the last lot on.
    pub fn rest(&self, pieces: f64) -> Rest {
        let more = pieces / self.pieces_per_lot;
        let deviation_h = self.deviation_h * (more * (1.0 + more / self.lots)).sqrt();
        let spread_h = student_95(self.lots - 1.0) * deviation_h;
        Rest {
            expected: hours(pieces / self.per_hour),
            spread: self.has_interval.then(|| hours(spread_h)),
        }
    }

    /// Between two lots.
    pub fn lot_time(&self) -> TimeDelta {
        hours(self.hours_per_lot)
    }
}

/// The 95 % point of Student's distribution, to 1 % from four degrees of freedom on (Abramowitz and Stegun, 26.7.5).
fn student_95(freedom: f64) -> f64 {
    let z = Z;
    z + (z.powi(3) + z) / (4.0 * freedom)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / (384.0 * freedom.powi(3))
}

#[expect(clippy::cast_precision_loss, reason = "a few lots")]
fn count(lots: usize) -> f64 {
    lots as f64
}

/// An end that is centuries away is not told apart from one that is further.
const HOURS_MAX: f64 = 1e6;

#[expect(clippy::cast_possible_truncation, reason = "bounded")]
fn hours(hours: f64) -> TimeDelta {
    TimeDelta::milliseconds((hours.clamp(0.0, HOURS_MAX) * 3_600_000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lots(hours: &[f64]) -> Vec<Lot> {
        hours.iter().map(|&hours| Lot { pieces: 10.0, hours }).collect()
    }

    #[test]
    fn students_distribution_is_as_tables_have_it() {
        for (freedom, printed) in [(4.0, 2.132), (9.0, 1.833), (23.0, 1.714)] {
            assert!((student_95(freedom) - printed).abs() < 0.01 * printed, "{freedom}");
        }
    }

    #[test]
    fn the_rest_is_predicted_with_its_interval() {
        // 50 pieces in 5 h; deviations 0.1 -0.1 0.2 -0.2 0: s = sqrt(0.1 / 4) = 0.1581.
        let pace = Pace::of(&lots(&[1.1, 0.9, 1.2, 0.8, 1.0])).expect("a pace");
        assert!((pace.per_hour - 10.0).abs() < 1e-12);
        let rest = pace.rest(100.0);
        assert_eq!(rest.expected, TimeDelta::hours(10));
        // m = 10, k = 5: 2.132 * 0.1581 * sqrt(10 * 3) = 1.846 h.
        let spread_h = rest.spread.expect("an interval").as_seconds_f64() / 3600.0;
        assert!((spread_h - 1.846).abs() < 0.02, "{spread_h}");
    }

    #[test]
    fn a_pause_is_no_pace() {
        let steady = Pace::of(&lots(&[1.0; 6])).expect("a pace");
        let paused = Pace::of(&lots(&[1.0, 1.0, 30.0, 1.0, 1.0, 1.0])).expect("a pace");
        assert!((steady.per_hour - 10.0).abs() < 1e-12);
        assert!(
            (paused.per_hour - 60.0 / 9.0).abs() < 1e-12,
            "4 h are counted of the 30"
        );
    }

    #[test]
    fn too_little_is_not_guessed_from() {
        assert_eq!(Pace::of(&[]), None);
        assert_eq!(Pace::of(&lots(&[1.0])), None);
        assert_eq!(Pace::of(&lots(&[0.0; 3])), None);
        assert_eq!(Pace::of(&lots(&[1.0; 4])).expect("a pace").rest(10.0).spread, None);
    }
}
