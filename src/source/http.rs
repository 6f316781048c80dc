//! What programs and pages hand in over the gateway's own HTTP, as readings like any other. Ends when the sources end;
//! who hands in something after that is told to come again.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::record::{Payload, Reading};
use crate::status::SourceStatus;
use crate::submissions::HandedIn;

/// The name of the source.
pub const NAME: &str = "http";

pub async fn run(
    mut handed_in: mpsc::Receiver<HandedIn>,
    readings: mpsc::Sender<Reading>,
    status: Arc<SourceStatus>,
    stop: CancellationToken,
) {
    let source: Arc<str> = NAME.into();
    status.up(chrono::Utc::now());
    while let Some(Some(next)) = stop.run_until_cancelled(handed_in.recv()).await {
        let reading = Reading {
            source: Arc::clone(&source),
            at: chrono::Utc::now(),
            payload: Payload::Submission {
                what: next.what,
                slip: next.slip,
            },
            receipt: next.receipt,
        };
        if readings.send(reading).await.is_err() {
            return;
        }
    }
    // Nobody hands anything in any more, and still no source ends by itself.
    stop.cancelled().await;
}
