//! Customers as another schema has them: a model that was trained by an earlier schema places them by this.

use std::sync::Arc;

use super::schema::{Column, Kind};
use super::{CustomerColumn, CustomerTable, MISSING, Schema, Value};

impl CustomerTable {
    /// The same customers by `schema`. Its columns are found by their titles, or by a title that is an alias here, and
    /// must be of the same kind; levels are found by their names. A column that is not here has no value in any row.
    ///
    /// `None` where that is a column that the model learns from.
    #[must_use]
    pub fn by_schema(&self, schema: &Arc<Schema>) -> Option<Self> {
        let learns_from: Vec<usize> = schema.features().filter(|f| f.weight > 0.0).map(|f| f.column).collect();
        let mut cleaning = self.cleaning.clone();
        let columns = schema.columns.iter().enumerate().map(|(index, column)| {
            let Some((title, here)) = self.column_for(column) else {
                let nobody = || CustomerColumn { values: Vec::new(), codes: vec![MISSING; self.n_rows] };
                return (!learns_from.contains(&index)).then(nobody);
            };
            // What is known of a column goes with it to its other title.
            if let Some(header) = self.cleaning.columns_used.get(title) {
                cleaning.columns_used.insert(column.title.clone(), header.clone());
            }
            if let Some(&customers) = self.cleaning.without_column.get(title) {
                cleaning.without_column.insert(column.title.clone(), customers);
            }
            Some(here)
        });
        let columns = columns.collect::<Option<Vec<_>>>()?;
        Some(Self { schema: schema.clone(), columns, cleaning, origins: None, ..self.clone() })
    }

    /// The title of the column here that is the wanted one, and its values as that one has them.
    fn column_for(&self, wanted: &Column) -> Option<(&str, CustomerColumn)> {
        let own = || self.schema.columns.iter().zip(&self.columns);
        let (column, values) = own()
            .find(|(column, _)| column.title == wanted.title)
            .or_else(|| own().find(|(column, _)| column.aliases.contains(&wanted.title)))?;
        let values = match (&column.kind, &wanted.kind) {
            (Kind::Ordinal { levels: own, .. }, Kind::Ordinal { levels, .. }) if own != levels => {
                renumbered(values, own, levels)
            }
            (own, wanted) if std::mem::discriminant(own) == std::mem::discriminant(wanted) => values.clone(),
            _ => return None,
        };
        Some((&column.title, values))
    }
}

/// A column of levels by another list of them; one that the list lacks becomes nothing.
fn renumbered(column: &CustomerColumn, own: &[String], levels: &[String]) -> CustomerColumn {
    let renumbered = |value: &Value| match value {
        Value::Level(level) => {
            let name = own.get(*level as usize)?;
            let level = levels.iter().position(|level| level.eq_ignore_ascii_case(name))?;
            u32::try_from(level).ok().map(Value::Level)
        }
        _ => None,
    };
    let mut values = Vec::new();
    let new_codes: Vec<u32> = column
        .values
        .iter()
        .map(|value| {
            let Some(value) = renumbered(value) else { return MISSING };
            values.push(value);
            u32::try_from(values.len() - 1).unwrap_or(MISSING)
        })
        .collect();
    let codes = column.codes.iter().map(|&code| new_codes.get(code as usize).copied().unwrap_or(MISSING)).collect();
    CustomerColumn { values, codes }
}
