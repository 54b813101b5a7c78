//! The table: which module may import which.

use crate::imports::{Import, floor};

/// What every module may import: it imports nothing of ours.
const FOR_ALL: &[&str] = &["causes", "disk", "durable", "near_miss", "text_file", "unique_json"];

/// Each module of the crate and the others that it may import. `lib.rs` and `main.rs` stand above all of them.
pub const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("audit", &["config"]),
    ("causes", &[]),
    ("config", &[]),
    ("customer", &[]),
    ("disk", &[]),
    ("durable", &[]),
    ("near_miss", &[]),
    ("schedule", &["config"]),
    ("sql", &["customer"]),
    ("text_file", &[]),
    ("unique_json", &[]),
    ("upload_store", &["config"]),
    ("workbook", &["config", "customer"]),
    ("pipeline", &["customer"]),
    ("model_store", &["pipeline", "customer"]),
    ("shared_store", &["config", "model_store", "pipeline"]),
    ("assign", &["pipeline", "customer"]),
    ("outcome", &["pipeline"]),
    ("pickles", &["model_store", "pipeline", "customer"]),
    ("content", &["config", "pipeline", "customer"]),
    ("segmentation", &["content", "model_store", "pipeline", "customer"]),
    ("export", &["segmentation", "content", "pipeline", "customer"]),
    ("pseudonyms", &["customer"]),
    ("retrain", &["model_store", "shared_store", "upload_store", "pseudonyms", "pipeline", "customer", "workbook"]),
    (
        "http",
        &[
            "audit",
            "config",
            "retrain",
            "schedule",
            "export",
            "segmentation",
            "content",
            "model_store",
            "upload_store",
            "pseudonyms",
            "shared_store",
            "pipeline",
            "customer",
            "workbook",
        ],
    ),
    (
        "commands",
        &[
            "assign",
            "config",
            "http",
            "retrain",
            "schedule",
            "export",
            "segmentation",
            "content",
            "outcome",
            "pickles",
            "sql",
            "model_store",
            "upload_store",
            "pseudonyms",
            "shared_store",
            "pipeline",
            "customer",
            "workbook",
        ],
    ),
    ("main", &[]),
    ("seeds", &[]),
];

/// Why an import is against the table.
pub fn fault(import: &Import) -> Option<String> {
    let (from, to) = (floor(&import.from), floor(&import.to));
    let mut lines = MAY_IMPORT.iter().filter(|(module, _)| *module == from);
    let is_allowed = FOR_ALL.contains(&to) || lines.any(|(_, may)| may.contains(&to));
    (!is_allowed).then(|| format!("{} imports {}", import.from, import.to))
}
