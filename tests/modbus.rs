//! The Modbus source against a device that others wrote, and against one that misbehaves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineside::record::{Fault, Payload, Reading, Value};
use lineside::source::modbus::{self, Settings};
use lineside::status::SourceStatus;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::park::gateway::Site;
use crate::park::modbus_faults::{Asked, FaultServer, Reaction};

pub const DEADLINE: Duration = Duration::from_secs(20);

/// A running source, heard from its outlet.
pub struct Line {
    pub readings: mpsc::Receiver<Reading>,
    pub status: Arc<SourceStatus>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub struct Heard {
    pub equipment: String,
    pub points: BTreeMap<String, Result<Value, Fault>>,
}

impl Heard {
    pub fn value(&self, point: &str) -> Option<u64> {
        match self.points.get(point) {
            Some(Ok(Value::Uint(number))) => Some(*number),
            _ => None,
        }
    }

    pub fn fault(&self, point: &str) -> Option<&Fault> {
        self.points.get(point)?.as_ref().err()
    }
}

impl Line {
    pub fn start(settings: Settings) -> Self {
        assert_eq!(settings.check(), []);
        let (out, readings) = mpsc::channel(64);
        let (status, stop) = (Arc::<SourceStatus>::default(), CancellationToken::new());
        let task = tokio::spawn(modbus::run(
            "line-1".into(),
            settings,
            out,
            mpsc::channel(1).1,
            mpsc::channel(1).1,
            Arc::clone(&status),
            stop.clone(),
        ));
        Self {
            readings,
            status,
            stop,
            task,
        }
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("no panic");
    }

    pub async fn next(&mut self) -> Heard {
        let reading = timeout(DEADLINE, self.readings.recv())
            .await
            .expect("a reading in time")
            .expect("a live source");
        assert_eq!(&*reading.source, "modbus/line-1");
        let Payload::Poll { equipment, points } = reading.payload else {
            panic!("a poll, not {:?}", reading.payload);
        };
        Heard {
            equipment: equipment.to_string(),
            points: points.into_iter().map(|p| (p.def.name.to_string(), p.value)).collect(),
        }
    }

    /// Readings up to and with the first that is meant.
    pub async fn until(&mut self, is_meant: impl Fn(&Heard) -> bool) -> Vec<Heard> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.next().await);
            if heard.last().is_some_and(&is_meant) {
                return heard;
            }
        }
    }

    pub async fn hear_for(&mut self, time: Duration) -> Vec<Heard> {
        let end = Instant::now() + time;
        let mut heard = Vec::new();
        while Instant::now() < end {
            heard.push(self.next().await);
        }
        heard
    }

    /// The values of one point in the next so many readings; what has none is left out.
    async fn values(&mut self, point: &str, readings: usize) -> Vec<u64> {
        let mut values = Vec::new();
        for _ in 0..readings {
            values.extend(self.next().await.value(point));
        }
        values
    }
}

/// A connection with one device, `m`, that has the point `n` at holding:0.
fn one_device(port: u16, timeout_ms: u64) -> Settings {
    settings(&format!(
        r#"
        url = "tcp://127.0.0.1:{port}"
        timeout = "{timeout_ms}ms"
        device.m = {{ unit = 1, equipment = "M", poll = "20ms", points.n = {{ at = "holding:0", type = "u16" }} }}
        "#
    ))
}

pub fn settings(text: &str) -> Settings {
    toml::from_str(text).expect("well-formed settings")
}

fn is_rising(values: &[u64]) -> bool {
    values.windows(2).all(|pair| pair[0] < pair[1])
}

/// The pymodbus device, killed when the test ends.
pub struct Foreign {
    process: Child,
    pub port: u16,
}

impl Foreign {
    pub fn start() -> Self {
        let (process, port) = Self::spawn(&[]);
        let port = port.parse().expect("its port; is pymodbus installed?");
        Self { process, port }
    }

    /// On a serial line.
    pub fn start_on(path: &str) -> Self {
        let (process, told) = Self::spawn(&[path]);
        assert_eq!(told, path, "is pyserial installed?");
        Self { process, port: 0 }
    }

    pub fn url(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }

    fn spawn(args: &[&str]) -> (Child, String) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/park/modbus_server.py");
        let mut process = Command::new("python3")
            .arg(script)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 with pymodbus is installed");
        let mut told = String::new();
        let out = process.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut told).expect("where it serves");
        (process, told.trim().to_owned())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // It has nothing to save, and may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Points and their values, as `modbus_server.py` lays them out.
pub fn foreign_points() -> Vec<(String, String, Result<Value, Fault>)> {
    let mut points = Vec::new();
    for (kind, first, value) in [
        ("u16", 0, Value::Uint(0xBEEF)),
        ("i16", 10, Value::Int(-12345)),
        ("u32", 20, Value::Uint(0xDEAD_BEEF)),
        ("i32", 30, Value::Int(-123_456_789)),
        ("f32", 40, Value::Float(123_456.0)),
        ("u64", 200, Value::Uint(0xFEDC_BA98_7654_3210)),
        ("i64", 240, Value::Int(-1_234_567_890_123_456_789)),
        ("f64", 280, Value::Float(-std::f64::consts::E)),
    ] {
        let (orders, registers): (&[&str], usize) = match &kind[1..] {
            "16" => (&["AB", "BA"], 1),
            "32" => (&["ABCD", "CDAB", "BADC", "DCBA"], 2),
            _ => (
                &[
                    "ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA", "CDABGHEF", "DCBAHGFE", "EFGHABCD", "FEHGBADC",
                ],
                4,
            ),
        };
        for (area, (index, order)) in ["holding", "input"]
            .iter()
            .flat_map(|a| orders.iter().enumerate().map(move |o| (a, o)))
        {
            let at = first + index * registers;
            let point = format!(r#"{{ at = "{area}:{at}", type = "{kind}", order = "{order}" }}"#);
            points.push((format!("{area}-{kind}-{order}"), point, Ok(value.clone())));
        }
    }
    let text = |text: &str| Ok(Value::Text(text.to_owned()));
    let invalid = Err(Fault::Invalid(String::new()));
    for (name, point, value) in [
        (
            "bcd16",
            r#"{ at = "holding:110", type = "bcd16" }"#,
            Ok(Value::Uint(1234)),
        ),
        (
            "bcd32",
            r#"{ at = "holding:111", type = "bcd32" }"#,
            Ok(Value::Uint(12_345_678)),
        ),
        ("not-bcd", r#"{ at = "holding:113", type = "bcd16" }"#, invalid.clone()),
        ("nan", r#"{ at = "holding:114", type = "f32" }"#, invalid.clone()),
        ("name", r#"{ at = "holding:120", type = "string:8" }"#, text("压机-7")),
        ("text", r#"{ at = "holding:124", type = "string:6" }"#, text("AB C")),
        (
            "swapped",
            r#"{ at = "input:127", type = "string:6", order = "BA" }"#,
            text("AB C"),
        ),
        (
            "upper",
            r#"{ at = "holding:131", type = "string:3", order = "upper" }"#,
            text("AB"),
        ),
        (
            "lower",
            r#"{ at = "holding:134", type = "string:3", order = "lower" }"#,
            text("AB"),
        ),
        ("field", r#"{ at = "holding:0.4..11" }"#, Ok(Value::Uint(0xEE))),
        (
            "volts",
            r#"{ at = "holding:137", type = "u16", exponent = "volts-sf" }"#,
            Ok(Value::Float(230.1)),
        ),
        (
            "volts-sf",
            r#"{ at = "holding:138", type = "i16", invalid = 0x8000 }"#,
            Ok(Value::Int(-1)),
        ),
        (
            "amps",
            r#"{ at = "holding:139", type = "u16", exponent = "amps-sf" }"#,
            invalid.clone(),
        ),
        (
            "amps-sf",
            r#"{ at = "holding:140", type = "i16", invalid = [0x8000, 0x7FFF] }"#,
            invalid.clone(),
        ),
        ("bit-3", r#"{ at = "holding:130.3" }"#, Ok(Value::Bool(true))),
        ("bit-4", r#"{ at = "holding:130.4" }"#, Ok(Value::Bool(false))),
        (
            "scaled",
            r#"{ at = "holding:10", type = "i16", scale = 0.1 }"#,
            Ok(Value::Float(-1234.5)),
        ),
        ("coil-4", r#"{ at = "coil:4" }"#, Ok(Value::Bool(true))),
        ("coil-5", r#"{ at = "coil:5" }"#, Ok(Value::Bool(false))),
        (
            "discrete-15",
            r#"{ at = "discrete:15", type = "bool" }"#,
            Ok(Value::Bool(false)),
        ),
    ] {
        points.push((name.to_owned(), point.to_owned(), value));
    }
    points
}

pub fn foreign_settings(url: &str, of_device: &str) -> Settings {
    let points = foreign_points();
    let points: Vec<String> = points
        .iter()
        .map(|(name, point, _)| format!("{name} = {point}"))
        .collect();
    let points = points.join("\n");
    settings(&format!(
        "url = \"{url}\"\n[device.m]\nunit = 1\nequipment = \"M\"\npoll = \"300ms\"\n{of_device}\n[device.m.points]\n{points}"
    ))
}

#[tokio::test]
async fn every_type_in_every_order_is_read_from_a_device_that_others_wrote() {
    let device = Foreign::start();
    for of_device in ["", "max_registers = 10\nalign = 2\nmax_gap = 0\nmax_bits = 1"] {
        let mut line = Line::start(foreign_settings(&device.url(), of_device));
        assert_all_read(&line.next().await, of_device);
    }
}

pub fn assert_all_read(heard: &Heard, of_device: &str) {
    let expected = foreign_points();
    assert_eq!(heard.points.len(), expected.len());
    for (name, point, value) in expected {
        match (&heard.points[&name], value) {
            (Err(Fault::Invalid(_)), Err(_)) => {}
            (got, value) => assert_eq!(*got, value, "{name} = {point} with {of_device:?}"),
        }
    }
}

#[tokio::test]
async fn a_device_whose_heart_stands_still_is_not_believed() {
    let device = Foreign::start();
    let of_device = "heartbeat = { point = \"bcd16\", within = \"1200ms\" }";
    let mut line = Line::start(foreign_settings(&device.url(), of_device));
    let heard = line.until(|heard| heard.fault("bcd16").is_some()).await;
    let still = Fault::Silent("its heartbeat stands still");
    let last = heard.last().expect("a reading");
    assert!(heard.len() > 2 && last.points.values().all(|value| value.as_ref() == Err(&still)));
    assert!(
        line.status.view().connected,
        "it is the machine that is not there, and not the connection"
    );
}

#[tokio::test]
async fn values_that_change_while_they_are_read_are_read_again() {
    // The sequence word is asked for before and after, and each answer has another number, except for the sixth.
    let server = FaultServer::start(|asked| match asked.number {
        6 => Reaction::AnswerAs(4),
        _ => Reaction::Answer,
    })
    .await;
    let mut line = Line::start(settings(&format!(
        r#"
        url = "tcp://127.0.0.1:{}"
        [device.m]
        unit = 1
        equipment = "M"
        poll = "20ms"
        snapshot = "seq"
        [device.m.points]
        good = {{ at = "holding:0", type = "u16" }}
        seq = {{ at = "holding:1", type = "u16" }}
        "#,
        server.port
    )));
    let heard = line.next().await;
    assert_eq!((heard.value("seq"), heard.value("good")), (Some(4), Some(5)));
    let torn = Fault::Silent("its values changed each time they were read");
    assert_eq!(line.next().await.fault("good"), Some(&torn));
}

#[tokio::test]
async fn a_trial_reads_every_block_once_and_says_what_came_of_it() {
    let device = Foreign::start();
    let mut settings = foreign_settings(&device.url(), "max_gap = 0");
    let beyond = toml::from_str("at = \"holding:500\"\ntype = \"u16\"").expect("a point");
    settings
        .device
        .get_mut("m")
        .expect("the device")
        .points
        .insert("beyond".to_owned(), beyond);
    let modbus::Trials {
        trials,
        refused: learnt,
    } = modbus::try_connect(&settings).await.expect("a connection");
    let refused: Vec<String> = trials
        .iter()
        .filter(|t| t.outcome.is_err())
        .map(ToString::to_string)
        .collect();
    assert_eq!(refused, ["m unit 1 holding:500: illegal data address (02)"]);
    assert!(trials.len() > 5, "{trials:?}");
    let hole = "beyond (holding:500): illegal data address (02)".to_owned();
    assert_eq!(learnt, [("m".to_owned(), hole)]);
}

#[tokio::test]
async fn a_trial_without_a_connection_says_why() {
    let port = unused_port();
    let error = modbus::try_connect(&one_device(port, 500))
        .await
        .expect_err("nobody listens");
    assert!(
        error.contains(&format!("127.0.0.1:{port}")) && error.contains("refused"),
        "{error}"
    );
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next() {
    let server = FaultServer::start(|asked| match asked.number {
        3 | 6 => Reaction::Late(Duration::from_millis(150)),
        _ => Reaction::Answer,
    })
    .await;
    let mut line = Line::start(one_device(server.port, 100));
    let values = line.values("n", 20).await;
    assert!(is_rising(&values) && values.len() == 18, "{values:?}");
    assert!(!values.contains(&3) && !values.contains(&6), "{values:?}");
    assert_eq!(server.connections(), 3, "a connection that owes an answer is given up");
}

#[tokio::test]
async fn answers_that_are_not_ours_are_never_values() {
    for fault in [Reaction::WrongTransaction, Reaction::WrongUnit, Reaction::Close] {
        let server = FaultServer::start(move |asked| if asked.number == 3 { fault } else { Reaction::Answer }).await;
        let mut line = Line::start(one_device(server.port, 1000));
        // The poll is made good over a new connection, so none is missed.
        assert_eq!(line.values("n", 5).await, [1, 2, 4, 5, 6], "{fault:?}");
        assert_eq!(server.connections(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_always_answered_as_another_spoils_its_own_point_only() {
    const POLLS: usize = 150;
    let asked_astray = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked_astray);
    let server = FaultServer::start(move |asked| {
        if asked.start == 100 {
            counter.fetch_add(1, Ordering::SeqCst);
            return Reaction::WrongTransaction;
        }
        Reaction::Answer
    })
    .await;
    let mut line = Line::start(settings(&format!(
        r#"
        url = "tcp://127.0.0.1:{}"
        [device.m]
        unit = 1
        equipment = "M"
        poll = "20ms"
        [device.m.points]
        a = {{ at = "holding:0", type = "u16" }}
        b = {{ at = "holding:100", type = "u16" }}
        c = {{ at = "holding:200", type = "u16" }}
        [device.n]
        unit = 2
        equipment = "N"
        poll = "20ms"
        points.n = {{ at = "holding:0", type = "u16" }}
        "#,
        server.port
    )));
    let stray = Fault::Silent("an answer with another transaction or unit id");
    let (mut polls, mut last) = ([0, 0], 0);
    let started = Instant::now();
    for _ in 0..POLLS {
        let heard = line.next().await;
        if heard.equipment == "N" {
            polls[1] += 1;
            assert!(heard.value("n").is_some(), "{heard:?}");
            continue;
        }
        polls[0] += 1;
        let numbers = ["a", "c"].map(|point| heard.value(point).expect("its own answer"));
        assert!(last < numbers[0] && numbers[0] < numbers[1], "{heard:?} after {last}");
        assert_eq!(heard.fault("b"), Some(&stray));
        last = numbers[1];
    }
    assert!(polls.iter().all(|polls| *polls > POLLS / 4), "{polls:?}");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    // Twice at first, then after pauses of at least 0.5 s, 1 s, 2 s.
    let asked = asked_astray.load(Ordering::SeqCst);
    assert!((3..=5).contains(&asked), "{asked} times in {took:?}");
    assert!(
        server.connections() <= asked + 1,
        "{} connections",
        server.connections()
    );
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let server = FaultServer::start(|asked| match asked.number {
        3 => Reaction::HalfFrame,
        5 => Reaction::ShortAnswer,
        _ => Reaction::Answer,
    })
    .await;
    let mut line = Line::start(one_device(server.port, 100));
    assert_eq!(line.values("n", 2).await, [1, 2]);
    assert_eq!(line.next().await.fault("n"), Some(&Fault::Silent("timeout")));
    assert_eq!(line.values("n", 1).await, [4]);
    assert!(matches!(line.next().await.fault("n"), Some(Fault::Invalid(_))));
    assert_eq!(line.values("n", 1).await, [6]);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_never_answers_is_tried_with_pauses() {
    let server = FaultServer::start(|_| Reaction::Close).await;
    let mut line = Line::start(one_device(server.port, 1000));
    assert_eq!(line.next().await.fault("n"), Some(&Fault::Silent("connection lost")));
    failed_polls(&line, 10).await;
    assert!(server.connections() <= 2, "{} connections", server.connections());
}

#[tokio::test]
async fn a_register_that_is_not_there_spoils_its_own_point_only() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let server = FaultServer::start(move |asked| {
        let last = asked.start + (asked.count - 1);
        heard
            .lock()
            .expect("no panic under it")
            .push(format!("{}..{last}", asked.start));
        if (asked.start..=last).contains(&101) {
            Reaction::Exception(2)
        } else {
            Reaction::Answer
        }
    })
    .await;
    let mut line = Line::start(settings(&format!(
        r#"
        url = "tcp://127.0.0.1:{}"
        [device.m]
        unit = 1
        equipment = "M"
        poll = "20ms"
        [device.m.points]
        a = {{ at = "holding:100", type = "u16" }}
        b = {{ at = "holding:101", type = "u16" }}
        c = {{ at = "holding:102", type = "u16" }}
        d = {{ at = "holding:200", type = "u16" }}
        "#,
        server.port
    )));
    let hole = Fault::Invalid("illegal data address (02) at holding:101".to_owned());
    for _ in 0..3 {
        let heard = line.next().await;
        for point in ["a", "c", "d"] {
            assert!(heard.value(point).is_some(), "{point}: {heard:?}");
        }
        assert_eq!(heard.fault("b"), Some(&hole));
    }
    let asked = asked.lock().expect("no panic under it");
    let whole_then_halves = ["100..102", "100..100", "101..102", "101..101", "102..102", "200..200"];
    assert_eq!(asked[..6], whole_then_halves);
    assert_eq!(asked[6..9], ["100..100", "102..102", "200..200"], "the hole is known");
    let device = &line.status.view().devices["m"];
    assert!(device.answers);
    assert_eq!(device.refused, ["b (holding:101): illegal data address (02)"]);
    assert_eq!(device.requests.len(), 3);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_a_device_refuses_is_shown_with_its_equipment() {
    let server = FaultServer::start(|asked| match asked.start {
        // Registers 0 to 9 without 5.
        start if (start..start + asked.count).contains(&5) => Reaction::Exception(2),
        _ => Reaction::Answer,
    })
    .await;
    let site = Site::new(&format!(
        r#"
        [modbus.line-1]
        url = "tcp://127.0.0.1:{}"
        [modbus.line-1.device.m]
        unit = 1
        equipment = "M"
        poll = "100ms"
        [modbus.line-1.device.m.points]
        a = {{ at = "holding:0", type = "u16" }}
        b = {{ at = "holding:5", type = "u16" }}
        c = {{ at = "holding:9", type = "u16" }}
        "#,
        server.port
    ));
    let hole = "b (holding:5): illegal data address (02)";
    let (config, program) = (site.config(), env!("CARGO_BIN_EXE_lineside"));
    let check = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(program);
        command
            .args(["check", "--connect", "--config"])
            .arg(config)
            .output()
            .expect("it runs")
    });
    let output = check.await.expect("no panic");
    let told = String::from_utf8_lossy(&output.stdout);
    for line in [
        &format!("modbus/line-1: m: {hole}"),
        "modbus/line-1: m unit 1 holding:0: works",
        "modbus/line-1: m unit 1 holding:5: FAILS: illegal data address (02)",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }

    let _gateway = site.start().await;
    let is_learnt = |all: &serde_json::Value| all["M"]["device"]["refused"] == serde_json::json!([hole]);
    let all = site.shows("equipment", "what was learnt", is_learnt).await;
    let machine = &all["M"];
    assert_eq!(
        machine["device"]["requests"],
        serde_json::json!(["unit 1 holding:0: a", "unit 1 holding:9: c"])
    );
    assert_eq!(machine["points"]["a"]["quality"], "good");
    assert_eq!(machine["points"]["b"]["quality"], "bad");
    assert_eq!(
        machine["points"]["b"]["reason"],
        "illegal data address (02) at holding:5"
    );
}

#[tokio::test]
async fn a_busy_device_is_asked_again_over_the_same_connection() {
    let server = FaultServer::start(|asked| match asked.number {
        2 | 3 | 6.. => Reaction::Exception(6),
        _ => Reaction::Answer,
    })
    .await;
    let mut line = Line::start(one_device(server.port, 1000));
    assert_eq!(line.values("n", 3).await, [1, 4, 5]);
    assert_eq!(line.next().await.fault("n"), Some(&Fault::Silent("device busy (06)")));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_evicted_connection_is_made_again_without_losing_a_poll() {
    let server = FaultServer::start_single(|_| Reaction::Answer).await;
    let mut line = Line::start(one_device(server.port, 1000));
    line.values("n", 2).await;
    let _other = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .expect("the other master");
    let values = line.values("n", 10).await;
    assert!(values.len() == 10 && is_rising(&values), "{values:?}");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_silent_unit_leaves_the_time_to_the_others() {
    let asked_of_silent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked_of_silent);
    let server = FaultServer::start(move |asked: Asked| {
        if asked.unit == 2 {
            counter.fetch_add(1, Ordering::SeqCst);
            return Reaction::Silence;
        }
        Reaction::Answer
    })
    .await;
    let mut line = Line::start(settings(&format!(
        r#"
        url = "tcp://127.0.0.1:{}"
        timeout = "300ms"
        device.well = {{ unit = 1, equipment = "WELL", poll = "50ms", points.n = {{ at = "holding:0", type = "u16" }} }}
        device.dead = {{ unit = 2, equipment = "DEAD", poll = "50ms", points.n = {{ at = "holding:0", type = "u16" }} }}
        "#,
        server.port
    )));
    let heard = line.until(|heard| heard.equipment == "DEAD").await;
    assert_eq!(heard.last().and_then(|h| h.fault("n")), Some(&Fault::Silent("timeout")));
    let before = Instant::now();
    for _ in 0..30 {
        assert_eq!(line.next().await.equipment, "WELL", "silence is told once");
    }
    // At its own pace 30 polls take 1.5 s; waiting for the other in between they would take more than 9 s.
    assert!(before.elapsed() < Duration::from_secs(4), "{:?}", before.elapsed());
    assert_eq!(asked_of_silent.load(Ordering::SeqCst), 2);
    let devices = line.status.view().devices;
    assert!(devices["well"].answers && !devices["dead"].answers);
}

#[tokio::test]
async fn a_device_that_comes_up_later_is_found() {
    let port = unused_port();
    let mut line = Line::start(one_device(port, 500));
    assert_eq!(line.next().await.fault("n"), Some(&Fault::Silent("connection refused")));
    failed_polls(&line, 5).await;
    assert!(!line.status.view().connected);
    let _server = FaultServer::start_on(port, |_| Reaction::Answer).await;
    assert_eq!(
        line.next().await.value("n"),
        Some(1),
        "the failure was told once, the next reading has a value"
    );
    assert!(line.status.view().connected);
}

#[tokio::test]
async fn a_source_ends_when_told_also_while_it_waits_for_an_answer() {
    let server = FaultServer::start(|asked| {
        if asked.number == 1 {
            Reaction::Answer
        } else {
            Reaction::Silence
        }
    })
    .await;
    let mut line = Line::start(one_device(server.port, 60_000));
    line.next().await;
    line.stop.cancel();
    timeout(Duration::from_secs(1), line.task)
        .await
        .expect("an end in time")
        .expect("no panic");
}

/// Returns when so many polls have failed.
async fn failed_polls(line: &Line, polls: u64) {
    let reached = async {
        while line
            .status
            .view()
            .devices
            .get("m")
            .is_none_or(|d| d.failed_polls < polls)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, reached).await.expect("failed polls in time");
}

/// A port on which nobody listens now.
fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port()
}
