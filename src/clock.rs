//! Plant time: instants are UTC inside, written with the plant's offset; shifts and production days follow the plant's
//! wall clock. Nothing here reads a clock; callers pass the instant.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// The plant's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(pub Tz);

impl Zone {
    pub const UTC: Self = Self(Tz::UTC);

    /// `2026-11-21T08:00:00.123+08:00`, appended without going through `format!`: this runs once per record.
    pub fn write_rfc3339(self, at: DateTime<Utc>, out: &mut Vec<u8>) {
        let local = at.with_timezone(&self.0);
        let year = u32::try_from(local.year().clamp(0, 9999)).unwrap_or(0);
        digits(out, year, 4);
        out.push(b'-');
        digits(out, local.month(), 2);
        out.push(b'-');
        digits(out, local.day(), 2);
        out.push(b'T');
        digits(out, local.hour(), 2);
        out.push(b':');
        digits(out, local.minute(), 2);
        out.push(b':');
        digits(out, local.second(), 2);
        out.push(b'.');
        digits(out, local.timestamp_subsec_millis().min(999), 3);
        let offset_s = local.offset().fix().local_minus_utc();
        out.push(if offset_s < 0 { b'-' } else { b'+' });
        digits(out, offset_s.unsigned_abs() / 3600, 2);
        out.push(b':');
        digits(out, offset_s.unsigned_abs() / 60 % 60, 2);
    }

    pub fn rfc3339(self, at: DateTime<Utc>) -> String {
        let mut out = Vec::with_capacity(29);
        self.write_rfc3339(at, &mut out);
        String::from_utf8(out).expect("only ASCII was written")
    }

    /// As people write a time: what the clock on the wall showed, to the minute.
    pub fn wall(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.0).format("%Y-%m-%d %H:%M").to_string()
    }

    /// The production day: it starts with the first shift, so a night shift belongs to the day it began on.
    pub fn production_day(self, at: DateTime<Utc>, first_shift: NaiveTime) -> NaiveDate {
        let local = at.with_timezone(&self.0);
        if local.time() < first_shift {
            local
                .date_naive()
                .checked_sub_days(Days::new(1))
                .unwrap_or(local.date_naive())
        } else {
            local.date_naive()
        }
    }

    /// The start of the shift that `at` lies in, for rules such as "only within the same shift".
    pub fn shift_start(self, at: DateTime<Utc>, starts: &[NaiveTime]) -> DateTime<Utc> {
        let local = at.with_timezone(&self.0);
        let latest = |day: NaiveDate, before: Option<NaiveTime>| {
            starts
                .iter()
                .filter(|s| before.is_none_or(|b| **s <= b))
                .max()
                .map(|s| day.and_time(*s))
        };
        let today = local.date_naive();
        let start = latest(today, Some(local.time())).or_else(|| latest(today.pred_opt().unwrap_or(today), None));
        start.and_then(|start| self.instant(start)).unwrap_or(at)
    }

    /// When the plant's clocks show this. A time that falls into the hour skipped in spring has no instant: the hour after it
    /// is meant.
    pub fn instant(self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        let read = |wall| self.0.from_local_datetime(&wall).earliest();
        let instant = read(wall).or_else(|| read(wall + chrono::Duration::hours(1)));
        instant.map(|instant| instant.with_timezone(&Utc))
    }
}

fn digits(out: &mut Vec<u8>, value: u32, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + u8::try_from(value / 10_u32.pow(place) % 10).expect("a digit"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text)
            .expect("test instant")
            .with_timezone(&Utc)
    }

    const SHANGHAI: Zone = Zone(Tz::Asia__Shanghai);
    const BERLIN: Zone = Zone(Tz::Europe__Berlin);

    #[test]
    fn instants_carry_the_plants_offset() {
        assert_eq!(
            SHANGHAI.rfc3339(at("2026-11-21T00:00:00.123Z")),
            "2026-11-21T08:00:00.123+08:00"
        );
        assert_eq!(
            Zone(Tz::America__St_Johns).rfc3339(at("2026-01-01T00:00:00Z")),
            "2025-12-31T20:30:00.000-03:30"
        );
    }

    #[test]
    fn a_night_shift_belongs_to_the_day_it_began_on() {
        let first = NaiveTime::from_hms_opt(8, 0, 0).expect("a time");
        assert_eq!(
            SHANGHAI.production_day(at("2026-11-20T23:59:59Z"), first).to_string(),
            "2026-11-20"
        );
        assert_eq!(
            SHANGHAI.production_day(at("2026-11-21T00:00:00Z"), first).to_string(),
            "2026-11-21"
        );
        assert_eq!(
            SHANGHAI.production_day(at("2026-11-21T18:00:00Z"), first).to_string(),
            "2026-11-21"
        );
    }

    #[test]
    fn shifts_start_on_the_wall_clock_also_when_it_is_changed() {
        let starts = ["06:00", "22:00"].map(|s| s.parse::<NaiveTime>().expect("a time"));
        assert_eq!(
            BERLIN.shift_start(at("2026-03-29T03:00:00Z"), &starts),
            at("2026-03-28T21:00:00Z")
        );
        assert_eq!(
            BERLIN.shift_start(at("2026-03-29T04:30:00Z"), &starts),
            at("2026-03-29T04:00:00Z")
        );
        let skipped = ["02:30"].map(|s| s.parse::<NaiveTime>().expect("a time"));
        assert_eq!(
            BERLIN.shift_start(at("2026-03-29T05:00:00Z"), &skipped),
            at("2026-03-29T01:30:00Z")
        );
    }
}
