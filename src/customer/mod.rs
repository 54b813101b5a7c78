//! Who the customers are: the schema of their columns, the cleaning of their rows, the table of what is left.
//!
//! A [`Schema`] says which columns matter and how they are found; a [`TableBuilder`] takes the rows of a sheet, one at
//! a time, and keeps those four-or-so columns alone, interned: names, addresses, phone numbers and notes are never
//! stored. [`NewestStands`] makes one table of several files'. Knows nothing of file formats, models or HTTP, and
//! imports nothing of ours.

mod ahead;
mod broken_table;
mod builder;
mod candidate;
mod cell;
mod cell_search;
mod checked;
mod clean;
mod column_settings;
mod contact;
mod date;
mod dropped;
mod erased;
mod findings;
mod form;
mod form_fields;
mod garbled;
mod header;
mod header_alike;
mod header_name;
mod header_note;
mod identifier_belief;
mod identifier_case;
mod identifier_digits;
mod invisible;
mod kept;
mod lacking;
mod levels;
mod lost_digits;
mod merge;
mod missing_columns;
mod named_columns;
mod newest;
mod note;
mod nothing;
mod number;
mod open_sheet;
mod origins;
mod other_schema;
mod own_case;
mod plain;
mod repeated;
mod report;
mod report_entries;
mod resample;
mod row_content;
mod row_hashes;
mod same_name;
mod schema;
mod sheet;
mod sheets;
mod single_cell;
mod spelling;
mod table;
mod tally;
mod text;
mod total_row;
mod value;
mod weighted_rows;

pub use ahead::{Meanings, RowReader, RowsAhead};
pub use broken_table::BrokenTable;
pub use builder::TableBuilder;
pub use cell::{Cell, KEPT_DIGITS, OwnedCell};
pub use cell_search::{
    CellSearch, FoundCell, MAX_FOUND, MIN_CHARS_ELSEWHERE, Said, SearchFindings, is_sought_elsewhere,
};
pub use column_settings::ColumnSettings;
pub use date::MONTHS;
pub use dropped::Dropped;
pub use erased::{JudgedRows, identity_of_text};
pub use form::{FormCustomer, FormError, read_form};
pub use form_fields::FormFields;
pub use header::SheetHeader;
pub use header_name::normalize_header;
pub use identifier_belief::Believed;
pub use identifier_digits::IdentifierDigits;
pub use invisible::is_invisible;
pub use merge::NewestStands;
pub use missing_columns::{MissingColumn, MissingColumns};
pub use named_columns::{ColumnAt, WrongColumns, columns_used, find_columns, notes_on_unread};
pub use newest::{KeyedTable, RowKey, without_zero_decimals};
pub use note::{Note, NoteCode};
pub use nothing::says_nothing;
pub use origins::{Identifiers, Keep, NotKept, Origins, SheetStart};
pub use plain::plain_cell;
pub use report::CleaningReport;
pub use report_entries::{ColumnDates, DecidedBy, SheetRow, Unusable, ValueRows};
pub use schema::{
    Column, DateFeature, DateOrder, DatePart, Feature, FeatureKind, Kind, MIN_CUSTOMERS, PersonaKey, Role, Scale,
    Schema, SchemaError,
};
pub use sheet::{SheetReport, UnusedSheet};
pub use single_cell::{CellReader, Part, Reading};
pub use spelling::spelling_key;
pub use table::{CustomerColumn, CustomerTable};
pub use text::{capitalised, is_personal, tidy_category};
pub use total_row::{group_of_total, names_total};
pub use value::{MISSING, Value, Withheld};
pub use weighted_rows::{TooManyCustomers, WeightedRows};
