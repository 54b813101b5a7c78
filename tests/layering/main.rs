//! Who may import whom, and that no files import each other in a circle; read off the sources' own `use` lines.
//!
//! [`rules::MAY_IMPORT`] is the table that ARCHITECTURE.md draws. Tests of the sources (`#[cfg(test)]`, `tests.rs`) may
//! import what they like.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a source that cannot be read should fail its test")]

mod circles;
mod imports;
mod rules;

use std::path::Path;

use imports::Sources;

#[test]
fn no_module_imports_one_that_the_table_does_not_allow() {
    let sources = Sources::read(&root().join("src"));
    let found: Vec<String> = sources.imports().filter_map(|import| rules::fault(&import)).collect();
    assert!(found.is_empty(), "the table does not allow:\n{}", found.join("\n"));
}

#[test]
fn every_log_line_names_its_event() {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let lines = ["info", "warn", "error"].map(|level| format!("tracing::{level}!("));
                let calls = lines.iter().flat_map(|call| text.split(call.as_str()).skip(1));
                let unnamed = calls.filter(|call| !call.trim_start().starts_with("event = \""));
                found.extend(unnamed.map(|call| format!("{}: {:.60}", path.display(), call.trim_start())));
            }
        }
    }
    assert!(found.is_empty(), "these log lines have no event:\n{}", found.join("\n"));
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
    let mut there: Vec<&str> = sources.floors();
    let mut listed: Vec<&str> = rules::MAY_IMPORT.iter().map(|(module, _)| *module).collect();
    there.sort_unstable();
    listed.sort_unstable();
    assert_eq!(there, listed);
}

/// The modules whose files import each other in no circle; a module joins once it is free of them.
const FREE_OF_CIRCLES: &[&str] = &["content", "http"];

#[test]
fn no_files_of_a_module_import_each_other_in_a_circle() {
    let mut edges = Sources::read(&root().join("src")).file_edges();
    edges.retain(|(from, to)| [from, to].iter().all(|end| FREE_OF_CIRCLES.contains(&imports::floor(end))));
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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
