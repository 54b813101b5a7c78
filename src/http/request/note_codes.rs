//! The codes of the notes on requests.

use crate::customer::NoteCode;

/// A field that nothing reads is close to the name of one that is read.
pub(in crate::http) const UNKNOWN_FIELD: NoteCode = NoteCode::new("unknown_field");
/// More fields were ignored than are listed.
pub(in crate::http) const MORE_UNKNOWN_FIELDS: NoteCode = NoteCode::new("more_unknown_fields");
/// Places on the map were asked for without the administrators' key.
pub(in crate::http) const PLACES_NEED_ADMIN: NoteCode = NoteCode::new("places_need_admin");
/// So few customers of the training have a value that it is not used.
pub(in crate::http) const VALUE_LEFT_OUT: NoteCode = NoteCode::new("value_left_out");
/// A value means none, or looks like personal data.
pub(in crate::http) const VALUE_EMPTY: NoteCode = NoteCode::new("value_empty");
/// A trait of a persona has more values than are used.
pub(in crate::http) const VALUES_CUT: NoteCode = NoteCode::new("values_cut");
/// A month or a quarter has not begun.
pub(in crate::http) const DATE_TO_COME: NoteCode = NoteCode::new("date_to_come");
/// The segment was found without some fields of the form.
pub(in crate::http) const PLACED_WITHOUT: NoteCode = NoteCode::new("placed_without");
/// The live model has no such segment; the persona alone was written from.
pub(in crate::http) const UNKNOWN_SEGMENT: NoteCode = NoteCode::new("unknown_segment");
/// The request's own summary was not read.
pub(in crate::http) const SUMMARY_NOT_READ: NoteCode = NoteCode::new("summary_not_read");
/// The content is for the segment as it was trained, and not as the request describes it.
pub(in crate::http) const WRITTEN_AS_TRAINED: NoteCode = NoteCode::new("written_as_trained");
/// Nothing is said of the customers outside every segment.
pub(in crate::http) const WRITTEN_WITHOUT_TRAITS: NoteCode = NoteCode::new("written_without_traits");
