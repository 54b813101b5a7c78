//! The added columns of one batch.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, BooleanArray, Float32Array, Int32Array, StringArray};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, NullBufferBuilder};
use arrow_schema::{DataType, Field};

use super::ADDED;
use super::place::Placer;

/// The columns so far.
#[derive(Debug)]
pub(super) struct Answers {
    cluster_ids: Vec<i32>,
    strengths: Vec<f32>,
    nearest_ids: Vec<i32>,
    has_nearest: NullBufferBuilder,
    are_new: BooleanBufferBuilder,
    are_usable: NullBufferBuilder,
    /// Rows that cannot be used, and why.
    faults: Vec<(usize, &'static str)>,
}

/// The fields of the added columns.
pub(super) fn fields() -> [Field; 5] {
    let kinds = [DataType::Int32, DataType::Float32, DataType::Int32, DataType::Boolean, DataType::Utf8];
    let mut kinds = kinds.into_iter();
    ADDED.map(|name| Field::new(name, kinds.next().unwrap_or(DataType::Null), true))
}

impl Answers {
    pub fn with_capacity(n_rows: usize) -> Self {
        Self {
            cluster_ids: Vec::with_capacity(n_rows),
            strengths: Vec::with_capacity(n_rows),
            nearest_ids: Vec::with_capacity(n_rows),
            has_nearest: NullBufferBuilder::new(n_rows),
            are_new: BooleanBufferBuilder::new(n_rows),
            are_usable: NullBufferBuilder::new(n_rows),
            faults: Vec::new(),
        }
    }

    /// Adds rows by the numbers of their places.
    pub fn add(&mut self, placer: &Placer<'_>, row_places: &[u32]) {
        let first = self.cluster_ids.len();
        let places = || row_places.iter().filter_map(|&number| placer.get(number));
        let mut is_plain = true;
        for place in places() {
            self.cluster_ids.push(place.cluster_id);
            self.strengths.push(place.strength);
            self.nearest_ids.push(place.nearest_id.unwrap_or_default());
            is_plain &= !place.is_new && place.fault.is_none() && place.nearest_id.is_some();
        }
        if is_plain {
            let n_rows = self.cluster_ids.len() - first;
            self.has_nearest.append_n_non_nulls(n_rows);
            self.are_new.append_n(n_rows, false);
            self.are_usable.append_n_non_nulls(n_rows);
            return;
        }
        for (row, place) in (first..).zip(places()) {
            self.faults.extend(place.fault.map(|fault| (row, fault)));
            self.has_nearest.append(place.nearest_id.is_some());
            self.are_new.append(place.is_new);
            self.are_usable.append(place.fault.is_none());
        }
    }

    /// The columns, in the order of [`ADDED`].
    pub fn finish(mut self) -> [ArrayRef; 5] {
        let n_rows = self.cluster_ids.len();
        let usable: Option<NullBuffer> = self.are_usable.finish();
        let faults = if self.faults.is_empty() {
            StringArray::new_null(n_rows)
        } else {
            let mut column = StringBuilder::with_capacity(n_rows, 16 * self.faults.len());
            for (row, fault) in self.faults {
                // As many as lie between; one after the other, since the builder knows no other way.
                (column_len(&column)..row).for_each(|_| column.append_null());
                column.append_value(fault);
            }
            (column_len(&column)..n_rows).for_each(|_| column.append_null());
            column.finish()
        };
        [
            Arc::new(Int32Array::new(self.cluster_ids.into(), usable.clone())),
            Arc::new(Float32Array::new(self.strengths.into(), usable.clone())),
            Arc::new(Int32Array::new(self.nearest_ids.into(), self.has_nearest.finish())),
            Arc::new(BooleanArray::new(self.are_new.finish(), usable)),
            Arc::new(faults),
        ]
    }
}

fn column_len(column: &StringBuilder) -> usize {
    arrow_array::builder::ArrayBuilder::len(column)
}
