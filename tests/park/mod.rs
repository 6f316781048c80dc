//! The peers that tests talk to: started for the test, on free ports, in temporary folders, gone afterwards.

pub mod certificates;
pub mod gateway;
pub mod libmodbus;
pub mod mains;
pub mod mariadb;
pub mod modbus_faults;
pub mod modbus_rtu;
pub mod mosquitto;
pub mod pty;
pub mod small_disk;
pub mod upstream;

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// What takes longer does not happen any more.
pub const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look).await
}

pub async fn until_within<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(started.elapsed() < patience, "waited in vain for {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// A port that nothing listens on. Below those that the kernel gives to outgoing connections, so that it stays free while
/// what is to listen there is started, or started again.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(15_000..32_000))
        .find(is_free)
        .expect("the iterator does not end")
}
