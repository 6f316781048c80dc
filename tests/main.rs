//! The integration tests, one binary: what they stand on (`park`), then one file for each part of the line.

mod park;

mod buffer;
mod modbus;
mod store;
