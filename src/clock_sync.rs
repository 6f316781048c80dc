//! Whether this machine's clock follows a time source, whichever service keeps it: looked at now and then, told to the
//! status, from where each report has its `clock_synced`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::status::Status;

const EVERY: Duration = Duration::from_secs(30);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// systemd-timesyncd leaves this mark.
const MARK: &str = "/run/systemd/timesync/synchronized";

/// Watches until told to stop.
pub async fn watch(status: Status, stop: CancellationToken) {
    loop {
        status.set_clock_synced(Path::new(MARK).exists() || does_kernel_say_so().await);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// chrony, ntpd and others tell the kernel, and `timedatectl` reads it there. Without it nothing is claimed.
async fn does_kernel_say_so() -> bool {
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let answer = tokio::time::timeout(ANSWER_WITHIN, asked).await;
    matches!(answer, Ok(Ok(answer)) if answer.stdout.trim_ascii() == b"yes")
}
