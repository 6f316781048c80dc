//! A real broker of our own: mosquitto on a free loopback port, killed on drop. Messages are published by its own client.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{free_port, until};

pub struct Mosquitto {
    pub port: u16,
    process: Option<Child>,
    dir: TempDir,
}

impl Mosquitto {
    pub async fn start() -> Self {
        let mut broker = Self::not_started();
        broker.start_again().await;
        broker
    }

    /// A port where a broker will be.
    pub fn not_started() -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().expect("a temporary folder"));
        Self {
            port,
            process: None,
            dir,
        }
    }

    /// On the same port as before; sessions are forgotten, as they are when a broker's disk was replaced.
    pub async fn start_again(&mut self) {
        let config = self.dir.path().join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nuser root\n",
            self.port
        );
        std::fs::write(&config, text).expect("a configuration");
        let spawned = Command::new("mosquitto")
            .arg("-c")
            .arg(&config)
            .env("PATH", path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(spawned.unwrap_or_else(|e| missing(&e)));
        until("mosquitto", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.ok()
        })
        .await;
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }

    /// Publishes each line as a message of its own at `QoS` 1; returns after the broker has acknowledged them all.
    pub fn publish(&self, topic: &str, lines: &[String]) {
        let mut client = Command::new("mosquitto_pub")
            .args([
                "-h",
                "127.0.0.1",
                "-q",
                "1",
                "-l",
                "-t",
                topic,
                "-p",
                &self.port.to_string(),
            ])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| missing(&e));
        let mut input = client.stdin.take().expect("is piped");
        input
            .write_all((lines.join("\n") + "\n").as_bytes())
            .expect("the client reads");
        drop(input);
        assert!(client.wait().expect("it ends").success(), "not all was acknowledged");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Distributions put servers where a plain user's path does not lead.
fn path() -> String {
    format!(
        "{}:/usr/sbin:/usr/local/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}

fn missing(error: &std::io::Error) -> ! {
    panic!("cannot run mosquitto ({error}): these tests need the packages mosquitto and mosquitto-clients")
}
