//! What an inspection says of a lot: whether it can be so at all (`check`), what its measurements say against the
//! specification, and, over the latest inspections, which faults are most of all and what they come together with
//! (`memory`, `analysis`).

mod analysis;
mod check;
mod memory;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, Hint, Share};
pub use check::{OrderFacts, check, out_of_specification};
pub use memory::Memory;
