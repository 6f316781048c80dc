//! Checks on single points and on several together, without a model of the process.
//!
//! Each check is a file of its own: pure, fed in the order of time, with a few numbers as its state. A check says how bad it
//! is at one moment ([`Sign`]); [`episode`] makes episodes of moments, and [`watch`] joins the checks of one point.
//!
//! * Spans of time are seconds, as floats: they are only compared and divided.
//! * What a check needs to know and is not told is learnt in a first phase, from good values alone (see [`learning`]).

pub mod counter_reset;
pub mod cycle_time;
pub mod drift;
pub mod episode;
pub mod heartbeat;
pub mod learning;
pub mod low_output;
pub mod outlier;
mod pace;
pub mod planned;
pub mod range;
pub mod rate;
pub mod rhythm;
pub mod sign;
pub mod spike;
pub mod stuck;
pub mod together;
pub mod watch;

pub use sign::{Flag, Moment, Said, Sign, What};

use crate::record::Timestamp;

pub(crate) fn elapsed_s(from: Timestamp, to: Timestamp) -> f64 {
    (to - from).as_seconds_f64()
}
