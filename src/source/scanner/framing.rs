//! From bytes to frames: a frame ends with the terminator only. Partial reads, several frames in one read and frames that
//! never end all come out right.

use std::collections::VecDeque;

use crate::record::{Frame, Gap};

/// No barcode holds more.
const FRAME_BYTES_MAX: usize = 4096;

#[derive(Debug)]
pub struct Framing {
    /// Comes before each frame; empty: a frame begins with its first byte.
    starter: Vec<u8>,
    terminator: Vec<u8>,
    open: Vec<u8>,
    is_begun: bool,
    fault: Option<Fault>,
    /// A frame was given up before its end came: what follows up to there may be the rest of it.
    is_torn: bool,
    whole: VecDeque<Frame>,
    /// What came between frames, the latest of it.
    noise: Vec<u8>,
}

/// Why the open frame will not be whole.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Bytes of it were thrown away.
    TooLong,
    /// Some of it never came.
    Lost(Gap),
}

impl Framing {
    pub fn new(terminator: Vec<u8>) -> Self {
        Self {
            starter: Vec::new(),
            terminator,
            open: Vec::new(),
            is_begun: true,
            fault: None,
            is_torn: false,
            whole: VecDeque::new(),
            noise: Vec::new(),
        }
    }

    /// What comes before a starter is noise.
    #[must_use]
    pub fn with_starter(self, starter: Vec<u8>) -> Self {
        Self {
            is_begun: starter.is_empty(),
            starter,
            ..self
        }
    }

    pub fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.open.push(*byte);
            if !self.starter.is_empty() && self.open.ends_with(&self.starter) {
                self.begin();
            } else if self.is_begun && self.open.ends_with(&self.terminator) {
                self.open.truncate(self.open.len() - self.terminator.len());
                self.close();
            } else if self.open.len() >= FRAME_BYTES_MAX {
                // What is kept can still complete a starter or terminator that is cut in two.
                let keep_from = self.open.len() - self.starter.len().max(self.terminator.len());
                let thrown: Vec<u8> = self.open.drain(..keep_from).collect();
                if self.is_begun {
                    self.fault = Some(Fault::TooLong);
                } else {
                    self.noise = thrown;
                }
            }
        }
    }

    /// A starter came: what was open before it never ends, or was noise.
    fn begin(&mut self) {
        self.open.truncate(self.open.len() - self.starter.len());
        if self.is_begun {
            self.give_up();
        } else {
            self.noise = std::mem::take(&mut self.open);
        }
        self.open.clear();
        self.is_begun = true;
    }

    fn close(&mut self) {
        let bytes = std::mem::take(&mut self.open);
        self.is_begun = self.starter.is_empty();
        if std::mem::take(&mut self.is_torn) {
            self.fault.get_or_insert(Fault::Lost(Gap::End));
        }
        match self.fault.take() {
            // CR then LF ends one frame, not two; and of one that was told to be cut off, the end alone is nothing more.
            None | Some(Fault::Lost(Gap::End)) if bytes.iter().all(u8::is_ascii_whitespace) => {}
            Some(Fault::TooLong) => self.whole.push_back(Frame::TooLong(bytes)),
            Some(Fault::Lost(gap)) => self.whole.push_back(Frame::Partial(gap, bytes)),
            None => self.whole.push_back(Frame::Whole(bytes)),
        }
    }

    pub fn next_frame(&mut self) -> Option<Frame> {
        self.whole.pop_front()
    }

    /// What came between frames since this was asked last.
    pub fn take_noise(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.noise)
    }

    /// Whether bytes came that no terminator has followed yet.
    pub fn is_within_frame(&self) -> bool {
        self.fault.is_some() || (self.is_begun && self.open.iter().any(|b| !b.is_ascii_whitespace()))
    }

    /// Some of the open frame, or of the next one, is lost: up to its end it is partial.
    pub fn spoil(&mut self, gap: Gap) {
        self.fault.get_or_insert(Fault::Lost(gap));
    }

    /// Whether the rest of a frame that was given up may still come.
    pub fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Nothing came for so long that what comes next is no rest of anything.
    pub fn settle(&mut self) {
        self.is_torn = false;
    }

    /// No more bytes came within the time that a scanner takes: the read was cut off.
    pub fn give_up(&mut self) {
        if self.is_within_frame() {
            let gap = match self.fault.take() {
                Some(Fault::Lost(gap)) => gap,
                Some(Fault::TooLong) | None => Gap::End,
            };
            self.is_begun = self.starter.is_empty();
            self.is_torn = self.is_begun;
            self.whole
                .push_back(Frame::Partial(gap, std::mem::take(&mut self.open)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(framing: &mut Framing) -> Vec<Frame> {
        std::iter::from_fn(|| framing.next_frame()).collect()
    }

    #[test]
    fn a_line_feed_after_the_carriage_return_is_not_a_frame() {
        let mut framing = Framing::new(b"\r".to_vec());
        framing.take(b"EMP-1\r\nWO-2\r");
        assert_eq!(
            frames(&mut framing),
            [Frame::Whole(b"EMP-1".to_vec()), Frame::Whole(b"\nWO-2".to_vec())]
        );
    }

    #[test]
    fn what_is_cut_off_is_said_to_be() {
        let mut framing = Framing::new(b"\r".to_vec());
        framing.take(b"EMP-");
        assert!(framing.is_within_frame());
        framing.give_up();
        assert_eq!(frames(&mut framing), [Frame::Partial(Gap::End, b"EMP-".to_vec())]);
        framing.give_up();
        assert_eq!(frames(&mut framing), []);
    }

    #[test]
    fn the_rest_of_a_code_that_was_cut_off_is_no_code() {
        let mut framing = Framing::new(b"\r".to_vec());
        framing.take(b"MO2026");
        framing.give_up();
        framing.take(b"0001\rEMP-1\r");
        let (head, rest) = (b"MO2026".to_vec(), b"0001".to_vec());
        let told = [
            Frame::Partial(Gap::End, head.clone()),
            Frame::Partial(Gap::End, rest),
            Frame::Whole(b"EMP-1".to_vec()),
        ];
        assert_eq!(frames(&mut framing), told);
        framing.take(b"MO2026");
        framing.give_up();
        assert!(framing.is_torn());
        framing.take(b"\rEMP-2\r");
        assert_eq!(
            frames(&mut framing),
            [Frame::Partial(Gap::End, head.clone()), Frame::Whole(b"EMP-2".to_vec())],
            "the end alone came late"
        );
        framing.take(b"MO2026");
        framing.give_up();
        framing.settle();
        framing.take(b"EMP-3\r");
        assert_eq!(
            frames(&mut framing),
            [Frame::Partial(Gap::End, head), Frame::Whole(b"EMP-3".to_vec())],
            "nothing of it came for long"
        );
    }

    #[test]
    fn a_frame_without_end_is_dropped_up_to_its_terminator() {
        let mut framing = Framing::new(b"\r\n".to_vec());
        framing.take(&vec![b'x'; 3 * FRAME_BYTES_MAX]);
        framing.take(b"\r\nEMP-1\r\n");
        let frames = frames(&mut framing);
        assert!(matches!(frames[0], Frame::TooLong(_)));
        assert_eq!(frames[1..], [Frame::Whole(b"EMP-1".to_vec())]);
    }

    #[test]
    fn what_comes_before_a_starter_is_noise() {
        let mut framing = Framing::new(b"\x03".to_vec()).with_starter(b"\x02".to_vec());
        framing.take(b"garb\x02WO-1\x03");
        assert_eq!(frames(&mut framing), [Frame::Whole(b"WO-1".to_vec())]);
        assert_eq!(framing.take_noise(), b"garb");
        framing.take(b"\x02WO-2");
        assert_eq!(framing.take_noise(), b"");
        // A code that never ended, and one that did.
        framing.take(b"\x02WO-3\x03");
        assert_eq!(
            frames(&mut framing),
            [
                Frame::Partial(Gap::End, b"WO-2".to_vec()),
                Frame::Whole(b"WO-3".to_vec())
            ]
        );
        framing.take(b"noise");
        framing.give_up();
        assert_eq!(frames(&mut framing), []);
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_into_reads_does_not_matter(
            codes in prop::collection::vec("[A-Z0-9-]{1,20}", 1..10),
            cuts in prop::collection::vec(1_usize..7, 1..50),
        ) {
            let stream: Vec<u8> = codes.iter().flat_map(|code| [code.as_bytes(), b"\x03\r"].concat()).collect();
            let mut framing = Framing::new(b"\x03\r".to_vec());
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (read, later) = rest.split_at((*cut).min(rest.len()));
                framing.take(read);
                rest = later;
            }
            let expected: Vec<_> = codes.iter().map(|code| Frame::Whole(code.clone().into_bytes())).collect();
            prop_assert_eq!(frames(&mut framing), expected);
        }
    }
}
