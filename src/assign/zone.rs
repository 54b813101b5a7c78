//! The day of a time stamp by the clock of its column's zone.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use rustc_hash::FxHashMap;

const DAY_SECONDS: i64 = 86_400;
/// Days whose offset is remembered.
const MAX_REMEMBERED: usize = 1 << 16;

/// A column's clock.
#[derive(Debug)]
pub(super) enum Clock {
    /// The stamps tell the time on the wall: the column names no zone.
    Wall,
    /// The stamps are seconds since 1970 in UTC, and the zone is always so many seconds ahead.
    Fixed(i64),
    /// The same, in a zone whose clock changes. Remembers for each day how many seconds it is ahead, where it does not
    /// change on that day.
    Changing(TimeZone, FxHashMap<i64, Option<i64>>),
}

impl Clock {
    /// The clock of a zone: a name such as `Asia/Singapore`, an offset such as `+08:00`, or none.
    pub fn of(zone: Option<&str>) -> Option<Self> {
        let Some(name) = zone.filter(|name| !name.is_empty()) else { return Some(Self::Wall) };
        if let Some(seconds) = offset(name) {
            return Some(Self::Fixed(seconds));
        }
        let zone = TimeZone::get(name).ok()?;
        Some(zone.to_fixed_offset().map_or_else(
            |_| Self::Changing(zone, FxHashMap::default()),
            |offset| Self::Fixed(i64::from(offset.seconds())),
        ))
    }

    /// The day of a second, counted from 1970-01-01; `None` outside the calendar.
    pub fn day(&mut self, seconds: i64) -> Option<i32> {
        let ahead = match self {
            Self::Wall => 0,
            Self::Fixed(ahead) => *ahead,
            Self::Changing(zone, days) => {
                let day = seconds.div_euclid(DAY_SECONDS);
                if days.len() >= MAX_REMEMBERED {
                    days.clear();
                }
                let whole_day = *days.entry(day).or_insert_with(|| {
                    let start = day.checked_mul(DAY_SECONDS)?;
                    let first = seconds_ahead(zone, start)?;
                    (seconds_ahead(zone, start.checked_add(DAY_SECONDS - 1)?)? == first).then_some(first)
                });
                whole_day.or_else(|| seconds_ahead(zone, seconds))?
            }
        };
        i32::try_from(seconds.checked_add(ahead)?.div_euclid(DAY_SECONDS)).ok()
    }
}

fn seconds_ahead(zone: &TimeZone, seconds: i64) -> Option<i64> {
    Some(i64::from(zone.to_offset(Timestamp::from_second(seconds).ok()?).seconds()))
}

/// The seconds of an offset such as `+08:00`, `-0330` or `+08`.
fn offset(name: &str) -> Option<i64> {
    let sign = match name.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = name.get(1..)?.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes: i32 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    let seconds = sign * (hours.parse::<i32>().ok()? * 3_600 + minutes * 60);
    Offset::from_seconds(seconds).ok().map(|offset| i64::from(offset.seconds()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(zone: Option<&str>, time: &str) -> Option<i32> {
        Clock::of(zone).unwrap().day(time.parse::<Timestamp>().unwrap().as_second())
    }

    #[test]
    fn the_day_is_that_of_the_zone_s_clock() {
        assert_eq!(day(None, "1970-01-02T23:59:59Z"), Some(1));
        assert_eq!(day(Some("UTC"), "1970-01-02T23:59:59Z"), Some(1));
        assert_eq!(day(Some("+08:00"), "1970-01-02T16:00:00Z"), Some(2));
        assert_eq!(day(Some("-0330"), "1970-01-02T03:29:59Z"), Some(0));
        assert_eq!(day(Some("Asia/Singapore"), "2024-02-28T16:00:00Z"), Some(19_782));
        // Clocks went forward at 01:00 UTC.
        assert_eq!(day(Some("Europe/Berlin"), "2024-03-30T22:59:59Z"), Some(19_812));
        assert_eq!(day(Some("Europe/Berlin"), "2024-03-31T22:00:00Z"), Some(19_814));
        assert!(Clock::of(Some("Atlantis/Capital")).is_none() && Clock::of(Some("+8")).is_none());
        assert_eq!(Clock::of(Some("Europe/Berlin")).unwrap().day(i64::MAX), None);
    }
}
