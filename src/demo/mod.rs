//! A whole plant on this machine, over real sockets and seeded: machines that speak MQTT and Modbus TCP, people who scan
//! at stations, an office that releases orders, the central store, and the gateway between them with a real
//! configuration. At the end it is counted whether anything was lost or stands twice. Also the park of the tests.

pub mod accounts;
pub mod broker;
pub mod config;
pub mod count;
pub mod faults;
pub mod inspector;
pub mod life;
pub mod machines;
pub mod office;
pub mod operators;
pub mod plant;

pub use count::Outcome;
pub use plant::{Plant, Pulse, Settings};
