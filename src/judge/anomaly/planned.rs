//! Planned time: when a plant means to work, on its own wall clock. A span over midnight belongs to the day it began on.

use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike, Weekday};

use crate::clock::Zone;
use crate::record::Timestamp;

/// How closely a stretch of time is looked at: no break is shorter.
const LOOK_EVERY: TimeDelta = TimeDelta::minutes(5);
const DAYS: usize = 7;

#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub zone: Zone,
    pub spans: Vec<Span>,
    /// Days on which nothing begins.
    pub closed: Vec<NaiveDate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    days: [bool; DAYS],
    from: NaiveTime,
    /// The same as `from` is a whole day.
    to: NaiveTime,
}

impl Planned {
    pub fn holds(&self, at: Timestamp) -> bool {
        let local = at.with_timezone(&self.zone.0);
        let (day, time) = (local.date_naive(), local.time());
        self.spans.iter().any(|span| {
            let is_within_a_day = span.from < span.to;
            let began_today = time >= span.from && (time < span.to || !is_within_a_day);
            let began_yesterday = !is_within_a_day && time < span.to;
            (began_today && self.begins_on(span, day))
                || (began_yesterday && day.pred_opt().is_some_and(|before| self.begins_on(span, before)))
        })
    }

    /// Whether all of it is planned.
    pub fn holds_all(&self, from: Timestamp, to: Timestamp) -> bool {
        let looks = std::iter::successors(Some(from), |at| at.checked_add_signed(LOOK_EVERY));
        let last = to - TimeDelta::milliseconds(1);
        looks.take_while(|at| *at < to).chain([last]).all(|at| self.holds(at))
    }

    fn begins_on(&self, span: &Span, day: NaiveDate) -> bool {
        let weekday = day.weekday().num_days_from_monday() as usize;
        span.days.get(weekday).is_some_and(|is_on| *is_on) && !self.closed.contains(&day)
    }
}

/// The hour of the week, 0 to 167, from Monday on.
pub fn hour_of_week(zone: Zone, at: Timestamp) -> u8 {
    let local = at.with_timezone(&zone.0);
    let hour = local.weekday().num_days_from_monday() * 24 + local.hour();
    u8::try_from(hour).expect("a week has 168 hours")
}

/// `mon-fri 06:00-22:00`, `sat,sun 22:00-06:00`, and without days every day.
impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a span of planned time; write one such as \"mon-fri 06:00-22:00\"");
        let (days, hours) = text.trim().rsplit_once(' ').unwrap_or(("mon-sun", text.trim()));
        let (from, to) = hours.split_once('-').ok_or_else(wrong)?;
        let time = |text: &str| {
            let text = if text == "24:00" { "00:00" } else { text };
            NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| wrong())
        };
        Ok(Self {
            days: read_days(days).ok_or_else(wrong)?,
            from: time(from)?,
            to: time(to)?,
        })
    }
}

fn read_days(text: &str) -> Option<[bool; DAYS]> {
    let day = |name: &str| {
        let name: Weekday = name.trim().parse().ok()?;
        Some(name.num_days_from_monday() as usize)
    };
    let mut days = [false; DAYS];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let count = (last + DAYS - first) % DAYS;
        (0..=count).for_each(|nth| days[(first + nth) % DAYS] = true);
    }
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(spans: &[&str]) -> Planned {
        Planned {
            zone: Zone(chrono_tz::Tz::Europe__Berlin),
            spans: spans.iter().map(|span| span.parse().expect("a span")).collect(),
            closed: vec!["2026-12-25".parse().expect("a day")],
        }
    }

    /// By the wall clock of Berlin in winter.
    fn at(text: &str) -> Timestamp {
        let text = format!("{text}:00+01:00");
        text.parse::<chrono::DateTime<chrono::FixedOffset>>()
            .expect("an instant")
            .to_utc()
    }

    #[test]
    fn a_week_has_its_hours() {
        let planned = planned(&["mon-fri 06:00-22:00", "sat 06:00-14:00"]);
        for (when, expected) in [
            ("2026-11-20T05:59", false),
            ("2026-11-20T06:00", true),
            ("2026-11-20T21:59", true),
            ("2026-11-20T22:00", false),
            ("2026-11-21T13:59", true),
            ("2026-11-21T14:00", false),
            ("2026-11-22T10:00", false),
            ("2026-12-25T10:00", false),
        ] {
            assert_eq!(planned.holds(at(when)), expected, "{when}");
        }
        assert!(planned.holds_all(at("2026-11-20T21:00"), at("2026-11-20T22:00")));
        assert!(!planned.holds_all(at("2026-11-20T21:30"), at("2026-11-20T22:30")));
        assert!(!planned.holds_all(at("2026-11-20T13:00"), at("2026-11-21T13:00")));
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began_on() {
        let planned = planned(&["fri-sun 22:00-06:00"]);
        for (when, expected) in [
            ("2026-11-20T03:00", false),
            ("2026-11-20T23:00", true),
            ("2026-11-23T05:59", true),
            ("2026-11-23T22:00", false),
            ("2026-12-26T03:00", false),
        ] {
            assert_eq!(planned.holds(at(when)), expected, "{when}");
        }
        assert!(self::planned(&["00:00-24:00"]).holds_all(at("2026-11-20T00:00"), at("2026-11-24T00:00")));
    }

    #[test]
    fn hours_follow_the_wall_clock() {
        let zone = Zone(chrono_tz::Tz::Europe__Berlin);
        assert_eq!(hour_of_week(zone, at("2026-11-16T00:30")), 0);
        assert_eq!(hour_of_week(zone, at("2026-11-22T23:30")), 167);
        assert_eq!(
            hour_of_week(zone, at("2026-07-20T00:30")),
            1,
            "an hour earlier in summer"
        );
    }

    #[test]
    fn what_is_no_span_is_said() {
        for text in ["", "mon-fri", "mon-fri 6-22", "someday 06:00-22:00", "mon 06:00-25:00"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
