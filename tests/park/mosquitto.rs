//! A real broker of our own: mosquitto on a free loopback port, killed on drop. Messages are published by its own client.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tempfile::TempDir;

use super::{free_port, until};

pub struct Mosquitto {
    pub port: u16,
    process: Option<Child>,
    dir: TempDir,
    /// Lines of its configuration, for its next start.
    pub settings: String,
}

impl Mosquitto {
    pub async fn start() -> Self {
        Self::start_with("allow_anonymous true").await
    }

    /// With these lines in its configuration.
    pub async fn start_with(settings: &str) -> Self {
        let mut broker = Self::not_started();
        settings.clone_into(&mut broker.settings);
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
            settings: "allow_anonymous true".to_owned(),
        }
    }

    /// On the same port as before; sessions are forgotten, as they are when a broker's disk was replaced.
    pub async fn start_again(&mut self) {
        let config = self.dir.path().join("mosquitto.conf");
        let text = format!(
            "user root\npersistence false\nmax_queued_messages 0\nlistener {} 127.0.0.1\n{}\n",
            self.port, self.settings
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
        let mut publisher = self.publisher(topic, &["-l"]);
        publisher.say(lines);
        publisher.finish();
    }

    /// Publishes one message that the broker keeps for who subscribes later.
    pub fn retain(&self, topic: &str, body: &str) {
        self.publish_whole(topic, body.as_bytes(), &["-r"]);
    }

    /// The same on many topics, over one connection.
    pub async fn retain_each(&self, topics: &[String], body: &str) {
        let options = MqttOptions::new("retainer", "127.0.0.1", self.port);
        let (client, mut events) = AsyncClient::new(options, 10);
        let say = async {
            for topic in topics {
                let said = client.publish(topic, QoS::AtLeastOnce, true, body).await;
                said.expect("the client lives");
            }
        };
        let hear = async {
            let mut unanswered = topics.len();
            while unanswered > 0 {
                if let Event::Incoming(Packet::PubAck(_)) = events.poll().await.expect("the broker lives") {
                    unanswered -= 1;
                }
            }
        };
        tokio::join!(say, hear);
    }

    /// Publishes one message of any bytes.
    pub fn publish_whole(&self, topic: &str, body: &[u8], more: &[&str]) {
        let mut publisher = self.publisher(topic, &[&["-s"], more].concat());
        publisher.input.write_all(body).expect("the client reads");
        publisher.finish();
    }

    /// What the broker keeps of a topic.
    pub fn kept(&self, topic: &str) -> String {
        let told = Command::new("mosquitto_sub")
            .args([
                "-h",
                "127.0.0.1",
                "-C",
                "1",
                "-W",
                "10",
                "-t",
                topic,
                "-p",
                &self.port.to_string(),
            ])
            .output()
            .unwrap_or_else(|e| missing(&e));
        String::from_utf8(told.stdout).expect("text").trim().to_owned()
    }

    /// A client that publishes what it is told, at `QoS` 1.
    pub fn publisher(&self, topic: &str, more: &[&str]) -> Publisher {
        let mut client = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-q", "1", "-t", topic, "-p", &self.port.to_string()])
            .args(more)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| missing(&e));
        let input = client.stdin.take().expect("is piped");
        Publisher { client, input }
    }
}

pub struct Publisher {
    client: Child,
    input: ChildStdin,
}

impl Publisher {
    /// Each line is a message of its own.
    pub fn say(&mut self, lines: &[String]) {
        let text = lines.join("\n") + "\n";
        self.input.write_all(text.as_bytes()).expect("the client reads");
    }

    /// Returns after the broker has acknowledged everything.
    pub fn finish(self) {
        let Self { mut client, input } = self;
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
