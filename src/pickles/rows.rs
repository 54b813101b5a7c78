//! The training rows of an export as a table of customers: decoded, and cleaned like the rows of any sheet.

use crate::customer::normalize_header;
use crate::customer::{Cell, Column, CustomerTable, DatePart, Feature, FeatureKind, Kind, Schema, TableBuilder};
use crate::pipeline::Scaler;

use super::folder::{CODES, Category, Export, HEAD, OneHotColumn, SCALED};
use super::{ImportError, ImportRequest};

/// How far a scaled level may be from a whole rank, in ranks.
const RANK_TOLERANCE: f64 = 0.01;
/// The year of a date of which only the month is learned.
const ANY_YEAR: i64 = 2000;

/// Where in the export each feature of the schema is, in the schema's order.
#[derive(Debug)]
pub(super) struct Columns(Vec<Source>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    /// The position among the one-hot columns.
    OneHot(usize),
    /// The position among the scaled columns.
    Scaled(usize),
}

impl Export {
    /// Finds the schema's features among the columns of encoder and scaler, by name.
    pub fn columns_of(&self, schema: &Schema) -> Result<Columns, ImportError> {
        let mut sources = Vec::new();
        for feature in schema.features() {
            let names = names_of(schema, &feature);
            let is_named = |name: &str| names.contains(&normalize_header(name));
            let source = match feature.kind {
                FeatureKind::Category | FeatureKind::DatePart(_) => {
                    self.columns.iter().position(|column| is_named(&column.name)).map(Source::OneHot)
                }
                FeatureKind::Ordinal(_) => {
                    self.scaled_columns.iter().position(|column| is_named(&column.name)).map(Source::Scaled)
                }
                FeatureKind::Number => {
                    return Err(
                        self.fault(HEAD, format!("cannot be read by a schema with a number: {}", feature.title))
                    );
                }
            };
            let missing =
                || self.fault(HEAD, format!("has no column for {}: SCHEMA_PATH names another schema", feature.title));
            sources.push(source.ok_or_else(missing)?);
        }
        let is_used = |wanted: Source| sources.contains(&wanted);
        let one_hot = self.columns.iter().enumerate().find(|(i, _)| !is_used(Source::OneHot(*i)));
        let scaled = self.scaled_columns.iter().enumerate().find(|(i, _)| !is_used(Source::Scaled(*i)));
        match one_hot.map(|(_, column)| &column.name).or(scaled.map(|(_, column)| &column.name)) {
            Some(name) => Err(self.fault(HEAD, format!("has a column {name:?} that the schema does not have"))),
            None => Ok(Columns(sources)),
        }
    }

    /// The scaler, its features in the order of the schema.
    pub fn scaler(&self, columns: &Columns) -> Scaler {
        let scaled = columns.0.iter().filter_map(|source| match source {
            Source::Scaled(position) => self.scaled_columns.get(*position),
            Source::OneHot(_) => None,
        });
        let (mean, scale) = scaled.map(|column| (column.mean, column.scale)).unzip();
        Scaler::new(mean, scale)
    }

    fn category(&self, row: usize, position: usize) -> Result<Option<&Category>, ImportError> {
        let code = self.codes.get((row, position)).copied().unwrap_or(-1);
        let Some(OneHotColumn { name, categories }) = self.columns.get(position).filter(|_| code != -1) else {
            return Ok(None);
        };
        match usize::try_from(code).ok().and_then(|code| categories.get(code)) {
            Some(category) => Ok(Some(category)),
            None => {
                Err(self.fault(CODES, format!("has {code} for {name} in row {row}, which is none of its categories")))
            }
        }
    }
}

/// The names under which a feature may stand in the export, as they are compared.
fn names_of(schema: &Schema, feature: &Feature<'_>) -> Vec<String> {
    let mut names = vec![normalize_header(feature.title)];
    // A part of a date has a name of its own; the date's headers are the whole date's.
    if let (Some(column), false) =
        (schema.columns.get(feature.column), matches!(feature.kind, FeatureKind::DatePart(_)))
    {
        names.extend(column.headers().map(normalize_header));
        if let Kind::Ordinal { score_title, .. } = &column.kind {
            names.push(normalize_header(score_title));
        }
    }
    names
}

/// The customers of the export, one a training row, in the same order.
pub(super) fn table(
    export: &Export,
    columns: &Columns,
    request: &ImportRequest<'_>,
) -> Result<CustomerTable, ImportError> {
    let schema = &request.schema;
    let features: Vec<(Feature<'_>, Source)> = schema.features().zip(columns.0.iter().copied()).collect();
    let mut builder = TableBuilder::new(schema.clone(), request.today);
    builder.begin_sheet(false);
    let header: Vec<Cell<'_>> = schema.columns.iter().map(|column| Cell::Text(&column.title)).collect();
    let no_header = |_| export.fault(HEAD, "cannot be read by this schema");
    builder.push_row(&header).map_err(no_header)?;
    let n_rows = export.codes.nrows();
    for row in 0..n_rows {
        let mut texts = Vec::with_capacity(schema.columns.len());
        for (index, column) in schema.columns.iter().enumerate() {
            let own = features.iter().filter(|(feature, _)| feature.column == index);
            texts.push(Row { export, row }.cell(column, own)?);
        }
        let mut cells: Vec<Cell<'_>> =
            texts.iter().map(|text| text.as_deref().map_or(Cell::Empty, Cell::Text)).collect();
        // A column of no name tells rows apart that are the same to the model: every one has a place on the map.
        cells.push(Cell::Number(row as f64));
        builder.push_row(&cells).map_err(no_header)?;
    }
    let table = builder.finish();
    if table.n_rows() == n_rows {
        return Ok(table);
    }
    let reasons: Vec<String> =
        table.cleaning().dropped.iter().map(|(reason, rows)| format!("{reason} ({rows})")).collect();
    let n_usable = table.n_rows();
    Err(export
        .fault(CODES, format!("has {n_rows} rows, of which the schema can read {n_usable}: {}", reasons.join(", "))))
}

/// One training row.
struct Row<'a> {
    export: &'a Export,
    row: usize,
}

impl Row<'_> {
    /// The row's cell of `column`, put together from the features that came of it.
    fn cell<'f>(
        &self,
        column: &Column,
        features: impl Iterator<Item = &'f (Feature<'f>, Source)>,
    ) -> Result<Option<String>, ImportError> {
        let mut parts: Vec<(DatePart, i64)> = Vec::new();
        for (feature, source) in features {
            match (feature.kind, *source) {
                (FeatureKind::DatePart(part), Source::OneHot(position)) => match self.whole(position)? {
                    Some(value) => parts.push((part, value)),
                    None => return Ok(None),
                },
                (FeatureKind::Ordinal(levels), Source::Scaled(position)) => {
                    return self.level(levels, position).map(Some);
                }
                (_, Source::OneHot(position)) => {
                    return Ok(self.export.category(self.row, position)?.map(Category::to_text));
                }
                (_, Source::Scaled(_)) => {}
            }
        }
        self.date(column, &parts).map(Some)
    }

    fn whole(&self, position: usize) -> Result<Option<i64>, ImportError> {
        let Some(category) = self.export.category(self.row, position)? else { return Ok(None) };
        match category.whole() {
            Some(whole) => Ok(Some(whole)),
            None => {
                let name = self.export.columns.get(position).map(|column| column.name.as_str()).unwrap_or_default();
                Err(self
                    .export
                    .fault(HEAD, format!("has the category {category:?} of {name}, which is no whole number")))
            }
        }
    }

    fn level(&self, levels: &[String], position: usize) -> Result<String, ImportError> {
        let scaled = self.export.scaled.get((self.row, position)).copied().unwrap_or_default();
        let (mean, scale) =
            self.export.scaled_columns.get(position).map(|column| (column.mean, column.scale)).unwrap_or_default();
        let rank = f64::from(scaled) * scale + mean;
        // Counted from 1; what is out of range finds no level.
        let nearest = rank.round();
        let level = if (rank - nearest).abs() <= RANK_TOLERANCE { levels.get((nearest - 1.0) as usize) } else { None };
        match level.filter(|_| nearest >= 1.0) {
            Some(level) => Ok(level.clone()),
            None => {
                let row = self.row;
                Err(self.export.fault(SCALED, format!("has the level {rank} in row {row}, of {} levels", levels.len())))
            }
        }
    }

    /// The first day that has these parts.
    fn date(&self, column: &Column, parts: &[(DatePart, i64)]) -> Result<String, ImportError> {
        let get = |wanted: DatePart| parts.iter().find(|(part, _)| *part == wanted).map(|&(_, value)| value);
        let year = get(DatePart::Year).unwrap_or(ANY_YEAR);
        let month = get(DatePart::Month).or(get(DatePart::Quarter).map(|quarter| quarter * 3 - 2)).unwrap_or(1);
        let quarter = (month + 2) / 3;
        if get(DatePart::Quarter).is_some_and(|given| given != quarter) || !(1..=12).contains(&month) {
            let (row, title) = (self.row, &column.title);
            return Err(self
                .export
                .fault(CODES, format!("has a {title} in row {row} whose month and quarter cannot be")));
        }
        Ok(format!("{year:04}-{month:02}-01"))
    }
}

impl Category {
    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }

    fn whole(&self) -> Option<i64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => (number.fract() == 0.0 && number.abs() < 1e6).then_some(*number as i64),
        }
    }
}
