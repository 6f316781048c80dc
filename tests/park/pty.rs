//! A serial line between two programs: two pseudo-terminals that socat joins.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::until;

pub struct SerialLine {
    socat: Child,
    folder: TempDir,
}

impl SerialLine {
    pub async fn lay() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socat = join(&folder);
        let line = Self { socat, folder };
        line.exists().await;
        line
    }

    /// Pulls it out and plugs it in again.
    pub async fn replug(&mut self) {
        self.cut();
        self.socat = join(&self.folder);
        self.exists().await;
    }

    fn cut(&mut self) {
        // Killed, it would leave its links behind; it may have ended by itself.
        let _ = Command::new("kill").arg(self.socat.id().to_string()).status();
        let _ = self.socat.wait();
    }

    /// One of the two ends.
    pub fn end(&self, name: &str) -> String {
        end(&self.folder, name).display().to_string()
    }

    async fn exists(&self) {
        until("the serial line", async || {
            ["ours", "theirs"]
                .iter()
                .all(|name| end(&self.folder, name).exists())
                .then_some(())
        })
        .await;
    }
}

fn end(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

fn join(folder: &TempDir) -> Child {
    let terminal = |name| format!("pty,raw,echo=0,link={}", end(folder, name).display());
    Command::new("socat")
        .args([terminal("ours"), terminal("theirs")])
        .stderr(Stdio::null())
        .spawn()
        .expect("socat is installed")
}

impl Drop for SerialLine {
    fn drop(&mut self) {
        self.cut();
    }
}
