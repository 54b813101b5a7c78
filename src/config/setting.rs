//! A setting as it was read: its value, and where that came from.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nowhere: it is not set.
    Default,
    /// The process environment.
    Environment,
    /// The `.env` in the working directory.
    EnvFile {
        /// Counted from 1.
        line: usize,
    },
    /// The file that a variable `<NAME>_FILE` names.
    File {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// A credential of the service manager.
    Credential {
        /// The file.
        path: PathBuf,
    },
    /// The setting's name of before.
    OldName {
        /// The name.
        variable: &'static str,
        /// Where that is set.
        source: Box<Source>,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment => f.write_str("environment"),
            Self::EnvFile { line } => write!(f, ".env line {line}"),
            Self::File { variable, path } => write!(f, "{variable}: {}", path.display()),
            Self::Credential { path } => write!(f, "credential {}", path.display()),
            Self::OldName { variable, source } => write!(f, "{variable}, {source}"),
        }
    }
}

/// A setting as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// The value as text, of a secret only that it is set; `None` where it is not set and has no default.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
}
