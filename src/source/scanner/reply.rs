//! What a scanner is answered per frame, in the ways that scanners know: it only beeps, or sends again, as it is told.

use crate::record::{Feedback, FeedbackKind};

const ACK: &[u8] = &[0x06];
const BEL: &[u8] = &[0x07];
const NAK: &[u8] = &[0x15];

/// What the scanner is answered per frame, after the disk has the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    None,
    /// ACK when the gateway has dealt with the frame, also with a rejected one: NAK would have it sent again.
    Ack,
    /// As `Ack`, but BEL for a rejected one: the scanner lets go of it and sounds its alarm.
    AckBel,
    /// The scanner beeps for nothing but what it is told to: its own commands for each outcome.
    Commands(Commands),
    /// One line: `OK …`, `ASK …`, `ERR CODE …`, `DUP …`.
    Text,
}

/// What a scanner is sent for each outcome; nothing where it is left unanswered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    pub ok: String,
    pub ask: String,
    pub err: String,
    pub dup: String,
    /// Not stored, or not known to be.
    pub refused: String,
}

impl Commands {
    /// Honeywell's host acknowledgement: tones of success, middle, error and low pitch.
    pub fn host_ack() -> Self {
        let command = |digit: char| format!("\u{1b}{digit},");
        Self {
            ok: command('7'),
            ask: command('5'),
            err: command('8'),
            dup: command('4'),
            refused: command('8'),
        }
    }
}

impl Reply {
    /// What is sent; nothing where the scanner waits for nothing, or no answer would be true.
    pub fn to(&self, feedback: Option<&Feedback>) -> Option<Vec<u8>> {
        let code = feedback.map_or("", |feedback| feedback.code.as_str());
        let kind = feedback.map_or(FeedbackKind::Ok, |feedback| feedback.kind);
        match self {
            Self::None => None,
            // NAK would have it sent again, ACK would claim success: what is not known is left unanswered.
            Self::Ack | Self::AckBel if code == "NOT_CONFIRMED" => None,
            Self::Ack | Self::AckBel if code == "STORAGE_FULL" => Some(NAK.to_vec()),
            Self::AckBel if kind == FeedbackKind::Err => Some(BEL.to_vec()),
            Self::Ack | Self::AckBel => Some(ACK.to_vec()),
            Self::Commands(commands) => {
                let command = match kind {
                    _ if ["NOT_CONFIRMED", "STORAGE_FULL"].contains(&code) => &commands.refused,
                    FeedbackKind::Ok => &commands.ok,
                    FeedbackKind::Ask => &commands.ask,
                    FeedbackKind::Err => &commands.err,
                    FeedbackKind::Dup => &commands.dup,
                };
                Some(command.clone().into_bytes()).filter(|bytes| !bytes.is_empty())
            }
            Self::Text => Some(feedback.map_or_else(|| b"OK\r\n".to_vec(), line)),
        }
    }
}

fn line(feedback: &Feedback) -> Vec<u8> {
    let kind = match feedback.kind {
        FeedbackKind::Ok => "OK",
        FeedbackKind::Ask => "ASK",
        FeedbackKind::Err => "ERR",
        FeedbackKind::Dup => "DUP",
    };
    let message: String = feedback.message.chars().filter(|c| !c.is_control()).collect();
    format!("{kind} {} {message}\r\n", feedback.code).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Words;

    fn answered(reply: &Reply, kind: FeedbackKind, code: &str) -> Option<Vec<u8>> {
        let feedback = Feedback {
            kind,
            code: code.to_owned(),
            message: "said\r\n".to_owned(),
            words: Words::default(),
        };
        reply.to(Some(&feedback))
    }

    #[test]
    fn a_rejected_scan_is_never_asked_for_again() {
        for (reply, rejected) in [(Reply::Ack, ACK), (Reply::AckBel, BEL)] {
            assert_eq!(answered(&reply, FeedbackKind::Ok, "STARTED").as_deref(), Some(ACK));
            assert_eq!(
                answered(&reply, FeedbackKind::Dup, "DUPLICATE_SCAN").as_deref(),
                Some(ACK)
            );
            assert_eq!(
                answered(&reply, FeedbackKind::Err, "UNKNOWN_CODE").as_deref(),
                Some(rejected)
            );
            assert_eq!(
                answered(&reply, FeedbackKind::Err, "STORAGE_FULL").as_deref(),
                Some(NAK)
            );
            assert_eq!(answered(&reply, FeedbackKind::Err, "NOT_CONFIRMED"), None);
        }
    }

    #[test]
    fn commands_and_text_follow_the_outcome() {
        let host = Reply::Commands(Commands::host_ack());
        assert_eq!(
            answered(&host, FeedbackKind::Ok, "STARTED").as_deref(),
            Some(&b"\x1b7,"[..])
        );
        assert_eq!(
            answered(&host, FeedbackKind::Ok, "STORAGE_FULL").as_deref(),
            Some(&b"\x1b8,"[..])
        );
        let text = answered(&Reply::Text, FeedbackKind::Err, "UNKNOWN_CODE");
        assert_eq!(text.as_deref(), Some(&b"ERR UNKNOWN_CODE said\r\n"[..]));
        assert_eq!(answered(&Reply::None, FeedbackKind::Ok, "STARTED"), None);
    }
}
