use super::*;

struct Bench {
    dir: tempfile::TempDir,
    disk: States,
}

impl Bench {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            disk: States::new(),
        }
    }

    fn journal(&self) -> Journal {
        Journal::new(self.dir.path().join("judgement.state"))
    }

    /// A commit that reaches the disk by itself.
    fn commit(&mut self, journal: &mut Journal) {
        if let Some(kept) = self.commit_with_others(journal) {
            kept();
        }
    }

    /// One that is written together with those that follow.
    fn commit_with_others(&mut self, journal: &mut Journal) -> Option<impl FnOnce() + use<>> {
        let mut states = States::new();
        let kept = journal.commit(&mut states);
        self.disk.append(&mut states);
        self.disk.retain(|_, value| !value.is_empty());
        kept
    }

    fn kept(&self) -> (Vec<u8>, Vec<i64>) {
        let kept = self.journal().restore(&self.disk);
        let told = kept.told.iter().map(|(_, observation)| observation.at_ms);
        (kept.states.get("spc/x").cloned().unwrap_or_default(), told.collect())
    }
}

fn observation(at_ms: i64) -> Observation {
    let at = DateTime::from_timestamp_millis(at_ms).expect("a time");
    let seen = Seen {
        value: Some(0.1 + 0.2),
        ..Seen::default()
    };
    Observation::new(at, at + TimeDelta::milliseconds(7), What::Value(seen))
}

#[test]
fn what_was_told_is_told_again_in_order_until_it_is_in_the_file() {
    let mut bench = Bench::new();
    let mut journal = bench.journal();
    for at_ms in [1, 2, 3] {
        journal.note(&[Ear::only("spc/x")], &observation(at_ms));
        bench.commit(&mut journal);
    }
    assert_eq!(bench.kept(), (Vec::new(), vec![1, 2, 3]));
    let write = journal.checkpoint(BTreeMap::from([("spc/x".to_owned(), vec![9])]));
    journal.note(&[Ear::only("spc/x")], &observation(4));
    bench.commit(&mut journal);
    assert_eq!(bench.kept(), (Vec::new(), vec![1, 2, 3, 4]), "not written yet");
    write();
    assert_eq!(bench.kept(), (vec![9], vec![4]));
    journal.note(&[Ear::only("spc/x")], &observation(5));
    bench.commit(&mut journal);
    assert_eq!(bench.disk.len(), 2, "what is in the file is forgotten");
    assert_eq!(bench.kept(), (vec![9], vec![4, 5]));
}

#[test]
fn what_the_disk_refused_goes_with_the_next_commit() {
    let mut bench = Bench::new();
    let mut journal = bench.journal();
    for at_ms in [1, 2] {
        journal.note(&[Ear::only("spc/x")], &observation(at_ms));
        bench.commit(&mut journal);
    }
    journal.checkpoint(BTreeMap::from([("spc/x".to_owned(), vec![9])]))();
    journal.note(&[Ear::only("spc/x")], &observation(3));
    let mut refused = States::new();
    journal.commit(&mut refused);
    journal.take_back(refused);
    journal.note(&[Ear::only("spc/x")], &observation(4));
    bench.commit(&mut journal);
    assert_eq!(bench.kept(), (vec![9], vec![3, 4]));
    assert_eq!(bench.disk.len(), 1, "what is in the file is forgotten");
}

#[test]
fn commits_that_go_to_the_disk_together_share_a_page() {
    let mut bench = Bench::new();
    let mut journal = bench.journal();
    let mut kept = Vec::new();
    for at_ms in [1, 2, 3] {
        journal.note(&[Ear::only("spc/x")], &observation(at_ms));
        kept.extend(bench.commit_with_others(&mut journal));
    }
    assert_eq!((bench.disk.len(), bench.kept().1), (1, vec![1, 2, 3]));
    // The disk has the first of them while the next one is under way.
    journal.note(&[Ear::only("spc/x")], &observation(4));
    kept.remove(0)();
    bench.commit(&mut journal);
    assert_eq!((bench.disk.len(), bench.kept().1), (1, vec![1, 2, 3, 4]));
    journal.note(&[Ear::only("spc/x")], &observation(5));
    bench.commit(&mut journal);
    assert_eq!((bench.disk.len(), bench.kept().1), (2, vec![1, 2, 3, 4, 5]));
    let write = journal.checkpoint(BTreeMap::new());
    journal.note(&[Ear::only("spc/x")], &observation(6));
    bench.commit(&mut journal);
    write();
    assert_eq!(bench.kept().1, [6]);
}

#[test]
fn a_page_that_the_disk_does_not_take_does_not_grow_for_ever() {
    let mut bench = Bench::new();
    let mut journal = bench.journal();
    for at_ms in 0..2000 {
        journal.note(&[Ear::only("spc/x")], &observation(at_ms));
        drop(bench.commit_with_others(&mut journal));
    }
    let longest = bench.disk.values().map(Bytes::len).max();
    assert!(longest.is_some_and(|bytes| bytes < PAGE_BYTES_MAX + 100), "{longest:?}");
    assert_eq!(bench.kept().1, (0..2000).collect::<Vec<i64>>());
}

#[test]
fn it_goes_on_counting_after_a_restart() {
    let mut bench = Bench::new();
    let mut journal = bench.journal();
    journal.note(&[Ear::only("spc/x")], &observation(1));
    bench.commit(&mut journal);
    let mut journal = bench.journal();
    journal.restore(&bench.disk);
    journal.note(&[Ear::only("spc/x")], &observation(2));
    bench.commit(&mut journal);
    assert_eq!(bench.kept().1, [1, 2]);
}

#[test]
fn a_page_of_another_version_is_set_aside_and_forgotten() {
    let mut bench = Bench::new();
    let of_before = postcard::to_allocvec(&("spc/x", observation(1))).expect("encodes");
    bench.disk.insert(name_of(7), of_before.into());
    let mut journal = bench.journal();
    assert_eq!(journal.restore(&bench.disk).told, []);
    journal.note(&[Ear::only("spc/x")], &observation(2));
    bench.commit(&mut journal);
    assert_eq!((bench.disk.len(), bench.kept().1), (1, vec![2]));
}

#[test]
fn an_observation_is_read_back_as_it_was() {
    let told = observation(1_763_715_600_123);
    let encoded = postcard::to_allocvec(&told).expect("encodes");
    assert_eq!(postcard::from_bytes::<Observation>(&encoded).expect("reads"), told);
    assert_eq!(told.heard_at() - told.at(), TimeDelta::milliseconds(7));
}

#[test]
fn a_damaged_file_means_to_begin_anew_and_not_to_believe_it() {
    let mut bench = Bench::new();
    let mut journal = bench.journal();
    journal.note(&[Ear::only("spc/x")], &observation(1));
    bench.commit(&mut journal);
    journal.checkpoint(BTreeMap::from([("spc/x".to_owned(), vec![9])]))();
    let file = bench.dir.path().join("judgement.state");
    let mut written = std::fs::read(&file).expect("it is there");
    written[3] ^= 1;
    std::fs::write(&file, written).expect("it is writable");
    assert_eq!(bench.kept(), (Vec::new(), vec![1]));
}

#[test]
fn states_are_written_when_what_was_told_is_old_or_much() {
    let mut bench = Bench::new();
    let mut journal = bench.journal();
    let now = DateTime::from_timestamp_millis(0).expect("a time");
    assert!(!journal.is_due(now), "nothing was told");
    journal.note(&[Ear::only("spc/x")], &observation(1));
    bench.commit(&mut journal);
    assert!(!journal.is_due(now));
    journal.clock_was_set(TimeDelta::hours(-1));
    let now = now - TimeDelta::hours(1);
    assert!(!journal.is_due(now + TimeDelta::seconds(59)));
    assert!(journal.is_due(now + TimeDelta::seconds(60)));
    assert!(!journal.is_due(now + TimeDelta::seconds(61)));
    assert!(!journal.is_due(now + TimeDelta::seconds(62)));
    for at_ms in 0..20_000 {
        journal.note(&[Ear::only("spc/x")], &observation(at_ms));
    }
    bench.commit(&mut journal);
    assert!(journal.is_due(now + TimeDelta::seconds(67)));
}
