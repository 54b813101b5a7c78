//! The documents against what the program says of itself.

use std::fs;
use std::path::Path;

use crate::folder::Folder;

/// The lines of a part of a command's help. The titles of parts are not indented.
fn part<'h>(help: &'h str, title: &'h str) -> impl Iterator<Item = &'h str> {
    let lines = help.lines().skip_while(move |line| *line != title).skip(1);
    lines.take_while(|line| line.is_empty() || line.starts_with(' '))
}

/// What the documents lack of a command: its name, its options, and the same of its own commands.
fn lacking(docs: &str, folder: &Folder, command: &[&str]) -> Vec<String> {
    let name = if command.len() < 2 { format!("content-portal {}", command.concat()) } else { command.join(" ") };
    let help = folder.ok(&[command, &["--help"]].concat());
    let mut lacking = Vec::new();
    if !docs.contains(name.trim_end()) {
        lacking.push(name.clone());
    }
    let options = part(&help, "Options:").filter(|line| line.trim_start().starts_with('-'));
    for option in options.filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--"))) {
        // How to train is a table of keys, which are the flags with other hyphens.
        let key = format!("`{}`", option.trim_start_matches('-').replace('-', "_"));
        if !matches!(option, "--help" | "--version") && !docs.contains(option) && !docs.contains(&key) {
            lacking.push(format!("{name} {option}"));
        }
    }
    // What a command does goes on in lines that are indented further.
    let commands = part(&help, "Commands:").filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for further in commands.filter(|further| !matches!(*further, "" | "help")) {
        lacking.extend(self::lacking(docs, folder, &[command, &[further]].concat()));
    }
    lacking
}

#[test]
fn every_command_and_option_is_in_the_documents() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let docs = ["reference.md", "operations.md", "scale.md"].map(|name| fs::read_to_string(docs.join(name)).unwrap());
    let folder = Folder::new();
    assert_eq!(lacking(&docs.concat(), &folder, &[]), Vec::<String>::new());
    assert!(lacking("", &folder, &["models"]).contains(&"models push --aside".to_owned()), "help is read");
}

#[test]
fn the_help_says_where_settings_are() {
    let help = Folder::new().ok(&["--help"]);
    for place in [".env.example", "README.md", "`content-portal settings`"] {
        assert!(help.contains(place), "{help}");
    }
}
