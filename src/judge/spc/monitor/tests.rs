//! A chart value by value: it finds what a whole series finds, survives a restart, and stays small.

use chrono::DateTime;
use proptest::prelude::*;

use super::phase::{EXCLUSIONS_MAX, REASON_BYTES_MAX, USER_BYTES_MAX};
use super::*;
use crate::judge::spc::analysis::{Analysis, Limits, Options, counts, singles};
use crate::judge::spc::{Chart, Rule, RuleSet, Spec};

fn at(second: usize) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000 + i64::try_from(second).expect("a short test"), 0).expect("an instant")
}

fn settings(chart: Chart, subgroup: usize) -> Settings {
    let mut settings = Settings::new("force", chart, subgroup);
    settings.design.rules = "all".parse().expect("rules");
    settings.limits = Baseline::Learn(5);
    settings
}

/// Which rule begins or ends at which observation.
type Told = Vec<(usize, String, Change)>;

fn fed(monitor: &mut Monitor, settings: &Settings, observations: &[Observation]) -> Told {
    let mut told = Vec::new();
    for (second, observation) in observations.iter().enumerate() {
        for finding in monitor.take(settings, at(second), *observation) {
            told.push((second, finding.subject.rule.expect("a rule"), finding.change));
        }
    }
    told
}

/// What a series looked at as a whole says of the points after phase I, as beginnings and ends.
fn as_a_whole(samples: Vec<Sample>, settings: &Settings, phase1: usize) -> Told {
    let options = Options {
        design: settings.design.clone(),
        limits: Limits::Estimate,
        phase1: Some(phase1),
        excluded: Vec::new(),
        spec: None,
    };
    let Ok(analysis) = Analysis::of(samples, options) else {
        return Vec::new();
    };
    let mut told = Vec::new();
    let mut firing = Hits::default();
    for (index, point) in analysis.points.iter().enumerate().skip(phase1 - 1) {
        let begun = point.hits.without(firing).rules().map(|rule| (rule, Change::Begins));
        let ended = firing.without(point.hits).rules().map(|rule| (rule, Change::Ends));
        told.extend(
            begun
                .chain(ended)
                .map(|(rule, change)| (index, rule.name().to_owned(), change)),
        );
        firing = point.hits;
    }
    told
}

/// Values that run, jump and repeat, so that every rule has its chance.
fn values() -> impl Strategy<Value = Vec<Option<f64>>> {
    let runs = prop::collection::vec((-3.0..3.0_f64, 0.05..1.5_f64, 1..14_usize, any::<u64>()), 2..12);
    runs.prop_map(|runs| {
        let of_run = |(center, width, length, seed): (f64, f64, usize, u64)| {
            let mut random = fastrand::Rng::with_seed(seed);
            let value =
                move |_| (random.f64() > 0.03).then(|| ((center + width * (random.f64() - 0.5)) * 8.0).round() / 8.0);
            (0..length).map(value).collect::<Vec<_>>()
        };
        runs.into_iter().flat_map(of_run).collect()
    })
}

proptest! {
    #[test]
    fn single_values_are_judged_as_the_series_is(values in values(), chart in prop::sample::select(vec![Chart::IMr, Chart::Ewma, Chart::Cusum])) {
        let settings = settings(chart, 1);
        let mut monitor = Monitor::new(&settings);
        let observations: Vec<Observation> = values.iter().map(|v| v.map_or(Observation::Bad, Observation::Value)).collect();
        let mut told = fed(&mut monitor, &settings, &observations);
        told.retain(|(_, rule, _)| rule != "phase1");
        // Missing values have no point.
        let places: Vec<usize> = values.iter().enumerate().filter(|(_, v)| v.is_some()).map(|(place, _)| place).collect();
        prop_assume!(places.len() > 5 && monitor.limits.is_some() && monitor.phase1.len() == 5 && monitor.limits_version == 1);
        let first = singles(values.iter().copied());
        // Where the first five are all alike learning goes on, and the series begins later.
        prop_assume!(monitor.phase1 == first[..5]);
        let whole = as_a_whole(first, &settings, 5);
        // A moving range is drawn, and raises no alarm.
        let whole = whole.into_iter().filter(|(_, rule, _)| rule != "SPREAD");
        let whole: Told = whole.map(|(index, rule, change)| (places[index], rule, change)).collect();
        prop_assert_eq!(told, whole);
    }

    #[test]
    fn subgroups_and_counts_are_judged_as_the_series_is(values in values()) {
        let values: Vec<f64> = values.into_iter().flatten().collect();
        prop_assume!(values.len() > 20);
        let by_three = settings(Chart::XbarR, 3);
        let mut monitor = Monitor::new(&by_three);
        let observations: Vec<Observation> = values.iter().copied().map(Observation::Value).collect();
        let mut told = fed(&mut monitor, &by_three, &observations);
        told.retain(|(_, rule, _)| rule != "phase1");
        let samples: Vec<Sample> = values.chunks_exact(3).filter_map(Sample::subgroup).collect();
        if samples.starts_with(&monitor.phase1) && monitor.limits.is_some() {
            let whole = as_a_whole(samples, &by_three, 5);
            let whole: Told = whole.into_iter().map(|(index, rule, change)| (index * 3 + 2, rule, change)).collect();
            prop_assert_eq!(told, whole);
        }

        let by_count = settings(Chart::P, 1);
        let rows: Vec<(f64, f64)> = values.iter().map(|v| ((v.abs() * 4.0).round(), 60.0 + (v * 8.0).round())).collect();
        let mut monitor = Monitor::new(&by_count);
        let observations: Vec<Observation> = rows.iter().map(|(defects, size)| Observation::Count { defects: *defects, size: *size }).collect();
        let mut told = fed(&mut monitor, &by_count, &observations);
        told.retain(|(_, rule, _)| rule != "phase1");
        let samples = counts(Chart::P, rows);
        if samples.starts_with(&monitor.phase1) && monitor.limits.is_some() {
            prop_assert_eq!(told, as_a_whole(samples, &by_count, 5));
        }
    }

    #[test]
    fn a_restart_at_any_value_changes_nothing(values in values(), cut in 0..100_usize) {
        let settings = settings(Chart::IMr, 1);
        let observations: Vec<Observation> = values.iter().map(|v| v.map_or(Observation::Bad, Observation::Value)).collect();
        let mut straight = Monitor::new(&settings);
        let told = fed(&mut straight, &settings, &observations);
        let mut again = Vec::new();
        let mut monitor = Monitor::new(&settings);
        for (second, observation) in observations.iter().enumerate() {
            if second == cut {
                monitor = Monitor::resume(&monitor.encode(), &settings);
            }
            let findings = monitor.take(&settings, at(second), *observation);
            again.extend(findings.into_iter().map(|f| (second, f.subject.rule.expect("a rule"), f.change)));
        }
        prop_assert_eq!(told, again);
        prop_assert_eq!(monitor.encode(), straight.encode());
    }
}

/// Learnt from values around 10, then as given.
fn after_learning(settings: &Settings) -> (Monitor, usize) {
    let mut monitor = Monitor::new(settings);
    for (second, value) in [9.0, 10.0, 11.0, 10.0, 10.5].into_iter().enumerate() {
        assert_eq!(monitor.take(settings, at(second), Observation::Value(value)), []);
    }
    assert!(!monitor.is_learning());
    (monitor, 5)
}

#[test]
fn an_episode_begins_when_a_rule_completes_and_ends_when_it_no_longer_does() {
    let mut settings = settings(Chart::IMr, 1);
    settings.design.rules = RuleSet::of(&[Rule::N1]);
    settings.design.spread = None;
    settings.spec = Some(Spec {
        lower: Some(5.0),
        upper: Some(20.0),
        target: None,
    });
    let (mut monitor, second) = after_learning(&settings);
    let found = monitor.take(&settings, at(second), Observation::Value(14.0));
    let [finding] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        (finding.key.as_str(), finding.alert_type.as_str()),
        ("spc/force/N1", "SPC_RULE")
    );
    assert_eq!((finding.change, finding.subject.value), (Change::Begins, Some(14.0)));
    assert_eq!(
        finding
            .subject
            .limits
            .as_ref()
            .and_then(|limits| limits["version"].as_u64()),
        Some(1)
    );
    assert!(
        finding.words.en.contains("14") && finding.words.zh.contains("14"),
        "{:?}",
        finding.words
    );
    assert_eq!(
        monitor.take(&settings, at(second + 1), Observation::Value(14.5)),
        [],
        "it goes on"
    );
    // Out of the specification too, which is told for itself.
    let found = monitor.take(&settings, at(second + 2), Observation::Value(21.0));
    assert_eq!(
        found
            .iter()
            .map(|f| (f.alert_type.as_str(), f.change))
            .collect::<Vec<_>>(),
        [("SPEC_LIMIT", Change::Begins)]
    );
    let found = monitor.take(&settings, at(second + 3), Observation::Value(10.0));
    let ended: Vec<_> = found.iter().map(|f| (f.key.as_str(), f.change)).collect();
    assert_eq!(
        ended,
        [("spc/force/spec", Change::Ends), ("spc/force/N1", Change::Ends)]
    );
}

#[test]
fn late_and_bad_values_are_counted_and_change_nothing() {
    let settings = settings(Chart::IMr, 1);
    let (mut monitor, second) = after_learning(&settings);
    let before = monitor.walk.clone();
    for late in [0, 2, second - 2] {
        assert_eq!(monitor.take(&settings, at(late), Observation::Value(1000.0)), []);
    }
    assert_eq!(monitor.take(&settings, at(second), Observation::Value(f64::NAN)), []);
    assert_eq!(monitor.take(&settings, at(second + 1), Observation::Bad), []);
    let count = Observation::Count {
        defects: 1.0,
        size: 2.0,
    };
    assert_eq!(monitor.take(&settings, at(second + 2), count), []);
    assert_eq!((monitor.late, monitor.bad, &monitor.walk), (3, 3, &before));
}

#[test]
fn values_of_one_moment_come_one_after_the_other() {
    let settings = settings(Chart::XbarR, 5);
    let mut monitor = Monitor::new(&settings);
    for value in [10.0, 10.1, 10.2, 10.3, 10.4] {
        monitor.take(&settings, at(0), Observation::Value(value));
    }
    let points: Vec<_> = monitor.view(&settings).points.iter().map(|point| point.value).collect();
    assert_eq!((monitor.late, points), (0, vec![10.2]));
}

#[test]
fn what_stands_still_is_not_learnt_from() {
    let settings = settings(Chart::IMr, 1);
    let mut monitor = Monitor::new(&settings);
    let still = [Observation::Value(10.0); 30];
    assert_eq!(fed(&mut monitor, &settings, &still), []);
    assert!(monitor.is_learning());
    let shown = serde_json::to_value(monitor.view(&settings)).expect("a view");
    assert_eq!(shown["phase"]["name"], "learning");
    assert_eq!(shown["phase"]["learnt"], 4);
    assert!(
        shown["phase"]["trouble"].as_str().is_some_and(|t| t.contains("alike")),
        "{shown}"
    );
}

#[test]
fn parts_and_every_nth_value_are_taken_as_told() {
    let mut settings = settings(Chart::IMr, 1);
    settings.sampling = Sampling::Every(3);
    let mut monitor = Monitor::new(&settings);
    let values: Vec<Observation> = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0].map(Observation::Value).into();
    fed(&mut monitor, &settings, &values);
    assert_eq!(
        monitor.phase1.iter().map(|sample| sample.value).collect::<Vec<_>>(),
        [3.0, 6.0]
    );

    settings.sampling = Sampling::Part;
    let mut monitor = Monitor::new(&settings);
    assert_eq!(monitor.part_counted(&settings, at(0)), []);
    fed(&mut monitor, &settings, &values);
    monitor.part_counted(&settings, at(7));
    monitor.part_counted(&settings, at(8));
    assert_eq!(
        monitor.phase1.iter().map(|sample| sample.value).collect::<Vec<_>>(),
        [7.0],
        "a value is of one part"
    );
}

#[test]
fn an_excluded_point_changes_the_limits_under_a_new_version() {
    let mut settings = settings(Chart::IMr, 1);
    settings.limits = Baseline::Learn(12);
    let mut monitor = Monitor::new(&settings);
    let values = [10.0, 10.2, 9.9, 10.1, 10.0, 30.0, 10.1, 9.9, 10.0, 10.2, 9.8, 10.0].map(Observation::Value);
    let told = fed(&mut monitor, &settings, &values);
    assert_eq!(told, [(11, "phase1".to_owned(), Change::Once)]);
    let wide = monitor.limits.expect("frozen").process;
    assert_eq!(
        monitor.exclude(&settings, 13, "?", "anna", at(20)),
        Err(PhaseError::NoSuchPoint(13))
    );
    assert_eq!(
        monitor.exclude(&settings, 6, " \t", "anna", at(20)),
        Err(PhaseError::NoReason)
    );
    monitor
        .exclude(&settings, 6, "tool broke", "anna", at(20))
        .expect("a point of phase I");
    assert_eq!(
        monitor.exclude(&settings, 6, "again", "anna", at(20)),
        Err(PhaseError::Excluded(6))
    );
    let limits = monitor.limits.expect("frozen");
    assert_eq!(limits.version, 2);
    // Neither its value nor the ranges to both sides of it are left.
    assert!(limits.process.sigma < 0.3 && wide.sigma > 3.0, "{limits:?}");
    assert!((limits.process.center - 10.0).abs() < 0.1);
    let view = monitor.view(&settings);
    assert_eq!(view.excluded[0].reason, "tool broke");
    assert_eq!(view.learnt_from, Some(11));
}

#[test]
fn what_is_excluded_stays_excluded_while_learning_goes_on() {
    let mut settings = settings(Chart::IMr, 1);
    settings.limits = Baseline::Learn(4);
    let mut monitor = Monitor::new(&settings);
    fed(&mut monitor, &settings, &[5.0, 5.0, 9.0].map(Observation::Value));
    for point in [1, 3] {
        monitor
            .exclude(&settings, point, "gauge slipped", "anna", at(3))
            .expect("a point of phase I");
    }
    // All that remain are alike, so learning goes on and the oldest makes room.
    monitor.take(&settings, at(10), Observation::Value(5.0));
    assert!(monitor.is_learning());
    let excluded: Vec<usize> = monitor
        .view(&settings)
        .excluded
        .iter()
        .map(|exclusion| exclusion.point)
        .collect();
    assert_eq!(excluded, [2]);
    monitor.take(&settings, at(11), Observation::Value(5.5));
    let limits = monitor.limits.expect("frozen").process;
    assert!((limits.center - 5.166_667).abs() < 1e-5, "without the 9: {limits:?}");
}

#[test]
fn other_settings_learn_anew_and_close_what_was_open() {
    let learnt = settings(Chart::IMr, 1);
    let (mut monitor, second) = after_learning(&learnt);
    let told = monitor.take(&learnt, at(second), Observation::Value(40.0));
    assert!(!told.is_empty());
    let mut other_rules = learnt.clone();
    other_rules.design.rules = RuleSet::of(&[Rule::N1]);
    assert!(
        !Monitor::resume(&monitor.encode(), &other_rules).is_learning(),
        "rules are not limits"
    );
    let other = settings(Chart::Ewma, 1);
    let mut resumed = Monitor::resume(&monitor.encode(), &other);
    assert!(resumed.is_learning());
    let ended = resumed.take(&other, at(second + 1), Observation::Value(10.0));
    assert!(ended.iter().all(|finding| finding.change == Change::Ends));
    assert_eq!(ended.len(), told.len());
    assert!(Monitor::resume(b"not a state", &other).is_learning());
}

#[test]
fn products_are_charted_by_their_deviation() {
    let mut settings = settings(Chart::ShortRunZ, 1);
    settings.limits = Baseline::Given {
        center: 0.0,
        sigma: 1.0,
    };
    settings.design.rules = RuleSet::of(&[Rule::N1]);
    settings.design.spread = None;
    for (product, center, sigma) in [("A", 10.0, 0.1), ("B", 200.0, 5.0)] {
        settings.products.insert(
            product.to_owned(),
            Nominal {
                center,
                sigma: Some(sigma),
            },
        );
    }
    assert_eq!(settings.problem(), None);
    let mut monitor = Monitor::new(&settings);
    let of = |product, value| Observation::Of { product, value };
    let observations = [
        of("A", 10.1),
        of("B", 210.0),
        of("C", 1.0),
        of("A", 10.31),
        of("B", 186.0),
    ];
    let told = fed(&mut monitor, &settings, &observations);
    let begun: Vec<usize> = told
        .iter()
        .filter(|(_, _, change)| *change == Change::Begins)
        .map(|t| t.0)
        .collect();
    assert_eq!(begun, [3]);
    assert_eq!(monitor.bad, 1, "nobody knows product C");
}

#[test]
fn the_state_stays_small_at_its_largest() {
    let mut settings = settings(Chart::XbarS, SUBGROUP_MAX);
    settings.limits = Baseline::Learn(LEARN_MAX);
    settings.design.rules = RuleSet::of(&Rule::NELSON);
    let mut monitor = Monitor::new(&settings);
    let mut random = fastrand::Rng::with_seed(1);
    for second in 0..50 * 400 + 49 {
        let value = (random.f64() - 0.5) * 1e-5 / 3.0;
        monitor.take(&settings, at(second * 3600), Observation::Value(value));
    }
    for point in 1..=EXCLUSIONS_MAX {
        let (reason, user) = ("r".repeat(REASON_BYTES_MAX), "u".repeat(USER_BYTES_MAX));
        monitor
            .exclude(&settings, point, &reason, &user, at(80_000_000))
            .expect("one more");
    }
    assert_eq!(
        (monitor.recent.len(), monitor.phase1.len(), monitor.group.len()),
        (RECENT_MAX, LEARN_MAX, SUBGROUP_MAX - 1)
    );
    let state = monitor.encode();
    assert!(state.len() <= STATE_BYTES_MAX, "{} bytes", state.len());
    assert_eq!(Monitor::resume(&state, &settings), monitor);
    settings.subgroup += 1;
    assert!(settings.problem().is_some_and(|problem| problem.contains("at most 50")));
}
