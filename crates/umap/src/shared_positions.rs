//! The positions of a layout, which several threads move at the same time, each those of other vertices.
#![allow(unsafe_code, reason = "which thread has which vertices changes with each step, which no borrow can express")]

use std::cell::UnsafeCell;

use ndarray::{Array2, ArrayView2};

use super::kernel::Position;

/// A cache line. No position lies in two of them.
#[repr(align(64))]
struct Line(UnsafeCell<[[f32; 4]; 4]>);

/// Positions of up to `4 * C` dimensions; `C` is 1, 2 or 4.
pub(super) struct SharedPositions<const C: usize> {
    lines: Vec<Line>,
    len: usize,
}

// SAFETY: a shared reference lets nobody read or write a position, except by `get` and `set`, whose callers promise
// that no thread writes a position while another reads or writes it.
unsafe impl<const C: usize> Sync for SharedPositions<C> {}

impl<const C: usize> SharedPositions<C> {
    /// The rows of `embedding`, `(n_points, n_components)`, filled up with zeros.
    pub(super) fn new(embedding: ArrayView2<'_, f32>) -> Self {
        const { assert!(4 % C == 0) };
        let mut lines = Vec::new();
        lines.resize_with((embedding.nrows() * C).div_ceil(4), || Line(UnsafeCell::new([[0.0; 4]; 4])));
        let mut positions = Self { lines, len: embedding.nrows() };
        let quads = positions.lines.iter_mut().flat_map(|line| line.0.get_mut().chunks_exact_mut(C));
        for (quads, row) in quads.zip(embedding.outer_iter()) {
            for (slot, &x) in quads.as_flattened_mut().iter_mut().zip(row) {
                *slot = x;
            }
        }
        positions
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first `n_components` dimensions: `(n_points, n_components)`.
    pub(super) fn into_array(mut self, n_components: usize) -> Array2<f32> {
        let mut array = Array2::zeros((self.len, n_components));
        let quads = self.lines.iter_mut().flat_map(|line| line.0.get_mut().chunks_exact(C));
        for (mut row, quads) in array.outer_iter_mut().zip(quads) {
            row.iter_mut().zip(quads.as_flattened()).for_each(|(to, &x)| *to = x);
        }
        array
    }

    /// # Safety
    /// As long as the position is borrowed, no thread writes it.
    #[inline(always)]
    pub(super) unsafe fn get(&self, vertex: u32) -> &Position<C> {
        // SAFETY: the pointer is valid, and the caller promises that nobody writes.
        unsafe { &*self.place(vertex) }
    }

    /// # Safety
    /// While this runs, no other thread reads or writes the position, and none is borrowed.
    #[inline(always)]
    pub(super) unsafe fn set(&self, vertex: u32, position: Position<C>) {
        // SAFETY: the pointer is valid, and the caller promises that nobody else reads or writes.
        unsafe { *self.place(vertex) = position }
    }

    /// Where the position of `vertex` is: valid as long as `self` is.
    #[inline(always)]
    fn place(&self, vertex: u32) -> *mut Position<C> {
        let vertex = vertex as usize;
        assert!(vertex < self.len, "a vertex has a position");
        // A line is as large as its four groups of four, without anything between lines, and `UnsafeCell` adds nothing.
        let first = self.lines.as_ptr().cast_mut().cast::<Position<C>>();
        // SAFETY: `new` made lines for `len` positions, and `vertex` is below `len`.
        unsafe { first.add(vertex) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(n_components: usize) -> Array2<f32> {
        Array2::from_shape_fn((5, n_components), |(i, d)| (i * 100 + d) as f32)
    }

    #[test]
    fn positions_are_the_rows_and_return_as_them() {
        let (flat, deep) =
            (SharedPositions::<2>::new(numbered(3).view()), SharedPositions::<4>::new(numbered(10).view()));
        // SAFETY: there is no other thread.
        let (second, last) = unsafe { (*flat.get(1), *deep.get(4)) };
        assert_eq!(second, [[100.0, 101.0, 102.0, 0.0], [0.0; 4]]);
        assert_eq!(last[2], [408.0, 409.0, 0.0, 0.0]);
        // SAFETY: as above.
        unsafe { flat.set(3, [[7.0; 4]; 2]) };
        let mut expected = numbered(3);
        expected.row_mut(3).fill(7.0);
        assert_eq!(flat.into_array(3), expected);
        assert_eq!(deep.into_array(10), numbered(10));
    }

    #[test]
    fn no_position_lies_in_two_cache_lines() {
        let positions = SharedPositions::<2>::new(numbered(4).view());
        for vertex in 0..5 {
            let first = positions.place(vertex) as usize;
            assert_eq!(first / 64, (first + size_of::<Position<2>>() - 1) / 64);
        }
    }
}
