//! The start of the layout: a spectral embedding of each component, scaled as in umap-learn.
#![expect(clippy::indexing_slicing, reason = "positions and components are indexed by their own numbers")]

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::fuzzy_graph::Graph;
use super::neighbour_search;
use super::points::Points;
use super::random::{self, Purpose, mix64, symmetric};
use super::spectral::leading_vectors;

/// The edge of the cube that the start fills.
const EXTENT: f64 = 10.0;
/// The standard deviation of the noise that separates points with equal neighbourhoods, where coordinates reach up to
/// [`EXTENT`].
const NOISE: f64 = 1e-4;
/// Up to this number of components, their centroids are embedded by all distances between them, which takes memory by
/// the square.
const MAX_PLACED_COMPONENTS: usize = 2000;

/// The start positions, `(n_points, n_components)`, each dimension from 0 to 10.
///
/// `points`, `(n_points, n_features)`, serve only to place several components by their centroids.
pub(super) fn positions(points: ArrayView2<'_, f32>, graph: &Graph, n_components: usize, seed: u64) -> Array2<f32> {
    let mut positions = spectral(points, graph, n_components, seed);
    let largest = positions.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let expansion = if largest > 0.0 { EXTENT / largest } else { 1.0 };
    let noise = random::key(seed, Purpose::Noise);
    positions.as_slice_mut().unwrap_or_default().par_iter_mut().enumerate().with_min_len(1024).for_each(|(i, x)| {
        *x = *x * expansion + NOISE * random::normal(noise, i as u64);
    });
    for mut column in positions.axis_iter_mut(Axis(1)) {
        let (low, high) = column.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
        let range = if high > low { high - low } else { 1.0 };
        column.mapv_inplace(|x| EXTENT * (x - low) / range);
    }
    positions.mapv(|x| x as f32)
}

/// Positions before they are scaled, `(n_points, dim)`. Several components are laid out around their centres.
fn spectral(points: ArrayView2<'_, f32>, graph: &Graph, dim: usize, seed: u64) -> Array2<f64> {
    let block_key = random::key(seed, Purpose::SpectralBlock);
    let scatter_key = random::key(seed, Purpose::Scatter);
    let n = graph.n_points();
    let (labels, count) = graph.components();
    if count == 1 {
        return one_component(graph, dim, block_key)
            .unwrap_or_else(|| Array2::from_shape_fn((n, dim), |(i, d)| symmetric(scatter_key, (i * dim + d) as u64)));
    }
    let mut members = vec![Vec::new(); count];
    for (i, &label) in labels.iter().enumerate() {
        members[label].push(i);
    }
    let centres = component_centres(points, &members, dim, seed);
    let radii = radii(&centres);
    let mut number = Vec::new();
    let mut positions = Array2::zeros((n, dim));
    for (label, members) in members.iter().enumerate() {
        let centre = centres.row(label);
        let radius = radii[label];
        // As in umap-learn: with fewer points than twice the dimensions, eigenvectors say little about a component.
        let inner = if members.len() < 2 * dim || members.len() <= dim + 1 {
            None
        } else {
            one_component(&graph.component(members, &mut number), dim, mix64(block_key ^ label as u64))
        };
        let largest = inner.iter().flatten().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (row, &i) in members.iter().enumerate() {
            for d in 0..dim {
                let offset = match &inner {
                    Some(inner) => inner[[row, d]] / largest.max(f64::MIN_POSITIVE),
                    None => symmetric(scatter_key, (i * dim + d) as u64),
                };
                positions[[i, d]] = centre[d] + radius * offset;
            }
        }
    }
    positions
}

/// The spectral embedding of a connected graph, `(n_points, dim)`; `None` if it is too small for so many dimensions.
fn one_component(graph: &Graph, dim: usize, key: u64) -> Option<Array2<f64>> {
    let vectors = leading_vectors(graph, dim, key)?;
    Some(Array2::from_shape_fn((graph.n_points(), dim), |(i, d)| vectors[d][i]))
}

/// The centre of each component, `(components of the graph, dim)`.
///
/// Up to `2 * dim` components are put on the axes, at 1 and −1. More are embedded by the distances between their
/// centroids. umap-learn's affinity `exp(-d²)` is 0 between any two components that are far apart, so distances are in
/// units of their mean here.
fn component_centres(points: ArrayView2<'_, f32>, members: &[Vec<usize>], dim: usize, seed: u64) -> Array2<f64> {
    let count = members.len();
    if count <= 2 * dim {
        let positive = count.div_ceil(2);
        return Array2::from_shape_fn((count, dim), |(c, d)| {
            if c % positive == d { if c < positive { 1.0 } else { -1.0 } } else { 0.0 }
        });
    }
    let key = random::key(seed, Purpose::Scatter);
    let placed = if count <= MAX_PLACED_COMPONENTS { embed_centroids(points, members, dim, key) } else { None };
    placed.unwrap_or_else(|| Array2::from_shape_fn((count, dim), |(c, d)| symmetric(mix64(key), (c * dim + d) as u64)))
}

/// A spectral embedding of the components' centroids, scaled to a largest coordinate of 1.
fn embed_centroids(points: ArrayView2<'_, f32>, members: &[Vec<usize>], dim: usize, key: u64) -> Option<Array2<f64>> {
    let count = members.len();
    let mut centroids = Array2::<f64>::zeros((count, points.ncols()));
    for (members, mut centroid) in members.iter().zip(centroids.outer_iter_mut()) {
        for &i in members {
            centroid.zip_mut_with(&points.row(i), |sum, &x| *sum += f64::from(x) / members.len() as f64);
        }
    }
    let distance = |a: usize, b: usize| {
        let differences = centroids.row(a).into_iter().zip(centroids.row(b)).map(|(x, y)| (x - y).powi(2));
        differences.sum::<f64>().sqrt()
    };
    let distances = Array2::from_shape_fn((count, count), |(a, b)| distance(a, b));
    let mean = distances.sum() / (count * (count - 1)) as f64;
    let affinity = |d: f64| (-(d / mean.max(f64::MIN_POSITIVE)).powi(2)).exp().max(1e-9) as f32;
    let row = |a: usize| (0..count).filter(|&b| b != a).map(|b| (b as u32, affinity(distances[[a, b]]))).collect();
    let centres = one_component(&Graph::from_rows((0..count).map(row).collect()), dim, mix64(key))?;
    let largest = centres.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    (largest > 0.0).then(|| centres / largest)
}

/// The radius of each component: half the distance from its centre to the nearest other one.
fn radii(centres: &Array2<f64>) -> Vec<f64> {
    if centres.nrows() <= MAX_PLACED_COMPONENTS {
        return (0..centres.nrows()).map(|label| distance_to_nearest(centres, label) / 2.0).collect();
    }
    let points = Points::new(centres.mapv(|x| x as f32).view());
    let nearest = neighbour_search::among(&points, 2, 0, &|_| {});
    nearest.distances.chunks_exact(2).map(|pair| f64::from(pair[1]) / 2.0).collect()
}

/// The distance from one centre to the nearest that differs from it; 1 if there is none.
fn distance_to_nearest(centres: &Array2<f64>, label: usize) -> f64 {
    let own = centres.row(label);
    let squared = centres.outer_iter().map(|other| (&other - &own).mapv(|x| x * x).sum()).filter(|&d| d > 0.0);
    let nearest = squared.fold(f64::INFINITY, f64::min);
    if nearest.is_finite() { nearest.sqrt() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(count: usize, size: usize) -> Graph {
        let row = |i: usize| {
            let (ring, place) = (i / size * size, i % size);
            let mut row = vec![(ring + (place + 1) % size) as u32, (ring + (place + size - 1) % size) as u32];
            row.sort_unstable();
            row.dedup();
            row.into_iter().map(|j| (j, 1.0)).collect()
        };
        Graph::from_rows((0..count * size).map(row).collect())
    }

    #[test]
    fn every_dimension_of_the_start_runs_from_zero_to_ten() {
        for (count, size) in [(1, 50), (2, 30), (9, 12), (40, 2), (2100, 2)] {
            let points = Array2::from_shape_fn((count * size, 2), |(i, d)| (i / size * (d + 3) % 11) as f32);
            let start = positions(points.view(), &rings(count, size), 3, 42);
            for column in start.columns() {
                let (low, high) = column.fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
                assert!(low == 0.0 && (high - 10.0).abs() < 1e-5, "{count} {size}: {low} {high}");
            }
        }
    }

    #[test]
    fn two_components_start_apart() {
        let start = positions(Array2::zeros((60, 2)).view(), &rings(2, 30), 2, 42);
        let middle = |from: usize| start.slice(ndarray::s![from..from + 30, 0]).sum() / 30.0;
        assert!((middle(0) - middle(30)).abs() > 4.0, "{} {}", middle(0), middle(30));
    }

    #[test]
    fn another_seed_gives_another_start_and_the_same_seed_the_same() {
        let start = |seed| positions(Array2::zeros((30, 2)).view(), &rings(1, 30), 2, seed);
        assert_eq!(start(1), start(1));
        assert_ne!(start(1), start(2));
    }
}
