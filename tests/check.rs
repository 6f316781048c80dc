//! `lineside check`: every mistake of a file at once, at its place, with what would be right.

use crate::park::gateway::Site;

const GOOD: &str = r#"
[equipment.PRESS-7]
name = "Press 7"

[mqtt.plant]
url = "mqtt://127.0.0.1:1883"
[[mqtt.plant.topic]]
filter = "plant/+/status"
equipment = "{1}"
points = { temperature = { at = "/temp", unit = "°C" } }

[station.ST-01]
scanner = "tcp-listen://127.0.0.1:0"
equipment = "PRESS-7"

[upstream.central]
url = "http://127.0.0.1:1/api/v1/batches"

[reference]
from = "central"
"#;

/// A mistake in the good file: what is replaced by what, the text that the caret stands under, and what has to be said.
struct Mistake {
    good: &'static str,
    bad: &'static str,
    at: &'static str,
    said: &'static [&'static str],
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        good: "at = \"/temp\"",
        bad: "at = \"temp\"",
        at: "\"temp\"",
        said: &["is not a JSON pointer"],
    },
    Mistake {
        good: "equipment = \"{1}\"",
        bad: "equipment = \"{1}\"\nformat = \"sparkplug-b\"",
        at: "\"plant/+/status\"",
        said: &["data mean nothing without births and deaths", "spBv1.0/GROUP/#"],
    },
    Mistake {
        good: "equipment = \"{1}\"",
        bad: "equipment = \"{1}\"\nrate_limit = { per_second = 0 }",
        at: "rate_limit = { per_second = 0 }",
        said: &["a rate is more than 0"],
    },
    Mistake {
        good: "unit = \"°C\" }",
        bad: "unit = \"°C\" }, state = { at = \"/s\", role = \"state\", map = { RUN = \"runing\" } }",
        at: "\"runing\"",
        said: &["`runing` is no state that is judged", "did you mean `running`?"],
    },
    Mistake {
        good: "filter = ",
        bad: "fliter = \"x\"\nfilter = ",
        at: "fliter",
        said: &["`fliter` is not a setting here", "did you mean `filter`?"],
    },
    Mistake {
        good: "[station.ST-01]",
        bad: "[statoin.ST-01]",
        at: "statoin",
        said: &["did you mean `station`?"],
    },
    Mistake {
        good: "mqtt://127.0.0.1:1883",
        bad: "http://127.0.0.1:1883",
        at: "\"http://127.0.0.1:1883\"",
        said: &["`http://` is not a way to a broker", "mqtt://broker:1883"],
    },
    Mistake {
        good: "url = \"mqtt",
        bad: "username = \"u\"\npassword = \"hunter2\"\nurl = \"mqtt",
        at: "\"hunter2\"",
        said: &["secrets never stand in this file", "password_file"],
    },
    Mistake {
        good: "[reference]",
        bad: "token = \"abc\"\n[reference]",
        at: "\"abc\"",
        said: &["secrets never stand in this file", "token_file"],
    },
    Mistake {
        good: "from = \"central\"",
        bad: "from = \"centrum\"",
        at: "\"centrum\"",
        said: &["there is no [upstream.centrum]", "known: central"],
    },
    Mistake {
        good: "equipment = \"PRESS-7\"",
        bad: "equipment = \"PRES-7\"",
        at: "\"PRES-7\"",
        said: &["no source and no section speaks of `PRES-7`"],
    },
    Mistake {
        good: "[reference]",
        bad: "[modbus.line]\nurl = \"tcp://127.0.0.1\"\ndevice.m = { unit = 1, equipment = \"M\", poll = \"1s\", template = \"sdm\" }\n[reference]",
        at: "\"sdm\"",
        said: &["there is no template `sdm`", "eastron-sdm630", "\"NAME.toml\""],
    },
    Mistake {
        good: "[reference]",
        bad: "[modbus.line]\nurl = \"tcp://127.0.0.1\"\ndevice.m = { unit = 1, equipment = \"M\", poll = \"1s\", template = \"eastron-sdm630\", only = [\"powr\"] }\n[reference]",
        at: "\"powr\"",
        said: &["the template has no point `powr`", "power_factor"],
    },
    Mistake {
        good: "equipment = \"{1}\"",
        bad: "equipment = \"{7}\"",
        at: "\"{7}\"",
        said: &["the filter has 3 levels", "no level 7"],
    },
    Mistake {
        good: "[reference]",
        bad: "[mqtt.other]\nurl = \"mqtt://127.0.0.1:1883\"\n[[mqtt.other.topic]]\nfilter = \"x/+\"\nequipment = \"{1}\"\npoints = { n = { at = \"/n\" } }\n[reference]",
        at: "\"mqtt://127.0.0.1:1883\"",
        said: &["the same broker as [mqtt.", "set another client_id"],
    },
    Mistake {
        good: "[reference]",
        bad: "[mqtt.other]\nurl = \"mqtt://127.0.0.1:1\"\n[[mqtt.other.topic]]\nfilter = \"x/#\"\nequipment = \"{1}\"\npoints = { n = { at = \"/n\" } }\n[[mqtt.other.topic]]\nfilter = \"+/y\"\nequipment = \"{1}\"\npoints = { n = { at = \"/n\" } }\n[reference]",
        at: "\"+/y\"",
        said: &["both `+/y` and `x/#`"],
    },
    Mistake {
        good: "tcp-listen://127.0.0.1:0",
        bad: "evdev:///dev/input/event3?layout=dvorak",
        at: "\"evdev:///dev/input/event3?layout=dvorak\"",
        said: &["not a layout", "us, gb, de"],
    },
    Mistake {
        good: "url = \"http://127.0.0.1:1/api/v1/batches\"",
        bad: "url = \"amqp://127.0.0.1\"",
        at: "\"amqp://127.0.0.1\"",
        said: &["not in this version"],
    },
    Mistake {
        good: "[reference]",
        bad: r#"[modbus.bus]
url = "rtu:///dev/ttyUSB0?baud=1200"
[modbus.bus.device.meter]
unit = 1
equipment = "METER"
poll = "250ms"
points.name = { at = "input:0", type = "string:40" }
[reference]"#,
        at: "\"250ms\"",
        said: &["its requests (1) take 550 ms of every 250ms", "poll it every \"550ms\""],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.diameter]\nfrom = \"PRESS-7.force\"\nchart = \"pie\"\n[reference]",
        at: "\"pie\"",
        said: &["`pie`", "xbar-r"],
    },
    Mistake {
        good: "[reference]",
        bad: "max_wait = \"soon\"\n[reference]",
        at: "\"soon\"",
        said: &["`soon` is not a length of time", "\"500ms\""],
    },
    Mistake {
        good: "[reference]",
        bad: "token = \"${LINESIDE_TEST_NEVER_SET}\"\n[reference]",
        at: "\"${LINESIDE_TEST_NEVER_SET}\"",
        said: &["the environment has no variable LINESIDE_TEST_NEVER_SET"],
    },
    Mistake {
        good: "name = \"Press 7\"",
        bad: "name = nonsense",
        at: "nonsense",
        said: &["invalid"],
    },
    Mistake {
        good: "[upstream.central]",
        bad: "mode = \"pieces\"\n[upstream.central]",
        at: "\"pieces\"",
        said: &["`pieces`", "`piece_count`", "`batch_traveler`"],
    },
    Mistake {
        good: "[upstream.central]",
        bad: "patterns = [{ order = '^(?<id>[A-Z]+-.*)$' }]\n[upstream.central]",
        at: "[{ order",
        said: &["would also take LSN-START"],
    },
    Mistake {
        good: "[upstream.central]",
        bad: "patterns = [{ order = '^(?<id>\\d+)$' }, { serial = '^(?<id>\\d+)$' }]\n[upstream.central]",
        at: "[{ order",
        said: &["stands twice", "two meanings"],
    },
    Mistake {
        good: "[upstream.central]",
        bad: "patterns = [{ order = '^M(?<id>\\d+)$' }, { serial = '^(?<id>M\\d{8})$' }]\n[upstream.central]",
        at: "[{ order",
        said: &["both take M00000000", "two meanings"],
    },
    Mistake {
        good: "[upstream.central]",
        bad: "patterns = [{ traveler = '^T(?<id>\\d+)$' }]\n[upstream.central]",
        at: "[{ traveler",
        said: &["a traveler names its operation", "(?<sequence>"],
    },
    Mistake {
        good: "[upstream.central]",
        bad: "mode = \"batch_traveler\"\nauto_start = true\n[upstream.central]",
        at: "true",
        said: &["only START says"],
    },
    Mistake {
        good: "[upstream.central]",
        bad: "approval = [\"everything\"]\n[upstream.central]",
        at: "\"everything\"",
        said: &["`over_quantity`", "`undo`"],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.diameter]\nfrom = \"PRESS-7.temperature\"\nchart = \"i-mr\"\nrules = [1, \"N12\"]\n[reference]",
        at: "[1, \"N12\"]",
        said: &["`N12` is not a rule", "western-electric"],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.diameter]\nfrom = \"force\"\nchart = \"i-mr\"\n[reference]",
        at: "\"force\"",
        said: &["\"EQUIPMENT.point\"", "\"inspection:CHARACTERISTIC\""],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.diameter]\nfrom = \"PRESS-7.temperature\"\nchart = \"i-mr\"\nlimits = { center = 12.0 }\n[reference]",
        at: "limits = { center = 12.0 }",
        said: &["a sigma above 0"],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.scrap]\nfrom = \"PRESS-7.temperature\"\nchart = \"p\"\n[reference]",
        at: "\"PRESS-7.temperature\"",
        said: &["p counts defects", "from = \"reports:*\""],
    },
    Mistake {
        good: "[reference]",
        bad: "[modbus.a]\nurl = \"tcp://localhost:5020\"\ndevice.m = { unit = 1, equipment = \"a\", poll = \"1s\", points.n = { at = \"holding:0\", type = \"u16\" } }\n[modbus.b]\nurl = \"tcp://127.0.0.1:5020\"\ndevice.m = { unit = 1, equipment = \"b\", poll = \"1s\", points.n = { at = \"holding:0\", type = \"u16\" } }\n[reference]",
        at: "\"tcp://127.0.0.1:5020\"",
        said: &["127.0.0.1:5020 is the connection of [modbus.a] already", "under one"],
    },
    Mistake {
        good: "[reference]",
        bad: "[modbus.a]\nurl = \"rtu:///dev/ttyUSB0?baud=9600\"\ndevice.m = { unit = 1, equipment = \"a\", poll = \"1s\", points.n = { at = \"holding:0\", type = \"u16\" } }\n[modbus.b]\nurl = \"rtu:///dev/ttyUSB0?baud=19200\"\ndevice.m = { unit = 1, equipment = \"b\", poll = \"1s\", points.n = { at = \"holding:0\", type = \"u16\" } }\n[reference]",
        at: "\"rtu:///dev/ttyUSB0?baud=19200\"",
        said: &["/dev/ttyUSB0 is the connection of [modbus.a]"],
    },
    Mistake {
        good: "[reference]",
        bad: "[modbus.a]\nurl = \"rtu:///dev/ttyUSB0\"\ndevice.m = { unit = 1, equipment = \"a\", poll = \"1s\", points.n = { at = \"holding:0\", type = \"u16\" } }\n[station.S]\nscanner = \"serial:///dev/ttyUSB0\"\n[reference]",
        at: "\"serial:///dev/ttyUSB0\"",
        said: &["/dev/ttyUSB0 is taken by [modbus.a]"],
    },
    Mistake {
        good: "[reference]",
        bad: "[station.R]\nscanner = \"tcp://10.0.0.9:9001\"\n[station.S]\nscanner = \"tcp://10.0.0.9:9001\"\n[reference]",
        at: "\"tcp://10.0.0.9:9001\"\n[reference]",
        said: &["10.0.0.9:9001 is taken by [station.R]", "give each its own"],
    },
    Mistake {
        good: "[reference]",
        bad: "[station.R]\nscanner = \"evdev://05e0:1200\"\n[station.S]\nscanner = \"evdev://05e0:1200?layout=de\"\n[reference]",
        at: "\"evdev://05e0:1200?layout=de\"",
        said: &["evdev://05e0:1200 is taken by [station.R]", "give each its own"],
    },
    Mistake {
        good: "[reference]",
        bad: "[station.R]\nscanner = \"tcp-listen://127.0.0.1:9109\"\n[station.S]\nscanner = \"tcp-listen://127.0.0.1:9109\"\n[reference]",
        at: "\"tcp-listen://127.0.0.1:9109\"\n[reference]",
        said: &["127.0.0.1:9109 is taken by [station.R]", "give each its own"],
    },
    Mistake {
        good: "filter = \"plant/+/status\"",
        bad: "filter = \"$share/g/plant/+/status\"",
        at: "\"$share/g/plant/+/status\"",
        said: &["order would be lost", "write `plant/+/status`"],
    },
    Mistake {
        good: "unit = \"°C\" }",
        bad: "unit = \"°C\" }, s1 = { at = \"/a\", role = \"state\" }, s2 = { at = \"/b\", role = 'state' }",
        at: "'state'",
        said: &["the state is told by `s1` already"],
    },
    Mistake {
        good: "[reference]",
        bad: r#"[modbus.a]
url = "tcp://127.0.0.1"
[modbus.a.device.m]
unit = 1
equipment = "M"
poll = "1s"
points.s1 = { at = "holding:0", type = "u16", role = "state" }
points.s2 = { at = "holding:1", type = "u16", role = 'state' }
[reference]"#,
        at: "'state'",
        said: &["the state is told by `s1` already"],
    },
    Mistake {
        good: "points = { temperature",
        bad: "points = { \"{9}\"",
        at: "\"{9}\"",
        said: &["the filter has 3 levels", "no level 9"],
    },
    Mistake {
        good: "points = { temperature",
        bad: "points = { \"{level}\"",
        at: "\"{level}\"",
        said: &["`{level}` names no point"],
    },
    Mistake {
        good: "points = { temperature = { at = \"/temp\", unit = \"°C\"",
        bad: "points = { \"{2}\" = { at = \"/temp\", role = \"state\"",
        at: "\"state\"",
        said: &["`{2}` is many points"],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.force]\nfrom = \"PRESS-7.forse\"\nchart = \"i-mr\"\n[reference]",
        at: "\"PRESS-7.forse\"",
        said: &["no source tells `forse` of PRESS-7; there are: temperature"],
    },
    Mistake {
        good: "[reference]",
        bad: "[watch.force]\nfrom = \"PRESS-7.forse\"\nchecks = [\"stuck\"]\n[reference]",
        at: "\"PRESS-7.forse\"",
        said: &["no source tells `forse` of PRESS-7; there are: temperature"],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.scrap]\nfrom = \"reports:*\"\nchart = \"p\"\nlimits = { center = 1.3 }\n[reference]",
        at: "limits = { center = 1.3 }",
        said: &["above 0 and below 1"],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.scrap]\nfrom = \"reports:*\"\nchart = \"u\"\nlimits = { center = 0 }\n[reference]",
        at: "limits = { center = 0 }",
        said: &["number of defects above 0"],
    },
    Mistake {
        good: "[reference]",
        bad: "[spc.scrap]\nfrom = \"reports:*\"\nchart = \"laney-p\"\nlimits = { center = 0.03 }\n[reference]",
        at: "limits = { center = 0.03 }",
        said: &["sigma z"],
    },
];

impl Mistake {
    /// The finding must show its own place, counted here from the text.
    fn expected_place(&self, text: &str) -> String {
        let at = text.find(self.at).expect("the bad text is there");
        let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[..at].matches('\n').count() + 1;
        format!("lineside.toml:{line}:{}: ", text[line_start..at].chars().count() + 1)
    }
}

fn check(site: &Site) -> (Option<i32>, String) {
    let output = site.run(&["check", "--config", "lineside.toml"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

fn text_of(site: &Site) -> String {
    std::fs::read_to_string(site.config()).unwrap()
}

#[test]
fn a_good_file_passes() {
    let chart = "[spc.press-temperature]\nfrom = \"PRESS-7.temperature\"\nchart = \"i-mr\"\nrules = \"nelson\"\n";
    let site = Site::new(&format!("{GOOD}\n{chart}"));
    let (code, said) = check(&site);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("lineside.toml is fine"), "{said}");
    // What the rules promise stands beside their choice.
    assert!(
        said.contains("rules N1,N2,N3,N4,N5,N6,N7,N8: one false alarm in 73.5 points"),
        "{said}"
    );
}

#[test]
fn a_chart_may_name_a_machine_that_only_a_device_speaks_of() {
    let site = Site::new(
        "[modbus.line]\nurl = \"tcp://127.0.0.1:5020\"\n[modbus.line.device.press]\nunit = 1\nequipment = \"PRESS-7\"\npoll = \"500ms\"\n\
         [modbus.line.device.press.points]\nforce = { at = \"input:10\", type = \"f32\" }\n\
         [spc.force]\nfrom = \"PRESS-7.force\"\nchart = \"i-mr\"\n",
    );
    let (code, said) = check(&site);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_watch_may_name_a_point_that_only_a_topic_names() {
    let site = Site::new(GOOD);
    let watch = "[watch.w]\nfrom = \"PRESS-7.force\"\nchecks = [\"stuck\"]\n[reference]";
    let watched = GOOD.replacen("[reference]", watch, 1);
    site.configure(&watched);
    let (code, said) = check(&site);
    assert_eq!(code, Some(2), "{said}");
    site.configure(&watched.replacen("{ temperature =", "{ \"{2}\" =", 1));
    let (code, said) = check(&site);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn each_mistake_is_told_at_its_place_with_what_would_be_right() {
    let site = Site::new(GOOD);
    for mistake in MISTAKES {
        assert!(GOOD.contains(mistake.good), "{}", mistake.good);
        site.configure(&GOOD.replacen(mistake.good, mistake.bad, 1));
        let (code, said) = check(&site);
        assert_eq!(code, Some(2), "{}: {said}", mistake.bad);
        let place = mistake.expected_place(&text_of(&site));
        assert!(said.contains(&place), "{} should be at {place}: {said}", mistake.bad);
        assert!(said.contains('^'), "{said}");
        assert!(said.contains("1 finding in"), "one mistake is told once: {said}");
        for part in mistake.said {
            assert!(said.contains(part), "{part:?} is not said of {}: {said}", mistake.bad);
        }
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_in_its_order() {
    let independent = [0, 2, 7, 12].map(|nth| &MISTAKES[nth]);
    let bad = independent.iter().fold(GOOD.to_owned(), |text, mistake| {
        text.replacen(mistake.good, mistake.bad, 1)
    });
    let site = Site::new(&bad);
    let (code, said) = check(&site);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("4 findings"), "{said}");
    let text = text_of(&site);
    let mut places: Vec<(usize, String)> = independent
        .iter()
        .map(|mistake| (text.find(mistake.at).unwrap(), mistake.expected_place(&text)))
        .collect();
    places.sort();
    let shown: Vec<usize> = places
        .iter()
        .map(|(_, place)| {
            said.find(place.as_str())
                .unwrap_or_else(|| panic!("no finding at {place}: {said}"))
        })
        .collect();
    assert!(shown.is_sorted(), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_the_users_mistake() {
    let site = Site::new(GOOD);
    let output = site.run(&["check", "--config", "elsewhere.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("elsewhere.toml"));
}

#[test]
fn a_gateway_does_not_start_on_a_wrong_file() {
    let site = Site::new(&GOOD.replace("mqtt://", "http://"));
    let output = site.run(&["run", "--config", "lineside.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not a way to a broker"));
}
