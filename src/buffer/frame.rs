//! Frames: how records lie in a sled value. A commit group is packed into frames of up to 64 records, because sled costs
//! per value, not per byte.
//!
//! ```text
//! version u8 | count u16 | first sequence u64 | crc32 u32 | count × ( length u32 | kind u8 | JSON bytes )
//! ```
//! Integers are little endian. The checksum covers the first sequence and everything behind it, so a frame that sled gives
//! back under the wrong key is noticed too. The value's key is `f` and the first sequence, big endian.

use bytes::Bytes;

use super::db::PART_BYTES_MAX;
use crate::record::{Kind, Record, Seq};
use crate::wire::Entry;

const VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + 2 + 8 + 4;
const RECORD_OVERHEAD: usize = 4 + 1;
/// Records in a frame at most.
const FRAME_RECORDS_MAX: usize = 64;
/// A frame is closed before it would grow beyond this, unless one record alone does: then it is stored in parts.
const FRAME_BYTES_MAX: usize = PART_BYTES_MAX;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a frame is damaged: {0}")]
pub struct Damaged(&'static str);

/// The key of the frame that starts with `first`.
pub fn key(first: Seq) -> [u8; 9] {
    let mut key = [b'f'; 9];
    key[1..].copy_from_slice(&first.to_be_bytes());
    key
}

/// The first sequence that a frame's key tells.
pub fn first_of_key(key: &[u8]) -> Option<Seq> {
    let (tag, seq) = key.split_first()?;
    (*tag == b'f')
        .then(|| seq.try_into().ok().map(Seq::from_be_bytes))
        .flatten()
}

/// Packs records into frames, the first of which starts with `first`.
pub fn pack<'a>(first: Seq, records: impl IntoIterator<Item = &'a Record>) -> Vec<(Seq, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut open: Option<(Seq, u16, Vec<u8>)> = None;
    for (seq, record) in (first..).zip(records) {
        let is_fit = |(_, count, bytes): &(Seq, u16, Vec<u8>)| {
            usize::from(*count) < FRAME_RECORDS_MAX
                && bytes.len() + RECORD_OVERHEAD + record.json.len() <= FRAME_BYTES_MAX
        };
        if let Some((start, count, bytes)) = open.take_if(|frame| !is_fit(frame)) {
            frames.push((start, close(start, count, bytes)));
        }
        let (start, count, mut bytes) = open.take().unwrap_or_else(|| (seq, 0, vec![0; HEADER_LEN]));
        let length = u32::try_from(record.json.len()).expect("records are limited far below 4 GiB");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.push(record.kind.code());
        bytes.extend_from_slice(&record.json);
        open = Some((start, count + 1, bytes));
    }
    frames.extend(open.map(|(start, count, bytes)| (start, close(start, count, bytes))));
    frames
}

fn close(first: Seq, count: u16, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[0] = VERSION;
    bytes[1..3].copy_from_slice(&count.to_le_bytes());
    bytes[3..11].copy_from_slice(&first.to_le_bytes());
    let crc = checksum(&bytes);
    bytes[11..15].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn checksum(frame: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[..11]);
    crc.update(&frame[HEADER_LEN..]);
    crc.finalize()
}

fn count(frame: &[u8]) -> Option<u64> {
    Some(u64::from(u16::from_le_bytes(frame.get(1..3)?.try_into().ok()?)))
}

/// Unpacks a frame whose key says that it starts with `first`.
pub fn unpack(first: Seq, frame: &Bytes) -> Result<Vec<Entry>, Damaged> {
    if frame.len() < HEADER_LEN {
        return Err(Damaged("shorter than its header"));
    }
    if frame[0] != VERSION {
        return Err(Damaged("unknown version"));
    }
    let stored = |range: std::ops::Range<usize>| frame.get(range).expect("within the header, whose length was checked");
    if stored(3..11) != first.to_le_bytes() {
        return Err(Damaged("stands under the key of another"));
    }
    if stored(11..15) != checksum(frame).to_le_bytes() {
        return Err(Damaged("checksum differs"));
    }
    let count = count(frame).ok_or(Damaged("shorter than its header"))?;
    let mut entries = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    let mut at = HEADER_LEN;
    for seq in first..first + count {
        let length = frame
            .get(at..at + 4)
            .and_then(|l| l.try_into().ok())
            .map(u32::from_le_bytes);
        let length = length
            .and_then(|l| usize::try_from(l).ok())
            .ok_or(Damaged("ends within a record"))?;
        let kind = frame
            .get(at + 4)
            .and_then(|code| Kind::from_code(*code))
            .ok_or(Damaged("unknown kind"))?;
        let end = at + 5 + length;
        if end > frame.len() {
            return Err(Damaged("ends within a record"));
        }
        entries.push(Entry {
            seq,
            kind,
            json: frame.slice(at + 5..end),
        });
        at = end;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(size: usize) -> Record {
        Record {
            kind: Kind::EquipmentStatus,
            json: vec![b'x'; size].into(),
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(first in 1_u64..1 << 60, sizes in prop::collection::vec(0_usize..9000, 1..200)) {
            let records: Vec<_> = sizes.iter().map(|s| record(*s)).collect();
            let mut back = Vec::new();
            for (start, frame) in pack(first, &records) {
                let frame_len = frame.len();
                let entries = unpack(start, &frame.into()).expect("an own frame");
                prop_assert!(entries.len() <= FRAME_RECORDS_MAX);
                prop_assert!(entries.len() == 1 || frame_len <= FRAME_BYTES_MAX);
                back.extend(entries);
            }
            prop_assert_eq!(back.len(), records.len());
            for (index, (entry, record)) in back.iter().zip(&records).enumerate() {
                prop_assert_eq!(entry.seq, first + index as u64);
                prop_assert_eq!(&entry.json, &record.json);
            }
        }

        #[test]
        fn any_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
            let records = [record(10), record(200)];
            let (first, frame) = pack(7, &records).remove(0);
            let mut bad = frame;
            let at = at.index(bad.len());
            bad[at] ^= flip;
            prop_assert!(unpack(first, &bad.into()).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(1, &bytes.into());
        }
    }

    #[test]
    fn a_frame_under_the_wrong_key_is_noticed() {
        let (first, frame) = pack(7, &[record(3)]).remove(0);
        assert_eq!(
            unpack(first + 1, &frame.into()),
            Err(Damaged("stands under the key of another"))
        );
        assert_eq!(first_of_key(&key(77)), Some(77));
        assert_eq!(first_of_key(b"s/station"), None);
    }
}
