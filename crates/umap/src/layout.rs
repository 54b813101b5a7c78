//! The layout: sampled gradient descent on the cross entropy between the fuzzy graph and the embedding.
//!
//! Algorithm 5 of McInnes, Healy, Melville 2018. As in umap-learn, a drawn edge moves both its ends by opposite steps,
//! so groups of vertices can drift as a whole. (Moving each vertex alone, against the positions at the start of the
//! epoch, is simpler and keeps neighbourhoods as well. But then the others hold a vertex back, groups hardly leave the
//! positions where they started, and clustering the map finds more of them.)
//!
//! To give the same bits on any number of threads, edges are drawn matching by matching. No vertex occurs twice in a
//! matching, so the order within it does not matter. Each thread draws the edges of a range of vertices, and waits, at
//! each matching, only for the threads that have not yet drawn earlier edges of the same vertices.
//!
//! The random vertices that push are some thousand at a time, at the positions that they have when they are chosen. So
//! a drawn edge reads no position that another thread moves. Others are chosen as soon as each vertex has moved once,
//! on average, which is a dozen times an epoch. (Once an epoch is too seldom: it takes 0.0003 and
//! 0.0002 from the trustworthiness of maps of 25,000 and 50,000 points, whose seeds differ by 0.00004.)
#![allow(unsafe_code, reason = "threads move different vertices of the same array; see `Layout::draw`")]
#![expect(clippy::indexing_slicing, reason = "vertices, matchings and members are counted from the same arrays")]

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use ndarray::{Array2, ArrayView2, s};

use super::curve::Curve;
use super::kernel::{Forces, Position};
use super::matchings::{Due, Edge, Matching, even_cuts};
use super::pairs::{Draws, Pairs, Pushing};
use super::params::UmapValidParams;
use super::random::{self, Purpose, mix64};
use super::shared_positions::SharedPositions;
use super::simd::Simd;
use super::team::{Member, work_together};

/// Fewer vertices are not worth a thread: it would draw less than a microsecond between two waits.
const LEAST_VERTICES: usize = 64;

/// Fewer points are laid out by one thread. It takes a second or two, and where several maps are made at a time, as in
/// a comparison of settings, threads of a team would wait for others that have no core.
pub const LEAST_POINTS: usize = 16_384;

/// Ranges of vertices, as many as a mask has bits, that threads are kept apart by.
const RANGES: u64 = 64;

/// The vertices that push at a time are an eighth of all, but at least this number or all.
const LEAST_PUSHING: usize = 4096;
/// The vertices that push at a time are at most this number, so that the second-level cache holds them.
const MOST_PUSHING: usize = 16_384;

/// Calls a function that is compiled for a fixed number of dimensions `D`: the next of 2, 4, 10 and 16, the rest being
/// zeros. Positions are whole registers of eight.
macro_rules! for_dimensions {
    ($n_components:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $n_components {
            0..=2 => $function::<2, 2>($($argument),*),
            3..=4 => $function::<4, 2>($($argument),*),
            5..=10 => $function::<10, 4>($($argument),*),
            _ => $function::<16, 4>($($argument),*),
        }
    };
}
pub(super) use for_dimensions;

/// Lays out the graph whose edges `matchings` are, from the positions `start`, `(n_points, n_components)`. The result
/// has the same shape.
pub(super) fn optimise(
    matchings: Vec<Matching>,
    start: ArrayView2<'_, f32>,
    curve: Curve,
    params: &UmapValidParams,
    progress: &(dyn Fn(f32) + Sync),
) -> Array2<f32> {
    for_dimensions!(start.ncols(), optimise_in(matchings, start, curve, params, progress))
}

fn optimise_in<const D: usize, const C: usize>(
    matchings: Vec<Matching>,
    start: ArrayView2<'_, f32>,
    curve: Curve,
    params: &UmapValidParams,
    progress: &(dyn Fn(f32) + Sync),
) -> Array2<f32> {
    let n_points = start.nrows();
    let is_large = n_points >= LEAST_POINTS;
    let wanted = if is_large { rayon::current_num_threads().min(n_points / LEAST_VERTICES) } else { 1 };
    let n_pushing = n_points.min((n_points / 8).clamp(LEAST_PUSHING, MOST_PUSHING));
    let layout = Layout::<C> {
        forces: Forces::new(curve, params, n_points),
        key: random::key(params.seed(), Purpose::FitSamples),
        simd: Simd::detect(),
        n_epochs: params.fit_epochs(n_points),
        learning_rate: params.learning_rate(),
        positions: SharedPositions::new(start),
        pushing: Pushing {
            vertices: (0..n_pushing).map(|_| AtomicU32::new(0)).collect(),
            positions: SharedPositions::new(start.slice(s![..n_pushing, ..])),
        },
        due: (0..wanted).map(|_| RwLock::default()).collect(),
        touched: (0..wanted).map(|_| matchings.iter().map(|_| AtomicU64::new(0)).collect()).collect(),
        matchings,
        progress,
    };
    let ranges =
        |size: usize| even_cuts(&layout.matchings, n_points, size).windows(2).map(|cuts| cuts[0]..cuts[1]).collect();
    work_together(wanted, ranges, |member, range| layout.work::<D>(member, &range));
    layout.positions.into_array(start.ncols())
}

/// What all threads of a layout share.
struct Layout<'a, const C: usize> {
    forces: Forces,
    key: u64,
    simd: Simd,
    n_epochs: usize,
    learning_rate: f32,
    matchings: Vec<Matching>,
    positions: SharedPositions<C>,
    pushing: Pushing<C>,
    /// The edges that are due and that each member keeps.
    due: Vec<RwLock<Due>>,
    /// The ranges that have ends of the edges that a member draws, `[member][matching]`.
    touched: Vec<Vec<AtomicU64>>,
    progress: &'a (dyn Fn(f32) + Sync),
}

/// What a member draws of a matching: whole eights of its own edges, and an eight that other members' edges fill up. So
/// the same edges are drawn together on any number of threads.
struct Part {
    /// Whether other vertices push from this matching on.
    renews: bool,
    /// Some of the member's due edges of the matching.
    whole: Range<usize>,
    /// The last eight, and how many of it there are.
    last: ([Edge; 8], usize),
    /// The number of the first eight, among those of the matching.
    first: u64,
}

/// The steps that a member reaches with each matching: it has drawn no more of those before, vertices that push are
/// chosen, and it has drawn all of this one.
const STEPS: u64 = 3;

impl<const C: usize> Layout<'_, C> {
    /// All epochs of one member, which keeps the edges whose left ends are about in `range`.
    fn work<const D: usize>(&self, member: &Member<'_>, range: &Range<u32>) {
        let own = || self.due[member.number()].write().unwrap_or_else(PoisonError::into_inner);
        *own() = Due::of_range(&self.matchings, range);
        let mut step = 0;
        for epoch in 0..self.n_epochs {
            own().find(&self.matchings, epoch, self.simd);
            member.meet(step + 1);
            let parts = self.parts(member);
            member.meet(step + 2);
            self.draw::<D>(member, epoch, &parts, step + 3);
            step += 3 + STEPS * self.matchings.len() as u64;
            member.meet(step);
            // Progress in steps of 2 %.
            if member.number() == 0 && (epoch + 1) * 50 / self.n_epochs > epoch * 50 / self.n_epochs {
                (self.progress)((epoch + 1) as f32 / self.n_epochs as f32);
            }
        }
    }

    /// What the member draws of each matching. Writes down which ranges of vertices that touches.
    fn parts(&self, member: &Member<'_>) -> Vec<Part> {
        let due = self.due.iter().take(member.team_size());
        let due: Vec<_> = due.map(|due| due.read().unwrap_or_else(PoisonError::into_inner)).collect();
        let (earlier, later) = due.split_at(member.number());
        let mut drawn = usize::MAX;
        let part = |matching: usize| {
            let lengths =
                |due: &[RwLockReadGuard<'_, Due>]| due.iter().map(|due| due.of(matching).len()).sum::<usize>();
            let before = lengths(earlier);
            let renews = drawn >= self.positions.len() / 2;
            drawn = if renews { 0 } else { drawn } + before + lengths(later);
            let own = later[0].of(matching);
            // The edges that fill up an eight of the members before.
            let taken = (before.next_multiple_of(8) - before).min(own.len());
            let rest = taken + (own.len() - taken) / 8 * 8;
            let mut last = ([Edge::default(); 8], 0);
            if rest < own.len() {
                let fill = later[1..].iter().flat_map(|due| due.of(matching));
                for (slot, &edge) in last.0.iter_mut().zip(own[rest..].iter().chain(fill)) {
                    *slot = edge;
                    last.1 += 1;
                }
            }
            if due.len() > 1 {
                let ranges = |edges: &[Edge]| edges.iter().fold(0, |ranges, edge| ranges | self.ranges(edge));
                let touched = ranges(&own[taken..rest]) | ranges(&last.0[..last.1]);
                self.touched[member.number()][matching].store(touched, Ordering::Relaxed);
            }
            Part { renews, whole: taken..rest, last, first: (before + taken).div_ceil(8) as u64 }
        };
        (0..self.matchings.len()).map(part).collect()
    }

    /// The ranges of vertices that have the ends of `edge`, one bit each.
    fn ranges(&self, edge: &Edge) -> u64 {
        let range = |vertex: u32| 1 << (u64::from(vertex) * RANGES / self.positions.len() as u64);
        range(edge.left) | range(edge.right)
    }

    /// Draws `parts`, one of each matching. The member reaches [`STEPS`] with each, from `first` on.
    fn draw<const D: usize>(&self, member: &Member<'_>, epoch: usize, parts: &[Part], first: u64) {
        let due = self.due[member.number()].read().unwrap_or_else(PoisonError::into_inner);
        let draws = Draws {
            forces: &self.forces,
            positions: &self.positions,
            pushing: &self.pushing,
            rate: rate(self.learning_rate, epoch, self.n_epochs),
        };
        let key = mix64(self.key ^ epoch as u64);
        // How many matchings each member is known to have drawn.
        let mut drawn = vec![0; member.team_size()];
        for (matching, part) in parts.iter().enumerate() {
            let (key, step) = (mix64(key ^ matching as u64), first + STEPS * matching as u64);
            if part.renews {
                member.meet(step);
                self.choose_pushing(member, key);
                member.meet(step + 1);
            }
            let (whole, last) = (&due.of(matching)[part.whole.clone()], &part.last.0[..part.last.1]);
            if whole.is_empty() && last.is_empty() {
                continue;
            }
            self.wait_for_ends(member, matching, first, &mut drawn);
            let after = part.first + (whole.len() / 8) as u64;
            for (edges, number) in [(whole, part.first), (last, after)] {
                // SAFETY: no vertex is twice in a matching, and each of its edges is in the part of one member. So
                // nobody draws another edge of these vertices in this matching. Those who draw one in an earlier
                // matching have finished it, by `wait_for_ends`; those who draw one in a later matching wait until this
                // member has reached the end of this one. The vertices that push are chosen between two
                // meetings of all.
                self.simd.run(unsafe { Pairs::<D, C>::new(&draws, edges, number, key) });
            }
            member.reach(step + 2);
        }
    }

    /// Chooses the member's part of the vertices that push.
    fn choose_pushing(&self, member: &Member<'_>, key: u64) {
        let Pushing { vertices, positions } = &self.pushing;
        let cut = |number: usize| vertices.len() * number / member.team_size();
        for slot in cut(member.number())..cut(member.number() + 1) {
            let vertex = if vertices.len() == self.positions.len() {
                slot as u32
            } else {
                (((mix64(!key ^ slot as u64) >> 32) * self.positions.len() as u64) >> 32) as u32
            };
            vertices[slot].store(vertex, Ordering::Relaxed);
            // SAFETY: all have met, and meet again before they go on. Until then nobody moves a vertex or is pushed,
            // and each member writes its own part.
            unsafe { positions.set(slot as u32, *self.positions.get(vertex)) };
        }
    }

    /// Waits until all members have drawn what they draw of matchings before `matching` in the ranges of vertices that
    /// this member touches in it. `drawn` is how many matchings each is known to have drawn.
    fn wait_for_ends(&self, member: &Member<'_>, matching: usize, first: u64, drawn: &mut [usize]) {
        let own = self.touched[member.number()][matching].load(Ordering::Relaxed);
        for (other, (drawn, touched)) in drawn.iter_mut().zip(&self.touched).enumerate() {
            if other == member.number() {
                continue;
            }
            let known =
                |reached: u64| ((reached.saturating_add(1).saturating_sub(first) / STEPS) as usize).min(matching);
            *drawn = known(member.wait_for(other, 0));
            let before = touched[*drawn..matching].iter().rposition(|ranges| ranges.load(Ordering::Relaxed) & own != 0);
            if let Some(before) = before {
                *drawn = known(member.wait_for(other, first + STEPS * (*drawn + before) as u64 + 2));
            }
        }
    }
}

/// The length of a step in `epoch`. It falls linearly; the first two epochs have the same, as in umap-learn.
pub(super) fn rate(learning_rate: f32, epoch: usize, n_epochs: usize) -> f32 {
    learning_rate * (1.0 - epoch.saturating_sub(1) as f32 / n_epochs as f32)
}

/// The rows of `embedding`, `(n_points, n_components)`, as positions.
pub(super) fn packed<const C: usize>(embedding: ArrayView2<'_, f32>) -> Vec<Position<C>> {
    let row = |row: ndarray::ArrayView1<'_, f32>| {
        let mut position = [[0.0; 4]; C];
        for (slot, &x) in position.as_flattened_mut().iter_mut().zip(row) {
            *slot = x;
        }
        position
    };
    embedding.outer_iter().map(row).collect()
}
