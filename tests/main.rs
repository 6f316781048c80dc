//! The integration tests: one binary, a module for each part of the line. A failure prints its seed.

mod buffer;
