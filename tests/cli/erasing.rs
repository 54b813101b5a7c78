//! Where an erasure looks for a customer beside the rows that trainings read, and what it says of the rest.

mod places;
mod spellings;
mod uploads;

use std::fs;
use std::path::PathBuf;

use crate::folder::{Folder, shown};
use crate::people::HEADER;

/// A kept upload's name.
const KEPT: &str = "20260101T000000Z-0123456789abcdef0123456789abcdef";

fn erase(folder: &Folder, id: &str) -> (Option<i32>, String) {
    let output = folder.run(&["customers", "erase", "--id", id]);
    (output.status.code(), shown(&output))
}

/// An operator's file of customers with these identifiers, as a CSV file has them.
fn own_csv(ids: &[&str]) -> Folder {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data/2026-01-01")).unwrap();
    let rows: String = ids.iter().map(|id| format!("{id},Name,2024-02-03,Bedok,Female,Gold\n")).collect();
    fs::write(folder.path("base_data/2026-01-01/own.csv"), format!("{HEADER}{rows}")).unwrap();
    folder
}

/// A folder with a kept upload of this text.
fn kept_csv(text: &str) -> (Folder, PathBuf) {
    let folder = Folder::new();
    let kept = folder.path("uploads").join(format!("{KEPT}.csv"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, text).unwrap();
    (folder, kept.with_extension("columns"))
}
