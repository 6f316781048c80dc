//! Checks on single points and on several together, without a model of the process.

pub mod drift;
pub mod outlier;
mod pace;
