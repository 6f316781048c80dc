//! Modbus RTU: on a serial line with a device that others wrote, and behind a device server with a bus that misbehaves.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineside::record::Fault;
use lineside::source::modbus::Settings;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::modbus::{Foreign, Line, assert_all_read, foreign_settings, settings};
use crate::park::modbus_faults::{FaultServer, Reaction};
use crate::park::modbus_rtu::{Mischief, RtuBus};
use crate::park::pty::SerialLine;

/// A device with three requests whose answers are all alike.
fn three_alike(port: u16) -> Settings {
    settings(&format!(
        r#"
        url = "rtu-tcp://127.0.0.1:{port}?baud=921600"
        timeout = "60ms"
        [device.m]
        unit = 1
        equipment = "M"
        poll = "20ms"
        [device.m.points]
        a = {{ at = "holding:0", type = "u16" }}
        b = {{ at = "holding:100", type = "u16" }}
        c = {{ at = "holding:200", type = "u16" }}
        "#
    ))
}

const POINTS: [(&str, u16); 3] = [("a", 0), ("b", 100), ("c", 200)];

/// Everything that can happen to an answer, and whether its values may still be believed.
fn any_mischief(random: &mut fastrand::Rng) -> (Mischief, bool) {
    match random.u8(..8) {
        0 => (Mischief::Late(Duration::from_millis(random.u64(80..200))), false),
        1 => (Mischief::Twice(Duration::ZERO), true),
        2 => (Mischief::Twice(Duration::from_millis(random.u64(1..40))), true),
        3 => (Mischief::Truncated, false),
        4 => (Mischief::Corrupted(random.usize(..7)), false),
        5 => (Mischief::WrongUnit, false),
        6 => (Mischief::WrongLength, false),
        _ => (Mischief::Silence, false),
    }
}

/// Hears a bus on which one answer of three is spoilt, until there were so many, and looks at every value.
async fn hear_mischief(seed: u64, mischiefs_wanted: usize) -> usize {
    let spoilt = Arc::new(Mutex::new(BTreeSet::new()));
    let mischiefs = Arc::new(AtomicUsize::new(0));
    let random = Mutex::new(fastrand::Rng::with_seed(seed));
    let (of_server, count) = (Arc::clone(&spoilt), Arc::clone(&mischiefs));
    let bus = RtuBus::start(move |asked| {
        let mut random = random.lock().expect("no panic under it");
        if random.u8(..3) > 0 {
            return Mischief::Answer;
        }
        count.fetch_add(1, Ordering::SeqCst);
        let (mischief, is_believable) = any_mischief(&mut random);
        if !is_believable {
            of_server
                .lock()
                .expect("no panic under it")
                .insert(u64::from(asked.number));
        }
        mischief
    })
    .await;
    let mut line = Line::start(three_alike(bus.port));
    let (mut values, mut last) = (0, 0);
    while mischiefs.load(Ordering::SeqCst) < mischiefs_wanted {
        let heard = line.next().await;
        let values_of = POINTS
            .iter()
            .filter_map(|(point, start)| Some((heard.value(point)?, *point, *start)));
        let mut heard_now: Vec<_> = values_of.collect();
        // After a poll that brought nothing the next one begins with another block.
        heard_now.sort_unstable();
        for (number, point, start) in heard_now {
            let told = format!("seed {seed}: {point} = {number}, the last was {last}");
            assert!(number > last, "an answer to an earlier request; {told}");
            assert!(
                !spoilt.lock().expect("no panic under it").contains(&number),
                "a spoilt answer; {told}"
            );
            let asked = bus.log()[usize::try_from(number - 1).expect("a short test")];
            assert_eq!(asked.start, start, "an answer to another request; {told}");
            (last, values) = (number, values + 1);
        }
    }
    values
}

#[tokio::test]
async fn of_a_thousand_spoilt_answers_none_becomes_a_value() {
    let seed = fastrand::u64(..);
    let mut buses = JoinSet::new();
    for bus in 0..10 {
        buses.spawn(hear_mischief(seed.wrapping_add(bus), 100));
    }
    let values = buses.join_all().await;
    assert!(values.iter().all(|values| *values > 20), "seed {seed}: {values:?}");
}

#[tokio::test]
async fn a_late_answer_of_one_unit_is_not_that_of_another() {
    let bus = RtuBus::start(|asked| match (asked.unit, asked.number) {
        (2, number) if number % 3 == 0 => Mischief::Late(Duration::from_millis(100)),
        _ => Mischief::Answer,
    })
    .await;
    let mut line = Line::start(settings(&format!(
        r#"
        url = "rtu-tcp://127.0.0.1:{}?baud=115200"
        timeout = "60ms"
        device.a = {{ unit = 1, equipment = "A", poll = "10ms", points.n = {{ at = "holding:0", type = "u16" }} }}
        device.b = {{ unit = 2, equipment = "B", poll = "10ms", points.n = {{ at = "holding:0", type = "u16" }} }}
        "#,
        bus.port
    )));
    for _ in 0..60 {
        let heard = line.next().await;
        let unit = if heard.equipment == "A" { 1 } else { 2 };
        if let Some(number) = heard.value("n") {
            let asked = bus.log()[usize::try_from(number - 1).expect("a short test")];
            assert_eq!(asked.unit, unit, "{heard:?}");
        }
    }
    assert_eq!(bus.connections(), 1, "a late answer is no reason to connect again");
}

#[tokio::test]
async fn a_device_with_no_register_to_spare_is_not_fooled_by_doubled_answers() {
    let bus = RtuBus::start(|asked| match asked.count {
        1 if asked.number % 5 == 0 => Mischief::Twice(Duration::from_millis(20)),
        1 => Mischief::Answer,
        _ => Mischief::Exception(2),
    })
    .await;
    let mut line = Line::start(three_alike(bus.port));
    let mut last = 0;
    for _ in 0..40 {
        let heard = line.next().await;
        for (point, start) in POINTS {
            let number = heard.value(point).expect("no answer was lost");
            let asked = bus.log()[usize::try_from(number - 1).expect("a short test")];
            assert!(number > last && asked.start == start, "{heard:?} after {last}");
            last = number;
        }
    }
    let view = line.status.view();
    assert_eq!(
        view.devices["m"].refused, [""; 0],
        "what was read along is not what was wanted"
    );
}

#[tokio::test]
async fn answers_may_come_byte_by_byte() {
    let bus = RtuBus::start(|_| Mischief::Dribbled).await;
    let mut line = Line::start(three_alike(bus.port));
    let heard = line.next().await;
    assert_eq!(POINTS.map(|(point, _)| heard.value(point)), [Some(1), Some(2), Some(3)]);
}

#[tokio::test]
async fn a_dead_unit_of_eight_costs_the_others_next_to_nothing() {
    // 19,200 baud with 11 bits a character: a request for ten registers and its answer are 33 characters, 19 ms.
    let byte_time = Duration::from_secs(1) * 11 / 19_200;
    let bus = RtuBus::start_with(byte_time, |asked| match asked.unit {
        8 => Mischief::Silence,
        _ => Mischief::Late(Duration::from_millis(5)),
    })
    .await;
    let mut text = format!(
        "url = \"rtu-tcp://127.0.0.1:{}?baud=19200\"\ntimeout = \"500ms\"\n",
        bus.port
    );
    for unit in 1..=8 {
        writeln!(
            text,
            "device.m{unit} = {{ unit = {unit}, equipment = \"M{unit}\", poll = \"400ms\", \
             points.n = {{ at = \"holding:0\", type = \"string:20\" }} }}"
        )
        .expect("text");
    }
    let mut line = Line::start(settings(&text));
    // The unit is found dead by its first two polls.
    line.hear_for(Duration::from_secs(3)).await;
    let started = Instant::now();
    let heard = line.hear_for(Duration::from_secs(12)).await;
    let wanted = started.elapsed().as_secs_f64() / 0.4;
    for unit in 1..8 {
        let polls = heard
            .iter()
            .filter(|heard| heard.equipment == format!("M{unit}"))
            .count();
        let rate = f64::from(u32::try_from(polls).expect("few")) / wanted;
        assert!(rate > 0.95, "unit {unit} is polled at {rate:.2} of its rate");
    }
    let asked = bus.log();
    let of_the_dead = asked.iter().filter(|asked| asked.unit == 8).count();
    assert!(
        (3..12).contains(&of_the_dead),
        "asked {of_the_dead} times of {}",
        asked.len()
    );
    let devices = line.status.view().devices;
    assert!(
        devices["m8"].resting && devices["m1"].answers && devices["m1"].failed_polls == 0,
        "{devices:?}"
    );
}

#[tokio::test]
async fn every_type_in_every_order_is_read_over_a_serial_line() {
    let serial = SerialLine::lay().await;
    let _device = Foreign::start_on(&serial.end("theirs"));
    let url = format!("rtu://{}?baud=115200&parity=none", serial.end("ours"));
    for of_device in ["", "max_registers = 10\nalign = 2\nmax_gap = 0\nmax_bits = 1"] {
        let mut line = Line::start(foreign_settings(&url, of_device));
        assert_all_read(&line.next().await, of_device);
        line.end().await;
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_switched_for_rs_485_is_not_used_as_if_it_were() {
    let serial = SerialLine::lay().await;
    let mut line = Line::start(settings(&format!(
        r#"
        url = "rtu://{}?rs485=on"
        device.m = {{ unit = 1, equipment = "M", poll = "50ms", points.n = {{ at = "holding:0", type = "u16" }} }}
        "#,
        serial.end("ours")
    )));
    let heard = line.next().await;
    assert_eq!(heard.fault("n"), Some(&Fault::Silent("cannot connect")));
    let error = line.status.view().last_error.expect("why");
    assert!(error.contains("does not switch RTS for RS-485"), "{error}");
}

#[tokio::test]
async fn a_serial_line_that_was_pulled_out_is_found_again() {
    let mut serial = SerialLine::lay().await;
    let device = Foreign::start_on(&serial.end("theirs"));
    let mut line = Line::start(settings(&format!(
        r#"
        url = "rtu://{}?baud=115200&parity=none"
        timeout = "300ms"
        device.m = {{ unit = 1, equipment = "M", poll = "50ms", points.n = {{ at = "holding:0", type = "u16" }} }}
        "#,
        serial.end("ours")
    )));
    assert_eq!(line.next().await.value("n"), Some(0xBEEF));
    drop(device);
    serial.replug().await;
    line.until(|heard| matches!(heard.fault("n"), Some(Fault::Silent(_))))
        .await;
    let _device = Foreign::start_on(&serial.end("theirs"));
    line.until(|heard| heard.value("n") == Some(0xBEEF)).await;
}

/// What the command says of a device: its exit code, what it prints, what it complains about.
async fn probe(url: String, args: &'static [&'static str]) -> (Option<i32>, String, String) {
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
        let output = command.args(["probe", "modbus", &url]).args(args).output();
        let output = output.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    tokio::task::spawn_blocking(run).await.expect("it ends")
}

#[tokio::test]
async fn probe_goes_around_holes_and_tells_who_answers_and_with_what() {
    let device = FaultServer::start(|asked| {
        let asks_for_hole = (asked.start..asked.start + asked.count).contains(&5);
        match asked.unit {
            1 if asks_for_hole => Reaction::Exception(2),
            1 if asked.count > 4 => Reaction::Exception(3),
            1 => Reaction::Answer,
            2 => Reaction::Exception(2),
            _ => Reaction::Exception(0x0B),
        }
    })
    .await;
    let url = format!("tcp://127.0.0.1:{}", device.port);
    let (code, shown, problem) = probe(url.clone(), &["holding:0..9"]).await;
    assert_eq!(code, Some(0), "{problem}");
    let addresses: Vec<&str> = shown.lines().filter(|line| line.starts_with("holding:")).collect();
    let expected: Vec<String> = (0..10).map(|address| format!("holding:{address}")).collect();
    assert_eq!(addresses, expected);
    assert!(shown.contains("holding:5\n  — illegal data address (02)\n"), "{shown}");
    let (code, shown, _) = probe(url.clone(), &["--scan", "1..3", "holding:0"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(
        shown.lines().collect::<Vec<_>>(),
        ["unit 1 answers", "unit 2 answers with illegal data address (02)"]
    );
    let (code, shown, problem) = probe(url, &["--scan", "3..4"]).await;
    assert_eq!((code, shown.as_str()), (Some(1), ""));
    assert!(problem.contains("no unit of 3..4 answers"), "{problem}");
    let bus = format!("rtu-tcp://127.0.0.1:{}", device.port);
    for args in [
        &["--scan", "0..3"][..],
        &["--scan", "1..248"],
        &["--unit", "0", "holding:0"],
    ] {
        let (code, _, problem) = probe(bus.clone(), args).await;
        assert!(code == Some(2) && problem.contains("1 to 247"), "{problem}");
    }
}

#[tokio::test]
async fn probe_shows_what_registers_may_mean() {
    let device = Foreign::start();
    let probe = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
        let output = command
            .args(["probe", "modbus", &device.url()])
            .args(args)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.code(),
            text,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, shown, _) = probe(&["--unit", "1", "holding:40..43"]);
    assert_eq!(code, Some(0));
    assert!(shown.contains("ABCD *123456"), "{shown}");
    let settings: Vec<&str> = shown.lines().filter(|line| line.starts_with("holding_")).collect();
    assert_eq!(
        settings,
        [
            "holding_40 = { at = \"holding:40\", type = \"f32\" }  # 123456",
            "holding_42 = { at = \"holding:42\", type = \"f32\", order = \"CDAB\" }  # 123456",
        ]
    );
    assert_eq!(probe(&["--scan", "1..3"]).1.lines().next(), Some("unit 1 answers"));
    let (code, _, problem) = probe(&["holding:500"]);
    assert!(
        code == Some(1) && problem.contains("illegal data address (02)"),
        "{problem}"
    );
    let (code, _, problem) = probe(&["40001"]);
    assert!(code == Some(2) && problem.contains("holding:0"), "{problem}");
}
