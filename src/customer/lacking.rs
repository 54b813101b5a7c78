//! Optional columns that files do not have. Their customers count as without a value: that says something of the files,
//! and nothing of the customers.

use std::collections::BTreeMap;

use super::{CleaningReport, Note, Schema};

/// Files that a note names.
const NAMED_FILES: usize = 5;

/// The files of one training that have customers, and which optional columns each lacks.
#[derive(Debug, Default)]
pub(super) struct Lacking(Vec<FileWithout>);

#[derive(Debug)]
struct FileWithout {
    label: String,
    /// The titles of the columns.
    titles: Vec<String>,
}

impl Lacking {
    /// Adds a file that was read by `schema`, with its own report.
    pub fn add(&mut self, label: &str, schema: &Schema, file: &CleaningReport) {
        self.0.push(FileWithout { label: label.to_owned(), titles: titles_not_in(schema, file) });
    }

    /// Has the report of all files say which columns some of them lack, and how many customers those have; `customers`
    /// are those of each file, in the order in which the files were added.
    pub fn report(self, schema: &Schema, customers: &[usize], all: &mut CleaningReport) {
        for column in &schema.columns {
            let files = || self.0.iter().zip(customers).filter(|(_, customers)| **customers > 0);
            let without = || files().filter(|(file, _)| file.titles.contains(&column.title));
            let n_without: usize = without().map(|(_, customers)| customers).sum();
            if n_without == 0 {
                continue;
            }
            all.without_column.insert(column.title.clone(), n_without);
            all.notes.push(match without().count() < files().count() {
                true => in_some_files(&column.title, without().map(|(file, _)| file.label.as_str()), n_without),
                false => in_no_file(&column.title),
            });
        }
    }
}

/// A note on each optional column that was not found.
pub(super) fn notes_on_missing_columns(schema: &Schema, report: &CleaningReport) -> Vec<Note> {
    titles_not_in(schema, report).iter().map(|title| in_no_file(title)).collect()
}

/// The titles of the columns that were not found. A report without any column is of rows that no file had.
fn titles_not_in(schema: &Schema, report: &CleaningReport) -> Vec<String> {
    let titles = schema.columns.iter().map(|column| &column.title);
    let found: &BTreeMap<String, String> = &report.columns_used;
    titles.filter(|&title| !found.is_empty() && !found.contains_key(title)).cloned().collect()
}

fn in_no_file(title: &str) -> Note {
    let sentence = format!("no file has the column {title:?}: all customers count as without a value in it");
    Note::new(Note::COLUMN_IN_NO_FILE, sentence)
}

fn in_some_files<'f>(title: &str, files: impl Iterator<Item = &'f str>, customers: usize) -> Note {
    let files: Vec<&str> = files.collect();
    let named = files.get(..NAMED_FILES).unwrap_or(&files).join(", ");
    let others = files.len().saturating_sub(NAMED_FILES);
    let more = if others > 0 { format!(" and {others} more") } else { String::new() };
    let (have, their) = if files.len() == 1 { ("has", "its") } else { ("have", "their") };
    let sentence = format!(
        "{named}{more} {have} no column {title:?}: {their} customers ({customers}) count as without a value in it"
    );
    Note::new(Note::COLUMN_NOT_IN_ALL_FILES, sentence)
}
