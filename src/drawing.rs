//! Control charts as SVG, and as a page of HTML around it: zones, limits, phases, points that are out with the rule that
//! they completed. One file that needs nothing else, in the colours of a light or a dark screen.

use std::fmt::Write;

use crate::judge::spc::{Analysis, Chart, Rule};

/// A chart, ready to be drawn.
#[derive(Debug, Clone)]
pub struct Picture {
    pub title: String,
    pub panels: Vec<Panel>,
    /// How many points belong to phase I; 0 if none does.
    pub phase1: usize,
}

/// One of the charts that stand above one another: the location, the spread.
#[derive(Debug, Clone)]
pub struct Panel {
    pub name: String,
    pub marks: Vec<Mark>,
    /// How many sigma the limits are wide, where zones between them mean something.
    pub zones: Option<f64>,
    pub spec: Vec<(f64, &'static str)>,
}

#[derive(Debug, Clone)]
pub struct Mark {
    /// The value, and a second one where two are drawn; none where there is no value.
    pub values: [Option<f64>; 2],
    pub center: f64,
    pub lcl: f64,
    pub ucl: f64,
    pub rules: Vec<Rule>,
    pub is_excluded: bool,
}

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 20.0;
const RIGHT: f64 = 110.0;
const TOP: f64 = 46.0;
const PANEL: f64 = 290.0;
const GAP: f64 = 44.0;

const STYLE: &str = "\
svg { font: 12px 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', Arial, sans-serif; background: #fff }
text { fill: #222 } .title { font-size: 16px; font-weight: 700 } .small { font-size: 11px; fill: #555 }
.zone-c { fill: #e3f1e5 } .zone-b { fill: #fdf6d8 } .zone-a { fill: #fde6d6 }
.limit { fill: none; stroke: #c0392b; stroke-width: 1.4 } .center { fill: none; stroke: #2d7d46; stroke-width: 1.2 }
.spec { stroke: #6c3fb5; stroke-width: 1.2; stroke-dasharray: 8 3 2 3 } .phase { stroke: #777; stroke-dasharray: 4 4 }
.series { fill: none; stroke: #2660a4; stroke-width: 1.4 } .point { fill: #2660a4 } .out { fill: #c0392b } .rule { fill: #c0392b; font-weight: 700; font-size: 11px }
.excluded { fill: none; stroke: #888; stroke-width: 1.4 }
@media (prefers-color-scheme: dark) {
svg { background: #16191d } text { fill: #e6e6e6 } .small { fill: #aab }
.zone-c { fill: #1d3324 } .zone-b { fill: #37331b } .zone-a { fill: #3d271d }
.limit { stroke: #ff7b6b } .center { stroke: #6fcf8b } .spec { stroke: #b99cf0 } .phase { stroke: #999 }
.series { stroke: #7db4f0 } .point { fill: #7db4f0 } .out, .rule { fill: #ff7b6b } .excluded { stroke: #aaa }
}
";

impl Picture {
    pub fn of(analysis: &Analysis, title: &str) -> Self {
        let design = &analysis.options.design;
        let excluded = &analysis.options.excluded;
        let rules = |index: usize, is_spread: bool| -> Vec<Rule> {
            let here = analysis
                .violations_of(is_spread)
                .filter(|violation| violation.index == index);
            here.map(|violation| violation.rule).collect()
        };
        let points = analysis.points.iter().enumerate();
        let location = points.clone().map(|(index, point)| Mark {
            values: [Some(point.value), point.lower_sum],
            center: point.center,
            lcl: point.lcl,
            ucl: point.ucl,
            rules: rules(index, false),
            is_excluded: excluded.contains(&index),
        });
        let is_plain = !matches!(design.chart, Chart::Ewma | Chart::Cusum);
        let spec = analysis
            .options
            .spec
            .filter(|_| is_plain && analysis.capability.is_some());
        let spec = spec.map(|spec| [(spec.lower, "LSL"), (spec.upper, "USL"), (spec.target, "target")]);
        let named = |(limit, name): (Option<f64>, &'static str)| limit.map(|limit| (limit, name));
        // Limits of single values are those of the points; those of means are not.
        let is_of_points = analysis.samples.iter().all(|sample| sample.size <= 1.0);
        let spec = spec.filter(|_| is_of_points).into_iter().flatten().filter_map(named);
        let mut panels = vec![Panel {
            name: design.chart.name().to_owned(),
            marks: location.collect(),
            zones: is_plain.then(|| design.rules.width()),
            spec: spec.collect(),
        }];
        if design.spread.is_some() {
            let spread = points.map(|(index, point)| Mark {
                values: [point.spread.map(|spread| spread.value), None],
                center: point.spread.map_or(f64::NAN, |spread| spread.center),
                lcl: point.spread.map_or(f64::NAN, |spread| spread.lcl),
                ucl: point.spread.map_or(f64::NAN, |spread| spread.ucl),
                rules: rules(index, true),
                is_excluded: excluded.contains(&index),
            });
            panels.push(Panel {
                name: "spread".to_owned(),
                marks: spread.collect(),
                zones: None,
                spec: Vec::new(),
            });
        }
        Self {
            title: title.to_owned(),
            panels,
            phase1: analysis.phase1,
        }
    }

    pub fn svg(&self) -> String {
        let mut svg = String::new();
        let height = TOP + self.panels.iter().map(|_| PANEL + GAP).sum::<f64>();
        push(
            &mut svg,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<style>\n{STYLE}</style>\n\
                 <title>{0}</title>\n<text x=\"{LEFT}\" y=\"26\" class=\"title\">{0}</text>\n",
                escaped(&self.title)
            ),
        );
        let mut top = TOP;
        for panel in &self.panels {
            panel.draw(&mut svg, top, self.phase1);
            top += PANEL + GAP;
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The chart with what is said of it in words.
    pub fn html(&self, told: &str) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n<style>body {{ max-width: 1100px; margin: 1rem auto; padding: 0 1rem }} \
             pre {{ overflow-x: auto; font: 13px/1.45 'Noto Sans Mono', Consolas, monospace }}</style>\n</head>\n<body>\n{}<pre>{}</pre>\n</body>\n</html>\n",
            escaped(&self.title),
            self.svg(),
            escaped(told)
        )
    }
}

/// Which of the lines.
type Of = fn(&Mark) -> f64;

/// From what is plotted to where it lies.
#[derive(Clone, Copy)]
struct Scale {
    top: f64,
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    fn x(self, index: usize) -> f64 {
        LEFT + self.step * (count(index) + 0.5)
    }

    fn y(self, value: f64) -> f64 {
        self.top + PANEL * (self.high - value) / (self.high - self.low)
    }
}

#[expect(clippy::cast_precision_loss, reason = "charts have few points")]
fn count(index: usize) -> f64 {
    index as f64
}

impl Panel {
    fn draw(&self, svg: &mut String, top: f64, phase1: usize) {
        let lines = self.marks.iter().flat_map(|mark| [mark.center, mark.lcl, mark.ucl]);
        let values = self.marks.iter().flat_map(|mark| mark.values.into_iter().flatten());
        let spec = self.spec.iter().map(|(limit, _)| *limit);
        let all = lines.chain(values).chain(spec).filter(|value| value.is_finite());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        if low > high {
            return;
        }
        let margin = ((high - low) * 0.06).max(high.abs() * 1e-9).max(f64::MIN_POSITIVE);
        let scale = Scale {
            top,
            low: low - margin,
            high: high + margin,
            step: (WIDTH - LEFT - RIGHT) / count(self.marks.len().max(1)),
        };
        self.draw_zones(svg, scale);
        self.draw_lines(svg, scale);
        self.draw_phases(svg, scale, phase1);
        for second in [0, 1] {
            self.draw_series(svg, scale, second);
        }
    }

    fn draw_zones(&self, svg: &mut String, scale: Scale) {
        let Some(width) = self.zones else { return };
        // Outermost first: each lies on the one before.
        for (reach, class) in [(width, "zone-a"), (2.0, "zone-b"), (1.0, "zone-c")] {
            let edge = |mark: &Mark, limit: f64| mark.center + (limit - mark.center) * (reach / width).min(1.0);
            let upper = self.steps(scale, |mark| edge(mark, mark.ucl));
            let mut lower = self.steps(scale, |mark| edge(mark, mark.lcl));
            lower.reverse();
            let corners: Vec<String> = upper
                .into_iter()
                .chain(lower)
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            push(
                svg,
                format_args!("<polygon class=\"{class}\" points=\"{}\"/>\n", corners.join(" ")),
            );
        }
    }

    /// A line that may change from point to point.
    fn steps(&self, scale: Scale, of: impl Fn(&Mark) -> f64) -> Vec<(f64, f64)> {
        let half = scale.step / 2.0;
        let known = self
            .marks
            .iter()
            .enumerate()
            .filter(|(_, mark)| mark.center.is_finite());
        let ends = known.map(|(index, mark)| (scale.x(index), scale.y(of(mark))));
        ends.flat_map(|(x, y)| [(x - half, y), (x + half, y)]).collect()
    }

    fn draw_lines(&self, svg: &mut String, scale: Scale) {
        let known = self.marks.iter().rev().find(|mark| mark.center.is_finite());
        let lines: [(&str, &str, Of); 3] = [
            ("limit", "UCL", |mark| mark.ucl),
            ("center", "CL", |mark| mark.center),
            ("limit", "LCL", |mark| mark.lcl),
        ];
        for (class, name, of) in lines {
            let line: Vec<String> = self
                .steps(scale, of)
                .iter()
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            push(
                svg,
                format_args!("<polyline class=\"{class}\" points=\"{}\"/>\n", line.join(" ")),
            );
            if let Some(mark) = known {
                label(svg, scale, of(mark), name);
            }
        }
        for (limit, name) in &self.spec {
            let (y, end) = (scale.y(*limit), WIDTH - RIGHT);
            push(
                svg,
                format_args!("<line class=\"spec\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n"),
            );
            label(svg, scale, *limit, name);
        }
    }

    fn draw_phases(&self, svg: &mut String, scale: Scale, phase1: usize) {
        let bottom = scale.top + PANEL;
        let name = escaped(&self.name);
        push(
            svg,
            format_args!(
                "<text class=\"small\" x=\"{LEFT}\" y=\"{:.1}\">{name}</text>\n",
                bottom + 16.0
            ),
        );
        let last = self.marks.len();
        push(
            svg,
            format_args!(
                "<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{last}</text>\n",
                WIDTH - RIGHT,
                bottom + 16.0
            ),
        );
        if (1..self.marks.len()).contains(&phase1) {
            let x = scale.x(phase1) - scale.step / 2.0;
            push(
                svg,
                format_args!(
                    "<line class=\"phase\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>\n",
                    scale.top
                ),
            );
            push(
                svg,
                format_args!(
                    "<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">I | II</text>\n",
                    x,
                    bottom + 16.0
                ),
            );
        }
    }

    fn draw_series(&self, svg: &mut String, scale: Scale, nth: usize) {
        let value = |mark: &Mark| mark.values.get(nth).copied().flatten();
        let places = self.marks.iter().enumerate();
        let points = places.filter_map(|(index, mark)| Some((index, mark, value(mark)?)));
        let included = points.clone().filter(|(_, mark, _)| !mark.is_excluded);
        let line: Vec<String> = included
            .map(|(i, _, v)| format!("{:.1},{:.1}", scale.x(i), scale.y(v)))
            .collect();
        push(
            svg,
            format_args!("<polyline class=\"series\" points=\"{}\"/>\n", line.join(" ")),
        );
        for (index, mark, value) in points {
            let (x, y) = (scale.x(index), scale.y(value));
            // Of two sums the one that is beyond is out.
            let is_beyond = value > mark.ucl || value < mark.lcl;
            let is_out = !mark.rules.is_empty() && (mark.values.iter().flatten().count() < 2 || is_beyond);
            let (class, radius) = match (mark.is_excluded, is_out) {
                (true, _) => ("excluded", 3.5),
                (_, true) => ("out", 4.5),
                _ => ("point", 2.8),
            };
            let rules: Vec<&str> = mark.rules.iter().map(|rule| rule.name()).filter(|_| is_out).collect();
            let rules = rules.join(" ");
            push(
                svg,
                format_args!(
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{}: {value} {rules}</title></circle>\n",
                    index + 1
                ),
            );
            if is_out {
                let above = if value < mark.center { 16.0 } else { -8.0 };
                push(
                    svg,
                    format_args!(
                        "<text class=\"rule\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{rules}</text>\n",
                        y + above
                    ),
                );
            }
        }
    }
}

fn label(svg: &mut String, scale: Scale, value: f64, name: &str) {
    let (x, y) = (WIDTH - RIGHT + 6.0, scale.y(value) + 4.0);
    let figure = crate::judge::spc::monitor::figure(value);
    push(
        svg,
        format_args!("<text class=\"small\" x=\"{x:.1}\" y=\"{y:.1}\">{name} {figure}</text>\n"),
    );
}

fn push(svg: &mut String, text: std::fmt::Arguments) {
    svg.write_fmt(text).expect("a String takes everything");
}

/// Titles come from files.
fn escaped(text: &str) -> String {
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
