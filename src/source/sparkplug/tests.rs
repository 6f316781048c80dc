//! The rules of a host, message by message, with a clock that we turn.

use std::time::Duration;

use super::*;
use crate::record::{Fault, Value};
use crate::topic::EquipmentAt;

const START_MS: u64 = 1_795_219_200_000;

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7F).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}

fn integer(number: u64, value: u64, out: &mut Vec<u8>) {
    varint(number << 3, out);
    varint(value, out);
}

fn bytes(number: u64, value: &[u8], out: &mut Vec<u8>) {
    varint(number << 3 | 2, out);
    varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// A metric with an integer of the datatype `Int32`.
#[derive(Default, Clone)]
struct M {
    name: Option<&'static str>,
    alias: Option<u64>,
    value: u64,
    ms: Option<u64>,
    is_historical: bool,
}

fn named(name: &'static str, value: u64) -> M {
    M {
        name: Some(name),
        value,
        ..M::default()
    }
}

fn aliased(alias: u64, value: u64) -> M {
    M {
        alias: Some(alias),
        value,
        ..M::default()
    }
}

fn payload(seq: Option<u64>, metrics: &[M]) -> Vec<u8> {
    let mut out = Vec::new();
    integer(1, START_MS, &mut out);
    for metric in metrics {
        let mut inner = Vec::new();
        if let Some(name) = metric.name {
            bytes(1, name.as_bytes(), &mut inner);
            integer(4, 3, &mut inner);
        }
        if let Some(alias) = metric.alias {
            integer(2, alias, &mut inner);
        }
        if let Some(ms) = metric.ms {
            integer(3, ms, &mut inner);
        }
        integer(5, metric.is_historical.into(), &mut inner);
        integer(10, metric.value, &mut inner);
        bytes(2, &inner, &mut out);
    }
    if let Some(seq) = seq {
        integer(3, seq, &mut out);
    }
    out
}

struct Bench {
    host: Host,
    now: Instant,
    token: u64,
    heard: Heard,
}

impl Bench {
    /// A host that takes `force` of every device as a point.
    fn new(equipment: &str) -> Self {
        let Ok(EquipmentAt::Topic(equipment)) = EquipmentAt::parse(equipment) else {
            panic!("levels of a topic")
        };
        let def = |name: &str| {
            Arc::new(PointDef {
                name: name.into(),
                ..PointDef::default()
            })
        };
        let rule = Rule {
            filter: "spBv1.0/G/#".to_owned(),
            equipment,
            points: HashMap::from([("Force".to_owned(), def("force"))]),
            payload_bytes_max: 10_000,
        };
        let settings = Settings {
            host_id: Some("shop-1".to_owned()),
            rules: vec![rule],
        };
        Self {
            host: Host::new(settings),
            now: Instant::now(),
            token: 0,
            heard: Heard::default(),
        }
    }

    /// What follows from one message, as short words.
    fn hear(&mut self, topic: &str, seq: Option<u64>, metrics: &[M]) -> Vec<String> {
        let (body, topic) = (payload(seq, metrics), format!("spBv1.0/G/{topic}"));
        self.token += 1;
        let heard = self
            .host
            .hear(&topic, &body, false, self.token, self.now, &mut self.heard);
        heard.expect("is understood");
        self.words()
    }

    fn pass(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        self.host.tick(self.now, &mut self.heard);
        self.words()
    }

    fn words(&mut self) -> Vec<String> {
        let Heard {
            told,
            publications,
            unused,
            ..
        } = std::mem::take(&mut self.heard);
        let told = told.into_iter().flat_map(|(_, told)| told).map(|told| match told {
            Told::Gone { equipment, .. } => format!("{equipment} gone"),
            Told::Sample(sample) => {
                let values = sample.points.iter().map(|point| match &point.value {
                    Ok(Value::Int(value)) => value.to_string(),
                    Err(Fault::Silent(_)) => "stale".to_owned(),
                    other => format!("{other:?}"),
                });
                let past = if sample.is_past { "once " } else { "" };
                format!("{} {past}{}", sample.equipment, values.collect::<Vec<_>>().join(","))
            }
        });
        let said = publications
            .into_iter()
            .map(|publication| format!("> {}", publication.topic));
        let unused = unused.into_iter().map(|_| "unused".to_owned());
        told.chain(said).chain(unused).collect()
    }

    /// Node `N` of session 4 with the device `P7`, whose force has the alias 9.
    fn born(equipment: &str) -> Self {
        let mut bench = Self::new(equipment);
        assert!(bench.hear("NBIRTH/N", Some(0), &[named("bdSeq", 4)]).is_empty());
        let force = M {
            alias: Some(9),
            ..named("Force", 100)
        };
        let other = M {
            alias: Some(10),
            ..named("Not chosen", 1)
        };
        let born = bench.hear("DBIRTH/N/P7", Some(1), &[force, other]);
        assert_eq!(born.len(), 1, "{born:?}");
        bench
    }
}

const NOTHING: [&str; 0] = [];
const ASKED: &str = "> spBv1.0/G/NCMD/N";

#[test]
fn data_are_understood_by_the_aliases_and_types_of_the_birth() {
    let mut bench = Bench::born("{4}");
    let minus_5 = u64::from((-5_i32).cast_unsigned());
    assert_eq!(
        bench.hear("DDATA/N/P7", Some(2), &[aliased(9, minus_5), aliased(10, 3)]),
        ["P7 -5"]
    );
    assert_eq!(bench.hear("DDATA/N/P7", Some(3), &[named("Force", 7)]), ["P7 7"]);
    assert_eq!(
        bench.hear("DDATA/N/P7", Some(4), &[aliased(77, 7)]),
        [ASKED, "unused"],
        "an alias that no birth told"
    );
}

#[test]
fn the_sequence_counts_on_from_255_to_0() {
    let mut bench = Bench::born("{4}");
    for n in 2..600 {
        assert_eq!(
            bench.hear("DDATA/N/P7", Some(n % 256), &[aliased(9, n)]),
            [format!("P7 {n}")]
        );
    }
}

#[test]
fn what_comes_early_waits_for_what_is_missing() {
    let mut bench = Bench::born("{4}");
    assert_eq!(bench.hear("DDATA/N/P7", Some(4), &[aliased(9, 4)]), NOTHING);
    assert_eq!(bench.hear("DDATA/N/P7", Some(3), &[aliased(9, 3)]), NOTHING);
    assert_eq!(
        bench.hear("DDATA/N/P7", Some(2), &[aliased(9, 2)]),
        ["P7 2", "P7 3", "P7 4"]
    );
    assert_eq!(bench.pass(100), NOTHING);
}

#[test]
fn a_gap_that_stays_is_told_and_a_birth_is_asked_for_now_and_then() {
    let mut bench = Bench::born("{4}");
    assert_eq!(bench.hear("DDATA/N/P7", Some(5), &[named("Force", 5)]), NOTHING);
    assert_eq!(bench.pass(1), NOTHING);
    assert_eq!(bench.pass(1), ["P7 5", ASKED]);
    assert_eq!(bench.hear("DDATA/N/P7", Some(9), &[named("Force", 9)]), NOTHING);
    assert_eq!(bench.pass(2), ["P7 9"], "asked a moment ago");
    let late = bench.hear("DDATA/N/P7", Some(10), &[aliased(9, 10)]);
    assert_eq!(
        late,
        ["unused"],
        "the birth that is missing may have changed the aliases"
    );
    assert_eq!(bench.pass(10), [ASKED], "it did not answer");
    bench.hear("NBIRTH/N", Some(0), &[named("bdSeq", 4)]);
    bench.hear("DBIRTH/N/P7", Some(1), &[named("Force", 1)]);
    assert_eq!(bench.pass(1000), NOTHING);
}

#[test]
fn a_node_that_is_not_born_is_asked_for_its_birth() {
    let mut bench = Bench::new("{4}");
    assert_eq!(
        bench.hear("DDATA/N/P7", Some(8), &[aliased(9, 1)]),
        NOTHING,
        "the birth may be late"
    );
    assert_eq!(bench.pass(2), [ASKED, "unused"]);
}

#[test]
fn a_device_birth_may_overtake_the_birth_of_its_node() {
    let mut bench = Bench::new("{4}");
    assert_eq!(bench.hear("DBIRTH/N/P7", Some(1), &[named("Force", 5)]), NOTHING);
    assert_eq!(bench.hear("NBIRTH/N", Some(0), &[named("bdSeq", 0)]), ["P7 5"]);
    assert_eq!(bench.pass(1000), NOTHING);
}

#[test]
fn only_the_death_of_the_session_that_lives_counts() {
    let mut bench = Bench::born("{4}");
    assert_eq!(bench.hear("NDEATH/N", None, &[named("bdSeq", 3)]), NOTHING);
    assert_eq!(bench.hear("DDATA/N/P7", Some(2), &[aliased(9, 2)]), ["P7 2"]);
    assert_eq!(bench.hear("NDEATH/N", None, &[named("bdSeq", 4)]), ["P7 gone"]);
    // An echo of the session that ended is not believed, but who lives can say so.
    assert_eq!(bench.hear("NBIRTH/N", Some(0), &[named("bdSeq", 4)]), [ASKED]);
    assert_eq!(bench.hear("NBIRTH/N", Some(0), &[named("bdSeq", 4)]), NOTHING);
    assert_eq!(bench.hear("DBIRTH/N/P7", Some(1), &[named("Force", 6)]), ["P7 6"]);
}

#[test]
fn history_is_history_and_what_was_read_at_one_moment_is_one_sample() {
    let mut bench = Bench::born("{4}");
    let at = |value, ms: u64, is_historical| M {
        ms: Some(START_MS + ms),
        is_historical,
        ..aliased(9, value)
    };
    let metrics = [at(3, 30, false), at(1, 10, true), at(2, 20, true)];
    assert_eq!(
        bench.hear("DDATA/N/P7", Some(2), &metrics),
        ["P7 once 1", "P7 once 2", "P7 3"]
    );
}

#[test]
fn after_a_reconnect_everything_has_to_be_born_again() {
    let mut bench = Bench::born("{4}");
    bench.host.connecting(Timestamp::UNIX_EPOCH);
    bench.host.connected(bench.now, &mut bench.heard);
    assert_eq!(bench.words(), ["> spBv1.0/STATE/shop-1", ASKED]);
    assert_eq!(bench.hear("DDATA/N/P7", Some(2), &[aliased(9, 2)]), NOTHING);
    bench.hear("NBIRTH/N", Some(0), &[named("bdSeq", 5)]);
    assert_eq!(bench.pass(29), NOTHING);
    assert_eq!(bench.pass(1), ["P7 gone"], "its node does not tell of it any more");
}

#[test]
fn what_comes_before_the_subscription_is_confirmed_is_of_the_new_connection() {
    let mut bench = Bench::born("{4}");
    assert_eq!(bench.hear("DDATA/N/P7", Some(9), &[named("Force", 9)]), NOTHING);
    bench.host.connecting(Timestamp::UNIX_EPOCH);
    assert_eq!(bench.pass(5), NOTHING, "what was held is of a connection that is gone");
    assert_eq!(bench.hear("DDATA/N/P7", Some(10), &[aliased(9, 10)]), NOTHING);
    let token = bench.token;
    bench.host.connected(bench.now, &mut bench.heard);
    bench.now += Duration::from_secs(2);
    bench.host.tick(bench.now, &mut bench.heard);
    assert!(
        bench.heard.told.iter().any(|(of, _)| *of == Some(token)),
        "it is answered"
    );
    bench.words();

    bench.host.connecting(Timestamp::UNIX_EPOCH);
    bench.hear("NBIRTH/N", Some(0), &[named("bdSeq", 5)]);
    assert_eq!(bench.hear("DBIRTH/N/P7", Some(1), &[named("Force", 1)]), ["P7 1"]);
    bench.host.connected(bench.now, &mut bench.heard);
    assert_eq!(bench.words(), ["> spBv1.0/STATE/shop-1"], "no other birth is needed");
    assert_eq!(bench.hear("DDATA/N/P7", Some(2), &[named("Force", 2)]), ["P7 2"]);
}

#[test]
fn what_is_held_has_an_end() {
    let mut bench = Bench::born("{4}");
    let topic = "spBv1.0/G/DDATA/N/P7";
    bench.host.settings.rules[0].payload_bytes_max = 4 << 20;
    let large = |seq| {
        let mut body = payload(Some(seq), &[named("Force", seq)]);
        bytes(15, &vec![0; 3 << 20], &mut body);
        body
    };
    for (seq, told) in [(5, 0), (6, 0), (7, 3)] {
        let (token, now) = (seq, bench.now);
        let heard = bench.host.hear(topic, &large(seq), false, token, now, &mut bench.heard);
        heard.expect("is understood");
        assert_eq!(bench.heard.told.len(), told);
    }
}

#[test]
fn a_device_that_is_gone_takes_its_equipment_along_unless_others_are_it_too() {
    let mut bench = Bench::born("{4}");
    assert_eq!(bench.hear("DDEATH/N/P7", Some(2), &[]), ["P7 gone"]);
    let mut bench = Bench::born("{3}");
    assert_eq!(bench.hear("DDEATH/N/P7", Some(2), &[]), ["N stale"]);
    assert_eq!(bench.hear("NDEATH/N", None, &[named("bdSeq", 4)]), ["N gone"]);
}

#[test]
fn a_primary_host_says_whether_it_is_there_with_the_time_of_its_will() {
    let mut bench = Bench::new("{4}");
    let at = Timestamp::UNIX_EPOCH + chrono::TimeDelta::milliseconds(77);
    let will = bench.host.connecting(at).expect("a will");
    assert_eq!(will.topic, "spBv1.0/STATE/shop-1");
    assert_eq!(will.body, br#"{"online":false,"timestamp":77}"#);
    bench.host.connected(bench.now, &mut bench.heard);
    let birth = bench.heard.publications.remove(0);
    assert_eq!(birth.body, br#"{"online":true,"timestamp":77}"#);
    assert!(birth.is_kept);
    let hear = |host: &mut Host, body: &[u8]| {
        let mut heard = Heard::default();
        let result = host.hear("spBv1.0/STATE/shop-1", body, true, 1, bench.now, &mut heard);
        result.expect("is understood");
        heard.publications
    };
    assert!(hear(&mut bench.host, &birth.body).is_empty());
    assert_eq!(
        hear(&mut bench.host, &will.body),
        [birth],
        "a will that comes late is contradicted"
    );
}

#[test]
fn what_is_no_sparkplug_is_refused_and_commands_are_not_ours() {
    let mut bench = Bench::new("{4}");
    let mut hear = |topic: &str, body: &[u8]| {
        let (token, now) = (1, bench.now);
        bench.host.hear(topic, body, false, token, now, &mut bench.heard)
    };
    assert!(hear("spBv1.0/G/NDATA/N", &[0xFF; 20]).is_err());
    assert!(hear("spBv1.0/G/NDATA/N", &payload(None, &[])).is_err());
    assert!(hear("spBv1.0/G/NOISE/N", &payload(Some(0), &[])).is_err());
    assert!(hear("spBv1.0/G/NDATA/N", &vec![0; 20_000]).is_err());
    assert!(hear("spBv1.0/G/NCMD/N", &[0xFF; 20]).is_ok());
    assert_eq!(bench.words(), NOTHING);
}
