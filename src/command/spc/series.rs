//! From a table to the points of a chart.

use std::collections::BTreeMap;

use super::arguments::Args;
use super::table::{Cell, Table, is_missing};
use crate::drawing::Histogram;
use crate::judge::spc::analysis::{counts, singles};
use crate::judge::spc::constants::as_f64;
use crate::judge::spc::{Analysis, Chart, Options, Sample};
use crate::language::Language;

/// What is plotted, and what was not there to be plotted.
pub struct Series {
    pub title: String,
    pub samples: Vec<Sample>,
    /// The values of each point, where something is measured.
    pub values: Vec<Vec<f64>>,
    /// The largest subgroup.
    pub largest: usize,
    /// Where values are missing.
    pub missing: Vec<String>,
    /// What was taken for granted of the file.
    pub noted: Vec<String>,
    /// Points that are excluded, with their reasons.
    pub excluded: BTreeMap<usize, String>,
}

impl Series {
    /// One value after another, none where one is missing.
    fn single(&mut self, values: impl IntoIterator<Item = Option<f64>>) {
        self.samples = singles(values);
        self.values = self.samples.iter().map(|sample| vec![sample.value]).collect();
    }

    /// How what is measured is distributed, without the points that are excluded.
    pub fn histogram(&self, analysis: &Analysis) -> Option<Histogram> {
        let Options {
            design, excluded, spec, ..
        } = &analysis.options;
        let places = self.values.iter().enumerate();
        let included = places
            .filter(|(place, _)| !excluded.contains(place))
            .map(|(_, values)| values);
        (!self.values.is_empty()).then(|| Histogram {
            title: self.title.clone(),
            unit: None,
            language: Language::En,
            values: included.flatten().copied().collect(),
            subgroup: 1,
            spec: spec.filter(|_| !design.chart.is_short_run()),
            normal: Some((analysis.process.center, analysis.process.sigma)),
            capability: analysis.capability.clone(),
        })
    }
}

impl Args {
    pub fn series(&self, table: &Table) -> Result<Series, String> {
        self.check_grouping()?;
        let mut series = Series {
            title: self.columns.join(", "),
            samples: Vec::new(),
            values: Vec::new(),
            largest: 1,
            missing: Vec::new(),
            noted: table.noted.clone(),
            excluded: self.excluded()?,
        };
        if !self.columns.is_empty() {
            let mut columns = BTreeMap::new();
            for title in self.columns.iter().map(|title| title.trim()) {
                let column = table.column(title)?;
                if columns.insert(column, table.numbers(column)?).is_some() {
                    return Err(format!("--columns: `{title}` is given twice"));
                }
            }
            let columns: Vec<Vec<Cell>> = columns.into_values().collect();
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
        self.check_roles(table, value)?;
        let numbers = table.numbers(value)?;
        if self.chart.counts() {
            self.count_up(table, &mut series, &numbers)?;
        } else if let Some(title) = &self.group {
            let column = table.column(title)?;
            let mut places: BTreeMap<&str, usize> = BTreeMap::new();
            let mut groups: Vec<Vec<Cell>> = Vec::new();
            for (key, cell) in table.texts(column).into_iter().zip(numbers) {
                if is_missing(key) {
                    let at = table.at(cell.line, column);
                    series.missing.push(format!("{at}: no subgroup; the row is left out"));
                    continue;
                }
                let place = *places.entry(key).or_insert(groups.len());
                if place == groups.len() {
                    groups.push(Vec::new());
                }
                groups.get_mut(place).into_iter().for_each(|group| group.push(cell));
            }
            self.group_up(table, &mut series, groups);
        } else if let Some(n) = self.subgroup.map(usize::from).filter(|n| *n > 1) {
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
                "{chart} needs subgroups of two values at least: --group COLUMN, --columns A,B,… or --subgroup N"
            ));
        } else {
            note_missing(table, &mut series, &numbers, OF_SINGLE);
            series.single(numbers.into_iter().map(|cell| cell.number));
        }
        Ok(series)
    }

    /// A column has one meaning.
    fn check_roles(&self, table: &Table, value: usize) -> Result<(), String> {
        let size = self.size.as_ref().filter(|size| size.parse::<f64>().is_err());
        let others = [
            ("--group", self.group.as_ref()),
            ("--size", size),
            ("--part", self.part.as_ref()),
        ];
        for (flag, title) in others {
            if let Some(title) = title
                && table.column(title)? == value
            {
                return Err(format!(
                    "{flag}: `{title}` is the column of the values; name another one"
                ));
            }
        }
        Ok(())
    }

    /// What is plotted one by one must not be thrown together.
    fn check_grouping(&self) -> Result<(), String> {
        let flags = [
            ("--columns", !self.columns.is_empty()),
            ("--group", self.group.is_some()),
            ("--subgroup", self.subgroup.is_some_and(|n| n > 1)),
        ];
        let asked = flags.into_iter().find(|(_, is_asked)| *is_asked);
        match asked.filter(|_| !self.chart.takes_subgroups()) {
            Some((flag, _)) => Err(format!(
                "{} plots single values or counts: leave {flag} out, or take xbar-r, xbar-s, ewma or cusum",
                self.chart.name()
            )),
            None => Ok(()),
        }
    }

    fn group_up(&self, table: &Table, series: &mut Series, groups: Vec<Vec<Cell>>) {
        let is_alone = groups.iter().all(|group| group.len() == 1) && !self.chart.needs_subgroups();
        if is_alone {
            let numbers: Vec<_> = groups.into_iter().flatten().collect();
            note_missing(table, series, &numbers, OF_SINGLE);
            series.single(numbers.into_iter().map(|cell| cell.number));
            return;
        }
        for group in groups {
            let values: Vec<f64> = group.iter().filter_map(|cell| cell.number).collect();
            let treated = if values.is_empty() {
                OF_EMPTY_SUBGROUP
            } else {
                OF_SUBGROUP
            };
            note_missing(table, series, &group, treated);
            series.largest = series.largest.max(values.len());
            if let ([_], Some(cell)) = (values.as_slice(), group.iter().find(|cell| cell.number.is_some())) {
                let at = table.at(cell.line, cell.column);
                let alone = format!("{at}: the only value of its subgroup; it is plotted, without a spread");
                series.missing.push(alone);
            }
            if let Some(sample) = Sample::subgroup(&values) {
                series.samples.push(sample);
                series.values.push(values);
            }
        }
    }

    fn count_up(&self, table: &Table, series: &mut Series, numbers: &[Cell]) -> Result<(), String> {
        let all = |size: f64| {
            let same = |cell: &Cell| Cell {
                number: Some(size),
                ..*cell
            };
            numbers.iter().map(same).collect()
        };
        let sizes: Vec<Cell> = match (self.size.as_deref(), self.given()?.and_then(|given| given.n)) {
            (Some(title), _) => match title.parse() {
                Ok(size) if table.column(title).is_err() => all(size),
                _ => table.numbers(table.column(title)?)?,
            },
            (None, Some(n)) => all(n),
            (None, None) if !self.chart.needs_sizes() => all(1.0),
            (None, None) => {
                let chart = self.chart.name();
                return Err(format!(
                    "{chart} needs how many were looked at: --size COLUMN, or --size N"
                ));
            }
        };
        note_missing(table, series, numbers, OF_COUNT);
        let mut rows = Vec::with_capacity(numbers.len());
        for (cell, sized) in numbers.iter().zip(sizes) {
            let Some((defects, size)) = cell.number.zip(sized.number) else {
                if cell.number.is_some() {
                    let at = table.at(sized.line, sized.column);
                    series.missing.push(format!("{at}: no size; the row is left out"));
                }
                continue;
            };
            if let Some(right) = self.wrong_count(defects, size) {
                let at = table.at(cell.line, cell.column);
                return Err(format!("{at}: {defects} of {size} is no count; {right}"));
            }
            rows.push((defects, size));
        }
        series.samples = counts(self.chart, rows);
        Ok(())
    }

    /// What would be right instead, if this is wrong.
    fn wrong_count(&self, defects: f64, size: f64) -> Option<&'static str> {
        let is_of_pieces = matches!(self.chart, Chart::P | Chart::Np | Chart::LaneyP);
        if !(size > 0.0 && size.is_finite()) {
            Some("something must have been looked at: the size is above 0")
        } else if defects < 0.0 {
            Some("write 0 or more")
        } else if matches!(self.chart, Chart::C | Chart::Np) && defects.fract() != 0.0 {
            Some("what is counted is whole")
        } else if is_of_pieces && defects > size {
            Some("there cannot be more defective pieces than were looked at; for defects per unit take u")
        } else {
            None
        }
    }

    /// Values as deviations from what their product should have, or has in this file.
    fn short_run(&self, table: &Table, series: &mut Series, numbers: &[Cell]) -> Result<(), String> {
        let title = self
            .part
            .as_deref()
            .ok_or("a short run needs the product of each row: --part COLUMN")?;
        let column = table.column(title)?;
        let parts = table.texts(column);
        let mut nominals = self.nominals()?;
        for part in &parts {
            if !nominals.contains_key(*part) && !is_missing(part) {
                let own = numbers
                    .iter()
                    .zip(&parts)
                    .filter(|(_, other)| *other == part)
                    .map(|(cell, _)| cell.number);
                nominals.insert((*part).to_owned(), learnt_nominal(part, &singles(own))?);
            }
        }
        note_missing(table, series, numbers, OF_SINGLE);
        let is_scaled = self.chart == Chart::ShortRunZ;
        let mut deviations = Vec::with_capacity(numbers.len());
        for (cell, part) in numbers.iter().zip(&parts) {
            if is_missing(part) {
                let at = table.at(cell.line, column);
                series.missing.push(format!("{at}: no product; {OF_SINGLE}"));
                deviations.push(None);
                continue;
            }
            let (center, sigma) = nominals.get(*part).copied().unwrap_or_default();
            let sigma = if is_scaled {
                let none = || {
                    format!(
                        "{}: `{part}` has no sigma; write --nominal {part}=CENTER:SIGMA",
                        table.at(cell.line, column)
                    )
                };
                sigma.ok_or_else(none)?
            } else {
                1.0
            };
            deviations.push(cell.number.map(|number| (number - center) / sigma));
        }
        series.single(deviations);
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
                let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
                let sigma = sigma.map(|sigma| number(sigma).filter(|sigma| *sigma > 0.0).ok_or_else(wrong));
                Ok((
                    part.trim().to_owned(),
                    (number(center).ok_or_else(wrong)?, sigma.transpose()?),
                ))
            })
            .collect()
    }
}

/// What becomes of a value that is missing.
const OF_SINGLE: &str = "the point is left out, and no moving range is taken across it";
const OF_SUBGROUP: &str = "its subgroup is judged by the values that it has";
const OF_EMPTY_SUBGROUP: &str = "its subgroup has none, and is left out";
const OF_COUNT: &str = "the row is left out";

fn note_missing(table: &Table, series: &mut Series, cells: &[Cell], treated: &str) {
    let missing = cells.iter().filter(|cell| cell.number.is_none());
    let told = missing.map(|cell| format!("{}: no value; {treated}", table.at(cell.line, cell.column)));
    series.missing.extend(told);
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
