//! The integration tests, one binary: what they stand on (`park`), then one file for each part of the line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod park {
    pub mod modbus_faults;
}

mod modbus;
