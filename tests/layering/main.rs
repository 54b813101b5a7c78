//! Who may import whom, and that no files import each other in a circle; read off the sources' own `use` lines. Also
//! what documents say of sources.
//!
//! The tables are those of ARCHITECTURE.md. Tests of the sources (`#[cfg(test)]`, `tests.rs`) may
//! import what they like.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a source that cannot be read should fail its test")]

mod circles;
mod imports;
mod rules;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use imports::{Sources, floor};
use rules::Table;

#[test]
fn no_module_imports_one_that_the_table_does_not_allow() {
    let sources = Sources::read(&root().join("src"));
    let table = modules();
    let found: Vec<String> = sources
        .imports()
        .filter(|import| !table.allows(floor(&import.from), floor(&import.to)))
        .map(|import| format!("{} imports {}", import.from, import.to))
        .collect();
    assert!(found.is_empty(), "ARCHITECTURE.md does not allow:\n{}", found.join("\n"));
}

#[test]
fn no_room_of_http_imports_one_that_the_table_does_not_allow() {
    let table = rooms();
    let edges = Sources::read(&root().join("src")).file_edges();
    let mut found = Vec::new();
    for (from, to) in &edges {
        let (Some(room), Some(other)) = (from.strip_prefix("http::"), to.strip_prefix("http::")) else { continue };
        let (room, other) = (floor(room), floor(other));
        if room != other && table.modules().contains(room) && !table.allows(room, other) {
            found.push(format!("{from} imports {to}"));
        }
    }
    assert!(found.is_empty(), "ARCHITECTURE.md does not allow:\n{}", found.join("\n"));
}

#[test]
fn every_test_that_the_threat_model_names_holds_one() {
    let document = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let named =
        document.split('`').skip(1).step_by(2).filter(|name| name.starts_with("tests/") && name.ends_with(".rs"));
    let is_empty = |name: &&str| {
        let text = std::fs::read_to_string(root().join(name)).unwrap_or_default();
        !text.contains("#[test]") && !text.contains("#[tokio::test")
    };
    assert_eq!(named.filter(is_empty).collect::<BTreeSet<_>>(), BTreeSet::new());
}

#[test]
fn every_log_line_names_its_event() {
    let mut found = Vec::new();
    for (path, text) in texts_of_sources() {
        let lines = ["info", "warn", "error"].map(|level| format!("tracing::{level}!("));
        let calls = lines.iter().flat_map(|call| text.split(call.as_str()).skip(1));
        let unnamed = calls.filter(|call| !call.trim_start().starts_with("event = \""));
        found.extend(unnamed.map(|call| format!("{}: {:.60}", path.display(), call.trim_start())));
    }
    assert!(found.is_empty(), "these log lines have no event:\n{}", found.join("\n"));
}

#[test]
fn every_code_of_an_error_is_in_the_document_of_errors() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let of_writers = read("src/content/error.rs");
    let of_writers = of_writers.split("fn code(self)").nth(1).unwrap().split("fn sentence").next().unwrap();
    let sources = read("src/http/problem/status.rs") + of_writers;
    let quoted = |text: &str, quote: char| -> BTreeSet<String> {
        let words = text.split(quote).skip(1).step_by(2);
        words.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')).map(str::to_owned).collect()
    };
    let codes = quoted(&sources, '"');
    assert!(codes.contains("no_such_route") && codes.contains("writer_paused"), "{codes:?}");
    let listed = quoted(&read("docs/errors.md"), '`');
    let unlisted: Vec<_> = codes.difference(&listed).collect();
    assert!(unlisted.is_empty(), "docs/errors.md lacks {unlisted:?}");
}

#[test]
fn the_document_of_notes_lists_every_code_and_every_reason_and_no_other() {
    let in_quotes = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let mut codes = BTreeSet::new();
    for (path, text) in texts_of_sources() {
        // A code has no other constructor.
        for call in text.split("NoteCode::new(").skip(1) {
            assert!(call.starts_with('"'), "{} makes a code of {call:.60}", path.display());
            codes.insert(call.split('"').nth(1).unwrap().to_owned());
        }
    }
    assert!(codes.contains("unknown_field") && codes.contains("identifiers_rounded"), "{codes:?}");
    let dropped = std::fs::read_to_string(root().join("src/customer/dropped.rs")).unwrap();
    let reasons = in_quotes(dropped.split("fn reason(&self)").nth(1).unwrap().split("fn fmt(").next().unwrap());
    assert!(reasons.contains("not_a_number"), "{reasons:?}");

    let document = std::fs::read_to_string(root().join("docs/notes.md")).unwrap();
    let (of_codes, of_reasons) = document.split_once("\n## Why rows are left out\n").unwrap();
    let listed = |part: &str| -> BTreeSet<String> {
        part.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned())).collect()
    };
    assert_eq!(listed(of_codes), codes);
    assert_eq!(listed(of_reasons), reasons);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    let crates = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path().join("src"));
    for folder in crates.chain([root().join("src")]) {
        let edges = Sources::read(&folder).file_edges();
        found.extend(circles::of(&edges).into_iter().map(|circle| circle.join(" ↔ ")));
    }
    assert!(found.is_empty(), "these files import each other:\n{}", found.join("\n"));
}

#[test]
fn every_module_has_a_line_in_the_table_and_every_line_a_module() {
    let sources = Sources::read(&root().join("src"));
    let there: BTreeSet<&str> = sources.floors().into_iter().collect();
    let table = modules();
    assert_eq!(there, table.modules());
    assert!(table.named().is_subset(&there), "{:?}", table.named());

    let of_http = |is_named: fn(&Path) -> bool| -> BTreeSet<String> {
        let entries = std::fs::read_dir(root().join("src/http")).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| is_named(path))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    let rooms = rooms();
    let (folders, all) = (of_http(Path::is_dir), of_http(|_| true));
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert!(folders.is_subset(&owned(rooms.modules())), "{folders:?}");
    assert!(owned(rooms.named()).is_subset(&all), "{:?}", rooms.named());
}

fn architecture() -> String {
    std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// The table of the crate's modules.
fn modules() -> Table {
    Table::read(&architecture(), "| module |", "src/")
}

/// The table of the rooms of `http`.
fn rooms() -> Table {
    Table::read(&architecture(), "| room |", "")
}

/// The modules whose files import each other in no circle; a module joins once it is free of them.
const FREE_OF_CIRCLES: &[&str] = &["content", "http"];

#[test]
fn no_files_of_a_module_import_each_other_in_a_circle() {
    let mut edges = Sources::read(&root().join("src")).file_edges();
    edges.retain(|(from, to)| [from, to].iter().all(|end| FREE_OF_CIRCLES.contains(&floor(end))));
    assert_eq!(circles::of(&edges), Vec::<Vec<String>>::new());
}

#[test]
fn the_reading_of_imports_sees_groups_renames_and_what_a_module_hands_on() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib.rs", "pub mod a;\npub mod b;\n");
    write("a/mod.rs", "mod one;\nmod two;\npub use two::Two as Second;\n");
    write(
        "a/one.rs",
        "use super::Second;\n// use crate::b::Unseen;\n#[cfg(test)]\nmod tests { use crate::b::Unseen; }\n",
    );
    write("a/two.rs", "use super::{one::{First, self}, Third};\nfn f() { crate::b::call(); }\n");
    write("b.rs", "use std::io;\n");
    let sources = Sources::read(folder.path());
    let edges = sources.file_edges();
    let found: Vec<(&str, &str)> = edges.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(found, [("a::one", "a::two"), ("a::two", "a::one"), ("a::two", "b")]);
    assert_eq!(circles::of(&edges), [["a::one", "a::two"]]);
    let imports: Vec<(String, String)> = sources.imports().map(|import| (import.from, import.to)).collect();
    assert_eq!(imports, [("a::two".to_owned(), "b".to_owned())]);
}

/// Every file of the sources, with its text.
fn texts_of_sources() -> Vec<(PathBuf, String)> {
    let (mut texts, mut folders) = (Vec::new(), vec![root().join("src")]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                texts.push((path, text));
            }
        }
    }
    texts
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
