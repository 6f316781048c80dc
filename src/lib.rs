pub mod backoff;
pub mod buffer;
pub mod clock;
pub mod record;
pub mod status;
pub mod units;
pub mod wire;
