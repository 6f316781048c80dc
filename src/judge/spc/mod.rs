//! Statistical process control: charts, limits, rules, capability.
//!
//! A [`Design`] says what is charted and how it is judged, a [`Process`] what is known of it (learnt from phase I, or given),
//! a [`Walk`] goes from point to point. An [`Analysis`] walks over a whole series, a [`Monitor`] goes on as values come.

pub mod analysis;
pub mod arl;
pub mod capability;
pub mod constants;
pub mod design;
mod distribution;
pub mod line;
pub mod monitor;
pub mod notes;
pub mod process;
pub mod report;
pub mod rules;
pub mod walk;

pub use analysis::{Analysis, Limits, Options};
pub use capability::Spec;
pub use design::{Chart, Design, Estimator};
pub use monitor::{Monitor, Observation};
pub use process::{Process, Sample};
pub use rules::{Rule, RuleSet};
pub use walk::Walk;
