//! The trainings of a comparison: each candidate on all customers, on resamples, and without a part of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::candidates::Candidate;
use super::columns::Codes;
use super::density::Bits;
use super::draws::{Customers, Draws};
use super::regroup::{Segments, regroup};
use super::told::told;
use crate::customer::CustomerTable;
use crate::pipeline::{FitError, FitParams, Fitted, fit};

/// Resamples of the customers.
const N_BOOTSTRAPS: usize = 10;

/// Candidates that share their map, with their numbers.
pub(super) type Maps<'c> = Vec<Vec<(usize, &'c Candidate)>>;

pub(super) fn maps(candidates: &[Candidate]) -> Maps<'_> {
    let mut maps: Maps<'_> = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        match maps.iter_mut().find(|map| map.iter().any(|(_, other)| other.shares_map(candidate))) {
            Some(map) => map.push((index, candidate)),
            None => maps.push(vec![(index, candidate)]),
        }
    }
    maps
}

/// The customers with their resamples, and what is tried on them.
pub(super) struct Trial<'c> {
    pub table: &'c CustomerTable,
    /// The share of the table's customers that these are.
    share: f64,
    pub bootstraps: Vec<Customers>,
    held_out: HeldOut,
    /// The same number of customers, with columns that know nothing of one another.
    null: HeldOut,
    maps: Maps<'c>,
}

/// Customers of whom a part is held out.
struct HeldOut {
    table: CustomerTable,
    codes: Codes,
    kept: Customers,
    left: Customers,
}

/// One training, of each candidate of a map where it is a number of one.
#[derive(Debug, Clone, Copy)]
enum Task {
    Whole { candidate: usize, map: usize },
    Resample { map: usize, number: usize },
    HeldOut { map: usize },
    Null { map: usize },
}

/// What a task found of a candidate.
pub(super) enum Found {
    Whole(Box<Result<Fitted, FitError>>),
    Resample { number: usize, segments: Segments },
    HeldOut(Bits),
    Null(Bits),
}

impl<'c> Trial<'c> {
    pub fn new(table: &'c CustomerTable, seed: u64, share: f64, maps: Maps<'c>) -> Self {
        let customers: Customers = table.weights().collect();
        let n_customers = usize::try_from(table.n_customers()).unwrap_or(usize::MAX);
        let bootstrap = |number| Draws::new(seed, "bootstrap", number).bootstrap(&customers);
        let order = |column| Draws::new(seed, "permutation", column).order(n_customers);
        let orders: Vec<Vec<usize>> = (0..table.columns().len()).map(order).collect();
        Self {
            table,
            share,
            bootstraps: (0..N_BOOTSTRAPS).map(bootstrap).collect(),
            held_out: HeldOut::new(table.clone(), &mut Draws::new(seed, "split", 0)),
            null: HeldOut::new(table.permuted(&orders).distinct(), &mut Draws::new(seed, "split", 1)),
            maps,
        }
    }

    /// Trains everything, on all cores. Of each candidate, by its number, what was found.
    pub fn run(&self, progress: &(dyn Fn(f32) + Sync)) -> Vec<(usize, Found)> {
        let of_map = |(map, candidates): (usize, &Vec<(usize, &Candidate)>)| {
            let whole = candidates.iter().map(move |&(candidate, _)| Task::Whole { candidate, map });
            let resamples = (0..N_BOOTSTRAPS).map(move |number| Task::Resample { map, number });
            whole.chain(resamples).chain([Task::HeldOut { map }, Task::Null { map }]).collect::<Vec<_>>()
        };
        let tasks: Vec<Task> = self.maps.iter().enumerate().flat_map(of_map).collect();
        let done = AtomicUsize::new(0);
        progress(0.0);
        let run = |task: &Task| {
            let found = self.task(*task);
            progress((done.fetch_add(1, Ordering::Relaxed) + 1) as f32 / tasks.len() as f32);
            found
        };
        tasks.par_iter().map(run).collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn task(&self, task: Task) -> Vec<(usize, Found)> {
        let (Task::Whole { map, .. } | Task::Resample { map, .. } | Task::HeldOut { map } | Task::Null { map }) = task;
        let Some(candidates) = self.maps.get(map) else { return Vec::new() };
        let Some((_, first)) = candidates.first() else { return Vec::new() };
        let params: Vec<&FitParams> = candidates.iter().map(|(_, candidate)| &candidate.params).collect();
        let by_schema = |table: &CustomerTable| table.with_schema(Arc::new(first.schema.clone()));
        let of_each = |found: Vec<Found>| candidates.iter().map(|&(index, _)| index).zip(found).collect();
        match task {
            Task::Whole { candidate, .. } => {
                let own = candidates.iter().find(|(index, _)| *index == candidate);
                let whole = own.map(|(_, own)| fit(&by_schema(self.table), &own.params, &|_, _| {}));
                whole.map(|fitted| (candidate, Found::Whole(Box::new(fitted)))).into_iter().collect()
            }
            // A resample that cannot be trained says nothing; the whole then says why.
            Task::Resample { number, .. } => {
                let Some(drawn) = self.bootstraps.get(number) else { return Vec::new() };
                let segments = regroup(&by_schema(&self.table.drawn(drawn)), &params, self.share).unwrap_or_default();
                of_each(segments.into_iter().map(|segments| Found::Resample { number, segments }).collect())
            }
            Task::HeldOut { .. } => {
                let bits = self.held_out.bits(&by_schema(&self.held_out.table), &params, self.share);
                of_each(bits.into_iter().map(Found::HeldOut).collect())
            }
            Task::Null { .. } => {
                let bits = self.null.bits(&by_schema(&self.null.table), &params, self.share);
                of_each(bits.into_iter().map(Found::Null).collect())
            }
        }
    }
}

impl HeldOut {
    fn new(table: CustomerTable, draws: &mut Draws) -> Self {
        let (kept, left) = draws.split(&table.weights().collect::<Customers>());
        let codes = Codes::of(&table);
        Self { table, codes, kept, left }
    }

    /// What the segments that each of `params` finds among the kept customers tell of the others.
    fn bits(&self, table: &CustomerTable, params: &[&FitParams], share: f64) -> Vec<Bits> {
        let kept_share = self.kept.iter().map(|&n| f64::from(n)).sum::<f64>() / table.n_customers().max(1) as f64;
        let segments = regroup(&table.drawn(&self.kept), params, share * kept_share).unwrap_or_default();
        let bits = |segments: &Segments| {
            told(&self.codes, (&self.kept, &self.left), &segments.with_outside(), segments.n_segments + 1)
        };
        segments.iter().map(bits).collect()
    }
}
