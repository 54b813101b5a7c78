//! Customers by column, value and group: what personas are made of, and what the trait test compares.

use std::sync::OnceLock;

use super::super::trait_counts::{OTHER, TraitCounts, TraitValue, trait_counts};
use crate::customer::{CustomerColumn, CustomerTable, DatePart, Feature, FeatureKind, Kind, MISSING, Scale, Schema};

/// How many customers of each group have each value of each column.
#[derive(Debug)]
pub struct Tallies<'t> {
    table: &'t CustomerTable,
    n_groups: usize,
    /// Customers of each group, then of all.
    customers: Vec<u64>,
    /// For each column `(n_groups + 1, n_values)`; the last line counts the rows outside every group.
    columns: Vec<Vec<u64>>,
    /// What is asked of the columns, once it was asked.
    subjects: OnceLock<Vec<(Subject<'t>, Counts)>>,
}

/// What is tested of a column: a feature, or a year together with its quarter or month.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subject<'s> {
    /// The persona's key, or the title of a date's column.
    pub key: &'s str,
    pub column: usize,
    pub kind: SubjectKind<'s>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum SubjectKind<'s> {
    Feature(Feature<'s>),
    /// A year with this part, as `year × 100 + part`; where one of them is withheld the pair is.
    Pair(DatePart),
}

/// The values of one subject, ascending, with their customers.
#[derive(Debug)]
pub(super) struct Counts {
    pub values: Vec<TraitValue>,
    /// `(n_groups + 1, n_values)`; the last line counts everybody.
    customers: Vec<u64>,
}

impl<'t> Tallies<'t> {
    /// Counts the rows of `table` within each of `n_groups` groups, and over all.
    ///
    /// `group_of_row` has one entry a row; rows with an entry outside `0..n_groups` count towards all alone.
    pub fn count(table: &'t CustomerTable, group_of_row: &[i32], n_groups: usize) -> Self {
        let group_of = |group: i32| usize::try_from(group).unwrap_or(n_groups).min(n_groups);
        let mut customers = vec![0_u64; n_groups + 1];
        for (&group, weight) in group_of_row.iter().zip(table.weights()) {
            if let Some(count) = customers.get_mut(group_of(group)) {
                *count += u64::from(weight);
            }
        }
        let all = customers.iter().sum();
        if let Some(last) = customers.last_mut() {
            *last = all;
        }
        let count_column = |column: &CustomerColumn| {
            let width = column.values.len();
            let mut rows = vec![0_u64; (n_groups + 1) * width];
            let coded = column.codes.iter().zip(group_of_row).zip(table.weights());
            for ((&code, &group), weight) in coded.filter(|&((&code, _), _)| code != MISSING) {
                if let Some(count) = rows.get_mut(group_of(group) * width + code as usize) {
                    *count += u64::from(weight);
                }
            }
            rows
        };
        let columns = table.columns().iter().map(count_column).collect();
        Self { table, n_groups, customers, columns, subjects: OnceLock::new() }
    }

    /// The traits of every group in order, then of all customers: what personas are made of.
    pub fn traits(&self) -> (Vec<Vec<TraitCounts>>, Vec<TraitCounts>) {
        let mut groups = vec![Vec::new(); self.n_groups];
        let mut everyone = Vec::new();
        for feature in self.schema().features() {
            // Many days have one month. A mean is of the numbers as they are.
            let is_number = feature.kind == FeatureKind::Number;
            let merged = self.subjects().iter().find(|(subject, _)| !is_number && subject.is(&feature));
            for (line, counts) in groups.iter_mut().chain([&mut everyone]).enumerate() {
                let tally = match merged {
                    Some((_, merged)) => merged.tally(line),
                    None => self.of_feature(&feature, line),
                };
                counts.push(trait_counts(&feature, tally, self.customers(line)));
            }
        }
        (groups, everyone)
    }

    /// Everything that is tested of the schema's columns, with its counts.
    pub(super) fn subjects(&self) -> &[(Subject<'t>, Counts)] {
        let counted = |subject: Subject<'t>| (subject.clone(), self.counts(&subject));
        self.subjects.get_or_init(|| Subject::all(self.schema()).into_iter().map(counted).collect())
    }

    /// The values of one feature with the customers of a group, or of all for the line after the last group; neither
    /// merged nor ranked.
    fn of_feature(&self, feature: &Feature<'_>, line: usize) -> Vec<(TraitValue, u64)> {
        let Some(column) = self.table.columns().get(feature.column) else { return Vec::new() };
        let counts = self.line(feature.column, line);
        let present = column.values.iter().zip(counts).filter(|&(_, count)| count > 0);
        present.filter_map(|(value, count)| Some((TraitValue::of(feature, value)?, count))).collect()
    }

    /// Customers of a group by a column's codes; of all for the line after the last group.
    pub(in crate::pipeline) fn line(&self, column: usize, line: usize) -> impl Iterator<Item = u64> {
        let rows = self.columns.get(column).map(Vec::as_slice).unwrap_or_default();
        let width = self.table.columns().get(column).map_or(0, |column| column.values.len());
        let lines = if line < self.n_groups { line..line + 1 } else { 0..self.n_groups + 1 };
        (0..width)
            .map(move |code| lines.clone().map(|line| rows.get(line * width + code).copied().unwrap_or_default()).sum())
    }

    pub(super) fn schema(&self) -> &'t Schema {
        self.table.schema()
    }

    /// The customers that were counted.
    pub(in crate::pipeline) fn table(&self) -> &'t CustomerTable {
        self.table
    }

    pub(in crate::pipeline) fn n_groups(&self) -> usize {
        self.n_groups
    }

    /// Customers of a group; of all for the line after the last group.
    pub(in crate::pipeline) fn customers(&self, line: usize) -> u64 {
        self.customers.get(line).copied().unwrap_or_default()
    }

    /// The values of `subject` with their customers, equal ones merged.
    pub(super) fn counts(&self, subject: &Subject<'_>) -> Counts {
        let codes = self.table.columns().get(subject.column).map(|c| c.values.as_slice()).unwrap_or_default();
        let of_code = codes.iter().enumerate().filter_map(|(code, value)| Some((subject.value(value)?, code)));
        let mut of_code: Vec<(TraitValue, usize)> = of_code.collect();
        of_code.sort_by(|a, b| a.0.total_order(&b.0));
        let mut values: Vec<TraitValue> = Vec::new();
        let mut place_of_code = vec![usize::MAX; codes.len()];
        for (value, code) in of_code {
            if values.last() != Some(&value) {
                values.push(value);
            }
            if let Some(place) = place_of_code.get_mut(code) {
                *place = values.len() - 1;
            }
        }
        let width = values.len();
        let mut customers = vec![0; (self.n_groups + 1) * width];
        for line in 0..=self.n_groups {
            for (count, &place) in self.line(subject.column, line).zip(&place_of_code) {
                let slot = if place < width { customers.get_mut(line * width + place) } else { None };
                if let Some(slot) = slot {
                    *slot += count;
                }
            }
        }
        Counts { values, customers }
    }
}

impl Counts {
    /// Customers by value: of a group, or of all for the line after the last group.
    pub fn line(&self, line: usize) -> &[u64] {
        let width = self.values.len();
        self.customers.get(line * width..(line + 1) * width).unwrap_or_default()
    }

    /// The values that a group has, or all for the line after the last group, with their customers.
    fn tally(&self, line: usize) -> Vec<(TraitValue, u64)> {
        let counted = self.values.iter().zip(self.line(line)).filter(|&(_, &count)| count > 0);
        counted.map(|(value, &count)| (value.clone(), count)).collect()
    }
}

impl<'s> Subject<'s> {
    /// Whether this feature is tested.
    fn is(&self, feature: &Feature<'_>) -> bool {
        matches!(&self.kind, SubjectKind::Feature(own) if own == feature)
    }

    /// What is tested by a schema, in its order; a date's pairs come after its parts.
    pub fn all(schema: &'s Schema) -> Vec<Self> {
        let mut subjects = Vec::new();
        let mut features = schema.features().peekable();
        for (index, column) in schema.columns.iter().enumerate() {
            while let Some(feature) = features.next_if(|feature| feature.column == index) {
                let (key, kind) = (feature.persona.key.as_str(), SubjectKind::Feature(feature));
                subjects.push(Self { key, column: index, kind });
            }
            let Kind::Date { parts, .. } = &column.kind else { continue };
            if parts.iter().any(|part| part.part == DatePart::Year) {
                let pairs = parts.iter().filter(|part| part.part != DatePart::Year).map(|part| part.part);
                subjects.extend(pairs.map(|part| Self {
                    key: &column.title,
                    column: index,
                    kind: SubjectKind::Pair(part),
                }));
            }
        }
        subjects
    }

    fn value(&self, value: &crate::customer::Value) -> Option<TraitValue> {
        match &self.kind {
            SubjectKind::Feature(feature) => TraitValue::of(feature, value),
            SubjectKind::Pair(part) => match (DatePart::Year.of(value), part.of(value)) {
                (Some(year), Some(of_year)) => Some(TraitValue::Whole(year * 100 + of_year)),
                (year, of_year) => {
                    let has_year = year.is_some() || DatePart::Year.is_withheld(value);
                    let has_part = of_year.is_some() || part.is_withheld(value);
                    (has_year && has_part).then(|| TraitValue::Name(OTHER.to_owned()))
                }
            },
        }
    }

    /// Whether its values are numbers.
    pub fn is_number(&self) -> bool {
        matches!(&self.kind, SubjectKind::Feature(feature) if feature.kind == FeatureKind::Number)
    }

    /// How differences between its numbers are measured.
    pub fn scale(&self) -> Scale {
        match &self.kind {
            SubjectKind::Feature(feature) => feature.scale,
            SubjectKind::Pair(_) => Scale::Linear,
        }
    }

    /// Which part of a date it is; `None` of a pair and of every other column.
    pub fn date_part(&self) -> Option<DatePart> {
        match &self.kind {
            SubjectKind::Feature(Feature { kind: FeatureKind::DatePart(part), .. }) => Some(*part),
            SubjectKind::Feature(_) | SubjectKind::Pair(_) => None,
        }
    }
}
