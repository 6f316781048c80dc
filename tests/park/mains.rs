//! A disk whose power can be cut: a file system of its own in an image, shut down without a flush, as kernels do it for such
//! tests, and then recovered from its journal. Needs root and a loop device; says so when it is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The call of the kernel that shuts a file system down, with the flag that flushes neither data nor journal.
const SHUT_DOWN: &str = r"
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
place = os.open(sys.argv[1], os.O_RDONLY)
without_flush = ctypes.c_uint32(2)
if libc.ioctl(place, ctypes.c_ulong(0x8004587D), ctypes.byref(without_flush)):
    sys.exit(os.strerror(ctypes.get_errno()))
";

/// Unmounted when dropped.
pub struct Disk {
    dir: tempfile::TempDir,
    place: PathBuf,
}

impl Disk {
    pub fn mount(mib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("disk");
        std::fs::create_dir(&place).unwrap();
        let disk = Self { dir, place };
        let image = std::fs::File::create(disk.image()).unwrap();
        image.set_len(u64::from(mib) << 20).unwrap();
        let made = told(Command::new("mkfs.ext4").arg("-q").arg(disk.image())).and_then(|()| disk.plug_in());
        match made {
            Ok(()) => Some(disk),
            Err(why) => {
                println!("skipped, no disk whose power can be cut: {why}");
                None
            }
        }
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    pub fn path(&self) -> &Path {
        &self.place
    }

    /// What the test itself has put there is to stay.
    pub fn sync(&self) {
        told(Command::new("sync").arg("-f").arg(self.path())).expect("a disk that syncs");
    }

    /// From now on nothing reaches the disk, and what was not synced never has.
    pub fn cut(&self) {
        let mut cut = Command::new("python3");
        told(cut.args(["-c", SHUT_DOWN]).arg(self.path())).expect("a file system that can be shut down");
    }

    /// Once nobody has a file of it open any more, it comes back as the journal has it.
    pub fn power_up(&self) {
        told(Command::new("umount").arg(self.path())).expect("a disk that nobody uses");
        self.plug_in().expect("a journal that recovers");
    }

    fn plug_in(&self) -> Result<(), String> {
        let mut mount = Command::new("mount");
        told(mount.args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

fn told(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}
