//! The target of a generation: whom the content is for.
//!
//! It is the first of these that a body has: `persona` (an object, as the upload's answer gave it), `cluster_id` (a
//! trained segment), customer fields of the schema (such as `location`: a customer, whose segment fills in what the
//! fields leave open), or none of them: the whole customer base. It is that also where the training had too few
//! customers like the one described. A segment beside a customer is refused: the content is for one of them. A value
//! that fewer than 10 customers of the training have is left out of everything, and the answer says of which field.

use std::sync::Arc;

use super::fields::Fields;
use super::ignored::is_of_request;
use crate::content::Audience;
use crate::customer::{
    CustomerTable, DatePart, FeatureKind, FormCustomer, Schema, features_of_field, is_form_field, read_form,
};
use crate::http::problem::{ApiError, FieldProblem};
use crate::http::state::AppState;
use crate::model_store::ModelVersion;
use crate::pipeline::{Distinction, Persona, Placement, SegmentId, TraitValue, count_traits};

/// Whom the content is for.
#[derive(Default)]
pub(in crate::http) struct Target {
    /// `customer`, `persona`, `segment` or `everyone`.
    pub kind: &'static str,
    /// The segment's persona.
    pub persona: Persona,
    /// The traits of the described customer, which override those of the segment.
    pub customer: Persona,
    /// The caller's own id, or that of the segment the customer is in; −1 outside every one.
    pub cluster_id: Option<i64>,
    /// The placement of the described customer.
    pub placement: Option<Placement>,
    /// The fields that decided the target, under the caller's names.
    pub used: Vec<String>,
    /// The fields of which a value, or a part of it, is left out, since too few customers have it.
    pub left_out: Vec<LeftOut>,
    /// The fields that say something of the customer and did not place it, since too few customers have them together
    /// with the others.
    pub placed_without: Vec<String>,
    /// What sets the segment's customers apart; nothing where a marketer says it, or where it is not sure enough.
    pub distinction: Distinction,
    /// The same in sentences.
    pub summary: String,
}

/// A field that is left out.
pub(in crate::http) struct LeftOut {
    /// The caller's name for it.
    pub field: String,
    /// Whether nothing of it is left, and not a part of its date.
    pub is_whole: bool,
}

impl Target {
    /// The whole customer base.
    fn everyone(version: &ModelVersion) -> Self {
        let persona = version.model.everyone().persona.clone();
        Self { kind: EVERYONE, persona, summary: "All customers.".to_owned(), ..Self::default() }
    }

    /// What the writer gets to know of the target.
    pub fn audience(&self, version: &ModelVersion) -> Audience {
        let (schema, segments) = (version.model.schema(), version.model.segments());
        // What marketers add to a persona does not make it another segment's.
        let own = segments.iter().find(|segment| segment.persona.traits == self.persona.traits);
        match (self.kind, own) {
            (EVERYONE, _) => Audience::everyone(schema),
            (CUSTOMER, own) => {
                let colour = own.map(|segment| (&segment.persona, &self.distinction, segment.customers));
                Audience::of_customer(schema, &self.customer, colour)
            }
            (_, Some(segment)) if segment.distinction.is_some() => {
                Audience::of_group(schema, &self.persona, &self.distinction, segment.customers)
            }
            _ => Audience::of_persona(schema, &self.persona),
        }
    }

    /// Whether it is a segment, or what a persona says of one.
    pub fn is_segment(&self) -> bool {
        !matches!(self.kind, CUSTOMER | EVERYONE)
    }

    /// The persona's keys that the caller's fields leave open.
    pub fn left_to_segment(&self) -> Vec<String> {
        let told = self.persona.traits.iter().filter(|t| !t.values.is_empty());
        told.filter(|t| self.customer.values(&t.key).is_empty()).map(|t| t.key.clone()).collect()
    }
}

const PLACING: &str = "placing a customer";
const EVERYONE: &str = "everyone";
/// How surely a customer must belong to a segment for its traits to colour what is written.
const SURE_ENOUGH: f64 = 0.6;
const UNSURE: &str = "No segment is sure enough for this customer to say anything of its own.";
const CUSTOMER: &str = "customer";
const NO_SUCH_SEGMENT: &str = "must be the id of a trained segment";

/// Finds the target of `fields`, and records mistakes in them.
///
/// # Errors
/// [`ApiError::Busy`] or [`ApiError::Internal`] when a customer could not be placed.
pub(in crate::http) async fn find_target(
    state: &AppState,
    version: &Arc<ModelVersion>,
    fields: &mut Fields,
) -> Result<Target, ApiError> {
    let schema = version.model.schema();
    let given_id = cluster_id(fields);
    if let Some(object) = fields.object("persona") {
        refuse_customer_beside(fields, "persona", schema);
        let persona = Persona::from_json(schema, &object);
        check_dates(fields, &persona, schema);
        let used = vec!["persona".to_owned()];
        // As an answer gave it, it is a segment's own; changed, it says what a marketer says of the segment.
        let own = version.model.segments().iter().find(|segment| segment.persona.traits == persona.traits);
        let (distinction, summary) = match own {
            Some(segment) => (segment.distinction.clone().unwrap_or_default(), segment.summary(schema)),
            None => (Distinction::default(), persona.summary(schema)),
        };
        let cluster_id = given_id;
        return Ok(Target { kind: "persona", persona, cluster_id, used, distinction, summary, ..Target::default() });
    }
    if let Some(id) = given_id {
        refuse_customer_beside(fields, "cluster_id", schema);
        let segment = u32::try_from(id).ok().and_then(|id| version.model.segment(SegmentId::new(id)));
        if segment.is_none() {
            let allowed = version.model.segments().iter().map(|segment| segment.cluster_id.to_string()).collect();
            let (field, message) = ("cluster_id".to_owned(), NO_SUCH_SEGMENT.to_owned());
            fields.refuse_all([FieldProblem { field, message, allowed }]);
        }
        let persona = segment.map(|segment| segment.persona.clone()).unwrap_or_default();
        let distinction = segment.and_then(|segment| segment.distinction.clone()).unwrap_or_default();
        let summary = segment.map(|segment| segment.summary(schema)).unwrap_or_default();
        let (kind, cluster_id, used) = ("segment", given_id, vec!["cluster_id".to_owned()]);
        return Ok(Target { kind, persona, cluster_id, used, distinction, summary, ..Target::default() });
    }
    for name in fields.not_texts().iter().filter(|name| is_form_field(schema, name)) {
        fields.refuse(name, "must be text");
    }
    let texts = fields.texts();
    let pairs = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    match read_form(schema, pairs, state.today()) {
        Ok(customer) if !customer.used.is_empty() => place_customer(state, version, customer).await,
        outcome => {
            fields.refuse_all(outcome.err().into_iter().flatten().map(FieldProblem::from));
            Ok(Target::everyone(version))
        }
    }
}

/// Refuses the fields of a customer beside `segment`, the field that names a segment.
fn refuse_customer_beside(fields: &mut Fields, segment: &str, schema: &Schema) {
    let of_customer = |name: &&str| is_form_field(schema, name) && !is_of_request(name) && fields.is_given(name);
    let of_customer: Vec<String> = fields.names().filter(of_customer).map(str::to_owned).collect();
    for name in of_customer {
        fields
            .refuse(&name, &format!("must be left out, or {segment}: the content is for a customer or for a segment"));
    }
}

/// Refuses months and quarters that no year has. Names, such as `May`, are a marketer's own.
fn check_dates(fields: &mut Fields, persona: &Persona, schema: &Schema) {
    for feature in schema.features() {
        let last = match feature.kind {
            FeatureKind::DatePart(DatePart::Month) => 12,
            FeatureKind::DatePart(DatePart::Quarter) => 4,
            _ => continue,
        };
        let key = &feature.persona.key;
        let number = |value: &TraitValue| match value {
            TraitValue::Whole(whole) => Some(*whole as f64),
            TraitValue::Mean(mean) => Some(*mean),
            TraitValue::Name(name) => name.trim().parse().ok(),
        };
        let is_wrong = |number: f64| number.fract() != 0.0 || !(1.0..=f64::from(last)).contains(&number);
        if persona.values(key).iter().filter_map(number).any(is_wrong) {
            fields.refuse("persona", &format!("must have {key} from 1 to {last}"));
        }
    }
}

async fn place_customer(
    state: &AppState,
    version: &Arc<ModelVersion>,
    customer: FormCustomer,
) -> Result<Target, ApiError> {
    let FormCustomer { table, used } = customer;
    let schema = version.model.schema();
    let failed = |e| ApiError::internal(PLACING, e);
    let unshared = version.model.unshared(&table, version.profile.as_ref()).map_err(failed)?;
    let customer = shared_traits(&table, &unshared);
    let (used, left_out) = sorted(schema, used, &unshared);
    let everyone = |left_out| Target { left_out, ..Target::everyone(version) };
    if used.is_empty() {
        return Ok(everyone(left_out));
    }
    let placement = match version.model.recall_one(&table).map_err(failed)? {
        Some(placement) => placement,
        None => {
            let placing = version.clone();
            let placed = state.on_cpu_pool_short(PLACING, move || placing.model.place_one(&table)).await?;
            match placed.map_err(failed)? {
                Some(placement) => placement,
                // Nothing that the form says is known of enough customers.
                None => return Ok(everyone(left_out)),
            }
        }
    };
    let sure = placement.nearest.filter(|nearest| nearest.membership >= SURE_ENOUGH);
    let segment = sure.and_then(|nearest| version.model.segment(nearest.cluster_id));
    let (persona, distinction, summary) = match segment {
        Some(segment) => {
            let distinction = segment.distinction.clone().unwrap_or_default();
            (segment.persona.clone(), distinction, segment.summary(schema))
        }
        None => (Persona::default(), Distinction::default(), UNSURE.to_owned()),
    };
    let cluster_id = Some(SegmentId::code(placement.segment));
    let is_set_aside = |feature: &usize| placement.set_aside.has(*feature) && !unshared.contains(feature);
    let placed_without = |field: &&String| features_of_field(schema, field).iter().any(is_set_aside);
    let placed_without = used.iter().filter(placed_without).cloned().collect();
    let placement = Some(placement);
    let of_segment = Target { kind: CUSTOMER, persona, cluster_id, distinction, summary, ..Target::default() };
    Ok(Target { customer, placement, used, left_out, placed_without, ..of_segment })
}

/// What may be said of the one customer of `table`: every trait but those of the `unshared` features.
fn shared_traits(table: &CustomerTable, unshared: &[usize]) -> Persona {
    let (_, mut counts) = count_traits(table, &[0], 0);
    for (_, counts) in counts.iter_mut().enumerate().filter(|(feature, _)| unshared.contains(feature)) {
        counts.counts.clear();
    }
    Persona::of_one(&counts)
}

/// Of the fields that a form gives, those of which something is used, and those of which something is left out.
fn sorted(schema: &Schema, given: Vec<String>, unshared: &[usize]) -> (Vec<String>, Vec<LeftOut>) {
    let (mut used, mut left_out) = (Vec::new(), Vec::new());
    for field in given {
        let features = features_of_field(schema, &field);
        let n_unshared = features.iter().filter(|feature| unshared.contains(feature)).count();
        let is_whole = !features.is_empty() && n_unshared == features.len();
        if n_unshared > 0 {
            left_out.push(LeftOut { field: field.clone(), is_whole });
        }
        if !is_whole {
            used.push(field);
        }
    }
    (used, left_out)
}

/// The `cluster_id` of the fields, a number or its text.
pub(in crate::http) fn cluster_id(fields: &mut Fields) -> Option<i64> {
    let (name, text) = fields.text(["cluster_id"])?;
    let id = text.parse().ok();
    if id.is_none() {
        let is_whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        fields.refuse(name, if is_whole { NO_SUCH_SEGMENT } else { "must be a whole number" });
    }
    id
}
