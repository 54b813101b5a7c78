//! The tables of ARCHITECTURE.md: who may import whom.

use std::collections::{BTreeMap, BTreeSet};

/// What a line says of a module that every other one may import.
const FOR_ALL: &str = "(everything may import it)";
/// What a line says where it names no module.
const NO_MODULE: [&str; 3] = ["–", "nothing of ours", "the numeric crates"];

/// One table: what the modules in the first column may import, by the last column.
pub struct Table {
    lines: BTreeMap<String, BTreeSet<String>>,
    for_all: BTreeSet<String>,
}

impl Table {
    /// Reads the table whose head begins with `head`. Its modules are named by their paths in backquotes, below
    /// `folder`.
    pub fn read(document: &str, head: &str, folder: &str) -> Self {
        let mut table = Self { lines: BTreeMap::new(), for_all: BTreeSet::new() };
        let (_, rows) = document.split_once(head).unwrap();
        for row in rows.lines().skip(2).take_while(|row| row.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let (named, may) = (cells[0], cells[cells.len() - 1]);
            for path in named.split('`').skip(1).step_by(2).filter_map(|path| path.strip_prefix(folder)) {
                let module = path.trim_end_matches('/').trim_end_matches(".rs").to_owned();
                if may.contains(FOR_ALL) {
                    table.for_all.insert(module.clone());
                }
                table.lines.insert(module, modules(may));
            }
        }
        assert!(!table.lines.is_empty(), "no line below {head}");
        table
    }

    /// The modules that have a line.
    pub fn modules(&self) -> BTreeSet<&str> {
        self.lines.keys().map(String::as_str).collect()
    }

    /// The modules that the last column names.
    pub fn named(&self) -> BTreeSet<&str> {
        self.lines.values().flatten().map(String::as_str).filter(|&module| module != "everything").collect()
    }

    /// Whether `from` may import `to`.
    pub fn allows(&self, from: &str, to: &str) -> bool {
        let of_line = |may: &BTreeSet<String>| may.contains(to) || may.contains("everything");
        self.for_all.contains(to) || self.lines.get(from).is_some_and(of_line)
    }
}

/// The modules of a last cell, without what it says in brackets.
fn modules(cell: &str) -> BTreeSet<String> {
    let words = cell.split('(').enumerate().map(|(n, part)| match n {
        0 => part,
        _ => part.split_once(')').unwrap().1,
    });
    let bare: String = words.collect();
    let names = bare.split(',').map(str::trim).filter(|name| !name.is_empty() && !NO_MODULE.contains(name));
    names.map(str::to_owned).collect()
}
