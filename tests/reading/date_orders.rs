//! In which order the dates of a column are read, from what people's files say of it, and what is said where they
//! leave a doubt.

use content_portal::customer::{Cell, CustomerTable, DateOrder, DecidedBy, Dropped, NewestStands, TableBuilder, Value};
use jiff::civil::{Date, date};
use rust_xlsxwriter::{ExcelDateTime, Format};

use super::sheets::{HEADER, TODAY, read, schema, xlsx};

use DateOrder::{DayFirst, MonthFirst, YearFirst};
use DecidedBy::{Assumed, Header, Values};

/// The table of a CSV file with these dates, each of another customer.
fn table(header: &str, dates: &[String]) -> CustomerTable {
    let row = |(n, date): (usize, &String)| format!("C{n},{date},Bedok,F,Gold\n");
    let rows: String = dates.iter().enumerate().map(row).collect();
    read(format!("Customer ID,{header},Location,Gender,Loyalty Tier\n{rows}").as_bytes()).unwrap()
}

fn days(table: &CustomerTable) -> Vec<Date> {
    let day = |row| match table.columns()[2].value(row) {
        Some(Value::Date(day)) => *day,
        other => panic!("{other:?} is no day"),
    };
    (0..table.n_rows()).map(day).collect()
}

fn order(table: &CustomerTable) -> (DateOrder, DecidedBy) {
    let [dates] = table.cleaning().dates.as_slice() else { panic!("{:?}", table.cleaning()) };
    (dates.order, dates.decided_by)
}

fn codes(table: &CustomerTable) -> Vec<&str> {
    table.cleaning().notes.iter().map(|note| note.code.as_str()).collect()
}

/// The months of these years, each with these days, as `form` writes them.
fn written(form: &str, years: &[i16], days: &[i8]) -> (Vec<Date>, Vec<String>) {
    let months = years.iter().flat_map(|year| (1..=12).map(move |month| (*year, month)));
    let all = months.flat_map(|(year, month)| days.iter().map(move |day| date(year, month, *day)));
    let all: Vec<Date> = all.filter(|day| *day <= TODAY).collect();
    let texts = all.iter().map(|day| day.strftime(form).to_string()).collect();
    (all, texts)
}

/// Whatever the file settles, each of its dates is read as it was meant, in this order, by this.
fn assert_read(header: &str, (meant, texts): &(Vec<Date>, Vec<String>), expected: (DateOrder, DecidedBy)) {
    let table = table(header, texts);
    assert_eq!(order(&table), expected, "{:?}", &texts[..3]);
    assert_eq!(&days(&table), meant, "{:?}", &texts[..3]);
    let is_assumed = expected.1 == Assumed;
    assert_eq!(
        codes(&table),
        ["date_order_assumed"].as_slice().get(..usize::from(is_assumed)).unwrap(),
        "{:?}",
        &texts[..3]
    );
}

#[test]
fn few_different_days_are_not_taken_for_years() {
    let years = [2022, 2023, 2024];
    for form in ["%d.%m.%y", "%d/%m/%y", "%d-%m-%y"] {
        assert_read("Date Joined", &written(form, &years, &[15]), (DayFirst, Assumed));
        assert_read("Date Joined", &written(form, &years, &[1]), (DayFirst, Assumed));
        assert_read("Date Joined", &written(form, &years, &[1, 15]), (DayFirst, Assumed));
        assert_read("Date Joined", &written(form, &[2024], &[20]), (DayFirst, Assumed));
        // Years to come are none.
        assert_read(
            "Date Joined",
            &written(form, &[2019, 2020, 2021, 2022, 2023, 2024], &[15, 28]),
            (DayFirst, Values),
        );
    }
}

#[test]
fn years_in_front_are_recognised_and_it_is_said_where_that_is_a_guess() {
    let years = [2022, 2023, 2024];
    for form in ["%y/%m/%d", "%y-%m-%d", "%y.%m.%d"] {
        assert_read("Date Joined", &written(form, &years, &[1]), (YearFirst, Assumed));
        assert_read("Date Joined", &written(form, &years, &[1, 15]), (YearFirst, Assumed));
        assert_read("Date Joined", &written(form, &years, &[25]), (YearFirst, Assumed));
        assert_read("Date Joined", &written(form, &years, &[3, 7, 12, 18, 22, 28]), (YearFirst, Values));
        assert_read("Date Joined", &written(form, &[1998, 2003, 2024], &[1]), (YearFirst, Values));
    }
    let (meant, texts) = written("%y/%-m/%-d", &years, &[1, 15]);
    assert_read("Date Joined", &(meant, texts), (YearFirst, Values));
}

#[test]
fn days_through_the_month_settle_on_which_side_the_years_are() {
    let every_day: Vec<i8> = (1..=28).collect();
    for years in [&[2024][..], &[2023, 2024, 2025], &[2008, 2009, 2010], &[1994, 1999, 2004]] {
        assert_read("Date Joined", &written("%d/%m/%y", years, &every_day), (DayFirst, Values));
        assert_read("Date Joined", &written("%m/%d/%y", years, &every_day), (MonthFirst, Values));
        assert_read("Date Joined", &written("%y/%m/%d", years, &every_day), (YearFirst, Values));
    }
}

#[test]
fn a_typing_error_does_not_turn_a_column_around() {
    let every_day: Vec<i8> = (1..=28).collect();
    for (form, wrong, order) in [
        ("%y/%m/%d", "24/03/45", YearFirst),
        ("%y/%m/%d", "28/03/05", YearFirst),
        ("%d/%m/%y", "32/12/24", DayFirst),
        ("%d/%m/%y", "15/03/28", DayFirst),
    ] {
        let (meant, mut texts) = written(form, &[2022, 2023, 2024], &every_day);
        texts.push(wrong.to_owned());
        let table = table("Date Joined", &texts);
        assert_eq!(self::order(&table), (order, Values), "{wrong}");
        assert_eq!(days(&table)[..meant.len()], meant, "{wrong}");
    }
    // Of few different days the doubt is said.
    for (form, wrong, order) in [("%y/%m/%d", "28/03/01", YearFirst), ("%d.%m.%y", "32.12.24", DayFirst)] {
        let (meant, mut texts) = written(form, &[2022, 2023, 2024], &[15]);
        texts.push(wrong.to_owned());
        let table = table("Date Joined", &texts);
        assert_eq!((self::order(&table), codes(&table)), ((order, Assumed), vec!["date_order_assumed"]), "{wrong}");
        assert_eq!(days(&table)[..meant.len()], meant, "{wrong}");
    }
}

#[test]
fn a_header_says_the_order_of_its_dates() {
    let years = [2023];
    for (header, form, order) in [
        ("Date Joined (mm/dd/yyyy)", "%m/%d/%Y", MonthFirst),
        ("Date Joined [mm/dd/yyyy]", "%m/%d/%Y", MonthFirst),
        ("Date Joined mm/dd/yyyy", "%m/%d/%Y", MonthFirst),
        ("Date Joined (MM/DD/YY)", "%m/%d/%y", MonthFirst),
        ("Date Joined (required, m/d/yyyy)", "%-m/%-d/%Y", MonthFirst),
        ("Date Joined [dd/mm/yyyy]", "%d/%m/%Y", DayFirst),
        ("Date Joined (TT.MM.JJ)", "%d.%m.%y", DayFirst),
        ("Date Joined (YY-MM-DD)", "%y-%m-%d", YearFirst),
    ] {
        assert_read(&format!("\"{header}\""), &written(form, &years, &[1, 5, 9]), (order, Header));
    }
    // Nothing is to be decided.
    let table = table("Date Joined (YYYY-MM-DD)", &written("%Y-%m-%d", &years, &[1, 5]).1);
    assert!(table.cleaning().dates.is_empty() && codes(&table).is_empty());
}

#[test]
fn a_header_that_its_dates_contradict_is_said_and_not_followed_against_most_of_them() {
    let (meant, mut texts) = written("%m/%d/%Y", &[2023], &[1, 5, 9]);
    texts.push("25/12/2023".to_owned());
    let some = table("Date Joined (mm/dd/yyyy)", &texts);
    assert_eq!((order(&some), codes(&some)), ((MonthFirst, Header), vec!["date_orders_mixed"]));
    assert_eq!(days(&some), [meant, vec![date(2023, 12, 25)]].concat());

    let (meant, texts) = written("%d/%m/%Y", &[2023], &[5, 14, 25]);
    let most = table("Date Joined (mm/dd/yyyy)", &texts);
    assert_eq!((order(&most), codes(&most)), ((DayFirst, Values), vec!["date_header_ignored"]));
    assert_eq!(days(&most), meant);
    // One in ten settles it, and none speaks against it.
    let (meant, texts) = written("%d/%m/%Y", &[2019, 2020, 2021, 2022, 2023], &[2, 3, 4, 5, 6, 7, 8, 9, 10, 15]);
    let few = table("Date Joined (mm/dd/yyyy)", &texts);
    assert_eq!((order(&few), days(&few)), ((DayFirst, Values), meant));
    // A header with years of four digits over others.
    let (meant, texts) = written("%d/%m/%y", &[2019, 2020, 2021, 2022, 2023, 2024, 2025], &[1, 9, 14, 20, 28]);
    let short = table("Date Joined (yyyy-mm-dd)", &texts);
    assert_eq!((order(&short), codes(&short)), ((DayFirst, Values), vec!["date_header_ignored"]));
    assert_eq!(days(&short), meant);
    // A year of four digits at the end is no year in front.
    let (meant, texts) = written("%d/%m/%Y", &[2023], &[5, 6]);
    let last = table("Date Joined (yyyy-mm-dd)", &texts);
    assert_eq!(order(&last), (DayFirst, Assumed));
    assert_eq!(codes(&last), ["date_header_ignored", "date_order_assumed"]);
    assert_eq!(days(&last), meant);
    // No calendar has them.
    let (_, mut texts) = written("%m/%d/%Y", &[2023], &[1, 5, 9]);
    texts.push("02/30/2023".to_owned());
    let impossible = table("Date Joined (mm/dd/yyyy)", &texts);
    assert_eq!(impossible.cleaning().dropped[&Dropped::NotADate("Date Joined".to_owned())], 1);
}

/// A workbook as a spreadsheet program leaves it that takes `3/5/2023` for a day: each date that `is_cell` holds of is
/// a cell with this day, and every other a text.
fn mixed(dates: &[Date], cell: impl Fn(Date) -> Option<Date>, text: &str) -> CustomerTable {
    let bytes = xlsx(|sheet| {
        let shown = Format::new().set_num_format("dd/mm/yyyy");
        super::sheets::write_rows(sheet, 0, &[&HEADER]);
        for (row, day) in (1..).zip(dates) {
            super::sheets::write_rows(sheet, row, &[&[&format!("C{row}"), "", "Bedok", "F", "Gold"]]);
            if let Some(day) = cell(*day) {
                let (year, month, of_month) = (day.year(), day.month(), day.day());
                let value = ExcelDateTime::from_ymd(
                    u16::try_from(year).unwrap(),
                    u8::try_from(month).unwrap(),
                    u8::try_from(of_month).unwrap(),
                );
                sheet.write_datetime_with_format(row, 1, value.unwrap(), &shown).unwrap();
            } else {
                sheet.write_string(row, 1, day.strftime(text).to_string()).unwrap();
            }
        }
    });
    read(&bytes).unwrap()
}

fn swapped(day: Date) -> Option<Date> {
    (day.day() <= 12).then(|| date(day.year(), day.day(), day.month()))
}

#[test]
fn days_and_months_that_a_spreadsheet_program_swapped_are_said() {
    let last_quarter: Vec<Date> = (10..=12).flat_map(|m| (1..=28).map(move |d| date(2023, m, d))).collect();
    for text in ["%-m/%-d/%Y", "%-d/%-m/%Y", "%m/%d/%y"] {
        let table = mixed(&last_quarter, swapped, text);
        assert_eq!(codes(&table), ["dates_perhaps_swapped"], "{text}");
        assert_eq!(table.n_rows(), last_quarter.len());
    }
    // Three customers were added later, by hand.
    let is_by_hand = |day: Date| day.day() == 20;
    let later = mixed(&last_quarter, |day| if is_by_hand(day) { Some(day) } else { swapped(day) }, "%-m/%-d/%Y");
    assert_eq!(codes(&later), ["dates_perhaps_swapped"]);
}

#[test]
fn digits_without_marks_are_read_by_the_pattern_of_their_header() {
    let days_of_month: Vec<i8> = (1..=28).collect();
    for (header, form, order) in [
        ("Date Joined (MMDDYY)", "%m%d%y", MonthFirst),
        ("Date Joined (DDMMYY)", "%d%m%y", DayFirst),
        ("Date Joined (YYMMDD)", "%y%m%d", YearFirst),
        ("Date Joined (DDMMYYYY)", "%d%m%Y", DayFirst),
        ("Date Joined (MMDDYYYY)", "%m%d%Y", MonthFirst),
    ] {
        let (meant, texts) = written(form, &[2003, 2023], &days_of_month);
        assert_read(header, &(meant.clone(), texts.clone()), (order, Header));
        // A spreadsheet program has taken them for numbers, and their zeros are lost.
        let lost: Vec<String> = texts.iter().map(|text| text.trim_start_matches('0').to_owned()).collect();
        let lost: Vec<String> = if form == "%y%m%d" { texts } else { lost };
        assert_eq!(days(&table(header, &lost)), meant, "{header}");
        let cells = numbers(header, &lost.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>());
        assert_eq!(days(&cells), meant, "{header}");
    }
    // A serial number that nobody has formatted is one under any header.
    let serials: Vec<f64> = (0..200).map(|n| 44_927.0 + f64::from(n)).collect();
    let cells = numbers("Date Joined (MMDDYY)", &serials);
    assert_eq!((days(&cells)[0], cells.n_rows()), (date(2023, 1, 1), 200));
    let (_, texts) = written("%Y%m%d", &[2023], &days_of_month);
    assert_eq!(days(&table("Date Joined (YYYYMMDD)", &texts))[27], date(2023, 1, 28));
}

#[test]
fn digits_with_a_zero_in_front_are_dates_and_it_is_said() {
    let days_of_month: Vec<i8> = (1..=28).collect();
    for (form, order) in [("%m%d%y", MonthFirst), ("%d%m%y", DayFirst)] {
        let (meant, texts) = written(form, &[2022, 2023], &days_of_month);
        let table = table("Date Joined", &texts);
        assert_eq!((days(&table), self::order(&table)), (meant, (order, Values)));
        assert_eq!(codes(&table), ["dates_of_digits"]);
    }
    let alone = table("Date Joined", &["040323".to_owned()]);
    assert_eq!(days(&alone), [date(2023, 3, 4)]);
    assert_eq!(codes(&alone), ["dates_of_digits", "date_order_assumed"]);
    // What has no zero in front is a number of days, or a year and a month.
    let serials = table("Date Joined", &["45000".to_owned(), "45001".to_owned()]);
    assert_eq!((days(&serials)[0], codes(&serials)), (date(2023, 3, 15), vec![]));
    let months = table("Date Joined", &["201001".to_owned(), "2023-01-05".to_owned()]);
    assert_eq!(months.cleaning().dropped[&Dropped::NotADate("Date Joined".to_owned())], 1);
    // Numbers whose zeros are lost: nothing says what they are.
    let cells = numbers("Date Joined", &[40_323.0, 110_523.0, 50_923.0]);
    assert_eq!(codes(&cells), ["dates_of_digits"], "{:?}", cells.cleaning());
    let texts = table("Date Joined", &["40323".to_owned(), "110523".to_owned()]);
    assert_eq!(codes(&texts), ["dates_of_digits"]);
}

/// The table of a workbook with these numbers under a header of dates.
fn numbers(header: &str, dates: &[f64]) -> CustomerTable {
    let bytes = xlsx(|sheet| {
        super::sheets::write_rows(sheet, 0, &[&["id", header, "location", "gender", "loyalty tier"]]);
        for (row, number) in (1..).zip(dates) {
            super::sheets::write_rows(sheet, row, &[&[&format!("C{row}"), "", "Bedok", "F", "Gold"]]);
            sheet.write_number(row, 1, *number).unwrap();
        }
    });
    read(&bytes).unwrap()
}

#[test]
fn cells_and_texts_that_may_well_be_as_they_were_meant_raise_no_alarm() {
    let every_day = written("%F", &[2023], &(1..=28).collect::<Vec<_>>()).0;
    // All cells are dates, or half of them, of any day.
    assert!(codes(&mixed(&every_day, Some, "%F")).is_empty());
    let half = mixed(&every_day, |day| (day.month() > 6).then_some(day), "%-m/%-d/%Y");
    assert!(codes(&half).is_empty(), "{:?}", half.cleaning().notes);
    // Cells of the first of the month beside texts of any day.
    let first = mixed(&every_day, |day| (day.day() == 1).then_some(day), "%-m/%-d/%Y");
    assert!(codes(&first).is_empty(), "{:?}", first.cleaning().notes);
    // A handful of each is chance.
    let few = [(1, 2), (2, 3), (4, 1), (5, 20), (6, 21), (7, 22)].map(|(month, day)| date(2023, month, day));
    assert!(codes(&mixed(&few, swapped, "%-m/%-d/%Y")).is_empty());
}

#[test]
fn of_several_files_it_is_said_which_were_read_in_which_order() {
    let mut all = NewestStands::new(schema());
    for (label, dates) in [
        ("de.csv", ["13/05/2024", "04/05/2024"]),
        ("us.csv", ["05/13/2024", "05/04/2024"]),
        ("at.csv", ["13/06/2024", "04/06/2024"]),
    ] {
        let mut builder = TableBuilder::keyed(schema(), TODAY);
        builder.begin_sheet(false);
        builder.push_row(&HEADER.map(Cell::Text)).unwrap();
        for (row, date) in dates.iter().enumerate() {
            builder.push_row(&[format!("{label}{row}").as_str(), date, "Bedok", "F", "Gold"].map(Cell::Text)).unwrap();
        }
        builder.end_sheet().unwrap();
        all.add(label, &builder.finish_keyed()).unwrap();
    }
    let table = all.finish();
    let read: Vec<_> = table.cleaning().dates.iter().map(|dates| (dates.order, dates.sources.join(" "))).collect();
    assert_eq!(read, [(DayFirst, "de.csv at.csv".to_owned()), (MonthFirst, "us.csv".to_owned())]);
}
