//! Random actions on the buffer and on a plain list, which must agree.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{Bench, is_of_buffer, record, settings};
use lineside::buffer::{BatchLimit, States};
use lineside::record::{Kind, Lane, Record, Seq};
use lineside::wire::Entry;

/// Small, so that segments roll, are removed and give way.
const MAX_BYTES: u64 = 12 << 20;
/// Longer than the buffer takes to look at its bounds.
const HELD_AFTER: Duration = Duration::from_secs(2);
const UPSTREAMS: [&str; 2] = ["central", "analysis"];

#[derive(Debug, Clone)]
enum Action {
    Submit {
        kind: Kind,
        records: usize,
        size: usize,
        state: Option<(u8, u8)>,
    },
    Read {
        upstream: usize,
        lane: Lane,
        limit: BatchLimit,
        only_inspections: bool,
    },
    CatchUp {
        upstream: usize,
    },
    Reopen {
        in_order: bool,
    },
}

fn action() -> impl Strategy<Value = Action> {
    let kind = prop_oneof![
        1 => Just(Kind::WorkReport),
        1 => Just(Kind::Inspection),
        4 => Just(Kind::EquipmentStatus)
    ];
    let submit = (
        kind,
        0_usize..300,
        100_usize..4000,
        prop::option::of((0_u8..4, any::<u8>())),
    );
    let lane = prop_oneof![Just(Lane::Report), Just(Lane::Telemetry)];
    let read = (0..UPSTREAMS.len(), lane, 1_usize..700, 1_usize..400_000, any::<bool>());
    prop_oneof![
        6 => submit.prop_map(|(kind, records, size, state)| Action::Submit { kind, records, size, state }),
        4 => read.prop_map(|(upstream, lane, records, bytes, only_inspections)| Action::Read {
            upstream, lane, limit: BatchLimit { records, bytes }, only_inspections
        }),
        1 => (0..UPSTREAMS.len()).prop_map(|upstream| Action::CatchUp { upstream }),
        1 => any::<bool>().prop_map(|in_order| Action::Reopen { in_order }),
    ]
}

/// What the buffer should hold.
#[derive(Default)]
struct Model {
    accepted: BTreeMap<Lane, Vec<Record>>,
    /// As once seen: a sequence never changes its content.
    seen: BTreeMap<(Lane, Seq), Entry>,
    states: States,
    numbers: u64,
}

impl Model {
    /// Looks at everything that the buffer holds: dense, and nothing has changed since it was last seen.
    fn see(&mut self, bench: &Bench, lane: Lane) -> BTreeMap<Seq, Entry> {
        // The buffer may tell something of its own, or give way, while it is read.
        let bounds = || (bench.buffer.first(lane), bench.tail(lane));
        let (all, first, tail) = loop {
            let (first, tail) = bounds();
            let all = bench.all(lane);
            if bounds() == (first, tail) {
                break (all, first, tail);
            }
        };
        assert!(all.keys().copied().eq(first..tail), "{lane}: dense from {first}");
        for (seq, entry) in &all {
            let before = self.seen.entry((lane, *seq)).or_insert_with(|| entry.clone());
            assert_eq!(before, entry, "{lane} {seq} has changed");
        }
        all
    }

    fn compare(&mut self, bench: &Bench) {
        assert_eq!(bench.buffer.states(), self.states);
        self.see(bench, Lane::Report);
        let reports = self.seen.range((Lane::Report, 0)..=(Lane::Report, Seq::MAX));
        let reports: Vec<_> = reports
            .map(|(_, entry)| entry)
            .filter(|entry| !is_of_buffer(entry))
            .collect();
        let accepted = self.accepted.entry(Lane::Report).or_default();
        assert_eq!(
            reports.len(),
            accepted.len(),
            "what was accepted is there, nothing else"
        );
        for (entry, record) in reports.iter().zip(accepted) {
            assert_eq!((entry.kind, &entry.json), (record.kind, &record.json));
        }
        let telemetry = self.see(bench, Lane::Telemetry);
        let accepted = self.accepted.entry(Lane::Telemetry).or_default();
        assert_eq!(bench.tail(Lane::Telemetry), accepted.len() as Seq + 1);
        for (seq, entry) in telemetry {
            assert_eq!(entry.json, accepted[usize::try_from(seq - 1).unwrap()].json);
        }
        for upstream in UPSTREAMS {
            let next = bench.buffer.places(upstream).report.next;
            assert!(
                bench.buffer.first(Lane::Report) <= next,
                "no report goes before {upstream} has it"
            );
        }
    }

    fn submit(&mut self, bench: &Bench, kind: Kind, records: usize, size: usize, state: Option<(u8, u8)>) {
        let records: Vec<_> = (0..records)
            .map(|_| {
                self.numbers += 1;
                record(kind, self.numbers, size)
            })
            .collect();
        let mut commit = bench.commit(self.numbers, records.clone());
        if let Some((name, value)) = state {
            let (states, of) = match kind.lane() {
                Lane::Report => (&mut commit.states, "station"),
                Lane::Telemetry => (&mut commit.telemetry_states, "counters"),
            };
            states.insert(format!("{of}/{name}"), vec![value; 50].into());
        }
        let states: Vec<_> = commit
            .states
            .clone()
            .into_iter()
            .chain(commit.telemetry_states.clone())
            .collect();
        bench.submit(commit);
        let (token, is_kept) = self.answer(bench);
        assert_eq!(token, self.numbers);
        if is_kept {
            self.accepted.entry(kind.lane()).or_default().extend(records);
            self.states.extend(states);
        }
    }

    /// What becomes of a commit. While reports alone fill the buffer, telemetry is held rather than answered; then both
    /// upstreams make room.
    fn answer(&mut self, bench: &Bench) -> (u64, bool) {
        loop {
            match bench.answers.recv_timeout(HELD_AFTER) {
                Ok(answer) => return answer,
                Err(_) if bench.status.buffer().telemetry_paused => {
                    (0..UPSTREAMS.len()).for_each(|upstream| self.catch_up(bench, upstream));
                }
                Err(_) => return bench.answer(),
            }
        }
    }

    fn catch_up(&mut self, bench: &Bench, upstream: usize) {
        for lane in Lane::BOTH {
            while self.read(bench, upstream, lane, super::LIMIT, false) {}
        }
    }

    /// Reads as an upstream does, and moves its place. Returns whether there was anything.
    fn read(&mut self, bench: &Bench, upstream: usize, lane: Lane, limit: BatchLimit, only_inspections: bool) -> bool {
        let mut places = bench.buffer.places(UPSTREAMS[upstream]);
        let wants = |kind: Kind| !only_inspections || kind == Kind::Inspection;
        let (from, tail) = (places.lane(lane).next, bench.tail(lane));
        let (all, batch) = loop {
            let first = bench.buffer.first(lane);
            let all = self.see(bench, lane);
            let batch = bench.buffer.read(lane, from, tail, limit, wants).unwrap();
            // Telemetry may give way between the two.
            if bench.buffer.first(lane) == first {
                break (all, batch);
            }
        };
        let expected = all.range(from..batch.next.max(from)).map(|(_, entry)| entry);
        let expected: Vec<_> = expected.filter(|entry| wants(entry.kind)).collect();
        assert_eq!(batch.entries.iter().collect::<Vec<_>>(), expected);
        let bytes: usize = batch.entries.iter().map(|e| e.json.len()).sum();
        assert!(batch.entries.len() <= limit.records && (bytes <= limit.bytes || batch.entries.len() == 1));
        assert!(batch.next > from || from >= tail);
        places.lane_mut(lane).next = batch.next.max(from);
        bench.buffer.advance(UPSTREAMS[upstream], places, &[]).unwrap();
        batch.next > from && batch.next < tail
    }
}

/// Few cases, since each opens many databases; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(12),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_buffer_agrees_with_a_list(actions in prop::collection::vec(action(), 10..60)) {
        let scratch = tempfile::tempdir().unwrap();
        let settings = settings(scratch.path(), MAX_BYTES, &UPSTREAMS);
        let mut bench = Bench::open(&settings);
        let mut model = Model::default();
        for action in actions {
            match action {
                Action::Submit { kind, records, size, state } => model.submit(&bench, kind, records, size, state),
                Action::Read { upstream, lane, limit, only_inspections } => {
                    model.read(&bench, upstream, lane, limit, only_inspections);
                }
                Action::CatchUp { upstream } => model.catch_up(&bench, upstream),
                Action::Reopen { in_order } => {
                    model.compare(&bench);
                    let epoch = bench.buffer.epoch();
                    if in_order {
                        bench.finish();
                    } else {
                        drop(bench);
                    }
                    bench = Bench::open(&settings);
                    prop_assert_eq!(bench.buffer.epoch(), epoch);
                }
            }
        }
        model.compare(&bench);
        bench.finish();
    }
}
