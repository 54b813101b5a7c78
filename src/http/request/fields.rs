//! The fields of a request, under every name that callers have for them.
//!
//! The written API says `funnel_stage` and `prefer_output`, the smart form `marketing_funnel_stage` and `post_type`,
//! the upload form `funnelStage`. Numbers may come as text and text as numbers; an empty value means "not given".

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::content::{Campaign, CampaignInput};
use crate::customer::spelling_key;
use crate::http::problem::{ApiError, FieldProblem};

/// The canonical name of each campaign input, and its other names.
pub(in crate::http) const CAMPAIGN_NAMES: [(&str, &[&str]); 8] = [
    ("objective", &[]),
    ("industry", &[]),
    ("funnel_stage", &["marketing_funnel_stage", "funnelStage"]),
    ("past_engagement", &["pastEngagement"]),
    ("platform", &[]),
    ("tone", &[]),
    ("output", &["prefer_output", "post_type", "postType", "preferOutput"]),
    ("n_variants", &["num_variants", "numVariants"]),
];

/// The fields of one request, and the mistakes found in them so far.
pub(in crate::http) struct Fields {
    values: Map<String, Value>,
    problems: Vec<FieldProblem>,
}

/// A campaign, and by which names its inputs were given.
#[derive(Debug)]
pub(in crate::http) struct GivenCampaign {
    pub campaign: Campaign,
    pub given: Vec<String>,
}

/// A field that is left out.
pub(in crate::http) struct LeftOut {
    /// The caller's name for it.
    pub field: String,
    /// Whether nothing of it is left, and not a part of its date.
    pub is_whole: bool,
}

impl Fields {
    /// The fields of a JSON object.
    pub fn new(values: Map<String, Value>) -> Self {
        Self { values, problems: Vec::new() }
    }

    /// The text fields of a form.
    pub fn from_texts(texts: BTreeMap<String, String>) -> Self {
        Self::new(texts.into_iter().map(|(name, text)| (name, Value::String(text))).collect())
    }

    /// The fields' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The names and values of the object under `name`; none where there is no object.
    pub fn entries_in(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        let object = self.values.get(name).and_then(Value::as_object);
        object.into_iter().flat_map(|object| object.iter().map(|(name, value)| (name.as_str(), value)))
    }

    /// Whether the field `name` says anything.
    pub fn is_given(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(is_given)
    }

    /// The object under `name`, if there is one.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.values.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Object(object)) => Some(object.clone()),
            Some(_) => {
                self.refuse(name, "must be an object");
                None
            }
        }
    }

    /// The list under `name`, if there is one.
    pub fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        match self.values.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Array(items)) => Some(items.clone()),
            Some(_) => {
                self.refuse(name, "must be a list");
                None
            }
        }
    }

    /// The text under the first of `names` that is given; a number counts as its text.
    pub fn text<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) -> Option<(&'n str, String)> {
        for name in names {
            match self.values.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.trim().is_empty() => {}
                Some(Value::String(text)) => return Some((name, text.trim().to_owned())),
                Some(Value::Number(number)) => return Some((name, text_of(number))),
                Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => self.refuse(name, "must be text"),
            }
        }
        None
    }

    /// Records a mistake.
    pub fn refuse(&mut self, field: &str, message: &str) {
        let problem = FieldProblem::new(field, message);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Records mistakes that were found elsewhere.
    pub fn refuse_all(&mut self, problems: impl IntoIterator<Item = FieldProblem>) {
        self.problems.extend(problems);
    }

    /// The names of the fields that hold neither text nor a number.
    pub fn not_texts(&self) -> Vec<String> {
        let is_other = |value: &Value| matches!(value, Value::Bool(_) | Value::Array(_) | Value::Object(_));
        self.values.iter().filter(|(_, value)| is_other(value)).map(|(name, _)| name.clone()).collect()
    }

    /// Every field that holds text or a number, as name and text.
    pub fn texts(&self) -> Vec<(String, String)> {
        self.values.iter().filter_map(|(name, value)| Some((name.clone(), text_in(value)?))).collect()
    }

    /// Adds the inputs in the object `of`. Where the fields give an input under any name, the object must say the same.
    pub fn add_campaign(&mut self, of: &str, inputs: Map<String, Value>) {
        let mut inner = Self::new(inputs);
        for (name, others) in CAMPAIGN_NAMES {
            let names = || std::iter::once(name).chain(others.iter().copied());
            let Some(beside) = names().find(|name| self.is_given(name)) else {
                for name in names() {
                    if let Some(value) = inner.values.remove(name).filter(is_given) {
                        self.values.insert(name.to_owned(), value);
                    }
                }
                continue;
            };
            let says = self.text_under(beside);
            for name in
                names().filter(|name| inner.is_given(name) && !is_same(says.as_ref(), inner.text_under(name).as_ref()))
            {
                let message = format!("must be left out, or say the same as {beside}");
                self.refuse(&format!("{of}.{name}"), &message);
            }
        }
    }

    /// What the field `name` says, where it is a text or a number.
    fn text_under(&self, name: &str) -> Option<String> {
        self.values.get(name).and_then(text_in)
    }

    /// Checks that no mistake was recorded, for requests without a campaign.
    ///
    /// # Errors
    /// [`ApiError::Fields`] with every recorded mistake.
    pub fn end(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::Fields(self.problems)) }
    }

    /// Records each of `others` whose text differs from `text`, the text of `name`.
    fn refuse_contradictions(&mut self, name: &str, text: &str, others: &[&str]) {
        for &other in others.iter().filter(|&&other| other != name) {
            if self.text([other]).is_some_and(|(_, says)| spelling_key(says.trim()) != spelling_key(text.trim())) {
                self.refuse(other, &format!("must be left out, or say the same as {name}"));
            }
        }
    }

    /// The campaign, if no mistake was recorded and its inputs are valid.
    ///
    /// # Errors
    /// [`ApiError::Fields`] with every recorded mistake and every one in the campaign's inputs, each under the name
    /// that the caller used.
    pub fn campaign(mut self) -> Result<GivenCampaign, ApiError> {
        let mut used: BTreeMap<&str, &str> = BTreeMap::new();
        let mut texts: BTreeMap<&str, String> = BTreeMap::new();
        for (name, others) in CAMPAIGN_NAMES {
            if let Some((used_name, text)) = self.text(std::iter::once(name).chain(others.iter().copied())) {
                self.refuse_contradictions(used_name, &text, others);
                used.insert(name, used_name);
                texts.insert(name, text);
            }
        }
        let n_variants = texts.remove("n_variants");
        let input = CampaignInput {
            objective: texts.remove("objective"),
            industry: texts.remove("industry"),
            funnel_stage: texts.remove("funnel_stage"),
            past_engagement: texts.remove("past_engagement"),
            platform: texts.remove("platform"),
            tone: texts.remove("tone"),
            output: texts.remove("output"),
            // A non-integer gets the same error as a number out of range.
            n_variants: n_variants.map(|text| text.parse().unwrap_or(0)),
        };
        let checked = Campaign::check(&input);
        let named = |mut problem: FieldProblem| {
            if let Some(&name) = used.get(problem.field.as_str()) {
                problem.field = name.to_owned();
            }
            problem
        };
        match checked {
            Ok(campaign) if self.problems.is_empty() => {
                Ok(GivenCampaign { campaign, given: used.into_values().map(str::to_owned).collect() })
            }
            checked => {
                self.refuse_all(checked.err().into_iter().flatten().map(FieldProblem::from).map(named));
                Err(ApiError::Fields(self.problems))
            }
        }
    }
}

fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => true,
    }
}

fn text_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(text_of(number)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether two fields say the same to a reader: in any case, and however letters and their marks are encoded. What is
/// neither text nor number says the same as nothing.
fn is_same(one: Option<&String>, other: Option<&String>) -> bool {
    let both = one.zip(other);
    both.is_some_and(|(one, other)| spelling_key(one.trim()) == spelling_key(other.trim()))
}

/// A number as text. JSON does not tell 2.0 from 2, so 2.0 becomes `2`.
fn text_of(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => format!("{float:.0}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(object) => Fields::new(object),
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn a_field_beside_the_campaign_inputs_says_the_same_under_any_name() {
        let mut body = fields(json!({"marketing_funnel_stage": "Decision", "num_variants": 2, "tone": ""}));
        let inputs = json!({"funnel_stage": "decision", "n_variants": "2", "tone": "Fun", "location": "Bedok"});
        body.add_campaign("campaign_inputs", inputs.as_object().unwrap().clone());
        assert!(body.texts().iter().all(|(name, _)| name != "location"));
        let campaign = body.campaign().unwrap().campaign;
        assert_eq!((campaign.funnel_stage().name(), campaign.tone().name()), ("Decision", "Fun"));

        let mut body = fields(json!({"marketing_funnel_stage": "Decision", "objective": "Lamps"}));
        let inputs = json!({"funnel_stage": "Awareness", "objective": ["Lamps"], "industry": "Retail"});
        body.add_campaign("campaign_inputs", inputs.as_object().unwrap().clone());
        let ApiError::Fields(problems) = body.campaign().unwrap_err() else { panic!("not a field problem") };
        let said: Vec<String> = problems.iter().map(|p| format!("{} {}", p.field, p.message)).collect();
        assert_eq!(
            said,
            [
                "campaign_inputs.objective must be left out, or say the same as objective",
                "campaign_inputs.funnel_stage must be left out, or say the same as marketing_funnel_stage"
            ]
        );
    }

    #[test]
    fn two_spellings_may_say_the_same_and_nothing_else() {
        assert!(fields(json!({"post_type": "text", "prefer_output": "Text"})).campaign().is_ok());
        let body = json!({"post_type": "Text", "prefer_output": "Image"});
        let ApiError::Fields(problems) = fields(body).campaign().unwrap_err() else { panic!("not a field problem") };
        assert_eq!(problems.len(), 1, "{problems:?}");
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        assert_eq!(fields(json!({"num_variants": 2.0})).campaign().unwrap().campaign.n_variants(), 2);
        assert!(fields(json!({"num_variants": 2.5})).campaign().is_err());
    }

    #[test]
    fn every_caller_s_names_mean_the_same_campaign() {
        let written = json!({"funnel_stage": "Decision", "past_engagement": "High", "prefer_output": "both"});
        let smart =
            json!({"marketing_funnel_stage": "decision", "past_engagement": "HIGH", "post_type": "Both", "tone": ""});
        let upload = json!({"funnelStage": "Decision", "pastEngagement": "High", "post_type": "Both"});
        let campaigns = [written, smart, upload].map(|body| fields(body).campaign().unwrap().campaign);
        assert_eq!(campaigns[0], campaigns[1]);
        assert_eq!(campaigns[1], campaigns[2]);
    }

    #[test]
    fn numbers_may_come_as_text() {
        assert_eq!(fields(json!({"num_variants": "3"})).campaign().unwrap().campaign.n_variants(), 3);
        assert_eq!(fields(json!({"num_variants": 2})).campaign().unwrap().campaign.n_variants(), 2);
    }

    #[test]
    fn every_mistake_is_reported_at_once_under_the_caller_s_name() {
        let body = json!({"post_type": "Video", "num_variants": "many", "tone": ["Fun"], "platform": "Radio"});
        let ApiError::Fields(problems) = fields(body).campaign().unwrap_err() else { panic!("not a field problem") };
        let mut named: Vec<_> = problems.iter().map(|p| p.field.as_str()).collect();
        named.sort_unstable();
        assert_eq!(named, ["num_variants", "platform", "post_type", "tone"]);
    }
}
