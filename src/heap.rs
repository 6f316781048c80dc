//! The heap of a process that runs for months beside a machine: jemalloc, set up in `.cargo/config.toml`.
//!
//! Records come in bursts and leave soon, small blocks that live long among large ones that do not. glibc keeps the memory of
//! such a burst, three times what is needed. jemalloc gives it back, but looks for it only while memory is asked for, which is
//! hardly so after the burst.

use std::time::Duration;

use tikv_jemalloc_ctl::{Access, AsName};
use tokio::time::{MissedTickBehavior, interval};

const EVERY: Duration = Duration::from_millis(500);
const AT_ONCE: isize = 0;

/// Gives back what is free, twice a second; ends with the runtime.
pub async fn give_back() {
    let decay = b"arena.0.dirty_decay_ms\0".name();
    let Ok(usual): Result<isize, _> = decay.read() else {
        return;
    };
    let mut due = interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        // Without it everything works, with more memory.
        if decay.write(AT_ONCE).and_then(|()| decay.write(usual)).is_err() {
            return;
        }
    }
}
