pub mod backoff;
pub mod clock;
pub mod record;
pub mod source;
pub mod status;
pub mod units;
pub mod wire;
