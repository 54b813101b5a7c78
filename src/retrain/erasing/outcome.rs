//! What an erasure came to.

use crate::customer::SheetRow;
use crate::model_store::VersionId;
use crate::retrain::SkippedFile;

/// What became of a customer's rows.
#[derive(Debug, Default)]
pub struct ErasedCustomer {
    /// How many files were searched, as far as nothing else is said of them below.
    pub n_searched: usize,
    /// Kept uploads that were rewritten without them, or removed where there was nobody else.
    pub rewritten: Vec<FoundRows>,
    /// Those of them that had other rows which no training can use, also on sheets that none reads, and how many: those
    /// are gone as well.
    pub gone_with: Vec<(String, usize)>,
    /// Kept uploads with the customer that are as they were.
    pub kept_back: Vec<KeptBack>,
    /// Files that only their owner may change.
    pub left: Vec<FoundRows>,
    /// Rows of an identifier that is written in another way: they may be the customer's, and are as they were.
    pub alike: Vec<AlikeRows>,
    /// Rows with the identifier in a column that has no header of identifiers, as a number that has lost digits, or as
    /// a date, likewise.
    pub doubtful: Vec<FoundRows>,
    /// Rows with the identifier where it tells nobody apart, likewise.
    pub shared: Vec<FoundRows>,
    /// Files without a header of identifiers that were searched all the same: every cell may mean the customer.
    pub without_header: Vec<String>,
    /// Such files, and sheets of others, where the identifier is too short to mean somebody in any column.
    pub without_header_unsearched: Vec<String>,
    /// Kept columns without pseudonyms: nobody is known there.
    pub without_identifiers: Vec<String>,
    /// Files, and sheets of files, that could not be looked through.
    pub unread: Vec<SkippedFile>,
    /// Uploads that were not searched, since they were not there as a whole before the erasure ended.
    pub n_on_their_way: usize,
    /// Versions that were trained before the erasure on a file that held the customer, oldest first. Later trainings
    /// pass the customer over.
    pub versions: Vec<VersionId>,
    /// Versions of which nobody can say on what they were trained.
    pub unknown_versions: Vec<VersionId>,
    /// Versions that were trained on a file that is not there any more, and may have held the customer.
    pub versions_of_gone_files: Vec<VersionId>,
    /// Whether rows of the customer were found by an earlier search.
    pub was_found_before: bool,
    /// The files that are there, as reports call them.
    pub(super) there: Vec<String>,
}

impl ErasedCustomer {
    /// Whether every file was searched, and none holds or ever held the customer.
    pub fn is_unknown(&self) -> bool {
        self.is_nowhere() && !self.has_perhaps() && self.unread.is_empty() && self.n_on_their_way == 0
    }

    /// Whether nothing was found but rows that may be the customer's.
    pub fn is_perhaps(&self) -> bool {
        self.is_nowhere() && self.has_perhaps()
    }

    /// Whether rows were found that may be the customer's.
    pub fn has_perhaps(&self) -> bool {
        !self.alike.is_empty() || !self.doubtful.is_empty() || !self.shared.is_empty()
    }

    fn is_nowhere(&self) -> bool {
        let has_no_file = self.rewritten.is_empty() && self.left.is_empty() && self.kept_back.is_empty();
        let holds_none = has_no_file && self.versions.is_empty();
        holds_none && !self.was_found_before
    }
}

/// A kept upload that was not rewritten: it would lose rows of others that a later training may use, by another schema
/// or on a later day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBack {
    /// The customer's rows.
    pub found: FoundRows,
    /// How many such rows it has.
    pub n_later: usize,
}

/// Rows of an identifier that is written in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlikeRows {
    /// How it is written.
    pub identifier: String,
    /// Whether a customer was erased by it before, so that no training reads these rows.
    pub is_erased: bool,
    /// Its rows in one file.
    pub found: FoundRows,
}

/// Rows of the customer in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRows {
    /// What reports call the file.
    pub file: String,
    /// The rows, as the file's sheets show them.
    pub rows: Vec<SheetRow>,
}
