//! How large a file becomes at most, counted before anything is written.

use super::cell::{CellValue, cut};
use super::segments::SegmentLine;
use super::tracked::TrackedText;

/// What a cell of a workbook's XML has around its text.
const CELL_BYTES: u64 = 96;
/// What a row has around its cells.
const ROW_BYTES: u64 = 64;
/// What a workbook has beside its sheets: styles, a theme, and lists of its parts.
const BOOK_BYTES: u64 = 64 << 10;
/// By how much a letter may grow where XML needs it in another form: a control character becomes `_x0001_`.
const ESCAPED_BYTES: u64 = 6;
/// What a CSV cell may have around its text: quotes, and an apostrophe in front.
const QUOTES_BYTES: u64 = 3;
/// A number, a day or a flag as text.
const OTHER_BYTES: u64 = 40;
/// A number with all its zeros, as XML has it: 1e300 has 300 digits.
const LONG_NUMBER_BYTES: u64 = 350;

/// Cells and what they hold.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Size {
    n_rows: u64,
    n_cells: u64,
    n_bytes: u64,
    /// Bytes of letters that a format may write in a longer form.
    n_escaped: u64,
}

impl Size {
    pub fn add(&mut self, value: &CellValue<'_>) {
        match value {
            CellValue::Nothing => {}
            CellValue::Text(text) => self.add_text(text),
            CellValue::Number(number) if *number != 0.0 && !(1e-5..1e16).contains(&number.abs()) => {
                self.add_cell(LONG_NUMBER_BYTES);
            }
            CellValue::Number(_) | CellValue::Flag(_) | CellValue::Whole(_) | CellValue::Date(_) => {
                self.add_cell(OTHER_BYTES);
            }
        }
    }

    pub fn add_text(&mut self, text: &str) {
        let text = cut(text);
        // 0xEF begins the two letters that no XML may hold.
        let is_escaped = |byte: &u8| matches!(byte, 0..0x20 | b'&' | b'<' | b'>' | b'"' | b'_' | 0xEF);
        self.n_escaped += text.bytes().filter(is_escaped).count() as u64;
        self.add_cell(text.len() as u64);
    }

    pub fn end_row(&mut self) {
        self.n_rows += 1;
    }

    /// A segment's line, and those of its texts.
    pub fn add_line(&mut self, line: &SegmentLine<'_>) {
        // Its id, its size, its rows and its share.
        for _ in 0..4 {
            self.add_cell(OTHER_BYTES);
        }
        let texts = [&line.persona_summary, &line.text, &line.image_prompt];
        texts.into_iter().flatten().for_each(|text| self.add_text(text));
        [&line.claims.may_be_said, &line.claims.more_often].into_iter().for_each(|text| self.add_text(text));
        for (key, value) in &line.traits {
            self.add_text(key);
            self.add(value);
        }
        self.end_row();
        for TrackedText { text, tracking } in &line.tracked.0 {
            self.add_cell(OTHER_BYTES);
            self.add_cell(OTHER_BYTES);
            [&tracking.content_id, &tracking.utm, text].into_iter().for_each(|text| self.add_text(text));
            self.end_row();
        }
    }

    /// Of a file of these rows, each with so many columns: every cell costs a comma, whether it holds anything or not.
    pub fn csv_bytes(&self, n_columns: usize) -> u64 {
        let ends_of_cells = self.n_rows.saturating_mul(n_columns as u64 + QUOTES_BYTES);
        let quotes = self.n_cells.saturating_mul(QUOTES_BYTES) + self.n_escaped;
        self.n_bytes.saturating_add(ends_of_cells).saturating_add(quotes)
    }

    /// Of a workbook of these rows: its XML in the scratch folder, and the same packed.
    pub fn xlsx_bytes(&self) -> u64 {
        let around = self.n_cells.saturating_mul(CELL_BYTES) + self.n_rows.saturating_mul(ROW_BYTES);
        let xml = self.n_bytes.saturating_add(around).saturating_add(self.n_escaped.saturating_mul(ESCAPED_BYTES));
        xml.saturating_mul(2).saturating_add(BOOK_BYTES)
    }

    fn add_cell(&mut self, n_bytes: u64) {
        self.n_cells += 1;
        self.n_bytes = self.n_bytes.saturating_add(n_bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use serde_json::json;

    use super::super::{Export, Format, KeptAnswer};

    #[test]
    fn no_file_is_larger_than_was_said_before() {
        let letters = "\u{1}&<>\"_x0001_\u{ffff}'=,\r\né".repeat(500);
        let wide: serde_json::Map<_, _> = (0..1_000).map(|n| (format!("k{n}"), json!(letters[..7]))).collect();
        let numbers = json!({ "a": 1e300, "b": -1e-300, "c": i64::MIN, "d": 0.1, "e": true, "f": "2024-02-29" });
        let mut members = vec![json!(wide), json!({ "a": letters }), numbers];
        members.extend((0..2_000).map(|_| json!({})));
        let segment = json!({ "cluster_id": 1, "persona": { "Location": letters }, "persona_summary": letters,
            "text": letters, "members": members });
        let body = json!({ "clusters": [segment] }).to_string();
        let export = Export::of_answer(KeptAnswer::from_json(body.as_bytes()).unwrap()).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let written = |format| {
            let mut out = Vec::new();
            export.write(format, &mut out, scratch.path()).unwrap();
            out
        };
        let csv = written(Format::Csv).len() as u64;
        assert!(csv <= export.most_bytes(Format::Csv).unwrap() && csv > 2_000 * 1_000);
        let xlsx = written(Format::Xlsx);
        let packed_bytes = xlsx.len() as u64;
        let mut book = zip::ZipArchive::new(Cursor::new(xlsx)).unwrap();
        let xml_bytes: u64 = (0..book.len()).map(|n| book.by_index_raw(n).unwrap().size()).sum();
        let most_bytes = export.most_bytes(Format::Xlsx).unwrap();
        assert!(xml_bytes + packed_bytes <= most_bytes, "{xml_bytes} + {packed_bytes} > {most_bytes}");
    }
}
