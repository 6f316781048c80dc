//! The integration tests: one binary, a module for each part of the line. A failure prints its seed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod buffer;
