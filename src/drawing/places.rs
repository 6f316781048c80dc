//! Room for words: labels that would lie on one another are moved apart, or left out.

use std::collections::VecDeque;

/// The height of a line of letters.
const LINE: f64 = 13.0;

pub struct Label {
    pub y: f64,
    pub class: &'static str,
    pub text: String,
}

/// Labels beside a panel, from top to bottom, none on another.
pub fn moved_apart(mut labels: Vec<Label>, top: f64, bottom: f64) -> Vec<Label> {
    labels.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut free = top;
    for label in &mut labels {
        label.y = label.y.max(free);
        free = label.y + LINE;
    }
    let mut free = bottom;
    for label in labels.iter_mut().rev() {
        label.y = label.y.min(free);
        free = label.y - LINE;
    }
    labels
}

/// Whether there is room between labels.
pub fn is_free(labels: &[Label], y: f64) -> bool {
    labels.iter().all(|label| (label.y - y).abs() >= LINE - 2.0)
}

/// Words that stand beside points: none is put on another, nor on a point.
#[derive(Default)]
pub struct Taken {
    /// From left to right.
    points: Vec<(f64, f64)>,
    words: VecDeque<(f64, f64, f64)>,
}

impl Taken {
    /// By points, from left to right.
    pub fn by(points: Vec<(f64, f64)>) -> Self {
        Self {
            points,
            words: VecDeque::new(),
        }
    }

    fn is_point_in(&self, (left, right): (f64, f64), (top, bottom): (f64, f64)) -> bool {
        let first = self.points.partition_point(|(x, _)| *x < left);
        let near = self.points.iter().skip(first).take_while(|(x, _)| *x <= right);
        near.into_iter().any(|(_, y)| (top..=bottom).contains(y))
    }

    /// How far from its usual place, away from the point, a text has room; none where everything is full of words.
    pub fn take(&mut self, (x, y): (f64, f64), text: &str, direction: f64) -> Option<f64> {
        const LETTER: f64 = 7.0;
        const TRIES: u8 = 5;
        /// Points go from left to right, so what was put down long ago is out of the way.
        const REMEMBERED: usize = 16;
        let half = super::canvas::count(text.chars().count()) * LETTER / 2.0 + 2.0;
        let is_free = |at: &f64| {
            let lies_on = |(left, right, other): &(f64, f64, f64)| {
                x - half < *right && x + half > *left && (other - at).abs() < LINE - 1.0
            };
            // Letters stand on their line; points have their size.
            let room = (at - LINE - 1.0, at + 3.0);
            !self.words.iter().any(lies_on) && !self.is_point_in((x - half, x + half), room)
        };
        let mut places = (0..TRIES).map(|nth| y + direction * f64::from(nth) * LINE);
        let at = places.find(is_free)?;
        if self.words.len() == REMEMBERED {
            self.words.pop_front();
        }
        self.words.push_back((x - half, x + half, at));
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_apart() {
        let label = |y| Label {
            y,
            class: "",
            text: String::new(),
        };
        let placed = moved_apart(vec![label(99.0), label(10.0), label(12.0), label(98.0)], 0.0, 100.0);
        let places: Vec<f64> = placed.iter().map(|label| label.y).collect();
        assert_eq!(places, [10.0, 23.0, 87.0, 100.0]);
        assert!(is_free(&placed, 50.0) && !is_free(&placed, 93.0));
        let mut taken = Taken::default();
        let places: Vec<Option<f64>> = [50.0, 51.0, 52.0, 90.0]
            .map(|x| taken.take((x, 100.0), "N1", -1.0))
            .into();
        assert_eq!(places, [Some(100.0), Some(87.0), Some(74.0), Some(100.0)]);
        assert_eq!(taken.take((50.0, 80.0), "N1", 1.0), Some(119.0));
        assert_eq!(taken.take((51.0, 87.0), "N1", 0.0), None);
        let mut taken = Taken::by(vec![(50.0, 110.0), (60.0, 95.0)]);
        assert_eq!(
            taken.take((50.0, 100.0), "CUSUM_UP", -1.0),
            Some(87.0),
            "above both points"
        );
    }
}
