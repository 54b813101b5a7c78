//! The types of columns that `assign` takes.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, Date32Array, Date64Array, DictionaryArray, Int8Array, Int64Array, LargeStringArray, NullArray,
    StringArray, StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt16Array,
};

use super::{answers, batch, days, named, placed, rows, stream, texts};

#[test]
fn every_accepted_type_gives_the_same_answers() {
    let rows = rows();
    let expected = answers(&placed(&stream(&[batch(&rows, 0)])).1);
    let (days, seconds) = (days(&rows), |day: &Option<i32>| day.map(|day| i64::from(day) * 86_400 + 86_399));
    let times = |per_second: i64| days.iter().map(move |day| seconds(day).map(|s| s * per_second));
    let stamps = TimestampSecondArray::from(times(1).collect::<Vec<_>>());
    // The clock in Singapore is eight hours ahead.
    let utc = times(1_000).map(|time| time.map(|time| time - 8 * 3_600_000)).collect::<Vec<_>>();
    let dates: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(days.clone())),
        Arc::new(Date64Array::from(days.iter().map(|day| day.map(|d| i64::from(d) * 86_400_000)).collect::<Vec<_>>())),
        Arc::new(StringArray::from(texts(&rows, 2))),
        Arc::new(stamps),
        Arc::new(TimestampMicrosecondArray::from(times(1_000_000).collect::<Vec<_>>()).with_timezone("UTC")),
        Arc::new(TimestampMillisecondArray::from(utc.clone()).with_timezone("Asia/Singapore")),
        Arc::new(TimestampMillisecondArray::from(utc).with_timezone("+08:00")),
        Arc::new(StringViewArray::from(texts(&rows, 2))),
        Arc::new(texts(&rows, 2).into_iter().collect::<DictionaryArray<Int32Type>>()),
    ];
    for dates in dates {
        let kind = dates.data_type().clone();
        let with = |array: &dyn Fn(usize) -> ArrayRef| {
            let columns = vec![("branch", array(0)), ("sex", array(1)), ("date", dates.clone()), ("tier", array(3))];
            answers(&placed(&stream(&[named(columns)])).1)
        };
        assert_eq!(with(&|column| Arc::new(StringArray::from(texts(&rows, column)))), expected, "{kind}");
        assert_eq!(with(&|column| Arc::new(LargeStringArray::from(texts(&rows, column)))), expected, "{kind}");
        assert_eq!(with(&|column| Arc::new(StringViewArray::from(texts(&rows, column)))), expected, "{kind}");
        let dictionary =
            |column| -> ArrayRef { Arc::new(texts(&rows, column).into_iter().collect::<DictionaryArray<Int32Type>>()) };
        assert_eq!(with(&dictionary), expected, "{kind}");
    }
    // Nanoseconds end in 2262, before the rows of 2999.
    let nanoseconds: Vec<Option<i64>> = rows
        .iter()
        .zip(&days)
        .map(|(row, day)| seconds(day).filter(|_| !row[2].starts_with("2999")).map(|s| s * 1_000_000_000))
        .collect();
    let text = |column: usize| Arc::new(StringArray::from(texts(&rows, column))) as ArrayRef;
    let columns = vec![
        ("branch", text(0)),
        ("sex", text(1)),
        ("date", Arc::new(TimestampNanosecondArray::from(nanoseconds)) as ArrayRef),
        ("tier", text(3)),
    ];
    let by_nanoseconds = answers(&placed(&stream(&[named(columns)])).1);
    for ((row, found), expected) in rows.iter().zip(by_nanoseconds).zip(&expected) {
        assert!(row[2].starts_with("2999") || found == *expected, "{row:?}");
    }
}

#[test]
fn parts_of_dates_and_columns_of_nothing_are_taken() {
    let rows: Vec<_> = rows().into_iter().filter(|row| !row[2].starts_with("2999")).collect();
    let parts = |from: usize, to: usize| rows.iter().map(move |row| row[2][from..to].parse::<i32>().unwrap());
    let text = |column: usize| Arc::new(StringArray::from(texts(&rows, column))) as ArrayRef;
    let expected = answers(&placed(&stream(&[batch(&rows, 0)])).1);
    let years: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(parts(0, 4).map(i64::from))),
        Arc::new(UInt16Array::from_iter_values(parts(0, 4).map(|year| year as u16))),
        Arc::new(StringArray::from_iter_values(parts(0, 4).map(|year| year.to_string()))),
    ];
    for years in years {
        let months = Arc::new(Int8Array::from_iter_values(parts(5, 7).map(|month| month as i8)));
        let columns = vec![
            ("Location", text(0)),
            ("gender", text(1)),
            ("join_year", years),
            ("Join_Month", months as ArrayRef),
            ("Loyalty Tier", text(3)),
        ];
        assert_eq!(answers(&placed(&stream(&[named(columns)])).1), expected);
    }
    let nothing = Arc::new(NullArray::new(rows.len())) as ArrayRef;
    let columns = vec![("Location", text(0)), ("date", nothing), ("tier", text(3))];
    let faults = answers(&placed(&stream(&[named(columns)])).1);
    assert!(faults.iter().all(|answer| answer.contains("missing")), "{}", faults[1]);
}
