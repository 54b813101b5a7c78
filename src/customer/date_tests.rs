use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::{from_number, from_serial, from_text};

#[test]
fn the_usual_ways_to_write_a_day_are_read() {
    let day = Some(date(2023, 6, 9));
    for text in [
        "2023-06-09",
        " 2023/6/9 ",
        "2023.06.09",
        "20230609",
        "2023-06-09T13:45:00Z",
        "2023-06-09 13:45:00.123+08:00",
        "2023-06-09T134500",
        "09/06/2023",
        "9/6/2023",
        "9-6-23",
        "09.06.2023",
        "09.06.2023.",
        "9 6 2023",
        "09/06/2023 1:45 PM",
        "9 Jun 2023",
        "09-Jun-23",
        "9th of June, 2023",
        "9JUN2023",
        "June 9, 2023",
        "Jun. 9 2023",
        "Fri, 9 Jun 2023",
        "Friday, 9 June 2023, 09:00",
        "2023-Jun-09",
        "2023年6月9日",
        "9\u{a0}June\u{a0}2023",
        "45086",
        "45086.75",
    ] {
        assert_eq!(from_text(text), day, "{text:?}");
    }
}

#[test]
fn what_is_not_surely_a_day_is_none() {
    for text in [
        "",
        "soon",
        "06/19/2023",
        "2023-19-06",
        "31/02/2023",
        "29/02/2023",
        "June 2023",
        "2023",
        "19/06-2023",
        "19:06:2023",
        "9 Jun 2023 at noon",
        "9/6/2023 25:00",
        "9/6/123",
        "12.5",
        "1/2",
        "1/2/3/4",
        "-45086",
        "88123456",
        "0009-06-09",
        "9 Ju 2023",
        "٩/٦/٢٠٢٣",
        "the 9/6/2023",
    ] {
        assert_eq!(from_text(text), None, "{text:?}");
    }
}

#[test]
fn two_digit_years_follow_the_window_of_excel() {
    assert_eq!(from_text("1/1/29"), Some(date(2029, 1, 1)));
    assert_eq!(from_text("1/1/30"), Some(date(1930, 1, 1)));
}

#[test]
fn serial_days_follow_both_date_systems_and_the_invented_leap_day() {
    assert_eq!(from_serial(1.0, false), Some(date(1900, 1, 1)));
    assert_eq!(from_serial(59.0, false), Some(date(1900, 2, 28)));
    assert_eq!(from_serial(60.0, false), None);
    assert_eq!(from_serial(61.0, false), Some(date(1900, 3, 1)));
    assert_eq!(from_serial(0.5, false), None, "a time of day alone");
    assert_eq!(from_serial(2_958_465.99, false), Some(date(9999, 12, 31)));
    assert_eq!(from_serial(45017.0 - 1462.0, true), from_serial(45017.0, false));
    for outside in [-1.0, 2_958_466.0, f64::NAN, f64::INFINITY] {
        assert_eq!(from_serial(outside, false), None, "{outside}");
    }
}

#[test]
fn a_plain_number_that_may_be_a_year_is_not_a_day() {
    assert_eq!(from_number(2023.0, false), None);
    assert_eq!(from_number(2023.0, true), None);
    assert_eq!(from_number(45017.0, false), Some(date(2023, 4, 1)));
    assert_eq!(from_number(20_230_401.0, false), Some(date(2023, 4, 1)));
}

fn any_day() -> impl Strategy<Value = Date> {
    (1910i16..2200, 1i8..=12, 1i8..=31).prop_filter_map("a day of the calendar", |(y, m, d)| Date::new(y, m, d).ok())
}

proptest! {
    #[test]
    fn every_accepted_form_reads_back_as_its_day(day in any_day()) {
        let serial = day.since((jiff::Unit::Day, date(1899, 12, 30))).unwrap().get_days();
        for form in [
            "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y-%m-%dT23:59:59Z", "%Y-%m-%d 00:00:00", "%d/%m/%Y", "%d-%m-%Y",
            "%d.%m.%Y", "%-d/%-m/%Y 13:45", "%d %b %Y", "%-d %B %Y", "%d-%b-%Y", "%B %-d, %Y", "%b %d %Y",
            "%A, %-d %B %Y", "%a, %d %b %Y", "%Y年%-m月%-d日",
        ] {
            let text = day.strftime(form).to_string();
            prop_assert_eq!(from_text(&text), Some(day), "{}", text);
        }
        prop_assert_eq!(from_text(&serial.to_string()), Some(day));
        prop_assert_eq!(from_number(f64::from(serial) + 0.25, false), Some(day));
        prop_assert_eq!(from_serial(f64::from(serial), false), Some(day));
        prop_assert_eq!(from_serial(f64::from(serial) - 1462.0 + 0.999_999_9, true), Some(day));
    }

    #[test]
    fn two_digit_years_read_back_inside_the_window(day in any_day().prop_filter("in 1930 to 2029", |d| (1930..2030).contains(&d.year()))) {
        for form in ["%d/%m/%y", "%d-%b-%y", "%-d.%-m.%y"] {
            prop_assert_eq!(from_text(&day.strftime(form).to_string()), Some(day));
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,40}|[0-9a-zA-Z/:., T+-]{0,24}") {
        let _ = from_text(&text);
    }
}
