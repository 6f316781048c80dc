//! How far one upstream has got, in each lane, and which batch is under way: two slots in one small file, written in turn.
//! The composition of a batch is on disk before its first attempt, so that a retry after a crash is the same batch. The same
//! kind of file tells how far the lanes themselves have got.
//!
//! Slot (64 bytes at 0 and at 4096, little endian): version u64 | per lane: next u64, in-flight end u64 (0: none) | epoch
//! u64 | zeroes | crc32 u32 of what stands before it. The valid slot with the higher version counts.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::record::{Lane, Seq};

const SLOT_LEN: usize = 64;
/// Slots lie on different disk pages, so that a torn write harms one only.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
const FILE_LEN: usize = 2 * 4096;
const CRC_AT: usize = SLOT_LEN - 4;

/// The place of an upstream in one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The first sequence that the upstream does not have yet.
    pub next: Seq,
    /// The end (exclusive) of the batch that starts at `next` and may have been sent already; 0 if none.
    pub in_flight_end: Seq,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places {
    pub epoch: u64,
    pub report: Place,
    pub telemetry: Place,
}

impl Places {
    pub fn lane(&self, lane: Lane) -> Place {
        match lane {
            Lane::Report => self.report,
            Lane::Telemetry => self.telemetry,
        }
    }

    pub fn lane_mut(&mut self, lane: Lane) -> &mut Place {
        match lane {
            Lane::Report => &mut self.report,
            Lane::Telemetry => &mut self.telemetry,
        }
    }

    fn encode(&self, version: u64) -> [u8; SLOT_LEN] {
        let fields = [
            version,
            self.report.next,
            self.report.in_flight_end,
            self.telemetry.next,
            self.telemetry.in_flight_end,
            self.epoch,
        ];
        let mut slot = [0; SLOT_LEN];
        for (place, field) in slot.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32fast::hash(&slot[..CRC_AT]);
        slot[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        slot
    }

    fn decode(slot: &[u8; SLOT_LEN]) -> Option<(u64, Self)> {
        if slot[CRC_AT..] != crc32fast::hash(&slot[..CRC_AT]).to_le_bytes() {
            return None;
        }
        let mut fields = slot
            .chunks_exact(8)
            .map(|f| u64::from_le_bytes(f.try_into().expect("chunks of eight")));
        let mut field = || fields.next().unwrap_or(0);
        let version = field();
        let report = Place {
            next: field(),
            in_flight_end: field(),
        };
        let telemetry = Place {
            next: field(),
            in_flight_end: field(),
        };
        Some((
            version,
            Self {
                epoch: field(),
                report,
                telemetry,
            },
        ))
    }
}

/// Where one upstream stands, in memory and on disk.
#[derive(Debug)]
pub struct Cursor {
    /// Held while it is saved; the places themselves can be asked for meanwhile.
    file: Mutex<CursorFile>,
    places: Mutex<Places>,
}

impl Cursor {
    pub fn open(path: &Path) -> io::Result<Self> {
        let (file, places) = CursorFile::open(path)?;
        Ok(Self {
            file: Mutex::new(file),
            places: Mutex::new(places.unwrap_or_default()),
        })
    }

    pub fn places(&self) -> Places {
        *self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Durable when it returns.
    pub fn save(&self, places: Places) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write(&places)?;
        file.file.sync_data()?;
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = places;
        Ok(())
    }

    /// Holds nothing back any more; its file is gone.
    pub fn retire(&self, epoch: u64) {
        let beyond_all = Place {
            next: Seq::MAX,
            in_flight_end: 0,
        };
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = Places {
            epoch,
            report: beyond_all,
            telemetry: beyond_all,
        };
    }

    /// Survives the end of the process, not a power cut.
    pub fn note(&self, places: Places) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write(&places)
    }
}

/// The file of one upstream's places.
#[derive(Debug)]
struct CursorFile {
    file: File,
    version: u64,
}

impl CursorFile {
    /// Opens the file, or makes it. Nothing is returned as places when there are none, or none that can be believed.
    fn open(path: &Path) -> io::Result<(Self, Option<Places>)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        // Its blocks are written now, so that saving needs no room on a full disk.
        if file.metadata()?.len() < FILE_LEN as u64 {
            file.write_all_at(&[0; FILE_LEN], 0)?;
            file.sync_all()?;
            crate::files::sync_dir(path.parent().unwrap_or(Path::new(".")))?;
        }
        let best = read(&file);
        let version = best.map_or(0, |(version, _)| version);
        Ok((Self { file, version }, best.map(|(_, places)| places)))
    }

    fn write(&mut self, places: &Places) -> io::Result<()> {
        let version = self.version + 1;
        let offset = SLOT_OFFSETS[usize::from(version % 2 == 1)];
        self.file.write_all_at(&places.encode(version), offset)?;
        self.version = version;
        Ok(())
    }
}

/// The places in a file that is not ours to change.
pub fn peek(path: &Path) -> io::Result<Option<Places>> {
    Ok(read(&File::open(path)?).map(|(_, places)| places))
}

fn read(file: &File) -> Option<(u64, Places)> {
    SLOT_OFFSETS
        .iter()
        .filter_map(|offset| {
            let mut slot = [0; SLOT_LEN];
            file.read_exact_at(&mut slot, *offset).ok()?;
            Places::decode(&slot)
        })
        .filter(|(version, _)| *version > 0)
        .max_by_key(|(version, _)| *version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(next: Seq) -> Places {
        Places {
            epoch: 3,
            report: Place {
                next,
                in_flight_end: next + 5,
            },
            telemetry: Place {
                next: 9,
                in_flight_end: 0,
            },
        }
    }

    #[test]
    fn the_latest_save_is_found_again_and_a_torn_one_gives_way_to_the_one_before() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("central");
        let (mut cursor, none) = CursorFile::open(&path).expect("made");
        assert_eq!(none, None);
        for next in 1..=5 {
            cursor.write(&places(next)).expect("saved");
        }
        assert_eq!(peek(&path).expect("readable"), Some(places(5)));
        // Saves alternate between the slots; damage the newer one, as a torn write would.
        let file = OpenOptions::new().write(true).open(&path).expect("open");
        file.write_all_at(&[0xff; 16], SLOT_OFFSETS[1]).expect("damaged");
        let (mut cursor, found) = CursorFile::open(&path).expect("opened");
        assert_eq!(found, Some(places(4)));
        cursor.write(&places(6)).expect("saved over the damage");
        assert_eq!(CursorFile::open(&path).expect("opened").1, Some(places(6)));
    }
}
