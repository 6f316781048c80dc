//! When work is planned, by the shifts, breaks and days off of `[gateway]`, and what the shop floor is held against.

use chrono::{NaiveDate, NaiveTime, Weekday};
use serde::Deserialize;

use super::alerts::{DefectRate, LaborTime};
use super::plan::Check;
use super::sections::{Config, Gateway};
use crate::clock::Zone;
use crate::intake::floor;
use crate::judge::progress::calendar::{Break, Calendar};
use crate::judge::progress::{defects, labor};

/// `"12:00-12:30"`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct BreakTime(pub Break);

impl TryFrom<String> for BreakTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
        let times = text.split_once('-').and_then(|(from, to)| time(from).zip(time(to)));
        times
            .map(|(from, to)| Self(Break { from, to }))
            .ok_or_else(|| format!("`{text}` is not a break; write from when to when, such as \"12:00-12:30\""))
    }
}

/// A day of the week, or one date.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub enum DayOff {
    Every(Weekday),
    On(NaiveDate),
}

impl TryFrom<String> for DayOff {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let weekday = text.parse().map(Self::Every).ok();
        let date = || text.parse().map(Self::On).ok();
        weekday.or_else(date).ok_or_else(|| {
            format!("`{text}` is neither a day of the week nor a date; write one such as \"sunday\" or \"2026-10-01\"")
        })
    }
}

/// Everything that reports and machines are held against.
pub(super) fn lower_floor(config: &Config, check: &mut Check) -> floor::Settings {
    let mut settings = floor::Settings::new(lower_calendar(&config.gateway, check));
    if let Some(DefectRate { warn, high, window }) = config.alerts.defect_rate {
        settings.defect_rate = defects::Settings { warn, high, window };
    }
    if let Some(LaborTime { factor }) = config.alerts.labor_time {
        settings.labor_time = labor::Settings { factor };
    }
    settings
}

fn lower_calendar(gateway: &Gateway, check: &mut Check) -> Calendar {
    let (mut weekdays, mut dates) = (Vec::new(), Vec::new());
    for day in &gateway.days_off {
        match *day {
            DayOff::Every(weekday) => weekdays.push(weekday),
            DayOff::On(date) => dates.push(date),
        }
    }
    if gateway.breaks.iter().any(|BreakTime(pause)| pause.from == pause.to) {
        let problem = "a break that ends as it begins has no length; write from when to when, such as \"12:00-12:30\"";
        check.find(&["gateway", "breaks"], problem);
    }
    let shift_starts: Vec<_> = gateway.shift_starts.iter().map(|start| start.0).collect();
    Calendar::new(Zone(gateway.timezone.0), &shift_starts)
        .with_breaks(gateway.breaks.iter().map(|pause| pause.0).collect())
        .with_days_off(weekdays, dates.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_and_days_off_are_read_as_written() {
        assert!(BreakTime::try_from("17:00-08:00".to_owned()).is_ok(), "over night");
        assert!(matches!(
            DayOff::try_from("sunday".to_owned()),
            Ok(DayOff::Every(Weekday::Sun))
        ));
        assert!(matches!(DayOff::try_from("2026-10-01".to_owned()), Ok(DayOff::On(_))));
        for wrong in ["12:00", "12-13", "25:00-26:00"] {
            assert!(BreakTime::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert!(DayOff::try_from("2026-13-01".to_owned()).is_err());
    }
}
