//! What of a point cannot work, and where that is shown.

use super::*;

const LIMITS: Limits = Limits {
    max_registers: 125,
    max_bits: 2000,
    max_gap: 8,
    align: 1,
};

fn found(point: &str) -> Vec<String> {
    let written = format!("p = {{ {point} }}");
    let points: BTreeMap<String, PointSettings> = toml::from_str(&written).expect("well-formed settings");
    let found = points["p"].check(LIMITS).into_iter();
    found
        .map(|(path, what)| format!("{}: {what}", path.join(".")))
        .collect()
}

#[test]
fn points_that_cannot_work_are_found() {
    for (point, key) in [
        (r#"at = "holding:0""#, "type"),
        (r#"at = "holding:0", type = "bool""#, "at"),
        (r#"at = "holding:0.1", type = "u16""#, "type"),
        (r#"at = "coil:0", type = "u16""#, "type"),
        (r#"at = "holding:0", type = "u16", order = "CDAB""#, "order"),
        (r#"at = "coil:0", order = "CDAB""#, "order"),
        (r#"at = "holding:65535", type = "u32""#, "at"),
        (r#"at = "holding:0", type = "u16", map = { 1 = "running" }"#, "map"),
        (
            r#"at = "holding:0", type = "u16", role = "state", map = { on = "running" }"#,
            "map",
        ),
        (
            r#"at = "holding:0", type = "u16", role = "state", scale = 0.1"#,
            "scale",
        ),
        (r#"at = "holding:0", type = "string:4", role = "good_count""#, "role"),
        (r#"at = "holding:0", type = "string:4", deadband = 1"#, "deadband"),
        (r#"at = "holding:0", type = "u16", deadband = -1"#, "deadband"),
        (r#"at = "coil:0", deadband = 1"#, "deadband"),
        (r#"at = "coil:0", scale = 2"#, "scale"),
        (r#"at = "holding:0", type = "u16", scale = 0"#, "scale"),
        (r#"at = "holding:0", type = "u16", scale = nan"#, "scale"),
        (r#"at = "holding:0", type = "u16", offset = inf"#, "offset"),
        (r#"at = "holding:0", type = "u16", invalid = 65536"#, "invalid"),
        (r#"at = "holding:0", type = "i16", invalid = -32769"#, "invalid"),
        (
            r#"at = "holding:0", type = "u32", invalid = 0xFFFFFFFFFFFFFFFF"#,
            "invalid",
        ),
        (r#"at = "coil:0", invalid = 1"#, "invalid"),
        (
            r#"at = "holding:0", type = "u16", invalid = [0xFFFF, -40000]"#,
            "invalid",
        ),
        (r#"at = "holding:0", type = "u16", invalid = 0.5"#, "invalid"),
        (r#"at = "holding:0", type = "f32", invalid = nan"#, "invalid"),
        (r#"at = "holding:0.4..7", type = "i16""#, "type"),
        (
            r#"at = "holding:0", type = "i16", counter = { max_rate = { per_second = 1 } }"#,
            "counter",
        ),
        (
            r#"at = "holding:0", type = "f32", counter = { max_rate = { per_second = 1 } }"#,
            "counter",
        ),
        (
            r#"at = "holding:0", type = "u16", counter = { max_rate = { per_second = 0 } }"#,
            "counter",
        ),
        (
            r#"at = "holding:0", type = "u16", counter = { max_rate = { per_second = 1 }, rolls_over_at = 65537 }"#,
            "counter",
        ),
        (
            r#"at = "holding:0", type = "u16", exponent = "x", counter = { max_rate = { per_second = 1 } }"#,
            "counter",
        ),
        (r#"at = "holding:0", type = "string:4", exponent = "x""#, "exponent"),
        (
            r#"at = "holding:0", type = "u16", exponent = "x", scale_by = "y""#,
            "exponent",
        ),
        (r#"at = "holding:0", type = "string:126", order = "upper""#, "at"),
    ] {
        let found = found(point);
        let place = format!("{key}: ");
        assert!(found.len() == 1 && found[0].starts_with(&place), "{point}: {found:?}");
    }
    for point in [
        r#"at = "holding:0", type = "u16", invalid = 0xFFFF"#,
        r#"at = "holding:0.1", type = "bool", role = "state", map = { true = "running" }"#,
        r#"at = "holding:65532", type = "u64", order = "CDAB""#,
        r#"at = "holding:0", type = "u64", invalid = 0xFFFFFFFFFFFFFFFF"#,
        r#"at = "coil:0", deadband = 0"#,
        r#"at = "holding:0", type = "u16", invalid = [0xFFFF, 0x8000]"#,
        r#"at = "holding:0", type = "f32", invalid = [-9999, 1e20]"#,
        r#"at = "holding:0.4..7", role = "state", map = { 3 = "running" }"#,
    ] {
        assert_eq!(found(point), [""; 0], "{point}");
    }
}

#[test]
fn counters_roll_over_where_their_registers_end() {
    for (point, rolls_over_at) in [
        (r#"at = "holding:0", type = "u16""#, Some(65_536)),
        (r#"at = "holding:0", type = "u32""#, Some(4_294_967_296)),
        (r#"at = "holding:0", type = "u64""#, None),
        (r#"at = "holding:0", type = "bcd32""#, Some(100_000_000)),
        (r#"at = "holding:0.4..7""#, Some(16)),
    ] {
        let written = format!("p = {{ {point}, counter = {{ max_rate = {{ per_second = 2 }} }} }}");
        let points: BTreeMap<String, PointSettings> = toml::from_str(&written).expect("well-formed settings");
        assert_eq!(points["p"].check(LIMITS), [], "{point}");
        let counter = points["p"].counter().expect("a counter");
        assert_eq!(counter.rolls_over_at, rolls_over_at, "{point}");
    }
}
