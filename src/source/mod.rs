//! The south side: each source hears one kind of machine or scanner and says what it heard as a `record::Reading`.
//!
//! A source knows neither the buffer nor what its readings mean to others. It lives as long as the gateway: a machine that
//! is lost is told in `status` and tried again with growing pauses; only its stop token ends a source.

pub mod modbus;
