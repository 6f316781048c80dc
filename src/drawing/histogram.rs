//! How values are distributed beside what is specified.

use std::collections::BTreeMap;

use super::canvas::{Anchor, Canvas, Scale, count, round_step, span};
use super::places::{Label, moved_apart};
use crate::judge::spc::capability::Capability;
use crate::judge::spc::monitor::{View, figure};
use crate::judge::spc::{Chart, Spec};
use crate::language::Language;

#[derive(Debug, Clone)]
pub struct Histogram {
    pub title: String,
    pub unit: Option<String>,
    pub language: Language,
    /// Single values, or the means of subgroups of this size.
    pub values: Vec<f64>,
    pub subgroup: usize,
    /// What is specified of single values; means vary less, and are not held against it.
    pub spec: Option<Spec>,
    /// What single values are like, their centre and sigma; of means nothing.
    pub normal: Option<(f64, f64)>,
    /// Figures beside the bars, where nothing else tells them.
    pub capability: Option<Capability>,
}

/// As narrow as its place on a page, so that its letters are as large there as they are here.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 500.0;
/// What figures beside it take.
const FIGURES_WIDTH: f64 = 150.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 310.0;
/// Beyond this many sigma a curve is no more than its axis.
const CURVE_SIGMA: f64 = 4.0;
const CURVE_STEPS: usize = 96;

impl Histogram {
    /// Of the points of a chart that goes on, whose figures stand elsewhere; counts, weighted means and sums have none.
    pub fn of_view(view: &View, language: Language) -> Option<Self> {
        let is_measured = !view.chart.counts() && !matches!(view.chart, Chart::Ewma | Chart::Cusum);
        if !is_measured || view.points.is_empty() {
            return None;
        }
        let has_singles = view.subgroup == 1;
        let limits = view.limits.as_ref().filter(|_| has_singles);
        Some(Self {
            title: view.name.clone(),
            unit: view.unit.clone(),
            language,
            values: view.points.iter().map(|point| point.value.into()).collect(),
            subgroup: view.subgroup,
            spec: view.spec.filter(|_| has_singles && !view.chart.is_short_run()),
            normal: limits.map(|limits| (limits.center, limits.sigma)),
            capability: None,
        })
    }

    pub fn svg(&self) -> String {
        let beside = self.capability.as_ref().map_or(0.0, |_| FIGURES_WIDTH);
        let mut canvas = Canvas::new(&self.title, WIDTH + beside, HEIGHT);
        canvas.text("title", (LEFT, 24.0), Anchor::Start, &self.title);
        let curve = self.language.pick(
            "curve: single values as the limits have them",
            "曲线:按控制限所得的单值分布",
        );
        let bars = match (self.language, self.subgroup) {
            (Language::En, 1) => format!("{} values", self.values.len()),
            (Language::Zh, 1) => format!("{}个数据", self.values.len()),
            (Language::En, size) => format!("means of {size}, {} of them", self.values.len()),
            (Language::Zh, size) => format!("{}个子组均值(每组{size}个)", self.values.len()),
        };
        let unit = self
            .unit
            .as_deref()
            .map(|unit| format!("  ·  {unit}"))
            .unwrap_or_default();
        let curve = if self.normal.is_some() {
            format!("  ·  {curve}")
        } else {
            String::new()
        };
        canvas.text("quiet", (LEFT, 43.0), Anchor::Start, &format!("{bars}{curve}{unit}"));
        if let Some(x) = self.scale() {
            let bars = Bars::of(self);
            let y = Scale::new((0.0, bars.most().max(self.curve_height(&bars))), (BOTTOM, TOP));
            self.draw_bars(&mut canvas, &bars, x, y);
            self.draw_curve(&mut canvas, &bars, x, y);
            draw_axis(&mut canvas, x);
            self.draw_spec(&mut canvas, x);
        }
        self.draw_figures(&mut canvas);
        canvas.finish()
    }

    fn scale(&self) -> Option<Scale> {
        let spec = self
            .spec
            .into_iter()
            .flat_map(|spec| [spec.lower, spec.upper, spec.target])
            .flatten();
        let normal = self
            .normal
            .into_iter()
            .flat_map(|(center, sigma)| [center - 3.0 * sigma, center + 3.0 * sigma]);
        let figures = self.values.iter().copied().chain(spec).chain(normal);
        span(figures).map(|span| Scale::new(span, (LEFT, RIGHT)))
    }

    fn draw_bars(&self, canvas: &mut Canvas, bars: &Bars, x: Scale, y: Scale) {
        let every = y.ticks(5.0).into_iter().filter(|tick| tick.fract() == 0.0);
        for tick in every {
            canvas.text("tick", (LEFT - 8.0, y.place(tick) + 4.0), Anchor::End, &figure(tick));
        }
        for (low, high, number) in bars.all() {
            let (left, top) = (x.place(low), y.place(count(number)));
            let is_out = self.spec.is_some_and(|spec| {
                spec.lower.is_some_and(|limit| high <= limit) || spec.upper.is_some_and(|limit| low >= limit)
            });
            let class = if is_out { "bar out" } else { "bar" };
            canvas.put(format_args!(
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" data-from=\"{2}\" data-to=\"{3}\" \
                 data-count=\"{number}\"><title>{2} – {3}: {number}</title></rect>",
                x.place(high) - left,
                BOTTOM - top,
                figure(low),
                figure(high)
            ));
        }
    }

    /// As many values as would lie in a bar at the centre.
    fn curve_height(&self, bars: &Bars) -> f64 {
        let sigma = self.normal.map_or(0.0, |(_, sigma)| sigma);
        if sigma > 0.0 {
            count(self.values.len()) * bars.width / (sigma * (2.0 * std::f64::consts::PI).sqrt())
        } else {
            0.0
        }
    }

    fn draw_curve(&self, canvas: &mut Canvas, bars: &Bars, x: Scale, y: Scale) {
        let height = self.curve_height(bars);
        let Some((center, sigma)) = self.normal.filter(|_| height > 0.0) else {
            return;
        };
        let points = (0..=CURVE_STEPS).map(|step| {
            let z = CURVE_SIGMA * (2.0 * count(step) / count(CURVE_STEPS) - 1.0);
            (center + z * sigma, height * (-z * z / 2.0).exp())
        });
        let seen = points.filter(|(value, _)| x.holds(*value));
        let corners: Vec<_> = seen.map(|(value, height)| (x.place(value), y.place(height))).collect();
        canvas.path("polyline", "curve", &corners);
    }

    fn draw_spec(&self, canvas: &mut Canvas, x: Scale) {
        let spec = self.spec.unwrap_or_default();
        let target = self.language.pick("target", "目标");
        for (name, limit) in [("LSL", spec.lower), (target, spec.target), ("USL", spec.upper)] {
            let Some(limit) = limit else { continue };
            let at = x.place(limit);
            let class = if name == target { "spec target" } else { "spec" };
            canvas.line(class, (at, TOP - 8.0), (at, BOTTOM));
            canvas.text(
                "spec",
                (at, TOP - 14.0),
                Anchor::Middle,
                &format!("{name} {}", figure(limit)),
            );
        }
    }

    fn draw_figures(&self, canvas: &mut Canvas) {
        let Some(capability) = &self.capability else { return };
        let mut labels = Vec::new();
        let mut y = TOP;
        let mut tell = |class, text: String, height: f64| {
            labels.push(Label { y, class, text });
            y += height;
        };
        for (name, index) in [
            ("Cp", capability.cp),
            ("Cpk", capability.cpk),
            ("Cpm", capability.cpm),
            ("Pp", capability.pp),
            ("Ppk", capability.ppk),
        ] {
            let Some(index) = index else { continue };
            tell("name", format!("{name} {:.2}", index.value), 15.0);
            tell("tick", format!("{:.2} – {:.2}", index.low, index.high), 22.0);
        }
        tell(
            "tick",
            self.language
                .pick("with their intervals at 95 %", "下行为95%置信区间")
                .to_owned(),
            15.0,
        );
        for label in moved_apart(labels, TOP, HEIGHT) {
            canvas.text(label.class, (WIDTH + 10.0, label.y), Anchor::Start, &label.text);
        }
        for (nth, flag) in capability.flags.iter().enumerate() {
            let at = (LEFT, BOTTOM + 34.0 + 15.0 * count(nth));
            canvas.text("quiet", at, Anchor::Start, flag);
        }
    }
}

fn draw_axis(canvas: &mut Canvas, x: Scale) {
    canvas.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    for tick in x.ticks(6.0) {
        let at = x.place(tick);
        canvas.line("axis", (at, BOTTOM), (at, BOTTOM + 4.0));
        canvas.text("tick", (at, BOTTOM + 17.0), Anchor::Middle, &figure(tick));
    }
}

/// How many values lie in each of the spans of one width.
struct Bars {
    width: f64,
    /// By how many widths its span lies from zero.
    counts: BTreeMap<i64, usize>,
}

impl Bars {
    fn of(histogram: &Histogram) -> Self {
        let width = width(&histogram.values);
        let mut counts = BTreeMap::new();
        for value in &histogram.values {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "at most some hundred bars from the first one"
            )]
            let bar = (value / width).floor() as i64;
            *counts.entry(bar).or_default() += 1;
        }
        Self { width, counts }
    }

    fn most(&self) -> f64 {
        count(self.counts.values().copied().max().unwrap_or(1))
    }

    /// From, to, how many.
    fn all(&self) -> impl Iterator<Item = (f64, f64, usize)> {
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let edge = |bar: i64| bar as f64 * self.width;
        self.counts
            .iter()
            .map(move |(bar, number)| (edge(*bar), edge(bar + 1), *number))
    }
}

/// How wide a bar is: somewhat less than Freedman and Diaconis have it, for it is rounded up.
fn width(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let quarter = |share: usize| {
        values
            .get(values.len() * share / 4)
            .or(values.last())
            .copied()
            .unwrap_or_default()
    };
    let all = values
        .last()
        .zip(values.first())
        .map_or(0.0, |(last, first)| last - first);
    let middle = if quarter(3) > quarter(1) {
        quarter(3) - quarter(1)
    } else {
        all / 2.0
    };
    let width = 1.2 * middle / count(values.len()).cbrt();
    let least = values.last().map_or(1.0, |last| last.abs() * 1e-9);
    round_step(width.max(all / 60.0).max(least).max(1e-12))
}
