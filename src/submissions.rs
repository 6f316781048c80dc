//! What is handed in over HTTP, on its way to the intake: who hands it in is answered when the disk has it. The errors are
//! divided by what the sender does next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::language::Words;
use crate::record::{Answered, Feedback, Receipt, Slip, Submitted, Waiting};

/// Submissions that may wait for the intake; the next is told to come again.
const WAITING_MAX: usize = 256;
/// Longer than a healthy disk ever takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// One submission with who waits for it.
#[derive(Debug)]
pub struct HandedIn {
    pub what: Submitted,
    pub slip: Slip,
    pub receipt: Receipt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Nothing happened; the same again, later.
    #[error("too much is being handed in at once; nothing was taken")]
    Busy,
    #[error("the disk takes nothing now; nothing was taken")]
    DiskRefused,
    #[error("the gateway is ending; nothing was taken")]
    Ending,
    /// It may have been taken: the same again under the same number or key is recognised.
    #[error("the disk has not confirmed it in time; hand it in again under the same number or Idempotency-Key")]
    Unconfirmed,
}

impl NotTaken {
    pub fn words(self) -> Words {
        let zh = match self {
            Self::Busy => "同时提交过多，未接收",
            Self::DiskRefused => "磁盘暂时无法写入，未接收",
            Self::Ending => "网关正在停止，未接收",
            Self::Unconfirmed => "磁盘未及时确认；请以同一编号再次提交，不会重复",
        };
        Words::new(self.to_string(), zh)
    }
}

/// The way in, cheap to clone.
#[derive(Debug, Clone)]
pub struct Submissions(mpsc::Sender<HandedIn>);

impl Submissions {
    pub fn new() -> (Self, mpsc::Receiver<HandedIn>) {
        let (way, handed_in) = mpsc::channel(WAITING_MAX);
        (Self(way), handed_in)
    }

    /// Answers once the disk has it, or once it is clear that nothing is to be kept of it.
    pub async fn hand_in(&self, what: Submitted) -> Result<Answered, NotTaken> {
        let (ring, rung) = oneshot::channel();
        let slip = Slip::default();
        let handed_in = HandedIn {
            what,
            slip: slip.clone(),
            receipt: Receipt::new(Arc::new(Bell(Mutex::new(Some(ring)))), 0),
        };
        self.0.try_send(handed_in).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotTaken::Busy,
            mpsc::error::TrySendError::Closed(_) => NotTaken::Ending,
        })?;
        match timeout(ANSWER_WITHIN, rung).await {
            Ok(Ok(true)) => slip.read().ok_or(NotTaken::Unconfirmed),
            Ok(Ok(false)) => Err(NotTaken::DiskRefused),
            Ok(Err(_)) | Err(_) => Err(NotTaken::Unconfirmed),
        }
    }
}

/// Rung once: the disk has it, or has refused it.
struct Bell(Mutex<Option<oneshot::Sender<bool>>>);

impl Bell {
    fn ring(&self, is_kept: bool) {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Who gave up waiting is not there to hear it.
        ring.map(|ring| ring.send(is_kept).ok());
    }
}

impl Waiting for Bell {
    fn kept(&self, _: u64, _: Option<Feedback>) {
        self.ring(true);
    }

    fn refused(&self, _: u64) {
        self.ring(false);
    }
}
