use proptest::prelude::*;

use super::{Decimal, Evidence, Meaning, read};

/// The number that `text` is, where `decimal` separates decimals if that matters.
fn number(text: &str, decimal: Decimal) -> Option<f64> {
    read(text).map(|written| written.meaning.by(decimal))
}

#[test]
fn a_number_is_read_with_all_that_people_write_around_it() {
    for (text, value) in [
        (" 12.5 ", 12.5),
        ("-3", -3.0),
        ("1e3", 1000.0),
        ("1.5E-03", 0.0015),
        (".5", 0.5),
        ("12.", 12.0),
        ("$1,234.50", 1234.5),
        ("$ 1,234.50", 1234.5),
        ("-$1,234.50", -1234.5),
        ("$-1,234.50", -1234.5),
        ("1.234,50 €", 1234.5),
        ("€1.234,50", 1234.5),
        ("1 234,50", 1234.5),
        ("1\u{a0}234,50 €", 1234.5),
        ("1\u{202f}234,50\u{a0}€", 1234.5),
        ("1\u{2009}234 kr.", 1234.0),
        ("1'234.50", 1234.5),
        ("CHF 1’234.50", 1234.5),
        ("CHF 12.-", 12.0),
        ("12,– €", 12.0),
        ("12 %", 0.12),
        ("12.5%", 0.125),
        ("١٢٪", 0.12),
        ("(45.00)", -45.0),
        ("($45.00)", -45.0),
        ("$(45.00)", -45.0),
        ("45.00-", -45.0),
        ("−45", -45.0),
        ("– 45", -45.0),
        ("+45", 45.0),
        ("EUR 12", 12.0),
        ("12 EUR", 12.0),
        ("eur12", 12.0),
        ("S$12.50", 12.5),
        ("NT$1,200", 1200.0),
        ("R$ 1.234,50", 1234.5),
        ("RM12.50", 12.5),
        ("Rs. 1,23,456.70", 123_456.7),
        ("₹12,34,567", 1_234_567.0),
        ("S/ 12.50", 12.5),
        ("12,50 zł", 12.5),
        ("1 234,56 Kč", 1234.56),
        ("1 234 руб.", 1234.0),
        ("￥１，２３４", 1234.0),
        ("1,234円", 1234.0),
        ("١٬٢٣٤٫٥", 1234.5),
        ("१,२३,४५६", 123_456.0),
        ("1,2 Mio", 1.2e6),
        ("1.2 Mio. €", 1.2e6),
        ("€1.2M", 1.2e6),
        ("3k", 3000.0),
        ("5 Tsd.", 5000.0),
        ("3.5万", 35_000.0),
        ("'1234", 1234.0),
        ("\u{200e}-45", -45.0),
        ("$ -", 0.0),
        ("1,234,567", 1_234_567.0),
        ("1.234.567", 1_234_567.0),
        ("0,125", 0.125),
        ("1234,567", 1234.567),
    ] {
        let read = number(text, Decimal::Point);
        assert!(read.is_some_and(|read| (read - value).abs() < 1e-9 * f64::abs(value).max(1.0)), "{text:?}: {read:?}");
    }
}

#[test]
fn what_is_not_surely_a_number_is_none() {
    for text in [
        "",
        "-",
        "$",
        "%",
        "inf",
        "NaN",
        "1e999",
        "0x10",
        "twelve",
        "5 kg",
        "12 months",
        "5 m",
        "1,23",
        "1,2,3",
        "1.2.3",
        "12 34",
        "12,34,56",
        "1,234.567.890",
        "(45",
        "(-45)",
        "--5",
        "12%%",
        "$12 €",
        "1/2",
        "12:30",
        "2023-01-05",
        "10-20",
        "+65 9123 4567",
        "A12",
        "12a",
        "1_000",
        "5 * 2",
        "Gold",
    ] {
        let written = read(text).map(|written| written.meaning);
        // `1,23` is a number where a comma separates decimals, and none of the others is under any convention.
        let expected = if text == "1,23" { Some(Meaning::Only(Decimal::Comma, 1.23)) } else { None };
        assert_eq!(written, expected, "{text:?}");
    }
}

#[test]
fn three_digits_behind_a_lone_mark_are_decimals_or_a_thousand() {
    assert_eq!((number("1.234", Decimal::Point), number("1.234", Decimal::Comma)), (Some(1.234), Some(1234.0)));
    assert_eq!((number("1,234", Decimal::Point), number("1,234", Decimal::Comma)), (Some(1234.0), Some(1.234)));
    for sure in ["1234", "1 234", "1'234", "12%"] {
        assert!(matches!(read(sure).unwrap().meaning, Meaning::Sure(_)), "{sure}");
    }
}

/// What a column of these texts makes of its separators.
fn decimal_of(texts: &[&str]) -> (Decimal, bool) {
    let mut evidence = Evidence::default();
    texts.iter().for_each(|text| evidence.note(&read(text).unwrap()));
    let decided = evidence.decided();
    (decided.unwrap_or_else(|| evidence.assumed()).decimal, decided.is_some())
}

#[test]
fn one_number_that_can_be_read_one_way_alone_settles_its_column() {
    assert_eq!(decimal_of(&["1.234", "5.678", "9,5"]), (Decimal::Comma, true));
    assert_eq!(decimal_of(&["1,234", "5,678", "9.5"]), (Decimal::Point, true));
    assert_eq!(decimal_of(&["1.234", "1.234.567"]), (Decimal::Comma, true));
    assert_eq!(decimal_of(&["1.234", "0.125"]), (Decimal::Point, true));
    assert_eq!(decimal_of(&["1.234", "850"]), (Decimal::Point, false));
    assert_eq!(decimal_of(&["1,234", "850"]), (Decimal::Point, false));
    assert_eq!(decimal_of(&["€1.234", "€850"]), (Decimal::Comma, false));
    assert_eq!(decimal_of(&["KWD 1.234", "KWD 0.850"]), (Decimal::Point, true));
    assert_eq!(decimal_of(&["1.234,5", "2,5", "3.5"]), (Decimal::Comma, true));
}

/// Digits in groups of three, or as in India.
fn grouped(digits: &str, mark: &str, indian: bool) -> String {
    let places = digits.len();
    let is_start = |at: usize| {
        let left = places - at;
        at > 0 && (if indian { left == 3 || left > 3 && (left - 3).is_multiple_of(2) } else { left.is_multiple_of(3) })
    };
    digits
        .char_indices()
        .map(|(at, digit)| if is_start(at) { format!("{mark}{digit}") } else { digit.into() })
        .collect()
}

proptest! {
    #[test]
    fn a_number_written_in_any_convention_reads_back(
        cents in 0_u64..1_000_000_000_000,
        (mark, decimal, by) in prop::sample::select(vec![
            (",", ".", Decimal::Point), (".", ",", Decimal::Comma), (" ", ",", Decimal::Comma), (" ", ".", Decimal::Point),
            ("\u{a0}", ",", Decimal::Comma), ("\u{202f}", ",", Decimal::Comma), ("'", ".", Decimal::Point),
            ("’", ".", Decimal::Point), ("", ".", Decimal::Point), ("", ",", Decimal::Comma),
        ]),
        (before, after, sign) in prop::sample::select(vec![
            ("", "", 1.0), ("$", "", 1.0), ("-", "", -1.0), ("−", "", -1.0), ("", "-", -1.0), ("(", ")", -1.0), ("-€", "", -1.0),
            ("€ -", "", -1.0), ("", " €", 1.0), ("SGD ", "", 1.0), ("", " SEK", 1.0), ("-", "\u{a0}kr", -1.0), ("(£", ")", -1.0),
            ("", " %", 0.01), ("+", "", 1.0), ("US$", "-", -1.0),
        ]),
        indian in any::<bool>(),
    ) {
        let (whole, fraction) = (cents / 100, cents % 100);
        let text = format!("{before}{}{decimal}{fraction:02}{after}", grouped(&whole.to_string(), mark, indian));
        let written = read(&text).map(|written| written.meaning);
        let expected = cents as f64 / 100.0 * sign;
        let number = written.map(|meaning| meaning.by(by));
        prop_assert!(number.is_some_and(|number| (number - expected).abs() <= 1e-9 * expected.abs()), "{text}: {written:?}");
        // Two decimals leave no doubt.
        prop_assert!(!matches!(written, Some(Meaning::Either { .. })), "{}", text);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,40}|[0-9.,'()$€ %+-]{0,24}") {
        if let Some(written) = read(&text) {
            prop_assert!(written.meaning.by(Decimal::Point).is_finite());
        }
    }
}
