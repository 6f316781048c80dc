//! What one scan, or time, leads to: an answer, reports, and what else the station tells of.

use super::{Context, words};
use crate::judge::Finding;
use crate::language::{Language, Words};
use crate::record::{Feedback, FeedbackKind, Inspection, WorkReport};

/// What a person says of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineWord {
    pub equipment: String,
    pub is_down: bool,
    pub reason: Option<String>,
    pub detail: String,
}

/// What a station tells of besides work.
#[derive(Debug)]
pub enum Signal {
    /// Lasts until somebody answers it.
    Call(Finding),
    Machine(MachineWord),
    Inspection(Box<Inspection>),
}

/// What one scan or one passing of time led to.
#[derive(Debug)]
pub struct Step {
    pub feedback: Box<Feedback>,
    /// Drafts without number; numbered when they are accepted.
    pub reports: Vec<WorkReport>,
    pub signal: Option<Box<Signal>>,
    /// Whether the state must be on disk before the answer.
    pub is_change: bool,
}

impl Step {
    pub(super) fn new(kind: FeedbackKind, code: &str, words: &[&str], context: &Context) -> Self {
        let words: Vec<Words> = words.iter().map(|word| Words::same(word)).collect();
        Self {
            feedback: Box::new(feedback(kind, code, &words, context.bench.language)),
            reports: Vec::new(),
            signal: None,
            is_change: false,
        }
    }

    /// With words that are others in each language.
    pub(super) fn worded(mut self, words: &[Words], context: &Context) -> Self {
        let Feedback { kind, code, .. } = &*self.feedback;
        *self.feedback = feedback(*kind, code, words, context.bench.language);
        self
    }

    /// For a change that has to be on disk before the answer.
    pub(super) fn ok(code: &str, words: &[&str], context: &Context) -> Self {
        Self {
            is_change: true,
            ..Self::new(FeedbackKind::Ok, code, words, context)
        }
    }

    pub(super) fn ask(code: &str, words: &[&str], context: &Context) -> Self {
        Self {
            is_change: true,
            ..Self::new(FeedbackKind::Ask, code, words, context)
        }
    }

    pub(super) fn err(code: &str, words: &[&str], context: &Context) -> Self {
        Self::new(FeedbackKind::Err, code, words, context)
    }

    pub(super) fn dup(code: &str, words: &[&str], context: &Context) -> Self {
        Self::new(FeedbackKind::Dup, code, words, context)
    }

    /// What was said before.
    pub(super) fn again(feedback: Box<Feedback>) -> Self {
        Self {
            feedback,
            reports: Vec::new(),
            signal: None,
            is_change: false,
        }
    }

    /// An answer to a question that changes nothing.
    pub(super) fn told(code: &str, words: &[&str], context: &Context) -> Self {
        Self::new(FeedbackKind::Ok, code, words, context)
    }

    pub(super) fn with(mut self, reports: impl IntoIterator<Item = WorkReport>) -> Self {
        self.reports.extend(reports);
        self
    }
}

/// Scans are shown to people: control characters are not.
pub fn printable(text: &str) -> String {
    text.chars()
        .take(40)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// An answer; outside of the dialogue such as to half a read.
pub fn feedback(kind: FeedbackKind, code: &str, words: &[Words], language: Language) -> Feedback {
    let words = words::in_every_language(code, words);
    Feedback {
        kind,
        code: code.to_owned(),
        message: words.in_language(language).to_owned(),
        words,
    }
}
