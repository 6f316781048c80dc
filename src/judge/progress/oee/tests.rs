use proptest::prelude::*;

use super::super::calendar::Break;
use super::super::tests::at;
use super::*;
use crate::clock::Zone;

/// Shifts at 0 and 8 o'clock, half an hour of break from 4 o'clock.
fn plant() -> Calendar {
    let time = |text: &str| text.parse().expect("a time");
    let pause = Break {
        from: time("04:00:00"),
        to: time("04:30:00"),
    };
    Calendar::new(Zone::UTC, &[time("00:00:00"), time("08:00:00")]).with_breaks(vec![pause])
}

fn current(oee: &Oee, minute: i64) -> ShiftOee {
    oee.view(at(minute), Some(1.2), &plant()).current.expect("a shift")
}

/// A shift of 8 h: 6 h running, 1 h set up, half an hour down, half an hour of break in which it stands.
fn a_shift() -> Oee {
    let (mut oee, plant) = (Oee::default(), plant());
    oee.counted(at(0), Some(50_000.0), Some(100.0), &plant);
    for (minute, state) in [
        (0, "setup"),
        (60, "running"),
        (240, "stopped"),
        (270, "running"),
        (420, "fault"),
        (450, "running"),
    ] {
        oee.state(at(minute), Some(state), &plant);
    }
    oee.counted(at(479), Some(50_000.0 + 14_256.0), Some(100.0 + 144.0), &plant);
    oee
}

#[test]
fn oee_is_as_computed_by_hand() {
    let shift = current(&a_shift(), 479);
    assert_eq!(shift.planned_s, (479 - 30) * 60);
    assert_eq!(
        (shift.running_s, shift.setup_s, shift.stopped_s, shift.down_s),
        (359 * 60, 3600, 0, 1800)
    );
    let close = |figure: Option<f64>, expected: f64| {
        assert!((figure.expect("a figure") - expected).abs() < 1e-12, "{figure:?}");
    };
    close(shift.availability, 359.0 / 449.0);
    close(shift.effectiveness, 1.2 * 14_400.0 / (359.0 * 60.0));
    close(shift.quality, 14_256.0 / 14_400.0);
    close(shift.oee, 1.2 * 14_256.0 / (449.0 * 60.0));
    assert_eq!(shift.unknown, Vec::<&str>::new());
}

#[test]
fn of_a_shift_in_which_nothing_was_heard_nobody_knows_what_was_made() {
    let (mut oee, plant) = (Oee::default(), plant());
    oee.advance(at(0), &plant);
    assert_eq!(current(&oee, 60).produced, None);
    oee.state(at(60), Some("stopped"), &plant);
    assert_eq!(current(&oee, 61).produced, Some(0.0));
}

#[test]
fn a_shift_ends_and_the_next_begins() {
    let view = a_shift().view(at(500), None, &plant());
    let (last, now) = (view.last.expect("a shift"), view.current.expect("a shift"));
    assert_eq!(
        (last.running_s, last.planned_s, last.produced.unwrap_or_default()),
        (21_600, 27_000, 14_400.0)
    );
    assert_eq!(
        (now.shift_start, now.running_s, now.produced),
        (at(480), 1200, Some(0.0))
    );
    assert_eq!(now.oee, None);
}

#[test]
fn what_is_unknown_is_said_and_kept_apart() {
    let (mut oee, plant) = (Oee::default(), plant());
    oee.state(at(0), Some("running"), &plant);
    oee.state(at(10), Some("offline"), &plant);
    oee.state(at(15), None, &plant);
    oee.state(at(20), Some("running"), &plant);
    let shift = current(&oee, 60);
    assert_eq!(
        (shift.running_s, shift.offline_s, shift.unknown_s, shift.availability),
        (3000, 300, 300, None)
    );
    assert_eq!(shift.unknown.len(), 2, "{:?}", shift.unknown);
    let later = current(&oee, 180);
    assert_eq!(later.availability, Some(1.0), "10 of 180 minutes are less than a tenth");
    assert_eq!(Doing::of(Some("dancing")), Doing::Unknown);
}

#[test]
fn reports_tell_the_quality_where_no_scrap_is_counted() {
    let (mut oee, plant) = (Oee::default(), plant());
    oee.counted(at(0), Some(0.0), None, &plant);
    oee.declared(at(1), 90.0, 10.0, &plant);
    oee.declared(at(2), -10.0, -10.0, &plant);
    oee.counted(at(3), Some(100.0), None, &plant);
    let shift = current(&oee, 4);
    assert_eq!((shift.quality, shift.produced), (Some(1.0), Some(100.0)));
}

#[test]
fn a_restart_loses_time_and_no_piece() {
    let (mut oee, plant) = (Oee::default(), plant());
    oee.state(at(0), Some("running"), &plant);
    oee.counted(at(60), Some(100.0), None, &plant);
    let kept = serde_json::to_vec(&oee).expect("JSON");
    assert!(kept.len() < 2048, "{} bytes", kept.len());
    let mut oee = serde_json::from_slice::<Oee>(&kept).expect("its own form").resumed();
    oee.state(at(70), Some("running"), &plant);
    oee.counted(at(80), Some(130.0), None, &plant);
    oee.counted(at(81), Some(5.0), None, &plant);
    let shift = current(&oee, 90);
    assert_eq!(
        (shift.running_s, shift.unknown_s, shift.produced),
        (80 * 60, 600, Some(35.0))
    );
}

#[test]
fn days_are_used_by_running_and_setting_up() {
    let day = a_shift().day(at(480), &plant()).expect("a day");
    assert_eq!((day.busy_ms, day.unknown_ms), (7 * 3_600_000, 0));
    let next = a_shift().day(at(24 * 60 + 10), &plant()).expect("a day");
    assert_eq!(next.busy_ms, 600_000);
}

proptest! {
    #[test]
    fn how_often_it_is_looked_at_changes_nothing(changes in prop::collection::vec((0..200_i64, 0..6_usize), 1..40), looks in prop::collection::vec(0..3000_i64, 0..40)) {
        let plant = plant();
        let states = [Some("running"), Some("stopped"), Some("fault"), Some("setup"), Some("offline"), None];
        let mut minute = 0;
        let mut events: Vec<(i64, Option<usize>)> = changes.iter().map(|(passed, state)| { minute += passed; (minute, Some(*state)) }).collect();
        let end = minute + 10;
        let (mut plain, mut looked_at) = (Oee::default(), Oee::default());
        plain.advance(at(0), &plant);
        looked_at.advance(at(0), &plant);
        for (minute, state) in &events {
            plain.state(at(*minute), states[state.expect("a state")], &plant);
        }
        events.extend(looks.iter().filter(|look| **look < end).map(|look| (*look, None)));
        events.sort_by_key(|(minute, state)| (*minute, state.is_some()));
        // States of the same minute keep their order, for the sort is stable.
        for (minute, state) in events {
            match state {
                Some(state) => looked_at.state(at(minute), states[state], &plant),
                None => looked_at.advance(at(minute), &plant),
            }
        }
        prop_assert_eq!(plain.view(at(end), None, &plant), looked_at.view(at(end), None, &plant));
    }
}
