//! The subcommands, one file each: its arguments and `run`.

pub mod store;
