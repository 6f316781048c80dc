//! The flags of `lineside spc`, and the design and limits that they ask for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::series::Series;
use crate::judge::spc::capability::Spec;
use crate::judge::spc::constants::as_f64;
use crate::judge::spc::{Chart, Design, Estimator, Limits, Options, Process, RuleSet};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A CSV file with a title line, or `-` for what is piped in
    pub file: PathBuf,
    /// i-mr, xbar-r, xbar-s, p, np, c, u, laney-p, laney-u, ewma, cusum, short-run-difference, short-run-z
    #[arg(long)]
    pub chart: Chart,
    /// The column of the values, or of the counted defects; needed where there are several
    #[arg(long, value_name = "COLUMN")]
    pub value: Option<String>,
    /// The column that tells which values are a subgroup
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["columns", "subgroup"])]
    pub group: Option<String>,
    /// Columns that together are the subgroup of a row
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', conflicts_with_all = ["value", "subgroup"])]
    pub columns: Vec<String>,
    /// So many rows in succession are a subgroup
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub subgroup: Option<u16>,
    /// Of counts: the column of how many were looked at, or that number where it is always the same
    #[arg(long, value_name = "COLUMN|N")]
    pub size: Option<String>,
    /// Of short runs: the column of the product
    #[arg(long, value_name = "COLUMN")]
    pub part: Option<String>,
    /// Of short runs: what products should have, `A=10,B=12:0.3` (centre, sigma); else learnt from the file
    #[arg(long, value_name = "PRODUCT=CENTER[:SIGMA],…")]
    pub nominal: Option<String>,
    /// uwave-r, uwave-sd, mvlue-r, mvlue-sd, rmsdf for subgroups; mr, median-mr, sd for single values
    #[arg(long, value_name = "ESTIMATOR")]
    pub sigma: Option<Estimator>,
    /// `estimate`, or `center=…,sigma=…` or just the two (of counts: `center=…`, with `n=…` if there is no column of sizes; of Laney
    /// charts sigma is sigma z)
    #[arg(long, default_value = "estimate", allow_hyphen_values = true)]
    pub limits: String,
    /// `N1,WE2,N2=8,…`, nelson, western-electric, all, none; usually N1,N2, with ewma and cusum none beside their own. Ranges
    /// and standard deviations of subgroups are watched as well, unless the list has `SPREAD=off`
    #[arg(long)]
    pub rules: Option<RuleSet>,
    /// `lower=…,upper=…,target=…`: specification limits, one at least
    #[arg(long, allow_hyphen_values = true)]
    pub spec: Option<String>,
    /// Limits are learnt from the first N points; else from all
    #[arg(long, value_name = "N")]
    pub phase1: Option<usize>,
    /// Points that are not learnt from nor judged, each with its reason: `15=tool broke,23=wrong lot`
    #[arg(long, value_name = "POINT[=REASON],…", default_value = "", hide_default_value = true)]
    pub exclude: String,
    /// Of EWMA: the weight of the newest point
    #[arg(long)]
    pub lambda: Option<f64>,
    /// Of EWMA: the width of its limits, in standard errors
    #[arg(long, alias = "nsigmas")]
    pub width: Option<f64>,
    /// Of EWMA: limits as wide from the start as they come to be
    #[arg(long)]
    pub fixed: bool,
    /// Of CUSUM: half the shift that shall be found, in standard errors
    #[arg(long)]
    pub k: Option<f64>,
    /// Of CUSUM: the decision interval
    #[arg(long)]
    pub h: Option<f64>,
    /// Of CUSUM: where both sums start
    #[arg(long, alias = "head-start")]
    pub fir: Option<f64>,
    /// What stands between the cells, `\t` or `tab` for tabs; else it is seen from the title line
    #[arg(long, value_parser = delimiter)]
    pub delimiter: Option<char>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Draws the chart: FILE.svg or FILE.html
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn delimiter(text: &str) -> Result<char, String> {
    match text {
        "\\t" | "tab" => Ok('\t'),
        "\"" | "\n" | "\r" => Err("a quote or a line end stands between no cells; write , ; | or tab".to_owned()),
        _ => text
            .parse()
            .map_err(|_| format!("`{text}` is not one character; write , ; | or tab")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

impl Args {
    pub fn options(&self, series: &Series) -> Result<Options, String> {
        self.check_belongs()?;
        let mut design = Design::new(self.chart, series.largest);
        design.estimator = self.sigma.unwrap_or(design.estimator);
        design.rules = self.rules.clone().unwrap_or(design.rules);
        design.ewma.lambda = self.lambda.unwrap_or(design.ewma.lambda);
        design.ewma.width = self.width.unwrap_or(design.ewma.width);
        design.ewma.fixed = self.fixed;
        design.cusum.k = self.k.unwrap_or(design.cusum.k);
        design.cusum.h = self.h.unwrap_or(design.cusum.h);
        design.cusum.fir = self.fir.unwrap_or(design.cusum.fir);
        if let Some(problem) = design.problem(series.largest) {
            return Err(problem);
        }
        let points = series.samples.len();
        if let Some(n) = self.phase1.filter(|n| !(2..=points).contains(n)) {
            return Err(format!("--phase1 {n}: phase I has from 2 to all {points} points"));
        }
        if let Some(point) = series.excluded.keys().find(|point| !(1..=points).contains(*point)) {
            return Err(format!("--exclude {point}: there are points 1 to {points}"));
        }
        let limits = match self.given()? {
            None if self.chart == Chart::ShortRunZ => Limits::Given {
                center: 0.0,
                sigma: 1.0,
            },
            None => Limits::Estimate,
            Some(given) => given.limits(self.chart, series.largest)?,
        };
        Ok(Options {
            design,
            limits,
            phase1: self.phase1,
            excluded: series.excluded.keys().map(|point| point - 1).collect(),
            spec: self.spec()?,
        })
    }

    /// What would have no effect on this chart is a slip.
    pub fn check_belongs(&self) -> Result<(), String> {
        let chart = self.chart;
        let (is_ewma, is_cusum) = (chart == Chart::Ewma, chart == Chart::Cusum);
        let is_measured = !chart.counts();
        let flags = [
            ("--spec", self.spec.is_some(), is_measured && !chart.is_short_run()),
            ("--sigma", self.sigma.is_some(), is_measured),
            ("--size", self.size.is_some(), chart.needs_sizes()),
            ("--part", self.part.is_some(), chart.is_short_run()),
            ("--nominal", self.nominal.is_some(), chart.is_short_run()),
            ("--lambda", self.lambda.is_some(), is_ewma),
            ("--width", self.width.is_some(), is_ewma),
            ("--fixed", self.fixed, is_ewma),
            ("--k", self.k.is_some(), is_cusum),
            ("--h", self.h.is_some(), is_cusum),
            ("--fir", self.fir.is_some(), is_cusum),
        ];
        match flags.into_iter().find(|(_, is_given, belongs)| *is_given && !belongs) {
            Some((flag, ..)) => Err(format!("{flag} says nothing of a chart {}: leave it out", chart.name())),
            None => Ok(()),
        }
    }

    pub fn excluded(&self) -> Result<BTreeMap<usize, String>, String> {
        let mut excluded: BTreeMap<usize, String> = BTreeMap::new();
        let mut last = None;
        for item in self.exclude.split(',').filter(|item| !item.trim().is_empty()) {
            let (point, reason) = item.split_once('=').unwrap_or((item, ""));
            if let Ok(point) = point.trim().parse() {
                excluded.insert(point, reason.trim().to_owned());
                last = Some(point);
                continue;
            }
            // A reason may have commas.
            let reason = last
                .and_then(|last| excluded.get_mut(&last))
                .filter(|reason| !reason.is_empty());
            let reason = reason.ok_or_else(|| format!("--exclude: `{item}` is not POINT or POINT=REASON"))?;
            reason.push(',');
            reason.push_str(item.trim_end());
        }
        Ok(excluded)
    }

    fn spec(&self) -> Result<Option<Spec>, String> {
        let Some(text) = &self.spec else { return Ok(None) };
        let text = text.replace("..", ",");
        let mut spec = Spec::default();
        for (nth, item) in text.split(',').map(str::trim).enumerate() {
            let places = ["lower", "upper", "target"];
            let (name, number) = item
                .split_once('=')
                .unwrap_or((places.get(nth).copied().unwrap_or_default(), item));
            if number.trim().is_empty() {
                continue;
            }
            let wrong = || format!("--spec: `{item}` is not lower=…, upper=… or target=…");
            let number = Some(number.trim().parse().map_err(|_| wrong())?);
            match name.trim().to_ascii_lowercase().as_str() {
                "lower" | "lsl" => spec.lower = number,
                "upper" | "usl" => spec.upper = number,
                "target" => spec.target = number,
                _ => return Err(wrong()),
            }
        }
        spec.problem()
            .map_or(Ok(Some(spec)), |problem| Err(format!("--spec: {problem}")))
    }

    pub fn given(&self) -> Result<Option<Given>, String> {
        if self.limits.eq_ignore_ascii_case("estimate") {
            return Ok(None);
        }
        let mut given = Given::default();
        for (nth, item) in self.limits.split(',').enumerate() {
            let wrong = || format!("--limits: `{item}` is not estimate, nor of center=…,sigma=…,n=…");
            let place = ["center", "sigma", "n"].get(nth).copied().unwrap_or_default();
            let (name, number) = item.split_once('=').unwrap_or((place, item));
            let number: f64 = number.trim().parse().map_err(|_| wrong())?;
            if !number.is_finite() {
                return Err(wrong());
            }
            match name.trim().to_ascii_lowercase().as_str() {
                "center" => given.center = Some(number),
                "sigma" => given.sigma = Some(number),
                "n" => given.n = Some(number),
                _ => return Err(wrong()),
            }
        }
        Ok(Some(given))
    }
}

#[derive(Debug, Default)]
pub struct Given {
    center: Option<f64>,
    sigma: Option<f64>,
    pub n: Option<f64>,
}

impl Given {
    fn limits(&self, chart: Chart, largest: usize) -> Result<Limits, String> {
        let size = as_f64(largest);
        if self.n.is_some_and(|n| !chart.counts() && (n - size).abs() > 0.0) {
            return Err(format!(
                "--limits: n is the size of the subgroups, which is {largest} here"
            ));
        }
        if self.n.is_some() && chart == Chart::C {
            return Err("--limits: c counts defects whatever was looked at; leave n out, or take u".to_owned());
        }
        let center = self.center.ok_or("--limits: a center is needed")?;
        if let Some(problem) = Process::problem(chart, center, self.sigma) {
            return Err(format!("--limits: {problem}"));
        }
        let sigma = self.sigma.unwrap_or_default();
        Ok(Limits::Given { center, sigma })
    }
}
