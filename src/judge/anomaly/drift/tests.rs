use chrono::TimeDelta;
use fastrand::Rng;
use proptest::prelude::*;

use super::*;

fn at(row: u32) -> Timestamp {
    Timestamp::from_timestamp(1_583_750_000, 0).expect("a time") + TimeDelta::seconds(i64::from(row))
}

/// Nearly normal, with a standard deviation of 1.
fn noise(random: &mut Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// Four channels; the last two go together.
fn normal(random: &mut Rng) -> [f64; 4] {
    let together = noise(random);
    let mut apart = || 0.2 * noise(random);
    [
        100.0 + apart(),
        0.01 * apart(),
        5.0 + together + apart(),
        7.0 - together + apart(),
    ]
}

fn taught(random: &mut Rng, rows: u32) -> Drift {
    let mut drift = Drift::new(4, Settings { learn: 400 });
    for row in 0..rows {
        drift.take(at(row), &normal(random).map(Some));
    }
    drift
}

/// Rows until the alarm, and what it says then.
fn found_within(drift: &mut Drift, random: &mut Rng, change: impl Fn(&mut [Option<f64>; 4])) -> Option<(u32, Drifted)> {
    (0..100).find_map(|row| {
        let mut values = normal(random).map(Some);
        change(&mut values);
        let drifted = drift.take(at(10_000 + row), &values);
        drifted.is_alarm.then_some((row, drifted))
    })
}

fn largest(contributions: &[f64]) -> usize {
    let largest = contributions.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    largest.expect("there are channels").0
}

#[test]
fn normal_rows_are_calm_and_learning_is_said() {
    let mut random = Rng::with_seed(1);
    let mut drift = Drift::new(4, Settings { learn: 400 });
    for row in 0..20_000 {
        let drifted = drift.take(at(row), &normal(&mut random).map(Some));
        assert_eq!(drifted.is_learning, row < 399, "row {row}");
        assert!(!drifted.is_alarm, "row {row}: {drifted:?}");
    }
}

#[test]
fn a_shifted_channel_is_found_and_named() {
    let mut random = Rng::with_seed(2);
    let mut drift = taught(&mut random, 1000);
    let change = |values: &mut [Option<f64>; 4]| values[0] = values[0].map(|value| value + 0.6);
    let (rows, drifted) = found_within(&mut drift, &mut random, change).expect("it is found");
    assert!(rows < 20, "after {rows} rows");
    assert_eq!(largest(&drifted.contributions), 0);
    assert!(drifted.score >= 0.5);
    assert!((drifted.contributions.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn channels_that_no_longer_go_together_are_found_within_their_own_ranges() {
    let mut random = Rng::with_seed(3);
    let mut drift = taught(&mut random, 1000);
    // One standard deviation each, but both upwards.
    let change = |values: &mut [Option<f64>; 4]| {
        values[2] = values[2].map(|value| value + 1.0);
        values[3] = values[3].map(|value| value + 1.0);
    };
    let (rows, drifted) = found_within(&mut drift, &mut random, change).expect("it is found");
    assert!(rows < 40, "after {rows} rows");
    assert!(largest(&drifted.contributions) >= 2);
}

#[test]
fn a_season_is_followed() {
    let mut random = Rng::with_seed(4);
    let mut drift = taught(&mut random, 1000);
    for row in 1000..20_000 {
        let mut values = normal(&mut random);
        values[0] += f64::from(row - 1000) * 1e-4;
        assert!(!drift.take(at(row), &values.map(Some)).is_alarm, "row {row}");
    }
}

#[test]
fn holes_copies_and_constants_are_no_trouble() {
    let mut random = Rng::with_seed(5);
    let mut drift = Drift::new(4, Settings { learn: 400 });
    let row_of = |random: &mut Rng, value: f64| {
        // A channel, its exact copy, a constant, and one with holes.
        let hole = (random.u8(0..3) > 0).then(|| noise(random));
        [Some(value), Some(value), Some(32.0), hole]
    };
    for row in 0..3000 {
        let value = noise(&mut random);
        let values = row_of(&mut random, value);
        let drifted = drift.take(at(row), &values);
        assert!(!drifted.is_alarm, "row {row}");
        assert_eq!(drifted.contributions[2].to_bits(), 0.0_f64.to_bits());
    }
    assert!(
        drift
            .take(at(3000), &[None, Some(f64::NAN), None, None])
            .contributions
            .iter()
            .all(|c| *c == 0.0)
    );
    let found = (0..100).find(|row| {
        let value = noise(&mut random) + 4.0;
        let values = row_of(&mut random, value);
        drift.take(at(3001 + row), &values).is_alarm
    });
    assert!(found.is_some_and(|rows| rows < 30), "{found:?}");
}

#[test]
fn late_rows_leave_no_trace() {
    let mut random = Rng::with_seed(6);
    let mut drift = taught(&mut random, 500);
    let before = drift.clone();
    let drifted = drift.take(at(499), &[Some(1e9); 4]);
    assert_eq!((drifted.score.to_bits(), drifted.is_alarm, drift.late()), (0, false, 1));
    drift.late = 0;
    assert_eq!(drift, before);
}

#[test]
fn the_state_of_the_most_channels_stays_below_8_kib() {
    let mut random = Rng::with_seed(7);
    let mut drift = Drift::new(CHANNELS_MAX, Settings { learn: 100 });
    for row in 0..1000 {
        let values: Vec<Option<f64>> = (0..CHANNELS_MAX).map(|_| Some(1e-7 * noise(&mut random))).collect();
        drift.take(at(row), &values);
    }
    let bytes = serde_json::to_vec(&drift).expect("it is encoded").len();
    assert!(bytes <= 8 << 10, "{bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_restart_changes_nothing(seed: u64, restart in 0_u32..1000) {
        let mut random = Rng::with_seed(seed);
        let (mut whole, mut restarted) = (Drift::new(4, Settings { learn: 300 }), Drift::new(4, Settings { learn: 300 }));
        for row in 0..1000 {
            let shift = if row > 700 { 3.0 } else { 0.0 };
            let values = normal(&mut random).map(|value| (random.u8(0..20) > 0).then_some(value + shift));
            if row == restart {
                let state = serde_json::to_vec(&restarted).expect("it is encoded");
                restarted = serde_json::from_slice(&state).expect("it is read");
            }
            let (a, b) = (whole.take(at(row), &values), restarted.take(at(row), &values));
            prop_assert_eq!(a.score.to_bits(), b.score.to_bits());
            prop_assert_eq!(a, b);
        }
        prop_assert_eq!(whole, restarted);
    }
}
