use super::*;
use crate::clock::Zone;
use crate::judge::anomaly::learning::Limit;
use crate::judge::anomaly::outlier::Sensitivity;
use crate::judge::anomaly::range::Span;
use crate::judge::anomaly::{cycle_time, heartbeat, low_output, range, stuck};
use crate::record::{CounterDef, Severity};
use chrono::TimeDelta;
use proptest::prelude::*;

const PLAIN: CounterDef = CounterDef {
    rolls_over_at: None,
    max_per_second: f64::INFINITY,
    scaling: None,
};

fn watched(point: &str, how: Vec<How>) -> Settings {
    let checks = how.into_iter().map(|how| Check {
        delays: how.delays(),
        how,
    });
    Settings {
        name: format!("press-{point}"),
        equipment: "PRESS-7".to_owned(),
        point: point.to_owned(),
        gap_after_s: None,
        only_running: false,
        checks: checks.collect(),
    }
}

const LEARN_S: f64 = 3600.0;

fn learnt() -> Limit {
    Limit::Learnt { for_s: LEARN_S }
}

/// Every check of values, with nothing given.
fn on_values() -> Settings {
    watched(
        "temperature",
        vec![
            How::Outlier(Sensitivity::Normal),
            How::Stuck(stuck::Settings {
                after: learnt(),
                band: stuck::SAME,
            }),
            How::Rate(learnt()),
            // What a day brings shows in a day.
            How::Range(range::Settings::Learnt { for_s: 86_400.0 }),
            How::Spike(learnt()),
            How::Heartbeat(heartbeat::Settings::DEFAULT),
        ],
    )
}

/// Every check of counters, with nothing given.
fn on_counts() -> Settings {
    let output = low_output::Settings {
        counter: PLAIN,
        window_s: 300,
        drop: 0.3,
        per_hour: None,
        per_hour_of: std::collections::BTreeMap::new(),
        zone: Zone::UTC,
        planned: None,
        is_silent_at_rest: false,
    };
    let cycle = cycle_time::Settings {
        from: cycle_time::From::Counts(PLAIN),
        stop_after_s: None,
        slow_sigmas: 6.0,
        drift_sigmas: 5.0,
    };
    watched(
        "good_count",
        vec![
            How::CounterReset(PLAIN),
            How::LowOutput(Box::new(output)),
            How::CycleTime(cycle),
            How::Heartbeat(heartbeat::Settings::DEFAULT),
        ],
    )
}

/// One range, given, without delays.
fn on_range() -> Settings {
    let span = Span { low: 5.0, high: 90.0 };
    let mut settings = watched(
        "temperature",
        vec![How::Range(range::Settings::Given {
            suspect: span,
            fail: None,
        })],
    );
    settings.checks[0].delays.on_s = 2.0;
    settings
}

fn at(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(ms)
}

fn context(ms: i64) -> Context<'static> {
    Context {
        heard_at: at(ms),
        is_running: Some(true),
        part: Some("P-100"),
        program: None,
    }
}

/// One observation: when, and a good value or none.
type Seen = (i64, Option<f64>);

fn run(settings: &Settings, watch: &mut Watch, seen: &[Seen]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (ms, value) in seen {
        found.extend(watch.tick(settings, at(*ms)).found);
        found.extend(watch.take(settings, at(*ms), *value, &context(*ms)));
    }
    found
}

fn changes(found: &[Finding]) -> Vec<(String, Change)> {
    found
        .iter()
        .map(|finding| (finding.key.clone(), finding.change))
        .collect()
}

/// A tooth of noise that a seed decides, about normal with a deviation of 1.
fn noise(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// A temperature over a day, every 2 s: it follows the day, breathes with the cooling, and is noisy.
fn temperature(seed: u64, hours: i64) -> Vec<Seen> {
    let mut random = fastrand::Rng::with_seed(seed);
    let each = (0..hours * 1800).map(|nth| {
        let second = f64::from(i32::try_from(nth * 2).expect("a day"));
        let day = 3.0 * (second / 86_400.0 * std::f64::consts::TAU).sin();
        let breath = (second / 420.0 * std::f64::consts::TAU).sin();
        let value = 60.0 + day + breath + 0.3 * noise(&mut random);
        (nth * 2000, Some((value * 100.0).round() / 100.0))
    });
    each.collect()
}

/// A counter that is read every 500 ms; cycles of 5 s within a few per cent.
fn count(seed: u64, hours: i64) -> Vec<Seen> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut pieces, mut next_ms) = (0.0, 5000.0);
    let each = (0..hours * 7200).map(|nth| {
        let ms = nth * 500;
        while next_ms <= f64::from(i32::try_from(ms).expect("a day")) {
            pieces += 1.0;
            next_ms += 5000.0 * (1.0 + 0.03 * noise(&mut random));
        }
        (ms, Some(pieces))
    });
    each.collect()
}

#[test]
fn a_clean_day_raises_nothing() {
    for (settings, seen) in [(on_values(), temperature(7, 30)), (on_counts(), count(7, 24))] {
        let mut watch = Watch::new(&settings);
        let found = run(&settings, &mut watch, &seen);
        assert_eq!(changes(&found), [], "{found:#?}");
        let view = watch.view(&settings);
        assert!(view.checks.iter().all(|check| !check.is_learning), "{view:#?}");
        let size = watch.encode().len();
        assert!(size <= 8 << 10, "{size} bytes");
    }
}

#[test]
fn seeded_faults_are_found_and_named() {
    let settings = on_values();
    let mut watch = Watch::new(&settings);
    let mut seen = temperature(3, 6);
    let from = seen.len() - 1800;
    let held = seen[from].1;
    seen[from..from + 200].iter_mut().for_each(|(_, value)| *value = held);
    seen[from + 600].1 = Some(95.0);
    let found = run(&settings, &mut watch, &seen);
    let has = |check: &str, change| found.iter().any(|f| f.key.ends_with(check) && f.change == change);
    for check in ["/stuck", "/spike", "/rate"] {
        assert!(
            has(check, Change::Begins) && has(check, Change::Ends),
            "{check}: {found:#?}"
        );
    }
    assert!(found[0].key.ends_with("/stuck"), "{found:#?}");
    let since_s = (found[0].at - at(seen[from].0)).num_seconds();
    assert!((60..=90).contains(&since_s), "told after {since_s} s");
}

#[test]
fn an_episode_is_one_event_with_its_peak() {
    let settings = on_range();
    let mut watch = Watch::new(&settings);
    let values = [80.0, 91.0, 95.0, 95.0, 99.0, 95.0, 91.0, 60.0, 60.0];
    let mut seen: Vec<Seen> = values
        .iter()
        .zip(0..)
        .map(|(value, nth)| (nth * 1000, Some(*value)))
        .collect();
    seen.extend([(17_000, Some(60.0)), (18_000, Some(60.0))]);
    let found = run(&settings, &mut watch, &seen);
    let key = "watch/press-temperature/range".to_owned();
    assert_eq!(changes(&found), [(key.clone(), Change::Begins), (key, Change::Ends)]);
    assert_eq!(found[0].at, at(3000), "after the on-delay");
    assert_eq!(found[0].severity, Severity::Medium);
    assert_eq!(found[0].words.en, "temperature of PRESS-7 is 95, above 90");
    assert_eq!(
        found[1].words.en,
        "Over after 16 s. At worst: temperature of PRESS-7 is 99, above 90"
    );
    assert_eq!(
        found[1].words.zh,
        "持续 16 秒后已恢复。最严重时：PRESS-7 的 temperature 为 99，高于上限 90"
    );
}

#[test]
fn nothing_lasts_over_a_gap() {
    let settings = on_range();
    let mut watch = Watch::new(&settings);
    let mut seen: Vec<Seen> = (0..10).map(|nth| (nth * 1000, Some(50.0))).collect();
    seen.extend([(10_000, Some(95.0)), (300_000, Some(95.0)), (301_000, Some(95.0))]);
    assert_eq!(run(&settings, &mut watch, &seen), []);
    assert_eq!(run(&settings, &mut watch, &[(302_000, Some(95.0))]).len(), 1);
}

#[test]
fn gaps_in_a_day_raise_nothing_but_silence() {
    let settings = on_values();
    let mut watch = Watch::new(&settings);
    let mut seen = temperature(5, 12);
    // What comes after a gap is far from what was before it, as after a pause.
    seen.retain(|(ms, _)| !(18_000_000..18_600_000).contains(ms) && !(30_000_000..30_900_000).contains(ms));
    let found = run(&settings, &mut watch, &seen);
    assert!(
        found.iter().all(|finding| finding.key.ends_with("/heartbeat")),
        "{found:#?}"
    );
    assert_eq!(found.len(), 4, "two silences begin and end");
}

#[test]
fn of_several_values_of_one_moment_all_are_held_against_the_range_and_one_against_the_pace() {
    let settings = on_values();
    let series = temperature(11, 2);
    let (mut one, mut several) = (Watch::new(&settings), Watch::new(&settings));
    run(&settings, &mut one, &series);
    for (ms, value) in &series {
        for _ in 0..3 {
            several.take(&settings, at(*ms), *value, &context(*ms));
        }
    }
    let (mut one, mut several) = (one.view(&settings), several.view(&settings));
    for view in [&mut one, &mut several] {
        view.checks.retain(|check| check.check != "range");
    }
    assert_eq!(several, one);

    let (suspect, fail) = (range::Span { low: 0.0, high: 90.0 }, None);
    let settings = watched(
        "temperature",
        vec![How::Range(range::Settings::Given { suspect, fail })],
    );
    let mut watch = Watch::new(&settings);
    assert_eq!(watch.take(&settings, at(0), Some(50.0), &context(0)), []);
    watch.take(&settings, at(0), Some(95.0), &context(0));
    let score = watch.view(&settings).checks[0].score;
    assert!(score > 1.0, "{score}");
}

#[test]
fn what_is_bad_or_late_is_counted_and_not_learnt_from() {
    let settings = on_values();
    let clean = temperature(11, 2);
    let mut expected = Watch::new(&settings);
    run(&settings, &mut expected, &clean);
    let mut watch = Watch::new(&settings);
    for (nth, (ms, value)) in clean.iter().enumerate() {
        watch.take(&settings, at(*ms), *value, &context(*ms));
        if nth % 50 == 49 {
            // Late ones with wild values change nothing at all.
            assert_eq!(watch.take(&settings, at(*ms - 10_000), Some(1e6), &context(*ms)), []);
        }
    }
    let view = watch.view(&settings);
    assert_eq!((view.late, view.bad), (72, 0));
    watch.late = 0;
    assert_eq!(watch, expected);
    for nth in 1..=100 {
        let ms = clean.last().expect("values").0 + nth * 2000;
        let bad = if nth % 2 == 0 { Some(f64::NAN) } else { None };
        assert_eq!(watch.take(&settings, at(ms), bad, &context(ms)), []);
    }
    let after = watch.view(&settings);
    assert_eq!((after.bad, after.value), (100, view.value));
    for (checked, before) in watch.checks.iter().zip(&expected.checks) {
        if !matches!(checked.state, State::Rate(_) | State::Spike(_)) {
            assert_eq!(checked, before, "nothing learnt");
        }
    }
}

#[test]
fn silence_is_told_by_time_and_ended_by_a_value_alone() {
    let settings = watched(
        "temperature",
        vec![How::Heartbeat(heartbeat::Settings {
            every_s: Some(10.0),
            ..heartbeat::Settings::DEFAULT
        })],
    );
    let mut watch = Watch::new(&settings);
    run(&settings, &mut watch, &[(0, Some(1.0))]);
    assert_eq!(watch.tick(&settings, at(35_000)), Ticked::default());
    let begins = watch.tick(&settings, at(36_000)).found;
    assert_eq!(
        begins[0].words.en,
        "No good value of temperature of PRESS-7 for 36 s; expected at least every 35 s"
    );
    let restored = Watch::restore(&settings, &watch.encode(), at(40_000));
    assert_eq!((restored.ended, restored.is_anew), (Vec::new(), false));
    let mut watch = restored.watch;
    watch.resume(at(40_000));
    assert_eq!(
        watch.tick(&settings, at(41_000)),
        Ticked::default(),
        "a restart neither ends nor repeats it"
    );
    let ends = watch.take(&settings, at(50_000), Some(1.0), &context(50_000));
    assert_eq!(
        ends.iter().map(|finding| finding.change).collect::<Vec<_>>(),
        [Change::Ends]
    );
}

#[test]
fn other_settings_begin_anew_and_end_what_was_open() {
    let mut settings = on_range();
    let mut watch = Watch::new(&settings);
    let seen: Vec<Seen> = (0..4).map(|nth| (nth * 1000, Some(99.0))).collect();
    assert_eq!(run(&settings, &mut watch, &seen).len(), 1);
    settings.checks[0].delays.off_s = 1.0;
    let restored = Watch::restore(&settings, &watch.encode(), at(9000));
    assert_eq!(
        changes(&restored.ended),
        [("watch/press-temperature/range".to_owned(), Change::Ends)]
    );
    assert!(restored.is_anew);
    assert_eq!(restored.watch, Watch::new(&settings));
    let unreadable = Watch::restore(&settings, b"\xff\xff not a state", at(0));
    assert_eq!((unreadable.ended, unreadable.is_anew), (Vec::new(), true));
}

#[test]
fn a_slow_cycle_and_slower_cycles_are_told() {
    let settings = on_counts();
    let mut watch = Watch::new(&settings);
    let mut seen = count(9, 4);
    // From 2 h on one cycle lasts 15 s; from 3 h on everything takes a fifth longer.
    let stretched = |ms: i64| match ms {
        ..7_200_000 => ms,
        7_200_000..10_800_000 => ms + 10_000,
        _ => 10_810_000 + (ms - 10_800_000) * 6 / 5,
    };
    for (ms, _) in &mut seen {
        *ms = stretched(*ms);
    }
    let found = run(&settings, &mut watch, &seen);
    let told: Vec<_> = found.iter().map(|f| (f.alert_type.as_str(), f.change)).collect();
    assert!(told.contains(&("SLOW_CYCLE", Change::Once)), "{found:#?}");
    assert!(told.contains(&("CYCLE_TIME", Change::Begins)), "{found:#?}");
    let drift = found.iter().find(|f| f.alert_type == "CYCLE_TIME").expect("a drift");
    assert!(
        drift.words.en.contains("slower") && drift.words.zh.contains("变慢"),
        "{drift:#?}"
    );
    let after_s = (drift.at - at(10_810_000)).num_seconds();
    assert!((0..=120).contains(&after_s), "told after {after_s} s");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A kill -9 anywhere loses nothing and doubles nothing.
    #[test]
    fn a_restored_watch_finds_what_it_would_have_found(seed in any::<u64>(), cut in 0.0..1.0_f64) {
        let mut random = fastrand::Rng::with_seed(seed);
        for (settings, mut seen) in [(on_values(), temperature(seed, 3)), (on_counts(), count(seed, 1))] {
            for _ in 0..40 {
                let nth = random.usize(0..seen.len());
                let wild = random.f64() * 200.0;
                let until = (nth + random.usize(1..60)).min(seen.len());
                let is_bad = random.bool();
                seen[nth..until].iter_mut().for_each(|(_, value)| *value = (!is_bad).then_some(wild));
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a row")]
            let place = (cut * seen.len() as f64) as usize;
            let mut whole = Watch::new(&settings);
            let expected = run(&settings, &mut whole, &seen);
            let mut watch = Watch::new(&settings);
            let mut found = run(&settings, &mut watch, &seen[..place]);
            let decoded: Watch = postcard::from_bytes(&watch.encode()).expect("what was encoded");
            prop_assert_eq!(&decoded, &watch);
            watch = decoded;
            found.extend(run(&settings, &mut watch, &seen[place..]));
            prop_assert_eq!(found, expected);
            prop_assert!(watch.encode().len() <= 8 << 10);
        }
    }
}
