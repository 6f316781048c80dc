//! What is drawn of a chart: of a whole series, or of one that goes on.

use std::collections::BTreeMap;
use std::ops::Range;

use super::canvas::count;
use crate::judge::spc::arl::FalseAlarms;
use crate::judge::spc::design::Spread;
use crate::judge::spc::monitor::{Phase, View, figure};
use crate::judge::spc::walk::Lines;
use crate::judge::spc::{Analysis, Chart, Limits, Rule, Spec};
use crate::language::Language;
use crate::record::Timestamp;

/// A chart, ready to be drawn.
#[derive(Debug, Clone)]
pub struct Picture {
    pub title: String,
    /// What it is, and what it promises.
    pub subtitle: String,
    pub language: Language,
    pub(super) panels: Vec<Panel>,
    /// When each point was; empty where nobody knows.
    pub(super) times: Vec<Option<Timestamp>>,
    /// Why points are excluded, by place.
    pub(super) excluded: BTreeMap<usize, String>,
    /// Where phase II begins, if there is a phase I before it.
    pub(super) phase2: Option<usize>,
    /// Where limits were replaced, with their version.
    pub(super) replaced: Vec<(usize, u16)>,
    /// What the points are, as their numbers count them.
    pub(super) counted: &'static str,
    /// Subgroups or samples of different sizes have different limits.
    pub(super) varies_by_size: bool,
    /// The points that are drawn.
    pub(super) shown: Range<usize>,
}

/// One of the charts that stand above one another: the location, the spread.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub name: String,
    pub marks: Vec<Mark>,
    /// How many standard errors the limits are wide, where zones between them mean something.
    pub zones: Option<f64>,
    pub spec: Option<Spec>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Mark {
    /// The value, and a second one where two are drawn; none where there is no value.
    pub values: [Option<f64>; 2],
    /// None while limits are learnt.
    pub lines: Option<Lines>,
    pub rules: Vec<Rule>,
}

impl Picture {
    /// Of a series, with the reasons of its excluded points, which are counted from 1.
    pub fn of(analysis: &Analysis, title: &str, reasons: &BTreeMap<usize, String>, language: Language) -> Self {
        let design = &analysis.options.design;
        let mut location = Vec::with_capacity(analysis.points.len());
        let mut spread = Vec::with_capacity(analysis.points.len());
        for plotted in &analysis.points {
            let (of_spread, of_location) = plotted.hits.rules().partition(|rule| *rule == Rule::Spread);
            location.push(Mark {
                values: [Some(plotted.value), plotted.lower_sum],
                lines: Some(Lines {
                    center: plotted.center,
                    lcl: plotted.lcl,
                    ucl: plotted.ucl,
                    se: plotted.se,
                }),
                rules: of_location,
            });
            let point = plotted.spread;
            spread.push(Mark {
                values: [point.map(|point| point.value), None],
                lines: point.map(|point| Lines {
                    center: point.center,
                    lcl: point.lcl,
                    ucl: point.ucl,
                    se: f64::NAN,
                }),
                rules: of_spread,
            });
        }
        // Limits of single values are those of the points; those of means are not.
        let is_single = analysis.samples.iter().all(|sample| sample.size <= 1.0);
        let spec = analysis
            .options
            .spec
            .filter(|_| is_single && analysis.capability.is_some());
        let kind = design.spread.filter(|_| design.chart != Chart::Cusum);
        let is_given = analysis.options.limits != Limits::Estimate;
        let learnt = (!is_given).then_some(analysis.phase1);
        let rules = design.rules.to_string();
        let alarms = analysis.false_alarms();
        let mut sizes = analysis.samples.iter().map(|sample| sample.size);
        let same_size = sizes
            .next()
            .filter(|size| sizes.all(|other| other.to_bits() == size.to_bits()));
        Self {
            title: title.to_owned(),
            subtitle: subtitle(language, &named(design.chart, same_size), learnt, &rules, alarms),
            language,
            panels: panels(
                language,
                design.chart,
                design.rules.width(),
                None,
                spec,
                location,
                kind.map(|kind| (kind, spread)),
            ),
            times: Vec::new(),
            excluded: reasons
                .iter()
                .filter_map(|(point, reason)| Some((point.checked_sub(1)?, reason.clone())))
                .collect(),
            phase2: learnt.filter(|learnt| *learnt < analysis.points.len()),
            replaced: Vec::new(),
            counted: counted(design.chart, is_single, language),
            varies_by_size: same_size.is_none(),
            shown: 0..analysis.points.len(),
        }
    }

    /// Of a chart that goes on, as the gateway shows it.
    pub fn of_view(view: &View, language: Language) -> Self {
        let mut lines = view.lines.iter().peekable();
        let mut now = None;
        let (mut location, mut spread, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
        for (place, point) in view.points.iter().enumerate() {
            while let Some(next) = lines.next_if(|next| next.from <= place + 1) {
                let before = now.replace(next);
                if before.is_some_and(|before| before.version != next.version) {
                    replaced.push((place, next.version));
                }
            }
            let (of_spread, of_location) = point.rules.iter().partition(|rule| **rule == Rule::Spread);
            location.push(Mark {
                values: [Some(point.value.into()), point.lower_sum.map(f64::from)],
                lines: now.map(|now| now.lines),
                rules: of_location,
            });
            spread.push(Mark {
                values: [point.spread.map(f64::from), None],
                lines: now.and_then(|now| now.spread),
                rules: of_spread,
            });
        }
        let reason = |number: usize| view.excluded.iter().find(|exclusion| exclusion.point == number);
        let excluded = view.points.iter().enumerate().filter_map(|(place, point)| {
            let exclusion = reason(point.phase1?)?;
            Some((place, format!("{} ({})", exclusion.reason, exclusion.user)))
        });
        let learnt = view.points.iter().filter(|point| point.phase1.is_some()).count();
        let kind = spread
            .iter()
            .any(|mark| mark.values[0].is_some())
            .then_some(view.spread)
            .flatten();
        let width = view
            .rules
            .parse::<crate::judge::spc::RuleSet>()
            .map_or(3.0, |rules| rules.width());
        let spec = view
            .spec
            .filter(|_| view.subgroup == 1 && !view.chart.counts() && !view.chart.is_short_run());
        Self {
            title: view.name.clone(),
            subtitle: subtitle(
                language,
                &named(view.chart, Some(count(view.subgroup))),
                view.learnt_from,
                &view.rules,
                view.arl0,
            ),
            language,
            panels: panels(
                language,
                view.chart,
                width,
                view.unit.as_deref(),
                spec,
                location,
                kind.map(|kind| (kind, spread)),
            ),
            times: view.points.iter().map(|point| point.at).collect(),
            excluded: excluded.collect(),
            phase2: Some(learnt)
                .filter(|learnt| (1..view.points.len()).contains(learnt) && view.phase == Phase::Watching),
            replaced,
            counted: counted(view.chart, view.subgroup == 1, language),
            varies_by_size: view.chart.needs_sizes(),
            shown: 0..view.points.len(),
        }
    }

    /// Some of the points, counted from 1, both included.
    #[must_use]
    pub fn between(mut self, from: usize, to: usize) -> Self {
        let points = self.panels.first().map_or(0, |panel| panel.marks.len());
        let to = to.min(points);
        self.shown = from.clamp(1, to + 1) - 1..to;
        self
    }
}

fn panels(
    language: Language,
    chart: Chart,
    width: f64,
    unit: Option<&str>,
    spec: Option<Spec>,
    location: Vec<Mark>,
    spread: Option<(Spread, Vec<Mark>)>,
) -> Vec<Panel> {
    let unit = unit
        .filter(|_| chart != Chart::Cusum)
        .map(|unit| format!(" ({unit})"))
        .unwrap_or_default();
    let is_plain = !matches!(chart, Chart::Ewma | Chart::Cusum);
    let mut panels = vec![Panel {
        name: format!("{}{unit}", plotted(chart, language)),
        marks: location,
        zones: is_plain.then_some(width),
        spec: spec.filter(|_| is_plain),
    }];
    panels.extend(spread.map(|(spread, marks)| Panel {
        name: format!("{}{unit}", watched(spread, language)),
        marks,
        zones: None,
        spec: None,
    }));
    panels
}

fn plotted(chart: Chart, language: Language) -> &'static str {
    let (en, zh) = match chart {
        Chart::IMr => ("single values", "单值"),
        Chart::XbarR | Chart::XbarS => ("means", "均值"),
        Chart::P | Chart::LaneyP => ("fraction defective", "不合格品率"),
        Chart::Np => ("defective pieces", "不合格品数"),
        Chart::C => ("defects", "缺陷数"),
        Chart::U | Chart::LaneyU => ("defects per unit", "单位缺陷数"),
        Chart::Ewma => ("weighted means", "加权均值"),
        Chart::Cusum => ("cumulative sums, in standard errors", "累积和(标准误)"),
        Chart::ShortRunDifference => ("deviation from nominal", "与目标值之差"),
        Chart::ShortRunZ => ("deviation from nominal, in sigma", "与目标值之差(σ)"),
    };
    language.pick(en, zh)
}

fn watched(spread: Spread, language: Language) -> &'static str {
    let (en, zh) = match spread {
        Spread::MovingRange => ("moving ranges", "移动极差"),
        Spread::Range => ("ranges", "极差"),
        Spread::Deviation => ("standard deviations", "标准差"),
    };
    language.pick(en, zh)
}

/// What the numbers of points count.
fn counted(chart: Chart, is_single: bool, language: Language) -> &'static str {
    let (en, zh) = match chart {
        _ if chart.counts() => ("sample", "样本"),
        _ if is_single => ("point", "点"),
        _ => ("subgroup", "子组"),
    };
    language.pick(en, zh)
}

/// The chart, with the size of its subgroups where they have one.
fn named(chart: Chart, size: Option<f64>) -> String {
    match size.filter(|size| *size > 1.0) {
        Some(size) => format!("{}, n = {}", chart.name(), figure(size)),
        None => chart.name().to_owned(),
    }
}

fn subtitle(
    language: Language,
    chart: &str,
    learnt: Option<usize>,
    rules: &str,
    alarms: Option<FalseAlarms>,
) -> String {
    let source = match learnt {
        Some(points) => match language {
            Language::En => format!("limits learnt from {points} points"),
            Language::Zh => format!("控制限由{points}点学得"),
        },
        None => language.pick("limits given", "控制限为给定").to_owned(),
    };
    let mut parts = vec![chart.to_owned(), source];
    if rules != "none" {
        parts.push(format!(
            "{} {}",
            language.pick("rules", "判异规则"),
            rules.replace(',', ", ")
        ));
    }
    if let Some(alarms) = alarms {
        let points = figure(alarms.points.round());
        parts.push(match language {
            Language::En => format!("a false alarm in {points} points"),
            Language::Zh => format!("平均{points}点一次误报"),
        });
    }
    parts.join("  ·  ")
}

impl Mark {
    /// Whether a value, the first or the second, is what a rule speaks of.
    pub fn is_out(&self, value: f64) -> bool {
        let is_one_of_two = self.values.iter().flatten().count() > 1;
        !self.rules.is_empty() && (!is_one_of_two || self.is_beyond(value))
    }

    pub fn is_beyond(&self, value: f64) -> bool {
        self.lines.is_some_and(|lines| value > lines.ucl || value < lines.lcl)
    }
}
