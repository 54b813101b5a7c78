//! Files by strangers who mean harm, or who use what few use.

use std::io::{Cursor, Read, Write};

use rust_xlsxwriter::Workbook;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use Expected::{Either, Refused, Rows};

/// A file, and what becomes of it: a number of rows, or the error's name.
pub struct Stranger {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub expected: Expected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Rows(usize),
    Refused(&'static str),
    /// One of these, `read` among them: what calamine makes of it is its own affair.
    Either(&'static [&'static str]),
}

const SHEET: &str = "xl/worksheets/sheet1.xml";

/// A workbook with these parts put in, or put in place of its own.
pub fn with_parts(workbook: &[u8], parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut source = ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut target = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..source.len() {
        let mut part = source.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        if parts.iter().any(|(replaced, _)| *replaced == name) {
            continue;
        }
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        target.start_file(name, SimpleFileOptions::default()).unwrap();
        target.write_all(&content).unwrap();
    }
    for (name, content) in parts {
        target.start_file(*name, SimpleFileOptions::default()).unwrap();
        target.write_all(content).unwrap();
    }
    target.finish().unwrap().into_inner()
}

/// A header, two customers, and whatever else is written to their sheet.
fn workbook(fill: impl FnOnce(&mut rust_xlsxwriter::Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let rows = [
        ["id", "date joined", "location", "gender", "loyalty tier"],
        ["A1", "2023-08-11", "Tampines", "Female", "Gold"],
        ["A2", "2024-02-29", "Bedok", "Male", "Silver"],
    ];
    for (row, cells) in (0..).zip(rows) {
        for (column, text) in (0..).zip(cells) {
            sheet.write_string(row, column, text).unwrap();
        }
    }
    fill(sheet);
    book.save_to_buffer().unwrap()
}

fn put(sheet: &mut rust_xlsxwriter::Worksheet, row: u32, column: u16) {
    sheet.write_string(row, column, "x").unwrap();
}

/// The content of a part.
pub fn part(workbook: &[u8], name: &str) -> String {
    let mut content = String::new();
    ZipArchive::new(Cursor::new(workbook)).unwrap().by_name(name).unwrap().read_to_string(&mut content).unwrap();
    content
}

/// Puts `new` wherever the bytes `old` stand.
fn patched(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut patched = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = patched[at..].windows(old.len()).position(|window| window == old) {
        patched[at + found..at + found + new.len()].copy_from_slice(new);
        at += found + old.len();
    }
    assert_ne!(patched, bytes, "there was something to patch");
    patched
}

/// A sheet that says it is far smaller than it is.
fn liar() -> Vec<u8> {
    const BYTES: usize = (8 << 20) + 12_345;
    let small = workbook(|_| {});
    let mut sheet = part(&small, SHEET);
    sheet += &" ".repeat(BYTES - sheet.len());
    let honest = with_parts(&small, &[(SHEET, sheet.as_bytes())]);
    patched(&honest, &(BYTES as u32).to_le_bytes(), &1_000_u32.to_le_bytes())
}

/// A compound file whose directory names a workbook, and whose every sector is followed by itself.
fn ole_loop() -> Vec<u8> {
    let mut bytes = vec![0; 512 * 4];
    bytes[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(24, &[0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    put(44, &1_u32.to_le_bytes()); // sectors of the allocation table
    put(48, &1_u32.to_le_bytes()); // the directory's first sector
    put(56, &4096_u32.to_le_bytes());
    put(60, &[0xfe, 0xff, 0xff, 0xff]);
    put(68, &[0xfe, 0xff, 0xff, 0xff]);
    put(76, &0_u32.to_le_bytes()); // the table is in sector 0
    for entry in 1..109 {
        put(76 + 4 * entry, &[0xff; 4]);
    }
    for sector in 0..128_u32 {
        put(512 + 4 * sector as usize, &sector.to_le_bytes());
    }
    for (entry, name, kind) in [(0, "Root Entry", 5), (1, "Workbook", 2)] {
        let at = 1024 + 128 * entry;
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        put(at, &units);
        put(at + 64, &[units.len() as u8 + 2, 0, kind, 1]);
        put(at + 68, &[0xff; 12]);
        put(at + 116, &2_u32.to_le_bytes());
        put(at + 120, &0x7fff_ffff_u32.to_le_bytes());
    }
    bytes
}

/// Where the first record of the workbook stream of an `.xls` begins.
fn first_record(xls: &[u8]) -> usize {
    let begin_of_file = [0x09, 0x08, 0x10, 0x00, 0x00, 0x06, 0x05, 0x00];
    xls.windows(8).position(|window| window == begin_of_file).unwrap()
}

/// One cell of an `.xls` moved to the far corner: laid out as a grid, the sheet would take a hundred gigabytes. A
/// process that asks for them is aborted.
pub fn far_cell_in(xls: &[u8]) -> Vec<u8> {
    let mut bytes = xls.to_vec();
    // A record of a text of the shared ones: its kind, its length, row and column.
    let is_text_in_row_200 = |record: &[u8]| record.starts_with(&[0xfd, 0, 10, 0, 200, 0]);
    let cell = bytes.windows(8).position(is_text_in_row_200).unwrap();
    bytes[cell + 4..cell + 8].fill(0xff);
    bytes
}

fn entities() -> String {
    let mut entities = String::from("<!DOCTYPE lolz [<!ENTITY a0 \"lol\"><!ENTITY f SYSTEM \"file:///etc/passwd\">");
    for level in 1..12 {
        let ten = format!("&a{};", level - 1).repeat(10);
        entities += &format!("<!ENTITY a{level} \"{ten}\">");
    }
    entities + "]>"
}

/// A file with its name and what becomes of it.
type Case = (&'static str, Vec<u8>, Expected);

const DAMAGED: Expected = Refused("Damaged");

/// All of them; `xls` is a good workbook of 300 customers in that format.
pub fn strangers(xls: &[u8]) -> Vec<Stranger> {
    let small = workbook(|_| {});
    let all = [archives(&small), parts(&small), old_workbooks(xls)].concat();
    all.into_iter().map(|(name, bytes, expected)| Stranger { name, bytes, expected }).collect()
}

/// An archive of these files.
fn bag(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Archives that are not what they say, or much more.
fn archives(small: &[u8]) -> Vec<Case> {
    let blanks = vec![b' '; 100 << 20];
    let bomb = with_parts(small, &[("xl/media/blanks.xml", &blanks)]);
    let nested = (0..6).fold(bomb.clone(), |inner, _| bag(&[("0.zip", &inner), ("1.zip", &inner)]));
    let central = small.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let mut wrong_offset = small.to_vec();
    wrong_offset[central + 42..central + 46].copy_from_slice(&0x00ff_ffff_u32.to_le_bytes());
    let mut wrong_count = small.to_vec();
    let end = small.len() - 22;
    wrong_count[end + 8..end + 12].copy_from_slice(&[0xff; 4]);
    vec![
        ("a zip bomb", bomb, Refused("UnpacksTooLarge")),
        ("a zip bomb that lies about its size", liar(), DAMAGED),
        ("archives in an archive", nested, Refused("NotAWorkbook")),
        ("an archive in a workbook", with_parts(small, &[("xl/media/0.zip", &bag(&[("a", b"a")]))]), Rows(2)),
        ("half a workbook", small[..small.len() / 2].to_vec(), DAMAGED),
        ("a workbook without its last byte", small[..small.len() - 1].to_vec(), DAMAGED),
        ("a part that is elsewhere than said", wrong_offset, DAMAGED),
        ("more parts than there are", wrong_count, DAMAGED),
    ]
}

/// Workbooks with a part that few have.
fn parts(small: &[u8]) -> Vec<Case> {
    const STRINGS: &str = "xl/sharedStrings.xml";
    const BOOK: &str = "xl/workbook.xml";
    let (sheet, strings, book) = (part(small, SHEET), part(small, STRINGS), part(small, BOOK));
    let with_entities = |xml: &str, root: &str, from: &str, to: &str| {
        let at = xml.find(root).unwrap();
        format!("{}{}{}", &xml[..at], entities(), xml[at..].replacen(from, to, 1))
    };
    let million: String = (0..1_000_000).map(|n| format!("<si><t>{n}</t></si>")).collect();
    let million = strings.replace("</sst>", &(million + "</sst>"));
    let with = |name: &str, text: &str| with_parts(small, &[(name, text.as_bytes())]);
    vec![
        ("a far cell", workbook(|sheet| put(sheet, 1_048_575, 16_383)), Refused("TooManyColumns")),
        (
            "16,384 columns",
            workbook(|sheet| (0..16_384).for_each(|column| put(sheet, 2, column))),
            Refused("TooManyColumns"),
        ),
        ("a million shared strings", with(STRINGS, &million), Rows(2)),
        (
            "entities in a sheet",
            with(SHEET, &with_entities(&sheet, "<worksheet", "<v>", "<v>&a11;")),
            Either(&["Damaged", "MissingColumns", "read"]),
        ),
        (
            "entities in the strings",
            with(STRINGS, &with_entities(&strings, "<sst", "A1", "&a11;&f;")),
            Either(&["Damaged", "read"]),
        ),
        ("a workbook with macros", with_parts(small, &[("xl/vbaProject.bin", &ole_loop())]), Rows(2)),
        ("a sheet in 1904 dates", with(BOOK, &book.replace("<workbookPr", "<workbookPr date1904=\"1\"")), Rows(2)),
    ]
}

/// Compound files, and formats before them.
fn old_workbooks(xls: &[u8]) -> Vec<Case> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let encrypted_stream = utf16("EncryptedPackage");
    let mut encrypted = ole_loop();
    encrypted[1024 + 128..1024 + 128 + encrypted_stream.len()].copy_from_slice(&encrypted_stream);
    let mut password = xls.to_vec();
    let record = first_record(xls) + 20;
    password[record..record + 2].copy_from_slice(&[0x2f, 0]);
    vec![
        ("a compound file in circles", ole_loop(), Either(&["Damaged", "TooMuchMemory", "BrokeReader", "NoSheet"])),
        ("an encrypted workbook", encrypted, Refused("Encrypted")),
        ("an old workbook with a password", password, Either(&["Encrypted", "Damaged"])),
        ("BIFF 2", b"\x09\x00\x04\x00\x02\x00\x10\x00rest".to_vec(), Refused("NotAWorkbook")),
        ("BIFF 3", b"\x09\x02\x06\x00\x00\x03\x10\x00\0\0rest".to_vec(), Refused("NotAWorkbook")),
        ("BIFF 4", b"\x09\x04\x06\x00\x00\x04\x10\x00\0\0rest".to_vec(), Refused("NotAWorkbook")),
        ("BIFF 5, by its stream's name", patched(xls, &utf16("Workbook"), &utf16("Book\0\0\0\0")), Rows(300)),
        ("BIFF 8", xls.to_vec(), Rows(300)),
        ("a far cell in an old workbook", far_cell_in(xls), Refused("TooMuchMemory")),
    ]
}
