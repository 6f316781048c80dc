//! What happens most, first: bars with the share that they make together.

use super::canvas::{Anchor, Canvas, Scale, count, escaped};
use crate::judge::spc::monitor::figure;
use crate::language::Language;

#[derive(Debug, Clone)]
pub struct Pareto {
    pub title: String,
    pub language: Language,
    pub bars: Vec<Bar>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub name: String,
    pub count: f64,
}

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 56.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 322.0;
/// What comes after so many is one bar together.
const BARS_MAX: usize = 10;
/// Names are cut where the next one begins.
const LETTER: f64 = 7.0;

impl Pareto {
    /// The bars that are drawn, the largest first and the rest together last.
    fn ordered(&self) -> Vec<Bar> {
        let mut bars: Vec<Bar> = self.bars.iter().filter(|bar| bar.count > 0.0).cloned().collect();
        bars.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        if bars.len() > BARS_MAX {
            let rest = bars.split_off(BARS_MAX - 1);
            bars.push(Bar {
                name: format!("{} ({})", self.language.pick("others", "其他"), rest.len()),
                count: rest.iter().map(|bar| bar.count).sum(),
            });
        }
        bars
    }

    pub fn svg(&self) -> String {
        let bars = self.ordered();
        let total: f64 = bars.iter().map(|bar| bar.count).sum();
        let mut canvas = Canvas::new(&self.title, WIDTH, HEIGHT);
        canvas.text("title", (LEFT, 24.0), Anchor::Start, &self.title);
        if bars.is_empty() {
            canvas.text(
                "quiet",
                (LEFT, 60.0),
                Anchor::Start,
                self.language.pick("nothing was counted", "暂无数据"),
            );
            return canvas.finish();
        }
        let y = Scale::new((0.0, total), (BOTTOM, TOP));
        let step = (WIDTH - LEFT - RIGHT) / count(bars.len());
        draw_axes(&mut canvas, y, total);
        let (mut sum, mut line) = (0.0, Vec::new());
        for (nth, bar) in bars.iter().enumerate() {
            sum += bar.count;
            let left = LEFT + step * count(nth);
            let middle = left + step / 2.0;
            let (top, share) = (y.place(bar.count), 100.0 * sum / total);
            let (shown, name) = (figure(bar.count), escaped(&bar.name));
            canvas.put(format_args!(
                "<rect class=\"bar\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" data-name=\"{name}\" data-value=\"{shown}\" \
                 data-share=\"{share:.1}\"><title>{name}: {shown} ({share:.0} %)</title></rect>",
                left + step * 0.12,
                step * 0.76,
                BOTTOM - top
            ));
            // The line begins in the corner of the first bar, where a figure would lie on it.
            let above = if nth == 0 { top + 16.0 } else { top - 5.0 };
            canvas.text("name", (middle, above), Anchor::Middle, &shown);
            canvas.text("tick", (middle, BOTTOM + 17.0), Anchor::Middle, &cut(&bar.name, step));
            line.push((middle, y.place(sum)));
        }
        canvas.path("polyline", "curve", &line);
        for (x, y) in &line {
            canvas.put(format_args!(
                "<circle class=\"knot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
            ));
        }
        canvas.finish()
    }
}

fn draw_axes(canvas: &mut Canvas, y: Scale, total: f64) {
    let end = WIDTH - RIGHT;
    canvas.line("axis", (LEFT, BOTTOM), (end, BOTTOM));
    for tick in y.ticks(5.0) {
        canvas.text("tick", (LEFT - 8.0, y.place(tick) + 4.0), Anchor::End, &figure(tick));
    }
    for percent in [0.0, 20.0, 40.0, 60.0, 80.0, 100.0] {
        let place = y.place(total * percent / 100.0);
        canvas.text("tick", (end + 8.0, place + 4.0), Anchor::Start, &format!("{percent} %"));
    }
    let mark = y.place(total * 0.8);
    canvas.line("phase", (LEFT, mark), (end, mark));
}

fn cut(name: &str, step: f64) -> String {
    // A letter of Chinese is as wide as two.
    let width = |c: char| if c.is_ascii() { LETTER } else { 2.0 * LETTER };
    let mut taken = 0.0;
    let fitting: String = name
        .chars()
        .take_while(|c| {
            taken += width(*c);
            taken < step
        })
        .collect();
    if fitting.len() == name.len() {
        fitting
    } else {
        format!("{fitting}…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_comes_first_and_the_rest_together() {
        let bars = (0..14_u8).map(|nth| Bar {
            name: format!("reason {nth}"),
            count: nth.into(),
        });
        let pareto = Pareto {
            title: "a < b".to_owned(),
            language: Language::Zh,
            bars: bars.collect(),
        };
        let ordered = pareto.ordered();
        assert_eq!(ordered.len(), BARS_MAX);
        assert_eq!((ordered[0].name.as_str(), ordered[0].count), ("reason 13", 13.0));
        assert_eq!((ordered[9].name.as_str(), ordered[9].count), ("其他 (4)", 10.0));
        let svg = pareto.svg();
        assert!(
            svg.contains("a &lt; b") && svg.contains("data-share=\"100.0\""),
            "{svg}"
        );
        assert_eq!(cut("刀具磨损断裂", 60.0), "刀具磨损…");
    }
}
