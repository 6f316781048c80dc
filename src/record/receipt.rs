//! The answer that travels back to who spoke, once the disk has what was said.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::language::Words;

/// What a station tells its operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Feedback {
    pub kind: FeedbackKind,
    pub code: String,
    /// In the station's language.
    pub message: String,
    /// The message in every language.
    #[serde(default)]
    pub words: Words,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeedbackKind {
    Ok,
    Ask,
    Err,
    Dup,
}

/// Who waits for the disk: told once, after the flush, or told that the disk refused.
pub trait Waiting: Send + Sync {
    fn kept(&self, token: u64, feedback: Option<Feedback>);
    fn refused(&self, token: u64);
}

/// The promise of an answer. Dropped unkept it answers nothing, so the sender repeats.
pub struct Receipt {
    to: Option<Arc<dyn Waiting>>,
    token: u64,
}

impl Receipt {
    pub fn new(to: Arc<dyn Waiting>, token: u64) -> Self {
        Self { to: Some(to), token }
    }

    /// No one waits, and no one counts what is lost.
    pub fn nobody() -> Self {
        Self { to: None, token: 0 }
    }

    /// The disk has it.
    pub fn keep(self, feedback: Option<Feedback>) {
        if let Some(to) = self.to {
            to.kept(self.token, feedback);
        }
    }

    /// The disk could not take it; nothing happened.
    pub fn refuse(self) {
        if let Some(to) = self.to {
            to.refused(self.token);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({})", self.token)
    }
}
