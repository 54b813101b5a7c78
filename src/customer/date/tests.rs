use icu_calendar::Gregorian;
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::{YMD, YMDE};
use icu_datetime::input::{Date as IcuDate, DateTime, Time};
use jiff::civil::{Date, date};

use super::names::LANGUAGES;
use super::{Convention, Days, Decider, Evidence, Reading, from_number, from_serial, read};
use crate::customer::schema::DateOrder;

mod properties;

const TODAY: Date = date(2026, 3, 1);

/// The days of a column of these texts, and what decided their order.
fn column(texts: &[&str], fixed: Option<DateOrder>) -> (Vec<Option<Date>>, DateOrder, Decider) {
    let days = Days { today: TODAY, last: Date::MAX };
    let mut evidence = Evidence::default();
    let readings: Vec<Option<Reading>> = texts.iter().map(|text| read(text)).collect();
    let is_open: Vec<bool> =
        readings.iter().map(|reading| matches!(reading, Some(Reading::Written(w)) if evidence.note(w, days))).collect();
    let decision = evidence.decide(fixed, &evidence, days);
    let day = |(reading, is_open): (&Option<Reading>, bool)| match reading {
        Some(Reading::Written(w)) if is_open => w.day(&decision.convention(w)),
        Some(Reading::Written(w)) => w.day(&Convention::of(w, fixed)),
        Some(Reading::Serial(day)) => Some(*day),
        None => None,
    };
    (readings.iter().zip(is_open).map(day).collect(), decision.order, decision.by)
}

/// The day of a text by itself.
fn from_text(text: &str) -> Option<Date> {
    column(&[text], None).0[0]
}

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
        "20230609T134500Z",
        "20230609 13:45",
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
        "٩/٦/٢٠٢٣",
        "２０２３／０６／０９",
        "9 Jun 2023 at noon",
    ] {
        assert_eq!(from_text(text), day, "{text:?}");
    }
}

#[test]
fn what_programs_write_for_a_moment_is_its_day() {
    let day = Some(date(2024, 3, 5));
    for text in [
        // Browsers: toString, toUTCString, toDateString, toISOString, toLocaleString.
        "Tue Mar 05 2024 08:00:00 GMT+0800 (Singapore Standard Time)",
        "Tue Mar 05 2024 08:00:00 GMT+0100 (Mitteleuropäische Normalzeit)",
        "Tue Mar 05 2024 08:00:00 GMT+0900 (日本標準時)",
        "Tue, 05 Mar 2024 00:00:00 GMT",
        "Tue Mar 05 2024",
        "2024-03-05T00:00:00.000Z",
        "5/3/2024, 8:00:00\u{202f}AM",
        "05/03/2024, 08:00:00",
        "5.3.2024, 08:00:00",
        "5.3.2024 08.00.00",
        "5.3.2024 klo 8.00.00",
        "5. 3. 2024 8:00:00",
        "2024. 03. 05. 8:00:00",
        "2024. 3. 5. 오전 8:00:00",
        "2024/3/5 上午8:00:00",
        "2024/3/5 8:00:00",
        "05. 03. 2024. 08:00:00",
        "5.03.2024 г., 8:00:00",
        "2024-03-05 08 h 00 min 00 s",
        "08:00:00 5/3/2024",
        "5/3/2024, 8:00:00 π.μ.",
        "٥\u{200f}/٣\u{200f}/٢٠٢٤، ٨:٠٠:٠٠ ص",
        "5/3/2024, 08.00.00",
        "2024-03-05, 8:00:00 a.m.",
        "5/3/2024, 8:00 p. m.",
        "5/3/2024,8:00",
        // Django.
        "March 5, 2024, 8 a.m.",
        "March 5, 2024, 8:30 p.m.",
        "March 5, 2024, noon",
        "March 5, 2024, midnight",
        // Go.
        "2024-03-05 08:00:00 +0800 SGT m=+0.000000001",
        "2024-03-05 08:00:00.123456789 +0800 +08",
        "Tuesday, 05-Mar-24 08:00:00 SGT",
        // Oracle.
        "05-MAR-24",
        "05-MAR-24 08.00.00.000000 AM",
        "05-MAR-24 08.00.00.000000000 AM +08:00",
        "05-MAR-24 08.00.00.000000 AM ASIA/SINGAPORE",
        // C, Unix, Java, Ruby, SQL Server, Apache.
        "Tue Mar  5 08:00:00 2024",
        "Tue Mar  5 08:00:00 SGT 2024",
        "Tue Mar 05 08:00:00 +0800 2024",
        "2024-03-05T08:00+08:00[Asia/Singapore]",
        "Mar  5 2024  8:00AM",
        "05/Mar/2024:08:00:00 +0800",
        // East Asian Excel.
        "2024年3月5日",
        "2024年03月05日 08:00:00",
        "2024年3月5日上午8:00",
        "2024年3月5日 8時0分0秒",
        "2024年3月5日星期二",
        "2024年3月5日(火)",
        "2024/3/5(火)",
        "令和6年3月5日",
        "R6.3.5",
        "民國113年3月5日",
        "2024년 3월 5일 화요일",
        "2024년 3월 5일 오전 8시 0분",
        "2024. 3. 5.",
        "2024-3-5 오전 8:00:00",
        // Viet Nam, Thailand.
        "ngày 5 tháng 3 năm 2024",
        "5 มีนาคม 2567",
        "5 มี.ค. 2567",
        "5 มีนาคม พ.ศ. 2567",
        "5/3/2567 08:00:00",
        // By hand.
        "mar. 5 mars 2024",
    ] {
        assert_eq!(from_text(text), day, "{text:?}");
    }
}

#[test]
fn names_are_read_as_people_shorten_them() {
    for (text, month) in [
        ("5. Mrz 2024", 3),
        ("5. Maerz 2024", 3),
        ("5. Marz 2024", 3),
        ("5 Jänner 2024", 1),
        ("5 fevrier 2024", 2),
        ("5 févr. 2024", 2),
        ("1er août 2024", 8),
        ("5º de março de 2024", 3),
        ("5 сен 2024", 9),
        ("5 мая 2024 г.", 5),
        ("май 5, 2024", 5),
        ("5 ÁGÚST 2024", 8),
        ("5 de setiembre de 2024", 9),
        ("5-Mar-2024", 3),
        ("5 d’abril del 2024", 4),
        ("5 במרץ 2024", 3),
        ("5 stycznia 2024", 1),
        ("5. ledna 2024", 1),
        ("5 Ağustos 2024", 8),
        ("5 AĞUSTOS 2024", 8),
    ] {
        assert_eq!(from_text(text).map(|day| day.month()), Some(month), "{text:?}");
    }
}

#[test]
fn a_month_that_two_languages_name_alike_is_that_of_its_column() {
    let listopad = "5. listopada 2024";
    assert_eq!(from_text(listopad), None);
    assert_eq!(column(&[listopad, "7 stycznia 2024"], None).0[0], Some(date(2024, 11, 5)));
    assert_eq!(column(&[listopad, "7. siječnja 2024"], None).0[0], Some(date(2024, 10, 5)));
}

#[test]
fn what_is_not_surely_a_day_is_none() {
    for text in [
        "",
        "soon",
        "2023-19-06",
        "31/02/2023",
        "29/02/2023",
        "June 2023",
        "2023",
        "19/06-2023",
        "19:06:2023",
        "9 Jun 2023 approximately",
        "9/6/2023 25:00",
        "9/6/2023 to 10/6/2023",
        "9.6.2023 10.11.2023",
        "9/6/2023 13:45 10 June 2023",
        "9/6/123",
        "12.5",
        "1/2",
        "1/2/3/4",
        "-45086",
        "88123456",
        "0009-06-09",
        "9 Ju 2023",
        "the 9/6/2023",
        "2024-W10-2",
        "2024-065",
        "2024-03",
        "Q1 2024",
        "Mar-24",
        "8:00",
        "noon",
        "Gold",
        "June July 2023",
        "June 9",
    ] {
        assert_eq!(from_text(text), None, "{text:?}");
    }
}

#[test]
fn one_date_that_can_be_read_in_one_order_alone_settles_its_column() {
    use DateOrder::{DayFirst, MonthFirst, YearFirst};
    let mixed = Decider::Nobody { is_mixed: true };
    for (texts, order, by, first) in [
        (&["03/05/2024", "13/05/2024"][..], DayFirst, Decider::Values, date(2024, 5, 3)),
        (&["03/05/2024", "05/13/2024"], MonthFirst, Decider::Values, date(2024, 3, 5)),
        (&["03/05/2024", "05/05/2024"], DayFirst, Decider::Nobody { is_mixed: false }, date(2024, 5, 3)),
        (&["03/05/24", "05/13/24"], MonthFirst, Decider::Values, date(2024, 3, 5)),
        (&["24/3/5", "99/12/31"], YearFirst, Decider::Values, date(2024, 3, 5)),
        (&["24/3/5", "24/7/19", "24/12/30"], YearFirst, Decider::Values, date(2024, 3, 5)),
        (&["5/3/24", "19/7/24", "30/12/24"], DayFirst, Decider::Values, date(2024, 3, 5)),
        // Two sources in one column are distinguished by what is between their numbers.
        (&["03/05/2024", "05/13/2024", "31.12.2024", "03.05.2024"], DayFirst, mixed, date(2024, 3, 5)),
    ] {
        let (days, found, decider) = column(texts, None);
        assert_eq!((found, decider, days[0]), (order, by, Some(first)), "{texts:?}");
    }
    let (days, ..) = column(&["03/05/2024", "05/13/2024", "31.12.2024", "03.05.2024"], None);
    assert_eq!(days[3], Some(date(2024, 5, 3)));
    // A day too many is not a year.
    let (days, order, by) = column(&["32/12/24", "05/13/24", "03/05/24"], None);
    assert_eq!((order, by, days[0]), (MonthFirst, Decider::Values, None));
}

#[test]
fn a_schema_s_order_is_obeyed_also_where_it_leaves_no_day() {
    let (days, order, by) = column(&["03/05/2024", "13/05/2024", "5 May 2024"], Some(DateOrder::MonthFirst));
    assert_eq!((order, by), (DateOrder::MonthFirst, Decider::Schema));
    assert_eq!(days, [Some(date(2024, 3, 5)), None, Some(date(2024, 5, 5))]);
}

#[test]
fn buddhist_years_are_those_of_a_column_without_others() {
    assert_eq!(column(&["5/3/2567", "25/3/2567"], None).0, [Some(date(2024, 3, 5)), Some(date(2024, 3, 25))]);
    assert_eq!(column(&["5/3/2567", "25/3/2024"], None).0[0], Some(date(2567, 3, 5)));
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

/// A day by the CLDR's formats of a locale, in full, long, medium and short, each with and without a time.
fn in_locale(locale: &str, day: Date) -> Vec<String> {
    let locale: icu_locale_core::Locale = locale.parse().unwrap();
    let number = |part: i8| u8::try_from(part).unwrap();
    let icu_day = IcuDate::try_new_gregorian(day.year().into(), number(day.month()), number(day.day())).unwrap();
    let moment = DateTime { date: icu_day, time: Time::try_new(15, 4, 5, 0).unwrap() };
    let mut texts = Vec::new();
    macro_rules! format {
        ($fields:expr) => {
            let formatter =
                FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(locale.clone().into(), $fields).unwrap();
            texts.push(formatter.format(&moment).to_string());
        };
    }
    format!(YMDE::long());
    format!(YMD::long());
    format!(YMD::medium());
    format!(YMD::short());
    format!(YMDE::long().with_time_hms());
    format!(YMD::long().with_time_hm());
    format!(YMD::medium().with_time_hms());
    format!(YMD::short().with_time_hm());
    texts
}

/// A day that is beyond doubt in any order, also with a short year.
const SURE: Date = date(1999, 1, 23);

#[test]
fn a_day_in_any_locale_s_formats_reads_back() {
    let locales: Vec<&str> = LANGUAGES.iter().flat_map(|locales| locales.split_ascii_whitespace()).collect();
    // The Persian calendar is the locale's, not the format's; Basque declines the month.
    let mut failed = Vec::new();
    for locale in locales.into_iter().filter(|locale| !matches!(*locale, "eu")) {
        for (month, day) in (1..=12).zip([31, 29, 5, 13, 1, 30, 7, 22, 9, 12, 18, 24]) {
            let day = date(2024, month, day);
            // One date of the column is beyond doubt.
            let columns = in_locale(locale, SURE).into_iter().zip(in_locale(locale, day));
            for (sure, text) in columns {
                let (days, ..) = column(&[&text, &sure], None);
                if days != [Some(day), Some(SURE)] {
                    failed.push(format!("{locale}: {text} is read as {days:?}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of them:\n{}", failed.len(), failed.join("\n"));
}
