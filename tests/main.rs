//! One integration binary; this is its table of contents. Everything runs against real peers, which `park` starts.

mod park;
mod store;
