//! kill -9 at random moments: a child process appends, reads and reports what was acknowledged; its parent kills it and
//! looks what is left.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Bench, is_of_buffer, number, record, settings};
use lineside::buffer::inspect::Inspection;
use lineside::record::{Kind, Lane};

const DIR: &str = "LINESIDE_DRILL_DIR";
const CYCLES: &str = "LINESIDE_DRILL_CYCLES";
const FIRST: &str = "LINESIDE_DRILL_FIRST";
const MAX_BYTES: u64 = 12 << 20;

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// Record `n` as it must come back.
fn expected(n: u64) -> lineside::record::Record {
    let kind = if n.is_multiple_of(3) {
        Kind::EquipmentStatus
    } else {
        Kind::WorkReport
    };
    record(kind, n, 200 + usize::try_from(n % 2000).unwrap())
}

/// The child: never ends by itself. Prints `k N` when record N is kept, `d N` before it is delivered.
#[test]
#[ignore = "is started by the test below"]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let bench = Bench::open(&settings(Path::new(&dir), MAX_BYTES, &["central"]));
    let mut out = std::io::stdout().lock();
    let mut next = variable(FIRST).unwrap_or(0);
    let mut delivered = 0;
    loop {
        let group = fastrand::usize(1..30);
        for _ in 0..group {
            let mut commit = bench.commit(next, vec![expected(next)]);
            if next % 5 == 1 {
                commit.states.insert("last".to_owned(), next.to_string().into());
            }
            bench.submit(commit);
            next += 1;
        }
        for _ in 0..group {
            let (n, is_kept) = bench.answer();
            assert!(is_kept);
            writeln!(out, "k {n}").unwrap();
        }
        out.flush().unwrap();
        if next - delivered < 400 {
            continue;
        }
        delivered = next;
        for lane in Lane::BOTH {
            let mut places = bench.buffer.places("central");
            let tail = bench.tail(lane);
            while places.lane(lane).next < tail {
                let at = places.lane(lane).next;
                let batch = bench.buffer.read(lane, at, tail, super::LIMIT, |_| true).unwrap();
                for entry in batch.entries.iter().filter(|entry| !is_of_buffer(entry)) {
                    writeln!(out, "d {}", number(entry)).unwrap();
                }
                out.flush().unwrap();
                places.lane_mut(lane).next = batch.next;
                bench.buffer.advance("central", places, &[]).unwrap();
            }
        }
    }
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let cycles = variable(CYCLES).unwrap_or(15);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("buffer");
    let (mut kept, mut delivered) = (BTreeSet::new(), BTreeSet::new());
    for cycle in 0..cycles {
        let first: u64 = (cycle + 1) * 1_000_000;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "buffer::kill::child", "--ignored", "--nocapture"])
            .env(DIR, &dir)
            .env(FIRST, first.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Now and then in the middle of opening: before the first answer.
        let patience = if random.u8(..10) == 0 { 0 } else { random.usize(1..1500) };
        let mut note = |line: &str| match line.split_once(' ') {
            Some(("k", n)) => kept.insert(n.parse::<u64>().unwrap()),
            Some(("d", n)) => delivered.insert(n.parse::<u64>().unwrap()),
            _ => false,
        };
        for line in lines.by_ref().take(patience) {
            note(&line.unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts; a last line may be torn.
        for line in lines.map_while(Result::ok) {
            if line.len() > 8 {
                note(&line);
            }
        }
    }
    // Opened once more as a gateway would, so that the last kill is recovered too.
    let bench = Bench::open(&settings(&dir, MAX_BYTES, &["central"]));
    assert!(
        bench.alerts().iter().all(|alert| !alert.contains("BUFFER_")),
        "{:?}",
        bench.alerts()
    );
    bench.finish();
    let inspection = Inspection::open(&dir).unwrap();
    let mut found = BTreeSet::new();
    for lane in Lane::BOTH {
        let mut seq_before = None;
        inspection
            .read(lane, |entry| {
                assert!(
                    seq_before.is_none_or(|before| before + 1 == entry.seq),
                    "{lane} is dense"
                );
                seq_before = Some(entry.seq);
                if !is_of_buffer(&entry) {
                    let n = number(&entry);
                    assert_eq!(entry.json, expected(n).json);
                    assert!(found.insert(n), "{n} is there twice");
                }
            })
            .unwrap();
    }
    let lost: Vec<_> = kept
        .iter()
        .filter(|n| !found.contains(n) && !delivered.contains(n))
        .collect();
    println!("{cycles} kills, {} acknowledged, {} lost", kept.len(), lost.len());
    assert!(!kept.is_empty());
    assert!(lost.is_empty(), "lost: {lost:?}");
}
