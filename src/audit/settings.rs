//! The settings of the audit log.

use std::path::PathBuf;

use crate::config::Reader;

/// Where the audit log is, and how large it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// `AUDIT_LOG`, the file; none.
    pub path: Option<PathBuf>,
    /// `AUDIT_LOG_MAX_MB`, the size at which a new file begins; 100.
    pub max_bytes: u64,
    /// `AUDIT_LOG_FILES`, files that are kept, the current one among them; 10.
    pub max_files: usize,
}

impl AuditSettings {
    /// Reads the settings.
    pub fn read(read: &mut Reader<'_>) -> Self {
        Self {
            path: read.optional_path("AUDIT_LOG"),
            max_bytes: read.megabytes("AUDIT_LOG_MAX_MB", 1, 100),
            max_files: read.count("AUDIT_LOG_FILES", 10, "files").get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loaded;

    #[test]
    fn each_field_is_read_from_its_own_variable() {
        let all = [("AUDIT_LOG", "the-log"), ("AUDIT_LOG_MAX_MB", "11"), ("AUDIT_LOG_FILES", "12")];
        let read = Loaded::from_pairs(&all, "", AuditSettings::read).config().unwrap();
        let expected = AuditSettings { path: Some("the-log".into()), max_bytes: 11 << 20, max_files: 12 };
        assert_eq!(read, expected);
    }
}
