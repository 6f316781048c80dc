use chrono::TimeDelta;
use fastrand::Rng;
use proptest::prelude::*;

use super::*;

const STEP_S: i64 = 300;

fn at(row: usize) -> Timestamp {
    let start = Timestamp::from_timestamp(1_396_310_400, 0).expect("a time");
    start + TimeDelta::seconds(STEP_S * i64::try_from(row).expect("a small number"))
}

/// Nearly normal, with a standard deviation of 1.
fn noise(random: &mut Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

fn judged(values: impl IntoIterator<Item = f64>) -> Vec<Score> {
    let mut outlier = Outlier::new();
    let rows = values.into_iter().enumerate();
    rows.map(|(row, value)| outlier.take(at(row), value)).collect()
}

/// 20 by night and 80 by day, nine hours long.
fn day_and_night(row: usize, random: &mut Rng) -> f64 {
    let hour = row * 300 / 3600 % 24;
    noise(random) + if (9..18).contains(&hour) { 80.0 } else { 20.0 }
}

fn worst(scores: &[Score]) -> Score {
    let worst = scores.iter().max_by(|a, b| a.score.total_cmp(&b.score));
    *worst.expect("there are scores")
}

#[test]
fn noise_is_calm() {
    let mut random = Rng::with_seed(1);
    let scores = judged((0..20_000).map(|_| 50.0 + noise(&mut random)));
    let worst = worst(&scores);
    assert!(worst.score < Sensitivity::Normal.threshold(), "{worst:?}");
}

#[test]
fn a_value_beyond_everything_is_found_at_once() {
    let mut random = Rng::with_seed(2);
    let scores = judged((0..2000).map(|row| noise(&mut random) + if row == 1500 { 40.0 } else { 0.0 }));
    assert!(scores[1500].score > Sensitivity::Low.threshold(), "{:?}", scores[1500]);
    assert_eq!(scores[1500].term, Term::Range);
    let (low, high) = scores[1500].expected.expect("learnt");
    assert!(low > -4.0 && high < 4.0 && low < high, "{low} … {high}");
}

#[test]
fn a_large_shift_is_found_while_it_is_young() {
    let mut random = Rng::with_seed(3);
    let scores = judged((0..4000).map(|row| noise(&mut random) + if row >= 3000 { 5.0 } else { 0.0 }));
    let found = (0..4000).find(|row| scores[*row].score >= Sensitivity::High.threshold());
    assert!(found.is_some_and(|row| (3000..3010).contains(&row)), "{found:?}");
}

#[test]
fn a_day_without_its_day_is_found_although_every_value_is_usual() {
    let mut random = Rng::with_seed(4);
    let holiday = 10 * 288..11 * 288;
    let scores = judged((0..14 * 288).map(|row| {
        let value = day_and_night(row, &mut random);
        if holiday.contains(&row) {
            20.0 + noise(&mut random)
        } else {
            value
        }
    }));
    let before = worst(&scores[3 * 288..holiday.start]);
    let during = worst(&scores[holiday]);
    assert!(during.score > 1.2 * before.score, "{during:?} after {before:?}");
    assert_eq!(during.term, Term::Season);
}

#[test]
fn what_is_late_or_no_number_leaves_no_trace() {
    let mut random = Rng::with_seed(5);
    let mut outlier = Outlier::new();
    for row in 0..500 {
        outlier.take(at(row), noise(&mut random));
    }
    let before = outlier.clone();
    assert_eq!(outlier.take(at(600), f64::NAN).score.to_bits(), 0);
    assert_eq!(outlier.take(at(600), f64::INFINITY).score.to_bits(), 0);
    assert_eq!(outlier.take(at(600), -1e200).score.to_bits(), 0);
    assert_eq!(outlier, before);
    assert_eq!(outlier.take(at(499), 1000.0).score.to_bits(), 0);
    assert_eq!(outlier.late(), 1);
    outlier.late = 0;
    assert_eq!(outlier, before);
}

#[test]
fn a_gap_is_no_jump() {
    let judge_after = |gap: usize| {
        let mut random = Rng::with_seed(6);
        let mut outlier = Outlier::new();
        // A slow wave: what is a jump from one row to the next is usual some hours later.
        for row in 0..1990 {
            outlier.take(
                at(row),
                (f64::from(u32::try_from(row).expect("small")) / 100.0).sin() * 50.0 + noise(&mut random),
            );
        }
        outlier.take(at(1990 + gap), -20.0)
    };
    assert_eq!(judge_after(0).term, Term::Jump);
    assert!(judge_after(0).score > 2.0 * judge_after(50).score);
}

#[test]
fn the_state_stays_below_8_kib() {
    let mut outlier = Outlier::new();
    for row in 0..100_000_u32 {
        // Evidence that falls for long is what the memory of peaks needs most room for.
        let phase = f64::from(row % 120);
        outlier.take(at(row as usize), 1e6 / (phase + 1.0).powi(2) + f64::from(row) * 1e-7);
    }
    let bytes = serde_json::to_vec(&outlier).expect("it is encoded").len();
    assert!(bytes <= 8 << 10, "{bytes}");
}

#[test]
fn a_state_of_another_version_is_refused() {
    let mut state = serde_json::to_value(Outlier::new()).expect("it is encoded");
    state["version"] = 0.into();
    assert!(serde_json::from_value::<Outlier>(state).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// From a snapshot at any row on, the scores are bit for bit those without one.
    #[test]
    fn a_restart_changes_nothing(seed: u64, restart in 0_usize..1200) {
        let mut random = Rng::with_seed(seed);
        let mut whole = Outlier::new();
        let mut restarted = Outlier::new();
        let mut now = at(0);
        for row in 0..1200 {
            now += TimeDelta::milliseconds(random.i64(-20_000..700_000));
            let value = noise(&mut random) * 10_f64.powi(random.i32(-3..4));
            if row == restart {
                let state = serde_json::to_vec(&restarted).expect("it is encoded");
                restarted = serde_json::from_slice(&state).expect("it is read");
            }
            let (a, b) = (whole.take(now, value), restarted.take(now, value));
            prop_assert_eq!(a.score.to_bits(), b.score.to_bits());
            prop_assert!((0.0..=1.0).contains(&a.score));
        }
        prop_assert_eq!(whole, restarted);
    }
}
