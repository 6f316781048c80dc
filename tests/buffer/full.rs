//! A full disk, on a small file system of its own. Needs root; says so when it is skipped.

use std::path::Path;
use std::process::Command;

use super::{Bench, is_of_buffer, number, record, settings};
use lineside::record::{Kind, Lane};

/// A small tmpfs, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(mib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "lineside-test"])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            Ok(output) => {
                println!("skipped, no small disk: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                println!("skipped, no small disk: {error}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        use std::io::Write;
        let path = self.path().join("ballast");
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        for size in [1 << 20, 4096] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_heals_by_itself() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    for reopens_in_between in [false, true] {
        let settings = settings(&disk.path().join("buffer"), 1 << 30, &["central"]);
        let mut bench = Bench::open(&settings);
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        let start = u64::from(reopens_in_between) * 1_000_000;
        let mut n = start;
        let mut offer = |bench: &Bench| {
            n += 1;
            let mut commit = bench.commit(n, vec![record(Kind::WorkReport, n, 20_000)]);
            commit.states.insert("last".to_owned(), n.to_string().into());
            let is_kept = bench.keep(commit);
            if is_kept {
                kept.push(n)
            } else {
                refused.push(n)
            };
            is_kept
        };
        assert!(offer(&bench));
        disk.fill();
        // The reserve carries it on for a while, then everything is refused.
        let mut in_a_row = 0;
        while in_a_row < 5 {
            in_a_row = if offer(&bench) {
                disk.fill();
                0
            } else {
                in_a_row + 1
            };
        }
        assert!(!bench.status.buffer().writable);
        if reopens_in_between {
            bench.finish();
            disk.free();
            bench = Bench::open(&settings);
        } else {
            disk.free();
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !offer(&bench) {
            assert!(std::time::Instant::now() < deadline, "it heals by itself");
            std::thread::yield_now();
        }
        for round in 0..2 {
            let all = bench.all(Lane::Report);
            let found: Vec<_> = all
                .values()
                .filter(|e| !is_of_buffer(e))
                .map(number)
                .filter(|n| *n > start)
                .collect();
            assert_eq!(
                found, kept,
                "round {round}: all that was kept, nothing that was refused"
            );
            assert_eq!(bench.buffer.states()["last"], kept.last().unwrap().to_string());
            assert!(all.keys().copied().eq(1..bench.tail(Lane::Report)), "dense");
            bench.finish();
            bench = Bench::open(&settings);
        }
        assert!(!refused.is_empty());
        assert!(bench.alerts().iter().all(|alert| !alert.contains("BUFFER_DAMAGED")));
        bench.finish();
    }
}
