//! Judgement on the spot: what the numbers say of a machine, a product, an order, a worker. Pure: neither a clock nor tokio,
//! and the same input always gives the same findings, one by one or all at once.
//!
//! Every judge has settings, which come from the configuration, and a small state, which is serialized and outlives the
//! process. It is given one observation at a time with the observation's own time, and answers with findings. What a
//! finding leads to, who is told and how often, is decided by [`alerts`].

pub mod alerts;
pub mod anomaly;
pub mod counter;
pub mod finding;
pub mod inspection;
pub mod progress;
pub mod spc;

pub use finding::{Change, Finding, Subject};
