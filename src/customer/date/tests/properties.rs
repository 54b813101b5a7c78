//! Whatever day it is, and however it is written.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::super::{Decider, from_number, from_serial};
use super::{column, from_text};
use crate::customer::schema::DateOrder;

fn any_day() -> impl Strategy<Value = Date> {
    (1910i16..2200, 1i8..=12, 1i8..=31).prop_filter_map("a day of the calendar", |(y, m, d)| Date::new(y, m, d).ok())
}

proptest! {
    #[test]
    fn every_accepted_form_reads_back_as_its_day(day in any_day()) {
        let serial = day.since((jiff::Unit::Day, date(1899, 12, 30))).unwrap().get_days();
        for form in [
            "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y-%m-%dT23:59:59Z", "%Y-%m-%d 00:00:00", "%d/%m/%Y", "%d-%m-%Y",
            "%d.%m.%Y", "%-d/%-m/%Y 13:45", "%-d/%-m/%Y, 1:45:00 pm", "%d %b %Y", "%-d %B %Y", "%d-%b-%Y", "%B %-d, %Y",
            "%b %d %Y", "%A, %-d %B %Y", "%a, %d %b %Y", "%Y年%-m月%-d日", "%a %b %d 08:00:00 %Y",
            "%a %b %d %Y 08:00:00 GMT+0800 (Singapore Standard Time)", "%B %-d, %Y, 8 a.m.",
            "%Y-%m-%d 08:00:00 +0800 SGT m=+0.0", "%d/%b/%Y:13:55:36 -0700",
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
    fn a_column_reads_back_in_the_order_it_was_written_in(
        days in prop::collection::vec(any_day(), 1..20),
        (form, order) in prop::sample::select(vec![
            ("%d/%m/%Y", DateOrder::DayFirst), ("%m/%d/%Y", DateOrder::MonthFirst),
            ("%-d.%-m.%Y", DateOrder::DayFirst), ("%-m-%-d-%Y", DateOrder::MonthFirst),
            ("%m/%d/%Y 01:00 PM", DateOrder::MonthFirst),
        ]),
    ) {
        let days = [days, vec![date(2023, 11, 23)]].concat();
        let texts: Vec<String> = days.iter().map(|day| day.strftime(form).to_string()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (read, found, by) = column(&texts, None);
        prop_assert_eq!((found, by), (order, Decider::Values));
        prop_assert_eq!(read, days.into_iter().map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn two_digit_years_read_back_inside_the_window(
        day in any_day().prop_filter("in 1930 to 2029", |day| (1930..2030).contains(&day.year())),
    ) {
        for form in ["%d/%m/%y", "%d-%b-%y", "%-d.%-m.%y"] {
            let text = day.strftime(form).to_string();
            let texts = [&text, "23/11/77", "25/01/77", "30/01/77"];
            prop_assert_eq!(column(&texts, Some(DateOrder::DayFirst)).0[0], Some(day));
        }
        let text = day.strftime("%y/%m/%d").to_string();
        prop_assert_eq!(column(&[&text], Some(DateOrder::YearFirst)).0[0], Some(day));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,40}|[0-9a-zA-Z/:., T+-]{0,24}|[0-9年月日上午오전 :.]{0,20}") {
        let _ = from_text(&text);
    }
}
