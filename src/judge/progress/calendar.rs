//! Planned busy time (ISO 22400: PBT): when work is planned, by the plant's wall clock.
//!
//! * Shifts follow each other without gaps; what is not worked is a break, also a long one over night.
//! * A day off is a production day: it lasts from its first shift to the first shift of the next day.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Weekday};

use crate::clock::Zone;
use crate::record::Timestamp;

/// Work that is planned later than this is not looked for.
const HORIZON_DAYS: i64 = 400;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: Zone,
    shift_starts: Vec<NaiveTime>,
    breaks: Vec<Break>,
    weekdays_off: Vec<Weekday>,
    holidays: BTreeSet<NaiveDate>,
}

/// From when to when nobody is planned to work; over midnight where `to` is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    pub from: NaiveTime,
    pub to: NaiveTime,
}

impl Break {
    fn holds(self, time: NaiveTime) -> bool {
        if self.from <= self.to {
            (self.from..self.to).contains(&time)
        } else {
            time >= self.from || time < self.to
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Calendar {
    /// Work around the clock, in shifts.
    pub fn new(zone: Zone, shift_starts: &[NaiveTime]) -> Self {
        let mut shift_starts = shift_starts.to_vec();
        if shift_starts.is_empty() {
            shift_starts.push(NaiveTime::MIN);
        }
        Self {
            zone,
            shift_starts,
            breaks: Vec::new(),
            weekdays_off: Vec::new(),
            holidays: BTreeSet::new(),
        }
    }

    #[must_use]
    pub fn with_breaks(self, breaks: Vec<Break>) -> Self {
        Self { breaks, ..self }
    }

    #[must_use]
    pub fn with_days_off(self, weekdays_off: Vec<Weekday>, holidays: BTreeSet<NaiveDate>) -> Self {
        Self {
            weekdays_off,
            holidays,
            ..self
        }
    }

    pub fn zone(&self) -> Zone {
        self.zone
    }

    fn first_shift(&self) -> NaiveTime {
        self.shift_starts.first().copied().unwrap_or_default()
    }

    pub fn production_day(&self, at: Timestamp) -> NaiveDate {
        self.zone.production_day(at, self.first_shift())
    }

    /// From the first shift of a production day to the first of the next.
    pub fn day(&self, day: NaiveDate) -> Option<Shift> {
        let start = self.zone.instant(day.and_time(self.first_shift()))?;
        let next = day.checked_add_days(Days::new(1))?;
        let end = self.zone.instant(next.and_time(self.first_shift()))?;
        Some(Shift { start, end })
    }

    pub fn is_planned(&self, at: Timestamp) -> bool {
        let day = self.production_day(at);
        let time = at.with_timezone(&self.zone.0).time();
        !self.weekdays_off.contains(&day.weekday())
            && !self.holidays.contains(&day)
            && !self.breaks.iter().any(|pause| pause.holds(time))
    }

    pub fn shift(&self, at: Timestamp) -> Shift {
        let start = self.zone.shift_start(at, &self.shift_starts);
        let end = self.next(at, self.shift_starts.iter().copied());
        Shift { start, end }
    }

    /// The first instant after `at` at which a shift or a break begins or ends: until then nothing changes.
    pub fn next_edge(&self, at: Timestamp) -> Timestamp {
        let edges = self.breaks.iter().flat_map(|pause| [pause.from, pause.to]);
        self.next(at, self.shift_starts.iter().copied().chain(edges))
    }

    fn next(&self, at: Timestamp, times: impl Iterator<Item = NaiveTime>) -> Timestamp {
        let today = at.with_timezone(&self.zone.0).date_naive();
        let times: Vec<NaiveTime> = times.collect();
        // The day after tomorrow, for the day on which the clocks are changed may have no such time left.
        let first_of = |days: u64| {
            let day = today.checked_add_days(Days::new(days))?;
            let instants = times.iter().filter_map(|time| self.zone.instant(day.and_time(*time)));
            instants.filter(|instant| *instant > at).min()
        };
        let next = (0..3).find_map(first_of);
        next.unwrap_or(at + TimeDelta::days(1))
    }

    /// How much of this time work is planned in.
    pub fn planned_between(&self, from: Timestamp, to: Timestamp) -> TimeDelta {
        let to = to.min(from + TimeDelta::days(HORIZON_DAYS));
        let (mut at, mut planned) = (from, TimeDelta::zero());
        while at < to {
            let until = self.next_edge(at).min(to);
            if self.is_planned(at) {
                planned += until - at;
            }
            at = until;
        }
        planned
    }

    /// When so much planned time will have passed; nothing where that is too far away.
    pub fn after(&self, from: Timestamp, planned: TimeDelta) -> Option<Timestamp> {
        let (mut at, mut left) = (from, planned.max(TimeDelta::zero()));
        let horizon = from + TimeDelta::days(HORIZON_DAYS);
        while at < horizon {
            let until = self.next_edge(at);
            if self.is_planned(at) {
                if left <= until - at {
                    return Some(at + left);
                }
                left -= until - at;
            }
            at = until;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    fn time(text: &str) -> NaiveTime {
        text.parse().expect("a time")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    /// Days and nights, with lunch and a nightly meal, Sundays off.
    fn plant() -> Calendar {
        let pause = |from, to| Break {
            from: time(from),
            to: time(to),
        };
        let breaks = vec![pause("12:00:00", "12:30:00"), pause("23:45:00", "00:15:00")];
        Calendar::new(Zone(Tz::Asia__Shanghai), &[time("08:00:00"), time("20:00:00")])
            .with_breaks(breaks)
            .with_days_off(
                vec![Weekday::Sun],
                BTreeSet::from(["2026-11-24".parse().expect("a day")]),
            )
    }

    #[test]
    fn breaks_and_days_off_are_not_planned() {
        let plant = plant();
        let cases = [
            ("2026-11-20T03:59:59Z", true, "before lunch in Shanghai"),
            ("2026-11-20T04:00:00Z", false, "lunch begins"),
            ("2026-11-20T04:30:00Z", true, "lunch is over"),
            ("2026-11-20T15:50:00Z", false, "the meal before midnight"),
            ("2026-11-20T16:10:00Z", false, "and after it"),
            ("2026-11-21T20:00:00Z", true, "Sunday at 4: the night shift of Saturday"),
            ("2026-11-22T00:00:00Z", false, "Sunday at 8"),
            (
                "2026-11-22T20:00:00Z",
                false,
                "Monday at 4: still the production day of Sunday",
            ),
            ("2026-11-24T01:00:00Z", false, "a holiday"),
        ];
        for (instant, is_planned, why) in cases {
            assert_eq!(plant.is_planned(at(instant)), is_planned, "{why}");
        }
        let shift = plant.shift(at("2026-11-20T04:10:00Z"));
        assert_eq!(
            (shift.start, shift.end),
            (at("2026-11-20T00:00:00Z"), at("2026-11-20T12:00:00Z"))
        );
    }

    #[test]
    fn planned_time_is_counted_and_gone_through() {
        let plant = plant();
        let friday = at("2026-11-20T00:00:00Z");
        let day = plant.planned_between(friday, friday + TimeDelta::days(1));
        assert_eq!(day, TimeDelta::hours(23));
        let week = plant.planned_between(friday, friday + TimeDelta::days(7));
        assert_eq!(week, TimeDelta::hours(23 * 5), "without Sunday and the holiday");
        assert_eq!(
            plant.after(friday, TimeDelta::hours(5)),
            Some(at("2026-11-20T05:30:00Z"))
        );
        let into_monday = plant.after(at("2026-11-21T23:00:00Z"), TimeDelta::hours(2));
        assert_eq!(into_monday, Some(at("2026-11-23T01:00:00Z")));
        let backwards = plant.planned_between(friday, friday - TimeDelta::days(1));
        assert_eq!(backwards, TimeDelta::zero());
    }

    #[test]
    fn a_plant_that_never_works_has_no_end_of_work() {
        let all = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ];
        let closed = plant().with_days_off(all.to_vec(), BTreeSet::new());
        assert_eq!(closed.after(at("2026-11-20T00:00:00Z"), TimeDelta::hours(1)), None);
    }

    #[test]
    fn a_shift_lasts_as_long_as_the_clock_says_also_when_it_is_changed() {
        let berlin = Calendar::new(Zone(Tz::Europe__Berlin), &[time("06:00:00"), time("22:00:00")]);
        let night = berlin.shift(at("2026-03-29T01:30:00Z"));
        assert_eq!(
            night.end - night.start,
            TimeDelta::hours(7),
            "the night in which an hour is skipped"
        );
    }
}
