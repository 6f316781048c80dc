//! A full disk.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Bench, is_of_buffer, number, record, settings};
use crate::park::small_disk::SmallDisk;
use lineside::record::{Kind, Lane};

/// A station that scans one report after another, and remembers what it was told.
struct Station {
    next: u64,
    kept: BTreeSet<u64>,
    refused: BTreeSet<u64>,
}

impl Station {
    fn submit(&mut self, bench: &Bench) {
        self.next += 1;
        let mut commit = bench.commit(self.next, vec![record(Kind::WorkReport, self.next, 20_000)]);
        commit.states.insert("last".to_owned(), self.next.to_string().into());
        bench.submit(commit);
    }

    /// Hears one answer; returns whether it was a good one.
    fn hear(&mut self, bench: &Bench) -> bool {
        self.note(bench.answer())
    }

    /// Hears an answer, if one comes soon.
    fn hear_soon(&mut self, bench: &Bench) -> Option<bool> {
        let answer = bench.answers.recv_timeout(Duration::from_millis(500)).ok()?;
        Some(self.note(answer))
    }

    fn note(&mut self, (n, is_kept): (u64, bool)) -> bool {
        let told = if is_kept { &mut self.kept } else { &mut self.refused };
        assert!(told.insert(n), "{n} is answered once");
        is_kept
    }

    fn is_answered(&self, n: u64) -> bool {
        self.kept.contains(&n) || self.refused.contains(&n)
    }
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_heals_by_itself() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    for is_restarted in [false, true] {
        let settings = settings(
            &disk.path().join(format!("buffer-{is_restarted}")),
            1 << 30,
            &["central"],
        );
        let mut bench = Bench::open(&settings);
        let mut station = Station {
            next: 0,
            kept: BTreeSet::new(),
            refused: BTreeSet::new(),
        };
        // The reserve carries it on for a while; then everything is refused. Whoever was in the group that failed hears
        // of it only when the disk has let go of it.
        let mut refused_in_a_row = 0;
        while refused_in_a_row < 5 {
            disk.fill();
            station.submit(&bench);
            refused_in_a_row = match station.hear_soon(&bench) {
                Some(true) => 0,
                Some(false) => refused_in_a_row + 1,
                None => refused_in_a_row,
            };
        }
        assert!(!bench.status.buffer().writable);
        assert!(bench.status.buffer().problem.is_some());
        if is_restarted {
            bench.finish();
            disk.free();
            bench = Bench::open(&settings);
        } else {
            disk.free();
            // Nobody but the buffer itself does anything about it now.
            while (1..=station.next).any(|n| !station.is_answered(n)) {
                station.hear(&bench);
            }
        }
        station.submit(&bench);
        assert!(station.hear(&bench), "it has healed");
        for _ in 0..2 {
            let all = bench.all(Lane::Report);
            let found: Vec<_> = all.values().filter(|e| !is_of_buffer(e)).map(number).collect();
            assert!(found.is_sorted());
            let found: BTreeSet<_> = found.into_iter().collect();
            assert!(found.is_superset(&station.kept), "all that was kept is there");
            assert!(found.is_disjoint(&station.refused), "nothing that was refused is there");
            // What was never answered may be there, as after a power cut; then its state is, too.
            assert!(found.iter().all(|n| station.is_answered(*n) || is_restarted));
            assert_eq!(bench.buffer.states()["last"], found.last().unwrap().to_string());
            assert!(all.keys().copied().eq(1..bench.tail(Lane::Report)), "dense");
            assert!(bench.alerts().iter().all(|alert| !alert.contains("BUFFER_DAMAGED")));
            bench.finish();
            bench = Bench::open(&settings);
        }
        assert!(!station.refused.is_empty());
        bench.finish();
    }
}
