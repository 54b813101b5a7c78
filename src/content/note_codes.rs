//! The codes of the notes on content: what the offline writer's texts do not have of a campaign.

use crate::customer::NoteCode;

/// The objective was not understood, and is quoted whole.
pub(super) const OBJECTIVE_QUOTED: NoteCode = NoteCode::new("objective_quoted");
/// The objective, or a part of it, is in no text.
pub(super) const OBJECTIVE_LEFT_OUT: NoteCode = NoteCode::new("objective_left_out");
/// No text has the segment's special offer.
pub(super) const OFFER_LEFT_OUT: NoteCode = NoteCode::new("offer_left_out");
/// Some interests are in no text.
pub(super) const INTERESTS_LEFT_OUT: NoteCode = NoteCode::new("interests_left_out");
