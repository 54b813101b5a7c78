//! The target of a generation: whom the content is for.
//!
//! It is the first of these that a body has: `persona` (an object, as the upload's answer gave it), `cluster_id` (a
//! trained segment), either of them as `distinguishing` beside it describes the upload's customers; customer fields of
//! the schema (such as `location`: a customer, whose segment fills in what the fields leave open), or none of them: the
//! whole customer base. It is that also where the training had too few customers like the one described. A segment
//! beside a customer is refused: the content is for one of them. A value that fewer than 10 customers of the training
//! have is left out of everything, and the answer says of which field.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::described::{DISTINGUISHING, Described};
use super::fields::{Fields, LeftOut};
use super::ignored::{is_customer_field, is_of_request};
use super::note_codes;
use super::persona::{OwnPersona, PERSONA, check_dates, is_extra, of_their_own};
use crate::content::Audience;
use crate::customer::{CustomerTable, FormCustomer, FormFields, Note};
use crate::http::problem::{ApiError, FieldProblem};
use crate::http::state::AppState;
use crate::model_store::ModelVersion;
use crate::pipeline::{
    Distinction, Distinguishing, MIN_CUSTOMERS, MIN_OBSERVED, Persona, Placement, Segment, SegmentId, count_traits,
};
use crate::segmentation::{DescribedBy, summary_of_group};

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
    /// The fields that name a month or a quarter of this year that has not begun.
    pub to_come: Vec<String>,
    /// The fields of the customer that hold a word for nothing, or what looks personal.
    pub empty: Vec<String>,
    /// What sets the segment's customers apart; nothing where a marketer says it, or where it is not sure enough.
    pub distinction: Distinction,
    /// The same in sentences.
    pub summary: String,
    /// How many customers a segment's distinction rests on; `None` where nobody tested its traits, and for a persona of
    /// a marketer's own.
    pub customers: Option<u64>,
    /// The trained segment that the persona is of.
    pub trained: Option<SegmentId>,
    /// Whether the segment is as the request describes it, and not as it was trained.
    pub is_described: bool,
    /// What a person should know of it.
    pub notes: Vec<Note>,
}

impl Target {
    /// The whole customer base.
    fn everyone(version: &ModelVersion) -> Self {
        let persona = version.model.everyone().persona.clone();
        Self { kind: EVERYONE, persona, summary: "All customers.".to_owned(), ..Self::default() }
    }

    /// A segment as it was trained.
    fn trained(segment: &Segment) -> Self {
        Self {
            persona: segment.persona.clone(),
            customers: segment.distinction.as_ref().map(|_| segment.customers),
            distinction: segment.distinction.clone().unwrap_or_default(),
            summary: segment.summary().to_owned(),
            trained: Some(segment.cluster_id),
            ..Self::default()
        }
    }

    /// For whom the texts are: a segment, or else the persona, or nobody in particular.
    pub fn written_for(&self) -> (Option<i64>, Option<&Persona>) {
        let trained = self.trained.filter(|_| self.is_segment()).map(|id| SegmentId::code(Some(id)));
        let cluster_id = self.cluster_id.or(trained);
        (cluster_id, Some(&self.persona).filter(|_| cluster_id.is_none() && self.is_segment()))
    }

    /// What the writer gets to know of the target.
    pub fn audience(&self, version: &ModelVersion) -> Audience {
        let schema = version.model.schema();
        match (self.kind, self.customers) {
            (EVERYONE, _) => Audience::everyone(schema),
            (CUSTOMER, customers) => {
                let customers = customers.unwrap_or_default();
                let is_sure = !self.persona.traits.is_empty();
                let colour = is_sure.then_some((&self.persona, &self.distinction, customers));
                Audience::of_customer(schema, &self.customer, colour)
            }
            (_, Some(customers)) => {
                Audience::of_group(schema, &self.persona, &self.distinction, customers, &self.summary)
            }
            (_, None) => Audience::of_persona(schema, &self.persona),
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
const NOT_A_SEGMENT: &str =
    "cluster_id names no segment of the live model: the content is written from the persona alone";
const NEEDS_SIZE: &str = "must be given beside distinguishing: the number of customers that it is said of";
const UNTOLD: &str = "These customers are outside every segment; nothing is known that sets them apart.";
const NEEDS_DISTINGUISHING: &str = "nothing is said of the customers outside every segment: send distinguishing and \
                                    size with the persona, as the upload's answer has them";

/// Finds the target of `fields`, and records mistakes in them.
///
/// # Errors
/// [`ApiError::Busy`] or [`ApiError::Internal`] when a customer could not be placed.
pub(in crate::http) async fn find_target(
    state: &AppState,
    version: &Arc<ModelVersion>,
    fields: &mut Fields,
) -> Result<Target, ApiError> {
    let (schema, form_fields) = (version.model.schema(), version.model.form_fields());
    let given_id = cluster_id(fields);
    // An empty one says nothing, but of the customers outside every segment: of a few of them nothing is said.
    let says_something = |object: &Map<String, Value>| !object.is_empty() || given_id.is_some_and(|id| id < 0);
    if let Some(object) = fields.object(PERSONA).filter(says_something) {
        refuse_customer_beside(fields, PERSONA, form_fields);
        return Ok(of_persona(fields, version, Persona::from_json(schema, &object), given_id));
    }
    if let Some(id) = given_id {
        refuse_customer_beside(fields, "cluster_id", form_fields);
        return Ok(of_segment(fields, version, id));
    }
    for name in fields.not_texts().iter().filter(|name| is_customer_field(form_fields, name)) {
        fields.refuse(name, "must be text");
    }
    let texts = fields.texts();
    let of_customer = texts.iter().filter(|(name, _)| is_customer_field(form_fields, name));
    let pairs = of_customer.map(|(name, text)| (name.as_str(), text.as_str()));
    match form_fields.read(schema, pairs, state.today()) {
        Ok(customer) if !customer.used.is_empty() => place_customer(state, version, customer).await,
        Ok(FormCustomer { to_come, empty, .. }) => Ok(Target { to_come, empty, ..Target::everyone(version) }),
        Err(errors) => {
            fields.refuse_all(errors.into_iter().map(FieldProblem::from));
            Ok(Target::everyone(version))
        }
    }
}

/// The segment that a `persona` tells of: as the request describes it, as it was trained where the persona is a trained
/// one, or as a marketer has it.
fn of_persona(fields: &mut Fields, version: &ModelVersion, mut persona: Persona, cluster_id: Option<i64>) -> Target {
    let schema = version.model.schema();
    persona.extras.retain(|name, _| is_extra(version, name));
    check_dates(fields, &persona, schema);
    let trained = cluster_id.and_then(|id| trained_segment(version, id));
    check_segment(fields, trained, &persona, version);
    let target = match described(fields, version, trained) {
        Some(described) => Target { persona, ..described },
        // What is frequent among the customers outside every segment need not set them apart.
        None if cluster_id.is_some_and(|id| id < 0) => Target {
            persona,
            customers: Some(0),
            summary: UNTOLD.to_owned(),
            is_described: true,
            notes: vec![Note::new(note_codes::WRITTEN_WITHOUT_TRAITS, NEEDS_DISTINGUISHING)],
            ..Target::default()
        },
        None => match trained_one(version, &persona, trained) {
            Some(segment) => Target { persona, ..Target::trained(segment) },
            None => {
                let OwnPersona { persona, left_out, mut notes } = of_their_own(fields, persona, version);
                if cluster_id.is_some() && trained.is_none() {
                    notes.push(Note::new(note_codes::UNKNOWN_SEGMENT, NOT_A_SEGMENT));
                }
                Target { summary: persona.summary(schema), persona, left_out, notes, ..Target::default() }
            }
        },
    };
    let used = std::iter::once(PERSONA.to_owned()).chain(target.used).collect();
    Target { kind: "persona", cluster_id, used, ..target }
}

/// The segment whose persona this is: the one that the request names, or else the only one that has the same traits.
/// What marketers add to a persona does not make it another segment's.
fn trained_one<'v>(version: &'v ModelVersion, persona: &Persona, named: Option<&'v Segment>) -> Option<&'v Segment> {
    let has_it = |segment: &&Segment| segment.persona.traits == persona.traits;
    if let Some(named) = named.filter(has_it) {
        return Some(named);
    }
    let mut others = version.model.segments().iter().filter(has_it);
    others.next().filter(|_| others.next().is_none())
}

/// The trained segment of this id: as the request describes it, or as it was trained.
fn of_segment(fields: &mut Fields, version: &ModelVersion, id: i64) -> Target {
    let trained = trained_segment(version, id);
    if trained.is_none() {
        let allowed = version.model.segments().iter().map(|segment| segment.cluster_id.to_string()).collect();
        let (field, message) = ("cluster_id".to_owned(), NO_SUCH_SEGMENT.to_owned());
        fields.refuse_all([FieldProblem { field, message, allowed }]);
    }
    let persona = trained.map(|segment| segment.persona.clone()).unwrap_or_default();
    let target = match (described(fields, version, trained), trained) {
        (Some(described), _) => Target { persona, ..described },
        (None, Some(segment)) => Target::trained(segment),
        (None, None) => Target::default(),
    };
    let used = std::iter::once("cluster_id".to_owned()).chain(target.used).collect();
    Target { kind: "segment", cluster_id: Some(id), used, ..target }
}

fn trained_segment(version: &ModelVersion, id: i64) -> Option<&Segment> {
    version.model.segment(SegmentId::new(u32::try_from(id).ok()?))
}

/// The segment as the request's `distinguishing` has it; `None` where there is none.
fn described(fields: &mut Fields, version: &ModelVersion, trained: Option<&Segment>) -> Option<Target> {
    let Described { mut distinction, size, described_by, left_out } = Described::read(fields, version)?;
    let trained = trained.map(|segment| segment.customers);
    if size.is_none() && trained.is_none() {
        fields.refuse("size", NEEDS_SIZE);
    }
    let size = size.or(trained).unwrap_or_default();
    if size < MIN_CUSTOMERS {
        // As an upload says it: so few bear nothing out.
        distinction.distinguishing.iter_mut().for_each(Distinguishing::lower_claim);
    }
    let is_small = size < MIN_OBSERVED;
    let by_size = if is_small { DescribedBy::Training } else { DescribedBy::Upload };
    let described_by = match distinction.distinguishing.as_slice() {
        [] if is_small => None,
        [] => described_by.unwrap_or(Some(by_size)),
        _ => described_by.flatten().or(Some(by_size)),
    };
    Some(Target {
        summary: summary_of_group(&distinction, version.model.schema(), size, described_by),
        // A small group of an upload is described by its segment's traits: the segment's customers are behind them.
        customers: Some(size.max(trained.unwrap_or_default())),
        used: vec![DISTINGUISHING.to_owned()],
        is_described: true,
        distinction,
        left_out,
        ..Target::default()
    })
}

/// Refuses the fields of a customer beside `segment`, the field that names a segment.
fn refuse_customer_beside(fields: &mut Fields, segment: &str, form_fields: &FormFields) {
    let of_customer =
        |name: &&str| !is_of_request(name) && is_customer_field(form_fields, name) && fields.is_given(name);
    let of_customer: Vec<String> = fields.names().filter(of_customer).map(str::to_owned).collect();
    for name in of_customer {
        fields.refuse(&name, &format!("must be left out: send a customer's fields or {segment}, not both"));
    }
}

/// Refuses a trained segment's id beside the persona of another one: the text would be counted for the wrong one. An
/// edited persona belongs to the segment of its id. Customers outside every segment may have any persona, and a page
/// opened before a training may name a segment that is gone.
fn check_segment(fields: &mut Fields, named: Option<&Segment>, persona: &Persona, version: &ModelVersion) {
    let has_it = |segment: &&Segment| segment.persona.traits == persona.traits;
    if named.is_some_and(|named| !has_it(&named))
        && let Some(own) = version.model.segments().iter().find(has_it)
    {
        let own = own.cluster_id;
        fields.refuse("cluster_id", &format!("must be left out, or be {own}, whose persona it is"));
    }
}

async fn place_customer(
    state: &AppState,
    version: &Arc<ModelVersion>,
    customer: FormCustomer,
) -> Result<Target, ApiError> {
    let FormCustomer { table, used, to_come, empty } = customer;
    let failed = |e| ApiError::internal(PLACING, e);
    let unshared = version.model.unshared(&table, version.profile.as_ref()).map_err(failed)?;
    let customer = shared_traits(&table, &unshared);
    let form_fields = version.model.form_fields();
    let (used, left_out) = sorted(form_fields, used, &unshared);
    let everyone = |left_out, (to_come, empty)| Target { left_out, to_come, empty, ..Target::everyone(version) };
    if used.is_empty() {
        return Ok(everyone(left_out, (to_come, empty)));
    }
    let placement = match version.model.recall_one(&table).map_err(failed)? {
        Some(placement) => placement,
        None => {
            let placing = version.clone();
            let placed = state.on_cpu_pool_short(PLACING, move || placing.model.place_one(&table)).await?;
            match placed.map_err(failed)? {
                Some(placement) => placement,
                // Nothing that the form says is known of enough customers.
                None => return Ok(everyone(left_out, (to_come, empty))),
            }
        }
    };
    let sure = placement.nearest.filter(|nearest| nearest.membership >= SURE_ENOUGH);
    let segment = sure.and_then(|nearest| version.model.segment(nearest.cluster_id));
    let of_segment = match segment {
        Some(segment) => Target::trained(segment),
        None => Target { summary: UNSURE.to_owned(), ..Target::default() },
    };
    let cluster_id = Some(SegmentId::code(placement.segment));
    let is_set_aside = |feature: &usize| placement.set_aside.has(*feature) && !unshared.contains(feature);
    let placed_without = |field: &&String| form_fields.features_of(field).iter().any(is_set_aside);
    let placed_without = used.iter().filter(placed_without).cloned().collect();
    let placement = Some(placement);
    Ok(Target {
        kind: CUSTOMER,
        customer,
        cluster_id,
        placement,
        used,
        left_out,
        placed_without,
        to_come,
        empty,
        ..of_segment
    })
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
fn sorted(form_fields: &FormFields, given: Vec<String>, unshared: &[usize]) -> (Vec<String>, Vec<LeftOut>) {
    let (mut used, mut left_out) = (Vec::new(), Vec::new());
    for field in given {
        let features = form_fields.features_of(&field);
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
