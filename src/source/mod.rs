//! The south: machines and scanners become [`Reading`](crate::record::Reading)s. A source knows its connection and nothing
//! of the buffer; it acknowledges what its receipts say is kept. A source that loses its machine backs off and says so in
//! the status; it never ends by itself and never stops another.

pub mod http;
pub mod modbus;
pub mod mqtt;
pub mod scanner;
pub mod serial;
pub mod sparkplug;
