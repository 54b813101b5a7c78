//! How long a server asks to wait before the next try, from the headers of its failure.
//!
//! `Retry-After` (RFC 9110, 10.2.3) says it in seconds or as a date, `retry-after-ms` in milliseconds. Servers that
//! limit rates say instead when each limit is reset: as a duration (`1m30s`, `20ms`), in seconds, or as a point in
//! time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// A larger number of seconds is a point in time since 1970, and an even larger one is that in milliseconds.
const EPOCH_SECONDS: f64 = 1e9;
const EPOCH_MILLISECONDS: f64 = 1e12;

/// How long the server that sent `headers` with this status asks to wait; `None` where it does not say, or says zero.
pub fn wait_asked_for(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let now = Timestamp::now();
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let in_ms = || text("retry-after-ms")?.parse().ok().and_then(|ms: f64| Duration::try_from_secs_f64(ms / 1e3).ok());
    let in_words = || text(RETRY_AFTER.as_str()).and_then(|text| read(text, now));
    // Answers of any status have these headers; a limit is the cause of 429 alone.
    let until_reset = || (status == 429).then(|| until_reset(headers, now)).flatten();
    in_ms().or_else(in_words).or_else(until_reset).filter(|wait| !wait.is_zero())
}

/// Until every exhausted limit is reset. A limit that still has something left is not the cause; where none is
/// exhausted, the headers do not say what to wait for.
fn until_reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let limits =
        headers.iter().filter(|(name, _)| name.as_str().contains("ratelimit") && name.as_str().contains("reset"));
    let exhausted = limits.filter(|(name, _)| {
        let remaining = headers.get(name.as_str().replace("reset", "remaining"));
        let remaining = remaining.and_then(|text| text.to_str().ok()?.trim().parse::<f64>().ok());
        remaining.is_none_or(|remaining| remaining <= 0.0)
    });
    exhausted.filter_map(|(_, value)| read(value.to_str().ok()?.trim(), now)).max()
}

/// A wait in any of the forms that servers have for it; none for a point in time that has passed.
fn read(text: &str, now: Timestamp) -> Option<Duration> {
    let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).ok();
    if let Ok(number) = text.parse::<f64>() {
        return if number >= EPOCH_SECONDS {
            let seconds = if number >= EPOCH_MILLISECONDS { number / 1e3 } else { number };
            Duration::try_from_secs_f64(seconds - now.as_millisecond() as f64 / 1e3).ok()
        } else {
            Duration::try_from_secs_f64(number).ok()
        };
    }
    if let Ok(wait) = text.parse::<SignedDuration>() {
        return Duration::try_from(wait).ok();
    }
    let at = text.parse().ok().or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()));
    at.and_then(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(status: u16, headers: &[(&'static str, &str)]) -> Option<Duration> {
        let headers = headers.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        wait_asked_for(status, &headers.collect())
    }

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn retry_after_is_read_in_every_form_whatever_the_status() {
        for (text, wait) in [
            ("3", ms(3_000)),
            (" 1.5 ", ms(1_500)),
            ("86400", ms(86_400_000)),
            ("1m30s", ms(90_000)),
            ("20ms", ms(20)),
            ("0", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
            ("soon", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
        ] {
            for status in [429, 503, 529] {
                assert_eq!(asked(status, &[("retry-after", text)]), wait, "{text}");
            }
        }
        assert!(asked(503, &[("retry-after", "Sat, 06 Nov 2094 08:49:37 GMT")]) > ms(1_000_000_000));
    }

    #[test]
    fn milliseconds_come_before_seconds_and_both_before_a_limit_s_reset() {
        let limit = ("x-ratelimit-reset-requests", "9s");
        assert_eq!(asked(429, &[("retry-after", "2"), ("retry-after-ms", "1200"), limit]), ms(1_200));
        assert_eq!(asked(429, &[limit, ("retry-after", "2")]), ms(2_000));
        assert_eq!(asked(429, &[limit, ("retry-after", "soon")]), ms(9_000));
    }

    #[test]
    fn the_reset_of_the_exhausted_limit_is_waited_for() {
        let (requests, tokens) = (("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-reset-tokens", "1.2s"));
        let left = |requests: &'static str, tokens: &'static str| {
            [("x-ratelimit-remaining-requests", requests), ("x-ratelimit-remaining-tokens", tokens)]
        };
        assert_eq!(asked(429, &[requests, tokens]), ms(360_000), "either may be the cause");
        assert_eq!(asked(429, &[&[requests, tokens][..], &left("12", "0")].concat()), ms(1_200));
        assert_eq!(asked(429, &[&[requests, tokens][..], &left("0", "0")].concat()), ms(360_000));
        assert_eq!(asked(429, &[&[requests, tokens][..], &left("12", "30")].concat()), None);
        assert_eq!(asked(500, &[requests, tokens]), None, "the limits are not why");
    }

    #[test]
    fn a_reset_is_a_duration_or_a_point_in_time() {
        let now = Timestamp::now();
        let in_a_minute = now.checked_add(SignedDuration::from_secs(60)).unwrap();
        for text in [
            "60".to_owned(),
            "1m".to_owned(),
            in_a_minute.as_second().to_string(),
            in_a_minute.as_millisecond().to_string(),
            in_a_minute.to_string(),
        ] {
            let wait = asked(429, &[("anthropic-ratelimit-requests-reset", &text)]).unwrap();
            assert!((Duration::from_secs(58)..=Duration::from_secs(60)).contains(&wait), "{text}: {wait:?}");
        }
    }
}
