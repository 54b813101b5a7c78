//! A limit of memory for each input.
//!
//! A target installs [`Cap`] as its allocator. An allocation beyond the limit fails, as in a reader process, and the
//! standard library calls a hook: [`panic_when_out`] turns that into a panic whose stack shows the allocation.

use std::alloc::System;

use cap::Cap;

/// The allocator of a target.
pub type Allocator = Cap<System>;

/// An allocator that has no limit yet.
pub const fn allocator() -> Allocator {
    Cap::new(System, usize::MAX)
}

/// Runs `work` with at most so many bytes beyond those in use.
pub fn within<T>(allocator: &Allocator, n_bytes: usize, work: impl FnOnce() -> T) -> T {
    let _ = allocator.set_limit(allocator.allocated().saturating_add(n_bytes));
    let done = work();
    let _ = allocator.set_limit(usize::MAX);
    done
}

/// Makes a failed allocation panic instead of abort.
pub fn panic_when_out() {
    std::alloc::set_alloc_error_hook(|layout| panic!("memory allocation of {} bytes failed", layout.size()));
}
