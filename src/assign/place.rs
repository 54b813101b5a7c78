//! Where profiles belong: found once for each profile, looked up for every row that has it.

use jiff::civil::Date;
use rustc_hash::FxHashMap;

use super::CHUNK_ROWS;
use super::codes::ColumnCodes;
use super::request::AssignRequest;
use super::summary::{Summary, Tally};
use crate::customer::{CleaningReport, CustomerColumn, CustomerTable, MISSING, Note, Reading};
use crate::pipeline::{AssignError, Model, Placement, SegmentId, TrainingProfile};

/// Profiles that are remembered at a time.
const MAX_PROFILES: usize = 1 << 17;
/// Profiles whose numbers have more bits than this are looked up in a map; the others in a list.
const MAX_LISTED_BITS: u32 = 20;
/// No place yet.
const UNKNOWN: u32 = u32::MAX;

/// Where a profile is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its segment's id; −1 outside every one.
    pub cluster_id: i32,
    pub strength: f32,
    /// The nearest segment's id, where there is one.
    pub nearest_id: Option<i32>,
    /// Whether it is placed as a new customer's: fewer than 10 customers of the training have it, or none.
    pub is_new: bool,
    /// Why its rows cannot be used; the other fields then have no meaning.
    pub fault: Option<&'static str>,
    /// Rows that have it.
    pub rows: u64,
}

/// Looks up rows by the codes of their cells.
#[derive(Debug)]
pub(super) struct Placer<'m> {
    model: &'m Model,
    profile: Option<&'m TrainingProfile>,
    today: Date,
    pub columns: Vec<ColumnCodes>,
    /// Bits that the codes of each column take in a profile's number.
    bits: Vec<u32>,
    listed: Vec<u32>,
    numbered: FxHashMap<u64, u32>,
    known: FxHashMap<Box<[u32]>, u32>,
    places: Vec<Place>,
    /// The number of each row's profile.
    numbers: Vec<u64>,
    tally: Tally,
}

impl<'m> Placer<'m> {
    /// Places rows as the request says.
    pub fn new(request: &AssignRequest<'m>) -> Self {
        let (model, today) = (request.model, request.today);
        let columns = model.schema().columns.iter().map(|column| ColumnCodes::new(column, today)).collect();
        Self {
            model,
            profile: request.profile,
            today,
            columns,
            bits: Vec::new(),
            listed: Vec::new(),
            numbered: FxHashMap::default(),
            known: FxHashMap::default(),
            places: Vec::new(),
            numbers: Vec::with_capacity(CHUNK_ROWS),
            tally: Tally::default(),
        }
    }

    /// Forgets all profiles and codes once either has reached its limit; codes from before must not be used then.
    pub fn make_room(&mut self) {
        if self.known.len() < MAX_PROFILES && !self.columns.iter().any(ColumnCodes::is_full) {
            return;
        }
        self.count();
        let schema = self.model.schema();
        self.columns = schema.columns.iter().map(|column| ColumnCodes::new(column, self.today)).collect();
        self.known.clear();
        self.places.clear();
        self.bits.clear();
    }

    /// Replaces `row_places` by the number of each row's place. `codes` holds a list for each of the schema's columns.
    ///
    /// # Errors
    /// As [`crate::pipeline::Model::assign`].
    pub fn place(&mut self, codes: &[Vec<u32>], row_places: &mut Vec<u32>) -> Result<(), AssignError> {
        self.lay_out();
        let mut shift = 0;
        self.numbers.clear();
        self.numbers.resize(codes.first().map_or(0, Vec::len), 0);
        for (codes, bits) in codes.iter().zip(&self.bits) {
            for (number, &code) in self.numbers.iter_mut().zip(codes) {
                *number |= u64::from(code) << (shift & 63);
            }
            shift += bits;
        }
        let first_new = self.places.len();
        let mut pending: Vec<Box<[u32]>> = Vec::new();
        row_places.clear();
        let numbers = std::mem::take(&mut self.numbers);
        for (row, &number) in numbers.iter().enumerate() {
            let place = match self.recall(number, shift) {
                UNKNOWN => self.meet(codes, row, number, shift, &mut pending),
                place => place,
            };
            row_places.push(place);
        }
        self.numbers = numbers;
        if !pending.is_empty() {
            self.find(&pending, first_new)?;
        }
        for place in row_places.iter() {
            if let Some(place) = self.places.get_mut(*place as usize) {
                place.rows += 1;
            }
        }
        Ok(())
    }

    /// A place.
    pub fn get(&self, number: u32) -> Option<&Place> {
        self.places.get(number as usize)
    }

    /// What was placed, over all rows; with `notes` on the columns.
    pub fn finish(mut self, version: &str, notes: Vec<Note>) -> Summary {
        self.count();
        self.tally.into_summary(version, notes)
    }

    /// Gives every code of a column room in a profile's number.
    fn lay_out(&mut self) {
        let needed = |column: &ColumnCodes| usize::BITS - column.len().max(1).leading_zeros();
        let fits = |(column, &bits): (&ColumnCodes, &u32)| needed(column) <= bits;
        if self.bits.len() == self.columns.len() && self.columns.iter().zip(&self.bits).all(fits) {
            return;
        }
        // One more, so that this is not done at every new name.
        self.bits = self.columns.iter().map(|column| needed(column) + 1).collect();
        let all: u32 = self.bits.iter().sum();
        self.numbered.clear();
        self.listed = if all <= MAX_LISTED_BITS { vec![UNKNOWN; 1 << all] } else { Vec::new() };
        if all > u64::BITS {
            return;
        }
        for (key, &place) in &self.known {
            let mut shift = 0;
            let number = key.iter().zip(&self.bits).fold(0, |number, (&code, bits)| {
                let number = number | u64::from(code) << (shift & 63);
                shift += bits;
                number
            });
            match self.listed.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) {
                Some(slot) => *slot = place,
                None => {
                    self.numbered.insert(number, place);
                }
            }
        }
    }

    fn recall(&self, number: u64, bits: u32) -> u32 {
        if bits <= MAX_LISTED_BITS {
            return self.listed.get(usize::try_from(number).unwrap_or(usize::MAX)).copied().unwrap_or(UNKNOWN);
        }
        // Where the bits do not suffice, profiles may share a number.
        if bits > u64::BITS { UNKNOWN } else { self.numbered.get(&number).copied().unwrap_or(UNKNOWN) }
    }

    /// The place of a profile that has no number yet; one that was never met is added to `pending`.
    fn meet(&mut self, codes: &[Vec<u32>], row: usize, number: u64, bits: u32, pending: &mut Vec<Box<[u32]>>) -> u32 {
        let key: Box<[u32]> = codes.iter().filter_map(|codes| codes.get(row).copied()).collect();
        if let Some(&place) = self.known.get(&key) {
            return place;
        }
        let place = u32::try_from(self.places.len()).unwrap_or(UNKNOWN);
        self.places.push(Place {
            cluster_id: -1,
            strength: 0.0,
            nearest_id: None,
            is_new: false,
            fault: self.fault_of(&key),
            rows: 0,
        });
        match self.listed.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) {
            Some(slot) if bits <= MAX_LISTED_BITS => *slot = place,
            _ if bits <= u64::BITS => {
                self.numbered.insert(number, place);
            }
            _ => {}
        }
        self.known.insert(key.clone(), place);
        pending.push(key);
        place
    }

    fn readings<'k>(&'k self, key: &'k [u32]) -> impl Iterator<Item = &'k Reading> {
        self.columns.iter().zip(key).map(|(column, &code)| column.reading(code))
    }

    fn fault_of(&self, key: &[u32]) -> Option<&'static str> {
        self.readings(key).find_map(|reading| match reading {
            Reading::Dropped(reason) => Some(reason.reason()),
            Reading::Value(_) | Reading::Empty | Reading::Unusable => None,
        })
    }

    /// Places profiles, whose places are those from `first` on.
    fn find(&mut self, profiles: &[Box<[u32]>], first: usize) -> Result<(), AssignError> {
        let usable: Vec<(usize, &[u32])> = (first..)
            .zip(profiles)
            .filter(|(at, _)| self.places.get(*at).is_some_and(|place| place.fault.is_none()))
            .map(|(at, key)| (at, &**key))
            .collect();
        let keys: Vec<&[u32]> = usable.iter().map(|(_, key)| *key).collect();
        let table = self.table(&keys, None).ok_or(AssignError::Incomplete)?;
        let assignment = self.model.assign(&table)?;
        for (row, (at, _)) in usable.iter().enumerate() {
            let placement = assignment.of_row(row).ok_or(AssignError::Incomplete)?;
            if let Some(place) = self.places.get_mut(*at) {
                place.settle(placement);
                self.tally.new_profiles += u64::from(place.is_new);
            }
        }
        Ok(())
    }

    /// A table of profiles, each for so many customers, or for one.
    fn table(&self, keys: &[&[u32]], weights: Option<Vec<u32>>) -> Option<CustomerTable> {
        let columns = self.columns.iter().enumerate().map(|(index, column)| {
            let (mut of_code, mut made) = (FxHashMap::<u32, u32>::default(), CustomerColumn::default());
            for key in keys {
                let code = key.get(index).copied().unwrap_or(MISSING);
                let value = match column.reading(code) {
                    Reading::Value(value) => Some(value),
                    Reading::Empty | Reading::Unusable | Reading::Dropped(_) => None,
                };
                made.codes.push(value.map_or(MISSING, |value| {
                    *of_code.entry(code).or_insert_with(|| {
                        made.values.push(value.clone());
                        u32::try_from(made.values.len() - 1).unwrap_or(MISSING)
                    })
                }));
            }
            made
        });
        let cleaning = CleaningReport { rows_read: keys.len(), ..CleaningReport::default() };
        let schema = self.model.schema().clone();
        let table = CustomerTable::checked(schema, columns.collect(), cleaning, self.today).ok()?;
        match weights {
            Some(weights) => table.with_weights(weights).ok(),
            None => Some(table),
        }
    }

    /// Adds the rows of the places so far to the tally.
    fn count(&mut self) {
        let mut tally = std::mem::take(&mut self.tally);
        let mut keys: Vec<(&[u32], &Place)> = Vec::new();
        for (key, &place) in &self.known {
            let Some(place) = self.places.get(place as usize) else { continue };
            if place.rows > 0 {
                keys.push((key, place));
            }
        }
        let reason = |key: &[u32]| {
            self.readings(key).find_map(|reading| match reading {
                Reading::Dropped(reason) => Some(reason.clone()),
                Reading::Value(_) | Reading::Empty | Reading::Unusable => None,
            })
        };
        for (key, place) in &keys {
            tally.add(place.rows, place.cluster_id < 0, reason(key));
        }
        keys.retain(|(_, place)| place.fault.is_none());
        if tally.drift.is_none() && !keys.is_empty() {
            let weight = |place: &Place| u32::try_from(place.rows).unwrap_or(u32::MAX);
            let weights = keys.iter().map(|(_, place)| weight(place)).collect();
            let segments: Vec<Option<SegmentId>> = keys.iter().map(|(_, place)| place.segment()).collect();
            let keys: Vec<&[u32]> = keys.iter().map(|(key, _)| *key).collect();
            let table = self.profile.and_then(|profile| Some((profile, self.table(&keys, Some(weights))?)));
            tally.drift = table.map(|(profile, table)| (profile.drift(&table, &segments), table.n_customers()));
        }
        self.tally = tally;
    }
}

impl Place {
    fn settle(&mut self, placement: &Placement) {
        let id = |id: SegmentId| i32::try_from(id.get()).unwrap_or(i32::MAX);
        self.cluster_id = placement.segment.map_or(-1, id);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a strength from 0 to 1, which the stream carries as float32"
        )]
        let strength = placement.strength as f32;
        self.strength = strength;
        self.nearest_id = placement.nearest.map(|nearest| id(nearest.cluster_id));
        self.is_new = !placement.is_known;
    }

    fn segment(&self) -> Option<SegmentId> {
        u32::try_from(self.cluster_id).ok().map(SegmentId::new)
    }
}
