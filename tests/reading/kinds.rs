//! Which kind a file is: by its content, whatever its name.

use std::io::{Cursor, Write};

use content_portal::workbook::WorkbookError;

use super::sheets::{SMALL_ROWS, read, refusal, rows, small_csv, small_xlsx};

#[test]
fn a_file_without_content_is_empty() {
    for bytes in [&b""[..], b" \r\n\t\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xef\xbb\xbf\r\n", b"\xff\xfe\x20\x00"] {
        assert!(matches!(read(bytes), Err(WorkbookError::Empty)), "{bytes:?}");
    }
}

#[test]
fn a_table_as_text_is_read_and_prose_is_not() {
    assert_eq!(rows(&read(small_csv(",").as_bytes()).unwrap()), SMALL_ROWS);
    let text = refusal(b"This is not a workbook.\n");
    assert_eq!(text, "the file is text without columns, not a workbook: save it as .xlsx, .xls or .csv and send that");
}

#[test]
fn files_of_other_kinds_are_named() {
    for (bytes, name) in [
        (&b"%PDF-1.7\n1 0 obj"[..], "a PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
        (b"\xef\xbb\xbf \n<!DOCTYPE HTML><table><tr><td>id</td></tr></table>", "a web page (HTML)"),
        (b"<?xml version=\"1.0\"?><Workbook/>", "an XML document"),
        (b"{\\rtf1 hello}", "a text document (RTF)"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "a Git LFS pointer (git lfs pull fetches the file itself)",
        ),
        (b"id,\0\x01\x02\xffdate", "neither text nor of a known format"),
        (&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0, 0], "an Office file without a sheet"),
    ] {
        match read(bytes) {
            Err(WorkbookError::NotAWorkbook { found }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn zip_of(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn archives_that_are_no_xlsx_are_named() {
    for (parts, name) in [
        (&[("[Content_Types].xml", ""), ("word/document.xml", "<w/>")][..], "a text document (.docx)"),
        (&[("ppt/presentation.xml", "<p/>")], "a presentation (.pptx)"),
        (&[("xl/workbook.bin", "")], "a binary workbook (.xlsb)"),
        (&[("mimetype", ""), ("content.xml", "<o/>")], "an OpenDocument file (such as .ods)"),
        (&[("photo.jpg", "")], "a zip archive"),
        (&[], "a zip archive"),
    ] {
        match read(&zip_of(parts)) {
            Err(WorkbookError::NotAWorkbook { found }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(read(&zip_of(&[("xl/workbook.xml", "<workbook/>")])), Err(WorkbookError::Damaged(_))));
}

#[test]
fn an_encrypted_workbook_is_told_from_a_damaged_one() {
    // A compound file as far as its directory: the names of its streams, each at the start of an entry of 128 bytes.
    let mut bytes = vec![0_u8; 2048];
    bytes[..8].copy_from_slice(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes[1024..1024 + name.len()].copy_from_slice(&name);
    assert!(matches!(read(&bytes), Err(WorkbookError::Encrypted)));

    let whole = small_xlsx();
    for cut in [30, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(read(&whole[..cut]), Err(WorkbookError::Damaged(_))), "{cut} bytes");
    }
}
