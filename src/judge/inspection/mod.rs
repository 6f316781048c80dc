//! What an inspection says of a lot: whether it can be so at all (`check`), what its measurements say against the
//! specification, and, over the latest inspections, which faults are most of all and what they come together with
//! (`memory`, `analysis`). The latest ones are listed with what is done with their faults (`register`), and faults are
//! counted by day (`tally`).

mod analysis;
mod check;
mod memory;
mod register;
mod tally;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, Hint, Hinted, Share};
pub use check::{OrderFacts, check, out_of_specification};
pub use memory::Memory;
pub use register::{Checked, Decision, Fault, Register};
pub use tally::{Account, Summary, Tally, Teller};
