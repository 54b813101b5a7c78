//! Fields of a request that nothing reads. The answer lists them, so that a misspelt field does not go unnoticed.
//!
//! Only names are listed, never values; their number and length are bounded.

use std::cell::LazyCell;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::described::DISTINGUISHING;
use super::fields::{CAMPAIGN_NAMES, Fields};
use super::note_codes;
use super::persona::PERSONA;
use super::workbook::KEEP;
use crate::customer::{FormFields, Kind, Note, NoteCode, Schema, is_invisible};
use crate::near_miss::nearest;
use crate::pipeline::{MIN_CUSTOMERS, Persona};

/// How many names are listed.
const MAX_NAMES: usize = 20;
/// A name that was meant for a known one differs from it by at most one letter in so many.
const LETTERS_PER_MISTAKE: usize = 3;
/// How long a listed name may be, in characters.
const MAX_NAME_CHARS: usize = 60;
/// Fields of a generation beside the campaign's inputs and a customer's columns.
const TARGETS: [&str; 3] = ["persona", "cluster_id", "campaign_inputs"];
/// Other fields of a segment in an upload's answer, which callers send back whole. Without the segment's persona or id
/// none of them is read.
const OF_A_SEGMENT: [&str; 12] = [
    "persona_summary",
    "described_by",
    "observed",
    DISTINGUISHING,
    "not_distinguishing",
    "as_everywhere",
    "members",
    "default_post",
    "tracking",
    "prompt_used",
    "size",
    "content_error",
];
/// The fields whose own fields are checked, too.
const INPUTS: &str = "campaign_inputs";

/// The fields of a request that nothing reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub(in crate::http) struct Ignored {
    /// Fields of the request that nothing reads, at most 20; absent where there is none.
    #[schema(example = json!(["objectve"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored: Vec<String>,
    /// Notes on the request for a person; absent where there are none.
    #[schema(example = json!([{
        "code": "unknown_field", "sentence": "objectve is not a field; did you mean objective?"
    }]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

impl Ignored {
    /// The unread fields of a generation, including those of its `campaign_inputs` and of its persona, whose entries
    /// beside traits are read under the names of which `is_extra` is true.
    pub fn of_generation(
        (schema, form_fields): (&Schema, &FormFields),
        is_extra: &dyn Fn(&str) -> bool,
        fields: &Fields,
    ) -> Self {
        let has_segment = fields.is_given(PERSONA) || fields.is_given("cluster_id");
        // A summary without its segment has a note of its own.
        let is_of_segment = |name: &str| OF_A_SEGMENT.contains(&name) && (has_segment || name == "persona_summary");
        let is_read = |name: &str| {
            is_input(name) || TARGETS.contains(&name) || is_of_segment(name) || is_customer_field(form_fields, name)
        };
        let customer = LazyCell::new(|| customer_fields(schema));
        let known = || inputs().chain(TARGETS).chain(customer.iter().map(String::as_str));
        let mut ignored = Self::default();
        let mut n_ignored = 0;
        for name in fields.names().filter(|name| !is_read(name)) {
            n_ignored += 1;
            ignored.add("", name, known());
        }
        for (name, _) in fields.entries_in(INPUTS).filter(|(name, _)| !is_input(name)) {
            n_ignored += 1;
            ignored.add("campaign_inputs.", name, inputs());
        }
        n_ignored += ignored.add_persona(schema, is_extra, fields);
        if fields.is_given("persona_summary") && !has_segment {
            let sentence = "persona_summary is not read: persona or cluster_id says which segment to write for";
            ignored.note(note_codes::SUMMARY_NOT_READ, sentence);
        }
        ignored.end(n_ignored)
    }

    /// The unread text fields beside an upload.
    pub fn of_upload(fields: &Fields) -> Self {
        let mut ignored = Self::default();
        let mut n_ignored = 0;
        for name in fields.names().filter(|name| !is_input(name) && *name != KEEP) {
            n_ignored += 1;
            ignored.add("", name, inputs().chain([KEEP]));
        }
        ignored.end(n_ignored)
    }

    /// Adds the persona's entries that are not read, and returns their number.
    fn add_persona(&mut self, schema: &Schema, is_extra: &dyn Fn(&str) -> bool, fields: &Fields) -> usize {
        let traits = || schema.features().map(|feature| feature.persona.key.as_str());
        let (mut n_ignored, mut n_extras) = (0, 0);
        for (key, value) in fields.entries_in(PERSONA) {
            let is_trait = traits().any(|of| of == key);
            n_extras += usize::from(!is_trait && value.is_string());
            let is_read = match value {
                Value::Null => true,
                Value::String(_) => is_trait || (n_extras <= Persona::MAX_EXTRAS && is_extra(key)),
                Value::Number(_) => is_trait,
                Value::Array(items) => is_trait && items.iter().all(|item| item.is_string() || item.is_number()),
                _ => false,
            };
            if !is_read {
                n_ignored += 1;
                self.add("persona.", key, traits());
            }
        }
        n_ignored
    }

    /// Notes that a value of the form is left out, or a part of its date.
    pub fn left_out(&mut self, field: &str, is_whole: bool) {
        let what = if is_whole { shown(field) } else { format!("a part of {}", shown(field)) };
        let sentence = format!(
            "{what} is left out: fewer than {MIN_CUSTOMERS} customers of the training have the value that was given"
        );
        self.notes.push(Note::new(note_codes::VALUE_LEFT_OUT, sentence));
    }

    /// Notes that a field names a month or a quarter that has not begun.
    pub fn note_to_come(&mut self, field: &str) {
        let sentence = format!("{} is left out: that part of this year has not begun", shown(field));
        self.note(note_codes::DATE_TO_COME, &sentence);
    }

    /// Notes that a field of the customer holds nothing that can be used.
    pub fn note_empty(&mut self, field: &str) {
        let sentence =
            format!("{} is left out: its value means none, or looks like an address, a number or a key", shown(field));
        self.note(note_codes::VALUE_EMPTY, &sentence);
    }

    /// Notes that these fields did not place the customer.
    pub fn placed_without(&mut self, fields: &[String]) {
        if fields.is_empty() {
            return;
        }
        let names: Vec<String> = fields.iter().map(|name| shown(name)).collect();
        let sentence = format!(
            "not used to find the segment: {}; fewer than {MIN_CUSTOMERS} customers of the training match all fields \
             of the form",
            names.join(", ")
        );
        self.note(note_codes::PLACED_WITHOUT, &sentence);
    }

    /// Notes that the content is for the segment as `summary` has it, and not as the request's own summary does: an
    /// upload's answer describes the customers of the upload. It `is_trained`, or it is a persona of a marketer's own.
    pub fn other_summary(&mut self, fields: &Fields, summary: &str, is_trained: bool) {
        let is_other = fields.texts().iter().any(|(name, given)| name == "persona_summary" && is_other(given, summary));
        if is_other && !is_trained {
            let sentence = "persona_summary is not read: the content is written from the persona, which this answer's \
                            persona_summary describes";
            return self.note(note_codes::SUMMARY_NOT_READ, sentence);
        }
        if is_other {
            let sentence = "persona_summary is not read: the content is for the segment as it was trained, which this \
                            answer's persona_summary describes; send distinguishing and size of the upload's answer to \
                            have it written for the upload's customers";
            self.note(note_codes::WRITTEN_AS_TRAINED, sentence);
        }
    }

    /// Adds notes that were made elsewhere.
    pub fn extend(&mut self, notes: &[Note]) {
        self.notes.extend_from_slice(notes);
    }

    /// Adds a note of another kind.
    pub fn note(&mut self, code: NoteCode, sentence: &str) {
        self.notes.push(Note::new(code, sentence));
    }

    fn add<'k>(&mut self, prefix: &str, name: &str, known: impl Iterator<Item = &'k str>) {
        if self.ignored.len() == MAX_NAMES {
            return;
        }
        let shown = format!("{prefix}{}", shown(name));
        if let Some(nearest) = nearest(name, known, LETTERS_PER_MISTAKE) {
            let sentence = format!("{shown} is not a field; did you mean {nearest}?");
            self.notes.push(Note::new(note_codes::UNKNOWN_FIELD, sentence));
        }
        self.ignored.push(shown);
    }

    fn end(mut self, n_ignored: usize) -> Self {
        let more = n_ignored.saturating_sub(self.ignored.len());
        if more > 0 {
            self.notes.push(Note::new(note_codes::MORE_UNKNOWN_FIELDS, format!("{more} more fields were ignored")));
        }
        self
    }
}

/// Whether a summary says something else than `summary`.
fn is_other(given: &str, summary: &str) -> bool {
    !given.trim().is_empty() && given.trim() != summary
}

/// Whether a generation's field of this name says something else than what a customer is like.
pub(super) fn is_of_request(name: &str) -> bool {
    is_input(name) || TARGETS.contains(&name) || OF_A_SEGMENT.contains(&name)
}

/// Whether a generation's field of this name says what a customer is like. A campaign's input never does, also where a
/// column of the customers is called so.
pub(super) fn is_customer_field(form_fields: &FormFields, name: &str) -> bool {
    !is_input(name) && form_fields.has(name)
}

fn is_input(name: &str) -> bool {
    CAMPAIGN_NAMES.iter().any(|(canonical, others)| *canonical == name || others.contains(&name))
}

/// Every name of every campaign input.
pub(in crate::http) fn inputs<'k>() -> impl Iterator<Item = &'k str> {
    CAMPAIGN_NAMES.iter().flat_map(|(name, others)| std::iter::once(*name).chain(others.iter().copied()))
}

/// A customer's columns and a date's parts, as a form would call them.
fn customer_fields(schema: &Schema) -> Vec<String> {
    let titles = schema.columns.iter().flat_map(|column| {
        let parts = match &column.kind {
            Kind::Date { parts, .. } => parts.as_slice(),
            Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => &[],
        };
        std::iter::once(&column.title).chain(parts.iter().map(|part| &part.title))
    });
    titles.map(|title| title.to_lowercase().replace(' ', "_")).collect()
}

/// A caller's name for a field, cleaned and shortened for an answer.
fn shown(name: &str) -> String {
    let mut chars = name.chars().filter(|c| !is_invisible(*c));
    let mut short: String = chars.by_ref().take(MAX_NAME_CHARS).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn generation(body: Value) -> Ignored {
        let Value::Object(fields) = body else { panic!("no object") };
        let schema = Schema::built_in().unwrap();
        let is_extra = |name: &str| ["Writing_Style", "Interests"].contains(&name) || name.starts_with("Key ");
        Ignored::of_generation((&schema, &FormFields::of(&schema)), &is_extra, &Fields::new(fields))
    }

    fn sentences(ignored: &Ignored) -> Vec<&str> {
        ignored.notes.iter().map(|note| note.sentence.as_str()).collect()
    }

    #[test]
    fn a_typo_is_named_with_the_field_that_was_meant() {
        for (slip, meant) in [
            ("objectve", "objective"),
            ("Objective", "objective"),
            ("indutsry", "industry"),
            ("funnel-stage", "funnel_stage"),
            ("FunnelStage", "funnel_stage"),
            ("marketing_funnel_stag", "marketing_funnel_stage"),
            ("pastEngagment", "past_engagement"),
            ("plattform", "platform"),
            ("Tone", "tone"),
            ("postType_", "post_type"),
            ("numVariant", "num_variants"),
            ("clusterId", "cluster_id"),
            ("Persona", "persona"),
            ("campaignInputs", "campaign_inputs"),
            ("locaton", "location"),
            ("loyalty_teir", "loyalty_tier"),
            ("join_yr", "join_year"),
        ] {
            let ignored = generation(json!({ slip: "x" }));
            assert_eq!(ignored.ignored, [slip]);
            assert_eq!(sentences(&ignored), [format!("{slip} is not a field; did you mean {meant}?")]);
        }
    }

    #[test]
    fn a_field_of_another_kind_is_listed_and_nothing_is_guessed() {
        for name in ["temperature", "model", "x", "", "id", "budget", "名前", "utm_source"] {
            let ignored = generation(json!({ name: "x" }));
            assert_eq!((ignored.ignored.as_slice(), ignored.notes.len()), ([name.to_owned()].as_slice(), 0), "{name}");
        }
    }

    #[test]
    fn no_known_field_is_listed_under_any_of_its_names() {
        let schema = Schema::built_in().unwrap();
        let aliases = schema.columns.iter().flat_map(|column| column.headers().map(str::to_owned));
        let camel = ["funnelStage", "pastEngagement", "postType", "preferOutput", "numVariants"].map(str::to_owned);
        let known = inputs().chain(TARGETS).chain(OF_A_SEGMENT).map(str::to_owned);
        for name in known.chain(customer_fields(&schema)).chain(aliases).chain(camel) {
            // A summary goes with its segment.
            assert_eq!(generation(json!({ "cluster_id": 1, name.as_str(): "x" })), Ignored::default(), "{name}");
        }
    }

    #[test]
    fn the_campaign_inputs_own_fields_are_looked_at() {
        let ignored = generation(json!({ "campaign_inputs": { "objectve": "x", "location": "Bedok", "tone": "Fun" } }));
        assert_eq!(ignored.ignored, ["campaign_inputs.objectve", "campaign_inputs.location"]);
        assert_eq!(sentences(&ignored), ["campaign_inputs.objectve is not a field; did you mean objective?"]);
    }

    #[test]
    fn the_persona_s_entries_that_nothing_reads_are_listed_and_a_marketer_s_own_are_read() {
        let read = json!({
            "Top_Gender": "Male", "Top_Locations": ["Bedok", "Novena"], "Top_Join_Months": [1, 2],
            "Top_Loyalty_Tier": null, "Top_Branch": null, "Writing_Style": "short", "Interests": "tea",
        });
        assert_eq!(generation(json!({ "persona": read })), Ignored::default());
        let unread = json!({
            "Top_Branches": ["Bedok"], "Top_Locations": {"a": 1}, "Top_Join_Month": [1], "Visits": 4,
            "Top_Gendr": "Male", "Full Name": "Ada",
        });
        let ignored = generation(json!({ "persona": unread }));
        assert_eq!(
            ignored.ignored,
            [
                "persona.Top_Branches",
                "persona.Top_Locations",
                "persona.Top_Join_Month",
                "persona.Visits",
                "persona.Top_Gendr",
                "persona.Full Name"
            ]
        );
        let sentences = sentences(&ignored);
        assert!(sentences.contains(&"persona.Top_Join_Month is not a field; did you mean Top_Join_Months?"));
        assert!(sentences.contains(&"persona.Top_Gendr is not a field; did you mean Top_Gender?"), "{sentences:?}");
    }

    #[test]
    fn a_summary_without_its_segment_is_noted() {
        let summary = "Gold tier from Bedok";
        assert_eq!(generation(json!({ "persona_summary": summary })).notes[0].code, "summary_not_read");
        assert_eq!(generation(json!({ "persona_summary": summary, "persona": {} })).notes[0].code, "summary_not_read");
        for segment in [json!({ "persona": { "Top_Gender": "Male" } }), json!({ "cluster_id": 1 })] {
            let mut body = segment;
            body["persona_summary"] = json!(summary);
            assert_eq!(generation(body), Ignored::default());
        }
    }

    proptest! {
        #[test]
        fn only_names_are_listed_and_they_are_few_and_short(
            names in prop::collection::vec(".{0,200}", 0..60),
        ) {
            let body = names.iter().map(|name| (name.clone(), json!("a secret value"))).collect();
            let ignored = generation(Value::Object(body));
            let json = serde_json::to_string(&ignored).unwrap();
            prop_assert!(ignored.ignored.len() <= MAX_NAMES && ignored.notes.len() <= MAX_NAMES + 1);
            prop_assert!(json.chars().count() < 20_000 && !json.contains("a secret value"));
        }
    }
}
