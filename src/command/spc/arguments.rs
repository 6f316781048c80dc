//! The flags of `lineside spc`, and how they make a chart of a table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::table::Table;
use crate::judge::spc::analysis::{counts, singles};
use crate::judge::spc::capability::Spec;
use crate::judge::spc::constants::as_f64;
use crate::judge::spc::{Chart, Design, Estimator, Limits, Options, RuleSet, Sample};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A CSV file with a title line
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
    #[arg(long, value_name = "N")]
    pub subgroup: Option<usize>,
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
    /// `estimate`, or `center=…,sigma=…` (of counts: `center=…`, with `n=…` if there is no column of sizes)
    #[arg(long, default_value = "estimate")]
    pub limits: String,
    /// `N1,WE2,N2=8,…`, nelson, western-electric, all, none; usually N1,N2, with ewma and cusum none beside their own
    #[arg(long)]
    pub rules: Option<RuleSet>,
    /// `lower=…,upper=…,target=…`: specification limits, one at least
    #[arg(long)]
    pub spec: Option<String>,
    /// Limits are learnt from the first N points; else from all
    #[arg(long, value_name = "N")]
    pub phase1: Option<usize>,
    /// Points that are not learnt from nor judged, each with its reason: `15=tool broke,23=wrong lot`
    #[arg(long, value_name = "POINT[=REASON],…", value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// Of EWMA: the weight of the newest point
    #[arg(long)]
    pub lambda: Option<f64>,
    /// Of EWMA: the width of its limits, in standard errors
    #[arg(long)]
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
    #[arg(long)]
    pub fir: Option<f64>,
    /// What stands between the cells; else it is seen from the title line
    #[arg(long)]
    pub delimiter: Option<char>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Draws the chart: FILE.svg or FILE.html
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// What is plotted, and what was not there to be plotted.
pub struct Series {
    pub title: String,
    pub samples: Vec<Sample>,
    /// The largest subgroup.
    pub largest: usize,
    /// Where values are missing.
    pub missing: Vec<String>,
    /// Points that are excluded, with their reasons.
    pub excluded: BTreeMap<usize, String>,
}

impl Args {
    pub fn series(&self, table: &Table) -> Result<Series, String> {
        let mut series = Series {
            title: self.columns.join(", "),
            samples: Vec::new(),
            largest: 1,
            missing: Vec::new(),
            excluded: self.excluded()?,
        };
        if !self.columns.is_empty() {
            let columns = self.columns.iter().map(|title| table.numbers(table.column(title)?));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let rows = (0..columns.first().map_or(0, Vec::len)).map(|row| {
                columns
                    .iter()
                    .filter_map(|column| column.get(row).copied())
                    .collect::<Vec<_>>()
            });
            self.group_up(table, &mut series, rows.collect());
            return Ok(series);
        }
        let value = match &self.value {
            Some(title) => table.column(title)?,
            None if table.titles.len() == 1 => 0,
            None => {
                return Err(format!(
                    "which column has the values? --value one of: {}",
                    table.titles.join(", ")
                ));
            }
        };
        series.title = table.titles.get(value).cloned().unwrap_or_default();
        let numbers = table.numbers(value)?;
        if self.chart.counts() {
            self.count_up(table, &mut series, &numbers)?;
        } else if let Some(title) = &self.group {
            let keys = table.texts(table.column(title)?);
            let mut places: BTreeMap<&str, usize> = BTreeMap::new();
            let mut groups: Vec<Vec<(usize, Option<f64>)>> = Vec::new();
            for (key, number) in keys.into_iter().zip(numbers) {
                let place = *places.entry(key).or_insert(groups.len());
                if place == groups.len() {
                    groups.push(Vec::new());
                }
                groups.get_mut(place).into_iter().for_each(|group| group.push(number));
            }
            self.group_up(table, &mut series, groups);
        } else if let Some(n) = self.subgroup.filter(|n| *n > 1) {
            let rest = numbers.len() % n;
            if rest > 0 {
                series.missing.push(format!(
                    "the last {rest} rows do not fill a subgroup of {n} and are left out"
                ));
            }
            self.group_up(table, &mut series, numbers.chunks_exact(n).map(<[_]>::to_vec).collect());
        } else if self.chart.is_short_run() {
            self.short_run(table, &mut series, &numbers)?;
        } else if self.chart.needs_subgroups() {
            let chart = self.chart.name();
            return Err(format!(
                "{chart} needs subgroups: --group COLUMN, --columns A,B,… or --subgroup N"
            ));
        } else {
            note_missing(table, &mut series, &numbers);
            series.samples = singles(numbers.into_iter().map(|(_, number)| number));
        }
        Ok(series)
    }

    fn group_up(&self, table: &Table, series: &mut Series, groups: Vec<Vec<(usize, Option<f64>)>>) {
        let is_alone = groups.iter().all(|group| group.len() == 1) && !self.chart.needs_subgroups();
        if is_alone {
            let numbers: Vec<_> = groups.into_iter().flatten().collect();
            note_missing(table, series, &numbers);
            series.samples = singles(numbers.into_iter().map(|(_, number)| number));
            return;
        }
        for group in groups {
            note_missing(table, series, &group);
            let values: Vec<f64> = group.into_iter().filter_map(|(_, number)| number).collect();
            series.largest = series.largest.max(values.len());
            series.samples.extend(Sample::subgroup(&values));
        }
    }

    fn count_up(&self, table: &Table, series: &mut Series, numbers: &[(usize, Option<f64>)]) -> Result<(), String> {
        let sizes: Vec<Option<f64>> = match (self.size.as_deref(), self.given()?.and_then(|given| given.n)) {
            (Some(size), _) => match size.parse() {
                Ok(size) if table.column(size_title(self)).is_err() => vec![Some(size); numbers.len()],
                _ => table
                    .numbers(table.column(size)?)?
                    .into_iter()
                    .map(|(_, size)| size)
                    .collect(),
            },
            (None, Some(n)) => vec![Some(n); numbers.len()],
            (None, None) if !self.chart.needs_sizes() => vec![Some(1.0); numbers.len()],
            (None, None) => {
                let chart = self.chart.name();
                return Err(format!(
                    "{chart} needs how many were looked at: --size COLUMN, or --size N"
                ));
            }
        };
        note_missing(table, series, numbers);
        let mut rows = Vec::with_capacity(numbers.len());
        for ((line, defects), size) in numbers.iter().zip(sizes) {
            let Some((defects, size)) = defects.zip(size) else {
                continue;
            };
            let is_fraction = matches!(self.chart, Chart::P | Chart::Np | Chart::LaneyP);
            if defects < 0.0 || size <= 0.0 || is_fraction && defects > size {
                let at = table.at(*line);
                return Err(format!(
                    "{at}: {defects} of {size} is not a count of what was looked at"
                ));
            }
            rows.push((defects, size));
        }
        series.samples = counts(self.chart, rows);
        Ok(())
    }

    /// Values as deviations from what their product should have, or has in this file.
    fn short_run(&self, table: &Table, series: &mut Series, numbers: &[(usize, Option<f64>)]) -> Result<(), String> {
        let title = self
            .part
            .as_deref()
            .ok_or("a short run needs the product of each row: --part COLUMN")?;
        let parts = table.texts(table.column(title)?);
        let mut nominals = self.nominals()?;
        for part in &parts {
            if !nominals.contains_key(*part) {
                let own = numbers
                    .iter()
                    .zip(&parts)
                    .filter(|(_, other)| *other == part)
                    .map(|((_, number), _)| *number);
                nominals.insert((*part).to_owned(), learnt_nominal(part, &singles(own))?);
            }
        }
        note_missing(table, series, numbers);
        let is_scaled = self.chart == Chart::ShortRunZ;
        let mut deviations = Vec::with_capacity(numbers.len());
        for ((line, number), part) in numbers.iter().zip(&parts) {
            let (center, sigma) = nominals.get(*part).copied().unwrap_or_default();
            let sigma = if is_scaled {
                let none = || {
                    format!(
                        "{}: `{part}` has no sigma: --nominal {part}=CENTER:SIGMA",
                        table.at(*line)
                    )
                };
                sigma.ok_or_else(none)?
            } else {
                1.0
            };
            deviations.push(number.map(|number| (number - center) / sigma));
        }
        series.samples = singles(deviations);
        Ok(())
    }

    fn nominals(&self) -> Result<BTreeMap<String, (f64, Option<f64>)>, String> {
        let items = self
            .nominal
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .filter(|item| !item.trim().is_empty());
        items
            .map(|item| {
                let wrong = || format!("--nominal: `{item}` is not PRODUCT=CENTER or PRODUCT=CENTER:SIGMA");
                let (part, numbers) = item.split_once('=').ok_or_else(wrong)?;
                let (center, sigma) = numbers.split_once(':').map_or((numbers, None), |(c, s)| (c, Some(s)));
                let sigma = sigma.map(|sigma| sigma.parse().ok().filter(|sigma| *sigma > 0.0).ok_or_else(wrong));
                Ok((
                    part.trim().to_owned(),
                    (center.parse().map_err(|_| wrong())?, sigma.transpose()?),
                ))
            })
            .collect()
    }

    pub fn options(&self, series: &Series) -> Result<Options, String> {
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
            Some(given) => given.limits(self.chart)?,
        };
        Ok(Options {
            design,
            limits,
            phase1: self.phase1,
            excluded: series.excluded.keys().map(|point| point - 1).collect(),
            spec: self.spec()?,
        })
    }

    fn excluded(&self) -> Result<BTreeMap<usize, String>, String> {
        let items = self.exclude.iter().map(|item| {
            let (point, reason) = item.split_once('=').unwrap_or((item, ""));
            let point = point
                .trim()
                .parse()
                .map_err(|_| format!("--exclude: `{item}` is not POINT or POINT=REASON"))?;
            Ok((point, reason.trim().to_owned()))
        });
        items.collect()
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
            match name.trim() {
                "lower" | "lsl" => spec.lower = number,
                "upper" | "usl" => spec.upper = number,
                "target" => spec.target = number,
                _ => return Err(wrong()),
            }
        }
        spec.problem()
            .map_or(Ok(Some(spec)), |problem| Err(format!("--spec: {problem}")))
    }

    fn given(&self) -> Result<Option<Given>, String> {
        if self.limits == "estimate" {
            return Ok(None);
        }
        let mut given = Given::default();
        for item in self.limits.split(',') {
            let wrong = || format!("--limits: `{item}` is not estimate, nor of center=…,sigma=…,n=…");
            let (name, number) = item.split_once('=').ok_or_else(wrong)?;
            let number: f64 = number.trim().parse().map_err(|_| wrong())?;
            match name.trim() {
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
struct Given {
    center: Option<f64>,
    sigma: Option<f64>,
    n: Option<f64>,
}

impl Given {
    fn limits(&self, chart: Chart) -> Result<Limits, String> {
        let center = self.center.ok_or("--limits: a center is needed")?;
        let sigma = match self.sigma {
            _ if chart.counts() => 0.0,
            Some(sigma) if sigma > 0.0 => sigma,
            _ => return Err("--limits: a sigma above 0 is needed, never bare lines".to_owned()),
        };
        Ok(Limits::Given { center, sigma })
    }
}

fn size_title(args: &Args) -> &str {
    args.size.as_deref().unwrap_or_default()
}

fn note_missing(table: &Table, series: &mut Series, numbers: &[(usize, Option<f64>)]) {
    let lines = numbers
        .iter()
        .filter(|(_, number)| number.is_none())
        .map(|(line, _)| *line);
    series
        .missing
        .extend(lines.map(|line| format!("{}: no value; it is left out", table.at(line))));
}

/// What a product has by itself: its mean, and sigma from its moving ranges, if it was made often enough.
fn learnt_nominal(part: &str, samples: &[Sample]) -> Result<(f64, Option<f64>), String> {
    const MEAN_MOVING_RANGE: f64 = std::f64::consts::FRAC_2_SQRT_PI;
    if samples.is_empty() {
        return Err(format!("`{part}` has no value to learn from"));
    }
    let center = samples.iter().map(|sample| sample.value).sum::<f64>() / as_f64(samples.len());
    let ranges: Vec<f64> = samples.iter().filter_map(|sample| sample.range).collect();
    let sigma = ranges.iter().sum::<f64>() / as_f64(ranges.len()) / MEAN_MOVING_RANGE;
    Ok((center, Some(sigma).filter(|sigma| *sigma > 0.0)))
}
