//! A chart as it goes on, point by point: the one way in which points are judged, whether they come from a file all at once
//! or from a machine one by one.

use serde::{Deserialize, Serialize};

use super::design::{Chart, Design, Spread};
use super::line::Line;
use super::process::{Process, Sample};
use super::rules::{Hits, Rule, Runs};

/// What is carried from point to point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    runs: Runs,
    /// The weighted mean; none before the first point.
    ewma: Option<f64>,
    /// The weight that older points have left: (1 - lambda) to the power of twice the points.
    fading: f64,
    up: f64,
    down: f64,
}

/// A point with its limits and what it completed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plotted {
    /// What is drawn: the statistic itself, its weighted mean, or the upper sum.
    pub value: f64,
    /// Of a CUSUM the lower sum, as a negative number.
    pub lower_sum: Option<f64>,
    pub center: f64,
    pub lcl: f64,
    pub ucl: f64,
    /// The standard error of the statistic.
    pub se: f64,
    pub hits: Hits,
    pub spread: Option<SpreadPoint>,
}

/// The range or standard deviation of the same subgroup.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpreadPoint {
    pub value: f64,
    pub center: f64,
    pub lcl: f64,
    pub ucl: f64,
    pub is_beyond: bool,
}

/// The limits of ranges and standard deviations, in standard errors. They are skewed, so no other rule is used on them.
const SPREAD_WIDTH: f64 = 3.0;

impl Walk {
    pub fn new(design: &Design) -> Self {
        Self {
            runs: Runs::default(),
            ewma: None,
            fading: 1.0,
            up: design.cusum.fir,
            down: design.cusum.fir,
        }
    }

    /// The weight that was left `back` points ago; none of before the walk began.
    pub fn fading(&self, design: &Design, back: usize) -> Option<f64> {
        let step = (1.0 - design.ewma.lambda).powi(2);
        let back = i32::try_from(back).ok()?;
        let fading = if self.fading > 0.0 {
            self.fading / step.powi(back)
        } else {
            0.0
        };
        // It is computed in another order than it came about.
        (fading <= step * 1.000_001).then_some(fading)
    }

    /// In the midst of a process in which nothing happened, rather than at the first points of a chart.
    pub fn after_quiet(design: &Design) -> Self {
        Self {
            runs: Runs::after_quiet(),
            ..Self::new(design)
        }
    }

    /// Judges the next point. The rules look at the statistic itself, also where its weighted mean or its sums are drawn.
    pub fn step(&mut self, design: &Design, process: &Process, sample: &Sample) -> Plotted {
        let line = process.line(design.chart, sample.size);
        let hits = if design.rules.is_empty() {
            Hits::default()
        } else {
            self.runs.step(&design.rules, sample.value, line)
        };
        let mut plotted = match design.chart {
            Chart::Ewma => self.smoothed(design, sample.value, line),
            Chart::Cusum => self.summed(design, sample.value, line),
            _ => drawn(sample.value, None, Lines::of(design, line, 0.0)),
        };
        plotted.hits = plotted.hits.union(hits);
        plotted.spread = spread_point(design, process, sample);
        if plotted.spread.is_some_and(|spread| spread.is_beyond) {
            plotted.hits.insert(Rule::Spread);
        }
        plotted
    }

    fn smoothed(&mut self, design: &Design, value: f64, line: Line) -> Plotted {
        let lambda = design.ewma.lambda;
        let smoothed = lambda * value + (1.0 - lambda) * self.ewma.unwrap_or(line.center);
        self.ewma = Some(smoothed);
        self.fading *= (1.0 - lambda).powi(2);
        let mut plotted = drawn(smoothed, None, Lines::of(design, line, self.fading));
        if smoothed < plotted.lcl || smoothed > plotted.ucl {
            plotted.hits.insert(Rule::Ewma);
        }
        plotted
    }

    fn summed(&mut self, design: &Design, value: f64, line: Line) -> Plotted {
        let score = (value - line.center) / line.se;
        self.up = (self.up + score - design.cusum.k).max(0.0);
        self.down = (self.down - score - design.cusum.k).max(0.0);
        let h = design.cusum.h;
        // A minus before zero would be drawn and printed.
        let lower = 0.0 - self.down;
        let mut plotted = drawn(self.up, Some(lower), Lines::of(design, line, 0.0));
        if self.up > h {
            plotted.hits.insert(Rule::CusumUp);
        }
        if self.down > h {
            plotted.hits.insert(Rule::CusumDown);
        }
        plotted
    }

    /// How far back the points lie that make the pattern of a rule completed just now.
    pub fn pattern(&self, design: &Design, rule: Rule) -> Vec<usize> {
        self.runs.pattern(&design.rules, rule)
    }
}

/// Where a point should lie, as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Lines {
    pub center: f64,
    pub lcl: f64,
    pub ucl: f64,
    /// The standard error of the statistic; none where it is in standard errors itself.
    pub se: f64,
}

impl Lines {
    /// `fading` is the weight that older points have left where means are weighted: 0 when the chart has been going on.
    pub fn of(design: &Design, line: Line, fading: f64) -> Self {
        let width = design.rules.width();
        let (center, lcl, ucl) = match design.chart {
            Chart::Cusum => (0.0, -design.cusum.h, design.cusum.h),
            Chart::Ewma => {
                let lambda = design.ewma.lambda;
                let age = if design.ewma.fixed { 1.0 } else { 1.0 - fading };
                let reach = design.ewma.width * line.se * (lambda / (2.0 - lambda) * age).sqrt();
                (line.center, line.center - reach, line.center + reach)
            }
            _ => (line.center, line.lower(width), line.upper(width)),
        };
        let se = line.se;
        Self { center, lcl, ucl, se }
    }

    /// Of the ranges or standard deviations of samples of a size.
    pub fn of_spread(process: &Process, spread: Spread, size: f64) -> Option<Self> {
        let line = process.spread_line(spread, size)?;
        Some(Self {
            center: line.center,
            lcl: line.lower(SPREAD_WIDTH),
            ucl: line.upper(SPREAD_WIDTH),
            se: line.se,
        })
    }
}

fn drawn(value: f64, lower_sum: Option<f64>, lines: Lines) -> Plotted {
    let Lines { center, lcl, ucl, se } = lines;
    Plotted {
        value,
        lower_sum,
        center,
        lcl,
        ucl,
        se,
        hits: Hits::default(),
        spread: None,
    }
}

fn spread_point(design: &Design, process: &Process, sample: &Sample) -> Option<SpreadPoint> {
    let spread = design.spread?;
    let value = sample.spread(spread)?;
    let Lines { center, lcl, ucl, .. } = Lines::of_spread(process, spread, sample.size)?;
    Some(SpreadPoint {
        value,
        center,
        lcl,
        ucl,
        is_beyond: design.rules.watches_spread() && (value < lcl || value > ucl),
    })
}
