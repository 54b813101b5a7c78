//! What a schema's columns yield: the features that a model learns from and that personas describe.

use super::{Column, DateFeature, DatePart, Kind, PersonaKey, Role, Scale, Schema};

/// One feature that a schema yields: a one-hot block or a scaled value.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature<'a> {
    /// The position of its column in [`Schema::columns`].
    pub column: usize,
    /// What it is called in answers: the column's title, or the date part's.
    pub title: &'a str,
    /// How it appears in a persona.
    pub persona: &'a PersonaKey,
    /// What part it plays in sentences.
    pub role: Role,
    /// How much it counts when customers are compared; with 0 it is described and decides no segment.
    pub weight: f64,
    /// How differences between its numbers are measured.
    pub scale: Scale,
    /// A name that fewer customers of a training have is `Other` there; 0 where none is.
    pub min_customers: u64,
    /// How its values become numbers.
    pub kind: FeatureKind<'a>,
}

/// How a feature's values become numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FeatureKind<'a> {
    /// One-hot over the names seen in training.
    Category,
    /// One-hot over the values of a date's part seen in training.
    DatePart(DatePart),
    /// The rank of a level, counted from 1, scaled. Carries the levels.
    Ordinal(&'a [String]),
    /// The number itself, scaled.
    Number,
}

impl FeatureKind<'_> {
    /// Whether a training counts rare values together as `Other`. Of levels `Other` is one with that name.
    pub fn merges_rare(self) -> bool {
        match self {
            Self::Category | Self::DatePart(_) => true,
            Self::Ordinal(_) | Self::Number => false,
        }
    }
}

impl Schema {
    /// The features in the order of the model's columns.
    pub fn features(&self) -> impl Iterator<Item = Feature<'_>> {
        self.columns.iter().enumerate().flat_map(|(index, column)| column.features(index))
    }
}

impl Column {
    fn features(&self, column: usize) -> impl Iterator<Item = Feature<'_>> {
        let feature = move |title, persona, kind| {
            let (weight, scale, min_customers) = (self.weight, Scale::Linear, 0);
            Feature { column, title, persona, role: self.role, weight, scale, min_customers, kind }
        };
        let (whole, parts): (Option<Feature<'_>>, &[DateFeature]) = match &self.kind {
            &Kind::Category { ref persona, min_customers } => {
                (Some(Feature { min_customers, ..feature(&self.title, persona, FeatureKind::Category) }), &[])
            }
            Kind::Ordinal { levels, persona, .. } => {
                (Some(feature(&self.title, persona, FeatureKind::Ordinal(levels))), &[])
            }
            &Kind::Number { ref persona, scale } => {
                (Some(Feature { scale, ..feature(&self.title, persona, FeatureKind::Number) }), &[])
            }
            Kind::Date { parts, .. } => (None, parts.as_slice()),
        };
        let parts = parts.iter().map(move |part| {
            let weight = self.weight * part.weight;
            Feature { weight, ..feature(&part.title, &part.persona, FeatureKind::DatePart(part.part)) }
        });
        whole.into_iter().chain(parts)
    }
}
