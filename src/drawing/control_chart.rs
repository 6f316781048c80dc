//! A control chart: zones, limits with their figures, phases, points that are out with the rule that they completed, and below
//! it what is said of all this in words.

use super::canvas::{Anchor, Canvas, Scale, count, escaped, round_step, span};
use super::picture::{Mark, Panel, Picture};
use super::places::{Label, Taken, is_free, moved_apart};
use crate::judge::spc::Rule;
use crate::judge::spc::monitor::{figure, meaning};
use crate::judge::spc::walk::Lines;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 112.0;
const END: f64 = WIDTH - RIGHT;
const HEAD: f64 = 58.0;
/// Above each panel: its name, phases, the codes of rules.
const BAND: f64 = 30.0;
const LOCATION: f64 = 270.0;
const SPREAD: f64 = 110.0;
const AXIS: f64 = 44.0;
const WORDS: f64 = 17.0;
/// More is said in the figures themselves.
const WORDS_MAX: usize = 12;

/// A specification that lies farther off than this, in spans of what else is drawn, is told at the edge.
const SPEC_REACH: f64 = 0.7;

/// Where one panel lies.
struct Frame<'a> {
    picture: &'a Picture,
    panel: &'a Panel,
    top: f64,
    bottom: f64,
    step: f64,
    y: Scale,
}

impl Picture {
    pub fn svg(&self) -> String {
        let words = self.words();
        let heights = [LOCATION, SPREAD].into_iter().zip(&self.panels);
        let panels: f64 = heights.clone().map(|(height, _)| height + BAND).sum();
        let below = WORDS * count(words.len()) + 10.0;
        let mut canvas = Canvas::new(&self.title, WIDTH, HEAD + panels + AXIS + below);
        canvas.text("title", (LEFT, 24.0), Anchor::Start, &self.title);
        canvas.text("quiet", (LEFT, 43.0), Anchor::Start, &self.subtitle);
        let mut top = HEAD;
        for (height, panel) in heights {
            top += BAND;
            if let Some(frame) = Frame::new(self, panel, top, top + height) {
                frame.draw(&mut canvas);
            }
            top += height;
        }
        self.draw_axis(&mut canvas, top);
        for (nth, line) in words.iter().enumerate() {
            let y = top + AXIS + WORDS * (count(nth) + 0.7);
            canvas.text("quiet", (LEFT, y), Anchor::Start, line);
        }
        canvas.finish()
    }

    /// Whether points of the same limits lie between different lines.
    fn has_own_limits(&self) -> bool {
        let shown = self
            .panels
            .first()
            .and_then(|panel| panel.marks.get(self.shown.clone()));
        let mut lines = shown.into_iter().flatten().filter_map(|mark| mark.lines);
        let first = lines.next();
        self.varies_by_size && lines.any(|lines| Some(lines.ucl.to_bits()) != first.map(|first| first.ucl.to_bits()))
    }

    fn step(&self) -> f64 {
        (END - LEFT) / count(self.shown.len().max(1))
    }

    /// The middle of the place of a point, also of one beside those that are shown.
    fn x(&self, place: usize) -> f64 {
        LEFT + self.step() * (count(place) - count(self.shown.start) + 0.5)
    }

    /// Numbers of points, and their times below.
    fn draw_axis(&self, canvas: &mut Canvas, y: f64) {
        const TICKS: usize = 9;
        let every = round_step(count(self.shown.len().div_ceil(TICKS).max(1)));
        let mut times = Times::of(self);
        for place in self.shown.clone() {
            let number = count(place + 1);
            let is_first = place == self.shown.start;
            if number % every != 0.0 && !(is_first && every < 2.0) {
                continue;
            }
            let x = self.x(place);
            canvas.line("axis", (x, y), (x, y + 4.0));
            canvas.text("tick", (x, y + 16.0), Anchor::Middle, &number.to_string());
            if let Some(at) = self.times.get(place).copied().flatten() {
                let iso = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                canvas.put(format_args!(
                    "<text class=\"tick time\" data-at=\"{iso}\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    y + 30.0,
                    times.text(at)
                ));
            }
        }
        canvas.text("tick", (END + 8.0, y + 16.0), Anchor::Start, self.counted);
        if !self.times.is_empty() {
            canvas.text("tick", (END + 8.0, y + 30.0), Anchor::Start, "UTC");
        }
    }

    /// What the codes mean, and why points are excluded.
    fn words(&self) -> Vec<String> {
        let shown = |panel: &Panel| panel.marks.get(self.shown.clone()).unwrap_or_default().to_vec();
        let marks: Vec<Mark> = self.panels.iter().flat_map(shown).collect();
        let seen = Rule::ALL
            .into_iter()
            .filter(|rule| marks.iter().any(|mark| mark.rules.contains(rule)));
        let mut words: Vec<String> = seen
            .map(|rule| {
                let (en, zh) = meaning(rule);
                format!("{rule}  {}", self.language.pick(en, zh))
            })
            .collect();
        if self.has_own_limits() {
            let told = self.language.pick(
                "limits follow the size of each sample; the figures are those of the last one",
                "控制限随样本量变化,图中数值为最后一点的控制限",
            );
            words.push(told.to_owned());
        }
        let excluded = self.excluded.range(self.shown.clone());
        words.extend(excluded.map(|(place, reason)| {
            let reason = if reason.is_empty() {
                self.language.pick("no reason given", "未注明原因")
            } else {
                reason
            };
            let without = self.language.pick("excluded", "剔除");
            format!("×{}  {without}: {reason}", place + 1)
        }));
        words.truncate(WORDS_MAX);
        words
    }
}

/// Times as short as their span allows, with the day where it changes.
struct Times {
    format: &'static str,
    day: Option<chrono::NaiveDate>,
}

impl Times {
    fn of(picture: &Picture) -> Self {
        let known = || {
            picture
                .times
                .get(picture.shown.clone())
                .unwrap_or_default()
                .iter()
                .flatten()
        };
        let minutes = known()
            .max()
            .zip(known().min())
            .map_or(0, |(last, first)| (*last - *first).num_minutes());
        let format = if minutes < 10 { "%H:%M:%S" } else { "%H:%M" };
        Self { format, day: None }
    }

    fn text(&mut self, at: crate::record::Timestamp) -> String {
        let time = at.format(self.format).to_string();
        let day = at.date_naive();
        if self.day.replace(day) == Some(day) {
            time
        } else {
            format!("{} {time}", day.format("%m-%d"))
        }
    }
}

impl<'a> Frame<'a> {
    /// None where nothing is to be seen.
    fn new(picture: &'a Picture, panel: &'a Panel, top: f64, bottom: f64) -> Option<Self> {
        let shown = panel.marks.get(picture.shown.clone()).unwrap_or_default();
        let lines = shown
            .iter()
            .filter_map(|mark| mark.lines)
            .flat_map(|lines| [lines.center, lines.lcl, lines.ucl]);
        let values = shown.iter().flat_map(|mark| mark.values.into_iter().flatten());
        let own = span(lines.chain(values))?;
        let reach = (own.1 - own.0) * SPEC_REACH;
        let near = |limit: &f64| (own.0 - reach..=own.1 + reach).contains(limit);
        let spec = panel
            .spec
            .into_iter()
            .flat_map(|spec| [spec.lower, spec.upper, spec.target])
            .flatten();
        let (low, high) = span([own.0, own.1].into_iter().chain(spec.filter(near)))?;
        Some(Self {
            picture,
            panel,
            top,
            bottom,
            step: picture.step(),
            y: Scale::new((low, high), (bottom, top)),
        })
    }

    fn draw(&self, canvas: &mut Canvas) {
        self.draw_zones(canvas);
        self.draw_ground(canvas);
        let labels = self.draw_lines(canvas);
        self.draw_labels(canvas, labels);
        self.draw_phases(canvas);
        for nth in [0, 1] {
            self.draw_series(canvas, nth);
        }
    }

    fn is_first(&self) -> bool {
        self.top < HEAD + 2.0 * BAND
    }

    fn marks(&self) -> impl DoubleEndedIterator<Item = (usize, &Mark)> + Clone {
        let start = self.picture.shown.start;
        let shown = self.panel.marks.get(self.picture.shown.clone()).unwrap_or_default();
        shown.iter().enumerate().map(move |(nth, mark)| (start + nth, mark))
    }

    fn draw_ground(&self, canvas: &mut Canvas) {
        let baseline = self.top - 10.0;
        canvas.text("name", (LEFT, baseline), Anchor::Start, &self.panel.name);
        canvas.line("axis", (LEFT, self.bottom), (END, self.bottom));
        let wanted = (self.bottom - self.top) / 45.0;
        for tick in self.y.ticks(wanted) {
            let y = self.y.place(tick);
            canvas.line("axis", (LEFT - 4.0, y), (LEFT, y));
            canvas.text("tick", (LEFT - 8.0, y + 4.0), Anchor::End, &figure(tick));
        }
    }

    /// A line that may change from point to point.
    fn steps(&self, of: impl Fn(&Lines) -> f64) -> Vec<(f64, f64)> {
        let half = self.step / 2.0;
        let known = self
            .marks()
            .filter_map(|(place, mark)| Some((self.picture.x(place), mark.lines?)));
        let ends = known.map(|(x, lines)| (x, self.y.place(of(&lines))));
        ends.flat_map(|(x, y)| [(x - half, y), (x + half, y)]).collect()
    }

    fn draw_zones(&self, canvas: &mut Canvas) {
        let Some(width) = self.panel.zones else { return };
        // Outermost first: each lies on the one before. No zone goes beyond a limit, which may be cut off where nothing can lie.
        for (reach, class) in [(width, "zone-a"), (2.0, "zone-b"), (1.0, "zone-c")] {
            let mut corners = self.steps(|lines| (lines.center + reach * lines.se).min(lines.ucl));
            let lower = self.steps(|lines| (lines.center - reach * lines.se).max(lines.lcl));
            corners.extend(lower.into_iter().rev());
            canvas.path("polygon", class, &corners);
        }
    }

    /// Centre, limits and what is specified; returns what stands beside them.
    fn draw_lines(&self, canvas: &mut Canvas) -> Vec<Label> {
        let mut labels = Vec::new();
        let mut note = |y: f64, class: &'static str, text: String| labels.push(Label { y, class, text });
        canvas.path("polyline", "center", &self.steps(|lines| lines.center));
        canvas.path("polyline", "limit", &self.steps(|lines| lines.ucl));
        canvas.path("polyline", "limit", &self.steps(|lines| lines.lcl));
        if let Some(last) = self.marks().rev().find_map(|(_, mark)| mark.lines) {
            for (name, value) in [("UCL", last.ucl), ("CL", last.center), ("LCL", last.lcl)] {
                note(self.y.place(value), "", format!("{name} {}", figure(value)));
            }
        }
        let spec = self.panel.spec.unwrap_or_default();
        let target = self.picture.language.pick("target", "目标");
        for (name, limit) in [("USL", spec.upper), ("LSL", spec.lower), (target, spec.target)] {
            let Some(limit) = limit else { continue };
            if self.y.holds(limit) {
                let y = self.y.place(limit);
                let class = if name == target { "spec target" } else { "spec" };
                canvas.line(class, (LEFT, y), (END, y));
                note(y, "spec", format!("{name} {}", figure(limit)));
            } else {
                let is_above = self.y.place(limit) < self.top;
                let (y, arrow) = if is_above {
                    (self.top, "↑")
                } else {
                    (self.bottom, "↓")
                };
                note(y, "spec", format!("{name} {} {arrow}", figure(limit)));
            }
        }
        labels
    }

    fn draw_labels(&self, canvas: &mut Canvas, labels: Vec<Label>) {
        const LETTERS: f64 = 4.0;
        let labels = moved_apart(labels, self.top, self.bottom);
        let x = END + 8.0;
        for label in &labels {
            canvas.text(label.class, (x, label.y + LETTERS), Anchor::Start, &label.text);
        }
        let last = self
            .marks()
            .rev()
            .find_map(|(_, mark)| mark.lines)
            .filter(|_| self.panel.zones.is_some());
        let Some(last) = last else { return };
        for (sigma, name) in [(2.0, "+2σ"), (1.0, "+1σ"), (-1.0, "−1σ"), (-2.0, "−2σ")] {
            let value = last.center + sigma * last.se;
            let y = self.y.place(value);
            if (last.lcl..=last.ucl).contains(&value) && is_free(&labels, y) {
                canvas.text("sigma", (x, y + LETTERS), Anchor::Start, name);
            }
        }
    }

    /// Where phase I ends, and where limits were replaced.
    fn draw_phases(&self, canvas: &mut Canvas) {
        let language = self.picture.language;
        let inside = |place: &usize| *place > self.picture.shown.start && *place < self.picture.shown.end;
        let mut borders: Vec<(usize, String, String)> = Vec::new();
        if let Some(phase2) = self.picture.phase2.filter(inside) {
            let (one, two) = language
                .pick("phase I|phase II", "阶段I|阶段II")
                .split_once('|')
                .unwrap_or_default();
            borders.push((phase2, one.to_owned(), two.to_owned()));
        }
        for (place, version) in self.picture.replaced.iter().filter(|(place, _)| inside(place)) {
            let text = match language {
                crate::language::Language::En => format!("limits v{version}"),
                crate::language::Language::Zh => format!("控制限v{version}"),
            };
            borders.push((*place, String::new(), text));
        }
        for (place, before, after) in borders {
            let x = self.picture.x(place) - self.step / 2.0;
            canvas.line("phase", (x, self.top - 18.0), (x, self.bottom));
            if self.is_first() {
                canvas.text("tick", (x - 6.0, self.top - 10.0), Anchor::End, &before);
                canvas.text("tick", (x + 6.0, self.top - 10.0), Anchor::Start, &after);
            }
        }
    }

    fn draw_series(&self, canvas: &mut Canvas, nth: usize) {
        let value = |mark: &Mark| mark.values.get(nth).copied().flatten();
        let mut line = Vec::new();
        for (place, mark) in self
            .marks()
            .filter(|(place, _)| !self.picture.excluded.contains_key(place))
        {
            match value(mark) {
                Some(value) => line.push((self.picture.x(place), self.y.place(value))),
                // Across what is missing there is no line.
                None => canvas.path("polyline", "series", &std::mem::take(&mut line)),
            }
        }
        canvas.path("polyline", "series", &line);
        let own = self.marks().filter_map(|(place, mark)| Some((place, value(mark)?)));
        let points = own.map(|(place, value)| (self.picture.x(place), self.y.place(value)));
        let mut taken = Taken::by(points.collect());
        let mut told: &[Rule] = &[];
        for (place, mark) in self.marks() {
            let Some(value) = value(mark) else { continue };
            self.draw_point(canvas, place, mark, value);
            if self.picture.excluded.contains_key(&place) {
                let text = format!("×{}", place + 1);
                canvas.text(
                    "mark",
                    (self.picture.x(place), self.y.place(value) - 9.0),
                    Anchor::Middle,
                    &text,
                );
                continue;
            }
            if mark.is_out(value) {
                // What goes on from point to point is named where it begins.
                let new = mark
                    .rules
                    .iter()
                    .filter(|rule| !told.contains(rule))
                    .map(|rule| rule.name());
                let text = new.collect::<Vec<_>>().join(" ");
                let is_below = mark.lines.is_some_and(|lines| value < lines.center);
                let place = (self.picture.x(place), self.y.place(value));
                draw_rule(canvas, &mut taken, place, is_below, &text);
                told = &mark.rules;
            } else {
                told = &[];
            }
        }
    }

    fn draw_point(&self, canvas: &mut Canvas, place: usize, mark: &Mark, value: f64) {
        let (x, y) = (self.picture.x(place), self.y.place(value));
        let (class, shape) = match () {
            () if self.picture.excluded.contains_key(&place) => ("point excluded", EXCLUDED),
            () if mark.is_out(value) && mark.is_beyond(value) => ("point out", DIAMOND),
            () if mark.is_out(value) => ("point run", SQUARE),
            () => ("point", DOT),
        };
        let rules: Vec<&str> = mark.rules.iter().map(|rule| rule.name()).collect();
        let rules = rules.join(" ");
        let at = self.picture.times.get(place).copied().flatten();
        let at = at
            .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
            .unwrap_or_default();
        let shown = figure(value);
        let told = [&(place + 1).to_string(), &shown, &at, &rules];
        let told = told
            .into_iter()
            .filter(|part| !part.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join("  ");
        let told = match self.picture.excluded.get(&place) {
            Some(reason) => escaped(&format!("{told}  × {reason}")),
            None => told,
        };
        canvas.put(format_args!(
            "<path class=\"{class}\" d=\"M{x:.1} {y:.1}{shape}\" data-index=\"{}\" data-value=\"{shown}\" data-at=\"{at}\" \
             data-signals=\"{rules}\"><title>{told}</title></path>",
            place + 1
        ));
    }
}

/// The codes of rules beside the point that completed them, on its far side from the centre.
fn draw_rule(canvas: &mut Canvas, taken: &mut Taken, (x, y): (f64, f64), is_below: bool, text: &str) {
    let (y, direction) = if is_below { (y + 18.0, 1.0) } else { (y - 10.0, -1.0) };
    if let Some(y) = taken.take((x, y), text, direction).filter(|_| !text.is_empty()) {
        canvas.text("rule", (x, y), Anchor::Middle, text);
    }
}

/// Shapes around a place.
const DOT: &str = "m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0 -5.2 0z";
const DIAMOND: &str = "m0 -6.5l6.5 6.5l-6.5 6.5l-6.5 -6.5z";
const SQUARE: &str = "m-4.2 -4.2h8.4v8.4h-8.4z";
const EXCLUDED: &str = "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0zm1.2 -2.8l5.6 5.6m0 -5.6l-5.6 5.6";
