//! `.xls` of programs other than Excel: code pages, padding, encryption.

use std::io::{Cursor, Write};

use cfb::CompoundFile;
use content_portal::workbook::WorkbookError;
use encoding_rs::{BIG5, EUC_KR, GBK, MACINTOSH, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253};

use super::sheets::{CUSTOMER, HEADER, OTHER_CUSTOMER, SMALL_ROWS, fixture, read, rows};

/// A record of a workbook stream.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes(), &u16::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The versions of the format that differ in how they hold text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Biff {
    Five = 0x0500,
    Eight = 0x0600,
}

/// A workbook of one sheet of texts, with these records behind the start of its stream.
fn xls(biff: Biff, records: &[Vec<u8>], rows: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let flags: &[u8] = if biff == Biff::Eight { &[0] } else { &[] };
    let start = |kind: u16| record(0x0809, &numbers(&[biff as u16, kind, 0, 0]));
    let sheet =
        |position: u32| record(0x0085, &[&position.to_le_bytes()[..], &[0, 0, 9], flags, b"Customers"].concat());
    let end = record(0x000a, &[]);
    let mut stream = [start(5), records.concat()].concat();
    let position = stream.len() + sheet(0).len() + end.len();
    stream.extend([sheet(u32::try_from(position).unwrap()), end.clone(), start(0x10)].concat());
    for (row, cells) in (0..).zip(rows) {
        for (column, text) in (0..).zip(cells) {
            let place = numbers(&[row, column, 0, u16::try_from(text.len()).unwrap()]);
            stream.extend(record(0x0204, &[&place, flags, text].concat()));
        }
    }
    stream.extend(end);
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    file.create_stream("/Workbook").unwrap().write_all(&stream).unwrap();
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn code_page(number: u16) -> Vec<u8> {
    record(0x0042, &numbers(&[number]))
}

fn bytes(row: [&str; 5]) -> Vec<Vec<u8>> {
    row.map(|cell| cell.as_bytes().to_vec()).to_vec()
}

/// The towns of customers, one each, as they were read, and the codes of the report's notes.
fn towns(towns: &[Vec<u8>], biff: Biff, records: &[Vec<u8>]) -> (Vec<String>, Vec<String>) {
    let customer = |(n, town): (usize, &Vec<u8>)| {
        let [id, date, _, gender, tier] = bytes(CUSTOMER).try_into().unwrap();
        vec![[id, n.to_string().into_bytes()].concat(), date, town.clone(), gender, tier]
    };
    let header = bytes(HEADER);
    let table: Vec<_> = [header].into_iter().chain(towns.iter().enumerate().map(customer)).collect();
    let read = read(&xls(biff, records, &table)).unwrap();
    let towns = rows(&read).iter().map(|row| row.split(" | ").next().unwrap().to_owned()).collect();
    (towns, read.cleaning().notes.iter().map(|note| note.code.clone()).collect())
}

#[test]
fn biff8_is_read_whatever_its_code_page_says() {
    let table = [bytes(HEADER), bytes(CUSTOMER), bytes(OTHER_CUSTOMER)];
    for number in [1200, 1252, 367, 437, 850, 932, 1251, 32_768, 65_001, 21_010, 0, 7_766] {
        let file = xls(Biff::Eight, &[code_page(number)], &table);
        assert_eq!(rows(&read(&file).unwrap()), SMALL_ROWS, "{number}");
    }
    let table = read(&fixture("tests/fixtures/biff8_cp1252.xls")).unwrap();
    assert_eq!((table.n_rows(), table.cleaning().rows_read), (24, 24));
}

#[test]
fn biff5_is_read_by_the_code_page_that_it_names() {
    let web = |encoding: &'static encoding_rs::Encoding, text| encoding.encode(text).0.into_owned();
    for (number, written, town) in [
        (437, b"M\x81nchen".to_vec(), "München"),
        (850, b"K\x94ln".to_vec(), "Köln"),
        (852, b"Krak\xa2w".to_vec(), "Kraków"),
        (866, b"\x8c\xae\xe1\xaa\xa2\xa0".to_vec(), "Москва"),
        (1251, web(WINDOWS_1251, "Москва"), "Москва"),
        (1252, web(WINDOWS_1252, "Évora"), "Évora"),
        (32_769, web(WINDOWS_1252, "Évora"), "Évora"),
        (10_000, web(MACINTOSH, "Zürich"), "Zürich"),
        (32_768, web(MACINTOSH, "Zürich"), "Zürich"),
        (932, web(SHIFT_JIS, "ポプラ町"), "ポプラ町"),
        (936, web(GBK, "北京"), "北京"),
        (949, web(EUC_KR, "서울"), "서울"),
        (950, web(BIG5, "功學社"), "功學社"),
    ] {
        let read = towns(&[written], Biff::Five, &[code_page(number)]);
        assert_eq!(read, (vec![town.to_owned()], vec![]), "{number}");
    }
    let table = read(&fixture("tests/fixtures/biff5_cp850.xls")).unwrap();
    assert_eq!((table.n_rows(), table.cleaning().rows_read), (24, 24));
}

#[test]
fn biff5_without_a_code_page_is_told_by_its_letters() {
    for (encoding, names) in [
        (GBK, ["北京", "广州", "上海", "深圳", "天津"]),
        (SHIFT_JIS, ["東京", "大阪", "札幌", "ながさき", "サッポロ"]),
        (WINDOWS_1251, ["Москва", "Казань", "Самара", "Омск", "Пермь"]),
        (WINDOWS_1253, ["Αθήνα", "Πάτρα", "Λάρισα", "Βόλος", "Χανιά"]),
        (MACINTOSH, ["München", "Köln", "Düsseldorf", "Zürich", "Genève"]),
    ] {
        let written = names.map(|name| encoding.encode(name).0.into_owned());
        for records in [vec![], vec![code_page(367)], vec![code_page(0)]] {
            let read = towns(&written, Biff::Five, &records);
            let expected = (names.map(str::to_owned).to_vec(), vec!["encoding_guessed".to_owned()]);
            assert_eq!(read, expected, "{} {records:?}", encoding.name());
        }
    }
}

#[test]
fn padding_is_no_part_of_a_text() {
    let pad = |row: [&str; 5]| row.map(|cell| format!("{cell}\0\0\0").into_bytes()).to_vec();
    let table = [pad(HEADER), pad(CUSTOMER), pad(OTHER_CUSTOMER)];
    for biff in [Biff::Five, Biff::Eight] {
        assert_eq!(rows(&read(&xls(biff, &[code_page(1252)], &table)).unwrap()), SMALL_ROWS, "{biff:?}");
    }
}

#[test]
fn a_workbook_that_is_only_marked_read_only_is_read() {
    let write_protected = record(0x0086, &[]);
    let read_only_recommended = record(0x005b, &numbers(&[1, 0, 0]));
    let protected_windows = [record(0x0012, &numbers(&[1])), record(0x0013, &numbers(&[0]))].concat();
    let table = [bytes(HEADER), bytes(CUSTOMER), bytes(OTHER_CUSTOMER)];
    let marks = [write_protected, read_only_recommended, protected_windows, code_page(1200)];
    assert_eq!(rows(&read(&xls(Biff::Eight, &marks, &table)).unwrap()), SMALL_ROWS);
}

#[test]
fn every_kind_of_encryption_is_told_as_such() {
    let table = [bytes(HEADER), bytes(CUSTOMER)];
    for (biff, file_pass) in [
        // XOR obfuscation, which leaves the type 0 that calamine takes for none.
        (Biff::Eight, numbers(&[0, 0x1234, 0x5678])),
        (Biff::Eight, [numbers(&[1, 1, 1]), vec![7; 48]].concat()),
        (Biff::Five, numbers(&[0x1234, 0x5678])),
    ] {
        let file = xls(biff, &[record(0x002f, &file_pass), code_page(0x1e56)], &table);
        assert!(matches!(read(&file), Err(WorkbookError::Encrypted)), "{biff:?} {file_pass:?}");
    }
}

#[test]
fn a_workbook_whose_password_nobody_chose_is_read_without_one() {
    for name in [
        "read_only.xlsx",
        "read_only_2007.xlsx",
        "read_only_rc4.xls",
        "read_only_crypto_api.xls",
        "read_only_40_bits.xls",
    ] {
        let table = read(&fixture(&format!("tests/fixtures/encrypted/{name}"))).unwrap();
        assert_eq!((table.n_rows(), table.cleaning().rows_read), (24, 24), "{name}");
        assert_eq!(rows(&table)[2], "Bedok | Male | 2023-03-03 | #1", "{name}");
    }
    for name in ["password.xlsx", "password.xls"] {
        let refused = read(&fixture(&format!("tests/fixtures/encrypted/{name}")));
        assert!(matches!(refused, Err(WorkbookError::Encrypted)), "{name}: {refused:?}");
    }
}
