//! A gateway as it is installed: the built program, a configuration file, a data folder. It can be stopped, killed like a
//! power cut, and started again on the same data.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use chrono::Utc;
use lineside::buffer::{Buffer, Commit};
use lineside::clock::Zone;
use lineside::config;
use lineside::record::{Kind, Record};
use lineside::status::Status;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::{PATIENCE, free_port, until};

/// Where a gateway is installed.
pub struct Site {
    dir: TempDir,
    web_port: u16,
    window: String,
    /// Requests of one client: per second, and at once.
    rate: (u32, u32),
    client: reqwest::Client,
}

impl Site {
    /// With these sections beside `[gateway]` and `[web]`.
    pub fn new(sections: &str) -> Self {
        // Another test of this process may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let site = Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            web_port: free_port(),
            window: String::new(),
            // Tests look again and again.
            rate: (10_000, 10_000),
            client: reqwest::Client::new(),
        };
        fs::create_dir(site.data()).expect("a data folder");
        site.configure(sections);
        site
    }

    /// Takes effect at the next start.
    pub fn configure(&self, sections: &str) {
        let text = format!(
            "[gateway]\nid = \"shop-1\"\ndata_dir = \"data\"\ntimezone = \"Asia/Shanghai\"\n\n[web]\nlisten = \"127.0.0.1:{}\"\nrate_limit = {{ per_second = {}, burst = {} }}\n{}\n{sections}",
            self.web_port, self.rate.0, self.rate.1, self.window
        );
        self.write("lineside.toml", &text);
    }

    /// Further settings of `[web]`; takes effect with the next [`Site::configure`].
    pub fn set_window(&mut self, settings: &str) {
        settings.clone_into(&mut self.window);
    }

    /// Requests that one client may make; takes effect with the next [`Site::configure`].
    pub fn set_rate(&mut self, per_second: u32, burst: u32) {
        self.rate = (per_second, burst);
    }

    pub fn web_port(&self) -> u16 {
        self.web_port
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).expect("a file of the site");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("lineside.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// As if this had been pulled a moment ago: order `WO-1` of two processes, the closed `WO-9`, worker `W1`.
    pub fn know_an_order(&self) {
        let processes = json!([
            {"process_code": "10", "process_name": "冲压", "sequence": 1},
            {"process_code": "20", "process_name": "装配", "sequence": 2}
        ]);
        let snapshot = json!({
            "version": "1",
            "orders": [
                {"order_no": "WO-1", "status": 2, "order_quantity": "1000000000000", "processes": processes},
                {"order_no": "WO-9", "status": 5, "order_quantity": "100", "processes": processes}
            ],
            "workers": [{"worker_no": "W1", "name": "王师傅"}, {"worker_no": "Q1", "name": "李", "skills": ["质检"]}],
            "reasons": [{"code": "D1", "name": "毛刺", "kind": "scrap"}]
        });
        self.know(&snapshot);
    }

    /// As if this had been pulled a moment ago.
    pub fn know(&self, snapshot: &Value) {
        let kept = json!({"confirmed_at": Utc::now(), "snapshot": snapshot});
        fs::write(self.data().join("reference.json"), kept.to_string()).expect("reference data");
    }

    /// Lets the data lie elsewhere from the next start on.
    pub fn move_data(&self, to: &std::path::Path) {
        let data = to.join("data");
        fs::create_dir(&data).expect("a data folder");
        for file in fs::read_dir(self.data()).expect("a data folder") {
            let file = file.expect("a file");
            fs::copy(file.path(), data.join(file.file_name())).expect("a copy");
        }
        fs::remove_dir_all(self.data()).expect("an old data folder");
        std::os::unix::fs::symlink(&data, self.data()).expect("a link");
    }

    /// Puts records into the buffer of the stopped gateway; returns their ids.
    pub async fn fill(&self, kind: Kind, count: usize) -> Vec<String> {
        let settings = config::load(&self.config()).unwrap_or_else(|e| panic!("{e}")).buffer;
        let (buffer, writer) = tokio::task::spawn_blocking(move || Buffer::open(settings, Status::default()))
            .await
            .expect("no panic")
            .expect("the buffer opens");
        let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
        let record = |(nth, id): (usize, &Uuid)| {
            Record::encode(kind, *id, Utc::now(), Zone::UTC, "test", &json!({"number": nth}))
        };
        let commit = Commit {
            records: ids.iter().enumerate().map(record).collect(),
            generation: buffer.generation(),
            ..Commit::default()
        };
        buffer.submit(commit).await.expect("the buffer takes it");
        drop(buffer);
        tokio::task::spawn_blocking(move || writer.finish())
            .await
            .expect("no panic");
        ids.iter().map(Uuid::to_string).collect()
    }

    /// Starts the gateway and waits until it is ready.
    pub async fn start(&self) -> Daemon {
        let daemon = self.spawn();
        self.answers("readyz", &daemon).await;
        daemon
    }

    /// Starts the gateway and waits until it lives: on a full disk it is never ready.
    pub async fn start_unready(&self) -> Daemon {
        let daemon = self.spawn();
        self.answers("healthz", &daemon).await;
        daemon
    }

    pub fn spawn(&self) -> Daemon {
        let log = self.path("log");
        let file = fs::File::create(&log).expect("a log");
        let mut command = self.program();
        let process = command
            .args(["run", "--config"])
            .arg(self.config())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the built program");
        Daemon { process, log }
    }

    async fn answers(&self, path: &str, daemon: &Daemon) {
        let started = Instant::now();
        let url = format!("http://127.0.0.1:{}/{path}", self.web_port);
        until("the gateway", async || {
            let answer = self.client.get(&url).send().await;
            let is_late = started.elapsed() > PATIENCE / 2;
            assert!(!is_late, "not at /{path}: {answer:?}\n{}", daemon.log());
            answer.ok().filter(|answer| answer.status().is_success())
        })
        .await;
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
        command.current_dir(self.dir.path());
        command
    }

    /// Runs a command of the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.program().args(arguments).output().expect("the built program")
    }

    /// What a command prints; it has to succeed.
    pub fn prints(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Where a part of the API is.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/api/v1/{path}", self.web_port)
    }

    /// Where a page is.
    pub fn page(&self, at: &str) -> String {
        format!("http://127.0.0.1:{}{at}", self.web_port)
    }

    /// Where live values are told.
    pub fn live_url(&self) -> String {
        self.url("live").replacen("http", "ws", 1)
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self
            .client
            .get(self.url(path))
            .send()
            .await
            .expect("the gateway answers");
        let bytes = answer.bytes().await.expect("a whole answer");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// What is answered at this address of the window, as it is.
    pub async fn fetch(&self, path: &str) -> reqwest::Response {
        let url = format!("http://127.0.0.1:{}{path}", self.web_port);
        self.client.get(url).send().await.expect("the gateway answers")
    }

    /// Hands something in, as who may; the status and the body of the answer.
    pub async fn hand_in(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post(path, &self.control_token(), body).await
    }

    /// What the gateway's own machine may change things with.
    pub fn control_token(&self) -> String {
        fs::read_to_string(self.data().join("control-token")).expect("a control token")
    }

    /// A change, by who has this token; the status and the body of the answer.
    pub async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let asked = self
            .client
            .post(self.url(path))
            .bearer_auth(token)
            .body(body.to_string());
        let answer = asked.send().await.expect("the gateway answers");
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.expect("a whole answer");
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    /// Looks at a part of the API until it is as wanted.
    pub async fn shows(&self, path: &str, what: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        until(what, async || Some(self.get(path).await).filter(&is_wanted)).await
    }

    /// Nothing waits for the upstream any more.
    pub async fn delivered(&self, upstream: &str) {
        let is_done = |status: &Value| {
            let waiting = &status["upstreams"][upstream]["waiting"];
            waiting["report"] == 0 && waiting["telemetry"] == 0
        };
        self.shows("status", &format!("{upstream} to have everything"), is_done)
            .await;
    }

    /// The broker's session is there: what is published from now on is for us.
    pub async fn connected(&self, source: &str) {
        let is_up = |status: &Value| status["sources"][source]["connected"] == true;
        self.shows("status", &format!("{source} to be connected"), is_up).await;
    }

    /// The records of a lane, as they travel.
    pub async fn records(&self, lane: &str) -> Vec<Value> {
        let page = self.get(&format!("buffer/records?lane={lane}")).await;
        page["messages"].as_array().expect("messages").clone()
    }

    /// The work reports among the records, as they travel.
    pub async fn work_reports(&self) -> Vec<Value> {
        let records = self.records("report").await.into_iter();
        records
            .filter(|record| record["message_type"] == "WORK_REPORT_SUBMITTED")
            .collect()
    }
}

/// What a process holds of the machine.
#[derive(Debug)]
pub struct Held {
    pub threads: u64,
    pub files: u64,
    pub memory_kib: u64,
}

/// A gateway that runs; killed on drop.
pub struct Daemon {
    process: Child,
    log: PathBuf,
}

impl Daemon {
    /// As if the power went.
    pub fn kill(mut self) {
        self.end();
    }

    /// As systemd does it: what is under way is finished first.
    pub fn stop(mut self) -> ExitStatus {
        let told = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(told.expect("kill, of the package procps").success());
        self.process.wait().expect("it ends")
    }

    /// What it has taken of the processors.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        // Behind the name, which may have spaces: user and system time in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let hundredths = |nth: usize| -> u64 { fields[nth].parse().expect("a number") };
        Duration::from_millis(10 * (hundredths(11) + hundredths(12)))
    }

    /// What it has open, and what it takes.
    pub fn holds(&self) -> Held {
        let process = PathBuf::from(format!("/proc/{}", self.process.id()));
        let status = fs::read_to_string(process.join("status")).expect("it runs");
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let number = |name: &str| {
            let number = line(name)?.split_whitespace().next()?;
            number.parse().ok()
        };
        let files = fs::read_dir(process.join("fd")).expect("it runs").count();
        Held {
            threads: number("Threads:").expect("a number"),
            files: u64::try_from(files).expect("few"),
            memory_kib: number("VmRSS:").expect("a number"),
        }
    }

    fn end(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether the log has it.
    pub fn told(&self, what: &str) -> bool {
        self.log().contains(what)
    }

    /// As a terminal does that goes away, or who has renewed a certificate.
    pub fn hang_up(&self) {
        let told = Command::new("kill")
            .args(["-HUP", &self.process.id().to_string()])
            .status();
        assert!(told.expect("kill, of the package procps").success());
    }

    /// What everyone on the machine can read of the process.
    pub fn assert_no_argument_has(&self, secret: &str) {
        let arguments = fs::read(format!("/proc/{}/cmdline", self.process.id())).expect("a running process");
        assert!(!String::from_utf8_lossy(&arguments).contains(secret));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("the gateway's log:\n{}", self.log());
        }
    }
}
