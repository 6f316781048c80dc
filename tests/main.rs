//! The integration tests, one binary: what they stand on (`park`), then one file for each part of the line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod park;

mod access;
mod alerts;
mod architecture;
mod audit;
mod buffer;
mod cards;
mod check;
mod config;
mod demo;
mod detect;
mod engineering;
mod floor;
mod forward;
mod judgement;
mod kill;
mod libmodbus;
mod line;
mod live;
mod live_load;
mod modbus;
mod modbus_devices;
mod modbus_rtu;
mod mqtt;
mod openapi;
mod pages;
mod quality;
mod quality_decisions;
mod quality_page;
mod signal_quality;
mod soak;
mod sparkplug;
mod spc;
mod station;
mod station_page;
mod store;
