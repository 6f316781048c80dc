//! RTU frames: `unit, function, data, CRC-16` (low byte first). Pure.
//!
//! Nothing in a frame says how long it is or which request it answers. The length follows from the function code, the rest
//! must be told by what was asked: see [`Shape`].

use super::super::address::Area;
use super::super::decode::Answer;
use super::super::encode::Write;
use super::super::plan::Span;

/// What of an answer tells whose it is: answers of one shape can't be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    pub unit: u8,
    pub function: u8,
    /// Bytes of values.
    pub bytes: u8,
}

impl Shape {
    /// The shape of the answer to this request.
    pub fn of(unit: u8, block: Span) -> Self {
        Self {
            unit,
            function: function(block.area),
            bytes: u8::try_from(value_bytes(block)).unwrap_or(u8::MAX),
        }
    }
}

/// Bytes of a request that reads.
pub const REQUEST_BYTES: u32 = 8;
/// Unit, function, byte count and CRC of an answer.
const ANSWER_FRAME_BYTES: u32 = 5;
const EXCEPTION: u8 = 0x80;
const CRC_BYTES: usize = 2;
/// Unit, function and CRC.
const FRAME_BYTES_MIN: usize = 4;

/// Bytes of the answer that brings this block.
pub fn answer_bytes(block: Span) -> u32 {
    ANSWER_FRAME_BYTES + value_bytes(block)
}

fn value_bytes(block: Span) -> u32 {
    if block.area.has_bits() {
        u32::from(block.count).div_ceil(8)
    } else {
        2 * u32::from(block.count)
    }
}

fn function(area: Area) -> u8 {
    match area {
        Area::Coil => 1,
        Area::Discrete => 2,
        Area::Holding => 3,
        Area::Input => 4,
    }
}

/// The request for a block.
pub fn request(unit: u8, block: Span) -> Vec<u8> {
    let mut frame = vec![unit, function(block.area)];
    frame.extend_from_slice(&block.start.to_be_bytes());
    frame.extend_from_slice(&block.count.to_be_bytes());
    checked(frame)
}

/// With its checksum.
pub fn checked(mut frame: Vec<u8>) -> Vec<u8> {
    frame.extend_from_slice(&crc(&frame).to_le_bytes());
    frame
}

/// The request for a write.
pub fn write_request(unit: u8, write: &Write) -> Vec<u8> {
    let mut frame = match write {
        Write::Coil { address, is_on } => {
            let [high, low] = address.to_be_bytes();
            vec![unit, 5, high, low, if *is_on { 0xFF } else { 0 }, 0]
        }
        Write::Registers { address, values } => {
            let [high, low] = address.to_be_bytes();
            let words = values.iter().flat_map(|value| value.to_be_bytes());
            let mut frame = vec![unit, if values.len() == 1 { 6 } else { 16 }, high, low];
            if values.len() > 1 {
                let count = u8::try_from(values.len()).expect("a number has at most four registers");
                frame.extend([0, count, 2 * count]);
            }
            frame.extend(words);
            frame
        }
    };
    frame.extend_from_slice(&crc(&frame).to_le_bytes());
    frame
}

/// What the first bytes that came are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Front {
    /// The start of a frame, as far as can be told.
    Part,
    Whole(Frame),
    /// Bytes that no frame starts with, or whose checksum is wrong. Where the next frame starts is not known.
    Junk,
}

/// A frame whose checksum is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub unit: u8,
    pub function: u8,
    /// What stands between the function and the checksum.
    data: Vec<u8>,
}

/// What a frame means to who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning<T> {
    Values(T),
    /// The code of an exception.
    Exception(u8),
    /// An answer to something else.
    Foreign,
}

pub fn front(bytes: &[u8]) -> Front {
    let (Some(&unit), Some(&function)) = (bytes.first(), bytes.get(1)) else {
        return Front::Part;
    };
    let length = match (function, bytes.get(2)) {
        (1..=4, Some(&count)) => ANSWER_FRAME_BYTES as usize + usize::from(count),
        (1..=4, None) => return Front::Part,
        (5 | 6 | 15 | 16, _) => 8,
        (EXCEPTION.., _) => 5,
        _ => return Front::Junk,
    };
    match bytes.get(..length) {
        None => Front::Part,
        Some(frame) if is_intact(frame) => Front::Whole(Frame {
            unit,
            function,
            data: frame[2..length - CRC_BYTES].to_vec(),
        }),
        Some(_) => Front::Junk,
    }
}

fn is_intact(frame: &[u8]) -> bool {
    let Some((body, told)) = frame.split_last_chunk::<CRC_BYTES>() else {
        return false;
    };
    frame.len() >= FRAME_BYTES_MIN && u16::from_le_bytes(*told) == crc(body)
}

impl Frame {
    /// With its checksum.
    pub fn length(&self) -> usize {
        FRAME_BYTES_MIN + self.data.len()
    }

    /// The shape, if this is an answer with values.
    pub fn shape(&self) -> Option<Shape> {
        let bytes = *self.data.first()?;
        (1..=4).contains(&self.function).then_some(Shape {
            unit: self.unit,
            function: self.function,
            bytes,
        })
    }

    pub fn meaning(&self, unit: u8, block: Span) -> Meaning<Answer> {
        if self.unit == unit && self.function == function(block.area) | EXCEPTION {
            return self
                .data
                .first()
                .map_or(Meaning::Foreign, |code| Meaning::Exception(*code));
        }
        if self.shape() != Some(Shape::of(unit, block)) {
            return Meaning::Foreign;
        }
        let values = self.data.get(1..).unwrap_or_default();
        Meaning::Values(if block.area.has_bits() {
            let bits = values
                .iter()
                .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
            Answer::Bits(bits.take(usize::from(block.count)).collect())
        } else {
            let registers = values
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            Answer::Registers(registers.collect())
        })
    }
}

impl Frame {
    /// The answer to a write repeats its unit, function, address, and value or count.
    pub fn meaning_of_write(&self, request: &[u8]) -> Meaning<()> {
        let (Some(&unit), Some(&function), Some(told)) = (request.first(), request.get(1), request.get(2..6)) else {
            return Meaning::Foreign;
        };
        match self.data.first() {
            Some(&code) if self.unit == unit && self.function == function | EXCEPTION => Meaning::Exception(code),
            _ if self.unit == unit && self.function == function && self.data == told => Meaning::Values(()),
            _ => Meaning::Foreign,
        }
    }
}

/// CRC-16 with the polynomial 0xA001, starting from all ones.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: Span = Span {
        area: Area::Holding,
        start: 0x6B,
        count: 3,
    };
    const ANSWER: [u8; 11] = [0x11, 3, 6, 0xAE, 0x41, 0x56, 0x52, 0x43, 0x40, 0x49, 0xAD];

    fn whole(bytes: &[u8]) -> Frame {
        match front(bytes) {
            Front::Whole(frame) => frame,
            other => panic!("a whole frame, not {other:?}"),
        }
    }

    #[test]
    fn requests_and_answers_are_those_of_the_specification() {
        assert_eq!(request(0x11, BLOCK), [0x11, 3, 0, 0x6B, 0, 3, 0x76, 0x87]);
        let registers = Answer::Registers(vec![0xAE41, 0x5652, 0x4340]);
        assert_eq!(whole(&ANSWER).meaning(0x11, BLOCK), Meaning::Values(registers));
        assert_eq!(whole(&ANSWER).length(), ANSWER.len());
    }

    #[test]
    fn writes_and_their_answers_are_those_of_the_specification() {
        let registers = |address, values: &[u16]| Write::Registers {
            address,
            values: values.to_vec(),
        };
        let one = write_request(0x11, &registers(1, &[3]));
        assert_eq!(one, [0x11, 6, 0, 1, 0, 3, 0x9A, 0x9B]);
        assert_eq!(whole(&one).meaning_of_write(&one), Meaning::Values(()));
        let two = write_request(0x11, &registers(1, &[0x000A, 0x0102]));
        assert_eq!(two, [0x11, 16, 0, 1, 0, 2, 4, 0, 0x0A, 1, 2, 0xC6, 0xF0]);
        let answer = whole(&[0x11, 16, 0, 1, 0, 2, 0x12, 0x98]);
        assert_eq!(answer.meaning_of_write(&two), Meaning::Values(()));
        assert_eq!(answer.meaning_of_write(&one), Meaning::Foreign);
        let coil = Write::Coil {
            address: 0xAC,
            is_on: true,
        };
        assert_eq!(write_request(0x11, &coil), [0x11, 5, 0, 0xAC, 0xFF, 0, 0x4E, 0x8B]);
    }

    #[test]
    fn bits_are_counted_from_the_lowest() {
        let coils = Span {
            area: Area::Coil,
            start: 0,
            count: 10,
        };
        let frame = checked(vec![1, 1, 2, 0b0000_0101, 0b1111_1110]);
        let mut bits = vec![true, false, true, false, false, false, false, false];
        bits.extend([false, true]);
        assert_eq!(whole(&frame).meaning(1, coils), Meaning::Values(Answer::Bits(bits)));
    }

    #[test]
    fn answers_come_byte_by_byte() {
        for length in 0..ANSWER.len() {
            assert_eq!(front(&ANSWER[..length]), Front::Part, "{length} bytes");
        }
        assert_eq!(whole(&[&ANSWER[..], &[0x11]].concat()).unit, 0x11);
    }

    #[test]
    fn what_answers_something_else_is_told_apart() {
        let frame = whole(&ANSWER);
        let foreign = [
            (0x12, BLOCK),
            (0x11, Span { count: 2, ..BLOCK }),
            (
                0x11,
                Span {
                    area: Area::Input,
                    ..BLOCK
                },
            ),
        ];
        for (unit, block) in foreign {
            assert_eq!(frame.meaning(unit, block), Meaning::Foreign);
        }
        let exception = checked(vec![0x11, 0x83, 2]);
        assert_eq!(whole(&exception).meaning(0x11, BLOCK), Meaning::Exception(2));
        assert_eq!(whole(&exception).meaning(0x12, BLOCK), Meaning::Foreign);
    }

    proptest! {
        #[test]
        fn a_damaged_answer_is_never_taken(at in 0..ANSWER.len(), flip in 1_u8..) {
            let mut damaged = ANSWER;
            damaged[at] ^= flip;
            let is_ours = match front(&damaged) {
                Front::Whole(frame) => frame.meaning(0x11, BLOCK) != Meaning::Foreign,
                Front::Part | Front::Junk => false,
            };
            prop_assert!(!is_ours);
        }

        #[test]
        fn arbitrary_bytes_are_taken_apart(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Front::Whole(frame) = front(&bytes) {
                prop_assert!(frame.length() <= bytes.len());
                frame.meaning(frame.unit, BLOCK);
            }
        }
    }
}
