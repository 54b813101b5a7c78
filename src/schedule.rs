//! When a retraining is due: a cron expression on the clock of one time zone.
//!
//! Pure: the time of day is an argument, and waiting is left to the caller. Daylight saving is the cron crate's: a
//! time of day that spring skips is due at the next moment that exists, one that autumn repeats is due the first time.
//! Expressions with a wildcard or a step in their hours or minutes (`*/30 * * * *`) go on through both.
//! It reads its own settings; [`crate::http`] starts what is due.

use std::fmt;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::config::Reader;

/// Quarterly: at 02:00 on the first day of January, April, July and October.
const QUARTERLY: &str = "0 2 1 1,4,7,10 *";
/// The longest wait before the clock is read again: it may be set, and the machine may sleep.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// A clock that goes back by more than this was set anew; by less, it was corrected.
const SET_BACK: SignedDuration = SignedDuration::from_hours(1);

/// A cron expression on the clock of a time zone.
#[derive(Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

/// Why an expression is not a schedule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// It is not five fields of a cron expression.
    #[error("not a cron expression of five fields")]
    Expression(#[source] croner::errors::CronError),
    /// No day fits it, such as 30 February.
    #[error("there is no such day")]
    Never,
}

/// The times of a schedule, each of which is due once.
#[derive(Debug)]
pub struct DueTimes {
    schedule: Schedule,
    /// Nothing before or at this moment is due any more.
    seen: Timestamp,
}

/// What a check of the clock found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextCheck {
    /// This moment has come.
    Due(Timestamp),
    /// Nothing is due yet; check again after this time, at most a minute.
    Wait(Duration),
}

impl Schedule {
    /// Reads `expression` (minute, hour, day of month, month, day of week; `quarterly` stands for
    /// `0 2 1 1,4,7,10 *`), to be understood on the clock of `zone`.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn new(expression: &str, zone: TimeZone) -> Result<Self, ScheduleError> {
        let expression = if expression.eq_ignore_ascii_case("quarterly") { QUARTERLY } else { expression };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let schedule = Self { cron: parser.parse(expression).map_err(ScheduleError::Expression)?, zone };
        schedule.next_after(Timestamp::UNIX_EPOCH).ok_or(ScheduleError::Never)?;
        Ok(schedule)
    }

    /// Reads `RETRAIN_SCHEDULE`; `off`.
    pub fn read(read: &mut Reader<'_>, zone: &TimeZone) -> Option<Self> {
        let expected = "off, quarterly, or a cron expression of five fields such as 0 2 1 * *";
        let parse = |text: &str| match text {
            off if off.eq_ignore_ascii_case("off") => Some(None),
            text => Self::new(text, zone.clone()).ok().map(Some),
        };
        read.value("RETRAIN_SCHEDULE", Some("off".to_owned()), expected, parse).flatten()
    }

    /// The first moment after `moment` that is due; `None` where time ends before it.
    pub fn next_after(&self, moment: Timestamp) -> Option<Zoned> {
        // From the next whole second on: what is due is never between two.
        let whole = Timestamp::from_second(moment.as_second()).ok()?;
        let from = if whole > moment { whole - SignedDuration::from_secs(1) } else { whole };
        self.cron.find_next_occurrence(&from.to_zoned(self.zone.clone()), false).ok()
    }
}

/// Reads `TIME_ZONE`, whose old name is `RETRAIN_TZ`; Asia/Singapore.
pub fn time_zone(read: &mut Reader<'_>) -> TimeZone {
    let default = "Asia/Singapore";
    let expected = "a time zone such as Asia/Singapore or Europe/Berlin";
    read.old_name("TIME_ZONE", "RETRAIN_TZ");
    let zone = read.value("TIME_ZONE", Some(default.to_owned()), expected, |name| TimeZone::get(name).ok());
    // The default is in the table of zones that the program brings along.
    zone.or_else(|| TimeZone::get(default).ok()).unwrap_or(TimeZone::UTC)
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("a fixed offset");
        write!(f, "Schedule({} in {zone})", self.cron.pattern)
    }
}

impl DueTimes {
    /// Starts at `now`; times that were due earlier are skipped.
    pub fn new(schedule: Schedule, now: Timestamp) -> Self {
        Self { schedule, seen: now }
    }

    /// Checks the clock. However the clock is corrected or set, no time is due twice; one that a clock or a sleeping
    /// machine jumped over is due once, late.
    pub fn check(&mut self, now: Timestamp) -> NextCheck {
        if now.duration_since(self.seen) < -SET_BACK {
            self.seen = now;
        }
        let Some(next) = self.schedule.next_after(self.seen) else { return NextCheck::Wait(CHECK_EVERY) };
        let next = next.timestamp();
        self.seen = self.seen.max(now);
        if next <= now {
            return NextCheck::Due(next);
        }
        let wait = Duration::try_from(next.duration_since(now)).unwrap_or(CHECK_EVERY);
        NextCheck::Wait(wait.min(CHECK_EVERY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(expression: &str, zone: &str) -> Schedule {
        Schedule::new(expression, TimeZone::get(zone).unwrap()).unwrap()
    }

    /// The `n` moments after `from` that are due.
    fn next(expression: &str, zone: &str, from: &str, n: usize) -> Vec<String> {
        let schedule = schedule(expression, zone);
        let first: Timestamp = from.parse().unwrap();
        let moments = std::iter::successors(schedule.next_after(first), |at| schedule.next_after(at.timestamp()));
        moments.take(n).map(|at| at.strftime("%Y-%m-%d %H:%M %:z").to_string()).collect()
    }

    #[test]
    fn quarterly_is_two_in_the_morning_of_each_quarter_s_first_day() {
        let moments = next("quarterly", "Asia/Singapore", "2026-11-22T00:00:00Z", 5);
        assert_eq!(
            moments,
            ["2027-01-01", "2027-04-01", "2027-07-01", "2027-10-01", "2028-01-01"]
                .map(|day| format!("{day} 02:00 +08:00"))
        );
        assert_eq!(next("Quarterly", "UTC", "2026-12-31T23:59:59Z", 1), ["2027-01-01 02:00 +00:00"]);
    }

    #[test]
    fn a_time_that_spring_skips_is_due_at_the_next_moment_that_exists() {
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", 2),
            ["2027-03-28 03:00 +02:00", "2027-03-29 02:30 +02:00"]
        );
        assert_eq!(
            next("0 2 * 3 *", "America/New_York", "2027-03-13T12:00:00Z", 2),
            ["2027-03-14 03:00 -04:00", "2027-03-15 02:00 -04:00"]
        );
    }

    #[test]
    fn a_time_that_autumn_repeats_is_due_once_the_first_time() {
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", 2),
            ["2027-10-31 02:30 +02:00", "2027-11-01 02:30 +01:00"]
        );
        assert_eq!(
            next("30 1 * * *", "America/New_York", "2027-11-06T12:00:00Z", 2),
            ["2027-11-07 01:30 -04:00", "2027-11-08 01:30 -05:00"]
        );
        // Also for somebody who begins to look between the two.
        assert_eq!(next("30 1 * * *", "America/New_York", "2027-11-07T06:15:00Z", 1), ["2027-11-08 01:30 -05:00"]);
    }

    #[test]
    fn a_moment_is_not_due_again_within_its_own_second() {
        for from in ["2027-01-01T02:00:00Z", "2027-01-01T02:00:00.4Z"] {
            assert_eq!(next("0 2 * * *", "UTC", from, 1), ["2027-01-02 02:00 +00:00"], "{from}");
        }
        assert_eq!(next("0 2 * * *", "UTC", "2027-01-01T01:59:59.999Z", 1), ["2027-01-01 02:00 +00:00"]);
        assert_eq!(next("0 0 1 1 *", "UTC", "1969-12-31T23:59:59.5Z", 1), ["1970-01-01 00:00 +00:00"]);
    }

    #[test]
    fn what_is_no_cron_expression_or_never_comes_is_refused() {
        let refused = |expression: &str| Schedule::new(expression, TimeZone::UTC).unwrap_err();
        for wrong in ["", "monthly", "0 2 1", "0 0 2 1 1 *", "0 2 1 1 * 2027", "60 2 * * *", "0 24 * * *", "0 2 0 * *"]
        {
            assert!(matches!(refused(wrong), ScheduleError::Expression(_)), "{wrong}");
        }
        assert!(matches!(refused("0 2 30 2 *"), ScheduleError::Never));
        schedule("0 2 29 2 *", "UTC");
    }

    /// The times from 01:58 UTC on, for two o'clock each day.
    fn due_times() -> DueTimes {
        DueTimes::new(schedule("0 2 * * *", "UTC"), at("2027-05-05T01:58:00Z"))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_check_waits_a_minute_at_most_and_finds_each_time_due_once() {
        let mut due_times = due_times();
        let two = at("2027-05-05T02:00:00Z");
        assert_eq!(due_times.check(at("2027-05-05T01:58:00Z")), NextCheck::Wait(CHECK_EVERY));
        assert_eq!(due_times.check(at("2027-05-05T01:59:30Z")), NextCheck::Wait(Duration::from_secs(30)));
        assert_eq!(due_times.check(at("2027-05-05T02:00:00.2Z")), NextCheck::Due(two));
        // The clock is put right by some seconds, and passes the moment again.
        for again in ["2027-05-05T01:59:58Z", "2027-05-05T02:00:00Z", "2027-05-05T02:00:01Z"] {
            assert!(matches!(due_times.check(at(again)), NextCheck::Wait(_)), "{again}");
        }
        assert_eq!(due_times.check(at("2027-05-06T02:00:00Z")), NextCheck::Due(at("2027-05-06T02:00:00Z")));
    }

    #[test]
    fn moments_that_a_sleeping_machine_missed_are_due_once_when_it_wakes() {
        let mut due_times = due_times();
        assert_eq!(due_times.check(at("2027-05-09T12:00:00Z")), NextCheck::Due(at("2027-05-05T02:00:00Z")));
        assert!(matches!(due_times.check(at("2027-05-09T12:00:01Z")), NextCheck::Wait(_)));
    }

    #[test]
    fn a_clock_that_was_set_back_by_years_is_believed() {
        let mut due_times = due_times();
        assert!(matches!(due_times.check(at("2024-01-01T01:00:00Z")), NextCheck::Wait(_)));
        assert_eq!(due_times.check(at("2024-01-01T02:00:00Z")), NextCheck::Due(at("2024-01-01T02:00:00Z")));
    }

    #[test]
    fn what_was_due_before_the_start_is_not_caught_up_with() {
        let mut due_times = DueTimes::new(schedule("0 2 * * *", "UTC"), at("2027-05-05T02:00:01Z"));
        assert_eq!(due_times.check(at("2027-05-05T02:00:02Z")), NextCheck::Wait(CHECK_EVERY));
    }
}
