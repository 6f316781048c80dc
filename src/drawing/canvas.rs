//! Where shapes and letters are put down, and the scale that says where.

use std::fmt::Write;

pub struct Canvas(String);

/// Where a text stands to its place.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub fn new(title: &str, width: f64, height: f64) -> Self {
        let mut canvas = Self(String::new());
        canvas.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
             <title>{}</title>\n<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>",
            escaped(title)
        ));
        canvas
    }

    pub fn put(&mut self, shape: std::fmt::Arguments) {
        self.0.write_fmt(shape).expect("a String takes everything");
        self.0.push('\n');
    }

    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let text = escaped(text);
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\"{anchor}>{text}</text>"
        ));
    }

    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    /// A `polyline` or a `polygon`; nothing where there are no corners.
    pub fn path(&mut self, shape: &str, class: &str, corners: &[(f64, f64)]) {
        if corners.is_empty() {
            return;
        }
        let corners: Vec<String> = corners.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(format_args!(
            "<{shape} class=\"{class}\" points=\"{}\"/>",
            corners.join(" ")
        ));
    }

    pub fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// From a figure to its place on the canvas; `from` need not be the lesser one.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    from: f64,
    to: f64,
    place_from: f64,
    place_to: f64,
}

impl Scale {
    pub fn new((from, to): (f64, f64), (place_from, place_to): (f64, f64)) -> Self {
        Self {
            from,
            to,
            place_from,
            place_to,
        }
    }

    pub fn place(self, figure: f64) -> f64 {
        self.place_from + (self.place_to - self.place_from) * (figure - self.from) / (self.to - self.from)
    }

    pub fn holds(self, figure: f64) -> bool {
        (self.from..=self.to).contains(&figure)
    }

    /// Round figures along it, about as many as wanted.
    pub fn ticks(self, wanted: f64) -> Vec<f64> {
        let step = round_step((self.to - self.from) / wanted);
        let (first, last) = ((self.from / step).ceil(), (self.to / step).floor());
        let mut ticks = Vec::new();
        let mut nth = first;
        // A step that is lost in its figure would never come to an end.
        while nth <= last && nth - first < 2.0 * wanted + 2.0 {
            // A minus before zero would be printed.
            ticks.push(nth * step + 0.0);
            nth += 1.0;
        }
        ticks
    }
}

/// 1, 2 or 5 times a power of ten, not below what is asked for.
pub fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    factors
        .map(|factor| factor * power)
        .into_iter()
        .find(|round| *round >= step * 0.999)
        .unwrap_or(step)
}

/// The least and the greatest with some room around them; none without figures.
pub fn span(figures: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let known = figures.filter(|figure| figure.is_finite());
    let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), figure| {
        (low.min(figure), high.max(figure))
    });
    (low <= high).then(|| {
        // Of figures that are all alike too.
        let room = ((high - low) * 0.06).max(high.abs() * 1e-6).max(1e-12);
        (low - room, high + room)
    })
}

#[expect(clippy::cast_precision_loss, reason = "charts have few points")]
pub fn count(index: usize) -> f64 {
    index as f64
}

/// Titles and reasons are what somebody typed.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c if c.is_control() && c != '\n' => html.push('\u{fffd}'),
            c => html.push(c),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_end() {
        let scale = |from, to| Scale::new((from, to), (0.0, 100.0));
        assert_eq!(scale(0.3, 10.2).ticks(5.0), [2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(scale(-1.0, 1.0).ticks(4.0), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert!(scale(1e17, 1e17 + 64.0).ticks(5.0).len() < 13);
        assert!((scale(0.0, 10.0).place(2.5) - 25.0).abs() < 1e-9);
    }

    #[test]
    fn what_was_typed_stays_text() {
        assert_eq!(
            escaped("<a href=\"x\">&\u{1b}"),
            "&lt;a href=&quot;x&quot;&gt;&amp;\u{fffd}"
        );
    }
}
