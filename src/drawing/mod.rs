//! What the numbers look like: control charts, histograms with what is specified, Paretos of reasons. All are SVG.
//!
//! * A drawing has classes and no colours: [`STYLE`] has them, for pages that forbid styles in their body. [`saved`] puts it inside, so
//!   that a file needs nothing else. It is grey; colour is only on what is out, and never without a shape.
//! * Every point and bar is an element with its figures in `data-…` attributes and a `<title>`, so that a page can show them.
//! * What is drawn here and what the gateway shows is the same code: a [`Picture`] is of a series or of a running chart.

mod canvas;
mod control_chart;
mod histogram;
mod pareto;
mod picture;
mod places;

pub use histogram::Histogram;
pub use pareto::{Bar, Pareto};
pub use picture::Picture;

use canvas::escaped;

/// The colours and letters of all drawings. A page may set the `--chart-…` properties that it takes its colours from.
pub const STYLE: &str = include_str!("chart.css");

/// The drawing as a file that stands alone.
pub fn saved(svg: &str) -> String {
    match svg.find('>') {
        Some(end) => {
            let (open, rest) = svg.split_at(end + 1);
            format!("{open}\n<style>\n{STYLE}</style>{rest}")
        }
        None => svg.to_owned(),
    }
}

/// A page of drawings, with what is said of them in words.
pub fn page(title: &str, drawings: &[String], told: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\nbody {{ max-width: 1100px; margin: 1rem auto; padding: 0 1rem }}\n\
         pre {{ overflow-x: auto; font: 13px/1.45 'Noto Sans Mono', Consolas, monospace }}\n{STYLE}</style>\n</head>\n<body>\n{}<pre>{}</pre>\n</body>\n</html>\n",
        escaped(title),
        drawings.concat(),
        escaped(told)
    )
}

#[cfg(test)]
mod tests;
