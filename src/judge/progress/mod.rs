//! What work reports and machine times say of orders, processes, workers and the workshop: progress and its estimated end,
//! defect rates, labor times, declared pieces against counted ones, OEE, work in process and capacity.
//!
//! * A report is a fact, not a measurement: none is passed over for its time. What a report takes back is taken back here
//!   too, as if it had never been, as long as it is among the latest that are known one by one.
//! * States hold what was reported and counted. Settings are applied when it is judged, so a state outlives their change.

pub mod calendar;
pub mod defects;
pub mod gap;
pub mod labor;
pub mod lately;
pub mod oee;
pub mod order;
pub mod pace;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::record::WorkReport;

/// The form of a state; one that was written in another form is not read, and what it held is learnt anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Form<const N: u8>;

impl<const N: u8> TryFrom<u8> for Form<N> {
    type Error = String;

    fn try_from(form: u8) -> Result<Self, String> {
        (form == N)
            .then_some(Self)
            .ok_or_else(|| format!("it was written in form {form}, this is form {N}"))
    }
}

impl<const N: u8> From<Form<N>> for u8 {
    fn from(_: Form<N>) -> Self {
        N
    }
}

/// A short mark by which a report is known again when it is taken back (FNV-1a); states keep it instead of the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(u32);

impl Mark {
    pub fn of(report_no: &str) -> Self {
        let mix = |mark: u32, byte: u8| (mark ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self(report_no.bytes().fold(0x811c_9dc5, mix))
    }

    /// Of the report that this one takes back, or of itself.
    fn meant_by(report: &WorkReport) -> Self {
        Self::of(report.voids.as_deref().unwrap_or(&report.report_no))
    }
}

/// For rates and estimates; the exact figure stays where it is.
fn number(quantity: Decimal) -> f64 {
    quantity.to_f64().unwrap_or_default()
}

/// A figure as people read it: as many digits as matter, no trailing zeros.
fn figure(value: f64) -> String {
    let places = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.places$}");
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

/// `10.5%`.
fn percent(share: f64) -> String {
    format!("{}%", (share * 1000.0).round() / 10.0)
}

#[cfg(test)]
mod tests;
