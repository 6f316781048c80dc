use super::*;
use crate::config::{ConfigError, Plan, load};
use crate::intake::judgement::Judge;

const PLANT: &str = r#"
    [gateway]
    id = "test"
    [modbus.line]
    url = "tcp://127.0.0.1:5020"
    [modbus.line.device.press]
    unit = 1
    equipment = "PRESS-7"
    poll = "1s"
    [modbus.line.device.press.points]
    temperature = { at = "input:0", type = "f32" }
    force = { at = "input:2", type = "f32" }
    total = { at = "input:4", type = "u32" }
"#;

fn plan(watches: &str) -> Result<Plan, String> {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("lineside.toml");
    std::fs::write(&file, format!("{PLANT}{watches}")).expect("a file");
    load(&file).map_err(|error| match error {
        ConfigError::Wrong { text, .. } => text,
        ConfigError::Unreadable(cause) => cause,
    })
}

#[test]
fn a_watch_is_lowered_as_it_is_written() {
    let plan = plan(
        r#"
        [watch.heat]
        from = "PRESS-7.temperature"
        checks = ["outlier", "stuck", "rate", "range", "heartbeat"]
        sensitivity = "low"
        stuck_after = "5m"
        max_rate = { per_second = 4.0 }
        range = { low = 5.0, high = 90.0 }
        on_delay = "10s"
        [watch.parts]
        from = "PRESS-7.total"
        checks = ["counter_reset", "low_output", "cycle_time"]
        low_output = { window = "15m", per_hour = 700, planned = ["mon-fri 06:00-22:00"] }
        [watch.both]
        from = ["PRESS-7.temperature", "PRESS-7.force"]
        checks = ["drift"]
        "#,
    );
    let judges = plan.expect("nothing is wrong").intake.judgement.judges;
    let [Judge::Together(both), Judge::Watch(heat), Judge::Watch(parts)] = judges.as_slice() else {
        panic!("{judges:#?}");
    };
    assert_eq!(
        (heat.equipment.as_str(), heat.point.as_str()),
        ("PRESS-7", "temperature")
    );
    let hows: Vec<&How> = heat.checks.iter().map(|check| &check.how).collect();
    assert_eq!(hows[0], &How::Outlier(Sensitivity::Low));
    let five_minutes = Limit::Given {
        suspect: 300.0,
        fail: Some(600.0),
    };
    assert!(matches!(hows[1], How::Stuck(stuck) if stuck.after == five_minutes));
    assert!(matches!(hows[3], How::Range(range::Settings::Given { suspect, .. }) if suspect.high > 89.0));
    assert!(heat.checks.iter().all(|check| check.delays.on_s > 9.0));
    assert!(
        matches!(&parts.checks[1].how, How::LowOutput(output) if output.window_s == 900 && output.planned.is_some())
    );
    assert_eq!(both.points.len(), 2);
}

#[test]
fn what_is_wrong_with_a_watch_is_said() {
    for (watch, expected) in [
        (r#"from = "PRESS-7""#, "write EQUIPMENT.point"),
        (r#"from = "PRESS-8.force""#, "add [equipment.PRESS-8]"),
        (
            r#"from = "PRESS-7.forec""#,
            "no source tells `forec` of PRESS-7; there are: force, temperature, total",
        ),
        (r#"from = ["PRESS-7.force"]"#, "2 to 16 points"),
        (
            r#"from = "PRESS-7.force"
            max_spike = 3.0"#,
            "add \"spike\" to checks",
        ),
        (
            r#"from = "PRESS-7.force"
            range = { low = 9.0, high = 3.0 }"#,
            "low is not below high",
        ),
        (
            r#"from = "PRESS-7.force"
            range = { low = 3.0, high = 9.0, fail_high = 8.0 }"#,
            "outside of low and high",
        ),
        (
            r#"from = "PRESS-7.force"
            counter = { rolls_over_at = 65536 }"#,
            "how fast the machine can count",
        ),
        (
            r#"from = "PRESS-7.force"
            heartbeat = { mode = "on_change" }"#,
            "has no pace to learn",
        ),
        (
            r#"from = "PRESS-7.force"
            low_output = { drop = 1.5 }"#,
            "is not a loss",
        ),
        (
            r#"from = "PRESS-7.force"
            low_output = { planned = ["always"] }"#,
            "is not a span of planned time",
        ),
    ] {
        let checks = r#"checks = ["range", "heartbeat", "counter_reset", "low_output"]"#;
        let told = plan(&format!("[watch.x]\n{watch}\n{checks}")).expect_err(watch);
        assert!(told.contains(expected), "{watch}: {told}");
    }
}
