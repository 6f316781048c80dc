//! The file system under the buffer: what makes a write durable, what space there is, and the reserve that lets us act on
//! a full disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Really written, so that deleting it really gives room: enough for sled to open again and for scans to go on.
const RESERVE_BYTES: usize = 16 << 20;

/// Makes a whole tree durable: every file, then every directory. For trees that were just made.
pub fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            match File::open(&path) {
                Ok(file) => file.sync_all()?,
                // sled renames its snapshots while it is open.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    crate::files::sync_dir(dir)
}

/// Bytes that a tree takes on the disk.
pub fn allocated(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => allocated(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Bytes that this process may still write on the file system of `dir`.
pub fn free(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail * stat.f_frsize)
}

/// Whether an error means that the disk (or a quota) is full, which heals when space is freed.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Space set aside on the disk.
#[derive(Debug)]
pub struct Reserve(PathBuf);

impl Reserve {
    pub fn new(dir: &Path) -> Self {
        Self(dir.join("reserve"))
    }

    pub fn is_set_aside(&self) -> bool {
        fs::metadata(&self.0).is_ok_and(|meta| meta.blocks() * 512 >= RESERVE_BYTES as u64)
    }

    pub fn set_aside(&self) -> io::Result<()> {
        if self.is_set_aside() {
            return Ok(());
        }
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&self.0)
            .and_then(|mut file| {
                let zeroes = vec![0; 1 << 20];
                for _ in 0..RESERVE_BYTES / zeroes.len() {
                    file.write_all(&zeroes)?;
                }
                file.sync_all()
            });
        if written.is_err() {
            self.release();
        }
        written
    }

    pub fn release(&self) {
        // Not there is as good as removed; anything else shows itself in the write that follows.
        let _ = fs::remove_file(&self.0);
    }
}
